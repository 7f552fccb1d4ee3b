//! Rooms whose log cannot be followed for now: what is missing comes, or the time comes, or the
//! hub's agency comes back, or the device comes in anew.

use std::collections::BTreeSet;

use super::{
    Event,
    call::Call,
    keys,
    outbox::Item,
    rows::{self, DoubtRow, InvitationRow, JoinRow, RoomRow, SyncRow},
    session::Session,
};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::{AgencyId, RoomId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{self, device::Invitation},
};

/// Whether what is refused for this succeeds by itself, when a document or the time has come.
pub(super) fn passes(code: Code) -> bool {
    matches!(code, Code::MissingEvidence | Code::BadStamp)
}

/// Whether a room's log cannot be followed, and what keeps it from that is not expected to pass any more.
pub(super) fn is_lost(row: &RoomRow) -> bool {
    row.stalled > 0 && (row.ask_due == 0 || row.asked >= limits::EVIDENCE_ASKED)
}

/// When what waits for a suspended agency is looked at: when a list says that it is back, or gone (SPEC V-581).
pub(super) const WHEN_BACK: u64 = u64::MAX;

impl Call<'_, '_> {
    /// Whether a room's hub is not believed for now alone: until its agency is reinstated.
    pub(super) fn is_suspended(&self, hub: &AgencyId, code: Code) -> Result<bool> {
        if code != Code::SuspendedAgency {
            return Ok(false);
        }
        match self.directory.takes_part(&self.draft, hub, self.now()) {
            Err(error) if error.fails_the_call() => Err(error),
            Err(error) => Ok(error.code() == Code::SuspendedAgency),
            Ok(()) => Ok(false),
        }
    }

    /// Takes up what waited for an agency that was suspended: invitations of its hub, places in its rooms that
    /// the device has taken, and rooms that stand still (SPEC V-581).
    pub(super) fn is_back(&mut self, hub: &AgencyId) -> Result<()> {
        let soon = self.retry_at(0).as_millis();
        for (key, row) in self.draft.scan(&keys::invitations(), None, limits::INVITATIONS)? {
            let row: InvitationRow = rows::parse(&row, "invitation")?;
            let invitation: Invitation = wire::decode_body(&row.invitation.clone().into())?;
            if invitation.hub == *hub && row.due == WHEN_BACK {
                self.draft.expect_unchanged(key.clone())?;
                rows::write(&mut self.draft, key, &InvitationRow { due: soon, ..row });
            }
        }
        for (key, row) in self.draft.scan(&keys::all_joining(), None, limits::SYNC_ROOMS)? {
            let row: JoinRow = rows::parse(&row, "joining")?;
            if row.hub == hub.as_str() && row.due == WHEN_BACK {
                self.draft.expect_unchanged(key.clone())?;
                rows::write(&mut self.draft, key, &JoinRow { due: soon, ..row });
            }
        }
        let prefix = keys::rooms();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            if row.hub == hub.as_str() && row.ask_due == WHEN_BACK {
                let room = RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?;
                let mut session = self.open(&room)?;
                session.row.ask_due = soon;
                self.close(session)?;
            }
        }
        Ok(())
    }

    /// Which time it may be by the word of others than a hub: the own clock may be behind. A day later
    /// an agency has signed another list.
    pub(super) fn told_time(&self, hub: &AgencyId) -> Result<Timestamp> {
        let home = self.account.device.user.agency();
        let signed = self.directory.signed_time(&self.draft, Some(home).filter(|home| *home != hub))?;
        Ok(signed.plus(limits::REVOCATION_UPDATE))
    }

    /// Of these rooms, and of no others, the own server does not have what this device has processed: its
    /// store was put back to an earlier state, or the hub's. Nothing is made for them meanwhile, and the app is told once
    /// (SPEC V-576).
    pub(super) fn go_astray(&mut self, astray: &BTreeSet<RoomId>) -> Result<()> {
        let known = self.synced()?;
        if astray.is_empty() && !known.astray {
            return Ok(());
        }
        rows::write(&mut self.draft, keys::synced(), &SyncRow { astray: !astray.is_empty(), ..known });
        let prefix = keys::rooms();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            let room = RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?;
            if row.astray == astray.contains(&room) {
                continue;
            }
            let mut session = self.open(&room)?;
            session.row.astray = !row.astray;
            if session.row.astray {
                let next = session.row.seq.saturating_add(1);
                let error = Error::new(Code::BrokenLog, "the own server does not have what is here");
                self.stall(&mut session, next, error)?;
            } else {
                session.row.stalled = 0;
                self.drive(&mut session)?;
            }
            self.close(session)?;
        }
        Ok(())
    }

    /// Whether the own server's word that the device is not in a room says what became of a submission. A server whose store
    /// was put back says so too. That shows in the answer to a synchronisation, which is asked for; and what its log
    /// lacks has come by then, or does not come (SPEC V-464).
    pub(super) fn knows_rooms(&mut self, session: &Session<'_>, item: &mut Item) -> Result<bool> {
        let answers = self.synced()?.answers;
        if let Some(doubt) = &item.row.doubt {
            return Ok(!session.row.astray && doubt.answers <= answers && self.due(false, doubt.until));
        }
        self.sync()?; // what is answered after this was asked after this
        let until = self.now().plus(limits::LOST_AGAIN).as_millis();
        item.row.doubt = Some(DoubtRow { answers: answers.saturating_add(1), until });
        self.keep(&session.id, item);
        Ok(false)
    }

    /// The room cannot be followed past an entry: says so once, and tries again when more comes;
    /// what passes, a document that is missing or a time that has not come, it asks for again.
    pub(super) fn stall(&mut self, session: &mut Session<'_>, seq: u64, error: Error) -> Result<()> {
        if error.fails_the_call() {
            return Err(error);
        }
        session.row.stalled = seq;
        // Counted is how often it was asked for, not what came meanwhile and did not help.
        let asks = core::mem::take(&mut session.row.ask_due);
        let suspended = self.is_suspended(&session.hub()?, error.code())?;
        if suspended {
            session.row.ask_due = WHEN_BACK;
        } else if passes(error.code()) {
            session.row.ask_due = match self.due(false, asks) || asks == WHEN_BACK {
                true => self.retry_at(session.row.asked).as_millis(),
                false => asks,
            };
        }
        if session.was_stalled == seq {
            return Ok(());
        }
        self.event(&Event::RoomStalled { room: session.id, seq, code: error.code() })?;
        match session.row.declined {
            true => Ok(()),
            false => self.come_back(&session.id, &session.hub()?, error.code()),
        }
    }
}

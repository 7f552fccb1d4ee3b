//! Rooms whose log cannot be followed for now: what is missing comes, or the time comes, or the
//! device comes in anew.

use std::collections::BTreeSet;

use super::{
    Event,
    call::Call,
    keys,
    rows::{self, RoomRow, SyncRow},
    session::Session,
};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::{AgencyId, RoomId},
    limits,
    store::corrupt,
    time::Timestamp,
};

/// Whether what is refused for this succeeds by itself, when a document or the time has come.
pub(super) fn passes(code: Code) -> bool {
    matches!(code, Code::MissingEvidence | Code::BadStamp)
}

impl Call<'_, '_> {
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

    /// The room cannot be followed past an entry: says so once, and tries again when more comes;
    /// what passes, a document that is missing or a time that has not come, it asks for again.
    pub(super) fn stall(&mut self, session: &mut Session<'_>, seq: u64, error: Error) -> Result<()> {
        if error.fails_the_call() {
            return Err(error);
        }
        session.row.stalled = seq;
        session.row.ask_due = 0;
        if passes(error.code()) {
            session.row.ask_due = self.retry_at(session.row.asked).as_millis();
            session.row.asked = session.row.asked.saturating_add(1);
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

//! Founding rooms, and taking up invitations.

use super::{
    Event, Receipt,
    asked::Asking,
    call::Call,
    departure::Arrival,
    keys,
    reach::Admit,
    rows::{self, AwaitedRow, InvitationRow, JoinRow, Nothing, RoomRow, Work},
    stalled::{WHEN_BACK, passes},
};
use crate::{
    code::Code,
    crypto::mls::MlsSigner,
    error::{Error, Result, ensure},
    ids::{RequestId, RoomId, UserId},
    limits,
    room::{
        self, Policy, PrivateState, RoomKind, RoomState,
        log::Tail,
        member::{Joined, Joining, MemberRoom},
        mls_store::Known,
        submission::Parts,
    },
    time::Timestamp,
    wire::{
        self,
        device::{GetMaterial, Invitation, RequestBody},
        log::{RoomMaterial, SubmissionKind},
    },
};

/// How many answers may find the device at one place of a former stay before it gives up
/// reading to its end.
const WAITED: u32 = 6;

impl Call<'_, '_> {
    /// Founds a room at the own server, with the founder's other devices and whoever is invited.
    pub(super) fn create_room(
        &mut self,
        request: RequestId,
        (kind, policy, ends_at): (RoomKind, Policy, Option<Timestamp>),
        name: String,
        mut invite: Vec<UserId>,
    ) -> Result<Receipt> {
        ensure(name.len() <= limits::ROOM_NAME, Code::BadArgument, "name")?;
        ensure(policy.check().is_ok(), Code::BadArgument, "policy")?;
        let lasts = kind != RoomKind::Operation || ends_at.is_some_and(|end| end > self.now());
        ensure(lasts, Code::BadArgument, "an operation ends in the future")?;
        self.room_for_one_more()?;
        let account = self.account.clone();
        let id = RoomId::random(self.draft.rng());
        let private = PrivateState::new(self.draft.rng(), name);
        let hub = account.device.user.agency().clone();
        let begun = RoomState::begin((id, kind), &account.device.user, policy, private.hash());
        let state = RoomState { ends_at: ends_at.unwrap_or(Timestamp::ZERO), ..begun };
        ensure(self.governs(&state), Code::LastGovernor, "policy")?;
        let backend = self.backend(&id, Known::default())?;
        let credential = room::credential(&account.certificate, account.key.verify_key().as_bytes());
        let founded = MemberRoom::found(&backend.provider(), &MlsSigner(&account.key), credential, state);
        let (member, founding) = backend.check(founded)?;
        let row = RoomRow {
            term: 1,
            hub: hub.to_string(),
            private: private.encode().to_vec(),
            ..RoomRow::default()
        };
        let mut session = self.begin_room(backend, member, row)?;

        let mut item = self.enqueue(request, &id, Work::Create(Nothing {}))?;
        let parts = Parts {
            group_info: Some(founding.group_info),
            ratchet_tree: Some(founding.ratchet_tree),
            ..Default::default()
        };
        let (submission, bytes) = self.submit(&session, SubmissionKind::Create, parts)?;
        self.dispatch(&id, &mut item, submission.as_bytes(), bytes);

        // The founder's other devices come along whoever else is invited.
        let quiet = invite.is_empty();
        invite.push(account.device.user.clone());
        let work = Work::Invite(self.invite_work(invite, quiet)?);
        let mut invitation = self.enqueue(request, &id, work)?;
        session.row.changes = 1;
        self.claim(&id, &mut invitation)?;
        self.close(session)?;
        self.receipt(&request)?.ok_or(Error::new(Code::Bug, "receipt"))
    }

    /// Whether the founder may govern the room, which nobody need in a direct one.
    fn governs(&self, state: &RoomState) -> bool {
        state.kind == RoomKind::Direct || state.role(&self.account.device.user) >= state.policy.govern
    }

    /// As many rooms as one synchronisation names; of others the device would hear nothing.
    pub(super) fn room_for_one_more(&self) -> Result<()> {
        let rooms = self.draft.scan(&keys::rooms(), None, limits::SYNC_ROOMS)?;
        ensure(rooms.len() < limits::SYNC_ROOMS, Code::Quota, "rooms")
    }

    /// How many more invitations can be taken up now.
    pub(super) fn places_for_invitations(&self) -> Result<usize> {
        let taken = self.draft.scan(&keys::invitations(), None, limits::INVITATIONS)?;
        Ok(limits::INVITATIONS.saturating_sub(taken.len()))
    }

    /// Takes an invitation over from the inbox, if it fits, and asks for the tree that goes with it.
    pub(super) fn invited(&mut self, number: u64, invitation: &Invitation, fits: bool) -> Result<()> {
        let Ok((tail, _)) = Tail::at(&invitation.entry) else {
            return Ok(()); // into no room; what comes after it is not kept waiting
        };
        if invitation.welcome.is_none() {
            return self.came_in(invitation);
        }
        if !fits {
            return self.event(&Event::InvitationFailed { room: tail.room, code: Code::Quota });
        }
        let invitation = wire::encode_body(invitation).to_vec();
        self.take_up(number, InvitationRow { invitation, ..InvitationRow::default() })
    }

    /// Asks for what goes with an invitation.
    pub(super) fn take_up(&mut self, number: u64, row: InvitationRow) -> Result<()> {
        let request_id = self.random_id();
        let due = self.retry_at(0).as_millis();
        let row = InvitationRow { request_id: request_id.as_bytes().to_vec(), due, ..row };
        rows::write(&mut self.draft, keys::invitation(number), &row);
        self.await_answer(request_id.as_bytes(), &AwaitedRow { invitation: number, ..Default::default() });
        self.ask_material(&row)
    }

    pub(super) fn ask_material(&mut self, row: &InvitationRow) -> Result<()> {
        let invitation: Invitation = wire::decode_body(&row.invitation.clone().into())?;
        let (tail, _) = Tail::at(&invitation.entry)?;
        let get = GetMaterial { room: tail.room, seq: tail.seq };
        self.ask(RequestId::from_slice(&row.request_id)?, RequestBody::GetMaterial(get));
        Ok(())
    }

    /// Takes up an invitation. One that leads nowhere is told and dropped.
    pub(super) fn material(&mut self, number: u64, material: &RoomMaterial) -> Result<()> {
        let Some(row) = rows::read::<InvitationRow>(&self.draft, &keys::invitation(number), "invitation")?
        else {
            return Ok(());
        };
        let invitation: Invitation = wire::decode_body(&row.invitation.clone().into())?;
        let (tail, chained) = Tail::at(&invitation.entry)?;
        self.accept_evidence(&material.evidence)?;
        if !self.directory.has_lists(&self.draft, &tail.stamp)? {
            return self.sync(); // they come with the next delivery; asked again then
        }
        let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(&tail.room), "room")?;
        if let Some(here) = here.as_ref().filter(|here| here.seq < tail.seq)
            && self.reads_on(number, row.clone(), here)?
        {
            return self.sync();
        }
        // The device has come by this one or by a later one, or has been removed since.
        let past = here.as_ref().is_some_and(|here| here.seq >= tail.seq);
        if past || self.arrival(&tail)? != Arrival::After {
            self.drop_invitation(number, &row)?;
            if past || !self.shows_another_log(&invitation, &tail)? {
                return self.came_to_nothing(&row);
            }
            self.told_of_going_back(&tail.room)?;
            return self.invitation_failed(&row, tail.room, Code::RolledBack);
        }
        let before = self.draft.savepoint();
        self.drop_invitation(number, &row)?;
        let room = match &here {
            Some(here) => self.make_way(here, &invitation, &chained.entry),
            None => self.room_for_one_more(),
        };
        match room.and_then(|()| self.join(&row, &invitation, tail.clone(), &chained.entry, material)) {
            // Something may have been said since.
            Ok(None) => self.sync(),
            Ok(Some(asking)) => {
                self.draft.go_back(before);
                self.drop_invitation(number, &row)?;
                self.ask_user(number, row, &asking)
            }
            Err(error) if error.fails_the_call() => Err(error),
            Err(error) => {
                self.draft.go_back(before);
                if self.is_suspended(&invitation.hub, error.code())? {
                    let row = InvitationRow { due: WHEN_BACK, ..row };
                    self.draft.expect_unchanged(keys::invitation(number))?;
                    rows::write(&mut self.draft, keys::invitation(number), &row);
                    return Ok(());
                }
                let in_vain = row.lacking >= limits::EVIDENCE_ASKED && error.code() == Code::MissingEvidence;
                if passes(error.code()) && !in_vain {
                    return self.lacks_evidence(number, row);
                }
                self.drop_invitation(number, &row)?;
                self.has_gone_back(&tail.room, &error)?;
                self.not_let_in(&row, &invitation, &chained.entry, error.code())
            }
        }
    }

    /// An invitation did not let the device in. In the room it has a leaf all the same: if its user
    /// need not be asked, it comes in by itself, in the place of that leaf (SPEC V-495).
    fn not_let_in(
        &mut self,
        row: &InvitationRow,
        invitation: &Invitation,
        entry: &wire::log::LogEntry,
        code: Code,
    ) -> Result<()> {
        let inviter = &entry.header.claimed().sender.user;
        let admitted = code == Code::BadWelcome && self.admit(row, inviter)? == Admit::Enter;
        if !admitted {
            return self.invitation_failed(row, entry.room, code);
        }
        let invited = invitation.entry.to_vec();
        self.come_in(&entry.room, Some(&invitation.hub), JoinRow { invited, ..JoinRow::default() })
    }

    /// A document that the invitation needs is not at hand: it is asked for again with what
    /// goes with the invitation, each time later, and may come with other news meanwhile. So is one
    /// whose time has not come.
    fn lacks_evidence(&mut self, number: u64, mut row: InvitationRow) -> Result<()> {
        self.draft.expect_unchanged(keys::invitation(number))?;
        row.lacking = row.lacking.saturating_add(1);
        row.due = self.retry_at(row.lacking).as_millis();
        rows::write(&mut self.draft, keys::invitation(number), &row);
        self.sync()
    }

    /// Ends a stay of which the end cannot be read, for the next. Nobody must take the room's
    /// place who could not have brought the device back into it, as far as the device knows.
    fn make_way(
        &mut self,
        here: &RoomRow,
        invitation: &Invitation,
        entry: &wire::log::LogEntry,
    ) -> Result<()> {
        ensure(here.hub == invitation.hub.as_str(), Code::NotHub, "invitation")?;
        let inviter = &entry.header.claimed().sender.user;
        let session = self.open(&entry.room)?;
        let state = session.member.state();
        let roster = session.member.roster()?;
        room::may_invite(state, &roster, inviter, &self.account.device.user)?;
        let by = self.account.device.clone();
        self.event(&Event::Left { room: entry.room, seq: here.seq, by })?;
        self.fail_outbox(&session)
    }

    /// Whether the device is still to read how it left a room to which it is invited again;
    /// the invitation is asked for again then. Where the log cannot be followed to that
    /// place, because an entry cannot be processed or the server has no more of that stay,
    /// the new stay begins without.
    fn reads_on(&mut self, number: u64, mut row: InvitationRow, here: &RoomRow) -> Result<bool> {
        row.waited = if row.read == here.seq { row.waited.saturating_add(1) } else { 0 };
        row.read = here.seq;
        if here.stalled > 0 || row.waited > WAITED {
            return Ok(false);
        }
        self.draft.expect_unchanged(keys::invitation(number))?;
        rows::write(&mut self.draft, keys::invitation(number), &row);
        Ok(true)
    }

    /// The server does not have what goes with an invitation: it leads nowhere any more.
    pub(super) fn no_material(&mut self, number: u64, code: Code) -> Result<()> {
        if !matches!(code, Code::Expired | Code::UnknownRoom | Code::NotMember) {
            return Ok(()); // asked again when it is due
        }
        let row: Option<InvitationRow> = rows::read(&self.draft, &keys::invitation(number), "invitation")?;
        let Some(row) = row else { return Ok(()) };
        self.drop_invitation(number, &row)?;
        let invitation: Invitation = wire::decode_body(&row.invitation.clone().into())?;
        let (tail, _) = Tail::at(&invitation.entry)?;
        let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(&tail.room), "room")?;
        let past = here.is_some_and(|here| here.seq >= tail.seq);
        if past || self.arrival(&tail)? == Arrival::Before {
            self.came_to_nothing(&row)
        } else {
            self.invitation_failed(&row, tail.room, code)
        }
    }

    pub(super) fn drop_invitation(&mut self, number: u64, row: &InvitationRow) -> Result<()> {
        self.no_longer_awaited(&super::outbox::id16(&row.request_id)?);
        self.draft.delete(keys::invitation(number));
        Ok(())
    }

    /// Joins, unless the user is to be asked: then everything that was done up to there is to be
    /// undone, and what there is to ask comes back.
    fn join(
        &mut self,
        row: &InvitationRow,
        invitation: &Invitation,
        tail: Tail,
        entry: &wire::log::LogEntry,
        material: &RoomMaterial,
    ) -> Result<Option<Asking>> {
        self.confirm(&invitation.hub, &tail, invitation.head.clone())?;
        let id = tail.room;
        let account = self.account.clone();
        let backend = self.backend(&id, Known::default())?;
        backend.clear()?;
        let welcome = invitation.welcome.as_ref().ok_or(Error::new(Code::BadWelcome, "no welcome"))?;
        let joining =
            Joining { entry, welcome, ratchet_tree: &material.ratchet_tree, device: &account.device };
        let mut view = self.directory.view(&self.draft, &tail.stamp)?;
        let joined = MemberRoom::join(&backend.provider(), joining, &mut view);
        let Joined { room: member, private, inviter, package } = backend.check(joined)?;
        ensure(member.state().hub == invitation.hub, Code::BadWelcome, "another hub")?;
        self.check_epoch(&id, member.epoch(), false)?;
        let name = private.as_ref().map(|p| p.name.clone());
        let admit = self.admit(row, &inviter.user)?;
        if admit == Admit::Ask {
            let users = u64::try_from(member.roster()?.users().len()).unwrap_or(u64::MAX);
            let (kind, hub) = (member.state().kind, invitation.hub.clone());
            return Ok(Some(Asking { room: id, kind, name, by: inviter, hub, users }));
        }
        let declined_by = row.declined_by.clone();
        let row = RoomRow {
            declined: admit == Admit::Decline,
            term: tail.term,
            hub: invitation.hub.to_string(),
            private: private.map(|p| p.encode().to_vec()).unwrap_or_default(),
            active: true,
            begins: tail.seq,
            ..RoomRow::default()
        };
        let mut session = self.begin_room(backend, member, row)?;
        session.set_tail(&tail);
        self.draft.delete_prefix(keys::joined_in(&id));
        self.draft.delete(keys::departed(&id));
        self.was_brought_in(&id)?;
        if admit == Admit::Decline {
            self.leave_at_once(&mut session, &declined_by)?;
        }
        self.close(session)?;
        self.event(&Event::Joined { room: id, name, by: inviter.clone(), seq: tail.seq })?;
        self.check_claimed(id, &package, &inviter)?;
        Ok(None)
    }
}

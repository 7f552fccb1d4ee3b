//! Coming into rooms by oneself, from outside (SPEC "Coming in from outside"): a new device into
//! its user's rooms, a device that cannot follow a room's log any more, and whoever a room admits.
//!
//! The way in is asked for, a commit is made and submitted, and the log shows its place or another
//! commit was first. What the device holds of the room meanwhile stays as it was.

use core::time::Duration;

use bytes::Bytes;

use super::{
    Event, Output, Receipt,
    call::Call,
    departure::Arrival,
    keys,
    rows::{self, AwaitedRow, JoinRow, ReceiptRow, RoomRow},
    stalled::{WHEN_BACK, passes},
};
use crate::{
    code::{Code, Kind},
    crypto::{self, mls::MlsSigner},
    error::{Error, Result, ensure, holds},
    identity::{Told, read_signed_certificate},
    ids::{AgencyId, RequestId, RoomId, SubmissionId},
    limits,
    room::{
        self, PrivateState,
        log::Tail,
        member::{Entered, Entering, MemberRoom},
        submission::{self, Parts, Place},
    },
    store::corrupt,
    time::Timestamp,
    wire::{
        self, Signed,
        device::{DeviceMessage, Entrance, Failure, GetEntrance, Invitation, RequestBody, WayIn},
        log::{LogEntry, Refusal, SubmissionKind},
    },
};

/// How often a commit is made anew, or the way asked for anew, before that is given up: with the
/// pauses between, for about half an hour.
const TRIES: u32 = 12;
/// How long a device that was linked waits for the one that has linked it.
const BROUGHT: Duration = Duration::from_secs(60);
/// Within how many milliseconds after it got stuck a room is come into again, at random so that
/// not everybody does it at once.
const STUCK: u64 = 30_000;

impl Call<'_, '_> {
    /// The app wants to be in a room.
    pub(super) fn join_room(&mut self, request: RequestId, room: RoomId, hub: &AgencyId) -> Result<Receipt> {
        let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(&room), "room")?;
        ensure(here.is_none(), Code::AlreadyMember, "room")?;
        self.come_in(
            &room,
            Some(hub),
            JoinRow { request: request.as_bytes().to_vec(), ..JoinRow::default() },
        )?;
        self.note_join(request, room)
    }

    /// The app wants to come into a room anew: whatever has happened there meanwhile, it holds.
    pub(super) fn rejoin_room(&mut self, request: RequestId, room: RoomId) -> Result<Receipt> {
        let unknown = Error::new(Code::UnknownRoom, "room");
        let here: RoomRow = rows::read(&self.draft, &keys::room(&room), "room")?.ok_or(unknown)?;
        ensure(here.active && !here.declined, Code::UnknownRoom, "room")?;
        let hub = AgencyId::parse(&here.hub)?;
        self.come_in(
            &room,
            Some(&hub),
            JoinRow { request: request.as_bytes().to_vec(), ..JoinRow::default() },
        )?;
        self.note_join(request, room)
    }

    fn note_join(&mut self, request: RequestId, room: RoomId) -> Result<Receipt> {
        let at = self.now().as_millis();
        let receipt = ReceiptRow { room: room.as_bytes().to_vec(), at, ..ReceiptRow::default() };
        rows::write(&mut self.draft, keys::receipt(&request), &receipt);
        Ok(Receipt { room: Some(room), message: None })
    }

    /// Begins to come into a room, unless that has begun. Without a hub the own server knows it.
    pub(super) fn come_in(&mut self, room: &RoomId, hub: Option<&AgencyId>, row: JoinRow) -> Result<()> {
        self.draft.expect_unchanged(keys::joining(room))?;
        if let Some(under_way) = self.joining(room)? {
            // What the app asks for goes before what the engine does by itself.
            ensure(under_way.request.is_empty() || row.request.is_empty(), Code::BadArgument, "under way")?;
            if row.request.is_empty() {
                if under_way.brought {
                    let row = JoinRow { brought: false, cautious: row.cautious, ..under_way };
                    self.put_join(room, &row);
                }
                return Ok(());
            }
            let due = self.now().as_millis();
            let row = JoinRow { request: row.request, due, cautious: false, brought: false, ..under_way };
            self.put_join(room, &row);
            self.wake(self.now());
            return Ok(());
        }
        if rows::read::<RoomRow>(&self.draft, &keys::room(room), "room")?.is_none() {
            self.room_for_one_more()?;
        }
        let hub = hub.map(ToString::to_string).unwrap_or_default();
        let row = JoinRow { hub, ..row };
        match row.due {
            0 => self.ask_way(room, row),
            _ => {
                self.put_join(room, &row);
                Ok(())
            }
        }
    }

    /// The user's rooms, of which a device that was linked has been told. Whoever linked it brings it
    /// into them; where that one does not, it comes by itself (SPEC V-381).
    pub(super) fn come_into_linked(&mut self, rooms: &[Vec<u8>]) -> Result<()> {
        for room in rooms {
            let room = RoomId::from_slice(room)?;
            let here = self.draft.get(&keys::room(&room))?.is_some();
            if !here && holds(self.room_for_one_more())? {
                let at = self.now().plus(BROUGHT);
                self.wake(at);
                self.come_in(&room, None, JoinRow { due: at.as_millis(), ..JoinRow::default() })?;
            }
        }
        Ok(())
    }

    /// A room's log cannot be followed: the device comes in anew, by itself, where it is the
    /// device that cannot, and takes nothing on trust (SPEC V-496).
    pub(super) fn come_back(&mut self, room: &RoomId, hub: &AgencyId, code: Code) -> Result<()> {
        if !matches!(code, Code::Mls | Code::WrongEpoch) {
            return Ok(());
        }
        let due = self.soon(STUCK).as_millis();
        self.come_in(room, Some(hub), JoinRow { due, cautious: true, ..JoinRow::default() })
    }

    /// Somebody has brought the device in meanwhile. A commit that is under way may stand in the log all the same,
    /// and then it takes the place of this stay: it is kept until its fate is known (SPEC V-578).
    pub(super) fn was_brought_in(&mut self, room: &RoomId) -> Result<()> {
        let Some(mut row) = self.joining(room)? else { return Ok(()) };
        if !row.request.is_empty() {
            self.event(&Event::Done { request: RequestId::from_slice(&row.request)? })?;
        }
        if row.submission.is_empty() {
            return self.drop_join(room, &row);
        }
        self.draft.expect_unchanged(keys::joining(room))?;
        (row.request, row.brought) = (Vec::new(), true);
        self.put_join(room, &row);
        Ok(())
    }

    /// The log can be followed again.
    pub(super) fn stay(&mut self, room: &RoomId) -> Result<()> {
        match self.joining(room)? {
            Some(row) if row.request.is_empty() && row.submission.is_empty() => self.drop_join(room, &row),
            _ => Ok(()),
        }
    }

    fn joining(&self, room: &RoomId) -> Result<Option<JoinRow>> {
        rows::read(&self.draft, &keys::joining(room), "joining")
    }

    fn put_join(&mut self, room: &RoomId, row: &JoinRow) {
        rows::write(&mut self.draft, keys::joining(room), row);
    }

    /// Asks for the way in; the answer comes into the inbox.
    fn ask_way(&mut self, room: &RoomId, mut row: JoinRow) -> Result<()> {
        if row.asked.is_empty() {
            row.asked = self.random_id().as_bytes().to_vec();
        }
        row.due = self.retry_at(row.attempts).as_millis();
        self.put_join(room, &row);
        let id = RequestId::from_slice(&row.asked)?;
        let awaited = AwaitedRow { room: room.as_bytes().to_vec(), joins: true, ..Default::default() };
        self.await_answer(id.as_bytes(), &awaited);
        let hub = (!row.hub.is_empty()).then(|| AgencyId::parse(&row.hub)).transpose()?;
        self.ask(id, RequestBody::GetEntrance(GetEntrance { entrance_id: id, room: *room, hub }));
        Ok(())
    }

    /// The way in is here, or there is none.
    pub(super) fn entrance(&mut self, entrance: Entrance) -> Result<()> {
        let (room, id) = (entrance.room, entrance.entrance_id);
        let row = self.joining(&room)?.filter(|row| row.asked == id.as_bytes() && row.submission.is_empty());
        let Some(row) = row else { return Ok(()) };
        self.draft.expect_unchanged(keys::joining(&room))?;
        let way = match entrance.outcome {
            Ok(way) => way,
            Err(failure) => return self.no_way(&room, row, &failure.error(Code::Malformed, "way in")),
        };
        self.accept_evidence(&way.material.evidence)?;
        let before = self.draft.savepoint();
        match self.enter(&room, row.clone(), &way) {
            Err(error) if error.fails_the_call() => Err(error),
            Err(error) => {
                self.draft.go_back(before);
                self.has_gone_back(&room, &error)?;
                self.no_way(&room, row, &error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Makes the commit and submits it.
    fn enter(&mut self, room: &RoomId, mut row: JoinRow, way: &WayIn) -> Result<()> {
        let account = self.account.clone();
        let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(room), "room")?;
        let known = here.filter(|here| !here.private.is_empty());
        let known = known.map(|here| PrivateState::stored(&here.private).map(|p| p.hash())).transpose()?;
        let backend = self.joining_backend(room)?;
        backend.clear()?;
        let credential = room::credential(&account.certificate, account.key.verify_key().as_bytes());
        let hub = (!row.hub.is_empty()).then(|| AgencyId::parse(&row.hub)).transpose()?;
        let entering = Entering {
            room,
            hub: hub.as_ref(),
            group_info: &way.group_info,
            ratchet_tree: &way.material.ratchet_tree,
            device: &account.device,
            knows: known.as_ref().map(|hash| hash.as_bytes().as_slice()),
        };
        let mut view = self.directory.newest(&self.draft)?;
        let (provider, signer) = (backend.provider(), MlsSigner(&account.key));
        let entered = MemberRoom::enter(&provider, &signer, credential, entering, &mut view);
        let Entered { room: member, epoch, commit, group_info } = backend.check(entered)?;
        self.check_epoch(room, epoch, !row.request.is_empty())?;
        self.check_caution(room, &row, &member)?;
        if !row.invited.is_empty() {
            // It was somebody of the room who invited.
            let entry: LogEntry = wire::decode(&row.invited.clone().into())?;
            member.check_author(&entry.header)?;
        }
        row.hub = member.state().hub.to_string();
        let term = member.state().term;
        backend.close(&mut self.draft)?;

        // Whoever is there has the chain as far as the user's other devices show it, not this one.
        let user = &account.device.user;
        let missing = Error::new(Code::MissingEvidence, "user chain");
        let identity = self.directory.identity(&self.draft, user)?.ok_or(missing)?;
        let known = member.roster()?.chain_links_beside(&account.device, &identity);
        let (_, signer) = read_signed_certificate(&account.certificate)?;
        let own = [Told { user, identity: &identity, known, signer: Some(&signer) }];
        let evidence = self.directory.evidence_for(&self.draft, own, self.now())?;
        let id = SubmissionId::random(self.draft.rng());
        let (sender, counter) = (account.device.clone(), self.count_submission(id)?);
        let place = Place { room: *room, term, epoch, sender, counter, id };
        let parts = Parts { mls: commit, group_info: Some(group_info), evidence, ..Default::default() };
        let submission = submission::sign(place, SubmissionKind::Commit, parts, &account.key);
        let bytes = Self::submission(submission);
        self.not_asked(&row)?;
        row.submission = bytes.to_vec();
        row.submission_id = id.as_bytes().to_vec();
        (row.attempts, row.due) = (0, self.retry_at(0).as_millis());
        let awaited = AwaitedRow { room: room.as_bytes().to_vec(), joins: true, ..Default::default() };
        self.await_answer(id.as_bytes(), &awaited);
        self.put_join(room, &row);
        self.output(Output::send(bytes));
        Ok(())
    }

    /// By itself the engine takes nothing over that it could not check: what others may have done
    /// in the part of the log that the device cannot read, the user is to see first.
    fn check_caution(&mut self, room: &RoomId, row: &JoinRow, member: &MemberRoom) -> Result<()> {
        if !row.cautious {
            return Ok(());
        }
        let session = self.open(room)?;
        let (before, now) = (session.member.state(), member.state());
        let before =
            room::RoomState { private_hash: now.private_hash, shown: now.shown.clone(), ..before.clone() };
        ensure(before == *now, Code::NotPermitted, "the room's state changed meanwhile")?;
        let (there, here) = (session.member.roster()?, member.roster()?);
        let same = here.users().iter().all(|user| there.has_user(user));
        ensure(same, Code::NotPermitted, "somebody joined meanwhile")
    }

    /// There is no way in, or not now.
    fn no_way(&mut self, room: &RoomId, mut row: JoinRow, error: &Error) -> Result<()> {
        if row.brought {
            return self.drop_join(room, &row); // it is there without
        }
        self.forget_try(room, &mut row)?;
        let code = error.code();
        let passes = match code {
            Code::RolledBack => false,
            Code::WrongEpoch | Code::MissingEvidence | Code::SuspendedAgency | Code::Quota => true,
            _ => code.kind() != Kind::Refused,
        };
        row.tries = row.tries.saturating_add(1);
        if !passes || row.tries > TRIES {
            return self.not_in(room, &row, error);
        }
        let due = match (code, error.retry_at()) {
            (Code::WrongEpoch, _) => self.soon(1_000 << row.tries.min(8)),
            (_, None) => self.retry_at(row.tries),
            (_, Some(said)) => {
                let own = self.retry_at(row.tries);
                self.advised(own.max(said))
            }
        };
        row.due = due.as_millis();
        self.put_join(room, &row);
        Ok(())
    }

    /// A way in that was asked for before the device left is of no use after it: it is asked for anew.
    pub(super) fn asks_anew(&mut self, room: &RoomId) -> Result<()> {
        let asked = |row: &JoinRow| !row.asked.is_empty() && row.submission.is_empty();
        if let Some(mut row) = self.joining(room)?.filter(asked) {
            self.draft.expect_unchanged(keys::joining(room))?;
            self.forget_try(room, &mut row)?;
            self.ask_way(room, row)?;
        }
        Ok(())
    }

    /// It has come to nothing.
    fn not_in(&mut self, room: &RoomId, row: &JoinRow, error: &Error) -> Result<()> {
        self.drop_join(room, row)?;
        let code = error.code();
        match (row.request.is_empty(), !row.invited.is_empty()) {
            (false, _) => self.event(&Event::failed(RequestId::from_slice(&row.request)?, error)),
            (true, true) => self.event(&Event::InvitationFailed { room: *room, code }),
            (true, false) => self.event(&Event::NotJoined { room: *room, code }),
        }
    }

    /// Forgets what was asked or made.
    fn forget_try(&mut self, room: &RoomId, row: &mut JoinRow) -> Result<()> {
        self.not_asked(row)?;
        if !row.submission_id.is_empty() {
            self.no_longer_awaited(&super::outbox::id16(&row.submission_id)?);
        }
        self.draft.delete_prefix(keys::joining_mls(room));
        (row.asked, row.submission, row.submission_id) = (Vec::new(), Vec::new(), Vec::new());
        row.attempts = 0;
        Ok(())
    }

    fn not_asked(&mut self, row: &JoinRow) -> Result<()> {
        if !row.asked.is_empty() {
            self.no_longer_awaited(&super::outbox::id16(&row.asked)?);
        }
        Ok(())
    }

    fn drop_join(&mut self, room: &RoomId, row: &JoinRow) -> Result<()> {
        self.draft.expect_unchanged(keys::joining(room))?;
        self.forget_try(room, &mut row.clone())?;
        self.draft.delete(keys::joining(room));
        Ok(())
    }

    /// The hub did not take the commit; without its signature that is nothing.
    pub(super) fn entering_refused(&mut self, room: &RoomId, refusal: Signed<Refusal>) -> Result<()> {
        let id = *refusal.claimed().submission_id.as_bytes();
        let row = self.joining(room)?.filter(|row| row.submission_id == id && row.place.is_empty());
        let Some(row) = row else { return Ok(()) };
        if *room != refusal.claimed().room || refusal.claimed().sender != self.account.device {
            return Ok(());
        }
        let (hub, signer) = (AgencyId::parse(&row.hub)?, crypto::signer(&refusal)?);
        let key = self.directory.server_key(&self.draft, &hub, &signer, self.now());
        match key.and_then(|key| crypto::verify(refusal, &key)) {
            Err(error) if error.fails_the_call() => Err(error),
            Err(_) => Ok(()),
            Ok(refusal) => {
                self.draft.expect_unchanged(keys::joining(room))?;
                let failure = Failure { reason: refusal.reason, retry_at: refusal.retry_at };
                self.no_way(room, row, &failure.error(Code::Malformed, "submission"))
            }
        }
    }

    /// Whether an entry is the commit by which this device comes in.
    pub(super) fn comes_in_by(&self, room: &RoomId, entry: &LogEntry) -> Result<bool> {
        let header = entry.header.claimed();
        if header.kind != SubmissionKind::Commit || header.sender != self.account.device {
            return Ok(false);
        }
        let row = self.joining(room)?;
        Ok(row.is_some_and(|row| row.submission_id == header.submission_id.as_bytes()))
    }

    /// The own server did not pass something on.
    pub(super) fn entering_failed(&mut self, room: &RoomId, refused: &Error) -> Result<()> {
        let Some(row) = self.joining(room)? else { return Ok(()) };
        self.draft.expect_unchanged(keys::joining(room))?;
        let forgotten =
            matches!(refused.code(), Code::UnknownRoom | Code::NotMember) && !row.submission.is_empty();
        match forgotten {
            // The server does not remember any more that the way was asked for.
            true => self.no_way(room, row, &Error::new(Code::WrongEpoch, "way in")),
            false => self.no_way(room, row, refused),
        }
    }

    /// The log shows a commit by which this device has come in.
    pub(super) fn came_in(&mut self, invitation: &Invitation) -> Result<()> {
        let Ok((tail, chained)) = Tail::at(&invitation.entry) else { return Ok(()) };
        let (room, header) = (tail.room, chained.entry.header.claimed());
        if header.sender != self.account.device {
            return Ok(());
        }
        let made = |row: &JoinRow| row.submission_id == header.submission_id.as_bytes();
        match self.joining(&room)?.filter(made) {
            Some(row) => {
                self.draft.expect_unchanged(keys::joining(&room))?;
                let place = wire::encode_body(invitation).to_vec();
                let row = JoinRow { place, ..row };
                if row.brought && self.reads_up_to(&room, tail.seq)? {
                    // What it can read as it is there now, it reads first.
                    let due = self.retry_at(0).as_millis();
                    self.put_join(&room, &JoinRow { due, ..row });
                    return self.sync();
                }
                self.settle_in(&room, row)
            }
            None => {
                let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(&room), "room")?;
                let past =
                    here.is_some_and(|here| here.seq >= tail.seq) || self.arrival(&tail)? == Arrival::Before;
                // It has given that commit up, and is there without keys.
                if past { Ok(()) } else { self.come_in(&room, Some(&invitation.hub), JoinRow::default()) }
            }
        }
    }

    /// Whether the device is still to read a room's log up to an entry.
    fn reads_up_to(&self, room: &RoomId, seq: u64) -> Result<bool> {
        let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(room), "room")?;
        Ok(here.is_some_and(|here| here.stalled == 0 && here.seq.saturating_add(1) < seq))
    }

    /// Takes the place that the log shows, as soon as there is what everybody in the room can be
    /// checked with.
    fn settle_in(&mut self, room: &RoomId, mut row: JoinRow) -> Result<()> {
        let invitation: Invitation = wire::decode_body(&row.place.clone().into())?;
        let before = self.draft.savepoint();
        match self.take_place(room, &row, &invitation) {
            Err(error) if error.fails_the_call() => Err(error),
            Err(error) => {
                self.draft.go_back(before);
                if self.is_suspended(&invitation.hub, error.code())? {
                    self.put_join(room, &JoinRow { due: WHEN_BACK, ..row });
                    return Ok(());
                }
                let in_vain = row.lacking >= limits::EVIDENCE_ASKED && error.code() == Code::MissingEvidence;
                if !passes(error.code()) || in_vain {
                    self.has_gone_back(room, &error)?;
                    return self.not_in(room, &row, &error);
                }
                row.lacking = row.lacking.saturating_add(1);
                row.due = self.retry_at(row.lacking).as_millis();
                self.put_join(room, &row);
                self.sync()
            }
            Ok(()) => Ok(()),
        }
    }

    fn take_place(&mut self, room: &RoomId, row: &JoinRow, invitation: &Invitation) -> Result<()> {
        let (tail, chained) = Tail::at(&invitation.entry)?;
        let hub = AgencyId::parse(&row.hub)?;
        ensure(invitation.hub == hub, Code::NotHub, "entry")?;
        self.confirm(&hub, &tail, invitation.head.clone())?;
        self.check_place(&tail, !row.request.is_empty())?;
        let lists = self.directory.has_lists(&self.draft, &tail.stamp)?;
        ensure(lists, Code::MissingEvidence, "lists that the stamp names")?;
        // That it is the commit which was made here is believed only of what was signed here.
        let header = &chained.entry.header;
        crypto::verify(header.clone(), &self.account.key.verify_key())?;
        let DeviceMessage::Submission(made) = wire::decode(&Bytes::from(row.submission.clone()))? else {
            return Err(corrupt("submission"));
        };
        ensure(made.header.claimed() == header.claimed(), Code::BadSubmission, "another commit")?;

        let backend = self.joining_backend(room)?;
        let member = backend.check(MemberRoom::load(&backend.provider(), room))?;
        let member = member.ok_or(corrupt("joining without group"))?;
        let mut view = self.directory.view(&self.draft, &tail.stamp)?;
        member.check_leaves(&mut view)?;
        drop(view);
        let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(room), "room")?;
        let private = here.as_ref().map(|here| here.private.clone()).unwrap_or_default();
        let private = PrivateState::decode(&private, &member.state().private_hash).ok();
        let name = private.as_ref().map(|p| p.name.clone());
        let mut new = RoomRow {
            term: tail.term,
            hub: hub.to_string(),
            private: private.map(|p| p.encode().to_vec()).unwrap_or_default(),
            active: true,
            begins: here.as_ref().map_or(tail.seq, |here| here.begins),
            seq: tail.seq,
            hash: tail.hash.map(|h| h.as_bytes().to_vec()).unwrap_or_default(),
            stamp: wire::encode_body(&tail.stamp).to_vec(),
            retention: member.state().retention,
            ..RoomRow::default()
        };
        match &here {
            Some(here) => {
                self.carry_over(room, here, &member, &mut new)?;
                let (from_seq, to_seq) = (here.seq.saturating_add(1), tail.seq);
                self.event(&Event::Rejoined { room: *room, from_seq, to_seq })?;
            }
            None => {
                self.draft.delete_prefix(keys::joined_in(room));
                let by = self.account.device.clone();
                self.event(&Event::Joined { room: *room, name, by, seq: tail.seq })?;
            }
        }
        self.take_room(backend, member, &new)?;
        self.draft.delete(keys::departed(room));
        self.drop_join(room, row)?;
        if !row.request.is_empty() {
            self.event(&Event::Done { request: RequestId::from_slice(&row.request)? })?;
        }
        let mut session = self.open(room)?;
        self.drive(&mut session)?;
        self.close(session)?;
        self.sync()
    }

    /// Sends again what is unanswered.
    pub(super) fn remind_joins(&mut self, all: bool) -> Result<()> {
        let prefix = keys::all_joining();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let mut row: JoinRow = rows::parse(&row, "joining")?;
            let begun = !row.asked.is_empty() || !row.submission.is_empty();
            if !self.due(all && begun && row.place.is_empty(), row.due) {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            let room = RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("joining key"))?)?;
            self.draft.expect_unchanged(key)?;
            if !row.place.is_empty() {
                self.settle_in(&room, row)?;
                continue;
            }
            row.attempts = row.attempts.saturating_add(u32::from(begun));
            if row.submission.is_empty() {
                self.ask_way(&room, row)?;
                continue;
            }
            row.due = self.retry_at(row.attempts).as_millis();
            self.output(Output::send(Bytes::copy_from_slice(&row.submission)));
            self.put_join(&room, &row);
        }
        Ok(())
    }
}

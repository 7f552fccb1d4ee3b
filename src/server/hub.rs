//! The hub of a room: takes submissions into the log, or refuses them, once and for all.
//!
//! A message is taken on the room's summary rows alone; only commits, proposals and new
//! rooms need the public MLS group.

mod change;
mod group;
mod over;
mod turn;

use core::cell::Cell;
use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Output,
    call::Call,
    keys::{LinkKeys, RoomKeys},
    log::Place,
    rows::{self, DeviceName, FateRow, MemberRow, Pending, PendingEntry, PendingRow, RoomRow, unreadable},
};
use crate::{
    code::Code,
    crypto::{VerifyKey, sign},
    error::{Error, Result, ensure},
    ids::{AgencyId, Device, RoomId},
    limits,
    room::{RoomState, comes_from_outside, epoch_of, log::Chained, may_send, submission},
    store::{Value, corrupt},
    time::Timestamp,
    wire::{
        fields::raw,
        log::{Evidence, Refusal, Stamp, Submission, SubmissionHeader, SubmissionKind},
    },
};

pub(super) use change::material;
pub(super) use group::CachedRoom;

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Accepted,
    /// A signed refusal.
    Refused(Bytes),
}

/// Somebody's submission to a room that is ordered here.
pub(super) struct Submitted<'s> {
    pub(super) submission: &'s Submission,
    /// The key of an own device, with which it has been verified already.
    pub(super) verified: Option<VerifyKey>,
}

impl Call<'_, '_> {
    /// What became of a submission before; whatever happened since, it is the same (SPEC V-507).
    pub(super) fn fate(&self, header: &SubmissionHeader) -> Result<Option<Fate>> {
        let key = RoomKeys::of(&header.room).fate(&header.sender, &header.submission_id);
        let row = self.read::<FateRow>(&key)?;
        Ok(row.map(|fate| if fate.seq > 0 { Fate::Accepted } else { Fate::Refused(fate.refusal) }))
    }

    /// Decides about a submission that has no fate yet.
    ///
    /// # Errors
    /// What fails the call.
    pub(super) fn decide(&mut self, submitted: &Submitted<'_>) -> Result<Fate> {
        let header = submitted.submission.header.claimed();
        let fate_key = RoomKeys::of(&header.room).fate(&header.sender, &header.submission_id);
        let place = self.place(&header.room)?;
        let enters = match self.enters(submitted.submission, place.is_some()) {
            Ok(enters) => enters,
            Err(error) => return self.refusal(header, place.as_ref(), &error).map(Fate::Refused),
        };
        if !enters && let Err(error) = self.authenticate(submitted, place.is_some()) {
            return self.refusal(header, place.as_ref(), &error).map(Fate::Refused);
        }

        // From here on it is the device's own word, and its fate is kept. Whoever comes in from
        // outside brings in the commit what shows that it is.
        let shown = Cell::new(!enters || submitted.verified.is_some());
        self.guard_room(&header.room)?;
        let taken = self.attempt(|call| {
            let seq = match &place {
                Some(place) => call.next_entry(submitted.submission, place, enters.then_some(&shown))?,
                None => call.first_entry(submitted.submission)?,
            };
            // One that is too much is refused by itself, and not the frame in which it came.
            call.draft.check_size()?;
            Ok(seq)
        })?;
        match taken {
            Ok(seq) => {
                self.write(fate_key, &FateRow { seq, refusal: Bytes::new() });
                Ok(Fate::Accepted)
            }
            Err(error) => {
                // It may have been refused after the group in memory had moved on.
                self.cache.rooms.remove(&header.room);
                let refusal = self.refusal(header, place.as_ref(), &error)?;
                if !shown.get() {
                    return Ok(Fate::Refused(refusal));
                }
                if let Some(place) = &place {
                    self.is_late(header, place.epoch, &error)?;
                }
                let at = self.now().plus(limits::REFUSAL_KEPT);
                self.drop_later(at, &fate_key);
                self.write(fate_key, &FateRow { seq: 0, refusal: refusal.clone() });
                Ok(Fate::Refused(refusal))
            }
        }
    }

    /// Whether a submission is a commit by which its sender comes in from outside.
    fn enters(&self, submission: &Submission, known: bool) -> Result<bool> {
        let header = submission.header.claimed();
        let commits = known && header.kind == SubmissionKind::Commit;
        Ok(commits && comes_from_outside(&submission.mls, &header.room)?)
    }

    /// That the sender is who it says and is in the room (SPEC V-509 to V-511).
    fn authenticate(&mut self, submitted: &Submitted<'_>, known: bool) -> Result<()> {
        let key = self.sender_key(submitted, known)?;
        if submitted.verified.as_ref() == Some(&key) {
            return Ok(());
        }
        submission::verify(submitted.submission, &key)
    }

    /// The key that the sender has in the room; for a new room, that of its certificate.
    fn sender_key(&mut self, submitted: &Submitted<'_>, known: bool) -> Result<VerifyKey> {
        let header = submitted.submission.header.claimed();
        if !known {
            let creates = header.kind == SubmissionKind::Create;
            ensure(creates, Code::UnknownRoom, "submission")?;
            let foreign = Error::new(Code::NotPermitted, "room of a foreign device");
            return submitted.verified.clone().ok_or(foreign);
        }
        let member = self.draft.get(&RoomKeys::of(&header.room).member(&header.sender))?;
        let member = member.ok_or(Error::new(Code::NotMember, "submission"))?;
        self.stored_key(&rows::read::<MemberRow>(member)?.key)
    }

    /// Signs that a submission was not taken.
    fn refusal(&self, header: &SubmissionHeader, place: Option<&Place>, error: &Error) -> Result<Bytes> {
        if error.fails_the_call() {
            return Err(error.clone());
        }
        let refusal = Refusal {
            room: header.room,
            submission_id: header.submission_id,
            sender: header.sender.clone(),
            reason: error.code().into(),
            seq: place.map_or(0, |place| place.tail.seq),
            retry_at: error.retry_at().unwrap_or(Timestamp::ZERO),
        };
        Ok(sign(refusal, &[&self.own.key]).bytes().clone())
    }

    /// Takes a submission of a member of a room into its log (SPEC V-510 to V-514). Gives the place.
    fn next_entry(
        &mut self,
        submission: &Submission,
        place: &Place,
        enters: Option<&Cell<bool>>,
    ) -> Result<u64> {
        let header = submission.header.claimed();
        let row = self.room(&header.room)?.ok_or(corrupt("room"))?;
        ensure(row.hub == self.own.agency.as_str(), Code::NotHub, "submission")?;
        ensure(header.kind != SubmissionKind::Create, Code::RoomExists, "submission")?;
        ensure(!row.is_over(), Code::UnknownRoom, "nobody takes part")?;
        ensure(header.term == place.tail.term, Code::NotHub, "another term")?;
        ensure(header.epoch == place.epoch, Code::WrongEpoch, "submission")?;
        // V-513: not a passed epoch, which would be tried again, but a header of something else.
        let epoch = epoch_of(&submission.mls, &header.room, header.kind)?;
        ensure(epoch == header.epoch, Code::BadSubmission, "epoch")?;
        let stamp = self.stamp(Some(&place.tail.stamp), row.other_agencies()?)?;
        if enters.is_none() {
            self.check_sender(&header.room, &header.sender, &stamp)?;
        }
        match header.kind {
            SubmissionKind::Message => self.message(submission, place, &row, stamp),
            SubmissionKind::Proposal => self.proposal(submission, place, &row, stamp),
            SubmissionKind::Commit | SubmissionKind::Create => {
                self.commit(submission, place, row, stamp, enters)
            }
        }
    }

    fn message(
        &mut self,
        submission: &Submission,
        place: &Place,
        row: &RoomRow,
        stamp: Stamp,
    ) -> Result<u64> {
        let header = submission.header.claimed();
        let state = RoomState::decode(&row.state).map_err(unreadable)?;
        let member = self.member(&header.room, &header.sender)?;
        may_send(&state, &header.sender.user, member.archive, stamp.at)?;
        let chained = self.append(submission, place, place.epoch, stamp, Vec::new())?;
        self.pass_on(&chained, row, &row.other_agencies()?, &[])?;
        Ok(chained.entry.seq)
    }

    /// The circumstances of the next entry: nothing in them runs backwards. It names the
    /// newest lists of the agencies that have a device in the room (SPEC V-517).
    fn stamp(&self, before: Option<&Stamp>, others: Vec<AgencyId>) -> Result<Stamp> {
        let trust_version = self.directory.trust_version(&self.draft)?;
        let now = self.now();
        let mut stamp = match before {
            Some(before) => Stamp {
                at: now.max(before.at),
                trust_version: trust_version.max(before.trust_version),
                revocations: before.revocations.clone(),
            },
            None => Stamp { at: now, trust_version, revocations: Vec::new() },
        };
        self.name(&mut stamp, &self.own.agency)?;
        others.iter().try_for_each(|agency| self.name(&mut stamp, agency))?;
        Ok(stamp)
    }

    /// Names an agency's newest revocation list, if there is one.
    fn name(&self, stamp: &mut Stamp, agency: &AgencyId) -> Result<()> {
        stamp.name(agency, self.directory.revocation_version(&self.draft, agency)?);
        ensure(stamp.revocations.len() <= limits::ROOM_AGENCIES, Code::Quota, "revocation lists in a stamp")
    }

    /// What is noted of a device that is in a room.
    fn member(&self, room: &RoomId, device: &Device) -> Result<MemberRow> {
        let row = self.read::<MemberRow>(&RoomKeys::of(room).member(device))?;
        row.ok_or(Error::new(Code::NotMember, "submission"))
    }

    /// That the sender's certificate stands at the stamp, as every member will find (SPEC V-518), and
    /// that the device is still one of its user's (V-307).
    fn check_sender(&self, room: &RoomId, sender: &Device, stamp: &Stamp) -> Result<()> {
        let member = self.member(room, sender)?;
        self.active_at(sender.user.agency(), stamp.at)?;
        let valid = stamp.at < Timestamp::from_millis(member.not_after);
        ensure(valid, Code::Expired, "device certificate")?;
        self.directory.check_not_removed(&self.draft, sender)?;
        self.directory.check_not_revoked(&self.draft, sender, member.serial)
    }

    /// Writes the next entry.
    fn append(
        &mut self,
        submission: &Submission,
        place: &Place,
        epoch: u64,
        stamp: Stamp,
        evidence: Vec<Evidence>,
    ) -> Result<Chained> {
        let (tail, chained) = place.tail.append(submission, stamp)?;
        self.put_place(&Place { tail, epoch, beat: place.beat })?;
        self.put_entry(&chained, evidence);
        Ok(chained)
    }

    /// Queues an entry for other agencies: a reference for each, with those of its devices
    /// that the entry removes. Says that there is news.
    fn pass_on(&mut self, chained: &Chained, row: &RoomRow, to: &[AgencyId], gone: &[&Device]) -> Result<()> {
        let (room, seq) = (chained.entry.room, chained.entry.seq);
        self.note_departed(&room, seq, gone);
        for agency in to {
            // A commit names them in any order; the wire wants theirs.
            let departing: BTreeSet<_> =
                gone.iter().copied().filter(|one| one.user.agency() == agency).collect();
            let departing = departing.into_iter().map(DeviceName::of).collect();
            let entry = PendingEntry { room: raw(room.as_bytes()), seq, departing };
            self.queue(agency, (chained.entry.stamp.at, &room, seq), [0; 16], Pending::Entry(entry));
        }
        if row.present > 0 {
            self.output(Output::RoomReady(room));
        }
        Ok(())
    }

    /// Queues something for another agency. The order in which it goes is time, room, `order`.
    pub(super) fn queue(
        &mut self,
        agency: &AgencyId,
        (at, room, order): (Timestamp, &RoomId, u64),
        unique: [u8; 16],
        what: Pending,
    ) {
        let key = LinkKeys::with(agency).pending_at(at, room, order, &unique);
        self.write(key, &PendingRow { what: Some(what) });
        self.output(Output::LinkReady(agency.clone()));
    }

    /// Takes the room's guard. A message leaves the public group as it is, so what is cached
    /// of it stays good under the new stamp.
    fn guard_room(&mut self, room: &RoomId) -> Result<Value> {
        let stamps = self.draft.guard(RoomKeys::of(room).guard())?;
        if let Some(cached) = self.cache.rooms.get_mut(room) {
            cached.renew(stamps.old.as_ref(), &stamps.new);
        }
        Ok(stamps.new)
    }
}

//! The room's log: one total order of commits and messages, hash-chained, with signed heads
//! (SPEC "Log"). Hub, followers and devices each keep a [`Tail`] and extend it by the same rules.

use bytes::Bytes;

use super::submission;
use crate::{
    code::Code,
    crypto::{self, Label, Verified, VerifyKey, hash},
    error::{Result, ensure},
    ids::{AgencyId, Hash, RoomId},
    limits,
    time::Timestamp,
    wire::{
        self, Signed,
        log::{Head, LogEntry, RevocationVersion, Stamp, Submission, SubmissionKind},
    },
};

/// The last entry that somebody holds, and what the next one must connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) room: RoomId,
    pub(crate) term: u64,
    pub(crate) seq: u64,
    pub(crate) hash: Option<Hash>,
    pub(crate) stamp: Stamp,
}

/// An entry that connects to the tail before it. Whether it applies is for the room to say.
#[derive(Clone)]
pub(crate) struct Chained {
    pub(crate) entry: LogEntry,
    /// The entry's stamp, with the lists that earlier stamps named and that apply still.
    pub(crate) stamp: Stamp,
    pub(crate) bytes: Bytes,
    pub(crate) hash: Hash,
}

impl Tail {
    /// Before the first entry.
    pub(crate) fn begin(room: RoomId, term: u64) -> Self {
        let stamp = Stamp { at: Timestamp::ZERO, trust_version: 0, revocations: Vec::new() };
        Tail { room, term, seq: 0, hash: None, stamp }
    }

    /// At an entry that is vouched for otherwise: by the signed head that a joiner is given.
    pub(crate) fn at(bytes: &Bytes) -> Result<(Self, Chained)> {
        let entry: LogEntry = wire::decode(bytes)?;
        let (room, term, seq) = (entry.room, entry.term, entry.seq);
        let stamp = Stamp { revocations: Vec::new(), ..entry.stamp.clone() };
        let before = Tail { room, term, seq: seq.saturating_sub(1), hash: entry.previous, stamp };
        before.extend(bytes)
    }

    /// Checks that `bytes` is the next entry, and gives the tail after it.
    ///
    /// # Errors
    /// [`Code::BrokenLog`], [`Code::BadStamp`], [`Code::BadSubmission`] (V-501 to V-505).
    pub(crate) fn extend(&self, bytes: &Bytes) -> Result<(Self, Chained)> {
        self.chain(wire::decode(bytes)?, bytes)
    }

    /// As [`Tail::extend`], for an entry that was decoded from these bytes.
    pub(crate) fn chain(&self, entry: LogEntry, bytes: &Bytes) -> Result<(Self, Chained)> {
        ensure(entry.room == self.room, Code::BrokenLog, "room")?;
        ensure(Some(entry.seq) == self.seq.checked_add(1), Code::BrokenLog, "sequence number")?;
        ensure(entry.term == self.term, Code::BrokenLog, "term")?;
        ensure(entry.previous == self.hash, Code::BrokenLog, "previous hash")?;
        let header = entry.header.claimed();
        ensure(header.term == self.term, Code::BadSubmission, "another term")?;
        let creates = header.kind == SubmissionKind::Create;
        ensure(creates == (entry.seq == 1), Code::BadSubmission, "a log begins with the room")?;
        let stamp = entry.stamp.over(&self.stamp, names_all(header.kind))?;
        submission::check_logged(&entry.header, &entry.mls)?;
        let hash = entry_hash(bytes);
        let tail =
            Tail { room: self.room, term: self.term, seq: entry.seq, hash: Some(hash), stamp: stamp.clone() };
        Ok((tail, Chained { entry, stamp, bytes: bytes.clone(), hash }))
    }

    /// Makes the next entry: for the hub alone, which gives all lists that apply.
    pub(crate) fn append(&self, submission: &Submission, mut stamp: Stamp) -> Result<(Self, Chained)> {
        if !names_all(submission.header.claimed().kind) {
            stamp.revocations.retain(|named| named.version > self.stamp.revocations_of(&named.agency));
        }
        let entry = LogEntry {
            room: self.room,
            seq: self.seq.saturating_add(1),
            term: self.term,
            previous: self.hash,
            stamp,
            header: submission.header.clone(),
            mls: submission.mls.clone(),
        };
        self.extend(&wire::encode(&entry))
    }

    /// Checks that the hub's signed head is this tail (V-506), and not from before it: a head says
    /// when it was, and so nothing under it is later.
    ///
    /// # Errors
    /// [`Code::BadSignature`], [`Code::BadHead`].
    pub(crate) fn confirm(&self, head: Signed<Head>, key: &VerifyKey) -> Result<Verified<Head>> {
        let head = crypto::verify(head, key)?;
        let same = head.room == self.room
            && head.term == self.term
            && head.seq == self.seq
            && Some(head.hash) == self.hash;
        ensure(same, Code::BadHead, "head")?;
        ensure(self.stamp.at <= head.at, Code::BadHead, "head from before its entry")?;
        Ok(head)
    }
}

/// Whether stamps of such entries name all lists that apply, or what is newer alone: a commit
/// may be where somebody begins to read; messages are many, and stay small.
fn names_all(kind: SubmissionKind) -> bool {
    matches!(kind, SubmissionKind::Create | SubmissionKind::Commit)
}

impl Stamp {
    /// The version of an agency's revocation list that it names; 0: none.
    pub(crate) fn revocations_of(&self, agency: &AgencyId) -> u64 {
        let place = self.revocations.binary_search_by(|named| named.agency.cmp(agency)).ok();
        place.and_then(|place| self.revocations.get(place)).map_or(0, |named| named.version)
    }

    /// Names the version of a list, unless it names a newer one.
    pub(crate) fn name(&mut self, agency: &AgencyId, version: u64) {
        match self.revocations.binary_search_by(|named| named.agency.cmp(agency)) {
            Ok(place) => {
                if let Some(named) = self.revocations.get_mut(place) {
                    named.version = named.version.max(version);
                }
            }
            Err(place) if version > 0 => {
                self.revocations.insert(place, RevocationVersion { agency: agency.clone(), version });
            }
            Err(_) => {}
        }
    }

    /// All that applies at this stamp, which stands after `before`: nothing decreases (V-504).
    pub(super) fn over(&self, before: &Stamp, names_all: bool) -> Result<Stamp> {
        let later = self.at >= before.at && self.trust_version >= before.trust_version;
        ensure(later, Code::BadStamp, "stamp runs backwards")?;
        if names_all {
            let kept = |named: &RevocationVersion| self.revocations_of(&named.agency) >= named.version;
            ensure(before.revocations.iter().all(kept), Code::BadStamp, "older revocation list")?;
            return Ok(self.clone());
        }
        let mut all = Stamp { revocations: before.revocations.clone(), ..self.clone() };
        for named in &self.revocations {
            ensure(named.version > before.revocations_of(&named.agency), Code::BadStamp, "no news")?;
            all.name(&named.agency, named.version);
        }
        ensure(all.revocations.len() <= limits::ROOM_AGENCIES, Code::BadStamp, "too many revocation lists")?;
        Ok(all)
    }
}

/// The hash that chains an entry.
pub(crate) fn entry_hash(bytes: &Bytes) -> Hash {
    hash(Label::LOG_ENTRY, &[bytes])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::Error,
        identity::fixture::{key, user},
        ids::{Device, DeviceId, SubmissionId},
        room::submission::{Parts, Place},
    };

    const ROOM: RoomId = RoomId::from_bytes([1; 16]);

    fn submission(kind: SubmissionKind, term: u64) -> Submission {
        let sender = Device { user: user("anna@a.example"), id: DeviceId::from_bytes([2; 16]) };
        let id = SubmissionId::from_bytes([3; 16]);
        let place = Place { room: ROOM, term, epoch: 0, sender, counter: 1, id };
        let creates = kind == SubmissionKind::Create;
        let parts = Parts {
            mls: if creates { Bytes::new() } else { b"mls".as_slice().into() },
            group_info: names_all(kind).then(|| b"info".as_slice().into()),
            ratchet_tree: creates.then(|| b"tree".as_slice().into()),
            ..Parts::default()
        };
        submission::sign(place, kind, parts, &key(1))
    }

    const LISTS: &[(&str, u64)] = &[("a.example", 3)];

    fn stamp(at: u64, trust_version: u64, revocations: &[(&str, u64)]) -> Stamp {
        crate::identity::fixture::stamp(Timestamp::from_millis(at), trust_version, revocations)
    }

    /// A log of two entries.
    fn log() -> (Tail, Chained) {
        let create = submission(SubmissionKind::Create, 1);
        let (tail, _) = Tail::begin(ROOM, 1).append(&create, stamp(5, 2, &[("a.example", 3)])).unwrap();
        tail.append(&submission(SubmissionKind::Commit, 1), stamp(5, 2, &[("a.example", 3)])).unwrap()
    }

    /// The entry after the second, changed; and whether the tail takes it.
    fn next(change: impl FnOnce(&mut LogEntry)) -> Result<()> {
        let (tail, second) = log();
        let mut entry = LogEntry { seq: 3, previous: tail.hash, ..second.entry };
        change(&mut entry);
        tail.extend(&wire::encode(&entry)).map(|_| ())
    }

    fn code(result: Result<()>) -> Code {
        result.map_err(|error: Error| error.code()).unwrap_err()
    }

    #[test]
    fn entries_follow_each_other() {
        assert_eq!(next(|_| {}), Ok(()));
        let (tail, second) = log();
        assert_eq!(Tail::at(&second.bytes).unwrap().0, tail);
        assert_eq!(tail.hash, Some(hash(Label::LOG_ENTRY, &[&second.bytes])));
        // V-501
        assert_eq!(code(next(|entry| entry.term = 2)), Code::BrokenLog);
        let elsewhere = Tail { room: RoomId::from_bytes([9; 16]), ..tail.clone() };
        let third = LogEntry { seq: 3, previous: tail.hash, ..second.entry.clone() };
        let refused = elsewhere.extend(&wire::encode(&third)).map(|_| ());
        assert_eq!(code(refused), Code::BrokenLog);
        // V-502
        for seq in [2, 4, u64::MAX] {
            assert_eq!(code(next(|entry| entry.seq = seq)), Code::BrokenLog);
        }
        let full = Tail { seq: u64::MAX, ..tail };
        assert_eq!(code(full.extend(&wire::encode(&third)).map(|_| ())), Code::BrokenLog);
        // V-503
        assert_eq!(code(next(|entry| entry.previous = Some(Hash::from_bytes([0; 32])))), Code::BrokenLog);
    }

    /// SPEC V-504
    #[test]
    fn stamps_never_run_backwards() {
        let good: [&[(&str, u64)]; 3] =
            [&[("a.example", 3)], &[("a.example", 4)], &[("a.example", 3), ("b.example", 1)]];
        for revocations in good {
            assert_eq!(next(|entry| entry.stamp = stamp(6, 2, revocations)), Ok(()));
        }
        let bad = [
            stamp(4, 2, &[("a.example", 3)]),
            stamp(5, 1, &[("a.example", 3)]),
            stamp(5, 2, &[("a.example", 2)]),
            stamp(5, 2, &[("b.example", 9)]),
            stamp(5, 2, &[]),
        ];
        for stamp in bad {
            assert_eq!(code(next(|entry| entry.stamp = stamp)), Code::BadStamp);
        }
    }

    /// SPEC V-504
    #[test]
    fn stamps_of_messages_name_what_is_new() {
        let (tail, _) = log();
        let after = |revocations: &[(&str, u64)]| {
            let submission = submission(SubmissionKind::Message, 1);
            let entry = LogEntry {
                room: ROOM,
                seq: 3,
                term: 1,
                previous: tail.hash,
                stamp: stamp(6, 2, revocations),
                header: submission.header.clone(),
                mls: submission.mls.clone(),
            };
            tail.extend(&wire::encode(&entry)).map(|(tail, chained)| (tail.stamp, chained.stamp))
        };
        type Lists = &'static [(&'static str, u64)];
        let all: [(Lists, Lists); 3] = [
            (&[], &[("a.example", 3)]),
            (&[("a.example", 4)], &[("a.example", 4)]),
            (&[("b.example", 1)], &[("a.example", 3), ("b.example", 1)]),
        ];
        for (named, applies) in all {
            let applies = stamp(6, 2, applies);
            assert_eq!(after(named), Ok((applies.clone(), applies.clone())));
            let submission = submission(SubmissionKind::Message, 1);
            let (_, appended) = tail.append(&submission, applies).unwrap();
            assert_eq!(appended.entry.stamp, stamp(6, 2, named), "the hub leaves out what is known");
        }
        for named in [&[("a.example", 3)][..], &[("a.example", 2)]] {
            assert_eq!(code(after(named).map(|_| ())), Code::BadStamp);
        }
    }

    /// SPEC V-505
    #[test]
    fn an_entry_is_what_its_header_says() {
        let headed = |kind, term| {
            let submission = submission(kind, term);
            next(|entry| {
                (entry.header, entry.mls) = (submission.header, submission.mls);
                entry.stamp = stamp(6, 2, if kind == SubmissionKind::Message { &[] } else { LISTS });
            })
        };
        assert_eq!(headed(SubmissionKind::Message, 1), Ok(()));
        assert_eq!(code(headed(SubmissionKind::Message, 2)), Code::BadSubmission);
        assert_eq!(code(headed(SubmissionKind::Create, 1)), Code::BadSubmission);
        assert_eq!(code(next(|entry| entry.mls = b"other".as_slice().into())), Code::BadSubmission);
        let first = Tail::begin(ROOM, 1).append(&submission(SubmissionKind::Message, 1), stamp(5, 2, &[]));
        assert_eq!(first.err().map(|error| error.code()), Some(Code::BadSubmission));
    }

    /// SPEC V-506
    #[test]
    fn a_head_is_the_hubs_word_for_one_place() {
        let (tail, _) = log();
        let head = Head {
            room: ROOM,
            term: 1,
            seq: 2,
            hash: tail.hash.unwrap(),
            at: Timestamp::from_millis(5),
            incarnation: crate::ids::IncarnationId::from_bytes([4; 16]),
        };
        let confirmed = |head: Head, by: u8| {
            let signed = crypto::sign(head, &[&key(by)]).into_signed();
            tail.confirm(signed, &key(1).verify_key()).map(|_| ())
        };
        assert_eq!(confirmed(head.clone(), 1), Ok(()));
        assert_eq!(code(confirmed(head.clone(), 2)), Code::BadSignature);
        let others = [
            Head { room: RoomId::from_bytes([9; 16]), ..head.clone() },
            Head { term: 2, ..head.clone() },
            Head { seq: 1, ..head.clone() },
            Head { hash: Hash::from_bytes([0; 32]), ..head.clone() },
            // Its last entry is stamped with 5.
            Head { at: Timestamp::from_millis(4), ..head },
        ];
        for other in others {
            assert_eq!(code(confirmed(other, 1)), Code::BadHead);
        }
    }
}

//! The room's log: one total order of commits and messages, hash-chained, with signed heads
//! (SPEC "Log"). Hub, followers and devices each keep a [`Tail`] and extend it by the same rules.

use bytes::Bytes;

use super::submission;
use crate::{
    code::Code,
    crypto::{self, Label, Verified, VerifyKey, hash},
    error::{Result, ensure},
    ids::{Hash, RoomId},
    time::Timestamp,
    wire::{
        self, Signed,
        log::{Head, LogEntry, Stamp, Submission, SubmissionKind},
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
        let (room, term, seq, stamp) = (entry.room, entry.term, entry.seq, entry.stamp.clone());
        let before = Tail { room, term, seq: seq.saturating_sub(1), hash: entry.previous, stamp };
        before.extend(bytes)
    }

    /// Checks that `bytes` is the next entry, and gives the tail after it.
    ///
    /// # Errors
    /// [`Code::BrokenLog`], [`Code::BadStamp`], [`Code::BadSubmission`] (V-501 to V-505).
    pub(crate) fn extend(&self, bytes: &Bytes) -> Result<(Self, Chained)> {
        let entry: LogEntry = wire::decode(bytes)?;
        ensure(entry.room == self.room, Code::BrokenLog, "room")?;
        ensure(Some(entry.seq) == self.seq.checked_add(1), Code::BrokenLog, "sequence number")?;
        ensure(entry.term == self.term, Code::BrokenLog, "term")?;
        ensure(entry.previous == self.hash, Code::BrokenLog, "previous hash")?;
        ensure(entry.stamp.follows(&self.stamp), Code::BadStamp, "stamp runs backwards")?;
        let header = entry.header.claimed();
        ensure(header.term == self.term, Code::BadSubmission, "another term")?;
        let creates = header.kind == SubmissionKind::Create;
        ensure(creates == (entry.seq == 1), Code::BadSubmission, "a log begins with the room")?;
        submission::check_logged(&entry.header, &entry.mls)?;
        let hash = entry_hash(bytes);
        let tail = Tail {
            room: self.room,
            term: self.term,
            seq: entry.seq,
            hash: Some(hash),
            stamp: entry.stamp.clone(),
        };
        Ok((tail, Chained { entry, bytes: bytes.clone(), hash }))
    }

    /// Makes the next entry: for the hub alone.
    pub(crate) fn append(&self, submission: &Submission, stamp: Stamp) -> Result<(Self, Chained)> {
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

    /// Checks that the hub's signed head is this tail (V-506).
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
        Ok(head)
    }
}

impl Stamp {
    /// Whether a stamp may stand after `before`: nothing in it decreases (V-504).
    pub(crate) fn follows(&self, before: &Stamp) -> bool {
        let version = |agency| self.revocations.iter().find(|r| r.agency == agency).map_or(0, |r| r.version);
        self.at >= before.at
            && self.trust_version >= before.trust_version
            && before.revocations.iter().all(|r| version(r.agency.clone()) >= r.version)
    }
}

/// The hash that chains an entry.
pub(crate) fn entry_hash(bytes: &Bytes) -> Hash {
    hash(Label::LOG_ENTRY, &[bytes])
}

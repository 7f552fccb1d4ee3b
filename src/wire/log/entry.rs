//! What a room's log holds, and what goes with it.

use bytes::Bytes;

use super::{Evidence, SubmissionHeader};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{AgencyId, Hash, RoomId},
    limits,
    time::Timestamp,
    wire::{Signed, Wire, field, fields, proto, repeated},
};

/// The circumstances under which the hub took an entry. They, and nobody's clock, decide validity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: Timestamp,
    /// From 1.
    pub(crate) trust_version: u64,
    /// Ordered by agency.
    pub(crate) revocations: Vec<RevocationVersion>,
}

/// The version of one agency's revocation list, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationVersion {
    pub(crate) agency: AgencyId,
    pub(crate) version: u64,
}

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) room: RoomId,
    /// Its place, from 1, without gaps.
    pub(crate) seq: u64,
    /// The hub's term, from 1.
    pub(crate) term: u64,
    /// The hash of the entry before it; `None` exactly in entry 1.
    pub(crate) previous: Option<Hash>,
    pub(crate) stamp: Stamp,
    /// For the same room.
    pub(crate) header: Signed<SubmissionHeader>,
    /// Empty for [`super::SubmissionKind::Create`].
    pub(crate) mls: Bytes,
}

/// A log entry with what is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogItem {
    /// The encoded [`LogEntry`], which the log's hash chain covers.
    pub(crate) entry: Bytes,
    pub(crate) evidence: Vec<Evidence>,
}

/// What a joiner needs beside its Welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomMaterial {
    pub(crate) ratchet_tree: Bytes,
    pub(crate) evidence: Vec<Evidence>,
}

impl Wire for Stamp {
    type Proto = proto::Stamp;
    const MAX: usize = limits::LOG_ENTRY;
    const NAME: &'static str = "stamp";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let bounds = (0, limits::ROOM_AGENCIES);
        let revocations = repeated(proto.revocations, bounds, "revocations", RevocationVersion::parse)?;
        fields::ascending(&revocations, |r| &r.agency, "revocations are not in order")?;
        Ok(Stamp {
            at: Timestamp::from_millis(proto.at),
            trust_version: fields::positive(proto.trust_version, "trust version")?,
            revocations,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Stamp {
            at: self.at.as_millis(),
            trust_version: self.trust_version,
            revocations: fields::protos(&self.revocations),
        }
    }
}

impl Wire for RevocationVersion {
    type Proto = proto::RevocationVersion;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "revocation version";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(RevocationVersion {
            agency: AgencyId::parse(&proto.agency)?,
            version: fields::positive(proto.version, "revocation version")?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::RevocationVersion { agency: self.agency.to_string(), version: self.version }
    }
}

impl Wire for LogEntry {
    type Proto = proto::LogEntry;
    const MAX: usize = limits::LOG_ENTRY;
    const NAME: &'static str = "log entry";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let room = RoomId::from_slice(&proto.room)?;
        let seq = fields::positive(proto.seq, "seq")?;
        let previous = fields::optional_id(&proto.previous, Hash::from_slice)?;
        ensure(previous.is_none() == (seq == 1), Code::BadField, "previous entry")?;
        let header = Signed::<SubmissionHeader>::decode(&proto.header)?;
        ensure(header.claimed().room == room, Code::BadField, "submission is for another room")?;
        let mls = header.claimed().kind.mls(proto.mls)?;
        let term = fields::positive(proto.term, "term")?;
        let stamp = Stamp::parse(field(proto.stamp, "stamp")?)?;
        Ok(LogEntry { room, seq, term, previous, stamp, header, mls })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LogEntry {
            room: fields::raw(self.room.as_bytes()),
            seq: self.seq,
            term: self.term,
            previous: self.previous.map(|h| fields::raw(h.as_bytes())).unwrap_or_default(),
            stamp: Some(self.stamp.to_proto()),
            header: self.header.bytes().clone(),
            mls: self.mls.clone(),
        }
    }
}

impl Wire for LogItem {
    type Proto = proto::LogItem;
    const MAX: usize = limits::SUBMISSION;
    const NAME: &'static str = "log item";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(LogItem {
            entry: fields::filled(proto.entry, limits::LOG_ENTRY, "log entry")?,
            evidence: repeated(proto.evidence, (0, limits::EVIDENCE), "evidence", Evidence::parse)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LogItem { entry: self.entry.clone(), evidence: fields::protos(&self.evidence) }
    }
}

impl Wire for RoomMaterial {
    type Proto = proto::RoomMaterial;
    const MAX: usize = limits::ROOM_MATERIAL;
    const NAME: &'static str = "room material";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(RoomMaterial {
            ratchet_tree: fields::filled(proto.ratchet_tree, limits::RATCHET_TREE, "ratchet tree")?,
            evidence: repeated(proto.evidence, (0, limits::EVIDENCE), "evidence", Evidence::parse)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        let evidence = fields::protos(&self.evidence);
        proto::RoomMaterial { ratchet_tree: self.ratchet_tree.clone(), evidence }
    }
}

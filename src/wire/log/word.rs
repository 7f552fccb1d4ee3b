//! What a hub says of its log, over its signature.

use crate::{
    error::Result,
    ids::{Device, Hash, IncarnationId, RoomId, SubmissionId},
    limits,
    time::Timestamp,
    wire::{Wire, fields, fields::Reason, proto},
};

/// The state of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) room: RoomId,
    /// From 1.
    pub(crate) term: u64,
    /// The place of the last entry, from 1.
    pub(crate) seq: u64,
    /// The hash of that entry.
    pub(crate) hash: Hash,
    /// When it was signed.
    pub(crate) at: Timestamp,
    /// The life of the hub's store.
    pub(crate) incarnation: IncarnationId,
}

/// A submission that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) room: RoomId,
    pub(crate) submission_id: SubmissionId,
    /// Whose submission it was.
    pub(crate) sender: Device,
    pub(crate) reason: Reason,
    /// The place of the log's last entry at that time; 0 if there is no such room.
    pub(crate) seq: u64,
    /// Not again before; [`Timestamp::ZERO`]: no bound.
    pub(crate) retry_at: Timestamp,
}

impl Wire for Head {
    type Proto = proto::Head;
    const MAX: usize = limits::HEAD;
    const NAME: &'static str = "head";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(Head {
            room: RoomId::from_slice(&proto.room)?,
            term: fields::positive(proto.term, "term")?,
            seq: fields::positive(proto.seq, "seq")?,
            hash: Hash::from_slice(&proto.hash)?,
            at: Timestamp::from_millis(proto.at),
            incarnation: IncarnationId::from_slice(&proto.incarnation)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Head {
            room: fields::raw(self.room.as_bytes()),
            term: self.term,
            seq: self.seq,
            hash: fields::raw(self.hash.as_bytes()),
            at: self.at.as_millis(),
            incarnation: fields::raw(self.incarnation.as_bytes()),
        }
    }
}

impl Wire for Refusal {
    type Proto = proto::Refusal;
    const MAX: usize = limits::REFUSAL;
    const NAME: &'static str = "refusal";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(Refusal {
            room: RoomId::from_slice(&proto.room)?,
            submission_id: SubmissionId::from_slice(&proto.submission_id)?,
            sender: fields::device(&proto.user, &proto.device)?,
            reason: Reason::parse(proto.code)?,
            seq: proto.seq,
            retry_at: Timestamp::from_millis(proto.retry_at),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Refusal {
            room: fields::raw(self.room.as_bytes()),
            submission_id: fields::raw(self.submission_id.as_bytes()),
            user: self.sender.user.to_string(),
            device: fields::raw(self.sender.id.as_bytes()),
            code: self.reason.number().into(),
            seq: self.seq,
            retry_at: self.retry_at.as_millis(),
        }
    }
}

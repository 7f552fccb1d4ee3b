//! What a server answers a device. Nothing in it needs to be believed: all that matters is
//! signed by those whom it concerns.

use super::{BlobInfo, BlobStates, Delivery, Directory, LinkLetter, blob};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::RequestId,
    limits,
    time::Timestamp,
    wire::{
        Reason, Signed, Wire, field, fields,
        log::{Refusal, RoomMaterial},
        proto,
    },
};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerReply {
    /// The request's id, or the bytes of a submission's.
    pub(crate) request_id: RequestId,
    pub(crate) body: ReplyBody,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReplyBody {
    Failure(Failure),
    Done,
    /// So many one-time key packages are kept.
    Stock(u32),
    Delivery(Delivery),
    Material(RoomMaterial),
    /// The submission is on its way to the hub.
    Queued,
    Refusal(Box<Signed<Refusal>>),
    BlobInfo(BlobInfo),
    /// The chunk of this index travels beside.
    BlobChunk(u64),
    BlobStates(BlobStates),
    /// The attachment is being fetched from its origin, or the mailbox is empty; ask again.
    Pending,
    Letter(LinkLetter),
    /// The own agency's.
    Directory(Directory),
}

/// Not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    /// Not again before; [`Timestamp::ZERO`]: no advice.
    pub(crate) retry_at: Timestamp,
}

impl Failure {
    /// What somebody is told of an error.
    pub(crate) fn of(error: &Error) -> Self {
        let retry_at = error.retry_at().unwrap_or(Timestamp::ZERO);
        Failure { reason: error.code().into(), retry_at }
    }

    /// The error of which somebody was told; `unknown` stands for a code that is not known here.
    pub(crate) fn error(&self, unknown: Code, context: &'static str) -> Error {
        let error = Error::new(self.reason.code().unwrap_or(unknown), context);
        if self.retry_at > Timestamp::ZERO { error.after(self.retry_at) } else { error }
    }
}

impl Wire for ServerReply {
    type Proto = proto::ServerReply;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "server reply";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let body = ReplyBody::parse(field(proto.reply, "reply")?)?;
        Ok(ServerReply { request_id: RequestId::from_slice(&proto.request_id)?, body })
    }

    fn to_proto(&self) -> Self::Proto {
        let reply = Some(self.body.to_proto());
        proto::ServerReply { request_id: fields::raw(self.request_id.as_bytes()), reply }
    }
}

impl ReplyBody {
    fn parse(proto: proto::server_reply::Reply) -> Result<Self> {
        use proto::server_reply::Reply;
        Ok(match proto {
            Reply::Failure(proto) => ReplyBody::Failure(Failure::parse(proto)?),
            Reply::Done(proto::Done {}) => ReplyBody::Done,
            Reply::Stock(proto::Stock { left }) => ReplyBody::Stock(left),
            Reply::Delivery(proto) => ReplyBody::Delivery(Delivery::parse(proto)?),
            Reply::Material(proto) => ReplyBody::Material(RoomMaterial::parse(proto)?),
            Reply::Queued(proto::Queued {}) => ReplyBody::Queued,
            Reply::Refusal(bytes) => ReplyBody::Refusal(Signed::decode(&bytes)?.into()),
            Reply::BlobInfo(proto) => ReplyBody::BlobInfo(BlobInfo::parse(proto)?),
            Reply::BlobChunk(proto) => ReplyBody::BlobChunk(blob::chunk_index(proto.index)?),
            Reply::BlobStates(proto) => ReplyBody::BlobStates(BlobStates::parse(proto)?),
            Reply::Pending(proto::Pending {}) => ReplyBody::Pending,
            Reply::Directory(proto) => ReplyBody::Directory(Directory::parse(proto)?),
            Reply::LinkLetter(proto) => ReplyBody::Letter(LinkLetter::parse(proto)?),
        })
    }

    fn to_proto(&self) -> proto::server_reply::Reply {
        use proto::server_reply::Reply;
        match self {
            ReplyBody::Failure(failure) => Reply::Failure(failure.to_proto()),
            ReplyBody::Done => Reply::Done(proto::Done {}),
            ReplyBody::Stock(left) => Reply::Stock(proto::Stock { left: *left }),
            ReplyBody::Delivery(delivery) => Reply::Delivery(delivery.to_proto()),
            ReplyBody::Material(material) => Reply::Material(material.to_proto()),
            ReplyBody::Queued => Reply::Queued(proto::Queued {}),
            ReplyBody::Refusal(refusal) => Reply::Refusal(refusal.bytes().clone()),
            ReplyBody::BlobInfo(info) => Reply::BlobInfo(info.to_proto()),
            ReplyBody::BlobChunk(index) => Reply::BlobChunk(proto::BlobChunk { index: *index }),
            ReplyBody::BlobStates(states) => Reply::BlobStates(states.to_proto()),
            ReplyBody::Pending => Reply::Pending(proto::Pending {}),
            ReplyBody::Directory(directory) => Reply::Directory(directory.to_proto()),
            ReplyBody::Letter(letter) => Reply::LinkLetter(letter.to_proto()),
        }
    }
}

impl Wire for Failure {
    type Proto = proto::Failure;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "failure";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let retry_at = Timestamp::from_millis(proto.retry_at);
        Ok(Failure { reason: Reason::parse(proto.code)?, retry_at })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Failure { code: self.reason.number().into(), retry_at: self.retry_at.as_millis() }
    }
}

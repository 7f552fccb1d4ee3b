//! Frames of a link, and their acknowledgements.

use bytes::Bytes;

use super::{ChunkReply, ChunkRequest, LinkItem, ends};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{AgencyId, Hash, IncarnationId},
    limits,
    time::Timestamp,
    wire::{Signed, Wire, field, fields, fields_of, proto, repeated},
};

/// What one server sends another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeerMessage {
    Frame(Box<Signed<LinkFrame>>),
    Ack(Box<Signed<LinkAck>>),
    ChunkRequest(Box<Signed<ChunkRequest>>),
    /// The chunk travels beside and is checked against its hash.
    ChunkReply(Box<Signed<ChunkReply>>),
    /// The sender's newest descriptor, by itself.
    Descriptor(Bytes),
}

/// One numbered frame of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkFrame {
    pub(crate) from: AgencyId,
    /// Not the same as `from`.
    pub(crate) to: AgencyId,
    /// The life of the link. Numbers begin anew with another.
    pub(crate) incarnation: IncarnationId,
    /// From 1, without gaps.
    pub(crate) number: u64,
    /// The hash of the frame before it; `None` exactly in frame 1.
    pub(crate) previous: Option<Hash>,
    /// When it was signed.
    pub(crate) at: Timestamp,
    /// The sender's signed descriptor; in frame 1 and when it has changed.
    pub(crate) descriptor: Option<Bytes>,
    /// 1 to [`limits::FRAME_ITEMS`].
    pub(crate) items: Vec<LinkItem>,
}

/// Cumulative acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkAck {
    /// The agency that acknowledges.
    pub(crate) from: AgencyId,
    /// The agency whose frames are acknowledged. Not the same as `from`.
    pub(crate) to: AgencyId,
    /// The life of the link whose frames these are.
    pub(crate) incarnation: IncarnationId,
    /// Every frame up to this number has been stored; 0: none.
    pub(crate) number: u64,
    /// The hash of that frame; `None` exactly for 0.
    pub(crate) hash: Option<Hash>,
    /// When it was signed.
    pub(crate) at: Timestamp,
    /// The acknowledging agency's own: the other side may never have had a frame from it.
    pub(crate) descriptor: Bytes,
    /// The life of the acknowledging server's store.
    pub(crate) store: IncarnationId,
}

impl Wire for PeerMessage {
    type Proto = proto::PeerMessage;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "peer message";

    fn parse(proto: Self::Proto) -> Result<Self> {
        use proto::peer_message::Message;
        Ok(match field(proto.message, "peer message")? {
            Message::Frame(bytes) => PeerMessage::Frame(Signed::decode(&bytes)?.into()),
            Message::Ack(bytes) => PeerMessage::Ack(Signed::decode(&bytes)?.into()),
            Message::ChunkRequest(bytes) => PeerMessage::ChunkRequest(Signed::decode(&bytes)?.into()),
            Message::ChunkReply(bytes) => PeerMessage::ChunkReply(Signed::decode(&bytes)?.into()),
            Message::Descriptor(bytes) => {
                ensure(bytes.len() <= limits::DESCRIPTOR, Code::TooLong, "agency descriptor")?;
                PeerMessage::Descriptor(bytes)
            }
        })
    }

    fn to_proto(&self) -> Self::Proto {
        use proto::peer_message::Message;
        let message = match self {
            PeerMessage::Frame(frame) => Message::Frame(frame.bytes().clone()),
            PeerMessage::Ack(ack) => Message::Ack(ack.bytes().clone()),
            PeerMessage::ChunkRequest(request) => Message::ChunkRequest(request.bytes().clone()),
            PeerMessage::ChunkReply(reply) => Message::ChunkReply(reply.bytes().clone()),
            PeerMessage::Descriptor(bytes) => Message::Descriptor(bytes.clone()),
        };
        proto::PeerMessage { message: Some(message) }
    }
}

impl Wire for LinkFrame {
    type Proto = proto::LinkFrame;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "frame";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let (from, to) = ends(&proto.from, &proto.to)?;
        let number = fields::positive(proto.number, "frame number")?;
        let previous = fields::optional_id(&proto.previous, Hash::from_slice)?;
        ensure(previous.is_none() == (number == 1), Code::BadField, "previous frame")?;
        let descriptor = fields::optional(proto.descriptor, limits::DESCRIPTOR, "agency descriptor")?;
        ensure(number != 1 || descriptor.is_some(), Code::BadField, "agency descriptor in frame 1")?;
        // V-111: what is inside of the items counts, as if they were not encoded by themselves. What is too
        // much is not read, and stops nothing.
        let mut left = limits::FIELDS;
        let item = |bytes: Bytes| match fields_of::<LinkItem>(&bytes, left) {
            Err(error) => {
                left = if error.code() == Code::TooLong { 0 } else { left };
                Ok(LinkItem::Unreadable(bytes, error.code()))
            }
            Ok(fields) => {
                left = left.saturating_sub(fields);
                Ok(LinkItem::read(bytes))
            }
        };
        Ok(LinkFrame {
            from,
            to,
            incarnation: IncarnationId::from_slice(&proto.incarnation)?,
            number,
            previous,
            at: Timestamp::from_millis(proto.at),
            descriptor,
            items: repeated(proto.items, (1, limits::FRAME_ITEMS), "frame items", item)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkFrame {
            from: self.from.to_string(),
            to: self.to.to_string(),
            incarnation: fields::raw(self.incarnation.as_bytes()),
            number: self.number,
            previous: self.previous.map(|h| fields::raw(h.as_bytes())).unwrap_or_default(),
            at: self.at.as_millis(),
            descriptor: self.descriptor.clone().unwrap_or_default(),
            items: self.items.iter().map(LinkItem::bytes).collect(),
        }
    }
}

impl Wire for LinkAck {
    type Proto = proto::LinkAck;
    const MAX: usize = limits::ACK;
    const NAME: &'static str = "ack";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let (from, to) = ends(&proto.from, &proto.to)?;
        let hash = fields::optional_id(&proto.hash, Hash::from_slice)?;
        ensure(hash.is_none() == (proto.number == 0), Code::BadField, "hash of a frame")?;
        Ok(LinkAck {
            from,
            to,
            incarnation: IncarnationId::from_slice(&proto.incarnation)?,
            number: proto.number,
            hash,
            at: Timestamp::from_millis(proto.at),
            descriptor: fields::filled(proto.descriptor, limits::DESCRIPTOR, "agency descriptor")?,
            store: IncarnationId::from_slice(&proto.store)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkAck {
            from: self.from.to_string(),
            to: self.to.to_string(),
            incarnation: fields::raw(self.incarnation.as_bytes()),
            number: self.number,
            hash: self.hash.map(|h| fields::raw(h.as_bytes())).unwrap_or_default(),
            at: self.at.as_millis(),
            descriptor: self.descriptor.clone(),
            store: fields::raw(self.store.as_bytes()),
        }
    }
}

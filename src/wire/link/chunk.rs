//! One chunk of an attachment, asked of its origin.

use crate::{
    error::Result,
    ids::{AgencyId, BlobId},
    limits,
    time::Timestamp,
    wire::{
        Reason, Wire,
        device::{ShownCapability, chunk_index},
        fields,
        link::ends,
        proto,
    },
};

/// Asks for a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRequest {
    /// The asking agency.
    pub(crate) from: AgencyId,
    /// The origin. Not the same as `from`.
    pub(crate) to: AgencyId,
    pub(crate) blob: BlobId,
    pub(crate) capability: ShownCapability,
    /// From 0, below [`limits::CHUNKS`].
    pub(crate) index: u64,
    /// When it was signed.
    pub(crate) at: Timestamp,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkReply {
    /// The origin.
    pub(crate) from: AgencyId,
    pub(crate) blob: BlobId,
    /// From 0, below [`limits::CHUNKS`].
    pub(crate) index: u64,
    /// Why not; `None` if the chunk travels beside.
    pub(crate) refused: Option<Reason>,
}

impl Wire for ChunkRequest {
    type Proto = proto::ChunkRequest;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "chunk request";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let (from, to) = ends(&proto.from, &proto.to)?;
        Ok(ChunkRequest {
            from,
            to,
            blob: BlobId::from_slice(&proto.blob)?,
            capability: ShownCapability::parse(&proto.capability)?,
            index: chunk_index(proto.index)?,
            at: Timestamp::from_millis(proto.at),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ChunkRequest {
            from: self.from.to_string(),
            to: self.to.to_string(),
            blob: fields::raw(self.blob.as_bytes()),
            capability: fields::raw(self.capability.expose()),
            index: self.index,
            at: self.at.as_millis(),
        }
    }
}

impl Wire for ChunkReply {
    type Proto = proto::ChunkReply;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "chunk reply";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(ChunkReply {
            from: AgencyId::parse(&proto.from)?,
            blob: BlobId::from_slice(&proto.blob)?,
            index: chunk_index(proto.index)?,
            refused: Reason::parse_optional(proto.code)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ChunkReply {
            from: self.from.to_string(),
            blob: fields::raw(self.blob.as_bytes()),
            index: self.index,
            code: self.refused.map_or(0, |r| r.number().into()),
        }
    }
}

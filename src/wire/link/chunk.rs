//! One chunk of an attachment, asked of its origin.

use crate::{
    code::Code,
    error::{Error, Result, fault},
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
    /// The agency that has asked. Not the same as `from`.
    pub(crate) to: AgencyId,
    pub(crate) blob: BlobId,
    /// From 0, below [`limits::CHUNKS`].
    pub(crate) index: u64,
    /// When the request was signed that it answers.
    pub(crate) asked_at: Timestamp,
    /// The hash of the chunk, which travels beside; or why not.
    pub(crate) outcome: core::result::Result<[u8; 32], Reason>,
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
        let (from, to) = ends(&proto.from, &proto.to)?;
        let outcome = match (Reason::parse_optional(proto.code)?, proto.hash.as_ref()) {
            (None, hash) => Ok(hash.try_into().map_err(|_| Error::new(Code::BadField, "chunk hash"))?),
            (Some(reason), []) => Err(reason),
            (Some(_), _) => return fault(Code::BadField, "chunk hash in spite of an error code"),
        };
        Ok(ChunkReply {
            from,
            to,
            blob: BlobId::from_slice(&proto.blob)?,
            index: chunk_index(proto.index)?,
            asked_at: Timestamp::from_millis(proto.asked_at),
            outcome,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        let hash = self.outcome.map(|hash| fields::raw(&hash)).unwrap_or_default();
        proto::ChunkReply {
            from: self.from.to_string(),
            to: self.to.to_string(),
            blob: fields::raw(self.blob.as_bytes()),
            index: self.index,
            asked_at: self.asked_at.as_millis(),
            hash,
            code: self.outcome.err().map_or(0, |reason| reason.number().into()),
        }
    }
}

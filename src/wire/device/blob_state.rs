//! How far a server is with attachments that it fetches from elsewhere: many at one time.

use super::{BlobGet, Failure, blob};
use crate::{
    code::Code,
    error::{Result, ensure},
    limits,
    time::Timestamp,
    wire::{Reason, Wire, fields, proto, repeated},
};

/// Asks how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobsWanted {
    /// 1 to [`limits::BLOBS_WANTED`], each with the chunk that is wanted next. Ordered by origin and
    /// attachment.
    pub(crate) blobs: Vec<BlobGet>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobStates {
    /// One for each attachment that was asked for, in the same order.
    pub(crate) states: Vec<BlobState>,
}

/// How far it is with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlobState {
    /// What is wanted next can be had.
    pub(crate) here: bool,
    /// How many chunks the server keeps.
    pub(crate) present: u64,
    /// How many there are; 0: not known yet.
    pub(crate) chunks: u64,
    /// Since when the origin has not answered; [`Timestamp::ZERO`]: it answers, or need not.
    pub(crate) silent_since: Timestamp,
    /// Why it cannot be had.
    pub(crate) failure: Option<Failure>,
}

impl Wire for BlobsWanted {
    type Proto = proto::BlobsWanted;
    const MAX: usize = limits::BLOBS_WANTED * limits::SMALL;
    const NAME: &'static str = "blobs wanted";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let blobs = repeated(proto.blobs, (1, limits::BLOBS_WANTED), "blobs wanted", BlobGet::parse)?;
        fields::ascending(&blobs, |get| (&get.origin, get.blob), "blobs are not in order")?;
        Ok(BlobsWanted { blobs })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobsWanted { blobs: fields::protos(&self.blobs) }
    }
}

impl Wire for BlobStates {
    type Proto = proto::BlobStates;
    const MAX: usize = limits::BLOBS_WANTED * limits::SMALL;
    const NAME: &'static str = "blob states";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let states = repeated(proto.states, (1, limits::BLOBS_WANTED), "blob states", BlobState::parse)?;
        Ok(BlobStates { states })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobStates { states: fields::protos(&self.states) }
    }
}

impl Wire for BlobState {
    type Proto = proto::BlobState;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "blob state";

    fn parse(proto: Self::Proto) -> Result<Self> {
        if proto.chunks > 0 {
            blob::chunk_index(proto.chunks.saturating_sub(1))?;
        }
        ensure(proto.present <= proto.chunks, Code::BadField, "chunks that are there")?;
        let reason = Reason::parse_optional(proto.code)?;
        ensure(reason.is_some() || proto.retry_at == 0, Code::BadField, "advice without a failure")?;
        let retry_at = Timestamp::from_millis(proto.retry_at);
        Ok(BlobState {
            here: proto.here,
            present: proto.present,
            chunks: proto.chunks,
            silent_since: Timestamp::from_millis(proto.silent_since),
            failure: reason.map(|reason| Failure { reason, retry_at }),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        let failure = self.failure.as_ref();
        proto::BlobState {
            here: self.here,
            present: self.present,
            chunks: self.chunks,
            silent_since: self.silent_since.as_millis(),
            code: failure.map_or(0, |failure| failure.reason.number().into()),
            retry_at: failure.map_or(0, |failure| failure.retry_at.as_millis()),
        }
    }
}

//! How hosts name the sealed chunks that they keep.

use crate::ids::{AgencyId, BlobId};

/// A sealed chunk, as hosts keep it. Chunk bytes never pass through an engine's store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkRef {
    /// The agency to which the attachment was uploaded. Its name is unique only there.
    pub origin: AgencyId,
    /// The attachment.
    pub blob: BlobId,
    /// Which chunk, from 0.
    pub index: u64,
}

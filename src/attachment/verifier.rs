//! Checking sealed chunks without a key.

use super::{ChunkList, Geometry, Header, Root, Suite, chunk_list::chunk_hash};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
};

/// Knows what the sealed chunks of one file are: what a server needs of it, and half of an
/// [`Opener`](super::Opener).
#[derive(Debug)]
pub struct Verifier {
    suite: Suite,
    geometry: Geometry,
    list: ChunkList,
}

impl Verifier {
    /// Of the file with this header, chunk list and padded size, which fit together. Whether
    /// they are the file's own, the root tells ([`ChunkList::root`]).
    ///
    /// # Errors
    /// [`Code::BadGeometry`] if no file has this padded size (SPEC V-611), chunk size (V-613)
    /// or number of chunks (V-614).
    pub fn new(header: &Header, list: ChunkList, padded_size: u64) -> Result<Self> {
        let geometry = Geometry::of_padded(padded_size)?;
        ensure(header.chunk_log2 == geometry.chunk_log2(), Code::BadGeometry, "chunk size")?;
        ensure(list.len() == geometry.chunks(), Code::BadGeometry, "number of chunks")?;
        Ok(Verifier { suite: header.suite, geometry, list })
    }

    /// [`Verifier::new`] where the root is known already.
    ///
    /// # Errors
    /// [`Code::BadRoot`] if the list is not the root's (SPEC V-620), and as there.
    pub fn with_root(root: &Root, header: &Header, list: ChunkList, padded_size: u64) -> Result<Self> {
        ensure(list.root(header, padded_size) == *root, Code::BadRoot, "chunk list")?;
        Verifier::new(header, list, padded_size)
    }

    /// The sizes.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The chunk hashes.
    #[must_use]
    pub const fn list(&self) -> &ChunkList {
        &self.list
    }

    /// That these are the bytes of sealed chunk `index`.
    ///
    /// # Errors
    /// - [`Code::BadArgument`] if there is no such chunk
    /// - [`Code::BadChunk`] if the bytes are others (SPEC V-630, V-631)
    pub fn verify_chunk(&self, index: u64, sealed: &[u8]) -> Result<()> {
        let expected = self.list.get(index).ok_or(Error::new(Code::BadArgument, "chunk index"))?;
        verify_chunk(self.suite, self.geometry, (index, expected), sealed)
    }
}

/// [`Verifier::verify_chunk`], with nothing of the chunk list but this chunk's hash.
///
/// # Errors
/// As there.
pub(crate) fn verify_chunk(
    suite: Suite,
    geometry: Geometry,
    (index, expected): (u64, &[u8; 32]),
    sealed: &[u8],
) -> Result<()> {
    ensure(sealed.len() == geometry.sealed_chunk_size(index), Code::BadChunk, "chunk length")?;
    let found = chunk_hash(suite, index, geometry.is_last(index), sealed);
    ensure(found == *expected, Code::BadChunk, "chunk hash")
}

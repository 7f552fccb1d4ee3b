//! The chunk list and the root that stands for it.

use core::fmt;

use super::{Header, Suite};
use crate::{
    code::Code,
    crypto::Label,
    error::{Result, ensure},
    limits,
};

/// The hash of every sealed chunk, in order: 1 to 65,536 of 32 bytes each.
#[derive(Clone, PartialEq, Eq)]
pub struct ChunkList(Vec<[u8; 32]>);

impl ChunkList {
    /// Reads hashes one after the other.
    ///
    /// # Errors
    /// [`Code::BadGeometry`] if it is not 1 to [`limits::CHUNKS`] times 32 bytes (SPEC V-604).
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let (hashes, rest) = bytes.as_chunks();
        let whole = rest.is_empty() && (1..=limits::CHUNKS).contains(&(hashes.len() as u64));
        ensure(whole, Code::BadGeometry, "chunk list length")?;
        Ok(ChunkList(hashes.to_vec()))
    }

    /// The list that a sealer has made; one per chunk.
    pub(super) fn from_hashes(hashes: Vec<[u8; 32]>) -> Self {
        ChunkList(hashes)
    }

    /// The hashes one after the other.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_flattened()
    }

    /// The hash of chunk `index`.
    #[must_use]
    pub fn get(&self, index: u64) -> Option<&[u8; 32]> {
        self.0.get(usize::try_from(index).ok()?)
    }

    /// How many chunks it lists.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The root over header, padded size and this list.
    #[must_use]
    pub fn root(&self, header: &Header, padded_size: u64) -> Root {
        let parts: [&[u8]; 3] = [&header.to_bytes(), &padded_size.to_be_bytes(), self.as_bytes()];
        Root(header.suite.hash(Label::BLOB_ROOT, &parts))
    }
}

impl fmt::Debug for ChunkList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkList({} chunks)", self.0.len())
    }
}

/// What binds a sealed file to the message that sends it: a hash of header, padded size and
/// chunk list, and through them of every sealed byte. Everybody in the room knows the file
/// key; only the root says which file the sender meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Root([u8; 32]);

impl Root {
    /// From exactly these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Root(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The hash of a sealed chunk, its place, and whether it is the last.
pub(super) fn chunk_hash(suite: Suite, index: u64, last: bool, sealed: &[u8]) -> [u8; 32] {
    suite.hash(Label::BLOB_CHUNK, &[&index.to_be_bytes(), &[u8::from(last)], sealed])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_65536_hashes() {
        for good in [32, 64, 65_536 * 32] {
            let bytes = vec![5; good];
            let list = ChunkList::parse(&bytes).unwrap();
            assert_eq!((list.len(), list.as_bytes()), (good as u64 / 32, &bytes[..]));
            assert!(list.get(list.len() - 1).is_some() && list.get(list.len()).is_none());
        }
        for bad in [0, 1, 31, 33, 65_536 * 32 + 1, 65_537 * 32] {
            assert_eq!(ChunkList::parse(&vec![5; bad]).unwrap_err().code(), Code::BadGeometry, "{bad}");
        }
        assert_eq!(ChunkList::parse(&[5; 32]).unwrap().get(u64::MAX), None);
    }
}

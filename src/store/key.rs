//! How row keys are made.

use super::Key;

/// A key from parts. Names are written with a length in front, numbers big-endian, so
/// that no two lists of parts make one key and numbers sort as numbers.
#[derive(Clone)]
pub(crate) struct KeyBuilder(Key);

impl KeyBuilder {
    /// Begins with a table's tag, a short word that ends in `/`.
    pub(crate) fn table(tag: &'static str) -> Self {
        KeyBuilder(tag.as_bytes().to_vec())
    }

    /// A part of fixed length.
    pub(crate) fn fixed(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A part of variable length, at most 65,535 bytes.
    pub(crate) fn name(mut self, name: &[u8]) -> Self {
        let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(name);
        self
    }

    /// A number.
    pub(crate) fn number(mut self, n: u64) -> Self {
        self.0.extend_from_slice(&n.to_be_bytes());
        self
    }

    /// The key, or the prefix of all keys that continue it.
    pub(crate) fn build(self) -> Key {
        self.0
    }
}

//! Buffers that have held a secret.

use core::{
    fmt,
    ops::{Deref, DerefMut},
};

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Wipes a buffer, with the capacity that is not in use, and leaves it empty.
///
/// All at once: `Vec::zeroize` takes a byte after the other, each behind a barrier, and would cost a fifth of
/// what it costs to open a chunk of a file.
pub(crate) fn wipe(buffer: &mut Vec<u8>) {
    buffer.resize(buffer.capacity(), 0);
    buffer.as_mut_slice().zeroize();
    buffer.clear();
}

/// Bytes that are wiped when dropped. Where they lay before the buffer grew they stay: give it its
/// capacity first. Equality takes as long as the bytes agree: it is for rows, not for what a peer shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct SecretBytes(Vec<u8>);

impl SecretBytes {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        SecretBytes(Vec::with_capacity(capacity))
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        SecretBytes(bytes)
    }
}

impl Deref for SecretBytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for SecretBytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretBytes").finish_non_exhaustive()
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl ZeroizeOnDrop for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_capacity_is_wiped_too() {
        let mut buffer = Vec::with_capacity(64);
        buffer.extend_from_slice(&[7; 64]);
        let place = buffer.as_ptr();
        buffer.truncate(8);
        wipe(&mut buffer);
        assert!(buffer.is_empty());
        assert!(buffer.capacity() >= 64);
        // What a buffer that is filled anew without being written to would show.
        buffer.resize(64, 0);
        assert_eq!(buffer.as_ptr(), place);
        assert_eq!(buffer, [0; 64]);
    }
}

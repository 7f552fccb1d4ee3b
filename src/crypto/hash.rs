//! Labelled SHA-256 (FIPS 180-4).

use sha2::{Digest, Sha256};

use super::Label;
use crate::ids::{Hash, KeyId};

/// SHA-256 over `u8 len ‖ label ‖ (u64 len ‖ part)*`, numbers big-endian.
pub(crate) fn hash(label: Label, parts: &[&[u8]]) -> Hash {
    let mut hasher = Hasher::new(label);
    parts.iter().for_each(|part| hasher.part(part));
    hasher.finish()
}

/// [`hash`], one part at a time.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn new(label: Label) -> Self {
        let mut hasher = Hasher(Sha256::new());
        label.frame(&[], |bytes| hasher.0.update(bytes));
        hasher
    }

    pub(crate) fn part(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    pub(crate) fn finish(self) -> Hash {
        Hash::from_bytes(self.0.finalize().into())
    }
}

/// The name of a public key. The algorithm is part of it, so that one string of bytes is
/// never two keys with one name.
pub(super) fn key_id(algorithm: &str, key: &[u8]) -> KeyId {
    KeyId::from_bytes(*hash(Label::KEY_ID, &[algorithm.as_bytes(), key]).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sha256_of_the_framing() {
        let parts: [&[u8]; 3] = [b"one", b"", &[7; 1000]];
        let expected = Sha256::digest(&*Label::FRAME.framed(&parts));
        assert_eq!(hash(Label::FRAME, &parts).as_bytes()[..], expected[..]);
    }

    #[test]
    fn label_and_split_matter() {
        assert_ne!(hash(Label::FRAME, &[b"ab"]), hash(Label::ACK, &[b"ab"]));
        assert_ne!(hash(Label::FRAME, &[b"ab"]), hash(Label::FRAME, &[b"a", b"b"]));
        assert_ne!(hash(Label::FRAME, &[]), hash(Label::FRAME, &[b""]));
    }

    #[test]
    fn key_ids_tell_algorithms_apart() {
        assert_ne!(key_id("ed25519", &[1; 32]), key_id("x25519", &[1; 32]));
    }
}

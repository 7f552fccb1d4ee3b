//! The header: 50 bytes in front of the chunk list, readable by everybody.

use core::fmt;

use crate::{
    code::Code,
    crypto::{Cipher, Label, blake3_hash, hash},
    error::{Error, Result, ensure},
    limits,
};

/// The algorithms that seal a file.
///
/// Every suite is known, so that messages can name it and servers can check chunks; which of
/// them can be sealed and opened, [`Suite::is_spoken`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suite {
    /// 1: ChaCha20-Poly1305, HKDF-SHA256, and BLAKE3 for chunk hashes and root.
    ChaCha20Poly1305,
    /// 2: AES-256-GCM, HKDF-SHA256, and SHA-256 for chunk hashes and root: for agencies that
    /// are bound to algorithms of BSI and NIST. Sealed and opened with feature `aes-gcm`.
    Aes256Gcm,
}

impl Suite {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Suite::ChaCha20Poly1305 => 1,
            Suite::Aes256Gcm => 2,
        }
    }

    /// The suite with this number.
    ///
    /// # Errors
    /// [`Code::UnknownSuite`] if there is none (SPEC V-602).
    pub fn from_number(number: u8) -> Result<Self> {
        match number {
            1 => Ok(Suite::ChaCha20Poly1305),
            2 => Ok(Suite::Aes256Gcm),
            _ => Err(Error::new(Code::UnknownSuite, "attachment suite")),
        }
    }

    /// Whether files of this suite can be sealed and opened here. Chunks of others can still be
    /// kept and checked.
    #[must_use]
    pub const fn is_spoken(self) -> bool {
        self.compiled().is_some()
    }

    /// What encrypts chunks.
    ///
    /// # Errors
    /// [`Code::UnknownSuite`] if it is not compiled in (SPEC V-616).
    pub(super) fn cipher(self) -> Result<Cipher> {
        self.compiled().ok_or(Error::new(Code::UnknownSuite, "attachment suite"))
    }

    const fn compiled(self) -> Option<Cipher> {
        match self {
            Suite::ChaCha20Poly1305 => Some(Cipher::ChaCha20Poly1305),
            #[cfg(feature = "aes-gcm")]
            Suite::Aes256Gcm => Some(Cipher::Aes256Gcm),
            #[cfg(not(feature = "aes-gcm"))]
            Suite::Aes256Gcm => None,
        }
    }

    /// The suite's H: the hash of chunks and root.
    pub(super) fn hash(self, label: Label, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Suite::ChaCha20Poly1305 => blake3_hash(label, parts),
            Suite::Aes256Gcm => *hash(label, parts).as_bytes(),
        }
    }
}

/// What keys are derived with, and the commitment that they are the right ones:
/// `u8 suite ‖ u8 log2(chunk) ‖ salt (16) ‖ commitment (32)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub(super) suite: Suite,
    pub(super) chunk_log2: u8,
    pub(super) salt: [u8; 16],
    pub(super) commitment: [u8; 32],
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 50;

    /// Reads a header.
    ///
    /// # Errors
    /// - [`Code::BadHeader`] if it has another length (SPEC V-601) or a chunk size out of
    ///   bounds (V-603)
    /// - [`Code::UnknownSuite`] (V-602)
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; Self::LEN] =
            bytes.try_into().map_err(|_| Error::new(Code::BadHeader, "header length"))?;
        let [suite, chunk_log2, rest @ ..] = *bytes;
        let suite = Suite::from_number(suite)?;
        let in_bounds = (limits::CHUNK_LOG2_MIN..=limits::CHUNK_LOG2_MAX).contains(&chunk_log2);
        ensure(in_bounds, Code::BadHeader, "chunk size")?;

        let (mut salt, mut commitment) = ([0; 16], [0; 32]);
        let (first, second) = rest.split_at(salt.len());
        salt.copy_from_slice(first);
        commitment.copy_from_slice(second);
        Ok(Header { suite, chunk_log2, salt, commitment })
    }

    /// The header as it was read, or will be.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let front = [self.suite.number(), self.chunk_log2];
        let all = front.iter().chain(&self.salt).chain(&self.commitment);
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// The algorithms.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The binary logarithm of the chunk size.
    #[must_use]
    pub const fn chunk_log2(&self) -> u8 {
        self.chunk_log2
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("suite", &self.suite)
            .field("chunk_log2", &self.chunk_log2)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(bytes: &[u8]) -> Code {
        Header::parse(bytes).unwrap_err().code()
    }

    #[test]
    fn length_suite_and_chunk_size_are_checked() {
        let mut good = [7; Header::LEN];
        good[..2].copy_from_slice(&[1, 16]);
        assert!(Header::parse(&good).is_ok());

        assert_eq!(code(&good[..49]), Code::BadHeader);
        assert_eq!(code(&[&good[..], &[0]].concat()), Code::BadHeader);
        assert_eq!(code(&[]), Code::BadHeader);
        for suite in 1..=2 {
            let header = Header::parse(&[&[suite], &good[1..]].concat()).unwrap();
            assert_eq!(header.suite().number(), suite);
        }
        for suite in (0..=255).filter(|suite| !(1..=2).contains(suite)) {
            assert_eq!(code(&[&[suite], &good[1..]].concat()), Code::UnknownSuite, "{suite}");
        }
        for log2 in (0..=255).filter(|log2| !(16..=24).contains(log2)) {
            assert_eq!(code(&[&[1, log2], &good[2..]].concat()), Code::BadHeader, "{log2}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_written_back(bytes: [u8; Header::LEN], suite in 0..4u8, log2 in 14..27u8) {
            let mut bytes = bytes;
            bytes[..2].copy_from_slice(&[suite, log2]);
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert_eq!(header.to_bytes(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Header::parse(&bytes);
        }
    }
}

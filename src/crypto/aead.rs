//! ChaCha20-Poly1305 (RFC 8439).

use core::fmt;

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use zeroize::Zeroizing;

use crate::{
    code::Code,
    error::{Error, Result},
};

/// Bytes by which a ciphertext is longer than its plaintext.
pub(crate) const TAG: usize = 16;

/// A key for ChaCha20-Poly1305. Every nonce is used with it at most once.
pub(crate) struct AeadKey(Zeroizing<[u8; 32]>);

impl From<Zeroizing<[u8; 32]>> for AeadKey {
    fn from(key: Zeroizing<[u8; 32]>) -> Self {
        AeadKey(key)
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(..)")
    }
}

/// A 12-byte nonce, made only in ways that say why it is used once with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonce([u8; 12]);

impl Nonce {
    /// All zeros: for a key that encrypts one thing only.
    pub(crate) const SINGLE_USE: Nonce = Nonce([0; 12]);

    /// The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-
    /// Encryption and its Nonce-Reuse Misuse-Resistance, 2015), laid out as in age: 11 bytes
    /// of big-endian counter, then 1 for the last chunk and 0 for the others. A chunk that is
    /// moved, dropped, or made the last fails to open.
    pub(crate) fn stream(counter: u64, last: bool) -> Nonce {
        let [a, b, c, d, e, f, g, h] = counter.to_be_bytes();
        Nonce([0, 0, 0, a, b, c, d, e, f, g, h, u8::from(last)])
    }

    /// A nonce that MLS derived together with the key (RFC 9420 §6.3.1, §9.1).
    pub(super) fn of_mls(bytes: [u8; 12]) -> Nonce {
        Nonce(bytes)
    }
}

impl AeadKey {
    /// The ciphertext with its tag behind it.
    ///
    /// # Errors
    /// [`Code::TooLong`] past 256 GiB.
    pub(crate) fn seal(&self, nonce: &Nonce, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut buffer = Vec::with_capacity(plaintext.len().saturating_add(TAG));
        buffer.extend_from_slice(plaintext);
        self.seal_in_place(nonce, aad, &mut buffer)?;
        Ok(buffer)
    }

    /// The plaintext.
    ///
    /// # Errors
    /// [`Code::BadCiphertext`] unless all of it was sealed with this key, nonce and `aad`.
    pub(crate) fn open(&self, nonce: &Nonce, aad: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>> {
        let mut buffer = ciphertext.to_vec();
        self.open_in_place(nonce, aad, &mut buffer)?;
        Ok(buffer)
    }

    /// [`AeadKey::seal`] in the plaintext's own buffer; give it [`TAG`] bytes of spare capacity.
    pub(crate) fn seal_in_place(&self, nonce: &Nonce, aad: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
        self.cipher()
            .encrypt_in_place(&nonce.0.into(), aad, buffer)
            .map_err(|_| Error::new(Code::TooLong, "aead"))
    }

    /// [`AeadKey::open`] in the ciphertext's own buffer, which is left as it was on failure.
    pub(crate) fn open_in_place(&self, nonce: &Nonce, aad: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
        self.cipher()
            .decrypt_in_place(&nonce.0.into(), aad, buffer)
            .map_err(|_| Error::new(Code::BadCiphertext, "aead"))
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&*self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> AeadKey {
        Zeroizing::new([byte; 32]).into()
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let nonce = Nonce::stream(5, false);
        let sealed = key(1).seal(&nonce, b"aad", b"text").unwrap();
        assert_eq!(sealed.len(), 4 + TAG);
        assert_eq!(key(1).open(&nonce, b"aad", &sealed).unwrap(), b"text");

        let refused = |k: u8, n: Nonce, aad: &[u8], ct: &[u8]| {
            assert_eq!(key(k).open(&n, aad, ct).unwrap_err().code(), Code::BadCiphertext);
        };
        refused(2, nonce, b"aad", &sealed);
        refused(1, Nonce::stream(4, false), b"aad", &sealed);
        refused(1, Nonce::stream(5, true), b"aad", &sealed);
        refused(1, nonce, b"aae", &sealed);
        for i in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[i] ^= 1;
            refused(1, nonce, b"aad", &bad);
            refused(1, nonce, b"aad", &sealed[..i]);
        }
    }

    #[test]
    fn a_buffer_that_does_not_open_is_left_alone() {
        let mut buffer = key(1).seal(&Nonce::SINGLE_USE, b"", b"text").unwrap();
        let before = buffer.clone();
        assert!(key(2).open_in_place(&Nonce::SINGLE_USE, b"", &mut buffer).is_err());
        assert_eq!(buffer, before);
        key(1).open_in_place(&Nonce::SINGLE_USE, b"", &mut buffer).unwrap();
        assert_eq!(buffer, b"text");
    }

    #[test]
    fn stream_nonces_are_laid_out_as_documented() {
        assert_eq!(Nonce::stream(0x0102, true).0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1]);
        assert_eq!(Nonce::stream(u64::MAX, false).0[3..], [255, 255, 255, 255, 255, 255, 255, 255, 0]);
        assert_eq!(Nonce::SINGLE_USE, Nonce::stream(0, false));
    }
}

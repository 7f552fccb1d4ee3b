//! Authenticated encryption: ChaCha20-Poly1305 (RFC 8439), and with feature `aes-gcm`
//! AES-256-GCM (NIST SP 800-38D). No files but those beside this one name the crates that do it.

#[cfg(not(feature = "pure"))]
mod native;
#[cfg(feature = "pure")]
mod pure;

use core::fmt;

use zeroize::Zeroizing;

#[cfg(not(feature = "pure"))]
use self::native as backend;
#[cfg(feature = "pure")]
use self::pure as backend;
use super::wipe;
use crate::error::Result;

/// Bytes by which a ciphertext is longer than its plaintext, with every cipher.
pub(crate) const TAG: usize = 16;

/// The ciphers that are compiled in. All take keys of 32 bytes and nonces of 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    ChaCha20Poly1305,
    #[cfg(feature = "aes-gcm")]
    Aes256Gcm,
}

/// A key for one cipher. Every nonce is used with it at most once.
pub(crate) struct AeadKey {
    cipher: Cipher,
    key: Zeroizing<[u8; 32]>,
}

/// For ChaCha20-Poly1305, which everything but attachments uses.
impl From<Zeroizing<[u8; 32]>> for AeadKey {
    fn from(key: Zeroizing<[u8; 32]>) -> Self {
        AeadKey::new(Cipher::ChaCha20Poly1305, key)
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
    pub(crate) fn new(cipher: Cipher, key: Zeroizing<[u8; 32]>) -> Self {
        AeadKey { cipher, key }
    }

    /// The ciphertext with its tag behind it.
    ///
    /// # Errors
    /// [`Code::TooLong`](crate::code::Code::TooLong) past 256 GiB.
    pub(crate) fn seal(&self, nonce: &Nonce, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut buffer = Vec::with_capacity(plaintext.len().saturating_add(TAG));
        buffer.extend_from_slice(plaintext);
        self.seal_in_place(nonce, aad, &mut buffer)?;
        Ok(buffer)
    }

    /// The plaintext.
    ///
    /// # Errors
    /// [`Code::BadCiphertext`](crate::code::Code::BadCiphertext) unless all of it was sealed with this key, nonce and `aad`.
    pub(crate) fn open(&self, nonce: &Nonce, aad: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>> {
        let mut buffer = ciphertext.to_vec();
        self.open_in_place(nonce, aad, &mut buffer)?;
        Ok(buffer)
    }

    /// [`AeadKey::seal`] in the plaintext's own buffer; give it [`TAG`] bytes of spare capacity.
    pub(crate) fn seal_in_place(&self, nonce: &Nonce, aad: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
        backend::seal(self.cipher, &self.key, nonce.0, aad, buffer)
    }

    /// [`AeadKey::open`] in the ciphertext's own buffer, which is empty after a failure.
    pub(crate) fn open_in_place(&self, nonce: &Nonce, aad: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
        // What a backend that decrypts before it has compared the tag leaves there, nobody sees.
        backend::open(self.cipher, &self.key, nonce.0, aad, buffer).inspect_err(|_| wipe(buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    fn ciphers() -> impl Iterator<Item = Cipher> {
        [
            Cipher::ChaCha20Poly1305,
            #[cfg(feature = "aes-gcm")]
            Cipher::Aes256Gcm,
        ]
        .into_iter()
    }

    fn key(cipher: Cipher, byte: u8) -> AeadKey {
        AeadKey::new(cipher, Zeroizing::new([byte; 32]))
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let nonce = Nonce::stream(5, false);
        for cipher in ciphers() {
            let sealed = key(cipher, 1).seal(&nonce, b"aad", b"text").unwrap();
            assert_eq!(sealed.len(), 4 + TAG);
            assert_eq!(key(cipher, 1).open(&nonce, b"aad", &sealed).unwrap(), b"text");

            let refused = |k: u8, n: Nonce, aad: &[u8], ct: &[u8]| {
                let opened = key(cipher, k).open(&n, aad, ct);
                assert_eq!(opened.unwrap_err().code(), Code::BadCiphertext, "{cipher:?}");
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
    }

    #[test]
    fn a_buffer_that_does_not_open_shows_nothing() {
        for cipher in ciphers() {
            let sealed = key(cipher, 1).seal(&Nonce::SINGLE_USE, b"", b"text").unwrap();
            let mut buffer = sealed.clone();
            assert!(key(cipher, 2).open_in_place(&Nonce::SINGLE_USE, b"", &mut buffer).is_err());
            assert!(buffer.is_empty());
            buffer = sealed;
            key(cipher, 1).open_in_place(&Nonce::SINGLE_USE, b"", &mut buffer).unwrap();
            assert_eq!(buffer, b"text");
        }
    }

    #[cfg(feature = "aes-gcm")]
    #[test]
    fn ciphers_do_not_open_each_others_bytes() {
        let [one, other] = [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm].map(|cipher| key(cipher, 1));
        let sealed = one.seal(&Nonce::SINGLE_USE, b"", b"text").unwrap();
        assert!(other.open(&Nonce::SINGLE_USE, b"", &sealed).is_err());
    }

    #[test]
    fn stream_nonces_are_laid_out_as_documented() {
        assert_eq!(Nonce::stream(0x0102, true).0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1]);
        assert_eq!(Nonce::stream(u64::MAX, false).0[3..], [255, 255, 255, 255, 255, 255, 255, 255, 0]);
        assert_eq!(Nonce::SINGLE_USE, Nonce::stream(0, false));
    }
}

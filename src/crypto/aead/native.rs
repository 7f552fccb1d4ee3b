//! The ciphers of AWS-LC, in C and assembly.
//!
//! A context lives for one call, in memory that AWS-LC wipes when it frees it.

use aws_lc_rs::aead::{Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::Cipher;
use crate::{
    code::Code,
    error::{Error, Result},
};

pub(super) fn seal(
    cipher: Cipher,
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<()> {
    context(cipher, key)?
        .seal_in_place_append_tag(Nonce::from(&nonce), Aad::from(aad), buffer)
        .map_err(|_| Error::new(Code::TooLong, "aead"))
}

pub(super) fn open(
    cipher: Cipher,
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<()> {
    let opened = context(cipher, key)?.open_in_place(Nonce::from(&nonce), Aad::from(aad), buffer);
    let len = opened.map_err(|_| Error::new(Code::BadCiphertext, "aead"))?.len();
    buffer.truncate(len);
    Ok(())
}

fn context(cipher: Cipher, key: &[u8; 32]) -> Result<LessSafeKey> {
    let algorithm: &'static Algorithm = match cipher {
        Cipher::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        #[cfg(feature = "aes-gcm")]
        Cipher::Aes256Gcm => &aws_lc_rs::aead::AES_256_GCM,
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| Error::new(Code::Bug, "aead key"))
}

//! The ciphers in Rust alone.

#[cfg(feature = "aes-gcm")]
use aes_gcm::Aes256Gcm;
use chacha20poly1305::{
    AeadInOut, ChaCha20Poly1305, KeyInit,
    consts::{U12, U32},
};

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
    match cipher {
        Cipher::ChaCha20Poly1305 => seal_with::<ChaCha20Poly1305>(key, nonce, aad, buffer),
        #[cfg(feature = "aes-gcm")]
        Cipher::Aes256Gcm => seal_with::<Aes256Gcm>(key, nonce, aad, buffer),
    }
}

pub(super) fn open(
    cipher: Cipher,
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<()> {
    match cipher {
        Cipher::ChaCha20Poly1305 => open_with::<ChaCha20Poly1305>(key, nonce, aad, buffer),
        #[cfg(feature = "aes-gcm")]
        Cipher::Aes256Gcm => open_with::<Aes256Gcm>(key, nonce, aad, buffer),
    }
}

/// What the crates of all ciphers have in common.
trait Aead: AeadInOut<NonceSize = U12> + KeyInit<KeySize = U32> {}

impl<C: AeadInOut<NonceSize = U12> + KeyInit<KeySize = U32>> Aead for C {}

fn seal_with<C: Aead>(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
    C::new(key.into())
        .encrypt_in_place(&nonce.into(), aad, buffer)
        .map_err(|_| Error::new(Code::TooLong, "aead"))
}

fn open_with<C: Aead>(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
    C::new(key.into())
        .decrypt_in_place(&nonce.into(), aad, buffer)
        .map_err(|_| Error::new(Code::BadCiphertext, "aead"))
}

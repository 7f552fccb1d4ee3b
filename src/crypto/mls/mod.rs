//! What openmls asks of its surroundings: cryptography and randomness ([`MlsCrypto`]), a
//! signer ([`MlsSigner`]), and the bundle of those with a storage ([`MlsProvider`]).

mod crypto;
#[cfg(test)]
mod tests;

pub(crate) use crypto::MlsCrypto;

use openmls_traits::{
    OpenMlsProvider,
    signatures::{Signer, SignerError},
    storage::{CURRENT_VERSION, StorageProvider},
    types::{Ciphersuite, SignatureScheme},
};

use super::SigningKey;

/// The one suite that is spoken (RFC 9420 §17.1, 0x0003).
pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

/// A device's key as openmls wants it.
pub(crate) struct MlsSigner<'a>(pub(crate) &'a SigningKey);

impl Signer for MlsSigner<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign_raw(payload).as_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// What one call hands to openmls.
pub(crate) struct MlsProvider<'a, S> {
    pub(crate) crypto: &'a MlsCrypto,
    pub(crate) storage: &'a S,
}

impl<S: StorageProvider<CURRENT_VERSION>> OpenMlsProvider for MlsProvider<'_, S> {
    type CryptoProvider = MlsCrypto;
    type RandProvider = MlsCrypto;
    type StorageProvider = S;

    fn storage(&self) -> &S {
        self.storage
    }

    fn crypto(&self) -> &MlsCrypto {
        self.crypto
    }

    fn rand(&self) -> &MlsCrypto {
        self.crypto
    }
}

//! RFC 9420's labelled functions, written from its text on top of the provider's primitives.

use openmls_traits::{
    crypto::OpenMlsCrypto,
    types::{AeadType, CryptoError, HashType, HpkeCiphertext, SignatureScheme},
};
use zeroize::Zeroizing;

use crate::crypto::mls::{MlsCrypto, SUITE};

/// Output of the hash and the KDF, an AEAD's key, and its nonce, in bytes (§17.1).
pub(super) const N_H: usize = 32;
pub(super) const N_K: usize = 32;
pub(super) const N_N: usize = 12;

pub(super) fn crypto() -> MlsCrypto {
    MlsCrypto::new(Zeroizing::new([0; 32]))
}

/// A vector with its length in front (§2.1.2).
pub(super) fn vl(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    let (width, mark) = match len {
        0..0x40 => (1, 0),
        0x40..0x4000 => (2, 0x4000),
        _ => (4, 0x8000_0000),
    };
    [&(len | mark).to_be_bytes()[4 - width..], bytes].concat()
}

fn label(label: &str) -> Vec<u8> {
    vl(format!("MLS 1.0 {label}").as_bytes())
}

pub(super) fn hash(data: &[u8]) -> Vec<u8> {
    crypto().hash(HashType::Sha2_256, data).unwrap()
}

pub(super) fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    crypto().hmac(HashType::Sha2_256, key, data).unwrap().as_slice().to_vec()
}

pub(super) fn extract(salt: &[u8], ikm: &[u8]) -> Vec<u8> {
    crypto().hkdf_extract(HashType::Sha2_256, salt, ikm).unwrap().as_slice().to_vec()
}

/// ExpandWithLabel (§8).
pub(super) fn expand(secret: &[u8], name: &str, context: &[u8], len: usize) -> Vec<u8> {
    let info = [&u16::try_from(len).unwrap().to_be_bytes()[..], &label(name), &vl(context)].concat();
    crypto().hkdf_expand(HashType::Sha2_256, secret, &info, len).unwrap().as_slice().to_vec()
}

/// DeriveSecret (§8).
pub(super) fn derive(secret: &[u8], name: &str) -> Vec<u8> {
    expand(secret, name, b"", N_H)
}

/// DeriveTreeSecret (§9.1).
pub(super) fn derive_tree(secret: &[u8], name: &str, generation: u32, len: usize) -> Vec<u8> {
    expand(secret, name, &generation.to_be_bytes(), len)
}

/// RefHash (§5.2); its label has no prefix of its own.
pub(super) fn ref_hash(name: &str, value: &[u8]) -> Vec<u8> {
    hash(&[vl(name.as_bytes()), vl(value)].concat())
}

/// SignWithLabel (§5.1.2).
pub(super) fn sign(key: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    crypto().sign(SignatureScheme::ED25519, &[label(name), vl(content)].concat(), key).unwrap()
}

/// VerifyWithLabel (§5.1.2).
pub(super) fn verify(key: &[u8], name: &str, content: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let content = [label(name), vl(content)].concat();
    crypto().verify_signature(SignatureScheme::ED25519, &content, key, signature)
}

/// EncryptWithLabel (§5.1.3).
pub(super) fn encrypt(public: &[u8], name: &str, context: &[u8], plaintext: &[u8]) -> HpkeCiphertext {
    let info = [label(name), vl(context)].concat();
    crypto().hpke_seal(SUITE.hpke_config(), public, &info, b"", plaintext).unwrap()
}

/// DecryptWithLabel (§5.1.3).
pub(super) fn decrypt(
    secret: &[u8],
    name: &str,
    context: &[u8],
    sealed: &HpkeCiphertext,
) -> Result<Vec<u8>, CryptoError> {
    let info = [label(name), vl(context)].concat();
    crypto().hpke_open(SUITE.hpke_config(), sealed, secret, &info, b"")
}

pub(super) fn open(key: &[u8], nonce: &[u8], aad: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    crypto().aead_decrypt(AeadType::ChaCha20Poly1305, key, ciphertext, nonce, aad).unwrap()
}

/// Reads a structure of §2.1 from its front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(len);
        self.0 = rest;
        front
    }

    pub(super) fn number(&mut self, len: usize) -> u64 {
        self.take(len).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    pub(super) fn vl(&mut self) -> &'a [u8] {
        let (len, mask) = match self.0[0] >> 6 {
            0 => (1, 0x3f),
            1 => (2, 0x3fff),
            _ => (4, 0x3fff_ffff),
        };
        let len = self.number(len) & mask;
        self.take(usize::try_from(len).unwrap())
    }

    /// What was read since `before`.
    pub(super) fn since(&self, before: &'a [u8]) -> &'a [u8] {
        &before[..before.len() - self.0.len()]
    }
}

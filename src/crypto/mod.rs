//! The cryptographic primitives, behind one small surface (SPEC chapter "Cryptography").
//!
//! Nothing here draws randomness by itself: every function that needs some is handed a
//! generator. Every hash, signature and derived key carries a [`Label`], so that bytes made
//! for one purpose are worthless for another.
//!
//! Each primitive stands in one file, which alone names the crate that does it: a faster backend
//! changes that file and no other.

mod aead;
mod blake;
mod documents;
mod field;
mod hash;
mod held;
mod hpke;
mod kdf;
mod label;
pub(crate) mod mls;
mod psk;
mod secret_bytes;
mod sign;
mod signed;
#[cfg(test)]
mod vectors;

pub(crate) use aead::{AeadKey, Cipher, Nonce, TAG};
pub(crate) use blake::blake3_hash;
pub(crate) use hash::hash;
pub(crate) use held::Held;
pub use hpke::{HpkePrivateKey, HpkePublicKey};
pub(crate) use kdf::Prk;
pub(crate) use label::Label;
pub(crate) use psk::{Psk, Sealed};
pub(crate) use secret_bytes::{SecretBytes, wipe};
pub(crate) use sign::Signature;
pub use sign::{SigningKey, VerifyKey};
pub(crate) use signed::{Quorum, SignedAs, Verified, sign, signer, verify, verify_held, verify_quorums};

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    /// The crates that hold our secrets wipe them: a matter of their features.
    #[test]
    fn secrets_are_wiped() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<zeroize::Zeroizing<[u8; 32]>>();
        wiped::<ed25519_dalek::SigningKey>();
        wiped::<x25519_dalek::StaticSecret>();
        wiped::<chacha20poly1305::ChaCha20Poly1305>();
        #[cfg(feature = "aes-gcm")]
        wiped::<aes_gcm::Aes256Gcm>();
        wiped::<chacha20::ChaCha20Rng>();
        // The states of HMAC and HKDF consist of these.
        wiped::<sha2::Sha256>();
    }
}

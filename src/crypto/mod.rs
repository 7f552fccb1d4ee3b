//! The cryptographic primitives, behind one small surface (SPEC chapter "Cryptography").
//!
//! Nothing here draws randomness by itself: every function that needs some is handed a
//! generator. Every hash, signature and derived key carries a [`Label`], so that bytes made
//! for one purpose are worthless for another.

mod aead;
mod blake;
mod field;
mod hash;
mod hpke;
mod kdf;
mod label;
pub(crate) mod mls;
mod sign;
#[cfg(test)]
mod vectors;

pub(crate) use aead::{AeadKey, Nonce, TAG};
pub(crate) use blake::blake3_hash;
pub(crate) use hash::{Hasher, hash};
pub(crate) use hpke::{HpkePrivateKey, HpkePublicKey};
pub(crate) use kdf::Prk;
pub(crate) use label::Label;
pub(crate) use sign::Signature;
pub use sign::{SigningKey, VerifyKey};

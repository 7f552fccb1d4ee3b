//! Whole files: sealed, opened, and tampered with, in every suite that is spoken.
#![cfg_attr(feature = "aes-gcm", expect(clippy::duplicate_mod, reason = "each suite has the same tests"))]

#[cfg(feature = "aes-gcm")]
mod aes;
mod chacha;
#[cfg(not(feature = "aes-gcm"))]
mod unspoken;
mod vectors;

//! identity

pub use crate::crypto::{SigningKey, VerifyKey};

//! The keys that an agency works with.

use core::fmt;

use super::federation::key_bytes;
use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Result, ensure, fault},
    time::Timestamp,
    wire::{fields, proto},
};

/// The one thing that an operational key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// Signs device certificates and countersigns user chains. Kept off the message server.
    Certificate,
    /// Signs revocation lists.
    Revocation,
    /// Signs what the message server says: frames, acknowledgements, log heads, refusals.
    Server,
}

/// An operational key of an agency. Its purpose and validity never change: another
/// validity takes another key (SPEC V-227).
#[derive(Clone, PartialEq, Eq)]
pub struct OperationalKey {
    pub(super) purpose: KeyPurpose,
    pub(super) key: [u8; 32],
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl OperationalKey {
    /// A key of 32 bytes, valid from `not_before` until just before `not_after`.
    #[must_use]
    pub fn new(purpose: KeyPurpose, key: &[u8; 32], not_before: Timestamp, not_after: Timestamp) -> Self {
        OperationalKey { purpose, key: *key, not_before, not_after }
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> KeyPurpose {
        self.purpose
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether it is valid at this time.
    #[must_use]
    pub fn valid_at(&self, at: Timestamp) -> bool {
        self.not_before <= at && at < self.not_after
    }

    pub(super) fn parse(proto: proto::OperationalKey) -> Result<Self> {
        let purpose = match proto::KeyPurpose::try_from(proto.purpose) {
            Ok(proto::KeyPurpose::Certificate) => KeyPurpose::Certificate,
            Ok(proto::KeyPurpose::Revocation) => KeyPurpose::Revocation,
            Ok(proto::KeyPurpose::Server) => KeyPurpose::Server,
            _ => return fault(Code::BadField, "key purpose"),
        };
        ensure(proto.not_after > proto.not_before, Code::BadField, "key validity")?;
        Ok(OperationalKey {
            purpose,
            key: key_bytes(&proto.public_key)?,
            not_before: Timestamp::from_millis(proto.not_before),
            not_after: Timestamp::from_millis(proto.not_after),
        })
    }

    pub(super) fn to_proto(&self) -> proto::OperationalKey {
        let purpose = match self.purpose {
            KeyPurpose::Certificate => proto::KeyPurpose::Certificate,
            KeyPurpose::Revocation => proto::KeyPurpose::Revocation,
            KeyPurpose::Server => proto::KeyPurpose::Server,
        };
        proto::OperationalKey {
            purpose: purpose.into(),
            public_key: fields::raw(&self.key),
            not_before: self.not_before.as_millis(),
            not_after: self.not_after.as_millis(),
        }
    }

    /// SPEC V-224.
    pub(super) fn check(&self) -> Result<()> {
        VerifyKey::parse(&self.key).map(drop)
    }
}

impl fmt::Debug for OperationalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperationalKey({:?}, {}..{})", self.purpose, self.not_before, self.not_after)
    }
}

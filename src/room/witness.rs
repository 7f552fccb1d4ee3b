//! Certificates as they count at an entry's stamp. What that rests on belongs to the caller.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    error::Result,
    identity::{DeviceCertificate, UserChain, VerifiedDevice, View},
    ids::{Hash, UserId},
};

/// Answers what a commit asks about certificates: alike at the hub and at every member, for
/// both answer by the entry's stamp.
pub(crate) trait Witness {
    /// Verifies the certificate of a leaf that enters or changes (V-422), against its user's chain up
    /// to entry `shown` at least (V-268).
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice>;

    /// Verifies what binds a leaf that is there (V-453), whatever has ended since.
    fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice>;

    /// Whether the certificate of a leaf that is there still stands (V-448).
    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()>;

    /// The user's chain under an identity, as far as it is known; of it only what the room shows
    /// decides anything (V-351, V-353).
    fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>>;
}

impl Witness for View<'_, '_> {
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice> {
        self.device_from(certificate, shown)
    }

    fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        View::bound(self, certificate)
    }

    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()> {
        View::stands(self, claims)
    }

    fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>> {
        View::chain(self, user, identity)
    }
}

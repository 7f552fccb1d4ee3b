//! Certificates as they count at an entry's stamp. What that rests on belongs to the caller.

use bytes::Bytes;

use crate::{
    error::Result,
    identity::{DeviceCertificate, VerifiedDevice, View},
};

/// Answers what a commit asks about certificates: alike at the hub and at every member, for
/// both answer by the entry's stamp.
pub(crate) trait Witness {
    /// Verifies the certificate of a leaf that enters or changes (V-422), against its user's chain up
    /// to entry `shown` at least (V-268).
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice>;

    /// Whether the certificate of a leaf that is there still stands (V-448).
    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()>;
}

impl Witness for View<'_, '_> {
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice> {
        self.device_from(certificate, shown)
    }

    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()> {
        View::stands(self, claims)
    }
}

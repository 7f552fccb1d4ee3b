//! How a device comes to be one of its user's.
//!
//! A person's first device makes its key and the first entry of the user's chain. A further
//! device makes its key and an offer, which one of the user's devices endorses with an entry
//! of the chain. Either way the registrar, who holds the agency's certificate key on a
//! machine of its own, checks the request, countersigns the entry and issues a certificate.

mod change;
mod offer;
mod record;
mod registrar;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

pub use change::ChainChange;
pub(crate) use offer::DeviceOffer;
pub use offer::NewDevice;
pub use record::UserRecord;
pub use registrar::{Changed, Enrolled, Registrar, Reset};
pub use request::EnrolmentRequest;

use record::Documents;

use super::{Federation, KeyPurpose, UserChain, VerifiedDevice, certificate::Upto};
use crate::{
    code::Code,
    error::{Result, fault},
    limits,
    time::Timestamp,
    wire::{self, Signed, Wire, fields, proto, repeated},
};

/// What a registrar gives a device to begin with. Nothing in it is secret, and nothing in
/// it has been checked before [`Enrolment::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    pub(super) certificate: Bytes,
    pub(super) chain: Vec<Bytes>,
    pub(super) descriptor: Bytes,
    /// The latest, ordered by version without gaps.
    pub(super) trust_lists: Vec<Bytes>,
}

impl Enrolment {
    /// Reads what a registrar gave.
    ///
    /// # Errors
    /// Those of decoding (1xx).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }

    /// As it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self).to_vec()
    }

    /// The device certificate: a `SignedEnvelope`, the content of the MLS credential.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Checks everything in it against the federation's anchor, at a time.
    ///
    /// # Errors
    /// As the documents in it (SPEC V-276).
    pub fn verify(&self, federation: &Federation, at: Timestamp) -> Result<(VerifiedDevice, UserChain)> {
        let certificate = Signed::decode(&self.certificate)?;
        let claims: &super::certificate::DeviceCertificate = certificate.claimed();
        let (list, descriptor) = self.documents().verify(federation, claims.device.user.agency())?;
        let chain =
            UserChain::verify(&self.chain, &mut |id, at, _| descriptor.key(KeyPurpose::Certificate, id, at))?;
        if chain.user() != &claims.device.user {
            return fault(Code::CertificateMismatch, "another user's chain");
        }
        let key = |_: &_, id: &_| {
            let current = descriptor.valid_at(at);
            if current {
                descriptor.key(KeyPurpose::Certificate, id, at)
            } else {
                fault(Code::Expired, "descriptor")
            }
        };
        let chain = Arc::new(chain);
        let known = |_: &_, _: &_| Ok(chain.clone());
        let device = VerifiedDevice::verify(certificate, at, &list, |_| Ok(()), key, known, Upto::All)?;
        Ok((device, Arc::unwrap_or_clone(chain)))
    }

    pub(in crate::identity) fn documents(&self) -> Documents<'_> {
        Documents { descriptor: &self.descriptor, trust_lists: &self.trust_lists }
    }
}

impl Wire for Enrolment {
    type Proto = proto::Enrolment;
    const MAX: usize = limits::ENROLMENT;
    const NAME: &'static str = "enrolment";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let link = |bytes| fields::filled(bytes, limits::CHAIN_LINK, "chain link");
        let list = |bytes| fields::filled(bytes, limits::TRUST_LIST, "trust list");
        Ok(Enrolment {
            certificate: fields::filled(proto.certificate, limits::CERTIFICATE, "device certificate")?,
            chain: repeated(proto.chain, (1, limits::CHAIN_LINKS), "user chain", link)?,
            descriptor: fields::filled(proto.descriptor, limits::DESCRIPTOR, "agency descriptor")?,
            trust_lists: repeated(
                proto.trust_lists,
                (1, limits::ENROLMENT_TRUST_LISTS),
                "trust lists",
                list,
            )?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Enrolment {
            certificate: self.certificate.clone(),
            chain: self.chain.clone(),
            descriptor: self.descriptor.clone(),
            trust_lists: self.trust_lists.clone(),
        }
    }
}

//! Device certificates: the content of a device's MLS credential.

use bytes::Bytes;

use super::{
    chain::{DeviceKey, UserChain, UserKind},
    trust_list::TrustList,
};
use crate::{
    code::Code,
    crypto::{Label, SignedAs, VerifyKey, signer, verify},
    error::{Result, ensure},
    ids::{AgencyId, Device, Hash, KeyId, UserId},
    limits,
    time::Timestamp,
    wire::{Signed, Wire, fields, proto},
};

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceCertificate {
    /// The agency's running number, from 1.
    pub(crate) serial: u64,
    /// The agency that signs.
    pub(crate) agency: AgencyId,
    pub(crate) kind: UserKind,
    pub(crate) device: Device,
    /// The device's Ed25519 public key.
    pub(crate) key: [u8; 32],
    pub(crate) identity: Hash,
    /// The chain entry that endorses the device.
    pub(crate) chain_n: u32,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

/// What a certificate says that was verified before, when its leaf entered the tree.
///
/// # Errors
/// Those of decoding (1xx).
pub(crate) fn read_certificate(bytes: &Bytes) -> Result<DeviceCertificate> {
    Ok(Signed::decode(bytes)?.into_claimed())
}

/// A device whose certificate was verified at a stamp. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedDevice {
    claims: DeviceCertificate,
    key: VerifyKey,
}

impl VerifiedDevice {
    /// Checks a certificate at a time.
    ///
    /// `agency_key` finds a certificate key of the agency, on the same list and at the same
    /// time; `chain` finds the user's chain.
    ///
    /// # Errors
    /// SPEC V-261 to V-267, each with its code.
    pub(super) fn verify(
        certificate: Signed<DeviceCertificate>,
        at: Timestamp,
        list: &TrustList,
        agency_key: impl FnOnce(&AgencyId, &KeyId) -> Result<VerifyKey>,
        chain: impl FnOnce(&UserId) -> Result<UserChain>,
    ) -> Result<Self> {
        let claims = certificate.claimed();
        let home = claims.device.user.agency();
        ensure(claims.agency == *home, Code::ForeignAgencyUser, "device certificate")?;
        list.check_at(at)?;
        list.agency(home)?;
        let key = agency_key(home, &signer(&certificate)?)?;
        let claims = verify(certificate, &key)?.into_inner();

        ensure(claims.not_before <= at && at < claims.not_after, Code::Expired, "device certificate")?;
        let chain = chain(&claims.device.user)?;
        let same = (claims.identity, claims.kind) == (*chain.identity(), chain.kind());
        ensure(same, Code::CertificateMismatch, "certificate and chain")?;
        ensure((claims.chain_n as usize) < chain.len(), Code::MissingEvidence, "newer chain link")?;
        let named = DeviceKey { id: claims.device.id, key: claims.key };
        ensure(chain.device(claims.chain_n) == Some(&named), Code::UnendorsedDevice, "device")?;
        Ok(VerifiedDevice { key: VerifyKey::parse(&claims.key)?, claims })
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.claims.device
    }

    /// Whose device it is.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.claims.device.user
    }

    /// What the user is.
    #[must_use]
    pub fn kind(&self) -> UserKind {
        self.claims.kind
    }

    /// The device's signature key.
    #[must_use]
    pub fn key(&self) -> &VerifyKey {
        &self.key
    }

    /// The user's identity: the hash of chain entry 0.
    #[must_use]
    pub fn identity(&self) -> &Hash {
        &self.claims.identity
    }

    /// The number of the certificate at its agency.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.claims.serial
    }

    /// The chain entry that endorses the device.
    #[must_use]
    pub fn chain_n(&self) -> u32 {
        self.claims.chain_n
    }

    /// From when and until when (exclusive) the certificate is valid.
    #[must_use]
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        (self.claims.not_before, self.claims.not_after)
    }
}

impl SignedAs for DeviceCertificate {
    const LABEL: Label = Label::CERTIFICATE;
}

impl Wire for DeviceCertificate {
    type Proto = proto::DeviceCertificate;
    const MAX: usize = limits::CERTIFICATE;
    const NAME: &'static str = "device certificate";

    /// SPEC V-261.
    fn parse(proto: Self::Proto) -> Result<Self> {
        let device = DeviceKey::parse(proto.device)?;
        let (not_before, not_after) =
            (Timestamp::from_millis(proto.not_before), Timestamp::from_millis(proto.not_after));
        let short = not_before < not_after && not_after.since(not_before) <= limits::CERTIFICATE_LIFETIME;
        ensure(short, Code::BadField, "certificate validity")?;
        Ok(DeviceCertificate {
            serial: fields::positive(proto.serial, "serial")?,
            agency: AgencyId::parse(&proto.agency)?,
            kind: UserKind::parse(proto.kind)?,
            device: Device { user: UserId::parse(&proto.user)?, id: device.id },
            key: device.key,
            identity: Hash::from_slice(&proto.identity)?,
            chain_n: proto.chain_n,
            not_before,
            not_after,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::DeviceCertificate {
            serial: self.serial,
            agency: self.agency.to_string(),
            user: self.device.user.to_string(),
            kind: self.kind.number(),
            device: DeviceKey { id: self.device.id, key: self.key }.to_proto(),
            identity: fields::raw(self.identity.as_bytes()),
            chain_n: self.chain_n,
            not_before: self.not_before.as_millis(),
            not_after: self.not_after.as_millis(),
        }
    }
}

//! Device certificates: the content of a device's MLS credential.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    chain::{DeviceKey, UserChain, UserKind},
    trust_list::TrustList,
};
use crate::{
    code::Code,
    crypto::{Held, Label, SignedAs, VerifyKey, signer, verify, verify_held},
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
    /// The last entry of the user's chain when it was made.
    pub(crate) chain_n: u32,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl DeviceCertificate {
    /// Whether it may count at a time, under a trust list: what its own words say of that.
    ///
    /// # Errors
    /// SPEC V-210 to V-212, V-262, V-265, each with its code.
    pub(super) fn check_at(&self, at: Timestamp, list: &TrustList) -> Result<()> {
        let home = self.device.user.agency();
        ensure(self.agency == *home, Code::ForeignAgencyUser, "device certificate")?;
        list.check_at(at)?;
        list.agency(home)?;
        ensure(self.not_before <= at && at < self.not_after, Code::Expired, "device certificate")
    }
}

/// What a certificate says that was verified before, when its leaf entered the tree.
///
/// # Errors
/// Those of decoding (1xx).
pub(crate) fn read_certificate(bytes: &Bytes) -> Result<DeviceCertificate> {
    Ok(read_signed_certificate(bytes)?.0)
}

/// The same, with the name of the key that has signed it.
pub(crate) fn read_signed_certificate(bytes: &Bytes) -> Result<(DeviceCertificate, KeyId)> {
    let signed = Signed::decode(bytes)?;
    let by = signer(&signed)?;
    Ok((signed.into_claimed(), by))
}

/// A certificate key, and which signatures are known to hold.
pub(super) struct AgencyKey<'h> {
    pub(super) key: VerifyKey,
    pub(super) held: Option<&'h Held>,
}

impl From<VerifyKey> for AgencyKey<'_> {
    fn from(key: VerifyKey) -> Self {
        AgencyKey { key, held: None }
    }
}

/// A device for which its agency vouches: its certificate was checked, but not whether the
/// user's chain endorses it. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertifiedDevice {
    claims: DeviceCertificate,
    key: VerifyKey,
}

impl CertifiedDevice {
    /// Checks a certificate at a time; the parameters are those of [`VerifiedDevice::verify`].
    ///
    /// # Errors
    /// SPEC V-261 to V-265, V-297, each with its code.
    pub(super) fn verify<'h, K: Into<AgencyKey<'h>>>(
        certificate: Signed<DeviceCertificate>,
        at: Timestamp,
        list: &TrustList,
        revoked: impl FnOnce(&DeviceCertificate) -> Result<()>,
        agency_key: impl FnOnce(&AgencyId, &KeyId) -> Result<K>,
    ) -> Result<Self> {
        let claims = certificate.claimed();
        claims.check_at(at, list)?;
        revoked(claims)?;
        let AgencyKey { key, held } = agency_key(&claims.agency, &signer(&certificate)?)?.into();
        let verified = match held {
            Some(held) => verify_held(certificate, &key, held)?,
            None => verify(certificate, &key)?,
        };
        let claims = verified.into_inner();
        Ok(CertifiedDevice { key: VerifyKey::parse(&claims.key)?, claims })
    }

    /// The device.
    pub(crate) fn device(&self) -> &Device {
        &self.claims.device
    }

    /// The device's signature key.
    pub(crate) fn key(&self) -> &VerifyKey {
        &self.key
    }
}

/// How much of a user's chain a device is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upto {
    /// The entries up to the one that the certificate names, or up to this one if it comes later:
    /// what everybody has who has judged the devices of the user that are in a room (SPEC V-268).
    Entry(u32),
    /// All that are known: for whoever sends, invites or answers, and nobody else.
    All,
}

/// A device whose certificate was verified at a stamp. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedDevice {
    claims: DeviceCertificate,
    key: VerifyKey,
}

impl Upto {
    fn last(self, chain: &UserChain, named: u32) -> u32 {
        match self {
            Upto::Entry(n) => named.max(n),
            Upto::All => chain.last().max(named),
        }
    }
}

impl VerifiedDevice {
    /// Checks a certificate at a time.
    ///
    /// `revoked` says whether a revocation list names it; `agency_key` finds a certificate key
    /// of the agency, on the same list and at the same time; `chain` finds the user's chain under
    /// an identity, of which it is held against what `upto` says.
    /// What its own words decide comes first: it is final, whatever else may be missing.
    ///
    /// # Errors
    /// SPEC V-261 to V-269, V-297, each with its code.
    pub(super) fn verify<'h, K: Into<AgencyKey<'h>>>(
        certificate: Signed<DeviceCertificate>,
        at: Timestamp,
        list: &TrustList,
        revoked: impl FnOnce(&DeviceCertificate) -> Result<()>,
        agency_key: impl FnOnce(&AgencyId, &KeyId) -> Result<K>,
        chain: impl FnOnce(&UserId, &Hash) -> Result<Arc<UserChain>>,
        upto: Upto,
    ) -> Result<Self> {
        let CertifiedDevice { claims, key } =
            CertifiedDevice::verify(certificate, at, list, revoked, agency_key)?;
        let chain = chain(&claims.device.user, &claims.identity)?;
        check_endorsed(&claims, &chain, upto)?;
        Ok(VerifiedDevice { claims, key })
    }

    /// Checks what binds a device for good, whatever has ended since: its agency's signature, by a
    /// key that was the agency's while the certificate is valid, and the user's chain up to the entry
    /// that the certificate names.
    ///
    /// # Errors
    /// SPEC V-261, V-262, V-266, V-267, V-269, each with its code; those of `agency_key`.
    pub(super) fn bound(
        certificate: Signed<DeviceCertificate>,
        agency_key: impl FnOnce(&DeviceCertificate, &KeyId) -> Result<VerifyKey>,
        chain: impl FnOnce(&UserId, &Hash) -> Result<Arc<UserChain>>,
    ) -> Result<Self> {
        let claims = certificate.claimed();
        let home = claims.agency == *claims.device.user.agency();
        ensure(home, Code::ForeignAgencyUser, "device certificate")?;
        let key = agency_key(claims, &signer(&certificate)?)?;
        let claims = verify(certificate, &key)?.into_inner();
        let chain = chain(&claims.device.user, &claims.identity)?;
        check_endorsed(&claims, &chain, Upto::Entry(0))?;
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

    /// The last entry of the user's chain when the certificate was made.
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

/// SPEC V-266 to V-269.
fn check_endorsed(claims: &DeviceCertificate, chain: &UserChain, upto: Upto) -> Result<()> {
    let same = (claims.identity, claims.kind) == (*chain.identity(), chain.kind());
    ensure(same, Code::CertificateMismatch, "certificate and chain")?;
    let named = DeviceKey { id: claims.device.id, key: claims.key };
    let until = chain.speaks(&named, claims.chain_n)?;
    chain.speaks(&named, upto.last(chain, claims.chain_n))?;
    let within = until.is_none_or(|until| claims.not_after <= until);
    ensure(within, Code::BeyondDelegation, "certificate outlasts the delegation")
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        crypto,
        error::fault,
        identity::fixture::{DAY, TestDevice, TestFederation, agency, key, now, rng, user},
        ids::DeviceId,
    };

    /// Anna at agency a with a phone and a tablet.
    struct Anna {
        federation: TestFederation,
        phone: TestDevice,
        chain: UserChain,
    }

    impl Anna {
        fn new() -> Self {
            let mut federation = TestFederation::new();
            let phone = federation.person("anna@a.example", 1);
            federation.further(&phone, 2);
            let chain = federation.chain(&phone);
            Anna { federation, phone, chain }
        }

        /// The phone's certificate after a change, signed by agency a whatever it says.
        fn changed(&self, change: impl FnOnce(&mut DeviceCertificate)) -> Bytes {
            let mut claims = read_certificate(self.phone.certificate()).unwrap();
            change(&mut claims);
            crypto::sign(claims, &[&self.federation.agencies[0].certificate]).bytes().clone()
        }

        /// Verifies, with agency a's one certificate key at hand.
        fn verify(&self, certificate: &Bytes) -> Result<VerifiedDevice> {
            self.verify_under(certificate, now(), |_| {})
        }

        fn verify_under(
            &self,
            certificate: &Bytes,
            at: Timestamp,
            change: impl FnOnce(&mut crate::identity::Roster),
        ) -> Result<VerifiedDevice> {
            let mut roster = self.federation.roster(1);
            change(&mut roster);
            let list = crate::identity::fixture::signed(&roster, &[1, 2]);
            let list = TrustList::first(&list, &self.federation.anchor)?;
            let certificate_key = self.federation.agencies[0].certificate.verify_key();
            let agency_key = |home: &AgencyId, id: &KeyId| {
                let known = *home == agency("a.example") && *id == certificate_key.id();
                if known { Ok(certificate_key.clone()) } else { fault(Code::MissingEvidence, "agency key") }
            };
            let certificate = Signed::decode(certificate)?;
            let chain = |_: &_, _: &_| Ok(Arc::new(self.chain.clone()));
            VerifiedDevice::verify(certificate, at, &list, |_| Ok(()), agency_key, chain, Upto::Entry(0))
        }
    }

    fn refused(result: Result<VerifiedDevice>, code: Code) {
        assert_eq!(result.err().map(|e| e.code()), Some(code));
    }

    #[test]
    fn says_whose_device_it_is() {
        let anna = Anna::new();
        let device = anna.verify(anna.phone.certificate()).unwrap();
        assert_eq!(device.device(), anna.phone.new.device());
        assert_eq!(device.user(), &user("anna@a.example"));
        assert_eq!(device.key(), &anna.phone.new.key().verify_key());
        assert_eq!((device.kind(), device.serial(), device.chain_n()), (UserKind::Person, 1, 0));
        assert_eq!(device.identity(), anna.chain.identity());
        assert_eq!(device.validity().1, now().plus(300 * DAY));
        let claims = read_certificate(anna.phone.certificate()).unwrap();
        assert_eq!((&claims.device, &claims.identity), (device.device(), device.identity()));
        let mut federation = TestFederation::new();
        let phone = federation.person("anna@a.example", 1);
        assert_eq!(federation.further(&phone, 2).verified.chain_n(), 1);
    }

    /// V-261
    #[test]
    fn fields_out_of_range() {
        let anna = Anna::new();
        refused(anna.verify(&anna.changed(|c| c.serial = 0)), Code::BadField);
        refused(anna.verify(&anna.changed(|c| c.not_after = c.not_before)), Code::BadField);
        let long = anna.changed(|c| c.not_after = c.not_before.plus(limits::CERTIFICATE_LIFETIME).plus(DAY));
        refused(anna.verify(&long), Code::BadField);
    }

    /// V-262
    #[test]
    fn foreign_agency_user() {
        let mut anna = Anna::new();
        let claims = read_certificate(anna.phone.certificate()).unwrap();
        let b = &anna.federation.agencies[1];
        // Agency b vouches for a user of agency a, in its own name and in a's.
        let own_name = DeviceCertificate { agency: b.id.clone(), ..claims.clone() };
        refused(anna.verify(crypto::sign(own_name, &[&b.certificate]).bytes()), Code::ForeignAgencyUser);
        refused(anna.verify(crypto::sign(claims, &[&b.certificate]).bytes()), Code::MissingEvidence);

        let stranger = anna.federation.person("bert@b.example", 3);
        let claims = read_certificate(stranger.certificate()).unwrap();
        let by_a = DeviceCertificate { agency: agency("a.example"), ..claims };
        let by_a = crypto::sign(by_a, &[&anna.federation.agencies[0].certificate]);
        refused(anna.verify(by_a.bytes()), Code::ForeignAgencyUser);
    }

    /// V-263
    #[test]
    fn a_trust_list_that_does_not_bear_it_out() {
        use crate::identity::AgencyStatus;
        let anna = Anna::new();
        let under = |change: fn(&mut crate::identity::Roster)| {
            anna.verify_under(anna.phone.certificate(), now(), change)
        };
        assert!(under(|_| {}).is_ok());
        refused(under(|r| r.agencies[0].status = AgencyStatus::Suspended), Code::SuspendedAgency);
        refused(under(|r| drop(r.agencies.remove(0))), Code::UnknownAgency);
        refused(under(|r| r.issued_at = now().plus(DAY)), Code::TrustExpired);
        refused(under(|r| r.expires_at = now().minus(8 * DAY)), Code::TrustExpired);
        assert!(under(|r| r.expires_at = now().minus(6 * DAY)).is_ok());
    }

    /// V-264
    #[test]
    fn signed_by_another_key() {
        let anna = Anna::new();
        let claims = || read_certificate(anna.phone.certificate()).unwrap();
        let server = &anna.federation.agencies[0].server;
        refused(anna.verify(crypto::sign(claims(), &[server]).bytes()), Code::MissingEvidence);
        let both = crypto::sign(claims(), &[server, &anna.federation.agencies[0].certificate]);
        refused(anna.verify(both.bytes()), Code::BadField);
    }

    /// V-265
    #[test]
    fn expired() {
        let anna = Anna::new();
        let (from, until) = anna.phone.verified.validity();
        let at = |at| anna.verify_under(anna.phone.certificate(), at, |_| {});
        assert!(at(from).is_ok());
        refused(at(Timestamp::from_millis(from.as_millis() - 1)), Code::Expired);
        assert!(at(Timestamp::from_millis(until.as_millis() - 1)).is_ok());
        refused(at(until), Code::Expired);
    }

    /// V-266
    #[test]
    fn another_identity_or_kind_than_the_chain() {
        let anna = Anna::new();
        let identity = Hash::from_bytes([1; 32]);
        refused(anna.verify(&anna.changed(|c| c.identity = identity)), Code::CertificateMismatch);
        refused(anna.verify(&anna.changed(|c| c.kind = UserKind::Role)), Code::CertificateMismatch);
    }

    /// V-267
    #[test]
    fn unendorsed_device() {
        let anna = Anna::new();
        // A device that the agency made up; one with a key of its own.
        let ghost = DeviceId::random(&mut rng(9));
        refused(anna.verify(&anna.changed(|c| c.device.id = ghost)), Code::UnendorsedDevice);
        let other_key = *key(9).verify_key().as_bytes();
        refused(anna.verify(&anna.changed(|c| c.key = other_key)), Code::UnendorsedDevice);
        assert!(anna.verify(&anna.changed(|c| c.chain_n = 1)).is_ok(), "also past its own entry");
        refused(anna.verify(&anna.changed(|c| c.chain_n = 2)), Code::MissingEvidence);
    }

    #[test]
    fn no_byte_of_a_certificate_can_be_changed() {
        let anna = Anna::new();
        let good = anna.phone.certificate();
        proptest!(|(place in 0_usize..good.len(), bit in 0_u8..8)| {
            let mut bytes = good.to_vec();
            bytes[place] ^= 1 << bit;
            prop_assert!(anna.verify(&bytes.into()).is_err());
        });
    }
}

//! Agency descriptors: an agency's operational keys and abilities.

use bytes::Bytes;

use super::{
    operational_key::{KeyPurpose, OperationalKey},
    roster::Agency,
};
use crate::{
    code::Code,
    crypto::{self, Label, SignedAs, SigningKey, Verified, VerifyKey, verify},
    error::{Error, Result, ensure},
    ids::{AgencyId, KeyId},
    limits,
    time::Timestamp,
    wire::{self, Signed, Wire, fields, proto, repeated},
};

/// What an agency says of itself, before its root key has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyDescriptor {
    /// The agency.
    pub agency: AgencyId,
    /// From 1, growing with every descriptor.
    pub version: u64,
    /// From when it is valid. A little in the past, so that nobody's clock is behind it.
    pub issued_at: Timestamp,
    /// Until when it is valid: at most [`limits::DESCRIPTOR_LIFETIME`] after `issued_at`.
    pub expires_at: Timestamp,
    /// The keys, 1 to 32. A certificate key that signs no more stays listed: old chain links need it.
    pub keys: Vec<OperationalKey>,
    /// Where the agency's server is reached, best first: URLs of the host's transport.
    pub endpoints: Vec<String>,
    /// Protocol versions spoken.
    pub versions: Vec<u32>,
    /// MLS cipher suites supported (RFC 9420 §17.1).
    pub suites: Vec<u16>,
}

impl AgencyDescriptor {
    /// Signs it with the agency's offline root key; brings the lists into order before.
    ///
    /// # Errors
    /// If it could not be accepted (SPEC V-221 to V-224).
    pub fn sign(mut self, root: &SigningKey) -> Result<Vec<u8>> {
        self.keys.sort_by_key(|k| (k.purpose, k.key));
        self.versions.sort_unstable();
        self.suites.sort_unstable();
        let checked: AgencyDescriptor = wire::decode_body(&wire::encode_body(&self))?;
        checked.check_keys()?;
        Ok(crypto::sign(checked, &[root]).bytes().to_vec())
    }

    fn check_keys(&self) -> Result<()> {
        self.keys.iter().try_for_each(OperationalKey::check)
    }

    /// Whether one denies the other, where one root key has signed both: two say different things
    /// under one version, or a key changes its purpose or validity (SPEC V-227).
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        let changes = |key: &OperationalKey| other.keys.iter().any(|o| o.key == key.key && o != key);
        self.version == other.version && self != other || self.keys.iter().any(changes)
    }
}

impl SignedAs for AgencyDescriptor {
    const LABEL: Label = Label::DESCRIPTOR;
}

impl Wire for AgencyDescriptor {
    type Proto = proto::AgencyDescriptor;
    const MAX: usize = limits::DESCRIPTOR;
    const NAME: &'static str = "agency descriptor";

    /// SPEC V-221 to V-223.
    fn parse(proto: Self::Proto) -> Result<Self> {
        let items = (1, limits::DESCRIPTOR_ITEMS);
        let keys = repeated(proto.keys, (1, limits::OPERATIONAL_KEYS), "keys", OperationalKey::parse)?;
        fields::ascending(&keys, |k| (k.purpose, k.key), "keys are not in order")?;
        let mut bytes: Vec<_> = keys.iter().map(|k| k.key).collect();
        bytes.sort_unstable();
        bytes.dedup();
        ensure(bytes.len() == keys.len(), Code::BadField, "one key for two purposes")?;

        let versions = repeated(proto.versions, items, "versions", Ok)?;
        fields::ascending(&versions, |v| *v, "versions are not in order")?;
        let suite = |s| u16::try_from(s).map_err(|_| Error::new(Code::BadField, "suite"));
        let suites = repeated(proto.suites, items, "suites", suite)?;
        fields::ascending(&suites, |s| *s, "suites are not in order")?;

        let (issued_at, expires_at) =
            (Timestamp::from_millis(proto.issued_at), Timestamp::from_millis(proto.expires_at));
        let short = issued_at < expires_at && expires_at.since(issued_at) <= limits::DESCRIPTOR_LIFETIME;
        ensure(short, Code::BadField, "descriptor validity")?;
        Ok(AgencyDescriptor {
            agency: AgencyId::parse(&proto.agency)?,
            version: fields::positive(proto.version, "descriptor version")?,
            issued_at,
            expires_at,
            keys,
            endpoints: repeated(proto.endpoints, (0, limits::DESCRIPTOR_ITEMS), "endpoints", endpoint)?,
            versions,
            suites,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::AgencyDescriptor {
            agency: self.agency.to_string(),
            version: self.version,
            issued_at: self.issued_at.as_millis(),
            expires_at: self.expires_at.as_millis(),
            keys: self.keys.iter().map(OperationalKey::to_proto).collect(),
            endpoints: self.endpoints.clone(),
            versions: self.versions.clone(),
            suites: self.suites.iter().map(|s| u32::from(*s)).collect(),
        }
    }
}

fn endpoint(url: String) -> Result<String> {
    ensure(!url.is_empty(), Code::BadField, "endpoint")?;
    ensure(url.len() <= limits::ENDPOINT, Code::TooLong, "endpoint")?;
    Ok(url)
}

/// A descriptor that its agency's root key signed.
#[derive(Clone, Debug)]
pub struct Descriptor(Verified<AgencyDescriptor>);

impl Descriptor {
    /// Verifies a descriptor of an agency on a trust list.
    ///
    /// # Errors
    /// Those of decoding (1xx); [`Code::CertificateMismatch`] if it is another agency's;
    /// [`Code::BadSignature`], [`Code::BadKey`] (SPEC V-221 to V-225).
    pub fn verify(bytes: &[u8], agency: &Agency) -> Result<Self> {
        let signed: Signed<AgencyDescriptor> = Signed::decode(&Bytes::copy_from_slice(bytes))?;
        ensure(signed.claimed().agency == agency.id, Code::CertificateMismatch, "another agency")?;
        Self::verify_signed(signed, &agency.root)
    }

    pub(super) fn verify_signed(signed: Signed<AgencyDescriptor>, root: &[u8; 32]) -> Result<Self> {
        signed.claimed().check_keys()?;
        verify(signed, &VerifyKey::parse(root)?).map(Descriptor)
    }

    pub(super) fn from_store(row: Vec<u8>) -> Result<Self> {
        Verified::from_store(row).map(Descriptor)
    }

    /// Whose it claims to be; nothing is checked.
    pub(crate) fn claimed_agency(bytes: &Bytes) -> Result<AgencyId> {
        Ok(Signed::<AgencyDescriptor>::decode(bytes)?.into_claimed().agency)
    }

    /// The keys that it lists and another one does not.
    pub(crate) fn keys_beyond(&self, other: &Descriptor) -> Vec<(KeyPurpose, KeyId)> {
        let listed = |key: &&OperationalKey| other.0.keys.iter().all(|o| o.key != key.key);
        self.0.keys.iter().filter(listed).map(|key| (key.purpose, VerifyKey::id_of(&key.key))).collect()
    }

    /// The bytes that the root key signed.
    pub(super) fn body(&self) -> &Bytes {
        self.0.body()
    }

    /// The signed descriptor as it travels.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.0.bytes()
    }

    /// Whether this root key signed it.
    pub(super) fn is_by(&self, root: &KeyId) -> bool {
        self.0.signer().is_some_and(|signer| signer == *root)
    }

    /// Whether it is valid at this time (SPEC V-228).
    #[must_use]
    pub fn valid_at(&self, at: Timestamp) -> bool {
        self.0.issued_at <= at && at < self.0.expires_at
    }

    /// The key of this name, if it is for this purpose and valid at this time.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if it is not listed, for another descriptor may list it;
    /// [`Code::UnknownKey`] if it is for another purpose (SPEC V-230); [`Code::Expired`]
    /// (SPEC V-231).
    pub(super) fn key(&self, purpose: KeyPurpose, id: &KeyId, at: Timestamp) -> Result<VerifyKey> {
        let key = self.0.keys.iter().find(|key| VerifyKey::id_of(&key.key) == *id);
        let key = key.ok_or(Error::new(Code::MissingEvidence, "agency key"))?;
        ensure(key.purpose == purpose, Code::UnknownKey, "agency key of another purpose")?;
        ensure(key.valid_at(at), Code::Expired, "agency key")?;
        VerifyKey::parse(&key.key)
    }

    /// The key of this name, if it is for this purpose and was valid for some of a time.
    ///
    /// # Errors
    /// As [`Descriptor::key`].
    pub(super) fn key_within(
        &self,
        purpose: KeyPurpose,
        id: &KeyId,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<VerifyKey> {
        let key = self.0.keys.iter().find(|key| VerifyKey::id_of(&key.key) == *id);
        let at = key.map_or(from, |key| from.max(key.not_before));
        ensure(at < until, Code::Expired, "agency key")?;
        self.key(purpose, id, at)
    }

    /// Whether it lists a key of this name, for whatever purpose.
    pub(super) fn lists(&self, id: &KeyId) -> bool {
        self.0.keys.iter().any(|key| VerifyKey::id_of(&key.key) == *id)
    }

    /// [`Descriptor::key`] in the first descriptor of an agency that lists it.
    ///
    /// # Errors
    /// As there; [`Code::MissingEvidence`] if none of them is the agency's and lists it.
    pub(super) fn key_among<'d>(
        descriptors: impl IntoIterator<Item = &'d Descriptor>,
        agency: &AgencyId,
        (purpose, id): (KeyPurpose, &KeyId),
        at: Timestamp,
    ) -> Result<VerifyKey> {
        let mut own = descriptors.into_iter().filter(|descriptor| descriptor.agency == *agency);
        let lists = own.find(|descriptor| descriptor.lists(id));
        lists.ok_or(Error::new(Code::MissingEvidence, "descriptor with this key"))?.key(purpose, id, at)
    }
}

/// What it says.
impl core::ops::Deref for Descriptor {
    type Target = AgencyDescriptor;

    fn deref(&self) -> &AgencyDescriptor {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::{DAY, TestFederation, key, now};

    fn refused(result: Result<impl Sized>, code: Code) {
        assert_eq!(result.err().map(|e| e.code()), Some(code));
    }

    /// Agency a's descriptor after a change, signed by its root whatever it says.
    fn after(change: impl FnOnce(&mut AgencyDescriptor)) -> Result<Descriptor> {
        let federation = TestFederation::new();
        let agency = &federation.agencies[0];
        let mut descriptor = agency.describe(1, now());
        change(&mut descriptor);
        let signed = crypto::sign(descriptor, &[&agency.root]);
        Descriptor::verify(signed.bytes(), &agency.listed())
    }

    #[test]
    fn what_the_root_signed() {
        let federation = TestFederation::new();
        let agency = &federation.agencies[0];
        let descriptor = Descriptor::verify(&agency.descriptor(), &agency.listed()).unwrap();
        assert_eq!(*descriptor, agency.describe(1, now().minus(DAY)));
        assert_eq!(descriptor.bytes(), &agency.descriptor());
        let server = agency.server.verify_key();
        assert_eq!(descriptor.key(KeyPurpose::Server, &server.id(), now()).unwrap(), server);
    }

    /// V-221, V-222
    #[test]
    fn fields_out_of_range() {
        refused(after(|d| d.version = 0), Code::BadField);
        refused(after(|d| d.expires_at = d.issued_at), Code::BadField);
        refused(
            after(|d| d.expires_at = d.issued_at.plus(30 * DAY).plus(core::time::Duration::from_millis(1))),
            Code::BadField,
        );
        refused(after(|d| d.keys.clear()), Code::BadField);
        refused(after(|d| d.keys[0].not_after = d.keys[0].not_before), Code::BadField);
        refused(after(|d| d.versions.clear()), Code::BadField);
        refused(after(|d| d.suites = vec![3, 1]), Code::BadField);
        refused(after(|d| d.versions = vec![1, 1]), Code::BadField);
        refused(after(|d| d.endpoints = vec![String::new()]), Code::BadField);
        refused(after(|d| d.endpoints = vec!["e".repeat(1_025)]), Code::TooLong);
        refused(after(|d| d.endpoints = vec!["e".into(); 33]), Code::TooLong);
    }

    /// V-223
    #[test]
    fn keys_in_order_and_with_one_purpose() {
        refused(after(|d| d.keys.reverse()), Code::BadField);
        refused(after(|d| d.keys[1].key = d.keys[0].key), Code::BadField);
    }

    /// V-224
    #[test]
    fn keys_that_are_none() {
        refused(after(|d| d.keys[0].key = [0; 32]), Code::BadKey);
        refused(after(|d| d.keys[1].key = [0; 32]), Code::BadKey);
    }

    /// V-225
    #[test]
    fn another_root() {
        let federation = TestFederation::new();
        let [a, b, ..] = &federation.agencies;
        let by_other = a.describe(1, now()).sign(&b.root).unwrap();
        refused(Descriptor::verify(&by_other, &a.listed()), Code::BadSignature);
        refused(Descriptor::verify(&a.descriptor(), &b.listed()), Code::CertificateMismatch);
    }

    /// V-228
    #[test]
    fn validity() {
        let descriptor = after(|_| {}).unwrap();
        assert!(!descriptor.valid_at(Timestamp::from_millis(now().as_millis() - 1)));
        assert!(descriptor.valid_at(now()) && descriptor.valid_at(now().plus(29 * DAY)));
        assert!(!descriptor.valid_at(now().plus(30 * DAY)));
    }

    /// V-230, V-231
    #[test]
    fn wrong_purpose_unlisted_and_outdated_keys() {
        let descriptor = after(|d| d.keys[1].not_after = now().plus(DAY)).unwrap();
        let federation = TestFederation::new();
        let (certificate, server) = (
            federation.agencies[0].certificate.verify_key().id(),
            federation.agencies[0].server.verify_key().id(),
        );
        assert!(descriptor.key(KeyPurpose::Certificate, &certificate, now()).is_ok());
        refused(descriptor.key(KeyPurpose::Server, &certificate, now()), Code::UnknownKey);
        refused(descriptor.key(KeyPurpose::Certificate, &server, now()), Code::UnknownKey);
        refused(descriptor.key(KeyPurpose::Server, &server, now().plus(DAY)), Code::Expired);
        refused(descriptor.key(KeyPurpose::Server, &server, now().minus(101 * DAY)), Code::Expired);
        refused(descriptor.key(KeyPurpose::Server, &key(99).verify_key().id(), now()), Code::MissingEvidence);
    }

    /// V-216
    #[test]
    fn keys_that_another_one_does_not_list() {
        let (all, fewer) = (after(|_| {}).unwrap(), after(|d| d.keys.truncate(1)).unwrap());
        let federation = TestFederation::new();
        let server = federation.agencies[0].server.verify_key().id();
        assert_eq!(all.keys_beyond(&fewer), [(KeyPurpose::Server, server)]);
        assert_eq!(fewer.keys_beyond(&all), []);
        assert_eq!(all.keys_beyond(&all), []);
    }

    #[test]
    fn signing_brings_lists_into_order() {
        let federation = TestFederation::new();
        let agency = &federation.agencies[0];
        let mut descriptor = agency.describe(1, now());
        descriptor.keys.reverse();
        descriptor.suites = vec![3, 1];
        let signed = descriptor.sign(&agency.root).unwrap();
        assert_eq!(Descriptor::verify(&signed, &agency.listed()).unwrap().suites, [1, 3]);
        let mut long = agency.describe(1, now());
        long.expires_at = now().plus(31 * DAY);
        refused(long.sign(&agency.root), Code::BadField);
    }
}

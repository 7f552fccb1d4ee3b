//! The directory as it stands at a stamp.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;

use super::{Directory, rows};
use crate::{
    code::Code,
    crypto::{Held, VerifyKey},
    error::{Error, Result, ensure},
    identity::{
        Descriptor, KeyPurpose, TrustList, UserChain, VerifiedDevice,
        certificate::{AgencyKey, CertifiedDevice, DeviceCertificate, Upto},
    },
    ids::{AgencyId, Hash, KeyId, UserId},
    store::{Draft, Key},
    time::Timestamp,
    wire::{Signed, log::Stamp},
};

/// Which revocation lists count.
pub(super) enum Revocations {
    /// For each agency the version that a stamp names; where it names none nothing is revoked.
    Named(BTreeMap<AgencyId, u64>),
    /// The newest.
    Newest,
}

impl Revocations {
    /// SPEC V-297.
    fn check(&self, draft: &Draft<'_>, claims: &DeviceCertificate) -> Result<()> {
        let version = match self {
            Revocations::Newest => u64::MAX,
            Revocations::Named(named) => {
                let Some(version) = named.get(&claims.agency) else { return Ok(()) };
                let known = Directory.revocation_version(draft, &claims.agency)?;
                ensure(known >= *version, Code::MissingEvidence, "revocation list")?;
                *version
            }
        };
        let revoked = Directory.revoked_since(draft, &claims.device, claims.serial, version)?;
        ensure(revoked.is_none(), Code::Revoked, "device certificate")
    }
}

/// A time, a trust list and revocation lists with what hangs on them; documents are read
/// once, however many devices are verified.
pub(crate) struct View<'v, 'a> {
    draft: &'v Draft<'a>,
    at: Timestamp,
    list: TrustList,
    revocations: Revocations,
    descriptors: BTreeMap<AgencyId, Descriptors>,
    /// The chains of users under an identity.
    chains: BTreeMap<(UserId, Hash), Arc<UserChain>>,
    held: Option<&'v Held>,
}

impl<'v, 'a> View<'v, 'a> {
    pub(super) fn new(
        draft: &'v Draft<'a>,
        at: Timestamp,
        list: TrustList,
        revocations: Revocations,
    ) -> Self {
        View {
            draft,
            at,
            list,
            revocations,
            descriptors: BTreeMap::new(),
            chains: BTreeMap::new(),
            held: None,
        }
    }

    /// With signatures that held before.
    pub(crate) fn with_held(self, held: &'v Held) -> Self {
        View { held: Some(held), ..self }
    }

    /// As a stamp says.
    pub(super) fn at(draft: &'v Draft<'a>, stamp: &Stamp) -> Result<Self> {
        let named = stamp.revocations.iter().map(|named| (named.agency.clone(), named.version)).collect();
        let list = Directory.trust_list(draft, stamp.trust_version)?;
        Ok(Self::new(draft, stamp.at, list, Revocations::Named(named)))
    }

    /// Verifies a device certificate: as [`View::device_from`], with no other entry.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn device(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        self.device_from(certificate, 0)
    }

    /// Verifies a device certificate. Under the lists of a stamp the device is held against the
    /// user's chain up to entry `least`, or up to the one that the certificate names, if that
    /// comes later. Under the newest lists it is held against all that is known of the user.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] while a document is not here that may yet bear it out; else
    /// SPEC V-210 to V-212, V-228 to V-231, V-261 to V-270, V-297, each with its code.
    pub(crate) fn device_from(&mut self, certificate: &Bytes, least: u32) -> Result<VerifiedDevice> {
        let View { draft, at, list, revocations, descriptors, chains, held } = self;
        let newest = matches!(revocations, Revocations::Newest);
        let upto = if newest { Upto::All } else { Upto::Entry(least) };
        let revoked = |claims: &DeviceCertificate| revocations.check(draft, claims);
        let key = |agency: &AgencyId, id: &KeyId| {
            let key = certificate_key(draft, list, descriptors, (agency, id), *at)?;
            Ok(AgencyKey { key, held: *held })
        };
        let bears_out = |user: &UserId, identity: &Hash| {
            let chain = chain(draft, chains, user, identity)?;
            // V-270
            let replaced = newest && Directory.identity(*draft, user)?.as_ref() != Some(identity);
            ensure(!replaced, Code::ReplacedIdentity, "device")?;
            Ok(chain)
        };
        VerifiedDevice::verify(Signed::decode(certificate)?, *at, list, revoked, key, bears_out, upto)
    }

    /// Verifies what binds a device that is in a room already: that its agency has vouched for it,
    /// and that its user's chain endorses it. What has ended since keeps nobody from joining (SPEC
    /// V-453): that is for [`View::stands`].
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] while a document is not here that may yet bear it out; else
    /// SPEC V-230, V-231, V-261, V-262, V-266, V-267, V-269, each with its code.
    pub(crate) fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        let View { draft, descriptors, chains, .. } = self;
        let key = |claims: &DeviceCertificate, id: &KeyId| {
            let agency = &claims.agency;
            let of = descriptors.entry(agency.clone()).or_insert_with(|| Descriptors::of(agency));
            let while_valid = (claims.not_before, claims.not_after);
            of.find(draft, |d| d.key_within(KeyPurpose::Certificate, id, while_valid))
        };
        let bears_out = |user: &UserId, identity: &Hash| chain(draft, chains, user, identity);
        VerifiedDevice::bound(Signed::decode(certificate)?, key, bears_out)
    }

    /// Checks that its agency vouches for a device, whatever the user's chain says.
    ///
    /// # Errors
    /// As [`View::device`], without what the chain decides.
    pub(crate) fn certified(&mut self, certificate: &Bytes) -> Result<CertifiedDevice> {
        let View { draft, at, list, revocations, descriptors, held, .. } = self;
        let revoked = |claims: &DeviceCertificate| revocations.check(draft, claims);
        let key = |agency: &AgencyId, id: &KeyId| {
            let key = certificate_key(draft, list, descriptors, (agency, id), *at)?;
            Ok(AgencyKey { key, held: *held })
        };
        CertifiedDevice::verify(Signed::decode(certificate)?, *at, list, revoked, key)
    }

    /// Whether what a certificate says stands at this time, under these lists: all that can
    /// come to an end about a device that was verified before.
    ///
    /// # Errors
    /// SPEC V-210 to V-212, V-265, V-297, each with its code.
    pub(crate) fn stands(&self, claims: &DeviceCertificate) -> Result<()> {
        claims.check_at(self.at, &self.list)?;
        self.revocations.check(self.draft, claims)
    }

    /// A user's chain under an identity that may have been replaced since, as far as it is known.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if it is not here.
    pub(crate) fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>> {
        chain(self.draft, &mut self.chains, user, identity)
    }

    /// Until when (exclusive) the trust list is in force.
    pub(crate) fn list_until(&self) -> Timestamp {
        self.list.until()
    }
}

/// A user's chain under an identity, read once.
fn chain(
    draft: &Draft<'_>,
    chains: &mut BTreeMap<(UserId, Hash), Arc<UserChain>>,
    user: &UserId,
    identity: &Hash,
) -> Result<Arc<UserChain>> {
    let place = (user.clone(), *identity);
    if let Some(chain) = chains.get(&place) {
        return Ok(chain.clone());
    }
    let missing = Error::new(Code::MissingEvidence, "user chain");
    let chain = Arc::new(Directory.chain_of(draft, user, identity)?.ok_or(missing)?);
    chains.insert(place, chain.clone());
    Ok(chain)
}

/// A certificate key of an agency.
fn certificate_key(
    draft: &Draft<'_>,
    list: &TrustList,
    descriptors: &mut BTreeMap<AgencyId, Descriptors>,
    (agency, id): (&AgencyId, &KeyId),
    at: Timestamp,
) -> Result<VerifyKey> {
    list.check_at(at)?;
    let root = VerifyKey::id_of(list.agency(agency)?.root());
    let descriptors = descriptors.entry(agency.clone()).or_insert_with(|| Descriptors::of(agency));
    if let Some(key) = descriptors.certificate_keys.get(id) {
        return Ok(key.clone());
    }
    let key =
        descriptors.key(draft, |d| d.is_by(&root) && d.valid_at(at), KeyPurpose::Certificate, id, at)?;
    descriptors.certificate_keys.insert(*id, key.clone());
    Ok(key)
}

/// One agency's descriptors, those by one root key newest first, read as they are needed.
pub(super) struct Descriptors {
    prefix: Key,
    read: Vec<Descriptor>,
    after: Option<Key>,
    /// Those that the view has found, at its time: parsed once, for many devices have the same.
    certificate_keys: BTreeMap<KeyId, VerifyKey>,
}

impl Descriptors {
    pub(super) fn of(agency: &AgencyId) -> Self {
        Self::under(rows::descriptor_prefix(agency))
    }

    /// Those by one root key alone.
    pub(super) fn by(agency: &AgencyId, root: &KeyId) -> Self {
        Self::under(rows::descriptors_by(agency, root))
    }

    fn under(prefix: Key) -> Self {
        Descriptors { prefix, read: Vec::new(), after: None, certificate_keys: BTreeMap::new() }
    }

    /// A key that one of the descriptors that `count` lists. Because a key never changes its
    /// purpose or validity, the first that lists it decides; because another descriptor may
    /// list it, its absence decides nothing (SPEC V-229).
    pub(super) fn key(
        &mut self,
        draft: &Draft<'_>,
        count: impl Fn(&Descriptor) -> bool,
        purpose: KeyPurpose,
        id: &KeyId,
        at: Timestamp,
    ) -> Result<VerifyKey> {
        self.find(draft, |descriptor| match count(descriptor) {
            true => descriptor.key(purpose, id, at),
            false => Err(Error::new(Code::MissingEvidence, "descriptor of another time")),
        })
    }

    /// What the newest descriptor says that says something.
    fn find(
        &mut self,
        draft: &Draft<'_>,
        says: impl Fn(&Descriptor) -> Result<VerifyKey>,
    ) -> Result<VerifyKey> {
        let mut place = 0;
        while let Some(descriptor) = self.get(draft, place)? {
            match says(descriptor) {
                Err(error) if error.code() == Code::MissingEvidence => {}
                decided => return decided,
            }
            place = place.saturating_add(1);
        }
        Err(Error::new(Code::MissingEvidence, "descriptor with this key"))
    }

    /// One descriptor, and for keys that it does not list the newest ones that do.
    pub(super) fn for_keys(
        &mut self,
        draft: &Draft<'_>,
        first: Descriptor,
        mut keys: BTreeSet<&KeyId>,
    ) -> Result<Vec<Descriptor>> {
        keys.retain(|key| !first.lists(key));
        let mut chosen = vec![first];
        let mut place = 0;
        while !keys.is_empty()
            && let Some(descriptor) = self.get(draft, place)?
        {
            let before = keys.len();
            keys.retain(|key| !descriptor.lists(key));
            if keys.len() < before {
                chosen.push(descriptor.clone());
            }
            place = place.saturating_add(1);
        }
        Ok(chosen)
    }

    /// The newest descriptor that is valid at a time.
    pub(super) fn newest_at(&mut self, draft: &Draft<'_>, at: Timestamp) -> Result<Descriptor> {
        let mut place = 0;
        while let Some(descriptor) = self.get(draft, place)? {
            if descriptor.valid_at(at) {
                return Ok(descriptor.clone());
            }
            place = place.saturating_add(1);
        }
        Err(Error::new(Code::MissingEvidence, "descriptor valid then"))
    }

    fn get(&mut self, draft: &Draft<'_>, place: usize) -> Result<Option<&Descriptor>> {
        while self.read.len() <= place {
            let next = draft.scan(&self.prefix, self.after.as_deref(), 1)?.into_iter().next();
            let Some((key, row)) = next else { break };
            self.read.push(Descriptor::from_store(row)?);
            self.after = Some(key);
        }
        Ok(self.read.get(place))
    }
}

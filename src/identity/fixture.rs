//! A small federation for tests, made from seeds: three agencies with everything that they sign.

use core::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{
    Agency, AgencyDescriptor, AgencyStatus, Directory, Enrolment, Federation, KeyPurpose, NewDevice,
    NewLinks, OperationalKey, RecoveryKey, Registrar, RootKey, Roster, SigningKey, UserChain, UserKind,
    VerifiedDevice,
};
use crate::{
    error::Result,
    ids::{AgencyId, UserId},
    store::{Ctx, Draft, MemoryStore, Transition},
    time::Timestamp,
    wire::log::{RevocationVersion, Stamp},
};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// The time of the tests.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

pub(crate) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// The key of a number; equal numbers, equal keys.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn agency(name: &str) -> AgencyId {
    AgencyId::parse(name).unwrap()
}

/// A stamp that names these revocation lists, in order.
pub(crate) fn stamp(at: Timestamp, trust_version: u64, lists: &[(&str, u64)]) -> Stamp {
    let named = |(name, version): &(&str, u64)| RevocationVersion { agency: agency(name), version: *version };
    Stamp { at, trust_version, revocations: lists.iter().map(named).collect() }
}

/// An agency's offline tools.
pub(crate) struct TestAgency {
    pub(crate) id: AgencyId,
    pub(crate) root: SigningKey,
    pub(crate) certificate: SigningKey,
    pub(crate) server: SigningKey,
    pub(crate) registrar: Registrar,
    pub(crate) store: MemoryStore,
}

impl TestAgency {
    fn new(name: &str, seed: u8) -> Self {
        TestAgency {
            id: agency(name),
            root: key(seed),
            certificate: key(seed + 1),
            server: key(seed + 2),
            registrar: Registrar::new(agency(name), key(seed + 1)),
            store: MemoryStore::default(),
        }
    }

    pub(crate) fn listed(&self) -> Agency {
        Agency::new(self.id.clone(), AgencyStatus::Active, &self.root.verify_key())
    }

    /// The descriptor of a version, valid for 30 days from `issued_at` on.
    pub(crate) fn describe(&self, version: u64, issued_at: Timestamp) -> AgencyDescriptor {
        let operational = |purpose, key: &SigningKey| {
            let (from, until) = (now().minus(100 * DAY), now().plus(1_000 * DAY));
            OperationalKey::new(purpose, key.verify_key().as_bytes(), from, until)
        };
        AgencyDescriptor {
            agency: self.id.clone(),
            version,
            issued_at,
            expires_at: issued_at.plus(30 * DAY),
            keys: vec![
                operational(KeyPurpose::Certificate, &self.certificate),
                operational(KeyPurpose::Server, &self.server),
            ],
            endpoints: vec![format!("https://{}", self.id)],
            versions: vec![1],
            suites: vec![3],
        }
    }

    /// Descriptor 1, valid around [`now`].
    pub(crate) fn descriptor(&self) -> Bytes {
        self.describe(1, now().minus(DAY)).sign(&self.root).unwrap().into()
    }

    /// Enrols whoever made the request.
    pub(crate) fn enrol(&mut self, request: &[u8]) -> Result<(Enrolment, VerifiedDevice)> {
        let ctx = Ctx { now: now(), store: &self.store, rng: &mut rng(1) };
        let transition = self.registrar.enrol(ctx, request, 300 * DAY)?;
        let enrolled = transition.commit(&mut self.store).unwrap().value;
        Ok((enrolled.enrolment, enrolled.device))
    }
}

/// A device with what it needs to act.
pub(crate) struct TestDevice {
    pub(crate) new: NewDevice,
    pub(crate) enrolment: Enrolment,
    pub(crate) verified: VerifiedDevice,
}

impl TestDevice {
    pub(crate) fn certificate(&self) -> &Bytes {
        &self.enrolment.certificate
    }

    pub(crate) fn chain(&self) -> &[Bytes] {
        &self.enrolment.chain
    }
}

/// Three agencies, three root key holders (numbers 1 to 3) of whom two sign.
pub(crate) struct TestFederation {
    pub(crate) anchor: Federation,
    pub(crate) agencies: [TestAgency; 3],
}

impl TestFederation {
    pub(crate) fn new() -> Self {
        let anchor = Federation::new("police.example", roots(&[1, 2, 3]), 2).unwrap();
        let agencies = [("a.example", 10), ("b.example", 20), ("c.example", 30)];
        let agencies = agencies.map(|(name, seed)| TestAgency::new(name, seed));
        let mut federation = TestFederation { anchor, agencies };
        let (list, anchor) = (federation.trust_list(), federation.anchor.clone());
        for agency in &mut federation.agencies {
            let descriptor = agency.descriptor();
            let mut store = MemoryStore::default();
            apply(&mut store, |draft| {
                Directory.install(draft, &anchor)?;
                Directory.accept_trust_list(draft, &list)?;
                Directory.accept_descriptor(draft, &descriptor)
            })
            .unwrap();
            agency.store = store;
        }
        federation
    }

    /// The roster of a version, valid for a year around [`now`].
    pub(crate) fn roster(&self, version: u64) -> Roster {
        Roster {
            federation: self.anchor.name().into(),
            version,
            issued_at: now().minus(10 * DAY),
            expires_at: now().plus(355 * DAY),
            roots: self.anchor.roots().to_vec(),
            threshold: 2,
            agencies: self.agencies.iter().map(TestAgency::listed).collect(),
        }
    }

    /// Trust list 1.
    pub(crate) fn trust_list(&self) -> Bytes {
        signed(&self.roster(1), &[1, 2])
    }

    /// A store that knows the federation, trust list 1 and all descriptors.
    pub(crate) fn store(&self) -> MemoryStore {
        let mut store = MemoryStore::default();
        apply(&mut store, |draft| {
            Directory.install(draft, &self.anchor)?;
            Directory.accept_trust_list(draft, &self.trust_list())?;
            for agency in &self.agencies {
                Directory.accept_descriptor(draft, &agency.descriptor())?;
            }
            Ok(())
        })
        .unwrap();
        store
    }

    /// The first device of a person at the agency that the name says.
    pub(crate) fn person(&mut self, name: &str, seed: u8) -> TestDevice {
        let recovery = RecoveryKey::own(&SigningKey::generate(&mut rng(seed ^ 0x80)).verify_key());
        self.first(UserKind::Person, name, seed, vec![recovery])
    }

    /// The first device of an archive at the agency that the name says.
    pub(crate) fn archive(&mut self, name: &str, seed: u8) -> TestDevice {
        let keeper = |owner: &str, seed| {
            RecoveryKey::kept_by(owner, &SigningKey::generate(&mut rng(seed)).verify_key())
        };
        let keepers = vec![keeper("keeper 1", seed ^ 0x80), keeper("keeper 2", seed ^ 0x90)];
        self.first(UserKind::Archive, name, seed, keepers)
    }

    fn first(&mut self, kind: UserKind, name: &str, seed: u8, recovery: Vec<RecoveryKey>) -> TestDevice {
        let new = NewDevice::generate(user(name), &mut rng(seed));
        let request = new.found(kind, recovery, now()).unwrap();
        self.enrolled(new, &request)
    }

    /// A further device of the same person.
    pub(crate) fn further(&mut self, first: &TestDevice, seed: u8) -> TestDevice {
        let new = NewDevice::generate(first.verified.user().clone(), &mut rng(seed));
        let request = self.chain(first).endorse(&new.offer(now()), first.new.key(), now()).unwrap();
        self.enrolled(new, &request)
    }

    /// The person's chain as their agency's registrar knows it.
    pub(crate) fn chain(&mut self, of: &TestDevice) -> UserChain {
        let home = of.verified.user().agency().clone();
        let store = &self.home(&home).store;
        read(store, |draft| Directory.chain(draft, of.verified.user())).unwrap().unwrap()
    }

    pub(crate) fn home(&mut self, id: &AgencyId) -> &mut TestAgency {
        self.agencies.iter_mut().find(|a| a.id == *id).unwrap()
    }

    fn enrolled(&mut self, new: NewDevice, request: &[u8]) -> TestDevice {
        let home = new.device().user.agency().clone();
        let (enrolment, verified) = self.home(&home).enrol(request).unwrap();
        TestDevice { new, enrolment, verified }
    }
}

/// Root keys of numbered holders.
pub(crate) fn roots(holders: &[u8]) -> Vec<RootKey> {
    holders.iter().map(|n| RootKey::new(format!("holder {n:02}"), &key(*n).verify_key())).collect()
}

/// A roster signed by numbered holders.
pub(crate) fn signed(roster: &Roster, holders: &[u8]) -> Bytes {
    let shares: Vec<_> = holders.iter().map(|n| roster.sign(&key(*n)).unwrap()).collect();
    Roster::join(&shares).unwrap().into()
}

/// Runs something on a draft and applies what it wrote; an error changes nothing.
pub(crate) fn apply<T>(store: &mut MemoryStore, f: impl FnOnce(&mut Draft<'_>) -> Result<T>) -> Result<T> {
    apply_at(store, now(), f)
}

/// The same at a time.
pub(crate) fn apply_at<T>(
    store: &mut MemoryStore,
    at: Timestamp,
    f: impl FnOnce(&mut Draft<'_>) -> Result<T>,
) -> Result<T> {
    let mut rng = rng(0);
    let mut draft = Draft::new(Ctx { now: at, store, rng: &mut rng });
    let value = f(&mut draft)?;
    let transition: Transition<T, ()> = draft.finish(value)?;
    Ok(transition.commit(store).unwrap().value)
}

/// Reads a store.
pub(crate) fn read<T>(store: &MemoryStore, f: impl FnOnce(&Draft<'_>) -> Result<T>) -> Result<T> {
    f(&Draft::new(Ctx { now: now(), store, rng: &mut rng(0) }))
}

/// Takes links of user chains, all of them or none; what is good in the place of known ones is told.
pub(crate) fn take_chain(draft: &mut Draft<'_>, links: &[Bytes]) -> Result<NewLinks> {
    let taken = Directory.accept_chain(draft, links)?;
    match &taken.refusal {
        Some(refusal) => Err(refusal.clone()),
        None => Ok(taken),
    }
}

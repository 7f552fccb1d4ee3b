//! Who vouches for whom: the federation's list, each agency's keys, each officer's chain.
//! In real life every key here stands on a machine, a card or a sheet of paper of its own.

use std::time::Duration;

use rand_core::CryptoRng;
use verbund::{
    client::Client,
    identity::{
        Agency, AgencyDescriptor, AgencyStatus, Federation, KeyPurpose, OperationalKey, RecoveryKey,
        Registrar, RootKey, Roster, SigningKey, UserKind,
    },
    ids::{AgencyId, UserId},
    server::Setup,
    store::{Ctx, MemoryStore},
    time::Timestamp,
};

use crate::world::Error;

const DAY: Duration = Duration::from_secs(86_400);

/// The federation's office: two of three holders sign its list.
pub struct Office {
    pub federation: Federation,
    pub trust_list: Vec<u8>,
    /// All lists so far.
    pub lists: Vec<Vec<u8>>,
    roster: Roster,
    holders: [SigningKey; 3],
}

/// An agency's keys, its descriptor, and the desk that enrols devices.
pub struct Authority {
    pub agency: AgencyId,
    root: SigningKey,
    certificate: SigningKey,
    server: SigningKey,
    described: AgencyDescriptor,
    /// Signed once: a second one with the same number would be held against the agency.
    pub descriptor: Vec<u8>,
}

/// An agency's operational keys.
pub struct Keys {
    pub certificate: SigningKey,
    pub server: SigningKey,
}

/// The desk: its store keeps what it has countersigned.
pub struct Desk {
    pub registrar: Registrar,
    pub store: MemoryStore,
}

impl Authority {
    /// Makes the keys, and names the operational ones in a descriptor, signed by the root key.
    pub fn new(agency: &str, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let agency = AgencyId::parse(agency)?;
        let [root, certificate, server] = [(); 3].map(|()| SigningKey::generate(rng));
        let key = |purpose, key: &SigningKey| Self::operational(purpose, key, now);
        let described = AgencyDescriptor {
            agency: agency.clone(),
            version: 1,
            issued_at: now.minus(DAY),
            expires_at: now.plus(29 * DAY),
            keys: vec![key(KeyPurpose::Certificate, &certificate), key(KeyPurpose::Server, &server)],
            endpoints: vec![format!("https://verbund.{agency}")],
            versions: vec![1],
            suites: vec![3],
        };
        let descriptor = described.clone().sign(&root)?;
        Ok(Authority { agency, root, certificate, server, described, descriptor })
    }

    /// The next descriptor: as the first, from `now` on, with a change.
    pub fn describe(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut AgencyDescriptor),
    ) -> Result<Vec<u8>, Error> {
        self.described.version += 1;
        self.described.issued_at = now;
        self.described.expires_at = now.plus(30 * DAY);
        change(&mut self.described);
        self.descriptor = self.described.clone().sign(&self.root)?;
        Ok(self.descriptor.clone())
    }

    /// Makes another key the root key. Gives the old one, which may sign for it once more.
    pub fn replace_root(&mut self, root: SigningKey) -> SigningKey {
        std::mem::replace(&mut self.root, root)
    }

    /// A key for one purpose, as descriptors name it.
    pub fn operational(purpose: KeyPurpose, key: &SigningKey, now: Timestamp) -> OperationalKey {
        OperationalKey::new(purpose, key.verify_key().as_bytes(), now.minus(DAY), now.plus(400 * DAY))
    }

    /// The keys that an attacker would have who has taken the agency over.
    pub fn keys(&self) -> Keys {
        let copy = |key: &SigningKey| SigningKey::from_seed(&key.seed());
        Keys { certificate: copy(&self.certificate), server: copy(&self.server) }
    }

    /// Gives the server another key; a descriptor has to name it.
    pub fn replace_server_key(&mut self, server: SigningKey) -> SigningKey {
        std::mem::replace(&mut self.server, server)
    }

    /// What the agency's server is set up with. The certificate key stays with the desk.
    pub fn setup(&self, office: &Office) -> Setup {
        Setup {
            agency: self.agency.clone(),
            server_key: SigningKey::from_seed(&self.server.seed()),
            federation: office.federation.clone(),
            trust_list: office.trust_list.clone(),
            descriptor: self.descriptor.clone(),
        }
    }

    pub fn desk(&self, office: &Office, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<Desk, Error> {
        let registrar = Registrar::new(self.agency.clone(), SigningKey::from_seed(&self.certificate.seed()));
        let mut store = MemoryStore::default();
        registrar.install(Ctx { now, store: &store, rng }, &office.federation)?.commit(&mut store)?;
        registrar
            .accept_trust_list(Ctx { now, store: &store, rng }, &office.trust_list)?
            .commit(&mut store)?;
        registrar.accept_descriptor(Ctx { now, store: &store, rng }, &self.descriptor)?.commit(&mut store)?;
        Ok(Desk { registrar, store })
    }
}

impl Office {
    /// Three holders; two of them sign the list of agencies.
    pub fn found(agencies: &[Authority], now: Timestamp, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let holders = [(); 3].map(|()| SigningKey::generate(rng));
        let names = ["Bund", "Nord", "Sued"];
        let roots =
            names.iter().zip(&holders).map(|(name, key)| RootKey::new(*name, &key.verify_key())).collect();
        let federation = Federation::new("verbund.example", roots, 2)?;
        let roster = Roster {
            federation: federation.name().into(),
            version: 1,
            issued_at: now.minus(DAY),
            expires_at: now.plus(365 * DAY),
            roots: federation.roots().to_vec(),
            threshold: federation.threshold(),
            agencies: agencies
                .iter()
                .map(|a| Agency::new(a.agency.clone(), AgencyStatus::Active, &a.root.verify_key()))
                .collect(),
        };
        let [first, _, third] = &holders;
        let trust_list = Roster::join(&[roster.sign(first)?, roster.sign(third)?])?;
        let lists = vec![trust_list.clone()];
        Ok(Office { federation, trust_list, lists, roster, holders })
    }

    /// The next list, from `now` on, with a change; signed by two.
    pub fn amend(&mut self, now: Timestamp, change: impl FnOnce(&mut Roster)) -> Result<Vec<u8>, Error> {
        self.roster.version += 1;
        self.roster.issued_at = now;
        change(&mut self.roster);
        let [first, second, _] = &self.holders;
        self.trust_list = Roster::join(&[self.roster.sign(first)?, self.roster.sign(second)?])?;
        self.lists.push(self.trust_list.clone());
        Ok(self.trust_list.clone())
    }

    /// Another list with the number that the next one will have: what holders must not sign.
    pub fn fork(&self, now: Timestamp, change: impl FnOnce(&mut Roster)) -> Result<Vec<u8>, Error> {
        let mut rival = Roster { version: self.roster.version + 1, issued_at: now, ..self.roster.clone() };
        change(&mut rival);
        let [first, _, third] = &self.holders;
        Ok(Roster::join(&[rival.sign(first)?, rival.sign(third)?])?)
    }
}

impl Desk {
    /// Enrols an officer's first device. The recovery key goes on paper, into a safe.
    pub fn enrol_first(
        &mut self,
        client: &mut Client,
        store: &mut MemoryStore,
        user: &UserId,
        (now, rng): (Timestamp, &mut dyn CryptoRng),
    ) -> Result<Vec<u8>, Error> {
        client.begin(Ctx { now, store: &*store, rng }, user.clone())?.commit(store)?;
        let paper = SigningKey::generate(rng);
        let recovery = vec![RecoveryKey::own(&paper.verify_key())];
        let request = client.found(store, UserKind::Person, recovery, now)?;
        self.countersign(&request, now, rng)
    }

    /// Takes the agency's next descriptor: from now on enrolments carry it.
    pub fn describe(
        &mut self,
        descriptor: &[u8],
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), Error> {
        let ctx = Ctx { now, store: &self.store, rng };
        self.registrar.accept_descriptor(ctx, descriptor)?.commit(&mut self.store)?;
        Ok(())
    }

    /// Countersigns a request, after a clerk has seen the officer's badge.
    pub fn countersign(
        &mut self,
        request: &[u8],
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        let ctx = Ctx { now, store: &self.store, rng };
        let done = self.registrar.enrol(ctx, request, 365 * DAY)?.commit(&mut self.store)?;
        Ok(done.value.enrolment.to_bytes())
    }
}

//! Engines under a network that loses, doubles and delays, with crashes at any point.
//! Everything comes from one seed, so a run can be repeated byte by byte.

mod carrier;
pub mod files;
pub mod forge;
pub mod officers;
mod operators;
mod people;
mod time;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    client::{self, Client, Event},
    code::Code,
    content::{Content, Text},
    identity::{RevocationList, SigningKey},
    ids::{AgencyId, Device, UserId},
    server::{self, Server},
    store::{Ctx, MemoryStore},
    time::Timestamp,
};

use crate::federation::{Authority, Desk, Office};

pub const NORD: &str = "police.nord.example";
pub const SUED: &str = "police.sued.example";
pub const WEST: &str = "police.west.example";

pub const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A phone with its engine, its store and what its app has shown.
pub struct Phone {
    pub device: Device,
    pub engine: Client,
    pub store: MemoryStore,
    pub events: Vec<Event>,
    pub outgoing: VecDeque<Vec<u8>>,
    pub online: bool,
    /// How far its clock is ahead, in milliseconds.
    pub skew: i64,
    /// Whether its app acknowledges events.
    pub reads: bool,
    /// When its engine wants to be called, by its own clock.
    pub wake: Option<Timestamp>,
}

/// An agency's server.
pub struct Host {
    pub engine: Server,
    pub store: MemoryStore,
    pub desk: Desk,
    /// The agency's offline keys.
    pub authority: Authority,
    /// Its newest revocation list, once it has a key for that.
    pub revocations: Option<RevocationList>,
    pub ready: BTreeSet<AgencyId>,
    /// How far its clock is ahead.
    pub ahead: Duration,
    /// When its engine wants to be called, by its own clock.
    pub wake: Option<Timestamp>,
}

/// A way on which bytes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leg {
    /// From a phone to its server.
    Up(usize),
    /// The server's reply to a phone.
    Down(usize),
    /// A frame between servers.
    Frame(AgencyId, AgencyId),
    /// Its acknowledgement.
    Ack(AgencyId, AgencyId),
}

/// What becomes of bytes on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Lost,
    Twice,
    /// Only on the way up: behind everything else that waits there.
    Late,
}

pub type Rule = Box<dyn FnMut(&Leg, &[u8]) -> Fault>;

/// What whoever carries bytes makes of them: replies to phones, and frames.
pub type Tamper = Box<dyn FnMut(&Leg, &mut Vec<u8>)>;

pub struct Net {
    pub now: Timestamp,
    pub rng: ChaCha20Rng,
    pub office: Office,
    pub hosts: BTreeMap<AgencyId, Host>,
    pub phones: Vec<Phone>,
    /// Every byte that anybody sent.
    pub wire: Vec<(Leg, Vec<u8>)>,
    pub rule: Rule,
    pub tamper: Tamper,
    /// What servers find wrong with a peer's numbers: with a store that was put back, that is to come.
    pub put_back: Option<Vec<(AgencyId, Code)>>,
    /// What servers tell their operators of hubs, logs and peers.
    pub told: Vec<(AgencyId, server::Output)>,
    /// Engines are dropped after every call.
    pub forgetful: bool,
}

pub fn agency(name: &str) -> AgencyId {
    AgencyId::parse(name).unwrap()
}

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// The key with which agencies revoke here.
pub fn revocation_key() -> SigningKey {
    SigningKey::from_seed(&[77; 32])
}

pub fn text(body: &str) -> Content {
    Text::plain(body).unwrap().into()
}

/// Loses exactly the first bytes that `which` names.
pub fn lose_first(which: impl Fn(&Leg) -> bool + 'static) -> Rule {
    let mut lost = false;
    Box::new(move |leg, _| match !lost && which(leg) {
        true => {
            lost = true;
            Fault::Lost
        }
        false => Fault::None,
    })
}

/// A wake that holds until it has come: the sooner of two.
fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

pub fn no_tampering() -> Tamper {
    Box::new(|_, _| {})
}

pub fn no_faults() -> Rule {
    Box::new(|_, _| Fault::None)
}

impl Net {
    /// Three agencies.
    pub fn new(seed: u8) -> Self {
        Self::with_seed([seed; 32])
    }

    pub fn with_seed(seed: [u8; 32]) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let now = BEGIN;
        let authorities = [NORD, SUED, WEST].map(|name| Authority::new(name, now, &mut rng).unwrap());
        let office = Office::found(&authorities, now, &mut rng).unwrap();
        let mut hosts = BTreeMap::new();
        for authority in authorities {
            let desk = authority.desk(&office, now, &mut rng).unwrap();
            let (mut engine, mut store) = (Server::new(), MemoryStore::default());
            let setup = authority.setup(&office);
            engine
                .setup(Ctx { now, store: &store, rng: &mut rng }, &setup)
                .unwrap()
                .commit(&mut store)
                .unwrap();
            let (agency, ready) = (authority.agency.clone(), BTreeSet::new());
            let (ahead, wake) = (Duration::ZERO, None);
            let host = Host { engine, store, desk, authority, revocations: None, ready, ahead, wake };
            hosts.insert(agency, host);
        }
        let (wire, rule, tamper) = (Vec::new(), no_faults(), no_tampering());
        let (phones, told) = (Vec::new(), Vec::new());
        Net { now, rng, office, hosts, phones, wire, rule, tamper, put_back: None, told, forgetful: false }
    }
}

impl Phone {
    pub fn take(&mut self, outputs: Vec<client::Output>) {
        for output in outputs {
            if let client::Output::Send { bytes, .. } = output {
                self.outgoing.push_back(bytes.to_vec());
            }
        }
    }
}

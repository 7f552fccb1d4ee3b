//! Everything that there is, with one clock that is right: agencies, phones, the network between
//! them, and what happens next.

use std::time::Duration;

use rand_core::CryptoRng;
use verbund::{
    client::Client,
    identity::{RecoveryKey, RevocationList, SigningKey, UserKind},
    ids::UserId,
    server::Server,
    store::{Ctx, MemoryStore},
    time::Timestamp,
};

use crate::{
    counts::Counts,
    dice::Dice,
    federation::{Authority, Office},
    ledger::Ledger,
    machine::{Machine, fresh},
    network::Network,
    phone::Phone,
    plan::{Plan, Shape, Weather},
    site::Site,
    trace::Trace,
};

pub type Error = Box<dyn std::error::Error>;

const AGENCIES: [&str; 3] = ["police.nord.example", "police.sued.example", "police.west.example"];
const PEOPLE: [&str; 7] = ["anna", "ben", "clara", "dora", "emil", "frieda", "georg"];
const BEGIN: u64 = 1_800_000_000_000;

/// A check that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub check: &'static str,
    pub text: String,
}

/// Faults of the simulator itself, with which its checks are tried: from when the storm is over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Planted {
    /// Hosts lose what engines tell them to do, and are not restarted.
    pub drops_outputs: bool,
    /// An app shows each message twice.
    pub shows_twice: bool,
    /// An app passes over messages.
    pub skips_events: bool,
    /// Messages come to a device that is in no room.
    pub leaks: bool,
    /// An app shows other words than were said.
    pub twists_words: bool,
    /// An app shows the last two messages in the wrong order.
    pub swaps_messages: bool,
    /// An app is told of each message that was sent that it has failed.
    pub denies_messages: bool,
    /// An app does not show that anything was done.
    pub hides_answers: bool,
    /// Servers forget their rooms, and nobody restores anything.
    pub truncates: bool,
    /// Chunks change in the app's store.
    pub spoils_chunks: bool,
    /// A table grows by a row in a day.
    pub grows: bool,
    /// Operators who have put a store back do not tell their server so.
    pub keeps_silent: bool,
}

pub struct World {
    pub now: u64,
    pub shape: Shape,
    /// What engines draw.
    pub rng: Dice,
    /// What hosts and people do.
    pub dice: Dice,
    /// What the network does.
    pub luck: Dice,
    pub office: Office,
    pub sites: Vec<Site>,
    pub phones: Vec<Phone>,
    pub people: Vec<UserId>,
    pub network: Network,
    pub weather: Weather,
    pub ledger: Ledger,
    pub counts: Counts,
    pub trace: Trace,
    pub failure: Option<Failure>,
    pub planted: Planted,
    /// Whether a device was given a newer certificate, which it brings into its rooms within a week.
    pub renewed: bool,
    /// The agency that is suspended.
    pub suspended: Option<usize>,
}

impl World {
    pub fn new(plan: &Plan, traced: bool) -> Self {
        let mut rng = Dice::new(plan.seed, "engines");
        let mut source = rng.generator();
        let now = Timestamp::from_millis(BEGIN);
        let names = &AGENCIES[..plan.shape.agencies];
        let authorities: Vec<Authority> =
            names.iter().map(|name| Authority::new(name, now, &mut source).expect("an agency")).collect();
        let office = Office::found(&authorities, now, &mut source).expect("a federation");
        let sites =
            authorities.into_iter().map(|authority| site(authority, &office, &plan.shape, &mut source));
        let sites = sites.collect();
        let mut world = World {
            now: BEGIN,
            shape: plan.shape.clone(),
            rng,
            dice: Dice::new(plan.seed, "hosts"),
            luck: Dice::new(plan.seed, "network"),
            office,
            sites,
            phones: Vec::new(),
            people: Vec::new(),
            network: Network::default(),
            weather: Weather::default(),
            ledger: Ledger::default(),
            counts: Counts { runs: 1, ..Counts::default() },
            trace: Trace::new(BEGIN, traced),
            failure: None,
            planted: Planted::default(),
            renewed: false,
            suspended: None,
        };
        for site in 0..world.sites.len() {
            world.make_revocable(site);
        }
        for (person, agency) in plan.shape.people.iter().enumerate() {
            let name = format!("{}@{}", PEOPLE[person], AGENCIES[*agency]);
            world.people.push(UserId::parse(&name).expect("a name"));
            world.enrol(person);
        }
        for person in &plan.shape.second {
            world.enrol_further(*person);
        }
        world
    }

    pub fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    pub fn fail(&mut self, check: &'static str, text: String) {
        self.trace.note(self.now, || format!("FAILED: {check}: {text}"));
        if self.failure.is_none() {
            self.failure = Some(Failure { check, text });
        }
    }

    pub fn fault(&mut self, kind: &'static str, text: impl FnOnce() -> String) {
        *self.counts.faults.entry(kind).or_default() += 1;
        self.trace.note(self.now, || format!("  ! {}", text()));
    }

    /// Enrols a person's first device.
    fn enrol(&mut self, person: usize) {
        let user = self.people[person].clone();
        let (mut engine, mut store, now) = (Client::new(), MemoryStore::default(), self.time());
        let mut rng = self.rng.generator();
        let ctx = Ctx { now, store: &store, rng: &mut rng };
        let made = engine.begin(ctx, user).expect("an empty store");
        made.commit(&mut store).expect("a store in memory");
        let mut paper = || SigningKey::generate(&mut rng).verify_key();
        let (kind, recovery) = match self.shape.role == Some(person) {
            false => (UserKind::Person, vec![RecoveryKey::own(&paper())]),
            true => {
                let owners = ["head", "deputy"].map(|owner| RecoveryKey::kept_by(owner, &paper()));
                (UserKind::Role, owners.into())
            }
        };
        let request = engine.found(&store, kind, recovery, now).expect("a request");
        self.register(person, store, &request);
    }

    /// Enrols a further device, which one that is there endorses, and brings it into its rooms.
    pub fn enrol_further(&mut self, person: usize) -> Option<usize> {
        let sponsor = self.phones.iter().position(|phone| phone.person == person && !phone.gone)?;
        let user = self.people[person].clone();
        let (mut engine, mut store, now) = (Client::new(), MemoryStore::default(), self.time());
        let mut rng = self.rng.generator();
        let ctx = Ctx { now, store: &store, rng: &mut rng };
        engine.begin(ctx, user).expect("an empty store").commit(&mut store).expect("a store in memory");
        let offer = engine.offer(&store, now).expect("an offer");
        let here = &self.phones[sponsor].machine;
        let ctx = Ctx { now, store: &here.store, rng: &mut rng };
        // A sponsor that has not heard yet what its own chain has become cannot endorse.
        let request = here.processes[0].endorse(ctx, &offer).ok()?;
        self.register(person, store, &request)
    }

    pub fn register(&mut self, person: usize, store: MemoryStore, request: &[u8]) -> Option<usize> {
        let now = self.time();
        let site = self.shape.people[person];
        let mut rng = self.rng.generator();
        let enrolment = self.sites[site].desk.countersign(request, now, &mut rng).ok()?;
        let count = self.phones.iter().filter(|phone| phone.person == person).count();
        let name = match count {
            0 => PEOPLE[person].to_owned(),
            count => format!("{}{}", PEOPLE[person], count + 1),
        };
        let processes = fresh(if self.shape.extensions { 2 } else { 1 });
        let machine: Machine<Client> = Machine::new(name, store, processes);
        let device = machine.processes[0].device(&machine.store).expect("a device");
        let phone = self.phones.len();
        self.phones.push(Phone::new(machine, device, (site, person), request.to_vec()));
        self.take_enrolment(phone, &enrolment);
        Some(phone)
    }

    /// Gives a device what its registrar has countersigned, as often as it takes.
    pub fn take_enrolment(&mut self, phone: usize, enrolment: &[u8]) {
        let federation = self.office.federation.clone();
        for _ in 0..20 {
            let called = self.call::<Client, _>(phone, "enrolment", None, |client, ctx| {
                Ok(client.enrol(ctx, &federation, enrolment)?.into())
            });
            if !matches!(called, crate::machine::Called::Died) {
                return;
            }
        }
    }

    /// Lets time pass, with what it brings.
    pub fn run(&mut self, by: Duration) {
        let end = self.now + by.as_millis() as u64;
        while self.failure.is_none() {
            self.pump();
            let flight = self.network.next();
            let phones = self.phones.iter().flat_map(Phone::next);
            let sites = self.sites.iter().filter_map(|site| site.machine.next());
            let Some(next) = phones.chain(sites).chain(flight).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if flight.is_some_and(|at| at <= self.now) {
                self.arrive();
                continue;
            }
            for site in 0..self.sites.len() {
                if self.sites[site].machine.next().is_some_and(|at| at <= self.now) {
                    let machine = &mut self.sites[site].machine;
                    if machine.down.take().is_some() {
                        let name = machine.name.clone();
                        self.trace.note(self.now, || format!("{name} starts"));
                    }
                    self.tick_server(site);
                }
            }
            for phone in 0..self.phones.len() {
                self.turn(phone);
            }
        }
        self.now = end;
    }

    /// Does what it is time for at a phone.
    fn turn(&mut self, phone: usize) {
        let now = self.now;
        let here = &mut self.phones[phone];
        if here.machine.down.is_some_and(|until| now < until) {
            return;
        }
        let due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        if here.machine.down.take().is_some() || due(here.cut) {
            here.cut = here.cut.filter(|until| now < *until);
            self.start(phone);
        } else if due(here.machine.next()) {
            self.tick_phone(phone);
        } else if due(here.reads_at) {
            self.look(phone);
        }
    }
}

fn site(authority: Authority, office: &Office, shape: &Shape, rng: &mut impl CryptoRng) -> Site {
    let now = Timestamp::from_millis(BEGIN);
    let desk = authority.desk(office, now, rng).expect("a desk");
    let mut store = MemoryStore::default();
    let setup = authority.setup(office);
    let made = Server::new().setup(Ctx { now, store: &store, rng: &mut *rng }, &setup).expect("a server");
    made.commit(&mut store).expect("a store in memory");
    let agency = authority.agency.clone();
    let machine = Machine::new(agency.as_str().to_owned(), store, fresh(shape.processes));
    Site {
        revocations: RevocationList::first(agency.clone(), now),
        agency,
        machine,
        desk,
        authority,
        revoker: SigningKey::generate(rng),
        ready: Default::default(),
        orders: Vec::new(),
        restored: None,
        said_so: true,
        refused: Vec::new(),
    }
}

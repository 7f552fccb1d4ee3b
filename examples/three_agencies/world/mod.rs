//! The host's side: stores, sockets and clocks. Here all of it is in memory, but for chunks of files that are too
//! large for it; between the engines go nothing but bytes.

mod faults;
mod host;
mod oversight;
mod phone;
mod post;
pub mod shelf;

use std::{collections::BTreeMap, time::Duration};

use rand_core::CryptoRng;
use verbund::{
    client::{self, Client, Command, Receipt},
    ids::{AgencyId, RequestId, UserId},
    server::Server,
    store::{Ctx, MemoryStore, Transition},
    time::Timestamp,
};

pub use faults::Faults;
pub use host::Host;
pub use phone::Phone;

use crate::federation::{Authority, Office};

pub type Error = Box<dyn std::error::Error>;

/// Everything, with one clock.
pub struct World<R> {
    pub now: Timestamp,
    pub rng: R,
    pub office: Office,
    pub hosts: BTreeMap<AgencyId, Host>,
    pub phones: Vec<Phone>,
    /// Told how far a phone's upload or download is: who, chunks done, chunks in all.
    pub on_progress: fn(&str, u64, u64),
    /// So many things still travel before everything stands still.
    pub budget: usize,
    /// What goes wrong, if it shall.
    pub faults: Option<Faults>,
}

impl<R: CryptoRng> World<R> {
    /// Servers of these agencies, under one federation.
    pub fn new(agencies: &[&str], now: Timestamp, mut rng: R) -> Result<Self, Error> {
        let authorities: Vec<Authority> =
            agencies.iter().map(|name| Authority::new(name, now, &mut rng)).collect::<Result<_, _>>()?;
        let office = Office::found(&authorities, now, &mut rng)?;
        let mut hosts = BTreeMap::new();
        for authority in authorities {
            let host = Host::new(authority, &office, now, &mut rng)?;
            hosts.insert(host.agency.clone(), host);
        }
        Ok(World {
            now,
            rng,
            office,
            hosts,
            phones: Vec::new(),
            on_progress: |_, _, _| {},
            budget: usize::MAX,
            faults: None,
        })
    }

    /// Enrols an officer's first device.
    pub fn enrol(&mut self, user: &str) -> Result<usize, Error> {
        let user = UserId::parse(user)?;
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let host = self.hosts.get_mut(user.agency()).ok_or("no such agency")?;
        let ctx = (self.now, &mut self.rng as &mut dyn CryptoRng);
        let enrolment = host.desk.enrol_first(&mut engine, &mut store, &user, ctx)?;
        let name = user.as_str().split('@').next().unwrap_or_default();
        let phone = self.add(Phone::new(name, engine, store)?);
        self.take_over(phone, &enrolment)?;
        Ok(phone)
    }

    /// Enrols a further device of an officer: it shows an offer, an enrolled one endorses it.
    pub fn enrol_further(&mut self, first: usize, name: &str) -> Result<usize, Error> {
        let user = self.phones[first].device.user.clone();
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        engine.begin(ctx, user)?.commit(&mut store)?;
        let offer = engine.offer(&store, self.now)?;
        let phone = &self.phones[first];
        let ctx = Ctx { now: self.now, store: &phone.store, rng: &mut self.rng };
        let request = phone.engine.endorse(ctx, &offer)?;
        let further = self.add(Phone::new(name, engine, store)?);
        self.register(further, &request)?;
        Ok(further)
    }

    /// Puts a device into the world that is not enrolled yet.
    pub fn add(&mut self, phone: Phone) -> usize {
        self.phones.push(phone);
        self.phones.len() - 1
    }

    /// Brings a device's request to the desk of its agency, and the enrolment back.
    pub fn register(&mut self, phone: usize, request: &[u8]) -> Result<(), Error> {
        let agency = self.phones[phone].device.user.agency();
        let host = self.hosts.get_mut(agency).ok_or("no such agency")?;
        let enrolment = host.desk.countersign(request, self.now, &mut self.rng)?;
        self.take_over(phone, &enrolment)
    }

    fn take_over(&mut self, phone: usize, enrolment: &[u8]) -> Result<(), Error> {
        let federation = self.office.federation.clone();
        self.call(phone, |engine, ctx| engine.enrol(ctx, &federation, enrolment))?;
        self.settle()
    }

    /// An officer asks for something.
    pub fn command(
        &mut self,
        phone: usize,
        make: impl FnOnce(RequestId) -> Command,
    ) -> Result<Receipt, Error> {
        let command = make(RequestId::random(&mut self.rng));
        let (receipt, _) = self.call(phone, |engine, ctx| engine.command(ctx, command))?;
        Ok(receipt)
    }

    /// Queues what a phone's engine wants done, for those who have called it themselves.
    pub fn queue(&mut self, phone: usize, outputs: Vec<client::Output>) {
        self.phones[phone].outgoing.extend(outputs);
    }

    /// Calls a phone's engine, applies what comes of it, and queues what is to be sent.
    pub fn call<T>(
        &mut self,
        phone: usize,
        call: impl FnOnce(&mut Client, Ctx<'_>) -> verbund::error::Result<Transition<T, client::Output>>,
    ) -> Result<(T, Option<Timestamp>), Error> {
        let caller = &mut self.phones[phone];
        let ctx = Ctx { now: self.now, store: &caller.store, rng: &mut self.rng };
        let transition = call(&mut caller.engine, ctx)?;
        caller.written += transition.batch().bytes();
        let done = transition.commit(&mut caller.store)?;
        self.queue(phone, done.outputs);
        Ok((done.value, done.wake))
    }

    /// Drops an engine and makes a new one on its store, as a restarted app does.
    pub fn restart(&mut self, phone: usize) -> Result<(), Error> {
        self.phones[phone].engine = Client::new();
        self.phones[phone].outgoing.clear();
        self.resume(phone)
    }

    /// Has a phone say again what is unanswered, and ask for news; one that is not enrolled has nothing to say.
    pub(crate) fn resume(&mut self, phone: usize) -> Result<(), Error> {
        let here = &self.phones[phone];
        if here.engine.certified_until(&here.store)?.is_some() {
            self.call(phone, |engine, ctx| engine.resume(ctx))?;
        }
        Ok(())
    }

    /// The same for a server.
    pub fn restart_server(&mut self, agency: &AgencyId) -> Result<(), Error> {
        if let Some(host) = self.hosts.get_mut(agency) {
            host.engine = Server::new();
            host.ready.clear();
            host.fetches.clear();
            self.tick_server(agency)?;
        }
        Ok(())
    }

    /// Lets time pass, with what it brings.
    pub fn pass(&mut self, by: Duration) -> Result<(), Error> {
        self.now = self.now.plus(by);
        for phone in 0..self.phones.len() {
            if self.phones[phone].online {
                self.call(phone, |engine, ctx| engine.tick(ctx))?;
            }
        }
        let up = self.hosts.values().filter(|host| !host.down).map(|host| host.agency.clone());
        for agency in up.collect::<Vec<_>>() {
            self.tick_server(&agency)?;
        }
        self.settle()
    }

    fn tick_server(&mut self, agency: &AgencyId) -> Result<(), Error> {
        let host = self.hosts.get_mut(agency).ok_or("no such agency")?;
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let done = host.engine.tick(ctx, 256)?.commit(&mut host.store)?;
        self.notify(agency, done.outputs)
    }

    /// The apps read their events, keep what they show, and acknowledge.
    fn show(&mut self) -> Result<(), Error> {
        for index in 0..self.phones.len() {
            let phone = &mut self.phones[index];
            let events = phone.engine.events(&phone.store, 0, 1_024)?;
            let Some(up_to) = events.last().map(|(number, _)| *number) else { continue };
            phone.events.extend(events.into_iter().map(|(_, event)| event));
            self.call(index, |engine, ctx| engine.command(ctx, Command::AckEvents { up_to }))?;
        }
        Ok(())
    }
}

//! People enrol, give commands and lose their phones.

use std::collections::VecDeque;

use rand_core::CryptoRng;
use verbund::{
    Policy, RoomKind,
    client::{self, Client, Command, Receipt},
    ids::{RequestId, RoomId},
    server::Server,
    store::{Ctx, MemoryStore, Transition},
    time::Timestamp,
};

use super::*;

impl Net {
    /// Enrols an officer's first device.
    pub fn enrol(&mut self, name: &str) -> usize {
        let name = user(name);
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let host = self.hosts.get_mut(name.agency()).unwrap();
        let ctx = (self.now, &mut self.rng as &mut dyn CryptoRng);
        let enrolment = host.desk.enrol_first(&mut engine, &mut store, &name, ctx).unwrap();
        self.take_over(engine, store, &enrolment)
    }

    /// Enrols a further device of an officer.
    pub fn enrol_further(&mut self, first: usize) -> usize {
        let name = self.phones[first].device.user.clone();
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        engine.begin(ctx, name.clone()).unwrap().commit(&mut store).unwrap();
        let offer = engine.offer(&store, self.now).unwrap();
        let phone = &self.phones[first];
        let ctx = Ctx { now: self.now, store: &phone.store, rng: &mut self.rng };
        let request = phone.engine.endorse(ctx, &offer).unwrap();
        let host = self.hosts.get_mut(name.agency()).unwrap();
        let enrolment = host.desk.countersign(&request, self.now, &mut self.rng).unwrap();
        self.take_over(engine, store, &enrolment)
    }

    pub fn take_over(&mut self, mut engine: Client, mut store: MemoryStore, enrolment: &[u8]) -> usize {
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        let done = engine.enrol(ctx, &self.office.federation, enrolment).unwrap().commit(&mut store).unwrap();
        let device = engine.device(&store).unwrap();
        let mut phone = Phone {
            device,
            engine,
            store,
            events: Vec::new(),
            outgoing: VecDeque::new(),
            online: true,
            skew: 0,
            reads: true,
            wake: done.wake,
        };
        phone.take(done.outputs);
        self.phones.push(phone);
        self.settle();
        self.phones.len() - 1
    }

    /// The time on a phone's clock.
    pub fn clock(&self, phone: usize) -> Timestamp {
        let millis = self.now.as_millis().saturating_add_signed(self.phones[phone].skew);
        Timestamp::from_millis(millis)
    }

    /// Calls a phone's engine, applies what comes of it, and queues what is to be sent.
    pub fn call<T>(
        &mut self,
        phone: usize,
        call: impl FnOnce(&mut Client, Ctx<'_>) -> verbund::error::Result<Transition<T, client::Output>>,
    ) -> verbund::error::Result<T> {
        let now = self.clock(phone);
        let forgetful = self.forgetful;
        let phone = &mut self.phones[phone];
        let ctx = Ctx { now, store: &phone.store, rng: &mut self.rng };
        let done = call(&mut phone.engine, ctx)?.commit(&mut phone.store).unwrap();
        phone.wake = sooner(phone.wake, done.wake);
        phone.take(done.outputs);
        if forgetful {
            phone.engine = Client::new();
        }
        Ok(done.value)
    }

    /// An officer asks for something under a fresh request id.
    pub fn command(
        &mut self,
        phone: usize,
        make: impl FnOnce(RequestId) -> Command,
    ) -> verbund::error::Result<(RequestId, Receipt)> {
        let request = RequestId::random(&mut self.rng);
        let command = make(request);
        let receipt = self.call(phone, |engine, ctx| engine.command(ctx, command))?;
        Ok((request, receipt))
    }

    /// A group of the founder and others, of any agency; settled.
    pub fn room(&mut self, founder: usize, invite: &[&str]) -> RoomId {
        self.room_with(founder, invite, Policy::default())
    }

    pub fn room_with(&mut self, founder: usize, invite: &[&str], policy: Policy) -> RoomId {
        let invite = invite.iter().map(|name| user(name)).collect();
        let make = |request| Command::CreateRoom {
            request,
            kind: RoomKind::Group,
            name: "Red bicycle".into(),
            policy,
            invite,
        };
        let (_, receipt) = self.command(founder, make).unwrap();
        self.settle();
        receipt.room.unwrap()
    }

    /// Says something, without letting it travel.
    pub fn say(&mut self, phone: usize, room: RoomId, body: &str) -> RequestId {
        let content = text(body);
        self.command(phone, |request| Command::Send { request, room, content, lifetime: None }).unwrap().0
    }

    /// An engine dies with everything in memory, and another takes over.
    pub fn crash(&mut self, phone: usize) {
        self.phones[phone].engine = Client::new();
        self.phones[phone].outgoing.clear();
    }

    /// A crash, and a start.
    pub fn restart(&mut self, phone: usize) {
        self.crash(phone);
        self.resume(phone);
    }

    pub fn resume(&mut self, phone: usize) {
        self.call(phone, |engine, ctx| engine.resume(ctx)).unwrap();
    }

    /// A server dies with everything in memory.
    pub fn crash_server(&mut self, name: &str) {
        let host = self.hosts.get_mut(&agency(name)).unwrap();
        host.engine = Server::new();
        host.ready.clear();
    }
}

//! Engines under a network that loses, doubles and delays, with crashes at any point.
//! Everything comes from one seed, so a run can be repeated byte by byte.

pub mod forge;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng};
use verbund::{
    Policy, RoomKind,
    client::{self, Client, Command, Event, Receipt},
    code::Code,
    content::{Content, Text},
    identity::{KeyPurpose, RevocationList, SigningKey},
    ids::{AgencyId, Device, DeviceId, RequestId, RoomId, UserId},
    server::{self, Server},
    store::{Ctx, MemoryStore, Transition},
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
        Net { now, rng, office, hosts, phones: Vec::new(), wire, rule, tamper, forgetful: false }
    }

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

    /// Lets bytes travel until nothing moves any more.
    pub fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 20_000, "the network never comes to rest");
            let mut moved = false;
            for phone in 0..self.phones.len() {
                moved |= self.carry(phone);
            }
            for (from, to) in self.ready_links() {
                moved |= self.carry_frame(&from, &to);
            }
            for phone in 0..self.phones.len() {
                self.show(phone);
            }
            if !moved {
                return;
            }
        }
    }

    /// Moves one thing somewhere, as `pick` says; whether there was something there.
    pub fn nudge(&mut self, pick: usize) -> bool {
        let links = self.ready_links();
        match pick % (self.phones.len() + links.len()) {
            phone if phone < self.phones.len() => {
                let moved = self.carry(phone);
                self.show(phone);
                moved
            }
            link => {
                let (from, to) = &links[link - self.phones.len()];
                self.carry_frame(from, to)
            }
        }
    }

    /// Lets time pass, with what it brings.
    pub fn pass(&mut self, by: Duration) {
        self.now = self.now.plus(by);
        for phone in 0..self.phones.len() {
            self.tick(phone);
        }
        for agency in self.hosts.keys().cloned().collect::<Vec<_>>() {
            self.tick_server(&agency);
        }
        self.settle();
    }

    /// Some minutes, in which everything that was lost is sent again.
    pub fn wait(&mut self) {
        for _ in 0..20 {
            self.pass(Duration::from_secs(20));
        }
    }

    /// Lets time pass as for hosts that call their engines when these asked for it, and else
    /// only when there is something to carry.
    pub fn idle(&mut self, by: Duration) {
        let end = self.now.plus(by);
        for round in 0.. {
            assert!(round < 20_000, "engines want to be called without end");
            self.settle();
            let phones = self.phones.iter().filter(|phone| phone.online).filter_map(|phone| {
                let millis = phone.wake?.as_millis().saturating_add_signed(-phone.skew);
                Some(Timestamp::from_millis(millis))
            });
            let next =
                phones.chain(self.hosts.values().filter_map(|host| Some(host.wake?.minus(host.ahead)))).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for phone in 0..self.phones.len() {
                if self.phones[phone].wake.is_some_and(|wake| wake <= self.clock(phone)) {
                    self.tick(phone);
                }
            }
            for agency in self.hosts.keys().cloned().collect::<Vec<_>>() {
                let host = &self.hosts[&agency];
                if host.wake.is_some_and(|wake| wake <= self.now.plus(host.ahead)) {
                    self.tick_server(&agency);
                }
            }
        }
        self.now = self.now.max(end);
    }

    fn tick(&mut self, phone: usize) {
        if self.phones[phone].online {
            // What is still to wait for, this call says anew.
            self.phones[phone].wake = None;
            match self.call(phone, |engine, ctx| engine.tick(ctx)) {
                Err(error) if error.code() == Code::StoreRolledBack => {}
                result => result.unwrap(),
            }
        }
    }

    pub fn tick_server(&mut self, agency: &AgencyId) {
        let host = self.hosts.get_mut(agency).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = host.engine.tick(ctx, 256).unwrap().commit(&mut host.store).unwrap();
        host.wake = done.wake;
        self.notify(agency, done.outputs);
    }

    /// An agency's operators do something at their server.
    pub fn operate(
        &mut self,
        at: &str,
        call: impl FnOnce(&mut Server, Ctx<'_>) -> verbund::error::Result<Transition<(), server::Output>>,
    ) -> verbund::error::Result<()> {
        let at = agency(at);
        let host = self.hosts.get_mut(&at).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = call(&mut host.engine, ctx)?.commit(&mut host.store).unwrap();
        host.wake = sooner(host.wake, done.wake);
        self.notify(&at, done.outputs);
        Ok(())
    }

    /// Brings a trust list to one server.
    pub fn trust_list(&mut self, at: &str, list: &[u8]) {
        self.operate(at, |server, ctx| server.trust_list(ctx, list)).unwrap();
    }

    /// Brings a server every list that it lacks, as its operators do who were cut off.
    pub fn bring_trust_lists(&mut self, at: &str, newest: &[u8]) {
        for list in self.office.lists.clone().iter().chain([&newest.to_vec()]) {
            let _ = self.operate(at, |server, ctx| server.trust_list(ctx, list));
        }
    }

    /// Gives an agency a revocation key and a list that revokes nothing; settled.
    pub fn revocable(&mut self, at: &str) {
        let (now, key) = (self.now, revocation_key());
        let named = Authority::operational(KeyPurpose::Revocation, &key, now);
        let host = self.hosts.get_mut(&agency(at)).unwrap();
        let descriptor = host.authority.describe(now, |next| next.keys.push(named)).unwrap();
        self.operate(at, |server, ctx| server.descriptor(ctx, &descriptor)).unwrap();
        self.publish(RevocationList::first(agency(at), now));
        self.settle();
    }

    /// An agency's next list, which revokes all certificates of a device, or of a user's devices,
    /// or nothing more. Its own server has it; it does not travel yet.
    pub fn revoke(&mut self, at: &str, whose: Option<(UserId, Option<DeviceId>)>) {
        let list = self.hosts[&agency(at)].revocations.clone().expect("a revocation key");
        let more: Vec<_> = whose.into_iter().map(|(user, device)| (user, device, 1_000)).collect();
        self.publish(list.next(self.now, &more));
    }

    fn publish(&mut self, list: RevocationList) {
        let at = list.agency().clone();
        let signed = list.sign(&revocation_key()).unwrap();
        self.operate(at.as_str(), |server, ctx| server.revocations(ctx, &signed)).unwrap();
        self.hosts.get_mut(&at).unwrap().revocations = Some(list);
    }

    /// Puts a server of the same agency and with the same keys in the place of one, that knows of
    /// nothing and nobody. Gives the one that was there.
    pub fn twin(&mut self, of: &str) -> (Server, MemoryStore) {
        let host = self.hosts.get_mut(&agency(of)).unwrap();
        let setup = host.authority.setup(&self.office);
        let (mut engine, mut store) = (Server::new(), MemoryStore::default());
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        engine.setup(ctx, &setup).unwrap().commit(&mut store).unwrap();
        (std::mem::replace(&mut host.engine, engine), std::mem::replace(&mut host.store, store))
    }

    pub fn untwin(&mut self, of: &str, (engine, store): (Server, MemoryStore)) {
        let host = self.hosts.get_mut(&agency(of)).unwrap();
        (host.engine, host.store) = (engine, store);
    }

    fn ready_links(&self) -> Vec<(AgencyId, AgencyId)> {
        let of = |(from, host): (&AgencyId, &Host)| {
            host.ready.iter().map(|to| (from.clone(), to.clone())).collect::<Vec<_>>()
        };
        self.hosts.iter().flat_map(of).collect()
    }

    fn judge(&mut self, leg: Leg, bytes: &[u8]) -> usize {
        let fault = (self.rule)(&leg, bytes);
        self.sent(leg, bytes, fault)
    }

    /// How often bytes arrive.
    fn sent(&mut self, leg: Leg, bytes: &[u8], fault: Fault) -> usize {
        self.wire.push((leg, bytes.to_vec()));
        match fault {
            Fault::Lost => 0,
            Fault::Twice => 2,
            Fault::None | Fault::Late => 1,
        }
    }

    /// Sends one message of a phone and gives it the reply.
    pub fn carry(&mut self, phone: usize) -> bool {
        if !self.phones[phone].online {
            return false;
        }
        let Some(bytes) = self.phones[phone].outgoing.pop_front() else { return false };
        self.advance();
        let leg = Leg::Up(phone);
        let fault = (self.rule)(&leg, &bytes);
        if fault == Fault::Late && !self.phones[phone].outgoing.is_empty() {
            self.phones[phone].outgoing.push_back(bytes);
            return true;
        }
        for _ in 0..self.sent(leg, &bytes, fault) {
            let mut reply = self.deliver(phone, &bytes);
            (self.tamper)(&Leg::Down(phone), &mut reply);
            for _ in 0..self.judge(Leg::Down(phone), &reply) {
                self.receive(phone, &reply);
            }
        }
        true
    }

    /// Gives a phone's message to its server; the reply.
    pub fn deliver(&mut self, phone: usize, bytes: &[u8]) -> Vec<u8> {
        let agency = self.phones[phone].device.user.agency().clone();
        let forgetful = self.forgetful;
        let host = self.hosts.get_mut(&agency).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = host.engine.device(ctx, bytes).unwrap().commit(&mut host.store).unwrap();
        host.wake = sooner(host.wake, done.wake);
        if forgetful {
            host.engine = Server::new();
        }
        self.notify(&agency, done.outputs);
        done.value.bytes
    }

    pub fn receive(&mut self, phone: usize, reply: &[u8]) {
        self.call(phone, |engine, ctx| engine.receive(ctx, reply)).unwrap();
    }

    fn carry_frame(&mut self, from: &AgencyId, to: &AgencyId) -> bool {
        self.advance();
        let host = self.hosts.get_mut(from).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = host.engine.pump(ctx, to).unwrap().commit(&mut host.store).unwrap();
        host.wake = sooner(host.wake, done.wake);
        let Some(mut frame) = done.value else {
            host.ready.remove(to);
            return false;
        };
        (self.tamper)(&Leg::Frame(from.clone(), to.clone()), &mut frame);
        self.notify(from, done.outputs);
        for _ in 0..self.judge(Leg::Frame(from.clone(), to.clone()), &frame) {
            let Some(ack) = self.peer(to, &frame) else { continue };
            for _ in 0..self.judge(Leg::Ack(to.clone(), from.clone()), &ack) {
                self.peer(from, &ack);
            }
        }
        true
    }

    /// Gives a peer's message to a server.
    pub fn peer(&mut self, at: &AgencyId, bytes: &[u8]) -> Option<Vec<u8>> {
        let forgetful = self.forgetful;
        let host = self.hosts.get_mut(at).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = match host.engine.peer(ctx, bytes) {
            Ok(transition) => transition.commit(&mut host.store).unwrap(),
            // The frame with the descriptor was lost; both come again.
            Err(error) if error.code() == Code::MissingEvidence => return None,
            // It comes again until the agency takes part again.
            Err(error) if error.code() == Code::SuspendedAgency => return None,
            // It comes again until its time has come.
            Err(error) if error.code() == Code::BadStamp => return None,
            Err(error) => panic!("{error}"),
        };
        if forgetful {
            host.engine = Server::new();
        }
        host.wake = sooner(host.wake, done.wake);
        self.notify(at, done.outputs);
        done.value.map(|reply| reply.bytes)
    }

    fn notify(&mut self, agency: &AgencyId, outputs: Vec<server::Output>) {
        let mut wake = Vec::new();
        for output in outputs {
            let host = self.hosts.get_mut(agency).unwrap();
            match output {
                server::Output::LinkReady(peer) => {
                    host.ready.insert(peer);
                }
                server::Output::DeviceReady(device) => wake.push(device),
                server::Output::RoomReady(room) => {
                    wake.extend(Server::readers(&host.store, &room, None, 1_000).unwrap());
                }
                server::Output::Documents => {
                    let here = self.phones.iter().map(|phone| &phone.device);
                    wake.extend(here.filter(|device| device.user.agency() == agency).cloned());
                }
                _ => {}
            }
        }
        for device in wake {
            if let Some(phone) = self.phones.iter().position(|p| p.device == device) {
                self.tick(phone);
            }
        }
    }

    /// The app reads its events and acknowledges them.
    pub fn show(&mut self, phone: usize) {
        let p = &mut self.phones[phone];
        if !p.reads {
            return;
        }
        let events = p.engine.events(&p.store, 0, 1_024).unwrap();
        let Some(up_to) = events.last().map(|(number, _)| *number) else { return };
        p.events.extend(events.into_iter().map(|(_, event)| event));
        self.call(phone, |engine, ctx| engine.command(ctx, Command::AckEvents { up_to })).unwrap();
    }

    /// Clocks go on by a millisecond whenever something moves.
    fn advance(&mut self) {
        self.now = self.now.plus(Duration::from_millis(1));
    }

    /// What a phone has read in a room, with what it said itself left out.
    pub fn texts(&self, phone: usize) -> Vec<String> {
        let body = |event: &Event| match event {
            Event::Message { content: Content::Text(text), .. } => Some(text.body().to_owned()),
            _ => None,
        };
        self.phones[phone].events.iter().filter_map(body).collect()
    }

    /// The places and ids of the messages that a phone has read or sent, in its order.
    pub fn history(&self, phone: usize) -> Vec<(u64, [u8; 32])> {
        let place = |event: &Event| match event {
            Event::Message { seq, id, .. } | Event::Sent { seq, id, .. } => Some((*seq, *id.as_bytes())),
            _ => None,
        };
        self.phones[phone].events.iter().filter_map(place).collect()
    }

    pub fn view(&self, phone: usize, room: RoomId) -> Option<client::Room> {
        let phone = &self.phones[phone];
        phone.engine.rooms(&phone.store).unwrap().into_iter().find(|r| r.id == room)
    }

    /// That these phones are at the same place of a room with the same hash.
    pub fn agree(&self, room: RoomId, phones: &[usize]) {
        let views: Vec<_> = phones.iter().map(|p| self.view(*p, room).expect("in the room")).collect();
        for view in &views {
            assert!(view.hash.is_some());
            assert_eq!((view.seq, view.hash, &view.name), (views[0].seq, views[0].hash, &views[0].name));
        }
    }

    pub fn count(&self, phone: usize, which: impl Fn(&Event) -> bool) -> usize {
        self.phones[phone].events.iter().filter(|event| which(event)).count()
    }

    pub fn has(&self, phone: usize, event: &Event) -> bool {
        self.phones[phone].events.contains(event)
    }

    pub fn is_done(&self, phone: usize, request: RequestId) -> bool {
        self.has(phone, &Event::Done { request })
    }

    /// The code with which a request failed.
    pub fn failure(&self, phone: usize, wanted: RequestId) -> Option<Code> {
        self.phones[phone].events.iter().find_map(|event| match event {
            Event::Failed { request, code, .. } if *request == wanted => Some(*code),
            _ => None,
        })
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

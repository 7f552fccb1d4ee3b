//! The host's side: stores, sockets and clocks. Here all of it is in memory; between the
//! engines go nothing but bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_core::CryptoRng;
use verbund::{
    attachment::ChunkRef,
    client::{self, Client, Command, Event, Receipt},
    ids::{AgencyId, Device, RequestId, UserId},
    server::{self, Server},
    store::{Ctx, MemoryStore, Transition},
    time::Timestamp,
};

use crate::federation::{Authority, Desk, Office};

pub type Error = Box<dyn std::error::Error>;

/// A phone, tablet or workstation: an engine, its store, and what the app has shown.
pub struct Phone {
    pub owner: String,
    pub device: Device,
    pub engine: Client,
    pub store: MemoryStore,
    pub events: Vec<Event>,
    /// Sealed chunks: as a database or a folder of the app would hold them.
    pub chunks: BTreeMap<ChunkRef, Vec<u8>>,
    /// Bytes of keys and values that the engine has had written.
    pub written: usize,
    outgoing: VecDeque<client::Output>,
    /// Offline phones neither send nor receive.
    pub online: bool,
}

/// An agency's server.
pub struct Host {
    pub agency: AgencyId,
    pub engine: Server,
    pub store: MemoryStore,
    pub desk: Desk,
    /// What the server was given to carry: for the narration of what it sees.
    pub carried: Carried,
    /// Sealed chunks, of its own people and of others that its people have asked for.
    pub chunks: BTreeMap<ChunkRef, Vec<u8>>,
    ready: BTreeSet<AgencyId>,
}

/// What passes through a server, in numbers.
#[derive(Default, Clone, Copy)]
pub struct Carried {
    pub from_devices: usize,
    pub from_peers: usize,
    pub bytes: usize,
}

/// A server's answer, and the chunk beside it.
type Answer = (Vec<u8>, Option<Vec<u8>>);

/// Everything, with one clock.
pub struct World<R> {
    pub now: Timestamp,
    pub rng: R,
    pub office: Office,
    pub hosts: BTreeMap<AgencyId, Host>,
    pub phones: Vec<Phone>,
    /// Told how far a phone's upload or download is: who, chunks done, chunks in all.
    pub on_progress: fn(&str, u64, u64),
}

impl<R: CryptoRng> World<R> {
    /// Servers of these agencies, under one federation.
    pub fn new(agencies: &[&str], now: Timestamp, mut rng: R) -> Result<Self, Error> {
        let authorities: Vec<Authority> =
            agencies.iter().map(|name| Authority::new(name, now, &mut rng)).collect::<Result<_, _>>()?;
        let office = Office::found(&authorities, now, &mut rng)?;
        let mut hosts = BTreeMap::new();
        for authority in authorities {
            let desk = authority.desk(&office, now, &mut rng)?;
            let (mut engine, mut store) = (Server::new(), MemoryStore::default());
            let setup = authority.setup(&office);
            engine.setup(Ctx { now, store: &store, rng: &mut rng }, &setup)?.commit(&mut store)?;
            let (agency, carried) = (authority.agency, Carried::default());
            hosts.insert(
                agency.clone(),
                Host {
                    agency,
                    engine,
                    store,
                    desk,
                    carried,
                    chunks: BTreeMap::new(),
                    ready: BTreeSet::new(),
                },
            );
        }
        Ok(World { now, rng, office, hosts, phones: Vec::new(), on_progress: |_, _, _| {} })
    }

    /// Enrols an officer's first device.
    pub fn enrol(&mut self, user: &str) -> Result<usize, Error> {
        let user = UserId::parse(user)?;
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let host = self.hosts.get_mut(user.agency()).ok_or("no such agency")?;
        let ctx = (self.now, &mut self.rng as &mut dyn CryptoRng);
        let enrolment = host.desk.enrol_first(&mut engine, &mut store, &user, ctx)?;
        self.take_over(engine, store, &enrolment)
    }

    /// Enrols a further device of an officer: it shows an offer, an enrolled one endorses it.
    pub fn enrol_further(&mut self, first: usize) -> Result<usize, Error> {
        let user = self.phones[first].device.user.clone();
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        engine.begin(ctx, user.clone())?.commit(&mut store)?;
        let offer = engine.offer(&store, self.now)?;
        let phone = &self.phones[first];
        let ctx = Ctx { now: self.now, store: &phone.store, rng: &mut self.rng };
        let request = phone.engine.endorse(ctx, &offer)?;
        let host = self.hosts.get_mut(user.agency()).ok_or("no such agency")?;
        let enrolment = host.desk.countersign(&request, self.now, &mut self.rng)?;
        self.take_over(engine, store, &enrolment)
    }

    fn take_over(
        &mut self,
        mut engine: Client,
        mut store: MemoryStore,
        enrolment: &[u8],
    ) -> Result<usize, Error> {
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        let done = engine.enrol(ctx, &self.office.federation, enrolment)?.commit(&mut store)?;
        let device = engine.device(&store)?;
        let owner = device.user.as_str().split('@').next().unwrap_or_default().to_owned();
        let outgoing = done.outputs.into();
        self.phones.push(Phone {
            owner,
            device,
            engine,
            store,
            events: Vec::new(),
            chunks: BTreeMap::new(),
            written: 0,
            outgoing,
            online: true,
        });
        self.settle()?;
        Ok(self.phones.len() - 1)
    }

    /// An officer asks for something.
    pub fn command(
        &mut self,
        phone: usize,
        make: impl FnOnce(RequestId) -> Command,
    ) -> Result<Receipt, Error> {
        let command = make(RequestId::random(&mut self.rng));
        let (receipt, _) = self.call(phone, |engine, ctx| engine.command(ctx, command.clone()))?;
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
        call: impl Fn(&mut Client, Ctx<'_>) -> verbund::error::Result<Transition<T, client::Output>>,
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
        self.call(phone, |engine, ctx| engine.resume(ctx))?;
        Ok(())
    }

    /// The same for a server.
    pub fn restart_server(&mut self, agency: &AgencyId) -> Result<(), Error> {
        if let Some(host) = self.hosts.get_mut(agency) {
            host.engine = Server::new();
            host.ready.clear();
            self.tick_server(agency)?;
        }
        Ok(())
    }

    /// Lets bytes travel until nothing moves any more.
    pub fn settle(&mut self) -> Result<(), Error> {
        loop {
            let mut moved = false;
            for phone in 0..self.phones.len() {
                moved |= self.phones[phone].online && self.carry(phone)?;
            }
            let links: Vec<_> = self
                .hosts
                .values()
                .flat_map(|h| h.ready.iter().map(|to| (h.agency.clone(), to.clone())))
                .collect();
            for (from, to) in links {
                moved |= self.carry_frame(&from, &to)?;
            }
            self.show()?;
            if !moved {
                return Ok(());
            }
        }
    }

    /// Lets time pass, with what it brings.
    pub fn pass(&mut self, by: std::time::Duration) -> Result<(), Error> {
        self.now = self.now.plus(by);
        for phone in 0..self.phones.len() {
            if self.phones[phone].online {
                self.call(phone, |engine, ctx| engine.tick(ctx))?;
            }
        }
        for agency in self.hosts.keys().cloned().collect::<Vec<_>>() {
            self.tick_server(&agency)?;
        }
        self.settle()
    }

    /// Sends one message of a phone, with the chunk that goes beside it, and gives it the reply.
    fn carry(&mut self, phone: usize) -> Result<bool, Error> {
        let Some(output) = self.phones[phone].outgoing.pop_front() else { return Ok(false) };
        let (bytes, chunk) = match output {
            client::Output::Send { bytes, chunk, .. } => (bytes, chunk),
            client::Output::Progress { done, total, .. } => {
                (self.on_progress)(&self.phones[phone].owner, done, total);
                return Ok(true);
            }
            _ => return Ok(true),
        };
        self.tick_clock();
        let chunk = chunk.and_then(|chunk| self.phones[phone].chunks.get(&chunk).cloned());
        let agency = self.phones[phone].device.user.agency().clone();
        let host = self.hosts.get_mut(&agency).ok_or("no such agency")?;
        host.carried.from_devices += 1;
        host.carried.bytes += bytes.len() + chunk.as_ref().map_or(0, Vec::len);
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let transition = match &chunk {
            None => host.engine.device(ctx, &bytes)?,
            Some(chunk) => {
                let with = host.engine.device_with_chunk(ctx, &bytes, chunk)?;
                host.chunks.extend(with.keep.map(|name| (name, chunk.clone())));
                with.transition
            }
        };
        let done = transition.commit(&mut host.store)?;
        let reply = done.value;
        let beside = reply.chunk.as_ref().and_then(|chunk| host.chunks.get(chunk).cloned());
        self.notify(&agency, done.outputs)?;
        self.take_in(phone, &reply.bytes, beside)
    }

    /// Gives a phone a reply, and keeps the chunk beside it if it is the right one.
    fn take_in(&mut self, phone: usize, reply: &[u8], beside: Option<Vec<u8>>) -> Result<bool, Error> {
        let phone = &mut self.phones[phone];
        let ctx = Ctx { now: self.now, store: &phone.store, rng: &mut self.rng };
        let transition = match &beside {
            None => phone.engine.receive(ctx, reply)?,
            Some(chunk) => {
                let with = phone.engine.receive_with_chunk(ctx, reply, chunk)?;
                phone.chunks.extend(with.keep.map(|name| (name, chunk.clone())));
                with.transition
            }
        };
        phone.written += transition.batch().bytes();
        let done = transition.commit(&mut phone.store)?;
        phone.outgoing.extend(done.outputs);
        Ok(true)
    }

    /// Sends one frame over a link and gives back the acknowledgement.
    fn carry_frame(&mut self, from: &AgencyId, to: &AgencyId) -> Result<bool, Error> {
        self.tick_clock();
        let host = self.hosts.get_mut(from).ok_or("no such agency")?;
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let done = host.engine.pump(ctx, to).map_err(|e| format!("pump: {e}"))?.commit(&mut host.store)?;
        let Some(frame) = done.value else {
            host.ready.remove(to);
            return Ok(false);
        };
        self.notify(from, done.outputs)?;
        if let Some((ack, _)) = self.peer(to, &frame, None)? {
            self.peer(from, &ack, None)?;
        }
        Ok(true)
    }

    /// Gives a server what another one sent; its answer may have a chunk beside it.
    fn peer(&mut self, at: &AgencyId, bytes: &[u8], chunk: Option<Vec<u8>>) -> Result<Option<Answer>, Error> {
        let host = self.hosts.get_mut(at).ok_or("no such agency")?;
        host.carried.from_peers += 1;
        host.carried.bytes += bytes.len() + chunk.as_ref().map_or(0, Vec::len);
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let transition = match &chunk {
            None => host.engine.peer(ctx, bytes)?,
            Some(chunk) => {
                let with = host.engine.peer_with_chunk(ctx, bytes, chunk)?;
                host.chunks.extend(with.keep.map(|name| (name, chunk.clone())));
                with.transition
            }
        };
        let done = transition.commit(&mut host.store)?;
        let answer = done.value.map(|reply| {
            let beside = reply.chunk.as_ref().and_then(|chunk| host.chunks.get(chunk).cloned());
            (reply.bytes, beside)
        });
        self.notify(at, done.outputs)?;
        Ok(answer)
    }

    fn tick_server(&mut self, agency: &AgencyId) -> Result<(), Error> {
        let host = self.hosts.get_mut(agency).ok_or("no such agency")?;
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let done = host.engine.tick(ctx, 256)?.commit(&mut host.store)?;
        self.notify(agency, done.outputs)
    }

    /// A server's hints: links to pump, devices to wake.
    fn notify(&mut self, agency: &AgencyId, outputs: Vec<server::Output>) -> Result<(), Error> {
        let mut wake = Vec::new();
        for output in outputs {
            match output {
                server::Output::LinkReady(peer) => {
                    if let Some(host) = self.hosts.get_mut(agency) {
                        host.ready.insert(peer);
                    }
                }
                server::Output::DeviceReady(device) => wake.push(device),
                server::Output::Fetch { peer, message } => {
                    if let Some((reply, beside)) = self.peer(&peer, &message, None)? {
                        self.peer(agency, &reply, beside)?;
                    }
                }
                server::Output::RoomReady(room) => {
                    let host = self.hosts.get(agency).ok_or("no such agency")?;
                    wake.extend(Server::readers(&host.store, &room, None, 1_000)?);
                }
                _ => {}
            }
        }
        for device in wake {
            let phone = self.phones.iter().position(|p| p.device == device && p.online);
            if let Some(phone) = phone {
                self.call(phone, |engine, ctx| engine.tick(ctx))?;
            }
        }
        Ok(())
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

    /// Clocks go on by a millisecond whenever something moves.
    fn tick_clock(&mut self) {
        self.now = self.now.plus(std::time::Duration::from_millis(1));
    }
}

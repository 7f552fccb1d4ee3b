//! The engine: what the inviter's device does, and what its server does, each stored.

use std::time::{Duration, Instant};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    Policy, RoomKind,
    client::{Client, Command, Event, Output},
    ids::{RequestId, RoomId, UserId},
    server::Server,
    store::{Ctx, MemoryStore, Transition},
    time::Timestamp,
};

use crate::world::{self, Error};

type World = world::World<ChaCha20Rng>;

const AGENCY: &str = "police.north.example";
/// Events that are read at one time.
const EVENTS: usize = 1_024;

/// Somebody and many others, each with a device whose key packages are at the server.
pub struct Crowd {
    world: World,
    users: Vec<UserId>,
}

/// A room of the inviter alone, ready for the others.
pub struct Inviter {
    now: Timestamp,
    rng: ChaCha20Rng,
    phone: (Client, MemoryStore),
    server: (Server, MemoryStore),
    room: RoomId,
    users: Vec<UserId>,
    /// What the phone wants to send.
    waiting: Vec<Output>,
}

/// How long the inviter's device has worked, and how long its server.
#[derive(Clone, Copy)]
pub struct Spent {
    pub device: Duration,
    pub server: Duration,
}

impl Crowd {
    pub fn new(others: usize) -> Result<Self, Error> {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut world = World::new(&[AGENCY], now, ChaCha20Rng::from_seed([7; 32]))?;
        world.enrol(&format!("anna@{AGENCY}"))?;
        let mut users = Vec::new();
        for n in 0..others {
            let name = format!("other{n}@{AGENCY}");
            world.enrol(&name)?;
            // Its key packages are at the server; it is not needed any more.
            world.phones.pop();
            users.push(UserId::parse(&name)?);
        }
        Ok(Crowd { world, users })
    }

    /// A room in a world of its own.
    pub fn inviter(&self) -> Result<Inviter, Error> {
        let (phone, host) = (&self.world.phones[0], self.world.hosts.values().next().ok_or("no host")?);
        let mut inviter = Inviter {
            now: self.world.now,
            rng: ChaCha20Rng::from_seed([8; 32]),
            phone: (Client::new(), phone.store.clone()),
            server: (Server::new(), host.store.clone()),
            room: RoomId::from_bytes([0; 16]),
            users: self.users.clone(),
            waiting: Vec::new(),
        };
        let request = RequestId::random(&mut inviter.rng);
        let command = Command::CreateRoom {
            request,
            kind: RoomKind::Group,
            name: "Bench".into(),
            policy: Policy::default(),
            invite: vec![],
        };
        let receipt = inviter.call(|engine, ctx| engine.command(ctx, command))?;
        inviter.room = receipt.room.ok_or("no room")?;
        inviter.settle()?;
        Ok(inviter)
    }
}

impl Inviter {
    /// Brings all of them in, so many with each command.
    pub fn invite(mut self, batch: usize) -> Result<Spent, Error> {
        let mut spent = Spent { device: Duration::ZERO, server: Duration::ZERO };
        for some in self.users.clone().chunks(batch) {
            let request = RequestId::random(&mut self.rng);
            let command = Command::Invite { request, room: self.room, users: some.to_vec() };
            let began = Instant::now();
            self.call(|engine, ctx| engine.command(ctx, command))?;
            spent.device += began.elapsed();
            let more = self.settle()?;
            spent.device += more.device;
            spent.server += more.server;
            let done = Event::Done { request };
            let events = self.phone.0.events(&self.phone.1, 0, EVENTS)?;
            assert!(events.iter().any(|(_, event)| *event == done), "{events:?}");
            let up_to = events.last().map(|(number, _)| *number).unwrap_or_default();
            self.call(|engine, ctx| engine.command(ctx, Command::AckEvents { up_to }))?;
        }
        Ok(spent)
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Client, Ctx<'_>) -> verbund::error::Result<Transition<T, Output>>,
    ) -> Result<T, Error> {
        let (engine, store) = &mut self.phone;
        let ctx = Ctx { now: self.now, store, rng: &mut self.rng };
        let done = call(engine, ctx)?.commit(store)?;
        self.waiting.extend(done.outputs);
        Ok(done.value)
    }

    /// Carries everything between the two until nothing moves any more.
    fn settle(&mut self) -> Result<Spent, Error> {
        let mut spent = Spent { device: Duration::ZERO, server: Duration::ZERO };
        while let Some(output) = self.waiting.pop() {
            let Output::Send { bytes, .. } = output else { continue };
            let began = Instant::now();
            let (server, store) = &mut self.server;
            let ctx = Ctx { now: self.now, store, rng: &mut self.rng };
            let done = server.device(ctx, &bytes)?.commit(store)?;
            spent.server += began.elapsed();
            let news = !done.outputs.is_empty();
            let began = Instant::now();
            self.call(|engine, ctx| engine.receive(ctx, &done.value.bytes))?;
            if news {
                self.call(|engine, ctx| engine.tick(ctx))?;
            }
            spent.device += began.elapsed();
        }
        Ok(spent)
    }
}

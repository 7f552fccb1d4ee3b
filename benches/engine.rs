//! What the client engine adds to MLS: sending and receiving 1 KiB, stored, beside openmls
//! with its own provider and in-memory storage, in one run, as ratios.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml` prints the table of the README;
//! `-- 2 100` only these sizes of room, and `-- --test` is a quick pass.

mod crowd;
#[path = "../examples/three_agencies/federation.rs"]
#[expect(dead_code, reason = "the example and its other guests use the rest")]
mod federation;
mod raw;
#[path = "../examples/three_agencies/world/mod.rs"]
#[expect(dead_code, reason = "the example and its other guests use the rest")]
mod world;

use std::time::{Duration, Instant};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    client::{Command, Output},
    content::{Content, Text},
    ids::{RequestId, RoomId},
    store::Ctx,
    time::Timestamp,
};
use world::Error;

type World = world::World<ChaCha20Rng>;

const AGENCY: &str = "police.north.example";
/// Messages in one delivery, and in one measured batch.
const BATCH: usize = 64;
/// Messages that a device may have under way to one room.
const UNDER_WAY: usize = 16;
/// What openmls sends when it is asked for 1 KiB.
const ALONE: raw::Message = raw::Message { size: 1024, signed_again: false };
/// What a room sends for 1 KiB: padded to its size class, and signed once more for the servers.
const AS_MUCH: raw::Message = raw::Message { size: 1536, signed_again: true };

fn main() -> Result<(), Error> {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let (sizes, rounds): (&[usize], usize) = match given.as_slice() {
        _ if std::env::args().any(|arg| arg == "--test") => (&[2, 20], 2),
        [] => (&[2, 100, 1000], 30),
        given => (given, 30),
    };
    println!("| members | | engine | raw openmls | ratio | as much work | ratio | written |");
    println!("|---|---|---|---|---|---|---|---|");
    for &members in sizes {
        measure(members, rounds)?;
    }
    Ok(())
}

fn measure(members: usize, rounds: usize) -> Result<(), Error> {
    let mut bench = Bench::new(members)?;
    let mut raw = raw::Raw::new(members);
    // [send, receive] of the engine, of openmls alone, and of openmls with as much to do.
    let mut best = [[Duration::MAX; 2]; 3];
    let mut written = [0; 2];
    // Rounds alternate, so that whatever else the machine does meets all; the best counts.
    for _ in 0..rounds {
        let (sent, received) = (bench.send()?, bench.receive()?);
        written = [sent.1, received.1];
        let alone = [raw.send(BATCH, ALONE), raw.receive()];
        let as_much = [raw.send(BATCH, AS_MUCH), raw.receive()];
        for (best, times) in best.iter_mut().zip([[sent.0, received.0], alone, as_much]) {
            best.iter_mut().zip(times).for_each(|(best, time)| *best = time.min(*best));
        }
    }
    let commit = bench.commit()?;
    for (what, name) in ["send", "receive"].into_iter().enumerate() {
        let each = |who: usize| best[who][what].as_secs_f64() * 1e6 / BATCH as f64;
        let [engine, alone, as_much] = [each(0), each(1), each(2)];
        println!(
            "| {members} | {name} | {engine:.1} µs | {alone:.1} µs | {:.2} | {as_much:.1} µs | {:.2} | {} B |",
            engine / alone,
            engine / as_much,
            written[what] / BATCH,
        );
    }
    println!("| {members} | own commit | | | | | | {commit} B |");
    Ok(())
}

/// A room of so many devices, of whom two act.
struct Bench {
    world: World,
    room: RoomId,
    anna: usize,
    ben: usize,
    body: String,
}

impl Bench {
    fn new(members: usize) -> Result<Self, Error> {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut world = World::new(&[AGENCY], now, ChaCha20Rng::from_seed([7; 32]))?;
        let anna = world.enrol(&format!("anna@{AGENCY}"))?;
        let ben = world.enrol(&format!("ben@{AGENCY}"))?;
        let mut users = crowd::enrol(&mut world, &[AGENCY], members - 2)?;
        users.push(world.phones[ben].device.user.clone());
        let room = crowd::room(&mut world, anna, &users)?;
        let body = "x".repeat(1024);
        Ok(Bench { world, room, anna, ben, body })
    }

    /// Time and bytes written for a batch of messages, each stored before it leaves.
    fn send(&mut self) -> Result<(Duration, usize), Error> {
        self.world.phones[self.ben].online = false;
        let content = Content::from(Text::plain(self.body.as_str())?);
        let (mut time, mut bytes) = (Duration::ZERO, 0);
        for sent in 0..BATCH {
            if sent % UNDER_WAY == 0 {
                self.world.settle()?;
            }
            let request = RequestId::random(&mut self.world.rng);
            let command =
                Command::Send { request, room: self.room, content: content.clone(), lifetime: None };
            let phone = &mut self.world.phones[self.anna];
            let began = Instant::now();
            let ctx = Ctx { now: self.world.now, store: &phone.store, rng: &mut self.world.rng };
            let transition = phone.engine.command(ctx, command)?;
            bytes += transition.batch().bytes();
            let done = transition.commit(&mut phone.store)?;
            time += began.elapsed();
            self.world.queue(self.anna, done.outputs);
        }
        self.world.settle()?;
        Ok((time, bytes))
    }

    /// The same for receiving it in one delivery.
    fn receive(&mut self) -> Result<(Duration, usize), Error> {
        let phone = &mut self.world.phones[self.ben];
        let ctx = Ctx { now: self.world.now, store: &phone.store, rng: &mut self.world.rng };
        let outputs = phone.engine.resume(ctx)?.commit(&mut phone.store)?.outputs;
        let (mut time, mut bytes) = (Duration::ZERO, 0);
        for output in outputs {
            let Output::Send { bytes: request, .. } = output else { continue };
            let agency = phone.device.user.agency();
            let host = self.world.hosts.get_mut(agency).ok_or("no host")?;
            let ctx = Ctx { now: self.world.now, store: &host.store, rng: &mut self.world.rng };
            let reply = host.engine.device(ctx, &request)?.commit(&mut host.store)?.value;
            let began = Instant::now();
            let ctx = Ctx { now: self.world.now, store: &phone.store, rng: &mut self.world.rng };
            let transition = phone.engine.receive(ctx, &reply.bytes)?;
            bytes += transition.batch().bytes();
            transition.commit(&mut phone.store)?;
            time += began.elapsed();
        }
        self.world.phones[self.ben].online = true;
        self.world.settle()?;
        Ok((time, bytes))
    }

    /// Bytes written for an own commit, from the command until it is merged. The first one
    /// fills a path that additions have left blank, the second is what the room costs then.
    fn commit(&mut self) -> Result<usize, Error> {
        self.describe("Bench 2")?;
        self.world.settle()?;
        let before = self.world.phones[self.anna].written;
        self.describe("Bench 3")?;
        self.world.settle()?;
        Ok(self.world.phones[self.anna].written - before)
    }

    fn describe(&mut self, name: &str) -> Result<(), Error> {
        let room = self.room;
        let (name, topic) = (Some(name.to_owned()), None);
        self.world.command(self.anna, |request| Command::Describe {
            request,
            room,
            name,
            topic,
            label: None,
        })?;
        Ok(())
    }
}

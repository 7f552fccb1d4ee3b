//! What rooms cost a server and a phone: entries that a hub takes in a second, what is written for each, what a
//! room needs that nobody speaks in, and how much memory one message needs that a push announced.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin load` prints the tables of the README; `-- --test`
//! is a quick pass, with the bounds that do not depend on the clock.

mod crowd;
#[path = "../examples/three_agencies/federation.rs"]
#[expect(dead_code, reason = "the example and its other guests use the rest")]
mod federation;
mod heap;
#[path = "../examples/three_agencies/world/mod.rs"]
#[expect(dead_code, reason = "the example and its other guests use the rest")]
mod world;

use std::{collections::BTreeSet, mem, time::Instant};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    client::{Client, Command, Output},
    content::{Content, Text},
    ids::{AgencyId, RequestId, RoomId, UserId},
    server::Server,
    store::{Ctx, MemoryStore},
    time::Timestamp,
};
use world::Error;

type World = world::World<ChaCha20Rng>;

/// Messages that a device may have under way to one room.
const UNDER_WAY: usize = 16;
/// What a notification extension may use: 8 MiB.
const EXTENSION: usize = 8 << 20;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn main() -> Result<(), Error> {
    let test = std::env::args().any(|arg| arg == "--test");
    let (agencies, sizes, entries): (&[usize], &[usize], usize) = match test {
        true => (&[3], &[10, 60, 1000], 32),
        false => (&[3, 16], &[10, 100, 1000], 1_024),
    };
    println!(
        "| agencies | members | entries per second | rows | bytes | idle room: hub | hub's engine | phone | its engine | a push |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for &agencies in agencies {
        let mut written = Vec::new();
        for &members in sizes {
            written.push(measure(agencies, members, entries)?);
        }
        // The cost of an entry grows with the agencies, and not with the members.
        let alike = |two: &[(usize, Written)]| match two {
            [(some, a), (others, b)] => some != others || a.0 == b.0 && a.1.abs_diff(b.1) < 64,
            _ => false,
        };
        assert!(written.windows(2).all(alike), "{written:?}");
    }
    Ok(())
}

/// Rows and bytes that the hub writes for an entry.
type Written = (usize, usize);

/// Gives how many agencies are in the room, and what the hub writes for an entry.
fn measure(agencies: usize, members: usize, entries: usize) -> Result<(usize, Written), Error> {
    let names: Vec<String> = (0..agencies).map(|n| format!("police{n:02}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let now = Timestamp::from_millis(1_800_000_000_000);
    let mut world = World::new(&names, now, ChaCha20Rng::from_seed([7; 32]))?;
    let anna = world.enrol(&format!("anna@{}", names[0]))?;
    let ben = world.enrol(&format!("ben@{}", names[1]))?;
    let mut users = crowd::enrol(&mut world, &names, members - 2)?;
    users.push(world.phones[ben].device.user.clone());
    let hub = AgencyId::parse(names[0])?;
    let there = users.iter().map(UserId::agency).chain([&hub]).collect::<BTreeSet<_>>().len();

    let room = crowd::room(&mut world, anna, &users)?;
    // What the room after it adds is what a room costs.
    let before = (bytes(&world.hosts[&hub].store), bytes(&world.phones[ben].store));
    crowd::room(&mut world, anna, &users)?;
    let idle = (bytes(&world.hosts[&hub].store) - before.0, bytes(&world.phones[ben].store) - before.1);

    let (rate, written) = submit(&mut world, (anna, room), &hub, entries)?;
    let push = announce(&mut world, (anna, ben, room))?;
    assert!(push <= EXTENSION, "a push needs {push} bytes at {members} members");
    let engines = engines(&mut world, (anna, ben, room), &hub)?;
    let kib = |bytes: usize| format!("{:.1} KiB", bytes as f64 / 1024.0);
    println!(
        "| {there} | {members} | {rate:.0} | {} | {} | {} | {} | {} | {} | {} |",
        written.0,
        written.1,
        kib(idle.0),
        kib(engines.0),
        kib(idle.1),
        kib(engines.1),
        kib(push),
    );
    Ok((there, written))
}

/// Bytes of all rows.
fn bytes(store: &MemoryStore) -> usize {
    store.rows().map(|(key, value)| key.len() + value.len()).sum()
}

/// Lets the hub take messages from one of its own devices. Gives entries per second of one core, and what is
/// written for each.
fn submit(
    world: &mut World,
    (phone, room): (usize, RoomId),
    hub: &AgencyId,
    entries: usize,
) -> Result<(f64, Written), Error> {
    let content = Content::from(Text::plain("x".repeat(1024))?);
    // Of all batches the best counts, whatever else the machine does.
    let (mut best, mut time, mut written) = (f64::INFINITY, 0.0, (0, 0));
    for sent in 0..entries {
        if sent % UNDER_WAY == 0 {
            world.settle()?;
            time = 0.0;
        }
        let request = RequestId::random(&mut world.rng);
        let command = Command::Send { request, room, content: content.clone(), lifetime: None };
        let device = &mut world.phones[phone];
        let ctx = Ctx { now: world.now, store: &device.store, rng: &mut world.rng };
        let outputs = device.engine.command(ctx, command)?.commit(&mut device.store)?.outputs;
        for output in &outputs {
            let Output::Send { bytes, .. } = output else { continue };
            let host = world.hosts.get_mut(hub).ok_or("no hub")?;
            let ctx = Ctx { now: world.now, store: &host.store, rng: &mut world.rng };
            let began = Instant::now();
            let transition = host.engine.device(ctx, bytes)?;
            written = (transition.batch().writes().len(), transition.batch().bytes());
            transition.commit(&mut host.store)?;
            time += began.elapsed().as_secs_f64();
        }
        if sent % UNDER_WAY == UNDER_WAY - 1 {
            best = f64::min(best, time);
        }
        // The answer was lost: the phone sends it again.
        world.queue(phone, outputs);
    }
    world.settle()?;
    Ok((UNDER_WAY as f64 / best, written))
}

/// Peak heap of a process that a push has started: it opens the store, fetches what is there, decrypts one
/// message, and shows it.
fn announce(world: &mut World, (anna, ben, room): (usize, usize, RoomId)) -> Result<usize, Error> {
    world.phones[ben].online = false;
    let content = Content::from(Text::plain("Missing since noon")?);
    world.command(anna, |request| Command::Send { request, room, content, lifetime: None })?;
    world.settle()?;

    let phone = &mut world.phones[ben];
    let mut engine = Client::new();
    let (outputs, begun) = heap::used(|| -> Result<_, Error> {
        let ctx = Ctx { now: world.now, store: &phone.store, rng: &mut world.rng };
        Ok(engine.resume(ctx)?.commit(&mut phone.store)?.outputs)
    });
    let (mut shown, mut peak) = (0, begun.peak);
    for output in outputs? {
        let Output::Send { bytes: request, .. } = output else { continue };
        let host = world.hosts.get_mut(phone.device.user.agency()).ok_or("no host")?;
        let ctx = Ctx { now: world.now, store: &host.store, rng: &mut world.rng };
        let reply = host.engine.device(ctx, &request)?.commit(&mut host.store)?.value.bytes;
        let (events, more) = heap::used(|| -> Result<_, Error> {
            let ctx = Ctx { now: world.now, store: &phone.store, rng: &mut world.rng };
            engine.receive(ctx, &reply)?.commit(&mut phone.store)?;
            Ok(engine.events(&phone.store, 0, 16)?.len())
        });
        shown += events?;
        peak = peak.max(begun.held + more.peak);
    }
    assert!(shown > 0, "the message is there");
    world.phones[ben].engine = engine;
    world.phones[ben].online = true;
    world.settle()?;
    Ok(peak)
}

/// What the engines of hub and phone keep in memory when a room has been used.
fn engines(
    world: &mut World,
    (anna, ben, room): (usize, usize, RoomId),
    hub: &AgencyId,
) -> Result<(usize, usize), Error> {
    world.restart_server(hub)?;
    world.restart(ben)?;
    world.settle()?;
    let content = Content::from(Text::plain("Found")?);
    world.command(anna, |request| Command::Send { request, room, content, lifetime: None })?;
    world.settle()?;
    let host = world.hosts.get_mut(hub).ok_or("no hub")?;
    let server = heap::freed(|| drop(mem::replace(&mut host.engine, Server::new())));
    let phone = heap::freed(|| drop(mem::replace(&mut world.phones[ben].engine, Client::new())));
    Ok((server, phone))
}

//! Three agencies, three servers, one conversation, one photo.
//!
//! `cargo run --release --example three_agencies -- [FILE]` lets officers of three state
//! agencies hold an encrypted conversation and share FILE (a picture that comes with it, if
//! none is named) across the borders. Every engine has a store of its own, and between them
//! go nothing but bytes. In the end it checks what it has claimed; if anything differs, it
//! says so and its exit code is 1.

#[allow(dead_code)] // tests, which share it, use the rest
mod federation;
mod show;
mod world;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rand_core::SeedableRng;
use verbund::{
    Policy, RoomKind,
    attachment::{ChunkRef, FileRef, Sealed, Sealer},
    client::{Command, Event},
    content::{Attachment, Content, Reaction, Text},
    ids::{BlobId, MessageId, RoomId, UserId},
    time::Timestamp,
};

use show::{chapter, line};
use world::Error;

type World = world::World<chacha20::ChaCha20Rng>;

const NORTH: &str = "police.north.example";
const SOUTH: &str = "police.south.example";
const WEST: &str = "police.west.example";
const SECRET: &str = "Last seen at the lighthouse at 16:40";
const AFTER: &str = "Arne is off the case; the new meeting point is the old mill";

fn main() -> ExitCode {
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let path = path
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/missing_bicycle.png"));
    let file = match open(&path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("three_agencies: cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    match run(file, &path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("three_agencies: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A file that can be read, with its length.
fn open(path: &Path) -> std::io::Result<(File, u64)> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(std::io::Error::other("it is a directory"));
    }
    Ok((file, about.len()))
}

/// Some bytes out of the file's beginning, to look for where they must not be.
fn sample(path: &Path) -> Result<Vec<u8>, Error> {
    let mut sample = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut sample)?;
    Ok(sample)
}

/// The phones of the story, by their place in the world.
struct Cast {
    anna: usize,
    tablet: usize,
    arne: usize,
    ben: usize,
    clara: usize,
}

fn run((file, size): (File, u64), path: &Path) -> Result<(), Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let now = Timestamp::from_millis(u64::try_from(now)?);

    chapter("One federation, three agencies, each with its own server and registrar");
    let mut world = World::new(&[NORTH, SOUTH, WEST], now, chacha20::ChaCha20Rng::from_seed(seed))?;
    world.on_progress = show::bar;
    for agency in world.hosts.keys() {
        line(agency.as_str());
    }

    chapter("Five devices are enrolled; Anna has two, and her first endorses her second");
    let anna = world.enrol(&format!("anna@{NORTH}"))?;
    let tablet = world.enrol_further(anna)?;
    let arne = world.enrol(&format!("arne@{NORTH}"))?;
    let ben = world.enrol(&format!("ben@{SOUTH}"))?;
    let clara = world.enrol(&format!("clara@{WEST}"))?;
    let cast = Cast { anna, tablet, arne, ben, clara };
    for phone in &world.phones {
        line(phone.device.to_string());
    }

    let room = create_room(&mut world, &cast)?;
    talk(&mut world, &cast, room)?;
    restart(&mut world, &cast, room)?;
    let sample = sample(path)?;
    let equal = share(&mut world, &cast, room, (file, size), path)?;
    remove_and_leave(&mut world, &cast, room)?;
    what_servers_saw(&world);
    check(&world, &cast, room, (equal, &sample))
}

fn create_room(world: &mut World, cast: &Cast) -> Result<RoomId, Error> {
    chapter("Anna begins a room and invites people of all three agencies");
    let invite = [format!("arne@{NORTH}"), format!("ben@{SOUTH}"), format!("clara@{WEST}")];
    let invite = invite.iter().map(|user| UserId::parse(user)).collect::<Result<Vec<_>, _>>()?;
    let receipt = world.command(cast.anna, |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Missing: red bicycle".into(),
        policy: Policy::default(),
        invite,
    })?;
    tell(world, World::settle)?;
    receipt.room.ok_or_else(|| "no room".into())
}

fn talk(world: &mut World, cast: &Cast, room: RoomId) -> Result<(), Error> {
    chapter("They talk; the north's server orders what all of them say");
    let first = say(world, cast.ben, room, Text::plain(SECRET)?.into())?;
    tell(world, World::settle)?;
    say(
        world,
        cast.clara,
        room,
        Text::markdown("On our side of the border **nobody** has seen it")?.reply_to(first).into(),
    )?;
    say(world, cast.tablet, room, Reaction::to(first, "👍")?.into())?;
    tell(world, World::settle)
}

fn restart(world: &mut World, cast: &Cast, room: RoomId) -> Result<(), Error> {
    chapter("Ben's app ends before its message has left; the west's server restarts; both go on");
    say(world, cast.ben, room, Text::plain("Divers are on their way")?.into())?;
    world.restart(cast.ben)?;
    world.restart_server(&verbund::ids::AgencyId::parse(WEST)?)?;
    tell(world, World::settle)
}

/// Seals the file chunk by chunk, shares it, and lets the others fetch and compare it.
fn share(
    world: &mut World,
    cast: &Cast,
    room: RoomId,
    (mut file, size): (File, u64),
    path: &Path,
) -> Result<usize, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    chapter(&format!("Anna shares {name}, {size} bytes, sealed under a key of its own"));
    let (sealed, file_ref) = seal(world, cast.anna, &mut file, size)?;
    let media_type = if name.ends_with(".png") { "image/png" } else { "application/octet-stream" };
    let mut attachment =
        Attachment::new(file_ref, media_type)?.captioned("Whoever sees it, call the lighthouse")?;
    if let Ok(named) = attachment.clone().named(name) {
        attachment = named;
    }
    world.command(cast.anna, |request| Command::Share {
        request,
        room,
        attachment,
        header: *sealed.header(),
        list: sealed.list().clone(),
        lifetime: None,
    })?;
    tell(world, World::settle)?;

    chapter("Everybody fetches it, each from their own agency's server, which fetches it once");
    let mut equal = 0;
    for phone in [cast.tablet, cast.arne, cast.ben, cast.clara] {
        fetch(world, phone, path)?;
        equal += 1;
    }
    Ok(equal)
}

fn seal(world: &mut World, phone: usize, file: &mut File, size: u64) -> Result<(Sealed, FileRef), Error> {
    let origin = world.phones[phone].device.user.agency().clone();
    let blob = BlobId::random(&mut world.rng);
    let mut sealer = Sealer::new(size, &mut world.rng)?;
    let mut index = 0;
    while let Some(length) = sealer.next_len() {
        let mut chunk = vec![0; length];
        file.read_exact(&mut chunk)?;
        sealer.seal_next(&mut chunk)?;
        world.phones[phone].chunks.insert(ChunkRef { origin: origin.clone(), blob, index }, chunk);
        index += 1;
    }
    if file.read(&mut [0])? > 0 {
        return Err("the file has grown while it was read".into());
    }
    let sealed = sealer.finish()?;
    let until = world.now.plus(Duration::from_secs(30 * 86_400));
    let file_ref = sealed.file_ref(blob, origin, until);
    Ok((sealed, file_ref))
}

/// Fetches what was shared, opens it chunk by chunk, and compares it with the file.
fn fetch(world: &mut World, phone: usize, path: &Path) -> Result<(), Error> {
    let shared = world.phones[phone].events.iter().rev().find_map(|event| match event {
        Event::Message { content: Content::Attachment(attachment), .. } => Some(attachment.file().clone()),
        _ => None,
    });
    let file_ref = shared.ok_or("nobody shared a file")?;
    let mut asked = None;
    world.command(phone, |request| {
        asked = Some(request);
        Command::Fetch { request, file: file_ref.clone() }
    })?;
    world.settle()?;
    // Where its server has to fetch first, the phone asks again when its time comes.
    let request = asked.ok_or("no request")?;
    let has_it = |world: &World| world.phones[phone].events.contains(&Event::Fetched { request });
    for _ in 0..file_ref.geometry()?.chunks().saturating_mul(2).saturating_add(10) {
        if has_it(world) {
            break;
        }
        world.pass(Duration::from_secs(1))?;
    }
    let opener = world.phones[phone].engine.opener(&world.phones[phone].store, &request)?;
    let mut original = File::open(path)?;
    for index in 0..file_ref.geometry()?.chunks() {
        let name = ChunkRef { origin: file_ref.origin.clone(), blob: file_ref.blob, index };
        let mut chunk = world.phones[phone].chunks.get(&name).ok_or("a chunk is missing")?.clone();
        opener.open_chunk(index, &mut chunk)?;
        let mut expected = vec![0; chunk.len()];
        original.read_exact(&mut expected)?;
        if chunk != expected {
            return Err(format!("chunk {index} differs at {}", world.phones[phone].owner).into());
        }
    }
    if original.read(&mut [0])? > 0 {
        return Err("the received file is shorter than the one sent".into());
    }
    Ok(())
}

fn remove_and_leave(world: &mut World, cast: &Cast, room: RoomId) -> Result<(), Error> {
    chapter("Anna removes Arne; what is said next he cannot read");
    let arne = UserId::parse(&format!("arne@{NORTH}"))?;
    world.command(cast.anna, |request| Command::Remove { request, room, users: vec![arne] })?;
    tell(world, World::settle)?;
    say(world, cast.anna, room, Text::plain(AFTER)?.into())?;
    tell(world, World::settle)?;

    chapter("Clara leaves; somebody who is there commits it");
    world.command(cast.clara, |request| Command::Leave { request, room })?;
    tell(world, |world| {
        world.settle()?;
        world.pass(Duration::from_secs(11))
    })
}

fn what_servers_saw(world: &World) {
    chapter("What each server has seen: ids, devices, times and sizes");
    for (agency, host) in &world.hosts {
        let carried = host.carried;
        line(format!(
            "{agency}: {} requests of devices, {} messages of other servers, {} bytes in all; {} rows, {} sealed chunks",
            carried.from_devices,
            carried.from_peers,
            carried.bytes,
            host.store.len(),
            host.chunks.len(),
        ));
    }
}

/// What has been claimed, checked.
fn check(world: &World, cast: &Cast, room: RoomId, (equal, sample): (usize, &[u8])) -> Result<(), Error> {
    chapter("Checked");
    let claim = |holds: bool, what: &str| -> Result<(), Error> {
        line(format!("{} {what}", if holds { "yes" } else { "NO " }));
        if holds { Ok(()) } else { Err(format!("not so: {what}").into()) }
    };
    claim(equal == 4, "four devices received the file, each equal to the one sent, byte for byte")?;

    let stay = [cast.anna, cast.tablet, cast.ben];
    let places: Vec<_> = stay.iter().map(|phone| place(world, *phone, room)).collect::<Result<_, _>>()?;
    claim(
        places.windows(2).all(|two| two[0] == two[1]),
        "all who are there stand at the same entry with the same hash",
    )?;
    let histories: Vec<_> = stay.iter().map(|phone| history(world, *phone)).collect();
    let same = histories.windows(2).all(|two| two[0] == two[1]) && histories[0].len() == 6;
    claim(same, "all of them have the same six messages in the same order")?;

    let arne = &world.phones[cast.arne];
    claim(
        said_to(world, cast.ben, AFTER) && !said_to(world, cast.arne, AFTER),
        "Arne has not got the message after his removal",
    )?;
    let out = arne.events.iter().any(|event| matches!(event, Event::Left { .. }));
    claim(
        out && arne.engine.rooms(&arne.store)?.is_empty(),
        "Arne's device knows that it is out, and its keys are gone",
    )?;
    let clara = &world.phones[cast.clara];
    claim(clara.engine.rooms(&clara.store)?.is_empty(), "Clara has left")?;

    let words = [SECRET, AFTER, "red bicycle", "lighthouse", "Divers"];
    let blind = |bytes: &[u8]| {
        let words = words.iter().map(|word| word.as_bytes());
        words.chain((sample.len() >= 16).then_some(sample)).all(|secret| !contains(bytes, secret))
    };
    let all_blind = world.hosts.values().all(|host| {
        host.store.rows().all(|(_, row)| blind(row)) && host.chunks.values().all(|chunk| blind(chunk))
    });
    claim(all_blind, "no server's store holds a word of what was said, of the room's name or of the file")
}

fn place(world: &World, phone: usize, room: RoomId) -> Result<(u64, Option<verbund::ids::Hash>), Error> {
    let phone = &world.phones[phone];
    let rooms = phone.engine.rooms(&phone.store)?;
    let room = rooms.iter().find(|r| r.id == room).ok_or("the room is gone")?;
    Ok((room.seq, room.hash))
}

/// The places and ids of all messages that a phone knows, its own included.
fn history(world: &World, phone: usize) -> Vec<(u64, MessageId)> {
    let known = world.phones[phone].events.iter().filter_map(|event| match event {
        Event::Message { seq, id, .. } | Event::Sent { seq, id, .. } => Some((*seq, *id)),
        _ => None,
    });
    known.collect()
}

fn said_to(world: &World, phone: usize, words: &str) -> bool {
    world.phones[phone].events.iter().any(
        |event| matches!(event, Event::Message { content: Content::Text(text), .. } if text.body() == words),
    )
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn say(world: &mut World, phone: usize, room: RoomId, content: Content) -> Result<MessageId, Error> {
    let receipt = world.command(phone, |request| Command::Send { request, room, content, lifetime: None })?;
    receipt.message.ok_or_else(|| "no message id".into())
}

/// Lets something happen, then shows what each phone tells of it.
fn tell(world: &mut World, happen: impl FnOnce(&mut World) -> Result<(), Error>) -> Result<(), Error> {
    let before: Vec<_> = world.phones.iter().map(|phone| phone.events.len()).collect();
    happen(world)?;
    for (phone, from) in world.phones.iter().zip(before) {
        show::events(phone, from);
    }
    Ok(())
}

//! Files on their way through servers: what comes of them when engines die, servers are down or
//! give other bytes, and when somebody takes a file back.

mod forwarding;
mod previews;
mod sealing;
mod uploading;

use std::time::Duration;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use verbund::{
    Policy, Role, RoomKind,
    attachment::{ChunkRef, FileRef, Sealed},
    client::{Blame, Command, Event, Remedy},
    code::Code,
    content::{Attachment, Content, Delete},
    ids::{AgencyId, MessageId, RequestId, RoomId, UserId},
    limits,
    store::Ctx,
};

use crate::{
    support::{BEGIN, NORD, SUED, WEST, files::sealed},
    world,
};

type World = world::World<ChaCha20Rng>;

const ANNA: usize = 0;
const BEN: usize = 1;
const TABLET: usize = 2;
const CLARA: usize = 3;
const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);
/// Five chunks.
const SIZE: usize = 300_000;

fn agency(name: &str) -> AgencyId {
    AgencyId::parse(name).unwrap()
}

/// Anna of the north, Ben of the south with two devices, Clara of the west.
fn officers(seed: u8) -> World {
    let mut world = World::new(&[NORD, SUED, WEST], BEGIN, ChaCha20Rng::from_seed([seed; 32])).unwrap();
    world.enrol(&format!("anna@{NORD}")).unwrap();
    world.enrol(&format!("ben@{SUED}")).unwrap();
    world.enrol_further(BEN, "ben's tablet").unwrap();
    world.enrol(&format!("clara@{WEST}")).unwrap();
    world
}

fn room(world: &mut World) -> RoomId {
    let invite = [format!("ben@{SUED}"), format!("clara@{WEST}")].map(|user| UserId::parse(&user).unwrap());
    let create = |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Red bicycle".into(),
        policy: Policy::default(),
        invite: invite.into(),
    };
    let room = world.command(ANNA, create).unwrap().room.unwrap();
    world.settle().unwrap();
    room
}

fn plain(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

/// Begins to share a file; the message's id.
fn share(world: &mut World, phone: usize, room: RoomId, (sealed, file): &(Sealed, FileRef)) -> MessageId {
    let attachment = Attachment::new(file.clone(), "image/png").unwrap();
    let make = |request| Command::Share {
        request,
        room,
        attachment,
        lifetime: None,
        header: *sealed.header(),
        list: sealed.list().clone(),
        preview: None,
    };
    world.command(phone, make).unwrap().message.unwrap()
}

/// A room in which Anna has shared a file.
fn shared(seed: u8) -> (World, RoomId, FileRef, MessageId) {
    let mut world = officers(seed);
    let room = room(&mut world);
    let file = sealed(&mut world, ANNA, &plain(SIZE), DAY * 30);
    let message = share(&mut world, ANNA, room, &file);
    world.settle().unwrap();
    (world, room, file.1, message)
}

fn begin_fetch(world: &mut World, phone: usize, file: &FileRef) -> RequestId {
    let request = RequestId::random(&mut world.rng);
    let file = file.clone();
    world.call(phone, |engine, ctx| engine.command(ctx, Command::Fetch { request, file })).unwrap();
    world.settle().unwrap();
    request
}

/// Fetches a file, if it can be had within some minutes: what the app is told at the end.
fn fetch(world: &mut World, phone: usize, file: &FileRef) -> Event {
    let request = begin_fetch(world, phone, file);
    end(world, phone, request)
}

fn end(world: &mut World, phone: usize, wanted: RequestId) -> Event {
    for _ in 0..60 {
        let told = world.phones[phone].events.iter().find(|event| match event {
            Event::Fetched { request } | Event::NotFetched { request, .. } => *request == wanted,
            _ => false,
        });
        if let Some(told) = told {
            return told.clone();
        }
        world.pass(Duration::from_secs(3)).unwrap();
    }
    panic!("nothing was told");
}

/// What a phone has fetched, opened.
fn opened(world: &World, phone: usize, told: &Event, file: &FileRef) -> Vec<u8> {
    let Event::Fetched { request } = told else { panic!("{told:?}") };
    let phone = &world.phones[phone];
    let opener = phone.engine.opener(&phone.store, request).unwrap();
    let mut whole = Vec::new();
    for index in 0..file.geometry().unwrap().chunks() {
        let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index };
        let mut chunk = phone.chunks[&name].clone();
        opener.open_chunk(index, &mut chunk).unwrap();
        whole.extend_from_slice(&chunk);
    }
    whole
}

fn why(told: &Event) -> (Code, Blame, Remedy) {
    let Event::NotFetched { code, blame, remedy, .. } = told else { panic!("{told:?}") };
    (*code, *blame, *remedy)
}

fn at<'w>(world: &'w mut World, name: &str) -> &'w mut world::Host {
    world.hosts.get_mut(&agency(name)).unwrap()
}

fn delete(world: &mut World, phone: usize, room: RoomId, message: MessageId) {
    let content = Content::from(Delete::of(message));
    world.command(phone, |request| Command::Send { request, room, content, lifetime: None }).unwrap();
    world.settle().unwrap();
}

/// Whether a store holds the file's key.
fn knows_key(world: &World, phone: usize, file: &FileRef) -> bool {
    let rows = verbund::store::Store::scan(&world.phones[phone].store, b"", None, usize::MAX).unwrap();
    rows.iter().any(|(_, row)| row.windows(32).any(|part| part == file.key.expose()))
}

/// SPEC V-682
#[test]
fn when_the_origin_is_down_the_own_agency_has_it() {
    let (mut world, _, file, _) = shared(210);
    // The tablet asks for the first chunk and is closed; its server fetches the rest.
    begin_fetch(&mut world, TABLET, &file);
    world.phones[TABLET].online = false;
    world.pass(MINUTE).unwrap();
    let chunks = usize::try_from(file.geometry().unwrap().chunks()).unwrap();
    assert_eq!(at(&mut world, SUED).chunks.len(), chunks);
    at(&mut world, NORD).down = true;
    let told = fetch(&mut world, BEN, &file);
    assert_eq!(opened(&world, BEN, &told, &file), plain(SIZE));
    // Who has nobody that has asked has to wait for the origin, and learns so.
    let request = begin_fetch(&mut world, CLARA, &file);
    for _ in 0..5 {
        world.pass(MINUTE).unwrap();
    }
    let phone = &world.phones[CLARA];
    let [fetch] = phone.engine.fetches(&phone.store, None, 10).unwrap().try_into().unwrap();
    assert_eq!((fetch.request, fetch.done, fetch.waits), (request, 0, true));
    at(&mut world, NORD).down = false;
    let told = end(&mut world, CLARA, request);
    assert_eq!(opened(&world, CLARA, &told, &file), plain(SIZE));
}

/// SPEC V-687, V-688
#[test]
fn a_message_that_is_deleted_takes_its_file_along() {
    let (mut world, room, file, message) = shared(211);
    // Anna makes Ben an admin, who may delete what she has said.
    let ben = UserId::parse(&format!("ben@{SUED}")).unwrap();
    let make = |request| Command::SetRole { request, room, user: ben, role: Role::Admin };
    world.command(ANNA, make).unwrap();
    world.settle().unwrap();
    let told = fetch(&mut world, BEN, &file);
    assert_eq!(opened(&world, BEN, &told, &file), plain(SIZE));
    assert!(knows_key(&world, BEN, &file));
    // Clara's phone is in the middle of it.
    at(&mut world, WEST).down = true;
    let request = begin_fetch(&mut world, CLARA, &file);
    at(&mut world, WEST).down = false;
    delete(&mut world, BEN, room, message);
    world.pass(MINUTE).unwrap();
    assert_eq!(why(&end(&mut world, CLARA, request)), (Code::BlobGone, Blame::Nobody, Remedy::Nothing));
    for name in [NORD, SUED, WEST] {
        assert!(at(&mut world, name).chunks.is_empty(), "{name}");
    }
    for phone in [ANNA, BEN, CLARA] {
        assert!(!knows_key(&world, phone, &file), "{phone}");
    }
    // Who asks all the same is told what became of it.
    for phone in [BEN, CLARA, ANNA] {
        let told = fetch(&mut world, phone, &file);
        assert_eq!(why(&told), (Code::BlobGone, Blame::Nobody, Remedy::Nothing), "{phone}");
    }
}

/// SPEC V-686, V-688: as long as another message of the user names it, a file stays.
#[test]
fn a_file_goes_with_the_last_message_that_names_it() {
    let (mut world, room, file, first) = shared(214);
    let again = Content::from(Attachment::new(file.clone(), "image/png").unwrap());
    let send = |request| Command::Send { request, room, content: again, lifetime: Some(2 * DAY) };
    world.command(ANNA, send).unwrap();
    world.settle().unwrap();
    delete(&mut world, ANNA, room, first);
    let told = fetch(&mut world, BEN, &file);
    assert_eq!(opened(&world, BEN, &told, &file), plain(SIZE));
    // The other expires.
    world.pass(3 * DAY).unwrap();
    world.pass(MINUTE).unwrap();
    for name in [NORD, SUED] {
        assert!(at(&mut world, name).chunks.is_empty(), "{name}");
    }
    assert!(!knows_key(&world, BEN, &file));
}

/// SPEC V-686
#[test]
fn an_app_takes_a_file_back_once_its_server_is_there() {
    let (mut world, _, file, _) = shared(215);
    fetch(&mut world, BEN, &file);
    at(&mut world, NORD).down = true;
    let request = RequestId::random(&mut world.rng);
    let command = Command::Forget { request, file: file.clone() };
    world.call(ANNA, |engine, ctx| engine.command(ctx, command.clone())).unwrap();
    world.settle().unwrap();
    world.restart(ANNA).unwrap();
    world.settle().unwrap();
    assert!(!world.phones[ANNA].events.contains(&Event::Done { request }));
    at(&mut world, NORD).down = false;
    world.pass(MINUTE).unwrap();
    assert!(world.phones[ANNA].events.contains(&Event::Done { request }));
    assert!(at(&mut world, SUED).chunks.is_empty());
    // Given again, it does nothing more; and another's file one cannot take back.
    world.call(ANNA, |engine, ctx| engine.command(ctx, command)).unwrap();
    let request = RequestId::random(&mut world.rng);
    let theirs = world.call(BEN, |engine, ctx| engine.command(ctx, Command::Forget { request, file }));
    assert!(theirs.is_err());
}

/// SPEC V-684
#[test]
fn wrong_bytes_of_the_own_agency_are_found_out_and_fetched_anew() {
    let (mut world, _, file, _) = shared(216);
    fetch(&mut world, TABLET, &file);
    let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index: 2 };
    // A disk of the own agency has changed a chunk.
    at(&mut world, SUED).chunks.get_mut(&name).unwrap()[7] ^= 1;
    let told = fetch(&mut world, BEN, &file);
    assert_eq!(opened(&world, BEN, &told, &file), plain(SIZE));
    // It changes it whatever is done: the app is told who is to blame.
    at(&mut world, SUED).spoils = Some(name.clone());
    world.phones[BEN].chunks.clear();
    let told = fetch(&mut world, BEN, &file);
    assert_eq!(why(&told), (Code::BadChunk, Blame::OwnAgency, Remedy::TellOperators));
    assert!(!world.phones[BEN].chunks.contains_key(&name));
}

/// SPEC V-565, V-684
#[test]
fn wrong_bytes_of_the_origin_are_told_as_such() {
    let (mut world, _, file, _) = shared(217);
    let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index: 2 };
    at(&mut world, NORD).chunks.get_mut(&name).unwrap()[7] ^= 1;
    let told = fetch(&mut world, BEN, &file);
    assert_eq!(why(&told), (Code::BadOrigin, Blame::Origin, Remedy::Later));
    let Event::NotFetched { retry_at: Some(retry_at), .. } = told else { panic!("{told:?}") };
    // For the origin's own people it is their own agency that is to blame, and loses it for good.
    let told = fetch(&mut world, ANNA, &file);
    assert_eq!(why(&told), (Code::ChunkLost, Blame::OwnAgency, Remedy::AskSender));
    // Mended there, it can be had at the time that was told.
    let good = world.phones[ANNA].chunks[&name].clone();
    let world::Host { engine, store, .. } = world.hosts.get_mut(&agency(NORD)).unwrap();
    let ctx = Ctx { now: world.now, store, rng: &mut world.rng };
    engine.check_chunk(ctx, &name, Some(&good)).unwrap().commit(store).unwrap();
    at(&mut world, NORD).chunks.insert(name, good);
    world.pass(retry_at.since(world.now)).unwrap();
    let told = fetch(&mut world, BEN, &file);
    assert_eq!(opened(&world, BEN, &told, &file), plain(SIZE));
}

/// SPEC V-681
#[test]
fn an_upload_that_ended_is_told_as_such() {
    let mut world = officers(218);
    let room = room(&mut world);
    let file = sealed(&mut world, ANNA, &plain(SIZE), DAY * 30);
    share(&mut world, ANNA, room, &file);
    world.budget = 4;
    world.settle().unwrap();
    world.budget = usize::MAX;
    world.phones[ANNA].online = false;
    world.restart(ANNA).unwrap();
    // Ben has the file's reference from elsewhere. As long as it may still come, he waits.
    let request = begin_fetch(&mut world, BEN, &file.1);
    for _ in 0..20 {
        world.pass(MINUTE).unwrap();
    }
    let told = |event: &Event| matches!(event, Event::NotFetched { .. });
    assert!(!world.phones[BEN].events.iter().any(told));
    for _ in 0..8 {
        world.pass(DAY).unwrap();
    }
    assert_eq!(limits::UPLOAD_KEPT, 7 * DAY);
    world.pass(10 * MINUTE).unwrap();
    world.pass(10 * MINUTE).unwrap();
    let told = end(&mut world, BEN, request);
    assert_eq!(why(&told), (Code::UploadAbandoned, Blame::Sender, Remedy::AskSender));
    // Anna's phone comes back, and begins again.
    world.phones[ANNA].online = true;
    world.restart(ANNA).unwrap();
    world.settle().unwrap();
    world.pass(10 * MINUTE).unwrap();
    let told = fetch(&mut world, BEN, &file.1);
    assert_eq!(opened(&world, BEN, &told, &file.1), plain(SIZE));
}

/// Engines die after any step, on both sides: what was there stays, the rest goes on, and no chunk
/// is carried twice but the one that was under way.
#[test]
fn engines_that_die_at_any_step_go_on_where_they_were() {
    let chunks = usize::try_from(
        sealed(&mut officers(219), ANNA, &plain(SIZE), DAY * 30).1.geometry().unwrap().chunks(),
    );
    let chunks = chunks.unwrap();
    let nord = agency(NORD);
    for step in (0..26).step_by(2) {
        let mut world = officers(219);
        let room = room(&mut world);
        let file = sealed(&mut world, ANNA, &plain(SIZE), DAY * 30);
        share(&mut world, ANNA, room, &file);
        let before = [NORD, SUED].map(|name| world.hosts[&agency(name)].carried.chunks);
        world.budget = step;
        world.settle().unwrap();
        // Everything that was under way is lost with the engines.
        world.restart(ANNA).unwrap();
        world.restart_server(&nord).unwrap();
        world.budget = usize::MAX;
        world.settle().unwrap();
        world.pass(MINUTE).unwrap();
        let up = world.hosts[&nord].carried.chunks - before[0];
        assert_eq!(up, chunks, "step {step}: a chunk went up twice");

        let request = RequestId::random(&mut world.rng);
        let fetch = Command::Fetch { request, file: file.1.clone() };
        world.call(BEN, |engine, ctx| engine.command(ctx, fetch)).unwrap();
        world.budget = step;
        world.settle().unwrap();
        world.restart(BEN).unwrap();
        world.restart_server(&agency(SUED)).unwrap();
        world.budget = usize::MAX;
        world.settle().unwrap();
        let told = end(&mut world, BEN, request);
        assert_eq!(opened(&world, BEN, &told, &file.1), plain(SIZE));
        let over = world.hosts[&agency(SUED)].carried.chunks - before[1];
        assert_eq!(over, chunks, "step {step}: a chunk came over twice");
    }
}

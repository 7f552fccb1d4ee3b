//! What the user's next device is given by the one that linked it: every room, and, where it
//! asks and the user agrees, what was said before.

use std::time::Duration;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use verbund::{
    Policy, Role, RoomKind,
    attachment::ChunkRef,
    client::{By, Client, Command, Confirmation, Event, History, Imported, Linked},
    code::Code,
    content::{Content, Delete, Reaction, Text},
    error::Result,
    identity::Newcomer,
    ids::{AgencyId, MessageId, RequestId, RoomId, UserId},
    limits,
    store::{Ctx, MemoryStore},
};

use crate::{
    support::{BEGIN, NORD, SUED, files::sealed},
    world::{self, Phone},
};

type World = world::World<ChaCha20Rng>;

const ANNA: usize = 0;
const BEN: usize = 1;
const DAY: Duration = Duration::from_secs(86_400);

fn officers(seed: u8) -> World {
    let mut world = World::new(&[NORD, SUED], BEGIN, ChaCha20Rng::from_seed([seed; 32])).unwrap();
    world.enrol(&format!("anna@{NORD}")).unwrap();
    world.enrol(&format!("ben@{SUED}")).unwrap();
    world
}

fn room(world: &mut World) -> RoomId {
    room_with(world, Policy::default())
}

fn room_with(world: &mut World, policy: Policy) -> RoomId {
    let create = |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Red bicycle".into(),
        policy,
        invite: vec![UserId::parse(&format!("ben@{SUED}")).unwrap()],
    };
    let room = world.command(ANNA, create).unwrap().room.unwrap();
    world.settle().unwrap();
    room
}

fn say(world: &mut World, phone: usize, room: RoomId, body: &str, lifetime: Option<Duration>) -> MessageId {
    let content = Content::from(Text::plain(body).unwrap());
    let id = world.command(phone, |request| Command::Send { request, room, content, lifetime }).unwrap();
    world.settle().unwrap();
    id.message.unwrap()
}

/// Links a tablet to Anna's phone up to the reply; `with` makes what goes with the yes.
fn link(
    world: &mut World,
    asks: bool,
    with: impl FnOnce(&mut World) -> Confirmation,
) -> Result<(usize, Linked)> {
    let phone = &mut world.phones[ANNA];
    let ctx = Ctx { now: world.now, store: &phone.store, rng: &mut world.rng };
    let sponsor = phone.engine.show_link_code(ctx).unwrap();
    let newcomer = Newcomer::read(&sponsor.code().text(), world.now).unwrap();
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: world.now, store: &store, rng: &mut world.rng };
    let asked = engine.ask_to_link(ctx, newcomer, "Anna's tablet", asks).unwrap();
    let (request, asking) = asked.commit(&mut store).unwrap().value;
    let candidate = sponsor.receive(&request, world.now).unwrap();
    assert_eq!(candidate.asks_history(), asks);
    let with = with(world);
    let phone = &mut world.phones[ANNA];
    let ctx = Ctx { now: world.now, store: &phone.store, rng: &mut world.rng };
    let done = phone.engine.confirm_link(ctx, candidate, with)?.commit(&mut phone.store).unwrap();
    world.queue(ANNA, done.outputs);
    let ctx = Ctx { now: world.now, store: &store, rng: &mut world.rng };
    let said = engine.linked(ctx, asking, &done.value).unwrap().commit(&mut store).unwrap().value;
    let tablet = world.add(Phone::new("anna's tablet", engine, store).unwrap());
    Ok((tablet, said))
}

fn history(world: &mut World, bytes: &[u8], rooms: &[RoomId]) -> History {
    let (sealed, file) = sealed(world, ANNA, bytes, DAY);
    History {
        request: RequestId::random(&mut world.rng),
        file,
        header: *sealed.header(),
        list: sealed.list().clone(),
        rooms: rooms.to_vec(),
    }
}

fn with(history: History) -> Confirmation {
    Confirmation { history: Some(history), ..Confirmation::default() }
}

/// The file that a device was handed, opened.
fn opened(world: &World, tablet: usize) -> Option<Vec<u8>> {
    let phone = &world.phones[tablet];
    let (request, file) = phone.events.iter().find_map(|event| match event {
        Event::History { request, file, .. } => Some((request, file)),
        _ => None,
    })?;
    let opener = phone.engine.opener(&phone.store, request).unwrap();
    let mut whole = Vec::new();
    for index in 0..file.geometry().unwrap().chunks() {
        let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index };
        let mut chunk = phone.chunks[&name].clone();
        opener.open_chunk(index, &mut chunk).unwrap();
        whole.extend_from_slice(&chunk);
    }
    Some(whole)
}

/// What an app keeps of a room: all that it was told of messages in it.
fn kept(world: &World, phone: usize) -> Vec<Imported> {
    let known = world.phones[phone].events.iter().filter_map(|event| match event {
        Event::Message { seq, at, id, sender, content, expires_at, .. } => Some(Imported {
            seq: *seq,
            at: *at,
            id: *id,
            author: sender.user.clone(),
            content: content.clone(),
            expires_at: *expires_at,
        }),
        _ => None,
    });
    known.collect()
}

fn in_room(world: &World, phone: usize, room: RoomId) -> bool {
    let phone = &world.phones[phone];
    phone.engine.rooms(&phone.store).unwrap().iter().any(|known| known.id == room)
}

/// How many rows an import would write.
fn rows_of_import(world: &mut World, phone: usize, room: RoomId, messages: Vec<Imported>) -> Result<usize> {
    let phone = &mut world.phones[phone];
    let ctx = Ctx { now: world.now, store: &phone.store, rng: &mut world.rng };
    phone.engine.command(ctx, Command::Import { room, messages }).map(|done| done.batch().writes().len())
}

fn code<T>(result: Result<T>) -> Code {
    result.err().expect("a refusal").code()
}

/// SPEC V-381
#[test]
fn a_linked_device_comes_into_every_room_by_itself() {
    let mut world = officers(200);
    let rooms: Vec<_> = (0..20).map(|_| room(&mut world)).collect();
    let (tablet, said) = link(&mut world, false, |_| Confirmation::default()).unwrap();
    assert_eq!(said.rooms.len(), rooms.len());
    assert_eq!(said.history, None);
    // The registrar takes three days; the phone asks every ten minutes or so.
    world.phones[tablet].online = false;
    for _ in 0..3 {
        world.pass(DAY).unwrap();
    }
    let asked = world.hosts[&AgencyId::parse(NORD).unwrap()].carried.from_devices;
    assert!(asked < 500, "{asked}");
    world.phones[tablet].online = true;
    world.register(tablet, &said.request).unwrap();
    for _ in 0..8 {
        world.pass(Duration::from_secs(100)).unwrap();
    }
    for room in &rooms {
        assert!(in_room(&world, tablet, *room));
    }
    say(&mut world, BEN, rooms[7], "welcome", None);
    assert!(kept(&world, tablet).iter().any(|message| message.author.as_str().starts_with("ben@")));
    // Nothing is left to do.
    let before = world.phones[ANNA].events.len();
    world.pass(DAY).unwrap();
    assert_eq!(world.phones[ANNA].events.len(), before);
}

/// SPEC V-381
#[test]
fn a_device_that_is_never_enrolled_is_waited_for_a_week() {
    let mut world = officers(201);
    let room = room(&mut world);
    let (tablet, said) = link(&mut world, false, |_| Confirmation::default()).unwrap();
    world.phones[tablet].online = false;
    let host = world.hosts.get_mut(&AgencyId::parse(NORD).unwrap()).unwrap();
    let enrolment = host.desk.countersign(&said.request, world.now, &mut world.rng).unwrap();
    world.pass(limits::COMPANION_AWAITED).unwrap();
    world.phones[tablet].online = true;
    let federation = world.office.federation.clone();
    world.call(tablet, |engine, ctx| engine.enrol(ctx, &federation, &enrolment)).unwrap();
    world.settle().unwrap();
    for _ in 0..10 {
        world.pass(Duration::from_secs(600)).unwrap();
    }
    // Nobody brings it in any more: it comes by itself.
    let device = world.phones[tablet].device.clone();
    let itself = |event: &Event| matches!(event, Event::Joined { by, .. } if *by == device);
    assert!(world.phones[tablet].events.iter().any(itself));
    assert!(in_room(&world, tablet, room));
}

/// SPEC V-382 to V-386
#[test]
fn history_is_handed_over_and_what_is_said_of_it_applies() {
    let mut world = officers(202);
    let room = room(&mut world);
    let seen = say(&mut world, BEN, room, "Seen at the lighthouse", None);
    let brief = say(&mut world, BEN, room, "The code is 4711", Some(2 * DAY));
    let export: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut request = None;
    let (tablet, said) = link(&mut world, true, |world| {
        let history = history(world, &export, &[room]);
        request = Some(history.request);
        with(history)
    })
    .unwrap();
    let told = said.history.clone().unwrap();
    assert_eq!((told.rooms.as_slice(), told.size), ([room].as_slice(), 200_000));
    world.settle().unwrap();
    assert!(world.phones[ANNA].events.contains(&Event::Done { request: request.unwrap() }));

    // The app is closed before the registrar has answered.
    world.phones[tablet].engine = Client::new();
    world.register(tablet, &said.request).unwrap();
    let is_history = |event: &Event| matches!(event, Event::History { request, rooms, .. } if *request == told.request && *rooms == [room]);
    assert_eq!(world.phones[tablet].events.iter().filter(|event| is_history(event)).count(), 1);
    assert_eq!(opened(&world, tablet).unwrap(), export);

    // Before the device is in the room there is nothing to import into.
    let messages = kept(&world, ANNA);
    assert_eq!(messages.len(), 2);
    let import = |messages: Vec<Imported>| Command::Import { room, messages };
    let early = world.call(tablet, |engine, ctx| engine.command(ctx, import(messages.clone())));
    assert!(early.is_err());
    world.pass(Duration::from_secs(10)).unwrap();
    assert!(in_room(&world, tablet, room));
    // What only says something of other messages is passed over, and what is of no use any more;
    // what the device reads itself is not taken from a history.
    let about = Content::from(Reaction::to(seen, "👍").unwrap());
    let reaction = Imported { id: MessageId::from_bytes([9; 32]), content: about, ..messages[0].clone() };
    assert_eq!(rows_of_import(&mut world, tablet, room, vec![reaction]), Ok(0));
    let own = Imported { id: MessageId::from_bytes([9; 32]), seq: 1_000, ..messages[0].clone() };
    assert_eq!(rows_of_import(&mut world, tablet, room, vec![own]), Ok(0));
    assert_eq!(rows_of_import(&mut world, tablet, room, messages.clone()), Ok(3));
    for _ in 0..2 {
        world.command(tablet, |_| import(messages.clone())).unwrap();
    }
    world.command(tablet, |_| Command::Discard { request: told.request }).unwrap();

    // What is said about old messages applies here as everywhere, and they expire.
    let content = Content::from(Delete::of(seen));
    world.command(BEN, |request| Command::Send { request, room, content, lifetime: None }).unwrap();
    world.settle().unwrap();
    let applied = world.phones[tablet].events.iter().find_map(|event| match event {
        Event::Message { content: Content::Delete(_), applies, .. } => Some(applies.clone()),
        _ => None,
    });
    let applied: Vec<_> = applied.unwrap().iter().map(|one| (one.target, one.outcome)).collect();
    assert_eq!(applied, [(seen, Ok(By::Author))]);
    world.pass(3 * DAY).unwrap();
    let gone = Event::Expired { room, messages: vec![brief] };
    for phone in [ANNA, tablet] {
        assert_eq!(world.phones[phone].events.iter().filter(|event| **event == gone).count(), 1);
    }
}

/// SPEC V-384
#[test]
fn history_that_comes_later_and_history_that_never_comes() {
    for comes in [true, false] {
        let mut world = officers(203);
        let room = room(&mut world);
        let (tablet, said) =
            link(&mut world, true, |world| with(history(world, b"what was said", &[room]))).unwrap();
        // The phone is closed before anything is uploaded.
        world.phones[ANNA].online = false;
        world.register(tablet, &said.request).unwrap();
        for _ in 0..20 {
            world.pass(Duration::from_secs(600)).unwrap();
        }
        assert_eq!(opened(&world, tablet), None);
        let request = said.history.unwrap().request;
        let failed = |event: &Event| matches!(event, Event::NotFetched { request: of, code: Code::Expired, .. } if *of == request);
        assert!(!world.phones[tablet].events.iter().any(failed));
        if comes {
            world.phones[ANNA].online = true;
            world.restart(ANNA).unwrap();
            world.settle().unwrap();
            for _ in 0..3 {
                world.pass(Duration::from_secs(600)).unwrap();
            }
            assert_eq!(opened(&world, tablet).unwrap(), b"what was said");
        } else {
            world.pass(DAY).unwrap();
            assert!(world.phones[tablet].events.iter().any(failed));
            // And the phone does not upload what nobody could fetch.
            world.phones[ANNA].online = true;
            world.restart(ANNA).unwrap();
            world.settle().unwrap();
            let expired = |event: &Event| matches!(event, Event::Failed { code: Code::Expired, .. });
            assert_eq!(world.phones[ANNA].events.iter().filter(|event| expired(event)).count(), 1);
        }
    }
}

/// SPEC V-382, V-384, V-385
#[test]
fn history_that_is_not_handed_over() {
    let mut world = officers(204);
    let room = room(&mut world);
    // The user agrees to the device and not to that.
    let (_, said) = link(&mut world, true, |_| Confirmation::default()).unwrap();
    assert_eq!(said.history, None);
    // Nobody asked.
    let refused = link(&mut world, false, |world| with(history(world, b"h", &[room])));
    assert_eq!(code(refused), Code::BadArgument);
    // Of no room; of a room that the device is not in.
    let refused = link(&mut world, true, |world| with(history(world, b"h", &[])));
    assert_eq!(code(refused), Code::BadArgument);
    let other = RoomId::from_bytes([7; 16]);
    let refused = link(&mut world, true, |world| with(history(world, b"h", &[room, other])));
    assert_eq!(code(refused), Code::HistoryStays);
    // Of a room that does not allow it to its members; an admin may.
    let mut policy = Policy::default();
    policy.hand_over = Role::Admin;
    let strict = room_with(&mut world, policy);
    let may = |world: &World, phone: usize| {
        let phone = &world.phones[phone];
        phone.engine.history_rooms(&phone.store).unwrap().contains(&strict)
    };
    assert_eq!((may(&world, ANNA), may(&world, BEN)), (true, false));
    let ben = UserId::parse(&format!("ben@{SUED}")).unwrap();
    let make = |request| Command::SetRole { request, room: strict, user: ben, role: Role::Admin };
    world.command(ANNA, make).unwrap();
    world.settle().unwrap();
    assert!(may(&world, BEN));
    // For longer than a week, or for no time; at another agency; another file's hashes.
    let changed = |change: fn(&mut World, &mut History)| {
        let mut world = officers(205);
        let room = self::room(&mut world);
        let refused = link(&mut world, true, |world| {
            let mut history = history(world, b"h", &[room]);
            change(world, &mut history);
            with(history)
        });
        code(refused)
    };
    let week = limits::HISTORY_KEPT;
    assert_eq!(
        changed(|w, h| h.file.expires_at = w.now.plus(Duration::from_millis(1) + limits::HISTORY_KEPT)),
        Code::BadArgument
    );
    assert_eq!(changed(|w, h| h.file.expires_at = w.now), Code::BadArgument);
    assert_eq!(changed(|_, h| h.file.origin = AgencyId::parse(SUED).unwrap()), Code::BadArgument);
    assert_eq!(changed(|w, h| h.list = sealed(w, ANNA, b"other", DAY).0.list().clone()), Code::BadRoot);
    // A refusal has changed nothing: nobody is waited for, nothing is uploaded.
    let before = world.phones[ANNA].store.len();
    let refused = link(&mut world, true, |world| with(history(world, b"h", &[other])));
    assert_eq!((code(refused), world.phones[ANNA].store.len()), (Code::HistoryStays, before));
    assert!(
        link(&mut world, true, |w| {
            let mut history = history(w, b"h", &[room]);
            history.file.expires_at = w.now.plus(week);
            with(history)
        })
        .is_ok()
    );
}

#[test]
fn imports_have_bounds() {
    let mut world = officers(206);
    let room = room(&mut world);
    say(&mut world, BEN, room, "hello", None);
    let messages = kept(&world, ANNA);
    let mut import = |messages: Vec<Imported>, room| rows_of_import(&mut world, ANNA, room, messages);
    // What was read here stays as it is.
    assert_eq!(import(messages.clone(), room).unwrap(), 0);
    assert_eq!(code(import(vec![messages[0].clone(); limits::IMPORTED + 1], room)), Code::BadArgument);
    assert_eq!(code(import(messages.clone(), RoomId::from_bytes([7; 16]))), Code::UnknownRoom);
    let timeless = Imported { expires_at: Some(messages[0].at), ..messages[0].clone() };
    assert_eq!(code(import(vec![timeless], room)), Code::BadArgument);
}

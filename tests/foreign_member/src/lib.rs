//! A foreign member: a device that shares no code with this library. Its MLS is mls-rs with
//! cryptography of its own; everything around MLS is written from `proto/`. It takes part in a room
//! of devices that run the engine, over the servers of three agencies: the proof that a room is
//! plain RFC 9420 and that the contract is enough to write another implementation from.

#![cfg(test)]

mod device;
#[expect(dead_code, reason = "the example and its other guests use the rest")]
#[path = "../../../examples/three_agencies/federation.rs"]
mod federation;
mod mls;
mod sign;
mod trust;
mod wire;
#[expect(dead_code, reason = "the example and its other guests use the rest")]
#[path = "../../../examples/three_agencies/world/mod.rs"]
mod world;

use std::time::Duration;

use chacha20::ChaCha20Rng;
use device::{Device, Heard};
use mls::{GREASE, UNKNOWN};
use mls_rs::client_builder::MlsConfig;
use rand_core::SeedableRng as _;
use verbund::{
    Policy, Role, RoomKind,
    client::{Command, Event},
    code::Code,
    content::{Content, Text},
    identity::{NewDevice, RecoveryKey, SigningKey, UserKind},
    ids::{AgencyId, RoomId, UserId},
    store::Ctx,
    time::Timestamp,
};

const NORD: &str = "police.nord.example";
const SUED: &str = "police.sued.example";
const WEST: &str = "police.west.example";
const ANNA: &str = "anna@police.nord.example";
const BEN: &str = "ben@police.sued.example";
const CLARA: &str = "clara@police.sued.example";
const DORA: &str = "dora@police.nord.example";
const FRITZ: &str = "fritz@police.west.example";

type World = world::World<ChaCha20Rng>;

#[test]
fn takes_part_in_a_room() {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let mut world = World::new(&[NORD, SUED, WEST], now, ChaCha20Rng::from_seed([1; 32])).unwrap();
    let anna = world.enrol(ANNA).unwrap();
    let ben = world.enrol(BEN).unwrap();
    let mut fritz = enrol(&mut world, FRITZ);
    let west = AgencyId::parse(WEST).unwrap();
    fritz.begin(3, now.plus(Duration::from_secs(86_400)).as_millis(), &mut post(&mut world, &west));

    // Invited, it joins from the Welcome.
    let mut policy = Policy::default();
    policy.invite = Role::Member.into();
    let create = |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Red bicycle".into(),
        policy,
        invite: users(&[BEN, FRITZ]),
    };
    let room = world.command(anna, create).unwrap().room.unwrap();
    world.settle().unwrap();
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), []);
    assert_eq!(fritz.room_name(), "Red bicycle");
    assert_eq!(fritz.members(), [ANNA, BEN, FRITZ]);

    // It receives content, and is received.
    let said = say(&mut world, anna, room, "Seen at the station.");
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [said]);
    let id = fritz.say("On my way.", &mut post(&mut world, &west));
    settle(&mut world);
    for phone in [anna, ben] {
        assert_eq!(messages(&world, phone).last(), Some(&text(&id, FRITZ, "On my way.")));
    }

    // It follows a commit that adds a member, who hears it and whom it hears.
    let clara = world.enrol(CLARA).unwrap();
    world.command(anna, |request| Command::Invite { request, room, users: users(&[CLARA]) }).unwrap();
    settle(&mut world);
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [Heard::Commit { by: ANNA.into() }]);
    assert_eq!(fritz.members(), [ANNA, BEN, CLARA, FRITZ]);
    let said = say(&mut world, clara, room, "I am here too.");
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [said]);

    // Its own commit moves everybody to the next epoch.
    fritz.refresh(&mut post(&mut world, &west));
    settle(&mut world);
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [Heard::Commit { by: FRITZ.into() }]);
    let said = say(&mut world, ben, room, "New keys, old friends.");
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [said]);

    // It follows a commit that removes a member, who no longer hears it.
    world.command(anna, |request| Command::Remove { request, room, users: users(&[BEN]) }).unwrap();
    settle(&mut world);
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [Heard::Commit { by: ANNA.into() }]);
    assert_eq!(fritz.members(), [ANNA, CLARA, FRITZ]);
    let id = fritz.say("Without Ben.", &mut post(&mut world, &west));
    settle(&mut world);
    let said = text(&id, FRITZ, "Without Ben.");
    for phone in [anna, clara] {
        assert_eq!(messages(&world, phone).last(), Some(&said));
    }
    assert!(!messages(&world, ben).contains(&said));

    // It follows a commit from outside: Clara's device comes in anew, by way of the GroupInfo of the last commit.
    world.command(clara, |request| Command::Rejoin { request, room }).unwrap();
    for _ in 0..5 {
        settle(&mut world);
    }
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [Heard::Commit { by: CLARA.into() }]);
    assert_eq!(fritz.members(), [ANNA, CLARA, FRITZ]);
    let said = say(&mut world, clara, room, "Back again.");
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [said]);
    // And what it commits itself lets others in as well.
    fritz.refresh(&mut post(&mut world, &west));
    settle(&mut world);
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [Heard::Commit { by: FRITZ.into() }]);
    world.command(anna, |request| Command::Rejoin { request, room }).unwrap();
    for _ in 0..5 {
        settle(&mut world);
    }
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [Heard::Commit { by: ANNA.into() }]);
    let said = say(&mut world, anna, room, "Here too.");
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [said]);

    // It invites somebody itself, from key packages that it asks for.
    let dora = world.enrol(DORA).unwrap();
    fritz.claim(DORA, now.as_millis(), &mut post(&mut world, &west));
    settle(&mut world);
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), []);
    fritz.invite(&mut post(&mut world, &west));
    settle(&mut world);
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [Heard::Commit { by: FRITZ.into() }]);
    assert_eq!(fritz.members(), [ANNA, CLARA, DORA, FRITZ]);
    let name = Some("Red bicycle".to_owned());
    let joined = |event: &Event| matches!(event, Event::Joined { name: told, .. } if *told == name);
    assert!(world.phones[dora].events.iter().any(joined), "{:?}", world.phones[dora].events);
    let said = say(&mut world, dora, room, "Thank you.");
    assert_eq!(fritz.sync(&mut post(&mut world, &west)), [said]);

    // It leaves, by a proposal that somebody else commits.
    fritz.leave(&mut post(&mut world, &west));
    for _ in 0..20 {
        settle(&mut world);
    }
    assert_eq!(fritz.sync(&mut post(&mut world, &west)).last(), Some(&Heard::Removed));
    let left =
        |event: &Event| matches!(event, Event::MembersChanged { left, .. } if *left == users(&[FRITZ]));
    for phone in [anna, clara, dora] {
        assert!(world.phones[phone].events.iter().any(left), "{:?}", world.phones[phone].events.last());
        let stuck = |e: &&Event| matches!(e, Event::RoomStalled { .. } | Event::Unreadable { .. });
        assert_eq!(world.phones[phone].events.iter().find(stuck), None);
    }
}

/// SPEC V-419. Its server tells the device at once; nobody's invitation fails because of it.
#[test]
fn offers_no_grease_extensions() {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let mut world = World::new(&[WEST], now, ChaCha20Rng::from_seed([3; 32])).unwrap();
    let mut fritz = enrol(&mut world, FRITZ);
    let west = AgencyId::parse(WEST).unwrap();
    let tomorrow = now.plus(Duration::from_secs(86_400)).as_millis();
    fritz.begin(1, tomorrow, &mut post(&mut world, &west));
    for (kinds, code) in [((GREASE, UNKNOWN), Code::Mls), ((UNKNOWN, GREASE), Code::BadCommit)] {
        let package = fritz.strange_key_package(tomorrow, kinds);
        assert_eq!(fritz.offer(package, &mut post(&mut world, &west)), Err(code.number().into()));
    }
    let package = fritz.strange_key_package(tomorrow, (UNKNOWN, UNKNOWN));
    assert_eq!(fritz.offer(package, &mut post(&mut world, &west)), Ok(2));
}

/// Enrols a device as the engine does, with the library's tools for registrars.
fn enrol(world: &mut World, user: &str) -> Device<impl MlsConfig + use<>> {
    let made = NewDevice::generate(UserId::parse(user).unwrap(), &mut world.rng);
    let paper = SigningKey::generate(&mut world.rng);
    let recovery = vec![RecoveryKey::own(&paper.verify_key())];
    let request = made.found(UserKind::Person, recovery, world.now).unwrap();
    let host = world.hosts.get_mut(made.device().user.agency()).unwrap();
    let enrolment = host.desk.countersign(&request, world.now, &mut world.rng).unwrap();
    let federation = world.office.federation.to_bytes();
    let key = ed25519_dalek::SigningKey::from_bytes(&made.key().seed());
    device::device(&federation, &enrolment, key, ChaCha20Rng::from_seed([2; 32]))
}

/// The way to an agency's server. What the server would do next, it does when time passes.
fn post<'a>(world: &'a mut World, agency: &'a AgencyId) -> impl FnMut(&[u8]) -> Vec<u8> + 'a {
    move |bytes| {
        let host = world.hosts.get_mut(agency).unwrap();
        let ctx = Ctx { now: world.now, store: &host.store, rng: &mut world.rng };
        host.engine.device(ctx, bytes).unwrap().commit(&mut host.store).unwrap().value.bytes
    }
}

fn settle(world: &mut World) {
    world.pass(Duration::from_secs(1)).unwrap();
}

fn say(world: &mut World, phone: usize, room: RoomId, body: &str) -> Heard {
    let content: Content = Text::plain(body).unwrap().into();
    let send = |request| Command::Send { request, room, content, lifetime: None };
    let id = world.command(phone, send).unwrap().message.unwrap();
    settle(world);
    text(id.as_bytes(), world.phones[phone].device.user.as_str(), body)
}

/// The texts that an app has been told of.
fn messages(world: &World, phone: usize) -> Vec<Heard> {
    let events = world.phones[phone].events.iter();
    let message = |event: &Event| match event {
        Event::Message { id, sender, content: Content::Text(said), .. } => {
            Some(text(id.as_bytes(), sender.user.as_str(), said.body()))
        }
        _ => None,
    };
    events.filter_map(message).collect()
}

fn text(id: &[u8], by: &str, body: &str) -> Heard {
    Heard::Text { id: id.to_vec(), by: by.into(), body: body.into() }
}

fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| UserId::parse(name).unwrap()).collect()
}

//! Invitations that come late, lead nowhere, or lead back to where a log could not be followed.

use std::time::Duration;

use crate::support::*;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    Policy, Role, RoomKind,
    client::{Command, Event},
    code::Code,
    ids::{RequestId, RoomId},
    limits,
    store::{MemoryStore, Store},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const EMIL: usize = 2;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const EMIL_ID: &str = "emil@police.nord.example";

fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, EMIL_ID] {
        net.enrol(name);
    }
    net
}

fn invite(net: &mut Net, room: RoomId, name: &str) {
    let users = vec![user(name)];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
}

fn remove(net: &mut Net, room: RoomId, name: &str) {
    let users = vec![user(name)];
    net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
    net.settle();
}

fn joined(net: &Net, phone: usize) -> usize {
    net.count(phone, |event| matches!(event, Event::Joined { .. }))
}

fn rows(net: &Net, phone: usize, table: &str) -> usize {
    net.phones[phone].store.scan(table.as_bytes(), None, 10_000).unwrap().len()
}

#[test]
fn an_invitation_from_before_a_removal_does_not_lead_back() {
    let mut net = officers(130);
    let room = net.room(ANNA, &[EMIL_ID]);
    net.phones[BEN].online = false;
    invite(&mut net, room, BEN_ID);
    net.say(ANNA, room, "before");
    remove(&mut net, room, BEN_ID);
    invite(&mut net, room, BEN_ID);
    net.phones[BEN].online = true;
    net.resume(BEN);
    while net.phones[BEN].outgoing.len() < 2 {
        assert!(net.carry(BEN));
    }
    // What he asks for the first invitation stays on the way.
    let late = net.phones[BEN].outgoing.pop_front().unwrap();
    net.settle();
    assert_eq!(joined(&net, BEN), 1);
    remove(&mut net, room, BEN_ID);
    assert_eq!(net.count(BEN, |event| matches!(event, Event::Left { .. })), 1);

    let reply = net.deliver(BEN, &late);
    net.receive(BEN, &reply);
    net.wait();
    assert_eq!(joined(&net, BEN), 1);
    assert_eq!(net.view(BEN, room), None);
    assert!(net.texts(BEN).is_empty());
    assert_eq!((rows(&net, BEN, "j/"), rows(&net, BEN, "w/"), rows(&net, BEN, "l/")), (0, 0, 1));

    invite(&mut net, room, BEN_ID);
    net.say(EMIL, room, "again");
    net.settle();
    assert_eq!((net.texts(BEN), rows(&net, BEN, "l/")), (vec!["again".to_owned()], 0));
    net.agree(room, &[ANNA, BEN, EMIL]);
}

#[test]
fn an_invitation_whose_material_is_gone_is_told_and_dropped() {
    let mut net = officers(131);
    let room = net.room(ANNA, &[EMIL_ID]);
    net.phones[BEN].online = false;
    invite(&mut net, room, BEN_ID);
    net.resume(BEN);
    net.phones[BEN].online = true;
    assert!(net.carry(BEN));
    net.phones[BEN].online = false;
    assert_eq!(rows(&net, BEN, "j/"), 1);

    net.pass(limits::INVITATION_KEPT + Duration::from_secs(86_400));
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.settle();
    assert!(net.has(BEN, &Event::InvitationFailed { room, code: Code::Expired }));
    assert_eq!((rows(&net, BEN, "j/"), rows(&net, BEN, "w/")), (0, 0));
    let told = net.phones[BEN].events.len();
    net.wait();
    assert_eq!(net.phones[BEN].events.len(), told);
}

/// A room whose hub has forgotten an entry that Emil has read, and has gone on otherwise. He
/// follows it no further, and is told so once (SPEC V-472).
fn forked(seed: u8) -> (Net, RoomId) {
    fork(officers(seed), &[EMIL_ID])
}

fn fork(mut net: Net, invite: &[&str]) -> (Net, RoomId) {
    let room = net.room(ANNA, invite);
    let backup = net.hosts[&agency(NORD)].store.clone();
    let others: Vec<_> = (0..net.phones.len()).filter(|phone| *phone != EMIL).collect();
    others.iter().for_each(|phone| net.phones[*phone].online = false);
    net.say(EMIL, room, "read by Emil alone");
    net.settle();
    net.crash_server(NORD);
    net.hosts.get_mut(&agency(NORD)).unwrap().store = backup;
    others.iter().for_each(|phone| net.phones[*phone].online = true);
    for body in ["another", "and one more"] {
        net.say(ANNA, room, body);
        net.settle();
    }
    assert_eq!(net.count(EMIL, |event| matches!(event, Event::RoomStalled { .. })), 1);
    (net, room)
}

#[test]
fn a_room_that_stalled_is_entered_again_by_a_new_invitation() {
    let (mut net, room) = forked(132);
    let request = net.say(EMIL, room, "never read");
    remove(&mut net, room, EMIL_ID);
    invite(&mut net, room, EMIL_ID);
    net.wait();
    assert_eq!(net.failure(EMIL, request), Some(Code::NotMember));
    net.say(ANNA, room, "here again");
    net.say(EMIL, room, "me too");
    net.settle();
    assert_eq!(net.texts(EMIL), ["here again"]);
    assert_eq!(net.texts(ANNA), ["me too"]);
    net.agree(room, &[ANNA, EMIL]);
    assert_eq!(joined(&net, EMIL), 2);
    assert_eq!(net.count(EMIL, |event| matches!(event, Event::Left { .. })), 1);
}

#[test]
fn a_room_that_stalled_is_not_entered_by_the_word_of_somebody_who_may_not_invite() {
    const DORA: usize = 3;
    const DORA_ID: &str = "dora@police.nord.example";
    let mut net = officers(135);
    net.enrol(DORA_ID);
    let (mut net, room) = fork(net, &[EMIL_ID, DORA_ID]);
    // That Dora may invite, the stalled device has not read.
    let dora = user(DORA_ID);
    net.command(ANNA, |request| Command::SetRole { request, room, user: dora, role: Role::Admin }).unwrap();
    net.settle();
    let emil = || vec![user(EMIL_ID)];
    for enter in [false, true] {
        net.command(DORA, |request| Command::Remove { request, room, users: emil() }).unwrap();
        net.settle();
        net.command(DORA, |request| Command::Invite { request, room, users: emil() }).unwrap();
        net.wait();
        let refused = Event::InvitationFailed { room, code: Code::NotPermitted };
        assert_eq!((net.has(EMIL, &refused), joined(&net, EMIL)), (true, 1 + usize::from(enter)));
        if !enter {
            // As it stands the room can only be left; then it is a new one.
            net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
            net.settle();
        }
    }
    net.agree(room, &[ANNA, EMIL, DORA]);
}

#[test]
fn another_hub_does_not_take_a_rooms_place() {
    const CLARA: usize = 3;
    const CLARA_ID: &str = "clara@police.west.example";
    let mut net = officers(136);
    net.enrol(CLARA_ID);
    let backup = net.hosts[&agency(WEST)].store.clone();
    // The same dice give the same room id.
    let dice = |seed| ChaCha20Rng::from_seed([seed; 32]);
    net.rng = dice(1);
    let room = net.room(ANNA, &[CLARA_ID]);
    net.rng = dice(1);
    let request = RequestId::random(&mut net.rng);
    let (kind, policy, name) = (RoomKind::Group, Policy::default(), "Red bicycle".to_owned());
    let create = Command::CreateRoom { request, kind, policy, name, invite: Vec::new() };
    let receipt = net.call(BEN, |engine, ctx| engine.command(ctx, create)).unwrap();
    assert_eq!(receipt.room, Some(room));
    net.rng = dice(2);
    net.settle();
    for _ in 0..10 {
        net.say(BEN, room, "further than the other room");
        net.settle();
    }
    // Clara's server knows nothing of the first room any more.
    net.crash_server(WEST);
    net.hosts.get_mut(&agency(WEST)).unwrap().store = backup;
    net.room(BEN, &[CLARA_ID]); // with a key package that was used before
    let users = vec![user(CLARA_ID)];
    net.command(BEN, |request| Command::Invite { request, room, users }).unwrap();
    for _ in 0..4 {
        net.wait();
    }
    assert!(net.has(CLARA, &Event::InvitationFailed { room, code: Code::NotHub }));
    assert_eq!(net.view(CLARA, room).unwrap().hub, agency(NORD));
    assert_eq!(net.count(CLARA, |event| matches!(event, Event::Left { .. })), 0);
}

#[test]
fn a_room_that_stalled_can_be_left() {
    let (mut net, room) = forked(133);
    let (request, _) = net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    net.settle();
    assert!(net.is_done(EMIL, request));
    assert_eq!(net.count(EMIL, |event| matches!(event, Event::Left { .. })), 1);
    assert_eq!(net.view(EMIL, room), None);
    for table in ["r/", "m/", "o/", "w/", "i/"] {
        assert_eq!(rows(&net, EMIL, table), 0, "{table}");
    }
    remove(&mut net, room, EMIL_ID);
    invite(&mut net, room, EMIL_ID);
    net.say(ANNA, room, "here again");
    net.settle();
    assert_eq!(net.texts(EMIL), ["here again"]);
}

#[test]
fn a_stay_of_which_the_server_has_no_more_gives_way_to_the_next() {
    let mut net = officers(134);
    let room = net.room(ANNA, &[EMIL_ID, BEN_ID]);
    net.phones[BEN].online = false;
    // More often than the server remembers.
    for _ in 0..9 {
        remove(&mut net, room, BEN_ID);
        invite(&mut net, room, BEN_ID);
    }
    net.phones[BEN].online = true;
    net.resume(BEN);
    for _ in 0..4 {
        net.wait();
    }
    net.say(ANNA, room, "here again");
    net.settle();
    assert_eq!(net.texts(BEN), ["here again"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
}

/// A room whose hub's agency has nobody in it any more, and Clara, who is invited there by Ben
/// and knows nothing of that agency.
fn hub_alone(seed: u8) -> (Net, RoomId, usize) {
    const CLARA_ID: &str = "clara@police.west.example";
    let mut net = officers(seed);
    let clara = net.enrol(CLARA_ID);
    let room = net.room(ANNA, &[BEN_ID]);
    let ben = user(BEN_ID);
    net.command(ANNA, |request| Command::SetRole { request, room, user: ben, role: Role::Admin }).unwrap();
    net.settle();
    net.command(ANNA, |request| Command::Leave { request, room }).unwrap();
    net.wait();
    assert_eq!(net.view(ANNA, room), None);
    net.phones[clara].online = false;
    let users = vec![user(CLARA_ID)];
    net.command(BEN, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
    (net, room, clara)
}

/// Takes what the west's server knows of the hub's agency away from it; its store before that.
fn forget_the_hub(net: &mut Net) -> MemoryStore {
    let host = net.hosts.get_mut(&agency(WEST)).unwrap();
    let whole = host.store.clone();
    let of_hub =
        |key: &[u8]| key.starts_with(b"id/desc/") && key.windows(NORD.len()).any(|w| w == NORD.as_bytes());
    let others = whole.rows().filter(|(key, _)| !of_hub(key));
    host.store = others.map(|(key, row)| (key.to_vec(), row.to_vec())).collect();
    assert!(host.store.len() < whole.len());
    whole
}

/// SPEC V-457
#[test]
fn an_invitation_brings_its_hubs_descriptor_along() {
    let (mut net, room, clara) = hub_alone(137);
    net.phones[clara].online = true;
    net.resume(clara);
    net.settle();
    net.agree(room, &[BEN, clara]);
}

/// SPEC V-457
#[test]
fn an_invitation_that_lacks_evidence_waits_for_it() {
    let (mut net, room, clara) = hub_alone(138);
    let whole = forget_the_hub(&mut net);
    net.phones[clara].online = true;
    net.resume(clara);
    net.idle(Duration::from_secs(3_600));
    for _ in 0..50 {
        net.resume(clara);
        net.settle();
    }
    assert_eq!((joined(&net, clara), rows(&net, clara, "j/")), (0, 1));
    net.hosts.get_mut(&agency(WEST)).unwrap().store = whole;
    net.idle(Duration::from_secs(600));
    net.agree(room, &[BEN, clara]);
    assert_eq!(rows(&net, clara, "j/"), 0);
    assert_eq!(net.count(clara, |event| matches!(event, Event::InvitationFailed { .. })), 0);
}

/// SPEC V-457
#[test]
fn an_invitation_that_lacks_evidence_for_long_is_told_and_dropped() {
    let (mut net, room, clara) = hub_alone(139);
    forget_the_hub(&mut net);
    net.phones[clara].online = true;
    net.resume(clara);
    net.idle(Duration::from_secs(6 * 3_600));
    assert!(net.has(clara, &Event::InvitationFailed { room, code: Code::MissingEvidence }));
    assert_eq!((rows(&net, clara, "j/"), rows(&net, clara, "w/")), (0, 0));
    let told = net.phones[clara].events.len();
    net.idle(Duration::from_secs(3_600));
    assert_eq!(net.phones[clara].events.len(), told);
}

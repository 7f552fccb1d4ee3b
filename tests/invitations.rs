//! Invitations that come late, lead nowhere, or lead back to where a log could not be followed.

#[path = "../examples/three_agencies/federation.rs"]
#[allow(dead_code)]
mod federation;
mod support;
mod world {
    //! What the federation's desk needs of its host.
    pub type Error = Box<dyn std::error::Error>;
}

use std::time::Duration;

use support::*;
use verbund::{
    client::{Command, Event},
    code::Code,
    ids::RoomId,
    limits,
    store::Store,
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
    let mut net = officers(seed);
    let room = net.room(ANNA, &[EMIL_ID]);
    let backup = net.hosts[&agency(NORD)].store.clone();
    net.phones[ANNA].online = false;
    net.say(EMIL, room, "read by Emil alone");
    net.settle();
    net.crash_server(NORD);
    net.hosts.get_mut(&agency(NORD)).unwrap().store = backup;
    net.phones[ANNA].online = true;
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

//! Servers that refuse: what comes of it ends, and a server that refuses wrongly costs no more
//! than one that is silent.

use std::time::Duration;

use crate::support::*;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    Policy, RoomKind,
    client::Command,
    code::Code,
    ids::RequestId,
    store::{MemoryStore, Store},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const EMIL: usize = 2;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const EMIL_ID: &str = "emil@police.nord.example";

fn rows(net: &Net, phone: usize, table: &str) -> usize {
    net.phones[phone].store.scan(table.as_bytes(), None, 10_000).unwrap().len()
}

fn store_of<'n>(net: &'n mut Net, name: &str) -> &'n mut MemoryStore {
    net.crash_server(name);
    &mut net.hosts.get_mut(&agency(name)).unwrap().store
}

fn found(net: &mut Net, phone: usize) -> RequestId {
    let name = "Never there".to_owned();
    let (kind, policy, invite) = (RoomKind::Group, Policy::default(), vec![user(BEN_ID)]);
    let make = |request| Command::CreateRoom { request, kind, name, policy, invite };
    net.command(phone, make).unwrap().0
}

/// That nothing is left of a room that was not founded.
fn never_was(net: &Net, phone: usize, request: RequestId, code: Code) {
    assert_eq!(net.failure(phone, request), Some(code));
    for table in ["r/", "m/", "o/", "w/"] {
        assert_eq!(rows(net, phone, table), 0, "{table}");
    }
    let phone = &net.phones[phone];
    assert_eq!(phone.engine.rooms(&phone.store).unwrap(), []);
}

#[test]
fn a_room_that_its_hub_refuses_is_gone() {
    let mut net = Net::new(140);
    for name in [ANNA_ID, BEN_ID, EMIL_ID] {
        net.enrol(name);
    }
    // The same dice give the same room id.
    let dice = |seed| ChaCha20Rng::from_seed([seed; 32]);
    net.rng = dice(1);
    found(&mut net, ANNA);
    net.settle();
    net.rng = dice(1);
    let request = found(&mut net, EMIL);
    net.rng = dice(2);
    // What was to be done in it comes to nothing as well, and its author is told.
    let room = net.phones[EMIL].engine.rooms(&net.phones[EMIL].store).unwrap()[0].id;
    let topic = Some("In vain".to_owned());
    let describe = |request| Command::Describe { request, room, name: None, topic, label: None };
    let (described, _) = net.command(EMIL, describe).unwrap();
    let (left, _) = net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    net.settle();
    never_was(&net, EMIL, request, Code::NotMember);
    assert_eq!(net.failure(EMIL, described), Some(Code::NotMember));
    assert!(net.is_done(EMIL, left));
    net.wait();
    never_was(&net, EMIL, request, Code::NotMember);
}

#[test]
fn a_room_that_the_own_server_does_not_take_is_gone() {
    let mut net = Net::new(141);
    let empty = net.hosts[&agency(NORD)].store.clone();
    net.enrol(ANNA_ID);
    *store_of(&mut net, NORD) = empty;
    let request = found(&mut net, ANNA);
    net.settle();
    never_was(&net, ANNA, request, Code::UnknownDevice);
}

/// A room whose hub has lost the last commit, with what it had before that.
fn forgetful_hub(seed: u8) -> (Net, verbund::ids::RoomId, MemoryStore) {
    let mut net = Net::new(seed);
    net.enrol(ANNA_ID);
    net.enrol(BEN_ID);
    net.enrol(EMIL_ID);
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    let old = net.hosts[&agency(NORD)].store.clone();
    let name = Some("Blue bicycle".to_owned());
    net.command(ANNA, |request| Command::Describe { request, room, name, topic: None, label: None }).unwrap();
    net.settle();
    net.agree(room, &[ANNA, BEN]);
    let new = core::mem::replace(store_of(&mut net, NORD), old);
    (net, room, new)
}

/// SPEC V-465
#[test]
fn a_hub_that_refuses_messages_for_the_present_epoch_is_asked_ever_more_rarely() {
    let (mut net, room, good) = forgetful_hub(142);
    net.put_back = Some(Vec::new());
    net.say(ANNA, room, "patience");
    net.settle();
    let begin = net.wire.len();
    for _ in 0..60 {
        net.pass(Duration::from_secs(60));
    }
    let asked = net.wire[begin..].iter().filter(|(leg, _)| *leg == Leg::Up(ANNA)).count();
    assert!(asked < 60 * 3, "{asked}");
    *store_of(&mut net, NORD) = good;
    net.wait();
    net.wait();
    assert_eq!(net.texts(BEN), ["patience"]);
    net.agree(room, &[ANNA, BEN]);
}

#[test]
fn a_hub_that_refuses_commits_for_the_present_epoch_is_asked_ever_more_rarely() {
    let (mut net, room, good) = forgetful_hub(143);
    let topic = Some("patience".to_owned());
    let (request, _) = net
        .command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None })
        .unwrap();
    net.settle();
    *store_of(&mut net, NORD) = good;
    net.wait();
    net.wait();
    assert!(net.is_done(ANNA, request));
    net.agree(room, &[ANNA, BEN]);
}

#[test]
fn a_hub_that_refuses_the_commit_of_a_leaving_is_asked_ever_more_rarely() {
    let mut net = Net::new(145);
    for name in [ANNA_ID, BEN_ID, EMIL_ID] {
        net.enrol(name);
    }
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    net.phones[BEN].online = false;
    let old = net.hosts[&agency(NORD)].store.clone();
    let (leave, _) = net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    for phone in [EMIL, ANNA] {
        while net.carry(phone) {}
        net.resume(phone);
    }
    assert!(net.carry(ANNA));
    // A hub that has lost the proposal knows of no leaving.
    let good = core::mem::replace(store_of(&mut net, NORD), old);
    net.phones[EMIL].online = false;
    net.say(ANNA, room, "patience");
    net.settle();
    *store_of(&mut net, NORD) = good;
    net.phones[EMIL].online = true;
    net.phones[BEN].online = true;
    net.wait();
    net.wait();
    assert!(net.is_done(EMIL, leave));
    assert_eq!(net.texts(BEN), ["patience"]);
    net.agree(room, &[ANNA, BEN]);
}

#[test]
fn a_leaving_that_the_hub_refuses_for_the_present_epoch_comes_about_later() {
    let (mut net, room, good) = forgetful_hub(144);
    let (request, _) = net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    net.settle();
    *store_of(&mut net, NORD) = good;
    net.wait();
    net.wait();
    assert!(net.is_done(EMIL, request));
    assert_eq!(net.view(EMIL, room), None);
}

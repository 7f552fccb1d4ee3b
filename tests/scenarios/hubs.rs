//! Hubs that show two logs or repeat what they have, and what devices do about it.

use crate::support::*;
use verbund::{client::Event, code::Code, ids::RoomId, store::MemoryStore};

const ANNA: usize = 0;
const BEN: usize = 1;
const EMIL: usize = 2;

/// Anna and Emil at the hub's agency, Ben at another.
fn together(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in ["anna@police.nord.example", "ben@police.sued.example", "emil@police.nord.example"] {
        net.enrol(name);
    }
    let room = net.room(ANNA, &["ben@police.sued.example", "emil@police.nord.example"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
    (net, room)
}

fn only_online(net: &mut Net, online: &[usize]) {
    for phone in [ANNA, BEN, EMIL] {
        net.phones[phone].online = online.contains(&phone);
    }
}

/// Gives the hub another store; what was there. It has two, and uses each as if it had no other.
fn exchange(net: &mut Net, store: MemoryStore) -> MemoryStore {
    net.crash_server(NORD);
    core::mem::replace(&mut net.hosts.get_mut(&agency(NORD)).unwrap().store, store)
}

fn unreadable(net: &Net, phone: usize) -> Vec<Code> {
    let code = |event: &Event| match event {
        Event::Unreadable { code, .. } => Some(*code),
        _ => None,
    };
    net.phones[phone].events.iter().filter_map(code).collect()
}

/// SPEC V-470: the hub shows Anna one entry and Ben another in its place.
#[test]
fn a_hub_that_shows_two_logs_is_found_out_by_what_others_have_seen() {
    let (mut net, room) = together(150);
    let before = net.hosts[&agency(NORD)].store.clone();
    only_online(&mut net, &[ANNA]);
    net.rule = Box::new(|leg, _| match leg {
        Leg::Frame(from, _) if *from == agency(NORD) => Fault::Lost,
        _ => Fault::None,
    });
    net.say(ANNA, room, "for Anna's log");
    net.settle();

    let annas = exchange(&mut net, before);
    net.rule = no_faults();
    only_online(&mut net, &[BEN, EMIL]);
    net.say(EMIL, room, "for Ben's log");
    net.settle();
    assert_eq!(net.texts(BEN), ["for Ben's log"]);

    // What Ben says next goes into both, each in order and with good heads.
    exchange(&mut net, annas);
    only_online(&mut net, &[ANNA, BEN]);
    net.rule = Box::new(|leg, _| match leg {
        Leg::Frame(from, _) if *from == agency(NORD) => Fault::Lost,
        _ => Fault::None,
    });
    let ben = net.phones[BEN].device.clone();
    let told = |event: &Event| {
        let Event::LogsDiffer { room: of, hub, sender, .. } = event else { return false };
        assert_eq!((*of, hub, sender), (room, &agency(NORD), &ben));
        true
    };
    assert_eq!(net.count(ANNA, told), 0);
    net.say(BEN, room, "for both");
    net.settle();
    assert_eq!(net.texts(ANNA), ["for both"]);
    assert_eq!(net.count(ANNA, told), 1);
}

/// SPEC V-471: the second cannot be decrypted, and what comes after it can.
#[test]
fn a_message_that_the_hub_puts_into_the_log_twice() {
    let (mut net, room) = together(151);
    net.say(EMIL, room, "once");
    let bytes = net.phones[EMIL].outgoing.front().unwrap().clone();
    let before = net.hosts[&agency(NORD)].store.clone();
    net.settle();
    // It has forgotten what became of the submission, and only that.
    let known = |key: &[u8]| before.rows().any(|(other, _)| other == key);
    let fate = [b"room/".as_slice(), room.as_bytes(), b"f"].concat();
    let after = net.hosts[&agency(NORD)].store.clone();
    let kept = after.rows().filter(|(key, _)| known(key) || !key.starts_with(&fate));
    let forgetful: MemoryStore = kept.map(|(key, row)| (key.to_vec(), row.to_vec())).collect();
    assert_eq!(forgetful.len() + 1, after.len());
    exchange(&mut net, forgetful);

    net.deliver(EMIL, &bytes);
    net.say(ANNA, room, "and on");
    net.settle();
    net.wait();
    assert_eq!(net.texts(BEN), ["once", "and on"]);
    assert_eq!(net.texts(ANNA), ["once"]);
    for phone in [ANNA, BEN] {
        assert_eq!(unreadable(&net, phone), [Code::Mls]);
    }
    net.agree(room, &[ANNA, BEN, EMIL]);
}

/// SPEC V-464
#[test]
fn what_is_not_answered_is_submitted_again_byte_for_byte() {
    let (mut net, room) = together(152);
    net.say(BEN, room, "again and again");
    let first = net.phones[BEN].outgoing.front().unwrap().clone();
    let mut lost = 0;
    net.rule = Box::new(move |leg, _| {
        lost += usize::from(*leg == Leg::Up(BEN));
        if *leg == Leg::Up(BEN) && lost <= 8 { Fault::Lost } else { Fault::None }
    });
    let from = net.wire.len();
    for _ in 0..3 {
        net.wait();
    }
    let same = net.wire[from..].iter().filter(|(leg, bytes)| *leg == Leg::Up(BEN) && *bytes == first);
    assert!(same.count() >= 2);
    assert_eq!(net.texts(ANNA), ["again and again"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
}

/// SPEC V-576: at the hub's own agency, and where the room is followed.
#[test]
fn a_server_that_was_put_back_is_told_by_what_its_people_have() {
    for (home, phone, seed) in [(NORD, ANNA, 153), (SUED, BEN, 154)] {
        let (mut net, room) = together(seed);
        let before = net.hosts[&agency(home)].store.clone();
        net.say(phone, room, "heard by all");
        net.settle();
        let now = net.restore(home, before);
        let stalled = |event: &Event| matches!(event, Event::RoomStalled { code: Code::BrokenLog, .. });
        for _ in 0..2 {
            net.resume(phone);
            net.settle();
            assert_eq!(net.count(phone, stalled), 1, "{home}");
        }
        // Nothing is made for the room meanwhile.
        net.say(phone, room, "later");
        net.resume(phone);
        net.settle();
        // Its operators find the right store after all.
        net.restore(home, now);
        net.resume(phone);
        net.settle();
        net.wait();
        assert_eq!(net.count(phone, stalled), 1, "{home}");
        assert_eq!(net.texts(EMIL), ["heard by all", "later"], "{home}");
        net.agree(room, &[ANNA, BEN, EMIL]);
    }
}

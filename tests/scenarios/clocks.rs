//! Servers whose clock is ahead, by mistake or on purpose: nobody is put out of a room for it, and
//! everything goes on when the time has come.

use core::time::Duration;

use crate::{
    chains::{DESK_ID, found, hand_over, invite, key},
    support::*,
};
use verbund::{
    Policy,
    client::{Command, Event},
    code::Code,
    identity::{RecoveryKey, UserKind},
    ids::RoomId,
};

const ANNA: usize = 0;
const BEN: usize = 1;
const EMIL: usize = 2;
const HOUR: Duration = Duration::from_secs(3_600);

/// Anna and Emil at the hub's agency, Ben at another, in an operation that ends in a hundred hours.
fn together(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in ["anna@police.nord.example", "ben@police.sued.example", "emil@police.nord.example"] {
        net.enrol(name);
    }
    let (name, policy, ends_at) = ("Search".into(), Policy::default(), net.now.plus(100 * HOUR));
    let invite = vec![user("ben@police.sued.example"), user("emil@police.nord.example")];
    let begin = |request| Command::CreateOperation { request, name, policy, ends_at, invite };
    let (_, receipt) = net.command(ANNA, begin).unwrap();
    net.settle();
    let room = receipt.room.unwrap();
    net.agree(room, &[ANNA, BEN, EMIL]);
    (net, room)
}

/// Lets the hub's clock be so far ahead while Anna says something.
fn said_ahead(net: &mut Net, room: RoomId, ahead: Duration, body: &str) {
    net.hosts.get_mut(&agency(NORD)).unwrap().ahead = ahead;
    net.say(ANNA, room, body);
    net.settle();
    net.hosts.get_mut(&agency(NORD)).unwrap().ahead = Duration::ZERO;
}

fn stalled(net: &Net, phone: usize, room: RoomId) -> Vec<Code> {
    let code = |event: &Event| match event {
        Event::RoomStalled { room: of, code, .. } if *of == room => Some(*code),
        _ => None,
    };
    net.phones[phone].events.iter().filter_map(code).collect()
}

/// Whether somebody was told that a device or the room has come to its end.
fn ended(net: &Net) -> bool {
    let ended = |event: &Event| matches!(event, Event::RoomEnded { .. } | Event::DeviceDue { .. });
    (0..net.phones.len()).any(|phone| net.count(phone, ended) > 0)
}

/// SPEC V-499, V-506, V-533: three days ahead, once. Whoever knows better waits, is told once, and
/// goes on when it is time; the shift that ends in two days is not put out for it.
#[test]
fn a_hub_whose_clock_was_ahead_once() {
    let (mut net, room) = together(230);
    let owners = ["leader", "deputy"].iter().zip([91, 92]);
    let owners = owners.map(|(name, n)| RecoveryKey::kept_by(*name, &key(n).verify_key())).collect();
    let station = found(&mut net, DESK_ID, UserKind::Role, owners);
    invite(&mut net, ANNA, room, DESK_ID);
    let shift = hand_over(&mut net, station, 48);
    invite(&mut net, station, room, DESK_ID);
    net.agree(room, &[ANNA, BEN, EMIL, station, shift]);

    said_ahead(&mut net, room, 72 * HOUR, "from the day after tomorrow");
    assert!(net.texts(BEN).is_empty() && net.texts(EMIL).is_empty());
    net.say(ANNA, room, "from today");
    net.say(BEN, room, "Ben, too");
    net.wait();
    net.restart(EMIL);
    net.wait();
    assert!(!ended(&net), "by a clock that was wrong");
    for phone in [ANNA, EMIL] {
        assert_eq!(stalled(&net, phone, room), [Code::BadStamp]);
    }
    assert!(stalled(&net, BEN, room).is_empty(), "his server waits for him");
    assert!(net.texts(BEN).is_empty() && net.texts(EMIL).is_empty());

    // A day before it the hub's people go on, ten minutes before it the others. By then the shift is
    // over.
    net.idle(49 * HOUR);
    assert_eq!(net.texts(EMIL)[0], "from the day after tomorrow");
    assert!(net.texts(BEN).is_empty());
    net.idle(24 * HOUR);
    net.wait();
    net.agree(room, &[ANNA, BEN, EMIL, station]);
    assert_eq!(net.texts(BEN), ["from the day after tomorrow", "from today"]);
    assert!(net.texts(EMIL).contains(&"Ben, too".to_owned()));
    assert!(ended(&net));
}

/// SPEC V-472: who wants to leave meanwhile waits, and has left for everybody when it is time.
#[test]
fn a_room_that_waits_for_its_time_is_left_in_its_log() {
    let (mut net, room) = together(233);
    said_ahead(&mut net, room, 24 * HOUR + HOUR / 2, "from tomorrow");
    assert_eq!(stalled(&net, EMIL, room), [Code::BadStamp]);
    let (request, _) = net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    net.settle();
    assert!(!net.is_done(EMIL, request));
    net.idle(2 * HOUR);
    assert!(net.is_done(EMIL, request));
    assert_eq!(net.view(EMIL, room), None);
    net.idle(24 * HOUR);
    let left = |event: &Event| matches!(event, Event::MembersChanged { left, .. } if *left == [user("emil@police.nord.example")]);
    assert_eq!((net.count(ANNA, left), net.count(BEN, left)), (1, 1));
}

/// SPEC V-472: what was to pass and does not keeps nobody in a room.
#[test]
fn a_room_that_waits_for_ever_can_be_left() {
    let (mut net, room) = together(234);
    said_ahead(&mut net, room, 96 * HOUR, "from next week");
    let (request, _) = net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    net.idle(2 * HOUR);
    assert!(!net.is_done(EMIL, request));
    net.idle(6 * HOUR);
    assert!(net.is_done(EMIL, request));
    assert_eq!(net.view(EMIL, room), None);
}

/// SPEC V-499: an hour ahead, and nobody of the hub's people waits for it; the others do.
#[test]
fn a_hub_whose_clock_is_a_little_ahead() {
    let (mut net, room) = together(231);
    said_ahead(&mut net, room, HOUR, "in an hour");
    net.say(ANNA, room, "now");
    net.wait();
    assert_eq!(net.texts(EMIL), ["in an hour", "now"]);
    assert!(net.texts(BEN).is_empty());
    net.idle(HOUR);
    assert_eq!(net.texts(BEN), ["in an hour", "now"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
    assert!(!ended(&net));
}

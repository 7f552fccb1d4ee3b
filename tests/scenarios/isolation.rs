//! One thing that goes wrong keeps nothing else waiting, and nothing grows without a bound.

use crate::support::*;
use verbund::{
    Policy, RoomKind,
    client::{Command, Event},
    code::Code,
    limits,
    store::{Apply, Batch, Store},
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

#[test]
fn an_agency_that_keeps_silent_keeps_nobody_else_out() {
    let mut net = officers(150);
    let room = net.room(ANNA, &[]);
    let silent = agency(SUED);
    net.rule = Box::new(move |leg, _| match leg {
        Leg::Frame(_, to) if *to == silent => Fault::Lost,
        _ => Fault::None,
    });
    let users = vec![user(BEN_ID), user(EMIL_ID)];
    let (request, _) = net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    for _ in 0..10 {
        net.resume(ANNA); // as often as the officer looks
        net.wait();
    }
    let users = vec![(user(BEN_ID), Code::NoAnswer)];
    assert!(net.has(ANNA, &Event::NotInvited { request, users, retry_at: None }));
    assert!(net.is_done(ANNA, request));
    net.agree(room, &[ANNA, EMIL]);
    // What comes too late changes nothing.
    net.rule = no_faults();
    net.wait();
    assert_eq!(net.view(BEN, room), None);
    assert!(net.phones[ANNA].store.scan(b"w/", None, 1).unwrap().is_empty());
}

#[test]
fn a_leaving_that_cannot_be_committed_now_stops_nothing_else() {
    let mut net = officers(151);
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    net.phones[BEN].online = false;
    // By her clock there is no descriptor any more by which Anna could let a commit in.
    net.phones[ANNA].skew = 60 * 86_400_000;
    let (leave, _) = net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    net.wait();
    let said = net.say(ANNA, room, "bye");
    net.wait();
    assert_eq!((net.is_done(EMIL, leave), net.failure(ANNA, said)), (false, None));
    net.phones[ANNA].skew = 0;
    net.phones[BEN].online = true;
    net.wait();
    assert!(net.is_done(EMIL, leave));
    assert_eq!(net.texts(BEN), ["bye"]);
    net.agree(room, &[ANNA, BEN]);
}

#[test]
fn a_clock_that_was_ahead_does_not_put_anything_off() {
    let mut net = officers(153);
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    net.phones[ANNA].skew = 60 * 86_400_000;
    net.rule = Box::new(|leg, _| if *leg == Leg::Up(ANNA) { Fault::Lost } else { Fault::None });
    net.say(ANNA, room, "hello");
    net.settle();
    net.command(EMIL, |request| Command::Leave { request, room }).unwrap();
    net.phones[BEN].online = false;
    net.wait();
    net.rule = no_faults();
    net.phones[ANNA].skew = 0;
    net.wait();
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.wait();
    assert_eq!(net.texts(BEN), ["hello"]);
    net.agree(room, &[ANNA, BEN]);
}

#[test]
fn a_device_takes_part_in_no_more_rooms_than_it_can_follow() {
    let mut net = officers(154);
    let mut batch = Batch::default();
    for n in 0..limits::SYNC_ROOMS as u128 {
        batch.put([b"r/".as_slice(), &n.to_be_bytes()].concat(), Vec::new());
    }
    net.phones[ANNA].store.apply(&batch).unwrap();
    let make = |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "One too many".into(),
        policy: Policy::default(),
        invite: vec![],
    };
    assert_eq!(net.command(ANNA, make).unwrap_err().code(), Code::Quota);
    let room = net.room(BEN, &[ANNA_ID]);
    assert!(net.has(ANNA, &Event::InvitationFailed { room, code: Code::Quota }));
}

/// SPEC V-519, V-520
#[test]
fn a_trust_list_that_only_the_hub_was_given_reaches_everybody() {
    let mut net = officers(155);
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    let list = net.office.amend(net.now, |_| {}).unwrap();
    net.trust_list(NORD, &list);
    for body in ["one", "two"] {
        net.say(ANNA, room, body);
        net.settle();
    }
    assert_eq!(net.texts(BEN), ["one", "two"]);
    assert_eq!(net.texts(EMIL), ["one", "two"]);
    assert_eq!(net.count(BEN, |event| matches!(event, Event::RoomStalled { .. })), 0);
    net.say(BEN, room, "three");
    net.settle();
    assert_eq!(net.texts(ANNA), ["three"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
}

#[test]
fn a_full_outbox_takes_nothing_more() {
    let mut net = officers(152);
    let room = net.room(ANNA, &[EMIL_ID]);
    // As many messages as there may be: the last field of the room's row counts.
    let (key, mut row) = net.phones[ANNA].store.scan(b"r/", None, 1).unwrap().remove(0);
    row.extend([15 << 3, 0x80, 0x20]);
    let mut batch = Batch::default();
    batch.put(key, row);
    net.phones[ANNA].store.apply(&batch).unwrap();
    net.crash(ANNA);
    let content = text("too much");
    let refused = net.command(ANNA, |request| Command::Send { request, room, content, lifetime: None });
    assert_eq!(refused.unwrap_err().code(), Code::Quota);
    let refused = net.command(ANNA, |request| Command::Leave { request, room });
    assert_eq!(refused.unwrap_err().code(), Code::Quota);
}

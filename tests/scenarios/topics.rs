//! Topics: rooms that one comes into by oneself, in which some write and all read.

use std::collections::BTreeSet;

use crate::support::*;
use verbund::{
    JoinRule, Policy, RoomKind,
    client::{Command, Event},
    code::Code,
    ids::RoomId,
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLARA: usize = 2;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLARA_ID: &str = "clara@police.west.example";

/// Anna's topic, into which users of her own agency and of the south may come.
fn topic(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLARA_ID] {
        net.enrol(name);
    }
    let create = |request| Command::CreateRoom {
        request,
        kind: RoomKind::Topic,
        name: "Stolen boats".into(),
        policy: Policy::topic(),
        invite: vec![],
    };
    let room = net.command(ANNA, create).unwrap().1.room.unwrap();
    net.settle();
    open_to(&mut net, room, JoinRule::Agencies(BTreeSet::from([agency(NORD), agency(SUED)])));
    (net, room)
}

fn open_to(net: &mut Net, room: RoomId, join: JoinRule) {
    net.command(ANNA, |request| Command::SetJoinRule { request, room, join }).unwrap();
    net.settle();
}

/// Whether somebody comes in by themselves; else why not.
fn comes(net: &mut Net, phone: usize, room: RoomId) -> Result<(), Code> {
    let join = |request| Command::Join { request, room, hub: agency(NORD) };
    let (request, _) = net.command(phone, join).unwrap();
    net.settle();
    net.wait();
    match net.failure(phone, request) {
        Some(code) => Err(code),
        None => {
            assert!(net.is_done(phone, request) && net.view(phone, room).is_some());
            Ok(())
        }
    }
}

/// SPEC V-474, V-486, V-490
#[test]
fn whom_the_rule_admits_comes_in_and_reads() {
    let (mut net, room) = topic(140);
    // To whom it is not open, there is no such room.
    assert_eq!(comes(&mut net, CLARA, room), Err(Code::UnknownRoom));
    assert_eq!(comes(&mut net, BEN, room), Ok(()));
    net.say(ANNA, room, "A dinghy at the north pier");
    net.settle();
    assert_eq!(net.texts(BEN), ["A dinghy at the north pier"]);
    assert_eq!(net.view(BEN, room).unwrap().name.as_deref(), Some("Stolen boats"));
    // Who writes is for the policy to say.
    let content = text("Is it blue?");
    let asks = |request| Command::Send { request, room, content, lifetime: None };
    assert_eq!(net.command(BEN, asks).unwrap_err().code(), Code::NotPermitted);

    open_to(&mut net, room, JoinRule::Anybody);
    assert_eq!(comes(&mut net, CLARA, room), Ok(()));
    net.say(ANNA, room, "It is green");
    net.settle();
    // What was said before she came she does not read.
    assert_eq!(net.texts(CLARA), ["It is green"]);
    net.agree(room, &[ANNA, BEN, CLARA]);
}

/// SPEC V-447, V-448
#[test]
fn who_is_banned_is_out_and_stays_out() {
    let (mut net, room) = topic(141);
    open_to(&mut net, room, JoinRule::Anybody);
    assert_eq!(comes(&mut net, BEN, room), Ok(()));
    assert_eq!(comes(&mut net, CLARA, room), Ok(()));
    let users = vec![user(BEN_ID)];
    net.command(ANNA, |request| Command::Ban { request, room, users: users.clone() }).unwrap();
    net.settle();
    net.wait();
    assert_eq!(net.count(BEN, |event| matches!(event, Event::Left { room: of, .. } if *of == room)), 1);
    assert_eq!(comes(&mut net, BEN, room), Err(Code::UnknownRoom));
    net.say(ANNA, room, "Two more at the mole");
    net.settle();
    assert_eq!((net.texts(BEN).len(), net.texts(CLARA).len()), (0, 1));

    net.command(ANNA, |request| Command::Unban { request, room, users: users.clone() }).unwrap();
    net.settle();
    assert_eq!(comes(&mut net, BEN, room), Ok(()));
    net.agree(room, &[ANNA, BEN, CLARA]);
}

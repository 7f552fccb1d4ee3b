//! One command that invites more people than one commit adds.

use std::time::Duration;

use crate::support::*;
use verbund::{
    Role,
    client::{Command, Event},
    code::Code,
    ids::{RequestId, RoomId, UserId},
    limits,
};

const ANNA: usize = 0;
const BEN: usize = 1;
const EMIL: usize = 2;

const BEN_ID: &str = "ben@police.sued.example";
const EMIL_ID: &str = "emil@police.nord.example";

/// People at an agency, who need not be there.
fn names(at: &str, count: usize) -> Vec<UserId> {
    (0..count).map(|n| user(&format!("other{n:03}@{at}"))).collect()
}

/// Anna and Emil, who may invite, in a room; Ben, and a crowd at his agency, of more than one batch.
fn crowd(seed: u8) -> (Net, RoomId, Vec<UserId>) {
    let mut net = Net::new(seed);
    for name in ["anna@police.nord.example", BEN_ID, EMIL_ID] {
        net.enrol(name);
    }
    let others = names(WEST, limits::INVITED_AT_ONCE + 2);
    for other in &others {
        net.enrol(other.as_str());
        // The server has its key packages; it sleeps.
        net.phones.pop();
    }
    let room = net.room(ANNA, &[EMIL_ID]);
    let role = Role::Moderator;
    net.command(ANNA, |request| Command::SetRole { request, room, user: user(EMIL_ID), role }).unwrap();
    net.settle();
    (net, room, others)
}

fn invite(net: &mut Net, by: usize, room: RoomId, users: &[UserId]) -> RequestId {
    let users = users.to_vec();
    net.command(by, |request| Command::Invite { request, room, users }).unwrap().0
}

/// Who has joined, by what a phone was told, commit by commit.
fn joined(net: &Net, phone: usize) -> Vec<Vec<UserId>> {
    let of = |event: &Event| match event {
        Event::MembersChanged { joined, .. } if !joined.is_empty() => Some(joined.clone()),
        _ => None,
    };
    net.phones[phone].events.iter().filter_map(of).collect()
}

fn not_invited(net: &Net, phone: usize, asked: RequestId) -> Vec<(UserId, Code)> {
    let of = |event: &Event| match event {
        Event::NotInvited { request, users, .. } if *request == asked => Some(users.clone()),
        _ => None,
    };
    net.phones[phone].events.iter().filter_map(of).flatten().collect()
}

fn ends(net: &Net, phone: usize, asked: RequestId) -> usize {
    net.count(
        phone,
        |event| matches!(event, Event::Done { request } | Event::Failed { request, .. } if *request == asked),
    )
}

/// SPEC V-479: batch after batch, each as any commit: engines end after every call, and somebody else
/// commits in between. The app hears once that it is done.
#[test]
fn a_crowd_comes_in_batch_after_batch() {
    let (mut net, room, mut everybody) = crowd(150);
    everybody.push(user(BEN_ID));
    net.forgetful = true;
    let request = invite(&mut net, EMIL, room, &everybody);
    // Before his first commit is in, hers is.
    net.phones[EMIL].online = false;
    let topic = Some("At the lighthouse".to_owned());
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None }).unwrap();
    net.settle();
    net.phones[EMIL].online = true;
    net.resume(EMIL);
    net.settle();
    while ends(&net, EMIL, request) == 0 {
        net.pass(Duration::from_secs(5));
    }
    net.wait();
    assert!(net.is_done(EMIL, request));
    assert_eq!((ends(&net, EMIL, request), not_invited(&net, EMIL, request)), (1, vec![]));

    let mut came = joined(&net, ANNA);
    came.remove(0);
    assert_eq!(came.iter().map(Vec::len).collect::<Vec<_>>(), [limits::ADDED, 3]);
    let mut came = came.concat();
    came.sort();
    everybody.sort();
    assert_eq!(came, everybody);
    net.say(BEN, room, "all here");
    net.settle();
    assert_eq!(net.texts(ANNA), ["all here"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
}

/// SPEC V-479: what cannot go on says who has not come in, and then that it has failed.
#[test]
fn a_crowd_that_is_broken_off_says_who_is_not_there() {
    let (mut net, room, everybody) = crowd(151);
    // One whose turn would come last is there already.
    invite(&mut net, EMIL, room, &everybody[everybody.len() - 1..]);
    net.settle();
    let request = invite(&mut net, EMIL, room, &everybody);
    while joined(&net, EMIL).concat().len() <= limits::ADDED {
        let moved = (0..9).map(|pick| net.nudge(pick)).collect::<Vec<_>>();
        if !moved.contains(&true) {
            net.pass(Duration::from_secs(5));
        }
    }
    net.phones[EMIL].online = false;
    let role = Role::Member;
    net.command(ANNA, |request| Command::SetRole { request, room, user: user(EMIL_ID), role }).unwrap();
    net.settle();
    net.phones[EMIL].online = true;
    net.restart(EMIL);
    net.settle();
    net.wait();

    assert_eq!(net.failure(EMIL, request), Some(Code::NotPermitted));
    assert_eq!(ends(&net, EMIL, request), 1);
    let out = not_invited(&net, EMIL, request);
    let there = joined(&net, EMIL).concat();
    assert_eq!(out.len(), 1);
    for user in &everybody {
        assert_ne!(there.contains(user), out.contains(&(user.clone(), Code::NotPermitted)), "{user}");
    }
    net.agree(room, &[ANNA, EMIL]);
}

/// SPEC V-479: key packages that are not good any more when the commit comes to the hub are a matter of their
/// users alone: their agency says of whom it has none.
#[test]
fn whoever_is_revoked_before_the_commit_keeps_nobody_out() {
    let (mut net, room, everybody) = crowd(154);
    net.revocable(WEST);
    // They are claimed, and the commit that would add them comes too late for its epoch.
    net.rule = Box::new(|leg, bytes| match leg {
        Leg::Up(EMIL) if bytes.len() > 40_000 => Fault::Lost,
        _ => Fault::None,
    });
    let request = invite(&mut net, EMIL, room, &everybody);
    net.settle();
    assert_eq!(joined(&net, ANNA).concat().len(), 1);
    let topic = Some("At the lighthouse".to_owned());
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None }).unwrap();
    let gone = &everybody[..3];
    gone.iter().for_each(|user| net.revoke(WEST, Some((user.clone(), None))));
    net.settle();
    net.rule = no_faults();
    while ends(&net, EMIL, request) == 0 {
        net.pass(Duration::from_secs(5));
    }
    assert!(net.is_done(EMIL, request));
    let mut out = not_invited(&net, EMIL, request);
    out.sort();
    assert_eq!(out, gone.iter().map(|user| (user.clone(), Code::NoKeyPackage)).collect::<Vec<_>>());
    let mut came = joined(&net, ANNA)[1..].concat();
    came.sort();
    assert_eq!(came, everybody[3..]);
    net.wait();
    net.agree(room, &[ANNA, EMIL]);
}

/// SPEC V-479: an agency that keeps silent is waited for once, however many of its users are invited.
#[test]
fn an_agency_that_keeps_silent_is_waited_for_once() {
    let mut net = Net::new(152);
    for name in ["anna@police.nord.example", "carla@police.west.example"] {
        net.enrol(name);
    }
    let room = net.room(ANNA, &[]);
    net.rule = Box::new(|leg, _| match leg {
        Leg::Frame(_, to) if *to == agency(SUED) => Fault::Lost,
        _ => Fault::None,
    });
    let silent = names(SUED, 2 * limits::INVITED_AT_ONCE);
    let mut everybody = silent.clone();
    everybody.push(user("carla@police.west.example"));
    let (request, begin) = (invite(&mut net, ANNA, room, &everybody), net.now);
    while ends(&net, ANNA, request) == 0 {
        net.pass(Duration::from_secs(60));
    }
    assert!(net.now.since(begin) < Duration::from_secs(2 * 3_600), "{:?}", net.now.since(begin));
    assert!(net.is_done(ANNA, request));
    let mut out = not_invited(&net, ANNA, request);
    out.sort();
    assert_eq!(out, silent.into_iter().map(|user| (user, Code::NoAnswer)).collect::<Vec<_>>());
    assert_eq!(joined(&net, ANNA).concat(), [user("carla@police.west.example")]);
}

#[test]
fn no_more_are_invited_at_once_than_may_be_claimed() {
    let mut net = Net::new(153);
    net.enrol("anna@police.nord.example");
    let room = net.room(ANNA, &[]);
    let mut users = names(SUED, limits::INVITED);
    invite(&mut net, ANNA, room, &users);
    users.push(user(BEN_ID));
    let refused = net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap_err();
    assert_eq!(refused.code(), Code::BadArgument);
}

//! Who may reach whom: invitations that wait for consent, people who are blocked.

use std::time::Duration;

use crate::support::*;
use verbund::{
    Policy, RoomKind,
    client::{Admission, Command, Event, Party},
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

fn admit(net: &mut Net, phone: usize, who: Admission) {
    net.call(phone, |engine, ctx| engine.command(ctx, Command::SetAdmission { who })).unwrap();
}

fn block(net: &mut Net, phone: usize, party: Party) {
    net.call(phone, |engine, ctx| engine.command(ctx, Command::Block { party })).unwrap();
}

fn rows(net: &Net, phone: usize, table: &str) -> usize {
    net.phones[phone].store.scan(table.as_bytes(), None, 10_000).unwrap().len()
}

/// What a phone was asked, and has not answered as far as the app knows.
fn asked(net: &Net, phone: usize) -> Vec<u64> {
    let number = |event: &Event| match event {
        Event::Invited { invitation, .. } => Some(*invitation),
        _ => None,
    };
    net.phones[phone].events.iter().filter_map(number).collect()
}

fn joined(net: &Net, phone: usize) -> usize {
    net.count(phone, |event| matches!(event, Event::Joined { .. }))
}

/// The users who have left a room by their own will, as a phone was told.
fn left(net: &Net, phone: usize) -> Vec<String> {
    let users = |event: &Event| match event {
        Event::MembersChanged { left, .. } => left.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    net.phones[phone].events.iter().flat_map(users).collect()
}

fn invite(net: &mut Net, room: RoomId, name: &str) {
    let users = vec![user(name)];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
}

/// SPEC V-584
#[test]
fn an_invitation_waits_for_the_users_word() {
    let mut net = officers(150);
    admit(&mut net, BEN, Admission::Nobody);
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    net.say(ANNA, room, "before he says yes");
    net.settle();
    let number = asked(&net, BEN)[0];
    let by = net.phones[ANNA].device.clone();
    let (name, hub) = (Some("Red bicycle".to_owned()), agency(NORD));
    let kind = RoomKind::Group;
    assert!(net.has(BEN, &Event::Invited { invitation: number, room, kind, name, by, hub, users: 3 }));
    // Nothing else is shown or sent meanwhile.
    assert_eq!((joined(&net, BEN), net.view(BEN, room)), (0, None));
    assert!(net.texts(BEN).is_empty());
    net.restart(BEN);
    net.wait();
    assert_eq!((asked(&net, BEN).len(), rows(&net, BEN, "j/"), rows(&net, BEN, "w/")), (1, 0, 0));

    let (request, receipt) =
        net.command(BEN, |request| Command::Accept { request, invitation: number }).unwrap();
    assert_eq!(receipt.room, Some(room));
    // Given twice it is done once.
    let accept = Command::Accept { request, invitation: number };
    assert_eq!(net.call(BEN, |engine, ctx| engine.command(ctx, accept)).unwrap(), receipt);
    net.settle();
    assert_eq!(joined(&net, BEN), 1);
    assert_eq!(net.texts(BEN), ["before he says yes"]);
    net.say(BEN, room, "here");
    net.settle();
    assert_eq!(net.texts(ANNA), ["here"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
    assert_eq!((rows(&net, BEN, "n/"), rows(&net, BEN, "y/")), (0, 0));
    let again = net.command(BEN, |request| Command::Accept { request, invitation: number });
    assert_eq!(again.unwrap_err().code(), Code::BadArgument);
}

/// SPEC V-583
#[test]
fn who_declines_is_seen_to_leave_and_sees_nothing() {
    let mut net = officers(151);
    let tablet = net.enrol_further(BEN);
    for phone in [BEN, tablet] {
        admit(&mut net, phone, Admission::OwnAgency);
    }
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    let number = asked(&net, BEN)[0];
    assert_eq!(asked(&net, tablet).len(), 1);
    let (request, _) = net.command(BEN, |request| Command::Decline { request, invitation: number }).unwrap();
    // While he is only leaving, the room is none of his.
    while net.carry(BEN) {}
    assert_eq!(net.view(BEN, room), None);
    net.wait();
    assert!(net.is_done(BEN, request));
    assert_eq!(joined(&net, BEN), 0);
    assert_eq!(net.count(BEN, |event| matches!(event, Event::MembersChanged { .. } | Event::Left { .. })), 0);
    assert_eq!(left(&net, ANNA), [BEN_ID]);
    assert_eq!(net.view(ANNA, room).unwrap().seq, net.view(EMIL, room).unwrap().seq);
    for table in ["r/", "m/", "o/", "w/", "n/", "y/"] {
        assert_eq!(rows(&net, BEN, table), 0, "{table}");
    }
    // The other device, which still asks, comes too late.
    let number = asked(&net, tablet)[0];
    net.command(tablet, |request| Command::Accept { request, invitation: number }).unwrap();
    net.wait();
    assert_eq!(net.view(tablet, room), None);
}

/// SPEC V-583
#[test]
fn an_invitation_of_somebody_blocked_comes_to_nothing_without_a_word() {
    let mut net = officers(152);
    block(&mut net, BEN, Party::User(user(ANNA_ID)));
    let told = net.phones[BEN].events.len();
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    net.say(ANNA, room, "not for Ben");
    net.wait();
    assert_eq!(net.phones[BEN].events.len(), told);
    assert_eq!((left(&net, ANNA), net.view(BEN, room)), (vec![BEN_ID.to_owned()], None));
    for table in ["r/", "m/", "o/", "w/", "j/", "n/"] {
        assert_eq!(rows(&net, BEN, table), 0, "{table}");
    }
    // The inbox goes on: others reach him, and she does after he has changed his mind.
    let command = |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Another".into(),
        policy: Policy::default(),
        invite: vec![user(BEN_ID)],
    };
    let other = net.command(EMIL, command).unwrap().1.room.unwrap();
    net.settle();
    assert!(net.view(BEN, other).is_some());
    let party = Party::User(user(ANNA_ID));
    assert_eq!(net.phones[BEN].engine.blocked(&net.phones[BEN].store).unwrap(), vec![party.clone()]);
    net.call(BEN, |engine, ctx| engine.command(ctx, Command::Unblock { party })).unwrap();
    invite(&mut net, room, BEN_ID);
    net.agree(room, &[ANNA, BEN, EMIL]);
    // Whole agencies too; rooms that are there stay.
    block(&mut net, BEN, Party::Agency(agency(NORD)));
    net.say(ANNA, room, "still here");
    net.settle();
    assert_eq!(net.texts(BEN), ["still here"]);
    let told = net.phones[BEN].events.len();
    net.room(EMIL, &[BEN_ID, ANNA_ID]);
    net.wait();
    assert_eq!(net.phones[BEN].events.len(), told);
}

/// SPEC V-583: of a room of two, nobody is left who could let the blocking one go.
#[test]
fn who_is_alone_with_the_blocked_one_is_let_go_by_them() {
    let mut net = officers(153);
    block(&mut net, BEN, Party::User(user(ANNA_ID)));
    let room = net.room(ANNA, &[BEN_ID]);
    net.wait();
    assert_eq!(left(&net, ANNA), [BEN_ID]);
    assert_eq!((net.view(BEN, room), rows(&net, BEN, "r/")), (None, 0));
}

#[test]
fn acquaintances_and_the_own_agency_are_known() {
    let mut net = officers(154);
    admit(&mut net, BEN, Admission::Acquainted);
    admit(&mut net, EMIL, Admission::OwnAgency);
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    assert_eq!((asked(&net, BEN).len(), asked(&net, EMIL).len(), joined(&net, EMIL)), (1, 0, 1));
    let number = asked(&net, BEN)[0];
    net.command(BEN, |request| Command::Accept { request, invitation: number }).unwrap();
    net.settle();
    // He shares a room with both of them now.
    for founder in [ANNA, EMIL] {
        let other = net.room(founder, &[BEN_ID]);
        assert!(net.view(BEN, other).is_some());
    }
    net.agree(room, &[ANNA, BEN, EMIL]);
    assert_eq!(asked(&net, BEN).len(), 1);
    let phone = &net.phones[BEN];
    assert_eq!(phone.engine.admission(&phone.store).unwrap(), Admission::Acquainted);
}

/// SPEC V-584
#[test]
fn no_more_wait_of_one_inviter_than_may() {
    let mut net = officers(155);
    admit(&mut net, BEN, Admission::Nobody);
    for _ in 0..limits::ASKED_BY_ONE {
        net.room(ANNA, &[BEN_ID]);
    }
    assert_eq!(asked(&net, BEN).len(), limits::ASKED_BY_ONE);
    net.room(ANNA, &[BEN_ID]);
    net.wait();
    assert_eq!((asked(&net, BEN).len(), left(&net, ANNA)), (limits::ASKED_BY_ONE, vec![BEN_ID.to_owned()]));
    net.room(EMIL, &[BEN_ID]);
    assert_eq!(asked(&net, BEN).len(), limits::ASKED_BY_ONE + 1);
    // Whoever is blocked is waiting in vain.
    block(&mut net, BEN, Party::User(user(ANNA_ID)));
    net.wait();
    assert_eq!((rows(&net, BEN, "n/"), left(&net, ANNA).len()), (1, limits::ASKED_BY_ONE + 1));
}

/// SPEC V-584
#[test]
fn what_is_not_answered_runs_out_and_is_told() {
    let mut net = officers(156);
    admit(&mut net, BEN, Admission::Nobody);
    let room = net.room(ANNA, &[BEN_ID]);
    net.pass(limits::INVITATION_KEPT - Duration::from_secs(60));
    assert_eq!(rows(&net, BEN, "n/"), 1);
    net.pass(Duration::from_secs(120));
    assert!(net.has(BEN, &Event::InvitationFailed { room, code: Code::Expired }));
    assert_eq!((rows(&net, BEN, "n/"), rows(&net, BEN, "y/")), (0, 0));
}

#[test]
fn the_own_devices_are_never_kept_out() {
    let mut net = officers(157);
    let tablet = net.enrol_further(ANNA);
    admit(&mut net, tablet, Admission::Nobody);
    block(&mut net, tablet, Party::Agency(agency(NORD)));
    let room = net.room(ANNA, &[]);
    net.agree(room, &[ANNA, tablet]);
}

//! Who may reach whom: invitations that wait for consent, people who are blocked, directories,
//! records of who was given a device's keys.

use std::time::Duration;

use crate::support::*;
use verbund::{
    Policy, RoomKind,
    client::{self, Admission, Command, Event, Party, Query},
    code::Code,
    identity::UserKind,
    ids::{RequestId, RoomId},
    limits,
    server::{Audience, Entry},
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

/// What an agency's operators let others find.
fn entry(net: &mut Net, name: &str, kind: UserKind, shown: &str, unit: &str, by_search: Audience) {
    let mut entry = Entry::new(user(name), kind, shown.into(), unit.into());
    entry.by_search = by_search;
    net.operate(user(name).agency().as_str(), |server, ctx| server.set_entry(ctx, &entry)).unwrap();
}

fn ask(net: &mut Net, phone: usize, query: Query) -> RequestId {
    let (request, _) = net.command(phone, |request| Command::LookUp { request, query }).unwrap();
    net.settle();
    request
}

fn search(agency_name: &str, text: &str) -> Query {
    Query::Users { agency: agency(agency_name), text: text.into(), after: None }
}

/// Whom a look-up has found, as far as it was answered.
fn found(net: &Net, phone: usize, wanted: RequestId) -> Option<Vec<client::Found>> {
    net.phones[phone].events.iter().find_map(|event| match event {
        Event::Found { request, users, .. } if *request == wanted => Some(users.clone()),
        _ => None,
    })
}

fn names(net: &Net, phone: usize, request: RequestId) -> Vec<String> {
    found(net, phone, request).unwrap().into_iter().map(|found| found.user.to_string()).collect()
}

/// SPEC V-592, V-593, V-596
#[test]
fn users_and_roles_are_found_across_agencies_as_theirs_allow() {
    let mut net = officers(158);
    let clara = net.enrol("clara@police.west.example");
    let desk = "wache@police.sued.example";
    entry(&mut net, desk, UserKind::Role, "Wache Mitte", "Einsatzleitung", Audience::Federation);
    let nord = Audience::Agencies([agency(NORD)].into());
    entry(&mut net, BEN_ID, UserKind::Person, "Ben Becker", "K 11", nord);
    // Another agency, a listed one, the own one.
    for (phone, bens) in [(ANNA, true), (BEN, true), (clara, false)] {
        let request = ask(&mut net, phone, search(SUED, "einsatz"));
        let shown = &found(&net, phone, request).unwrap()[0];
        assert_eq!((shown.user.to_string().as_str(), shown.kind), (desk, UserKind::Role));
        assert_eq!((shown.name.as_str(), shown.unit.as_str()), ("Wache Mitte", "Einsatzleitung"));
        let request = ask(&mut net, phone, search(SUED, "becker"));
        assert_eq!(!names(&net, phone, request).is_empty(), bens);
        // By exact id everybody finds him, and whoever has no entry.
        for who in [BEN_ID, EMIL_ID] {
            let request = ask(&mut net, phone, Query::User(user(who)));
            assert_eq!(names(&net, phone, request), [who]);
        }
    }
    // Hidden, he is as if he were not there: to look-ups, and to invitations.
    let mut hidden = Entry::new(user(BEN_ID), UserKind::Person, "Ben Becker".into(), String::new());
    hidden.by_id = Audience::OwnAgency;
    net.operate(SUED, |server, ctx| server.set_entry(ctx, &hidden)).unwrap();
    let nobody = "nobody@police.sued.example";
    for who in [BEN_ID, nobody] {
        let request = ask(&mut net, ANNA, Query::User(user(who)));
        assert_eq!(found(&net, ANNA, request), Some(Vec::new()));
    }
    let room = net.room(ANNA, &[EMIL_ID]);
    let users = vec![user(BEN_ID), user(nobody)];
    let (request, _) = net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
    let users = vec![(user(BEN_ID), Code::NoKeyPackage), (user(nobody), Code::NoKeyPackage)];
    assert!(net.has(ANNA, &Event::NotInvited { request, users, retry_at: None }));
    for phone in [ANNA, BEN, clara] {
        assert_eq!((rows(&net, phone, "di/"), rows(&net, phone, "w/")), (0, 0));
    }
}

#[test]
fn a_search_goes_on_where_its_page_ended() {
    let mut net = officers(159);
    let count = limits::DIRECTORY_PAGE + 5;
    for n in 0..count {
        let name = format!("u{n:02}@police.sued.example");
        entry(&mut net, &name, UserKind::Person, &format!("Becker {n:02}"), "", Audience::Federation);
    }
    let (mut seen, mut after) = (Vec::new(), None::<Vec<u8>>);
    for _ in 0..2 {
        let query = Query::Users { agency: agency(SUED), text: "BECKER".into(), after };
        let request = ask(&mut net, ANNA, query);
        seen.extend(names(&net, ANNA, request));
        let next = net.phones[ANNA].events.iter().find_map(|event| match event {
            Event::Found { request: r, next, .. } if *r == request => Some(next.clone()),
            _ => None,
        });
        let next = next.unwrap();
        assert_eq!(next.is_some(), seen.len() < count);
        after = next;
    }
    let expected: Vec<_> = (0..count).map(|n| format!("u{n:02}@police.sued.example")).collect();
    assert_eq!(seen, expected);
    // What the app may not ask it is told at once.
    for query in [search(SUED, "ab"), search(SUED, &"x".repeat(limits::SEARCH_TEXT + 1))] {
        let refused = net.command(ANNA, |request| Command::LookUp { request, query });
        assert_eq!(refused.unwrap_err().code(), Code::BadArgument);
    }
}

/// SPEC V-594
#[test]
fn who_looks_up_too_often_is_told_when_to_come_again() {
    let mut net = officers(160);
    for _ in 0..limits::LOOK_UPS {
        ask(&mut net, ANNA, Query::User(user(EMIL_ID)));
    }
    let request = ask(&mut net, ANNA, Query::User(user(BEN_ID)));
    let told = net.phones[ANNA].events.iter().find_map(|event| match event {
        Event::Failed { request: r, code, retry_at } if *r == request => Some((*code, *retry_at)),
        _ => None,
    });
    let Some((Code::Quota, Some(retry_at))) = told else { panic!("{told:?}") };
    assert!(retry_at > net.now && retry_at <= net.now.plus(limits::LOOK_UPS_EVERY));
    net.now = retry_at;
    let request = ask(&mut net, ANNA, Query::User(user(BEN_ID)));
    assert_eq!(names(&net, ANNA, request), [BEN_ID]);
}

#[test]
fn an_agency_that_does_not_answer_is_given_up_and_one_that_is_late_is_heard() {
    let mut net = officers(161);
    let silent = agency(SUED);
    net.rule = Box::new(move |leg, _| match leg {
        Leg::Frame(_, to) if *to == silent => Fault::Lost,
        _ => Fault::None,
    });
    let late = ask(&mut net, ANNA, Query::User(user(BEN_ID)));
    net.restart(ANNA);
    net.wait();
    net.rule = no_faults();
    net.wait();
    assert_eq!(names(&net, ANNA, late), [BEN_ID]);
    let silent = agency(SUED);
    net.rule = Box::new(move |leg, _| match leg {
        Leg::Frame(_, to) if *to == silent => Fault::Lost,
        _ => Fault::None,
    });
    let never = ask(&mut net, ANNA, Query::User(user(BEN_ID)));
    for _ in 0..20 {
        net.wait();
    }
    assert_eq!(net.failure(ANNA, never), Some(Code::NoAnswer));
    // An agency that is in no federation is not asked.
    let query = Query::User(user("eve@police.far.example"));
    let nowhere = ask(&mut net, ANNA, query);
    assert_eq!(net.failure(ANNA, nowhere), Some(Code::UnknownAgency));
    // What comes after that is nobody's business any more.
    net.rule = no_faults();
    net.wait();
    assert_eq!(found(&net, ANNA, never), None);
    assert_eq!(rows(&net, ANNA, "di/"), 0);
}

/// SPEC V-588, V-590, V-591
#[test]
fn a_device_knows_who_was_given_its_keys() {
    let mut net = officers(162);
    let tablet = net.enrol_further(BEN);
    let room = net.room(ANNA, &[BEN_ID, EMIL_ID]);
    net.agree(room, &[ANNA, BEN, tablet, EMIL]);
    let anna = net.phones[ANNA].device.clone();
    for phone in [BEN, tablet, EMIL] {
        let claims = net.phones[phone].engine.claims(&net.phones[phone].store).unwrap();
        assert_eq!(claims.iter().map(|claimed| &claimed.by).collect::<Vec<_>>(), [&anna]);
        assert!(claims[0].at >= BEGIN && claims[0].at <= net.now);
    }
    let unrecorded = |event: &Event| matches!(event, Event::ClaimUnrecorded { .. });
    for phone in [ANNA, BEN, tablet, EMIL] {
        assert_eq!(net.count(phone, unrecorded), 0);
    }
    // A server that kept silent about it: as Ben's phone sees it, no record of this claim came.
    let mut batch = Batch::default();
    batch.put(b"c/records".to_vec(), 100_u64.to_be_bytes().to_vec());
    net.phones[BEN].store.apply(&batch).unwrap();
    let other = net.room(EMIL, &[BEN_ID]);
    net.agree(other, &[EMIL, BEN, tablet]);
    let by = net.phones[EMIL].device.clone();
    assert!(net.has(BEN, &Event::ClaimUnrecorded { room: other, by, recorded: Vec::new() }));
    assert_eq!((net.count(BEN, unrecorded), net.count(tablet, unrecorded)), (1, 0));
}

//! Topics: rooms that one comes into by oneself, in which some write and all read.

use std::collections::BTreeSet;

use crate::support::*;
use verbund::{
    JoinRule, Listing, Policy, RoomKind,
    client::{Command, Event, FoundRoom, Query},
    code::Code,
    identity::AgencyStatus,
    ids::{RequestId, RoomId},
    limits,
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

fn list(net: &mut Net, room: RoomId, listing: Option<(&str, &str)>) {
    let listing = listing.map(|(name, summary)| Listing::new(name, summary).unwrap());
    net.command(ANNA, |request| Command::SetListing { request, room, listing }).unwrap();
    net.settle();
}

fn search(net: &mut Net, phone: usize, text: &str, after: Option<Vec<u8>>) -> RequestId {
    let query = Query::Rooms { agency: agency(NORD), text: text.into(), after };
    let (request, _) = net.command(phone, |request| Command::LookUp { request, query }).unwrap();
    net.settle();
    request
}

/// What was found, and where the page ended.
fn answer(net: &Net, phone: usize, wanted: RequestId) -> Option<(Vec<FoundRoom>, Option<Vec<u8>>)> {
    net.phones[phone].events.iter().find_map(|event| match event {
        Event::RoomsFound { request, agency: of, rooms, next } if *request == wanted => {
            assert_eq!(*of, agency(NORD));
            Some((rooms.clone(), next.clone()))
        }
        _ => None,
    })
}

fn finds(net: &mut Net, phone: usize, text: &str) -> Vec<FoundRoom> {
    let request = search(net, phone, text, None);
    answer(net, phone, request).expect("an answer").0
}

/// SPEC V-571, V-574: by a word of name or summary, by those whom the room admits; then they come in, and read.
#[test]
fn a_topic_is_found_by_search_and_joined() {
    let (mut net, room) = topic(142);
    assert!(finds(&mut net, BEN, "boats").is_empty(), "it does not show itself");
    list(&mut net, room, Some(("Stolen boats", "What was taken from piers and moles")));
    for text in ["boats", "STOLEN  boa", "piers", "moles", ""] {
        let found = finds(&mut net, BEN, text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!((found[0].room, &found[0].hub, found[0].kind), (room, &agency(NORD), RoomKind::Topic));
        assert_eq!(found[0].listing.name, "Stolen boats");
        assert_eq!(found[0].ends_at, None);
    }
    assert!(finds(&mut net, BEN, "oats").is_empty());
    // The west is not admitted: it is shown nothing, whatever it asks for. Anna's own agency is.
    for text in ["boats", ""] {
        assert!(finds(&mut net, CLARA, text).is_empty());
    }
    assert_eq!(finds(&mut net, ANNA, "boats").len(), 1);

    let found = finds(&mut net, BEN, "boats").remove(0);
    let (room, hub) = (found.room, found.hub);
    let (request, _) = net.command(BEN, |request| Command::Join { request, room, hub }).unwrap();
    net.settle();
    net.wait();
    assert!(net.is_done(BEN, request));
    net.say(ANNA, room, "A dinghy at the north pier");
    net.settle();
    assert_eq!(net.texts(BEN), ["A dinghy at the north pier"]);
}

/// SPEC V-573: what changes in the log changes in the next answer.
#[test]
fn what_a_room_shows_changes_with_its_log() {
    let (mut net, room) = topic(143);
    list(&mut net, room, Some(("Stolen boats", "")));
    let seen = |net: &mut Net, text: &str| [BEN, CLARA].map(|phone| finds(net, phone, text).len());
    assert_eq!(seen(&mut net, "boats"), [1, 0]);
    open_to(&mut net, room, JoinRule::Anybody);
    assert_eq!(seen(&mut net, "boats"), [1, 1]);
    list(&mut net, room, Some(("Stolen bicycles", "")));
    assert_eq!((seen(&mut net, "boats"), seen(&mut net, "bicycles")), ([0, 0], [1, 1]));
    open_to(&mut net, room, JoinRule::Agencies(BTreeSet::from([agency(WEST)])));
    assert_eq!(seen(&mut net, "bicycles"), [0, 1]);
    open_to(&mut net, room, JoinRule::Invitation);
    assert_eq!(seen(&mut net, "bicycles"), [0, 0]);
    open_to(&mut net, room, JoinRule::Anybody);
    let end = net.now.plus(std::time::Duration::from_secs(3_600));
    net.command(ANNA, |request| Command::SetEnd { request, room, ends_at: Some(end) }).unwrap();
    net.settle();
    assert_eq!(finds(&mut net, BEN, "bicycles")[0].ends_at, Some(end));
    net.now = end;
    assert_eq!(seen(&mut net, "bicycles"), [0, 0], "it has ended");
    let (mut net, room) = topic(144);
    open_to(&mut net, room, JoinRule::Anybody);
    list(&mut net, room, Some(("Stolen boats", "")));
    list(&mut net, room, None);
    assert_eq!(seen(&mut net, ""), [0, 0]);
}

/// SPEC V-572: page by page, each room once.
#[test]
fn many_topics_are_found_page_by_page() {
    let (mut net, _) = topic(145);
    let count = limits::LISTED_ROOMS + 3;
    for n in 0..count {
        let create = |request| Command::CreateRoom {
            request,
            kind: RoomKind::Topic,
            name: format!("Topic {n:02}"),
            policy: Policy::topic(),
            invite: vec![],
        };
        let room = net.command(ANNA, create).unwrap().1.room.unwrap();
        net.settle();
        list(&mut net, room, Some((&format!("Boats of pier {n:02}"), "Boats and moles")));
        open_to(&mut net, room, JoinRule::Anybody);
    }
    for text in ["boats", ""] {
        let (mut seen, mut after) = (Vec::new(), None);
        for _ in 0..2 {
            let request = search(&mut net, BEN, text, after);
            let (rooms, next) = answer(&net, BEN, request).unwrap();
            seen.extend(rooms.into_iter().map(|found| found.room));
            assert_eq!(next.is_some(), seen.len() < count);
            after = next;
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
    let query = Query::Rooms { agency: agency(NORD), text: "x".repeat(limits::SEARCH_TEXT + 1), after: None };
    let refused = net.command(BEN, |request| Command::LookUp { request, query });
    assert_eq!(refused.unwrap_err().code(), Code::BadArgument);
}

/// SPEC V-532, V-571: a suspended agency is told nothing of rooms that are open to anybody.
#[test]
fn a_suspended_agency_finds_nothing() {
    let (mut net, room) = topic(146);
    open_to(&mut net, room, JoinRule::Anybody);
    list(&mut net, room, Some(("Stolen boats", "")));
    let now = net.now;
    let suspended = net.office.amend(now, |roster| {
        for listed in roster.agencies.iter_mut().filter(|listed| *listed.id() == agency(SUED)) {
            *listed = listed.clone().with_status(AgencyStatus::Suspended);
        }
    });
    net.trust_list(NORD, &suspended.unwrap());
    net.settle();
    let before = net.wire.len();
    let request = search(&mut net, BEN, "boats", None);
    net.wait();
    assert_eq!(answer(&net, BEN, request), None);
    let told = net.wire[before..].iter().filter(|(leg, _)| *leg == Leg::Frame(agency(NORD), agency(SUED)));
    assert_eq!(told.count(), 0);
    assert_eq!(finds(&mut net, CLARA, "boats").len(), 1);
}

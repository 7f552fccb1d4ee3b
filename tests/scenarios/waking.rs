//! Hosts that call an engine when it asked for it, and else only when there is something to carry.

use std::time::Duration;

use crate::support::*;
use verbund::{
    client::{Command, Event},
    code::Code,
};

const ANNA: usize = 0;
const BEN: usize = 1;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn enrolled(net: &Net, phone: usize) -> usize {
    net.count(phone, |event| *event == Event::Enrolled)
}

/// Loses whatever a phone sends.
fn cut_off(phone: usize) -> Rule {
    Box::new(move |leg, _| if *leg == Leg::Up(phone) { Fault::Lost } else { Fault::None })
}

#[test]
fn an_enrolment_that_is_lost_is_asked_for_again() {
    for leg in [Leg::Up(ANNA), Leg::Down(ANNA)] {
        let mut net = Net::new(160);
        net.rule = lose_first(move |which| *which == leg);
        net.enrol(ANNA_ID);
        assert_eq!(enrolled(&net, ANNA), 0);
        net.idle(MINUTE);
        assert_eq!(enrolled(&net, ANNA), 1);
        // And nothing more is to be done until a key package gets old.
        assert!(net.phones[ANNA].wake.is_none_or(|wake| wake > net.now.plus(DAY)));
    }
}

#[test]
fn a_synchronisation_that_is_lost_is_asked_for_again() {
    for leg in [Leg::Up(BEN), Leg::Down(BEN)] {
        let mut net = Net::new(161);
        net.enrol(ANNA_ID);
        net.enrol(BEN_ID);
        // What is lost is what the first push makes Ben ask.
        net.rule = lose_first(move |which| *which == leg);
        let room = net.room(ANNA, &[BEN_ID]);
        assert_eq!(net.view(BEN, room), None);
        net.idle(MINUTE);
        net.agree(room, &[ANNA, BEN]);
    }
}

#[test]
fn whatever_is_lost_is_made_up_for_without_any_other_call() {
    for seed in 162..166 {
        let mut net = Net::new(seed);
        let mut number = u64::from(seed);
        // Every third or so, and differently each time.
        net.rule = Box::new(move |_, _| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if number >> 33 & 3 == 0 { Fault::Lost } else { Fault::None }
        });
        net.enrol(ANNA_ID);
        net.enrol(BEN_ID);
        net.idle(60 * MINUTE);
        assert_eq!((enrolled(&net, ANNA), enrolled(&net, BEN)), (1, 1));
        let room = net.room(ANNA, &[BEN_ID]);
        net.idle(60 * MINUTE);
        net.say(BEN, room, "one");
        let name = Some("Renamed".to_owned());
        net.command(ANNA, |request| Command::Describe { request, room, name, topic: None, label: None })
            .unwrap();
        net.say(ANNA, room, "two");
        net.idle(60 * MINUTE);
        assert_eq!((net.texts(ANNA), net.texts(BEN)), (vec!["one".to_owned()], vec!["two".to_owned()]));
        net.agree(room, &[ANNA, BEN]);
    }
}

#[test]
fn a_server_that_does_not_answer_is_asked_ever_more_seldom() {
    let mut net = Net::new(167);
    net.enrol(ANNA_ID);
    net.rule = cut_off(ANNA);
    net.resume(ANNA);
    let before = net.wire.len();
    net.idle(DAY);
    // Every five to ten minutes.
    let asked = net.wire.len() - before;
    assert!((144..320).contains(&asked), "{asked}");
    net.rule = no_faults();
    net.idle(10 * MINUTE);
    assert_eq!(net.phones[ANNA].outgoing.len(), 0);
    let before = net.wire.len();
    net.idle(60 * MINUTE);
    assert_eq!(net.wire.len(), before);
}

#[test]
fn an_enrolment_that_the_server_refuses_is_told_once_and_tried_again() {
    let mut net = Net::new(168);
    // The server lacks its own agency's descriptor.
    let host = net.hosts.get_mut(&agency(NORD)).unwrap();
    let own =
        |key: &[u8]| key.starts_with(b"id/desc/") && key.windows(NORD.len()).any(|w| w == NORD.as_bytes());
    let rows = |store: &verbund::store::MemoryStore, which: bool| {
        let rows = store.rows().filter(|(key, _)| own(key) == which);
        rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect::<Vec<_>>()
    };
    let (descriptors, others) = (rows(&host.store, true), rows(&host.store, false));
    assert!(!descriptors.is_empty());
    let whole = others.iter().chain(&descriptors).cloned().collect();
    host.store = others.into_iter().collect();
    net.enrol(ANNA_ID);
    let told = |net: &Net| {
        net.count(ANNA, |event| matches!(event, Event::Failed { code, .. } if *code == Code::MissingEvidence))
    };
    let before = net.wire.len();
    net.idle(DAY);
    assert_eq!((told(&net), enrolled(&net, ANNA)), (1, 0));
    // Request and reply, every five to ten minutes; so too for news.
    let asked = net.wire.len() - before;
    assert!((288..1_280).contains(&asked), "{asked}");

    net.hosts.get_mut(&agency(NORD)).unwrap().store = whole;
    net.idle(10 * MINUTE);
    assert_eq!((told(&net), enrolled(&net, ANNA)), (1, 1));
}

//! A device's certificate is renewed, and the device brings it into its rooms by itself (SPEC V-356 to
//! V-358).

use std::time::Duration;

use crate::support::*;
use verbund::{
    Authority, Due,
    client::{Client, Command, Event},
    ids::{Device, RoomId},
    store::{Ctx, MemoryStore},
};

const BEN: usize = 0;
const ANNA: usize = 1;

const BEN_ID: &str = "ben@police.sued.example";
const ANNA_ID: &str = "anna@police.nord.example";

const HOUR: Duration = Duration::from_secs(3_600);

/// What the registrar gives for a request, good for some hours.
fn countersigned(net: &mut Net, name: &str, request: &[u8], hours: u32) -> Vec<u8> {
    let desk = &mut net.hosts.get_mut(user(name).agency()).unwrap().desk;
    let ctx = Ctx { now: net.now, store: &desk.store, rng: &mut net.rng };
    let done = desk.registrar.enrol(ctx, request, hours * HOUR).unwrap().commit(&mut desk.store).unwrap();
    done.value.enrolment.to_bytes()
}

/// A user's first device, with a certificate that is good for some hours.
fn enrol_for(net: &mut Net, name: &str, hours: u32) -> usize {
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    engine.begin(ctx, user(name)).unwrap().commit(&mut store).unwrap();
    let paper = verbund::identity::SigningKey::from_seed(&[90; 32]);
    let recovery = vec![verbund::identity::RecoveryKey::own(&paper.verify_key())];
    let request = engine.found(&store, verbund::identity::UserKind::Person, recovery, net.now).unwrap();
    let enrolment = countersigned(net, name, &request, hours);
    net.take_over(engine, store, &enrolment)
}

/// A device asks for another certificate and is given one.
fn renew(net: &mut Net, phone: usize, hours: u32) {
    let now = net.clock(phone);
    let p = &net.phones[phone];
    let ctx = Ctx { now, store: &p.store, rng: &mut net.rng };
    let request = p.engine.renew(ctx).unwrap();
    let name = p.device.user.to_string();
    let enrolment = countersigned(net, &name, &request, hours);
    let federation = net.office.federation.clone();
    net.call(phone, |engine, ctx| engine.enrol(ctx, &federation, &enrolment)).unwrap();
    net.settle();
}

fn until(net: &Net, phone: usize) -> Duration {
    let phone = &net.phones[phone];
    phone.engine.certified_until(&phone.store).unwrap().unwrap().since(net.now)
}

fn due(net: &Net, told: usize, device: &Device) -> usize {
    net.count(told, |event| matches!(event, Event::DeviceDue { device: due, .. } if due == device))
}

fn removed(net: &Net, told: usize, room: RoomId, device: &Device) -> Option<Authority> {
    net.phones[told].events.iter().find_map(|event| match event {
        Event::MembersChanged { room: of, reasons, devices_removed, .. }
            if *of == room && devices_removed.contains(device) =>
        {
            reasons.iter().find(|why| why.device == *device).map(|why| why.authority)
        }
        _ => None,
    })
}

/// SPEC V-356, V-430: into every room, before the old one ends, and nobody notices.
#[test]
fn a_renewed_certificate_comes_into_every_room() {
    let mut net = Net::new(240);
    net.enrol(BEN_ID);
    enrol_for(&mut net, ANNA_ID, 24);
    let rooms = [net.room(BEN, &[ANNA_ID]), net.room(ANNA, &[BEN_ID]), net.room(BEN, &[ANNA_ID])];
    net.idle(2 * HOUR);
    let before = rooms.map(|room| net.view(BEN, room).unwrap().seq);
    renew(&mut net, ANNA, 24 * 10);
    assert!(until(&net, ANNA) > 200 * HOUR);
    net.idle(Duration::from_secs(10));
    assert_eq!(rooms.map(|room| net.view(BEN, room).unwrap().seq), before, "not all at once");
    // Within half of what was left.
    net.idle(11 * HOUR);
    assert_eq!(rooms.map(|room| net.view(BEN, room).unwrap().seq), before.map(|seq| seq + 1));
    net.idle(20 * HOUR);
    let anna = net.phones[ANNA].device.clone();
    assert_eq!(due(&net, BEN, &anna), 0);
    for room in rooms {
        net.say(BEN, room, "still there?");
        net.say(ANNA, room, "as ever");
    }
    net.settle();
    assert_eq!(net.texts(BEN), ["as ever"; 3]);
    assert_eq!(net.texts(ANNA), ["still there?"; 3]);
    assert_eq!(rooms.map(|room| removed(&net, BEN, room, &anna)), [None; 3]);
}

/// SPEC V-359: its app is told in time, once for each certificate.
#[test]
fn a_device_says_that_its_certificate_ends_before_long() {
    let mut net = Net::new(239);
    net.enrol(BEN_ID);
    enrol_for(&mut net, ANNA_ID, 24);
    let told = |net: &Net, phone: usize| -> Vec<_> {
        let end = |event: &Event| match event {
            Event::CertificateEnds { until } => Some(*until),
            _ => None,
        };
        net.phones[phone].events.iter().filter_map(end).collect()
    };
    let ends = |net: &Net| net.now.plus(until(net, ANNA));
    let first = ends(&net);
    // Where three quarters of its time are over, by its own wish to be called.
    net.idle(17 * HOUR);
    assert!(told(&net, ANNA).is_empty());
    net.idle(2 * HOUR);
    assert_eq!(told(&net, ANNA), [first]);
    net.idle(2 * HOUR);
    assert_eq!(told(&net, ANNA), [first]);
    // One that holds long: 30 days before.
    renew(&mut net, ANNA, 24 * 200);
    let second = ends(&net);
    net.idle(HOUR);
    assert_eq!(told(&net, ANNA), [first]);
    net.now = second.minus(24 * 31 * HOUR);
    net.idle(22 * HOUR);
    assert_eq!(told(&net, ANNA), [first]);
    net.idle(4 * HOUR);
    assert_eq!(told(&net, ANNA), [first, second]);
    // Ben's holds for months.
    assert!(told(&net, BEN).is_empty());
}

/// SPEC V-356: another commit of the device brings it along, and the time that was drawn lapses.
#[test]
fn any_commit_brings_it_along() {
    let mut net = Net::new(241);
    net.enrol(BEN_ID);
    enrol_for(&mut net, ANNA_ID, 24);
    let room = net.room(ANNA, &[BEN_ID]);
    renew(&mut net, ANNA, 24 * 10);
    let (name, topic) = (Some("Blue bicycle".to_owned()), None);
    net.command(ANNA, |request| Command::Describe { request, room, name, topic, label: None }).unwrap();
    net.settle();
    let seq = net.view(BEN, room).unwrap().seq;
    net.idle(30 * HOUR);
    assert_eq!(net.view(BEN, room).unwrap().seq, seq, "one commit did both");
    assert_eq!(due(&net, BEN, &net.phones[ANNA].device), 0);
}

/// SPEC V-356, V-462: many devices of a room renew at one time, the commits of many get lost, and all
/// have it in before the old ones end.
#[test]
fn many_renew_at_one_time() {
    let mut net = Net::new(242);
    let people: Vec<String> = (0..8).map(|n| format!("p{n}@police.west.example")).collect();
    net.enrol(BEN_ID);
    let phones: Vec<usize> = people.iter().map(|name| enrol_for(&mut net, name, 4)).collect();
    let names: Vec<&str> = people.iter().map(String::as_str).collect();
    let room = net.room(BEN, &names);
    net.idle(HOUR);
    for phone in &phones {
        renew(&mut net, *phone, 200);
    }
    let seq = net.view(BEN, room).unwrap().seq;
    // Every other commit is refused, because another is before it.
    net.idle(Duration::from_secs(15));
    let begun = net.view(BEN, room).unwrap().seq - seq;
    assert!(begun < 4, "spread over an hour and a half: {begun}");
    net.idle(3 * HOUR);
    assert_eq!(net.view(BEN, room).unwrap().seq - seq, 8);
    for phone in &phones {
        assert_eq!(due(&net, BEN, &net.phones[*phone].device), 0);
    }
}

/// SPEC V-357: nobody was online when it ended. Back with another certificate, the device takes the place
/// of its own leaf.
#[test]
fn a_device_comes_back_after_its_certificate_has_ended() {
    let mut net = Net::new(243);
    net.enrol(BEN_ID);
    enrol_for(&mut net, ANNA_ID, 4);
    let room = net.room(BEN, &[ANNA_ID]);
    let anna = net.phones[ANNA].device.clone();
    net.phones[BEN].online = false;
    net.phones[ANNA].online = false;
    net.idle(5 * HOUR);
    net.phones[ANNA].online = true;
    renew(&mut net, ANNA, 200);
    net.idle(2 * Duration::from_secs(60));
    let back = |event: &Event| matches!(event, Event::Rejoined { room: of, .. } if *of == room);
    assert_eq!(net.count(ANNA, back), 1, "{:?}", net.phones[ANNA].events);
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.wait();
    assert_eq!(removed(&net, BEN, room, &anna), Some(Authority::Own), "in the place of its own leaf");
    net.say(ANNA, room, "back");
    net.say(BEN, room, "good");
    net.wait();
    assert_eq!((net.texts(BEN), net.texts(ANNA)), (vec!["back".to_owned()], vec!["good".to_owned()]));
}

/// SPEC V-358: it was removed meanwhile. With another device of its user there it comes in by itself.
#[test]
fn a_device_that_was_removed_as_expired_returns_to_its_user() {
    let mut net = Net::new(244);
    net.enrol(BEN_ID);
    enrol_for(&mut net, ANNA_ID, 4);
    let laptop = net.enrol_further(ANNA);
    let room = net.room(BEN, &[ANNA_ID]);
    let anna = net.phones[ANNA].device.clone();
    net.phones[ANNA].online = false;
    net.idle(5 * HOUR);
    net.say(BEN, room, "without the phone");
    net.wait();
    assert_eq!(removed(&net, BEN, room, &anna), Some(Authority::Due(Due::Expired)));
    net.phones[ANNA].online = true;
    renew(&mut net, ANNA, 200);
    net.idle(2 * Duration::from_secs(60));
    assert!(net.view(ANNA, room).is_some(), "{:?}", net.phones[ANNA].events);
    net.say(BEN, room, "all of you");
    net.settle();
    assert_eq!(net.texts(ANNA), ["all of you"]);
    assert_eq!(net.texts(laptop), ["without the phone", "all of you"]);
}

/// SPEC V-358: and where it was its user's only one, it waits to be invited.
#[test]
fn a_user_whose_only_device_expired_is_invited_again() {
    let mut net = Net::new(245);
    net.enrol(BEN_ID);
    enrol_for(&mut net, ANNA_ID, 4);
    let room = net.room(BEN, &[ANNA_ID]);
    net.phones[ANNA].online = false;
    net.idle(5 * HOUR);
    net.say(BEN, room, "alone");
    net.wait();
    net.phones[ANNA].online = true;
    renew(&mut net, ANNA, 200);
    net.idle(HOUR);
    assert!(net.view(ANNA, room).is_none());
    assert_eq!(net.count(ANNA, |event| matches!(event, Event::Left { .. })), 1);
    assert_eq!(net.count(ANNA, |event| matches!(event, Event::NotJoined { .. })), 0);
    let users = vec![user(ANNA_ID)];
    net.command(BEN, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
    net.say(BEN, room, "welcome back");
    net.settle();
    assert_eq!(net.texts(ANNA), ["welcome back"]);
}

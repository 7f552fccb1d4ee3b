//! Servers whose operators say that the store was put back to an earlier state: links begin anew, and what was
//! lost of other hubs' rooms comes again.

use std::time::Duration;

use crate::support::*;
use verbund::{
    client::{Command, Event, Query},
    code::Code,
    ids::{AgencyId, RequestId, RoomId},
    server::{Output, Server},
    store::MemoryStore,
};

const ANNA: usize = 0;
const BEN: usize = 1;
const EMIL: usize = 2;
const CARL: usize = 3;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const EMIL_ID: &str = "emil@police.nord.example";
const CARL_ID: &str = "carl@police.sued.example";
const DORA_ID: &str = "dora@police.sued.example";

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Two of each agency; a room of either hub, with all of them.
fn together(seed: u8) -> (Net, RoomId, RoomId) {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, EMIL_ID, CARL_ID] {
        net.enrol(name);
    }
    let nord = net.room(ANNA, &[BEN_ID, EMIL_ID, CARL_ID]);
    let sued = net.room(BEN, &[ANNA_ID, EMIL_ID, CARL_ID]);
    net.idle(HOUR);
    for room in [nord, sued] {
        net.agree(room, &[ANNA, BEN, EMIL, CARL]);
    }
    (net, nord, sued)
}

fn backup(net: &Net, of: &str) -> MemoryStore {
    net.hosts[&agency(of)].store.clone()
}

/// The operators put a store back, and say so.
fn put_back(net: &mut Net, at: &str, store: MemoryStore) {
    net.restore(at, store);
    net.operate(at, |server, ctx| server.put_back(ctx)).unwrap();
}

/// Sends frames of an earlier life that are on their way, and lets what comes of it pass.
fn heal(net: &mut Net) {
    for _ in 0..4 {
        net.idle(6 * MINUTE);
    }
}

fn told(net: &Net, at: &str, output: &Output) -> usize {
    net.told.iter().filter(|(who, what)| *who == agency(at) && what == output).count()
}

/// Rows that wait on links, of any server.
fn waiting(net: &Net) -> Vec<(AgencyId, Vec<u8>)> {
    let mut waiting = Vec::new();
    for (name, host) in &net.hosts {
        for (key, _) in host.store.rows().filter(|(key, _)| key.starts_with(b"link/")) {
            let name_ends = 7 + usize::from(u16::from_be_bytes([key[5], key[6]]));
            if matches!(key[name_ends], b'f' | b'p') {
                waiting.push((name.clone(), key.to_vec()));
            }
        }
    }
    waiting
}

fn sent(net: &Net, phone: usize) -> usize {
    net.count(phone, |event| matches!(event, Event::Sent { .. }))
}

/// Says something that gets into the log.
fn says(net: &mut Net, phone: usize, room: RoomId) {
    let before = sent(net, phone);
    net.say(phone, room, "again");
    net.idle(MINUTE);
    assert_eq!(sent(net, phone), before + 1, "{phone}");
}

/// Somebody invites Dora, and she comes.
fn invites_dora(net: &mut Net, by: usize, room: RoomId) {
    let invite = |request| Command::Invite { request, room, users: vec![user(DORA_ID)] };
    let (invited, _) = net.command(by, invite).unwrap();
    net.idle(MINUTE);
    assert!(net.is_done(by, invited));
}

fn without(net: &mut Net, by: usize, room: RoomId, whom: &str) -> RequestId {
    let command = |request| Command::Remove { request, room, users: vec![user(whom)] };
    net.command(by, command).unwrap().0
}

/// SPEC V-557 to V-560, V-568
#[test]
fn a_follower_that_was_put_back_is_given_what_it_lost() {
    for (age, first_seen, seed) in [(MINUTE, true, 230), (DAY, true, 231), (MINUTE, false, 232)] {
        let (mut net, room, own) = together(seed);
        let old = backup(&net, SUED);
        net.idle(age);
        // Some of it Ben and Carl have read before the store was put back, or none; so much that it takes
        // more than one answer.
        net.phones[CARL].online = false;
        net.phones[BEN].online = first_seen;
        for text in 0..300 {
            net.say(ANNA, room, &text.to_string());
            net.settle();
        }
        put_back(&mut net, SUED, old);
        net.phones[CARL].online = true;
        net.phones[BEN].online = true;
        heal(&mut net);
        net.agree(room, &[ANNA, BEN, EMIL, CARL]);
        let said: Vec<String> = (0..300).map(|text| text.to_string()).collect();
        assert_eq!((net.texts(BEN), net.texts(CARL)), (said.clone(), said), "{age:?} {first_seen}");
        // The other server's operators know.
        assert_eq!(told(&net, NORD, &Output::PeerPutBack(agency(SUED))), 1);
        // Everybody can say something, in rooms of either hub.
        for (phone, room) in [(BEN, room), (ANNA, room), (CARL, own), (EMIL, own)] {
            says(&mut net, phone, room);
        }
        net.idle(DAY);
        for room in [room, own] {
            net.agree(room, &[ANNA, BEN, EMIL, CARL]);
        }
        assert_eq!(waiting(&net), []);
        assert_eq!(net.count(BEN, |event| matches!(event, Event::RoomSilent { .. })), 0);
    }
}

/// The operators notice only when they are told: until then nothing goes from one to the other, and nothing is
/// lost by that.
#[test]
fn it_can_be_said_later() {
    let (mut net, room, own) = together(233);
    let old = backup(&net, SUED);
    net.idle(MINUTE);
    for _ in 0..3 {
        net.say(ANNA, room, "lost");
        net.say(CARL, own, "lost");
        net.settle();
    }
    net.restore(SUED, old);
    net.say(BEN, room, "waits");
    net.say(EMIL, room, "while it is cut off");
    net.idle(HOUR);
    assert_eq!(sent(&net, BEN), 0);
    assert!(net.put_back.as_ref().unwrap().iter().any(|(_, code)| *code == Code::RolledBack));
    net.operate(SUED, |server, ctx| server.put_back(ctx)).unwrap();
    heal(&mut net);
    net.idle(HOUR);
    assert_eq!(sent(&net, BEN), 1);
    net.agree(room, &[ANNA, BEN, EMIL, CARL]);
}

/// Departures are given again: who was removed meanwhile reads nothing that was said after it.
#[test]
fn who_was_removed_in_the_time_that_was_lost_is_out() {
    let (mut net, room, _) = together(234);
    let old = backup(&net, SUED);
    net.idle(MINUTE);
    net.phones[CARL].online = false;
    for (removed, said) in [(CARL_ID, "without Carl"), (BEN_ID, "without both")] {
        let done = without(&mut net, ANNA, room, removed);
        net.settle();
        assert!(net.is_done(ANNA, done));
        net.say(EMIL, room, said);
        net.settle();
    }
    put_back(&mut net, SUED, old);
    net.phones[CARL].online = true;
    heal(&mut net);
    net.idle(DAY);
    for (phone, texts) in [(BEN, vec!["without Carl"]), (CARL, vec![])] {
        assert_eq!(net.view(phone, room), None, "{phone}");
        assert_eq!(net.texts(phone), texts);
    }
    let readers = Server::readers(&net.hosts[&agency(SUED)].store, &room, None, 9).unwrap();
    assert_eq!(readers, []);
    assert_eq!(waiting(&net), []);
}

/// SPEC V-526, V-559: an agency that has left a room altogether in the time that was lost, and has come back to it.
#[test]
fn a_log_begins_anew_where_others_came_back() {
    let (mut net, room, _) = together(238);
    let dora = net.enrol(DORA_ID);
    let old = backup(&net, SUED);
    net.idle(MINUTE);
    for stay in ["nobody", "nobody again"] {
        for removed in [BEN_ID, CARL_ID, DORA_ID] {
            let done = without(&mut net, ANNA, room, removed);
            net.idle(MINUTE);
            assert!(net.is_done(ANNA, done));
        }
        net.say(EMIL, room, stay);
        net.idle(MINUTE);
        // What tells of her coming is not acknowledged the last time, and goes again before all else.
        if stay == "nobody again" {
            net.rule = Box::new(|leg, _| match leg {
                Leg::Ack(..) => Fault::Lost,
                _ => Fault::None,
            });
        }
        invites_dora(&mut net, ANNA, room);
    }
    let begins = net.view(dora, room).expect("in the room").begins;
    put_back(&mut net, SUED, old);
    net.rule = no_faults();
    heal(&mut net);
    net.idle(HOUR);
    let readers = Server::readers(&net.hosts[&agency(SUED)].store, &room, None, 9).unwrap();
    assert_eq!(readers, [net.phones[dora].device.clone()]);
    net.say(ANNA, room, "here they are again");
    net.idle(MINUTE);
    says(&mut net, dora, room);
    net.agree(room, &[ANNA, EMIL, dora]);
    assert_eq!(net.view(dora, room).unwrap().begins, begins);
    assert_eq!(net.texts(dora), ["here they are again"]);
    assert!(net.view(BEN, room).is_none() && net.view(CARL, room).is_none());
    assert_eq!(waiting(&net), []);
}

/// What waited in frames when the copy was made goes again, and what the other one had taken of it changes
/// nothing: not who is in a room, either.
#[test]
fn what_goes_again_is_no_news() {
    let (mut net, _, own) = together(235);
    // A frame with an invitation and a removal is on its way when the copy is made.
    net.rule = Box::new(|leg, _| match leg {
        Leg::Frame(..) => Fault::Lost,
        _ => Fault::None,
    });
    let done = without(&mut net, BEN, own, ANNA_ID);
    net.settle();
    assert!(net.is_done(BEN, done));
    let invite = |request| Command::Invite { request, room: own, users: vec![user(ANNA_ID)] };
    net.rule = no_faults();
    let old = backup(&net, SUED);
    net.idle(MINUTE);
    let (invited, _) = net.command(BEN, invite).unwrap();
    net.idle(MINUTE);
    assert!(net.is_done(BEN, invited));
    net.agree(own, &[ANNA, BEN, EMIL, CARL]);
    // Its own log is shorter now than the one that others have: that is told, and does not heal.
    put_back(&mut net, SUED, old);
    heal(&mut net);
    net.say(EMIL, own, "where others are further");
    net.idle(HOUR);
    assert_eq!(waiting(&net), []);
    let stands = |phone: usize| {
        net.count(phone, |event| matches!(event, Event::RoomStalled { room, .. } if *room == own))
    };
    assert!(stands(BEN) > 0 && stands(CARL) > 0);
    let differs = |(who, what): &(AgencyId, Output)| {
        *who == agency(NORD) && matches!(what, Output::LogDiffers { room, .. } if *room == own)
    };
    assert!(net.told.iter().any(differs), "{:?}", net.told);
    let readers = Server::readers(&net.hosts[&agency(NORD)].store, &own, None, 9).unwrap();
    assert_eq!(readers.len(), 2);
}

/// Twice, and both ends at once.
#[test]
fn both_ends_may_be_put_back() {
    let (mut net, room, own) = together(236);
    let old = (backup(&net, NORD), backup(&net, SUED));
    net.idle(MINUTE);
    // Nothing is said in rooms: what was lost is of links alone.
    let look = |request| Command::LookUp {
        request,
        query: Query::Users { agency: agency(SUED), text: "ben".into(), after: None },
    };
    for _ in 0..3 {
        net.command(ANNA, look).unwrap();
        net.settle();
    }
    put_back(&mut net, SUED, old.1.clone());
    put_back(&mut net, NORD, old.0);
    net.idle(MINUTE);
    put_back(&mut net, SUED, old.1);
    heal(&mut net);
    for (phone, room) in [(BEN, room), (ANNA, room), (CARL, own), (EMIL, own)] {
        says(&mut net, phone, room);
    }
    for room in [room, own] {
        net.agree(room, &[ANNA, BEN, EMIL, CARL]);
    }
    assert_eq!(waiting(&net), []);
}

/// SPEC V-569: a device that enrolled in the time that was lost, and one that came into a room then.
#[test]
fn who_came_in_the_time_that_was_lost_is_known_again() {
    let (mut net, room, own) = together(237);
    let old = backup(&net, SUED);
    net.idle(MINUTE);
    let dora = net.enrol(DORA_ID);
    let tablet = net.enrol_further(BEN);
    net.idle(MINUTE);
    invites_dora(&mut net, ANNA, room);
    let everybody = [ANNA, BEN, EMIL, CARL, dora];
    net.agree(room, &everybody);
    put_back(&mut net, SUED, old.clone());
    heal(&mut net);
    net.idle(HOUR);
    for phone in [dora, tablet] {
        net.resume(phone);
        net.settle();
        let told = |event: &Event| *event == Event::NotServed { code: Code::UnknownDevice };
        assert_eq!(net.count(phone, told), 1, "{phone}");
        assert_eq!(net.count(phone, |event| *event == Event::Enrolled), 2, "{phone}");
    }
    // In which rooms Dora is, her server has forgotten; she is told, and asks for it.
    assert!(net.count(dora, |event| matches!(event, Event::RoomStalled { .. })) > 0);
    let (request, _) = net.command(dora, |request| Command::Rejoin { request, room }).unwrap();
    net.idle(MINUTE);
    assert!(net.is_done(dora, request));
    net.agree(room, &everybody);
    says(&mut net, dora, room);
    // It can be invited as before, also where its key packages had been used up.
    let invite = |request| Command::Invite { request, room: own, users: vec![user(DORA_ID)] };
    let (invited, _) = net.command(BEN, invite).unwrap();
    net.idle(HOUR);
    assert!(net.is_done(BEN, invited));
    assert_eq!(waiting(&net), []);

    // As often as it happens.
    put_back(&mut net, SUED, old);
    net.resume(dora);
    net.idle(HOUR);
    assert_eq!(net.count(dora, |event| *event == Event::Enrolled), 3);
}

/// SPEC V-464: the server does not know any more that the sender is in the room, and the message is in the log.
#[test]
fn what_was_passed_on_in_the_time_that_was_lost_has_not_failed() {
    let (mut net, room, _) = together(239);
    let dora = net.enrol(DORA_ID);
    let old = backup(&net, SUED);
    net.idle(MINUTE);
    invites_dora(&mut net, ANNA, room);
    // What comes of it she does not hear.
    net.rule = Box::new(move |leg, _| if *leg == Leg::Down(dora) { Fault::Lost } else { Fault::None });
    let request = net.say(dora, room, "here I am");
    net.settle();
    assert_eq!(net.texts(ANNA), ["here I am"]);
    put_back(&mut net, SUED, old);
    net.rule = no_faults();
    heal(&mut net);
    net.idle(DAY);
    assert_eq!(net.failure(dora, request), None);
    let told = |event: &Event| matches!(event, Event::RoomStalled { code: Code::BrokenLog, .. });
    assert_eq!((net.count(dora, told), sent(&net, dora)), (1, 0));
    let (rejoined, _) = net.command(dora, |request| Command::Rejoin { request, room }).unwrap();
    net.idle(HOUR);
    assert!(net.is_done(dora, rejoined));
    assert_eq!((net.failure(dora, request), sent(&net, dora)), (None, 1));
    assert_eq!(net.texts(ANNA), ["here I am"]);
    net.agree(room, &[ANNA, BEN, EMIL, CARL, dora]);
    assert_eq!(waiting(&net), []);
}

/// SPEC V-464: nor is it believed at once where it is so.
#[test]
fn what_was_not_passed_on_in_the_time_that_was_lost_has_failed() {
    let (mut net, room, _) = together(229);
    let dora = net.enrol(DORA_ID);
    let old = backup(&net, SUED);
    net.idle(MINUTE);
    // What tells of her coming goes again, because it was not acknowledged.
    net.rule = Box::new(|leg, _| if matches!(leg, Leg::Ack(..)) { Fault::Lost } else { Fault::None });
    invites_dora(&mut net, ANNA, room);
    assert!(net.view(dora, room).is_some());
    put_back(&mut net, SUED, old);
    // But not before she says something.
    net.rule = Box::new(|leg, _| if matches!(leg, Leg::Frame(..)) { Fault::Lost } else { Fault::None });
    let request = net.say(dora, room, "is anybody there?");
    net.settle();
    net.rule = no_faults();
    for _ in 0..8 {
        net.idle(MINUTE);
        assert_eq!(net.failure(dora, request), None);
    }
    net.idle(HOUR);
    assert_eq!((net.failure(dora, request), sent(&net, dora)), (Some(Code::NotMember), 0));
    assert_eq!(net.texts(ANNA), Vec::<String>::new());
    says(&mut net, dora, room);
    net.agree(room, &[ANNA, BEN, EMIL, CARL, dora]);
}

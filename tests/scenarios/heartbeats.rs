//! Hubs say where active rooms stand, and who says nothing any more is found out.

use std::time::Duration;

use crate::{
    support::{
        forge::{Fields, edit, signed},
        *,
    },
    trust_list::set_status,
};
use verbund::{
    client::Event,
    code::Code,
    identity::AgencyStatus,
    ids::RoomId,
    server::{Difference, Output},
    store::MemoryStore,
};

const ANNA: usize = 0;
const BEN: usize = 1;
const EMIL: usize = 2;

const BEN_ID: &str = "ben@police.sued.example";

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Anna and Emil at the hub's agency, Ben at another.
fn together(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in ["anna@police.nord.example", BEN_ID, "emil@police.nord.example"] {
        net.enrol(name);
    }
    let room = net.room(ANNA, &[BEN_ID, "emil@police.nord.example"]);
    net.agree(room, &[ANNA, BEN, EMIL]);
    (net, room)
}

fn silent(net: &Net, phone: usize) -> usize {
    net.count(phone, |event| matches!(event, Event::RoomSilent { .. }))
}

fn heard(net: &Net, phone: usize) -> usize {
    net.count(phone, |event| matches!(event, Event::RoomHeard { .. }))
}

fn stalled(net: &Net, phone: usize) -> usize {
    net.count(phone, |event| matches!(event, Event::RoomStalled { code: Code::BrokenLog, .. }))
}

/// Nobody is told of anything.
fn all_is_well(net: &Net) {
    for phone in 0..net.phones.len() {
        assert_eq!((silent(net, phone), heard(net, phone), stalled(net, phone)), (0, 0, 0), "{phone}");
    }
    assert_eq!(net.told, []);
}

/// Loses what one server sends another.
fn mute(from: &'static str, to: &'static str) -> Rule {
    Box::new(move |leg, _| match leg {
        Leg::Frame(a, b) if (a.as_str(), b.as_str()) == (from, to) => Fault::Lost,
        _ => Fault::None,
    })
}

fn frames(net: &Net, since: usize, from: &str) -> usize {
    let from = agency(from);
    net.wire[since..].iter().filter(|(leg, _)| matches!(leg, Leg::Frame(by, _) if *by == from)).count()
}

fn asked(net: &Net, since: usize, phone: usize) -> usize {
    net.wire[since..].iter().filter(|(leg, _)| *leg == Leg::Up(phone)).count()
}

/// Rows of everybody's.
fn rows(net: &Net) -> usize {
    let phones = net.phones.iter().map(|phone| phone.store.len());
    phones.chain(net.hosts.values().map(|host| host.store.len())).sum()
}

fn store<'n>(net: &'n mut Net, whose: &str) -> &'n mut MemoryStore {
    &mut net.hosts.get_mut(&agency(whose)).unwrap().store
}

/// One store's rooms, and the other's rows of everything else.
fn with_rooms(rooms: &MemoryStore, others: &MemoryStore) -> MemoryStore {
    let of = |store: &MemoryStore, which: bool| {
        let rows = store.rows().filter(|(key, _)| key.starts_with(b"room/") == which);
        rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect::<Vec<_>>()
    };
    of(rooms, true).into_iter().chain(of(others, false)).collect()
}

/// SPEC V-530, V-540, V-550, V-556
#[test]
fn an_active_room_is_heard_of_for_an_hour_and_an_idle_one_costs_nothing() {
    for (forgetful, seed) in [(false, 200), (true, 201)] {
        let (mut net, room) = together(seed);
        net.forgetful = forgetful;
        net.idle(2 * DAY);
        net.say(ANNA, room, "somebody there?");
        net.settle();
        let begin = net.wire.len();
        net.idle(HOUR);
        let beats = frames(&net, begin, NORD);
        assert!((5..=6).contains(&beats), "{beats}");
        assert_eq!(frames(&net, begin, SUED), 0);
        for phone in [ANNA, BEN, EMIL] {
            // Once behind the message, then every ten to fifteen minutes.
            let asked = asked(&net, begin, phone);
            assert!((4..=8).contains(&asked), "{phone}: {asked}");
        }
        net.idle(HOUR);
        let (begin, before) = (net.wire.len(), rows(&net));
        net.idle(DAY);
        assert_eq!((net.wire.len(), rows(&net)), (begin, before));
        all_is_well(&net);
        net.say(BEN, room, "yes");
        net.settle();
        let said = rows(&net);
        net.idle(2 * HOUR);
        assert!(rows(&net) <= said, "what was kept to listen is gone");
        all_is_well(&net);
    }
}

/// SPEC V-540, V-556
#[test]
fn who_follows_a_hub_that_has_fallen_silent_is_told_and_told_when_it_goes_on() {
    for (forgetful, seed) in [(false, 202), (true, 203)] {
        let (mut net, room) = together(seed);
        net.forgetful = forgetful;
        net.say(ANNA, room, "one");
        net.settle();
        net.idle(9 * MINUTE);
        net.rule = mute(NORD, SUED);
        net.idle(20 * MINUTE);
        assert_eq!(silent(&net, BEN), 0);
        net.say(EMIL, room, "two");
        net.idle(HOUR);
        assert_eq!((silent(&net, BEN), heard(&net, BEN)), (1, 0));
        let told = |event: &Event| matches!(event, Event::RoomSilent { room: of, hub, since } if *of == room && *hub == agency(NORD) && *since < net.now.minus(HOUR));
        assert_eq!(net.count(BEN, told), 1);
        let here = (agency(SUED), Output::HubSilent { hub: agency(NORD), room });
        assert!(!net.told.is_empty() && net.told.iter().all(|told| *told == here), "{:?}", net.told);
        // And it stays at that.
        net.crash_server(SUED);
        net.restart(BEN);
        net.idle(DAY);
        assert_eq!((silent(&net, BEN), heard(&net, BEN)), (1, 0));
        net.rule = no_faults();
        net.idle(HOUR);
        assert_eq!(net.texts(BEN), ["one", "two"]);
        assert_eq!((silent(&net, BEN), heard(&net, BEN)), (1, 1));
        for phone in [ANNA, EMIL] {
            assert_eq!((silent(&net, phone), heard(&net, phone)), (0, 0));
        }
    }
}

/// SPEC V-556: and goes on without a word of anybody.
#[test]
fn a_follower_that_passes_on_nothing_is_found_out_by_its_devices() {
    let (mut net, room) = together(204);
    net.say(ANNA, room, "one");
    net.settle();
    let mut frozen = net.hosts[&agency(SUED)].store.clone();
    let mut when = Vec::new();
    for minute in (0..55).step_by(5) {
        // What it gives Ben is what it had at first.
        net.phones[BEN].online = false;
        net.pass(5 * MINUTE);
        if minute == 20 {
            net.say(EMIL, room, "two");
            net.settle();
        }
        net.phones[BEN].online = true;
        std::mem::swap(store(&mut net, SUED), &mut frozen);
        net.crash_server(SUED);
        net.resume(BEN);
        net.settle();
        std::mem::swap(store(&mut net, SUED), &mut frozen);
        net.crash_server(SUED);
        when.extend((silent(&net, BEN) > when.len()).then_some(minute + 5));
    }
    assert_eq!(when, [30], "ten minutes after the last word, and two beats more");
    assert_eq!(net.told, []);
    assert_eq!(heard(&net, BEN), 0);
    net.resume(BEN);
    net.settle();
    assert_eq!((silent(&net, BEN), heard(&net, BEN)), (1, 1));
    assert_eq!(net.texts(BEN), ["one", "two"]);
}

/// SPEC V-556: with a heartbeat alone.
#[test]
fn a_room_goes_on_with_a_heartbeat() {
    let (mut net, room) = together(205);
    net.say(ANNA, room, "one");
    net.settle();
    net.rule = mute(NORD, SUED);
    while silent(&net, BEN) == 0 {
        net.idle(MINUTE);
        assert!(net.now < BEGIN.plus(HOUR));
    }
    net.rule = no_faults();
    net.idle(25 * MINUTE);
    assert_eq!((silent(&net, BEN), heard(&net, BEN)), (1, 1));
    assert_eq!(net.texts(BEN), ["one"]);
}

/// SPEC V-556: what the device has submitted has no fate.
#[test]
fn who_speaks_in_an_idle_room_whose_hub_is_down_is_told() {
    let (mut net, room) = together(206);
    net.idle(DAY);
    net.rule = mute(SUED, NORD);
    net.say(BEN, room, "hello?");
    net.idle(HOUR);
    assert_eq!(silent(&net, BEN), 1);
    net.rule = no_faults();
    net.idle(HOUR);
    assert_eq!((silent(&net, BEN), heard(&net, BEN)), (1, 1));
    assert_eq!(net.texts(ANNA), ["hello?"]);
}

/// SPEC V-556
#[test]
fn nobody_is_told_of_what_is_no_silence() {
    // A server that cannot be reached, and a phone that is off, for an hour, a day and three weeks.
    for (away, seed) in [(HOUR / 2, 207), (HOUR, 208), (DAY, 209), (21 * DAY, 210)] {
        let (mut net, room) = together(seed);
        net.say(ANNA, room, "one");
        net.settle();
        net.idle(15 * MINUTE);
        net.rule = Box::new(|leg, _| if *leg == Leg::Up(BEN) { Fault::Lost } else { Fault::None });
        net.phones[EMIL].online = false;
        net.idle(away);
        net.say(ANNA, room, "two");
        net.settle();
        net.phones[EMIL].online = true;
        net.rule = no_faults();
        net.resume(BEN);
        net.resume(EMIL);
        net.say(BEN, room, "three");
        net.idle(2 * HOUR);
        all_is_well(&net);
        assert_eq!(net.texts(EMIL), ["one", "two", "three"]);
    }
    // Clocks that are wrong, and one that is set while people speak.
    for (skew, seed) in [(-25, 211), (-9, 212), (9, 213), (25, 214)] {
        let (mut net, room) = together(seed);
        net.phones[BEN].skew = skew * 60_000;
        net.phones[EMIL].skew = -skew * 60_000;
        net.say(ANNA, room, "one");
        net.idle(2 * HOUR);
        net.say(BEN, room, "two");
        net.idle(17 * MINUTE);
        net.phones[ANNA].skew = 2 * skew * 60_000;
        net.resume(ANNA);
        net.settle();
        net.resume(ANNA);
        net.idle(2 * HOUR);
        all_is_well(&net);
    }
}

/// SPEC V-530: one frame carries all that is due at one time.
#[test]
fn many_rooms_are_in_few_frames() {
    let (mut net, _) = together(215);
    let rooms: Vec<_> = (0..30).map(|_| net.room(ANNA, &[BEN_ID])).collect();
    net.idle(DAY);
    for room in &rooms {
        net.say(ANNA, *room, "one");
    }
    net.settle();
    let begin = net.wire.len();
    net.idle(2 * HOUR);
    let beats = frames(&net, begin, NORD);
    assert!((5..=6).contains(&beats), "{beats}");
    all_is_well(&net);
}

/// SPEC V-530
#[test]
fn nothing_piles_up_for_who_does_not_answer_or_take_part() {
    let (mut net, room) = together(216);
    net.say(ANNA, room, "one");
    net.settle();
    net.rule = mute(NORD, SUED);
    net.idle(15 * MINUTE);
    let link = |net: &Net| {
        let rows = net.hosts[&agency(NORD)].store.rows();
        rows.filter(|(key, _)| key.starts_with(b"link/")).count()
    };
    let one_frame = link(&net);
    net.idle(45 * MINUTE);
    assert_eq!(link(&net), one_frame);
    net.say(ANNA, room, "two");
    net.idle(2 * HOUR);
    assert_eq!(link(&net), one_frame + 1);

    let (mut net, room) = together(217);
    net.say(ANNA, room, "one");
    net.settle();
    // And nobody is there to take its people out.
    (net.phones[ANNA].online, net.phones[EMIL].online) = (false, false);
    let list = set_status(&mut net, SUED, AgencyStatus::Suspended);
    net.trust_list(NORD, &list);
    net.trust_list(SUED, &list);
    net.settle();
    let (before, begin) = (link(&net), net.wire.len());
    net.idle(2 * HOUR);
    assert_eq!((link(&net), frames(&net, begin, NORD)), (before, 0));
    all_is_well(&net);
}

/// SPEC V-528: entries that a hub says it has and has not given; that it had given; and others.
#[test]
fn what_a_hub_says_of_another_log_than_the_one_that_is_here_is_told() {
    let differences = |net: &Net| {
        let of = |told: &(verbund::ids::AgencyId, Output)| match &told.1 {
            Output::LogDiffers { room, hub, difference, heads, .. } => {
                Some((*room, hub.clone(), *difference, heads.len()))
            }
            _ => None,
        };
        let mut all: Vec<_> = net.told.iter().filter_map(of).collect();
        all.dedup();
        all
    };
    for (case, seed) in [(0, 218), (1, 219), (2, 220)] {
        let (mut net, room) = together(seed);
        let (hub, follower) = (store(&mut net, NORD).clone(), store(&mut net, SUED).clone());
        net.phones[EMIL].online = false;
        net.say(ANNA, room, "one");
        net.settle();
        net.idle(MINUTE);
        match case {
            0 => {
                let mixed = with_rooms(&follower, store(&mut net, SUED));
                net.restore(SUED, mixed);
            }
            1 => {
                let mixed = with_rooms(&hub, store(&mut net, NORD));
                net.restore(NORD, mixed);
            }
            _ => {
                let now = net.restore(NORD, hub);
                net.rule = mute(NORD, SUED);
                (net.phones[ANNA].online, net.phones[EMIL].online) = (false, true);
                net.say(EMIL, room, "another one");
                net.settle();
                net.rule = no_faults();
                let mixed = with_rooms(store(&mut net, NORD), &now);
                net.restore(NORD, mixed);
                // Its next beat comes with the next that it takes, as the rows of time are the old ones.
            }
        }
        net.idle(15 * MINUTE);
        let expected = match case {
            0 => (Difference::Longer, 1),
            1 => (Difference::Shorter, 2),
            _ => (Difference::Other, 2),
        };
        assert_eq!(differences(&net), [(room, agency(NORD), expected.0, expected.1)], "{case}");
    }
}

/// SPEC V-575, V-576: nobody says anything after a store was put back to what it was before the last
/// message. Whoever is ahead is told, and so are operators.
#[test]
fn stores_that_were_put_back_are_noticed_though_nobody_speaks() {
    for (whose, age, seed) in [(SUED, MINUTE, 221), (SUED, DAY, 222), (NORD, MINUTE, 223), (NORD, DAY, 224)] {
        let (mut net, room) = together(seed);
        let backup = store(&mut net, whose).clone();
        net.idle(age);
        for text in ["one", "two", "three"] {
            net.say(ANNA, room, text);
            net.settle();
        }
        net.idle(MINUTE);
        all_is_well(&net);
        net.restore(whose, backup);
        let begin = net.now;
        let people = if whose == SUED { vec![BEN] } else { vec![ANNA, EMIL] };
        while people.iter().any(|phone| stalled(&net, *phone) == 0) {
            net.idle(MINUTE);
            assert!(net.now <= begin.plus(16 * MINUTE), "{whose}");
        }
        net.idle(begin.plus(HOUR).since(net.now));
        let faults = net.put_back.take().unwrap();
        if whose == SUED {
            // The hub's operators: what it says is acknowledged less than before.
            assert!(faults.contains(&(agency(NORD), Code::RolledBack)), "{faults:?}");
            assert_eq!((stalled(&net, ANNA), silent(&net, ANNA)), (0, 0));
        } else {
            // Ben hears nothing any more, nor do his server's operators; and the hub's own are told why, if it
            // says anything.
            assert_eq!(silent(&net, BEN), 1, "{age:?}");
            let silence = (agency(SUED), Output::HubSilent { hub: agency(NORD), room });
            assert!(net.told.contains(&silence), "{:?}", net.told);
            let hub = agency(NORD);
            assert_eq!(faults.contains(&(hub, Code::LinkFork)), age == MINUTE, "{faults:?}");
        }
    }
}

/// SPEC V-555: what the own server gives as a head is the hub's word, at the device's place, and not of another log.
#[test]
fn a_head_that_is_not_the_hubs_or_of_another_place_counts_for_nothing() {
    // How the head in each reply is changed, and by whose key.
    type Change = fn(&mut Fields, u64);
    let later: Change = |head, _| head.put_number(5, BEGIN.plus(2 * DAY).as_millis());
    let elsewhere: Change = |head, seq| head.put_number(3, seq + 1);
    let same: Change = |_, _| {};
    let other: Change = |head, _| head.put(4, &[9; 32]);
    let cases = [
        // From ahead (V-499), of another place, of somebody else: nothing is heard.
        (later, NORD, (1, 0)),
        (elsewhere, NORD, (1, 0)),
        (same, SUED, (1, 0)),
        (other, SUED, (1, 0)),
        // The hub's own word for another log.
        (other, NORD, (0, 1)),
        (same, NORD, (0, 0)),
    ];
    for (number, (change, by, expected)) in (0..).zip(cases) {
        let (mut net, room) = together(225 + number);
        net.say(ANNA, room, "one");
        net.settle();
        let seq = net.history(BEN).last().unwrap().0;
        let key = net.hosts[&agency(by)].authority.keys().server;
        net.tamper = Box::new(move |leg, bytes| {
            if *leg != Leg::Down(BEN) {
                return;
            }
            *bytes = edit(bytes, &[2, 5, 1], &mut |delivery| {
                let head = delivery.all(3).remove(0);
                delivery.put(3, &signed(&head, "log head", &key, &mut |head| change(head, seq)));
            });
        });
        net.idle(58 * MINUTE);
        let differs =
            |event: &Event| *event == Event::RoomStalled { room, seq: seq + 1, code: Code::BadHead };
        assert_eq!((silent(&net, BEN), net.count(BEN, differs)), expected, "{number}");
        // It goes on all the same when it is given what there is.
        net.tamper = no_tampering();
        net.say(ANNA, room, "two");
        net.settle();
        assert_eq!(net.texts(BEN), ["one", "two"], "{number}");
        assert_eq!(heard(&net, BEN), expected.0, "{number}");
    }
}

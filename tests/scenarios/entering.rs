//! Devices that come into rooms by themselves, from outside.

use std::time::Duration;

use crate::support::{
    forge::{dig, edit, signed},
    *,
};
use verbund::{
    Role,
    client::{Client, Command, Event},
    code::Code,
    identity::{RecoveryKey, SigningKey, UserKind},
    ids::{RequestId, RoomId},
    store::{Ctx, MemoryStore, Row},
};

const ANNA: usize = 0;
const BEN: usize = 1;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLARA_ID: &str = "clara@police.west.example";

fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID] {
        net.enrol(name);
    }
    net
}

fn join(net: &mut Net, phone: usize, room: RoomId) -> RequestId {
    net.command(phone, |request| Command::Join { request, room, hub: agency(NORD) }).unwrap().0
}

fn rejoin(net: &mut Net, phone: usize, room: RoomId) -> RequestId {
    net.command(phone, |request| Command::Rejoin { request, room }).unwrap().0
}

/// Where the device came in, by itself.
fn came_in(net: &Net, phone: usize, room: RoomId) -> Option<u64> {
    net.phones[phone].events.iter().find_map(|event| match event {
        Event::Joined { room: of, by, seq, .. } if *of == room && *by == net.phones[phone].device => {
            Some(*seq)
        }
        _ => None,
    })
}

/// A phone's store as it was, in some tables.
fn put_back(net: &mut Net, phone: usize, before: &MemoryStore, tables: &[&[u8]]) {
    let within = |key: &[u8]| tables.iter().any(|table| key.starts_with(table));
    let rows = |store: &MemoryStore, of_tables: bool| -> Vec<Row> {
        let rows = store.rows().filter(|(key, _)| within(key) == of_tables);
        rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect()
    };
    let phone = &mut net.phones[phone];
    phone.store = rows(&phone.store, false).into_iter().chain(rows(before, true)).collect();
    phone.engine = Client::new();
}

/// Everybody hears everybody, and all have the same log.
fn converse(net: &mut Net, room: RoomId, phones: &[usize]) {
    for phone in phones {
        net.say(*phone, room, &format!("from {phone}"));
        net.settle();
    }
    for phone in phones {
        for other in phones.iter().filter(|other| *other != phone) {
            let heard = net.texts(*phone).contains(&format!("from {other}"));
            assert!(heard, "{phone} has not heard {other}");
        }
    }
    net.agree(room, phones);
}

/// At the hub's own agency, and at one that follows.
#[test]
fn a_further_device_comes_into_its_users_room() {
    for (first, seed) in [(ANNA, 110), (BEN, 111)] {
        let mut net = officers(seed);
        let room = net.room(ANNA, &[BEN_ID]);
        net.say(ANNA, room, "before");
        net.settle();
        let tablet = net.enrol_further(first);
        assert!(net.view(tablet, room).is_none());
        let request = join(&mut net, tablet, room);
        net.settle();
        assert!(net.is_done(tablet, request));
        let seq = came_in(&net, tablet, room).expect("in the room");
        assert_eq!(net.view(tablet, room).unwrap().name, None);
        // Somebody tells it what the room is about; nobody's app sees a message.
        net.wait();
        assert_eq!(net.view(tablet, room).unwrap().name.as_deref(), Some("Red bicycle"));
        assert_eq!(net.count(tablet, |e| matches!(e, Event::RoomDescribed { .. })), 1);
        let told = net.count(ANNA, |e| matches!(e, Event::Message { .. } | Event::Unreadable { .. }));
        assert_eq!(told, 0);
        // To the others it is a device more of somebody who was there.
        let device = net.phones[tablet].device.clone();
        let added = |event: &Event| {
            matches!(event, Event::MembersChanged { joined, devices_added, by, .. }
                if joined.is_empty() && *devices_added == [device.clone()] && *by == device)
        };
        assert_eq!((net.count(ANNA, added), net.count(BEN, added)), (1, 1));
        // What was said before it came it does not read.
        assert!(net.texts(tablet).is_empty());
        assert_eq!(net.view(tablet, room).unwrap().begins, seq);
        converse(&mut net, room, &[ANNA, BEN, tablet]);
    }
}

/// SPEC V-494: once, however many of them see it come in.
#[test]
fn one_tells_the_newcomer_what_the_room_is_about() {
    let mut net = officers(112);
    let clara = net.enrol(CLARA_ID);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    let tablet = net.enrol_further(BEN);
    join(&mut net, tablet, room);
    net.settle();
    let before = net.view(ANNA, room).unwrap().seq;
    net.idle(Duration::from_secs(60));
    let told = net.view(ANNA, room).unwrap().seq - before;
    assert_eq!(told, 1, "one message in the log");
    assert_eq!(net.view(tablet, room).unwrap().name.as_deref(), Some("Red bicycle"));
    converse(&mut net, room, &[ANNA, BEN, clara, tablet]);
}

/// A room is nobody's who is not in it: to them there is none.
#[test]
fn a_stranger_stays_outside() {
    let mut net = officers(113);
    let clara = net.enrol(CLARA_ID);
    let room = net.room(ANNA, &[BEN_ID]);
    let request = join(&mut net, clara, room);
    net.settle();
    assert_eq!(net.failure(clara, request), Some(Code::UnknownRoom));
    let nowhere = RoomId::from_bytes([9; 16]);
    let request = join(&mut net, clara, nowhere);
    net.settle();
    assert_eq!(net.failure(clara, request), Some(Code::UnknownRoom));
    assert!(net.view(clara, room).is_none());
    // Nor does she come in whom somebody removed.
    let tablet = net.enrol_further(BEN);
    net.command(ANNA, |request| Command::Remove { request, room, users: vec![user(BEN_ID)] }).unwrap();
    net.settle();
    let request = join(&mut net, tablet, room);
    net.settle();
    assert_eq!(net.failure(tablet, request), Some(Code::UnknownRoom));
}

#[test]
fn a_room_in_which_one_is_cannot_be_joined() {
    let mut net = officers(114);
    let room = net.room(ANNA, &[BEN_ID]);
    let joins = net.command(BEN, |request| Command::Join { request, room, hub: agency(NORD) });
    assert_eq!(joins.unwrap_err().code(), Code::AlreadyMember);
    let room = RoomId::from_bytes([9; 16]);
    let rejoins = net.command(BEN, |request| Command::Rejoin { request, room });
    assert_eq!(rejoins.unwrap_err().code(), Code::UnknownRoom);
}

/// Whatever is lost, doubled, or in whatever memory a crash takes, on the way there.
#[test]
fn it_comes_in_past_every_fault() {
    let legs: [fn(&Leg) -> bool; 4] = [
        |leg| *leg == Leg::Up(2),
        |leg| *leg == Leg::Down(2),
        |leg| matches!(leg, Leg::Frame(..)),
        |leg| matches!(leg, Leg::Ack(..)),
    ];
    for (seed, which) in (115..).zip(legs) {
        for skip in 0..6 {
            let mut net = officers(seed);
            let room = net.room(ANNA, &[BEN_ID]);
            let tablet = net.enrol_further(BEN);
            let mut seen = 0;
            net.rule = Box::new(move |leg, _| {
                seen += usize::from(which(leg));
                match which(leg) && seen == skip + 1 {
                    true => Fault::Lost,
                    false => Fault::None,
                }
            });
            net.forgetful = skip % 2 == 0;
            join(&mut net, tablet, room);
            net.settle();
            net.restart(tablet);
            net.wait();
            assert!(came_in(&net, tablet, room).is_some(), "fault {skip} on a leg of {seed}");
            assert_eq!(net.count(ANNA, |e| matches!(e, Event::MembersChanged { .. })), 2, "{skip}, {seed}");
            converse(&mut net, room, &[ANNA, BEN, tablet]);
        }
    }
}

/// SPEC V-578: another device of its user brings it in while it comes by itself, and what goes with the
/// invitation is slower than its own commit. It is there with the keys of the leaf that it has.
#[test]
fn who_is_brought_in_on_the_way_keeps_the_own_commit() {
    let mut both = 0;
    for late in 1..10 {
        let mut net = officers(119);
        let room = net.room(ANNA, &[BEN_ID]);
        let tablet = net.enrol_further(BEN);
        net.phones[tablet].online = false;
        let request = join(&mut net, tablet, room);
        let users = vec![user(BEN_ID)];
        net.command(BEN, |request| Command::Invite { request, room, users }).unwrap();
        net.settle();
        net.phones[tablet].online = true;
        let mut seen = 0;
        net.rule = Box::new(move |leg, _| {
            seen += usize::from(*leg == Leg::Up(tablet));
            if *leg == Leg::Up(tablet) && seen == late { Fault::Late } else { Fault::None }
        });
        net.resume(tablet);
        net.settle();
        net.wait();
        assert!(net.is_done(tablet, request), "{late}");
        let added = |event: &Event| {
            let Event::MembersChanged { devices_added, .. } = event else { return false };
            devices_added.contains(&net.phones[tablet].device)
        };
        both += usize::from(net.count(ANNA, added) == 2);
        assert_eq!(net.count(tablet, |e| matches!(e, Event::Left { .. })), 0, "{late}");
        converse(&mut net, room, &[ANNA, BEN, tablet]);
    }
    assert!(both > 0, "the two never met");
}

/// Of those who come at the same time each comes in, one after the other.
#[test]
fn many_come_in_at_one_time() {
    let mut net = officers(120);
    let room = net.room(ANNA, &[BEN_ID]);
    let mut devices = vec![ANNA, BEN];
    for first in [ANNA, BEN] {
        devices.push(net.enrol_further(first));
    }
    for device in &devices[2..] {
        join(&mut net, *device, room);
    }
    rejoin(&mut net, ANNA, room);
    net.say(ANNA, room, "busy");
    net.settle();
    net.wait();
    for device in &devices[2..] {
        assert!(came_in(&net, *device, room).is_some(), "{device}");
    }
    converse(&mut net, room, &devices);
}

/// SPEC V-496, V-497: the keys of a device's rooms are damaged. Nothing of importance has happened meanwhile, so it
/// comes back by itself, and says what is missing.
#[test]
fn a_room_that_does_not_go_on_is_come_into_anew() {
    let mut net = officers(121);
    let room = net.room(ANNA, &[BEN_ID]);
    let before = net.phones[BEN].store.clone();
    net.phones[BEN].online = false;
    let tablet = net.enrol_further(ANNA);
    join(&mut net, tablet, room);
    net.settle();
    net.phones[BEN].online = true;
    net.restart(BEN);
    net.settle();
    net.wait();
    let other = net.enrol_further(BEN);
    // As if the rows of its keys had not been written since.
    put_back(&mut net, BEN, &before, &[b"m/"]);
    net.say(ANNA, room, "not readable");
    net.settle();
    let last = net.view(BEN, room).unwrap().seq;
    // A commit it cannot apply.
    join(&mut net, other, room);
    net.settle();
    assert!(net.phones[BEN].events.iter().any(|e| matches!(e, Event::RoomStalled { .. })));
    let waiting = net.say(BEN, room, "written before");
    net.wait();
    let rejoined = net.phones[BEN].events.iter().find_map(|event| match event {
        Event::Rejoined { room: of, from_seq, to_seq } if *of == room => Some((*from_seq, *to_seq)),
        _ => None,
    });
    let (from, to) = rejoined.expect("in the room anew");
    assert_eq!(from, last + 1);
    assert!(to > from);
    assert!(
        net.phones[BEN]
            .events
            .iter()
            .any(|e| matches!(e, Event::Sent { request, .. } if *request == waiting))
    );
    assert_eq!(net.texts(ANNA), ["written before"]);
    assert_eq!(net.view(BEN, room).unwrap().name.as_deref(), Some("Red bicycle"));
    converse(&mut net, room, &[ANNA, BEN, tablet, other]);
}

/// SPEC V-496, V-497: somebody came meanwhile, or the rules are others: by itself the device takes no part of it
/// over. Its user says that it shall.
#[test]
fn what_has_changed_meanwhile_the_user_decides() {
    let mut net = officers(122);
    let clara = net.enrol(CLARA_ID);
    let room = net.room(ANNA, &[BEN_ID]);
    let before = net.phones[BEN].store.clone();
    net.command(ANNA, |request| Command::Invite { request, room, users: vec![user(CLARA_ID)] }).unwrap();
    net.settle();
    put_back(&mut net, BEN, &before, &[b"m/", b"r/"]);
    net.restart(BEN);
    net.settle();
    put_back(&mut net, BEN, &before, &[b"m/"]);
    net.say(clara, room, "hello");
    net.command(ANNA, |request| Command::SetRole { request, room, user: user(CLARA_ID), role: Role::Admin })
        .unwrap();
    net.settle();
    let held = net.say(BEN, room, "for Anna alone");
    net.wait();
    assert!(net.has(BEN, &Event::NotJoined { room, code: Code::NotPermitted }));
    assert!(!net.phones[BEN].events.iter().any(|e| matches!(e, Event::Rejoined { .. })));

    let request = rejoin(&mut net, BEN, room);
    net.settle();
    net.wait();
    assert!(net.is_done(BEN, request));
    // What was written before Clara came is not sent to her unasked.
    assert!(net.texts(clara).iter().all(|text| text != "for Anna alone"));
    let asks = |e: &Event| matches!(e, Event::SendNeedsConsent { request, .. } if *request == held);
    assert_eq!(net.count(BEN, asks), 1);
    net.command(BEN, |_| Command::Consent { request: held }).unwrap();
    net.settle();
    assert!(net.texts(clara).contains(&"for Anna alone".to_owned()));
    converse(&mut net, room, &[ANNA, BEN, clara]);
}

/// The app asks for it though nothing is wrong: new keys, and no harm done.
#[test]
fn a_room_is_come_into_anew_because_the_app_says_so() {
    let mut net = officers(123);
    let room = net.room(ANNA, &[BEN_ID]);
    let said = net.say(BEN, room, "on its way");
    let request = rejoin(&mut net, BEN, room);
    net.settle();
    net.wait();
    assert!(net.is_done(BEN, request));
    assert!(net.phones[BEN].events.iter().any(|e| matches!(e, Event::Rejoined { .. })));
    assert!(
        net.phones[BEN].events.iter().any(|e| matches!(e, Event::Sent { request, .. } if *request == said))
    );
    assert_eq!(net.texts(ANNA), ["on its way"]);
    converse(&mut net, room, &[ANNA, BEN]);
    // And once more, by both at one time.
    rejoin(&mut net, ANNA, room);
    rejoin(&mut net, BEN, room);
    net.settle();
    net.wait();
    assert_eq!(net.count(BEN, |e| matches!(e, Event::Rejoined { .. })), 2);
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::Rejoined { .. })), 1);
    converse(&mut net, room, &[ANNA, BEN]);
}

/// The entry itself is there before its place is told: the former part does not end with it.
#[test]
fn the_entry_comes_before_the_word_that_it_is_the_own_one() {
    let mut net = officers(126);
    let room = net.room(ANNA, &[BEN_ID]);
    rejoin(&mut net, BEN, room);
    // One thing at a time, and the phone asks after each.
    for _ in 0..60 {
        for pick in 0..8 {
            net.nudge(pick);
            net.resume(BEN);
        }
    }
    net.settle();
    net.wait();
    assert_eq!(net.count(BEN, |e| matches!(e, Event::Left { .. })), 0);
    assert_eq!(net.count(BEN, |e| matches!(e, Event::Rejoined { .. })), 1);
    converse(&mut net, room, &[ANNA, BEN]);
}

/// SPEC V-495: the key for which the Welcome was made is gone; in the room the device has a leaf all the same.
#[test]
fn a_welcome_that_does_not_open() {
    let mut net = officers(124);
    let none = MemoryStore::default();
    put_back(&mut net, BEN, &none, &[b"k/"]);
    let room = net.room(ANNA, &[BEN_ID]);
    net.settle();
    net.wait();
    assert!(came_in(&net, BEN, room).is_some());
    assert_eq!(net.count(BEN, |e| matches!(e, Event::InvitationFailed { .. })), 0);
    converse(&mut net, room, &[ANNA, BEN]);
}

/// Who wants to leave leaves, whoever comes in from outside meanwhile.
#[test]
fn somebody_who_comes_in_does_not_keep_others_from_leaving() {
    let mut net = officers(125);
    let clara = net.enrol(CLARA_ID);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    let tablet = net.enrol_further(ANNA);
    let (request, _) = net.command(clara, |request| Command::Leave { request, room }).unwrap();
    // Nobody commits it before the tablet is there.
    for phone in [ANNA, BEN] {
        net.phones[phone].online = false;
    }
    net.settle();
    join(&mut net, tablet, room);
    net.settle();
    assert!(came_in(&net, tablet, room).is_some());
    for phone in [ANNA, BEN] {
        net.phones[phone].online = true;
        net.restart(phone);
    }
    net.settle();
    net.wait();
    assert!(net.is_done(clara, request));
    assert!(net.view(clara, room).is_none());
    converse(&mut net, room, &[ANNA, BEN, tablet]);
}

/// SPEC V-450: an archive that cannot read on takes its own place again, by itself, and reads on.
#[test]
fn an_archive_comes_back() {
    let mut net = officers(126);
    let name = "akte@police.nord.example";
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    engine.begin(ctx, user(name)).unwrap().commit(&mut store).unwrap();
    let owners = ["head", "deputy"].iter().zip([91, 92]);
    let key = |n: u8| SigningKey::from_seed(&[n; 32]).verify_key();
    let owners = owners.map(|(owner, n)| RecoveryKey::kept_by(*owner, &key(n))).collect();
    let request = engine.found(&store, UserKind::Archive, owners, net.now).unwrap();
    let desk = &mut net.hosts.get_mut(&agency(NORD)).unwrap().desk;
    let enrolment = desk.countersign(&request, net.now, &mut net.rng).unwrap();
    let archive = net.take_over(engine, store, &enrolment);
    let room = net.room(ANNA, &[BEN_ID, name]);
    net.say(BEN, room, "kept");
    net.settle();
    // Its disk is put back to a day before, and it is told to come in anew.
    let request = rejoin(&mut net, archive, room);
    net.wait();
    assert!(net.is_done(archive, request), "{:?}", net.phones[archive].events);
    net.say(ANNA, room, "kept as well");
    net.settle();
    assert_eq!(net.texts(archive), ["kept", "kept as well"]);
    net.agree(room, &[ANNA, BEN, archive]);
}

/// In a frame: the invitations, and in one of them the recipients.
const PLACES: [u64; 5] = [2, 1, 2, 8, 4];

/// SPEC V-493: a hub puts a device of another agency into a room, which has not asked it for the way, or gives
/// somebody else's place to a device. The agency's server takes no notice.
#[test]
fn a_hub_says_that_a_device_came_in_which_did_not_ask() {
    let mut net = officers(127);
    let room = net.room(ANNA, &[BEN_ID]);
    let tablet = net.enrol_further(BEN);
    let dora = net.enrol("dora@police.sued.example");
    let key = net.hosts[&agency(NORD)].authority.keys().server;
    let other = net.phones[dora].device.clone();
    // First the place is another device's, by the hub's own signature.
    net.tamper = Box::new(move |leg, bytes| {
        if *leg != Leg::Frame(agency(NORD), agency(SUED)) || dig(bytes, &PLACES).is_empty() {
            return;
        }
        *bytes = edit(bytes, &[2], &mut |message| {
            let frame = signed(&message.all(1)[0], "frame", &key, &mut |frame| {
                let item = |item: &Vec<u8>| {
                    edit(item, &[4, 2], &mut |recipient| {
                        recipient.put(1, other.user.to_string().as_bytes());
                        recipient.put(2, other.id.as_bytes());
                    })
                };
                let items: Vec<_> = frame.all(8).iter().map(item).collect();
                frame.set(8, &items);
            });
            message.put(1, &frame);
        });
    });
    net.rule = Box::new(|leg, _| match *leg == Leg::Ack(agency(SUED), agency(NORD)) {
        true => Fault::Lost,
        false => Fault::None,
    });
    join(&mut net, tablet, room);
    net.settle();
    let places = |net: &Net| {
        let frames = net.wire.iter().filter(|(leg, _)| *leg == Leg::Frame(agency(NORD), agency(SUED)));
        frames.filter(|(_, bytes)| !dig(bytes, &PLACES).is_empty()).count()
    };
    assert!(places(&net) > 0, "the hub has said so");
    assert_eq!((net.view(tablet, room), net.view(dora, room)), (None, None));
    assert_eq!(net.phones[dora].events.len(), 1, "{:?}", net.phones[dora].events);

    // Then the device has not asked, as far as its server knows.
    let mut net = officers(128);
    let room = net.room(ANNA, &[BEN_ID]);
    let tablet = net.enrol_further(BEN);
    net.rule = Box::new(|leg, bytes| match *leg == Leg::Frame(agency(NORD), agency(SUED)) {
        true if !dig(bytes, &PLACES).is_empty() => Fault::Lost,
        _ => Fault::None,
    });
    join(&mut net, tablet, room);
    net.settle();
    assert_eq!(net.view(tablet, room), None);
    let host = net.hosts.get_mut(&agency(SUED)).unwrap();
    let asked = [b"e".as_slice(), room.as_bytes()].concat();
    let before = host.store.rows().count();
    let kept = host.store.rows().filter(|(key, _)| !(key.starts_with(b"device/") && key.ends_with(&asked)));
    host.store = kept.map(|(key, row)| (key.to_vec(), row.to_vec())).collect();
    assert_eq!(host.store.rows().count(), before - 1);
    host.engine = verbund::server::Server::new();
    net.phones[tablet].online = false;
    net.rule = no_faults();
    net.wait();
    assert!(places(&net) > 0);
    net.phones[tablet].online = true;
    net.call(tablet, |engine, ctx| engine.tick(ctx)).unwrap();
    net.settle();
    assert_eq!(net.view(tablet, room), None, "its server knows of no place");
}

/// A room at Nord with Anna, a second device of hers, and Ben; the second device is lost, and nobody
/// who is there has heard that yet.
fn with_a_lost_device(seed: u8) -> (Net, RoomId, usize) {
    let mut net = officers(seed);
    let lost = net.enrol_further(ANNA);
    net.revocable(NORD);
    let room = net.room(ANNA, &[BEN_ID]);
    net.agree(room, &[ANNA, BEN, lost]);
    (net, room, lost)
}

fn lose(net: &mut Net, lost: usize) {
    let device = net.phones[lost].device.clone();
    net.revoke(NORD, Some((device.user, Some(device.id))));
}

/// Whoever is due goes with the next commit, and keeps nobody from coming in before that.
///
/// SPEC V-453, V-489
#[test]
fn a_lost_device_in_the_room_keeps_nobody_out() {
    let (mut net, room, lost) = with_a_lost_device(197);
    net.phones[ANNA].online = false;
    lose(&mut net, lost);
    let request = rejoin(&mut net, BEN, room);
    net.settle();
    assert_eq!(net.failure(BEN, request), None);
    assert!(net.is_done(BEN, request));
    assert_eq!(net.count(BEN, |e| matches!(e, Event::Rejoined { .. })), 1);
    // It knows at once who is due, and takes them out.
    net.wait();
    let gone = &net.phones[lost].device;
    let out = |e: &Event| matches!(e, Event::MembersChanged { devices_removed, .. } if devices_removed.contains(gone));
    assert_eq!(net.count(BEN, out), 1);
    net.phones[ANNA].online = true;
    net.resume(ANNA);
    net.wait();
    converse(&mut net, room, &[ANNA, BEN]);
}

/// SPEC V-453
#[test]
fn a_lost_device_in_the_room_keeps_nobody_out_who_is_invited() {
    let (mut net, room, lost) = with_a_lost_device(198);
    let emil = net.enrol("emil@police.nord.example");
    let users = vec![user("emil@police.nord.example")];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    // She has Emil's key package, and her commit is made. Then the list comes to the hub, before it.
    assert!(net.carry(ANNA));
    lose(&mut net, lost);
    net.settle();
    assert_eq!(net.count(emil, |e| matches!(e, Event::InvitationFailed { .. })), 0);
    assert_eq!(net.count(emil, |e| matches!(e, Event::Joined { .. })), 1);
    net.wait();
    converse(&mut net, room, &[ANNA, BEN, emil]);
    assert!(net.view(lost, room).is_none_or(|view| view.seq < net.view(ANNA, room).unwrap().seq));
}

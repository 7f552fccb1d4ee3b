//! Agencies a version apart, while a newer version is being rolled out.

use std::time::Duration;

use crate::support::{
    forge::{dig, edit, signed},
    *,
};
use verbund::{
    client::{Command, Event},
    code::Code,
    content::Content,
    identity::{AgencyDescriptor, SigningKey},
    ids::RoomId,
    server::Server,
    store::Ctx,
};

const ANNA: usize = 0;
const BEN: usize = 1;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";

/// The hub is Ben's server: the newer one, where one is newer.
fn officers(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID] {
        net.enrol(name);
    }
    let room = net.room(BEN, &[ANNA_ID]);
    (net, room)
}

/// An agency's next descriptor, at its own server; the one before it, as it was signed.
fn describe(net: &mut Net, of: &str, change: impl FnOnce(&mut AgencyDescriptor)) -> Vec<u8> {
    let now = net.now;
    let authority = &mut net.hosts.get_mut(&agency(of)).unwrap().authority;
    let before = authority.descriptor.clone();
    let descriptor = authority.describe(now, change).unwrap();
    net.operate(of, |server, ctx| server.descriptor(ctx, &descriptor)).unwrap();
    before
}

fn speaks(net: &mut Net, of: &str, versions: &[u32]) -> Vec<u8> {
    describe(net, of, |next| next.versions = versions.to_vec())
}

fn server_key(net: &Net, of: &str) -> SigningKey {
    net.hosts[&agency(of)].authority.keys().server
}

/// The version that a message begins with.
fn version(bytes: &[u8]) -> u8 {
    assert_eq!(bytes[0], 0x08);
    bytes[1]
}

/// SPEC V-325: what one of two names beside the version that both speak is for others. Both talk on in it, also
/// after the second one was upgraded, and nothing on the way was in another.
#[test]
fn versions_beside_the_one_that_both_speak_change_nothing() {
    let (mut net, room) = officers(160);
    describe(&mut net, SUED, |next| (next.versions, next.suites) = (vec![1, 2], vec![3, 77]));
    net.say(BEN, room, "from the newer one");
    net.settle();
    net.say(ANNA, room, "from the older one");
    net.wait();
    speaks(&mut net, NORD, &[1, 2, 3]);
    net.say(ANNA, room, "upgraded");
    net.wait();
    assert_eq!(net.texts(ANNA), ["from the newer one"]);
    assert_eq!(net.texts(BEN), ["from the older one", "upgraded"]);
    net.agree(room, &[ANNA, BEN]);
    assert!(net.wire.iter().all(|(_, bytes)| version(bytes) == 1));
}

/// SPEC V-325: an agency that was brought to the new version alone, too early, is waited for: for weeks, over
/// restarts of either side. With the version that both speak everything that waited comes.
#[test]
fn who_speaks_the_new_version_alone_is_waited_for_and_nothing_is_lost() {
    let (mut net, room) = officers(161);
    speaks(&mut net, SUED, &[2]);
    for n in 0..3 {
        // With what he says comes the descriptor, and nothing else is taken.
        net.say(BEN, room, &format!("to the older one {n}"));
        net.settle();
        net.say(ANNA, room, &format!("to the newer one {n}"));
        for _ in 0..7 {
            net.pass(Duration::from_secs(86_400));
        }
        for server in [NORD, SUED] {
            net.crash_server(server);
        }
        for phone in [ANNA, BEN] {
            net.restart(phone);
        }
    }
    assert_eq!((net.texts(ANNA).len(), net.texts(BEN).len()), (0, 0));
    speaks(&mut net, SUED, &[1, 2]);
    for _ in 0..4 {
        net.wait();
    }
    let all = |to: &str| (0..3).map(|n| format!("to the {to} one {n}")).collect::<Vec<_>>();
    assert_eq!(net.texts(ANNA), all("older"));
    assert_eq!(net.texts(BEN), all("newer"));
    net.agree(room, &[ANNA, BEN]);
}

/// SPEC V-325: a descriptor from before, which somebody on the way brings back, opens no older version again; one
/// that was altered counts for nothing (V-117). Of a frame the signature covers the version.
#[test]
fn nobody_is_talked_down() {
    let (mut net, room) = officers(162);
    let before = speaks(&mut net, SUED, &[2]);
    net.say(BEN, room, "in the new version");
    net.wait();
    let sent = net.wire.len();

    let alone = |descriptor: &[u8]| {
        let length = u8::try_from(descriptor.len() & 0x7f).unwrap() | 0x80;
        let descriptor = [&[0x2a, length, u8::try_from(descriptor.len() >> 7).unwrap()], descriptor].concat();
        let length = u8::try_from(descriptor.len() & 0x7f).unwrap() | 0x80;
        [&[0x08, 1, 0x12, length, u8::try_from(descriptor.len() >> 7).unwrap()], &descriptor[..]].concat()
    };
    // The older one is good, and has been replaced.
    net.peer(&agency(NORD), &alone(&before));
    // The newest with the version of before in it.
    let newest = net.hosts[&agency(SUED)].authority.descriptor.clone();
    let altered = edit(&newest, &[2], &mut |fields| fields.set(7, &[vec![1]]));
    assert_ne!(altered, newest);
    let host = net.hosts.get_mut(&agency(NORD)).unwrap();
    let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
    let refused = host.engine.peer(ctx, &alone(&altered)).map(|transition| transition.batch().writes().len());
    assert!(matches!(&refused, Ok(0)) || refused.is_err(), "{refused:?}");
    net.say(ANNA, room, "in no older version");
    net.wait();
    assert!(net.texts(BEN).is_empty());
    let to_sued = |(leg, _): &(Leg, Vec<u8>)| matches!(leg, Leg::Frame(_, to) if to.as_str() == SUED);
    assert!(!net.wire[sent..].iter().any(to_sued));

    // Both speak it again; what is on the way in it is not taken for another version, nor another for it.
    speaks(&mut net, SUED, &[1, 2]);
    for _ in 0..3 {
        net.wait();
    }
    assert_eq!(net.texts(BEN), ["in no older version"]);
    assert_eq!(net.texts(ANNA), ["in the new version"]);
    let frame = net.wire.iter().rfind(|sent| to_sued(sent)).unwrap().1.clone();
    let inside = dig(&frame, &[2, 1]).remove(0);
    assert_eq!(version(&inside), 1);
    let later = [&[0x08, 2], &inside[2..]].concat();
    let later = edit(&frame, &[2], &mut |fields| fields.put(1, &later));
    let host = net.hosts.get_mut(&agency(SUED)).unwrap();
    let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
    assert_eq!(host.engine.peer(ctx, &later).unwrap_err().code(), Code::UnknownVersion);
    net.agree(room, &[ANNA, BEN]);
}

/// SPEC V-536: an item of a kind that the older server does not know, and one with a field more, are refused by
/// themselves, over either restart: the frame is acknowledged, the room and the link go on.
#[test]
fn an_item_of_a_later_version_stops_neither_link_nor_room() {
    let (mut net, room) = officers(163);
    let key = server_key(&net, SUED);
    net.rule = Box::new(|leg, _| match leg {
        Leg::Frame(from, _) if from.as_str() == SUED => Fault::Lost,
        _ => Fault::None,
    });
    let unknown = [0xfa, 0x01, 0x02, 0x08, 0x01].to_vec();
    let mut last = Vec::new();
    for (n, said) in ["one", "two"].into_iter().enumerate() {
        net.say(BEN, room, said);
        net.settle();
        let newest =
            net.wire.iter().rfind(|(leg, _)| matches!(leg, Leg::Frame(from, _) if from.as_str() == SUED));
        let frame = newest.unwrap().1.clone();
        let inside = dig(&frame, &[2, 1]).remove(0);
        let inside = signed(&inside, "frame", &key, &mut |frame| {
            let items = frame.all(8);
            let more = [&items[0][..], &unknown].concat();
            frame.set(8, &[vec![unknown.clone(), more], items].concat());
            if n > 0 {
                frame.put(5, &last);
            }
        });
        let frame = edit(&frame, &[2], &mut |fields| fields.put(1, &inside));
        net.hosts.get_mut(&agency(NORD)).unwrap().engine = Server::new();
        let ack = net.peer(&agency(NORD), &frame).expect("an acknowledgement");
        let taken = dig(&ack, &[2, 2, 2, 5]).remove(0);
        assert_ne!(taken, last);
        last = taken;
        net.settle();
    }
    assert_eq!(net.texts(ANNA), ["one", "two"]);
    // The other direction has not noticed anything.
    net.say(ANNA, room, "three");
    net.settle();
    assert_eq!(net.texts(BEN), ["three"]);
}

/// SPEC V-708: content of a kind that the older app does not know passes both servers, keeps its id and its bytes,
/// and nothing after it waits.
#[test]
fn content_of_a_later_version_is_passed_on_and_shown_as_what_it_is() {
    let (mut net, room) = officers(164);
    let content = Content::decode(4_000, b"a poll".to_vec()).unwrap();
    let said = content.clone();
    net.command(BEN, |request| Command::Send { request, room, content: said, lifetime: None }).unwrap();
    net.say(BEN, room, "and something older");
    net.settle();
    let shown = |event: &Event| match event {
        Event::Message { content, id, .. } => Some((content.clone(), *id)),
        _ => None,
    };
    let messages: Vec<_> = net.phones[ANNA].events.iter().filter_map(shown).collect();
    assert_eq!(messages[0].0, content);
    let sent = net.count(BEN, |event| matches!(event, Event::Sent { id, .. } if *id == messages[0].1));
    assert_eq!(sent, 1);
    assert_eq!(net.texts(ANNA), ["and something older"]);
    net.agree(room, &[ANNA, BEN]);
}

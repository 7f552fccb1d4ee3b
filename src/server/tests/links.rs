//! Links: what is lost, doubled, late or forged between two servers.

use core::time::Duration;

use bytes::Bytes;

use super::{device::Dev, world::World};
use crate::{
    code::Code,
    crypto::{self, Label, SigningKey, hash},
    identity::{
        AgencyStatus, Roster,
        fixture::{DAY, agency, now, signed},
    },
    ids::{Hash, IncarnationId, RoomId},
    limits,
    server::{Output, keys::LinkKeys, rows},
    store::Store,
    time::Timestamp,
    wire::{
        self, Signed,
        device::{Claim, ReplyBody},
        link::{LinkAck, LinkFrame, LinkItem, PeerMessage},
        log::{Evidence, Submission},
    },
};

/// Two agencies, a room of two, and a message on its way from the hub.
pub(super) fn pair() -> (World, Dev, Dev, RoomId) {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    (world, anna, bert, room)
}

pub(super) fn say(world: &mut World, anna: &mut Dev, room: &RoomId, text: &str) {
    let said = anna.say(room, text);
    assert_eq!(anna.submit(world.site("a.example"), &said), ReplyBody::Done);
}

pub(super) fn frame_of(bytes: &[u8]) -> Signed<LinkFrame> {
    match wire::decode(&Bytes::copy_from_slice(bytes)).unwrap() {
        PeerMessage::Frame(frame) => *frame,
        other => panic!("{other:?}"),
    }
}

pub(super) fn ack_of(bytes: &[u8]) -> LinkAck {
    match wire::decode(&Bytes::copy_from_slice(bytes)).unwrap() {
        PeerMessage::Ack(ack) => ack.claimed().clone(),
        other => panic!("{other:?}"),
    }
}

/// A frame that somebody else makes of one.
pub(super) fn forged(of: &[u8], key: &SigningKey, change: impl FnOnce(&mut LinkFrame)) -> Vec<u8> {
    let mut frame = frame_of(of).claimed().clone();
    change(&mut frame);
    wire::encode(&PeerMessage::Frame(Box::new(crypto::sign(frame, &[key]).into_signed()))).to_vec()
}

pub(super) fn ack(of: LinkAck, key: &SigningKey) -> Vec<u8> {
    wire::encode(&PeerMessage::Ack(Box::new(crypto::sign(of, &[key]).into_signed()))).to_vec()
}

/// Something that an agency's server sends which it would not send by itself: as its next frame.
pub(super) fn push(world: &mut World, from: &str, to: &str, items: Vec<LinkItem>) {
    let key = server_key(world, from);
    let link = LinkKeys::with(&agency(from)).incoming();
    let row = world.site(to).store.get(&link).unwrap().map(|row| rows::read::<rows::InRow>(row).unwrap());
    let row = row.unwrap_or_default();
    let place = world.federation.agencies.iter().position(|a| a.id == agency(from)).unwrap();
    let incarnation = match row.number {
        0 => IncarnationId::from_bytes([1; 16]),
        _ => IncarnationId::from_slice(&row.incarnation).unwrap(),
    };
    let frame = LinkFrame {
        from: agency(from),
        to: agency(to),
        incarnation,
        number: row.number + 1,
        previous: (row.number > 0).then(|| Hash::from_slice(&row.hash).unwrap()),
        at: now(),
        descriptor: Some(world.federation.agencies[place].descriptor()),
        items,
    };
    let bytes = wire::encode(&PeerMessage::Frame(Box::new(crypto::sign(frame, &[&key]).into_signed())));
    let reply = world.site(to).peer(&bytes).unwrap().unwrap();
    assert_eq!(ack_of(&reply.bytes).number, row.number + 1);
}

pub(super) fn server_key(world: &World, name: &str) -> SigningKey {
    let agency = world.federation.agencies.iter().find(|a| a.id == agency(name)).unwrap();
    SigningKey::from_seed(&agency.server.seed())
}

fn peer_code(world: &mut World, at: &str, message: &[u8]) -> Code {
    let site = world.site(at);
    let before = site.store.clone();
    let code = site.peer(message).unwrap_err().code();
    assert!(site.store == before, "an error has changed something");
    code
}

#[test]
fn frames_are_lost_doubled_and_late() {
    let (mut world, mut anna, mut bert, room) = pair();
    let b = agency("b.example");
    let mut frames = Vec::new();
    for text in ["one", "two", "three"] {
        say(&mut world, &mut anna, &room, text);
        assert!(world.site("a.example").outputs.contains(&Output::LinkReady(b.clone())));
        frames.push(world.site("a.example").pump(&b).unwrap());
    }
    assert_eq!(world.site("a.example").pump(&b), None);
    let first = frame_of(&frames[0]).claimed().number;

    // V-537: the second is late; the third tells how far it has come.
    let acks: Vec<_> =
        [0, 2, 0, 2].map(|i| world.site("b.example").peer(&frames[i]).unwrap().unwrap().bytes).to_vec();
    assert!(acks.iter().all(|ack| ack_of(ack).number == first));
    for ack in &acks {
        assert!(world.site("a.example").peer(ack).unwrap().is_none());
    }
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["one"]);

    // Nothing goes again before its time, then everything from the oldest on.
    assert_eq!(world.site("a.example").pump(&b), None);
    let site = world.site("a.example");
    site.now = site.now.plus(limits::FRAME_RETRY);
    site.restart();
    site.call(|server, ctx| server.tick(ctx, 10)).unwrap();
    assert_eq!(site.outputs, [Output::LinkReady(b.clone())]);
    let again: Vec<_> = core::iter::from_fn(|| site.pump(&b)).collect();
    assert_eq!(again, [frames[1].clone(), frames[2].clone()]);
    let mut last = None;
    for frame in again.iter().chain(&again) {
        last = world.site("b.example").peer(frame).unwrap();
    }
    let ack = last.unwrap().bytes;
    assert_eq!(ack_of(&ack).number, first + 2);
    world.site("a.example").peer(&ack).unwrap();
    // Acknowledgements that come late or twice change nothing.
    let before = world.site("a.example").store.clone();
    for old in acks.iter().chain([&ack]) {
        world.site("a.example").peer(old).unwrap();
    }
    assert!(world.site("a.example").store == before);
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["one", "two", "three"]);
    // All frames are gone from the store.
    let prefix = LinkKeys::with(&b).frame(0);
    let prefix = &prefix[..prefix.len() - 8];
    assert!(world.site("a.example").store.rows().all(|(key, _)| !key.starts_with(prefix)));
}

#[test]
fn waiting_doubles_and_has_an_end() {
    let (mut world, mut anna, _, room) = pair();
    let b = agency("b.example");
    say(&mut world, &mut anna, &room, "hello");
    let site = world.site("a.example");
    let frame = site.pump(&b).unwrap();
    let mut waits = Vec::new();
    for _ in 0..12 {
        let mut wait = Duration::ZERO;
        while site.pump(&b).is_none() {
            site.now = site.now.plus(Duration::from_secs(1));
            wait += Duration::from_secs(1);
        }
        waits.push(wait.as_secs());
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]);
    let ack = world.site("b.example").peer(&frame);
    let ack = ack.unwrap().unwrap().bytes;
    world.site("a.example").peer(&ack).unwrap();
    say(&mut world, &mut anna, &room, "again");
    let site = world.site("a.example");
    assert!(site.pump(&b).is_some() && site.pump(&b).is_none());
    site.now = site.now.plus(limits::FRAME_RETRY);
    assert!(site.pump(&b).is_some());
}

#[test]
fn no_more_frames_are_in_flight_than_may_be() {
    let (mut world, mut anna, mut bert, room) = pair();
    let b = agency("b.example");
    let mut frames = Vec::new();
    for i in 0..limits::FRAMES_IN_FLIGHT + 3 {
        say(&mut world, &mut anna, &room, &i.to_string());
        frames.extend(world.site("a.example").pump(&b));
    }
    assert_eq!(frames.len() as u64, limits::FRAMES_IN_FLIGHT);
    let mut last = Vec::new();
    for frame in &frames {
        last = world.site("b.example").peer(frame).unwrap().unwrap().bytes;
    }
    // One acknowledgement is enough for all of them.
    world.site("a.example").peer(&last).unwrap();
    world.settle();
    world.sync(&mut bert);
    assert_eq!(bert.read.len() as u64, limits::FRAMES_IN_FLIGHT + 3);
}

#[test]
fn frames_that_cannot_be_taken() {
    let (mut world, mut anna, _, room) = pair();
    let (b, c) = (agency("b.example"), agency("c.example"));
    say(&mut world, &mut anna, &room, "hello");
    let frame = world.site("a.example").pump(&b).unwrap();
    let key = server_key(&world, "a.example");
    let code = |world: &mut World, change: &dyn Fn(&mut LinkFrame)| {
        peer_code(world, "b.example", &forged(&frame, &key, change))
    };
    // V-531
    assert_eq!(peer_code(&mut world, "c.example", &frame), Code::NotForUs);
    assert_eq!(code(&mut world, &|f| f.to = c.clone()), Code::NotForUs);
    // V-532
    let foreign = forged(&frame, &server_key(&world, "c.example"), |_| {});
    assert_eq!(peer_code(&mut world, "b.example", &foreign), Code::MissingEvidence);
    assert_eq!(code(&mut world, &|f| f.from = agency("x.example")), Code::UnknownAgency);
    let certificate = SigningKey::from_seed(&world.federation.agencies[0].certificate.seed());
    let purpose = forged(&frame, &certificate, |_| {});
    assert_eq!(peer_code(&mut world, "b.example", &purpose), Code::UnknownKey);
    let unsigned = {
        let mut bytes = frame.clone();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    };
    assert_eq!(peer_code(&mut world, "b.example", &unsigned), Code::BadSignature);
    // V-533
    assert_eq!(code(&mut world, &|f| f.at = now().plus(DAY)), Code::BadStamp);
    // V-535: the number that was taken with something else in it; a chain that does not connect.
    assert_eq!(code(&mut world, &|f| f.previous = Some(Hash::from_bytes([1; 32]))), Code::LinkFork);
    world.site("b.example").peer(&frame).unwrap();
    assert_eq!(code(&mut world, &|f| f.at = now().plus(Duration::from_secs(1))), Code::LinkFork);
    assert!(world.site("b.example").peer(&frame).is_ok());
}

#[test]
fn a_life_of_a_store_begins_at_one_and_later_than_the_last() {
    let (mut world, mut anna, _, room) = pair();
    let b = agency("b.example");
    say(&mut world, &mut anna, &room, "hello");
    let site = world.site("a.example");
    site.now = site.now.plus(Duration::from_secs(1));
    let frame = site.pump(&b).unwrap();
    let key = server_key(&world, "a.example");
    let descriptor = Some(world.federation.agencies[0].descriptor());
    let anew = |number: u64, at: Timestamp| {
        forged(&frame, &key, |f| {
            f.incarnation = IncarnationId::from_bytes([5; 16]);
            f.number = number;
            f.previous = (number > 1).then(|| Hash::from_bytes([0; 32]));
            f.descriptor = descriptor.clone();
            f.at = at;
        })
    };
    world.site("b.example").peer(&frame).unwrap();
    // In the middle of a life of which nothing is known: nothing of it was taken.
    let site = world.site("b.example");
    let before = site.store.clone();
    let reply = ack_of(&site.peer(&anew(2, now().plus(DAY / 1000))).unwrap().unwrap().bytes);
    assert_eq!((reply.number, reply.hash), (0, None));
    assert_eq!(reply.incarnation, IncarnationId::from_bytes([5; 16]));
    assert!(site.store == before);
    // V-534: frames of an earlier life that somebody has kept.
    assert_eq!(peer_code(&mut world, "b.example", &anew(1, now())), Code::RolledBack);
    let later = anew(1, now().plus(Duration::from_secs(2)));
    let reply = ack_of(&world.site("b.example").peer(&later).unwrap().unwrap().bytes);
    assert_eq!(reply.number, 1);
    // And the old life is over: its frames are answered, never taken.
    let reply = ack_of(&world.site("b.example").peer(&frame).unwrap().unwrap().bytes);
    assert_eq!(reply.number, 0);
}

#[test]
fn acknowledgements_that_cannot_be() {
    let (mut world, mut anna, _, room) = pair();
    let b = agency("b.example");
    say(&mut world, &mut anna, &room, "hello");
    let frame = world.site("a.example").pump(&b).unwrap();
    let good = ack_of(&world.site("b.example").peer(&frame).unwrap().unwrap().bytes);
    let (key, other) = (server_key(&world, "b.example"), server_key(&world, "c.example"));
    let mut code = |of: LinkAck, key| peer_code(&mut world, "a.example", &ack(of, key));
    // V-538
    assert_eq!(code(LinkAck { number: good.number + 1, ..good.clone() }, &key), Code::LinkFork);
    let hash = Some(Hash::from_bytes([1; 32]));
    assert_eq!(code(LinkAck { hash, ..good.clone() }, &key), Code::LinkFork);
    let incarnation = IncarnationId::from_bytes([1; 16]);
    assert_eq!(code(LinkAck { incarnation, ..good.clone() }, &key), Code::NotForUs);
    assert_eq!(code(LinkAck { to: agency("c.example"), ..good.clone() }, &key), Code::NotForUs);
    assert_eq!(code(good.clone(), &other), Code::MissingEvidence);
    world.site("a.example").peer(&ack(good, &key)).unwrap();
}

/// SPEC V-575
#[test]
fn a_store_that_has_forgotten_what_it_acknowledged() {
    let (mut world, mut anna, _, room) = pair();
    let b = agency("b.example");
    let backup = world.site("b.example").store.clone();
    say(&mut world, &mut anna, &room, "one");
    let first = world.site("a.example").pump(&b).unwrap();
    let taken = world.site("b.example").peer(&first).unwrap().unwrap().bytes;
    world.site("a.example").peer(&taken).unwrap();

    // Put back to before the frame, it takes no later one, for the frame is kept no more.
    let site = world.site("b.example");
    site.store = backup;
    say(&mut world, &mut anna, &room, "two");
    let second = world.site("a.example").pump(&b).unwrap();
    let reply = world.site("b.example").peer(&second).unwrap().unwrap().bytes;
    let (less, more) = (ack_of(&reply), ack_of(&taken));
    assert_eq!(less.number + 1, more.number);
    // It could be one that was late, with the clocks a little apart; and then it could not.
    let key = server_key(&world, "b.example");
    let skew = limits::CLOCK_SKEW;
    world.site("a.example").now = more.at.plus(skew * 2);
    let late = LinkAck { at: more.at.plus(skew), ..less.clone() };
    world.site("a.example").peer(&ack(late, &key)).unwrap();
    let past = LinkAck { at: more.at.plus(skew + Duration::from_millis(1)), ..less };
    assert_eq!(peer_code(&mut world, "a.example", &ack(past, &key)), Code::RolledBack);
    // The same as before is no less, however late.
    let same = LinkAck { at: more.at.plus(skew * 2), ..more };
    world.site("a.example").peer(&ack(same, &key)).unwrap();
}

#[test]
fn a_suspended_agency_is_not_listened_to() {
    let (mut world, mut anna, mut bert, room) = pair();
    say(&mut world, &mut anna, &room, "hello");
    let frame = world.site("a.example").pump(&agency("b.example")).unwrap();
    let mut roster = world.federation.roster(2);
    let suspended = roster.agencies[0].clone();
    roster.agencies[0] = crate::identity::Agency::new(
        suspended.id().clone(),
        AgencyStatus::Suspended,
        &world.federation.agencies[0].root.verify_key(),
    );
    let list = signed(&roster, &[1, 2]);
    world.site("b.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    assert_eq!(peer_code(&mut world, "b.example", &frame), Code::SuspendedAgency);
    // Its users cannot be asked for either.
    let site = world.site("b.example");
    bert.claim(site, &[&anna.id.user]);
    world.sync(&mut bert);
    let claimed = bert.claimed();
    let code = claimed[0].keys.as_ref().unwrap_err().reason.code();
    assert_eq!(code, Some(Code::SuspendedAgency));
    // V-210: past expiry and grace nobody is.
    let site = world.site("c.example");
    site.now = now().plus(DAY * 400);
    let frame = forged(&frame, &server_key(&world, "a.example"), |f| f.to = agency("c.example"));
    assert_eq!(peer_code(&mut world, "c.example", &frame), Code::TrustExpired);
}

/// SPEC V-532: what it brings would be refused for that list, acknowledged, and not come again.
#[test]
fn a_frame_of_an_agency_that_a_list_ahead_of_the_clock_suspends_waits() {
    let (mut world, mut anna, mut bert, room) = pair();
    say(&mut world, &mut anna, &room, "on the eve");
    let frame = world.site("a.example").pump(&agency("b.example")).unwrap();
    let mut roster = world.federation.roster(2);
    roster.issued_at = now().plus(core::time::Duration::from_secs(300));
    let root = world.federation.agencies[0].root.verify_key();
    let id = roster.agencies[0].id().clone();
    roster.agencies[0] = crate::identity::Agency::new(id, AgencyStatus::Suspended, &root);
    let list = signed(&roster, &[1, 2]);
    world.site("b.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    assert_eq!(peer_code(&mut world, "b.example", &frame), Code::SuspendedAgency);
    let back = Roster { issued_at: roster.issued_at, ..world.federation.roster(3) };
    let list = signed(&back, &[1, 2]);
    let site = world.site("b.example");
    site.call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    site.now = back.issued_at;
    assert!(site.peer(&frame).unwrap().is_some());
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["on the eve"]);
}

/// SPEC V-536: what a device's server passes on without looking at it, together has more fields than a frame.
#[test]
fn frames_end_before_they_have_too_many_fields() {
    let (mut world, _, mut bert, room) = pair();
    for _ in 0..4 {
        let commit = bert.commit(&room, &[], &[]);
        bert.discard(&room);
        let link = Evidence::ChainLink(Bytes::from_static(b"x"));
        let bulky = Submission { evidence: vec![link; limits::EVIDENCE], ..commit };
        assert_eq!(bert.submit(world.site("b.example"), &bulky), ReplyBody::Queued);
    }
    let mut frames = Vec::new();
    while let Some(frame) = world.site("b.example").pump(&agency("a.example")) {
        frames.push(frame_of(&frame));
        assert!(world.site("a.example").peer(&frame).unwrap().is_some());
    }
    assert!(frames.len() > 1, "all in one");
    let items = frames.iter().flat_map(|frame| &frame.claimed().items);
    assert!(items.clone().all(|item| !matches!(item, LinkItem::Unreadable(..))));
    assert_eq!(items.filter(|item| matches!(item, LinkItem::Submission(_))).count(), 4);
}

/// SPEC V-598: a copy that was late on its way, after its author was told that it had failed.
#[test]
fn what_was_not_passed_on_stays_refused() {
    let (mut world, _, mut bert, room) = pair();
    let mut roster = world.federation.roster(2);
    let root = world.federation.agencies[0].root.verify_key();
    let id = roster.agencies[0].id().clone();
    roster.agencies[0] = crate::identity::Agency::new(id, AgencyStatus::Suspended, &root);
    let list = signed(&roster, &[1, 2]);
    world.site("b.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    let (said, commit) = (bert.say(&room, "in vain"), bert.commit(&room, &[], &[]));
    let failed = |body: ReplyBody| match body {
        ReplyBody::Failure(failure) => failure.reason.code(),
        ReplyBody::Queued => None,
        other => panic!("{other:?}"),
    };
    let site = world.site("b.example");
    for submission in [&said, &commit] {
        assert_eq!(failed(bert.submit(site, submission)), Some(Code::SuspendedAgency));
    }
    let list = signed(&world.federation.roster(3), &[1, 2]);
    let site = world.site("b.example");
    site.call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    assert_eq!(failed(bert.submit(site, &said)), Some(Code::SuspendedAgency));
    // Its author has gone on asking for what became of the commit, and says the message anew.
    assert_eq!(failed(bert.submit(site, &commit)), None);
    let anew = bert.say(&room, "anew");
    assert_eq!(failed(bert.submit(site, &anew)), None);
}

/// SPEC V-536
#[test]
fn an_item_that_cannot_be_taken_stops_nothing() {
    let (mut world, mut anna, mut bert, room) = pair();
    let (a, b) = (agency("a.example"), agency("b.example"));
    say(&mut world, &mut anna, &room, "hello");
    let frame = world.site("a.example").pump(&b).unwrap();
    let key = server_key(&world, "a.example");
    let good = frame_of(&frame).claimed().items.clone();
    let [LinkItem::Entries(entries)] = good.as_slice() else { panic!() };
    let claim = Claim { users: vec![bert.id.user.clone()], at: now() };
    let foreign = bert.link_claim(claim.clone());
    let not_ours = anna.link_claim(Claim { users: vec![anna.id.user.clone()], ..claim });
    let mut beyond = entries.as_ref().clone();
    beyond.items.clear();
    let items = vec![
        LinkItem::Claim(foreign),
        LinkItem::Claim(not_ours),
        LinkItem::Entries(Box::new(beyond)),
        // What this version does not know, and what is no item.
        LinkItem::read(Bytes::from_static(&[0xfa, 0x01, 0x02, 0x08, 0x01])),
        LinkItem::read(Bytes::from_static(b"no item")),
        LinkItem::read(Bytes::new()),
        good[0].clone(),
        good[0].clone(),
    ];
    let mixed = forged(&frame, &key, |frame| frame.items = items);
    assert!(world.site("b.example").peer(&mixed).unwrap().is_some());
    let row = &world.site("b.example").store;
    let row = Store::get(row, &LinkKeys::with(&a).incoming()).unwrap().unwrap();
    // A head past the log is told of, and nobody's fault; nor is what comes again.
    assert_eq!(rows::read::<rows::InRow>(row).unwrap().refused, 5);
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["hello"]);
}

#[test]
fn a_frame_hash_is_of_what_is_signed() {
    let (mut world, mut anna, _, room) = pair();
    say(&mut world, &mut anna, &room, "hello");
    let frame = world.site("a.example").pump(&agency("b.example")).unwrap();
    let reply = ack_of(&world.site("b.example").peer(&frame).unwrap().unwrap().bytes);
    assert_eq!(reply.hash, Some(hash(Label::FRAME_HASH, &[frame_of(&frame).body()])));
}

//! What a hub takes and refuses, and that it is the same each time.

use super::{
    device::{Dev, wrap},
    world::World,
};
use crate::{
    code::Code,
    crypto::SigningKey,
    ids::{Device, DeviceId, RoomId, SubmissionId},
    room::{
        Policy, Role, RoomKind,
        submission::{self, Parts, Place},
    },
    server::keys::RoomKeys,
    store::Store,
    wire::{
        Signed,
        device::{InboxBody, ReplyBody, RequestBody},
        log::{Refusal, Submission, SubmissionKind},
    },
};

/// Anna of the hub's agency with two devices, Bert and Cleo of others.
pub(super) struct Four {
    pub(super) world: World,
    pub(super) anna: Dev,
    pub(super) tablet: Dev,
    pub(super) bert: Dev,
    pub(super) cleo: Dev,
    pub(super) room: RoomId,
}

pub(super) fn four() -> Four {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut tablet = world.further(&anna);
    let mut bert = world.person("bert@b.example");
    let mut cleo = world.person("cleo@c.example");
    let room = world.room(&mut [&mut anna, &mut tablet, &mut bert, &mut cleo]);
    Four { world, anna, tablet, bert, cleo, room }
}

pub(super) fn refusal(body: ReplyBody) -> (Code, u64) {
    let ReplyBody::Refusal(refusal) = body else { panic!("not refused: {body:?}") };
    of(&refusal)
}

fn of(refusal: &Signed<Refusal>) -> (Code, u64) {
    (refusal.claimed().reason.code().unwrap(), refusal.claimed().seq)
}

/// The refusal that has come into a device's inbox.
pub(super) fn refused_by_hub(dev: &mut Dev) -> (Code, u64) {
    let [InboxBody::Refusal(refusal)] = dev.inbox.as_slice() else { panic!("{:?}", dev.inbox) };
    let seen = of(refusal);
    dev.inbox.clear();
    seen
}

/// The same submission as somebody else says it, signed by that key.
fn resigned(of: &Submission, key: &SigningKey, change: impl FnOnce(&mut Place, &mut Parts)) -> Submission {
    let header = of.header.claimed();
    let mut place = Place {
        room: header.room,
        term: header.term,
        epoch: header.epoch,
        sender: header.sender.clone(),
        counter: header.counter,
        id: header.submission_id,
    };
    let mut parts = Parts {
        mls: of.mls.clone(),
        group_info: of.group_info.clone(),
        welcome: of.welcome.clone(),
        ratchet_tree: of.ratchet_tree.clone(),
        evidence: of.evidence.clone(),
    };
    change(&mut place, &mut parts);
    submission::sign(place, header.kind, parts, key)
}

#[test]
fn the_loser_of_a_race_meets_the_same_fate_each_time() {
    let Four { mut world, mut anna, mut tablet, mut bert, mut cleo, room } = four();
    let first = anna.commit(&room, &[], &[]);
    let second = tablet.commit(&room, &[], &[]);
    let third = bert.commit(&room, &[], &[]);
    let epoch = first.header.claimed().epoch;
    assert_eq!((epoch, second.header.claimed().epoch, third.header.claimed().epoch), (epoch, epoch, epoch));

    // All three are on their way before anybody knows; V-512.
    assert_eq!(bert.submit(world.site("b.example"), &third), ReplyBody::Queued);
    let hub = world.site("a.example");
    assert_eq!(anna.submit(hub, &first), ReplyBody::Done);
    let lost = tablet.submit(hub, &second);
    assert_eq!(refusal(lost.clone()), (Code::WrongEpoch, 3));
    // V-507, also after a restart and much later in the log.
    hub.restart();
    assert_eq!(tablet.submit(hub, &second), lost);
    assert_eq!(anna.submit(hub, &first), ReplyBody::Done);
    world.settle();

    for dev in [&mut anna, &mut tablet, &mut bert, &mut cleo] {
        world.sync(dev);
    }
    assert_eq!(refused_by_hub(&mut bert), (Code::WrongEpoch, 3));
    let hello = anna.say(&room, "after");
    world.submit(&mut anna, &hello);
    let hub = world.site("a.example");
    assert_eq!(tablet.submit(hub, &second), lost);
    assert_eq!(anna.submit(hub, &first), ReplyBody::Done);
    assert_eq!(hub.store.rows().filter(|(key, _)| key.starts_with(&RoomKeys::of(&room).entry(5))).count(), 0);

    // The losers do it again, on what they know now.
    let again = bert.commit(&room, &[], &[]);
    world.submit(&mut bert, &again);
    for dev in [&mut anna, &mut tablet, &mut bert, &mut cleo] {
        world.sync(dev);
        assert_eq!(dev.tail_hash(&room).0, 5);
    }
}

#[test]
fn submissions_that_come_in_one_frame_see_each_other() {
    let Four { mut world, mut anna, mut tablet, mut bert, mut cleo, room } = four();
    let mut second = world.further(&bert);
    world.invite(&room, &mut bert, &mut [&mut second]);
    for dev in [&mut anna, &mut tablet, &mut bert, &mut cleo] {
        world.sync(dev);
    }
    let site = world.site("b.example");
    let (one, two) = (bert.commit(&room, &[], &[]), second.commit(&room, &[], &[]));
    let said = bert.say(&room, "before it");
    for (dev, submission) in [(&mut bert, &one), (&mut second, &two)] {
        assert_eq!(dev.submit(site, submission), ReplyBody::Queued);
    }
    assert_eq!(bert.submit(site, &said), ReplyBody::Queued);
    world.settle();
    for dev in [&mut anna, &mut tablet, &mut bert, &mut second, &mut cleo] {
        world.sync(dev);
        assert_eq!(dev.tail_hash(&room).0, 4);
    }
    // Which of the two came first is the order in which they went; the message was late.
    let refused: Vec<_> = [&mut bert, &mut second].map(|dev| dev.inbox.len()).to_vec();
    assert_eq!(refused.iter().sum::<usize>(), 2);
    assert_eq!(world.site("b.example").pump(&anna.id.user.agency().clone()), None);
    let next = second.commit(&room, &[], &[]);
    world.submit(&mut second, &next);
    world.sync(&mut anna);
    assert_eq!(anna.tail_hash(&room).0, 5);
}

#[test]
fn messages_for_a_passed_epoch_are_refused() {
    let Four { mut world, mut anna, mut tablet, mut bert, room, .. } = four();
    let (late, later) = (tablet.say(&room, "late"), bert.say(&room, "later"));
    let commit = anna.commit(&room, &[], &[]);
    world.submit(&mut anna, &commit);
    assert_eq!(refusal(tablet.submit(world.site("a.example"), &late)), (Code::WrongEpoch, 3));
    world.submit(&mut bert, &later);
    world.sync(&mut bert);
    assert_eq!(refused_by_hub(&mut bert), (Code::WrongEpoch, 3));
    assert!(bert.read.is_empty());
}

#[test]
fn a_welcome_comes_from_the_winner_alone() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut tablet = world.further(&anna);
    let mut dora = world.person("dora@a.example");
    let mut emil = world.person("emil@b.example");
    let room = world.room(&mut [&mut anna, &mut tablet]);
    for (by, who) in [(&mut anna, &dora), (&mut tablet, &emil)] {
        by.claim(world.site("a.example"), &[&who.id.user]);
        world.settle();
        world.sync(by);
    }
    let (packages, others) = (anna.claimed(), tablet.claimed());
    let (won, lost) = (anna.commit(&room, &packages, &[]), tablet.commit(&room, &others, &[]));
    world.submit(&mut anna, &won);
    assert_eq!(refusal(tablet.submit(world.site("a.example"), &lost)).0, Code::WrongEpoch);
    world.settle();
    world.sync(&mut dora);
    world.sync(&mut emil);
    assert!(dora.rooms.contains_key(&room) && emil.rooms.is_empty());
    assert!(emil.inbox.is_empty());
    // Emil's agency has heard nothing of the room at all.
    let prefix = RoomKeys::of(&room);
    assert!(world.site("b.example").store.rows().all(|(key, _)| !key.starts_with(&prefix.tail())));
}

#[test]
fn each_refusal_has_its_code() {
    let Four { mut world, mut anna, mut tablet, mut bert, room, .. } = four();
    let hub = world.site("a.example");
    let key = SigningKey::from_seed(&anna.test.new.key().seed());
    let mut message = |change: fn(&mut Place, &mut Parts)| {
        let said = anna.say(&room, "x");
        let changed = resigned(&said, &key, change);
        wrap(&changed)
    };

    // V-508, V-510: whose word it is. Nothing is kept of these, nor signed.
    let forged = message(|place, _| place.sender.id = DeviceId::from_bytes([9; 16]));
    assert_eq!(hub.refused(&forged), Code::UnknownDevice);
    let foreign = message(|place, _| place.sender.user = crate::identity::fixture::user("x@b.example"));
    assert_eq!(hub.refused(&foreign), Code::NotForUs);
    let elsewhere = message(|place, _| place.room = RoomId::from_bytes([9; 16]));
    assert_eq!(hub.refused(&elsewhere), Code::UnknownRoom);

    // V-510, V-512, V-513
    assert_eq!(hub.refused(&message(|place, _| place.term = 2)), Code::NotHub);
    assert_eq!(hub.refused(&message(|place, _| place.epoch += 1)), Code::WrongEpoch);
    assert_eq!(hub.refused(&message(|_, parts| parts.mls = vec![1, 2, 3].into())), Code::Malformed);
    let said = anna.say(&room, "x");
    let tampered = Submission { mls: vec![0; said.mls.len()].into(), ..said.clone() };
    assert_eq!(hub.refused(&wrap(&tampered)), Code::BadSubmission);
    let other_key = resigned(&said, tablet.test.new.key(), |_, _| {});
    assert_eq!(hub.refused(&wrap(&other_key)), Code::BadSignature);

    // A message that says it is a commit, and the other way round.
    let commit = anna.commit(&room, &[], &[]);
    anna.discard(&room);
    for (of, kind) in [(&said, SubmissionKind::Commit), (&commit, SubmissionKind::Message)] {
        let place = Place {
            room,
            term: 1,
            epoch: of.header.claimed().epoch,
            sender: anna.id.clone(),
            counter: 900 + of.header.claimed().counter,
            id: SubmissionId::random(&mut anna.rng),
        };
        let group_info = (kind == SubmissionKind::Commit).then(|| vec![1].into());
        let parts = Parts { mls: of.mls.clone(), group_info, ..Parts::default() };
        let wrong = submission::sign(place, kind, parts, anna.test.new.key());
        assert_eq!(hub.refused(&wrap(&wrong)), Code::BadSubmission);
    }
    // Another member's commit as one's own.
    let theirs = tablet.commit(&room, &[], &[]);
    tablet.discard(&room);
    let stolen = resigned(&theirs, &key, |place, _| {
        place.sender = anna.id.clone();
        place.counter = 990;
    });
    assert_eq!(hub.refused(&wrap(&stolen)), Code::BadSubmission);

    // V-515: a Welcome without anybody to welcome.
    let with_welcome = resigned(&commit, &key, |place, parts| {
        place.id = SubmissionId::from_bytes([3; 16]);
        place.counter = 991;
        parts.welcome = Some(vec![1].into());
    });
    assert_eq!(hub.refused(&wrap(&with_welcome)), Code::BadSubmission);
    // A room that is there already.
    let (_, create) = anna.create(RoomKind::Group);
    let again = resigned(&create, &key, |place, _| {
        place.room = room;
        place.epoch = 1;
    });
    assert_eq!(hub.refused(&wrap(&again)), Code::RoomExists);

    // Of all this, the log has nothing.
    assert_eq!(hub.device(&wrap(&said)).body, ReplyBody::Done);
    world.settle();
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["x"]);
    assert_eq!(bert.tail_hash(&room).0, 3);
}

/// SPEC V-513
#[test]
fn what_is_of_another_epoch_than_its_header_says() {
    let Four { mut world, mut anna, mut tablet, room, .. } = four();
    let key = SigningKey::from_seed(&anna.test.new.key().seed());
    let message = anna.say(&room, "x");
    let leaving = anna.leave(&room);
    let commit = anna.commit(&room, &[], &[]);
    anna.discard(&room);
    let other = tablet.commit(&room, &[], &[]);
    world.submit(&mut tablet, &other);
    let hub = world.site("a.example");
    for of in [message, leaving, commit] {
        // It was made for the epoch that has passed, whatever its header says.
        let wrong = resigned(&of, &key, |place, _| place.epoch += 1);
        assert_eq!(hub.refused(&wrap(&wrong)), Code::BadSubmission);
    }
}

/// SPEC V-511
#[test]
fn founding_has_its_rules() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let key = SigningKey::from_seed(&anna.test.new.key().seed());
    let site = world.site("a.example");
    let mut create = |change: fn(&mut Place, &mut Parts)| {
        let (_, create) = anna.create(RoomKind::Group);
        wrap(&resigned(&create, &key, change))
    };
    assert_eq!(site.refused(&create(|place, _| place.epoch = 1)), Code::BadSubmission);
    assert_eq!(site.refused(&create(|place, _| place.term = 2)), Code::BadSubmission);
    assert_eq!(site.refused(&create(|place, _| place.room = RoomId::from_bytes([1; 16]))), Code::Mls);
    assert_eq!(site.refused(&create(|_, parts| parts.group_info = Some(vec![1].into()))), Code::Malformed);
    assert_eq!(site.refused(&create(|_, parts| parts.ratchet_tree = Some(vec![1].into()))), Code::Malformed);
    // Nothing of a room remains, and a good founding still works.
    assert!(site.store.rows().all(|(key, _)| !key.ends_with(b"t") || !key.starts_with(b"room/")));
    let (_, good) = anna.create(RoomKind::Group);
    assert_eq!(site.device(&wrap(&good)).body, ReplyBody::Done);
    assert_eq!(site.device(&wrap(&good)).body, ReplyBody::Done);

    // A room whose hub is another agency's server, and a founding that comes over a link.
    let (_, theirs) = bert.create(RoomKind::Group);
    let stolen = resigned(&theirs, &key, |place, _| {
        place.sender = anna.id.clone();
        place.counter = 99;
    });
    assert_eq!(site.refused(&wrap(&stolen)), Code::BadRoomState);
}

#[test]
fn counters_show_a_store_that_was_put_back() {
    let Four { mut world, mut anna, mut bert, room, .. } = four();
    // V-516, at the hub and where the room is only followed.
    for dev in [&mut anna, &mut bert] {
        let home = dev.id.user.agency().to_string();
        let said = dev.say(&room, "one");
        world.submit(dev, &said);
        // V-546
        let counted = |dev: &mut Dev, counter, submission| {
            (dev.counter, dev.submission) = (counter, submission);
            let sync = dev.sync_request();
            dev.request(RequestBody::Sync(sync))
        };
        let (counter, id) = (dev.counter, dev.submission);
        let other = SubmissionId::from_bytes([9; 16]);
        for (counter, id) in [(counter - 1, id), (counter, other)] {
            let sync = counted(dev, counter, id);
            assert_eq!(world.site(&home).refused(&sync), Code::StoreRolledBack, "{counter}");
        }
        for (counter, id) in [(counter, id), (counter + 1, other)] {
            let sync = counted(dev, counter, id);
            assert!(matches!(world.site(&home).device(&sync).body, ReplyBody::Delivery(_)), "{counter}");
        }
        dev.counter += 5_000;
        let ahead = dev.say(&room, "three");
        let newest = dev.counter;
        world.submit(dev, &ahead);
        dev.counter -= 2_000;
        let behind = dev.say(&room, "four");
        assert_eq!(world.site(&home).refused(&wrap(&behind)), Code::StoreRolledBack);
        // What was said before is still known, if by its fate or its counter.
        let again = dev.submit(world.site(&home), &ahead);
        assert!(matches!(again, ReplyBody::Done | ReplyBody::Queued));
        // What comes too late by its counter alone says nothing of the store.
        let sync = counted(dev, newest + 1, other);
        assert!(matches!(world.site(&home).device(&sync).body, ReplyBody::Delivery(_)));

        // One of whom a counter has come twice is told so at once, and ever after.
        dev.counter = newest - 1;
        let mut reused = dev.say(&room, "two");
        if home == "b.example" {
            // Also where something else keeps it from being passed on.
            reused =
                resigned(&reused, dev.test.new.key(), |place, _| place.room = RoomId::from_bytes([8; 16]));
        }
        assert_eq!(world.site(&home).refused(&wrap(&reused)), Code::StoreRolledBack);
        let sync = counted(dev, newest + 1, other);
        assert_eq!(world.site(&home).refused(&sync), Code::StoreRolledBack);
    }
}

/// SPEC V-509
#[test]
fn a_forged_submission_uses_up_no_counter() {
    let Four { mut world, mut anna, tablet, room, .. } = four();
    let said = anna.say(&room, "x");
    let forged = resigned(&said, tablet.test.new.key(), |place, _| place.counter = u64::MAX);
    let hub = world.site("a.example");
    assert_eq!(hub.refused(&wrap(&forged)), Code::BadSignature);
    assert_eq!(hub.device(&wrap(&said)).body, ReplyBody::Done);
}

/// SPEC V-514
#[test]
fn policy_is_enforced_by_the_hub() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let policy = Policy { send: Role::Admin, ..Policy::default() };
    let (room, create) = anna.create_with(RoomKind::Group, policy);
    world.submit(&mut anna, &create);
    world.sync(&mut anna);
    world.invite(&room, &mut anna, &mut [&mut bert]);
    let news = anna.say(&room, "news");
    world.submit(&mut anna, &news);
    let reply = bert.say(&room, "but");
    world.submit(&mut bert, &reply);
    let out: &[Device] = &[anna.id.clone()];
    let coup = bert.commit(&room, &[], out);
    world.submit(&mut bert, &coup);
    world.sync(&mut bert);
    let codes = bert.inbox.iter().map(|body| match body {
        InboxBody::Refusal(refusal) => of(refusal),
        other => panic!("{other:?}"),
    });
    assert!(codes.eq([(Code::NotPermitted, 3), (Code::NotPermitted, 3)]));
    assert_eq!(bert.texts(), ["news"]);
}

/// SPEC V-514: a member adds somebody and keeps back what bears them out. The hub has it, and puts it beside
/// the entry: nobody stands still for the lack of it (312).
#[test]
fn evidence_that_a_committer_keeps_back() {
    let Four { mut world, mut anna, mut bert, mut cleo, room, .. } = four();
    let mut dora = world.person("dora@a.example");
    anna.claim(world.site("a.example"), &[&dora.id.user]);
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let mut commit = anna.commit(&room, &claimed, &[]);
    assert!(!commit.evidence.is_empty());
    commit.evidence.clear();
    world.submit(&mut anna, &commit);
    for dev in [&mut anna, &mut bert, &mut cleo, &mut dora] {
        world.sync(dev);
        assert_eq!(dev.tail_hash(&room).0, 3);
    }
    let item = world.site("a.example").store.get(&RoomKeys::of(&room).entry(3)).unwrap().unwrap();
    let item: crate::wire::log::LogItem = crate::wire::decode_body(&item.into()).unwrap();
    let chain = dora.test.chain().iter().all(|link| {
        item.evidence.iter().any(|one| *one == crate::wire::log::Evidence::ChainLink(link.clone()))
    });
    assert!(chain && item.evidence.len() == dora.test.chain().len() + 1);
}

//! What devices are given: in order, in parts that fit, and only what is theirs.

use super::{
    device::Dev,
    hub::{Four, four},
    world::World,
};
use crate::{
    code::Code,
    identity::fixture::{DAY, agency, now, signed},
    ids::{RequestId, RoomId, SubmissionId},
    limits,
    server::keys::DeviceKeys,
    time::Timestamp,
    wire::{
        device::{
            Cursor, Delivery, GetMaterial, InboxBody, KnownDescriptor, LastSubmission, ReplyBody,
            RequestBody, Sync,
        },
        link::{LinkClaimAnswer, LinkItem},
    },
};

fn deliver(world: &mut World, dev: &mut Dev, sync: &Sync) -> Delivery {
    let request = dev.request(RequestBody::Sync(sync.clone()));
    let home = dev.id.user.agency().to_string();
    match world.site(&home).device(&request).body {
        ReplyBody::Delivery(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

/// SPEC V-548
#[test]
fn a_long_log_comes_in_parts_that_end_at_a_head() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    let count = limits::DELIVERY_ENTRIES + 50;
    for i in 0..count {
        let said = anna.say(&room, &i.to_string());
        assert_eq!(anna.submit(world.site("a.example"), &said), ReplyBody::Done);
        if i % 60 == 59 {
            world.settle();
        }
    }
    world.settle();
    for dev in [&mut anna, &mut bert] {
        let mut sync = dev.sync_request();
        let mut parts = Vec::new();
        loop {
            let delivery = deliver(&mut world, dev, &sync);
            let Some(part) = delivery.rooms.first() else { break };
            let last = part.head.claimed().seq;
            assert_eq!(last, sync.cursors[0].seq + part.items.len() as u64);
            sync.cursors[0].seq = last;
            parts.push((part.items.len(), delivery.more));
        }
        // A follower has heads where frames ended.
        let expected = match dev.id.user.agency().as_str() {
            "a.example" => vec![(256, true), (50, false)],
            _ => vec![(240, true), (66, false)],
        };
        assert_eq!(parts, expected);
    }
    world.sync(&mut bert);
    assert_eq!(bert.read.len(), count);
}

/// SPEC V-548
#[test]
fn no_room_keeps_another_waiting() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@a.example");
    let rooms: Vec<RoomId> = (0..3).map(|_| world.room(&mut [&mut anna, &mut bert])).collect();
    for room in &rooms {
        for i in 0..limits::DELIVERY_ENTRIES {
            let said = anna.say(room, &i.to_string());
            assert_eq!(anna.submit(world.site("a.example"), &said), ReplyBody::Done);
        }
    }
    let sync = bert.sync_request();
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let delivery = deliver(&mut world, &mut bert, &sync);
        assert!(delivery.more && delivery.rooms.len() == 1);
        first.insert(delivery.rooms[0].room);
    }
    assert_eq!(first.len(), 3);
}

#[test]
fn a_device_reads_its_own_rooms_alone() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@a.example");
    let mut cleo = world.person("cleo@b.example");
    let room = world.room(&mut [&mut anna, &mut cleo]);
    let said = anna.say(&room, "hello");
    world.submit(&mut anna, &said);
    // V-547
    let nosy = Sync {
        cursors: vec![Cursor { room, seq: 0, hash: None, heard_at: Timestamp::ZERO }],
        ..bert.sync_request()
    };
    assert!(deliver(&mut world, &mut bert, &nosy).rooms.is_empty());
    let nosy = bert.request(RequestBody::GetMaterial(GetMaterial { room, seq: 2 }));
    assert_eq!(world.site("a.example").refused(&nosy), Code::UnknownRoom);
    // Who was invited reads from the invitation on.
    let early = Sync {
        cursors: vec![Cursor { room, seq: 0, hash: None, heard_at: Timestamp::ZERO }],
        ..cleo.sync_request()
    };
    assert!(deliver(&mut world, &mut cleo, &early).rooms.is_empty());
    // A cursor past the log gets nothing.
    let past = Sync {
        cursors: vec![Cursor { room, seq: u64::MAX, hash: None, heard_at: Timestamp::ZERO }],
        ..cleo.sync_request()
    };
    assert!(deliver(&mut world, &mut cleo, &past).rooms.is_empty());
    world.sync(&mut cleo);
    assert_eq!(cleo.texts(), ["hello"]);
}

#[test]
fn documents_come_as_they_are_needed() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut cleo = world.person("cleo@c.example");
    let room = world.room(&mut [&mut anna, &mut cleo]);
    for version in 2..=3 {
        let list = signed(&world.federation.roster(version), &[1, 2]);
        world.site("a.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
        let site = world.site("a.example");
        let old = site.call(|server, ctx| server.trust_list(ctx, &list));
        assert!(old.is_ok());
    }
    let first = signed(&world.federation.roster(1), &[1, 2]);
    let refused = world.site("a.example").call(|server, ctx| server.trust_list(ctx, &first)).unwrap_err();
    assert_eq!(refused.code(), Code::RolledBack);

    let mut sync = anna.sync_request();
    sync.trust_version = 1;
    let delivery = deliver(&mut world, &mut anna, &sync);
    assert!(delivery.more);
    let list = signed(&world.federation.roster(2), &[1, 2]);
    assert_eq!(delivery.trust_list, Some(list));
    // V-580: nothing but lists, until the last of them.
    let known = core::mem::replace(
        &mut sync.cursors,
        vec![Cursor { room, seq: 0, hash: None, heard_at: Timestamp::ZERO }],
    );
    let delivery = deliver(&mut world, &mut anna, &sync);
    assert!(delivery.rooms.is_empty() && delivery.inbox.is_empty() && delivery.records.is_empty());
    sync.trust_version = 2;
    let last = deliver(&mut world, &mut anna, &sync);
    assert!(!last.more && !last.rooms.is_empty());
    sync.cursors = known;
    sync.trust_version = 3;
    assert_eq!(deliver(&mut world, &mut anna, &sync).trust_list, None);

    // The own agency's descriptor, those that are known and newer, those of rooms with news.
    let known = |version| KnownDescriptor { agency: agency("a.example"), version };
    sync.descriptors = vec![known(1)];
    assert!(deliver(&mut world, &mut anna, &sync).descriptors.is_empty());
    let newer = world.federation.agencies[0].describe(2, now()).sign(&world.federation.agencies[0].root);
    let newer = newer.unwrap();
    world.site("a.example").call(|server, ctx| server.descriptor(ctx, &newer)).unwrap();
    assert_eq!(deliver(&mut world, &mut anna, &sync).descriptors, std::slice::from_ref(&newer));
    sync.descriptors = vec![known(2)];
    let said = cleo.say(&room, "news");
    world.submit(&mut cleo, &said);
    let theirs = world.federation.agencies[2].descriptor();
    assert_eq!(deliver(&mut world, &mut anna, &sync).descriptors, [theirs]);
    // And the peer is told with the next frame.
    let said = anna.say(&room, "mine");
    world.submit(&mut anna, &said);
    let sync = Sync { trust_version: 3, ..cleo.sync_request() };
    let told = deliver(&mut world, &mut cleo, &sync).descriptors;
    assert!(told.iter().any(|bytes| *bytes == newer));
}

#[test]
fn an_inbox_has_an_end_and_is_emptied_by_its_device() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@a.example");
    let mut full = 0;
    for _ in 0..=limits::DEVICE_INBOX {
        match anna.claim(world.site("a.example"), &[&bert.id.user]) {
            ReplyBody::Done => full += 1,
            ReplyBody::Failure(failure) => assert_eq!(failure.reason.code(), Some(Code::Quota)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(full, limits::DEVICE_INBOX);
    let (room, create) = bert.create(crate::room::RoomKind::Group);
    world.submit(&mut bert, &create);
    world.sync(&mut bert);
    bert.claim(world.site("a.example"), &[&anna.id.user]);
    world.sync(&mut bert);
    let claimed = bert.claimed();
    let commit = bert.commit(&room, &claimed, &[]);
    // It stops nobody else: the commit is taken, the invitation has no place.
    world.submit(&mut bert, &commit);
    let sync = anna.sync_request();
    let delivery = deliver(&mut world, &mut anna, &sync);
    assert!(delivery.more && delivery.inbox.iter().all(|i| matches!(i.body, InboxBody::Claimed(_))));
    let (last, mark) = delivery.inbox.last().map(|item| (item.number, item.mark)).unwrap();
    // V-548
    assert_eq!((delivery.inbox[0].number, delivery.inbox.len()), (1, limits::DELIVERY_ITEMS));
    let next = Sync { inbox_done: last, inbox_mark: mark, ..sync.clone() };
    let next = deliver(&mut world, &mut anna, &next);
    assert_eq!(next.inbox[0].number, last + 1);
    let mut done = next.inbox.last().unwrap().clone();
    while done.number < limits::DEVICE_INBOX as u64 {
        let rest = Sync { inbox_done: done.number, inbox_mark: done.mark, ..sync.clone() };
        done = deliver(&mut world, &mut anna, &rest).inbox.last().unwrap().clone();
    }
    let all = Sync { inbox_done: done.number, inbox_mark: done.mark, ..sync.clone() };
    let none = deliver(&mut world, &mut anna, &all);
    assert!(none.inbox.is_empty() && !none.more);
    let prefix = DeviceKeys::of(&anna.id).inboxes();
    assert!(world.site("a.example").store.rows().all(|(key, _)| !key.starts_with(&prefix)));
    // V-546: who is done with less than before has an old store.
    let before = anna.request(RequestBody::Sync(sync));
    assert_eq!(world.site("a.example").refused(&before), Code::StoreRolledBack);
    assert_eq!(anna.claim(world.site("a.example"), &[&bert.id.user]), ReplyBody::Done);
}

/// SPEC V-553, V-554
#[test]
fn claims_are_answered_once_by_whom_was_asked() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let bert = world.person("bert@b.example");
    anna.claim(world.site("a.example"), &[&bert.id.user]);
    let (a, b) = (agency("a.example"), agency("b.example"));
    let asked = world.site("a.example").pump(&b).unwrap();
    world.site("b.example").peer(&asked).unwrap();
    let answered = world.site("b.example").pump(&a).unwrap();
    world.site("a.example").peer(&answered).unwrap();
    world.settle();
    let refused = |world: &mut World| {
        let link = crate::server::keys::LinkKeys::with(&b).incoming();
        let row = crate::store::Store::get(&world.site("a.example").store, &link).unwrap().unwrap();
        crate::server::rows::read::<crate::server::rows::InRow>(row).unwrap().refused
    };
    assert_eq!(refused(&mut world), 0);
    // B says it again, and says something that nobody asked.
    let pushed = |world: &mut World, change: &dyn Fn(&mut LinkClaimAnswer)| {
        let frame = super::links::frame_of(&answered).claimed().clone();
        let Some(LinkItem::ClaimAnswer(answer)) = frame.items.first() else { panic!() };
        let mut answer = answer.clone();
        change(&mut answer);
        super::links::push(world, "b.example", "a.example", vec![LinkItem::ClaimAnswer(answer)]);
        refused(world)
    };
    assert_eq!(pushed(&mut world, &|_| {}), 1);
    assert_eq!(pushed(&mut world, &|a| a.answer.claim_id = RequestId::from_bytes([9; 16])), 2);
    world.sync(&mut anna);
    assert_eq!(anna.claimed().len(), 1);

    // B is asked the same again, much later but not too late: the same answer, and no package more.
    let claim = super::links::frame_of(&asked).claimed().items.clone();
    let kept = DeviceKeys::of(&bert.id).packages();
    let count = |world: &mut World| {
        world.site("b.example").store.rows().filter(|(key, _)| key.starts_with(&kept)).count()
    };
    let before = count(&mut world);
    super::links::push(&mut world, "a.example", "b.example", claim.clone());
    assert_eq!(count(&mut world), before);
    let again = world.site("b.example").pump(&a).unwrap();
    assert_eq!(
        super::links::frame_of(&again).claimed().items,
        super::links::frame_of(&answered).claimed().items
    );
    let site = world.site("b.example");
    site.now = now().plus(DAY * 2);
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    site.now = now();
    super::links::push(&mut world, "a.example", "b.example", claim);
    assert_eq!(count(&mut world), before - 1);
}

/// A device and its server, whose store is the one that it was before a device has seen more.
fn put_back(world: &mut World, dev: &mut Dev, meanwhile: impl FnOnce(&mut World, &mut Dev)) {
    let home = dev.id.user.agency().to_string();
    let before = world.site(&home).store.clone();
    meanwhile(world, dev);
    world.sync(dev);
    world.site(&home).store = before;
    world.site(&home).restart();
}

/// SPEC V-576
#[test]
fn who_has_seen_more_than_is_here_is_told() {
    let Four { mut world, mut anna, room, .. } = four();
    let said = |world: &mut World, dev: &mut Dev| {
        let said = dev.say(&room, "lost");
        world.submit(dev, &said);
    };
    // At the hub: past the end.
    put_back(&mut world, &mut anna, said);
    let sync = anna.sync_request();
    let delivery = deliver(&mut world, &mut anna, &sync);
    assert_eq!((delivery.astray.as_slice(), delivery.rooms.len()), (&[room][..], 0));
    // Another entry in its place.
    let other = anna.say(&room, "another");
    anna.submit(world.site("a.example"), &other);
    let submitted = Some(LastSubmission { counter: anna.counter + 9, id: SubmissionId::from_bytes([1; 16]) });
    let sync = Sync { submitted, ..sync };
    assert_eq!(deliver(&mut world, &mut anna, &sync).astray, [room]);
    // With more behind it the entries themselves tell.
    let more = anna.say(&room, "more");
    anna.submit(world.site("a.example"), &more);
    let delivery = deliver(&mut world, &mut anna, &sync);
    assert_eq!((delivery.astray.len(), delivery.rooms.len()), (0, 1));
    // Where the room is followed.
    let Four { mut world, mut bert, room, .. } = four();
    let said = |world: &mut World, dev: &mut Dev| {
        let said = dev.say(&room, "lost");
        world.submit(dev, &said);
    };
    put_back(&mut world, &mut bert, said);
    let sync = bert.sync_request();
    assert_eq!(deliver(&mut world, &mut bert, &sync).astray, [room]);
    // In a room that is not here, or in which it was never.
    let mut unknown = sync.clone();
    unknown.cursors[0].room = RoomId::from_bytes([9; 16]);
    assert_eq!(deliver(&mut world, &mut bert, &unknown).astray, [RoomId::from_bytes([9; 16])]);
    let mut dora = world.person("dora@b.example");
    let mut never = dora.sync_request();
    never.cursors = vec![Cursor { room, seq: 1, hash: None, heard_at: Timestamp::ZERO }];
    assert_eq!(deliver(&mut world, &mut dora, &never).astray, [room]);
    // One that has processed nothing yet is nowhere.
    never.cursors[0].seq = 0;
    assert_eq!(deliver(&mut world, &mut dora, &never).astray, []);
}

/// SPEC V-577
#[test]
fn an_inbox_that_was_put_back_is_given_under_new_numbers() {
    for since in [1, 2, 5] {
        let mut world = World::new();
        let mut anna = world.person("anna@a.example");
        let bert = world.person("bert@b.example");
        // An answer to each lies in the inbox.
        let claim = |world: &mut World, anna: &mut Dev, times: usize| {
            for _ in 0..times {
                assert_eq!(anna.claim(world.site("a.example"), &[&bert.id.user]), ReplyBody::Done);
            }
            world.settle();
        };
        claim(&mut world, &mut anna, 1);
        world.sync(&mut anna);
        put_back(&mut world, &mut anna, |world, anna| claim(world, anna, 2));
        let done = anna.inbox_done;
        assert_eq!(done, 3);
        // As many come as were lost, fewer, or more.
        let ask = anna.claim(world.site("a.example"), &[&anna.id.user.clone()]);
        assert_eq!(ask, ReplyBody::Done);
        for _ in 1..since {
            anna.claim(world.site("a.example"), &[&anna.id.user.clone()]);
        }
        let sync = anna.sync_request();
        let delivery = deliver(&mut world, &mut anna, &sync);
        let numbers: Vec<_> = delivery.inbox.iter().map(|item| item.number).collect();
        assert_eq!(numbers, (done + 1..=done + since).collect::<Vec<_>>());
        // Nothing is given twice once it is done with, and what is new goes on from there.
        let last = delivery.inbox.last().unwrap();
        let sync = Sync { inbox_done: last.number, inbox_mark: last.mark, ..sync };
        assert!(deliver(&mut world, &mut anna, &sync).inbox.is_empty());
        anna.claim(world.site("a.example"), &[&anna.id.user.clone()]);
        assert_eq!(deliver(&mut world, &mut anna, &sync).inbox[0].number, last.number + 1);
        // Numbers do not run out by somebody's word.
        for far in [u64::MAX, u64::MAX / 2] {
            let far =
                anna.request(RequestBody::Sync(Sync { inbox_done: far, inbox_mark: 1, ..sync.clone() }));
            assert_eq!(world.site("a.example").refused(&far), Code::BadField);
        }
    }
}

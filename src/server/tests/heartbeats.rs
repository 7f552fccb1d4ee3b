//! What followers make of heads without entries, and to whom servers give them.

use core::time::Duration;

use super::{
    device::Dev,
    hub::{Four, four},
    links::{forged, frame_of, pair, push, say, server_key},
    world::World,
};
use crate::{
    crypto::{self, SigningKey},
    identity::fixture::{agency, now},
    ids::{Hash, RoomId},
    limits,
    server::{
        Difference, Output,
        keys::{LinkKeys, RoomKeys},
        rows,
    },
    store::{Done, Store},
    time::Timestamp,
    wire::{
        Signed,
        device::{Cursor, Delivery, ReplyBody, RequestBody, Sync},
        link::{LinkItem, RoomEntries},
        log::Head,
    },
};

const MINUTE: Duration = Duration::from_secs(60);

/// A room of two agencies in which something was said.
fn spoken() -> (World, Dev, Dev, RoomId) {
    let (mut world, mut anna, mut bert, room) = pair();
    say(&mut world, &mut anna, &room, "hello");
    world.settle();
    world.sync(&mut anna);
    world.sync(&mut bert);
    (world, anna, bert, room)
}

fn head_here(world: &mut World, room: &RoomId, seq: u64) -> Signed<Head> {
    let row = Store::get(&world.site("b.example").store, &RoomKeys::of(room).head(seq)).unwrap().unwrap();
    Signed::decode(&row.into()).unwrap()
}

fn refused(world: &mut World) -> u64 {
    let row = LinkKeys::with(&agency("a.example")).incoming();
    let row = Store::get(&world.site("b.example").store, &row).unwrap().unwrap();
    rows::read::<rows::InRow>(row).unwrap().refused
}

/// SPEC V-528
#[test]
fn a_follower_takes_the_newest_head_of_the_log_that_it_has() {
    let (mut world, anna, _, room) = spoken();
    let (key, tail) = (server_key(&world, "a.example"), anna.rooms[&room].tail.clone());
    let known = head_here(&mut world, &room, tail.seq);
    let heads = |world: &World| {
        let prefix = RoomKeys::of(&room).head(0);
        let store = &world.sites.iter().find(|site| site.id == agency("b.example")).unwrap().store;
        store.scan(&prefix[..prefix.len() - 8], None, 100).unwrap().len()
    };
    let rows = heads(&world);
    let beat = |world: &mut World, by: &SigningKey, change: &dyn Fn(&mut Head)| {
        let mut head = known.claimed().clone();
        change(&mut head);
        let head = crypto::sign(head, &[by]).into_signed();
        let entries = RoomEntries { room, items: Vec::new(), head: head.clone(), departures: Vec::new() };
        let before = refused(world);
        push(world, "a.example", "b.example", vec![LinkItem::Entries(Box::new(entries))]);
        let outputs = core::mem::take(&mut world.site("b.example").outputs);
        (refused(world) - before, outputs, head)
    };
    let at = |millis: u64| known.claimed().at.plus(Duration::from_millis(millis));

    // A newer one takes the place of the one of before, wakes no device; an older one does not.
    let (0, outputs, newer) = beat(&mut world, &key, &|head| head.at = at(7)) else { panic!("refused") };
    assert_eq!((outputs, head_here(&mut world, &room, tail.seq)), (vec![], newer.clone()));
    let (count, outputs, _) = beat(&mut world, &key, &|head| head.at = at(6));
    assert_eq!((count, outputs, head_here(&mut world, &room, tail.seq)), (0, vec![], newer.clone()));
    // Of another server; in another term; from before its entry.
    let theirs = server_key(&world, "b.example");
    assert_eq!(beat(&mut world, &theirs, &|head| head.at = at(8)).0, 1);
    assert_eq!(beat(&mut world, &key, &|head| (head.term, head.at) = (2, at(8))).0, 1);
    let early = Timestamp::from_millis(tail.stamp.at.as_millis() - 1);
    assert_eq!(beat(&mut world, &key, &|head| head.at = early).0, 1);
    assert_eq!(head_here(&mut world, &room, tail.seq), newer);

    // What is not of the log that is here is told, with the heads that show it.
    let told =
        |world: &mut World, difference, seq, known: Option<Signed<Head>>, change: &dyn Fn(&mut Head)| {
            let (count, outputs, head) = beat(world, &key, change);
            let heads = [head].into_iter().chain(known).map(|head| head.bytes().to_vec()).collect();
            let hub = agency("a.example");
            let differs = Output::LogDiffers { room, hub: hub.clone(), seq, difference, heads };
            assert_eq!((count, outputs.contains(&differs)), (0, true));
            // What it is asked by that.
            let others: Vec<_> = outputs.into_iter().filter(|output| *output != differs).collect();
            others == [Output::LinkReady(hub)]
        };
    let other = Hash::from_bytes([9; 32]);
    // V-559: of a longer one it wants the rest, once.
    assert!(told(&mut world, Difference::Longer, tail.seq + 1, None, &|head| head.seq += 1));
    assert!(!told(&mut world, Difference::Longer, u64::MAX, None, &|head| head.seq = u64::MAX));
    assert!(!told(&mut world, Difference::Other, tail.seq, Some(newer.clone()), &|head| head.hash = other));
    // The entry that brought Bert in, and one that came before him, which is not here.
    assert!(!told(&mut world, Difference::Shorter, 1, None, &|head| (head.seq, head.at) = (1, at(9))));
    // One that is no newer than the log's last entry only goes again.
    let (count, outputs, _) = beat(&mut world, &key, &|head| (head.seq, head.at) = (1, tail.stamp.at));
    assert_eq!((count, outputs), (0, vec![]));
    for change in [(tail.seq + 1, 1), (tail.seq, 9)] {
        let forged = |head: &mut Head| (head.seq, head.hash) = (change.0, Hash::from_bytes([change.1; 32]));
        assert_eq!(beat(&mut world, &theirs, &forged).0, 1, "anybody's word is none");
        let elsewhen = |head: &mut Head| (head.seq, head.hash, head.term) = (change.0, other, 2);
        assert_eq!(beat(&mut world, &key, &elsewhen).0, 1);
    }
    assert_eq!(head_here(&mut world, &room, tail.seq), newer);
    assert_eq!(heads(&world), rows);
}

/// SPEC V-539
#[test]
fn a_number_that_was_used_before_shows_that_a_store_was_put_back() {
    let (mut world, mut anna, _, room) = pair();
    let b = agency("b.example");
    say(&mut world, &mut anna, &room, "one");
    let first = world.site("a.example").pump(&b).unwrap();
    say(&mut world, &mut anna, &room, "two");
    let second = world.site("a.example").pump(&b).unwrap();
    for frame in [&first, &second] {
        world.site("b.example").peer(frame).unwrap();
    }
    let (key, at) = (server_key(&world, "a.example"), frame_of(&second).claimed().at);
    let told = |world: &mut World, ahead: Duration| {
        let frame = forged(&first, &key, |frame| frame.at = at.plus(ahead));
        world.site("b.example").now = now().plus(ahead);
        assert!(world.site("b.example").peer(&frame).unwrap().is_some());
        world.site("b.example").outputs.clone()
    };
    assert_eq!(told(&mut world, limits::CLOCK_SKEW), []);
    let later = limits::CLOCK_SKEW + Duration::from_millis(1);
    assert_eq!(told(&mut world, later), [Output::PeerPutBack(agency("a.example"))]);
}

/// SPEC V-550
#[test]
fn a_device_is_given_a_head_that_is_newer_than_its_own_if_it_has_all_that_is_to_be_read() {
    for (name, own) in [("anna@a.example", true), ("bert@b.example", false)] {
        let (mut world, mut anna, mut bert, room) = spoken();
        let dev = if own { &mut anna } else { &mut bert };
        let home = dev.id.user.agency().to_string();
        let tail = dev.rooms[&room].tail.clone();
        let given = |world: &mut World, dev: &mut Dev, cursor: Cursor| {
            let sync = Sync { cursors: vec![cursor], ..dev.sync_request() };
            let request = dev.request(RequestBody::Sync(sync));
            let ReplyBody::Delivery(Delivery { rooms, .. }) = world.site(&home).device(&request).body else {
                panic!()
            };
            rooms.into_iter().map(|one| (one.items.len(), one.head)).collect::<Vec<_>>()
        };
        let heard = |heard_at| Cursor { room, seq: tail.seq, hash: tail.hash, heard_at };
        let spoken = tail.stamp.at;
        assert_eq!(given(&mut world, dev, heard(spoken)), [], "{name}");
        world.sites.iter_mut().for_each(|site| site.now = spoken.plus(limits::HEARTBEAT));
        world.site("a.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
        world.settle();
        let got = given(&mut world, dev, heard(spoken));
        let [(0, head)] = got.as_slice() else { panic!("{name}: {got:?}") };
        let newest = head.claimed().clone();
        assert_eq!((newest.seq, Some(newest.hash)), (tail.seq, tail.hash));
        assert!(newest.at > spoken);
        // Not what it has; not if it lacks an entry, is of another log, or was there before anybody spoke.
        assert_eq!(given(&mut world, dev, heard(newest.at)), [], "{name}");
        let behind = given(&mut world, dev, Cursor { seq: tail.seq - 1, ..heard(spoken) });
        assert_eq!(behind[0].0, 1, "{name}");
        let other = Cursor { hash: Some(Hash::from_bytes([1; 32])), ..heard(spoken) };
        assert_eq!(given(&mut world, dev, other), [], "{name}");
        assert_eq!(given(&mut world, dev, Cursor { hash: None, ..heard(spoken) }), [], "{name}");
        world.site(&home).now = spoken.plus(limits::ROOM_ACTIVE);
        assert_eq!(given(&mut world, dev, heard(spoken)), [], "{name}");
        world.site(&home).now = spoken.plus(limits::ROOM_ACTIVE - MINUTE);
        assert_eq!(given(&mut world, dev, heard(spoken)).len(), 1, "{name}");
    }
}

/// SPEC V-550: whoever was removed is given the entry that says so, and no head after that.
#[test]
fn a_device_that_was_removed_is_given_no_newer_head() {
    let Four { mut world, mut anna, mut tablet, mut bert, mut cleo, room } = four();
    let gone = [tablet.id.clone(), bert.id.clone()];
    let commit = anna.commit(&room, &[], &gone);
    world.submit(&mut anna, &commit);
    let spoken = world.site("a.example").now;
    world.sites.iter_mut().for_each(|site| site.now = spoken.plus(limits::HEARTBEAT));
    world.site("a.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
    world.settle();
    let given = |world: &mut World, dev: &mut Dev, cursor: Option<Cursor>| {
        let mut sync = dev.sync_request();
        sync.cursors = cursor.map_or(sync.cursors, |cursor| vec![cursor]);
        let request = dev.request(RequestBody::Sync(sync));
        let home = dev.id.user.agency().to_string();
        let ReplyBody::Delivery(Delivery { rooms, .. }) = world.site(&home).device(&request).body else {
            panic!()
        };
        rooms.into_iter().map(|one| one.items.len()).collect::<Vec<_>>()
    };
    world.sync(&mut cleo);
    let tail = cleo.rooms[&room].tail.clone();
    let end = Cursor { room, seq: tail.seq, hash: tail.hash, heard_at: spoken };
    for dev in [&mut tablet, &mut bert] {
        assert_eq!(given(&mut world, dev, None), [1]);
        assert!(given(&mut world, dev, Some(end.clone())).is_empty());
    }
    // Cleo stays, and is told that the hub is there.
    assert_eq!(given(&mut world, &mut cleo, Some(end)), [0]);
}

/// What is due and did not fit into one call is done in the next, which is asked for at once; a heartbeat counts for
/// each agency that it goes to.
#[test]
fn beats_of_many_rooms_are_done_some_at_a_time() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let rooms = [(); 3].map(|()| world.room(&mut [&mut anna, &mut bert]));
    for room in &rooms {
        say(&mut world, &mut anna, room, "hello");
    }
    world.settle();
    let site = world.site("a.example");
    site.now = site.now.plus(limits::HEARTBEAT);
    let mut ticks = 0;
    loop {
        let ctx = crate::store::Ctx { now: site.now, store: &site.store, rng: &mut site.rng };
        let Done { wake, .. } = site.server.tick(ctx, 2).unwrap().commit(&mut site.store).unwrap();
        ticks += 1;
        if wake.unwrap() > site.now {
            break;
        }
    }
    let pending = site.store.scan(&LinkKeys::with(&agency("b.example")).pending(), None, 100).unwrap();
    assert_eq!((ticks, pending.len()), (3, 3));
    let frame = world.site("a.example").pump(&agency("b.example")).unwrap();
    assert_eq!(frame_of(&frame).claimed().items.len(), 3);
}

//! Stores that were put back to an earlier state, and what their servers and the others make of it.

use core::time::Duration;

use super::{
    device::Dev,
    links::{ack, ack_of, frame_of, pair, push, say, server_key},
    world::World,
};
use crate::{
    code::Code,
    identity::fixture::{agency, now},
    ids::{Hash, IncarnationId, RoomId},
    limits,
    server::{
        Output,
        keys::{LinkKeys, RoomKeys},
        rows,
    },
    store::Store,
    wire::{
        device::ReplyBody,
        link::{EntriesWanted, LinkAck, LinkFrame, LinkItem},
        log::{LogEntry, Submission},
    },
};

const SECOND: Duration = Duration::from_secs(1);

fn put_back(world: &mut World, at: &str) {
    world.site(at).call(|server, ctx| server.put_back(ctx)).unwrap();
}

/// Everything that goes from one to the other, each frame acknowledged.
fn frames(world: &mut World, from: &str, to: &str) -> Vec<LinkFrame> {
    let mut frames = Vec::new();
    while let Some(frame) = world.site(from).pump(&agency(to)) {
        frames.push(frame_of(&frame).claimed().clone());
        let ack = world.site(to).peer(&frame).unwrap().unwrap();
        world.site(from).peer(&ack.bytes).unwrap();
    }
    frames
}

fn refused(world: &mut World, at: &str, from: &str) -> u64 {
    let row = world.site(at).store.get(&LinkKeys::with(&agency(from)).incoming()).unwrap();
    row.map_or(0, |row| rows::read::<rows::InRow>(row).unwrap().refused)
}

/// The entries in frames, by their numbers; a head without entries is 0.
fn entries(frames: &[LinkFrame]) -> Vec<u64> {
    let mut seqs = Vec::new();
    for item in frames.iter().flat_map(|frame| &frame.items) {
        let LinkItem::Entries(entries) = item else { continue };
        if entries.items.is_empty() {
            seqs.push(0);
        }
        let of = |item: &crate::wire::log::LogItem| crate::wire::decode::<LogEntry>(&item.entry).unwrap().seq;
        seqs.extend(entries.items.iter().map(of));
    }
    seqs
}

/// SPEC V-557, V-568
#[test]
fn what_was_not_acknowledged_goes_again_in_another_life() {
    let (mut world, mut anna, mut bert, room) = pair();
    let b = agency("b.example");
    for text in ["one", "two"] {
        say(&mut world, &mut anna, &room, text);
        world.site("a.example").pump(&b).unwrap();
    }
    say(&mut world, &mut anna, &room, "three");
    for site in &mut world.sites {
        site.now = site.now.plus(SECOND);
    }
    let life = |world: &mut World| {
        let row = world.site("a.example").store.get(&LinkKeys::with(&b).outgoing()).unwrap().unwrap();
        rows::read::<rows::OutRow>(row).unwrap().life
    };
    let before = life(&mut world);
    // Twice: between them a frame goes that nobody takes.
    for _ in 0..2 {
        put_back(&mut world, "a.example");
        let first = world.site("a.example").pump(&b).unwrap();
        assert_eq!((frame_of(&first).claimed().number, frame_of(&first).claimed().previous), (1, None));
    }
    assert_ne!(life(&mut world), before);
    world.site("a.example").now = now().plus(2 * SECOND + limits::FRAME_RETRY);
    world.site("b.example").now = now().plus(2 * SECOND + limits::FRAME_RETRY);
    let frames = frames(&mut world, "a.example", "b.example");
    assert_eq!(frames.iter().map(|frame| frame.number).collect::<Vec<_>>(), [1, 2, 3]);
    let last = anna.rooms[&room].tail.seq;
    assert_eq!(entries(&frames), [last + 1, last + 2, last + 3]);
    assert_eq!(refused(&mut world, "b.example", "a.example"), 0);
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["one", "two", "three"]);
    // No frame of any life is left.
    let all = LinkKeys::with(&b).frame(0);
    let left = world.site("a.example").store.scan(&all[..all.len() - 8], None, 9).unwrap();
    assert_eq!(left, []);
}

/// SPEC V-558
#[test]
fn who_acknowledges_out_of_another_store_is_told_everything_again() {
    let (mut world, mut anna, mut bert, room) = pair();
    let b = agency("b.example");
    say(&mut world, &mut anna, &room, "one");
    let frame = world.site("a.example").pump(&b).unwrap();
    let old = ack_of(&world.site("b.example").peer(&frame).unwrap().unwrap().bytes);
    let key = server_key(&world, "b.example");
    world.site("a.example").peer(&ack(old.clone(), &key)).unwrap();
    say(&mut world, &mut anna, &room, "two");
    let frame = world.site("a.example").pump(&b).unwrap();
    put_back(&mut world, "b.example");
    let reply = world.site("b.example").peer(&frame).unwrap().unwrap().bytes;
    assert_ne!(ack_of(&reply).store, old.store);

    // Not before the last that was taken: it may be somebody's who has kept it.
    let code = |world: &mut World, of: LinkAck| {
        let before = world.site("a.example").store.clone();
        let code = world.site("a.example").peer(&ack(of, &key)).unwrap_err().code();
        assert!(world.site("a.example").store == before);
        code
    };
    assert_eq!(code(&mut world, ack_of(&reply)), Code::RolledBack);
    let later = LinkAck { at: now().plus(SECOND), ..ack_of(&reply) };
    world.site("a.example").now = now().plus(SECOND);
    world.site("b.example").now = now().plus(SECOND);
    let site = world.site("a.example");
    site.peer(&ack(later.clone(), &key)).unwrap();
    assert!(site.outputs.contains(&Output::PeerPutBack(b.clone())), "{:?}", site.outputs);
    assert!(site.outputs.contains(&Output::LinkReady(b.clone())), "{:?}", site.outputs);
    // What it acknowledged of the life before is over, and so is the store that it had.
    let first = world.site("a.example").pump(&b).unwrap();
    let (life, number) = (frame_of(&first).claimed().incarnation, frame_of(&first).claimed().number);
    assert_ne!(life, old.incarnation);
    assert_eq!(number, 1);
    assert_eq!(code(&mut world, later.clone()), Code::NotForUs);
    let stale = LinkAck { incarnation: life, number: 0, hash: None, ..old.clone() };
    assert_eq!(code(&mut world, stale), Code::RolledBack);
    // Not from ahead: those that come after it would be late.
    let ahead = now().plus(SECOND + limits::CLOCK_SKEW + Duration::from_millis(1));
    let ahead = LinkAck { at: ahead, incarnation: life, ..later.clone() };
    assert_eq!(code(&mut world, ahead), Code::BadStamp);
    // And a store cannot be another one as often as anybody likes.
    let other = IncarnationId::from_bytes([9; 16]);
    let soon = LinkAck { at: now().plus(2 * SECOND), store: other, incarnation: life, ..later };
    assert_eq!(code(&mut world, soon), Code::Quota);
    // The next one is of the store that is known now.
    let reply = world.site("b.example").peer(&first).unwrap().unwrap().bytes;
    world.site("a.example").peer(&reply).unwrap();
    assert_eq!(world.site("a.example").outputs, []);
    assert_eq!(refused(&mut world, "b.example", "a.example"), 0);
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["one", "two"]);
}

/// What A gives B, or another agency, that asks for what comes after an entry.
fn given(world: &mut World, to: &str, room: &RoomId, seq: u64, hash: Hash) -> (u64, Vec<u64>) {
    let before = refused(world, "a.example", to);
    let item = LinkItem::EntriesWanted(EntriesWanted { room: *room, seq, hash });
    world.queue(to, "a.example", item);
    frames(world, to, "a.example");
    let refused = refused(world, "a.example", to) - before;
    (refused, entries(&frames(world, "a.example", to)))
}

/// SPEC V-560
#[test]
fn a_hub_gives_again_what_an_agency_may_read() {
    let (mut world, mut anna, bert, room) = pair();
    let mut cleo = world.person("cleo@c.example");
    let hash = |world: &mut World, seq: u64| {
        let row = world.site("a.example").store.get(&RoomKeys::of(&room).entry(seq)).unwrap().unwrap();
        crate::room::log::entry_hash(&rows::read_wire::<crate::wire::log::LogItem>(row).unwrap().entry)
    };
    let came = anna.rooms[&room].tail.seq;
    for text in ["one", "two", "three"] {
        say(&mut world, &mut anna, &room, text);
    }
    world.settle();
    world.sync(&mut anna);
    let last = came + 3;
    let (at_came, at_two) = (hash(&mut world, came), hash(&mut world, came + 2));
    // All that comes after it, in one frame with the head at its end; at the end of the log that head alone.
    assert_eq!(
        given(&mut world, "b.example", &room, came, at_came),
        (0, vec![came + 1, came + 2, came + 3, 0])
    );
    assert_eq!(given(&mut world, "b.example", &room, came + 2, at_two), (0, vec![came + 3, 0]));
    let at_last = hash(&mut world, last);
    assert_eq!(given(&mut world, "b.example", &room, last, at_last), (0, vec![0]));
    // Who has another log, or a longer one, is told where this one stands.
    assert_eq!(given(&mut world, "b.example", &room, came, at_two), (0, vec![0]));
    assert_eq!(given(&mut world, "b.example", &room, last + 1, at_last), (0, vec![0]));
    // Not from before its first device came; not to an agency that is not there; of no other room.
    let first = hash(&mut world, 1);
    assert_eq!(given(&mut world, "b.example", &room, 1, first), (1, vec![]));
    assert_eq!(given(&mut world, "c.example", &room, came, at_came), (1, vec![]));
    let other = RoomId::from_bytes([9; 16]);
    assert_eq!(given(&mut world, "b.example", &other, came, at_came), (1, vec![]));

    // When it has gone: up to the entry with which it went, with whom that removes.
    let commit = anna.commit(&room, &[], std::slice::from_ref(&bert.id));
    world.submit(&mut anna, &commit);
    world.sync(&mut anna);
    say(&mut world, &mut anna, &room, "among ourselves");
    world.settle();
    world.sync(&mut anna);
    let item = LinkItem::EntriesWanted(EntriesWanted { room, seq: last, hash: at_last });
    world.queue("b.example", "a.example", item);
    frames(&mut world, "b.example", "a.example");
    let given_again = frames(&mut world, "a.example", "b.example");
    assert_eq!(entries(&given_again), [last + 1]);
    let [LinkItem::Entries(again)] = given_again[0].items.as_slice() else { panic!() };
    assert_eq!(again.departures.len(), 1);
    assert_eq!((&again.departures[0].device, again.departures[0].seq), (&bert.id, last + 1));
    let gone = hash(&mut world, last + 1);
    assert_eq!(given(&mut world, "b.example", &room, last + 1, gone), (1, vec![]));

    // Another agency, that comes later, has nothing from before.
    world.invite(&room, &mut anna, &mut [&mut cleo]);
    let came_late = anna.rooms[&room].tail.seq;
    let at_late = hash(&mut world, came_late);
    let before_that = hash(&mut world, came_late - 1);
    assert_eq!(given(&mut world, "c.example", &room, came_late - 1, before_that), (1, vec![]));
    assert_eq!(given(&mut world, "c.example", &room, came_late, at_late), (0, vec![0]));
}

/// SPEC V-529, V-560: as other questions.
#[test]
fn entries_are_not_given_again_without_end() {
    let (mut world, anna, _, room) = pair();
    let tail = anna.rooms[&room].tail.clone();
    let wanted = EntriesWanted { room, seq: tail.seq, hash: tail.hash.unwrap() };
    for _ in 0..limits::ANSWERS_OF_AGENCY / limits::FRAME_ITEMS as u64 {
        let items = vec![LinkItem::EntriesWanted(wanted); limits::FRAME_ITEMS];
        push(&mut world, "b.example", "a.example", items);
    }
    assert_eq!(refused(&mut world, "a.example", "b.example"), 0);
    push(&mut world, "b.example", "a.example", vec![LinkItem::EntriesWanted(wanted)]);
    assert_eq!(refused(&mut world, "a.example", "b.example"), 1);
    // And all of them have one answer.
    assert_eq!(entries(&frames(&mut world, "a.example", "b.example")), [0]);
}

fn wanted(world: &mut World, room: &RoomId) -> Option<rows::WantedRow> {
    let row = world.site("b.example").store.get(&RoomKeys::of(room).wanted()).unwrap();
    row.map(|row| rows::read(row).unwrap())
}

/// SPEC V-559
#[test]
fn a_follower_asks_for_what_it_lacks_until_it_is_answered() {
    let (mut world, mut anna, mut bert, room) = pair();
    let old = world.site("b.example").store.clone();
    say(&mut world, &mut anna, &room, "lost");
    world.settle();
    say(&mut world, &mut anna, &room, "late");
    let late = world.site("a.example").pump(&agency("b.example")).unwrap();
    let LinkItem::Entries(late) = frame_of(&late).claimed().items[0].clone() else { panic!() };

    // Put back, it is given an entry past its end: that is not taken, and not refused.
    let site = world.site("b.example");
    site.store = old;
    site.restart();
    put_back(&mut world, "b.example");
    let begun = world.site("b.example").store.clone();
    // By then it has been asked for all that is missing in all rooms; not so here.
    let due = crate::server::keys::dues();
    let rows = begun.rows().filter(|(key, _)| !key.starts_with(&due));
    world.site("b.example").store = rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect();
    let asks = |world: &mut World| {
        let site = world.site("b.example");
        let frame = site.pump(&agency("a.example"));
        let items = frame.map(|frame| frame_of(&frame).claimed().items.clone()).unwrap_or_default();
        items.into_iter().filter(|item| matches!(item, LinkItem::EntriesWanted(_))).count()
    };
    push(&mut world, "a.example", "b.example", vec![LinkItem::Entries(late.clone())]);
    let count = refused(&mut world, "b.example", "a.example");
    assert_eq!((count, asks(&mut world)), (0, 1));
    // Once, until it is ten minutes.
    push(&mut world, "a.example", "b.example", vec![LinkItem::Entries(late.clone())]);
    assert_eq!(asks(&mut world), 0);
    for tries in 2..=limits::WANTED_TRIES {
        let site = world.site("b.example");
        site.now = site.now.plus(limits::LOST_AGAIN);
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
        assert_eq!(wanted(&mut world, &room).map(|row| row.tries), Some(tries));
    }
    // For a day.
    for _ in 0..2 {
        let site = world.site("b.example");
        site.now = site.now.plus(limits::LOST_AGAIN);
        site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
        assert_eq!(wanted(&mut world, &room), None);
    }

    // By itself, in all rooms, as soon as it is put back; and it is done when it has been answered.
    let site = world.site("b.example");
    (site.store, site.now) = (begun, now().plus(SECOND));
    world.site("a.example").now = now().plus(SECOND);
    world.site("b.example").call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert!(wanted(&mut world, &room).is_some());
    let site = world.site("a.example");
    site.now = site.now.plus(limits::FRAME_RETRY);
    world.site("b.example").now = now().plus(SECOND + limits::FRAME_RETRY);
    world.settle();
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["lost", "late"]);
    // Nor is it asked once more at once, whoever says that there is more.
    assert_eq!(wanted(&mut world, &room).map(|row| row.tries), Some(0));
    let mut beyond = late.as_ref().clone();
    beyond.items.clear();
    beyond.head = {
        let head = crate::wire::log::Head { seq: 99, ..late.head.claimed().clone() };
        crate::crypto::sign(head, &[&server_key(&world, "a.example")]).into_signed()
    };
    let site = world.site("b.example");
    let before = site.store.rows().count();
    push(&mut world, "a.example", "b.example", vec![LinkItem::Entries(Box::new(beyond))]);
    assert_eq!((world.site("b.example").store.rows().count(), asks(&mut world)), (before, 0));
    let site = world.site("b.example");
    site.now = site.now.plus(limits::LOST_AGAIN);
    site.call(|server, ctx| server.tick(ctx, 100)).unwrap();
    assert_eq!(wanted(&mut world, &room), None);
}

/// SPEC V-567
#[test]
fn what_has_no_fate_goes_to_its_hub_again() {
    let (mut world, mut anna, mut bert, room) = pair();
    let said = bert.say(&room, "on its way");
    let asks = |world: &mut World, bert: &mut Dev, said: &Submission| {
        assert_eq!(bert.submit(world.site("b.example"), said), ReplyBody::Queued);
        let sent = frames(world, "b.example", "a.example");
        let items = sent.iter().flat_map(|frame| &frame.items);
        items.filter(|item| matches!(item, LinkItem::Submission(_))).count()
    };
    assert_eq!(asks(&mut world, &mut bert, &said), 1);
    let again = now().plus(limits::LOST_AGAIN);
    for (at, passed_on) in [
        (again.minus(Duration::from_millis(1)), 0),
        (again, 1),
        (again, 0),
        (again.plus(limits::LOST_AGAIN), 1),
        // By a clock that was put back.
        (now(), 1),
        (now(), 0),
        // As long as the hub has kept what it said, and no longer.
        (now().plus(limits::REFUSAL_KEPT / 2).minus(SECOND), 1),
        (now().plus(limits::REFUSAL_KEPT / 2), 0),
        (now().plus(limits::REFUSAL_KEPT), 0),
    ] {
        world.sites.iter_mut().for_each(|site| site.now = at);
        assert_eq!(asks(&mut world, &mut bert, &said), passed_on, "{at:?}");
    }
    // Its fate is the same each time: it is there once.
    world.sites.iter_mut().for_each(|site| site.now = now().plus(limits::REFUSAL_KEPT));
    world.settle();
    world.sync(&mut anna);
    assert_eq!(anna.texts(), ["on its way"]);
}

/// SPEC V-516: what a device has submitted to a room that is ordered here it cannot submit to another one.
#[test]
fn a_counter_is_of_one_room() {
    let (mut world, _, mut bert, room) = pair();
    let (own, create) = bert.create(crate::room::RoomKind::Group);
    world.submit(&mut bert, &create);
    world.sync(&mut bert);
    let here = bert.say(&own, "here");
    world.submit(&mut bert, &here);
    let header = here.header.claimed().clone();
    let there = bert.say(&room, "there");
    let forged = crate::wire::log::SubmissionHeader {
        counter: header.counter,
        submission_id: header.submission_id,
        ..there.header.claimed().clone()
    };
    let forged =
        Submission { header: crate::crypto::sign(forged, &[bert.test.new.key()]).into_signed(), ..there };
    let site = world.site("b.example");
    assert_eq!(site.refused(&super::device::wrap(&forged)), Code::StoreRolledBack);
}

/// SPEC V-534, V-557: both ends, in one and the same moment, and once more by a clock that is behind.
#[test]
fn lives_that_begin_in_one_moment() {
    let (mut world, mut anna, mut bert, room) = pair();
    for round in 0..3_u32 {
        for at in ["a.example", "b.example"] {
            world.sites.iter_mut().for_each(|site| site.now = now().minus(round * SECOND));
            put_back(&mut world, at);
            for (from, to) in [("a.example", "b.example"), ("b.example", "a.example")] {
                let item = LinkItem::BlobForgotten(crate::wire::link::BlobForgotten {
                    blob: crate::ids::BlobId::from_bytes([7; 16]),
                });
                world.queue(from, to, item);
                let first = world.site(from).pump(&agency(to)).unwrap();
                assert!(world.site(to).peer(&first).unwrap().is_some());
            }
        }
    }
    world.sites.iter_mut().for_each(|site| site.now = now().plus(limits::FRAME_RETRY_MAX));
    say(&mut world, &mut anna, &room, "after all");
    for _ in 0..4 {
        // Each end learns of the other's store, not twice in a minute.
        for (from, to) in [("a.example", "b.example"), ("b.example", "a.example")] {
            while let Some(frame) = world.site(from).pump(&agency(to)) {
                let ack = world.site(to).peer(&frame).unwrap().unwrap();
                let _ = world.site(from).peer(&ack.bytes);
            }
        }
        world.sites.iter_mut().for_each(|site| site.now = site.now.plus(limits::FRAME_RETRY_MAX));
    }
    world.settle();
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["after all"]);
}

/// SPEC V-559: the invitation of a device that was taken out and brought in again comes before the entries
/// between.
#[test]
fn a_later_stay_shows_that_an_earlier_one_has_ended() {
    let (mut world, mut anna, mut bert, room) = pair();
    let mut eva = world.person("eva@b.example");
    world.invite(&room, &mut anna, &mut [&mut eva]);
    let old = world.site("b.example").store.clone();
    let begins = anna.rooms[&room].tail.seq;
    say(&mut world, &mut anna, &room, "lost");
    world.settle();
    world.sync(&mut anna);
    let commit = anna.commit(&room, &[], std::slice::from_ref(&bert.id));
    world.submit(&mut anna, &commit);
    world.sync(&mut anna);
    say(&mut world, &mut anna, &room, "without Bert");
    world.settle();
    world.sync(&mut anna);
    world.sync(&mut bert);
    world.invite(&room, &mut anna, &mut [&mut bert]);
    let again = anna.rooms[&room].tail.seq;
    let invitation = world.site("b.example").store.get(&RoomKeys::of(&room).invitation(again)).unwrap();
    assert_eq!(invitation, None, "Bert has made use of it");

    // All that, but the last, was before the store was put back.
    let spans = |world: &mut World| {
        let row = world.site("b.example").store.get(&RoomKeys::of(&room).reader(&bert.id)).unwrap().unwrap();
        let spans = rows::read::<rows::SpanRow>(row).unwrap().spans;
        spans.iter().map(|span| (span.from, span.until)).collect::<Vec<_>>()
    };
    let ended = spans(&mut world)[0].1;
    let site = world.site("b.example");
    site.store = old;
    site.restart();
    let mut row = rows::read::<rows::RoomRow>(site.store.get(&RoomKeys::of(&room).state()).unwrap().unwrap());
    let row = row.as_mut().unwrap();
    let present = row.present;
    world
        .site("b.example")
        .call(|server, ctx| {
            let mut call = crate::server::Call::begin(ctx, &mut server.cache)?;
            call.enter(row, &room, &bert.id, again, true)?;
            call.put_room(&room, row);
            call.finish(())
        })
        .unwrap();
    let cut = spans(&mut world);
    let (first, second) = (cut[0], cut[1]);
    assert_eq!((first.1, second), (begins, (again, 0)));
    assert_eq!(row.present, present);
    // The departure that comes with the entries between is of the stay before.
    world
        .site("b.example")
        .call(|server, ctx| {
            let mut call = crate::server::Call::begin(ctx, &mut server.cache)?;
            call.depart(row, &room, &bert.id, ended)?;
            call.put_room(&room, row);
            call.finish(())
        })
        .unwrap();
    assert_eq!((spans(&mut world), row.present), (cut, present));
}

/// SPEC V-534: by a clock that was ahead, and one that is further ahead than anybody believes.
#[test]
fn a_life_begins_later_than_one_of_a_clock_that_was_ahead() {
    for ahead in [limits::CLOCK_SKEW / 2, limits::CLOCK_SKEW * 9] {
        let (mut world, mut anna, mut bert, room) = pair();
        let b = agency("b.example");
        world.site("a.example").now = now().plus(ahead);
        say(&mut world, &mut anna, &room, "by a clock that is ahead");
        let frame = world.site("a.example").pump(&b).unwrap();
        assert_eq!(world.site("b.example").peer(&frame).is_ok(), ahead < limits::CLOCK_SKEW);
        // It is put right; the next frame is lost, and so is the store.
        world.site("a.example").now = now();
        let item = LinkItem::BlobForgotten(crate::wire::link::BlobForgotten {
            blob: crate::ids::BlobId::from_bytes([7; 16]),
        });
        world.queue("a.example", "b.example", item);
        world.site("a.example").pump(&b).unwrap();
        put_back(&mut world, "a.example");
        let first = world.site("a.example").pump(&b).unwrap();
        let taken = world.site("b.example").peer(&first);
        if ahead < limits::CLOCK_SKEW {
            assert!(taken.unwrap().is_some());
        }
        // In the end all of it comes.
        world.sites.iter_mut().for_each(|site| site.now = now().plus(ahead * 2));
        world.settle();
        world.sync(&mut bert);
        assert_eq!(bert.texts(), ["by a clock that is ahead"]);
    }
}

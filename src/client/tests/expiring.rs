//! Messages that have to go: told when it is time, once, whatever happens in between.

use core::time::Duration;

use super::{
    DAY,
    index::{BEGIN, ROOM, Reader, id, text},
};
use crate::{
    client::{
        Client, Event, keys,
        rows::{self, MessageRow, RoomRow},
    },
    content::{Content, Reaction},
    ids::MessageId,
    time::Timestamp,
    wire::{self, log::Stamp},
};

/// That the device takes part in the room, and the hub's time at the last entry.
pub(super) fn note_place(reader: &mut Reader, at: u64) {
    let at = Timestamp::from_millis(BEGIN + at);
    let stamp = Stamp { at, trust_version: 1, revocations: Vec::new() };
    let stamp = wire::encode_body(&stamp).to_vec();
    let (seq, retention) = (reader.seq, reader.retention);
    reader.phone.call(|call| {
        rows::write(
            &mut call.draft,
            keys::room(&ROOM),
            &RoomRow { seq, stamp, retention, ..RoomRow::default() },
        );
        Ok(())
    });
}

/// What is told when the engine is asked, and acknowledged.
pub(super) fn expire(reader: &mut Reader) -> Vec<MessageId> {
    reader.phone.call(|call| call.expire());
    let events = reader.phone.client.events(&reader.phone.store, 0, 100).unwrap();
    reader.phone.call(|call| {
        call.draft.delete_prefix(keys::events());
        Ok(())
    });
    let told = events.into_iter().flat_map(|(_, event)| match event {
        Event::Expired { room, messages } if room == ROOM => messages,
        other => panic!("{other:?}"),
    });
    told.collect()
}

fn at(reader: &mut Reader, after: u64) {
    reader.phone.now = Timestamp::from_millis(BEGIN + after);
}

/// When the engine asks to be called.
fn wake(reader: &mut Reader) -> Option<u64> {
    let phone = &mut reader.phone;
    let ctx = crate::store::Ctx { now: phone.now, store: &phone.store, rng: &mut phone.rng };
    let mut call = crate::client::call::Call::begin(ctx, &mut phone.client.cache).unwrap();
    call.expire().unwrap();
    let done = call.finish(()).unwrap().commit(&mut phone.store.clone()).unwrap();
    done.wake.map(|at| at.as_millis() - BEGIN)
}

/// What is known of message 1.
fn row(reader: &Reader) -> MessageRow {
    let key = keys::message(&ROOM, &id(1));
    rows::parse(&reader.phone.rows(&key)[0].1, "message").unwrap()
}

const SECOND: Option<Duration> = Some(Duration::from_secs(1));

#[test]
fn a_message_goes_once_when_its_time_has_come() {
    // V-726, V-727
    let mut reader = Reader::new(60);
    reader.read_for(1, "ben@a.example", 0, &text("short"), SECOND);
    reader.read_for(2, "ben@a.example", 500, &text("short"), SECOND);
    reader.read(3, "ben@a.example", 0, &text("long"));
    note_place(&mut reader, 500);
    at(&mut reader, 999);
    assert_eq!(wake(&mut reader), Some(1_000));
    assert_eq!(expire(&mut reader), []);
    reader.phone.client = Client::new();
    at(&mut reader, 1_000);
    assert_eq!(wake(&mut reader), Some(1_500));
    assert_eq!(expire(&mut reader), [id(1)]);
    reader.phone.client = Client::new();
    assert_eq!(expire(&mut reader), []);
    // A clock that is put back and forth tells nothing twice.
    at(&mut reader, 0);
    assert_eq!(expire(&mut reader), []);
    at(&mut reader, 1_400);
    assert_eq!(expire(&mut reader), []);
    at(&mut reader, 9_000_000);
    assert_eq!(expire(&mut reader), [id(2)]);
    assert_eq!(expire(&mut reader), []);
}

#[test]
fn the_row_stays_until_the_log_has_gone_past() {
    let mut reader = Reader::new(61);
    reader.read_for(1, "ben@a.example", 0, &text("short"), SECOND);
    note_place(&mut reader, 999);
    at(&mut reader, 1_000);
    assert_eq!(expire(&mut reader), [id(1)]);
    // An edit from before is on its way.
    assert_eq!(row(&reader).author, "ben@a.example");
    let edit = Reaction::to(id(1), "+1").unwrap().into();
    assert!(reader.read(2, "ben@a.example", 999, &edit).unwrap().applies[0].outcome.is_ok());
    at(&mut reader, 90_000_000);
    assert_eq!(expire(&mut reader), []);
    assert_eq!(row(&reader).author, "ben@a.example");
    note_place(&mut reader, 1_000);
    at(&mut reader, 180_000_000);
    assert_eq!(expire(&mut reader), []);
    assert_eq!(row(&reader), MessageRow { seq: 1, ..Default::default() });
    assert!(reader.phone.rows(&keys::expiring_messages()).is_empty());
    assert!(
        reader.read_for(1, "ben@a.example", 0, &text("short"), SECOND).is_none(),
        "nor does it come again"
    );
}

#[test]
fn the_stricter_of_lifetime_and_retention_holds() {
    // V-726
    let day = u64::try_from(DAY.as_millis()).unwrap();
    for (retention, lifetime, due) in [
        (0, None, None),
        (0, Some(5), Some(5)),
        (7, None, Some(7)),
        (7, Some(5), Some(5)),
        (7, Some(9), Some(7)),
    ] {
        let mut reader = Reader::new(62);
        reader.retention = retention * day;
        let lifetime = lifetime.map(|days: u32| DAY * days);
        let noted = reader.read_for(1, "ben@a.example", 0, &text("a"), lifetime).unwrap();
        assert_eq!(noted.expires_at, due.map(|due: u64| Timestamp::from_millis(BEGIN + due * day)));
    }
}

#[test]
fn a_room_may_keep_longer_or_shorter_later() {
    // V-726
    let mut reader = Reader::new(63);
    reader.retention = 1_000;
    reader.read(1, "ben@a.example", 0, &text("a"));
    // Longer: found out when it would have gone.
    reader.retention = 5_000;
    note_place(&mut reader, 0);
    at(&mut reader, 1_000);
    assert_eq!(expire(&mut reader), []);
    assert_eq!(wake(&mut reader), Some(5_000));
    // For ever.
    reader.retention = 0;
    note_place(&mut reader, 0);
    at(&mut reader, 5_000);
    assert_eq!(expire(&mut reader), []);
    assert_eq!(wake(&mut reader), None);
    assert!(reader.phone.rows(&keys::expiring_messages()).is_empty());
}

#[test]
fn shorter_retention_holds_for_what_was_said_before() {
    // V-726
    let mut reader = Reader::new(67);
    for n in 0..1_100 {
        reader.read(n, "ben@a.example", n, &text("a"));
    }
    reader.read_for(2_000, "ben@a.example", 5, &text("short"), SECOND);
    reader.retention = 5_000;
    note_place(&mut reader, 1_100);
    // In parts, each found again where the one before has ended.
    let mut after = Some(Vec::new());
    let mut parts = 0;
    while let Some(from) = after {
        let mut next = None;
        reader.phone.call(|call| {
            next = call.reschedule_part(&ROOM, 5_000, &from)?;
            Ok(())
        });
        (after, parts) = (next, parts + 1);
    }
    assert_eq!(parts, 3);
    at(&mut reader, 4_999);
    assert_eq!(expire(&mut reader), [id(2_000)]);
    at(&mut reader, 5_099);
    assert_eq!(expire(&mut reader), (0..100).map(id).collect::<Vec<_>>());
    assert_eq!(wake(&mut reader), Some(5_100));
}

#[test]
fn what_applies_to_others_goes_with_them() {
    // V-727
    let mut reader = Reader::new(64);
    reader.retention = 10_000;
    reader.read(1, "ben@a.example", 0, &text("a"));
    let reaction: Content = Reaction::to(id(1), "+1").unwrap().into();
    assert_eq!(reader.read(2, "ben@a.example", 1, &reaction).unwrap().expires_at, None);
    // By its own word sooner; and what applies to nothing by itself.
    assert!(reader.read_for(3, "ben@a.example", 2, &reaction, SECOND).unwrap().expires_at.is_some());
    let nothing: Content = Reaction::to(id(9), "+1").unwrap().into();
    assert!(reader.read(4, "ben@a.example", 3, &nothing).unwrap().expires_at.is_some());
    note_place(&mut reader, 3);
    at(&mut reader, 100_000);
    assert_eq!(expire(&mut reader), [id(3), id(1), id(4)]);
}

#[test]
fn messages_of_a_room_that_was_left_go_too() {
    // V-727
    let mut reader = Reader::new(65);
    reader.read_for(1, "ben@a.example", 0, &text("a"), SECOND);
    reader.phone.call(|call| {
        call.draft.delete_prefix(keys::messages(&ROOM));
        Ok(())
    });
    at(&mut reader, 1_000);
    assert_eq!(expire(&mut reader), [id(1)]);
    assert_eq!(expire(&mut reader), []);
}

#[test]
fn many_that_are_due_come_in_parts() {
    let mut reader = Reader::new(66);
    for n in 0..1_100 {
        reader.read_for(n, "ben@a.example", n, &text("a"), SECOND);
    }
    note_place(&mut reader, 1_100);
    at(&mut reader, 50_000);
    assert_eq!(wake(&mut reader), Some(50_000), "at once again");
    let mut told = expire(&mut reader);
    assert_eq!(told.len(), 512);
    told.extend(expire(&mut reader));
    told.extend(expire(&mut reader));
    assert_eq!(told, (0..1_100).map(id).collect::<Vec<_>>());
    assert_eq!(expire(&mut reader), []);
}

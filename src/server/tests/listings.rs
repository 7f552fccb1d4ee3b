//! Rooms that show themselves: which, to whom, page by page, as their log says at the time.

use std::{cell::Cell, collections::BTreeSet};

use super::world::{Site, World};
use crate::{
    code::Code,
    error::Result,
    identity::fixture::{agency, now, user},
    ids::{AgencyId, Hash, RoomId},
    limits,
    room::{JoinRule, Listing, Policy, RoomKind, RoomState},
    server::{
        call::{Cache, Call},
        rows::RoomRow,
    },
    store::{Ctx, Row, Store, Value},
    time::Timestamp,
    wire::device::{ListedRoom, LookUp, Page, Query, ReplyBody, RequestBody, RoomSearch},
};

fn state(n: u16, name: &str, join: JoinRule) -> RoomState {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    let room = (RoomId::from_bytes(id), RoomKind::Topic);
    let founder = user("anna@a.example");
    let listing = Some(Listing::new(name, "").unwrap());
    RoomState {
        join,
        listing,
        ..RoomState::begin(room, &founder, Policy::topic(), Hash::from_bytes([0; 32]))
    }
}

fn only(name: &str) -> JoinRule {
    JoinRule::Agencies(BTreeSet::from([agency(name)]))
}

/// What an entry of a room's log leaves behind at the hub.
fn put(site: &mut Site, before: Option<&RoomState>, after: &RoomState) {
    site.call(|_, ctx| {
        let mut cache = Cache::default();
        let mut call = Call::begin(ctx, &mut cache)?;
        call.list_room(before, after)?;
        let row = RoomRow { hub: "a.example".into(), state: after.encode(), ..RoomRow::default() };
        call.put_room(&after.room, &row);
        call.finish(())
    })
    .unwrap();
}

/// A page of what an agency's users find, and how many rows were read for it.
fn page(site: &mut Site, asking: &AgencyId, text: &str, after: Option<&[u8]>) -> (Page, usize) {
    let store = Counting { store: &site.store, rows: Cell::new(0) };
    let ctx = Ctx { now: site.now, store: &store, rng: &mut site.rng };
    let mut cache = Cache::default();
    let call = Call::begin(ctx, &mut cache).unwrap();
    store.rows.set(0);
    let after = after.map(bytes::Bytes::copy_from_slice);
    let page = call.search_rooms(asking, &RoomSearch { text: text.into(), after }).unwrap();
    (page, store.rows.get())
}

fn found(site: &mut Site, asking: &str, text: &str) -> Vec<ListedRoom> {
    page(site, &agency(asking), text, None).0.rooms
}

/// A store that counts the rows that are read.
struct Counting<'s> {
    store: &'s dyn Store,
    rows: Cell<usize>,
}

impl Store for Counting<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        self.rows.set(self.rows.get() + 1);
        self.store.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        let rows = self.store.scan(prefix, after, limit)?;
        self.rows.set(self.rows.get() + rows.len());
        Ok(rows)
    }
}

/// SPEC V-571: each of these is a reason to show nothing, alone.
#[test]
fn a_room_is_shown_to_whom_it_admits() {
    let mut world = World::new();
    let site = world.site("a.example");
    let end = now().plus(core::time::Duration::from_secs(60));
    let shown = RoomState { ends_at: end, ..state(1, "Stolen boats", only("b.example")) };
    put(site, None, &shown);
    let listed = found(site, "b.example", "boats");
    let [room] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((room.room, room.name.as_str(), room.ends_at), (shown.room, "Stolen boats", end));
    // It admits others, even those of the hub; its words are others; it has ended.
    assert!(found(site, "c.example", "boats").is_empty());
    assert!(found(site, "a.example", "boats").is_empty());
    assert!(found(site, "b.example", "oats").is_empty());
    site.now = Timestamp::from_millis(end.as_millis() - 1);
    assert_eq!(found(site, "b.example", "boats").len(), 1);
    site.now = end;
    assert!(found(site, "b.example", "boats").is_empty());
    site.now = now();
    // It shows nothing; it admits nobody by itself; it is between two.
    for (n, hidden) in [
        (2, RoomState { listing: None, ..state(2, "Boats", JoinRule::Anybody) }),
        (3, state(3, "Boats", JoinRule::Invitation)),
        (4, RoomState { kind: RoomKind::Direct, ..state(4, "Boats", JoinRule::Anybody) }),
    ] {
        put(site, None, &hidden);
        for asking in ["a.example", "b.example", "c.example"] {
            let rooms = found(site, asking, "");
            assert!(rooms.iter().all(|found| found.room != hidden.room), "{n} to {asking}");
        }
    }
}

/// SPEC V-571
#[test]
fn rooms_that_are_not_shown_cost_nothing() {
    let mut world = World::new();
    let site = world.site("a.example");
    put(site, None, &state(1, "Boats", JoinRule::Anybody));
    let (_, before) = page(site, &agency("c.example"), "", None);
    for n in 2..300 {
        let join = if n % 2 == 0 { JoinRule::Invitation } else { only("b.example") };
        put(site, None, &state(n, "Boats", join));
    }
    let (shown, after) = page(site, &agency("c.example"), "", None);
    assert_eq!((shown.rooms.len(), after), (1, before));
}

/// SPEC V-572
#[test]
fn each_room_is_on_one_page() {
    let mut world = World::new();
    let site = world.site("a.example");
    let count = 2 * limits::LISTED_ROOMS + 1;
    for n in 0..count {
        let join = if n % 3 == 0 { only("b.example") } else { JoinRule::Anybody };
        let n = u16::try_from(n).unwrap();
        // Under several words, of which some begin alike.
        put(site, None, &state(n, &format!("Boats, boaters {n:02} boatyard"), join));
    }
    for text in ["boat", ""] {
        let (mut seen, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let (page, _) = page(site, &agency("b.example"), text, after.as_deref());
            assert!(page.rooms.len() <= limits::LISTED_ROOMS);
            seen.extend(page.rooms.iter().map(|found| found.room));
            pages += 1;
            let Some(next) = page.next else { break };
            assert!(next.len() <= limits::SEARCH_PLACE);
            after = Some(next);
        }
        assert!(pages >= 3);
        assert_eq!(seen.len(), count, "{text}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), count);
    }
    // A place that somebody makes up ends a page and nothing else.
    for place in [&[9][..], &[1, 0, 0], &[0, 255, 255]] {
        page(site, &agency("b.example"), "boat", Some(place));
    }
}

/// SPEC V-572, V-594: one allowance for users and rooms.
#[test]
fn who_asks_for_rooms_too_often_is_told_when_to_come_again() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut ask = |world: &mut World, query| {
        let request = anna.request(RequestBody::LookUp(LookUp { agency: agency("a.example"), query }));
        match world.site("a.example").device(&request).body {
            ReplyBody::Failure(failure) => Some((failure.reason.code().unwrap(), failure.retry_at)),
            _ => None,
        }
    };
    let rooms = || Query::Rooms(RoomSearch { text: String::new(), after: None });
    for n in 0..limits::LOOK_UPS {
        let query = if n % 2 == 0 { rooms() } else { Query::User(user("x@a.example")) };
        assert_eq!(ask(&mut world, query), None);
    }
    let again = now().plus(limits::LOOK_UPS_EVERY);
    assert_eq!(ask(&mut world, rooms()), Some((Code::Quota, again)));
}

/// SPEC V-573: what it was shown under before is gone with the entry that changes it.
#[test]
fn what_the_log_changes_holds_at_once() {
    let mut world = World::new();
    let site = world.site("a.example");
    let index = |site: &Site| site.store.rows().filter(|(key, _)| key.starts_with(b"dir/")).count();
    let bare = index(site);
    let mut last = state(1, "Boats", only("b.example"));
    put(site, None, &last);
    let mut change = |site: &mut Site, change: &dyn Fn(&mut RoomState)| {
        let mut next = last.clone();
        change(&mut next);
        put(site, Some(&last), &next);
        last = next;
    };
    let seen = |site: &mut Site, text: &str| ["b.example", "c.example"].map(|of| found(site, of, text).len());
    assert_eq!(seen(site, "boats"), [1, 0]);
    change(site, &|s| s.join = only("c.example"));
    assert_eq!(seen(site, "boats"), [0, 1]);
    change(site, &|s| s.join = JoinRule::Anybody);
    assert_eq!(seen(site, "boats"), [1, 1]);
    change(site, &|s| s.listing = Some(Listing::new("Bicycles", "two wheels").unwrap()));
    assert_eq!((seen(site, "boats"), seen(site, "wheels")), ([0, 0], [1, 1]));
    change(site, &|s| s.ends_at = now());
    assert_eq!(seen(site, ""), [0, 0]);
    change(site, &|s| s.ends_at = Timestamp::ZERO);
    assert_eq!(seen(site, ""), [1, 1]);
    change(site, &|s| s.join = JoinRule::Invitation);
    assert_eq!(seen(site, ""), [0, 0]);
    change(site, &|s| s.join = JoinRule::Anybody);
    change(site, &|s| s.listing = None);
    assert_eq!(seen(site, ""), [0, 0]);
    assert_eq!(index(site), bare + 1, "the guard alone");
}

//! What an accepted message costs: rows and bytes, and what is not read for it.

use std::cell::RefCell;

use super::{
    device::{Dev, wrap},
    world::World,
};
use crate::{
    error::Result,
    ids::RoomId,
    server::keys::RoomKeys,
    store::{Apply, Ctx, MemoryStore, Row, Store, Value},
    wire::device::ReplyBody,
};

/// A store that notes what is read of it.
struct Watched<'a>(&'a MemoryStore, RefCell<Vec<Vec<u8>>>);

impl Store for Watched<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        self.1.borrow_mut().push(key.to_vec());
        self.0.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        self.1.borrow_mut().push(prefix.to_vec());
        self.0.scan(prefix, after, limit)
    }
}

/// Rows written, bytes written, and keys read for a message of a device at the hub.
fn accept(world: &mut World, dev: &mut Dev, room: &RoomId) -> (usize, usize, Vec<Vec<u8>>) {
    let text = "x".repeat(1024);
    let said = dev.say(room, &text);
    let entry = said.mls.len() + said.header.bytes().len();
    let site = world.site("a.example");
    let watched = Watched(&site.store, RefCell::default());
    let ctx = Ctx { now: site.now, store: &watched, rng: &mut site.rng };
    let transition = site.server.device(ctx, &wrap(&said)).unwrap();
    let (rows, bytes) = (transition.batch().writes().len(), transition.batch().bytes());
    let read = watched.1.into_inner();
    site.store.apply(transition.batch()).unwrap();
    assert_eq!(site.device(&wrap(&said)).body, ReplyBody::Done);
    (rows, bytes - entry, read)
}

#[test]
fn a_message_costs_rows_by_agencies_and_not_by_members() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    accept(&mut world, &mut anna, &room);
    let (rows, bytes, read) = accept(&mut world, &mut anna, &room);
    println!("two agencies: {rows} rows, {bytes} bytes beside the entry, {} reads", read.len());
    assert!(rows <= 9 && bytes <= 900, "{rows} rows, {bytes} bytes");
    // The public group is not touched.
    let group = RoomKeys::of(&room).group();
    assert!(read.iter().all(|key| !key.starts_with(&group)));

    // Another agency: one row more. Another device: nothing more.
    let mut cleo = world.person("cleo@c.example");
    world.invite(&room, &mut anna, &mut [&mut cleo]);
    let (more_rows, more_bytes, more_read) = accept(&mut world, &mut anna, &room);
    println!("three agencies: {more_rows} rows, {more_bytes} bytes beside the entry");
    assert_eq!(more_rows, rows + 1);
    assert!(more_bytes - bytes < 200);
    let mut dora = world.person("dora@c.example");
    let mut emil = world.person("emil@a.example");
    world.invite(&room, &mut anna, &mut [&mut dora, &mut emil]);
    let (same_rows, same_bytes, same_reads) = accept(&mut world, &mut anna, &room);
    assert_eq!((same_rows, same_reads.len()), (more_rows, more_read.len()));
    assert!(same_bytes.abs_diff(more_bytes) < 16);
}

//! What a follower takes from a hub.

use super::{
    links::{forged, frame_of, pair, push, say, server_key},
    world::World,
};
use crate::{
    code::Code,
    crypto::{self, SigningKey},
    identity::fixture::{agency, now},
    ids::{Device, Hash, IncarnationId},
    limits,
    server::{keys::LinkKeys, rows},
    store::Store,
    wire::{
        link::{Departure, LinkItem, RoomEntries},
        log::Head,
    },
};

#[test]
fn a_hub_shows_a_follower_one_history() {
    let (mut world, mut anna, mut bert, room) = pair();
    let b = agency("b.example");
    for text in ["one", "two", "three"] {
        say(&mut world, &mut anna, &room, text);
    }
    let frame = world.site("a.example").pump(&b).unwrap();
    let key = server_key(&world, "a.example");
    let refused = |world: &mut World, from: &str, change: &dyn Fn(&mut RoomEntries)| {
        let key = server_key(world, from);
        let mut store = world.site("b.example").store.clone();
        let bytes = forged(&frame, &key, |f| {
            f.from = agency(from);
            let Some(LinkItem::Entries(entries)) = f.items.first_mut() else { panic!() };
            change(entries);
            if from != "a.example" {
                f.number = 1;
                f.previous = None;
                f.incarnation = IncarnationId::from_bytes([7; 16]);
                f.descriptor = Some(world.federation.agencies[2].descriptor());
            }
        });
        assert!(world.site("b.example").peer(&bytes).unwrap().is_some());
        let link = LinkKeys::with(&agency(from)).incoming();
        let row = Store::get(&world.site("b.example").store, &link).unwrap().unwrap();
        let refused = rows::read::<rows::InRow>(row).unwrap().refused;
        core::mem::swap(&mut world.site("b.example").store, &mut store);
        refused
    };
    let head = |seq: u64, hash: Hash, key: &SigningKey, entries: &RoomEntries| {
        let head = Head { seq, hash, ..entries.head.claimed().clone() };
        crypto::sign(head, &[key]).into_signed()
    };
    // V-521: from the hub alone.
    assert_eq!(refused(&mut world, "c.example", &|_| {}), 1);
    // V-523, V-501: a gap, another order; V-506: a head of another history, or by another agency.
    assert_eq!(refused(&mut world, "a.example", &|e| drop(e.items.remove(1))), 1);
    assert_eq!(refused(&mut world, "a.example", &|e| e.items.swap(1, 2)), 1);
    let forked = |e: &mut RoomEntries| e.head = head(5, Hash::from_bytes([1; 32]), &key, e);
    assert_eq!(refused(&mut world, "a.example", &forked), 1);
    let other = server_key(&world, "c.example");
    let foreign = |e: &mut RoomEntries| {
        e.head = head(e.head.claimed().seq, e.head.claimed().hash, &other, e);
    };
    assert_eq!(refused(&mut world, "a.example", &foreign), 1);
    // V-506: a stamp that is later than the head above it.
    let early = |e: &mut RoomEntries| {
        let at = now().minus(core::time::Duration::from_millis(1));
        let head = Head { at, ..e.head.claimed().clone() };
        e.head = crypto::sign(head, &[&key]).into_signed();
    };
    assert_eq!(refused(&mut world, "a.example", &early), 1);
    // V-524
    let departs = |device: &Device, seq| {
        let departure = Departure { device: device.clone(), seq };
        move |e: &mut RoomEntries| e.departures = vec![departure.clone()]
    };
    let (anna_id, bert_id) = (anna.id.clone(), bert.id.clone());
    assert_eq!(refused(&mut world, "a.example", &departs(&anna_id, 4)), 1);
    assert_eq!(refused(&mut world, "a.example", &departs(&bert_id, 6)), 1);
    assert_eq!(refused(&mut world, "a.example", &departs(&bert_id, 5)), 0);
    assert_eq!(refused(&mut world, "a.example", &|_| {}), 0);
    world.site("b.example").peer(&frame).unwrap();
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["one", "two", "three"]);
}

/// SPEC V-533: a head from ahead. The frame comes again, and is taken when it is time; were the item
/// alone refused, nothing could ever follow it.
#[test]
fn a_frame_with_a_head_from_ahead_waits() {
    let (mut world, mut anna, mut bert, room) = pair();
    let (b, key) = (agency("b.example"), server_key(&world, "a.example"));
    say(&mut world, &mut anna, &room, "one");
    let frame = world.site("a.example").pump(&b).unwrap();
    let at = now().plus(limits::CLOCK_SKEW);
    let headed = |at| {
        forged(&frame, &key, |f| {
            let Some(LinkItem::Entries(entries)) = f.items.first_mut() else { panic!() };
            let head = Head { at, ..entries.head.claimed().clone() };
            entries.head = crypto::sign(head, &[&key]).into_signed();
        })
    };
    let ahead = headed(at.plus(core::time::Duration::from_millis(1)));
    assert_eq!(world.site("b.example").peer(&ahead).unwrap_err().code(), Code::BadStamp);
    world.sync(&mut bert);
    assert!(bert.texts().is_empty());
    world.site("b.example").now = now().plus(core::time::Duration::from_millis(1));
    assert!(world.site("b.example").peer(&ahead).unwrap().is_some());
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["one"]);
}

/// SPEC V-508, V-522
#[test]
fn items_about_what_is_not_the_senders() {
    let (mut world, mut anna, mut bert, room) = pair();
    let refused = |world: &mut World, at: &str, from: &str| {
        let row = world.site(at).store.get(&LinkKeys::with(&agency(from)).incoming()).unwrap();
        row.map_or(0, |row| rows::read::<rows::InRow>(row).unwrap().refused)
    };
    // C says that Bert of B has submitted this to A.
    let said = bert.say(&room, "hello");
    push(&mut world, "c.example", "a.example", vec![LinkItem::Submission(Box::new(said.clone()))]);
    assert_eq!(refused(&mut world, "a.example", "c.example"), 1);
    push(&mut world, "b.example", "a.example", vec![LinkItem::Submission(Box::new(said))]);
    assert_eq!(refused(&mut world, "a.example", "b.example"), 0);

    // A tells C of a room in which C has nobody, and B of one in which it has nobody any more.
    let frame = world.site("a.example").pump(&agency("b.example")).unwrap();
    let entries = frame_of(&frame).claimed().items.clone();
    push(&mut world, "a.example", "c.example", entries.clone());
    assert_eq!(refused(&mut world, "c.example", "a.example"), 1);
    world.site("b.example").peer(&frame).unwrap();
    world.sync(&mut anna);
    let commit = anna.commit(&room, &[], std::slice::from_ref(&bert.id));
    world.submit(&mut anna, &commit);
    let before = refused(&mut world, "b.example", "a.example");
    push(&mut world, "a.example", "b.example", entries);
    assert_eq!(refused(&mut world, "b.example", "a.example"), before + 1);
}

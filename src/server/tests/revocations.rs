//! Revocation lists at servers: what they stop, where they go, what stamps name.

use super::{
    device::{Dev, wrap},
    hub::{Four, four, refusal, refused_by_hub},
    world::World,
};
use crate::{
    code::Code,
    identity::{
        Agency, AgencyStatus, Directory, KeyPurpose, OperationalKey, RevocationList,
        fixture::{DAY, agency, key, now, read, signed, user},
    },
    ids::{AgencyId, DeviceId, RoomId, UserId},
    limits,
    server::{Output, keys::RoomKeys, rows::read_wire},
    time::Timestamp,
    wire::{
        decode,
        device::{ReplyBody, RequestBody},
        log::{LogEntry, LogItem, Stamp},
    },
};

/// Gives an agency a revocation key and list 1.
fn revocable(world: &mut World, name: &str) -> RevocationList {
    let home = world.federation.home(&agency(name));
    let mut descriptor = home.describe(2, now().minus(DAY));
    let (from, until) = (now().minus(DAY), now().plus(500 * DAY));
    let public = key(50).verify_key();
    descriptor.keys.push(OperationalKey::new(KeyPurpose::Revocation, public.as_bytes(), from, until));
    let descriptor = descriptor.sign(&home.root).unwrap();
    let list = RevocationList::first(agency(name), now());
    world.site(name).call(|server, ctx| server.descriptor(ctx, &descriptor)).unwrap();
    publish(world, name, &list).unwrap();
    list
}

fn publish(world: &mut World, name: &str, list: &RevocationList) -> Result<(), Code> {
    let signed = list.sign(&key(50)).unwrap();
    world.site(name).call(|server, ctx| server.revocations(ctx, &signed)).map_err(|error| error.code())
}

/// Revokes a device at its own agency's server alone.
fn revoke(world: &mut World, list: &RevocationList, dev: &Dev) -> RevocationList {
    let next = list.next(now(), &[(dev.id.user.clone(), Some(dev.id.id), 1_000)]);
    publish(world, dev.id.user.agency().as_str(), &next).unwrap();
    next
}

fn known(world: &mut World, at: &str, of: &str) -> u64 {
    read(&world.site(at).store, |draft| Directory.revocation_version(draft, &agency(of))).unwrap()
}

/// The stamp of an entry as it stands in the log.
fn stamp(world: &mut World, room: &RoomId, seq: u64) -> Stamp {
    let row = crate::store::Store::get(&world.site("a.example").store, &RoomKeys::of(room).entry(seq));
    let item: LogItem = read_wire(row.unwrap().unwrap()).unwrap();
    decode::<LogEntry>(&item.entry).unwrap().stamp
}

fn names(stamp: &Stamp) -> Vec<(&str, u64)> {
    stamp.revocations.iter().map(|named| (named.agency.as_str(), named.version)).collect()
}

/// SPEC V-566
#[test]
fn a_revoked_device_is_given_nothing_at_home() {
    let Four { mut world, mut anna, mut tablet, mut bert, .. } = four();
    let list = revocable(&mut world, "a.example");
    let sync = tablet.sync_request();
    let sync = tablet.request(RequestBody::Sync(sync));
    assert!(matches!(world.site("a.example").device(&sync).body, ReplyBody::Delivery(_)));
    revoke(&mut world, &list, &tablet);
    assert!(world.site("a.example").outputs.contains(&Output::Documents));
    assert_eq!(world.site("a.example").refused(&sync), Code::Revoked);
    let late = tablet.packages(3, false);
    let late = tablet.request(RequestBody::Publish(late));
    assert_eq!(world.site("a.example").refused(&late), Code::Revoked);
    // Nor are its key packages given out; those of the user's other device are.
    bert.claim(world.site("b.example"), &[&anna.id.user]);
    world.settle();
    world.sync(&mut bert);
    let claimed = bert.claimed();
    assert_eq!(claimed[0].keys.as_ref().unwrap().packages.len(), 1);
    // With its old certificate it is not enrolled again.
    let again = tablet.enrol();
    assert_eq!(world.site("a.example").refused(&again), Code::Revoked);
    let sync = anna.sync_request();
    let sync = anna.request(RequestBody::Sync(sync));
    let ReplyBody::Delivery(delivery) = world.site("a.example").device(&sync).body else { panic!() };
    assert_eq!(delivery.revocations.len(), 1, "and the others are told");
}

/// SPEC V-294
#[test]
fn operators_bring_their_own_lists_in_order() {
    let mut world = World::new();
    let one = revocable(&mut world, "a.example");
    let two = one.next(now(), &[(user("anna@a.example"), None, 3)]);
    assert_eq!(publish(&mut world, "b.example", &two), Err(Code::NotForUs));
    assert_eq!(publish(&mut world, "a.example", &two), Ok(()));
    assert_eq!(publish(&mut world, "a.example", &two), Ok(()));
    assert_eq!(publish(&mut world, "a.example", &one), Err(Code::RolledBack));
}

/// SPEC V-517, V-518
#[test]
fn the_hub_names_lists_and_refuses_whom_they_revoke() {
    let Four { mut world, mut anna, mut tablet, mut bert, mut cleo, room } = four();
    let b = revocable(&mut world, "b.example");
    let c = revocable(&mut world, "c.example");
    world.settle();
    let first = anna.say(&room, "one");
    world.submit(&mut anna, &first);
    assert_eq!(names(&stamp(&mut world, &room, 3)), [("b.example", 1), ("c.example", 1)]);
    let second = anna.say(&room, "two");
    world.submit(&mut anna, &second);
    assert_eq!(names(&stamp(&mut world, &room, 4)), [], "nothing new");

    // What is under way when the list comes is refused, as everything after it.
    let late = bert.say(&room, "late");
    let body = bert.submit(world.site("b.example"), &late);
    assert_eq!(body, ReplyBody::Queued);
    revoke(&mut world, &b, &bert);
    let later = bert.say(&room, "later");
    assert_eq!(world.site("b.example").refused(&wrap(&later)), Code::Revoked);
    world.settle();
    assert_eq!(known(&mut world, "a.example", "b.example"), 2);
    let third = anna.say(&room, "three");
    world.submit(&mut anna, &third);
    assert_eq!(names(&stamp(&mut world, &room, 5)), [("b.example", 2)]);
    world.sync(&mut anna);
    let commit = anna.commit(&room, &[], &[bert.id.clone()]);
    world.submit(&mut anna, &commit);
    assert_eq!(names(&stamp(&mut world, &room, 6)), [("b.example", 2), ("c.example", 1)]);
    world.sync(&mut cleo);
    assert_eq!(cleo.texts(), ["one", "two", "three"]);
    drop((c, tablet.sync_request(), refusal, refused_by_hub));
}

/// SPEC V-518: also certificates that have come to an end by themselves, and agencies.
#[test]
fn whose_certificate_does_not_stand_is_refused() {
    let Four { mut world, mut bert, room, .. } = four();
    let said = bert.say(&room, "in time");
    bert.submit(world.site("b.example"), &said);
    // Bert's certificate ends while his words are on their way.
    let late = now().plus(301 * DAY);
    let a =
        world.federation.agencies[1].describe(3, late.minus(DAY)).sign(&world.federation.agencies[1].root);
    let descriptors = [
        a.unwrap(),
        world.federation.agencies[0]
            .describe(3, late.minus(DAY))
            .sign(&world.federation.agencies[0].root)
            .unwrap(),
    ];
    for site in &mut world.sites {
        site.now = late;
        for descriptor in &descriptors {
            site.call(|server, ctx| server.descriptor(ctx, descriptor)).unwrap();
        }
    }
    world.settle();
    let inbox = world.site("b.example").store.clone();
    let refused = inbox.rows().filter_map(|(_, row)| {
        let row: crate::server::rows::InboxRow = crate::server::rows::read(row.to_vec()).ok()?;
        let item: crate::wire::device::InboxItem = crate::wire::decode_body(&row.item).ok()?;
        match item.body {
            crate::wire::device::InboxBody::Refusal(refusal) => refusal.claimed().reason.code(),
            _ => None,
        }
    });
    assert_eq!(refused.collect::<Vec<_>>(), [Code::Expired]);
}

/// SPEC V-298
#[test]
fn no_new_devices_of_an_agency_whose_list_is_stale() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let b = revocable(&mut world, "b.example");
    let (room, create) = anna.create(RoomKind::Group);
    world.submit(&mut anna, &create);
    world.sync(&mut anna);
    let late = b.next_update().plus(limits::REVOCATION_GRACE);
    anna.claim(world.site("a.example"), &[&bert.id.user]);
    world.settle();
    assert_eq!(known(&mut world, "a.example", "b.example"), 1, "it goes with the first frame");
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let commit = anna.commit(&room, &claimed, &[]);
    world.site("a.example").now = late;
    assert_eq!(refusal(anna.submit(world.site("a.example"), &commit)).0, Code::StaleRevocations);
    anna.discard(&room);
    // With a newer list the same people may come.
    world.site("b.example").now = late;
    publish(&mut world, "b.example", &b.next(late, &[])).unwrap();
    world.settle();
    let commit = anna.commit(&room, &claimed, &[]);
    world.submit(&mut anna, &commit);
    world.sync(&mut bert);
    assert!(bert.rooms.contains_key(&room));
}

use crate::room::RoomKind;

fn lists(world: &World, from: u64, to: u64, change: impl Fn(&mut crate::identity::Roster)) -> Vec<Vec<u8>> {
    let list = |version| {
        let mut roster = world.federation.roster(version);
        change(&mut roster);
        signed(&roster, &[1, 2]).to_vec()
    };
    (from..=to).map(list).collect()
}

fn trust_version(world: &mut World, at: &str) -> u64 {
    read(&world.site(at).store, |draft| Directory.trust_version(draft)).unwrap()
}

/// SPEC V-519, V-520
#[test]
fn lists_go_from_server_to_server() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    for list in lists(&world, 2, 4, |_| {}) {
        world.site("a.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    }
    // A link that begins does not begin with them; the first stamp that names one does it.
    let room = world.room(&mut [&mut anna]);
    anna.claim(world.site("a.example"), &[&bert.id.user]);
    world.settle();
    assert_eq!(trust_version(&mut world, "b.example"), 1);
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let commit = anna.commit(&room, &claimed, &[]);
    world.submit(&mut anna, &commit);
    assert_eq!(trust_version(&mut world, "b.example"), 4);
    // From now on each goes at once, and further.
    let mut cleo = world.person("cleo@c.example");
    bert.claim(world.site("b.example"), &[&cleo.id.user]);
    world.settle();
    for list in lists(&world, 2, 4, |_| {}) {
        world.site("c.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    }
    let five = lists(&world, 5, 5, |_| {}).remove(0);
    world.site("a.example").call(|server, ctx| server.trust_list(ctx, &five)).unwrap();
    world.settle();
    for name in ["a.example", "b.example", "c.example"] {
        assert_eq!(trust_version(&mut world, name), 5);
    }
    // So do revocations, of whichever agency; a list that only says the same again does not.
    let a = revocable(&mut world, "a.example");
    let a = a.next(now(), &[(user("zoe@a.example"), Some(DeviceId::from_bytes([1; 16])), 1)]);
    publish(&mut world, "a.example", &a).unwrap();
    world.settle();
    assert_eq!(known(&mut world, "c.example", "a.example"), 2);
    publish(&mut world, "a.example", &a.next(now(), &[])).unwrap();
    world.settle();
    assert_eq!(known(&mut world, "b.example", "a.example"), 3);
    assert_eq!(known(&mut world, "c.example", "a.example"), 2);
    drop(cleo.sync_request());
}

/// SPEC V-212
#[test]
fn to_a_suspended_agency_nothing_is_sent() {
    let Four { mut world, mut anna, mut bert, mut cleo, room, .. } = four();
    let suspend = |roster: &mut crate::identity::Roster| {
        let id: AgencyId = agency("b.example");
        let root = key(20).verify_key();
        roster.issued_at = now();
        roster.agencies[1] = Agency::new(id, AgencyStatus::Suspended, &root);
    };
    let list = lists(&world, 2, 2, suspend).remove(0);
    world.site("a.example").call(|server, ctx| server.trust_list(ctx, &list)).unwrap();
    let said = anna.say(&room, "not for b");
    world.submit(&mut anna, &said);
    assert!(world.site("a.example").pump(&agency("b.example")).is_none());
    let late = bert.say(&room, "late");
    bert.submit(world.site("b.example"), &late);
    let frame = world.site("b.example").pump(&agency("a.example")).unwrap();
    let refused = world.site("a.example").peer(&frame).map(drop).map_err(|error| error.code());
    assert_eq!(refused, Err(Code::SuspendedAgency));
    world.sync(&mut cleo);
    assert_eq!(cleo.texts(), ["not for b"]);
    // Back again, it is given what has waited.
    let active = lists(&world, 3, 3, |roster| roster.issued_at = now()).remove(0);
    for name in ["a.example", "c.example"] {
        if name == "c.example" {
            let _ = world.site(name).call(|server, ctx| server.trust_list(ctx, &list));
        }
        let _ = world.site(name).call(|server, ctx| server.trust_list(ctx, &active));
    }
    for list in [&list, &active] {
        world.site("b.example").call(|server, ctx| server.trust_list(ctx, list)).unwrap();
    }
    world.settle();
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["not for b"]);
    let _: (Timestamp, Option<UserId>) = (now(), None);
}

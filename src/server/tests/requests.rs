//! What devices ask of their server: enrolment, key packages, and everything twice.

use super::{
    device::{Dev, wrap},
    world::World,
};
use crate::{
    code::Code,
    identity::fixture::{DAY, agency, now, user},
    room::RoomKind,
    server::keys::DeviceKeys,
    store::MemoryStore,
    wire::device::{Claim, ClaimedUser, Enrol, GetMaterial, InboxBody, ReplyBody, RequestBody},
};

/// The store after a message was brought once, and that it is the same after the second time.
fn twice(world: &mut World, at: &str, message: &[u8]) -> ReplyBody {
    let first = world.site(at).device(message);
    let after = world.site(at).store.clone();
    let second = world.site(at).device(message);
    assert_eq!(first, second);
    assert!(same_but_guards(&world.site(at).store, &after), "the second time has changed something");
    first.body
}

fn same_but_guards(a: &MemoryStore, b: &MemoryStore) -> bool {
    let rows = |store: &MemoryStore| -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = store.rows().filter(|(key, value)| !(key.ends_with(b"g") && value.len() == 16));
        rows.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    };
    rows(a) == rows(b)
}

/// SPEC V-544, V-507
#[test]
fn whatever_a_device_says_twice_has_one_effect() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let enrol = anna.enrol();
    assert_eq!(twice(&mut world, "a.example", &enrol), ReplyBody::Done);
    let publish = anna.packages(5, true);
    let publish = anna.request(RequestBody::Publish(publish));
    assert_eq!(twice(&mut world, "a.example", &publish), ReplyBody::Stock(17));
    let (room, create) = anna.create(RoomKind::Group);
    assert_eq!(twice(&mut world, "a.example", &wrap(&create)), ReplyBody::Done);
    world.sync(&mut anna);

    for whom in [anna.id.user.clone(), bert.id.user.clone(), user("x@y.example")] {
        let claim = anna.request(RequestBody::Claim(Claim { users: vec![whom], at: now() }));
        assert_eq!(twice(&mut world, "a.example", &claim), ReplyBody::Done);
    }
    world.settle();
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let codes: Vec<_> =
        claimed.iter().map(|user| user.keys.as_ref().err().and_then(|e| e.reason.code())).collect();
    // Anna's only device is the one that asks.
    assert_eq!(codes, [Some(Code::NoKeyPackage), Some(Code::UnknownAgency), None]);

    let commit = anna.commit(&room, &claimed[2..], &[]);
    assert_eq!(twice(&mut world, "a.example", &wrap(&commit)), ReplyBody::Done);
    world.settle();
    world.sync(&mut anna);
    let said = anna.say(&room, "hello");
    assert_eq!(twice(&mut world, "a.example", &wrap(&said)), ReplyBody::Done);
    let late = anna.say(&room, "late");
    let next = anna.commit(&room, &[], &[]);
    assert_eq!(twice(&mut world, "a.example", &wrap(&next)), ReplyBody::Done);
    assert!(matches!(twice(&mut world, "a.example", &wrap(&late)), ReplyBody::Refusal(_)));
    world.settle();

    world.sync(&mut bert);
    let wanted = GetMaterial { room, seq: 2 };
    let material = bert.request(RequestBody::GetMaterial(wanted));
    // Everybody has joined: nothing is kept for them any more.
    assert_eq!(world.site("b.example").refused(&material), Code::Expired);
    let said = bert.say(&room, "hi");
    assert_eq!(twice(&mut world, "b.example", &wrap(&said)), ReplyBody::Queued);
    let pending = world.site("b.example").pump(&agency("a.example")).unwrap();
    assert_eq!(twice(&mut world, "b.example", &wrap(&said)), ReplyBody::Queued);
    assert_eq!(world.site("b.example").pump(&agency("a.example")), None);
    world.site("a.example").peer(&pending).unwrap();
    let sync = bert.sync_request();
    let sync = bert.request(RequestBody::Sync(sync));
    assert!(matches!(twice(&mut world, "b.example", &sync), ReplyBody::Delivery(_)));
}

/// SPEC V-552
#[test]
fn a_key_package_is_given_out_once_whoever_asks() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let mut seen = std::collections::BTreeSet::new();
    let target = anna.id.user.clone();
    let mut last = None;
    for _ in 0..14 {
        bert.claim(world.site("b.example"), &[&target]);
        world.settle();
        world.sync(&mut bert);
        let claimed = bert.claimed();
        let [ClaimedUser { keys: Ok(keys), .. }] = claimed.as_slice() else { panic!() };
        assert_eq!(keys.packages.len(), 1);
        if !seen.insert(keys.packages[0].clone()) {
            // The last resort, and only that, comes again.
            assert!(last.is_none() || last.as_ref() == Some(&keys.packages[0]));
            last = Some(keys.packages[0].clone());
        }
    }
    assert_eq!(seen.len(), 13);
    // The device is told once that few are left.
    world.sync(&mut anna);
    assert_eq!(anna.inbox, [InboxBody::StockLow(9)]);
    // What was given out is not taken again, and there is room for more.
    let mut again = anna.packages(2, false);
    again.packages.extend(seen.iter().filter(|p| Some(*p) != last.as_ref()).take(3).cloned());
    let publish = anna.request(RequestBody::Publish(again));
    assert_eq!(world.site("a.example").device(&publish).body, ReplyBody::Stock(2));
}

/// SPEC V-551
#[test]
fn key_packages_that_are_not_kept() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut tablet = world.further(&anna);
    let mut code = |publish| {
        let request = anna.request(RequestBody::Publish(publish));
        world.site("a.example").refused(&request)
    };
    let theirs = tablet.packages(1, false);
    assert_eq!(code(theirs), Code::CertificateMismatch);
    let theirs = tablet.packages(0, true);
    assert_eq!(code(theirs), Code::CertificateMismatch);
    let stale = anna.packages_until(1, false, now());
    let stale = anna.request(RequestBody::Publish(stale));
    assert_eq!(world.site("a.example").refused(&stale), Code::Expired);
    let mut mixed = anna.packages(1, true);
    mixed.packages.push(mixed.last_resort.take().unwrap());
    let mixed = anna.request(RequestBody::Publish(mixed));
    assert_eq!(world.site("a.example").refused(&mixed), Code::BadField);
    let mut plain = anna.packages(1, false);
    plain.last_resort = plain.packages.pop();
    let plain = anna.request(RequestBody::Publish(plain));
    assert_eq!(world.site("a.example").refused(&plain), Code::BadField);
    for stock in [52, 92, 132, 172] {
        let more = anna.packages(40, false);
        let more = anna.request(RequestBody::Publish(more));
        assert_eq!(world.site("a.example").device(&more).body, ReplyBody::Stock(stock));
    }
    let more = anna.packages(40, false);
    let more = anna.request(RequestBody::Publish(more));
    assert_eq!(world.site("a.example").refused(&more), Code::Quota);
    // None of the last forty is kept.
    let keys = DeviceKeys::of(&anna.id).packages();
    let kept = world.site("a.example").store.rows().filter(|(key, _)| key.starts_with(&keys)).count();
    assert_eq!(kept, 172);
}

/// SPEC V-541 to V-543, V-545
#[test]
fn enrolment_has_its_rules() {
    let mut world = World::new();
    let test = world.federation.person("anna@a.example", 1);
    let mut anna = Dev::new(&world.federation, test, 1);
    let sync = anna.sync_request();
    let sync = anna.request(RequestBody::Sync(sync));
    assert_eq!(world.site("a.example").refused(&sync), Code::UnknownDevice);
    let enrol = anna.enrol();
    assert_eq!(world.site("b.example").refused(&enrol), Code::NotForUs);
    let mut bert = world.person("bert@a.example");
    let stolen = RequestBody::Enrol(Enrol {
        certificate: anna.test.certificate().clone(),
        chain: anna.test.chain().to_vec(),
    });
    let stolen = bert.request(stolen);
    assert_eq!(world.site("a.example").refused(&stolen), Code::CertificateMismatch);
    // Nothing of it was kept; then it works, and with another's key it does not.
    assert_eq!(world.site("a.example").refused(&sync), Code::UnknownDevice);
    assert_eq!(world.site("a.example").device(&enrol).body, ReplyBody::Done);
    std::mem::swap(&mut anna.test.new, &mut bert.test.new);
    let sync = anna.sync_request();
    let forged = anna.request(RequestBody::Sync(sync));
    assert_eq!(world.site("a.example").refused(&forged), Code::BadSignature);
    std::mem::swap(&mut anna.test.new, &mut bert.test.new);
    // A certificate that has run out says nothing any more.
    let site = world.site("a.example");
    site.now = now().plus(DAY * 301);
    let sync = anna.sync_request();
    let sync = anna.request(RequestBody::Sync(sync));
    assert_eq!(site.refused(&sync), Code::Expired);
    assert_eq!(site.refused(&enrol), Code::Expired);
}

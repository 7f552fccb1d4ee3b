//! One store: nothing half done, nothing done twice, nobody overwrites another.

use super::{
    device::{Dev, wrap},
    world::{World, setup},
};
use crate::{
    code::Code,
    crypto::SigningKey,
    error::Retry,
    identity::fixture::{DAY, agency, key, now},
    ids::RoomId,
    room::RoomKind,
    server::{Output, Reply, Server, keys::DeviceKeys},
    store::{ApplyError, Ctx, MemoryStore, Preloaded, Store, Transition},
    time::Timestamp,
    wire::device::{ClaimedUser, GetMaterial, InboxBody, ReplyBody, RequestBody},
};

fn call<T>(
    world: &mut World,
    at: &str,
    server: &mut Server,
    f: impl FnOnce(&mut Server, Ctx<'_>) -> crate::error::Result<T>,
) -> T {
    let site = world.site(at);
    f(server, Ctx { now: site.now, store: &site.store, rng: &mut site.rng }).unwrap()
}

fn room_of_two() -> (World, Dev, Dev, RoomId) {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    (world, anna, bert, room)
}

#[test]
fn two_engines_on_one_store() {
    let (mut world, mut anna, mut bert, room) = room_of_two();
    let (one, two) = (anna.say(&room, "one"), anna.say(&room, "two"));
    let (mut left, mut right) = (Server::new(), Server::new());
    let first: Transition<Reply, Output> =
        call(&mut world, "a.example", &mut left, |s, ctx| s.device(ctx, &wrap(&one)));
    let stale = call(&mut world, "a.example", &mut right, |s, ctx| s.device(ctx, &wrap(&two)));
    let site = world.site("a.example");
    first.commit(&mut site.store).unwrap();
    let before = site.store.clone();
    assert!(matches!(stale.commit(&mut site.store), Err(ApplyError::Conflict)));
    assert!(site.store == before);
    // The same call again is right.
    let again = call(&mut world, "a.example", &mut right, |s, ctx| s.device(ctx, &wrap(&two)));
    again.commit(&mut world.site("a.example").store).unwrap();

    // Also while a frame is made: two engines never give one number to two frames.
    let b = agency("b.example");
    let first = call(&mut world, "a.example", &mut left, |s, ctx| s.pump(ctx, &b));
    let stale = call(&mut world, "a.example", &mut right, |s, ctx| s.pump(ctx, &b));
    let frame = first.commit(&mut world.site("a.example").store).unwrap().value.unwrap();
    assert!(stale.commit(&mut world.site("a.example").store).is_err());
    let first = call(&mut world, "b.example", &mut left, |s, ctx| s.peer(ctx, &frame));
    let stale = call(&mut world, "b.example", &mut right, |s, ctx| s.peer(ctx, &frame));
    first.commit(&mut world.site("b.example").store).unwrap();
    assert!(stale.commit(&mut world.site("b.example").store).is_err());
    world.sync(&mut bert);
    assert_eq!(bert.texts(), ["one", "two"]);
}

#[test]
fn two_engines_and_two_commits() {
    let (mut world, mut anna, mut bert, room) = room_of_two();
    let mut tablet = world.further(&anna);
    world.invite(&room, &mut anna, &mut [&mut tablet]);
    let (mut left, mut right) = (Server::new(), Server::new());
    // Both engines have the group in memory.
    for server in [&mut left, &mut right] {
        let commit = anna.commit(&room, &[], &[]);
        let done = call(&mut world, "a.example", server, |s, ctx| s.device(ctx, &wrap(&commit)));
        done.commit(&mut world.site("a.example").store).unwrap();
        world.settle();
        for dev in [&mut anna, &mut tablet, &mut bert] {
            world.sync(dev);
        }
    }
    let (one, two) = (anna.commit(&room, &[], &[]), tablet.commit(&room, &[], &[]));
    let first = call(&mut world, "a.example", &mut left, |s, ctx| s.device(ctx, &wrap(&one)));
    let stale = call(&mut world, "a.example", &mut right, |s, ctx| s.device(ctx, &wrap(&two)));
    first.commit(&mut world.site("a.example").store).unwrap();
    assert!(stale.commit(&mut world.site("a.example").store).is_err());
    world.site("a.example").server = right;
    assert_eq!(world.site("a.example").refused(&wrap(&two)), Code::WrongEpoch);
    // The engine that was behind goes on from what is stored.
    world.settle();
    for dev in [&mut anna, &mut tablet, &mut bert] {
        world.sync(dev);
    }
    let next = tablet.commit(&room, &[], &[]);
    world.submit(&mut tablet, &next);
    world.sync(&mut bert);
    world.sync(&mut anna);
    assert_eq!(anna.tail_hash(&room), bert.tail_hash(&room));
}

#[test]
fn a_dropped_transition_has_not_happened() {
    let (mut world, mut anna, mut bert, room) = room_of_two();
    let commit = anna.commit(&room, &[], &[]);
    let said = wrap(&commit);
    let mut server = Server::new();
    let before = world.site("a.example").store.clone();
    for _ in 0..3 {
        drop(call(&mut world, "a.example", &mut server, |s, ctx| s.device(ctx, &said)));
    }
    assert!(world.site("a.example").store == before);
    let done = call(&mut world, "a.example", &mut server, |s, ctx| s.device(ctx, &said));
    done.commit(&mut world.site("a.example").store).unwrap();
    let b = agency("b.example");
    let frame = call(&mut world, "a.example", &mut server, |s, ctx| s.pump(ctx, &b));
    drop(frame);
    let frame = call(&mut world, "a.example", &mut server, |s, ctx| s.pump(ctx, &b));
    let frame = frame.commit(&mut world.site("a.example").store).unwrap().value.unwrap();
    drop(call(&mut world, "b.example", &mut server, |s, ctx| s.peer(ctx, &frame)));
    world.site("b.example").peer(&frame).unwrap();
    world.sync(&mut bert);
    assert_eq!(bert.tail_hash(&room).0, 3);
    world.site("a.example").server = server;
    world.sync(&mut anna);
    let next = anna.commit(&room, &[], &[]);
    world.submit(&mut anna, &next);
    world.sync(&mut bert);
    assert_eq!(bert.tail_hash(&room).0, 4);
}

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

    let claim = crate::wire::device::Claim {
        claim_id: crate::ids::RequestId::from_bytes([4; 16]),
        users: vec![
            anna.id.user.clone(),
            bert.id.user.clone(),
            crate::identity::fixture::user("x@y.example"),
        ],
    };
    let claim = anna.request(RequestBody::Claim(claim));
    assert_eq!(twice(&mut world, "a.example", &claim), ReplyBody::Done);
    world.settle();
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let codes: Vec<_> = claimed.iter().map(|user| user.keys.as_ref().err().and_then(|e| e.code())).collect();
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
    let stolen = RequestBody::Enrol(crate::wire::device::Enrol {
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
    assert_eq!(site.refused(&enrol), Code::MissingEvidence);
}

#[test]
fn setting_up_has_its_rules() {
    let world = World::new();
    let [a, b, _] = &world.federation.agencies;
    let mut store = MemoryStore::default();
    let mut server = Server::new();
    let mut rng = crate::identity::fixture::rng(1);
    let mut set_up = |store: &MemoryStore, setup: &crate::server::Setup, now: Timestamp| {
        server.setup(Ctx { now, store, rng: &mut rng }, setup)
    };
    let mut wrong = setup(&world.federation, a);
    wrong.server_key = SigningKey::from_seed(&b.server.seed());
    assert_eq!(set_up(&store, &wrong, now()).unwrap_err().code(), Code::MissingEvidence);
    wrong.server_key = SigningKey::from_seed(&a.certificate.seed());
    assert_eq!(set_up(&store, &wrong, now()).unwrap_err().code(), Code::UnknownKey);
    wrong.server_key = key(99);
    assert_eq!(set_up(&store, &wrong, now()).unwrap_err().code(), Code::MissingEvidence);
    let good = setup(&world.federation, a);
    assert!(set_up(&store, &good, now().plus(DAY * 60)).is_err());
    let transition = set_up(&store, &good, now()).unwrap();
    transition.commit(&mut store).unwrap();
    let life =
        |store: &MemoryStore| crate::store::Store::get(store, &crate::server::keys::own(b"i")).unwrap();
    let first = life(&store);
    set_up(&store, &good, now()).unwrap().commit(&mut store).unwrap();
    assert_eq!(life(&store), first);
    let other = setup(&world.federation, b);
    assert_eq!(set_up(&store, &other, now()).unwrap_err().code(), Code::BadArgument);
    let empty = MemoryStore::default();
    let mut rng = crate::identity::fixture::rng(1);
    let ctx = Ctx { now: now(), store: &empty, rng: &mut rng };
    assert_eq!(Server::new().device(ctx, &[]).unwrap_err().code(), Code::NotReady);
}

/// Rounds of loading until a call has what it needs.
fn rounds<T>(
    store: &MemoryStore,
    first: Vec<Vec<u8>>,
    mut call: impl FnMut(Ctx<'_>) -> crate::error::Result<Transition<T, Output>>,
) -> (u32, Transition<T, Output>) {
    let (mut loaded, mut rng) = (Preloaded::default(), crate::identity::fixture::rng(3));
    let load = |loaded: &mut Preloaded, prefixes: &[Vec<u8>]| {
        for prefix in prefixes {
            loaded.load(prefix.clone(), Store::scan(store, prefix, None, usize::MAX).unwrap());
        }
    };
    load(&mut loaded, &first);
    let mut rounds = 1;
    loop {
        match call(Ctx { now: now(), store: &loaded, rng: &mut rng }) {
            Ok(transition) => return (rounds, transition),
            Err(error) => {
                let Retry::Load(prefixes) = error.retry() else { panic!("{error}") };
                load(&mut loaded, prefixes);
                rounds += 1;
                assert!(rounds < 100);
            }
        }
    }
}

#[test]
fn an_asynchronous_host_loads_in_few_rounds() {
    let (mut world, mut anna, mut bert, room) = room_of_two();
    let b = agency("b.example");
    let mut server = Server::new();
    for text in 0..40 {
        let said = wrap(&anna.say(&room, &text.to_string()));
        let site = world.site("a.example");
        let (first, transition) =
            rounds(&site.store, Server::touches_device(&said), |ctx| server.device(ctx, &said));
        transition.commit(&mut site.store).unwrap();
        assert_eq!(first, 1);
    }
    let site = world.site("a.example");
    let (some, transition) = rounds(&site.store, Server::touches_pump(&b), |ctx| server.pump(ctx, &b));
    let frame = transition.commit(&mut site.store).unwrap().value.unwrap();
    assert!(some < 10, "{some}");
    let site = world.site("b.example");
    let (few, transition) = rounds(&site.store, Server::touches_peer(&frame), |ctx| server.peer(ctx, &frame));
    let ack = transition.commit(&mut site.store).unwrap().value.unwrap().bytes;
    assert!(few < 10, "{few}");
    let site = world.site("a.example");
    let (few, transition) = rounds(&site.store, Server::touches_peer(&ack), |ctx| server.peer(ctx, &ack));
    transition.commit(&mut site.store).unwrap();
    assert!(few < 10, "{few}");
    let sync = bert.sync_request();
    let sync = bert.request(RequestBody::Sync(sync));
    let site = world.site("b.example");
    let (few, transition) =
        rounds(&site.store, Server::touches_device(&sync), |ctx| server.device(ctx, &sync));
    transition.commit(&mut site.store).unwrap();
    assert!(few < 10, "{few}");
    world.sync(&mut bert);
    assert_eq!(bert.read.len(), 40);
}

#[test]
fn what_is_due_goes() {
    let (mut world, mut anna, mut bert, room) = room_of_two();
    let mut cleo = world.person("cleo@b.example");
    bert.claim(world.site("b.example"), &[&anna.id.user]);
    world.settle();
    world.sync(&mut bert);
    let late = anna.say(&room, "late");
    let commit = anna.commit(&room, &[], &[]);
    world.submit(&mut anna, &commit);
    assert_eq!(world.site("a.example").refused(&wrap(&late)), Code::WrongEpoch);
    anna.claim(world.site("a.example"), &[&cleo.id.user]);
    world.settle();
    world.sync(&mut anna);
    let claimed = anna.claimed();
    let invite = anna.commit(&room, &claimed, &[]);
    world.submit(&mut anna, &invite);

    let due = |world: &mut World, at: &str| {
        let due = crate::server::keys::dues();
        world.site(at).store.rows().filter(|(key, _)| key.starts_with(&due)).count()
    };
    assert!(due(&mut world, "a.example") > 0 && due(&mut world, "b.example") > 0);
    for at in ["a.example", "b.example"] {
        let site = world.site(at);
        site.now = now().plus(DAY * 500);
        while due(&mut world, at) > 0 {
            let before = due(&mut world, at);
            world.site(at).call(|server, ctx| server.tick(ctx, 3)).unwrap();
            let after = due(&mut world, at);
            assert!(after < before && after + 3 >= before);
        }
    }
    // Nobody has taken up the invitation, and now it is gone, from the inbox too.
    let site = world.site("b.example");
    site.now = now();
    let sync = cleo.sync_request();
    let sync = cleo.request(RequestBody::Sync(sync));
    let ReplyBody::Delivery(delivery) = site.device(&sync).body else { panic!() };
    assert!(delivery.inbox.is_empty());
}

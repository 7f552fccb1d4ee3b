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
    limits,
    server::{
        Output, Reply, Server,
        call::{Cache, Call},
        hub::{Fate, Submitted},
    },
    store::{ApplyError, Ctx, MemoryStore, Preloaded, Store, Transition, Write},
    time::Timestamp,
    wire::{
        Signed,
        device::{Claim, ClaimedUser, ReplyBody, RequestBody},
        link::LinkItem,
        log::Refusal,
    },
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

/// A claim looks at more users than the one who makes it: their devices stand or do not by what is
/// loaded, and not for want of it.
#[test]
fn an_asynchronous_host_gives_the_key_packages_that_there_are() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let [carl, bert] = ["carl@a.example", "bert@b.example"].map(|user| world.person(user));
    let mut server = Server::new();
    let claim = Claim { users: vec![carl.id.user.clone()], at: now() };
    let claim = anna.request(RequestBody::Claim(claim));
    let site = world.site("a.example");
    let (_, transition) =
        rounds(&site.store, Server::touches_device(&claim), |ctx| server.device(ctx, &claim));
    transition.commit(&mut site.store).unwrap();
    world.sync(&mut anna);
    assert!(matches!(&anna.claimed()[..], [ClaimedUser { keys: Ok(_), .. }]));

    anna.claim(world.site("a.example"), &[&bert.id.user]);
    let b = agency("b.example");
    let site = world.site("a.example");
    let (_, transition) = rounds(&site.store, Server::touches_pump(&b), |ctx| server.pump(ctx, &b));
    let frame = transition.commit(&mut site.store).unwrap().value.unwrap();
    let site = world.site("b.example");
    let (_, transition) = rounds(&site.store, Server::touches_peer(&frame), |ctx| server.peer(ctx, &frame));
    transition.commit(&mut site.store).unwrap();
    world.settle();
    world.sync(&mut anna);
    assert!(matches!(&anna.claimed()[..], [ClaimedUser { keys: Ok(_), .. }]));
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

#[test]
fn what_is_too_much_for_a_batch_is_refused_by_itself() {
    let (mut world, mut anna, mut bert, room) = room_of_two();
    let submission = anna.say(&room, &"x".repeat(8_000));
    let claim = bert.link_claim(Claim { users: vec![anna.id.user.clone()], at: now() });
    let site = world.site("a.example");
    let mut cache = Cache::default();
    let ctx = Ctx { now: site.now, store: &site.store, rng: &mut site.rng };
    let mut call = Call::begin(ctx, &mut cache).unwrap();
    // A batch in which there is hardly room for more than a refusal.
    call.draft.put(b"large".to_vec(), vec![0; limits::BATCH_BYTES - 3_000]);
    let fate = call.decide(&Submitted { submission: &submission, verified: None }).unwrap();
    let Fate::Refused(refusal) = fate else { panic!("{fate:?}") };
    let refusal: Signed<Refusal> = Signed::decode(&refusal).unwrap();
    assert_eq!(refusal.claimed().reason.code(), Some(Code::BatchTooLarge));
    call.peer_claim(&bert.id.user.agency().clone(), claim).unwrap();
    let transition = call.finish(()).unwrap();
    let written: Vec<_> = transition.batch().writes().iter().collect();
    let tail = crate::server::keys::RoomKeys::of(&room).tail();
    assert!(!written.iter().any(|write| matches!(write, Write::Put(key, _) if *key == tail)));
    transition.commit(&mut site.store).unwrap();
    let mut frame = Vec::new();
    while let Some(next) = world.site("a.example").pump(&bert.id.user.agency().clone()) {
        frame = next;
    }
    let items = super::links::frame_of(&frame).claimed().items.clone();
    let Some(LinkItem::ClaimAnswer(answer)) = items.last() else { panic!("{items:?}") };
    let code = answer.answer.users[0].keys.as_ref().unwrap_err().reason.code();
    assert_eq!(code, Some(Code::BatchTooLarge));
}

//! User chains at servers: who is given nothing any more, who is told, what is kept as evidence.

use super::{
    hub::{Four, four, refused_by_hub},
    world::World,
};
use crate::{
    code::Code,
    identity::{
        Directory,
        fixture::{TestFederation, now, read},
    },
    ids::UserId,
    server::{Output, Server},
    store::Ctx,
    wire::device::{KnownChain, ReplyBody, RequestBody, Sync},
};
use bytes::Bytes;

/// The agency removes a device; its chain then.
fn removed(world: &mut World, device: &crate::ids::Device) -> Vec<Bytes> {
    let a = world.federation.home(device.user.agency());
    let ctx = Ctx { now: now(), store: &a.store.clone(), rng: &mut crate::identity::fixture::rng(1) };
    a.registrar.remove(ctx, device).unwrap().commit(&mut a.store).unwrap().value.chain
}

fn bring(world: &mut World, name: &str, links: &[Bytes]) -> Result<(), Code> {
    world.site(name).call(|server, ctx| server.user_chain(ctx, links)).map_err(|error| error.code())
}

/// SPEC V-307, V-309
#[test]
fn a_removed_device_is_given_nothing() {
    let Four { mut world, mut anna, mut tablet, mut bert, room, .. } = four();
    let chain = removed(&mut world, &tablet.id);
    assert_eq!(bring(&mut world, "b.example", &chain), Err(Code::NotForUs));
    let say = tablet.say(&room, "it is me");
    assert_eq!(bring(&mut world, "a.example", &chain), Ok(()));
    let ready = |world: &mut World, dev: &crate::ids::Device| {
        world.site("a.example").outputs.contains(&Output::DeviceReady(dev.clone()))
    };
    assert!(ready(&mut world, &anna.id) && !ready(&mut world, &tablet.id));
    let sync = tablet.sync_request();
    let sync = tablet.request(RequestBody::Sync(sync));
    assert_eq!(world.site("a.example").refused(&sync), Code::RemovedDevice);
    let again = tablet.enrol();
    assert_eq!(world.site("a.example").refused(&again), Code::RemovedDevice);
    assert_eq!(world.site("a.example").refused(&super::device::wrap(&say)), Code::RemovedDevice);
    // Its key packages are not given out either.
    bert.claim(world.site("b.example"), &[&anna.id.user]);
    world.settle();
    world.sync(&mut bert);
    let claimed = bert.claimed();
    let keys = claimed[0].keys.as_ref().unwrap();
    assert_eq!((keys.packages.len(), keys.chain.len()), (1, 3));
    // The user's other device is told, if it says what it has.
    let told = |world: &mut World, anna: &mut super::device::Dev, known| {
        let sync = Sync { chain: known, ..anna.sync_request() };
        let sync = anna.request(RequestBody::Sync(sync));
        let ReplyBody::Delivery(delivery) = world.site("a.example").device(&sync).body else { panic!() };
        delivery.chain
    };
    let known = |links| Some(KnownChain { identity: *anna.test.verified.identity(), links });
    let (one, all) = (known(2), known(3));
    assert_eq!(told(&mut world, &mut anna, None), Vec::<Bytes>::new());
    assert_eq!(told(&mut world, &mut anna, one), chain[2..]);
    assert_eq!(told(&mut world, &mut anna, all), Vec::<Bytes>::new());
}

/// SPEC V-307: at the hub, of whatever agency the device is.
#[test]
fn a_hub_takes_nothing_of_a_device_that_it_knows_to_be_removed() {
    let Four { mut world, mut bert, room, .. } = four();
    let chain = removed(&mut world, &bert.id);
    let late = bert.say(&room, "late");
    assert_eq!(bert.submit(world.site("b.example"), &late), ReplyBody::Queued);
    let hub = &mut world.site("a.example").store;
    crate::identity::fixture::apply(hub, |draft| crate::identity::fixture::take_chain(draft, &chain))
        .unwrap();
    world.settle();
    world.sync(&mut bert);
    assert_eq!(refused_by_hub(&mut bert).0, Code::RemovedDevice);
}

/// SPEC V-312: what it came with is refused, and yet it is kept.
#[test]
fn a_fork_is_refused_and_kept() {
    let mut world = World::new();
    let anna = world.person("anna@a.example");
    let user: UserId = anna.id.user.clone();
    let fork = |world: &mut World| {
        let site = world.site("a.example");
        let ctx = Ctx { now: now(), store: &site.store, rng: &mut crate::identity::fixture::rng(1) };
        Server::chain_fork(ctx, &user).unwrap()
    };
    assert_eq!(fork(&mut world), None);
    let mut other = TestFederation::new();
    let rival = other.person("anna@a.example", 9);
    let mut rival = super::device::Dev::new(&other, rival, 9);
    let enrol = rival.enrol();
    assert_eq!(world.site("a.example").refused(&enrol), Code::Equivocation);
    let kept = fork(&mut world).expect("evidence");
    assert_eq!((kept.user(), kept.n()), (&user, 0));
    assert_eq!(bring(&mut world, "a.example", rival.test.chain()), Err(Code::Equivocation));
    let store = &world.site("a.example").store;
    let known = read(store, |draft| Directory.identity(draft, &user)).unwrap();
    assert_eq!(known.as_ref(), Some(anna.test.verified.identity()));
}

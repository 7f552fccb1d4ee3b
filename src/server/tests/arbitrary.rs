//! Arbitrary bytes: no panic, and nothing changes.

use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

use super::{
    device::{Dev, wrap},
    world::World,
};
use crate::{
    identity::fixture::agency,
    ids::RoomId,
    server::{Output, Reply, Server, WithChunk},
    store::{Ctx, Transition},
    wire::device::RequestBody,
};

struct Stage {
    world: World,
    device: Vec<Vec<u8>>,
    peer: Vec<Vec<u8>>,
}

/// A server with something in it, and messages of every kind for it that were never brought.
fn stage() -> Stage {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert: Dev = world.person("bert@b.example");
    let room: RoomId = world.room(&mut [&mut anna, &mut bert]);
    let said = anna.say(&room, "hello");
    let sync = anna.sync_request();
    let publish = anna.packages(1, false);
    let device = vec![
        wrap(&said),
        anna.enrol(),
        anna.request(RequestBody::Sync(sync)),
        anna.request(RequestBody::Publish(publish)),
    ];
    let reply = bert.say(&room, "hello");
    bert.submit(world.site("b.example"), &reply);
    let frame = world.site("b.example").pump(&agency("a.example")).unwrap();
    let said = anna.say(&room, "more");
    anna.submit(world.site("a.example"), &said);
    let out = world.site("a.example").pump(&agency("b.example")).unwrap();
    let ack = world.site("b.example").peer(&out).unwrap().unwrap().bytes;
    Stage { world, device, peer: vec![frame, ack] }
}

impl Stage {
    fn device(&mut self, bytes: &[u8], chunk: Option<&[u8]>) -> Option<Transition<Reply, Output>> {
        let site = self.world.site("a.example");
        let ctx = Ctx { now: site.now, store: &site.store, rng: &mut site.rng };
        let mut server = Server::new();
        match chunk {
            Some(chunk) => server
                .device_with_chunk(ctx, bytes, chunk)
                .ok()
                .map(|WithChunk { transition, .. }| transition),
            None => server.device(ctx, bytes).ok(),
        }
    }

    fn peer(&mut self, bytes: &[u8]) -> Option<Transition<Option<Reply>, Output>> {
        let site = self.world.site("a.example");
        let ctx = Ctx { now: site.now, store: &site.store, rng: &mut site.rng };
        Server::new().peer(ctx, bytes).ok()
    }
}

/// Whether a batch writes nothing.
fn idle<T, O>(transition: Option<Transition<T, O>>) -> bool {
    transition.is_none_or(|transition| transition.batch().is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_are_no_message_change_nothing(inputs in vec(vec(any::<u8>(), 0..300), 40)) {
        let mut stage = stage();
        for bytes in inputs {
            prop_assert!(idle(stage.device(&bytes, None)));
            prop_assert!(idle(stage.device(&bytes, Some(&bytes))));
            prop_assert!(idle(stage.peer(&bytes)));
        }
    }

    #[test]
    fn a_message_with_a_changed_byte_changes_nothing(
        flips in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u8..=255), 60),
    ) {
        let mut stage = stage();
        for (which, place, flip) in flips {
            for side in [true, false] {
                let messages = if side { &stage.device } else { &stage.peer };
                let mut bytes = which.get(messages).clone();
                let place = place.index(bytes.len());
                bytes[place] ^= flip;
                if side {
                    prop_assert!(idle(stage.device(&bytes, None)));
                } else {
                    prop_assert!(idle(stage.peer(&bytes)));
                }
            }
        }
        // As they are, they do something.
        let (device, peer) = (stage.device.clone(), stage.peer.clone());
        prop_assert!(!idle(stage.device(&device[0], None)));
        prop_assert!(peer.iter().all(|bytes| !idle(stage.peer(bytes))));
    }
}

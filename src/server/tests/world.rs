//! Three agencies with their servers, and a network that does as it is told.

use std::collections::BTreeSet;

use bytes::Bytes;
use chacha20::ChaCha20Rng;

use super::device::Dev;
use crate::{
    code::Code,
    crypto::{SignedAs, VerifyKey},
    error::Result,
    identity::fixture::{TestFederation, agency, now, rng},
    ids::{AgencyId, RoomId, UserId},
    room::RoomKind,
    server::{Output, Reply, Server, Setup},
    store::{Ctx, Done, MemoryStore, Transition},
    time::Timestamp,
    wire::{
        self, Signed,
        device::{ReplyBody, RequestBody, ServerReply},
    },
};

/// A server with its store.
pub(super) struct Site {
    pub(super) id: AgencyId,
    pub(super) server: Server,
    pub(super) store: MemoryStore,
    pub(super) now: Timestamp,
    pub(super) rng: ChaCha20Rng,
    /// What the last call gave out.
    pub(super) outputs: Vec<Output>,
    /// Requests for chunks, of all calls.
    pub(super) fetches: Vec<(AgencyId, Vec<u8>)>,
    keys: Vec<(AgencyId, VerifyKey)>,
}

impl Site {
    /// Makes a call and applies it.
    pub(super) fn call<T>(
        &mut self,
        f: impl FnOnce(&mut Server, Ctx<'_>) -> Result<Transition<T, Output>>,
    ) -> Result<T> {
        let ctx = Ctx { now: self.now, store: &self.store, rng: &mut self.rng };
        let Done { value, outputs, .. } = f(&mut self.server, ctx)?.commit(&mut self.store).unwrap();
        let fetches = outputs.iter().filter_map(|output| match output {
            Output::Fetch { peer, message } => Some((peer.clone(), message.clone())),
            _ => None,
        });
        self.fetches.extend(fetches);
        self.outputs = outputs;
        Ok(value)
    }

    pub(super) fn device(&mut self, message: &[u8]) -> ServerReply {
        let reply = self.call(|server, ctx| server.device(ctx, message)).unwrap();
        wire::decode(&Bytes::from(reply.bytes)).unwrap()
    }

    pub(super) fn peer(&mut self, message: &[u8]) -> Result<Option<Reply>> {
        self.call(|server, ctx| server.peer(ctx, message))
    }

    pub(super) fn pump(&mut self, peer: &AgencyId) -> Option<Vec<u8>> {
        self.call(|server, ctx| server.pump(ctx, peer)).unwrap()
    }

    /// What the device is told that it did wrong.
    pub(super) fn refused(&mut self, message: &[u8]) -> Code {
        match self.device(message).body {
            ReplyBody::Failure(failure) => failure.reason.code().unwrap(),
            ReplyBody::Refusal(refusal) => refusal.claimed().reason.code().unwrap(),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// The engine is dropped and made anew on the same store.
    pub(super) fn restart(&mut self) {
        self.server = Server::new();
    }

    /// The key with which a server has signed.
    pub(super) fn server_key<T: SignedAs>(&self, signed: &Signed<T>) -> VerifyKey {
        let id = crate::crypto::signer(signed).unwrap();
        self.keys.iter().find(|(_, key)| key.id() == id).unwrap().1.clone()
    }
}

/// Three agencies.
pub(super) struct World {
    pub(super) federation: TestFederation,
    pub(super) sites: Vec<Site>,
    seed: u8,
}

impl World {
    pub(super) fn new() -> Self {
        let federation = TestFederation::new();
        let keys: Vec<_> =
            federation.agencies.iter().map(|a| (a.id.clone(), a.server.verify_key())).collect();
        let site = |agency: &crate::identity::fixture::TestAgency| {
            let mut site = Site {
                id: agency.id.clone(),
                server: Server::new(),
                store: MemoryStore::default(),
                now: now(),
                rng: rng(agency.server.seed()[0]),
                outputs: Vec::new(),
                fetches: Vec::new(),
                keys: keys.clone(),
            };
            let setup = setup(&federation, agency);
            site.call(|server, ctx| server.setup(ctx, &setup)).unwrap();
            site
        };
        let sites = federation.agencies.iter().map(site).collect();
        World { federation, sites, seed: 100 }
    }

    /// The first device of a person, enrolled, with some key packages.
    pub(super) fn person(&mut self, name: &str) -> Dev {
        self.seed += 1;
        let test = self.federation.person(name, self.seed);
        self.enrolled(test)
    }

    /// A further device of a person.
    pub(super) fn further(&mut self, first: &Dev) -> Dev {
        self.seed += 1;
        let test = self.federation.further(&first.test, self.seed);
        self.enrolled(test)
    }

    fn enrolled(&mut self, test: crate::identity::fixture::TestDevice) -> Dev {
        let mut dev = Dev::new(&self.federation, test, self.seed);
        let enrol = dev.enrol();
        let publish = RequestBody::Publish(dev.packages(12, true));
        let publish = dev.request(publish);
        let site = self.home(&dev.id.user);
        assert_eq!(site.device(&enrol).body, ReplyBody::Done);
        assert_eq!(site.device(&publish).body, ReplyBody::Stock(12));
        dev
    }

    pub(super) fn home(&mut self, user: &UserId) -> &mut Site {
        self.site(user.agency().as_str())
    }

    pub(super) fn site(&mut self, name: &str) -> &mut Site {
        let id = agency(name);
        self.sites.iter_mut().find(|site| site.id == id).unwrap()
    }

    /// Lets the links run until nothing moves.
    pub(super) fn settle(&mut self) {
        let ids: Vec<_> = self.sites.iter().map(|site| site.id.clone()).collect();
        for round in 0.. {
            assert!(round < 100, "the links never come to rest");
            let mut moved = false;
            for from in &ids {
                for to in ids.iter().filter(|to| *to != from) {
                    while let Some(frame) = self.site(from.as_str()).pump(to) {
                        moved = true;
                        let ack = self.site(to.as_str()).peer(&frame).unwrap().unwrap();
                        assert!(self.site(from.as_str()).peer(&ack.bytes).unwrap().is_none());
                    }
                }
            }
            if !moved {
                break;
            }
        }
    }

    /// One server tells another something, over their link.
    pub(super) fn tell(&mut self, from: &str, to: &str, item: crate::wire::link::LinkItem) {
        self.queue(from, to, item);
        self.settle();
    }

    /// The same, not on its way yet.
    pub(super) fn queue(&mut self, from: &str, to: &str, item: crate::wire::link::LinkItem) {
        let site = self.site(from);
        site.call(|server, ctx| {
            let mut call = crate::server::Call::begin(ctx, &mut server.cache)?;
            let order = (call.now(), &crate::server::packages::NO_ROOM, 0);
            let unique = call.random();
            let item = crate::server::rows::Pending::Item(wire::encode_body(&item));
            call.queue(&agency(to), order, unique, item);
            call.finish(())
        })
        .unwrap();
    }

    /// Submits, and demands that it is taken or on its way.
    pub(super) fn submit(&mut self, dev: &mut Dev, submission: &wire::log::Submission) {
        let body = dev.submit(self.home(&dev.id.user.clone()), submission);
        assert!(matches!(body, ReplyBody::Done | ReplyBody::Queued), "{body:?}");
        self.settle();
    }

    pub(super) fn sync(&mut self, dev: &mut Dev) {
        let user = dev.id.user.clone();
        dev.sync(self.home(&user));
    }

    /// A room of these devices; the first founds it and invites the others' users.
    pub(super) fn room(&mut self, devices: &mut [&mut Dev]) -> RoomId {
        let (founder, others) = devices.split_first_mut().unwrap();
        let (room, create) = founder.create(RoomKind::Group);
        self.submit(founder, &create);
        self.sync(founder);
        self.invite(&room, founder, others);
        room
    }

    /// Invites; all of them join.
    pub(super) fn invite(&mut self, room: &RoomId, by: &mut Dev, others: &mut [&mut Dev]) {
        if others.is_empty() {
            return;
        }
        let users: BTreeSet<_> = others.iter().map(|dev| &dev.id.user).collect();
        let users: Vec<_> = users.into_iter().collect();
        assert_eq!(by.claim(self.home(&by.id.user.clone()), &users), ReplyBody::Done);
        self.settle();
        self.sync(by);
        let claimed = by.claimed();
        let commit = by.commit(room, &claimed, &[]);
        self.submit(by, &commit);
        self.sync(by);
        for other in others {
            self.sync(other);
            assert!(other.rooms.contains_key(room), "{} has not joined", other.id);
        }
    }
}

pub(super) fn setup(federation: &TestFederation, agency: &crate::identity::fixture::TestAgency) -> Setup {
    Setup {
        agency: agency.id.clone(),
        server_key: crate::crypto::SigningKey::from_seed(&agency.server.seed()),
        federation: federation.anchor.clone(),
        trust_list: federation.trust_list().to_vec(),
        descriptor: agency.descriptor().to_vec(),
    }
}

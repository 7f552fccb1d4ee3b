//! An agency's server, its operators and its registrar's desk.

use std::collections::BTreeSet;

use verbund::{
    code::Code,
    identity::{KeyPurpose, RevocationList, SigningKey},
    ids::{AgencyId, Device},
    server::{Output, Server},
    store::{Ctx, Transition},
};

use crate::{
    federation::{Authority, Desk},
    machine::{Called, Engine, Machine},
    network::Leg,
    world::World,
};

pub struct Site {
    pub agency: AgencyId,
    pub machine: Machine<Server>,
    pub desk: Desk,
    pub authority: Authority,
    pub revoker: SigningKey,
    pub revocations: RevocationList,
    /// Peers for which something waits; in memory alone.
    pub ready: BTreeSet<AgencyId>,
    /// What its operators still have to do: things that a crash has interrupted.
    pub orders: Vec<Order>,
    /// When its store was first restored from a copy.
    pub restored: Option<u64>,
    /// Whether its operators have said so, each time.
    pub said_so: bool,
    /// What its engine did not take of which other site, or told of its store, and when.
    pub refused: Vec<(u64, usize, Code)>,
}

/// What operators give their server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    Revocations(Vec<u8>),
    TrustList(Vec<u8>),
    PutBack,
}

impl Engine for Server {
    type Output = Output;

    fn machine(world: &mut World, host: usize) -> &mut Machine<Self> {
        &mut world.sites[host].machine
    }

    fn obey(world: &mut World, host: usize, output: Output) {
        match output {
            Output::LinkReady(peer) => {
                world.sites[host].ready.insert(peer);
            }
            Output::DeviceReady(device) => world.push(&device),
            Output::RoomReady(room) => {
                let store = &world.sites[host].machine.store;
                let readers = Server::readers(store, &room, None, 1_000).unwrap_or_default();
                readers.iter().for_each(|device| world.push(device));
            }
            Output::Documents => {
                let here = world.phones.iter().filter(|phone| phone.site == host);
                let devices: Vec<Device> = here.map(|phone| phone.device.clone()).collect();
                devices.iter().for_each(|device| world.push(device));
            }
            Output::Fetch { peer, message } => {
                let to = world.site_of(&peer);
                world.send(Leg::Frame(host, to), message, None);
            }
            Output::CheckChunk(name) => {
                let chunk = world.sites[host].machine.chunks.get(&name).cloned();
                let _ = world.call::<Server, _>(host, "a chunk to check", None, |server, ctx| {
                    Ok(server.check_chunk(ctx, &name, chunk.as_deref())?.into())
                });
            }
            Output::ForgetBlob { origin, blob } => {
                let chunks = &mut world.sites[host].machine.chunks;
                chunks.retain(|chunk, _| (&chunk.origin, &chunk.blob) != (&origin, &blob));
            }
            Output::PeerPutBack(peer) => {
                let (at, peer) = (world.now, world.site_of(&peer));
                world.sites[host].refused.push((at, peer, Code::RolledBack));
            }
            _ => {}
        }
    }

    fn rival(world: &mut World, host: usize) {
        if !world.arrive_early(host) {
            world.tick_server(host);
        }
    }

    fn forget(world: &mut World, host: usize) {
        world.sites[host].ready.clear();
    }
}

impl World {
    pub fn site_of(&self, agency: &AgencyId) -> usize {
        self.site_named(agency.as_str())
    }

    pub fn site_named(&self, agency: &str) -> usize {
        self.sites.iter().position(|site| site.agency.as_str() == agency).expect("an agency of this world")
    }

    pub fn tick_server(&mut self, site: usize) {
        self.sites[site].machine.wake = None;
        let called =
            self.call::<Server, _>(site, "tick", None, |server, ctx| Ok(server.tick(ctx, 256)?.into()));
        if let Called::Died = called {
            return;
        }
        self.carry_out(site);
    }

    /// Operators do something at their server; if it dies meanwhile, they do it again.
    pub fn carry_out(&mut self, site: usize) {
        while let Some(order) = self.sites[site].orders.first().cloned() {
            let call = |server: &mut Server, ctx: Ctx<'_>| -> verbund::error::Result<_> {
                let made: Transition<(), Output> = match &order {
                    Order::Revocations(list) => server.revocations(ctx, list)?,
                    Order::TrustList(list) => server.trust_list(ctx, list)?,
                    Order::PutBack => server.put_back(ctx)?,
                };
                Ok(made.into())
            };
            match self.call::<Server, _>(site, "an order", None, call) {
                Called::Died => return,
                // Two processes may have been given it.
                Called::Done(()) | Called::Refused(_) => {
                    self.sites[site].orders.retain(|other| *other != order)
                }
            }
        }
    }

    /// The agency's next list, with these devices in it.
    pub fn publish(&mut self, site: usize, revoked: &[&Device]) {
        let now = self.time();
        let more: Vec<_> =
            revoked.iter().map(|device| (device.user.clone(), Some(device.id), 1_000)).collect();
        let here = &mut self.sites[site];
        here.revocations = here.revocations.next(now, &more);
        let signed = here.revocations.sign(&here.revoker).expect("a list that can be signed");
        here.orders.push(Order::Revocations(signed));
        if here.machine.down.is_none() {
            self.carry_out(site);
        }
    }

    /// Gives an agency a key with which it revokes, and a list that revokes nothing.
    pub fn make_revocable(&mut self, site: usize) {
        let now = self.time();
        let mut rng = self.rng.generator();
        let here = &mut self.sites[site];
        let named = Authority::operational(KeyPurpose::Revocation, &here.revoker, now);
        let descriptor = here.authority.describe(now, |next| next.keys.push(named)).expect("a descriptor");
        here.desk.describe(&descriptor, now, &mut rng).expect("the desk takes it");
        let made = |server: &mut Server, ctx: Ctx<'_>| Ok(server.descriptor(ctx, &descriptor)?.into());
        self.call::<Server, _>(site, "a descriptor", None, made).done().expect("a good descriptor");
        let signed = {
            let here = &self.sites[site];
            here.revocations.sign(&here.revoker).expect("a list that can be signed")
        };
        let made = |server: &mut Server, ctx: Ctx<'_>| Ok(server.revocations(ctx, &signed)?.into());
        self.call::<Server, _>(site, "a revocation list", None, made).done().expect("a good list");
    }

    fn push(&mut self, device: &Device) {
        if let Some(phone) = self.phones.iter().position(|phone| phone.device == *device) {
            self.send(Leg::Push(phone), Vec::new(), None);
        }
    }
}

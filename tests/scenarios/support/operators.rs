//! What an agency's operators do.

use verbund::{
    identity::{KeyPurpose, RevocationList},
    ids::{DeviceId, UserId},
    server::{self, Server},
    store::{Ctx, MemoryStore, Transition},
};

use super::*;
use crate::federation::Authority;

impl Net {
    /// An agency's operators do something at their server.
    pub fn operate(
        &mut self,
        at: &str,
        call: impl FnOnce(&mut Server, Ctx<'_>) -> verbund::error::Result<Transition<(), server::Output>>,
    ) -> verbund::error::Result<()> {
        let at = agency(at);
        let host = self.hosts.get_mut(&at).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = call(&mut host.engine, ctx)?.commit(&mut host.store).unwrap();
        host.wake = sooner(host.wake, done.wake);
        self.notify(&at, done.outputs);
        Ok(())
    }

    /// Gives a server another store and starts it, as its host does; what was there.
    pub fn restore(&mut self, at: &str, store: MemoryStore) -> MemoryStore {
        self.put_back.get_or_insert_default();
        self.crash_server(at);
        let at = agency(at);
        let now = core::mem::replace(&mut self.hosts.get_mut(&at).unwrap().store, store);
        self.tick_server(&at);
        now
    }

    /// Brings a trust list to one server.
    pub fn trust_list(&mut self, at: &str, list: &[u8]) {
        self.operate(at, |server, ctx| server.trust_list(ctx, list)).unwrap();
    }

    /// Brings a server every list that it lacks, as its operators do who were cut off.
    pub fn bring_trust_lists(&mut self, at: &str, newest: &[u8]) {
        for list in self.office.lists.clone().iter().chain([&newest.to_vec()]) {
            let _ = self.operate(at, |server, ctx| server.trust_list(ctx, list));
        }
    }

    /// Gives an agency a revocation key and a list that revokes nothing; settled.
    pub fn revocable(&mut self, at: &str) {
        let (now, key) = (self.now, revocation_key());
        let named = Authority::operational(KeyPurpose::Revocation, &key, now);
        let host = self.hosts.get_mut(&agency(at)).unwrap();
        let descriptor = host.authority.describe(now, |next| next.keys.push(named)).unwrap();
        self.operate(at, |server, ctx| server.descriptor(ctx, &descriptor)).unwrap();
        self.publish(RevocationList::first(agency(at), now));
        self.settle();
    }

    /// An agency's next list, which revokes all certificates of a device, or of a user's devices,
    /// or nothing more. Its own server has it; it does not travel yet.
    pub fn revoke(&mut self, at: &str, whose: Option<(UserId, Option<DeviceId>)>) {
        let list = self.hosts[&agency(at)].revocations.clone().expect("a revocation key");
        let more: Vec<_> = whose.into_iter().map(|(user, device)| (user, device, 1_000)).collect();
        self.publish(list.next(self.now, &more));
    }

    pub(super) fn publish(&mut self, list: RevocationList) {
        let at = list.agency().clone();
        let signed = list.sign(&revocation_key()).unwrap();
        self.operate(at.as_str(), |server, ctx| server.revocations(ctx, &signed)).unwrap();
        self.hosts.get_mut(&at).unwrap().revocations = Some(list);
    }

    /// Puts a server of the same agency and with the same keys in the place of one, that knows of
    /// nothing and nobody. Gives the one that was there.
    pub fn twin(&mut self, of: &str) -> (Server, MemoryStore) {
        let host = self.hosts.get_mut(&agency(of)).unwrap();
        let setup = host.authority.setup(&self.office);
        let (mut engine, mut store) = (Server::new(), MemoryStore::default());
        let ctx = Ctx { now: self.now, store: &store, rng: &mut self.rng };
        engine.setup(ctx, &setup).unwrap().commit(&mut store).unwrap();
        (std::mem::replace(&mut host.engine, engine), std::mem::replace(&mut host.store, store))
    }

    pub fn untwin(&mut self, of: &str, (engine, store): (Server, MemoryStore)) {
        let host = self.hosts.get_mut(&agency(of)).unwrap();
        (host.engine, host.store) = (engine, store);
    }
}

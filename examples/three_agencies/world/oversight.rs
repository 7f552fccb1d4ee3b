//! What agencies and the federation's office do about devices and agencies that are not to be
//! trusted any more.

use rand_core::CryptoRng;
use verbund::{
    identity::AgencyStatus,
    ids::{AgencyId, Device},
    server::{self, Server},
    store::{Ctx, Transition},
};

use super::{Error, World};

impl<R: CryptoRng> World<R> {
    /// Gives every agency a key to revoke with, and a list that revokes nothing.
    pub fn make_revocable(&mut self) -> Result<(), Error> {
        for agency in self.hosts.keys().cloned().collect::<Vec<_>>() {
            let host = self.hosts.get_mut(&agency).ok_or("no such agency")?;
            let (descriptor, list) = host.revocable(self.now, &mut self.rng)?;
            self.operate(&agency, |server, ctx| server.descriptor(ctx, &descriptor))?;
            self.operate(&agency, |server, ctx| server.revocations(ctx, &list))?;
        }
        self.settle()
    }

    /// The device's agency publishes a list that revokes it: its own server has that at once,
    /// others as bytes travel.
    pub fn revoke(&mut self, device: &Device) -> Result<(), Error> {
        let agency = device.user.agency();
        let host = self.hosts.get_mut(agency).ok_or("no such agency")?;
        let (key, list) = host.revoker.take().ok_or("no revocation key")?;
        // Every certificate so far: the desk has issued fewer.
        let next = list.next(self.now, &[(device.user.clone(), Some(device.id), 1_000)]);
        let signed = next.sign(&key)?;
        host.revoker = Some((key, next));
        self.operate(agency, |server, ctx| server.revocations(ctx, &signed))
    }

    /// The federation's office suspends an agency, and brings the list to one server.
    pub fn suspend(&mut self, agency: &AgencyId, told: &AgencyId) -> Result<(), Error> {
        let list = self.office.amend(self.now, |roster| {
            for listed in roster.agencies.iter_mut().filter(|listed| listed.id() == agency) {
                *listed = listed.clone().with_status(AgencyStatus::Suspended);
            }
        })?;
        self.operate(told, |server, ctx| server.trust_list(ctx, &list))
    }

    /// An agency's operators do something at their server.
    fn operate(
        &mut self,
        agency: &AgencyId,
        call: impl FnOnce(&mut Server, Ctx<'_>) -> verbund::error::Result<Transition<(), server::Output>>,
    ) -> Result<(), Error> {
        let host = self.hosts.get_mut(agency).ok_or("no such agency")?;
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let done = call(&mut host.engine, ctx)?.commit(&mut host.store)?;
        self.notify(agency, done.outputs)
    }
}

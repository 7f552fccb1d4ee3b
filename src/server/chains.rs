//! The chains of the own users: taken from the operators, passed on to the users' devices.

use bytes::Bytes;

use super::{
    Output,
    call::Call,
    keys::{self, DeviceKeys},
};
use crate::{
    code::Code,
    error::{Result, ensure},
    identity::ChainLink,
    ids::{Device, UserId},
    limits,
    wire::{
        decode_body,
        device::{KnownChain, Sync},
    },
};

impl Call<'_, '_> {
    /// Takes what the registrar has countersigned for one of the own users. Devices that are not the
    /// user's any more are forgotten at once; the others are told.
    pub(super) fn own_chain(&mut self, links: &[Bytes]) -> Result<()> {
        let mut user = None;
        for link in links {
            let link: ChainLink = decode_body(link)?;
            let named = &link.entry().user;
            ensure(*named.agency() == self.own.agency, Code::NotForUs, "another agency's user")?;
            ensure(user.as_ref().is_none_or(|user| user == named), Code::BadArgument, "chains of two users")?;
            user = Some(named.clone());
        }
        let Some(user) = user else { return Ok(()) };
        self.take_chain(links)?;
        self.forget_gone(&user)?;
        for device in self.devices_of(&user)? {
            self.output(Output::DeviceReady(device));
        }
        Ok(())
    }

    fn devices_of(&self, user: &UserId) -> Result<Vec<Device>> {
        let rows = self.draft.scan(&keys::devices_of(user), None, limits::DEVICES_PER_USER)?;
        let device = |key: &[u8]| Ok(Device { user: user.clone(), id: keys::device_id(key)? });
        rows.iter().map(|(key, _)| device(key)).collect()
    }

    /// Forgets the enrolment of devices that the user's chain does not have any more: they were
    /// removed, their delegation is over, or the user has begun anew. So there is room for others.
    pub(super) fn forget_gone(&mut self, user: &UserId) -> Result<()> {
        let Some(chain) = self.directory.chain(&self.draft, user)? else { return Ok(()) };
        for device in self.devices_of(user)? {
            let now = self.now();
            if chain.endorsement(&device.id).is_some_and(|endorsement| endorsement.is_live(now)) {
                continue;
            }
            let keys = DeviceKeys::of(&device);
            self.draft.guard(keys.guard())?;
            self.draft.delete(keys::enrolled(&device));
            self.draft.delete_prefix(keys.packages());
            self.draft.delete(keys.last_resort());
        }
        Ok(())
    }

    /// What is new of the own user's chain for a device that says what it has of it (SPEC V-309).
    pub(super) fn newer_links(&self, user: &UserId, sync: &Sync) -> Result<Vec<Bytes>> {
        let Some(KnownChain { identity, links }) = sync.chain else { return Ok(Vec::new()) };
        self.directory.chain_after(&self.draft, user, (identity, links))
    }
}

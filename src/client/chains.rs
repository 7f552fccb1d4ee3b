//! User chains as this device knows them: who speaks for whom, and by what authority.

use std::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;

use super::{Client, Event, Output, call::Call, documents::passed_over, enrol};
use crate::{
    code::Code,
    error::{Error, Result},
    identity::{
        ChainFork, Directory, Endorsement, EnrolmentRequest, Federation, NewDevice, NewLinks, RecoveryKey,
        SigningKey, UserChain, UserRecord,
    },
    ids::{Device, DeviceId, RoomId, UserId},
    store::{Ctx, Draft, Transition},
    time::Timestamp,
    wire::device::KnownChain,
};

impl Client {
    /// Hands this device's role over to another device, until a time: the shift of whoever has it ends
    /// then at the latest. Gives the request for the agency's registrar. As soon as the other device is
    /// enrolled this one brings it into every room, by itself. An app that shows a link code does the same with
    /// [`Confirmation::until`](super::Confirmation::until); then the other one comes in also without this one's help.
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::BadField`] for more than
    /// [`limits::DELEGATION`](crate::limits::DELEGATION); [`Code::BrokenChain`] for a user that is no role, or if this device
    /// does not speak for it any more; whatever is wrong with the offer.
    pub fn delegate(
        &mut self,
        ctx: Ctx<'_>,
        offer: &[u8],
        until: Timestamp,
    ) -> Result<Transition<Vec<u8>, Output>> {
        let mut call = Call::ready(ctx, &mut self.cache)?;
        let chain = call.directory.chain(&call.draft, &call.account.device.user)?;
        let chain = chain.ok_or(Error::new(Code::NotReady, "device is not enrolled"))?;
        let request = chain.delegate(offer, until, &call.account.key, call.now())?;
        let device = EnrolmentRequest::from_bytes(&request)?.device();
        call.expect_companion(&device, Some(until))?;
        call.finish(request)
    }

    /// Removes a device of this device's user: another one, or this one itself. Gives the request
    /// for the agency's registrar; once the agency has countersigned it, the device is out for good.
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::BrokenChain`] if the user has no such device, or this
    /// one does not speak for the user any more; [`Code::BeyondDelegation`].
    pub fn remove_device(&self, ctx: Ctx<'_>, device: &DeviceId) -> Result<Vec<u8>> {
        let (chain, own, now) = own(ctx)?;
        chain.remove(device, own.key(), now)
    }

    /// Has a recovery key endorse this device, which the store holds since [`Client::begin`]: for a user
    /// whose devices are lost. `record` is the agency's word about the user
    /// ([`Registrar::record`](crate::identity::Registrar::record)). Gives the request for the registrar.
    ///
    /// # Errors
    /// [`Code::NotReady`] before [`Client::begin`]; [`Code::BrokenChain`] if the key is none of the user's;
    /// whatever is wrong with the record.
    pub fn recover(
        &self,
        ctx: Ctx<'_>,
        federation: &Federation,
        record: &UserRecord,
        key: &SigningKey,
    ) -> Result<Vec<u8>> {
        let (device, now) = (enrol::stored(ctx.store)?, ctx.now);
        let chain = record.verify(federation, &device.device().user, now)?;
        chain.endorse(&device.offer(now), key, now)
    }

    /// Begins this device's user anew with it, for a user who has lost devices and recovery keys. Gives
    /// the request for [`Registrar::reset`](crate::identity::Registrar::reset). Everybody who knows the user
    /// will be told.
    ///
    /// # Errors
    /// [`Code::NotReady`] before [`Client::begin`]; [`Code::BadField`] for recovery keys that do not suit the
    /// kind of user; whatever is wrong with the record.
    pub fn begin_anew(
        &self,
        ctx: Ctx<'_>,
        federation: &Federation,
        record: &UserRecord,
        recovery: Vec<RecoveryKey>,
    ) -> Result<Vec<u8>> {
        let (device, now) = (enrol::stored(ctx.store)?, ctx.now);
        let before = record.verify(federation, &device.device().user, now)?;
        device.begin_anew(&before, recovery, now)
    }

    /// Evidence that a user's agency has filled one place of the user's chain twice, if this device has
    /// been shown such ([`Event::ChainForked`]).
    ///
    /// # Errors
    /// Failures of the store.
    pub fn chain_fork(&self, ctx: Ctx<'_>, user: &UserId) -> Result<Option<ChainFork>> {
        Directory.fork(&Draft::new(ctx), user)
    }

    /// The devices of a user, in the order in which they were endorsed, with who vouches for each and
    /// until when; those that were removed too. Empty while nothing is known of the user: they share no
    /// room with the device.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn devices(&self, ctx: Ctx<'_>, user: &UserId) -> Result<Vec<Endorsement>> {
        let chain = Directory.chain(&Draft::new(ctx), user)?;
        Ok(chain.iter().flat_map(|chain| chain.devices()).cloned().collect())
    }
}

/// The own user's chain, and this device.
pub(super) fn own(ctx: Ctx<'_>) -> Result<(UserChain, NewDevice, Timestamp)> {
    let draft = Draft::new(ctx);
    let device = enrol::stored(draft.snapshot())?;
    let chain = Directory.chain(&draft, &device.device().user)?;
    let chain = chain.ok_or(Error::new(Code::NotReady, "device is not enrolled"))?;
    Ok((chain, device, draft.now()))
}

impl Call<'_, '_> {
    /// How much the device has of its own user's chain.
    pub(super) fn known_chain(&self) -> Result<Option<KnownChain>> {
        let known = self.directory.chain_length(&self.draft, &self.account.device.user)?;
        Ok(known.map(|(identity, links)| KnownChain { identity, links }))
    }

    /// Takes what is new of the own user's chain. Rooms are looked at: a device that is the user's
    /// no more is removed from them.
    pub(super) fn take_own_chain(&mut self, links: &[Bytes]) -> Result<()> {
        if links.is_empty() {
            return Ok(());
        }
        match self.directory.accept_chain(&mut self.draft, links) {
            Ok(taken) => {
                let news = taken.news;
                self.took_links(taken)?;
                if news { self.look_at_rooms() } else { Ok(()) }
            }
            Err(error) => passed_over(Err(error)),
        }
    }

    /// Tells what links have brought; those that are not good are passed over.
    pub(super) fn took_links(&mut self, taken: NewLinks) -> Result<()> {
        for (user, before, now) in taken.resets {
            self.identity_changed(user, before, now)?;
        }
        for fork in taken.forks {
            if self.directory.keep_fork(&mut self.draft, &fork)? {
                self.event(&Event::ChainForked { fork: Box::new(fork) })?;
            }
        }
        Ok(())
    }

    /// Tells by what authority devices speak that a commit has brought into a room.
    pub(super) fn tell_endorsed<'d>(
        &mut self,
        room: RoomId,
        seq: u64,
        added: impl Iterator<Item = &'d Device>,
    ) -> Result<()> {
        let mut chains: BTreeMap<&UserId, Option<UserChain>> = BTreeMap::new();
        let mut devices = Vec::new();
        for device in added {
            let chain = match chains.entry(&device.user) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.directory.chain(&self.draft, &device.user)?),
            };
            let endorsement = chain.as_ref().and_then(|chain| chain.endorsement(&device.id));
            devices.extend(endorsement.map(|endorsement| (device.user.clone(), endorsement.clone())));
        }
        if devices.is_empty() {
            return Ok(());
        }
        self.event(&Event::DevicesEndorsed { room, seq, devices })
    }
}

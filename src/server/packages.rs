//! Key packages: kept for our devices, given to whoever wants to invite them (SPEC "Key packages").

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Output,
    call::Call,
    keys::{self, DeviceKeys},
    rows::{self, ClaimRow, DeviceRow, DeviceState, PackageRow, Pending},
};
use crate::{
    code::Code,
    crypto::mls::MlsCrypto,
    error::{Error, Result, ensure},
    identity::VerifiedDevice,
    ids::{AgencyId, Device, Hash, RoomId, UserId},
    limits,
    room::{CheckedPackage, check_key_package},
    time::Timestamp,
    wire::{
        device::{Claim, ClaimAnswer, ClaimedUser, InboxBody, Keys, Publish, ReplyBody},
        encode_body,
        link::{LinkClaim, LinkClaimAnswer, LinkItem},
    },
};

/// The name of a key package in rows.
fn package_hash(package: &[u8]) -> Hash {
    crate::crypto::hash(crate::crypto::Label::KEY_PACKAGE, &[package])
}

impl Call<'_, '_> {
    /// Keeps key packages of a device (SPEC V-551). One that was kept or given out before is
    /// not kept again, so that a request that comes twice offers nothing twice (V-552).
    pub(super) fn publish(&mut self, device: &Device, publish: &Publish) -> Result<ReplyBody> {
        let keys = DeviceKeys::of(device);
        self.draft.guard(keys.guard())?;
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        let crypto = MlsCrypto::new(self.draft.seed());
        let mut known = None;
        for package in &publish.packages {
            let hash = package_hash(package);
            let (kept, used) = (keys.package(&hash), keys.used(&hash));
            if self.draft.get(&kept)?.is_some() || self.draft.get(&used)?.is_some() {
                continue;
            }
            let checked = self.check_package(package, &crypto, device, &mut known)?;
            ensure(!checked.last_resort, Code::BadField, "last resort among one-time key packages")?;
            self.write(kept, &row(package, &checked));
            state.packages = state.packages.saturating_add(1);
        }
        let fits = usize::try_from(state.packages).is_ok_and(|n| n <= limits::KEY_PACKAGES_KEPT);
        ensure(fits, Code::Quota, "key packages")?;
        if let Some(package) = &publish.last_resort {
            let checked = self.check_package(package, &crypto, device, &mut known)?;
            ensure(checked.last_resort, Code::BadField, "last resort")?;
            self.write(keys.last_resort(), &row(package, &checked));
        }
        state.told_low &= is_low(&state);
        self.write(keys.state(), &state);
        Ok(ReplyBody::Stock(state.packages))
    }

    /// Checks a key package of a device. Its packages have one certificate, which is checked once.
    fn check_package(
        &self,
        package: &Bytes,
        crypto: &MlsCrypto,
        device: &Device,
        known: &mut Option<(Bytes, VerifiedDevice)>,
    ) -> Result<CheckedPackage> {
        let now = self.now();
        let mut verify = |certificate: &Bytes| {
            if let Some((_, verified)) = known.as_ref().filter(|(known, _)| known == certificate) {
                return Ok(verified.clone());
            }
            let verified = self.directory.verify_device(&self.draft, certificate)?;
            *known = Some((certificate.clone(), verified.clone()));
            Ok(verified)
        };
        let checked = check_key_package(package, crypto, now, &mut verify)?;
        ensure(checked.device.device() == device, Code::CertificateMismatch, "another device's key package")?;
        Ok(checked)
    }

    /// Asks for key packages on behalf of a device: here and at other agencies. The answers
    /// come into its inbox, one of each agency.
    pub(super) fn claim(&mut self, device: &Device, claim: Claim) -> Result<ReplyBody> {
        let keys = DeviceKeys::of(device);
        let asked = keys.claim(&claim.claim_id);
        if self.draft.get(&asked)?.is_some() {
            return Ok(ReplyBody::Done);
        }
        self.draft.guard(keys.guard())?;
        self.drop_later(self.now().plus(limits::CLAIM_KEPT), &asked);

        // Users are ordered by name, not by agency.
        let mut by_agency = BTreeMap::<AgencyId, Vec<UserId>>::new();
        for user in claim.users {
            by_agency.entry(user.agency().clone()).or_default().push(user);
        }
        let mut row = ClaimRow::default();
        for (agency, users) in by_agency {
            let part = Claim { claim_id: claim.claim_id, users };
            if agency == self.own.agency {
                let answer = self.answer_claim(&part, Some(device))?;
                self.put_inbox(device, InboxBody::Claimed(answer))?;
            } else if let Err(error) = self.attempt(|call| call.active(&agency))? {
                let answer = refused(&part, &agency, error.code());
                self.put_inbox(device, InboxBody::Claimed(answer))?;
            } else {
                row.awaited.push(agency.to_string());
                let item = LinkItem::Claim(LinkClaim { device: device.clone(), claim: part });
                let (unique, order) = (self.random(), (self.now(), &NO_ROOM, 0));
                self.queue(&agency, order, unique, Pending::Item(encode_body(&item)));
            }
        }
        self.write(asked, &row);
        Ok(ReplyBody::Done)
    }

    /// Another agency's claim. The same one is answered in the same way (SPEC V-553).
    pub(super) fn peer_claim(&mut self, from: &AgencyId, asked: LinkClaim) -> Result<()> {
        ensure(asked.device.user.agency() == from, Code::ForeignAgencyUser, "claim")?;
        let ours = asked.claim.users.iter().all(|user| *user.agency() == self.own.agency);
        ensure(ours, Code::NotForUs, "claim")?;
        let key = keys::claim(from, &asked.claim.claim_id);
        if let Some(row) = self.draft.get(&key)? {
            self.send_answer(from, asked.device, rows::read_wire(row)?);
            return Ok(());
        }
        let answered = self.attempt(|call| {
            let answer = call.answer_claim(&asked.claim, None)?;
            call.drop_later(call.now().plus(limits::CLAIM_KEPT), &key);
            call.draft.put(key.clone(), encode_body(&answer).to_vec());
            call.send_answer(from, asked.device.clone(), answer);
            // A frame may bring many claims: what is too much is refused by itself.
            call.draft.check_size()
        })?;
        if let Err(error) = answered {
            let answer = refused(&asked.claim, &self.own.agency, error.code());
            self.send_answer(from, asked.device, answer);
        }
        Ok(())
    }

    fn send_answer(&mut self, to: &AgencyId, device: Device, answer: ClaimAnswer) {
        let item = LinkItem::ClaimAnswer(LinkClaimAnswer { device, answer });
        let (unique, order) = (self.random(), (self.now(), &NO_ROOM, 0));
        self.queue(to, order, unique, Pending::Item(encode_body(&item)));
    }

    /// The answer to a claim of one of our devices (SPEC V-554).
    pub(super) fn peer_claim_answer(&mut self, from: &AgencyId, answered: LinkClaimAnswer) -> Result<()> {
        let LinkClaimAnswer { device, answer } = answered;
        ensure(answer.agency == *from, Code::NotForUs, "claim answer")?;
        // Once, and only what was asked: or any agency could fill any inbox.
        let key = DeviceKeys::of(&device).claim(&answer.claim_id);
        let mut row: ClaimRow = self.read(&key)?.unwrap_or_default();
        let place = row.awaited.iter().position(|awaited| awaited == from.as_str());
        row.awaited.remove(place.ok_or(Error::new(Code::NotForUs, "claim answer"))?);
        self.put_inbox(&device, InboxBody::Claimed(answer))?;
        self.write(key, &row);
        Ok(())
    }

    /// Gives out key packages of our users' devices, but those of the device that asks.
    fn answer_claim(&mut self, claim: &Claim, asking: Option<&Device>) -> Result<ClaimAnswer> {
        let mut users = Vec::new();
        let mut size: usize = 0;
        for user in &claim.users {
            let keys = self.attempt(|call| {
                let keys = call.keys_of(user, asking)?;
                let bytes: usize = keys.chain.iter().chain(&keys.packages).map(Bytes::len).sum();
                ensure(size.saturating_add(bytes) <= limits::DELIVERY_BYTES, Code::Quota, "claim answer")?;
                size = size.saturating_add(bytes);
                Ok(keys)
            })?;
            let keys = keys.map_err(|error| error.code().into());
            users.push(ClaimedUser { user: user.clone(), keys });
        }
        let agency = self.own.agency.clone();
        let descriptor = self.directory.descriptor_at(&self.draft, &agency, self.now())?;
        Ok(ClaimAnswer {
            claim_id: claim.claim_id,
            agency,
            descriptor: Some(descriptor.bytes().clone()),
            users,
        })
    }

    fn keys_of(&mut self, user: &UserId, asking: Option<&Device>) -> Result<Keys> {
        let mut packages = Vec::new();
        let prefix = keys::devices_of(user);
        for (key, row) in self.draft.scan(&prefix, None, limits::DEVICES_PER_USER)? {
            let row: DeviceRow = rows::read(row)?;
            let device = Device { user: user.clone(), id: keys::device_id(&key)? };
            if Some(&device) == asking || self.check_current(&device, &row).is_err() {
                continue;
            }
            packages.extend(self.take_package(&device)?);
        }
        ensure(!packages.is_empty(), Code::NoKeyPackage, "claim")?;
        Ok(Keys { chain: self.directory.chain_bytes(&self.draft, user)?, packages })
    }

    /// Takes a one-time key package of a device, or lends its last resort.
    fn take_package(&mut self, device: &Device) -> Result<Option<Bytes>> {
        let keys = DeviceKeys::of(device);
        self.draft.guard(keys.guard())?;
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        let mut taken = None;
        for _ in 0..limits::KEY_PACKAGES_KEPT {
            let next = self.draft.scan(&keys.packages(), None, 1)?;
            let Some((key, row)) = next.into_iter().next() else { break };
            let row: PackageRow = rows::read(row)?;
            self.draft.delete(key);
            state.packages = state.packages.saturating_sub(1);
            if self.now() < Timestamp::from_millis(row.usable_until) {
                let used = keys.used(&package_hash(&row.package));
                self.draft.put(used.clone(), Vec::new());
                let forgotten = Timestamp::from_millis(row.usable_until);
                self.drop_later(forgotten.min(self.now().plus(limits::CERTIFICATE_LIFETIME)), &used);
                taken = Some(row.package);
                break;
            }
        }
        let low = is_low(&state) && !state.told_low;
        state.told_low |= low;
        self.write(keys.state(), &state);
        if low {
            // A device that does not look into its inbox is not helped by one more item in it.
            let _ = self.attempt(|call| call.put_inbox(device, InboxBody::StockLow(state.packages)))?;
            self.output(Output::PackagesLow(device.clone()));
        }
        if taken.is_some() {
            return Ok(taken);
        }
        let last: Option<PackageRow> = self.read(&keys.last_resort())?;
        Ok(last.filter(|row| self.now() < Timestamp::from_millis(row.usable_until)).map(|row| row.package))
    }

    /// Whether an agency takes part at present.
    pub(super) fn active(&self, agency: &AgencyId) -> Result<()> {
        self.active_at(agency, self.now())
    }

    /// Whether it does at a time, by the newest trust list.
    pub(super) fn active_at(&self, agency: &AgencyId, at: Timestamp) -> Result<()> {
        self.directory.takes_part(&self.draft, agency, at)
    }
}

fn row(package: &Bytes, checked: &CheckedPackage) -> PackageRow {
    let usable_until = checked.fresh_until.min(checked.device.validity().1).as_millis();
    PackageRow { package: package.clone(), usable_until }
}

/// Where in the order of a link something stands that belongs to no room.
pub(super) const NO_ROOM: RoomId = RoomId::from_bytes([0; 16]);

fn is_low(state: &DeviceState) -> bool {
    usize::try_from(state.packages).is_ok_and(|packages| packages < limits::KEY_PACKAGES_LOW)
}

/// The answer for an agency that cannot be asked.
fn refused(claim: &Claim, agency: &AgencyId, code: Code) -> ClaimAnswer {
    let user = |user: &UserId| ClaimedUser { user: user.clone(), keys: Err(code.into()) };
    ClaimAnswer {
        claim_id: claim.claim_id,
        agency: agency.clone(),
        descriptor: None,
        users: claim.users.iter().map(user).collect(),
    }
}

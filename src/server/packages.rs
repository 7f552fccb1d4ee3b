//! Key packages: kept for our devices, given to whoever wants to invite them (SPEC "Key packages").

use bytes::Bytes;

use super::{
    Output,
    call::Call,
    keys::{self, DeviceKeys},
    records::Grounds,
    rows::{self, DeviceRow, DeviceState, PackageRow},
};
use crate::{
    code::Code,
    crypto::mls::MlsCrypto,
    error::{Result, ensure},
    identity::VerifiedDevice,
    ids::{AgencyId, Device, Hash, RoomId, UserId},
    limits,
    room::{CheckedPackage, check_key_package},
    time::Timestamp,
    wire::device::{InboxBody, Keys, Publish, ReplyBody},
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
            self.write(kept, &row(package, &checked, &crypto)?);
            state.packages = state.packages.saturating_add(1);
        }
        let fits = usize::try_from(state.packages).is_ok_and(|n| n <= limits::KEY_PACKAGES_KEPT);
        ensure(fits, Code::Quota, "key packages")?;
        if let Some(package) = &publish.last_resort {
            let checked = self.check_package(package, &crypto, device, &mut known)?;
            ensure(checked.last_resort, Code::BadField, "last resort")?;
            self.write(keys.last_resort(), &row(package, &checked, &crypto)?);
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

    /// A user's chain, and key packages of the user's devices but the one that asks.
    ///
    /// # Errors
    /// [`Code::NoKeyPackage`] if there is none, or the user is not there for whoever asks
    /// (SPEC V-593).
    pub(super) fn keys_of(&mut self, user: &UserId, grounds: &Grounds) -> Result<Keys> {
        let asking = &grounds.device;
        let found = *user == asking.user || self.finds(asking.user.agency(), user)?;
        ensure(found, Code::NoKeyPackage, "claim")?;
        let mut packages = Vec::new();
        let prefix = keys::devices_of(user);
        for (key, row) in self.draft.scan(&prefix, None, limits::DEVICES_PER_USER)? {
            let row: DeviceRow = rows::read(row)?;
            let device = Device { user: user.clone(), id: keys::device_id(&key)? };
            if device == *asking {
                continue;
            }
            match self.check_current(&device, &row) {
                Err(error) if error.fails_the_call() => return Err(error),
                Err(_) => continue,
                Ok(()) => {}
            }
            // A device that reads no records is passed over.
            let given = self.attempt(|call| match call.take_package(&device)? {
                Some(row) => {
                    let reference = Hash::from_slice(&row.reference).map_err(rows::unreadable)?;
                    call.record(&device, &reference, grounds).map(|()| Some(row.package))
                }
                None => Ok(None),
            })?;
            packages.extend(given.unwrap_or_default());
        }
        ensure(!packages.is_empty(), Code::NoKeyPackage, "claim")?;
        Ok(Keys { chain: self.directory.chain_bytes(&self.draft, user)?, packages })
    }

    /// Takes a one-time key package of a device, or lends its last resort.
    fn take_package(&mut self, device: &Device) -> Result<Option<PackageRow>> {
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
                taken = Some(row);
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
        Ok(last.filter(|row| self.now() < Timestamp::from_millis(row.usable_until)))
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

fn row(package: &Bytes, checked: &CheckedPackage, crypto: &MlsCrypto) -> Result<PackageRow> {
    let usable_until = checked.fresh_until.min(checked.device.validity().1).as_millis();
    let reference = Bytes::copy_from_slice(checked.reference(crypto)?.as_bytes());
    Ok(PackageRow { package: package.clone(), usable_until, reference })
}

/// Where in the order of a link something stands that belongs to no room.
pub(super) const NO_ROOM: RoomId = RoomId::from_bytes([0; 16]);

fn is_low(state: &DeviceState) -> bool {
    usize::try_from(state.packages).is_ok_and(|packages| packages < limits::KEY_PACKAGES_LOW)
}

//! Records of claims: for each key package that is given out, its device is told on whose
//! signed claim (SPEC "Records"). A claim is stored once, however many packages it was given.

use bytes::Bytes;

use super::{
    call::Call,
    deliver::Budget,
    keys::{self, DeviceKeys},
    rows::{DeviceName, DeviceState, RecordRow, unreadable},
};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{AgencyId, Device, Hash, RequestId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{Signed, device::ClaimRecord},
};

/// A claim on which key packages are given out.
pub(super) struct Grounds {
    pub(super) device: Device,
    pub(super) id: RequestId,
    /// The time in the claim.
    pub(super) at: Timestamp,
    /// As its device has signed it.
    pub(super) request: Bytes,
    /// That device's certificate.
    pub(super) certificate: Bytes,
}

impl Call<'_, '_> {
    /// Notes that a key package of one of our devices is given out.
    ///
    /// # Errors
    /// [`Code::Quota`] if the device has not read records for long, all or those of this agency:
    /// then nothing is to be given out (SPEC V-589).
    pub(super) fn record(&mut self, device: &Device, package: &Hash, grounds: &Grounds) -> Result<()> {
        let keys = DeviceKeys::of(device);
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        let unread = state.record_last.saturating_sub(state.record_done);
        ensure(unread < limits::CLAIM_RECORDS, Code::Quota, "records")?;
        let of = keys.records_of(grounds.device.user.agency());
        let theirs = self.number(&of)?;
        ensure(theirs < limits::CLAIM_RECORDS_OF_AGENCY, Code::Quota, "records of an agency")?;
        self.draft.guard(keys.guard())?;
        self.set_number(of, theirs.saturating_add(1));
        state.record_last = state.record_last.saturating_add(1);
        let row = RecordRow {
            at: self.now().as_millis(),
            package: Bytes::copy_from_slice(package.as_bytes()),
            by: Some(DeviceName::of(&grounds.device)),
            claim: Bytes::copy_from_slice(grounds.id.as_bytes()),
            claimed_at: grounds.at.as_millis(),
        };
        self.write(keys.record(state.record_last), &row);
        self.write(keys.state(), &state);

        let shared = keys::Recorded::of(&grounds.device, &grounds.id, grounds.at);
        let uses = self.number(&shared.uses())?;
        self.draft.expect_unchanged(shared.uses())?;
        if uses == 0 {
            self.draft.put(shared.request(), grounds.request.to_vec());
            self.draft.put(shared.certificate(), grounds.certificate.to_vec());
        }
        self.set_number(shared.uses(), uses.saturating_add(1));
        Ok(())
    }

    /// Drops the records that a device has read.
    pub(super) fn records_done(&mut self, device: &Device, done: u64) -> Result<DeviceState> {
        let keys = DeviceKeys::of(device);
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        let done = done.min(state.record_last);
        if done <= state.record_done {
            return Ok(state);
        }
        self.draft.guard(keys.guard())?;
        for number in state.record_done.saturating_add(1)..=done {
            let row: RecordRow = self.read(&keys.record(number))?.ok_or(corrupt("record is missing"))?;
            self.draft.delete(keys.record(number));
            let by = row.by()?;
            let of = keys.records_of(by.user.agency());
            let theirs = self.number(&of)?.saturating_sub(1);
            self.set_number(of, theirs);
            let shared = row.shared()?;
            let uses = self.number(&shared.uses())?.saturating_sub(1);
            self.draft.expect_unchanged(shared.uses())?;
            self.set_number(shared.uses(), uses);
            if uses == 0 {
                self.draft.delete(shared.request());
                self.draft.delete(shared.certificate());
            }
        }
        state.record_done = done;
        self.write(keys.state(), &state);
        Ok(state)
    }

    /// The next records for a device, and whether that is all there are.
    pub(super) fn records(
        &self,
        device: &Device,
        state: &DeviceState,
        budget: &mut Budget,
    ) -> Result<(Vec<ClaimRecord>, bool)> {
        let keys = DeviceKeys::of(device);
        let mut records = Vec::new();
        for number in state.record_done.saturating_add(1)..=state.record_last {
            let row: RecordRow = self.read(&keys.record(number))?.ok_or(corrupt("record is missing"))?;
            let shared = row.shared()?;
            let part = |key: crate::store::Key| {
                self.draft.get(&key)?.map(Bytes::from).ok_or(corrupt("recorded claim"))
            };
            let (request, certificate) = (part(shared.request())?, part(shared.certificate())?);
            let fits = records.len() < limits::DELIVERY_RECORDS
                && budget.take(request.len().saturating_add(certificate.len()));
            if !fits {
                budget.more = true;
                return Ok((records, false));
            }
            records.push(ClaimRecord {
                number,
                at: Timestamp::from_millis(row.at),
                package: Hash::from_slice(&row.package).map_err(unreadable)?,
                request: Signed::decode(&request).map_err(unreadable)?.into(),
                certificate,
            });
        }
        Ok((records, true))
    }

    fn number(&self, key: &[u8]) -> Result<u64> {
        let row = self.draft.get(key)?;
        row.map_or(Ok(0), |row| row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt("number")))
    }

    /// A row with a number; none for 0.
    fn set_number(&mut self, key: crate::store::Key, number: u64) {
        match number {
            0 => self.draft.delete(key),
            _ => self.draft.put(key, number.to_be_bytes().to_vec()),
        }
    }
}

impl RecordRow {
    fn by(&self) -> Result<Device> {
        self.by.as_ref().ok_or(corrupt("record"))?.device()
    }

    /// Where its claim lies.
    fn shared(&self) -> Result<keys::Recorded> {
        let claim = RequestId::from_slice(&self.claim).map_err(unreadable)?;
        Ok(keys::Recorded::of(&self.by()?, &claim, Timestamp::from_millis(self.claimed_at)))
    }
}

/// The agencies whose devices are named in records.
pub(super) fn agencies(records: &[ClaimRecord]) -> impl Iterator<Item = AgencyId> {
    records.iter().map(|record| record.request.claimed().agency.clone())
}

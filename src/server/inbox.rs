//! What is addressed to one device alone.

use rand_core::Rng as _;

use super::{
    Output,
    call::Call,
    keys::DeviceKeys,
    rows::{DeviceState, InboxRow},
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::Device,
    wire::{
        device::{InboxBody, InboxItem},
        encode_body,
    },
};

impl Call<'_, '_> {
    /// Puts something into a device's inbox, where it stays until the device is done with it.
    ///
    /// # Errors
    /// [`Code::UnknownDevice`]; [`Code::Quota`] if the device has not looked for long.
    pub(super) fn put_inbox(&mut self, device: &Device, body: InboxBody) -> Result<()> {
        self.enrolled(device)?.ok_or(Error::new(Code::UnknownDevice, "inbox"))?;
        let keys = DeviceKeys::of(device);
        self.draft.guard(keys.guard())?;
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        ensure(state.has_room(), Code::Quota, "inbox")?;
        let number = state.inbox_last.saturating_add(1);
        state.inbox_last = number;
        let mark = self.inbox_mark();
        let item = encode_body(&InboxItem { number, mark, body });
        self.write(keys.inbox(number), &InboxRow { item, mark, ..Default::default() });
        self.write(keys.state(), &state);
        self.output(Output::DeviceReady(device.clone()));
        Ok(())
    }

    /// What tells an inbox item from another one of its number.
    pub(super) fn inbox_mark(&mut self) -> u64 {
        self.draft.rng().next_u64().max(1)
    }

    /// Drops the inbox items that a device is done with: up to a number, with the mark that it had there.
    ///
    /// # Errors
    /// [`Code::StoreRolledBack`] if it was done with more before (SPEC V-546).
    pub(super) fn inbox_done(&mut self, device: &Device, number: u64, mark: u64) -> Result<DeviceState> {
        let keys = DeviceKeys::of(device);
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        let done = number.checked_sub(state.inbox_shift).filter(|done| *done >= state.inbox_done);
        let done = done.ok_or(Error::new(Code::StoreRolledBack, "inbox"))?;
        let here = match done == state.inbox_done {
            true => Some(state.inbox_mark),
            false => self.read::<InboxRow>(&keys.inbox(done))?.map(|row| row.mark),
        };
        if here == Some(mark) && done == state.inbox_done {
            return Ok(state);
        }
        self.draft.guard(keys.guard())?;
        if here == Some(mark) {
            for gone in state.inbox_done.saturating_add(1)..=done {
                self.draft.delete(keys.inbox(gone));
            }
            state.inbox_done = done;
        } else {
            // V-577: this store was put back. Whatever lies here is given under numbers that are new.
            let lost = done.saturating_sub(state.inbox_done);
            let shift = state.inbox_shift.checked_add(lost);
            let fits =
                |shift: &u64| shift.checked_add(state.inbox_last).is_some_and(|last| last < u64::MAX / 2);
            state.inbox_shift = shift.filter(fits).ok_or(Error::new(Code::BadField, "inbox number"))?;
        }
        state.inbox_mark = mark;
        self.write(keys.state(), &state);
        Ok(state)
    }
}

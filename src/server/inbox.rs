//! What is addressed to one device alone.

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
        let row = InboxRow { item: encode_body(&InboxItem { number, body }), ..Default::default() };
        self.write(keys.inbox(number), &row);
        self.write(keys.state(), &state);
        self.output(Output::DeviceReady(device.clone()));
        Ok(())
    }

    /// Drops the inbox items that a device is done with.
    pub(super) fn inbox_done(&mut self, device: &Device, done: u64) -> Result<DeviceState> {
        let keys = DeviceKeys::of(device);
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        let done = done.min(state.inbox_last);
        if done > state.inbox_done {
            self.draft.guard(keys.guard())?;
            for number in state.inbox_done.saturating_add(1)..=done {
                self.draft.delete(keys.inbox(number));
            }
            state.inbox_done = done;
            self.write(keys.state(), &state);
        }
        Ok(state)
    }
}

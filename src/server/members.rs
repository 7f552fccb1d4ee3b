//! Who is in a room, as far as a server needs it: how many devices of which agencies, and
//! what each own device may read.

use super::{
    Output,
    call::Call,
    keys::{DeviceKeys, RoomKeys},
    rows::{AgencyCount, DeviceState, FormerStay, InboxRow, RoomRow, SpanRow, unreadable},
};
use crate::{
    error::Result,
    ids::{AgencyId, Device, DeviceId, RoomId, UserId},
    limits,
    store::{Store, corrupt},
    wire::fields::raw,
};

/// Stays of an agency in a room of which its hub knows when they were: so often may it leave the room and come
/// back in a time that is lost with its server's store.
const FORMER_STAYS: usize = 4;

impl Call<'_, '_> {
    pub(super) fn spans(&self, room: &RoomId, device: &Device) -> Result<SpanRow> {
        Ok(self.read(&RoomKeys::of(room).reader(device))?.unwrap_or_default())
    }

    /// An own device begins to read a room after entry `seq`. Unless it founded the room it
    /// is told so in its inbox, and material is kept for it.
    pub(super) fn enter(
        &mut self,
        row: &mut RoomRow,
        room: &RoomId,
        device: &Device,
        seq: u64,
        invited: bool,
    ) -> Result<()> {
        let keys = RoomKeys::of(room);
        let mut spans = self.spans(room, device)?;
        if spans.is_past(seq) {
            return Ok(());
        }
        let here = self.place(room)?.map_or(0, |place| place.tail.seq);
        // One that is open still ended before: the entry that says so is among those that are missing here.
        if !spans.cut(here.min(seq)) {
            row.present = row.present.saturating_add(1);
        }
        spans.open(seq);
        if invited && self.invite(room, device, seq)? {
            spans.joining = seq;
            self.draft.put(keys.waiting_device(seq, device), Vec::new());
        }
        self.write(keys.reader(device), &spans);
        Ok(())
    }

    /// An own device reads nothing after entry `seq`.
    pub(super) fn depart(
        &mut self,
        row: &mut RoomRow,
        room: &RoomId,
        device: &Device,
        seq: u64,
    ) -> Result<()> {
        let mut spans = self.spans(room, device)?;
        if spans.close(seq) {
            row.present = row.present.saturating_sub(1);
            self.write(RoomKeys::of(room).reader(device), &spans);
            self.output(Output::DeviceReady(device.clone()));
        }
        Ok(())
    }

    /// Puts an invitation into an own device's inbox; says whether there is such a device
    /// with room for it. It lies with the room, once for all devices.
    fn invite(&mut self, room: &RoomId, device: &Device, seq: u64) -> Result<bool> {
        if self.enrolled(device)?.is_none() {
            return Ok(false);
        }
        let keys = DeviceKeys::of(device);
        self.draft.guard(keys.guard())?;
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        if !state.has_room() {
            return Ok(false);
        }
        state.inbox_last = state.inbox_last.saturating_add(1);
        let row = InboxRow { room: raw(room.as_bytes()), seq, mark: self.inbox_mark(), ..Default::default() };
        self.write(keys.inbox(state.inbox_last), &row);
        self.write(keys.state(), &state);
        self.output(Output::DeviceReady(device.clone()));
        Ok(true)
    }

    /// Whether another item fits into an own device's inbox.
    pub(super) fn has_room_in_inbox(&self, device: &Device) -> Result<bool> {
        let state: Option<DeviceState> = self.read(&DeviceKeys::of(device).state())?;
        Ok(state.is_none_or(|state| state.has_room()))
    }

    /// A device has made use of its invitation.
    pub(super) fn joined(&mut self, room: &RoomId, device: &Device) -> Result<()> {
        let keys = RoomKeys::of(room);
        self.draft.guard(keys.guard())?;
        let mut spans = self.spans(room, device)?;
        let seq = core::mem::take(&mut spans.joining);
        self.write(keys.reader(device), &spans);
        self.no_longer_waiting(room, seq, keys.waiting_device(seq, device))
    }

    /// Invitation and material go with the last who needs them. Two who come at the same
    /// time may each leave it to the other; then time takes them.
    pub(super) fn no_longer_waiting(&mut self, room: &RoomId, seq: u64, who: Vec<u8>) -> Result<()> {
        let keys = RoomKeys::of(room);
        self.draft.delete(who);
        if self.draft.scan(&keys.waiting(seq), None, 1)?.is_empty() {
            self.draft.delete_prefix(keys.joining(seq));
        }
        Ok(())
    }
}

impl DeviceState {
    /// Whether another inbox item fits.
    pub(super) fn has_room(&self) -> bool {
        let waiting = usize::try_from(self.inbox_last.saturating_sub(self.inbox_done)).unwrap_or(usize::MAX);
        waiting < limits::DEVICE_INBOX
    }
}

impl RoomRow {
    /// The other agencies with devices in the room.
    pub(super) fn other_agencies(&self) -> Result<Vec<AgencyId>> {
        self.others.iter().map(|other| AgencyId::parse(&other.agency).map_err(unreadable)).collect()
    }

    /// Counts devices of another agency, which come or go with entry `seq`.
    pub(super) fn count(&mut self, agency: &AgencyId, comes: bool, seq: u64) {
        let place = self.others.binary_search_by(|other| other.agency.as_str().cmp(agency.as_str()));
        match (place, comes) {
            (Ok(place), true) => {
                if let Some(other) = self.others.get_mut(place) {
                    other.devices = other.devices.saturating_add(1);
                }
            }
            (Ok(place), false) => {
                let devices = self.others.get_mut(place).map_or(0, |other| {
                    other.devices = other.devices.saturating_sub(1);
                    other.devices
                });
                if devices == 0 {
                    let AgencyCount { agency, since, .. } = self.others.remove(place);
                    self.has_left(FormerStay { agency, since, until: seq });
                }
            }
            (Err(place), true) => {
                self.others.insert(place, AgencyCount { agency: agency.to_string(), devices: 1, since: seq });
            }
            (Err(_), false) => {}
        }
    }

    /// Notes a stay that is over: of one agency the last few, and of all together so many.
    fn has_left(&mut self, stay: FormerStay) {
        let theirs = |other: &FormerStay| other.agency == stay.agency;
        if self.former.iter().filter(|other| theirs(other)).count() >= FORMER_STAYS
            && let Some(first) = self.former.iter().position(theirs)
        {
            self.former.remove(first);
        }
        self.former.push(stay);
        let surplus = self.former.len().saturating_sub(limits::ROOM_AGENCIES);
        self.former.drain(..surplus);
    }
}

/// Own devices that are in a room.
pub(super) fn readers(
    store: &dyn Store,
    room: &RoomId,
    after: Option<&Device>,
    limit: usize,
) -> Result<Vec<Device>> {
    let keys = RoomKeys::of(room);
    let prefix = keys.readers();
    let mut after = after.map(|device| keys.reader(device));
    let mut devices = Vec::new();
    while devices.len() < limit {
        let page = store.scan(&prefix, after.as_deref(), limit)?;
        let last_page = page.len() < limit;
        after = page.last().map(|(key, _)| key.clone());
        for (key, row) in page {
            let spans: SpanRow = super::rows::read(row)?;
            if spans.is_open() && devices.len() < limit {
                devices.push(device_of(key.get(prefix.len()..).unwrap_or_default())?);
            }
        }
        if last_page {
            break;
        }
    }
    Ok(devices)
}

/// The device at the end of a key: its user with the length in front, its id.
fn device_of(key: &[u8]) -> Result<Device> {
    let bad = || corrupt("device in a key");
    let (length, rest) = key.split_first_chunk::<2>().ok_or_else(bad)?;
    let (user, id) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or_else(bad)?;
    let user = core::str::from_utf8(user).ok().and_then(|user| UserId::parse(user).ok()).ok_or_else(bad)?;
    Ok(Device { user, id: DeviceId::from_slice(id).map_err(unreadable)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::agency;

    #[test]
    fn of_an_agency_the_last_stays_are_known_and_of_all_so_many() {
        let (mut row, often) = (RoomRow::default(), agency("often.example"));
        for stay in 0..6 {
            row.count(&often, true, 10 * stay + 1);
            row.count(&often, false, 10 * stay + 5);
        }
        for stay in 0..6 {
            let known = (stay >= 2).then_some(10 * stay + 5);
            assert_eq!(row.may_read(&often, 10 * stay + 1), known, "{stay}");
            assert_eq!(row.may_read(&often, 10 * stay + 5), None, "{stay}");
        }
        for other in 0..limits::ROOM_AGENCIES {
            let other = agency(&format!("a{other}.example"));
            row.count(&other, true, 100);
            row.count(&other, false, 101);
        }
        assert_eq!(row.former.len(), limits::ROOM_AGENCIES);
        assert_eq!(row.may_read(&often, 51), None);
    }
}

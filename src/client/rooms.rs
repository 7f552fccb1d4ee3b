//! What an app can ask about its rooms.

use core::time::Duration;

use super::{
    keys,
    rows::{self, RoomRow},
};
use crate::{
    error::Result,
    ids::{AgencyId, Hash, RoomId},
    limits,
    room::PrivateState,
    store::{Key, Row, Store, corrupt},
};

/// A room as this device has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name, if the device was told.
    pub name: Option<String>,
    /// Its topic, if the device was told.
    pub topic: Option<String>,
    /// Its confidentiality label, if the device was told; empty if it has none.
    pub label: Option<String>,
    /// How long it keeps messages; `None`: no bound.
    pub retention: Option<Duration>,
    /// The agency whose server orders its log.
    pub hub: AgencyId,
    /// The last log entry that is processed. Equal places with equal hashes mean equal
    /// histories, on every device of every agency.
    pub seq: u64,
    /// The hash of that entry; `None` before the founding is confirmed.
    pub hash: Option<Hash>,
    /// The first entry that the device could read.
    pub begins: u64,
}

/// All rooms, ordered by id.
pub(super) fn all(store: &dyn Store) -> Result<Vec<Room>> {
    let prefix = keys::rooms();
    let stored = store.scan(&prefix, None, limits::SYNC_ROOMS)?;
    let one = |(key, row): &Row| room(key.get(prefix.len()..).ok_or(corrupt("room key"))?, row);
    stored.iter().filter_map(|row| one(row).transpose()).collect()
}

/// The rooms that the device takes part in, of these which are like that, ascending.
pub(super) fn taken_part_in(store: &dyn Store, like: impl Fn(&RoomRow) -> bool) -> Result<Vec<RoomId>> {
    let prefix = keys::rooms();
    let mut rooms = Vec::new();
    for (key, row) in store.scan(&prefix, None, limits::SYNC_ROOMS)? {
        let row: RoomRow = rows::parse(&row, "room")?;
        if row.active && !row.declined && like(&row) {
            rooms.push(RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?);
        }
    }
    Ok(rooms)
}

/// A room, unless the device is there only to leave.
fn room(id: &[u8], row: &[u8]) -> Result<Option<Room>> {
    let row: RoomRow = rows::parse(row, "room")?;
    if row.declined {
        return Ok(None);
    }
    let private = (!row.private.is_empty()).then(|| PrivateState::stored(&row.private)).transpose()?;
    Ok(Some(Room {
        id: RoomId::from_slice(id)?,
        name: private.as_ref().map(|p| p.name.clone()),
        topic: private.as_ref().map(|p| p.topic.clone()),
        label: private.map(|p| p.label),
        retention: Some(Duration::from_millis(row.retention)).filter(|kept| !kept.is_zero()),
        hub: AgencyId::parse(&row.hub)?,
        seq: row.seq,
        hash: (!row.hash.is_empty()).then(|| Hash::from_slice(&row.hash)).transpose()?,
        begins: row.begins,
    }))
}

/// What calls about a room read.
pub(super) fn touches(room: Option<&RoomId>) -> Vec<Key> {
    let mut prefixes = vec![
        keys::DEVICE.to_vec(),
        keys::device_mls(),
        keys::rooms(),
        keys::outbox(),
        keys::invitations(),
        keys::all_asked(),
        keys::all_blocked(),
        keys::fetches(),
        keys::uploads(),
        keys::companions(),
        keys::events(),
        keys::expiring_messages(),
        keys::receipts(),
        keys::departures(),
        keys::expiring_packages(),
        keys::awaiting(),
    ];
    prefixes.push(crate::identity::Directory.touches());
    if let Some(room) = room {
        prefixes.extend([
            keys::room_guard(room),
            keys::room_mls(room),
            keys::joined_in(room),
            keys::messages(room),
        ]);
    }
    prefixes
}

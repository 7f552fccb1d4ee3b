//! What an app can ask about its rooms.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    keys,
    rows::{self, PublicRow, RoomRow},
};
use crate::{
    error::Result,
    ids::{AgencyId, Hash, RoomId, UserId},
    limits,
    room::{JoinRule, Listing, Policy, PrivateState, Role, RoomKind, RoomState},
    store::{Key, Row, Store, corrupt},
    time::Timestamp,
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
    /// What sort of room it is.
    pub kind: RoomKind,
    /// Who may do what.
    pub policy: Policy,
    /// Users with another role than member.
    pub roles: BTreeMap<UserId, Role>,
    /// Users who may not take part.
    pub bans: BTreeSet<UserId>,
    /// Archives that take part: what is said here is kept by them.
    pub archives: BTreeSet<UserId>,
    /// Who may join without an invitation.
    pub join: JoinRule,
    /// What servers may show to those who are not in it.
    pub listing: Option<Listing>,
    /// When it ends, if it does.
    pub ends_at: Option<Timestamp>,
    /// Whether somebody who takes part may govern it. Without, its rules stay as they are.
    pub governed: bool,
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
    let one = |(key, row): &Row| room(store, key.get(prefix.len()..).ok_or(corrupt("room key"))?, row);
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
fn room(store: &dyn Store, id: &[u8], row: &[u8]) -> Result<Option<Room>> {
    let row: RoomRow = rows::parse(row, "room")?;
    if row.declined {
        return Ok(None);
    }
    let private = (!row.private.is_empty()).then(|| PrivateState::stored(&row.private)).transpose()?;
    let id = RoomId::from_slice(id)?;
    let public = store.get(&keys::public(&id))?.ok_or(corrupt("room without public row"))?;
    let public: PublicRow = rows::parse(&public, "public room")?;
    let state = RoomState::decode(&public.state).map_err(|_| corrupt("room state"))?;
    Ok(Some(Room {
        id,
        kind: state.kind,
        policy: state.policy,
        ends_at: state.end(),
        roles: state.roles,
        bans: state.bans,
        archives: public.archives.iter().map(|user| UserId::parse(user)).collect::<Result<_>>()?,
        join: state.join,
        listing: state.listing,
        governed: !public.ungoverned,
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
        keys::all_public(),
        keys::all_heard(),
        keys::outbox(),
        keys::invitations(),
        keys::all_asked(),
        keys::all_blocked(),
        keys::all_joining(),
        keys::fetches(),
        keys::forgets(),
        keys::uploads(),
        keys::companions(),
        keys::events(),
        keys::expiring_messages(),
        keys::receipts(),
        keys::departures(),
        keys::expiring_packages(),
        keys::awaiting(),
        keys::look_ups(),
        keys::records(),
    ];
    prefixes.push(crate::identity::Directory.touches());
    if let Some(room) = room {
        prefixes.extend([
            keys::room_guard(room),
            keys::room_mls(room),
            keys::joining_mls(room),
            keys::joined_in(room),
            keys::messages(room),
        ]);
    }
    prefixes
}

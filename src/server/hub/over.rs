//! Rooms that are over: everybody has left, and nobody is there to commit it.

use std::collections::BTreeSet;

use super::super::{
    call::Call,
    keys::RoomKeys,
    rows::{RoomRow, unreadable},
};
use crate::{
    error::Result,
    ids::Device,
    room::{Change, RoomState, log::Chained},
};

impl Call<'_, '_> {
    /// The last entry of a room (SPEC V-599). Whoever was there reads up to it; what only those need who
    /// take part goes: the group, the way in, the place in the directory of rooms.
    pub(super) fn end_room(&mut self, chained: &Chained, mut row: RoomRow, change: &Change) -> Result<()> {
        let room = chained.entry.room;
        let gone: BTreeSet<&Device> = change.removed.iter().map(|gone| &gone.device).collect();
        let before = row.other_agencies()?;
        self.dismiss(chained, &mut row, &gone)?;
        let former = RoomState::decode(&row.state).map_err(unreadable)?;
        self.list_room(Some(&former), &RoomState { listing: None, ..former.clone() })?;
        self.put_room(&room, &row);
        let keys = RoomKeys::of(&room);
        self.cache.rooms.remove(&room);
        self.draft.delete_prefix(keys.group());
        self.draft.delete(keys.group_info());
        self.draft.delete(keys.turns());
        self.pass_on(chained, &row, &before, &gone.into_iter().collect::<Vec<_>>())
    }
}

impl RoomRow {
    /// At the hub: whether nobody takes part any more.
    pub(in crate::server) fn is_over(&self) -> bool {
        self.present == 0 && self.others.is_empty()
    }
}

//! Rooms that show themselves: the hub's directory of them, for those whom they admit (SPEC "Rooms
//! that show themselves").

use std::collections::BTreeSet;

use super::{
    call::Call,
    directory::{folded, words},
    keys,
    rows::unreadable,
};
use crate::{
    error::Result,
    ids::{AgencyId, RoomId},
    limits,
    room::{JoinRule, Listing, RoomKind, RoomState, kind_number},
    store::{Key, corrupt},
    wire::device::{ListedRoom, Page, RoomSearch},
};

impl Call<'_, '_> {
    /// Keeps the directory of rooms as the state of a room says that is ordered here.
    pub(super) fn list_room(&mut self, before: Option<&RoomState>, after: &RoomState) -> Result<()> {
        let was = before.map(places).unwrap_or_default();
        let is = places(after);
        if was == is {
            return Ok(());
        }
        self.draft.guard(keys::directory_guard())?;
        was.difference(&is).for_each(|place| self.draft.delete(place.clone()));
        is.difference(&was).for_each(|place| self.draft.put(place.clone(), Vec::new()));
        Ok(())
    }

    /// A page of the rooms that an agency's users find by a text. Only rooms that admit them are looked
    /// at (SPEC V-571).
    pub(super) fn search_rooms(&self, asking: &AgencyId, search: &RoomSearch) -> Result<Page> {
        let lists = [keys::Index::RoomsFor(asking), keys::Index::Rooms];
        let text = folded(&search.text);
        let show = |word: &String, room: &[u8]| {
            let room = RoomId::from_slice(room).map_err(unreadable)?;
            let row = self.room(&room)?.ok_or(corrupt("directory"))?;
            let state = RoomState::decode(&row.state).map_err(unreadable)?;
            let Some(listing) = state.listing.as_ref().filter(|_| !state.has_ended(self.now())) else {
                return Ok(None);
            };
            // Under the first of its words that fits, and not again under others.
            let fits = words_of(listing).range(text.clone()..).next() == Some(word);
            Ok(fits.then(|| ListedRoom {
                room,
                kind: kind_number(state.kind),
                name: listing.name.clone(),
                summary: listing.summary.clone(),
                ends_at: state.ends_at,
            }))
        };
        let after = search.after.as_deref();
        let (rooms, next) = self.leaf_through(&lists, (&text, after), limits::LISTED_ROOMS, show)?;
        Ok(Page { rooms, next, ..Page::default() })
    }
}

/// Where a room stands: for each agency that it admits, or for all, under each of its words.
fn places(state: &RoomState) -> BTreeSet<Key> {
    let Some(listing) = state.listing.as_ref().filter(|_| state.kind != RoomKind::Direct) else {
        return BTreeSet::new();
    };
    let lists: Vec<keys::Index<'_>> = match &state.join {
        JoinRule::Invitation => Vec::new(),
        JoinRule::Agencies(agencies) => agencies.iter().map(keys::Index::RoomsFor).collect(),
        JoinRule::Anybody => vec![keys::Index::Rooms],
    };
    let words = words_of(listing);
    let place = |list: &keys::Index<'_>, word: &String| list.place(word, state.room.as_bytes());
    lists.iter().flat_map(|list| words.iter().map(move |word| place(list, word))).collect()
}

/// Name and summary from each of their first words on.
fn words_of(listing: &Listing) -> BTreeSet<String> {
    [&listing.name, &listing.summary].into_iter().flat_map(|text| words(&folded(text))).collect()
}

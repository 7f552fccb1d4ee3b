//! The public MLS group of a room, loaded for one call or kept from the last.

use super::super::{call::Call, keys::RoomKeys};
use crate::{
    crypto::mls::MlsCrypto,
    error::Result,
    ids::RoomId,
    room::{
        hub::HubRoom,
        mls_store::{Known, MlsStore},
    },
    store::{Draft, Value},
};

/// How many groups stay in memory.
const CACHED_ROOMS: usize = 64;

/// A group in memory, good as long as the room's guard row holds its stamp.
pub(in crate::server) struct CachedRoom {
    stamp: Value,
    group: HubRoom,
    known: Known,
}

impl CachedRoom {
    /// Marks the group as good under the stamp that this call writes. If the call comes to
    /// nothing the mark is on no row, and the group is loaded again.
    pub(super) fn renew(&mut self, old: Option<&Value>, new: &Value) {
        if Some(&self.stamp) == old {
            self.stamp.clone_from(new);
        }
    }
}

/// What work on a group is done with.
pub(in crate::server) struct Tools<'d> {
    pub(super) draft: &'d Draft<'d>,
    pub(super) crypto: MlsCrypto,
    pub(super) storage: MlsStore<'d>,
}

impl Tools<'_> {
    /// Gives the store's own failure where MLS could only say that something failed.
    fn check<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.storage.failure().unwrap_or(error))
    }
}

impl Call<'_, '_> {
    /// Works on a room's group, if there is one, and keeps the group that comes of it. It is
    /// moved out for the work: if that fails, it is loaded again the next time.
    pub(in crate::server) fn with_group<T>(
        &mut self,
        room: &RoomId,
        work: impl FnOnce(&Tools<'_>, Option<HubRoom>) -> Result<(T, HubRoom)>,
    ) -> Result<T> {
        let stamp = self.guard_room(room)?;
        let cached = self.cache.rooms.remove(room).filter(|cached| cached.stamp == stamp);
        let (group, known) = match cached {
            Some(cached) => (Some(cached.group), cached.known),
            None => (None, Known::default()),
        };
        let crypto = MlsCrypto::new(self.draft.seed());
        // Through the draft, so that it sees what this call has written.
        let storage = MlsStore::room(&self.draft, room, RoomKeys::of(room).group(), known)?;
        let tools = Tools { draft: &self.draft, crypto, storage };
        let group = match group {
            Some(group) => Some(group),
            None => tools.check(HubRoom::load(&tools.storage, room))?,
        };
        let (value, group) = tools.check(work(&tools, group))?;
        let (batch, known) = tools.storage.finish()?;
        self.draft.absorb(batch);

        if self.cache.rooms.len() >= CACHED_ROOMS {
            self.cache.rooms.pop_first();
        }
        self.cache.rooms.insert(*room, CachedRoom { stamp, group, known });
        Ok(value)
    }
}

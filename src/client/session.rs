//! A room opened for one call: its summary row, its MLS state, and the storage under it.

use bytes::Bytes;

use super::{
    call::Call,
    keys,
    rows::{self, RoomRow},
    standing::Standing,
};
use crate::{
    code::Code,
    crypto::mls::{MlsCrypto, MlsProvider},
    error::{Error, Result, ensure},
    ids::{AgencyId, Hash, RoomId},
    limits,
    room::{
        PrivateState,
        log::Tail,
        may_hand_over,
        member::MemberRoom,
        mls_store::{Known, MlsStore},
    },
    store::{Draft, Key, Stamps, Value, Write, corrupt},
    time::Timestamp,
    wire,
};

/// A group in memory, good as long as the store's guard row still holds its stamp.
pub(super) struct CachedRoom {
    stamp: Value,
    member: MemberRoom,
    known: Known,
    standing: Standing,
}

/// What the group works with during the call.
pub(super) struct Backend<'a> {
    crypto: MlsCrypto,
    storage: MlsStore<'a>,
}

impl<'a> Backend<'a> {
    pub(super) fn provider(&self) -> MlsProvider<'_, MlsStore<'a>> {
        MlsProvider { crypto: &self.crypto, storage: &self.storage }
    }

    /// Ends work on keys that belong to no open room. Gives the keys of the rows written.
    pub(super) fn close(self, draft: &mut Draft<'_>) -> Result<Vec<Key>> {
        let (batch, _) = self.storage.finish()?;
        let written = batch.writes().iter().filter_map(|write| match write {
            Write::Put(key, _) => Some(key.clone()),
            _ => None,
        });
        let written = written.collect();
        draft.absorb(batch);
        Ok(written)
    }

    /// Forgets whatever is stored of the room's group.
    pub(super) fn clear(&self) -> Result<()> {
        self.storage.clear()
    }

    /// Gives the store's own failure where MLS could only say that something failed.
    pub(super) fn check<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.storage.failure().unwrap_or(error))
    }
}

/// A room, open.
pub(super) struct Session<'a> {
    pub(super) id: RoomId,
    pub(super) row: RoomRow,
    pub(super) member: MemberRoom,
    pub(super) backend: Backend<'a>,
    /// Where the room was stalled when it was opened, so that the app is told once.
    pub(super) was_stalled: u64,
    /// Whose devices count.
    pub(super) standing: Standing,
    stamp: Value,
}

impl<'a> Call<'a, '_> {
    /// What works on one room's MLS state.
    pub(super) fn backend(&mut self, room: &RoomId, known: Known) -> Result<Backend<'a>> {
        let storage = MlsStore::room(self.draft.snapshot(), room, keys::room_mls(room), known)?;
        let storage = storage.with_device(keys::device_mls());
        Ok(Backend { crypto: MlsCrypto::new(self.draft.seed()), storage })
    }

    /// What works on the MLS state of a room into which the device is only coming.
    pub(super) fn joining_backend(&mut self, room: &RoomId) -> Result<Backend<'a>> {
        let store = self.draft.snapshot();
        let storage = MlsStore::room(store, room, keys::joining_mls(room), Known::default())?;
        let storage = storage.with_device(keys::device_mls());
        Ok(Backend { crypto: MlsCrypto::new(self.draft.seed()), storage })
    }

    /// What works on the device's own keys, for making key packages.
    pub(super) fn device_backend(&mut self) -> Backend<'a> {
        let storage = MlsStore::device(self.draft.snapshot(), keys::device_mls());
        Backend { crypto: MlsCrypto::new(self.draft.seed()), storage }
    }

    /// Opens a room that the device takes part in.
    ///
    /// # Errors
    /// [`Code::UnknownRoom`].
    pub(super) fn open(&mut self, id: &RoomId) -> Result<Session<'a>> {
        let unknown = Error::new(Code::UnknownRoom, "room");
        let row: RoomRow = rows::read(&self.draft, &keys::room(id), "room")?.ok_or(unknown.clone())?;
        let Stamps { old, new } = self.draft.guard(keys::room_guard(id))?;
        let good = |c: &CachedRoom| Some(&c.stamp) == old.as_ref() || c.stamp == new;
        let (member, known, standing) = match self.cache.rooms.remove(id).filter(good) {
            Some(cached) => (Some(cached.member), cached.known, cached.standing),
            None => (None, Known::default(), Standing::default()),
        };
        let mut backend = self.backend(id, known)?;
        if row.pending.is_some() {
            // The log will show the device's own commit, and everybody in it was checked when it was made.
            backend.crypto = backend.crypto.with_held(&self.cache.held);
        }
        let member = match member {
            Some(member) => member,
            None => backend
                .check(MemberRoom::load(&backend.provider(), id))?
                .ok_or(corrupt("room without group"))?,
        };
        let was_stalled = row.stalled;
        self.hush(id, row.declined);
        Ok(Session { id: *id, row, member, backend, was_stalled, standing, stamp: new })
    }

    /// Begins a room that the device has just founded or joined.
    pub(super) fn begin_room(
        &mut self,
        backend: Backend<'a>,
        member: MemberRoom,
        row: RoomRow,
    ) -> Result<Session<'a>> {
        let id = member.state().room;
        let Stamps { new, .. } = self.draft.guard(keys::room_guard(&id))?;
        self.cache.rooms.remove(&id);
        self.hush(&id, row.declined);
        Ok(Session { id, row, member, backend, was_stalled: 0, standing: Standing::default(), stamp: new })
    }

    /// Takes the part in a room that was made ready with [`Self::joining_backend`], in place of a
    /// former one.
    pub(super) fn take_room(
        &mut self,
        backend: Backend<'a>,
        member: MemberRoom,
        row: &RoomRow,
    ) -> Result<()> {
        let id = member.state().room;
        let (from, to) = (keys::joining_mls(&id), keys::room_mls(&id));
        self.draft.delete_prefix(to.clone());
        for (key, row) in self.all_rows(&from)? {
            let rest = key.get(from.len()..).ok_or(corrupt("joining key"))?;
            self.draft.put([to.as_slice(), rest].concat(), row);
        }
        self.draft.delete_prefix(from);
        rows::write(&mut self.draft, keys::room(&id), row);
        let (_, known) = backend.storage.finish()?;
        let Stamps { new, .. } = self.draft.guard(keys::room_guard(&id))?;
        let cached = CachedRoom { stamp: new, member, known, standing: Standing::default() };
        self.cache.rooms.insert(id, cached);
        Ok(())
    }

    /// Writes what has changed in a room. The group stays in memory, marked with the stamp
    /// that only the applied batch makes true.
    pub(super) fn close(&mut self, session: Session<'a>) -> Result<()> {
        let Session { id, mut row, mut member, backend, standing, stamp, .. } = session;
        row.retention = member.state().retention;
        row.hands_over = may_hand_over(member.state(), &self.account.device.user);
        row.ends_at = member.state().ends_at.as_millis();
        let epoch = member.epoch().saturating_add(1);
        if row.shown != epoch {
            row.shown = epoch;
            self.show(&id, &member)?;
        }
        rows::write(&mut self.draft, keys::room(&id), &row);
        let (batch, known) = backend.storage.finish()?;
        self.draft.absorb(batch);
        member.rest();
        self.cache.rooms.insert(id, CachedRoom { stamp, member, known, standing });
        Ok(())
    }

    /// Forgets a room. What the app has been told stays with the app.
    pub(super) fn forget_room(&mut self, session: Session<'a>) -> Result<()> {
        let Session { id, backend, member, .. } = session;
        drop(member);
        backend.storage.clear()?;
        let (batch, _) = backend.storage.finish()?;
        self.draft.absorb(batch);
        self.draft.delete_prefix(keys::room_mls(&id));
        self.draft.delete_prefix(keys::joined_in(&id));
        self.draft.delete_prefix(keys::messages(&id));
        self.draft.delete(keys::room(&id));
        self.draft.delete(keys::public(&id));
        self.draft.delete(keys::heard(&id));
        self.cache.rooms.remove(&id);
        Ok(())
    }
}

impl RoomRow {
    /// The last entry processed.
    pub(super) fn tail(&self, room: &RoomId) -> Result<Tail> {
        let hash = (!self.hash.is_empty()).then(|| Hash::from_slice(&self.hash)).transpose()?;
        let mut tail = Tail::begin(*room, self.term);
        if !self.stamp.is_empty() {
            tail.stamp = wire::decode_body(&Bytes::copy_from_slice(&self.stamp))?;
        }
        Ok(Tail { seq: self.seq, hash, ..tail })
    }
}

impl Session<'_> {
    /// The last entry processed.
    pub(super) fn tail(&self) -> Result<Tail> {
        self.row.tail(&self.id)
    }

    pub(super) fn set_tail(&mut self, tail: &Tail) {
        self.row.seq = tail.seq;
        self.row.hash = tail.hash.map(|h| h.as_bytes().to_vec()).unwrap_or_default();
        self.row.stamp = wire::encode_body(&tail.stamp).to_vec();
        if self.row.seq >= self.row.wait_for {
            (self.row.wait_until, self.row.waited) = (0, 0);
        }
    }

    /// That one more item fits into the room's outbox.
    ///
    /// # Errors
    /// [`Code::Quota`]; [`Code::UnknownRoom`] in a room that the device is only leaving.
    pub(super) fn has_room(&self) -> Result<()> {
        ensure(!self.row.declined, Code::UnknownRoom, "room")?;
        let items = usize::try_from(self.row.messages.saturating_add(self.row.changes));
        ensure(items.is_ok_and(|items| items < limits::OUTBOX), Code::Quota, "outbox")
    }

    pub(super) fn hub(&self) -> Result<AgencyId> {
        AgencyId::parse(&self.row.hub)
    }

    /// The present, as far as a clock may be behind: not before the last entry.
    pub(super) fn latest(&self, now: Timestamp) -> Result<Timestamp> {
        Ok(now.max(self.tail()?.stamp.at))
    }

    /// What the room is about, if the device was told.
    pub(super) fn private(&self) -> Option<PrivateState> {
        PrivateState::decode(&self.row.private, &self.member.state().private_hash).ok()
    }

    /// The room's confidentiality label, if the device was told; empty if it has none.
    pub(super) fn label(&self) -> Option<String> {
        self.private().map(|private| private.label)
    }

    /// Whether something may be made for the room now: the log is processed as far as the
    /// last refusal looked, or does not come for long.
    pub(super) fn up_to_date(&self, now: Timestamp) -> bool {
        let waits = self.row.seq < self.row.wait_for && now < Timestamp::from_millis(self.row.wait_until);
        self.row.active && self.row.stalled == 0 && !waits
    }
}

//! What time brings: rows whose time has passed go, links are named that have something to do.

use bytes::Bytes;

use super::{
    Output, blobs,
    call::Call,
    keys::{self, BlobKeys, LinkKeys, RoomKeys},
    rows::{self, Due, DueRow},
};
use crate::{
    error::Result,
    ids::{AgencyId, BlobId, RoomId},
    limits,
    store::{Key, corrupt},
    time::Timestamp,
    wire::fields::raw,
};

impl Call<'_, '_> {
    /// Deletes the rows under a prefix when the time comes.
    pub(super) fn drop_later(&mut self, at: Timestamp, prefix: &[u8]) {
        let row = DueRow { what: Some(Due::Rows(Bytes::copy_from_slice(prefix))) };
        self.write(keys::due(at, prefix), &row);
        self.wake_at(at);
    }

    /// Looks at the row of a quota when it ought to be whole again.
    pub(super) fn empty_later(&mut self, at: Timestamp, key: &Key) {
        let row = DueRow { what: Some(Due::Quota(Bytes::copy_from_slice(key))) };
        self.write(keys::due(at, key), &row);
        self.wake_at(at);
    }

    /// Forgets an attachment when its time comes.
    pub(super) fn forget_blob_later(
        &mut self,
        at: Timestamp,
        origin: &AgencyId,
        blob: &BlobId,
        keys: &BlobKeys,
    ) {
        let what = Some(Due::Blob(blobs::name(origin, blob)));
        self.write(keys::due(at, &keys.all()), &DueRow { what });
        self.wake_at(at);
    }

    /// Goes on fetching an attachment when its time comes.
    pub(super) fn fetch_later(&mut self, at: Timestamp, origin: &AgencyId, blob: &BlobId, keys: &BlobKeys) {
        let what = Some(Due::Fetch(blobs::name(origin, blob)));
        self.write(keys::due(at, &keys.all_asked()), &DueRow { what });
        self.wake_at(at);
    }

    /// Sees whether an upload goes on when its time comes.
    pub(super) fn look_at_upload(
        &mut self,
        at: Timestamp,
        origin: &AgencyId,
        blob: &BlobId,
        keys: &BlobKeys,
    ) {
        let what = Some(Due::Upload(blobs::name(origin, blob)));
        self.write(keys::due(at, &keys.record()), &DueRow { what });
        self.wake_at(at);
    }

    /// Looks at a room when its time comes.
    pub(super) fn beat_later(&mut self, at: Timestamp, room: &RoomId) {
        let what = Some(Due::Beat(raw(room.as_bytes())));
        self.write(keys::due(at, &RoomKeys::of(room).tail()), &DueRow { what });
        self.wake_at(at);
    }

    pub(super) fn tick(&mut self, max: usize) -> Result<()> {
        let mut left = max;
        for (key, row) in self.draft.scan(&keys::dues(), None, max.saturating_add(1))? {
            let at = time_of(&key)?;
            if at > self.now() || left == 0 {
                self.wake_at(at);
                break;
            }
            left = left.saturating_sub(1);
            match rows::read::<DueRow>(row)?.what.ok_or(corrupt("due row"))? {
                Due::Rows(prefix) => {
                    self.draft.delete_prefix(prefix.to_vec());
                    self.draft.delete(key);
                }
                Due::Quota(row) => {
                    self.draft.delete(key);
                    self.forget_full(&row.to_vec())?;
                }
                Due::Blob(name) => {
                    let (origin, blob) = blobs::named(&name)?;
                    self.forget_blob(origin, blob)?;
                    self.draft.delete(key);
                }
                Due::Fetch(name) => {
                    let (origin, blob) = blobs::named(&name)?;
                    self.draft.delete(key);
                    self.fetch_is_due(&origin, &blob)?;
                }
                Due::Upload(name) => {
                    let (_, blob) = blobs::named(&name)?;
                    self.draft.delete(key);
                    self.give_up(&blob)?;
                }
                Due::Beat(room) => {
                    self.draft.delete(key);
                    let told = self.beat(&RoomId::from_slice(&room).map_err(rows::unreadable)?)?;
                    left = left.saturating_sub(told);
                }
                Due::Wanted(room) => {
                    self.draft.delete(key);
                    self.still_wanted(&RoomId::from_slice(&room).map_err(rows::unreadable)?)?;
                }
                Due::Rooms(after) => {
                    self.draft.delete(key);
                    let after = (!after.is_empty()).then(|| RoomId::from_slice(&after)).transpose();
                    let looked = self.look_through(after.map_err(rows::unreadable)?.as_ref(), left.max(1))?;
                    left = left.saturating_sub(looked);
                }
            }
        }
        self.tell_papers()?;
        self.name_ready_links()
    }

    /// Names the agencies to which something can be sent: a crash may have come between
    /// storing it and sending it, or an acknowledgement not at all.
    pub(super) fn name_ready_links(&mut self) -> Result<()> {
        let mut after: Option<Key> = None;
        for _ in 0..limits::AGENCIES {
            let next = self.draft.scan(&keys::links(), after.as_deref(), 1)?;
            let Some((key, _)) = next.into_iter().next() else { break };
            let peer = keys::peer_of(&key)?;
            after = Some(LinkKeys::with(&peer).end());
            if self.is_ready(&peer)? {
                self.output(Output::LinkReady(peer));
            }
        }
        Ok(())
    }
}

fn time_of(key: &[u8]) -> Result<Timestamp> {
    let time = key.get(keys::dues().len()..).and_then(<[u8]>::first_chunk);
    time.map(|time| Timestamp::from_millis(u64::from_be_bytes(*time))).ok_or(corrupt("due key"))
}

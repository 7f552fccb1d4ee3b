//! Where room logs stand, in rows.

use bytes::Bytes;

use super::{
    call::Call,
    keys::RoomKeys,
    rows::{RoomRow, TailRow, unreadable},
};
use crate::{
    crypto::sign,
    error::{Error, Result},
    ids::{AgencyId, Hash, RoomId},
    room::log::{Chained, Tail},
    store::corrupt,
    time::Timestamp,
    wire::{
        decode_body, encode_body,
        log::{Evidence, Head, LogItem},
    },
};

/// Where a room's log stands.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) tail: Tail,
    /// At the hub: the MLS epoch.
    pub(super) epoch: u64,
    /// When the room is looked at next to see whether it has gone silent.
    pub(super) beat: Timestamp,
}

impl Call<'_, '_> {
    pub(super) fn place(&self, room: &RoomId) -> Result<Option<Place>> {
        let Some(row) = self.read::<TailRow>(&RoomKeys::of(room).tail())? else { return Ok(None) };
        let stamp = decode_body(&row.stamp).map_err(unreadable)?;
        let hash = Some(Hash::from_slice(&row.hash).map_err(unreadable)?);
        let tail = Tail { room: *room, term: row.term, seq: row.seq, hash, stamp };
        Ok(Some(Place { tail, epoch: row.epoch, beat: Timestamp::from_millis(row.beat) }))
    }

    /// Notes where the log stands now. Something was said: from now on the room is active.
    pub(super) fn put_place(&mut self, place: &Place) -> Result<()> {
        let Place { tail, epoch, beat } = place;
        let beat = self.beat_from(&tail.room, *beat);
        let hash = tail.hash.ok_or(Error::new(crate::code::Code::Bug, "empty log"))?;
        let row = TailRow {
            term: tail.term,
            seq: tail.seq,
            hash: Bytes::copy_from_slice(hash.as_bytes()),
            stamp: encode_body(&tail.stamp),
            epoch: *epoch,
            beat: beat.as_millis(),
        };
        self.write(RoomKeys::of(&tail.room).tail(), &row);
        Ok(())
    }

    /// Keeps an entry with its evidence: once, whoever reads it.
    pub(super) fn put_entry(&mut self, chained: &Chained, evidence: Vec<Evidence>) {
        let key = RoomKeys::of(&chained.entry.room).entry(chained.entry.seq);
        let item = LogItem { entry: chained.bytes.clone(), evidence };
        self.draft.put(key, encode_body(&item).to_vec());
    }

    /// An entry as encoded in its row.
    pub(super) fn entry_row(&self, room: &RoomId, seq: u64) -> Result<Bytes> {
        let row = self.draft.get(&RoomKeys::of(room).entry(seq))?;
        row.map(Bytes::from).ok_or(corrupt("log entry is missing"))
    }

    pub(super) fn room(&self, room: &RoomId) -> Result<Option<RoomRow>> {
        self.read(&RoomKeys::of(room).state())
    }

    pub(super) fn put_room(&mut self, room: &RoomId, row: &RoomRow) {
        self.write(RoomKeys::of(room).state(), row);
    }

    /// The own word for the state of a log at one of its entries. It is not from before what stands
    /// in the log, even if the clock was ahead once.
    pub(super) fn head(&self, log: &Tail, seq: u64, hash: Hash) -> crate::crypto::Verified<Head> {
        let (room, term, incarnation) = (log.room, log.term, self.own.incarnation);
        let at = self.now().max(log.stamp.at);
        sign(Head { room, term, seq, hash, at, incarnation }, &[&self.own.key])
    }
}

impl RoomRow {
    pub(super) fn hub(&self) -> Result<AgencyId> {
        AgencyId::parse(&self.hub).map_err(unreadable)
    }
}

//! Heartbeats: while a room is active its hub says again and again where the log stands, so that silence
//! shows: that of a hub to those who follow the room, and that of a follower to its devices (SPEC
//! "Heartbeats").

use bytes::Bytes;

use super::{
    Output,
    call::Call,
    keys::{LinkKeys, RoomKeys},
    rows::{Pending, PendingRow, unreadable},
};
use crate::{
    code::Code,
    crypto::verify,
    error::{Result, ensure},
    ids::{AgencyId, RoomId},
    limits,
    room::log::Tail,
    store::corrupt,
    time::Timestamp,
    wire::{Signed, device::Cursor, fields::raw, log::Head},
};

/// How what a hub says of a room's log differs from the log that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Difference {
    /// The hub's goes on past the end of the one that is here: this server's store was put back to an
    /// earlier state, or the hub has kept entries back.
    Longer,
    /// The hub's ends before: its store was put back to an earlier state.
    Shorter,
    /// Another entry stands at that place: the hub's store was put back, and others have spoken since, or the
    /// hub shows two logs.
    Other,
}

/// The time between two beats, in milliseconds.
const INTERVAL: u64 = limits::HEARTBEAT.as_secs().saturating_mul(1_000);

impl Call<'_, '_> {
    /// Something was said in a room: it is looked at from the next beat on. Gives the time of that, where `known`
    /// is what was noted before.
    pub(super) fn beat_from(&mut self, room: &RoomId, known: Timestamp) -> Timestamp {
        let next = self.next_beat();
        // Unless it was noted by a clock that has been put back since.
        if known > self.now() && known <= next {
            // It may have been looked at already, by that clock.
            self.beat_later(known, room);
            return known;
        }
        self.beat_later(next, room);
        next
    }

    /// The next beat. All rooms have theirs at the same time, so that few frames carry them; servers
    /// have them at different ones.
    fn next_beat(&self) -> Timestamp {
        let [a, b, c, d, ..] = *self.own.incarnation.as_bytes();
        let now = self.now().as_millis();
        let shifted = now.saturating_add(u32::from_be_bytes([a, b, c, d]).into());
        let since = shifted.checked_rem(INTERVAL).unwrap_or(0);
        Timestamp::from_millis(now.saturating_add(INTERVAL).saturating_sub(since))
    }

    /// A beat of a room, as long as it is active (SPEC V-530, V-540). Gives to how many agencies something
    /// goes.
    pub(super) fn beat(&mut self, room: &RoomId) -> Result<usize> {
        let (Some(row), Some(place)) = (self.room(room)?, self.place(room)?) else { return Ok(0) };
        if !self.is_active(&place.tail) {
            return Ok(0);
        }
        let next = self.next_beat();
        self.beat_later(next, room);
        if row.hub != self.own.agency.as_str() {
            return self.listen(&row.hub()?, &place.tail).map(|()| 0);
        }
        let others = row.other_agencies()?;
        for peer in &others {
            if self.takes_part(peer)? && self.answers(peer)? {
                let what = Some(Pending::Heartbeat(raw(room.as_bytes())));
                self.write(LinkKeys::with(peer).heartbeat(room), &PendingRow { what });
                self.output(Output::LinkReady(peer.clone()));
            }
        }
        Ok(others.len())
    }

    /// Says so where nothing was heard for long of a room that is followed.
    fn listen(&mut self, hub: &AgencyId, tail: &Tail) -> Result<()> {
        let Some(head) = self.known_head(tail)? else { return Ok(()) };
        let silent = limits::ROOM_SILENT.saturating_add(limits::CLOCK_SKEW);
        if head.claimed().at.plus(silent) <= self.now() && self.takes_part(hub)? {
            self.output(Output::HubSilent { hub: hub.clone(), room: tail.room });
        }
        Ok(())
    }

    /// Whether the last entry is not long past. One from ahead, of a clock that has been put back since,
    /// would be so for too long.
    pub(super) fn is_active(&self, tail: &Tail) -> bool {
        let at = tail.stamp.at;
        at <= self.now().plus(limits::CLOCK_SKEW) && self.now() < at.plus(limits::ROOM_ACTIVE)
    }

    /// Takes the hub's word that the log stands where it stood. If it stands elsewhere, the operators are told
    /// (SPEC V-528).
    pub(super) fn heard(&mut self, hub: &AgencyId, tail: &Tail, head: Signed<Head>) -> Result<()> {
        let keys = RoomKeys::of(&tail.room);
        let (seq, hash) = (head.claimed().seq, head.claimed().hash);
        let difference = match self.hash_at(tail, seq)? {
            _ if seq > tail.seq => Difference::Longer,
            Some(here) if here != hash => Difference::Other,
            _ if seq < tail.seq => Difference::Shorter,
            _ => {
                self.keep_head(hub, tail, head)?;
                return self.is_answered(tail);
            }
        };
        // One that goes again in another life of the link, from before what has been said since.
        if difference == Difference::Shorter && head.claimed().at <= tail.stamp.at {
            return Ok(());
        }
        let key = self.server_key(hub, &head, head.claimed().at)?;
        let head = verify(head, &key)?;
        ensure(head.term == tail.term, Code::BadHead, "another term")?;
        match (difference, self.wanted(&tail.room)?) {
            // It was asked for more than has come, and goes on giving.
            (Difference::Longer, Some(asked)) if asked.seq < tail.seq => {
                return self.ask_for_entries(hub, tail, None);
            }
            (Difference::Longer, _) => self.want_entries(hub, tail)?,
            _ => self.is_answered(tail)?,
        }
        let known = self.draft.get(&keys.head(seq))?;
        let (room, hub) = (tail.room, hub.clone());
        let heads = [head.bytes().to_vec()].into_iter().chain(known).collect();
        self.output(Output::LogDiffers { room, hub, seq, difference, heads });
        Ok(())
    }

    /// Keeps a head at the end of the log, in the place of the one of before.
    fn keep_head(&mut self, hub: &AgencyId, tail: &Tail, head: Signed<Head>) -> Result<()> {
        self.confirm(hub, tail, head.clone())?;
        let known = self.known_head(tail)?;
        if known.is_some_and(|known| known.claimed().at >= head.claimed().at) {
            return Ok(());
        }
        let keys = RoomKeys::of(&tail.room);
        self.draft.guard(keys.guard())?;
        self.draft.put(keys.head(tail.seq), head.bytes().to_vec());
        Ok(())
    }

    /// Where a log is followed: the hub's newest head at its end.
    fn known_head(&self, tail: &Tail) -> Result<Option<Signed<Head>>> {
        let row = self.draft.get(&RoomKeys::of(&tail.room).head(tail.seq))?;
        row.map(|head| Signed::decode(&Bytes::from(head)).map_err(unreadable)).transpose()
    }

    /// For a device that has the whole log of an active room: a head that is newer than the one that it has
    /// (SPEC V-550).
    pub(super) fn newer_head(&self, cursor: &Cursor, tail: &Tail, own: bool) -> Result<Option<Signed<Head>>> {
        if cursor.seq != tail.seq || cursor.hash != tail.hash || !self.is_active(tail) {
            return Ok(None);
        }
        if own {
            let due = cursor.heard_at.plus(limits::HEARTBEAT) <= self.now();
            let hash = tail.hash.ok_or(corrupt("empty log"))?;
            return Ok(due.then(|| self.head(tail, tail.seq, hash).into_signed()));
        }
        Ok(self.known_head(tail)?.filter(|head| head.claimed().at > cursor.heard_at))
    }
}

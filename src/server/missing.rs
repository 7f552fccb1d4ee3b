//! Entries that a follower lacks because its store was put back to an earlier state: it asks for them, and
//! the hub gives them again (SPEC V-559, V-560).

use core::ops::RangeInclusive;

use super::{
    Output,
    answers::PIECE,
    call::Call,
    keys::{self, LinkKeys, RoomKeys},
    rows::{
        DepartedRow, DeviceName, Due, DueRow, FormerStay, Pending, PendingEntry, PendingRow, RoomRow,
        WantedRow, read_wire,
    },
};
use crate::{
    code::Code,
    error::{Error, Result, Retry, ensure},
    ids::{AgencyId, Device, Hash, RoomId},
    limits,
    room::log::{Tail, entry_hash},
    store::{Key, corrupt},
    time::Timestamp,
    wire::{
        decode, encode_body,
        fields::raw,
        link::{EntriesWanted, LinkItem},
        log::{LogEntry, LogItem},
    },
};

impl Call<'_, '_> {
    /// Asks a room's hub for what comes after the end of the log that is here, unless that was done lately.
    pub(super) fn want_entries(&mut self, hub: &AgencyId, tail: &Tail) -> Result<()> {
        match self.last_wanted(&tail.room)? {
            Some(asked) if asked.seq == tail.seq && !asked.is_long_ago(self.now()) => Ok(()),
            asked => self.ask_for_entries(hub, tail, asked.as_ref()),
        }
    }

    /// What was asked for and has not been answered to the end.
    pub(super) fn wanted(&self, room: &RoomId) -> Result<Option<WantedRow>> {
        Ok(self.last_wanted(room)?.filter(|asked| asked.tries > 0))
    }

    /// What was asked for lately.
    fn last_wanted(&self, room: &RoomId) -> Result<Option<WantedRow>> {
        self.read(&RoomKeys::of(room).wanted())
    }

    pub(super) fn ask_for_entries(
        &mut self,
        hub: &AgencyId,
        tail: &Tail,
        asked: Option<&WantedRow>,
    ) -> Result<()> {
        let hash = tail.hash.ok_or(corrupt("empty log"))?;
        let item = LinkItem::EntriesWanted(EntriesWanted { room: tail.room, seq: tail.seq, hash });
        // One at a time for a room.
        let mut place = [0; 16];
        place[0] = 2;
        let key = LinkKeys::with(hub).pending_at(Timestamp::ZERO, &tail.room, 0, &place);
        self.write(key, &PendingRow { what: Some(Pending::Item(encode_body(&item))) });
        self.output(Output::LinkReady(hub.clone()));

        let tries =
            asked.filter(|asked| asked.seq == tail.seq).map_or(1, |asked| asked.tries.saturating_add(1));
        let (key, at) = (RoomKeys::of(&tail.room).wanted(), self.now());
        self.write(key.clone(), &WantedRow { seq: tail.seq, at: at.as_millis(), tries });
        let what = Some(Due::Wanted(raw(tail.room.as_bytes())));
        self.write(keys::due(at.plus(limits::LOST_AGAIN), &key), &DueRow { what });
        self.wake_at(at.plus(limits::LOST_AGAIN));
        Ok(())
    }

    /// Nothing is missing any more, or the hub says that it has no more of this log. For a while that is not
    /// asked again: whoever says that there is more could have it asked for ever.
    pub(super) fn is_answered(&mut self, tail: &Tail) -> Result<()> {
        if let Some(asked) = self.wanted(&tail.room)? {
            let row = WantedRow { seq: tail.seq, tries: 0, ..asked };
            self.write(RoomKeys::of(&tail.room).wanted(), &row);
        }
        Ok(())
    }

    pub(super) fn wants_nothing(&mut self, room: &RoomId) -> Result<()> {
        if self.last_wanted(room)?.is_some() {
            self.draft.delete(RoomKeys::of(room).wanted());
        }
        Ok(())
    }

    /// Asks again for what did not come.
    pub(super) fn still_wanted(&mut self, room: &RoomId) -> Result<()> {
        let asked = self.last_wanted(room)?;
        let Some(asked) = asked.filter(|asked| asked.is_long_ago(self.now())) else { return Ok(()) };
        let open = (1..limits::WANTED_TRIES).contains(&asked.tries);
        match self.followed_tail(room)?.filter(|_| open) {
            Some((hub, tail)) => self.ask_for_entries(&hub, &tail, Some(&asked)),
            None => self.wants_nothing(room),
        }
    }

    /// A room with own devices whose hub is another agency: that, and where its log stands here.
    pub(super) fn followed_tail(&self, room: &RoomId) -> Result<Option<(AgencyId, Tail)>> {
        let (Some(row), Some(place)) = (self.room(room)?, self.place(room)?) else { return Ok(None) };
        let hub = row.hub()?;
        Ok((row.present > 0 && hub != self.own.agency).then_some((hub, place.tail)))
    }

    /// Asks for what is missing in rooms, `max` at once, after one of them: the store was put back.
    /// Says how many it looked at.
    pub(super) fn look_through(&mut self, after: Option<&RoomId>, max: usize) -> Result<usize> {
        let mut after: Option<Key> = after.map(|room| RoomKeys::of(room).end());
        for looked in 0..max {
            let next = self.draft.scan(&keys::rooms(), after.as_deref(), 1)?;
            let Some((key, _)) = next.into_iter().next() else { return Ok(looked) };
            let room = keys::room_of(&key)?;
            if let Some((hub, tail)) = self.followed_tail(&room)? {
                self.ask_for_entries(&hub, &tail, None)?;
            }
            after = Some(RoomKeys::of(&room).end());
            if looked.saturating_add(1) == max {
                self.look_through_later(Some(&room));
            }
        }
        Ok(max)
    }

    pub(super) fn look_through_later(&mut self, after: Option<&RoomId>) {
        let what = Some(Due::Rooms(after.map(|room| raw(room.as_bytes())).unwrap_or_default()));
        let now = self.now();
        self.write(keys::due(now, &keys::rooms()), &DueRow { what });
        self.wake_at(now);
    }

    /// Gives a follower what it lacks, as far as it may have it, and says where the log stands.
    ///
    /// # Errors
    /// [`Code::NotMember`] if nobody of that agency was in the room then;
    /// [`Code::Quota`]: it asks again.
    pub(super) fn peer_entries_wanted(&mut self, from: &AgencyId, wanted: &EntriesWanted) -> Result<()> {
        let EntriesWanted { room, seq, hash } = *wanted;
        let row = self.room(&room)?.ok_or(Error::new(Code::UnknownRoom, "link item"))?;
        ensure(row.hub == self.own.agency.as_str(), Code::NotHub, "link item")?;
        let until = row.may_read(from, seq).ok_or(Error::new(Code::NotMember, "wanted entries"))?;
        let tail = self.place(&room)?.ok_or(corrupt("tail"))?.tail;
        // Whoever has another log is told where this one stands, and nothing of it.
        let last = match self.hash_at(&tail, seq)? == Some(hash) {
            true => until.min(tail.seq).min(seq.saturating_add(limits::DELIVERY_ENTRIES as u64)),
            false => seq,
        };
        let (mut bytes, mut entries) = (0_usize, Vec::new());
        // Before anything is read for it.
        self.take_answer(from, 1)?;
        for seq in seq.saturating_add(1)..=last {
            let item = self.entry_row(&room, seq).map_err(|error| all_of(error, &room, seq..=last))?;
            bytes = bytes.saturating_add(item.len());
            if bytes > limits::FRAME_BYTES && !entries.is_empty() {
                break;
            }
            let item: LogItem = read_wire(item.to_vec())?;
            let entry: LogEntry = decode(&item.entry).map_err(super::rows::unreadable)?;
            entries.push((seq, entry.stamp.at));
        }
        if bytes > PIECE {
            self.take_answer(from, bytes.saturating_sub(PIECE))?;
        }
        for (seq, at) in entries {
            let departing = self.departed(&room, seq, from)?;
            let entry = PendingEntry { room: raw(room.as_bytes()), seq, departing };
            // Where it lay when it was new: if it lies there still, it goes once.
            self.queue(from, (at, &room, seq), [0; 16], Pending::Entry(entry));
        }
        let what = Some(Pending::Place(raw(room.as_bytes())));
        self.write(LinkKeys::with(from).place(&room), &PendingRow { what });
        self.output(Output::LinkReady(from.clone()));
        Ok(())
    }

    /// The hash of an entry of the log that is here.
    pub(super) fn hash_at(&self, tail: &Tail, seq: u64) -> Result<Option<Hash>> {
        if seq == tail.seq {
            return Ok(tail.hash);
        }
        let item = self.draft.get(&RoomKeys::of(&tail.room).entry(seq))?;
        item.map(|item| Ok(entry_hash(&read_wire::<LogItem>(item)?.entry))).transpose()
    }

    /// Notes which devices of other agencies an entry removes, for followers who ask for it again.
    pub(super) fn note_departed(&mut self, room: &RoomId, seq: u64, gone: &[&Device]) {
        let others = gone.iter().filter(|device| *device.user.agency() != self.own.agency);
        let devices: Vec<DeviceName> = others.map(|device| DeviceName::of(device)).collect();
        if !devices.is_empty() {
            self.write(RoomKeys::of(room).departed(seq), &DepartedRow { devices });
        }
    }

    /// The devices of an agency that an entry removes, ordered.
    fn departed(&self, room: &RoomId, seq: u64, agency: &AgencyId) -> Result<Vec<DeviceName>> {
        let row: DepartedRow = self.read(&RoomKeys::of(room).departed(seq))?.unwrap_or_default();
        let mut theirs = Vec::new();
        for name in &row.devices {
            let device = name.device()?;
            if device.user.agency() == agency {
                theirs.push(device);
            }
        }
        theirs.sort();
        Ok(theirs.iter().map(DeviceName::of).collect())
    }
}

impl WantedRow {
    /// Or at a time that is to come, by a clock that was put back since.
    fn is_long_ago(&self, now: Timestamp) -> bool {
        let at = Timestamp::from_millis(self.at);
        at > now || at.plus(limits::LOST_AGAIN) <= now
    }
}

impl RoomRow {
    /// Up to which entry an agency may read that has read this one: to the one with which its last device
    /// of that time went.
    pub(super) fn may_read(&self, agency: &AgencyId, seq: u64) -> Option<u64> {
        let there = self.others.iter().find(|other| other.agency == agency.as_str());
        if there.is_some_and(|there| there.since <= seq) {
            return Some(u64::MAX);
        }
        let then =
            |stay: &&FormerStay| stay.agency == agency.as_str() && (stay.since..stay.until).contains(&seq);
        self.former.iter().find(then).map(|stay| stay.until)
    }
}

/// Where a store says that an entry is not loaded: all that may be given are wanted, with whom they remove.
fn all_of(error: Error, room: &RoomId, seqs: RangeInclusive<u64>) -> Error {
    let keys = RoomKeys::of(room);
    match error.retry() {
        Retry::Load(_) => Error::load(seqs.flat_map(|seq| [keys.entry(seq), keys.departed(seq)]).collect()),
        _ => error,
    }
}

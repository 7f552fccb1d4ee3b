//! Whether anything is heard of the rooms in which people speak: their hubs say again and again where
//! their logs stand, and a server that passes on nothing more shows (SPEC "Heartbeats").

use std::collections::BTreeMap;

use rand_core::Rng as _;

use super::{
    Event,
    call::Call,
    keys,
    rows::{self, HeardRow, RoomRow},
};
use crate::{
    code::Code,
    error::Result,
    ids::{AgencyId, RoomId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::device::RoomDelivery,
};

impl Call<'_, '_> {
    /// Takes a head at the last entry that the device has processed. One of another entry at that place
    /// is of another log: the room stands still, and the app is told once (SPEC V-555).
    pub(super) fn heartbeat(&mut self, delivery: RoomDelivery) -> Result<()> {
        let (room, head) = (delivery.room, delivery.head);
        let Some(row) = rows::read::<RoomRow>(&self.draft, &keys::room(&room), "room")? else {
            return Ok(());
        };
        let (seq, at) = (head.claimed().seq, head.claimed().at.as_millis());
        let other = head.claimed().term == row.term && head.claimed().hash.as_bytes().as_slice() != row.hash;
        if seq != row.seq || !row.active {
            return Ok(());
        }
        match self.confirm(&AgencyId::parse(&row.hub)?, &row.tail(&room)?, head) {
            Ok(()) => {
                let known = self.heard(&room)?.unwrap_or_default();
                if known.seq == seq && known.at >= at {
                    return Ok(());
                }
                self.put_heard(&room, &HeardRow { seq, at, since: 0, again: 0, told: known.told })
            }
            Err(error) if error.code() == Code::BadHead && other => {
                let mut session = self.open(&room)?;
                self.stall(&mut session, seq.saturating_add(1), error)?;
                self.close(session)
            }
            // What it takes to check it may come with the next.
            Err(error) if !error.fails_the_call() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The own server has answered, and has given all that it has: of which active rooms it has nothing newer
    /// for too long (SPEC V-556).
    pub(super) fn listen(&mut self) -> Result<()> {
        let mut heard = self.all_heard()?;
        if self.synced()?.listen_due == 0 && heard.is_empty() {
            return Ok(());
        }
        let prefix = keys::rooms();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            let room = RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?;
            self.listen_to(&room, &row, heard.remove(&room))?;
        }
        for room in heard.keys() {
            self.draft.delete(keys::heard(room));
        }
        Ok(())
    }

    fn listen_to(&mut self, room: &RoomId, row: &RoomRow, known: Option<HeardRow>) -> Result<()> {
        let mut now = known.clone().unwrap_or_default();
        let news = now.seq != row.seq || now.since == 0;
        if now.told && news {
            self.hush(room, row.declined);
            self.event(&Event::RoomHeard { room: *room })?;
            now.told = false;
        }
        if now.seq != row.seq {
            now = HeardRow { seq: row.seq, ..HeardRow::default() };
        }
        let listens = self.listens_to(room, row)?;
        // Within ten minutes nobody need say anything.
        let late = row.heard_at(room, Some(&now))?.plus(limits::HEARTBEAT) <= self.now();
        if listens && late {
            self.silence(room, row, &mut now)?;
        }
        // Of a room of which nothing is to be heard it counts only whether the app has to be told of it.
        let kept = now.told || listens && (now.at > 0 || now.since > 0);
        match known {
            Some(_) if !kept => self.draft.delete(keys::heard(room)),
            known if kept && known.as_ref() != Some(&now) => self.put_heard(room, &now)?,
            _ => {}
        }
        Ok(())
    }

    /// The own server has nothing newer of a room of which there should be something.
    fn silence(&mut self, room: &RoomId, row: &RoomRow, heard: &mut HeardRow) -> Result<()> {
        if heard.told {
            return Ok(());
        }
        let now = self.now();
        let since = |millis: u64| now.since(Timestamp::from_millis(millis));
        if heard.since > now.as_millis() || since(heard.since) >= limits::ROOM_ACTIVE {
            // It is the first time, or was not asked for long, or the clock was set.
            (heard.since, heard.again) = (now.as_millis(), 0);
        }
        if heard.again == 0 && since(heard.since) >= limits::HEARTBEAT {
            heard.again = now.as_millis();
        }
        // Asked between as well: or a clock that is set ahead would make a silence by itself.
        let asked = heard.again > 0 && since(heard.again) >= limits::HEARTBEAT;
        if !asked || since(heard.since).saturating_add(limits::HEARTBEAT) < limits::ROOM_SILENT {
            return Ok(());
        }
        heard.told = true;
        let since = row.heard_at(room, Some(heard))?;
        self.hush(room, row.declined);
        self.event(&Event::RoomSilent { room: *room, hub: AgencyId::parse(&row.hub)?, since })
    }

    /// Whether something is to be heard of a room: people speak in it, or the device waits for the fate of
    /// what it has submitted; and nothing is known that explains a silence.
    pub(super) fn listens_to(&self, room: &RoomId, row: &RoomRow) -> Result<bool> {
        if !row.active || row.stalled > 0 {
            return Ok(false);
        }
        let spoken = row.tail(room)?.stamp.at;
        let active =
            spoken <= self.now().plus(limits::CLOCK_SKEW) && self.now() < spoken.plus(limits::ROOM_ACTIVE);
        if !active && !self.waits_for_fate(room, row)? {
            return Ok(false);
        }
        let hub = AgencyId::parse(&row.hub)?;
        for agency in [&hub, self.account.device.user.agency()] {
            match self.directory.takes_part(&self.draft, agency, self.now()) {
                Err(error) if error.fails_the_call() => return Err(error),
                Err(_) => return Ok(false),
                Ok(()) => {}
            }
        }
        Ok(true)
    }

    fn waits_for_fate(&self, room: &RoomId, row: &RoomRow) -> Result<bool> {
        if row.pending.is_some() {
            return Ok(true);
        }
        let items = if row.messages > 0 || row.changes > 0 { self.items(room)? } else { Vec::new() };
        Ok(items.iter().any(|item| !item.row.submission.is_empty()))
    }

    /// When to ask again for what active rooms say: every ten to fifteen minutes.
    pub(super) fn listen_later(&mut self) -> Timestamp {
        let random = u32::from(self.draft.rng().next_u64().to_be_bytes()[0]);
        let jitter = limits::HEARTBEAT.saturating_mul(random) / 512;
        let at = self.now().plus(limits::HEARTBEAT).plus(jitter);
        self.wake(at);
        at
    }

    fn heard(&self, room: &RoomId) -> Result<Option<HeardRow>> {
        rows::read(&self.draft, &keys::heard(room), "heard of a room")
    }

    fn put_heard(&mut self, room: &RoomId, row: &HeardRow) -> Result<()> {
        let key = keys::heard(room);
        self.draft.expect_unchanged(key.clone())?;
        rows::write(&mut self.draft, key, row);
        Ok(())
    }

    /// What was heard of rooms, where that is noted.
    pub(super) fn all_heard(&self) -> Result<BTreeMap<RoomId, HeardRow>> {
        let prefix = keys::all_heard();
        let one = |(key, row): (Vec<u8>, Vec<u8>)| {
            let room = key.get(prefix.len()..).ok_or(corrupt("heard key"))?;
            Ok((RoomId::from_slice(room)?, rows::parse(&row, "heard of a room")?))
        };
        self.draft.scan(&prefix, None, limits::SYNC_ROOMS)?.into_iter().map(one).collect()
    }
}

impl RoomRow {
    /// When the hub signed the newest head, as far as that is noted: not before the last entry.
    pub(super) fn heard_at(&self, room: &RoomId, heard: Option<&HeardRow>) -> Result<Timestamp> {
        let spoken = self.tail(room)?.stamp.at;
        let noted = heard.filter(|heard| heard.seq == self.seq).map_or(0, |heard| heard.at);
        Ok(spoken.max(Timestamp::from_millis(noted)))
    }
}

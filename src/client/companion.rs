//! Bringing the user's next device into the user's rooms, once it is enrolled (SPEC "Linking a
//! device"). The device that endorsed it does so by itself; nothing of that depends on the app.

use core::time::Duration;

use super::{
    call::Call,
    keys,
    outbox::Item,
    rows::{self, CompanionRow, RoomRow, Work},
};
use crate::{
    error::Result,
    ids::{Device, DeviceId, RequestId, RoomId},
    limits,
    store::{Key, corrupt},
    time::Timestamp,
};

/// Rooms looked at in one call.
const PART: usize = 16;
/// So often it is tried in short intervals, and then seldom: each attempt costs every device of the
/// user a key package.
const SHORTLY: u32 = 12;
const SELDOM: Duration = Duration::from_secs(6 * 3_600);

/// What became of one room.
enum Brought {
    /// The device is there.
    There,
    /// It is being invited.
    Invited,
    /// Nobody can be invited there now.
    NotNow,
}

impl Call<'_, '_> {
    /// From now on a device that was endorsed is waited for; one that was for a shift, until that ends.
    pub(super) fn expect_companion(&mut self, device: &Device, ends: Option<Timestamp>) -> Result<()> {
        let key = keys::companion(&device.id);
        self.draft.expect_unchanged(key.clone())?;
        let longest = self.now().plus(limits::COMPANION_AWAITED);
        let until = ends.map_or(longest, |ends| ends.min(longest)).as_millis();
        let row = CompanionRow { due: self.retry_at(0).as_millis(), until, ..CompanionRow::default() };
        rows::write(&mut self.draft, key, &row);
        Ok(())
    }

    /// A key package of an own device has come: if it was waited for, every room is next.
    pub(super) fn companion_is_there(&mut self, device: &Device) -> Result<()> {
        let key = keys::companion(&device.id);
        let row: Option<CompanionRow> = rows::read(&self.draft, &key, "companion")?;
        let Some(mut row) = row.filter(|row| !row.there) else { return Ok(()) };
        self.draft.expect_unchanged(key.clone())?;
        (row.there, row.attempts, row.due) = (true, 0, self.now().as_millis());
        self.wake(self.now());
        rows::write(&mut self.draft, key, &row);
        Ok(())
    }

    /// Looks after those that are waited for.
    pub(super) fn remind_companions(&mut self, all: bool) -> Result<()> {
        let prefix = keys::companions();
        for (key, row) in self.draft.scan(&prefix, None, limits::DEVICES_PER_USER)? {
            let mut row: CompanionRow = rows::parse(&row, "companion")?;
            // As with `due`: a time further ahead was set by a clock that has been put back since.
            let furthest = self.now().plus(SELDOM);
            let at = Timestamp::from_millis(row.due);
            if !(all && row.attempts <= SHORTLY) && self.now() < at && at <= furthest {
                self.wake(at);
                continue;
            }
            self.draft.expect_unchanged(key.clone())?;
            // A whole round is one try, and one that comes of a start of the app is none.
            let tries = row.after.is_empty() && at <= self.now();
            row.attempts = row.attempts.saturating_add(u32::from(tries));
            let id = DeviceId::from_slice(key.get(prefix.len()..).ok_or(corrupt("companion key"))?)?;
            match self.passed(row.until) {
                true => self.draft.delete(key),
                false => self.bring(&key, &id, row)?,
            }
        }
        Ok(())
    }

    /// Brings a device into a part of the rooms. As long as it is not known to be enrolled,
    /// one room is enough to find out.
    fn bring(&mut self, key: &Key, id: &DeviceId, mut row: CompanionRow) -> Result<()> {
        let device = Device { user: self.account.device.user.clone(), id: *id };
        let prefix = keys::rooms();
        let after = (!row.after.is_empty()).then_some(row.after.as_slice());
        let rooms = self.draft.scan(&prefix, after, PART)?;
        let mut more = rooms.len() == PART;
        row.after = rooms.last().map(|(key, _)| key.clone()).unwrap_or_default();
        for (room_key, room_row) in rooms {
            let room: RoomRow = rows::parse(&room_row, "room")?;
            if room.declined {
                continue;
            }
            if !room.active || room.stalled > 0 {
                // It may be founded yet, or followed again.
                row.lacking = true;
                continue;
            }
            let room = RoomId::from_slice(room_key.get(prefix.len()..).ok_or(corrupt("room key"))?)?;
            if matches!(self.bring_into(&room, &device)?, Brought::There) {
                continue;
            }
            row.lacking = true;
            if !row.there {
                more = false;
                break;
            }
        }
        if more {
            row.due = self.now().as_millis();
            self.wake(self.now());
        } else if row.lacking {
            row.due = match row.attempts <= SHORTLY {
                true => self.retry_at(row.attempts).as_millis(),
                false => self.now().plus(SELDOM).as_millis(),
            };
            self.wake(Timestamp::from_millis(row.due));
            (row.lacking, row.after) = (false, Vec::new());
        } else {
            self.draft.delete(key.clone());
            return Ok(());
        }
        rows::write(&mut self.draft, key.clone(), &row);
        Ok(())
    }

    fn bring_into(&mut self, room: &RoomId, device: &Device) -> Result<Brought> {
        let mut session = self.open(room)?;
        let there = session.member.roster()?.find(device).is_some();
        let own = device.user.to_string();
        let inviting = |item: &Item| matches!(item.work(), Ok(Work::Invite(i)) if i.users.contains(&own) || i.later.contains(&own));
        let brought = if there {
            Brought::There
        } else if self.items(room)?.iter().any(inviting) {
            Brought::Invited
        } else if session.has_room().is_err() {
            Brought::NotNow
        } else {
            let work = Work::Invite(self.invite_work(vec![device.user.clone()], true)?);
            let request = RequestId::random(self.draft.rng());
            let mut item = self.enqueue(request, room, work)?;
            session.row.changes = session.row.changes.saturating_add(1);
            self.claim(room, &mut item)?;
            Brought::Invited
        };
        self.close(session)?;
        Ok(brought)
    }
}

//! Whose turn it is: a device whose commits came too late again and again is waited for, for a moment
//! (SPEC V-582).

use core::time::Duration;

use super::super::{
    call::Call,
    keys::RoomKeys,
    rows::{DeviceName, LateRow, TurnsRow},
};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::{Device, RoomId},
    limits,
    room::Change,
    time::Timestamp,
    wire::log::{SubmissionHeader, SubmissionKind},
};

impl Call<'_, '_> {
    /// That it is nobody else's turn. Whoever is to go from a room goes at once, whoever says so.
    ///
    /// # Errors
    /// [`Code::WrongEpoch`], with the time at which that turn ends.
    pub(super) fn wait_for_others(&self, room: &RoomId, sender: &Device, change: &Change) -> Result<()> {
        let Some(turns) = self.read::<TurnsRow>(&RoomKeys::of(room).turns())? else { return Ok(()) };
        let until = Timestamp::from_millis(turns.until);
        let removes = change.removed.iter().any(|gone| gone.device != *sender);
        if !self.is_ahead(until, limits::TURN) || turns.holder == Some(DeviceName::of(sender)) || removes {
            return Ok(());
        }
        Err(Error::new(Code::WrongEpoch, "the turn of another device").after(until))
    }

    /// Whether a time that was set so long ahead is still to come. One that is further ahead was set by a
    /// clock that has been put back since.
    fn is_ahead(&self, time: Timestamp, longest: Duration) -> bool {
        self.now() < time && time <= self.now().plus(longest)
    }

    /// A commit was taken: its sender is not late any more.
    pub(super) fn is_in_time(&mut self, room: &RoomId, sender: &Device) -> Result<()> {
        let key = RoomKeys::of(room).turns();
        let Some(mut turns) = self.read::<TurnsRow>(&key)? else { return Ok(()) };
        let sender = DeviceName::of(sender);
        // Who had a turn is remembered: nobody has one after the other.
        turns.late.retain(|late| late.device.as_ref() != Some(&sender) || self.had_one(late));
        for late in turns.late.iter_mut().filter(|late| late.device.as_ref() == Some(&sender)) {
            late.times = 0;
        }
        if turns.holder.as_ref() == Some(&sender) {
            (turns.holder, turns.until) = (None, 0);
        }
        match turns.late.is_empty() && turns.holder.is_none() {
            true => self.draft.delete(key),
            false => self.write(key, &turns),
        }
        Ok(())
    }

    fn had_one(&self, late: &LateRow) -> bool {
        self.is_ahead(Timestamp::from_millis(late.not_before), limits::TURN_EVERY)
    }

    /// A member's commit was refused: if it came too late for the present epoch, and not for another's
    /// turn, that counts.
    pub(super) fn is_late(&mut self, header: &SubmissionHeader, epoch: u64, refused: &Error) -> Result<()> {
        let late = refused.code() == Code::WrongEpoch && refused.retry_at().is_none() && header.epoch < epoch;
        let keys = RoomKeys::of(&header.room);
        let counts = late && header.kind == SubmissionKind::Commit;
        if !counts || self.draft.get(&keys.member(&header.sender))?.is_none() {
            return Ok(());
        }
        let now = self.now();
        let key = keys.turns();
        let mut turns: TurnsRow = self.read(&key)?.unwrap_or_default();
        let sender = DeviceName::of(&header.sender);
        let known = turns.late.iter().position(|late| late.device.as_ref() == Some(&sender));
        let mut row: LateRow = known.map(|known| turns.late.remove(known)).unwrap_or_default();
        (row.device, row.times) = (Some(sender.clone()), row.times.saturating_add(1));
        let free = !self.is_ahead(Timestamp::from_millis(turns.until), limits::TURN);
        if free && !self.had_one(&row) && row.times >= limits::LATE_IN_A_ROW {
            // And no other one soon: nobody can hold a room by coming too late.
            (row.times, row.not_before) = (0, now.plus(limits::TURN_EVERY).as_millis());
            (turns.holder, turns.until) = (Some(sender), now.plus(limits::TURN).as_millis());
        }
        if turns.late.len() == limits::LATE_DEVICES {
            // Of those who had none the first is forgotten; as long as all had one, nobody else is counted.
            match turns.late.iter().position(|late| !self.had_one(late)) {
                Some(first) => drop(turns.late.remove(first)),
                None => return Ok(()),
            }
        }
        turns.late.push(row);
        self.write(key, &turns);
        Ok(())
    }
}

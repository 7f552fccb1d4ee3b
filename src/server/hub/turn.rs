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
        turns.late.retain(|late| late.device.as_ref() != Some(&sender));
        if turns.holder.as_ref() == Some(&sender) {
            (turns.holder, turns.until) = (None, 0);
        }
        match turns.late.is_empty() && turns.holder.is_none() {
            true => self.draft.delete(key),
            false => self.write(key, &turns),
        }
        Ok(())
    }

    /// A commit was refused: if it came too late, and not for another's turn, that counts.
    pub(super) fn is_late(&mut self, header: &SubmissionHeader, refused: &Error) -> Result<()> {
        let late = refused.code() == Code::WrongEpoch && refused.retry_at().is_none();
        if !late || header.kind != SubmissionKind::Commit {
            return Ok(());
        }
        let now = self.now();
        let key = RoomKeys::of(&header.room).turns();
        let mut turns: TurnsRow = self.read(&key)?.unwrap_or_default();
        let sender = DeviceName::of(&header.sender);
        let known = turns.late.iter().position(|late| late.device.as_ref() == Some(&sender));
        let mut row: LateRow = known.map(|known| turns.late.remove(known)).unwrap_or_default();
        (row.device, row.times) = (Some(sender.clone()), row.times.saturating_add(1));
        let free = !self.is_ahead(Timestamp::from_millis(turns.until), limits::TURN);
        let again = !self.is_ahead(Timestamp::from_millis(row.not_before), limits::TURN_EVERY);
        if free && again && row.times >= limits::LATE_IN_A_ROW {
            // Who lets it pass has no other one soon: nobody can hold a room by coming too late.
            (row.times, row.not_before) = (0, now.plus(limits::TURN_EVERY).as_millis());
            (turns.holder, turns.until) = (Some(sender), now.plus(limits::TURN).as_millis());
        }
        turns.late.push(row);
        let many = turns.late.len().saturating_sub(limits::LATE_DEVICES);
        turns.late.drain(..many);
        self.write(key, &turns);
        Ok(())
    }
}

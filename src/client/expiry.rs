//! When messages have to go: by their own word, or because the room keeps none for longer
//! (SPEC "Expiry"). The engine says which and when; the app deletes.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Event,
    call::Call,
    keys,
    rows::{self, MessageRow, RoomRow},
    session::Session,
};
use crate::{
    error::Result,
    ids::{MessageId, RoomId},
    store::corrupt,
    time::Timestamp,
    wire::{self, log::Stamp},
};

/// Messages looked at in one call.
const PART: usize = 512;
/// After how long the row of a message that has gone is looked at again.
const LOOKED_AT_AGAIN: Duration = Duration::from_secs(86_400);

impl Call<'_, '_> {
    /// Puts a message where it is found when it has to go.
    pub(super) fn schedule(&mut self, room: &RoomId, id: &MessageId, row: &mut MessageRow, retention: u64) {
        let due = row.expires_at(retention).unwrap_or(0);
        if due == row.due || row.told {
            return;
        }
        if row.due > 0 {
            self.draft.delete(keys::expiring_message(row.due, room, id));
        }
        row.due = due;
        if due > 0 {
            self.draft.put(keys::expiring_message(due, room, id), Vec::new());
            self.wake(Timestamp::from_millis(due));
        }
    }

    /// Tells what has to go, a part with each call that time brings.
    pub(super) fn expire(&mut self) -> Result<()> {
        let mut gone: BTreeMap<RoomId, Vec<MessageId>> = BTreeMap::new();
        let due = self.draft.scan(&keys::expiring_messages(), None, PART)?;
        // A full part may not be all that is due; one that comes to what is not due yet is.
        let mut more = due.len() == PART;
        for (key, _) in &due {
            let (at, room, id) = keys::read_expiring(key).ok_or(corrupt("expiring message"))?;
            if !self.passed(at) {
                self.wake(Timestamp::from_millis(at));
                more = false;
                break;
            }
            // Told once, whatever other engine is at work on this store.
            self.draft.expect_unchanged(key.clone())?;
            self.draft.delete(key.clone());
            if self.has_to_go(&room, &id)? {
                gone.entry(room).or_default().push(id);
            }
        }
        if more {
            self.wake(self.now());
        }
        for (room, messages) in gone {
            self.event(&Event::Expired { room, messages })?;
        }
        Ok(())
    }

    /// Whether the app has to be told that a message goes. What others say of it may still be on
    /// the way, and is judged by stamps; so its row stays until the log has gone past that time.
    fn has_to_go(&mut self, room: &RoomId, id: &MessageId) -> Result<bool> {
        let key = keys::message(room, id);
        let here: Option<RoomRow> = rows::read(&self.draft, &keys::room(room), "room")?;
        let row: Option<MessageRow> = rows::read(&self.draft, &key, "message")?;
        let (Some(here), Some(mut row)) = (here, row) else {
            return Ok(true); // of a room that the device has left
        };
        let expires_at = row.expires_at(here.retention);
        let stamped = stamped(&here)?;
        let goes = !row.told && expires_at.is_some_and(|due| self.passed(due));
        if goes {
            self.let_files_go(room, id, &mut row)?;
        }
        if !goes && !row.told {
            self.schedule(room, id, &mut row, here.retention);
        } else if expires_at.is_some_and(|due| due <= stamped) {
            row = MessageRow { seq: row.seq, ..MessageRow::default() };
        } else {
            (row.told, row.due) = (true, self.now().plus(LOOKED_AT_AGAIN).as_millis());
            self.draft.put(keys::expiring_message(row.due, room, id), Vec::new());
        }
        self.draft.expect_unchanged(key.clone())?;
        rows::write(&mut self.draft, key, &row);
        Ok(goes)
    }

    /// Goes on to compute anew when a room's messages expire, after it has changed how long it
    /// keeps them.
    pub(super) fn reschedule(&mut self, session: &mut Session<'_>) -> Result<()> {
        if let Some(after) = session.row.reschedule.take() {
            let retention = session.member.state().retention;
            session.row.reschedule = self.reschedule_part(&session.id, retention, &after)?;
        }
        Ok(())
    }

    /// Computes a part anew. Gives where to go on, if there is more.
    pub(super) fn reschedule_part(
        &mut self,
        room: &RoomId,
        retention: u64,
        after: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let prefix = keys::messages(room);
        let part = self.draft.scan(&prefix, (!after.is_empty()).then_some(after), PART)?;
        for (key, row) in &part {
            let id = MessageId::from_slice(key.get(prefix.len()..).unwrap_or_default())?;
            let before: MessageRow = rows::parse(row, "message")?;
            let mut row = before.clone();
            self.schedule(room, &id, &mut row, retention);
            if row != before {
                self.draft.expect_unchanged(key.clone())?;
                rows::write(&mut self.draft, key.clone(), &row);
            }
        }
        let last = part.last().filter(|_| part.len() == PART).map(|(key, _)| key.clone());
        if last.is_some() {
            self.wake(self.now());
        }
        Ok(last)
    }
}

/// When the hub took the last entry that was processed, in milliseconds.
fn stamped(row: &RoomRow) -> Result<u64> {
    if row.stamp.is_empty() {
        return Ok(0);
    }
    let stamp: Stamp = wire::decode_body(&Bytes::copy_from_slice(&row.stamp))?;
    Ok(stamp.at.as_millis())
}

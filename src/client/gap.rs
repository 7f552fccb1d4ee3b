//! What becomes of a device's work in a room that it has come into anew: what was on its way is
//! made again, and written only to people who were there before.

use std::collections::BTreeSet;

use super::{
    call::Call,
    keys,
    rows::{self, JoinedRow, RoomRow, Work},
};
use crate::{
    code::Kind,
    error::Result,
    ids::{RoomId, UserId},
    room::{PrivateState, RoomState, member::MemberRoom},
};

/// What the device knew of a room.
struct Before {
    users: BTreeSet<UserId>,
    state: RoomState,
    label: Option<String>,
}

impl Call<'_, '_> {
    /// Takes over what the outbox holds. A message that had been submitted may stand in the part of
    /// the log that the device does not read: it is sent again under the same id, and who has it
    /// takes it once (SPEC V-497).
    pub(super) fn carry_over(
        &mut self,
        room: &RoomId,
        here: &RoomRow,
        member: &MemberRoom,
        new: &mut RoomRow,
    ) -> Result<()> {
        let before = self.before(room)?;
        if let Some(pending) = &here.pending {
            self.no_longer_awaited(&super::outbox::id16(&pending.submission_id)?);
        }
        for mut item in self.items(room)? {
            match item.work()? {
                Work::Create(_) => {
                    self.drop_item(room, &item)?;
                    continue;
                }
                // On its way to the own server; it becomes a message when it is there.
                Work::Share(_) | Work::Forward(_) => new.messages = new.messages.saturating_add(1),
                Work::Message(message) => {
                    new.messages = new.messages.saturating_add(1);
                    new.waiting = new.waiting.saturating_add(u32::from(!message.held));
                    self.recall(room, &mut item)?;
                }
                _ => {
                    new.changes = new.changes.saturating_add(1);
                    self.recall(room, &mut item)?;
                }
            }
        }
        if new.messages > 0 {
            let now: BTreeSet<UserId> = member.roster()?.users().into_iter().cloned().collect();
            let label = PrivateState::decode(&new.private, &member.state().private_hash).ok();
            let label = label.map(|private| private.label);
            let (users, rules) = match &before {
                Some(before) => (
                    now.difference(&before.users).map(ToString::to_string).collect(),
                    before.state.policy != member.state().policy || before.label != label,
                ),
                // Nobody can say who was there.
                None => (now.iter().map(ToString::to_string).collect(), true),
            };
            let key = keys::joined(room, member.epoch());
            rows::write(&mut self.draft, key, &JoinedRow { users, rules });
        }
        Ok(())
    }

    /// The room as the device last knew it; `None` if that cannot be read any more.
    fn before(&mut self, room: &RoomId) -> Result<Option<Before>> {
        let session = match self.open(room) {
            Ok(session) => session,
            Err(error) if error.kind() == Kind::Store => {
                return if matches!(error.code(), crate::code::Code::StoreCorrupt) {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
            Err(error) => return Err(error),
        };
        let users = session.member.roster()?.users().into_iter().cloned().collect();
        Ok(Some(Before { users, state: session.member.state().clone(), label: session.label() }))
    }
}

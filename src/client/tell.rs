//! Telling those who have come in from outside what the room is about (SPEC "Private state"). Nobody
//! could put it into a Welcome for them: the first who is online sends it to the room, and
//! whoever sees that keeps silent.

use super::{Event, call::Call, rows::Work, session::Session};
use crate::{
    content::{Content, kind},
    error::Result,
    ids::Device,
    room::PrivateState,
    time::Timestamp,
};

/// For each leaf of the room, in milliseconds: so that not everybody tells.
const SPREAD: u64 = 50;
/// At most, in milliseconds.
const SPREAD_MAX: u64 = 10_000;

impl Call<'_, '_> {
    /// Somebody has come in who does not know what the room is about.
    pub(super) fn tell_later(&mut self, session: &mut Session<'_>) -> Result<()> {
        if session.private().is_some() && session.row.tell_due == 0 {
            let members = u64::try_from(session.member.roster()?.len()).unwrap_or(u64::MAX);
            let spread = members.saturating_mul(SPREAD).clamp(1, SPREAD_MAX);
            session.row.tell_due = self.soon(spread).as_millis();
        }
        Ok(())
    }

    /// Tells it, when it is time and nobody has.
    pub(super) fn tell_newcomers(&mut self, session: &mut Session<'_>) -> Result<()> {
        if session.row.tell_due == 0 {
            return Ok(());
        }
        if !self.due(false, session.row.tell_due) {
            self.wake(Timestamp::from_millis(session.row.tell_due));
            return Ok(());
        }
        session.row.tell_due = 0;
        let Some(private) = session.private() else { return Ok(()) };
        if self.may_send(session).is_err() || session.has_room().is_err() {
            return Ok(());
        }
        let said = Content::Unsupported { kind: kind::ROOM_DESCRIPTION, bytes: private.encode() };
        let mut work = self.message_work(session, &said, None)?;
        work.quiet = true;
        let request = self.random_id();
        self.enqueue(request, &session.id, Work::Message(work))?;
        session.row.messages = session.row.messages.saturating_add(1);
        session.row.waiting = session.row.waiting.saturating_add(1);
        Ok(())
    }

    /// Somebody has told it. What does not match the room's hash is as if it had not been said.
    pub(super) fn told(
        &mut self,
        session: &mut Session<'_>,
        seq: u64,
        by: Device,
        bytes: &[u8],
    ) -> Result<()> {
        let Ok(private) = PrivateState::decode(bytes, &session.member.state().private_hash) else {
            return Ok(());
        };
        session.row.tell_due = 0;
        if session.private().is_some() {
            return Ok(());
        }
        session.row.private = private.encode().to_vec();
        self.event(&Event::RoomDescribed { room: session.id, seq, by, name: private.name })
    }
}

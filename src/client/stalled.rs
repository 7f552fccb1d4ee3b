//! Rooms whose log cannot be followed for now: what is missing comes, or the time comes, or the
//! device comes in anew.

use super::{Event, call::Call, session::Session};
use crate::{
    code::{Code, Kind},
    error::{Error, Result},
    ids::AgencyId,
    limits,
    time::Timestamp,
};

/// Whether what is refused for this succeeds by itself, when a document or the time has come.
pub(super) fn passes(code: Code) -> bool {
    matches!(code, Code::MissingEvidence | Code::BadStamp)
}

impl Call<'_, '_> {
    /// Which time it may be by the word of others than a hub: the own clock may be behind. A day later
    /// an agency has signed another list.
    pub(super) fn told_time(&self, hub: &AgencyId) -> Result<Timestamp> {
        let home = self.account.device.user.agency();
        let signed = self.directory.signed_time(&self.draft, Some(home).filter(|home| *home != hub))?;
        Ok(signed.plus(limits::REVOCATION_UPDATE))
    }

    /// The room cannot be followed past an entry: says so once, and tries again when more comes;
    /// what passes, a document that is missing or a time that has not come, it asks for again.
    pub(super) fn stall(&mut self, session: &mut Session<'_>, seq: u64, error: Error) -> Result<()> {
        if matches!(error.kind(), Kind::Store | Kind::Bug) {
            return Err(error);
        }
        session.row.stalled = seq;
        session.row.ask_due = 0;
        if passes(error.code()) {
            session.row.ask_due = self.retry_at(session.row.asked).as_millis();
            session.row.asked = session.row.asked.saturating_add(1);
        }
        if session.was_stalled == seq {
            return Ok(());
        }
        self.event(&Event::RoomStalled { room: session.id, seq, code: error.code() })?;
        match session.row.declined {
            true => Ok(()),
            false => self.come_back(&session.id, &session.hub()?, error.code()),
        }
    }
}

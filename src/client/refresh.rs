//! Filling a room's tree: additions leave it without keys between the leaves and the root, so that each commit
//! is encrypted to every member by itself. A few members put keys there, each with a commit of their own, and
//! from then on a commit is as long as the tree is high (SPEC V-478).

use super::{call::Call, session::Session};
use crate::{
    error::{Result, holds},
    limits,
    time::Timestamp,
};

impl Call<'_, '_> {
    /// Commits a path if it is needed, when it is time for that.
    pub(super) fn fill_path(&mut self, session: &mut Session<'_>) -> Result<()> {
        let row = &session.row;
        let state = session.member.state();
        let banned = state.bans.contains(&self.account.device.user);
        let closed = row.declined || banned || state.has_ended(session.latest(self.now())?);
        if !session.standing.gap || closed || !holds(self.check_self(session))? {
            session.row.path_due = 0;
            return Ok(());
        }
        let leaves = u32::try_from(session.standing.len()).unwrap_or(u32::MAX);
        let spread = limits::PATH_SPREAD.saturating_mul(leaves);
        let due = Timestamp::from_millis(row.path_due);
        // Set by a clock that has been put back since, or in a larger room.
        if row.path_due == 0 || due.since(self.now()) > spread {
            let within = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
            session.row.path_due = self.soon(within).as_millis();
        } else if due <= self.now() {
            // If another commit is first, the next time is drawn anew, should it still be needed.
            session.row.path_due = 0;
            return self.refresh(session);
        }
        self.wake(Timestamp::from_millis(session.row.path_due));
        Ok(())
    }
}

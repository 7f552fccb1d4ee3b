//! Leaving rooms, and carrying out that others leave; and who counts no more is removed (SPEC V-599).

use std::collections::BTreeSet;

use openmls::prelude::LeafNodeIndex;

use super::{call::Call, change::Change, outbox::Item, rows::Work, session::Session};
use crate::{
    crypto::mls::MlsSigner,
    error::Result,
    ids::{Device, UserId},
    room::{self, member::Plan, submission::Parts},
    time::Timestamp,
    wire::log::SubmissionKind,
};

/// Within how many milliseconds somebody who counts no more is removed, at random so that
/// not everybody does it.
const REMOVED: u64 = 2_000;

/// Within how many milliseconds for each leaf somebody who leaves is taken out, and at most.
const LEAVES: (u64, u64) = (50, 10_000);

impl Call<'_, '_> {
    /// Somebody wants to leave: whoever is there commits it, at a time of their own so that not everybody
    /// does.
    pub(super) fn commit_later(&mut self, session: &mut Session<'_>, device: &Device) -> Result<()> {
        if device.user != self.account.device.user && session.row.commit_due == 0 {
            let members = u64::try_from(session.member.roster()?.len()).unwrap_or(u64::MAX);
            let spread = members.saturating_mul(LEAVES.0).clamp(1, LEAVES.1);
            session.row.commit_due = self.soon(spread).as_millis();
        }
        Ok(())
    }

    /// Commits that others go, when the time has come.
    pub(super) fn drive_removals(
        &mut self,
        session: &mut Session<'_>,
        leaving: &[Device],
        due: &[LeafNodeIndex],
    ) -> Result<()> {
        let nobody = leaving.is_empty() && due.is_empty();
        let carries_out = self.carries_out(session, leaving, due);
        if leaving.contains(&self.account.device) && !carries_out {
            session.row.commit_due = 0;
        } else if session.row.waiting > 0 && !nobody
            || session.row.changes > 0 && !due.is_empty()
            || carries_out && session.row.commit_due > 0 && self.due(false, session.row.commit_due)
        {
            self.remove(session, due.to_vec())?;
        } else if !carries_out {
            session.row.commit_due = 0;
        } else if session.row.commit_due == 0 {
            session.row.commit_due = self.soon(REMOVED).as_millis();
        } else {
            self.wake(Timestamp::from_millis(session.row.commit_due));
        }
        Ok(())
    }

    /// Whether it is for this device to see to it that others go. Who leaves, and whose own user's devices
    /// leave, leaves it to the others as long as there are some.
    fn carries_out(&self, session: &Session<'_>, leaving: &[Device], due: &[LeafNodeIndex]) -> bool {
        if leaving.is_empty() {
            return !due.is_empty() || session.standing.shows;
        }
        let own = &self.account.device;
        let (leaving, due): (BTreeSet<_>, BTreeSet<_>) = (leaving.iter().collect(), due.iter().collect());
        let mut stay = session.standing.stay(&leaving, &due);
        if leaving.contains(own) {
            return !due.is_empty() && stay.next().is_none();
        }
        let others_leave = leaving.iter().any(|device| device.user != own.user);
        others_leave
            || !due.is_empty()
            || session.standing.shows
            || !stay.any(|device| device.user != own.user)
    }

    /// Commits whoever is leaving, removes whoever counts no more, and shows who is gone.
    fn remove(&mut self, session: &mut Session<'_>, mut due: Vec<LeafNodeIndex>) -> Result<()> {
        let (roster, leaving) = (session.member.roster()?, session.member.leaving()?);
        let leaves =
            |leaf: &LeafNodeIndex| roster.at(*leaf).is_some_and(|leaf| leaving.contains(&leaf.claims.device));
        due.retain(|leaf| !leaves(leaf));
        let mut plan = Plan { remove: due, ..Plan::default() };
        let evidence = self.plan_shown(session, &mut plan)?;
        if plan.remove.is_empty() && plan.state.is_none() && leaving.is_empty() {
            session.row.commit_due = self.retry_at(u32::MAX).as_millis();
            return Ok(());
        }
        self.commit(session, None, Change { plan, evidence }).map(drop)
    }

    /// Proposes the leaving of the own user's devices, one after the other so that none can
    /// be lost, the own one last. Somebody else has to commit it, or nobody stays.
    pub(super) fn propose_leave(&mut self, session: &mut Session<'_>, mut item: Item) -> Result<()> {
        if !item.row.submission.is_empty() {
            return Ok(());
        }
        let roster = session.member.roster()?;
        let account = self.account.clone();
        let leaving = session.member.leaving()?;
        let alone = matches!(item.work()?, Work::Leave(leave) if leave.quiet);
        let own = roster.leaves_of(&account.device.user).filter(|leaf| {
            !leaving.contains(&leaf.claims.device) && (!alone || leaf.claims.device == account.device)
        });
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|leaf| leaf.claims.device == account.device);
        let Some(leaf) = own.first() else { return Ok(()) };
        let (provider, signer) = (session.backend.provider(), MlsSigner(&account.key));
        let proposal = session.member.propose_leave(&provider, &signer, leaf.index);
        let mls = match session.backend.check(proposal) {
            Ok(mls) => mls,
            Err(error) => return self.fail_item(session, &item, error),
        };
        let parts = Parts { mls, ..Default::default() };
        let (id, bytes) = self.submit(session, SubmissionKind::Proposal, parts)?;
        self.dispatch(&session.id, &mut item, id.as_bytes(), bytes);
        Ok(())
    }
}

/// Nobody keeps a role in a room that they leave: whoever comes back comes back as a member.
pub(super) fn drop_roles_of_leavers(session: &Session<'_>, own: &Device, plan: &mut Plan) -> Result<()> {
    let roster = session.member.roster()?;
    let mut leaving = session.member.leaving()?;
    if leaving.contains(own) {
        leaving.clear(); // its commit takes nobody's leaving along
    }
    let stays =
        |leaf: &&room::Leaf| !plan.remove.contains(&leaf.index) && !leaving.contains(&leaf.claims.device);
    let users: BTreeSet<&UserId> =
        roster.leaves().iter().filter(stays).map(|leaf| &leaf.claims.device.user).collect();
    let state = plan.state.as_ref().unwrap_or(session.member.state());
    if state.roles.keys().all(|user| users.contains(user)) {
        return Ok(());
    }
    let mut state = state.clone();
    state.roles.retain(|user, _| users.contains(user));
    plan.state = Some(state);
    Ok(())
}

//! Commits from outside: a device takes its place by itself (RFC 9420 §12.4.3.2, SPEC "Coming in
//! from outside"). Hub and members judge them alike.

use openmls::prelude::{Proposal, ProposalOrRefType, QueuedProposal, StagedCommit};

use super::{
    authority::{self, Change, Proposed},
    commit, key_package, may_join,
    roster::Roster,
    shown::Shown,
    state::RoomState,
    suite,
    witness::Witness,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
    identity::VerifiedDevice,
    time::Timestamp,
};

/// Who comes in: the device of the new leaf, whose certificate is verified as that of any
/// leaf that enters.
pub(super) fn newcomer(
    staged: &StagedCommit,
    (before, roster): (&RoomState, &Roster),
    witness: &mut dyn Witness,
) -> Result<VerifiedDevice> {
    let shown = Shown { roster, before, after: before };
    let leaf = staged.update_path_leaf_node().ok_or(Error::new(Code::BadCommit, "no leaf"))?;
    key_package::check_leaf(leaf, &mut |c| commit::verify(c, &shown, witness))
}

/// Reads and judges a commit from outside that MLS has accepted: it brings in one device, in
/// place of its former leaf if it has one, and changes nothing else.
pub(super) fn judge(
    staged: &StagedCommit,
    newcomer: VerifiedDevice,
    before: &RoomState,
    roster: &Roster,
    at: Timestamp,
) -> Result<Change> {
    let mut removed = Vec::new();
    for queued in staged.queued_proposals() {
        if let Some(leaf) = former(queued)? {
            let leaf = roster.at(leaf).ok_or(Error::new(Code::BadCommit, "no such leaf"))?;
            // V-485: openmls leaves it to us whom somebody from outside removes.
            let device = &leaf.claims.device;
            ensure(device == newcomer.device(), Code::NotPermitted, "evicts another device")?;
            removed.push((device.clone(), None));
        }
    }
    ensure(removed.len() <= 1, Code::BadProposal, "two removals")?;
    let after = suite::room_state(staged.group_context().extensions())?;
    ensure(after == *before, Code::BadRoomState, "state changed from outside")?;
    // V-486
    if !roster.has_user(newcomer.user()) {
        may_join(before, newcomer.user(), newcomer.kind(), at)?;
    }
    let proposed = Proposed {
        committer: newcomer.device().clone(),
        outside: true,
        at,
        added: vec![newcomer],
        removed,
        leaving: Vec::new(),
        state: None,
    };
    authority::judge(before, roster, proposed)
}

/// V-484: one ExternalInit, which MLS demands, and the removal of a former leaf. Gives the latter.
fn former(queued: &QueuedProposal) -> Result<Option<openmls::prelude::LeafNodeIndex>> {
    let inline = queued.proposal_or_ref_type() == ProposalOrRefType::Proposal;
    match (queued.proposal(), inline) {
        (Proposal::ExternalInit(_), true) => Ok(None),
        (Proposal::Remove(remove), true) => Ok(Some(remove.removed())),
        _ => fault(Code::BadProposal, "proposal kind"),
    }
}

//! Reading a staged commit: what it would do, in the terms in which authority is judged.
//! Hub and members read in the same way (SPEC V-428 to V-430).

use openmls::prelude::{LeafNodeIndex, Proposal, ProposalOrRefType, QueuedProposal, Sender, StagedCommit};

use super::{
    authority::{self, Change, Proposed},
    key_package::{self, Verify},
    roster::Roster,
    state::RoomState,
    suite,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
    ids::Device,
    time::Timestamp,
};

/// Reads and judges a commit that MLS has accepted.
///
/// `at` is the time of the entry's stamp; `verify` checks certificates at that stamp.
pub(super) fn judge(
    staged: &StagedCommit,
    committer: LeafNodeIndex,
    before: &RoomState,
    roster: &Roster,
    at: Timestamp,
    verify: &mut Verify<'_>,
) -> Result<Change> {
    let unknown = Error::new(Code::BadCommit, "committer");
    let committer = roster.at(committer).ok_or(unknown)?;
    let mut proposed = Proposed {
        committer: committer.device.clone(),
        added: Vec::new(),
        removed: Vec::new(),
        leaving: Vec::new(),
        state: None,
    };
    for queued in staged.queued_proposals() {
        read(queued, roster, at, verify, &mut proposed)?;
    }
    if let Some(leaf) = staged.update_path_leaf_node() {
        // V-430: a path may renew the certificate, never change who the leaf is.
        let device = key_package::check_leaf(leaf, verify)?;
        let same = *device.device() == committer.device && *device.identity() == committer.identity;
        ensure(same, Code::BadCommit, "path leaf is somebody else")?;
    }
    // Also without a state of its own a commit must leave the extensions as they are to be.
    let after = suite::room_state(staged.group_context().extensions())?;
    let unchanged = proposed.state.is_some() || after == *before;
    ensure(unchanged, Code::BadRoomState, "state changed without a proposal")?;
    authority::judge(before, roster, proposed)
}

/// Reads one proposal of a commit.
fn read(
    queued: &QueuedProposal,
    roster: &Roster,
    at: Timestamp,
    verify: &mut Verify<'_>,
    proposed: &mut Proposed,
) -> Result<()> {
    let inline = queued.proposal_or_ref_type() == ProposalOrRefType::Proposal;
    match (queued.proposal(), inline) {
        (Proposal::Add(add), true) => {
            proposed.added.push(key_package::check_parsed(add.key_package(), at, verify)?);
        }
        (Proposal::Remove(remove), true) => proposed.removed.push(member(roster, remove.removed())?),
        (Proposal::Remove(remove), false) => {
            let target = member(roster, remove.removed())?;
            authority::may_propose_removal(&proposer(roster, queued.sender())?, &target)?;
            proposed.leaving.push(target);
        }
        (Proposal::GroupContextExtensions(change), true) => {
            ensure(proposed.state.is_none(), Code::BadProposal, "two states")?;
            proposed.state = Some(suite::room_state(change.extensions())?);
        }
        // V-429: Update, PreSharedKey, ReInit, ExternalInit, custom; and by reference
        // anything but one's own leaving.
        _ => return fault(Code::BadProposal, "proposal kind"),
    }
    Ok(())
}

/// Reads a standalone proposal: only one's own leaving may be proposed (V-442).
/// Gives who proposes and who would leave.
pub(super) fn standalone(queued: &QueuedProposal, roster: &Roster) -> Result<(Device, Device)> {
    let Proposal::Remove(remove) = queued.proposal() else {
        return fault(Code::BadProposal, "standalone proposal kind");
    };
    let (by, target) = (proposer(roster, queued.sender())?, member(roster, remove.removed())?);
    authority::may_propose_removal(&by, &target)?;
    Ok((by, target))
}

fn proposer(roster: &Roster, sender: &Sender) -> Result<Device> {
    match sender {
        Sender::Member(index) => member(roster, *index),
        // External senders and external commits are not admitted.
        _ => fault(Code::BadProposal, "proposal from outside"),
    }
}

fn member(roster: &Roster, index: LeafNodeIndex) -> Result<Device> {
    roster.at(index).map(|leaf| leaf.device.clone()).ok_or(Error::new(Code::BadCommit, "no such leaf"))
}

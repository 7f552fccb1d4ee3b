//! Reading a staged commit: what it would do, in the terms in which authority is judged.
//! Hub and members read in the same way (SPEC V-428 to V-430).

use bytes::Bytes;
use openmls::prelude::{LeafNodeIndex, Proposal, ProposalOrRefType, QueuedProposal, Sender, StagedCommit};

use super::{
    actor::Due,
    authority::{self, Change, Proposed},
    key_package,
    roster::{Leaf, Roster},
    shown::Shown,
    state::RoomState,
    suite,
    witness::Witness,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
    identity::{VerifiedDevice, read_certificate},
    ids::Device,
    time::Timestamp,
};

/// Reads and judges a commit that MLS has accepted.
///
/// `at` is the time of the entry's stamp; `witness` knows certificates at that stamp.
pub(super) fn judge(
    staged: &StagedCommit,
    committer: LeafNodeIndex,
    before: &RoomState,
    roster: &Roster,
    at: Timestamp,
    witness: &mut dyn Witness,
) -> Result<Change> {
    let unknown = Error::new(Code::BadCommit, "committer");
    let committer = roster.at(committer).ok_or(unknown)?;
    let mut proposed = Proposed {
        committer: committer.claims.device.clone(),
        outside: false,
        at,
        added: Vec::new(),
        removed: Vec::new(),
        leaving: Vec::new(),
        state: None,
    };
    // Also without a state of its own a commit must leave the extensions as they are to be.
    let after = suite::room_state(staged.group_context().extensions())?;
    let shown = Shown { roster, before, after: &after };
    for queued in staged.queued_proposals() {
        read(queued, &shown, witness, &mut proposed)?;
    }
    if let Some(leaf) = staged.update_path_leaf_node() {
        // V-430: a path may renew the certificate, never change who the leaf is.
        let device = key_package::check_leaf(leaf, &mut |c| verify(c, &shown, witness))?;
        let same =
            *device.device() == committer.claims.device && *device.identity() == committer.claims.identity;
        ensure(same, Code::BadCommit, "path leaf is somebody else")?;
    }
    let unchanged = proposed.state.is_some() || after == *before;
    ensure(unchanged, Code::BadRoomState, "state changed without a proposal")?;
    let gone = proposed.removed.iter().map(|(device, _)| device).chain(&proposed.leaving);
    shown.judge(&proposed.committer.user, &gone.cloned().collect::<Vec<_>>(), witness)?;
    authority::judge(before, roster, proposed)
}

/// V-268: a device that enters or changes is held against as much of its user's chain as the room
/// shows: whoever has judged the log has it.
pub(super) fn verify(
    certificate: &Bytes,
    shown: &Shown<'_>,
    witness: &mut dyn Witness,
) -> Result<VerifiedDevice> {
    let claims = read_certificate(certificate)?;
    witness.verify(certificate, shown.n(&claims.device.user, &claims.identity))
}

/// Reads one proposal of a commit.
fn read(
    queued: &QueuedProposal,
    shown: &Shown<'_>,
    witness: &mut dyn Witness,
    proposed: &mut Proposed,
) -> Result<()> {
    let roster = shown.roster;
    let inline = queued.proposal_or_ref_type() == ProposalOrRefType::Proposal;
    match (queued.proposal(), inline) {
        (Proposal::Add(add), true) => {
            let verify = &mut |certificate: &Bytes| verify(certificate, shown, witness);
            proposed.added.push(key_package::check_parsed(add.key_package(), proposed.at, verify)?);
        }
        (Proposal::Remove(remove), true) => {
            let claims = &member(roster, remove.removed())?.claims;
            let due = match Due::of(witness.stands(claims))? {
                None => shown.removes(claims, witness)?.then_some(Due::Removed),
                due => due,
            };
            proposed.removed.push((claims.device.clone(), due));
        }
        (Proposal::Remove(remove), false) => {
            let target = member(roster, remove.removed())?;
            authority::may_propose_removal(proposer(roster, queued.sender())?, target)?;
            proposed.leaving.push(target.claims.device.clone());
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
    authority::may_propose_removal(by, target)?;
    Ok((by.clone(), target.claims.device.clone()))
}

fn proposer<'r>(roster: &'r Roster, sender: &Sender) -> Result<&'r Device> {
    match sender {
        Sender::Member(index) => member(roster, *index).map(|leaf| &leaf.claims.device),
        // V-477
        _ => fault(Code::BadProposal, "proposal from outside"),
    }
}

fn member(roster: &Roster, index: LeafNodeIndex) -> Result<&Leaf> {
    roster.at(index).ok_or(Error::new(Code::BadCommit, "no such leaf"))
}

//! A room as its servers see it: the public half of the MLS group. It holds no secret and
//! can name none.

use std::collections::BTreeSet;

use bytes::Bytes;
use openmls::prelude::{
    GroupId, LeafNodeIndex, ProcessedMessageContent, ProposalStore, PublicGroup, QueuedProposal, Sender,
    StagedCommit,
};
use openmls::storage::PublicStorageProvider;
use openmls_traits::crypto::OpenMlsCrypto;

use super::{
    authority::Change,
    commit, external, framing, group_info,
    key_package::{self, Verify},
    over,
    roster::Roster,
    state::{RoomKind, RoomState},
    suite,
    witness::Witness,
};
use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Error, Result, ensure, fault},
    identity::UserKind,
    ids::{AgencyId, Device, RoomId},
    limits,
    time::Timestamp,
    wire::log::SubmissionKind,
};

/// The public view of a room.
pub(crate) struct HubRoom {
    group: PublicGroup,
    state: RoomState,
    /// Whose leaving is proposed in this epoch.
    leaving: BTreeSet<Device>,
}

/// A commit that may stand in the log; merged when its entry is written.
pub(crate) struct AcceptedCommit {
    staged: StagedCommit,
    pub(crate) change: Change,
    /// Who was there before it.
    pub(crate) before: Roster,
    committer: Committer,
}

enum Committer {
    Member(LeafNodeIndex),
    /// Somebody who comes in by the commit itself.
    Newcomer(VerifyKey),
}

/// A standalone proposal that may stand in the log.
pub(crate) struct AcceptedProposal {
    queued: QueuedProposal,
    leaving: Device,
    /// What it makes of the room, if nobody stays.
    over: Option<Change>,
}

impl HubRoom {
    /// Begins a room from its founder's GroupInfo and tree (V-411): one leaf, the
    /// founder's; epoch 0; this server as hub in term 1; the founder in charge.
    pub(crate) fn found<S: PublicStorageProvider>(
        storage: &S,
        crypto: &impl OpenMlsCrypto,
        (group_info, ratchet_tree): (&Bytes, &Bytes),
        (hub, founder): (&AgencyId, &Device),
        at: Timestamp,
        verify: &mut Verify<'_>,
    ) -> Result<Self> {
        let info = framing::group_info(group_info)?;
        ensure(info.epoch().as_u64() == 0, Code::BadRoomState, "a room begins at epoch 0")?;
        ensure(info.ciphersuite() == suite::SUITE, Code::UnknownSuite, "group info")?;
        // A tree of one leaf is small; a large one is not even read.
        ensure(ratchet_tree.len() <= limits::KEY_PACKAGE, Code::TooLong, "a room begins with one leaf")?;
        let tree = framing::ratchet_tree(ratchet_tree)?;
        group_info::check_extensions(&info)?;
        let (group, _) = PublicGroup::from_external(crypto, storage, tree, info, ProposalStore::new())
            .map_err(|_| Error::new(Code::Mls, "group info"))?;
        let state = suite::room_state(group.group_context().extensions())?;
        let roster = Roster::of(&group)?;
        let [leaf] = roster.leaves() else { return fault(Code::BadRoomState, "a room begins with one leaf") };
        ensure(leaf.claims.device == *founder, Code::BadRoomState, "founder")?;
        let node = group.leaf(leaf.index).ok_or(Error::new(Code::Bug, "leaf"))?;
        let device = key_package::check_leaf(node, verify)?;
        let good = group.group_id().as_slice() == state.room.as_bytes()
            && state.hub == *hub
            && state.term == 1
            && state.roles.keys().all(|user| *user == founder.user)
            && state.bans.is_empty()
            && state.shown.is_empty()
            && !state.has_ended(at);
        ensure(good, Code::BadRoomState, "founding state")?;
        let led = state.kind == RoomKind::Direct || state.role(&founder.user) >= state.policy.govern;
        let able = led && device.kind() != UserKind::Archive;
        ensure(able, Code::BadRoomState, "a room begins with somebody who governs it")?;
        Ok(HubRoom { group, state, leaving: BTreeSet::new() })
    }

    /// Loads a room.
    pub(crate) fn load<S: PublicStorageProvider>(storage: &S, room: &RoomId) -> Result<Option<Self>> {
        let group = PublicGroup::load(storage, &GroupId::from_slice(room.as_bytes()));
        let Some(group) = group.map_err(|_| Error::new(Code::StoreCorrupt, "public group"))? else {
            return Ok(None);
        };
        let state = suite::room_state(group.group_context().extensions())?;
        let proposals = group.queued_proposals(storage);
        let proposals = proposals.map_err(|_| Error::new(Code::StoreCorrupt, "proposals"))?;
        let mut leaving = BTreeSet::new();
        if !proposals.is_empty() {
            let roster = Roster::of(&group)?;
            for (_, queued) in &proposals {
                leaving.insert(commit::standalone(queued, &roster)?.1);
            }
        }
        Ok(Some(HubRoom { group, state, leaving }))
    }

    pub(crate) fn state(&self) -> &RoomState {
        &self.state
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.group.group_context().epoch().as_u64()
    }

    pub(crate) fn roster(&self) -> Result<Roster> {
        Roster::of(&self.group)
    }

    /// The ratchet tree that a joiner of the current epoch needs.
    pub(crate) fn ratchet_tree(&self) -> Result<Bytes> {
        framing::tree_bytes(&self.group.export_ratchet_tree())
    }

    /// Checks a commit of `sender`, as the submission that carries it says.
    pub(crate) fn commit(
        &self,
        crypto: &impl OpenMlsCrypto,
        mls: &Bytes,
        sender: &Device,
        at: Timestamp,
        witness: &mut dyn Witness,
    ) -> Result<AcceptedCommit> {
        let message = framing::protocol_message(mls, &self.state.room, SubmissionKind::Commit)?;
        ensure(message.epoch() == self.group.group_context().epoch(), Code::WrongEpoch, "commit")?;
        let processed =
            self.group.process_message(crypto, message).map_err(|_| Error::new(Code::Mls, "commit"))?;
        let committer = processed.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return fault(Code::Bug, "not a commit");
        };
        let roster = self.roster()?;
        let (change, committer) = match committer {
            Sender::Member(leaf) => {
                let change = commit::judge(&staged, leaf, &self.state, &roster, at, witness)?;
                (change, Committer::Member(leaf))
            }
            Sender::NewMemberCommit => {
                let newcomer = external::newcomer(&staged, (&self.state, &roster), witness)?;
                let key = newcomer.key().clone();
                let change = external::judge(&staged, newcomer, &self.state, &roster, at)?;
                (change, Committer::Newcomer(key))
            }
            _ => return fault(Code::BadCommit, "commit from outside"),
        };
        ensure(change.committer == *sender, Code::BadSubmission, "another device's commit")?;
        Ok(AcceptedCommit { staged: *staged, change, before: roster, committer })
    }

    /// Moves to the next epoch, if the GroupInfo that comes with the commit is the epoch's. What was
    /// written of one that is not must not be kept, nor this.
    pub(crate) fn merge<S: PublicStorageProvider>(
        &mut self,
        storage: &S,
        crypto: &impl OpenMlsCrypto,
        accepted: AcceptedCommit,
        group_info: &Bytes,
    ) -> Result<Change> {
        self.group.merge_commit(storage, accepted.staged).map_err(|_| Error::new(Code::Bug, "merge"))?;
        let committer = match accepted.committer {
            Committer::Member(leaf) => Some(leaf),
            Committer::Newcomer(key) => {
                let mut leaves = self.group.treesync().full_leaves();
                let own = leaves.find(|(_, leaf)| leaf.signature_key().as_slice() == key.as_bytes());
                own.map(|(leaf, _)| leaf)
            }
        };
        let committer = committer.ok_or(Error::new(Code::Bug, "newcomer's leaf"))?;
        group_info::check(group_info, crypto, &self.group, committer)?;
        self.state = accepted.change.state.clone();
        self.leaving.clear();
        Ok(accepted.change)
    }

    /// Checks a standalone proposal of `sender`.
    pub(crate) fn proposal(
        &self,
        crypto: &impl OpenMlsCrypto,
        mls: &Bytes,
        sender: &Device,
    ) -> Result<AcceptedProposal> {
        let message = framing::protocol_message(mls, &self.state.room, SubmissionKind::Proposal)?;
        ensure(message.epoch() == self.group.group_context().epoch(), Code::WrongEpoch, "proposal")?;
        let processed =
            self.group.process_message(crypto, message).map_err(|_| Error::new(Code::Mls, "proposal"))?;
        let ProcessedMessageContent::ProposalMessage(queued) = processed.into_content() else {
            return fault(Code::BadProposal, "proposal from outside");
        };
        let roster = self.roster()?;
        let (by, leaving) = commit::standalone(&queued, &roster)?;
        ensure(by == *sender, Code::BadSubmission, "another device's proposal")?;
        // V-443
        ensure(!self.leaving.contains(&leaving), Code::PendingProposal, "proposed already")?;
        let over = over::judge(&self.state, &roster, &self.leaving, &leaving, &by);
        Ok(AcceptedProposal { queued: *queued, leaving, over })
    }

    /// Keeps a proposal for the commit that will refer to it. If nobody stays there will be none: the room
    /// is over (V-599).
    pub(crate) fn keep<S: PublicStorageProvider>(
        &mut self,
        storage: &S,
        accepted: AcceptedProposal,
    ) -> Result<Option<Change>> {
        self.group
            .add_proposal(storage, accepted.queued)
            .map_err(|_| Error::new(Code::StoreFailed, "proposal"))?;
        self.leaving.insert(accepted.leaving);
        Ok(accepted.over)
    }
}

//! Processing what the log brings.

use openmls::prelude::{
    LeafNodeIndex, OpenMlsProvider, ProcessedMessageContent, QueuedProposal, Sender, StagedCommit,
};

use super::{MemberRoom, Sent};
use crate::{
    code::Code,
    crypto::SecretBytes,
    error::{Error, Result, ensure, fault},
    identity::{self, DeviceCertificate, UserKind},
    ids::Device,
    room::{
        authority::{self, Change},
        commit, external, framing, over,
        private::PrivateState,
        submission, suite,
        witness::Witness,
    },
    time::Timestamp,
    wire::log::LogEntry,
};

/// What an entry turned out to be.
pub(crate) enum Incoming {
    /// Content from another device, which need not be the one that submitted it.
    Message { sender: Device, plaintext: SecretBytes },
    /// What says that it is this device's own message. Nobody can decrypt their own, so that
    /// nothing of it is authenticated.
    Own,
    /// A device wants to leave.
    Leaving(Device),
    /// A device wants to leave, and nobody stays: the room is over.
    Over(Box<Change>),
    /// A commit that may be applied.
    Commit(Box<ReceivedCommit>),
}

/// A commit that MLS and the room's authority accept; not yet applied.
pub(crate) struct ReceivedCommit {
    /// `None`: it is the pending one.
    staged: Option<StagedCommit>,
    pub(crate) change: Change,
    /// The private state that it brings; `None` if it brings none or not the one committed to.
    pub(crate) private: Option<PrivateState>,
    /// Whoever comes in by it from outside does not know what the room is about.
    pub(crate) uninformed: bool,
}

impl ReceivedCommit {
    /// Whether it is the one that this device has pending.
    pub(crate) fn is_pending(&self) -> bool {
        self.staged.is_none()
    }
}

impl MemberRoom {
    /// Processes an entry of the log. A proposal is kept; a commit waits for [`Self::apply`].
    ///
    /// `witness` knows certificates at the entry's stamp. An error has changed nothing, except
    /// that a message whose sender may not send is used up.
    pub(crate) fn process<P: OpenMlsProvider>(
        &mut self,
        provider: &P,
        entry: &LogEntry,
        witness: &mut dyn Witness,
    ) -> Result<Incoming> {
        let header = entry.header.claimed();
        let message = framing::protocol_message(&entry.mls, &self.state.room, header.kind)?;
        ensure(message.epoch() == self.mls.epoch(), Code::WrongEpoch, "entry")?;
        // V-407
        ensure(message.epoch().as_u64() == header.epoch, Code::BadSubmission, "epoch")?;
        let processed =
            self.mls.process_message(provider, message).map_err(|_| Error::new(Code::Mls, "entry"))?;
        let leaf = match *processed.sender() {
            Sender::Member(leaf) => leaf,
            Sender::NewMemberCommit => {
                let informed = processed.aad() == self.state.private_hash.as_bytes();
                return self.newcomer(entry, processed.into_content(), !informed, witness);
            }
            _ => return fault(Code::BadProposal, "from outside"),
        };
        let sealed = processed.aad().to_vec();
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => {
                // It is its MLS sender's, whoever submitted it. To refuse it here would use up
                // the key with which its author's own submission would open.
                let (sender, archive) = self.device(leaf)?;
                authority::may_send(&self.state, &sender.user, archive, entry.stamp.at)?;
                Ok(Incoming::Message { sender, plaintext: message.into_bytes().into() })
            }
            ProcessedMessageContent::OwnPrivateMessage => Ok(Incoming::Own),
            ProcessedMessageContent::ProposalMessage(queued) => {
                let (leaving, over) = self.leaving_by(entry, leaf, &queued)?;
                self.mls
                    .store_pending_proposal(provider.storage(), *queued)
                    .map_err(|_| Error::new(Code::StoreFailed, "proposal"))?;
                Ok(over.map_or(Incoming::Leaving(leaving), |change| Incoming::Over(Box::new(change))))
            }
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                let roster = self.roster()?;
                submission::check_author(&entry.header, roster.at(leaf))?;
                let change = commit::judge(&staged, leaf, &self.state, &roster, entry.stamp.at, witness)?;
                let private = self.brought(provider, &change, &sealed);
                let staged = Some(*staged);
                let commit = ReceivedCommit { staged, change, private, uninformed: false };
                Ok(Incoming::Commit(Box::new(commit)))
            }
            // openmls has compared it with what is pending, by the confirmation tag.
            ProcessedMessageContent::OwnPendingCommit => {
                submission::check_author(&entry.header, self.roster()?.at(leaf))?;
                let change = self.judge_pending(entry.stamp.at, witness)?;
                let commit = ReceivedCommit { staged: None, change, private: None, uninformed: false };
                Ok(Incoming::Commit(Box::new(commit)))
            }
            ProcessedMessageContent::ExternalJoinProposalMessage(_) => {
                fault(Code::BadProposal, "from outside")
            }
        }
    }

    /// Somebody comes in by themselves.
    fn newcomer(
        &self,
        entry: &LogEntry,
        content: ProcessedMessageContent,
        uninformed: bool,
        witness: &mut dyn Witness,
    ) -> Result<Incoming> {
        let ProcessedMessageContent::StagedCommitMessage(staged) = content else {
            return fault(Code::BadProposal, "from outside");
        };
        let roster = self.roster()?;
        let newcomer = external::newcomer(&staged, (&self.state, &roster), witness)?;
        submission::check_newcomer(&entry.header, &newcomer)?;
        let change = external::judge(&staged, newcomer, &self.state, &roster, entry.stamp.at)?;
        let commit = ReceivedCommit { staged: Some(*staged), change, private: None, uninformed };
        Ok(Incoming::Commit(Box::new(commit)))
    }

    /// The device's own pending commit, judged as everybody else will judge it.
    pub(crate) fn judge_pending(&self, at: Timestamp, witness: &mut dyn Witness) -> Result<Change> {
        let staged = self.mls.pending_commit().ok_or(Error::new(Code::Bug, "no pending commit"))?;
        let own = self.mls.own_leaf_index();
        commit::judge(staged, own, &self.state, &*self.roster()?, at, witness)
    }

    /// Moves to the next epoch.
    pub(crate) fn apply<P: OpenMlsProvider>(
        &mut self,
        provider: &P,
        commit: ReceivedCommit,
    ) -> Result<Change> {
        match commit.staged {
            Some(staged) => {
                self.mls.merge_staged_commit(provider, staged).map_err(|_| Error::new(Code::Mls, "merge"))?;
            }
            None => self.mls.merge_pending_commit(provider).map_err(|_| Error::new(Code::Mls, "merge"))?,
        }
        self.state = commit.change.state.clone();
        self.senders.clear();
        self.roster.take();
        Ok(commit.change)
    }

    /// Checks a proposal, and gives who would leave, and what becomes of the room if nobody stays.
    fn leaving_by(
        &self,
        entry: &LogEntry,
        by: LeafNodeIndex,
        queued: &QueuedProposal,
    ) -> Result<(Device, Option<Change>)> {
        let roster = self.roster()?;
        submission::check_author(&entry.header, roster.at(by))?;
        let (by, leaving) = commit::standalone(queued, &roster)?;
        let before = self.leaving()?.into_iter().collect();
        let over = over::judge(&self.state, &roster, &before, &leaving, &by);
        // V-443
        ensure(!before.contains(&leaving), Code::PendingProposal, "proposed already")?;
        Ok((leaving, over))
    }

    /// The device of a leaf that has sent something, and whether it is an archive's.
    fn device(&mut self, leaf: LeafNodeIndex) -> Result<(Device, bool)> {
        if let Some(Sent { device, archive, .. }) = self.senders.get(&leaf) {
            return Ok((device.clone(), *archive));
        }
        let node = self.mls.public_group().leaf(leaf).ok_or(Error::new(Code::Bug, "sender's leaf"))?;
        let certificate = suite::certificate(node.credential())?;
        let DeviceCertificate { device, kind, .. } = identity::read_certificate(&certificate)?;
        let archive = kind == UserKind::Archive;
        self.senders.insert(leaf, Sent { device: device.clone(), archive, certificate });
        Ok((device, archive))
    }

    /// Opens the private state in a commit's authenticated data, under the epoch that it ends.
    /// A commit that brings none that fits is still a commit: servers cannot check it, so
    /// refusing it would let one member stop the room.
    fn brought<P: OpenMlsProvider>(
        &self,
        provider: &P,
        change: &Change,
        sealed: &[u8],
    ) -> Option<PrivateState> {
        let committed = &change.state.private_hash;
        if *committed == self.state.private_hash {
            return None;
        }
        let secret = self.private_secret(provider).ok()?;
        PrivateState::open(&secret, sealed, committed).ok()
    }
}

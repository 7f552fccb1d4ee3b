//! Processing what the log brings.

use bytes::Bytes;
use openmls::prelude::{OpenMlsProvider, ProcessedMessageContent, Sender, StagedCommit};
use zeroize::Zeroizing;

use super::MemberRoom;
use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
    ids::Device,
    room::{
        authority::{self, Change},
        commit, framing,
        key_package::Verify,
        private::PrivateState,
    },
    time::Timestamp,
    wire::log::SubmissionKind,
};

/// What an entry turned out to be.
pub(crate) enum Incoming {
    /// Content from another device.
    Message { sender: Device, plaintext: Zeroizing<Vec<u8>> },
    /// This device's own message, which it cannot and need not decrypt.
    Own,
    /// A device wants to leave.
    Leaving(Device),
    /// A commit that may be applied.
    Commit(Box<ReceivedCommit>),
}

/// A commit that MLS and the room's authority accept; not yet applied.
pub(crate) struct ReceivedCommit {
    staged: Option<StagedCommit>,
    pub(crate) change: Change,
    /// The private state that it brings; `None` if it brings none or not the one committed to.
    pub(crate) private: Option<PrivateState>,
}

impl MemberRoom {
    /// Processes an entry's MLS message. A proposal is kept; a commit waits for [`Self::apply`].
    ///
    /// `at` is the time of the entry's stamp; `verify` checks certificates at that stamp.
    pub(crate) fn process<P: OpenMlsProvider>(
        &mut self,
        provider: &P,
        mls: &Bytes,
        (kind, sender): (SubmissionKind, &Device),
        at: Timestamp,
        verify: &mut Verify<'_>,
    ) -> Result<Incoming> {
        let message = framing::protocol_message(mls, &self.state.room, kind)?;
        ensure(message.epoch() == self.mls.epoch(), Code::WrongEpoch, "entry")?;
        let processed =
            self.mls.process_message(provider, message).map_err(|_| Error::new(Code::Mls, "entry"))?;
        let Sender::Member(leaf) = *processed.sender() else {
            return fault(Code::BadCommit, "from outside");
        };
        // Everything that a member sends is from whom the submission says (V-406).
        let node = self.mls.public_group().leaf(leaf).ok_or(Error::new(Code::Bug, "sender's leaf"))?;
        let certificate = crate::room::suite::certificate(node.credential())?;
        let from = crate::identity::read_certificate(&certificate)?.device;
        ensure(from == *sender, Code::BadSubmission, "another device's message")?;

        let sealed = processed.aad().to_vec();
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => {
                authority::may_send(&self.state, &from)?;
                Ok(Incoming::Message { sender: from, plaintext: Zeroizing::new(message.into_bytes()) })
            }
            ProcessedMessageContent::OwnPrivateMessage => Ok(Incoming::Own),
            // The own commit is known by its submission and never comes this way.
            ProcessedMessageContent::OwnPendingCommit => fault(Code::Bug, "own commit"),
            ProcessedMessageContent::ProposalMessage(queued) => {
                let (_, leaving) = commit::standalone(&queued, &self.roster()?)?;
                self.mls
                    .store_pending_proposal(provider.storage(), *queued)
                    .map_err(|_| Error::new(Code::StoreFailed, "proposal"))?;
                Ok(Incoming::Leaving(leaving))
            }
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                let change = commit::judge(&staged, leaf, &self.state, &self.roster()?, at, verify)?;
                let private = self.brought(provider, &change, &sealed);
                Ok(Incoming::Commit(Box::new(ReceivedCommit { staged: Some(*staged), change, private })))
            }
            ProcessedMessageContent::ExternalJoinProposalMessage(_) => {
                fault(Code::BadProposal, "from outside")
            }
        }
    }

    /// The device's own pending commit, judged as everybody else judges it.
    pub(crate) fn own_commit(&self, at: Timestamp, verify: &mut Verify<'_>) -> Result<ReceivedCommit> {
        let staged = self.mls.pending_commit().ok_or(Error::new(Code::Bug, "no pending commit"))?;
        let own = self.mls.own_leaf_index();
        let change = commit::judge(staged, own, &self.state, &self.roster()?, at, verify)?;
        Ok(ReceivedCommit { staged: None, change, private: None })
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
        Ok(commit.change)
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

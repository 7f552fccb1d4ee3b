//! A room as a device in it sees it: the MLS group with its secrets.

mod commit;
mod enter;
mod found;
mod join;
mod path;
mod process;

pub(crate) use commit::{Outgoing, Plan};
pub(crate) use enter::{Entered, Entering};
pub(crate) use join::{Joined, Joining};
pub(crate) use process::{Incoming, ReceivedCommit};

use core::cell::OnceCell;
use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use openmls::prelude::{GroupId, LeafNodeIndex, MlsGroup, OpenMlsProvider};
use openmls_traits::signatures::Signer;

use super::{framing, key_schedule::PrivateStateSecret, roster::Roster, state::RoomState, submission, suite};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::{self, DeviceCertificate},
    ids::{Device, RoomId},
    wire::{Signed, log::SubmissionHeader},
};

/// A device's part in a room.
pub(crate) struct MemberRoom {
    mls: MlsGroup,
    state: RoomState,
    /// Whose the leaves are that have sent in this epoch, so that a certificate is read once.
    senders: BTreeMap<LeafNodeIndex, Sent>,
    /// Who takes part, once that was asked in this epoch: it is read from everybody's certificate.
    roster: OnceCell<Arc<Roster>>,
}

/// Whose a leaf is that has sent something.
struct Sent {
    device: Device,
    archive: bool,
    certificate: Bytes,
}

impl MemberRoom {
    fn new(mls: MlsGroup, state: RoomState) -> Self {
        MemberRoom { mls, state, senders: BTreeMap::new(), roster: OnceCell::new() }
    }

    /// Loads the device's part in a room, if it has one.
    pub(crate) fn load<P: OpenMlsProvider>(provider: &P, room: &RoomId) -> Result<Option<Self>> {
        let mls = MlsGroup::load(provider.storage(), &GroupId::from_slice(room.as_bytes()));
        let Some(mls) = mls.map_err(|_| Error::new(Code::StoreCorrupt, "group"))? else { return Ok(None) };
        let state = suite::room_state(mls.extensions())?;
        Ok(Some(Self::new(mls, state)))
    }

    pub(crate) fn state(&self) -> &RoomState {
        &self.state
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.mls.epoch().as_u64()
    }

    pub(crate) fn roster(&self) -> Result<Arc<Roster>> {
        if let Some(roster) = self.roster.get() {
            return Ok(roster.clone());
        }
        let roster = Arc::new(Roster::of(self.mls.public_group())?);
        Ok(self.roster.get_or_init(|| roster).clone())
    }

    /// Forgets what is quickly found again, before it is kept in memory for long.
    pub(crate) fn rest(&mut self) {
        self.roster.take();
    }

    /// Demands that a submission is of somebody who takes part.
    pub(crate) fn check_author(&self, header: &Signed<SubmissionHeader>) -> Result<()> {
        let roster = self.roster()?;
        let leaf = roster.find(&header.claimed().sender);
        ensure(leaf.is_some(), Code::NotMember, "author")?;
        submission::check_author(header, leaf)
    }

    /// What the certificates of all leaves say.
    pub(crate) fn certificates(&self) -> Result<Vec<(LeafNodeIndex, DeviceCertificate)>> {
        let leaves = self.mls.public_group().treesync().full_leaves();
        leaves
            .map(|(leaf, node)| {
                Ok((leaf, identity::read_certificate(&suite::certificate(node.credential())?)?))
            })
            .collect()
    }

    /// The certificate of a device that has sent something in this epoch.
    pub(crate) fn certificate_of(&self, sender: &Device) -> Option<Bytes> {
        self.senders.values().find(|sent| sent.device == *sender).map(|sent| sent.certificate.clone())
    }

    /// Whether the device still has its leaf.
    #[cfg(test)]
    pub(crate) fn is_active(&self) -> bool {
        self.mls.is_active()
    }

    /// Whether somebody wants to leave; nothing can be sent before that is committed
    /// (RFC 9420 §14: an application message must not pass over a known proposal).
    pub(crate) fn has_proposals(&self) -> bool {
        self.mls.has_pending_proposals()
    }

    /// Encrypts an application message. Each call uses up a key.
    pub(crate) fn encrypt<P: OpenMlsProvider>(
        &mut self,
        provider: &P,
        signer: &impl Signer,
        plaintext: &[u8],
    ) -> Result<Bytes> {
        ensure(!self.has_proposals(), Code::PendingProposal, "message")?;
        let message = self.mls.create_message(provider, signer, plaintext);
        framing::message_bytes(&message.map_err(|_| Error::new(Code::Mls, "encrypt"))?)
    }

    /// The devices that are to leave with the next commit.
    pub(crate) fn leaving(&self) -> Result<Vec<Device>> {
        // Asked with every delivery, and a roster is read from every member's certificate.
        if !self.has_proposals() {
            return Ok(Vec::new());
        }
        let roster = self.roster()?;
        self.mls.pending_proposals().map(|queued| Ok(super::commit::standalone(queued, &roster)?.1)).collect()
    }

    fn private_secret<P: OpenMlsProvider>(&self, provider: &P) -> Result<PrivateStateSecret> {
        PrivateStateSecret::export(&self.mls, provider.crypto(), &self.state.room)
    }
}

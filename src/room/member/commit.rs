//! Making commits and leave proposals.

use bytes::Bytes;
use openmls::prelude::{
    CredentialWithKey, Extension, KeyPackage, LeafNodeIndex, LeafNodeParameters, OpenMlsProvider, Proposal,
    UnknownExtension,
};
use openmls_traits::signatures::Signer;
use rand_core::CryptoRng;

use super::MemberRoom;
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    room::{framing, group_info, private::PrivateState, state::RoomState, suite},
};

/// What a commit is to do. Pending leave proposals are committed in any case, unless the device's own is
/// among them: MLS lets nobody commit that, and the others make theirs again.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) add: Vec<KeyPackage>,
    pub(crate) remove: Vec<LeafNodeIndex>,
    /// The state after it, if it changes.
    pub(crate) state: Option<RoomState>,
    /// The private state after it, if it changes; `state` commits to it.
    pub(crate) describe: Option<PrivateState>,
    /// Whether to renew the own keys even where MLS does not demand it.
    pub(crate) refresh: bool,
    /// The own leaf's credential from then on, if it is another one.
    pub(crate) credential: Option<CredentialWithKey>,
}

/// A commit on its way to the hub.
pub(crate) struct Outgoing {
    pub(crate) commit: Bytes,
    /// Empty if nobody is added.
    pub(crate) welcome: Bytes,
    /// With which others may come in from outside after it.
    pub(crate) group_info: Bytes,
}

impl MemberRoom {
    /// Makes a commit and keeps it pending. It is merged when its entry stands in the log.
    ///
    /// `current` is the private state that joiners are told, unless the plan changes it.
    pub(crate) fn commit<P: OpenMlsProvider>(
        &mut self,
        provider: &P,
        signer: &impl Signer,
        rng: &mut (impl CryptoRng + ?Sized),
        plan: Plan,
        current: Option<&PrivateState>,
    ) -> Result<Outgoing> {
        ensure(self.mls.pending_commit().is_none(), Code::Bug, "a commit is pending")?;
        let failed = |what| Error::new(Code::Mls, what);
        if let Some(private) = &plan.describe {
            // V-415: whoever goes can open it, for it is under the epoch that the commit ends.
            let removes = !plan.remove.is_empty() || self.has_proposals();
            ensure(!removes, Code::BadArgument, "describes and removes")?;
            let sealed = private.seal(&self.private_secret(provider)?, rng)?;
            self.mls.set_aad(sealed);
        }
        let own = self.mls.own_leaf_index();
        let leaves = self
            .mls
            .pending_proposals()
            .any(|queued| matches!(queued.proposal(), Proposal::Remove(remove) if remove.removed() == own));
        let adds = !plan.add.is_empty();
        let mut builder = self
            .mls
            .commit_builder()
            .consume_proposal_store(!leaves)
            .force_self_update(plan.refresh)
            .propose_adds(plan.add)
            .propose_removals(plan.remove);
        if let Some(credential) = plan.credential {
            let leaf = LeafNodeParameters::builder().with_credential_with_key(credential).build();
            builder = builder.leaf_node_parameters(leaf);
        }
        if let Some(state) = &plan.state {
            let extensions = suite::group_context(state)?;
            builder =
                builder.propose_group_context_extensions(extensions).map_err(|_| failed("room state"))?;
        }
        let mut builder = builder.load_psks(provider.storage()).map_err(|_| failed("psks"))?;
        let private = plan.describe.as_ref().or(current).filter(|_| adds);
        let info =
            private.map(|p| Extension::Unknown(suite::PRIVATE_STATE, UnknownExtension(p.encode().to_vec())));
        builder = builder.create_group_info_with_extensions(info).map_err(|_| failed("group info"))?;
        let bundle = builder
            .create_group_info(true)
            .use_ratchet_tree_extension(false)
            .build(provider.rand(), provider.crypto(), signer, |_| true)
            .map_err(|_| failed("commit"))?
            .stage_commit(provider)
            .map_err(|_| failed("stage"))?;
        let info = bundle.group_info().ok_or(Error::new(Code::Bug, "group info"))?;
        let group_info = group_info::public(info, signer)?;
        let (commit, welcome, _) = bundle.into_messages();
        let welcome = welcome.as_ref().map(framing::message_bytes).transpose()?.unwrap_or_default();
        Ok(Outgoing { commit: framing::message_bytes(&commit)?, welcome, group_info })
    }

    /// Gives up the pending commit: another one won, or it was refused.
    pub(crate) fn discard_commit<P: OpenMlsProvider>(&mut self, provider: &P) -> Result<()> {
        self.mls
            .clear_pending_commit(provider.storage())
            .map_err(|_| Error::new(Code::StoreFailed, "pending commit"))
    }

    pub(crate) fn has_commit(&self) -> bool {
        self.mls.pending_commit().is_some()
    }

    /// Proposes that a leaf of the own user leaves; somebody else has to commit it.
    pub(crate) fn propose_leave<P: OpenMlsProvider>(
        &mut self,
        provider: &P,
        signer: &impl Signer,
        leaf: LeafNodeIndex,
    ) -> Result<Bytes> {
        // Made again it would be the same bytes, and taking it back would take back the logged one.
        let leaver = self.roster()?.at(leaf).map(|leaf| leaf.claims.device.clone());
        let leaver = leaver.ok_or(Error::new(Code::BadArgument, "no such leaf"))?;
        ensure(!self.leaving()?.contains(&leaver), Code::PendingProposal, "proposed already")?;
        let (message, reference) = self
            .mls
            .propose_remove_member(provider, signer, leaf)
            .map_err(|_| Error::new(Code::Mls, "leave"))?;
        // It counts when the log says so, as anybody's does.
        self.mls
            .remove_pending_proposal(provider.storage(), &reference)
            .map_err(|_| Error::new(Code::StoreFailed, "leave"))?;
        framing::message_bytes(&message)
    }
}

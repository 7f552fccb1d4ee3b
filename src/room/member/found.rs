//! Founding a room.

use bytes::Bytes;
use openmls::prelude::{CredentialWithKey, GroupId, MlsGroup, OpenMlsProvider};
use openmls_traits::signatures::Signer;

use super::MemberRoom;
use crate::{
    code::Code,
    error::{Error, Result},
    room::{framing, state::RoomState, suite},
};

/// What the hub needs to begin the room.
pub(crate) struct Founding {
    pub(crate) group_info: Bytes,
    pub(crate) ratchet_tree: Bytes,
}

impl MemberRoom {
    /// Makes a group with one leaf.
    pub(crate) fn found<P: OpenMlsProvider>(
        provider: &P,
        signer: &impl Signer,
        credential: CredentialWithKey,
        state: RoomState,
    ) -> Result<(Self, Founding)> {
        let mls = MlsGroup::builder()
            .with_group_id(GroupId::from_slice(state.room.as_bytes()))
            .ciphersuite(suite::SUITE)
            .lifetime(suite::lifetime())
            .with_wire_format_policy(suite::join_config().wire_format_policy())
            .max_past_epochs(0)
            .sender_ratchet_configuration(suite::ratchets())
            .use_ratchet_tree_extension(false)
            .with_capabilities(suite::capabilities())
            .with_group_context_extensions(suite::group_context(&state)?)
            .build(provider, signer, credential)
            .map_err(|_| Error::new(Code::Mls, "new group"))?;
        let info = mls.export_group_info(provider.crypto(), signer, false);
        let founding = Founding {
            group_info: framing::message_bytes(&info.map_err(|_| Error::new(Code::Mls, "group info"))?)?,
            ratchet_tree: framing::tree_bytes(&mls.export_ratchet_tree())?,
        };
        Ok((MemberRoom::new(mls, state), founding))
    }
}

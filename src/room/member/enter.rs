//! Coming into a room from outside, by a commit of one's own (RFC 9420 §12.4.3.2, SPEC "Coming in
//! from outside").

use bytes::Bytes;
use openmls::prelude::{CredentialWithKey, LeafNodeParameters, MlsGroup, OpenMlsProvider};
use openmls_traits::signatures::Signer;

use super::MemberRoom;
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, Device, RoomId},
    room::{framing, group_info, suite, witness::Witness},
};

/// What a device has been given, and what it knows of the room.
pub(crate) struct Entering<'a> {
    pub(crate) room: &'a RoomId,
    /// The agency whose server is the hub, if the device knows that.
    pub(crate) hub: Option<&'a AgencyId>,
    pub(crate) group_info: &'a Bytes,
    pub(crate) ratchet_tree: &'a Bytes,
    pub(crate) device: &'a Device,
    /// The hash of the private state that the device knows, if it does.
    pub(crate) knows: Option<&'a [u8]>,
}

/// A device's part in a room as it will be if its commit gets its place in the log.
pub(crate) struct Entered {
    pub(crate) room: MemberRoom,
    /// The epoch that the commit ends.
    pub(crate) epoch: u64,
    pub(crate) commit: Bytes,
    /// With which others may come in after it.
    pub(crate) group_info: Bytes,
}

impl MemberRoom {
    /// Makes a commit that brings the device in, in place of its former leaf if it has one.
    /// What is stored of the group counts when the commit stands in the log, and not before.
    ///
    /// `witness` knows certificates as of now: whoever is not what they say is found out before
    /// anything is sent (SPEC V-489).
    pub(crate) fn enter<P: OpenMlsProvider>(
        provider: &P,
        signer: &impl Signer,
        credential: CredentialWithKey,
        entering: Entering<'_>,
        witness: &mut dyn Witness,
    ) -> Result<Entered> {
        let Entering { room, hub, group_info, ratchet_tree, device, knows } = entering;
        let bad = |what| Error::new(Code::BadGroupInfo, what);
        let info = framing::group_info(group_info)?;
        ensure(info.ciphersuite() == suite::SUITE, Code::UnknownSuite, "group info")?;
        group_info::check_extensions(&info)?;
        let state = suite::room_state(info.group_context().extensions())?;
        let asked = info.group_id().as_slice() == room.as_bytes()
            && state.room == *room
            && hub.is_none_or(|hub| state.hub == *hub);
        ensure(asked, Code::BadGroupInfo, "another room")?;
        let epoch = info.epoch().as_u64();
        let tree = framing::ratchet_tree(ratchet_tree)?;
        let leaf = LeafNodeParameters::builder().with_capabilities(suite::capabilities()).build();
        let builder = MlsGroup::external_commit_builder()
            .with_ratchet_tree(tree)
            .with_config(suite::join_config())
            // There is none to look at (SPEC V-421), and no clock has a say.
            .skip_lifetime_validation()
            .with_aad(knows.map(<[u8]>::to_vec).unwrap_or_default())
            .build_group(provider, info, credential)
            .map_err(|_| bad("group info or tree"))?;
        let built = builder
            .leaf_node_parameters(leaf)
            .load_psks(provider.storage())
            .map_err(|_| bad("psks"))?
            .use_ratchet_tree_extension(false)
            .create_group_info(true)
            .build(provider.rand(), provider.crypto(), signer, |_| true)
            .map_err(|_| bad("commit"))?;
        let (mls, bundle) = built.finalize(provider).map_err(|_| Error::new(Code::Mls, "commit"))?;
        let info = bundle.group_info().ok_or(Error::new(Code::Bug, "group info"))?;
        let group_info = group_info::public(info, signer)?;
        let commit = framing::message_bytes(bundle.commit())?;
        let room = MemberRoom::new(mls, state);
        room.check_leaves(witness)?;
        ensure(room.roster()?.find(device).is_some(), Code::Bug, "own leaf")?;
        Ok(Entered { room, epoch, commit, group_info })
    }
}

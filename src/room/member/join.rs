//! Joining a room from a Welcome (RFC 9420 §12.4.3.1).

use bytes::Bytes;
use openmls::prelude::{KeyPackageBundle, OpenMlsProvider, ProcessedWelcome, Welcome};
use openmls_traits::storage::StorageProvider as _;

use super::MemberRoom;
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{Device, Hash},
    room::{framing, key_package, private::PrivateState, submission, suite, witness::Witness},
    wire::log::LogEntry,
};

/// What a joiner has been given: the Welcome, the log entry that adds it, and the tree.
pub(crate) struct Joining<'a> {
    pub(crate) entry: &'a LogEntry,
    pub(crate) welcome: &'a Bytes,
    pub(crate) ratchet_tree: &'a Bytes,
    pub(crate) device: &'a Device,
}

/// A room that was joined.
pub(crate) struct Joined {
    pub(crate) room: MemberRoom,
    /// What the room is about; `None` if the inviter did not say it as committed to.
    pub(crate) private: Option<PrivateState>,
    /// Who invited.
    pub(crate) inviter: Device,
    /// The KeyPackageRef of the own key package that was used.
    pub(crate) package: Hash,
}

impl MemberRoom {
    /// Joins, after the own leaf has been verified at the entry's stamp, and of every leaf what binds
    /// it (V-451 to V-456).
    pub(crate) fn join<P: OpenMlsProvider>(
        provider: &P,
        joining: Joining<'_>,
        witness: &mut dyn Witness,
    ) -> Result<Joined> {
        let Joining { entry, welcome, ratchet_tree, device } = joining;
        let bad = |what| Error::new(Code::BadWelcome, what);
        let header = entry.header.claimed();
        let named = header.welcome_hash == Some(submission::welcome_hash(welcome));
        ensure(named, Code::BadWelcome, "not the welcome of this entry")?;
        let welcome = framing::welcome(welcome)?;
        let tree = framing::ratchet_tree(ratchet_tree)?;
        let package = own_package(provider, &welcome)?;
        let welcome = ProcessedWelcome::new_from_welcome(provider, &suite::join_config(), welcome)
            .map_err(|_| bad("welcome does not open"))?;
        ensure(welcome.psks().is_empty(), Code::BadWelcome, "pre-shared keys")?;
        let sealed = welcome.unverified_group_info().extensions().unknown(suite::PRIVATE_STATE).cloned();
        let staged =
            welcome.into_staged_welcome(provider, Some(tree)).map_err(|_| bad("group info or tree"))?;

        let context = staged.group_context();
        let state = suite::room_state(context.extensions())?;
        ensure(context.group_id().as_slice() == entry.room.as_bytes(), Code::BadWelcome, "another room")?;
        ensure(state.room == entry.room && state.term == entry.term, Code::BadWelcome, "room state")?;
        ensure(Some(context.epoch().as_u64()) == header.epoch.checked_add(1), Code::BadWelcome, "epoch")?;
        let mut verify = |certificate: &Bytes| witness.verify(certificate, 0);
        let own =
            staged.own_leaf_node().map(|leaf| key_package::check_leaf(leaf, &mut verify)).transpose()?;
        ensure(own.is_some_and(|own| own.device() == device), Code::BadWelcome, "not our leaf")?;
        let signer = staged.welcome_sender_index();
        let private = sealed.and_then(|sealed| PrivateState::decode(&sealed.0, &state.private_hash).ok());

        let mls = staged.into_group(provider).map_err(|_| bad("group"))?;
        let room = MemberRoom::new(mls, state);
        room.check_leaves(witness)?;
        let roster = room.roster()?;
        let inviter = header.sender.clone();
        submission::check_author(&entry.header, roster.at(signer))?;
        Ok(Joined { room, private, inviter, package })
    }

    /// Demands that the own leaf is good at a stamp, every other one bound, and that no device has two
    /// (V-453). That another one has come to its end is no reason to stay away: whoever joins helps to
    /// remove it.
    pub(crate) fn check_leaves(&self, witness: &mut dyn Witness) -> Result<()> {
        let own = self.mls.own_leaf_index();
        for (index, leaf) in self.mls.treesync().full_leaves() {
            let mut verify = |certificate: &Bytes| match index == own {
                true => witness.verify(certificate, 0),
                false => witness.bound(certificate),
            };
            key_package::check_leaf(leaf, &mut verify)?;
        }
        let roster = self.roster()?;
        ensure(roster.leaves().len() == distinct(&roster), Code::BadWelcome, "a device with two leaves")
    }
}

/// Which of our key packages a Welcome was made with; it goes when the Welcome is opened.
fn own_package<P: OpenMlsProvider>(provider: &P, welcome: &Welcome) -> Result<Hash> {
    for secrets in welcome.secrets() {
        let reference = secrets.new_member();
        let held: Result<Option<KeyPackageBundle>, _> = provider.storage().key_package(&reference);
        if held.map_err(|_| Error::new(Code::Mls, "key packages"))?.is_some() {
            return Hash::from_slice(reference.as_slice());
        }
    }
    Err(Error::new(Code::BadWelcome, "none of our key packages"))
}

fn distinct(roster: &crate::room::roster::Roster) -> usize {
    roster.leaves().iter().map(|leaf| &leaf.claims.device).collect::<std::collections::BTreeSet<_>>().len()
}

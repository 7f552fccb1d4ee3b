//! Rooms that cannot begin so (SPEC V-411, V-413, V-414, V-421).

use std::collections::BTreeMap;

use bytes::Bytes;
use openmls::prelude::{
    Ciphersuite, CredentialWithKey, Extension, Extensions, GroupContext, GroupId, Lifetime, MlsGroup,
    UnknownExtension,
    tls_codec::{DeserializeBytes as _, Serialize as _},
};

use super::{
    World,
    world::{Mls, ROOM},
};
use crate::{
    code::Code,
    crypto::mls::MlsCrypto,
    error::Result,
    ids::{AgencyId, Hash, RoomId},
    limits,
    room::{Policy, Role, RoomKind, RoomState, ShownEntry, framing, hub::HubRoom, submission::Parts, suite},
    time::Timestamp,
    wire::log::{Submission, SubmissionKind},
};

fn state() -> RoomState {
    World::enrolled().founding_state(Policy::default()).0
}

/// What the hub says of a room that anna founds with this state.
fn with(change: impl FnOnce(&mut RoomState)) -> Result<()> {
    let mut world = World::enrolled();
    let (mut state, private) = world.founding_state(Policy::default());
    change(&mut state);
    let submission = world.found("anna", state, private);
    world.submit(&submission)
}

fn refused(change: impl FnOnce(&mut RoomState)) -> Code {
    with(change).unwrap_err().code()
}

#[test]
fn states_in_which_no_room_begins() {
    let world = World::enrolled();
    let b = AgencyId::parse("b.example").unwrap();
    let (anna, carl) = (world.user("anna"), world.user("carl"));
    assert!(with(|_| {}).is_ok());
    assert_eq!(refused(|s| s.term = 2), Code::BadRoomState);
    assert_eq!(refused(|s| (s.hub, s.replicas) = (b.clone(), vec![b.clone()])), Code::BadRoomState);
    assert_eq!(refused(|s| s.roles = BTreeMap::from([(carl.clone(), Role::Admin)])), Code::BadRoomState);
    let both = BTreeMap::from([(anna, Role::Admin), (carl, Role::Admin)]);
    assert_eq!(refused(|s| s.roles = both), Code::BadRoomState);
    // V-350
    let shown = (
        (world.user("anna"), Hash::from_bytes([1; 32])),
        ShownEntry { n: 0, hash: Hash::from_bytes([1; 32]) },
    );
    assert_eq!(refused(|s| s.shown = BTreeMap::from([shown])), Code::BadRoomState);
    // V-413
    assert_eq!(refused(|s| s.replicas = vec![b.clone()]), Code::BadRoomState);
    assert_eq!(refused(|s| s.replicas = vec![b.clone(), s.hub.clone()]), Code::BadField);
}

/// Only in a direct room may there be no admin.
#[test]
fn a_group_without_an_admin() {
    assert_eq!(refused(|s| s.roles.clear()), Code::BadRoomState);
    assert_eq!(refused(|s| (s.kind, s.roles) = (RoomKind::Operation, BTreeMap::new())), Code::BadRoomState);
    assert!(with(|s| (s.kind, s.roles) = (RoomKind::Direct, BTreeMap::new())).is_ok());
}

#[test]
fn a_room_of_another_device_than_submits_it() {
    let mut world = World::enrolled();
    let (state, private) = world.founding_state(Policy::default());
    let roles = BTreeMap::from([(world.user("carl"), Role::Admin)]);
    let made = world.found("anna", RoomState { roles, ..state }, private);
    let parts = Parts { group_info: made.group_info, ratchet_tree: made.ratchet_tree, ..Parts::default() };
    let stolen = world.sign("carl", 0, SubmissionKind::Create, parts);
    assert_eq!(world.submit(&stolen).unwrap_err().code(), Code::BadRoomState);
}

#[test]
fn a_group_info_or_tree_that_is_damaged_or_another_rooms() {
    let mut world = World::enrolled();
    let (state, private) = world.founding_state(Policy::default());
    let good = world.found("anna", state.clone(), private.clone());
    let mut elsewhere = World::enrolled();
    elsewhere.now = world.now;
    let _ = elsewhere.package("anna"); // so that its keys are others
    let other = elsewhere.found("anna", state, private);
    assert_ne!(good.ratchet_tree, other.ratchet_tree);

    let mut check = |group_info: &Option<Bytes>, ratchet_tree: &Option<Bytes>| {
        let parts =
            Parts { group_info: group_info.clone(), ratchet_tree: ratchet_tree.clone(), ..Parts::default() };
        let submission = world.sign("anna", 0, SubmissionKind::Create, parts);
        world.clone().submit(&submission).map_err(|e| e.code())
    };
    assert_eq!(check(&good.group_info, &good.ratchet_tree), Ok(()));
    assert_eq!(check(&good.group_info, &other.ratchet_tree), Err(Code::Mls));
    assert_eq!(check(&other.group_info, &good.ratchet_tree), Err(Code::Mls));
    // Each bit of the last bytes: a signature each.
    let damaged = |part: &Option<Bytes>, end: usize| {
        let mut bytes = part.clone().unwrap().to_vec();
        let place = bytes.len() - end;
        bytes[place] ^= 1;
        Some(Bytes::from(bytes))
    };
    assert_eq!(check(&damaged(&good.group_info, 1), &good.ratchet_tree), Err(Code::Mls));
    assert_eq!(check(&good.group_info, &damaged(&good.ratchet_tree, 1)), Err(Code::Mls));
    let cut = |part: &Option<Bytes>| part.as_ref().map(|bytes| bytes.slice(..bytes.len() - 1));
    assert_eq!(check(&cut(&good.group_info), &good.ratchet_tree), Err(Code::Malformed));
    assert_eq!(check(&good.group_info, &cut(&good.ratchet_tree)), Err(Code::Malformed));
    assert_eq!(check(&good.ratchet_tree, &good.ratchet_tree), Err(Code::Malformed));
}

/// A founder with its own MLS: a group of these extensions, from which the hub should make a room.
fn foreign(change: impl FnOnce(&mut MlsGroup, Mls<'_>), build: Build) -> Result<()> {
    let mut world = World::enrolled();
    let submission = founding(&mut world, build, change);
    world.submit(&submission)
}

/// How the founder's group is made.
struct Build {
    lifetime: Lifetime,
    extensions: Extensions<GroupContext>,
    id: RoomId,
}

impl Default for Build {
    fn default() -> Self {
        let extensions = suite::group_context(&state()).unwrap();
        Build { lifetime: suite::lifetime(), extensions, id: ROOM }
    }
}

fn founding(world: &mut World, build: Build, change: impl FnOnce(&mut MlsGroup, Mls<'_>)) -> Submission {
    let device = world.side("anna").device.clone();
    let (certificate, key) = (device.certificate(), device.verified.key().as_bytes());
    let credential: CredentialWithKey = crate::room::credential(certificate, key);
    // A group of its own, which need not have the room's id.
    let storage = openmls_memory_storage::MemoryStorage::default();
    let parts = world.mls("anna", |mls| {
        let provider = crate::crypto::mls::MlsProvider { crypto: mls.provider.crypto, storage: &storage };
        let mut group = MlsGroup::builder()
            .with_group_id(GroupId::from_slice(build.id.as_bytes()))
            .ciphersuite(suite::SUITE)
            .lifetime(build.lifetime)
            .with_capabilities(suite::capabilities())
            .with_group_context_extensions(build.extensions)
            .build(&provider, mls.signer, credential)
            .unwrap();
        let signer = mls.signer;
        change(&mut group, mls);
        let info = group.export_group_info(provider.crypto, signer, false).unwrap();
        Parts {
            group_info: Some(info.tls_serialize_detached().unwrap().into()),
            ratchet_tree: Some(group.export_ratchet_tree().tls_serialize_detached().unwrap().into()),
            ..Parts::default()
        }
    });
    world.sign("anna", 0, SubmissionKind::Create, parts)
}

#[test]
fn other_software_may_found_rooms() {
    assert!(foreign(|_, _| {}, Build::default()).is_ok());
}

/// SPEC V-414
#[test]
fn a_group_context_with_more_or_less() {
    let ours: Vec<Extension> = suite::group_context(&state()).unwrap().iter().cloned().collect();
    let of = |extensions: Vec<Extension>| Build {
        extensions: Extensions::from_vec(extensions).unwrap(),
        ..Build::default()
    };
    let senders = Extension::ExternalSenders(vec![]);
    for extensions in [vec![ours[0].clone()], vec![ours[1].clone()], [ours.clone(), vec![senders]].concat()] {
        assert_eq!(foreign(|_, _| {}, of(extensions)).unwrap_err().code(), Code::BadRoomState);
    }
    let mut wide = state().encode().to_vec();
    wide.push(0);
    let wide = Extension::Unknown(suite::ROOM_STATE, UnknownExtension(wide));
    assert_eq!(foreign(|_, _| {}, of(vec![ours[0].clone(), wide])).unwrap_err().code(), Code::Malformed);
}

#[test]
fn a_group_with_another_id_than_the_room() {
    let other = Build { id: RoomId::from_bytes([1; 16]), ..Build::default() };
    let mut world = World::enrolled();
    let submission = founding(&mut world, other, |_, _| {});
    let storage = openmls_memory_storage::MemoryStorage::default();
    let check = world.check();
    let refused = HubRoom::found(
        &storage,
        &MlsCrypto::new([1; 32].into()),
        (submission.group_info.as_ref().unwrap(), submission.ratchet_tree.as_ref().unwrap()),
        (&state().hub, &world.id("anna")),
        world.now,
        &mut |certificate| check(certificate, world.now),
    );
    assert_eq!(refused.err().unwrap().code(), Code::BadRoomState);
}

/// SPEC V-421: joiners would judge it by their clocks.
#[test]
fn a_founder_whose_leaf_has_a_lifetime() {
    let lifetime = Lifetime::init(0, u64::MAX - 1);
    let refused = foreign(|_, _| {}, Build { lifetime, ..Build::default() });
    assert_eq!(refused.unwrap_err().code(), Code::BadCommit);
}

#[test]
fn a_room_that_is_not_at_its_beginning() {
    let mut world = World::founded(Policy::default());
    let commit = world.commit("anna", crate::room::member::Plan { refresh: true, ..Default::default() });
    world.done(&commit);
    let parts = world.raw("anna", |group, mls| {
        let info = group.export_group_info(mls.provider.crypto, mls.signer, false).unwrap();
        Parts {
            group_info: Some(info.tls_serialize_detached().unwrap().into()),
            ratchet_tree: Some(group.export_ratchet_tree().tls_serialize_detached().unwrap().into()),
            ..Parts::default()
        }
    });
    let submission = world.sign("anna", 0, SubmissionKind::Create, parts);
    let mut elsewhere = World::enrolled();
    assert_eq!(elsewhere.submit(&submission).unwrap_err().code(), Code::BadRoomState);
}

/// The work that a founder can cause is that of one leaf.
#[test]
fn a_large_tree() {
    let mut world = World::enrolled();
    let (state, private) = world.founding_state(Policy::default());
    let good = world.found("anna", state, private);
    let tree = Some(Bytes::from(vec![0; limits::KEY_PACKAGE + 1]));
    let parts = Parts { group_info: good.group_info, ratchet_tree: tree, ..Parts::default() };
    let submission = world.sign("anna", 0, SubmissionKind::Create, parts);
    assert_eq!(world.submit(&submission).unwrap_err().code(), Code::TooLong);
}

/// SPEC V-425
#[test]
fn a_group_info_of_another_suite() {
    let mut world = World::enrolled();
    let (state, private) = world.founding_state(Policy::default());
    let good = world.found("anna", state, private);
    let mut info = good.group_info.clone().unwrap().to_vec();
    // MLSMessage version and wire format, GroupContext version, then the suite.
    assert_eq!(info[4..8], [0, 1, 0, 3]);
    info[7] = 1;
    let other = framing::group_info(&info.clone().into()).unwrap().ciphersuite();
    assert_eq!(other, Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519);
    let parts = Parts { group_info: Some(info.into()), ratchet_tree: good.ratchet_tree, ..Parts::default() };
    let submission = world.sign("anna", 0, SubmissionKind::Create, parts);
    assert_eq!(world.submit(&submission).unwrap_err().code(), Code::UnknownSuite);
}

#[test]
fn what_a_room_state_is_stays_through_its_storage() {
    let mut world = World::founded(Policy::default());
    let hub = world.hub();
    assert_eq!(*hub.state(), state());
    assert_eq!((hub.epoch(), hub.state().ends_at), (0, Timestamp::ZERO));
    assert_ne!(hub.state().private_hash, Hash::from_bytes([0; 32]));
    assert_eq!(world.state("anna"), state());
    let tree = hub.ratchet_tree().unwrap();
    assert!(openmls::prelude::RatchetTreeIn::tls_deserialize_exact_bytes(&tree).is_ok());
}

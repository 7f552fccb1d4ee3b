//! Welcomes that lead nowhere, or elsewhere (SPEC V-451 to V-456).

use std::sync::Arc;

use bytes::Bytes;
use openmls::prelude::{GroupId, MlsGroup, OpenMlsProvider as _, tls_codec::Serialize as _};

use super::{
    World,
    world::{ROOM, Registry},
};
use crate::{
    code::Code,
    crypto,
    error::{Result, ensure},
    identity::{DeviceCertificate, UserChain, VerifiedDevice},
    ids::{DeviceId, Hash, UserId},
    room::{
        self, Policy, Witness,
        member::{Joining, MemberRoom, Outgoing, Plan},
        submission, suite,
    },
    wire::log::{LogEntry, Submission},
};

/// anna has invited dora, who has not joined yet: the world, the entry, Welcome and tree.
fn invited() -> (World, LogEntry, Bytes, Bytes) {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let commit = world.adding("anna", &["dora"]);
    world.submit(&commit).unwrap();
    let entry = world.log.last().unwrap().entry.clone();
    let (welcome, tree) = world.welcomes[&entry.seq].clone();
    (world, entry, welcome, tree)
}

#[track_caller]
fn refused(result: Result<()>, code: Code) {
    assert_eq!(result.map_err(|e| e.code()), Err(code));
}

/// The entry under another header, signed by whom it names.
fn reheaded(
    world: &World,
    entry: &LogEntry,
    by: &str,
    change: impl FnOnce(&mut crate::wire::log::SubmissionHeader),
) -> LogEntry {
    let mut header = entry.header.claimed().clone();
    change(&mut header);
    let header = crypto::sign(header, &[world.side(by).device.new.key()]).into_signed();
    LogEntry { header, ..entry.clone() }
}

#[test]
fn an_invitation_can_be_taken_up_again_after_a_failure() {
    let (mut world, entry, welcome, tree) = invited();
    let wrong = tree.slice(..tree.len() - 1);
    refused(world.join_with("dora", &entry, &welcome, &wrong), Code::Malformed);
    world.join_with("dora", &entry, &welcome, &tree).unwrap();
    world.deliver();
    world.say("dora", "da");
    assert_eq!(world.heard("anna"), [("dora", "da")]);
}

/// SPEC V-451
#[test]
fn a_welcome_that_the_entry_does_not_name() {
    let (mut world, entry, welcome, tree) = invited();
    let mut other = welcome.to_vec();
    *other.last_mut().unwrap() ^= 1;
    refused(world.join_with("dora", &entry, &other.into(), &tree), Code::BadWelcome);
    let unnamed = reheaded(&world, &entry, "anna", |header| header.welcome_hash = None);
    refused(world.join_with("dora", &unnamed, &welcome, &tree), Code::BadWelcome);
}

#[test]
fn a_welcome_for_somebody_else() {
    let (mut world, entry, welcome, tree) = invited();
    refused(world.join_with("eva", &entry, &welcome, &tree), Code::BadWelcome);
    // Not even with dora's keys: eva's certificate is not in dora's leaf.
    let store = world.side("dora").store.clone();
    world.sides.get_mut("eva").unwrap().store = store;
    refused(world.join_with("eva", &entry, &welcome, &tree), Code::BadWelcome);
}

#[test]
fn a_welcome_that_is_damaged() {
    let (mut world, entry, welcome, tree) = invited();
    for place in (0..welcome.len()).step_by(7) {
        let mut damaged = welcome.to_vec();
        damaged[place] ^= 1;
        let hash = submission::welcome_hash(&damaged);
        let entry = reheaded(&world, &entry, "anna", |header| header.welcome_hash = Some(hash));
        let result = world.join_with("dora", &entry, &damaged.into(), &tree);
        let code = result.expect_err("refused").code();
        assert!(matches!(code, Code::BadWelcome | Code::Malformed), "byte {place}: {code:?}");
    }
    let not_one = world.encrypt("anna", "x");
    let hash = submission::welcome_hash(&not_one);
    let entry = reheaded(&world, &entry, "anna", |header| header.welcome_hash = Some(hash));
    refused(world.join_with("dora", &entry, &not_one, &tree), Code::Malformed);
}

#[test]
fn another_tree() {
    let (mut world, entry, welcome, tree) = invited();
    let before = World::of(Policy::default(), &["bert", "carl"]).hub().ratchet_tree().unwrap();
    refused(world.join_with("dora", &entry, &welcome, &before), Code::BadWelcome);
    refused(world.join_with("dora", &entry, &welcome, &Bytes::new()), Code::Malformed);
    for place in (0..tree.len()).step_by(13) {
        let mut damaged = tree.to_vec();
        damaged[place] ^= 1;
        let result = world.join_with("dora", &entry, &welcome, &damaged.into());
        assert!(result.is_err(), "byte {place}");
    }
}

/// SPEC V-452
#[test]
fn an_entry_of_another_room_term_or_epoch() {
    let (mut world, entry, welcome, tree) = invited();
    let other = LogEntry { room: room(1), ..entry.clone() };
    refused(world.join_with("dora", &other, &welcome, &tree), Code::BadWelcome);
    let other = LogEntry { term: 2, ..entry.clone() };
    refused(world.join_with("dora", &other, &welcome, &tree), Code::BadWelcome);
    for epoch in [entry.header.claimed().epoch + 1, 0, u64::MAX] {
        let other = reheaded(&world, &entry, "anna", |header| header.epoch = epoch);
        refused(world.join_with("dora", &other, &welcome, &tree), Code::BadWelcome);
    }
}

fn room(byte: u8) -> crate::ids::RoomId {
    crate::ids::RoomId::from_bytes([byte; 16])
}

/// SPEC V-455
#[test]
fn an_inviter_who_did_not_make_the_welcome() {
    let (mut world, entry, welcome, tree) = invited();
    let (bert, eva) = (world.id("bert"), world.id("eva"));
    // A member who takes another's invitation for the own one, and somebody from outside.
    let stolen = reheaded(&world, &entry, "bert", |header| header.sender = bert);
    refused(world.join_with("dora", &stolen, &welcome, &tree), Code::BadSubmission);
    let outside = reheaded(&world, &entry, "eva", |header| header.sender = eva);
    refused(world.join_with("dora", &outside, &welcome, &tree), Code::BadSubmission);
    // A header that the inviter has not signed.
    let forged = reheaded(&world, &entry, "bert", |header| header.counter += 1);
    refused(world.join_with("dora", &forged, &welcome, &tree), Code::BadSignature);
}

/// What a registry knows, but of one certificate, which does not verify, or is not even bound.
struct Doubting {
    registry: Registry,
    certificate: Bytes,
    bound: bool,
}

impl Witness for Doubting {
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice> {
        ensure(*certificate != self.certificate, Code::Revoked, "as if")?;
        self.registry.verify(certificate, shown)
    }

    fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        ensure(self.bound || *certificate != self.certificate, Code::UnendorsedDevice, "as if")?;
        self.registry.bound(certificate)
    }

    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()> {
        self.registry.stands(claims)
    }

    fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>> {
        self.registry.chain(user, identity)
    }
}

/// SPEC V-453, V-454: a member who is not bound is a reason to stay away, one who has come to an end is
/// none; the own leaf has to be good.
#[test]
fn a_member_whose_certificate_does_not_verify() {
    let joined = |who: &str, bound| {
        let (mut world, entry, welcome, tree) = invited();
        let device = world.id("dora");
        let certificate = world.side(who).device.certificate().clone();
        let mut witness = Doubting { registry: world.witness(entry.stamp.at), certificate, bound };
        world.mls("dora", |mls| {
            let joining = Joining { entry: &entry, welcome: &welcome, ratchet_tree: &tree, device: &device };
            MemberRoom::join(mls.provider, joining, &mut witness).map(drop)
        })
    };
    refused(joined("carl", false), Code::UnendorsedDevice);
    assert_eq!(joined("carl", true), Ok(()));
    refused(joined("dora", true), Code::Revoked);
}

/// SPEC V-454: the key package is this device's, but its certificate says another.
#[test]
fn a_leaf_with_this_devices_keys_and_another_name() {
    let (mut world, entry, welcome, tree) = invited();
    let mut witness = world.witness(entry.stamp.at);
    let mut device = world.id("dora");
    device.id = DeviceId::from_bytes([0; 16]);
    let joined = world.mls("dora", |mls| {
        let joining = Joining { entry: &entry, welcome: &welcome, ratchet_tree: &tree, device: &device };
        MemberRoom::join(mls.provider, joining, &mut witness).map(drop)
    });
    refused(joined, Code::BadWelcome);
}

/// A group that a member makes for itself with the packages of others, under the room's id.
fn imitation(
    world: &mut World,
    extensions: openmls::prelude::Extensions<openmls::prelude::GroupContext>,
    psk: bool,
) -> (LogEntry, Bytes, Bytes) {
    let package = world.package("dora");
    let device = world.side("anna").device.clone();
    let credential = room::credential(device.certificate(), device.verified.key().as_bytes());
    let storage = openmls_memory_storage::MemoryStorage::default();
    let (made, tree) = world.mls("anna", |mls| {
        let provider = crypto::mls::MlsProvider { crypto: mls.provider.crypto, storage: &storage };
        let mut group = MlsGroup::builder()
            .with_group_id(GroupId::from_slice(ROOM.as_bytes()))
            .ciphersuite(suite::SUITE)
            .lifetime(suite::lifetime())
            .with_wire_format_policy(suite::join_config().wire_format_policy())
            .with_capabilities(suite::capabilities())
            .with_group_context_extensions(extensions)
            .build(&provider, mls.signer, credential)
            .unwrap();
        let mut builder = group.commit_builder().propose_adds([package]);
        if psk {
            let id = openmls::schedule::PreSharedKeyId::external(b"psk".to_vec(), vec![7; 32]);
            id.store(&provider, &[1; 32]).unwrap();
            let proposal = openmls::prelude::PreSharedKeyProposal::new(id);
            builder = builder.add_proposal(openmls::prelude::Proposal::PreSharedKey(Box::new(proposal)));
        }
        let built = builder
            .load_psks(provider.storage())
            .unwrap()
            .build(provider.rand(), provider.crypto(), mls.signer, |_| true)
            .unwrap();
        let (commit, welcome, _) = built.stage_commit(&provider).unwrap().into_messages();
        group.merge_pending_commit(&provider).unwrap();
        let made = Outgoing {
            commit: commit.to_bytes().unwrap().into(),
            welcome: welcome.unwrap().to_bytes().unwrap().into(),
            group_info: Bytes::new(),
        };
        (made, Bytes::from(group.export_ratchet_tree().tls_serialize_detached().unwrap()))
    });
    let welcome = made.welcome.clone();
    let submission = world.sign_commit("anna", 0, made);
    (world.entry(&submission).1.entry, welcome, tree)
}

#[test]
fn a_room_whose_state_is_not_one() {
    let mut world = World::founded(Policy::default());
    let state = world.state("anna");
    // It is one, as far as dora can see: only the hub's log shows whose room this is.
    let mut tried = world.clone();
    let (entry, welcome, tree) = imitation(&mut tried, suite::group_context(&state).unwrap(), false);
    tried.join_with("dora", &entry, &welcome, &tree).unwrap();

    let ours: Vec<_> = suite::group_context(&state).unwrap().iter().cloned().collect();
    let fewer = openmls::prelude::Extensions::from_vec(vec![ours[0].clone()]).unwrap();
    let (entry, welcome, tree) = imitation(&mut world, fewer, false);
    refused(world.join_with("dora", &entry, &welcome, &tree), Code::BadRoomState);
}

/// SPEC V-456
#[test]
fn a_welcome_with_a_pre_shared_key() {
    let mut world = World::founded(Policy::default());
    let context = suite::group_context(&world.state("anna")).unwrap();
    let (entry, welcome, tree) = imitation(&mut world, context, true);
    world.mls("dora", |mls| {
        let id = openmls::schedule::PreSharedKeyId::external(b"psk".to_vec(), vec![7; 32]);
        id.store(mls.provider, &[1; 32]).unwrap();
    });
    refused(world.join_with("dora", &entry, &welcome, &tree), Code::BadWelcome);
}

/// SPEC V-463, V-451: no Welcome is good for a commit that the log does not hold.
#[test]
fn the_welcome_of_a_commit_that_lost() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let lost = world.adding("anna", &["dora"]);
    let won = world.commit("bert", Plan { refresh: true, ..Plan::default() });
    world.done(&won);
    // The hub has no entry for it; one that it made up is another's commit.
    let entry = world.log.last().unwrap().entry.clone();
    let (welcome, tree) = (lost.welcome.clone().unwrap(), world.hub().ratchet_tree().unwrap());
    refused(world.join_with("dora", &entry, &welcome, &tree), Code::BadWelcome);
    let made_up = world.entry(&lost).1.entry;
    refused(world.join_with("dora", &made_up, &welcome, &tree), Code::BadWelcome);
}

/// The private state is for members: it is not in what the hub gets.
#[test]
fn what_the_room_is_about_is_not_on_the_wire() {
    let mut world = World::enrolled();
    let (state, mut private) = world.founding_state(Policy::default());
    private.name = "Geheimsache".into();
    private.topic = "Zielfahndung".into();
    let state = room::RoomState { private_hash: private.hash(), ..state };
    let founding = world.found("anna", state, private);
    world.done(&founding);
    let adding = world.adding("anna", &["bert"]);
    world.done(&adding);
    let entry = world.log.last().unwrap().entry.clone();
    world.join("bert", &entry).unwrap();
    assert_eq!(world.side("bert").private.as_ref().unwrap().topic, "Zielfahndung");
    let renaming = super::life::renaming(&mut world, "anna", "Geheimsache 2");
    world.done(&renaming);
    let parts = |submission: &Submission| {
        let optional = [&submission.group_info, &submission.welcome, &submission.ratchet_tree];
        let optional = optional.into_iter().flatten().cloned();
        optional.chain([submission.mls.clone(), submission.header.bytes().clone()]).collect::<Vec<_>>()
    };
    for bytes in [founding, adding, renaming].iter().flat_map(parts) {
        for word in [&b"Geheimsache"[..], b"Zielfahndung"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word));
        }
    }
}

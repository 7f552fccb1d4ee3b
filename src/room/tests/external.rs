//! Coming in from outside (SPEC "Coming in from outside", V-480 to V-489).

use bytes::Bytes;
use openmls::prelude::{LeafNodeParameters, MlsGroup, OpenMlsProvider as _, PreSharedKeyProposal};

use super::{
    World,
    world::{ROOM, outgoing},
};
use crate::{
    code::Code,
    crypto::{self, SigningKey, mls::MlsSigner},
    error::Result,
    identity::{fixture::key, read_certificate},
    ids::{AgencyId, DeviceId, RoomId},
    room::{
        self, Authority, DeviceChange, JoinRule, Policy, Role, framing,
        member::{Outgoing, Plan},
        suite,
    },
    wire::log::{Submission, SubmissionKind},
};

fn peopled() -> World {
    World::of(Policy { invite: Role::Member.into(), ..Policy::default() }, &["bert", "carl"])
}

/// What a device of other software does to come in: as it likes, with any certificate and key.
fn intruding(
    world: &mut World,
    who: &'static str,
    certificate: &Bytes,
    device: &SigningKey,
    psk: Option<PreSharedKeyProposal>,
) -> Submission {
    let credential = room::credential(certificate, device.verify_key().as_bytes());
    let (info, tree) = (world.group_info.clone(), world.hub().ratchet_tree().unwrap());
    let epoch = world.hub().epoch();
    let signer = SigningKey::from_seed(&device.seed());
    let made: Outgoing = world.mls(who, |mls| {
        mls.provider.storage.clear().unwrap();
        let leaf = LeafNodeParameters::builder().with_capabilities(suite::capabilities()).build();
        let mut builder = MlsGroup::external_commit_builder()
            .with_ratchet_tree(framing::ratchet_tree(&tree).unwrap())
            .with_config(suite::join_config())
            .build_group(mls.provider, framing::group_info(&info).unwrap(), credential)
            .unwrap()
            .leaf_node_parameters(leaf);
        if let Some(psk) = psk {
            builder = builder.add_psk_proposal(psk);
        }
        let built = builder.load_psks(mls.provider.storage()).unwrap().create_group_info(true);
        let signer = MlsSigner(&signer);
        let built = built.build(mls.provider.rand(), mls.provider.crypto(), &signer, |_| true).unwrap();
        outgoing(built.finalize(mls.provider).unwrap().1)
    });
    let parts =
        room::submission::Parts { mls: made.commit, group_info: Some(made.group_info), ..Default::default() };
    let place = world.place(who, epoch);
    room::submission::sign(place, SubmissionKind::Commit, parts, device)
}

fn own_key(world: &World, who: &str) -> SigningKey {
    SigningKey::from_seed(&world.side(who).device.new.key().seed())
}

pub(super) fn intruder(
    world: &mut World,
    who: &'static str,
    psk: Option<PreSharedKeyProposal>,
) -> Submission {
    let (certificate, device) = (world.side(who).device.certificate().clone(), own_key(world, who));
    intruding(world, who, &certificate, &device, psk)
}

/// A device that comes or goes by its own user's will.
fn own(world: &World, who: &str) -> DeviceChange {
    DeviceChange { device: world.id(who), authority: Authority::Own }
}

fn code(result: Result<()>) -> Code {
    result.unwrap_err().code()
}

/// SPEC V-489: the way into another room than the one that was asked for, or another hub's.
#[test]
fn a_way_into_another_room() {
    let mut world = peopled();
    let (hub, other) = (world.user("anna").agency().clone(), world.user("bert").agency().clone());
    let elsewhere = RoomId::from_bytes([0x0d; 16]);
    let enters = |world: &World, room: &RoomId, hub: &AgencyId| {
        let entered = world.clone().entering_at("carl2", (room, hub), None);
        entered.map(drop).map_err(|error| error.code())
    };
    assert_eq!(enters(&world, &ROOM, &hub), Ok(()));
    assert_eq!(enters(&world, &elsewhere, &hub), Err(Code::BadGroupInfo));
    assert_eq!(enters(&world, &ROOM, &other), Err(Code::BadGroupInfo));
    // One whose group and state are not of one room.
    let info = world.group_info.clone();
    world.group_info = world.resigned_info("anna", &info, |signed| {
        let at = signed.windows(16).position(|part| part == ROOM.as_bytes()).unwrap();
        signed[at..at + 16].copy_from_slice(elsewhere.as_bytes());
    });
    for room in [&ROOM, &elsewhere] {
        assert_eq!(enters(&world, room, &hub), Err(Code::BadGroupInfo));
    }
}

/// SPEC V-428, V-483, V-486
#[test]
fn a_second_device_of_somebody_who_is_there_comes_in_by_itself() {
    let mut world = peopled();
    let submission = world.entering("bert2", None);
    world.submit(&submission).unwrap();
    let entry = world.log.last().unwrap().entry.clone();
    world.entered("bert2", &entry).unwrap();
    world.deliver();
    let change = world.changes.last().unwrap().clone();
    assert!(change.outside && change.removed.is_empty() && change.joined.is_empty());
    assert_eq!(change.committer, world.id("bert2"));
    assert_eq!(change.added, [own(&world, "bert2")]);
    world.say("bert2", "da");
    world.say("anna", "gut");
    assert_eq!(world.heard("carl").last(), Some(&("anna", "gut")));
    assert_eq!(world.heard("bert2"), [("anna", "gut")]);
    assert_eq!(world.heard("bert"), [("bert2", "da"), ("anna", "gut")]);
}

/// SPEC V-485: in place of its former leaf, with all that it had lost.
#[test]
fn a_device_comes_back_on_its_own_leaf() {
    let mut world = peopled();
    world.say("anna", "one");
    let submission = world.entering("bert", None);
    world.submit(&submission).unwrap();
    let entry = world.log.last().unwrap().entry.clone();
    world.entered("bert", &entry).unwrap();
    world.deliver();
    let change = world.changes.last().unwrap();
    let itself = [own(&world, "bert")];
    assert_eq!((change.added.as_slice(), change.removed.as_slice()), (itself.as_slice(), itself.as_slice()));
    assert!(change.joined.is_empty() && change.departed.is_empty());
    world.say("bert", "two");
    world.say("carl", "three");
    assert_eq!(world.heard("bert").last(), Some(&("carl", "three")));
}

/// SPEC V-486
#[test]
fn somebody_who_is_not_there_stays_outside() {
    let mut world = peopled();
    let submission = intruder(&mut world, "dora", None);
    world.refused(&submission, Code::NotPermitted);
}

/// SPEC V-486: where the room admits them; not against a ban, and not after its end.
#[test]
fn somebody_whom_the_room_admits_comes_in() {
    let mut world = peopled();
    let open = world.governing("anna", |state| state.join = JoinRule::Agencies([world_b()].into()));
    world.done(&open);
    for (who, admitted) in [("dora", true), ("carl2", true), ("akte", false)] {
        let mut tried = world.clone();
        let submission = intruder(&mut tried, who, None);
        let code = if admitted { Ok(()) } else { Err(Code::NotPermitted) };
        for (judge, verdict) in tried.verdicts(&submission) {
            assert_eq!(verdict.map_err(|e| e.code()), code, "{who}, {judge}");
        }
    }
    let dora = world.user("dora");
    let mut banned = world.clone();
    let ban = banned.governing("anna", |state| {
        state.bans.insert(dora);
    });
    banned.done(&ban);
    let submission = intruder(&mut banned, "dora", None);
    banned.refused(&submission, Code::Banned);

    let mut ended = world.clone();
    let at = ended.now.plus(core::time::Duration::from_secs(1));
    let end = ended.governing("anna", |state| state.ends_at = at);
    ended.done(&end);
    ended.now = at;
    for who in ["dora", "bert2"] {
        let submission = intruder(&mut ended.clone(), who, None);
        ended.refused(&submission, Code::RoomEnded);
    }

    let submission = world.entering("dora", None);
    world.submit(&submission).unwrap();
    let entry = world.log.last().unwrap().entry.clone();
    world.entered("dora", &entry).unwrap();
    world.deliver();
    assert_eq!(world.changes.last().unwrap().joined, [world.user("dora")]);
    world.say("dora", "here");
    assert_eq!(world.heard("anna").last(), Some(&("dora", "here")));
}

/// SPEC V-450, V-485: an archive's device comes back on its own leaf, which adds nobody; no other does, nor in
/// its place.
#[test]
fn an_archive_comes_back_on_its_own_leaf_alone() {
    let mut world = World::of(Policy::default(), &["akte", "bert"]);
    let further = intruder(&mut world.clone(), "akte2", None);
    world.refused(&further, Code::NotPermitted);
    let submission = world.entering("akte", None);
    world.submit(&submission).unwrap();
    let entry = world.log.last().unwrap().entry.clone();
    world.entered("akte", &entry).unwrap();
    world.deliver();
    let change = world.changes.last().unwrap().clone();
    assert_eq!((change.added, change.removed), (vec![own(&world, "akte")], vec![own(&world, "akte")]));
    assert!(change.joined.is_empty() && change.departed.is_empty());
    world.say("anna", "weiter");
    assert_eq!(world.heard("akte"), [("anna", "weiter")]);
    // It still has no right.
    let commit = world.removing("akte", &["bert"]);
    world.refused(&commit, Code::NotPermitted);
    world.discard("akte");
    // Once it was removed it is not brought in by its own word.
    let commit = world.removing("anna", &["akte"]);
    world.done(&commit);
    let again = intruder(&mut world.clone(), "akte", None);
    world.refused(&again, Code::NotPermitted);
}

/// The agency of bert and dora.
fn world_b() -> AgencyId {
    crate::identity::fixture::agency("b.example")
}

/// SPEC V-485: Carl, who is there with another device, takes Bert's leaf: MLS finds nothing wrong,
/// for he has got hold of Bert's key and had it certified as a device of his own.
#[test]
fn nobody_is_evicted_from_outside() {
    let mut world = peopled();
    assert_eq!(own_key(&world, "carl_as_bert").seed()[..], own_key(&world, "bert").seed()[..]);
    let submission = intruder(&mut world, "carl_as_bert", None);
    world.refused(&submission, Code::NotPermitted);
}

/// SPEC V-484
#[test]
fn nothing_else_is_changed_from_outside() {
    let mut world = peopled();
    let id = openmls::schedule::PreSharedKeyId::external(b"psk".to_vec(), vec![7; 32]);
    world.mls("bert2", |mls| id.store(mls.provider, &[1; 32]).unwrap());
    let psk = PreSharedKeyProposal::new(id);
    let submission = intruder(&mut world, "bert2", Some(psk));
    // Members do not get as far: they do not know the key.
    assert_eq!(code(world.clone().submit(&submission)), Code::BadProposal);
}

/// SPEC V-422, V-483: as for every leaf that enters.
#[test]
fn a_device_that_nobody_may_vouch_for_does_not_come_in_from_outside() {
    const B: u8 = 21;
    let mut world = peopled();
    let ghost = SigningKey::from_seed(&[0x66; 32]);
    let like = |change: &dyn Fn(&mut crate::identity::DeviceCertificate)| {
        let mut claims = read_certificate(world.side("bert").device.certificate()).unwrap();
        change(&mut claims);
        crypto::sign(claims, &[&key(B)]).bytes().clone()
    };
    // Bert's agency adds a device to him, with his identity; no link of his chain endorses it.
    let unendorsed = like(&|claims| {
        claims.key = *ghost.verify_key().as_bytes();
        claims.device.id = DeviceId::from_bytes([0x66; 16]);
    });
    // Another key for the device that is there: the hub would read along under Bert's name.
    let exchanged = like(&|claims| claims.key = *ghost.verify_key().as_bytes());
    for certificate in [unendorsed, exchanged] {
        let mut tried = world.clone();
        let submission = intruding(&mut tried, "eva", &certificate, &ghost, None);
        let judges = ["anna", "bert", "carl"];
        for (who, verdict) in tried.verdicts_of(&submission, &judges) {
            assert_eq!(code(verdict), Code::UnendorsedDevice, "{who}");
        }
    }
    let submission = intruder(&mut world, "bert2", None);
    world.accepted(&submission);
}

/// SPEC V-401, V-483: the header is signed by the key of the new leaf.
#[test]
fn under_a_header_that_the_newcomer_did_not_sign() {
    let mut world = peopled();
    let good = intruder(&mut world, "bert2", None);
    let header = good.header.claimed().clone();
    let forged = crypto::sign(header, &[&own_key(&world, "bert")]).into_signed();
    let forged = Submission { header: forged, ..good.clone() };
    world.refused(&forged, Code::BadSignature);
    // As another device's: it is the newcomer's all the same.
    let mut header = good.header.claimed().clone();
    header.sender = world.id("carl2");
    let stolen = crypto::sign(header, &[&own_key(&world, "carl2")]).into_signed();
    world.refused(&Submission { header: stolen, ..good }, Code::BadSubmission);
}

/// Leaving that was proposed is proposed for an epoch; whoever comes in from outside begins the
/// next without it, and it can be proposed again (SPEC V-488).
#[test]
fn a_leaving_that_was_pending_is_proposed_again() {
    let mut world = peopled();
    let leaving = world.leaving("carl", "carl");
    world.done(&leaving);
    let submission = world.entering("bert2", None);
    world.submit(&submission).unwrap();
    let entry = world.log.last().unwrap().entry.clone();
    world.entered("bert2", &entry).unwrap();
    world.deliver();
    assert!(world.hub().roster().unwrap().find(&world.id("carl")).is_some());
    let again = world.leaving("carl", "carl");
    world.done(&again);
    let commit = world.commit("bert2", Plan { refresh: true, ..Plan::default() });
    world.done(&commit);
    assert!(world.hub().roster().unwrap().find(&world.id("carl")).is_none());
}

/// SPEC V-480 to V-482
#[test]
fn a_group_info_that_is_not_the_epochs() {
    let mut world = peopled();
    let old = world.group_info.clone();
    let commit = world.commit("anna", Plan { refresh: true, ..Plan::default() });
    let info = commit.group_info.clone().unwrap();
    let with = |world: &World, info: Bytes| {
        let mut tried = world.clone();
        let parts =
            room::submission::Parts { mls: commit.mls.clone(), group_info: Some(info), ..Default::default() };
        let epoch = tried.hub().epoch();
        let submission = tried.sign("anna", epoch, SubmissionKind::Commit, parts);
        tried.submit(&submission).map_err(|error| error.code())
    };
    assert_eq!(with(&world, info.clone()), Ok(()));
    assert_eq!(with(&world, old), Err(Code::BadGroupInfo));
    assert_eq!(with(&world, info.slice(..info.len() - 1)), Err(Code::Malformed));
    let long = vec![0; crate::limits::GROUP_INFO + 1].into();
    assert_eq!(with(&world, long), Err(Code::TooLong));
    // Somebody else's signature; a changed tag, signer, or epoch.
    let by_bert = world.resigned_info("bert", &info, |_| {});
    assert_eq!(with(&world, by_bert), Err(Code::BadGroupInfo));
    for place in [0, 4] {
        let changed = world.resigned_info("anna", &info, |s| *s.iter_mut().rev().nth(place).unwrap() ^= 1);
        assert_eq!(with(&world, changed), Err(Code::BadGroupInfo));
    }
    let unsigned = [&info[..info.len() - 1], &[info[info.len() - 1] ^ 1]].concat();
    assert_eq!(with(&world, unsigned.into()), Err(Code::BadGroupInfo));
    // With more in it than lets somebody in: the tree, or what is for those who are invited.
    let private = openmls::prelude::Extension::Unknown(
        suite::PRIVATE_STATE,
        openmls::prelude::UnknownExtension(b"the name".to_vec()),
    );
    for (with_tree, private) in [(true, None), (false, Some(private))] {
        let other = world.clone().raw("anna", |group, mls| {
            group.merge_pending_commit(mls.provider).unwrap();
            let (crypto, signer) = (mls.provider.crypto, mls.signer);
            let info = group.export_group_info_with_additional_extensions(crypto, signer, with_tree, private);
            Bytes::from(info.unwrap().to_bytes().unwrap())
        });
        assert_eq!(with(&world, other), Err(Code::BadGroupInfo));
    }
}

/// What is for those who are invited is not for everybody who asks at the door.
#[test]
fn the_group_info_of_an_invitation_does_not_tell_what_the_room_is_about() {
    let mut world = peopled();
    let commit = world.adding("anna", &["dora"]);
    let info = commit.group_info.clone().unwrap();
    assert!(!info.windows(7).any(|bytes| bytes == b"Streife"));
    world.accepted(&commit);
}

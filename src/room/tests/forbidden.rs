//! What MLS could do and a room does not: refused by the hub and by every member in the same way.

use bytes::Bytes;
use openmls::{
    prelude::{
        CredentialType, CustomProposal, Extension, ExtensionType, Extensions, ExternalProposal,
        ExternalSender, GroupContext, GroupId, JoinProposal, LeafNodeParameters, OpenMlsProvider,
        PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, PreSharedKeyProposal, Proposal, RequiredCapabilitiesExtension,
        SenderExtensionIndex, UnknownExtension, tls_codec::Serialize as _,
    },
    schedule::PreSharedKeyId,
};
use openmls_traits::signatures::Signer as _;

use super::{World, world::ROOM};
use crate::{
    code::Code,
    crypto::mls::{MlsProvider, MlsSigner},
    limits,
    room::{Policy, RoomState, member::Plan, mls_store::MlsStore, submission::Parts, suite},
    wire::log::{Submission, SubmissionKind},
};

type Storage<'a> = <MlsProvider<'a, MlsStore<'a>> as OpenMlsProvider>::StorageProvider;

fn peopled() -> World {
    World::of(Policy::default(), &["bert", "carl"])
}

fn group_id() -> GroupId {
    GroupId::from_slice(ROOM.as_bytes())
}

fn psk() -> PreSharedKeyId {
    PreSharedKeyId::external(b"psk".to_vec(), vec![7; 32])
}

// -- standalone proposals: SPEC V-442

#[test]
fn an_update_proposal() {
    let mut world = peopled();
    let proposal = world.raw_proposal("anna", |group, mls| {
        group.propose_self_update(mls.provider, mls.signer, LeafNodeParameters::default()).unwrap().0
    });
    world.refused(&proposal, Code::BadProposal);
}

#[test]
fn an_add_proposal() {
    let mut world = peopled();
    let package = world.package("dora");
    let proposal = world.raw_proposal("anna", |group, mls| {
        group.propose_add_member(mls.provider, mls.signer, &package).unwrap().0
    });
    world.refused(&proposal, Code::BadProposal);
}

#[test]
fn a_proposal_of_another_state() {
    let mut world = peopled();
    let state = RoomState { retention: 1, ..world.state("anna") };
    let proposal = world.raw_proposal("anna", |group, mls| {
        let extensions = suite::group_context(&state).unwrap();
        group.propose_group_context_extensions(mls.provider, extensions, mls.signer).unwrap().0
    });
    world.refused(&proposal, Code::BadProposal);
}

#[test]
fn a_pre_shared_key_proposal() {
    let mut world = peopled();
    let proposal = world.raw_proposal("anna", |group, mls| {
        psk().store(mls.provider, &[1; 32]).unwrap();
        group.propose_pre_shared_key(mls.provider, mls.signer, psk()).unwrap().0
    });
    world.refused(&proposal, Code::BadProposal);
}

#[test]
fn a_self_remove_proposal() {
    let mut world = peopled();
    let proposal = world.raw_proposal("bert", |group, mls| {
        group.leave_group_via_self_remove(mls.provider, mls.signer).unwrap()
    });
    world.refused(&proposal, Code::BadProposal);
}

#[test]
fn a_proposal_of_private_type() {
    let mut world = peopled();
    let proposal = world.raw_proposal("anna", |group, mls| {
        let custom = CustomProposal::new(0xF0F0, b"anything".to_vec());
        group.propose_custom_proposal_by_reference(mls.provider, mls.signer, custom).unwrap().0
    });
    world.refused(&proposal, Code::BadProposal);
}

/// RFC 9420 §12.1.8: nobody of ours makes one, so it is written by hand. Its tag is nothing
/// that a hub can check; a member looks at the tag first.
#[test]
fn a_reinit_proposal() {
    let mut world = peopled();
    let epoch = world.epoch("anna");
    let mut reinit = vec![0, 5]; // ProposalType reinit
    reinit.extend(vector(b"another group"));
    reinit.extend([0, 1, 0, 3]); // mls10, suite 3
    reinit.extend(vector(&[])); // no extensions
    let content = |epoch: u64| {
        let mut content = vector(ROOM.as_bytes());
        content.extend(epoch.to_be_bytes());
        content.extend([1, 0, 0, 0, 0]); // sender: member, leaf 0
        content.extend(vector(&[])); // no authenticated data
        content.push(2); // proposal
        [content, reinit.clone()].concat()
    };
    let context =
        world.raw("anna", |group, _| group.public_group().group_context().tls_serialize_detached().unwrap());
    let framed = content(epoch);
    let signed = [&[0, 1, 0, 1][..], &framed, &context].concat(); // mls10, PublicMessage
    let labelled = [vector(b"MLS 1.0 FramedContentTBS"), vector(&signed)].concat();
    let signature = MlsSigner(world.side("anna").device.new.key()).sign(&labelled).unwrap();
    let message = [&[0, 1, 0, 1][..], &framed, &vector(&signature), &vector(&[0; 32])].concat();
    let proposal = world.sign_mls("anna", SubmissionKind::Proposal, message.into());
    let [(_, hub), (_, member)] = &world.verdicts_of(&proposal, &["bert"])[..] else { panic!() };
    assert_eq!(hub.as_ref().unwrap_err().code(), Code::BadProposal);
    assert_eq!(member.as_ref().unwrap_err().code(), Code::Mls);
}

/// RFC 9420 §2.1.2, for lengths below 16,384.
fn vector(bytes: &[u8]) -> Vec<u8> {
    let length = match bytes.len() {
        n @ ..64 => vec![u8::try_from(n).unwrap()],
        n => (0x4000 | u16::try_from(n).unwrap()).to_be_bytes().to_vec(),
    };
    [length, bytes.to_vec()].concat()
}

/// Rooms name no external senders, so nobody is one.
#[test]
fn proposals_of_an_external_sender() {
    let mut world = peopled();
    let (epoch, leaf) = (world.hub().epoch().into(), world.leaf("anna", "bert"));
    let (package, extensions) = (world.package("dora"), suite::group_context(&world.state("anna")).unwrap());
    let sender = SenderExtensionIndex::new(0);
    let made = world.mls("dora", |mls| {
        type P<'a> = MlsProvider<'a, MlsStore<'a>>;
        [
            ExternalProposal::new_remove::<P<'_>>(leaf, group_id(), epoch, mls.signer, sender).unwrap(),
            ExternalProposal::new_add::<P<'_>>(package, group_id(), epoch, mls.signer, sender).unwrap(),
            ExternalProposal::new_group_context_extensions::<P<'_>>(
                extensions,
                group_id(),
                epoch,
                mls.signer,
                sender,
            )
            .unwrap(),
        ]
        .map(|message| Bytes::from(message.to_bytes().unwrap()))
    });
    for mls in made {
        let proposal = world.sign_mls("dora", SubmissionKind::Proposal, mls);
        world.refused(&proposal, Code::Mls);
    }
}

#[test]
fn a_proposal_of_a_device_to_add_itself() {
    let mut world = peopled();
    let (package, epoch) = (world.package("dora"), world.hub().epoch().into());
    let message = world.mls("dora", |mls| {
        JoinProposal::new::<Storage<'_>>(package, group_id(), epoch, mls.signer).unwrap().to_bytes().unwrap()
    });
    let proposal = world.sign_mls("dora", SubmissionKind::Proposal, message.into());
    world.refused(&proposal, Code::BadProposal);
}

// -- commits: SPEC V-429

/// A proposal that never stood in the log is in nobody's store.
#[test]
fn a_commit_by_reference_to_what_the_log_does_not_hold() {
    let mut world = peopled();
    let package = world.package("dora");
    world.raw("anna", |group, mls| {
        group.propose_add_member(mls.provider, mls.signer, &package).map(drop).unwrap()
    });
    let commit = world.raw_commit("anna", |builder| builder.consume_proposal_store(true));
    world.refused(&commit, Code::Mls);
}

#[test]
fn a_commit_with_a_pre_shared_key() {
    let mut world = peopled();
    // Even if everybody had it.
    for who in world.present() {
        world.raw(who, |_, mls| psk().store(mls.provider, &[1; 32]).unwrap());
    }
    let proposal = Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(psk())));
    let commit = world.raw_commit("anna", |builder| builder.add_proposal(proposal));
    world.refused(&commit, Code::BadProposal);
}

/// No leaf of ours says that it knows the type, so MLS refuses it before we do.
#[test]
fn a_commit_with_a_proposal_of_private_type() {
    let mut world = peopled();
    let made = world.raw("anna", |group, mls| {
        let custom = Proposal::Custom(Box::new(CustomProposal::new(0xF0F0, vec![])));
        let builder = group.commit_builder().add_proposal(custom).load_psks(mls.provider.storage).unwrap();
        builder.build(mls.provider.crypto, mls.provider.crypto, mls.signer, |_| true).is_err()
    });
    assert!(made);
}

/// SPEC V-414
#[test]
fn commits_that_put_other_things_into_the_group_context() {
    let mut world = peopled();
    let state = world.state("anna");
    let of = |extensions: Vec<Extension>| Extensions::<GroupContext>::from_vec(extensions).unwrap();
    let key = world.side("dora").device.verified.key().as_bytes().to_vec();
    let credential = openmls::prelude::BasicCredential::new(b"server".to_vec()).into();
    let sender = Extension::ExternalSenders(vec![ExternalSender::new(key.into(), credential)]);
    let more =
        required(&[ExtensionType::Unknown(suite::ROOM_STATE), ExtensionType::Unknown(suite::FRESH_UNTIL)]);
    let unknown = Extension::Unknown(suite::FRESH_UNTIL, UnknownExtension(vec![1]));
    let [ours, room] = [required(&[ExtensionType::Unknown(suite::ROOM_STATE)]), room_extension(&state)];
    let mut trailing = state.encode().to_vec();
    trailing.push(0);
    let trailing = Extension::Unknown(suite::ROOM_STATE, UnknownExtension(trailing));
    let short = Extension::Unknown(suite::ROOM_STATE, UnknownExtension(state.encode()[1..].to_vec()));
    for (fault, extensions, code) in [
        ("an external sender", vec![ours.clone(), room.clone(), sender], Code::BadRoomState),
        ("another requirement", vec![more.clone(), room.clone()], Code::BadRoomState),
        ("another extension", vec![more, room.clone(), unknown], Code::BadRoomState),
        ("no room state", vec![ours.clone()], Code::BadRoomState),
        ("a state that is not canonical", vec![ours.clone(), trailing], Code::Malformed),
        ("a state that is cut off", vec![ours, short], Code::Malformed),
    ] {
        let mut tried = world.clone();
        let commit = tried
            .raw_commit("anna", |builder| builder.propose_group_context_extensions(of(extensions)).unwrap());
        for (who, verdict) in tried.verdicts(&commit) {
            assert_eq!(verdict.map_err(|e| e.code()), Err(code), "{fault}, says {who}");
        }
    }
    // MLS demands by itself that what is in the context be required.
    let made = world.raw("anna", |group, mls| {
        let builder = group.commit_builder().propose_group_context_extensions(of(vec![room])).unwrap();
        let builder = builder.load_psks(mls.provider.storage).unwrap();
        builder.build(mls.provider.crypto, mls.provider.crypto, mls.signer, |_| true).is_err()
    });
    assert!(made);
}

/// Other software may write the two extensions in another order.
#[test]
fn the_order_of_the_extensions_does_not_matter() {
    let mut world = peopled();
    let state = RoomState { retention: 1, ..world.state("anna") };
    let swapped = vec![room_extension(&state), required(&[ExtensionType::Unknown(suite::ROOM_STATE)])];
    let swapped = Extensions::<GroupContext>::from_vec(swapped).unwrap();
    let commit =
        world.raw_commit("anna", |builder| builder.propose_group_context_extensions(swapped).unwrap());
    world.done(&commit);
    let commit = world.governing("anna", |state| state.retention = 2);
    world.done(&commit);
    world.invite("anna", &["dora"]);
    assert_eq!(world.state("dora").retention, 2);
}

fn room_extension(state: &RoomState) -> Extension {
    Extension::Unknown(suite::ROOM_STATE, UnknownExtension(state.encode().to_vec()))
}

fn required(extensions: &[ExtensionType]) -> Extension {
    let credentials = [CredentialType::Other(suite::CREDENTIAL)];
    Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(extensions, &[], &credentials))
}

// -- framing: SPEC V-403 to V-405

#[test]
fn handshakes_that_the_hub_cannot_read() {
    let mut world = peopled();
    world.raw("anna", |group, mls| {
        let config = openmls::prelude::MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .build();
        group.set_configuration(mls.provider.storage, &config).unwrap();
    });
    let leaf = world.leaf("anna", "anna");
    let mut tried = world.clone();
    let commit = tried.raw_commit("anna", |builder| builder.force_self_update(true));
    tried.refused(&commit, Code::BadSubmission);
    let proposal = world.raw_proposal("anna", |group, mls| {
        group.propose_remove_member(mls.provider, mls.signer, leaf).unwrap().0
    });
    world.refused(&proposal, Code::BadSubmission);
}

#[test]
fn submissions_of_another_kind_than_they_say() {
    use SubmissionKind::{Commit, Message, Proposal};
    let world = peopled();
    let made = |kind: SubmissionKind| {
        let mut world = world.clone();
        match kind {
            Message => world.saying("anna", "x").mls,
            Proposal => world.leaving("anna", "anna").mls,
            _ => world.commit("anna", Plan { refresh: true, ..Plan::default() }).mls,
        }
    };
    for (is, says) in [
        (Message, Commit),
        (Message, Proposal),
        (Commit, Message),
        (Commit, Proposal),
        (Proposal, Commit),
        (Proposal, Message),
    ] {
        let mut tried = world.clone();
        let submission = tried.sign_mls("anna", says, made(is));
        tried.refused(&submission, Code::BadSubmission);
    }
}

#[test]
fn messages_that_are_not_exactly_one() {
    let mut world = peopled();
    let good = world.saying("anna", "x").mls;
    let package = world.package_bytes("dora", false);
    let trailing = Bytes::from([&good[..], &[0]].concat());
    for (mls, code) in [
        (trailing, Code::Malformed),
        (good.slice(..good.len() - 1), Code::Malformed),
        (Bytes::from_static(&[0, 1, 0, 2]), Code::Malformed),
        (package, Code::Malformed),
    ] {
        let submission = world.sign_mls("anna", SubmissionKind::Message, mls);
        world.refused(&submission, code);
    }
    let long = Bytes::from(vec![0; limits::MLS_MESSAGE + 1]);
    let read = crate::room::epoch_of(&long, &ROOM, SubmissionKind::Message);
    assert_eq!(read.unwrap_err().code(), Code::TooLong);
    let create = crate::room::epoch_of(&good, &ROOM, SubmissionKind::Create);
    assert_eq!(create.unwrap_err().code(), Code::BadSubmission);
}

/// SPEC V-404
#[test]
fn a_message_of_another_room() {
    let mut world = peopled();
    let good = world.saying("anna", "x").mls;
    // The group id follows version, wire format and its length.
    let mut other = good.to_vec();
    assert_eq!(&other[5..21], ROOM.as_bytes());
    other[5] ^= 1;
    let submission = world.sign_mls("anna", SubmissionKind::Message, other.into());
    world.refused(&submission, Code::BadSubmission);
}

/// What a hub has no key to check: it takes such a commit, and no member can apply it (SPEC
/// "Commits that members cannot apply", V-472).
#[test]
fn tags_that_only_members_can_check() {
    let mut world = peopled();
    let commit = world.commit("anna", Plan { refresh: true, ..Plan::default() });
    let length = commit.mls.len();
    // The message ends with the confirmation tag and the membership tag, each of 1 + 32 bytes.
    for end in [1, 34] {
        let mut mls = commit.mls.to_vec();
        mls[length - end] ^= 1;
        // The committer says the same everywhere.
        let info = commit.group_info.clone().unwrap();
        let info = match end {
            34 => world.resigned_info("anna", &info, |signed| *signed.iter_mut().rev().nth(4).unwrap() ^= 1),
            _ => info,
        };
        let parts = Parts { mls: mls.into(), group_info: Some(info), ..Parts::default() };
        let epoch = world.hub().epoch();
        let damaged: Submission = world.sign("anna", epoch, SubmissionKind::Commit, parts);
        let verdicts = world.verdicts(&damaged);
        assert_eq!(verdicts[0].1, Ok(()));
        for (who, verdict) in &verdicts[1..] {
            assert_eq!(verdict.as_ref().unwrap_err().code(), Code::Mls, "{who}");
        }
    }
}

//! Submissions whose parts are not what their device has signed (SPEC V-401, V-402), and those
//! that are none.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use prost::Message;

use super::{World, world::ROOM};
use crate::{
    code::Code,
    crypto::{self, VerifyKey},
    error::Result,
    ids::{DeviceId, Hash, RoomId, SubmissionId},
    limits,
    room::{self, Policy, submission},
    wire::{
        self, Signed, VERSION, Wire, encode_body,
        log::{Evidence, Submission, SubmissionHeader, SubmissionKind},
        proto,
    },
};

/// One of each kind: of anna, in a world where bert is too.
fn made() -> (World, [Submission; 4]) {
    let mut world = World::enrolled();
    let (state, private) = world.founding_state(Policy::default());
    let create = world.found("anna", state, private);
    world.done(&create);
    world.invite("anna", &["bert"]);
    let mut commit = world.adding("anna", &["carl"]);
    commit.evidence = vec![Evidence::ChainLink(Bytes::from_static(b"link"))];
    world.discard("anna");
    let proposal = world.leaving("anna", "anna");
    let message = world.saying("anna", "x");
    (world, [create, commit, proposal, message])
}

fn key(world: &World) -> VerifyKey {
    world.side("anna").device.verified.key().clone()
}

#[track_caller]
fn refused<T>(result: Result<T>, code: Code) {
    assert_eq!(result.err().expect("refused").code(), code);
}

#[test]
fn what_was_signed_verifies_and_reads_back() {
    let (world, submissions) = made();
    for submission in &submissions {
        submission::verify(submission, &key(&world)).unwrap();
        let header = &submission.header;
        submission::check_logged(header, &submission.mls).unwrap();
        let read: Submission = wire::decode_body(&encode_body(submission)).unwrap();
        assert_eq!(read, *submission);
    }
}

/// SPEC V-401
#[test]
fn somebody_elses_signature_or_a_header_changed_after_it() {
    let (world, submissions) = made();
    let bert = world.side("bert").device.verified.key().clone();
    for good in &submissions {
        refused(submission::verify(good, &bert), Code::BadSignature);
        let changes: [fn(&mut SubmissionHeader); 7] = [
            |header| header.room = RoomId::from_bytes([1; 16]),
            |header| header.term += 1,
            |header| header.epoch += 1,
            |header| header.submission_id = SubmissionId::from_bytes([1; 16]),
            |header| header.counter += 1,
            |header| header.sender.id = DeviceId::from_bytes([1; 16]),
            |header| header.mls_hash = Hash::from_bytes([1; 32]),
        ];
        for change in changes {
            let mut header = good.header.claimed().clone();
            change(&mut header);
            // The old signature over the new header.
            let mut envelope = proto::SignedEnvelope::decode(good.header.bytes().clone()).unwrap();
            envelope.body = encode_body(&header);
            let header = Signed::decode(&envelope.encode_to_vec().into()).unwrap();
            refused(
                submission::verify(&Submission { header, ..good.clone() }, &key(&world)),
                Code::BadSignature,
            );
        }
    }
}

/// SPEC V-402
#[test]
fn parts_that_were_exchanged_dropped_or_added() {
    let (world, [create, commit, proposal, message]) = made();
    let other = Some(Bytes::from_static(b"other"));
    let check =
        |submission: Submission| refused(submission::verify(&submission, &key(&world)), Code::BadSubmission);
    for good in [&commit, &proposal, &message] {
        check(Submission { mls: Bytes::from_static(b"other"), ..good.clone() });
        check(Submission { mls: Bytes::new(), ..good.clone() });
        refused(submission::check_logged(&good.header, &Bytes::from_static(b"other")), Code::BadSubmission);
    }
    check(Submission { mls: message.mls.clone(), ..create.clone() });
    for group_info in [None, other.clone()] {
        check(Submission { group_info, ..create.clone() });
    }
    for welcome in [None, other.clone()] {
        check(Submission { welcome, ..commit.clone() });
    }
    for good in [&commit, &proposal, &message] {
        check(Submission { group_info: other.clone(), ..good.clone() });
    }
    for good in [&create, &proposal, &message] {
        check(Submission { welcome: other.clone(), ..good.clone() });
    }
    // Two parts that change places.
    let (a, b) = (create.group_info.clone(), create.ratchet_tree.clone());
    check(Submission { group_info: b, ratchet_tree: a, ..create });
}

/// One part's hash is not another's.
#[test]
fn hashes_say_of_which_part_they_are() {
    let bytes = b"the same bytes";
    assert_ne!(submission::mls_hash(bytes), submission::welcome_hash(bytes));
    let (world, [.., message]) = made();
    let mut header = message.header.claimed().clone();
    header.kind = SubmissionKind::Commit;
    header.welcome_hash = Some(submission::mls_hash(&message.mls));
    let header = crypto::sign(header, &[world.side("anna").device.new.key()]).into_signed();
    let swapped = Submission { header, welcome: Some(message.mls.clone()), ..message };
    refused(submission::verify(&swapped, &key(&world)), Code::BadSubmission);
}

fn body(submission: &Submission, change: impl FnOnce(&mut proto::Submission)) -> Result<Submission> {
    let mut message = submission.to_proto();
    change(&mut message);
    wire::decode_body(&message.encode_to_vec().into())
}

#[test]
fn submissions_with_parts_that_their_kind_does_not_have() {
    let (_, [create, commit, proposal, message]) = made();
    let some = || Bytes::from_static(b"some");
    for good in [&create, &commit, &proposal, &message] {
        assert!(body(good, |_| {}).is_ok());
    }
    refused(body(&create, |s| s.mls = some()), Code::BadField);
    refused(body(&create, |s| s.group_info.clear()), Code::BadField);
    refused(body(&create, |s| s.ratchet_tree.clear()), Code::BadField);
    refused(body(&create, |s| s.welcome = some()), Code::BadField);
    for good in [&commit, &proposal, &message] {
        refused(body(good, |s| s.mls.clear()), Code::BadField);
        refused(body(good, |s| s.ratchet_tree = some()), Code::BadField);
        refused(body(good, |s| s.header.clear()), Code::UnknownVersion);
    }
    refused(body(&commit, |s| s.welcome.clear()), Code::BadField);
    refused(body(&commit, |s| s.group_info.clear()), Code::BadField);
    for good in [&proposal, &message] {
        refused(body(good, |s| s.welcome = some()), Code::BadField);
        refused(body(good, |s| s.group_info = some()), Code::BadField);
        refused(body(good, |s| s.evidence = commit.to_proto().evidence), Code::BadField);
    }
    let long = |length: usize| Bytes::from(vec![1; length + 1]);
    refused(body(&message, |s| s.mls = long(limits::MLS_MESSAGE)), Code::TooLong);
    refused(body(&commit, |s| s.welcome = long(limits::MLS_MESSAGE)), Code::TooLong);
    refused(body(&create, |s| s.group_info = long(limits::GROUP_INFO)), Code::TooLong);
    refused(body(&create, |s| s.ratchet_tree = long(limits::RATCHET_TREE)), Code::TooLong);
    refused(body(&commit, |s| s.evidence[0].document = None), Code::BadField);
}

#[test]
fn headers_with_one_fault() {
    let (world, [create, commit, _, message]) = made();
    let header = |of: &Submission, change: &dyn Fn(&mut proto::SubmissionHeader)| {
        let mut message = of.header.claimed().to_proto();
        change(&mut message);
        let body = Bytes::from(message.encode_to_vec());
        let key = world.side("anna").device.new.key();
        let mut envelope = proto::SignedEnvelope::decode(of.header.bytes().clone()).unwrap();
        envelope.signatures[0].signature = Bytes::copy_from_slice(
            key.sign(crypto::Label::SUBMISSION, &[&VERSION.to_be_bytes(), &body]).as_bytes(),
        );
        envelope.body = body;
        Signed::<SubmissionHeader>::decode(&envelope.encode_to_vec().into()).map(drop)
    };
    let bytes = |length: usize| Bytes::from(vec![1; length]);
    assert!(header(&message, &|_| {}).is_ok());
    refused(header(&message, &|h| h.room = bytes(15)), Code::BadName);
    refused(header(&message, &|h| h.term = 0), Code::BadField);
    refused(header(&message, &|h| h.submission_id = bytes(17)), Code::BadName);
    refused(header(&message, &|h| h.counter = 0), Code::BadField);
    refused(header(&message, &|h| h.user = "anna".into()), Code::BadName);
    refused(header(&message, &|h| h.device = bytes(0)), Code::BadName);
    refused(header(&message, &|h| h.kind = 0), Code::BadField);
    refused(header(&message, &|h| h.kind = 5), Code::BadField);
    refused(header(&message, &|h| h.mls_hash = bytes(31)), Code::BadName);
    refused(header(&message, &|h| h.group_info_hash = bytes(32)), Code::BadField);
    refused(header(&message, &|h| h.welcome_hash = bytes(32)), Code::BadField);
    refused(header(&create, &|h| h.group_info_hash.clear()), Code::BadField);
    refused(header(&commit, &|h| h.group_info_hash.clear()), Code::BadField);
    refused(header(&create, &|h| h.welcome_hash = bytes(32)), Code::BadField);
    refused(header(&commit, &|h| h.welcome_hash = bytes(31)), Code::BadName);
    refused(header(&commit, &|h| h.group_info_hash = bytes(33)), Code::BadName);
}

/// SPEC V-401: whose word an invitation is, for somebody who has the room from outside.
#[test]
fn an_author_takes_part_and_has_signed() {
    let (mut world, made) = made();
    let check = |world: &mut World, header: &Signed<SubmissionHeader>| {
        world.room("bert", |room, _| room.check_author(header))
    };
    check(&mut world, &made[3].header).unwrap();
    let said = made[3].header.claimed().clone();
    let carl = world.side("carl").device.verified.device().clone();
    let signed = |said: SubmissionHeader, world: &World, by: &str| {
        crypto::sign(said, &[world.side(by).device.new.key()]).into_signed()
    };
    let forged = signed(said.clone(), &world, "carl");
    refused(check(&mut world, &forged), Code::BadSignature);
    let stranger = signed(SubmissionHeader { sender: carl, ..said }, &world, "carl");
    refused(check(&mut world, &stranger), Code::NotMember);
}

/// SPEC V-405: what is of one kind is of no other.
#[test]
fn messages_of_another_kind() {
    let (_, made) = made();
    let kinds = made.each_ref().map(|submission| submission.header.claimed().kind);
    for of in &made[1..] {
        for kind in kinds {
            let read = room::framing::epoch_of(&of.mls, &ROOM, kind);
            assert_eq!(read.is_ok(), kind == of.header.claimed().kind, "{kind:?}");
        }
    }
    // A PrivateMessage that says it holds a proposal or a commit: after version, wire format, group id and epoch.
    for content_type in [2, 3] {
        let mut hidden = made[3].mls.to_vec();
        assert_eq!(hidden[29], 1);
        hidden[29] = content_type;
        for kind in kinds {
            let read = room::framing::epoch_of(&hidden.clone().into(), &ROOM, kind);
            refused(read, Code::BadSubmission);
        }
    }
}

proptest! {
    #[test]
    fn what_decodes_encodes_to_the_same_bytes(kind in 0..4usize, place in any::<Index>(), byte: u8) {
        let mut bytes = encode_body(&ONE_OF_EACH[kind]).to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = wire::decode_body::<Submission>(&bytes.clone().into()) {
            prop_assert_eq!(&encode_body(&read)[..], &bytes[..]);
        }
    }

    #[test]
    fn any_bytes_are_a_submission_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(wire::decode_body::<Submission>(&bytes.into()).is_err());
    }
}

static ONE_OF_EACH: std::sync::LazyLock<[Submission; 4]> = std::sync::LazyLock::new(|| made().1);

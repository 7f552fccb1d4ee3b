//! Documents of every kind: accepted here, and the seeds from which fuzzing starts.
//!
//! `VERBUND_WRITE_SEEDS=1 cargo test inspect` writes the seeds.

use core::fmt::Debug;
use std::{collections::BTreeSet, fs, path::Path};

use bytes::Bytes;
use proptest::{
    strategy::{BoxedStrategy, Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{Document, inspect};
use crate::{
    attachment::seal_all,
    code::Code,
    content::{
        Attachment, Content, Delete, Edit, Frame, Location, Reaction, ReceiptKind, Receipts, Seen, Text,
    },
    identity::{
        HandedHistory, Handover, NewDevice, Newcomer, RecoveryKey, Sponsor, UserKind,
        fixture::{TestDevice, TestFederation, apply, key, now, rng},
    },
    ids::{AgencyId, BlobId, Hash, MessageId, RequestId, RoomId, UserId},
    room::{JoinRule, Listing, Policy, PrivateState, RoomKind, RoomState},
    store::Ctx,
    wire::{
        Wire,
        device::{ReplyBody, ServerReply},
        encode, encode_body,
        tests::values,
    },
};

fn several<T: Debug>(strategy: BoxedStrategy<T>, encode: impl Fn(T) -> Bytes) -> Vec<Bytes> {
    let mut runner = TestRunner::deterministic();
    (0..6).map(|_| encode(strategy.new_tree(&mut runner).unwrap().current())).collect()
}

fn enclosed<T: Wire + Debug>(strategy: BoxedStrategy<T>) -> Vec<Bytes> {
    several(strategy, |value| encode(&value))
}

fn signed<T: Wire + Debug + 'static>(strategy: BoxedStrategy<T>) -> Vec<Bytes> {
    several(values::signed(strategy), |signed| signed.bytes().clone())
}

fn person() -> TestDevice {
    TestFederation::new().person("anna@a.example", 1)
}

fn enrolment_requests() -> Vec<Bytes> {
    let recovery = RecoveryKey::own(&key(9).verify_key());
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let founding = first.new.found(UserKind::Person, vec![recovery], now()).unwrap();
    let second = NewDevice::generate(first.verified.user().clone(), &mut rng(2));
    let endorsed = federation.chain(&first).endorse(&second.offer(now()), first.new.key(), now());
    vec![founding.into(), endorsed.unwrap().into()]
}

fn room_state() -> RoomState {
    let user = |name| UserId::parse(name).unwrap();
    let agency = |name| AgencyId::parse(name).unwrap();
    let (room, hash) = (RoomId::from_bytes([1; 16]), Hash::from_bytes([2; 32]));
    RoomState {
        replicas: vec![agency("a.example"), agency("b.example")],
        ends_at: now(),
        bans: BTreeSet::from([user("carl@a.example")]),
        join: JoinRule::Agencies(BTreeSet::from([agency("b.example")])),
        listing: Some(Listing::new("Marathon", "Who stands where.").unwrap()),
        ..RoomState::begin((room, RoomKind::Operation), &user("anna@a.example"), Policy::default(), hash)
    }
}

fn content() -> [Content; 7] {
    let (sealed, _) = seal_all(b"a photo", &mut rng(1)).unwrap();
    let file = sealed.file_ref(BlobId::from_bytes([1; 16]), AgencyId::parse("a.example").unwrap(), now());
    let id = |byte| MessageId::from_bytes([byte; 32]);
    let mention =
        Text::plain("@Ben").unwrap().mention(UserId::parse("ben@a.example").unwrap(), 0..4).unwrap();
    [
        Text::markdown("**Go.**").unwrap().into(),
        Reaction::to(MessageId::from_bytes([3; 32]), "+1").unwrap().into(),
        Attachment::new(file, "image/jpeg").unwrap().named("gate.jpg").unwrap().into(),
        Edit::text(id(3), mention).unwrap().into(),
        Delete::of(id(3)).into(),
        Receipts::new(ReceiptKind::Read, [id(4), id(3)]).unwrap().into(),
        Location::at(535_411_000, -99_842_000).unwrap().named("Gate").unwrap().into(),
    ]
}

/// A removal, the agency's word about the user, and two links for one place.
fn changes() -> (Bytes, Bytes, Bytes) {
    let [mut federation, mut other] = [TestFederation::new(), TestFederation::new()];
    let anna = federation.person("anna@a.example", 1);
    let chain = federation.chain(&anna);
    let removal = chain.remove(&anna.new.device().id, anna.new.key(), now()).unwrap();
    let a = &federation.agencies[0];
    let ctx = Ctx { now: now(), store: &a.store, rng: &mut rng(1) };
    let record = a.registrar.record(ctx, &anna.new.device().user).unwrap();
    let rival = other.person("anna@a.example", 9);
    let taken = apply(&mut federation.agencies[0].store, |draft| {
        crate::identity::fixture::take_chain(draft, rival.chain())
    });
    let fork = taken.unwrap().forks.remove(0);
    (removal.into(), record.to_bytes().into(), fork.to_bytes().into())
}

/// A request, its reply, and what is in that.
fn link_messages() -> (Bytes, Bytes, Bytes) {
    let (anna, new) = (person(), NewDevice::generate(UserId::parse("anna@a.example").unwrap(), &mut rng(8)));
    let user = new.device().user.clone();
    let sponsor = Sponsor::open(user.clone(), now(), &mut rng(6));
    let newcomer = Newcomer::read(&sponsor.code().text(), now()).unwrap();
    let (request, _) = newcomer.ask(&new, ("Tablet", true), now(), &mut rng(7)).unwrap();
    let (_, chain) = anna.enrolment.verify(&TestFederation::new().anchor, now()).unwrap();
    let said = Handover {
        request: Bytes::from_static(b"a request"),
        identity: *chain.identity(),
        settings: b"dark".to_vec(),
        rooms: vec![RoomId::from_bytes([1; 16])],
        admission: 2,
        blocked: vec!["b.example".into(), "ben@a.example".into()],
        verified: vec![(user, vec![1; 65].into())],
        history: Some(HandedHistory {
            file: Bytes::from_static(b"a file"),
            rooms: vec![RoomId::from_bytes([1; 16])],
        }),
    };
    let candidate = sponsor.receive(&request, now()).unwrap();
    let reply = candidate.confirm(&chain, anna.new.key(), (None, said.clone()), now()).unwrap();
    (request.into(), reply.into(), encode_body(&said))
}

fn documents(document: Document) -> Vec<Bytes> {
    let body = |n: usize| vec![content()[n].encode().1];
    let seen = Seen { seq: 7, hash: Hash::from_bytes([8; 32]) };
    match document {
        Document::PeerMessage => enclosed(values::peer_message()),
        Document::LinkFrame => signed(values::link_frame()),
        Document::LinkAck => signed(values::link_ack()),
        Document::ChunkRequest => signed(values::chunk_request()),
        Document::ChunkReply => signed(values::chunk_reply()),
        Document::DeviceMessage => enclosed(values::device_message()),
        Document::DeviceRequest => signed(values::device_request()),
        Document::ServerReply => enclosed(values::server_reply()),
        Document::SubmissionHeader => signed(values::submission_header()),
        Document::LogEntry => enclosed(values::log_entry()),
        Document::Head => signed(values::head()),
        Document::Refusal => signed(values::refusal()),
        Document::RoomState => vec![room_state().encode()],
        Document::PrivateState => vec![PrivateState::new(&mut rng(1), "Alster".into()).encode()],
        Document::Federation => vec![TestFederation::new().anchor.to_bytes().into()],
        Document::TrustList => vec![TestFederation::new().trust_list()],
        Document::AgencyDescriptor => vec![TestFederation::new().agencies[0].descriptor()],
        Document::DeviceCertificate => vec![person().certificate().clone()],
        Document::ChainLink => person().chain().to_vec(),
        Document::DeviceOffer => vec![person().new.offer(now()).into()],
        Document::EnrolmentRequest => enrolment_requests(),
        Document::Enrolment => vec![person().enrolment.to_bytes().into()],
        Document::MessageFrame => {
            content().iter().map(|said| Frame::new(said, [9; 16], seen).seal().unwrap()).collect()
        }
        Document::Text => body(0),
        Document::Reaction => body(1),
        Document::Attachment => body(2),
        Document::Edit => body(3),
        Document::Delete => body(4),
        Document::Receipts => body(5),
        Document::Location => body(6),
        Document::LinkRequest => vec![link_messages().0],
        Document::LinkReply => vec![link_messages().1],
        Document::LinkWelcome => vec![link_messages().2],
        Document::ChainChange => vec![changes().0],
        Document::UserRecord => vec![changes().1],
        Document::ChainFork => vec![changes().2],
        Document::LinkItem => several(values::link_item(), |item| item.bytes()),
    }
}

#[test]
fn every_kind_is_laid_out_and_damage_is_no_defect() {
    for &document in Document::ALL {
        for bytes in documents(document) {
            let layout = inspect(document, &bytes).unwrap_or_else(|e| panic!("{document:?}: {e}"));
            assert!(layout.starts_with(|c: char| c.is_ascii_uppercase()) && layout.ends_with('\n'));
            let mut bytes = bytes.to_vec();
            for at in 0..bytes.len().min(400) {
                bytes[at] ^= 1;
                assert_ne!(inspect(document, &bytes).map_err(|e| e.code()), Err(Code::Bug), "{document:?}");
                bytes[at] ^= 1;
            }
            assert!(inspect(document, &bytes[..bytes.len() - 1]).is_err(), "{document:?} cut short");
        }
    }
}

#[test]
fn a_layout_shows_no_content() {
    let layout = inspect(Document::Text, &content()[0].encode().1).unwrap();
    assert_eq!(layout, "Text: 11 bytes\n  body: 7 bytes\n  markdown: 1\n");
    let request_id = RequestId::from_bytes([0xaa; 16]);
    let done = ServerReply { request_id, body: ReplyBody::Done };
    let layout = inspect(Document::ServerReply, &encode(&done)).unwrap();
    assert_eq!(layout, "ServerReply: 20 bytes\n  request_id: 16 bytes\n  done: 0 bytes\n");
}

/// A seed is the document's place among the kinds, then its bytes.
#[test]
fn seeds_of_the_fuzzer_are_accepted() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/decode");
    for (kind, &document) in Document::ALL.iter().enumerate() {
        for (n, bytes) in documents(document).iter().enumerate() {
            let path = seeds.join(format!("{document:?}-{n}"));
            if std::env::var_os("VERBUND_WRITE_SEEDS").is_some() {
                fs::create_dir_all(&seeds).unwrap();
                fs::write(&path, [&[u8::try_from(kind).unwrap()][..], bytes].concat()).unwrap();
            }
            let seed = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let accepted = usize::from(seed[0]) == kind && inspect(document, &seed[1..]).is_ok();
            assert!(accepted, "{} is out of date: VERBUND_WRITE_SEEDS=1 cargo test inspect", path.display());
        }
    }
}

//! What messages demand of their fields (V-119): each rule broken once, by name.

use bytes::Bytes;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use prost::Message;

use super::values;
use crate::{
    code::{
        Code,
        Code::{BadField, BadName, TooLong},
    },
    limits,
    wire::{Wire, decode_body, device::*, encode_body, link::*, log::*, proto},
};

/// A message of which one thing after another is changed.
struct Changed<T>(T);

impl<T: Wire> Changed<T> {
    fn of(strategy: impl Strategy<Value = T>) -> Self {
        Changed(strategy.new_tree(&mut TestRunner::deterministic()).unwrap().current())
    }

    fn refused(self, fault: &str, code: Code, change: impl FnOnce(&mut T::Proto)) -> Self {
        assert!(decode_body::<T>(&encode_body(&self.0)).is_ok());
        let mut proto = self.0.to_proto();
        change(&mut proto);
        match decode_body::<T>(&proto.encode_to_vec().into()) {
            Ok(_) => panic!("{}: {fault} is accepted", T::NAME),
            Err(error) => assert_eq!(error.code(), code, "{}: {fault}: {error}", T::NAME),
        }
        self
    }
}

fn long(length: usize) -> Bytes {
    vec![1; length + 1].into()
}

/// A signed request that is no claim.
fn another_request() -> Bytes {
    let other = |r: &DeviceRequest| matches!(r.body, RequestBody::GetMaterial(_));
    let request = values::signed(values::device_request().prop_filter("another", other).boxed());
    request.new_tree(&mut TestRunner::deterministic()).unwrap().current().bytes().clone()
}

fn swap<T>(list: &mut [T]) {
    assert!(list.len() > 1);
    list.swap(0, 1);
}

fn twice<T: Clone>(list: &mut Vec<T>) {
    list.insert(0, list[0].clone());
}

#[test]
fn submission_header() {
    let of = |kind| values::submission_header().prop_filter("kind", move |h| h.kind == kind);
    let message = Changed::of(of(SubmissionKind::Message))
        .refused("no term", BadField, |p| p.term = 0)
        .refused("no counter", BadField, |p| p.counter = 0)
        .refused("unspecified kind", BadField, |p| p.kind = 0)
        .refused("unknown kind", BadField, |p| p.kind = 5)
        .refused("negative kind", BadField, |p| p.kind = -1)
        .refused("no room", BadName, |p| p.room = Bytes::new())
        .refused("long submission id", BadName, |p| p.submission_id = long(16))
        .refused("no such user", BadName, |p| p.user = "somebody".into())
        .refused("no device", BadName, |p| p.device = Bytes::new())
        .refused("no hash", BadName, |p| p.mls_hash = Bytes::new());
    for kind in [2, 4] {
        let proposal = kind == 2; // a message and a proposal have the same parts
        let kind = if proposal { proto::SubmissionKind::Proposal } else { proto::SubmissionKind::Message };
        let Changed(header) = &message;
        Changed(header.clone())
            .refused("group info", BadField, |p| {
                (p.kind, p.group_info_hash) = (kind.into(), p.mls_hash.clone())
            })
            .refused("welcome", BadField, |p| (p.kind, p.welcome_hash) = (kind.into(), p.mls_hash.clone()));
    }
    Changed::of(of(SubmissionKind::Create))
        .refused("a new room without group info", BadField, |p| p.group_info_hash.clear())
        .refused("a new room with a welcome", BadField, |p| p.welcome_hash = p.mls_hash.clone());
    Changed::of(of(SubmissionKind::Commit))
        .refused("a commit without group info", BadField, |p| p.group_info_hash.clear())
        .refused("short group info hash", BadName, |p| p.group_info_hash = long(30))
        .refused("short welcome hash", BadName, |p| p.welcome_hash = long(30));
}

#[test]
fn submission() {
    let full = |s: &Submission| s.group_info.is_some() && s.welcome.is_some();
    let of = |kind| values::submission().prop_filter("kind", move |s| s.header.claimed().kind == kind);
    let evidence = || proto::Evidence { document: Some(proto::evidence::Document::ChainLink(long(0))) };
    Changed::of(of(SubmissionKind::Commit).prop_filter("parts", full))
        .refused("no header", Code::UnknownVersion, |p| p.header.clear())
        .refused("long header", TooLong, |p| p.header = long(limits::SUBMISSION_HEADER))
        .refused("no commit", BadField, |p| p.mls.clear())
        .refused("long commit", TooLong, |p| p.mls = long(limits::MLS_MESSAGE))
        .refused("no group info", BadField, |p| p.group_info.clear())
        .refused("long group info", TooLong, |p| p.group_info = long(limits::GROUP_INFO))
        .refused("no welcome", BadField, |p| p.welcome.clear())
        .refused("long welcome", TooLong, |p| p.welcome = long(limits::MLS_MESSAGE))
        .refused("a tree", BadField, |p| p.ratchet_tree = long(0))
        .refused("too much evidence", TooLong, |p| p.evidence = vec![evidence(); limits::EVIDENCE + 1]);
    Changed::of(of(SubmissionKind::Create))
        .refused("an MLS message", BadField, |p| p.mls = long(0))
        .refused("no tree", BadField, |p| p.ratchet_tree.clear())
        .refused("long tree", TooLong, |p| p.ratchet_tree = long(limits::RATCHET_TREE));
    for kind in [SubmissionKind::Message, SubmissionKind::Proposal] {
        Changed::of(of(kind))
            .refused("group info", BadField, |p| p.group_info = long(0))
            .refused("welcome", BadField, |p| p.welcome = long(0))
            .refused("a tree", BadField, |p| p.ratchet_tree = long(0))
            .refused("evidence", BadField, |p| p.evidence = vec![evidence()]);
    }
}

#[test]
fn evidence() {
    use proto::evidence::Document::{ChainLink, Descriptor};
    Changed::of(values::evidence())
        .refused("nothing", BadField, |p| p.document = None)
        .refused("empty link", BadField, |p| p.document = Some(ChainLink(Bytes::new())))
        .refused("long link", TooLong, |p| p.document = Some(ChainLink(long(limits::CHAIN_LINK))))
        .refused("empty descriptor", BadField, |p| p.document = Some(Descriptor(Bytes::new())))
        .refused("long descriptor", TooLong, |p| p.document = Some(Descriptor(long(limits::DESCRIPTOR))));
}

#[test]
fn stamp() {
    let lists = |n| proto::RevocationVersion { agency: format!("a{n:03}.de"), version: 1 };
    Changed::of(values::stamp().prop_filter("two lists", |s| s.revocations.len() > 1))
        .refused("no trust list", BadField, |p| p.trust_version = 0)
        .refused("wrong order", BadField, |p| swap(&mut p.revocations))
        .refused("one agency twice", BadField, |p| twice(&mut p.revocations))
        .refused("no version", BadField, |p| p.revocations[0].version = 0)
        .refused("no such agency", BadName, |p| p.revocations[0].agency = "here".into())
        .refused("257 agencies", TooLong, |p| p.revocations = (0..257).map(lists).collect());
}

#[test]
fn log_entry() {
    let message = |e: &LogEntry| e.header.claimed().kind == SubmissionKind::Message;
    Changed::of(values::log_entry().prop_filter("a message", message).prop_filter("later", |e| e.seq > 1))
        .refused("no seq", BadField, |p| p.seq = 0)
        .refused("no term", BadField, |p| p.term = 0)
        .refused("no previous entry", BadField, |p| p.previous.clear())
        .refused("long previous hash", BadName, |p| p.previous = long(32))
        .refused("another room", BadField, |p| p.room = vec![0; 16].into())
        .refused("no stamp", BadField, |p| p.stamp = None)
        .refused("no header", Code::UnknownVersion, |p| p.header.clear())
        .refused("no MLS message", BadField, |p| p.mls.clear());
    Changed::of(values::log_entry().prop_filter("the first", |e| e.seq == 1)).refused(
        "previous entry",
        BadField,
        |p| p.previous = vec![1; 32].into(),
    );
    let creates = |e: &LogEntry| e.header.claimed().kind == SubmissionKind::Create;
    Changed::of(values::log_entry().prop_filter("a new room", creates)).refused(
        "an MLS message",
        BadField,
        |p| p.mls = long(0),
    );
    Changed::of(values::log_item())
        .refused("no entry", BadField, |p| p.entry.clear())
        .refused("long entry", TooLong, |p| p.entry = long(limits::LOG_ENTRY))
        .refused("empty evidence", BadField, |p| p.evidence = vec![proto::Evidence::default()]);
    Changed::of(values::room_material())
        .refused("no tree", BadField, |p| p.ratchet_tree.clear())
        .refused("long tree", TooLong, |p| p.ratchet_tree = long(limits::RATCHET_TREE))
        .refused("empty evidence", BadField, |p| p.evidence = vec![proto::Evidence::default()]);
}

#[test]
fn head_and_refusal() {
    Changed::of(values::head()).refused("no term", BadField, |p| p.term = 0).refused(
        "no seq",
        BadField,
        |p| p.seq = 0,
    );
    Changed::of(values::refusal())
        .refused("no code", BadField, |p| p.code = 0)
        .refused("code past 16 bits", BadField, |p| p.code = 65_536)
        .refused("no submission", BadName, |p| p.submission_id.clear())
        .refused("no user", BadName, |p| p.user.clear());
}

#[test]
fn blobs() {
    Changed::of(values::blob_info())
        .refused("no header", BadField, |p| p.header.clear())
        .refused("long header", TooLong, |p| p.header = long(limits::BLOB_HEADER))
        .refused("no chunk", BadField, |p| p.chunk_hashes.clear())
        .refused("half a hash", BadField, |p| p.chunk_hashes = long(32))
        .refused("65,537 chunks", BadField, |p| p.chunk_hashes = vec![0; 65_537 * 32].into())
        .refused("more than 1 TiB", TooLong, |p| p.padded = (1 << 40) + 1);
    Changed::of(values::blob_open())
        .refused("no blob", BadName, |p| p.blob.clear())
        .refused("no origin", BadName, |p| p.origin.clear())
        .refused("short capability", BadField, |p| p.capability = long(30));
    Changed::of(values::chunk_request())
        .refused("from itself", BadField, |p| p.to = p.from.clone())
        .refused("short capability", BadField, |p| p.capability = long(30))
        .refused("index past the last", BadField, |p| p.index = 65_536);
}

#[test]
fn claims() {
    Changed::of(values::claim().prop_filter("two users", |c| c.users.len() > 1))
        .refused("nobody", BadField, |p| p.users.clear())
        .refused("wrong order", BadField, |p| swap(&mut p.users))
        .refused("one user twice", BadField, |p| twice(&mut p.users))
        .refused("65 users", TooLong, |p| p.users = (0..65).map(|n| format!("a{n:02}@b.de")).collect())
        .refused("users of two agencies", BadField, |p| p.users.push("zzzzzzzzz@zz.zz".into()))
        .refused("no such user", BadName, |p| p.users[0] = "somebody".into());
    let users = |good: bool| {
        let fitting = move |a: &ClaimAnswer| a.users.len() > 1 && a.users[0].keys.is_ok() == good;
        values::claim_answer().prop_filter("users", fitting)
    };
    Changed::of(users(true))
        .refused("nobody", BadField, |p| p.users.clear())
        .refused("wrong order", BadField, |p| swap(&mut p.users))
        .refused("one user twice", BadField, |p| twice(&mut p.users))
        .refused("users of another agency", BadField, |p| p.agency = "elsewhere.example.org".into())
        .refused("long descriptor", TooLong, |p| p.descriptor = long(limits::DESCRIPTOR))
        .refused("keys and a code", BadField, |p| p.users[0].code = 1)
        .refused("no chain", BadField, |p| p.users[0].chain.clear())
        .refused("empty link", BadField, |p| p.users[0].chain[0].clear())
        .refused("long link", TooLong, |p| p.users[0].chain[0] = long(limits::CHAIN_LINK))
        .refused("1,033 links", TooLong, |p| p.users[0].chain = vec![long(0); 1_033])
        .refused("no package", BadField, |p| p.users[0].packages.clear())
        .refused("empty package", BadField, |p| p.users[0].packages[0].clear())
        .refused("long package", TooLong, |p| p.users[0].packages[0] = long(limits::KEY_PACKAGE))
        .refused("33 packages", TooLong, |p| p.users[0].packages = vec![long(0); 33])
        .refused("keys and advice", BadField, |p| p.users[0].retry_at = 1);
    Changed::of(users(false))
        .refused("neither keys nor code", BadField, |p| p.users[0].code = 0)
        .refused("code past 16 bits", BadField, |p| p.users[0].code = 65_536)
        .refused("a chain and a code", BadField, |p| p.users[0].chain = vec![long(0)])
        .refused("a package and a code", BadField, |p| p.users[0].packages = vec![long(0)]);
}

#[test]
fn requests() {
    use proto::device_request::Request;
    let request = || Changed::of(values::device_request());
    request()
        .refused("another agency", BadField, |p| p.agency = "elsewhere.example.org".into())
        .refused("no request id", BadName, |p| p.request_id.clear())
        .refused("nothing", BadField, |p| p.request = None);
    let blob_put = proto::BlobPut { blob: vec![1; 16].into(), index: 65_536 };
    let blob_get = proto::BlobGet {
        blob: vec![1; 16].into(),
        origin: "a.de".into(),
        capability: vec![1; 32].into(),
        index: 65_536,
        wrong: false,
    };
    let wanted = |indices: &[u64]| {
        let get = |index: &u64| proto::BlobGet { index: *index, ..blob_get.clone() };
        Some(Request::BlobsWanted(proto::BlobsWanted { blobs: indices.iter().map(get).collect() }))
    };
    request()
        .refused("nothing wanted", BadField, |p| p.request = wanted(&[]))
        .refused("65 wanted", TooLong, |p| p.request = wanted(&[0; 65]))
        .refused("wanted past the last chunk", BadField, |p| p.request = wanted(&[65_536]))
        .refused("one wanted twice", BadField, |p| p.request = wanted(&[0, 1]))
        .refused("nothing to forget", BadName, |p| {
            p.request = Some(Request::BlobForget(proto::BlobForget::default()));
        });
    let material = proto::GetMaterial { room: vec![1; 16].into(), seq: 0 };
    request()
        .refused("put past the last chunk", BadField, |p| p.request = Some(Request::BlobPut(blob_put)))
        .refused("get past the last chunk", BadField, |p| p.request = Some(Request::BlobGet(blob_get)))
        .refused("material of no entry", BadField, |p| p.request = Some(Request::GetMaterial(material)));
    let enrol = |certificate, chain| Some(Request::Enrol(proto::Enrol { certificate, chain }));
    request()
        .refused("no certificate", BadField, |p| p.request = enrol(Bytes::new(), vec![long(0)]))
        .refused("long certificate", TooLong, |p| p.request = enrol(long(limits::CERTIFICATE), vec![long(0)]))
        .refused("no chain", BadField, |p| p.request = enrol(long(0), vec![]));
    let knows = |links, identity: &[u8]| {
        let chain = Some(proto::KnownChain { identity: Bytes::copy_from_slice(identity), links });
        Some(Request::Sync(proto::Sync { chain, ..Default::default() }))
    };
    request()
        .refused("knows no link", BadField, |p| p.request = knows(0, &[1; 32]))
        .refused("knows 1,025 links", BadField, |p| p.request = knows(1_025, &[1; 32]))
        .refused("knows a chain of nobody", BadName, |p| p.request = knows(1, &[]));
    let publish =
        |packages, last_resort| Some(Request::Publish(proto::PublishKeyPackages { packages, last_resort }));
    let package = long(limits::KEY_PACKAGE);
    request()
        .refused("101 packages", TooLong, |p| p.request = publish(vec![long(0); 101], Bytes::new()))
        .refused("empty package", BadField, |p| p.request = publish(vec![Bytes::new()], Bytes::new()))
        .refused("long last resort", TooLong, |p| p.request = publish(vec![], package));
    Changed::of(values::device_message()).refused("nothing", BadField, |p| p.message = None);
}

#[test]
fn sync() {
    use proto::device_request::Request;
    let cursor = |n: u16| proto::Cursor {
        room: [&n.to_be_bytes()[..], &[0; 14]].concat().into(),
        seq: 1,
        ..Default::default()
    };
    let known = |n: u16| proto::KnownDescriptor { agency: format!("a{n:04}.de"), version: 1 };
    let request = |cursors, descriptors| {
        Some(Request::Sync(proto::Sync { cursors, descriptors, ..Default::default() }))
    };
    Changed::of(values::device_request())
        .refused("wrong order", BadField, |p| p.request = request(vec![cursor(2), cursor(1)], vec![]))
        .refused("one room twice", BadField, |p| p.request = request(vec![cursor(1), cursor(1)], vec![]))
        .refused("too many rooms", TooLong, |p| p.request = request((0..4_097).map(cursor).collect(), vec![]))
        .refused("wrong order", BadField, |p| p.request = request(vec![], vec![known(2), known(1)]))
        .refused("one agency twice", BadField, |p| p.request = request(vec![], vec![known(1), known(1)]))
        .refused("too many agencies", TooLong, |p| {
            p.request = request(vec![], (0..2_001).map(known).collect())
        })
        .refused("no version", BadField, |p| {
            p.request = request(vec![], vec![proto::KnownDescriptor { version: 0, ..known(1) }]);
        });
}

#[test]
fn deliveries() {
    let two = |d: &Delivery| d.rooms.len() > 1 && d.inbox.len() > 1;
    let item = || proto::LogItem { entry: long(0), evidence: vec![] };
    Changed::of(values::delivery().prop_filter("two of each", two))
        .refused("rooms in wrong order", BadField, |p| swap(&mut p.rooms))
        .refused("one room twice", BadField, |p| twice(&mut p.rooms))
        .refused("257 entries in a room", TooLong, |p| p.rooms[0].items = vec![item(); 257])
        .refused("257 entries in two rooms", TooLong, |p| {
            (p.rooms[0].items, p.rooms[1].items) = (vec![item(); 128], vec![item(); 129]);
        })
        .refused("head of another room", BadField, |p| p.rooms[0].head = p.rooms[1].head.clone())
        .refused("no head", Code::UnknownVersion, |p| p.rooms[0].head.clear())
        .refused("inbox in wrong order", BadField, |p| swap(&mut p.inbox))
        .refused("one number twice", BadField, |p| twice(&mut p.inbox))
        .refused("no number", BadField, |p| p.inbox[0].number = 0)
        .refused("nothing in the inbox", BadField, |p| p.inbox[0].item = None)
        .refused("long trust list", TooLong, |p| p.trust_list = long(limits::TRUST_LIST))
        .refused("empty descriptor", BadField, |p| p.descriptors = vec![Bytes::new()])
        .refused("2,001 descriptors", TooLong, |p| p.descriptors = vec![long(0); 2_001]);
    Changed::of(values::invitation())
        .refused("no entry", BadField, |p| p.entry.clear())
        .refused("long welcome", TooLong, |p| p.welcome = long(limits::MLS_MESSAGE))
        .refused("no head", Code::UnknownVersion, |p| p.head.clear());
    Changed::of(values::entrance().prop_filter("given", |e| e.outcome.is_ok()))
        .refused("no id", BadName, |p| p.entrance_id.clear())
        .refused("no room", BadName, |p| p.room.clear())
        .refused("no group info", BadField, |p| p.group_info.clear())
        .refused("long group info", TooLong, |p| p.group_info = long(limits::GROUP_INFO))
        .refused("no material", BadField, |p| p.material = None)
        .refused("given in spite of a code", BadField, |p| p.code = 401)
        .refused("given with advice", BadField, |p| p.retry_at = 1)
        .refused("code past 16 bits", BadField, |p| p.code = 65_536);
    let failure = |code| proto::server_reply::Reply::Failure(proto::Failure { code, retry_at: 0 });
    let states = |count| {
        let states = vec![proto::BlobState::default(); count];
        proto::server_reply::Reply::BlobStates(proto::BlobStates { states })
    };
    let chunk = proto::server_reply::Reply::BlobChunk(proto::BlobChunk { index: 65_536 });
    Changed::of(values::server_reply())
        .refused("nothing", BadField, |p| p.reply = None)
        .refused("failure without a code", BadField, |p| p.reply = Some(failure(0)))
        .refused("failure past 16 bits", BadField, |p| p.reply = Some(failure(65_536)))
        .refused("chunk past the last", BadField, |p| p.reply = Some(chunk))
        .refused("no states", BadField, |p| p.reply = Some(states(0)))
        .refused("65 states", TooLong, |p| p.reply = Some(states(65)));
    Changed::of(values::blob_state())
        .refused("past the last", BadField, |p| (p.present, p.chunks) = (2, 1))
        .refused("more than there can be", BadField, |p| p.chunks = 65_537)
        .refused("advice without a failure", BadField, |p| (p.code, p.retry_at) = (0, 1))
        .refused("code past 16 bits", BadField, |p| p.code = 65_536);
}

#[test]
fn frames() {
    Changed::of(values::link_frame().prop_filter("later", |f| f.number > 1))
        .refused("from itself", BadField, |p| p.to = p.from.clone())
        .refused("no number", BadField, |p| p.number = 0)
        .refused("no previous frame", BadField, |p| p.previous.clear())
        .refused("no life", BadName, |p| p.incarnation.clear())
        .refused("long descriptor", TooLong, |p| p.descriptor = long(limits::DESCRIPTOR))
        .refused("no item", BadField, |p| p.items.clear())
        .refused("257 items", TooLong, |p| p.items = vec![p.items[0].clone(); 257]);
    Changed::of(values::link_frame().prop_filter("the first", |f| f.number == 1))
        .refused("previous frame", BadField, |p| p.previous = vec![1; 32].into())
        .refused("no descriptor", BadField, |p| p.descriptor.clear());
    Changed::of(values::link_ack().prop_filter("some", |a| a.number > 0))
        .refused("from itself", BadField, |p| p.to = p.from.clone())
        .refused("hash of no frame", BadField, |p| p.number = 0)
        .refused("no hash", BadField, |p| p.hash.clear())
        .refused("no store", BadName, |p| p.store.clear());
    Changed::of(values::peer_message()).refused("nothing", BadField, |p| p.message = None);
    Changed::of(values::chunk_reply().prop_filter("given", |r| r.outcome.is_ok()))
        .refused("from itself", BadField, |p| p.to = p.from.clone())
        .refused("no attachment", BadName, |p| p.blob.clear())
        .refused("chunk past the last", BadField, |p| p.index = 65_536)
        .refused("no hash", BadField, |p| p.hash.clear())
        .refused("given in spite of a code", BadField, |p| p.code = 620)
        .refused("code past 16 bits", BadField, |p| p.code = 65_536);
    let none = Some(proto::link_item::Item::BlobForgotten(proto::BlobForgotten::default()));
    Changed::of(values::link_item()).refused("no attachment", BadName, |p| p.item = none);
}

#[test]
fn link_items() {
    let recipient = |n: u16| proto::Recipient { user: format!("a{n:05}@b.de"), device: vec![1; 16].into() };
    Changed::of(values::room_entries().prop_filter("two departures", |e| e.departures.len() > 1))
        .refused("wrong order", BadField, |p| swap(&mut p.departures))
        .refused("one departure twice", BadField, |p| twice(&mut p.departures))
        .refused("departure at no entry", BadField, |p| p.departures[0].seq = 0)
        .refused("head of another room", BadField, |p| p.room = vec![0; 16].into());
    let many = |w: &RoomWelcome| w.recipients.len() > 1 && w.material.is_some();
    Changed::of(values::room_welcome().prop_filter("two recipients", many))
        .refused("no invitation", BadField, |p| p.invitation = None)
        .refused("no material", BadField, |p| p.material = None)
        .refused("nobody", BadField, |p| p.recipients.clear())
        .refused("wrong order", BadField, |p| swap(&mut p.recipients))
        .refused("one device twice", BadField, |p| twice(&mut p.recipients))
        .refused("10,001 devices", TooLong, |p| p.recipients = (0..10_001).map(recipient).collect());
    let claim = |i: &LinkItem| matches!(i, LinkItem::Claim(_));
    let answer = |i: &LinkItem| matches!(i, LinkItem::ClaimAnswer(_));
    fn claim_of(item: &mut proto::LinkItem) -> &mut proto::LinkClaim {
        let Some(proto::link_item::Item::Claim(claim)) = &mut item.item else { panic!() };
        claim
    }
    Changed::of(values::link_item().prop_filter("claim", claim))
        .refused("no claim", BadField, |p| claim_of(p).request.clear())
        .refused("a long claim", TooLong, |p| claim_of(p).request = long(limits::CLAIM))
        .refused("another request", BadField, |p| claim_of(p).request = another_request())
        .refused("no certificate", BadField, |p| claim_of(p).certificate.clear())
        .refused("a long certificate", TooLong, |p| claim_of(p).certificate = long(limits::CERTIFICATE));
    Changed::of(values::link_item().prop_filter("answer", answer)).refused("no answer", BadField, |p| {
        let Some(proto::link_item::Item::ClaimAnswer(answer)) = &mut p.item else { panic!() };
        answer.answer = None;
    });
}

#[test]
fn look_ups() {
    let searches = |r: &RequestBody| matches!(r, RequestBody::LookUp(LookUp { query: Query::Users(_), .. }));
    let asks = |r: &RequestBody| matches!(r, RequestBody::LookUp(LookUp { query: Query::User(_), .. }));
    let of = |which: fn(&RequestBody) -> bool| {
        Changed::of(values::device_request().prop_filter("look-up", move |r| which(&r.body)))
    };
    fn look_up(request: &mut proto::DeviceRequest) -> &mut proto::LookUp {
        let Some(proto::device_request::Request::LookUp(look_up)) = &mut request.request else { panic!() };
        look_up
    }
    fn search(request: &mut proto::DeviceRequest) -> &mut proto::Search {
        let Some(proto::look_up::Query::Users(search)) = &mut look_up(request).query else { panic!() };
        search
    }
    of(asks)
        .refused("no query", BadField, |p| look_up(p).query = None)
        .refused("no agency", BadName, |p| look_up(p).agency.clear())
        .refused("a user of another agency", BadField, |p| look_up(p).agency = "elsewhere.example.org".into())
        .refused("no user", BadName, |p| look_up(p).query = Some(proto::look_up::Query::User("anna".into())));
    of(searches)
        .refused("two letters", BadField, |p| search(p).text = "ab".into())
        .refused("two letters and much else", BadField, |p| search(p).text = "a - . ! ? b".into())
        .refused("a long text", TooLong, |p| search(p).text = "a".repeat(limits::SEARCH_TEXT + 1))
        .refused("a long place", TooLong, |p| search(p).after = long(limits::SEARCH_PLACE));
    let rooms = |r: &RequestBody| matches!(r, RequestBody::LookUp(LookUp { query: Query::Rooms(_), .. }));
    fn listed(request: &mut proto::DeviceRequest) -> &mut proto::RoomSearch {
        let Some(proto::look_up::Query::Rooms(search)) = &mut look_up(request).query else { panic!() };
        search
    }
    of(rooms)
        .refused("a long text for rooms", TooLong, |p| listed(p).text = "a".repeat(limits::SEARCH_TEXT + 1))
        .refused("a long place among rooms", TooLong, |p| listed(p).after = long(limits::SEARCH_PLACE));
}

/// SPEC V-574, too
#[test]
fn directory_answers() {
    let good = |a: &DirectoryAnswer| {
        a.outcome.as_ref().is_ok_and(|page| !page.users.is_empty() && page.next.is_some())
    };
    Changed::of(values::directory_answer().prop_filter("users", good))
        .refused("no look-up", BadField, |p| p.look_up = None)
        .refused("short id", BadName, |p| p.look_up_id = long(14))
        .refused("users and a code", BadField, |p| (p.code, p.next) = (1, Bytes::new()))
        .refused("a place and a code", BadField, |p| (p.code, p.users) = (1, Vec::new()))
        .refused("users and advice", BadField, |p| p.retry_at = 1)
        .refused("a long place", TooLong, |p| p.next = long(limits::SEARCH_PLACE))
        .refused("33 users", TooLong, |p| p.users = vec![p.users[0].clone(); 33])
        .refused("a user of another agency", BadField, |p| p.users[0].user = "anna@elsewhere.org".into())
        .refused("no kind", BadField, |p| p.users[0].kind = 0)
        .refused("unknown kind", BadField, |p| p.users[0].kind = 5)
        .refused("a long name", TooLong, |p| p.users[0].name = "a".repeat(limits::DIRECTORY_NAME + 1))
        .refused("a long unit", TooLong, |p| p.users[0].unit = "a".repeat(limits::DIRECTORY_NAME + 1));
    let rooms = |a: &DirectoryAnswer| a.outcome.as_ref().is_ok_and(|page| !page.rooms.is_empty());
    let user = || proto::DirectoryUser { user: "anna@a.example".into(), kind: 1, ..Default::default() };
    Changed::of(values::directory_answer().prop_filter("rooms", rooms))
        .refused("rooms and a code", BadField, |p| (p.code, p.next) = (1, Bytes::new()))
        .refused("users instead of rooms", BadField, move |p| {
            p.look_up.as_mut().unwrap().agency = "a.example".into();
            p.users = vec![user()];
        })
        .refused("rooms instead of users", BadField, |p| {
            let look_up = p.look_up.as_mut().unwrap();
            look_up.query = Some(proto::look_up::Query::User(format!("anna@{}", look_up.agency)));
        })
        .refused("17 rooms", TooLong, |p| p.rooms = vec![p.rooms[0].clone(); 17])
        .refused("a short room id", BadName, |p| p.rooms[0].room = long(14))
        .refused("a room of no kind", BadField, |p| p.rooms[0].kind = 0)
        .refused("a direct room", BadField, |p| p.rooms[0].kind = 1)
        .refused("a room of unknown kind", BadField, |p| p.rooms[0].kind = 5)
        .refused("no listing", BadField, |p| p.rooms[0].listing = None)
        .refused("a room without a name", BadField, |p| p.rooms[0].listing.as_mut().unwrap().name.clear())
        .refused("a room with a long name", TooLong, |p| {
            p.rooms[0].listing.as_mut().unwrap().name = "a".repeat(limits::ROOM_NAME + 1);
        })
        .refused("a long summary", TooLong, |p| {
            p.rooms[0].listing.as_mut().unwrap().summary = "a".repeat(limits::LISTING_SUMMARY + 1);
        });
    Changed::of(values::directory_answer().prop_filter("refused", |a| a.outcome.is_err())).refused(
        "a code past 16 bits",
        BadField,
        |p| p.code = 65_536,
    );
}

#[test]
fn claim_records() {
    let two = |d: &Delivery| d.records.len() == 2;
    Changed::of(values::delivery().prop_filter("two records", two))
        .refused("number 0", BadField, |p| p.records[0].number = 0)
        .refused("a gap", BadField, |p| p.records[1].number += 1)
        .refused("one twice", BadField, |p| twice(&mut p.records))
        .refused("short reference", BadName, |p| p.records[0].package = long(30))
        .refused("no claim", BadField, |p| p.records[0].request.clear())
        .refused("a long claim", TooLong, |p| p.records[0].request = long(limits::CLAIM))
        .refused("another request", BadField, |p| p.records[0].request = another_request())
        .refused("no certificate", BadField, |p| p.records[0].certificate.clear())
        .refused("a long certificate", TooLong, |p| p.records[0].certificate = long(limits::CERTIFICATE))
        .refused("65 records", TooLong, |p| p.records = vec![p.records[0].clone(); 65]);
}

#[test]
fn link_blob_info() {
    let shared = |i: &LinkItem| matches!(i, LinkItem::BlobInfo(LinkBlobInfo { outcome: Ok(_), .. }));
    let refused = |i: &LinkItem| matches!(i, LinkItem::BlobInfo(LinkBlobInfo { outcome: Err(_), .. }));
    fn info(item: &mut proto::LinkItem) -> &mut proto::LinkBlobInfo {
        let Some(proto::link_item::Item::BlobInfo(info)) = &mut item.item else { panic!() };
        info
    }
    Changed::of(values::link_item().prop_filter("shared", shared))
        .refused("info and a code", BadField, |p| info(p).code = 1)
        .refused("no info", BadField, |p| info(p).info = None);
    Changed::of(values::link_item().prop_filter("refused", refused))
        .refused("neither info nor code", BadField, |p| info(p).code = 0)
        .refused("a code past 16 bits", BadField, |p| info(p).code = 65_536)
        .refused("a code and an expiry", BadField, |p| info(p).expires_at = 1);
}

/// SPEC V-111, V-536: as many items as have so many fields are read; of the rest each is by itself too much.
#[test]
fn items_with_too_many_fields_for_a_frame_are_not_read() {
    let descriptors = vec![Bytes::from_static(b"x"); limits::AGENCIES];
    let item = LinkItem::Documents(Documents { descriptors, ..Documents::default() }).bytes();
    let mut proto = Changed::of(values::link_frame()).0.to_proto();
    proto.items = vec![item.clone(); 100];
    let frame: LinkFrame = decode_body(&proto.encode_to_vec().into()).unwrap();
    assert_eq!(encode_body(&frame), Bytes::from(proto.encode_to_vec()));
    let unread = LinkItem::Unreadable(item, TooLong);
    let first = frame.items.iter().position(|item| *item == unread).unwrap();
    assert!((1..100).contains(&first) && first * limits::AGENCIES <= limits::FIELDS);
    // Documents of one byte are refused as such; what matters is that no more of them is read.
    assert!(frame.items[first..].iter().all(|item| *item == unread));
}

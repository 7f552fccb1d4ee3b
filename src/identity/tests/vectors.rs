//! `proto/vectors/signed_envelopes.json`: made here, and run from what stands in it alone.

use bytes::Bytes;
use serde_json::{Value, json};

use super::envelope_faults::{faults, link_faults};
use crate::{
    crypto::{Label, Quorum, SignedAs, VerifyKey, hash, sign, verify, verify_quorums},
    error::Result,
    identity::{
        AgencyDescriptor, ChainLink, DeviceCertificate, DeviceOffer, NewDevice, Roster, SigningKey,
        fixture::{TestDevice, TestFederation, agency, key, now, rng, user},
    },
    ids::{BlobId, Device, DeviceId, Hash, IncarnationId, RequestId, RoomId, SubmissionId},
    vectors::{check, hex, unhex},
    wire::{
        Reason, Signed, Wire, decode_body,
        device::{Claim, DeviceRequest, RequestBody, ShownCapability},
        encode_body,
        link::{ChunkReply, ChunkRequest, LinkAck, LinkClaim, LinkFrame, LinkItem},
        log::{Head, Refusal, SubmissionHeader, SubmissionKind},
    },
};

const ABOUT: &str = "Chapters Wire format, Cryptography and Identity of SPEC.md. Bytes are hexadecimal. `keys`: the \
    private keys behind these vectors. `envelopes`: one SignedEnvelope of each `message` that travels in one, with \
    the `label` under which it is signed, its `body`, the 51 bytes `signed`, and the public `key` under which it \
    holds, or `quorums` of keys with their thresholds, each of which it satisfies. `links`: ChainLinks, with the \
    hash of each entry and the user's identity. `faults`, `link_faults`: each has one fault, breaks the rule that \
    it names, and has to be refused with the code.";

#[test]
fn signed_envelopes() {
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let second = federation.further(&first, 2);
    let numbered = [1, 2, 3, 10, 11, 12].map(key);
    let [a, b, c, d, e, f] = &numbered;
    let keys = [a, b, c, d, e, f, first.new.key(), second.new.key()];
    let made = json!({
        "about": ABOUT,
        "keys": keys.map(key_vector),
        "envelopes": envelopes(&federation, &first),
        "links": links(&second, first.new.key()),
        "faults": faults(),
        "link_faults": link_faults(&second.chain()[1], first.new.key()),
    });
    check("signed_envelopes.json", &made);

    for vector in made["envelopes"].as_array().unwrap() {
        assert_eq!(open(vector), Ok(unhex(&vector["body"])), "{}", vector["message"]);
    }
    for vector in made["links"].as_array().unwrap() {
        let link = open_link(vector).unwrap();
        assert_eq!(hex(link.statement().hash().as_bytes()), vector["hash"]);
    }
    for fault in made["faults"].as_array().unwrap() {
        let code = open(fault).expect_err("a fault").code();
        assert_eq!(json!(code.number()), fault["code"], "{}", fault["fault"]);
    }
    for fault in made["link_faults"].as_array().unwrap() {
        let code = open_link(fault).map(drop).expect_err("a fault").code();
        assert_eq!(json!(code.number()), fault["code"], "{}", fault["fault"]);
    }
}

/// Decodes a vector's envelope and checks its signatures. Gives the body.
fn open(vector: &Value) -> Result<Vec<u8>> {
    match vector["message"].as_str().unwrap() {
        "TrustList" => open_as::<Roster>(vector),
        "AgencyDescriptor" => open_as::<AgencyDescriptor>(vector),
        "DeviceCertificate" => open_as::<DeviceCertificate>(vector),
        "DeviceOffer" => open_as::<DeviceOffer>(vector),
        "SubmissionHeader" => open_as::<SubmissionHeader>(vector),
        "Head" => open_as::<Head>(vector),
        "Refusal" => open_as::<Refusal>(vector),
        "DeviceRequest" => open_as::<DeviceRequest>(vector),
        "LinkFrame" => open_as::<LinkFrame>(vector),
        "LinkAck" => open_as::<LinkAck>(vector),
        "ChunkRequest" => open_as::<ChunkRequest>(vector),
        "ChunkReply" => open_as::<ChunkReply>(vector),
        other => panic!("{other}"),
    }
}

fn open_as<T: SignedAs>(vector: &Value) -> Result<Vec<u8>> {
    let signed = Signed::<T>::decode(&Bytes::from(unhex(&vector["envelope"])))?;
    let Some(quorums) = vector.get("quorums") else {
        return Ok(verify(signed, &VerifyKey::parse(&unhex(&vector["key"]))?)?.body().to_vec());
    };
    let quorums: Vec<(Vec<VerifyKey>, usize)> = quorums.as_array().unwrap().iter().map(quorum).collect();
    let quorums: Vec<_> =
        quorums.iter().map(|(keys, threshold)| Quorum { keys, threshold: *threshold }).collect();
    Ok(verify_quorums(signed, &quorums)?.body().to_vec())
}

fn quorum(vector: &Value) -> (Vec<VerifyKey>, usize) {
    let keys = vector["keys"].as_array().unwrap().iter().map(|key| VerifyKey::parse(&unhex(key)).unwrap());
    (keys.collect(), vector["threshold"].as_u64().unwrap().try_into().unwrap())
}

/// Decodes a link and checks its two signatures (V-249, V-251).
fn open_link(vector: &Value) -> Result<ChainLink> {
    let link: ChainLink = decode_body(&unhex(&vector["link"]).into())?;
    link.statement().verify(&VerifyKey::parse(&unhex(&vector["key"]))?)?;
    link.verify_countersignature(&VerifyKey::parse(&unhex(&vector["agency_key"]))?)?;
    Ok(link)
}

fn key_vector(key: &SigningKey) -> Value {
    let public = key.verify_key();
    json!({ "seed": hex(key.seed()), "public": hex(public.as_bytes()), "key_id": hex(public.id().as_bytes()) })
}

/// One document of each kind.
fn envelopes(federation: &TestFederation, anna: &TestDevice) -> Vec<Value> {
    let [agency, ..] = &federation.agencies;
    let offered = NewDevice::generate(user("anna@a.example"), &mut rng(2));
    let offer = offered.offer(now());
    let device = anna.new.key();
    let roots: Vec<_> = [1, 2, 3].map(|n| hex(key(n).verify_key().as_bytes())).into();
    let quorums = json!([{ "keys": roots, "threshold": 2 }]);
    let list = federation.trust_list();
    vec![
        vector::<Roster>("TrustList", &list, ("quorums", quorums)),
        vector::<AgencyDescriptor>("AgencyDescriptor", &agency.descriptor(), by(&agency.root)),
        vector::<DeviceCertificate>("DeviceCertificate", anna.certificate(), by(&agency.certificate)),
        vector::<DeviceOffer>("DeviceOffer", &offer.into(), by(offered.key())),
        made("SubmissionHeader", header(), device),
        made("DeviceRequest", request(), device),
        made("Head", head(), &agency.server),
        made("Refusal", refusal(), &agency.server),
        made("LinkFrame", frame(agency.descriptor(), anna), &agency.server),
        made("LinkAck", ack(agency.descriptor()), &agency.server),
        made("ChunkRequest", chunk_request(), &agency.server),
        made("ChunkReply", chunk_reply(), &agency.server),
    ]
}

fn made<T: SignedAs>(message: &str, value: T, key: &SigningKey) -> Value {
    vector::<T>(message, sign(value, &[key]).bytes(), by(key))
}

fn by(key: &SigningKey) -> (&'static str, Value) {
    ("key", json!(hex(key.verify_key().as_bytes())))
}

fn vector<T: SignedAs>(message: &str, envelope: &Bytes, (name, who): (&str, Value)) -> Value {
    let signed = Signed::<T>::decode(envelope).unwrap();
    let mut vector = json!({
        "message": message, "label": plain(T::LABEL), "body": hex(signed.body()),
        "signed": hex(signed_bytes(T::LABEL, signed.body())), "envelope": hex(envelope),
    });
    vector[name] = who;
    vector
}

/// Both links of a user with two devices.
fn links(second: &TestDevice, first: &SigningKey) -> Vec<Value> {
    let links = second.chain().iter().map(|bytes| {
        let link: ChainLink = decode_body(bytes).unwrap();
        let identity = (link.entry().n == 0).then(|| hex(link.statement().identity().as_bytes()));
        json!({
            "link": hex(bytes), "entry": hex(link.statement().body()), "key": hex(first.verify_key().as_bytes()),
            "agency_key": hex(key(11).verify_key().as_bytes()),
            "hash": hex(link.statement().hash().as_bytes()), "identity": identity,
        })
    });
    links.collect()
}

/// What Ed25519 signs for a body under a label.
pub(super) fn signed_bytes(label: Label, body: &[u8]) -> Vec<u8> {
    [&b"verbund 1 signature"[..], hash(label, &[&1u32.to_be_bytes(), body]).as_bytes()].concat()
}

pub(super) fn plain(label: Label) -> &'static str {
    label.as_str().strip_prefix("verbund 1 ").unwrap()
}

const ROOM: RoomId = RoomId::from_bytes([0xaa; 16]);

fn device() -> Device {
    Device { user: user("anna@a.example"), id: DeviceId::from_bytes([0xde; 16]) }
}

pub(super) fn head() -> Head {
    Head {
        room: ROOM,
        term: 1,
        seq: 2,
        hash: Hash::from_bytes([0x4a; 32]),
        at: now(),
        incarnation: IncarnationId::from_bytes([0x1c; 16]),
    }
}

pub(super) fn header() -> SubmissionHeader {
    SubmissionHeader {
        room: ROOM,
        term: 1,
        epoch: 3,
        submission_id: SubmissionId::from_bytes([0x5b; 16]),
        counter: 7,
        sender: device(),
        kind: SubmissionKind::Message,
        mls_hash: Hash::from_bytes([0x4a; 32]),
        group_info_hash: None,
        welcome_hash: None,
    }
}

pub(super) fn refusal() -> Refusal {
    Refusal {
        room: ROOM,
        submission_id: SubmissionId::from_bytes([0x5b; 16]),
        sender: device(),
        reason: Reason::from(crate::code::Code::WrongEpoch),
        seq: 2,
        retry_at: crate::time::Timestamp::ZERO,
    }
}

fn claim() -> Claim {
    Claim { users: vec![user("bob@b.example")], at: now() }
}

fn request() -> DeviceRequest {
    DeviceRequest {
        device: device(),
        agency: agency("a.example"),
        request_id: RequestId::from_bytes([0x4e; 16]),
        body: RequestBody::Claim(claim()),
    }
}

pub(super) fn frame(descriptor: Bytes, anna: &TestDevice) -> LinkFrame {
    let claim = sign(request(), &[anna.new.key()]).into_signed();
    let claim = LinkClaim::new(claim, anna.certificate().clone()).unwrap();
    LinkFrame {
        from: agency("a.example"),
        to: agency("b.example"),
        incarnation: IncarnationId::from_bytes([0x1c; 16]),
        number: 1,
        previous: None,
        at: now(),
        descriptor: Some(descriptor),
        items: vec![LinkItem::Claim(claim)],
    }
}

fn ack(descriptor: Bytes) -> LinkAck {
    LinkAck {
        from: agency("a.example"),
        to: agency("b.example"),
        incarnation: IncarnationId::from_bytes([0x1d; 16]),
        number: 4,
        hash: Some(Hash::from_bytes([0x4f; 32])),
        at: now(),
        descriptor,
        store: IncarnationId::from_bytes([0x1e; 16]),
    }
}

fn chunk_reply() -> ChunkReply {
    ChunkReply {
        from: agency("a.example"),
        to: agency("b.example"),
        blob: BlobId::from_bytes([0xb1; 16]),
        index: 3,
        asked_at: now(),
        outcome: Ok([0xc4; 32]),
    }
}

fn chunk_request() -> ChunkRequest {
    ChunkRequest {
        from: agency("a.example"),
        to: agency("b.example"),
        blob: BlobId::from_bytes([0xb1; 16]),
        capability: ShownCapability::from_bytes([0xca; 32].into()),
        index: 3,
        at: now(),
    }
}

/// The bare encoding of a document.
pub(super) fn body<T: Wire>(value: &T) -> Vec<u8> {
    encode_body(value).to_vec()
}

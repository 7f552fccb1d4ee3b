//! Envelopes with one fault each, as an attacker or a careless implementation makes them.

use bytes::Bytes;
use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
};
use ed25519_dalek::Signer;
use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use super::vectors::{body, frame, head, header, plain, refusal, signed_bytes};
use crate::{
    code::Code,
    crypto::{Label, SignedAs, VerifyKey, hash},
    identity::{
        Roster, SigningKey,
        fixture::{TestFederation, key, signed},
    },
    vectors::hex,
    wire::{
        Wire,
        link::LinkFrame,
        log::{Head, Refusal, SubmissionHeader},
        proto,
    },
};

const VERSION: [u8; 4] = [0, 0, 0, 1];

/// One broken envelope.
fn fault<T: SignedAs>(fault: &str, rule: &str, code: Code, message: &str, envelope: Vec<u8>) -> Value {
    json!({
        "fault": fault, "rule": rule, "code": code.number(), "message": message, "label": plain(T::LABEL),
        "key": hex(key(1).verify_key().as_bytes()), "envelope": hex(envelope),
    })
}

/// A broken head. Heads are all that most faults need: envelopes are the same for all documents.
fn of_head(name: &str, rule: &str, code: Code, envelope: Vec<u8>) -> Value {
    fault::<Head>(name, rule, code, "Head", envelope)
}

pub(super) fn faults() -> Vec<Value> {
    [bytes(), signatures(), signed_wrongly(), thresholds(), keys(), forged(), fields()].concat()
}

fn id(key: &SigningKey) -> Vec<u8> {
    key.verify_key().id().as_bytes().to_vec()
}

/// The signature over a body of version 1.
fn signature(key: &SigningKey, label: Label, body: &[u8]) -> Vec<u8> {
    key.sign(label, &[&VERSION, body]).as_bytes().to_vec()
}

fn envelope(version: u32, body: &[u8], signatures: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let one = |(key_id, signature): &(Vec<u8>, Vec<u8>)| proto::Signature {
        key_id: key_id.clone().into(),
        signature: signature.clone().into(),
    };
    let signatures = signatures.iter().map(one).collect();
    proto::SignedEnvelope { version, body: Bytes::copy_from_slice(body), signatures }.encode_to_vec()
}

/// A body signed as it should be.
fn resigned<T: SignedAs>(body: &[u8]) -> Vec<u8> {
    envelope(1, body, &[(id(&key(1)), signature(&key(1), T::LABEL, body))])
}

/// The good head with a signature in place of its own.
fn with_signature(signature: Vec<u8>) -> Vec<u8> {
    envelope(1, &body(&head()), &[(id(&key(1)), signature)])
}

/// What is wrong before anybody looks at a signature.
fn bytes() -> Vec<Value> {
    let body = body(&head());
    let good = resigned::<Head>(&body);
    // 08 01: the version; 12 and a length: the body; then the signature.
    let (version, rest) = good.split_at(2);
    let (body_field, signature_field) = rest.split_at(2 + body.len());
    let ten: Vec<_> = ordered((1..=10).map(|n| (id(&key(n)), signature(&key(n), Label::HEAD, &body))));
    let invalid_text = {
        let mut body = super::vectors::body(&refusal());
        let at = body.windows(4).position(|w| w == b"anna").unwrap();
        body[at] = 0xff;
        body
    };
    let with_unknown = [&body[..], &[0x78, 1]].concat();
    let with_default = [&super::vectors::body(&refusal())[..], &[0x38, 0]].concat();
    let versioned = |version: u32| {
        let signature = key(1).sign(Label::HEAD, &[&version.to_be_bytes(), &body]).as_bytes().to_vec();
        envelope(version, &body, &[(id(&key(1)), signature)])
    };
    vec![
        of_head("longer than its bound", "V-111", Code::TooLong, envelope(1, &body, &ten)),
        of_head("nothing", "V-114", Code::UnknownVersion, Vec::new()),
        of_head("the last byte cut off", "V-112", Code::Malformed, good[..good.len() - 1].to_vec()),
        of_head("a byte after the end", "V-112", Code::Malformed, [&good[..], &[0]].concat()),
        of_head("another wire type", "V-112", Code::Malformed, [&[0x0a, 1, 1], rest].concat()),
        of_head("a group", "V-112", Code::Malformed, [&good[..], &[0x23, 0x24]].concat()),
        fault::<Refusal>(
            "a text that is not UTF-8",
            "V-112",
            Code::Malformed,
            "Refusal",
            resigned::<Refusal>(&invalid_text),
        ),
        of_head("an unknown field", "V-113", Code::NotCanonical, [&good[..], &[0x20, 1]].concat()),
        of_head(
            "an unknown field in the signed body",
            "V-113",
            Code::NotCanonical,
            resigned::<Head>(&with_unknown),
        ),
        of_head(
            "fields in another order",
            "V-113",
            Code::NotCanonical,
            [body_field, version, signature_field].concat(),
        ),
        of_head("a field twice", "V-113", Code::NotCanonical, [version, &good].concat()),
        of_head("a number in too many bytes", "V-113", Code::NotCanonical, [&[8, 0x81, 0], rest].concat()),
        fault::<Refusal>(
            "a default value written out in the signed body",
            "V-113",
            Code::NotCanonical,
            "Refusal",
            resigned::<Refusal>(&with_default),
        ),
        of_head("version 2", "V-114", Code::UnknownVersion, versioned(2)),
        of_head("version 0", "V-114", Code::UnknownVersion, versioned(0)),
    ]
}

/// Number and order of signatures.
fn signatures() -> Vec<Value> {
    let body = body(&head());
    let by = |n: u8| (id(&key(n)), signature(&key(n), Label::HEAD, &body));
    let two = ordered([by(1), by(2)].into_iter());
    let reversed: Vec<_> = two.iter().rev().cloned().collect();
    let short_id = (id(&key(1))[1..].to_vec(), by(1).1);
    let short = (by(1).0, by(1).1[1..].to_vec());
    let list = self::body(&TestFederation::new().roster(1));
    let many: Vec<_> = ordered((1..=33).map(|n| (id(&key(n)), signature(&key(n), Label::TRUST_LIST, &list))));
    let mut crowded = threshold("33 signatures", "V-115", Code::TooLong, envelope(1, &list, &many));
    crowded["quorums"] = json!([roots(&[1, 2, 3])]);
    vec![
        of_head("no signature", "V-115", Code::BadField, envelope(1, &body, &[])),
        of_head("signatures in another order", "V-115", Code::BadField, envelope(1, &body, &reversed)),
        of_head("one key twice", "V-115", Code::BadField, envelope(1, &body, &[by(1), by(1)])),
        crowded,
        of_head("two signatures where one is wanted", "V-116", Code::BadField, envelope(1, &body, &two)),
        of_head("a key id of 31 bytes", "V-103", Code::BadName, envelope(1, &body, &[short_id])),
        of_head("a signature of 63 bytes", "V-119", Code::BadField, envelope(1, &body, &[short])),
    ]
}

/// Signatures that hold, of something else or of somebody else.
fn signed_wrongly() -> Vec<Value> {
    let body = body(&head());
    let bad = |name: &str, envelope| of_head(name, "V-117", Code::BadSignature, envelope);
    let own = |signature| with_signature(signature);
    let raw = |message: &[u8]| own(ed25519_dalek::SigningKey::from_bytes(&[1; 32]).sign(message).to_vec());
    let good = signature(&key(1), Label::HEAD, &body);
    let flipped = |at: usize| {
        let mut signature = good.clone();
        signature[at] ^= 1;
        own(signature)
    };
    let elsewhere = Head { seq: 3, ..head() };
    let exchanged = envelope(1, &self::body(&elsewhere), &[(id(&key(1)), good.clone())]);
    let domain = &b"verbund 1 signature"[..];
    let framed = |label: &str, parts: &[&[u8]]| {
        let mut framed = [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
        for part in parts {
            framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
            framed.extend_from_slice(part);
        }
        sha2::Sha256::digest(framed).to_vec()
    };
    let mls = "MLS 1.0 verbund 1 log head";
    let mls =
        [&[u8::try_from(mls.len()).unwrap()], mls.as_bytes(), &[u8::try_from(body.len()).unwrap()], &body];
    vec![
        bad("another key", envelope(1, &body, &[(id(&key(2)), signature(&key(2), Label::HEAD, &body))])),
        bad("another key under the wanted key id", own(signature(&key(2), Label::HEAD, &body))),
        bad("the wanted key under another key id", envelope(1, &body, &[(id(&key(2)), good.clone())])),
        bad("a flipped bit in R", flipped(0)),
        bad("a flipped bit in S", flipped(32)),
        bad("another body", exchanged),
        bad("another label", own(signature(&key(1), Label::REFUSAL, &body))),
        bad("the common beginning of labels left out", {
            raw(&[domain, &framed("log head", &[&VERSION, &body])].concat())
        }),
        bad("the version left out", own(key(1).sign(Label::HEAD, &[&body]).as_bytes().to_vec())),
        bad("the version of another envelope", {
            own(key(1).sign(Label::HEAD, &[&2u32.to_be_bytes(), &body]).as_bytes().to_vec())
        }),
        bad("the version little-endian", {
            own(key(1).sign(Label::HEAD, &[&1u32.to_le_bytes(), &body]).as_bytes().to_vec())
        }),
        bad("what is signed does not begin with `verbund 1 signature`", {
            raw(hash(Label::HEAD, &[&VERSION, &body]).as_bytes())
        }),
        bad("the body signed by itself", raw(&body)),
        bad("signed as MLS signs (RFC 9420, section 5.1.2)", raw(&mls.concat())),
    ]
}

fn roots(keys: &[u8]) -> Value {
    let keys: Vec<_> = keys.iter().map(|n| hex(key(*n).verify_key().as_bytes())).collect();
    json!({ "keys": keys, "threshold": 2 })
}

fn threshold(name: &str, rule: &str, code: Code, envelope: Vec<u8>) -> Value {
    let mut fault = fault::<Roster>(name, rule, code, "TrustList", envelope);
    fault.as_object_mut().unwrap().remove("key");
    fault["quorums"] = json!([roots(&[1, 2, 3])]);
    fault
}

fn thresholds() -> Vec<Value> {
    let roster = TestFederation::new().roster(1);
    let list = body(&roster);
    let by = |n: u8| (id(&key(n)), signature(&key(n), Label::TRUST_LIST, &list));
    let foreign = envelope(1, &list, &ordered([by(1), by(8), by(9)].into_iter()));
    let damaged = envelope(1, &list, &ordered([by(1), by(2), (by(3).0, vec![1; 64])].into_iter()));
    let mut second = threshold(
        "the second of two sets short",
        "V-118",
        Code::BelowThreshold,
        signed(&roster, &[1, 2]).into(),
    );
    second["quorums"] = json!([roots(&[1, 2, 3]), roots(&[2, 4, 5])]);
    vec![
        threshold("one signature too few", "V-118", Code::BelowThreshold, envelope(1, &list, &[by(1)])),
        threshold("signatures of keys that do not count", "V-118", Code::BelowThreshold, foreign),
        threshold("one too many, and it does not hold", "V-118", Code::BadSignature, damaged),
        second,
    ]
}

/// Public keys that nobody may have. The first is that of a signature which fits every message.
fn keys() -> Vec<Value> {
    let y = |low: u8, rest: u8, high: u8| {
        let mut bytes = [rest; 32];
        (bytes[0], bytes[31]) = (low, high);
        bytes.to_vec()
    };
    let for_all = [y(1, 0, 0), vec![0; 32]].concat();
    let bad = |name: &str, public: Vec<u8>| {
        let key_id = <&[u8; 32]>::try_from(&public[..]).map(|key| VerifyKey::id_of(key).as_bytes().to_vec());
        let key_id = key_id.unwrap_or_else(|_| id(&key(1)));
        let envelope = envelope(1, &body(&head()), &[(key_id, for_all.clone())]);
        let mut fault = of_head(name, "V-121", Code::BadKey, envelope);
        fault["key"] = json!(hex(public));
        fault
    };
    vec![
        bad("a key of order 1", y(1, 0, 0)),
        bad("a key of order 2", y(0xec, 0xff, 0x7f)),
        bad("a key of order 4", y(0, 0, 0)),
        bad("a key of order 8", EIGHT_TORSION[1].compress().to_bytes().to_vec()),
        bad("a key that is no point", y(2, 0, 0)),
        bad("a key whose y is not reduced", y(0xf0, 0xff, 0x7f)),
        bad("a key of 31 bytes", vec![3; 31]),
    ]
}

/// Signatures that looser verifiers take.
fn forged() -> Vec<Value> {
    let body = body(&head());
    let message = signed_bytes(Label::HEAD, &body);
    let secret = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let bad = |name: &str, signature| of_head(name, "V-122", Code::BadSignature, with_signature(signature));
    // R is r B and something of small order; S = r + H(R, A, M) a.
    let made = |r: Scalar, small: EdwardsPoint| {
        let point = (ED25519_BASEPOINT_POINT * r + small).compress().to_bytes();
        let public = secret.verifying_key();
        let challenge = Sha512::digest([&point[..], public.as_bytes(), &message].concat());
        let s = r + Scalar::from_bytes_mod_order_wide(&challenge.into()) * secret.to_scalar();
        [point, s.to_bytes()].concat()
    };
    // What makes them is right: with nothing of small order it makes a good signature.
    let good = ed25519_dalek::Signature::from_slice(&made(Scalar::from(5u8), EIGHT_TORSION[0])).unwrap();
    secret.verifying_key().verify_strict(&message, &good).unwrap();
    let unreduced = {
        // The group order L (RFC 8032 §5.1).
        let order = *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
        let mut signature = secret.sign(&message).to_vec();
        let mut carry = 0;
        for (s, l) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*s) + u16::from(l) + carry;
            (*s, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        signature
    };
    vec![
        bad("S not below the group order", unreduced),
        bad("R of order 1", made(Scalar::ZERO, EIGHT_TORSION[0])),
        bad("R of order 8", made(Scalar::ZERO, EIGHT_TORSION[1])),
        bad("the equation holds with the cofactor alone", made(Scalar::from(5u8), EIGHT_TORSION[1])),
    ]
}

/// Fields out of their bounds, under a good signature.
fn fields() -> Vec<Value> {
    fn changed<T: SignedAs>(value: &T, change: impl FnOnce(&mut T::Proto)) -> Vec<u8> {
        let mut proto = value.to_proto();
        change(&mut proto);
        resigned::<T>(&proto.encode_to_vec())
    }
    let of_head = |name: &str, rule: &str, code, change: fn(&mut proto::Head)| {
        of_head(name, rule, code, changed(&head(), change))
    };
    let of_header = |name: &str, rule: &str, code, change: fn(&mut proto::SubmissionHeader)| {
        fault::<SubmissionHeader>(name, rule, code, "SubmissionHeader", changed(&header(), change))
    };
    let of_frame = |name: &str, rule: &str, code, change: fn(&mut <LinkFrame as Wire>::Proto)| {
        let mut federation = TestFederation::new();
        let anna = federation.person("anna@a.example", 1);
        let frame = frame(federation.agencies[0].descriptor(), &anna);
        fault::<LinkFrame>(name, rule, code, "LinkFrame", changed(&frame, change))
    };
    vec![
        of_head("a room id of 15 bytes", "V-103", Code::BadName, |head| head.room.truncate(15)),
        of_head("place 0", "V-119", Code::BadField, |head| head.seq = 0),
        of_head("a hash left out", "V-103", Code::BadName, |head| head.hash.clear()),
        of_header("a user without an agency", "V-102", Code::BadName, |header| header.user = "anna".into()),
        of_header("a kind that is not said", "V-119", Code::BadField, |header| header.kind = 0),
        of_header("a kind that is not known", "V-119", Code::BadField, |header| header.kind = 9),
        of_header("a message with a Welcome", "V-119", Code::BadField, |header| {
            header.welcome_hash = vec![0x4a; 32].into();
        }),
        of_frame("an agency in capitals", "V-101", Code::BadName, |frame| frame.to = "B.EXAMPLE".into()),
        of_frame("a link to oneself", "V-119", Code::BadField, |frame| frame.to.clone_from(&frame.from)),
        of_frame("no items", "V-119", Code::BadField, |frame| frame.items.clear()),
        of_frame("too many items", "V-119", Code::TooLong, |frame| {
            frame.items = vec![frame.items[0].clone(); 257];
        }),
    ]
}

/// A link of a user chain with something exchanged.
pub(super) fn link_faults(link: &Bytes, signer: &SigningKey) -> Vec<Value> {
    let good = proto::ChainLink::decode(link.clone()).unwrap();
    let agency = key(11);
    let fault = |name: &str, rule: &str, code: Code, change: &dyn Fn(&mut proto::ChainLink)| {
        let mut link = good.clone();
        change(&mut link);
        json!({
            "fault": name, "rule": rule, "code": code.number(), "key": hex(signer.verify_key().as_bytes()),
            "agency_key": hex(agency.verify_key().as_bytes()), "link": hex(link.encode_to_vec()),
        })
    };
    let raw =
        |key: &SigningKey, label, parts: &[&[u8]]| Bytes::copy_from_slice(key.sign(label, parts).as_bytes());
    let by_user = |label| raw(signer, label, &[&VERSION, &good.entry]);
    let by_agency =
        |key: &SigningKey| raw(key, Label::CHAIN_COUNTERSIGN, &[&VERSION, &good.entry, &good.signature]);
    vec![
        fault("version 2", "V-241", Code::UnknownVersion, &|link| link.version = 2),
        fault("the agency signs in place of the user", "V-249", Code::BadSignature, &|link| {
            link.signature = raw(&agency, Label::CHAIN_ENTRY, &[&VERSION, &good.entry]);
            let parts: [&[u8]; 3] = [&VERSION, &good.entry, &link.signature];
            link.countersignature = raw(&agency, Label::CHAIN_COUNTERSIGN, &parts);
        }),
        fault("signed as a countersignature", "V-249", Code::BadSignature, &|link| {
            link.signature = by_user(Label::CHAIN_COUNTERSIGN);
        }),
        fault("the countersignature leaves out the signature", "V-251", Code::BadSignature, &|link| {
            link.countersignature = raw(&agency, Label::CHAIN_COUNTERSIGN, &[&VERSION, &good.entry]);
        }),
        fault("the user countersigns", "V-251", Code::BadSignature, &|link| {
            link.countersignature = by_agency(signer);
        }),
        fault("countersigned as an entry", "V-251", Code::BadSignature, &|link| {
            let parts: [&[u8]; 3] = [&VERSION, &good.entry, &good.signature];
            link.countersignature = raw(&agency, Label::CHAIN_ENTRY, &parts);
        }),
        fault("a signature of 63 bytes", "V-249", Code::BadSignature, &|link| link.signature.truncate(63)),
    ]
}

/// By key id, as they stand in an envelope.
fn ordered(signatures: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut signatures: Vec<_> = signatures.collect();
    signatures.sort();
    signatures
}

//! Logs with one fault each, as a bad hub, server or device makes them.

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};

use super::vectors::{Log, ROOM, anna, bob, head, head_bytes, hub, stamp, submit};
use crate::{
    code::Code,
    crypto::{Label, SigningKey, hash},
    ids::{Hash, RoomId},
    room::log::entry_hash,
    vectors::hex,
    wire::{
        Wire, encode, encode_body,
        log::{Evidence, Head, LogEntry, Stamp, Submission, SubmissionHeader, SubmissionKind},
        proto,
    },
};

fn fault(fault: &str, rule: &str, code: Code) -> Value {
    json!({ "fault": fault, "rule": rule, "code": code.number() })
}

/// Submissions whose parts, header or signer are not what they should be.
pub(super) fn submission_faults() -> Vec<Value> {
    use SubmissionKind::{Commit, Create, Message};
    let made = |name: &str, rule: &str, code, key: &SigningKey, submission: Vec<u8>| {
        let mut fault = fault(name, rule, code);
        fault["key"] = json!(hex(key.verify_key().as_bytes()));
        fault["submission"] = json!(hex(submission));
        fault
    };
    let changed = |name: &str, rule, code, kind, change: &dyn Fn(&mut Submission)| {
        let mut submission = submit(kind, &anna(), 3);
        change(&mut submission);
        made(name, rule, code, &anna(), encode_body(&submission).to_vec())
    };
    let flipped = |bytes: &Bytes| {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        Bytes::from(bytes)
    };
    // The header with one field changed, under a new signature.
    let headed = |kind, change: &dyn Fn(&mut proto::SubmissionHeader)| {
        let mut submission = submit(kind, &anna(), 3);
        let mut header = submission.header.claimed().to_proto();
        change(&mut header);
        let header = SubmissionHeader::parse(header).unwrap();
        submission.header = crate::crypto::sign(header, &[&anna()]).into_signed();
        encode_body(&submission).to_vec()
    };
    let other = |label| Bytes::copy_from_slice(hash(label, &[b"MLS message 3"]).as_bytes());
    let bad = Code::BadSubmission;
    vec![
        made("another device's signature", "V-401", Code::BadSignature, &anna(), {
            encode_body(&submit(Message, &bob(), 3)).to_vec()
        }),
        changed("a flipped bit in the signed header", "V-401", Code::BadSignature, Message, &|submission| {
            let signatures = submission.header.signatures().to_vec();
            let mut header = submission.header.claimed().clone();
            header.counter ^= 1;
            let body = encode_body(&header);
            submission.header = crate::wire::Signed::assemble(header, body, signatures);
        }),
        changed(
            "a flipped bit at the end of the MLS message, where its tag is",
            "V-402",
            bad,
            Commit,
            &|s| {
                s.mls = flipped(&s.mls);
            },
        ),
        changed("another Welcome", "V-402", bad, Commit, &|s| s.welcome = Some(Bytes::from("Welcome 4"))),
        changed("another GroupInfo", "V-402", bad, Create, &|s| {
            s.group_info = Some(Bytes::from("GroupInfo 4"));
        }),
        made("the MLS message hashed as a Welcome", "V-402", bad, &anna(), {
            headed(Message, &|header| header.mls_hash = other(Label::LOG_ITEM_WELCOME))
        }),
        made("the MLS message hashed without a label", "V-402", bad, &anna(), {
            use sha2::{Digest, Sha256};
            headed(Message, &|header| header.mls_hash = Sha256::digest(b"MLS message 3").to_vec().into())
        }),
        changed("the Welcome left out", "V-119", Code::BadField, Commit, &|s| s.welcome = None),
        changed("the GroupInfo left out", "V-119", Code::BadField, Commit, &|s| s.group_info = None),
        changed("a GroupInfo that the header does not name", "V-119", Code::BadField, Message, &|s| {
            s.group_info = Some(Bytes::from("GroupInfo 3"));
        }),
        changed("a new room without its tree", "V-119", Code::BadField, Create, &|s| s.ratchet_tree = None),
        changed("a new room with an MLS message", "V-119", Code::BadField, Create, &|s| {
            s.mls = Bytes::from("MLS message 3");
        }),
        changed("a message without an MLS message", "V-119", Code::BadField, Message, &|s| {
            s.mls = Bytes::new();
        }),
        changed("a message with evidence", "V-119", Code::BadField, Message, &|s| {
            s.evidence = vec![Evidence::ChainLink(Bytes::from("link"))];
        }),
    ]
}

/// Entries that do not follow the ones before them.
pub(super) fn entry_faults(log: &Log) -> Vec<Value> {
    let given = |name: &str, rule: &str, code, after: usize, entry: Vec<u8>| {
        let mut fault = fault(name, rule, code);
        fault["after"] = json!(after);
        fault["entry"] = json!(hex(entry));
        fault
    };
    // Entry 4 with something changed.
    let changed = |name: &str, rule, code, change: &dyn Fn(&mut LogEntry)| {
        let mut entry = log.at(4).chained.entry.clone();
        change(&mut entry);
        given(name, rule, code, 3, encode(&entry).to_vec())
    };
    let raw = |name: &str, code, change: &dyn Fn(&mut proto::LogEntry)| {
        let mut proto = log.at(4).chained.entry.to_proto();
        change(&mut proto);
        given(name, "V-119", code, 3, envelope(1, proto.encode_to_vec()))
    };
    let resubmitted = |kind, term: u64| {
        let mut header = submit(kind, &bob(), 4).header.claimed().clone();
        header.term = term;
        let signed = crate::crypto::sign(header, &[&bob()]).into_signed();
        LogEntry { header: signed, mls: submit(kind, &bob(), 4).mls, ..log.at(4).chained.entry.clone() }
    };
    let stamped = |name: &str, stamp: Stamp| {
        changed(name, "V-504", Code::BadStamp, &move |entry| entry.stamp = stamp.clone())
    };
    let bytes = |seq: usize| log.at(seq).chained.bytes.to_vec();
    let (broken, bad) = (Code::BrokenLog, Code::BadSubmission);
    let fourth = bytes(4);
    let first_is_no_create = {
        let submission = submit(SubmissionKind::Message, &anna(), 1);
        let entry =
            LogEntry { header: submission.header, mls: submission.mls, ..log.at(1).chained.entry.clone() };
        encode(&entry).to_vec()
    };
    vec![
        changed("another term", "V-501", broken, &|entry| entry.term = 2),
        given("another room", "V-501", broken, 3, elsewhere(log)),
        given("a gap", "V-502", broken, 2, fourth.clone()),
        given("two entries in each other's place", "V-502", broken, 3, bytes(5)),
        given("an entry again", "V-502", broken, 3, bytes(3)),
        given("the first entry again", "V-502", broken, 3, bytes(1)),
        given("a log that does not begin at its beginning", "V-502", broken, 0, bytes(2)),
        changed("the hash of another entry", "V-503", broken, &|entry| {
            entry.previous = Some(log.at(2).chained.hash);
        }),
        changed("the hash of the entry without its envelope", "V-503", broken, &|entry| {
            entry.previous = Some(entry_hash(&encode_body(&log.at(3).chained.entry)));
        }),
        stamped("a time that goes back", stamp(2_499, 2, &[("a.example", 5)])),
        stamped("a trust list that goes back", stamp(2_500, 1, &[("a.example", 5)])),
        stamped("a revocation list that goes back", stamp(2_500, 2, &[("a.example", 3)])),
        stamped("a revocation list that is no news", stamp(2_500, 2, &[("a.example", 5), ("b.example", 1)])),
        given("an agency that is gone from a commit's stamp", "V-504", Code::BadStamp, 2, {
            let stamp = stamp(2_500, 2, &[("b.example", 1)]);
            encode(&LogEntry { stamp, ..log.at(3).chained.entry.clone() }).to_vec()
        }),
        given("a header of another term", "V-505", bad, 3, {
            encode(&resubmitted(SubmissionKind::Proposal, 2)).to_vec()
        }),
        given(
            "a second beginning",
            "V-505",
            bad,
            3,
            encode(&resubmitted(SubmissionKind::Create, 1)).to_vec(),
        ),
        given("a beginning that is no CREATE", "V-505", bad, 0, first_is_no_create),
        changed("another MLS message than the header's", "V-505", bad, &|entry| {
            entry.mls = Bytes::from("MLS message 5");
        }),
        raw("a header for another room", Code::BadField, &|entry| entry.room = vec![0xbb; 16].into()),
        raw("no hash of the entry before", Code::BadField, &|entry| entry.previous.clear()),
        raw("trust list version 0", Code::BadField, &|entry| {
            entry.stamp.as_mut().unwrap().trust_version = 0;
        }),
        raw("no stamp", Code::BadField, &|entry| entry.stamp = None),
        raw("a revocation list named twice", Code::BadField, &|entry| {
            let named = &mut entry.stamp.as_mut().unwrap().revocations;
            named.push(named[0].clone());
        }),
        given("an unknown field", "V-113", Code::NotCanonical, 3, [&fourth[..], &[0x20, 1]].concat()),
        given("the last byte cut off", "V-112", Code::Malformed, 3, fourth[..fourth.len() - 1].to_vec()),
        given("version 2", "V-114", Code::UnknownVersion, 3, {
            envelope(2, encode_body(&log.at(4).chained.entry).to_vec())
        }),
    ]
}

/// A good entry 4 of another room.
fn elsewhere(log: &Log) -> Vec<u8> {
    let room = RoomId::from_bytes([0xbb; 16]);
    let mut header = log.at(4).submission.header.claimed().clone();
    header.room = room;
    let header = crate::crypto::sign(header, &[&bob()]).into_signed();
    encode(&LogEntry { room, header, ..log.at(4).chained.entry.clone() }).to_vec()
}

fn envelope(version: u32, body: Vec<u8>) -> Vec<u8> {
    proto::Envelope { version, body: body.into() }.encode_to_vec()
}

/// Heads that are not the hub's word for entry 4.
pub(super) fn head_faults(log: &Log) -> Vec<Value> {
    let given = |name: &str, rule: &str, code, envelope: Bytes| {
        let mut fault = fault(name, rule, code);
        fault["after"] = json!(4);
        fault["head"] = json!(hex(envelope));
        fault
    };
    let good = || head(&log.at(4).tail);
    let other = |name: &str, head: Head| given(name, "V-506", Code::BadHead, head_bytes(head, &hub()));
    let mut flipped = head_bytes(good(), &hub()).to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    vec![
        given("signed by another key", "V-506", Code::BadSignature, head_bytes(good(), &anna())),
        given("a flipped bit in the signature", "V-506", Code::BadSignature, flipped.into()),
        other("of another room", Head { room: RoomId::from_bytes([0xbb; 16]), ..good() }),
        other("of another term", Head { term: 2, ..good() }),
        other("of the entry before", head(&log.at(3).tail)),
        other("of the entry after", head(&log.at(5).tail)),
        other("from before the entry's stamp", {
            let at = log.at(4).tail.stamp.at.minus(core::time::Duration::from_millis(1));
            Head { at, ..good() }
        }),
        other("another hash", Head { hash: Hash::from_bytes([0x4a; 32]), ..good() }),
        given("place 0", "V-119", Code::BadField, {
            crate::crypto::sign(Head { seq: 0, room: ROOM, ..good() }, &[&hub()]).bytes().clone()
        }),
    ]
}

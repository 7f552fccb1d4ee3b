//! `proto/vectors/log_chain.json`: made here, and run from what stands in it alone.

use bytes::Bytes;
use serde_json::{Value, json};

use super::log_faults::{entry_faults, head_faults, submission_faults};
use crate::{
    crypto::{self, SigningKey, VerifyKey},
    error::Result,
    identity::fixture::{agency, key, user},
    ids::{Device, DeviceId, IncarnationId, RoomId, SubmissionId},
    room::{
        log::{Chained, Tail},
        submission::{self, Parts, Place},
    },
    time::Timestamp,
    vectors::{check, hex, unhex},
    wire::{
        Signed, decode_body, encode_body,
        log::{Head, RevocationVersion, Stamp, Submission, SubmissionKind},
    },
};

const ABOUT: &str = "Chapters Rooms and Log and links of SPEC.md. Bytes are hexadecimal. MLS messages, GroupInfo, Welcome and \
    tree are texts: no rule here reads them. `keys`: of two devices and of the hub's server. `log`: in order, \
    each submission (a bare Submission) with the public `key` of its device, the entry that it became (an \
    Envelope of a LogEntry), its hash, and the hub's signed head at it. `joiner`: a log that begins at the \
    entry of this place. `fork`: another entry for a place of the log, with its head; each is good by \
    itself, and the two heads together convict the hub. `faults`: each has one fault, breaks the rule that it \
    names, and has to be refused with the code: a `submission` under `key`; an `entry` after so many entries \
    of the log; a `head` under the hub's key at the last of so many entries.";

#[test]
fn log_chain() {
    let log = Log::made();
    let faults = [submission_faults(), entry_faults(&log), head_faults(&log)].concat();
    let made = json!({
        "about": ABOUT,
        "keys": { "anna": key_vector(&anna()), "bob": key_vector(&bob()), "hub": key_vector(&hub()) },
        "room": hex(ROOM.as_bytes()), "term": 1,
        "log": log.vectors(),
        "joiner": 3,
        "fork": fork(&log),
        "faults": faults,
    });
    check("log_chain.json", &made);

    let entries = made["log"].as_array().unwrap();
    let mut tail = Tail::begin(ROOM, 1);
    for (vector, at) in entries.iter().zip(1..) {
        take(vector).unwrap();
        tail = extend(&tail, vector).unwrap();
        assert_eq!((tail.seq, json!(hex(tail.hash.unwrap().as_bytes()))), (at, vector["hash"].clone()));
        confirm(&tail, vector).unwrap();
    }
    let [third, fourth] = [2, 3].map(|i| &entries[i]);
    let (joined, _) = Tail::at(&unhex(&third["entry"]).into()).unwrap();
    confirm(&extend(&joined, fourth).unwrap(), fourth).unwrap();

    convicted(entries, &made["fork"]);
    for fault in made["faults"].as_array().unwrap() {
        let after = || tail_after(entries, fault["after"].as_u64().unwrap());
        let result = match fault {
            _ if fault.get("submission").is_some() => take(fault),
            _ if fault.get("entry").is_some() => extend(&after(), fault).map(drop),
            _ => confirm(&after(), fault),
        };
        let code = result.expect_err("a fault").code();
        assert_eq!(json!(code.number()), fault["code"], "{}", fault["fault"]);
    }
}

/// The fork connects, and its head holds; but neither head is that of the other log.
fn convicted(entries: &[Value], fork: &Value) {
    let seq = fork["seq"].as_u64().unwrap();
    let before = tail_after(entries, seq - 1);
    let logged = &entries[usize::try_from(seq).unwrap() - 1];
    let [one, other] = [logged, fork].map(|vector| {
        let tail = extend(&before, vector).unwrap();
        confirm(&tail, vector).unwrap();
        tail
    });
    for (tail, vector) in [(&one, fork), (&other, logged)] {
        assert_eq!(confirm(tail, vector).unwrap_err().code(), crate::code::Code::BadHead);
    }
}

fn take(vector: &Value) -> Result<()> {
    let submission: Submission = decode_body(&unhex(&vector["submission"]).into())?;
    submission::verify(&submission, &public(vector))
}

fn extend(tail: &Tail, vector: &Value) -> Result<Tail> {
    tail.extend(&unhex(&vector["entry"]).into()).map(|(tail, _)| tail)
}

fn confirm(tail: &Tail, vector: &Value) -> Result<()> {
    let head = Signed::<Head>::decode(&unhex(&vector["head"]).into())?;
    tail.confirm(head, &hub().verify_key()).map(drop)
}

fn tail_after(entries: &[Value], after: u64) -> Tail {
    let entries = &entries[..usize::try_from(after).unwrap()];
    entries.iter().fold(Tail::begin(ROOM, 1), |tail, vector| extend(&tail, vector).unwrap())
}

fn public(vector: &Value) -> VerifyKey {
    VerifyKey::parse(&unhex(&vector["key"])).unwrap()
}

fn key_vector(key: &SigningKey) -> Value {
    let public = key.verify_key();
    json!({ "seed": hex(key.seed()), "public": hex(public.as_bytes()), "key_id": hex(public.id().as_bytes()) })
}

pub(super) const ROOM: RoomId = RoomId::from_bytes([0xaa; 16]);

pub(super) fn anna() -> SigningKey {
    key(1)
}

pub(super) fn bob() -> SigningKey {
    key(2)
}

pub(super) fn hub() -> SigningKey {
    key(12)
}

/// A log of a room's first five entries.
pub(super) struct Log(Vec<Logged>);

pub(super) struct Logged {
    pub(super) submission: Submission,
    pub(super) tail: Tail,
    pub(super) chained: Chained,
    key: SigningKey,
}

impl Log {
    pub(super) fn made() -> Self {
        use SubmissionKind::{Commit, Create, Message, Proposal};
        let plan = [
            (Create, anna(), stamp(1_000, 1, &[])),
            (Message, anna(), stamp(1_000, 1, &[("a.example", 4)])),
            (Commit, anna(), stamp(2_500, 2, &[("a.example", 4), ("b.example", 1)])),
            (Proposal, bob(), stamp(2_500, 2, &[("a.example", 5), ("b.example", 1)])),
            (Message, bob(), stamp(9_000, 3, &[("a.example", 5), ("b.example", 1), ("c.example", 7)])),
        ];
        let mut tail = Tail::begin(ROOM, 1);
        let mut log = Vec::new();
        for ((kind, key, stamp), counter) in plan.into_iter().zip(1..) {
            let submission = submit(kind, &key, counter);
            let (next, chained) = tail.append(&submission, stamp).unwrap();
            tail = next;
            log.push(Logged { submission, tail: tail.clone(), chained, key });
        }
        Log(log)
    }

    /// The entry of a place, from 1.
    pub(super) fn at(&self, seq: usize) -> &Logged {
        &self.0[seq - 1]
    }

    fn vectors(&self) -> Vec<Value> {
        let vector = |logged: &Logged| {
            json!({
                "submission": hex(encode_body(&logged.submission)),
                "key": hex(logged.key.verify_key().as_bytes()),
                "entry": hex(&logged.chained.bytes),
                "hash": hex(logged.chained.hash.as_bytes()),
                "head": hex(head_bytes(head(&logged.tail), &hub())),
            })
        };
        self.0.iter().map(vector).collect()
    }
}

/// Another entry 3, as a hub would show it to somebody else.
fn fork(log: &Log) -> Value {
    let submission = submit(SubmissionKind::Message, &bob(), 6);
    let (tail, chained) = log.at(2).tail.append(&submission, stamp(2_600, 2, &[("a.example", 4)])).unwrap();
    json!({
        "seq": 3, "entry": hex(&chained.bytes), "hash": hex(chained.hash.as_bytes()),
        "head": hex(head_bytes(head(&tail), &hub())),
    })
}

pub(super) fn stamp(at: u64, trust_version: u64, revocations: &[(&str, u64)]) -> Stamp {
    let revocation =
        |(name, version): &(&str, u64)| RevocationVersion { agency: agency(name), version: *version };
    Stamp {
        at: Timestamp::from_millis(1_800_000_000_000 + at),
        trust_version,
        revocations: revocations.iter().map(revocation).collect(),
    }
}

/// What a device submits; `counter` makes its id and text its own.
pub(super) fn submit(kind: SubmissionKind, key: &SigningKey, counter: u64) -> Submission {
    let (name, id) = if *key.seed() == *anna().seed() { ("anna@a.example", 1) } else { ("bob@b.example", 2) };
    let place = Place {
        room: ROOM,
        term: 1,
        epoch: counter.min(3) - 1,
        sender: Device { user: user(name), id: DeviceId::from_bytes([id; 16]) },
        counter,
        id: SubmissionId::from_bytes([u8::try_from(0x50 + counter).unwrap(); 16]),
    };
    submission::sign(place, kind, parts(kind, counter), key)
}

fn parts(kind: SubmissionKind, counter: u64) -> Parts {
    let text = |what: &str| Bytes::from(format!("{what} {counter}"));
    let creates = kind == SubmissionKind::Create;
    Parts {
        mls: if creates { Bytes::new() } else { text("MLS message") },
        group_info: (creates || kind == SubmissionKind::Commit).then(|| text("GroupInfo")),
        welcome: (kind == SubmissionKind::Commit).then(|| text("Welcome")),
        ratchet_tree: creates.then(|| text("ratchet tree")),
        evidence: Vec::new(),
    }
}

pub(super) fn head(tail: &Tail) -> Head {
    Head {
        room: tail.room,
        term: tail.term,
        seq: tail.seq,
        hash: tail.hash.unwrap(),
        at: tail.stamp.at,
        incarnation: IncarnationId::from_bytes([0x1c; 16]),
    }
}

pub(super) fn head_bytes(head: Head, key: &SigningKey) -> Bytes {
    crypto::sign(head, &[key]).bytes().clone()
}

//! Entries that do not connect, stamps that run backwards, heads that are of another log
//! (SPEC V-501 to V-506).

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};

use super::World;
use crate::{
    code::Code,
    crypto,
    error::Result,
    identity::fixture::key,
    ids::{AgencyId, Hash, IncarnationId, RoomId},
    room::{
        Policy,
        log::{Chained, Tail, entry_hash},
        member::Plan,
    },
    time::Timestamp,
    wire::{
        self, Signed,
        log::{Head, LogEntry, RevocationVersion, Stamp, Submission},
    },
};

/// A log of every kind of entry, and the tail after each.
fn log() -> (World, Vec<Tail>) {
    static LOG: LazyLock<(World, Vec<Tail>)> = LazyLock::new(made);
    LOG.clone()
}

fn made() -> (World, Vec<Tail>) {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    world.say("bert", "eins");
    let proposal = world.leaving("carl", "carl");
    world.done(&proposal);
    let commit = world.commit("anna", Plan::default());
    world.done(&commit);
    world.say("anna", "zwei");
    let mut tails = vec![Tail::begin(super::world::ROOM, 1)];
    for chained in &world.log {
        let (tail, again) = tails.last().unwrap().extend(&chained.bytes).unwrap();
        assert_eq!((&again.entry, again.hash), (&chained.entry, chained.hash));
        tails.push(tail);
    }
    assert_eq!(tails.len(), 7);
    (world, tails)
}

/// What `tail` says of an entry after a change to it.
fn changed(tail: &Tail, chained: &Chained, change: impl FnOnce(&mut LogEntry)) -> Result<()> {
    let mut entry = chained.entry.clone();
    change(&mut entry);
    tail.extend(&wire::encode(&entry)).map(drop)
}

#[track_caller]
fn refused(result: Result<()>, code: Code) {
    assert_eq!(result.map_err(|e| e.code()), Err(code));
}

/// SPEC V-501
#[test]
fn an_entry_of_another_room_or_term() {
    let (world, tails) = log();
    let (tail, next) = (&tails[2], &world.log[2]);
    assert!(changed(tail, next, |_| {}).is_ok());
    refused(changed(tail, next, |entry| entry.term = 2), Code::BrokenLog);
    let other = Tail { room: RoomId::from_bytes([1; 16]), ..tail.clone() };
    refused(other.extend(&next.bytes).map(drop), Code::BrokenLog);
    // Its header would be for another room than it; that is not even an entry.
    refused(changed(tail, next, |entry| entry.room = other.room), Code::BadField);
}

/// SPEC V-502
#[test]
fn an_entry_out_of_place() {
    let (world, tails) = log();
    for (at, tail) in tails.iter().enumerate() {
        for (place, chained) in world.log.iter().enumerate() {
            assert_eq!(tail.extend(&chained.bytes).is_ok(), at == place, "entry {place} after {at}");
        }
    }
    refused(changed(&tails[2], &world.log[2], |entry| entry.seq = 4), Code::BrokenLog);
    refused(changed(&tails[2], &world.log[2], |entry| entry.seq = 2), Code::BrokenLog);
    let full = Tail { seq: u64::MAX, ..tails[2].clone() };
    refused(changed(&full, &world.log[2], |entry| entry.seq = u64::MAX), Code::BrokenLog);
}

/// SPEC V-503
#[test]
fn an_entry_after_another_history() {
    let (world, tails) = log();
    let hash = Hash::from_bytes([7; 32]);
    refused(changed(&tails[2], &world.log[2], |entry| entry.previous = Some(hash)), Code::BrokenLog);
    refused(changed(&tails[2], &world.log[2], |entry| entry.previous = None), Code::BadField);
    refused(changed(&tails[0], &world.log[0], |entry| entry.previous = Some(hash)), Code::BadField);
    // The same entry, had the one before it been another.
    let other = Tail { hash: Some(hash), ..tails[2].clone() };
    refused(other.extend(&world.log[2].bytes).map(drop), Code::BrokenLog);
}

/// SPEC V-504
#[test]
fn a_stamp_that_runs_backwards() {
    let (world, tails) = log();
    let revocation =
        |agency: &str, version| RevocationVersion { agency: AgencyId::parse(agency).unwrap(), version };
    let before = Stamp {
        at: Timestamp::from_millis(1_000),
        trust_version: 5,
        revocations: vec![revocation("a.example", 3), revocation("c.example", 4)],
    };
    let tail = Tail { stamp: before.clone(), ..tails[1].clone() };
    let after = |change: &dyn Fn(&mut Stamp)| {
        let mut stamp = before.clone();
        change(&mut stamp);
        changed(&tail, &world.log[1], |entry| entry.stamp = stamp)
    };
    // It may stand still, and anything may grow.
    assert!(after(&|_| {}).is_ok());
    assert!(after(&|stamp| stamp.at = Timestamp::from_millis(1_001)).is_ok());
    assert!(after(&|stamp| stamp.trust_version = 6).is_ok());
    assert!(after(&|stamp| stamp.revocations[1].version = 5).is_ok());
    assert!(after(&|stamp| stamp.revocations.insert(1, revocation("b.example", 1))).is_ok());

    refused(after(&|stamp| stamp.at = Timestamp::from_millis(999)), Code::BadStamp);
    refused(after(&|stamp| stamp.trust_version = 4), Code::BadStamp);
    refused(after(&|stamp| stamp.revocations[0].version = 2), Code::BadStamp);
    refused(after(&|stamp| drop(stamp.revocations.remove(1))), Code::BadStamp);
    refused(after(&|stamp| stamp.revocations.clear()), Code::BadStamp);
    refused(
        after(&|stamp| stamp.revocations[0].agency = AgencyId::parse("0.example").unwrap()),
        Code::BadStamp,
    );
    // Not even stamps, by their bytes.
    refused(after(&|stamp| stamp.trust_version = 0), Code::BadField);
    refused(after(&|stamp| stamp.revocations[0].version = 0), Code::BadField);
    refused(after(&|stamp| stamp.revocations.reverse()), Code::BadField);
}

/// SPEC V-505
#[test]
fn an_entry_whose_header_is_of_something_else() {
    let (world, tails) = log();
    let (tail, next) = (&tails[2], &world.log[2]);
    let other = &world.log[3].entry;
    refused(changed(tail, next, |entry| entry.mls = other.mls.clone()), Code::BadSubmission);
    refused(changed(tail, next, |entry| entry.header = other.header.clone()), Code::BadSubmission);
    let mut header = next.entry.header.claimed().clone();
    header.term = 2;
    let header = crypto::sign(header, &[world.side("bert").device.new.key()]).into_signed();
    refused(changed(tail, next, |entry| entry.header = header), Code::BadSubmission);
}

/// SPEC V-505
#[test]
fn a_log_begins_with_the_room_and_only_there() {
    let (world, tails) = log();
    let create = &world.log[0].entry;
    let again = |entry: &mut LogEntry| {
        (entry.header, entry.mls) = (create.header.clone(), create.mls.clone());
    };
    refused(changed(&tails[2], &world.log[2], again), Code::BadSubmission);
    let message = &world.log[2].entry;
    let first = |entry: &mut LogEntry| {
        (entry.header, entry.mls) = (message.header.clone(), message.mls.clone());
    };
    refused(changed(&tails[0], &world.log[0], first), Code::BadSubmission);
}

#[test]
fn entries_that_are_not_ones() {
    let (world, tails) = log();
    let good = &world.log[2].bytes;
    let trailing = Bytes::from([&good[..], &[0]].concat());
    assert!(tails[2].extend(&trailing).is_err());
    assert!(tails[2].extend(&good.slice(..good.len() - 1)).is_err());
    let long = Bytes::from(vec![0; crate::limits::LOG_ENTRY + 1]);
    refused(tails[2].extend(&long).map(drop), Code::TooLong);
    refused(changed(&tails[2], &world.log[2], |entry| entry.mls = Bytes::new()), Code::BadField);
}

#[test]
fn a_hub_appends_only_what_connects() {
    let (mut world, tails) = log();
    let message = world.saying("anna", "drei");
    let tail = tails.last().unwrap();
    let earlier = Stamp { at: Timestamp::from_millis(1), ..world.stamp() };
    refused(tail.append(&message, earlier).map(drop), Code::BadStamp);
    let mut header = message.header.claimed().clone();
    header.term = 2;
    let header = crypto::sign(header, &[world.side("anna").device.new.key()]).into_signed();
    let other = Submission { header, ..message.clone() };
    refused(tail.append(&other, world.stamp()).map(drop), Code::BadSubmission);
    let exchanged = Submission { mls: Bytes::from_static(b"other"), ..message.clone() };
    refused(tail.append(&exchanged, world.stamp()).map(drop), Code::BadSubmission);
    let (after, chained) = tail.append(&message, world.stamp()).unwrap();
    assert_eq!((after.seq, after.hash), (tail.seq + 1, Some(entry_hash(&chained.bytes))));
    let full = Tail { seq: u64::MAX, ..tail.clone() };
    refused(full.append(&message, world.stamp()).map(drop), Code::BrokenLog);
}

/// A joiner begins at the entry that adds it.
#[test]
fn a_log_begun_in_the_middle() {
    let (world, tails) = log();
    for (place, chained) in world.log.iter().enumerate() {
        let (tail, _) = Tail::at(&chained.bytes).unwrap();
        assert_eq!(tail, tails[place + 1]);
    }
    let (tail, _) = Tail::at(&world.log[3].bytes).unwrap();
    assert!(tail.extend(&world.log[4].bytes).is_ok());
    let mut entry = world.log[3].entry.clone();
    entry.mls = world.log[2].entry.mls.clone();
    refused(Tail::at(&wire::encode(&entry)).map(drop), Code::BadSubmission);
    refused(Tail::at(&Bytes::from_static(b"x")).map(drop), Code::Malformed);
}

/// A head that the hub of agency a signs for a tail, after a change to it.
fn head(tail: &Tail, change: impl FnOnce(&mut Head)) -> Signed<Head> {
    let mut head = Head {
        room: tail.room,
        term: tail.term,
        seq: tail.seq,
        hash: tail.hash.unwrap(),
        at: tail.stamp.at,
        incarnation: IncarnationId::from_bytes([6; 16]),
    };
    change(&mut head);
    crypto::sign(head, &[&key(12)]).into_signed()
}

/// SPEC V-506
#[test]
fn heads_of_another_log_or_of_somebody_else() {
    let (_, tails) = log();
    let (tail, hub) = (tails.last().unwrap(), key(12).verify_key());
    assert_eq!(tail.confirm(head(tail, |_| {}), &hub).unwrap().seq, tail.seq);
    let said = |change: fn(&mut Head)| tail.confirm(head(tail, change), &hub).map(drop);
    refused(said(|head| head.room = RoomId::from_bytes([1; 16])), Code::BadHead);
    refused(said(|head| head.term = 2), Code::BadHead);
    refused(said(|head| head.seq += 1), Code::BadHead);
    refused(said(|head| head.seq -= 1), Code::BadHead);
    refused(said(|head| head.hash = Hash::from_bytes([0; 32])), Code::BadHead);
    refused(said(|head| head.at = head.at.minus(Duration::from_millis(1))), Code::BadHead);
    refused(tail.confirm(head(&tails[5], |_| {}), &hub).map(drop), Code::BadHead);
    refused(tail.confirm(head(tail, |_| {}), &key(22).verify_key()).map(drop), Code::BadSignature);
    // Nothing is vouched for before the first entry.
    let empty = Tail::begin(tail.room, 1);
    let claimed = Tail { hash: Some(Hash::from_bytes([0; 32])), seq: 1, ..empty.clone() };
    refused(empty.confirm(head(&claimed, |_| {}), &hub).map(drop), Code::BadHead);
}

proptest! {
    /// Whatever is changed anywhere in a log, it no longer connects or is not what the head says.
    #[test]
    fn any_bit_of_any_entry_matters(entry in any::<Index>(), place in any::<Index>(), bit in 0..8u8) {
        let (world, tails) = log();
        let changed = entry.index(world.log.len());
        let mut tail = tails[0].clone();
        let followed = world.log.iter().enumerate().try_for_each(|(n, chained)| {
            let mut bytes = chained.bytes.to_vec();
            if n == changed {
                let place = place.index(bytes.len());
                bytes[place] ^= 1 << bit;
            }
            tail = tail.extend(&bytes.into())?.0;
            Ok::<_, crate::error::Error>(())
        });
        let last = tails.last().unwrap();
        let confirmed = followed.and_then(|()| tail.confirm(head(last, |_| {}), &key(12).verify_key()));
        prop_assert!(confirmed.is_err());
    }

    #[test]
    fn any_bytes_are_an_entry_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let tail = Tail::begin(super::world::ROOM, 1);
        prop_assert!(tail.extend(&bytes.clone().into()).is_err());
        prop_assert!(Tail::at(&bytes.into()).is_err());
    }

    /// To follow is an order: what follows what follows, follows.
    #[test]
    fn stamps_are_ordered(a in stamp(), b in stamp(), c in stamp()) {
        let follows = |later: &Stamp, earlier: &Stamp| later.over(earlier, true).is_ok();
        prop_assert!(follows(&a, &a));
        if follows(&b, &a) && follows(&c, &b) {
            prop_assert!(follows(&c, &a));
        }
        if follows(&a, &b) && follows(&b, &a) {
            prop_assert_eq!(a, b);
        }
    }
}

fn stamp() -> impl Strategy<Value = Stamp> {
    let versions = proptest::collection::btree_map(0..3u8, 1..3u64, 0..3);
    (0..3u64, 1..3u64, versions).prop_map(|(at, trust_version, versions)| Stamp {
        at: Timestamp::from_millis(at),
        trust_version,
        revocations: versions
            .into_iter()
            .map(|(n, version)| RevocationVersion {
                agency: AgencyId::parse(&format!("{n}.example")).unwrap(),
                version,
            })
            .collect(),
    })
}

//! Users who begin anew, and histories that differ.

use super::*;
use crate::{
    identity::{
        ChainFork, Enrolment, NewDevice, RecoveryKey, SigningKey, UserChain, UserKind,
        fixture::{DAY, key, now, rng, user},
    },
    ids::Hash,
    store::Ctx,
};

/// What becomes of Anna when she loses everything, time after time: her enrolments, oldest first.
fn lives(federation: &mut TestFederation, count: u8) -> Vec<Enrolment> {
    let mut lives = vec![federation.person("anna@a.example", 1).enrolment];
    for n in 1..count {
        let before = chain_of(federation);
        let new = NewDevice::generate(user("anna@a.example"), &mut rng(100 + n));
        let recovery = vec![RecoveryKey::own(&SigningKey::generate(&mut rng(150 + n)).verify_key())];
        let request = new.begin_anew(&before, recovery, now()).unwrap();
        let a = &mut federation.agencies[0];
        let ctx = Ctx { now: now(), store: &a.store.clone(), rng: &mut rng(1) };
        let reset = a.registrar.reset(ctx, &request, core::time::Duration::from_secs(86_400)).unwrap();
        lives.push(reset.commit(&mut a.store).unwrap().value.enrolled.enrolment);
    }
    lives
}

fn chain_of(federation: &TestFederation) -> UserChain {
    read(&federation.agencies[0].store, |d| Directory.chain(d, &user("anna@a.example"))).unwrap().unwrap()
}

fn identity_of(federation: &TestFederation, life: &Enrolment) -> Hash {
    *life.verify(&federation.anchor, now()).unwrap().1.identity()
}

fn take(store: &mut MemoryStore, links: &[Bytes]) -> Result<NewLinks> {
    apply(store, |d| crate::identity::fixture::take_chain(d, links))
}

fn present(store: &MemoryStore) -> Option<Hash> {
    read(store, |d| Directory.identity(d, &user("anna@a.example"))).unwrap()
}

/// SPEC V-301, V-305
#[test]
fn a_user_begins_anew() {
    let mut federation = TestFederation::new();
    let lives = lives(&mut federation, 2);
    let [before, after] = [0, 1].map(|n| identity_of(&federation, &lives[n]));
    let mut store = federation.store();
    assert!(take(&mut store, &lives[0].chain).unwrap().resets.is_empty(), "first contact");
    let taken = take(&mut store, &lives[1].chain).unwrap();
    assert_eq!(taken.resets, [(user("anna@a.example"), before, after)]);
    assert_eq!(present(&store), Some(after));
    for links in [&lives[0].chain, &lives[1].chain] {
        let taken = take(&mut store, links).unwrap();
        assert!(!taken.news && taken.resets.is_empty() && taken.forks.is_empty(), "known already");
    }
    // Devices of before are judged by their own chain at a stamp, and count no more now (V-270).
    let old = &lives[0].certificate;
    let at_stamp =
        |certificate| read(&store, |d| Directory.view(d, &stamp(now(), 1, &[]))?.device(certificate));
    assert!(at_stamp(old).is_ok());
    assert!(at_stamp(&lives[1].certificate).is_ok());
    refused(read(&store, |d| Directory.verify_device(d, old)), Code::ReplacedIdentity);
    assert!(read(&store, |d| Directory.verify_device(d, &lives[1].certificate)).is_ok());
    let device = lives[0].verify(&federation.anchor, now()).unwrap().0.device().clone();
    refused(read(&store, |d| Directory.check_not_removed(d, &device)), Code::RemovedDevice);
}

/// SPEC V-302, V-304
#[test]
fn identities_are_placed_in_whatever_order_they_come() {
    let mut federation = TestFederation::new();
    let lives = lives(&mut federation, 3);
    let links: Vec<_> = lives.iter().map(|life| life.chain.clone()).collect();
    let newest = identity_of(&federation, &lives[2]);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut store = federation.store();
        let all: Vec<_> = order.iter().flat_map(|n| links[*n].clone()).collect();
        let taken = take(&mut store, &all).unwrap();
        assert!(taken.resets.is_empty() && taken.forks.is_empty(), "{order:?}");
        assert_eq!(present(&store), Some(newest), "{order:?}");
        for life in &lives {
            let verified =
                read(&store, |d| Directory.view(d, &stamp(now(), 1, &[]))?.device(&life.certificate));
            assert!(verified.is_ok(), "{order:?}");
        }
        // What tells of her to others: all of it here, for each chain has one link.
        let told = read(&store, |d| Directory.chain_bytes(d, &user("anna@a.example"))).unwrap();
        assert_eq!(told, links.concat());
    }
    // With the one between missing, nobody can say.
    let mut store = federation.store();
    take(&mut store, &links[0]).unwrap();
    refused(take(&mut store, &links[2]), Code::MissingEvidence);
    let mut store = federation.store();
    take(&mut store, &links[2]).unwrap();
    refused(take(&mut store, &links[0]), Code::MissingEvidence);
    take(&mut store, &links[1]).unwrap();
    assert!(take(&mut store, &links[0]).unwrap().resets.is_empty(), "older ones are no news of who she is");
    assert_eq!(present(&store), Some(newest));
}

/// SPEC V-301: only so many are kept.
#[test]
fn old_identities_are_forgotten() {
    let mut federation = TestFederation::new();
    let lives = lives(&mut federation, 10);
    let mut store = federation.store();
    for life in &lives {
        take(&mut store, &life.chain).unwrap();
    }
    let known = |life: &Enrolment| {
        read(&store, |d| Directory.view(d, &stamp(now(), 1, &[]))?.device(&life.certificate)).is_ok()
    };
    assert_eq!(lives.iter().map(known).collect::<Vec<_>>(), [[false; 2].as_slice(), &[true; 8]].concat());
    assert!(!take(&mut store.clone(), &lives[1].chain).unwrap().news, "and do not come back");
}

/// SPEC V-310, V-311, V-312
#[test]
fn two_histories_are_evidence() {
    let [mut federation, mut other] = [TestFederation::new(), TestFederation::new()];
    let phone = federation.person("anna@a.example", 1);
    let tablet = federation.further(&phone, 2);
    let same = other.person("anna@a.example", 1);
    let rival = other.further(&same, 3);
    let mut store = knowing(&federation, &[&tablet]);
    let taken = take(&mut store, &[rival.chain(), rival.chain()].concat()).unwrap();
    let [fork, ..] = &taken.forks[..] else { panic!("no fork") };
    assert!(!taken.news);
    assert_eq!((fork.user(), fork.n()), (phone.verified.user(), 1));
    assert_eq!(ChainFork::from_bytes(&fork.to_bytes()).as_ref(), Ok(fork));
    let list = crate::identity::TrustList::first(&federation.trust_list(), &federation.anchor).unwrap();
    let described = |number: usize, change: &dyn Fn(&mut crate::identity::AgencyDescriptor)| {
        let agency = &federation.agencies[number];
        let mut descriptor = agency.describe(1, now().minus(DAY));
        change(&mut descriptor);
        let bytes = Bytes::from(descriptor.sign(&agency.root).unwrap());
        crate::identity::Descriptor::verify(&bytes, list.agency(&agency.id).unwrap()).unwrap()
    };
    let own = described(0, &|_| {});
    let silent =
        described(0, &|descriptor| descriptor.keys.retain(|key| key.purpose != KeyPurpose::Certificate));
    let ended = described(0, &|descriptor| descriptor.keys[0].not_after = now());
    assert_eq!(fork.verify(std::slice::from_ref(&own)), Ok(()));
    refused(fork.verify(&[described(1, &|_| {})]), Code::MissingEvidence);
    // The first descriptor that lists the key decides.
    assert_eq!(fork.verify(&[silent.clone(), own]), Ok(()));
    refused(fork.verify(&[ended, silent]), Code::Expired);
    // One of the two with another countersignature.
    let links = [tablet.chain()[1].clone(), rival.chain()[1].clone()];
    let forged = |change: &dyn Fn(&mut crate::wire::proto::ChainLink)| {
        use prost::Message as _;
        let mut link = crate::wire::proto::ChainLink::decode(links[1].clone()).unwrap();
        change(&mut link);
        let read = |bytes: &Bytes| crate::wire::decode_body::<crate::identity::ChainLink>(bytes);
        let two = ChainFork::of(&read(&links[0])?, &read(&link.encode_to_vec().into())?)?;
        let list = crate::identity::TrustList::first(&federation.trust_list(), &federation.anchor)?;
        let a = &federation.agencies[0];
        two.verify(&[crate::identity::Descriptor::verify(&a.descriptor(), list.agency(&a.id)?)?])
    };
    assert_eq!(forged(&|_| {}), Ok(()));
    refused(forged(&|link| link.countersignature = vec![1; 64].into()), Code::BadSignature);
    let server = federation.agencies[0].server.verify_key().id();
    refused(forged(&|link| link.agency_key_id = server.as_bytes().to_vec().into()), Code::UnknownKey);
    // Links that are one, in the wrong order, or for two places.
    let parsed = |one: &Bytes, two: &Bytes| {
        let proto = crate::wire::proto::ChainFork { one: one.clone(), other: two.clone() };
        <ChainFork as crate::wire::Wire>::parse(proto).map(drop)
    };
    assert_ne!(parsed(&links[0], &links[1]).is_ok(), parsed(&links[1], &links[0]).is_ok());
    refused(parsed(&links[0], &links[0]), Code::BadField);
    let (zero, one) = (&phone.chain()[0], &links[0]);
    assert!(parsed(zero, one).is_err() && parsed(one, zero).is_err());

    // It is kept, one for each user, the first.
    for first in [true, false] {
        assert_eq!(apply(&mut store, |d| Directory.keep_fork(d, fork)), Ok(first));
    }
    assert_eq!(read(&store, |d| Directory.fork(d, fork.user())).unwrap().as_ref(), Some(fork));
    assert_eq!(read(&store, |d| Directory.fork(d, &user("bert@b.example"))).unwrap(), None);
}

/// SPEC V-310: two new beginnings in the place of one identity.
#[test]
fn two_new_beginnings_are_evidence() {
    let [mut federation, mut other] = [TestFederation::new(), TestFederation::new()];
    let lives = lives(&mut federation, 3);
    let mut store = federation.store();
    for life in &lives {
        take(&mut store, &life.chain).unwrap();
    }
    let first = other.person("anna@a.example", 1);
    let new = NewDevice::generate(user("anna@a.example"), &mut rng(9));
    let recovery = vec![RecoveryKey::own(&key(99).verify_key())];
    let request = new.begin_anew(&other.chain(&first), recovery, now()).unwrap();
    let a = &mut other.agencies[0];
    let ctx = Ctx { now: now(), store: &a.store.clone(), rng: &mut rng(1) };
    let day = core::time::Duration::from_secs(86_400);
    let reset = a.registrar.reset(ctx, &request, day).unwrap().commit(&mut a.store).unwrap().value;
    let taken = take(&mut store, &reset.enrolled.enrolment.chain).unwrap();
    assert_eq!((taken.forks.len(), taken.resets.len()), (1, 0));
    assert_eq!(taken.forks[0].n(), 0);
    let founded = reset.enrolled.device.kind();
    assert_eq!(founded, UserKind::Person);
}

/// SPEC V-309: what somebody lacks who has so much.
#[test]
fn what_comes_after() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let tablet = federation.further(&phone, 2);
    let store = knowing(&federation, &[&tablet]);
    let (identity, anna) = (*phone.verified.identity(), user("anna@a.example"));
    assert_eq!(read(&store, |d| Directory.chain_length(d, &anna)).unwrap(), Some((identity, 2)));
    assert_eq!(read(&store, |d| Directory.chain_length(d, &user("bert@b.example"))).unwrap(), None);
    let after = |known| read(&store, |d| Directory.chain_after(d, &anna, known)).unwrap();
    assert_eq!(after((identity, 1)), tablet.chain()[1..]);
    assert!(after((identity, 2)).is_empty() && after((identity, 9)).is_empty());
    assert_eq!(after((Hash::from_bytes([1; 32]), 1)), tablet.chain(), "another identity");
}

/// SPEC V-305: a link that nobody can place yet, or a bad one, does not hide what stands before it.
#[test]
fn a_new_beginning_is_told_whatever_comes_behind_it() {
    let mut federation = TestFederation::new();
    let lives = lives(&mut federation, 2);
    let [before, after] = [0, 1].map(|n| identity_of(&federation, &lives[n]));
    let carl = federation.person("carl@a.example", 7);
    let further = federation.further(&carl, 8);
    let [first, loose] = further.chain() else { panic!() };
    let mut forged = loose.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let behind = [
        (vec![loose.clone()], Code::MissingEvidence),
        (vec![first.clone(), forged.into()], Code::BadSignature),
    ];
    for (behind, code) in behind {
        let mut store = federation.store();
        take(&mut store, &lives[0].chain).unwrap();
        let links = [vec![lives[1].chain[0].clone()], behind].concat();
        let taken = apply(&mut store, |d| Directory.accept_chain(d, &links)).unwrap();
        assert_eq!(taken.resets, [(user("anna@a.example"), before, after)]);
        refused(taken.complete(), code);
        assert_eq!(present(&store), Some(after));
    }
}

/// What is wrong for good is said, and not that something else is missing.
#[test]
fn what_is_final_is_told_before_what_is_missing() {
    let mut federation = TestFederation::new();
    let carl = federation.person("carl@a.example", 7);
    let loose = federation.further(&carl, 8).chain()[1].clone();
    let mut forged = federation.person("dora@b.example", 9).chain()[0].to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut store = federation.store();
    let taken = apply(&mut store, |d| Directory.accept_chain(d, &[loose, forged.into()])).unwrap();
    refused(taken.complete(), Code::BadSignature);
}

/// SPEC V-301: a chain that was replaced goes on where it was known, for devices that are in rooms still.
#[test]
fn the_chain_of_before_is_continued() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let tablet = federation.further(&phone, 2);
    let new = NewDevice::generate(user("anna@a.example"), &mut rng(9));
    let recovery = vec![RecoveryKey::own(&key(99).verify_key())];
    let request = new.begin_anew(&chain_of(&federation), recovery, now()).unwrap();
    let a = &mut federation.agencies[0];
    let ctx = Ctx { now: now(), store: &a.store.clone(), rng: &mut rng(1) };
    let reset = a.registrar.reset(ctx, &request, DAY).unwrap().commit(&mut a.store).unwrap().value;
    let after = identity_of(&federation, &reset.enrolled.enrolment);

    let mut store = federation.store();
    take(&mut store, &tablet.chain()[..1]).unwrap();
    take(&mut store, &reset.enrolled.enrolment.chain).unwrap();
    let at_stamp = |store: &MemoryStore| verify(store, &tablet, now(), 1);
    refused(at_stamp(&store), Code::MissingEvidence);
    assert!(take(&mut store, &tablet.chain()[1..]).unwrap().news);
    assert!(at_stamp(&store).is_ok());
    assert_eq!(present(&store), Some(after));
}

/// A store that does not answer is no chain that is wrong.
#[test]
fn a_failure_of_the_store_is_not_passed_over() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let tablet = federation.further(&phone, 2);
    let store = knowing(&federation, &[&phone]);
    let chain = rows::chain(phone.verified.user(), phone.verified.identity());
    let mut partly = crate::store::Preloaded::default();
    for (key, row) in store.rows().filter(|(key, _)| !key.starts_with(&chain)) {
        partly.load(key.to_vec(), [(key.to_vec(), row.to_vec())]);
    }
    let ctx = Ctx { now: now(), store: &partly, rng: &mut rng(0) };
    refused(Directory.accept_chain(&mut Draft::new(ctx), tablet.chain()), Code::NotLoaded);
}

/// SPEC V-253
#[test]
fn what_comes_too_often_costs_no_reading() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let first = anna.chain()[0].clone();
    let mut store = federation.store();
    assert!(take(&mut store, &vec![first.clone(); 1_000]).unwrap().news);
    // The same entry under other signatures, which nobody looks at before there are too many.
    let other = |n: u8| {
        let mut link = first.to_vec();
        *link.last_mut().unwrap() ^= n;
        Bytes::from(link)
    };
    let many: Vec<_> = (0..17).map(other).collect();
    assert!(take(&mut store, &many[..16]).is_ok());
    refused(take(&mut store, &many), Code::TooLong);
    // A chain is one, however long it is.
    let last = (0..17).map(|n| federation.further(&anna, 50 + n)).last().unwrap();
    assert_eq!(last.chain().len(), 18);
    assert!(take(&mut store, last.chain()).unwrap().news);
}

//! Keys that were replaced because somebody has got hold of them: what they still can do.

use core::{slice::from_ref, time::Duration};

use super::*;
use crate::{
    crypto::SigningKey,
    identity::{
        AgencyDescriptor, EnrolmentRequest, KeyPurpose, NewDevice, OperationalKey, RecoveryKey,
        RevocationList, Roster,
        chain::{ChainLink, Op, Statement},
        fixture::{DAY, TestAgency, key, now, rng, signed, take_chain, user},
    },
    store::Store,
    time::Timestamp,
};

/// Agency a's root key is replaced a day from now; the thief has the former one.
fn replaced() -> (TestFederation, MemoryStore, SigningKey) {
    let federation = TestFederation::new();
    let mut store = federation.store();
    let next = key(60);
    let mut roster: Roster = federation.roster(2);
    roster.issued_at = now().plus(DAY);
    roster.agencies[0] = roster.agencies[0].clone().with_root(&next.verify_key());
    apply(&mut store, |d| Directory.accept_trust_list(d, &signed(&roster, &[1, 2]))).unwrap();
    (federation, store, next)
}

fn describe(store: &mut MemoryStore, descriptor: AgencyDescriptor, by: &SigningKey) -> Result<bool> {
    let bytes = descriptor.sign(by).unwrap().into();
    apply(store, |d| Directory.accept_descriptor(d, &bytes))
}

fn newest(store: &MemoryStore, a: &TestAgency) -> Option<u64> {
    read(store, |d| Directory.descriptor(d, &a.id)).unwrap().map(|newest| newest.version)
}

/// SPEC V-233, V-227, V-325: the former key says nothing of what comes, takes no places, and contradicts nobody.
#[test]
fn a_replaced_root_key() {
    let (federation, mut store, next) = replaced();
    let a = &federation.agencies[0];
    let after = now().plus(DAY);
    // Nothing describes the agency before the new key does.
    assert_eq!(newest(&store, a), None);
    refused(describe(&mut store, a.describe(2, after), &a.root), Code::UnknownKey);
    // With a time before the list it is taken, for old entries may need it.
    let mut silent = a.describe(u64::MAX, Timestamp::from_millis(after.as_millis() - 1));
    silent.versions = vec![9];
    let until = |days: u32| {
        let key = key(61).verify_key();
        OperationalKey::new(KeyPurpose::Server, key.as_bytes(), now(), now().plus(days * DAY))
    };
    silent.keys.push(until(10));
    assert!(describe(&mut store, silent, &a.root).unwrap());
    for version in 3..=limits::DESCRIPTORS_KEPT as u64 + 3 {
        describe(&mut store, a.describe(version, now()), &a.root).unwrap_or_default();
    }
    assert_eq!(newest(&store, a), None);
    let mut genuine = a.describe(1, after);
    genuine.keys.push(until(20));
    assert!(describe(&mut store, genuine, &next).unwrap());
    assert_eq!(newest(&store, a), Some(1));
    assert_eq!(read(&store, |d| Directory.check_version(d, &a.id, after)), Ok(()));
    let told = read(&store, |d| Directory.descriptor_versions(d)).unwrap();
    assert_eq!(told.iter().find(|(agency, _)| *agency == a.id), Some(&(a.id.clone(), 1)));
}

/// SPEC V-233: also if it was taken before the list came; what is from before the list stays for old entries.
#[test]
fn what_a_root_key_said_before_its_end_was_known() {
    let federation = TestFederation::new();
    let a = &federation.agencies[0];
    let mut store = federation.store();
    let after = now().plus(DAY);
    assert!(describe(&mut store, a.describe(7, after), &a.root).unwrap());
    assert!(describe(&mut store, a.describe(8, now()), &a.root).unwrap());
    let mut roster = federation.roster(2);
    roster.issued_at = after;
    roster.agencies[0] = roster.agencies[0].clone().with_root(&key(60).verify_key());
    apply(&mut store, |d| Directory.accept_trust_list(d, &signed(&roster, &[1, 2]))).unwrap();
    let kept = store.scan(&rows::descriptor_prefix(&a.id), None, 1_000).unwrap();
    let versions: Vec<_> =
        kept.iter().map(|(_, row)| Descriptor::from_store(row.clone()).unwrap().version).collect();
    assert_eq!(versions, [8, 1]);
    // The former key comes back: what it says counts again.
    let mut back = federation.roster(3);
    back.issued_at = after.plus(DAY);
    apply(&mut store, |d| Directory.accept_trust_list(d, &signed(&back, &[1, 2]))).unwrap();
    assert_eq!(newest(&store, a), Some(8));
    assert!(describe(&mut store, a.describe(9, after.plus(2 * DAY)), &a.root).unwrap());
}

/// A new beginning of anna's, which only the agency's certificate key has agreed to.
fn beginning_anew(federation: &mut TestFederation, by: &SigningKey) -> Bytes {
    let anna = federation.person("anna@a.example", 1);
    let new = NewDevice::generate(user("anna@a.example"), &mut rng(99));
    let recovery = vec![RecoveryKey::own(&key(98).verify_key())];
    let request = new.begin_anew(&federation.chain(&anna), recovery, now()).unwrap();
    let request = EnrolmentRequest::from_bytes(&request).unwrap();
    let statement: &Statement = request.statement();
    crate::wire::encode_body(&ChainLink::countersign(statement.clone(), by))
}

/// SPEC V-251: with a certificate key that the agency has dropped nobody begins a user anew, takes a device
/// off a chain, or makes evidence against the agency; what a user has signed stays what it is.
#[test]
fn a_certificate_key_that_was_dropped() {
    let mut federation = TestFederation::new();
    let stolen = SigningKey::from_seed(&federation.agencies[0].certificate.seed());
    let anna = federation.person("anna@a.example", 1);
    let reset = beginning_anew(&mut federation, &stolen);
    let chain = federation.chain(&anna);
    let removal = chain.next(Op::RemoveDevice { device: anna.verified.device().id }, now()).unwrap();
    let removal = ChainLink::countersign(Statement::sign(removal, &stolen).unwrap(), &stolen);
    let removal = crate::wire::encode_body(&removal);
    let mut other = TestFederation::new();
    let rival = other.person("anna@a.example", 9).chain()[0].clone();

    let a = &federation.agencies[0];
    let mut store = federation.store();
    apply(&mut store, |d| take_chain(d, anna.chain())).unwrap();
    // While the key is listed it does all of that, in the open.
    let mut trusting = store.clone();
    assert_eq!(apply(&mut trusting, |d| take_chain(d, from_ref(&reset))).unwrap().resets.len(), 1);
    assert!(apply(&mut store.clone(), |d| take_chain(d, from_ref(&removal))).unwrap().news);
    assert_eq!(apply(&mut store.clone(), |d| take_chain(d, from_ref(&rival))).unwrap().forks.len(), 1);

    let mut without = a.describe(2, now());
    without.keys.retain(|key| key.purpose() != KeyPurpose::Certificate);
    assert!(describe(&mut store, without, &a.root).unwrap());
    for link in [reset, removal, rival] {
        refused(apply(&mut store, |d| take_chain(d, from_ref(&link))), Code::MissingEvidence);
    }
    let mut fresh = store.clone();
    let ben = federation.person("ben@a.example", 2);
    assert!(apply(&mut fresh, |d| take_chain(d, ben.chain())).unwrap().news, "with the user's own word");
}

/// SPEC V-290, V-234: whoever has the revocation key makes no list after which there can be none.
#[test]
fn a_revocation_key() {
    let federation = TestFederation::new();
    let a = &federation.agencies[0];
    let mut store = federation.store();
    let mut descriptor = a.describe(2, now().minus(DAY));
    let (from, until) = (now().minus(DAY), now().plus(100 * DAY));
    let own = key(70).verify_key();
    descriptor.keys.push(OperationalKey::new(KeyPurpose::Revocation, own.as_bytes(), from, until));
    assert!(describe(&mut store, descriptor, &a.root).unwrap());
    let mut take = |list: &RevocationList| {
        let bytes = list.sign(&key(70))?.into();
        apply(&mut store, |d| Directory.accept_revocations(d, &bytes)).map(|new| new.is_some())
    };
    let mut last = RevocationList::first(a.id.clone(), now());
    last.version = u64::MAX;
    refused(take(&last), Code::BadField);
    last.version = now().as_millis() + 1;
    refused(take(&last), Code::BadField);
    let late = now().plus(limits::REVOCATION_AHEAD);
    refused(take(&RevocationList::first(a.id.clone(), late.plus(Duration::from_millis(1)))), Code::BadStamp);
    let mut far = RevocationList::first(a.id.clone(), late);
    far.version = late.as_millis();
    assert!(take(&far).unwrap());
    // There is room for the next one, as soon as its time has come.
    let next = far.next(late.plus(Duration::from_millis(1)), &[]);
    assert!(next.sign(&key(70)).is_ok());
    refused(take(&next), Code::BadStamp);
}

//! Revocation lists, and what verifies under them.

use super::*;
use crate::{
    crypto::{self, SigningKey},
    identity::{
        KeyPurpose, OperationalKey, RevocationList,
        fixture::{DAY, TestAgency, agency, apply_at, key, now, user},
    },
    ids::{Device, DeviceId},
};

const HOUR: core::time::Duration = core::time::Duration::from_secs(3_600);

fn revocation_key() -> SigningKey {
    key(50)
}

/// The agency's next descriptor, with keys for revocation beside the others.
fn describes(a: &TestAgency, version: u64, keys: &[(u8, Timestamp, Timestamp)]) -> Bytes {
    let mut descriptor = a.describe(version, now().minus(DAY));
    for (seed, from, until) in keys {
        let public = key(*seed).verify_key();
        let key = OperationalKey::new(KeyPurpose::Revocation, public.as_bytes(), *from, *until);
        descriptor.keys.push(key);
    }
    descriptor.sign(&a.root).unwrap().into()
}

/// Anna's phone at agency a, which has a revocation key.
fn world() -> (TestFederation, TestDevice, MemoryStore) {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let mut store = knowing(&federation, &[&anna]);
    let keys = [(50, now().minus(DAY), now().plus(500 * DAY))];
    let descriptor = describes(&federation.agencies[0], 2, &keys);
    apply(&mut store, |d| Directory.accept_descriptor(d, &descriptor)).unwrap();
    (federation, anna, store)
}

fn first() -> RevocationList {
    RevocationList::first(agency("a.example"), now())
}

/// The list after `list` that revokes a device.
fn revoking(list: &RevocationList, device: &Device, serial: u64) -> RevocationList {
    list.next(list.issued_at.plus(HOUR), &[(device.user.clone(), Some(device.id), serial)])
}

/// A list signed whatever it says.
fn forced(list: &RevocationList, by: &SigningKey) -> Bytes {
    crypto::sign(list.clone(), &[by]).bytes().clone()
}

fn accept(store: &mut MemoryStore, list: &RevocationList) -> Result<Option<NewRevocations>> {
    // Whenever it comes: as soon as it is made.
    apply_at(store, now().max(list.issued_at), |d| {
        Directory.accept_revocations(d, &forced(list, &revocation_key()))
    })
}

fn verify_at(store: &MemoryStore, device: &TestDevice, lists: &[(&str, u64)]) -> Result<()> {
    let stamp = stamp(now(), 1, lists);
    read(store, |d| Directory.view(d, &stamp)?.device(device.certificate())).map(drop)
}

/// SPEC V-297
#[test]
fn revoked_at_stamp() {
    let (_, anna, mut store) = world();
    let phone = anna.verified.device();
    let (one, other) = (first(), Device { id: DeviceId::from_bytes([9; 16]), ..phone.clone() });
    let two = revoking(&one, &other, 7);
    let three = revoking(&two, phone, anna.verified.serial());
    accept(&mut store, &one).unwrap();
    refused(verify_at(&store, &anna, &[("a.example", 3)]), Code::MissingEvidence);
    let new = accept(&mut store, &three).unwrap().unwrap();
    assert_eq!((new.agency, new.revoked.len()), (agency("a.example"), 2));
    assert_eq!(new.revoked[0].since() + new.revoked[1].since(), 5);
    // The newest list tells what each before it said.
    for named in [&[][..], &[("a.example", 1)], &[("a.example", 2)], &[("b.example", 9)]] {
        verify_at(&store, &anna, named).unwrap();
    }
    refused(verify_at(&store, &anna, &[("a.example", 3)]), Code::Revoked);
    refused(verify_at(&store, &anna, &[("a.example", 4)]), Code::MissingEvidence);
    // Whoever sends goes by the newest.
    refused(read(&store, |d| Directory.verify_device(d, anna.certificate())), Code::Revoked);
    let claims = crate::identity::read_certificate(anna.certificate()).unwrap();
    let current = |d: &Draft<'_>| Directory.check_current(&Directory.newest(d)?, &claims);
    refused(read(&store, current), Code::Revoked);
    let known = read(&store, |d| Directory.revocation_versions(d)).unwrap();
    assert_eq!(known, [(agency("a.example"), 3)]);
}

#[test]
fn a_user_or_a_device_up_to_a_serial() {
    for (device, serial, revoked) in
        [(None, 1, true), (None, 0, false), (Some(0), 1, true), (Some(0), 0, false), (Some(9), 5, false)]
    {
        let (_, anna, mut store) = world();
        let phone = anna.verified.device();
        let id = device.map(|n: u8| if n == 0 { phone.id } else { DeviceId::from_bytes([n; 16]) });
        // Serials count from 1; the registrar's next certificate is not revoked.
        let serial = serial + anna.verified.serial() - 1;
        if serial == 0 {
            let zero = first().next(now(), &[(phone.user.clone(), id, 0)]);
            refused(accept(&mut store, &zero), Code::BadField);
            continue;
        }
        accept(&mut store, &first().next(now(), &[(phone.user.clone(), id, serial)])).unwrap();
        assert_eq!(verify_at(&store, &anna, &[("a.example", 2)]).is_err(), revoked);
    }
}

/// SPEC V-290, V-291, V-292
#[test]
fn lists_that_are_none() {
    let (_, anna, mut store) = world();
    let phone = anna.verified.device();
    let mut changed = |change: &dyn Fn(&mut RevocationList)| {
        let mut list = revoking(&revoking(&first(), phone, 1), phone, 2);
        change(&mut list);
        accept(&mut store, &list).map(|new| new.is_some())
    };
    let bad: [&dyn Fn(&mut RevocationList); 10] = [
        &|l| l.version = 0,
        &|l| l.revoked.reverse(),
        &|l| l.revoked.push(l.revoked[1].clone()),
        &|l| l.revoked[0].since = 0,
        &|l| l.revoked[1].since = 4,
        &|l| l.revoked[1].serial = 0,
        &|l| l.revoked[1].at = l.issued_at.plus(HOUR),
        &|l| l.next_update = l.issued_at,
        &|l| l.next_update = l.issued_at.minus(HOUR),
        &|l| l.next_update = l.issued_at.plus(DAY).plus(core::time::Duration::from_millis(1)),
    ];
    for change in bad {
        assert_eq!(changed(change).map_err(|e| e.code()), Err(Code::BadField));
    }
    let foreign = changed(&|l| l.revoked[1].user = user("zoe@b.example"));
    assert_eq!(foreign.map_err(|e| e.code()), Err(Code::ForeignAgencyUser));
    assert_eq!(changed(&|_| {}), Ok(true));
}

/// SPEC V-293
#[test]
fn signed_by_another_key() {
    let (mut federation, anna, mut store) = world();
    let list = revoking(&first(), anna.verified.device(), 1);
    let a = &federation.agencies[0];
    let (from, until) = (now().minus(DAY), now().plus(DAY));
    let keys =
        [(50, from, now().plus(500 * DAY)), (51, from.minus(DAY), now()), (52, until, until.plus(DAY))];
    let descriptor = describes(a, 3, &keys);
    apply(&mut store, |d| Directory.accept_descriptor(d, &descriptor)).unwrap();
    let by = |key: &SigningKey| {
        let result = apply_at(&mut store.clone(), list.issued_at, |d| {
            Directory.accept_revocations(d, &forced(&list, key))
        });
        result.map(|new| new.is_some()).map_err(|e| e.code())
    };
    assert_eq!(by(&a.certificate), Err(Code::UnknownKey));
    assert_eq!(by(&a.server), Err(Code::UnknownKey));
    assert_eq!(by(&key(51)), Err(Code::Expired));
    assert_eq!(by(&key(52)), Err(Code::Expired));
    assert_eq!(by(&federation.agencies[1].certificate), Err(Code::MissingEvidence));
    assert_eq!(by(&revocation_key()), Ok(true));
    // By a descriptor that was not valid when the list was made.
    let late =
        RevocationList { issued_at: now().plus(40 * DAY), next_update: now().plus(41 * DAY), ..first() };
    refused(accept(&mut store, &late), Code::MissingEvidence);
    // Or one that had just ended.
    let made = |at: Timestamp| RevocationList { issued_at: at, next_update: at.plus(HOUR), ..first() };
    let ends = now().plus(29 * DAY);
    refused(accept(&mut store.clone(), &made(ends)), Code::MissingEvidence);
    let last = Timestamp::from_millis(ends.as_millis() - 1);
    assert!(accept(&mut store.clone(), &made(last)).unwrap().is_some());
    // By a later descriptor that lists the key still: whoever comes later is given no other.
    let mut later = federation.agencies[0].describe(9, now().plus(DAY));
    let public = key(50).verify_key();
    let (purpose, until) = (KeyPurpose::Revocation, now().plus(500 * DAY));
    later.keys.push(OperationalKey::new(purpose, public.as_bytes(), from, until));
    let later: Bytes = later.sign(&federation.agencies[0].root).unwrap().into();
    let mut latecomer = federation.store();
    refused(accept(&mut latecomer, &list), Code::MissingEvidence);
    apply(&mut latecomer, |d| Directory.accept_descriptor(d, &later)).unwrap();
    assert!(accept(&mut latecomer, &list).unwrap().is_some());
    // Somebody else's words under the key's name.
    let mut signed = forced(&list, &revocation_key()).to_vec();
    let last = signed.len() - 1;
    signed[last] ^= 1;
    let bad =
        apply_at(&mut store, list.issued_at, |d| Directory.accept_revocations(d, &signed.clone().into()));
    refused(bad, Code::BadSignature);
    // No trust list has a say: the entries of a log decide, whoever reads them when.
    let mut roster = federation.roster(2);
    roster.agencies.remove(0);
    let without = crate::identity::fixture::signed(&roster, &[1, 2]);
    apply(&mut store, |d| Directory.accept_trust_list(d, &without)).unwrap();
    assert!(accept(&mut store, &list).unwrap().is_some());
    federation.agencies[0].root = key(60);
}

/// SPEC V-294
#[test]
fn rolled_back() {
    let (_, anna, mut store) = world();
    let two = revoking(&first(), anna.verified.device(), 1);
    accept(&mut store, &two).unwrap();
    refused(accept(&mut store, &first()), Code::RolledBack);
    assert!(accept(&mut store, &two).unwrap().is_none(), "the same again");
    let earlier =
        RevocationList { version: 3, issued_at: now(), next_update: now().plus(DAY), ..two.clone() };
    refused(accept(&mut store, &earlier), Code::BadField);
    let mut earlier = two.next(two.issued_at, &[]);
    earlier.revoked[0].at = now();
    (earlier.issued_at, earlier.next_update) = (now(), now().plus(DAY));
    refused(accept(&mut store, &earlier), Code::RolledBack);
    assert!(accept(&mut store, &two.next(two.issued_at, &[])).unwrap().unwrap().revoked.is_empty());
}

/// SPEC V-295
#[test]
fn two_lists_with_one_version() {
    let (_, anna, mut store) = world();
    accept(&mut store, &revoking(&first(), anna.verified.device(), 1)).unwrap();
    refused(accept(&mut store, &first().next(now().plus(HOUR), &[])), Code::Equivocation);
}

/// SPEC V-296
#[test]
fn what_was_said_stays() {
    let (_, anna, mut store) = world();
    let phone = anna.verified.device();
    let two = revoking(&first(), phone, 3);
    accept(&mut store, &two).unwrap();
    let three = two.next(two.issued_at.plus(HOUR), &[(user("bea@a.example"), None, 9)]);
    let changed = |change: &dyn Fn(&mut RevocationList)| {
        let mut list = three.clone();
        change(&mut list);
        accept(&mut store.clone(), &list).map(|new| new.is_some()).map_err(|e| e.code())
    };
    // Left out; for fewer certificates; said to have been so before; another time.
    assert_eq!(changed(&|l| drop(l.revoked.remove(0))), Err(Code::Unrevoked));
    assert_eq!(changed(&|l| l.revoked[0].serial = 2), Err(Code::Unrevoked));
    assert_eq!(changed(&|l| l.revoked[1].since = 2), Err(Code::Unrevoked));
    assert_eq!(changed(&|l| l.revoked[0].since = 3), Err(Code::Unrevoked));
    assert_eq!(changed(&|l| l.revoked[0].at = now()), Err(Code::Unrevoked));
    assert_eq!(changed(&|_| {}), Ok(true));

    // It may go once no certificate from before can be valid, and not a moment sooner.
    let gone = |at: Timestamp| {
        let mut list = RevocationList { revoked: Vec::new(), ..two.next(at, &[]) };
        list.issued_at = at;
        let keys = [(50, now().minus(DAY), now().plus(500 * DAY))];
        let mut store = store.clone();
        let (federation, ..) = world();
        let mut descriptor = federation.agencies[0].describe(9, at.minus(DAY));
        let public = key(50).verify_key();
        let (from, until) = (keys[0].1, keys[0].2);
        descriptor.keys.push(OperationalKey::new(KeyPurpose::Revocation, public.as_bytes(), from, until));
        let bytes = descriptor.sign(&federation.agencies[0].root).unwrap().into();
        apply(&mut store, |d| Directory.accept_descriptor(d, &bytes)).unwrap();
        accept(&mut store, &list).map(drop).map_err(|e| e.code())
    };
    let over = two.issued_at.plus(limits::CERTIFICATE_LIFETIME);
    assert_eq!(gone(over.minus(HOUR)), Err(Code::Unrevoked));
    assert_eq!(gone(over), Ok(()));
    assert!(two.next(over, &[]).revoked().is_empty(), "the agency leaves it out by itself");
}

/// SPEC V-298
#[test]
fn stale_lists() {
    let (federation, _, mut store) = world();
    let fresh = |store: &MemoryStore, name: &str, at| {
        read(store, |d| Directory.check_fresh(d, &agency(name), at)).map_err(|e| e.code())
    };
    // One that has a key for it has to have said something; others are not awaited.
    assert_eq!(fresh(&store, "a.example", now()), Err(Code::StaleRevocations));
    assert_eq!(fresh(&store, "b.example", now()), Ok(()));
    accept(&mut store, &first()).unwrap();
    let over = now().plus(DAY).plus(limits::REVOCATION_GRACE);
    assert_eq!(fresh(&store, "a.example", over.minus(HOUR)), Ok(()));
    assert_eq!(fresh(&store, "a.example", over), Err(Code::StaleRevocations));
    drop(federation);
}

#[test]
fn the_next_list_says_what_the_last_one_said() {
    let (_, anna, _) = world();
    let phone = anna.verified.device();
    let again = revoking(&revoking(&first(), phone, 4), phone, 4);
    assert_eq!((again.version(), again.revoked().len(), again.revoked()[0].since()), (3, 1, 2));
    let signed = again.sign(&revocation_key()).unwrap();
    assert_eq!(RevocationList::read(&signed).unwrap(), again);
    assert_eq!(again.next_update(), now().plus(2 * HOUR).plus(DAY));
    assert_eq!(again.revoked()[0].at(), now().plus(HOUR), "when it was said first");
    let foreign = first().next(now(), &[(user("zoe@b.example"), None, 1)]);
    refused(foreign.sign(&revocation_key()), Code::ForeignAgencyUser);
}

/// What is known of a list without reading it.
#[test]
fn the_list_that_is_here() {
    let (_, anna, mut store) = world();
    let (a, phone) = (agency("a.example"), anna.verified.device());
    let named = |version| crate::wire::log::RevocationVersion { agency: agency("a.example"), version };
    let after = |store: &MemoryStore, version| read(store, |d| Directory.revocations_after(d, &a, version));
    let stale = |store: &MemoryStore, version| read(store, |d| Directory.stale_at(d, &named(version)));
    let next = |store: &MemoryStore| read(store, |d| Directory.next_update(d, &a));
    let stands =
        |store: &MemoryStore| read(store, |d| Directory.check_not_revoked(d, phone, anna.verified.serial()));
    assert_eq!((after(&store, 0), stale(&store, 1), next(&store)), (Ok(None), Ok(None), Ok(None)));
    assert_eq!(stands(&store), Ok(()));
    let two = revoking(&first(), phone, anna.verified.serial());
    accept(&mut store, &two).unwrap();
    let bytes = forced(&two, &revocation_key());
    assert_eq!((after(&store, 0), after(&store, 1)), (Ok(Some(bytes.clone())), Ok(Some(bytes))));
    assert_eq!((after(&store, 2), after(&store, 3)), (Ok(None), Ok(None)));
    assert_eq!(next(&store), Ok(Some(two.next_update())));
    let over = two.next_update().plus(limits::REVOCATION_GRACE);
    assert_eq!((stale(&store, 2), stale(&store, 1), stale(&store, 3)), (Ok(Some(over)), Ok(None), Ok(None)));
    refused(stands(&store), Code::Revoked);
}

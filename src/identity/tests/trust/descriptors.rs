//! Agency descriptors and the keys that are looked up in them.

use super::*;
use crate::identity::{KeyPurpose, OperationalKey};

/// The certificate key that agency a names beside the one before.
const NEXT_CERTIFICATE: u8 = 51;
/// A server key of agency a whose time is over.
const FORMER_SERVER: u8 = 52;
/// One whose time is to come.
const FUTURE_SERVER: u8 = 53;

/// Descriptor 2 of a names a key for revocations, a further certificate key, and a server key
/// whose time is over, the third one a server key whose time is to come; descriptor 2 of b is signed by its next root key.
pub(super) fn good(world: &World) -> [(&'static str, Bytes); 7] {
    let [a, b, _] = &world.federation.agencies;
    // For the time when Anna's certificates end.
    let much_later = a.describe(10, now().plus(299 * DAY)).sign(&a.root).unwrap();
    let mut coming = operational(KeyPurpose::Server, FUTURE_SERVER, now().plus(500 * DAY));
    coming.not_before = now().plus(DAY);
    let later = b.describe(2, now().minus(DAY)).sign(&key(NEXT_ROOT)).unwrap();
    [
        ("descriptor a 1", a.descriptor()),
        ("descriptor a 2", described(world, 2, |_| {})),
        ("descriptor a 3", described(world, 3, |d| d.keys.push(coming))),
        ("descriptor a 10", much_later.into()),
        ("descriptor a 11", described(world, 11, |d| d.issued_at = now().plus(DAY))),
        ("descriptor b 1", b.descriptor()),
        ("descriptor b 2", later.into()),
    ]
}

fn operational(purpose: KeyPurpose, n: u8, until: Timestamp) -> OperationalKey {
    OperationalKey::new(purpose, key(n).verify_key().as_bytes(), now().minus(100 * DAY), until)
}

/// A later descriptor of a: as the second, with a change.
fn description(world: &World, version: u64) -> AgencyDescriptor {
    let mut described = world.federation.agencies[0].describe(version, now().minus(DAY));
    let until = now().plus(500 * DAY);
    described.keys.extend([
        operational(KeyPurpose::Revocation, REVOCATION, until),
        operational(KeyPurpose::Certificate, NEXT_CERTIFICATE, until),
        operational(KeyPurpose::Server, FORMER_SERVER, now()),
    ]);
    described
}

fn described(world: &World, version: u64, change: impl FnOnce(&mut AgencyDescriptor)) -> Bytes {
    let mut described = description(world, version);
    change(&mut described);
    described.sign(&key(10)).unwrap().into()
}

pub(super) fn cases(world: &World) -> Vec<Value> {
    let new = |name: &str, after: &[&str], document: &str| {
        case(name, taking(after, "AgencyDescriptor", &world.documents[document].1), json!(true))
    };
    let known = |name: &str, after: &[&str], n: u8, at| {
        case(name, server_key(after, "a.example", n, at), json!(public(n)))
    };
    let both = ["list 1", "descriptor a 1", "descriptor a 2"];
    let roots = ["list 1", "list 2", "list 3", "list 4"];
    let again = taking(&both[..2], "AgencyDescriptor", &world.documents["descriptor a 1"].1);
    let beside = [&roots[..], &["descriptor b 2"]].concat();
    vec![
        new("a descriptor", &both[..1], "descriptor a 1"),
        case("the same descriptor again", again, json!(false)),
        new("keys beside those that are there", &both[..2], "descriptor a 2"),
        new("an older descriptor", &["list 1", "descriptor a 2"], "descriptor a 1"),
        new("a descriptor under the next root key", &roots, "descriptor b 2"),
        known("a server key", &both, 12, now()),
        known("a server key until just before its end", &both, FORMER_SERVER, before(now())),
        case(
            "a server key under the next root key",
            server_key(&beside, "b.example", 22, now()),
            json!(public(22)),
        ),
    ]
}

fn before(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() - 1)
}

pub(super) fn faults(world: &World) -> Vec<Value> {
    [fields(world), documents(world), keys(world)].concat()
}

/// What a descriptor says by itself, signed by its root.
fn fields(world: &World) -> Vec<Value> {
    let one = |name: &str, rule: &str, code, change: &dyn Fn(&mut AgencyDescriptor)| {
        let mut described = world.federation.agencies[0].describe(1, now().minus(DAY));
        change(&mut described);
        fault(name, rule, code, taking(&["list 1"], "AgencyDescriptor", forced(described, &[10])))
    };
    let month = 30 * DAY + core::time::Duration::from_millis(1);
    vec![
        one("descriptor_version_0", "V-221", Code::BadField, &|d| d.version = 0),
        one("no_operational_keys", "V-221", Code::BadField, &|d| d.keys.clear()),
        one("operational_keys_out_of_order", "V-221", Code::BadField, &|d| d.keys.reverse()),
        one("key_ends_when_it_begins", "V-221", Code::BadField, &|d| {
            d.keys[0].not_after = d.keys[0].not_before;
        }),
        one("no_versions", "V-221", Code::BadField, &|d| d.versions.clear()),
        one("versions_out_of_order", "V-221", Code::BadField, &|d| d.versions = vec![2, 1]),
        one("suites_out_of_order", "V-221", Code::BadField, &|d| d.suites = vec![3, 3]),
        one("endpoint_without_text", "V-221", Code::BadField, &|d| d.endpoints = vec![String::new()]),
        one("33_endpoints", "V-221", Code::TooLong, &|d| d.endpoints = vec!["e".into(); 33]),
        one("descriptor_ends_when_it_begins", "V-222", Code::BadField, &|d| d.expires_at = d.issued_at),
        one("descriptor_for_more_than_30_days", "V-222", Code::BadField, &|d| {
            d.expires_at = d.issued_at.plus(month);
        }),
        one("one_key_for_two_purposes", "V-223", Code::BadField, &|d| d.keys[1].key = d.keys[0].key),
        one("operational_key_that_is_none", "V-224", Code::BadKey, &|d| d.keys[0].key = [0; 32]),
    ]
}

/// Whose a descriptor is, and what it is beside others.
fn documents(world: &World) -> Vec<Value> {
    let next = |name: &str, rule: &str, code, after: &[&str], descriptor: Bytes| {
        fault(name, rule, code, taking(after, "AgencyDescriptor", descriptor))
    };
    let [a, b, _] = &world.federation.agencies;
    let stranger = AgencyDescriptor { agency: agency("x.example"), ..a.describe(1, now()) };
    let mut exchanged = world.documents["descriptor a 1"].1.to_vec();
    let last = exchanged.len() - 1;
    exchanged[last] ^= 1;
    let (first, second) = (&["list 1", "descriptor a 1"][..], &["list 1", "descriptor a 2"][..]);
    let longer = |d: &mut AgencyDescriptor| d.keys[0].not_after = now().plus(2_000 * DAY);
    let other = |d: &mut AgencyDescriptor| d.keys[1].purpose = KeyPurpose::Revocation;
    let renewed = a.describe(1, now()).sign(&a.root).unwrap();
    vec![
        next(
            "root_of_another_agency",
            "V-225",
            Code::UnknownKey,
            &["list 1"],
            forced(a.describe(1, now()), &[20]),
        ),
        next(
            "signed_by_an_operational_key",
            "V-225",
            Code::UnknownKey,
            &["list 1"],
            forced(a.describe(1, now()), &[11]),
        ),
        next("signature_that_does_not_hold", "V-225", Code::BadSignature, &["list 1"], exchanged.into()),
        next("agency_of_no_list", "V-226", Code::UnknownKey, &["list 1"], forced(stranger, &[10])),
        next(
            "root_of_no_list_yet",
            "V-226",
            Code::UnknownKey,
            &["list 1"],
            forced(b.describe(2, now()), &[NEXT_ROOT]),
        ),
        next("two_descriptors_with_one_version", "V-227", Code::Equivocation, first, renewed.into()),
        next("key_prolonged", "V-227", Code::Equivocation, second, described(world, 3, longer)),
        next("key_with_another_purpose", "V-227", Code::Equivocation, second, described(world, 3, other)),
    ]
}

/// Keys that do not count.
fn keys(_: &World) -> Vec<Value> {
    let key = |name: &str, rule: &str, code, after: &[&str], n: u8, at| {
        fault(name, rule, code, server_key(after, "a.example", n, at))
    };
    let both = ["list 1", "descriptor a 1", "descriptor a 2"];
    let replaced = ["list 1", "descriptor b 1", "list 2", "list 3", "list 4"];
    let (issued, ends) = (now().minus(DAY), now().plus(29 * DAY));
    vec![
        key("expired_descriptor", "V-228", Code::MissingEvidence, &both, 12, ends),
        key("descriptor_not_issued_yet", "V-228", Code::MissingEvidence, &both, 12, before(issued)),
        fault(
            "descriptor_under_a_root_that_was_replaced",
            "V-229",
            Code::MissingEvidence,
            server_key(&replaced, "b.example", 22, now()),
        ),
        key("key_that_is_not_listed", "V-229", Code::MissingEvidence, &both[..2], FORMER_SERVER, now()),
        key("wrong_purpose_key", "V-230", Code::UnknownKey, &both, 11, now()),
        key("revocation_key_for_a_servers", "V-230", Code::UnknownKey, &both, REVOCATION, now()),
        key("expired_key", "V-231", Code::Expired, &both, FORMER_SERVER, now()),
        key(
            "key_that_has_not_begun",
            "V-231",
            Code::Expired,
            &["list 1", "descriptor a 3"],
            FUTURE_SERVER,
            now(),
        ),
    ]
}

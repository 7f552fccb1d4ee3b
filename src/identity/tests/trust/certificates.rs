//! Device certificates at stamps.

use super::*;
use crate::{
    identity::{DeviceCertificate, UserKind, read_certificate},
    ids::{DeviceId, Hash},
};

/// What a reader has who can verify Anna's devices.
const KNOWN: [&str; 4] = ["list 1", "descriptor a 1", "anna 0", "anna 1"];

fn stamp(at: Timestamp, trust_version: u64) -> Stamp {
    crate::identity::fixture::stamp(at, trust_version, &[])
}

fn whose(device: &TestDevice) -> Value {
    let verified = &device.verified;
    json!({
        "user": verified.user().as_str(),
        "device": hex(verified.device().id.as_bytes()),
        "serial": verified.serial(),
    })
}

pub(super) fn cases(world: &World) -> Vec<Value> {
    let (phone, tablet) = (&world.phone, &world.tablet);
    let (from, until) = phone.verified.validity();
    let at = |device: &TestDevice, at| at_stamp(&KNOWN, device.certificate(), &stamp(at, 1));
    let last = Timestamp::from_millis(until.as_millis() - 1);
    let suspending = [&KNOWN[..], &["list 2", "list 3"]].concat();
    let late = ["list 1", "descriptor a 1", "descriptor a 10", "anna 0", "anna 1"];
    vec![
        case("a certificate", at(phone, now()), whose(phone)),
        case("of a further device", at(tablet, now()), whose(tablet)),
        case("from its first moment on", at(phone, from), whose(phone)),
        case(
            "under a list that suspends another agency",
            at_stamp(&suspending, phone.certificate(), &stamp(now(), 3)),
            whose(phone),
        ),
        case(
            "until just before its end",
            at_stamp(&late, phone.certificate(), &stamp(last, 1)),
            whose(phone),
        ),
    ]
}

pub(super) fn faults(world: &World) -> Vec<Value> {
    [words(world), signers(world), chains(world), stamps(world)].concat()
}

/// The phone's certificate with a change, signed by somebody.
fn changed(world: &World, by: &[u8], change: impl FnOnce(&mut DeviceCertificate)) -> Bytes {
    let mut claims = read_certificate(world.phone.certificate()).unwrap();
    change(&mut claims);
    forced(claims, by)
}

fn at_now(name: &str, rule: &str, code: Code, certificate: &Bytes) -> Value {
    fault(name, rule, code, at_stamp(&KNOWN, certificate, &stamp(now(), 1)))
}

/// What it says by itself, signed by the agency.
fn words(world: &World) -> Vec<Value> {
    let one = |name: &str, rule: &str, code, change: &dyn Fn(&mut DeviceCertificate)| {
        at_now(name, rule, code, &changed(world, &[11], change))
    };
    let b = || agency("b.example");
    vec![
        one("serial_0", "V-261", Code::BadField, &|c| c.serial = 0),
        one("certificate_ends_when_it_begins", "V-261", Code::BadField, &|c| c.not_after = c.not_before),
        one("certificate_for_more_than_400_days", "V-261", Code::BadField, &|c| {
            c.not_after = c.not_before.plus(400 * DAY).plus(core::time::Duration::from_millis(1));
        }),
        one("foreign_agency_user", "V-262", Code::ForeignAgencyUser, &|c| {
            c.device.user = crate::identity::fixture::user("bert@b.example");
        }),
        at_now(
            "agency_that_vouches_for_anothers_user",
            "V-262",
            Code::ForeignAgencyUser,
            &changed(world, &[21], |c| c.agency = b()),
        ),
        one("expired_certificate", "V-265", Code::Expired, &|c| c.not_after = now()),
        one("certificate_that_has_not_begun", "V-265", Code::Expired, &|c| c.not_before = now().plus(DAY)),
    ]
}

/// By whom it is signed.
fn signers(world: &World) -> Vec<Value> {
    let by = |name: &str, code, keys: &[u8]| at_now(name, "V-264", code, &changed(world, keys, |_| {}));
    let mut exchanged = world.phone.certificate().to_vec();
    let last = exchanged.len() - 1;
    exchanged[last] ^= 1;
    vec![
        by("certified_by_the_server", Code::UnknownKey, &[12]),
        by("certified_by_the_root_key", Code::MissingEvidence, &[10]),
        by("certified_by_another_agency", Code::MissingEvidence, &[21]),
        at_now("certificate_whose_signature_does_not_hold", "V-264", Code::BadSignature, &exchanged.into()),
        fault("certified_twice", "V-116", Code::BadField, {
            at_stamp(&KNOWN, &changed(world, &[11, 12], |_| {}), &stamp(now(), 1))
        }),
    ]
}

/// Beside the user's chain.
fn chains(world: &World) -> Vec<Value> {
    let one = |name: &str, rule: &str, code, change: &dyn Fn(&mut DeviceCertificate)| {
        at_now(name, rule, code, &changed(world, &[11], change))
    };
    let ghost = *key(9).verify_key().as_bytes();
    vec![
        one("identity_that_is_not_known", "V-266", Code::MissingEvidence, &|c| {
            c.identity = Hash::from_bytes([1; 32])
        }),
        one("another_kind_of_user", "V-266", Code::CertificateMismatch, &|c| c.kind = UserKind::Role),
        one("unendorsed_device", "V-267", Code::UnendorsedDevice, &|c| {
            (c.device.id, c.key) = (DeviceId::from_bytes([0x66; 16]), ghost);
        }),
        one("unendorsed_key", "V-267", Code::UnendorsedDevice, &|c| c.key = ghost),
        one("entry_that_is_not_known_yet", "V-267", Code::MissingEvidence, &|c| c.chain_n = 2),
        fault("chain_that_is_not_known", "V-267", Code::MissingEvidence, {
            at_stamp(&KNOWN[..2], world.phone.certificate(), &stamp(now(), 1))
        }),
    ]
}

/// Under what the stamp names.
fn stamps(world: &World) -> Vec<Value> {
    let at = |name: &str, rule: &str, code, after: &[&str], stamp: Stamp| {
        fault(name, rule, code, at_stamp(after, world.phone.certificate(), &stamp))
    };
    let (from, until) = world.phone.verified.validity();
    let before = Timestamp::from_millis(from.as_millis() - 1);
    let late = ["list 1", "descriptor a 1", "descriptor a 10", "anna 0", "anna 1"];
    let over = world.federation.roster(1).expires_at.plus(7 * DAY);
    let long = changed(world, &[11], |c| c.not_after = over.plus(DAY));
    vec![
        at("list_that_is_not_known", "V-263", Code::MissingEvidence, &KNOWN, stamp(now(), 2)),
        fault("certificate_under_an_expired_list", "V-263", Code::TrustExpired, {
            at_stamp(&late, &long, &stamp(over, 1))
        }),
        at("stamp_before_the_certificate", "V-265", Code::Expired, &KNOWN, stamp(before, 1)),
        at("stamp_after_the_certificate", "V-265", Code::Expired, &late, stamp(until, 1)),
        fault("device_of_a_suspended_agency", "V-263", Code::SuspendedAgency, {
            let after = ["list 1", "descriptor b 1", "list 2", "list 3"];
            let of_b = changed(world, &[21], |c| {
                (c.agency, c.device.user) =
                    (agency("b.example"), crate::identity::fixture::user("bert@b.example"));
            });
            at_stamp(&after, &of_b, &stamp(now(), 3))
        }),
    ]
}

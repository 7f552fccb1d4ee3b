//! User chains: what may stand in them, and what a device is by them.

use super::*;
use crate::{
    identity::{
        DeviceCertificate, RecoveryKey, UserKind,
        chain::{ChainEntry, ChainLink, DeviceKey, Op, Statement},
        fixture::user,
        read_certificate,
    },
    ids::{DeviceId, Hash},
    wire::encode_body,
};

/// The certificate key of agency a.
const A: u8 = 11;
/// Devices of a desk: one for good, one for a shift; one that is new; its owners' recovery keys, and
/// another one.
pub(super) const DESK: [u8; 6] = [70, 71, 72, 80, 81, 82];
const STATION: u8 = DESK[0];
const SHIFT: u8 = DESK[1];
const NEW: u8 = DESK[2];
const LEADER: u8 = DESK[3];
const DEPUTY: u8 = DESK[4];
const OTHER: u8 = DESK[5];

/// What a reader has who follows the desk's chain.
const KNOWN: [&str; 4] = ["list 1", "descriptor a 1", "desk 0", "desk 1"];

fn device(n: u8) -> DeviceKey {
    DeviceKey { id: DeviceId::from_bytes([n; 16]), key: *key(n).verify_key().as_bytes() }
}

fn owned(owner: &str, n: u8) -> RecoveryKey {
    RecoveryKey::kept_by(owner, &key(n).verify_key())
}

/// An entry of the desk after others.
fn entry(before: &[ChainLink], op: Op) -> ChainEntry {
    ChainEntry {
        user: user("desk@a.example"),
        n: u32::try_from(before.len()).unwrap(),
        previous: before.last().map(|link| link.statement().hash()),
        at: now(),
        signer: KeyId::from_bytes([0; 32]),
        op,
    }
}

fn signed_by(before: &[ChainLink], op: Op, signer: u8) -> ChainLink {
    ChainLink::countersign(Statement::sign(entry(before, op), &key(signer)).unwrap(), &key(A))
}

fn founding(replaces: Option<Hash>, first: u8) -> Op {
    let recovery = vec![owned("deputy", DEPUTY), owned("leader", LEADER)];
    Op::Genesis { kind: UserKind::Role, device: device(first), recovery, replaces }
}

/// The station begins the desk and hands it over for two days.
fn desk() -> Vec<ChainLink> {
    let first = signed_by(&[], founding(None, STATION), STATION);
    let until = now().plus(2 * DAY);
    let second =
        signed_by(core::slice::from_ref(&first), Op::Delegate { device: device(SHIFT), until }, STATION);
    vec![first, second]
}

/// A delegation that ends a day later than it does, signed by all.
fn prolonged(link: &ChainLink) -> Bytes {
    use crate::{crypto::Label, wire::proto};
    use prost::Message as _;
    let mut link = proto::ChainLink::decode(encode_body(link)).unwrap();
    let mut entry = proto::ChainEntry::decode(link.entry.clone()).unwrap();
    if let Some(proto::chain_entry::Op::Delegate(delegate)) = &mut entry.op {
        delegate.until += 86_400_000;
    }
    link.entry = entry.encode_to_vec().into();
    let version = 1_u32.to_be_bytes();
    let signature = key(STATION).sign(Label::CHAIN_ENTRY, &[&version, &link.entry]);
    link.signature = Bytes::copy_from_slice(signature.as_bytes());
    let parts: [&[u8]; 3] = [&version, &link.entry, &link.signature];
    let countersignature = key(A).sign(Label::CHAIN_COUNTERSIGN, &parts);
    link.countersignature = Bytes::copy_from_slice(countersignature.as_bytes());
    link.encode_to_vec().into()
}

/// Removes Anna's tablet.
fn removal(world: &World) -> ChainLink {
    let chain = world.tablet.enrolment.verify(&world.federation.anchor, now()).unwrap().1;
    let tablet = world.tablet.verified.device().id;
    let change = chain.remove(&tablet, world.phone.new.key(), now()).unwrap();
    let change = crate::identity::ChainChange::from_bytes(&change).unwrap();
    ChainLink::countersign(change.statement().clone(), &key(A))
}

pub(super) fn good(world: &World) -> Vec<(&'static str, Bytes)> {
    let links = desk();
    let anew = signed_by(&[], founding(Some(links[0].statement().identity()), NEW), NEW);
    let names = ["desk 0", "desk 1", "desk anew 0"];
    let links = names.into_iter().zip(links.iter().chain([&anew]).map(encode_body));
    links.chain([("anna 2", encode_body(&removal(world)))]).collect()
}

/// The certificate of a device of the desk.
fn certificate(n: u8, change: impl FnOnce(&mut DeviceCertificate)) -> Bytes {
    let mut claims = DeviceCertificate {
        serial: 50,
        agency: agency("a.example"),
        kind: UserKind::Role,
        device: crate::ids::Device { user: user("desk@a.example"), id: device(n).id },
        key: device(n).key,
        identity: desk()[0].statement().identity(),
        chain_n: 1,
        not_before: now(),
        not_after: now().plus(2 * DAY),
    };
    change(&mut claims);
    forced(claims, &[A])
}

fn stamped(after: &[&str], certificate: &Bytes) -> Value {
    at_stamp(after, certificate, &crate::identity::fixture::stamp(now(), 1, &[]))
}

pub(super) fn cases(world: &World) -> Vec<Value> {
    let anna = ["list 1", "descriptor a 1", "anna 0", "anna 1", "anna 2"];
    let tablet = world.tablet.certificate();
    let shift = json!({ "user": "desk@a.example", "device": hex(device(SHIFT).id.as_bytes()), "serial": 50 });
    let whose = &world.tablet.verified;
    let whose = json!({
        "user": whose.user().as_str(), "device": hex(whose.device().id.as_bytes()), "serial": whose.serial(),
    });
    vec![
        case("a device for the time of a shift", stamped(&KNOWN, &certificate(SHIFT, |_| {})), shift.clone()),
        case(
            "the same after the user has begun anew",
            stamped(&[&KNOWN[..], &["desk anew 0"]].concat(), &certificate(SHIFT, |_| {})),
            shift,
        ),
        case("removed later than its certificate shows", stamped(&anna, tablet), whose),
    ]
}

pub(super) fn faults(world: &World) -> Vec<Value> {
    let links = desk();
    let next = |name: &str, rule: &str, code, op, signer| {
        let link = encode_body(&signed_by(&links, op, signer));
        fault(name, rule, code, taking(&KNOWN, "ChainLink", link))
    };
    let add = || Op::AddDevice { device: device(NEW) };
    let remove = |n: u8| Op::RemoveDevice { device: device(n).id };
    let delegate = |days: u32| Op::Delegate { device: device(NEW), until: now().plus(days * DAY) };
    let recovery = || Op::SetRecovery { recovery: vec![owned("a", OTHER), owned("leader", LEADER)] };
    let owners = |name: &str, code, second: Option<u8>| {
        let statement = Statement::sign(entry(&links, recovery()), &key(LEADER)).unwrap();
        let statement = match second {
            Some(second) => statement.signed_also(&key(second)),
            None => statement,
        };
        let link = encode_body(&ChainLink::countersign(statement, &key(A)));
        fault(name, "V-257", code, taking(&KNOWN, "ChainLink", link))
    };
    let rival = encode_body(&signed_by(&links[..1], Op::AddDevice { device: device(NEW) }, STATION));
    let again = encode_body(&signed_by(&[], founding(None, NEW), NEW));
    let tablet = |name: &str, rule: &str, code, chain_n: u32, shown: u32| {
        let mut claims = read_certificate(world.tablet.certificate()).unwrap();
        claims.chain_n = chain_n;
        let anna = ["list 1", "descriptor a 1", "anna 0", "anna 1", "anna 2"];
        let mut asked = stamped(&anna, &forced(claims, &[A]));
        asked["shown"] = json!(shown);
        fault(name, rule, code, asked)
    };
    vec![
        next("agency_adds_a_device", "V-255", Code::BrokenChain, add(), A),
        next("recovery_key_hands_over", "V-255", Code::BrokenChain, delegate(1), LEADER),
        next("device_sets_recovery_keys", "V-255", Code::BrokenChain, recovery(), STATION),
        fault("delegation_of_8_days", "V-254", Code::BadField, {
            taking(&KNOWN, "ChainLink", prolonged(&signed_by(&links, delegate(7), STATION)))
        }),
        next("delegate_adds_a_device", "V-256", Code::BeyondDelegation, add(), SHIFT),
        next("delegate_removes_a_device_for_good", "V-256", Code::BeyondDelegation, remove(STATION), SHIFT),
        next("removes_a_device_that_is_not_there", "V-258", Code::BrokenChain, remove(NEW), STATION),
        next(
            "device_that_was_there",
            "V-250",
            Code::BrokenChain,
            Op::AddDevice { device: DeviceKey { id: device(SHIFT).id, ..device(NEW) } },
            STATION,
        ),
        owners("one_owner_sets_recovery_keys", Code::BadField, None),
        owners("one_owner_signs_twice", Code::BadSignature, Some(LEADER)),
        fault("two_entries_with_one_number", "V-312", Code::Equivocation, taking(&KNOWN, "ChainLink", rival)),
        fault("user_who_begins_twice", "V-312", Code::Equivocation, taking(&KNOWN, "ChainLink", again)),
        tablet("before_its_own_entry", "V-267", Code::UnendorsedDevice, 0, 0),
        tablet("removed_device", "V-267", Code::RemovedDevice, 2, 0),
        tablet("lower_chain_n", "V-268", Code::RemovedDevice, 1, 2),
        fault("certificate_outlasts_the_delegation", "V-269", Code::BeyondDelegation, {
            stamped(&KNOWN, &certificate(SHIFT, |claims| claims.not_after = now().plus(3 * DAY)))
        }),
    ]
}

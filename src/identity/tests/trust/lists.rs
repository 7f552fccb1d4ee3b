//! Trust lists: the first, the next, and those that are none.

use super::*;
use crate::identity::{Agency, AgencyStatus, RootKey};

/// Lists 1 to 4: list 2 has other root keys, list 3 suspends b, list 4 takes it back with a root
/// key that the old one agrees to.
pub(super) fn good(world: &World) -> [(&'static str, Bytes); 4] {
    let handed_over = |b: Agency| {
        let b = b.with_status(AgencyStatus::Active);
        b.handed_over("police.example", &key(20), &key(NEXT_ROOT).verify_key()).unwrap()
    };
    [
        ("list 1", world.federation.trust_list()),
        ("list 2", signed(&roster(world, 2), &[1, 3, 4])),
        ("list 3", signed(&suspended(world), &[4, 5])),
        ("list 4", signed(&changing_b(world, 4, handed_over), &[4, 5])),
    ]
}

/// The roster of a version without any change to agencies: the root keys are those of holders
/// 1 to 3 in list 1, of 3 to 5 later.
fn roster(world: &World, version: u64) -> Roster {
    let mut roster = world.federation.roster(version);
    if version > 1 {
        roster.roots = roots(&[3, 4, 5]);
    }
    roster
}

fn changing_b(world: &World, version: u64, change: impl FnOnce(Agency) -> Agency) -> Roster {
    let mut roster = roster(world, version);
    roster.agencies[1] = change(roster.agencies[1].clone());
    roster
}

fn suspended(world: &World) -> Roster {
    changing_b(world, 3, |b| b.with_status(AgencyStatus::Suspended))
}

fn named(numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|n| format!("holder {n:02}")).collect()
}

fn of_b(by: &[u8], changes: &[&str]) -> Value {
    let change = |change: &&str| json!({ "agency": "b.example", "change": change });
    json!({ "by": named(by), "changes": changes.iter().map(change).collect::<Vec<_>>() })
}

pub(super) fn cases(world: &World) -> Vec<Value> {
    let bytes = |name| world.documents[name].1.clone();
    let after = |before: &[&str], name| taking(before, "TrustList", bytes(name));
    let other_copy = signed(&world.federation.roster(1), &[2, 3]);
    let begins_at_5 = signed(&world.federation.roster(5), &[1, 3]);
    let all = ["list 1", "list 2", "list 3", "list 4"];
    let back = changing_b(world, 5, |b| b.with_root(&key(NEXT_ROOT).verify_key()));
    vec![
        case("the first list", after(&[], "list 1"), of_b(&[1, 2], &[])),
        case("the first list has any version", taking(&[], "TrustList", begins_at_5), of_b(&[1, 3], &[])),
        case("the same list again", after(&["list 1"], "list 1"), Value::Null),
        case("the same list, signed by others", taking(&["list 1"], "TrustList", other_copy), Value::Null),
        case("other root keys", after(&all[..1], "list 2"), of_b(&[1, 3, 4], &[])),
        case("an agency is suspended", after(&all[..2], "list 3"), of_b(&[4, 5], &["suspended"])),
        case(
            "an agency is back, with a root key that was handed over",
            after(&all[..3], "list 4"),
            of_b(&[4, 5], &["reinstated", "root handed over"]),
        ),
        case("nothing new", taking(&all, "TrustList", signed(&back, &[3, 4])), of_b(&[3, 4], &[])),
    ]
}

pub(super) fn faults(world: &World) -> Vec<Value> {
    let parts = [fields(world), signatures(world), order(world), handovers(world)];
    parts.concat()
}

/// What a list says by itself, signed by enough.
fn fields(world: &World) -> Vec<Value> {
    let first = |name: &str, rule: &str, code, change: &dyn Fn(&mut Roster)| {
        let mut roster = world.federation.roster(1);
        change(&mut roster);
        fault(name, rule, code, taking(&[], "TrustList", forced(roster, &[1, 2])))
    };
    let rooted = |holder: &str, n: u8| RootKey::new(holder, &key(n).verify_key());
    let anchor = |roots: &[RootKey]| {
        let mut anchor = world.federation.anchor.clone();
        anchor.roots.keys = roots.to_vec();
        taking(&[], "Federation", anchor.to_bytes())
    };
    let (same_holder, same_key) =
        ([rooted("holder 01", 1), rooted("holder 01", 2)], [rooted("holder 01", 1), rooted("holder 02", 1)]);
    vec![
        first("list_version_0", "V-201", Code::BadField, &|r| r.version = 0),
        first("nobody_has_to_sign", "V-201", Code::BadField, &|r| r.threshold = 0),
        first("threshold_above_the_number_of_roots", "V-201", Code::BadField, &|r| r.threshold = 4),
        first("no_roots", "V-201", Code::BadField, &|r| r.roots.clear()),
        first("roots_out_of_order", "V-201", Code::BadField, &|r| r.roots.reverse()),
        first("agencies_out_of_order", "V-201", Code::BadField, &|r| r.agencies.reverse()),
        first("same_agency_twice", "V-201", Code::BadField, &|r| r.agencies.push(r.agencies[2].clone())),
        first("list_ends_when_it_begins", "V-201", Code::BadField, &|r| r.expires_at = r.issued_at),
        first("federation_without_name", "V-201", Code::BadField, &|r| r.federation.clear()),
        first("33_roots", "V-201", Code::TooLong, &|r| r.roots = roots(&(1..=33).collect::<Vec<_>>())),
        first("same_holder_twice", "V-202", Code::SameHolderTwice, &|r| r.roots = same_holder.to_vec()),
        first("same_key_twice", "V-202", Code::SameHolderTwice, &|r| r.roots = same_key.to_vec()),
        fault("same_holder_twice_in_the_anchor", "V-202", Code::SameHolderTwice, anchor(&same_holder)),
        fault("same_key_twice_in_the_anchor", "V-202", Code::SameHolderTwice, anchor(&same_key)),
        first("root_key_that_is_none", "V-203", Code::BadKey, &|r| r.roots[2].key = [0; 32]),
        first("agency_key_that_is_none", "V-203", Code::BadKey, &|r| r.agencies[1].root = [0; 32]),
        first("wrong_federation", "V-204", Code::WrongFederation, &|r| r.federation = "fire.example".into()),
    ]
}

/// Who has signed.
fn signatures(world: &World) -> Vec<Value> {
    let by = |name: &str, rule: &str, code, after: &[&str], roster: &Roster, holders: &[u8]| {
        fault(name, rule, code, taking(after, "TrustList", signed(roster, holders)))
    };
    let (one, two, three) = (world.federation.roster(1), roster(world, 2), suspended(world));
    let mut higher = world.federation.roster(2);
    higher.threshold = 3;
    let exchanged = {
        let good = crate::wire::Signed::<Roster>::decode(&world.documents["list 1"].1).unwrap();
        let other = Roster { agencies: Vec::new(), ..one.clone() };
        let body = crate::wire::encode_body(&other);
        crate::wire::Signed::assemble(other, body, good.signatures().to_vec()).bytes().clone()
    };
    let (first, second) = (&["list 1"][..], &["list 1", "list 2"][..]);
    vec![
        by("below_threshold", "V-205", Code::BelowThreshold, &[], &one, &[1]),
        by("signed_by_strangers", "V-205", Code::BelowThreshold, &[], &one, &[1, 9]),
        by("those_who_come_do_not_sign", "V-205", Code::BelowThreshold, first, &two, &[1, 2, 3]),
        by("higher_threshold_not_met", "V-205", Code::BelowThreshold, first, &higher, &[1, 2]),
        by("those_who_were_there_do_not_sign", "V-206", Code::BelowThreshold, first, &two, &[3, 4, 5]),
        by("signed_by_those_who_left", "V-205", Code::BelowThreshold, second, &three, &[1, 2, 3]),
        by("anchor_older_than_the_roots", "V-206", Code::BelowThreshold, &[], &three, &[4, 5]),
        fault("signatures_of_another_list", "V-117", Code::BadSignature, taking(&[], "TrustList", exchanged)),
    ]
}

/// What a list is beside those before it, and when something rests on it.
fn order(world: &World) -> Vec<Value> {
    let next = |name: &str, rule: &str, code, after: &[&str], list: Bytes| {
        fault(name, rule, code, taking(after, "TrustList", list))
    };
    let bytes = |name: &str| world.documents[name].1.clone();
    let rival = |by: &[u8]| {
        let mut rival = world.federation.roster(1);
        rival.agencies.pop();
        signed(&rival, by)
    };
    let later = world.federation.roster(1).expires_at.plus(7 * DAY);
    let early = Timestamp::from_millis(world.federation.roster(1).issued_at.as_millis() - 1);
    let base = ["list 1", "descriptor b 1"];
    let suspended = ["list 1", "descriptor b 1", "list 2", "list 3"];
    vec![
        next("rolled_back", "V-207", Code::RolledBack, &["list 1", "list 2"], bytes("list 1")),
        next("equivocation", "V-208", Code::Equivocation, &["list 1"], rival(&[1, 3])),
        next("rival_below_threshold", "V-206", Code::BelowThreshold, &["list 1"], rival(&[1])),
        next("list_between_missing", "V-209", Code::MissingEvidence, &["list 1"], bytes("list 3")),
        fault("expired_list", "V-210", Code::TrustExpired, server_key(&base, "b.example", 22, later)),
        fault("list_not_issued_yet", "V-210", Code::TrustExpired, server_key(&base, "b.example", 22, early)),
        fault("unknown_agency", "V-211", Code::UnknownAgency, server_key(&base, "x.example", 22, now())),
        fault(
            "suspended_agency",
            "V-212",
            Code::SuspendedAgency,
            server_key(&suspended, "b.example", 22, now()),
        ),
    ]
}

/// Replaced root keys whose old ones have not agreed. The list is taken all the same.
fn handovers(world: &World) -> Vec<Value> {
    let told = |name: &str, change: &dyn Fn(Agency) -> Agency| {
        let roster = changing_b(world, 3, change);
        let mut asked = taking(&["list 1", "list 2"], "TrustList", signed(&roster, &[4, 5]));
        (asked["fault"], asked["rule"]) = (json!(name), json!("V-213"));
        asked["gives"] = of_b(&[4, 5], &["root replaced"]);
        asked
    };
    let next = key(NEXT_ROOT).verify_key();
    let over = |b: Agency, federation: &str| b.handed_over(federation, &key(20), &next).unwrap();
    vec![
        told("root_not_handed_over", &|b| b.with_root(&next)),
        told("root_handed_over_in_another_federation", &|b| over(b, "fire.example")),
        told("root_handed_over_by_itself", &|b| {
            b.with_root(&next).handed_over("police.example", &key(NEXT_ROOT), &next).unwrap()
        }),
        told("another_root_handed_over", &|b| Agency {
            root: *key(9).verify_key().as_bytes(),
            ..over(b, "police.example")
        }),
        told("root_of_another_agency_handed_over", &|b| {
            let a = Agency { id: agency("a.example"), ..b.clone() };
            Agency { id: b.id, ..over(a, "police.example") }
        }),
    ]
}

//! Revocation lists: taken, and at stamps that name them.

use super::*;
use crate::identity::fixture::user;

const HOUR: core::time::Duration = core::time::Duration::from_secs(3_600);

/// What a reader has before an agency's first list, and before a device of it is verified.
const DESCRIBED: [&str; 3] = ["list 1", "descriptor a 1", "descriptor a 2"];

/// a's lists 1 to 3: nothing; the tablet; all of Bea's devices.
pub(super) fn good(world: &World) -> [(&'static str, Bytes); 3] {
    let names = ["revocations a 1", "revocations a 2", "revocations a 3"];
    let mut lists = lists(world).into_iter().map(|list| Bytes::from(list.sign(&key(REVOCATION)).unwrap()));
    names.map(|name| (name, lists.next().unwrap()))
}

fn lists(world: &World) -> [RevocationList; 3] {
    let tablet = world.tablet.verified.device();
    let first = RevocationList::first(agency("a.example"), now().minus(2 * HOUR));
    let revoked = [(tablet.user.clone(), Some(tablet.id), world.tablet.verified.serial())];
    let second = first.next(now().minus(HOUR), &revoked);
    let third = second.next(now(), &[(user("bea@a.example"), None, 9)]);
    [first, second, third]
}

fn knowing<'n>(lists: &[&'n str]) -> Vec<&'n str> {
    [&DESCRIBED[..], &["anna 0", "anna 1"], lists].concat()
}

fn naming(version: u64) -> Stamp {
    crate::identity::fixture::stamp(now(), 1, &[("a.example", version)])
}

pub(super) fn cases(world: &World) -> Vec<Value> {
    let bytes = |name: &str| &world.documents[name].1;
    let tablet = world.tablet.verified.device();
    let (id, serial) = (hex(tablet.id.as_bytes()), world.tablet.verified.serial());
    let entry = json!({ "user": "anna@a.example", "device": id, "serial": serial });
    let all_of_bea = json!({ "user": "bea@a.example", "device": null, "serial": 9 });
    let takes = |name: &str, lists: &[&str], list: &str, gives: Value| {
        let after = [&DESCRIBED[..], lists].concat();
        case(name, taking(&after, "RevocationList", bytes(list)), gives)
    };
    let stands = |name: &str, stamp: &Stamp| {
        let after = knowing(&["revocations a 3"]);
        let gives = json!({ "user": "anna@a.example", "device": id, "serial": serial });
        case(name, at_stamp(&after, world.tablet.certificate(), stamp), gives)
    };
    let none = crate::identity::fixture::stamp(now(), 1, &[]);
    let fresh = |name: &str, after: &[&str], at: Timestamp| {
        let asked = json!({ "after": after, "new_devices_of": "a.example", "at": at.as_millis() });
        case(name, asked, Value::Null)
    };
    let third = knowing(&["revocations a 3"]);
    let last = Timestamp::from_millis(now().plus(3 * DAY).as_millis() - 1);
    vec![
        takes("a list that revokes nothing", &[], "revocations a 1", json!([])),
        takes("a device is revoked", &["revocations a 1"], "revocations a 2", json!([entry])),
        takes(
            "a list in between was not seen",
            &["revocations a 1"],
            "revocations a 3",
            json!([entry, all_of_bea]),
        ),
        case(
            "a list from before the descriptor that lists its key still",
            taking(&["list 1", "descriptor a 11"], "RevocationList", bytes("revocations a 1")),
            json!([]),
        ),
        takes("the same list again", &["revocations a 2"], "revocations a 2", Value::Null),
        stands("a device before it was revoked", &naming(1)),
        stands("where the stamp names no list, nothing is revoked", &none),
        fresh("new devices of an agency that gives out no lists", &DESCRIBED[..2], now()),
        fresh("new devices until two days past the next update", &third, last),
    ]
}

pub(super) fn faults(world: &World) -> Vec<Value> {
    [fields(world), signers(world), order(world), stamps(world)].concat()
}

/// What a list says by itself, signed by the agency's key.
fn fields(world: &World) -> Vec<Value> {
    let one = |name: &str, rule: &str, code, change: &dyn Fn(&mut RevocationList)| {
        let [.., mut list] = lists(world);
        change(&mut list);
        fault(name, rule, code, taking(&DESCRIBED, "RevocationList", forced(list, &[REVOCATION])))
    };
    vec![
        one("revocations_version_0", "V-290", Code::BadField, &|l| l.version = 0),
        one("revocations_out_of_order", "V-290", Code::BadField, &|l| l.revoked.reverse()),
        one("revoked_twice", "V-290", Code::BadField, &|l| l.revoked.push(l.revoked[1].clone())),
        one("revoked_up_to_serial_0", "V-290", Code::BadField, &|l| l.revoked[0].serial = 0),
        one("revoked_since_list_0", "V-290", Code::BadField, &|l| l.revoked[0].since = 0),
        one("revoked_since_a_later_list", "V-290", Code::BadField, &|l| l.revoked[1].since = 4),
        one("revoked_in_the_future", "V-290", Code::BadField, &|l| l.revoked[1].at = l.issued_at.plus(HOUR)),
        one("no_time_for_an_update", "V-291", Code::BadField, &|l| l.next_update = l.issued_at),
        one("update_after_more_than_a_day", "V-291", Code::BadField, &|l| {
            l.next_update = l.issued_at.plus(DAY).plus(core::time::Duration::from_millis(1));
        }),
        one("foreign_user_revoked", "V-292", Code::ForeignAgencyUser, &|l| {
            l.revoked[1].user = user("bert@b.example");
        }),
    ]
}

/// By whom it is signed.
fn signers(world: &World) -> Vec<Value> {
    let by = |name: &str, code, after: &[&str], keys: &[u8]| {
        let [first, ..] = lists(world);
        fault(name, "V-293", code, taking(after, "RevocationList", forced(first, keys)))
    };
    let mut exchanged = world.documents["revocations a 1"].1.to_vec();
    let last = exchanged.len() - 1;
    exchanged[last] ^= 1;
    let bad = taking(&DESCRIBED, "RevocationList", exchanged);
    vec![
        by("revoked_by_the_server", Code::UnknownKey, &DESCRIBED, &[12]),
        by("revoked_by_the_certificate_key", Code::UnknownKey, &DESCRIBED, &[11]),
        by("revoked_by_another_agency", Code::MissingEvidence, &DESCRIBED, &[21]),
        by("revocation_key_that_is_not_listed", Code::MissingEvidence, &DESCRIBED[..2], &[REVOCATION]),
        fault("revocations_whose_signature_does_not_hold", "V-293", Code::BadSignature, bad),
    ]
}

/// Beside the list that is known.
fn order(world: &World) -> Vec<Value> {
    let [first, second, third] = lists(world);
    let next = |name: &str, rule: &str, code, known: &str, list: &RevocationList| {
        let after = [&DESCRIBED[..], &[known]].concat();
        fault(name, rule, code, taking(&after, "RevocationList", forced(list.clone(), &[REVOCATION])))
    };
    let changed = |change: &dyn Fn(&mut RevocationList)| {
        let mut list = third.clone();
        change(&mut list);
        list
    };
    let unrevoked = |name: &str, change: &dyn Fn(&mut RevocationList)| {
        next(name, "V-296", Code::Unrevoked, "revocations a 2", &changed(change))
    };
    let earlier = changed(&|l| {
        (l.issued_at, l.next_update) = (now().minus(2 * HOUR), now());
        l.revoked.clear();
    });
    vec![
        next("revocations_rolled_back", "V-294", Code::RolledBack, "revocations a 2", &first),
        next("newer_revocations_made_earlier", "V-294", Code::RolledBack, "revocations a 2", &earlier),
        next("two_revocations_with_one_version", "V-295", Code::Equivocation, "revocations a 2", &{
            first.next(second.issued_at, &[])
        }),
        unrevoked("unrevoked", &|l| drop(l.revoked.remove(0))),
        unrevoked("unrevoked_in_part", &|l| l.revoked[0].serial -= 1),
        unrevoked("revoked_afterwards", &|l| l.revoked[1].since = 2),
        unrevoked("revoked_later_than_it_was", &|l| l.revoked[0].at = now()),
    ]
}

/// At stamps and at the hub.
fn stamps(world: &World) -> Vec<Value> {
    let (tablet, known) = (world.tablet.certificate(), knowing(&["revocations a 3"]));
    let asked = |after: &[&str], at: Timestamp| json!({ "after": after, "new_devices_of": "a.example", "at": at.as_millis() });
    let stale =
        |name: &str, after: &[&str], at| fault(name, "V-298", Code::StaleRevocations, asked(after, at));
    let older = knowing(&["revocations a 1"]);
    vec![
        fault("revoked_at_stamp", "V-297", Code::Revoked, at_stamp(&known, tablet, &naming(2))),
        fault("revoked_by_an_earlier_list", "V-297", Code::Revoked, at_stamp(&known, tablet, &naming(3))),
        fault("revocations_that_are_not_known", "V-297", Code::MissingEvidence, {
            at_stamp(&older, tablet, &naming(2))
        }),
        stale("stale_revocations", &known, now().plus(3 * DAY)),
        stale("no_revocations_at_all", &DESCRIBED, now()),
    ]
}

//! Documents as they come in.

use super::*;
use crate::{
    crypto,
    identity::{
        Agency, AgencyDescriptor, AgencyStatus, KeyPurpose, Roster,
        fixture::{DAY, agency, key, now, roots, signed, user},
    },
    store::{Preloaded, Store},
};

#[test]
fn an_anchor_is_of_one_federation() {
    let federation = TestFederation::new();
    let mut store = MemoryStore::default();
    refused(read(&store, |d| Directory.federation(d)), Code::NotReady);
    apply(&mut store, |d| Directory.install(d, &federation.anchor)).unwrap();
    let anchor = read(&store, |d| Directory.federation(d)).unwrap();
    assert_eq!((anchor.threshold(), anchor.roots()[1].holder()), (2, "holder 02"));
    assert_eq!(anchor.roots()[1].key(), key(2).verify_key().as_bytes());
    let newer = Federation::new("police.example", roots(&[4, 5]), 2).unwrap();
    apply(&mut store, |d| Directory.install(d, &newer)).unwrap();
    assert_eq!(read(&store, |d| Directory.federation(d)).unwrap(), newer);
    let other = Federation::new("fire.example", roots(&[4, 5]), 2).unwrap();
    refused(apply(&mut store, |d| Directory.install(d, &other)), Code::WrongFederation);
}

/// V-205 to V-209, through the store.
#[test]
fn trust_lists_go_on_one_by_one() {
    let federation = TestFederation::new();
    let mut store = MemoryStore::default();
    let list = |version| signed(&federation.roster(version), &[1, 2]);
    let accept = |store: &mut _, list: &Bytes| apply(store, |d| Directory.accept_trust_list(d, list));
    refused(accept(&mut store, &list(3)), Code::NotReady);
    apply(&mut store, |d| Directory.install(d, &federation.anchor)).unwrap();
    refused(accept(&mut store, &signed(&federation.roster(3), &[1])), Code::BelowThreshold);
    assert_eq!(read(&store, |d| Directory.trust_version(d)).unwrap(), 0);

    assert!(accept(&mut store, &list(3)).unwrap(), "the first may have any version");
    assert!(!accept(&mut store, &list(3)).unwrap());
    refused(accept(&mut store, &list(2)), Code::RolledBack);
    refused(accept(&mut store, &list(5)), Code::MissingEvidence);
    assert!(accept(&mut store, &list(4)).unwrap());
    assert_eq!(read(&store, |d| Directory.trust_version(d)).unwrap(), 4);
    for version in [3, 4] {
        assert_eq!(read(&store, |d| Directory.trust_list(d, version)).unwrap().version(), version);
    }
    refused(read(&store, |d| Directory.trust_list(d, 2)), Code::MissingEvidence);

    let after = |version| read(&store, |d| Directory.trust_list_after(d, version)).unwrap();
    assert_eq!(after(3), Some(list(4)));
    assert_eq!(after(4), None);
    assert_eq!(after(0), Some(list(4)));
}

/// V-227
#[test]
fn descriptors_of_all_times_are_kept() {
    let federation = TestFederation::new();
    let a = &federation.agencies[0];
    let mut store = federation.store();
    let accept = |store: &mut _, d: AgencyDescriptor| {
        let bytes = d.sign(&a.root).unwrap().into();
        apply(store, |draft| Directory.accept_descriptor(draft, &bytes))
    };
    assert!(!accept(&mut store, a.describe(1, now().minus(DAY))).unwrap(), "the one that is there");
    assert!(accept(&mut store, a.describe(9, now().plus(20 * DAY))).unwrap());
    assert!(accept(&mut store, a.describe(4, now().plus(10 * DAY))).unwrap(), "an older one");
    let versions = read(&store, |d| Directory.descriptor_versions(d)).unwrap();
    assert_eq!(versions[..2], [(agency("a.example"), 9), (agency("b.example"), 1)]);
    let newest = read(&store, |d| Directory.descriptor(d, &a.id)).unwrap().unwrap();
    assert_eq!(newest.version, 9);
    let at = |at| read(&store, |d| Directory.descriptor_at(d, &a.id, at)).map(|d| d.version);
    assert_eq!(at(now()).unwrap(), 1);
    assert_eq!(at(now().plus(15 * DAY)).unwrap(), 4);
    assert_eq!(at(now().plus(25 * DAY)).unwrap(), 9);
    refused(at(now().plus(60 * DAY)), Code::MissingEvidence);

    // Two with one number; a key with another validity; a key with another purpose.
    refused(accept(&mut store, a.describe(9, now())), Code::Equivocation);
    let mut longer = a.describe(10, now());
    longer.keys[0].not_after = now().plus(2_000 * DAY);
    refused(accept(&mut store, longer), Code::Equivocation);
    let mut other = a.describe(10, now());
    other.keys[1].purpose = KeyPurpose::Revocation;
    refused(accept(&mut store, other), Code::Equivocation);
    assert!(accept(&mut store, a.describe(10, now())).unwrap());

    // Nor may a key be gone for a while and come back as another.
    let mut without = a.describe(11, now());
    without.keys.truncate(1);
    assert!(accept(&mut store, without).unwrap());
    let mut back = a.describe(12, now());
    back.keys[1].not_after = now().plus(2_000 * DAY);
    refused(accept(&mut store, back), Code::Equivocation);
}

/// SPEC V-320: also where the agency was on no list for a while.
#[test]
fn a_root_key_is_not_exchanged_quietly() {
    use crate::identity::{AgencyChange, fixture::key};
    let next = key(60);
    let exchange = |back: &dyn Fn(Agency) -> Agency| {
        let federation = TestFederation::new();
        let mut store = federation.store();
        let mut take = |version: u64, change: &dyn Fn(&mut Roster)| {
            let mut roster = federation.roster(version);
            change(&mut roster);
            let list = signed(&roster, &[1, 2]);
            apply(&mut store, |d| Directory.accept_next_list(d, &list)).unwrap().unwrap().changes
        };
        let without = |roster: &mut Roster| drop(roster.agencies.remove(1));
        let b = agency("b.example");
        assert_eq!(take(2, &without), [(b.clone(), AgencyChange::Gone)]);
        assert_eq!(take(3, &without), []);
        let changes = take(4, &|roster| roster.agencies[1] = back(roster.agencies[1].clone()));
        assert!(changes.iter().all(|(agency, _)| *agency == b));
        // Once it is there, nothing more is said of it.
        assert_eq!(take(5, &|roster| roster.agencies[1] = back(roster.agencies[1].clone()).settled()), []);
        changes.into_iter().map(|(_, change)| change).collect::<Vec<_>>()
    };
    let replaced = |handed_over| vec![AgencyChange::Joined, AgencyChange::RootReplaced { handed_over }];
    assert_eq!(exchange(&|b| b), [AgencyChange::Joined]);
    assert_eq!(exchange(&|b| b.with_root(&next.verify_key())), replaced(false));
    let over = |b: Agency, old: u8| {
        let old = key(old);
        b.handed_over("police.example", &old, &next.verify_key()).unwrap()
    };
    assert_eq!(exchange(&|b| over(b, 20)), replaced(true));
    assert_eq!(exchange(&|b| over(b.with_root(&key(61).verify_key()), 61)), replaced(false));
}

#[test]
fn an_agency_that_is_gone_is_unknown() {
    let federation = TestFederation::new();
    let mut store = federation.store();
    let mut roster = federation.roster(2);
    roster.agencies.remove(1);
    roster.agencies[1] = roster.agencies[1].clone().with_status(AgencyStatus::Suspended);
    apply(&mut store, |d| Directory.accept_trust_list(d, &signed(&roster, &[1, 2]))).unwrap();
    let part = |name: &str, at| read(&store, |d| Directory.takes_part(d, &agency(name), at));
    assert_eq!(part("a.example", now()), Ok(()));
    refused(part("b.example", now()), Code::UnknownAgency);
    refused(part("x.example", now()), Code::UnknownAgency);
    refused(part("c.example", now()), Code::SuspendedAgency);
    refused(part("a.example", roster.expires_at.plus(limits::TRUST_LIST_GRACE)), Code::TrustExpired);
    refused(part("a.example", Timestamp::from_millis(roster.issued_at.as_millis() - 1)), Code::TrustExpired);
    assert_eq!(part("a.example", roster.issued_at), Ok(()));
}

/// SPEC V-229: that the newest descriptor does not list a key decides nothing while an older one does.
#[test]
fn a_key_that_the_newest_descriptor_drops_counts_until_the_older_ones_end() {
    let federation = TestFederation::new();
    let a = &federation.agencies[0];
    let mut store = federation.store();
    let mut without = a.describe(2, now());
    without.keys.truncate(1);
    let without = without.sign(&a.root).unwrap().into();
    apply(&mut store, |d| Directory.accept_descriptor(d, &without)).unwrap();
    let key =
        |at| read(&store, |d| Directory.server_key(d, &a.id, &a.server.verify_key().id(), at)).map(drop);
    let ends = now().plus(29 * DAY);
    assert_eq!(key(Timestamp::from_millis(ends.as_millis() - 1)), Ok(()));
    refused(key(ends), Code::MissingEvidence);
    let until = read(&store, |d| Ok(Directory.newest(d)?.list_until()));
    assert_eq!(until, Ok(federation.roster(1).expires_at.plus(limits::TRUST_LIST_GRACE)));
    let described = |at| read(&store, |d| Directory.described_until(d, &a.id, at));
    assert_eq!(described(now()), Ok(Some(now().plus(30 * DAY))));
    assert_eq!(described(now().minus(DAY)), Ok(Some(ends)));
    assert_eq!(described(now().plus(30 * DAY)), Ok(None));
    let ends = read(&store, |d| Directory.trust_ends(d)).unwrap();
    let roster = federation.roster(1);
    assert_eq!(ends, Some((1, roster.expires_at, roster.expires_at.plus(limits::TRUST_LIST_GRACE))));
}

/// SPEC V-325, V-326
#[test]
fn versions_and_suites_that_are_not_spoken() {
    let federation = TestFederation::new();
    let a = &federation.agencies[0];
    let mut store = federation.store();
    let version = |store: &_, at| read(store, |d| Directory.check_version(d, &a.id, at));
    let suite = |store: &_, n, at| read(store, |d| Directory.check_suite(d, &a.id, n, at));
    assert_eq!((version(&store, now()), suite(&store, 3, now())), (Ok(()), Ok(())));
    refused(suite(&store, 1, now()), Code::UnknownSuite);
    // The newest counts, as soon as it is in force.
    let mut next = a.describe(2, now().plus(DAY));
    (next.versions, next.suites) = (vec![2, 3], vec![1, 2]);
    let next = next.sign(&a.root).unwrap().into();
    apply(&mut store, |d| Directory.accept_descriptor(d, &next)).unwrap();
    assert_eq!((version(&store, now()), suite(&store, 3, now())), (Ok(()), Ok(())));
    refused(version(&store, now().plus(DAY)), Code::UnknownVersion);
    refused(suite(&store, 3, now().plus(DAY)), Code::UnknownSuite);
    assert_eq!(suite(&store, 2, now().plus(DAY)), Ok(()));
    // What cannot be read is not absent.
    let broken = store.rows().map(|(key, value)| {
        let descriptor = key.starts_with(&rows::descriptor_prefix(&a.id));
        (key.to_vec(), if descriptor { vec![1] } else { value.to_vec() })
    });
    refused(version(&broken.collect(), now()), Code::StoreCorrupt);
    // Without any nobody can say.
    assert_eq!(version(&store, now().plus(90 * DAY)), Ok(()));
    refused(suite(&store, 3, now().plus(90 * DAY)), Code::MissingEvidence);
}

/// SPEC V-232: what a server signed counts under the list of its time, whatever came later.
#[test]
fn a_list_does_not_reach_back() {
    let federation = TestFederation::new();
    let b = &federation.agencies[1];
    let mut store = federation.store();
    let mut update = |version: u64, days: u32, status| {
        let mut roster = federation.roster(version);
        roster.issued_at = now().plus(days * DAY);
        roster.expires_at = now().plus((days + 100) * DAY);
        roster.agencies[1] = Agency::new(b.id.clone(), status, &b.root.verify_key());
        let list = signed(&roster, &[1, 2]);
        assert!(apply(&mut store, |draft| Directory.accept_trust_list(draft, &list)).unwrap());
    };
    for version in 2..6 {
        update(version, u32::try_from(version).unwrap(), AgencyStatus::Active);
    }
    update(6, 10, AgencyStatus::Suspended);
    let key = |store: &MemoryStore, days| {
        let at = now().plus(days * DAY);
        read(store, |d| Directory.server_key(d, &b.id, &b.server.verify_key().id(), at)).map(drop)
    };
    for days in [0, 2, 3, 5, 9] {
        assert_eq!(key(&store, days), Ok(()), "day {days}");
    }
    for days in [10, 11, 12, 20] {
        refused(key(&store, days), Code::SuspendedAgency);
    }
    let at = |days: u32| now().plus(days * DAY);
    let mut back = federation.roster(7);
    (back.issued_at, back.expires_at) = (at(12), at(112));
    let back = signed(&back, &[1, 2]);
    assert!(apply(&mut store, |draft| Directory.accept_trust_list(draft, &back)).unwrap());
    // Of what was signed in between, the list that lets the agency back in decides.
    for days in [9, 10, 11, 12, 20] {
        assert_eq!(key(&store, days), Ok(()), "day {days}");
    }
    // Before the first list there is nothing to rest on.
    let (id, before) = (b.server.verify_key().id(), now().minus(11 * DAY));
    refused(read(&store, |d| Directory.server_key(d, &b.id, &id, before)).map(drop), Code::TrustExpired);
}

/// SPEC V-232: the newest list that was issued by a time, wherever those begin that are here.
#[test]
fn the_list_of_a_time() {
    let federation = TestFederation::new();
    let mut store = MemoryStore::default();
    apply(&mut store, |d| Directory.install(d, &federation.anchor)).unwrap();
    for version in 4..9_u32 {
        let mut roster = federation.roster(version.into());
        roster.issued_at = now().plus(version * DAY);
        let list = signed(&roster, &[1, 2]);
        assert!(apply(&mut store, |d| Directory.accept_trust_list(d, &list)).unwrap());
    }
    let at = |store: &MemoryStore, days: u32| {
        read(store, |d| Directory.list_at(d, now().plus(days * DAY))).map(|list| list.version())
    };
    for (days, version) in [(0, 4), (3, 4), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 8)] {
        assert_eq!(at(&store, days), Ok(version), "day {days}");
    }
    // What cannot be read is not absent.
    let broken = store
        .rows()
        .map(|(key, value)| (key.to_vec(), if key == rows::list(4) { vec![1] } else { value.to_vec() }));
    refused(at(&broken.collect(), 0), Code::StoreCorrupt);
}

#[test]
fn lists_that_a_stamp_names() {
    let federation = TestFederation::new();
    let store = federation.store();
    let has = |version, lists: &[(&str, u64)]| {
        read(&store, |d| Directory.has_lists(d, &stamp(now(), version, lists))).unwrap()
    };
    assert!(has(0, &[]) && has(1, &[]) && has(1, &[("a.example", 0)]));
    assert!(!has(2, &[]) && !has(1, &[("a.example", 1)]));
}

/// V-225, V-226
#[test]
fn descriptors_of_strangers() {
    let federation = TestFederation::new();
    let [a, b, ..] = &federation.agencies;
    let mut store = federation.store();
    let mut accept = |d: AgencyDescriptor, root: &crypto::SigningKey| {
        let bytes = d.sign(root).unwrap().into();
        apply(&mut store, |draft| Directory.accept_descriptor(draft, &bytes))
    };
    refused(accept(a.describe(2, now()), &b.root), Code::UnknownKey);
    let stranger = AgencyDescriptor { agency: agency("x.example"), ..a.describe(2, now()) };
    refused(accept(stranger, &a.root), Code::UnknownKey);
    // A rival for version 1 convicts only if the root signed it.
    refused(accept(a.describe(1, now()), &b.root), Code::UnknownKey);
}

#[test]
fn the_latest_descriptors_are_kept() {
    let federation = TestFederation::new();
    let a = &federation.agencies[0];
    let mut store = federation.store();
    apply(&mut store, |draft| {
        for version in 2..=limits::DESCRIPTORS_KEPT as u64 + 3 {
            let bytes = a.describe(version, now()).sign(&a.root)?.into();
            Directory.accept_descriptor(draft, &bytes)?;
        }
        Ok(())
    })
    .unwrap();
    let rows = store.scan(&rows::descriptor_prefix(&a.id), None, 1_000).unwrap();
    assert_eq!(rows.len(), limits::DESCRIPTORS_KEPT);
    assert_eq!(Descriptor::from_store(rows.last().unwrap().1.clone()).unwrap().version, 4);
}

/// V-245, V-251, V-253, through the store.
#[test]
fn chains_come_whole_or_in_parts() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let tablet = federation.further(&anna, 2);
    let third = federation.further(&anna, 3);
    let mut store = federation.store();
    let accept = |store: &mut _, links: &[Bytes]| {
        apply(store, |d| crate::identity::fixture::take_chain(d, links).map(|taken| taken.news))
    };
    let of = |store: &_, name| read(store, |d| Directory.chain_bytes(d, &user(name))).unwrap();
    refused(accept(&mut store, &third.chain()[1..]), Code::MissingEvidence);
    assert!(accept(&mut store, &third.chain()[..1]).unwrap());
    refused(accept(&mut store, &third.chain()[2..]), Code::MissingEvidence);
    assert!(accept(&mut store, &third.chain()[1..]).unwrap());
    assert!(!accept(&mut store, third.chain()).unwrap());
    assert!(!accept(&mut store, tablet.chain()).unwrap(), "a shorter one takes nothing away");
    assert_eq!(of(&store, "anna@a.example"), third.chain());
    assert!(of(&store, "bert@b.example").is_empty());

    // Another history of the same user, countersigned by the same agency.
    let mut other = TestFederation::new();
    let rival = other.person("anna@a.example", 9);
    let taken = apply(&mut store, |d| crate::identity::fixture::take_chain(d, rival.chain())).unwrap();
    refused(taken.complete(), Code::Equivocation);
    assert_eq!(of(&store, "anna@a.example"), third.chain(), "nothing of it is taken");

    // Links of users whose agency's descriptor is not here.
    let mut bare = MemoryStore::default();
    apply(&mut bare, |d| Directory.install(d, &federation.anchor)).unwrap();
    refused(accept(&mut bare, anna.chain()), Code::MissingEvidence);
}

/// V-251: a link whose countersigning key is long retired, as long as a descriptor lists it.
#[test]
fn old_links_need_old_keys() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let a = &federation.agencies[0];
    let much_later = now().plus(300 * DAY);
    let descriptor = |keep: bool| {
        let mut descriptor = a.describe(50, much_later);
        if !keep {
            descriptor.keys.remove(0);
        }
        descriptor.sign(&a.root).unwrap().into()
    };
    let store_with = |descriptor: &Bytes| {
        let mut store = MemoryStore::default();
        apply(&mut store, |d| {
            Directory.install(d, &federation.anchor)?;
            Directory.accept_trust_list(d, &federation.trust_list())?;
            Directory.accept_descriptor(d, descriptor)
        })
        .unwrap();
        store
    };
    let accept = |mut store: MemoryStore| {
        apply(&mut store, |d| crate::identity::fixture::take_chain(d, anna.chain())).map(|taken| taken.news)
    };
    assert!(accept(store_with(&descriptor(true))).unwrap());
    refused(accept(store_with(&descriptor(false))), Code::MissingEvidence);
}

/// Two processes on one store: the second one's stale batch is refused.
#[test]
fn concurrent_writers_conflict() {
    use crate::{
        identity::fixture::rng,
        store::{Apply, Ctx, Transition},
    };
    let federation = TestFederation::new();
    let mut store = federation.store();
    let before = store.clone();
    let accept = |roster: &Roster| -> Transition<bool, ()> {
        let mut rng = rng(1);
        let mut draft = Draft::new(Ctx { now: now(), store: &before, rng: &mut rng });
        let new = Directory.accept_trust_list(&mut draft, &signed(roster, &[1, 2])).unwrap();
        draft.finish(new).unwrap()
    };
    let mut rival = federation.roster(2);
    rival.agencies.pop();
    let (one, two) = (accept(&federation.roster(2)), accept(&rival));
    one.commit(&mut store).unwrap();
    assert!(store.apply(two.batch()).is_err());
}

/// A host that loads rows as they are asked for gets there by naming one prefix.
#[test]
fn one_prefix_loads_everything() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let store = knowing(&federation, &[&anna]);
    let mut preloaded = Preloaded::default();
    let look = |store: &dyn Store| {
        let ctx = crate::store::Ctx { now: now(), store, rng: &mut crate::identity::fixture::rng(0) };
        Directory.verify_device(&Draft::new(ctx), anna.certificate())
    };
    refused(look(&preloaded), Code::NotLoaded);
    let prefix = Directory.touches();
    assert!(!prefix.is_empty() && store.rows().all(|(key, _)| key.starts_with(&prefix)));
    preloaded.load(prefix.clone(), store.scan(&prefix, None, usize::MAX).unwrap());
    assert!(look(&preloaded).is_ok());
}

/// Who watches these rows learns when an answer may be another one.
#[test]
fn rows_that_change_with_what_they_stand_for() {
    let federation = TestFederation::new();
    let before = federation.store();
    let mut after = before.clone();
    let mut roster = federation.roster(2);
    let b = &federation.agencies[1];
    roster.agencies[1] = Agency::new(b.id.clone(), AgencyStatus::Suspended, &b.root.verify_key());
    let list = signed(&roster, &[1, 2]);
    assert!(apply(&mut after, |d| Directory.accept_trust_list(d, &list)).unwrap());
    for key in [Directory.trust_row(), Directory.agency_row(&b.id)] {
        assert_ne!(before.get(&key).unwrap(), after.get(&key).unwrap());
    }
    let standing = Directory.standing_rows(&user("bert@b.example"));
    assert!(
        standing.contains(&Directory.agency_row(&b.id)) && standing.contains(&Directory.revocations_rows())
    );
    assert_eq!(b.describe(1, now()).keys[0].key(), b.certificate.verify_key().as_bytes());
}

/// A row that cannot be read is a failure of the store, never an absence.
#[test]
fn corrupt_rows() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let a = agency("a.example");
    let sound = knowing(&federation, &[&anna]);
    for key in [
        rows::list(1),
        rows::descriptor(&a, &federation.agencies[0].root.verify_key().id(), 1),
        rows::link(&user("anna@a.example"), anna.verified.identity(), 0),
    ] {
        let store: MemoryStore =
            sound.rows().map(|(k, v)| (k.to_vec(), if k == key { vec![1] } else { v.to_vec() })).collect();
        refused(verify(&store, &anna, now(), 1), Code::StoreCorrupt);
    }
    for key in [rows::trust(), rows::anchor(), rows::known(&a)] {
        let store: MemoryStore =
            sound.rows().map(|(k, v)| (k.to_vec(), if k == key { vec![1] } else { v.to_vec() })).collect();
        let all = read(&store, |d| {
            Directory.trust_version(d)?;
            Directory.federation(d)?;
            Directory.descriptor_versions(d)
        });
        refused(all, Code::StoreCorrupt);
    }
}

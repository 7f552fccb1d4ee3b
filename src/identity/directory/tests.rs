//! The directory.

use super::*;
use crate::{
    crypto,
    identity::{
        AgencyDescriptor, KeyPurpose, OperationalKey, Roster,
        certificate::read_certificate,
        fixture::{DAY, TestDevice, TestFederation, agency, apply, key, now, read, roots, signed, user},
    },
    store::{MemoryStore, Preloaded, Store},
};

fn refused(result: Result<impl Sized>, code: Code) {
    assert_eq!(result.err().map(|e| e.code()), Some(code));
}

/// A store that knows the federation and these devices' chains.
fn knowing(federation: &TestFederation, devices: &[&TestDevice]) -> MemoryStore {
    let mut store = federation.store();
    for device in devices {
        apply(&mut store, |draft| Directory.accept_chain(draft, device.chain())).unwrap();
    }
    store
}

fn verify(store: &MemoryStore, device: &TestDevice, at: Timestamp, version: u64) -> Result<VerifiedDevice> {
    read(store, |draft| Directory.verify_device(draft, device.certificate(), at, version))
}

#[test]
fn devices_of_both_agencies_verify() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let tablet = federation.further(&anna, 2);
    let bert = federation.person("bert@b.example", 3);
    let store = knowing(&federation, &[&tablet, &bert]);
    for device in [&anna, &tablet, &bert] {
        let verified = verify(&store, device, now(), 1).unwrap();
        assert_eq!(verified, device.verified);
        assert_eq!(verified.key(), &device.new.key().verify_key());
    }
}

#[test]
fn an_anchor_is_of_one_federation() {
    let federation = TestFederation::new();
    let mut store = MemoryStore::default();
    refused(read(&store, |d| Directory.federation(d)), Code::NotReady);
    apply(&mut store, |d| Directory.install(d, &federation.anchor)).unwrap();
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
    assert_eq!(versions, [(agency("a.example"), 9), (agency("b.example"), 1)]);
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
}

/// V-225, V-226
#[test]
fn descriptors_of_strangers() {
    let federation = TestFederation::new();
    let [a, b] = &federation.agencies;
    let mut store = federation.store();
    let mut accept = |d: AgencyDescriptor, root: &crypto::SigningKey| {
        let bytes = d.sign(root).unwrap().into();
        apply(&mut store, |draft| Directory.accept_descriptor(draft, &bytes))
    };
    refused(accept(a.describe(2, now()), &b.root), Code::UnknownKey);
    let stranger = AgencyDescriptor { agency: agency("c.example"), ..a.describe(2, now()) };
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

/// V-263: the stamped list decides, not the newest.
#[test]
fn validity_is_that_of_the_stamped_list() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let mut store = knowing(&federation, &[&anna]);
    let mut second = federation.roster(2);
    second.agencies.remove(0);
    apply(&mut store, |d| Directory.accept_trust_list(d, &signed(&second, &[1, 2]))).unwrap();
    assert!(verify(&store, &anna, now(), 1).is_ok());
    refused(verify(&store, &anna, now(), 2), Code::UnknownAgency);
    refused(verify(&store, &anna, now(), 3), Code::MissingEvidence);
}

/// V-229: a root that was replaced bears out nothing under the list that replaced it.
#[test]
fn replaced_root() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let mut store = knowing(&federation, &[&anna]);
    federation.agencies[0].root = key(60);
    let list = signed(&federation.roster(2), &[1, 2]);
    let descriptor = federation.agencies[0].describe(2, now()).sign(&key(60)).unwrap().into();
    refused(apply(&mut store, |d| Directory.accept_descriptor(d, &descriptor)), Code::UnknownKey);
    apply(&mut store, |d| Directory.accept_trust_list(d, &list)).unwrap();
    assert!(verify(&store, &anna, now(), 1).is_ok());
    refused(verify(&store, &anna, now(), 2), Code::MissingEvidence);
    apply(&mut store, |d| Directory.accept_descriptor(d, &descriptor)).unwrap();
    assert!(verify(&store, &anna, now(), 2).is_ok());
}

/// V-228: a descriptor that is not valid then bears out nothing.
#[test]
fn outdated_descriptor() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let mut store = knowing(&federation, &[&anna]);
    let later = now().plus(29 * DAY);
    refused(verify(&store, &anna, later, 1), Code::MissingEvidence);
    let a = &federation.agencies[0];
    let renewed = a.describe(2, now().plus(20 * DAY)).sign(&a.root).unwrap().into();
    apply(&mut store, |d| Directory.accept_descriptor(d, &renewed)).unwrap();
    assert!(verify(&store, &anna, later, 1).is_ok());
    assert!(verify(&store, &anna, now(), 1).is_ok(), "the older one still bears out older things");
}

/// V-230, V-231
#[test]
fn wrong_purpose_and_expired_key() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let a = &federation.agencies[0];
    let mut store = knowing(&federation, &[&anna]);
    let claims = read_certificate(anna.certificate()).unwrap();
    let by_server = crypto::sign(claims.clone(), &[&a.server]).bytes().clone();
    refused(read(&store, |d| Directory.verify_device(d, &by_server, now(), 1)), Code::UnknownKey);

    let mut descriptor = a.describe(2, now());
    let short = key(70).verify_key();
    let (from, until) = (now().minus(DAY), now().plus(DAY));
    descriptor.keys.push(OperationalKey::new(KeyPurpose::Certificate, short.as_bytes(), from, until));
    let descriptor = descriptor.sign(&a.root).unwrap().into();
    apply(&mut store, |d| Directory.accept_descriptor(d, &descriptor)).unwrap();
    let by_short = crypto::sign(claims, &[&key(70)]).bytes().clone();
    let at = |at| read(&store, |d| Directory.verify_device(d, &by_short, at, 1));
    assert!(at(now()).is_ok());
    refused(at(until), Code::Expired);
}

#[test]
fn server_keys() {
    let federation = TestFederation::new();
    let store = federation.store();
    let [a, b] = &federation.agencies;
    let find = |agency: &AgencyId, key: &crypto::SigningKey, at| {
        read(&store, |d| Directory.server_key(d, agency, &key.verify_key().id(), at))
    };
    assert_eq!(find(&a.id, &a.server, now()).unwrap(), a.server.verify_key());
    refused(find(&a.id, &a.certificate, now()), Code::UnknownKey);
    refused(find(&a.id, &b.server, now()), Code::MissingEvidence);
    refused(find(&agency("c.example"), &b.server, now()), Code::UnknownAgency);
    refused(find(&a.id, &a.server, now().plus(40 * DAY)), Code::MissingEvidence);
    refused(find(&a.id, &a.server, now().plus(400 * DAY)), Code::Expired);
    refused(
        read(&MemoryStore::default(), |d| Directory.server_key(d, &a.id, &key(1).verify_key().id(), now())),
        Code::MissingEvidence,
    );
}

/// V-245, V-251, V-253, through the store.
#[test]
fn chains_come_whole_or_in_parts() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let tablet = federation.further(&anna, 2);
    let third = federation.further(&anna, 3);
    let mut store = federation.store();
    let accept = |store: &mut _, links: &[Bytes]| apply(store, |d| Directory.accept_chain(d, links));
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
    refused(accept(&mut store, rival.chain()), Code::Equivocation);
    assert_eq!(of(&store, "anna@a.example"), third.chain(), "an error changes nothing");

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
    let accept = |mut store: MemoryStore| apply(&mut store, |d| Directory.accept_chain(d, anna.chain()));
    assert!(accept(store_with(&descriptor(true))).unwrap());
    refused(accept(store_with(&descriptor(false))), Code::MissingEvidence);
}

#[test]
fn evidence_is_enough_for_a_stranger() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let tablet = federation.further(&anna, 2);
    let bert = federation.person("bert@b.example", 3);
    let store = knowing(&federation, &[&tablet, &bert]);
    let users = [user("bert@b.example"), user("anna@a.example"), user("bert@b.example")];
    let mut evidence = read(&store, |d| Directory.evidence_for(d, &users, now())).unwrap();
    assert_eq!(evidence.len(), 2 + 2 + 1);

    let mut stranger = MemoryStore::default();
    apply(&mut stranger, |d| {
        Directory.install(d, &federation.anchor)?;
        Directory.accept_trust_list(d, &federation.trust_list())
    })
    .unwrap();
    refused(verify(&stranger, &tablet, now(), 1), Code::MissingEvidence);
    evidence.rotate_left(2); // descriptors last: the order between kinds does not matter
    assert!(apply(&mut stranger, |d| Directory.accept_evidence(d, &evidence)).unwrap());
    assert!(!apply(&mut stranger, |d| Directory.accept_evidence(d, &evidence)).unwrap());
    for device in [&anna, &tablet, &bert] {
        assert!(verify(&stranger, device, now(), 1).is_ok());
    }

    let later = |d: &Draft<'_>| Directory.evidence_for(d, &users, now().plus(90 * DAY));
    refused(read(&store, later), Code::MissingEvidence);
    refused(
        read(&store, |d| Directory.evidence_for(d, [&user("carl@a.example")], now())),
        Code::MissingEvidence,
    );
}

/// V-276
#[test]
fn an_enrolment_is_all_that_a_device_needs() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let bytes: Bytes = anna.enrolment.to_bytes().into();
    let mut store = MemoryStore::default();
    refused(apply(&mut store, |d| Directory.accept_enrolment(d, &bytes)), Code::NotReady);
    apply(&mut store, |d| Directory.install(d, &federation.anchor)).unwrap();
    for _ in 0..2 {
        let device = apply(&mut store, |d| Directory.accept_enrolment(d, &bytes)).unwrap();
        assert_eq!(device, anna.verified);
    }
    assert_eq!(read(&store, |d| Directory.trust_version(d)).unwrap(), 1);
    assert!(verify(&store, &anna, now(), 1).is_ok());

    let other = Federation::new("police.example", roots(&[4, 5]), 1).unwrap();
    let mut elsewhere = MemoryStore::default();
    apply(&mut elsewhere, |d| Directory.install(d, &other)).unwrap();
    refused(apply(&mut elsewhere, |d| Directory.accept_enrolment(d, &bytes)), Code::BelowThreshold);
}

/// V-276: anchors from before and after a change of root keys.
#[test]
fn enrolment_after_the_roots_changed() {
    let mut federation = TestFederation::new();
    let rotated = |federation: &TestFederation, version| Roster {
        roots: roots(&[3, 4, 5]),
        ..federation.roster(version)
    };
    let lists = [
        signed(&rotated(&federation, 2), &[1, 3, 4]),
        signed(&rotated(&federation, 3), &[4, 5]),
        signed(&rotated(&federation, 4), &[4, 5]),
    ];
    let home = federation.home(&agency("a.example"));
    apply(&mut home.store, |d| {
        lists.iter().try_for_each(|list| Directory.accept_trust_list(d, list).map(drop))
    })
    .unwrap();
    let anna = federation.person("anna@a.example", 1);
    assert_eq!(anna.enrolment.trust_lists.len(), 4);
    let new_anchor = Federation::new("police.example", roots(&[3, 4, 5]), 2).unwrap();
    let bytes: Bytes = anna.enrolment.to_bytes().into();
    for (anchor, first) in [(&federation.anchor, 2), (&new_anchor, 4)] {
        assert!(anna.enrolment.verify(anchor, now()).is_ok());
        let mut store = MemoryStore::default();
        apply(&mut store, |d| Directory.install(d, anchor)).unwrap();
        apply(&mut store, |d| Directory.accept_enrolment(d, &bytes)).unwrap();
        assert_eq!(read(&store, |d| Directory.trust_version(d)).unwrap(), 4);
        assert!(read(&store, |d| Directory.trust_list(d, first)).is_ok());
        assert!(read(&store, |d| Directory.trust_list(d, first - 1)).is_err());
    }
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
        Directory.verify_device(&Draft::new(ctx), anna.certificate(), now(), 1)
    };
    refused(look(&preloaded), Code::NotLoaded);
    let prefix = Directory.touches();
    preloaded.load(prefix.clone(), store.scan(&prefix, None, usize::MAX).unwrap());
    assert!(look(&preloaded).is_ok());
}

/// A row that cannot be read is a failure of the store, never an absence.
#[test]
fn corrupt_rows() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let a = agency("a.example");
    let sound = knowing(&federation, &[&anna]);
    for key in [rows::list(1), rows::descriptor(&a, 1), rows::link(&user("anna@a.example"), 0)] {
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

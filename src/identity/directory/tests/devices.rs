//! Devices and keys under what is there.

use super::*;
use crate::{
    crypto,
    identity::{
        KeyPurpose, OperationalKey, Roster, Told,
        certificate::{DeviceCertificate, read_certificate},
        fixture::{DAY, TestDevice, agency, key, now, roots, signed, user},
    },
};

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
    let list = signed(&Roster { issued_at: now(), ..federation.roster(2) }, &[1, 2]);
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
    refused(read(&store, |d| Directory.verify_device(d, &by_server)), Code::UnknownKey);

    let mut descriptor = a.describe(2, now());
    let short = key(70).verify_key();
    let (from, until) = (now().minus(DAY), now().plus(DAY));
    descriptor.keys.push(OperationalKey::new(KeyPurpose::Certificate, short.as_bytes(), from, until));
    let descriptor = descriptor.sign(&a.root).unwrap().into();
    apply(&mut store, |d| Directory.accept_descriptor(d, &descriptor)).unwrap();
    let by_short = crypto::sign(claims, &[&key(70)]).bytes().clone();
    let at = |at| read(&store, |d| Directory.view(d, &stamp(at, 1, &[]))?.device(&by_short));
    assert!(at(now()).is_ok());
    refused(at(until), Code::Expired);
}

#[test]
fn server_keys() {
    let federation = TestFederation::new();
    let store = federation.store();
    let [a, b, ..] = &federation.agencies;
    let find = |agency: &AgencyId, key: &crypto::SigningKey, at| {
        read(&store, |d| Directory.server_key(d, agency, &key.verify_key().id(), at))
    };
    assert_eq!(find(&a.id, &a.server, now()).unwrap(), a.server.verify_key());
    refused(find(&a.id, &a.certificate, now()), Code::UnknownKey);
    refused(find(&a.id, &b.server, now()), Code::MissingEvidence);
    refused(find(&agency("x.example"), &b.server, now()), Code::UnknownAgency);
    refused(find(&a.id, &a.server, now().plus(40 * DAY)), Code::MissingEvidence);
    refused(find(&a.id, &a.server, now().plus(400 * DAY)), Code::TrustExpired);
    refused(
        read(&MemoryStore::default(), |d| Directory.server_key(d, &a.id, &key(1).verify_key().id(), now())),
        Code::MissingEvidence,
    );
}

fn told(one: &TestDevice, known: u32) -> Told<'_> {
    let (user, identity) = (one.verified.user(), one.verified.identity());
    Told { user, identity, known, signer: None }
}

/// V-453: what binds a device that is in a room, whatever has ended.
#[test]
fn what_binds_a_device_outlasts_what_ends() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let tablet = federation.further(&anna, 2);
    let mut store = knowing(&federation, &[&tablet]);
    let bound = |store: &MemoryStore, certificate: &Bytes, at| {
        read(store, |d| Directory.view(d, &stamp(at, 1, &[]))?.bound(certificate))
    };
    // Its agency is behind with its papers; then it has dropped the key; then the certificate has ended.
    let (behind, over) = (now().plus(40 * DAY), now().plus(350 * DAY));
    refused(verify(&store, &anna, behind, 1), Code::MissingEvidence);
    assert_eq!(bound(&store, anna.certificate(), behind).unwrap(), anna.verified);
    let a = &federation.agencies[0];
    let mut dropped = a.describe(2, behind.minus(DAY));
    dropped.keys.retain(|key| key.purpose() != KeyPurpose::Certificate);
    let dropped = dropped.sign(&a.root).unwrap().into();
    apply(&mut store, |d| Directory.accept_descriptor(d, &dropped)).unwrap();
    refused(verify(&store, &anna, behind, 1), Code::MissingEvidence);
    assert_eq!(bound(&store, anna.certificate(), behind).unwrap(), anna.verified);
    assert_eq!(bound(&store, anna.certificate(), over).unwrap(), anna.verified);
    // Who does not know her is given both descriptors.
    let id = a.certificate.verify_key().id();
    let signed = [Told { signer: Some(&id), ..told(&anna, 0) }];
    assert_eq!(read(&store, |d| Directory.evidence_for(d, signed, behind)).unwrap().len(), 2 + 2);
    assert_eq!(read(&store, |d| Directory.evidence_for(d, [told(&anna, 0)], behind)).unwrap().len(), 1 + 2);

    // What does not bind: V-262, V-230, V-117, V-267, V-266, each by itself.
    let claims = || read_certificate(anna.certificate()).unwrap();
    let by =
        |claims: DeviceCertificate, key: &crypto::SigningKey| crypto::sign(claims, &[key]).bytes().clone();
    let (a, b) = (&federation.agencies[0], &federation.agencies[1]);
    let code = |certificate: &Bytes| bound(&store, certificate, now()).err().map(|error| error.code());
    let mut foreign = claims();
    foreign.agency = b.id.clone();
    assert_eq!(code(&by(foreign, &b.certificate)), Some(Code::ForeignAgencyUser));
    assert_eq!(code(&by(claims(), &a.server)), Some(Code::UnknownKey));
    assert_eq!(code(&by(claims(), &key(71))), Some(Code::MissingEvidence));
    let mut flipped = anna.certificate().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(code(&flipped.into()), Some(Code::BadSignature));
    let mut unendorsed = claims();
    unendorsed.device.id = crate::ids::DeviceId::from_bytes([9; 16]);
    assert_eq!(code(&by(unendorsed, &a.certificate)), Some(Code::UnendorsedDevice));
    let mut another = claims();
    another.kind = crate::identity::UserKind::Service;
    assert_eq!(code(&by(another, &a.certificate)), Some(Code::CertificateMismatch));
    let mut unknown = claims();
    unknown.identity = crate::ids::Hash::from_bytes([9; 32]);
    assert_eq!(code(&by(unknown, &a.certificate)), Some(Code::MissingEvidence));
}

/// V-231, V-453: a key that was retired before a certificate begins, or begins after it ends, binds
/// nothing; so a stolen one is worth nothing some time after.
#[test]
fn a_retired_key_binds_nothing_later() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let mut store = knowing(&federation, &[&anna]);
    let claims = read_certificate(anna.certificate()).unwrap();
    let (begins, ends) = (claims.not_before, claims.not_after);
    let a = &federation.agencies[0];
    let mut descriptor = a.describe(2, now());
    let validity =
        [(80, begins.minus(DAY), begins), (81, ends, ends.plus(DAY)), (82, begins.minus(DAY), now())];
    for (n, from, until) in validity {
        let public = key(n).verify_key();
        descriptor.keys.push(OperationalKey::new(KeyPurpose::Certificate, public.as_bytes(), from, until));
    }
    let descriptor = descriptor.sign(&a.root).unwrap().into();
    apply(&mut store, |d| Directory.accept_descriptor(d, &descriptor)).unwrap();
    let bound = |n| {
        let certificate = crypto::sign(claims.clone(), &[&key(n)]).bytes().clone();
        read(&store, |d| Directory.view(d, &stamp(ends, 1, &[]))?.bound(&certificate))
    };
    refused(bound(80), Code::Expired);
    refused(bound(81), Code::Expired);
    assert!(bound(82).is_ok());
}

#[test]
fn evidence_is_enough_for_a_stranger() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let tablet = federation.further(&anna, 2);
    let bert = federation.person("bert@b.example", 3);
    let store = knowing(&federation, &[&tablet, &bert]);
    let users = [&bert, &tablet, &bert].map(|one| told(one, 0));
    let mut evidence = read(&store, |d| Directory.evidence_for(d, users, now())).unwrap();
    assert_eq!(evidence.len(), 2 + 2 + 1);

    let mut stranger = MemoryStore::default();
    apply(&mut stranger, |d| {
        Directory.install(d, &federation.anchor)?;
        Directory.accept_trust_list(d, &federation.trust_list())
    })
    .unwrap();
    refused(verify(&stranger, &tablet, now(), 1), Code::MissingEvidence);
    evidence.rotate_left(2); // descriptors last: the order between kinds does not matter
    for news in [true, false] {
        let taken = apply(&mut stranger, |d| Directory.accept_evidence(d, &evidence)).unwrap();
        assert_eq!(taken.news, news);
    }
    for device in [&anna, &tablet, &bert] {
        assert!(verify(&stranger, device, now(), 1).is_ok());
    }

    // When the descriptors have ended they are the evidence all the same: whoever is there is there.
    let later = |d: &Draft<'_>| Directory.evidence_for(d, users, now().plus(90 * DAY));
    assert_eq!(read(&store, later).unwrap().len(), 2 + 2 + 1);
    let carl = Told { user: &user("carl@a.example"), ..told(&bert, 0) };
    refused(read(&store, |d| Directory.evidence_for(d, [carl], now())), Code::MissingEvidence);
    // Who has some of a chain is given the rest.
    let rest = [told(&tablet, 1)];
    let rest = read(&store, |d| Directory.evidence_for(d, rest, now())).unwrap();
    assert_eq!(rest.len(), 2);
}

/// Beside the newest descriptor goes the newest that lists the key, where that one does not, and no other.
#[test]
fn evidence_names_the_key_that_signed() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let mut store = knowing(&federation, &[&anna]);
    let a = &federation.agencies[0];
    let described: Vec<Bytes> = (2..=4)
        .map(|version| {
            let mut descriptor = a.describe(version, now().minus(DAY));
            if version > 2 {
                let other = key(77).verify_key();
                let (from, until) = (now().minus(DAY), now().plus(DAY));
                descriptor.keys[0] =
                    OperationalKey::new(KeyPurpose::Certificate, other.as_bytes(), from, until);
            }
            descriptor.sign(&a.root).unwrap().into()
        })
        .collect();
    for descriptor in &described {
        apply(&mut store, |d| Directory.accept_descriptor(d, descriptor)).unwrap();
    }
    let signers = [a.certificate.verify_key().id(), key(77).verify_key().id(), key(78).verify_key().id()];
    let named = |signer| {
        let one = Told { signer, ..told(&anna, 1) };
        let evidence = read(&store, |d| Directory.evidence_for(d, [one], now())).unwrap();
        evidence.iter().map(|one| one.bytes().clone()).collect::<Vec<_>>()
    };
    assert_eq!(named(Some(&signers[0])), [described[2].clone(), described[0].clone()]);
    for signer in [Some(&signers[1]), Some(&signers[2]), None] {
        assert_eq!(named(signer), described[2..]);
    }
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
    for (anchor, first) in [(&federation.anchor, 1), (&new_anchor, 2)] {
        assert!(anna.enrolment.verify(anchor, now()).is_ok());
        let mut store = MemoryStore::default();
        apply(&mut store, |d| Directory.install(d, anchor)).unwrap();
        apply(&mut store, |d| Directory.accept_enrolment(d, &bytes)).unwrap();
        // Again: most of the lists are older than the one that is known by now.
        apply(&mut store, |d| Directory.accept_enrolment(d, &bytes)).unwrap();
        assert_eq!(read(&store, |d| Directory.trust_version(d)).unwrap(), 4);
        let mut forged = anna.enrolment.clone();
        forged.trust_lists.push(signed(&rotated(&federation, 5), &[4]));
        let forged = forged.to_bytes().into();
        refused(apply(&mut store, |d| Directory.accept_enrolment(d, &forged)), Code::BelowThreshold);
        for version in first..=4 {
            assert!(read(&store, |d| Directory.trust_list(d, version)).is_ok());
        }
        assert!(read(&store, |d| Directory.trust_list(d, first - 1)).is_err());
    }
}

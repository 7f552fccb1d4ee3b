//! Enrolment, one fault at a time.

use proptest::prelude::*;

use super::*;
use crate::{
    crypto::SigningKey,
    error::Result,
    identity::{
        RecoveryKey, Roster, UserKind,
        fixture::{DAY, TestFederation, key, now, read, rng, user},
    },
    ids::Device,
    store::{Ctx, MemoryStore},
    wire::proto,
};
use prost::Message as _;

fn refused(result: Result<impl Sized>, code: Code) {
    assert_eq!(result.err().map(|e| e.code()), Some(code));
}

fn anna() -> NewDevice {
    NewDevice::generate(user("anna@a.example"), &mut rng(1))
}

fn founding(device: &NewDevice, at: Timestamp) -> Vec<u8> {
    device.found(UserKind::Person, vec![RecoveryKey::own(&key(100).verify_key())], at).unwrap()
}

/// The request after a change to its outer message.
fn changed(request: &[u8], change: impl FnOnce(&mut proto::EnrolmentRequest)) -> Vec<u8> {
    let mut envelope = proto::Envelope::decode(request).unwrap();
    let mut message = proto::EnrolmentRequest::decode(envelope.body.clone()).unwrap();
    change(&mut message);
    envelope.body = message.encode_to_vec().into();
    envelope.encode_to_vec()
}

#[test]
fn first_and_further_devices_and_renewal() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let tablet = federation.further(&phone, 2);
    let third = federation.further(&tablet, 3);
    assert_eq!(third.chain().len(), 3);
    assert_eq!([&phone, &tablet, &third].map(|d| d.verified.chain_n()), [0, 1, 2]);
    assert_eq!([&phone, &tablet, &third].map(|d| d.verified.serial()), [1, 2, 3]);
    let (device, chain) = third.enrolment.verify(&federation.anchor, now()).unwrap();
    assert_eq!((device.device(), chain.len()), (third.new.device(), 3));
}

/// SPEC V-275, V-356: a device asks with what is on its chain.
#[test]
fn a_device_asks_for_another_certificate() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let tablet = federation.further(&phone, 2);
    let chain = federation.chain(&tablet);
    for device in [&phone, &tablet] {
        let request = chain.renew(&device.new, now().plus(20 * DAY)).unwrap();
        let (_, renewed) = federation.agencies[0].enrol(&request).unwrap();
        assert_eq!(renewed.device(), device.new.device());
        assert!(renewed.serial() > device.verified.serial());
        assert_eq!((renewed.chain_n(), renewed.identity()), (1, chain.identity()));
    }
    let stranger = NewDevice::generate(user("anna@a.example"), &mut rng(9));
    let refused = chain.renew(&stranger, now()).unwrap_err();
    assert_eq!(refused.code(), Code::UnendorsedDevice);
}

#[test]
fn a_request_again_renews_the_certificate() {
    let mut federation = TestFederation::new();
    let (device, request) = (anna(), founding(&anna(), now()));
    let (first, _) = federation.agencies[0].enrol(&request).unwrap();
    let registrar = &federation.agencies[0].registrar;
    let much_later = now().plus(20 * DAY);
    let ctx = Ctx { now: much_later, store: &federation.agencies[0].store.clone(), rng: &mut rng(1) };
    let renewed = registrar.enrol(ctx, &request, 300 * DAY).unwrap();
    let renewed = renewed.commit(&mut federation.agencies[0].store).unwrap().value;
    assert_eq!(renewed.device.device(), device.device());
    assert_eq!((renewed.device.serial(), renewed.enrolment.chain.len()), (2, 1));
    assert_eq!(renewed.enrolment.chain, first.chain);
    assert!(renewed.device.validity().1 == much_later.plus(300 * DAY));
}

/// An enrolment has the trust lists that are there, from the one on with which the anchor began.
#[test]
fn an_enrolment_begins_with_the_first_list_that_is_there() {
    let federation = TestFederation::new();
    let a = &federation.agencies[0];
    let mut store = MemoryStore::default();
    for version in [7, 8] {
        let list = crate::identity::fixture::signed(&federation.roster(version), &[1, 2]);
        crate::identity::fixture::apply(&mut store, |draft| {
            crate::identity::Directory.install(draft, &federation.anchor)?;
            crate::identity::Directory.accept_trust_list(draft, &list)?;
            crate::identity::Directory.accept_descriptor(draft, &a.descriptor())
        })
        .unwrap();
    }
    let request = founding(&anna(), now());
    let enrol = |store: &dyn crate::store::Store| {
        let ctx = Ctx { now: now(), store, rng: &mut rng(1) };
        a.registrar.enrol(ctx, &request, DAY)
    };
    let enrolled = enrol(&store).unwrap().commit(&mut store.clone()).unwrap().value;
    assert_eq!(enrolled.enrolment.trust_lists.len(), 2);
    // One that the store does not have at hand is not one that is not there.
    let mut partly = crate::store::Preloaded::default();
    for prefix in [&b"registrar/"[..], b"id/anchor", b"id/trust", b"id/agency/", b"id/root/", b"id/known/"]
        .into_iter()
        .chain([&b"id/desc/"[..], b"id/identity/", b"id/chain/", b"id/gone/", b"id/fork/", b"id/rversion/"])
        .chain([&b"id/rlist/"[..], b"id/revoked/", b"id/removals"])
    {
        let rows = store.rows().filter(|(key, _)| key.starts_with(prefix));
        partly.load(prefix.to_vec(), rows.map(|(key, row)| (key.to_vec(), row.to_vec())));
    }
    let newest = store.rows().filter(|(key, _)| key.starts_with(b"id/list/")).last().unwrap();
    partly.load(newest.0.to_vec(), [(newest.0.to_vec(), newest.1.to_vec())]);
    refused(enrol(&partly).map(drop), Code::NotLoaded);
}

#[test]
fn a_request_says_what_is_asked() {
    let request = EnrolmentRequest::from_bytes(&founding(&anna(), now())).unwrap();
    assert_eq!(request.user(), &user("anna@a.example"));
    assert_eq!(&request.device(), anna().device());
    assert_eq!((request.founds(), request.at()), (Some(UserKind::Person), now()));
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let tablet = NewDevice::generate(user("anna@a.example"), &mut rng(2));
    let chain = federation.chain(&first);
    let request = chain.endorse(&tablet.offer(now()), first.new.key(), now()).unwrap();
    let request = EnrolmentRequest::from_bytes(&request).unwrap();
    assert_eq!((request.founds(), &request.device()), (None, tablet.device()));
}

/// V-243
#[test]
fn founding_without_the_right_recovery_keys() {
    let device = anna();
    let own = || RecoveryKey::own(&key(100).verify_key());
    refused(device.found(UserKind::Person, vec![], now()), Code::BadField);
    refused(device.found(UserKind::Role, vec![own()], now()), Code::BadField);
    let desk = |a, b| {
        vec![RecoveryKey::kept_by(b, &key(101).verify_key()), RecoveryKey::kept_by(a, &key(100).verify_key())]
    };
    assert!(device.found(UserKind::Role, desk("anna", "bert"), now()).is_ok());
    refused(device.found(UserKind::Role, desk("anna", "anna"), now()), Code::BadField);
    let same = RecoveryKey::own(&device.key().verify_key());
    refused(device.found(UserKind::Person, vec![same], now()), Code::BrokenChain);
}

/// V-271
#[test]
fn an_offer_of_somebody_elses_key() {
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let chain = federation.chain(&first);
    let victim = NewDevice::generate(user("anna@a.example"), &mut rng(2));
    let offer = offer::DeviceOffer {
        user: user("anna@a.example"),
        device: crate::identity::chain::DeviceKey {
            id: victim.device().id,
            key: *victim.key().verify_key().as_bytes(),
        },
        at: now(),
    };
    // Signed by another key than the one in it.
    let forged = crate::crypto::sign(offer, &[&key(9)]).bytes().clone();
    refused(chain.endorse(&forged, first.new.key(), now()), Code::BadSignature);

    let request = chain.endorse(&victim.offer(now()), first.new.key(), now()).unwrap();
    refused(EnrolmentRequest::from_bytes(&changed(&request, |r| r.offer = forged)), Code::BadSignature);
}

#[test]
fn offers_that_nobody_endorses() {
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let chain = federation.chain(&first);
    let endorse =
        |new: &NewDevice, key: &SigningKey, made: Timestamp| chain.endorse(&new.offer(made), key, now());
    let tablet = NewDevice::generate(user("anna@a.example"), &mut rng(2));
    assert!(endorse(&tablet, first.new.key(), now()).is_ok());
    let bert = NewDevice::generate(user("bert@a.example"), &mut rng(2));
    refused(endorse(&bert, first.new.key(), now()), Code::CertificateMismatch);
    refused(endorse(&tablet, first.new.key(), now().minus(8 * DAY)), Code::Expired);
    refused(endorse(&tablet, first.new.key(), now().plus(DAY)), Code::Expired);
    refused(endorse(&tablet, tablet.key(), now()), Code::BrokenChain);
    refused(endorse(&tablet, &key(9), now()), Code::BrokenChain);
    refused(endorse(&first.new, first.new.key(), now()), Code::BrokenChain);
}

/// V-272
#[test]
fn offer_and_entry_disagree() {
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let chain = federation.chain(&first);
    let [tablet, other] = [2, 3].map(|n| NewDevice::generate(user("anna@a.example"), &mut rng(n)));
    let request = chain.endorse(&tablet.offer(now()), first.new.key(), now()).unwrap();
    let other_offer = Bytes::from(other.offer(now()));
    refused(
        EnrolmentRequest::from_bytes(&changed(&request, |r| r.offer = other_offer.clone())),
        Code::CertificateMismatch,
    );
    refused(EnrolmentRequest::from_bytes(&changed(&request, |r| r.offer.clear())), Code::BadField);
    let founding = founding(&anna(), now());
    refused(EnrolmentRequest::from_bytes(&changed(&founding, |r| r.offer = other_offer)), Code::BadField);
    refused(EnrolmentRequest::from_bytes(&changed(&founding, |r| r.entry_version = 2)), Code::UnknownVersion);
}

/// V-273
#[test]
fn foreign_agency_user() {
    let mut federation = TestFederation::new();
    refused(federation.agencies[1].enrol(&founding(&anna(), now())), Code::ForeignAgencyUser);
}

/// V-274
#[test]
fn requests_out_of_time() {
    let mut federation = TestFederation::new();
    let mut enrol = |at| federation.agencies[0].enrol(&founding(&anna(), at));
    refused(enrol(now().minus(8 * DAY)), Code::Expired);
    refused(enrol(now().plus(DAY)), Code::Expired);
    assert!(enrol(now().plus(limits::CLOCK_SKEW)).is_ok());
}

/// V-275
#[test]
fn requests_that_come_too_late() {
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let chain = federation.chain(&first);
    let [one, two] = [2, 3].map(|n| NewDevice::generate(user("anna@a.example"), &mut rng(n)));
    let requests = [&one, &two].map(|new| chain.endorse(&new.offer(now()), first.new.key(), now()).unwrap());
    let a = &mut federation.agencies[0];
    assert!(a.enrol(&requests[0]).is_ok());
    refused(a.enrol(&requests[1]), Code::RolledBack);
    assert!(a.enrol(&requests[0]).is_ok(), "the same one again");
    let usurper = NewDevice::generate(user("anna@a.example"), &mut rng(4));
    refused(a.enrol(&founding(&usurper, now())), Code::RolledBack);
    // The next link, but of another history.
    let mut other = TestFederation::new();
    let rival = other.person("anna@a.example", 6);
    other.further(&rival, 7);
    let request = other.chain(&rival).endorse(&two.offer(now()), rival.new.key(), now()).unwrap();
    refused(a.enrol(&request), Code::BrokenChain);
}

#[test]
fn a_registrar_that_is_not_what_it_should_be() {
    let mut federation = TestFederation::new();
    let request = founding(&anna(), now());
    let with = |key: SigningKey, valid_for, store: MemoryStore| {
        let registrar = Registrar::new(federation.agencies[0].id.clone(), key);
        let ctx = Ctx { now: now(), store: &store, rng: &mut rng(1) };
        registrar.enrol(ctx, &request, valid_for).map(drop)
    };
    let store = TestFederation::new().agencies[0].store.clone();
    assert!(with(key(11), 300 * DAY, store.clone()).is_ok());
    refused(with(key(11), 400 * DAY, store.clone()), Code::BadArgument);
    refused(with(key(12), 300 * DAY, store.clone()), Code::UnknownKey); // its server key
    refused(with(key(99), 300 * DAY, store.clone()), Code::MissingEvidence);
    refused(with(key(11), 300 * DAY, MemoryStore::default()), Code::MissingEvidence);
    federation.agencies[0].store = store;
    assert!(federation.agencies[0].enrol(&request).is_ok());
}

/// Two requests at one time: the second one's batch is refused, so that no two links get one number.
#[test]
fn two_registrars_on_one_store() {
    let mut federation = TestFederation::new();
    let first = federation.person("anna@a.example", 1);
    let chain = federation.chain(&first);
    let a = &federation.agencies[0];
    let mut store = a.store.clone();
    let transitions = [2, 3].map(|n| {
        let new = NewDevice::generate(user("anna@a.example"), &mut rng(n));
        let request = chain.endorse(&new.offer(now()), first.new.key(), now()).unwrap();
        let ctx = Ctx { now: now(), store: &a.store, rng: &mut rng(1) };
        a.registrar.enrol(ctx, &request, 300 * DAY).unwrap()
    });
    let [one, two] = transitions;
    assert!(one.commit(&mut store).is_ok());
    assert!(two.commit(&mut store).is_err());
}

/// V-276
#[test]
fn an_enrolment_that_does_not_fit_together() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let bert = federation.person("bert@a.example", 2);
    let other = federation.person("carl@b.example", 3);
    let verify = |change: &dyn Fn(&mut Enrolment)| {
        let mut enrolment = phone.enrolment.clone();
        change(&mut enrolment);
        enrolment.verify(&federation.anchor, now())
    };
    assert!(verify(&|_| {}).is_ok());
    refused(verify(&|e| e.chain = bert.enrolment.chain.clone()), Code::CertificateMismatch);
    refused(verify(&|e| e.certificate = bert.enrolment.certificate.clone()), Code::CertificateMismatch);
    refused(verify(&|e| e.descriptor = other.enrolment.descriptor.clone()), Code::CertificateMismatch);
    refused(verify(&|e| e.trust_lists.clear()), Code::MissingEvidence);
    assert!(verify(&|e| e.trust_lists.push(e.trust_lists[0].clone())).is_ok());
    refused(phone.enrolment.verify(&federation.anchor, now().plus(300 * DAY)), Code::Expired);
    refused(phone.enrolment.verify(&federation.anchor, now().plus(40 * DAY)), Code::Expired);
    assert_eq!(Enrolment::from_bytes(&phone.enrolment.to_bytes()).unwrap(), phone.enrolment);
}

fn change(federation: &mut TestFederation, request: &[u8]) -> Result<Changed> {
    let a = &mut federation.agencies[0];
    let ctx = Ctx { now: now(), store: &a.store.clone(), rng: &mut rng(1) };
    Ok(a.registrar.change(ctx, request)?.commit(&mut a.store).unwrap().value)
}

/// V-255, V-259, V-275
#[test]
fn removals_by_the_user_and_by_the_agency() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let tablet = federation.further(&phone, 2);
    let chain = federation.chain(&phone);
    let gone = tablet.new.device().id;
    let request = chain.remove(&gone, phone.new.key(), now()).unwrap();
    let asked = ChainChange::from_bytes(&request).unwrap();
    assert_eq!((asked.user(), asked.removes(), asked.at()), (phone.verified.user(), Some(&gone), now()));
    assert!(asked.recovery().is_none());
    refused(asked.sign_also(&key(1)), Code::BadArgument);
    for _ in ["first", "again"] {
        let changed = change(&mut federation, &request).unwrap();
        assert_eq!(changed.chain.len(), 3);
        assert_eq!(changed.revoked, Some((phone.verified.user().clone(), Some(gone), 2)));
    }
    // The tablet renews nothing, and does nothing.
    let renewal = chain_request(&federation, &tablet);
    refused(federation.agencies[0].enrol(&renewal), Code::RemovedDevice);
    let late = federation.chain(&phone).remove(&phone.new.device().id, tablet.new.key(), now());
    refused(late, Code::BrokenChain);

    // By the agency alone; and nobody of another agency, nobody unknown.
    let a = &federation.agencies[0];
    let remove = |device: &Device| {
        let ctx = Ctx { now: now(), store: &a.store, rng: &mut rng(1) };
        a.registrar
            .remove(ctx, device)
            .map(|transition| transition.commit(&mut a.store.clone()).unwrap().value)
    };
    assert_eq!(remove(phone.new.device()).unwrap().chain.len(), 4);
    refused(remove(tablet.new.device()), Code::BrokenChain);
    let of = |name: &str| Device { user: user(name), id: gone };
    refused(remove(&of("bert@b.example")), Code::ForeignAgencyUser);
    refused(remove(&of("carl@a.example")), Code::MissingEvidence);
    // What makes a device is no change, and what makes none no enrolment.
    let (founding, foreign) =
        (founding(&anna(), now()), chain.remove(&gone, phone.new.key(), now()).unwrap());
    refused(ChainChange::from_bytes(&as_change(&founding)), Code::BadField);
    refused(EnrolmentRequest::from_bytes(&as_change(&foreign)), Code::BadField);
}

/// The one message as the other: their first three fields are the same.
fn as_change(request: &[u8]) -> Vec<u8> {
    changed(request, |request| request.offer.clear())
}

/// The request with which a device was endorsed, as its registrar remembers it.
fn chain_request(federation: &TestFederation, device: &crate::identity::fixture::TestDevice) -> Vec<u8> {
    let first = federation.agencies[0].store.clone();
    let chain = crate::identity::fixture::read(&first, |d| {
        crate::identity::Directory.chain(d, device.verified.user())
    });
    let chain = chain.unwrap().unwrap();
    let link = chain.link(device.verified.chain_n()).unwrap();
    let offer = offer::DeviceOffer::verify(&device.new.offer(now()).into()).unwrap();
    EnrolmentRequest::new(link.statement().clone(), Some(offer)).unwrap().to_bytes()
}

/// A desk of agency a with two owners.
fn desk(federation: &mut TestFederation) -> (NewDevice, UserChain) {
    let new = NewDevice::generate(user("desk@a.example"), &mut rng(5));
    let owners = [("a", 100), ("b", 101)].map(|(name, n)| RecoveryKey::kept_by(name, &key(n).verify_key()));
    let request = new.found(UserKind::Role, owners.into(), now()).unwrap();
    let (enrolment, _) = federation.agencies[0].enrol(&request).unwrap();
    (new, enrolment.verify(&federation.anchor, now()).unwrap().1)
}

/// V-257
#[test]
fn both_owners_replace_recovery_keys() {
    let mut federation = TestFederation::new();
    let (_, chain) = desk(&mut federation);
    let new = || [("a", 110), ("c", 111)].map(|(name, n)| RecoveryKey::kept_by(name, &key(n).verify_key()));
    refused(chain.set_recovery(new()[..1].to_vec(), &key(100), now()), Code::BadField);
    refused(chain.set_recovery(new().into(), &key(9), now()), Code::BrokenChain);
    let one = chain.set_recovery(new().into(), &key(100), now()).unwrap();
    refused(change(&mut federation, &one), Code::BadField);
    let asked = || ChainChange::from_bytes(&one).unwrap();
    assert_eq!(asked().recovery().unwrap().len(), 2);
    refused(change(&mut federation, &asked().sign_also(&key(100)).unwrap()), Code::BadSignature);
    let both = asked().sign_also(&key(101)).unwrap();
    assert_eq!(change(&mut federation, &both).unwrap().revoked, None);

    let anna = federation.person("anna@a.example", 1);
    let own = federation.chain(&anna);
    let paper = RecoveryKey::own(&SigningKey::generate(&mut rng(1 ^ 0x80)).verify_key());
    assert_eq!(own.recovery(), [paper]);
    let alone = own.set_recovery(
        vec![RecoveryKey::own(&key(112).verify_key())],
        &SigningKey::generate(&mut rng(1 ^ 0x80)),
        now(),
    );
    assert!(change(&mut federation, &alone.unwrap()).is_ok());
}

/// V-256, V-260, V-269
#[test]
fn a_desk_is_handed_over() {
    let mut federation = TestFederation::new();
    let (station, chain) = desk(&mut federation);
    let [shift, next] = [6, 7].map(|n| NewDevice::generate(user("desk@a.example"), &mut rng(n)));
    let until = now().plus(DAY);
    refused(chain.delegate(&shift.offer(now()), now().plus(8 * DAY), station.key(), now()), Code::BadField);
    let request = chain.delegate(&shift.offer(now()), until, station.key(), now()).unwrap();
    assert_eq!(EnrolmentRequest::from_bytes(&request).unwrap().until(), Some(until));
    let (enrolment, device) = federation.agencies[0].enrol(&request).unwrap();
    assert_eq!(device.validity().1, until, "not 300 days");
    let chain = enrolment.verify(&federation.anchor, now()).unwrap().1;
    assert_eq!(chain.endorsement(&shift.device().id).unwrap().until, Some(until));
    refused(chain.endorse(&next.offer(now()), shift.key(), now()), Code::BeyondDelegation);

    // When it is over, it hands nothing over under an older date, and renews nothing.
    let handover = chain.delegate(&next.offer(now()), now().plus(2 * DAY), shift.key(), now()).unwrap();
    let a = &federation.agencies[0];
    let at = |at: Timestamp, request: &[u8]| {
        let ctx = Ctx { now: at, store: &a.store, rng: &mut rng(1) };
        a.registrar.enrol(ctx, request, 10 * DAY).map(drop)
    };
    refused(at(until, &handover), Code::Expired);
    refused(at(until, &request), Code::Expired);
    let just_before = Timestamp::from_millis(until.as_millis() - 1);
    assert!(at(just_before, &handover).is_ok());
    assert!(at(just_before, &request).is_ok());
}

/// V-276
#[test]
fn the_agencys_word_about_a_user() {
    let mut federation = TestFederation::new();
    let anna = federation.person("anna@a.example", 1);
    let a = &federation.agencies[0];
    let ask = |name: &str| {
        let ctx = Ctx { now: now(), store: &a.store, rng: &mut rng(1) };
        a.registrar.record(ctx, &user(name))
    };
    let record = ask("anna@a.example").unwrap();
    refused(ask("bert@b.example"), Code::ForeignAgencyUser);
    refused(ask("carl@a.example"), Code::MissingEvidence);
    let record = UserRecord::from_bytes(&record.to_bytes()).unwrap();
    let verify = |at, name: &str| record.verify(&federation.anchor, &user(name), at);
    assert_eq!(verify(now(), "anna@a.example").unwrap().identity(), anna.verified.identity());
    refused(verify(now(), "bert@a.example"), Code::CertificateMismatch);
    refused(verify(now(), "anna@b.example"), Code::CertificateMismatch);
    refused(verify(now().plus(40 * DAY), "anna@a.example"), Code::Expired);
    refused(verify(now().plus(400 * DAY), "anna@a.example"), Code::TrustExpired);
    let forged = |change: &dyn Fn(&mut UserRecord)| {
        let mut record = record.clone();
        change(&mut record);
        record.verify(&federation.anchor, &user("anna@a.example"), now())
    };
    refused(forged(&|r| r.trust_lists.clear()), Code::MissingEvidence);
    refused(forged(&|r| r.chain.clear()), Code::MissingEvidence);
    refused(forged(&|r| r.descriptor = federation.agencies[1].descriptor()), Code::CertificateMismatch);
}

/// V-303
#[test]
fn beginning_anew() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let chain = federation.chain(&phone);
    let new = |n: u8| NewDevice::generate(user("anna@a.example"), &mut rng(n));
    let paper = |n: u8| vec![RecoveryKey::own(&key(n).verify_key())];
    let request = new(8).begin_anew(&chain, paper(120), now()).unwrap();
    let asked = EnrolmentRequest::from_bytes(&request).unwrap();
    assert_eq!((asked.replaces(), asked.founds()), (Some(chain.identity()), Some(UserKind::Person)));
    let stranger = NewDevice::generate(user("bert@a.example"), &mut rng(8));
    refused(stranger.begin_anew(&chain, paper(120), now()), Code::CertificateMismatch);
    let a = federation.agencies[0].store.clone();
    let registrar = &federation.agencies[0].registrar;
    let reset = |store: &MemoryStore, request: &[u8], at| {
        let ctx = Ctx { now: at, store, rng: &mut rng(1) };
        let mut store = store.clone();
        let done = registrar.reset(ctx, request, 300 * DAY)?;
        Ok::<_, crate::error::Error>((done.commit(&mut store).unwrap().value, store))
    };
    let enrol = |store: &MemoryStore, request: &[u8]| {
        registrar.enrol(Ctx { now: now(), store, rng: &mut rng(1) }, request, 300 * DAY).map(drop)
    };
    refused(enrol(&a, &request), Code::BadArgument);
    refused(reset(&a, &founding(&new(8), now()), now()).map(drop), Code::RolledBack);
    refused(reset(&a, &request, now().plus(8 * DAY)).map(drop), Code::Expired);
    // With a device or key of before.
    let same = NewDevice::from_parts(phone.new.device().clone(), SigningKey::generate(&mut rng(9)));
    refused(
        reset(&a, &same.begin_anew(&chain, paper(120), now()).unwrap(), now()).map(drop),
        Code::BrokenChain,
    );
    let seed = SigningKey::from_seed(&phone.new.key().seed());
    let same = NewDevice::from_parts(new(8).device().clone(), seed);
    refused(
        reset(&a, &same.begin_anew(&chain, paper(120), now()).unwrap(), now()).map(drop),
        Code::BrokenChain,
    );

    let (done, after) = reset(&a, &request, now()).unwrap();
    assert_eq!(done.revoked, (user("anna@a.example"), None, 1));
    assert_eq!((done.enrolled.device.serial(), done.enrolled.device.chain_n()), (2, 0));
    // Again: another certificate, and what is revoked is the same. It is renewed like any other.
    let (again, after) = reset(&after, &request, now()).unwrap();
    assert_eq!((&again.revoked, again.enrolled.device.serial()), (&done.revoked, 3));
    assert!(enrol(&after, &request).is_ok());
    // Nor is it another if somebody else begins anew in between.
    let carl = |n: u8| NewDevice::generate(user("carl@a.example"), &mut rng(n));
    let ctx = Ctx { now: now(), store: &after, rng: &mut rng(1) };
    let first = carl(20).found(UserKind::Person, paper(122), now()).unwrap();
    let mut both = after.clone();
    registrar.enrol(ctx, &first, DAY).unwrap().commit(&mut both).unwrap();
    let known =
        read(&both, |d| crate::identity::Directory.chain(d, &user("carl@a.example"))).unwrap().unwrap();
    let theirs = carl(21).begin_anew(&known, paper(123), now()).unwrap();
    let (theirs, both) = reset(&both, &theirs, now()).unwrap();
    assert_eq!(theirs.revoked, (user("carl@a.example"), None, 4));
    assert_eq!(reset(&both, &request, now()).unwrap().0.revoked, done.revoked);
    // Everything that it keeps has a name of its own.
    let tables: [&[u8]; 2] = [b"id/", b"registrar/"];
    assert!(both.rows().all(|(key, _)| tables.iter().any(|table| key.starts_with(table))));
    // Another beginning in the place of the same identity; and the one of before comes to nothing.
    let rival = new(10).begin_anew(&chain, paper(121), now()).unwrap();
    refused(reset(&after, &rival, now()).map(drop), Code::RolledBack);
    let tablet = new(11);
    let late = chain.endorse(&tablet.offer(now()), phone.new.key(), now()).unwrap();
    refused(enrol(&after, &late), Code::BrokenChain);
    let nobody = federation.agencies[1].registrar.reset(
        Ctx { now: now(), store: &federation.agencies[1].store, rng: &mut rng(1) },
        &request,
        DAY,
    );
    refused(nobody.map(drop), Code::ForeignAgencyUser);
}

proptest! {
    /// No decoder of this module panics, and what it accepts is encoded as it came.
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        use crate::identity::{AgencyDescriptor, certificate::DeviceCertificate, chain::{ChainEntry, ChainLink}};
        fn holds<T: Wire>(bytes: &[u8]) -> bool {
            let bytes = Bytes::copy_from_slice(bytes);
            let body = wire::decode_body::<T>(&bytes).is_ok_and(|value| wire::encode_body(&value) != bytes);
            let whole = wire::decode::<T>(&bytes).is_ok_and(|value| wire::encode(&value) != bytes);
            let signed = Signed::<T>::decode(&bytes).is_ok_and(|signed| signed.bytes() != &bytes);
            !(body || whole || signed)
        }
        prop_assert!(holds::<Federation>(&bytes) && holds::<Roster>(&bytes) && holds::<AgencyDescriptor>(&bytes));
        prop_assert!(holds::<ChainEntry>(&bytes) && holds::<ChainLink>(&bytes) && holds::<DeviceCertificate>(&bytes));
        prop_assert!(holds::<offer::DeviceOffer>(&bytes) && holds::<EnrolmentRequest>(&bytes) && holds::<Enrolment>(&bytes));
    }
}

/// The same for what is nearly good: one bit of a real enrolment or request changed.
#[test]
fn nearly_good_bytes() {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let (good, request) = (phone.enrolment.to_bytes(), founding(&anna(), now()));
    let flip = |bytes: &[u8], place: usize, bit: u8| {
        let mut bytes = bytes.to_vec();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        bytes
    };
    proptest!(|(place in 0_usize..100_000, bit in 0_u8..8)| {
        let bytes = flip(&good, place, bit);
        if let Ok(read) = Enrolment::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
            prop_assert!(read.verify(&federation.anchor, now()).is_err());
        }
        let a = &federation.agencies[0];
        let ctx = Ctx { now: now(), store: &a.store, rng: &mut rng(1) };
        prop_assert!(a.registrar.enrol(ctx, &flip(&request, place, bit), 300 * DAY).is_err());
    });
}

//! Enrolment, one fault at a time.

use proptest::prelude::*;

use super::*;
use crate::{
    crypto::SigningKey,
    error::Result,
    identity::{
        RecoveryKey, UserKind,
        fixture::{DAY, TestFederation, key, now, rng, user},
    },
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

//! Key packages that may not be used (SPEC V-420 to V-427).

use core::time::Duration;

use bytes::Bytes;
use openmls::prelude::{
    Capabilities, Ciphersuite, CredentialType, CredentialWithKey, Extension, ExtensionType, Extensions,
    KeyPackage, LeafNode, Lifetime, MlsMessageOut, UnknownExtension, tls_codec::Serialize as _,
};

use super::World;
use crate::{
    code::Code,
    crypto::mls::MlsCrypto,
    error::Result,
    identity::fixture::{DAY, now},
    limits,
    room::{self, CheckedPackage, Taken, suite},
    time::Timestamp,
};

fn check(world: &World, bytes: &Bytes, at: Timestamp) -> Result<CheckedPackage> {
    let verify = world.check();
    let crypto = MlsCrypto::new([3; 32].into());
    room::check_key_package(bytes, &crypto, at, &mut |certificate| verify(certificate, at))
}

fn refused(world: &World, bytes: &Bytes) -> Code {
    check(world, bytes, now()).err().expect("refused").code()
}

#[test]
fn a_good_one_says_whose_it_is() {
    let mut world = World::enrolled();
    for last_resort in [false, true] {
        let bytes = world.package_bytes("bert", last_resort);
        let checked = check(&world, &bytes, now()).unwrap();
        assert_eq!(*checked.device.device(), world.id("bert"));
        assert_eq!(checked.last_resort, last_resort);
        assert!(bytes.len() < limits::KEY_PACKAGE / 4);
    }
}

/// It can be used for several rooms, and its keys are still there afterwards.
#[test]
fn the_last_resort() {
    let mut world = World::founded(Default::default());
    let bytes = world.package_bytes("bert", true);
    let package = check(&world, &bytes, now()).unwrap().package;
    for _ in 0..2 {
        let plan = room::member::Plan { add: vec![package.clone()], ..Default::default() };
        let commit = world.commit("anna", plan);
        world.submit(&commit).unwrap();
        let entry = world.log.last().unwrap().entry.clone();
        world.join("bert", &entry).unwrap();
        world.deliver();
        world.say("anna", "x");
        let commit = world.removing("anna", &["bert"]);
        world.done(&commit);
    }
    assert_eq!(world.side("bert").read.len(), 2);
}

/// SPEC V-426
#[test]
fn one_that_is_no_longer_fresh() {
    let mut world = World::enrolled();
    let bytes = world.package_bytes("bert", false);
    let until = now().plus(Duration::from_secs(3600));
    assert!(check(&world, &bytes, until.minus(Duration::from_millis(1))).is_ok());
    assert_eq!(check(&world, &bytes, until).err().unwrap().code(), Code::Expired);
    // Also where it stands in a commit, whenever that was made.
    let mut world = World::founded(Default::default());
    let commit = world.adding("anna", &["bert"]);
    world.now = until;
    assert_eq!(world.submit(&commit).unwrap_err().code(), Code::Expired);
}

/// SPEC V-423
#[test]
fn bytes_that_are_not_exactly_one() {
    let mut world = World::enrolled();
    let good = world.package_bytes("bert", false);
    assert_eq!(refused(&world, &[&good[..], &[0]].concat().into()), Code::Malformed);
    assert_eq!(refused(&world, &good.slice(..good.len() - 1)), Code::Malformed);
    assert_eq!(refused(&world, &vec![0; limits::KEY_PACKAGE + 1].into()), Code::TooLong);
    let room = World::founded(Default::default()).encrypt("anna", "x");
    assert_eq!(refused(&world, &room), Code::Malformed);
}

/// SPEC V-424: no byte of it can be another, whichever check finds it.
#[test]
fn a_single_bit_of_it_changed() {
    let mut world = World::enrolled();
    let good = world.package_bytes("bert", false);
    for place in (0..good.len()).step_by(3) {
        let mut bad = good.to_vec();
        bad[place] ^= 1;
        assert!(check(&world, &bad.into(), now()).is_err(), "byte {place}");
    }
}

/// How another implementation could make one.
struct Made {
    lifetime: Lifetime,
    capabilities: Capabilities,
    extensions: Vec<Extension>,
    leaf_extensions: Vec<Extension>,
    credential: Option<CredentialWithKey>,
}

impl Default for Made {
    fn default() -> Self {
        let until = now().plus(DAY).as_millis().to_be_bytes().to_vec();
        Made {
            lifetime: suite::lifetime(),
            capabilities: suite::capabilities(),
            extensions: vec![Extension::Unknown(suite::FRESH_UNTIL, UnknownExtension(until))],
            leaf_extensions: vec![],
            credential: None,
        }
    }
}

fn made(world: &mut World, made: Made) -> Bytes {
    let device = world.side("bert").device.clone();
    let own = room::credential(device.certificate(), device.verified.key().as_bytes());
    let package = world.mls("bert", |mls| {
        KeyPackage::builder()
            .key_package_lifetime(made.lifetime)
            .leaf_node_capabilities(made.capabilities)
            .key_package_extensions(Extensions::from_vec(made.extensions).unwrap())
            .leaf_node_extensions(Extensions::<LeafNode>::from_vec(made.leaf_extensions).unwrap())
            .build(suite::SUITE, mls.provider, mls.signer, made.credential.unwrap_or(own))
            .unwrap()
    });
    MlsMessageOut::from(package.into_key_package()).tls_serialize_detached().unwrap().into()
}

/// Refused when it is checked, and by everybody in a commit.
fn refused_everywhere(change: Made) -> Code {
    let mut world = World::of(Default::default(), &["carl"]);
    let bytes = made(&mut world, change);
    let code = refused(&world, &bytes);
    let package = parsed(&world, &bytes);
    let commit = world.commit("anna", room::member::Plan { add: vec![package], ..Default::default() });
    world.refused(&commit, code);
    code
}

fn parsed(_: &World, bytes: &Bytes) -> KeyPackage {
    use openmls::prelude::{
        MlsMessageBodyIn, MlsMessageIn, ProtocolVersion, tls_codec::DeserializeBytes as _,
    };
    let crypto = MlsCrypto::new([3; 32].into());
    match MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap().extract() {
        MlsMessageBodyIn::KeyPackage(package) => package.validate(&crypto, ProtocolVersion::Mls10).unwrap(),
        _ => panic!("not a key package"),
    }
}

#[test]
fn other_software_may_make_them() {
    let mut world = World::of(Default::default(), &["carl"]);
    // It can do more than we can, and says so in an order of its own.
    let capabilities = Capabilities::builder()
        .ciphersuites(vec![Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, suite::SUITE])
        .extensions(
            [0xFAFA, suite::PRIVATE_STATE, suite::FRESH_UNTIL, suite::ROOM_STATE]
                .map(ExtensionType::Unknown)
                .to_vec(),
        )
        .credentials(vec![CredentialType::Basic, CredentialType::Other(suite::CREDENTIAL)])
        .build();
    let bytes = made(&mut world, Made { capabilities, ..Made::default() });
    let package = check(&world, &bytes, now()).unwrap().package;
    let commit = world.commit("anna", room::member::Plan { add: vec![package], ..Default::default() });
    world.accepted(&commit);
}

/// SPEC V-421: two clocks would disagree about it. openmls itself has none against this one.
#[test]
fn a_lifetime_that_a_clock_would_judge() {
    let lifetime = Lifetime::init(0, u64::MAX - 1);
    assert_eq!(refused_everywhere(Made { lifetime, ..Made::default() }), Code::BadCommit);
}

/// SPEC V-426
#[test]
fn no_time_until_which_it_is_fresh_or_not_a_time() {
    assert_eq!(refused_everywhere(Made { extensions: vec![], ..Made::default() }), Code::BadField);
    for length in [0, 7, 9] {
        let wrong = Extension::Unknown(suite::FRESH_UNTIL, UnknownExtension(vec![0xff; length]));
        assert_eq!(refused_everywhere(Made { extensions: vec![wrong], ..Made::default() }), Code::BadField);
    }
}

/// SPEC V-422: of what a leaf must be able to do, openmls checks for itself what a room requires.
#[test]
fn a_leaf_that_cannot_do_what_a_room_needs() {
    let mut world = World::of(Default::default(), &["carl"]);
    let types = |without: u16| {
        let all = [suite::ROOM_STATE, suite::FRESH_UNTIL, suite::PRIVATE_STATE];
        all.into_iter().filter(|t| *t != without).map(ExtensionType::Unknown).collect::<Vec<_>>()
    };
    let capabilities = Capabilities::builder()
        .ciphersuites(vec![suite::SUITE])
        .extensions(types(suite::ROOM_STATE))
        .credentials(vec![CredentialType::Other(suite::CREDENTIAL)])
        .build();
    let bytes = made(&mut world, Made { capabilities, ..Made::default() });
    assert_eq!(refused(&world, &bytes), Code::BadCommit);
}

/// SPEC V-420
#[test]
fn a_leaf_as_large_as_a_room() {
    let large = Extension::Unknown(0xFAFA, UnknownExtension(vec![0; limits::LEAF]));
    let extensions = [0xFAFA, suite::PRIVATE_STATE, suite::FRESH_UNTIL, suite::ROOM_STATE];
    let capabilities = Capabilities::builder()
        .ciphersuites(vec![suite::SUITE])
        .extensions(extensions.map(ExtensionType::Unknown).to_vec())
        .credentials(vec![CredentialType::Other(suite::CREDENTIAL)])
        .build();
    let made = Made { capabilities, leaf_extensions: vec![large], ..Made::default() };
    assert_eq!(refused_everywhere(made), Code::TooLong);
}

/// SPEC V-422
#[test]
fn a_certificate_for_another_key() {
    let world = World::enrolled();
    let carls = world.side("carl").device.certificate().clone();
    let key = world.side("bert").device.verified.key().as_bytes().to_vec();
    let credential = Some(room::credential(&carls, &key));
    assert_eq!(refused_everywhere(Made { credential, ..Made::default() }), Code::CertificateMismatch);
}

/// SPEC V-422
#[test]
fn a_credential_that_is_no_certificate() {
    let mut world = World::enrolled();
    let key = world.side("bert").device.verified.key().as_bytes().to_vec();
    let credential = |kind| CredentialWithKey {
        credential: openmls::prelude::Credential::new(kind, b"bert@b.example".to_vec()),
        signature_key: key.clone().into(),
    };
    let garbage = Some(credential(CredentialType::Other(suite::CREDENTIAL)));
    assert_eq!(refused_everywhere(Made { credential: garbage, ..Made::default() }), Code::Malformed);

    let capabilities = Capabilities::builder()
        .ciphersuites(vec![suite::SUITE])
        .extensions([suite::FRESH_UNTIL, suite::ROOM_STATE].map(ExtensionType::Unknown).to_vec())
        .credentials(vec![CredentialType::Basic, CredentialType::Other(suite::CREDENTIAL)])
        .build();
    let basic = Some(credential(CredentialType::Basic));
    let bytes = made(&mut world, Made { credential: basic, capabilities, ..Made::default() });
    assert_eq!(refused(&world, &bytes), Code::BadCommit);
}

/// V-419
#[test]
fn grease_is_no_extension() {
    let of = |kinds: &[u16]| {
        let unknown = |kind: &u16| Extension::Unknown(*kind, UnknownExtension(Vec::new()));
        let extensions: Vec<_> = kinds.iter().map(unknown).collect();
        room::key_package::without_grease(extensions.iter()).map_err(|error| error.code())
    };
    assert_eq!(of(&[0xf0b2, 0xf123]), Ok(()));
    assert_eq!(of(&[0xf0b2, 0x5a5a]), Err(Code::BadCommit));
}

/// RFC 9420 §12.2: by one whose key is another's nobody else is kept out.
#[test]
fn what_does_not_go_with_what_is_taken_is_left_out() {
    let mut world = World::founded(room::Policy::default());
    let roster = world.room("anna", |room, _| room.roster().unwrap());
    let bert = world.package_bytes("bert", false);
    let mut taken = Taken::of(&roster);
    taken.take(check(&world, &bert, now()).unwrap()).unwrap();
    // The same once more, a device that is there, another of the same device, one with a stolen key: all have a key of somebody's.
    let others = ["anna", "bert", "carl_as_bert"].map(|who| world.package_bytes(who, false));
    for bytes in [bert].iter().chain(&others) {
        let refused = taken.take(check(&world, bytes, now()).unwrap()).err().unwrap();
        assert_eq!(refused.code(), Code::CertificateMismatch);
    }
    let other = world.package_bytes("carl", false);
    taken.take(check(&world, &other, now()).unwrap()).unwrap();
    assert_eq!(taken.users().len(), 2);
}

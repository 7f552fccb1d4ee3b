//! Devices that nobody may vouch for, in commits and paths (SPEC V-422, V-430).

use bytes::Bytes;
use openmls::prelude::{
    CredentialWithKey, KeyPackage, LeafNodeParameters, NewSignerBundle, OpenMlsProvider as _,
};
use rand_core::SeedableRng;

use super::{World, world::outgoing};
use crate::{
    code::Code,
    crypto::{self, SigningKey, mls::MlsSigner},
    identity::{Directory, fixture::key, read_certificate},
    ids::{DeviceId, UserId},
    room::{self, Policy, Role, member::Plan, suite},
    time::Timestamp,
    wire::log::Submission,
};

/// The certificate keys of the fixture's agencies a and b.
const A: u8 = 11;
const B: u8 = 21;

/// A certificate as somebody with the agency's certificate key could write it.
macro_rules! certificate {
    ($world:expr, $like:expr, $signed_by:expr, |$claims:ident| $change:expr) => {{
        let mut $claims = read_certificate($world.side($like).device.certificate()).unwrap();
        $change;
        crypto::sign($claims, &[&key($signed_by)]).bytes().clone()
    }};
}

/// A key package of a device that has this certificate and this key.
fn package(world: &mut World, certificate: &Bytes, device: &SigningKey) -> KeyPackage {
    let credential = room::credential(certificate, device.verify_key().as_bytes());
    let until = world.now.plus(core::time::Duration::from_secs(60));
    let bytes = world.mls("eva", |mls| {
        room::create_key_package(mls.provider, &MlsSigner(device), credential, until, false).unwrap()
    });
    use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, ProtocolVersion, tls_codec::Deserialize as _};
    let MlsMessageBodyIn::KeyPackage(package) =
        MlsMessageIn::tls_deserialize_exact(&bytes).unwrap().extract()
    else {
        panic!("not a key package")
    };
    world.mls("eva", |mls| package.validate(mls.provider.crypto(), ProtocolVersion::Mls10).unwrap())
}

fn peopled() -> World {
    World::of(Policy { invite: Role::Member.into(), ..Policy::default() }, &["bert", "carl"])
}

/// anna adds a device; everybody refuses it.
fn added(world: &mut World, certificate: &Bytes, device: &SigningKey, code: Code) {
    let add = vec![package(world, certificate, device)];
    let commit = world.commit("anna", Plan { add, ..Plan::default() });
    world.refused(&commit, code);
    world.discard("anna");
}

fn ghost() -> SigningKey {
    SigningKey::generate(&mut chacha20::ChaCha20Rng::from_seed([0x66; 32]))
}

fn own_key(world: &World, who: &str) -> SigningKey {
    SigningKey::from_seed(&world.side(who).device.new.key().seed())
}

#[test]
fn the_certificate_that_the_agency_gave_is_accepted() {
    let mut world = peopled();
    let (certificate, device) = (world.side("dora").device.certificate().clone(), own_key(&world, "dora"));
    let add = vec![package(&mut world, &certificate, &device)];
    let commit = world.commit("anna", Plan { add, ..Plan::default() });
    world.accepted(&commit);
}

#[test]
fn a_device_that_the_agency_has_added_by_itself() {
    let mut world = peopled();
    let device = ghost();
    // A new device of dora's, with her identity, but no link of her chain endorses it.
    let certificate = certificate!(world, "dora", B, |claims| {
        claims.key = *device.verify_key().as_bytes();
        claims.device.id = DeviceId::from_bytes([0x66; 16]);
    });
    added(&mut world, &certificate, &device, Code::UnendorsedDevice);
    // Nor another key under the id of an endorsed device.
    let certificate = certificate!(world, "dora", B, |claims| {
        claims.key = *device.verify_key().as_bytes();
    });
    added(&mut world, &certificate, &device, Code::UnendorsedDevice);
    // Nor one that a link endorses which is still to come.
    let certificate = certificate!(world, "dora", B, |claims| {
        claims.key = *device.verify_key().as_bytes();
        claims.chain_n = 7;
    });
    added(&mut world, &certificate, &device, Code::MissingEvidence);
}

#[test]
fn an_agency_that_vouches_for_anothers_user() {
    let mut world = peopled();
    let device = own_key(&world, "dora");
    let certificate = certificate!(world, "dora", A, |claims| {
        claims.agency = world.user("anna").agency().clone();
    });
    added(&mut world, &certificate, &device, Code::ForeignAgencyUser);
    // Nor may it sign in the other agency's name.
    let certificate = certificate!(world, "dora", A, |claims| claims.serial += 1);
    added(&mut world, &certificate, &device, Code::MissingEvidence);
}

#[test]
fn a_user_whom_nobody_knows_or_with_another_identity() {
    let mut world = peopled();
    let device = own_key(&world, "dora");
    let certificate = certificate!(world, "dora", B, |claims| {
        claims.device.user = UserId::parse("nobody@b.example").unwrap();
    });
    added(&mut world, &certificate, &device, Code::MissingEvidence);
    let certificate = certificate!(world, "dora", B, |claims| {
        claims.identity = read_certificate(world.side("bert").device.certificate()).unwrap().identity;
    });
    // It may be one that dora has begun anew with: whoever does not know it waits.
    added(&mut world, &certificate, &device, Code::MissingEvidence);
}

#[test]
fn a_certificate_that_is_not_valid_at_the_stamp() {
    let mut world = peopled();
    let device = own_key(&world, "dora");
    let (now, later) = (world.now, world.now.plus(core::time::Duration::from_secs(1)));
    let expired = certificate!(world, "dora", B, |claims| claims.not_after = now);
    added(&mut world, &expired, &device, Code::Expired);
    let early = certificate!(world, "dora", B, |claims| claims.not_before = later);
    added(&mut world, &early, &device, Code::Expired);
    // The stamp decides, and nobody's clock.
    let first = certificate!(world, "dora", B, |claims| claims.not_before = now);
    let add = vec![package(&mut world, &first, &device)];
    let commit = world.commit("anna", Plan { add, ..Plan::default() });
    world.accepted(&commit);
    world.now = Timestamp::from_millis(now.as_millis() - 1);
    assert_eq!(world.submit(&commit).unwrap_err().code(), Code::Expired);
}

// -- paths: SPEC V-430

/// A commit of nothing but a path whose leaf has this credential.
fn path(world: &mut World, who: &str, credential: CredentialWithKey) -> Submission {
    let parameters = LeafNodeParameters::builder().with_credential_with_key(credential).build();
    world.raw_commit(who, |builder| builder.leaf_node_parameters(parameters))
}

#[test]
fn a_path_renews_the_certificate() {
    let mut world = peopled();
    let certificate = certificate!(world, "bert", B, |claims| {
        claims.serial += 100;
        claims.not_after = world.now.plus(core::time::Duration::from_secs(400));
    });
    let key = world.side("bert").device.verified.key().as_bytes().to_vec();
    let commit = path(&mut world, "bert", room::credential(&certificate, &key));
    world.done(&commit);
    let leaf = world.leaf("anna", "bert");
    let kept = world.raw("anna", |group, _| {
        group.public_group().leaf(leaf).unwrap().credential().serialized_content().to_vec()
    });
    assert_eq!(kept, certificate);
}

#[test]
fn a_path_with_another_devices_certificate() {
    let mut world = peopled();
    let key = world.side("bert").device.verified.key().as_bytes().to_vec();
    for other in ["bert2", "dora", "anna"] {
        let certificate = world.side(other).device.certificate().clone();
        let commit = path(&mut world, "bert", room::credential(&certificate, &key));
        world.refused(&commit, Code::CertificateMismatch);
        world.discard("bert");
    }
}

#[test]
fn a_path_with_an_expired_certificate() {
    let mut world = peopled();
    let certificate = certificate!(world, "bert", B, |claims| claims.not_after = world.now);
    let key = world.side("bert").device.verified.key().as_bytes().to_vec();
    let commit = path(&mut world, "bert", room::credential(&certificate, &key));
    world.refused(&commit, Code::Expired);
}

/// The leaf becomes another device of the same user, or of another user: key, certificate and
/// signature fit, only the place was somebody else's.
#[test]
fn a_path_that_hands_the_leaf_to_another_device() {
    for heir in ["bert2", "dora"] {
        let mut world = peopled();
        let device = world.side(heir).device.clone();
        let credential = room::credential(device.certificate(), device.verified.key().as_bytes());
        let (epoch, made) = world.raw("bert", |group, mls| {
            let (epoch, provider) = (group.epoch().as_u64(), mls.provider);
            let builder = group.commit_builder().load_psks(provider.storage).unwrap();
            let signer = MlsSigner(device.new.key());
            let new = NewSignerBundle { signer: &signer, credential_with_key: credential };
            let built =
                builder.build_with_new_signer(provider.crypto, provider.crypto, mls.signer, new, |_| true);
            (epoch, outgoing(built.unwrap().stage_commit(provider).unwrap()))
        });
        let commit = world.sign_commit("bert", epoch, made);
        world.refused(&commit, Code::BadCommit);
    }
}

/// SPEC V-420, V-422: of a path's leaf too.
#[test]
fn a_path_with_a_leaf_that_cannot_do_what_a_room_needs_or_is_large() {
    use openmls::prelude::{
        Capabilities, CredentialType, Extension, ExtensionType, Extensions, UnknownExtension,
    };
    let mut world = peopled();
    let capable = |extensions: &[u16]| {
        Capabilities::builder()
            .ciphersuites(vec![suite::SUITE])
            .extensions(extensions.iter().copied().map(ExtensionType::Unknown).collect())
            .credentials(vec![CredentialType::Other(suite::CREDENTIAL)])
            .build()
    };
    let large = Extension::Unknown(0xFAFA, UnknownExtension(vec![0; crate::limits::LEAF]));
    let parameters = LeafNodeParameters::builder()
        .with_capabilities(capable(&[suite::ROOM_STATE, 0xFAFA]))
        .with_extensions(Extensions::single(large).unwrap())
        .build();
    let commit = world.raw_commit("bert", |builder| builder.leaf_node_parameters(parameters));
    world.refused(&commit, Code::TooLong);
    world.discard("bert");

    let fewer = LeafNodeParameters::builder().with_capabilities(capable(&[suite::FRESH_UNTIL])).build();
    let made = world.raw("bert", |group, mls| {
        let builder =
            group.commit_builder().leaf_node_parameters(fewer).load_psks(mls.provider.storage).unwrap();
        builder.build(mls.provider.crypto, mls.provider.crypto, mls.signer, |_| true).is_err()
    });
    assert!(made, "MLS itself wants a path leaf to support the group's extensions");
}

// -- chains: SPEC V-268

/// bert2 is removed from bert's chain, as everybody knows.
pub(super) fn bert2_is_removed(world: &mut World) {
    let gone = world.id("bert2");
    let chain = crate::identity::fixture::read(&world.directory, |draft| Directory.chain(draft, &gone.user));
    let chain = chain.unwrap().unwrap();
    let removal = chain.remove(&gone.id, &own_key(world, "bert"), world.now).unwrap();
    let mut store = crate::identity::fixture::TestFederation::new().agencies[1].store.clone();
    let registrar = crate::identity::Registrar::new(gone.user.agency().clone(), key(B));
    crate::identity::fixture::apply(&mut store, |draft| {
        crate::identity::fixture::take_chain(draft, &chain.bytes())
    })
    .unwrap();
    let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
    let ctx = crate::store::Ctx { now: world.now, store: &store, rng: &mut rng };
    let changed = registrar.change(ctx, &removal).unwrap().commit(&mut store.clone()).unwrap().value;
    let taken = crate::identity::fixture::apply(&mut world.directory, |draft| {
        crate::identity::fixture::take_chain(draft, &changed.chain)
    });
    assert!(taken.unwrap().news);
}

/// bert renews his leaf with a certificate that shows the chain up to the removal.
pub(super) fn bert_shows_it(world: &mut World) {
    let certificate = certificate!(world, "bert", B, |claims| claims.chain_n = 2);
    let key = world.side("bert").device.verified.key().as_bytes().to_vec();
    let commit = path(world, "bert", room::credential(&certificate, &key));
    world.done(&commit);
}

#[test]
fn lower_chain_n() {
    let mut world = peopled();
    bert2_is_removed(&mut world);
    // The room has seen the chain up to bert2's own entry. What somebody knows beside decides nothing.
    let (certificate, device) = (world.side("bert2").device.certificate().clone(), own_key(&world, "bert2"));
    let add = vec![package(&mut world, &certificate, &device)];
    let commit = world.commit("anna", Plan { add, ..Plan::default() });
    world.accepted(&commit);
    world.discard("anna");
    // Once a leaf shows more, no older certificate brings the device in.
    bert_shows_it(&mut world);
    added(&mut world, &certificate, &device, Code::RemovedDevice);
}

#[test]
fn a_removed_device_that_renews_its_leaf() {
    let mut world =
        World::of(Policy { invite: Role::Member.into(), ..Policy::default() }, &["bert", "bert2", "carl"]);
    bert2_is_removed(&mut world);
    bert_shows_it(&mut world);
    let certificate = certificate!(world, "bert2", B, |claims| claims.serial += 100);
    let key = world.side("bert2").device.verified.key().as_bytes().to_vec();
    let commit = path(&mut world, "bert2", room::credential(&certificate, &key));
    world.refused(&commit, Code::RemovedDevice);
}

/// How much of a user's chain everybody has who is there.
#[test]
fn what_leaves_show_of_a_chain() {
    let mut world = World::of(Policy::default(), &["bert", "bert2"]);
    let roster = world.room("anna", |room, _| room.roster()).unwrap();
    let [bert, bert2, anna] = ["bert", "bert2", "anna"].map(|who| world.id(who));
    let claims = |who: &str| read_certificate(world.side(who).device.certificate()).unwrap();
    let (identity, other) = (claims("bert").identity, claims("anna").identity);
    let [first, second] = ["bert", "bert2"].map(|who| claims(who).chain_n + 1);
    assert!(first < second);
    assert_eq!(roster.chain_links(&bert.user, &identity), second);
    assert_eq!(roster.chain_links(&bert.user, &other), 0);
    assert_eq!(roster.chain_links_beside(&bert2, &identity), first);
    assert_eq!(roster.chain_links_beside(&bert, &identity), second);
    assert_eq!(roster.chain_links_beside(&bert, &other), 0);
    assert_eq!(roster.chain_links_beside(&anna, &other), 0);
}

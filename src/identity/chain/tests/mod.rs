//! User chains, one fault at a time.

mod roll;

use proptest::prelude::*;

use super::*;
use crate::{
    identity::fixture::{DAY, agency, key, now, user},
    ids::DeviceId,
    limits,
    wire::Wire as _,
};

/// The agency's certificate key of these tests.
const AGENCY: u8 = 50;

fn device(n: u8) -> DeviceKey {
    DeviceKey { id: DeviceId::from_bytes([n; 16]), key: *key(n).verify_key().as_bytes() }
}

fn recovery(n: u8) -> RecoveryKey {
    RecoveryKey::own(&key(n).verify_key())
}

fn genesis() -> ChainEntry {
    ChainEntry {
        user: user("anna@a.example"),
        n: 0,
        previous: None,
        at: now(),
        signer: KeyId::from_bytes([0; 32]),
        op: Op::Genesis {
            kind: UserKind::Person,
            device: device(1),
            recovery: vec![recovery(100)],
            replaces: None,
        },
    }
}

/// The entry that adds a device to a chain.
fn add(chain: &UserChain, new: u8) -> ChainEntry {
    let (previous, at) = chain.head();
    let (user, n) = (chain.user().clone(), u32::try_from(chain.len()).unwrap());
    let op = Op::AddDevice { device: device(new) };
    ChainEntry { user, n, previous, at, signer: KeyId::from_bytes([0; 32]), op }
}

/// A link signed by a device's key and countersigned by the agency.
fn link(entry: ChainEntry, signer: u8) -> ChainLink {
    ChainLink::countersign(Statement::sign(entry, &key(signer)).unwrap(), &key(AGENCY))
}

/// The agency has one certificate key.
fn keys(id: &KeyId, _: Timestamp, _: Word) -> Result<VerifyKey> {
    let key = key(AGENCY).verify_key();
    ensure(key.id() == *id, Code::MissingEvidence, "agency key")?;
    Ok(key)
}

fn begun(entry: ChainEntry, signer: u8) -> Result<UserChain> {
    UserChain::begin(link(entry, signer), &mut keys)
}

fn one() -> UserChain {
    begun(genesis(), 1).unwrap()
}

/// A chain with devices 1 and 2.
fn two() -> UserChain {
    let mut chain = one();
    assert!(chain.accept(link(add(&chain, 2), 1), &mut keys).unwrap());
    chain
}

/// The code with which chain `two` refuses a third link after a change to its entry.
fn third_after(signer: u8, change: impl FnOnce(&mut ChainEntry)) -> Code {
    let mut chain = two();
    let mut entry = add(&chain, 3);
    change(&mut entry);
    chain.accept(link(entry, signer), &mut keys).unwrap_err().code()
}

fn refused(result: Result<impl Sized>, code: Code) {
    assert_eq!(result.err().map(|e| e.code()), Some(code));
}

#[test]
fn grows_and_says_who_is_on_it() {
    let mut chain = two();
    assert!(chain.accept(link(add(&chain, 3), 2), &mut keys).unwrap(), "any device adds");
    assert_eq!((chain.len(), chain.kind()), (3, UserKind::Person));
    assert_eq!(chain.user().agency(), &agency("a.example"));
    assert_eq!(*chain.identity(), *one().identity());
    for n in 0..3_u8 {
        assert_eq!(chain.speaks(&device(n + 1), 2), Ok(None));
        assert_eq!(chain.speaks(&device(n + 1), n.into()), Ok(None), "from its own entry on");
    }
    refused(chain.speaks(&device(3), 1), Code::UnendorsedDevice);
    refused(chain.speaks(&device(4), 2), Code::UnendorsedDevice);
    refused(chain.speaks(&device(1), 3), Code::MissingEvidence);

    let again = UserChain::verify(&chain.bytes(), &mut keys).unwrap();
    assert_eq!(again.bytes(), chain.bytes());
    let stored = UserChain::from_store(chain.bytes().into_iter().map(|b| b.to_vec())).unwrap().unwrap();
    assert_eq!((stored.bytes(), stored.identity()), (chain.bytes(), chain.identity()));
}

#[test]
fn the_identity_is_the_hash_of_entry_0() {
    let mut other = genesis();
    other.at = now().plus(DAY);
    assert_ne!(begun(other, 1).unwrap().identity(), one().identity());
    let resigned = ChainLink::countersign(Statement::sign(genesis(), &key(1)).unwrap(), &key(AGENCY));
    assert_eq!(*one().identity(), resigned.statement().identity());
}

/// V-241
#[test]
fn links_that_are_too_long_or_of_another_version() {
    let good = encode_body(&link(genesis(), 1));
    let long = [&good[..], &[0; limits::CHAIN_LINK]].concat();
    refused(decode_body::<ChainLink>(&long.into()), Code::TooLong);
    let body = Statement::sign(genesis(), &key(1)).unwrap().body().clone();
    refused(Statement::parse(2, body.clone(), &[0; 64], &[]), Code::UnknownVersion);
    refused(Statement::parse(1, body, &[0; 63], &[]), Code::BadSignature);
}

/// V-242
#[test]
fn entry_0_is_the_genesis_and_no_other_is() {
    let parsed = |entry: ChainEntry| decode_body::<ChainEntry>(&encode_body(&entry));
    refused(parsed(ChainEntry { n: 1, ..genesis() }), Code::BadField);
    refused(parsed(ChainEntry { previous: Some(*one().identity()), ..genesis() }), Code::BadField);
    let chain = one();
    refused(parsed(ChainEntry { previous: None, ..add(&chain, 2) }), Code::BadField);
    refused(parsed(ChainEntry { n: 0, ..add(&chain, 2) }), Code::BadField);
}

/// V-243
#[test]
fn recovery_keys_that_do_not_fit_the_kind() {
    let owned = |owner: &str, n| RecoveryKey::kept_by(owner, &key(n).verify_key());
    let founded = |kind, recovery| {
        let op = Op::Genesis { kind, device: device(1), recovery, replaces: None };
        decode_body::<ChainEntry>(&encode_body(&ChainEntry { op, ..genesis() }))
    };
    use UserKind::{Archive, Person, Role, Service};
    assert!(founded(Person, vec![recovery(100)]).is_ok());
    for kind in [Role, Service, Archive] {
        assert!(founded(kind, vec![owned("a", 100), owned("b", 101)]).is_ok());
        refused(founded(kind, vec![owned("a", 100)]), Code::BadField);
        refused(founded(kind, vec![owned("", 100), owned("b", 101)]), Code::BadField);
        refused(founded(kind, vec![owned("a", 100), owned("a", 101)]), Code::BadField);
        refused(founded(kind, vec![owned("b", 100), owned("a", 101)]), Code::BadField);
    }
    refused(founded(Person, vec![]), Code::BadField);
    refused(founded(Person, vec![owned("a", 100)]), Code::BadField);
    refused(founded(Person, vec![recovery(100), recovery(101)]), Code::BadField);
    refused(founded(Role, vec![owned("a", 100), owned(&"b".repeat(254), 101)]), Code::TooLong);
}

/// V-244
#[test]
fn another_users_link() {
    assert_eq!(third_after(1, |e| e.user = user("bert@a.example")), Code::BrokenChain);
    assert_eq!(third_after(1, |e| e.user = user("anna@b.example")), Code::BrokenChain);
}

/// V-245
#[test]
fn a_link_between_is_missing() {
    let long = two();
    refused(one().accept(link(add(&long, 3), 1), &mut keys), Code::MissingEvidence);
    refused(UserChain::begin(link(add(&one(), 2), 1), &mut keys), Code::MissingEvidence);
    refused(UserChain::verify(&[], &mut keys), Code::MissingEvidence);
    let first = one().bytes();
    refused(UserChain::verify(&[first.clone(), first].concat(), &mut keys), Code::BrokenChain);
}

/// V-246
#[test]
fn disconnected() {
    assert_eq!(third_after(1, |e| e.previous = one().head().0), Code::BrokenChain);
    assert_eq!(third_after(1, |e| e.previous = Some(*one().identity())), Code::BrokenChain);
}

/// V-247
#[test]
fn runs_backwards_in_time() {
    assert_eq!(third_after(1, |e| e.at = Timestamp::from_millis(e.at.as_millis() - 1)), Code::BrokenChain);
}

/// V-248: neither the agency, nor the new device, nor a stranger.
#[test]
fn signed_by_no_device_of_the_user() {
    for stranger in [AGENCY, 3, 77] {
        assert_eq!(third_after(stranger, |_| {}), Code::BrokenChain, "{stranger}");
    }
    refused(begun(genesis(), 2), Code::BrokenChain);
}

/// V-249
#[test]
fn a_signature_that_does_not_hold() {
    let mut chain = two();
    let good = Statement::sign(add(&chain, 3), &key(1)).unwrap();
    let other = Statement::sign(add(&chain, 4), &key(1)).unwrap();
    let forged = Statement::parse(1, good.body().clone(), other.signature().as_bytes(), &[]).unwrap();
    refused(chain.accept(ChainLink::countersign(forged, &key(AGENCY)), &mut keys), Code::BadSignature);
}

/// V-250
#[test]
fn a_device_or_key_that_was_there() {
    let with = |id: u8, k: u8| Op::AddDevice { device: DeviceKey { id: device(id).id, key: device(k).key } };
    assert_eq!(third_after(1, |e| e.op = with(2, 3)), Code::BrokenChain);
    assert_eq!(third_after(1, |e| e.op = with(3, 1)), Code::BrokenChain);
    assert_eq!(third_after(1, |e| e.op = with(3, 100)), Code::BrokenChain, "a recovery key");
    let own_recovery = Op::Genesis {
        kind: UserKind::Person,
        device: device(1),
        recovery: vec![recovery(1)],
        replaces: None,
    };
    refused(begun(ChainEntry { op: own_recovery, ..genesis() }, 1), Code::BrokenChain);
    let twice = vec![
        RecoveryKey::kept_by("a", &key(100).verify_key()),
        RecoveryKey::kept_by("b", &key(100).verify_key()),
    ];
    let role = Op::Genesis { kind: UserKind::Role, device: device(1), recovery: twice, replaces: None };
    refused(begun(ChainEntry { op: role, ..genesis() }, 1), Code::BrokenChain);
}

/// V-250
#[test]
fn keys_that_are_none() {
    assert_eq!(
        third_after(1, |e| e.op = Op::AddDevice { device: DeviceKey { id: device(3).id, key: [0; 32] } }),
        Code::BadKey
    );
    let mut proto = genesis().to_proto();
    if let Some(crate::wire::proto::chain_entry::Op::Genesis(genesis)) = &mut proto.op {
        genesis.recovery[0].public_key = Bytes::from_static(&[0; 32]);
    }
    refused(begun(ChainEntry::parse(proto).unwrap(), 1), Code::BadKey);
}

/// V-251: the agency's part. A device alone adds nothing either.
#[test]
fn not_countersigned() {
    let mut chain = two();
    let statement = || Statement::sign(add(&two(), 3), &key(1)).unwrap();
    // By a key that the agency does not have.
    let foreign = ChainLink::countersign(statement(), &key(51));
    refused(chain.accept(foreign.clone(), &mut keys), Code::MissingEvidence);
    // By such a key under the agency's name for its own.
    let mut proto = foreign.to_proto();
    proto.agency_key_id = link(genesis(), 1).to_proto().agency_key_id;
    let renamed = ChainLink::parse(proto).unwrap();
    refused(chain.accept(renamed, &mut keys), Code::BadSignature);
    // A countersignature of another signature over the same entry.
    let mut proto = ChainLink::countersign(statement(), &key(AGENCY)).to_proto();
    proto.countersignature = link(add(&two(), 4), 1).to_proto().countersignature;
    let moved = ChainLink::parse(proto).unwrap();
    refused(chain.accept(moved, &mut keys), Code::BadSignature);
    assert_eq!(chain.len(), 2);
}

/// V-251: the key has to be valid when the entry was made.
#[test]
fn countersigned_out_of_time() {
    let mut asked = Vec::new();
    let mut note = |_: &KeyId, at, _| {
        asked.push(at);
        fault(Code::Expired, "agency key")
    };
    refused(UserChain::begin(link(genesis(), 1), &mut note), Code::Expired);
    assert_eq!(asked, [now()]);
}

/// V-252
#[test]
fn too_many_devices() {
    let mut chain = one();
    for n in 2..=32 {
        chain.accept(link(add(&chain, n), 1), &mut keys).unwrap();
    }
    refused(chain.accept(link(add(&chain, 33), 1), &mut keys), Code::TooLong);
    assert_eq!(chain.len(), limits::DEVICES_PER_USER);
}

/// V-253
#[test]
fn forked_chain() {
    let mut chain = two();
    let known = link(add(&one(), 2), 1);
    assert!(!chain.accept(known, &mut keys).unwrap(), "the link that is there");
    refused(chain.accept(link(add(&one(), 3), 1), &mut keys), Code::Equivocation);
    let mut other = genesis();
    other.op = Op::Genesis {
        kind: UserKind::Person,
        device: device(9),
        recovery: vec![recovery(100)],
        replaces: None,
    };
    refused(chain.accept(link(other, 9), &mut keys), Code::Equivocation);
    // What is not even a good link convicts nobody.
    refused(chain.accept(link(add(&one(), 3), 77), &mut keys), Code::BrokenChain);
    let foreign = ChainLink::countersign(Statement::sign(add(&one(), 3), &key(1)).unwrap(), &key(51));
    refused(chain.accept(foreign, &mut keys), Code::MissingEvidence);
}

/// V-275
#[test]
fn lower_chain_n() {
    let chain = two();
    let signed = |entry| Statement::sign(entry, &key(1)).unwrap();
    let next = UserChain::check_next(Some(&chain), &signed(add(&chain, 3))).unwrap();
    assert_eq!(next, None);
    assert_eq!(UserChain::check_next(Some(&chain), &signed(add(&one(), 2))).unwrap(), Some(1));
    refused(UserChain::check_next(Some(&chain), &signed(add(&one(), 3))), Code::RolledBack);
    let mut again = genesis();
    again.at = now().plus(DAY);
    refused(UserChain::check_next(Some(&chain), &signed(again)), Code::RolledBack);
    refused(UserChain::check_next(None, &signed(add(&chain, 3))), Code::BrokenChain);
}

#[test]
fn rows_that_are_no_chain() {
    let rows = |links: &[usize]| {
        let bytes = two().bytes();
        let rows: Vec<Vec<u8>> = links.iter().map(|n| bytes[*n].to_vec()).collect();
        UserChain::from_store(rows.into_iter())
    };
    assert!(rows(&[]).unwrap().is_none());
    assert_eq!(rows(&[0, 1]).unwrap().unwrap().len(), 2);
    refused(rows(&[1]), Code::StoreCorrupt);
    refused(rows(&[0, 0]), Code::StoreCorrupt);
    refused(UserChain::from_store([vec![9]].into_iter()), Code::StoreCorrupt);
}

/// One changed bit anywhere in a link is noticed.
#[test]
fn no_byte_of_a_link_can_be_changed() {
    let chain = one();
    let good = encode_body(&link(add(&chain, 2), 1));
    proptest!(|(place in 0_usize..good.len(), bit in 0_u8..8)| {
        let mut bytes = good.to_vec();
        bytes[place] ^= 1 << bit;
        let changed = decode_body::<ChainLink>(&bytes.into());
        prop_assert!(changed.and_then(|link| chain.clone().accept(link, &mut keys)).is_err());
    });
}

//! States of rooms, public and private, that are none (SPEC V-412, V-413).

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use prost::Message;

use super::World;
use crate::{
    code::Code,
    ids::{AgencyId, Hash, RoomId, UserId},
    limits,
    room::{Policy, PrivateState, Role, RoomKind, RoomState, key_schedule::PrivateStateSecret},
    time::Timestamp,
    vectors::rng,
    wire::{VERSION, Wire, proto},
};

fn envelope(version: u32, body: Vec<u8>) -> Vec<u8> {
    proto::Envelope { version, body: body.into() }.encode_to_vec()
}

/// What decoding says of a good state after a change to its message.
fn changed(change: impl FnOnce(&mut proto::RoomState)) -> Result<RoomState, Code> {
    let mut message = state().to_proto();
    change(&mut message);
    RoomState::decode(&envelope(VERSION, message.encode_to_vec())).map_err(|e| e.code())
}

fn state() -> RoomState {
    let b = AgencyId::parse("b.example").unwrap();
    let (mut state, _) = World::enrolled().founding_state(Policy::default());
    state.replicas.push(b);
    state.roles.insert(UserId::parse("bert@b.example").unwrap(), Role::Admin);
    state
}

fn refused(change: impl FnOnce(&mut proto::RoomState)) -> Code {
    changed(change).unwrap_err()
}

#[test]
fn a_good_one_reads_back() {
    assert_eq!(changed(|_| {}), Ok(state()));
    assert_eq!(RoomState::decode(&state().encode()).unwrap(), state());
}

/// SPEC V-413
#[test]
fn room_states_with_one_fault() {
    let b = || "b.example".to_owned();
    assert_eq!(refused(|s| s.room = vec![1; 15].into()), Code::BadName);
    assert_eq!(refused(|s| s.kind = 0), Code::BadField);
    assert_eq!(refused(|s| s.kind = 4), Code::BadField);
    assert_eq!(refused(|s| s.hub = "A.example".into()), Code::BadName);
    assert_eq!(refused(|s| s.hub = String::new()), Code::BadName);
    assert_eq!(refused(|s| s.hub = "c.example".into()), Code::BadRoomState);
    assert_eq!(refused(|s| s.term = 0), Code::BadField);
    assert_eq!(refused(|s| s.replicas.clear()), Code::BadField);
    assert_eq!(refused(|s| s.replicas.reverse()), Code::BadField);
    assert_eq!(refused(|s| s.replicas.push(b())), Code::BadField);
    let many = (0..=limits::REPLICAS).map(|n| format!("{n}.example")).collect::<Vec<_>>();
    assert_eq!(refused(|s| s.replicas = many), Code::TooLong);
    assert_eq!(refused(|s| s.policy = None), Code::BadField);
    for field in 0..5 {
        for role in [0, 3, -1] {
            let code = refused(|s| {
                let policy = s.policy.as_mut().unwrap();
                let fields = [
                    &mut policy.invite,
                    &mut policy.remove,
                    &mut policy.govern,
                    &mut policy.describe,
                    &mut policy.send,
                ];
                *fields.into_iter().nth(field).unwrap() = role;
            });
            assert_eq!(code, Code::BadField);
        }
    }
    assert_eq!(refused(|s| s.roles.reverse()), Code::BadField);
    assert_eq!(refused(|s| s.roles.push(s.roles[1].clone())), Code::BadField);
    assert_eq!(refused(|s| s.roles[0].user = "nobody".into()), Code::BadName);
    // The default role is not granted; there are no others yet.
    for role in [0, 1, 3] {
        assert_eq!(refused(|s| s.roles[0].role = role), Code::BadField);
    }
    let grant = |n| proto::RoleGrant { user: format!("u{n:04}@a.example"), role: 2 };
    assert!(changed(|s| s.roles = (0..limits::ROLE_GRANTS).map(grant).collect()).is_ok());
    assert_eq!(refused(|s| s.roles = (0..=limits::ROLE_GRANTS).map(grant).collect()), Code::TooLong);
    assert_eq!(refused(|s| s.private_hash = vec![0; 31].into()), Code::BadName);
}

/// SPEC V-111 to V-114
#[test]
fn room_states_that_are_not_canonical() {
    let body = state().to_proto().encode_to_vec();
    let decode = |bytes: Vec<u8>| RoomState::decode(&bytes).unwrap_err().code();
    assert_eq!(decode(envelope(2, body.clone())), Code::UnknownVersion);
    let unknown = [&body[..], &[0x78, 1]].concat(); // field 15
    assert_eq!(decode(envelope(VERSION, unknown)), Code::NotCanonical);
    let zero = [&body[..], &[0x48, 0]].concat(); // ends_at, said to be the default
    assert_eq!(decode(envelope(VERSION, zero)), Code::NotCanonical);
    assert_eq!(decode(vec![0; limits::ROOM_STATE + 1]), Code::TooLong);
    assert_eq!(decode(vec![0xff; 8]), Code::Malformed);
}

fn any_state() -> impl Strategy<Value = RoomState> {
    let kind = prop_oneof![Just(RoomKind::Direct), Just(RoomKind::Group), Just(RoomKind::Operation)];
    let replicas = proptest::collection::btree_set("[a-z0-9]{1,5}\\.example", 1..=limits::REPLICAS);
    let roles = proptest::collection::btree_set("[a-z0-9._-]{1,9}@[a-z]{1,3}\\.example", 0..9);
    let fixed = (any::<[u8; 16]>(), kind, 1..u64::MAX, replicas, any::<prop::sample::Index>());
    (fixed, any::<[bool; 5]>(), roles, any::<u64>(), any::<u64>(), any::<[u8; 32]>()).prop_map(
        |(
            (room, kind, term, replicas, hub),
            [invite, remove, govern, describe, send],
            roles,
            retention,
            ends,
            hash,
        )| {
            let replicas: Vec<_> = replicas.iter().map(|r| AgencyId::parse(r).unwrap()).collect();
            let role = |admin| if admin { Role::Admin } else { Role::Member };
            let users = roles.iter().map(|u| (UserId::parse(u).unwrap(), Role::Admin));
            RoomState {
                room: RoomId::from_bytes(room),
                kind,
                hub: hub.get(&replicas).clone(),
                term,
                replicas,
                policy: Policy {
                    invite: role(invite),
                    remove: role(remove),
                    govern: role(govern),
                    describe: role(describe),
                    send: role(send),
                },
                roles: users.collect::<BTreeMap<_, _>>(),
                retention,
                ends_at: Timestamp::from_millis(ends),
                private_hash: Hash::from_bytes(hash),
            }
        },
    )
}

proptest! {
    #[test]
    fn states_round_trip(state in any_state()) {
        prop_assert_eq!(RoomState::decode(&state.encode()).unwrap(), state);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        state in any_state(), place in any::<prop::sample::Index>(), byte: u8,
    ) {
        let mut bytes = state.encode().to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = RoomState::decode(&bytes) {
            prop_assert_eq!(&read.encode()[..], &bytes[..]);
        }
    }

    #[test]
    fn any_bytes_are_a_state_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(read) = RoomState::decode(&bytes) {
            prop_assert_eq!(&read.encode()[..], &bytes[..]);
        }
        let _ = PrivateState::stored(&bytes);
    }
}

// -- private state

fn private() -> PrivateState {
    let mut private = PrivateState::new(&mut rng(1), "Streife".into());
    private.topic = "Lage".into();
    private.purpose = "Vermisstensuche".into();
    private.label = "VS-NfD".into();
    private
}

fn secret(byte: u8) -> PrivateStateSecret {
    PrivateStateSecret::for_test([byte; 32])
}

#[test]
fn a_private_state_opens_for_the_members_of_its_epoch() {
    let (private, secret) = (private(), secret(1));
    let sealed = private.seal(&secret, &mut rng(2)).unwrap();
    assert!(PrivateState::open(&secret, &sealed, &private.hash()).unwrap() == private);
    assert!(!sealed.windows(7).any(|window| window == b"Streife"));
    // Sealed again it is other bytes, under another key.
    let again = private.seal(&secret, &mut rng(3)).unwrap();
    assert!(again[..32] != sealed[..32] && again[32..] != sealed[32..]);
    assert!(PrivateState::open(&secret, &again, &private.hash()).unwrap() == private);
}

/// SPEC V-412
#[test]
fn a_private_state_that_is_another_epochs_damaged_or_not_committed_to() {
    let (private, good) = (private(), secret(1));
    let sealed = private.seal(&good, &mut rng(2)).unwrap();
    let open = |secret: &PrivateStateSecret, sealed: &[u8], hash: &Hash| {
        PrivateState::open(secret, sealed, hash).err().expect("refused").code()
    };
    let hash = private.hash();
    assert_eq!(open(&secret(2), &sealed, &hash), Code::BadCiphertext);
    for place in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[place] ^= 1;
        assert_eq!(open(&good, &damaged, &hash), Code::BadCiphertext);
    }
    for length in [0, 31] {
        assert_eq!(open(&good, &sealed[..length], &hash), Code::BadRoomState);
    }
    for length in [32, 47, sealed.len() - 1] {
        assert_eq!(open(&good, &sealed[..length], &hash), Code::BadCiphertext);
    }
    assert_eq!(open(&good, &sealed, &Hash::from_bytes([0; 32])), Code::BadRoomState);
    let other = private.clone().resalted(&mut rng(9));
    assert_eq!(open(&good, &sealed, &other.hash()), Code::BadRoomState);
}

/// A server that guesses the name cannot tell whether it is right.
#[test]
fn the_salt_hides_the_content_of_the_hash() {
    let (one, two) = (private(), private().resalted(&mut rng(9)));
    assert_eq!((&one.name, &one.label), (&two.name, &two.label));
    assert_ne!(one.hash(), two.hash());
}

#[test]
fn every_field_is_committed_to() {
    let change: [fn(&mut PrivateState); 4] =
        [|p| p.name.push('x'), |p| p.topic.push('x'), |p| p.purpose.push('x'), |p| p.label.push('x')];
    for change in change {
        let mut other = private();
        change(&mut other);
        assert_ne!(other.hash(), private().hash());
        assert_eq!(
            PrivateState::decode(&other.encode(), &private().hash()).err().unwrap().code(),
            Code::BadRoomState
        );
        assert!(PrivateState::stored(&other.encode()).unwrap() == other);
    }
}

#[test]
fn private_states_with_one_fault() {
    let changed = |change: &dyn Fn(&mut proto::PrivateState)| {
        let mut message = private().to_proto();
        change(&mut message);
        let read = PrivateState::stored(&envelope(VERSION, message.encode_to_vec()));
        read.map(drop).map_err(|e| e.code())
    };
    assert_eq!(changed(&|_| {}), Ok(()));
    for length in [0, 15, 17] {
        assert_eq!(changed(&|p| p.salt = Bytes::from(vec![1; length])), Err(Code::BadField));
    }
    let long = |length: usize| "ä".repeat(length / 2 + 1);
    assert_eq!(changed(&|p| p.name = long(limits::ROOM_NAME)), Err(Code::TooLong));
    assert_eq!(changed(&|p| p.topic = long(limits::ROOM_TOPIC)), Err(Code::TooLong));
    assert_eq!(changed(&|p| p.purpose = long(limits::ROOM_TOPIC)), Err(Code::TooLong));
    assert_eq!(changed(&|p| p.label = long(limits::ROOM_LABEL)), Err(Code::TooLong));
    let decoded = PrivateState::stored(&envelope(2, private().to_proto().encode_to_vec()));
    assert_eq!(decoded.err().unwrap().code(), Code::UnknownVersion);
}

//! States of rooms, public and private, that are none (SPEC V-412, V-413).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openmls::prelude::OpenMlsProvider as _;
use proptest::{
    collection::{btree_map, btree_set, vec},
    prelude::*,
};
use prost::Message;

use super::{World, world::ROOM};
use crate::{
    code::Code,
    identity::UserKind,
    ids::{AgencyId, Hash, RoomId, UserId},
    limits,
    room::{
        JoinRule, Least, Listing, Policy, PrivateState, Role, RoomKind, RoomState, ShownEntry,
        key_schedule::PrivateStateSecret, may_join,
    },
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
    let user = |name| UserId::parse(name).unwrap();
    state.roles.insert(user("bert@b.example"), Role::Admin);
    state.bans = [user("paul@b.example"), user("quinn@b.example")].into();
    state.join = JoinRule::Anybody;
    state.listing = Some(Listing::new("Streife", "Wer fährt wann?").unwrap());
    for (name, n) in [("carl@b.example", 3), ("emil@b.example", 1)] {
        let entry = ShownEntry { n, hash: Hash::from_bytes([4; 32]) };
        state.shown.insert((user(name), Hash::from_bytes([3; 32])), entry);
    }
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

/// Whoever founds a room runs it, but for a direct one, in which both do.
#[test]
fn what_a_founder_is() {
    let founder = UserId::parse("anna@a.example").unwrap();
    for kind in [RoomKind::Direct, RoomKind::Group, RoomKind::Operation, RoomKind::Topic] {
        let room = (RoomId::from_bytes([1; 16]), kind);
        let state = RoomState::begin(room, &founder, Policy::of(kind), Hash::from_bytes([0; 32]));
        let role = if kind == RoomKind::Direct { None } else { Some(&Role::Admin) };
        assert_eq!(state.roles.get(&founder), role, "{kind:?}");
    }
}

/// SPEC "Exporters"
#[test]
fn private_states_are_under_what_the_epoch_exports() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let mut exported = |who: &str, room: RoomId| {
        world.raw(who, |group, mls| {
            let crypto = mls.provider.crypto();
            let label = "verbund 1 export private state";
            let plain = group.export_secret(crypto, label, room.as_bytes(), 32).unwrap();
            let secret = PrivateStateSecret::export(group, crypto, &room).unwrap();
            assert_eq!(secret.as_bytes().as_slice(), plain);
            plain
        })
    };
    assert_eq!(exported("anna", ROOM), exported("bert", ROOM));
    assert_ne!(exported("anna", ROOM), exported("anna", RoomId::from_bytes([1; 16])));
}

/// A right over users, by its number in the policy.
fn scoped(state: &mut proto::RoomState, right: usize) -> &mut Option<proto::Least> {
    let policy = state.policy.as_mut().unwrap();
    let rights =
        [&mut policy.invite, &mut policy.remove, &mut policy.ban, &mut policy.grant, &mut policy.moderate];
    rights.into_iter().nth(right).unwrap()
}

/// SPEC V-413
#[test]
fn open_rooms_with_one_fault() {
    let agencies = proto::JoinRule::Agencies.into();
    assert_eq!(refused(|s| s.bans.reverse()), Code::BadField);
    assert_eq!(refused(|s| s.bans.push(s.bans[1].clone())), Code::BadField);
    assert_eq!(refused(|s| s.bans[0] = "nobody".into()), Code::BadName);
    let ban = |n| format!("u{n:04}@z.example");
    assert!(changed(|s| s.bans = (0..limits::BANS).map(ban).collect()).is_ok());
    assert_eq!(refused(|s| s.bans = (0..=limits::BANS).map(ban).collect()), Code::TooLong);
    // Whoever is banned has no role.
    assert_eq!(refused(|s| s.bans = vec![s.roles[0].user.clone()]), Code::BadRoomState);
    for rule in [0, 4, -1] {
        assert_eq!(refused(|s| s.join = rule), Code::BadField);
    }
    assert_eq!(refused(|s| s.join = agencies), Code::BadField);
    assert_eq!(refused(|s| s.join_agencies = vec!["b.example".into()]), Code::BadField);
    let named = |n| format!("{n:04}.example");
    let naming = |agencies: Vec<String>| {
        changed(|s| (s.join, s.join_agencies) = (proto::JoinRule::Agencies.into(), agencies))
    };
    assert!(naming((0..limits::JOIN_AGENCIES).map(named).collect()).is_ok());
    assert_eq!(naming((0..=limits::JOIN_AGENCIES).map(named).collect()), Err(Code::TooLong));
    assert_eq!(naming(vec![named(2), named(1)]), Err(Code::BadField));
    assert_eq!(naming(vec![named(1), named(1)]), Err(Code::BadField));
    assert_eq!(naming(vec!["B.example".into()]), Err(Code::BadName));
    let listed = |name: usize, summary: usize| {
        let listing = proto::Listing { name: "n".repeat(name), summary: "s".repeat(summary) };
        changed(|s| s.listing = Some(listing)).map(|state| state.listing.is_some())
    };
    assert_eq!(listed(limits::ROOM_NAME, limits::LISTING_SUMMARY), Ok(true));
    assert_eq!(listed(1, 0), Ok(true));
    assert_eq!(listed(0, 1), Err(Code::BadField));
    assert_eq!(listed(limits::ROOM_NAME + 1, 1), Err(Code::TooLong));
    assert_eq!(listed(1, limits::LISTING_SUMMARY + 1), Err(Code::TooLong));
}

/// SPEC V-473
#[test]
fn operations_without_an_end_or_with_admins_of_another_agency() {
    let operation = |change: fn(&mut proto::RoomState)| {
        changed(|s| {
            (s.kind, s.ends_at) = (proto::RoomKind::Operation.into(), 1);
            s.roles.retain(|grant| grant.user.ends_with("@a.example"));
            change(s);
        })
    };
    let grant = |role| proto::RoleGrant { user: "bert@b.example".into(), role };
    let (moderator, admin) = (grant(3), grant(4));
    assert!(operation(|_| {}).is_ok());
    assert_eq!(operation(|s| s.ends_at = 0), Err(Code::BadRoomState));
    let with = |grant: proto::RoleGrant| {
        changed(|s| {
            (s.kind, s.ends_at) = (proto::RoomKind::Operation.into(), 1);
            s.roles.retain(|grant| grant.user.ends_with("@a.example"));
            s.roles.push(grant);
        })
    };
    assert!(with(moderator).is_ok());
    assert_eq!(with(admin), Err(Code::BadRoomState));
}

/// SPEC V-474
#[test]
fn direct_rooms_that_are_open() {
    let direct = |change: fn(&mut proto::RoomState)| {
        changed(|s| {
            (s.kind, s.join, s.listing) = (1, 1, None);
            change(s);
        })
    };
    assert!(direct(|_| {}).is_ok());
    assert_eq!(direct(|s| s.join = 3), Err(Code::BadRoomState));
    let listing = || proto::Listing { name: "n".into(), summary: String::new() };
    assert_eq!(changed(|s| (s.kind, s.join, s.listing) = (1, 1, Some(listing()))), Err(Code::BadRoomState));
}

/// SPEC V-476
#[test]
fn who_may_join_by_themselves() {
    let user = |name| UserId::parse(name).unwrap();
    let (bert, carl) = (user("bert@b.example"), user("carl@c.example"));
    let b = AgencyId::parse("b.example").unwrap();
    let now = Timestamp::from_millis(1_000);
    let open = |join| RoomState { join, ..state() };
    let may = |state: &RoomState, user: &UserId| {
        may_join(state, user, UserKind::Person, now).map_err(|error| error.code())
    };
    assert_eq!(may(&open(JoinRule::Invitation), &bert), Err(Code::NotPermitted));
    let of_b = open(JoinRule::Agencies([b].into()));
    assert_eq!(may(&of_b, &bert), Ok(()));
    assert_eq!(may(&of_b, &carl), Err(Code::NotPermitted));
    let anybody = open(JoinRule::Anybody);
    assert_eq!(may(&anybody, &carl), Ok(()));
    assert_eq!(may(&RoomState { bans: [carl.clone()].into(), ..anybody.clone() }, &carl), Err(Code::Banned));
    assert_eq!(may(&RoomState { kind: RoomKind::Direct, ..anybody.clone() }, &carl), Err(Code::NotPermitted));
    for (end, expected) in [(1_000, Err(Code::RoomEnded)), (1_001, Ok(()))] {
        let ends_at = Timestamp::from_millis(end);
        assert_eq!(may(&RoomState { ends_at, ..anybody.clone() }, &carl), expected);
    }
    let archive = may_join(&anybody, &carl, UserKind::Archive, now);
    assert_eq!(archive.unwrap_err().code(), Code::NotPermitted);
    for kind in [UserKind::Role, UserKind::Service] {
        assert!(may_join(&anybody, &carl, kind, now).is_ok());
    }
}

/// SPEC V-413
#[test]
fn room_states_with_one_fault() {
    let b = || "b.example".to_owned();
    assert_eq!(refused(|s| s.room = vec![1; 15].into()), Code::BadName);
    assert_eq!(refused(|s| s.kind = 0), Code::BadField);
    assert_eq!(refused(|s| s.kind = 5), Code::BadField);
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
    for right in 0..5 {
        for role in [0, 5, -1] {
            assert_eq!(refused(|s| scoped(s, right).as_mut().unwrap().everywhere = role), Code::BadField);
            assert_eq!(refused(|s| scoped(s, right).as_mut().unwrap().own_agency = role), Code::BadField);
        }
        assert_eq!(refused(|s| *scoped(s, right) = None), Code::BadField);
        let least = |everywhere, own_agency| Some(proto::Least { everywhere, own_agency });
        assert!(changed(|s| *scoped(s, right) = least(3, 3)).is_ok());
        assert_eq!(refused(|s| *scoped(s, right) = least(2, 3)), Code::BadField);
    }
    for role in [0, 5, -1] {
        assert_eq!(refused(|s| s.policy.as_mut().unwrap().send = role), Code::BadField);
        assert_eq!(refused(|s| s.policy.as_mut().unwrap().describe = role), Code::BadField);
        assert_eq!(refused(|s| s.policy.as_mut().unwrap().govern = role), Code::BadField);
    }
    assert_eq!(refused(|s| s.roles.reverse()), Code::BadField);
    assert_eq!(refused(|s| s.roles.push(s.roles[1].clone())), Code::BadField);
    assert_eq!(refused(|s| s.roles[0].user = "nobody".into()), Code::BadName);
    // The default role is not granted.
    for role in [0, 1, 5] {
        assert_eq!(refused(|s| s.roles[0].role = role), Code::BadField);
    }
    let grant = |n| proto::RoleGrant { user: format!("u{n:04}@a.example"), role: 2 };
    assert!(changed(|s| s.roles = (0..limits::ROLE_GRANTS).map(grant).collect()).is_ok());
    assert_eq!(refused(|s| s.roles = (0..=limits::ROLE_GRANTS).map(grant).collect()), Code::TooLong);
    assert_eq!(refused(|s| s.private_hash = vec![0; 31].into()), Code::BadName);
}

/// SPEC V-350
#[test]
fn shown_chains_with_one_fault() {
    assert_eq!(refused(|s| s.shown.reverse()), Code::BadField);
    assert_eq!(refused(|s| s.shown.push(s.shown[1].clone())), Code::BadField);
    assert!(changed(|s| s.shown[1].n = 0).is_ok());
    // One user under two identities.
    assert!(changed(|s| s.shown[1].user = s.shown[0].user.clone()).is_err());
    let later = |s: &mut proto::RoomState| {
        s.shown[1].user = s.shown[0].user.clone();
        s.shown[1].identity = vec![4; 32].into();
    };
    assert!(changed(later).is_ok());
    assert_eq!(refused(|s| s.shown[0].user = "nobody".into()), Code::BadName);
    assert_eq!(refused(|s| s.shown[0].identity = vec![3; 31].into()), Code::BadName);
    assert_eq!(refused(|s| s.shown[0].hash = vec![3; 33].into()), Code::BadName);
    let chain = |n| proto::ShownChain {
        user: format!("u{n:04}@a.example"),
        identity: vec![3; 32].into(),
        n: 1,
        hash: vec![4; 32].into(),
    };
    assert!(changed(|s| s.shown = (0..limits::SHOWN_CHAINS).map(chain).collect()).is_ok());
    assert_eq!(refused(|s| s.shown = (0..=limits::SHOWN_CHAINS).map(chain).collect()), Code::TooLong);
}

/// SPEC V-111 to V-114
#[test]
fn room_states_that_are_not_canonical() {
    let body = state().to_proto().encode_to_vec();
    let decode = |bytes: Vec<u8>| RoomState::decode(&bytes).unwrap_err().code();
    assert_eq!(decode(envelope(2, body.clone())), Code::UnknownVersion);
    let unknown = [&body[..], &[0x80, 1, 1]].concat(); // field 16
    assert_eq!(decode(envelope(VERSION, unknown)), Code::NotCanonical);
    let zero = [&body[..], &[0x48, 0]].concat(); // ends_at, said to be the default
    assert_eq!(decode(envelope(VERSION, zero)), Code::NotCanonical);
    assert_eq!(decode(vec![0; limits::ROOM_STATE + 1]), Code::TooLong);
    assert_eq!(decode(vec![0xff; 8]), Code::Malformed);
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Member), Just(Role::AgencyAdmin), Just(Role::Moderator), Just(Role::Admin)]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let least = || (any_role(), any_role()).prop_map(|(a, b)| Least::new(a.max(b), a.min(b)));
    let scoped = [least(), least(), least(), least(), least()];
    (scoped, [any_role(), any_role(), any_role(), any_role()]).prop_map(
        |([invite, remove, ban, grant, moderate], [send, describe, govern, hand_over])| Policy {
            invite,
            remove,
            ban,
            grant,
            moderate,
            send,
            describe,
            govern,
            hand_over,
        },
    )
}

fn any_join() -> impl Strategy<Value = JoinRule> {
    let agencies = btree_set("[a-z0-9]{1,5}\\.example", 1..4);
    let agencies = agencies.prop_map(|names| names.iter().map(|a| AgencyId::parse(a).unwrap()).collect());
    prop_oneof![Just(JoinRule::Invitation), Just(JoinRule::Anybody), agencies.prop_map(JoinRule::Agencies)]
}

fn any_state() -> impl Strategy<Value = RoomState> {
    let kind = prop_oneof![
        Just(RoomKind::Direct),
        Just(RoomKind::Group),
        Just(RoomKind::Operation),
        Just(RoomKind::Topic)
    ];
    let replicas = btree_set("[a-z0-9]{1,5}\\.example", 1..=limits::REPLICAS);
    let users = || btree_set("[a-z0-9._-]{1,9}@[a-z]{1,3}\\.example", 0..9);
    let fixed = (any::<[u8; 16]>(), kind, 1..u64::MAX, replicas, any::<prop::sample::Index>());
    let open = (any_join(), proptest::option::of(("[a-z]{1,9}", ".{0,9}")));
    let place = ("[a-z]{1,9}@[a-z]{1,3}\\.example", any::<[u8; 32]>());
    let shown = btree_map(place, (any::<u32>(), any::<[u8; 32]>()), 0..4).prop_map(|shown| {
        let one = |((user, identity), (n, hash)): ((String, [u8; 32]), (u32, [u8; 32]))| {
            let entry = ShownEntry { n, hash: Hash::from_bytes(hash) };
            ((UserId::parse(&user).unwrap(), Hash::from_bytes(identity)), entry)
        };
        shown.into_iter().map(one).collect::<BTreeMap<_, _>>()
    });
    let people = (users(), users(), vec(any_role(), 9), shown);
    (fixed, any_policy(), open, people, any::<u64>(), 1..u64::MAX, any::<[u8; 32]>()).prop_map(
        |(
            (room, kind, term, replicas, hub),
            policy,
            (join, listing),
            (granted, banned, given, shown),
            retention,
            ends,
            hash,
        )| {
            let replicas: Vec<_> = replicas.iter().map(|r| AgencyId::parse(r).unwrap()).collect();
            let hub = hub.get(&replicas).clone();
            let user = |name: &String| UserId::parse(name).unwrap();
            let bans: BTreeSet<UserId> = banned.iter().map(user).collect();
            let led = |user: &UserId| kind != RoomKind::Operation || *user.agency() == hub;
            let roles = granted.iter().map(user).zip(given).filter(|(user, role)| {
                *role > Role::Member && !bans.contains(user) && (*role < Role::Admin || led(user))
            });
            let open = kind != RoomKind::Direct;
            RoomState {
                room: RoomId::from_bytes(room),
                kind,
                roles: roles.collect::<BTreeMap<_, _>>(),
                hub,
                term,
                replicas,
                policy,
                bans,
                join: if open { join } else { JoinRule::Invitation },
                listing: listing.filter(|_| open).map(|(name, what)| Listing::new(name, what).unwrap()),
                retention,
                ends_at: Timestamp::from_millis(ends),
                private_hash: Hash::from_bytes(hash),
                shown,
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

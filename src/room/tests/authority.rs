//! Who may do what: every cell of SPEC "Authority", judged by the hub and by every member.

use std::collections::BTreeMap;

use super::{World, life::described};
use crate::{
    code::Code,
    identity::{VerifiedDevice, fixture::TestFederation},
    ids::{AgencyId, Device, DeviceId, Hash, RoomId, UserId},
    limits,
    room::{
        JoinRule, Leaf, Listing, Policy, Right, Role, RoomKind, RoomState, Roster,
        authority::{Proposed, judge},
        member::Plan,
    },
    time::Timestamp,
    wire::log::{Submission, SubmissionKind},
};

/// What it takes to do something: these rights and at least this role; `None`: nobody may.
type Takes = Option<(&'static [Right], Role)>;

const NOTHING: Takes = Some((&[], Role::Member));
const NEVER: Takes = None;

const fn needs(rights: &'static [Right]) -> Takes {
    Some((rights, Role::Member))
}

const RIGHTS: [Right; 6] =
    [Right::Invite, Right::Remove, Right::Grant, Right::Govern, Right::Describe, Right::Send];
const ROLES: [Role; 2] = [Role::Member, Role::Admin];

use Right::{Describe, Govern, Grant, Invite, Remove, Send};

/// What `who` (anna, an admin, or carl, a member) could do, with what it takes. Both have a second
/// device in the room; bert is a member, dora an admin.
type Act = (&'static str, Takes, fn(&mut World, &str) -> Submission);

const ACTS: &[Act] = &[
    // V-431 to V-433
    ("remove the own other device", NOTHING, |w, who| w.removing(who, &[second(who)])),
    ("remove a member", needs(&[Remove]), |w, who| w.removing(who, &["bert"])),
    ("remove an admin", Some((&[Remove], Role::Admin)), |w, who| removing_dora(w, who)),
    ("remove own and other devices", needs(&[Remove]), |w, who| w.removing(who, &[second(who), "bert"])),
    ("add a user", needs(&[Invite]), |w, who| w.adding(who, &["eva"])),
    ("add another user's further device", needs(&[Invite]), |w, who| w.adding(who, &["bert2"])),
    ("swap a device for another user's", needs(&[Invite, Remove]), |w, who| {
        let (add, remove) = (vec![w.package("bert2")], vec![w.leaf(who, "bert")]);
        w.commit(who, Plan { add, remove, ..Plan::default() })
    }),
    ("renew the own keys", NOTHING, |w, who| w.commit(who, Plan { refresh: true, ..Plan::default() })),
    ("say the state again", NOTHING, |w, who| w.governing(who, |_| {})),
    // V-437
    ("change the room's id", NEVER, |w, who| w.governing(who, |s| s.room = RoomId::from_bytes([1; 16]))),
    ("change the kind", NEVER, |w, who| w.governing(who, |s| s.kind = RoomKind::Topic)),
    ("change the hub", NEVER, |w, who| {
        w.governing(who, |s| {
            s.hub = AgencyId::parse("b.example").unwrap();
            s.replicas.push(s.hub.clone());
        })
    }),
    ("change the term", NEVER, |w, who| w.governing(who, |s| s.term = 2)),
    ("change the replicas", NEVER, |w, who| {
        w.governing(who, |s| s.replicas.push(AgencyId::parse("b.example").unwrap()))
    }),
    // V-439
    ("change the policy", Some((&[Govern], Role::Admin)), |w, who| {
        w.governing(who, |s| s.policy.moderate = Role::Member.into())
    }),
    ("change the retention", needs(&[Govern]), |w, who| w.governing(who, |s| s.retention = 1)),
    ("let anybody join", needs(&[Govern]), |w, who| w.governing(who, |s| s.join = JoinRule::Anybody)),
    ("list the room", needs(&[Govern]), |w, who| {
        w.governing(who, |s| s.listing = Some(Listing::new("Streife", "").unwrap()))
    }),
    ("set an end", needs(&[Govern]), |w, who| w.governing(who, |s| s.ends_at = Timestamp::from_millis(1))),
    ("make a member an admin", Some((&[Grant], Role::Admin)), |w, who| {
        let bert = w.user("bert");
        w.governing(who, |s| assert!(s.roles.insert(bert, Role::Admin).is_none()))
    }),
    // For carl that is himself.
    ("make carl an admin", Some((&[Grant], Role::Admin)), |w, who| {
        let carl = w.user("carl");
        w.governing(who, |s| assert!(s.roles.insert(carl, Role::Admin).is_none()))
    }),
    ("make an admin a member", Some((&[Grant], Role::Admin)), |w, who| {
        let dora = w.user("dora");
        w.governing(who, |s| assert!(s.roles.remove(&dora).is_some()))
    }),
    ("add a user as an admin", Some((&[Invite, Grant], Role::Admin)), |w, who| {
        let mut state = w.state(who);
        state.roles.insert(w.user("eva"), Role::Admin);
        let add = vec![w.package("eva")];
        w.commit(who, Plan { add, state: Some(state), ..Plan::default() })
    }),
    // V-440
    ("describe", needs(&[Describe]), |w, who| {
        let (private, state) = described(w, who, "Einsatz");
        w.commit(who, Plan { state: Some(state), describe: Some(private), ..Plan::default() })
    }),
    ("describe and govern", needs(&[Describe, Govern]), |w, who| {
        let (private, mut state) = described(w, who, "Einsatz");
        state.retention = 7;
        w.commit(who, Plan { state: Some(state), describe: Some(private), ..Plan::default() })
    }),
    ("hide what the room is about", needs(&[Describe]), |w, who| {
        w.governing(who, |s| s.private_hash = Hash::from_bytes([0; 32]))
    }),
    // V-441
    ("send", needs(&[Send]), |w, who| w.saying(who, "x")),
    // V-442
    ("propose to leave", NOTHING, |w, who| w.leaving(who, who)),
    ("propose that the own other device leaves", NOTHING, |w, who| w.leaving(who, second(who))),
];

fn second(who: &str) -> &'static str {
    if who == "anna" { "anna2" } else { "carl2" }
}

fn other(role: Role) -> Role {
    if role == Role::Member { Role::Admin } else { Role::Member }
}

/// An admin's removal takes the role too.
fn removing_dora(world: &mut World, who: &str) -> Submission {
    let mut state = world.state(who);
    assert!(state.roles.remove(&world.user("dora")).is_some());
    let remove = vec![world.leaf(who, "dora")];
    world.commit(who, Plan { remove, state: Some(state), ..Plan::default() })
}

/// The policy in which everything takes the higher role but one right, or the other way round.
fn policy(right: Right, least: Role) -> Policy {
    let role = |of: Right| if of == right { least } else { other(least) };
    Policy {
        invite: role(Invite).into(),
        remove: role(Remove).into(),
        grant: role(Grant).into(),
        govern: role(Govern),
        describe: role(Describe),
        send: role(Send),
        moderate: Role::Moderator.into(),
        ..Policy::default()
    }
}

/// Whether a role may do what takes this, in a room with that policy.
fn permits(policy: &Policy, role: Role, takes: Takes) -> bool {
    takes.is_some_and(|(rights, at_least)| {
        role >= at_least && rights.iter().all(|r| role >= policy.least(*r).everywhere)
    })
}

fn peopled(policy: Policy) -> World {
    let mut world = World::of(policy, &["anna2", "bert", "carl", "carl2", "dora"]);
    let dora = world.user("dora");
    let commit = world.governing("anna", |state| assert!(state.roles.insert(dora, Role::Admin).is_none()));
    world.done(&commit);
    world
}

/// SPEC V-431 to V-442: for each right and each role that may be the least to have it, for an
/// admin and a member, every act; the hub and a member say the same.
#[test]
fn the_matrix() {
    let mut cells = 0;
    for right in RIGHTS {
        for least in ROLES {
            let policy = policy(right, least);
            let world = peopled(policy);
            for (who, role) in [("anna", Role::Admin), ("carl", Role::Member)] {
                for (act, takes, make) in ACTS {
                    let mut tried = world.clone();
                    let submission = make(&mut tried, who);
                    let expected = permits(&policy, role, *takes);
                    for (judge, verdict) in tried.verdicts_of(&submission, &["bert"]) {
                        let verdict = verdict.map_err(|error| error.code());
                        let wanted = if expected { Ok(()) } else { Err(Code::NotPermitted) };
                        assert_eq!(verdict, wanted, "{who}: {act}, {policy:?}, says {judge}");
                    }
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 12 * 2 * ACTS.len());
}

/// SPEC V-438
#[test]
fn roles_of_users_who_are_not_there() {
    let world = peopled(Policy::default());
    let mut tried = world.clone();
    let eva = tried.user("eva");
    let commit = tried.governing("anna", |state| assert!(state.roles.insert(eva, Role::Admin).is_none()));
    tried.refused(&commit, Code::BadRoomState);
    // An admin is removed and keeps the role, by the admin's own wish too.
    let mut tried = world.clone();
    let commit = tried.removing("anna", &["dora"]);
    tried.refused(&commit, Code::BadRoomState);
    let mut tried = world.clone();
    let proposal = tried.leaving("dora", "dora");
    tried.done(&proposal);
    let commit = tried.commit("bert", Plan::default());
    tried.refused(&commit, Code::BadRoomState);
    // Of one who stays, no role goes by itself.
    let mut tried = world;
    let anna = tried.user("anna");
    let commit = tried.governing("bert", |state| assert!(state.roles.remove(&anna).is_some()));
    tried.refused(&commit, Code::NotPermitted);
}

/// SPEC V-439: else those who may govern could strip those above them.
#[test]
fn a_role_above_the_own_one_taken_away() {
    let mut world = peopled(Policy { govern: Role::Member, ..Policy::default() });
    let commit = world.governing("carl", |state| state.roles.clear());
    world.refused(&commit, Code::NotPermitted);
}

/// SPEC V-442
#[test]
fn a_proposal_that_somebody_else_leaves() {
    let mut world = peopled(Policy { remove: Role::Member.into(), ..Policy::default() });
    for (by, target) in [("bert", "carl"), ("anna", "bert")] {
        let proposal = world.leaving(by, target);
        world.refused(&proposal, Code::BadProposal);
    }
}

/// SPEC V-443
#[test]
fn a_leaf_proposed_to_leave_twice() {
    let mut world = peopled(Policy::default());
    let proposal = world.leaving("carl", "carl2");
    world.done(&proposal);
    let leaf = world.leaf("carl", "carl2");
    let again = world.room("carl2", |room, mls| room.propose_leave(mls.provider, mls.signer, leaf));
    assert_eq!(again.unwrap_err().code(), Code::PendingProposal);
    // Other software proposes it all the same.
    let again = world.raw("carl2", |group, mls| {
        group.propose_remove_member(mls.provider, mls.signer, leaf).unwrap().0.to_bytes().unwrap()
    });
    let again = world.sign_mls("carl2", SubmissionKind::Proposal, again.into());
    world.refused(&again, Code::PendingProposal);
    // In the next epoch it may be proposed again.
    let commit = world.commit("bert", Plan { refresh: true, ..Plan::default() });
    world.done(&commit);
    assert_eq!(world.present(), ["anna", "anna2", "bert", "carl", "dora"]);
    let own = world.leaving("carl", "carl");
    world.accepted(&own);
}

/// SPEC V-436
#[test]
fn a_third_user_in_a_direct_room() {
    let mut world = World::enrolled();
    let policy = Policy { invite: Role::Member.into(), ..Policy::default() };
    let (state, private) = world.founding_state(policy);
    let founding =
        world.found("anna", RoomState { kind: RoomKind::Direct, roles: BTreeMap::new(), ..state }, private);
    world.done(&founding);
    world.invite("anna", &["bert"]);
    world.invite("bert", &["bert2", "anna2"]);
    let commit = world.adding("anna", &["carl"]);
    world.refused(&commit, Code::NotPermitted);
}

/// SPEC V-435: openmls sees the signature key twice.
#[test]
fn a_device_that_is_there_already() {
    let mut world = peopled(Policy::default());
    let add = vec![world.package("bert")];
    let made = world.room("anna", |room, mls| {
        let plan = Plan { add, ..Plan::default() };
        room.commit(mls.provider, mls.signer, mls.rng, plan, None).err().unwrap().code()
    });
    assert_eq!(made, Code::Mls);
}

// -- by itself: what no commit that MLS lets through could contain

fn before() -> RoomState {
    World::enrolled().founding_state(Policy::default()).0
}

fn verified(who: &str) -> VerifiedDevice {
    World::enrolled().side(who).device.verified.clone()
}

fn leaf_of(device: &VerifiedDevice, index: u32) -> Leaf {
    let key = device.key().as_bytes().to_vec();
    let index = openmls::prelude::LeafNodeIndex::new(index);
    let claims = World::enrolled().claims(device);
    Leaf { index, claims, key, encryption_key: Vec::new(), signer: device.key().id() }
}

fn stranger(user: &UserId, n: u32) -> Leaf {
    let mut id = [0xee; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    let mut leaf = leaf_of(&verified("bert"), n);
    leaf.claims.device = Device { user: user.clone(), id: DeviceId::from_bytes(id) };
    leaf.claims.identity = Hash::from_bytes([1; 32]);
    leaf
}

fn proposed(added: Vec<VerifiedDevice>) -> Proposed {
    let committer = verified("anna").device().clone();
    let at = World::enrolled().now;
    Proposed { committer, outside: false, at, added, removed: Vec::new(), leaving: Vec::new(), state: None }
}

fn judged(roster: &Roster, proposed: Proposed) -> Code {
    judge(&before(), roster, proposed).unwrap_err().code()
}

/// SPEC V-431
#[test]
fn removals_of_nobody_or_of_one_leaf_twice() {
    let (anna, bert) = (verified("anna"), verified("bert"));
    let roster = Roster::of_leaves(vec![leaf_of(&anna, 0), leaf_of(&bert, 1)]);
    let id = bert.device().clone();
    let removing = |removed: Vec<Device>, leaving| {
        let removed = removed.into_iter().map(|device| (device, None)).collect();
        Proposed { removed, leaving, ..proposed(vec![]) }
    };
    assert!(judge(&before(), &roster, removing(vec![id.clone()], vec![])).is_ok());
    for (removed, leaving) in [
        (vec![id.clone(), id.clone()], vec![]),
        (vec![id.clone()], vec![id.clone()]),
        (vec![], vec![id.clone(), id]),
        (vec![verified("carl").device().clone()], vec![]),
    ] {
        assert_eq!(judged(&roster, removing(removed, leaving)), Code::BadCommit);
    }
}

/// SPEC V-434
#[test]
fn two_identities_of_one_user() {
    let (anna, bert, bert2) = (verified("anna"), verified("bert"), verified("bert2"));
    // The same name in another world has another chain.
    let other = TestFederation::new().person("bert@b.example", 99).verified;
    assert_ne!(other.identity(), bert.identity());
    let there = Roster::of_leaves(vec![leaf_of(&anna, 0), leaf_of(&bert, 1)]);
    assert!(judge(&before(), &there, proposed(vec![bert2])).is_ok());
    assert_eq!(judged(&there, proposed(vec![other.clone()])), Code::NotPermitted);
    // Who has begun anew comes when the device of before goes, or has gone; not while another stays.
    let going = Proposed { removed: vec![(bert.device().clone(), None)], ..proposed(vec![other.clone()]) };
    assert!(judge(&before(), &there, going).is_ok());
    let both = Roster::of_leaves(vec![leaf_of(&anna, 0), leaf_of(&bert, 1), leaf_of(&verified("bert2"), 2)]);
    let going = Proposed { removed: vec![(bert.device().clone(), None)], ..proposed(vec![other.clone()]) };
    assert_eq!(judged(&both, going), Code::NotPermitted);
    // Nor do both come at once.
    let alone = Roster::of_leaves(vec![leaf_of(&anna, 0)]);
    assert_eq!(judged(&alone, proposed(vec![bert, other])), Code::NotPermitted);
}

/// SPEC V-435
#[test]
fn a_device_twice() {
    let (anna, bert) = (verified("anna"), verified("bert"));
    let roster = Roster::of_leaves(vec![leaf_of(&anna, 0), leaf_of(&bert, 1)]);
    assert_eq!(judged(&roster, proposed(vec![bert.clone()])), Code::AlreadyMember);
    let alone = Roster::of_leaves(vec![leaf_of(&anna, 0)]);
    assert_eq!(judged(&alone, proposed(vec![bert.clone(), bert.clone()])), Code::AlreadyMember);
    // Removed and added in one commit it has one leaf again.
    let removed = vec![(bert.device().clone(), None)];
    assert!(judge(&before(), &roster, Proposed { removed, ..proposed(vec![bert]) }).is_ok());
}

/// SPEC V-436
#[test]
fn too_many_devices() {
    let (anna, bert) = (verified("anna"), verified("bert"));
    let zoe = UserId::parse("zoe@a.example").unwrap();
    let full = |count: usize| {
        let others = (1..u32::try_from(count).unwrap()).map(|n| stranger(&zoe, n));
        Roster::of_leaves([leaf_of(&anna, 0)].into_iter().chain(others).collect())
    };
    assert!(judge(&before(), &full(limits::MEMBERS - 1), proposed(vec![bert.clone()])).is_ok());
    assert_eq!(judged(&full(limits::MEMBERS), proposed(vec![bert.clone()])), Code::Quota);

    let berts = |count: usize| {
        let own = (1..=u32::try_from(count).unwrap()).map(|n| {
            let mut leaf = stranger(bert.user(), n);
            leaf.claims.identity = *bert.identity();
            leaf
        });
        Roster::of_leaves([leaf_of(&anna, 0)].into_iter().chain(own).collect())
    };
    assert!(judge(&before(), &berts(limits::DEVICES_PER_USER - 1), proposed(vec![bert.clone()])).is_ok());
    assert_eq!(judged(&berts(limits::DEVICES_PER_USER), proposed(vec![bert.clone()])), Code::Quota);
}

//! A room's life without anybody who means harm.

use std::collections::BTreeMap;

use openmls::prelude::LeafNodeIndex;

use super::World;
use crate::{
    code::Code,
    room::{Authority, Policy, PrivateState, Right, Role, RoomState, member::Plan},
};

#[test]
fn users_of_two_agencies_with_all_their_devices() {
    let mut world = World::of(Policy::default(), &["anna2", "bert", "bert2"]);
    assert_eq!(world.present(), ["anna", "anna2", "bert", "bert2"]);
    assert_eq!(world.changes[0].joined, [world.user("bert")]);
    let right = Authority::Right { right: Right::Invite, role: Role::Admin, own_agency: false };
    let added: Vec<_> = world.changes[0].added.iter().map(|came| (&came.device, came.authority)).collect();
    assert_eq!(
        added,
        [(&world.id("anna2"), Authority::Own), (&world.id("bert"), right), (&world.id("bert2"), right)]
    );

    world.say("anna", "hier Wache");
    world.say("bert2", "hier Streife");
    world.say("anna2", "verstanden");
    let said = [("anna", "hier Wache"), ("bert2", "hier Streife"), ("anna2", "verstanden")];
    for who in world.present() {
        let others: Vec<_> = said.iter().filter(|(by, _)| *by != who).copied().collect();
        assert_eq!(world.heard(who), others, "{who}");
    }
}

#[test]
fn joiners_read_from_their_entry_on() {
    let mut world = World::of(Policy::default(), &["bert"]);
    world.say("anna", "before");
    world.invite("anna", &["carl", "dora"]);
    world.say("bert", "after");
    assert_eq!(world.heard("carl"), [("bert", "after")]);
    assert_eq!(world.heard("dora"), [("bert", "after")]);
    assert_eq!(world.heard("bert"), [("anna", "before")]);
}

/// SPEC V-466
#[test]
fn leaving_is_proposed_by_one_and_committed_by_another() {
    let mut world = World::of(Policy::default(), &["bert", "bert2", "carl"]);
    for leaver in ["bert2", "bert"] {
        let proposal = world.leaving("bert", leaver);
        world.done(&proposal);
    }
    let leaving = world.room("carl", |room, _| (room.has_proposals(), room.leaving().unwrap()));
    assert!(leaving.0 && leaving.1.len() == 2);
    let waiting =
        world.room("carl", |room, mls| room.encrypt(mls.provider, mls.signer, b"x").map_err(|e| e.code()));
    assert_eq!(waiting.unwrap_err(), Code::PendingProposal);

    let commit = world.commit("carl", Plan::default());
    world.done(&commit);
    assert_eq!(world.present(), ["anna", "carl"]);
    let change = world.changes.last().unwrap();
    assert_eq!(change.departed, [(world.user("bert"), Authority::Own)]);
    assert_eq!(change.committer, world.id("carl"));
    world.say("anna", "still here");
    assert_eq!(world.heard("carl"), [("anna", "still here")]);
}

/// SPEC V-599
#[test]
fn a_room_that_everybody_leaves_is_over_with_the_last() {
    let mut world = World::of(Policy::default(), &["bert", "bert2"]);
    let before = world.changes.len();
    for (who, leaver) in [("bert", "bert2"), ("anna", "anna")] {
        let proposal = world.leaving(who, leaver);
        world.done(&proposal);
        assert_eq!(world.present(), ["anna", "bert", "bert2"]);
    }
    let last = world.leaving("bert", "bert");
    world.done(&last);
    assert_eq!(world.changes.len(), before + 1);
    let change = world.changes.last().unwrap().clone();
    assert_eq!(change.committer, world.id("bert"));
    assert_eq!(change.departed, ["anna", "bert"].map(|who| (world.user(who), Authority::Own)));
    assert!(["anna", "bert", "bert2"].iter().all(|who| change.removes(&world.id(who))));
    assert!(["anna", "bert", "bert2"].iter().all(|who| world.side(who).place.is_none()));
}

/// Whoever waits to be taken out can commit, but not the leavings, of which the own is one.
#[test]
fn a_commit_of_somebody_who_leaves_takes_no_leaving_along() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    for who in ["anna", "bert"] {
        let proposal = world.leaving(who, who);
        world.done(&proposal);
    }
    let commit = world.removing("anna", &["carl"]);
    world.done(&commit);
    assert_eq!(world.present(), ["anna", "bert"]);
    for who in ["anna", "bert"] {
        let proposal = world.leaving(who, who);
        world.done(&proposal);
    }
    assert!(world.side("bert").place.is_none());
}

#[test]
fn one_device_goes_and_the_user_stays() {
    let mut world = World::of(Policy::default(), &["bert", "bert2"]);
    let commit = world.removing("bert", &["bert2"]);
    world.done(&commit);
    assert_eq!(world.present(), ["anna", "bert"]);
    assert!(world.changes.last().unwrap().departed.is_empty());
}

#[test]
fn removed_and_invited_anew() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let commit = world.removing("anna", &["bert"]);
    world.done(&commit);
    let right = Authority::Right { right: Right::Remove, role: Role::Admin, own_agency: false };
    assert_eq!(world.changes.last().unwrap().departed, [(world.user("bert"), right)]);
    world.say("anna", "without bert");
    world.invite("anna", &["bert"]);
    world.say("carl", "with bert");
    assert_eq!(world.heard("bert"), [("carl", "with bert")]);
}

/// SPEC V-438
#[test]
fn who_leaves_loses_the_role_and_comes_back_as_a_member() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let bert = world.user("bert");
    let grant = world.governing("anna", |state| {
        state.roles.insert(bert.clone(), Role::Admin);
    });
    world.done(&grant);
    assert_eq!(world.state("carl").role(&bert), Role::Admin);

    // carl has no right to govern, but roles of those who leave go by themselves.
    let proposal = world.leaving("bert", "bert");
    world.done(&proposal);
    let mut state = world.state("carl");
    state.roles.remove(&bert);
    let commit = world.commit("carl", Plan { state: Some(state), ..Plan::default() });
    world.done(&commit);
    world.invite("anna", &["bert"]);
    assert_eq!(world.state("bert").role(&bert), Role::Member);
}

#[test]
fn a_new_name_reaches_members_and_joiners() {
    let mut world = World::of(Policy::default(), &["bert"]);
    assert_eq!(world.side("bert").private.as_ref().unwrap().name, "Streife");
    let rename = renaming(&mut world, "anna", "Einsatz");
    world.done(&rename);
    world.invite("anna", &["carl"]);
    for who in ["anna", "bert", "carl"] {
        assert_eq!(world.side(who).private.as_ref().unwrap().name, "Einsatz", "{who}");
    }
}

/// SPEC V-412
#[test]
fn a_name_that_is_not_the_one_committed_to_is_not_told_and_changes_nothing_else() {
    let mut world = World::of(Policy::default(), &["bert"]);
    let (told, mut state) = described(&mut world, "anna", "told");
    state.private_hash = described(&mut world, "anna", "committed").0.hash();
    let plan = Plan { state: Some(state), describe: Some(told), ..Plan::default() };
    let commit = world.commit("anna", plan);
    world.done(&commit);
    assert!(world.side("bert").private.is_none());

    // Nor is it told to joiners.
    world.invite("anna", &["carl"]);
    assert!(world.side("carl").private.is_none());
}

/// SPEC V-415: who goes knows the epoch that the commit ends.
#[test]
fn describing_and_removing_are_two_commits() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let refused = |world: &mut World, remove| {
        let (private, state) = described(world, "anna", "without them");
        let plan = Plan { remove, state: Some(state), describe: Some(private), ..Plan::default() };
        world.room("anna", |room, mls| {
            room.commit(mls.provider, mls.signer, mls.rng, plan, None).err().unwrap().code()
        })
    };
    let bert = vec![world.leaf("anna", "bert")];
    assert_eq!(refused(&mut world, bert), Code::BadArgument);
    let leaving = world.leaving("carl", "carl");
    world.done(&leaving);
    assert_eq!(refused(&mut world, Vec::new()), Code::BadArgument);
}

#[test]
fn keys_are_renewed_by_a_commit_of_nothing() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let epoch = world.epoch("anna");
    let commit = world.commit("bert", Plan { refresh: true, ..Plan::default() });
    world.done(&commit);
    assert_eq!(world.epoch("anna"), epoch + 1);
    assert!(!world.changes.last().unwrap().governed);
    world.say("bert", "x");
}

/// RFC 9420 §12.4: who only adds needs no path.
#[test]
fn adding_costs_no_path_and_its_members_can_commit() {
    let mut world = World::of(Policy::default(), &["bert", "carl"]);
    let has_path = |world: &mut World, who| {
        world.raw(who, |group, _| group.pending_commit().unwrap().update_path_leaf_node().is_some())
    };
    world.adding("anna", &["dora"]);
    assert!(!has_path(&mut world, "anna"));
    world.discard("anna");
    let commit = world.commit("carl", Plan { refresh: true, ..Plan::default() });
    assert!(has_path(&mut world, "carl"));
    world.done(&commit);
    world.say("bert", "x");
}

#[test]
fn leaves_are_found_by_place_device_and_user() {
    let mut world = World::of(Policy::default(), &["bert", "bert2", "carl"]);
    let commit = world.removing("anna", &["bert"]);
    world.done(&commit);
    let roster = world.hub().roster().unwrap();
    assert_eq!(roster.len(), 3);
    assert_eq!(roster.users().len(), 3);
    assert!(roster.has_user(&world.user("bert")) && !roster.has_user(&world.user("dora")));
    assert_eq!(roster.leaves_of(&world.user("bert")).count(), 1);
    assert!(roster.find(&world.id("bert")).is_none());
    assert!(roster.at(LeafNodeIndex::new(1)).is_none());
    for leaf in roster.leaves() {
        assert_eq!(roster.at(leaf.index).unwrap().claims.device, leaf.claims.device);
        assert_eq!(roster.find(&leaf.claims.device).unwrap().index, leaf.index);
    }
}

#[test]
fn roles_are_ordered_and_the_default_is_member() {
    let world = World::founded(Policy::default());
    let state = RoomState { roles: BTreeMap::new(), ..world.hub().state().clone() };
    assert!(Role::Admin > Role::Member);
    assert_eq!(state.role(&world.user("anna")), Role::Member);
}

/// A state with another name, and that name.
pub(super) fn described(world: &mut World, who: &str, name: &str) -> (PrivateState, RoomState) {
    let private = PrivateState::new(&mut crate::vectors::rng(7), name.into());
    let state = RoomState { private_hash: private.hash(), ..world.state(who) };
    (private, state)
}

pub(super) fn renaming(world: &mut World, who: &str, name: &str) -> crate::wire::log::Submission {
    let (private, state) = described(world, who, name);
    world.commit(who, Plan { state: Some(state), describe: Some(private), ..Plan::default() })
}

//! How far users' chains are shown in a room, and what that decides (SPEC V-268, V-350 to V-354).

use std::collections::BTreeMap;

use super::{
    World,
    ghosts::{bert_shows_it, bert2_is_removed},
};
use crate::{
    code::Code,
    identity::{Directory, fixture::read},
    ids::{Hash, UserId},
    room::{Authority, Due, Policy, Role, RoomState, ShownEntry, member::Plan},
    time::Timestamp,
};

/// anna, bert with both devices, and carl; bert2 is removed from the chain, and the room does not show it.
fn peopled() -> World {
    let policy = Policy { invite: Role::Member.into(), ..Policy::default() };
    let mut world = World::of(policy, &["bert", "bert2", "carl"]);
    bert2_is_removed(&mut world);
    world
}

/// The same without bert2's leaf.
fn without_bert2() -> World {
    let policy = Policy { invite: Role::Member.into(), ..Policy::default() };
    let mut world = World::of(policy, &["bert", "carl"]);
    bert2_is_removed(&mut world);
    world
}

/// Entry n of bert's chain.
fn entry(world: &World, n: u32) -> ((UserId, Hash), ShownEntry) {
    let user = world.user("bert");
    let chain = read(&world.directory, |draft| Directory.chain(draft, &user)).unwrap().unwrap();
    let hash = chain.link(n).unwrap().statement().hash();
    ((user, *chain.identity()), ShownEntry { n, hash })
}

/// Shows bert's chain up to entry n.
fn show(state: &mut RoomState, world: &World, n: u32) {
    let (place, entry) = entry(world, n);
    state.shown.insert(place, entry);
}

/// A commit that shows bert's chain up to entry n and removes these.
fn showing(world: &mut World, who: &str, n: u32, removed: &[&str]) -> crate::wire::log::Submission {
    let mut state = world.state(who);
    show(&mut state, &world.clone(), n);
    let remove = removed.iter().map(|name| world.leaf(who, name)).collect();
    world.commit(who, Plan { remove, state: Some(state), ..Plan::default() })
}

/// SPEC V-268, V-352: bert shows it, although bert2 is not there. No hub and no server lets it in then.
#[test]
fn what_a_user_shows_keeps_a_removed_device_out() {
    let mut world = without_bert2();
    let before = world.clone().entering("bert2", None);
    world.accepted(&before);
    let commit = showing(&mut world, "bert", 2, &[]);
    world.done(&commit);
    assert_eq!(world.hub().state().shown, BTreeMap::from([entry(&world, 2)]));
    let outside = world.clone().entering("bert2", None);
    world.refused(&outside, Code::RemovedDevice);
    let added = world.adding("anna", &["bert2"]);
    world.refused(&added, Code::RemovedDevice);
    // bert himself goes on.
    world.discard("anna");
    world.say("bert", "ja");
}

/// SPEC V-268: also within the commit that shows it.
#[test]
fn a_commit_shows_and_adds() {
    let mut world = without_bert2();
    let mut state = world.state("bert");
    show(&mut state, &world.clone(), 2);
    let add = vec![world.package("bert2")];
    let commit = world.commit("bert", Plan { add, state: Some(state), ..Plan::default() });
    world.refused(&commit, Code::RemovedDevice);
}

/// SPEC V-448, V-353: whoever shows that a device was removed has it out without any right.
#[test]
fn a_removed_device_is_due_where_that_is_shown() {
    let mut world = peopled();
    let commit = world.removing("carl", &["bert2"]);
    world.refused(&commit, Code::NotPermitted);
    world.discard("carl");
    let commit = showing(&mut world, "carl", 2, &["bert2"]);
    world.done(&commit);
    let change = world.changes.last().unwrap();
    assert_eq!(change.removed[0].authority, Authority::Due(Due::Removed));
    assert!(change.departed.is_empty());
    let outside = world.clone().entering("bert2", None);
    world.refused(&outside, Code::RemovedDevice);
    // A certificate shows it as well.
    let mut world = peopled();
    bert_shows_it(&mut world);
    let commit = world.removing("carl", &["bert2"]);
    world.done(&commit);
    assert_eq!(world.changes.last().unwrap().removed[0].authority, Authority::Due(Due::Removed));
    // Others of the user are not due for that.
    let commit = world.removing("carl", &["bert"]);
    world.refused(&commit, Code::NotPermitted);
}

/// SPEC V-351
#[test]
fn what_is_shown_is_the_chain() {
    let mut world = peopled();
    let (place, real) = entry(&world, 2);
    let other = Hash::from_bytes([7; 32]);
    let nobody = UserId::parse("nobody@b.example").unwrap();
    let cases = [
        (place.clone(), ShownEntry { hash: other, ..real }, Code::Equivocation),
        (place.clone(), ShownEntry { n: 3, ..real }, Code::MissingEvidence),
        ((place.0, other), real, Code::MissingEvidence),
        ((nobody, place.1), real, Code::MissingEvidence),
    ];
    for (place, entry, code) in cases {
        let commit = world.governing("bert", |state| {
            state.shown.insert(place, entry);
        });
        world.refused(&commit, code);
        world.discard("bert");
    }
}

/// SPEC V-352
#[test]
fn nothing_is_shown_without_need() {
    let mut world = peopled();
    // Nothing is removed up to there; the room shows as much already.
    let commit = showing(&mut world, "bert", 1, &[]);
    world.refused(&commit, Code::BadRoomState);
    world.discard("bert");
    // Of others only what goes with this commit, whatever else one may.
    for who in ["carl", "anna"] {
        let commit = showing(&mut world, who, 2, &[]);
        world.refused(&commit, Code::BadRoomState);
        world.discard(who);
    }
    let commit = showing(&mut world, "anna", 2, &["carl"]);
    world.refused(&commit, Code::BadRoomState);
    world.discard("anna");
    // It is shown once.
    bert_shows_it(&mut world);
    let commit = showing(&mut world, "bert", 2, &[]);
    world.refused(&commit, Code::BadRoomState);
}

/// SPEC V-354
#[test]
fn what_is_shown_stays_shown() {
    let mut world = peopled();
    let commit = showing(&mut world, "bert", 2, &["bert2"]);
    world.done(&commit);
    let forgetting = |world: &mut World, who| world.governing(who, |state| state.shown.clear());
    for who in ["anna", "bert"] {
        let commit = forgetting(&mut world, who);
        world.refused(&commit, Code::BadRoomState);
        world.discard(who);
        let commit = showing(&mut world, who, 1, &[]);
        world.refused(&commit, Code::BadRoomState);
        world.discard(who);
    }
    // Nobody of the user is there any more, by this commit itself or since, or a leaf shows it.
    let mut at_once = world.clone();
    let state = RoomState { shown: BTreeMap::new(), ..at_once.state("anna") };
    let remove = vec![at_once.leaf("anna", "bert")];
    let commit = at_once.commit("anna", Plan { remove, state: Some(state), ..Plan::default() });
    at_once.accepted(&commit);
    let mut alone = world.clone();
    let commit = alone.removing("anna", &["bert"]);
    alone.done(&commit);
    let outside = alone.clone().entering("carl2", None);
    alone.accepted(&outside);
    let commit = forgetting(&mut alone, "carl");
    alone.accepted(&commit);
    bert_shows_it(&mut world);
    let commit = forgetting(&mut world, "carl");
    world.done(&commit);
    assert!(world.hub().state().shown.is_empty());
    let outside = world.clone().entering("bert2", None);
    world.refused(&outside, Code::RemovedDevice);
}

/// SPEC V-449: a room that has ended still sees removed devices out.
#[test]
fn after_the_end_it_is_shown_with_a_removal() {
    let mut world = peopled();
    let end = Timestamp::from_millis(world.now.as_millis() + 1_000);
    let commit = world.governing("anna", |state| state.ends_at = end);
    world.done(&commit);
    world.now = end;
    let alone = showing(&mut world, "bert", 2, &[]);
    world.refused(&alone, Code::RoomEnded);
    world.discard("bert");
    let commit = showing(&mut world, "carl", 2, &["bert2"]);
    world.done(&commit);
}

/// SPEC V-486: who comes in from outside shows nothing.
#[test]
fn what_may_be_forgotten_is_forgotten() {
    let mut world = peopled();
    let commit = showing(&mut world, "bert", 2, &["bert2"]);
    world.done(&commit);
    let mut state = world.state("anna");
    world.hub().roster().unwrap().forget_shown(&mut state);
    assert_eq!(state.shown.len(), 1);
    bert_shows_it(&mut world);
    world.hub().roster().unwrap().forget_shown(&mut state);
    assert!(state.shown.is_empty());
}

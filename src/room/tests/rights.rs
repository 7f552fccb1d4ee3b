//! What rights do not reach: bans, due leaves, ended rooms, archives, the last who governs.

use std::collections::BTreeMap;

use super::World;
use crate::{
    code::Code,
    room::{Authority, Due, Least, Policy, Right, Role, RoomKind, RoomState, member::Plan},
    time::Timestamp,
};

fn right(right: Right, role: Role) -> Authority {
    Authority::Right { right, role, own_agency: false }
}

/// anna is an admin; everybody else has a role of their own.
fn ranked(policy: Policy, roles: &[(&str, Role)]) -> World {
    let mut world = World::of(policy, &["bert", "carl", "dora", "fred"]);
    let roles: Vec<_> = roles.iter().map(|(who, role)| (world.user(who), *role)).collect();
    let commit = world.governing("anna", |state| state.roles.extend(roles));
    world.done(&commit);
    world
}

/// What everybody says of a new state, with nothing else in the commit.
#[track_caller]
fn changed(world: &World, who: &str, change: impl FnOnce(&World, &mut RoomState)) -> Result<(), Code> {
    let mut tried = world.clone();
    let mut state = tried.state(who);
    change(&tried, &mut state);
    let commit = tried.commit(who, Plan { state: Some(state), ..Plan::default() });
    let mut verdicts =
        tried.verdicts_of(&commit, &["dora"]).into_iter().map(|(_, v)| v.map_err(|e| e.code()));
    let (hub, member) = (verdicts.next().unwrap(), verdicts.next().unwrap());
    assert_eq!(hub, member);
    hub
}

// -- policy and roles

/// SPEC V-444
#[test]
fn what_takes_a_role_above_the_own_one_is_not_changed() {
    let policy = Policy { govern: Role::Moderator, ..Policy::default() };
    let world = ranked(policy, &[("carl", Role::Moderator)]);
    let set = |change: fn(&mut Policy)| changed(&world, "carl", |_, state| change(&mut state.policy));
    // Moderators take and give what they have themselves,
    assert_eq!(set(|p| p.invite = Role::Member.into()), Ok(()));
    assert_eq!(set(|p| p.send = Role::Moderator), Ok(()));
    assert_eq!(set(|p| p.grant.own_agency = Role::Moderator), Ok(()));
    // but neither open what they have not, nor close it to themselves.
    assert_eq!(set(|p| p.describe = Role::Moderator), Err(Code::NotPermitted));
    assert_eq!(set(|p| p.grant = Role::Moderator.into()), Err(Code::NotPermitted));
    assert_eq!(set(|p| p.grant.everywhere = Role::Moderator), Err(Code::NotPermitted));
    assert_eq!(set(|p| p.invite.everywhere = Role::Admin), Err(Code::NotPermitted));
    assert_eq!(set(|p| p.invite = Role::Admin.into()), Err(Code::NotPermitted));
    assert_eq!(set(|p| p.govern = Role::Admin), Err(Code::NotPermitted));
    // An admin may all of that.
    for role in [Role::Moderator, Role::Admin] {
        let admin = changed(&world, "anna", |_, state| state.policy.describe = role);
        assert_eq!(admin, Ok(()));
    }
}

/// SPEC V-475
#[test]
fn roles_are_given_by_right_and_not_above_the_own_one() {
    let policy = Policy { grant: Least::new(Role::Moderator, Role::AgencyAdmin), ..Policy::default() };
    let roles = [("carl", Role::AgencyAdmin), ("bert", Role::Moderator)];
    let world = ranked(policy, &roles);
    let give = |who: &str, whom: &str, role: Role| {
        changed(&world, who, |world, state| {
            state.roles.retain(|user, _| *user != world.user(whom));
            if role > Role::Member {
                state.roles.insert(world.user(whom), role);
            }
        })
    };
    let no = Err(Code::NotPermitted);
    // An agency's administrator: own people up to the own role, the own one downwards.
    assert_eq!(give("carl", "fred", Role::AgencyAdmin), Ok(()));
    assert_eq!(give("carl", "fred", Role::Moderator), no);
    assert_eq!(give("carl", "dora", Role::AgencyAdmin), no);
    assert_eq!(give("carl", "carl", Role::Member), Ok(()));
    assert_eq!(give("carl", "carl", Role::Moderator), no);
    assert_eq!(give("carl", "anna", Role::Member), no);
    // A moderator: anybody's.
    assert_eq!(give("bert", "fred", Role::Moderator), Ok(()));
    assert_eq!(give("bert", "carl", Role::Member), Ok(()));
    assert_eq!(give("bert", "carl", Role::Admin), no);
    assert_eq!(give("bert", "anna", Role::Moderator), no);
    // Those who have no right to it do not even lower themselves.
    assert_eq!(give("fred", "fred", Role::AgencyAdmin), no);
}

/// SPEC V-445
#[test]
fn the_last_who_governs_stays_or_leaves_by_themselves() {
    let world = ranked(Policy::default(), &[("carl", Role::Moderator)]);
    let lower = |world: &World, who: &str| {
        changed(world, who, |world, state| {
            let anna = world.user("anna");
            state.roles.remove(&anna);
        })
    };
    assert_eq!(lower(&world, "anna"), Err(Code::LastGovernor));
    // With another admin they may, and the other may remove them.
    let two = ranked(Policy::default(), &[("carl", Role::Admin)]);
    assert_eq!(lower(&two, "anna"), Ok(()));
    // By their own will they leave, and nobody governs from then on.
    let mut left = world.clone();
    let proposal = left.leaving("anna", "anna");
    left.done(&proposal);
    let state =
        RoomState { roles: BTreeMap::from([(left.user("carl"), Role::Moderator)]), ..left.state("bert") };
    let commit = left.commit("bert", Plan { state: Some(state), ..Plan::default() });
    left.done(&commit);
    // Where nobody governs, what nobody can do stays undone, and the rest goes on.
    assert_eq!(changed(&left, "carl", |_, state| state.retention = 1), Err(Code::NotPermitted));
    left.say("bert", "weiter");
    let commit = left.removing("carl", &["bert"]);
    left.accepted(&commit);
}

/// SPEC V-445: nor does a governor's due device stay for it.
#[test]
fn the_last_who_governs_is_due() {
    let mut world = ranked(Policy::default(), &[]);
    let anna = world.id("anna");
    world.fallen.insert(anna, Code::Revoked);
    let state = RoomState { roles: BTreeMap::new(), ..world.state("bert") };
    let remove = vec![world.leaf("bert", "anna")];
    let commit = world.commit("bert", Plan { remove, state: Some(state), ..Plan::default() });
    world.done(&commit);
    assert!(!world.present().contains(&"anna"));
}

// -- bans

/// SPEC V-446
#[test]
fn who_bans_whom() {
    let roles = [("carl", Role::AgencyAdmin), ("bert", Role::Moderator)];
    let world = ranked(Policy::default(), &roles);
    let ban = |world: &World, who: &str, whom: &str| {
        changed(world, who, |world, state| {
            let whom = world.user(whom);
            state.roles.remove(&whom);
            if !state.bans.remove(&whom) {
                state.bans.insert(whom);
            }
        })
    };
    let no = Err(Code::NotPermitted);
    assert_eq!(ban(&world, "carl", "fred"), Ok(()));
    assert_eq!(ban(&world, "carl", "gina"), Ok(()), "who is not there");
    assert_eq!(ban(&world, "carl", "eva"), no);
    assert_eq!(ban(&world, "carl", "bert"), no);
    assert_eq!(ban(&world, "fred", "gina"), no);
    assert_eq!(ban(&world, "bert", "fred"), Ok(()));
    assert_eq!(ban(&world, "bert", "carl"), Ok(()), "with the role");
    assert_eq!(ban(&world, "bert", "anna"), no);
    // It is taken back by the same right.
    let mut banned = world.clone();
    let eva = banned.user("eva");
    let commit = banned.governing("bert", |state| assert!(state.bans.insert(eva)));
    banned.done(&commit);
    assert_eq!(ban(&banned, "carl", "eva"), no);
    assert_eq!(ban(&banned, "anna", "eva"), Ok(()));
}

/// SPEC V-446, V-447, V-448
#[test]
fn a_banned_user_does_nothing_and_is_removed_by_anybody() {
    let mut world =
        ranked(Policy { remove: Role::Admin.into(), ..Policy::default() }, &[("carl", Role::Moderator)]);
    let bert = world.user("bert");
    // Whoever bans may remove in the same commit, also without the right to remove.
    let mut at_once = world.clone();
    let mut state = at_once.state("carl");
    state.bans.insert(bert.clone());
    let remove = vec![at_once.leaf("carl", "bert")];
    let commit = at_once.commit("carl", Plan { remove, state: Some(state), ..Plan::default() });
    at_once.done(&commit);
    let gone = at_once.changes.last().unwrap().departed.clone();
    assert_eq!(gone, [(bert.clone(), right(Right::Ban, Role::Moderator))]);
    let commit = at_once.removing("carl", &["dora"]);
    at_once.refused(&commit, Code::NotPermitted);

    let commit = world.governing("carl", |state| assert!(state.bans.insert(bert.clone())));
    world.done(&commit);
    // V-447: they neither send nor commit nor come again.
    let message = world.saying("bert", "x");
    world.refused(&message, Code::Banned);
    let commit = world.commit("bert", Plan { refresh: true, ..Plan::default() });
    world.refused(&commit, Code::Banned);
    world.discard("bert");
    let commit = world.adding("anna", &["bert2"]);
    world.refused(&commit, Code::Banned);
    world.discard("anna");
    // They may ask to leave.
    let leaving = world.leaving("bert", "bert");
    world.accepted(&leaving);
    // V-448: dora has no right to remove anybody.
    let commit = world.removing("dora", &["bert", "fred"]);
    world.refused(&commit, Code::NotPermitted);
    world.discard("dora");
    let commit = world.removing("dora", &["bert"]);
    world.done(&commit);
    let change = world.changes.last().unwrap();
    assert_eq!(change.departed, [(bert, Authority::Due(Due::Banned))]);
    // And stay banned.
    let commit = world.adding("anna", &["bert"]);
    world.refused(&commit, Code::Banned);
    world.discard("anna");
    // Unbanned and invited in one commit they come again.
    let state = RoomState { bans: [].into(), ..world.state("anna") };
    let add = vec![world.package("bert")];
    let commit = world.commit("anna", Plan { add, state: Some(state), ..Plan::default() });
    world.accepted(&commit);
}

/// SPEC V-448
#[test]
fn due_devices_are_removed_by_anybody() {
    let cases = [
        (Code::Revoked, Due::Revoked),
        (Code::Expired, Due::Expired),
        (Code::SuspendedAgency, Due::Suspended),
        (Code::UnknownAgency, Due::UnknownAgency),
    ];
    for (code, due) in cases {
        let mut world = World::of(Policy::default(), &["bert", "carl", "dora"]);
        let bert = world.id("bert");
        let commit = world.removing("carl", &["bert"]);
        world.refused(&commit, Code::NotPermitted);
        world.fallen.insert(bert.clone(), code);
        world.done(&commit);
        let change = world.changes.last().unwrap();
        assert_eq!(change.departed, [(bert.user, Authority::Due(due))]);
        // Also those who have the right say that it was due.
        let dora = world.id("dora");
        world.fallen.insert(dora.clone(), code);
        let commit = world.removing("anna", &["dora"]);
        world.done(&commit);
        assert_eq!(world.changes.last().unwrap().departed, [(dora.user, Authority::Due(due))]);
    }
    // A document that is missing decides nothing; without a list in force nobody is due.
    let mut world = World::of(Policy::default(), &["bert", "carl", "dora"]);
    let bert = world.id("bert");
    let commit = world.removing("carl", &["bert"]);
    world.fallen.insert(bert.clone(), Code::MissingEvidence);
    world.refused(&commit, Code::MissingEvidence);
    world.fallen.insert(bert, Code::TrustExpired);
    world.refused(&commit, Code::NotPermitted);
}

// -- the end

/// SPEC V-449
#[test]
fn after_its_end_a_room_only_empties() {
    let mut world = ranked(Policy::default(), &[("carl", Role::Moderator)]);
    let end = world.now.plus(core::time::Duration::from_secs(60));
    let commit = world.governing("anna", |state| state.ends_at = end);
    world.done(&commit);
    let (message, late) = (world.saying("bert", "x"), end);
    world.now = end.minus(core::time::Duration::from_millis(1));
    world.accepted(&message);
    world.now = late;
    world.refused(&message, Code::RoomEnded);
    let refused = |who: &str, plan: fn(&mut World) -> Plan| {
        let mut tried = world.clone();
        let plan = plan(&mut tried);
        let commit = tried.commit(who, plan);
        tried.refused(&commit, Code::RoomEnded);
    };
    let state = |change: fn(&mut RoomState)| {
        move |world: &mut World| {
            let mut state = world.state("anna");
            change(&mut state);
            Some(state)
        }
    };
    refused("anna", |world| Plan { add: vec![world.package("eva")], ..Plan::default() });
    refused("anna", |_| Plan { refresh: true, ..Plan::default() });
    let later = state(|state| state.ends_at = Timestamp::ZERO);
    let mut tried = world.clone();
    let plan = Plan { state: later(&mut tried), ..Plan::default() };
    let commit = tried.commit("anna", plan);
    tried.refused(&commit, Code::RoomEnded);
    refused("anna", |world| {
        let mut state = world.state("anna");
        state.retention = 1;
        Plan { remove: vec![world.leaf("anna", "bert")], state: Some(state), ..Plan::default() }
    });
    // Removals by right and leavings go on, roles of those who go fall away.
    let mut tried = world.clone();
    let mut state = tried.state("anna");
    state.roles.remove(&tried.user("carl"));
    let remove = vec![tried.leaf("anna", "carl")];
    let commit = tried.commit("anna", Plan { remove, state: Some(state), ..Plan::default() });
    tried.accepted(&commit);
    let commit = world.removing("fred", &["bert"]);
    world.refused(&commit, Code::NotPermitted);
    world.discard("fred");
    let leaving = world.leaving("bert", "bert");
    world.done(&leaving);
    let commit = world.commit("dora", Plan::default());
    world.done(&commit);
    assert!(!world.present().contains(&"bert"));
}

/// SPEC V-411, V-473
#[test]
fn operations_begin_with_an_end() {
    let founded = |change: &dyn Fn(&World, &mut RoomState)| {
        let mut world = World::enrolled();
        let (mut state, private) = world.founding_state(Policy::default());
        state.kind = RoomKind::Operation;
        state.ends_at = world.now.plus(core::time::Duration::from_millis(1));
        change(&world, &mut state);
        let submission = world.found("anna", state, private);
        world.submit(&submission).map_err(|error| error.code())
    };
    assert_eq!(founded(&|_, _| {}), Ok(()));
    assert_eq!(founded(&|_, state| state.ends_at = Timestamp::ZERO), Err(Code::BadRoomState));
    assert_eq!(founded(&|world, state| state.ends_at = world.now), Err(Code::BadRoomState));
    assert_eq!(
        founded(&|world, state| assert!(state.bans.insert(world.user("bert")))),
        Err(Code::BadRoomState)
    );
    // Others may begin with an end, too, but not after it.
    let group = |at: fn(&World) -> Timestamp| {
        founded(&move |world, state| (state.kind, state.ends_at) = (RoomKind::Group, at(world)))
    };
    assert_eq!(group(|world| world.now.plus(core::time::Duration::from_millis(1))), Ok(()));
    assert_eq!(group(|_| Timestamp::ZERO), Ok(()));
    assert_eq!(group(|world| world.now), Err(Code::BadRoomState));
    // Whoever founds a room governs it.
    let founder = |role: Role, govern: Role| {
        founded(&move |world, state| {
            state.roles.insert(world.user("anna"), role);
            state.policy.govern = govern;
        })
    };
    assert_eq!(founder(Role::Moderator, Role::Admin), Err(Code::BadRoomState));
    assert_eq!(founder(Role::Moderator, Role::Moderator), Ok(()));
}

// -- archives

/// SPEC V-450
#[test]
fn archives_come_and_go_with_the_right_to_govern() {
    let policy = Policy {
        invite: Role::Member.into(),
        remove: Role::Member.into(),
        ban: Role::Member.into(),
        grant: Role::Member.into(),
        send: Role::Member,
        ..Policy::default()
    };
    let mut world = ranked(policy, &[]);
    // Without the right nobody brings one in,
    let commit = world.adding("carl", &["akte"]);
    world.refused(&commit, Code::NotPermitted);
    world.discard("carl");
    world.invite("anna", &["akte"]);
    // not even itself its second device.
    let commit = world.adding("akte", &["akte2"]);
    world.refused(&commit, Code::NotPermitted);
    world.discard("akte");
    world.invite("anna", &["akte2"]);
    // Nobody gets it out,
    for who in ["carl", "akte2"] {
        let commit = world.removing(who, &["akte"]);
        world.refused(&commit, Code::NotPermitted);
        world.discard(who);
    }
    let leaving = world.leaving("akte", "akte");
    world.refused(&leaving, Code::NotPermitted);
    // bans it, or gives it a role.
    let akte = world.user("akte");
    assert_eq!(
        changed(&world, "anna", |_, state| assert!(state.bans.insert(akte.clone()))),
        Err(Code::NotPermitted)
    );
    let granted = changed(&world, "anna", |_, state| {
        assert!(state.roles.insert(akte.clone(), Role::Moderator).is_none());
    });
    assert_eq!(granted, Err(Code::BadRoomState));
    // It says nothing, and does nothing that takes a right.
    let message = world.saying("akte", "x");
    world.refused(&message, Code::NotPermitted);
    let commit = world.adding("akte", &["eva"]);
    world.refused(&commit, Code::NotPermitted);
    world.discard("akte");
    assert_eq!(
        changed(&world, "akte", |world, state| assert!(state.bans.insert(world.user("eva")))),
        Err(Code::NotPermitted)
    );
    // It keeps its keys fresh, and hears what is said.
    let commit = world.commit("akte", Plan { refresh: true, ..Plan::default() });
    world.done(&commit);
    world.say("bert", "hier Streife");
    assert_eq!(world.heard("akte"), [("bert", "hier Streife")]);
    // Whoever governs removes it.
    let commit = world.removing("anna", &["akte", "akte2"]);
    world.done(&commit);
    let change = world.changes.last().unwrap();
    assert_eq!(change.departed, [(akte, right(Right::Govern, Role::Admin))]);
}

/// SPEC V-450: an archive that is due is removed as others are.
#[test]
fn an_archive_that_is_due() {
    let mut world = World::of(Policy::default(), &["akte", "bert"]);
    let akte = world.id("akte");
    world.fallen.insert(akte, Code::Revoked);
    let commit = world.removing("bert", &["akte"]);
    world.accepted(&commit);
}

/// SPEC V-436: an archive is none of the two.
#[test]
fn an_archive_in_a_direct_room() {
    let mut world = World::enrolled();
    let (state, private) = world.founding_state(Policy::of(RoomKind::Direct));
    let founding =
        world.found("anna", RoomState { kind: RoomKind::Direct, roles: BTreeMap::new(), ..state }, private);
    world.done(&founding);
    world.invite("anna", &["bert", "akte"]);
    let commit = world.adding("bert", &["carl"]);
    world.refused(&commit, Code::NotPermitted);
}

/// SPEC V-411: no room is an archive's.
#[test]
fn a_room_that_an_archive_founds() {
    let mut world = World::enrolled();
    let (state, private) = world.founding_state(Policy::default());
    let roles = BTreeMap::from([(world.user("akte"), Role::Admin)]);
    let founding = world.found("akte", RoomState { roles, ..state }, private);
    assert_eq!(world.submit(&founding).unwrap_err().code(), Code::BadRoomState);
}

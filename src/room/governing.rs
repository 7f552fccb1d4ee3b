//! A room's new state, field by field, each with the right that it takes.

use std::collections::BTreeSet;

use super::{
    actor::{Actor, Authority},
    policy::{Policy, Right, Role},
    state::RoomState,
};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::UserId,
};

/// Who takes part before and after a commit.
pub(super) struct People<'p> {
    pub(super) before: BTreeSet<&'p UserId>,
    pub(super) after: BTreeSet<&'p UserId>,
    /// Those of them who are archives.
    pub(super) archives: BTreeSet<&'p UserId>,
}

/// Judges the state after a commit.
pub(super) fn judge(
    actor: &Actor<'_>,
    before: &RoomState,
    after: &RoomState,
    people: &People<'_>,
) -> Result<()> {
    // V-437: what no commit changes.
    let RoomState {
        room,
        kind,
        hub,
        term,
        replicas,
        policy,
        roles,
        bans,
        join,
        listing,
        retention,
        ends_at,
        private_hash,
        // Judged by itself, for it takes no right.
        shown: _,
    } = after;
    let fixed = *room == before.room
        && *kind == before.kind
        && *hub == before.hub
        && *term == before.term
        && *replicas == before.replicas;
    ensure(fixed, Code::NotPermitted, "fixed part of the room state")?;
    // V-438, V-450: roles are held by users who take part, and by no archive.
    let held = roles.keys().all(|user| people.after.contains(user) && !people.archives.contains(user));
    ensure(held, Code::BadRoomState, "role of somebody who cannot have one")?;
    // V-439
    let governs = *policy != before.policy
        || *join != before.join
        || *listing != before.listing
        || *retention != before.retention
        || *ends_at != before.ends_at;
    if governs {
        actor.holds(Right::Govern)?;
    }
    // V-440
    if *private_hash != before.private_hash {
        actor.holds(Right::Describe)?;
    }
    judge_policy(actor.role, &before.policy, policy)?;
    judge_roles(actor, before, after, people)?;
    // V-446
    for user in bans.symmetric_difference(&before.bans) {
        actor.over(Right::Ban, user)?;
        ensure(!people.archives.contains(user), Code::NotPermitted, "an archive is not banned")?;
    }
    Ok(())
}

/// V-444: nobody changes what takes a role above the own one, before or after.
fn judge_policy(role: Role, before: &Policy, after: &Policy) -> Result<()> {
    for right in Right::ALL {
        let (was, is) = (before.least(right), after.least(right));
        let parts = [(was.everywhere, is.everywhere), (was.own_agency, is.own_agency)];
        let mut changed = parts.into_iter().filter(|(was, is)| was != is);
        ensure(
            changed.all(|(was, is)| was.max(is) <= role),
            Code::NotPermitted,
            "policy above the own role",
        )?;
    }
    Ok(())
}

/// V-475: each role that is given or taken takes the right, and is not above the own one. Of
/// those who go, or are banned, it goes by itself.
fn judge_roles(actor: &Actor<'_>, before: &RoomState, after: &RoomState, people: &People<'_>) -> Result<()> {
    for user in &people.after {
        let (was, is) = (before.role(user), after.role(user));
        if was != is && !after.bans.contains(*user) {
            actor.over(Right::Grant, user)?;
            ensure(was.max(is) <= actor.role, Code::NotPermitted, "grant")?;
        }
    }
    Ok(())
}

/// The state before without the roles of those who are gone, and with what is shown after: what
/// takes no right.
pub(super) fn without(before: &RoomState, after: &RoomState, people: &People<'_>) -> RoomState {
    let mut state = RoomState { shown: after.shown.clone(), ..before.clone() };
    state.roles.retain(|user, _| people.after.contains(user));
    state
}

/// V-445: a commit that takes the last one who may govern out of that is refused, unless they
/// leave by themselves or are due.
pub(super) fn check_governor(
    before: &RoomState,
    after: &RoomState,
    people: &People<'_>,
    departed: &[(UserId, Authority)],
) -> Result<()> {
    let governs = |state: &RoomState, user: &UserId| {
        !people.archives.contains(user) && state.role(user) >= state.policy.govern
    };
    let went = |user: &UserId| {
        let by = departed.iter().find(|(gone, _)| gone == user);
        by.is_some_and(|(_, authority)| !matches!(authority, Authority::Right { .. }))
    };
    let some_did = people.before.iter().any(|user| governs(before, user) && !went(user));
    let some_do = people.after.iter().any(|user| governs(after, user));
    ensure(some_do || !some_did, Code::LastGovernor, "commit")
}

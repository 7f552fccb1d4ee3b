//! Who may change what. The hub and every member judge each commit by the same function of
//! the state before it (SPEC "Authority", V-43x).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    roster::Roster,
    state::{Role, RoomKind, RoomState},
};
use crate::{
    code::Code,
    error::{Result, ensure},
    identity::VerifiedDevice,
    ids::{Device, DeviceId, Hash, UserId},
    limits,
};

/// What a commit would do, as read out of it; nothing is decided yet.
pub(crate) struct Proposed {
    /// Who commits.
    pub(crate) committer: Device,
    /// Devices added, each verified at the entry's stamp.
    pub(crate) added: Vec<VerifiedDevice>,
    /// Devices removed by the committer's word.
    pub(crate) removed: Vec<Device>,
    /// Devices removed because their own user asked for it.
    pub(crate) leaving: Vec<Device>,
    /// The state after it, if it is replaced.
    pub(crate) state: Option<RoomState>,
}

/// A commit that the rules permit, in terms of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) committer: Device,
    pub(crate) added: Vec<Device>,
    pub(crate) removed: Vec<Device>,
    /// Users who take part only from now on.
    pub(crate) joined: Vec<UserId>,
    /// Users who no longer take part; `true` if they asked for it themselves.
    pub(crate) departed: Vec<(UserId, bool)>,
    /// The state from now on.
    pub(crate) state: RoomState,
    /// Whether the state was replaced.
    pub(crate) governed: bool,
}

/// Decides about a commit.
///
/// # Errors
/// [`Code::NotPermitted`] if a right is missing, [`Code::AlreadyMember`], or
/// [`Code::BadRoomState`] if the new state cannot be.
pub(crate) fn judge(before: &RoomState, roster: &Roster, proposed: Proposed) -> Result<Change> {
    let Proposed { committer, added, removed, leaving, state } = proposed;
    let role = before.role(&committer.user);
    let policy = &before.policy;

    let mut devices: BTreeSet<&Device> = roster.leaves().iter().map(|leaf| &leaf.device).collect();
    for gone in removed.iter().chain(&leaving) {
        // V-431: each removal names a leaf, and no leaf twice.
        ensure(devices.remove(gone), Code::BadCommit, "removes nobody")?;
    }
    for device in &removed {
        // V-432: one's own devices, or with the right, users of at most the own role.
        let own = device.user == committer.user;
        let may = role >= policy.remove && role >= before.role(&device.user);
        ensure(own || may, Code::NotPermitted, "remove")?;
    }
    let mut identities: BTreeMap<&UserId, &Hash> = BTreeMap::new();
    for new in &added {
        // V-433: one's own devices, or with the right, anybody's.
        let own = new.device().user == committer.user;
        ensure(own || role >= policy.invite, Code::NotPermitted, "invite")?;
        // V-434: a user has one identity in the room, and keeps it as long as they are there.
        let there = roster.leaves_of(new.user()).next().map(|leaf| &leaf.identity);
        let identity = identities.entry(new.user()).or_insert(there.unwrap_or(new.identity()));
        ensure(*identity == new.identity(), Code::NotPermitted, "another identity")?;
        // V-435: a device has one leaf.
        ensure(devices.insert(new.device()), Code::AlreadyMember, "device")?;
    }
    // V-436: bounds.
    ensure(devices.len() <= limits::MEMBERS, Code::Quota, "members")?;
    for user in identities.keys() {
        let first = Device { user: (*user).clone(), id: DeviceId::from_bytes([0; 16]) };
        let own = devices.range::<Device, _>(first..).take_while(|device| device.user == **user);
        ensure(own.count() <= limits::DEVICES_PER_USER, Code::Quota, "devices of a user")?;
    }
    let users: BTreeSet<&UserId> = devices.iter().map(|device| &device.user).collect();
    ensure(
        before.kind != RoomKind::Direct || users.len() <= 2,
        Code::NotPermitted,
        "a direct room has two users",
    )?;

    let governed = state.is_some();
    let after = state.unwrap_or_else(|| before.clone());
    judge_state(before, &after, role, &users)?;

    let before_users = roster.users();
    let expelled: BTreeSet<&UserId> = removed.iter().map(|device| &device.user).collect();
    let joined = users.difference(&before_users).map(|u| (*u).clone()).collect();
    let departed = before_users.difference(&users).map(|u| ((*u).clone(), !expelled.contains(*u)));
    Ok(Change {
        departed: departed.collect(),
        joined,
        added: added.iter().map(|new| new.device().clone()).collect(),
        removed: removed.iter().chain(&leaving).cloned().collect(),
        committer,
        state: after,
        governed,
    })
}

/// The new state field by field, each with the right it takes.
fn judge_state(before: &RoomState, after: &RoomState, role: Role, users: &BTreeSet<&UserId>) -> Result<()> {
    // V-437: what no commit changes.
    let RoomState { room, kind, hub, term, replicas, policy, roles, retention, ends_at, private_hash } =
        after;
    let fixed = *room == before.room
        && *kind == before.kind
        && *hub == before.hub
        && *term == before.term
        && *replicas == before.replicas;
    ensure(fixed, Code::NotPermitted, "fixed part of the room state")?;

    // V-438: roles are held by users who take part. Dropping those who leave takes no right.
    ensure(
        roles.keys().all(|user| users.contains(user)),
        Code::BadRoomState,
        "role of somebody who is not there",
    )?;
    let kept = before.roles.iter().filter(|(user, _)| users.contains(user));
    let same_roles = roles.iter().eq(kept);

    // V-439: the rest of what governs.
    let same = same_roles
        && *policy == before.policy
        && *retention == before.retention
        && *ends_at == before.ends_at;
    ensure(same || role >= before.policy.govern, Code::NotPermitted, "govern")?;
    // Nobody gives or takes a role above the own one.
    let mut changed = users.iter().map(|user| (before.role(user), after.role(user))).filter(|(a, b)| a != b);
    ensure(changed.all(|(a, b)| a.max(b) <= role), Code::NotPermitted, "grant")?;
    // V-440: what describes.
    let described = *private_hash != before.private_hash;
    ensure(!described || role >= before.policy.describe, Code::NotPermitted, "describe")
}

/// Whether a device may send a message (V-441).
pub(crate) fn may_send(state: &RoomState, sender: &Device) -> Result<()> {
    ensure(state.role(&sender.user) >= state.policy.send, Code::NotPermitted, "send")
}

/// Whether a standalone proposal may be made: only for leaving (V-442).
pub(crate) fn may_propose_removal(proposer: &Device, target: &Device) -> Result<()> {
    ensure(proposer.user == target.user, Code::BadProposal, "proposes to remove another user")
}

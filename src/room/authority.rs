//! Who may change what. The hub and every member judge each commit by the same function of
//! the state before it (SPEC "Authority", V-43x, V-44x).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    actor::{Actor, Authority, Due},
    governing::{self, People},
    policy::Right,
    roster::{Leaf, Roster},
    state::{RoomKind, RoomState},
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::{UserKind, VerifiedDevice},
    ids::{Device, DeviceId, Hash, UserId},
    limits,
    time::Timestamp,
};

/// What a commit would do, as read out of it; nothing is decided yet.
pub(crate) struct Proposed {
    /// Who commits.
    pub(crate) committer: Device,
    /// The time of the entry's stamp.
    pub(crate) at: Timestamp,
    /// The committer comes in by this commit itself.
    pub(crate) outside: bool,
    /// Devices added, each verified at the entry's stamp.
    pub(crate) added: Vec<VerifiedDevice>,
    /// Devices removed by the committer's word, each with what its certificate makes due at the stamp.
    pub(crate) removed: Vec<(Device, Option<Due>)>,
    /// Devices removed because their own user asked for it.
    pub(crate) leaving: Vec<Device>,
    /// The state after it, if it is replaced.
    pub(crate) state: Option<RoomState>,
}

/// A commit that the rules permit, in terms of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) committer: Device,
    /// The committer has come in by itself.
    pub(crate) outside: bool,
    pub(crate) added: Vec<DeviceChange>,
    pub(crate) removed: Vec<DeviceChange>,
    /// Users who take part only from now on.
    pub(crate) joined: Vec<UserId>,
    /// Users who no longer take part, and why.
    pub(crate) departed: Vec<(UserId, Authority)>,
    /// The state from now on.
    pub(crate) state: RoomState,
    /// Whether the state was replaced.
    pub(crate) governed: bool,
}

/// A device that comes or goes, and by what authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceChange {
    /// The device.
    pub device: Device,
    /// By what authority.
    pub authority: Authority,
}

impl Change {
    pub(crate) fn removes(&self, device: &Device) -> bool {
        self.removed.iter().any(|gone| gone.device == *device)
    }
}

/// Decides about a commit.
///
/// # Errors
/// [`Code::NotPermitted`] if a right is missing, [`Code::Banned`], [`Code::RoomEnded`],
/// [`Code::LastGovernor`], [`Code::AlreadyMember`], or [`Code::BadRoomState`] if the new state
/// cannot be.
pub(crate) fn judge(before: &RoomState, roster: &Roster, proposed: Proposed) -> Result<Change> {
    let Proposed { committer, outside, at, added, removed, leaving, state } = proposed;
    let archive = roster.find(&committer).is_some_and(Leaf::is_archive);
    let actor = Actor::new(before, &committer.user, archive);
    // V-447
    ensure(!before.bans.contains(&committer.user), Code::Banned, "committer")?;
    let governed = state.is_some();
    let after = state.unwrap_or_else(|| before.clone());

    let mut devices: BTreeSet<&Device> = roster.leaves().iter().map(|leaf| &leaf.claims.device).collect();
    for gone in removed.iter().map(|(device, _)| device).chain(&leaving) {
        // V-431: each removal names a leaf, and no leaf twice.
        ensure(devices.remove(gone), Code::BadCommit, "removes nobody")?;
    }
    // V-450: who comes in anew, in the place of their own leaf, adds and removes nobody: also an archive.
    let returns = outside
        && removed.iter().any(|(gone, _)| *gone == committer)
        && roster
            .find(&committer)
            .is_some_and(|former| added.iter().all(|new| *new.identity() == former.claims.identity));
    let mut went = Vec::with_capacity(removed.len().saturating_add(leaving.len()));
    for (device, due) in &removed {
        let leaf = roster.find(device).ok_or(Error::new(Code::BadCommit, "removes nobody"))?;
        let authority = match returns {
            true => Authority::Own,
            false => may_remove(&actor, before, &after, leaf, *due)?,
        };
        went.push(DeviceChange { device: device.clone(), authority });
    }
    let asked = |device: &Device| DeviceChange { device: device.clone(), authority: Authority::Own };
    went.extend(leaving.iter().map(asked));

    let mut came = Vec::with_capacity(added.len());
    let mut identities: BTreeMap<&UserId, &Hash> = BTreeMap::new();
    for new in &added {
        let authority = match returns {
            true => Authority::Own,
            false => may_add(&actor, &after, new)?,
        };
        // V-434: a user has one identity in the room, and keeps it as long as they are there. Who
        // begins anew comes when the devices of before have gone, with the same commit at the latest.
        let stays = |leaf: &&Leaf| devices.contains(&leaf.claims.device);
        let there = roster.leaves_of(new.user()).find(stays).map(|leaf| &leaf.claims.identity);
        let identity = identities.entry(new.user()).or_insert(there.unwrap_or(new.identity()));
        ensure(*identity == new.identity(), Code::NotPermitted, "another identity")?;
        // V-435: a device has one leaf.
        ensure(devices.insert(new.device()), Code::AlreadyMember, "device")?;
        came.push(DeviceChange { device: new.device().clone(), authority });
    }
    // V-436: bounds.
    ensure(devices.len() <= limits::MEMBERS, Code::Quota, "members")?;
    for user in identities.keys() {
        let first = Device { user: (*user).clone(), id: DeviceId::from_bytes([0; 16]) };
        let own = devices.range::<Device, _>(first..).take_while(|device| device.user == **user);
        ensure(own.count() <= limits::DEVICES_PER_USER, Code::Quota, "devices of a user")?;
    }
    let there = roster.leaves().iter().filter(|leaf| leaf.is_archive()).map(|leaf| &leaf.claims.device.user);
    let new = added.iter().filter(|new| new.kind() == UserKind::Archive).map(VerifiedDevice::user);
    let people = People {
        before: roster.users(),
        after: devices.iter().map(|device| &device.user).collect(),
        archives: there.chain(new).collect(),
    };
    let talking = people.after.difference(&people.archives).count();
    let fits = before.kind != RoomKind::Direct || talking <= 2;
    ensure(fits, Code::NotPermitted, "a direct room has two users")?;

    governing::judge(&actor, before, &after, &people)?;
    let departed = departed(&people, &went);
    governing::check_governor(before, &after, &people, &departed)?;
    if before.has_ended(at) {
        // V-449
        let goes =
            !went.is_empty() && came.is_empty() && after == governing::without(before, &after, &people);
        ensure(goes, Code::RoomEnded, "commit")?;
    }
    let joined = people.after.difference(&people.before).map(|user| (*user).clone()).collect();
    Ok(Change { departed, joined, added: came, removed: went, committer, outside, state: after, governed })
}

/// By what authority somebody removes a leaf.
fn may_remove(
    actor: &Actor<'_>,
    before: &RoomState,
    after: &RoomState,
    leaf: &Leaf,
    due: Option<Due>,
) -> Result<Authority> {
    let user = &leaf.claims.device.user;
    // V-448: what is due takes no right.
    if let Some(due) = due.or(before.bans.contains(user).then_some(Due::Banned)) {
        return Ok(Authority::Due(due));
    }
    // V-450
    if leaf.is_archive() {
        return actor.holds(Right::Govern);
    }
    // V-432: one's own devices, or with the right, users of at most the own role; whoever is
    // banned by the same commit goes by that right.
    if user == actor.user {
        return Ok(Authority::Own);
    }
    let banned = after.bans.contains(user);
    actor.over(Right::Remove, user).or_else(|refused| match banned {
        true => actor.over(Right::Ban, user),
        false => Err(refused),
    })
}

/// By what authority somebody adds a device.
fn may_add(actor: &Actor<'_>, after: &RoomState, new: &VerifiedDevice) -> Result<Authority> {
    // V-447
    ensure(!after.bans.contains(new.user()), Code::Banned, "invite")?;
    // V-450
    if new.kind() == UserKind::Archive {
        return actor.holds(Right::Govern);
    }
    // V-433: one's own devices, or with the right, anybody's.
    if new.user() == actor.user {
        return Ok(Authority::Own);
    }
    actor.over(Right::Invite, new.user())
}

/// Whether somebody may add a user of whom nothing but the name is known (V-433, V-447). That
/// those who govern may add an archive is for [`judge`], which knows what the user is.
///
/// # Errors
/// [`Code::NotMember`], [`Code::Banned`], [`Code::NotPermitted`].
pub(crate) fn may_invite(state: &RoomState, roster: &Roster, by: &UserId, user: &UserId) -> Result<()> {
    let leaf = roster.leaves_of(by).next().ok_or(Error::new(Code::NotMember, "invite"))?;
    let banned = state.bans.contains(by) || state.bans.contains(user);
    ensure(!banned, Code::Banned, "invite")?;
    let actor = Actor::new(state, by, leaf.is_archive());
    match by == user && !leaf.is_archive() {
        true => Ok(()),
        false => actor
            .over(Right::Invite, user)
            .or_else(|refused| actor.holds(Right::Govern).map_err(|_| refused))
            .map(drop),
    }
}

/// Who no longer takes part. Of several devices' authorities the strongest tells why.
fn departed(people: &People<'_>, went: &[DeviceChange]) -> Vec<(UserId, Authority)> {
    let why = |user: &UserId| {
        let all = went.iter().filter(|gone| gone.device.user == *user).map(|gone| gone.authority);
        all.max_by_key(|authority| match authority {
            Authority::Own => 0,
            Authority::Due(_) => 1,
            Authority::Right { .. } => 2,
        })
    };
    let gone = people.before.difference(&people.after);
    gone.filter_map(|user| Some(((*user).clone(), why(user)?))).collect()
}

/// Whether a user may send a message in an entry stamped with that time (V-441, V-447, V-449, V-450).
pub(crate) fn may_send(state: &RoomState, user: &UserId, archive: bool, at: Timestamp) -> Result<()> {
    ensure(!state.has_ended(at), Code::RoomEnded, "send")?;
    ensure(!state.bans.contains(user), Code::Banned, "send")?;
    Actor::new(state, user, archive).holds(Right::Send).map(drop)
}

/// Whether a user may hand what was said in the room to their own next device (V-384).
pub(crate) fn may_hand_over(state: &RoomState, user: &UserId) -> bool {
    state.role(user) >= state.policy.hand_over
}

/// Whether a standalone proposal may be made: only for leaving (V-442), which archives do not (V-450).
pub(crate) fn may_propose_removal(proposer: &Device, target: &Leaf) -> Result<()> {
    let own = proposer.user == target.claims.device.user;
    ensure(own, Code::BadProposal, "proposes to remove another user")?;
    ensure(!target.is_archive(), Code::NotPermitted, "an archive stays")
}

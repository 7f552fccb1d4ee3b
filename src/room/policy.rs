//! Who may do what in a room: roles, rights, and the least role that has each right.

use super::state::RoomKind;
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    wire::{field, proto},
};

/// A user's part in a room. Roles are ordered: what a role may do, a higher one may too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Takes part. The default.
    Member,
    /// Looks after the people of the own agency.
    AgencyAdmin,
    /// Looks after everybody.
    Moderator,
    /// Runs the room.
    Admin,
}

/// Something that takes a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Right {
    /// Add a user.
    Invite,
    /// Remove a user.
    Remove,
    /// Ban a user, and take that back.
    Ban,
    /// Give a user a role.
    Grant,
    /// Delete a user's messages.
    Moderate,
    /// Send messages.
    Send,
    /// Change name, topic, purpose and label.
    Describe,
    /// Change policy, join rule, listing, retention and end; add and remove archives.
    Govern,
    /// Hand what was said before to one's own next device.
    HandOver,
}

/// The least roles that have a right over users. Nobody has one over a user of a higher role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Least {
    /// Over users of any agency.
    pub everywhere: Role,
    /// Over users of the own agency: not above `everywhere`.
    pub own_agency: Role,
}

impl Least {
    /// `own_agency` is enough for users of the own agency, others take `everywhere`.
    #[must_use]
    pub const fn new(everywhere: Role, own_agency: Role) -> Self {
        Least { everywhere, own_agency }
    }
}

impl From<Role> for Least {
    /// The same for users of any agency.
    fn from(role: Role) -> Self {
        Least { everywhere: role, own_agency: role }
    }
}

/// For each right the least role that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Policy {
    /// Add users.
    pub invite: Least,
    /// Remove users.
    pub remove: Least,
    /// Ban users, and take that back.
    pub ban: Least,
    /// Give users roles: none above the own one.
    pub grant: Least,
    /// Delete other users' messages.
    pub moderate: Least,
    /// Send messages.
    pub send: Role,
    /// Change name, topic, purpose and label.
    pub describe: Role,
    /// Change policy, join rule, listing, retention and end; add and remove archives. Nobody
    /// changes in the policy what takes a role above the own one.
    pub govern: Role,
    /// Hand what was said before to one's own next device. Servers see nothing of that: it is the
    /// members' own devices that keep to it.
    pub hand_over: Role,
}

impl Default for Policy {
    /// As for a group.
    fn default() -> Self {
        Policy::of(RoomKind::Group)
    }
}

impl Policy {
    /// What suits most rooms of a kind.
    ///
    /// In groups and operations members talk; moderators invite, remove, ban and delete, and an
    /// agency's administrators do so with their own agency's people; admins run the room. In a
    /// [topic](Policy::topic) few talk. In a direct room both users may invite their devices,
    /// name the room and set its retention, and neither can remove the other.
    #[must_use]
    pub const fn of(kind: RoomKind) -> Self {
        match kind {
            RoomKind::Direct => Self::direct(),
            RoomKind::Topic => Self::topic(),
            RoomKind::Group | RoomKind::Operation => Self::group(),
        }
    }

    /// Admins and moderators post, others read.
    #[must_use]
    pub const fn topic() -> Self {
        Policy { send: Role::Moderator, ..Self::group() }
    }

    const fn group() -> Self {
        let care = Least::new(Role::Moderator, Role::AgencyAdmin);
        Policy {
            invite: care,
            remove: care,
            ban: care,
            grant: Least::new(Role::Admin, Role::AgencyAdmin),
            moderate: care,
            send: Role::Member,
            describe: Role::Admin,
            govern: Role::Admin,
            hand_over: Role::Member,
        }
    }

    const fn direct() -> Self {
        let nobody = Least::new(Role::Admin, Role::Admin);
        Policy {
            invite: Least::new(Role::Member, Role::Member),
            remove: nobody,
            ban: nobody,
            grant: nobody,
            moderate: nobody,
            send: Role::Member,
            describe: Role::Member,
            govern: Role::Member,
            hand_over: Role::Member,
        }
    }

    /// The least roles that have a right. Those without an object are the same everywhere.
    #[must_use]
    pub fn least(&self, right: Right) -> Least {
        match right {
            Right::Invite => self.invite,
            Right::Remove => self.remove,
            Right::Ban => self.ban,
            Right::Grant => self.grant,
            Right::Moderate => self.moderate,
            Right::Send => self.send.into(),
            Right::Describe => self.describe.into(),
            Right::Govern => self.govern.into(),
            Right::HandOver => self.hand_over.into(),
        }
    }

    /// Whether each right that is had over any agency's users is had over the own one's too (V-413).
    pub(crate) fn check(&self) -> Result<()> {
        let widens = Right::ALL.iter().all(|right| {
            let least = self.least(*right);
            least.own_agency <= least.everywhere
        });
        ensure(widens, Code::BadField, "less is had over the own agency")
    }

    pub(crate) fn parse(p: &proto::Policy) -> Result<Self> {
        let least = |least: &Option<proto::Least>| {
            let least = field(*least, "least roles")?;
            Ok(Least { everywhere: role(least.everywhere)?, own_agency: role(least.own_agency)? })
        };
        let policy = Policy {
            invite: least(&p.invite)?,
            remove: least(&p.remove)?,
            ban: least(&p.ban)?,
            grant: least(&p.grant)?,
            moderate: least(&p.moderate)?,
            send: role(p.send)?,
            describe: role(p.describe)?,
            govern: role(p.govern)?,
            hand_over: role(p.hand_over)?,
        };
        policy.check().map(|()| policy)
    }

    pub(crate) fn to_proto(self) -> proto::Policy {
        let least = |least: Least| {
            Some(proto::Least { everywhere: number(least.everywhere), own_agency: number(least.own_agency) })
        };
        proto::Policy {
            invite: least(self.invite),
            remove: least(self.remove),
            ban: least(self.ban),
            grant: least(self.grant),
            moderate: least(self.moderate),
            send: number(self.send),
            describe: number(self.describe),
            govern: number(self.govern),
            hand_over: number(self.hand_over),
        }
    }
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 9] = [
        Right::Invite,
        Right::Remove,
        Right::Ban,
        Right::Grant,
        Right::Moderate,
        Right::Send,
        Right::Describe,
        Right::Govern,
        Right::HandOver,
    ];
}

impl Role {
    /// Its number in the state.
    pub(crate) fn number(self) -> i32 {
        number(self)
    }

    /// The role of a number.
    pub(crate) fn from_number(n: i32) -> Result<Self> {
        role(n)
    }
}

fn role(n: i32) -> Result<Role> {
    match proto::Role::try_from(n) {
        Ok(proto::Role::Member) => Ok(Role::Member),
        Ok(proto::Role::AgencyAdmin) => Ok(Role::AgencyAdmin),
        Ok(proto::Role::Moderator) => Ok(Role::Moderator),
        Ok(proto::Role::Admin) => Ok(Role::Admin),
        Ok(proto::Role::Unspecified) | Err(_) => Err(Error::new(Code::BadField, "role")),
    }
}

/// The default role is never granted: there is one way to say each state.
pub(super) fn granted(n: i32) -> Result<Role> {
    role(n).and_then(|role| ensure(role != Role::Member, Code::BadField, "role").map(|()| role))
}

pub(super) fn number(role: Role) -> i32 {
    match role {
        Role::Member => proto::Role::Member,
        Role::AgencyAdmin => proto::Role::AgencyAdmin,
        Role::Moderator => proto::Role::Moderator,
        Role::Admin => proto::Role::Admin,
    }
    .into()
}

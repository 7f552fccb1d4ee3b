//! What a commit has changed in a room's state, for people: who did it, and by what authority.

use core::{fmt, time::Duration};
use std::collections::BTreeSet;

use super::{
    actor::{Actor, Authority, Due},
    opening::{JoinRule, Listing},
    policy::{Policy, Right, Role},
    state::RoomState,
};
use crate::{ids::UserId, time::Timestamp};

/// Something about a room that is not as it was, and by what authority it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// What.
    pub what: RoomChange,
    /// By what authority.
    pub authority: Authority,
}

/// Something about a room that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomChange {
    /// Its name; `None`: not known.
    Name(Option<String>, Option<String>),
    /// Its topic; `None`: not known.
    Topic(Option<String>, Option<String>),
    /// Its confidentiality label; `None`: not known.
    Label(Option<String>, Option<String>),
    /// What it is about, and the device was not told what that is now.
    Hidden,
    /// Who may do what, before and from now on.
    Policy(Policy, Policy),
    /// A user's role, before and from now on.
    Role(UserId, Role, Role),
    /// A user may not take part any more.
    Banned(UserId),
    /// A user may take part again.
    Unbanned(UserId),
    /// Who may join without an invitation, before and from now on.
    Join(JoinRule, JoinRule),
    /// What servers may show, before and from now on.
    Listing(Option<Listing>, Option<Listing>),
    /// How long messages are kept, before and from now on; `None`: without bound.
    Retention(Option<Duration>, Option<Duration>),
    /// When it ends, before and from now on; `None`: never.
    End(Option<Timestamp>, Option<Timestamp>),
}

/// What differs, as `by` has changed it. That those who are `gone` or banned have no role any more goes
/// with that, and is not said by itself.
pub(crate) fn between(
    before: &RoomState,
    after: &RoomState,
    by: &UserId,
    gone: &BTreeSet<UserId>,
) -> Vec<Changed> {
    let actor = Actor::new(before, by, false);
    let mut changes = Vec::new();
    let mut say = |differs: bool, authority: crate::error::Result<Authority>, what: RoomChange| {
        // What was not permitted would not have come so far.
        if let (true, Ok(authority)) = (differs, authority) {
            changes.push(Changed { what, authority });
        }
    };
    let govern = || actor.holds(Right::Govern);
    say(before.policy != after.policy, govern(), RoomChange::Policy(before.policy, after.policy));
    let users: BTreeSet<&UserId> = before.roles.keys().chain(after.roles.keys()).collect();
    for user in users.into_iter().filter(|user| !gone.contains(*user) && !after.bans.contains(*user)) {
        let (was, is) = (before.role(user), after.role(user));
        say(was != is, actor.over(Right::Grant, user), RoomChange::Role(user.clone(), was, is));
    }
    for user in after.bans.difference(&before.bans) {
        say(true, actor.over(Right::Ban, user), RoomChange::Banned(user.clone()));
    }
    for user in before.bans.difference(&after.bans) {
        say(true, actor.over(Right::Ban, user), RoomChange::Unbanned(user.clone()));
    }
    let join = RoomChange::Join(before.join.clone(), after.join.clone());
    say(before.join != after.join, govern(), join);
    let listing = RoomChange::Listing(before.listing.clone(), after.listing.clone());
    say(before.listing != after.listing, govern(), listing);
    let kept =
        |state: &RoomState| Some(Duration::from_millis(state.retention)).filter(|time| !time.is_zero());
    let retention = RoomChange::Retention(kept(before), kept(after));
    say(before.retention != after.retention, govern(), retention);
    say(before.ends_at != after.ends_at, govern(), RoomChange::End(before.end(), after.end()));
    changes
}

/// By what authority somebody who did it describes a room.
pub(crate) fn describing(before: &RoomState, by: &UserId) -> Authority {
    let role = before.role(by);
    Authority::Right { right: Right::Describe, role, own_agency: false }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Member => "member",
            Role::AgencyAdmin => "agency admin",
            Role::Moderator => "moderator",
            Role::Admin => "admin",
        })
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Right::Invite => "invite",
            Right::Remove => "remove",
            Right::Ban => "ban",
            Right::Grant => "give roles",
            Right::Moderate => "delete messages",
            Right::Send => "send",
            Right::Describe => "describe the room",
            Right::Govern => "govern the room",
            Right::HandOver => "hand what was said before to their next device",
        })
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Due::Revoked => "the device was revoked by its agency",
            Due::Expired => "the device's certificate has expired",
            Due::Suspended => "the agency is suspended",
            Due::UnknownAgency => "the agency is no longer part of the federation",
            Due::Banned => "the user is banned from the room",
            Due::Removed => "the user has removed the device",
        })
    }
}

/// In words that end a sentence: `as admin, with the right to invite`.
impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Authority::Own => f.write_str("by their own will"),
            Authority::Right { right, role, own_agency: false } => {
                write!(f, "as {role}, with the right to {right}")
            }
            Authority::Right { right, role, own_agency: true } => {
                write!(f, "as {role}, with the right to {right} for the own agency")
            }
            Authority::Due(why) => write!(f, "because {why}"),
        }
    }
}

/// In words that follow who did it: `made ben@b.example moderator (before: member)`.
impl fmt::Display for RoomChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| match text.as_deref() {
            None => "unknown".to_owned(),
            Some("") => "none".to_owned(),
            Some(text) => format!("\u{201c}{text}\u{201d}"),
        };
        match self {
            RoomChange::Name(was, is) => {
                write!(f, "changed the name from {} to {}", text(was), text(is))
            }
            RoomChange::Topic(was, is) => {
                write!(f, "changed the topic from {} to {}", text(was), text(is))
            }
            RoomChange::Label(was, is) => {
                write!(f, "changed the confidentiality label from {} to {}", text(was), text(is))
            }
            RoomChange::Hidden => {
                f.write_str("changed what the room is about; this device was not told to what")
            }
            RoomChange::Policy(was, is) => {
                let differ = |right: &Right| was.least(*right) != is.least(*right);
                let rights: Vec<String> =
                    Right::ALL.into_iter().filter(differ).map(|right| right.to_string()).collect();
                write!(f, "changed who may {}", rights.join(", "))
            }
            RoomChange::Role(user, was, is) => write!(f, "made {user} {is} (before: {was})"),
            RoomChange::Banned(user) => write!(f, "banned {user}"),
            RoomChange::Unbanned(user) => write!(f, "took back the ban of {user}"),
            RoomChange::Join(_, JoinRule::Invitation) => f.write_str("closed the room: by invitation alone"),
            RoomChange::Join(_, JoinRule::Agencies(agencies)) => {
                let names: Vec<String> = agencies.iter().map(ToString::to_string).collect();
                write!(f, "opened the room to users of {}", names.join(", "))
            }
            RoomChange::Join(_, JoinRule::Anybody) => f.write_str("opened the room to anybody"),
            RoomChange::Listing(_, Some(listing)) => {
                write!(f, "listed the room publicly as \u{201c}{}\u{201d}", listing.name)
            }
            RoomChange::Listing(_, None) => f.write_str("took the room off the public list"),
            RoomChange::Retention(_, Some(kept)) => {
                write!(f, "changed how long messages are kept to {} seconds", kept.as_secs())
            }
            RoomChange::Retention(_, None) => f.write_str("had messages kept without bound"),
            RoomChange::End(_, Some(end)) => {
                write!(f, "changed the room's end to {end} seconds after the beginning of 1970 (UTC)")
            }
            RoomChange::End(_, None) => f.write_str("took away the room's end"),
        }
    }
}

/// `made ben@b.example moderator (before: member), as admin, with the right to give roles`.
impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.what, self.authority)
    }
}

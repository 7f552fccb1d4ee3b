//! What somebody may do by the state before, and by what authority things are done.

use super::{
    policy::{Right, Role},
    state::RoomState,
};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::UserId,
};

/// By what authority something was done in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authority {
    /// It is one's own: one's own device, or one's own leaving.
    Own,
    /// A right.
    Right {
        /// Which.
        right: Right,
        /// The role that gave it.
        role: Role,
        /// Whether the role has it over the own agency's users alone.
        own_agency: bool,
    },
    /// It was due, so that anybody may.
    Due(Due),
}

/// Why a device no longer belongs in a room, by the stamp and the room's state alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Due {
    /// Its certificate is revoked.
    Revoked,
    /// Its certificate has come to its end.
    Expired,
    /// Its agency is suspended.
    Suspended,
    /// Its agency is not of the federation any more.
    UnknownAgency,
    /// Its user is banned from the room.
    Banned,
    /// Its user's chain has removed it, and the room shows that.
    Removed,
}

impl Due {
    /// What is said of a certificate at a stamp; `None`: it stands, or nobody can say.
    ///
    /// # Errors
    /// What does not decide: [`Code::MissingEvidence`], and failures of store and library.
    pub(crate) fn of(stands: Result<()>) -> Result<Option<Self>> {
        let Err(error) = stands else { return Ok(None) };
        match error.code() {
            Code::Revoked => Ok(Some(Due::Revoked)),
            Code::Expired => Ok(Some(Due::Expired)),
            Code::SuspendedAgency => Ok(Some(Due::Suspended)),
            Code::UnknownAgency => Ok(Some(Due::UnknownAgency)),
            // Without a list in force nobody is removed for that.
            Code::TrustExpired => Ok(None),
            _ => Err(error),
        }
    }

    /// The code that says so.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Due::Revoked => Code::Revoked,
            Due::Expired => Code::Expired,
            Due::Suspended => Code::SuspendedAgency,
            Due::UnknownAgency => Code::UnknownAgency,
            Due::Banned => Code::Banned,
            Due::Removed => Code::RemovedDevice,
        }
    }
}

/// Somebody who takes part, by the state before what they do.
#[derive(Clone, Copy)]
pub(crate) struct Actor<'s> {
    state: &'s RoomState,
    pub(super) user: &'s UserId,
    pub(super) role: Role,
    archive: bool,
}

impl<'s> Actor<'s> {
    pub(crate) fn new(state: &'s RoomState, user: &'s UserId, archive: bool) -> Self {
        Actor { state, user, role: state.role(user), archive }
    }

    /// A right without an object. Archives have none (V-450).
    pub(crate) fn holds(&self, right: Right) -> Result<Authority> {
        let has = !self.archive && self.role >= self.state.policy.least(right).everywhere;
        let by = Authority::Right { right, role: self.role, own_agency: false };
        has.then_some(by).ok_or(refused(right))
    }

    /// A right over a user: over one of at most the own role, everywhere or of the own agency.
    pub(crate) fn over(&self, right: Right, user: &UserId) -> Result<Authority> {
        if self.role < self.state.role(user) {
            return Err(refused(right));
        }
        self.holds(right).or_else(|refused| {
            let least = self.state.policy.least(right).own_agency;
            let own_agency = self.user.agency() == user.agency();
            let has = !self.archive && own_agency && self.role >= least;
            has.then_some(Authority::Right { right, role: self.role, own_agency }).ok_or(refused)
        })
    }
}

fn refused(right: Right) -> Error {
    let what = match right {
        Right::Invite => "invite",
        Right::Remove => "remove",
        Right::Ban => "ban",
        Right::Grant => "grant",
        Right::Moderate => "moderate",
        Right::Send => "send",
        Right::Describe => "describe",
        Right::Govern => "govern",
        Right::HandOver => "hand over",
    };
    Error::new(Code::NotPermitted, what)
}

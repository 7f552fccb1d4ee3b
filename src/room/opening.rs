//! How open a room is: who may join by themselves, and what servers show of it.

use std::collections::BTreeSet;

use super::state::{RoomKind, RoomState};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::UserKind,
    ids::{AgencyId, UserId},
    limits,
    time::Timestamp,
    wire::{self, proto},
};

/// Who may join a room without being invited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JoinRule {
    /// Nobody.
    #[default]
    Invitation,
    /// Users of these agencies: 1 to [`limits::JOIN_AGENCIES`].
    Agencies(BTreeSet<AgencyId>),
    /// Any user of the federation.
    Anybody,
}

/// What servers may show of a room to those who are not in it. It is not encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Listing {
    /// What the room is called there: 1 to [`limits::ROOM_NAME`] bytes.
    pub name: String,
    /// What it is for; may be empty, at most [`limits::LISTING_SUMMARY`] bytes.
    pub summary: String,
}

impl Listing {
    /// A listing.
    ///
    /// # Errors
    /// [`Code::TooLong`]; [`Code::BadField`] without a name.
    pub fn new(name: impl Into<String>, summary: impl Into<String>) -> Result<Self> {
        let (name, summary) = (name.into(), summary.into());
        ensure(!name.is_empty(), Code::BadField, "listed name")?;
        let fits = name.len() <= limits::ROOM_NAME && summary.len() <= limits::LISTING_SUMMARY;
        ensure(fits, Code::TooLong, "listing")?;
        Ok(Listing { name, summary })
    }

    pub(crate) fn parse(p: proto::Listing) -> Result<Self> {
        Self::new(p.name, p.summary)
    }

    pub(crate) fn to_proto(&self) -> proto::Listing {
        proto::Listing { name: self.name.clone(), summary: self.summary.clone() }
    }
}

impl JoinRule {
    /// V-413
    pub(crate) fn parse(rule: i32, agencies: Vec<String>) -> Result<Self> {
        let least = usize::from(rule == i32::from(proto::JoinRule::Agencies));
        let agencies =
            wire::repeated(agencies, (least, limits::JOIN_AGENCIES), "agencies", |a| AgencyId::parse(&a))?;
        ensure(agencies.is_sorted_by(|a, b| a < b), Code::BadField, "agencies are not in order")?;
        let rule = match proto::JoinRule::try_from(rule) {
            Ok(proto::JoinRule::Agencies) => return Ok(JoinRule::Agencies(agencies.into_iter().collect())),
            Ok(proto::JoinRule::Invitation) => JoinRule::Invitation,
            Ok(proto::JoinRule::Anybody) => JoinRule::Anybody,
            Ok(proto::JoinRule::Unspecified) | Err(_) => {
                return Err(Error::new(Code::BadField, "join rule"));
            }
        };
        ensure(agencies.is_empty(), Code::BadField, "agencies without need")?;
        Ok(rule)
    }

    pub(crate) fn to_proto(&self) -> (i32, Vec<String>) {
        let (rule, agencies) = match self {
            JoinRule::Invitation => (proto::JoinRule::Invitation, Vec::new()),
            JoinRule::Agencies(agencies) => {
                (proto::JoinRule::Agencies, agencies.iter().map(ToString::to_string).collect())
            }
            JoinRule::Anybody => (proto::JoinRule::Anybody, Vec::new()),
        };
        (rule.into(), agencies)
    }

    fn admits(&self, agency: &AgencyId) -> bool {
        match self {
            JoinRule::Invitation => false,
            JoinRule::Agencies(agencies) => agencies.contains(agency),
            JoinRule::Anybody => true,
        }
    }
}

/// Whether a user who is not in the room may join it by themselves (V-476).
///
/// # Errors
/// [`Code::RoomEnded`], [`Code::Banned`], [`Code::NotPermitted`].
pub(crate) fn may_join(state: &RoomState, user: &UserId, kind: UserKind, at: Timestamp) -> Result<()> {
    ensure(!state.has_ended(at), Code::RoomEnded, "join")?;
    ensure(!state.bans.contains(user), Code::Banned, "join")?;
    // An archive is there because somebody who governs wants it to be.
    let open = kind != UserKind::Archive && state.kind != RoomKind::Direct;
    ensure(open && state.join.admits(user.agency()), Code::NotPermitted, "join")
}

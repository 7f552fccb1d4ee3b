//! Rooms: MLS groups (RFC 9420) whose changes are ordered by a hub and judged alike by hub
//! and members. Devices see a [`member::MemberRoom`], servers only a [`hub::HubRoom`].

mod authority;
mod commit;
mod framing;
pub(crate) mod hub;
mod key_package;
mod key_schedule;
pub(crate) mod log;
pub(crate) mod member;
pub(crate) mod mls_store;
mod moderate;
mod private;
mod roster;
mod state;
pub(crate) mod submission;
mod suite;
#[cfg(test)]
mod tests;

pub(crate) use authority::{Change, may_send};
pub(crate) use framing::epoch_of;
pub(crate) use key_package::{
    CheckedPackage, check as check_key_package, create as create_key_package, credential,
};
pub(crate) use moderate::may_moderate;
pub(crate) use private::PrivateState;
pub(crate) use roster::{Leaf, Roster};
pub use state::{Policy, Role, RoomKind};
pub(crate) use state::{RoomState, kind as room_kind, kind_number};

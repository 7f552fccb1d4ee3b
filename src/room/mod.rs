//! Rooms: MLS groups (RFC 9420) whose changes are ordered by a hub and judged alike by hub
//! and members. Devices see a [`member::MemberRoom`], servers only a [`hub::HubRoom`].

mod actor;
mod authority;
mod commit;
mod difference;
mod external;
mod framing;
mod governing;
mod group_info;
pub(crate) mod hub;
mod key_package;
mod key_schedule;
pub(crate) mod log;
pub(crate) mod member;
pub(crate) mod mls_store;
mod moderate;
mod opening;
mod over;
mod policy;
mod private;
mod roster;
mod shown;
mod state;
pub(crate) mod submission;
mod suite;
mod taken;
#[cfg(test)]
mod tests;
mod witness;

pub use actor::{Authority, Due};
pub use authority::DeviceChange;
pub(crate) use authority::{Change, may_hand_over, may_invite, may_send};
pub use difference::{Changed, RoomChange};
pub(crate) use difference::{between, describing};
pub(crate) use framing::{comes_from_outside, epoch_of};
pub(crate) use key_package::{
    CheckedPackage, check as check_key_package, create as create_key_package, credential,
};
pub(crate) use moderate::may_moderate;
pub(crate) use opening::may_join;
pub use opening::{JoinRule, Listing};
pub use policy::{Least, Policy, Right, Role};
pub(crate) use private::PrivateState;
pub(crate) use roster::{Leaf, Roster};
pub(crate) use shown::ShownEntry;
pub use state::RoomKind;
pub(crate) use state::{RoomState, kind as room_kind, kind_number};
pub(crate) use suite::SUITE_NUMBER;
pub(crate) use taken::Taken;
pub(crate) use witness::Witness;

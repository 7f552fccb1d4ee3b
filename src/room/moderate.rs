//! Who may take back what others have said.

use super::{actor::Actor, policy::Right, state::RoomState};
use crate::ids::UserId;

/// Whether a user who may send may delete another's message (SPEC V-723): so no archive's.
pub(crate) fn may_moderate(state: &RoomState, by: &UserId, author: &UserId) -> bool {
    Actor::new(state, by, false).over(Right::Moderate, author).is_ok()
}

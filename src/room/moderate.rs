//! Who may take back what others have said.

use super::state::RoomState;
use crate::ids::UserId;

/// Whether a user may delete another's message (SPEC V-723).
pub(crate) fn may_moderate(state: &RoomState, by: &UserId, author: &UserId) -> bool {
    let role = state.role(by);
    role >= state.policy.remove && role >= state.role(author)
}

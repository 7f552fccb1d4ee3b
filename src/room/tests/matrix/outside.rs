//! What a device does that comes in from outside. Its user's role counts for nothing there: a device of
//! somebody who takes part comes in by its own will, and changes nothing else.

use super::{Act, Cell, Object, act};
use crate::room::tests::external::intruder;

pub(super) fn acts(cell: &Cell) -> Vec<Act> {
    match cell.object {
        Object::Own => vec![
            act("come in", true, |w| w.entering("carl3", None)),
            act("come back", true, |w| w.entering("carl", None)),
        ],
        // In MLS the removal of whoever has the key of the new leaf is in order.
        Object::OwnAgency(_) => vec![act("evict", false, |w| intruder(w, "carl_as_fred", None))],
        Object::OtherAgency(_) => vec![act("evict", false, |w| intruder(w, "carl_as_bert", None))],
    }
}

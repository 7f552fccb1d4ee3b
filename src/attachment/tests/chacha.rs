//! Suite 1.

use crate::attachment::Suite;

const SUITE: Suite = Suite::ChaCha20Poly1305;

#[path = "each.rs"]
mod each;
pub(super) use each::known;

//! Suite 2.

use crate::attachment::Suite;

const SUITE: Suite = Suite::Aes256Gcm;

#[path = "each.rs"]
mod each;
pub(super) use each::known;

//! Suite 2.

use crate::attachment::Suite;

const SUITE: Suite = Suite::Aes256Gcm;

#[path = "known.rs"]
pub(super) mod known;
#[path = "large.rs"]
mod large;
#[path = "roundtrip.rs"]
mod roundtrip;
#[path = "sealing.rs"]
mod sealing;
#[path = "support.rs"]
mod support;
#[path = "tamper.rs"]
mod tamper;

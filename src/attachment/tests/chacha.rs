//! Suite 1.

use crate::attachment::Suite;

const SUITE: Suite = Suite::ChaCha20Poly1305;

#[path = "batch.rs"]
mod batch;
#[path = "known.rs"]
pub(super) mod known;
#[path = "known_large.rs"]
mod known_large;
#[path = "large.rs"]
mod large;
#[path = "reading.rs"]
mod reading;
#[path = "roundtrip.rs"]
mod roundtrip;
#[path = "sealing.rs"]
mod sealing;
#[path = "seeking.rs"]
mod seeking;
#[path = "support.rs"]
mod support;
#[path = "tamper.rs"]
mod tamper;
#[path = "writing.rs"]
mod writing;

//! What holds in every suite.

use super::SUITE;

mod batch;
pub(in crate::attachment::tests) mod known;
mod known_large;
mod known_sealed;
mod large;
mod reading;
mod resealing;
mod roundtrip;
mod sealing;
mod seeking;
mod support;
mod tamper;
mod writing;

//! A simulator: agencies, people and their devices, a network and machines that fail, and what must
//! hold all the same. Everything comes from one seed, so that a run can be had again.
//!
//! Through the public API alone. Two things are not repeated byte by byte, since openmls decides them
//! by hash maps and clocks of its own (SPEC, design of the core): the order of removals within one
//! commit, and a time in stored key packages. Nothing here depends on either, and a trace shows none.

mod checks;
mod counts;
mod devices;
mod dice;
mod disaster;
#[expect(dead_code, reason = "shared with the example, which uses all of it")]
#[path = "../../../examples/three_agencies/federation.rs"]
mod federation;
mod files;
mod govern;
mod ledger;
mod machine;
mod many;
mod network;
mod people;
mod phone;
mod plan;
mod planted;
mod run;
mod scan;
mod shrink;
mod site;
mod trace;
mod trouble;
mod world;

pub use counts::Counts;
pub use many::run_all;
pub use plan::{Act, Plan, Shape, Step, Weather};
pub use run::{Outcome, run};
pub use shrink::shrink;
pub use world::{Failure, Planted};

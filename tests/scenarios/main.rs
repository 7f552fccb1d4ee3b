//! Scenarios through the public API: several agencies' servers and several devices, each with
//! a store of its own, and nothing but bytes between them.

#[path = "../../examples/three_agencies/federation.rs"]
mod federation;
mod support;
#[expect(dead_code, reason = "the example and its other guests use the rest")]
#[path = "../../examples/three_agencies/world/mod.rs"]
mod world;

mod authority;
mod blobs;
mod chains;
mod clocks;
mod content;
mod crowds;
mod engine;
mod entering;
mod ghosts;
mod gone_back;
mod heartbeats;
mod history;
mod hubs;
mod invitations;
mod isolation;
mod leaving;
mod linking;
mod pitfalls;
mod put_back;
mod reach;
mod refresh;
mod refusals;
mod removal;
mod renewal;
mod revocation;
mod roll_out;
mod rooms;
mod storm;
mod topics;
mod trust_list;
mod turns;
mod waking;

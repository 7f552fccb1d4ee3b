//! verbund: a sans-IO protocol for federated, end-to-end encrypted messaging
//! between public agencies.

// Nothing that a peer sends may end the host's process, and a library does not print.
#![deny(unreachable_pub)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::dbg_macro,
    clippy::print_stdout,
    clippy::print_stderr
)]

// Floor 0: words that everything else uses.
pub mod code;
pub mod error;
pub mod ids;
pub mod limits;
pub mod time;

// Floor 1: bytes on the wire, rows in the store.
pub mod store;
mod wire;

// Floor 2: primitives, and who is who.
mod crypto;
pub mod identity;

// Floor 3: what people say and send.
pub mod attachment;
pub mod content;

// Floor 4: rooms on MLS.
mod room;

// Floor 5: the two engines; they meet only on the wire.
pub mod client;
pub mod server;

pub use room::{Policy, Role, RoomKind};

#[cfg(test)]
mod vectors;

pub use error::Error;

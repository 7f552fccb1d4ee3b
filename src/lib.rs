//! verbund: a sans-IO protocol for federated, end-to-end encrypted messaging
//! between public agencies.
//!
//! There are two engines. A [`client::Client`] is one device of one user, a
//! [`server::Server`] is one agency's server. They are state machines: bytes and commands go
//! in, and a [`store::Transition`] comes out, which is a batch of rows together with whatever
//! depends on them. The host applies the batch in its own database and only then has the
//! rest. There is no socket, clock, file or random source in here, and no
//! thread unless feature `parallel` is chosen.
//!
//! ```text
//!   app ─ command ─▶ ┌────────┐ ─ bytes ─▶ ┌────────┐ ─ frames ─▶ servers of
//!       ◀─ events ── │ Client │            │ Server │              other agencies
//!  rows ◀─ batch ─── └────────┘ ◀─ reply ─ └────────┘ ─ batch ─▶ rows
//! ```
//!
//! Where to begin:
//!
//! - an app: [`client`], [`content`], [`attachment`];
//! - a server: [`server`];
//! - an agency's registrar, a federation's office: [`identity`];
//! - the database under either engine: [`store`];
//! - what can go wrong, and what to do then: [`Error`], [`code`].
//!
//! The wire contract is written down for other implementations in `proto/` (SPEC.md, the
//! .proto files, test vectors). The modules stand on floors, and each imports from lower
//! floors alone: names and bounds; bytes and rows; primitives and identity; content and
//! attachments; rooms on MLS (RFC 9420); the engines.

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

#[cfg(not(any(feature = "pure", feature = "asm")))]
compile_error!(
    "choose feature `pure` (BLAKE3 and the ciphers in Rust alone, the default) or `asm` (in C and assembly)"
);

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

// Floor 6: the public face.
pub mod inspect;

pub use room::{
    Authority, Changed, DeviceChange, Due, JoinRule, Least, Listing, Policy, Right, Role, RoomChange,
    RoomKind,
};

/// The programs in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod vectors;

pub use error::Error;

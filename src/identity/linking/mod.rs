//! Linking: how a device of a user brings in the next one (SPEC "Linking a device").
//!
//! ```text
//!   a device of the user                            the new device
//!   Sponsor::open ── code, from screen to camera ──▶ Newcomer::read
//!                                                      its user says yes
//!   Sponsor::receive ◀───────── request ──────────── Newcomer::ask
//!   Candidate: its user says yes                     Asking
//!   Candidate::confirm ───────── reply ────────────▶ Asking::receive
//!                                                    and on to the registrar
//! ```
//!
//! Each stage is a type that the next one consumes: what is used once cannot be used twice. The
//! host carries the two messages in whatever way; whoever carries them can lose them, and
//! nothing else.

mod code;
mod message;
mod newcomer;
mod sponsor;
#[cfg(test)]
mod tests;

use core::fmt;

pub use code::LinkCode;
pub(crate) use message::{HandedHistory, Handover, LinkReply, LinkRequest};
pub use newcomer::{Asking, Newcomer};
pub use sponsor::{Candidate, Sponsor};

use crate::{
    code::Code,
    crypto::{AeadKey, Label, Prk, hash},
    error::{Result, ensure},
    ids::Hash,
    limits,
    time::Timestamp,
};

/// What both ends have once the request is there.
struct Channel {
    exported: Prk,
    /// The request, which the reply and the digits are bound to.
    request: Hash,
}

impl Channel {
    fn new(exported: Prk, request: &[u8]) -> Self {
        Channel { exported, request: hash(Label::LINK_REQUEST, &[request]) }
    }

    /// The key of the one reply (RFC 9180 §9.8: a response is encrypted under an exported secret).
    fn reply_key(&self) -> AeadKey {
        self.exported.expand(Label::LINK_REPLY_KEY, &[self.request.as_bytes()]).into()
    }

    fn digits(&self) -> LinkDigits {
        LinkDigits(*self.exported.expand(Label::LINK_DIGITS, &[self.request.as_bytes()]))
    }
}

/// Twenty digits that both devices show, the same on both. To be compared if the code came by
/// any other way than from screen to camera: if somebody else read or changed it, they differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkDigits([u8; 20]);

/// Four groups of five digits, a space between them.
impl fmt::Display for LinkDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, bytes) in self.0.as_chunks::<5>().0.iter().enumerate() {
            let number = bytes.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
            write!(f, "{}{:05}", if place == 0 { "" } else { " " }, number % 100_000)?;
        }
        Ok(())
    }
}

impl fmt::Debug for LinkDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One step within its time after the one before (SPEC V-285). A clock that was put back meanwhile
/// ends it as well.
fn in_time(before: Timestamp, now: Timestamp, steps: u32) -> Result<()> {
    let within = before <= now && now.since(before) <= limits::LINK_STEP * steps;
    ensure(within, Code::Expired, "link code")
}

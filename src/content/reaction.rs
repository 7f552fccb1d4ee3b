//! Reactions.

use core::fmt;

use bytes::Bytes;

use super::strings;
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::MessageId,
    limits,
    wire::{Wire, proto},
};

/// A symbol that somebody puts under a message, or takes away again.
///
/// A user has each symbol at most once under a message: of several reactions with the same
/// user, target and symbol, the last one in the room's log holds. Symbols are the same if their
/// bytes are.
///
/// ```
/// use verbund::{content::Reaction, ids::MessageId};
///
/// let message = MessageId::from_bytes([7; 32]);
/// let reaction = Reaction::to(message, "👍")?;
/// assert!(!reaction.is_withdrawn());
/// assert!(Reaction::withdrawn(message, "👍")?.is_withdrawn());
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reaction {
    target: MessageId,
    symbol: String,
    withdrawn: bool,
}

impl Reaction {
    /// Puts `symbol` under a message: 1 to [`limits::REACTION`] bytes on one line, without
    /// control characters; most often one emoji.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is not such a symbol.
    pub fn to(message: MessageId, symbol: impl Into<String>) -> Result<Self> {
        Self::new(message, symbol.into(), false)
    }

    /// Takes `symbol` away from a message.
    ///
    /// # Errors
    /// As [`Reaction::to`].
    pub fn withdrawn(message: MessageId, symbol: impl Into<String>) -> Result<Self> {
        Self::new(message, symbol.into(), true)
    }

    fn new(target: MessageId, symbol: String, withdrawn: bool) -> Result<Self> {
        let good = (1..=limits::REACTION).contains(&symbol.len()) && strings::is_line(&symbol);
        ensure(good, Code::BadArgument, "reaction symbol")?;
        Ok(Reaction { target, symbol, withdrawn })
    }

    /// The message. Nothing says that there is one with this id.
    #[must_use]
    pub const fn target(&self) -> &MessageId {
        &self.target
    }

    /// What is shown.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Whether the symbol is taken away.
    #[must_use]
    pub const fn is_withdrawn(&self) -> bool {
        self.withdrawn
    }
}

/// The message that it belongs to, not the symbol.
impl fmt::Debug for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reaction(to {})", self.target)
    }
}

/// SPEC V-711.
impl Wire for Reaction {
    type Proto = proto::Reaction;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "reaction";

    fn parse(proto: proto::Reaction) -> Result<Self> {
        Self::new(MessageId::from_slice(&proto.target)?, proto.symbol, proto.withdrawn)
    }

    fn to_proto(&self) -> proto::Reaction {
        proto::Reaction {
            target: Bytes::copy_from_slice(self.target.as_bytes()),
            symbol: self.symbol.clone(),
            withdrawn: self.withdrawn,
        }
    }
}

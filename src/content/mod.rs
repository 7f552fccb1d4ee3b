//! Content: what a message says (SPEC chapter "Content").
//!
//! An app makes a [`Content`] and hands it to its engine; the engines of everybody else in
//! the room hand out the same. No server reads any of it.
//!
//! ```
//! use verbund::content::{Content, Text};
//!
//! let content = Content::from(Text::markdown("Meet at the **north** gate.")?);
//! match &content {
//!     Content::Text(text) => assert!(text.is_markdown()),
//!     Content::Unsupported { kind, .. } => println!("a message of kind {kind}: update the app"),
//!     _ => {}
//! }
//! # Ok::<(), verbund::Error>(())
//! ```
//!
//! What is encrypted is a frame: the content's kind and bytes, a nonce, and the last log
//! entry that the sender had processed; all of it padded to one of a few sizes. Kind and
//! nonce go into the [`MessageId`] with the room and the authenticated sender, so that a
//! message keeps its id however often it has to be encrypted.

mod attachment;
mod frame;
mod padding;
mod reaction;
mod strings;
mod text;

use core::fmt;

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::MessageId,
    limits,
    wire::{decode_body, encode_body},
};

pub use attachment::{Attachment, Preview};
pub(crate) use frame::{Frame, Seen};
pub use reaction::Reaction;
pub use text::Text;

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A text.
    Text(Text),
    /// A symbol under another message.
    Reaction(Reaction),
    /// A file.
    Attachment(Attachment),
    /// Something that this version does not know. It has its place and its id all the same,
    /// and a later version may read it from the stored bytes.
    #[non_exhaustive]
    Unsupported {
        /// A number of SPEC's content registry; from 2^31 on, of private use.
        kind: u32,
        /// The encoded content.
        bytes: Bytes,
    },
}

/// The content registry (SPEC "Content kinds"). 0 is never a kind.
mod kind {
    pub(super) const TEXT: u32 = 1;
    pub(super) const REACTION: u32 = 2;
    pub(super) const ATTACHMENT: u32 = 3;
}

impl Content {
    /// Reads what [`Content::encode`] gave, perhaps in a later version that knows more kinds.
    ///
    /// # Errors
    /// [`Code::BadContent`] if the kind is 0 (SPEC V-705), the content longer than
    /// [`limits::CONTENT`] (V-706), or the kind known and the content not well-formed (V-709).
    pub fn decode(kind: u32, bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        ensure(kind > 0, Code::BadContent, "content kind")?;
        ensure(bytes.len() <= limits::CONTENT, Code::BadContent, "content length")?;
        let content = match kind {
            kind::TEXT => decode_body(&bytes).map(Content::Text),
            kind::REACTION => decode_body(&bytes).map(Content::Reaction),
            kind::ATTACHMENT => decode_body(&bytes).map(Content::Attachment),
            _ => Ok(Content::Unsupported { kind, bytes }),
        };
        content.map_err(|error| Error::new(Code::BadContent, error.context()))
    }

    /// Its kind and its bytes, for an app that keeps content as it came. The bytes of an
    /// attachment hold its file key.
    #[must_use]
    pub fn encode(&self) -> (u32, Bytes) {
        match self {
            Content::Text(text) => (kind::TEXT, encode_body(text)),
            Content::Reaction(reaction) => (kind::REACTION, encode_body(reaction)),
            Content::Attachment(attachment) => (kind::ATTACHMENT, encode_body(attachment)),
            Content::Unsupported { kind, bytes } => (*kind, bytes.clone()),
        }
    }
}

/// Sizes and ids, never what is said.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Text(text) => text.fmt(f),
            Content::Reaction(reaction) => reaction.fmt(f),
            Content::Attachment(attachment) => attachment.fmt(f),
            Content::Unsupported { kind, bytes } => write!(f, "Unsupported({kind}, {} bytes)", bytes.len()),
        }
    }
}

impl From<Text> for Content {
    fn from(text: Text) -> Self {
        Content::Text(text)
    }
}

impl From<Reaction> for Content {
    fn from(reaction: Reaction) -> Self {
        Content::Reaction(reaction)
    }
}

impl From<Attachment> for Content {
    fn from(attachment: Attachment) -> Self {
        Content::Attachment(attachment)
    }
}

/// An id that may be absent.
fn optional_id(bytes: &[u8]) -> Result<Option<MessageId>> {
    (!bytes.is_empty()).then(|| MessageId::from_slice(bytes)).transpose()
}

fn id_bytes(id: Option<&MessageId>) -> Bytes {
    id.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests;

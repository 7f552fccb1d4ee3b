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
mod delete;
mod edit;
mod frame;
mod location;
mod padding;
mod reaction;
mod receipts;
mod strings;
mod text;

use core::fmt;

use bytes::Bytes;

use crate::{
    attachment::FileRef,
    code::Code,
    error::{Error, Result, ensure},
    ids::MessageId,
    limits,
    wire::{decode_body, encode_body},
};

pub use attachment::{Attachment, Preview, PreviewFile};
pub use delete::Delete;
pub use edit::{Change, Edit};
pub(crate) use frame::{Frame, Seen, Terms};
pub use location::Location;
pub use reaction::Reaction;
pub use receipts::{ReceiptKind, Receipts};
pub use text::{Mention, Text};

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
    /// Other words for an earlier message.
    Edit(Edit),
    /// An earlier message is to be deleted.
    Delete(Delete),
    /// Earlier messages were delivered or read.
    Receipts(Receipts),
    /// A place.
    Location(Location),
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
pub(crate) mod kind {
    pub(crate) const TEXT: u32 = 1;
    pub(crate) const REACTION: u32 = 2;
    pub(crate) const ATTACHMENT: u32 = 3;
    pub(crate) const EDIT: u32 = 4;
    pub(crate) const DELETE: u32 = 5;
    pub(crate) const RECEIPTS: u32 = 6;
    pub(crate) const LOCATION: u32 = 7;
    /// What a room is about, for those who have come in from outside: the engines' own.
    pub(crate) const ROOM_DESCRIPTION: u32 = 40;

    /// Whether content of a kind only says something of other messages. Of a kind that is not
    /// known nobody can say that: it stands for itself.
    pub(crate) const fn is_about_others(kind: u32) -> bool {
        matches!(kind, REACTION | EDIT | DELETE | RECEIPTS)
    }
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
            kind::EDIT => decode_body(&bytes).map(Content::Edit),
            kind::DELETE => decode_body(&bytes).map(Content::Delete),
            kind::RECEIPTS => decode_body(&bytes).map(Content::Receipts),
            kind::LOCATION => decode_body(&bytes).map(Content::Location),
            _ => Ok(Content::Unsupported { kind, bytes }),
        };
        content.map_err(|error| Error::new(Code::BadContent, error.context()))
    }

    /// Its kind and its bytes, for an app that keeps content as it came. The bytes of an
    /// attachment hold its file key.
    #[must_use]
    pub fn encode(&self) -> (u32, Bytes) {
        let bytes = match self {
            Content::Text(text) => encode_body(text),
            Content::Reaction(reaction) => encode_body(reaction),
            Content::Attachment(attachment) => encode_body(attachment),
            Content::Edit(edit) => encode_body(edit),
            Content::Delete(delete) => encode_body(delete),
            Content::Receipts(receipts) => encode_body(receipts),
            Content::Location(location) => encode_body(location),
            Content::Unsupported { bytes, .. } => bytes.clone(),
        };
        (self.kind(), bytes)
    }

    /// Its number in SPEC's content registry.
    #[must_use]
    pub fn kind(&self) -> u32 {
        match self {
            Content::Text(_) => kind::TEXT,
            Content::Reaction(_) => kind::REACTION,
            Content::Attachment(_) => kind::ATTACHMENT,
            Content::Edit(_) => kind::EDIT,
            Content::Delete(_) => kind::DELETE,
            Content::Receipts(_) => kind::RECEIPTS,
            Content::Location(_) => kind::LOCATION,
            Content::Unsupported { kind, .. } => *kind,
        }
    }

    /// The messages of which it says something; none for what stands for itself.
    #[must_use]
    pub fn targets(&self) -> &[MessageId] {
        match self {
            Content::Reaction(reaction) => core::slice::from_ref(reaction.target()),
            Content::Edit(edit) => core::slice::from_ref(edit.target()),
            Content::Delete(delete) => core::slice::from_ref(delete.target()),
            Content::Receipts(receipts) => receipts.targets(),
            Content::Text(_)
            | Content::Attachment(_)
            | Content::Location(_)
            | Content::Unsupported { .. } => &[],
        }
    }

    /// The files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileRef> {
        let attachment = match self {
            Content::Attachment(attachment) => Some(attachment),
            _ => None,
        };
        attachment.into_iter().flat_map(Attachment::files)
    }
}

/// Sizes and ids, never what is said.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Text(text) => text.fmt(f),
            Content::Reaction(reaction) => reaction.fmt(f),
            Content::Attachment(attachment) => attachment.fmt(f),
            Content::Edit(edit) => edit.fmt(f),
            Content::Delete(delete) => delete.fmt(f),
            Content::Receipts(receipts) => receipts.fmt(f),
            Content::Location(location) => location.fmt(f),
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

impl From<Edit> for Content {
    fn from(edit: Edit) -> Self {
        Content::Edit(edit)
    }
}

impl From<Delete> for Content {
    fn from(delete: Delete) -> Self {
        Content::Delete(delete)
    }
}

impl From<Receipts> for Content {
    fn from(receipts: Receipts) -> Self {
        Content::Receipts(receipts)
    }
}

impl From<Location> for Content {
    fn from(location: Location) -> Self {
        Content::Location(location)
    }
}

/// The id of another message.
fn id(bytes: &[u8]) -> Result<MessageId> {
    MessageId::from_slice(bytes)
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

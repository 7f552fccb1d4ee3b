//! Other words for what was said.

use core::fmt;

use super::{Text, id, strings};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::MessageId,
    limits,
    wire::{Wire, field, fields::raw, proto},
};

/// Other words for an earlier message of the same user, from any of their devices.
///
/// It names the message as it was first sent, also where that has been edited before: the last
/// edit in the room's log holds. The app keeps what was said before, and shows that there is
/// such a history.
///
/// ```
/// use verbund::{content::{Edit, Text}, ids::MessageId};
///
/// let message = MessageId::from_bytes([7; 32]);
/// let edit = Edit::text(message, Text::plain("Meet at the south gate.")?)?;
/// assert_eq!(edit.target(), &message);
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    target: MessageId,
    change: Change,
}

/// What a message says from now on.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Another text, in place of a text. What the message answers stays as it is.
    Text(Text),
    /// Another caption, in place of an attachment's; may be empty.
    Caption(String),
}

impl Edit {
    /// Another text for `message`, which is a [`Text`].
    ///
    /// # Errors
    /// [`Code::BadArgument`] if `text` says what it answers: an edit does not change that.
    pub fn text(message: MessageId, text: Text) -> Result<Self> {
        ensure(text.answers().is_none(), Code::BadArgument, "an edit answers nothing")?;
        Ok(Edit { target: message, change: Change::Text(text) })
    }

    /// Another caption for `message`, which is an [`Attachment`](super::Attachment); as in
    /// [`captioned`](super::Attachment::captioned), and empty to take the caption away.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is not such a text.
    pub fn caption(message: MessageId, caption: impl Into<String>) -> Result<Self> {
        let caption = caption.into();
        let good = caption.len() <= limits::TEXT && strings::is_text(&caption);
        ensure(good, Code::BadArgument, "caption")?;
        Ok(Edit { target: message, change: Change::Caption(caption) })
    }

    /// The message, as it was first sent. Nothing says that there is one with this id.
    #[must_use]
    pub const fn target(&self) -> &MessageId {
        &self.target
    }

    /// What it says from now on.
    #[must_use]
    pub const fn change(&self) -> &Change {
        &self.change
    }
}

/// Lengths, never what is said.
impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edit(of {}, {:?})", self.target, self.change)
    }
}

/// How long it is.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Text(text) => text.fmt(f),
            Change::Caption(caption) => write!(f, "Caption({} bytes)", caption.len()),
        }
    }
}

/// SPEC V-716.
impl Wire for Edit {
    type Proto = proto::Edit;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "edit";

    fn parse(proto: proto::Edit) -> Result<Self> {
        let target = id(&proto.target)?;
        match field(proto.change, "change")? {
            proto::edit::Change::Text(text) => Self::text(target, Text::parse(text)?),
            proto::edit::Change::Caption(caption) => Self::caption(target, caption),
        }
    }

    fn to_proto(&self) -> proto::Edit {
        let change = match &self.change {
            Change::Text(text) => proto::edit::Change::Text(text.to_proto()),
            Change::Caption(caption) => proto::edit::Change::Caption(caption.clone()),
        };
        proto::Edit { target: raw(self.target.as_bytes()), change: Some(change) }
    }
}

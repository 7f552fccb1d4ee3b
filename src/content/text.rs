//! Texts.

use core::fmt;

use super::{id_bytes, optional_id, strings};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::MessageId,
    limits,
    wire::{Wire, proto},
};

/// A text: what most messages are.
///
/// ```
/// use verbund::{content::Text, ids::MessageId};
///
/// let question = MessageId::from_bytes([7; 32]);
/// let text = Text::plain("On my way.")?.reply_to(question);
/// assert_eq!(text.body(), "On my way.");
/// assert_eq!(text.answers(), Some(&question));
/// assert!(Text::plain("").is_err());
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    body: String,
    markdown: bool,
    answers: Option<MessageId>,
}

impl Text {
    /// A text to be shown as it is: 1 to [`limits::TEXT`] bytes, without control characters
    /// other than tab, line feed and carriage return.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is not such a text.
    pub fn plain(body: impl Into<String>) -> Result<Self> {
        Self::new(body.into(), false)
    }

    /// A text to be shown as CommonMark, otherwise as [`Text::plain`].
    ///
    /// Whoever shows it leaves out raw HTML, and loads nothing that it links to.
    ///
    /// # Errors
    /// As [`Text::plain`].
    pub fn markdown(body: impl Into<String>) -> Result<Self> {
        Self::new(body.into(), true)
    }

    fn new(body: String, markdown: bool) -> Result<Self> {
        let good = (1..=limits::TEXT).contains(&body.len()) && strings::is_text(&body);
        ensure(good, Code::BadArgument, "text")?;
        Ok(Text { body, markdown, answers: None })
    }

    /// The same text as an answer to `message`.
    #[must_use]
    pub fn reply_to(mut self, message: MessageId) -> Self {
        self.answers = Some(message);
        self
    }

    /// The text.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Whether it is to be shown as CommonMark.
    #[must_use]
    pub const fn is_markdown(&self) -> bool {
        self.markdown
    }

    /// The message that it answers. Nothing says that there is one with this id.
    #[must_use]
    pub const fn answers(&self) -> Option<&MessageId> {
        self.answers.as_ref()
    }
}

/// How long it is, never what it says: logs are read by others than messages.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.body.len())
    }
}

/// SPEC V-710.
impl Wire for Text {
    type Proto = proto::Text;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "text";

    fn parse(proto: proto::Text) -> Result<Self> {
        Ok(Text { answers: optional_id(&proto.reply_to)?, ..Self::new(proto.body, proto.markdown)? })
    }

    fn to_proto(&self) -> proto::Text {
        proto::Text {
            body: self.body.clone(),
            markdown: self.markdown,
            reply_to: id_bytes(self.answers.as_ref()),
        }
    }
}

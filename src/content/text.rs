//! Texts.

use core::{fmt, ops::Range};

use super::{id_bytes, optional_id, strings};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{MessageId, UserId},
    limits,
    wire::{Wire, proto},
};

/// A text with everything that it may have, and each field's tag and length.
const LARGEST: usize =
    limits::TEXT + limits::MENTIONS * (limits::AGENCY_ID + limits::USER_LOCAL_PART + 16) + 64;
const _: () = assert!(LARGEST <= limits::CONTENT);

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
    mentions: Vec<Mention>,
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
        Ok(Text { body, markdown, answers: None, mentions: Vec::new() })
    }

    /// The same text as an answer to `message`.
    #[must_use]
    pub fn reply_to(mut self, message: MessageId) -> Self {
        self.answers = Some(message);
        self
    }

    /// The same text with a mention of `user` at these bytes of it, behind all mentions so far;
    /// at most [`limits::MENTIONS`].
    ///
    /// ```
    /// # use verbund::{content::Text, ids::UserId};
    /// let ben = UserId::parse("ben@police.south.example")?;
    /// let text = Text::plain("@Ben, can you take over?")?.mention(ben.clone(), 0..4)?;
    /// assert_eq!(text.mentions()[0].user(), &ben);
    /// assert_eq!(&text.body()[text.mentions()[0].range()], "@Ben");
    /// # Ok::<(), verbund::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::BadArgument`] if the range is empty, overlaps or stands before a mention, splits a
    /// character, or ends behind the text, or if there are too many.
    pub fn mention(mut self, user: UserId, range: Range<usize>) -> Result<Self> {
        let free = self.mentions.last().is_none_or(|last| last.end <= range.start);
        let there = !range.is_empty() && self.body.get(range.clone()).is_some();
        let fits = self.mentions.len() < limits::MENTIONS;
        ensure(free && there && fits, Code::BadArgument, "mention")?;
        self.mentions.push(Mention { user, start: range.start, end: range.end });
        Ok(self)
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

    /// Who is mentioned, in the order of the text.
    #[must_use]
    pub fn mentions(&self) -> &[Mention] {
        &self.mentions
    }
}

/// A user who is mentioned in a text. Nothing says that the user takes part in the room.
#[derive(Clone, PartialEq, Eq)]
pub struct Mention {
    user: UserId,
    start: usize,
    end: usize,
}

impl Mention {
    /// Who is mentioned.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Where in [`Text::body`], in bytes: not empty, and on boundaries of characters.
    #[must_use]
    pub const fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    fn to_proto(&self) -> proto::Mention {
        // A text is far shorter than 4 GiB.
        let at = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        proto::Mention { user: self.user.as_str().into(), start: at(self.start), end: at(self.end) }
    }
}

/// Where, not who.
impl fmt::Debug for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mention({:?})", self.range())
    }
}

/// How long it is, never what it says: logs are read by others than messages.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.body.len())
    }
}

/// SPEC V-710, V-715.
impl Wire for Text {
    type Proto = proto::Text;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "text";

    fn parse(proto: proto::Text) -> Result<Self> {
        let mut text = Self::new(proto.body, proto.markdown)?;
        text.answers = optional_id(&proto.reply_to)?;
        ensure(proto.mentions.len() <= limits::MENTIONS, Code::TooLong, "mentions")?;
        for mention in proto.mentions {
            let at = |at: u32| usize::try_from(at).map_err(|_| Error::new(Code::BadField, "mention"));
            text = text.mention(UserId::parse(&mention.user)?, at(mention.start)?..at(mention.end)?)?;
        }
        Ok(text)
    }

    fn to_proto(&self) -> proto::Text {
        proto::Text {
            body: self.body.clone(),
            markdown: self.markdown,
            reply_to: id_bytes(self.answers.as_ref()),
            mentions: self.mentions.iter().map(Mention::to_proto).collect(),
        }
    }
}

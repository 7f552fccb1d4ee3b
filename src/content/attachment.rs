//! Attachments as messages speak of them.

use core::fmt;

use bytes::Bytes;
use prost::Message as _;
use zeroize::{Zeroize, Zeroizing};

use super::{id_bytes, optional_id, strings};
use crate::{
    attachment::{FileKey, FileRef, Root, Suite},
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, BlobId, MessageId},
    limits,
    time::Timestamp,
    wire::{self, Wire, field, proto},
};

/// An attachment with everything that it may have, and each field's tag and length.
const LARGEST: usize = limits::TEXT
    + limits::PREVIEW
    + limits::FILE_NAME
    + 3 * limits::MEDIA_TYPE
    + 2 * (limits::AGENCY_ID + 256);
const _: () = assert!(LARGEST <= limits::CONTENT);

/// A file that has been sealed and uploaded, with what is shown before it is fetched.
///
/// ```
/// use verbund::content::{Attachment, Content, Preview};
/// # use rand_core::SeedableRng;
/// # use verbund::{attachment::seal_all, ids::{AgencyId, BlobId}, time::Timestamp};
/// # let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
/// # let (sealed, _) = seal_all(b"a photo", &mut rng)?;
/// # let origin = AgencyId::parse("police.hessen.example")?;
/// # let file = sealed.file_ref(BlobId::random(&mut rng), origin, Timestamp::from_millis(0));
///
/// let photo = Attachment::new(file, "image/jpeg")?
///     .named("Bridge.jpg")?
///     .captioned("Seen here at 14:05.")?
///     .previewed(Preview::new("image/webp", b"RIFF...")?);
/// let content = Content::from(photo);
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    file: Box<FileRef>, // large, where most content is a text
    media_type: String,
    name: String,
    caption: String,
    preview: Option<Preview>,
    preview_file: Option<Box<PreviewFile>>,
    answers: Option<MessageId>,
}

impl Attachment {
    /// A file of a media type, such as `image/jpeg`, or `application/octet-stream` where it is
    /// not known; at most [`limits::MEDIA_TYPE`] bytes, without parameters (RFC 6838 §4.2). It
    /// is made lower case.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is no media type, or the sizes in `file` do not fit together.
    pub fn new(file: FileRef, media_type: &str) -> Result<Self> {
        Self::checked(file, media_type.to_ascii_lowercase())
    }

    fn checked(file: FileRef, media_type: String) -> Result<Self> {
        ensure(strings::is_media_type(&media_type), Code::BadArgument, "media type")?;
        ensure(file.geometry().is_ok(), Code::BadArgument, "file size")?;
        Ok(Attachment {
            file: file.into(),
            media_type,
            name: String::new(),
            caption: String::new(),
            preview: None,
            preview_file: None,
            answers: None,
        })
    }

    /// With a file name to suggest: 1 to [`limits::FILE_NAME`] bytes on one line, without `/`,
    /// `\`, `:`, control characters and characters that turn the reading direction, and not
    /// ending in a dot or space.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is not such a name.
    pub fn named(mut self, name: impl Into<String>) -> Result<Self> {
        self.name = name.into();
        ensure(strings::is_file_name(&self.name), Code::BadArgument, "file name")?;
        Ok(self)
    }

    /// With a text to go with it, to be shown as it is: at most [`limits::TEXT`] bytes,
    /// otherwise as in [`Text::plain`](super::Text::plain).
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is not such a text.
    pub fn captioned(mut self, caption: impl Into<String>) -> Result<Self> {
        self.caption = caption.into();
        let good = self.caption.len() <= limits::TEXT && strings::is_text(&self.caption);
        ensure(good, Code::BadArgument, "caption")?;
        Ok(self)
    }

    /// With a picture that is shown at once.
    #[must_use]
    pub fn previewed(mut self, preview: Preview) -> Self {
        self.preview = Some(preview);
        self
    }

    /// With a larger picture, which is fetched by itself.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it has the blob or the key of the file itself, or another origin.
    pub fn with_preview_file(mut self, preview: PreviewFile) -> Result<Self> {
        let (file, other) = (&self.file, &preview.file);
        ensure(other.blob != file.blob && other.key != file.key, Code::BadArgument, "preview file")?;
        ensure(other.origin == file.origin, Code::BadArgument, "preview file")?;
        self.preview_file = Some(preview.into());
        Ok(self)
    }

    /// As an answer to `message`.
    #[must_use]
    pub fn reply_to(mut self, message: MessageId) -> Self {
        self.answers = Some(message);
        self
    }

    /// Where the file is and how it is opened.
    #[must_use]
    pub fn file(&self) -> &FileRef {
        &self.file
    }

    /// What sort of file the sender says that it is.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The file name to suggest. It is a path on no system, but it may still be a name that
    /// one reserves (`NUL`), or that is taken.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(self.name.as_str()).filter(|name| !name.is_empty())
    }

    /// The text that goes with it; may be empty.
    #[must_use]
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// The picture to show at once.
    #[must_use]
    pub const fn preview(&self) -> Option<&Preview> {
        self.preview.as_ref()
    }

    /// The larger picture, to be fetched before the file or instead of it.
    #[must_use]
    pub fn preview_file(&self) -> Option<&PreviewFile> {
        self.preview_file.as_deref()
    }

    /// The files that it names: the file, and that of its preview.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        core::iter::once(self.file()).chain(self.preview_file().map(PreviewFile::file))
    }

    /// The message that it answers. Nothing says that there is one with this id.
    #[must_use]
    pub const fn answers(&self) -> Option<&MessageId> {
        self.answers.as_ref()
    }
}

/// Which blob it is, not what it is called or shows.
impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment(blob {}, {} bytes)", self.file.blob, self.file.size)
    }
}

/// SPEC V-712, V-730.
impl Wire for Attachment {
    type Proto = proto::Attachment;
    const MAX: usize = limits::CONTENT;
    const NAME: &'static str = "attachment";

    fn parse(proto: proto::Attachment) -> Result<Self> {
        let file = FileRef::parse(field(proto.file, "file")?)?;
        let mut attachment = Self::checked(file, proto.media_type)?.captioned(proto.caption)?;
        if !proto.name.is_empty() {
            attachment = attachment.named(proto.name)?;
        }
        attachment.preview = proto.preview.map(Preview::parse).transpose()?;
        if let Some(preview) = proto.preview_file {
            attachment = attachment.with_preview_file(PreviewFile::parse(preview)?)?;
        }
        attachment.answers = optional_id(&proto.reply_to)?;
        Ok(attachment)
    }

    fn to_proto(&self) -> proto::Attachment {
        proto::Attachment {
            file: Some(self.file.to_proto()),
            name: self.name.clone(),
            media_type: self.media_type.clone(),
            caption: self.caption.clone(),
            preview: self.preview.as_ref().map(Preview::to_proto),
            reply_to: id_bytes(self.answers.as_ref()),
            preview_file: self.preview_file().map(PreviewFile::to_proto),
        }
    }
}

/// A small picture inside the message itself.
///
/// Whoever shows it decodes what a stranger made: with a decoder that stands this, and none
/// of a format that can load or run something.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview {
    media_type: String,
    data: Bytes,
}

impl Preview {
    /// A picture of a media type that begins with `image/`, as in [`Attachment::new`]; 1 to
    /// [`limits::PREVIEW`] bytes.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is not such a picture.
    pub fn new(media_type: &str, data: impl Into<Vec<u8>>) -> Result<Self> {
        Self::checked(media_type.to_ascii_lowercase(), Bytes::from(data.into()))
    }

    fn checked(media_type: String, data: Bytes) -> Result<Self> {
        let image = strings::is_media_type(&media_type) && media_type.starts_with("image/");
        ensure(image, Code::BadArgument, "preview media type")?;
        ensure((1..=limits::PREVIEW).contains(&data.len()), Code::BadArgument, "preview size")?;
        Ok(Preview { media_type, data })
    }

    /// The media type.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The encoded picture.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    fn parse(proto: proto::Preview) -> Result<Self> {
        Self::checked(proto.media_type, proto.data)
    }

    fn to_proto(&self) -> proto::Preview {
        proto::Preview { media_type: self.media_type.clone(), data: self.data.clone() }
    }
}

/// A picture of what a file shows, in a sealed file of its own: small enough to be fetched at once, too large
/// for the message. What [`Preview`] says of showing it holds here too.
#[derive(Clone, PartialEq, Eq)]
pub struct PreviewFile {
    media_type: String,
    file: FileRef,
}

impl PreviewFile {
    /// A picture of a media type that begins with `image/`, as in [`Attachment::new`]; at most
    /// [`limits::PREVIEW_FILE`] bytes.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if it is not such a picture, or the sizes in `file` do not fit together.
    pub fn new(file: FileRef, media_type: &str) -> Result<Self> {
        Self::checked(file, media_type.to_ascii_lowercase())
    }

    fn checked(file: FileRef, media_type: String) -> Result<Self> {
        let image = strings::is_media_type(&media_type) && media_type.starts_with("image/");
        ensure(image, Code::BadArgument, "preview media type")?;
        let fits = file.geometry().is_ok() && file.size <= limits::PREVIEW_FILE;
        ensure(fits, Code::BadArgument, "preview file size")?;
        Ok(PreviewFile { media_type, file })
    }

    /// The media type.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Where it is and how it is opened.
    #[must_use]
    pub const fn file(&self) -> &FileRef {
        &self.file
    }

    fn parse(proto: proto::PreviewFile) -> Result<Self> {
        Self::checked(FileRef::parse(field(proto.file, "file")?)?, proto.media_type)
    }

    fn to_proto(&self) -> proto::PreviewFile {
        proto::PreviewFile { media_type: self.media_type.clone(), file: Some(self.file.to_proto()) }
    }
}

/// Which blob it is.
impl fmt::Debug for PreviewFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreviewFile(blob {}, {} bytes)", self.file.blob, self.file.size)
    }
}

/// How large it is.
impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preview({} bytes)", self.data.len())
    }
}

impl FileRef {
    /// As it stands in a message, for the app's own records: a `FileRef` of `content.proto`. Whoever
    /// has it can open the file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut proto = self.to_proto();
        let bytes = Zeroizing::new(proto.encode_to_vec());
        wipe(core::mem::take(&mut proto.key));
        bytes
    }

    /// Out of such a record.
    ///
    /// # Errors
    /// - [`Code::TooLong`], [`Code::Malformed`], [`Code::NotCanonical`] if it is no such message
    /// - [`Code::BadName`], [`Code::BadField`] if a field is not what it should be
    /// - [`Code::UnknownSuite`] if there is no such suite
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let copied = Bytes::copy_from_slice(bytes);
        let file = wire::decode_body(&copied);
        wipe(copied);
        file
    }
}

/// Wipes what nobody else holds any more.
fn wipe(secret: Bytes) {
    if let Ok(mut secret) = secret.try_into_mut() {
        secret.zeroize();
    }
}

/// As it stands in a message, and in the rows of a device that fetches it.
impl Wire for FileRef {
    type Proto = proto::FileRef;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "file";

    fn parse(proto: proto::FileRef) -> Result<Self> {
        let bytes =
            |bytes: &Bytes, name| bytes.as_ref().try_into().map_err(|_| Error::new(Code::BadField, name));
        let suite =
            u8::try_from(proto.suite).map_err(|_| Error::new(Code::UnknownSuite, "attachment suite"))?;
        Ok(FileRef {
            blob: BlobId::from_slice(&proto.blob)?,
            origin: AgencyId::parse(&proto.origin)?,
            expires_at: Timestamp::from_millis(proto.expires_at),
            suite: Suite::from_number(suite)?,
            key: FileKey::from_bytes(Zeroizing::new(bytes(&proto.key, "file key")?)),
            root: Root::from_bytes(bytes(&proto.root, "root")?),
            size: proto.size,
            padded_size: proto.padded_size,
        })
    }

    fn to_proto(&self) -> proto::FileRef {
        proto::FileRef {
            blob: Bytes::copy_from_slice(self.blob.as_bytes()),
            origin: self.origin.as_str().into(),
            expires_at: self.expires_at.as_millis(),
            suite: self.suite.number().into(),
            key: Bytes::copy_from_slice(self.key.expose()),
            root: Bytes::copy_from_slice(self.root.as_bytes()),
            size: self.size,
            padded_size: self.padded_size,
        }
    }
}

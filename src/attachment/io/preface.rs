//! What stands before the chunks in a sealed file (SPEC chapter "Attachments", "Sealed file").

use std::io::{self, ErrorKind, Read, Write};

use crate::{
    attachment::{ChunkList, FileRef, Geometry, Header, Opener, Root, Sealed, Verifier},
    code::Code,
    error::{Error, Result, ensure},
};

/// The name of the format, and its version.
const MAGIC: [u8; 8] = *b"verbund\x01";

/// Padded size, header and chunk list, as they stand before the chunks where all of a sealed file
/// is in one piece: on a disk, in a pipe.
///
/// They come first, so that a reader can check each chunk as it comes. They are known last; but how
/// long they are follows from the size, so that a writer leaves [`Preface::len_of`] bytes free and
/// writes them in the end. What opens the file, the [`FileRef`], is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preface {
    header: Header,
    list: ChunkList,
    geometry: Geometry,
}

impl Preface {
    /// Of a file that has been sealed.
    #[must_use]
    pub fn of(sealed: &Sealed) -> Self {
        Preface { header: *sealed.header(), list: sealed.list().clone(), geometry: sealed.geometry() }
    }

    /// How long it is, and so where the first chunk begins.
    #[must_use]
    pub fn len_of(geometry: Geometry) -> u64 {
        (MAGIC.len() + 8 + Header::LEN) as u64 + 32 * geometry.chunks()
    }

    /// Its own length.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> u64 {
        Self::len_of(self.geometry)
    }

    /// Reads it from the beginning of a sealed file, and no further.
    ///
    /// # Errors
    /// - [`Code::NotSealed`] if this is no sealed file (SPEC V-617)
    /// - [`Code::BadGeometry`] if no file has this padded size (V-611) or chunk size (V-613), or the
    ///   list is cut off (V-618)
    /// - as [`Header::parse`]
    /// - what the source says
    pub fn read_from(source: &mut impl Read) -> io::Result<Self> {
        let (mut magic, mut padded, mut header) = ([0; MAGIC.len()], [0; 8], [0; Header::LEN]);
        exact(source, &mut magic, Code::NotSealed)?;
        ensure(magic == MAGIC, Code::NotSealed, "first bytes")?;
        exact(source, &mut padded, Code::NotSealed)?;
        exact(source, &mut header, Code::NotSealed)?;
        let header = Header::parse(&header)?;
        let geometry = Geometry::of_padded(u64::from_be_bytes(padded))?;
        ensure(header.chunk_log2() == geometry.chunk_log2(), Code::BadGeometry, "chunk size")?;

        // At most 65,536 of them.
        let mut list = vec![[0; 32]; usize::try_from(geometry.chunks()).unwrap_or(usize::MAX)];
        exact(source, list.as_flattened_mut(), Code::BadGeometry)?;
        Ok(Preface { header, list: ChunkList::from_hashes(list), geometry })
    }

    /// Writes it.
    ///
    /// # Errors
    /// What the target says.
    pub fn write_to(&self, target: &mut impl Write) -> io::Result<()> {
        target.write_all(&MAGIC)?;
        target.write_all(&self.geometry.padded_size().to_be_bytes())?;
        target.write_all(&self.header.to_bytes())?;
        target.write_all(self.list.as_bytes())
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The chunk hashes.
    #[must_use]
    pub const fn list(&self) -> &ChunkList {
        &self.list
    }

    /// The sizes.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The root of what it says. That of the file which the sender meant, only the message knows.
    #[must_use]
    pub fn root(&self) -> Root {
        self.list.root(&self.header, self.geometry.padded_size())
    }

    /// What opens the chunks for whoever has the message.
    ///
    /// # Errors
    /// As [`Opener::new`]; a padded size that the message does not name is [`Code::BadRoot`] (SPEC V-619).
    pub fn into_opener(self, file: &FileRef) -> Result<Opener> {
        Opener::of_received(file, (&self.header, self.list), self.geometry.padded_size())
    }

    /// What checks the chunks without a key.
    ///
    /// # Errors
    /// As [`Verifier::new`].
    pub fn into_verifier(self) -> Result<Verifier> {
        Verifier::new(&self.header, self.list, self.geometry.padded_size())
    }
}

/// Reads so many bytes; a source that ends before is refused with `code`.
fn exact(source: &mut impl Read, bytes: &mut [u8], code: Code) -> io::Result<()> {
    source.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => Error::new(code, "sealed file ends too early").into(),
        _ => error,
    })
}

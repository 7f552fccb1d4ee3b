//! Sealed files over [`std::io`], for hosts that block: what is here calls [`Sealer`] and
//! [`Opener`](super::Opener), on which async hosts build their own. Nothing here opens a file or
//! a socket; that is the host's, as everywhere.
//!
//! - [`SealWriter`] seals what is written to it, or a whole source, and writes sealed chunks.
//! - [`OpenReader`] reads sealed chunks from the first to the last, and gives out the file.
//! - [`SeekReader`] gives out any part of it, and fetches no more than the chunks it touches, from
//!   a file ([`FileChunks`]) or from wherever the host has them ([`ChunkSource`]).
//! - [`Preface`] stands before the chunks where all of a sealed file is in one piece.
//!
//! Memory is one chunk and the chunk list (with feature `parallel` a window of chunks, at most
//! [`limits::CHUNK_WINDOW`](crate::limits::CHUNK_WINDOW)), whatever the file's size; what was plaintext in it is wiped.
//!
//! **Errors.** What a sealed file is refused for is an [`Error`](crate::Error) inside the
//! [`std::io::Error`], and [`Error::of_io`](crate::Error::of_io) finds it again. After it the
//! reader or writer stays failed, with this same error. Errors of the source or the target pass
//! through as they are; they lose nothing, and the call may be made again.
//!
//! ```
//! use std::io::{Cursor, Read, Seek, SeekFrom};
//! use verbund::attachment::{Sealer, io::{FileChunks, OpenReader, Preface, SealWriter, SeekReader}};
//! # use rand_core::SeedableRng;
//! # use verbund::{ids::{AgencyId, BlobId}, time::Timestamp};
//! # let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
//! # let video = vec![7; 200_000];
//!
//! // The sender: chunks go where they are to lie, then what servers need to know of them.
//! let mut writer = SealWriter::new(Sealer::new(200_000, &mut rng)?, Vec::new());
//! writer.fill_from(&mut &video[..])?;
//! let (sealed, chunks) = writer.finish()?;
//! let mut sealed_file = Vec::new();
//! Preface::of(&sealed).write_to(&mut sealed_file)?;
//! sealed_file.extend(chunks);
//! # let origin = AgencyId::parse("police.hessen.example")?;
//! # let message = sealed.file_ref(BlobId::random(&mut rng), origin, Timestamp::from_millis(0));
//!
//! // A recipient, who has the message: all of it ...
//! let mut source = &sealed_file[..];
//! let opener = Preface::read_from(&mut source)?.into_opener(&message)?;
//! let mut all = Vec::new();
//! OpenReader::new(opener, source).read_to_end(&mut all)?;
//! assert_eq!(all, video);
//!
//! // ... or ten bytes out of the middle, for which one chunk is read.
//! let mut source = Cursor::new(sealed_file);
//! let preface = Preface::read_from(&mut source)?;
//! let chunks = FileChunks::new(source, preface.len(), preface.geometry());
//! let mut reader = SeekReader::new(preface.into_opener(&message)?, chunks);
//! let mut ten = [0; 10];
//! reader.seek(SeekFrom::Start(100_000))?;
//! reader.read_exact(&mut ten)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Sealer`]: super::Sealer

mod preface;
mod reader;
mod seek;
mod source;
mod writer;

use core::ops::{Deref, DerefMut};
use std::io;

pub use preface::Preface;
pub use reader::OpenReader;
pub use seek::SeekReader;
pub use source::{ChunkSource, FileChunks};
pub use writer::SealWriter;

use super::{Geometry, batch};
use crate::crypto::wipe;

/// Is told how far the work has come. A closure over two numbers is one; `()`, the default, is
/// told nothing and costs nothing.
pub trait Progress {
    /// So many chunks are done, out of so many.
    fn chunks(&mut self, done: u64, total: u64);
}

impl Progress for () {
    fn chunks(&mut self, _done: u64, _total: u64) {}
}

impl<F: FnMut(u64, u64)> Progress for F {
    fn chunks(&mut self, done: u64, total: u64) {
        self(done, total);
    }
}

/// Buffers for the chunks that are worked on at once, wiped when dropped. None of them ever
/// grows, so that nothing is left behind where it lay before.
struct Window(Vec<Vec<u8>>);

impl Window {
    fn of(geometry: Geometry) -> Self {
        let chunk = || Vec::with_capacity(geometry.sealed_chunk_size(0));
        let fits = usize::try_from(geometry.chunks()).unwrap_or(usize::MAX);
        let width = batch::window(geometry).min(fits);
        Window(core::iter::repeat_with(chunk).take(width).collect())
    }
}

impl Deref for Window {
    type Target = [Vec<u8>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Window {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(wipe);
    }
}

/// Goes on reading into `buffer` from `filled` on until it is full or the source has ended.
fn fill(source: &mut impl io::Read, buffer: &mut [u8], filled: &mut usize) -> io::Result<()> {
    while let Some(rest) = buffer.get_mut(*filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => *filled += read.min(rest.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the source has ended, for which one more byte is asked of it.
fn has_ended(source: &mut impl io::Read) -> io::Result<bool> {
    let mut read = 0;
    fill(source, &mut [0], &mut read)?;
    Ok(read == 0)
}

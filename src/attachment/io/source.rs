//! Where sealed chunks come from.

use core::fmt;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use crate::{attachment::Geometry, code::Code, error::Error};

/// Gives sealed chunks one by one: a cache, a database, a server. A closure is one.
///
/// What it gives is checked; it need not be trusted.
pub trait ChunkSource {
    /// Fills `sealed` with the bytes of sealed chunk `index`. The slice is as long as the chunk.
    ///
    /// # Errors
    /// The source's own; they pass through the reader, which may then be asked again.
    fn read_chunk(&mut self, index: u64, sealed: &mut [u8]) -> io::Result<()>;
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<()>> ChunkSource for F {
    fn read_chunk(&mut self, index: u64, sealed: &mut [u8]) -> io::Result<()> {
        self(index, sealed)
    }
}

/// The sealed chunks in a file, one after the other.
pub struct FileChunks<F> {
    file: F,
    start: u64,
    stride: u64,
}

impl<F: Read + Seek> FileChunks<F> {
    /// Chunk 0 begins at byte `start` of the file: behind the [`Preface`](super::Preface) in a
    /// sealed file, at 0 where the chunks lie alone.
    pub fn new(file: F, start: u64, geometry: Geometry) -> Self {
        FileChunks { file, start, stride: geometry.sealed_chunk_size(0) as u64 }
    }

    /// The file.
    pub fn into_inner(self) -> F {
        self.file
    }
}

impl<F: Read + Seek> ChunkSource for FileChunks<F> {
    /// # Errors
    /// [`Code::BadChunk`] if the file ends before the chunk does (SPEC V-630).
    fn read_chunk(&mut self, index: u64, sealed: &mut [u8]) -> io::Result<()> {
        let place = index.checked_mul(self.stride).and_then(|before| before.checked_add(self.start));
        let place = place.ok_or(Error::new(Code::BadArgument, "chunk index"))?;
        self.file.seek(SeekFrom::Start(place))?;
        self.file.read_exact(sealed).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::new(Code::BadChunk, "chunk length").into(),
            _ => error,
        })
    }
}

impl<F> fmt::Debug for FileChunks<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileChunks").field("start", &self.start).finish_non_exhaustive()
    }
}

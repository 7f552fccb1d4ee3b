//! Any part of a sealed file.

use core::fmt;
use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom};

use super::ChunkSource;
use crate::{
    attachment::Opener,
    crypto::{SecretBytes, wipe},
    error::Error,
};

/// Reads from any place in a sealed file: a chunk is fetched and opened when a byte of it is
/// read, and one open chunk is kept.
///
/// Seeking alone fetches nothing. That a part could be read says nothing of the others:
/// whether the file is whole, [`OpenReader`](super::OpenReader) finds out.
pub struct SeekReader<S> {
    opener: Opener,
    source: S,
    position: u64,
    /// A chunk of the file, and which one, if it was opened.
    chunk: SecretBytes,
    held: Option<u64>,
    failed: Option<Error>,
}

impl<S: ChunkSource> SeekReader<S> {
    /// At the file's first byte.
    #[must_use]
    pub fn new(opener: Opener, source: S) -> Self {
        // Never grown, so that nothing is left behind where it lay before.
        let chunk = SecretBytes::with_capacity(opener.geometry().sealed_chunk_size(0));
        SeekReader { opener, source, position: 0, chunk, held: None, failed: None }
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.opener.size()
    }

    /// What opens the file, and the source.
    #[must_use]
    pub fn into_parts(self) -> (Opener, S) {
        (self.opener, self.source)
    }

    /// Fetches and opens chunk `index`, if it is another than the one that is held.
    fn hold(&mut self, index: u64) -> io::Result<()> {
        if self.held == Some(index) {
            return Ok(());
        }
        self.held = None;
        // The source is shown nothing of the chunk before.
        wipe(&mut self.chunk);
        self.chunk.resize(self.opener.geometry().sealed_chunk_size(index), 0);
        self.source.read_chunk(index, &mut self.chunk)?;
        self.opener.open_chunk(index, &mut self.chunk)?;
        self.held = Some(index);
        Ok(())
    }
}

impl<S: ChunkSource> BufRead for SeekReader<S> {
    /// What is left of the chunk at this place.
    ///
    /// # Errors
    /// - as [`Opener::open_chunk`]; the reader then stays failed
    /// - what the source says; the call may be made again
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        if self.position >= self.size() {
            return Ok(&[]);
        }
        let log2 = self.opener.geometry().chunk_log2();
        let index = self.position >> log2;
        if let Err(error) = self.hold(index) {
            self.failed = Error::of_io(&error).cloned();
            return Err(error);
        }
        let within = usize::try_from(self.position - (index << log2)).unwrap_or(usize::MAX);
        Ok(self.chunk.get(within..).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.position = self.position.saturating_add(bytes as u64);
    }
}

impl<S: ChunkSource> Read for SeekReader<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<S: ChunkSource> Seek for SeekReader<S> {
    /// Past the end there are no bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] before the first byte or past 2^64; the place stays as it was.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = place.ok_or(io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl<S> fmt::Debug for SeekReader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeekReader")
            .field("position", &self.position)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

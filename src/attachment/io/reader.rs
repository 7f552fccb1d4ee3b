//! Opening from a `Read`, from the first chunk to the last.

use core::fmt;
use std::io::{self, BufRead, Read};

use super::{Progress, Window, fill, has_ended};
use crate::{
    attachment::Opener,
    code::Code,
    error::{Error, ensure},
};

/// Reads sealed chunks, one after the other, and gives out the file.
///
/// Every byte that it gives out was checked before. That the file is *whole* is known when the
/// reader gives 0 bytes: then all chunks have been opened, those too that are padding throughout,
/// and the source has ended with the last. A program that stops earlier has a part of the file.
pub struct OpenReader<R, P = ()> {
    opener: Opener,
    source: R,
    progress: P,
    window: Window,
    /// Chunks of the window that are open, the one that is given out, and how much of it has been.
    open: usize,
    place: usize,
    given: usize,
    /// The chunk that is read next, and how much of it is here already, in which buffer.
    next: u64,
    filled: usize,
    broken: usize,
    /// What comes after the chunks that are open.
    later: Option<io::Error>,
    ended: bool,
    failed: Option<Error>,
}

impl<R: Read> OpenReader<R> {
    /// Of the sealed chunks in `source`, which has nothing else from where it stands to its end.
    #[must_use]
    pub fn new(opener: Opener, source: R) -> Self {
        Self::with_progress(opener, source, ())
    }
}

impl<R: Read, P: Progress> OpenReader<R, P> {
    /// [`OpenReader::new`]; `progress` is told of every chunk that was opened.
    pub fn with_progress(opener: Opener, source: R, progress: P) -> Self {
        OpenReader {
            window: Window::of(opener.geometry()),
            opener,
            source,
            progress,
            open: 0,
            place: 0,
            given: 0,
            next: 0,
            filled: 0,
            broken: 0,
            later: None,
            ended: false,
            failed: None,
        }
    }

    /// What opens the file, and the source.
    #[must_use]
    pub fn into_parts(self) -> (Opener, R) {
        (self.opener, self.source)
    }

    /// What has not been given out of the chunk.
    fn rest(&self) -> &[u8] {
        let open = self.window.get(..self.open).unwrap_or_default();
        open.get(self.place).and_then(|chunk| chunk.get(self.given..)).unwrap_or_default()
    }

    /// Reads and opens the next chunks. Where one of them cannot be read, those before it are
    /// given out first, so that it makes no difference how many are taken at once.
    fn refill(&mut self) -> io::Result<()> {
        let geometry = self.opener.geometry();
        // What there was of the next chunk goes on where it broke off.
        self.window.swap(0, self.broken);
        self.broken = 0;
        let (mut read, mut outcome) = (0, Ok(()));
        for (chunk, index) in self.window.iter_mut().zip(self.next..geometry.chunks()) {
            if self.filled == 0 {
                chunk.clear(); // the source is shown nothing of the chunk before
            }
            chunk.resize(geometry.sealed_chunk_size(index), 0);
            outcome = fill(&mut self.source, chunk, &mut self.filled).and_then(|()| {
                let whole = self.filled == chunk.len();
                Ok(ensure(whole, Code::BadGeometry, "sealed length")?)
            });
            if outcome.is_err() {
                self.broken = read;
                break;
            }
            (read, self.filled) = (read + 1, 0);
        }

        let chunks = self.window.get_mut(..read).unwrap_or_default();
        let (open, refused) = self.opener.open_some(self.next, chunks);
        (self.open, self.place, self.given) = (open, 0, 0);
        for _ in 0..open {
            self.next += 1;
            self.progress.chunks(self.next, geometry.chunks());
        }
        // The first that failed is told of.
        self.later = refused.map_err(io::Error::from).and(outcome).err();
        Ok(())
    }

    /// That the source has ended with the last chunk.
    fn end(&mut self) -> io::Result<()> {
        if !self.ended {
            self.ended = has_ended(&mut self.source)?;
            ensure(self.ended, Code::BadGeometry, "sealed length")?;
        }
        Ok(())
    }

    /// Remembers what cannot get better.
    fn failed(&mut self, error: io::Error) -> io::Error {
        self.failed = Error::of_io(&error).cloned();
        error
    }
}

impl<R: Read, P: Progress> BufRead for OpenReader<R, P> {
    /// What is left of a chunk.
    ///
    /// # Errors
    /// - as [`Opener::open_chunk`]
    /// - [`Code::BadGeometry`] if the source ends too early or too late (SPEC V-615)
    /// - what the source says; the call may be made again
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.rest().is_empty() {
            if self.place < self.open {
                (self.place, self.given) = (self.place + 1, 0);
            } else if let Some(error) = &self.failed {
                return Err(error.clone().into());
            } else if let Some(error) = self.later.take() {
                return Err(self.failed(error));
            } else if self.next < self.opener.geometry().chunks() {
                self.refill()?;
            } else {
                self.end().map_err(|error| self.failed(error))?;
                break;
            }
        }
        Ok(self.rest())
    }

    fn consume(&mut self, bytes: usize) {
        self.given = self.given.saturating_add(bytes);
    }
}

impl<R: Read, P: Progress> Read for OpenReader<R, P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R, P> fmt::Debug for OpenReader<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenReader")
            .field("next", &self.next)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

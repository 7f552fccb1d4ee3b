//! Sealing into a `Write`.

use core::fmt;
use std::io::{self, ErrorKind, Read, Write};

use super::{Progress, Window, fill, has_ended};
use crate::{
    attachment::{Sealed, Sealer},
    code::Code,
    error::Error,
};

/// Seals a file that is written to it, and writes its sealed chunks to `W`, one after the other.
///
/// Header and chunk list are known when the last chunk is sealed: [`SealWriter::finish`] gives
/// them. Until then the chunks are worth nothing.
///
/// **When the target fails** halfway, its error passes through, and the sealed chunk is kept with
/// the place where it broke off. The next call goes on from there: no byte is left out or
/// written twice, and no chunk sealed a second time. A `write` that fails has taken nothing.
///
/// **When the process ends** halfway, the key is gone with it, and the file is sealed anew. An upload
/// that has to survive this goes chunk by chunk through [`Sealer`], whose hashes the host stores
/// before each chunk leaves (SPEC V-641).
pub struct SealWriter<W, P = ()> {
    sealer: Sealer,
    target: W,
    progress: P,
    /// Bytes of the file that have not come yet.
    missing: u64,
    window: Window,
    /// Chunks of the window that have all their plaintext, and how much the next one has.
    full: usize,
    filled: usize,
    /// Chunks of the window that are sealed, how many of them have been written, and how much
    /// of the next one.
    sealed: usize,
    written: usize,
    at: usize,
    /// Chunks written in all.
    done: u64,
    failed: Option<Error>,
}

impl<W: Write> SealWriter<W> {
    /// With a new sealer, or one that goes on with an interrupted sealing.
    #[must_use]
    pub fn new(sealer: Sealer, target: W) -> Self {
        Self::with_progress(sealer, target, ())
    }
}

impl<W: Write, P: Progress> SealWriter<W, P> {
    /// [`SealWriter::new`]; `progress` is told of every chunk that was written.
    pub fn with_progress(sealer: Sealer, target: W, progress: P) -> Self {
        SealWriter {
            window: Window::of(sealer.geometry()),
            missing: sealer.size(),
            sealer,
            target,
            progress,
            full: 0,
            filled: 0,
            sealed: 0,
            written: 0,
            at: 0,
            done: 0,
            failed: None,
        }
    }

    /// Seals `source` from where it stands to its end, which has to be where the file ends.
    /// Copies less than writing to it does.
    ///
    /// # Errors
    /// - [`Code::SourceChanged`] if the source is shorter or longer than was announced (SPEC V-640)
    /// - what source or target say; the call may be made again with the same source
    pub fn fill_from(&mut self, source: &mut impl Read) -> io::Result<()> {
        self.ready()?;
        while self.missing > 0 {
            self.drain()?;
            let before = self.filled;
            let read = fill(source, chunk(&mut self.window, &self.sealer, self.full), &mut self.filled);
            self.missing -= (self.filled - before) as u64;
            let short = read.is_ok() && self.missing > 0 && self.filled < self.next_len();
            self.taken()?;
            read?;
            if short {
                return self.fail(Error::new(Code::SourceChanged, "file shorter than announced"));
            }
        }
        match has_ended(source)? {
            true => Ok(()),
            false => self.fail(Error::new(Code::SourceChanged, "file longer than announced")),
        }
    }

    /// Writes what is left, and ends: what is known of the file now, and the target. Where the
    /// target may fail only for a while, call [`flush`](Write::flush) until it does not, and then this.
    ///
    /// # Errors
    /// [`Code::SourceChanged`] if bytes of the file are missing, and what the target says.
    pub fn finish(mut self) -> io::Result<(Sealed, W)> {
        self.ready()?;
        if self.missing > 0 {
            return Err(Error::new(Code::SourceChanged, "file shorter than announced").into());
        }
        self.flush()?;
        Ok((self.sealer.finish()?, self.target))
    }

    /// Bytes that the chunk takes which is being filled.
    fn next_len(&self) -> usize {
        self.sealer.next_lens().nth(self.full).unwrap_or(0)
    }

    /// Bytes have come: the chunk may be full, and the window.
    fn taken(&mut self) -> io::Result<()> {
        if self.filled > 0 && self.filled == self.next_len() {
            (self.full, self.filled) = (self.full + 1, 0);
        }
        if self.full == self.window.len() { self.seal() } else { Ok(()) }
    }

    /// Seals the chunks that are full.
    fn seal(&mut self) -> io::Result<()> {
        let chunks = self.window.get_mut(..self.full).unwrap_or_default();
        match self.sealer.seal_chunks(chunks) {
            Ok(_) => {
                (self.sealed, self.full) = (self.full, 0);
                Ok(())
            }
            Err(error) => self.fail(error),
        }
    }

    /// Writes the chunks that are sealed.
    fn drain(&mut self) -> io::Result<()> {
        while self.written < self.sealed {
            let rest =
                self.window.get(self.written).and_then(|chunk| chunk.get(self.at..)).unwrap_or_default();
            if rest.is_empty() {
                (self.written, self.at) = (self.written + 1, 0);
                self.done += 1;
                self.progress.chunks(self.done, self.sealer.geometry().chunks());
                continue;
            }
            match self.target.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.at += written.min(rest.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        (self.sealed, self.written) = (0, 0);
        Ok(())
    }

    fn ready(&self) -> io::Result<()> {
        self.failed.clone().map_or(Ok(()), |error| Err(error.into()))
    }

    fn fail<T>(&mut self, error: Error) -> io::Result<T> {
        self.failed = Some(error.clone());
        Err(error.into())
    }
}

/// The buffer of the chunk that is being filled, as long as the chunk's plaintext.
fn chunk<'a>(window: &'a mut [Vec<u8>], sealer: &Sealer, place: usize) -> &'a mut [u8] {
    match (window.get_mut(place), sealer.next_lens().nth(place)) {
        (Some(chunk), Some(len)) => {
            chunk.resize(len, 0);
            chunk
        }
        _ => &mut [],
    }
}

impl<W: Write, P: Progress> Write for SealWriter<W, P> {
    /// Takes bytes of the file.
    ///
    /// # Errors
    /// [`Code::SourceChanged`] if the file would become longer than announced (SPEC V-640) or is
    /// not what it was before an interruption (V-641), and what the target says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.ready()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.missing == 0 {
            return self.fail(Error::new(Code::SourceChanged, "file longer than announced"));
        }
        self.drain()?;
        let room =
            chunk(&mut self.window, &self.sealer, self.full).get_mut(self.filled..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.filled += taken;
        self.missing -= taken as u64;
        self.taken()?;
        Ok(taken)
    }

    /// Writes what is sealed, and once the whole file has come, what is left of it with its padding.
    fn flush(&mut self) -> io::Result<()> {
        self.ready()?;
        self.drain()?;
        while self.missing == 0 && self.sealer.next_len().is_some() {
            // What has no plaintext of its own is padding.
            let lens: Vec<usize> = self.sealer.next_lens().take(self.window.len()).collect();
            for (chunk, len) in self.window.iter_mut().zip(&lens) {
                chunk.resize(*len, 0);
            }
            self.full = lens.len();
            self.seal()?;
            self.drain()?;
        }
        self.target.flush()
    }
}

impl<W, P> fmt::Debug for SealWriter<W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealWriter")
            .field("missing", &self.missing)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

//! Files, pipes, and the progress bar.

use std::{
    ffi::OsStr,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
};

use verbund::attachment::io::Progress;

use crate::trouble::Trouble;

/// A file by its path, or a pipe.
pub enum Place {
    Pipe,
    Path(PathBuf),
}

impl Place {
    pub fn new(word: &OsStr) -> Self {
        if word == "-" { Place::Pipe } else { Place::Path(word.into()) }
    }

    /// The file to read, unless it is a pipe.
    pub fn file(&self) -> Result<Option<File>, Trouble> {
        let Place::Path(path) = self else { return Ok(None) };
        let file = File::open(path).map_err(|error| Trouble::from(error).at(self))?;
        match file.metadata().map_err(|error| Trouble::from(error).at(self))?.is_dir() {
            true => Err(Trouble::from(io::Error::from(io::ErrorKind::IsADirectory)).at(self)),
            false => Ok(Some(file)),
        }
    }

    /// The file or pipe to read.
    pub fn read(&self) -> Result<Box<dyn Read>, Trouble> {
        Ok(match self.file()? {
            Some(file) => Box::new(file),
            None => Box::new(io::stdin().lock()),
        })
    }

    /// A new file, unless it is a pipe. `private`: nobody else may read it.
    pub fn create(&self, private: bool) -> Result<Option<NewFile>, Trouble> {
        let Place::Path(path) = self else { return Ok(None) };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if private {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = options.open(path).map_err(|error| Trouble::from(error).at(self))?;
        Ok(Some(NewFile { file, path: path.clone(), keep: false }))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Pipe => f.write_str("pipe"),
            Place::Path(path) => path.display().fmt(f),
        }
    }
}

/// A file that is gone again unless all went well.
pub struct NewFile {
    pub file: File,
    path: PathBuf,
    keep: bool,
}

impl NewFile {
    pub fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.keep {
            // What is left of it is worth nothing; that it cannot be removed changes nothing.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// To standard output, which may have been closed.
pub fn say(text: &str) -> Result<(), Trouble> {
    let mut out = io::stdout().lock();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}

/// A bar on standard error, if somebody looks at it.
pub struct Bar {
    what: &'static str,
    seen: bool,
    drawn: u64,
}

impl Bar {
    pub fn new(what: &'static str) -> Self {
        Bar { what, seen: io::stderr().is_terminal(), drawn: u64::MAX }
    }
}

impl Progress for Bar {
    fn chunks(&mut self, done: u64, total: u64) {
        const WIDTH: u64 = 30;
        let full = done * WIDTH / total;
        if !self.seen || (full == self.drawn && done != total) {
            return;
        }
        self.drawn = full;
        let [full, empty] = [full, WIDTH - full].map(|len| usize::try_from(len).unwrap_or(0));
        let end = if done == total { "\n" } else { "" };
        // Whoever cannot be shown a bar goes without.
        let _ = write!(
            io::stderr(),
            "\r{} [{}{}] {done}/{total} chunks{end}",
            self.what,
            "#".repeat(full),
            ".".repeat(empty),
        );
    }
}

//! What can go wrong, told in one line.

use std::{fmt, io, process::ExitCode};

use verbund::Error;

/// Why it ends, and where that was.
pub struct Trouble {
    what: What,
    place: String,
}

enum What {
    Usage(String),
    Refused(Error),
    Io(io::Error),
}

impl Trouble {
    pub fn usage(text: String) -> Self {
        Trouble { what: What::Usage(text), place: String::new() }
    }

    /// The first place that is named is kept.
    pub fn at(mut self, place: &dyn fmt::Display) -> Self {
        if self.place.is_empty() {
            self.place = format!("{place}: ");
        }
        self
    }

    /// Says it and gives the program's exit code. Whoever closes a pipe that we write into has
    /// seen enough and is told nothing.
    pub fn tell(self) -> ExitCode {
        let place = &self.place;
        let (line, code) = match &self.what {
            What::Usage(text) => (text.clone(), 2),
            What::Refused(error) => (format!("{place}{error}"), 1),
            What::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::from(3),
            What::Io(error) => (format!("{place}{error}"), 3),
        };
        eprintln!("attachment: {line}");
        ExitCode::from(code)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble { what: What::Refused(error), place: String::new() }
    }
}

/// Errors of the library come inside those of streams.
impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        let what = Error::of_io(&error).cloned().map_or_else(|| What::Io(error), What::Refused);
        Trouble { what, place: String::new() }
    }
}

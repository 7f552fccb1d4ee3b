//! The one error type: a [`Code`], where it arose, and whether to try again.

use std::io;

use crate::{
    code::{Code, Kind},
    time::Timestamp,
};

/// What the caller may do after an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same call can only fail again.
    Never,
    /// The same call may succeed from this time on.
    After(Timestamp),
    /// Load all rows under these key prefixes into the snapshot and call again.
    Load(Vec<Vec<u8>>),
}

/// Why a call failed. An error has changed nothing.
///
/// ```
/// use verbund::{Error, code::{Code, Kind}, error::Retry, ids::AgencyId};
///
/// let error: Error = AgencyId::parse("Not A Domain").unwrap_err();
/// assert_eq!(error.code(), Code::BadName);
/// assert_eq!(error.kind(), Kind::Peer);
/// assert_eq!(error.retry(), &Retry::Never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({}): {context}", code.text(), code.number())]
pub struct Error {
    code: Code,
    context: &'static str,
    retry: Retry,
}

/// The crate's result.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    /// An error with nothing to retry; `context` says where or what, and never
    /// carries anything that a peer sent.
    #[must_use]
    pub const fn new(code: Code, context: &'static str) -> Self {
        Error { code, context, retry: Retry::Never }
    }

    /// Rows under these prefixes are needed.
    #[must_use]
    pub const fn load(prefixes: Vec<Vec<u8>>) -> Self {
        Error { code: Code::NotLoaded, context: "rows are not loaded", retry: Retry::Load(prefixes) }
    }

    /// The same error, with the advice to try again from `at` on.
    #[must_use]
    pub fn after(mut self, at: Timestamp) -> Self {
        self.retry = Retry::After(at);
        self
    }

    /// The numeric code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Who has to act.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// Whether and when to try again.
    #[must_use]
    pub const fn retry(&self) -> &Retry {
        &self.retry
    }

    /// The time before which trying again is of no use, if one is known.
    #[must_use]
    pub const fn retry_at(&self) -> Option<Timestamp> {
        match self.retry {
            Retry::After(at) => Some(at),
            _ => None,
        }
    }

    /// The error of this library inside one of [`std::io`], where a stream of this library has
    /// refused something; none if it is the error of a file or socket.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Option<&Error> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether it says nothing of what was asked: the store or the library has failed, or rows are not loaded.
    /// Whoever takes other errors for an answer passes this one on.
    pub(crate) const fn fails_the_call(&self) -> bool {
        matches!(self.kind(), Kind::Store | Kind::Bug)
    }

    /// Where it arose, for people who read logs.
    #[must_use]
    pub const fn context(&self) -> &'static str {
        self.context
    }
}

/// Whole, for [`Error::of_io`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            Kind::Misuse => io::ErrorKind::InvalidInput,
            Kind::Peer => io::ErrorKind::InvalidData,
            Kind::Refused => io::ErrorKind::Unsupported,
            Kind::Store | Kind::Bug => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// Shorthand: `fault(Code::Malformed, "log entry")?`.
pub(crate) fn fault<T>(code: Code, context: &'static str) -> Result<T> {
    Err(Error::new(code, context))
}

/// Whether something holds. That the store has failed is no answer.
pub(crate) fn holds(result: Result<()>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.fails_the_call() => Err(error),
        Err(_) => Ok(false),
    }
}

/// Fails with `code` unless `condition` holds; the shape in which SPEC's rules are written.
pub(crate) fn ensure(condition: bool, code: Code, context: &'static str) -> Result<()> {
    if condition { Ok(()) } else { Err(Error::new(code, context)) }
}

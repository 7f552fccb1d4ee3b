//! Hints for the host.

use bytes::Bytes;

use super::Awaited;
use crate::{attachment::ChunkRef, code::Code, ids::RequestId, store::Transition};

/// Something for the host to do. Losing one is harmless: `resume` says again whatever is
/// still to be done.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this to the own agency's server and give its reply to `receive`. Servers take
    /// the same bytes any number of times.
    #[non_exhaustive]
    Send {
        /// The message.
        bytes: Bytes,
        /// A chunk that goes beside it, from the host's chunk store.
        chunk: Option<ChunkRef>,
    },
    /// There are new events to read.
    Events,
    /// An answer to [`Client::host_mailbox`](crate::client::Client::host_mailbox) or
    /// [`Client::guest_mailbox`](crate::client::Client::guest_mailbox). Losing it does harm to
    /// nothing but that link code.
    Letter {
        /// The request.
        request: RequestId,
        /// What lay in the mailbox; `None`: nothing yet, or what was left is in it. Or why not.
        letter: Result<Option<Bytes>, Code>,
    },
    /// What the own server is still fetching from other agencies of what this device wants: all of
    /// it, or as much as is asked for at one time.
    Awaited(Vec<Awaited>),
    /// How far an attachment is.
    Progress {
        /// The request that shares or fetches it.
        request: RequestId,
        /// Chunks done.
        done: u64,
        /// Chunks in all.
        total: u64,
    },
}

/// What comes of a reply with a chunk beside it.
#[must_use]
#[derive(Debug)]
#[non_exhaustive]
pub struct WithChunk {
    /// If there: the chunk is what the message says, and the host stores its bytes under this
    /// name *before* it applies the transition, which says that they are there.
    pub keep: Option<ChunkRef>,
    /// The change.
    pub transition: Transition<(), Output>,
}

impl Output {
    pub(super) fn send(bytes: Bytes) -> Self {
        Output::Send { bytes, chunk: None }
    }

    pub(super) fn send_with(bytes: Bytes, chunk: ChunkRef) -> Self {
        Output::Send { bytes, chunk: Some(chunk) }
    }
}

/// Sizes only.
impl core::fmt::Debug for Output {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Output::Send { bytes, chunk } => write!(f, "Send({} bytes, {chunk:?})", bytes.len()),
            Output::Events => f.write_str("Events"),
            Output::Letter { letter, .. } => write!(f, "Letter({:?})", letter.as_ref().map(|l| l.is_some())),
            Output::Awaited(awaited) => write!(f, "Awaited({awaited:?})"),
            Output::Progress { done, total, .. } => write!(f, "Progress({done}/{total})"),
        }
    }
}

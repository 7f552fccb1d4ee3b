//! A room's log: what devices submit to it, what it holds, and what its hub says of it.

mod entry;
mod submission;
mod word;

pub(crate) use entry::{LogEntry, LogItem, RevocationVersion, RoomMaterial, Stamp};
pub(crate) use submission::{Evidence, Submission, SubmissionHeader, SubmissionKind};
pub(crate) use word::{Head, Refusal};

//! Why a file could not be fetched: who is to blame, and what helps (SPEC "When a file cannot be
//! had").

use super::Event;
use crate::{code::Code, error::Error, ids::RequestId};

/// Who has to mend it that a file could not be fetched, as far as this device can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// Nobody: it was taken back, its time is over, or a rule stands against it.
    Nobody,
    /// Whoever sent the message: the file was never uploaded as a whole, or not under its key.
    Sender,
    /// The agency to which the file was uploaded, or the way from there, by the word of the own
    /// agency's server.
    Origin,
    /// The own agency's server, or the way from there.
    OwnAgency,
    /// The sender, or one of the servers: this device cannot tell which.
    Unclear,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing.
    Nothing,
    /// To fetch it again later: not before the time that stands beside, if there is one.
    Later,
    /// To ask the sender to share it again.
    AskSender,
    /// To tell those who run the own agency's server.
    TellOperators,
}

impl Event {
    /// That a file could not be fetched. `own`: it was uploaded to the own agency's server.
    pub(super) fn not_fetched(request: RequestId, error: &Error, own: bool) -> Self {
        Self::not_fetched_by(request, error, judge(error, own))
    }

    /// The same, where it is known already who is to blame.
    pub(super) fn not_fetched_by(
        request: RequestId,
        error: &Error,
        (blame, remedy): (Blame, Remedy),
    ) -> Self {
        Event::NotFetched { request, code: error.code(), blame, remedy, retry_at: error.retry_at() }
    }
}

fn judge(error: &Error, own: bool) -> (Blame, Remedy) {
    match error.code() {
        Code::BlobGone => (Blame::Nobody, Remedy::Nothing),
        Code::Expired => (Blame::Nobody, Remedy::AskSender),
        Code::UploadAbandoned | Code::BlobIncomplete | Code::BadCapability => {
            (Blame::Sender, Remedy::AskSender)
        }
        Code::BadOrigin => (Blame::Origin, Remedy::Later),
        Code::ChunkLost if own => (Blame::OwnAgency, Remedy::AskSender),
        Code::ChunkLost => (Blame::Origin, Remedy::AskSender),
        Code::BadChunk => (Blame::OwnAgency, Remedy::TellOperators),
        Code::Quota if error.retry_at().is_none() => (Blame::Nobody, Remedy::TellOperators),
        Code::Quota | Code::SuspendedAgency | Code::UnknownAgency | Code::TrustExpired => {
            (Blame::Nobody, Remedy::Later)
        }
        // They are those that the message means: the root comes first.
        Code::BadGeometry | Code::BadCommitment => (Blame::Sender, Remedy::AskSender),
        Code::UnknownSuite => (Blame::Nobody, Remedy::AskSender),
        Code::UnknownBlob | Code::BadHeader | Code::BadRoot => (Blame::Unclear, Remedy::AskSender),
        _ => (Blame::Unclear, Remedy::Later),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn every_failure_has_somebody_to_turn_to() {
        let of = |code, own| judge(&Error::new(code, ""), own);
        assert_eq!(of(Code::BlobGone, true), (Blame::Nobody, Remedy::Nothing));
        assert_eq!(of(Code::Expired, true), (Blame::Nobody, Remedy::AskSender));
        assert_eq!(of(Code::UploadAbandoned, false), (Blame::Sender, Remedy::AskSender));
        assert_eq!(of(Code::BadCapability, false), (Blame::Sender, Remedy::AskSender));
        assert_eq!(of(Code::BadOrigin, false), (Blame::Origin, Remedy::Later));
        assert_eq!(of(Code::ChunkLost, false), (Blame::Origin, Remedy::AskSender));
        assert_eq!(of(Code::ChunkLost, true), (Blame::OwnAgency, Remedy::AskSender));
        assert_eq!(of(Code::BadChunk, false), (Blame::OwnAgency, Remedy::TellOperators));
        assert_eq!(of(Code::BadRoot, false), (Blame::Unclear, Remedy::AskSender));
        assert_eq!(of(Code::BadCommitment, false), (Blame::Sender, Remedy::AskSender));
        assert_eq!(of(Code::UnknownSuite, false), (Blame::Nobody, Remedy::AskSender));
        assert_eq!(of(Code::Quota, false), (Blame::Nobody, Remedy::TellOperators));
        let full = Error::new(Code::Quota, "").after(Timestamp::from_millis(9));
        assert_eq!(judge(&full, false), (Blame::Nobody, Remedy::Later));
    }
}

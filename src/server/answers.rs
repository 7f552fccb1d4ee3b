//! What another agency is answered: counted by its size, once for each question as long as the answer
//! waits, and for a while (SPEC V-529). Questions are small and answers may be large.

use bytes::Bytes;

use super::{
    call::Call,
    keys::{self, LinkKeys},
    packages::NO_ROOM,
    quota::Quota,
    rows::Pending,
};
use crate::{
    crypto::{Label, hash},
    error::Result,
    ids::AgencyId,
    limits,
    time::Timestamp,
    wire::{encode_body, link::LinkItem},
};

const OF_AGENCY: Quota = Quota { at_once: limits::ANSWERS_OF_AGENCY, every: limits::ANSWERS_OF_AGENCY_EVERY };
/// As often as it may look something up it is told that it asks for too much.
const REFUSALS: Quota =
    Quota { at_once: limits::LOOK_UPS_OF_AGENCY, every: limits::LOOK_UPS_OF_AGENCY_EVERY };
/// What one token is good for.
pub(super) const PIECE: usize = 64 << 10;

/// What another agency has asked, by whatever tells it from other questions.
#[derive(Clone, Copy)]
pub(super) enum Question<'q> {
    Documents(&'q [u8]),
    Claim(&'q [u8]),
    Attachment(&'q [u8]),
    Entrance(&'q [u8]),
}

impl Question<'_> {
    /// The same for the same question.
    fn place(self) -> [u8; 16] {
        let (kind, question): (&[u8], _) = match self {
            Question::Documents(question) => (b"documents", question),
            Question::Claim(question) => (b"claim", question),
            Question::Attachment(question) => (b"attachment", question),
            Question::Entrance(question) => (b"entrance", question),
        };
        let hash = hash(Label::QUESTION, &[kind, question]);
        hash.as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

impl Call<'_, '_> {
    /// Answers another agency, in the place of an answer to the same question that waits still.
    ///
    /// # Errors
    /// [`Code::Quota`](crate::code::Code::Quota) with the time from which on it may be asked again; then
    /// nothing is queued.
    pub(super) fn answer(&mut self, to: &AgencyId, asked: Question<'_>, item: &LinkItem) -> Result<()> {
        let item = encode_body(item);
        self.take_answer(to, item.len())?;
        self.queue_answer(to, asked, item);
        Ok(())
    }

    /// Counts an answer of so many bytes.
    ///
    /// # Errors
    /// As [`Call::answer`].
    pub(super) fn take_answer(&mut self, to: &AgencyId, bytes: usize) -> Result<()> {
        let pieces = u64::try_from(bytes.div_ceil(PIECE)).unwrap_or(u64::MAX);
        self.take(keys::answers_of_agency(to), OF_AGENCY, pieces.max(1))
    }

    /// Tells another agency that it is not answered, and why.
    ///
    /// # Errors
    /// As [`Call::answer`].
    pub(super) fn refuse(&mut self, to: &AgencyId, asked: Question<'_>, item: &LinkItem) -> Result<()> {
        self.take(keys::refusals_of_agency(to), REFUSALS, 1)?;
        self.queue_answer(to, asked, encode_body(item));
        Ok(())
    }

    fn queue_answer(&mut self, to: &AgencyId, asked: Question<'_>, item: Bytes) {
        // At a place that depends on the question alone.
        let (at, order, unique) = (Timestamp::ZERO, 1, asked.place());
        self.queue(to, (at, &NO_ROOM, order), unique, Pending::Item(item));
        let row = LinkKeys::with(to).pending_at(at, &NO_ROOM, order, &unique);
        self.drop_later(self.now().plus(limits::ANSWER_KEPT), &row);
    }
}

//! What an agency has to renew, and when its operators are told.

use super::{Output, call::Call};
use crate::{error::Result, limits, time::Timestamp};

/// Until when the documents are good with which a server works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Papers {
    /// When the federation's trust list ends; told [`limits::TRUST_LIST_DUE`] before. After it and
    /// [`limits::TRUST_LIST_GRACE`] nothing is sent and nothing taken.
    pub trust_list: Timestamp,
    /// When the own descriptor ends; told [`limits::DESCRIPTOR_DUE`] before. `None`: it has ended.
    /// Then the agency is silent and unheard, and what waits waits, until there is another.
    pub descriptor: Option<Timestamp>,
    /// When the own next revocation list has to be there; told [`limits::REVOCATIONS_DUE`] before.
    /// [`limits::REVOCATION_GRACE`] later no further device of the agency gets into a room.
    /// `None`: the agency gives out none.
    pub revocations: Option<Timestamp>,
}

impl Papers {
    /// Whether one of them is to be renewed at this time.
    #[must_use]
    pub fn are_due(&self, now: Timestamp) -> bool {
        let due = |end: Timestamp, before| end.minus(before) <= now;
        due(self.trust_list, limits::TRUST_LIST_DUE)
            || self.descriptor.is_none_or(|end| due(end, limits::DESCRIPTOR_DUE))
            || self.revocations.is_some_and(|end| due(end, limits::REVOCATIONS_DUE))
    }
}

impl Call<'_, '_> {
    pub(super) fn papers(&self) -> Result<Papers> {
        let trust_list = self.directory.trust_ends(&self.draft)?.map_or(Timestamp::ZERO, |(_, end, _)| end);
        let descriptor = self.directory.described_until(&self.draft, &self.own.agency, self.now())?;
        let revocations = self.directory.next_update(&self.draft, &self.own.agency)?;
        Ok(Papers { trust_list, descriptor, revocations })
    }

    /// Tells the operators of what has to be renewed, each time that the server is called.
    pub(super) fn tell_papers(&mut self) -> Result<()> {
        if self.papers()?.are_due(self.now()) {
            self.output(Output::PapersDue);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn each_paper_is_due_in_its_time() {
        const DAY: Duration = Duration::from_secs(86_400);
        let now = Timestamp::from_millis(1_800_000_000_000);
        let just = Duration::from_millis(1);
        let far = Some(now.plus(400 * DAY));
        let papers = Papers { trust_list: now.plus(400 * DAY), descriptor: far, revocations: far };
        assert!(!papers.are_due(now));
        assert!(!Papers { revocations: None, ..papers }.are_due(now), "not every agency gives out lists");
        assert!(Papers { descriptor: None, ..papers }.are_due(now));
        let due = |change: &dyn Fn(&mut Papers, Timestamp), before: Duration| {
            let at = |end| {
                let mut papers = papers;
                change(&mut papers, end);
                papers.are_due(now)
            };
            (at(now.plus(before).plus(just)), at(now.plus(before)), at(now.minus(DAY)))
        };
        let told = (false, true, true);
        assert_eq!(due(&|papers, end| papers.trust_list = end, limits::TRUST_LIST_DUE), told);
        assert_eq!(due(&|papers, end| papers.descriptor = Some(end), limits::DESCRIPTOR_DUE), told);
        assert_eq!(due(&|papers, end| papers.revocations = Some(end), limits::REVOCATIONS_DUE), told);
    }
}

//! Documents about who is who, as the own server delivers them.

use bytes::Bytes;

use super::{Event, call::Call};
use crate::{
    code::{Code, Kind},
    error::Result,
    identity::{Descriptor, RevocationList},
    ids::AgencyId,
};

impl Call<'_, '_> {
    /// Takes the next trust list.
    pub(super) fn take_trust_list(&mut self, list: &Bytes) -> Result<()> {
        let own = self.account.device.user.agency().clone();
        match self.directory.accept_next_list(&mut self.draft, list) {
            Ok(Some(news)) => {
                let (version, by) = (news.version, news.by);
                self.event(&Event::TrustListChanged { version, by })?;
                for (agency, change) in news.changes {
                    self.event(&Event::AgencyChanged { agency, list: version, change })?;
                }
                self.look_at_rooms()
            }
            taken => self.believed(&own, taken.map(drop)),
        }
    }

    /// Takes an agency's descriptor, and tells of keys that are new or gone (SPEC V-216).
    pub(super) fn take_descriptor(&mut self, descriptor: &Bytes) -> Result<()> {
        let Ok(agency) = Descriptor::claimed_agency(descriptor) else { return Ok(()) };
        let before = self.directory.descriptor(&self.draft, &agency)?;
        let accepted = self.directory.accept_descriptor(&mut self.draft, descriptor);
        let news = matches!(accepted, Ok(true));
        self.believed(&agency, accepted.map(drop))?;
        let Some(before) = before.filter(|_| news) else { return Ok(()) };
        let Some(now) = self.directory.descriptor(&self.draft, &agency)? else { return Ok(()) };
        let (added, dropped) = (now.keys_beyond(&before), before.keys_beyond(&now));
        if now.version <= before.version || added.is_empty() && dropped.is_empty() {
            return Ok(());
        }
        self.event(&Event::AgencyKeysChanged { agency, descriptor: now.version, added, dropped })
    }

    /// Takes an agency's newer revocation list.
    pub(super) fn take_revocations(&mut self, list: &Bytes) -> Result<()> {
        match self.directory.accept_revocations(&mut self.draft, list) {
            Ok(Some(new)) if !new.revoked.is_empty() => self.look_at_rooms(),
            Ok(_) => Ok(()),
            Err(error) => match RevocationList::read(list) {
                Ok(claimed) => self.believed(claimed.agency(), Err(error)),
                Err(_) => Ok(()),
            },
        }
    }

    /// A document that is not acceptable is told and passed over; only the store's failures stop.
    pub(super) fn believed(&mut self, agency: &AgencyId, result: Result<()>) -> Result<()> {
        match result {
            Err(error) if matches!(error.kind(), Kind::Store | Kind::Bug) => Err(error),
            Err(error) if matches!(error.code(), Code::Equivocation | Code::Unrevoked) => {
                self.event(&Event::AgencyMisbehaved { agency: agency.clone(), code: error.code() })
            }
            _ => Ok(()),
        }
    }
}

//! Documents about who is who, as the own server delivers them.

use bytes::Bytes;

use super::{
    Event,
    call::Call,
    keys,
    rows::{self, RoomRow},
};
use crate::{
    code::Code,
    error::Result,
    identity::{AgencyChange, Contradiction, Descriptor},
    ids::{AgencyId, RoomId},
    limits,
    store::corrupt,
};

/// In milliseconds.
const DAY: u64 = 86_400_000;

impl Call<'_, '_> {
    /// Takes the next trust list.
    pub(super) fn take_trust_list(&mut self, list: &Bytes) -> Result<()> {
        match self.directory.accept_next_list(&mut self.draft, list) {
            Ok(Some(news)) => {
                let (version, by) = (news.version, news.by);
                self.event(&Event::TrustListChanged { version, by })?;
                for (agency, change) in &news.changes {
                    let (agency, change) = (agency.clone(), *change);
                    self.event(&Event::AgencyChanged { agency, list: version, change })?;
                }
                self.tell_hubs(version, &news.changes)?;
                for (agency, change) in &news.changes {
                    if matches!(change, AgencyChange::Reinstated | AgencyChange::Gone) {
                        self.is_back(agency)?;
                    }
                }
                self.look_at_rooms()
            }
            Ok(None) => Ok(()),
            Err(error) if error.code() == Code::Equivocation => self.forked_list(list),
            other => passed_over(other.map(drop)),
        }
    }

    /// Another trust list than the one that is here under its number.
    fn forked_list(&mut self, other: &Bytes) -> Result<()> {
        let version = self.directory.trust_version(&self.draft)?;
        if !self.tell_once(b"f", "", version)? {
            return Ok(());
        }
        let known = self.directory.trust_list(&self.draft, version)?;
        self.event(&Event::TrustListForked {
            version,
            lists: Box::new([known.bytes().clone(), other.clone()]),
        })
    }

    /// Tells of rooms whose hub is out or back (SPEC V-321).
    fn tell_hubs(&mut self, list: u64, changes: &[(AgencyId, AgencyChange)]) -> Result<()> {
        let prefix = keys::rooms();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            let room = RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?;
            for (hub, change) in changes.iter().filter(|(agency, _)| agency.as_str() == row.hub) {
                let (hub, out) = (hub.clone(), |hub, code| Event::HubSuspended { room, hub, list, code });
                let event = match change {
                    AgencyChange::Suspended => out(hub, Code::SuspendedAgency),
                    AgencyChange::Gone => out(hub, Code::UnknownAgency),
                    AgencyChange::Joined | AgencyChange::Reinstated => {
                        Event::HubReinstated { room, hub, list }
                    }
                    AgencyChange::RootReplaced { .. } => continue,
                };
                if !row.declined {
                    self.event(&event)?;
                }
            }
        }
        Ok(())
    }

    /// Tells of a trust list that has ended, before its grace is over (SPEC V-322).
    pub(super) fn remind_trust_list(&mut self) -> Result<()> {
        let Some((version, ends, until)) = self.directory.trust_ends(&self.draft)? else { return Ok(()) };
        if self.now() < ends {
            return Ok(());
        }
        match self.tell_once(b"t", "", version)? {
            true => self.event(&Event::TrustListEnds { version, until }),
            false => Ok(()),
        }
    }

    /// Whether the app has not been told yet of this version of something.
    pub(super) fn tell_once(&mut self, what: &'static [u8; 1], whose: &str, version: u64) -> Result<bool> {
        let (key, number) = (keys::told(what, whose), version.to_be_bytes());
        if self.draft.get(&key)?.is_some_and(|told| told == number) {
            return Ok(false);
        }
        self.draft.expect_unchanged(key.clone())?;
        self.draft.put(key, number.to_vec());
        Ok(true)
    }

    /// Takes an agency's descriptor, and tells of keys that are new or gone (SPEC V-216).
    pub(super) fn take_descriptor(&mut self, descriptor: &Bytes) -> Result<()> {
        let Ok(agency) = Descriptor::claimed_agency(descriptor) else { return Ok(()) };
        let before = self.directory.descriptor(&self.draft, &agency)?;
        match self.directory.accept_descriptor(&mut self.draft, descriptor) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) if error.code() == Code::Equivocation => {
                let evidence = self.directory.denied_descriptor(&self.draft, descriptor)?;
                return self.misbehaved(evidence);
            }
            Err(error) => return passed_over(Err(error)),
        }
        let Some(before) = before else { return Ok(()) };
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
            Err(error) if matches!(error.code(), Code::Equivocation | Code::Unrevoked) => {
                let evidence = self.directory.denied_list(&self.draft, list)?;
                self.misbehaved(evidence)
            }
            other => passed_over(other.map(drop)),
        }
    }

    /// Tells that an agency has contradicted itself (SPEC V-315): who carries its documents can bring one
    /// as often as they like.
    fn misbehaved(&mut self, evidence: Option<Contradiction>) -> Result<()> {
        let Some(evidence) = evidence else { return Ok(()) };
        let what = format!("{} {}", evidence.agency(), evidence.code().number());
        match self.daily(b"m", &what)? {
            true => self.event(&Event::AgencyMisbehaved { evidence: Box::new(evidence) }),
            false => Ok(()),
        }
    }

    /// Whether the app has not been told of this today: for what others can bring about without end.
    pub(super) fn daily(&mut self, what: &'static [u8; 1], whose: &str) -> Result<bool> {
        let day = self.now().as_millis() / DAY;
        self.tell_once(what, whose, day)
    }
}

/// A document that is not acceptable is passed over; only the store's failures stop.
pub(super) fn passed_over(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.fails_the_call() => Err(error),
        _ => Ok(()),
    }
}

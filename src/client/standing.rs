//! Whose devices count in a room, as far as this device knows. It encrypts nothing to one
//! that does not, and removes it first (SPEC V-299); that a message counts is decided by its
//! stamp and by nothing that is known here (SPEC V-518).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openmls::prelude::LeafNodeIndex;

use super::{Event, call::Call, keys, rows, rows::RoomRow, session::Session};
use crate::{
    code::Code,
    error::{Error, Result},
    identity::{DeviceCertificate, View, read_certificate},
    ids::{AgencyId, Device},
    limits,
    room::log::Chained,
    time::Timestamp,
    wire::{device::KnownChain, log::RevocationVersion},
};

/// What was found out about a room's devices: kept in memory as long as it holds.
#[derive(Default)]
pub(super) struct Standing {
    /// Under which lists, in which epoch.
    under: Option<Under>,
    /// Until when, should the lists stay as they are.
    until: Timestamp,
    leaves: Vec<(LeafNodeIndex, DeviceCertificate)>,
    /// Which of them count no more, and why.
    due: Vec<(LeafNodeIndex, Code)>,
    /// Whether the room is to be shown what the own user's chain has removed.
    pub(super) shows: bool,
    /// Until when the device's own certificate holds that the room shows, if there is a newer one.
    pub(super) outdated: Option<Timestamp>,
    /// Whether it is to put keys into the room's tree (SPEC V-478).
    pub(super) gap: bool,
    heard: Heard,
    /// Until when the revocation lists that stamps name are new enough, should they stay.
    fresh: Option<(Vec<RevocationVersion>, Timestamp)>,
}

#[derive(PartialEq, Eq)]
struct Under {
    epoch: u64,
    /// How much of the own user's chain.
    chain: Option<KnownChain>,
    /// How many devices are known to be gone.
    removals: u64,
    /// The device's own certificate.
    certificate: Bytes,
    trust_version: u64,
    revocations: Vec<(AgencyId, u64)>,
}

impl Standing {
    /// How many devices are in the room.
    pub(super) fn len(&self) -> usize {
        self.leaves.len()
    }

    /// The devices that do not leave, and whose leaves are not due.
    pub(super) fn stay<'s>(
        &'s self,
        leaving: &'s BTreeSet<&Device>,
        due: &'s BTreeSet<&LeafNodeIndex>,
    ) -> impl Iterator<Item = &'s Device> {
        let stays = |(leaf, claims): &&(LeafNodeIndex, DeviceCertificate)| {
            !due.contains(leaf) && !leaving.contains(&claims.device)
        };
        self.leaves.iter().filter(stays).map(|(_, claims)| &claims.device)
    }

    /// What the certificate of a device's leaf says.
    pub(super) fn leaf_of(&self, device: &Device) -> Option<&DeviceCertificate> {
        self.leaves.iter().map(|(_, claims)| claims).find(|claims| claims.device == *device)
    }
}

/// Senders whose messages count, under the lists of one stamp, each until a time.
#[derive(Default)]
struct Heard {
    epoch: u64,
    trust_version: u64,
    revocations: Vec<RevocationVersion>,
    until: BTreeMap<Device, Timestamp>,
}

impl Call<'_, '_> {
    /// Other devices' leaves to which nothing is encrypted any more. The app is told once of each.
    pub(super) fn due_leaves(&mut self, session: &mut Session<'_>) -> Result<Vec<LeafNodeIndex>> {
        let under = Under {
            epoch: session.member.epoch(),
            chain: self.known_chain()?,
            removals: self.directory.removals(&self.draft)?,
            certificate: self.account.certificate.clone(),
            trust_version: self.directory.trust_version(&self.draft)?,
            revocations: self.directory.revocation_versions(&self.draft)?,
        };
        let epoch = session.standing.under.as_ref().map(|under| under.epoch);
        if session.standing.under.as_ref() != Some(&under)
            || session.latest(self.now())? >= session.standing.until
        {
            if epoch != Some(under.epoch) {
                session.standing.leaves = session.member.certificates()?;
                session.standing.gap = session.member.wants_path()?;
            }
            self.look(session, under)?;
        }
        // Who is banned removes nobody; they can only go.
        let banned = session.member.state().bans.contains(&self.account.device.user);
        let due = session.standing.due.iter().filter(|_| !banned);
        Ok(due.map(|(leaf, _)| *leaf).collect())
    }

    fn look(&mut self, session: &mut Session<'_>, under: Under) -> Result<()> {
        let mut due = Vec::new();
        let mut until = Timestamp::from_millis(u64::MAX);
        let view = self.directory.newest_at(&self.draft, session.latest(self.now())?)?;
        for (leaf, claims) in &session.standing.leaves {
            if claims.device == self.account.device {
                continue;
            }
            if session.member.state().bans.contains(&claims.device.user) {
                due.push((*leaf, Code::Banned));
                continue;
            }
            let stands = self.directory.check_current(&view, claims);
            let stands = stands.and_then(|()| self.check_kept(claims));
            match why_not(stands)? {
                Some(code) => due.push((*leaf, code)),
                None => until = until.min(claims.not_after),
            }
        }
        drop(view);
        session.standing.shows = self.has_to_show(session)?;
        session.standing.outdated = self.outdated(session)?;
        session.standing.until = until;
        session.standing.under = Some(under);
        session.standing.due = due;
        self.tell_due(session)
    }

    /// Tells of devices that count no more and of which the app has not heard yet.
    fn tell_due(&mut self, session: &mut Session<'_>) -> Result<()> {
        let claims = |leaf: &LeafNodeIndex| session.standing.leaves.iter().find(|(l, _)| l == leaf);
        let mut told = Vec::new();
        for (leaf, code) in &session.standing.due {
            let Some((_, claims)) = claims(leaf) else { continue };
            let name = claims.device.to_string();
            if !session.row.due.contains(&name) {
                let (device, agency) = (claims.device.clone(), claims.agency.clone());
                let list = match code {
                    Code::Revoked => {
                        let all = u64::MAX;
                        self.directory.revoked_since(&self.draft, &device, claims.serial, all)?.unwrap_or(0)
                    }
                    Code::Expired | Code::Banned | Code::RemovedDevice => 0,
                    _ => self.directory.trust_version(&self.draft)?,
                };
                self.event(&Event::DeviceDue { room: session.id, device, agency, list, code: *code })?;
            }
            told.push(name);
        }
        session.row.due = told;
        Ok(())
    }

    /// Demands that a sender's certificate stands at the stamp of its message.
    ///
    /// # Errors
    /// SPEC V-210 to V-212, V-265, V-297, each with its code.
    pub(super) fn check_sender(
        &self,
        session: &mut Session<'_>,
        chained: &Chained,
        sender: &Device,
    ) -> Result<()> {
        let (epoch, stamp) = (session.member.epoch(), &chained.stamp);
        let heard = &mut session.standing.heard;
        if (heard.epoch, heard.trust_version) != (epoch, stamp.trust_version)
            || heard.revocations != stamp.revocations
        {
            let (trust_version, revocations) = (stamp.trust_version, stamp.revocations.clone());
            *heard = Heard { epoch, trust_version, revocations, until: BTreeMap::new() };
        }
        if heard.until.get(sender).is_some_and(|until| stamp.at < *until) {
            return Ok(());
        }
        let certificate = session.member.certificate_of(sender).ok_or(Error::new(Code::Bug, "sender"))?;
        let claims = read_certificate(&certificate)?;
        let view: View<'_, '_> = self.directory.view(&self.draft, stamp)?;
        view.stands(&claims)?;
        let until = claims.not_after.min(view.list_until());
        session.standing.heard.until.insert(sender.clone(), until);
        Ok(())
    }

    /// Tells of agencies whose last revocation list was out of date when the hub took an entry.
    /// A list that is newer than the stamp's says nothing of that (SPEC V-323).
    pub(super) fn tell_stale(&mut self, session: &mut Session<'_>, chained: &Chained) -> Result<()> {
        let (at, named) = (chained.stamp.at, &chained.stamp.revocations);
        let known = session.standing.fresh.as_ref();
        if known.is_some_and(|(lists, until)| lists == named && at < *until) {
            return Ok(());
        }
        let mut fresh = Timestamp::from_millis(u64::MAX);
        for named in named {
            let Some(since) = self.directory.stale_at(&self.draft, named)? else { continue };
            if at < since {
                fresh = fresh.min(since);
            } else if self.tell_once(b"r", named.agency.as_str(), named.version)? {
                let (agency, version) = (named.agency.clone(), named.version);
                self.event(&Event::RevocationsStale { agency, version, since })?;
            }
        }
        session.standing.fresh = Some((named.clone(), fresh));
        Ok(())
    }

    /// That this device may send at all, and to this hub, as far as it knows.
    ///
    /// # Errors
    /// SPEC V-210 to V-212, V-265, V-297, each with its code.
    pub(super) fn check_self(&self, session: &Session<'_>) -> Result<()> {
        let at = session.latest(self.now())?;
        let view = self.directory.newest_at(&self.draft, at)?;
        self.directory.check_current(&view, &read_certificate(&self.account.certificate)?)?;
        self.directory.takes_part(&self.draft, &session.hub()?, at)
    }

    /// Lists have changed: every room is looked at, each at a time of its own so that not all
    /// members of a room do the same at once.
    pub(super) fn look_at_rooms(&mut self) -> Result<()> {
        for (key, row) in self.draft.scan(&keys::rooms(), None, limits::SYNC_ROOMS)? {
            let mut row: RoomRow = rows::parse(&row, "room")?;
            if row.commit_due == 0 && row.pending.is_none() {
                self.draft.expect_unchanged(key.clone())?;
                row.commit_due = self.soon(LOOK).as_millis();
                rows::write(&mut self.draft, key, &row);
            }
        }
        Ok(())
    }
}

/// Within how many milliseconds rooms are looked at when lists have changed.
const LOOK: u64 = 5_000;

/// Why a device counts no more; `None` if it does, or if nobody can say.
fn why_not(result: Result<()>) -> Result<Option<Code>> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.fails_the_call() => Err(error),
        // Without a list in force nobody is sent anything, and nobody is removed for that.
        Err(error) if matches!(error.code(), Code::MissingEvidence | Code::TrustExpired) => Ok(None),
        Err(error) => Ok(Some(error.code())),
    }
}

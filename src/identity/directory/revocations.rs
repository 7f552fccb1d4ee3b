//! Revocation lists as they are kept: of every agency the newest, and for every user that it
//! names a row of its own, so that one device is looked up without reading the list.

use core::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Directory, rows, view::Descriptors};
use crate::{
    code::Code,
    crypto::signer,
    error::{Error, Result, ensure, fault},
    identity::{
        Descriptor, KeyPurpose,
        revocation::{Revocation, RevocationList, Revocations},
    },
    ids::{AgencyId, Device, UserId},
    limits,
    store::Draft,
    time::Timestamp,
    wire::{Signed, log::RevocationVersion},
};

/// What a revocation list that was taken has brought.
pub(crate) struct NewRevocations {
    pub(crate) agency: AgencyId,
    /// What was not revoked before.
    pub(crate) revoked: Vec<Revocation>,
}

impl Directory {
    /// Takes an agency's revocation list, if it is newer than the one that is here. Nobody
    /// has to have seen those between. Whether it is taken depends on no trust list, or a
    /// stamp could name a list that one reader takes and another does not.
    ///
    /// # Errors
    /// SPEC V-290 to V-296, each with its code.
    pub(crate) fn accept_revocations(
        &self,
        draft: &mut Draft<'_>,
        bytes: &Bytes,
    ) -> Result<Option<NewRevocations>> {
        let signed: Signed<RevocationList> = Signed::decode(bytes)?;
        let (agency, issued_at) = (signed.claimed().agency.clone(), signed.claimed().issued_at);
        let known = self.revocation_list(draft, &agency)?;
        if known.as_ref().is_some_and(|known| known.body() == signed.body()) {
            return Ok(None);
        }
        // V-234
        let latest = draft.now().plus(limits::REVOCATION_AHEAD);
        ensure(issued_at <= latest, Code::BadStamp, "revocation list of the future")?;
        // V-293
        let id = signer(&signed)?;
        let mut descriptors = Descriptors::of(&agency);
        let count = |d: &Descriptor| issued_at < d.expires_at;
        let key = descriptors.key(draft, count, KeyPurpose::Revocation, &id, issued_at)?;
        let list = Revocations::verify(signed, &key)?;
        if let Some(known) = &known {
            // V-295, V-294, V-296
            match list.version.cmp(&known.version) {
                Ordering::Equal => return fault(Code::Equivocation, "revocation list"),
                Ordering::Less => return fault(Code::RolledBack, "revocation list"),
                Ordering::Greater => {}
            }
            ensure(list.issued_at >= known.issued_at, Code::RolledBack, "revocation list")?;
            list.check_follows(known)?;
        }
        let revoked = put_users(draft, &list, known.as_deref());
        draft.expect_unchanged(rows::revocation_list(&agency))?;
        draft.put(rows::revocation_list(&agency), list.bytes().to_vec());
        let value = rows::revocations_value(list.version, list.stale_at(), &agency);
        draft.put(rows::revocations(&agency), value);
        Ok(Some(NewRevocations { agency, revoked }))
    }

    pub(super) fn revocation_list(
        &self,
        draft: &Draft<'_>,
        agency: &AgencyId,
    ) -> Result<Option<Revocations>> {
        draft.get(&rows::revocation_list(agency))?.map(Revocations::from_store).transpose()
    }

    /// The version of an agency's revocation list that is here; 0: none.
    pub(crate) fn revocation_version(&self, draft: &Draft<'_>, agency: &AgencyId) -> Result<u64> {
        let row = draft.get(&rows::revocations(agency))?;
        row.map_or(Ok(0), |row| rows::parse_revocations(&row).map(|(_, version, _)| version))
    }

    /// The versions of all that are here, ordered by agency.
    pub(crate) fn revocation_versions(&self, draft: &Draft<'_>) -> Result<Vec<(AgencyId, u64)>> {
        let known = draft.scan(&rows::revocations_prefix(), None, limits::AGENCIES)?;
        let version = |(_, row): &(_, Vec<u8>)| {
            rows::parse_revocations(row).map(|(agency, version, _)| (agency, version))
        };
        let mut known = known.iter().map(version).collect::<Result<Vec<_>>>()?;
        known.sort();
        Ok(known)
    }

    /// An agency's list, if it is newer than `version`.
    pub(crate) fn revocations_after(
        &self,
        draft: &Draft<'_>,
        agency: &AgencyId,
        version: u64,
    ) -> Result<Option<Bytes>> {
        if self.revocation_version(draft, agency)? <= version {
            return Ok(None);
        }
        Ok(draft.get(&rows::revocation_list(agency))?.map(Bytes::from))
    }

    /// When an agency's next list has to be there; `None` if there is none.
    pub(crate) fn next_update(&self, draft: &Draft<'_>, agency: &AgencyId) -> Result<Option<Timestamp>> {
        let row = draft.get(&rows::revocations(agency))?;
        let stale_at = row.map(|row| rows::parse_revocations(&row).map(|(_, _, at)| at)).transpose()?;
        Ok(stale_at.map(|at| at.minus(limits::REVOCATION_GRACE)))
    }

    /// When a list that is the newest here is out of date, by its agency and version.
    pub(crate) fn stale_at(&self, draft: &Draft<'_>, named: &RevocationVersion) -> Result<Option<Timestamp>> {
        let Some(row) = draft.get(&rows::revocations(&named.agency))? else { return Ok(None) };
        let (_, version, stale_at) = rows::parse_revocations(&row)?;
        Ok((version == named.version).then_some(stale_at))
    }

    /// Whether an agency's list is new enough for further devices of the agency (SPEC V-298).
    /// An agency that lists no revocation key gives out no lists, and none is awaited.
    ///
    /// # Errors
    /// [`Code::StaleRevocations`] if it is out of date, or not here.
    pub(crate) fn check_fresh(&self, draft: &Draft<'_>, agency: &AgencyId, at: Timestamp) -> Result<()> {
        let until = match self.revocation_list(draft, agency)? {
            Some(list) => list.stale_at(),
            None => {
                let descriptor = self.descriptor(draft, agency)?;
                let awaited = |d: Descriptor| {
                    d.keys.iter().any(|key| key.purpose() == KeyPurpose::Revocation && key.valid_at(at))
                };
                if descriptor.is_some_and(awaited) {
                    Timestamp::ZERO
                } else {
                    Timestamp::from_millis(u64::MAX)
                }
            }
        };
        ensure(at < until, Code::StaleRevocations, "revocation list")
    }

    /// Which list has revoked a device's certificates up to a serial, among the lists up to
    /// `version`: its version.
    pub(crate) fn revoked_since(
        &self,
        draft: &Draft<'_>,
        device: &Device,
        serial: u64,
        version: u64,
    ) -> Result<Option<u64>> {
        let row = draft.get(&rows::revoked(&device.user))?.unwrap_or_default();
        let entries = rows::parse_revoked(&device.user, &row)?;
        let about = entries.iter().filter(|entry| entry.is_about(device, serial) && entry.since <= version);
        Ok(about.map(|entry| entry.since).min())
    }

    /// Demands that a device's certificate is not revoked by the newest list.
    ///
    /// # Errors
    /// [`Code::Revoked`].
    pub(crate) fn check_not_revoked(&self, draft: &Draft<'_>, device: &Device, serial: u64) -> Result<()> {
        match self.revoked_since(draft, device, serial, u64::MAX)? {
            Some(_) => Err(Error::new(Code::Revoked, "device certificate")),
            None => Ok(()),
        }
    }
}

/// Writes the rows of the users whose entries have changed. Gives what is new.
fn put_users(
    draft: &mut Draft<'_>,
    list: &RevocationList,
    known: Option<&RevocationList>,
) -> Vec<Revocation> {
    let before = by_user(known.map_or(&[], |known| &known.revoked));
    let after = by_user(&list.revoked);
    let users: BTreeSet<&UserId> = before.keys().chain(after.keys()).copied().collect();
    let mut new = Vec::new();
    for user in users {
        let (was, is) = (before.get(user), after.get(user));
        if was == is {
            continue;
        }
        let is = is.map(Vec::as_slice).unwrap_or_default();
        match is {
            [] => draft.delete(rows::revoked(user)),
            entries => draft.put(rows::revoked(user), rows::revoked_value(entries)),
        }
        let seen = |entry: &&Revocation| was.is_some_and(|was| was.contains(entry));
        new.extend(is.iter().filter(|entry| !seen(entry)).map(|entry| (*entry).clone()));
    }
    new
}

fn by_user(entries: &[Revocation]) -> BTreeMap<&UserId, Vec<&Revocation>> {
    let mut users = BTreeMap::<_, Vec<_>>::new();
    for entry in entries {
        users.entry(&entry.user).or_default().push(entry);
    }
    users
}

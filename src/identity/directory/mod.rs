//! Everything that an engine knows about who is who, in its store: the federation's anchor,
//! every trust list, agency descriptors, revocation lists, user chains.
//!
//! Rows hold what was verified when it came in, and are not verified again.

mod chains;
mod contradictions;
mod evidence;
mod identity;
mod revocations;
mod rows;
#[cfg(test)]
mod tests;
mod view;

use bytes::Bytes;

pub(crate) use chains::NewLinks;
pub(crate) use evidence::Told;
#[cfg(test)]
use revocations::NewRevocations;
use rows::Listed;
pub(crate) use view::View;

use super::{
    Agency, AgencyChange, AgencyStatus, Descriptor, Enrolment, Federation, KeyPurpose, TrustList,
    VerifiedDevice,
    certificate::{CertifiedDevice, DeviceCertificate},
    descriptor::AgencyDescriptor,
};
use crate::{
    code::Code,
    crypto::{VerifyKey, signer},
    error::{Error, Result, ensure},
    ids::{AgencyId, KeyId, UserId},
    limits,
    store::{Draft, Key, corrupt},
    time::Timestamp,
    wire::{self, Signed, VERSION, log::Stamp},
};

/// What a trust list that was taken has brought.
pub(crate) struct NewTrustList {
    pub(crate) version: u64,
    /// Who has signed it, of the holders of its root keys and of those before.
    pub(crate) by: Vec<String>,
    pub(crate) changes: Vec<(AgencyId, AgencyChange)>,
}

/// The store-backed collection of identity documents; clients and servers share it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Directory;

impl Directory {
    /// The prefix of all its rows.
    pub(crate) fn touches(&self) -> Key {
        rows::all()
    }

    /// The row of [`Directory::trust_version`].
    pub(crate) fn trust_row(&self) -> Key {
        rows::trust()
    }

    /// Sets the anchor, or replaces it with a newer one of the same federation. Lists that
    /// are there already keep their say: an anchor only begins.
    ///
    /// # Errors
    /// [`Code::WrongFederation`] if another federation's is there.
    pub(crate) fn install(&self, draft: &mut Draft<'_>, federation: &Federation) -> Result<()> {
        if draft.get(&rows::anchor())?.is_some() {
            ensure(self.federation(draft)?.name() == federation.name(), Code::WrongFederation, "anchor")?;
        }
        draft.expect_unchanged(rows::anchor())?;
        draft.put(rows::anchor(), federation.to_bytes());
        Ok(())
    }

    /// The anchor.
    ///
    /// # Errors
    /// [`Code::NotReady`] before [`Directory::install`].
    pub(crate) fn federation(&self, draft: &Draft<'_>) -> Result<Federation> {
        let row = draft.get(&rows::anchor())?.ok_or(Error::new(Code::NotReady, "no federation"))?;
        wire::decode(&row.into()).map_err(|_| corrupt("federation"))
    }

    /// The highest trust list version that was accepted; 0 before the first.
    pub(crate) fn trust_version(&self, draft: &Draft<'_>) -> Result<u64> {
        draft.get(&rows::trust())?.map_or(Ok(0), |row| rows::parse_trust(&row).map(|(version, ..)| version))
    }

    /// The newest trust list: its version, when it ends, until when (exclusive) it is in force.
    pub(crate) fn trust_ends(&self, draft: &Draft<'_>) -> Result<Option<(u64, Timestamp, Timestamp)>> {
        let Some(row) = draft.get(&rows::trust())? else { return Ok(None) };
        let (version, _, until) = rows::parse_trust(&row)?;
        Ok(Some((version, until.minus(limits::TRUST_LIST_GRACE), until)))
    }

    /// Whether an agency takes part at a time, by the newest trust list, which is not read for it.
    ///
    /// # Errors
    /// As [`TrustList::check_at`] and [`TrustList::agency`].
    pub(crate) fn takes_part(&self, draft: &Draft<'_>, agency: &AgencyId, at: Timestamp) -> Result<()> {
        let trust = draft.get(&rows::trust())?.ok_or(Error::new(Code::MissingEvidence, "trust list"))?;
        let (_, from, until) = rows::parse_trust(&trust)?;
        let row = draft.get(&rows::agency(agency))?;
        match row.as_deref().map(rows::parse_agency).transpose()? {
            Some((Listed::Active, _)) => ensure(from <= at && at < until, Code::TrustExpired, "trust list"),
            // Also if the own clock is behind the list that says so.
            Some((Listed::Suspended, _)) => Err(Error::new(Code::SuspendedAgency, "agency")),
            Some((Listed::Gone, _)) | None => Err(Error::new(Code::UnknownAgency, "agency")),
        }
    }

    /// The row of [`Directory::takes_part`] beside the one of [`Directory::trust_row`].
    pub(crate) fn agency_row(&self, agency: &AgencyId) -> Key {
        rows::agency(agency)
    }

    /// The rows of [`Directory::revocation_version`] of all agencies.
    pub(crate) fn revocations_rows(&self) -> Key {
        rows::revocations_prefix()
    }

    /// The rows of [`Directory::takes_part`], but the one of [`Directory::trust_row`], of the
    /// versions of revocation lists, and of what revokes or removes a user's devices.
    pub(crate) fn standing_rows(&self, user: &UserId) -> [Key; 4] {
        let gone = rows::gone_of(user);
        [rows::agency(user.agency()), rows::revocations_prefix(), rows::revoked(user), gone]
    }

    /// A trust list by version.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if it is not here.
    pub(crate) fn trust_list(&self, draft: &Draft<'_>, version: u64) -> Result<TrustList> {
        let row = draft.get(&rows::list(version))?;
        TrustList::from_store(row.ok_or(Error::new(Code::MissingEvidence, "trust list"))?)
    }

    /// The list that somebody needs next who has `version`; 0 asks for the newest.
    pub(crate) fn trust_list_after(&self, draft: &Draft<'_>, version: u64) -> Result<Option<Bytes>> {
        let next = if version == 0 { self.trust_version(draft)? } else { version.saturating_add(1) };
        Ok(draft.get(&rows::list(next))?.map(Bytes::from))
    }

    /// Takes a trust list: the first, the next one, or the one that is here. Says whether
    /// it is new. Expiry does not matter here, for a list in between may be long past;
    /// it matters where something rests on the list ([`View`]).
    ///
    /// # Errors
    /// As [`TrustList::first`] and [`TrustList::next`].
    pub(crate) fn accept_trust_list(&self, draft: &mut Draft<'_>, bytes: &Bytes) -> Result<bool> {
        self.accept_next_list(draft, bytes).map(|news| news.is_some())
    }

    /// The same; if the list is new, says what it changes.
    pub(crate) fn accept_next_list(
        &self,
        draft: &mut Draft<'_>,
        bytes: &Bytes,
    ) -> Result<Option<NewTrustList>> {
        let list = Signed::decode(bytes)?;
        let known = self.trust_version(draft)?;
        let before = if known == 0 { None } else { Some(self.trust_list(draft, known)?) };
        let accepted = match &before {
            None => Some(TrustList::first_signed(list, &self.federation(draft)?)?),
            Some(before) => before.next_signed(list)?,
        };
        let Some(list) = accepted else { return Ok(None) };

        draft.expect_unchanged(rows::trust())?;
        let (from, until) = (list.roster().issued_at, list.until());
        draft.put(rows::trust(), rows::trust_value(list.version(), from, until));
        draft.put(rows::list(list.version()), list.bytes().to_vec());
        let mut changes = match &before {
            Some(before) => list.roster().changes_since(before.roster()),
            None => Vec::new(),
        };
        self.add_returned(draft, &list, &mut changes)?;
        for agency in before.iter().flat_map(|before| &before.roster().agencies) {
            draft.put(rows::agency(agency.id()), rows::agency_value(Listed::Gone, agency.root()));
        }
        for agency in &list.roster().agencies {
            let listed = match agency.status() {
                AgencyStatus::Active => Listed::Active,
                AgencyStatus::Suspended => Listed::Suspended,
            };
            let before =
                draft.get(&rows::agency(agency.id()))?.map(|row| rows::parse_agency(&row)).transpose()?;
            draft.put(rows::agency(agency.id()), rows::agency_value(listed, agency.root()));
            let key = rows::root(agency.id(), &VerifyKey::id_of(agency.root()));
            draft.put(key, rows::root_value(agency.root(), Timestamp::from_millis(u64::MAX)));
            if let Some((_, root)) = before.filter(|(_, root)| root != agency.root()) {
                self.replace_root(draft, agency, &root, list.roster().issued_at)?;
            }
        }
        let (by, version) = (list.signers(before.as_ref()), list.version());
        Ok(Some(NewTrustList { version, by, changes }))
    }

    /// A list gives an agency another root key: from then on the former one describes nothing any more.
    fn replace_root(
        &self,
        draft: &mut Draft<'_>,
        agency: &Agency,
        former: &[u8; 32],
        at: Timestamp,
    ) -> Result<()> {
        let id = VerifyKey::id_of(former);
        draft.put(rows::root(agency.id(), &id), rows::root_value(former, at));
        let prefix = rows::descriptors_by(agency.id(), &id);
        for (key, row) in draft.scan(&prefix, None, limits::DESCRIPTORS_KEPT)? {
            if Descriptor::from_store(row)?.issued_at >= at {
                draft.delete(key);
            }
        }
        let present = rows::descriptors_by(agency.id(), &VerifyKey::id_of(agency.root()));
        let known = draft.scan(&present, None, 1)?.into_iter().next();
        match known.map(|(_, row)| Descriptor::from_store(row)).transpose()? {
            Some(known) => draft.put(rows::known(agency.id()), rows::known_value(known.version, agency.id())),
            None => draft.delete(rows::known(agency.id())),
        }
        Ok(())
    }

    /// Agencies that were gone and are back: whether with another root key than they had. Else
    /// a key could be exchanged quietly by way of a list without the agency (SPEC V-320).
    fn add_returned(
        &self,
        draft: &Draft<'_>,
        list: &TrustList,
        changes: &mut Vec<(AgencyId, AgencyChange)>,
    ) -> Result<()> {
        for agency in &list.roster().agencies {
            let Some(row) = draft.get(&rows::agency(agency.id()))? else { continue };
            let (Listed::Gone, root) = rows::parse_agency(&row)? else { continue };
            if root != *agency.root() {
                let handed_over = agency.is_handed_over_by(list.roster().federation.as_str(), &root);
                changes.push((agency.id().clone(), AgencyChange::RootReplaced { handed_over }));
            }
        }
        // By agency; what is said of one stays in its order.
        changes.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(())
    }

    /// Takes an agency's descriptor; older ones too, which old log entries need, and those by a former
    /// root key from before it was replaced. Says whether it is new. Of each root key the latest
    /// [`limits::DESCRIPTORS_KEPT`] are kept.
    ///
    /// # Errors
    /// [`Code::UnknownKey`] if no list here gives the agency the root key that signed, or it was
    /// replaced before; [`Code::Equivocation`] for two descriptors with one version, or if a key changed
    /// its purpose or validity; as [`Descriptor::verify`] (SPEC V-221 to V-227, V-233).
    pub(crate) fn accept_descriptor(&self, draft: &mut Draft<'_>, bytes: &Bytes) -> Result<bool> {
        let signed: Signed<AgencyDescriptor> = Signed::decode(bytes)?;
        let (agency, version) = (signed.claimed().agency.clone(), signed.claimed().version);
        let by = signer(&signed)?;
        let key = rows::descriptor(&agency, &by, version);
        let known = draft.get(&key)?.map(Descriptor::from_store).transpose()?;
        if known.is_some_and(|known| known.body() == signed.body()) {
            return Ok(false);
        }
        let root = draft.get(&rows::root(&agency, &by))?;
        let (root, until) = rows::parse_root(&root.ok_or(Error::new(Code::UnknownKey, "agency root key"))?)?;
        let descriptor = Descriptor::verify_signed(signed, &root)?;
        // V-233
        ensure(descriptor.issued_at < until, Code::UnknownKey, "agency root key of before")?;
        let others = self.kept(draft, &agency, &by)?;
        let contradicts = |other: &Descriptor| descriptor.contradicts(other);
        ensure(!others.iter().any(contradicts), Code::Equivocation, "descriptor")?;
        let newest = others.iter().map(|other| other.version).max();

        draft.expect_unchanged(key.clone())?;
        draft.put(key, bytes.to_vec());
        let present = self.present_root(draft, &agency)?.is_some_and(|present| present == by);
        if present && newest.is_none_or(|newest| newest < version) {
            draft.expect_unchanged(rows::known(&agency))?;
            draft.put(rows::known(&agency), rows::known_value(version, &agency));
        }
        let prefix = rows::descriptors_by(&agency, &by);
        let kept = draft.scan(&prefix, None, limits::DESCRIPTORS_KEPT.saturating_add(1))?;
        for (key, _) in kept.into_iter().skip(limits::DESCRIPTORS_KEPT) {
            draft.delete(key);
        }
        Ok(true)
    }

    /// An agency's descriptors under one root key.
    fn kept(&self, draft: &Draft<'_>, agency: &AgencyId, by: &KeyId) -> Result<Vec<Descriptor>> {
        let kept = draft.scan(&rows::descriptors_by(agency, by), None, limits::DESCRIPTORS_KEPT)?;
        kept.into_iter().map(|(_, row)| Descriptor::from_store(row)).collect()
    }

    /// The root key that the newest list gives an agency, or the last one that did.
    fn present_root(&self, draft: &Draft<'_>, agency: &AgencyId) -> Result<Option<KeyId>> {
        let row = draft.get(&rows::agency(agency))?;
        row.map(|row| Ok(VerifyKey::id_of(&rows::parse_agency(&row)?.1))).transpose()
    }

    /// An agency's newest descriptor, by its present root key.
    pub(crate) fn descriptor(&self, draft: &Draft<'_>, agency: &AgencyId) -> Result<Option<Descriptor>> {
        let Some(root) = self.present_root(draft, agency)? else { return Ok(None) };
        let newest = draft.scan(&rows::descriptors_by(agency, &root), None, 1)?.into_iter().next();
        newest.map(|(_, row)| Descriptor::from_store(row)).transpose()
    }

    /// An agency's newest descriptor by its present root key that is valid at a time.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if none is here.
    pub(crate) fn descriptor_at(
        &self,
        draft: &Draft<'_>,
        agency: &AgencyId,
        at: Timestamp,
    ) -> Result<Descriptor> {
        let missing = Error::new(Code::MissingEvidence, "agency descriptor");
        let root = self.present_root(draft, agency)?.ok_or(missing)?;
        view::Descriptors::by(agency, &root).newest_at(draft, at)
    }

    /// Until when (exclusive) an agency is described: by the descriptor that is valid at a time
    /// and ends last.
    pub(crate) fn described_until(
        &self,
        draft: &Draft<'_>,
        agency: &AgencyId,
        at: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let Some(root) = self.present_root(draft, agency)? else { return Ok(None) };
        let kept = self.kept(draft, agency, &root)?;
        Ok(kept.iter().filter(|kept| kept.valid_at(at)).map(|kept| kept.expires_at).max())
    }

    /// That an agency speaks this version of the protocol, by its newest descriptor of a time.
    /// Of whom none is here, nobody can say (SPEC V-325).
    ///
    /// # Errors
    /// [`Code::UnknownVersion`].
    pub(crate) fn check_version(&self, draft: &Draft<'_>, agency: &AgencyId, at: Timestamp) -> Result<()> {
        match self.descriptor_at(draft, agency, at) {
            Ok(descriptor) => {
                ensure(descriptor.versions.contains(&VERSION), Code::UnknownVersion, "the agency's versions")
            }
            Err(error) if error.code() == Code::MissingEvidence => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// That an agency's devices support a suite, by its newest descriptor of a time (SPEC V-326).
    ///
    /// # Errors
    /// [`Code::UnknownSuite`]; [`Code::MissingEvidence`] if none is here.
    pub(crate) fn check_suite(
        &self,
        draft: &Draft<'_>,
        agency: &AgencyId,
        suite: u16,
        at: Timestamp,
    ) -> Result<()> {
        let descriptor = self.descriptor_at(draft, agency, at)?;
        ensure(descriptor.suites.contains(&suite), Code::UnknownSuite, "the agency's suites")
    }

    /// The newest descriptor version of every agency, ordered by agency.
    pub(crate) fn descriptor_versions(&self, draft: &Draft<'_>) -> Result<Vec<(AgencyId, u64)>> {
        let known = draft.scan(&rows::known_prefix(), None, limits::AGENCIES)?;
        let mut known = known.iter().map(|(_, row)| rows::parse_known(row)).collect::<Result<Vec<_>>>()?;
        known.sort();
        Ok(known)
    }

    /// The directory as it stands at a stamp: for verifying many things in one call.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] if the trust list is not here.
    pub(crate) fn view<'v, 'a>(&self, draft: &'v Draft<'a>, stamp: &Stamp) -> Result<View<'v, 'a>> {
        View::at(draft, stamp)
    }

    /// The directory as it stands now, under the newest lists: what somebody who sends,
    /// invites or answers goes by, and nobody else.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] before the first trust list.
    pub(crate) fn newest<'v, 'a>(&self, draft: &'v Draft<'a>) -> Result<View<'v, 'a>> {
        self.newest_at(draft, draft.now())
    }

    /// The same at another time: a hub's, for an entry that it is about to stamp with these lists.
    ///
    /// # Errors
    /// As [`Directory::newest`].
    pub(crate) fn newest_at<'v, 'a>(&self, draft: &'v Draft<'a>, at: Timestamp) -> Result<View<'v, 'a>> {
        let list = self.trust_list(draft, self.trust_version(draft)?)?;
        Ok(View::new(draft, at, list, view::Revocations::Newest))
    }

    /// Verifies one certificate now, under the newest lists: [`View::device`].
    pub(crate) fn verify_device(&self, draft: &Draft<'_>, certificate: &Bytes) -> Result<VerifiedDevice> {
        self.newest(draft)?.device(certificate)
    }

    /// Checks that an agency vouched for a device at a time that has passed, whatever was
    /// revoked since: [`View::certified`].
    pub(crate) fn certified_at(
        &self,
        draft: &Draft<'_>,
        certificate: &Bytes,
        at: Timestamp,
    ) -> Result<CertifiedDevice> {
        let nothing = view::Revocations::Named(std::collections::BTreeMap::new());
        View::new(draft, at, self.list_at(draft, at)?, nothing).certified(certificate)
    }

    /// Whether something may be encrypted to a device, as far as is known now (SPEC V-299).
    /// It was verified before, when its leaf entered the tree.
    ///
    /// # Errors
    /// As [`View::stands`].
    pub(crate) fn check_current(&self, view: &View<'_, '_>, claims: &DeviceCertificate) -> Result<()> {
        view.stands(claims)
    }

    /// Whether every list that a stamp names is here, or a newer one.
    pub(crate) fn has_lists(&self, draft: &Draft<'_>, stamp: &Stamp) -> Result<bool> {
        if self.trust_version(draft)? < stamp.trust_version {
            return Ok(false);
        }
        for named in &stamp.revocations {
            if self.revocation_version(draft, &named.agency)? < named.version {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A server's key at a time, under the list that was the newest then.
    /// What was signed before a list was issued does not rest on it, unless it lets an agency
    /// back in (SPEC V-232).
    pub(crate) fn server_key(
        &self,
        draft: &Draft<'_>,
        agency: &AgencyId,
        id: &KeyId,
        at: Timestamp,
    ) -> Result<VerifyKey> {
        let then = self.list_at(draft, at)?;
        then.check_at(at)?;
        let listed = match then.agency(agency) {
            Ok(listed) => listed.clone(),
            Err(_) => self.trust_list(draft, self.trust_version(draft)?)?.agency(agency)?.clone(),
        };
        let root = VerifyKey::id_of(listed.root());
        let mut descriptors = view::Descriptors::of(agency);
        descriptors.key(draft, |d| d.is_by(&root) && d.valid_at(at), KeyPurpose::Server, id, at)
    }

    /// A time that has come, whatever a clock says: the root holders have signed something then, or an
    /// agency has.
    pub(crate) fn signed_time(&self, draft: &Draft<'_>, agency: Option<&AgencyId>) -> Result<Timestamp> {
        let list = draft.get(&rows::trust())?.map(|row| rows::parse_trust(&row)).transpose()?;
        let list = list.map_or(Timestamp::ZERO, |(_, from, _)| from);
        let Some(agency) = agency else { return Ok(list) };
        let described = self.descriptor(draft, agency)?.map_or(Timestamp::ZERO, |newest| newest.issued_at);
        let update = self.next_update(draft, agency)?.unwrap_or(Timestamp::ZERO);
        Ok(list.max(described).max(update.minus(limits::REVOCATION_UPDATE)))
    }

    /// The newest list that was issued by a time; the first that is here if none was.
    /// In halves, so that a time that somebody claims costs few reads.
    fn list_at(&self, draft: &Draft<'_>, at: Timestamp) -> Result<TrustList> {
        let mut later = self.trust_list(draft, self.trust_version(draft)?)?;
        if later.roster().issued_at <= at {
            return Ok(later);
        }
        let (mut known, mut below) = (None, 0);
        while later.version().saturating_sub(below) > 1 {
            let middle = below.midpoint(later.version());
            match self.trust_list(draft, middle) {
                Ok(list) if list.roster().issued_at > at => later = list,
                Ok(list) => (known, below) = (Some(list), middle),
                Err(error) if error.code() == Code::MissingEvidence => below = middle,
                Err(error) => return Err(error),
            }
        }
        Ok(known.unwrap_or(later))
    }

    /// Takes what a registrar gave a new device, which the anchor has to be installed for.
    /// Gives the device that it is about: whoever calls compares it with its own key.
    ///
    /// # Errors
    /// As the documents in it (SPEC V-276).
    pub(crate) fn accept_enrolment(&self, draft: &mut Draft<'_>, bytes: &Bytes) -> Result<VerifiedDevice> {
        let enrolment: Enrolment = wire::decode(bytes)?;
        let first = self.trust_version(draft)? == 0;
        for list in enrolment.documents().lists_from(first, &self.federation(draft)?)? {
            match self.accept_trust_list(draft, list) {
                // The lists begin before ours.
                Err(error) if error.code() == Code::RolledBack => {}
                other => drop(other?),
            }
        }
        self.accept_descriptor(draft, &enrolment.descriptor)?;
        self.accept_chain(draft, &enrolment.chain)?.complete()?;
        self.verify_device(draft, &enrolment.certificate)
    }
}

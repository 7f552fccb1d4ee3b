//! Trust lists: rosters that a threshold of root key holders signed.

use bytes::Bytes;

use super::{
    federation::{Federation, Roots},
    roster::{Agency, AgencyStatus, Roster},
};
use crate::{
    code::Code,
    crypto::{Verified, verify_quorums},
    error::{Error, Result, ensure, fault},
    ids::AgencyId,
    limits,
    time::Timestamp,
    wire::Signed,
};

/// A verified trust list. Each follows from the one before, the first from the anchor
/// (the way TUF rotates its root keys: The Update Framework specification, §5.3).
#[derive(Clone, Debug)]
pub struct TrustList(Verified<Roster>);

impl TrustList {
    /// The first list that is seen: satisfies the federation's threshold and its own.
    ///
    /// # Errors
    /// Those of decoding (1xx); [`Code::WrongFederation`], [`Code::BelowThreshold`],
    /// [`Code::SameHolderTwice`], [`Code::BadSignature`], [`Code::BadKey`] (SPEC V-201 to V-206).
    pub fn first(bytes: &[u8], federation: &Federation) -> Result<Self> {
        Self::first_signed(Signed::decode(&Bytes::copy_from_slice(bytes))?, federation)
    }

    pub(super) fn first_signed(list: Signed<Roster>, federation: &Federation) -> Result<Self> {
        Self::verify(list, &federation.name, &federation.roots)
    }

    /// The list that comes after this one; nothing if it is this one.
    ///
    /// # Errors
    /// As [`TrustList::first`]; [`Code::RolledBack`] for a lower version; [`Code::MissingEvidence`]
    /// if a version between is missing; [`Code::Equivocation`] for another list with this
    /// version (SPEC V-207 to V-209).
    pub fn next(&self, bytes: &[u8]) -> Result<Option<Self>> {
        self.next_signed(Signed::decode(&Bytes::copy_from_slice(bytes))?)
    }

    pub(super) fn next_signed(&self, list: Signed<Roster>) -> Result<Option<Self>> {
        let version = list.claimed().version;
        ensure(version >= self.version(), Code::RolledBack, "trust list")?;
        ensure(version <= self.version().saturating_add(1), Code::MissingEvidence, "trust list between")?;
        // Signatures may differ between two copies; what they cover may not.
        if list.body() == self.0.body() {
            return Ok(None);
        }
        let next = Self::verify(list, &self.0.federation, &self.0.quorum_roots())?;
        if version == self.version() { fault(Code::Equivocation, "trust list") } else { Ok(Some(next)) }
    }

    fn verify(list: Signed<Roster>, federation: &str, before: &Roots) -> Result<Self> {
        ensure(list.claimed().federation == federation, Code::WrongFederation, "trust list")?;
        list.claimed().check_keys()?;
        let own = list.claimed().quorum_roots();
        let (keys_before, own_keys) = (before.verify_keys()?, own.verify_keys()?);
        verify_quorums(list, &[before.quorum(&keys_before), own.quorum(&own_keys)]).map(TrustList)
    }

    pub(super) fn from_store(row: Vec<u8>) -> Result<Self> {
        Verified::from_store(row).map(TrustList)
    }

    /// What it says.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.0
    }

    /// Its version, from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// The signed list as it travels.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.0.bytes()
    }

    /// Demands that something new may rest on it at this time.
    ///
    /// # Errors
    /// [`Code::Expired`] before its issue or past expiry and [`limits::TRUST_LIST_GRACE`] (SPEC V-210).
    pub fn check_at(&self, at: Timestamp) -> Result<()> {
        let valid = self.0.issued_at <= at && at < self.0.expires_at.plus(limits::TRUST_LIST_GRACE);
        ensure(valid, Code::Expired, "trust list")
    }

    /// An agency that takes part.
    ///
    /// # Errors
    /// [`Code::UnknownAgency`], [`Code::SuspendedAgency`] (SPEC V-211, V-212).
    pub fn agency(&self, id: &AgencyId) -> Result<&Agency> {
        let agencies = &self.0.agencies;
        let place = agencies.binary_search_by(|a| a.id.cmp(id)).ok();
        let agency = place.and_then(|i| agencies.get(i)).ok_or(Error::new(Code::UnknownAgency, "agency"))?;
        ensure(agency.status == AgencyStatus::Active, Code::SuspendedAgency, "agency")?;
        Ok(agency)
    }
}

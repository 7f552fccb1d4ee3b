//! Trust lists: rosters that a threshold of root key holders signed.

use bytes::Bytes;

use super::{
    federation::{Federation, Roots},
    roster::{Agency, AgencyStatus, Roster},
};
use crate::{
    code::Code,
    crypto::{Verified, VerifyKey, verify_quorums},
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

    /// Who has signed it: of the holders of its own root keys and of those of the list before,
    /// all of whose signatures were checked. In order.
    pub(super) fn signers(&self, before: Option<&TrustList>) -> Vec<String> {
        let roots = self.0.roots.iter().chain(before.iter().flat_map(|before| &before.roster().roots));
        let signed = roots.filter(|root| self.0.is_signed_by(&VerifyKey::id_of(&root.key)));
        let mut holders: Vec<_> = signed.map(|root| root.holder.clone()).collect();
        holders.sort();
        holders.dedup();
        holders
    }

    /// The signed list as it travels.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.0.bytes()
    }

    /// Demands that something new may rest on it at this time.
    ///
    /// # Errors
    /// [`Code::TrustExpired`] before its issue or past expiry and [`limits::TRUST_LIST_GRACE`] (SPEC V-210).
    pub fn check_at(&self, at: Timestamp) -> Result<()> {
        ensure(self.0.issued_at <= at && at < self.until(), Code::TrustExpired, "trust list")
    }

    /// Until when (exclusive) something new may rest on it.
    pub(super) fn until(&self) -> Timestamp {
        self.0.expires_at.plus(limits::TRUST_LIST_GRACE)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto,
        identity::{
            RootKey,
            fixture::{DAY, TestFederation, agency, key, now, roots, signed},
        },
    };

    fn refused(result: Result<impl Sized>, code: Code) {
        assert_eq!(result.err().map(|e| e.code()), Some(code));
    }

    /// Signs whatever the roster says, acceptable or not.
    fn forced(roster: Roster, holders: &[u8]) -> Bytes {
        let keys: Vec<_> = holders.iter().map(|n| key(*n)).collect();
        crypto::sign(roster, &keys.iter().collect::<Vec<_>>()).bytes().clone()
    }

    /// A federation, and its list 1 after a change, signed by holders 1 and 2.
    fn first_after(change: impl FnOnce(&mut Roster)) -> Result<TrustList> {
        let federation = TestFederation::new();
        let mut roster = federation.roster(1);
        change(&mut roster);
        TrustList::first(&forced(roster, &[1, 2]), &federation.anchor)
    }

    fn list_one() -> (TestFederation, TrustList) {
        let federation = TestFederation::new();
        let list = TrustList::first(&federation.trust_list(), &federation.anchor).unwrap();
        (federation, list)
    }

    #[test]
    fn any_two_holders_sign() {
        let federation = TestFederation::new();
        for holders in [&[1, 2][..], &[1, 3], &[2, 3], &[3, 2, 1], &[1, 9, 3]] {
            let list = signed(&federation.roster(5), holders);
            assert_eq!(TrustList::first(&list, &federation.anchor).unwrap().version(), 5);
        }
    }

    /// V-205
    #[test]
    fn below_threshold() {
        let federation = TestFederation::new();
        for holders in [&[1][..], &[1, 8, 9]] {
            let list = signed(&federation.roster(1), holders);
            refused(TrustList::first(&list, &federation.anchor), Code::BelowThreshold);
        }
    }

    /// V-202
    #[test]
    fn same_holder_twice() {
        refused(
            first_after(|r| {
                r.roots = vec![r.roots[0].clone(), RootKey::new("holder 01", &key(7).verify_key())]
            }),
            Code::SameHolderTwice,
        );
        let twice = vec![roots(&[1]).remove(0), RootKey::new("holder 01", &key(2).verify_key())];
        refused(Federation::new("f", twice, 2), Code::SameHolderTwice);
    }

    /// V-202
    #[test]
    fn same_key_twice() {
        refused(
            first_after(|r| {
                r.roots = vec![r.roots[0].clone(), RootKey::new("holder 02", &key(1).verify_key())]
            }),
            Code::SameHolderTwice,
        );
        let twice = vec![roots(&[1]).remove(0), RootKey::new("holder 02", &key(1).verify_key())];
        refused(Federation::new("f", twice, 2), Code::SameHolderTwice);
    }

    /// V-201
    #[test]
    fn fields_out_of_range() {
        refused(first_after(|r| r.version = 0), Code::BadField);
        refused(first_after(|r| r.threshold = 0), Code::BadField);
        refused(first_after(|r| r.threshold = 4), Code::BadField);
        refused(first_after(|r| r.expires_at = r.issued_at), Code::BadField);
        refused(first_after(|r| r.roots.clear()), Code::BadField);
        refused(first_after(|r| r.roots.reverse()), Code::BadField);
        refused(first_after(|r| r.agencies.reverse()), Code::BadField);
        refused(first_after(|r| r.agencies.push(r.agencies[1].clone())), Code::BadField);
        refused(first_after(|r| r.federation.clear()), Code::BadField);
        refused(first_after(|r| r.federation = "f".repeat(254)), Code::TooLong);
        refused(first_after(|r| r.roots = roots(&(1..=33).collect::<Vec<_>>())), Code::TooLong);
        refused(Federation::new("f", roots(&[1, 2]), 3), Code::BadField);
        refused(Federation::new("", roots(&[1, 2]), 2), Code::BadField);
    }

    /// V-203
    #[test]
    fn keys_that_are_none() {
        refused(first_after(|r| r.agencies[0].root = [0; 32]), Code::BadKey);
        refused(first_after(|r| r.roots[2].key = [0; 32]), Code::BadKey);
        let weak = RootKey { holder: "holder".into(), key: [0; 32] };
        refused(Federation::new("f", vec![weak], 1), Code::BadKey);
    }

    /// V-204
    #[test]
    fn wrong_federation() {
        refused(first_after(|r| r.federation = "fire.example".into()), Code::WrongFederation);
    }

    /// V-117
    #[test]
    fn a_changed_list() {
        let (federation, _) = list_one();
        let mut other = federation.roster(1);
        other.agencies.clear();
        let claimed = Signed::<Roster>::decode(&federation.trust_list()).unwrap();
        let body = crate::wire::encode_body(&other);
        let forged = Signed::assemble(other, body, claimed.signatures().to_vec());
        refused(TrustList::first(forged.bytes(), &federation.anchor), Code::BadSignature);
    }

    /// V-207
    #[test]
    fn rolled_back() {
        let federation = TestFederation::new();
        let list = |version| signed(&federation.roster(version), &[1, 2]);
        let third = TrustList::first(&list(3), &federation.anchor).unwrap();
        refused(third.next(&list(2)), Code::RolledBack);
        assert!(third.next(&list(3)).unwrap().is_none());
        assert_eq!(third.next(&list(4)).unwrap().unwrap().version(), 4);
    }

    /// V-208
    #[test]
    fn equivocation() {
        let (federation, list) = list_one();
        let other_signers = signed(&federation.roster(1), &[2, 3]);
        assert!(list.next(&other_signers).unwrap().is_none(), "the same list, signed by others");

        let mut rival = federation.roster(1);
        rival.agencies.pop();
        refused(list.next(&signed(&rival, &[1, 3])), Code::Equivocation);
        refused(list.next(&signed(&rival, &[1])), Code::BelowThreshold);
    }

    /// V-209
    #[test]
    fn a_list_between_is_missing() {
        let (federation, list) = list_one();
        refused(list.next(&signed(&federation.roster(3), &[1, 2])), Code::MissingEvidence);
    }

    /// V-206
    #[test]
    fn new_roots_need_the_old_ones() {
        let (federation, list) = list_one();
        let rotated = |version| {
            let mut roster = federation.roster(version);
            roster.roots = roots(&[3, 4, 5]);
            roster
        };
        // Both thresholds: two of 1, 2, 3 and two of 3, 4, 5.
        refused(list.next(&signed(&rotated(2), &[3, 4, 5])), Code::BelowThreshold);
        refused(list.next(&signed(&rotated(2), &[1, 2, 3])), Code::BelowThreshold);
        let second = list.next(&signed(&rotated(2), &[1, 3, 4])).unwrap().unwrap();
        // From now on the old holders count for nothing.
        refused(second.next(&signed(&rotated(3), &[1, 2, 3])), Code::BelowThreshold);
        let third = second.next(&signed(&rotated(3), &[4, 5])).unwrap().unwrap();
        // Nor does an app that knows only the old ones accept what they did not sign.
        refused(TrustList::first(third.bytes(), &federation.anchor), Code::BelowThreshold);
        assert!(TrustList::first(second.bytes(), &federation.anchor).is_ok());
    }

    /// V-206
    #[test]
    fn a_higher_threshold_holds_at_once() {
        let (federation, list) = list_one();
        let mut roster = federation.roster(2);
        roster.threshold = 3;
        refused(list.next(&signed(&roster, &[1, 2])), Code::BelowThreshold);
        let second = list.next(&signed(&roster, &[1, 2, 3])).unwrap().unwrap();
        roster.version = 3;
        roster.threshold = 1;
        refused(second.next(&signed(&roster, &[1, 2])), Code::BelowThreshold);
    }

    /// V-210
    #[test]
    fn expired() {
        let (federation, list) = list_one();
        let Roster { issued_at, expires_at, .. } = federation.roster(1);
        refused(list.check_at(Timestamp::from_millis(issued_at.as_millis() - 1)), Code::TrustExpired);
        for at in [issued_at, expires_at, expires_at.plus(6 * DAY)] {
            list.check_at(at).unwrap();
        }
        refused(list.check_at(expires_at.plus(limits::TRUST_LIST_GRACE)), Code::TrustExpired);
        refused(list.check_at(now().plus(4_000 * DAY)), Code::TrustExpired);
    }

    /// V-211, V-212
    #[test]
    fn agencies_that_do_not_take_part() {
        let suspended = |r: &mut Roster| r.agencies[1].status = AgencyStatus::Suspended;
        let list = first_after(suspended).unwrap();
        assert!(list.agency(&agency("a.example")).is_ok());
        refused(list.agency(&agency("b.example")), Code::SuspendedAgency);
        refused(list.agency(&agency("x.example")), Code::UnknownAgency);
    }

    #[test]
    fn shares_are_of_one_list() {
        let federation = TestFederation::new();
        let (one, two) = (federation.roster(1).sign(&key(1)), federation.roster(2).sign(&key(2)));
        refused(Roster::join(&[one.unwrap(), two.unwrap()]), Code::BadArgument);
        refused(Roster::join(&[] as &[Vec<u8>]), Code::BadArgument);
        let mut bad = federation.roster(1);
        bad.agencies[0].root = [0; 32];
        refused(bad.sign(&key(1)), Code::BadKey);
    }

    #[test]
    fn anchors_round_trip() {
        let federation = TestFederation::new().anchor;
        assert_eq!(Federation::from_bytes(&federation.to_bytes()).unwrap(), federation);
        refused(Federation::from_bytes(b"x"), Code::Malformed);
    }
}

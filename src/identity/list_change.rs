//! What a trust list says otherwise than the one before it: for people to see.

use super::roster::{Agency, AgencyStatus, Roster};
use crate::ids::AgencyId;

/// What a newer trust list says of an agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgencyChange {
    /// It takes part from now on.
    Joined,
    /// It takes part no more.
    Gone,
    /// It takes no part for the time being: nothing is taken from it or sent to it, its
    /// servers are no hubs, its devices are removed from rooms.
    Suspended,
    /// It takes part again.
    Reinstated,
    /// It has another root key. Whoever holds the new one can certify devices of all its users.
    RootReplaced {
        /// Whether the old key has agreed. If not, only the federation's root holders say that
        /// this is the same agency: ask its people.
        handed_over: bool,
    },
}

impl Roster {
    /// How this list differs from the one before it, ordered by agency.
    #[must_use]
    pub fn changes_since(&self, before: &Roster) -> Vec<(AgencyId, AgencyChange)> {
        let mut changes = Vec::new();
        for agency in &self.agencies {
            let earlier = before.listed(&agency.id);
            changes.extend(self.changes_of(agency, earlier).map(|change| (agency.id.clone(), change)));
        }
        let gone = before.agencies.iter().filter(|agency| self.listed(&agency.id).is_none());
        changes.extend(gone.map(|agency| (agency.id.clone(), AgencyChange::Gone)));
        changes.sort_by(|(one, _), (other, _)| one.cmp(other));
        changes
    }

    fn changes_of<'r>(
        &'r self,
        agency: &'r Agency,
        earlier: Option<&'r Agency>,
    ) -> impl Iterator<Item = AgencyChange> + 'r {
        let was = earlier.map(|earlier| earlier.status);
        let status = match (was, agency.status) {
            (None, AgencyStatus::Active) => Some(AgencyChange::Joined),
            (None | Some(AgencyStatus::Active), AgencyStatus::Suspended) => Some(AgencyChange::Suspended),
            (Some(AgencyStatus::Suspended), AgencyStatus::Active) => Some(AgencyChange::Reinstated),
            _ => None,
        };
        let replaced = earlier.filter(|earlier| earlier.root != agency.root).map(|earlier| {
            let handed_over = agency.is_handed_over_by(&self.federation, &earlier.root);
            AgencyChange::RootReplaced { handed_over }
        });
        status.into_iter().chain(replaced)
    }

    fn listed(&self, id: &AgencyId) -> Option<&Agency> {
        let place = self.agencies.binary_search_by(|agency| agency.id.cmp(id)).ok()?;
        self.agencies.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        code::Code,
        identity::{
            SigningKey, TrustList,
            fixture::{TestFederation, agency, key, signed},
        },
    };

    /// What list 2 changes, as a reader finds it who takes both.
    fn changes(change: impl FnOnce(&mut Roster)) -> Vec<(AgencyId, AgencyChange)> {
        let federation = TestFederation::new();
        let first = TrustList::first(&federation.trust_list(), &federation.anchor).unwrap();
        let mut roster = federation.roster(2);
        change(&mut roster);
        let next = first.next(&signed(&roster, &[1, 2])).unwrap().unwrap();
        next.roster().changes_since(first.roster())
    }

    fn set(roster: &mut Roster, place: usize, change: impl FnOnce(Agency) -> Agency) {
        roster.agencies[place] = change(roster.agencies[place].clone());
    }

    /// What replacing b's root key (number 20) by key 60 looks like.
    fn replaced(change: impl FnOnce(Agency) -> Agency) -> bool {
        let found = changes(|roster| set(roster, 1, change));
        let [(id, AgencyChange::RootReplaced { handed_over })] = &found[..] else { panic!("{found:?}") };
        assert_eq!(*id, agency("b.example"));
        *handed_over
    }

    fn over(agency: Agency, federation: &str, old: &SigningKey) -> Agency {
        agency.handed_over(federation, old, &key(60).verify_key()).unwrap()
    }

    /// SPEC V-213
    #[test]
    fn a_root_key_is_handed_over() {
        assert!(replaced(|b| over(b, "police.example", &key(20))));
        let other = |b: Agency| b.handed_over("police.example", &key(21), &key(60).verify_key());
        assert_eq!(other(TestFederation::new().agencies[1].listed()).unwrap_err().code(), Code::BadArgument);
    }

    /// SPEC V-213
    #[test]
    fn a_handover_counts_for_one_federation_agency_and_key() {
        assert!(!replaced(|b| b.with_root(&key(60).verify_key())), "without the old key");
        assert!(!replaced(|b| over(b, "fire.example", &key(20))), "in another federation");
        assert!(!replaced(|b| {
            let handed = over(b, "police.example", &key(20));
            Agency { root: *key(61).verify_key().as_bytes(), ..handed }
        }));
        assert!(!replaced(|b| {
            let a = Agency { id: agency("a.example"), ..b.clone() };
            Agency { id: b.id, ..over(a, "police.example", &key(20)) }
        }));
        assert!(!replaced(|b| {
            let stolen = Agency { root: *key(62).verify_key().as_bytes(), ..b };
            over(stolen, "police.example", &key(62))
        }));
    }

    /// SPEC V-214
    #[test]
    fn a_list_says_what_it_changes() {
        use AgencyChange::{Gone, Joined, Reinstated, Suspended};
        assert_eq!(changes(|_| {}), []);
        let suspended = |roster: &mut Roster| set(roster, 1, |b| b.with_status(AgencyStatus::Suspended));
        assert_eq!(changes(suspended), [(agency("b.example"), Suspended)]);
        let other = |roster: &mut Roster| set(roster, 2, |c| Agency { id: agency("d.example"), ..c });
        assert_eq!(changes(other), [(agency("c.example"), Gone), (agency("d.example"), Joined)]);
        let federation = TestFederation::new();
        let mut before = federation.roster(1);
        suspended(&mut before);
        assert_eq!(federation.roster(2).changes_since(&before), [(agency("b.example"), Reinstated)]);
        assert_eq!(before.changes_since(&before), []);
        let both = changes(|roster| {
            set(roster, 0, |a| a.with_root(&key(60).verify_key()).with_status(AgencyStatus::Suspended));
        });
        assert_eq!(both.len(), 2);
        set(&mut before, 0, Agency::settled);
        assert_eq!(federation.roster(2).listed(&agency("x.example")), None);
    }
}

//! Whether key packages go together, and with a tree: one that does not would spoil the commit for everybody
//! in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{CheckedPackage, Roster};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{Hash, UserId},
};

/// Whose keys and identities are in a tree, or are to come into it.
pub(crate) struct Taken {
    keys: BTreeSet<Vec<u8>>,
    identities: BTreeMap<UserId, Hash>,
    /// Those who are to come.
    users: BTreeMap<UserId, Hash>,
}

impl Taken {
    pub(crate) fn of(roster: &Roster) -> Self {
        let leaves = roster.leaves().iter();
        let keys = leaves.clone().flat_map(|leaf| [leaf.key.clone(), leaf.encryption_key.clone()]).collect();
        let identities = leaves.map(|leaf| (leaf.claims.device.user.clone(), leaf.claims.identity)).collect();
        Taken { keys, identities, users: BTreeMap::new() }
    }

    /// Those who are to come, and under which identity.
    pub(crate) fn users(self) -> BTreeMap<UserId, Hash> {
        self.users
    }

    /// Takes one more key package.
    ///
    /// # Errors
    /// [`Code::UnendorsedDevice`] where its user is there or is to come under another identity;
    /// [`Code::CertificateMismatch`] for a key that is another's, or does two things.
    pub(crate) fn take(&mut self, package: CheckedPackage) -> Result<CheckedPackage> {
        let (user, identity) = (package.device.user(), *package.device.identity());
        let known = self.users.get(user).or_else(|| self.identities.get(user));
        ensure(known.is_none_or(|known| *known == identity), Code::UnendorsedDevice, "another identity")?;
        let keys = BTreeSet::from(package.keys()?);
        let new = keys.len() == 3 && self.keys.is_disjoint(&keys);
        ensure(new, Code::CertificateMismatch, "key of another device")?;
        self.keys.extend(keys);
        self.users.insert(user.clone(), identity);
        Ok(package)
    }
}

//! Who somebody is, for people to compare.

use super::{Directory, rows};
use crate::{
    error::Result,
    ids::{Hash, UserId},
    store::Store,
};

impl Directory {
    /// A user's identity, if it is known: that of the newest chain.
    pub(crate) fn identity(&self, store: &dyn Store, user: &UserId) -> Result<Option<Hash>> {
        match store.get(&rows::identities(user))? {
            Some(row) => Ok(rows::parse_identities(&row)?.into_iter().next().map(|(identity, _)| identity)),
            None => Ok(None),
        }
    }
}

//! Who somebody is, for people to compare.

use bytes::Bytes;

use super::{Directory, rows};
use crate::{
    error::Result,
    identity::chain::ChainLink,
    ids::{Hash, UserId},
    store::{Store, corrupt},
    wire::decode_body,
};

impl Directory {
    /// A user's identity, if it is known: that of the newest chain.
    pub(crate) fn identity(&self, store: &dyn Store, user: &UserId) -> Result<Option<Hash>> {
        let first = store.scan(&rows::chain(user), None, 1)?.into_iter().next();
        let identity = |(_, row): (_, Vec<u8>)| {
            let link: ChainLink = decode_body(&Bytes::from(row)).map_err(|_| corrupt("user chain"))?;
            Ok(link.statement().identity())
        };
        first.map(identity).transpose()
    }
}

//! Rows of the agency's directory.

use super::text;
use crate::{
    error::Result,
    ids::{AgencyId, RequestId, UserId},
    store::{Key, KeyBuilder, corrupt},
};

/// Held by whoever changes the directory.
pub(in crate::server) fn directory_guard() -> Key {
    KeyBuilder::table("dir/").fixed(b"g").build()
}

/// How many entries the directory has.
pub(in crate::server) fn directory_count() -> Key {
    KeyBuilder::table("dir/").fixed(b"n").build()
}

/// All entries of the directory.
pub(in crate::server) fn entries() -> Key {
    KeyBuilder::table("dir/").fixed(b"e").build()
}

/// [`crate::server::rows::EntryRow`].
pub(in crate::server) fn entry(user: &UserId) -> Key {
    KeyBuilder::table("dir/").fixed(b"e").fixed(user.as_str().as_bytes()).build()
}

pub(in crate::server) fn user_of_entry(key: &[u8]) -> Result<UserId> {
    text(key.get(entries().len()..)).and_then(|user| UserId::parse(user).ok()).ok_or(corrupt("directory"))
}

/// For whom the directory is searched: each sees one list of what is there for them alone, and
/// other agencies one of what is there for all.
pub(in crate::server) enum Index<'a> {
    Own,
    Agency(&'a AgencyId),
    All,
    /// Rooms that an agency's users may join.
    RoomsFor(&'a AgencyId),
    /// Rooms that anybody may join.
    Rooms,
}

impl Index<'_> {
    fn list(&self) -> KeyBuilder {
        let table = KeyBuilder::table("dir/");
        match self {
            Index::Own => table.fixed(b"o"),
            Index::Agency(agency) => table.fixed(b"a").name(agency.as_str().as_bytes()),
            Index::All => table.fixed(b"f"),
            Index::RoomsFor(agency) => table.fixed(b"r").name(agency.as_str().as_bytes()),
            Index::Rooms => table.fixed(b"s"),
        }
    }

    /// All places whose text begins so.
    pub(in crate::server) fn beginning(&self, text: &str) -> Key {
        self.list().fixed(text.as_bytes()).build()
    }

    /// Where something with a name stands under a text. No folded text has a 0 in it.
    pub(in crate::server) fn place(&self, text: &str, name: &[u8]) -> Key {
        self.list().fixed(text.as_bytes()).fixed(&[0]).fixed(name).build()
    }

    /// What tells a place in this list from others in it.
    pub(in crate::server) fn place_of(&self, key: &[u8]) -> Vec<u8> {
        key.get(self.list().build().len()..).unwrap_or_default().to_vec()
    }

    /// The key of such a place, wherever it comes from.
    pub(in crate::server) fn resume(&self, place: &[u8]) -> Key {
        self.list().fixed(place).build()
    }

    /// Text and name of a place.
    pub(in crate::server) fn read(&self, key: &[u8]) -> Result<(String, Vec<u8>)> {
        let place = self.place_of(key);
        let mut parts = place.splitn(2, |byte| *byte == 0);
        let read = text(parts.next()).zip(parts.next());
        read.map(|(text, name)| (text.to_owned(), name.to_vec())).ok_or(corrupt("directory"))
    }
}

/// A look-up that another agency is to answer: [`crate::server::rows::AskedRow`].
pub(in crate::server) fn asked(look_up: &RequestId) -> Key {
    KeyBuilder::table("ask/").fixed(look_up.as_bytes()).build()
}

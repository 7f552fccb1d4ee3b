//! Rows of attachments.

use super::text;
use crate::{
    attachment::CapabilityHash,
    error::Result,
    ids::{AgencyId, BlobId, UserId},
    store::{Key, KeyBuilder, corrupt},
    time::Timestamp,
};

/// Whose storage an attachment takes up.
#[derive(Clone, Copy)]
pub(in crate::server) enum Holder<'a> {
    /// Who has uploaded it.
    Uploader(&'a UserId),
    /// Who was the first to ask for it.
    Reader(&'a UserId),
    /// Another agency, whose it is.
    Origin(&'a AgencyId),
}

impl Holder<'_> {
    fn table(self) -> KeyBuilder {
        let table = KeyBuilder::table("store/");
        match self {
            Holder::Uploader(user) => table.fixed(b"u").name(user.as_str().as_bytes()),
            Holder::Reader(user) => table.fixed(b"r").name(user.as_str().as_bytes()),
            Holder::Origin(agency) => table.fixed(b"o").name(agency.as_str().as_bytes()),
        }
    }

    /// [`crate::server::rows::UsageRow`].
    pub(in crate::server) fn usage(self) -> Key {
        self.table().fixed(b"n").build()
    }

    /// All that is kept, by when it goes.
    pub(in crate::server) fn all(self) -> Key {
        self.table().fixed(b"e").build()
    }

    /// Something that is kept; empty.
    pub(in crate::server) fn kept(self, expires_at: u64, origin: &AgencyId, blob: &BlobId) -> Key {
        let key = self.table().fixed(b"e").number(expires_at);
        key.name(origin.as_str().as_bytes()).fixed(blob.as_bytes()).build()
    }

    /// When the thing of [`Holder::kept`] goes.
    pub(in crate::server) fn expiry(self, key: &[u8]) -> Result<Timestamp> {
        let at = key.get(self.all().len()..).and_then(<[u8]>::first_chunk);
        at.map(|at| Timestamp::from_millis(u64::from_be_bytes(*at))).ok_or(corrupt("storage key"))
    }
}

/// Attachments that are being fetched.
pub(in crate::server) fn all_under_way() -> Key {
    KeyBuilder::table("fetch/").build()
}

/// An attachment that is being fetched; empty.
pub(in crate::server) fn under_way(origin: &AgencyId, blob: &BlobId) -> Key {
    KeyBuilder::table("fetch/").name(origin.as_str().as_bytes()).fixed(blob.as_bytes()).build()
}

/// The attachment of [`under_way`].
pub(in crate::server) fn blob_under_way(key: &[u8]) -> Result<(AgencyId, BlobId)> {
    let named = key.get(all_under_way().len()..).and_then(|rest| rest.split_last_chunk::<16>());
    let named = named.and_then(|(name, blob)| {
        let origin = AgencyId::parse(text(name.get(2..))?).ok()?;
        Some((origin, BlobId::from_bytes(*blob)))
    });
    named.ok_or(corrupt("attachment in a key"))
}

/// How much may be kept: [`crate::server::rows::StorageRow`].
pub(in crate::server) fn storage() -> Key {
    KeyBuilder::table("store/").fixed(b"s").build()
}

/// What is kept of one attachment.
pub(in crate::server) struct BlobKeys(KeyBuilder);

impl BlobKeys {
    /// Two agencies may give two attachments one name; whose it is, is part of where it lies.
    pub(in crate::server) fn of(origin: &AgencyId, blob: &BlobId) -> Self {
        BlobKeys(KeyBuilder::table("blob/").name(origin.as_str().as_bytes()).fixed(blob.as_bytes()))
    }

    pub(in crate::server) fn all(&self) -> Key {
        self.0.clone().build()
    }

    pub(in crate::server) fn guard(&self) -> Key {
        self.table(b"g").build()
    }

    /// [`crate::server::rows::BlobRow`].
    pub(in crate::server) fn record(&self) -> Key {
        self.table(b"r").build()
    }

    /// Chunk hashes, a page of them.
    pub(in crate::server) fn hashes(&self, page: u64) -> Key {
        self.table(b"i").number(page).build()
    }

    /// All chunk hashes.
    pub(in crate::server) fn all_hashes(&self) -> Key {
        self.table(b"i").build()
    }

    /// A chunk that the host keeps; empty.
    pub(in crate::server) fn chunk(&self, index: u64) -> Key {
        self.table(b"c").number(index).build()
    }

    /// A chunk that the host is to look at; empty.
    pub(in crate::server) fn doubted(&self, index: u64) -> Key {
        self.table(b"d").number(index).build()
    }

    /// Chunks that the origin was asked for.
    pub(in crate::server) fn all_asked(&self) -> Key {
        self.table(b"f").build()
    }

    /// A chunk that the origin was asked for: [`crate::server::rows::ChunkRow`].
    pub(in crate::server) fn asked(&self, index: u64) -> Key {
        self.table(b"f").number(index).build()
    }

    /// The chunk of [`BlobKeys::asked`].
    pub(in crate::server) fn index(&self, key: &[u8]) -> Result<u64> {
        let index = key.get(self.all_asked().len()..).and_then(|index| index.try_into().ok());
        index.map(u64::from_be_bytes).ok_or(corrupt("chunk in a key"))
    }

    /// That the origin was asked what it is: [`crate::server::rows::BlobAskedRow`].
    pub(in crate::server) fn wanted(&self) -> Key {
        self.table(b"q").build()
    }

    /// Why it was not given to somebody with this capability: [`crate::server::rows::BlobRefusedRow`].
    pub(in crate::server) fn refused(&self, capability: &CapabilityHash) -> Key {
        self.table(b"e").fixed(capability.as_bytes()).build()
    }

    /// Agencies that have asked for it.
    pub(in crate::server) fn all_given(&self) -> Key {
        self.table(b"t").build()
    }

    /// An agency that has asked for it; empty.
    pub(in crate::server) fn given(&self, agency: &AgencyId) -> Key {
        self.table(b"t").fixed(agency.as_str().as_bytes()).build()
    }

    /// The agency of [`BlobKeys::given`].
    pub(in crate::server) fn given_to(&self, key: &[u8]) -> Result<AgencyId> {
        let agency = text(key.get(self.all_given().len()..)).and_then(|name| AgencyId::parse(name).ok());
        agency.ok_or(corrupt("agency in a key"))
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

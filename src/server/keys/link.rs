//! Rows of links to other agencies.

use super::with_device;
use crate::{
    error::Result,
    ids::{AgencyId, Device, RequestId, RoomId},
    store::{Key, KeyBuilder, corrupt},
    time::Timestamp,
};

/// All links.
pub(in crate::server) fn links() -> Key {
    KeyBuilder::table("link/").build()
}

/// The agency to whose link a row belongs.
pub(in crate::server) fn peer_of(key: &[u8]) -> Result<AgencyId> {
    let peer = key.get(links().len()..).and_then(<[u8]>::split_first_chunk).and_then(|(length, rest)| {
        let name = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        AgencyId::parse(core::str::from_utf8(name).ok()?).ok()
    });
    peer.ok_or(corrupt("agency in a key"))
}

/// What goes to and comes from one agency.
pub(in crate::server) struct LinkKeys(KeyBuilder);

impl LinkKeys {
    pub(in crate::server) fn with(peer: &AgencyId) -> Self {
        LinkKeys(KeyBuilder::table("link/").name(peer.as_str().as_bytes()))
    }

    /// Sorts after all rows of the link.
    pub(in crate::server) fn end(&self) -> Key {
        self.table(&[u8::MAX]).build()
    }

    pub(in crate::server) fn guard_out(&self) -> Key {
        self.table(b"g").build()
    }

    pub(in crate::server) fn guard_in(&self) -> Key {
        self.table(b"h").build()
    }

    /// [`crate::server::rows::OutRow`].
    pub(in crate::server) fn outgoing(&self) -> Key {
        self.table(b"o").build()
    }

    /// [`crate::server::rows::InRow`].
    pub(in crate::server) fn incoming(&self) -> Key {
        self.table(b"i").build()
    }

    /// What the agency was told of others.
    pub(in crate::server) fn all_told(&self) -> Key {
        self.table(b"t").build()
    }

    /// What the agency was told of another one: [`crate::server::rows::ToldRow`].
    pub(in crate::server) fn told(&self, of: &AgencyId) -> Key {
        self.table(b"t").name(of.as_str().as_bytes()).build()
    }

    /// A frame that is not acknowledged yet, under the number that it has of all of the link.
    pub(in crate::server) fn frame(&self, number: u64) -> Key {
        self.table(b"f").number(number).build()
    }

    /// What is to go into frames: [`crate::server::rows::PendingRow`], in the order in which it goes.
    pub(in crate::server) fn pending(&self) -> Key {
        self.table(b"p").build()
    }

    pub(in crate::server) fn pending_at(
        &self,
        at: Timestamp,
        room: &RoomId,
        order: u64,
        unique: &[u8; 16],
    ) -> Key {
        self.table(b"p").number(at.as_millis()).fixed(room.as_bytes()).number(order).fixed(unique).build()
    }

    /// A room's heartbeat: after all else, so that what has been said goes before it.
    pub(in crate::server) fn heartbeat(&self, room: &RoomId) -> Key {
        self.pending_at(Timestamp::from_millis(u64::MAX), room, 0, &[0; 16])
    }

    /// What answers a question about a room's log: after its entries.
    pub(in crate::server) fn place(&self, room: &RoomId) -> Key {
        self.pending_at(Timestamp::from_millis(u64::MAX), room, 1, &[0; 16])
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

/// The answer that another agency's device was given: an encoded `ClaimAnswer`.
pub(in crate::server) fn claim(agency: &AgencyId, device: &Device, claim: &RequestId) -> Key {
    let table = KeyBuilder::table("claim/").name(agency.as_str().as_bytes());
    with_device(table, device).fixed(claim.as_bytes()).build()
}

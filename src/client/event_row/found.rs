//! What look-ups have found.

use prost::Message;

use crate::client::{Found, FoundRoom};
use crate::{
    error::Result,
    identity::UserKind,
    ids::{AgencyId, RoomId, UserId},
    room::{Listing, kind_number, room_kind},
    time::Timestamp,
};

/// A room that shows itself.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FoundRoomRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) room: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) summary: String,
    /// Milliseconds; absent: it does not end.
    #[prost(uint64, optional, tag = "5")]
    pub(super) ends_at: Option<u64>,
}

impl FoundRoomRow {
    pub(super) fn of(found: &FoundRoom) -> Self {
        FoundRoomRow {
            room: found.room.as_bytes().to_vec(),
            kind: kind_number(found.kind),
            name: found.listing.name.clone(),
            summary: found.listing.summary.clone(),
            ends_at: found.ends_at.map(Timestamp::as_millis),
        }
    }

    pub(super) fn read(&self, hub: &AgencyId) -> Result<FoundRoom> {
        Ok(FoundRoom {
            room: RoomId::from_slice(&self.room)?,
            hub: hub.clone(),
            kind: room_kind(self.kind)?,
            listing: Listing::new(self.name.clone(), self.summary.clone())?,
            ends_at: self.ends_at.map(Timestamp::from_millis),
        })
    }
}

/// A user whom a directory shows.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FoundRow {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) unit: String,
}

impl FoundRow {
    pub(super) fn of(found: &Found) -> Self {
        let Found { user, kind, name, unit } = found.clone();
        FoundRow { user: user.to_string(), kind: kind.number(), name, unit }
    }

    pub(super) fn read(&self) -> Result<Found> {
        let (user, kind) = (UserId::parse(&self.user)?, UserKind::parse(self.kind)?);
        Ok(Found { user, kind, name: self.name.clone(), unit: self.unit.clone() })
    }
}

//! What the server's rows hold. Signed documents and wire messages are kept as the bytes
//! that they are; the rest is laid out here, in Protocol Buffers of its own.

mod blob;
mod device;
mod link;
mod room;

use bytes::Bytes;
use prost::Message;

pub(super) use blob::{BlobAskedRow, BlobRefusedRow, BlobRow, ChunkRow, FetchingRow, StorageRow, UsageRow};
pub(super) use device::{
    AskedRow, ClaimRow, DeviceRow, DeviceState, EntranceRow, EntryRow, InboxRow, MailboxRow, PackageRow,
    RecordRow,
};
pub(super) use link::{InRow, Nothing, OutRow, Pending, PendingEntry, PendingRow, PendingWelcome, ToldRow};
pub(super) use room::{
    AgencyCount, DepartedRow, FateRow, FormerStay, LateRow, MemberRow, RoomRow, SpanRow, TailRow, TurnsRow,
    WantedRow,
};

use crate::{
    error::{Error, Result},
    ids::{Device, DeviceId, UserId},
    store::{Value, corrupt},
    wire::{Wire, decode_body, fields::raw},
};

/// A row that is there has to be readable: if not, the store is corrupt.
pub(super) fn read<M: Message + Default>(row: Value) -> Result<M> {
    M::decode(Bytes::from(row)).map_err(|_| corrupt("server row"))
}

/// As [`read`], for a row that holds a bare wire message.
pub(super) fn read_wire<T: Wire>(row: Value) -> Result<T> {
    decode_body(&Bytes::from(row)).map_err(unreadable)
}

/// For what was checked before it was stored.
pub(super) fn unreadable(_: Error) -> Error {
    corrupt("server row")
}

/// What `tick` does when a time has come.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DueRow {
    #[prost(oneof = "Due", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub(super) what: Option<Due>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Due {
    /// Deletes the rows under this prefix.
    #[prost(bytes = "bytes", tag = "1")]
    Rows(Bytes),
    /// Forgets this attachment.
    #[prost(message, tag = "2")]
    Blob(BlobName),
    /// Forgets the quota in this row, if it is whole.
    #[prost(bytes = "bytes", tag = "3")]
    Quota(Bytes),
    /// Goes on fetching this attachment.
    #[prost(message, tag = "4")]
    Fetch(BlobName),
    /// Gives up this attachment's upload, if nothing more has come.
    #[prost(message, tag = "5")]
    Upload(BlobName),
    /// Sees whether this room has gone silent.
    #[prost(bytes = "bytes", tag = "6")]
    Beat(Bytes),
    /// Asks again for what is missing of this room's log.
    #[prost(bytes = "bytes", tag = "7")]
    Wanted(Bytes),
    /// Asks for what is missing in the rooms after this one; empty: in all.
    #[prost(bytes = "bytes", tag = "8")]
    Rooms(Bytes),
}

/// An attachment as rows name it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlobName {
    #[prost(string, tag = "1")]
    pub(super) origin: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) blob: Bytes,
}

/// A device as rows hold it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeviceName {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(bytes = "bytes", tag = "2")]
    id: Bytes,
}

impl DeviceName {
    pub(super) fn of(device: &Device) -> Self {
        DeviceName { user: device.user.to_string(), id: raw(device.id.as_bytes()) }
    }

    pub(super) fn device(&self) -> Result<Device> {
        let user = UserId::parse(&self.user).map_err(unreadable)?;
        Ok(Device { user, id: DeviceId::from_slice(&self.id).map_err(unreadable)? })
    }
}

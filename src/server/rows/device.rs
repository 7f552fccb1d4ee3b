//! What is kept of and for devices.

use bytes::Bytes;
use prost::Message;

use super::{DeviceName, unreadable};
use crate::{
    error::Result,
    ids::{Device, DeviceId, UserId},
    time::Timestamp,
    wire::fields::raw,
};

/// An enrolled device.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct DeviceRow {
    /// The signed certificate.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) certificate: Bytes,
    /// The public key in it, 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::server) key: Bytes,
    /// Until when it is valid, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) not_after: u64,
    /// The agency's number for it; a higher one is newer.
    #[prost(uint64, tag = "4")]
    pub(in crate::server) serial: u64,
}

/// What changes about a device.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct DeviceState {
    /// The number of the last inbox item.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) inbox_last: u64,
    /// Inbox items up to this number are gone.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) inbox_done: u64,
    /// The highest submission counter seen.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) counter: u64,
    /// Submission counters up to this one are forgotten.
    #[prost(uint64, tag = "4")]
    pub(in crate::server) counter_done: u64,
    /// One-time key packages that are left.
    #[prost(uint32, tag = "5")]
    pub(in crate::server) packages: u32,
    /// Whether the device was told that few are left.
    #[prost(bool, tag = "6")]
    pub(in crate::server) told_low: bool,
    /// The number of the last claim record.
    #[prost(uint64, tag = "7")]
    pub(in crate::server) record_last: u64,
    /// Claim records up to this one are gone.
    #[prost(uint64, tag = "8")]
    pub(in crate::server) record_done: u64,
    /// The mark of the inbox item [`DeviceState::inbox_done`]; 0: none.
    #[prost(uint64, tag = "9")]
    pub(in crate::server) inbox_mark: u64,
    /// So much higher are the numbers under which the device is given its items: it had been given as
    /// many more before this store was put back.
    #[prost(uint64, tag = "10")]
    pub(in crate::server) inbox_shift: u64,
    /// It has used one submission counter for two.
    #[prost(bool, tag = "11")]
    pub(in crate::server) used_twice: bool,
}

/// A one-time key package.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct PackageRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) package: Bytes,
    /// Until when it may be given out, in milliseconds: it is fresh and so is its certificate.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) usable_until: u64,
    /// Its KeyPackageRef.
    #[prost(bytes = "bytes", tag = "3")]
    pub(in crate::server) reference: Bytes,
}

/// That a key package was given out.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct RecordRow {
    /// In milliseconds.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) at: u64,
    /// Its KeyPackageRef.
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::server) package: Bytes,
    /// Whose claim it was given for.
    #[prost(message, optional, tag = "3")]
    pub(in crate::server) by: Option<DeviceName>,
    /// Which: 16 bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub(in crate::server) claim: Bytes,
    /// The time in it, in milliseconds.
    #[prost(uint64, tag = "5")]
    pub(in crate::server) claimed_at: u64,
}

/// A look-up of one of our devices that another agency has not answered.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct AskedRow {
    #[prost(message, optional, tag = "1")]
    pub(in crate::server) device: Option<DeviceName>,
    #[prost(string, tag = "2")]
    pub(in crate::server) agency: String,
}

/// An entry of the directory.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct EntryRow {
    #[prost(int32, tag = "1")]
    pub(in crate::server) kind: i32,
    #[prost(string, tag = "2")]
    pub(in crate::server) name: String,
    #[prost(string, tag = "3")]
    pub(in crate::server) unit: String,
    /// 0: nobody; 1: the own agency; 2: the agencies that follow as well; 3: everybody.
    #[prost(uint32, tag = "4")]
    pub(in crate::server) by_id: u32,
    #[prost(string, repeated, tag = "5")]
    pub(in crate::server) by_id_agencies: Vec<String>,
    #[prost(uint32, tag = "6")]
    pub(in crate::server) by_search: u32,
    #[prost(string, repeated, tag = "7")]
    pub(in crate::server) by_search_agencies: Vec<String>,
}

/// A claim of a device.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct ClaimRow {
    /// The agency whose answer has not come yet; empty if none is to come.
    #[prost(string, tag = "1")]
    pub(in crate::server) awaited: String,
}

/// A room into which a device wants to come from outside.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct EntranceRow {
    /// What the device has asked last.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) entrance_id: Bytes,
    /// The agency whose server is the hub.
    #[prost(string, tag = "2")]
    pub(in crate::server) hub: String,
    /// The hub is another agency's and has not answered.
    #[prost(bool, tag = "3")]
    pub(in crate::server) awaited: bool,
}

/// Something for one device alone.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct InboxRow {
    /// An encoded `InboxItem`; empty where the item is an invitation.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) item: Bytes,
    /// The room of an invitation, which lies there once for all who are invited.
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::server) room: Bytes,
    /// The entry of an invitation.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) seq: u64,
    /// Random, not 0.
    #[prost(uint64, tag = "4")]
    pub(in crate::server) mark: u64,
}

/// Where two devices of a user meet.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct MailboxRow {
    /// The device that opened it.
    #[prost(string, tag = "1")]
    user: String,
    #[prost(bytes = "bytes", tag = "2")]
    device: Bytes,
    /// Until when it is there, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) until: u64,
    /// What the other one left; empty if nothing.
    #[prost(bytes = "bytes", tag = "4")]
    pub(in crate::server) request: Bytes,
    /// What it was answered; empty if nothing.
    #[prost(bytes = "bytes", tag = "5")]
    pub(in crate::server) reply: Bytes,
}

impl MailboxRow {
    pub(in crate::server) fn new(device: &Device, until: Timestamp) -> Self {
        MailboxRow {
            user: device.user.to_string(),
            device: raw(device.id.as_bytes()),
            until: until.as_millis(),
            ..MailboxRow::default()
        }
    }

    pub(in crate::server) fn device(&self) -> Result<Device> {
        let user = UserId::parse(&self.user).map_err(unreadable)?;
        Ok(Device { user, id: DeviceId::from_slice(&self.device).map_err(unreadable)? })
    }
}

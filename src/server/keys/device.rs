//! Rows of devices.

use super::with_device;
use crate::{
    error::Result,
    ids::{AgencyId, Device, DeviceId, Hash, RequestId, RoomId, UserId},
    store::{Key, KeyBuilder, corrupt},
    time::Timestamp,
};

/// All enrolled devices of a user.
pub(in crate::server) fn devices_of(user: &UserId) -> Key {
    KeyBuilder::table("user/").name(user.as_str().as_bytes()).build()
}

/// An enrolled device: [`crate::server::rows::DeviceRow`].
pub(in crate::server) fn enrolled(device: &Device) -> Key {
    KeyBuilder::table("user/").name(device.user.as_str().as_bytes()).fixed(device.id.as_bytes()).build()
}

/// The device id at the end of a key.
pub(in crate::server) fn device_id(key: &[u8]) -> Result<DeviceId> {
    let id = key.last_chunk::<16>().ok_or(corrupt("device in a key"))?;
    Ok(DeviceId::from_bytes(*id))
}

/// Where two devices of a user meet: [`crate::server::rows::MailboxRow`].
pub(in crate::server) fn mailbox(mailbox: &[u8]) -> Key {
    KeyBuilder::table("mail/").fixed(mailbox).build()
}

/// The mailbox that a device has opened.
pub(in crate::server) fn mailbox_of(device: &Device) -> Key {
    DeviceKeys::of(device).table(b"m").build()
}

/// What is kept for one device.
pub(in crate::server) struct DeviceKeys(KeyBuilder);

impl DeviceKeys {
    pub(in crate::server) fn of(device: &Device) -> Self {
        DeviceKeys(with_device(KeyBuilder::table("device/"), device))
    }

    pub(in crate::server) fn guard(&self) -> Key {
        self.table(b"g").build()
    }

    /// [`crate::server::rows::DeviceState`].
    pub(in crate::server) fn state(&self) -> Key {
        self.table(b"s").build()
    }

    /// Submissions by counter.
    pub(in crate::server) fn counters(&self) -> Key {
        self.table(b"c").build()
    }

    /// The submission that used a counter: its id.
    pub(in crate::server) fn counter(&self, counter: u64) -> Key {
        self.table(b"c").number(counter).build()
    }

    pub(in crate::server) fn inboxes(&self) -> Key {
        self.table(b"i").build()
    }

    /// [`crate::server::rows::InboxRow`].
    pub(in crate::server) fn inbox(&self, number: u64) -> Key {
        self.table(b"i").number(number).build()
    }

    /// One-time key packages: [`crate::server::rows::PackageRow`].
    pub(in crate::server) fn packages(&self) -> Key {
        self.table(b"k").build()
    }

    pub(in crate::server) fn package(&self, hash: &Hash) -> Key {
        self.table(b"k").fixed(hash.as_bytes()).build()
    }

    /// A one-time key package that was given out; empty.
    pub(in crate::server) fn used(&self, hash: &Hash) -> Key {
        self.table(b"u").fixed(hash.as_bytes()).build()
    }

    /// The key package for when no other is left.
    pub(in crate::server) fn last_resort(&self) -> Key {
        self.table(b"l").build()
    }

    /// A room into which the device wants to come: [`crate::server::rows::EntranceRow`].
    pub(in crate::server) fn entrance(&self, room: &RoomId) -> Key {
        self.table(b"e").fixed(room.as_bytes()).build()
    }

    /// [`crate::server::rows::ClaimRow`].
    pub(in crate::server) fn claim(&self, claim: &RequestId) -> Key {
        self.table(b"q").fixed(claim.as_bytes()).build()
    }

    /// [`crate::server::rows::RecordRow`].
    pub(in crate::server) fn record(&self, number: u64) -> Key {
        self.table(b"r").number(number).build()
    }

    pub(in crate::server) fn all_records(&self) -> Key {
        self.table(b"r").build()
    }

    /// How many of them are of claims of an agency.
    pub(in crate::server) fn records_of(&self, agency: &AgencyId) -> Key {
        self.table(b"n").name(agency.as_str().as_bytes()).build()
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

/// A claim that is named in records.
pub(in crate::server) struct Recorded(KeyBuilder);

impl Recorded {
    pub(in crate::server) fn of(device: &Device, claim: &RequestId, at: Timestamp) -> Self {
        let claim = with_device(KeyBuilder::table("record/"), device).fixed(claim.as_bytes());
        Recorded(claim.number(at.as_millis()))
    }

    /// In how many records.
    pub(in crate::server) fn uses(&self) -> Key {
        self.0.clone().fixed(b"n").build()
    }

    /// The signed request.
    pub(in crate::server) fn request(&self) -> Key {
        self.0.clone().fixed(b"r").build()
    }

    /// The signed certificate of the device.
    pub(in crate::server) fn certificate(&self) -> Key {
        self.0.clone().fixed(b"c").build()
    }
}

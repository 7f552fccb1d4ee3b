//! Rows of rooms.

use super::with_device;
use crate::{
    error::Result,
    ids::{AgencyId, Device, RoomId, SubmissionId, UserId},
    store::{Key, KeyBuilder, corrupt},
};

/// All rooms.
pub(in crate::server) fn rooms() -> Key {
    KeyBuilder::table("room/").build()
}

/// The room to which a row belongs.
pub(in crate::server) fn room_of(key: &[u8]) -> Result<RoomId> {
    let room = key.get(rooms().len()..).and_then(<[u8]>::first_chunk);
    room.map(|room| RoomId::from_bytes(*room)).ok_or(corrupt("room in a key"))
}

/// What is kept of one room.
pub(in crate::server) struct RoomKeys(KeyBuilder);

impl RoomKeys {
    pub(in crate::server) fn of(room: &RoomId) -> Self {
        RoomKeys(KeyBuilder::table("room/").fixed(room.as_bytes()))
    }

    /// Sorts after all rows of the room.
    pub(in crate::server) fn end(&self) -> Key {
        self.table(&[u8::MAX]).build()
    }

    pub(in crate::server) fn guard(&self) -> Key {
        self.table(b"g").build()
    }

    /// [`crate::server::rows::TailRow`].
    pub(in crate::server) fn tail(&self) -> Key {
        self.table(b"t").build()
    }

    /// [`crate::server::rows::RoomRow`].
    pub(in crate::server) fn state(&self) -> Key {
        self.table(b"s").build()
    }

    /// An encoded `LogItem`.
    pub(in crate::server) fn entry(&self, seq: u64) -> Key {
        self.table(b"l").number(seq).build()
    }

    /// The hub's signed head at an entry, where a follower was given one.
    pub(in crate::server) fn head(&self, seq: u64) -> Key {
        self.table(b"h").number(seq).build()
    }

    /// At the hub: [`crate::server::rows::DepartedRow`], where an entry removes devices of other agencies.
    pub(in crate::server) fn departed(&self, seq: u64) -> Key {
        self.table(b"x").number(seq).build()
    }

    /// Where the log is followed: [`crate::server::rows::WantedRow`].
    pub(in crate::server) fn wanted(&self) -> Key {
        self.table(b"q").build()
    }

    /// Where the log is followed: an entry past the end of what is here at which the log may have to begin
    /// anew; an encoded `Invitation` without its Welcome.
    pub(in crate::server) fn ahead(&self, seq: u64) -> Key {
        self.table(b"a").number(seq).build()
    }

    /// At the hub: the signature key of a device in the room, 32 bytes.
    pub(in crate::server) fn member(&self, device: &Device) -> Key {
        with_device(self.table(b"m"), device).build()
    }

    /// At the hub: all devices of a user in the room.
    pub(in crate::server) fn members_of(&self, user: &UserId) -> Key {
        self.table(b"m").name(user.as_str().as_bytes()).build()
    }

    /// Own devices that are or were in the room.
    pub(in crate::server) fn readers(&self) -> Key {
        self.table(b"d").build()
    }

    /// What an own device may read: [`crate::server::rows::SpanRow`].
    pub(in crate::server) fn reader(&self, device: &Device) -> Key {
        with_device(self.table(b"d"), device).build()
    }

    /// What became of a submission: [`crate::server::rows::FateRow`].
    pub(in crate::server) fn fate(&self, device: &Device, submission: &SubmissionId) -> Key {
        with_device(self.table(b"f"), device).fixed(submission.as_bytes()).build()
    }

    /// What joiners of an entry need: the next four.
    pub(in crate::server) fn joining(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).build()
    }

    /// The encoded `Invitation`.
    pub(in crate::server) fn invitation(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).fixed(b"i").build()
    }

    /// The encoded `RoomMaterial`.
    pub(in crate::server) fn material(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).fixed(b"m").build()
    }

    /// Who still needs them; empty.
    pub(in crate::server) fn waiting(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).fixed(b"w").build()
    }

    pub(in crate::server) fn waiting_device(&self, seq: u64, device: &Device) -> Key {
        with_device(self.table(b"w").number(seq).fixed(b"wd"), device).build()
    }

    pub(in crate::server) fn waiting_agency(&self, seq: u64, agency: &AgencyId) -> Key {
        self.table(b"w").number(seq).fixed(b"wa").name(agency.as_str().as_bytes()).build()
    }

    /// At the hub: the MLSMessage(GroupInfo) of the present epoch.
    pub(in crate::server) fn group_info(&self) -> Key {
        self.table(b"i").build()
    }

    /// At the hub: [`crate::server::rows::TurnsRow`].
    pub(in crate::server) fn turns(&self) -> Key {
        self.table(b"c").build()
    }

    /// At the hub: the public MLS group.
    pub(in crate::server) fn group(&self) -> Key {
        self.table(b"p").build()
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

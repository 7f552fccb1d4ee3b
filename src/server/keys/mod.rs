//! Where the server's rows lie.
//!
//! ```text
//! self/     a | k | i                        agency, key seed, incarnation
//! user/     user, device                     enrolled devices
//! device/   user, device, table, ...         what is kept for one device
//! room/     room, table, ...                 what is kept of one room
//! link/     peer, table, ...                 what goes to and comes from one agency
//! claim/    agency, device, claim            answers given to other agencies
//! quota/    table, who                       how much somebody may still ask
//! record/   device, claim, time, part        claims that records of claims rest on
//! dir/      table, ...                       the agency's directory
//! ask/      look-up                          look-ups that other agencies are to answer
//! blob/     origin, blob, table, ...         attachments
//! fetch/    origin, blob                     attachments that are being fetched
//! store/    whose, table, ...                how much is kept of attachments
//! mail/     mailbox                          where devices to be linked meet
//! due/      time, row                        what `tick` has to look at
//! ```
//!
//! Tables are single letters. All rows of a device, room, link or blob lie under one prefix.

mod blob;
mod device;
mod directory;
mod link;
mod quota;
mod room;

pub(super) use blob::{BlobKeys, Holder, all_under_way, blob_under_way, storage, under_way};
pub(super) use device::{DeviceKeys, Recorded, device_id, devices_of, enrolled, mailbox, mailbox_of};
pub(super) use directory::{Index, asked, directory_count, directory_guard, entries, entry, user_of_entry};
pub(super) use link::{LinkKeys, claim, links, peer_of};
pub(super) use quota::{
    answers_of_agency, blobs_elsewhere, claims_elsewhere, entrances_of_agency, entrances_of_device,
    look_ups_of_agency, look_ups_of_device, quota_by_user, quota_of_agency, quota_of_user,
    refusals_of_agency,
};
pub(super) use room::{RoomKeys, room_of, rooms};

use crate::{
    ids::Device,
    store::{Key, KeyBuilder},
    time::Timestamp,
};

pub(super) fn own(part: &'static [u8; 1]) -> Key {
    KeyBuilder::table("self/").fixed(part).build()
}

pub(super) fn all_own() -> Key {
    KeyBuilder::table("self/").build()
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    core::str::from_utf8(bytes?).ok()
}

pub(super) fn dues() -> Key {
    KeyBuilder::table("due/").build()
}

/// Something that `tick` has to look at, from a time on: [`super::rows::DueRow`].
pub(super) fn due(at: Timestamp, row: &[u8]) -> Key {
    KeyBuilder::table("due/").number(at.as_millis()).name(row).build()
}

fn with_device(key: KeyBuilder, device: &Device) -> KeyBuilder {
    key.name(device.user.as_str().as_bytes()).fixed(device.id.as_bytes())
}

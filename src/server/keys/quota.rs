//! How much somebody may still ask.

use super::with_device;
use crate::{
    ids::{AgencyId, Device, UserId},
    store::{Key, KeyBuilder},
};

/// How often a device may still look something up.
pub(in crate::server) fn look_ups_of_device(device: &Device) -> Key {
    with_device(KeyBuilder::table("quota/").fixed(b"l"), device).build()
}

/// How many users of other agencies a device may still claim.
pub(in crate::server) fn claims_elsewhere(device: &Device) -> Key {
    with_device(KeyBuilder::table("quota/").fixed(b"c"), device).build()
}

/// For how many attachments of other agencies it may still ask that are not here.
pub(in crate::server) fn blobs_elsewhere(device: &Device) -> Key {
    with_device(KeyBuilder::table("quota/").fixed(b"b"), device).build()
}

/// How often the devices of another agency may.
pub(in crate::server) fn look_ups_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"p").name(agency.as_str().as_bytes()).build()
}

/// How much another agency may still be answered.
pub(in crate::server) fn answers_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"w").name(agency.as_str().as_bytes()).build()
}

/// How often they may still be told that it was too often.
pub(in crate::server) fn refusals_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"r").name(agency.as_str().as_bytes()).build()
}

/// How many users a user may still claim.
pub(in crate::server) fn quota_by_user(by: &UserId) -> Key {
    KeyBuilder::table("quota/").fixed(b"d").name(by.as_str().as_bytes()).build()
}

/// How often a user may still claim one user.
pub(in crate::server) fn quota_of_user(by: &UserId, user: &UserId) -> Key {
    let table = KeyBuilder::table("quota/").fixed(b"u");
    table.name(by.as_str().as_bytes()).name(user.as_str().as_bytes()).build()
}

/// How many users the devices of another agency may still claim.
pub(in crate::server) fn quota_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"a").name(agency.as_str().as_bytes()).build()
}

/// How often a device may still ask for the way into a room.
pub(in crate::server) fn entrances_of_device(device: &Device) -> Key {
    with_device(KeyBuilder::table("quota/").fixed(b"e"), device).build()
}

/// How often the devices of another agency may.
pub(in crate::server) fn entrances_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"f").name(agency.as_str().as_bytes()).build()
}

//! The rows of the directory. All of them begin with `id/`, so that one prefix loads them.
//!
//! | key | value |
//! |---|---|
//! | `id/anchor` | Envelope of the Federation |
//! | `id/trust` | u64: the highest trust list version |
//! | `id/list/` version | SignedEnvelope of the TrustList |
//! | `id/root/` agency, root key id | 32 bytes: a root key that some list gives the agency |
//! | `id/known/` agency | u64: the highest descriptor version ‖ the agency's name |
//! | `id/desc/` agency, u64::MAX − version | SignedEnvelope of the AgencyDescriptor; newest first |
//! | `id/chain/` user, n | ChainLink |
//!
//! A row but `id/anchor`, `id/trust` and `id/known/` never changes once it is written.

use crate::{
    error::Result,
    ids::{AgencyId, KeyId, UserId},
    store::{Key, KeyBuilder, corrupt},
};

pub(super) fn all() -> Key {
    KeyBuilder::table("id/").build()
}

pub(super) fn anchor() -> Key {
    KeyBuilder::table("id/anchor").build()
}

pub(super) fn trust() -> Key {
    KeyBuilder::table("id/trust").build()
}

pub(super) fn list(version: u64) -> Key {
    KeyBuilder::table("id/list/").number(version).build()
}

pub(super) fn root(agency: &AgencyId, id: &KeyId) -> Key {
    KeyBuilder::table("id/root/").name(agency.as_str().as_bytes()).fixed(id.as_bytes()).build()
}

pub(super) fn known_prefix() -> Key {
    KeyBuilder::table("id/known/").build()
}

pub(super) fn known(agency: &AgencyId) -> Key {
    KeyBuilder::table("id/known/").name(agency.as_str().as_bytes()).build()
}

pub(super) fn descriptor_prefix(agency: &AgencyId) -> Key {
    KeyBuilder::table("id/desc/").name(agency.as_str().as_bytes()).build()
}

pub(super) fn descriptor(agency: &AgencyId, version: u64) -> Key {
    KeyBuilder::table("id/desc/")
        .name(agency.as_str().as_bytes())
        .number(u64::MAX.saturating_sub(version))
        .build()
}

pub(super) fn chain(user: &UserId) -> Key {
    KeyBuilder::table("id/chain/").name(user.as_str().as_bytes()).build()
}

pub(super) fn link(user: &UserId, n: u64) -> Key {
    KeyBuilder::table("id/chain/").name(user.as_str().as_bytes()).number(n).build()
}

pub(super) fn number(row: &[u8]) -> Result<u64> {
    row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt("number"))
}

/// The value of an `id/known/` row.
pub(super) fn known_value(version: u64, agency: &AgencyId) -> Vec<u8> {
    [&version.to_be_bytes(), agency.as_str().as_bytes()].concat()
}

pub(super) fn parse_known(row: &[u8]) -> Result<(AgencyId, u64)> {
    let (version, agency) = row.split_first_chunk::<8>().ok_or(corrupt("known descriptor"))?;
    let agency = core::str::from_utf8(agency).ok().and_then(|a| AgencyId::parse(a).ok());
    Ok((agency.ok_or(corrupt("known descriptor"))?, u64::from_be_bytes(*version)))
}

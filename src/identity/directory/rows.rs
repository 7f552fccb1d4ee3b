//! The rows of the directory. All of them begin with `id/`, so that one prefix loads them.
//!
//! | key | value |
//! |---|---|
//! | `id/anchor` | Envelope of the Federation |
//! | `id/trust` | the highest trust list version, from when and until when it is in force: 3 u64 |
//! | `id/agency/` agency | u8: what that list says of it ([`Listed`]) ‖ 32 bytes: the last root key that a list gave it |
//! | `id/list/` version | SignedEnvelope of the TrustList |
//! | `id/root/` agency, root key id | 32 bytes: a root key that some list gives the agency ‖ u64: when the list was issued that gave it another (`u64::MAX`: none did) |
//! | `id/known/` agency | u64: the highest descriptor version under the agency's present root key ‖ the agency's name |
//! | `id/desc/` agency, root key id, u64::MAX − version | SignedEnvelope of the AgencyDescriptor; of one root key newest first |
//! | `id/identity/` user | the user's identities, newest first, each with the number of its links: 32 bytes ‖ u32 |
//! | `id/chain/` user, identity, n | ChainLink |
//! | `id/gone/` user, device | empty: the device was removed, or the identity replaced |
//! | `id/fork/` user | Envelope of a ChainFork |
//! | `id/rversion/` agency | 2 u64: the version of its revocation list, when that is out of date ‖ the agency's name |
//! | `id/rlist/` agency | SignedEnvelope of its newest RevocationList |
//! | `id/revoked/` user | what that list says of the user: [`revoked_value`] |
//!
//! Lists, descriptors and chain links never change once they are written.

use crate::{
    error::Result,
    identity::revocation::Revocation,
    ids::{AgencyId, Device, DeviceId, Hash, KeyId, UserId},
    store::{Key, KeyBuilder, corrupt},
    time::Timestamp,
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

pub(super) fn agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("id/agency/").name(agency.as_str().as_bytes()).build()
}

/// What the newest trust list says of an agency that was on one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Suspended,
    Active,
    /// Nothing.
    Gone,
}

/// The value of an `id/agency/` row.
pub(super) fn agency_value(listed: Listed, root: &[u8; 32]) -> Vec<u8> {
    let status = match listed {
        Listed::Suspended => 0,
        Listed::Active => 1,
        Listed::Gone => 2,
    };
    [&[status], root.as_slice()].concat()
}

pub(super) fn parse_agency(row: &[u8]) -> Result<(Listed, [u8; 32])> {
    let parts = row.split_first().and_then(|(status, root)| Some((status, <[u8; 32]>::try_from(root).ok()?)));
    match parts {
        Some((0, root)) => Ok((Listed::Suspended, root)),
        Some((1, root)) => Ok((Listed::Active, root)),
        Some((2, root)) => Ok((Listed::Gone, root)),
        _ => Err(corrupt("agency")),
    }
}

/// The value of the `id/trust` row.
pub(super) fn trust_value(version: u64, from: Timestamp, until: Timestamp) -> Vec<u8> {
    [version, from.as_millis(), until.as_millis()].iter().flat_map(|n| n.to_be_bytes()).collect()
}

pub(super) fn parse_trust(row: &[u8]) -> Result<(u64, Timestamp, Timestamp)> {
    let numbers = <[u8; 24]>::try_from(row).map_err(|_| corrupt("trust list"))?;
    let (numbers, _) = numbers.as_chunks::<8>();
    match numbers.iter().map(|n| u64::from_be_bytes(*n)).collect::<Vec<_>>().as_slice() {
        [version, from, until] => {
            Ok((*version, Timestamp::from_millis(*from), Timestamp::from_millis(*until)))
        }
        _ => Err(corrupt("trust list")),
    }
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

/// What was signed with one root key.
pub(super) fn descriptors_by(agency: &AgencyId, root: &KeyId) -> Key {
    descriptor_builder(agency, root).build()
}

pub(super) fn descriptor(agency: &AgencyId, root: &KeyId, version: u64) -> Key {
    descriptor_builder(agency, root).number(u64::MAX.saturating_sub(version)).build()
}

fn descriptor_builder(agency: &AgencyId, root: &KeyId) -> KeyBuilder {
    KeyBuilder::table("id/desc/").name(agency.as_str().as_bytes()).fixed(root.as_bytes())
}

/// The value of an `id/root/` row.
pub(super) fn root_value(root: &[u8; 32], until: Timestamp) -> Vec<u8> {
    [root.as_slice(), &until.as_millis().to_be_bytes()].concat()
}

pub(super) fn parse_root(row: &[u8]) -> Result<([u8; 32], Timestamp)> {
    let parts = row.split_first_chunk::<32>();
    let parts = parts.and_then(|(root, until)| Some((*root, u64::from_be_bytes(until.try_into().ok()?))));
    let (root, until) = parts.ok_or(corrupt("agency root key"))?;
    Ok((root, Timestamp::from_millis(until)))
}

pub(super) fn identities(user: &UserId) -> Key {
    KeyBuilder::table("id/identity/").name(user.as_str().as_bytes()).build()
}

pub(super) fn identities_value(identities: &[(Hash, u32)]) -> Vec<u8> {
    let one = |(identity, links): &(Hash, u32)| [&identity.as_bytes()[..], &links.to_be_bytes()].concat();
    identities.iter().flat_map(one).collect()
}

pub(super) fn parse_identities(row: &[u8]) -> Result<Vec<(Hash, u32)>> {
    let (identities, []) = row.as_chunks::<36>() else { return Err(corrupt("identities")) };
    let one = |row: &[u8; 36]| {
        let (identity, links) = row.split_first_chunk::<32>()?;
        Some((Hash::from_bytes(*identity), u32::from_be_bytes(links.try_into().ok()?)))
    };
    identities.iter().map(|row| one(row).ok_or(corrupt("identities"))).collect()
}

fn chain_builder(user: &UserId, identity: &Hash) -> KeyBuilder {
    KeyBuilder::table("id/chain/").name(user.as_str().as_bytes()).fixed(identity.as_bytes())
}

pub(super) fn chain(user: &UserId, identity: &Hash) -> Key {
    chain_builder(user, identity).build()
}

pub(super) fn link(user: &UserId, identity: &Hash, n: u64) -> Key {
    chain_builder(user, identity).number(n).build()
}

pub(super) fn gone_of(user: &UserId) -> Key {
    KeyBuilder::table("id/gone/").name(user.as_str().as_bytes()).build()
}

pub(super) fn gone(device: &Device) -> Key {
    KeyBuilder::table("id/gone/").name(device.user.as_str().as_bytes()).fixed(device.id.as_bytes()).build()
}

pub(super) fn removals() -> Key {
    KeyBuilder::table("id/removals").build()
}

pub(super) fn fork(user: &UserId) -> Key {
    KeyBuilder::table("id/fork/").name(user.as_str().as_bytes()).build()
}

pub(super) fn revocations_prefix() -> Key {
    KeyBuilder::table("id/rversion/").build()
}

pub(super) fn revocations(agency: &AgencyId) -> Key {
    KeyBuilder::table("id/rversion/").name(agency.as_str().as_bytes()).build()
}

pub(super) fn revocation_list(agency: &AgencyId) -> Key {
    KeyBuilder::table("id/rlist/").name(agency.as_str().as_bytes()).build()
}

pub(super) fn revoked(user: &UserId) -> Key {
    KeyBuilder::table("id/revoked/").name(user.as_str().as_bytes()).build()
}

/// Entry after entry, 41 bytes each: whether for one device, that device, serial, since, at.
pub(super) fn revoked_value(entries: &[&Revocation]) -> Vec<u8> {
    let mut row = Vec::with_capacity(entries.len().saturating_mul(REVOKED));
    for entry in entries {
        row.push(u8::from(entry.device.is_some()));
        row.extend(entry.device.map_or([0; 16], |id| *id.as_bytes()));
        let numbers = [entry.serial, entry.since, entry.at.as_millis()];
        row.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    }
    row
}

const REVOKED: usize = 41;

pub(super) fn parse_revoked(user: &UserId, row: &[u8]) -> Result<Vec<Revocation>> {
    let bad = || corrupt("revoked");
    let (entries, []) = row.as_chunks::<REVOKED>() else { return Err(bad()) };
    let one = |entry: &[u8; REVOKED]| {
        let (one, rest) = entry.split_first()?;
        let (device, rest) = rest.split_first_chunk::<16>()?;
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let [serial, since, at] = numbers.try_into().ok().map(|n: [[u8; 8]; 3]| n.map(u64::from_be_bytes))?;
        let device = (*one == 1).then(|| DeviceId::from_bytes(*device));
        Some(Revocation { user: user.clone(), device, serial, since, at: Timestamp::from_millis(at) })
    };
    entries.iter().map(|entry| one(entry).ok_or_else(bad)).collect()
}

/// The value of an `id/rversion/` row.
pub(super) fn revocations_value(version: u64, stale_at: Timestamp, agency: &AgencyId) -> Vec<u8> {
    [&version.to_be_bytes(), &stale_at.as_millis().to_be_bytes(), agency.as_str().as_bytes()].concat()
}

pub(super) fn parse_revocations(row: &[u8]) -> Result<(AgencyId, u64, Timestamp)> {
    let bad = || corrupt("known revocation list");
    let (version, rest) = row.split_first_chunk::<8>().ok_or(bad())?;
    let (stale_at, agency) = rest.split_first_chunk::<8>().ok_or(bad())?;
    let agency = core::str::from_utf8(agency).ok().and_then(|a| AgencyId::parse(a).ok()).ok_or(bad())?;
    Ok((agency, u64::from_be_bytes(*version), Timestamp::from_millis(u64::from_be_bytes(*stale_at))))
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

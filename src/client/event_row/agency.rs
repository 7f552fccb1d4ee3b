//! What is told of agencies.

use prost::Message;

use crate::{
    error::Result,
    identity::{AgencyChange, KeyPurpose},
    ids::KeyId,
    store::corrupt,
};

/// An agency's key.
#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyRow {
    #[prost(uint32, tag = "1")]
    pub(super) purpose: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) id: Vec<u8>,
    /// Or dropped.
    #[prost(bool, tag = "3")]
    pub(super) added: bool,
}

impl KeyRow {
    const PURPOSES: [(KeyPurpose, u32); 3] =
        [(KeyPurpose::Certificate, 1), (KeyPurpose::Revocation, 2), (KeyPurpose::Server, 3)];

    pub(super) fn of(purpose: KeyPurpose, id: &KeyId, added: bool) -> Self {
        let number = Self::PURPOSES.iter().find(|(known, _)| *known == purpose);
        KeyRow { purpose: number.map_or(0, |(_, number)| *number), id: id.as_bytes().to_vec(), added }
    }

    pub(super) fn read(&self) -> Result<(KeyPurpose, KeyId)> {
        let purpose = Self::PURPOSES.iter().find(|(_, number)| *number == self.purpose);
        let (purpose, _) = purpose.ok_or(corrupt("event key"))?;
        Ok((*purpose, KeyId::from_slice(&self.id)?))
    }
}

pub(super) const JOINED_FEDERATION: u32 = 1;
pub(super) const GONE: u32 = 2;
pub(super) const SUSPENDED: u32 = 3;
pub(super) const REINSTATED: u32 = 4;
pub(super) const ROOT_HANDED_OVER: u32 = 5;
pub(super) const ROOT_REPLACED: u32 = 6;

pub(super) fn change_number(change: AgencyChange) -> u32 {
    match change {
        AgencyChange::Joined => JOINED_FEDERATION,
        AgencyChange::Gone => GONE,
        AgencyChange::Suspended => SUSPENDED,
        AgencyChange::Reinstated => REINSTATED,
        AgencyChange::RootReplaced { handed_over: true } => ROOT_HANDED_OVER,
        AgencyChange::RootReplaced { handed_over: false } => ROOT_REPLACED,
    }
}

pub(super) fn change(number: u32) -> Result<AgencyChange> {
    Ok(match number {
        JOINED_FEDERATION => AgencyChange::Joined,
        GONE => AgencyChange::Gone,
        SUSPENDED => AgencyChange::Suspended,
        REINSTATED => AgencyChange::Reinstated,
        ROOT_HANDED_OVER => AgencyChange::RootReplaced { handed_over: true },
        ROOT_REPLACED => AgencyChange::RootReplaced { handed_over: false },
        _ => return Err(corrupt("event change")),
    })
}

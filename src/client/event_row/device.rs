//! What is told of devices and users.

use prost::Message;

use crate::{
    error::Result,
    identity::{Endorsement, Endorser},
    ids::{Device, DeviceId, Hash, UserId},
    store::corrupt,
    time::Timestamp,
};

#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct DeviceRow {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) id: Vec<u8>,
}

impl From<&Device> for DeviceRow {
    fn from(device: &Device) -> Self {
        DeviceRow { user: device.user.to_string(), id: device.id.as_bytes().to_vec() }
    }
}

impl TryFrom<&DeviceRow> for Device {
    type Error = crate::error::Error;

    fn try_from(row: &DeviceRow) -> Result<Self> {
        Ok(Device { user: UserId::parse(&row.user)?, id: DeviceId::from_slice(&row.id)? })
    }
}

/// By what authority a device speaks for its user.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EndorsementRow {
    #[prost(message, optional, tag = "1")]
    pub(super) device: Option<DeviceRow>,
    /// Who vouches for it: [`FOUNDER`] and those after it.
    #[prost(uint32, tag = "2")]
    pub(super) by: u32,
    /// Of the endorsing device, or of the identity of before.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) id: Vec<u8>,
    #[prost(string, tag = "4")]
    pub(super) owner: String,
    #[prost(uint64, tag = "5")]
    pub(super) at: u64,
    #[prost(uint64, optional, tag = "6")]
    pub(super) until: Option<u64>,
    #[prost(uint64, optional, tag = "7")]
    pub(super) removed_at: Option<u64>,
}

pub(super) const FOUNDER: u32 = 1;
pub(super) const RESET: u32 = 2;
pub(super) const DEVICE: u32 = 3;
pub(super) const RECOVERY: u32 = 4;

impl EndorsementRow {
    pub(super) fn of((user, endorsement): &(UserId, Endorsement)) -> Self {
        let mut row = EndorsementRow {
            device: Some((&Device { user: user.clone(), id: endorsement.device }).into()),
            at: endorsement.at.as_millis(),
            until: endorsement.until.map(Timestamp::as_millis),
            removed_at: endorsement.removed_at.map(Timestamp::as_millis),
            ..Default::default()
        };
        match &endorsement.by {
            Endorser::Founder => row.by = FOUNDER,
            Endorser::Reset { replaced } => (row.by, row.id) = (RESET, replaced.as_bytes().to_vec()),
            Endorser::Device(id) => (row.by, row.id) = (DEVICE, id.as_bytes().to_vec()),
            Endorser::Recovery { owner } => (row.by, row.owner) = (RECOVERY, owner.clone()),
        }
        row
    }

    pub(super) fn read(&self) -> Result<(UserId, Endorsement)> {
        let device: Device = self.device.as_ref().ok_or(corrupt("event")).and_then(Device::try_from)?;
        let by = match self.by {
            FOUNDER => Endorser::Founder,
            RESET => Endorser::Reset { replaced: Hash::from_slice(&self.id)? },
            DEVICE => Endorser::Device(DeviceId::from_slice(&self.id)?),
            RECOVERY => Endorser::Recovery { owner: self.owner.clone() },
            _ => return Err(corrupt("event endorser")),
        };
        let endorsement = Endorsement {
            device: device.id,
            by,
            at: Timestamp::from_millis(self.at),
            until: self.until.map(Timestamp::from_millis),
            removed_at: self.removed_at.map(Timestamp::from_millis),
        };
        Ok((device.user, endorsement))
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct UserRow {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    /// What is said of the user: [`JOINED`], [`LEFT`], [`REMOVED`], or an error code.
    #[prost(uint32, tag = "2")]
    pub(super) what: u32,
}

pub(super) const JOINED: u32 = 1;
pub(super) const LEFT: u32 = 2;
pub(super) const REMOVED: u32 = 3;

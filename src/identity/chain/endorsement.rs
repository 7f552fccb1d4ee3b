//! By what authority a device speaks for its user.

use crate::{
    ids::{DeviceId, Hash},
    time::Timestamp,
};

/// How a device came to speak for its user, as the user's chain has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endorsement {
    /// The device.
    pub device: DeviceId,
    /// Who vouches for it, beside the agency.
    pub by: Endorser,
    /// Since when.
    pub at: Timestamp,
    /// Until when (exclusive), if the user's role was handed over to it for a time.
    pub until: Option<Timestamp>,
    /// When it was removed, if it was.
    pub removed_at: Option<Timestamp>,
}

/// Who vouches for a device, beside the agency.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endorser {
    /// Nobody: it is the user's first.
    Founder,
    /// Nobody: the user has lost everything and begun anew with it, says the agency.
    Reset {
        /// The identity of before.
        replaced: Hash,
    },
    /// Another device of the user.
    Device(DeviceId),
    /// Whoever keeps this recovery key.
    Recovery {
        /// The keeper's name; empty for a person's own key.
        owner: String,
    },
}

impl Endorsement {
    /// Whether the device speaks for the user at a time, as far as the chain goes.
    #[must_use]
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.removed_at.is_none() && self.until.is_none_or(|until| at < until)
    }
}

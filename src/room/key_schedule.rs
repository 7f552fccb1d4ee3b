//! Secrets that verbund takes from an MLS epoch, one type each (RFC 9420 §8.5, SPEC "Exporters").
//!
//! They live as long as their epoch's exporter secret and are as secret: forward secrecy
//! is by epoch and no finer.

use openmls::prelude::MlsGroup;
use openmls_traits::crypto::OpenMlsCrypto;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    crypto::Label,
    error::{Error, Result},
    ids::RoomId,
};

/// What private room state is encrypted from.
pub(crate) struct PrivateStateSecret(Zeroizing<[u8; 32]>);

impl PrivateStateSecret {
    /// Of the group's current epoch.
    pub(super) fn export(group: &MlsGroup, crypto: &impl OpenMlsCrypto, room: &RoomId) -> Result<Self> {
        export(group, crypto, Label::EXPORT_PRIVATE_STATE, room).map(PrivateStateSecret)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn for_test(bytes: [u8; 32]) -> Self {
        PrivateStateSecret(Zeroizing::new(bytes))
    }
}

fn export(
    group: &MlsGroup,
    crypto: &impl OpenMlsCrypto,
    label: Label,
    room: &RoomId,
) -> Result<Zeroizing<[u8; 32]>> {
    let failed = |_| Error::new(Code::Mls, "exporter");
    let secret = group.export_secret(crypto, label.as_str(), room.as_bytes(), 32).map_err(failed)?;
    let secret = Zeroizing::new(secret);
    let bytes: [u8; 32] = secret.as_slice().try_into().map_err(|_| Error::new(Code::Bug, "exporter"))?;
    Ok(Zeroizing::new(bytes))
}

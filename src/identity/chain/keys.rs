//! Whose keys a user chain names: devices, and who can recover the user.

use core::fmt;

use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Result, ensure, fault},
    identity::federation::key_bytes,
    ids::{DeviceId, KeyId},
    limits,
    wire::{field, fields, proto},
};

/// What a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserKind {
    /// A human being.
    Person,
    /// A desk or duty that persons fill in shifts.
    Role,
    /// A program.
    Service,
    /// A keeper of records, always visible to everybody in the room.
    Archive,
}

impl UserKind {
    pub(crate) fn parse(number: i32) -> Result<Self> {
        Ok(match proto::UserKind::try_from(number) {
            Ok(proto::UserKind::Person) => UserKind::Person,
            Ok(proto::UserKind::Role) => UserKind::Role,
            Ok(proto::UserKind::Service) => UserKind::Service,
            Ok(proto::UserKind::Archive) => UserKind::Archive,
            _ => return fault(Code::BadField, "user kind"),
        })
    }

    pub(crate) fn number(self) -> i32 {
        let kind = match self {
            UserKind::Person => proto::UserKind::Person,
            UserKind::Role => proto::UserKind::Role,
            UserKind::Service => proto::UserKind::Service,
            UserKind::Archive => proto::UserKind::Archive,
        };
        kind.into()
    }
}

/// A device and its signature key, which is also its MLS signature key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DeviceKey {
    pub(crate) id: DeviceId,
    pub(crate) key: [u8; 32],
}

impl DeviceKey {
    pub(in crate::identity) fn parse(proto: Option<proto::DeviceKey>) -> Result<Self> {
        let proto = field(proto, "device")?;
        Ok(DeviceKey { id: DeviceId::from_slice(&proto.device)?, key: key_bytes(&proto.public_key)? })
    }

    pub(in crate::identity) fn to_proto(&self) -> Option<proto::DeviceKey> {
        Some(proto::DeviceKey { device: fields::raw(self.id.as_bytes()), public_key: fields::raw(&self.key) })
    }

    pub(in crate::identity) fn key_id(&self) -> KeyId {
        VerifyKey::id_of(&self.key)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.id)
    }
}

/// A public key whose private half can speak for a user when all devices are lost: kept
/// on paper or a card, never on a server.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey {
    owner: String,
    key: [u8; 32],
}

impl RecoveryKey {
    /// A person's own.
    #[must_use]
    pub fn own(key: &VerifyKey) -> Self {
        RecoveryKey { owner: String::new(), key: *key.as_bytes() }
    }

    /// One of the two of a role, service or archive, and the name of its keeper: 1 to
    /// [`limits::NAME`] bytes.
    #[must_use]
    pub fn kept_by(owner: impl Into<String>, key: &VerifyKey) -> Self {
        RecoveryKey { owner: owner.into(), key: *key.as_bytes() }
    }

    /// Who keeps it; empty for a person's own.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        &self.key
    }

    pub(super) fn key_id(&self) -> KeyId {
        VerifyKey::id_of(&self.key)
    }

    pub(super) fn parse(proto: proto::RecoveryKey) -> Result<Self> {
        ensure(proto.owner.len() <= limits::NAME, Code::TooLong, "recovery key owner")?;
        Ok(RecoveryKey { owner: proto.owner, key: key_bytes(&proto.public_key)? })
    }

    pub(super) fn to_proto(&self) -> proto::RecoveryKey {
        proto::RecoveryKey { owner: self.owner.clone(), public_key: fields::raw(&self.key) }
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryKey({:?})", self.owner)
    }
}

/// One key of a person's own, or two of named owners in order (SPEC V-243).
pub(super) fn recovery_fits(kind: UserKind, keys: &[RecoveryKey]) -> bool {
    match (kind, keys) {
        (UserKind::Person, [own]) => own.owner.is_empty(),
        (UserKind::Role | UserKind::Service | UserKind::Archive, [a, b]) => {
            !a.owner.is_empty() && a.owner < b.owner
        }
        _ => false,
    }
}

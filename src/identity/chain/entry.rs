//! What a link of a user chain says.

use core::fmt;

use crate::{
    code::Code,
    crypto::VerifyKey,
    error::{Result, ensure, fault},
    identity::federation::key_bytes,
    ids::{DeviceId, Hash, KeyId, UserId},
    limits,
    time::Timestamp,
    wire::{Wire, field, fields, proto, repeated},
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
    pub(in crate::identity) fn parse(number: i32) -> Result<Self> {
        Ok(match proto::UserKind::try_from(number) {
            Ok(proto::UserKind::Person) => UserKind::Person,
            Ok(proto::UserKind::Role) => UserKind::Role,
            Ok(proto::UserKind::Service) => UserKind::Service,
            Ok(proto::UserKind::Archive) => UserKind::Archive,
            _ => return fault(Code::BadField, "user kind"),
        })
    }

    pub(in crate::identity) fn number(self) -> i32 {
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

    fn parse(proto: proto::RecoveryKey) -> Result<Self> {
        ensure(proto.owner.len() <= limits::NAME, Code::TooLong, "recovery key owner")?;
        Ok(RecoveryKey { owner: proto.owner, key: key_bytes(&proto.public_key)? })
    }

    fn to_proto(&self) -> proto::RecoveryKey {
        proto::RecoveryKey { owner: self.owner.clone(), public_key: fields::raw(&self.key) }
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryKey({:?})", self.owner)
    }
}

/// What an entry does. (`remove`, `delegate` and `reset` will stand beside these.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Entry 0: the user begins, with a first device.
    Genesis { kind: UserKind, device: DeviceKey, recovery: Vec<RecoveryKey> },
    /// A further device.
    AddDevice { device: DeviceKey },
}

impl Op {
    /// The device that this entry endorses.
    pub(crate) fn device(&self) -> &DeviceKey {
        match self {
            Op::Genesis { device, .. } | Op::AddDevice { device } => device,
        }
    }
}

/// One entry, before anybody has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChainEntry {
    pub(crate) user: UserId,
    /// Its place, from 0.
    pub(crate) n: u32,
    /// The hash of the entry before; absent exactly in entry 0.
    pub(crate) previous: Option<Hash>,
    pub(crate) at: Timestamp,
    /// The key that signs it.
    pub(crate) signer: KeyId,
    pub(crate) op: Op,
}

impl Wire for ChainEntry {
    type Proto = proto::ChainEntry;
    const MAX: usize = limits::CHAIN_LINK;
    const NAME: &'static str = "chain entry";

    /// SPEC V-241 to V-243.
    fn parse(proto: Self::Proto) -> Result<Self> {
        use proto::chain_entry::Op as Raw;
        let op = match field(proto.op, "chain operation")? {
            Raw::Genesis(genesis) => {
                let kind = UserKind::parse(genesis.kind)?;
                let recovery = repeated(genesis.recovery, (1, 2), "recovery keys", RecoveryKey::parse)?;
                ensure(recovery_fits(kind, &recovery), Code::BadField, "recovery keys")?;
                Op::Genesis { kind, device: DeviceKey::parse(genesis.device)?, recovery }
            }
            Raw::AddDevice(add) => Op::AddDevice { device: DeviceKey::parse(add.device)? },
        };
        let previous = fields::optional_id(&proto.previous, Hash::from_slice)?;
        let first = matches!(op, Op::Genesis { .. });
        ensure(first == (proto.n == 0) && first == previous.is_none(), Code::BadField, "entry 0")?;
        Ok(ChainEntry {
            user: UserId::parse(&proto.user)?,
            n: proto.n,
            previous,
            at: Timestamp::from_millis(proto.at),
            signer: KeyId::from_slice(&proto.signer)?,
            op,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        use proto::chain_entry::Op as Raw;
        let op = match &self.op {
            Op::Genesis { kind, device, recovery } => Raw::Genesis(proto::Genesis {
                kind: kind.number(),
                device: device.to_proto(),
                recovery: recovery.iter().map(RecoveryKey::to_proto).collect(),
            }),
            Op::AddDevice { device } => Raw::AddDevice(proto::AddDevice { device: device.to_proto() }),
        };
        proto::ChainEntry {
            user: self.user.to_string(),
            n: self.n,
            previous: self.previous.map(|h| fields::raw(h.as_bytes())).unwrap_or_default(),
            at: self.at.as_millis(),
            signer: fields::raw(self.signer.as_bytes()),
            op: Some(op),
        }
    }
}

/// One key of a person's own, or two of named owners in order (SPEC V-243).
fn recovery_fits(kind: UserKind, keys: &[RecoveryKey]) -> bool {
    match (kind, keys) {
        (UserKind::Person, [own]) => own.owner.is_empty(),
        (UserKind::Role | UserKind::Service | UserKind::Archive, [a, b]) => {
            !a.owner.is_empty() && a.owner < b.owner
        }
        _ => false,
    }
}

//! What a link of a user chain says.

use super::keys::{DeviceKey, RecoveryKey, UserKind, recovery_fits};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{DeviceId, Hash, KeyId, UserId},
    limits,
    time::Timestamp,
    wire::{Wire, field, fields, proto, repeated},
};

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Entry 0: the user begins, with a first device; or begins anew, in the place of an identity
    /// of before.
    Genesis { kind: UserKind, device: DeviceKey, recovery: Vec<RecoveryKey>, replaces: Option<Hash> },
    /// A further device.
    AddDevice { device: DeviceKey },
    /// A device that is one no more.
    RemoveDevice { device: DeviceId },
    /// A role's device, until a time (exclusive).
    Delegate { device: DeviceKey, until: Timestamp },
    /// Other recovery keys.
    SetRecovery { recovery: Vec<RecoveryKey> },
}

impl Op {
    /// The device that this entry endorses, if it endorses one.
    pub(crate) fn device(&self) -> Option<&DeviceKey> {
        match self {
            Op::Genesis { device, .. } | Op::AddDevice { device } | Op::Delegate { device, .. } => {
                Some(device)
            }
            Op::RemoveDevice { .. } | Op::SetRecovery { .. } => None,
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

impl ChainEntry {
    /// What makes its place one that the agency fills once: its number, and what it follows. For
    /// an entry 0 that is the identity that it replaces (SPEC V-310).
    pub(crate) fn place(&self) -> (&UserId, u32, Option<&Hash>) {
        (&self.user, self.n, self.previous.as_ref().or(self.replaces()))
    }

    /// The identity in whose place an entry 0 begins.
    pub(crate) fn replaces(&self) -> Option<&Hash> {
        match &self.op {
            Op::Genesis { replaces, .. } => replaces.as_ref(),
            _ => None,
        }
    }
}

impl Wire for ChainEntry {
    type Proto = proto::ChainEntry;
    const MAX: usize = limits::CHAIN_LINK;
    const NAME: &'static str = "chain entry";

    /// SPEC V-241 to V-243, V-254.
    fn parse(proto: Self::Proto) -> Result<Self> {
        let at = Timestamp::from_millis(proto.at);
        let op = parse_op(field(proto.op, "chain operation")?, at)?;
        let previous = fields::optional_id(&proto.previous, Hash::from_slice)?;
        let first = matches!(op, Op::Genesis { .. });
        ensure(first == (proto.n == 0) && first == previous.is_none(), Code::BadField, "entry 0")?;
        Ok(ChainEntry {
            user: UserId::parse(&proto.user)?,
            n: proto.n,
            previous,
            at,
            signer: KeyId::from_slice(&proto.signer)?,
            op,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ChainEntry {
            user: self.user.to_string(),
            n: self.n,
            previous: hash_field(self.previous.as_ref()),
            at: self.at.as_millis(),
            signer: fields::raw(self.signer.as_bytes()),
            op: Some(op_to_proto(&self.op)),
        }
    }
}

fn parse_op(op: proto::chain_entry::Op, at: Timestamp) -> Result<Op> {
    use proto::chain_entry::Op as Raw;
    Ok(match op {
        Raw::Genesis(genesis) => {
            let kind = UserKind::parse(genesis.kind)?;
            let recovery = parse_recovery(genesis.recovery)?;
            ensure(recovery_fits(kind, &recovery), Code::BadField, "recovery keys")?;
            let replaces = fields::optional_id(&genesis.replaces, Hash::from_slice)?;
            Op::Genesis { kind, device: DeviceKey::parse(genesis.device)?, recovery, replaces }
        }
        Raw::AddDevice(add) => Op::AddDevice { device: DeviceKey::parse(add.device)? },
        Raw::RemoveDevice(remove) => Op::RemoveDevice { device: DeviceId::from_slice(&remove.device)? },
        Raw::Delegate(delegate) => {
            let until = Timestamp::from_millis(delegate.until);
            // V-254
            let short = at < until && until.since(at) <= limits::DELEGATION;
            ensure(short, Code::BadField, "end of a delegation")?;
            Op::Delegate { device: DeviceKey::parse(delegate.device)?, until }
        }
        Raw::SetRecovery(set) => Op::SetRecovery { recovery: parse_recovery(set.recovery)? },
    })
}

fn parse_recovery(keys: Vec<proto::RecoveryKey>) -> Result<Vec<RecoveryKey>> {
    repeated(keys, (1, 2), "recovery keys", RecoveryKey::parse)
}

fn op_to_proto(op: &Op) -> proto::chain_entry::Op {
    use proto::chain_entry::Op as Raw;
    let keys = |recovery: &[RecoveryKey]| recovery.iter().map(RecoveryKey::to_proto).collect();
    match op {
        Op::Genesis { kind, device, recovery, replaces } => Raw::Genesis(proto::Genesis {
            kind: kind.number(),
            device: device.to_proto(),
            recovery: keys(recovery),
            replaces: hash_field(replaces.as_ref()),
        }),
        Op::AddDevice { device } => Raw::AddDevice(proto::AddDevice { device: device.to_proto() }),
        Op::RemoveDevice { device } => {
            Raw::RemoveDevice(proto::RemoveDevice { device: fields::raw(device.as_bytes()) })
        }
        Op::Delegate { device, until } => {
            Raw::Delegate(proto::Delegate { device: device.to_proto(), until: until.as_millis() })
        }
        Op::SetRecovery { recovery } => Raw::SetRecovery(proto::SetRecovery { recovery: keys(recovery) }),
    }
}

fn hash_field(hash: Option<&Hash>) -> bytes::Bytes {
    hash.map(|hash| fields::raw(hash.as_bytes())).unwrap_or_default()
}

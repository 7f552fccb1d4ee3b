//! What is brought to the registrar that makes no device: a removal, other recovery keys.

use bytes::Bytes;

use crate::{
    code::Code,
    crypto::SigningKey,
    error::{Error, Result, ensure},
    identity::chain::{Op, RecoveryKey, Statement, UserChain},
    ids::{DeviceId, UserId},
    limits,
    time::Timestamp,
    wire::{self, VERSION, Wire, fields, proto},
};

/// A change of a user's chain that the agency has yet to countersign. Who reads one sees what is
/// asked; nothing is checked before the registrar does.
#[derive(Clone, Debug)]
pub struct ChainChange {
    statement: Statement,
}

impl ChainChange {
    /// Reads a change.
    ///
    /// # Errors
    /// Those of decoding (1xx).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }

    fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self).to_vec()
    }

    /// Whose chain it is.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.statement.entry().user
    }

    /// The device that is to be removed, if one is.
    #[must_use]
    pub fn removes(&self) -> Option<&DeviceId> {
        match &self.statement.entry().op {
            Op::RemoveDevice { device } => Some(device),
            _ => None,
        }
    }

    /// The recovery keys that are to count from now on, if they are to change.
    #[must_use]
    pub fn recovery(&self) -> Option<&[RecoveryKey]> {
        match &self.statement.entry().op {
            Op::SetRecovery { recovery } => Some(recovery),
            _ => None,
        }
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.statement.entry().at
    }

    /// The same with the signature of the other owner, who has read what is asked. Gives the
    /// request for the registrar.
    ///
    /// # Errors
    /// [`Code::BadArgument`] unless recovery keys are to change.
    pub fn sign_also(self, key: &SigningKey) -> Result<Vec<u8>> {
        ensure(self.recovery().is_some(), Code::BadArgument, "one signature is enough")?;
        Ok(ChainChange { statement: self.statement.signed_also(key) }.to_bytes())
    }

    pub(in crate::identity) fn statement(&self) -> &Statement {
        &self.statement
    }
}

impl UserChain {
    /// Removes a device of the user, with the key of another one (or its own), or with a recovery
    /// key. Gives a request for [`Registrar::change`](super::Registrar::change).
    ///
    /// # Errors
    /// [`Code::BrokenChain`] if the device is not there, or `key` does not speak for the user;
    /// [`Code::BeyondDelegation`] if it does for the time of a shift alone, and the device for good.
    pub fn remove(&self, device: &DeviceId, key: &SigningKey, now: Timestamp) -> Result<Vec<u8>> {
        let statement = Statement::sign(self.next(Op::RemoveDevice { device: *device }, now)?, key)?;
        UserChain::check_next(Some(self), &statement)?;
        Ok(ChainChange { statement }.to_bytes())
    }

    /// Replaces the recovery keys, with one that counts now. Of a role, service or archive, the
    /// other owner has to agree with [`ChainChange::sign_also`] before the request goes to
    /// [`Registrar::change`](super::Registrar::change).
    ///
    /// # Errors
    /// [`Code::BadField`] if the keys do not fit the kind of user; [`Code::BrokenChain`] if one is not
    /// new, or `key` is none that counts.
    pub fn set_recovery(
        &self,
        mut recovery: Vec<RecoveryKey>,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        recovery.sort_by(|a, b| a.owner().cmp(b.owner()));
        let statement = Statement::sign(self.next(Op::SetRecovery { recovery }, now)?, key)?;
        match UserChain::check_next(Some(self), &statement) {
            Err(error) if error.code() == Code::BadField => {
                // Whether anything but the other owner's signature is missing, that signature tells.
                let complete = statement.clone().signed_also(key);
                let checked = UserChain::check_next(Some(self), &complete);
                let only = checked.is_err_and(|error| error.code() == Code::BadSignature);
                ensure(only, Code::BadField, "recovery keys")?;
            }
            checked => drop(checked?),
        }
        Ok(ChainChange { statement }.to_bytes())
    }
}

impl Wire for ChainChange {
    type Proto = proto::ChainChange;
    const MAX: usize = limits::ENROLMENT_REQUEST;
    const NAME: &'static str = "chain change";

    /// SPEC V-259.
    fn parse(proto: Self::Proto) -> Result<Self> {
        let second = &proto.second_signature;
        let statement = Statement::parse(proto.entry_version, proto.entry, &proto.signature, second)?;
        let changes = matches!(statement.entry().op, Op::RemoveDevice { .. } | Op::SetRecovery { .. });
        changes.then_some(ChainChange { statement }).ok_or(Error::new(Code::BadField, "no change"))
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ChainChange {
            entry_version: VERSION,
            entry: self.statement.body().clone(),
            signature: fields::raw(self.statement.signature().as_bytes()),
            second_signature: self.statement.second_field(),
        }
    }
}

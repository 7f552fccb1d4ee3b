//! What a new device brings to the registrar.

use bytes::Bytes;

use super::offer::DeviceOffer;
use crate::{
    code::Code,
    crypto::Verified,
    error::{Result, ensure},
    identity::chain::{DeviceKey, Op, Statement, UserKind},
    ids::{Device, UserId},
    limits,
    time::Timestamp,
    wire::{self, VERSION, Wire, fields, proto},
};

/// A request to be enrolled: an entry of the user's chain that the agency has yet to countersign.
///
/// Who reads one sees what is asked; whether the person at the counter is the user is for
/// people to find out before the registrar is called.
#[derive(Clone, Debug)]
pub struct EnrolmentRequest {
    statement: Statement,
    /// The new device's own word; there exactly if the entry adds a device.
    offer: Option<Verified<DeviceOffer>>,
}

impl EnrolmentRequest {
    pub(super) fn new(statement: Statement, offer: Option<Verified<DeviceOffer>>) -> Self {
        EnrolmentRequest { statement, offer }
    }

    /// Reads a request. The new device's key is shown to be its own; nothing else is checked.
    ///
    /// # Errors
    /// Those of decoding (1xx); [`Code::BadSignature`]; [`Code::CertificateMismatch`] if the
    /// entry is about another device than the offer (SPEC V-271, V-272).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self).to_vec()
    }

    /// Whose device it is to be.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.statement.entry().user
    }

    /// The new device.
    #[must_use]
    pub fn device(&self) -> Device {
        Device { user: self.user().clone(), id: self.device_key().id }
    }

    /// What the user is to be, if this is the user's first device.
    #[must_use]
    pub fn founds(&self) -> Option<UserKind> {
        match self.statement.entry().op {
            Op::Genesis { kind, .. } => Some(kind),
            Op::AddDevice { .. } => None,
        }
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.statement.entry().at
    }

    pub(super) fn device_key(&self) -> &DeviceKey {
        self.statement.entry().op.device()
    }

    /// The new device's own word.
    pub(in crate::identity) fn offer(&self) -> Option<&DeviceOffer> {
        self.offer.as_deref()
    }

    pub(super) fn statement(&self) -> &Statement {
        &self.statement
    }
}

impl Wire for EnrolmentRequest {
    type Proto = proto::EnrolmentRequest;
    const MAX: usize = limits::ENROLMENT_REQUEST;
    const NAME: &'static str = "enrolment request";

    /// SPEC V-271, V-272.
    fn parse(proto: Self::Proto) -> Result<Self> {
        let statement = Statement::parse(proto.entry_version, proto.entry, &proto.signature)?;
        let offer = fields::optional(proto.offer, limits::DEVICE_OFFER, "device offer")?;
        let offer = offer.as_ref().map(DeviceOffer::verify).transpose()?;
        let entry = statement.entry();
        let adds = matches!(entry.op, Op::AddDevice { .. });
        ensure(adds == offer.is_some(), Code::BadField, "device offer")?;
        if let Some(offer) = &offer {
            let same = offer.user == entry.user && offer.device == *entry.op.device();
            ensure(same, Code::CertificateMismatch, "offer and entry")?;
        }
        Ok(EnrolmentRequest { statement, offer })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::EnrolmentRequest {
            entry_version: VERSION,
            entry: self.statement.body().clone(),
            signature: fields::raw(self.statement.signature().as_bytes()),
            offer: self.offer.as_ref().map(|o| o.bytes().clone()).unwrap_or_default(),
        }
    }
}

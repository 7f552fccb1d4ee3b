//! What a new device brings to the registrar.

use bytes::Bytes;

use super::offer::DeviceOffer;
use crate::{
    code::Code,
    crypto::Verified,
    error::{Error, Result, ensure},
    identity::chain::{DeviceKey, Op, Statement, UserKind},
    ids::{Device, Hash, UserId},
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
    device: DeviceKey,
    /// The new device's own word; there exactly if another key endorses the device.
    offer: Option<Verified<DeviceOffer>>,
}

impl EnrolmentRequest {
    /// A request for the device that the entry endorses.
    ///
    /// # Errors
    /// [`Code::BadField`], [`Code::CertificateMismatch`] (SPEC V-272).
    pub(super) fn new(statement: Statement, offer: Option<Verified<DeviceOffer>>) -> Result<Self> {
        let entry = statement.entry();
        let device = entry.op.device().cloned().ok_or(Error::new(Code::BadField, "no device"))?;
        let founds = matches!(entry.op, Op::Genesis { .. });
        ensure(founds == offer.is_none(), Code::BadField, "device offer")?;
        if let Some(offer) = &offer {
            let same = offer.user == entry.user && offer.device == device;
            ensure(same, Code::CertificateMismatch, "offer and entry")?;
        }
        Ok(EnrolmentRequest { statement, device, offer })
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
            _ => None,
        }
    }

    /// The identity that the user gives up, if the user is to begin anew.
    #[must_use]
    pub fn replaces(&self) -> Option<&Hash> {
        self.statement.entry().replaces()
    }

    /// Until when (exclusive) a role is handed over to the device, if it is.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self.statement.entry().op {
            Op::Delegate { until, .. } => Some(until),
            _ => None,
        }
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.statement.entry().at
    }

    pub(super) fn device_key(&self) -> &DeviceKey {
        &self.device
    }

    /// The new device's own word.
    pub(in crate::identity) fn offer(&self) -> Option<&DeviceOffer> {
        self.offer.as_deref()
    }

    pub(in crate::identity) fn statement(&self) -> &Statement {
        &self.statement
    }
}

impl Wire for EnrolmentRequest {
    type Proto = proto::EnrolmentRequest;
    const MAX: usize = limits::ENROLMENT_REQUEST;
    const NAME: &'static str = "enrolment request";

    /// SPEC V-271, V-272.
    fn parse(proto: Self::Proto) -> Result<Self> {
        let statement = Statement::parse(proto.entry_version, proto.entry, &proto.signature, &[])?;
        let offer = fields::optional(proto.offer, limits::DEVICE_OFFER, "device offer")?;
        EnrolmentRequest::new(statement, offer.as_ref().map(DeviceOffer::verify).transpose()?)
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

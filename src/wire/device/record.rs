//! What a device is told of each of its key packages that was given out.

use super::{DeviceRequest, RequestBody};
use bytes::Bytes;

use crate::{
    code::Code,
    error::{Result, ensure},
    ids::Hash,
    limits,
    time::Timestamp,
    wire::{Signed, Wire, fields, proto},
};

/// That a key package was given out, and on whose signed claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimRecord {
    /// From 1, without gaps.
    pub(crate) number: u64,
    /// When it was given out.
    pub(crate) at: Timestamp,
    /// Which: its KeyPackageRef (RFC 9420 §5.2).
    pub(crate) package: Hash,
    /// The claim as its device has signed it.
    pub(crate) request: Box<Signed<DeviceRequest>>,
    /// That device's signed certificate.
    pub(crate) certificate: Bytes,
}

impl Wire for ClaimRecord {
    type Proto = proto::ClaimRecord;
    const MAX: usize = limits::CLAIM + limits::SMALL;
    const NAME: &'static str = "claim record";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let request = fields::filled(proto.request, limits::CLAIM, "claim")?;
        let request: Signed<DeviceRequest> = Signed::decode(&request)?;
        let claim = matches!(request.claimed().body, RequestBody::Claim(_));
        ensure(claim, Code::BadField, "not a claim")?;
        Ok(ClaimRecord {
            number: fields::positive(proto.number, "record number")?,
            at: Timestamp::from_millis(proto.at),
            package: Hash::from_slice(&proto.package)?,
            request: request.into(),
            certificate: fields::filled(proto.certificate, limits::CERTIFICATE, "device certificate")?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ClaimRecord {
            number: self.number,
            at: self.at.as_millis(),
            package: fields::raw(self.package.as_bytes()),
            request: self.request.bytes().clone(),
            certificate: self.certificate.clone(),
        }
    }
}

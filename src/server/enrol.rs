//! Making a device known.

use prost::Message as _;

use super::{call::Call, keys, keys::DeviceKeys, rows::DeviceRow};
use crate::{
    code::Code,
    crypto::verify,
    error::{Error, Result, ensure},
    limits,
    wire::{
        Signed,
        device::{DeviceRequest, ReplyBody, RequestBody},
    },
};

impl Call<'_, '_> {
    /// Enrols a device whose certificate the agency has signed; the request itself is signed
    /// with the key in it (SPEC V-543, V-545). A device comes again to renew its certificate.
    pub(super) fn enrol(&mut self, request: Signed<DeviceRequest>) -> Result<ReplyBody> {
        let DeviceRequest { device, body: RequestBody::Enrol(enrol), .. } = request.claimed().clone() else {
            return Err(Error::new(Code::Bug, "not an enrolment"));
        };
        self.take_chain(&enrol.chain)?;
        let verified = self.directory.verify_device(&self.draft, &enrol.certificate)?;
        ensure(*verified.device() == device, Code::CertificateMismatch, "another device's certificate")?;
        verify(request, verified.key())?;

        let row = DeviceRow {
            certificate: enrol.certificate,
            key: verified.key().as_bytes().to_vec().into(),
            not_after: verified.validity().1.as_millis(),
            serial: verified.serial(),
        };
        let before = self.enrolled(&device)?;
        // An old request that comes again takes nothing back.
        if before.as_ref().is_some_and(|before| before.serial >= row.serial) {
            return Ok(ReplyBody::Done);
        }
        if before.is_none() {
            self.forget_gone(&device.user)?;
            let others = self.draft.scan(&keys::devices_of(&device.user), None, limits::DEVICES_PER_USER)?;
            ensure(others.len() < limits::DEVICES_PER_USER, Code::Quota, "devices of a user")?;
        }
        self.draft.guard(DeviceKeys::of(&device).guard())?;
        self.draft.put(keys::enrolled(&device), row.encode_to_vec());
        Ok(ReplyBody::Done)
    }
}

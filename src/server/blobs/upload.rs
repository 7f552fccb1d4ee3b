//! Taking attachments from our devices.

use super::{
    super::{
        call::Call,
        keys::BlobKeys,
        rows::{BlobRow, DeviceName},
    },
    verifier,
};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::Device,
    limits,
    wire::{
        device::{BlobBegin, BlobPut, ReplyBody},
        encode_body,
        fields::raw,
    },
};

impl Call<'_, '_> {
    /// Takes the announcement of an attachment (SPEC V-561).
    pub(in crate::server) fn blob_begin(&mut self, device: &Device, begin: &BlobBegin) -> Result<ReplyBody> {
        let chunks = verifier(&begin.info)?.geometry().chunks();
        ensure(self.now() < begin.expires_at, Code::Expired, "attachment")?;
        let latest = self.now().plus(limits::BLOB_LIFETIME);
        ensure(begin.expires_at <= latest, Code::Quota, "attachment's time")?;

        let origin = self.own.agency.clone();
        let keys = BlobKeys::of(&origin, &begin.blob);
        let info = encode_body(&begin.info).to_vec();
        let row = BlobRow {
            capability_hash: raw(begin.capability_hash.as_bytes()),
            expires_at: begin.expires_at.as_millis(),
            uploader: Some(DeviceName::of(device)),
            chunks,
            present: 0,
        };
        if let Some(known) = self.blob(&origin, &begin.blob)? {
            let same =
                BlobRow { present: 0, ..known.row } == row && self.draft.get(&keys.info())? == Some(info);
            ensure(same, Code::Equivocation, "another attachment has this name")?;
            return Ok(ReplyBody::Done);
        }
        self.draft.guard(keys.guard())?;
        self.put_blob(&keys, (&origin, &begin.blob), &row, info);
        Ok(ReplyBody::Done)
    }

    /// Takes a chunk of an attachment from the device that announced it (SPEC V-562).
    pub(in crate::server) fn blob_put(&mut self, device: &Device, put: &BlobPut) -> Result<ReplyBody> {
        let origin = self.own.agency.clone();
        let blob = self.known_blob(&origin, &put.blob)?;
        let theirs = blob.row.uploader == Some(DeviceName::of(device));
        ensure(theirs, Code::NotPermitted, "another device's attachment")?;
        self.take_chunk(blob, put.index)?;
        Ok(ReplyBody::Done)
    }
}

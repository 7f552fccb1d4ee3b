//! Taking attachments from our devices.

use super::{
    super::{
        call::Call,
        keys::BlobKeys,
        rows::{BlobRow, DeviceName},
    },
    Blob, made,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{BlobId, Device},
    limits,
    time::Timestamp,
    wire::{
        device::{BlobBegin, BlobPut, ReplyBody},
        fields::raw,
    },
};

impl Call<'_, '_> {
    /// Takes the announcement of an attachment (SPEC V-561). One that was given up may be
    /// announced again; one that was taken back may not.
    pub(in crate::server) fn blob_begin(&mut self, device: &Device, begin: &BlobBegin) -> Result<ReplyBody> {
        let row = BlobRow {
            capability_hash: raw(begin.capability_hash.as_bytes()),
            expires_at: begin.expires_at.as_millis(),
            uploader: Some(DeviceName::of(device)),
            user: device.user.to_string(),
            at: self.now().as_millis(),
            ..made(&begin.info)?
        };
        ensure(self.now() < begin.expires_at, Code::Expired, "attachment")?;
        let latest = self.now().plus(limits::BLOB_LIFETIME);
        ensure(begin.expires_at <= latest, Code::Quota, "attachment's time")?;

        let origin = self.own.agency.clone();
        let known = self.blob(&origin, &begin.blob)?;
        let keys = BlobKeys::of(&origin, &begin.blob);
        // One that has expired stands there until its storage is given back.
        let free = known.is_some() || self.draft.get(&keys.record())?.is_none();
        ensure(free, Code::Expired, "attachment of this name")?;
        let mut blob = Blob { origin, id: begin.blob, keys, row };
        if let Some(known) = known {
            let same_name = known.row.uploader == blob.row.uploader
                && known.row.capability_hash == blob.row.capability_hash
                && known.row.expires_at == blob.row.expires_at;
            ensure(same_name, Code::Equivocation, "another attachment has this name")?;
            if known.row.gone == u32::from(Code::UploadAbandoned.number()) {
                self.uncharge(&known)?;
                self.draft.delete_prefix(known.keys.all());
            } else {
                known.stands()?;
                let same = self.blob_info(&known)? == begin.info;
                ensure(same, Code::Equivocation, "another attachment has this name")?;
                return Ok(ReplyBody::Done);
            }
        }
        self.draft.guard(blob.keys.guard())?;
        self.put_blob(&mut blob, &begin.info)?;
        self.give_up_later(&blob);
        Ok(ReplyBody::Done)
    }

    /// Takes a chunk of an attachment from the device that announced it (SPEC V-562). Without a
    /// chunk beside it the device asks whether it is here already.
    pub(in crate::server) fn blob_put(&mut self, device: &Device, put: &BlobPut) -> Result<ReplyBody> {
        let origin = self.own.agency.clone();
        let mut blob = self.known_blob(&origin, &put.blob)?;
        let theirs = blob.row.uploader == Some(DeviceName::of(device));
        ensure(theirs, Code::NotPermitted, "another device's attachment")?;
        blob.stands()?;
        ensure(put.index < blob.row.chunks, Code::BadField, "chunk index")?;
        if self.has_chunk(&blob, put.index)? {
            return Ok(ReplyBody::Done);
        }
        let chunk = self.chunk.ok_or(Error::new(Code::BlobIncomplete, "no chunk beside the message"))?;
        self.check_chunk(&blob, put.index, chunk)?;
        self.take_chunk(&mut blob, put.index)?;
        blob.row.at = self.now().as_millis();
        self.write(blob.keys.record(), &blob.row);
        Ok(ReplyBody::Done)
    }

    /// Gives an upload up of which nothing has come for too long (SPEC V-681).
    pub(in crate::server) fn give_up(&mut self, id: &BlobId) -> Result<()> {
        let origin = self.own.agency.clone();
        let Some(blob) = self.blob(&origin, id)? else { return Ok(()) };
        // What was whole is no upload any more, though a chunk of it was lost since.
        if blob.row.gone > 0 || blob.is_whole() || blob.row.lost {
            return Ok(());
        }
        if self.now() < given_up_at(&blob) {
            self.give_up_later(&blob);
            return Ok(());
        }
        self.lay_down(blob, Code::UploadAbandoned)
    }

    fn give_up_later(&mut self, blob: &Blob) {
        self.look_at_upload(given_up_at(blob), &blob.origin, &blob.id, &blob.keys);
    }
}

fn given_up_at(blob: &Blob) -> Timestamp {
    Timestamp::from_millis(blob.row.at).plus(limits::UPLOAD_KEPT)
}

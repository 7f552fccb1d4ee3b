//! Sharing files: first they are brought to the own agency's server ([`upload`](super::upload)), one
//! after the other, and then the message goes that names them.

use core::time::Duration;

use super::{
    Receipt,
    call::Call,
    keys,
    outbox::Item,
    rows::{self, ForgetRow, ShareWork, UploadRow, Work},
};
use crate::{
    attachment::{ChunkList, ChunkRef, FileRef, Header},
    code::Code,
    content::{Attachment, Content},
    error::{Error, Result, ensure},
    ids::{BlobId, RequestId, RoomId},
    store::corrupt,
};

impl Call<'_, '_> {
    /// Takes sealed files over from the app: the message's, and that of its preview if it has one.
    pub(super) fn share(
        &mut self,
        request: RequestId,
        room: RoomId,
        (attachment, lifetime): (Attachment, Option<Duration>),
        sealed: (&Header, &ChunkList),
        preview: Option<(&Header, &ChunkList)>,
    ) -> Result<Receipt> {
        let mut session = self.open(&room)?;
        session.has_room()?;
        ensure(session.row.active, Code::UnknownRoom, "the room is not founded yet")?;
        self.may_send(&session)?;
        let named = attachment.preview_file().map(|preview| preview.file());
        ensure(named.is_some() == preview.is_some(), Code::BadArgument, "preview file")?;
        // The preview first: it is small, and what is not given at all is found out early.
        let files = named.into_iter().zip(preview).chain([(attachment.file(), sealed)]);
        let (mut uploads, mut before) = (Vec::new(), 0_u64);
        for (file, sealed) in files {
            let id = self.random_id();
            let row = UploadRow { before, request: request.as_bytes().to_vec(), ..UploadRow::default() };
            before = before.saturating_add(sealed.1.len());
            uploads.push((id, self.prepare_upload(&id, file, sealed, row)?));
        }
        let ids = uploads.iter().map(|(id, _)| id.as_bytes().to_vec()).collect();
        let message = self.message_work(&session, &Content::from(attachment), lifetime)?;
        let work = ShareWork { message: Some(message), uploads: ids, up: Vec::new() };
        let item = self.enqueue(request, &room, Work::Share(work))?;
        session.row.messages = session.row.messages.saturating_add(1);
        self.close(session)?;
        for (place, (id, mut row)) in uploads.into_iter().enumerate() {
            (row.room, row.item, row.total) = (room.as_bytes().to_vec(), item.number, before);
            match place {
                0 => self.upload_on(&id, row)?,
                _ => rows::write(&mut self.draft, keys::upload(&id), &row),
            }
        }
        self.receipt(&request)?.ok_or(Error::new(Code::Bug, "receipt"))
    }

    /// One of the files is up: the next one, or the message.
    pub(super) fn share_uploaded(&mut self, row: &UploadRow) -> Result<()> {
        let (room, Some(mut item)) = self.sharing(row)? else { return Ok(()) };
        let Some(Work::Share(share)) = &mut item.row.work else { return Err(corrupt("not an upload")) };
        share.up.push(row.blob.clone());
        share.uploads.remove(0);
        if let Some(next) = share.uploads.first() {
            let id = RequestId::from_slice(next)?;
            self.keep(&room, &item);
            let next: Option<UploadRow> = rows::read(&self.draft, &keys::upload(&id), "upload")?;
            return self.upload_on(&id, next.ok_or(corrupt("no upload"))?);
        }
        let message = share.message.take().ok_or(corrupt("upload without message"))?;
        item.row.work = Some(Work::Message(message));
        self.keep(&room, &item);
        let mut session = self.open(&room)?;
        self.queue_message(&mut session, item)?;
        self.close(session)
    }

    /// One of the files cannot be brought: nothing is shared.
    pub(super) fn share_failed(&mut self, row: &UploadRow, error: &Error) -> Result<()> {
        let (room, Some(item)) = self.sharing(row)? else { return Ok(()) };
        let mut session = self.open(&room)?;
        self.not_sent(&mut session, &item, error)?;
        self.close(session)
    }

    fn sharing(&mut self, row: &UploadRow) -> Result<(RoomId, Option<Item>)> {
        let room = RoomId::from_slice(&row.room)?;
        // Another engine may have settled it: it would come back.
        self.draft.expect_unchanged(keys::outbox_item(&room, row.item))?;
        let item = self.item(&room, row.item)?;
        Ok((room, item))
    }

    /// Nothing comes of sharing: what was on its way ends, and what is up is taken back unless a message
    /// names it.
    pub(super) fn end_share(&mut self, share: &ShareWork) -> Result<()> {
        for id in &share.uploads {
            self.end_upload(&RequestId::from_slice(id)?)?;
        }
        for blob in &share.up {
            let blob = BlobId::from_slice(blob)?;
            if !self.is_named(&blob, true)? && self.draft.get(&keys::forget(&blob))?.is_none() {
                self.ask_forget(&blob, ForgetRow::default())?;
            }
        }
        Ok(())
    }
}

/// A chunk of a file, as hosts name it.
pub(super) fn chunk_of(file: &FileRef, index: u64) -> ChunkRef {
    ChunkRef { origin: file.origin.clone(), blob: file.blob, index }
}

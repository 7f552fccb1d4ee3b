//! Bringing an attachment to the own agency's server, chunk by chunk, and then the message
//! that shares it. Each step is stored before the next is asked for, so an upload goes on
//! where a crash or an outage has stopped it.

use core::time::Duration;

use super::{
    Output, Receipt,
    call::Call,
    keys,
    outbox::{Item, id16},
    rows::{self, AwaitedRow, InfoRow, ShareWork, Work},
};
use crate::{
    attachment::{ChunkList, ChunkRef, FileRef, Header, Verifier},
    code::Code,
    content::{Attachment, Content},
    error::{Error, Result, ensure},
    ids::{BlobId, Hash, RequestId, RoomId},
    store::corrupt,
    time::Timestamp,
    wire::device::{BlobBegin, BlobInfo, BlobPut, RequestBody},
};

/// How often an upload begins again that the server does not know any more.
pub(super) const ANEW: u32 = 3;

impl Call<'_, '_> {
    /// Takes a sealed file over from the app.
    pub(super) fn share(
        &mut self,
        request: RequestId,
        room: RoomId,
        (attachment, lifetime): (Attachment, Option<Duration>),
        (header, list): (&Header, &ChunkList),
    ) -> Result<Receipt> {
        let file = attachment.file().clone();
        let mut session = self.open(&room)?;
        session.has_room()?;
        ensure(session.row.active, Code::UnknownRoom, "the room is not founded yet")?;
        self.may_send(&session)?;
        self.keep_info(&file, (header, list))?;
        let work = ShareWork {
            message: Some(self.message_work(&session, &Content::from(attachment), lifetime)?),
            blob: file.blob.as_bytes().to_vec(),
            done: 0,
            chunks: list.len(),
            announced: false,
            probes: false,
            anew: 0,
        };
        let mut item = self.enqueue(request, &room, Work::Share(work))?;
        session.row.messages = session.row.messages.saturating_add(1);
        self.close(session)?;
        self.ask_share(&room, &mut item)?;
        self.receipt(&request)?.ok_or(Error::new(Code::Bug, "receipt"))
    }

    /// Keeps what a file is announced with, if it fits together.
    pub(super) fn keep_info(&mut self, file: &FileRef, (header, list): (&Header, &ChunkList)) -> Result<()> {
        let home = self.account.device.user.agency();
        ensure(file.origin == *home, Code::BadArgument, "the file's origin is another agency")?;
        Verifier::with_root(&file.root, header, list.clone(), file.padded_size)?;
        let info = InfoRow {
            header: header.to_bytes().to_vec(),
            chunk_hashes: list.as_bytes().to_vec(),
            padded: file.padded_size,
            capability_hash: file.capability().hash().as_bytes().to_vec(),
            expires_at: file.expires_at.as_millis(),
        };
        rows::write(&mut self.draft, keys::share_info(&file.blob), &info);
        Ok(())
    }

    /// Asks for the next step of an upload: the announcement, then chunk after chunk.
    fn ask_share(&mut self, room: &RoomId, item: &mut Item) -> Result<()> {
        let Some(Work::Share(share)) = &mut item.row.work else { return Err(corrupt("not an upload")) };
        share.probes = false;
        let share = share.clone();
        let blob = BlobId::from_slice(&share.blob)?;
        let (body, index) = self.upload_step(blob, share.announced.then_some(share.done))?;
        let id = self.random_id();
        let bytes = self.request(id, body);
        item.row.submission = bytes.to_vec();
        item.row.awaited = id.as_bytes().to_vec();
        item.row.attempts = 0;
        item.row.due = self.retry_at(0).as_millis();
        self.keep(room, item);
        let row = AwaitedRow { room: room.as_bytes().to_vec(), item: item.number, ..Default::default() };
        self.await_answer(id.as_bytes(), &row);
        self.send_step(blob, index, bytes);
        Ok(())
    }

    /// One step of an upload: the announcement, or a chunk.
    pub(super) fn upload_step(&self, blob: BlobId, index: Option<u64>) -> Result<(RequestBody, Option<u64>)> {
        let body = match index {
            None => RequestBody::BlobBegin(self.announcement(&blob)?),
            Some(index) => RequestBody::BlobPut(BlobPut { blob, index }),
        };
        Ok((body, index))
    }

    pub(super) fn send_step(&mut self, blob: BlobId, index: Option<u64>, bytes: bytes::Bytes) {
        let origin = self.account.device.user.agency().clone();
        self.output(match index {
            Some(index) => Output::send_with(bytes, ChunkRef { origin, blob, index }),
            None => Output::send(bytes),
        });
    }

    /// Sends an upload's unanswered step again. Whether the server has the chunk it is asked first,
    /// and only if not, the chunk goes again (SPEC V-683).
    pub(super) fn resend_share(&mut self, room: &RoomId, item: &mut Item) -> Result<()> {
        let bytes = bytes::Bytes::copy_from_slice(&item.row.submission);
        let Some(Work::Share(share)) = &mut item.row.work else { return Err(corrupt("not an upload")) };
        share.probes = share.announced;
        self.keep(room, item);
        self.output(Output::send(bytes));
        Ok(())
    }

    /// Whether an upload goes on in spite of what the server says: it does not have the chunk that it
    /// was asked about, or nothing of the upload any more.
    pub(super) fn share_goes_on(&mut self, room: &RoomId, item: &mut Item, code: Code) -> Result<bool> {
        let bytes = bytes::Bytes::copy_from_slice(&item.row.submission);
        let Some(Work::Share(share)) = &mut item.row.work else { return Ok(false) };
        match code {
            Code::BlobIncomplete if share.probes => {
                share.probes = false;
                let (blob, index) = (BlobId::from_slice(&share.blob)?, share.done);
                self.keep(room, item);
                self.send_step(blob, Some(index), bytes);
                Ok(true)
            }
            // The chunk was lost on the way while its message was not.
            Code::BlobIncomplete => Ok(true),
            Code::UploadAbandoned | Code::UnknownBlob if share.announced && share.anew < ANEW => {
                (share.announced, share.done) = (false, 0);
                share.anew = share.anew.saturating_add(1);
                self.no_longer_awaited(&id16(&item.row.awaited)?);
                self.ask_share(room, item)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn announcement(&self, blob: &BlobId) -> Result<BlobBegin> {
        let info: Option<InfoRow> = rows::read(&self.draft, &keys::share_info(blob), "upload")?;
        let info = info.ok_or(corrupt("upload without chunk hashes"))?;
        Ok(BlobBegin {
            blob: *blob,
            capability_hash: Hash::from_slice(&info.capability_hash)?,
            expires_at: Timestamp::from_millis(info.expires_at),
            info: BlobInfo {
                header: info.header.into(),
                chunk_hashes: info.chunk_hashes.into(),
                padded: info.padded,
            },
        })
    }

    /// The server has taken a step: the next one, or the message once all chunks are there.
    pub(super) fn share_answered(&mut self, room: &RoomId, mut item: Item) -> Result<()> {
        // Another engine may have been answered the same: its next question would stay for ever.
        self.draft.expect_unchanged(keys::outbox_item(room, item.number))?;
        self.no_longer_awaited(&id16(&item.row.awaited)?);
        let request = item.request()?;
        let Some(Work::Share(share)) = &mut item.row.work else { return Ok(()) };
        match share.announced {
            false => share.announced = true,
            true => share.done = share.done.saturating_add(1),
        }
        let (done, total) = (share.done, share.chunks);
        self.output(Output::Progress { request, done, total });
        if done < total {
            return self.ask_share(room, &mut item);
        }
        let message = share.message.take().ok_or(corrupt("upload without message"))?;
        self.draft.delete(keys::share_info(&BlobId::from_slice(&share.blob)?));
        item.row.work = Some(Work::Message(message));
        item.row.submission.clear();
        item.row.awaited.clear();
        self.keep(room, &item);
        let mut session = self.open(room)?;
        self.queue_message(&mut session, item)?;
        self.close(session)
    }
}

/// The file that a message shares, checked against what is to be uploaded.
pub(super) fn chunk_of(file: &FileRef, index: u64) -> ChunkRef {
    ChunkRef { origin: file.origin.clone(), blob: file.blob, index }
}

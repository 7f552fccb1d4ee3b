//! Bringing a sealed file to the own agency's server: it is announced, and then its chunks go, a few at one
//! time. Each step is stored before it goes, so that an upload goes on where a crash or an outage has
//! stopped it: what may have arrived is asked about first (SPEC V-680, V-683).

use super::{
    Event, Output,
    call::Call,
    keys,
    rows::{self, AwaitedRow, InfoRow, PutRow, ReceiptRow, UploadRow},
};
use crate::{
    attachment::{ChunkList, ChunkRef, FileRef, Header, Verifier},
    code::Code,
    error::{Error, Result, ensure},
    ids::{BlobId, Hash, RequestId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::device::{BlobBegin, BlobInfo, BlobPut, RequestBody},
};

/// How often an upload begins again that the server does not know any more.
const ANEW: u32 = 3;

impl Call<'_, '_> {
    /// Begins to upload a file that no message shares: what the user's next device is handed.
    pub(super) fn upload(
        &mut self,
        request: RequestId,
        file: &FileRef,
        sealed: (&Header, &ChunkList),
    ) -> Result<()> {
        let receipt = ReceiptRow { at: self.now().as_millis(), ..ReceiptRow::default() };
        rows::write(&mut self.draft, keys::receipt(&request), &receipt);
        let row =
            UploadRow { request: request.as_bytes().to_vec(), total: sealed.1.len(), ..UploadRow::default() };
        let row = self.prepare_upload(&request, file, sealed, row)?;
        self.upload_on(&request, row)
    }

    /// Keeps what a file is announced with, if it fits together.
    pub(super) fn prepare_upload(
        &mut self,
        id: &RequestId,
        file: &FileRef,
        (header, list): (&Header, &ChunkList),
        row: UploadRow,
    ) -> Result<UploadRow> {
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
        rows::write(&mut self.draft, keys::upload_info(id), &info);
        let until = file.expires_at.as_millis();
        Ok(UploadRow { blob: file.blob.as_bytes().to_vec(), chunks: list.len(), until, ..row })
    }

    /// Sends what may go now: the announcement, or chunks as far as the window reaches.
    pub(super) fn upload_on(&mut self, id: &RequestId, mut row: UploadRow) -> Result<()> {
        let blob = BlobId::from_slice(&row.blob)?;
        if !row.announced && row.steps.is_empty() {
            let step = self.step(id, (blob, false), PutRow::default())?;
            row.steps.push(step);
        }
        while row.announced && row.steps.len() < limits::UPLOAD_WINDOW && row.next < row.chunks {
            let step = PutRow { index: row.next, ..PutRow::default() };
            let step = self.step(id, (blob, true), step)?;
            row.steps.push(step);
            row.next = row.next.saturating_add(1);
        }
        rows::write(&mut self.draft, keys::upload(id), &row);
        Ok(())
    }

    /// Sends a step, under a request id of its own.
    fn step(&mut self, id: &RequestId, (blob, announced): (BlobId, bool), step: PutRow) -> Result<PutRow> {
        let asked = self.random_id();
        let due = self.retry_at(step.attempts).as_millis();
        let awaited = AwaitedRow { upload: id.as_bytes().to_vec(), ..AwaitedRow::default() };
        self.await_answer(asked.as_bytes(), &awaited);
        let body = match announced {
            false => RequestBody::BlobBegin(self.announcement(id, &blob)?),
            true => RequestBody::BlobPut(BlobPut { blob, index: step.index }),
        };
        let bytes = self.request(asked, body);
        let origin = self.account.device.user.agency().clone();
        self.output(match announced && !step.probes {
            true => Output::send_with(bytes, ChunkRef { origin, blob, index: step.index }),
            false => Output::send(bytes),
        });
        Ok(PutRow { awaited: asked.as_bytes().to_vec(), due, ..step })
    }

    fn announcement(&self, id: &RequestId, blob: &BlobId) -> Result<BlobBegin> {
        let info: Option<InfoRow> = rows::read(&self.draft, &keys::upload_info(id), "upload")?;
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

    /// The upload to which an answer belongs, and the place of the step.
    fn uploading(
        &mut self,
        awaited: &AwaitedRow,
        answered: &[u8; 16],
    ) -> Result<Option<(RequestId, UploadRow, usize)>> {
        let id = RequestId::from_slice(&awaited.upload)?;
        // Another engine may have asked anew meanwhile: that question would stay for ever.
        self.draft.expect_unchanged(keys::upload(&id))?;
        let row: Option<UploadRow> = rows::read(&self.draft, &keys::upload(&id), "upload")?;
        let Some(row) = row else { return Ok(None) };
        let place = row.steps.iter().position(|step| step.awaited == answered);
        Ok(place.map(|place| (id, row, place)))
    }

    /// The server has taken a step.
    pub(super) fn upload_answered(&mut self, awaited: &AwaitedRow, answered: &[u8; 16]) -> Result<()> {
        let Some((id, mut row, place)) = self.uploading(awaited, answered)? else { return Ok(()) };
        self.no_longer_awaited(answered);
        row.steps.remove(place);
        match row.announced {
            false => row.announced = true,
            true => row.done = row.done.saturating_add(1),
        }
        let request = RequestId::from_slice(&row.request)?;
        self.output(Output::Progress {
            request,
            done: row.before.saturating_add(row.done),
            total: row.total,
        });
        if row.done < row.chunks {
            return self.upload_on(&id, row);
        }
        self.end_upload(&id)?;
        match row.item {
            0 => self.event(&Event::Done { request }),
            _ => self.share_uploaded(&row),
        }
    }

    /// The server has not taken it: later, if it says when, or else never.
    pub(super) fn upload_refused(
        &mut self,
        awaited: &AwaitedRow,
        answered: &[u8; 16],
        refused: &Error,
    ) -> Result<()> {
        let Some((id, mut row, place)) = self.uploading(awaited, answered)? else { return Ok(()) };
        let blob = BlobId::from_slice(&row.blob)?;
        let step = row.steps.get_mut(place).ok_or(corrupt("upload step"))?;
        match refused.code() {
            // It does not have the chunk that it was asked about.
            Code::BlobIncomplete if step.probes => {
                self.no_longer_awaited(answered);
                *step = self.step(&id, (blob, true), PutRow { probes: false, ..step.clone() })?;
                rows::write(&mut self.draft, keys::upload(&id), &row);
                return Ok(());
            }
            // The chunk was lost on the way while its message was not.
            Code::BlobIncomplete => return Ok(()),
            // It does not know the upload any more.
            Code::UploadAbandoned | Code::UnknownBlob if row.announced && row.anew < ANEW => {
                self.no_steps_awaited(&mut row)?;
                (row.announced, row.next, row.done) = (false, 0, 0);
                row.anew = row.anew.saturating_add(1);
                return self.upload_on(&id, row);
            }
            _ => {}
        }
        if let Some(retry_at) = refused.retry_at() {
            step.due = self.advised(retry_at).as_millis();
            rows::write(&mut self.draft, keys::upload(&id), &row);
            return Ok(());
        }
        self.upload_failed(&id, &row, refused)
    }

    fn upload_failed(&mut self, id: &RequestId, row: &UploadRow, error: &Error) -> Result<()> {
        self.end_upload(id)?;
        match row.item {
            0 => self.event(&Event::failed(RequestId::from_slice(&row.request)?, error)),
            _ => self.share_failed(row, error),
        }
    }

    fn no_steps_awaited(&mut self, row: &mut UploadRow) -> Result<()> {
        for step in core::mem::take(&mut row.steps) {
            self.no_longer_awaited(&super::outbox::id16(&step.awaited)?);
        }
        Ok(())
    }

    pub(super) fn end_upload(&mut self, id: &RequestId) -> Result<()> {
        if let Some(mut row) = rows::read::<UploadRow>(&self.draft, &keys::upload(id), "upload")? {
            self.no_steps_awaited(&mut row)?;
        }
        self.draft.delete(keys::upload(id));
        self.draft.delete(keys::upload_info(id));
        Ok(())
    }

    /// Sends again what is unanswered, and gives up what nobody could fetch any more.
    pub(super) fn remind_uploads(&mut self, all: bool) -> Result<()> {
        let prefix = keys::uploads();
        for (key, row) in self.all_rows(&prefix)? {
            let mut row: UploadRow = rows::parse(&row, "upload")?;
            let mut due = Vec::new();
            for (place, step) in row.steps.iter().enumerate() {
                match self.due(all, step.due) {
                    true => due.push(place),
                    false => self.wake(Timestamp::from_millis(step.due)),
                }
            }
            if due.is_empty() {
                continue;
            }
            let id = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("upload key"))?)?;
            // Or a late batch would bring back what another engine has ended.
            self.draft.expect_unchanged(key)?;
            if self.passed(row.until) {
                self.upload_failed(&id, &row, &Error::new(Code::Expired, "upload"))?;
                continue;
            }
            let (blob, announced) = (BlobId::from_slice(&row.blob)?, row.announced);
            for place in due {
                let step = row.steps.get_mut(place).ok_or(corrupt("upload step"))?;
                self.no_longer_awaited(&super::outbox::id16(&step.awaited)?);
                let attempts = step.attempts.saturating_add(1);
                let again = PutRow { attempts, probes: announced, ..step.clone() };
                *step = self.step(&id, (blob, announced), again)?;
            }
            rows::write(&mut self.draft, keys::upload(&id), &row);
        }
        Ok(())
    }
}

//! Bringing a sealed file to the own agency's server that no message shares: what the user's
//! next device is handed. As with [`share`](super::share), each step is stored before the next
//! is asked for.

use super::{
    Event, Output,
    call::Call,
    keys,
    outbox::id16,
    rows::{self, AwaitedRow, ReceiptRow, UploadRow},
    share::ANEW,
};
use crate::{
    attachment::{ChunkList, FileRef, Header},
    code::Code,
    error::{Error, Result},
    ids::{BlobId, RequestId},
    limits,
    store::corrupt,
    time::Timestamp,
};

impl Call<'_, '_> {
    /// Begins to upload a file.
    pub(super) fn upload(
        &mut self,
        request: RequestId,
        file: &FileRef,
        (header, list): (&Header, &ChunkList),
    ) -> Result<()> {
        self.keep_info(file, (header, list))?;
        let receipt = ReceiptRow { at: self.now().as_millis(), ..ReceiptRow::default() };
        rows::write(&mut self.draft, keys::receipt(&request), &receipt);
        let row = UploadRow {
            blob: file.blob.as_bytes().to_vec(),
            chunks: list.len(),
            until: file.expires_at.as_millis(),
            ..UploadRow::default()
        };
        self.ask_upload(&request, row)
    }

    /// Asks for the next step, or for the same one again.
    fn ask_upload(&mut self, request: &RequestId, mut row: UploadRow) -> Result<()> {
        let blob = BlobId::from_slice(&row.blob)?;
        let (body, index) = self.upload_step(blob, row.announced.then_some(row.done))?;
        let id = self.random_id();
        row.awaited = id.as_bytes().to_vec();
        row.due = self.retry_at(row.attempts).as_millis();
        rows::write(&mut self.draft, keys::upload(request), &row);
        let awaited = AwaitedRow { upload: request.as_bytes().to_vec(), ..AwaitedRow::default() };
        self.await_answer(id.as_bytes(), &awaited);
        let bytes = self.request(id, body);
        match row.probes {
            true => self.output(Output::send(bytes)),
            false => self.send_step(blob, index, bytes),
        }
        Ok(())
    }

    fn uploading(&mut self, awaited: &AwaitedRow) -> Result<Option<(RequestId, UploadRow)>> {
        let request = RequestId::from_slice(&awaited.upload)?;
        // Another engine may have asked anew meanwhile: that question would stay for ever.
        self.draft.expect_unchanged(keys::upload(&request))?;
        let row: Option<UploadRow> = rows::read(&self.draft, &keys::upload(&request), "upload")?;
        let Some(row) = row else { return Ok(None) };
        self.no_longer_awaited(&id16(&row.awaited)?);
        Ok(Some((request, row)))
    }

    /// The server has taken a step.
    pub(super) fn upload_answered(&mut self, awaited: &AwaitedRow) -> Result<()> {
        let Some((request, mut row)) = self.uploading(awaited)? else { return Ok(()) };
        match row.announced {
            false => row.announced = true,
            true => row.done = row.done.saturating_add(1),
        }
        (row.attempts, row.probes) = (0, false);
        self.output(Output::Progress { request, done: row.done, total: row.chunks });
        if row.done < row.chunks {
            return self.ask_upload(&request, row);
        }
        self.end_upload(&request, &row)?;
        self.event(&Event::Done { request })
    }

    /// The server has not taken it: later, if it says when, or else never.
    pub(super) fn upload_refused(&mut self, awaited: &AwaitedRow, refused: &Error) -> Result<()> {
        let Some((request, mut row)) = self.uploading(awaited)? else { return Ok(()) };
        match refused.code() {
            // As in `share_goes_on`.
            Code::BlobIncomplete if row.probes => {
                row.probes = false;
                return self.ask_upload(&request, row);
            }
            Code::BlobIncomplete => {
                let id = id16(&row.awaited)?;
                self.await_answer(&id, awaited);
                return Ok(());
            }
            Code::UploadAbandoned | Code::UnknownBlob if row.announced && row.anew < ANEW => {
                (row.announced, row.done, row.probes) = (false, 0, false);
                row.anew = row.anew.saturating_add(1);
                return self.ask_upload(&request, row);
            }
            _ => {}
        }
        if let Some(retry_at) = refused.retry_at() {
            let id = id16(&row.awaited)?;
            self.await_answer(&id, awaited);
            let furthest = self.now().as_millis().saturating_add(limits::RETRY_MAX_MILLIS);
            row.due = retry_at.as_millis().min(furthest);
            self.wake(Timestamp::from_millis(row.due));
            rows::write(&mut self.draft, keys::upload(&request), &row);
            return Ok(());
        }
        self.end_upload(&request, &row)?;
        self.event(&Event::failed(request, refused))
    }

    fn end_upload(&mut self, request: &RequestId, row: &UploadRow) -> Result<()> {
        self.draft.delete(keys::upload(request));
        self.draft.delete(keys::share_info(&BlobId::from_slice(&row.blob)?));
        Ok(())
    }

    /// Sends again what is unanswered, and gives up what nobody could fetch any more.
    pub(super) fn remind_uploads(&mut self, all: bool) -> Result<()> {
        let prefix = keys::uploads();
        for (key, row) in self.all_rows(&prefix)? {
            let mut row: UploadRow = rows::parse(&row, "upload")?;
            if !self.due(all, row.due) {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("upload key"))?)?;
            // Or a late batch would bring back what another engine has ended.
            self.draft.expect_unchanged(key)?;
            self.no_longer_awaited(&id16(&row.awaited)?);
            if self.passed(row.until) {
                self.end_upload(&request, &row)?;
                self.event(&Event::failed(request, &Error::new(Code::Expired, "upload")))?;
                continue;
            }
            row.attempts = row.attempts.saturating_add(1);
            row.probes = row.announced;
            self.ask_upload(&request, row)?;
        }
        Ok(())
    }
}

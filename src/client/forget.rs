//! Taking files back (SPEC "Taking back"): by the app's word, or because the last message of which
//! this device knows that names it was deleted. Which messages name a file, the index knows.

use super::{
    Event, Receipt,
    call::Call,
    keys,
    outbox::id16,
    rows::{self, AwaitedRow, ForgetRow, MessageRow, NamedRow, ReceiptRow},
};
use crate::{
    attachment::FileRef,
    code::Code,
    content::Content,
    error::{Error, Result, ensure},
    ids::{BlobId, MessageId, RequestId, RoomId, UserId},
    store::corrupt,
    time::Timestamp,
    wire::device::{BlobForget, RequestBody},
};

/// Messages that name one file, read at one time.
const PAGE: usize = 64;

impl Call<'_, '_> {
    /// The app takes a file back.
    pub(super) fn take_back(&mut self, request: &RequestId, file: &FileRef) -> Result<Receipt> {
        let home = self.account.device.user.agency();
        ensure(file.origin == *home, Code::NotPermitted, "the file's origin is another agency")?;
        let receipt = ReceiptRow { at: self.now().as_millis(), ..ReceiptRow::default() };
        rows::write(&mut self.draft, keys::receipt(request), &receipt);
        self.erase_fetches(&file.blob)?;
        self.draft.expect_unchanged(keys::forget(&file.blob))?;
        let earlier: Option<ForgetRow> = rows::read(&self.draft, &keys::forget(&file.blob), "taking back")?;
        if let Some(earlier) = earlier {
            // One answer tells one request; what a deletion has begun is told by the app's.
            ensure(earlier.request.is_empty(), Code::BadArgument, "the file is being taken back")?;
            self.no_longer_awaited(&id16(&earlier.awaited)?);
        }
        let row = ForgetRow { request: request.as_bytes().to_vec(), ..ForgetRow::default() };
        self.ask_forget(&file.blob, row)?;
        Ok(Receipt::default())
    }

    pub(super) fn ask_forget(&mut self, blob: &BlobId, mut row: ForgetRow) -> Result<()> {
        let id = self.random_id();
        row.awaited = id.as_bytes().to_vec();
        row.due = self.retry_at(row.attempts).as_millis();
        rows::write(&mut self.draft, keys::forget(blob), &row);
        let awaited = AwaitedRow { forget: blob.as_bytes().to_vec(), ..AwaitedRow::default() };
        self.await_answer(id.as_bytes(), &awaited);
        self.ask(id, RequestBody::BlobForget(BlobForget { blob: *blob }));
        Ok(())
    }

    /// The server has done it, or says why not.
    pub(super) fn forget_answered(&mut self, awaited: &AwaitedRow, refused: Option<&Error>) -> Result<()> {
        let blob = BlobId::from_slice(&awaited.forget)?;
        // Another engine may have asked anew meanwhile: that question would stay for ever.
        self.draft.expect_unchanged(keys::forget(&blob))?;
        let row: Option<ForgetRow> = rows::read(&self.draft, &keys::forget(&blob), "taking back")?;
        let Some(mut row) = row else { return Ok(()) };
        if let Some(retry_at) = refused.and_then(Error::retry_at) {
            row.due = self.advised(retry_at).as_millis();
            rows::write(&mut self.draft, keys::forget(&blob), &row);
            return Ok(());
        }
        self.no_longer_awaited(&id16(&row.awaited)?);
        self.draft.delete(keys::forget(&blob));
        if row.request.is_empty() {
            return Ok(());
        }
        let request = RequestId::from_slice(&row.request)?;
        self.event(&refused.map_or(Event::Done { request }, |error| Event::failed(request, error)))
    }

    pub(super) fn remind_forgets(&mut self, all: bool) -> Result<()> {
        let prefix = keys::forgets();
        for (key, row) in self.all_rows(&prefix)? {
            let mut row: ForgetRow = rows::parse(&row, "taking back")?;
            if !self.due(all, row.due) {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            let blob = BlobId::from_slice(key.get(prefix.len()..).ok_or(corrupt("taking back"))?)?;
            self.draft.expect_unchanged(key)?;
            self.no_longer_awaited(&id16(&row.awaited)?);
            row.attempts = row.attempts.saturating_add(1);
            self.ask_forget(&blob, row)?;
        }
        Ok(())
    }

    /// Notes which files a message names.
    pub(super) fn note_files(
        &mut self,
        (room, id): (&RoomId, &MessageId),
        author: &UserId,
        content: &Content,
        row: &mut MessageRow,
    ) {
        let me = &self.account.device.user;
        for file in content.files() {
            let own = author == me && file.origin == *me.agency();
            row.files.push(NamedRow { blob: file.blob.as_bytes().to_vec(), own });
            self.draft.put(keys::named(&file.blob, room, id), vec![u8::from(own)]);
        }
    }

    /// A message is not there any more. What is here of files that no other names goes, and those
    /// that no other of the user's own names are taken back (SPEC V-687, V-688).
    pub(super) fn let_files_go(&mut self, room: &RoomId, id: &MessageId, row: &mut MessageRow) -> Result<()> {
        for file in core::mem::take(&mut row.files) {
            let blob = BlobId::from_slice(&file.blob)?;
            self.draft.delete(keys::named(&blob, room, id));
            if !self.is_named(&blob, false)? {
                self.erase_fetches(&blob)?;
            }
            if file.own && !self.is_named(&blob, true)? && self.draft.get(&keys::forget(&blob))?.is_none() {
                self.ask_forget(&blob, ForgetRow::default())?;
            }
        }
        Ok(())
    }

    /// A message is past all use: nobody knows any more here which files it named.
    pub(super) fn unname_files(&mut self, room: &RoomId, id: &MessageId, row: &MessageRow) -> Result<()> {
        for file in &row.files {
            self.draft.delete(keys::named(&BlobId::from_slice(&file.blob)?, room, id));
        }
        Ok(())
    }

    /// Whether a message that this device knows names a file, or one of the user's `own`. What it does
    /// not know any more, of rooms that it has left, is forgotten here.
    pub(super) fn is_named(&mut self, blob: &BlobId, own: bool) -> Result<bool> {
        let mut after = None;
        loop {
            let page = self.draft.scan(&keys::all_named(blob), after.as_deref(), PAGE)?;
            for (key, row) in &page {
                let (room, id) = keys::read_named(key).ok_or(corrupt("name of a file"))?;
                if self.draft.get(&keys::message(&room, &id))?.is_none() {
                    self.draft.delete(key.clone());
                } else if !own || row.as_slice() == [1] {
                    return Ok(true);
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(false),
            }
        }
    }
}

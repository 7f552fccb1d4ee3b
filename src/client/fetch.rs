//! Fetching an attachment from the own agency's server, which fetches it from its origin.
//! Nothing is kept that does not match what the message says: the chunk hashes are checked
//! against the root before the first chunk is asked for, each chunk against its hash.

use super::{
    Blame, Event, Output, Receipt, Remedy,
    call::Call,
    keys,
    outbox::id16,
    rows::{self, AwaitedRow, FetchRow, ReceiptRow},
    share::chunk_of,
};
use crate::{
    attachment::{ChunkList, FileRef, Header, Opener, verify_chunk},
    code::Code,
    error::{Error, Result, ensure, fault},
    ids::{BlobId, RequestId},
    limits,
    store::{Store, corrupt},
    time::Timestamp,
    wire::{
        self,
        device::{BlobGet, BlobInfo, BlobOpen, RequestBody, ShownCapability},
    },
};

/// Chunk hashes in one row.
const PAGE: u64 = 64;
/// Their bytes.
const PAGE_BYTES: usize = 64 * 32;

impl Call<'_, '_> {
    /// Begins to fetch a file.
    pub(super) fn fetch(&mut self, request: RequestId, file: &FileRef) -> Result<Receipt> {
        file.geometry()?;
        let row = FetchRow { file: wire::encode_body(file).to_vec(), ..FetchRow::default() };
        self.begin_fetch(&request, row)?;
        Ok(Receipt::default())
    }

    pub(super) fn begin_fetch(&mut self, request: &RequestId, row: FetchRow) -> Result<()> {
        let receipt = ReceiptRow { at: self.now().as_millis(), ..Default::default() };
        rows::write(&mut self.draft, keys::receipt(request), &receipt);
        self.draft.put(keys::fetch_of(&file(&row)?.blob, request), Vec::new());
        self.ask_fetch(request, row)
    }

    /// Asks for the next step: header and chunk hashes, then chunk after chunk.
    pub(super) fn ask_fetch(&mut self, request: &RequestId, mut row: FetchRow) -> Result<()> {
        let wanted = wanted(&row)?;
        let id = self.random_id();
        row.waits = false;
        row.awaited = id.as_bytes().to_vec();
        row.due = self.retry_at(row.attempts).as_millis();
        let body = match row.opened {
            false => RequestBody::BlobOpen(BlobOpen {
                blob: wanted.blob,
                origin: wanted.origin,
                capability: wanted.capability,
            }),
            true => RequestBody::BlobGet(wanted),
        };
        rows::write(&mut self.draft, keys::fetch(request), &row);
        self.await_answer(
            id.as_bytes(),
            &AwaitedRow { fetch: request.as_bytes().to_vec(), ..Default::default() },
        );
        self.ask(id, body);
        Ok(())
    }

    pub(super) fn fetch_row(&self, request: &RequestId) -> Result<Option<FetchRow>> {
        rows::read(&self.draft, &keys::fetch(request), "attachment")
    }

    /// The fetch to which an answer belongs: what it asked for is not awaited any more.
    fn fetching(&mut self, awaited: &AwaitedRow) -> Result<Option<(RequestId, FetchRow)>> {
        let request = RequestId::from_slice(&awaited.fetch)?;
        // Another engine may have asked anew meanwhile: that question would stay for ever.
        self.draft.expect_unchanged(keys::fetch(&request))?;
        let Some(mut row) = self.fetch_row(&request)? else { return Ok(None) };
        if !row.awaited.is_empty() {
            self.no_longer_awaited(&id16(&row.awaited)?);
        }
        row.awaited.clear();
        row.doubts = false;
        Ok(Some((request, row)))
    }

    /// Header and chunk hashes have come: they are what the message says, or the fetch has failed.
    pub(super) fn blob_info(&mut self, awaited: &AwaitedRow, info: BlobInfo) -> Result<()> {
        let Some((request, mut row)) = self.fetching(awaited)? else { return Ok(()) };
        let file = file(&row)?;
        let made = Header::parse(&info.header)
            .and_then(|header| Ok((header, ChunkList::parse(&info.chunk_hashes)?)));
        let (header, list) = match made {
            Ok(made) => made,
            // The own server has checked as much when it took them in.
            Err(error) => {
                return self.fetch_failed_by(
                    &request,
                    &error,
                    Some((Blame::OwnAgency, Remedy::TellOperators)),
                );
            }
        };
        if let Err(error) = Opener::new(&file, &header, list) {
            return self.fetch_failed(&request, &error);
        }
        (row.opened, row.attempts) = (true, 0);
        row.chunks = file.geometry()?.chunks();
        self.draft.put(keys::fetch_info(&request), info.header.to_vec());
        for (page, hashes) in (0..).zip(info.chunk_hashes.chunks(PAGE_BYTES)) {
            self.draft.put(keys::fetch_hashes(&request, page), hashes.to_vec());
        }
        self.ask_fetch(&request, row)
    }

    /// That a chunk is what the list says. Of the list no more is read than a page, however
    /// long the file.
    fn check_chunk(&self, request: &RequestId, file: &FileRef, index: u64, chunk: &[u8]) -> Result<()> {
        let header = self.draft.get(&keys::fetch_info(request))?.ok_or(corrupt("attachment header"))?;
        let page = self.draft.get(&keys::fetch_hashes(request, index / PAGE))?;
        let page = page.ok_or(corrupt("attachment hashes"))?;
        let (hashes, _) = page.as_chunks();
        let hash = usize::try_from(index % PAGE).ok().and_then(|place| hashes.get(place));
        let hash = (index, hash.ok_or(corrupt("attachment hashes"))?);
        verify_chunk(Header::parse(&header)?.suite(), file.geometry()?, hash, chunk)
    }

    /// A chunk has come.
    pub(super) fn blob_chunk(
        &mut self,
        awaited: &AwaitedRow,
        index: u64,
        chunk: Option<&[u8]>,
    ) -> Result<()> {
        let Some((request, mut row)) = self.fetching(awaited)? else { return Ok(()) };
        let file = file(&row)?;
        let chunk = chunk.ok_or(Error::new(Code::BadChunk, "no chunk beside the reply"))?;
        let checked = match index == row.done {
            true => self.check_chunk(&request, &file, index, chunk),
            false => fault(Code::BadChunk, "another chunk"),
        };
        match checked {
            Err(error) if error.fails_the_call() => return Err(error),
            Err(error) => return self.wrong_chunk(&request, row, &error),
            Ok(()) => {}
        }
        self.keep = Some(chunk_of(&file, index));
        (row.done, row.attempts, row.wrong) = (row.done.saturating_add(1), 0, 0);
        self.output(Output::Progress { request, done: row.done, total: row.chunks });
        if row.done < row.chunks {
            return self.ask_fetch(&request, row);
        }
        row.due = u64::MAX;
        rows::write(&mut self.draft, keys::fetch(&request), &row);
        match row.history {
            true => self.history_fetched(request),
            false => self.event(&Event::Fetched { request }),
        }
    }

    /// Another chunk has come than the one that was asked for: the server looks at what it keeps,
    /// and gives it again (SPEC V-684).
    fn wrong_chunk(&mut self, request: &RequestId, mut row: FetchRow, error: &Error) -> Result<()> {
        row.wrong = row.wrong.saturating_add(1);
        if row.wrong >= limits::CHUNK_WRONG {
            return self.fetch_failed(request, error);
        }
        row.doubts = true;
        self.ask_fetch(request, row)
    }

    /// The own server is fetching it from its origin.
    pub(super) fn blob_pending(&mut self, awaited: &AwaitedRow) -> Result<()> {
        let Some((request, mut row)) = self.fetching(awaited)? else { return Ok(()) };
        (row.waits, row.due) = (true, u64::MAX);
        rows::write(&mut self.draft, keys::fetch(&request), &row);
        self.wait_for_server()
    }

    /// The own server does not give it.
    pub(super) fn fetch_refused(&mut self, awaited: &AwaitedRow, refused: &Error) -> Result<()> {
        let Some((request, row)) = self.fetching(awaited)? else { return Ok(()) };
        self.not_given(&request, row, refused)
    }

    /// Why it is not given: what may still come is asked for again, until it would have expired.
    pub(super) fn not_given(
        &mut self,
        request: &RequestId,
        mut row: FetchRow,
        refused: &Error,
    ) -> Result<()> {
        let in_time = self.now() < file(&row)?.expires_at;
        let comes = match refused.code() {
            Code::BlobIncomplete => true,
            Code::Quota => refused.retry_at().is_some(),
            // History may still be on its way to the server.
            Code::UnknownBlob => row.history,
            _ => false,
        };
        if comes && in_time {
            row.attempts = row.attempts.saturating_add(1);
            let at = self.retry_at(row.attempts).max(refused.retry_at().unwrap_or(Timestamp::ZERO));
            (row.waits, row.due) = (false, self.advised(at).as_millis());
            rows::write(&mut self.draft, keys::fetch(request), &row);
            return Ok(());
        }
        match refused.code() {
            Code::UnknownBlob | Code::BlobIncomplete if !in_time => {
                self.fetch_failed(request, &Error::new(Code::Expired, "attachment"))
            }
            _ => self.fetch_failed(request, refused),
        }
    }

    pub(super) fn fetch_failed(&mut self, request: &RequestId, error: &Error) -> Result<()> {
        self.fetch_failed_by(request, error, None)
    }

    fn fetch_failed_by(
        &mut self,
        request: &RequestId,
        error: &Error,
        by: Option<(Blame, Remedy)>,
    ) -> Result<()> {
        let Some(row) = self.fetch_row(request)? else { return Ok(()) };
        if row.history {
            self.draft.delete(keys::history());
        }
        let own = file(&row)?.origin == *self.account.device.user.agency();
        self.forget_fetch(request)?;
        self.event(&match by {
            Some(by) => Event::not_fetched_by(*request, error, by),
            None => Event::not_fetched(*request, error, own),
        })
    }

    /// A file is gone: what is here of it and of its key goes as well, and what still fetches it
    /// ends (SPEC V-688).
    pub(super) fn erase_fetches(&mut self, blob: &BlobId) -> Result<()> {
        let prefix = keys::fetches_of(blob);
        for (key, _) in self.all_rows(&prefix)? {
            let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("attachment key"))?)?;
            match self.fetch_row(&request)? {
                Some(row) if row.opened && row.done == row.chunks => self.forget_fetch(&request)?,
                _ => self.fetch_failed(&request, &Error::new(Code::BlobGone, "attachment"))?,
            }
            self.draft.delete(key);
        }
        Ok(())
    }

    /// The app does not need a fetched file any more.
    pub(super) fn forget_fetch(&mut self, request: &RequestId) -> Result<()> {
        self.draft.expect_unchanged(keys::fetch(request))?;
        if let Some(row) = self.fetch_row(request)? {
            self.draft.delete(keys::fetch_of(&file(&row)?.blob, request));
            if !row.awaited.is_empty() {
                self.no_longer_awaited(&id16(&row.awaited)?);
            }
        }
        self.draft.delete(keys::fetch(request));
        self.draft.delete_prefix(keys::fetch_info(request));
        Ok(())
    }

    /// Asks again for what is due.
    pub(super) fn remind_fetches(&mut self, all: bool) -> Result<()> {
        let prefix = keys::fetches();
        for (key, row) in self.all_rows(&prefix)? {
            let mut row: FetchRow = rows::parse(&row, "attachment")?;
            if row.due == u64::MAX {
                // Another engine may just have found nothing that waited.
                if row.waits {
                    self.wait_for_server()?;
                }
                continue;
            }
            if !self.due(all, row.due) {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("attachment key"))?)?;
            self.draft.expect_unchanged(key)?;
            if !row.awaited.is_empty() {
                self.no_longer_awaited(&id16(&row.awaited)?);
                row.attempts = row.attempts.saturating_add(1);
            }
            self.ask_fetch(&request, row)?;
        }
        Ok(())
    }
}

/// What opens a file that is all here.
pub(super) fn opener(store: &dyn Store, request: &RequestId) -> Result<Opener> {
    let unknown = Error::new(Code::UnknownBlob, "no such fetch");
    let row: FetchRow = rows::parse(&store.get(&keys::fetch(request))?.ok_or(unknown)?, "attachment")?;
    ensure(row.opened && row.done == row.chunks, Code::BlobIncomplete, "chunks are missing")?;
    let header = store.get(&keys::fetch_info(request))?.ok_or(corrupt("attachment header"))?;
    let pages = usize::try_from(limits::CHUNKS / PAGE).unwrap_or(usize::MAX);
    let first = keys::fetch_info(request);
    let hashes = store.scan(&first, Some(&first), pages)?;
    let hashes = hashes.into_iter().flat_map(|(_, page)| page).collect::<Vec<_>>();
    Opener::new(&file(&row)?, &Header::parse(&header)?, ChunkList::parse(&hashes)?)
}

pub(super) fn file(row: &FetchRow) -> Result<FileRef> {
    wire::decode_body(&row.file.clone().into())
}

/// The chunk that a fetch wants next.
pub(super) fn wanted(row: &FetchRow) -> Result<BlobGet> {
    Ok(BlobGet { wrong: row.doubts, ..chunk_wanted(&file(row)?, row.done) })
}

/// The question for a chunk of a file.
pub(super) fn chunk_wanted(file: &FileRef, index: u64) -> BlobGet {
    let capability = ShownCapability::from_bytes(zeroize::Zeroizing::new(*file.capability().expose()));
    BlobGet { blob: file.blob, origin: file.origin.clone(), capability, index, wrong: false }
}

//! Fetching an attachment from the own agency's server, which fetches it from its origin.
//! Nothing is kept that does not match what the message says: the chunk hashes are checked
//! against the root before the first chunk is asked for, each chunk against its hash.

use core::time::Duration;

use super::{
    Event, Output, Receipt,
    call::Call,
    keys,
    outbox::id16,
    rows::{self, AwaitedRow, FetchRow, ReceiptRow},
    share::chunk_of,
};
use crate::{
    attachment::{ChunkList, FileRef, Header, Opener, verify_chunk},
    code::{Code, Kind},
    error::{Error, Result, ensure, fault},
    ids::RequestId,
    limits,
    store::{Store, corrupt},
    time::Timestamp,
    wire::{
        self,
        device::{BlobGet, BlobInfo, BlobOpen, RequestBody, ShownCapability},
    },
};

/// How long to wait when the own server does not have a chunk yet: at first, doubling.
const PENDING: Duration = Duration::from_secs(1);
/// How often that doubles: to a minute.
const PENDING_DOUBLED: u32 = 6;
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
        self.ask_fetch(request, row)
    }

    /// Asks for the next step: header and chunk hashes, then chunk after chunk.
    fn ask_fetch(&mut self, request: &RequestId, mut row: FetchRow) -> Result<()> {
        let file = file(&row)?;
        let id = self.random_id();
        row.awaited = id.as_bytes().to_vec();
        row.due = self.retry_at(row.attempts).as_millis();
        let shown = ShownCapability::from_bytes(zeroize::Zeroizing::new(*file.capability().expose()));
        let body = match row.opened {
            false => {
                RequestBody::BlobOpen(BlobOpen { blob: file.blob, origin: file.origin, capability: shown })
            }
            true => RequestBody::BlobGet(BlobGet {
                blob: file.blob,
                origin: file.origin,
                capability: shown,
                index: row.done,
            }),
        };
        rows::write(&mut self.draft, keys::fetch(request), &row);
        self.await_answer(
            id.as_bytes(),
            &AwaitedRow { fetch: request.as_bytes().to_vec(), ..Default::default() },
        );
        self.ask(id, body);
        Ok(())
    }

    fn fetching(&mut self, awaited: &AwaitedRow) -> Result<Option<(RequestId, FetchRow)>> {
        let request = RequestId::from_slice(&awaited.fetch)?;
        let Some(row) = rows::read::<FetchRow>(&self.draft, &keys::fetch(&request), "attachment")? else {
            return Ok(None);
        };
        self.no_longer_awaited(&id16(&row.awaited)?);
        Ok(Some((request, row)))
    }

    /// Header and chunk hashes have come: they are what the message says, or the fetch has failed.
    pub(super) fn blob_info(&mut self, awaited: &AwaitedRow, info: BlobInfo) -> Result<()> {
        let Some((request, mut row)) = self.fetching(awaited)? else { return Ok(()) };
        let file = file(&row)?;
        let checked = Header::parse(&info.header)
            .and_then(|header| Opener::new(&file, &header, ChunkList::parse(&info.chunk_hashes)?));
        if let Err(error) = checked {
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
            Err(error) if error.kind() == Kind::Store => return Err(error),
            Err(error) => return self.fetch_failed(&request, &error),
            Ok(()) => {}
        }
        self.keep = Some(chunk_of(&file, index));
        (row.done, row.attempts) = (row.done.saturating_add(1), 0);
        self.output(Output::Progress { request, done: row.done, total: row.chunks });
        if row.done < row.chunks {
            return self.ask_fetch(&request, row);
        }
        row.awaited.clear();
        row.due = u64::MAX;
        rows::write(&mut self.draft, keys::fetch(&request), &row);
        match row.history {
            true => self.history_fetched(request),
            false => self.event(&Event::Fetched { request }),
        }
    }

    /// The own server is fetching it from its origin: asked again soon, then ever later.
    pub(super) fn blob_pending(&mut self, awaited: &AwaitedRow) -> Result<()> {
        let request = RequestId::from_slice(&awaited.fetch)?;
        let Some(mut row) = rows::read::<FetchRow>(&self.draft, &keys::fetch(&request), "attachment")? else {
            return Ok(());
        };
        let wait = PENDING.saturating_mul(1 << row.attempts.min(PENDING_DOUBLED));
        let at = self.now().plus(wait);
        row.due = at.as_millis();
        self.wake(at);
        rows::write(&mut self.draft, keys::fetch(&request), &row);
        Ok(())
    }

    /// The own server does not give it. History may still be on its way there.
    pub(super) fn fetch_refused(&mut self, awaited: &AwaitedRow, refused: &Error) -> Result<()> {
        let request = RequestId::from_slice(&awaited.fetch)?;
        let row: Option<FetchRow> = rows::read(&self.draft, &keys::fetch(&request), "attachment")?;
        let Some(mut row) = row else { return Ok(()) };
        let later = matches!(refused.code(), Code::UnknownBlob | Code::BlobIncomplete);
        if row.history && later && self.now() < file(&row)?.expires_at {
            row.due = self.retry_at(row.attempts).as_millis();
            rows::write(&mut self.draft, keys::fetch(&request), &row);
            return Ok(());
        }
        self.fetch_failed(&request, refused)
    }

    pub(super) fn fetch_failed(&mut self, request: &RequestId, error: &Error) -> Result<()> {
        let row: Option<FetchRow> = rows::read(&self.draft, &keys::fetch(request), "attachment")?;
        if row.is_some_and(|row| row.history) {
            self.draft.delete(keys::history());
        }
        self.forget_fetch(request)?;
        self.event(&Event::failed(*request, error))
    }

    /// The app does not need a fetched file any more.
    pub(super) fn forget_fetch(&mut self, request: &RequestId) -> Result<()> {
        if let Some(row) = rows::read::<FetchRow>(&self.draft, &keys::fetch(request), "attachment")?
            && !row.awaited.is_empty()
        {
            self.no_longer_awaited(&id16(&row.awaited)?);
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
            if row.awaited.is_empty() {
                continue;
            }
            if !self.due(all, row.due) {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("attachment key"))?)?;
            self.no_longer_awaited(&id16(&row.awaited)?);
            row.attempts = row.attempts.saturating_add(1);
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

fn file(row: &FetchRow) -> Result<FileRef> {
    wire::decode_body(&row.file.clone().into())
}

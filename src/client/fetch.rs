//! Fetching an attachment from the own agency's server, which fetches it from its origin.
//! Nothing is kept that does not match what the message says: the chunk hashes are checked
//! against the root before the first chunk is asked for, each chunk against its hash.

use core::time::Duration;

use super::{
    Event, Output, Receipt,
    call::Call,
    keys,
    outbox::id16,
    rows::{self, AwaitedRow, FetchRow, InfoRow, ReceiptRow},
    share::chunk_of,
};
use crate::{
    attachment::{ChunkList, FileRef, Header, Opener, Verifier},
    code::Code,
    error::{Error, Result, ensure},
    ids::RequestId,
    limits,
    store::{Store, corrupt},
    time::Timestamp,
    wire::{
        self,
        device::{BlobGet, BlobInfo, BlobOpen, RequestBody, ShownCapability},
    },
};

/// How long to wait when the own server does not have a chunk yet.
const PENDING: Duration = Duration::from_secs(1);

impl Call<'_, '_> {
    /// Begins to fetch a file.
    pub(super) fn fetch(&mut self, request: RequestId, file: &FileRef) -> Result<Receipt> {
        file.geometry()?;
        rows::write(&mut self.draft, keys::receipt(&request), &ReceiptRow::default());
        let row = FetchRow { file: wire::encode_body(file).to_vec(), ..FetchRow::default() };
        self.ask_fetch(&request, row)?;
        Ok(Receipt::default())
    }

    /// Asks for the next step: header and chunk hashes, then chunk after chunk.
    fn ask_fetch(&mut self, request: &RequestId, mut row: FetchRow) -> Result<()> {
        let file = file(&row)?;
        let id = self.random_id();
        row.awaited = id.as_bytes().to_vec();
        row.due = self.retry_at(0).as_millis();
        row.attempts = 0;
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
            return self.fetch_failed(&request, error.code());
        }
        row.opened = true;
        row.chunks = file.geometry()?.chunks();
        let stored = InfoRow {
            header: info.header.to_vec(),
            chunk_hashes: info.chunk_hashes.to_vec(),
            padded: info.padded,
            ..InfoRow::default()
        };
        rows::write(&mut self.draft, keys::fetch_info(&request), &stored);
        self.ask_fetch(&request, row)
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
        let stored = rows::read(&self.draft, &keys::fetch_info(&request), "attachment")?;
        let (header, list) = info(stored)?;
        let verifier = Verifier::new(&header, list, file.padded_size)?;
        let chunk = chunk.ok_or(Error::new(Code::BadChunk, "no chunk beside the reply"))?;
        if index != row.done || verifier.verify_chunk(index, chunk).is_err() {
            return self.fetch_failed(&request, Code::BadChunk);
        }
        self.keep = Some(chunk_of(&file, index));
        row.done = row.done.saturating_add(1);
        self.output(Output::Progress { request, done: row.done, total: row.chunks });
        if row.done < row.chunks {
            return self.ask_fetch(&request, row);
        }
        row.awaited.clear();
        row.due = u64::MAX;
        rows::write(&mut self.draft, keys::fetch(&request), &row);
        self.event(&Event::Fetched { request })
    }

    /// The own server is fetching it from its origin: asked again soon.
    pub(super) fn blob_pending(&mut self, awaited: &AwaitedRow) -> Result<()> {
        let request = RequestId::from_slice(&awaited.fetch)?;
        let Some(mut row) = rows::read::<FetchRow>(&self.draft, &keys::fetch(&request), "attachment")? else {
            return Ok(());
        };
        let at = self.now().plus(PENDING);
        row.due = at.as_millis();
        self.wake(at);
        rows::write(&mut self.draft, keys::fetch(&request), &row);
        Ok(())
    }

    pub(super) fn fetch_failed(&mut self, request: &RequestId, code: Code) -> Result<()> {
        self.forget_fetch(request)?;
        self.event(&Event::Failed { request: *request, code })
    }

    /// The app does not need a fetched file any more.
    pub(super) fn forget_fetch(&mut self, request: &RequestId) -> Result<()> {
        if let Some(row) = rows::read::<FetchRow>(&self.draft, &keys::fetch(request), "attachment")?
            && !row.awaited.is_empty()
        {
            self.no_longer_awaited(&id16(&row.awaited)?);
        }
        self.draft.delete(keys::fetch(request));
        self.draft.delete(keys::fetch_info(request));
        Ok(())
    }

    /// Asks again for what is due.
    pub(super) fn remind_fetches(&mut self, all: bool) -> Result<()> {
        let prefix = keys::fetches();
        for (key, row) in self.draft.scan(&prefix, None, limits::OUTBOX)? {
            let row: FetchRow = rows::parse(&row, "attachment")?;
            if row.awaited.is_empty() {
                continue;
            }
            if !all && Timestamp::from_millis(row.due) > self.now() {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("attachment key"))?)?;
            self.no_longer_awaited(&id16(&row.awaited)?);
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
    let stored =
        store.get(&keys::fetch_info(request))?.map(|row| rows::parse(&row, "attachment")).transpose()?;
    let (header, list) = info(stored)?;
    Opener::new(&file(&row)?, &header, list)
}

fn file(row: &FetchRow) -> Result<FileRef> {
    wire::decode_body(&row.file.clone().into())
}

fn info(row: Option<InfoRow>) -> Result<(Header, ChunkList)> {
    let row = row.ok_or(corrupt("attachment without chunk hashes"))?;
    Ok((Header::parse(&row.header)?, ChunkList::parse(&row.chunk_hashes)?))
}

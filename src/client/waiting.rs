//! Files that the own server is still fetching from elsewhere: it is asked of many at one time, and
//! the app told of all of them at once (SPEC V-685).

use core::time::Duration;

use super::{
    Output,
    call::Call,
    fetch, keys,
    outbox::id16,
    rows::{self, AwaitedRow, FetchRow, WaitingRow},
};
use crate::{
    code::Code,
    error::Result,
    ids::RequestId,
    limits,
    store::{Row, Store, corrupt},
    time::Timestamp,
    wire::device::{BlobGet, BlobState, BlobsWanted, RequestBody},
};

/// How long to wait before the server is asked: at first, doubling while there is nothing new.
const WAIT: Duration = Duration::from_secs(1);
/// How often that doubles: to a minute.
const DOUBLED: u32 = 6;

/// A file that the own server is fetching from the agency to which it was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Awaited {
    /// The request that fetches it.
    pub request: RequestId,
    /// Chunks that the server has.
    pub present: u64,
    /// Chunks in all; 0: not known yet.
    pub chunks: u64,
    /// Since when the other agency has not answered; `None`: it answers.
    pub silent_since: Option<Timestamp>,
}

/// A file that is being fetched, or has been and was not discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetch {
    /// The request that fetches it.
    pub request: RequestId,
    /// The file.
    pub file: crate::attachment::FileRef,
    /// Chunks that are here.
    pub done: u64,
    /// Chunks in all; 0: not known yet.
    pub chunks: u64,
    /// The own server is still fetching it.
    pub waits: bool,
}

impl Call<'_, '_> {
    /// Something waits for the server: soon it is asked.
    pub(super) fn wait_for_server(&mut self) -> Result<()> {
        if self.waiting_row()?.is_none() {
            let at = self.now().plus(WAIT);
            self.wake(at);
            let row = WaitingRow { due: at.as_millis(), ..WaitingRow::default() };
            rows::write(&mut self.draft, keys::waiting(), &row);
        }
        Ok(())
    }

    fn waiting_row(&self) -> Result<Option<WaitingRow>> {
        rows::read(&self.draft, &keys::waiting(), "waiting")
    }

    /// Asks the server how far it is, with what waits.
    pub(super) fn remind_waiting(&mut self, all: bool) -> Result<()> {
        let Some(mut row) = self.waiting_row()? else { return Ok(()) };
        if !self.due(all, row.due) {
            self.wake(Timestamp::from_millis(row.due));
            return Ok(());
        }
        self.draft.expect_unchanged(keys::waiting())?;
        if !row.awaited.is_empty() {
            self.no_longer_awaited(&id16(&row.awaited)?);
            row.attempts = row.attempts.saturating_add(1);
        }
        let waiting = self.some_waiting(&mut row)?;
        if waiting.is_empty() {
            self.draft.delete(keys::waiting());
            return Ok(());
        }
        let id = self.random_id();
        row.awaited = id.as_bytes().to_vec();
        row.asked = waiting.iter().map(|(request, _)| request.as_bytes().to_vec()).collect();
        row.due = self.retry_at(row.attempts).as_millis();
        rows::write(&mut self.draft, keys::waiting(), &row);
        self.await_answer(id.as_bytes(), &AwaitedRow { waiting: true, ..AwaitedRow::default() });
        let blobs = waiting.into_iter().map(|(_, get)| get).collect();
        self.ask(id, RequestBody::BlobsWanted(BlobsWanted { blobs }));
        Ok(())
    }

    /// Some that wait, each file once, in the order in which the server is asked of them: as many
    /// as fit, after those of which it was asked last.
    fn some_waiting(&self, row: &mut WaitingRow) -> Result<Vec<(RequestId, BlobGet)>> {
        let prefix = keys::fetches();
        let all = self.all_rows(&prefix)?;
        let (before, after): (Vec<Row>, Vec<Row>) = all.into_iter().partition(|(key, _)| *key <= row.after);
        let mut found: Vec<(RequestId, BlobGet)> = Vec::new();
        row.after.clear();
        for (key, fetching) in after.into_iter().chain(before) {
            let fetching: FetchRow = rows::parse(&fetching, "attachment")?;
            if !fetching.waits {
                continue;
            }
            if found.len() == limits::BLOBS_WANTED {
                break;
            }
            let get = fetch::wanted(&fetching)?;
            let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("attachment key"))?)?;
            // A file that is fetched twice is asked for when the first has come on.
            if !found.iter().any(|(_, other)| other.blob == get.blob && other.origin == get.origin) {
                found.push((request, get));
            }
            row.after = key;
        }
        found.sort_by_key(|(_, get)| (get.origin.clone(), get.blob));
        Ok(found)
    }

    /// The server says how far it is: what can be had is asked for, of the rest the app is told.
    pub(super) fn blob_states(&mut self, states: Vec<BlobState>) -> Result<()> {
        let Some(mut row) = self.waiting_row()? else { return Ok(()) };
        self.draft.expect_unchanged(keys::waiting())?;
        self.no_longer_awaited(&id16(&row.awaited)?);
        row.awaited.clear();
        let (mut told, mut news) = (Vec::new(), false);
        for (request, state) in row.asked.iter().zip(states) {
            let request = RequestId::from_slice(request)?;
            // Another engine may have given it up: it would come back, with its key.
            self.draft.expect_unchanged(keys::fetch(&request))?;
            let Some(fetching) = self.fetch_row(&request)?.filter(|fetching| fetching.waits) else {
                continue;
            };
            // Once it is known how the file is made, that is asked for first.
            let next = state.here || (!fetching.opened && state.chunks > 0);
            if let Some(failure) = state.failure {
                news = true;
                let refused = failure.error(Code::Malformed, "refused by the own server");
                self.not_given(&request, fetching, &refused)?;
            } else if next {
                news = true;
                self.ask_fetch(&request, fetching)?;
            } else {
                let silent_since = (state.silent_since > Timestamp::ZERO).then_some(state.silent_since);
                let (present, chunks) = (state.present, state.chunks);
                told.push(Awaited { request, present, chunks, silent_since });
            }
        }
        row.asked.clear();
        row.attempts = if news { 0 } else { row.attempts.saturating_add(1) };
        let at = self.now().plus(WAIT.saturating_mul(1 << row.attempts.min(DOUBLED)));
        row.due = at.as_millis();
        self.wake(at);
        rows::write(&mut self.draft, keys::waiting(), &row);
        if !told.is_empty() {
            self.output(Output::Awaited(told));
        }
        Ok(())
    }
}

/// What is being fetched, or was.
pub(super) fn fetches(store: &dyn Store, after: Option<&RequestId>, limit: usize) -> Result<Vec<Fetch>> {
    let prefix = keys::fetches();
    let after = after.map(keys::fetch);
    let one = |(key, row): (Vec<u8>, Vec<u8>)| {
        let row: FetchRow = rows::parse(&row, "attachment")?;
        let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("attachment key"))?)?;
        let file = fetch::file(&row)?;
        Ok(Fetch { request, file, done: row.done, chunks: row.chunks, waits: row.waits })
    };
    store.scan(&prefix, after.as_deref(), limit)?.into_iter().map(one).collect()
}

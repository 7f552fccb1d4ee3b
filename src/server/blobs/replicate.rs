//! Fetching an attachment of another agency, all of it, so that it can be given out here when its
//! origin is down: a few chunks at one time, asked for again when nothing comes, ever more rarely
//! while the origin is silent (SPEC V-682 to V-685).

use core::time::Duration;

use rand_core::Rng as _;

use super::{
    super::{
        Output,
        call::Call,
        keys,
        rows::{self, ChunkRow, FetchingRow},
    },
    Blob, code, shown,
};
use crate::{
    code::Code,
    crypto::{sign, verify},
    error::{Error, Result, ensure},
    ids::{AgencyId, BlobId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{
        Signed,
        device::ShownCapability,
        encode,
        fields::raw,
        link::{ChunkReply, ChunkRequest, PeerMessage},
    },
};

/// After how long a chunk is asked for again: at first, doubling while nothing is answered.
const CHUNK_RETRY: Duration = Duration::from_secs(10);
/// How often that doubles.
const DOUBLED: u32 = 6;
/// How often the time doubles after which a refusal is not believed any more: to about a day.
const REFUSED_DOUBLED: u32 = 7;
/// Chunks that are looked at in one call for some that are not here.
const LOOKED: u64 = 1_024;
/// Chunks under way at most, with those that devices want before their turn.
const MOST: usize = 4 * 16;

impl Call<'_, '_> {
    /// A chunk is wanted that is not here: it is asked for before its turn.
    ///
    /// # Errors
    /// Why it will not come soon: it is ours and not here, or its origin does not give it.
    pub(super) fn want_chunk(&mut self, blob: &mut Blob, index: u64, by: &ShownCapability) -> Result<()> {
        if blob.origin == self.own.agency {
            return Err(blob.lacks());
        }
        let fetching = blob.row.fetching.get_or_insert_default();
        if self.draft.now() < Timestamp::from_millis(fetching.until) {
            let refused =
                Error::new(code(fetching.refused, Code::UnknownBlob), "the origin does not give it");
            return Err(refused.after(Timestamp::from_millis(fetching.until)));
        }
        self.active(&blob.origin)?;
        if fetching.capability.is_empty() {
            fetching.capability = raw(by.expose());
        }
        let (idle, quiet) = (fetching.due == 0, fetching.silent > 0);
        let asked = self.draft.scan(&blob.keys.all_asked(), None, MOST)?.len();
        let ask = !quiet && asked < MOST && self.draft.get(&blob.keys.asked(index))?.is_none();
        if ask {
            self.ask_chunk(blob, index, 0)?;
        }
        if idle || ask {
            self.fetch_on(blob, false)?;
        }
        Ok(())
    }

    /// Looks after an attachment that is being fetched, because its time has come.
    pub(in crate::server) fn fetch_is_due(&mut self, origin: &AgencyId, id: &BlobId) -> Result<()> {
        let Some(mut blob) = self.blob(origin, id)? else { return Ok(()) };
        let Some(fetching) = &mut blob.row.fetching else { return Ok(()) };
        fetching.due = 0;
        self.fetch_on(&mut blob, true)
    }

    /// Asks for what comes next, and for what was not answered in time; writes the record.
    pub(super) fn fetch_on(&mut self, blob: &mut Blob, timed: bool) -> Result<()> {
        self.draft.guard(blob.keys.guard())?;
        if blob.is_whole() {
            blob.row.fetching = None;
            self.draft.delete_prefix(blob.keys.all_asked());
            self.write(blob.keys.record(), &blob.row);
            self.draft.delete(keys::under_way(&blob.origin, &blob.id));
            self.output(Output::Fetching);
            return Ok(());
        }
        let mut fetching = blob.row.fetching.take().unwrap_or_default();
        let wait = self.go_on(blob, &mut fetching, timed)?;
        if fetching.due == 0 {
            let at = self.now().plus(self.spread(wait));
            fetching.due = at.as_millis();
            self.fetch_later(at, &blob.origin, &blob.id, &blob.keys);
            self.draft.put(keys::under_way(&blob.origin, &blob.id), Vec::new());
        }
        blob.row.fetching = Some(fetching);
        self.write(blob.keys.record(), &blob.row);
        Ok(())
    }

    /// Gives how long to wait before it is looked at again.
    fn go_on(&mut self, blob: &Blob, fetching: &mut FetchingRow, timed: bool) -> Result<Duration> {
        if self.now() < Timestamp::from_millis(fetching.until) {
            return Ok(Timestamp::from_millis(fetching.until).since(self.now()));
        }
        match self.active(&blob.origin) {
            Err(error) if error.fails_the_call() => return Err(error),
            Err(_) => return Ok(limits::BLOB_ASKED_AGAIN),
            Ok(()) => {}
        }
        let (mut under_way, mut overdue) = (0_u64, Vec::new());
        for (key, row) in self.draft.scan(&blob.keys.all_asked(), None, MOST)? {
            let asked: ChunkRow = rows::read(row)?;
            let late = Timestamp::from_millis(asked.at).plus(retry(fetching.silent)) <= self.now();
            match late {
                true => overdue.push((blob.keys.index(&key)?, asked.wrong)),
                false => under_way = under_way.saturating_add(1),
            }
        }
        if timed && !overdue.is_empty() {
            fetching.silent = fetching.silent.saturating_add(1);
            if fetching.silent_since == 0 {
                fetching.silent_since = self.now().as_millis();
                self.output(Output::Fetching);
            }
        }
        // Of an origin that is silent one chunk is asked for, to see when it is back.
        match (fetching.silent, timed) {
            (0 | 1, _) => {}
            (_, true) => overdue.truncate(1),
            (_, false) => overdue.clear(),
        }
        let capability = fetching.capability.clone();
        for (index, wrong) in overdue {
            self.ask_with(blob, &shown(&capability)?, index, wrong);
            under_way = under_way.saturating_add(1);
        }
        if fetching.silent == 0 {
            let mut looked = 0;
            while under_way < limits::CHUNKS_UNDER_WAY && fetching.next < blob.row.chunks && looked < LOOKED {
                let index = fetching.next;
                let here = self.has_chunk(blob, index)?;
                if !here && self.draft.get(&blob.keys.asked(index))?.is_none() {
                    self.ask_with(blob, &shown(&capability)?, index, 0);
                    under_way = under_way.saturating_add(1);
                }
                fetching.next = index.saturating_add(1);
                looked = looked.saturating_add(1);
            }
        }
        Ok(retry(fetching.silent))
    }

    fn ask_chunk(&mut self, blob: &Blob, index: u64, wrong: u32) -> Result<()> {
        let fetching = blob.row.fetching.as_ref().ok_or(corrupt("attachment is not fetched"))?;
        self.ask_with(blob, &shown(&fetching.capability)?, index, wrong);
        Ok(())
    }

    fn ask_with(&mut self, blob: &Blob, capability: &ShownCapability, index: u64, wrong: u32) {
        let at = self.now();
        self.write(blob.keys.asked(index), &ChunkRow { at: at.as_millis(), wrong });
        let request = ChunkRequest {
            from: self.own.agency.clone(),
            to: blob.origin.clone(),
            blob: blob.id,
            capability: ShownCapability::from_bytes(zeroize::Zeroizing::new(*capability.expose())),
            index,
            at,
        };
        let request = sign(request, &[&self.own.key]).into_signed();
        let message = encode(&PeerMessage::ChunkRequest(Box::new(request))).to_vec();
        self.output(Output::Fetch { peer: blob.origin.clone(), message });
    }

    /// The origin answers a request for a chunk (SPEC V-565). Bytes that are not the chunk of the
    /// hash that it has signed may have been changed on the way, and are asked for again.
    pub(in crate::server) fn chunk_reply(&mut self, reply: Signed<ChunkReply>) -> Result<()> {
        let claimed = reply.claimed();
        ensure(claimed.to == self.own.agency, Code::NotForUs, "chunk reply")?;
        let key = self.server_key(&claimed.from, &reply, self.now())?;
        let reply = verify(reply, &key)?.into_inner();
        let Some(mut blob) = self.blob(&reply.from, &reply.blob)? else { return Ok(()) };
        let asked: Option<ChunkRow> = self.read(&blob.keys.asked(reply.index))?;
        let Some(asked) = asked.filter(|asked| asked.at == reply.asked_at.as_millis()) else {
            return Ok(()); // it was asked again since, or has come
        };
        self.draft.guard(blob.keys.guard())?;
        let fetching = blob.row.fetching.as_mut().ok_or(corrupt("attachment is not fetched"))?;
        (fetching.silent, fetching.silent_since) = (0, 0);
        let hash = match reply.outcome {
            Ok(hash) => hash,
            Err(reason) => return self.chunk_refused(blob, reason.code().unwrap_or(Code::UnknownBlob)),
        };
        if hash != self.chunk_hash(&blob, reply.index)? {
            return self.chunk_refused(blob, Code::BadOrigin);
        }
        let chunk = self.chunk.unwrap_or_default();
        match self.check_chunk(&blob, reply.index, chunk) {
            Err(error) if error.fails_the_call() => return Err(error),
            Err(_) if asked.wrong.saturating_add(1) >= limits::CHUNK_WRONG => {
                return self.chunk_refused(blob, Code::BadOrigin);
            }
            Err(_) => self.ask_chunk(&blob, reply.index, asked.wrong.saturating_add(1))?,
            Ok(()) => {
                self.draft.delete(blob.keys.asked(reply.index));
                self.take_chunk(&mut blob, reply.index)?;
                let fetching = blob.row.fetching.get_or_insert_default();
                (fetching.refused, fetching.refusals) = (0, 0);
            }
        }
        self.fetch_on(&mut blob, false)
    }

    /// The origin does not give it: it is asked again later, if that can help.
    fn chunk_refused(&mut self, mut blob: Blob, code: Code) -> Result<()> {
        if code == Code::BlobGone {
            return self.lay_down(blob, code);
        }
        let (origin, id) = (blob.origin.clone(), blob.id);
        self.output(Output::NotFetched { origin, blob: id, code });
        let fetching = blob.row.fetching.get_or_insert_default();
        let wait = limits::BLOB_ASKED_AGAIN.saturating_mul(1 << fetching.refusals.min(REFUSED_DOUBLED));
        fetching.refused = code.number().into();
        fetching.refusals = fetching.refusals.saturating_add(1);
        fetching.until = self.draft.now().plus(wait).as_millis();
        fetching.next = 0;
        self.draft.delete_prefix(blob.keys.all_asked());
        self.fetch_on(&mut blob, false)
    }

    /// So long or up to half as long again, that not everything is asked for at one time.
    fn spread(&mut self, wait: Duration) -> Duration {
        let half = u64::try_from(wait.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        let more = self.draft.rng().next_u64().checked_rem(half).unwrap_or(0);
        wait.saturating_add(Duration::from_millis(more))
    }
}

/// How long an answer is waited for.
fn retry(silent: u32) -> Duration {
    CHUNK_RETRY.saturating_mul(1 << silent.min(DOUBLED))
}

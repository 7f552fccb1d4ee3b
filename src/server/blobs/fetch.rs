//! Giving attachments to our devices: our own, and those of other agencies, which are
//! fetched once for all of our devices, and only as they are asked for.

use core::time::Duration;

use super::{
    super::{
        Output,
        call::Call,
        keys::BlobKeys,
        packages::NO_ROOM,
        rows::{BlobRow, Pending},
    },
    Blob, capability, verifier,
};
use crate::{
    code::Code,
    crypto::sign,
    error::{Error, Result, ensure},
    ids::AgencyId,
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{
        device::{BlobGet, BlobOpen, ReplyBody, ShownCapability},
        encode, encode_body,
        fields::raw,
        link::{ChunkReply, ChunkRequest, LinkBlobInfo, LinkItem, PeerMessage, SharedBlob},
    },
};

/// Chunks that are fetched at one time, from the one asked for on.
const WINDOW: u64 = 16;
/// After how long a chunk is asked for again.
const CHUNK_RETRY: Duration = Duration::from_secs(10);
/// After how long an attachment is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(600);

impl Call<'_, '_> {
    /// How an attachment is made.
    pub(in crate::server) fn blob_open(&mut self, open: BlobOpen) -> Result<ReplyBody> {
        if let Some(blob) = self.blob(&open.origin, &open.blob)? {
            blob.admit(&open.capability)?;
            if open.origin == self.own.agency {
                blob.complete()?;
            }
            return Ok(ReplyBody::BlobInfo(self.blob_info(&blob)?));
        }
        ensure(open.origin != self.own.agency, Code::UnknownBlob, "attachment")?;
        let keys = BlobKeys::of(&open.origin, &open.blob);
        let hash = capability(&open.capability).hash();
        if let Some(code) = self.draft.get(&keys.refused(&hash))? {
            let number = <[u8; 2]>::try_from(code.as_slice()).map_err(|_| corrupt("refusal"))?;
            let code = Code::from_number(u16::from_be_bytes(number)).unwrap_or(Code::UnknownBlob);
            let refused = Error::new(code, "the origin refuses");
            // It is asked again by then.
            let passes = code == Code::Quota;
            return Err(if passes { refused.after(self.now().plus(ASK_AGAIN)) } else { refused });
        }
        if self.draft.get(&keys.asked())?.is_none() {
            self.active(&open.origin)?;
            self.draft.guard(keys.guard())?;
            self.draft.put(keys.asked(), hash.as_bytes().to_vec());
            self.drop_later(self.now().plus(ASK_AGAIN), &keys.asked());
            let origin = open.origin.clone();
            let item = encode_body(&LinkItem::BlobOpen(open));
            let (unique, order) = (self.random(), (self.now(), &NO_ROOM, 0));
            self.queue(&origin, order, unique, Pending::Item(item));
        }
        Ok(ReplyBody::Pending)
    }

    /// The origin's word on an attachment that was asked for (SPEC V-565).
    pub(in crate::server) fn peer_blob_info(&mut self, from: &AgencyId, answer: LinkBlobInfo) -> Result<()> {
        let keys = BlobKeys::of(from, &answer.blob);
        let asked = self.draft.get(&keys.asked())?.ok_or(Error::new(Code::NotForUs, "attachment"))?;
        self.draft.guard(keys.guard())?;
        self.draft.delete(keys.asked());
        match answer.outcome {
            Ok(SharedBlob { info, expires_at }) => {
                let chunks = verifier(&info)?.geometry().chunks();
                let latest = self.now().plus(limits::BLOB_LIFETIME);
                let row = BlobRow {
                    capability_hash: raw(&asked),
                    expires_at: expires_at.min(latest).as_millis(),
                    uploader: None,
                    chunks,
                    present: 0,
                };
                self.put_blob(&keys, (from, &answer.blob), &row, encode_body(&info).to_vec());
            }
            Err(reason) => {
                let refused = keys.refused_row(&asked);
                self.draft.put(refused.clone(), reason.number().to_be_bytes().to_vec());
                self.drop_later(self.now().plus(ASK_AGAIN), &refused);
            }
        }
        Ok(())
    }

    /// A chunk of an attachment.
    pub(in crate::server) fn blob_get(&mut self, get: &BlobGet) -> Result<ReplyBody> {
        let blob = self.known_blob(&get.origin, &get.blob)?;
        blob.admit(&get.capability)?;
        ensure(get.index < blob.row.chunks, Code::BadField, "chunk index")?;
        let own = get.origin == self.own.agency;
        if !own {
            self.fetch_ahead(&blob, get.index, &get.capability)?;
        }
        if self.draft.get(&blob.keys.chunk(get.index))?.is_some() {
            self.beside = Some(blob.chunk(get.index));
            return Ok(ReplyBody::BlobChunk(get.index));
        }
        ensure(!own, Code::BlobIncomplete, "chunk")?;
        Ok(ReplyBody::Pending)
    }

    /// Asks the origin for chunks that are not here: the one that is wanted and those after it.
    fn fetch_ahead(&mut self, blob: &Blob, index: u64, shown: &ShownCapability) -> Result<()> {
        if blob.row.present == blob.row.chunks {
            return Ok(());
        }
        let end = index.saturating_add(WINDOW).min(blob.row.chunks);
        for index in index..end {
            let fetching = blob.keys.fetching(index);
            let asked = self.draft.get(&fetching)?.and_then(|at| at.try_into().ok()).map(u64::from_be_bytes);
            let again = asked.map(|at| Timestamp::from_millis(at).plus(CHUNK_RETRY));
            let wait = again.is_some_and(|again| self.now() < again);
            if wait || self.draft.get(&blob.keys.chunk(index))?.is_some() {
                continue;
            }
            self.draft.put(fetching, self.now().as_millis().to_be_bytes().to_vec());
            let request = ChunkRequest {
                from: self.own.agency.clone(),
                to: blob.origin.clone(),
                blob: blob.id,
                capability: ShownCapability::from_bytes(zeroize::Zeroizing::new(*shown.expose())),
                index,
                at: self.now(),
            };
            let request = sign(request, &[&self.own.key]).into_signed();
            let message = encode(&PeerMessage::ChunkRequest(Box::new(request))).to_vec();
            self.output(Output::Fetch { peer: blob.origin.clone(), message });
        }
        Ok(())
    }

    /// A chunk comes from its origin. The answer is not signed: the chunk speaks for itself.
    pub(in crate::server) fn chunk_reply(&mut self, reply: &ChunkReply) -> Result<()> {
        if reply.refused.is_some() || reply.from == self.own.agency {
            return Ok(());
        }
        let blob = self.known_blob(&reply.from, &reply.blob)?;
        self.draft.delete(blob.keys.fetching(reply.index));
        self.take_chunk(blob, reply.index)
    }
}

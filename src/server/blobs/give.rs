//! Giving attachments to other agencies.

use super::super::{Reply, answers::Question, call::Call};
use crate::{
    attachment::ChunkRef,
    code::Code,
    crypto::{sign, verify},
    error::{Result, ensure},
    ids::AgencyId,
    limits,
    time::Timestamp,
    wire::{
        Signed,
        device::BlobOpen,
        encode,
        link::{ChunkReply, ChunkRequest, LinkBlobInfo, LinkItem, PeerMessage, SharedBlob},
    },
};

impl Call<'_, '_> {
    /// Another agency asks how an attachment is made that was uploaded here. It is remembered
    /// who has: it will be told when the attachment is taken back.
    pub(in crate::server) fn peer_blob_open(&mut self, from: &AgencyId, open: &BlobOpen) -> Result<()> {
        ensure(open.origin == self.own.agency, Code::NotForUs, "attachment")?;
        let found = self.attempt(|call| {
            let blob = call.known_blob(&open.origin, &open.blob)?;
            blob.admit(&open.capability)?;
            if !blob.is_whole() {
                return Err(blob.lacks());
            }
            call.draft.put(blob.keys.given(from), Vec::new());
            // Or taking it back at the same time would not know of it.
            call.draft.guard(blob.keys.guard())?;
            let expires_at = Timestamp::from_millis(blob.row.expires_at);
            Ok(SharedBlob { info: call.blob_info(&blob)?, expires_at })
        })?;
        let item = |outcome| LinkItem::BlobInfo(LinkBlobInfo { blob: open.blob, outcome });
        let asked = Question::Attachment(open.blob.as_bytes());
        let answered = match found {
            Ok(shared) => self.attempt(|call| call.answer(from, asked, &item(Ok(shared))))?,
            Err(error) => Err(error),
        };
        match answered {
            Ok(()) => Ok(()),
            Err(error) => self.refuse(from, asked, &item(Err(error.code().into()))),
        }
    }

    /// Another agency asks for a chunk. The answer is signed: what it refuses, it refuses for good
    /// (SPEC V-565).
    pub(in crate::server) fn chunk_request(&mut self, request: Signed<ChunkRequest>) -> Result<Reply> {
        let claimed = request.claimed();
        ensure(claimed.to == self.own.agency, Code::NotForUs, "chunk request")?;
        // V-564: fresh, so that an old one that somebody has kept is worth nothing.
        let (at, now) = (claimed.at, self.now());
        let apart = at.since(now).max(now.since(at));
        ensure(apart <= limits::CLOCK_SKEW, Code::BadStamp, "chunk request")?;
        let key = self.server_key(&claimed.from, &request, now)?;
        let request = verify(request, &key)?.into_inner();
        let (chunk, outcome) = match self.attempt(|call| call.chunk_for(&request))? {
            Ok((chunk, hash)) => (Some(chunk), Ok(hash)),
            Err(error) => (None, Err(error.code().into())),
        };
        let reply = ChunkReply {
            from: self.own.agency.clone(),
            to: request.from,
            blob: request.blob,
            index: request.index,
            asked_at: request.at,
            outcome,
        };
        let reply = sign(reply, &[&self.own.key]).into_signed();
        Ok(Reply { bytes: encode(&PeerMessage::ChunkReply(Box::new(reply))).to_vec(), chunk })
    }

    fn chunk_for(&self, request: &ChunkRequest) -> Result<(ChunkRef, [u8; 32])> {
        let blob = self.known_blob(&self.own.agency, &request.blob)?;
        blob.admit(&request.capability)?;
        let hash = self.chunk_hash(&blob, request.index)?;
        if !self.has_chunk(&blob, request.index)? {
            return Err(blob.lacks());
        }
        Ok((blob.chunk(request.index), hash))
    }
}

//! Attachments: taken from our devices, given to whoever shows the capability, fetched from
//! other agencies for our devices. Chunk bytes lie with the host; here stands which are there.

mod fetch;
mod give;
mod upload;

use bytes::Bytes;

use super::{
    Output,
    call::Call,
    keys::BlobKeys,
    rows::{BlobRow, unreadable},
};
use crate::{
    attachment::{Capability, CapabilityHash, ChunkList, ChunkRef, Header, Verifier},
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, BlobId},
    store::corrupt,
    time::Timestamp,
    wire::{
        decode_body,
        device::{BlobInfo, ShownCapability},
    },
};

/// An attachment as its rows say.
struct Blob {
    origin: AgencyId,
    id: BlobId,
    keys: BlobKeys,
    row: BlobRow,
}

impl Blob {
    /// Admits whoever shows the capability (SPEC V-563).
    fn admit(&self, shown: &ShownCapability) -> Result<()> {
        let hash = <[u8; 32]>::try_from(self.row.capability_hash.as_ref());
        let hash = hash.map_err(|_| corrupt("capability hash"))?;
        CapabilityHash::from_bytes(hash).admit(&capability(shown))
    }

    fn complete(&self) -> Result<()> {
        ensure(self.row.present == self.row.chunks, Code::BlobIncomplete, "attachment")
    }

    fn chunk(&self, index: u64) -> ChunkRef {
        ChunkRef { origin: self.origin.clone(), blob: self.id, index }
    }
}

impl Call<'_, '_> {
    /// An attachment that is known here and not expired.
    fn blob(&self, origin: &AgencyId, id: &BlobId) -> Result<Option<Blob>> {
        let keys = BlobKeys::of(origin, id);
        let row = self.read::<BlobRow>(&keys.record())?;
        let row = row.filter(|row| self.now() < Timestamp::from_millis(row.expires_at));
        Ok(row.map(|row| Blob { origin: origin.clone(), id: *id, keys, row }))
    }

    fn known_blob(&self, origin: &AgencyId, id: &BlobId) -> Result<Blob> {
        self.blob(origin, id)?.ok_or(Error::new(Code::UnknownBlob, "attachment"))
    }

    fn blob_info(&self, blob: &Blob) -> Result<BlobInfo> {
        let row = self.draft.get(&blob.keys.info())?.ok_or(corrupt("attachment without chunk hashes"))?;
        decode_body(&Bytes::from(row)).map_err(unreadable)
    }

    /// Begins to keep an attachment.
    fn put_blob(
        &mut self,
        keys: &BlobKeys,
        (origin, id): (&AgencyId, &BlobId),
        row: &BlobRow,
        info: Vec<u8>,
    ) {
        self.draft.put(keys.info(), info);
        self.write(keys.record(), row);
        self.forget_blob_later(Timestamp::from_millis(row.expires_at), origin, id, keys);
    }

    /// Takes a chunk that came beside a message: it has to be the one, and the host has to
    /// keep it before this is applied.
    fn take_chunk(&mut self, mut blob: Blob, index: u64) -> Result<()> {
        let chunk = self.chunk.ok_or(Error::new(Code::BadChunk, "no chunk beside the message"))?;
        let present = blob.keys.chunk(index);
        if self.draft.get(&present)?.is_some() {
            return Ok(());
        }
        verifier(&self.blob_info(&blob)?)?.verify_chunk(index, chunk)?;
        self.draft.guard(blob.keys.guard())?;
        self.draft.put(present, Vec::new());
        blob.row.present = blob.row.present.saturating_add(1);
        self.write(blob.keys.record(), &blob.row);
        self.keep = Some(blob.chunk(index));
        Ok(())
    }

    /// An attachment's time is over: its rows go, and the host may drop its chunks.
    pub(super) fn forget_blob(&mut self, origin: AgencyId, id: BlobId) -> Result<()> {
        let keys = BlobKeys::of(&origin, &id);
        self.draft.guard(keys.guard())?;
        self.draft.delete_prefix(keys.all());
        self.output(Output::ForgetBlob { origin, blob: id });
        Ok(())
    }
}

/// Checks that sizes and counts fit together, and then chunks.
fn verifier(info: &BlobInfo) -> Result<Verifier> {
    Verifier::new(&Header::parse(&info.header)?, ChunkList::parse(&info.chunk_hashes)?, info.padded)
}

fn capability(shown: &ShownCapability) -> Capability {
    Capability::from_bytes(zeroize::Zeroizing::new(*shown.expose()))
}

//! Attachments: taken from our devices, given to whoever shows the capability, fetched from
//! other agencies for our devices. Chunk bytes lie with the host; here stands which are there.

mod check;
mod fetch;
mod forget;
mod give;
mod replicate;
mod storage;
mod upload;

pub use storage::{Allowance, Storage};

use bytes::Bytes;

use super::{
    call::Call,
    keys::{self, BlobKeys},
    rows::{self, BlobName, BlobRow, unreadable},
};
use crate::{
    attachment::{Capability, CapabilityHash, ChunkList, ChunkRef, Geometry, Header, Verifier, verify_chunk},
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, BlobId},
    limits,
    store::{Store, corrupt},
    time::Timestamp,
    wire::{
        device::{BlobInfo, ShownCapability},
        fields::raw,
    },
};

/// Chunk hashes in one row: of a long list no more is read for a chunk than that.
const PAGE: u64 = 64;
/// Their bytes.
const PAGE_BYTES: usize = 64 * 32;

/// An attachment as its rows say.
struct Blob {
    origin: AgencyId,
    id: BlobId,
    keys: BlobKeys,
    row: BlobRow,
}

impl Blob {
    /// Admits whoever shows the capability (SPEC V-563), if there is still something to show.
    fn admit(&self, shown: &ShownCapability) -> Result<()> {
        self.capability_hash()?.admit(&capability(shown))?;
        self.stands()
    }

    fn capability_hash(&self) -> Result<CapabilityHash> {
        let hash = <[u8; 32]>::try_from(self.row.capability_hash.as_ref());
        hash.map(CapabilityHash::from_bytes).map_err(|_| corrupt("capability hash"))
    }

    /// That it was neither taken back nor given up.
    fn stands(&self) -> Result<()> {
        ensure(self.row.gone == 0, code(self.row.gone, Code::BlobGone), "attachment")
    }

    fn is_whole(&self) -> bool {
        self.row.present == self.row.chunks
    }

    /// Why a chunk of an attachment of ours is not here.
    fn lacks(&self) -> Error {
        Error::new(if self.row.lost { Code::ChunkLost } else { Code::BlobIncomplete }, "attachment")
    }

    fn chunk(&self, index: u64) -> ChunkRef {
        ChunkRef { origin: self.origin.clone(), blob: self.id, index }
    }
}

impl Call<'_, '_> {
    /// An attachment of which something is known here, and which has not expired.
    fn blob(&self, origin: &AgencyId, id: &BlobId) -> Result<Option<Blob>> {
        let keys = BlobKeys::of(origin, id);
        let row = self.read::<BlobRow>(&keys.record())?;
        let row = row.filter(|row| self.now() < Timestamp::from_millis(row.expires_at));
        Ok(row.map(|row| Blob { origin: origin.clone(), id: *id, keys, row }))
    }

    fn known_blob(&self, origin: &AgencyId, id: &BlobId) -> Result<Blob> {
        self.blob(origin, id)?.ok_or(Error::new(Code::UnknownBlob, "attachment"))
    }

    /// How it is made, put together from its rows.
    fn blob_info(&self, blob: &Blob) -> Result<BlobInfo> {
        let pages = usize::try_from(limits::CHUNKS / PAGE).unwrap_or(usize::MAX);
        let hashes = self.draft.scan(&blob.keys.all_hashes(), None, pages)?;
        let chunk_hashes = hashes.into_iter().flat_map(|(_, page)| page).collect::<Vec<_>>().into();
        let padded = geometry(&blob.row)?.padded_size();
        Ok(BlobInfo { header: blob.row.header.clone(), chunk_hashes, padded })
    }

    /// Begins to keep an attachment: its chunk hashes, and when it goes.
    fn put_blob(&mut self, blob: &mut Blob, info: &BlobInfo) -> Result<()> {
        self.charge(blob)?;
        for (page, hashes) in (0..).zip(info.chunk_hashes.chunks(PAGE_BYTES)) {
            self.draft.put(blob.keys.hashes(page), hashes.to_vec());
        }
        self.write(blob.keys.record(), &blob.row);
        let at = Timestamp::from_millis(blob.row.expires_at);
        self.forget_blob_later(at, &blob.origin, &blob.id, &blob.keys);
        Ok(())
    }

    /// The hash of a chunk.
    fn chunk_hash(&self, blob: &Blob, index: u64) -> Result<[u8; 32]> {
        ensure(index < blob.row.chunks, Code::BadField, "chunk index")?;
        let page = self.draft.get(&blob.keys.hashes(index / PAGE))?.ok_or(corrupt("chunk hashes"))?;
        let hash =
            usize::try_from(index % PAGE).ok().and_then(|place| page.as_chunks().0.get(place).copied());
        hash.ok_or(corrupt("chunk hashes"))
    }

    /// That bytes are the chunk that its hash names.
    fn check_chunk(&self, blob: &Blob, index: u64, bytes: &[u8]) -> Result<()> {
        let hash = self.chunk_hash(blob, index)?;
        let suite = Header::parse(&blob.row.header)?.suite();
        verify_chunk(suite, geometry(&blob.row)?, (index, &hash), bytes)
    }

    /// Takes a chunk that is the one: the host has to keep it before this is applied. It is asked for no
    /// more, and counted once. Whoever calls writes the record.
    fn take_chunk(&mut self, blob: &mut Blob, index: u64) -> Result<()> {
        self.draft.guard(blob.keys.guard())?;
        self.draft.delete(blob.keys.asked(index));
        if !self.has_chunk(blob, index)? {
            self.draft.put(blob.keys.chunk(index), Vec::new());
            blob.row.present = blob.row.present.saturating_add(1);
        }
        blob.row.lost &= !blob.is_whole();
        self.keep = Some(blob.chunk(index));
        Ok(())
    }

    fn has_chunk(&self, blob: &Blob, index: u64) -> Result<bool> {
        Ok(self.draft.get(&blob.keys.chunk(index))?.is_some())
    }
}

/// Whether the host needs an attachment's chunks.
pub(super) fn keeps(store: &dyn Store, origin: &AgencyId, blob: &BlobId) -> Result<bool> {
    let row = store.get(&BlobKeys::of(origin, blob).record())?.map(rows::read::<BlobRow>).transpose()?;
    Ok(row.is_some_and(|row| row.gone == 0))
}

/// An attachment of another agency that is on its way here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetching {
    /// The agency to which it was uploaded.
    pub origin: AgencyId,
    /// The attachment.
    pub blob: BlobId,
    /// How many chunks are here.
    pub present: u64,
    /// How many there are.
    pub chunks: u64,
    /// Since when its origin has not answered; `None`: it does.
    pub silent_since: Option<Timestamp>,
    /// Why its origin does not give it at present.
    pub refused: Option<Code>,
}

/// What is on its way, at most `limit` attachments after one.
pub(super) fn under_way(
    store: &dyn Store,
    after: Option<(&AgencyId, &BlobId)>,
    limit: usize,
) -> Result<Vec<Fetching>> {
    let after = after.map(|(origin, blob)| keys::under_way(origin, blob));
    let mut found = Vec::new();
    for (key, _) in store.scan(&keys::all_under_way(), after.as_deref(), limit)? {
        let (origin, blob) = keys::blob_under_way(&key)?;
        let Some(row) = store.get(&BlobKeys::of(&origin, &blob).record())? else { continue };
        let row: BlobRow = rows::read(row)?;
        let fetching = row.fetching.unwrap_or_default();
        let silent_since =
            (fetching.silent_since > 0).then_some(Timestamp::from_millis(fetching.silent_since));
        let refused = (fetching.refused > 0).then(|| code(fetching.refused, Code::UnknownBlob));
        let (present, chunks) = (row.present, row.chunks);
        found.push(Fetching { origin, blob, present, chunks, silent_since, refused });
    }
    Ok(found)
}

/// What rows keep of how it is made, if sizes and counts fit together.
fn made(info: &BlobInfo) -> Result<BlobRow> {
    let header = Header::parse(&info.header)?;
    let verifier = Verifier::new(&header, ChunkList::parse(&info.chunk_hashes)?, info.padded)?;
    let geometry = verifier.geometry();
    let header = raw(&header.to_bytes());
    Ok(BlobRow { header, sealed: geometry.sealed_size(), chunks: geometry.chunks(), ..BlobRow::default() })
}

fn geometry(row: &BlobRow) -> Result<Geometry> {
    Geometry::of_sealed(row.sealed).map_err(|_| corrupt("attachment"))
}

fn capability(shown: &ShownCapability) -> Capability {
    Capability::from_bytes(zeroize::Zeroizing::new(*shown.expose()))
}

fn shown(bytes: &Bytes) -> Result<ShownCapability> {
    let bytes = <[u8; 32]>::try_from(bytes.as_ref()).map_err(|_| corrupt("capability"))?;
    Ok(ShownCapability::from_bytes(zeroize::Zeroizing::new(bytes)))
}

/// An attachment as rows name it.
pub(super) fn name(origin: &AgencyId, blob: &BlobId) -> BlobName {
    BlobName { origin: origin.to_string(), blob: raw(blob.as_bytes()) }
}

/// The same, read.
pub(super) fn named(name: &BlobName) -> Result<(AgencyId, BlobId)> {
    let origin = AgencyId::parse(&name.origin).map_err(unreadable)?;
    Ok((origin, BlobId::from_slice(&name.blob).map_err(unreadable)?))
}

/// A code out of a row; `unknown` stands for one of a newer version.
fn code(number: u32, unknown: Code) -> Code {
    u16::try_from(number).ok().and_then(Code::from_number).unwrap_or(unknown)
}

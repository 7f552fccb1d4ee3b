//! Sealing a file.

use rand_core::CryptoRng;

use super::{ChunkList, FileKey, FileRef, Geometry, Header, Root, Suite, batch, chunk_list::chunk_hash};
use crate::{
    code::Code,
    crypto::{AeadKey, Nonce, wipe},
    error::{Error, Result, ensure},
    ids::{AgencyId, BlobId},
    time::Timestamp,
};

/// Seals the chunks of one file, in order, each once.
///
/// A nonce is never used for two plaintexts: key and salt are drawn by [`Sealer::new`], the
/// nonce counts up, and what may have left in an earlier life has to come out the same
/// ([`Sealer::resume`]).
///
/// ```
/// use verbund::attachment::Sealer;
/// # let mut file: &[u8] = &[7; 100_000];
/// # let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
/// # use rand_core::SeedableRng;
/// use std::io::Read;
///
/// let mut sealer = Sealer::new(100_000, &mut rng)?;
/// let mut chunk = Vec::new(); // one buffer for all chunks
/// while let Some(len) = sealer.next_len() {
///     chunk.resize(len, 0);
///     file.read_exact(&mut chunk).expect("a file that stays as it is");
///     sealer.seal_next(&mut chunk)?;
///     // store the hash, then send or store `chunk`
/// }
/// let sealed = sealer.finish()?;
/// assert_eq!(sealed.geometry().chunks(), 2);
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Debug)]
pub struct Sealer {
    key: FileKey,
    header: Header,
    payload: AeadKey,
    size: u64,
    geometry: Geometry,
    /// Hashes of the chunks sealed in this life.
    done: Vec<[u8; 32]>,
    /// Hashes of the first chunks as they were in an earlier life.
    before: Vec<[u8; 32]>,
    /// The source was found to differ: nothing more is sealed.
    failed: bool,
}

impl Sealer {
    /// For a file of exactly `size` bytes, with a fresh key and salt: 48 bytes of `rng`. The
    /// suite is 1, which everybody speaks.
    ///
    /// # Errors
    /// [`Code::TooLong`] past [`limits::ATTACHMENT`](crate::limits::ATTACHMENT).
    pub fn new(size: u64, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self> {
        Self::with_suite(Suite::ChaCha20Poly1305, size, rng)
    }

    /// [`Sealer::new`] with a suite of the caller's choice. Recipients have to speak it too.
    ///
    /// # Errors
    /// As there, and [`Code::UnknownSuite`] if the suite is not spoken here (SPEC V-616).
    pub fn with_suite(suite: Suite, size: u64, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self> {
        let geometry = Geometry::of_file(size)?;
        let key = FileKey::random(rng);
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let (header, payload) = key.begin(suite, geometry, salt)?;
        Ok(Self::start(key, header, payload, size, geometry, Vec::new()))
    }

    /// Goes on after an interruption, from the source's first byte.
    ///
    /// `before` has the hash of every chunk that may have left: the host stores what
    /// [`Sealer::seal_next`] returns before it lets the chunk go. Those chunks are sealed
    /// again and have to come out the same, or else two plaintexts would share a nonce.
    ///
    /// # Errors
    /// - [`Code::TooLong`] as [`Sealer::new`]
    /// - [`Code::UnknownSuite`] as [`Sealer::with_suite`]
    /// - [`Code::BadCommitment`] if the header belongs to another key
    /// - [`Code::BadGeometry`] if header or `before` belong to a file of another size
    pub fn resume(key: FileKey, header: Header, size: u64, before: Vec<[u8; 32]>) -> Result<Self> {
        let geometry = Geometry::of_file(size)?;
        let payload = key.unlock(&header)?;
        ensure(header.chunk_log2 == geometry.chunk_log2(), Code::BadGeometry, "chunk size")?;
        ensure(before.len() as u64 <= geometry.chunks(), Code::BadGeometry, "number of chunks")?;
        Ok(Self::start(key, header, payload, size, geometry, before))
    }

    fn start(
        key: FileKey,
        header: Header,
        payload: AeadKey,
        size: u64,
        geometry: Geometry,
        before: Vec<[u8; 32]>,
    ) -> Self {
        // The list has its room at once, instead of twice of it when it grows: 2 MiB at most.
        let done = Vec::with_capacity(usize::try_from(geometry.chunks()).unwrap_or(0));
        Sealer { key, header, payload, size, geometry, done, before, failed: false }
    }

    /// The key, for the host's record of an unfinished upload.
    #[must_use]
    pub const fn key(&self) -> &FileKey {
        &self.key
    }

    /// The header, for the same record.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The sizes.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Which chunk is next, none once all chunks are sealed.
    #[must_use]
    pub fn next_index(&self) -> Option<u64> {
        let next = self.done.len() as u64;
        (next < self.geometry.chunks()).then_some(next)
    }

    /// How many bytes of the file the next chunk takes, none once all chunks are sealed. It is
    /// `Some(0)` for the one chunk of an empty file, and for chunks that are padding throughout.
    #[must_use]
    pub fn next_len(&self) -> Option<usize> {
        self.next_lens().next()
    }

    /// The same of the next chunk, the one after it, and so on to the last.
    pub fn next_lens(&self) -> impl Iterator<Item = usize> {
        let (geometry, size) = (self.geometry, self.size);
        (self.done.len() as u64..geometry.chunks()).map(move |index| geometry.share(size, index))
    }

    /// Seals the next chunk in its own buffer: exactly [`Sealer::next_len`] bytes of the file
    /// go in, the sealed chunk comes out, and its hash is returned. Allocates only if the
    /// buffer has less capacity than [`Geometry::sealed_chunk_size`].
    ///
    /// # Errors
    /// [`Code::SourceChanged`] if the buffer has another length, all chunks are sealed, or a
    /// chunk differs from what it was before an interruption (SPEC V-640, V-641). The sealer
    /// is then finished with, and so are its key and salt: seal the file anew. A chunk that
    /// differs is wiped from the buffer.
    pub fn seal_next(&mut self, chunk: &mut Vec<u8>) -> Result<[u8; 32]> {
        let sealed = self.try_seal(0, chunk);
        self.failed |= sealed.is_err();
        self.done.extend(sealed.as_ref());
        sealed
    }

    /// [`Sealer::seal_next`] for the next chunks together: on all cores with feature `parallel`,
    /// one after the other without. What [`Sealer::next_lens`] says goes in. Returns their hashes.
    ///
    /// # Errors
    /// As there, of the first chunk that is refused. Its buffer and all behind it are empty, and
    /// those before it are not to be used either.
    pub fn seal_chunks(&mut self, chunks: &mut [Vec<u8>]) -> Result<&[[u8; 32]]> {
        let (hashes, sealed) = batch::each(chunks, |place, chunk| self.try_seal(place, chunk));
        self.failed |= sealed.is_err();
        let before = self.done.len();
        self.done.extend(hashes);
        sealed.map(|()| self.done.get(before..).unwrap_or_default())
    }

    /// Seals the chunk that comes `later` than the next one.
    fn try_seal(&self, later: usize, chunk: &mut Vec<u8>) -> Result<[u8; 32]> {
        let changed = Error::new(Code::SourceChanged, "chunk");
        let expected = self.next_lens().nth(later);
        ensure(!self.failed && expected == Some(chunk.len()), changed.code(), changed.context())?;
        let place = self.done.len() + later;
        let (index, last) = (place as u64, self.geometry.is_last(place as u64));

        let sealed_len = self.geometry.sealed_chunk_size(index);
        chunk.reserve_exact(sealed_len - chunk.len());
        chunk.resize(self.geometry.padded_share(index), 0);
        self.payload.seal_in_place(&Nonce::stream(index, last), &[], chunk)?;
        let hash = chunk_hash(self.header.suite, index, last, chunk);

        if self.before.get(place).is_some_and(|before| *before != hash) {
            wipe(chunk);
            return Err(changed);
        }
        Ok(hash)
    }

    /// Ends when every chunk is sealed.
    ///
    /// # Errors
    /// [`Code::SourceChanged`] if one is missing or the source has changed.
    pub fn finish(self) -> Result<Sealed> {
        let whole = !self.failed && self.next_len().is_none();
        ensure(whole, Code::SourceChanged, "chunk missing")?;
        let list = ChunkList::from_hashes(self.done);
        let root = list.root(&self.header, self.geometry.padded_size());
        Ok(Sealed {
            key: self.key,
            header: self.header,
            list,
            root,
            size: self.size,
            geometry: self.geometry,
        })
    }
}

/// What is known of a file once it is sealed.
#[derive(Debug)]
pub struct Sealed {
    key: FileKey,
    header: Header,
    list: ChunkList,
    root: Root,
    size: u64,
    geometry: Geometry,
}

impl Sealed {
    /// The header, for servers.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The chunk hashes, for servers.
    #[must_use]
    pub const fn list(&self) -> &ChunkList {
        &self.list
    }

    /// The root.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The sizes.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// What a message says about it, once it has a name, a place and an expiry.
    #[must_use]
    pub fn file_ref(&self, blob: BlobId, origin: AgencyId, expires_at: Timestamp) -> FileRef {
        FileRef {
            blob,
            origin,
            expires_at,
            suite: self.header.suite,
            key: self.key.clone(),
            root: self.root,
            size: self.size,
            padded_size: self.geometry.padded_size(),
        }
    }
}

/// Seals a whole file at once: what is known of it, and its sealed chunks one after the other.
/// For files that fit in memory.
///
/// # Errors
/// As [`Sealer::new`].
pub fn seal_all(file: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Result<(Sealed, Vec<u8>)> {
    let mut sealer = Sealer::new(file.len() as u64, rng)?;
    let sealed_len = usize::try_from(sealer.geometry.sealed_size());
    let mut sealed = Vec::with_capacity(sealed_len.map_err(|_| Error::new(Code::TooLong, "file"))?);
    let mut chunk = Vec::with_capacity(sealer.geometry.sealed_chunk_size(0));
    let mut rest = file;
    while let Some(len) = sealer.next_len() {
        let (now, later) = rest.split_at(len);
        rest = later;
        chunk.clear();
        chunk.extend_from_slice(now);
        sealer.seal_next(&mut chunk)?;
        sealed.extend_from_slice(&chunk);
    }
    Ok((sealer.finish()?, sealed))
}

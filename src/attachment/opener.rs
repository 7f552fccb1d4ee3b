//! Opening a sealed file.

use super::{ChunkList, FileRef, Geometry, Header, Verifier, batch};
use crate::{
    code::Code,
    crypto::{AeadKey, Nonce, SecretBytes, wipe},
    error::{Result, ensure},
};

/// Opens the chunks of one file, in any order and from any number of threads.
///
/// That it exists says that header and chunk list are those which the sender meant; that a
/// chunk opens says the same of the chunk. Until every chunk of a file has been opened,
/// nothing is said about those that are missing.
#[derive(Debug)]
pub struct Opener {
    verifier: Verifier,
    payload: AeadKey,
    size: u64,
}

impl Opener {
    /// Checks what servers gave (`header`, `list`) against what the sender said (`file`).
    ///
    /// # Errors
    /// In this order:
    /// - [`Code::BadHeader`] if the header has another suite than the message (SPEC V-602)
    /// - [`Code::UnknownSuite`] if it is not spoken here (V-616)
    /// - [`Code::BadRoot`] if the list is not the root's (V-620)
    /// - [`Code::BadCommitment`] if the header belongs to another key (V-621)
    /// - [`Code::BadGeometry`] if chunk size and number do not fit the padded size (V-613,
    ///   V-614), or that the size (V-610, V-611)
    pub fn new(file: &FileRef, header: &Header, list: ChunkList) -> Result<Self> {
        Self::of_received(file, (header, list), file.padded_size)
    }

    /// [`Opener::new`], where a padded size was received with header and list.
    pub(super) fn of_received(
        file: &FileRef,
        (header, list): (&Header, ChunkList),
        padded_size: u64,
    ) -> Result<Self> {
        ensure(header.suite == file.suite, Code::BadHeader, "suite")?;
        header.suite.cipher()?;
        let same = list.root(header, padded_size) == file.root && padded_size == file.padded_size;
        ensure(same, Code::BadRoot, "chunk list")?;
        let payload = file.key.unlock(header)?;
        let verifier = Verifier::new(header, list, file.padded_size)?;
        file.geometry()?;
        Ok(Opener { verifier, payload, size: file.size })
    }

    /// The sizes.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.verifier.geometry()
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Opens sealed chunk `index` in its own buffer, which then holds the file's bytes from
    /// `index · chunk_size` on: a full chunk, fewer where the file ends, none in a chunk that
    /// is padding throughout. Does not allocate.
    ///
    /// # Errors
    /// - [`Code::BadArgument`] if there is no such chunk
    /// - [`Code::BadChunk`] if the bytes are others (SPEC V-630, V-631)
    /// - [`Code::BadCiphertext`] if the sender sealed it wrongly (V-632)
    /// - [`Code::BadPadding`] if bytes past the file's end are not zero (V-633)
    ///
    /// The buffer is then empty.
    pub fn open_chunk(&self, index: u64, chunk: &mut Vec<u8>) -> Result<()> {
        let opened = self.try_open(index, chunk);
        if opened.is_err() {
            wipe(chunk);
        }
        opened
    }

    /// [`Opener::open_chunk`] for sealed chunks `first`, `first + 1`, …: on all cores with feature
    /// `parallel`, one after the other without.
    ///
    /// # Errors
    /// As there, of the first chunk that is refused. Those before it are open; its buffer and all
    /// behind it are empty.
    pub fn open_chunks(&self, first: u64, chunks: &mut [Vec<u8>]) -> Result<()> {
        self.open_some(first, chunks).1
    }

    /// [`Opener::open_chunks`]; says how many are open.
    pub(super) fn open_some(&self, first: u64, chunks: &mut [Vec<u8>]) -> (usize, Result<()>) {
        let open = |place, chunk: &mut _| self.try_open(first.saturating_add(place as u64), chunk);
        let (opened, refused) = batch::each(chunks, open);
        (opened.len(), refused)
    }

    fn try_open(&self, index: u64, chunk: &mut Vec<u8>) -> Result<()> {
        // The hash comes first: whoever knows the key, and the whole room does, can make
        // other chunks that the AEAD accepts.
        self.verifier.verify_chunk(index, chunk)?;
        let nonce = Nonce::stream(index, self.geometry().is_last(index));
        self.payload.open_in_place(&nonce, &[], chunk)?;

        let (_, padding) = chunk.split_at(self.geometry().share(self.size, index).min(chunk.len()));
        let any_bit = padding.iter().fold(0, |bits, byte| bits | byte);
        ensure(any_bit == 0, Code::BadPadding, "padding")?;
        chunk.truncate(chunk.len() - padding.len());
        Ok(())
    }
}

/// Opens a whole file at once; for files that fit in memory.
///
/// # Errors
/// As [`Opener::new`] and [`Opener::open_chunk`], and [`Code::BadGeometry`] if `sealed` has
/// another length than the file's chunks (SPEC V-615).
pub fn open_all(file: &FileRef, header: &Header, list: ChunkList, sealed: &[u8]) -> Result<Vec<u8>> {
    let opener = Opener::new(file, header, list)?;
    let geometry = opener.geometry();
    ensure(sealed.len() as u64 == geometry.sealed_size(), Code::BadGeometry, "sealed length")?;

    // No longer than what is already in memory.
    let mut plain = SecretBytes::with_capacity(sealed.len());
    let mut chunk = SecretBytes::with_capacity(geometry.sealed_chunk_size(0));
    for (index, bytes) in (0..).zip(sealed.chunks(geometry.sealed_chunk_size(0))) {
        chunk.clear();
        chunk.extend_from_slice(bytes);
        opener.open_chunk(index, &mut chunk)?;
        plain.extend_from_slice(&chunk);
    }
    Ok(core::mem::take(&mut *plain))
}

//! Files of one suite, whole and in parts.

use std::cell::RefCell;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
pub(super) use zeroize::Zeroizing;

use super::SUITE;
pub(super) use crate::{
    attachment::{chunk_list::chunk_hash, *},
    code::Code,
    crypto::{AeadKey, Nonce},
    error::Result,
    ids::{AgencyId, BlobId},
    time::Timestamp,
};

/// A sealed file in parts, so that each can be tampered with.
#[derive(Clone)]
pub(in crate::attachment::tests) struct File {
    pub(in crate::attachment::tests) said: FileRef,
    pub(super) header: Vec<u8>,
    pub(super) list: Vec<u8>,
    pub(super) chunks: Vec<Vec<u8>>,
}

impl File {
    /// Opens it as a receiver does, every chunk.
    pub(super) fn open(&self) -> Result<Vec<u8>> {
        let opener = Opener::new(&self.said, &Header::parse(&self.header)?, ChunkList::parse(&self.list)?)?;
        let mut plain = Vec::new();
        for (index, sealed) in (0..).zip(&self.chunks) {
            let mut chunk = sealed.clone();
            opener.open_chunk(index, &mut chunk).inspect_err(|_| assert!(chunk.is_empty()))?;
            plain.extend(chunk);
        }
        Ok(plain)
    }

    /// Why it does not open.
    pub(super) fn refused(&self) -> Code {
        self.open().expect_err("opens").code()
    }

    /// As a sender who has changed a part has to: the root of what is there now.
    pub(super) fn with_own_root(mut self) -> Self {
        let header = Header::parse(&self.header).unwrap();
        self.said.root = ChunkList::parse(&self.list).unwrap().root(&header, self.said.padded_size);
        self
    }
}

pub(super) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

pub(super) fn key(byte: u8) -> FileKey {
    FileKey::from_bytes(Zeroizing::new([byte; 32]))
}

/// A number that fits.
pub(super) fn usize(n: u64) -> usize {
    n.try_into().unwrap()
}

/// Content that differs from chunk to chunk.
pub(super) fn content(size: usize) -> Vec<u8> {
    (0..251).cycle().take(size).collect()
}

/// A sealer of the suite, with key and salt of the seed.
pub(super) fn sealer_of(size: u64, seed: u8) -> Sealer {
    Sealer::with_suite(SUITE, size, &mut rng(seed)).unwrap()
}

/// The header of a file under this key and salt, and what encrypts its chunks.
pub(super) fn begin(key: &FileKey, geometry: Geometry, salt: [u8; 16]) -> (Header, AeadKey) {
    key.begin(SUITE, geometry, salt).unwrap()
}

pub(super) fn file_ref(sealed: &Sealed) -> FileRef {
    let origin = AgencyId::parse("police.a.example").unwrap();
    sealed.file_ref(BlobId::from_bytes([9; 16]), origin, Timestamp::ZERO)
}

/// Seals by the public way.
pub(super) fn seal(content: &[u8], seed: u8) -> File {
    seal_with(sealer_of(content.len() as u64, seed), content)
}

/// Seals what is left of a file.
pub(super) fn seal_with(mut sealer: Sealer, mut content: &[u8]) -> File {
    let mut chunks = Vec::new();
    while let Some(len) = sealer.next_len() {
        let (now, later) = content.split_at(len);
        content = later;
        let mut chunk = now.to_vec();
        sealer.seal_next(&mut chunk).unwrap();
        chunks.push(chunk);
    }
    let sealed = sealer.finish().unwrap();
    File {
        said: file_ref(&sealed),
        header: sealed.header().to_bytes().to_vec(),
        list: sealed.list().as_bytes().to_vec(),
        chunks,
    }
}

/// Seals as a member with ill intent can: any padded chunks under any key and salt, said to
/// be `size` bytes long; hashes and root are right.
pub(super) fn forge(key: &FileKey, salt: [u8; 16], chunks: &[Vec<u8>], size: u64) -> File {
    let padded_size = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    let (header, payload) = begin(key, Geometry::of_file(padded_size).unwrap(), salt);
    let seal = |(index, chunk): (usize, &Vec<u8>)| {
        let mut chunk = chunk.clone();
        let nonce = Nonce::stream(index as u64, index + 1 == chunks.len());
        payload.seal_in_place(&nonce, &[], &mut chunk).unwrap();
        chunk
    };
    relist(key, header, chunks.iter().enumerate().map(seal).collect(), size, padded_size)
}

/// A file of these sealed chunks, with hashes and root that are right.
pub(super) fn relist(
    key: &FileKey,
    header: Header,
    chunks: Vec<Vec<u8>>,
    size: u64,
    padded_size: u64,
) -> File {
    let last = chunks.len() - 1;
    let hash =
        |(index, chunk): (usize, &Vec<u8>)| chunk_hash(header.suite, index as u64, index == last, chunk);
    let list: Vec<[u8; 32]> = chunks.iter().enumerate().map(hash).collect();
    let said = FileRef {
        blob: BlobId::from_bytes([9; 16]),
        origin: AgencyId::parse("police.a.example").unwrap(),
        expires_at: Timestamp::ZERO,
        suite: header.suite,
        key: key.clone(),
        root: Root::from_bytes([0; 32]),
        size,
        padded_size,
    };
    File { said, header: header.to_bytes().to_vec(), list: list.concat(), chunks }.with_own_root()
}

/// A file that is 7 all over and too large to be, of which these chunks alone can be fetched.
pub(super) struct Sparse {
    said: FileRef,
    header: Header,
    list: ChunkList,
    chunks: Vec<(u64, Vec<u8>)>,
    /// Which were fetched.
    pub(super) fetched: RefCell<Vec<u64>>,
}

impl Sparse {
    pub(super) fn new(size: u64, indexes: &[u64]) -> Self {
        let geometry = Geometry::of_file(size).unwrap();
        let (header, payload) = begin(&key(1), geometry, [2; 16]);
        let mut list = vec![[0; 32]; usize(geometry.chunks())];
        let mut chunks = Vec::new();
        for &index in indexes {
            let mut chunk = vec![7; geometry.share(size, index)];
            chunk.resize(geometry.padded_share(index), 0);
            let last = geometry.is_last(index);
            payload.seal_in_place(&Nonce::stream(index, last), &[], &mut chunk).unwrap();
            list[usize(index)] = chunk_hash(header.suite(), index, last, &chunk);
            chunks.push((index, chunk));
        }
        let list = ChunkList::parse(list.as_flattened()).unwrap();
        let said = FileRef {
            root: list.root(&header, geometry.padded_size()),
            size,
            padded_size: geometry.padded_size(),
            key: key(1),
            ..seal(b"", 0).said
        };
        Sparse { said, header, list, chunks, fetched: RefCell::default() }
    }

    pub(super) fn opener(&self) -> Opener {
        Opener::new(&self.said, &self.header, self.list.clone()).unwrap()
    }

    pub(super) fn chunk(&self, index: u64) -> &[u8] {
        let chunk = self.chunks.iter().find(|(there, _)| *there == index);
        &chunk.expect("a chunk that is not touched").1
    }
}

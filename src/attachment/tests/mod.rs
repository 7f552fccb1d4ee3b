//! Whole files: sealed, opened, and tampered with.

mod large;
mod roundtrip;
mod sealing;
mod tamper;
mod vectors;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use super::{chunk_list::chunk_hash, *};
use crate::{
    code::Code,
    crypto::Nonce,
    error::Result,
    ids::{AgencyId, BlobId},
    time::Timestamp,
};

/// A sealed file in parts, so that each can be tampered with.
#[derive(Clone)]
struct File {
    said: FileRef,
    header: Vec<u8>,
    list: Vec<u8>,
    chunks: Vec<Vec<u8>>,
}

impl File {
    /// Opens it as a receiver does, every chunk.
    fn open(&self) -> Result<Vec<u8>> {
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
    fn refused(&self) -> Code {
        self.open().expect_err("opens").code()
    }

    /// As a sender who has changed a part has to: the root of what is there now.
    fn with_own_root(mut self) -> Self {
        let header = Header::parse(&self.header).unwrap();
        self.said.root = ChunkList::parse(&self.list).unwrap().root(&header, self.said.padded_size);
        self
    }
}

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn key(byte: u8) -> FileKey {
    FileKey::from_bytes(Zeroizing::new([byte; 32]))
}

/// A number that fits.
fn usize(n: u64) -> usize {
    n.try_into().unwrap()
}

/// Content that differs from chunk to chunk.
fn content(size: usize) -> Vec<u8> {
    (0..251).cycle().take(size).collect()
}

fn file_ref(sealed: &Sealed) -> FileRef {
    let origin = AgencyId::parse("police.a.example").unwrap();
    sealed.file_ref(BlobId::from_bytes([9; 16]), origin, Timestamp::ZERO)
}

/// Seals by the public way.
fn seal(content: &[u8], seed: u8) -> File {
    let (sealed, bytes) = seal_all(content, &mut rng(seed)).unwrap();
    let size = sealed.geometry().sealed_chunk_size(0);
    File {
        said: file_ref(&sealed),
        header: sealed.header().to_bytes().to_vec(),
        list: sealed.list().as_bytes().to_vec(),
        chunks: bytes.chunks(size).map(<[u8]>::to_vec).collect(),
    }
}

/// Seals as a member with ill intent can: any padded chunks under any key and salt, said to
/// be `size` bytes long; hashes and root are right.
fn forge(key: &FileKey, salt: [u8; 16], chunks: &[Vec<u8>], size: u64) -> File {
    let padded_size = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    let (header, payload) = key.begin(Geometry::of_file(padded_size).unwrap(), salt);
    let seal = |(index, chunk): (usize, &Vec<u8>)| {
        let mut chunk = chunk.clone();
        let nonce = Nonce::stream(index as u64, index + 1 == chunks.len());
        payload.seal_in_place(&nonce, &[], &mut chunk).unwrap();
        chunk
    };
    relist(key, header, chunks.iter().enumerate().map(seal).collect(), size, padded_size)
}

/// A file of these sealed chunks, with hashes and root that are right.
fn relist(key: &FileKey, header: Header, chunks: Vec<Vec<u8>>, size: u64, padded_size: u64) -> File {
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

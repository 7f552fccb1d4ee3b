//! The primitives by themselves, over chunks of 64 KiB in memory, on one thread: what no format made of
//! them, one after the other, can be faster than.

use std::{
    hint::black_box,
    io::Read,
    time::{Duration, Instant},
};

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::source::Pattern;

const CHUNK: usize = 1 << 16;
/// Of a sealed file as much stays in memory as a chunk cache would hold.
const HELD: usize = 16;

pub struct Raw {
    chacha: ChaCha20Poly1305,
    aes: LessSafeKey,
    plain: Vec<u8>,
    chacha_sealed: Vec<Vec<u8>>,
    aes_sealed: Vec<Vec<u8>>,
}

impl Raw {
    pub fn new() -> Self {
        let chacha = ChaCha20Poly1305::new(&[1; 32].into());
        let aes = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).expect("32 bytes"));
        let mut plain = vec![0; CHUNK];
        Pattern::of(CHUNK as u64).read_exact(&mut plain).expect("a whole chunk");
        let mut raw = Raw { chacha, aes, plain, chacha_sealed: Vec::new(), aes_sealed: Vec::new() };
        for index in 0..HELD {
            let mut one = raw.plain.clone();
            raw.chacha.encrypt_in_place(&nonce(index).into(), &[], &mut one).expect("short enough");
            raw.chacha_sealed.push(one);
            let mut one = raw.plain.clone();
            let place = Nonce::assume_unique_for_key(nonce(index));
            raw.aes.seal_in_place_append_tag(place, Aad::empty(), &mut one).expect("short enough");
            raw.aes_sealed.push(one);
        }
        raw
    }

    /// Fills a chunk, encrypts it and hashes it, for all chunks of a file.
    pub fn chacha_and_hash(&mut self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        self.each(size, |raw, index| {
            chunk.clear();
            chunk.extend_from_slice(&raw.plain);
            raw.chacha.encrypt_in_place(&nonce(index).into(), &[], &mut chunk).expect("short enough");
            black_box(blake3::hash(&chunk));
        })
    }

    /// The other way round.
    pub fn hash_and_chacha(&mut self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        self.each(size, |raw, index| {
            chunk.clear();
            chunk.extend_from_slice(&raw.chacha_sealed[index % HELD]);
            black_box(blake3::hash(&chunk));
            let nonce = nonce(index % HELD).into();
            raw.chacha.decrypt_in_place(&nonce, &[], &mut chunk).expect("what was sealed");
        })
    }

    pub fn aes(&mut self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        self.each(size, |raw, index| {
            chunk.clear();
            chunk.extend_from_slice(&raw.plain);
            let nonce = Nonce::assume_unique_for_key(nonce(index));
            raw.aes.seal_in_place_append_tag(nonce, Aad::empty(), &mut chunk).expect("short enough");
        })
    }

    pub fn aes_open(&mut self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        self.each(size, |raw, index| {
            chunk.clear();
            chunk.extend_from_slice(&raw.aes_sealed[index % HELD]);
            let nonce = Nonce::assume_unique_for_key(nonce(index % HELD));
            black_box(raw.aes.open_in_place(nonce, Aad::empty(), &mut chunk).expect("what was sealed"));
        })
    }

    fn each(&self, size: u64, mut work: impl FnMut(&Self, usize)) -> Duration {
        let chunks = usize::try_from(size / CHUNK as u64).expect("fits");
        let began = Instant::now();
        (0..chunks).for_each(|index| work(self, index));
        began.elapsed()
    }
}

fn nonce(index: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
    nonce
}

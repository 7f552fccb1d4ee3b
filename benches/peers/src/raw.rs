//! The primitives by themselves, over chunks of 64 KiB in memory, on one thread: what no format made of
//! them, one after the other, can be faster than.

use std::{
    hint::black_box,
    io::Read,
    time::{Duration, Instant},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::source::Pattern;

const CHUNK: usize = 1 << 16;
/// Of a sealed file as much stays in memory as a chunk cache would hold.
const HELD: usize = 16;

/// ChaCha20-Poly1305 of the crate that the library has it from.
#[cfg(feature = "pure")]
mod chacha {
    use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};

    pub struct Key(ChaCha20Poly1305);

    impl Key {
        pub fn new() -> Self {
            Key(ChaCha20Poly1305::new(&[1; 32].into()))
        }

        pub fn seal(&self, nonce: [u8; 12], chunk: &mut Vec<u8>) {
            self.0.encrypt_in_place(&nonce.into(), &[], chunk).expect("short enough");
        }

        pub fn open(&self, nonce: [u8; 12], chunk: &mut Vec<u8>) {
            self.0.decrypt_in_place(&nonce.into(), &[], chunk).expect("what was sealed");
        }
    }
}

/// The same with assembly.
#[cfg(not(feature = "pure"))]
mod chacha {
    use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

    pub struct Key(LessSafeKey);

    impl Key {
        pub fn new() -> Self {
            Key(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &[1; 32]).expect("32 bytes")))
        }

        pub fn seal(&self, nonce: [u8; 12], chunk: &mut Vec<u8>) {
            let nonce = Nonce::assume_unique_for_key(nonce);
            self.0.seal_in_place_append_tag(nonce, Aad::empty(), chunk).expect("short enough");
        }

        pub fn open(&self, nonce: [u8; 12], chunk: &mut Vec<u8>) {
            let nonce = Nonce::assume_unique_for_key(nonce);
            self.0.open_in_place(nonce, Aad::empty(), chunk).expect("what was sealed");
        }
    }
}

pub struct Raw {
    chacha: chacha::Key,
    aes: LessSafeKey,
    plain: Vec<u8>,
    chacha_sealed: Vec<Vec<u8>>,
    aes_sealed: Vec<Vec<u8>>,
}

impl Raw {
    pub fn new() -> Self {
        let chacha = chacha::Key::new();
        let aes = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).expect("32 bytes"));
        let mut plain = vec![0; CHUNK];
        Pattern::of(CHUNK as u64).read_exact(&mut plain).expect("a whole chunk");
        let mut raw = Raw { chacha, aes, plain, chacha_sealed: Vec::new(), aes_sealed: Vec::new() };
        for index in 0..HELD {
            let mut one = raw.plain.clone();
            raw.chacha.seal(nonce(index), &mut one);
            raw.chacha_sealed.push(one);
            let mut one = raw.plain.clone();
            let place = Nonce::assume_unique_for_key(nonce(index));
            raw.aes.seal_in_place_append_tag(place, Aad::empty(), &mut one).expect("short enough");
            raw.aes_sealed.push(one);
        }
        raw
    }

    /// Fills a chunk, encrypts it and hashes it, for all chunks of a file.
    pub fn chacha_and_hash(&self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        each(size, |index| {
            refill(&mut chunk, &self.plain);
            self.chacha.seal(nonce(index), &mut chunk);
            black_box(blake3::hash(&chunk));
        })
    }

    /// The other way round.
    pub fn hash_and_chacha(&self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        each(size, |index| {
            refill(&mut chunk, &self.chacha_sealed[index % HELD]);
            black_box(blake3::hash(&chunk));
            self.chacha.open(nonce(index % HELD), &mut chunk);
        })
    }

    pub fn aes(&self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        each(size, |index| {
            refill(&mut chunk, &self.plain);
            let nonce = Nonce::assume_unique_for_key(nonce(index));
            self.aes.seal_in_place_append_tag(nonce, Aad::empty(), &mut chunk).expect("short enough");
        })
    }

    pub fn aes_open(&self, size: u64) -> Duration {
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        each(size, |index| {
            refill(&mut chunk, &self.aes_sealed[index % HELD]);
            let nonce = Nonce::assume_unique_for_key(nonce(index % HELD));
            black_box(self.aes.open_in_place(nonce, Aad::empty(), &mut chunk).expect("what was sealed"));
        })
    }

    /// What one chunk of 64 KiB costs by itself, the best of many: to copy it, to encrypt it, to hash it.
    pub fn steps(&self) -> [Duration; 3] {
        let mut best = [Duration::MAX; 3];
        let mut chunk = Vec::with_capacity(CHUNK + 16);
        for index in 0..2_000 {
            let began = Instant::now();
            refill(&mut chunk, &self.plain);
            let copied = began.elapsed();
            self.chacha.seal(nonce(index), &mut chunk);
            let sealed = began.elapsed();
            black_box(blake3::hash(&chunk));
            let times = [copied, sealed - copied, began.elapsed() - sealed];
            best.iter_mut().zip(times).for_each(|(best, time)| *best = time.min(*best));
        }
        best
    }
}

fn refill(chunk: &mut Vec<u8>, bytes: &[u8]) {
    chunk.clear();
    chunk.extend_from_slice(bytes);
}

fn each(size: u64, mut work: impl FnMut(usize)) -> Duration {
    let chunks = usize::try_from(size / CHUNK as u64).expect("fits");
    let began = Instant::now();
    (0..chunks).for_each(&mut work);
    began.elapsed()
}

fn nonce(index: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
    nonce
}

//! What is sealed opens, whatever its size, and is what the specification says.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use hkdf::Hkdf;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{SUITE, support::*};

/// Around every chunk and padding boundary that small files have.
const SIZES: [usize; 24] = [
    0, 1, 2, 8, 9, 10, 1_023, 1_024, 1_025, 65_535, 65_536, 65_537, 67_583, 67_584, 67_585, 131_071, 131_072,
    131_073, 135_168, 135_169, 196_608, 2_097_151, 2_097_152, 2_097_153,
];

#[test]
fn opens_as_it_was_at_every_boundary() {
    for size in SIZES {
        let content = content(size);
        let file = seal(&content, 1);
        let geometry = file.said.geometry().unwrap();
        assert_eq!(file.chunks.len() as u64, geometry.chunks(), "{size}");
        for (index, chunk) in (0..).zip(&file.chunks) {
            assert_eq!(chunk.len(), geometry.sealed_chunk_size(index), "{size}, chunk {index}");
        }
        assert_eq!(file.open().unwrap(), content, "{size}");

        let (header, list) = (Header::parse(&file.header).unwrap(), ChunkList::parse(&file.list).unwrap());
        assert_eq!(header.suite(), SUITE);
        assert_eq!(open_all(&file.said, &header, list.clone(), &file.chunks.concat()).unwrap(), content);
        let verifier = Verifier::with_root(&file.said.root, &header, list, geometry.padded_size()).unwrap();
        for (index, chunk) in (0..).zip(&file.chunks) {
            verifier.verify_chunk(index, chunk).unwrap();
        }
    }
}

#[test]
fn any_chunk_opens_by_itself_in_its_own_buffer() {
    let content = content(2_097_153);
    let file = seal(&content, 2);
    let list = ChunkList::parse(&file.list).unwrap();
    let opener = Opener::new(&file.said, &Header::parse(&file.header).unwrap(), list).unwrap();
    assert_eq!((opener.geometry().chunks(), opener.size()), (33, 2_097_153));

    let mut chunk = Vec::with_capacity(opener.geometry().sealed_chunk_size(0));
    let buffer = (chunk.as_ptr(), chunk.capacity());
    for index in [32, 0, 31, 31, 7] {
        let at = usize(index);
        chunk.clear();
        chunk.extend_from_slice(&file.chunks[at]);
        opener.open_chunk(index, &mut chunk).unwrap();
        let end = content.len().min((at + 1) << 16);
        assert_eq!(chunk, content[at << 16..end]);
        assert_eq!((chunk.as_ptr(), chunk.capacity()), buffer);
    }
    for index in [33, u64::MAX] {
        let mut chunk = file.chunks[0].clone();
        assert_eq!(opener.open_chunk(index, &mut chunk).unwrap_err().code(), Code::BadArgument);
    }
}

#[test]
fn chunks_that_are_padding_throughout_open_empty() {
    // The true size ends in chunk 64, the padding in chunk 65.
    let content = content((64 << 16) + 1);
    let file = seal(&content, 3);
    assert_eq!(file.chunks.len(), 66);
    let list = ChunkList::parse(&file.list).unwrap();
    let opener = Opener::new(&file.said, &Header::parse(&file.header).unwrap(), list).unwrap();
    let mut chunk = file.chunks[65].clone();
    opener.open_chunk(65, &mut chunk).unwrap();
    assert!(chunk.is_empty());
    assert_eq!(file.open().unwrap(), content);
}

/// `u8 len ‖ label ‖ (u64 len ‖ part)*`
fn frame(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![label.len().try_into().unwrap()];
    bytes.extend_from_slice(label.as_bytes());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn expand(salt: &[u8], ikm: &[u8], info: &[u8]) -> [u8; 32] {
    let mut okm = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, &mut okm).unwrap();
    okm
}

/// The suite's AEAD, bare.
fn encrypt(key: [u8; 32], nonce: [u8; 12], chunk: &[u8]) -> Vec<u8> {
    fn by<C: AeadInOut + KeyInit>(key: [u8; 32], nonce: [u8; 12], chunk: &[u8]) -> Vec<u8> {
        let (cipher, mut sealed) = (C::new_from_slice(&key).unwrap(), chunk.to_vec());
        cipher.encrypt_in_place(&nonce[..].try_into().unwrap(), b"", &mut sealed).unwrap();
        sealed
    }
    match SUITE {
        Suite::ChaCha20Poly1305 => by::<ChaCha20Poly1305>(key, nonce, chunk),
        #[cfg(feature = "aes-gcm")]
        Suite::Aes256Gcm => by::<aes_gcm::Aes256Gcm>(key, nonce, chunk),
        #[cfg(not(feature = "aes-gcm"))]
        Suite::Aes256Gcm => panic!("no AES"),
    }
}

/// The suite's hash, bare.
fn bare_hash(bytes: &[u8]) -> [u8; 32] {
    match SUITE {
        Suite::ChaCha20Poly1305 => *blake3::hash(bytes).as_bytes(),
        Suite::Aes256Gcm => Sha256::digest(bytes).into(),
    }
}

/// The whole format once more, from the specification and the bare primitives.
#[test]
fn is_what_the_specification_says() {
    let content = content(65_537);
    let file = seal(&content, 4);
    let key = file.said.key.expose();

    let salt: [u8; 16] = file.header[2..18].try_into().unwrap();
    let suite = SUITE.number();
    let payload = expand(&salt, key, &frame("verbund 1 blob payload key", &[&[suite], &[16]]));
    let commitment = expand(&salt, key, &frame("verbund 1 blob commitment", &[&[suite], &[16]]));
    assert_eq!(file.header, [&[suite, 16], &salt[..], &commitment[..]].concat());

    let mut padded = content;
    padded.resize(65_536 + 2_048, 0);
    for (index, last, chunk) in [(0u8, 0u8, &padded[..65_536]), (1, 1, &padded[65_536..])] {
        let sealed = encrypt(payload, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, index, last], chunk);
        assert_eq!(sealed, file.chunks[usize::from(index)]);

        let place = [0, 0, 0, 0, 0, 0, 0, index];
        let hash = bare_hash(&frame("verbund 1 blob chunk", &[&place, &[last], &sealed]));
        assert_eq!(file.list[32 * usize::from(index)..][..32], hash);
    }
    let sizes = 67_584u64.to_be_bytes();
    let root = bare_hash(&frame("verbund 1 blob root", &[&file.header, &sizes, &file.list]));
    assert_eq!(*file.said.root.as_bytes(), root);

    let capability = expand(b"", key, &frame("verbund 1 blob fetch", &[&[9; 16]]));
    assert_eq!(*file.said.capability().expose(), capability);
    let kept = Sha256::digest(frame("verbund 1 blob capability", &[&capability]));
    assert_eq!(file.said.capability().hash().as_bytes()[..], kept[..]);
}

#[test]
fn every_seal_draws_its_own_key_and_salt() {
    let mut rng = rng(5);
    let [a, b] = [(); 2].map(|()| Sealer::new(10, &mut rng).unwrap());
    assert_ne!(a.key(), b.key());
    assert_ne!(a.header(), b.header());
}

#[test]
fn secrets_do_not_show() {
    let file = seal(b"text", 6);
    let shown = format!("{:?} {:?} {:?}", file.said, file.said.capability(), Sealer::new(1, &mut rng(6)));
    assert!(
        shown.contains("FileKey(..)") && shown.contains("Capability(..)") && shown.contains("AeadKey(..)")
    );
    assert!(!shown.contains(&format!("{:?}", file.said.key.expose())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_content_opens_as_it_was(content in proptest::collection::vec(any::<u8>(), 0..3_000), seed: u8) {
        prop_assert_eq!(seal(&content, seed).open().unwrap(), content);
    }

    #[test]
    fn any_size_opens_as_it_was(size in 0..400_000usize, seed: u8) {
        let content = content(size);
        prop_assert_eq!(seal(&content, seed).open().unwrap(), content);
    }
}

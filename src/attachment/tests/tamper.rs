//! What servers and members can do to a sealed file, and that each is noticed.

use proptest::prelude::*;

use super::support::*;

/// A small file whose size has a padding of its own: 37 to 40 bytes are padded to 40.
fn small() -> File {
    seal(&content(40), 1)
}

/// Three chunks, the last one short.
fn three() -> File {
    let file = seal(&content(131_073), 1);
    assert_eq!(file.chunks.len(), 3);
    file
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn every_bit_of_the_header_counts() {
    for bit in 0..8 * Header::LEN {
        let mut file = small();
        flip(&mut file.header, bit);
        let expected = match (bit / 8, file.header[1]) {
            // Suites 1 and 2 are two bits apart.
            (0, _) => Code::UnknownSuite,
            (1, 16..=24) => Code::BadRoot,
            (1, _) => Code::BadHeader,
            _ => Code::BadRoot,
        };
        assert_eq!(file.refused(), expected, "bit {bit}");
    }
}

#[test]
fn every_bit_of_list_root_key_and_chunk_counts() {
    for bit in 0..256 {
        let mut file = small();
        flip(&mut file.list, bit);
        assert_eq!(file.refused(), Code::BadRoot, "list, bit {bit}");

        let mut file = small();
        let mut root = *file.said.root.as_bytes();
        flip(&mut root, bit);
        file.said.root = Root::from_bytes(root);
        assert_eq!(file.refused(), Code::BadRoot, "root, bit {bit}");

        let mut file = small();
        let mut key = Zeroizing::new(*file.said.key.expose());
        flip(key.as_mut(), bit);
        file.said.key = FileKey::from_bytes(key);
        assert_eq!(file.refused(), Code::BadCommitment, "key, bit {bit}");
    }
    for bit in 0..8 * small().chunks[0].len() {
        let mut file = small();
        flip(&mut file.chunks[0], bit);
        assert_eq!(file.refused(), Code::BadChunk, "chunk, bit {bit}");
    }
}

#[test]
fn every_bit_of_the_sizes_counts() {
    for bit in 0..64 {
        let mut file = small();
        file.said.size ^= 1 << bit;
        assert_eq!(file.refused(), Code::BadGeometry, "size, bit {bit}");

        let mut file = small();
        file.said.padded_size ^= 1 << bit;
        assert_eq!(file.refused(), Code::BadRoot, "padded size, bit {bit}");
        assert_eq!(file.with_own_root().refused(), Code::BadGeometry, "padded size, bit {bit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bit_of_a_large_chunk_counts(index in 0..3usize, bit in 0..8 * 65_552usize) {
        let mut file = three();
        let bits = 8 * file.chunks[index].len();
        flip(&mut file.chunks[index], bit % bits);
        prop_assert_eq!(file.refused(), Code::BadChunk);
    }

    #[test]
    fn any_server_is_refused_or_right(header in proptest::collection::vec(any::<u8>(), 50),
                                      list in proptest::collection::vec(any::<u8>(), 0..200)) {
        let honest = small();
        for (front, list) in [(&header, &list), (&honest.header, &list), (&header, &honest.list)] {
            let file = File { header: front.clone(), list: list.clone(), ..honest.clone() };
            prop_assert!(file.open().is_err());
        }
    }
}

#[test]
fn chunks_cut_or_extended() {
    for index in 0..3 {
        let whole = three().chunks[index].clone();
        let longer = [&whole[..], &[0]].concat();
        for bytes in [&[], &whole[..1], &whole[..16], &whole[..whole.len() - 1], &longer] {
            let mut file = three();
            file.chunks[index] = bytes.to_vec();
            assert_eq!(file.refused(), Code::BadChunk, "chunk {index}, {} bytes", bytes.len());
        }
    }
}

#[test]
fn files_cut_or_extended_at_chunk_boundaries() {
    let file = three();
    let (header, list) = (Header::parse(&file.header).unwrap(), ChunkList::parse(&file.list).unwrap());
    let whole = file.chunks.concat();
    let more = [&whole[..], &file.chunks[0]].concat();
    for sealed in [&[], &whole[..65_552], &whole[..131_104], &whole[..whole.len() - 1], &more] {
        let opened = open_all(&file.said, &header, list.clone(), sealed);
        assert_eq!(opened.unwrap_err().code(), Code::BadGeometry, "{} bytes", sealed.len());
    }

    // The list says the same: a hash less, none, one more.
    for list in [&file.list[..64], &file.list[..32], &[&file.list[..], &file.list[..32]].concat()] {
        let file = File { list: list.to_vec(), ..file.clone() };
        assert_eq!(file.refused(), Code::BadRoot);
        assert_eq!(file.with_own_root().refused(), Code::BadGeometry);
    }
    for list in [&[][..], &file.list[..95], &[0; 97]] {
        assert_eq!(File { list: list.to_vec(), ..file.clone() }.refused(), Code::BadGeometry);
    }
}

#[test]
fn chunks_swapped_or_twice() {
    let mut file = three();
    file.chunks.swap(0, 1);
    assert_eq!(file.refused(), Code::BadChunk);

    let mut file = three();
    file.chunks[1] = file.chunks[0].clone();
    assert_eq!(file.refused(), Code::BadChunk);

    // With the hashes swapped too, only the root tells.
    let mut file = three();
    file.chunks.swap(0, 1);
    let (one, two) = file.list.split_at_mut(32);
    one.swap_with_slice(&mut two[..32]);
    assert_eq!(file.refused(), Code::BadRoot);

    // Even a sender who makes a root of it: the hash binds the place, and so does the nonce.
    assert_eq!(file.with_own_root().refused(), Code::BadChunk);
    let file = three();
    let [one, two, last] = &file.chunks[..] else { panic!("three chunks") };
    let header = Header::parse(&file.header).unwrap();
    let swapped = vec![two.clone(), one.clone(), last.clone()];
    let file = relist(&file.said.key, header, swapped, file.said.size, file.said.padded_size);
    assert_eq!(file.refused(), Code::BadCiphertext);
}

#[test]
fn an_earlier_chunk_cannot_be_made_the_last() {
    // The sender's first chunk is full; a file that ends after it has another last chunk.
    let file = seal(&content(65_537), 1);
    let header = Header::parse(&file.header).unwrap();
    let cut = relist(&file.said.key, header, vec![file.chunks[0].clone()], 65_536, 65_536);
    assert_eq!(cut.refused(), Code::BadCiphertext);
}

#[test]
fn chunks_of_another_file_under_the_same_key() {
    let chunks = [content(65_536), content(65_536)];
    let a = forge(&key(1), [1; 16], &chunks, 131_072);
    let b = forge(&key(1), [2; 16], &chunks, 131_072);
    assert!(a.open().is_ok() && b.open().is_ok());

    for index in 0..2 {
        let mut mixed = a.clone();
        mixed.chunks[index] = b.chunks[index].clone();
        assert_eq!(mixed.refused(), Code::BadChunk);
        // The salt makes another payload key.
        let header = Header::parse(&a.header).unwrap();
        let mixed = relist(&key(1), header, mixed.chunks, 131_072, 131_072);
        assert_eq!(mixed.refused(), Code::BadCiphertext);
    }
    assert_eq!(File { list: b.list.clone(), ..a.clone() }.refused(), Code::BadRoot);
    assert_eq!(File { header: b.header.clone(), ..a.clone() }.refused(), Code::BadRoot);
    assert_eq!(File { said: a.said.clone(), ..b }.refused(), Code::BadRoot);
}

#[test]
fn two_members_who_know_the_key_cannot_pass_other_content_under_the_root() {
    let honest = forge(&key(1), [1; 16], &[b"meet at noon".to_vec()], 12);
    assert_eq!(honest.open().unwrap(), b"meet at noon");
    // Key, salt, header and sizes are the same, and every chunk authenticates.
    let other = forge(&key(1), [1; 16], &[b"meet at dusk".to_vec()], 12);
    assert_eq!(other.header, honest.header);
    assert_eq!(other.open().unwrap(), b"meet at dusk");

    let said = honest.said.clone();
    assert_eq!(File { said, ..other.clone() }.refused(), Code::BadRoot);
    assert_eq!(File { chunks: other.chunks, ..honest }.refused(), Code::BadChunk);
}

#[test]
fn one_sealed_file_opens_under_one_key_only() {
    // A sender who tells half of the room another key, under the same root.
    let mut file = small();
    file.said.key = key(1);
    assert_eq!(file.refused(), Code::BadCommitment);

    // A header that commits to the other key derives another payload key.
    let (header, _) = begin(&key(1), file.said.geometry().unwrap(), [1; 16]);
    let file = relist(&key(1), header, file.chunks, 40, 40);
    assert_eq!(file.refused(), Code::BadCiphertext);
}

#[test]
fn sizes_that_are_not_the_files() {
    let sized = |size, padded| forge(&key(1), [1; 16], &[vec![0; padded]], size);
    assert_eq!(sized(40, 40).open().unwrap(), [0; 40]);
    // Within the padding the size is the sender's word, as long as what follows is zeros.
    assert_eq!(sized(37, 40).open().unwrap(), [0; 37]);
    for (size, padded) in [(36, 40), (41, 40), (0, 40), (u64::MAX, 40), (40, 44)] {
        assert_eq!(sized(size, padded).refused(), Code::BadGeometry, "{size} in {padded}");
    }
    // No file is padded to these.
    for padded in [9, 41, 43, 65_535] {
        assert_eq!(sized(padded as u64, padded).refused(), Code::BadGeometry, "{padded}");
    }
}

#[test]
fn padding_that_is_not_zero() {
    for at in [37, 38, 39] {
        let mut plain = vec![0; 40];
        plain[at] = 1;
        assert_eq!(forge(&key(1), [1; 16], &[plain], 37).refused(), Code::BadPadding, "byte {at}");
    }
    // A true size that hides the end of the file.
    let mut file = small();
    file.said.size = 39;
    assert_eq!(file.refused(), Code::BadPadding);
    // In a chunk that is padding throughout.
    let mut chunks = vec![vec![0; 65_536]; 66];
    chunks[65][65_535] = 0x80;
    assert_eq!(forge(&key(1), [1; 16], &chunks, (64 << 16) + 1).refused(), Code::BadPadding);
}

#[test]
fn a_chunk_size_that_is_not_the_geometrys() {
    // Chunks of 128 KiB, and all else right in itself: once with another number of chunks than
    // the geometry's, once with the same.
    for (size, chunks) in [(1 << 18, 2), (40, 1)] {
        let (header, payload) = begin(&key(1), Geometry::of_file((4 << 30) + 1).unwrap(), [1; 16]);
        assert_eq!(header.chunk_log2(), 17);
        let mut sealed = vec![vec![0; size / chunks]; chunks];
        for (index, chunk) in (0..).zip(&mut sealed) {
            payload.seal_in_place(&Nonce::stream(index, index + 1 == chunks as u64), &[], chunk).unwrap();
        }
        let file = relist(&key(1), header, sealed, size as u64, size as u64);
        assert_eq!(file.refused(), Code::BadGeometry, "{size}");
    }
}

#[test]
fn servers_check_without_a_key() {
    let file = three();
    let (header, list) = (Header::parse(&file.header).unwrap(), ChunkList::parse(&file.list).unwrap());
    let new = |padded: u64| Verifier::new(&header, list.clone(), padded).map_err(|e| e.code());
    let code = |result: Result<()>| result.unwrap_err().code();

    let verifier = new(file.said.padded_size).unwrap();
    assert!(verifier.verify_chunk(2, &file.chunks[2]).is_ok());
    assert_eq!(code(verifier.verify_chunk(0, &file.chunks[1])), Code::BadChunk);
    assert_eq!(code(verifier.verify_chunk(0, &file.chunks[0][1..])), Code::BadChunk);
    assert_eq!(code(verifier.verify_chunk(3, &file.chunks[0])), Code::BadArgument);
    for padded in [0, 65_536, 131_073, file.said.padded_size + 1, 5 << 30, u64::MAX] {
        assert_eq!(new(padded).unwrap_err(), Code::BadGeometry, "{padded}");
    }
    let other = Root::from_bytes([0; 32]);
    let refused = Verifier::with_root(&other, &header, list.clone(), file.said.padded_size);
    assert_eq!(refused.unwrap_err().code(), Code::BadRoot);
}

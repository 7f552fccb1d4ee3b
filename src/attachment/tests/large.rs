//! Files too large for a test: the geometry is whole, only a few chunks are.

use super::support::*;

#[test]
fn at_and_past_each_doubling() {
    let gib = 1 << 30;
    // Size, a chunk, how many bytes of the file are in it.
    let table = [
        (4 * gib, 65_535, 1 << 16),
        (4 * gib + 1, 0, 1 << 17),
        (4 * gib + 1, 32_768, 1),
        (4 * gib + 1, 32_769, 0),
        (4 * gib + 1, 33_279, 0),
        (8 * gib, 65_535, 1 << 17),
        (8 * gib + 3, 32_768, 3),
        (1024 * gib - 1, 65_535, (1 << 24) - 1),
        (1024 * gib, 65_535, 1 << 24),
    ];
    for (size, index, len) in table {
        let sparse = Sparse::new(size, &[index]);
        let mut chunk = sparse.chunk(index).to_vec();
        sparse.opener().open_chunk(index, &mut chunk).unwrap();
        assert_eq!(chunk, vec![7; len], "{size}, chunk {index}");
    }
}

#[test]
fn a_sealer_of_a_large_file_begins_and_goes_on() {
    let size = (4 << 30) + 1;
    let mut sealer = sealer_of(size, 1);
    let (mut chunk, mut hashes) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        chunk.clear();
        chunk.resize(sealer.next_len().unwrap(), 7);
        hashes.push(sealer.seal_next(&mut chunk).unwrap());
        assert_eq!(chunk.len(), (1 << 17) + 16);
    }
    let (key, header) = (sealer.key().clone(), *sealer.header());
    assert_eq!(sealer.finish().unwrap_err().code(), Code::SourceChanged);

    let mut sealer = Sealer::resume(key, header, size, hashes[..2].to_vec()).unwrap();
    for hash in hashes {
        chunk.clear();
        chunk.resize(sealer.next_len().unwrap(), 7);
        assert_eq!(sealer.seal_next(&mut chunk).unwrap(), hash);
    }
}

//! Several chunks at once come out as they do one by one. With feature `parallel` all cores work.

use super::support::*;

/// Seals in windows of `width` chunks.
fn seal_by(width: usize, content: &[u8]) -> File {
    let mut sealer = sealer_of(content.len() as u64, 1);
    let (mut rest, mut chunks, mut hashes) = (content, Vec::new(), Vec::new());
    loop {
        let mut window: Vec<Vec<u8>> = Vec::new();
        for len in sealer.next_lens().take(width) {
            let (now, later) = rest.split_at(len);
            window.push(now.to_vec());
            rest = later;
        }
        if window.is_empty() {
            break;
        }
        hashes.extend_from_slice(sealer.seal_chunks(&mut window).unwrap());
        chunks.extend(window);
    }
    let sealed = sealer.finish().unwrap();
    assert_eq!(sealed.list().as_bytes(), hashes.as_flattened());
    File {
        said: file_ref(&sealed),
        header: sealed.header().to_bytes().to_vec(),
        list: hashes.as_flattened().to_vec(),
        chunks,
    }
}

fn opener(file: &File) -> Opener {
    Opener::new(&file.said, &Header::parse(&file.header).unwrap(), ChunkList::parse(&file.list).unwrap())
        .unwrap()
}

#[test]
fn the_same_bytes_in_windows_of_any_width() {
    // The last one ends in chunks that are padding throughout.
    for size in [0, 1, 65_536, 65_537, 300_000, (64 << 16) + 1] {
        let content = content(size);
        let one_by_one = seal(&content, 1);
        for width in [1, 2, 3, 70] {
            let file = seal_by(width, &content);
            assert_eq!(file.said, one_by_one.said, "{size} bytes by {width}");
            assert_eq!(file.chunks, one_by_one.chunks, "{size} bytes by {width}");

            let (opener, mut opened) = (opener(&file), Vec::new());
            let mut first = 0;
            for window in file.chunks.chunks(width) {
                let mut window = window.to_vec();
                opener.open_chunks(first, &mut window).unwrap();
                first += window.len() as u64;
                opened.extend(window.concat());
            }
            assert_eq!(opened, content, "{size} bytes by {width}");
        }
    }
}

#[test]
fn the_first_chunk_that_is_refused_decides() {
    // Chunk 1 does not authenticate, chunk 3 is not the one in the list, chunk 4 has padding
    // that is not zero.
    let mut plain = vec![vec![7; 65_536]; 5];
    plain[4] = vec![1; 8_192];
    let size = 4 * 65_536 + 1;
    let honest = forge(&key(1), [1; 16], &plain, size);
    let mut chunks = honest.chunks.clone();
    chunks[1] = forge(&key(2), [1; 16], &plain, size).chunks[1].clone();
    let header = Header::parse(&honest.header).unwrap();
    let mut file = relist(&key(1), header, chunks, size, honest.said.padded_size);
    file.chunks[3][0] ^= 1;

    let opener = opener(&file);
    let code = |first: usize, end: usize| {
        let mut window = file.chunks[first..end].to_vec();
        let refused = opener.open_chunks(first as u64, &mut window).unwrap_err().code();
        let bad = window.iter().position(Vec::is_empty).unwrap();
        assert!(window[..bad].iter().all(|chunk| *chunk == [7; 65_536]));
        assert!(window[bad..].iter().all(Vec::is_empty), "nothing behind it is given out");
        (first + bad, refused)
    };
    assert_eq!(code(0, 5), (1, Code::BadCiphertext));
    assert_eq!(code(2, 5), (3, Code::BadChunk));
    assert_eq!(code(4, 5), (4, Code::BadPadding));

    let mut beyond = vec![file.chunks[0].clone(), file.chunks[0].clone()];
    assert_eq!(opener.open_chunks(5, &mut beyond).unwrap_err().code(), Code::BadArgument);
    assert_eq!(opener.open_chunks(u64::MAX, &mut beyond).unwrap_err().code(), Code::BadArgument);
}

#[test]
fn a_source_that_differs_ends_the_sealing() {
    let content = content(200_000);
    let whole = seal(&content, 1);
    let window = |content: &[u8]| -> Vec<Vec<u8>> { content.chunks(65_536).map(<[u8]>::to_vec).collect() };
    let changed = |sealer: &mut Sealer, mut chunks: Vec<Vec<u8>>, from: usize| {
        let refused = sealer.seal_chunks(&mut chunks).unwrap_err();
        assert_eq!(refused.code(), Code::SourceChanged);
        assert!(chunks[from..].iter().all(Vec::is_empty));
        // It stays refused.
        assert_eq!(sealer.seal_next(&mut content[..65_536].to_vec()), Err(refused));
    };

    // V-640: a chunk of another length, and one too many.
    let mut short = window(&content);
    short[1].pop();
    changed(&mut sealer_of(200_000, 1), short, 1);
    let mut long = window(&content);
    long.push(Vec::new());
    changed(&mut sealer_of(200_000, 1), long, 4);

    // V-641: chunk 2 is not what it was.
    let (hashes, _) = whole.list.as_chunks();
    let header = Header::parse(&whole.header).unwrap();
    let resume = || Sealer::resume(whole.said.key.clone(), header, 200_000, hashes.to_vec()).unwrap();
    let mut other = window(&content);
    other[2][9] ^= 1;
    changed(&mut resume(), other, 2);
    let mut same = window(&content);
    assert_eq!(resume().seal_chunks(&mut same).unwrap(), hashes);
    assert_eq!(same, whole.chunks);
}

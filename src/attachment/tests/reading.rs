//! Opening from a `Read`, and the sealed file in one piece.

use std::io::{self, ErrorKind, Read};

use super::{support::*, writing::code};
use crate::attachment::io::{OpenReader, Preface};

fn opener(file: &File) -> Opener {
    let list = ChunkList::parse(&file.list).unwrap();
    Opener::new(&file.said, &Header::parse(&file.header).unwrap(), list).unwrap()
}

/// What is given out, and why no more.
fn read(opener: Opener, mut source: impl Read) -> (Vec<u8>, Option<Code>) {
    let mut reader = OpenReader::new(opener, &mut source);
    let mut given = Vec::new();
    let refused = reader.read_to_end(&mut given).map_err(|error| code(&error)).err();
    if let Some(refused) = refused {
        // It stays as it is.
        assert_eq!(code(&reader.read(&mut [0]).unwrap_err()), refused);
    }
    (given, refused)
}

/// Preface and chunks.
fn in_one_piece(file: &File) -> Vec<u8> {
    let padded = file.said.padded_size.to_be_bytes();
    [b"verbund\x01", &padded[..], &file.header, &file.list, &file.chunks.concat()].concat()
}

/// As a recipient opens it.
fn open_piece(said: &FileRef, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut source = bytes;
    let opener = Preface::read_from(&mut source)?.into_opener(said)?;
    let mut given = Vec::new();
    OpenReader::new(opener, source).read_to_end(&mut given)?;
    Ok(given)
}

#[test]
fn gives_out_the_file() {
    for size in [0, 1, 65_535, 65_536, 65_537, 300_000, (64 << 16) + 1] {
        let content = content(size);
        let file = seal(&content, 1);
        let (mut told, total) = (0, file.chunks.len() as u64);
        let progress = |done, of| {
            told += 1;
            assert_eq!((done, of), (told, total));
        };
        let bytes = file.chunks.concat();
        let mut reader = OpenReader::with_progress(opener(&file), &bytes[..], progress);
        let (mut given, mut piece) = (Vec::new(), vec![0; 50_021]);
        loop {
            let read = reader.read(&mut piece).unwrap();
            given.extend_from_slice(&piece[..read]);
            if read == 0 {
                break;
            }
        }
        assert_eq!(reader.read(&mut piece).unwrap(), 0);
        drop(reader);
        assert!(given == content, "{size}");
        assert_eq!(told, total);
        assert!(open_piece(&file.said, &in_one_piece(&file)).unwrap() == content, "{size}");
    }
}

#[test]
fn cut_or_extended_at_every_chunk_boundary_and_beside_it() {
    // V-615. The last two chunks are padding throughout or in part.
    let content = content(70_000);
    let file = seal(&content, 1);
    let bytes = [file.chunks.concat(), vec![0; 20]].concat();
    let whole = bytes.len() - 20;
    for boundary in [0, 16, 65_552, whole] {
        for end in [boundary.saturating_sub(1), boundary, boundary + 1] {
            let (given, refused) = read(opener(&file), &bytes[..end]);
            let expected = (end != whole).then_some(Code::BadGeometry);
            assert_eq!(refused, expected, "{end} bytes");
            let given_by = [(0, 0), (65_552, 65_536), (whole, content.len())];
            let (_, plain) = given_by.into_iter().rfind(|(sealed, _)| *sealed <= end).unwrap();
            assert!(given == content[..plain], "{end} bytes");
        }
    }
}

#[test]
fn nothing_behind_a_bad_chunk_is_given_out() {
    let content = content(300_000);
    let file = seal(&content, 1);
    for (index, chunk) in file.chunks.iter().enumerate() {
        for place in [0, chunk.len() - 17, chunk.len() - 16, chunk.len() - 1] {
            let mut bad = file.chunks.clone();
            bad[index][place] ^= 1;
            let (given, refused) = read(opener(&file), &bad.concat()[..]);
            assert_eq!(refused, Some(Code::BadChunk));
            assert!(given == content[..index << 16], "chunk {index}");
        }
    }
    // Swapped, twice, left out, another file's under the same key.
    let [one, two, rest @ ..] = &file.chunks[..] else { panic!("chunks") };
    let other = forge(&file.said.key, [3; 16], &[vec![7; 65_536], vec![7; 65_536]], 131_072);
    for (bad, chunks) in
        [(0, vec![two, one]), (1, vec![one, one]), (0, vec![two]), (1, vec![one, &other.chunks[1]])]
    {
        let bytes = [chunks.into_iter().chain(rest).cloned().collect::<Vec<_>>().concat()].concat();
        let (given, refused) = read(opener(&file), &bytes[..]);
        assert_eq!(refused, Some(Code::BadChunk));
        assert!(given == content[..bad << 16]);
    }
}

#[test]
fn padding_that_is_not_zero_is_noticed_at_the_end() {
    // In a chunk that is padding throughout.
    let mut chunks = vec![vec![0; 65_536]; 66];
    chunks[65][65_535] = 0x80;
    let size = (64 << 16) + 1;
    let file = forge(&key(1), [1; 16], &chunks, size);
    let (given, refused) = read(opener(&file), &file.chunks.concat()[..]);
    assert_eq!((given.len() as u64, refused), (size, Some(Code::BadPadding)));
}

#[test]
fn errors_of_the_source_pass_through_and_lose_nothing() {
    /// Fails before every piece of 10,007 bytes.
    struct Failing<'a>(&'a [u8], bool);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            let len = buffer.len().min(10_007);
            if self.1 { Err(ErrorKind::TimedOut.into()) } else { self.0.read(&mut buffer[..len]) }
        }
    }
    let content = content(300_000);
    let file = seal(&content, 1);
    let bytes = file.chunks.concat();
    let mut reader = OpenReader::new(opener(&file), Failing(&bytes, false));
    let (mut given, mut failures) = (Vec::new(), 0);
    let mut piece = vec![0; 33_333];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => given.extend_from_slice(&piece[..read]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                failures += 1;
            }
        }
    }
    assert!(given == content && failures > 30, "{failures}");
}

#[test]
fn every_bit_of_a_sealed_file_counts() {
    let file = seal(&content(37), 1);
    let bytes = in_one_piece(&file);
    assert_eq!(bytes.len() as u64, Preface::len_of(file.said.geometry().unwrap()) + 56);
    for bit in 0..8 * bytes.len() {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let refused = code(&open_piece(&file.said, &bad).unwrap_err());
        let possible: &[Code] = match bit / 8 {
            // V-617
            0..8 => &[Code::NotSealed],
            // V-611, V-613, V-618, V-619, V-620
            8..16 => &[Code::BadGeometry, Code::BadRoot],
            // V-602
            16 => &[Code::UnknownSuite],
            // V-603, V-613
            17 => &[Code::BadHeader, Code::BadGeometry],
            // V-620
            18..98 => &[Code::BadRoot],
            // V-631
            _ => &[Code::BadChunk],
        };
        assert!(possible.contains(&refused), "bit {bit}: {refused:?}");
    }
}

#[test]
fn a_sealed_file_cut_anywhere_or_extended() {
    let file = seal(&content(37), 1);
    let bytes = in_one_piece(&file);
    for end in 0..bytes.len() {
        let expected = match end {
            // V-617: not even a header.
            0..66 => Code::NotSealed,
            // V-618, V-615
            _ => Code::BadGeometry,
        };
        assert_eq!(code(&open_piece(&file.said, &bytes[..end]).unwrap_err()), expected, "{end} bytes");
    }
    // V-615
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(code(&open_piece(&file.said, &longer).unwrap_err()), Code::BadGeometry);
}

#[test]
fn a_preface_is_that_of_the_file_which_was_meant() {
    let (file, other) = (seal(&content(37), 1), seal(&content(37), 2));
    let preface = |file: &File| Preface::read_from(&mut &in_one_piece(file)[..]).unwrap();
    assert_eq!(preface(&file).root(), file.said.root);
    assert!(preface(&file).into_verifier().unwrap().verify_chunk(0, &file.chunks[0]).is_ok());
    // V-620
    let refused = preface(&other).into_opener(&file.said).unwrap_err().code();
    assert_eq!(refused, Code::BadRoot);
    // V-619: a padded size that the message does not name, though list and header are right.
    let mut lying = file.clone();
    lying.said.padded_size = 44;
    assert_eq!(preface(&file).into_opener(&lying.said).unwrap_err().code(), Code::BadRoot);

    let mut written = Vec::new();
    preface(&file).write_to(&mut written).unwrap();
    assert_eq!(written, in_one_piece(&file)[..98]);
    assert_eq!(preface(&file).len(), 98);
}

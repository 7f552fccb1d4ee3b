//! Any part of a sealed file, of whatever size.

use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};

use proptest::prelude::*;

use super::{support::*, writing::code};
use crate::attachment::io::{ChunkSource, FileChunks, SeekReader};

fn reader(file: &File) -> SeekReader<FileChunks<Cursor<Vec<u8>>>> {
    let opener = opener(file);
    // Something stands before the chunks, as in a sealed file.
    let bytes = [vec![0xee; 99], file.chunks.concat()].concat();
    let chunks = FileChunks::new(Cursor::new(bytes), 99, opener.geometry());
    SeekReader::new(opener, chunks)
}

fn opener(file: &File) -> Opener {
    let list = ChunkList::parse(&file.list).unwrap();
    Opener::new(&file.said, &Header::parse(&file.header).unwrap(), list).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Seek(SeekFrom),
    Read(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..320_000u64).prop_map(|to| Step::Seek(SeekFrom::Start(to))),
        (-320_000..20_000i64).prop_map(|by| Step::Seek(SeekFrom::End(by))),
        (-200_000..200_000i64).prop_map(|by| Step::Seek(SeekFrom::Current(by))),
        (0..150_000usize).prop_map(Step::Read),
        (0..40usize).prop_map(Step::Read),
    ];
    proptest::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn reads_what_the_plain_file_would(size in 0..300_000usize, steps in steps()) {
        let content = content(size);
        let (mut sealed, mut plain) = (reader(&seal(&content, 1)), Cursor::new(content));
        for step in steps {
            match step {
                Step::Seek(to) => {
                    let (moved, expected) = (sealed.seek(to), plain.seek(to));
                    prop_assert_eq!(moved.map_err(|e| e.kind()), expected.map_err(|e| e.kind()));
                }
                Step::Read(len) => {
                    let (mut read, mut expected) = (Vec::new(), Vec::new());
                    (&mut sealed).take(len as u64).read_to_end(&mut read).unwrap();
                    (&mut plain).take(len as u64).read_to_end(&mut expected).unwrap();
                    prop_assert!(read == expected);
                }
            }
        }
    }
}

#[test]
fn places_that_there_are_not() {
    let mut reader = reader(&seal(&content(100), 1));
    for bad in [SeekFrom::End(-101), SeekFrom::Current(-1), SeekFrom::Current(i64::MIN)] {
        assert_eq!(reader.seek(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(reader.stream_position().unwrap(), 0);
    }
    for past in [SeekFrom::Start(100), SeekFrom::End(1), SeekFrom::Start(u64::MAX)] {
        reader.seek(past).unwrap();
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0, "{past:?}");
    }
    assert_eq!(reader.seek(SeekFrom::Current(1)).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_bad_chunk_is_refused_for_good_and_a_source_that_fails_is_asked_again() {
    let content = content(200_000);
    let mut file = seal(&content, 1);
    file.chunks[1][5] ^= 1;
    let mut broken = reader(&file);
    let mut ten = [0; 10];
    broken.read_exact(&mut ten).unwrap();
    broken.seek(SeekFrom::Start(65_536)).unwrap();
    for _ in 0..2 {
        assert_eq!(code(&broken.read(&mut ten).unwrap_err()), Code::BadChunk);
        broken.seek(SeekFrom::Start(0)).unwrap();
    }

    // The file ends within the third chunk.
    let opener_of = opener(&file);
    let chunks =
        FileChunks::new(Cursor::new(file.chunks.concat()[..140_000].to_vec()), 0, opener_of.geometry());
    let mut cut = SeekReader::new(opener_of, chunks);
    cut.seek(SeekFrom::Start(131_072)).unwrap();
    assert_eq!(code(&cut.read(&mut ten).unwrap_err()), Code::BadChunk);

    let whole = seal(&content, 1);
    let mut asked = 0;
    let mut flaky = SeekReader::new(opener(&whole), |index: u64, sealed: &mut [u8]| {
        asked += 1;
        sealed.copy_from_slice(&whole.chunks[usize(index)]);
        if asked == 1 { Err(io::Error::from(ErrorKind::TimedOut)) } else { Ok(()) }
    });
    assert_eq!(flaky.read(&mut ten).unwrap_err().kind(), ErrorKind::TimedOut);
    flaky.read_exact(&mut ten).unwrap();
    assert_eq!(ten, content[..10]);
}

impl Sparse {
    fn reader(&self) -> SeekReader<&Self> {
        SeekReader::new(self.opener(), self)
    }
}

impl ChunkSource for &Sparse {
    fn read_chunk(&mut self, index: u64, sealed: &mut [u8]) -> io::Result<()> {
        self.fetched.borrow_mut().push(index);
        sealed.copy_from_slice(self.chunk(index));
        Ok(())
    }
}

#[test]
fn no_more_is_fetched_than_is_touched_at_any_size() {
    const KIB: u64 = 1 << 10;
    const GIB: u64 = 1 << 30;
    let chunk_boundaries = [64 * KIB, 128 * KIB, 2 << 20];
    let padding_boundaries = [66 * KIB, (2 << 20) + 64 * KIB, 4 * GIB + (64 << 20)];
    let doublings = [4 * GIB, 8 * GIB];
    let sizes = [0, 1, 1024 * GIB].into_iter().chain(
        [&chunk_boundaries[..], &padding_boundaries, &doublings]
            .concat()
            .into_iter()
            .flat_map(|size| [size - 1, size, size + 1]),
    );
    for size in sizes {
        let geometry = Geometry::of_file(size).unwrap();
        let chunk = geometry.chunk_size();
        let end = size.saturating_sub(1) / chunk;
        // Its beginning, the end of the first chunk, the middle, and its own end.
        let places = [0, chunk - 2, size / 2, size.saturating_sub(3)];
        let touched = |place: u64| {
            let last = (place + 3).min(size).max(place + 1) - 1;
            (place / chunk..=last / chunk).filter(move |index| *index <= end && place < size)
        };
        let mut all: Vec<u64> = places.into_iter().flat_map(touched).collect();
        all.sort_unstable();
        all.dedup();
        let sparse = Sparse::new(size, &all);
        for place in places {
            let mut reader = sparse.reader();
            reader.seek(SeekFrom::Start(place)).unwrap();
            assert_eq!(*sparse.fetched.borrow(), [0; 0], "seeking fetches nothing");
            let mut read = Vec::new();
            (&mut reader).take(3).read_to_end(&mut read).unwrap();
            assert_eq!(read.len() as u64, 3.min(size.saturating_sub(place)), "{size} at {place}");
            assert!(read.iter().all(|byte| *byte == 7));
            // Read once more where it has just been: the chunk is held.
            reader.seek(SeekFrom::Current(-(read.len().min(1) as i64))).unwrap();
            assert_eq!(reader.read(&mut [0]).unwrap(), read.len().min(1));
            let fetched = sparse.fetched.take();
            assert_eq!(fetched, touched(place).collect::<Vec<_>>(), "{size} at {place}");
        }
    }
}

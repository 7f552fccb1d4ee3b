//! The first byte out of the middle of a large file.

use std::{
    hint::black_box,
    io::{Read, Seek, SeekFrom, Write},
    time::{Duration, Instant},
};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    attachment::{
        Geometry, Opener, Sealer,
        io::{SealWriter, SeekReader},
    },
    ids::{AgencyId, BlobId},
    time::Timestamp,
};

use crate::{show, source::Pattern};

/// Keeps one sealed chunk of those that are written.
struct OneChunk {
    from: u64,
    to: u64,
    place: u64,
    kept: Vec<u8>,
}

impl Write for OneChunk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let end = self.place + bytes.len() as u64;
        let (from, to) = (self.from.max(self.place), self.to.min(end));
        if from < to {
            let range = (from - self.place) as usize..(to - self.place) as usize;
            self.kept.extend_from_slice(&bytes[range]);
        }
        self.place = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Prints what it costs to begin in the middle: header and chunk list are checked, one chunk is fetched
/// and opened.
pub fn measure(size: u64) {
    let geometry = Geometry::of_file(size).expect("a size that files have");
    let (index, sealed_chunk) = (geometry.chunks() / 2, geometry.sealed_chunk_size(0) as u64);
    let from = index * sealed_chunk;
    let keep = OneChunk { from, to: from + sealed_chunk, place: 0, kept: Vec::new() };
    let sealer = Sealer::new(size, &mut ChaCha20Rng::from_seed([2; 32])).expect("a size that files have");
    let mut writer = SealWriter::new(sealer, keep);
    writer.fill_from(&mut Pattern::of(size)).expect("neither end fails");
    let (sealed, OneChunk { kept, .. }) = writer.finish().expect("all of it is there");
    let origin = AgencyId::parse("police.north.example").expect("an agency's name");
    let file = sealed.file_ref(BlobId::from_bytes([1; 16]), origin, Timestamp::ZERO);

    let (mut first, mut check, mut chunk) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..20 {
        let list = sealed.list().clone();
        let began = Instant::now();
        let opener = Opener::new(&file, sealed.header(), list).expect("what was sealed");
        check = check.min(began.elapsed());
        let mut buffer = kept.clone();
        let began = Instant::now();
        opener.open_chunk(index, &mut buffer).expect("what was sealed");
        chunk = chunk.min(began.elapsed());

        let list = sealed.list().clone();
        let began = Instant::now();
        let opener = Opener::new(&file, sealed.header(), list).expect("what was sealed");
        let fetch = |asked: u64, into: &mut [u8]| {
            assert_eq!(asked, index, "only what is touched");
            into.copy_from_slice(&kept);
            Ok(())
        };
        let mut reader = SeekReader::new(opener, fetch);
        let mut byte = [0];
        reader.seek(SeekFrom::Start(size / 2)).expect("within the file");
        reader.read_exact(&mut byte).expect("what was sealed");
        first = first.min(began.elapsed());
        black_box(byte);
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let bound = micros(check) + 2.0 * micros(chunk);
    println!(
        "\nfirst byte out of the middle of {}: {:.0} µs; list check {:.0} µs + two chunks {:.0} µs = {bound:.0} µs; {:.2} of it",
        show(size),
        micros(first),
        micros(check),
        2.0 * micros(chunk),
        micros(first) / bound,
    );
}

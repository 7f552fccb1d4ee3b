//! Sealing into a `Write`.

use std::io::{self, Cursor, ErrorKind, Read, Write};

use super::support::*;
use crate::{attachment::io::SealWriter, error::Error};

/// The code inside an I/O error.
pub(super) fn code(error: &io::Error) -> Code {
    Error::of_io(error).expect("an error of this library").code()
}

/// Takes a few bytes, fails, takes a few more.
#[derive(Default)]
struct Stuttering {
    taken: Vec<u8>,
    calls: usize,
}

impl Write for Stuttering {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.calls % 3 {
            0 => Err(ErrorKind::Interrupted.into()),
            1 => Err(ErrorKind::WouldBlock.into()),
            _ => {
                let taken = bytes.len().min(10_007);
                self.taken.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same of a source.
struct StutteringSource<'a>(&'a [u8], usize);

impl Read for StutteringSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        match self.1 % 3 {
            0 => Err(ErrorKind::Interrupted.into()),
            1 => Err(ErrorKind::WouldBlock.into()),
            _ => {
                let len = buffer.len().min(10_007);
                self.0.read(&mut buffer[..len])
            }
        }
    }
}

/// Calls again until it is not told to wait.
fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other.unwrap(),
        }
    }
}

fn writer(size: u64) -> SealWriter<Vec<u8>> {
    SealWriter::new(sealer_of(size, 1), Vec::new())
}

#[test]
fn the_same_bytes_however_they_come() {
    for size in [0, 1, 65_535, 65_536, 65_537, 300_000, (64 << 16) + 1] {
        let content = content(size);
        let expected = seal(&content, 1);

        let (mut told, total) = (0, expected.chunks.len() as u64);
        let progress = |done, of| {
            told += 1;
            assert_eq!((done, of), (told, total));
        };
        let mut filled = SealWriter::with_progress(sealer_of(size as u64, 1), Vec::new(), progress);
        filled.fill_from(&mut &content[..]).unwrap();
        let (sealed, bytes) = filled.finish().unwrap();
        assert_eq!((file_ref(&sealed), told), (expected.said.clone(), total), "{size}");
        assert!(bytes == expected.chunks.concat(), "{size}");

        for piece in [1_000, 65_536, 100_003] {
            let mut written = writer(size as u64);
            for piece in content.chunks(piece) {
                written.write_all(piece).unwrap();
            }
            let (sealed, bytes) = written.finish().unwrap();
            assert_eq!(file_ref(&sealed), expected.said, "{size}");
            assert!(bytes == expected.chunks.concat(), "{size} in pieces of {piece}");
        }
    }
}

#[test]
fn what_fails_halfway_goes_on_where_it_broke_off() {
    let content = content(300_001);
    let expected = seal(&content, 1);
    let target = || SealWriter::new(sealer_of(300_001, 1), Stuttering::default());

    let (mut filled, mut source) = (target(), StutteringSource(&content, 0));
    patiently(|| filled.fill_from(&mut source));
    patiently(|| filled.flush());
    let (sealed, stuttering) = filled.finish().unwrap();
    assert_eq!(file_ref(&sealed), expected.said);
    assert!(stuttering.taken == expected.chunks.concat());

    let (mut written, mut rest) = (target(), &content[..]);
    while !rest.is_empty() {
        let taken = patiently(|| written.write(rest));
        rest = &rest[taken..];
    }
    patiently(|| written.flush());
    let (sealed, stuttering) = written.finish().unwrap();
    assert_eq!(file_ref(&sealed), expected.said);
    assert!(stuttering.taken == expected.chunks.concat());
}

#[test]
fn a_target_that_takes_nothing_more_is_an_error() {
    let mut small = SealWriter::new(sealer_of(100_000, 1), Cursor::new([0; 70_000]));
    small.fill_from(&mut &content(100_000)[..]).unwrap();
    for _ in 0..2 {
        assert_eq!(small.flush().unwrap_err().kind(), ErrorKind::WriteZero);
    }
    assert_eq!(small.finish().unwrap_err().kind(), ErrorKind::WriteZero);
}

#[test]
fn a_source_of_another_length_is_refused_for_good() {
    // V-640
    for (announced, found) in
        [(10, 9), (10, 11), (0, 1), (1, 0), (65_536, 65_535), (65_536, 65_537), (200_000, 131_072)]
    {
        let found = content(found);
        let mut filled = writer(announced);
        for _ in 0..2 {
            assert_eq!(code(&filled.fill_from(&mut &found[..]).unwrap_err()), Code::SourceChanged);
        }
        assert_eq!(code(&filled.write(&[7]).unwrap_err()), Code::SourceChanged);
        assert_eq!(code(&filled.flush().unwrap_err()), Code::SourceChanged);
        assert_eq!(code(&filled.finish().unwrap_err()), Code::SourceChanged);

        let mut written = writer(announced);
        let refused = written.write_all(&found).and_then(|()| written.finish());
        assert_eq!(code(&refused.unwrap_err()), Code::SourceChanged, "{announced}");
    }
}

#[test]
fn going_on_with_a_source_that_changed_is_refused() {
    // V-641
    let mut content = content(200_000);
    let whole = seal(&content, 1);
    let header = Header::parse(&whole.header).unwrap();
    let (hashes, _) = whole.list.as_chunks();
    let resumed = || {
        let sealer = Sealer::resume(whole.said.key.clone(), header, 200_000, hashes[..3].to_vec());
        SealWriter::new(sealer.unwrap(), Vec::new())
    };
    let mut same = resumed();
    same.fill_from(&mut &content[..]).unwrap();
    assert!(same.finish().unwrap().1 == whole.chunks.concat());

    content[140_000] ^= 1;
    let mut changed = resumed();
    let refused = changed.fill_from(&mut &content[..]).and_then(|()| changed.finish());
    assert_eq!(code(&refused.unwrap_err()), Code::SourceChanged);
}

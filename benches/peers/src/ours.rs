//! The library.

use std::io::{self, BufRead};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    attachment::{
        self, FileRef, Sealer, Suite,
        io::{OpenReader, SealWriter},
    },
    ids::{AgencyId, BlobId},
    time::Timestamp,
};

use crate::source::Pattern;

fn into(suite: Suite, size: u64, target: impl io::Write) -> attachment::Sealed {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let sealer = Sealer::with_suite(suite, size, &mut rng).expect("a size that files have");
    let mut writer = SealWriter::new(sealer, target);
    writer.fill_from(&mut Pattern::of(size)).expect("neither end fails");
    writer.finish().expect("all of it is there").0
}

/// Seals a file of this size and throws it away.
pub fn seal(suite: Suite, size: u64) {
    into(suite, size, io::sink());
}

/// A sealed file, in memory, with what opens it.
pub struct Sealed {
    sealed: attachment::Sealed,
    file: FileRef,
    chunks: Vec<u8>,
}

impl Sealed {
    pub fn of(suite: Suite, size: u64) -> Self {
        let mut chunks = Vec::new();
        let sealed = into(suite, size, &mut chunks);
        let (blob, origin) = (BlobId::from_bytes([1; 16]), AgencyId::parse("police.north.example"));
        let file = sealed.file_ref(blob, origin.expect("an agency's name"), Timestamp::ZERO);
        Sealed { sealed, file, chunks }
    }

    /// Opens all of it and throws it away.
    pub fn open(&self) {
        let opener = attachment::Opener::new(&self.file, self.sealed.header(), self.sealed.list().clone());
        let mut reader = OpenReader::new(opener.expect("what was sealed"), self.chunks.as_slice());
        let mut opened = 0;
        // As a program that writes it to a file does: without another buffer in between.
        while let part @ 1.. = reader.fill_buf().expect("what was sealed").len() {
            reader.consume(part);
            opened += part as u64;
        }
        assert_eq!(opened, self.file.size);
    }
}

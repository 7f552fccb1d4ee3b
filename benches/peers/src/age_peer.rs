//! age, with a public key of its own kind.

use std::{
    io::{self, Write},
    sync::LazyLock,
};

use age::{Decryptor, Encryptor, x25519::Identity};

use crate::source::Pattern;

static IDENTITY: LazyLock<Identity> = LazyLock::new(Identity::generate);

fn into(mut source: Pattern, target: impl Write) {
    let recipient = IDENTITY.to_public();
    let encryptor = Encryptor::with_recipients([&recipient as &dyn age::Recipient].into_iter());
    let mut writer = encryptor.expect("a recipient").wrap_output(target).expect("a target that takes all");
    // With a buffer as large as its chunks.
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = io::Read::read(&mut source, &mut buffer) {
        writer.write_all(&buffer[..read]).expect("a target that takes all");
    }
    writer.finish().expect("a target that takes all");
}

/// Seals a file and throws it away.
pub fn seal(source: Pattern) {
    into(source, io::sink());
}

/// A sealed file, in memory.
pub struct Sealed {
    size: u64,
    bytes: Vec<u8>,
}

impl Sealed {
    pub fn of(size: u64) -> Self {
        let mut bytes = Vec::new();
        into(Pattern::of(size), &mut bytes);
        Sealed { size, bytes }
    }

    /// Opens all of it and throws it away.
    pub fn open(&self) {
        let decryptor = Decryptor::new(self.bytes.as_slice()).expect("what was sealed");
        let identity: &dyn age::Identity = &*IDENTITY;
        let mut reader = decryptor.decrypt([identity].into_iter()).expect("what was sealed");
        let mut buffer = vec![0; 1 << 16];
        let mut opened = 0;
        while let Ok(read @ 1..) = io::Read::read(&mut reader, &mut buffer) {
            opened += read as u64;
        }
        assert_eq!(opened, self.size);
    }
}

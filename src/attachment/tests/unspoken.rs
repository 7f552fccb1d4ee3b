//! A suite that is not compiled in: its files are kept and checked like all others, and not opened.

use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    chacha::known::{array, fixed, number},
    vectors::FILE,
};
use crate::{
    attachment::{ChunkList, FileKey, FileRef, Header, Opener, Root, Sealer, Suite, Verifier},
    code::Code,
    vectors::{self, stored, unhex},
};

/// What the file of vectors has of the suite is taken as it is.
pub(super) fn made() -> Value {
    stored(FILE)["suites"][1].take()
}

/// As a server that knows the root, and as a recipient.
pub(super) fn run(suite: &Value) {
    assert_eq!(suite["suite"], Suite::Aes256Gcm.number());
    for file in suite["files"].as_array().unwrap() {
        let header = Header::parse(&unhex(&file["header"])).unwrap();
        let list = ChunkList::parse(&unhex(&file["chunk_hashes"])).unwrap();
        let said = FileRef {
            suite: header.suite(),
            key: FileKey::from_bytes(Zeroizing::new(array(&file["file_key"]))),
            root: Root::from_bytes(array(&file["root"])),
            size: number(&file["size"]),
            padded_size: number(&file["padded_size"]),
            ..fixed(0).said
        };
        let verifier = Verifier::with_root(&said.root, &header, list.clone(), said.padded_size).unwrap();
        for (index, chunk) in (0..).zip(file["sealed_chunks"].as_array().unwrap()) {
            if !chunk.is_null() {
                verifier.verify_chunk(index, &unhex(chunk)).unwrap();
            }
        }
        // V-616
        assert_eq!(Opener::new(&said, &header, list).unwrap_err().code(), Code::UnknownSuite);
    }
    let told = &suite["unspoken"];
    assert_eq!((&told["rule"], &told["code"]), (&"V-616".into(), &Code::UnknownSuite.number().into()));
}

#[test]
fn nothing_is_sealed_in_it() {
    // V-616
    assert!(!Suite::Aes256Gcm.is_spoken());
    let refused = |sealer: crate::error::Result<Sealer>| sealer.unwrap_err().code();
    let mut rng = vectors::rng(1);
    assert_eq!(refused(Sealer::with_suite(Suite::Aes256Gcm, 1, &mut rng)), Code::UnknownSuite);

    let sealer = Sealer::new(1, &mut rng).unwrap();
    let mut header = sealer.header().to_bytes();
    header[0] = 2;
    let header = Header::parse(&header).unwrap();
    let resumed = Sealer::resume(sealer.key().clone(), header, 1, Vec::new());
    assert_eq!(refused(resumed), Code::UnknownSuite);
}

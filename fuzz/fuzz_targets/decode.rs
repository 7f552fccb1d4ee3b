//! Every decoder, on anything: the first byte chooses the kind of document, the rest is the
//! document. No input may panic, and what is accepted must be the one encoding of itself.
//!
//! ```text
//! cargo +nightly fuzz run decode fuzz/corpus/decode fuzz/seeds/decode
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use verbund::{
    attachment::{ChunkList, Header},
    code::Code,
    inspect::{Document, inspect},
};

fuzz_target!(|data: &[u8]| {
    let Some((&kind, bytes)) = data.split_first() else { return };
    match Document::ALL.get(usize::from(kind)) {
        Some(&document) => {
            if let Err(error) = inspect(document, bytes) {
                assert_ne!(error.code(), Code::Bug, "{document:?} is not the encoding of itself");
            }
        }
        None if kind % 2 == 0 => {
            if let Ok(header) = Header::parse(bytes) {
                assert_eq!(header.to_bytes().as_slice(), bytes);
            }
        }
        None => {
            if let Ok(list) = ChunkList::parse(bytes) {
                assert_eq!(list.as_bytes(), bytes);
            }
        }
    }
});

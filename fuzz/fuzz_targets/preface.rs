//! The beginning of a sealed file, as whoever opens it reads it first. No input may panic, and what is accepted is
//! written as it was read.
//!
//! ```text
//! cargo +nightly fuzz run preface
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use verbund::{Error, attachment::io::Preface, code::Code};

fuzz_target!(|data: &[u8]| {
    let mut source = data;
    match Preface::read_from(&mut source) {
        Ok(preface) => {
            let read = data.len() - source.len();
            let mut written = Vec::new();
            preface.write_to(&mut written).expect("into memory");
            assert_eq!(written.as_slice(), &data[..read]);
            assert_eq!(preface.len(), read as u64);
            let (root, geometry) = (preface.root(), preface.geometry());
            let verifier = preface.clone().into_verifier().expect("what was read fits together");
            assert_eq!(verifier.geometry(), geometry);
            assert_eq!(preface.root(), root);
        }
        Err(error) => {
            let code = Error::of_io(&error).expect("an error of this library").code();
            assert_ne!(code, Code::Bug);
        }
    }
});

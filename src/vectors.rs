//! Vectors for other implementations: `proto/vectors/*.json`.
//!
//! `VERBUND_WRITE_VECTORS=1 cargo test vectors` makes them from fixed seeds; every other
//! run proves that they would come out the same.

use std::{fs, path::Path};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::Value;

/// Compares `made` with the file `name`, or writes it there.
pub(crate) fn check(name: &str, made: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/vectors").join(name);
    if std::env::var_os("VERBUND_WRITE_VECTORS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, serde_json::to_string_pretty(made).unwrap() + "\n").unwrap();
    }
    let file = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let fresh = serde_json::from_str::<Value>(&file).is_ok_and(|checked_in| checked_in == *made);
    assert!(fresh, "{name} is out of date: VERBUND_WRITE_VECTORS=1 cargo test vectors");
}

/// A file of vectors as it is.
#[cfg(not(feature = "aes-gcm"))]
pub(crate) fn stored(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/vectors").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The generator of one file of vectors.
pub(crate) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// Bytes as they stand in the files: lower-case hexadecimal.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes out of a file.
pub(crate) fn unhex(value: &Value) -> Vec<u8> {
    let digit = |c: char| u8::try_from(c.to_digit(16).expect("hexadecimal")).unwrap();
    let digits: Vec<u8> = value.as_str().expect("a string").chars().map(digit).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

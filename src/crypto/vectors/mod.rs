//! The primitives against vectors by others; see `README.md` for their sources. And vectors for others.

mod hpke;
mod labels;
mod wycheproof;

use serde_json::Value;

/// A vector file of this directory.
macro_rules! vectors {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/crypto/vectors/",
            $name
        )))
        .unwrap()
    };
}
pub(crate) use vectors;

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The bytes of a hexadecimal field.
pub(crate) fn bytes(object: &Value, field: &str) -> Vec<u8> {
    unhex(object[field].as_str().unwrap_or_else(|| panic!("{field} is missing")))
}

/// A numeric field.
pub(crate) fn number(object: &Value, field: &str) -> u64 {
    object[field].as_u64().unwrap_or_else(|| panic!("{field} is missing"))
}

/// The elements of an array, of which there is at least one.
pub(crate) fn each(array: &Value) -> &[Value] {
    let array = array.as_array().unwrap();
    assert!(!array.is_empty());
    array
}

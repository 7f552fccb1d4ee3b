//! Padding to a size class, so that servers learn next to nothing from a message's length.
//!
//! A class is a power of two: with eight classes a length tells at most three bits, and
//! padding less than doubles what is sent. The smallest holds what most messages are (a text
//! of up to about 400 bytes, a reaction, an attachment without preview), so that these look
//! alike, and with everything that MLS and a link put around it still fits an IP packet.
//!
//! The mark and its zeros stand behind the encoding and in no field of it: adding bytes to a
//! field also makes its length prefix grow, so that fields cannot have every length.

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Error, Result, ensure},
    limits::{SIZE_CLASS_MAX, SIZE_CLASS_MIN},
};

/// The byte behind the content, before the zeros (ISO/IEC 7816-4; in ISO/IEC 9797-1 method 2).
const MARK: u8 = 0x80;

/// `plain`, the mark, and zeros up to the class.
///
/// # Errors
/// [`Code::TooLong`] if no class holds it.
pub(super) fn pad(plain: &[u8]) -> Result<Bytes> {
    let class = class_of(plain.len()).ok_or(Error::new(Code::TooLong, "message"))?;
    let mut padded = Vec::with_capacity(class);
    padded.extend_from_slice(plain);
    padded.push(MARK);
    padded.resize(class, 0);
    Ok(padded.into())
}

/// What [`pad`] was given.
///
/// # Errors
/// [`Code::NotCanonical`] if `padded` is nothing that [`pad`] makes (SPEC V-701, V-702).
pub(super) fn unpad(padded: &Bytes) -> Result<Bytes> {
    let mark = padded.iter().rposition(|byte| *byte != 0).filter(|at| padded.get(*at) == Some(&MARK));
    let mark = mark.ok_or(Error::new(Code::NotCanonical, "padding"))?;
    ensure(class_of(mark) == Some(padded.len()), Code::NotCanonical, "size class")?;
    Ok(padded.slice(..mark))
}

/// The smallest class that holds `len` bytes and the mark.
fn class_of(len: usize) -> Option<usize> {
    let class = len.checked_add(1)?.checked_next_power_of_two()?.max(SIZE_CLASS_MIN);
    (class <= SIZE_CLASS_MAX).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: Vec<u8>) {
        assert_eq!(unpad(&bytes.into()).unwrap_err().code(), Code::NotCanonical);
    }

    #[test]
    fn every_length_has_a_class() {
        let plain = vec![0; SIZE_CLASS_MAX];
        for len in 0..SIZE_CLASS_MAX {
            let padded = pad(&plain[..len]).unwrap();
            assert!(padded.len().is_power_of_two() && padded.len() > len, "{len}");
            assert!((SIZE_CLASS_MIN..=SIZE_CLASS_MAX).contains(&padded.len()), "{len}");
            assert!(padded.len() == SIZE_CLASS_MIN || padded.len() / 2 <= len, "{len}");
            assert_eq!(unpad(&padded).unwrap().len(), len);
        }
        assert_eq!(pad(&plain).unwrap_err().code(), Code::TooLong);
    }

    #[test]
    fn content_may_look_like_padding() {
        for plain in [&b"\x80"[..], b"\x80\0\0", b"a\x80\x80", b"\0"] {
            assert_eq!(unpad(&pad(plain).unwrap()).unwrap(), plain);
        }
    }

    #[test]
    fn lengths_that_are_no_class_are_refused() {
        // V-701
        for len in [1, 256, 511, 513, 768, 1023, SIZE_CLASS_MAX + 1, 2 * SIZE_CLASS_MAX] {
            let mut bytes = vec![1; len];
            bytes[len - 1] = MARK;
            refused(bytes);
        }
        // A class, but a smaller one would do.
        let mut bytes = vec![0; 1024];
        bytes[511] = MARK;
        refused(bytes.clone());
        bytes[512] = MARK;
        assert_eq!(unpad(&bytes.into()).unwrap().len(), 512);
    }

    #[test]
    fn other_padding_is_refused() {
        // V-702
        refused(vec![]);
        refused(vec![0; 512]);
        for last in [1, 0x40, 0x81, 0xff] {
            let mut bytes = pad(b"text").unwrap().to_vec();
            bytes[511] = last;
            refused(bytes);
        }
    }
}

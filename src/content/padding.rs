//! Padding to a size class, so that servers learn next to nothing from a message's length.
//!
//! The classes are the powers of two and, between them, the half steps: with fifteen of them a
//! length tells less than four bits, and what is sent is less than 1.5 times as long, past the
//! smallest. That one holds what most messages are (a text of up to about 400 bytes, a
//! reaction, an attachment without preview), so that these look alike, and with everything
//! that MLS and a link put around it still fits an IP packet.
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
    let wanted = len.checked_add(1)?;
    let power = wanted.checked_next_power_of_two()?.max(SIZE_CLASS_MIN);
    let half_step = power / 4 * 3;
    let class = if half_step >= wanted.max(SIZE_CLASS_MIN) { half_step } else { power };
    (class <= SIZE_CLASS_MAX).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Powers of two and half steps.
    const CLASSES: [usize; 15] = [
        512, 768, 1_024, 1_536, 2_048, 3_072, 4_096, 6_144, 8_192, 12_288, 16_384, 24_576, 32_768, 49_152,
        65_536,
    ];

    fn refused(bytes: Vec<u8>) {
        assert_eq!(unpad(&bytes.into()).unwrap_err().code(), Code::NotCanonical);
    }

    #[test]
    fn every_length_has_a_class() {
        let plain = vec![0; SIZE_CLASS_MAX];
        for len in 0..SIZE_CLASS_MAX {
            let padded = pad(&plain[..len]).unwrap();
            let class = CLASSES.into_iter().find(|class| *class > len).unwrap();
            assert_eq!(padded.len(), class, "{len}");
            assert!(class == SIZE_CLASS_MIN || class * 2 < (len + 1) * 3, "{len}");
            assert_eq!(unpad(&padded).unwrap().len(), len);
        }
        assert_eq!(pad(&plain).unwrap_err().code(), Code::TooLong);
    }

    #[test]
    fn the_bounds_are_classes() {
        assert_eq!((CLASSES[0], CLASSES[14]), (SIZE_CLASS_MIN, SIZE_CLASS_MAX));
        assert!(CLASSES.iter().all(|class| class_of(class - 1) == Some(*class)));
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
        for len in
            [1, 256, 384, 511, 513, 640, 767, 1023, 1280, 98_304, SIZE_CLASS_MAX + 1, 2 * SIZE_CLASS_MAX]
        {
            let mut bytes = vec![1; len];
            bytes[len - 1] = MARK;
            refused(bytes);
        }
        // A class, but a smaller one would do.
        let mut bytes = vec![0; 1024];
        bytes[767] = MARK;
        refused(bytes.clone());
        bytes[768] = MARK;
        assert_eq!(unpad(&bytes.into()).unwrap().len(), 768);
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

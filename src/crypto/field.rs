//! The prime field of Curve25519 and its Edwards form (RFC 7748 §4.1, RFC 8032 §5.1).

/// Whether the low 255 bits, little-endian, are below p = 2^255 - 19.
///
/// The curve crates reduce a larger number, which would give one public key two encodings,
/// and so two names and two entries in every list of keys.
pub(super) fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *low < 0xed || middle.iter().any(|b| *b != 0xff) || high & 0x7f != 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_and_above_are_not_canonical() {
        let number = |low: u8, middle: u8, high: u8| {
            let mut bytes = [middle; 32];
            (bytes[0], bytes[31]) = (low, high);
            bytes
        };
        for good in [number(0, 0, 0), number(0xec, 0xff, 0x7f), number(0xff, 0xff, 0x7e)] {
            assert!(is_canonical(&good), "{good:?}");
        }
        let mut below = number(0xff, 0xff, 0x7f);
        below[17] = 0xfe;
        assert!(is_canonical(&below));
        for bad in [number(0xed, 0xff, 0x7f), number(0xff, 0xff, 0x7f), number(0xed, 0xff, 0xff)] {
            assert!(!is_canonical(&bad), "{bad:?}");
        }
    }
}

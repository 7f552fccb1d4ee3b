//! Labelled HKDF-SHA256 (RFC 5869).

use core::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::Label;

/// A pseudorandom key: what keys are derived from, never a key itself (RFC 5869 §2.2).
pub(crate) struct Prk(Hkdf<Sha256>);

impl Prk {
    /// HKDF-Extract. The salt need not be secret and may be empty.
    pub(crate) fn extract(salt: &[u8], ikm: &[u8]) -> Prk {
        let (mut prk, hkdf) = Hkdf::extract(Some(salt), ikm);
        prk.zeroize();
        Prk(hkdf)
    }

    /// HKDF-Expand to `N` bytes, at most 8,160; `info` is `u8 len ‖ label ‖ (u64 len ‖ part)*`.
    pub(crate) fn expand<const N: usize>(&self, label: Label, context: &[&[u8]]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 255 * 32, "RFC 5869 §2.3: L <= 255*HashLen") };
        let mut okm = Zeroizing::new([0; N]);
        let done = self.0.expand(&label.framed(context), okm.as_mut());
        debug_assert!(done.is_ok(), "the length is the only thing that can be wrong, and was checked");
        okm
    }
}

impl fmt::Debug for Prk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prk(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_rfc_5869_over_the_framing() {
        let info = Label::BLOB_FETCH.framed(&[b"a", b"bc"]);
        let mut expected = [0; 77];
        Hkdf::<Sha256>::new(Some(b"salt"), b"ikm").expand(&info, &mut expected).unwrap();
        assert_eq!(*Prk::extract(b"salt", b"ikm").expand::<77>(Label::BLOB_FETCH, &[b"a", b"bc"]), expected);
    }

    #[test]
    fn everything_that_goes_in_matters() {
        let key = |salt: &[u8], ikm: &[u8], label, context: &[&[u8]]| {
            *Prk::extract(salt, ikm).expand::<32>(label, context)
        };
        let base = key(b"s", b"k", Label::BLOB_FETCH, &[b"ab"]);
        assert_ne!(base, key(b"t", b"k", Label::BLOB_FETCH, &[b"ab"]));
        assert_ne!(base, key(b"s", b"l", Label::BLOB_FETCH, &[b"ab"]));
        assert_ne!(base, key(b"s", b"k", Label::BLOB_PAYLOAD_KEY, &[b"ab"]));
        assert_ne!(base, key(b"s", b"k", Label::BLOB_FETCH, &[b"a", b"b"]));
    }
}

//! The code that one device shows and the other scans.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    crypto::{HpkePrivateKey, HpkePublicKey, Label, Prk, Psk, hash},
    error::{Error, Result, ensure},
    ids::{Hash, UserId},
};

/// The version of the code.
const VERSION: u8 = 1;

/// RFC 4648 §6; no padding. QR codes hold it in their alphanumeric mode.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A link code: whoever knows it within five minutes can ask to be a device of the user. It is
/// shown on a screen, as a QR code of [`LinkCode::text`], and goes nowhere else. Wiped from
/// memory when dropped.
pub struct LinkCode {
    user: UserId,
    key: HpkePublicKey,
    secret: Zeroizing<[u8; 32]>,
}

impl LinkCode {
    pub(super) fn generate(user: UserId, key: &HpkePrivateKey, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut());
        LinkCode { user, key: key.public(), secret }
    }

    /// What is shown: capital letters and digits 2 to 7.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let name = self.user.as_str().as_bytes();
        let mut bytes = Zeroizing::new(Vec::with_capacity(name.len().saturating_add(65)));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(self.secret.as_slice());
        bytes.extend_from_slice(name);
        base32(&bytes)
    }

    /// Reads what was scanned or typed. Spaces, hyphens and small letters do no harm.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is no such code; [`Code::UnknownVersion`]; [`Code::BadKey`];
    /// [`Code::BadName`] (SPEC V-284).
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::new(Code::Malformed, "link code");
        let bytes = from_base32(text)?;
        let (version, rest) = bytes.split_first().ok_or_else(malformed)?;
        ensure(*version == VERSION, Code::UnknownVersion, "link code")?;
        let (key, rest) = rest.split_at_checked(32).ok_or_else(malformed)?;
        let (secret, user) = rest.split_first_chunk::<32>().ok_or_else(malformed)?;
        let user = core::str::from_utf8(user).map_err(|_| malformed())?;
        let (user, key) = (UserId::parse(user)?, HpkePublicKey::parse(key)?);
        Ok(LinkCode { user, key, secret: Zeroizing::new(*secret) })
    }

    /// Whose device is to be linked.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The name of the mailbox over which the two devices may meet at the user's own server. It
    /// tells nothing about the rest of the code.
    #[must_use]
    pub fn mailbox(&self) -> [u8; 16] {
        *self.expand::<16>(Label::LINK_MAILBOX)
    }

    pub(super) fn key(&self) -> &HpkePublicKey {
        &self.key
    }

    pub(super) fn psk(&self) -> Psk {
        Psk::new(self.expand(Label::LINK_PSK))
    }

    /// What HPKE is told of the code: all but the secret.
    pub(super) fn info(&self) -> Hash {
        hash(Label::LINK_CODE, &[&[VERSION], self.key.as_bytes(), self.user.as_str().as_bytes()])
    }

    fn expand<const N: usize>(&self, label: Label) -> Zeroizing<[u8; N]> {
        Prk::extract(&[], self.secret.as_slice()).expand(label, &[])
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkCode({}, ..)", self.user)
    }
}

pub(super) fn base32(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(8).div_ceil(5)));
    let mut push = |five: u32| {
        let letter = ALPHABET.get(five as usize & 31).copied().unwrap_or_default();
        text.push(char::from(letter));
    };
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            push(bits >> held);
            bits &= (1 << held) - 1;
        }
    }
    if held > 0 {
        push(bits << (5 - held));
    }
    text
}

/// The bytes of a text of which there is only one; see [`LinkCode::parse`].
pub(super) fn from_base32(text: &str) -> Result<Zeroizing<Vec<u8>>> {
    // The longest user id and the rest.
    ensure(text.len() <= 1_024, Code::TooLong, "link code")?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes().filter(|byte| !b" -\r\n".contains(byte)) {
        let letter = letter.to_ascii_uppercase();
        let five = ALPHABET.iter().zip(0_u32..).find_map(|(known, five)| (*known == letter).then_some(five));
        bits = (bits << 5) | five.ok_or(Error::new(Code::Malformed, "link code"))?;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held).unwrap_or_default());
            bits &= (1 << held) - 1;
        }
    }
    ensure(bits == 0 && held < 5, Code::Malformed, "link code")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(*base32(bytes.as_bytes()), text);
            assert_eq!(*from_base32(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(*from_base32("mzxw 6-ytb\n").unwrap(), b"fooba");
        for bad in ["A", "MZ", "MZX", "M1", "MZXW6===", "MZXW6Y", "ä"] {
            assert_eq!(from_base32(bad).unwrap_err().code(), Code::Malformed, "{bad}");
        }
        assert_eq!(from_base32(&"A".repeat(1_024)).unwrap().len(), 640);
        assert_eq!(from_base32(&"A".repeat(1_025)).unwrap_err().code(), Code::TooLong);
    }

    proptest! {
        #[test]
        fn base32_goes_there_and_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(&*from_base32(&base32(&bytes)).unwrap(), &bytes);
        }

        /// SPEC V-284
        #[test]
        fn any_text_is_refused_or_read(text in "[A-Z2-7]{0,200}") {
            if let Ok(code) = LinkCode::parse(&text) {
                prop_assert_eq!(&*code.text(), &text);
            }
        }
    }
}

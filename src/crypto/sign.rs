//! Ed25519 (RFC 8032), verified strictly.
//!
//! What is signed is `"verbund 1 signature" ‖ hash(label, parts)`: 51 bytes, however long the
//! parts are, so that a body of a megabyte is read once and never copied. Like every other
//! chain and name here it rests on the collision resistance of SHA-256. A device signs MLS
//! messages with the same key (RFC 9420 §5.1.2); those have "MLS 1.0 " after their first length,
//! so that neither is ever the other.

use core::fmt;

use ed25519_dalek::{Signer, Verifier};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Held, Label, field, hash, hash::key_id};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::KeyId,
};

/// The part of a signed message that says it is ours.
const DOMAIN: &[u8; 19] = b"verbund 1 signature";

/// An Ed25519 private key. Wiped from memory when dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A fresh key from the next 32 bytes of `rng`.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        SigningKey::from_seed(&seed)
    }

    /// The key of a stored 32-byte seed (RFC 8032 §5.1.5, "private key").
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The 32-byte seed, for storing.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verify_key(&self) -> VerifyKey {
        VerifyKey(self.0.verifying_key())
    }

    /// Signs `parts` for the purpose that `label` names.
    pub(crate) fn sign(&self, label: Label, parts: &[&[u8]]) -> Signature {
        self.sign_raw(&message(label, parts))
    }

    /// Signs bytes as they are: for MLS, which labels them itself.
    pub(in crate::crypto) fn sign_raw(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// An Ed25519 public key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifyKey(ed25519_dalek::VerifyingKey);

impl VerifyKey {
    /// The key of 32 bytes from a peer.
    ///
    /// # Errors
    /// [`Code::BadKey`] unless they are the one encoding of a point on the curve
    /// (RFC 8032 §5.1.3) whose order is not small: a key of small order has signatures
    /// that fit almost every message.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = Error::new(Code::BadKey, "ed25519 key");
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| bad.clone())?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| bad)?;
        ensure(field::is_canonical(bytes) && !key.is_weak(), Code::BadKey, "ed25519 key")?;
        Ok(VerifyKey(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key's name: a hash of its algorithm and bytes, always computed, never read.
    #[must_use]
    pub fn id(&self) -> KeyId {
        VerifyKey::id_of(self.as_bytes())
    }

    /// The name of the key of these bytes, whether or not they are acceptable ([`VerifyKey::parse`]).
    pub(crate) fn id_of(bytes: &[u8; 32]) -> KeyId {
        key_id("ed25519", bytes)
    }

    /// Checks that the owner of this key signed `parts` for the purpose that `label` names.
    ///
    /// Strictly: S below the group order (RFC 8032 §5.1.7), R canonical and not of small
    /// order, and the equation without cofactor. So nobody makes a second valid signature
    /// from a first, and all implementations agree on which are valid.
    ///
    /// # Errors
    /// [`Code::BadSignature`].
    pub(crate) fn verify(&self, label: Label, parts: &[&[u8]], signature: &Signature) -> Result<()> {
        self.verify_raw(&message(label, parts), signature)
    }

    /// The same, unless the signature has held before.
    pub(in crate::crypto) fn verify_held(
        &self,
        label: Label,
        parts: &[&[u8]],
        signature: &Signature,
        held: &Held,
    ) -> Result<()> {
        held.verify(self, &message(label, parts), signature)
    }

    /// Verifies bytes as they are: for MLS, which labels them itself.
    ///
    /// `verify_strict` would decompress R to learn its order. That is known without: R is
    /// compared with the encoding of a point, so that it is canonical if it is right, and
    /// eight encodings are of small order. The key itself was looked at when it was parsed.
    pub(in crate::crypto) fn verify_raw(&self, message: &[u8], signature: &Signature) -> Result<()> {
        ensure(!signature.r_is_of_small_order(), Code::BadSignature, "ed25519")?;
        self.0
            .verify(message, &ed25519_dalek::Signature::from_bytes(&signature.0))
            .map_err(|_| Error::new(Code::BadSignature, "ed25519"))
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyKey({})", self.id())
    }
}

/// An Ed25519 signature: R and S.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature([u8; 64]);

impl Signature {
    /// # Errors
    /// [`Code::BadSignature`] if it is not 64 bytes long.
    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Signature).map_err(|_| Error::new(Code::BadSignature, "length"))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    fn r_is_of_small_order(&self) -> bool {
        let Some(mut y) = self.0.first_chunk::<32>().copied() else { return true };
        if let Some(high) = y.last_mut() {
            *high &= 0x7f; // the sign of x
        }
        SMALL_ORDER.contains(&y)
    }
}

/// The y coordinates of the eight points of small order, those of the orders 1, 2, 4 and 8:
/// their encodings but for the highest bit, the sign of x.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

fn message(label: Label, parts: &[&[u8]]) -> [u8; 51] {
    let mut message = [0; 51];
    let (domain, digest) = message.split_at_mut(DOMAIN.len());
    domain.copy_from_slice(DOMAIN);
    digest.copy_from_slice(hash(label, parts).as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;
    use crate::crypto::vectors::unhex;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(&[byte; 32])
    }

    #[test]
    fn verifies_what_it_signed_and_nothing_else() {
        let signature = key(1).sign(Label::FRAME, &[b"ab", b"c"]);
        let public = key(1).verify_key();
        public.verify(Label::FRAME, &[b"ab", b"c"], &signature).unwrap();

        let refused = |key: &VerifyKey, label, parts: &[&[u8]], signature: &Signature| {
            assert_eq!(key.verify(label, parts, signature).unwrap_err().code(), Code::BadSignature);
        };
        refused(&key(2).verify_key(), Label::FRAME, &[b"ab", b"c"], &signature);
        refused(&public, Label::ACK, &[b"ab", b"c"], &signature);
        refused(&public, Label::FRAME, &[b"a", b"bc"], &signature);
        for i in 0..64 {
            let mut bad = signature;
            bad.0[i] ^= 1;
            refused(&public, Label::FRAME, &[b"ab", b"c"], &bad);
        }
        assert_eq!(Signature::from_slice(&[0; 63]).unwrap_err().code(), Code::BadSignature);
    }

    #[test]
    fn a_second_form_of_a_good_signature_is_refused() {
        // V-122: S + L is S modulo the group order L.
        let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut signature = key(1).sign_raw(b"message");
        key(1).verify_key().verify_raw(b"message", &signature).unwrap();
        let mut carry = 0;
        for (s, l) in signature.0[32..].iter_mut().zip(order) {
            let sum = u16::from(*s) + u16::from(l) + carry;
            (*s, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        assert_eq!(carry, 0);
        let refused = key(1).verify_key().verify_raw(b"message", &signature);
        assert_eq!(refused.unwrap_err().code(), Code::BadSignature);
    }

    #[test]
    fn a_signature_whose_r_is_of_small_order_is_refused() {
        // V-122: R is the neutral element and S = k a, so that the equation holds.
        let mut signature = Signature([0; 64]);
        signature.0[0] = 1;
        let s = unhex("95c0fdcc54fccad1f2b8bc9b96aa6837c82f86349e6576ad29ca3ece7b7ea905");
        signature.0[32..].copy_from_slice(&s);
        let public = key(1).verify_key();
        let lax = ed25519_dalek::Signature::from_bytes(&signature.0);
        public.0.verify(b"message", &lax).unwrap();
        assert_eq!(public.verify_raw(b"message", &signature).unwrap_err().code(), Code::BadSignature);
    }

    #[test]
    fn no_r_of_small_order_is_accepted_under_a_key_of_mixed_order() {
        // V-122: the key is a B + T with T of order 8, R one of the eight multiples of T, and
        // S = k a for a message whose k makes the equation hold.
        let public = unhex("47d5703e91a0c87de09e72b994cf37eb49fde5d4087733a02a825e2b052629dc");
        let public = VerifyKey::parse(&public).unwrap();
        let cases = [
            (
                1,
                "0100000000000000000000000000000000000000000000000000000000000000",
                "92d0764b535b2bafe1c9593759fa0807a8181613a40beb1167715cbb5fc84508",
            ),
            (
                6,
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                "c307a6d7c351c32d97acb4da81ec240df94d04d7ce8ed75c0a56c5e6965c320c",
            ),
            (
                5,
                "0000000000000000000000000000000000000000000000000000000000000000",
                "47b770b532dd2683b6f4955674536d682f6eea04b8fed8d169be710e3b766a09",
            ),
            (
                11,
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                "cc6d55cd36122e600df2e352e0d6fe6ee5b4f613da118af032afacab1d959d02",
            ),
            (
                0,
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "dcf96d9de37bcaa9688144824c485e7008b9ecfd91680879cd59e8326b1a6705",
            ),
            (
                5,
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
                "47503f51cfc5326908db3769bc4bc288fa56f07ebaf2a4a2df9cf4bdf2f6e701",
            ),
            (
                7,
                "0000000000000000000000000000000000000000000000000000000000000080",
                "a3339f0af7da5984156ca2ce6605010fdb54b08a504724ec5c63af1e2d13c60e",
            ),
            (
                3,
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                "b156a646e0d06f92804192e0336fbfcf2cb3277f954c3c2f94845ce1b254f40e",
            ),
        ];
        for (message, r, s) in cases {
            let signature = Signature::from_slice(&[unhex(r), unhex(s)].concat()).unwrap();
            let lax = ed25519_dalek::Signature::from_bytes(&signature.0);
            public.0.verify(&[message], &lax).unwrap();
            assert!(public.0.verify_strict(&[message], &lax).is_err());
            assert_eq!(public.verify_raw(&[message], &signature).unwrap_err().code(), Code::BadSignature);
        }
    }

    #[test]
    fn what_is_signed_is_domain_and_hash() {
        let signed = [&DOMAIN[..], hash(Label::HEAD, &[b"x"]).as_bytes()].concat();
        key(3).verify_key().verify_raw(&signed, &key(3).sign(Label::HEAD, &[b"x"])).unwrap();
    }

    #[test]
    fn seeds_and_names_are_stable() {
        let made = SigningKey::generate(&mut chacha20::ChaCha20Rng::from_seed([9; 32]));
        assert_eq!(SigningKey::from_seed(&made.seed()).verify_key(), made.verify_key());
        assert_eq!(key(1).verify_key().id(), key_id("ed25519", key(1).verify_key().as_bytes()));
        assert_ne!(key(1).verify_key().id(), key(2).verify_key().id());
    }

    #[test]
    fn bad_keys_are_refused() {
        // V-121
        let y = |low: u8, rest: u8, high: u8| {
            let mut bytes = [rest; 32];
            (bytes[0], bytes[31]) = (low, high);
            bytes
        };
        let not_on_curve = y(2, 0, 0);
        let identity = y(1, 0, 0);
        let order_two = y(0xec, 0xff, 0x7f);
        let order_four = y(0, 0, 0);
        for bad in [not_on_curve, identity, order_two, order_four] {
            assert_eq!(VerifyKey::parse(&bad).unwrap_err().code(), Code::BadKey, "{bad:?}");
        }
        assert_eq!(VerifyKey::parse(&[1; 31]).unwrap_err().code(), Code::BadKey);
        assert!(VerifyKey::parse(key(1).verify_key().as_bytes()).is_ok());
    }

    #[test]
    fn a_second_encoding_of_a_good_point_is_refused() {
        // V-121
        // y = 3 is on the curve and of large order; p + 3 encodes the same point.
        let mut canonical = [0; 32];
        canonical[0] = 3;
        let mut other = [0xff; 32];
        (other[0], other[31]) = (0xed + 3, 0x7f);
        assert!(VerifyKey::parse(&canonical).is_ok());
        assert!(ed25519_dalek::VerifyingKey::from_bytes(&other).is_ok_and(|key| !key.is_weak()));
        assert_eq!(VerifyKey::parse(&other).unwrap_err().code(), Code::BadKey);
    }
}

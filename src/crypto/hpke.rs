//! HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.

use core::fmt;

use hpke::{
    Deserializable, HpkeError, OpModeR, OpModeS, Serializable,
    aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305},
    kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{Label, field, hash::key_id};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::KeyId,
};

type Kem = X25519HkdfSha256;
pub(super) type Sender = AeadCtxS<ChaCha20Poly1305, HkdfSha256, Kem>;
pub(super) type Receiver = AeadCtxR<ChaCha20Poly1305, HkdfSha256, Kem>;

/// SetupBaseS (RFC 9180 §5.1.1). The ephemeral key is DeriveKeyPair of the next 32 bytes of
/// `rng`. Fails for a public key of small order, whose shared secret is all zeros (§7.1.4).
pub(super) fn sender(
    public: &[u8],
    info: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<([u8; 32], Sender), HpkeError> {
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(public)?;
    let (enc, context) = hpke::setup_sender_with_rng::<_, _, Kem>(&OpModeS::Base, &public, info, rng)?;
    Ok((enc.to_bytes().into(), context))
}

/// SetupBaseR (RFC 9180 §5.1.1). Fails for an `enc` of small order (§7.1.4).
pub(super) fn receiver(secret: &[u8], enc: &[u8], info: &[u8]) -> Result<Receiver, HpkeError> {
    let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret)?;
    let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(enc)?;
    hpke::setup_receiver(&OpModeR::Base, &secret, &enc, info)
}

/// DeriveKeyPair (RFC 9180 §7.1.3): private and public key.
pub(super) fn derive_key_pair(ikm: &[u8]) -> (Zeroizing<[u8; 32]>, [u8; 32]) {
    let (secret, public) = <Kem as hpke::Kem>::derive_keypair(ikm);
    (Zeroizing::new(secret.to_bytes().into()), public.to_bytes().into())
}

/// A key that opens what was sealed to its public key (RFC 9180); an agency's is named by its
/// descriptor. Wiped from memory when dropped.
pub struct HpkePrivateKey(StaticSecret);

impl HpkePrivateKey {
    /// A fresh key from the next 32 bytes of `rng`.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut());
        HpkePrivateKey::from_bytes(&secret)
    }

    /// The key that was stored.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        HpkePrivateKey(StaticSecret::from(*secret))
    }

    /// For storing.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The key to seal to.
    #[must_use]
    pub fn public(&self) -> HpkePublicKey {
        HpkePublicKey(PublicKey::from(&self.0))
    }

    /// Opens what [`HpkePublicKey::seal`] made. The framed label is HPKE's `info`.
    ///
    /// # Errors
    /// [`Code::BadCiphertext`] unless it was sealed to this key with this label and `aad`.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing is encrypted to agencies yet"))]
    pub(crate) fn open(
        &self,
        label: Label,
        enc: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        receiver(self.0.as_bytes(), enc, &label.framed(&[]))
            .and_then(|mut context| context.open(ciphertext, aad))
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Code::BadCiphertext, "hpke"))
    }
}

impl fmt::Debug for HpkePrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HpkePrivateKey(..)")
    }
}

/// An X25519 public key to seal to.
#[derive(Clone, PartialEq, Eq)]
pub struct HpkePublicKey(PublicKey);

impl HpkePublicKey {
    /// The key of 32 bytes from a peer.
    ///
    /// # Errors
    /// [`Code::BadKey`] unless they are the one encoding of a coordinate (RFC 7748 §5 would
    /// mask and reduce others) whose point is not of small order: everybody knows the
    /// shared secrets of those.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Error::new(Code::BadKey, "x25519 key"))?;
        let canonical = field::is_canonical(bytes) && bytes.last().is_some_and(|high| high & 0x80 == 0);
        let key = PublicKey::from(*bytes);
        // Any scalar will do: clamping makes it a multiple of the cofactor.
        let contributes = StaticSecret::from([0; 32]).diffie_hellman(&key).was_contributory();
        ensure(canonical && contributes, Code::BadKey, "x25519 key")?;
        Ok(HpkePublicKey(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key's name: a hash of its algorithm and bytes, always computed, never read.
    #[must_use]
    pub fn id(&self) -> KeyId {
        key_id("x25519", self.as_bytes())
    }

    /// Seals one plaintext; gives the encapsulated key and the ciphertext. Nobody is
    /// authenticated by it but the recipient.
    ///
    /// # Errors
    /// [`Code::TooLong`] past 256 GiB.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing is encrypted to agencies yet"))]
    pub(crate) fn seal(
        &self,
        label: Label,
        aad: &[u8],
        plaintext: &[u8],
        mut rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<([u8; 32], Vec<u8>)> {
        let bad_key = |_| Error::new(Code::BadKey, "x25519 key");
        let (enc, mut context) = sender(self.as_bytes(), &label.framed(&[]), &mut rng).map_err(bad_key)?;
        let ciphertext = context.seal(plaintext, aad).map_err(|_| Error::new(Code::TooLong, "hpke"))?;
        Ok((enc, ciphertext))
    }
}

impl fmt::Debug for HpkePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HpkePublicKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn key(byte: u8) -> HpkePrivateKey {
        HpkePrivateKey::generate(&mut ChaCha20Rng::from_seed([byte; 32]))
    }

    #[test]
    fn opens_what_was_sealed_to_it_and_nothing_else() {
        let mut rng = ChaCha20Rng::from_seed([0; 32]);
        let (enc, sealed) = key(1).public().seal(Label::FRAME, b"aad", b"text", &mut rng).unwrap();
        assert_eq!(**key(1).open(Label::FRAME, &enc, b"aad", &sealed).unwrap(), *b"text");

        let refused = |byte, label, enc: &[u8], aad: &[u8], sealed: &[u8]| {
            assert_eq!(key(byte).open(label, enc, aad, sealed).unwrap_err().code(), Code::BadCiphertext);
        };
        let mut other = sealed.clone();
        other[0] ^= 1;
        refused(2, Label::FRAME, &enc, b"aad", &sealed);
        refused(1, Label::ACK, &enc, b"aad", &sealed);
        refused(1, Label::FRAME, key(2).public().as_bytes(), b"aad", &sealed);
        refused(1, Label::FRAME, &enc[1..], b"aad", &sealed);
        refused(1, Label::FRAME, &[0; 32], b"aad", &sealed);
        refused(1, Label::FRAME, &enc, b"aae", &sealed);
        refused(1, Label::FRAME, &enc, b"aad", &other);
        refused(1, Label::FRAME, &enc, b"aad", &[]);
    }

    #[test]
    fn stored_keys_come_back() {
        let (stored, public) = (key(3).to_bytes(), key(3).public());
        assert_eq!(HpkePrivateKey::from_bytes(&stored).public(), public);
        assert_eq!(HpkePublicKey::parse(public.as_bytes()).unwrap(), public);
    }

    #[test]
    fn bad_keys_are_refused() {
        // V-123
        let p_minus_1 = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        let order_8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
        let order_8_too = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157";
        let p_plus_9 = "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        let high_bit = "0900000000000000000000000000000000000000000000000000000000000080";
        let (zero, one) = ("00".repeat(32), format!("01{}", "00".repeat(31)));
        for bad in [&zero, &one, p_minus_1, order_8, order_8_too, p_plus_9, high_bit, &"09".repeat(31)] {
            let bytes = crate::crypto::vectors::unhex(bad);
            assert_eq!(HpkePublicKey::parse(&bytes).unwrap_err().code(), Code::BadKey, "{bad}");
        }
        assert!(HpkePublicKey::parse(&[9; 32]).is_ok());
    }

    #[test]
    fn an_all_zero_shared_secret_is_refused() {
        let mut rng = ChaCha20Rng::from_seed([0; 32]);
        assert_eq!(sender(&[0; 32], b"", &mut rng).err(), Some(HpkeError::EncapError));
        assert_eq!(receiver(&[1; 32], &[0; 32], b"").err(), Some(HpkeError::DecapError));
    }
}

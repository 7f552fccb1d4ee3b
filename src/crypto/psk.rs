//! HPKE (RFC 9180), mode PSK (§5.1.2): one message to a public key from somebody who knows a
//! shared secret, and a secret that both have from then on. The same suite as in mode base.

use core::fmt;

use hpke::{
    Deserializable, HpkeError, OpModeR, OpModeS, PskBundle, Serializable, aead::ChaCha20Poly1305,
    kdf::HkdfSha256, kem::X25519HkdfSha256 as Kem,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{HpkePrivateKey, HpkePublicKey, Label, Prk};
use crate::{
    code::Code,
    error::{Error, Result},
};

/// A pre-shared key of 32 bytes of entropy, which RFC 9180 §5.1.2 demands, for one message.
pub(crate) struct Psk(Zeroizing<[u8; 32]>);

impl Psk {
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Psk(key)
    }

    /// What names it to HPKE: the purpose, as each is used once.
    fn bundle(&self) -> Result<PskBundle<'_>, HpkeError> {
        PskBundle::new(self.0.as_slice(), Label::LINK_PSK.as_str().as_bytes())
    }
}

impl fmt::Debug for Psk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Psk(..)")
    }
}

/// What was sealed, and what both ends can derive keys from.
pub(crate) struct Sealed {
    pub(crate) enc: [u8; 32],
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) exported: Prk,
}

impl HpkePublicKey {
    /// Seals one plaintext (SetupPSKS, §5.1.2); exports a secret under `info` (§5.3).
    ///
    /// # Errors
    /// [`Code::TooLong`] past 256 GiB.
    pub(crate) fn seal_psk(
        &self,
        psk: &Psk,
        info: &[u8],
        plaintext: &[u8],
        mut rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Sealed> {
        let mut seal = || -> Result<_, HpkeError> {
            let key = <Kem as hpke::Kem>::PublicKey::from_bytes(self.as_bytes())?;
            let mode = OpModeS::Psk(psk.bundle()?);
            let (enc, mut context) = hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
                &mode, &key, info, &mut rng,
            )?;
            let ciphertext = context.seal(plaintext, &[])?;
            let mut secret = Zeroizing::new([0; 32]);
            context.export(info, secret.as_mut())?;
            Ok((enc.to_bytes().into(), ciphertext, secret))
        };
        let (enc, ciphertext, secret) = seal().map_err(|_| Error::new(Code::TooLong, "hpke"))?;
        Ok(Sealed { enc, ciphertext, exported: Prk::extract(&[], secret.as_slice()) })
    }
}

impl HpkePrivateKey {
    /// Opens it (SetupPSKR, §5.1.2).
    ///
    /// # Errors
    /// [`Code::BadCiphertext`] unless it was sealed to this key, under `psk` and `info`.
    pub(crate) fn open_psk(
        &self,
        psk: &Psk,
        info: &[u8],
        enc: &[u8],
        ciphertext: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, Prk)> {
        let open = || -> Result<_, HpkeError> {
            let key = <Kem as hpke::Kem>::PrivateKey::from_bytes(self.to_bytes().as_slice())?;
            let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(enc)?;
            let mode = OpModeR::Psk(psk.bundle()?);
            let mut context =
                hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, Kem>(&mode, &key, &enc, info)?;
            let plaintext = Zeroizing::new(context.open(ciphertext, &[])?);
            let mut secret = Zeroizing::new([0; 32]);
            context.export(info, secret.as_mut())?;
            Ok((plaintext, secret))
        };
        let (plaintext, secret) = open().map_err(|_| Error::new(Code::BadCiphertext, "hpke"))?;
        Ok((plaintext, Prk::extract(&[], secret.as_slice())))
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

    fn psk(byte: u8) -> Psk {
        Psk::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn opens_what_was_sealed_to_it_by_whoever_knows_the_secret_and_nothing_else() {
        let mut rng = ChaCha20Rng::from_seed([0; 32]);
        let sealed = key(1).public().seal_psk(&psk(5), b"info", b"text", &mut rng).unwrap();
        let (enc, text) = (sealed.enc, sealed.ciphertext);
        let derived = |prk: &Prk| *prk.expand::<32>(Label::LINK_DIGITS, &[]);
        let (opened, exported) = key(1).open_psk(&psk(5), b"info", &enc, &text).unwrap();
        assert_eq!(**opened, *b"text");
        assert_eq!(derived(&exported), derived(&sealed.exported));

        let refused = |byte, secret, info: &[u8], enc: &[u8], text: &[u8]| {
            let refused = key(byte).open_psk(&psk(secret), info, enc, text).map(drop).unwrap_err();
            assert_eq!(refused.code(), Code::BadCiphertext);
        };
        refused(2, 5, b"info", &enc, &text);
        refused(1, 6, b"info", &enc, &text);
        refused(1, 5, b"inf", &enc, &text);
        refused(1, 5, b"info", key(2).public().as_bytes(), &text);
        refused(1, 5, b"info", &enc[1..], &text);
        refused(1, 5, b"info", &[0; 32], &text);
        refused(1, 5, b"info", &enc, &text[1..]);
        // Nobody is let in under mode base.
        let label = Label::LINK_DIGITS;
        let (enc, text) = key(1).public().seal(label, b"", b"text", &mut rng).unwrap();
        refused(1, 5, &label.framed(&[]), &enc, &text);
    }
}

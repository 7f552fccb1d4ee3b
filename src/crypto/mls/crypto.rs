//! The primitives behind openmls, with all randomness from one seed.

use core::{convert::Infallible, fmt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chacha20::ChaCha20Rng;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use openmls_traits::{
    crypto::OpenMlsCrypto,
    random::OpenMlsRand,
    types::{
        AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeAeadType, HpkeCiphertext,
        HpkeConfig, HpkeKdfType, HpkeKemType, HpkeKeyPair, KemOutput, SignatureScheme,
    },
};
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use tls_codec::SecretVLBytes;
use zeroize::Zeroizing;

use super::SUITE;
use crate::crypto::{AeadKey, Held, Label, Nonce, Prk, Signature, SigningKey, VerifyKey, hpke};

/// RFC 5869 §2.3: L <= 255*HashLen.
const HKDF_MAX: usize = 255 * 32;

/// Cryptography for one engine call, and all of its randomness.
///
/// The seed is fresh for every call and used for no other. Two kinds of randomness come
/// from it, under separate keys:
///
/// - What openmls draws itself (leaf and init secrets, reuse guards, group ids). It draws
///   these one after another on the calling thread, so they are a plain stream.
/// - HPKE ephemeral keys. openmls seals to many recipients on several threads, in an order
///   that nobody knows. So an ephemeral is no draw but a function: HKDF-Expand, a
///   pseudorandom function, of *everything* that goes into the operation (recipient, info,
///   aad, plaintext). Two operations that differ anywhere have independent ephemerals, and
///   so never share an AEAD key and nonce; one operation done twice gives the same
///   ciphertext twice, which tells an onlooker no more than seeing it once.
///
/// So the same seed and inputs give the same bytes, whatever the number of threads.
pub(crate) struct MlsCrypto {
    ephemerals: Prk,
    draws: Mutex<ChaCha20Rng>,
    /// The key under which a signature was verified last. To parse one takes the root of a
    /// field element, and messages come in runs of one sender.
    verifier: Mutex<Option<VerifyKey>>,
    /// Signatures that need not be verified again.
    held: Option<Arc<Held>>,
}

impl MlsCrypto {
    pub(crate) fn new(seed: Zeroizing<[u8; 32]>) -> Self {
        let prk = Prk::extract(&[], seed.as_ref());
        let draws = ChaCha20Rng::from_seed(*prk.expand(Label::MLS_RANDOM, &[]));
        MlsCrypto { ephemerals: prk, draws: Mutex::new(draws), verifier: Mutex::default(), held: None }
    }

    /// With signatures that held before.
    pub(crate) fn with_held(self, held: &Arc<Held>) -> Self {
        MlsCrypto { held: Some(held.clone()), ..self }
    }

    fn ephemeral(&self, operation: &[u8], inputs: [&[u8]; 4]) -> ChaCha20Rng {
        let [a, b, c, d] = inputs;
        ChaCha20Rng::from_seed(*self.ephemerals.expand(Label::MLS_EPHEMERAL, &[operation, a, b, c, d]))
    }

    fn fill(&self, bytes: &mut [u8]) {
        locked(&self.draws).fill_bytes(bytes);
    }

    fn verifier(&self, bytes: &[u8]) -> Result<VerifyKey, CryptoError> {
        let last = locked(&self.verifier).clone().filter(|key| key.as_bytes() == bytes);
        if let Some(key) = last {
            return Ok(key);
        }
        // Not under the lock: openmls verifies the leaves of a tree on several threads.
        let key = VerifyKey::parse(bytes).map_err(|_| CryptoError::InvalidPublicKey)?;
        *locked(&self.verifier) = Some(key.clone());
        Ok(key)
    }
}

impl fmt::Debug for MlsCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MlsCrypto(..)")
    }
}

impl OpenMlsRand for MlsCrypto {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Infallible> {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Infallible> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        Ok(bytes)
    }
}

impl OpenMlsCrypto for MlsCrypto {
    fn supports(&self, suite: Ciphersuite) -> Result<(), CryptoError> {
        only(suite == SUITE, CryptoError::UnsupportedCiphersuite)
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        vec![SUITE]
    }

    fn hash(&self, kind: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        sha256(kind)?;
        Ok(Sha256::digest(data).to_vec())
    }

    fn hmac(&self, kind: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        sha256(kind)?;
        let hmac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| CryptoError::InvalidLength)?;
        Ok(hmac.chain_update(message).finalize().into_bytes().as_slice().into())
    }

    fn hkdf_extract(&self, kind: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        sha256(kind)?;
        Ok(Hkdf::<Sha256>::extract(Some(salt), ikm).0.as_slice().into())
    }

    fn hkdf_expand(
        &self,
        kind: HashType,
        prk: &[u8],
        info: &[u8],
        len: usize,
    ) -> Result<SecretVLBytes, CryptoError> {
        sha256(kind)?;
        // Before the allocation.
        only(len <= HKDF_MAX, CryptoError::HkdfOutputLengthInvalid)?;
        let hkdf = Hkdf::<Sha256>::from_prk(prk).map_err(|_| CryptoError::InvalidLength)?;
        let mut okm = vec![0; len];
        hkdf.expand(info, &mut okm).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        Ok(okm.into())
    }

    fn aead_encrypt(
        &self,
        kind: AeadType,
        key: &[u8],
        data: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let (key, nonce) = chacha(kind, key, nonce)?;
        key.seal(&nonce, aad, data).map_err(|_| CryptoError::TooMuchData)
    }

    fn aead_decrypt(
        &self,
        kind: AeadType,
        key: &[u8],
        ciphertext: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let (key, nonce) = chacha(kind, key, nonce)?;
        key.open(&nonce, aad, ciphertext).map_err(|_| CryptoError::AeadDecryptionError)
    }

    fn signature_key_gen(&self, scheme: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        ed25519(scheme)?;
        let mut seed = Zeroizing::new([0; 32]);
        self.fill(seed.as_mut());
        let public = SigningKey::from_seed(&seed).verify_key();
        Ok((seed.to_vec(), public.as_bytes().to_vec()))
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        data: &[u8],
        key: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        ed25519(scheme)?;
        let key = self.verifier(key)?;
        Signature::from_slice(signature)
            .and_then(|signature| match &self.held {
                Some(held) => held.verify(&key, data, &signature),
                None => key.verify_raw(data, &signature),
            })
            .map_err(|_| CryptoError::InvalidSignature)
    }

    fn sign(&self, scheme: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        ed25519(scheme)?;
        let seed = key.try_into().map_err(|_| CryptoError::InvalidLength)?;
        Ok(SigningKey::from_seed(seed).sign_raw(data).as_bytes().to_vec())
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        x25519(&config)?;
        let mut rng = self.ephemeral(b"seal", [public, info, aad, plaintext]);
        let sealed = hpke::sender(public, info, &mut rng)
            .and_then(|(enc, mut context)| Ok((enc, context.seal(plaintext, aad)?)));
        let (enc, ciphertext) = sealed.map_err(|_| CryptoError::HpkeEncryptionError)?;
        Ok(HpkeCiphertext { kem_output: enc.as_slice().into(), ciphertext: ciphertext.into() })
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        sealed: &HpkeCiphertext,
        secret: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        x25519(&config)?;
        hpke::receiver(secret, sealed.kem_output.as_slice(), info)
            .and_then(|mut context| context.open(sealed.ciphertext.as_slice(), aad))
            .map_err(|_| CryptoError::HpkeDecryptionError)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        len: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        x25519(&config)?;
        only(len <= HKDF_MAX, CryptoError::ExporterError)?;
        let length = (len as u64).to_be_bytes();
        let mut rng = self.ephemeral(b"export", [public, info, exporter_context, &length]);
        let (enc, context) =
            hpke::sender(public, info, &mut rng).map_err(|_| CryptoError::SenderSetupError)?;
        let mut secret = vec![0; len];
        context.export(exporter_context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
        Ok((enc.to_vec(), secret.into()))
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        secret: &[u8],
        info: &[u8],
        exporter_context: &[u8],
        len: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        x25519(&config)?;
        only(len <= HKDF_MAX, CryptoError::ExporterError)?;
        let context = hpke::receiver(secret, enc, info).map_err(|_| CryptoError::ReceiverSetupError)?;
        let mut secret = vec![0; len];
        context.export(exporter_context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
        Ok(secret.into())
    }

    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        x25519(&config)?;
        let (private, public) = hpke::derive_key_pair(ikm);
        Ok(HpkeKeyPair { private: private.as_slice().into(), public: public.to_vec() })
    }
}

/// Nothing that is locked here has a state that a panic elsewhere could leave half-made.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn only(condition: bool, error: CryptoError) -> Result<(), CryptoError> {
    if condition { Ok(()) } else { Err(error) }
}

fn sha256(kind: HashType) -> Result<(), CryptoError> {
    only(kind == HashType::Sha2_256, CryptoError::UnsupportedHashAlgorithm)
}

fn ed25519(scheme: SignatureScheme) -> Result<(), CryptoError> {
    only(scheme == SignatureScheme::ED25519, CryptoError::UnsupportedSignatureScheme)
}

fn x25519(config: &HpkeConfig) -> Result<(), CryptoError> {
    let HpkeConfig(kem, kdf, aead) = config;
    only(*kem == HpkeKemType::DhKem25519, CryptoError::UnsupportedCiphersuite)?;
    only(*kdf == HpkeKdfType::HkdfSha256, CryptoError::UnsupportedKdf)?;
    only(*aead == HpkeAeadType::ChaCha20Poly1305, CryptoError::UnsupportedAeadAlgorithm)
}

fn chacha(kind: AeadType, key: &[u8], nonce: &[u8]) -> Result<(AeadKey, Nonce), CryptoError> {
    only(kind == AeadType::ChaCha20Poly1305, CryptoError::UnsupportedAeadAlgorithm)?;
    let key: [u8; 32] = key.try_into().map_err(|_| CryptoError::InvalidLength)?;
    let nonce = nonce.try_into().map_err(|_| CryptoError::InvalidLength)?;
    Ok((AeadKey::from(Zeroizing::new(key)), Nonce::of_mls(nonce)))
}

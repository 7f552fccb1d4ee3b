//! What openmls is given: one suite, and randomness that one seed decides.

use std::thread;

use openmls_traits::{
    crypto::OpenMlsCrypto,
    random::OpenMlsRand,
    signatures::Signer,
    types::{
        AeadType, Ciphersuite, CryptoError, HashType, HpkeAeadType, HpkeCiphertext, HpkeConfig, HpkeKdfType,
        HpkeKemType, SignatureScheme,
    },
};
use zeroize::Zeroizing;

use crate::crypto::{
    SigningKey,
    mls::{MlsCrypto, MlsSigner, SUITE},
};

fn crypto(seed: u8) -> MlsCrypto {
    MlsCrypto::new(Zeroizing::new([seed; 32]))
}

fn config() -> HpkeConfig {
    SUITE.hpke_config()
}

/// The ciphertext as one string of bytes.
fn seal(crypto: &MlsCrypto, [public, info, aad, plaintext]: [&[u8]; 4]) -> Vec<u8> {
    let sealed = crypto.hpke_seal(config(), public, info, aad, plaintext).unwrap();
    [sealed.kem_output.as_slice(), sealed.ciphertext.as_slice()].concat()
}

#[test]
fn only_suite_3_is_spoken() {
    let crypto = crypto(0);
    assert_eq!(u16::from(SUITE), 3);
    assert_eq!(crypto.supported_ciphersuites(), [SUITE]);
    assert_eq!(crypto.supports(SUITE), Ok(()));
    let other = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
    assert_eq!(crypto.supports(other), Err(CryptoError::UnsupportedCiphersuite));

    let hashes = Err(CryptoError::UnsupportedHashAlgorithm);
    for kind in [HashType::Sha2_384, HashType::Sha2_512] {
        assert_eq!(crypto.hash(kind, b"").map(drop), hashes);
        assert_eq!(crypto.hmac(kind, b"", b"").map(drop), hashes);
        assert_eq!(crypto.hkdf_extract(kind, b"", b"").map(drop), hashes);
        assert_eq!(crypto.hkdf_expand(kind, &[0; 64], b"", 32).map(drop), hashes);
    }
    let aeads = Err(CryptoError::UnsupportedAeadAlgorithm);
    for kind in [AeadType::Aes128Gcm, AeadType::Aes256Gcm] {
        assert_eq!(crypto.aead_encrypt(kind, &[0; 32], b"", &[0; 12], b"").map(drop), aeads);
        assert_eq!(crypto.aead_decrypt(kind, &[0; 32], &[0; 16], &[0; 12], b"").map(drop), aeads);
    }
    let schemes = Err(CryptoError::UnsupportedSignatureScheme);
    for scheme in [SignatureScheme::ED448, SignatureScheme::ECDSA_SECP256R1_SHA256] {
        assert_eq!(crypto.signature_key_gen(scheme).map(drop), schemes);
        assert_eq!(crypto.sign(scheme, b"", &[0; 32]).map(drop), schemes);
        assert_eq!(crypto.verify_signature(scheme, b"", &[0; 32], &[0; 64]), schemes);
    }
    let (kem, kdf, aead) = (HpkeKemType::DhKem25519, HpkeKdfType::HkdfSha256, HpkeAeadType::ChaCha20Poly1305);
    for (kem, kdf, aead, error) in [
        (HpkeKemType::DhKemP256, kdf, aead, CryptoError::UnsupportedCiphersuite),
        (kem, HpkeKdfType::HkdfSha512, aead, CryptoError::UnsupportedKdf),
        (kem, kdf, HpkeAeadType::AesGcm128, CryptoError::UnsupportedAeadAlgorithm),
        (kem, kdf, HpkeAeadType::Export, CryptoError::UnsupportedAeadAlgorithm),
    ] {
        let config = || HpkeConfig(kem, kdf, aead);
        let sealed = HpkeCiphertext { kem_output: vec![9; 32].into(), ciphertext: vec![0; 16].into() };
        assert_eq!(crypto.hpke_seal(config(), &[9; 32], b"", b"", b"").err(), Some(error));
        assert_eq!(crypto.hpke_open(config(), &sealed, &[1; 32], b"", b"").err(), Some(error));
        let exported = crypto.hpke_setup_sender_and_export(config(), &[9; 32], b"", b"", 32);
        assert_eq!(exported.err(), Some(error));
        let exported = crypto.hpke_setup_receiver_and_export(config(), &[9; 32], &[1; 32], b"", b"", 32);
        assert_eq!(exported.err(), Some(error));
        assert_eq!(crypto.derive_hpke_keypair(config(), &[0; 32]).err(), Some(error));
    }
}

#[test]
fn lengths_are_checked() {
    let (crypto, kind) = (crypto(0), AeadType::ChaCha20Poly1305);
    for (key, nonce) in [(31, 12), (33, 12), (16, 12), (32, 11), (32, 13), (32, 0)] {
        let (key, nonce) = (vec![0; key], vec![0; nonce]);
        let wrong = Some(CryptoError::InvalidLength);
        assert_eq!(crypto.aead_encrypt(kind, &key, b"", &nonce, b"").err(), wrong);
        assert_eq!(crypto.aead_decrypt(kind, &key, &[0; 16], &nonce, b"").err(), wrong);
    }
    let short = crypto.aead_decrypt(kind, &[0; 32], &[0; 15], &[0; 12], b"");
    assert_eq!(short, Err(CryptoError::AeadDecryptionError));

    let expand = |prk: &[u8], len| crypto.hkdf_expand(HashType::Sha2_256, prk, b"", len);
    assert_eq!(expand(&[0; 32], 255 * 32).unwrap().as_slice().len(), 255 * 32);
    assert_eq!(expand(&[0; 32], 255 * 32 + 1).err(), Some(CryptoError::HkdfOutputLengthInvalid));
    assert_eq!(expand(&[0; 32], usize::MAX).err(), Some(CryptoError::HkdfOutputLengthInvalid));
    assert_eq!(expand(&[0; 31], 32).err(), Some(CryptoError::InvalidLength));

    let too_long = crypto.hpke_setup_sender_and_export(config(), &[9; 32], b"", b"", usize::MAX);
    assert_eq!(too_long.err(), Some(CryptoError::ExporterError));
    let too_long = crypto.hpke_setup_receiver_and_export(config(), &[9; 32], &[1; 32], b"", b"", usize::MAX);
    assert_eq!(too_long.err(), Some(CryptoError::ExporterError));
    let bad_key = crypto.sign(SignatureScheme::ED25519, b"", &[0; 31]);
    assert_eq!(bad_key, Err(CryptoError::InvalidLength));
}

#[test]
fn bad_hpke_keys_are_refused() {
    let crypto = crypto(0);
    for public in [&[0; 32][..], &[9; 31], &[]] {
        let sealed = crypto.hpke_seal(config(), public, b"", b"", b"");
        assert_eq!(sealed, Err(CryptoError::HpkeEncryptionError));
        let exported = crypto.hpke_setup_sender_and_export(config(), public, b"", b"", 32);
        assert_eq!(exported.err(), Some(CryptoError::SenderSetupError));
        let exported = crypto.hpke_setup_receiver_and_export(config(), public, &[1; 32], b"", b"", 32);
        assert_eq!(exported.err(), Some(CryptoError::ReceiverSetupError));
        let sealed = HpkeCiphertext { kem_output: public.into(), ciphertext: vec![0; 16].into() };
        let opened = crypto.hpke_open(config(), &sealed, &[1; 32], b"", b"");
        assert_eq!(opened, Err(CryptoError::HpkeDecryptionError));
    }
}

#[test]
fn what_the_signer_signs_verifies_strictly() {
    let (crypto, scheme) = (crypto(0), SignatureScheme::ED25519);
    let key = SigningKey::from_seed(&[1; 32]);
    let signature = MlsSigner(&key).sign(b"text").unwrap();
    assert_eq!(MlsSigner(&key).signature_scheme(), scheme);
    assert_eq!(crypto.sign(scheme, b"text", &*key.seed()).unwrap(), signature);
    let public = key.verify_key();
    let verify =
        |data: &[u8], key: &[u8], signature: &[u8]| crypto.verify_signature(scheme, data, key, signature);
    assert_eq!(verify(b"text", public.as_bytes(), &signature), Ok(()));
    assert_eq!(verify(b"test", public.as_bytes(), &signature), Err(CryptoError::InvalidSignature));
    assert_eq!(verify(b"text", public.as_bytes(), &signature[1..]), Err(CryptoError::InvalidSignature));
    // The neutral element verifies R = neutral, S = 0 over every text, unless one is strict.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let forged = [&neutral[..], &[0; 32]].concat();
    assert_eq!(verify(b"text", &neutral, &forged), Err(CryptoError::InvalidPublicKey));
}

#[test]
fn generated_signature_keys_sign() {
    let (private, public) = crypto(0).signature_key_gen(SignatureScheme::ED25519).unwrap();
    let signature = crypto(0).sign(SignatureScheme::ED25519, b"text", &private).unwrap();
    crypto(0).verify_signature(SignatureScheme::ED25519, b"text", &public, &signature).unwrap();
}

#[test]
fn a_signature_is_verified_with_the_key_it_is_verified_with_now() {
    let (crypto, scheme) = (crypto(0), SignatureScheme::ED25519);
    let [a, b] = [(); 2].map(|()| crypto.signature_key_gen(scheme).unwrap());
    let verify = |key: &[u8], signature: &[u8]| crypto.verify_signature(scheme, b"text", key, signature);
    let [of_a, of_b] = [&a, &b].map(|(seed, _)| crypto.sign(scheme, b"text", seed).unwrap());
    for _ in 0..2 {
        verify(&a.1, &of_a).unwrap();
        assert_eq!(verify(&a.1, &of_b), Err(CryptoError::InvalidSignature));
        verify(&b.1, &of_b).unwrap();
        assert_eq!(verify(&b.1, &of_a), Err(CryptoError::InvalidSignature));
        for bad in [&b.1[..31], &[0; 32], &[&b.1[..], &[0]].concat()] {
            assert_eq!(verify(bad, &of_b), Err(CryptoError::InvalidPublicKey));
        }
        verify(&b.1, &of_b).unwrap();
    }
}

#[test]
fn one_seed_gives_one_stream_of_draws() {
    let draws = |crypto: &MlsCrypto| {
        (crypto.random_vec(40).unwrap(), crypto.random_array::<4>().unwrap(), crypto.random_vec(32).unwrap())
    };
    let (one, two) = (crypto(1), crypto(1));
    // Sealing in between takes nothing from the stream.
    seal(&two, [&[9; 32], b"", b"", b"text"]);
    assert_eq!(draws(&one), draws(&two));
    assert_ne!(draws(&one).0, draws(&crypto(1)).0, "the stream goes on");
    assert_ne!(draws(&crypto(1)).0, draws(&crypto(2)).0);
}

#[test]
fn an_ephemeral_key_depends_on_every_input_and_on_the_seed() {
    let base = seal(&crypto(1), [&[9; 32], b"info", b"aad", b"text"]);
    assert_eq!(seal(&crypto(1), [&[9; 32], b"info", b"aad", b"text"]), base);
    for other in [
        seal(&crypto(2), [&[9; 32], b"info", b"aad", b"text"]),
        seal(&crypto(1), [&[8; 32], b"info", b"aad", b"text"]),
        seal(&crypto(1), [&[9; 32], b"inf", b"oaad", b"text"]),
        seal(&crypto(1), [&[9; 32], b"info", b"aadt", b"ext"]),
        seal(&crypto(1), [&[9; 32], b"info", b"aad", b"test"]),
        seal(&crypto(1), [&[9; 32], b"info", b"aad", b""]),
    ] {
        assert_ne!(other[..32], base[..32]);
    }
    // Sealing and exporting are told apart, and so are exports of different lengths.
    let export = |len| crypto(1).hpke_setup_sender_and_export(config(), &[9; 32], b"i", b"c", len).unwrap().0;
    let length = 32_u64.to_be_bytes();
    assert_ne!(export(32), seal(&crypto(1), [&[9; 32], b"i", b"c", &length])[..32]);
    assert_ne!(export(32), export(33));
    assert_eq!(export(32), export(32));
}

#[test]
fn neither_order_nor_threads_matter() {
    let recipients: Vec<Vec<u8>> =
        (0..48_u8).map(|i| crypto(0).derive_hpke_keypair(config(), &[i; 32]).unwrap().public).collect();
    let to = |crypto: &MlsCrypto, key: &Vec<u8>| seal(crypto, [key, b"info", b"aad", b"path secret"]);

    let expected: Vec<_> = recipients.iter().map(|key| to(&crypto(7), key)).collect();
    let one = crypto(7);
    let mut reversed: Vec<_> = recipients.iter().rev().map(|key| to(&one, key)).collect();
    reversed.reverse();
    assert_eq!(reversed, expected);

    let shared = crypto(7);
    let parallel: Vec<_> = thread::scope(|scope| {
        let work = |keys| scope.spawn(|| Iterator::map(keys, |key| to(&shared, key)).collect::<Vec<_>>());
        let workers: Vec<_> = recipients.chunks(6).map(|keys| work(keys.iter())).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(parallel, expected);
}

#[test]
fn exports_agree_at_both_ends() {
    let crypto = crypto(3);
    let pair = crypto.derive_hpke_keypair(config(), &[4; 32]).unwrap();
    let (enc, at_sender) =
        crypto.hpke_setup_sender_and_export(config(), &pair.public, b"info", b"context", 77).unwrap();
    let at_receiver = crypto
        .hpke_setup_receiver_and_export(config(), &enc, &pair.private, b"info", b"context", 77)
        .unwrap();
    assert_eq!((at_sender.len(), &at_sender[..]), (77, &at_receiver[..]));
}

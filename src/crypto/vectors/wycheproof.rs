//! Project Wycheproof, run through the surface that openmls and we use.

use openmls_traits::{
    crypto::OpenMlsCrypto,
    types::{AeadType, HashType, SignatureScheme},
};
use wycheproof::{TestResult, aead, eddsa, hkdf, mac, xdh};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::crypto::{HpkePublicKey, TAG, VerifyKey, mls::MlsCrypto};

fn crypto() -> MlsCrypto {
    MlsCrypto::new(Zeroizing::new([0; 32]))
}

#[test]
fn chacha20_poly1305() {
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let valid = test.result == TestResult::Valid;
        let kind = AeadType::ChaCha20Poly1305;
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = crypto().aead_decrypt(kind, &test.key, &sealed, &test.nonce, &test.aad);
        assert_eq!(opened.is_ok(), valid, "{test:?}");
        if valid {
            assert_eq!(opened.unwrap(), test.pt[..], "{test:?}");
            let again = crypto().aead_encrypt(kind, &test.key, &test.pt, &test.nonce, &test.aad).unwrap();
            assert_eq!((again.len(), again), (test.pt.len() + TAG, sealed), "{test:?}");
        }
        seen += 1;
    }
    assert_eq!(seen, set.number_of_tests);
}

#[cfg(feature = "aes-gcm")]
#[test]
fn aes_256_gcm() {
    use crate::crypto::{AeadKey, Cipher, Nonce};

    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let mut seen = 0;
    // The other groups have keys and nonces of lengths that we do not use.
    let ours = set.test_groups.iter().filter(|group| (group.key_size, group.nonce_size) == (256, 96));
    for test in ours.flat_map(|group| &group.tests) {
        let key = AeadKey::new(Cipher::Aes256Gcm, Zeroizing::new(test.key[..].try_into().unwrap()));
        let nonce = Nonce::of_mls(test.nonce[..].try_into().unwrap());
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = key.open(&nonce, &test.aad, &sealed);
        assert_eq!(opened.is_ok(), test.result == TestResult::Valid, "{test:?}");
        if let Ok(opened) = opened {
            assert_eq!(opened, test.pt[..], "{test:?}");
            assert_eq!(key.seal(&nonce, &test.aad, &test.pt).unwrap(), sealed, "{test:?}");
        }
        seen += 1;
    }
    assert!(seen > 60, "{seen} tests");
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        assert!(VerifyKey::parse(&group.key.pk).is_ok());
        for test in &group.tests {
            let verified =
                crypto().verify_signature(SignatureScheme::ED25519, &test.msg, &group.key.pk, &test.sig);
            assert_eq!(verified.is_ok(), test.result == TestResult::Valid, "{test:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, set.number_of_tests);
}

#[test]
fn hkdf_sha256() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let prk = crypto().hkdf_extract(HashType::Sha2_256, &test.salt, &test.ikm).unwrap();
        let okm = crypto().hkdf_expand(HashType::Sha2_256, prk.as_slice(), &test.info, test.size);
        match test.result {
            TestResult::Valid => assert_eq!(okm.unwrap().as_slice(), &test.okm[..], "{test:?}"),
            _ => assert!(okm.is_err(), "{test:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, set.number_of_tests);
}

#[test]
fn hmac_sha256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let tag = crypto().hmac(HashType::Sha2_256, &test.key, &test.msg).unwrap();
            let same = tag.as_slice()[..group.tag_size / 8] == test.tag[..];
            assert_eq!(same, test.result == TestResult::Valid, "{test:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, set.number_of_tests);
}

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let array = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).unwrap();
        let secret = StaticSecret::from(array(&test.private_key));
        let shared = secret.diffie_hellman(&PublicKey::from(array(&test.public_key)));
        assert_eq!(shared.as_bytes(), &test.shared_secret[..], "{test:?}");

        let bad = [xdh::TestFlag::ZeroSharedSecret, xdh::TestFlag::NonCanonicalPublic];
        let refused = test.flags.iter().any(|flag| bad.contains(flag));
        assert_eq!(HpkePublicKey::parse(&test.public_key).is_err(), refused, "{test:?}");
        seen += 1;
    }
    assert_eq!(seen, set.number_of_tests);
}

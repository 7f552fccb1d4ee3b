//! crypto-basics, key-schedule, psk_secret, secret-tree, transcript-hashes.

use openmls_traits::{crypto::OpenMlsCrypto, types::HpkeCiphertext};
use serde_json::Value;

use super::labelled::{
    N_H, N_K, N_N, crypto, decrypt, derive, derive_tree, encrypt, expand, extract, hash, mac, ref_hash, sign,
    verify, vl,
};
use crate::crypto::{
    mls::SUITE,
    vectors::{bytes, each, number, vectors},
};

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap()
}

fn count(object: &Value, field: &str) -> usize {
    usize::try_from(number(object, field)).unwrap()
}

#[test]
fn crypto_basics() {
    for v in each(&vectors!("mls-crypto-basics.json")) {
        let t = &v["ref_hash"];
        assert_eq!(ref_hash(text(t, "label"), &bytes(t, "value")), bytes(t, "out"));

        let t = &v["expand_with_label"];
        let out = expand(&bytes(t, "secret"), text(t, "label"), &bytes(t, "context"), count(t, "length"));
        assert_eq!(out, bytes(t, "out"));

        let t = &v["derive_secret"];
        assert_eq!(derive(&bytes(t, "secret"), text(t, "label")), bytes(t, "out"));

        let t = &v["derive_tree_secret"];
        let generation = u32::try_from(number(t, "generation")).unwrap();
        let out = derive_tree(&bytes(t, "secret"), text(t, "label"), generation, count(t, "length"));
        assert_eq!(out, bytes(t, "out"));

        let t = &v["sign_with_label"];
        let (label, content) = (text(t, "label"), bytes(t, "content"));
        verify(&bytes(t, "pub"), label, &content, &bytes(t, "signature")).unwrap();
        assert_eq!(sign(&bytes(t, "priv"), label, &content), bytes(t, "signature"));
        assert!(verify(&bytes(t, "pub"), "other", &content, &bytes(t, "signature")).is_err());

        let t = &v["encrypt_with_label"];
        let (label, context, plaintext) = (text(t, "label"), bytes(t, "context"), bytes(t, "plaintext"));
        let theirs = HpkeCiphertext {
            kem_output: bytes(t, "kem_output").into(),
            ciphertext: bytes(t, "ciphertext").into(),
        };
        let ours = encrypt(&bytes(t, "pub"), label, &context, &plaintext);
        for sealed in [&theirs, &ours] {
            assert_eq!(decrypt(&bytes(t, "priv"), label, &context, sealed).unwrap(), plaintext);
            assert!(decrypt(&bytes(t, "priv"), "other", &context, sealed).is_err());
        }
    }
}

#[test]
fn key_schedule() {
    for v in each(&vectors!("mls-key-schedule.json")) {
        let mut init_secret = bytes(v, "initial_init_secret");
        for (number, epoch) in (0_u64..).zip(each(&v["epochs"])) {
            let context = [
                &[0, 1, 0, 3][..],
                &vl(&bytes(v, "group_id")),
                &number.to_be_bytes(),
                &vl(&bytes(epoch, "tree_hash")),
                &vl(&bytes(epoch, "confirmed_transcript_hash")),
                &vl(b""),
            ]
            .concat();
            assert_eq!(context, bytes(epoch, "group_context"));

            let joiner =
                expand(&extract(&init_secret, &bytes(epoch, "commit_secret")), "joiner", &context, N_H);
            assert_eq!(joiner, bytes(epoch, "joiner_secret"));
            let member = extract(&joiner, &bytes(epoch, "psk_secret"));
            assert_eq!(derive(&member, "welcome"), bytes(epoch, "welcome_secret"));
            let secret = expand(&member, "epoch", &context, N_H);
            for (label, field) in [
                ("init", "init_secret"),
                ("sender data", "sender_data_secret"),
                ("encryption", "encryption_secret"),
                ("exporter", "exporter_secret"),
                ("authentication", "epoch_authenticator"),
                ("external", "external_secret"),
                ("confirm", "confirmation_key"),
                ("membership", "membership_key"),
                ("resumption", "resumption_psk"),
            ] {
                assert_eq!(derive(&secret, label), bytes(epoch, field), "{field}");
            }

            let external =
                crypto().derive_hpke_keypair(SUITE.hpke_config(), &bytes(epoch, "external_secret")).unwrap();
            assert_eq!(external.public, bytes(epoch, "external_pub"));

            let t = &epoch["exporter"];
            let derived = derive(&bytes(epoch, "exporter_secret"), text(t, "label"));
            let exported = expand(&derived, "exported", &hash(&bytes(t, "context")), count(t, "length"));
            assert_eq!(exported, bytes(t, "secret"));
            init_secret = bytes(epoch, "init_secret");
        }
    }
}

#[test]
fn psk_secret() {
    for v in each(&vectors!("mls-psk-secret.json")) {
        let psks = v["psks"].as_array().unwrap();
        let count = u16::try_from(psks.len()).unwrap().to_be_bytes();
        let mut secret = vec![0; N_H];
        for (index, psk) in (0_u16..).zip(psks) {
            let external = [1];
            let id = [&external[..], &vl(&bytes(psk, "psk_id")), &vl(&bytes(psk, "psk_nonce"))].concat();
            let label = [&id, &index.to_be_bytes()[..], &count].concat();
            let extracted = extract(&[0; N_H], &bytes(psk, "psk"));
            secret = extract(&expand(&extracted, "derived psk", &label, N_H), &secret);
        }
        assert_eq!(secret, bytes(v, "psk_secret"));
    }
}

/// The secret of a leaf of a full tree (§9).
pub(super) fn leaf_secret(root: &[u8], leaves: usize, leaf: usize) -> Vec<u8> {
    match leaves {
        1 => root.to_vec(),
        _ if leaf < leaves / 2 => leaf_secret(&expand(root, "tree", b"left", N_H), leaves / 2, leaf),
        _ => leaf_secret(&expand(root, "tree", b"right", N_H), leaves / 2, leaf - leaves / 2),
    }
}

/// Key and nonce of a generation of a leaf's ratchet (§9.1).
pub(super) fn ratchet(leaf: &[u8], name: &str, generation: u32) -> (Vec<u8>, Vec<u8>) {
    let first = expand(leaf, name, b"", N_H);
    let secret = (0..generation).fold(first, |secret, n| derive_tree(&secret, "secret", n, N_H));
    (derive_tree(&secret, "key", generation, N_K), derive_tree(&secret, "nonce", generation, N_N))
}

/// Key and nonce of the sender data (§6.3.2).
pub(super) fn sender_data(secret: &[u8], ciphertext: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let sample = &ciphertext[..ciphertext.len().min(N_H)];
    (expand(secret, "key", sample, N_K), expand(secret, "nonce", sample, N_N))
}

#[test]
fn secret_tree() {
    for v in each(&vectors!("mls-secret-tree.json")) {
        let t = &v["sender_data"];
        let made = sender_data(&bytes(t, "sender_data_secret"), &bytes(t, "ciphertext"));
        assert_eq!(made, (bytes(t, "key"), bytes(t, "nonce")));

        let (root, leaves) = (bytes(v, "encryption_secret"), each(&v["leaves"]));
        for (index, leaf) in leaves.iter().enumerate() {
            let secret = leaf_secret(&root, leaves.len(), index);
            for t in each(leaf) {
                let generation = u32::try_from(number(t, "generation")).unwrap();
                let application = ratchet(&secret, "application", generation);
                assert_eq!(application, (bytes(t, "application_key"), bytes(t, "application_nonce")));
                let handshake = ratchet(&secret, "handshake", generation);
                assert_eq!(handshake, (bytes(t, "handshake_key"), bytes(t, "handshake_nonce")));
            }
        }
    }
}

#[test]
fn transcript_hashes() {
    for v in each(&vectors!("mls-transcript-hashes.json")) {
        // The confirmation tag, a vector of N_H bytes, comes last; the input is what is before.
        let content = bytes(v, "authenticated_content");
        let (input, tag) = content.split_at(content.len() - vl(&[0; N_H]).len());
        let confirmed = hash(&[&bytes(v, "interim_transcript_hash_before"), input].concat());
        assert_eq!(confirmed, bytes(v, "confirmed_transcript_hash_after"));
        assert_eq!(vl(&mac(&bytes(v, "confirmation_key"), &confirmed)), tag);
        assert_eq!(hash(&[&confirmed, tag].concat()), bytes(v, "interim_transcript_hash_after"));
    }
}

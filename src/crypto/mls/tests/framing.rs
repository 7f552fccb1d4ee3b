//! message-protection and welcome: messages taken apart, checked and decrypted by hand.

use openmls_traits::types::HpkeCiphertext;
use serde_json::Value;

use super::{
    key_schedule::{leaf_secret, ratchet, sender_data},
    labelled::{
        N_H, N_K, N_N, Reader, decrypt, derive, expand, extract, mac, open, ref_hash, sign, verify, vl,
    },
};
use crate::crypto::vectors::{bytes, each, number, vectors};

const APPLICATION: u8 = 1;
const COMMIT: u8 = 3;

/// The sender in these vectors: a member (1), at leaf 1 of 2.
const SENDER: [u8; 5] = [1, 0, 0, 0, 1];

/// FramedContentTBS (§6.1) of a member.
fn signed_content(
    v: &Value,
    wire_format: u8,
    authenticated_data: &[u8],
    kind: u8,
    content: &[u8],
) -> Vec<u8> {
    [
        &[0, 1, 0, wire_format][..],
        &vl(&bytes(v, "group_id")),
        &number(v, "epoch").to_be_bytes(),
        &SENDER,
        &vl(authenticated_data),
        &[kind],
        content,
        &group_context(v),
    ]
    .concat()
}

fn group_context(v: &Value) -> Vec<u8> {
    [
        &[0, 1, 0, 3][..],
        &vl(&bytes(v, "group_id")),
        &number(v, "epoch").to_be_bytes(),
        &vl(&bytes(v, "tree_hash")),
        &vl(&bytes(v, "confirmed_transcript_hash")),
        &vl(b""),
    ]
    .concat()
}

/// Ed25519 is deterministic, so the vector's signature is also ours.
fn check_signature(v: &Value, content: &[u8], signature: &[u8]) {
    verify(&bytes(v, "signature_pub"), "FramedContentTBS", content, signature).unwrap();
    assert_eq!(sign(&bytes(v, "signature_priv"), "FramedContentTBS", content), signature);
}

/// Checks a PublicMessage (§6.2).
fn check_public(v: &Value, kind: u8, content: &[u8], message: &[u8]) {
    let mut reader = Reader(message);
    assert_eq!(reader.take(4), [0, 1, 0, 1]);
    assert_eq!((reader.vl(), reader.number(8)), (&bytes(v, "group_id")[..], number(v, "epoch")));
    assert_eq!(reader.take(5), SENDER);
    let signed = signed_content(v, 1, reader.vl(), kind, content);
    assert_eq!(reader.take(1), [kind]);
    assert_eq!(reader.take(content.len()), content);

    let auth = reader.0;
    check_signature(v, &signed, reader.vl());
    if kind == COMMIT {
        reader.vl();
    }
    let tag = mac(&bytes(v, "membership_key"), &[&signed, reader.since(auth)].concat());
    assert_eq!(reader.vl(), tag);
    assert!(reader.0.is_empty());
}

/// Decrypts and checks a PrivateMessage (§6.3).
fn check_private(v: &Value, kind: u8, content: &[u8], message: &[u8]) {
    let mut reader = Reader(message);
    assert_eq!(reader.take(4), [0, 1, 0, 2]);
    let header = reader.0;
    assert_eq!((reader.vl(), reader.number(8)), (&bytes(v, "group_id")[..], number(v, "epoch")));
    assert_eq!(reader.take(1), [kind]);
    let sender_data_aad = reader.since(header);
    let authenticated_data = reader.vl();
    let content_aad = reader.since(header);
    let (encrypted_sender_data, ciphertext) = (reader.vl(), reader.vl());
    assert!(reader.0.is_empty());

    let (key, nonce) = sender_data(&bytes(v, "sender_data_secret"), ciphertext);
    let sender = open(&key, &nonce, sender_data_aad, encrypted_sender_data);
    let mut reader = Reader(&sender);
    assert_eq!(reader.number(4), 1);
    let generation = u32::try_from(reader.number(4)).unwrap();
    let reuse_guard = reader.take(4);
    assert!(reader.0.is_empty());

    let name = if kind == APPLICATION { "application" } else { "handshake" };
    let leaf = leaf_secret(&bytes(v, "encryption_secret"), 2, 1);
    let (key, mut nonce) = ratchet(&leaf, name, generation);
    nonce.iter_mut().zip(reuse_guard).for_each(|(byte, guard)| *byte ^= guard);
    let plaintext = open(&key, &nonce, content_aad, ciphertext);

    let mut reader = Reader(&plaintext);
    assert_eq!(reader.take(content.len()), content);
    check_signature(v, &signed_content(v, 2, authenticated_data, kind, content), reader.vl());
    if kind == COMMIT {
        reader.vl();
    }
    assert!(reader.0.iter().all(|padding| *padding == 0));
}

#[test]
fn message_protection() {
    for v in each(&vectors!("mls-message-protection.json")) {
        check_private(v, APPLICATION, &vl(&bytes(v, "application")), &bytes(v, "application_priv"));
        for (kind, name) in [(2, "proposal"), (COMMIT, "commit")] {
            check_private(v, kind, &bytes(v, name), &bytes(v, &format!("{name}_priv")));
            check_public(v, kind, &bytes(v, name), &bytes(v, &format!("{name}_pub")));
        }
    }
}

#[test]
fn welcome() {
    for v in each(&vectors!("mls-welcome.json")) {
        // Both come with the four bytes of an MLSMessage in front.
        let (key_package, welcome) = (bytes(v, "key_package"), bytes(v, "welcome"));
        let reference = ref_hash("MLS 1.0 KeyPackage Reference", &key_package[4..]);
        let mut reader = Reader(&welcome);
        assert_eq!(reader.take(6), [0, 1, 0, 3, 0, 3]);
        let (mut secrets, encrypted_group_info) = (Reader(reader.vl()), reader.vl());
        assert_eq!(secrets.vl(), reference);
        let sealed = HpkeCiphertext { kem_output: secrets.vl().into(), ciphertext: secrets.vl().into() };
        let opened = decrypt(&bytes(v, "init_priv"), "Welcome", encrypted_group_info, &sealed).unwrap();
        let joiner_secret = Reader(&opened).vl();

        let member = extract(joiner_secret, &[0; N_H]);
        let secret = derive(&member, "welcome");
        let (key, nonce) = (expand(&secret, "key", b"", N_K), expand(&secret, "nonce", b"", N_N));
        let group_info = open(&key, &nonce, b"", encrypted_group_info);

        let mut reader = Reader(&group_info);
        assert_eq!(reader.take(4), [0, 1, 0, 3]);
        let (_group_id, _epoch, _tree_hash) = (reader.vl(), reader.number(8), reader.vl());
        let confirmed_transcript_hash = reader.vl();
        let _extensions = reader.vl();
        let context = reader.since(&group_info);
        let _group_info_extensions = reader.vl();
        let confirmation_tag = reader.vl();
        let _signer = reader.number(4);
        let signed = reader.since(&group_info);
        verify(&bytes(v, "signer_pub"), "GroupInfoTBS", signed, reader.vl()).unwrap();
        assert!(reader.0.is_empty());

        let epoch_secret = expand(&member, "epoch", context, N_H);
        let confirmation_key = derive(&epoch_secret, "confirm");
        assert_eq!(mac(&confirmation_key, confirmed_transcript_hash), confirmation_tag);
    }
}

//! Labelled hashes and signed envelopes, from SPEC "Conventions", "Cryptography" and
//! "Signed envelopes".

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::wire::{self, Signature, SignedEnvelope};

/// `H(label; part, …)`; labels are given without `verbund 1 `.
pub fn hash(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let label = format!("verbund 1 {label}");
    let mut input = vec![u8::try_from(label.len()).unwrap()];
    input.extend_from_slice(label.as_bytes());
    for part in parts {
        input.extend_from_slice(&(part.len() as u64).to_be_bytes());
        input.extend_from_slice(part);
    }
    Sha256::digest(&input).to_vec()
}

/// The id of an Ed25519 key.
pub fn key_id(key: &[u8]) -> Vec<u8> {
    hash("key id", &[b"ed25519", key])
}

/// What a signature on an envelope of version 1 covers.
fn signed_bytes(label: &str, body: &[u8]) -> Vec<u8> {
    let hash = hash(label, &[&1_u32.to_be_bytes(), body]);
    [&b"verbund 1 signature"[..], &hash].concat()
}

/// Signs a message.
pub fn seal(label: &str, message: &impl Message, key: &SigningKey) -> Vec<u8> {
    let body = message.encode_to_vec();
    let signature = Signature {
        key_id: key_id(key.verifying_key().as_bytes()),
        signature: key.sign(&signed_bytes(label, &body)).to_bytes().to_vec(),
    };
    SignedEnvelope { version: 1, body, signatures: vec![signature] }.encode_to_vec()
}

/// Reads a signed message without looking at the signatures, to find out who has to have signed.
pub fn claimed<M: Message + Default>(bytes: &[u8]) -> M {
    let envelope: SignedEnvelope = wire::read(bytes);
    assert_eq!(envelope.version, 1);
    wire::read(&envelope.body)
}

/// How many of `keys` have signed.
pub fn signers(label: &str, bytes: &[u8], keys: &[&[u8]]) -> usize {
    let envelope: SignedEnvelope = wire::read(bytes);
    let signed = signed_bytes(label, &envelope.body);
    let holds = |key: &[u8]| {
        let key_bytes: &[u8; 32] = key.try_into().expect("32 bytes");
        let verifying = VerifyingKey::from_bytes(key_bytes).expect("a public key");
        envelope.signatures.iter().filter(|s| s.key_id == key_id(key)).any(|s| {
            let signature = ed25519_dalek::Signature::from_slice(&s.signature).expect("64 bytes");
            verifying.verify_strict(&signed, &signature).is_ok()
        })
    };
    keys.iter().filter(|key| holds(key)).count()
}

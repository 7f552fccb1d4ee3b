//! `proto/vectors/kdf_labels.json`: every label at work. Made with the functions that everything
//! else uses, and run here with the bare primitives from what stands in the file alone.

use ed25519_dalek::{Signer, Verifier};
use hkdf::Hkdf;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    crypto::{Label, Prk, SigningKey, blake3_hash, hash},
    vectors::{check, hex, unhex},
};

const ABOUT: &str = "Chapters Conventions and Cryptography of SPEC.md. Bytes are hexadecimal. `derivations`: each label \
    with the function it is used with and parts of the form that they have there. `function` is one of: H \
    (SHA-256), BLAKE3, HKDF (Extract from `salt` and `ikm`, then Expand to 32 bytes), Sign (Ed25519 with the \
    private key `seed`), MLS-Exporter (RFC 9420, section 8.5, of `exporter_secret` with `context`; its label is the \
    whole text). `framed` is the input of the function in its labelled form. `faults`: outputs that are \
    wrong, because whoever computed them made one mistake.";

#[test]
fn kdf_labels() {
    let made = json!({ "about": ABOUT, "derivations": derivations(), "faults": faults() });
    check("kdf_labels.json", &made);

    let derivations = made["derivations"].as_array().unwrap();
    for vector in derivations {
        assert_eq!(hex(framed(vector)), vector["framed"], "{}", vector["label"]);
        assert!(is_right(vector), "{vector}");
    }
    for label in Label::ALL {
        let of_it = derivations.iter().filter(|vector| vector["label"] == plain(*label));
        assert!(of_it.count() > 0, "no vector of {}", label.as_str());
    }
    for fault in made["faults"].as_array().unwrap() {
        assert!(!is_right(fault), "{fault}");
    }
}

/// What a label is used with.
enum Use {
    Hash,
    Blake3,
    Kdf { salt: Vec<u8>, ikm: [u8; 32] },
    Sign,
    Exporter,
}

const SEED: [u8; 32] = [7; 32];
const VERSION: [u8; 4] = [0, 0, 0, 1];

fn derivations() -> Vec<Value> {
    let key = *SigningKey::from_seed(&SEED).verify_key().as_bytes();
    let (id, digest, body) = ([0x1d; 16], [0xd1; 32], b"the body");
    let signature = [0x51; 64];
    let kdf = |salt: &[u8]| Use::Kdf { salt: salt.into(), ikm: [0x5e; 32] };
    let one = |label, part: &[u8]| made(label, Use::Hash, &[part]);
    let document = |label| made(label, Use::Sign, &[&VERSION, body]);
    let salt = [0x5a; 16];
    let suite = [1];
    vec![
        made(Label::KEY_ID, Use::Hash, &[b"ed25519", &key]),
        made(Label::KEY_ID, Use::Hash, &[b"x25519", &[9; 32]]),
        document(Label::TRUST_LIST),
        document(Label::DESCRIPTOR),
        document(Label::CHAIN_ENTRY),
        made(Label::CHAIN_COUNTERSIGN, Use::Sign, &[&VERSION, body, &signature]),
        made(Label::CHAIN_HASH, Use::Hash, &[&VERSION, body]),
        document(Label::DEVICE_OFFER),
        document(Label::CERTIFICATE),
        document(Label::REVOCATION_LIST),
        made(Label::ROOT_HANDOVER, Use::Sign, &[&VERSION, b"police.example", b"a.example", &key]),
        made(Label::IDENTITY, Use::Hash, &[&VERSION, body]),
        made(Label::LINK_CODE, Use::Hash, &[&[1], &[9; 32], b"anna@a.example"]),
        made(Label::LINK_PSK, kdf(&[]), &[]),
        made(Label::LINK_MAILBOX, kdf(&[]), &[]),
        one(Label::LINK_REQUEST, body),
        made(Label::LINK_REPLY_KEY, kdf(&[]), &[&digest]),
        made(Label::LINK_DIGITS, kdf(&[]), &[&digest]),
        made(Label::SAFETY_NUMBER, Use::Hash, &[b"anna@a.example", &digest]),
        made(Label::SAFETY_NUMBER, Use::Hash, &[&[0x5a; 32], b"anna@a.example", &digest]),
        made(Label::CONTENT, Use::Hash, &[&1u32.to_be_bytes(), b"content"]),
        made(Label::CONTENT, Use::Hash, &[&1u32.to_be_bytes(), b""]),
        made(Label::MESSAGE_ID, Use::Hash, &[&id, b"anna@a.example", &[0xde; 16], &[0x40; 16], &digest]),
        one(Label::PRIVATE_STATE_HASH, body),
        made(Label::ROOM_PRIVATE_KEY, kdf(&[0x5a; 32]), &[]),
        made(Label::EXPORT_PRIVATE_STATE, Use::Exporter, &[&id]),
        document(Label::SUBMISSION),
        made(Label::MLS_RANDOM, kdf(&[]), &[]),
        made(Label::MLS_EPHEMERAL, kdf(&[]), &[b"seal", &key, b"info", b"aad", b"plaintext"]),
        one(Label::LOG_ENTRY, b"an entry"),
        one(Label::LOG_ITEM_MLS, b"an MLSMessage"),
        one(Label::LOG_ITEM_MLS, b""),
        one(Label::LOG_ITEM_GROUP_INFO, b"an MLSMessage"),
        one(Label::LOG_ITEM_WELCOME, b"an MLSMessage"),
        document(Label::HEAD),
        document(Label::REFUSAL),
        document(Label::DIRECTORY_ANSWER),
        document(Label::FRAME),
        one(Label::FRAME_HASH, body),
        document(Label::ACK),
        document(Label::CHUNK_REQUEST),
        document(Label::CHUNK_REPLY),
        one(Label::KEY_PACKAGE, b"an MLSMessage"),
        made(Label::QUESTION, Use::Hash, &[b"claim", b"a signed request"]),
        document(Label::DEVICE_REQUEST),
        made(Label::BLOB_PAYLOAD_KEY, kdf(&salt), &[&suite, &[16]]),
        made(Label::BLOB_COMMITMENT, kdf(&salt), &[&suite, &[16]]),
        made(Label::BLOB_CHUNK, Use::Blake3, &[&3u64.to_be_bytes(), &[1], b"sealed"]),
        made(Label::BLOB_ROOT, Use::Blake3, &[&[0x4e; 50], &1024u64.to_be_bytes(), &digest]),
        made(Label::BLOB_FETCH, kdf(&[]), &[&id]),
        one(Label::BLOB_CAPABILITY, &digest),
    ]
}

/// A vector made with the functions of the library.
fn made(label: Label, with: Use, parts: &[&[u8]]) -> Value {
    let mut vector = json!({ "label": plain(label), "parts": parts.iter().map(hex).collect::<Vec<_>>() });
    let mut set = |name: &str, value: &[u8]| vector[name] = json!(hex(value));
    set("framed", &label.framed(parts));
    let function = match with {
        Use::Hash => {
            set("output", hash(label, parts).as_bytes());
            "H"
        }
        Use::Blake3 => {
            set("output", &blake3_hash(label, parts));
            "BLAKE3"
        }
        Use::Kdf { salt, ikm } => {
            let output = Prk::extract(&salt, &ikm).expand::<32>(label, parts);
            set("salt", &salt);
            set("ikm", &ikm);
            set("output", output.as_slice());
            "HKDF"
        }
        Use::Sign => {
            let key = SigningKey::from_seed(&SEED);
            set("seed", &SEED);
            set("public", key.verify_key().as_bytes());
            set("output", key.sign(label, parts).as_bytes());
            "Sign"
        }
        Use::Exporter => {
            let secret = [0xe5; 32];
            set("exporter_secret", &secret);
            set("context", parts[0]);
            set("output", &exported(&secret, label.as_str(), parts[0]));
            "MLS-Exporter"
        }
    };
    vector["function"] = json!(function);
    vector
}

/// Whether the output is the one that the rest of the vector gives.
fn is_right(vector: &Value) -> bool {
    let framed = framed(vector);
    let text = |name: &str| unhex(&vector[name]);
    let output = text("output");
    match vector["function"].as_str().unwrap() {
        "H" => Sha256::digest(&framed)[..] == output,
        "BLAKE3" => blake3::hash(&framed).as_bytes()[..] == output,
        "HKDF" => {
            let mut okm = [0; 32];
            Hkdf::<Sha256>::new(Some(&text("salt")), &text("ikm")).expand(&framed, &mut okm).unwrap();
            okm[..] == output
        }
        "Sign" => {
            let key = ed25519_dalek::SigningKey::from_bytes(&text("seed").try_into().unwrap());
            assert_eq!(hex(key.verifying_key().as_bytes()), vector["public"]);
            let message = [&b"verbund 1 signature"[..], &Sha256::digest(&framed)].concat();
            let output = ed25519_dalek::Signature::from_slice(&output).unwrap();
            key.verifying_key().verify(&message, &output).is_ok()
        }
        "MLS-Exporter" => {
            let label = format!("verbund 1 {}", vector["label"].as_str().unwrap());
            exported(&text("exporter_secret"), &label, &text("context"))[..] == output
        }
        other => panic!("{other}"),
    }
}

/// `u8 len ‖ label ‖ (u64 len ‖ part)*`, built from the vector.
fn framed(vector: &Value) -> Vec<u8> {
    let label = format!("verbund 1 {}", vector["label"].as_str().unwrap());
    let parts: Vec<Vec<u8>> = vector["parts"].as_array().unwrap().iter().map(unhex).collect();
    framed_with(&label, &parts, u64::to_be_bytes)
}

fn framed_with(label: &str, parts: &[Vec<u8>], length: fn(u64) -> [u8; 8]) -> Vec<u8> {
    let mut framed = vec![u8::try_from(label.len()).unwrap()];
    framed.extend_from_slice(label.as_bytes());
    for part in parts {
        framed.extend_from_slice(&length(part.len() as u64));
        framed.extend_from_slice(part);
    }
    framed
}

/// MLS-Exporter of 32 bytes (RFC 9420 §8.5) with SHA-256.
fn exported(exporter_secret: &[u8], label: &str, context: &[u8]) -> [u8; 32] {
    let derived = expand_with_label(exporter_secret, label, &[]);
    expand_with_label(&derived, "exported", &Sha256::digest(context))
}

/// ExpandWithLabel to 32 bytes (RFC 9420 §8); lengths are variable-size (§2.1.2).
fn expand_with_label(secret: &[u8], label: &str, context: &[u8]) -> [u8; 32] {
    let sized = |bytes: &[u8]| {
        let len = u16::try_from(bytes.len()).unwrap();
        let length =
            if len < 64 { len.to_be_bytes()[1..].to_vec() } else { (0x4000 | len).to_be_bytes().to_vec() };
        [&length, bytes].concat()
    };
    let info = [&[0, 32][..], &sized(format!("MLS 1.0 {label}").as_bytes()), &sized(context)].concat();
    let mut okm = [0; 32];
    Hkdf::<Sha256>::from_prk(secret).unwrap().expand(&info, &mut okm).unwrap();
    okm
}

/// The exporter above against the MLS working group's vectors.
#[test]
fn the_exporter_is_that_of_mls() {
    let file = super::vectors!("mls-key-schedule.json");
    for epoch in super::each(&file).iter().flat_map(|schedule| super::each(&schedule["epochs"])) {
        let given = &epoch["exporter"];
        let (label, context) = (given["label"].as_str().unwrap(), super::bytes(given, "context"));
        let made = exported(&super::bytes(epoch, "exporter_secret"), label, &context);
        assert_eq!(
            (hex(made), 32),
            (given["secret"].as_str().unwrap().into(), super::number(given, "length"))
        );
    }
}

/// A registered label without its common beginning.
fn plain(label: Label) -> &'static str {
    label.as_str().strip_prefix("verbund 1 ").unwrap()
}

/// Outputs of somebody who misread the text.
fn faults() -> Vec<Value> {
    let wrong = |fault: &str, of: Value, output: Vec<u8>| {
        let mut vector = of;
        vector["fault"] = json!(fault);
        vector["output"] = json!(hex(output));
        vector
    };
    let sha = |bytes: Vec<u8>| Sha256::digest(bytes).to_vec();
    let (room, user) = (vec![0x1d; 16], b"anna@a.example".to_vec());
    let parts = [room.clone(), user.clone()];
    let good = || made(Label::MESSAGE_ID, Use::Hash, &[&room, &user]);
    let label = "verbund 1 message id";
    let swapped = [user.clone(), room.clone()];
    let mut faults = vec![
        wrong("the common beginning of labels left out", good(), {
            sha(framed_with("message id", &parts, u64::to_be_bytes))
        }),
        wrong("lengths left out", good(), sha([label.as_bytes(), &room, &user].concat())),
        wrong("length of the label left out", good(), {
            sha(framed_with(label, &parts, u64::to_be_bytes).split_off(1))
        }),
        wrong("lengths little-endian", good(), sha(framed_with(label, &parts, u64::to_le_bytes))),
        wrong("parts joined to one", good(), {
            sha(framed_with(label, &[parts.concat()], u64::to_be_bytes))
        }),
        wrong("parts in another order", good(), sha(framed_with(label, &swapped, u64::to_be_bytes))),
        wrong("a part left out", good(), sha(framed_with(label, &parts[..1], u64::to_be_bytes))),
        wrong("an empty part more", good(), {
            sha(framed_with(label, &[&parts[..], &[Vec::new()]].concat(), u64::to_be_bytes))
        }),
        wrong("another label", good(), sha(framed_with("verbund 1 content", &parts, u64::to_be_bytes))),
        wrong("BLAKE3 in place of H", good(), blake3_hash(Label::MESSAGE_ID, &[&room, &user]).to_vec()),
    ];

    let chunk: [&[u8]; 3] = [&[0; 8], &[1], b"sealed"];
    let framed = Label::BLOB_CHUNK.framed(&chunk);
    let blake3 = || made(Label::BLOB_CHUNK, Use::Blake3, &chunk);
    faults.push(wrong("H in place of BLAKE3", blake3(), sha(framed.to_vec())));
    let derive_key = blake3::derive_key("verbund 1 blob chunk", &chunk.concat());
    faults.push(wrong("BLAKE3 in its key derivation mode", blake3(), derive_key.to_vec()));

    let (salt, ikm) = ([0x5a; 32], [0x5e; 32]);
    let payload: [&[u8]; 2] = [&[1], &[16]];
    let kdf = || made(Label::BLOB_PAYLOAD_KEY, Use::Kdf { salt: salt.into(), ikm }, &payload);
    let expanded = |prk: Hkdf<Sha256>, info: &[u8]| {
        let mut okm = vec![0; 32];
        prk.expand(info, &mut okm).unwrap();
        okm
    };
    let info = Label::BLOB_PAYLOAD_KEY.framed(&payload);
    let extract = |salt: &[u8], ikm: &[u8]| Hkdf::<Sha256>::new(Some(salt), ikm);
    faults.extend([
        wrong("salt and key exchanged", kdf(), expanded(extract(&ikm, &salt), &info)),
        wrong("salt left out", kdf(), expanded(extract(&[], &ikm), &info)),
        wrong("Extract left out", kdf(), expanded(Hkdf::from_prk(&ikm).unwrap(), &info)),
        wrong("parts left out", kdf(), expanded(extract(&salt, &ikm), &Label::BLOB_PAYLOAD_KEY.framed(&[]))),
    ]);

    let signed = || made(Label::HEAD, Use::Sign, &[&VERSION, b"the body"]);
    let framed = Label::HEAD.framed(&[&VERSION, b"the body"]);
    let digest = Sha256::digest(&*framed);
    let key = ed25519_dalek::SigningKey::from_bytes(&SEED);
    let sign = |message: &[u8]| key.sign(message).to_bytes().to_vec();
    faults.extend([
        wrong("what is signed does not begin with `verbund 1 signature`", signed(), sign(&digest)),
        wrong("the framed input signed, not its hash", signed(), sign(&framed)),
        wrong("the hash signed as hexadecimal digits", signed(), {
            sign(&[b"verbund 1 signature", hex(digest).as_bytes()].concat())
        }),
    ]);

    let exporter = made(Label::EXPORT_PRIVATE_STATE, Use::Exporter, &[&room]);
    let short = exported(&[0xe5; 32], "export private state", &room).to_vec();
    faults.push(wrong("MLS-Exporter with the common beginning of labels left out", exporter, short));
    faults
}

//! openmls by itself, with the provider and the in-memory storage that its authors publish.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{
    BasicCredential, Ciphersuite, CredentialWithKey, KeyPackage, Lifetime, MlsGroup, MlsGroupJoinConfig,
    MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider as _, PURE_PLAINTEXT_WIRE_FORMAT_POLICY,
    ProcessedMessageContent, StagedWelcome,
    tls_codec::{DeserializeBytes as _, Serialize as _},
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::{
    signatures::{Signer, SignerError},
    types::SignatureScheme,
};
use sha2::{Digest as _, Sha256};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

pub struct Key(SigningKey);

impl Signer for Key {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl Key {
    pub fn of(n: usize) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&n.to_be_bytes());
        Key(SigningKey::from_bytes(&seed))
    }

    /// A credential as large as verbund's certificates.
    fn credential(&self, n: usize) -> CredentialWithKey {
        let mut name = vec![0; 330];
        name[..8].copy_from_slice(&n.to_be_bytes());
        CredentialWithKey {
            credential: BasicCredential::new(name).into(),
            signature_key: self.0.verifying_key().to_bytes().to_vec().into(),
        }
    }
}

/// For all time, as every leaf of a room.
fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

pub fn package(provider: &OpenMlsRustCrypto, n: usize) -> KeyPackage {
    let key = Key::of(n);
    let credential = key.credential(n);
    let bundle = KeyPackage::builder().key_package_lifetime(lifetime());
    bundle.build(SUITE, provider, &key, credential).unwrap().key_package().clone()
}

/// A group of one, whose Welcomes have the tree in them or not.
pub fn found(provider: &OpenMlsRustCrypto, key: &Key, tree: bool) -> MlsGroup {
    MlsGroup::builder()
        .ciphersuite(SUITE)
        .lifetime(lifetime())
        .with_wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(tree)
        .build(provider, key, key.credential(0))
        .unwrap()
}

/// What is sent.
#[derive(Clone, Copy)]
pub struct Message {
    /// Its length in bytes.
    pub size: usize,
    /// Whether a header of 300 bytes with its hash is signed too, as a submission's is.
    pub signed_again: bool,
}

/// A group of so many members, of whom two act.
pub struct Raw {
    key: Key,
    sender: (OpenMlsRustCrypto, MlsGroup),
    receiver: (OpenMlsRustCrypto, MlsGroup),
    messages: Vec<Vec<u8>>,
}

impl Raw {
    pub fn new(members: usize) -> Self {
        let (a, b, crowd) =
            (OpenMlsRustCrypto::default(), OpenMlsRustCrypto::default(), OpenMlsRustCrypto::default());
        let mut packages = vec![package(&b, 1)];
        packages.extend((2..members).map(|n| package(&crowd, n)));
        let key = Key::of(0);
        let mut group = found(&a, &key, true);
        let (_, welcome, _) = group.add_members(&a, &key, &packages).unwrap();
        group.merge_pending_commit(&a).unwrap();
        let welcome = welcome.tls_serialize_detached().unwrap();
        let MlsMessageBodyIn::Welcome(welcome) =
            MlsMessageIn::tls_deserialize_exact_bytes(&welcome).unwrap().extract()
        else {
            unreachable!("a welcome was serialized")
        };
        let config =
            MlsGroupJoinConfig::builder().wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY).build();
        let joined =
            StagedWelcome::new_from_welcome(&b, &config, welcome, None).unwrap().into_group(&b).unwrap();
        Raw { key, sender: (a, group), receiver: (b, joined), messages: Vec::new() }
    }

    /// Makes so many messages.
    pub fn send(&mut self, count: usize, message: Message) -> Duration {
        let (provider, group) = &mut self.sender;
        let body = vec![b'x'; message.size];
        let began = Instant::now();
        for _ in 0..count {
            let made = group.create_message(provider, &self.key, &body).unwrap();
            let made = made.tls_serialize_detached().unwrap();
            if message.signed_again {
                let mut header = [0; 300];
                header[..32].copy_from_slice(&Sha256::digest(&made));
                black_box(self.key.0.sign(&header));
            }
            self.messages.push(made);
        }
        began.elapsed()
    }

    /// Takes in what was made.
    pub fn receive(&mut self) -> Duration {
        let (provider, group) = &mut self.receiver;
        let messages = std::mem::take(&mut self.messages);
        let _ = provider.storage();
        let began = Instant::now();
        for message in &messages {
            let message = MlsMessageIn::tls_deserialize_exact_bytes(message).unwrap();
            let message = message.try_into_protocol_message().unwrap();
            let processed = group.process_message(provider, message).unwrap().into_content();
            assert!(matches!(processed, ProcessedMessageContent::ApplicationMessage(_)));
        }
        began.elapsed()
    }
}

//! mls-rs with the provider of the same primitives that its authors publish.

use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use mls_rs::{
    CipherSuite, Client, ExtensionList, Group, MlsMessage,
    client_builder::MlsConfig,
    crypto::{SignaturePublicKey, SignatureSecretKey},
    identity::{
        SigningIdentity,
        basic::{BasicCredential, BasicIdentityProvider},
    },
    mls_rules::{CommitOptions, DefaultMlsRules},
};
use mls_rs_crypto_rustcrypto::RustCryptoProvider;

const SUITE: CipherSuite = CipherSuite::CURVE25519_CHACHA;

/// Somebody with a group of their own, and the key packages of many.
pub struct Inviter<C: MlsConfig> {
    group: Group<C>,
    packages: Vec<Vec<u8>>,
}

/// A client with a credential as large as verbund's certificates.
fn client(n: usize) -> Client<impl MlsConfig> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&n.to_be_bytes());
    let key = SigningKey::from_bytes(&seed);
    let mut name = vec![0; 330];
    name[..8].copy_from_slice(&n.to_be_bytes());
    let credential = BasicCredential::new(name).into_credential();
    let public = SignaturePublicKey::new_slice(key.verifying_key().as_bytes());
    let secret = SignatureSecretKey::new(key.to_keypair_bytes().to_vec());
    let commits = CommitOptions::new()
        .with_path_required(false)
        .with_ratchet_tree_extension(false)
        .with_allow_external_commit(true);
    Client::builder()
        .crypto_provider(RustCryptoProvider::with_enabled_cipher_suites(vec![SUITE]))
        .identity_provider(BasicIdentityProvider)
        .mls_rules(DefaultMlsRules::new().with_commit_options(commits))
        .signing_identity(SigningIdentity::new(credential, public), secret, SUITE)
        .build()
}

pub fn inviter(others: usize) -> Inviter<impl MlsConfig> {
    let bytes = |n| {
        let none = ExtensionList::default;
        client(n).generate_key_package_message(none(), none(), None).unwrap().to_bytes().unwrap()
    };
    let packages = (1..=others).map(bytes).collect();
    let none = ExtensionList::default;
    Inviter { group: client(0).create_group(none(), none(), None).unwrap(), packages }
}

impl<C: MlsConfig> Inviter<C> {
    /// Brings all of them in, so many with each commit: from the bytes of their key packages to the
    /// bytes of commits and Welcomes.
    pub fn invite(mut self, batch: usize) -> Duration {
        let began = Instant::now();
        for some in self.packages.chunks(batch) {
            let mut commit = self.group.commit_builder();
            for package in some {
                commit = commit.add_member(MlsMessage::from_bytes(package).unwrap()).unwrap();
            }
            let made = commit.build().unwrap();
            made.commit_message.to_bytes().unwrap();
            made.welcome_messages.iter().for_each(|welcome| drop(welcome.to_bytes().unwrap()));
            self.group.apply_pending_commit().unwrap();
        }
        self.group.write_to_storage().unwrap();
        let time = began.elapsed();
        assert_eq!(self.group.roster().members_iter().count(), self.packages.len() + 1);
        time
    }
}

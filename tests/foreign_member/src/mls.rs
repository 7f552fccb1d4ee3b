//! The MLS half: an mls-rs client with the choices of SPEC "MLS profile".

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use mls_rs::{
    CipherSuite, Client, Extension, ExtensionList, IdentityProvider, MlsMessage,
    client_builder::{MlsConfig, PaddingMode},
    crypto::{SignaturePublicKey, SignatureSecretKey},
    error::IntoAnyError,
    extension::ExtensionType,
    identity::{Credential, CredentialType, CustomCredential, SigningIdentity},
    mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions},
    time::MlsTime,
};
use mls_rs_core::identity::MemberValidationContext;
use mls_rs_crypto_rustcrypto::RustCryptoProvider;

use crate::trust::{Certified, Trust};

const SUITE: CipherSuite = CipherSuite::CURVE25519_CHACHA;
const CERTIFICATE: CredentialType = CredentialType::new(0xF0B0);
pub const ROOM_STATE: ExtensionType = ExtensionType::new(0xF0B1);
/// What nobody else knows stands wherever it may (RFC 9420, section 13.5): a private-use extension,
/// and a GREASE value where SPEC admits one.
pub const UNKNOWN: ExtensionType = ExtensionType::new(0xFA7E);
pub const GREASE: ExtensionType = ExtensionType::new(0x5A5A);
const FRESH_UNTIL: ExtensionType = ExtensionType::new(0xF0B2);
pub const PRIVATE_STATE: ExtensionType = ExtensionType::new(0xF0B3);

/// A client whose credential is a device certificate.
pub fn client(
    certificate: &[u8],
    key: &SigningKey,
    trust: &Arc<Mutex<Trust>>,
) -> Client<impl MlsConfig + use<>> {
    let credential = CustomCredential::new(CERTIFICATE, certificate.to_vec());
    let public = SignaturePublicKey::new_slice(key.verifying_key().as_bytes());
    let identity = SigningIdentity::new(Credential::Custom(credential), public);
    let secret = SignatureSecretKey::new(key.to_keypair_bytes().to_vec());
    let rules = DefaultMlsRules::new()
        .with_commit_options(
            CommitOptions::new()
                .with_path_required(true)
                .with_ratchet_tree_extension(false)
                .with_allow_external_commit(true),
        )
        .with_encryption_options(EncryptionOptions::new(false, PaddingMode::None));
    // RFC 9420, section 10: a key package has no extensions but those that its leaf names. What a
    // GroupInfo has need not be named.
    Client::builder()
        .crypto_provider(RustCryptoProvider::with_enabled_cipher_suites(vec![SUITE]))
        .identity_provider(Certificates(Arc::clone(trust)))
        .mls_rules(rules)
        .extension_types([ROOM_STATE, FRESH_UNTIL, UNKNOWN, GREASE])
        .key_package_lifetime(Duration::from_secs(u64::MAX))
        .signing_identity(identity, secret, SUITE)
        .build()
}

/// A key package that may be claimed until `fresh_until` (milliseconds), with the lifetime that
/// every leaf has: all time (SPEC V-421).
pub fn key_package(client: &Client<impl MlsConfig>, fresh_until: u64) -> Vec<u8> {
    strange_key_package(client, fresh_until, (UNKNOWN, UNKNOWN))
}

/// One with extensions of these numbers in itself and in its leaf.
pub fn strange_key_package(
    client: &Client<impl MlsConfig>,
    fresh_until: u64,
    (of_package, of_leaf): (ExtensionType, ExtensionType),
) -> Vec<u8> {
    let until = Extension::new(FRESH_UNTIL, fresh_until.to_be_bytes().to_vec());
    let of_package = ExtensionList::from(vec![until, unknown(of_package)]);
    let of_leaf = ExtensionList::from(vec![unknown(of_leaf)]);
    let from = MlsTime::from(0);
    let made = client.generate_key_package_message(of_package, of_leaf, Some(from));
    made.and_then(|message: MlsMessage| message.to_bytes()).expect("a key package")
}

/// What the GroupInfo in a Welcome says beside the group: what the room is about.
pub fn told_to_joiners(private_state: Vec<u8>) -> ExtensionList {
    ExtensionList::from(vec![unknown(UNKNOWN), unknown(GREASE), Extension::new(PRIVATE_STATE, private_state)])
}

fn unknown(kind: ExtensionType) -> Extension {
    Extension::new(kind, b"to be ignored".to_vec())
}

/// The device in an MLS credential, if its certificate is to be believed and is for this key.
pub fn certified(trust: &Mutex<Trust>, leaf: &SigningIdentity) -> Option<Certified> {
    let custom = leaf.credential.as_custom().filter(|custom| custom.credential_type() == CERTIFICATE)?;
    let certified = trust.lock().unwrap().certified(custom.data())?;
    (certified.key == leaf.signature_key.as_bytes()).then_some(certified)
}

/// Validates credentials as certificates.
#[derive(Clone)]
struct Certificates(Arc<Mutex<Trust>>);

/// A credential is not a certificate that this device believes.
#[derive(Debug)]
struct Unbelievable;

impl IntoAnyError for Unbelievable {}

impl Certificates {
    fn certified(&self, leaf: &SigningIdentity) -> Result<Certified, Unbelievable> {
        certified(&self.0, leaf).ok_or(Unbelievable)
    }
}

impl IdentityProvider for Certificates {
    type Error = Unbelievable;

    fn validate_member(
        &self,
        leaf: &SigningIdentity,
        _: Option<MlsTime>,
        _: MemberValidationContext<'_>,
    ) -> Result<(), Unbelievable> {
        self.certified(leaf).map(drop)
    }

    /// A room has none.
    fn validate_external_sender(
        &self,
        _: &SigningIdentity,
        _: Option<MlsTime>,
        _: Option<&ExtensionList>,
    ) -> Result<(), Unbelievable> {
        Err(Unbelievable)
    }

    /// A leaf is a device.
    fn identity(&self, leaf: &SigningIdentity, _: &ExtensionList) -> Result<Vec<u8>, Unbelievable> {
        let certified = self.certified(leaf)?;
        Ok([certified.user.as_bytes(), b"/", &certified.device].concat())
    }

    /// SPEC V-430.
    fn valid_successor(
        &self,
        before: &SigningIdentity,
        after: &SigningIdentity,
        _: &ExtensionList,
    ) -> Result<bool, Unbelievable> {
        let (before, after) = (self.certified(before)?, self.certified(after)?);
        Ok((before.user, before.device, before.identity) == (after.user, after.device, after.identity))
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CERTIFICATE, CredentialType::new(GREASE.raw_value())]
    }
}

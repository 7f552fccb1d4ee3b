//! passive-client-welcome: openmls joins other implementations' groups on our provider.

use openmls::{
    key_packages::KeyPackageBundle,
    prelude::{KeyPackage, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn, RatchetTreeIn, StagedWelcome},
    schedule::PreSharedKeyId,
};
use openmls_memory_storage::MemoryStorage;
use openmls_traits::storage::StorageProvider;
use serde_json::{Value, json};
use tls_codec::{DeserializeBytes, Serialize};

use super::labelled::crypto;
use crate::crypto::{
    mls::{MlsCrypto, MlsProvider},
    vectors::{bytes, each, unhex, vectors},
};

/// The only public way to a bundle whose leaf has expired: through its stored form.
fn bundle(v: &Value) -> KeyPackageBundle {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(&bytes(v, "key_package")).unwrap();
    let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else { panic!("not a key package") };
    let secret = |field| json!({ "vec": bytes(v, field) });
    let stored = json!({
        "key_package": serde_json::to_value(key_package).unwrap(),
        "private_init_key": secret("init_priv"),
        "private_encryption_key": { "key": secret("encryption_priv") },
    });
    serde_json::from_value(stored).unwrap()
}

fn join(v: &Value, crypto: &MlsCrypto, welcome: &[u8]) -> Option<Vec<u8>> {
    let storage = MemoryStorage::default();
    let provider = MlsProvider { crypto, storage: &storage };
    for psk in v["external_psks"].as_array().unwrap() {
        let id = PreSharedKeyId::external(bytes(psk, "psk_id"), vec![]);
        id.store(&provider, &bytes(psk, "psk")).unwrap();
    }
    let bundle = bundle(v);
    let key_package: &KeyPackage = bundle.key_package();
    storage.write_key_package(&key_package.hash_ref(crypto).unwrap(), &bundle).unwrap();

    let config = MlsGroupJoinConfig::builder().use_ratchet_tree_extension(true).build();
    let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).ok()?;
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { return None };
    let mut joining = StagedWelcome::build_from_welcome(&provider, &config, welcome).ok()?;
    if let Some(tree) = v["ratchet_tree"].as_str() {
        let tree = RatchetTreeIn::tls_deserialize_exact_bytes(&unhex(tree)).unwrap();
        joining = joining.with_ratchet_tree(tree);
    }
    let group = joining.skip_lifetime_validation().build().ok()?.into_group(&provider).ok()?;
    Some(group.epoch_authenticator().as_slice().to_vec())
}

#[test]
fn passive_client_welcome() {
    for v in each(&vectors!("mls-passive-client-welcome.json")) {
        let welcome = bytes(v, "welcome");
        let key_package = bundle(v).key_package().tls_serialize_detached().unwrap();
        assert_eq!(key_package, bytes(v, "key_package")[4..]);
        assert_eq!(join(v, &crypto(), &welcome), Some(bytes(v, "initial_epoch_authenticator")));

        let mut altered = welcome;
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(join(v, &crypto(), &altered), None);
    }
}

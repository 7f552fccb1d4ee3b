//! openmls with the provider that its authors publish.

use std::time::{Duration, Instant};

use openmls::prelude::{
    KeyPackageIn, MlsGroup, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, OpenMlsProvider as _,
    ProtocolVersion,
    tls_codec::{DeserializeBytes as _, Serialize as _},
};
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::raw::{Key, found, package};

/// Somebody with a group of their own, and the key packages of many.
pub struct Inviter {
    provider: OpenMlsRustCrypto,
    key: Key,
    group: MlsGroup,
    packages: Vec<Vec<u8>>,
}

impl Inviter {
    pub fn new(others: usize) -> Self {
        let (provider, crowd) = (OpenMlsRustCrypto::default(), OpenMlsRustCrypto::default());
        let bytes = |n| MlsMessageOut::from(package(&crowd, n)).tls_serialize_detached().unwrap();
        let packages = (1..=others).map(bytes).collect();
        let key = Key::of(0);
        let group = found(&provider, &key, false);
        Inviter { provider, key, group, packages }
    }

    /// Brings all of them in, so many with each commit: from the bytes of their key packages to the
    /// bytes of commits and Welcomes.
    pub fn invite(mut self, batch: usize) -> Duration {
        let began = Instant::now();
        for some in self.packages.chunks(batch) {
            let checked = some.iter().map(|bytes| {
                let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap().extract();
                let MlsMessageBodyIn::KeyPackage(package) = message else { panic!("a key package") };
                KeyPackageIn::validate(package, self.provider.crypto(), ProtocolVersion::Mls10).unwrap()
            });
            let checked: Vec<_> = checked.collect();
            let (commit, welcome, _) =
                self.group.add_members_without_update(&self.provider, &self.key, &checked).unwrap();
            commit.tls_serialize_detached().unwrap();
            welcome.tls_serialize_detached().unwrap();
            self.group.merge_pending_commit(&self.provider).unwrap();
        }
        assert_eq!(self.group.members().count(), self.packages.len() + 1);
        began.elapsed()
    }
}

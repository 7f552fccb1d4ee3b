//! Key packages: what a device leaves at its server so that it can be invited while it
//! sleeps (RFC 9420 §10, SPEC "Key packages").

use bytes::Bytes;
use openmls::prelude::{
    Credential, CredentialType, CredentialWithKey, Extension, ExtensionType, Extensions, KeyPackage,
    MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider, ProtocolVersion, UnknownExtension,
    tls_codec::{Deserialize as _, Serialize as _, Size as _},
};
use openmls::treesync::LeafNodeSource;
use openmls_traits::{crypto::OpenMlsCrypto, grease::is_grease_value, signatures::Signer};

use super::suite::{self, SUITE};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::VerifiedDevice,
    ids::Hash,
    limits,
    time::Timestamp,
};

/// How a certificate is checked; what it is checked against belongs to the caller.
pub(crate) type Verify<'a> = dyn FnMut(&Bytes) -> Result<VerifiedDevice> + 'a;

/// A device's MLS credential: its certificate, and the key that it names.
pub(crate) fn credential(certificate: &Bytes, key: &[u8]) -> CredentialWithKey {
    let kind = CredentialType::Other(suite::CREDENTIAL);
    CredentialWithKey {
        credential: Credential::new(kind, certificate.to_vec()),
        signature_key: key.to_vec().into(),
    }
}

/// Makes a key package and stores its private keys. Gives MLSMessage(KeyPackage).
pub(crate) fn create<P: OpenMlsProvider>(
    provider: &P,
    signer: &impl Signer,
    credential: CredentialWithKey,
    fresh_until: Timestamp,
    last_resort: bool,
) -> Result<Bytes> {
    let failed = |_| Error::new(Code::Mls, "key package");
    let until = fresh_until.as_millis().to_be_bytes().to_vec();
    let mut extensions = vec![Extension::Unknown(suite::FRESH_UNTIL, UnknownExtension(until))];
    let mut capabilities = suite::capabilities();
    if last_resort {
        extensions.push(Extension::LastResort(Default::default()));
        capabilities = suite::last_resort_capabilities();
    }
    let bundle = KeyPackage::builder()
        .key_package_lifetime(suite::lifetime())
        .leaf_node_capabilities(capabilities)
        .key_package_extensions(
            Extensions::from_vec(extensions).map_err(|_| Error::new(Code::Bug, "extensions"))?,
        )
        .build(SUITE, provider, signer, credential)
        .map_err(failed)?;
    let message = openmls::prelude::MlsMessageOut::from(bundle.into_key_package());
    Ok(message.tls_serialize_detached().map_err(|_| Error::new(Code::Bug, "key package"))?.into())
}

/// A key package that may be used at a certain time, and whose it is.
pub(crate) struct CheckedPackage {
    pub(crate) package: KeyPackage,
    pub(crate) device: VerifiedDevice,
    pub(crate) last_resort: bool,
    pub(crate) fresh_until: Timestamp,
}

impl CheckedPackage {
    /// Its keys, none of which may be another's in the same tree or commit (RFC 9420 §12.2): for signing, of
    /// the leaf, and for the Welcome; the last two as they stand in messages.
    pub(crate) fn keys(&self) -> Result<[Vec<u8>; 3]> {
        let failed = |_| Error::new(Code::Bug, "key package");
        let leaf = self.package.leaf_node();
        let encryption = leaf.encryption_key().tls_serialize_detached().map_err(failed)?;
        let init = self.package.hpke_init_key().tls_serialize_detached().map_err(failed)?;
        Ok([leaf.signature_key().as_slice().to_vec(), encryption, init])
    }

    /// Its KeyPackageRef (RFC 9420 §5.2), by which a Welcome names it.
    pub(crate) fn reference(&self, crypto: &impl OpenMlsCrypto) -> Result<Hash> {
        let reference = self.package.hash_ref(crypto).map_err(|_| Error::new(Code::Bug, "key package"))?;
        Hash::from_slice(reference.as_slice())
    }
}

/// Checks everything about a key package (V-423 to V-427): its signatures, suite and
/// lifetime, the certificate in it, and that it is fresh at `at`.
pub(crate) fn check(
    bytes: &Bytes,
    crypto: &impl OpenMlsCrypto,
    at: Timestamp,
    verify: &mut Verify<'_>,
) -> Result<CheckedPackage> {
    ensure(bytes.len() <= limits::KEY_PACKAGE, Code::TooLong, "key package")?;
    let malformed = |_| Error::new(Code::Malformed, "key package");
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(malformed)?;
    let MlsMessageBodyIn::KeyPackage(package) = message.extract() else {
        return Err(Error::new(Code::Malformed, "not a key package"));
    };
    let package =
        package.validate(crypto, ProtocolVersion::Mls10).map_err(|_| Error::new(Code::Mls, "key package"))?;
    let device = check_parsed(&package, at, verify)?;
    let (last_resort, fresh_until) = (package.last_resort(), fresh_until(&package)?);
    Ok(CheckedPackage { package, device, last_resort, fresh_until })
}

/// The part of [`check`] that MLS leaves to us; also for key packages inside commits.
pub(crate) fn check_parsed(
    package: &KeyPackage,
    at: Timestamp,
    verify: &mut Verify<'_>,
) -> Result<VerifiedDevice> {
    ensure(package.ciphersuite() == SUITE, Code::UnknownSuite, "key package")?;
    without_grease(package.extensions().iter())?;
    ensure(at < fresh_until(package)?, Code::Expired, "key package")?;
    check_leaf(package.leaf_node(), verify)
}

/// Until when a key package may be used, as its extension says.
fn fresh_until(package: &KeyPackage) -> Result<Timestamp> {
    let until = package.extensions().unknown(suite::FRESH_UNTIL).map(|e| <[u8; 8]>::try_from(e.0.as_slice()));
    let Some(Ok(until)) = until else { return Err(Error::new(Code::BadField, "fresh until")) };
    Ok(Timestamp::from_millis(u64::from_be_bytes(until)))
}

/// V-419: stacks do not agree on GREASE extensions. openmls 0.9.2 refuses to add a leaf that
/// has one (openmls issue 2156), so that whoever offers it would spoil the invitation of
/// others; once it no longer does, old and new members would not take the same commits.
pub(super) fn without_grease<'a>(mut extensions: impl Iterator<Item = &'a Extension>) -> Result<()> {
    let grease = extensions.any(|extension| is_grease_value(extension.extension_type().into()));
    ensure(!grease, Code::BadCommit, "GREASE extension")
}

/// A leaf that enters or changes: it has no lifetime that a clock would judge (V-421), its
/// certificate verifies and is for its key (V-422), and it is small (V-420) and without GREASE (V-419).
pub(crate) fn check_leaf(
    leaf: &openmls::prelude::LeafNode,
    verify: &mut Verify<'_>,
) -> Result<VerifiedDevice> {
    ensure(leaf.tls_serialized_len() <= limits::LEAF, Code::TooLong, "leaf")?;
    without_grease(leaf.extensions().iter())?;
    if let LeafNodeSource::KeyPackage(lifetime) = leaf.leaf_node_source() {
        ensure(*lifetime == suite::lifetime(), Code::BadCommit, "leaf lifetime")?;
    }
    let device = verify(&suite::certificate(leaf.credential())?)?;
    let same = leaf.signature_key().as_slice() == device.key().as_bytes();
    ensure(same, Code::CertificateMismatch, "leaf has another key")?;
    let able = leaf.capabilities();
    let supports = able.extensions().contains(&ExtensionType::Unknown(suite::ROOM_STATE))
        && able.credentials().contains(&CredentialType::Other(suite::CREDENTIAL));
    ensure(supports, Code::BadCommit, "leaf capabilities")?;
    Ok(device)
}

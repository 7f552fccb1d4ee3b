//! The right to fetch a sealed file, which everybody who knows its key can prove.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::FileKey;
use crate::{
    code::Code,
    crypto::{Label, Prk, hash},
    error::{Result, ensure},
    ids::BlobId,
};

/// What a device or a recipient's agency shows to a server that holds a blob.
///
/// It says nothing about the file key. It differs from blob to blob, so that a server which
/// has seen one cannot use it for another.
pub struct Capability(Zeroizing<[u8; 32]>);

impl Capability {
    /// HKDF-SHA256 of the file key, without salt, over the blob's id.
    pub(super) fn derive(key: &FileKey, blob: &BlobId) -> Self {
        Capability(Prk::extract(&[], key.expose()).expand(Label::BLOB_FETCH, &[blob.as_bytes()]))
    }

    /// A capability out of a request.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Capability(bytes)
    }

    /// The bytes, to be written into a request and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// What a server keeps of it.
    #[must_use]
    pub fn hash(&self) -> CapabilityHash {
        CapabilityHash(*hash(Label::BLOB_CAPABILITY, &[self.expose()]).as_bytes())
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capability(..)")
    }
}

/// The hash of a [`Capability`]: who knows it can check one, not make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapabilityHash([u8; 32]);

impl CapabilityHash {
    /// From exactly these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        CapabilityHash(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Admits whoever shows the capability, compared in constant time.
    ///
    /// # Errors
    /// [`Code::BadCapability`] if it is another one (SPEC V-650).
    pub fn admit(&self, shown: &Capability) -> Result<()> {
        let same = shown.hash().0.ct_eq(&self.0);
        ensure(same.into(), Code::BadCapability, "capability")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_one_key_for_one_blob() {
        let capability = |key: u8, blob: u8| {
            let key = FileKey::from_bytes(Zeroizing::new([key; 32]));
            Capability::derive(&key, &BlobId::from_bytes([blob; 16]))
        };
        let kept = CapabilityHash::from_bytes(*capability(1, 1).hash().as_bytes());
        assert!(kept.admit(&capability(1, 1)).is_ok());
        assert!(kept.admit(&Capability::from_bytes(Zeroizing::new(*capability(1, 1).expose()))).is_ok());
        for (key, blob) in [(2, 1), (1, 2)] {
            assert_eq!(kept.admit(&capability(key, blob)).unwrap_err().code(), Code::BadCapability);
        }
        // What a server keeps does not admit whoever stole it.
        let stolen = Capability::from_bytes(Zeroizing::new(*kept.as_bytes()));
        assert_eq!(kept.admit(&stolen).unwrap_err().code(), Code::BadCapability);
    }
}

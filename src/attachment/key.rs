//! The file key and what is derived from it.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Geometry, Header, Suite};
use crate::{
    code::Code,
    crypto::{AeadKey, Label, Prk},
    error::{Result, ensure},
};

/// The secret of one sealed file: 32 random bytes, carried only inside encrypted messages.
///
/// It seals one file once: [`Sealer::new`](super::Sealer::new) draws it afresh.
#[derive(Clone)]
pub struct FileKey(Zeroizing<[u8; 32]>);

impl FileKey {
    /// A fresh key.
    pub(super) fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        FileKey(key)
    }

    /// A key out of a message or out of the host's record of an unfinished upload.
    #[must_use]
    pub fn from_bytes(key: Zeroizing<[u8; 32]>) -> Self {
        FileKey(key)
    }

    /// The key's bytes, to be written into a message or such a record and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Begins a file: its header, and the key of its chunks.
    ///
    /// # Errors
    /// [`Code::UnknownSuite`] if the suite is not spoken here (SPEC V-616).
    pub(super) fn begin(
        &self,
        suite: Suite,
        geometry: Geometry,
        salt: [u8; 16],
    ) -> Result<(Header, AeadKey)> {
        let chunk_log2 = geometry.chunk_log2();
        let (payload, commitment) = self.derive(suite, chunk_log2, &salt)?;
        Ok((Header { suite, chunk_log2, salt, commitment: *commitment }, payload))
    }

    /// The key of a file's chunks.
    ///
    /// # Errors
    /// - [`Code::UnknownSuite`] if the header's suite is not spoken here (SPEC V-616)
    /// - [`Code::BadCommitment`] if the header belongs to another key (V-621)
    pub(super) fn unlock(&self, header: &Header) -> Result<AeadKey> {
        let (payload, commitment) = self.derive(header.suite, header.chunk_log2, &header.salt)?;
        let same = commitment.as_slice().ct_eq(&header.commitment);
        ensure(same.into(), Code::BadCommitment, "file key")?;
        Ok(payload)
    }

    /// Payload key and commitment: HKDF-SHA256 with the salt, over suite and chunk size.
    ///
    /// Neither ChaCha20-Poly1305 nor AES-GCM binds a ciphertext to its key (Albertini, Duong,
    /// Gueron, Kölbl, Luykx, Schmieg: How to Abuse and Fix Authenticated Encryption Without Key
    /// Commitment, 2022), so a second value from the same HKDF, which is collision-resistant,
    /// stands in the header. Salt and key have fixed lengths, so that HMAC's zero-padding of
    /// keys makes no two of them the same.
    fn derive(
        &self,
        suite: Suite,
        chunk_log2: u8,
        salt: &[u8; 16],
    ) -> Result<(AeadKey, Zeroizing<[u8; 32]>)> {
        let cipher = suite.cipher()?;
        let prk = Prk::extract(salt, self.expose());
        let context: [&[u8]; 2] = [&[suite.number()], &[chunk_log2]];
        let payload = prk.expand::<32>(Label::BLOB_PAYLOAD_KEY, &context);
        Ok((AeadKey::new(cipher, payload), prk.expand(Label::BLOB_COMMITMENT, &context)))
    }
}

/// In constant time.
impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for FileKey {}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}

//! Signed documents as received, before anybody has checked a signature.

use core::fmt;

use bytes::Bytes;
use prost::Message;

use super::{
    VERSION, Wire,
    codec::{canonical, decode_body, repeated},
    proto,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::KeyId,
    limits,
};

/// A decoded `SignedEnvelope` of `T`. Its value is reachable to find the key that should
/// have signed; to act on it takes the verified form.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Signed<T> {
    bytes: Bytes,
    body: Bytes,
    signatures: Vec<RawSignature>,
    value: T,
}

/// A signature as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawSignature {
    pub(crate) key: KeyId,
    pub(crate) signature: [u8; 64],
}

impl<T: Wire> Signed<T> {
    /// Decodes canonical, bounded bytes.
    ///
    /// # Errors
    /// As [`super::decode`]; [`Code::BadField`] unless signatures are ordered by key id, each
    /// key once (SPEC V-115).
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self> {
        let envelope: proto::SignedEnvelope = canonical(bytes, T::MAX, T::NAME)?;
        ensure(envelope.version == VERSION, Code::UnknownVersion, T::NAME)?;
        let signatures =
            repeated(envelope.signatures, (1, limits::ROOT_KEYS), "signatures", RawSignature::parse)?;
        let ordered = signatures.is_sorted_by(|a, b| a.key < b.key);
        ensure(ordered, Code::BadField, "signatures are not in order")?;
        let value = decode_body(&envelope.body)?;
        Ok(Signed { bytes: bytes.clone(), body: envelope.body, signatures, value })
    }

    /// Joins a body with its signatures.
    pub(crate) fn assemble(value: T, body: Bytes, mut signatures: Vec<RawSignature>) -> Self {
        signatures.sort_by_key(|s| s.key);
        signatures.dedup_by_key(|s| s.key);
        let raw = |s: &RawSignature| proto::Signature {
            key_id: Bytes::copy_from_slice(s.key.as_bytes()),
            signature: Bytes::copy_from_slice(&s.signature),
        };
        let envelope = proto::SignedEnvelope {
            version: VERSION,
            body: body.clone(),
            signatures: signatures.iter().map(raw).collect(),
        };
        Signed { bytes: envelope.encode_to_vec().into(), body, signatures, value }
    }

    /// The whole envelope as received.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes that the signatures cover.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn signatures(&self) -> &[RawSignature] {
        &self.signatures
    }

    /// What it says, if its signature holds.
    pub(crate) fn claimed(&self) -> &T {
        &self.value
    }

    /// Gives up the value; for the one place that has checked the signatures.
    pub(crate) fn into_claimed(self) -> T {
        self.value
    }
}

/// Without the received bytes, which may hold what the value keeps to itself.
impl<T: fmt::Debug> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signed").field(&self.value).finish()
    }
}

impl RawSignature {
    fn parse(proto: proto::Signature) -> Result<Self> {
        let signature = proto.signature.as_ref().try_into();
        Ok(RawSignature {
            key: KeyId::from_slice(&proto.key_id)?,
            signature: signature.map_err(|_| Error::new(Code::BadField, "signature"))?,
        })
    }
}

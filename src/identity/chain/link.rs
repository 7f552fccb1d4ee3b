//! Chain entries with the signatures that make them count.

use bytes::Bytes;

use super::ChainEntry;
use crate::{
    code::Code,
    crypto::{Label, Signature, SigningKey, VerifyKey, hash},
    error::{Result, ensure},
    ids::{Hash, KeyId},
    limits,
    wire::{VERSION, Wire, decode_body, encode_body, fields, proto},
};

/// An entry with its user's signature, as received; the agency has yet to countersign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    entry: ChainEntry,
    body: Bytes,
    signature: Signature,
    /// The other owner's.
    second: Option<Signature>,
}

impl Statement {
    /// Signs an entry; `signer` is set to the key that does.
    pub(crate) fn sign(mut entry: ChainEntry, key: &SigningKey) -> Result<Self> {
        entry.signer = key.verify_key().id();
        let body = encode_body(&entry);
        let signature = key.sign(Label::CHAIN_ENTRY, &[&VERSION.to_be_bytes(), &body]);
        Ok(Statement { entry: decode_body(&body)?, body, signature, second: None })
    }

    /// Adds the other owner's signature.
    #[must_use]
    pub(crate) fn signed_also(self, key: &SigningKey) -> Self {
        let second = key.sign(Label::CHAIN_ENTRY, &[&VERSION.to_be_bytes(), &self.body]);
        Statement { second: Some(second), ..self }
    }

    /// An empty second signature is none.
    pub(crate) fn parse(version: u32, body: Bytes, signature: &[u8], second: &[u8]) -> Result<Self> {
        ensure(version == VERSION, Code::UnknownVersion, "chain entry")?;
        let entry = decode_body(&body)?;
        let second = fields::optional_id(second, Signature::from_slice)?;
        Ok(Statement { entry, body, signature: Signature::from_slice(signature)?, second })
    }

    pub(crate) fn entry(&self) -> &ChainEntry {
        &self.entry
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(crate) fn second(&self) -> Option<&Signature> {
        self.second.as_ref()
    }

    /// The second signature as a field.
    pub(crate) fn second_field(&self) -> Bytes {
        self.second.as_ref().map(|second| fields::raw(second.as_bytes())).unwrap_or_default()
    }

    /// What the next entry holds of this one.
    pub(crate) fn hash(&self) -> Hash {
        hash(Label::CHAIN_HASH, &[&VERSION.to_be_bytes(), &self.body])
    }

    /// The identity that this entry begins, if it is entry 0.
    pub(crate) fn identity(&self) -> Hash {
        hash(Label::IDENTITY, &[&VERSION.to_be_bytes(), &self.body])
    }

    /// SPEC V-249.
    pub(crate) fn verify(&self, key: &VerifyKey) -> Result<()> {
        self.verify_as(key, &self.signature)
    }

    /// A signature over the entry.
    pub(crate) fn verify_as(&self, key: &VerifyKey, signature: &Signature) -> Result<()> {
        key.verify(Label::CHAIN_ENTRY, &[&VERSION.to_be_bytes(), &self.body], signature)
    }

    /// What the agency signs.
    fn countersigned<T>(&self, f: impl FnOnce(&[&[u8]]) -> T) -> T {
        let version = VERSION.to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![&version, &self.body, self.signature.as_bytes()];
        parts.extend(self.second.as_ref().map(|second| second.as_bytes().as_slice()));
        f(&parts)
    }
}

/// A statement with the countersignature of the user's agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChainLink {
    statement: Statement,
    agency_key: KeyId,
    countersignature: Signature,
}

impl ChainLink {
    /// Countersigns a statement that has been checked.
    pub(crate) fn countersign(statement: Statement, key: &SigningKey) -> Self {
        let countersignature = statement.countersigned(|parts| key.sign(Label::CHAIN_COUNTERSIGN, parts));
        ChainLink { agency_key: key.verify_key().id(), countersignature, statement }
    }

    pub(crate) fn statement(&self) -> &Statement {
        &self.statement
    }

    pub(crate) fn entry(&self) -> &ChainEntry {
        &self.statement.entry
    }

    /// The certificate key that countersigned.
    pub(crate) fn agency_key(&self) -> &KeyId {
        &self.agency_key
    }

    /// SPEC V-251.
    pub(crate) fn verify_countersignature(&self, key: &VerifyKey) -> Result<()> {
        let verify = |parts: &[&[u8]]| key.verify(Label::CHAIN_COUNTERSIGN, parts, &self.countersignature);
        self.statement.countersigned(verify)
    }
}

impl Wire for ChainLink {
    type Proto = proto::ChainLink;
    const MAX: usize = limits::CHAIN_LINK;
    const NAME: &'static str = "chain link";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(ChainLink {
            statement: Statement::parse(
                proto.version,
                proto.entry,
                &proto.signature,
                &proto.second_signature,
            )?,
            agency_key: KeyId::from_slice(&proto.agency_key_id)?,
            countersignature: Signature::from_slice(&proto.countersignature)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ChainLink {
            version: VERSION,
            entry: self.statement.body.clone(),
            signature: fields::raw(self.statement.signature.as_bytes()),
            agency_key_id: fields::raw(self.agency_key.as_bytes()),
            countersignature: fields::raw(self.countersignature.as_bytes()),
            second_signature: self.statement.second_field(),
        }
    }
}

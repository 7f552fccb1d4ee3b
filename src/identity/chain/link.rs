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
}

impl Statement {
    /// Signs an entry; `signer` is set to the key that does.
    pub(crate) fn sign(mut entry: ChainEntry, key: &SigningKey) -> Result<Self> {
        entry.signer = key.verify_key().id();
        let body = encode_body(&entry);
        let signature = key.sign(Label::CHAIN_ENTRY, &[&VERSION.to_be_bytes(), &body]);
        Ok(Statement { entry: decode_body(&body)?, body, signature })
    }

    pub(crate) fn parse(version: u32, body: Bytes, signature: &[u8]) -> Result<Self> {
        ensure(version == VERSION, Code::UnknownVersion, "chain entry")?;
        let entry = decode_body(&body)?;
        Ok(Statement { entry, body, signature: Signature::from_slice(signature)? })
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
        key.verify(Label::CHAIN_ENTRY, &[&VERSION.to_be_bytes(), &self.body], &self.signature)
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
        let parts: [&[u8]; 3] = [&VERSION.to_be_bytes(), &statement.body, statement.signature.as_bytes()];
        let countersignature = key.sign(Label::CHAIN_COUNTERSIGN, &parts);
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
        let parts: [&[u8]; 3] =
            [&VERSION.to_be_bytes(), &self.statement.body, self.statement.signature.as_bytes()];
        key.verify(Label::CHAIN_COUNTERSIGN, &parts, &self.countersignature)
    }
}

impl Wire for ChainLink {
    type Proto = proto::ChainLink;
    const MAX: usize = limits::CHAIN_LINK;
    const NAME: &'static str = "chain link";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(ChainLink {
            statement: Statement::parse(proto.version, proto.entry, &proto.signature)?,
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
        }
    }
}

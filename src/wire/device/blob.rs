//! Attachments as servers know them: names, hashes and lengths.

use core::fmt;

use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, BlobId, Hash},
    limits,
    time::Timestamp,
    wire::{Wire, fields, proto},
};

/// A capability as it is shown to a server; whoever has it may fetch the ciphertext.
#[derive(Clone)]
pub(crate) struct ShownCapability(Zeroizing<[u8; 32]>);

/// How an attachment is made. Whether the sizes fit together is checked with the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobInfo {
    /// The header of the sealed file.
    pub(crate) header: Bytes,
    /// 32 bytes for each of 1 to [`limits::CHUNKS`] chunks.
    pub(crate) chunk_hashes: Bytes,
    /// The padded length, in bytes.
    pub(crate) padded: u64,
}

/// Announces an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobBegin {
    pub(crate) blob: BlobId,
    pub(crate) info: BlobInfo,
    /// The hash of the capability that opens it.
    pub(crate) capability_hash: Hash,
    /// Until when it is wanted.
    pub(crate) expires_at: Timestamp,
}

/// Brings a chunk, which travels beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobPut {
    pub(crate) blob: BlobId,
    /// From 0, below [`limits::CHUNKS`].
    pub(crate) index: u64,
}

/// Asks for an attachment's [`BlobInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobOpen {
    pub(crate) blob: BlobId,
    /// The agency to which it was uploaded.
    pub(crate) origin: AgencyId,
    pub(crate) capability: ShownCapability,
}

/// Asks for a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobGet {
    pub(crate) blob: BlobId,
    /// The agency to which it was uploaded.
    pub(crate) origin: AgencyId,
    pub(crate) capability: ShownCapability,
    /// From 0, below [`limits::CHUNKS`].
    pub(crate) index: u64,
    /// What came last for it was another chunk.
    pub(crate) wrong: bool,
}

/// Takes an attachment back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobForget {
    pub(crate) blob: BlobId,
}

impl ShownCapability {
    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        ShownCapability(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(in crate::wire) fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| Error::new(Code::BadField, "capability"))?;
        Ok(ShownCapability(bytes.into()))
    }
}

impl PartialEq for ShownCapability {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for ShownCapability {}

impl fmt::Debug for ShownCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownCapability(..)")
    }
}

/// Which chunk: a number below [`limits::CHUNKS`].
pub(in crate::wire) fn chunk_index(index: u64) -> Result<u64> {
    fields::below(index, limits::CHUNKS, "chunk index")
}

impl BlobInfo {
    fn new(header: Bytes, chunk_hashes: Bytes, padded: u64) -> Result<Self> {
        let count = u64::try_from(chunk_hashes.len() / 32).unwrap_or(u64::MAX);
        let whole = chunk_hashes.len().is_multiple_of(32) && (1..=limits::CHUNKS).contains(&count);
        ensure(whole, Code::BadField, "chunk hashes")?;
        ensure(padded <= limits::ATTACHMENT, Code::TooLong, "attachment")?;
        let header = fields::filled(header, limits::BLOB_HEADER, "attachment header")?;
        Ok(BlobInfo { header, chunk_hashes, padded })
    }
}

impl Wire for BlobInfo {
    type Proto = proto::BlobInfo;
    const MAX: usize = limits::BLOB_INFO;
    const NAME: &'static str = "blob info";

    fn parse(proto: Self::Proto) -> Result<Self> {
        BlobInfo::new(proto.header, proto.chunk_hashes, proto.padded)
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobInfo {
            header: self.header.clone(),
            chunk_hashes: self.chunk_hashes.clone(),
            padded: self.padded,
        }
    }
}

impl Wire for BlobBegin {
    type Proto = proto::BlobBegin;
    const MAX: usize = limits::BLOB_INFO;
    const NAME: &'static str = "blob begin";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(BlobBegin {
            blob: BlobId::from_slice(&proto.blob)?,
            info: BlobInfo::new(proto.header, proto.chunk_hashes, proto.padded)?,
            capability_hash: Hash::from_slice(&proto.capability_hash)?,
            expires_at: Timestamp::from_millis(proto.expires_at),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobBegin {
            blob: fields::raw(self.blob.as_bytes()),
            header: self.info.header.clone(),
            chunk_hashes: self.info.chunk_hashes.clone(),
            padded: self.info.padded,
            capability_hash: fields::raw(self.capability_hash.as_bytes()),
            expires_at: self.expires_at.as_millis(),
        }
    }
}

impl Wire for BlobPut {
    type Proto = proto::BlobPut;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "blob put";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(BlobPut { blob: BlobId::from_slice(&proto.blob)?, index: chunk_index(proto.index)? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobPut { blob: fields::raw(self.blob.as_bytes()), index: self.index }
    }
}

impl Wire for BlobOpen {
    type Proto = proto::BlobOpen;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "blob open";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(BlobOpen {
            blob: BlobId::from_slice(&proto.blob)?,
            origin: AgencyId::parse(&proto.origin)?,
            capability: ShownCapability::parse(&proto.capability)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobOpen {
            blob: fields::raw(self.blob.as_bytes()),
            origin: self.origin.to_string(),
            capability: fields::raw(self.capability.expose()),
        }
    }
}

impl Wire for BlobGet {
    type Proto = proto::BlobGet;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "blob get";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(BlobGet {
            blob: BlobId::from_slice(&proto.blob)?,
            origin: AgencyId::parse(&proto.origin)?,
            capability: ShownCapability::parse(&proto.capability)?,
            index: chunk_index(proto.index)?,
            wrong: proto.wrong,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobGet {
            blob: fields::raw(self.blob.as_bytes()),
            origin: self.origin.to_string(),
            capability: fields::raw(self.capability.expose()),
            index: self.index,
            wrong: self.wrong,
        }
    }
}

impl Wire for BlobForget {
    type Proto = proto::BlobForget;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "blob forget";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(BlobForget { blob: BlobId::from_slice(&proto.blob)? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobForget { blob: fields::raw(self.blob.as_bytes()) }
    }
}

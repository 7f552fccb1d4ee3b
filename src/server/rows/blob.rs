//! What is kept of attachments.

use bytes::Bytes;
use prost::Message;

use super::DeviceName;

/// An attachment.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct BlobRow {
    /// The hash of the capability that opens it.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) capability_hash: Bytes,
    /// In milliseconds.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) expires_at: u64,
    /// Who uploads it; nobody if it is another agency's.
    #[prost(message, optional, tag = "3")]
    pub(in crate::server) uploader: Option<DeviceName>,
    /// How many chunks it has.
    #[prost(uint64, tag = "4")]
    pub(in crate::server) chunks: u64,
    /// How many of them the host keeps.
    #[prost(uint64, tag = "5")]
    pub(in crate::server) present: u64,
    /// The header of the sealed file.
    #[prost(bytes = "bytes", tag = "6")]
    pub(in crate::server) header: Bytes,
    /// The length of all sealed chunks, from which the other lengths follow.
    #[prost(uint64, tag = "7")]
    pub(in crate::server) sealed: u64,
    /// Why nothing of it is given any more: a code; 0: it is.
    #[prost(uint32, tag = "8")]
    pub(in crate::server) gone: u32,
    /// When it was announced or the last chunk came, in milliseconds.
    #[prost(uint64, tag = "9")]
    pub(in crate::server) at: u64,
    /// A chunk that was here was not what it ought to be.
    #[prost(bool, tag = "10")]
    pub(in crate::server) lost: bool,
    /// Whose storage it takes up.
    #[prost(string, tag = "11")]
    pub(in crate::server) user: String,
    /// How it is fetched, as long as it is.
    #[prost(message, optional, tag = "12")]
    pub(in crate::server) fetching: Option<FetchingRow>,
}

/// An attachment on its way here from its origin.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct FetchingRow {
    /// What opens it there.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) capability: Bytes,
    /// All chunks below this one were asked for.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) next: u64,
    /// How often in a row nothing was answered in time.
    #[prost(uint32, tag = "3")]
    pub(in crate::server) silent: u32,
    /// Since when, in milliseconds; 0: it is answered.
    #[prost(uint64, tag = "4")]
    pub(in crate::server) silent_since: u64,
    /// Why the origin did not give it: a code; 0: it does.
    #[prost(uint32, tag = "5")]
    pub(in crate::server) refused: u32,
    /// Until when it is not asked again, in milliseconds.
    #[prost(uint64, tag = "6")]
    pub(in crate::server) until: u64,
    /// How often in a row that was so.
    #[prost(uint32, tag = "7")]
    pub(in crate::server) refusals: u32,
    /// When `tick` looks at it, in milliseconds; 0: it does not.
    #[prost(uint64, tag = "8")]
    pub(in crate::server) due: u64,
}

/// A chunk that the origin was asked for.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::server) struct ChunkRow {
    /// When, in milliseconds.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) at: u64,
    /// How often another came.
    #[prost(uint32, tag = "2")]
    pub(in crate::server) wrong: u32,
}

/// An attachment of which nothing is known yet: the origin was asked.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct BlobAskedRow {
    /// The capability that was shown.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) capability: Bytes,
    /// By whose device.
    #[prost(string, tag = "2")]
    pub(in crate::server) user: String,
    /// When the origin was asked, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) at: u64,
}

/// Why an attachment was not given to somebody with a capability.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::server) struct BlobRefusedRow {
    /// A code.
    #[prost(uint32, tag = "1")]
    pub(in crate::server) code: u32,
    /// When to ask again, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) retry_at: u64,
}

/// How much is kept of somebody.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::server) struct UsageRow {
    #[prost(uint64, tag = "1")]
    pub(in crate::server) blobs: u64,
    /// Of all sealed chunks, also those that are not here yet.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) bytes: u64,
}

/// How much may be kept, as the operators have set it.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::server) struct StorageRow {
    #[prost(message, optional, tag = "1")]
    pub(in crate::server) uploads: Option<UsageRow>,
    #[prost(message, optional, tag = "2")]
    pub(in crate::server) fetched: Option<UsageRow>,
    #[prost(message, optional, tag = "3")]
    pub(in crate::server) of_agency: Option<UsageRow>,
}

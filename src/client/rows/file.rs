//! Files on their way.

use prost::Message;

/// What an attachment is announced with.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct InfoRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) chunk_hashes: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(in crate::client) padded: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub(in crate::client) capability_hash: Vec<u8>,
    #[prost(uint64, tag = "5")]
    pub(in crate::client) expires_at: u64,
}

/// An attachment on its way here.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct FetchRow {
    /// The file, encoded as in a message.
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) file: Vec<u8>,
    /// Header and chunk hashes are here and checked.
    #[prost(bool, tag = "2")]
    pub(in crate::client) opened: bool,
    /// How many chunks are here.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) done: u64,
    #[prost(uint64, tag = "4")]
    pub(in crate::client) chunks: u64,
    /// The request that is unanswered.
    #[prost(bytes = "vec", tag = "5")]
    pub(in crate::client) awaited: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "7")]
    pub(in crate::client) attempts: u32,
    /// It is history that another device hands over: it may come to the server only later.
    #[prost(bool, tag = "8")]
    pub(in crate::client) history: bool,
}

/// A file on its way to the server that no message shares.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct UploadRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) blob: Vec<u8>,
    /// The server has the announcement.
    #[prost(bool, tag = "2")]
    pub(in crate::client) announced: bool,
    /// How many chunks the server has.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) done: u64,
    #[prost(uint64, tag = "4")]
    pub(in crate::client) chunks: u64,
    /// The request that is unanswered.
    #[prost(bytes = "vec", tag = "5")]
    pub(in crate::client) awaited: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "7")]
    pub(in crate::client) attempts: u32,
    /// When the file expires, in milliseconds.
    #[prost(uint64, tag = "8")]
    pub(in crate::client) until: u64,
}

/// The history that another device hands over, until it is here.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct HistoryRow {
    /// Under which it is fetched.
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) request: Vec<u8>,
    /// The file, encoded as in a message.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) file: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(in crate::client) rooms: Vec<Vec<u8>>,
}

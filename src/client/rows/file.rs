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
    /// How often in a row another chunk came than the one that was asked for.
    #[prost(uint32, tag = "9")]
    pub(in crate::client) wrong: u32,
    /// The next request says so.
    #[prost(bool, tag = "10")]
    pub(in crate::client) doubts: bool,
    /// The server is fetching it: it is asked of all such files together.
    #[prost(bool, tag = "11")]
    pub(in crate::client) waits: bool,
}

/// What the server was asked of files that it is fetching.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct WaitingRow {
    /// The request that is unanswered; empty if none is.
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) awaited: Vec<u8>,
    /// The app's requests of which it asks, in its order.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(in crate::client) asked: Vec<Vec<u8>>,
    /// When to ask again, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) due: u64,
    /// How often in a row there was nothing new.
    #[prost(uint32, tag = "4")]
    pub(in crate::client) attempts: u32,
    /// The row of the last fetch that was asked of; empty: from the first on.
    #[prost(bytes = "vec", tag = "5")]
    pub(in crate::client) after: Vec<u8>,
}

/// A file that is to be taken back.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct ForgetRow {
    /// The app's request; empty if a deletion brought it about.
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) request: Vec<u8>,
    /// The request that is unanswered.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) awaited: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "4")]
    pub(in crate::client) attempts: u32,
}

/// A file that a message names.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct NamedRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) blob: Vec<u8>,
    /// The own user's, at the own agency.
    #[prost(bool, tag = "2")]
    pub(in crate::client) own: bool,
}

/// A file on its way to the server.
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
    /// The first chunk that has not been sent.
    #[prost(uint64, tag = "5")]
    pub(in crate::client) next: u64,
    /// What is unanswered: the announcement, or chunks.
    #[prost(message, repeated, tag = "6")]
    pub(in crate::client) steps: Vec<PutRow>,
    /// When the file expires, in milliseconds.
    #[prost(uint64, tag = "8")]
    pub(in crate::client) until: u64,
    /// How often it was announced anew, because the server did not know it any more.
    #[prost(uint32, tag = "10")]
    pub(in crate::client) anew: u32,
    /// The app's request.
    #[prost(bytes = "vec", tag = "11")]
    pub(in crate::client) request: Vec<u8>,
    /// The outbox item that shares it; 0: none does.
    #[prost(uint64, tag = "12")]
    pub(in crate::client) item: u64,
    /// Its room.
    #[prost(bytes = "vec", tag = "13")]
    pub(in crate::client) room: Vec<u8>,
    /// Chunks of the request's files before this one.
    #[prost(uint64, tag = "14")]
    pub(in crate::client) before: u64,
    /// Chunks of all of them.
    #[prost(uint64, tag = "15")]
    pub(in crate::client) total: u64,
}

/// A step of an upload that is unanswered.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct PutRow {
    /// Which chunk; 0 for the announcement.
    #[prost(uint64, tag = "1")]
    pub(in crate::client) index: u64,
    /// The request.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) awaited: Vec<u8>,
    /// When to ask again, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "4")]
    pub(in crate::client) attempts: u32,
    /// The server is asked whether it has the chunk, which does not go beside.
    #[prost(bool, tag = "5")]
    pub(in crate::client) probes: bool,
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

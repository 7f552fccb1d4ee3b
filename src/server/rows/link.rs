//! What goes to and comes from other agencies.

use bytes::Bytes;
use prost::Message;

use super::DeviceName;

/// The link to an agency.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct OutRow {
    /// The last frame made.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) made: u64,
    /// Its hash; empty if none was made.
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::server) hash: Bytes,
    /// Frames up to this one have been given to the host since the last rewind.
    #[prost(uint64, tag = "3")]
    pub(in crate::server) given: u64,
    /// Frames up to this one are acknowledged.
    #[prost(uint64, tag = "4")]
    pub(in crate::server) acked: u64,
    /// When what is not acknowledged is given again, in milliseconds.
    #[prost(uint64, tag = "5")]
    pub(in crate::server) retry_at: u64,
    /// How often it was given again without an acknowledgement between.
    #[prost(uint32, tag = "6")]
    pub(in crate::server) retries: u32,
    /// The version of the own descriptor that went last.
    #[prost(uint64, tag = "7")]
    pub(in crate::server) descriptor: u64,
    /// The version of the trust list that went last, or that the peer has given.
    #[prost(uint64, tag = "8")]
    pub(in crate::server) trust: u64,
    /// When the peer made the acknowledgement that was taken last, in milliseconds of its clock.
    #[prost(uint64, tag = "9")]
    pub(in crate::server) acked_at: u64,
    /// The life of the link; empty before its first frame.
    #[prost(bytes = "bytes", tag = "10")]
    pub(in crate::server) life: Bytes,
    /// The life of the own store in which that began.
    #[prost(bytes = "bytes", tag = "11")]
    pub(in crate::server) own: Bytes,
    /// The life of the peer's store, as it has said last; empty: it has said nothing.
    #[prost(bytes = "bytes", tag = "12")]
    pub(in crate::server) peer: Bytes,
    /// How many frames were acknowledged in earlier lives: this life's are kept under the numbers after those.
    #[prost(uint64, tag = "13")]
    pub(in crate::server) base: u64,
    /// How many frames of earlier lives were never acknowledged and have not gone again.
    #[prost(uint64, tag = "14")]
    pub(in crate::server) left: u64,
    /// The latest time at which a frame was signed, in milliseconds.
    #[prost(uint64, tag = "15")]
    pub(in crate::server) made_at: u64,
    /// When the last life began that the peer's store made necessary, in milliseconds.
    #[prost(uint64, tag = "16")]
    pub(in crate::server) began_at: u64,
}

/// What an agency was told of another one.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct ToldRow {
    /// The version of its revocation list.
    #[prost(uint64, tag = "1")]
    pub(in crate::server) revocations: u64,
    /// The version of its descriptor.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) descriptor: u64,
}

/// The link from an agency.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct InRow {
    /// The life of the link.
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) incarnation: Bytes,
    /// The last frame taken.
    #[prost(uint64, tag = "2")]
    pub(in crate::server) number: u64,
    /// Its hash.
    #[prost(bytes = "bytes", tag = "3")]
    pub(in crate::server) hash: Bytes,
    /// When it was signed, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(in crate::server) at: u64,
    /// Items that were refused, in all.
    #[prost(uint64, tag = "5")]
    pub(in crate::server) refused: u64,
}

/// Something that is to go into a frame. Entries and welcomes lie in their room, once for
/// all agencies; here stands where.
#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct PendingRow {
    #[prost(oneof = "Pending", tags = "1, 2, 3, 4, 5, 6")]
    pub(in crate::server) what: Option<Pending>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(in crate::server) enum Pending {
    #[prost(message, tag = "1")]
    Entry(PendingEntry),
    #[prost(message, tag = "2")]
    Welcome(PendingWelcome),
    /// An encoded `LinkItem`.
    #[prost(bytes = "bytes", tag = "3")]
    Item(Bytes),
    /// Whatever documents the agency was not told.
    #[prost(message, tag = "4")]
    Documents(Nothing),
    /// Where the log of this room stands, if nothing else says so.
    #[prost(bytes = "bytes", tag = "5")]
    Heartbeat(Bytes),
    /// Where the log of this room stands, whatever else says so.
    #[prost(bytes = "bytes", tag = "6")]
    Place(Bytes),
}

/// Nothing to say.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::server) struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct PendingEntry {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) room: Bytes,
    #[prost(uint64, tag = "2")]
    pub(in crate::server) seq: u64,
    /// The peer's devices that the entry removes, ordered.
    #[prost(message, repeated, tag = "3")]
    pub(in crate::server) departing: Vec<DeviceName>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::server) struct PendingWelcome {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::server) room: Bytes,
    #[prost(uint64, tag = "2")]
    pub(in crate::server) seq: u64,
    /// The peer's devices that the entry adds, ordered.
    #[prost(message, repeated, tag = "3")]
    pub(in crate::server) recipients: Vec<DeviceName>,
}

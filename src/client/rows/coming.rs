//! How devices come into rooms, and to their user.

use prost::Message;

/// An invitation that waits for the user's word.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct AskedRow {
    /// Who invites.
    #[prost(string, tag = "1")]
    pub(in crate::client) by: String,
    /// Until when the server has what goes with it, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(in crate::client) until: u64,
}

/// A device of the user that this one has endorsed, until it is in all rooms.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct CompanionRow {
    /// When to go on, in milliseconds.
    #[prost(uint64, tag = "1")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "2")]
    pub(in crate::client) attempts: u32,
    /// Until when it is waited for, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) until: u64,
    /// It can be invited.
    #[prost(bool, tag = "4")]
    pub(in crate::client) there: bool,
    /// The last room looked at; empty at the beginning.
    #[prost(bytes = "vec", tag = "5")]
    pub(in crate::client) after: Vec<u8>,
    /// It was missing in one of those looked at.
    #[prost(bool, tag = "6")]
    pub(in crate::client) lacking: bool,
}

/// An invitation that is being taken up.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct InvitationRow {
    /// The encoded invitation as it came.
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) invitation: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) request_id: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "4")]
    pub(in crate::client) attempts: u32,
    /// How far the device had come in its former stay when an answer came before the end of it.
    #[prost(uint64, tag = "5")]
    pub(in crate::client) read: u64,
    /// How many answers found it there.
    #[prost(uint32, tag = "6")]
    pub(in crate::client) waited: u32,
    /// How many answers came without a document that the invitation needs.
    #[prost(uint32, tag = "7")]
    pub(in crate::client) lacking: u32,
    /// What the user has said to it: see [`crate::client::asked::Answer`].
    #[prost(uint32, tag = "30")]
    pub(in crate::client) answer: u32,
    /// The app's request that declined it; empty: it was declined without a word.
    #[prost(bytes = "vec", tag = "31")]
    pub(in crate::client) declined_by: Vec<u8>,
}

/// A room into which the device comes by itself.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct JoinRow {
    /// The agency whose server is the hub; empty: the own server knows.
    #[prost(string, tag = "1")]
    pub(in crate::client) hub: String,
    /// The app's request; empty: the engine does it by itself.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) request: Vec<u8>,
    /// Under which id the way in was asked for; empty: not yet.
    #[prost(bytes = "vec", tag = "3")]
    pub(in crate::client) asked: Vec<u8>,
    /// The commit as it was submitted; empty: not yet.
    #[prost(bytes = "vec", tag = "4")]
    pub(in crate::client) submission: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(in crate::client) submission_id: Vec<u8>,
    /// The place that the log has shown, an encoded invitation; empty: not yet.
    #[prost(bytes = "vec", tag = "6")]
    pub(in crate::client) place: Vec<u8>,
    /// When to go on, in milliseconds.
    #[prost(uint64, tag = "7")]
    pub(in crate::client) due: u64,
    /// How often the same was sent.
    #[prost(uint32, tag = "8")]
    pub(in crate::client) attempts: u32,
    /// How often it was begun anew.
    #[prost(uint32, tag = "9")]
    pub(in crate::client) tries: u32,
    /// How often a document was missing to take the place.
    #[prost(uint32, tag = "10")]
    pub(in crate::client) lacking: u32,
    /// Only if the room is as the device last knew it.
    #[prost(bool, tag = "11")]
    pub(in crate::client) cautious: bool,
    /// The entry of an invitation whose Welcome did not let the device in; empty: none was.
    #[prost(bytes = "vec", tag = "12")]
    pub(in crate::client) invited: Vec<u8>,
    /// Somebody has brought the device in meanwhile: it comes in only if the hub has taken the commit.
    #[prost(bool, tag = "13")]
    pub(in crate::client) brought: bool,
}

/// What another device of the user told this one when it linked it, until it is enrolled.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct LinkedRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) identity: Vec<u8>,
    /// For the registrar.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) request: Vec<u8>,
    /// The user's rooms.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(in crate::client) rooms: Vec<Vec<u8>>,
    /// It is enrolled; what is left is to come into the rooms.
    #[prost(bool, tag = "4")]
    pub(in crate::client) enrolled: bool,
}

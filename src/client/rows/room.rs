//! A room, and what is remembered of what was said in it.

use prost::Message;

use super::file::NamedRow;

/// A room.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct RoomRow {
    #[prost(uint64, tag = "1")]
    pub(in crate::client) term: u64,
    /// The last entry processed.
    #[prost(uint64, tag = "2")]
    pub(in crate::client) seq: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(in crate::client) hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(in crate::client) stamp: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(in crate::client) hub: String,
    /// Whether the device takes part: not before its founding stands in the log.
    #[prost(bool, tag = "6")]
    pub(in crate::client) active: bool,
    /// The encoded private state; empty if unknown.
    #[prost(bytes = "vec", tag = "7")]
    pub(in crate::client) private: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    pub(in crate::client) pending: Option<PendingRow>,
    /// Nothing is made for the room before this entry is processed, for a refusal named it,
    /// or [`RoomRow::wait_until`] has come.
    #[prost(uint64, tag = "9")]
    pub(in crate::client) wait_for: u64,
    /// Messages in the outbox that are not encrypted yet, held ones excepted.
    #[prost(uint32, tag = "10")]
    pub(in crate::client) waiting: u32,
    /// Changes in the outbox that are not committed yet.
    #[prost(uint32, tag = "11")]
    pub(in crate::client) changes: u32,
    /// When to commit somebody's leaving, in milliseconds; 0: nobody leaves.
    #[prost(uint64, tag = "12")]
    pub(in crate::client) commit_due: u64,
    /// The first entry that could not be processed, told to the app.
    #[prost(uint64, tag = "13")]
    pub(in crate::client) stalled: u64,
    /// When to ask again for what keeps it from being processed, in milliseconds; 0: nothing can come.
    #[prost(uint64, tag = "20")]
    pub(in crate::client) ask_due: u64,
    /// How often it was asked for.
    #[prost(uint32, tag = "21")]
    pub(in crate::client) asked: u32,
    /// The place from which the device can read.
    #[prost(uint64, tag = "14")]
    pub(in crate::client) begins: u64,
    /// Messages in the outbox, whatever their state.
    #[prost(uint32, tag = "15")]
    pub(in crate::client) messages: u32,
    /// How often a message was encrypted.
    #[prost(uint64, tag = "16")]
    pub(in crate::client) encrypted: u64,
    /// Of these, how many are surely not under way any more: all before this one.
    #[prost(uint64, tag = "17")]
    pub(in crate::client) settled: u64,
    /// In milliseconds: whatever a refusal said, it is tried again then. 0: nothing waits.
    #[prost(uint64, tag = "18")]
    pub(in crate::client) wait_until: u64,
    /// How often that has come without any new entry.
    #[prost(uint32, tag = "19")]
    pub(in crate::client) waited: u32,
    /// It is stalled because the own server does not have what the device has processed.
    #[prost(bool, tag = "22")]
    pub(in crate::client) astray: bool,
    /// The device is here only to leave, and the app hears nothing of the room.
    #[prost(bool, tag = "30")]
    pub(in crate::client) declined: bool,
    /// How long the room keeps messages, in milliseconds; 0: no bound.
    #[prost(uint64, tag = "40")]
    pub(in crate::client) retention: u64,
    /// Where to go on to compute anew when messages expire; empty at the beginning.
    #[prost(bytes = "vec", optional, tag = "41")]
    pub(in crate::client) reschedule: Option<Vec<u8>>,
    /// When to tell those who have come in from outside what the room is about, in milliseconds;
    /// 0: nobody has to be told.
    #[prost(uint64, tag = "63")]
    pub(in crate::client) tell_due: u64,
    /// Devices that count no more and of which the app was told.
    #[prost(string, repeated, tag = "50")]
    pub(in crate::client) due: Vec<String>,
    /// What was said here may be handed to the user's next device.
    #[prost(bool, tag = "75")]
    pub(in crate::client) hands_over: bool,
    /// The epoch, plus one, of which the room's public row tells.
    #[prost(uint64, tag = "60")]
    pub(in crate::client) shown: u64,
    /// When the room ends, in milliseconds; 0: it does not.
    #[prost(uint64, tag = "61")]
    pub(in crate::client) ends_at: u64,
    /// The end of which the app was told that it has come.
    #[prost(uint64, tag = "62")]
    pub(in crate::client) end_told: u64,
    /// When to bring in a newer certificate of the device, in milliseconds; 0: it is not known yet.
    #[prost(uint64, tag = "64")]
    pub(in crate::client) renew_due: u64,
    /// When to put keys into the room's tree, in milliseconds; 0: that is not needed.
    #[prost(uint64, tag = "65")]
    pub(in crate::client) path_due: u64,
}

/// What was heard of a room since its last entry.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct HeardRow {
    /// That entry.
    #[prost(uint64, tag = "1")]
    pub(in crate::client) seq: u64,
    /// When the newest head was signed, in milliseconds of the hub's clock.
    #[prost(uint64, tag = "2")]
    pub(in crate::client) at: u64,
    /// When the own server first had no newer one, though the room is active; 0: it has always had one.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) since: u64,
    /// When it still had none, so much later that one was due; 0: that has not been.
    #[prost(uint64, tag = "4")]
    pub(in crate::client) again: u64,
    /// The app was told.
    #[prost(bool, tag = "5")]
    pub(in crate::client) told: bool,
}

/// A message that was read or sent, as later ones may speak of it.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct MessageRow {
    /// Its place in the log.
    #[prost(uint64, tag = "1")]
    pub(in crate::client) seq: u64,
    /// The kind of its content; 0 if no other can be about it: it is about others itself, or
    /// has expired.
    #[prost(uint32, tag = "2")]
    pub(in crate::client) kind: u32,
    /// Whose it is; empty where the kind is 0.
    #[prost(string, tag = "3")]
    pub(in crate::client) author: String,
    /// Its entry's stamp, in milliseconds; 0 if it goes with those that it is about.
    #[prost(uint64, tag = "4")]
    pub(in crate::client) at: u64,
    /// How long it is kept by its own word, in milliseconds; 0: no bound.
    #[prost(uint64, tag = "5")]
    pub(in crate::client) lifetime: u64,
    /// When it has to go, and is found there; 0: it stays.
    #[prost(uint64, tag = "6")]
    pub(in crate::client) due: u64,
    #[prost(bool, tag = "7")]
    pub(in crate::client) deleted: bool,
    /// The app knows that it has to go.
    #[prost(bool, tag = "8")]
    pub(in crate::client) told: bool,
    /// The files that it names.
    #[prost(message, repeated, tag = "9")]
    pub(in crate::client) files: Vec<NamedRow>,
}

/// The commit that the device has made and the log has not shown yet.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct PendingRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) submission_id: Vec<u8>,
    /// The outbox item that it carries out; 0 if none (somebody's leaving alone).
    #[prost(uint64, tag = "2")]
    pub(in crate::client) item: u64,
    /// The private state after it, if it changes.
    #[prost(bytes = "vec", tag = "3")]
    pub(in crate::client) private: Vec<u8>,
    /// The submission, to be sent again as it is.
    #[prost(bytes = "vec", tag = "4")]
    pub(in crate::client) submission: Vec<u8>,
    /// When to send it again.
    #[prost(uint64, tag = "5")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "6")]
    pub(in crate::client) attempts: u32,
}

/// What servers and members enforce in a room, as apps ask for it.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct PublicRow {
    /// The encoded room state.
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) state: Vec<u8>,
    /// Archives that take part.
    #[prost(string, repeated, tag = "2")]
    pub(in crate::client) archives: Vec<String>,
    /// Nobody who takes part may govern.
    #[prost(bool, tag = "3")]
    pub(in crate::client) ungoverned: bool,
}

/// Key packages that were made together.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct ExpiringRow {
    /// Where their private keys are, unless they have been used.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(in crate::client) keys: Vec<Vec<u8>>,
}

/// How far rows that are kept for a while have been looked through.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct SweepRow {
    /// When to go on, in milliseconds.
    #[prost(uint64, tag = "1")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "2")]
    pub(in crate::client) table: u32,
    /// The last row looked at; empty at the beginning.
    #[prost(bytes = "vec", tag = "3")]
    pub(in crate::client) after: Vec<u8>,
}

/// Who joined with an epoch.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct JoinedRow {
    #[prost(string, repeated, tag = "1")]
    pub(in crate::client) users: Vec<String>,
    /// Label or policy changed with it.
    #[prost(bool, tag = "2")]
    pub(in crate::client) rules: bool,
}

/// Where the device's part in a room has ended.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct DepartedRow {
    /// The last entry that it could read.
    #[prost(uint64, tag = "1")]
    pub(in crate::client) seq: u64,
    /// When that was read, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(in crate::client) at: u64,
    /// The epoch to which the room had come.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) epoch: u64,
    /// When the hub stamped that entry, in milliseconds of its clock.
    #[prost(uint64, tag = "4")]
    pub(in crate::client) stamped: u64,
    /// The app was told that the hub has less of the log, or another.
    #[prost(bool, tag = "5")]
    pub(in crate::client) told: bool,
    /// The agency whose server ordered it.
    #[prost(string, tag = "6")]
    pub(in crate::client) hub: String,
}

//! What the client's rows hold. They are the client's own; a row that cannot be read is a
//! failure of the store, never an absence.

use prost::Message;

use crate::{
    error::Result,
    store::{Draft, Key, corrupt},
};

/// Reads a row.
pub(super) fn read<R: Message + Default>(
    draft: &Draft<'_>,
    key: &[u8],
    name: &'static str,
) -> Result<Option<R>> {
    draft.get(key)?.map(|row| parse(&row, name)).transpose()
}

/// Parses a row.
pub(super) fn parse<R: Message + Default>(row: &[u8], name: &'static str) -> Result<R> {
    R::decode(row).map_err(|_| corrupt(name))
}

/// Writes a row.
pub(super) fn write<R: Message>(draft: &mut Draft<'_>, key: Key, row: &R) {
    draft.put(key, row.encode_to_vec());
}

/// The device itself.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AccountRow {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) device: Vec<u8>,
    /// The seed of its signature key.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) seed: Vec<u8>,
    /// Empty until the agency has issued it.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) certificate: Vec<u8>,
    /// The server knows the device.
    #[prost(bool, tag = "5")]
    pub(super) enrolled: bool,
    /// The store was rolled back: send nothing.
    #[prost(bool, tag = "6")]
    pub(super) halted: bool,
    /// The request that makes the device known, until it is answered.
    #[prost(bytes = "vec", tag = "7")]
    pub(super) enrol: Vec<u8>,
    /// When to send it again, in milliseconds.
    #[prost(uint64, tag = "8")]
    pub(super) enrol_due: u64,
    #[prost(uint32, tag = "9")]
    pub(super) enrol_attempts: u32,
    /// The number of the code with which the server has refused it, told to the app.
    #[prost(uint32, tag = "10")]
    pub(super) enrol_refused: u32,
    /// The number of the code with which the server refuses to serve the device, told to the app.
    #[prost(uint32, tag = "52")]
    pub(super) not_served: u32,
}

/// A room.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RoomRow {
    #[prost(uint64, tag = "1")]
    pub(super) term: u64,
    /// The last entry processed.
    #[prost(uint64, tag = "2")]
    pub(super) seq: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) stamp: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(super) hub: String,
    /// Whether the device takes part: not before its founding stands in the log.
    #[prost(bool, tag = "6")]
    pub(super) active: bool,
    /// The encoded private state; empty if unknown.
    #[prost(bytes = "vec", tag = "7")]
    pub(super) private: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    pub(super) pending: Option<PendingRow>,
    /// Nothing is made for the room before this entry is processed, for a refusal named it,
    /// or [`RoomRow::wait_until`] has come.
    #[prost(uint64, tag = "9")]
    pub(super) wait_for: u64,
    /// Messages in the outbox that are not encrypted yet, held ones excepted.
    #[prost(uint32, tag = "10")]
    pub(super) waiting: u32,
    /// Changes in the outbox that are not committed yet.
    #[prost(uint32, tag = "11")]
    pub(super) changes: u32,
    /// When to commit somebody's leaving, in milliseconds; 0: nobody leaves.
    #[prost(uint64, tag = "12")]
    pub(super) commit_due: u64,
    /// The first entry that could not be processed, told to the app.
    #[prost(uint64, tag = "13")]
    pub(super) stalled: u64,
    /// The place from which the device can read.
    #[prost(uint64, tag = "14")]
    pub(super) begins: u64,
    /// Messages in the outbox, whatever their state.
    #[prost(uint32, tag = "15")]
    pub(super) messages: u32,
    /// How often a message was encrypted.
    #[prost(uint64, tag = "16")]
    pub(super) encrypted: u64,
    /// Of these, how many are surely not under way any more: all before this one.
    #[prost(uint64, tag = "17")]
    pub(super) settled: u64,
    /// In milliseconds: whatever a refusal said, it is tried again then. 0: nothing waits.
    #[prost(uint64, tag = "18")]
    pub(super) wait_until: u64,
    /// How often that has come without any new entry.
    #[prost(uint32, tag = "19")]
    pub(super) waited: u32,
    /// The device is here only to leave, and the app hears nothing of the room.
    #[prost(bool, tag = "30")]
    pub(super) declined: bool,
    /// How long the room keeps messages, in milliseconds; 0: no bound.
    #[prost(uint64, tag = "40")]
    pub(super) retention: u64,
    /// Where to go on to compute anew when messages expire; empty at the beginning.
    #[prost(bytes = "vec", optional, tag = "41")]
    pub(super) reschedule: Option<Vec<u8>>,
    /// When to tell those who have come in from outside what the room is about, in milliseconds;
    /// 0: nobody has to be told.
    #[prost(uint64, tag = "63")]
    pub(super) tell_due: u64,
    /// Devices that count no more and of which the app was told.
    #[prost(string, repeated, tag = "50")]
    pub(super) due: Vec<String>,
    /// What was said here may be handed to the user's next device.
    #[prost(bool, tag = "75")]
    pub(super) hands_over: bool,
    /// The epoch, plus one, of which the room's public row tells.
    #[prost(uint64, tag = "60")]
    pub(super) shown: u64,
    /// When the room ends, in milliseconds; 0: it does not.
    #[prost(uint64, tag = "61")]
    pub(super) ends_at: u64,
    /// The end of which the app was told that it has come.
    #[prost(uint64, tag = "62")]
    pub(super) end_told: u64,
}

/// A message that was read or sent, as later ones may speak of it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageRow {
    /// Its place in the log.
    #[prost(uint64, tag = "1")]
    pub(super) seq: u64,
    /// The kind of its content; 0 if no other can be about it: it is about others itself, or
    /// has expired.
    #[prost(uint32, tag = "2")]
    pub(super) kind: u32,
    /// Whose it is; empty where the kind is 0.
    #[prost(string, tag = "3")]
    pub(super) author: String,
    /// Its entry's stamp, in milliseconds; 0 if it goes with those that it is about.
    #[prost(uint64, tag = "4")]
    pub(super) at: u64,
    /// How long it is kept by its own word, in milliseconds; 0: no bound.
    #[prost(uint64, tag = "5")]
    pub(super) lifetime: u64,
    /// When it has to go, and is found there; 0: it stays.
    #[prost(uint64, tag = "6")]
    pub(super) due: u64,
    #[prost(bool, tag = "7")]
    pub(super) deleted: bool,
    /// The app knows that it has to go.
    #[prost(bool, tag = "8")]
    pub(super) told: bool,
}

/// An invitation that waits for the user's word.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AskedRow {
    /// Who invites.
    #[prost(string, tag = "1")]
    pub(super) by: String,
    /// Until when the server has what goes with it, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(super) until: u64,
}

/// The commit that the device has made and the log has not shown yet.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PendingRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) submission_id: Vec<u8>,
    /// The outbox item that it carries out; 0 if none (somebody's leaving alone).
    #[prost(uint64, tag = "2")]
    pub(super) item: u64,
    /// The private state after it, if it changes.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) private: Vec<u8>,
    /// The submission, to be sent again as it is.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) submission: Vec<u8>,
    /// When to send it again.
    #[prost(uint64, tag = "5")]
    pub(super) due: u64,
    #[prost(uint32, tag = "6")]
    pub(super) attempts: u32,
}

/// Something on its way.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OutboxRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) request: Vec<u8>,
    /// What was submitted and is unanswered; empty while it waits.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) submission: Vec<u8>,
    /// The id by which the answer is known.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) awaited: Vec<u8>,
    /// When to send it again, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(super) due: u64,
    #[prost(uint32, tag = "5")]
    pub(super) attempts: u32,
    /// For a message under way: how many were encrypted before it.
    #[prost(uint64, tag = "14")]
    pub(super) order: u64,
    #[prost(oneof = "Work", tags = "6, 7, 8, 9, 10, 11, 12, 13, 20, 21, 22")]
    pub(super) work: Option<Work>,
}

/// What an outbox item is for.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Work {
    #[prost(message, tag = "6")]
    Message(MessageWork),
    #[prost(message, tag = "7")]
    Create(Nothing),
    #[prost(message, tag = "8")]
    Invite(InviteWork),
    #[prost(message, tag = "9")]
    Remove(UsersWork),
    #[prost(message, tag = "10")]
    Leave(LeaveWork),
    #[prost(message, tag = "11")]
    Describe(DescribeWork),
    #[prost(message, tag = "12")]
    SetRole(RoleWork),
    #[prost(message, tag = "13")]
    Share(ShareWork),
    #[prost(message, tag = "20")]
    Ban(UsersWork),
    #[prost(message, tag = "21")]
    Unban(UsersWork),
    #[prost(message, tag = "22")]
    Govern(GovernWork),
}

/// Nothing to say.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Nothing {}

/// A message.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageWork {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) content: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) id: Vec<u8>,
    /// Whoever was there in this epoch may read it.
    #[prost(uint64, tag = "5")]
    pub(super) epoch: u64,
    /// It waits for the app's consent.
    #[prost(bool, tag = "6")]
    pub(super) held: bool,
    /// How long it is kept, in milliseconds; 0: as long as the room says.
    #[prost(uint64, tag = "7")]
    pub(super) lifetime: u64,
    /// The label that the app knew when it sent it or consented.
    #[prost(string, tag = "8")]
    pub(super) label: String,
    /// It is the engine's own: the app hears nothing of it, and no reader is one too many.
    #[prost(bool, tag = "60")]
    pub(super) quiet: bool,
}

/// An invitation in the making.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InviteWork {
    #[prost(string, repeated, tag = "1")]
    pub(super) users: Vec<String>,
    /// Claims that are not answered, one of each agency.
    #[prost(message, repeated, tag = "3")]
    pub(super) awaiting: Vec<ClaimRow>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(super) packages: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    pub(super) problems: Vec<ProblemRow>,
    /// It only fetches the founder's other devices: it succeeds silently.
    #[prost(bool, tag = "6")]
    pub(super) quiet: bool,
}

/// A claim of key packages.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ClaimRow {
    /// Whose users are claimed.
    #[prost(string, tag = "1")]
    pub(super) agency: String,
    /// The request that claims them.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) id: Vec<u8>,
    /// When it was made, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(super) at: u64,
}

/// A user who cannot be invited.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ProblemRow {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(uint32, tag = "2")]
    pub(super) code: u32,
    /// When they can, in milliseconds; 0: nobody said.
    #[prost(uint64, tag = "3")]
    pub(super) retry_at: u64,
}

/// A leaving.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct LeaveWork {
    /// With this device alone, and without a word to the app: somebody who is blocked has
    /// brought it in.
    #[prost(bool, tag = "1")]
    pub(super) quiet: bool,
}

/// Some users.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UsersWork {
    #[prost(string, repeated, tag = "1")]
    pub(super) users: Vec<String>,
}

/// A new name, topic or label.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DescribeWork {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) topic: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) label: Option<String>,
}

/// A new role.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RoleWork {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(int32, tag = "2")]
    pub(super) role: i32,
}

/// Another policy, join rule, listing, retention or end.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GovernWork {
    /// Which part of the state.
    #[prost(uint32, tag = "1")]
    pub(super) part: u32,
    /// An encoded room state of which this part counts.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) state: Vec<u8>,
}

/// What servers and members enforce in a room, as apps ask for it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PublicRow {
    /// The encoded room state.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) state: Vec<u8>,
    /// Archives that take part.
    #[prost(string, repeated, tag = "2")]
    pub(super) archives: Vec<String>,
    /// Nobody who takes part may govern.
    #[prost(bool, tag = "3")]
    pub(super) ungoverned: bool,
}

/// A file on its way to the server, and then the message that shares it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ShareWork {
    /// The encoded content that is sent when the file is up.
    #[prost(message, optional, tag = "1")]
    pub(super) message: Option<MessageWork>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) blob: Vec<u8>,
    /// How many chunks the server has; the announcement comes before the first.
    #[prost(uint64, tag = "3")]
    pub(super) done: u64,
    #[prost(uint64, tag = "4")]
    pub(super) chunks: u64,
    /// The server has the announcement.
    #[prost(bool, tag = "5")]
    pub(super) announced: bool,
}

/// What an attachment is announced with.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InfoRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) chunk_hashes: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(super) padded: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) capability_hash: Vec<u8>,
    #[prost(uint64, tag = "5")]
    pub(super) expires_at: u64,
}

/// An attachment on its way here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FetchRow {
    /// The file, encoded as in a message.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) file: Vec<u8>,
    /// Header and chunk hashes are here and checked.
    #[prost(bool, tag = "2")]
    pub(super) opened: bool,
    /// How many chunks are here.
    #[prost(uint64, tag = "3")]
    pub(super) done: u64,
    #[prost(uint64, tag = "4")]
    pub(super) chunks: u64,
    /// The request that is unanswered.
    #[prost(bytes = "vec", tag = "5")]
    pub(super) awaited: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(super) due: u64,
    #[prost(uint32, tag = "7")]
    pub(super) attempts: u32,
    /// It is history that another device hands over: it may come to the server only later.
    #[prost(bool, tag = "8")]
    pub(super) history: bool,
}

/// A file on its way to the server that no message shares.
#[derive(Clone, PartialEq, Message)]
pub(super) struct UploadRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) blob: Vec<u8>,
    /// The server has the announcement.
    #[prost(bool, tag = "2")]
    pub(super) announced: bool,
    /// How many chunks the server has.
    #[prost(uint64, tag = "3")]
    pub(super) done: u64,
    #[prost(uint64, tag = "4")]
    pub(super) chunks: u64,
    /// The request that is unanswered.
    #[prost(bytes = "vec", tag = "5")]
    pub(super) awaited: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(super) due: u64,
    #[prost(uint32, tag = "7")]
    pub(super) attempts: u32,
    /// When the file expires, in milliseconds.
    #[prost(uint64, tag = "8")]
    pub(super) until: u64,
}

/// The history that another device hands over, until it is here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HistoryRow {
    /// Under which it is fetched.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) request: Vec<u8>,
    /// The file, encoded as in a message.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) file: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(super) rooms: Vec<Vec<u8>>,
}

/// A device of the user that this one has endorsed, until it is in all rooms.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CompanionRow {
    /// When to go on, in milliseconds.
    #[prost(uint64, tag = "1")]
    pub(super) due: u64,
    #[prost(uint32, tag = "2")]
    pub(super) attempts: u32,
    /// Until when it is waited for, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(super) until: u64,
    /// It can be invited.
    #[prost(bool, tag = "4")]
    pub(super) there: bool,
    /// The last room looked at; empty at the beginning.
    #[prost(bytes = "vec", tag = "5")]
    pub(super) after: Vec<u8>,
    /// It was missing in one of those looked at.
    #[prost(bool, tag = "6")]
    pub(super) lacking: bool,
}

/// The last synchronisation that was asked for.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SyncRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) request_id: Vec<u8>,
    /// How many submissions the device had made.
    #[prost(uint64, tag = "2")]
    pub(super) counter: u64,
    /// When the engine wants to be called because of it, in milliseconds; 0: never.
    #[prost(uint64, tag = "3")]
    pub(super) due: u64,
    /// How often in a row it was due and unanswered.
    #[prost(uint32, tag = "4")]
    pub(super) attempts: u32,
    #[prost(bool, tag = "5")]
    pub(super) answered: bool,
}

/// Key packages that the server has not confirmed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PublishRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) request_id: Vec<u8>,
    /// The request, to be sent again as it is.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) request: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(super) due: u64,
    #[prost(uint32, tag = "4")]
    pub(super) attempts: u32,
    /// A last resort is among them.
    #[prost(bool, tag = "5")]
    pub(super) last_resort: bool,
}

/// A look-up that is not answered.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LookUpRow {
    /// The encoded look-up.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) look_up: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(super) due: u64,
    #[prost(uint32, tag = "3")]
    pub(super) attempts: u32,
}

/// To whom a key package was given.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RecordRow {
    /// Its KeyPackageRef.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) package: Vec<u8>,
    /// The request that claimed it.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) claim: Vec<u8>,
    /// Whose that is.
    #[prost(string, tag = "3")]
    pub(super) user: String,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) device: Vec<u8>,
    /// When, in milliseconds.
    #[prost(uint64, tag = "5")]
    pub(super) at: u64,
}

/// Key packages that were made together.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExpiringRow {
    /// Where their private keys are, unless they have been used.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) keys: Vec<Vec<u8>>,
}

/// How far rows that are kept for a while have been looked through.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SweepRow {
    /// When to go on, in milliseconds.
    #[prost(uint64, tag = "1")]
    pub(super) due: u64,
    #[prost(uint32, tag = "2")]
    pub(super) table: u32,
    /// The last row looked at; empty at the beginning.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) after: Vec<u8>,
}

/// What an id on the wire belongs to.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AwaitedRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) room: Vec<u8>,
    /// An outbox item of the room, or 0 for its pending commit.
    #[prost(uint64, tag = "2")]
    pub(super) item: u64,
    /// An invitation; 0 if none.
    #[prost(uint64, tag = "3")]
    pub(super) invitation: u64,
    /// The app's request that fetches an attachment; empty if none.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) fetch: Vec<u8>,
    /// The app's request that uploads a file; empty if none.
    #[prost(bytes = "vec", tag = "5")]
    pub(super) upload: Vec<u8>,
    /// The device is coming into the room from outside.
    #[prost(bool, tag = "60")]
    pub(super) joins: bool,
}

/// What a request of the app became.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ReceiptRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) room: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) message: Vec<u8>,
    /// The outbox item, as long as it is there; 0: the request fetches an attachment.
    #[prost(uint64, tag = "3")]
    pub(super) item: u64,
    /// When it was made, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(super) at: u64,
}

/// Who joined with an epoch.
#[derive(Clone, PartialEq, Message)]
pub(super) struct JoinedRow {
    #[prost(string, repeated, tag = "1")]
    pub(super) users: Vec<String>,
    /// Label or policy changed with it.
    #[prost(bool, tag = "2")]
    pub(super) rules: bool,
}

/// Where the device's part in a room has ended.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DepartedRow {
    /// The last entry that it could read.
    #[prost(uint64, tag = "1")]
    pub(super) seq: u64,
    /// When that was read, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(super) at: u64,
}

/// An invitation that is being taken up.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InvitationRow {
    /// The encoded invitation as it came.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) invitation: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) request_id: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(super) due: u64,
    #[prost(uint32, tag = "4")]
    pub(super) attempts: u32,
    /// How far the device had come in its former stay when an answer came before the end of it.
    #[prost(uint64, tag = "5")]
    pub(super) read: u64,
    /// How many answers found it there.
    #[prost(uint32, tag = "6")]
    pub(super) waited: u32,
    /// How many answers came without a document that the invitation needs.
    #[prost(uint32, tag = "7")]
    pub(super) lacking: u32,
    /// What the user has said to it: see [`super::asked::Answer`].
    #[prost(uint32, tag = "30")]
    pub(super) answer: u32,
    /// The app's request that declined it; empty: it was declined without a word.
    #[prost(bytes = "vec", tag = "31")]
    pub(super) declined_by: Vec<u8>,
}

/// A room into which the device comes by itself.
#[derive(Clone, PartialEq, Message)]
pub(super) struct JoinRow {
    /// The agency whose server is the hub; empty: the own server knows.
    #[prost(string, tag = "1")]
    pub(super) hub: String,
    /// The app's request; empty: the engine does it by itself.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) request: Vec<u8>,
    /// Under which id the way in was asked for; empty: not yet.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) asked: Vec<u8>,
    /// The commit as it was submitted; empty: not yet.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) submission: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) submission_id: Vec<u8>,
    /// The place that the log has shown, an encoded invitation; empty: not yet.
    #[prost(bytes = "vec", tag = "6")]
    pub(super) place: Vec<u8>,
    /// When to go on, in milliseconds.
    #[prost(uint64, tag = "7")]
    pub(super) due: u64,
    /// How often the same was sent.
    #[prost(uint32, tag = "8")]
    pub(super) attempts: u32,
    /// How often it was begun anew.
    #[prost(uint32, tag = "9")]
    pub(super) tries: u32,
    /// How often a document was missing to take the place.
    #[prost(uint32, tag = "10")]
    pub(super) lacking: u32,
    /// Only if the room is as the device last knew it.
    #[prost(bool, tag = "11")]
    pub(super) cautious: bool,
    /// The entry of an invitation whose Welcome did not let the device in; empty: none was.
    #[prost(bytes = "vec", tag = "12")]
    pub(super) invited: Vec<u8>,
}

/// What another device of the user told this one when it linked it, until it is enrolled.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LinkedRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) identity: Vec<u8>,
    /// For the registrar.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) request: Vec<u8>,
    /// The user's rooms.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(super) rooms: Vec<Vec<u8>>,
    /// It is enrolled; what is left is to come into the rooms.
    #[prost(bool, tag = "4")]
    pub(super) enrolled: bool,
}

//! What the client's rows hold. They are the client's own; a row that cannot be read is a
//! failure of the store, never an absence.

mod coming;
mod file;
mod room;
mod work;

use prost::Message;

pub(super) use coming::{AskedRow, CompanionRow, InvitationRow, JoinRow, LinkedRow};
pub(super) use file::{FetchRow, ForgetRow, HistoryRow, InfoRow, NamedRow, PutRow, UploadRow, WaitingRow};
pub(super) use room::{
    DepartedRow, ExpiringRow, HeardRow, JoinedRow, MessageRow, PendingRow, PublicRow, RoomRow, SweepRow,
};
pub(super) use work::{
    ClaimRow, DescribeWork, DoubtRow, ForwardWork, GovernWork, InviteWork, InvitedRow, LeaveWork,
    MessageWork, Nothing, OutboxRow, ProblemRow, RoleWork, ShareWork, UsersWork, Work,
};

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
    /// Whether there are rooms of which the own server does not have what this device has processed.
    #[prost(bool, tag = "6")]
    pub(super) astray: bool,
    /// When to ask again because rooms are active, in milliseconds; 0: none is.
    #[prost(uint64, tag = "7")]
    pub(super) listen_due: u64,
    /// How many synchronisations were answered.
    #[prost(uint64, tag = "8")]
    pub(super) answers: u64,
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
    /// The time in the claim, in milliseconds.
    #[prost(uint64, tag = "6")]
    pub(super) claimed_at: u64,
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
    /// The upload of a file; empty if none.
    #[prost(bytes = "vec", tag = "5")]
    pub(super) upload: Vec<u8>,
    /// The file that is taken back; empty if none.
    #[prost(bytes = "vec", tag = "6")]
    pub(super) forget: Vec<u8>,
    /// It asks of files that the server is fetching.
    #[prost(bool, tag = "7")]
    pub(super) waiting: bool,
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

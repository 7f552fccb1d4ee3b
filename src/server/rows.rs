//! What the server's rows hold. Signed documents and wire messages are kept as the bytes
//! that they are; the rest is laid out here, in Protocol Buffers of its own.

use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result},
    identity::{UserKind, VerifiedDevice},
    ids::{Device, DeviceId, UserId},
    store::{Value, corrupt},
    time::Timestamp,
    wire::{Wire, decode_body, fields::raw},
};

/// A row that is there has to be readable: if not, the store is corrupt.
pub(super) fn read<M: Message + Default>(row: Value) -> Result<M> {
    M::decode(Bytes::from(row)).map_err(|_| corrupt("server row"))
}

/// As [`read`], for a row that holds a bare wire message.
pub(super) fn read_wire<T: Wire>(row: Value) -> Result<T> {
    decode_body(&Bytes::from(row)).map_err(unreadable)
}

/// For what was checked before it was stored.
pub(super) fn unreadable(_: Error) -> Error {
    corrupt("server row")
}

/// An enrolled device.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeviceRow {
    /// The signed certificate.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) certificate: Bytes,
    /// The public key in it, 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) key: Bytes,
    /// Until when it is valid, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(super) not_after: u64,
    /// The agency's number for it; a higher one is newer.
    #[prost(uint64, tag = "4")]
    pub(super) serial: u64,
}

/// What changes about a device.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeviceState {
    /// The number of the last inbox item.
    #[prost(uint64, tag = "1")]
    pub(super) inbox_last: u64,
    /// Inbox items up to this number are gone.
    #[prost(uint64, tag = "2")]
    pub(super) inbox_done: u64,
    /// The highest submission counter seen.
    #[prost(uint64, tag = "3")]
    pub(super) counter: u64,
    /// Submission counters up to this one are forgotten.
    #[prost(uint64, tag = "4")]
    pub(super) counter_done: u64,
    /// One-time key packages that are left.
    #[prost(uint32, tag = "5")]
    pub(super) packages: u32,
    /// Whether the device was told that few are left.
    #[prost(bool, tag = "6")]
    pub(super) told_low: bool,
    /// The number of the last claim record.
    #[prost(uint64, tag = "7")]
    pub(super) record_last: u64,
    /// Claim records up to this one are gone.
    #[prost(uint64, tag = "8")]
    pub(super) record_done: u64,
}

/// A one-time key package.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PackageRow {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) package: Bytes,
    /// Until when it may be given out, in milliseconds: it is fresh and so is its certificate.
    #[prost(uint64, tag = "2")]
    pub(super) usable_until: u64,
    /// Its KeyPackageRef.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) reference: Bytes,
}

/// That a key package was given out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RecordRow {
    /// In milliseconds.
    #[prost(uint64, tag = "1")]
    pub(super) at: u64,
    /// Its KeyPackageRef.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) package: Bytes,
    /// Whose claim it was given for.
    #[prost(message, optional, tag = "3")]
    pub(super) by: Option<DeviceName>,
    /// Which: 16 bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) claim: Bytes,
}

/// A look-up of one of our devices that another agency has not answered.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AskedRow {
    #[prost(message, optional, tag = "1")]
    pub(super) device: Option<DeviceName>,
    #[prost(string, tag = "2")]
    pub(super) agency: String,
}

/// An entry of the directory.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EntryRow {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) unit: String,
    /// 0: nobody; 1: the own agency; 2: the agencies that follow as well; 3: everybody.
    #[prost(uint32, tag = "4")]
    pub(super) by_id: u32,
    #[prost(string, repeated, tag = "5")]
    pub(super) by_id_agencies: Vec<String>,
    #[prost(uint32, tag = "6")]
    pub(super) by_search: u32,
    #[prost(string, repeated, tag = "7")]
    pub(super) by_search_agencies: Vec<String>,
}

/// A claim of a device.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ClaimRow {
    /// The agency whose answer has not come yet; empty if none is to come.
    #[prost(string, tag = "1")]
    pub(super) awaited: String,
}

/// A room into which a device wants to come from outside.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EntranceRow {
    /// What the device has asked last.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) entrance_id: Bytes,
    /// The agency whose server is the hub.
    #[prost(string, tag = "2")]
    pub(super) hub: String,
    /// The hub is another agency's and has not answered.
    #[prost(bool, tag = "3")]
    pub(super) awaited: bool,
}

/// Something for one device alone.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InboxRow {
    /// An encoded `InboxItem`; empty where the item is an invitation.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) item: Bytes,
    /// The room of an invitation, which lies there once for all who are invited.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) room: Bytes,
    /// The entry of an invitation.
    #[prost(uint64, tag = "3")]
    pub(super) seq: u64,
}

/// Where a room's log stands.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TailRow {
    #[prost(uint64, tag = "1")]
    pub(super) term: u64,
    #[prost(uint64, tag = "2")]
    pub(super) seq: u64,
    /// The hash of the last entry.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) hash: Bytes,
    /// The encoded stamp of the last entry.
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) stamp: Bytes,
    /// At the hub: the MLS epoch.
    #[prost(uint64, tag = "5")]
    pub(super) epoch: u64,
}

/// What kind of place a room is, and who takes part.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RoomRow {
    /// The agency whose server is the hub.
    #[prost(string, tag = "1")]
    pub(super) hub: String,
    /// Own devices in the room.
    #[prost(uint64, tag = "2")]
    pub(super) present: u64,
    /// At the hub: the encoded room state.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) state: Bytes,
    /// At the hub: the other agencies with devices in the room, ordered.
    #[prost(message, repeated, tag = "4")]
    pub(super) others: Vec<AgencyCount>,
}

/// How many devices of an agency are in a room.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AgencyCount {
    #[prost(string, tag = "1")]
    pub(super) agency: String,
    #[prost(uint64, tag = "2")]
    pub(super) devices: u64,
}

/// What a device may read of a room's log.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SpanRow {
    /// In order; at most [`SpanRow::KEPT`]. Only the last can be open.
    #[prost(message, repeated, tag = "1")]
    pub(super) spans: Vec<Span>,
    /// The entry whose invitation the device has not made use of yet; 0: none.
    #[prost(uint64, tag = "2")]
    pub(super) joining: u64,
}

/// A stay in a room.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Span {
    /// The entry that added the device, which it was given with the invitation; 0 for the founder.
    #[prost(uint64, tag = "1")]
    pub(super) from: u64,
    /// The entry that removed it, the last that it may read; 0: it is still there.
    #[prost(uint64, tag = "2")]
    pub(super) until: u64,
}

impl SpanRow {
    /// Stays that are remembered: so often may a device come and go before it reads.
    const KEPT: usize = 8;

    /// Begins a stay.
    pub(super) fn open(&mut self, from: u64) {
        self.spans.push(Span { from, until: 0 });
        let surplus = self.spans.len().saturating_sub(Self::KEPT);
        self.spans.drain(..surplus);
    }

    /// Ends the stay that is open; says whether there was one.
    pub(super) fn close(&mut self, until: u64) -> bool {
        match self.spans.last_mut() {
            Some(span) if span.is_open() => {
                span.until = until;
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.spans.last().is_some_and(Span::is_open)
    }

    /// The last entry that may be read by a device that has processed `cursor`;
    /// `None` if there is nothing for it after that.
    pub(super) fn readable_after(&self, cursor: u64) -> Option<u64> {
        let span = self.spans.iter().find(|s| s.from <= cursor && (s.is_open() || cursor < s.until))?;
        Some(if span.is_open() { u64::MAX } else { span.until })
    }
}

impl Span {
    fn is_open(&self) -> bool {
        self.until == 0
    }
}

/// What became of a submission.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FateRow {
    /// The entry that it became; 0 if it was refused.
    #[prost(uint64, tag = "1")]
    pub(super) seq: u64,
    /// The signed refusal.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) refusal: Bytes,
}

/// The link to an agency.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OutRow {
    /// The last frame made.
    #[prost(uint64, tag = "1")]
    pub(super) made: u64,
    /// Its hash; empty if none was made.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) hash: Bytes,
    /// Frames up to this one have been given to the host since the last rewind.
    #[prost(uint64, tag = "3")]
    pub(super) given: u64,
    /// Frames up to this one are acknowledged.
    #[prost(uint64, tag = "4")]
    pub(super) acked: u64,
    /// When what is not acknowledged is given again, in milliseconds.
    #[prost(uint64, tag = "5")]
    pub(super) retry_at: u64,
    /// How often it was given again without an acknowledgement between.
    #[prost(uint32, tag = "6")]
    pub(super) retries: u32,
    /// The version of the own descriptor that went last.
    #[prost(uint64, tag = "7")]
    pub(super) descriptor: u64,
    /// The version of the trust list that went last, or that the peer has given.
    #[prost(uint64, tag = "8")]
    pub(super) trust: u64,
    /// When the peer made the acknowledgement that was taken last, in milliseconds of its clock.
    #[prost(uint64, tag = "9")]
    pub(super) acked_at: u64,
}

/// What an agency was told of another one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ToldRow {
    /// The version of its revocation list.
    #[prost(uint64, tag = "1")]
    pub(super) revocations: u64,
    /// The version of its descriptor.
    #[prost(uint64, tag = "2")]
    pub(super) descriptor: u64,
}

/// The link from an agency.
#[derive(Clone, PartialEq, Message)]
pub(super) struct InRow {
    /// The life of the peer's store.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) incarnation: Bytes,
    /// The last frame taken.
    #[prost(uint64, tag = "2")]
    pub(super) number: u64,
    /// Its hash.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) hash: Bytes,
    /// When it was signed, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(super) at: u64,
    /// Items that were refused, in all.
    #[prost(uint64, tag = "5")]
    pub(super) refused: u64,
}

/// Something that is to go into a frame. Entries and welcomes lie in their room, once for
/// all agencies; here stands where.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PendingRow {
    #[prost(oneof = "Pending", tags = "1, 2, 3, 4")]
    pub(super) what: Option<Pending>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Pending {
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
}

/// Nothing to say.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Nothing {}

/// A device with a leaf in a room that is ordered here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MemberRow {
    /// Its public key, 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    /// The serial of its certificate.
    #[prost(uint64, tag = "2")]
    pub(super) serial: u64,
    /// Until when that is valid, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(super) not_after: u64,
    /// It is an archive's.
    #[prost(bool, tag = "4")]
    pub(super) archive: bool,
}

impl MemberRow {
    pub(super) fn of(device: &VerifiedDevice) -> Self {
        MemberRow {
            key: Bytes::copy_from_slice(device.key().as_bytes()),
            serial: device.serial(),
            not_after: device.validity().1.as_millis(),
            archive: device.kind() == UserKind::Archive,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PendingEntry {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) room: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) seq: u64,
    /// The peer's devices that the entry removes, ordered.
    #[prost(message, repeated, tag = "3")]
    pub(super) departing: Vec<DeviceName>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PendingWelcome {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) room: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) seq: u64,
    /// The peer's devices that the entry adds, ordered.
    #[prost(message, repeated, tag = "3")]
    pub(super) recipients: Vec<DeviceName>,
}

/// An attachment.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlobRow {
    /// The hash of the capability that opens it.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) capability_hash: Bytes,
    /// In milliseconds.
    #[prost(uint64, tag = "2")]
    pub(super) expires_at: u64,
    /// Who uploads it; nobody if it is another agency's.
    #[prost(message, optional, tag = "3")]
    pub(super) uploader: Option<DeviceName>,
    /// How many chunks it has.
    #[prost(uint64, tag = "4")]
    pub(super) chunks: u64,
    /// How many of them the host keeps.
    #[prost(uint64, tag = "5")]
    pub(super) present: u64,
    /// The header of the sealed file.
    #[prost(bytes = "bytes", tag = "6")]
    pub(super) header: Bytes,
    /// The length of all sealed chunks, from which the other lengths follow.
    #[prost(uint64, tag = "7")]
    pub(super) sealed: u64,
    /// Why nothing of it is given any more: a code; 0: it is.
    #[prost(uint32, tag = "8")]
    pub(super) gone: u32,
    /// When it was announced or the last chunk came, in milliseconds.
    #[prost(uint64, tag = "9")]
    pub(super) at: u64,
    /// A chunk that was here was not what it ought to be.
    #[prost(bool, tag = "10")]
    pub(super) lost: bool,
    /// Whose storage it takes up.
    #[prost(string, tag = "11")]
    pub(super) user: String,
    /// How it is fetched, as long as it is.
    #[prost(message, optional, tag = "12")]
    pub(super) fetching: Option<FetchingRow>,
}

/// An attachment on its way here from its origin.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FetchingRow {
    /// What opens it there.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) capability: Bytes,
    /// All chunks below this one were asked for.
    #[prost(uint64, tag = "2")]
    pub(super) next: u64,
    /// How often in a row nothing was answered in time.
    #[prost(uint32, tag = "3")]
    pub(super) silent: u32,
    /// Since when, in milliseconds; 0: it is answered.
    #[prost(uint64, tag = "4")]
    pub(super) silent_since: u64,
    /// Why the origin did not give it: a code; 0: it does.
    #[prost(uint32, tag = "5")]
    pub(super) refused: u32,
    /// Until when it is not asked again, in milliseconds.
    #[prost(uint64, tag = "6")]
    pub(super) until: u64,
    /// How often in a row that was so.
    #[prost(uint32, tag = "7")]
    pub(super) refusals: u32,
    /// When `tick` looks at it, in milliseconds; 0: it does not.
    #[prost(uint64, tag = "8")]
    pub(super) due: u64,
}

/// A chunk that the origin was asked for.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ChunkRow {
    /// When, in milliseconds.
    #[prost(uint64, tag = "1")]
    pub(super) at: u64,
    /// How often another came.
    #[prost(uint32, tag = "2")]
    pub(super) wrong: u32,
}

/// An attachment of which nothing is known yet: the origin was asked.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlobAskedRow {
    /// The capability that was shown.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) capability: Bytes,
    /// By whose device.
    #[prost(string, tag = "2")]
    pub(super) user: String,
    /// When the origin was asked, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(super) at: u64,
}

/// Why an attachment was not given to somebody with a capability.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct BlobRefusedRow {
    /// A code.
    #[prost(uint32, tag = "1")]
    pub(super) code: u32,
    /// When to ask again, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(super) retry_at: u64,
}

/// How much is kept of somebody.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct UsageRow {
    #[prost(uint64, tag = "1")]
    pub(super) blobs: u64,
    /// Of all sealed chunks, also those that are not here yet.
    #[prost(uint64, tag = "2")]
    pub(super) bytes: u64,
}

/// How much may be kept, as the operators have set it.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct StorageRow {
    #[prost(message, optional, tag = "1")]
    pub(super) uploads: Option<UsageRow>,
    #[prost(message, optional, tag = "2")]
    pub(super) fetched: Option<UsageRow>,
    #[prost(message, optional, tag = "3")]
    pub(super) of_agency: Option<UsageRow>,
}

/// What `tick` does when a time has come.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DueRow {
    #[prost(oneof = "Due", tags = "1, 2, 3, 4, 5")]
    pub(super) what: Option<Due>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Due {
    /// Deletes the rows under this prefix.
    #[prost(bytes = "bytes", tag = "1")]
    Rows(Bytes),
    /// Forgets this attachment.
    #[prost(message, tag = "2")]
    Blob(BlobName),
    /// Forgets the quota in this row, if it is whole.
    #[prost(bytes = "bytes", tag = "3")]
    Quota(Bytes),
    /// Goes on fetching this attachment.
    #[prost(message, tag = "4")]
    Fetch(BlobName),
    /// Gives up this attachment's upload, if nothing more has come.
    #[prost(message, tag = "5")]
    Upload(BlobName),
}

/// An attachment as rows name it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BlobName {
    #[prost(string, tag = "1")]
    pub(super) origin: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) blob: Bytes,
}

/// A device as rows hold it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeviceName {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(bytes = "bytes", tag = "2")]
    id: Bytes,
}

impl DeviceName {
    pub(super) fn of(device: &Device) -> Self {
        DeviceName { user: device.user.to_string(), id: raw(device.id.as_bytes()) }
    }

    pub(super) fn device(&self) -> Result<Device> {
        let user = UserId::parse(&self.user).map_err(unreadable)?;
        Ok(Device { user, id: DeviceId::from_slice(&self.id).map_err(unreadable)? })
    }
}

/// Where two devices of a user meet.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MailboxRow {
    /// The device that opened it.
    #[prost(string, tag = "1")]
    user: String,
    #[prost(bytes = "bytes", tag = "2")]
    device: Bytes,
    /// Until when it is there, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(super) until: u64,
    /// What the other one left; empty if nothing.
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) request: Bytes,
    /// What it was answered; empty if nothing.
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) reply: Bytes,
}

impl MailboxRow {
    pub(super) fn new(device: &Device, until: Timestamp) -> Self {
        MailboxRow {
            user: device.user.to_string(),
            device: raw(device.id.as_bytes()),
            until: until.as_millis(),
            ..MailboxRow::default()
        }
    }

    pub(super) fn device(&self) -> Result<Device> {
        let user = UserId::parse(&self.user).map_err(unreadable)?;
        Ok(Device { user, id: DeviceId::from_slice(&self.device).map_err(unreadable)? })
    }
}

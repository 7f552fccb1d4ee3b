//! Where the server's rows lie.
//!
//! ```text
//! self/     a | k | i                        agency, key seed, incarnation
//! user/     user, device                     enrolled devices
//! device/   user, device, table, ...         what is kept for one device
//! room/     room, table, ...                 what is kept of one room
//! link/     peer, table, ...                 what goes to and comes from one agency
//! claim/    agency, device, claim            answers given to other agencies
//! quota/    table, who                       how much somebody may still ask
//! record/   device, claim, part              claims that records of claims rest on
//! dir/      table, ...                       the agency's directory
//! ask/      look-up                          look-ups that other agencies are to answer
//! blob/     origin, blob, table, ...         attachments
//! fetch/    origin, blob                     attachments that are being fetched
//! store/    whose, table, ...                how much is kept of attachments
//! mail/     mailbox                          where devices to be linked meet
//! due/      time, row                        what `tick` has to look at
//! ```
//!
//! Tables are single letters. All rows of a device, room, link or blob lie under one prefix.

use crate::{
    attachment::CapabilityHash,
    error::Result,
    ids::{AgencyId, BlobId, Device, DeviceId, Hash, RequestId, RoomId, SubmissionId, UserId},
    store::{Key, KeyBuilder, corrupt},
    time::Timestamp,
};

pub(super) fn own(part: &'static [u8; 1]) -> Key {
    KeyBuilder::table("self/").fixed(part).build()
}

pub(super) fn all_own() -> Key {
    KeyBuilder::table("self/").build()
}

/// All enrolled devices of a user.
pub(super) fn devices_of(user: &UserId) -> Key {
    KeyBuilder::table("user/").name(user.as_str().as_bytes()).build()
}

/// An enrolled device: [`super::rows::DeviceRow`].
pub(super) fn enrolled(device: &Device) -> Key {
    KeyBuilder::table("user/").name(device.user.as_str().as_bytes()).fixed(device.id.as_bytes()).build()
}

/// The device id at the end of a key.
pub(super) fn device_id(key: &[u8]) -> Result<DeviceId> {
    let id = key.last_chunk::<16>().ok_or(corrupt("device in a key"))?;
    Ok(DeviceId::from_bytes(*id))
}

/// Where two devices of a user meet: [`super::rows::MailboxRow`].
pub(super) fn mailbox(mailbox: &[u8]) -> Key {
    KeyBuilder::table("mail/").fixed(mailbox).build()
}

/// The mailbox that a device has opened.
pub(super) fn mailbox_of(device: &Device) -> Key {
    DeviceKeys::of(device).table(b"m").build()
}

/// What is kept for one device.
pub(super) struct DeviceKeys(KeyBuilder);

impl DeviceKeys {
    pub(super) fn of(device: &Device) -> Self {
        DeviceKeys(with_device(KeyBuilder::table("device/"), device))
    }

    pub(super) fn guard(&self) -> Key {
        self.table(b"g").build()
    }

    /// [`super::rows::DeviceState`].
    pub(super) fn state(&self) -> Key {
        self.table(b"s").build()
    }

    /// Submissions by counter.
    pub(super) fn counters(&self) -> Key {
        self.table(b"c").build()
    }

    /// The submission that used a counter: its id.
    pub(super) fn counter(&self, counter: u64) -> Key {
        self.table(b"c").number(counter).build()
    }

    pub(super) fn inboxes(&self) -> Key {
        self.table(b"i").build()
    }

    /// [`super::rows::InboxRow`].
    pub(super) fn inbox(&self, number: u64) -> Key {
        self.table(b"i").number(number).build()
    }

    /// One-time key packages: [`super::rows::PackageRow`].
    pub(super) fn packages(&self) -> Key {
        self.table(b"k").build()
    }

    pub(super) fn package(&self, hash: &Hash) -> Key {
        self.table(b"k").fixed(hash.as_bytes()).build()
    }

    /// A one-time key package that was given out; empty.
    pub(super) fn used(&self, hash: &Hash) -> Key {
        self.table(b"u").fixed(hash.as_bytes()).build()
    }

    /// The key package for when no other is left.
    pub(super) fn last_resort(&self) -> Key {
        self.table(b"l").build()
    }

    /// A room into which the device wants to come: [`super::rows::EntranceRow`].
    pub(super) fn entrance(&self, room: &RoomId) -> Key {
        self.table(b"e").fixed(room.as_bytes()).build()
    }

    /// [`super::rows::ClaimRow`].
    pub(super) fn claim(&self, claim: &RequestId) -> Key {
        self.table(b"q").fixed(claim.as_bytes()).build()
    }

    /// [`super::rows::RecordRow`].
    pub(super) fn record(&self, number: u64) -> Key {
        self.table(b"r").number(number).build()
    }

    pub(super) fn all_records(&self) -> Key {
        self.table(b"r").build()
    }

    /// How many of them are of claims of an agency.
    pub(super) fn records_of(&self, agency: &AgencyId) -> Key {
        self.table(b"n").name(agency.as_str().as_bytes()).build()
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

/// A claim that is named in records.
pub(super) struct Recorded(KeyBuilder);

impl Recorded {
    pub(super) fn of(device: &Device, claim: &RequestId) -> Self {
        Recorded(with_device(KeyBuilder::table("record/"), device).fixed(claim.as_bytes()))
    }

    /// In how many records.
    pub(super) fn uses(&self) -> Key {
        self.0.clone().fixed(b"n").build()
    }

    /// The signed request.
    pub(super) fn request(&self) -> Key {
        self.0.clone().fixed(b"r").build()
    }

    /// The signed certificate of the device.
    pub(super) fn certificate(&self) -> Key {
        self.0.clone().fixed(b"c").build()
    }
}

/// Held by whoever changes the directory.
pub(super) fn directory_guard() -> Key {
    KeyBuilder::table("dir/").fixed(b"g").build()
}

/// How many entries the directory has.
pub(super) fn directory_count() -> Key {
    KeyBuilder::table("dir/").fixed(b"n").build()
}

/// All entries of the directory.
pub(super) fn entries() -> Key {
    KeyBuilder::table("dir/").fixed(b"e").build()
}

/// [`super::rows::EntryRow`].
pub(super) fn entry(user: &UserId) -> Key {
    KeyBuilder::table("dir/").fixed(b"e").fixed(user.as_str().as_bytes()).build()
}

pub(super) fn user_of_entry(key: &[u8]) -> Result<UserId> {
    text(key.get(entries().len()..)).and_then(|user| UserId::parse(user).ok()).ok_or(corrupt("directory"))
}

/// For whom the directory is searched: each sees one list of what is there for them alone, and
/// other agencies one of what is there for all.
pub(super) enum Index<'a> {
    Own,
    Agency(&'a AgencyId),
    All,
    /// Rooms that an agency's users may join.
    RoomsFor(&'a AgencyId),
    /// Rooms that anybody may join.
    Rooms,
}

impl Index<'_> {
    fn list(&self) -> KeyBuilder {
        let table = KeyBuilder::table("dir/");
        match self {
            Index::Own => table.fixed(b"o"),
            Index::Agency(agency) => table.fixed(b"a").name(agency.as_str().as_bytes()),
            Index::All => table.fixed(b"f"),
            Index::RoomsFor(agency) => table.fixed(b"r").name(agency.as_str().as_bytes()),
            Index::Rooms => table.fixed(b"s"),
        }
    }

    /// All places whose text begins so.
    pub(super) fn beginning(&self, text: &str) -> Key {
        self.list().fixed(text.as_bytes()).build()
    }

    /// Where something with a name stands under a text. No folded text has a 0 in it.
    pub(super) fn place(&self, text: &str, name: &[u8]) -> Key {
        self.list().fixed(text.as_bytes()).fixed(&[0]).fixed(name).build()
    }

    /// What tells a place in this list from others in it.
    pub(super) fn place_of(&self, key: &[u8]) -> Vec<u8> {
        key.get(self.list().build().len()..).unwrap_or_default().to_vec()
    }

    /// The key of such a place, wherever it comes from.
    pub(super) fn resume(&self, place: &[u8]) -> Key {
        self.list().fixed(place).build()
    }

    /// Text and name of a place.
    pub(super) fn read(&self, key: &[u8]) -> Result<(String, Vec<u8>)> {
        let place = self.place_of(key);
        let mut parts = place.splitn(2, |byte| *byte == 0);
        let read = text(parts.next()).zip(parts.next());
        read.map(|(text, name)| (text.to_owned(), name.to_vec())).ok_or(corrupt("directory"))
    }
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    core::str::from_utf8(bytes?).ok()
}

/// A look-up that another agency is to answer: [`super::rows::AskedRow`].
pub(super) fn asked(look_up: &RequestId) -> Key {
    KeyBuilder::table("ask/").fixed(look_up.as_bytes()).build()
}

/// How often a device may still look something up.
pub(super) fn look_ups_of_device(device: &Device) -> Key {
    with_device(KeyBuilder::table("quota/").fixed(b"l"), device).build()
}

/// How often the devices of another agency may.
pub(super) fn look_ups_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"p").name(agency.as_str().as_bytes()).build()
}

/// How much another agency may still be answered.
pub(super) fn answers_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"w").name(agency.as_str().as_bytes()).build()
}

/// How often they may still be told that it was too often.
pub(super) fn refusals_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"r").name(agency.as_str().as_bytes()).build()
}

/// What is kept of one room.
pub(super) struct RoomKeys(KeyBuilder);

impl RoomKeys {
    pub(super) fn of(room: &RoomId) -> Self {
        RoomKeys(KeyBuilder::table("room/").fixed(room.as_bytes()))
    }

    pub(super) fn guard(&self) -> Key {
        self.table(b"g").build()
    }

    /// [`super::rows::TailRow`].
    pub(super) fn tail(&self) -> Key {
        self.table(b"t").build()
    }

    /// [`super::rows::RoomRow`].
    pub(super) fn state(&self) -> Key {
        self.table(b"s").build()
    }

    /// An encoded `LogItem`.
    pub(super) fn entry(&self, seq: u64) -> Key {
        self.table(b"l").number(seq).build()
    }

    /// The hub's signed head at an entry, where a follower was given one.
    pub(super) fn head(&self, seq: u64) -> Key {
        self.table(b"h").number(seq).build()
    }

    /// At the hub: the signature key of a device in the room, 32 bytes.
    pub(super) fn member(&self, device: &Device) -> Key {
        with_device(self.table(b"m"), device).build()
    }

    /// At the hub: all devices of a user in the room.
    pub(super) fn members_of(&self, user: &UserId) -> Key {
        self.table(b"m").name(user.as_str().as_bytes()).build()
    }

    /// Own devices that are or were in the room.
    pub(super) fn readers(&self) -> Key {
        self.table(b"d").build()
    }

    /// What an own device may read: [`super::rows::SpanRow`].
    pub(super) fn reader(&self, device: &Device) -> Key {
        with_device(self.table(b"d"), device).build()
    }

    /// What became of a submission: [`super::rows::FateRow`].
    pub(super) fn fate(&self, device: &Device, submission: &SubmissionId) -> Key {
        with_device(self.table(b"f"), device).fixed(submission.as_bytes()).build()
    }

    /// What joiners of an entry need: the next four.
    pub(super) fn joining(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).build()
    }

    /// The encoded `Invitation`.
    pub(super) fn invitation(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).fixed(b"i").build()
    }

    /// The encoded `RoomMaterial`.
    pub(super) fn material(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).fixed(b"m").build()
    }

    /// Who still needs them; empty.
    pub(super) fn waiting(&self, seq: u64) -> Key {
        self.table(b"w").number(seq).fixed(b"w").build()
    }

    pub(super) fn waiting_device(&self, seq: u64, device: &Device) -> Key {
        with_device(self.table(b"w").number(seq).fixed(b"wd"), device).build()
    }

    pub(super) fn waiting_agency(&self, seq: u64, agency: &AgencyId) -> Key {
        self.table(b"w").number(seq).fixed(b"wa").name(agency.as_str().as_bytes()).build()
    }

    /// At the hub: the MLSMessage(GroupInfo) of the present epoch.
    pub(super) fn group_info(&self) -> Key {
        self.table(b"i").build()
    }

    /// At the hub: the public MLS group.
    pub(super) fn group(&self) -> Key {
        self.table(b"p").build()
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

/// All links.
pub(super) fn links() -> Key {
    KeyBuilder::table("link/").build()
}

/// The agency to whose link a row belongs.
pub(super) fn peer_of(key: &[u8]) -> Result<AgencyId> {
    let peer = key.get(links().len()..).and_then(<[u8]>::split_first_chunk).and_then(|(length, rest)| {
        let name = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        AgencyId::parse(core::str::from_utf8(name).ok()?).ok()
    });
    peer.ok_or(corrupt("agency in a key"))
}

/// What goes to and comes from one agency.
pub(super) struct LinkKeys(KeyBuilder);

impl LinkKeys {
    pub(super) fn with(peer: &AgencyId) -> Self {
        LinkKeys(KeyBuilder::table("link/").name(peer.as_str().as_bytes()))
    }

    /// Sorts after all rows of the link.
    pub(super) fn end(&self) -> Key {
        self.table(&[u8::MAX]).build()
    }

    pub(super) fn guard_out(&self) -> Key {
        self.table(b"g").build()
    }

    pub(super) fn guard_in(&self) -> Key {
        self.table(b"h").build()
    }

    /// [`super::rows::OutRow`].
    pub(super) fn outgoing(&self) -> Key {
        self.table(b"o").build()
    }

    /// [`super::rows::InRow`].
    pub(super) fn incoming(&self) -> Key {
        self.table(b"i").build()
    }

    /// What the agency was told of others.
    pub(super) fn all_told(&self) -> Key {
        self.table(b"t").build()
    }

    /// What the agency was told of another one: [`super::rows::ToldRow`].
    pub(super) fn told(&self, of: &AgencyId) -> Key {
        self.table(b"t").name(of.as_str().as_bytes()).build()
    }

    /// The encoded body of a frame that is not acknowledged yet.
    pub(super) fn frame(&self, number: u64) -> Key {
        self.table(b"f").number(number).build()
    }

    /// What is to go into frames: [`super::rows::PendingRow`], in the order in which it goes.
    pub(super) fn pending(&self) -> Key {
        self.table(b"p").build()
    }

    pub(super) fn pending_at(&self, at: Timestamp, room: &RoomId, order: u64, unique: &[u8; 16]) -> Key {
        self.table(b"p").number(at.as_millis()).fixed(room.as_bytes()).number(order).fixed(unique).build()
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

/// The answer that another agency's device was given: an encoded `ClaimAnswer`.
pub(super) fn claim(agency: &AgencyId, device: &Device, claim: &RequestId) -> Key {
    let table = KeyBuilder::table("claim/").name(agency.as_str().as_bytes());
    with_device(table, device).fixed(claim.as_bytes()).build()
}

/// How many users a user may still claim.
pub(super) fn quota_by_user(by: &UserId) -> Key {
    KeyBuilder::table("quota/").fixed(b"d").name(by.as_str().as_bytes()).build()
}

/// How often a user may still claim one user.
pub(super) fn quota_of_user(by: &UserId, user: &UserId) -> Key {
    let table = KeyBuilder::table("quota/").fixed(b"u");
    table.name(by.as_str().as_bytes()).name(user.as_str().as_bytes()).build()
}

/// How many users the devices of another agency may still claim.
pub(super) fn quota_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"a").name(agency.as_str().as_bytes()).build()
}

/// How often a device may still ask for the way into a room.
pub(super) fn entrances_of_device(device: &Device) -> Key {
    with_device(KeyBuilder::table("quota/").fixed(b"e"), device).build()
}

/// How often the devices of another agency may.
pub(super) fn entrances_of_agency(agency: &AgencyId) -> Key {
    KeyBuilder::table("quota/").fixed(b"f").name(agency.as_str().as_bytes()).build()
}

/// Whose storage an attachment takes up.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    /// Who has uploaded it.
    Uploader(&'a UserId),
    /// Who was the first to ask for it.
    Reader(&'a UserId),
    /// Another agency, whose it is.
    Origin(&'a AgencyId),
}

impl Holder<'_> {
    fn table(self) -> KeyBuilder {
        let table = KeyBuilder::table("store/");
        match self {
            Holder::Uploader(user) => table.fixed(b"u").name(user.as_str().as_bytes()),
            Holder::Reader(user) => table.fixed(b"r").name(user.as_str().as_bytes()),
            Holder::Origin(agency) => table.fixed(b"o").name(agency.as_str().as_bytes()),
        }
    }

    /// [`super::rows::UsageRow`].
    pub(super) fn usage(self) -> Key {
        self.table().fixed(b"n").build()
    }

    /// All that is kept, by when it goes.
    pub(super) fn all(self) -> Key {
        self.table().fixed(b"e").build()
    }

    /// Something that is kept; empty.
    pub(super) fn kept(self, expires_at: u64, origin: &AgencyId, blob: &BlobId) -> Key {
        let key = self.table().fixed(b"e").number(expires_at);
        key.name(origin.as_str().as_bytes()).fixed(blob.as_bytes()).build()
    }

    /// When the thing of [`Holder::kept`] goes.
    pub(super) fn expiry(self, key: &[u8]) -> Result<Timestamp> {
        let at = key.get(self.all().len()..).and_then(<[u8]>::first_chunk);
        at.map(|at| Timestamp::from_millis(u64::from_be_bytes(*at))).ok_or(corrupt("storage key"))
    }
}

/// Attachments that are being fetched.
pub(super) fn all_under_way() -> Key {
    KeyBuilder::table("fetch/").build()
}

/// An attachment that is being fetched; empty.
pub(super) fn under_way(origin: &AgencyId, blob: &BlobId) -> Key {
    KeyBuilder::table("fetch/").name(origin.as_str().as_bytes()).fixed(blob.as_bytes()).build()
}

/// The attachment of [`under_way`].
pub(super) fn blob_under_way(key: &[u8]) -> Result<(AgencyId, BlobId)> {
    let named = key.get(all_under_way().len()..).and_then(|rest| rest.split_last_chunk::<16>());
    let named = named.and_then(|(name, blob)| {
        let origin = AgencyId::parse(text(name.get(2..))?).ok()?;
        Some((origin, BlobId::from_bytes(*blob)))
    });
    named.ok_or(corrupt("attachment in a key"))
}

/// How much may be kept: [`super::rows::StorageRow`].
pub(super) fn storage() -> Key {
    KeyBuilder::table("store/").fixed(b"s").build()
}

/// What is kept of one attachment.
pub(super) struct BlobKeys(KeyBuilder);

impl BlobKeys {
    /// Two agencies may give two attachments one name; whose it is, is part of where it lies.
    pub(super) fn of(origin: &AgencyId, blob: &BlobId) -> Self {
        BlobKeys(KeyBuilder::table("blob/").name(origin.as_str().as_bytes()).fixed(blob.as_bytes()))
    }

    pub(super) fn all(&self) -> Key {
        self.0.clone().build()
    }

    pub(super) fn guard(&self) -> Key {
        self.table(b"g").build()
    }

    /// [`super::rows::BlobRow`].
    pub(super) fn record(&self) -> Key {
        self.table(b"r").build()
    }

    /// Chunk hashes, a page of them.
    pub(super) fn hashes(&self, page: u64) -> Key {
        self.table(b"i").number(page).build()
    }

    /// All chunk hashes.
    pub(super) fn all_hashes(&self) -> Key {
        self.table(b"i").build()
    }

    /// A chunk that the host keeps; empty.
    pub(super) fn chunk(&self, index: u64) -> Key {
        self.table(b"c").number(index).build()
    }

    /// A chunk that the host is to look at; empty.
    pub(super) fn doubted(&self, index: u64) -> Key {
        self.table(b"d").number(index).build()
    }

    /// Chunks that the origin was asked for.
    pub(super) fn all_asked(&self) -> Key {
        self.table(b"f").build()
    }

    /// A chunk that the origin was asked for: [`super::rows::ChunkRow`].
    pub(super) fn asked(&self, index: u64) -> Key {
        self.table(b"f").number(index).build()
    }

    /// The chunk of [`BlobKeys::asked`].
    pub(super) fn index(&self, key: &[u8]) -> Result<u64> {
        let index = key.get(self.all_asked().len()..).and_then(|index| index.try_into().ok());
        index.map(u64::from_be_bytes).ok_or(corrupt("chunk in a key"))
    }

    /// That the origin was asked what it is: [`super::rows::BlobAskedRow`].
    pub(super) fn wanted(&self) -> Key {
        self.table(b"q").build()
    }

    /// Why it was not given to somebody with this capability: [`super::rows::BlobRefusedRow`].
    pub(super) fn refused(&self, capability: &CapabilityHash) -> Key {
        self.table(b"e").fixed(capability.as_bytes()).build()
    }

    /// Agencies that have asked for it.
    pub(super) fn all_given(&self) -> Key {
        self.table(b"t").build()
    }

    /// An agency that has asked for it; empty.
    pub(super) fn given(&self, agency: &AgencyId) -> Key {
        self.table(b"t").fixed(agency.as_str().as_bytes()).build()
    }

    /// The agency of [`BlobKeys::given`].
    pub(super) fn given_to(&self, key: &[u8]) -> Result<AgencyId> {
        let agency = text(key.get(self.all_given().len()..)).and_then(|name| AgencyId::parse(name).ok());
        agency.ok_or(corrupt("agency in a key"))
    }

    fn table(&self, table: &'static [u8; 1]) -> KeyBuilder {
        self.0.clone().fixed(table)
    }
}

pub(super) fn dues() -> Key {
    KeyBuilder::table("due/").build()
}

/// Something that `tick` has to look at, from a time on: [`super::rows::DueRow`].
pub(super) fn due(at: Timestamp, row: &[u8]) -> Key {
    KeyBuilder::table("due/").number(at.as_millis()).name(row).build()
}

fn with_device(key: KeyBuilder, device: &Device) -> KeyBuilder {
    key.name(device.user.as_str().as_bytes()).fixed(device.id.as_bytes())
}

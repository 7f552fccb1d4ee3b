//! Events as rows.

use bytes::Bytes;
use prost::Message;

use super::{
    Applied, Blame, By, Event, Found, FoundRoom, Marking, Remedy,
    change_row::{ChangedRow, ReasonRow},
    rows,
};
use crate::{
    code::Code,
    content::Content,
    error::Result,
    identity::{AgencyChange, ChainFork, Endorsement, Endorser, KeyPurpose, UserKind},
    ids::{AgencyId, Device, DeviceId, Hash, KeyId, MessageId, RequestId, RoomId, UserId},
    room::{Changed, DeviceChange, Listing, kind_number, room_kind},
    store::corrupt,
    time::Timestamp,
    wire,
};

/// All that any event says; which fields count, `kind` tells.
#[derive(Clone, PartialEq, Message)]
struct EventRow {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(bytes = "vec", tag = "2")]
    room: Vec<u8>,
    #[prost(uint64, tag = "3")]
    seq: u64,
    #[prost(uint64, tag = "4")]
    at: u64,
    #[prost(bytes = "vec", tag = "5")]
    message: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    request: Vec<u8>,
    #[prost(message, optional, tag = "7")]
    device: Option<DeviceRow>,
    #[prost(message, repeated, tag = "8")]
    users: Vec<UserRow>,
    #[prost(message, repeated, tag = "9")]
    added: Vec<DeviceRow>,
    #[prost(message, repeated, tag = "10")]
    removed: Vec<DeviceRow>,
    #[prost(uint32, tag = "11")]
    code: u32,
    #[prost(string, optional, tag = "12")]
    name: Option<String>,
    #[prost(uint32, tag = "13")]
    content_kind: u32,
    #[prost(bytes = "vec", tag = "14")]
    content: Vec<u8>,
    #[prost(string, tag = "30")]
    agency: String,
    #[prost(int32, tag = "31")]
    room_kind: i32,
    #[prost(message, repeated, tag = "41")]
    applies: Vec<AppliedRow>,
    #[prost(string, tag = "42")]
    label: String,
    #[prost(bool, optional, tag = "43")]
    label_fits: Option<bool>,
    /// Milliseconds; absent: never.
    #[prost(uint64, optional, tag = "44")]
    expires_at: Option<u64>,
    #[prost(bytes = "vec", repeated, tag = "45")]
    messages: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "50")]
    names: Vec<String>,
    /// Of an agency: [`JOINED_FEDERATION`] and those after it.
    #[prost(uint32, tag = "51")]
    change: u32,
    #[prost(message, repeated, tag = "52")]
    keys: Vec<KeyRow>,
    #[prost(message, repeated, tag = "60")]
    reasons: Vec<ReasonRow>,
    #[prost(message, repeated, tag = "61")]
    changes: Vec<ChangedRow>,
    #[prost(bool, tag = "70")]
    verified: bool,
    #[prost(bytes = "vec", repeated, tag = "75")]
    rooms: Vec<Vec<u8>>,
    /// Milliseconds; absent: nobody said.
    #[prost(uint64, optional, tag = "90")]
    retry_at: Option<u64>,
    #[prost(bytes = "vec", repeated, tag = "80")]
    identities: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "81")]
    fork: Vec<u8>,
    #[prost(message, repeated, tag = "82")]
    endorsed: Vec<EndorsementRow>,
    #[prost(message, repeated, tag = "91")]
    found: Vec<FoundRow>,
    #[prost(bytes = "vec", optional, tag = "92")]
    next: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "93")]
    found_rooms: Vec<FoundRoomRow>,
    #[prost(uint32, tag = "94")]
    blame: u32,
    #[prost(uint32, tag = "95")]
    remedy: u32,
}

/// By what authority a device speaks for its user.
#[derive(Clone, PartialEq, Message)]
struct EndorsementRow {
    #[prost(message, optional, tag = "1")]
    device: Option<DeviceRow>,
    /// Who vouches for it: [`FOUNDER`] and those after it.
    #[prost(uint32, tag = "2")]
    by: u32,
    /// Of the endorsing device, or of the identity of before.
    #[prost(bytes = "vec", tag = "3")]
    id: Vec<u8>,
    #[prost(string, tag = "4")]
    owner: String,
    #[prost(uint64, tag = "5")]
    at: u64,
    #[prost(uint64, optional, tag = "6")]
    until: Option<u64>,
    #[prost(uint64, optional, tag = "7")]
    removed_at: Option<u64>,
}

const FOUNDER: u32 = 1;
const RESET: u32 = 2;
const DEVICE: u32 = 3;
const RECOVERY: u32 = 4;

impl EndorsementRow {
    fn of((user, endorsement): &(UserId, Endorsement)) -> Self {
        let mut row = EndorsementRow {
            device: Some((&Device { user: user.clone(), id: endorsement.device }).into()),
            at: endorsement.at.as_millis(),
            until: endorsement.until.map(Timestamp::as_millis),
            removed_at: endorsement.removed_at.map(Timestamp::as_millis),
            ..Default::default()
        };
        match &endorsement.by {
            Endorser::Founder => row.by = FOUNDER,
            Endorser::Reset { replaced } => (row.by, row.id) = (RESET, replaced.as_bytes().to_vec()),
            Endorser::Device(id) => (row.by, row.id) = (DEVICE, id.as_bytes().to_vec()),
            Endorser::Recovery { owner } => (row.by, row.owner) = (RECOVERY, owner.clone()),
        }
        row
    }

    fn read(&self) -> Result<(UserId, Endorsement)> {
        let device: Device = self.device.as_ref().ok_or(corrupt("event")).and_then(Device::try_from)?;
        let by = match self.by {
            FOUNDER => Endorser::Founder,
            RESET => Endorser::Reset { replaced: Hash::from_slice(&self.id)? },
            DEVICE => Endorser::Device(DeviceId::from_slice(&self.id)?),
            RECOVERY => Endorser::Recovery { owner: self.owner.clone() },
            _ => return Err(corrupt("event endorser")),
        };
        let endorsement = Endorsement {
            device: device.id,
            by,
            at: Timestamp::from_millis(self.at),
            until: self.until.map(Timestamp::from_millis),
            removed_at: self.removed_at.map(Timestamp::from_millis),
        };
        Ok((device.user, endorsement))
    }
}

/// A room that shows itself.
#[derive(Clone, PartialEq, Message)]
struct FoundRoomRow {
    #[prost(bytes = "vec", tag = "1")]
    room: Vec<u8>,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    summary: String,
    /// Milliseconds; absent: it does not end.
    #[prost(uint64, optional, tag = "5")]
    ends_at: Option<u64>,
}

impl FoundRoomRow {
    fn of(found: &FoundRoom) -> Self {
        FoundRoomRow {
            room: found.room.as_bytes().to_vec(),
            kind: kind_number(found.kind),
            name: found.listing.name.clone(),
            summary: found.listing.summary.clone(),
            ends_at: found.ends_at.map(Timestamp::as_millis),
        }
    }

    fn read(&self, hub: &AgencyId) -> Result<FoundRoom> {
        Ok(FoundRoom {
            room: RoomId::from_slice(&self.room)?,
            hub: hub.clone(),
            kind: room_kind(self.kind)?,
            listing: Listing::new(self.name.clone(), self.summary.clone())?,
            ends_at: self.ends_at.map(Timestamp::from_millis),
        })
    }
}

/// A user whom a directory shows.
#[derive(Clone, PartialEq, Message)]
struct FoundRow {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    unit: String,
}

impl FoundRow {
    fn of(found: &Found) -> Self {
        let Found { user, kind, name, unit } = found.clone();
        FoundRow { user: user.to_string(), kind: kind.number(), name, unit }
    }

    fn read(&self) -> Result<Found> {
        let (user, kind) = (UserId::parse(&self.user)?, UserKind::parse(self.kind)?);
        Ok(Found { user, kind, name: self.name.clone(), unit: self.unit.clone() })
    }
}

/// An agency's key.
#[derive(Clone, PartialEq, Message)]
struct KeyRow {
    #[prost(uint32, tag = "1")]
    purpose: u32,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    /// Or dropped.
    #[prost(bool, tag = "3")]
    added: bool,
}

impl KeyRow {
    const PURPOSES: [(KeyPurpose, u32); 3] =
        [(KeyPurpose::Certificate, 1), (KeyPurpose::Revocation, 2), (KeyPurpose::Server, 3)];

    fn of(purpose: KeyPurpose, id: &KeyId, added: bool) -> Self {
        let number = Self::PURPOSES.iter().find(|(known, _)| *known == purpose);
        KeyRow { purpose: number.map_or(0, |(_, number)| *number), id: id.as_bytes().to_vec(), added }
    }

    fn read(&self) -> Result<(KeyPurpose, KeyId)> {
        let purpose = Self::PURPOSES.iter().find(|(_, number)| *number == self.purpose);
        let (purpose, _) = purpose.ok_or(corrupt("event key"))?;
        Ok((*purpose, KeyId::from_slice(&self.id)?))
    }
}

const JOINED_FEDERATION: u32 = 1;
const GONE: u32 = 2;
const SUSPENDED: u32 = 3;
const REINSTATED: u32 = 4;
const ROOT_HANDED_OVER: u32 = 5;
const ROOT_REPLACED: u32 = 6;

fn change_number(change: AgencyChange) -> u32 {
    match change {
        AgencyChange::Joined => JOINED_FEDERATION,
        AgencyChange::Gone => GONE,
        AgencyChange::Suspended => SUSPENDED,
        AgencyChange::Reinstated => REINSTATED,
        AgencyChange::RootReplaced { handed_over: true } => ROOT_HANDED_OVER,
        AgencyChange::RootReplaced { handed_over: false } => ROOT_REPLACED,
    }
}

fn change(number: u32) -> Result<AgencyChange> {
    Ok(match number {
        JOINED_FEDERATION => AgencyChange::Joined,
        GONE => AgencyChange::Gone,
        SUSPENDED => AgencyChange::Suspended,
        REINSTATED => AgencyChange::Reinstated,
        ROOT_HANDED_OVER => AgencyChange::RootReplaced { handed_over: true },
        ROOT_REPLACED => AgencyChange::RootReplaced { handed_over: false },
        _ => return Err(corrupt("event change")),
    })
}

/// What a message does to one that it names.
#[derive(Clone, PartialEq, Message)]
struct AppliedRow {
    #[prost(bytes = "vec", tag = "1")]
    target: Vec<u8>,
    /// By what right it applies: [`AUTHOR`], [`MODERATOR`], [`ANYBODY`]; or the error code for
    /// which it does not.
    #[prost(uint32, tag = "2")]
    outcome: u32,
}

const AUTHOR: u32 = 1;
const MODERATOR: u32 = 2;
const ANYBODY: u32 = 3;

#[derive(Clone, PartialEq, Message)]
pub(super) struct DeviceRow {
    #[prost(string, tag = "1")]
    user: String,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct UserRow {
    #[prost(string, tag = "1")]
    user: String,
    /// What is said of the user: [`JOINED`], [`LEFT`], [`REMOVED`], or an error code.
    #[prost(uint32, tag = "2")]
    what: u32,
}

const JOINED: u32 = 1;
const LEFT: u32 = 2;
const REMOVED: u32 = 3;

/// The row of an event.
pub(super) fn encode(event: &Event) -> Vec<u8> {
    let mut row = EventRow::default();
    fill(&mut row, event);
    row.encode_to_vec()
}

fn fill(row: &mut EventRow, event: &Event) {
    let user = |what: u32| move |user: &UserId| UserRow { user: user.to_string(), what };
    match event {
        Event::Enrolled => row.kind = 1,
        Event::RoomCreated { room, name } => {
            (row.kind, row.room, row.name) = (2, room.as_bytes().to_vec(), Some(name.clone()));
        }
        Event::Joined { room, name, by, seq } => {
            (row.kind, row.room, row.seq) = (3, room.as_bytes().to_vec(), *seq);
            (row.name, row.device) = (name.clone(), Some(by.into()));
        }
        Event::Message { room, seq, at, id, sender, content, applies, marking, expires_at } => {
            (row.kind, row.room, row.seq, row.at) = (4, room.as_bytes().to_vec(), *seq, at.as_millis());
            (row.message, row.device) = (id.as_bytes().to_vec(), Some(sender.into()));
            let (kind, bytes) = content.encode();
            (row.content_kind, row.content) = (kind, bytes.to_vec());
            row.applies = applies.iter().map(Into::into).collect();
            (row.label, row.label_fits) = (marking.label.clone(), marking.fits);
            row.expires_at = expires_at.map(Timestamp::as_millis);
        }
        Event::Sent { request, room, seq, at, id, applies, expires_at } => {
            (row.kind, row.room, row.seq, row.at) = (5, room.as_bytes().to_vec(), *seq, at.as_millis());
            (row.message, row.request) = (id.as_bytes().to_vec(), request.as_bytes().to_vec());
            row.applies = applies.iter().map(Into::into).collect();
            row.expires_at = expires_at.map(Timestamp::as_millis);
        }
        Event::Expired { room, messages } => {
            (row.kind, row.room) = (40, room.as_bytes().to_vec());
            row.messages = messages.iter().map(|id| id.as_bytes().to_vec()).collect();
        }
        Event::SendNeedsConsent { request, room, added } => {
            (row.kind, row.room, row.request) = (6, room.as_bytes().to_vec(), request.as_bytes().to_vec());
            row.users = added.iter().map(user(JOINED)).collect();
        }
        Event::Unreadable { room, seq, sender, code } => {
            (row.kind, row.room, row.seq) = (7, room.as_bytes().to_vec(), *seq);
            (row.device, row.code) = (Some(sender.into()), code.number().into());
        }
        Event::MembersChanged {
            room,
            seq,
            by,
            joined,
            left,
            removed,
            devices_added,
            devices_removed,
            reasons,
        } => {
            row.reasons = reasons.iter().map(Into::into).collect();
            (row.kind, row.room, row.seq) = (8, room.as_bytes().to_vec(), *seq);
            row.device = Some(by.into());
            row.users = joined.iter().map(user(JOINED)).collect();
            row.users.extend(left.iter().map(user(LEFT)));
            row.users.extend(removed.iter().map(user(REMOVED)));
            row.added = devices_added.iter().map(Into::into).collect();
            row.removed = devices_removed.iter().map(Into::into).collect();
        }
        Event::IdentityChanged { user: who, before, now, verified } => {
            (row.kind, row.users, row.verified) = (70, vec![user(JOINED)(who)], *verified);
            row.identities = [before, now].map(|identity| identity.as_bytes().to_vec()).into();
        }
        Event::ChainForked { fork } => (row.kind, row.fork) = (80, fork.to_bytes()),
        Event::DevicesEndorsed { room, seq, devices } => {
            (row.kind, row.room, row.seq) = (81, room.as_bytes().to_vec(), *seq);
            row.endorsed = devices.iter().map(EndorsementRow::of).collect();
        }
        Event::RoomEnded { room, at } => {
            (row.kind, row.room, row.at) = (85, room.as_bytes().to_vec(), at.as_millis());
        }
        Event::RoomChanged { room, seq, by, name, changes } => {
            row.changes = changes.iter().map(Into::into).collect();
            (row.kind, row.room, row.seq) = (9, room.as_bytes().to_vec(), *seq);
            (row.device, row.name) = (Some(by.into()), name.clone());
        }
        Event::Left { room, seq, by } => {
            (row.kind, row.room, row.seq) = (10, room.as_bytes().to_vec(), *seq);
            row.device = Some(by.into());
        }
        Event::Done { request } => (row.kind, row.request) = (11, request.as_bytes().to_vec()),
        Event::Failed { request, code, retry_at } => {
            (row.kind, row.request, row.code) = (12, request.as_bytes().to_vec(), code.number().into());
            row.retry_at = retry_at.map(Timestamp::as_millis);
        }
        Event::NotInvited { request, users, retry_at } => {
            (row.kind, row.request) = (13, request.as_bytes().to_vec());
            row.retry_at = retry_at.map(Timestamp::as_millis);
            row.users = users.iter().map(|(u, code)| user(code.number().into())(u)).collect();
        }
        Event::InvitationFailed { room, code } => {
            (row.kind, row.room, row.code) = (14, room.as_bytes().to_vec(), code.number().into());
        }
        Event::RoomStalled { room, seq, code } => {
            (row.kind, row.room, row.seq) = (15, room.as_bytes().to_vec(), *seq);
            row.code = code.number().into();
        }
        Event::AgencyMisbehaved { agency, code } => {
            (row.kind, row.name, row.code) = (16, Some(agency.to_string()), code.number().into());
        }
        Event::Invited { invitation, room, kind, name, by, hub, users } => {
            (row.kind, row.room, row.seq) = (30, room.as_bytes().to_vec(), *invitation);
            (row.at, row.room_kind) = (*users, kind_number(*kind));
            (row.name, row.device, row.agency) = (name.clone(), Some(by.into()), hub.to_string());
        }
        Event::DeviceDue { room, device, agency, list, code } => {
            (row.kind, row.room, row.seq) = (50, room.as_bytes().to_vec(), *list);
            (row.device, row.name) = (Some(device.into()), Some(agency.to_string()));
            row.code = code.number().into();
        }
        Event::TrustListChanged { version, by } => {
            (row.kind, row.seq, row.names) = (51, *version, by.clone());
        }
        Event::AgencyChanged { agency, list, change } => {
            (row.kind, row.agency, row.seq) = (52, agency.to_string(), *list);
            row.change = change_number(*change);
        }
        Event::AgencyKeysChanged { agency, descriptor, added, dropped } => {
            (row.kind, row.agency, row.seq) = (53, agency.to_string(), *descriptor);
            let key = |added| move |(purpose, id): &(KeyPurpose, KeyId)| KeyRow::of(*purpose, id, added);
            row.keys = added.iter().map(key(true)).chain(dropped.iter().map(key(false))).collect();
        }
        Event::TrustListForked { version } => (row.kind, row.seq) = (54, *version),
        Event::TrustListEnds { version, until } => {
            (row.kind, row.seq, row.at) = (55, *version, until.as_millis());
        }
        Event::HubSuspended { room, hub, list, code } => {
            (row.kind, row.room, row.seq) = (56, room.as_bytes().to_vec(), *list);
            (row.agency, row.code) = (hub.to_string(), code.number().into());
        }
        Event::HubReinstated { room, hub, list } => {
            (row.kind, row.room, row.seq) = (57, room.as_bytes().to_vec(), *list);
            row.agency = hub.to_string();
        }
        Event::RevocationsStale { agency, version, since } => {
            (row.kind, row.seq, row.at) = (58, *version, since.as_millis());
            row.agency = agency.to_string();
        }
        Event::NotServed { code } => (row.kind, row.code) = (59, code.number().into()),
        Event::Rejoined { room, from_seq, to_seq } => {
            (row.kind, row.room, row.seq, row.at) = (60, room.as_bytes().to_vec(), *from_seq, *to_seq);
        }
        Event::NotJoined { room, code } => {
            (row.kind, row.room, row.code) = (61, room.as_bytes().to_vec(), code.number().into());
        }
        Event::RoomDescribed { room, seq, by, name } => {
            (row.kind, row.room, row.seq) = (62, room.as_bytes().to_vec(), *seq);
            (row.device, row.name) = (Some(by.into()), Some(name.clone()));
        }
        Event::Found { request, agency, users, next } => {
            (row.kind, row.request, row.agency) = (90, request.as_bytes().to_vec(), agency.to_string());
            (row.found, row.next) = (users.iter().map(FoundRow::of).collect(), next.clone());
        }
        Event::RoomsFound { request, agency, rooms, next } => {
            (row.kind, row.request, row.agency) = (92, request.as_bytes().to_vec(), agency.to_string());
            (row.found_rooms, row.next) = (rooms.iter().map(FoundRoomRow::of).collect(), next.clone());
        }
        Event::ClaimUnrecorded { room, by, recorded } => {
            (row.kind, row.room, row.device) = (91, room.as_bytes().to_vec(), Some(by.into()));
            row.added = recorded.iter().map(Into::into).collect();
        }
        Event::StoreRolledBack => row.kind = 17,
        Event::Fetched { request } => (row.kind, row.request) = (18, request.as_bytes().to_vec()),
        Event::NotFetched { request, code, blame, remedy, retry_at } => {
            (row.kind, row.request, row.code) = (19, request.as_bytes().to_vec(), code.number().into());
            (row.blame, row.remedy) = (number_of(&BLAMES, blame), number_of(&REMEDIES, remedy));
            row.retry_at = retry_at.map(Timestamp::as_millis);
        }
        Event::History { request, file, rooms } => {
            (row.kind, row.request) = (75, request.as_bytes().to_vec());
            row.content = wire::encode_body(file).to_vec();
            row.rooms = rooms.iter().map(|room| room.as_bytes().to_vec()).collect();
        }
    }
}

/// The event of a row.
pub(super) fn decode(bytes: &[u8]) -> Result<Event> {
    let row: EventRow = rows::parse(bytes, "event")?;
    let room = || RoomId::from_slice(&row.room);
    let request = || RequestId::from_slice(&row.request);
    let device = || row.device.as_ref().ok_or(corrupt("event")).and_then(Device::try_from);
    let code = || code(row.code);
    let said = |what: u32| {
        let users = row.users.iter().filter(|u| u.what == what);
        users.map(|u| UserId::parse(&u.user)).collect::<Result<Vec<_>>>()
    };
    let devices = |rows: &[DeviceRow]| rows.iter().map(Device::try_from).collect::<Result<Vec<_>>>();
    let (seq, at) = (row.seq, Timestamp::from_millis(row.at));
    let applies = || row.applies.iter().map(Applied::try_from).collect::<Result<Vec<_>>>();
    let expires_at = row.expires_at.map(Timestamp::from_millis);
    let retry_at = row.retry_at.map(Timestamp::from_millis);
    Ok(match row.kind {
        1 => Event::Enrolled,
        2 => Event::RoomCreated { room: room()?, name: row.name.clone().unwrap_or_default() },
        3 => Event::Joined { room: room()?, name: row.name.clone(), by: device()?, seq },
        4 => Event::Message {
            room: room()?,
            seq,
            at,
            id: MessageId::from_slice(&row.message)?,
            sender: device()?,
            content: Content::decode(row.content_kind, Bytes::from(row.content.clone()))?,
            applies: applies()?,
            marking: Marking { label: row.label.clone(), fits: row.label_fits },
            expires_at,
        },
        5 => Event::Sent {
            request: request()?,
            room: room()?,
            seq,
            at,
            id: MessageId::from_slice(&row.message)?,
            applies: applies()?,
            expires_at,
        },
        40 => Event::Expired {
            room: room()?,
            messages: row.messages.iter().map(|id| MessageId::from_slice(id)).collect::<Result<_>>()?,
        },
        6 => Event::SendNeedsConsent { request: request()?, room: room()?, added: said(JOINED)? },
        7 => Event::Unreadable { room: room()?, seq, sender: device()?, code: code()? },
        8 => Event::MembersChanged {
            room: room()?,
            seq,
            by: device()?,
            joined: said(JOINED)?,
            left: said(LEFT)?,
            removed: said(REMOVED)?,
            devices_added: devices(&row.added)?,
            devices_removed: devices(&row.removed)?,
            reasons: row.reasons.iter().map(DeviceChange::try_from).collect::<Result<_>>()?,
        },
        9 => Event::RoomChanged {
            room: room()?,
            seq,
            by: device()?,
            name: row.name.clone(),
            changes: row.changes.iter().map(Changed::try_from).collect::<Result<_>>()?,
        },
        85 => Event::RoomEnded { room: room()?, at },
        10 => Event::Left { room: room()?, seq, by: device()? },
        11 => Event::Done { request: request()? },
        12 => Event::Failed { request: request()?, code: code()?, retry_at },
        13 => Event::NotInvited {
            request: request()?,
            users: row
                .users
                .iter()
                .map(|u| Ok((UserId::parse(&u.user)?, self::code(u.what)?)))
                .collect::<Result<_>>()?,
            retry_at,
        },
        14 => Event::InvitationFailed { room: room()?, code: code()? },
        15 => Event::RoomStalled { room: room()?, seq, code: code()? },
        16 => Event::AgencyMisbehaved {
            agency: AgencyId::parse(row.name.as_deref().unwrap_or_default())?,
            code: code()?,
        },
        60 => Event::Rejoined { room: room()?, from_seq: seq, to_seq: row.at },
        61 => Event::NotJoined { room: room()?, code: code()? },
        62 => Event::RoomDescribed {
            room: room()?,
            seq,
            by: device()?,
            name: row.name.clone().unwrap_or_default(),
        },
        90 => Event::Found {
            request: request()?,
            agency: AgencyId::parse(&row.agency)?,
            users: row.found.iter().map(FoundRow::read).collect::<Result<_>>()?,
            next: row.next.clone(),
        },
        92 => {
            let agency = AgencyId::parse(&row.agency)?;
            let rooms = row.found_rooms.iter().map(|room| room.read(&agency)).collect::<Result<_>>()?;
            Event::RoomsFound { request: request()?, agency, rooms, next: row.next.clone() }
        }
        91 => Event::ClaimUnrecorded { room: room()?, by: device()?, recorded: devices(&row.added)? },
        17 => Event::StoreRolledBack,
        50 => Event::DeviceDue {
            room: room()?,
            device: device()?,
            agency: AgencyId::parse(row.name.as_deref().unwrap_or_default())?,
            list: seq,
            code: code()?,
        },
        51 => Event::TrustListChanged { version: seq, by: row.names.clone() },
        52 => Event::AgencyChanged {
            agency: AgencyId::parse(&row.agency)?,
            list: seq,
            change: change(row.change)?,
        },
        53 => {
            let keys = |added: bool| {
                let keys = row.keys.iter().filter(|key| key.added == added);
                keys.map(KeyRow::read).collect::<Result<Vec<_>>>()
            };
            let (added, dropped) = (keys(true)?, keys(false)?);
            Event::AgencyKeysChanged {
                agency: AgencyId::parse(&row.agency)?,
                descriptor: seq,
                added,
                dropped,
            }
        }
        54 => Event::TrustListForked { version: seq },
        55 => Event::TrustListEnds { version: seq, until: at },
        56 => Event::HubSuspended {
            room: room()?,
            hub: AgencyId::parse(&row.agency)?,
            list: seq,
            code: code()?,
        },
        57 => Event::HubReinstated { room: room()?, hub: AgencyId::parse(&row.agency)?, list: seq },
        58 => Event::RevocationsStale { agency: AgencyId::parse(&row.agency)?, version: seq, since: at },
        59 => Event::NotServed { code: code()? },
        18 => Event::Fetched { request: request()? },
        19 => Event::NotFetched {
            request: request()?,
            code: code()?,
            blame: numbered(&BLAMES, row.blame)?,
            remedy: numbered(&REMEDIES, row.remedy)?,
            retry_at,
        },
        75 => Event::History {
            request: request()?,
            file: wire::decode_body(&Bytes::from(row.content.clone()))?,
            rooms: row.rooms.iter().map(|room| RoomId::from_slice(room)).collect::<Result<_>>()?,
        },
        70 => Event::IdentityChanged {
            user: said(JOINED)?.pop().ok_or(corrupt("event user"))?,
            before: Hash::from_slice(row.identities.first().ok_or(corrupt("event identity"))?)?,
            now: Hash::from_slice(row.identities.get(1).ok_or(corrupt("event identity"))?)?,
            verified: row.verified,
        },
        80 => Event::ChainForked { fork: Box::new(ChainFork::from_bytes(&row.fork)?) },
        81 => Event::DevicesEndorsed {
            room: room()?,
            seq,
            devices: row.endorsed.iter().map(EndorsementRow::read).collect::<Result<_>>()?,
        },
        30 => Event::Invited {
            invitation: seq,
            room: room()?,
            kind: room_kind(row.room_kind)?,
            name: row.name.clone(),
            by: device()?,
            hub: AgencyId::parse(&row.agency)?,
            users: row.at,
        },
        _ => return Err(corrupt("event kind")),
    })
}

const BLAMES: [(Blame, u32); 5] =
    [(Blame::Nobody, 1), (Blame::Sender, 2), (Blame::Origin, 3), (Blame::OwnAgency, 4), (Blame::Unclear, 5)];
const REMEDIES: [(Remedy, u32); 4] =
    [(Remedy::Nothing, 1), (Remedy::Later, 2), (Remedy::AskSender, 3), (Remedy::TellOperators, 4)];

fn number_of<T: PartialEq>(table: &[(T, u32)], value: &T) -> u32 {
    table.iter().find(|(known, _)| known == value).map_or(0, |(_, number)| *number)
}

fn numbered<T: Copy>(table: &[(T, u32)], number: u32) -> Result<T> {
    table.iter().find(|(_, known)| *known == number).map(|(value, _)| *value).ok_or(corrupt("event"))
}

/// The room of which an event tells.
pub(super) fn room(bytes: &[u8]) -> Result<Option<RoomId>> {
    let row: EventRow = rows::parse(bytes, "event")?;
    (!row.room.is_empty()).then(|| RoomId::from_slice(&row.room)).transpose()
}

fn code(number: u32) -> Result<Code> {
    u16::try_from(number).ok().and_then(Code::from_number).ok_or(corrupt("event code"))
}

impl From<&Applied> for AppliedRow {
    fn from(applied: &Applied) -> Self {
        let outcome = match applied.outcome {
            Ok(By::Author) => AUTHOR,
            Ok(By::Moderator) => MODERATOR,
            Ok(By::Anybody) => ANYBODY,
            Err(code) => code.number().into(),
        };
        AppliedRow { target: applied.target.as_bytes().to_vec(), outcome }
    }
}

impl TryFrom<&AppliedRow> for Applied {
    type Error = crate::error::Error;

    fn try_from(row: &AppliedRow) -> Result<Self> {
        let outcome = match row.outcome {
            AUTHOR => Ok(By::Author),
            MODERATOR => Ok(By::Moderator),
            ANYBODY => Ok(By::Anybody),
            number => Err(code(number)?),
        };
        Ok(Applied { target: MessageId::from_slice(&row.target)?, outcome })
    }
}

impl From<&Device> for DeviceRow {
    fn from(device: &Device) -> Self {
        DeviceRow { user: device.user.to_string(), id: device.id.as_bytes().to_vec() }
    }
}

impl TryFrom<&DeviceRow> for Device {
    type Error = crate::error::Error;

    fn try_from(row: &DeviceRow) -> Result<Self> {
        Ok(Device { user: UserId::parse(&row.user)?, id: DeviceId::from_slice(&row.id)? })
    }
}

//! Events as rows.

mod agency;
mod device;
mod found;
mod message;

use bytes::Bytes;
use prost::Message;

use agency::{KeyRow, change, change_number};
pub(super) use device::DeviceRow;
use device::{EndorsementRow, JOINED, LEFT, REMOVED, UserRow};
use found::{FoundRoomRow, FoundRow};
use message::{AppliedRow, BLAMES, REMEDIES, code, number_of, numbered};

use super::{
    Applied, Event, Marking,
    change_row::{ChangedRow, ReasonRow},
    rows,
};
use crate::{
    content::Content,
    error::Result,
    identity::{ChainFork, Contradiction, KeyPurpose},
    ids::{AgencyId, Device, Hash, KeyId, MessageId, RequestId, RoomId, UserId},
    room::{Changed, DeviceChange, kind_number, room_kind},
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
    /// Of an agency: [`agency::JOINED_FEDERATION`] and those after it.
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
    evidence: Vec<u8>,
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
    #[prost(bytes = "bytes", repeated, tag = "96")]
    lists: Vec<Bytes>,
}

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
        Event::ChainForked { fork } => (row.kind, row.evidence) = (80, fork.to_bytes()),
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
        Event::AgencyMisbehaved { evidence } => (row.kind, row.evidence) = (16, evidence.to_bytes()),
        Event::BadRecord { number } => (row.kind, row.seq) = (20, *number),
        Event::LogsDiffer { room, seq, hub, sender } => {
            (row.kind, row.room, row.seq) = (21, room.as_bytes().to_vec(), *seq);
            (row.agency, row.device) = (hub.to_string(), Some(sender.into()));
        }
        Event::RoomSilent { room, hub, since } => {
            (row.kind, row.room, row.at) = (23, room.as_bytes().to_vec(), since.as_millis());
            row.agency = hub.to_string();
        }
        Event::RoomHeard { room } => (row.kind, row.room) = (24, room.as_bytes().to_vec()),
        Event::CertificateEnds { until } => (row.kind, row.at) = (22, until.as_millis()),
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
        Event::TrustListForked { version, lists } => {
            (row.kind, row.seq, row.lists) = (54, *version, lists.to_vec());
        }
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
        16 => Event::AgencyMisbehaved { evidence: Box::new(Contradiction::from_bytes(&row.evidence)?) },
        20 => Event::BadRecord { number: seq },
        21 => {
            let hub = AgencyId::parse(&row.agency)?;
            Event::LogsDiffer { room: room()?, seq, hub, sender: device()? }
        }
        22 => Event::CertificateEnds { until: at },
        23 => Event::RoomSilent { room: room()?, hub: AgencyId::parse(&row.agency)?, since: at },
        24 => Event::RoomHeard { room: room()? },
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
        54 => {
            let lists = row.lists.clone().try_into().map_err(|_| corrupt("event lists"))?;
            Event::TrustListForked { version: seq, lists: Box::new(lists) }
        }
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
        80 => Event::ChainForked { fork: Box::new(ChainFork::from_bytes(&row.evidence)?) },
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

/// The room of which an event tells.
pub(super) fn room(bytes: &[u8]) -> Result<Option<RoomId>> {
    let row: EventRow = rows::parse(bytes, "event")?;
    (!row.room.is_empty()).then(|| RoomId::from_slice(&row.room)).transpose()
}

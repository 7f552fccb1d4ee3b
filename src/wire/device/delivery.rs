//! What is new for a device.

use bytes::Bytes;

use super::{ClaimAnswer, ClaimRecord, Directory, Entrance, claim};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{AgencyId, RoomId},
    limits,
    wire::{
        Signed, Wire, field, fields,
        log::{Head, LogItem, Refusal},
        proto, repeated,
    },
};

/// Everything that is new, as far as it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Ordered by room; together at most [`limits::DELIVERY_ENTRIES`] entries.
    pub(crate) rooms: Vec<RoomDelivery>,
    /// Ordered by number.
    pub(crate) inbox: Vec<InboxItem>,
    /// A signed trust list, if there is a newer one.
    pub(crate) trust_list: Option<Bytes>,
    /// Newer descriptors, signed.
    pub(crate) descriptors: Vec<Bytes>,
    /// Newer revocation lists, signed.
    pub(crate) revocations: Vec<Bytes>,
    /// What is new of the own user's chain: encoded links.
    pub(crate) chain: Vec<Bytes>,
    /// Ordered by number, without gaps.
    pub(crate) records: Vec<ClaimRecord>,
    /// Whether there is more than this delivery holds.
    pub(crate) more: bool,
    /// Rooms of which the server does not have what the device has processed; ordered.
    pub(crate) astray: Vec<RoomId>,
}

/// New entries of one room, without gaps from the device's cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomDelivery {
    pub(crate) room: RoomId,
    /// None in a heartbeat.
    pub(crate) items: Vec<LogItem>,
    /// The hub's head of the same room, at the last of the entries.
    pub(crate) head: Signed<Head>,
}

/// Something addressed to one device alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InboxItem {
    /// Growing, from 1.
    pub(crate) number: u64,
    /// Tells it from another one that had its number before the server's store was put back; not 0.
    pub(crate) mark: u64,
    pub(crate) body: InboxBody,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InboxBody {
    Invitation(Box<Invitation>),
    Claimed(ClaimAnswer),
    Refusal(Box<Signed<Refusal>>),
    /// So few one-time key packages are left.
    StockLow(u32),
    /// What it takes to come into a room, or why it is not given.
    Entrance(Box<Entrance>),
    /// Another agency's.
    Directory(Directory),
}

/// The place in the log where a room begins for a device, with the Welcome that lets it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The agency whose server is the hub.
    pub(crate) hub: AgencyId,
    /// The encoded log entry whose commit adds the device.
    pub(crate) entry: Bytes,
    /// The hub's head at that entry.
    pub(crate) head: Signed<Head>,
    /// MLSMessage(Welcome); `None` if the device has come in by itself.
    pub(crate) welcome: Option<Bytes>,
}

/// Log entries of one room, and the head that goes with them.
pub(in crate::wire) fn room_items(
    room: &[u8],
    items: Vec<proto::LogItem>,
    head: &Bytes,
) -> Result<(RoomId, Vec<LogItem>, Signed<Head>)> {
    let room = RoomId::from_slice(room)?;
    let items = repeated(items, (0, limits::DELIVERY_ENTRIES), "log items", LogItem::parse)?;
    let head = Signed::<Head>::decode(head)?;
    ensure(head.claimed().room == room, Code::BadField, "head of another room")?;
    Ok((room, items, head))
}

impl Wire for Delivery {
    type Proto = proto::Delivery;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "delivery";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let rooms = repeated(proto.rooms, (0, limits::SYNC_ROOMS), "rooms", RoomDelivery::parse)?;
        fields::ascending(&rooms, |r| r.room, "rooms are not in order")?;
        let entries: usize = rooms.iter().map(|r| r.items.len()).sum();
        ensure(entries <= limits::DELIVERY_ENTRIES, Code::TooLong, "log items")?;
        let inbox = repeated(proto.inbox, (0, limits::DEVICE_INBOX), "inbox", InboxItem::parse)?;
        fields::ascending(&inbox, |i| i.number, "inbox items are not in order")?;
        let records =
            repeated(proto.records, (0, limits::DELIVERY_RECORDS), "claim records", ClaimRecord::parse)?;
        let follow = records.is_sorted_by(|a, b| Some(b.number) == a.number.checked_add(1));
        ensure(follow, Code::BadField, "claim records with gaps")?;
        let room = |bytes: Bytes| RoomId::from_slice(&bytes);
        let astray = repeated(proto.astray, (0, limits::SYNC_ROOMS), "rooms astray", room)?;
        fields::ascending(&astray, |room| *room, "rooms are not in order")?;
        let list = |bytes| fields::filled(bytes, limits::REVOCATION_LIST, "revocation list");
        let descriptor = |bytes| fields::filled(bytes, limits::DESCRIPTOR, "agency descriptor");
        Ok(Delivery {
            rooms,
            inbox,
            trust_list: fields::optional(proto.trust_list, limits::TRUST_LIST, "trust list")?,
            descriptors: repeated(proto.descriptors, (0, limits::AGENCIES), "descriptors", descriptor)?,
            revocations: repeated(proto.revocations, (0, limits::AGENCIES), "revocation lists", list)?,
            chain: claim::chain(proto.chain, 0)?,
            records,
            more: proto.more,
            astray,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Delivery {
            rooms: fields::protos(&self.rooms),
            inbox: fields::protos(&self.inbox),
            trust_list: self.trust_list.clone().unwrap_or_default(),
            descriptors: self.descriptors.clone(),
            revocations: self.revocations.clone(),
            chain: self.chain.clone(),
            records: fields::protos(&self.records),
            more: self.more,
            astray: self.astray.iter().map(|room| fields::raw(room.as_bytes())).collect(),
        }
    }
}

impl Wire for RoomDelivery {
    type Proto = proto::RoomDelivery;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "room delivery";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let (room, items, head) = room_items(&proto.room, proto.items, &proto.head)?;
        Ok(RoomDelivery { room, items, head })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::RoomDelivery {
            room: fields::raw(self.room.as_bytes()),
            items: fields::protos(&self.items),
            head: self.head.bytes().clone(),
        }
    }
}

impl Wire for InboxItem {
    type Proto = proto::InboxItem;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "inbox item";

    fn parse(proto: Self::Proto) -> Result<Self> {
        use proto::inbox_item::Item;
        let body = match field(proto.item, "inbox item")? {
            Item::Invitation(proto) => InboxBody::Invitation(Invitation::parse(proto)?.into()),
            Item::Claimed(proto) => InboxBody::Claimed(ClaimAnswer::parse(proto)?),
            Item::Refusal(bytes) => InboxBody::Refusal(Signed::decode(&bytes)?.into()),
            Item::StockLow(proto::Stock { left }) => InboxBody::StockLow(left),
            Item::Entrance(proto) => InboxBody::Entrance(Entrance::parse(proto)?.into()),
            Item::Directory(proto) => InboxBody::Directory(Directory::parse(proto)?),
        };
        let (number, mark) = (fields::positive(proto.number, "inbox number")?, proto.mark);
        let mark = fields::positive(mark, "mark of an inbox item")?;
        Ok(InboxItem { number, mark, body })
    }

    fn to_proto(&self) -> Self::Proto {
        use proto::inbox_item::Item;
        let item = match &self.body {
            InboxBody::Invitation(invitation) => Item::Invitation(invitation.to_proto()),
            InboxBody::Claimed(answer) => Item::Claimed(answer.to_proto()),
            InboxBody::Refusal(refusal) => Item::Refusal(refusal.bytes().clone()),
            InboxBody::StockLow(left) => Item::StockLow(proto::Stock { left: *left }),
            InboxBody::Entrance(entrance) => Item::Entrance(entrance.to_proto()),
            InboxBody::Directory(directory) => Item::Directory(directory.to_proto()),
        };
        proto::InboxItem { number: self.number, mark: self.mark, item: Some(item) }
    }
}

impl Wire for Invitation {
    type Proto = proto::Invitation;
    const MAX: usize = limits::INVITATION;
    const NAME: &'static str = "invitation";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(Invitation {
            hub: AgencyId::parse(&proto.hub)?,
            entry: fields::filled(proto.entry, limits::LOG_ENTRY, "log entry")?,
            head: Signed::decode(&proto.head)?,
            welcome: fields::optional(proto.welcome, limits::MLS_MESSAGE, "welcome")?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Invitation {
            hub: self.hub.to_string(),
            entry: self.entry.clone(),
            head: self.head.bytes().clone(),
            welcome: self.welcome.clone().unwrap_or_default(),
        }
    }
}

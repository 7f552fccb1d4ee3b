//! What a frame carries.

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Result, ensure, fault},
    ids::{BlobId, Device, Hash, RequestId, RoomId},
    limits,
    time::Timestamp,
    wire::{
        Reason, Signed, Wire, decode_body,
        device::{
            BlobInfo, BlobOpen, ClaimAnswer, DeviceRequest, DirectoryAnswer, Entrance, GetEntrance,
            Invitation, KnownList, LookUp, RequestBody, room_items,
        },
        encode_body, field, fields,
        log::{Head, LogItem, Refusal, RoomMaterial, Submission},
        proto, repeated,
    },
};

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkItem {
    /// To the hub.
    Submission(Box<Submission>),
    /// From the hub.
    Entries(Box<RoomEntries>),
    /// From the hub, for a device of the receiver.
    Refusal(Box<Signed<Refusal>>),
    /// From the hub: devices of the receiver were added.
    Welcome(Box<RoomWelcome>),
    Claim(LinkClaim),
    ClaimAnswer(LinkClaimAnswer),
    /// To the origin: an attachment's header and chunk hashes are wanted.
    BlobOpen(BlobOpen),
    BlobInfo(LinkBlobInfo),
    /// From the origin: it was taken back.
    BlobForgotten(BlobForgotten),
    /// Documents that the receiver may lack.
    Documents(Documents),
    Wanted(Wanted),
    /// To the hub.
    EntriesWanted(EntriesWanted),
    /// To the hub: a device of the sender wants to come into a room.
    GetEntrance(LinkGetEntrance),
    /// From the hub, for a device of the receiver.
    Entrance(Box<LinkEntrance>),
    /// The receiver's directory is asked.
    LookUp(LinkLookUp),
    /// The sender's answers.
    DirectoryAnswer(Box<Signed<DirectoryAnswer>>),
    /// Nothing that can be read here, and why. It is refused by itself (SPEC V-536).
    Unreadable(Bytes, Code),
}

impl LinkItem {
    /// Reads an item of a frame.
    pub(crate) fn read(bytes: Bytes) -> Self {
        decode_body(&bytes).unwrap_or_else(|error| LinkItem::Unreadable(bytes, error.code()))
    }

    /// The item as it travels in a frame.
    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            LinkItem::Unreadable(bytes, _) => bytes.clone(),
            item => encode_body(item),
        }
    }

    /// When the hub's head was, of what has one.
    pub(crate) fn head_at(&self) -> Option<Timestamp> {
        match self {
            LinkItem::Entries(entries) => Some(entries.head.claimed().at),
            LinkItem::Welcome(welcome) => Some(welcome.invitation.head.claimed().at),
            _ => None,
        }
    }
}

/// A look-up of a device of the sender, which is not named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkLookUp {
    /// The id of the device's request.
    pub(crate) look_up_id: RequestId,
    pub(crate) look_up: LookUp,
}

/// Signed documents of anybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Documents {
    /// Ordered by version.
    pub(crate) trust_lists: Vec<Bytes>,
    pub(crate) descriptors: Vec<Bytes>,
    pub(crate) revocations: Vec<Bytes>,
}

/// Documents that a stamp names and the asker does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The trust list that the asker has.
    pub(crate) trust_version: u64,
    /// Revocation lists that are wanted, with the versions that are there. Ordered by agency.
    pub(crate) revocations: Vec<KnownList>,
}

/// Asks a hub for what comes after the last entry that the asker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntriesWanted {
    pub(crate) room: RoomId,
    /// The last entry that is there, from 1.
    pub(crate) seq: u64,
    /// Its hash.
    pub(crate) hash: Hash,
}

/// New log entries of one room, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomEntries {
    pub(crate) room: RoomId,
    /// None in a heartbeat.
    pub(crate) items: Vec<LogItem>,
    /// The hub's head of the same room, at the last of the entries.
    pub(crate) head: Signed<Head>,
    /// Devices of the receiving agency that an entry removes. Ordered by entry, then device.
    pub(crate) departures: Vec<Departure>,
}

/// A device that leaves a room: it sees the entry that removes it and nothing after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    pub(crate) device: Device,
    /// The entry that removes it.
    pub(crate) seq: u64,
}

/// Devices of the receiving agency were added to a room, or one has come in by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomWelcome {
    /// What each of them is given.
    pub(crate) invitation: Invitation,
    /// The devices, ordered. At least one.
    pub(crate) recipients: Vec<Device>,
    /// What they need beside it; there exactly where the invitation has a Welcome.
    pub(crate) material: Option<RoomMaterial>,
}

/// A claim of a device, for users of the receiving agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkClaim {
    /// As the device has signed it: its body is a claim.
    pub(crate) request: Box<Signed<DeviceRequest>>,
    /// The device's signed certificate.
    pub(crate) certificate: Bytes,
}

impl LinkClaim {
    /// # Errors
    /// [`Code::BadField`] for another request.
    pub(crate) fn new(request: Signed<DeviceRequest>, certificate: Bytes) -> Result<Self> {
        let claim = matches!(request.claimed().body, RequestBody::Claim(_));
        ensure(claim, Code::BadField, "not a claim")?;
        Ok(LinkClaim { request: Box::new(request), certificate })
    }
}

/// The answer, to be given to the device that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkClaimAnswer {
    pub(crate) device: Device,
    pub(crate) answer: ClaimAnswer,
}

/// Asks for what it takes to come into a room, for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkGetEntrance {
    pub(crate) device: Device,
    pub(crate) get: GetEntrance,
}

/// The answer, to be given to the device that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkEntrance {
    pub(crate) device: Device,
    pub(crate) entrance: Entrance,
}

/// An attachment of the sender was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobForgotten {
    pub(crate) blob: BlobId,
}

/// An attachment at its origin, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkBlobInfo {
    pub(crate) blob: BlobId,
    pub(crate) outcome: Result<SharedBlob, Reason>,
}

/// An attachment that other agencies may fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedBlob {
    pub(crate) info: BlobInfo,
    /// Until when the origin keeps it.
    pub(crate) expires_at: Timestamp,
}

impl Wire for LinkItem {
    type Proto = proto::LinkItem;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "link item";

    fn parse(proto: Self::Proto) -> Result<Self> {
        use proto::link_item::Item;
        Ok(match field(proto.item, "link item")? {
            Item::Submission(proto) => LinkItem::Submission(Submission::parse(proto)?.into()),
            Item::Entries(proto) => LinkItem::Entries(RoomEntries::parse(proto)?.into()),
            Item::Refusal(bytes) => LinkItem::Refusal(Signed::decode(&bytes)?.into()),
            Item::Welcome(proto) => LinkItem::Welcome(RoomWelcome::parse(proto)?.into()),
            Item::Claim(proto) => LinkItem::Claim(LinkClaim::parse(proto)?),
            Item::ClaimAnswer(proto) => LinkItem::ClaimAnswer(LinkClaimAnswer::parse(proto)?),
            Item::BlobOpen(proto) => LinkItem::BlobOpen(BlobOpen::parse(proto)?),
            Item::BlobInfo(proto) => LinkItem::BlobInfo(LinkBlobInfo::parse(proto)?),
            Item::BlobForgotten(proto) => LinkItem::BlobForgotten(BlobForgotten::parse(proto)?),
            Item::Documents(proto) => LinkItem::Documents(Documents::parse(proto)?),
            Item::Wanted(proto) => LinkItem::Wanted(Wanted::parse(proto)?),
            Item::EntriesWanted(proto) => LinkItem::EntriesWanted(EntriesWanted::parse(proto)?),
            Item::GetEntrance(proto) => LinkItem::GetEntrance(LinkGetEntrance::parse(proto)?),
            Item::Entrance(proto) => LinkItem::Entrance(LinkEntrance::parse(proto)?.into()),
            Item::LookUp(proto) => LinkItem::LookUp(LinkLookUp::parse(proto)?),
            Item::DirectoryAnswer(bytes) => LinkItem::DirectoryAnswer(Signed::decode(&bytes)?.into()),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        use proto::link_item::Item;
        let item = match self {
            LinkItem::Submission(item) => Item::Submission(item.to_proto()),
            LinkItem::Entries(item) => Item::Entries(item.to_proto()),
            LinkItem::Refusal(item) => Item::Refusal(item.bytes().clone()),
            LinkItem::Welcome(item) => Item::Welcome(item.to_proto()),
            LinkItem::Claim(item) => Item::Claim(item.to_proto()),
            LinkItem::ClaimAnswer(item) => Item::ClaimAnswer(item.to_proto()),
            LinkItem::BlobOpen(item) => Item::BlobOpen(item.to_proto()),
            LinkItem::BlobInfo(item) => Item::BlobInfo(item.to_proto()),
            LinkItem::BlobForgotten(item) => Item::BlobForgotten(item.to_proto()),
            LinkItem::Documents(item) => Item::Documents(item.to_proto()),
            LinkItem::Wanted(item) => Item::Wanted(item.to_proto()),
            LinkItem::EntriesWanted(item) => Item::EntriesWanted(item.to_proto()),
            LinkItem::GetEntrance(item) => Item::GetEntrance(item.to_proto()),
            LinkItem::Entrance(item) => Item::Entrance(item.to_proto()),
            LinkItem::LookUp(item) => Item::LookUp(item.to_proto()),
            LinkItem::DirectoryAnswer(item) => Item::DirectoryAnswer(item.bytes().clone()),
            // It has bytes alone, and no frame asks for its fields.
            LinkItem::Unreadable(..) => return proto::LinkItem { item: None },
        };
        proto::LinkItem { item: Some(item) }
    }
}

impl Wire for Documents {
    type Proto = proto::LinkDocuments;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "documents";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let lists = (0, limits::ENROLMENT_TRUST_LISTS);
        let list = |bytes| fields::filled(bytes, limits::TRUST_LIST, "trust list");
        let descriptor = |bytes| fields::filled(bytes, limits::DESCRIPTOR, "agency descriptor");
        let revoked = |bytes| fields::filled(bytes, limits::REVOCATION_LIST, "revocation list");
        let agencies = (0, limits::AGENCIES);
        Ok(Documents {
            trust_lists: repeated(proto.trust_lists, lists, "trust lists", list)?,
            descriptors: repeated(proto.descriptors, agencies, "descriptors", descriptor)?,
            revocations: repeated(proto.revocations, agencies, "revocation lists", revoked)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkDocuments {
            trust_lists: self.trust_lists.clone(),
            descriptors: self.descriptors.clone(),
            revocations: self.revocations.clone(),
        }
    }
}

impl Wire for Wanted {
    type Proto = proto::LinkWanted;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "wanted documents";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let bounds = (0, limits::ROOM_AGENCIES);
        let revocations = repeated(proto.revocations, bounds, "revocations", KnownList::parse)?;
        fields::ascending(&revocations, |r| &r.agency, "revocations are not in order")?;
        let trust_version = fields::positive(proto.trust_version, "trust version")?;
        Ok(Wanted { trust_version, revocations })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkWanted {
            trust_version: self.trust_version,
            revocations: fields::protos(&self.revocations),
        }
    }
}

impl Wire for EntriesWanted {
    type Proto = proto::LinkEntriesWanted;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "wanted entries";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(EntriesWanted {
            room: RoomId::from_slice(&proto.room)?,
            seq: fields::positive(proto.seq, "seq")?,
            hash: Hash::from_slice(&proto.hash)?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkEntriesWanted {
            room: fields::raw(self.room.as_bytes()),
            seq: self.seq,
            hash: fields::raw(self.hash.as_bytes()),
        }
    }
}

impl Wire for RoomEntries {
    type Proto = proto::RoomEntries;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "room entries";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let (room, items, head) = room_items(&proto.room, proto.items, &proto.head)?;
        let departures = repeated(proto.departures, (0, limits::MEMBERS), "departures", Departure::parse)?;
        fields::ascending(&departures, |d| (d.seq, &d.device), "departures are not in order")?;
        Ok(RoomEntries { room, items, head, departures })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::RoomEntries {
            room: fields::raw(self.room.as_bytes()),
            items: fields::protos(&self.items),
            head: self.head.bytes().clone(),
            departures: fields::protos(&self.departures),
        }
    }
}

impl Wire for Departure {
    type Proto = proto::Departure;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "departure";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let device = fields::device(&proto.user, &proto.device)?;
        Ok(Departure { device, seq: fields::positive(proto.seq, "seq")? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Departure {
            user: self.device.user.to_string(),
            device: fields::raw(self.device.id.as_bytes()),
            seq: self.seq,
        }
    }
}

impl Wire for RoomWelcome {
    type Proto = proto::RoomWelcome;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "room welcome";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let recipient = |r: proto::Recipient| fields::device(&r.user, &r.device);
        let recipients = repeated(proto.recipients, (1, limits::MEMBERS), "recipients", recipient)?;
        fields::ascending(&recipients, |device| device, "recipients are not in order")?;
        let invitation = Invitation::parse(field(proto.invitation, "invitation")?)?;
        let material = proto.material.map(RoomMaterial::parse).transpose()?;
        let fits = material.is_some() == invitation.welcome.is_some();
        ensure(fits, Code::BadField, "room material")?;
        Ok(RoomWelcome { invitation, recipients, material })
    }

    fn to_proto(&self) -> Self::Proto {
        let recipient =
            |d: &Device| proto::Recipient { user: d.user.to_string(), device: fields::raw(d.id.as_bytes()) };
        proto::RoomWelcome {
            invitation: Some(self.invitation.to_proto()),
            recipients: self.recipients.iter().map(recipient).collect(),
            material: self.material.as_ref().map(Wire::to_proto),
        }
    }
}

impl Wire for LinkClaim {
    type Proto = proto::LinkClaim;
    const MAX: usize = limits::CLAIM + limits::SMALL;
    const NAME: &'static str = "link claim";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let request = fields::filled(proto.request, limits::CLAIM, "claim")?;
        let certificate = fields::filled(proto.certificate, limits::CERTIFICATE, "device certificate")?;
        LinkClaim::new(Signed::decode(&request)?, certificate)
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkClaim { request: self.request.bytes().clone(), certificate: self.certificate.clone() }
    }
}

impl Wire for LinkClaimAnswer {
    type Proto = proto::LinkClaimAnswer;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "link claim answer";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let device = fields::device(&proto.user, &proto.device)?;
        Ok(LinkClaimAnswer { device, answer: ClaimAnswer::parse(field(proto.answer, "claim answer")?)? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkClaimAnswer {
            user: self.device.user.to_string(),
            device: fields::raw(self.device.id.as_bytes()),
            answer: Some(self.answer.to_proto()),
        }
    }
}

impl Wire for LinkGetEntrance {
    type Proto = proto::LinkGetEntrance;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "link get entrance";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let device = fields::device(&proto.user, &proto.device)?;
        Ok(LinkGetEntrance { device, get: GetEntrance::parse(field(proto.get, "get entrance")?)? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkGetEntrance {
            user: self.device.user.to_string(),
            device: fields::raw(self.device.id.as_bytes()),
            get: Some(self.get.to_proto()),
        }
    }
}

impl Wire for LinkEntrance {
    type Proto = proto::LinkEntrance;
    const MAX: usize = limits::FRAME;
    const NAME: &'static str = "link entrance";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let device = fields::device(&proto.user, &proto.device)?;
        Ok(LinkEntrance { device, entrance: Entrance::parse(field(proto.entrance, "entrance")?)? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkEntrance {
            user: self.device.user.to_string(),
            device: fields::raw(self.device.id.as_bytes()),
            entrance: Some(self.entrance.to_proto()),
        }
    }
}

impl Wire for LinkLookUp {
    type Proto = proto::LinkLookUp;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "link look-up";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let look_up = LookUp::parse(field(proto.look_up, "look-up")?)?;
        Ok(LinkLookUp { look_up_id: RequestId::from_slice(&proto.look_up_id)?, look_up })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkLookUp {
            look_up_id: fields::raw(self.look_up_id.as_bytes()),
            look_up: Some(self.look_up.to_proto()),
        }
    }
}

impl Wire for BlobForgotten {
    type Proto = proto::BlobForgotten;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "blob forgotten";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(BlobForgotten { blob: BlobId::from_slice(&proto.blob)? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::BlobForgotten { blob: fields::raw(self.blob.as_bytes()) }
    }
}

impl Wire for LinkBlobInfo {
    type Proto = proto::LinkBlobInfo;
    const MAX: usize = limits::BLOB_INFO;
    const NAME: &'static str = "link blob info";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let outcome = match (Reason::parse_optional(proto.code)?, proto.info) {
            (None, info) => Ok(SharedBlob {
                info: BlobInfo::parse(field(info, "blob info")?)?,
                expires_at: Timestamp::from_millis(proto.expires_at),
            }),
            (Some(reason), None) if proto.expires_at == 0 => Err(reason),
            (Some(_), _) => return fault(Code::BadField, "blob info in spite of an error code"),
        };
        Ok(LinkBlobInfo { blob: BlobId::from_slice(&proto.blob)?, outcome })
    }

    fn to_proto(&self) -> Self::Proto {
        let blob = fields::raw(self.blob.as_bytes());
        match &self.outcome {
            Ok(SharedBlob { info, expires_at }) => proto::LinkBlobInfo {
                blob,
                code: 0,
                info: Some(info.to_proto()),
                expires_at: expires_at.as_millis(),
            },
            Err(reason) => proto::LinkBlobInfo { blob, code: reason.number().into(), ..Default::default() },
        }
    }
}

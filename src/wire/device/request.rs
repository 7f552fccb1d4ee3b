//! What a device asks of its server.

use bytes::Bytes;

use super::{
    BlobBegin, BlobForget, BlobGet, BlobOpen, BlobPut, BlobsWanted, Claim, GetEntrance, LinkGuest, LinkHost,
    LookUp, claim,
};
use crate::{
    code::Code,
    error::{Result, ensure, fault},
    ids::{AgencyId, Device, Hash, RequestId, RoomId, SubmissionId},
    limits,
    time::Timestamp,
    wire::{Signed, Wire, field, fields, log::Submission, proto, repeated},
};

/// What a device sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceMessage {
    Request(Box<Signed<DeviceRequest>>),
    /// Signed by itself.
    Submission(Box<Submission>),
    /// Signed by nobody.
    Guest(LinkGuest),
}

/// A request. Each kind may be repeated without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceRequest {
    pub(crate) device: Device,
    /// The agency that is asked: the device's own.
    pub(crate) agency: AgencyId,
    /// The reply repeats it.
    pub(crate) request_id: RequestId,
    pub(crate) body: RequestBody,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestBody {
    Enrol(Enrol),
    Publish(Publish),
    Sync(Sync),
    Claim(Claim),
    GetMaterial(GetMaterial),
    BlobBegin(BlobBegin),
    BlobPut(BlobPut),
    BlobOpen(BlobOpen),
    BlobGet(BlobGet),
    BlobForget(BlobForget),
    BlobsWanted(BlobsWanted),
    LinkHost(LinkHost),
    GetEntrance(GetEntrance),
    LookUp(LookUp),
}

/// Makes the device known to its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Enrol {
    /// A signed device certificate.
    pub(crate) certificate: Bytes,
    /// The user's chain: encoded links, from entry 0.
    pub(crate) chain: Vec<Bytes>,
}

/// Offers key packages: MLSMessage(KeyPackage).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    /// Each to be given out once. At most [`limits::KEY_PACKAGES`].
    pub(crate) packages: Vec<Bytes>,
    /// To be given out when no other is left.
    pub(crate) last_resort: Option<Bytes>,
}

/// Asks for everything new, and says what is no longer needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sync {
    /// Ordered by room.
    pub(crate) cursors: Vec<Cursor>,
    /// Inbox items up to this number are done with.
    pub(crate) inbox_done: u64,
    /// The version of the trust list that the device has; 0 if none.
    pub(crate) trust_version: u64,
    /// Ordered by agency.
    pub(crate) descriptors: Vec<KnownDescriptor>,
    /// The last submission; `None` if there was none.
    pub(crate) submitted: Option<LastSubmission>,
    /// Revocation lists that the device has or wants. Ordered by agency.
    pub(crate) revocations: Vec<KnownList>,
    /// How much it has of its own user's chain.
    pub(crate) chain: Option<KnownChain>,
    /// Claim records up to this number are done with.
    pub(crate) records_done: u64,
    /// The mark of the inbox item `inbox_done`; 0 if none is done with.
    pub(crate) inbox_mark: u64,
}

/// A submission as its device counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastSubmission {
    /// The highest counter used, from 1.
    pub(crate) counter: u64,
    pub(crate) id: SubmissionId,
}

/// How much somebody has of a user's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownChain {
    pub(crate) identity: Hash,
    /// How many links; at least one.
    pub(crate) links: u32,
}

/// How far a device has processed a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) room: RoomId,
    /// The last entry processed; 0 if none.
    pub(crate) seq: u64,
    pub(crate) hash: Option<Hash>,
    /// When the newest head was signed that the device has; zero if it has none.
    pub(crate) heard_at: Timestamp,
}

/// A descriptor that a device has; its version is from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownDescriptor {
    pub(crate) agency: AgencyId,
    pub(crate) version: u64,
}

/// A revocation list that somebody has or wants; version 0: none is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownList {
    pub(crate) agency: AgencyId,
    pub(crate) version: u64,
}

/// Asks for what goes with a Welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GetMaterial {
    pub(crate) room: RoomId,
    /// The entry whose commit added the device.
    pub(crate) seq: u64,
}

impl Wire for DeviceMessage {
    type Proto = proto::DeviceMessage;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "device message";

    fn parse(proto: Self::Proto) -> Result<Self> {
        use proto::device_message::Message;
        Ok(match field(proto.message, "device message")? {
            Message::Request(bytes) => DeviceMessage::Request(Signed::decode(&bytes)?.into()),
            Message::Submission(proto) => DeviceMessage::Submission(Submission::parse(proto)?.into()),
            Message::Guest(proto) => DeviceMessage::Guest(LinkGuest::parse(proto)?),
        })
    }

    fn to_proto(&self) -> Self::Proto {
        use proto::device_message::Message;
        let message = match self {
            DeviceMessage::Request(request) => Message::Request(request.bytes().clone()),
            DeviceMessage::Submission(submission) => Message::Submission(submission.to_proto()),
            DeviceMessage::Guest(guest) => Message::Guest(guest.to_proto()),
        };
        proto::DeviceMessage { message: Some(message) }
    }
}

impl Wire for DeviceRequest {
    type Proto = proto::DeviceRequest;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "device request";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let device = fields::device(&proto.user, &proto.device)?;
        let agency = AgencyId::parse(&proto.agency)?;
        ensure(*device.user.agency() == agency, Code::BadField, "agency of another user")?;
        let request_id = RequestId::from_slice(&proto.request_id)?;
        let body = RequestBody::parse(field(proto.request, "request")?)?;
        Ok(DeviceRequest { device, agency, request_id, body })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::DeviceRequest {
            user: self.device.user.to_string(),
            device: fields::raw(self.device.id.as_bytes()),
            agency: self.agency.to_string(),
            request_id: fields::raw(self.request_id.as_bytes()),
            request: Some(self.body.to_proto()),
        }
    }
}

impl RequestBody {
    fn parse(proto: proto::device_request::Request) -> Result<Self> {
        use proto::device_request::Request;
        Ok(match proto {
            Request::Enrol(proto) => RequestBody::Enrol(Enrol::parse(proto)?),
            Request::Publish(proto) => RequestBody::Publish(Publish::parse(proto)?),
            Request::Sync(proto) => RequestBody::Sync(Sync::parse(proto)?),
            Request::Claim(proto) => RequestBody::Claim(Claim::parse(proto)?),
            Request::GetMaterial(proto) => RequestBody::GetMaterial(GetMaterial::parse(proto)?),
            Request::BlobBegin(proto) => RequestBody::BlobBegin(BlobBegin::parse(proto)?),
            Request::BlobPut(proto) => RequestBody::BlobPut(BlobPut::parse(proto)?),
            Request::BlobOpen(proto) => RequestBody::BlobOpen(BlobOpen::parse(proto)?),
            Request::BlobGet(proto) => RequestBody::BlobGet(BlobGet::parse(proto)?),
            Request::BlobForget(proto) => RequestBody::BlobForget(BlobForget::parse(proto)?),
            Request::BlobsWanted(proto) => RequestBody::BlobsWanted(BlobsWanted::parse(proto)?),
            Request::LinkHost(proto) => RequestBody::LinkHost(LinkHost::parse(proto)?),
            Request::GetEntrance(proto) => RequestBody::GetEntrance(GetEntrance::parse(proto)?),
            Request::LookUp(proto) => RequestBody::LookUp(LookUp::parse(proto)?),
        })
    }

    fn to_proto(&self) -> proto::device_request::Request {
        use proto::device_request::Request;
        match self {
            RequestBody::Enrol(body) => Request::Enrol(body.to_proto()),
            RequestBody::Publish(body) => Request::Publish(body.to_proto()),
            RequestBody::Sync(body) => Request::Sync(body.to_proto()),
            RequestBody::Claim(body) => Request::Claim(body.to_proto()),
            RequestBody::GetMaterial(body) => Request::GetMaterial(body.to_proto()),
            RequestBody::BlobBegin(body) => Request::BlobBegin(body.to_proto()),
            RequestBody::BlobPut(body) => Request::BlobPut(body.to_proto()),
            RequestBody::BlobOpen(body) => Request::BlobOpen(body.to_proto()),
            RequestBody::BlobGet(body) => Request::BlobGet(body.to_proto()),
            RequestBody::BlobForget(body) => Request::BlobForget(body.to_proto()),
            RequestBody::BlobsWanted(body) => Request::BlobsWanted(body.to_proto()),
            RequestBody::LinkHost(body) => Request::LinkHost(body.to_proto()),
            RequestBody::GetEntrance(body) => Request::GetEntrance(body.to_proto()),
            RequestBody::LookUp(body) => Request::LookUp(body.to_proto()),
        }
    }
}

impl Wire for Enrol {
    type Proto = proto::Enrol;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "enrol";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let certificate = fields::filled(proto.certificate, limits::CERTIFICATE, "device certificate")?;
        Ok(Enrol { certificate, chain: claim::chain(proto.chain, 1)? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Enrol { certificate: self.certificate.clone(), chain: self.chain.clone() }
    }
}

impl Wire for Publish {
    type Proto = proto::PublishKeyPackages;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "publish key packages";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(Publish {
            packages: claim::packages(proto.packages, (0, limits::KEY_PACKAGES))?,
            last_resort: fields::optional(proto.last_resort, limits::KEY_PACKAGE, "key package")?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::PublishKeyPackages {
            packages: self.packages.clone(),
            last_resort: self.last_resort.clone().unwrap_or_default(),
        }
    }
}

impl Wire for Sync {
    type Proto = proto::Sync;
    const MAX: usize = limits::DEVICE_MESSAGE;
    const NAME: &'static str = "sync";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let cursors = repeated(proto.cursors, (0, limits::SYNC_ROOMS), "cursors", Cursor::parse)?;
        fields::ascending(&cursors, |c| c.room, "cursors are not in order")?;
        let bounds = (0, limits::AGENCIES);
        let descriptors = repeated(proto.descriptors, bounds, "descriptors", KnownDescriptor::parse)?;
        fields::ascending(&descriptors, |d| &d.agency, "descriptors are not in order")?;
        let revocations = repeated(proto.revocations, bounds, "revocations", KnownList::parse)?;
        fields::ascending(&revocations, |r| &r.agency, "revocations are not in order")?;
        let (inbox_done, trust_version) = (proto.inbox_done, proto.trust_version);
        let submitted = match (proto.counter, proto.submitted.is_empty()) {
            (0, true) => None,
            (0, false) => return fault(Code::BadField, "submitted"),
            (counter, _) => Some(LastSubmission { counter, id: SubmissionId::from_slice(&proto.submitted)? }),
        };
        let chain = proto.chain.map(KnownChain::parse).transpose()?;
        Ok(Sync {
            cursors,
            inbox_done,
            trust_version,
            descriptors,
            submitted,
            revocations,
            chain,
            records_done: proto.records_done,
            inbox_mark: proto.inbox_mark,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Sync {
            cursors: fields::protos(&self.cursors),
            inbox_done: self.inbox_done,
            trust_version: self.trust_version,
            descriptors: fields::protos(&self.descriptors),
            counter: self.submitted.map_or(0, |last| last.counter),
            revocations: fields::protos(&self.revocations),
            chain: self.chain.as_ref().map(Wire::to_proto),
            records_done: self.records_done,
            inbox_mark: self.inbox_mark,
            submitted: self.submitted.map(|last| fields::raw(last.id.as_bytes())).unwrap_or_default(),
        }
    }
}

impl Wire for KnownChain {
    type Proto = proto::KnownChain;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "known chain";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let links = fields::positive(proto.links.into(), "links")?;
        ensure(links <= limits::CHAIN_LINKS as u64, Code::BadField, "links")?;
        Ok(KnownChain { identity: Hash::from_slice(&proto.identity)?, links: proto.links })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::KnownChain { identity: fields::raw(self.identity.as_bytes()), links: self.links }
    }
}

impl Wire for Cursor {
    type Proto = proto::Cursor;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "cursor";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let hash = (!proto.hash.is_empty()).then(|| Hash::from_slice(&proto.hash)).transpose()?;
        let heard_at = Timestamp::from_millis(proto.heard_at);
        Ok(Cursor { room: RoomId::from_slice(&proto.room)?, seq: proto.seq, hash, heard_at })
    }

    fn to_proto(&self) -> Self::Proto {
        let hash = self.hash.map(|hash| fields::raw(hash.as_bytes())).unwrap_or_default();
        let heard_at = self.heard_at.as_millis();
        proto::Cursor { room: fields::raw(self.room.as_bytes()), seq: self.seq, hash, heard_at }
    }
}

impl Wire for KnownDescriptor {
    type Proto = proto::KnownDescriptor;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "known descriptor";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(KnownDescriptor {
            agency: AgencyId::parse(&proto.agency)?,
            version: fields::positive(proto.version, "descriptor version")?,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::KnownDescriptor { agency: self.agency.to_string(), version: self.version }
    }
}

impl Wire for KnownList {
    type Proto = proto::KnownList;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "known revocation list";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(KnownList { agency: AgencyId::parse(&proto.agency)?, version: proto.version })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::KnownList { agency: self.agency.to_string(), version: self.version }
    }
}

impl Wire for GetMaterial {
    type Proto = proto::GetMaterial;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "get material";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let seq = fields::positive(proto.seq, "seq")?;
        Ok(GetMaterial { room: RoomId::from_slice(&proto.room)?, seq })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::GetMaterial { room: fields::raw(self.room.as_bytes()), seq: self.seq }
    }
}

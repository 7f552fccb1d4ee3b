//! What a device submits to a room's hub.

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{Device, Hash, RoomId, SubmissionId},
    limits,
    wire::{Signed, Wire, field, fields, proto, repeated},
};

/// A signed document that lets somebody check somebody else, as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// One link of a user chain.
    ChainLink(Bytes),
    /// A signed agency descriptor.
    Descriptor(Bytes),
}

impl Evidence {
    /// The document.
    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Evidence::ChainLink(bytes) | Evidence::Descriptor(bytes) => bytes,
        }
    }
}

/// What is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubmissionKind {
    /// A new room.
    Create,
    /// A commit.
    Commit,
    /// A standalone proposal.
    Proposal,
    /// Content.
    Message,
}

/// What a device signs when it submits something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubmissionHeader {
    pub(crate) room: RoomId,
    /// The hub's term as the device knows it, from 1.
    pub(crate) term: u64,
    /// The MLS epoch in which the message was made.
    pub(crate) epoch: u64,
    pub(crate) submission_id: SubmissionId,
    /// Grows with every submission of the device, across rooms; from 1.
    pub(crate) counter: u64,
    pub(crate) sender: Device,
    pub(crate) kind: SubmissionKind,
    pub(crate) mls_hash: Hash,
    pub(crate) group_info_hash: Option<Hash>,
    pub(crate) welcome_hash: Option<Hash>,
}

/// A submission. That its parts match the hashes in its header has yet to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submission {
    pub(crate) header: Signed<SubmissionHeader>,
    /// The MLS message; empty for [`SubmissionKind::Create`].
    pub(crate) mls: Bytes,
    /// There exactly for [`SubmissionKind::Create`] and [`SubmissionKind::Commit`].
    pub(crate) group_info: Option<Bytes>,
    /// There exactly where the header has its hash.
    pub(crate) welcome: Option<Bytes>,
    /// There exactly for [`SubmissionKind::Create`].
    pub(crate) ratchet_tree: Option<Bytes>,
    /// Empty unless somebody is added.
    pub(crate) evidence: Vec<Evidence>,
}

impl SubmissionKind {
    fn parse(number: i32) -> Result<Self> {
        match proto::SubmissionKind::try_from(number) {
            Ok(proto::SubmissionKind::Create) => Ok(SubmissionKind::Create),
            Ok(proto::SubmissionKind::Commit) => Ok(SubmissionKind::Commit),
            Ok(proto::SubmissionKind::Proposal) => Ok(SubmissionKind::Proposal),
            Ok(proto::SubmissionKind::Message) => Ok(SubmissionKind::Message),
            _ => Err(Error::new(Code::BadField, "submission kind")),
        }
    }

    fn number(self) -> i32 {
        let kind = match self {
            SubmissionKind::Create => proto::SubmissionKind::Create,
            SubmissionKind::Commit => proto::SubmissionKind::Commit,
            SubmissionKind::Proposal => proto::SubmissionKind::Proposal,
            SubmissionKind::Message => proto::SubmissionKind::Message,
        };
        kind.into()
    }

    /// The MLS message of a submission of this kind: empty for a new room, there for all else.
    pub(super) fn mls(self, bytes: Bytes) -> Result<Bytes> {
        ensure(bytes.is_empty() == (self == SubmissionKind::Create), Code::BadField, "mls")?;
        ensure(bytes.len() <= limits::MLS_MESSAGE, Code::TooLong, "mls")?;
        Ok(bytes)
    }
}

impl Wire for SubmissionHeader {
    type Proto = proto::SubmissionHeader;
    const MAX: usize = limits::SUBMISSION_HEADER;
    const NAME: &'static str = "submission header";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let kind = SubmissionKind::parse(proto.kind)?;
        let group_info_hash = fields::optional_id(&proto.group_info_hash, Hash::from_slice)?;
        let welcome_hash = fields::optional_id(&proto.welcome_hash, Hash::from_slice)?;
        let parts = (group_info_hash.is_some(), welcome_hash.is_some());
        let fitting = match kind {
            SubmissionKind::Create => parts == (true, false),
            SubmissionKind::Commit => parts.0,
            SubmissionKind::Proposal | SubmissionKind::Message => parts == (false, false),
        };
        ensure(fitting, Code::BadField, "group info or welcome")?;
        Ok(SubmissionHeader {
            room: RoomId::from_slice(&proto.room)?,
            term: fields::positive(proto.term, "term")?,
            epoch: proto.epoch,
            submission_id: SubmissionId::from_slice(&proto.submission_id)?,
            counter: fields::positive(proto.counter, "counter")?,
            sender: fields::device(&proto.user, &proto.device)?,
            kind,
            mls_hash: Hash::from_slice(&proto.mls_hash)?,
            group_info_hash,
            welcome_hash,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        let hash = |hash: &Option<Hash>| hash.map(|h| fields::raw(h.as_bytes())).unwrap_or_default();
        proto::SubmissionHeader {
            room: fields::raw(self.room.as_bytes()),
            term: self.term,
            epoch: self.epoch,
            submission_id: fields::raw(self.submission_id.as_bytes()),
            counter: self.counter,
            user: self.sender.user.to_string(),
            device: fields::raw(self.sender.id.as_bytes()),
            kind: self.kind.number(),
            mls_hash: fields::raw(self.mls_hash.as_bytes()),
            group_info_hash: hash(&self.group_info_hash),
            welcome_hash: hash(&self.welcome_hash),
        }
    }
}

impl Wire for Submission {
    type Proto = proto::Submission;
    const MAX: usize = limits::SUBMISSION;
    const NAME: &'static str = "submission";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let header = Signed::<SubmissionHeader>::decode(&proto.header)?;
        let claimed = header.claimed();
        let group_info = fields::optional(proto.group_info, limits::GROUP_INFO, "group info")?;
        let welcome = fields::optional(proto.welcome, limits::MLS_MESSAGE, "welcome")?;
        let ratchet_tree = fields::optional(proto.ratchet_tree, limits::RATCHET_TREE, "ratchet tree")?;
        let evidence = repeated(proto.evidence, (0, limits::EVIDENCE), "evidence", Evidence::parse)?;

        let creates = claimed.kind == SubmissionKind::Create;
        let adds = creates || claimed.kind == SubmissionKind::Commit;
        let announced = (claimed.group_info_hash.is_some(), claimed.welcome_hash.is_some(), creates);
        let present = (group_info.is_some(), welcome.is_some(), ratchet_tree.is_some());
        ensure(present == announced, Code::BadField, "parts of a submission")?;
        ensure(adds || evidence.is_empty(), Code::BadField, "evidence")?;
        let mls = claimed.kind.mls(proto.mls)?;
        Ok(Submission { header, mls, group_info, welcome, ratchet_tree, evidence })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Submission {
            header: self.header.bytes().clone(),
            mls: self.mls.clone(),
            group_info: self.group_info.clone().unwrap_or_default(),
            welcome: self.welcome.clone().unwrap_or_default(),
            ratchet_tree: self.ratchet_tree.clone().unwrap_or_default(),
            evidence: fields::protos(&self.evidence),
        }
    }
}

impl Wire for Evidence {
    type Proto = proto::Evidence;
    const MAX: usize = limits::DESCRIPTOR + 64;
    const NAME: &'static str = "evidence";

    fn parse(proto: Self::Proto) -> Result<Self> {
        use proto::evidence::Document;
        Ok(match field(proto.document, "evidence")? {
            Document::ChainLink(bytes) => {
                Evidence::ChainLink(fields::filled(bytes, limits::CHAIN_LINK, "chain link")?)
            }
            Document::Descriptor(bytes) => {
                Evidence::Descriptor(fields::filled(bytes, limits::DESCRIPTOR, "agency descriptor")?)
            }
        })
    }

    fn to_proto(&self) -> Self::Proto {
        use proto::evidence::Document;
        let document = match self {
            Evidence::ChainLink(bytes) => Document::ChainLink(bytes.clone()),
            Evidence::Descriptor(bytes) => Document::Descriptor(bytes.clone()),
        };
        proto::Evidence { document: Some(document) }
    }
}

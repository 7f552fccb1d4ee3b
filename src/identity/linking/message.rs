//! The messages of linking.

use bytes::Bytes;

use crate::{
    code::Code,
    error::{Result, ensure, fault},
    ids::{AgencyId, Hash, RoomId, UserId},
    limits,
    wire::{Reason, Wire, fields, proto, repeated},
};

/// How long a safety number is that was compared.
const NUMBER: usize = 65;

/// What the new device sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkRequest {
    pub(super) enc: Bytes,
    pub(super) sealed: Bytes,
}

/// What it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkReply {
    pub(super) sealed: Bytes,
}

/// Which device it is.
pub(super) struct Introduction {
    pub(super) offer: Bytes,
    pub(super) name: String,
    /// Whether it asks for what was said before.
    pub(super) history: bool,
}

/// Whether it is to be one of the user's.
pub(super) enum Answer {
    Welcome(Box<Handover>),
    Refused(Reason),
}

/// What a device tells the next one of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handover {
    /// The request for the registrar.
    pub(crate) request: Bytes,
    pub(crate) identity: Hash,
    /// The app's.
    pub(crate) settings: Vec<u8>,
    /// Ascending.
    pub(crate) rooms: Vec<RoomId>,
    /// A number of the client's.
    pub(crate) admission: u32,
    /// Names of users and agencies, ascending.
    pub(crate) blocked: Vec<String>,
    /// Safety numbers, ordered by user.
    pub(crate) verified: Vec<(UserId, Bytes)>,
    pub(crate) history: Option<HandedHistory>,
}

/// What was said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandedHistory {
    /// The encoded reference of the file.
    pub(crate) file: Bytes,
    /// The rooms whose history is in it, ascending.
    pub(crate) rooms: Vec<RoomId>,
}

impl Wire for LinkRequest {
    type Proto = proto::LinkRequest;
    const MAX: usize = limits::LINK_REQUEST;
    const NAME: &'static str = "link request";

    fn parse(proto: Self::Proto) -> Result<Self> {
        ensure(proto.enc.len() == 32, Code::BadField, "encapsulated key")?;
        Ok(LinkRequest { enc: proto.enc, sealed: fields::filled(proto.sealed, Self::MAX, "introduction")? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkRequest { enc: self.enc.clone(), sealed: self.sealed.clone() }
    }
}

impl Wire for LinkReply {
    type Proto = proto::LinkReply;
    const MAX: usize = limits::LINK_REPLY;
    const NAME: &'static str = "link reply";

    fn parse(proto: Self::Proto) -> Result<Self> {
        Ok(LinkReply { sealed: fields::filled(proto.sealed, Self::MAX, "answer")? })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkReply { sealed: self.sealed.clone() }
    }
}

impl Wire for Introduction {
    type Proto = proto::LinkIntroduction;
    const MAX: usize = limits::LINK_REQUEST;
    const NAME: &'static str = "introduction";

    fn parse(proto: Self::Proto) -> Result<Self> {
        check_name(&proto.name)?;
        let offer = fields::filled(proto.offer, limits::DEVICE_OFFER, "device offer")?;
        Ok(Introduction { offer, name: proto.name, history: proto.history })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkIntroduction { offer: self.offer.clone(), name: self.name.clone(), history: self.history }
    }
}

/// What people are shown to be confirmed is one line.
pub(super) fn check_name(name: &str) -> Result<()> {
    ensure(name.len() <= limits::NAME, Code::TooLong, "name of a device")?;
    let good = !name.trim().is_empty() && !name.chars().any(char::is_control);
    ensure(good, Code::BadField, "name of a device")
}

impl Wire for Answer {
    type Proto = proto::LinkAnswer;
    const MAX: usize = limits::LINK_REPLY;
    const NAME: &'static str = "link answer";

    fn parse(proto: Self::Proto) -> Result<Self> {
        match (proto.welcome, Reason::parse_optional(proto.refused)?) {
            (Some(welcome), None) => Ok(Answer::Welcome(Box::new(Handover::parse(welcome)?))),
            (None, Some(reason)) => Ok(Answer::Refused(reason)),
            _ => fault(Code::BadField, "link answer"),
        }
    }

    fn to_proto(&self) -> Self::Proto {
        match self {
            Answer::Welcome(handover) => {
                proto::LinkAnswer { welcome: Some(handover.to_proto()), ..Default::default() }
            }
            Answer::Refused(reason) => {
                proto::LinkAnswer { refused: reason.number().into(), ..Default::default() }
            }
        }
    }
}

impl Wire for Handover {
    type Proto = proto::LinkWelcome;
    const MAX: usize = limits::LINK_REPLY;
    const NAME: &'static str = "link welcome";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let room = |id: Bytes| RoomId::from_slice(&id);
        let party = |name: String| {
            let checked = if name.contains('@') {
                UserId::parse(&name).map(drop)
            } else {
                AgencyId::parse(&name).map(drop)
            };
            checked.map(|()| name)
        };
        let number = |verified: proto::LinkVerified| {
            ensure(verified.number.len() == NUMBER, Code::BadField, "safety number")?;
            Ok((UserId::parse(&verified.user)?, verified.number))
        };
        ensure(proto.settings.len() <= limits::LINK_SETTINGS, Code::TooLong, "settings")?;
        let handover = Handover {
            request: fields::filled(proto.request, limits::ENROLMENT_REQUEST, "enrolment request")?,
            identity: Hash::from_slice(&proto.identity)?,
            settings: proto.settings.to_vec(),
            rooms: repeated(proto.rooms, (0, limits::SYNC_ROOMS), "rooms", room)?,
            admission: u32::try_from(fields::below(proto.admission.into(), 4, "admission")?).unwrap_or(0),
            blocked: repeated(proto.blocked, (0, limits::BLOCKED), "blocked", party)?,
            verified: repeated(proto.verified, (0, limits::LINK_VERIFIED), "verified", number)?,
            history: proto.history.map(HandedHistory::parse).transpose()?,
        };
        fields::ascending(&handover.rooms, |room| room, "rooms")?;
        fields::ascending(&handover.blocked, |name| name, "blocked")?;
        fields::ascending(&handover.verified, |(user, _)| user.as_str(), "verified")?;
        // V-383
        let told = |room: &RoomId| handover.rooms.binary_search(room).is_ok();
        let within = handover.history.iter().flat_map(|history| &history.rooms).all(told);
        ensure(within, Code::BadField, "history of another room")?;
        Ok(handover)
    }

    fn to_proto(&self) -> Self::Proto {
        let number = |(user, number): &(UserId, Bytes)| proto::LinkVerified {
            user: user.to_string(),
            number: number.clone(),
        };
        proto::LinkWelcome {
            request: self.request.clone(),
            identity: fields::raw(self.identity.as_bytes()),
            settings: fields::raw(&self.settings),
            rooms: self.rooms.iter().map(|room| fields::raw(room.as_bytes())).collect(),
            admission: self.admission,
            blocked: self.blocked.clone(),
            verified: self.verified.iter().map(number).collect(),
            history: self.history.as_ref().map(Wire::to_proto),
        }
    }
}

impl Wire for HandedHistory {
    type Proto = proto::LinkHistory;
    const MAX: usize = limits::LINK_REPLY;
    const NAME: &'static str = "history";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let room = |id: Bytes| RoomId::from_slice(&id);
        let rooms = repeated(proto.rooms, (1, limits::SYNC_ROOMS), "rooms", room)?;
        fields::ascending(&rooms, |room| room, "rooms")?;
        Ok(HandedHistory { file: fields::filled(proto.file, limits::LINK_FILE, "file")?, rooms })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::LinkHistory {
            file: self.file.clone(),
            rooms: self.rooms.iter().map(|room| fields::raw(room.as_bytes())).collect(),
        }
    }
}

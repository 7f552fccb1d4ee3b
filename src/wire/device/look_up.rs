//! An agency's directory of users, and of rooms that its server orders: asked, and answered over its
//! server's signature.

use bytes::Bytes;

use super::Failure;
use crate::{
    code::Code,
    error::{Result, ensure, fault},
    ids::{AgencyId, RequestId, RoomId, UserId},
    limits,
    time::Timestamp,
    wire::{Reason, Signed, Wire, field, fields, proto, repeated},
};

/// Asks an agency who its users are, or its server which rooms are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LookUp {
    pub(crate) agency: AgencyId,
    pub(crate) query: Query,
}

/// For whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    /// This user of the agency.
    User(UserId),
    /// Users whose name or unit has this in it, at the beginning of a word.
    Users(Search),
    /// Rooms whose listing has this in it, at the beginning of a word.
    Rooms(RoomSearch),
}

/// A page of what a text finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    /// At least [`limits::SEARCH_LETTERS`] letters or digits.
    pub(crate) text: String,
    /// Where the page before ended, as the answer said.
    pub(crate) after: Option<Bytes>,
}

/// A page of the rooms that a text finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomSearch {
    /// Empty: all of them.
    pub(crate) text: String,
    /// Where the page before ended, as the answer said.
    pub(crate) after: Option<Bytes>,
}

/// What an agency says of its users, or its server of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirectoryAnswer {
    /// The request that asked.
    pub(crate) look_up_id: RequestId,
    /// What it asked.
    pub(crate) look_up: LookUp,
    pub(crate) at: Timestamp,
    pub(crate) outcome: Result<Page, Failure>,
}

/// Users or rooms, and where the page ends if there are more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// All of the agency; at most [`limits::DIRECTORY_PAGE`].
    pub(crate) users: Vec<DirectoryUser>,
    /// At most [`limits::LISTED_ROOMS`].
    pub(crate) rooms: Vec<ListedRoom>,
    pub(crate) next: Option<Bytes>,
}

/// A user as the directory shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirectoryUser {
    pub(crate) user: UserId,
    /// The number of a UserKind, not of the unspecified one.
    pub(crate) kind: i32,
    /// Empty if the agency says none.
    pub(crate) name: String,
    /// Unit or function; empty if the agency says none.
    pub(crate) unit: String,
}

/// A room as its hub shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedRoom {
    pub(crate) room: RoomId,
    /// The number of a RoomKind, neither of the unspecified one nor of a direct room.
    pub(crate) kind: i32,
    pub(crate) name: String,
    pub(crate) summary: String,
    /// [`Timestamp::ZERO`]: it does not end.
    pub(crate) ends_at: Timestamp,
}

/// A signed answer with what its key is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) answer: Box<Signed<DirectoryAnswer>>,
    /// The signed descriptor of the agency that answers.
    pub(crate) descriptor: Bytes,
}

/// Whether a text is enough to search for.
pub(crate) fn is_enough(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).count() >= limits::SEARCH_LETTERS
}

impl Wire for LookUp {
    type Proto = proto::LookUp;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "look-up";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let agency = AgencyId::parse(&proto.agency)?;
        let query = match field(proto.query, "query")? {
            proto::look_up::Query::User(user) => {
                let user = UserId::parse(&user)?;
                ensure(*user.agency() == agency, Code::BadField, "user of another agency")?;
                Query::User(user)
            }
            proto::look_up::Query::Users(search) => Query::Users(Search::parse(search)?),
            proto::look_up::Query::Rooms(search) => Query::Rooms(RoomSearch::parse(search)?),
        };
        Ok(LookUp { agency, query })
    }

    fn to_proto(&self) -> Self::Proto {
        let query = match &self.query {
            Query::User(user) => proto::look_up::Query::User(user.to_string()),
            Query::Users(search) => proto::look_up::Query::Users(search.to_proto()),
            Query::Rooms(search) => proto::look_up::Query::Rooms(search.to_proto()),
        };
        proto::LookUp { agency: self.agency.to_string(), query: Some(query) }
    }
}

impl Wire for Search {
    type Proto = proto::Search;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "search";

    fn parse(proto: Self::Proto) -> Result<Self> {
        ensure(proto.text.len() <= limits::SEARCH_TEXT, Code::TooLong, "search")?;
        ensure(is_enough(&proto.text), Code::BadField, "too little to search for")?;
        let after = fields::optional(proto.after, limits::SEARCH_PLACE, "place in a directory")?;
        Ok(Search { text: proto.text, after })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Search { text: self.text.clone(), after: self.after.clone().unwrap_or_default() }
    }
}

impl Wire for RoomSearch {
    type Proto = proto::RoomSearch;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "search for rooms";

    fn parse(proto: Self::Proto) -> Result<Self> {
        ensure(proto.text.len() <= limits::SEARCH_TEXT, Code::TooLong, "search")?;
        let after = fields::optional(proto.after, limits::SEARCH_PLACE, "place in a directory")?;
        Ok(RoomSearch { text: proto.text, after })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::RoomSearch { text: self.text.clone(), after: self.after.clone().unwrap_or_default() }
    }
}

impl Wire for DirectoryAnswer {
    type Proto = proto::DirectoryAnswer;
    const MAX: usize = limits::DIRECTORY_ANSWER;
    const NAME: &'static str = "directory answer";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let look_up = LookUp::parse(field(proto.look_up, "look-up")?)?;
        let users = repeated(proto.users, (0, limits::DIRECTORY_PAGE), "users", DirectoryUser::parse)?;
        let own = users.iter().all(|found| *found.user.agency() == look_up.agency);
        ensure(own, Code::BadField, "users of another agency")?;
        let rooms = repeated(proto.rooms, (0, limits::LISTED_ROOMS), "rooms", ListedRoom::parse)?;
        let fits = match look_up.query {
            Query::Rooms(_) => users.is_empty(),
            Query::User(_) | Query::Users(_) => rooms.is_empty(),
        };
        ensure(fits, Code::BadField, "what nobody asked for")?;
        let next = fields::optional(proto.next, limits::SEARCH_PLACE, "place in a directory")?;
        let retry_at = Timestamp::from_millis(proto.retry_at);
        let outcome = match Reason::parse_optional(proto.code)? {
            Some(reason) if users.is_empty() && rooms.is_empty() && next.is_none() => {
                Err(Failure { reason, retry_at })
            }
            Some(_) => return fault(Code::BadField, "an answer in spite of an error code"),
            None if proto.retry_at > 0 => return fault(Code::BadField, "advice to try again what is done"),
            None => Ok(Page { users, rooms, next }),
        };
        Ok(DirectoryAnswer {
            look_up_id: RequestId::from_slice(&proto.look_up_id)?,
            look_up,
            at: Timestamp::from_millis(proto.at),
            outcome,
        })
    }

    fn to_proto(&self) -> Self::Proto {
        let mut proto = proto::DirectoryAnswer {
            look_up_id: fields::raw(self.look_up_id.as_bytes()),
            look_up: Some(self.look_up.to_proto()),
            at: self.at.as_millis(),
            ..Default::default()
        };
        match &self.outcome {
            Ok(page) => {
                proto.users = fields::protos(&page.users);
                proto.rooms = fields::protos(&page.rooms);
                proto.next = page.next.clone().unwrap_or_default();
            }
            Err(failure) => {
                (proto.code, proto.retry_at) = (failure.reason.number().into(), failure.retry_at.as_millis());
            }
        }
        proto
    }
}

impl Wire for DirectoryUser {
    type Proto = proto::DirectoryUser;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "directory user";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let short = proto.name.len() <= limits::DIRECTORY_NAME && proto.unit.len() <= limits::DIRECTORY_NAME;
        ensure(short, Code::TooLong, "name or unit")?;
        let kind = proto::UserKind::try_from(proto.kind).unwrap_or_default();
        ensure(kind != proto::UserKind::Unspecified, Code::BadField, "user kind")?;
        let kind = kind.into();
        Ok(DirectoryUser { user: UserId::parse(&proto.user)?, kind, name: proto.name, unit: proto.unit })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::DirectoryUser {
            user: self.user.to_string(),
            kind: self.kind,
            name: self.name.clone(),
            unit: self.unit.clone(),
        }
    }
}

impl Wire for ListedRoom {
    type Proto = proto::ListedRoom;
    const MAX: usize = limits::SMALL;
    const NAME: &'static str = "listed room";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let proto::Listing { name, summary } = field(proto.listing, "listing")?;
        ensure(!name.is_empty(), Code::BadField, "listed name")?;
        let fits = name.len() <= limits::ROOM_NAME && summary.len() <= limits::LISTING_SUMMARY;
        ensure(fits, Code::TooLong, "listing")?;
        let kind = proto::RoomKind::try_from(proto.kind).unwrap_or_default();
        let shown = !matches!(kind, proto::RoomKind::Unspecified | proto::RoomKind::Direct);
        ensure(shown, Code::BadField, "room kind")?;
        let (room, ends_at) = (RoomId::from_slice(&proto.room)?, Timestamp::from_millis(proto.ends_at));
        Ok(ListedRoom { room, kind: kind.into(), name, summary, ends_at })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::ListedRoom {
            room: fields::raw(self.room.as_bytes()),
            kind: self.kind,
            listing: Some(proto::Listing { name: self.name.clone(), summary: self.summary.clone() }),
            ends_at: self.ends_at.as_millis(),
        }
    }
}

impl Wire for Directory {
    type Proto = proto::Directory;
    const MAX: usize = limits::DIRECTORY_ANSWER + limits::DESCRIPTOR;
    const NAME: &'static str = "directory";

    fn parse(proto: Self::Proto) -> Result<Self> {
        let descriptor = fields::filled(proto.descriptor, limits::DESCRIPTOR, "agency descriptor")?;
        Ok(Directory { answer: Signed::decode(&proto.answer)?.into(), descriptor })
    }

    fn to_proto(&self) -> Self::Proto {
        proto::Directory { answer: self.answer.bytes().clone(), descriptor: self.descriptor.clone() }
    }
}

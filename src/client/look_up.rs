//! Directories of agencies, asked for the app (SPEC "Directory"). Every answer is the agency's
//! own signed word, whoever brings it.

use super::{
    Event, Receipt,
    call::Call,
    keys,
    rows::{self, LookUpRow, ReceiptRow},
};
use crate::{
    code::Code,
    crypto,
    error::{Error, Result, ensure},
    identity::UserKind,
    ids::{AgencyId, RequestId, RoomId, UserId},
    limits,
    room::{Listing, RoomKind, room_kind},
    store::corrupt,
    time::Timestamp,
    wire::{
        self,
        device::{self, Directory, DirectoryAnswer, LookUp, RequestBody, RoomSearch, Search},
    },
};

/// How often is asked before the other agency is given up: for about an hour.
const ASKED: u32 = 12;

/// Whom or what to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query {
    /// This very user.
    User(UserId),
    /// Users of an agency whose name or unit has a word that begins so, followed by what
    /// follows there.
    Users {
        /// The agency.
        agency: AgencyId,
        /// At least [`limits::SEARCH_LETTERS`] letters or digits; at most
        /// [`limits::SEARCH_TEXT`] bytes.
        text: String,
        /// Where the page before ended: `next` of its [`Event::Found`]; `None` for the first.
        after: Option<Vec<u8>>,
    },
    /// Rooms that users of the own agency may join by themselves, of which an agency's server is the hub:
    /// those whose listing has a word in name or summary that begins so, followed by what follows there.
    Rooms {
        /// The agency.
        agency: AgencyId,
        /// At most [`limits::SEARCH_TEXT`] bytes; empty for all of them.
        text: String,
        /// Where the page before ended: `next` of its [`Event::RoomsFound`]; `None` for the first.
        after: Option<Vec<u8>>,
    },
}

/// A room that shows itself. [`Command::Join`](super::Command::Join) leads into it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundRoom {
    /// The room.
    pub room: RoomId,
    /// Its hub.
    pub hub: AgencyId,
    /// What sort of room it is.
    pub kind: RoomKind,
    /// What it shows of itself.
    pub listing: Listing,
    /// When it ends, if it does.
    pub ends_at: Option<Timestamp>,
}

/// A user whom an agency's directory shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Who.
    pub user: UserId,
    /// A person, a role, a service or an archive, by the agency's word.
    pub kind: UserKind,
    /// What the agency calls them; may be empty.
    pub name: String,
    /// Their unit or function; may be empty.
    pub unit: String,
}

impl Query {
    fn look_up(self) -> Result<LookUp> {
        Ok(match self {
            Query::User(user) => LookUp { agency: user.agency().clone(), query: device::Query::User(user) },
            Query::Users { agency, text, after } => {
                ensure(device::is_enough(&text), Code::BadArgument, "text to search for")?;
                check_search(&text, after.as_deref())?;
                let search = Search { text, after: after.map(Into::into) };
                LookUp { agency, query: device::Query::Users(search) }
            }
            Query::Rooms { agency, text, after } => {
                check_search(&text, after.as_deref())?;
                let search = RoomSearch { text, after: after.map(Into::into) };
                LookUp { agency, query: device::Query::Rooms(search) }
            }
        })
    }
}

fn check_search(text: &str, after: Option<&[u8]>) -> Result<()> {
    ensure(text.len() <= limits::SEARCH_TEXT, Code::BadArgument, "text to search for")?;
    let place = after.is_none_or(|place| (1..=limits::SEARCH_PLACE).contains(&place.len()));
    ensure(place, Code::BadArgument, "place in a directory")
}

impl Call<'_, '_> {
    /// Looks up for the app; the answer is an event.
    pub(super) fn look_up(&mut self, request: RequestId, query: Query) -> Result<Receipt> {
        let look_up = query.look_up()?;
        let under_way = self.draft.scan(&keys::look_ups(), None, limits::LOOK_UPS_UNDER_WAY)?;
        ensure(under_way.len() < limits::LOOK_UPS_UNDER_WAY, Code::Quota, "look-ups")?;
        let receipt = ReceiptRow { at: self.now().as_millis(), ..Default::default() };
        rows::write(&mut self.draft, keys::receipt(&request), &receipt);
        let look_up = wire::encode_body(&look_up).to_vec();
        self.ask_directory(request, LookUpRow { look_up, ..LookUpRow::default() })?;
        Ok(Receipt::default())
    }

    fn ask_directory(&mut self, request: RequestId, mut row: LookUpRow) -> Result<()> {
        row.due = self.retry_at(row.attempts).as_millis();
        rows::write(&mut self.draft, keys::look_up(&request), &row);
        self.ask(request, RequestBody::LookUp(wire::decode_body(&row.look_up.into())?));
        Ok(())
    }

    pub(super) fn looking_up(&self, request: &RequestId) -> Result<Option<LookUpRow>> {
        rows::read(&self.draft, &keys::look_up(request), "look-up")
    }

    /// An answer to a look-up, of the own agency or another one; what nobody asked is passed over.
    pub(super) fn looked_up(&mut self, directory: Directory) -> Result<()> {
        let request = directory.answer.claimed().look_up_id;
        let Some(row) = self.looking_up(&request)? else { return Ok(()) };
        match self.verified_answer(directory, &wire::decode_body(&row.look_up.into())?) {
            Ok(answer) => self.tell_found(request, answer),
            Err(error) if error.fails_the_call() => Err(error),
            Err(error) => self.look_up_failed(&request, &error),
        }
    }

    /// The agency's own word on what was asked (SPEC V-596).
    fn verified_answer(&mut self, directory: Directory, asked: &LookUp) -> Result<DirectoryAnswer> {
        let Directory { answer, descriptor } = directory;
        let agency = &asked.agency;
        self.take_descriptor(&descriptor)?;
        let at = answer.claimed().at;
        let near = at.since(self.now()).max(self.now().since(at)) < limits::CLAIM_KEPT;
        ensure(near, Code::BadStamp, "directory answer")?;
        let key = self.directory.server_key(&self.draft, agency, &crypto::signer(&answer)?, at)?;
        let answer = crypto::verify(*answer, &key)?.into_inner();
        ensure(answer.look_up == *asked, Code::NotForUs, "answer to another look-up")?;
        Ok(answer)
    }

    fn tell_found(&mut self, request: RequestId, answer: DirectoryAnswer) -> Result<()> {
        let page = match answer.outcome {
            Ok(page) => page,
            Err(failure) => {
                return self.look_up_failed(&request, &failure.error(Code::Malformed, "look-up"));
            }
        };
        self.draft.delete(keys::look_up(&request));
        let (agency, next) = (answer.look_up.agency, page.next.map(|place| place.to_vec()));
        if matches!(answer.look_up.query, device::Query::Rooms(_)) {
            let found = |room: device::ListedRoom| {
                let listing = Listing::new(room.name, room.summary)?;
                let ends_at = Some(room.ends_at).filter(|end| *end != Timestamp::ZERO);
                let (kind, hub) = (room_kind(room.kind)?, agency.clone());
                Ok(FoundRoom { room: room.room, hub, kind, listing, ends_at })
            };
            let rooms = page.rooms.into_iter().map(found).collect::<Result<_>>()?;
            return self.event(&Event::RoomsFound { request, agency, rooms, next });
        }
        let found = |user: device::DirectoryUser| {
            let device::DirectoryUser { user, kind, name, unit } = user;
            Ok(Found { user, kind: UserKind::parse(kind)?, name, unit })
        };
        self.event(&Event::Found {
            request,
            agency,
            users: page.users.into_iter().map(found).collect::<Result<_>>()?,
            next,
        })
    }

    pub(super) fn look_up_failed(&mut self, request: &RequestId, error: &Error) -> Result<()> {
        self.draft.delete(keys::look_up(request));
        self.event(&Event::failed(*request, error))
    }

    /// Asks again for what is due, and gives up what nobody answers.
    pub(super) fn remind_look_ups(&mut self, all: bool) -> Result<()> {
        let prefix = keys::look_ups();
        for (key, row) in self.draft.scan(&prefix, None, limits::LOOK_UPS_UNDER_WAY)? {
            let mut row: LookUpRow = rows::parse(&row, "look-up")?;
            if !self.due(all, row.due) {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            let request = RequestId::from_slice(key.get(prefix.len()..).ok_or(corrupt("look-up key"))?)?;
            self.draft.expect_unchanged(key)?;
            row.attempts = row.attempts.saturating_add(1);
            if row.attempts > ASKED {
                self.look_up_failed(&request, &Error::new(Code::NoAnswer, "look-up"))?;
            } else {
                self.ask_directory(request, row)?;
            }
        }
        Ok(())
    }
}

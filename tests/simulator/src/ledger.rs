//! What was asked of whom: the other side of what came of it.

use std::collections::{BTreeMap, BTreeSet};

use verbund::{
    client::{Command, Event, Receipt},
    code::Code,
    content::Content,
    ids::{BlobId, MessageId, RequestId, RoomId},
};

use crate::phone::Phone;

#[derive(Default)]
pub struct Ledger {
    /// What engines took on, by phone and request.
    pub asked: BTreeMap<(usize, RequestId), Request>,
    /// What was to be said.
    pub said: BTreeMap<MessageId, Said>,
    pub files: BTreeMap<BlobId, Vec<u8>>,
    /// Rooms in the order of their ids, with the site of their hub.
    pub rooms: BTreeMap<RoomId, usize>,
    /// Questions that were answered.
    answered: BTreeSet<(usize, RequestId)>,
    /// Invitations that were answered, and whether with a yes.
    invitations: BTreeMap<(usize, u64), bool>,
    /// Messages that were taken back.
    pub withdrawn: BTreeSet<RequestId>,
    /// What an app has asked to withdraw, and was told that there is no such thing any more.
    pub perhaps_withdrawn: BTreeSet<RequestId>,
    /// How often an engine did not take a command on.
    pub not_taken: u64,
    texts: u64,
}

/// Something that an engine took on.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub what: Asked,
    pub room: Option<RoomId>,
}

/// What somebody wanted to say.
#[derive(Clone, Debug)]
pub struct Said {
    pub by: usize,
    /// Under which its app knows it.
    pub request: RequestId,
    pub content: Content,
}

/// What kind of answer something has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// [`Event::Sent`] or [`Event::Failed`].
    Message,
    /// [`Event::Fetched`] or [`Event::NotFetched`].
    File,
    /// [`Event::Done`] or [`Event::Failed`].
    Change,
    /// As a change; but somebody else has to see to it.
    Leave,
    /// [`Event::RoomCreated`], and as with a change if somebody was to be invited; or [`Event::Failed`].
    Room(RoomId, bool),
    /// What comes of it is told in other words.
    Nothing,
}

/// What an app asks its user.
#[derive(Clone, Debug)]
pub enum Question {
    Consent(RequestId),
    Invitation(u64),
}

impl Question {
    pub fn answer(self, request: RequestId, yes: bool) -> Command {
        match (self, yes) {
            (Question::Consent(request), true) => Command::Consent { request },
            (Question::Consent(request), false) => Command::Withdraw { request },
            (Question::Invitation(invitation), true) => Command::Accept { request, invitation },
            (Question::Invitation(invitation), false) => Command::Decline { request, invitation },
        }
    }
}

impl Ledger {
    pub fn next_text(&mut self) -> u64 {
        self.texts += 1;
        self.texts
    }

    /// An engine did not take it on: it is over.
    pub fn refused(&mut self, phone: usize, command: &Command, code: Code) {
        self.not_taken += 1;
        // It may have been written though the store had said that it was not.
        if let (Command::Withdraw { request }, Code::BadArgument) = (command, code) {
            self.perhaps_withdrawn.insert(*request);
        }
        self.note_answer(phone, command);
    }

    pub fn asked(&mut self, phone: usize, command: &Command, receipt: Receipt) {
        self.note_answer(phone, command);
        let mut says = |request: &RequestId, content: Content| {
            let request = *request;
            self.said.extend(receipt.message.map(|id| (id, Said { by: phone, request, content })));
            Asked::Message
        };
        let (request, room, what) = match command {
            Command::Send { request, room, content, .. } => {
                (request, Some(room), says(request, content.clone()))
            }
            Command::Share { request, room, attachment, .. } => {
                (request, Some(room), says(request, attachment.clone().into()))
            }
            Command::Fetch { request, .. } => (request, None, Asked::File),
            Command::Accept { request, .. } => (request, None, Asked::Nothing),
            Command::CreateRoom { request, invite, .. } => {
                let asked = |room| Asked::Room(room, !invite.is_empty());
                (request, receipt.room.as_ref(), receipt.room.map_or(Asked::Nothing, asked))
            }
            Command::Decline { request, .. } => (request, None, Asked::Change),
            Command::Invite { request, room, .. }
            | Command::Remove { request, room, .. }
            | Command::Join { request, room, .. }
            | Command::Rejoin { request, room }
            | Command::Describe { request, room, .. }
            | Command::Ban { request, room, .. }
            | Command::Unban { request, room, .. }
            | Command::SetPolicy { request, room, .. }
            | Command::SetJoinRule { request, room, .. }
            | Command::SetRole { request, room, .. } => (request, Some(room), Asked::Change),
            Command::Leave { request, room } => (request, Some(room), Asked::Leave),
            Command::Withdraw { request } => {
                self.withdrawn.insert(*request);
                return;
            }
            _ => return,
        };
        self.asked.insert((phone, *request), Request { what, room: room.copied() });
    }

    fn note_answer(&mut self, phone: usize, command: &Command) {
        match command {
            Command::Consent { request } | Command::Withdraw { request } => {
                self.answered.insert((phone, *request));
            }
            Command::Accept { invitation, .. } | Command::Decline { invitation, .. } => {
                self.invitations.insert((phone, *invitation), matches!(command, Command::Accept { .. }));
            }
            _ => {}
        }
    }

    /// Whether somebody has said yes to an invitation.
    pub fn has_accepted(&self, phone: usize, invitation: u64) -> bool {
        self.invitations.get(&(phone, invitation)) == Some(&true)
    }

    /// A room is there, and who orders it.
    pub fn founded(&mut self, room: RoomId, hub: usize) {
        self.rooms.insert(room, hub);
    }

    /// What an app asks its user and was not answered. Asked again after an answer, a question about
    /// consent is open again.
    pub fn questions(&self, index: usize, phone: &Phone) -> Vec<Question> {
        let question = |event: &Event| match event {
            Event::SendNeedsConsent { request, .. } if !self.answered.contains(&(index, *request)) => {
                Some(Question::Consent(*request))
            }
            Event::Invited { invitation, .. } if !self.invitations.contains_key(&(index, *invitation)) => {
                Some(Question::Invitation(*invitation))
            }
            _ => None,
        };
        phone.events().filter_map(question).collect()
    }

    /// The app asks again.
    pub fn asks_again(&mut self, phone: usize, request: RequestId) {
        self.answered.remove(&(phone, request));
    }
}

//! What an app asks its engine to do.

use core::time::Duration;

use super::{Admission, Imported, Party, Query};
use crate::{
    attachment::{ChunkList, FileRef, Header},
    content::{Attachment, Content},
    identity::SafetyNumber,
    ids::{AgencyId, MessageId, RequestId, RoomId, UserId},
    room::{JoinRule, Listing, Policy, Role, RoomKind},
    time::Timestamp,
};

/// Something to do. Each carries a request id that the app chooses at random: the same
/// command given twice under one id is done once and gives the same [`Receipt`], as long as it
/// is under way and at least for [`crate::limits::RECEIPT_KEPT`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Begin a room and invite users, of any agency, with all their devices.
    CreateRoom {
        /// The request.
        request: RequestId,
        /// What sort of room; for an operation there is [`Command::CreateOperation`].
        kind: RoomKind,
        /// Its name; known to members alone. At most [`crate::limits::ROOM_NAME`] bytes.
        name: String,
        /// Who may do what.
        policy: Policy,
        /// Whom to invite; may be empty. At most [`crate::limits::INVITED`].
        invite: Vec<UserId>,
    },
    /// Begin an operation: a room with an end, of which this device's agency has the lead and
    /// provides the admins. From the end on nothing is said in it, and people only go.
    CreateOperation {
        /// The request.
        request: RequestId,
        /// Its name; known to members alone. At most [`crate::limits::ROOM_NAME`] bytes.
        name: String,
        /// Who may do what.
        policy: Policy,
        /// When it ends. Whoever may govern it may change that until then.
        ends_at: Timestamp,
        /// Whom to invite; may be empty. At most [`crate::limits::INVITED`].
        invite: Vec<UserId>,
    },
    /// Invite users to a room. Devices that are in it already are passed over.
    Invite {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Whom, at most [`crate::limits::INVITED`]. Refused at once if one of them may not be
        /// invited by this device's user: [`Code::NotPermitted`](crate::code::Code::NotPermitted),
        /// [`Code::Banned`](crate::code::Code::Banned), [`Code::RoomEnded`](crate::code::Code::RoomEnded).
        /// Many come in batch after batch, each told with [`crate::client::Event::MembersChanged`];
        /// [`crate::client::Event::Done`] or [`crate::client::Event::Failed`] comes once, at the end, after
        /// [`crate::client::Event::NotInvited`] if somebody has come in and somebody else has not.
        users: Vec<UserId>,
    },
    /// Remove users with all their devices.
    Remove {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Whom.
        users: Vec<UserId>,
    },
    /// Leave a room with all of one's devices. Somebody who stays carries it out; if nobody does, the room is over
    /// for all who were in it ([`Event::Left`](crate::client::Event::Left)).
    Leave {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
    },
    /// Come into a room without being invited, where the room admits that: one of the user's own,
    /// or one that is open. [`crate::client::Event::Joined`] and
    /// [`crate::client::Event::Done`] follow, or [`crate::client::Event::Failed`]. With
    /// [`Code::RolledBack`](crate::code::Code::RolledBack) the hub has lost what it had ordered before this device left
    /// the room; whoever asks again comes into what is left of it.
    Join {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The agency whose server orders its log.
        hub: AgencyId,
    },
    /// Come into a room anew, with new keys, in place of the device's former self: for a room that
    /// does not go on here ([`crate::client::Event::RoomStalled`]). What was said and done between
    /// is not read, and whatever came of it holds: who takes part, who has which role. The engine
    /// does it by itself where nothing of that has changed. [`crate::client::Event::Rejoined`] and
    /// [`crate::client::Event::Done`] follow, or [`crate::client::Event::Failed`].
    Rejoin {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
    },
    /// Change a room's name, topic or confidentiality label.
    Describe {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The name from now on; `None` leaves it.
        name: Option<String>,
        /// The topic from now on; `None` leaves it.
        topic: Option<String>,
        /// The label from now on, empty for none; `None` leaves it. Whoever writes meanwhile is
        /// asked before what they have written goes out under another label.
        label: Option<String>,
    },
    /// Ban users: they are removed with all their devices, and nobody adds them until the ban is
    /// taken back. At most [`crate::limits::BANS`] are banned at a time.
    Ban {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Whom; they need not be there.
        users: Vec<UserId>,
    },
    /// Take bans back.
    Unban {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Of whom.
        users: Vec<UserId>,
    },
    /// Change who may do what in a room.
    SetPolicy {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The policy from now on.
        policy: Policy,
    },
    /// Change who may join a room without an invitation.
    SetJoinRule {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The rule from now on.
        join: JoinRule,
    },
    /// Change what servers may show of a room to those who are not in it.
    SetListing {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The listing from now on; `None`: nothing is shown.
        listing: Option<Listing>,
    },
    /// Change how long a room keeps messages, also those that were sent before.
    SetRetention {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// From now on; `None`: without bound.
        retention: Option<Duration>,
    },
    /// Change when a room ends. From then on nothing is sent in it, and people only go.
    SetEnd {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The end from now on; a time that has passed ends it at once. `None`, not for operations: it
        /// has none.
        ends_at: Option<Timestamp>,
    },
    /// Give a user a role.
    SetRole {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Whom.
        user: UserId,
        /// The role.
        role: Role,
    },
    /// Send a message.
    Send {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// What to say.
        content: Content,
        /// How long everybody keeps it, from the time when it stands in the log, if not as long
        /// as the room says: 1 millisecond to [`crate::limits::MESSAGE_LIFETIME`].
        lifetime: Option<Duration>,
    },
    /// Bring a sealed file to the own agency's server, and its preview file if it has one, then send the
    /// message that shares it.
    Share {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The message. Its file names this device's agency as origin.
        attachment: Attachment,
        /// As in [`Command::Send`]. The file itself has an expiry of its own.
        lifetime: Option<Duration>,
        /// The sealed file's header.
        header: Header,
        /// The hashes of its chunks, which lie in the host's chunk store.
        list: ChunkList,
        /// The same of the preview file, if the message names one. It is brought first.
        preview: Option<(Header, ChunkList)>,
    },
    /// Send a message that shares a file which servers have already, out of another room or the same: nothing
    /// is uploaded again. That is so among people of one agency and under one label; elsewhere it is
    /// refused at once with [`Code::SealAnew`](crate::code::Code::SealAnew), and the file has to be sealed
    /// anew ([`Resealer`](crate::attachment::Resealer)) and shared. The message goes once the own server says
    /// that it can give the file; if it cannot, [`crate::client::Event::Failed`] says why. The file stays its
    /// uploader's: it goes when it expires, or when they take it back.
    Forward {
        /// The request.
        request: RequestId,
        /// The room whose members have it, under whose label it is.
        from: RoomId,
        /// The room.
        room: RoomId,
        /// The message. Its file is as in the message that shared it.
        attachment: Attachment,
        /// As in [`Command::Send`].
        lifetime: Option<Duration>,
    },
    /// Fetch an attachment's chunks.
    Fetch {
        /// The request.
        request: RequestId,
        /// The file, from the message that shared it.
        file: FileRef,
    },
    /// Take a file back that a device of the user has uploaded: the servers delete it, nobody is given
    /// it any more, also where others have forwarded it. [`crate::client::Event::Done`] follows, or
    /// [`crate::client::Event::Failed`]. Whoever has fetched it has it. When a message is deleted, the
    /// engine does this by itself with the files of its author that no other message names.
    Forget {
        /// The request.
        request: RequestId,
        /// The file, from the message that shared it.
        file: FileRef,
    },
    /// Forget a fetched attachment. The host deletes its chunks.
    Discard {
        /// The request that fetched it.
        request: RequestId,
    },
    /// Send a message after all, although people joined since it was written
    /// (the answer to [`crate::client::Event::SendNeedsConsent`]).
    Consent {
        /// The request that asked to send it.
        request: RequestId,
    },
    /// Do not send a message that is waiting for consent.
    Withdraw {
        /// The request that asked to send it.
        request: RequestId,
    },
    /// Join the room of an invitation ([`crate::client::Event::Invited`]):
    /// [`crate::client::Event::Joined`] follows, or [`crate::client::Event::InvitationFailed`].
    Accept {
        /// The request.
        request: RequestId,
        /// The invitation.
        invitation: u64,
    },
    /// Do not join it. Whoever is in the room sees the user among its members until somebody
    /// there has removed them, as they asked: then [`crate::client::Event::Done`].
    Decline {
        /// The request.
        request: RequestId,
        /// The invitation.
        invitation: u64,
    },
    /// Take over messages out of a history that another device of the user has handed over
    /// ([`crate::client::Event::History`]), or out of any other that the app trusts as much: what is said
    /// about them from now on applies, and they expire, as if they had been read here. Given
    /// again, it does nothing more. Reactions, edits and other content that is about messages
    /// is passed over: what it did is in the history. Only once the device has joined the room.
    Import {
        /// The room.
        room: RoomId,
        /// At most [`crate::limits::IMPORTED`].
        messages: Vec<Imported>,
    },
    /// Ask an agency who its users are, or which rooms of its server are open: [`crate::client::Event::Found`],
    /// [`crate::client::Event::RoomsFound`] or [`crate::client::Event::Failed`] follows. The agency learns what is asked and which agency
    /// asks, not which user. At most [`crate::limits::LOOK_UPS_UNDER_WAY`] at one time.
    LookUp {
        /// The request.
        request: RequestId,
        /// Whom to look for.
        query: Query,
    },
    /// Say who may invite this device without the user being asked. Each of a user's devices
    /// has its own setting.
    SetAdmission {
        /// Who may.
        who: Admission,
    },
    /// Take no invitations of somebody: they come to nothing without a word. Rooms in which
    /// the device is already stay as they are. At most [`crate::limits::BLOCKED`] are blocked, by
    /// each of a user's devices for itself.
    Block {
        /// Of whom.
        party: Party,
    },
    /// Take them again.
    Unblock {
        /// Of whom.
        party: Party,
    },
    /// The user has compared the safety number with another one, and it was the same:
    /// [`Client::is_verified`](crate::client::Client::is_verified) says so until one of the two
    /// has another identity. Each of a user's devices has its own marks.
    MarkVerified {
        /// With whom.
        user: UserId,
        /// What was compared: refused if it is not the number any more.
        number: SafetyNumber,
    },
    /// The user takes that back.
    UnmarkVerified {
        /// With whom.
        user: UserId,
    },
    /// Forget events up to this number: the app has taken them over.
    AckEvents {
        /// The number of the last event that is done with.
        up_to: u64,
    },
}

impl Command {
    /// The request id, for commands that have one.
    pub(super) fn request(&self) -> Option<&RequestId> {
        match self {
            Command::CreateRoom { request, .. }
            | Command::Invite { request, .. }
            | Command::Remove { request, .. }
            | Command::Leave { request, .. }
            | Command::Join { request, .. }
            | Command::Rejoin { request, .. }
            | Command::Describe { request, .. }
            | Command::SetRole { request, .. }
            | Command::CreateOperation { request, .. }
            | Command::Ban { request, .. }
            | Command::Unban { request, .. }
            | Command::SetPolicy { request, .. }
            | Command::SetJoinRule { request, .. }
            | Command::SetListing { request, .. }
            | Command::SetRetention { request, .. }
            | Command::SetEnd { request, .. }
            | Command::Send { request, .. }
            | Command::Share { request, .. }
            | Command::Forward { request, .. }
            | Command::Fetch { request, .. }
            | Command::Forget { request, .. }
            | Command::Discard { request }
            | Command::Consent { request }
            | Command::Withdraw { request }
            | Command::Accept { request, .. }
            | Command::LookUp { request, .. }
            | Command::Decline { request, .. } => Some(request),
            Command::Import { .. }
            | Command::SetAdmission { .. }
            | Command::Block { .. }
            | Command::Unblock { .. }
            | Command::MarkVerified { .. }
            | Command::UnmarkVerified { .. }
            | Command::AckEvents { .. } => None,
        }
    }
}

/// What a command became. It is the same for the same request id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The room that is made or meant.
    pub room: Option<RoomId>,
    /// The id that the message has for everybody.
    pub message: Option<MessageId>,
}

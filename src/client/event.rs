//! What an engine tells its app.

use bytes::Bytes;

use super::{Applied, Blame, Found, FoundRoom, Remedy};
use crate::{
    attachment::FileRef,
    code::Code,
    content::Content,
    error::Error,
    identity::{AgencyChange, ChainFork, Contradiction, Endorsement, KeyPurpose},
    ids::{AgencyId, Device, Hash, KeyId, MessageId, RequestId, RoomId, UserId},
    room::{Changed, DeviceChange, RoomKind},
    time::Timestamp,
};

/// Something that the app has to know. Events are rows: they stay until the app
/// acknowledges them, so that a crash loses none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The device is known to its server and can be invited.
    Enrolled,
    /// A room that this device founded is there.
    RoomCreated {
        /// The room.
        room: RoomId,
        /// Its name.
        name: String,
    },
    /// This device has joined a room.
    Joined {
        /// The room.
        room: RoomId,
        /// Its name, if the inviter told it.
        name: Option<String>,
        /// Who invited; this device itself, if it has come in by itself.
        by: Device,
        /// Where its log begins for this device.
        seq: u64,
    },
    /// This device has come into a room anew. It does not have the entries between: messages in
    /// them it cannot read, and what they changed it was not told.
    Rejoined {
        /// The room.
        room: RoomId,
        /// The first entry that is missing.
        from_seq: u64,
        /// The entry with which it came in, and from which it reads on.
        to_seq: u64,
    },
    /// Somebody in the room has told this device, which came in by itself, what the room is about.
    RoomDescribed {
        /// The room.
        room: RoomId,
        /// The place of the message that told it.
        seq: u64,
        /// Who told it.
        by: Device,
        /// Its name.
        name: String,
    },
    /// This device could not come into a room by itself, into which it wanted without being asked:
    /// one of its user's, or one that does not go on here. [`crate::client::Command::Join`] and
    /// [`crate::client::Command::Rejoin`] try again.
    NotJoined {
        /// The room.
        room: RoomId,
        /// Why. [`Code::NotPermitted`]: it is not as it was, and the user is to decide.
        code: Code,
    },
    /// Somebody invites this device into a room, and the user is to say whether it shall
    /// join: with [`crate::client::Command::Accept`] or [`crate::client::Command::Decline`].
    /// All of this was verified; nothing of it was told to anybody.
    Invited {
        /// The invitation, for the answer.
        invitation: u64,
        /// The room.
        room: RoomId,
        /// What sort of room.
        kind: RoomKind,
        /// Its name, if the inviter told it.
        name: Option<String>,
        /// Who invites.
        by: Device,
        /// The agency whose server orders the room's log.
        hub: AgencyId,
        /// How many users take part, this one included.
        users: u64,
    },
    /// A message.
    Message {
        /// The room.
        room: RoomId,
        /// Its place in the room's log, the same for everybody.
        seq: u64,
        /// When the hub took it.
        at: Timestamp,
        /// Its id, the same for everybody.
        id: MessageId,
        /// Who wrote it, as authenticated by MLS.
        sender: Device,
        /// What it says.
        content: Content,
        /// What it does to the messages that it names: to each of
        /// [`targets`](Content::targets), in their order; empty for what stands for itself. The
        /// app keeps what was said before an edit. What does not apply is shown as what it is,
        /// or not at all, and nothing that comes later makes it apply.
        applies: Vec<Applied>,
        /// The confidentiality label under which it was written.
        marking: Marking,
        /// When it has to be deleted, as far as it is known now; [`Event::Expired`] says when
        /// the time has come. It may lie in the past: the device was away for long.
        expires_at: Option<Timestamp>,
    },
    /// A message of this device stands in the room's log.
    Sent {
        /// The request that asked for it.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Its place.
        seq: u64,
        /// When the hub took it.
        at: Timestamp,
        /// Its id.
        id: MessageId,
        /// As in [`Event::Message`]: at its place it may not apply any more.
        applies: Vec<Applied>,
        /// As in [`Event::Message`].
        expires_at: Option<Timestamp>,
    },
    /// Messages have to be deleted now, by their own word or because the room keeps none for
    /// longer: with the edits of them, their history, reactions, receipts and previews. Told
    /// once for each, also of rooms that the device has left, when
    /// [`tick`](crate::client::Client::tick) is called at the time that
    /// [`wake`](crate::store::Done::wake) named. An edit or a reaction is named by itself if it
    /// had a shorter lifetime of its own, or applied to nothing.
    Expired {
        /// The room.
        room: RoomId,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// All chunks of an attachment are here; [`crate::client::Client::opener`] opens them.
    Fetched {
        /// The request that fetched it.
        request: RequestId,
    },
    /// An attachment could not be fetched; what was here of it is forgotten.
    NotFetched {
        /// The request that fetched it.
        request: RequestId,
        /// Why: [`Code::BlobGone`] if it was taken back, [`Code::Expired`], [`Code::UploadAbandoned`] and
        /// [`Code::BadCapability`] if it was never there as its sender says, [`Code::BadOrigin`],
        /// [`Code::ChunkLost`] and [`Code::BadChunk`] if a server gives other bytes or none,
        /// [`Code::BadRoot`] and its like if the file is not the one that the message means.
        code: Code,
        /// Who is to blame.
        blame: Blame,
        /// What helps.
        remedy: Remedy,
        /// When it may succeed, if somebody said so: not to be tried again before.
        retry_at: Option<Timestamp>,
    },
    /// What was said before this device was there, as another device of the user hands it over:
    /// all of it is here. [`crate::client::Client::opener`] opens it under this request, the app
    /// takes from it what it can read ([`crate::client::Command::Import`]), and
    /// [`crate::client::Command::Discard`] forgets it.
    History {
        /// The request, as in [`crate::client::LinkedHistory`].
        request: RequestId,
        /// The file; its chunks lie in the host's chunk store.
        file: FileRef,
        /// The rooms whose history is in it.
        rooms: Vec<RoomId>,
    },
    /// People joined since the app asked to send this. It waits for
    /// [`crate::client::Command::Consent`] or [`crate::client::Command::Withdraw`].
    SendNeedsConsent {
        /// The request.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// Who would read it and was not there.
        added: Vec<UserId>,
    },
    /// A message that cannot be read, and why. The log goes on after it.
    Unreadable {
        /// The room.
        room: RoomId,
        /// Its place.
        seq: u64,
        /// Who submitted it.
        sender: Device,
        /// Why.
        code: Code,
    },
    /// Who takes part in a room, or with which devices, has changed.
    MembersChanged {
        /// The room.
        room: RoomId,
        /// The place of the commit.
        seq: u64,
        /// Who committed it.
        by: Device,
        /// Users who take part from now on.
        joined: Vec<UserId>,
        /// Users who left by their own will.
        left: Vec<UserId>,
        /// Users who were removed.
        removed: Vec<UserId>,
        /// Devices that are new, those of users who were there before included.
        devices_added: Vec<Device>,
        /// Devices that are gone.
        devices_removed: Vec<Device>,
        /// By what authority each of these devices came or went: those that came first.
        reasons: Vec<DeviceChange>,
    },
    /// A device in a room counts no more. Nothing is encrypted to it; whoever is online
    /// removes it, and until then nothing is sent to the room.
    DeviceDue {
        /// The room.
        room: RoomId,
        /// The device.
        device: Device,
        /// Its agency.
        agency: AgencyId,
        /// The version of the agency's revocation list, or of the trust list, that says so;
        /// 0 where its certificate has come to an end by itself, or the room bans its user, or the
        /// user's chain says so.
        list: u64,
        /// Why: [`Code::Revoked`], [`Code::Expired`], [`Code::SuspendedAgency`],
        /// [`Code::UnknownAgency`], [`Code::Banned`] or [`Code::RemovedDevice`].
        code: Code,
    },
    /// Something about a room has changed, other than who takes part.
    RoomChanged {
        /// The room.
        room: RoomId,
        /// The place of the commit.
        seq: u64,
        /// Who committed it.
        by: Device,
        /// The name from now on, if it is known.
        name: Option<String>,
        /// What has changed, from what to what, and by what authority.
        changes: Vec<Changed>,
    },
    /// A room's end has come: nothing is sent in it any more, and people only go.
    RoomEnded {
        /// The room.
        room: RoomId,
        /// The end.
        at: Timestamp,
    },
    /// This device no longer takes part in a room.
    Left {
        /// The room.
        room: RoomId,
        /// The place of the commit.
        seq: u64,
        /// Who committed it.
        by: Device,
    },
    /// A command was carried out.
    Done {
        /// The request.
        request: RequestId,
    },
    /// A command could not be carried out.
    Failed {
        /// The request.
        request: RequestId,
        /// Why.
        code: Code,
        /// When it may succeed, if somebody said so: not to be tried again before.
        retry_at: Option<Timestamp>,
    },
    /// Some users could not be invited; the others of the command were, also where [`Event::Failed`] follows:
    /// then the invitation was broken off on its way. Where that comes without this, no user has been left out of those
    /// who could come: either nobody has come in, or only further devices of users who are in have not.
    NotInvited {
        /// The request.
        request: RequestId,
        /// Who, and why.
        users: Vec<(UserId, Code)>,
        /// When inviting all of them may succeed, if somebody said so of one.
        retry_at: Option<Timestamp>,
    },
    /// What an agency's directory says, over its server's signature.
    Found {
        /// The request that asked.
        request: RequestId,
        /// The agency.
        agency: AgencyId,
        /// Whom it shows; empty if nobody, or nobody for whom the asking agency is allowed to ask.
        users: Vec<Found>,
        /// If there may be more, even where the page is not full: what to ask the next page with.
        next: Option<Vec<u8>>,
    },
    /// Which rooms users of the own agency may join by themselves, by the word of their hub, over its
    /// signature.
    RoomsFound {
        /// The request that asked.
        request: RequestId,
        /// The agency, whose server is the hub of all of them.
        agency: AgencyId,
        /// The rooms; empty if there are none, or none for the asking agency.
        rooms: Vec<FoundRoom>,
        /// If there may be more, even where the page is not full: what to ask the next page with.
        next: Option<Vec<u8>>,
    },
    /// A room was joined with a key package which the own server, by its records, did not give to
    /// whoever made the invitation: the server gave it out and kept silent, or to somebody else
    /// who passed it on. Of key packages that were given out more than
    /// [`crate::limits::CLAIMS_KNOWN`] claims ago the device does not know any more.
    ClaimUnrecorded {
        /// The room.
        room: RoomId,
        /// Who made the invitation.
        by: Device,
        /// To whom the key package was given by the records; empty if to nobody.
        recorded: Vec<Device>,
    },
    /// An invitation that does not lead anywhere.
    InvitationFailed {
        /// The room.
        room: RoomId,
        /// Why. [`Code::RolledBack`]: the room's hub has lost what it had ordered before this device left;
        /// [`crate::client::Command::Join`] takes it into what is left.
        code: Code,
    },
    /// A room's log cannot be followed past an entry. Later entries wait.
    RoomStalled {
        /// The room.
        room: RoomId,
        /// The first entry that is not processed.
        seq: u64,
        /// Why. [`Code::MissingEvidence`] and [`Code::BadStamp`] pass by themselves: a document comes,
        /// or the time, if the hub's clock is ahead or this device's far behind.
        code: Code,
    },
    /// For half an hour and more the own server, which answers, has had nothing newer of this room than it had
    /// before, though people speak in it and its hub says every ten minutes where it stands: what others say
    /// does not come here, and what is said here may not come to them. The hub's server is down or cut off, or one of the
    /// two keeps back what there is. Told once, until [`Event::RoomHeard`].
    RoomSilent {
        /// The room.
        room: RoomId,
        /// The agency whose server is its hub. Where that is the own agency, it is its silence; else it is
        /// that of the hub or of the own server.
        hub: AgencyId,
        /// The time of the last word of the hub, by its own clock.
        since: Timestamp,
    },
    /// The hub of a room was heard again after [`Event::RoomSilent`].
    RoomHeard {
        /// The room.
        room: RoomId,
    },
    /// The federation has another trust list: its root holders say which agencies there are.
    /// What it changes follows, each by itself.
    TrustListChanged {
        /// Its version.
        version: u64,
        /// The root holders who signed it.
        by: Vec<String>,
    },
    /// The federation's root holders say something else of an agency than before.
    AgencyChanged {
        /// The agency.
        agency: AgencyId,
        /// The version of the trust list that says so.
        list: u64,
        /// What.
        change: AgencyChange,
    },
    /// An agency has other keys than before, by the word of its root key.
    AgencyKeysChanged {
        /// The agency.
        agency: AgencyId,
        /// The version of its descriptor that says so.
        descriptor: u64,
        /// Keys that are new.
        added: Vec<(KeyPurpose, KeyId)>,
        /// Keys that are no longer named; they count until the descriptors that name them end.
        dropped: Vec<(KeyPurpose, KeyId)>,
    },
    /// The federation's root holders signed two different lists with one number: somebody is to
    /// be shown another federation. The one that came first stays.
    TrustListForked {
        /// The number.
        version: u64,
        /// The evidence: the list that stays, and the other one. Anybody can verify it: under the first
        /// [`TrustList::next`](crate::identity::TrustList::next) refuses the second with
        /// [`Code::Equivocation`], and it takes that code for no list that is not signed as it has to be.
        lists: Box<[Bytes; 2]>,
    },
    /// The trust list has come to its end and no newer one is there. When its grace is over too,
    /// nothing is sent or taken any more.
    TrustListEnds {
        /// Its version.
        version: u64,
        /// When that is.
        until: Timestamp,
    },
    /// The agency whose server orders a room takes no part in the federation for the time
    /// being: nothing can be sent to the room, and nothing comes, until
    /// [`Event::HubReinstated`]. Whoever has to go on talking begins another room.
    HubSuspended {
        /// The room.
        room: RoomId,
        /// The agency.
        hub: AgencyId,
        /// The version of the trust list that says so.
        list: u64,
        /// [`Code::SuspendedAgency`], or [`Code::UnknownAgency`] if it is on the list no more.
        code: Code,
    },
    /// The agency whose server orders a room takes part again; what waits is sent.
    HubReinstated {
        /// The room.
        room: RoomId,
        /// The agency.
        hub: AgencyId,
        /// The version of the trust list that says so.
        list: u64,
    },
    /// An agency that has a device in a room has given out no revocation list for longer than
    /// is allowed. Devices of it that are lost may be in use still, and no further one of
    /// its devices gets into a room. Told once of each list.
    RevocationsStale {
        /// The agency.
        agency: AgencyId,
        /// The version of its last list, as known here and to the room's hub.
        version: u64,
        /// Since when that is out of date.
        since: Timestamp,
    },
    /// The own agency's server does not serve this device any more, by its own word: its
    /// certificate is revoked ([`Code::Revoked`]) or has ended ([`Code::Expired`]), or it does not
    /// know the device ([`Code::UnknownDevice`]): then the device enrols again by itself, and [`Event::Enrolled`] or
    /// [`Event::Failed`] says what came of it. Told once.
    NotServed {
        /// Why.
        code: Code,
    },
    /// An agency signed something that contradicts what it signed before; that stays. Told once a day at most of
    /// each agency and code.
    AgencyMisbehaved {
        /// The evidence, with the agency and the code. Anybody who knows the agency can verify it.
        evidence: Box<Contradiction>,
    },
    /// The own agency's server says to whom it gave a key package of this device, and what it shows for it does
    /// not bear that out. Told once a day at most; what does not hold counts for nothing
    /// ([`Event::ClaimUnrecorded`]).
    BadRecord {
        /// The record's number.
        number: u64,
    },
    /// The sender of a message says in it, encrypted, that it has seen another log of the room than this
    /// device: the hub has shown two, or the sender says so falsely. Whose fault it is people find out by
    /// comparing what they see. Told once a day at most of each room.
    LogsDiffer {
        /// The room.
        room: RoomId,
        /// The place at which the two logs differ.
        seq: u64,
        /// The agency whose server orders the log.
        hub: AgencyId,
        /// Who says so.
        sender: Device,
    },
    /// This device's certificate ends before long: [`Client::renew`](crate::client::Client::renew) asks for
    /// another one. It is told of each certificate once, [`crate::limits::CERTIFICATE_DUE`] before its end, or
    /// when three quarters of its time are over if that is later. That of a delegate ends with the shift, and the
    /// role hands over anew.
    CertificateEnds {
        /// When that is.
        until: Timestamp,
    },
    /// A user began anew, with none of the devices and recovery keys of before: the agency says
    /// that it is the same person. Show it wherever the user is met, above all if they were
    /// verified; the safety number is another one.
    IdentityChanged {
        /// Who.
        user: UserId,
        /// The identity of before.
        before: Hash,
        /// The identity from now on.
        now: Hash,
        /// Whether the number of before had been compared. It counts no longer.
        verified: bool,
    },
    /// An agency has filled one place in a user's chain twice: it has shown two histories of who
    /// speaks for the user. What this device has known so far stays. Told once for each user.
    ChainForked {
        /// The evidence. Anybody who has the agency's descriptors can verify it.
        fork: Box<ChainFork>,
    },
    /// By what authority devices speak for their users that a commit has brought into a room: a role's
    /// shift handover shows here, and a device that a recovery key has endorsed. Follows
    /// [`Event::MembersChanged`].
    DevicesEndorsed {
        /// The room.
        room: RoomId,
        /// The place of the commit.
        seq: u64,
        /// Each device that is new, with its user.
        devices: Vec<(UserId, Endorsement)>,
    },
    /// This store is older than what the device has already sent: it was restored from a
    /// backup. The engine sends nothing any more; enrol the device anew.
    StoreRolledBack,
}

impl Event {
    /// What is told of a command that could not be carried out.
    pub(super) fn failed(request: RequestId, error: &Error) -> Self {
        Event::Failed { request, code: error.code(), retry_at: error.retry_at() }
    }
}

/// The confidentiality label under which a message was written, beside that of its room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Marking {
    /// What its sender took for the room's label; empty if it had none.
    pub label: String,
    /// Whether that was the room's label at the message's place. `None`: this device was not
    /// told the room's.
    pub fits: Option<bool>,
}

impl Marking {
    /// A message's label beside that of its room, if it is known (SPEC V-729).
    pub(super) fn beside(label: String, room: Option<&str>) -> Self {
        let fits = room.map(|room| room == label);
        Marking { label, fits }
    }
}

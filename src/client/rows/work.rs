//! What the app has asked for and is not done yet.

use prost::Message;

/// Something on its way.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct OutboxRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(in crate::client) request: Vec<u8>,
    /// What was submitted and is unanswered; empty while it waits.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) submission: Vec<u8>,
    /// The id by which the answer is known.
    #[prost(bytes = "vec", tag = "3")]
    pub(in crate::client) awaited: Vec<u8>,
    /// When to send it again, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(in crate::client) due: u64,
    #[prost(uint32, tag = "5")]
    pub(in crate::client) attempts: u32,
    /// For a message under way: how many were encrypted before it.
    #[prost(uint64, tag = "14")]
    pub(in crate::client) order: u64,
    /// What the own server says of it is believed, but not before: it has said that the device is not in the room.
    #[prost(message, optional, tag = "15")]
    pub(in crate::client) doubt: Option<DoubtRow>,
    #[prost(oneof = "Work", tags = "6, 7, 8, 9, 10, 11, 12, 13, 20, 21, 22, 23")]
    pub(in crate::client) work: Option<Work>,
}

/// From when on the own server is believed that the device is not in a room.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct DoubtRow {
    /// When so many synchronisations were answered.
    #[prost(uint64, tag = "1")]
    pub(in crate::client) answers: u64,
    /// And at this time, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(in crate::client) until: u64,
}

/// What an outbox item is for.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(in crate::client) enum Work {
    #[prost(message, tag = "6")]
    Message(MessageWork),
    #[prost(message, tag = "7")]
    Create(Nothing),
    #[prost(message, tag = "8")]
    Invite(InviteWork),
    #[prost(message, tag = "9")]
    Remove(UsersWork),
    #[prost(message, tag = "10")]
    Leave(LeaveWork),
    #[prost(message, tag = "11")]
    Describe(DescribeWork),
    #[prost(message, tag = "12")]
    SetRole(RoleWork),
    #[prost(message, tag = "13")]
    Share(ShareWork),
    #[prost(message, tag = "20")]
    Ban(UsersWork),
    #[prost(message, tag = "21")]
    Unban(UsersWork),
    #[prost(message, tag = "22")]
    Govern(GovernWork),
    #[prost(message, tag = "23")]
    Forward(ForwardWork),
}

impl Work {
    /// The message that it is, or becomes once servers have its files.
    pub(in crate::client) fn message(&self) -> Option<&MessageWork> {
        match self {
            Work::Message(message) => Some(message),
            Work::Share(share) => share.message.as_ref(),
            Work::Forward(forward) => forward.message.as_ref(),
            _ => None,
        }
    }
}

impl Work {
    /// Whether the engine does it by itself, and the app hears nothing of it.
    pub(in crate::client) fn is_quiet(&self) -> bool {
        match self {
            Work::Message(message) => message.quiet,
            Work::Invite(invite) => invite.quiet,
            Work::Leave(leave) => leave.quiet,
            _ => false,
        }
    }
}

/// Nothing to say.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::client) struct Nothing {}

/// A message.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct MessageWork {
    #[prost(uint32, tag = "1")]
    pub(in crate::client) kind: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) content: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(in crate::client) nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(in crate::client) id: Vec<u8>,
    /// Whoever was there in this epoch may read it.
    #[prost(uint64, tag = "5")]
    pub(in crate::client) epoch: u64,
    /// It waits for the app's consent.
    #[prost(bool, tag = "6")]
    pub(in crate::client) held: bool,
    /// How long it is kept, in milliseconds; 0: as long as the room says.
    #[prost(uint64, tag = "7")]
    pub(in crate::client) lifetime: u64,
    /// The label that the app knew when it sent it or consented.
    #[prost(string, tag = "8")]
    pub(in crate::client) label: String,
    /// It is the engine's own: the app hears nothing of it, and no reader is one too many.
    #[prost(bool, tag = "60")]
    pub(in crate::client) quiet: bool,
}

/// An invitation in the making.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct InviteWork {
    /// Who is in hand now, and has not come in.
    #[prost(string, repeated, tag = "1")]
    pub(in crate::client) users: Vec<String>,
    /// Claims that are not answered.
    #[prost(message, repeated, tag = "3")]
    pub(in crate::client) awaiting: Vec<ClaimRow>,
    /// Devices that are in no commit yet.
    #[prost(message, repeated, tag = "4")]
    pub(in crate::client) packages: Vec<InvitedRow>,
    #[prost(message, repeated, tag = "5")]
    pub(in crate::client) problems: Vec<ProblemRow>,
    /// It only fetches the founder's other devices: it succeeds silently.
    #[prost(bool, tag = "6")]
    pub(in crate::client) quiet: bool,
    /// Whose turn comes later, in this order.
    #[prost(string, repeated, tag = "7")]
    pub(in crate::client) later: Vec<String>,
    /// Some are in already.
    #[prost(bool, tag = "8")]
    pub(in crate::client) came: bool,
    /// How often in a row the hub has refused its commit for somebody who was to be added.
    #[prost(uint32, tag = "9")]
    pub(in crate::client) refused: u32,
}

/// A device that is to be brought in.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct InvitedRow {
    #[prost(string, tag = "1")]
    pub(in crate::client) user: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) device: Vec<u8>,
    /// Its key package.
    #[prost(bytes = "vec", tag = "3")]
    pub(in crate::client) package: Vec<u8>,
}

/// A claim of key packages.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct ClaimRow {
    /// Whose users are claimed.
    #[prost(string, tag = "1")]
    pub(in crate::client) agency: String,
    /// The request that claims them.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) id: Vec<u8>,
    /// When it was made, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) at: u64,
    /// Who is claimed.
    #[prost(string, repeated, tag = "4")]
    pub(in crate::client) users: Vec<String>,
}

/// A user who cannot be invited.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct ProblemRow {
    #[prost(string, tag = "1")]
    pub(in crate::client) user: String,
    #[prost(uint32, tag = "2")]
    pub(in crate::client) code: u32,
    /// When they can, in milliseconds; 0: nobody said.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) retry_at: u64,
}

/// A leaving.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::client) struct LeaveWork {
    /// With this device alone, and without a word to the app: somebody who is blocked has
    /// brought it in.
    #[prost(bool, tag = "1")]
    pub(in crate::client) quiet: bool,
}

/// Some users.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct UsersWork {
    #[prost(string, repeated, tag = "1")]
    pub(in crate::client) users: Vec<String>,
}

/// A new name, topic or label.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct DescribeWork {
    #[prost(string, optional, tag = "1")]
    pub(in crate::client) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(in crate::client) topic: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(in crate::client) label: Option<String>,
}

/// A new role.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct RoleWork {
    #[prost(string, tag = "1")]
    pub(in crate::client) user: String,
    #[prost(int32, tag = "2")]
    pub(in crate::client) role: i32,
}

/// Another policy, join rule, listing, retention or end.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct GovernWork {
    /// Which part of the state.
    #[prost(uint32, tag = "1")]
    pub(in crate::client) part: u32,
    /// An encoded room state of which this part counts.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) state: Vec<u8>,
}

/// Files on their way to the server, and then the message that shares them.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct ShareWork {
    /// The encoded content that is sent when the files are up.
    #[prost(message, optional, tag = "1")]
    pub(in crate::client) message: Option<MessageWork>,
    /// The uploads that are not done yet, in the order in which they are.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(in crate::client) uploads: Vec<Vec<u8>>,
    /// The files that are up.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(in crate::client) up: Vec<Vec<u8>>,
}

/// A message that names files which servers have, once the own server says that it can give them.
#[derive(Clone, PartialEq, Message)]
pub(in crate::client) struct ForwardWork {
    /// The encoded content that is sent then.
    #[prost(message, optional, tag = "1")]
    pub(in crate::client) message: Option<MessageWork>,
    /// The question to the own server.
    #[prost(bytes = "vec", tag = "2")]
    pub(in crate::client) wanted: Vec<u8>,
    /// When the first of the files expires, in milliseconds.
    #[prost(uint64, tag = "3")]
    pub(in crate::client) until: u64,
}

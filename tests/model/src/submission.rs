//! Submissions: what a device signs and gives to the hub, by way of its own server.

use crate::{
    group::{Change, Group},
    names::{Digest, Id, MessageId, Seq},
};

/// A message or a commit, made once: resending gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Submission {
    pub id: Id,
    /// The epoch in which it was made. Servers see its number alone.
    pub group: Group,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Message(MessageId),
    Commit(Change),
}

/// Why a submission is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// 404: it is of a passed epoch.
    WrongEpoch,
    /// 402: the sender is not in the room.
    NotMember,
    /// 410: MLS does not permit it.
    Mls,
}

/// A hub's signed word that it has not taken a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    pub id: Id,
    pub code: Code,
    /// The log's last place at that time.
    pub seq: Seq,
}

impl Submission {
    pub fn digest(&self) -> Digest {
        let what = match self.what {
            What::Message(id) => id.word(),
            What::Commit(change) => 1 << 32 | change.word(),
        };
        Digest::of([self.id.word(), self.group.secrets.word(), what])
    }

    pub fn commit(&self) -> Option<Change> {
        match self.what {
            What::Commit(change) => Some(change),
            What::Message(_) => None,
        }
    }

    pub fn message(&self) -> Option<MessageId> {
        match self.what {
            What::Message(id) => Some(id),
            What::Commit(_) => None,
        }
    }
}

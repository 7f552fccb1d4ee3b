//! The MLS group, as far as the rules of rooms need it: an epoch has members, and only they have
//! its secrets.

use crate::names::{Device, Digest, Id, Set};

/// One epoch of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// What the epoch's secrets come from: all commits before it. Who has another one of the same
    /// number can read nothing of this one.
    pub secrets: Digest,
    pub epoch: u8,
    pub members: Set,
    /// How often policy or label were changed.
    pub rules: u8,
}

/// What a commit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Add(Device),
    Remove(Device),
    /// Changes policy or label.
    Rules,
}

impl Group {
    /// Epoch 1, in which a model begins.
    pub fn begin(members: Set) -> Self {
        Group { secrets: Digest::of([members.bits()]), epoch: 1, members, rules: 0 }
    }

    /// The epoch after a commit.
    pub fn after(self, commit: Id, change: Change) -> Self {
        let (members, rules) = match change {
            Change::Add(device) => (self.members.with(device), self.rules),
            Change::Remove(device) => (self.members.without(device), self.rules),
            Change::Rules => (self.members, self.rules + 1),
        };
        let secrets = Digest::of([self.secrets.word(), commit.word()]);
        Group { secrets, epoch: self.epoch + 1, members, rules }
    }

    /// Whether a change has been made already, or cannot be made here.
    pub fn has(self, change: Change) -> bool {
        match change {
            Change::Add(device) => self.members.contains(device),
            Change::Remove(device) => !self.members.contains(device),
            Change::Rules => false,
        }
    }
}

impl Change {
    pub fn word(self) -> u64 {
        match self {
            Change::Add(device) => 0x100 | u64::from(device),
            Change::Remove(device) => 0x200 | u64::from(device),
            Change::Rules => 0x300,
        }
    }
}

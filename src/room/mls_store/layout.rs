//! Where the values of MLS lie.
//!
//! ```text
//! group  row = group prefix  ‖ table ‖ [u16 size ‖ key]            the spine of a value
//!            = group prefix  ‖ table ‖ [u16 size ‖ key] ‖ place    one of its elements
//! device row = device prefix ‖ table ‖ key                         a value, never split
//! ```
//!
//! Tables are single letters. Those with a key hold many values, the others one.

use crate::store::Key;

/// The tables of one group, in the order in which their rows lie.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum GroupTable {
    GroupContext = b'c',
    EpochSecrets = b'e',
    ConfirmationTag = b'f',
    InterimTranscriptHash = b'h',
    OwnLeafIndex = b'i',
    JoinConfig = b'j',
    /// Own encryption keys of an epoch; the key is (epoch, leaf index).
    EpochKeyPairs = b'k',
    /// Own leaves that were proposed; the key is their number.
    OwnLeafNodes = b'l',
    MessageSecrets = b'm',
    /// Proposals that wait for a commit, each with its reference; the key is their number.
    Proposals = b'q',
    ResumptionPsks = b'r',
    GroupState = b's',
    RatchetTree = b't',
    /// Encryption keys of proposed leaves; the key is the public key.
    LeafKeyPairs = b'u',
}

/// The tables of one device. The key is what the value is called by.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum DeviceTable {
    KeyPackages = b'p',
    SignatureKeyPairs = b's',
    Psks = b'x',
}

impl GroupTable {
    const ALL: [GroupTable; 14] = [
        GroupTable::GroupContext,
        GroupTable::EpochSecrets,
        GroupTable::ConfirmationTag,
        GroupTable::InterimTranscriptHash,
        GroupTable::OwnLeafIndex,
        GroupTable::JoinConfig,
        GroupTable::EpochKeyPairs,
        GroupTable::OwnLeafNodes,
        GroupTable::MessageSecrets,
        GroupTable::Proposals,
        GroupTable::ResumptionPsks,
        GroupTable::GroupState,
        GroupTable::RatchetTree,
        GroupTable::LeafKeyPairs,
    ];

    /// What every group has, also that of a hub.
    pub(super) const PUBLIC: [GroupTable; 4] = [
        GroupTable::GroupContext,
        GroupTable::ConfirmationTag,
        GroupTable::InterimTranscriptHash,
        GroupTable::RatchetTree,
    ];

    /// What the group of a member has besides.
    pub(super) const MEMBER: [GroupTable; 6] = [
        GroupTable::EpochSecrets,
        GroupTable::OwnLeafIndex,
        GroupTable::JoinConfig,
        GroupTable::MessageSecrets,
        GroupTable::ResumptionPsks,
        GroupTable::GroupState,
    ];

    fn has_key(self) -> bool {
        use GroupTable::{EpochKeyPairs, LeafKeyPairs, OwnLeafNodes, Proposals};
        [EpochKeyPairs, LeafKeyPairs, OwnLeafNodes, Proposals].contains(&self)
    }
}

/// The place of one value of a group: the key of its spine, after the group's prefix. No
/// slot begins another, so that one prefix deletion removes one value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(Vec<u8>);

impl Slot {
    /// The one value of a table.
    pub(super) fn only(table: GroupTable) -> Slot {
        Slot(vec![table as u8])
    }

    /// One of many values; `None` past 65,535 bytes of key.
    pub(super) fn keyed(table: GroupTable, key: &[u8]) -> Option<Slot> {
        let size = u16::try_from(key.len()).ok()?.to_be_bytes();
        Some(Slot([&[table as u8], size.as_slice(), key].concat()))
    }

    /// One of many that are only counted.
    pub(super) fn numbered(table: GroupTable, number: u32) -> Slot {
        Slot([&[table as u8, 0, 4], number.to_be_bytes().as_slice()].concat())
    }

    /// The number of a numbered slot.
    pub(super) fn number(&self) -> Option<u32> {
        self.0.get(3..)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Whether the value is in this table.
    pub(super) fn is_in(&self, table: GroupTable) -> bool {
        self.0.first() == Some(&(table as u8))
    }

    /// The key of the value's spine.
    pub(super) fn spine_key(&self, prefix: &[u8]) -> Key {
        [prefix, &self.0].concat()
    }

    /// Reads what the key of a spine says after the group's prefix; `None` if it is none.
    pub(super) fn read(rest: &[u8]) -> Option<Slot> {
        let (&letter, key) = rest.split_first()?;
        let table = GroupTable::ALL.into_iter().find(|table| *table as u8 == letter)?;
        let slot = match table.has_key() {
            true => Slot::keyed(table, key.get(2..)?)?,
            false => Slot::only(table),
        };
        (slot.0 == rest).then_some(slot)
    }
}

/// The row of a device's value.
pub(super) fn device_key(prefix: &[u8], table: DeviceTable, key: &[u8]) -> Key {
    [prefix, &[table as u8], key].concat()
}

//! Names and small values.

use std::fmt;

/// A device, by its number.
pub type Device = u8;
/// An agency, by its number; number 0 runs the hub.
pub type Agency = u8;
/// A user, by the number of their first device.
pub type User = u8;
/// A place in the log, from 1.
pub type Seq = u8;

/// The agency whose server is the room's hub.
pub const HUB: Agency = 0;

/// The id of a submission: its device, and the counter in its header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    pub device: Device,
    pub counter: u8,
}

/// The id of a message, which stays when it is encrypted again: its author, and the number of the task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    pub author: Device,
    pub number: u8,
}

/// A set of small numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Set(u8);

impl Set {
    pub fn contains(self, one: u8) -> bool {
        self.0 & (1 << one) != 0
    }

    pub fn with(self, one: u8) -> Self {
        Set(self.0 | 1 << one)
    }

    pub fn without(self, one: u8) -> Self {
        Set(self.0 & !(1 << one))
    }

    pub fn is_within(self, other: Set) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |one| self.contains(*one))
    }

    pub fn bits(self) -> u64 {
        self.0.into()
    }
}

impl FromIterator<u8> for Set {
    fn from_iter<I: IntoIterator<Item = u8>>(all: I) -> Self {
        all.into_iter().fold(Set::default(), Set::with)
    }
}

/// A hash that stands for everything that went into it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// FNV-1a over 64-bit words, mixed at the end. No two of the few thousand values of a run meet.
    pub fn of(parts: impl IntoIterator<Item = u64>) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for part in parts {
            for byte in part.to_le_bytes() {
                state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Digest(state ^ (state >> 32))
    }

    pub fn word(self) -> u64 {
        self.0
    }
}

impl Id {
    pub fn word(self) -> u64 {
        u64::from(self.device) << 8 | u64::from(self.counter)
    }
}

impl MessageId {
    pub fn word(self) -> u64 {
        u64::from(self.author) << 8 | u64::from(self.number)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.device, self.counter)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}.{}", self.author, self.number)
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0 & 0xffff)
    }
}

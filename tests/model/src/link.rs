//! Links: an ordered pair of servers, with frames that are numbered, chained by hash, kept until
//! they are acknowledged, and taken exactly once (SPEC "Links").

use std::{
    fmt::Debug,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{mutation::Mutation, names::Digest};

/// What a frame carries.
pub trait Item: Clone + Debug + Eq + Hash {
    fn digest(&self) -> Digest;
}

/// Several items under one signature.
#[derive(Debug)]
pub struct Frame<T> {
    /// The incarnation of the sender's store.
    pub life: u8,
    pub number: u8,
    pub previous: Digest,
    pub at: u8,
    pub items: Vec<T>,
    pub hash: Digest,
}

/// The receiver's word for all frames up to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ack {
    pub life: u8,
    pub number: u8,
    pub hash: Digest,
    pub at: u8,
}

/// What is noted of what goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outgoing<T: Item> {
    pub life: u8,
    /// What waits to be put into a frame.
    pub pending: Vec<T>,
    /// Frames that are not acknowledged.
    pub kept: Vec<Arc<Frame<T>>>,
    pub made: u8,
    pub acked: u8,
    /// When the acknowledgement was made that was taken last.
    pub acked_at: u8,
    hash: Digest,
}

/// What is noted of what comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Incoming {
    pub life: u8,
    pub number: u8,
    hash: Digest,
    at: u8,
}

/// What must be reported: somebody's store was put back to an earlier state, or somebody lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// 505: one number, two hashes.
    Fork,
    /// 303: an earlier life, or less than was acknowledged before.
    RolledBack,
    /// 506: of another life of the own store.
    NotForUs,
}

impl<T: Item> Outgoing<T> {
    pub fn begin(life: u8) -> Self {
        let hash = Digest::default();
        Outgoing { life, pending: Vec::new(), kept: Vec::new(), made: 0, acked: 0, acked_at: 0, hash }
    }

    /// Puts everything that waits into the next frame.
    pub fn pump(&mut self, at: u8) -> Option<Arc<Frame<T>>> {
        if self.pending.is_empty() {
            return None;
        }
        let items = std::mem::take(&mut self.pending);
        let frame = Arc::new(Frame::new(self.life, self.made + 1, self.hash, at, items));
        self.made = frame.number;
        self.hash = frame.hash;
        self.kept.push(frame.clone());
        Some(frame)
    }

    /// Takes an acknowledgement: what it names is kept no longer (V-538, V-575).
    pub fn acknowledged(&mut self, ack: Ack, broken: Option<Mutation>) -> Result<(), Trouble> {
        if ack.life != self.life {
            return Err(Trouble::NotForUs);
        }
        if ack.number > self.made {
            return Err(Trouble::Fork);
        }
        if ack.number < self.acked && ack.at > self.acked_at && broken != Some(Mutation::IgnoresLowAcks) {
            return Err(Trouble::RolledBack);
        }
        if ack.number <= self.acked {
            return Ok(());
        }
        let named = self.kept.iter().find(|frame| frame.number == ack.number);
        let same = named.is_some_and(|frame| frame.hash == ack.hash);
        if !same && broken != Some(Mutation::SkipsHashes) {
            return Err(Trouble::Fork);
        }
        self.kept.retain(|frame| frame.number > ack.number);
        self.acked = ack.number;
        self.acked_at = ack.at;
        Ok(())
    }
}

impl Incoming {
    /// Takes a frame, if it is the next one. Gives its items, and the acknowledgement of what was
    /// taken so far (V-534, V-535, V-537).
    pub fn take<'f, T: Item>(
        &mut self,
        frame: &'f Frame<T>,
        now: u8,
        broken: Option<Mutation>,
    ) -> Result<(&'f [T], Ack), Trouble> {
        if frame.life != self.life && frame.number == 1 {
            let later = self.number == 0 || frame.at > self.at;
            if !later && broken != Some(Mutation::TakesEarlierLives) {
                return Err(Trouble::RolledBack);
            }
            *self = Incoming { life: frame.life, ..Incoming::default() };
        }
        if frame.life != self.life {
            return Ok((&[], Ack { life: frame.life, number: 0, hash: Digest::default(), at: now }));
        }
        let hashes = broken != Some(Mutation::SkipsHashes);
        let mut items: &[T] = &[];
        if frame.number <= self.number {
            if hashes && frame.number == self.number && frame.hash != self.hash {
                return Err(Trouble::Fork);
            }
        } else if frame.number == self.number + 1 || broken == Some(Mutation::SkipsNumbers) {
            if hashes && frame.number == self.number + 1 && frame.previous != self.hash {
                return Err(Trouble::Fork);
            }
            items = &frame.items;
            *self = Incoming { life: self.life, number: frame.number, hash: frame.hash, at: frame.at };
        }
        Ok((items, Ack { life: self.life, number: self.number, hash: self.hash, at: now }))
    }
}

impl<T: Item> Frame<T> {
    fn new(life: u8, number: u8, previous: Digest, at: u8, items: Vec<T>) -> Self {
        let head = [life.into(), number.into(), previous.word(), at.into()];
        let hash = Digest::of(head.into_iter().chain(items.iter().map(|item| item.digest().word())));
        Frame { life, number, previous, at, items, hash }
    }
}

impl<T> PartialEq for Frame<T> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl<T> Eq for Frame<T> {}

impl<T> Hash for Frame<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

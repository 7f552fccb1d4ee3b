//! The room's log: a chain of entries, each with the hash of the one before.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    names::{Digest, Seq},
    submission::Submission,
};

/// A submission at its place.
#[derive(Debug)]
pub struct Entry {
    pub seq: Seq,
    pub previous: Digest,
    pub submission: Submission,
    /// When the hub made it.
    pub stamp: u8,
    /// Of all of the above.
    pub hash: Digest,
}

/// As much of a log as somebody holds. It may begin late, and have a gap where nobody had to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    entries: Vec<Arc<Entry>>,
}

/// An entry does not connect (V-501 to V-503).
#[derive(Debug)]
pub struct Broken;

impl Entry {
    pub fn new(seq: Seq, previous: Digest, submission: Submission, stamp: u8) -> Self {
        let parts = [seq.into(), previous.word(), submission.digest().word(), stamp.into()];
        Entry { seq, previous, submission, stamp, hash: Digest::of(parts) }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Entry {}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl Log {
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The last place; 0 before the first.
    pub fn end(&self) -> Seq {
        self.entries.last().map_or(0, |entry| entry.seq)
    }

    pub fn tail(&self) -> Digest {
        self.entries.last().map_or(Digest::default(), |entry| entry.hash)
    }

    pub fn at(&self, seq: Seq) -> Option<&Arc<Entry>> {
        self.entries.iter().rev().find(|entry| entry.seq == seq)
    }

    /// Takes the next entry (V-501 to V-503).
    pub fn extend(&mut self, entry: Arc<Entry>) -> Result<(), Broken> {
        if entry.seq != self.end() + 1 || entry.previous != self.tail() {
            return Err(Broken);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Begins, or begins anew, at an entry for which the hub's signed head vouches.
    pub fn begin_at(&mut self, entry: Arc<Entry>) {
        self.entries.push(entry);
    }

    /// The hub's next entry.
    pub fn next(&self, submission: Submission, stamp: u8) -> Arc<Entry> {
        Arc::new(Entry::new(self.end() + 1, self.tail(), submission, stamp))
    }

    /// Whether each entry connects to the one before it, but for where the log begins anew.
    pub fn is_chain(&self) -> bool {
        self.entries.is_sorted_by(|a, b| a.seq < b.seq)
            && self
                .entries
                .windows(2)
                .all(|two| two[1].seq != two[0].seq + 1 || two[1].previous == two[0].hash)
    }
}

//! The unit of change.

use super::{Key, Value};

/// One write.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put(Key, Value),
    /// Remove, if there.
    Delete(Key),
    /// Remove every row whose key begins with this.
    DeletePrefix(Key),
}

/// Expectations and writes; applied all or nothing, in order.
#[derive(Clone, Default)]
pub struct Batch {
    expectations: Vec<(Key, Option<Value>)>,
    writes: Vec<Write>,
}

impl Batch {
    /// The row must hold exactly this (or be absent), or nothing is applied.
    pub fn expect(&mut self, key: Key, value: Option<Value>) {
        self.expectations.push((key, value));
    }

    /// Insert or replace a row.
    pub fn put(&mut self, key: Key, value: Value) {
        self.writes.push(Write::Put(key, value));
    }

    /// Remove a row.
    pub fn delete(&mut self, key: Key) {
        self.writes.push(Write::Delete(key));
    }

    /// Remove every row under a prefix.
    pub fn delete_prefix(&mut self, prefix: Key) {
        self.writes.push(Write::DeletePrefix(prefix));
    }

    /// Everything of another batch, after this one's.
    pub(crate) fn append(&mut self, other: Batch) {
        self.expectations.extend(other.expectations);
        self.writes.extend(other.writes);
    }

    /// What must hold before anything is written.
    #[must_use]
    pub fn expectations(&self) -> &[(Key, Option<Value>)] {
        &self.expectations
    }

    /// The writes, in the order in which they apply.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    pub(crate) fn into_parts(self) -> (Vec<(Key, Option<Value>)>, Vec<Write>) {
        (self.expectations, self.writes)
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of keys and values written.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let size = |w: &Write| match w {
            Write::Put(key, value) => key.len().saturating_add(value.len()),
            Write::Delete(key) | Write::DeletePrefix(key) => key.len(),
        };
        self.writes.iter().map(size).sum()
    }
}

/// Why a batch was not applied. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError<E> {
    /// An expectation did not hold: somebody else wrote first. Call the engine again.
    #[error("the store has changed meanwhile")]
    Conflict,
    /// The store failed. If it may have applied the batch, read the guard row before
    /// anything else: [`Batch::expectations`] names it.
    #[error("the store failed: {0}")]
    Store(#[source] E),
}

/// The writing half of a host's store.
pub trait Apply {
    /// The host's own failure.
    type Error;

    /// Checks every expectation, then makes every write, in one transaction.
    ///
    /// # Errors
    /// [`ApplyError::Conflict`] if an expectation does not hold; nothing is written then.
    fn apply(&mut self, batch: &Batch) -> Result<(), ApplyError<Self::Error>>;
}

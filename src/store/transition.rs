//! A change that has not happened yet.

use core::fmt;

use super::{Apply, ApplyError, Batch};
use crate::time::Timestamp;

/// A batch, and what may be had once it is applied.
///
/// Dropping a transition is safe: nothing has happened.
#[must_use = "nothing has happened until the batch is applied: call `commit`"]
pub struct Transition<T, O> {
    batch: Batch,
    done: Done<T, O>,
}

/// What a transition gives once its batch is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T, O> {
    /// The call's answer.
    pub value: T,
    /// Hints to act on. Losing them is harmless: the engine says them again on `resume` or `tick`.
    pub outputs: Vec<O>,
    /// When the engine wants its next `tick`, if it knows.
    pub wake: Option<Timestamp>,
}

impl<T, O> Transition<T, O> {
    /// A change with an answer and no outputs.
    pub fn new(batch: Batch, value: T) -> Self {
        Transition { batch, done: Done { value, outputs: Vec::new(), wake: None } }
    }

    /// Adds outputs.
    pub fn with_outputs(mut self, outputs: Vec<O>) -> Self {
        self.done.outputs = outputs;
        self
    }

    /// Sets when the engine wants to be called next.
    pub fn with_wake(mut self, wake: Option<Timestamp>) -> Self {
        self.done.wake = wake;
        self
    }

    /// The batch: for hosts that write rows of their own in the same transaction.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Applies the batch; only then gives what depends on it.
    ///
    /// # Errors
    /// As [`Apply::apply`]. After [`ApplyError::Conflict`] make the same call again: it
    /// reads the new state and draws new randomness.
    pub fn commit<A: Apply + ?Sized>(self, store: &mut A) -> Result<Done<T, O>, ApplyError<A::Error>> {
        store.apply(&self.batch)?;
        Ok(self.done)
    }

    /// [`Transition::commit`] for hosts whose store is asynchronous.
    ///
    /// # Errors
    /// What `apply` fails with.
    pub async fn commit_with<E>(
        self,
        apply: impl AsyncFnOnce(&Batch) -> Result<(), ApplyError<E>>,
    ) -> Result<Done<T, O>, ApplyError<E>> {
        apply(&self.batch).await?;
        Ok(self.done)
    }

    /// The same change with another answer.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Transition<U, O> {
        let Done { value, outputs, wake } = self.done;
        Transition { batch: self.batch, done: Done { value: f(value), outputs, wake } }
    }
}

/// Says what would be written, never what: batches hold secrets.
impl<T, O> fmt::Debug for Transition<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, bytes) = (self.batch.writes().len(), self.batch.bytes());
        write!(f, "Transition({rows} rows, {bytes} bytes)")
    }
}

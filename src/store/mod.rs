//! State lives in the host's store: read through [`Store`], changed only by a
//! [`Batch`] that the host applies, all or nothing.
//!
//! Every engine call returns a [`Transition`]. What leaves the engine (bytes for a
//! peer, a receipt for the app) can be had only by applying its batch, so nothing
//! leaves before it is stored:
//!
//! ```
//! use verbund::store::{Apply, Batch, MemoryStore, Store, Transition};
//!
//! let mut store = MemoryStore::default();
//! let mut batch = Batch::default();
//! batch.expect(b"greeting".to_vec(), None); // nobody else wrote it meanwhile
//! batch.put(b"greeting".to_vec(), b"hello".to_vec());
//! let transition: Transition<&str, ()> = Transition::new(batch, "written");
//!
//! let done = transition.commit(&mut store).unwrap();
//! assert_eq!(done.value, "written");
//! assert_eq!(store.get(b"greeting").unwrap().as_deref(), Some(&b"hello"[..]));
//! ```

mod batch;
mod draft;
mod key;
mod memory;
mod preloaded;
#[cfg(test)]
mod tests;
mod transition;

pub use batch::{Apply, ApplyError, Batch, Write};
pub(crate) use draft::{Draft, Stamps, corrupt};
pub(crate) use key::KeyBuilder;
pub use memory::MemoryStore;
pub use preloaded::Preloaded;
pub use transition::{Done, Transition};

use rand_core::CryptoRng;

use crate::{error::Result, time::Timestamp};

/// A row's key. Keys sort as bytes.
pub type Key = Vec<u8>;
/// A row's value.
pub type Value = Vec<u8>;
/// A row as a scan gives it.
pub type Row = (Key, Value);

/// A consistent snapshot for one call.
///
/// Rows hold secret keys: a host encrypts its database, as it does its other secrets.
/// Client stores are never restored from a backup (SPEC "State at rest").
pub trait Store {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`crate::Error::load`] if the row is not in this snapshot yet, or
    /// [`crate::code::Code::StoreFailed`].
    fn get(&self, key: &[u8]) -> Result<Option<Value>>;

    /// At most `limit` rows whose keys begin with `prefix` and sort after `after`, in key order.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>>;
}

/// What every engine call is given: the time, the state and a random source.
pub struct Ctx<'a> {
    /// The host's clock.
    pub now: Timestamp,
    /// A consistent snapshot of the engine's rows.
    pub store: &'a dyn Store,
    /// A generator fit for keys. Each call draws exactly 32 bytes from it.
    pub rng: &'a mut dyn CryptoRng,
}

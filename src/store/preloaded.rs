//! A snapshot that is filled as the engine asks: for hosts whose store is asynchronous.

use super::{Apply, Batch, Key, MemoryStore, Row, Store, Value};
use crate::error::{Error, Result};

/// Rows under the prefixes fetched so far; a read outside them asks for more.
///
/// The host begins with the prefixes that the engine's `touches` names, or with none,
/// fetches what [`crate::error::Retry::Load`] names *in the same database snapshot*, and calls again.
#[derive(Clone, Default)]
pub struct Preloaded {
    prefixes: Vec<Key>,
    rows: MemoryStore,
}

impl Preloaded {
    /// Takes the rows under `prefix`, all that there are, in place of any loaded before.
    /// Rows that lie elsewhere are left out: nothing says that their neighbours are there.
    pub fn load(&mut self, prefix: Key, rows: impl IntoIterator<Item = Row>) {
        let mut batch = Batch::default();
        batch.delete_prefix(prefix.clone());
        let rows = rows.into_iter().filter(|(key, _)| key.starts_with(&prefix));
        rows.for_each(|(key, value)| batch.put(key, value));
        let Ok(()) = self.rows.apply(&batch) else { return };
        self.prefixes.push(prefix);
    }

    fn covered(&self, key: &[u8]) -> Result<()> {
        if self.prefixes.iter().any(|p| key.starts_with(p)) {
            Ok(())
        } else {
            Err(Error::load(vec![key.to_vec()]))
        }
    }
}

impl Store for Preloaded {
    fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        self.covered(key)?;
        self.rows.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        self.covered(prefix)?;
        self.rows.scan(prefix, after, limit)
    }
}

//! A store in memory: for tests, examples and short-lived engines.

use core::{convert::Infallible, ops::Bound};
use std::collections::BTreeMap;

use super::{Apply, ApplyError, Batch, Key, Row, Store, Value, Write};
use crate::error::Result;

/// Rows in a sorted map.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MemoryStore(BTreeMap<Key, Value>);

impl MemoryStore {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every row, in key order.
    pub fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(k, v)| (k.as_slice(), v.as_slice()))
    }

    fn under<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.0.range::<[u8], _>((from, Bound::Unbounded)).take_while(move |(k, _)| k.starts_with(prefix))
    }
}

/// For fixtures and for moving rows between stores.
impl FromIterator<Row> for MemoryStore {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        MemoryStore(rows.into_iter().collect())
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        Ok(self.under(prefix, after).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

impl Apply for MemoryStore {
    type Error = Infallible;

    fn apply(&mut self, batch: &Batch) -> Result<(), ApplyError<Infallible>> {
        let holds = |(key, value): &(Key, Option<Value>)| self.0.get(key) == value.as_ref();
        if !batch.expectations().iter().all(holds) {
            return Err(ApplyError::Conflict);
        }
        for write in batch.writes() {
            match write {
                Write::Put(key, value) => {
                    self.0.insert(key.clone(), value.clone());
                }
                Write::Delete(key) => {
                    self.0.remove(key);
                }
                Write::DeletePrefix(prefix) => {
                    let doomed: Vec<Key> = self.under(prefix, None).map(|(k, _)| k.clone()).collect();
                    for key in doomed {
                        self.0.remove(&key);
                    }
                }
            }
        }
        Ok(())
    }
}

//! A batch in the making: reads see what was written before in the same call.

use std::collections::BTreeMap;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::{Batch, Ctx, Key, Row, Store, Transition, Value, Write};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    limits,
    time::Timestamp,
};

/// One call's view and its changes.
pub(crate) struct Draft<'a> {
    now: Timestamp,
    store: &'a dyn Store,
    rng: ChaCha20Rng,
    expectations: Vec<(Key, Option<Value>)>,
    prefixes: Vec<Key>,
    rows: BTreeMap<Key, Option<Value>>,
    /// What rows were before they were written, last change last; kept from the first savepoint on.
    journal: Option<Vec<(Key, Option<Option<Value>>)>>,
}

/// A state of a draft to which it can go back.
#[derive(Clone, Copy)]
pub(crate) struct Savepoint {
    changes: usize,
    expectations: usize,
    prefixes: usize,
}

impl<'a> Draft<'a> {
    /// Begins a call: draws the 32 bytes from which all of its randomness comes.
    pub(crate) fn new(ctx: Ctx<'a>) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        ctx.rng.fill_bytes(seed.as_mut());
        Draft {
            now: ctx.now,
            store: ctx.store,
            rng: ChaCha20Rng::from_seed(*seed),
            expectations: Vec::new(),
            prefixes: Vec::new(),
            rows: BTreeMap::new(),
            journal: None,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The call's generator, seeded by its one draw.
    pub(crate) fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.rng
    }

    /// A fresh seed for a part of the call that needs a generator of its own.
    pub(crate) fn seed(&mut self) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0; 32]);
        self.rng.fill_bytes(seed.as_mut());
        seed
    }

    /// The snapshot underneath, without this call's writes.
    pub(crate) fn snapshot(&self) -> &'a dyn Store {
        self.store
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        match self.rows.get(key) {
            Some(row) => Ok(row.clone()),
            None if self.erased(key) => Ok(None),
            None => self.store.get(key),
        }
    }

    /// As [`Store::scan`], with this call's writes.
    pub(crate) fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        let mut rows: BTreeMap<Key, Value> = BTreeMap::new();
        if !self.erased(prefix) {
            rows.extend(self.untouched(prefix, after, limit)?);
        }
        let own = self.rows.range(prefix.to_vec()..).take_while(|(k, _)| k.starts_with(prefix));
        let own = own.filter(|(k, _)| after.is_none_or(|a| k.as_slice() > a));
        rows.extend(own.filter_map(|(k, v)| Some((k.clone(), v.clone()?))));
        Ok(rows.into_iter().take(limit).collect())
    }

    /// The first `limit` stored rows, or more, that this call has neither written nor erased.
    fn untouched(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut after = after.map(<[u8]>::to_vec);
        let mut page = limit;
        while rows.len() < limit {
            let stored = self.store.scan(prefix, after.as_deref(), page)?;
            let last_page = stored.len() < page;
            after = stored.last().map(|(key, _)| key.clone());
            rows.extend(stored.into_iter().filter(|(k, _)| !self.rows.contains_key(k) && !self.erased(k)));
            if last_page {
                break;
            }
            // What was erased may be long: few pages, however small the limit.
            page = page.saturating_mul(2);
        }
        Ok(rows)
    }

    pub(crate) fn put(&mut self, key: Key, value: Value) {
        self.set(key, Some(value));
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.set(key, None);
    }

    pub(crate) fn delete_prefix(&mut self, prefix: Key) {
        let mut gone: Vec<_> =
            self.rows.extract_if(prefix.clone().., |key, _| key.starts_with(&prefix)).collect();
        if let Some(journal) = &mut self.journal {
            journal.extend(gone.drain(..).map(|(key, row)| (key, Some(row))));
        }
        self.prefixes.push(prefix);
    }

    /// Marks the present state, for a part of the call that may fail by itself.
    pub(crate) fn savepoint(&mut self) -> Savepoint {
        let changes = self.journal.get_or_insert_default().len();
        Savepoint { changes, expectations: self.expectations.len(), prefixes: self.prefixes.len() }
    }

    /// Undoes everything since `to`, but for the randomness that was used.
    pub(crate) fn go_back(&mut self, to: Savepoint) {
        let changes = self.journal.as_mut().map(|journal| journal.split_off(to.changes.min(journal.len())));
        for (key, row) in changes.unwrap_or_default().into_iter().rev() {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        self.expectations.truncate(to.expectations);
        self.prefixes.truncate(to.prefixes);
    }

    fn set(&mut self, key: Key, row: Option<Value>) {
        match &mut self.journal {
            Some(journal) => {
                let before = self.rows.insert(key.clone(), row);
                journal.push((key, before));
            }
            None => {
                self.rows.insert(key, row);
            }
        }
    }

    /// Takes over another batch's writes (the MLS storage makes one of its own).
    pub(crate) fn absorb(&mut self, batch: Batch) {
        let (expectations, writes) = batch.into_parts();
        self.expectations.extend(expectations);
        for write in writes {
            match write {
                Write::Put(key, value) => self.put(key, value),
                Write::Delete(key) => self.delete(key),
                Write::DeletePrefix(prefix) => self.delete_prefix(prefix),
            }
        }
    }

    /// Takes an aggregate's guard: the batch will expect the stamp that is stored now
    /// and write a fresh one. Gives (old, new); taking it twice in a call gives the first pair.
    pub(crate) fn guard(&mut self, key: Key) -> Result<Stamps> {
        let taken = self.expectations.iter().find(|(k, _)| *k == key).map(|(_, old)| old.clone());
        if let (Some(old), Some(Some(new))) = (taken, self.rows.get(&key)) {
            return Ok(Stamps { old, new: new.clone() });
        }
        let old = self.store.get(&key)?;
        let mut new = vec![0; 16];
        self.rng.fill_bytes(&mut new);
        self.expectations.push((key.clone(), old.clone()));
        self.put(key, new.clone());
        Ok(Stamps { old, new })
    }

    /// Takes the next number of a counter row, from 1. The first taking in a call makes the
    /// batch expect the number that was read, so that no two calls take the same one.
    pub(crate) fn next_number(&mut self, key: &[u8]) -> Result<u64> {
        let row = self.get(key)?;
        if !self.rows.contains_key(key) {
            self.expectations.push((key.to_vec(), row.clone()));
        }
        let last = match row {
            Some(row) => u64::from_be_bytes(row.try_into().map_err(|_| corrupt("counter"))?),
            None => 0,
        };
        let next = last.checked_add(1).ok_or(corrupt("counter"))?;
        self.put(key.to_vec(), next.to_be_bytes().to_vec());
        Ok(next)
    }

    /// The row must still be what this call has read.
    pub(crate) fn expect_unchanged(&mut self, key: Key) -> Result<()> {
        let value = self.store.get(&key)?;
        self.expectations.push((key, value));
        Ok(())
    }

    /// Whether what was written so far fits into one batch: for parts of a call that write
    /// much more than they read.
    ///
    /// # Errors
    /// [`Code::BatchTooLarge`].
    pub(crate) fn check_size(&self) -> Result<()> {
        let size =
            |(key, row): (&Key, &Option<Value>)| key.len().saturating_add(row.as_ref().map_or(0, Vec::len));
        let bytes: usize = self.rows.iter().map(size).chain(self.prefixes.iter().map(Vec::len)).sum();
        let rows = self.rows.len().saturating_add(self.prefixes.len());
        let fits = rows <= limits::BATCH_ROWS && bytes <= limits::BATCH_BYTES;
        ensure(fits, Code::BatchTooLarge, "batch")
    }

    /// Ends the call.
    ///
    /// # Errors
    /// [`Code::BatchTooLarge`] past the bounds of one batch.
    pub(crate) fn finish<T, O>(self, value: T) -> Result<Transition<T, O>> {
        self.check_size()?;
        let mut batch = Batch::default();
        self.expectations.into_iter().for_each(|(k, v)| batch.expect(k, v));
        self.prefixes.into_iter().for_each(|p| batch.delete_prefix(p));
        for (key, row) in self.rows {
            match row {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        Ok(Transition::new(batch, value))
    }

    fn erased(&self, key: &[u8]) -> bool {
        self.prefixes.iter().any(|p| key.starts_with(p))
    }
}

/// What a part of the call sees that wants a store of its own: the call's writes too.
impl Store for Draft<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        Draft::get(self, key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        Draft::scan(self, prefix, after, limit)
    }
}

/// A guard's stamp before and after the call. A cache made under `new` is good
/// exactly while the store still holds `new`.
pub(crate) struct Stamps {
    pub(crate) old: Option<Value>,
    pub(crate) new: Value,
}

/// A stored row that cannot be read is a failure of the store, never an absence.
pub(crate) fn corrupt(context: &'static str) -> Error {
    Error::new(Code::StoreCorrupt, context)
}

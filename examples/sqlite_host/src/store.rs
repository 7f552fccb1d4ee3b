//! verbund's two store traits on SQLite: a snapshot to read from, and batches that are
//! applied whole or not at all.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use verbund::{
    Error,
    code::Code,
    store::{Apply, ApplyError, Batch, Row, Store, Value, Write},
};

/// The app's database: one table for the engine, and whatever tables the app wants.
pub struct Database(pub Connection);

/// What one call of the engine reads: nothing changes under it.
pub struct Snapshot<'c>(pub Transaction<'c>);

impl Database {
    pub fn open() -> rusqlite::Result<Self> {
        let db = Connection::open_in_memory()?; // an app opens an encrypted file
        db.execute_batch(
            "CREATE TABLE engine (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE messages (seq INTEGER PRIMARY KEY, sender TEXT NOT NULL, body TEXT NOT NULL);",
        )?;
        Ok(Database(db))
    }

    pub fn snapshot(&self) -> rusqlite::Result<Snapshot<'_>> {
        self.0.unchecked_transaction().map(Snapshot)
    }

    /// Applies a batch, and in the same transaction what the app writes for itself.
    pub fn apply_with(
        &mut self,
        batch: &Batch,
        own: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), ApplyError<rusqlite::Error>> {
        let tx =
            self.0.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ApplyError::Store)?;
        for (key, expected) in batch.expectations() {
            if get(&tx, key).map_err(ApplyError::Store)? != *expected {
                return Err(ApplyError::Conflict); // dropping the transaction rolls it back
            }
        }
        let write = |write: &Write| match write {
            Write::Put(key, value) => tx.execute("REPLACE INTO engine VALUES (?1, ?2)", params![key, value]),
            Write::Delete(key) => tx.execute("DELETE FROM engine WHERE key = ?1", params![key]),
            Write::DeletePrefix(prefix) => match end_of(prefix) {
                Some(end) => {
                    tx.execute("DELETE FROM engine WHERE key >= ?1 AND key < ?2", params![prefix, end])
                }
                None => tx.execute("DELETE FROM engine WHERE key >= ?1", params![prefix]),
            },
        };
        let all = || -> rusqlite::Result<()> {
            batch.writes().iter().try_for_each(|one| write(one).map(|_| ()))?;
            own(&tx)
        };
        all().map_err(ApplyError::Store)?;
        tx.commit().map_err(ApplyError::Store)
    }
}

impl Apply for Database {
    type Error = rusqlite::Error;

    fn apply(&mut self, batch: &Batch) -> Result<(), ApplyError<rusqlite::Error>> {
        self.apply_with(batch, |_| Ok(()))
    }
}

impl Store for Snapshot<'_> {
    fn get(&self, key: &[u8]) -> verbund::error::Result<Option<Value>> {
        get(&self.0, key).map_err(|_| failed())
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> verbund::error::Result<Vec<Row>> {
        let (from, sign) = match after {
            Some(after) if after >= prefix => (after, ">"),
            _ => (prefix, ">="),
        };
        let sql = format!("SELECT key, value FROM engine WHERE key {sign} ?1 ORDER BY key LIMIT ?2");
        let read = || -> rusqlite::Result<Vec<Row>> {
            let mut rows = self.0.prepare_cached(&sql)?;
            let rows = rows.query_map(params![from, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
            })?;
            rows.take_while(|row| row.as_ref().is_ok_and(|(key, _)| key.starts_with(prefix)) || row.is_err())
                .collect()
        };
        read().map_err(|_| failed())
    }
}

fn get(db: &Connection, key: &[u8]) -> rusqlite::Result<Option<Value>> {
    let mut row = db.prepare_cached("SELECT value FROM engine WHERE key = ?1")?;
    row.query_row(params![key], |row| row.get(0)).optional()
}

/// The first key after all that begin with `prefix`.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

fn failed() -> Error {
    Error::new(Code::StoreFailed, "sqlite")
}

//! How much may be asked of this server in a time: token buckets, each one row.

use core::time::Duration;

use super::call::Call;
use crate::{
    code::Code,
    error::{Error, Result},
    store::{Key, corrupt},
    time::Timestamp,
};

/// A bucket of so many tokens, to which one is added after each `every`.
#[derive(Clone, Copy)]
pub(super) struct Quota {
    pub(super) at_once: u64,
    pub(super) every: Duration,
}

impl Quota {
    /// How long it takes until so many tokens have been added.
    fn filled_after(self, tokens: u64) -> Duration {
        let millis = u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis.saturating_mul(tokens))
    }

    /// When the bucket is full again that will be so at `full_at`, if `tokens` are taken now.
    fn take(self, full_at: Timestamp, tokens: u64, now: Timestamp) -> Result<Timestamp> {
        // A bucket that needs longer than from empty was written by a clock that was put back.
        let full_at = full_at.max(now).min(now.plus(self.filled_after(self.at_once)));
        let then = full_at.plus(self.filled_after(tokens));
        let earliest = then.minus(self.filled_after(self.at_once));
        if earliest <= now {
            Ok(then)
        } else {
            Err(Error::new(Code::Quota, "asked too often").after(earliest))
        }
    }
}

impl Call<'_, '_> {
    /// Takes tokens out of a bucket. Its row is when it will be full, from which time on it says
    /// nothing and goes: so there are no more rows than tokens that were taken lately. This is
    /// the virtual scheduling algorithm of ITU-T I.371, annex A.
    ///
    /// # Errors
    /// [`Code::Quota`] with the time when there will be as many; then none is taken.
    pub(super) fn take(&mut self, key: Key, quota: Quota, tokens: u64) -> Result<()> {
        let row = self.draft.get(&key)?;
        let full_at = row.as_ref().map_or(Ok(Timestamp::ZERO), |row| read(row))?;
        let full_at = quota.take(full_at, tokens, self.now())?;
        self.draft.expect_unchanged(key.clone())?;
        if row.is_none() {
            self.empty_later(full_at, &key);
        }
        self.draft.put(key, full_at.as_millis().to_be_bytes().to_vec());
        Ok(())
    }

    /// Deletes the row of a bucket that is full, or looks at it later.
    pub(super) fn forget_full(&mut self, key: &Key) -> Result<()> {
        let Some(row) = self.draft.get(key)? else { return Ok(()) };
        let full_at = read(&row)?;
        self.draft.expect_unchanged(key.clone())?;
        if full_at <= self.now() {
            self.draft.delete(key.clone());
        } else {
            self.empty_later(full_at, key);
        }
        Ok(())
    }
}

fn read(row: &[u8]) -> Result<Timestamp> {
    let millis = row.try_into().map_err(|_| corrupt("quota"))?;
    Ok(Timestamp::from_millis(u64::from_be_bytes(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { at_once: 10, every: Duration::from_secs(1) };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000 * seconds)
    }

    fn refused(full_at: Timestamp, tokens: u64, now: Timestamp) -> Option<Timestamp> {
        let error = QUOTA.take(full_at, tokens, now).unwrap_err();
        assert_eq!(error.code(), Code::Quota);
        error.retry_at()
    }

    #[test]
    fn as_much_at_once_as_there_is_and_then_as_it_comes() {
        let full_at = QUOTA.take(Timestamp::ZERO, 10, at(100)).unwrap();
        assert_eq!(full_at, at(110));
        assert_eq!(refused(full_at, 1, at(100)), Some(at(101)));
        assert_eq!(refused(full_at, 4, at(101)), Some(at(104)));
        // At the time that was told it is there, and a moment before it is not.
        let moment = Timestamp::from_millis(at(104).as_millis() - 1);
        assert_eq!(refused(full_at, 4, moment), Some(at(104)));
        assert_eq!(QUOTA.take(full_at, 4, at(104)).unwrap(), at(114));
        // It never holds more than it can.
        assert_eq!(refused(full_at, 11, at(1_000)), Some(at(1_001)));
        assert!(QUOTA.take(full_at, 10, at(1_000)).is_ok());
    }

    #[test]
    fn a_clock_that_was_put_back_locks_nobody_out_for_long() {
        assert_eq!(refused(at(5_000), 1, at(100)), Some(at(101)));
        assert_eq!(
            QUOTA.take(Timestamp::from_millis(u64::MAX), 1, at(100)).unwrap_err().retry_at(),
            Some(at(101))
        );
    }
}

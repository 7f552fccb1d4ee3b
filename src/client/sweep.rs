//! What is kept for a while only: receipts, places of departure, private keys of key packages.
//! Once a day all of it is looked through, a part with each call that time brings.

use core::time::Duration;

use super::{
    call::Call,
    keys,
    outbox::id16,
    packages::USABLE,
    rows::{self, DepartedRow, ExpiringRow, ReceiptRow, SweepRow},
};
use crate::{
    error::Result,
    ids::{RequestId, RoomId},
    limits,
    store::{Key, Row, corrupt},
    time::Timestamp,
};

/// How often all of it is looked through.
const EVERY: Duration = Duration::from_secs(86_400);
/// Rows looked at in one call.
const PART: usize = 512;

/// What is looked through, in this order.
#[derive(Clone, Copy)]
enum Table {
    Packages,
    Departures,
    Receipts,
}

impl Table {
    const ALL: [Table; 3] = [Table::Packages, Table::Departures, Table::Receipts];

    fn prefix(self) -> Key {
        match self {
            Table::Packages => keys::expiring_packages(),
            Table::Departures => keys::departures(),
            Table::Receipts => keys::receipts(),
        }
    }
}

impl Call<'_, '_> {
    /// Looks a part through, if it is time.
    pub(super) fn sweep(&mut self) -> Result<()> {
        let row: Option<SweepRow> = rows::read(&self.draft, &keys::sweep(), "sweep")?;
        let mut at = row.unwrap_or_default();
        if !self.passed(at.due) && at.due <= self.now().plus(EVERY).as_millis() {
            return Ok(());
        }
        let mut left = PART;
        for (number, table) in (0_u32..).zip(Table::ALL).skip_while(|(number, _)| *number < at.table) {
            let prefix = table.prefix();
            let after = (at.table == number && !at.after.is_empty()).then_some(at.after.as_slice());
            let part = self.draft.scan(&prefix, after, left)?;
            for row in &part {
                match table {
                    Table::Packages => self.forget_keys(&prefix, row)?,
                    Table::Departures => self.forget_departure(row)?,
                    Table::Receipts => self.forget_receipt(&prefix, row)?,
                }
            }
            left = left.saturating_sub(part.len());
            if let Some((last, _)) = part.last().filter(|_| left == 0) {
                (at.table, at.after) = (number, last.clone());
                rows::write(&mut self.draft, keys::sweep(), &at);
                return Ok(());
            }
        }
        let due = self.now().plus(EVERY).as_millis();
        rows::write(&mut self.draft, keys::sweep(), &SweepRow { due, ..SweepRow::default() });
        Ok(())
    }

    /// Private keys of key packages with which nobody can invite any more.
    fn forget_keys(&mut self, prefix: &[u8], (key, row): &Row) -> Result<()> {
        let over = key.get(prefix.len()..).and_then(|rest| rest.first_chunk());
        let over = u64::from_be_bytes(*over.ok_or(corrupt("key package key"))?);
        if self.passed(over) {
            let row: ExpiringRow = rows::parse(row, "key packages")?;
            row.keys.into_iter().for_each(|key| self.draft.delete(key));
            self.draft.delete(key.clone());
        }
        Ok(())
    }

    /// The place of a departure, once the keys are gone that invitations from before could use.
    fn forget_departure(&mut self, (key, row): &Row) -> Result<()> {
        let row: DepartedRow = rows::parse(row, "departure")?;
        if Timestamp::from_millis(row.at).plus(USABLE) <= self.now() {
            self.draft.delete(key.clone());
        }
        Ok(())
    }

    /// What a request became, once it is long done.
    fn forget_receipt(&mut self, prefix: &[u8], (key, row): &Row) -> Result<()> {
        let row: ReceiptRow = rows::parse(row, "receipt")?;
        if Timestamp::from_millis(row.at).plus(limits::RECEIPT_KEPT) > self.now() {
            return Ok(());
        }
        let request = RequestId::from_bytes(id16(key.get(prefix.len()..).unwrap_or_default())?);
        let under_way = match row.item {
            0 => self.draft.get(&keys::fetch(&request))?.is_some() || self.looking_up(&request)?.is_some(),
            item => self.item(&RoomId::from_slice(&row.room)?, item)?.is_some(),
        };
        if !under_way {
            self.draft.delete(key.clone());
        }
        Ok(())
    }
}

//! Records of who was given the device's key packages (SPEC "Records"). The own server says so;
//! that it is so, the claim's own signature says.

use std::collections::BTreeSet;

use super::{
    Event,
    call::Call,
    keys,
    rows::{self, RecordRow},
};
use crate::{
    code::{Code, Kind},
    crypto::verify,
    error::{Error, Result, ensure},
    ids::{Device, DeviceId, Hash, RoomId, UserId},
    limits,
    store::{Row, Store, corrupt},
    time::Timestamp,
    wire::device::{ClaimRecord, RequestBody},
};

/// A key package that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// To whom: the device that signed the claim for it.
    pub by: Device,
    /// When, by the own server's clock.
    pub at: Timestamp,
    /// Which: its KeyPackageRef (RFC 9420, section 5.2).
    pub package: Hash,
}

/// What tells a claim from others: user and device that made it, its id and its time. Two devices may
/// give two claims one id, and one device may give it again when the first is forgotten (V-586); their
/// servers are not to blame for it.
type Claim = (String, Vec<u8>, Vec<u8>, u64);

fn claim_of(row: &RecordRow) -> Claim {
    (row.user.clone(), row.device.clone(), row.claim.clone(), row.claimed_at)
}

impl Call<'_, '_> {
    /// Takes over what the own server says of key packages that it gave out. One record that
    /// does not hold is as good as none: whoever uses its key package is told of (SPEC V-590).
    pub(super) fn take_records(&mut self, records: Vec<ClaimRecord>) -> Result<bool> {
        let Some(first) = records.first() else { return Ok(false) };
        let mut last = self.records_read()?;
        if first.number > last.saturating_add(1) {
            return Ok(false); // some are missing; they come with the next delivery, or never
        }
        self.draft.expect_unchanged(keys::records_read())?;
        let mut known = BTreeSet::new();
        for (_, row) in self.draft.scan(&keys::records(), None, limits::CLAIMS_KNOWN)? {
            known.insert(claim_of(&rows::parse(&row, "record")?));
        }
        for record in records {
            if record.number != last.saturating_add(1) {
                continue;
            }
            last = record.number;
            match self.check_record(&record, &known) {
                Ok(row) => {
                    known.insert(claim_of(&row));
                    rows::write(&mut self.draft, keys::record(last), &row);
                    if let Some(old) = last.checked_sub(limits::CLAIMS_KNOWN as u64) {
                        self.draft.delete(keys::record(old));
                    }
                }
                Err(error) if error.fails_the_call() => return Err(error),
                Err(error) if error.kind() == Kind::Refused => {} // it cannot be judged here
                Err(_) if self.daily(b"c", "")? => self.event(&Event::BadRecord { number: last })?,
                Err(_) => {}
            }
        }
        self.draft.put(keys::records_read(), last.to_be_bytes().to_vec());
        Ok(true)
    }

    /// SPEC V-590.
    fn check_record(&self, record: &ClaimRecord, known: &BTreeSet<Claim>) -> Result<RecordRow> {
        let bad = |what| Error::new(Code::BadRecord, what);
        let request = record.request.claimed().clone();
        let RequestBody::Claim(claim) = &request.body else { return Err(bad("not a claim")) };
        ensure(claim.users.contains(&self.account.device.user), Code::BadRecord, "of other users")?;
        let apart = record.at.since(claim.at).max(claim.at.since(record.at));
        ensure(apart <= limits::CLAIM_KEPT, Code::BadRecord, "time")?;
        let certified = self.directory.certified_at(&self.draft, &record.certificate, record.at)?;
        ensure(*certified.device() == request.device, Code::BadRecord, "another device's certificate")?;
        verify((*record.request).clone(), certified.key())?;
        let row = RecordRow {
            package: record.package.as_bytes().to_vec(),
            claim: request.request_id.as_bytes().to_vec(),
            user: request.device.user.to_string(),
            device: request.device.id.as_bytes().to_vec(),
            at: record.at.as_millis(),
            claimed_at: claim.at.as_millis(),
        };
        ensure(!known.contains(&claim_of(&row)), Code::BadRecord, "given twice")?;
        Ok(row)
    }

    /// The last record that was taken over.
    pub(super) fn records_read(&self) -> Result<u64> {
        let row = self.draft.get(&keys::records_read())?;
        row.map_or(Ok(0), |row| row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt("records")))
    }

    /// Tells the app if the key package of an invitation was, by the records, not given to
    /// whoever made the invitation (SPEC V-591).
    pub(super) fn check_claimed(&mut self, room: RoomId, package: &Hash, by: &Device) -> Result<()> {
        let mut others = Vec::new();
        for claimed in claims(&self.draft)? {
            if claimed.package == *package {
                if claimed.by == *by {
                    return Ok(());
                }
                others.push(claimed.by);
            }
        }
        self.event(&Event::ClaimUnrecorded { room, by: by.clone(), recorded: others })
    }
}

/// The last records that held, oldest first.
pub(super) fn claims(store: &dyn Store) -> Result<Vec<Claimed>> {
    let one = |(_, row): &Row| {
        let row: RecordRow = rows::parse(row, "record")?;
        let by = Device { user: UserId::parse(&row.user)?, id: DeviceId::from_slice(&row.device)? };
        Ok(Claimed { by, at: Timestamp::from_millis(row.at), package: Hash::from_slice(&row.package)? })
    };
    store.scan(&keys::records(), None, limits::CLAIMS_KNOWN)?.iter().map(one).collect()
}

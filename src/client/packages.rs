//! Key packages: made, offered to the own server, and their private keys forgotten when nobody
//! can make use of them any more.

use bytes::Bytes;
use core::time::Duration;

use super::{
    Output,
    call::Call,
    keys,
    rows::{self, ExpiringRow, PublishRow},
};
use crate::{
    crypto::mls::MlsSigner,
    error::Result,
    ids::RequestId,
    limits, room,
    store::corrupt,
    time::Timestamp,
    wire::device::{Publish, RequestBody},
};

/// How long a key package may be claimed after it was made.
const FRESH: Duration = Duration::from_secs(90 * 86_400);
/// After how long a new last resort is made, so that there always is one.
const RENEWED: Duration = Duration::from_secs(60 * 86_400);
/// When to offer a last resort again that the server did not take.
const AGAIN: Duration = Duration::from_secs(86_400);
/// One-time key packages made at one time.
const BATCH: usize = 20;

/// How long after a key package was made an invitation can come that was made with it.
pub(super) const USABLE: Duration = FRESH.saturating_add(limits::INVITATION_KEPT);

impl Call<'_, '_> {
    /// Makes what a new device offers.
    pub(super) fn offer_first_packages(&mut self) -> Result<()> {
        self.publish(BATCH, true)
    }

    /// Makes key packages if few are left.
    pub(super) fn restock(&mut self, left: u32) -> Result<()> {
        let low = usize::try_from(left).is_ok_and(|left| left < limits::KEY_PACKAGES_LOW);
        if !low || self.draft.get(&keys::publishing())?.is_some() {
            return Ok(()); // or some are on their way
        }
        // Whoever claims and never invites must not fill the store; the last resort remains.
        let held = self.draft.scan(&keys::device_mls(), None, limits::KEY_PACKAGES_HELD)?;
        if held.len() < limits::KEY_PACKAGES_HELD { self.publish(BATCH, false) } else { Ok(()) }
    }

    /// The server has answered an offer of key packages, one way or the other.
    pub(super) fn published(&mut self, request: &RequestId, taken: bool) -> Result<()> {
        let row: Option<PublishRow> = rows::read(&self.draft, &keys::publishing(), "key packages")?;
        let Some(row) = row.filter(|row| row.request_id == request.as_bytes()) else { return Ok(()) };
        self.draft.delete(keys::publishing());
        if !taken && row.last_resort {
            self.renew_last_resort(self.now().plus(AGAIN));
        }
        Ok(())
    }

    /// Offers key packages again whose offer was not answered, and a new last resort in time.
    pub(super) fn remind_publishing(&mut self, all: bool) -> Result<()> {
        let row: Option<PublishRow> = rows::read(&self.draft, &keys::publishing(), "key packages")?;
        let Some(mut row) = row else { return self.offer_last_resort() };
        if !self.due(all, row.due) {
            self.wake(Timestamp::from_millis(row.due));
            return Ok(());
        }
        self.draft.expect_unchanged(keys::publishing())?;
        row.attempts = row.attempts.saturating_add(1);
        row.due = self.retry_at(row.attempts).as_millis();
        rows::write(&mut self.draft, keys::publishing(), &row);
        self.output(Output::send(Bytes::from(row.request)));
        Ok(())
    }

    fn offer_last_resort(&mut self) -> Result<()> {
        let Some(row) = self.draft.get(&keys::last_resort())? else { return Ok(()) };
        let due = u64::from_be_bytes(row.try_into().map_err(|_| corrupt("last resort"))?);
        let furthest = self.now().plus(RENEWED).as_millis();
        if !self.passed(due) && due <= furthest {
            self.wake(Timestamp::from_millis(due));
            return Ok(());
        }
        self.draft.expect_unchanged(keys::last_resort())?;
        self.publish(0, true)
    }

    fn renew_last_resort(&mut self, at: Timestamp) {
        self.draft.put(keys::last_resort(), at.as_millis().to_be_bytes().to_vec());
    }

    /// Makes key packages and offers them. Their private keys are stored with this call.
    fn publish(&mut self, one_time: usize, last_resort: bool) -> Result<()> {
        let account = self.account.clone();
        let until = self.now().plus(FRESH);
        let backend = self.device_backend();
        let one = |last| {
            let credential = room::credential(&account.certificate, account.key.verify_key().as_bytes());
            let made = room::create_key_package(
                &backend.provider(),
                &MlsSigner(&account.key),
                credential,
                until,
                last,
            );
            backend.check(made)
        };
        let packages = (0..one_time).map(|_| one(false)).collect::<Result<_>>()?;
        let last = last_resort.then(|| one(true)).transpose()?;
        let keys = backend.close(&mut self.draft)?;
        let request_id = self.random_id();
        let over = self.now().plus(USABLE).as_millis();
        rows::write(&mut self.draft, keys::expiring(over, request_id.as_bytes()), &ExpiringRow { keys });
        if last_resort {
            self.renew_last_resort(self.now().plus(RENEWED));
        }
        let publish = Publish { packages, last_resort: last };
        let request = self.request(request_id, RequestBody::Publish(publish));
        let row = PublishRow {
            request_id: request_id.as_bytes().to_vec(),
            request: request.to_vec(),
            due: self.retry_at(0).as_millis(),
            attempts: 0,
            last_resort,
        };
        rows::write(&mut self.draft, keys::publishing(), &row);
        self.output(Output::send(request));
        Ok(())
    }
}

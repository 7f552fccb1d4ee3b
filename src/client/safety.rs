//! Whom the user has made sure of (SPEC "Safety numbers").

use bytes::Bytes;

use super::{Client, Event, Receipt, call::Call, enrol, keys};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::{Directory, SafetyNumber},
    ids::{Hash, UserId},
    limits,
    store::{Row, Store, corrupt},
};

impl Client {
    /// The safety number of this device's user and another one: to be shown, read out, or
    /// scanned. It changes only if one of the two begins anew.
    ///
    /// # Errors
    /// [`Code::MissingEvidence`] while nothing is known of the user: they share no room with the
    /// device; [`Code::BadArgument`] for the own user; [`Code::NotReady`] before enrolment.
    pub fn safety_number(&self, store: &dyn Store, user: &UserId) -> Result<SafetyNumber> {
        number(store, user)
    }

    /// Whether the user has compared this number as it is now
    /// ([`Command::MarkVerified`](super::Command::MarkVerified)).
    ///
    /// # Errors
    /// Failures of the store.
    pub fn is_verified(&self, store: &dyn Store, user: &UserId) -> Result<bool> {
        let Some(row) = store.get(&keys::verified(user))? else { return Ok(false) };
        match number(store, user) {
            Ok(number) => Ok(number.is_row(&row)),
            // Another device of the user has compared it; this one has not met them yet.
            Err(error) if error.code() == Code::MissingEvidence => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// All numbers that were compared.
pub(super) fn all_verified(store: &dyn Store) -> Result<Vec<(UserId, Bytes)>> {
    let prefix = keys::all_verified();
    let one = |(key, row): Row| {
        // The table, the length of the name in two bytes, the name.
        let name = key.get(prefix.len().saturating_add(2)..).and_then(|name| core::str::from_utf8(name).ok());
        Ok((UserId::parse(name.ok_or(corrupt("verified"))?)?, Bytes::from(row)))
    };
    store.scan(&prefix, None, limits::SYNC_ROOMS)?.into_iter().map(one).collect()
}

fn number(store: &dyn Store, user: &UserId) -> Result<SafetyNumber> {
    let own = enrol::device(store)?.user;
    let mine =
        Directory.identity(store, &own)?.ok_or(Error::new(Code::NotReady, "device is not enrolled"))?;
    let other = Directory.identity(store, user)?.ok_or(Error::new(Code::MissingEvidence, "user chain"))?;
    SafetyNumber::of_identities((&own, &mine), (user, &other))
}

impl Call<'_, '_> {
    /// The user has compared a number: good only as long as it is still the number.
    pub(super) fn mark_verified(&mut self, user: &UserId, compared: &SafetyNumber) -> Result<Receipt> {
        let now = number(&self.draft, user)?;
        ensure(now == *compared, Code::SafetyNumberDiffers, "the identity has changed meanwhile")?;
        self.draft.put(keys::verified(user), now.to_row());
        Ok(Receipt::default())
    }

    pub(super) fn unmark_verified(&mut self, user: &UserId) -> Result<Receipt> {
        self.draft.delete(keys::verified(user));
        Ok(Receipt::default())
    }

    /// A user has another identity from now on: ends what was verified, and tells (SPEC V-283).
    pub(super) fn identity_changed(&mut self, user: UserId, before: Hash, now: Hash) -> Result<()> {
        let verified = self.draft.get(&keys::verified(&user))?.is_some();
        self.draft.delete(keys::verified(&user));
        if user == self.account.device.user {
            self.draft.delete_prefix(keys::all_verified());
        }
        self.event(&Event::IdentityChanged { user, before, now, verified })
    }
}

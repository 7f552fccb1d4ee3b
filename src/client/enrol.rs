//! Becoming a device of a user (SPEC "Enrolment"). The signature key is made here and never
//! leaves the store; what goes to the agency's registrar is a request, what comes back an
//! enrolment.

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{
    Client, Event, Output,
    call::Call,
    chains, keys,
    outbox::id16,
    rows::{self, AccountRow, AwaitedRow},
};
use crate::{
    code::{Code, Kind},
    crypto::SigningKey,
    error::{Error, Result, ensure},
    identity::{Enrolment, Federation, NewDevice, RecoveryKey, UserKind},
    ids::{Device, DeviceId, RequestId, UserId},
    store::{Ctx, Draft, Store, Transition, corrupt},
    time::Timestamp,
    wire::device::{Enrol, RequestBody},
};

impl Client {
    /// Makes a device of `user` and its key.
    ///
    /// # Errors
    /// [`Code::BadArgument`] if the store holds a device already.
    pub fn begin(&mut self, ctx: Ctx<'_>, user: UserId) -> Result<Transition<Device, Output>> {
        let mut draft = Draft::new(ctx);
        let made = make(&mut draft, user)?;
        draft.finish(made.device().clone())
    }

    /// The request with which this device founds its user, for the agency's registrar. The
    /// private halves of `recovery` are kept away from every device and server.
    ///
    /// # Errors
    /// [`Code::NotReady`] before [`Client::begin`]; [`Code::BadArgument`] for recovery keys that do
    /// not suit `kind`.
    pub fn found(
        &self,
        store: &dyn Store,
        kind: UserKind,
        recovery: Vec<RecoveryKey>,
        now: Timestamp,
    ) -> Result<Vec<u8>> {
        stored(store)?.found(kind, recovery, now)
    }

    /// The offer to become a further device of its user: for another device of the user to
    /// [`Client::endorse`], which reads it off the screen.
    ///
    /// # Errors
    /// [`Code::NotReady`] before [`Client::begin`].
    pub fn offer(&self, store: &dyn Store, now: Timestamp) -> Result<Vec<u8>> {
        Ok(stored(store)?.offer(now))
    }

    /// Endorses the offer of a further device of the same user. Gives the request for the
    /// agency's registrar.
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment, and whatever is wrong with the offer.
    pub fn endorse(&self, ctx: Ctx<'_>, offer: &[u8]) -> Result<Vec<u8>> {
        let (chain, device, now) = chains::own(ctx)?;
        chain.endorse(offer, device.key(), now)
    }

    /// Takes the registrar's enrolment over and makes the device known to its server. If that
    /// does not take it, [`Event::Failed`] says why: with a code of [`Kind::Refused`] it is
    /// asked again later, after any other the device needs another enrolment.
    ///
    /// # Errors
    /// Whatever is wrong with the enrolment, seen from `federation`;
    /// [`Code::CertificateMismatch`] if it is for another device.
    pub fn enrol(
        &mut self,
        ctx: Ctx<'_>,
        federation: &Federation,
        enrolment: &[u8],
    ) -> Result<Transition<(), Output>> {
        let mut call = Call::begin(ctx, &mut self.cache)?;
        if call.account.certificate.is_empty() {
            call.directory.install(&mut call.draft, federation)?;
        }
        let enrolled =
            call.directory.accept_enrolment(&mut call.draft, &Bytes::copy_from_slice(enrolment))?;
        let ours =
            *enrolled.device() == call.account.device && *enrolled.key() == call.account.key.verify_key();
        ensure(ours, Code::CertificateMismatch, "enrolment of another device")?;
        call.check_linked(&enrolled)?;
        let certificate = Enrolment::from_bytes(enrolment)?.certificate().to_vec();
        if !call.account.row.enrol.is_empty() {
            // In the place of one that the server has not answered.
            call.no_longer_awaited(&id16(&call.account.row.enrol)?);
        }
        call.change_account(|row| row.certificate = certificate)?;
        call.begin_enrolment()?;
        call.finish(())
    }
}

impl Call<'_, '_> {
    /// Makes the device known to its server: from the first time on, or because the server says that it knows it no
    /// more (SPEC V-569).
    pub(super) fn begin_enrolment(&mut self) -> Result<()> {
        let id = self.random_id();
        let due = self.retry_at(0).as_millis();
        self.change_account(|row| {
            row.enrol = id.as_bytes().to_vec();
            row.enrolled = false;
            (row.enrol_due, row.enrol_attempts, row.enrol_refused) = (due, 0, 0);
        })?;
        self.await_answer(id.as_bytes(), &AwaitedRow::default());
        self.send_enrolment(id)
    }

    fn send_enrolment(&mut self, id: RequestId) -> Result<()> {
        let chain = self.directory.chain_bytes(&self.draft, &self.account.device.user)?;
        let certificate = self.account.certificate.clone();
        self.ask(id, RequestBody::Enrol(Enrol { certificate, chain }));
        Ok(())
    }

    /// Makes the device known, as long as the server has not said yes or no for good.
    pub(super) fn remind_enrolment(&mut self, all: bool) -> Result<()> {
        let row = &self.account.row;
        if row.enrolled || row.enrol.is_empty() {
            return Ok(());
        }
        let (due, attempts) = (row.enrol_due, row.enrol_attempts.saturating_add(1));
        if !self.due(all, due) {
            self.wake(Timestamp::from_millis(due));
            return Ok(());
        }
        let id = RequestId::from_slice(&row.enrol)?;
        let due = self.retry_at(attempts).as_millis();
        self.change_account(|row| (row.enrol_due, row.enrol_attempts) = (due, attempts))?;
        self.send_enrolment(id)
    }

    /// The server does not take the device: told once for each reason. What it finds wrong
    /// with the enrolment stays wrong; what it does not know or permit may change.
    pub(super) fn enrolment_refused(&mut self, request: RequestId, why: &Error) -> Result<()> {
        let code = why.code();
        let number = u32::from(code.number());
        let may_change = code.kind() == Kind::Refused;
        if !may_change {
            self.no_longer_awaited(request.as_bytes());
        }
        if may_change && self.account.row.enrol_refused == number {
            return Ok(());
        }
        self.change_account(|row| {
            row.enrol_refused = number;
            if !may_change {
                row.enrol.clear();
            }
        })?;
        self.event(&Event::failed(request, why))
    }
}

/// Makes a device in an empty store.
pub(super) fn make(draft: &mut Draft<'_>, user: UserId) -> Result<NewDevice> {
    ensure(draft.get(&keys::account())?.is_none(), Code::BadArgument, "the store holds a device")?;
    draft.expect_unchanged(keys::account())?;
    let made = NewDevice::generate(user, draft.rng());
    let row = AccountRow {
        user: made.device().user.to_string(),
        device: made.device().id.as_bytes().to_vec(),
        seed: made.key().seed().to_vec(),
        ..AccountRow::default()
    };
    rows::write(draft, keys::account(), &row);
    Ok(made)
}

/// The device that a store holds, if it is not enrolled yet.
pub(super) fn unenrolled(store: &dyn Store) -> Result<Option<NewDevice>> {
    let Some(row) = store.get(&keys::account())? else { return Ok(None) };
    let row: AccountRow = rows::parse(&row, "account")?;
    ensure(row.certificate.is_empty(), Code::BadArgument, "device is enrolled")?;
    stored(store).map(Some)
}

/// Which device a store holds.
pub(super) fn device(store: &dyn Store) -> Result<Device> {
    stored(store).map(|device| device.device().clone())
}

/// The device that a store holds, with its key.
pub(super) fn stored(store: &dyn Store) -> Result<NewDevice> {
    let row = store.get(&keys::account())?.ok_or(Error::new(Code::NotReady, "no device"))?;
    let row: AccountRow = rows::parse(&row, "account")?;
    let seed: [u8; 32] = row.seed.as_slice().try_into().map_err(|_| corrupt("account"))?;
    let device = Device { user: UserId::parse(&row.user)?, id: DeviceId::from_slice(&row.device)? };
    Ok(NewDevice::from_parts(device, SigningKey::from_seed(&Zeroizing::new(seed))))
}

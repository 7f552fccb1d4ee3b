//! One call of the engine: its draft, the device's account, and what it gives out.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{
    Event, Output, event_row, keys,
    rows::{self, AccountRow, AwaitedRow},
    session::CachedRoom,
};
use crate::{
    attachment::ChunkRef,
    code::Code,
    crypto::{self, Held, SigningKey},
    error::{Error, Result, ensure},
    identity::Directory,
    ids::{Device, DeviceId, RequestId, RoomId, SubmissionId, UserId},
    limits,
    store::{Ctx, Draft, Transition, corrupt},
    time::Timestamp,
    wire::{
        self,
        device::{DeviceMessage, DeviceRequest, LastSubmission, RequestBody},
        log::Submission,
    },
};

/// How many rooms stay in memory between calls.
const CACHED_ROOMS: usize = 64;

/// What the engine keeps in memory between calls; the store is the truth.
#[derive(Default)]
pub(super) struct Cache {
    account: Option<(Vec<u8>, Arc<Account>)>,
    /// The last request to a mailbox, which is worth nothing after a restart.
    pub(super) mailbox: Option<RequestId>,
    pub(super) rooms: BTreeMap<RoomId, CachedRoom>,
    /// Signatures of those who are being invited: each is met several times.
    pub(super) held: Arc<Held>,
}

/// The device, ready to sign.
pub(super) struct Account {
    pub(super) device: Device,
    pub(super) key: SigningKey,
    pub(super) certificate: Bytes,
    pub(super) row: AccountRow,
}

/// A call in the making.
pub(super) struct Call<'a, 'c> {
    pub(super) draft: Draft<'a>,
    pub(super) account: Arc<Account>,
    pub(super) cache: &'c mut Cache,
    pub(super) directory: Directory,
    /// The chunk that came beside a reply and is to be kept.
    pub(super) keep: Option<ChunkRef>,
    outputs: Vec<Output>,
    wake: Option<Timestamp>,
    /// Rooms of which the app hears nothing.
    hushed: BTreeSet<RoomId>,
}

impl Account {
    fn of(row: AccountRow) -> Result<Self> {
        let seed: [u8; 32] = row.seed.as_slice().try_into().map_err(|_| corrupt("account"))?;
        let device = Device { user: UserId::parse(&row.user)?, id: DeviceId::from_slice(&row.device)? };
        let key = SigningKey::from_seed(&Zeroizing::new(seed));
        Ok(Account { device, key, certificate: row.certificate.clone().into(), row })
    }
}

impl<'a, 'c> Call<'a, 'c> {
    /// Begins a call of a device that has been set up.
    pub(super) fn begin(ctx: Ctx<'a>, cache: &'c mut Cache) -> Result<Self> {
        Self::with_draft(Draft::new(ctx), cache)
    }

    pub(super) fn with_draft(draft: Draft<'a>, cache: &'c mut Cache) -> Result<Self> {
        let row = draft.get(&keys::account())?.ok_or(Error::new(Code::NotReady, "no device"))?;
        let account = match &cache.account {
            Some((known, account)) if *known == row => account.clone(),
            _ => {
                let account = Arc::new(Account::of(rows::parse(&row, "account")?)?);
                cache.account = Some((row, account.clone()));
                account
            }
        };
        Ok(Call {
            draft,
            account,
            cache,
            directory: Directory,
            keep: None,
            outputs: Vec::new(),
            wake: None,
            hushed: BTreeSet::new(),
        })
    }

    /// Begins a call that may send: not after a rollback, not before enrolment.
    pub(super) fn ready(ctx: Ctx<'a>, cache: &'c mut Cache) -> Result<Self> {
        let call = Self::begin(ctx, cache)?;
        ensure(!call.account.certificate.is_empty(), Code::NotReady, "device is not enrolled")?;
        ensure(!call.account.row.halted, Code::StoreRolledBack, "device")?;
        Ok(call)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.draft.now()
    }

    /// Ends the call.
    pub(super) fn finish<T>(self, value: T) -> Result<Transition<T, Output>> {
        // Not sooner: a room that was opened stays the only copy of what the call did to it.
        while self.cache.rooms.len() > CACHED_ROOMS {
            self.cache.rooms.pop_first();
        }
        Ok(self.draft.finish(value)?.with_outputs(self.outputs).with_wake(self.wake))
    }

    /// Changes the device's account.
    pub(super) fn change_account(&mut self, change: impl FnOnce(&mut AccountRow)) -> Result<()> {
        self.draft.expect_unchanged(keys::account())?;
        let mut row = self.account.row.clone();
        change(&mut row);
        rows::write(&mut self.draft, keys::account(), &row);
        self.account = Arc::new(Account::of(row)?);
        Ok(())
    }

    /// Tells the app, and keeps telling until it acknowledges.
    pub(super) fn event(&mut self, event: &Event) -> Result<()> {
        let row = event_row::encode(event);
        if !self.hushed.is_empty() && event_row::room(&row)?.is_some_and(|room| self.hushed.contains(&room)) {
            return Ok(());
        }
        let number = self.draft.next_number(&keys::event_counter())?;
        self.draft.put(keys::event(number), row);
        if !self.outputs.contains(&Output::Events) {
            self.outputs.push(Output::Events);
        }
        Ok(())
    }

    /// Says whether the app hears of a room.
    pub(super) fn hush(&mut self, room: &RoomId, hushed: bool) {
        if hushed {
            self.hushed.insert(*room);
        } else {
            self.hushed.remove(room);
        }
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// Asks to be called by `at`.
    pub(super) fn wake(&mut self, at: Timestamp) {
        if at == Timestamp::from_millis(u64::MAX) {
            return; // something else will say when
        }
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    /// A random id.
    pub(super) fn random_id(&mut self) -> RequestId {
        RequestId::random(self.draft.rng())
    }

    /// Signs a request to the own server.
    pub(super) fn request(&self, request_id: RequestId, body: RequestBody) -> Bytes {
        let device = self.account.device.clone();
        let agency = device.user.agency().clone();
        let request = DeviceRequest { device, agency, request_id, body };
        let signed = crypto::sign(request, &[&self.account.key]);
        wire::encode(&DeviceMessage::Request(Box::new(signed.into_signed())))
    }

    /// Signs a request to the own server and gives it out.
    pub(super) fn ask(&mut self, request_id: RequestId, body: RequestBody) {
        let bytes = self.request(request_id, body);
        self.output(Output::send(bytes));
    }

    /// The message that carries a submission.
    pub(super) fn submission(submission: Submission) -> Bytes {
        wire::encode(&DeviceMessage::Submission(Box::new(submission)))
    }

    /// The number of a submission, by which a rolled-back store is found out.
    pub(super) fn count_submission(&mut self, id: SubmissionId) -> Result<u64> {
        let counter = self.draft.next_number(&keys::submissions())?;
        self.draft.put(keys::submitted(), id.as_bytes().to_vec());
        Ok(counter)
    }

    /// The last submission.
    pub(super) fn submitted(&self) -> Result<Option<LastSubmission>> {
        let Some(counter) = self.draft.get(&keys::submissions())? else { return Ok(None) };
        let counter = u64::from_be_bytes(counter.try_into().map_err(|_| corrupt("counter"))?);
        let id = self.draft.get(&keys::submitted())?.ok_or(corrupt("last submission"))?;
        Ok(Some(LastSubmission { counter, id: SubmissionId::from_slice(&id)? }))
    }

    /// Remembers what an id on the wire belongs to.
    pub(super) fn await_answer(&mut self, id: &[u8; 16], row: &AwaitedRow) {
        rows::write(&mut self.draft, keys::awaited(id), row);
    }

    pub(super) fn awaited(&self, id: &[u8; 16]) -> Result<Option<AwaitedRow>> {
        rows::read(&self.draft, &keys::awaited(id), "awaited answer")
    }

    pub(super) fn no_longer_awaited(&mut self, id: &[u8; 16]) {
        self.draft.delete(keys::awaited(id));
    }

    /// A time within so many milliseconds, at random.
    pub(super) fn soon(&mut self, millis: u64) -> Timestamp {
        use rand_core::Rng as _;
        let delay = self.draft.rng().next_u64().checked_rem(millis).unwrap_or(0);
        let at = self.now().plus(Duration::from_millis(delay));
        self.wake(at);
        at
    }

    /// When to try something again of which somebody has said when: not later than anything is put off.
    pub(super) fn advised(&mut self, retry_at: Timestamp) -> Timestamp {
        let at = retry_at.min(self.now().plus(Duration::from_millis(limits::RETRY_MAX_MILLIS)));
        self.wake(at);
        at
    }

    /// When to send something again that has been sent `attempts` times: after 5 seconds,
    /// doubling to 10 minutes, half of it at random so that devices do not march in step.
    pub(super) fn retry_at(&mut self, attempts: u32) -> Timestamp {
        use rand_core::Rng as _;
        let millis = 5_000_u64.saturating_mul(1 << attempts.min(7)).min(limits::RETRY_MAX_MILLIS);
        let jitter = self.draft.rng().next_u64().checked_rem(millis / 2).unwrap_or(0);
        let at = self.now().plus(Duration::from_millis(millis / 2 + jitter));
        self.wake(at);
        at
    }
}

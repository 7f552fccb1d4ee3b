//! A newer certificate of this device: asked for at the registrar, and brought into the rooms where the
//! older one is shown (SPEC V-356 to V-358).

use core::time::Duration;

use openmls::prelude::CredentialWithKey;

use super::{
    Client, Event,
    call::Call,
    chains, keys,
    rows::{self, AccountRow, JoinRow},
    session::Session,
};
use crate::{
    code::Code,
    error::{Error, Result, holds},
    identity::{Told, UserKind, read_certificate},
    ids::{AgencyId, RoomId},
    limits,
    room::{self, Authority, Due},
    store::{Ctx, Store},
    time::Timestamp,
    wire::log::Evidence,
};

/// Within how many milliseconds a device comes in anew whose certificate in a room has come to its
/// end, at random so that not everybody does it at once.
const ANEW: u64 = 30_000;
/// How long it waits to try that again.
const AGAIN: Duration = Duration::from_secs(3_600);

impl Client {
    /// The request for another certificate of this device, for the agency's registrar
    /// ([`Registrar::enrol`](crate::identity::Registrar::enrol)); what that gives goes to [`Client::enrol`]. The
    /// device brings it into its rooms by itself, spread out over a week or over half of the time that is
    /// left, so ask for it weeks before [`Client::certified_until`].
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::UnendorsedDevice`] if the user's chain does not have the
    /// device.
    pub fn renew(&self, ctx: Ctx<'_>) -> Result<Vec<u8>> {
        let (chain, device, now) = chains::own(ctx)?;
        chain.renew(&device, now)
    }

    /// Until when (exclusive) the device's certificate is valid; `None` before enrolment.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn certified_until(&self, store: &dyn Store) -> Result<Option<Timestamp>> {
        let Some(row) = store.get(&keys::account())? else { return Ok(None) };
        let row: AccountRow = rows::parse(&row, "account")?;
        if row.certificate.is_empty() {
            return Ok(None);
        }
        read_certificate(&row.certificate.into()).map(|claims| Some(claims.not_after))
    }
}

impl Call<'_, '_> {
    /// Tells of a certificate that ends before long (SPEC V-359).
    pub(super) fn remind_certificate(&mut self) -> Result<()> {
        if self.account.certificate.is_empty() {
            return Ok(());
        }
        let own = read_certificate(&self.account.certificate)?;
        let until = own.not_after;
        let due = until.minus(limits::CERTIFICATE_DUE.min(until.since(own.not_before) / 4));
        if self.now() < due {
            self.wake(due);
            return Ok(());
        }
        match self.tell_once(b"e", "", until.as_millis())? {
            true => self.event(&Event::CertificateEnds { until }),
            false => Ok(()),
        }
    }

    /// Until when the certificate holds that the room shows of this device, if the device has a newer one
    /// that it may bring in.
    pub(super) fn outdated(&self, session: &Session<'_>) -> Result<Option<Timestamp>> {
        let state = session.member.state();
        let closed = state.bans.contains(&self.account.device.user)
            || state.has_ended(session.latest(self.now())?)
            || session.row.declined;
        let own = session.standing.leaf_of(&self.account.device).filter(|_| !closed);
        let Some(shown) = own else { return Ok(None) };
        let newest = read_certificate(&self.account.certificate)?;
        let newer = newest.serial > shown.serial && newest.identity == shown.identity;
        Ok(Some(shown.not_after).filter(|_| newer))
    }

    /// Brings the newer certificate into a room, when it is time for that.
    pub(super) fn renew_leaf(&mut self, session: &mut Session<'_>) -> Result<()> {
        let Some(until) = session.standing.outdated else {
            session.row.renew_due = 0;
            return Ok(());
        };
        if !holds(self.check_self(session))? {
            return Ok(()); // it counts for nobody, or the hub does not
        }
        let left = until.since(session.latest(self.now())?);
        let due = Timestamp::from_millis(session.row.renew_due);
        // Set by a clock that has been put back since, or for a certificate that held longer.
        let unset = session.row.renew_due == 0 || due.since(self.now()) > limits::RENEWAL_SPREAD;
        if left.is_zero() {
            return if unset || due <= self.now() { self.come_in_anew(session) } else { Ok(()) };
        }
        if unset {
            // V-356
            let spread = (left / 2).min(limits::RENEWAL_SPREAD).as_millis();
            let at = self.soon(u64::try_from(spread).unwrap_or(u64::MAX));
            session.row.renew_due = at.as_millis();
            return Ok(());
        }
        if due > self.now() {
            self.wake(due);
            return Ok(());
        }
        // If another commit is first, the next time is drawn anew.
        session.row.renew_due = 0;
        self.refresh(session)
    }

    /// The certificate that the room shows is over: nobody takes a commit of its leaf any more, but one
    /// by which the device takes that leaf's place (V-357).
    fn come_in_anew(&mut self, session: &mut Session<'_>) -> Result<()> {
        session.row.renew_due = self.now().plus(AGAIN).as_millis();
        let due = self.soon(ANEW).as_millis();
        let (room, hub) = (session.id, session.hub()?);
        self.come_in(&room, Some(&hub), JoinRow { due, cautious: true, ..JoinRow::default() })
    }

    /// Whether a device that was removed may come in again by itself: its certificate had come to its
    /// end, it has another now, and its user takes part (V-358).
    pub(super) fn may_return(&self, session: &Session<'_>, change: &room::Change) -> Result<bool> {
        let own = &self.account.device;
        let expired = change
            .removed
            .iter()
            .any(|gone| gone.device == *own && gone.authority == Authority::Due(Due::Expired));
        // An archive comes back on its own leaf or not at all (V-450).
        let archive = session.standing.leaf_of(own).is_some_and(|leaf| leaf.kind == UserKind::Archive);
        let stays = !archive && !change.departed.iter().any(|(user, _)| *user == own.user);
        Ok(expired && stays && !session.row.declined && holds(self.check_self(session))?)
    }

    /// Comes in again, soon.
    pub(super) fn return_later(&mut self, room: &RoomId, hub: &AgencyId) -> Result<()> {
        let due = self.soon(ANEW).as_millis();
        self.come_in(room, Some(hub), JoinRow { due, ..JoinRow::default() })
    }

    /// What a commit of this device brings along while the room shows an older certificate of it.
    pub(super) fn renewal(
        &self,
        session: &Session<'_>,
    ) -> Result<Option<(CredentialWithKey, Vec<Evidence>)>> {
        if session.standing.outdated.is_none() {
            return Ok(None);
        }
        let account = &self.account;
        let user = &account.device.user;
        let missing = Error::new(Code::MissingEvidence, "user chain");
        let identity = self.directory.identity(&self.draft, user)?.ok_or(missing)?;
        let known = session.member.roster()?.chain_links(user, &identity);
        let told = [Told { user, identity: &identity, known, signer: None }];
        let evidence = self.directory.evidence_for(&self.draft, told, self.now())?;
        let credential = room::credential(&account.certificate, account.key.verify_key().as_bytes());
        Ok(Some((credential, evidence)))
    }
}

//! The registrar: turns requests into enrolments.

use core::time::Duration;

use bytes::Bytes;

use super::{ChainChange, Enrolment, EnrolmentRequest, UserRecord, offer::check_age};
use crate::{
    code::Code,
    crypto::{self, SigningKey},
    error::{Error, Result, ensure},
    identity::{
        Directory, Federation, UserChain, VerifiedDevice,
        certificate::DeviceCertificate,
        chain::{ChainLink, Op, Statement},
    },
    ids::{AgencyId, Device, DeviceId, UserId},
    limits,
    store::{Ctx, Draft, Key, KeyBuilder, Transition, corrupt},
    time::Timestamp,
    wire,
};

/// An agency's registrar. It holds the certificate key, so it runs on a machine of its own,
/// never on the message server.
///
/// Its store remembers every chain that it countersigned, because two links with one number
/// would convict the agency. So it is never restored from a backup; if it is lost, another
/// registrar begins with a key of its own, and with the chains as the message server has them.
#[derive(Debug)]
pub struct Registrar {
    agency: AgencyId,
    key: SigningKey,
}

/// What [`Registrar::enrol`] gives.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// For the device.
    pub enrolment: Enrolment,
    /// The device as everybody will see it.
    pub device: VerifiedDevice,
}

/// What [`Registrar::change`] and [`Registrar::remove`] give.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The user's chain, for the message server: [`Server::user_chain`](crate::server::Server::user_chain).
    pub chain: Vec<Bytes>,
    /// Where a device was removed: what the agency's next revocation list is to say, in the terms of
    /// [`RevocationList::next`](crate::identity::RevocationList::next). Without that the device stays in
    /// its rooms until others remove it.
    pub revoked: Option<(UserId, Option<DeviceId>, u64)>,
}

/// What [`Registrar::reset`] gives.
#[derive(Clone, Debug)]
pub struct Reset {
    /// The user's first device.
    pub enrolled: Enrolled,
    /// What the agency's next revocation list is to say, in the terms of
    /// [`RevocationList::next`](crate::identity::RevocationList::next): the devices of before are revoked.
    pub revoked: (UserId, Option<DeviceId>, u64),
}

impl Registrar {
    /// The registrar of an agency, with a certificate key that the agency's descriptor lists.
    #[must_use]
    pub fn new(agency: AgencyId, key: SigningKey) -> Self {
        Registrar { agency, key }
    }

    /// Sets the federation's anchor. The first call on a new store.
    ///
    /// # Errors
    /// [`Code::WrongFederation`] if the store has another federation's.
    pub fn install(&self, ctx: Ctx<'_>, federation: &Federation) -> Result<Transition<(), ()>> {
        let mut draft = Draft::new(ctx);
        Directory.install(&mut draft, federation)?;
        draft.finish(())
    }

    /// Takes the next trust list. Says whether it is new.
    ///
    /// # Errors
    /// As [`crate::identity::TrustList::next`].
    pub fn accept_trust_list(&self, ctx: Ctx<'_>, bytes: &[u8]) -> Result<Transition<bool, ()>> {
        let mut draft = Draft::new(ctx);
        let new = Directory.accept_trust_list(&mut draft, &Bytes::copy_from_slice(bytes))?;
        draft.finish(new)
    }

    /// Takes the agency's next descriptor. Says whether it is new.
    ///
    /// # Errors
    /// As [`crate::identity::Descriptor::verify`].
    pub fn accept_descriptor(&self, ctx: Ctx<'_>, bytes: &[u8]) -> Result<Transition<bool, ()>> {
        let mut draft = Draft::new(ctx);
        let new = Directory.accept_descriptor(&mut draft, &Bytes::copy_from_slice(bytes))?;
        draft.finish(new)
    }

    /// Countersigns a request and certifies its device for `valid_for`, or until a role's delegation
    /// ends. The same request again gives another certificate for the same device, which is how
    /// one is renewed.
    ///
    /// # Errors
    /// [`Code::ForeignAgencyUser`] for another agency's user; [`Code::Expired`] if the request
    /// is older than [`limits::ENROLMENT_AGE`], unless it was granted before, or if the delegation
    /// is over; [`Code::RolledBack`] if the user's chain has gone on meanwhile, or the user exists;
    /// [`Code::RemovedDevice`]; [`Code::BadArgument`] past [`limits::CERTIFICATE_LIFETIME`], and for a user who
    /// begins anew ([`Registrar::reset`]); what the chain's rules demand (SPEC V-271 to V-275); what
    /// is wrong with the registrar's own key.
    pub fn enrol(
        &self,
        ctx: Ctx<'_>,
        request: &[u8],
        valid_for: Duration,
    ) -> Result<Transition<Enrolled, ()>> {
        let mut draft = Draft::new(ctx);
        let request = EnrolmentRequest::from_bytes(request)?;
        // Once it is granted it is like any other.
        let fits = request.replaces().is_none() || self.has_begun(&draft, &request)?;
        ensure(fits, Code::BadArgument, "begins anew")?;
        self.grant(&mut draft, request.user(), request.statement())?;
        let enrolled = self.certify(&mut draft, &request, valid_for)?;
        draft.finish(enrolled)
    }

    /// Countersigns the removal of a device or other recovery keys.
    ///
    /// # Errors
    /// As [`Registrar::enrol`].
    pub fn change(&self, ctx: Ctx<'_>, request: &[u8]) -> Result<Transition<Changed, ()>> {
        let mut draft = Draft::new(ctx);
        let change = ChainChange::from_bytes(request)?;
        self.grant(&mut draft, change.user(), change.statement())?;
        let changed = self.changed(&draft, change.user(), change.removes())?;
        draft.finish(changed)
    }

    /// Removes a device by the agency's word alone: a phone was found in a river, somebody has left.
    ///
    /// # Errors
    /// [`Code::ForeignAgencyUser`]; [`Code::MissingEvidence`] for an unknown user; [`Code::BrokenChain`] if the
    /// device is not there.
    pub fn remove(&self, ctx: Ctx<'_>, device: &Device) -> Result<Transition<Changed, ()>> {
        let mut draft = Draft::new(ctx);
        let chain = self.chain(&draft, &device.user)?;
        let entry = chain.next(Op::RemoveDevice { device: device.id }, draft.now())?;
        self.countersign(&mut draft, &Statement::sign(entry, &self.key)?)?;
        let changed = self.changed(&draft, &device.user, Some(&device.id))?;
        draft.finish(changed)
    }

    /// Lets a user begin anew who has lost everything: countersigns an entry 0 that names the user's
    /// identity of before, and certifies its device. Everybody who knows the user is told, and the
    /// safety number is another one; so this is for a user of whom people have made sure.
    ///
    /// # Errors
    /// [`Code::RolledBack`] if the request does not name the present identity; [`Code::BrokenChain`] if a
    /// key or the device was on the chain of before; as [`Registrar::enrol`].
    pub fn reset(&self, ctx: Ctx<'_>, request: &[u8], valid_for: Duration) -> Result<Transition<Reset, ()>> {
        let mut draft = Draft::new(ctx);
        let request = EnrolmentRequest::from_bytes(request)?;
        ensure(*request.user().agency() == self.agency, Code::ForeignAgencyUser, "request")?;
        let ended = ended_row(request.user());
        if !self.has_begun(&draft, &request)? {
            // V-303
            let before = self.chain(&draft, request.user())?;
            let present = request.replaces() == Some(before.identity());
            ensure(present, Code::RolledBack, "identity of before")?;
            before.check_unknown(request.statement())?;
            check_age(request.at(), draft.now())?;
            UserChain::check_next(None, request.statement())?;
            self.countersign(&mut draft, request.statement())?;
            let last = last_serial(&draft)?;
            draft.put(ended.clone(), last.to_be_bytes().to_vec());
        }
        let revoked = (request.user().clone(), None, serial_in(&draft, &ended)?);
        let enrolled = self.certify(&mut draft, &request, valid_for)?;
        draft.finish(Reset { enrolled, revoked })
    }

    /// Whether the user's chain begins with what is asked.
    fn has_begun(&self, draft: &Draft<'_>, request: &EnrolmentRequest) -> Result<bool> {
        let chain = Directory.chain(draft, request.user())?;
        let first = chain.as_ref().and_then(|chain| chain.link(0));
        Ok(first.is_some_and(|first| first.statement().body() == request.statement().body()))
    }

    /// What a new device needs that is to recover a user or begin the user anew.
    ///
    /// # Errors
    /// [`Code::ForeignAgencyUser`]; [`Code::MissingEvidence`] for an unknown user.
    pub fn record(&self, ctx: Ctx<'_>, user: &UserId) -> Result<UserRecord> {
        let draft = Draft::new(ctx);
        let version = Directory.trust_version(&draft)?;
        Ok(UserRecord {
            chain: self.chain(&draft, user)?.bytes(),
            descriptor: Directory.descriptor_at(&draft, &self.agency, draft.now())?.bytes().clone(),
            trust_lists: latest_lists(&draft, version)?,
        })
    }

    /// Countersigns a user's statement as the next link of the user's chain, unless it is there.
    fn grant(&self, draft: &mut Draft<'_>, user: &UserId, statement: &Statement) -> Result<()> {
        ensure(*user.agency() == self.agency, Code::ForeignAgencyUser, "request")?;
        let known = Directory.chain(draft, user)?;
        if UserChain::check_next(known.as_ref(), statement)?.is_some() {
            return Ok(());
        }
        check_age(statement.entry().at, draft.now())?;
        // V-260: a delegate is not taken at a word about the time.
        let over = known.is_some_and(|known| known.is_over(&statement.entry().signer, draft.now()));
        ensure(!over, Code::Expired, "delegation of the signer")?;
        self.countersign(draft, statement)
    }

    fn countersign(&self, draft: &mut Draft<'_>, statement: &Statement) -> Result<()> {
        let link = ChainLink::countersign(statement.clone(), &self.key);
        Directory.accept_chain(draft, &[wire::encode_body(&link)])?.complete()
    }

    /// Issues the certificate of a device that is on the user's chain.
    fn certify(
        &self,
        draft: &mut Draft<'_>,
        request: &EnrolmentRequest,
        valid_for: Duration,
    ) -> Result<Enrolled> {
        let now = draft.now();
        let lifetime = valid_for.saturating_add(limits::CLOCK_SKEW);
        ensure(lifetime <= limits::CERTIFICATE_LIFETIME, Code::BadArgument, "certificate lifetime")?;
        let chain = self.chain(draft, request.user())?;
        let until =
            chain.speaks(request.device_key(), chain.last())?.unwrap_or(Timestamp::from_millis(u64::MAX));
        ensure(now < until, Code::Expired, "delegation")?;
        let certificate = DeviceCertificate {
            serial: next_serial(draft)?,
            agency: self.agency.clone(),
            kind: chain.kind(),
            device: request.device(),
            key: request.device_key().key,
            identity: *chain.identity(),
            chain_n: chain.last(),
            not_before: now.minus(limits::CLOCK_SKEW),
            not_after: now.plus(valid_for).min(until),
        };
        let certificate = crypto::sign(certificate, &[&self.key]).bytes().clone();
        // Nothing leaves here that others would refuse.
        let version = Directory.trust_version(draft)?;
        let device = Directory.verify_device(draft, &certificate)?;
        let enrolment = Enrolment {
            certificate,
            chain: chain.bytes(),
            descriptor: Directory.descriptor_at(draft, &self.agency, now)?.bytes().clone(),
            trust_lists: latest_lists(draft, version)?,
        };
        Ok(Enrolled { enrolment, device })
    }

    fn changed(&self, draft: &Draft<'_>, user: &UserId, removed: Option<&DeviceId>) -> Result<Changed> {
        let chain = self.chain(draft, user)?.bytes();
        let serial = last_serial(draft)?;
        let revoked = removed.map(|device| (user.clone(), Some(*device), serial));
        Ok(Changed { chain, revoked })
    }

    /// The chain of one of the agency's users.
    fn chain(&self, draft: &Draft<'_>, user: &UserId) -> Result<UserChain> {
        ensure(*user.agency() == self.agency, Code::ForeignAgencyUser, "user")?;
        Directory.chain(draft, user)?.ok_or(Error::new(Code::MissingEvidence, "user chain"))
    }
}

/// Certificate numbers, from 1. Every enrolment writes this row, so that two at one time conflict.
fn next_serial(draft: &mut Draft<'_>) -> Result<u64> {
    draft.expect_unchanged(serial_row())?;
    let next = last_serial(draft)?.saturating_add(1);
    draft.put(serial_row(), next.to_be_bytes().to_vec());
    Ok(next)
}

/// The last number that was given; 0: none.
fn last_serial(draft: &Draft<'_>) -> Result<u64> {
    serial_in(draft, &serial_row())
}

fn serial_in(draft: &Draft<'_>, row: &[u8]) -> Result<u64> {
    match draft.get(row)? {
        None => Ok(0),
        Some(row) => Ok(u64::from_be_bytes(row.as_slice().try_into().map_err(|_| corrupt("serial"))?)),
    }
}

/// The last number before the user began anew.
fn ended_row(user: &UserId) -> Key {
    KeyBuilder::table("registrar/ended/").name(user.as_str().as_bytes()).build()
}

fn serial_row() -> Key {
    KeyBuilder::table("registrar/serial").build()
}

/// The newest trust lists, as many as one enrolment holds, ordered by version.
fn latest_lists(draft: &Draft<'_>, newest: u64) -> Result<Vec<Bytes>> {
    let mut lists = Vec::new();
    for version in (1..=newest).rev().take(limits::ENROLMENT_TRUST_LISTS) {
        match Directory.trust_list(draft, version) {
            Ok(list) => lists.push(list.bytes().clone()),
            // The anchor began later.
            Err(error) if error.code() == Code::MissingEvidence => break,
            Err(error) => return Err(error),
        }
    }
    lists.reverse();
    Ok(lists)
}

//! The registrar: turns requests into enrolments.

use core::time::Duration;

use bytes::Bytes;

use super::{Enrolment, EnrolmentRequest, offer::check_age};
use crate::{
    code::Code,
    crypto::{self, SigningKey},
    error::{Error, Result, ensure},
    identity::{
        Directory, Federation, UserChain, VerifiedDevice, certificate::DeviceCertificate, chain::ChainLink,
    },
    ids::AgencyId,
    limits,
    store::{Ctx, Draft, Key, KeyBuilder, Transition, corrupt},
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

    /// Countersigns a request and certifies its device for `valid_for`. The same request
    /// again gives another certificate for the same device, which is how one is renewed.
    ///
    /// # Errors
    /// [`Code::ForeignAgencyUser`] for another agency's user; [`Code::Expired`] if the request
    /// is older than [`limits::ENROLMENT_AGE`], unless it was granted before;
    /// [`Code::RolledBack`] if the user's chain has gone on meanwhile, or the user exists;
    /// [`Code::BadArgument`] past [`limits::CERTIFICATE_LIFETIME`]; what the chain's rules
    /// demand (SPEC V-271 to V-275); what is wrong with the registrar's own key.
    pub fn enrol(
        &self,
        ctx: Ctx<'_>,
        request: &[u8],
        valid_for: Duration,
    ) -> Result<Transition<Enrolled, ()>> {
        let mut draft = Draft::new(ctx);
        let now = draft.now();
        let request = EnrolmentRequest::from_bytes(request)?;
        ensure(*request.user().agency() == self.agency, Code::ForeignAgencyUser, "enrolment")?;
        let lifetime = valid_for.saturating_add(limits::CLOCK_SKEW);
        ensure(lifetime <= limits::CERTIFICATE_LIFETIME, Code::BadArgument, "certificate lifetime")?;

        let known = Directory.chain(&draft, request.user())?;
        let place = UserChain::check_next(known.as_ref(), request.statement())?;
        if place.is_none() {
            check_age(request.at(), now)?;
            let link = ChainLink::countersign(request.statement().clone(), &self.key);
            Directory.accept_chain(&mut draft, &[wire::encode_body(&link)])?;
        }
        let chain = Directory.chain(&draft, request.user())?.ok_or(Error::new(Code::Bug, "user chain"))?;

        let certificate = DeviceCertificate {
            serial: next_serial(&mut draft)?,
            agency: self.agency.clone(),
            kind: chain.kind(),
            device: request.device(),
            key: request.device_key().key,
            identity: *chain.identity(),
            chain_n: request.statement().entry().n,
            not_before: now.minus(limits::CLOCK_SKEW),
            not_after: now.plus(valid_for),
        };
        let certificate = crypto::sign(certificate, &[&self.key]).bytes().clone();
        // Nothing leaves here that others would refuse.
        let version = Directory.trust_version(&draft)?;
        let device = Directory.verify_device(&draft, &certificate)?;
        let enrolment = Enrolment {
            certificate,
            chain: chain.bytes(),
            descriptor: Directory.descriptor_at(&draft, &self.agency, now)?.bytes().clone(),
            trust_lists: latest_lists(&draft, version)?,
        };
        draft.finish(Enrolled { enrolment, device })
    }
}

/// Certificate numbers, from 1. Every enrolment writes this row, so that two at one time conflict.
fn next_serial(draft: &mut Draft<'_>) -> Result<u64> {
    let key: Key = KeyBuilder::table("registrar/serial").build();
    draft.expect_unchanged(key.clone())?;
    let last = match draft.get(&key)? {
        None => 0,
        Some(row) => u64::from_be_bytes(row.as_slice().try_into().map_err(|_| corrupt("serial"))?),
    };
    let next = last.saturating_add(1);
    draft.put(key, next.to_be_bytes().to_vec());
    Ok(next)
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

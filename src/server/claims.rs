//! Claims of key packages: of our devices, here and at other agencies; of other agencies'
//! devices, here (SPEC "Claims"). A claim travels as its device has signed it.

use bytes::Bytes;

use super::{
    answers::Question,
    call::Call,
    keys::{self, DeviceKeys},
    quota::Quota,
    records::Grounds,
    rows::{self, ClaimRow},
};
use crate::{
    code::{Code, Kind},
    crypto::{Verified, verify},
    error::{Error, Result, ensure},
    ids::{AgencyId, UserId},
    limits,
    time::Timestamp,
    wire::{
        Signed,
        device::{
            Claim, ClaimAnswer, ClaimedUser, DeviceRequest, Failure, InboxBody, ReplyBody, RequestBody,
        },
        encode_body,
        link::{LinkClaim, LinkClaimAnswer, LinkItem},
    },
};

/// By one of our devices, of all other agencies together: what leaves here in its name.
const ELSEWHERE: Quota = Quota { at_once: limits::CLAIMS_ELSEWHERE, every: limits::CLAIMS_ELSEWHERE_EVERY };
/// By a user, with whatever device: or who has many devices could claim as many times.
const BY_USER: Quota = Quota { at_once: limits::CLAIMS, every: limits::CLAIMS_EVERY };
const OF_USER: Quota = Quota { at_once: limits::CLAIMS_OF_USER, every: limits::CLAIMS_OF_USER_EVERY };
/// Of the own user: whoever founds a room or invites claims the own other devices.
const OF_SELF: Quota = Quota { at_once: limits::CLAIMS_OF_SELF, every: limits::CLAIMS_OF_SELF_EVERY };
const OF_AGENCY: Quota = Quota { at_once: limits::CLAIMS_OF_AGENCY, every: limits::CLAIMS_OF_AGENCY_EVERY };

/// A claim that its device has signed.
struct Claimed {
    claim: Claim,
    grounds: Grounds,
}

impl Claimed {
    fn of(request: &Signed<DeviceRequest>, certificate: &Bytes) -> Result<Self> {
        let DeviceRequest { device, request_id, body, .. } = request.claimed().clone();
        let RequestBody::Claim(claim) = body else { return Err(Error::new(Code::Bug, "not a claim")) };
        let (request, certificate) = (request.bytes().clone(), certificate.clone());
        let grounds = Grounds { device, id: request_id, at: claim.at, request, certificate };
        Ok(Claimed { claim, grounds })
    }

    fn question(&self) -> Question<'_> {
        Question::Claim(&self.grounds.request)
    }

    /// The answer, on its way to the device's server.
    fn answered(&self, answer: ClaimAnswer) -> LinkItem {
        LinkItem::ClaimAnswer(LinkClaimAnswer { device: self.grounds.device.clone(), answer })
    }

    /// Until when it may come and is answered in the same way (SPEC V-586).
    fn until(&self) -> Timestamp {
        self.claim.at.plus(limits::CLAIM_KEPT)
    }
}

impl Call<'_, '_> {
    /// Asks for key packages on behalf of a device: here or at another agency. The answer
    /// comes into its inbox.
    pub(super) fn claim(
        &mut self,
        request: Verified<DeviceRequest>,
        certificate: Bytes,
    ) -> Result<ReplyBody> {
        let request = request.into_signed();
        let asked = Claimed::of(&request, &certificate)?;
        self.check_time(&asked)?;
        let keys = DeviceKeys::of(&asked.grounds.device);
        let key = keys.claim(&asked.grounds.id);
        if self.draft.get(&key)?.is_some() {
            return Ok(ReplyBody::Done);
        }
        let agency = asked.claim.agency()?.clone();
        if agency != self.own.agency {
            // V-597
            let users = u64::try_from(asked.claim.users.len()).unwrap_or(u64::MAX);
            self.take(keys::claims_elsewhere(&asked.grounds.device), ELSEWHERE, users)?;
        }
        self.draft.guard(keys.guard())?;
        self.drop_later(asked.until(), &key);
        let mut row = ClaimRow::default();
        if agency == self.own.agency {
            let answer = self.attempt(|call| call.answer_claim(&asked))?;
            let answer = answer.unwrap_or_else(|error| refused(&asked, &agency, &error));
            self.put_inbox(&asked.grounds.device, InboxBody::Claimed(answer))?;
        } else if let Err(error) = self.attempt(|call| call.active(&agency))? {
            self.put_inbox(&asked.grounds.device, InboxBody::Claimed(refused(&asked, &agency, &error)))?;
        } else {
            row.awaited = agency.to_string();
            let item = LinkItem::Claim(LinkClaim::new(request, certificate)?);
            let unique = self.random();
            self.queue_until(&agency, unique, &item, asked.until());
        }
        self.write(key, &row);
        Ok(ReplyBody::Done)
    }

    /// Another agency's claim. The same one is answered in the same way (SPEC V-553).
    pub(super) fn peer_claim(&mut self, from: &AgencyId, item: LinkClaim) -> Result<()> {
        let asked = Claimed::of(&item.request, &item.certificate)?;
        ensure(asked.grounds.device.user.agency() == from, Code::ForeignAgencyUser, "claim")?;
        ensure(*asked.claim.agency()? == self.own.agency, Code::NotForUs, "claim")?;
        let key = keys::claim(from, &asked.grounds.device, &asked.grounds.id);
        let answered = self.attempt(|call| {
            call.verify_claim(item)?;
            let answer = match call.draft.get(&key)? {
                Some(row) => rows::read_wire(row)?,
                None => {
                    call.check_time(&asked)?;
                    let answer = call.answer_claim(&asked)?;
                    call.drop_later(asked.until(), &key);
                    call.draft.put(key, encode_body(&answer).to_vec());
                    answer
                }
            };
            call.answer(from, asked.question(), &asked.answered(answer))?;
            // A frame may bring many claims: what is too much is refused by itself.
            call.draft.check_size()
        })?;
        match answered {
            Ok(()) => {}
            // Nobody is answered who only pretends.
            Err(error) if error.kind() == Kind::Peer && error.code() != Code::BadStamp => return Err(error),
            Err(error) => {
                let answer = refused(&asked, &self.own.agency, &error);
                self.refuse(from, asked.question(), &asked.answered(answer))?;
            }
        }
        Ok(())
    }

    /// That a claim is its device's own word (SPEC V-585).
    fn verify_claim(&mut self, item: LinkClaim) -> Result<()> {
        let certified = self.directory.newest(&self.draft)?.certified(&item.certificate)?;
        let same = *certified.device() == item.request.claimed().device;
        ensure(same, Code::CertificateMismatch, "another device's certificate")?;
        verify(*item.request, certified.key()).map(drop)
    }

    /// The answer to a claim of one of our devices (SPEC V-554).
    pub(super) fn peer_claim_answer(&mut self, from: &AgencyId, answered: LinkClaimAnswer) -> Result<()> {
        let LinkClaimAnswer { device, answer } = answered;
        ensure(answer.agency == *from, Code::NotForUs, "claim answer")?;
        // Once, and only what was asked: or any agency could fill any inbox.
        let key = DeviceKeys::of(&device).claim(&answer.claim_id);
        let row: ClaimRow = self.read(&key)?.unwrap_or_default();
        ensure(row.awaited == from.as_str(), Code::NotForUs, "claim answer")?;
        self.put_inbox(&device, InboxBody::Claimed(answer))?;
        self.write(key, &ClaimRow::default());
        Ok(())
    }

    /// That a claim is neither so old that its answer may be forgotten, nor made by a clock
    /// that is so far ahead that the answer would have to be kept for long (SPEC V-586).
    fn check_time(&self, asked: &Claimed) -> Result<()> {
        let (now, at) = (self.now(), asked.claim.at);
        let near = now < asked.until() && at <= now.plus(limits::CLAIM_KEPT);
        ensure(near, Code::BadStamp, "claim")
    }

    /// Gives out key packages of our users' devices, but those of the device that asks.
    fn answer_claim(&mut self, asked: &Claimed) -> Result<ClaimAnswer> {
        self.count_claim(asked)?;
        let mut users = Vec::new();
        let mut size: usize = 0;
        for user in &asked.claim.users {
            let keys = self.attempt(|call| {
                let by = &asked.grounds.device.user;
                let quota = if user == by { OF_SELF } else { OF_USER };
                call.take(keys::quota_of_user(by, user), quota, 1)?;
                let keys = call.keys_of(user, &asked.grounds)?;
                let bytes: usize = keys.chain.iter().chain(&keys.packages).map(Bytes::len).sum();
                size = size.saturating_add(bytes);
                if size > limits::DELIVERY_BYTES {
                    // Too much for one answer, not too often: another claim brings the rest.
                    return Err(Error::new(Code::Quota, "claim answer").after(call.now()));
                }
                Ok(keys)
            })?;
            users.push(claimed_user(user, keys.map_err(|error| Failure::of(&error))));
        }
        let agency = self.own.agency.clone();
        let descriptor = self.directory.descriptor_at(&self.draft, &agency, self.now())?;
        let descriptor = Some(descriptor.bytes().clone());
        Ok(ClaimAnswer { claim_id: asked.grounds.id, agency, descriptor, users })
    }

    /// Counts whom a user claims, and whom the user's agency does, unless it is ours (SPEC V-587).
    fn count_claim(&mut self, asked: &Claimed) -> Result<()> {
        let users = u64::try_from(asked.claim.users.len()).unwrap_or(u64::MAX);
        self.take(keys::quota_by_user(&asked.grounds.device.user), BY_USER, users)?;
        let agency = asked.grounds.device.user.agency();
        if *agency == self.own.agency {
            return Ok(());
        }
        self.take(keys::quota_of_agency(agency), OF_AGENCY, users)
    }
}

fn claimed_user(user: &UserId, keys: Result<crate::wire::device::Keys, Failure>) -> ClaimedUser {
    ClaimedUser { user: user.clone(), keys }
}

/// The answer to a claim that comes to nothing.
fn refused(asked: &Claimed, agency: &AgencyId, error: &Error) -> ClaimAnswer {
    let users = asked.claim.users.iter().map(|user| claimed_user(user, Err(Failure::of(error)))).collect();
    ClaimAnswer { claim_id: asked.grounds.id, agency: agency.clone(), descriptor: None, users }
}

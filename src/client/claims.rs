//! Key packages for invitations: claimed at the users' agencies, one claim for each, and
//! checked when they come.

use core::{mem, time::Duration};
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    Event,
    call::Call,
    outbox::{Item, id16},
    rows::{AwaitedRow, ClaimRow, InviteWork, InvitedRow, ProblemRow, Work},
    session::Session,
};
use crate::{
    code::Code,
    crypto::mls::MlsCrypto,
    error::{Error, Result},
    ids::{RequestId, RoomId, UserId},
    room,
    time::Timestamp,
    wire::device::{Claim, ClaimAnswer, RequestBody},
};

/// How old a claim may grow before another takes its place: servers do not take one of yesterday.
const RENEWED: Duration = Duration::from_secs(12 * 3_600);

impl Call<'_, '_> {
    pub(super) fn new_claim(&mut self, agency: String, users: Vec<String>) -> ClaimRow {
        let id = self.random_id().as_bytes().to_vec();
        ClaimRow { agency, id, at: self.now().as_millis(), users }
    }

    /// Asks for key packages. Asking again is harmless: a claim is answered once and for all.
    pub(super) fn claim(&mut self, room: &RoomId, item: &mut Item) -> Result<()> {
        let Some(Work::Invite(mut invite)) = item.row.work.take() else { return Ok(()) };
        let row = AwaitedRow { room: room.as_bytes().to_vec(), item: item.number, ..Default::default() };
        for claim in &mut invite.awaiting {
            if self.is_stale(claim) {
                self.no_longer_awaited(&id16(&claim.id)?);
                *claim = self.new_claim(mem::take(&mut claim.agency), mem::take(&mut claim.users));
            }
            let id = RequestId::from_slice(&claim.id)?;
            let users = claim.users.iter().map(|user| UserId::parse(user)).collect::<Result<Vec<_>>>()?;
            self.await_answer(id.as_bytes(), &row);
            self.ask(id, RequestBody::Claim(Claim { users, at: Timestamp::from_millis(claim.at) }));
        }
        item.row.work = Some(Work::Invite(invite));
        self.keep(room, item);
        Ok(())
    }

    /// Whether a claim is old, or from a clock that was put back since.
    fn is_stale(&self, claim: &ClaimRow) -> bool {
        let (now, at) = (self.now(), Timestamp::from_millis(claim.at));
        now.since(at) > RENEWED || at.since(now) > RENEWED
    }

    /// Invites those whose agencies have answered. Whoever keeps silent keeps nobody else out, and is not
    /// asked for those whose turn would come later.
    pub(super) fn invite_others(&mut self, room: &RoomId, mut item: Item) -> Result<()> {
        let Some(Work::Invite(mut invite)) = item.row.work.take() else { return Ok(()) };
        for claim in mem::take(&mut invite.awaiting) {
            self.no_longer_awaited(&id16(&claim.id)?);
            let silent = Error::new(Code::NoAnswer, "no answer to a claim");
            let of_it =
                |user: &String| UserId::parse(user).map(|user| user.agency().as_str() == claim.agency);
            let mut later = Vec::new();
            for user in mem::take(&mut invite.later) {
                if of_it(&user)? {
                    self.none_of(&mut invite, &[user], &silent)?;
                } else {
                    later.push(user);
                }
            }
            invite.later = later;
            self.none_of(&mut invite, &claim.users, &silent)?;
        }
        self.go_on(room, item, invite)
    }

    /// The own server does not take a claim, for good. The others may be answered.
    pub(super) fn claim_failed(
        &mut self,
        room: &RoomId,
        mut item: Item,
        request: &RequestId,
        error: &Error,
    ) -> Result<()> {
        let Some(Work::Invite(mut invite)) = item.row.work.take() else { return Ok(()) };
        let Some(place) = invite.awaiting.iter().position(|claim| claim.id == request.as_bytes()) else {
            return Ok(());
        };
        let claim = invite.awaiting.remove(place);
        self.no_longer_awaited(request.as_bytes());
        self.none_of(&mut invite, &claim.users, error)?;
        self.go_on(room, item, invite)
    }

    /// Key packages that an invitation waits for.
    pub(super) fn claimed(&mut self, answer: ClaimAnswer) -> Result<()> {
        let Some(awaited) = self.awaited(answer.claim_id.as_bytes())? else { return Ok(()) };
        let room = RoomId::from_slice(&awaited.room)?;
        let Some(mut item) = self.item(&room, awaited.item)? else { return Ok(()) };
        if let Some(descriptor) = &answer.descriptor {
            self.take_descriptor(descriptor)?;
        }
        let Some(Work::Invite(mut invite)) = item.row.work.take() else { return Ok(()) };
        let asked = |claim: &ClaimRow| {
            claim.agency == answer.agency.as_str() && claim.id == answer.claim_id.as_bytes()
        };
        let Some(place) = invite.awaiting.iter().position(asked) else { return Ok(()) };
        let claim = invite.awaiting.remove(place);
        self.no_longer_awaited(answer.claim_id.as_bytes());
        let answered: BTreeSet<String> = answer.users.iter().map(|asked| asked.user.to_string()).collect();
        for user in claim.users.iter().filter(|user| !answered.contains(*user)) {
            let left_out = Error::new(Code::NoKeyPackage, "not in the answer to a claim");
            self.not_usable(&mut invite, &UserId::parse(user)?, &left_out);
        }
        let mut offered = Vec::new();
        for asked in answer.users {
            if *asked.user.agency() != answer.agency || !claim.users.contains(&asked.user.to_string()) {
                continue;
            }
            match asked.keys {
                Ok(keys) => match self.take_chain_of(&asked.user, &keys.chain)? {
                    Ok(()) => offered.push((asked.user, keys.packages)),
                    Err(error) => self.not_usable(&mut invite, &asked.user, &error),
                },
                Err(failure) => {
                    self.not_usable(&mut invite, &asked.user, &failure.error(Code::NoKeyPackage, "claim"));
                }
            }
        }
        for (user, packages) in offered {
            match self.usable(&user, packages)? {
                Ok(rows) => invite.packages.extend(rows),
                Err(error) => self.not_usable(&mut invite, &user, &error),
            }
        }
        self.go_on(&room, item, invite)
    }

    fn go_on(&mut self, room: &RoomId, mut item: Item, invite: InviteWork) -> Result<()> {
        item.row.work = Some(Work::Invite(invite));
        self.keep(room, &item);
        let mut session = self.open(room)?;
        self.drive(&mut session)?;
        self.close(session)
    }

    /// Nothing can be made of the user's own devices: then there are none to bring along.
    fn not_usable(&self, invite: &mut InviteWork, user: &UserId, error: &Error) {
        if *user != self.account.device.user {
            invite.problems.push(problem(user, error));
        }
    }

    /// None of these can be invited.
    pub(super) fn none_of(&self, invite: &mut InviteWork, users: &[String], error: &Error) -> Result<()> {
        for user in users {
            self.not_usable(invite, &UserId::parse(user)?, error);
        }
        Ok(())
    }

    /// Takes over what a user's agency says of whom the user's devices are; what is wrong with it.
    fn take_chain_of(&mut self, user: &UserId, links: &[Bytes]) -> Result<Result<()>> {
        let accepted = match self.directory.accept_chain_of(&mut self.draft, user, links) {
            Ok(taken) => {
                let whole = taken.complete();
                self.took_links(taken)?;
                whole
            }
            Err(error) => Err(error),
        };
        if let Err(error) = accepted {
            return blamed(error).map(Err);
        }
        match self.directory.check_suite(&self.draft, user.agency(), room::SUITE_NUMBER, self.now()) {
            Err(error) if error.code() == Code::UnknownSuite => Ok(Err(error)),
            Err(error) if error.fails_the_call() => Err(error),
            // What is missing here, the key packages lack as well.
            _ => Ok(Ok(())),
        }
    }

    /// The key packages that are good and belong to the user, one for each device; what is wrong with
    /// the first that is not if none is. With two of one device nobody could be invited (SPEC V-435).
    fn usable(&mut self, user: &UserId, packages: Vec<Bytes>) -> Result<Result<Vec<InvitedRow>>> {
        let mut good = BTreeMap::new();
        let mut wrong = Error::new(Code::NoKeyPackage, "no key package");
        let checked = self.check_packages(packages.iter())?;
        for (package, checked) in packages.iter().zip(checked) {
            match checked {
                Ok(checked) if checked.device.device().user == *user => {
                    let device = checked.device.device();
                    if *device != self.account.device {
                        good.entry(device.clone())
                            .or_insert_with(|| InvitedRow::of(device, package.to_vec()));
                    }
                    if device.user == self.account.device.user {
                        self.companion_is_there(device)?;
                    }
                }
                Ok(_) => wrong = Error::new(Code::CertificateMismatch, "another user's key package"),
                Err(error) => wrong = blamed(error)?,
            }
        }
        Ok(if good.is_empty() { Err(wrong) } else { Ok(good.into_values().collect()) })
    }

    /// Checks key packages as of now, each by itself.
    pub(super) fn check_packages<'p>(
        &mut self,
        packages: impl Iterator<Item = &'p Bytes>,
    ) -> Result<Vec<Result<room::CheckedPackage>>> {
        let (now, held) = (self.now(), self.cache.held.clone());
        let crypto = MlsCrypto::new(self.draft.seed()).with_held(&held);
        let mut view = self.directory.newest(&self.draft)?.with_held(&held);
        let check = |package| room::check_key_package(package, &crypto, now, &mut |cert| view.device(cert));
        Ok(packages.map(check).collect())
    }

    /// Tells the app who could not be invited, and from when on it may be tried again. Who is there all the
    /// same, whoever brought them in, is not among them.
    pub(super) fn tell_not_invited(
        &mut self,
        session: &Session<'_>,
        request: RequestId,
        problems: &[ProblemRow],
    ) -> Result<()> {
        let roster = session.member.roster()?;
        let mut out = Vec::new();
        for problem in problems {
            if !roster.has_user(&UserId::parse(&problem.user)?) {
                out.push(problem);
            }
        }
        if out.is_empty() {
            return Ok(());
        }
        let who = |p: &&ProblemRow| {
            let code = u16::try_from(p.code).ok().and_then(Code::from_number).unwrap_or(Code::NoKeyPackage);
            Ok((UserId::parse(&p.user)?, code))
        };
        let users = out.iter().map(who).collect::<Result<_>>()?;
        let latest = out.iter().map(|p| p.retry_at).max().filter(|at| *at > 0);
        let retry_at = latest.map(Timestamp::from_millis);
        self.event(&Event::NotInvited { request, users, retry_at })
    }
}

pub(super) fn problem(user: &UserId, error: &Error) -> ProblemRow {
    let retry_at = error.retry_at().map(Timestamp::as_millis).unwrap_or_default();
    ProblemRow { user: user.to_string(), code: error.code().number().into(), retry_at }
}

/// Gives back what is wrong with what somebody sent; what is wrong here fails the call.
pub(super) fn blamed(error: Error) -> Result<Error> {
    if error.fails_the_call() { Err(error) } else { Ok(error) }
}

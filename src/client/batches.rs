//! Invitations of many, a batch at a time: the next is claimed and committed when the one before is in (SPEC V-479).

use core::mem;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Event,
    call::Call,
    change::{Change, Prepared},
    claims::{blamed, problem},
    outbox::Item,
    rows::{InviteWork, InvitedRow, ProblemRow, Work},
    session::Session,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::Told,
    ids::{Device, DeviceId, RequestId, RoomId, UserId},
    limits,
    room::{CheckedPackage, Roster, Taken},
};

impl InvitedRow {
    pub(super) fn of(device: &Device, package: Vec<u8>) -> Self {
        let id = device.id.as_bytes().to_vec();
        InvitedRow { user: device.user.to_string(), device: id, package }
    }

    fn device(&self) -> Result<Device> {
        Ok(Device { user: UserId::parse(&self.user)?, id: DeviceId::from_slice(&self.device)? })
    }
}

/// Whether a commit that is refused for this may pass without one of those whom it adds.
fn is_of_somebody(code: Code) -> bool {
    matches!(
        code,
        Code::Expired
            | Code::UnknownAgency
            | Code::SuspendedAgency
            | Code::UnknownKey
            | Code::BrokenChain
            | Code::UnendorsedDevice
            | Code::Revoked
            | Code::RemovedDevice
            | Code::BeyondDelegation
            | Code::ReplacedIdentity
    )
}

impl Call<'_, '_> {
    /// An invitation in the making: nobody has answered yet.
    pub(super) fn invite_work(&mut self, mut users: Vec<UserId>, quiet: bool) -> Result<InviteWork> {
        users.sort();
        users.dedup();
        // The founder of a room is one more, for their other devices.
        let others = users.iter().filter(|user| **user != self.account.device.user).count();
        ensure(!users.is_empty() && others <= limits::INVITED, Code::BadArgument, "users to invite")?;
        // One agency after the other, so that few batches wait for one that keeps silent.
        users.sort_by(|a, b| a.agency().cmp(b.agency()));
        let later = users.iter().map(ToString::to_string).collect();
        let mut invite = InviteWork { later, quiet, ..InviteWork::default() };
        self.next_batch(&mut invite)?;
        Ok(invite)
    }

    /// Takes the next users in hand: one claim for each agency, or several if there are too many for one.
    fn next_batch(&mut self, invite: &mut InviteWork) -> Result<()> {
        let rest = invite.later.split_off(invite.later.len().min(limits::INVITED_AT_ONCE));
        invite.users = mem::replace(&mut invite.later, rest);
        let mut agencies: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for user in &invite.users {
            let agency = UserId::parse(user)?.agency().to_string();
            agencies.entry(agency).or_default().push(user.clone());
        }
        for (agency, users) in agencies {
            for some in users.chunks(limits::CLAIM_USERS) {
                let claim = self.new_claim(agency.clone(), some.to_vec());
                invite.awaiting.push(claim);
            }
        }
        Ok(())
    }

    /// A commit that adds whoever of the batch is not there yet, as many as fit.
    pub(super) fn plan_batch(&mut self, roster: &Roster, invite: &InviteWork) -> Result<Prepared> {
        let mut change = Change::default();
        let mut waiting = Vec::new();
        for row in &invite.packages {
            if roster.find(&row.device()?).is_none() {
                waiting.push(Bytes::copy_from_slice(&row.package));
            }
        }
        let (mut taken, mut bytes, mut rest) = (Taken::of(roster), 0_usize, waiting.as_slice());
        while change.plan.add.len() < limits::ADDED && !rest.is_empty() {
            let free = limits::ADDED.saturating_sub(change.plan.add.len());
            let (some, later) = rest.split_at(rest.len().min(free));
            rest = later;
            for (package, checked) in some.iter().zip(self.check_beside(&mut taken, some)?) {
                let sum = bytes.saturating_add(package.len());
                match checked {
                    // The first fits: what is not good any more takes no room.
                    Ok(checked) if sum <= limits::ADDED_BYTES => {
                        bytes = sum;
                        change.plan.add.push(checked.package);
                    }
                    Ok(_) => {
                        rest = &[];
                        break;
                    }
                    // It was good when it came, and is told when nothing else is left.
                    Err(error) => drop(blamed(error)?),
                }
            }
        }
        let users = taken.users();
        if change.plan.add.is_empty() {
            return Ok(Prepared::Done);
        }
        // Whoever is there has the chain as far as the user's other devices show it.
        let wanted = users.iter().map(|(user, identity)| {
            let known = roster.chain_links(user, identity);
            Told { user, identity, known, signer: None }
        });
        change.evidence = self.directory.evidence_for(&self.draft, wanted, self.now())?;
        Ok(Prepared::Commit(Box::new(change)))
    }

    /// Checks key packages as of now, and that each goes with those that are taken before it: one that does not
    /// would spoil the commit for everybody in it (RFC 9420 §12.2, SPEC V-434).
    fn check_beside(&mut self, taken: &mut Taken, packages: &[Bytes]) -> Result<Vec<Result<CheckedPackage>>> {
        let checked = self.check_packages(packages.iter())?.into_iter();
        Ok(checked.map(|checked| checked.and_then(|checked| taken.take(checked))).collect())
    }

    /// Goes on with an invitation of which a commit is in, or for which none is left to make. Says whether
    /// anything is still to be done.
    pub(super) fn next_of_invitation(
        &mut self,
        session: &Session<'_>,
        item: &Item,
        won: bool,
    ) -> Result<bool> {
        let Work::Invite(invite) = item.work()? else { return Ok(false) };
        let (mut invite, roster) = (invite.clone(), session.member.roster()?);
        invite.came |= won;
        invite.refused = 0;
        let mut waiting = Vec::new();
        for row in mem::take(&mut invite.packages) {
            if roster.find(&row.device()?).is_none() {
                waiting.push(row);
            }
        }
        if !won {
            self.unusable(&roster, &mut invite, &mem::take(&mut waiting))?;
        }
        invite.packages = waiting;
        invite.users = Vec::new();
        for row in &invite.packages {
            if !roster.has_user(&UserId::parse(&row.user)?) && invite.users.last() != Some(&row.user) {
                invite.users.push(row.user.clone());
            }
        }
        if invite.packages.is_empty() && !invite.later.is_empty() {
            self.next_batch(&mut invite)?;
        }
        let more = !invite.packages.is_empty() || !invite.awaiting.is_empty();
        if invite.awaiting.is_empty() {
            let mut item = Item { number: item.number, row: item.row.clone() };
            item.row.work = Some(Work::Invite(invite));
            self.keep(&session.id, &item);
        } else {
            self.claim_batch(&session.id, item, invite)?;
        }
        Ok(more)
    }

    /// The hub has refused a commit of an invitation. If it knows of somebody in it what is not known here, all
    /// of them are claimed anew: their agencies say who is not good any more. Says whether that is so.
    pub(super) fn invites_anew(&mut self, room: &RoomId, item: &Item, code: Code) -> Result<bool> {
        let Work::Invite(invite) = item.work()? else { return Ok(false) };
        if !is_of_somebody(code) || invite.refused >= limits::INVITED_ANEW {
            return Ok(false);
        }
        let mut invite = invite.clone();
        invite.refused = invite.refused.saturating_add(1);
        let mut users: Vec<String> =
            mem::take(&mut invite.packages).into_iter().map(|row| row.user).collect();
        users.dedup();
        users.append(&mut invite.later);
        invite.later = users;
        self.next_batch(&mut invite)?;
        self.claim_batch(room, item, invite)?;
        Ok(true)
    }

    /// Begins to claim the batch that is in hand.
    fn claim_batch(&mut self, room: &RoomId, item: &Item, invite: InviteWork) -> Result<()> {
        let mut item = Item { number: item.number, row: item.row.clone() };
        item.row.work = Some(Work::Invite(invite));
        item.row.attempts = 0;
        item.row.due = self.retry_at(0).as_millis();
        self.claim(room, &mut item)
    }

    /// Of whom no key package is good any more.
    fn unusable(&mut self, roster: &Roster, invite: &mut InviteWork, rows: &[InvitedRow]) -> Result<()> {
        let packages: Vec<Bytes> = rows.iter().map(|row| Bytes::copy_from_slice(&row.package)).collect();
        for (row, checked) in rows.iter().zip(self.check_beside(&mut Taken::of(roster), &packages)?) {
            let user = UserId::parse(&row.user)?;
            let told = invite.problems.iter().any(|problem| problem.user == row.user);
            if let Err(error) = checked
                && !told
                && !roster.has_user(&user)
            {
                invite.problems.push(problem(&user, &blamed(error)?));
            }
        }
        Ok(())
    }

    /// Tells how an invitation has ended that could not be carried out to its end: who has not come in, if
    /// somebody has.
    pub(super) fn tell_broken_off(
        &mut self,
        session: &Session<'_>,
        request: RequestId,
        invite: &InviteWork,
        error: &Error,
    ) -> Result<()> {
        if invite.came {
            let mut problems = invite.problems.clone();
            let own = self.account.device.user.to_string();
            for user in invite.users.iter().chain(&invite.later).filter(|user| **user != own) {
                if !problems.iter().any(|problem: &ProblemRow| problem.user == *user) {
                    problems.push(problem(&UserId::parse(user)?, error));
                }
            }
            self.tell_not_invited(session, request, &problems)?;
        }
        self.event(&Event::failed(request, error))
    }
}

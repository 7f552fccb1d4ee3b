//! Changing rooms: what the app asks for becomes commits, one at a time. A commit counts
//! when the log shows it; whoever loses a race makes it anew (SPEC "Commit rule").

use super::{
    Event, Output, Receipt,
    call::Call,
    govern,
    leaving::drop_roles_of_leavers,
    outbox::Item,
    rows::{AwaitedRow, DescribeWork, PendingRow, Work},
    session::Session,
    stalled::is_lost,
};
use crate::{
    code::Code,
    crypto::mls::MlsSigner,
    error::{Error, Result, ensure},
    ids::{RequestId, RoomId, UserId},
    limits,
    room::{
        PrivateState, RoomState,
        member::{Outgoing, Plan},
        submission::Parts,
    },
    wire::log::{Evidence, SubmissionKind},
};

/// What is to be committed for an item.
pub(super) enum Prepared {
    /// This.
    Commit(Box<Change>),
    /// Not yet: an answer is outstanding.
    Wait,
    /// Nothing is left to do.
    Done,
}

/// A plan with the documents that let others check it.
#[derive(Default)]
pub(super) struct Change {
    pub(super) plan: Plan,
    pub(super) evidence: Vec<Evidence>,
}

impl Call<'_, '_> {
    /// Takes a change over from the app.
    pub(super) fn change(&mut self, request: RequestId, room: RoomId, work: Work) -> Result<Receipt> {
        let mut session = self.open(&room)?;
        session.has_room()?;
        let mut item = self.enqueue(request, &room, work)?;
        if is_lost(&session.row) && matches!(item.work()?, Work::Leave(_)) {
            self.leave_stalled(session)?;
            return self.receipt(&request)?.ok_or(Error::new(Code::Bug, "receipt"));
        }
        session.row.changes = session.row.changes.saturating_add(1);
        if matches!(item.work()?, Work::Invite(_)) {
            self.claim(&room, &mut item)?;
        }
        self.drive(&mut session)?;
        self.close(session)?;
        self.receipt(&request)?.ok_or(Error::new(Code::Bug, "receipt"))
    }

    /// Makes whatever can be made for a room now: at most one commit, then messages.
    pub(super) fn drive(&mut self, session: &mut Session<'_>) -> Result<()> {
        if !session.up_to_date(self.now()) {
            return Ok(());
        }
        let due = self.due_leaves(session)?;
        // Nobody who counts no more is there for what a commit tells everybody.
        if session.row.pending.is_none() && session.row.changes > 0 && due.is_empty() {
            self.drive_changes(session)?;
        }
        let leaving = session.member.leaving()?;
        if session.row.pending.is_none() {
            self.drive_removals(session, &leaving, &due)?;
        }
        if session.row.pending.is_none() && leaving.is_empty() && due.is_empty() {
            self.renew_leaf(session)?;
        }
        if session.row.pending.is_none() && leaving.is_empty() && due.is_empty() {
            self.fill_path(session)?;
        }
        self.tell_newcomers(session)?;
        self.flush(session)
    }

    /// Commits nothing but a new leaf of its own.
    pub(super) fn refresh(&mut self, session: &mut Session<'_>) -> Result<()> {
        let plan = Plan { refresh: true, ..Plan::default() };
        self.commit(session, None, Change { plan, evidence: Vec::new() }).map(drop)
    }

    fn drive_changes(&mut self, session: &mut Session<'_>) -> Result<()> {
        for item in self.items(&session.id)? {
            if matches!(item.work()?, Work::Create(_)) || item.work()?.message().is_some() {
                continue;
            }
            if matches!(item.work()?, Work::Leave(_)) {
                self.propose_leave(session, item)?;
                continue;
            }
            match self.prepare(session, &item) {
                Ok(Prepared::Wait) => {}
                Ok(Prepared::Done) => self.finish_item(session, &item, false)?,
                Ok(Prepared::Commit(change)) => {
                    if self.commit(session, Some(&item), *change)? {
                        return Ok(());
                    }
                }
                Err(error) => self.fail_item(session, &item, error)?,
            }
        }
        Ok(())
    }

    /// Turns an item into a plan against the room as it is now.
    fn prepare(&mut self, session: &Session<'_>, item: &Item) -> Result<Prepared> {
        let roster = session.member.roster()?;
        let mut change = Change::default();
        match item.work()? {
            Work::Invite(invite) if !invite.awaiting.is_empty() => return Ok(Prepared::Wait),
            Work::Invite(invite) => return self.plan_batch(&roster, invite),
            Work::Remove(remove) => {
                for user in &remove.users {
                    let user = UserId::parse(user)?;
                    change.plan.remove.extend(roster.leaves_of(&user).map(|leaf| leaf.index));
                }
                if change.plan.remove.is_empty() {
                    return Ok(Prepared::Done);
                }
            }
            // V-415: first whoever leaves is gone.
            Work::Describe(_) if session.member.has_proposals() => return Ok(Prepared::Wait),
            Work::Describe(describe) => self.plan_description(session, describe, &mut change.plan)?,
            Work::SetRole(_) | Work::Ban(_) | Work::Unban(_) | Work::Govern(_) => {
                let (state, plan) = (session.member.state(), &mut change.plan);
                let news = match item.work()? {
                    Work::SetRole(role) => govern::plan_role(state, &roster, role, plan)?,
                    Work::Ban(users) => govern::plan_bans(state, &roster, users, plan)?,
                    Work::Unban(users) => govern::plan_unbans(state, users, plan)?,
                    Work::Govern(part) => govern::plan_part(state, part, plan)?,
                    _ => false,
                };
                if !news {
                    return Ok(Prepared::Done);
                }
            }
            Work::Leave(_) | Work::Message(_) | Work::Create(_) | Work::Share(_) | Work::Forward(_) => {
                return Ok(Prepared::Wait);
            }
        }
        Ok(Prepared::Commit(Box::new(change)))
    }

    fn plan_description(&mut self, session: &Session<'_>, to: &DescribeWork, plan: &mut Plan) -> Result<()> {
        let known = session.private();
        let known = known.unwrap_or_else(|| PrivateState::new(self.draft.rng(), String::new()));
        let mut private = known.resalted(self.draft.rng());
        private.name = to.name.clone().unwrap_or(private.name);
        private.topic = to.topic.clone().unwrap_or(private.topic);
        private.label = to.label.clone().unwrap_or(private.label);
        plan.state = Some(RoomState { private_hash: private.hash(), ..session.member.state().clone() });
        plan.describe = Some(private);
        Ok(())
    }

    /// Makes a commit, submits it and keeps it pending. Gives `false` if the room's rules
    /// forbid it; then the item has failed.
    pub(super) fn commit(
        &mut self,
        session: &mut Session<'_>,
        item: Option<&Item>,
        change: Change,
    ) -> Result<bool> {
        let Change { mut plan, mut evidence } = change;
        if let Some((credential, more)) = self.renewal(session)? {
            plan.credential = Some(credential);
            evidence
                .extend(more.into_iter().filter(|document| !evidence.contains(document)).collect::<Vec<_>>());
        }
        drop_roles_of_leavers(session, &self.account.device, &mut plan)?;
        let private = plan.describe.as_ref().map(|p| p.encode().to_vec()).unwrap_or_default();
        let current = session.private();
        let account = self.account.clone();
        let (provider, signer) = (session.backend.provider(), MlsSigner(&account.key));
        let made = session.member.commit(&provider, &signer, self.draft.rng(), plan, current.as_ref());
        let judged = session.backend.check(made).and_then(|made| {
            let fits = made.commit.len().max(made.welcome.len()) <= limits::MLS_MESSAGE;
            ensure(fits, Code::TooLong, "too much for one commit")?;
            let at = session.latest(self.now())?;
            let mut view = self.directory.newest_at(&self.draft, at)?.with_held(&self.cache.held);
            session.member.judge_pending(at, &mut view).map(|_| made)
        });
        let Outgoing { commit, welcome, group_info } = match judged {
            Ok(made) => made,
            Err(error) if error.fails_the_call() => return Err(error),
            Err(error) => {
                if session.member.has_commit() {
                    let discarded = session.member.discard_commit(&session.backend.provider());
                    session.backend.check(discarded)?;
                }
                return match item {
                    Some(item) => self.fail_item(session, item, error).map(|()| false),
                    // Somebody's leaving waits for somebody else, or for better times.
                    None => {
                        session.row.commit_due = self.retry_at(u32::MAX).as_millis();
                        Ok(false)
                    }
                };
            }
        };
        let welcome = (!welcome.is_empty()).then_some(welcome);
        let parts =
            Parts { mls: commit, welcome, group_info: Some(group_info), evidence, ratchet_tree: None };
        let (id, bytes) = self.submit(session, SubmissionKind::Commit, parts)?;
        session.row.pending = Some(PendingRow {
            submission_id: id.as_bytes().to_vec(),
            item: item.map(|item| item.number).unwrap_or_default(),
            private,
            submission: bytes.to_vec(),
            due: self.retry_at(0).as_millis(),
            attempts: 0,
        });
        self.await_answer(
            id.as_bytes(),
            &AwaitedRow { room: session.id.as_bytes().to_vec(), ..Default::default() },
        );
        self.output(Output::send(bytes));
        Ok(true)
    }

    /// A change that is carried out: by a commit that is in, or nothing was left to do. An invitation of
    /// many may have only come further.
    pub(super) fn finish_item(&mut self, session: &mut Session<'_>, item: &Item, won: bool) -> Result<()> {
        if self.next_of_invitation(session, item, won)? {
            return Ok(());
        }
        let Some(item) = &self.item(&session.id, item.number)? else { return Ok(()) };
        let request = item.request()?;
        session.row.changes = session.row.changes.saturating_sub(1);
        self.drop_item(&session.id, item)?;
        let Work::Invite(invite) = item.work()? else { return self.event(&Event::Done { request }) };
        if invite.quiet {
            return Ok(());
        }
        self.tell_not_invited(session, request, &invite.problems)?;
        self.event(&Event::Done { request })
    }

    /// A change that cannot be carried out. A failure of the store is no reason.
    pub(super) fn fail_item(&mut self, session: &mut Session<'_>, item: &Item, error: Error) -> Result<()> {
        if error.fails_the_call() {
            return Err(error);
        }
        session.row.changes = session.row.changes.saturating_sub(1);
        self.drop_item(&session.id, item)?;
        let request = item.request()?;
        match item.work()? {
            work if work.is_quiet() => Ok(()),
            Work::Invite(invite) => self.tell_broken_off(session, request, invite, &error),
            _ => self.event(&Event::failed(request, &error)),
        }
    }
}

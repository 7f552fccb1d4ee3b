//! What time brings: sending again what is unanswered, commits that are due, asking for news.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Event, Output,
    call::Call,
    keys, outbox,
    rows::{self, InvitationRow, JoinRow, RoomRow, SyncRow, Work},
    stalled::is_lost,
};
use crate::{
    error::Result,
    ids::{Hash, RequestId, RoomId},
    limits,
    room::log::Tail,
    store::{Row, corrupt},
    time::Timestamp,
    wire::{
        self,
        device::{Cursor, Invitation, KnownDescriptor, KnownList, RequestBody, Sync},
    },
};

/// How often key packages are asked for before an invitation goes without the users of
/// agencies that do not answer: for about an hour.
const CLAIMED: u32 = 12;

impl Call<'_, '_> {
    /// Sends again what is due, or with `all` whatever is unanswered, and asks for news.
    pub(super) fn remind(&mut self, all: bool) -> Result<()> {
        self.remind_outbox(all)?;
        self.remind_rooms(all)?;
        self.remind_companions(all)?;
        self.remind_invitations(all)?;
        self.remind_joins(all)?;
        self.remind_asked()?;
        self.remind_fetches(all)?;
        self.remind_waiting(all)?;
        self.remind_forgets(all)?;
        self.remind_look_ups(all)?;
        self.remind_uploads(all)?;
        self.remind_publishing(all)?;
        self.remind_enrolment(all)?;
        self.remind_trust_list()?;
        self.remind_certificate()?;
        self.sweep()?;
        self.expire()?;
        let last = self.synced()?;
        // The call that an answered request had asked for: if each asked for the next, there
        // would be no end of it.
        let idle = !all && last.answered && last.due > 0 && self.passed(last.due);
        // For active rooms it asks now and then, and does not hurry when that is lost.
        let listens = !all && last.listen_due > 0 && self.passed(last.listen_due);
        self.ask_news(last, !(idle || listens))
    }

    /// Whether it is time to try something again. A time further ahead than anything is put
    /// off was set by a clock that has been put back since.
    pub(super) fn due(&self, all: bool, due: u64) -> bool {
        let furthest = self.now().as_millis().saturating_add(limits::RETRY_MAX_MILLIS);
        all || self.passed(due) || (furthest < due && due < u64::MAX)
    }

    pub(super) fn passed(&self, millis: u64) -> bool {
        Timestamp::from_millis(millis) <= self.now()
    }

    fn remind_outbox(&mut self, all: bool) -> Result<()> {
        let prefix = keys::outbox();
        for (key, row) in self.all_rows(&prefix)? {
            let room = key.get(prefix.len()..prefix.len().saturating_add(16)).ok_or(corrupt("outbox key"))?;
            let room = RoomId::from_slice(room)?;
            let mut item = outbox::parse(&keys::outbox_of(&room), &key, &row)?;
            if !self.due(all, item.row.due) {
                self.wake(Timestamp::from_millis(item.row.due));
                continue;
            }
            let claiming = matches!(item.work()?, Work::Invite(invite) if !invite.awaiting.is_empty());
            if !claiming && item.row.submission.is_empty() {
                continue;
            }
            // Or a late batch would bring back what another engine has settled.
            self.draft.expect_unchanged(key)?;
            if self.due(false, item.row.due) {
                item.row.attempts = item.row.attempts.saturating_add(1);
                item.row.due = self.retry_at(item.row.attempts).as_millis();
            }
            self.wake(Timestamp::from_millis(item.row.due));
            self.keep(&room, &item);
            if claiming && item.row.attempts > CLAIMED {
                self.invite_others(&room, item)?;
            } else if claiming {
                self.claim(&room, &mut item)?;
            } else if matches!(item.work()?, Work::Forward(_)) {
                self.ask_forward(&room, &mut item)?;
            } else {
                self.output(Output::send(Bytes::from(item.row.submission)));
            }
        }
        Ok(())
    }

    /// Rows of a table that holds as much as the app has asked for.
    pub(super) fn all_rows(&self, prefix: &[u8]) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows.last().map(|(key, _)| key.as_slice());
            let page = self.draft.scan(prefix, after, limits::OUTBOX)?;
            let more = page.len() == limits::OUTBOX;
            rows.extend(page);
            if !more {
                return Ok(rows);
            }
        }
    }

    /// Pending commits, and commits that are due because somebody leaves.
    fn remind_rooms(&mut self, all: bool) -> Result<()> {
        for (key, row) in self.draft.scan(&keys::rooms(), None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            let resend = row.pending.as_ref().is_some_and(|pending| self.due(all, pending.due));
            let leaving = row.commit_due > 0 && row.pending.is_none() && self.due(false, row.commit_due);
            // Once it is due, what it waits for besides says when to call: the log, or another commit.
            if row.commit_due > 0 && row.pending.is_none() && !leaving {
                self.wake(Timestamp::from_millis(row.commit_due));
            }
            let tells = row.tell_due > 0 && self.due(false, row.tell_due);
            if row.tell_due > 0 && !tells {
                self.wake(Timestamp::from_millis(row.tell_due));
            }
            let waited = row.wait_until > 0 && self.due(false, row.wait_until);
            if row.wait_until > 0 && !waited {
                self.wake(Timestamp::from_millis(row.wait_until));
            }
            // News are asked for at the end of this; the answer may be lost.
            let asks = row.ask_due > 0 && self.due(false, row.ask_due);
            let ask_due = if asks { self.retry_at(row.asked).as_millis() } else { row.ask_due };
            if ask_due > 0 {
                self.wake(Timestamp::from_millis(ask_due)); // or when the hub's agency is back
            }
            let stays = row.declined && row.pending.is_none() && (row.changes == 0 || is_lost(&row));
            let ends = row.ends_at > 0 && row.end_told != row.ends_at;
            if ends && !self.passed(row.ends_at) {
                self.wake(Timestamp::from_millis(row.ends_at));
            }
            let ended = ends && self.passed(row.ends_at);
            let renews = row.renew_due > 0 && self.passed(row.renew_due);
            if row.renew_due > 0 && !renews {
                self.wake(Timestamp::from_millis(row.renew_due));
            }
            let fills = row.path_due > 0 && self.passed(row.path_due);
            if row.path_due > 0 && !fills {
                self.wake(Timestamp::from_millis(row.path_due));
            }
            if !resend
                && !leaving
                && !waited
                && !tells
                && !stays
                && !ended
                && !asks
                && !renews
                && !fills
                && row.reschedule.is_none()
            {
                if let Some(pending) = row.pending {
                    self.wake(Timestamp::from_millis(pending.due));
                }
                continue;
            }
            let room = RoomId::from_slice(key.get(keys::rooms().len()..).ok_or(corrupt("room key"))?)?;
            let mut session = self.open(&room)?;
            session.row.ask_due = ask_due;
            session.row.asked = session.row.asked.saturating_add(u32::from(asks));
            if stays || asks && self.leaves_in_vain(&room, &session.row)? {
                // It cannot ask to leave: nobody is there, or the log cannot be followed.
                self.leave_stalled(session)?;
                continue;
            }
            self.reschedule(&mut session)?;
            self.tell_end(&mut session)?;
            if waited {
                (session.row.wait_for, session.row.wait_until) = (0, 0);
            }
            if resend && let Some(mut pending) = session.row.pending.take() {
                pending.attempts = pending.attempts.saturating_add(1);
                pending.due = self.retry_at(pending.attempts).as_millis();
                self.output(Output::send(Bytes::copy_from_slice(&pending.submission)));
                session.row.pending = Some(pending);
            }
            self.drive(&mut session)?;
            self.close(session)?;
        }
        Ok(())
    }

    fn remind_invitations(&mut self, all: bool) -> Result<()> {
        for (key, row) in self.draft.scan(&keys::invitations(), None, limits::INVITATIONS)? {
            let mut row: InvitationRow = rows::parse(&row, "invitation")?;
            // Asked anew by every start, what lacks evidence would be given up too soon.
            if !self.due(all && row.lacking == 0, row.due) {
                self.wake(Timestamp::from_millis(row.due));
                continue;
            }
            self.draft.expect_unchanged(key.clone())?;
            row.attempts = row.attempts.saturating_add(1);
            row.due = self.retry_at(row.attempts).as_millis();
            rows::write(&mut self.draft, key, &row);
            self.ask_material(&row)?;
        }
        Ok(())
    }

    /// Asks for everything new, and again later unless that is answered.
    pub(super) fn sync(&mut self) -> Result<()> {
        let last = self.synced()?;
        self.ask_news(last, true)
    }

    fn ask_news(&mut self, last: SyncRow, again: bool) -> Result<()> {
        let prefix = keys::rooms();
        let (heard, mut listens) = (self.all_heard()?, false);
        let mut cursors = Vec::new();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            let room = RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?;
            let hash = (!row.hash.is_empty()).then(|| Hash::from_slice(&row.hash)).transpose()?;
            let heard_at = row.heard_at(&room, heard.get(&room))?;
            cursors.push(Cursor { room, seq: row.seq, hash, heard_at });
            listens |= self.listens_to(&room, &row)?;
        }
        let submitted = self.submitted()?;
        let counter = submitted.map_or(0, |last| last.counter);
        let known = self.directory.descriptor_versions(&self.draft)?;
        let descriptors =
            known.into_iter().map(|(agency, version)| KnownDescriptor { agency, version }).collect();
        let (inbox_done, inbox_mark) = self.inbox_done()?;
        let sync = Sync {
            cursors,
            inbox_done,
            inbox_mark,
            trust_version: self.directory.trust_version(&self.draft)?,
            descriptors,
            submitted,
            revocations: self.known_lists()?,
            chain: self.known_chain()?,
            records_done: self.records_read()?,
        };
        let request_id = self.random_id();
        let missed = !last.answered && last.due > 0 && self.passed(last.due);
        let attempts = last.attempts.saturating_add(u32::from(missed));
        let due = if again { self.retry_at(attempts).as_millis() } else { 0 };
        let request = request_id.as_bytes().to_vec();
        let listen_due = if listens { self.listen_later().as_millis() } else { 0 };
        let row =
            SyncRow { request_id: request, counter, due, attempts, answered: false, listen_due, ..last };
        rows::write(&mut self.draft, keys::synced(), &row);
        self.ask(request_id, RequestBody::Sync(sync));
        Ok(())
    }

    pub(super) fn synced(&self) -> Result<SyncRow> {
        Ok(rows::read(&self.draft, &keys::synced(), "synchronisation")?.unwrap_or_default())
    }

    /// The server has answered a synchronisation; an earlier one than the last is no matter. Says which it was.
    pub(super) fn sync_answered(&mut self, request: &RequestId) -> Result<bool> {
        let row = self.synced()?;
        let last = row.request_id == request.as_bytes();
        if last && !row.answered {
            let answers = row.answers.saturating_add(1);
            let row = SyncRow { attempts: 0, answered: true, answers, ..row };
            rows::write(&mut self.draft, keys::synced(), &row);
        }
        Ok(last)
    }

    /// The revocation lists that the device has, and those that it needs to take up
    /// invitations.
    fn known_lists(&self) -> Result<Vec<KnownList>> {
        let mut known = BTreeMap::new();
        for (_, row) in self.draft.scan(&keys::invitations(), None, limits::DEVICE_INBOX)? {
            let row: InvitationRow = rows::parse(&row, "invitation")?;
            let invitation: Invitation = wire::decode_body(&row.invitation.into())?;
            let (tail, _) = Tail::at(&invitation.entry)?;
            known.extend(tail.stamp.revocations.into_iter().map(|named| (named.agency, 0)));
        }
        for (_, row) in self.draft.scan(&keys::all_joining(), None, limits::SYNC_ROOMS)? {
            let row: JoinRow = rows::parse(&row, "joining")?;
            if !row.place.is_empty() {
                let invitation: Invitation = wire::decode_body(&row.place.into())?;
                let (tail, _) = Tail::at(&invitation.entry)?;
                known.extend(tail.stamp.revocations.into_iter().map(|named| (named.agency, 0)));
            }
        }
        known.extend(self.directory.revocation_versions(&self.draft)?);
        let known = known.into_iter().take(limits::AGENCIES);
        Ok(known.map(|(agency, version)| KnownList { agency, version }).collect())
    }

    /// Whether the server's word that the store is old can be true: said of a submission, or
    /// of the last synchronisation with nothing submitted since. A submission may overtake a
    /// synchronisation on the way, and then the server knows the higher number first.
    pub(super) fn rolled_back(&mut self, request: &RequestId, submitted: bool) -> Result<bool> {
        if submitted {
            return Ok(true);
        }
        let row = self.synced()?;
        if row.request_id != request.as_bytes() {
            return Ok(false);
        }
        if row.counter == self.submitted()?.map_or(0, |last| last.counter) {
            return Ok(true);
        }
        self.sync().map(|()| false)
    }

    /// The server knows the device now: it can be invited.
    pub(super) fn enrolled(&mut self) -> Result<()> {
        if self.account.row.enrolled {
            return Ok(());
        }
        let id = outbox::id16(&self.account.row.enrol)?;
        self.no_longer_awaited(&id);
        self.change_account(|row| {
            row.enrolled = true;
            row.enrol.clear();
            (row.enrol_refused, row.not_served) = (0, 0);
        })?;
        self.event(&Event::Enrolled)?;
        self.begin_history()?;
        self.offer_first_packages()?;
        self.look_at_rooms()?;
        self.linked_rooms()
    }
}

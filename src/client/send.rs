//! Sending messages: encrypted in the epoch in which they will stand in the log, and only to
//! people who were there when they were written (SPEC "Sending").

use core::time::Duration;

use bytes::Bytes;
use rand_core::Rng as _;

use super::{
    Event, Receipt,
    call::Call,
    keys,
    outbox::Item,
    rows::{self, JoinedRow, MessageWork, Work},
    session::Session,
};
use crate::{
    code::Code,
    content::{Content, Frame, Seen, Terms},
    crypto::mls::MlsSigner,
    error::{Error, Result, ensure, holds},
    identity::{UserKind, read_certificate},
    ids::{Hash, RequestId, RoomId, UserId},
    limits,
    room::{may_send, submission::Parts},
    store::corrupt,
    wire::log::SubmissionKind,
};

impl Call<'_, '_> {
    /// Takes a message over from the app.
    pub(super) fn send(
        &mut self,
        request: RequestId,
        room: RoomId,
        content: &Content,
        lifetime: Option<Duration>,
    ) -> Result<Receipt> {
        let mut session = self.open(&room)?;
        session.has_room()?;
        ensure(session.row.active, Code::UnknownRoom, "the room is not founded yet")?;
        self.may_send(&session)?;
        self.check_targets(&session, content)?;
        self.check_self(&session)?;
        let work = self.message_work(&session, content, lifetime)?;
        let item = self.enqueue(request, &room, Work::Message(work))?;
        session.row.messages = session.row.messages.saturating_add(1);
        self.queue_message(&mut session, item)?;
        self.close(session)?;
        self.receipt(&request)?.ok_or(Error::new(Code::Bug, "receipt"))
    }

    /// Whether this device may send to a room, as far as it can tell.
    pub(super) fn may_send(&self, session: &Session<'_>) -> Result<()> {
        let archive = read_certificate(&self.account.certificate)?.kind == UserKind::Archive;
        let at = session.latest(self.now())?;
        may_send(session.member.state(), &self.account.device.user, archive, at)
    }

    /// A message with its id, as of the room's present epoch.
    pub(super) fn message_work(
        &mut self,
        session: &Session<'_>,
        content: &Content,
        lifetime: Option<Duration>,
    ) -> Result<MessageWork> {
        let good = |time: Duration| time.as_millis() > 0 && time <= limits::MESSAGE_LIFETIME;
        ensure(lifetime.is_none_or(good), Code::BadArgument, "lifetime")?;
        let mut nonce = [0; 16];
        self.draft.rng().fill_bytes(&mut nonce);
        let frame = Frame::new(content, nonce, seen(session)?);
        let (kind, bytes) = content.encode();
        Ok(MessageWork {
            kind,
            content: bytes.to_vec(),
            nonce: nonce.to_vec(),
            id: frame.id(&session.id, &self.account.device).as_bytes().to_vec(),
            epoch: session.member.epoch(),
            held: false,
            lifetime: lifetime.and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or_default(),
            label: session.label().unwrap_or_default(),
            quiet: false,
        })
    }

    /// Sends a message at once if nothing is before it, else lets it wait.
    pub(super) fn queue_message(&mut self, session: &mut Session<'_>, mut item: Item) -> Result<()> {
        // While its file was on its way somebody may have come who was not there when it was written.
        let written = item.work()?.message().map(|message| message.epoch).unwrap_or_default();
        let as_written = written == session.member.epoch() || {
            let (added, rules) = self.readers_since(&session.id, written)?;
            added.is_empty() && !rules
        };
        let free = as_written
            && session.row.waiting == 0
            && session.up_to_date(self.now())
            && !session.member.has_proposals()
            && self.due_leaves(session)?.is_empty();
        if free && self.in_window(session)? {
            return self.transmit(session, &mut item);
        }
        session.row.waiting = session.row.waiting.saturating_add(1);
        self.drive(session)
    }

    /// Encrypts a message and submits it.
    fn transmit(&mut self, session: &mut Session<'_>, item: &mut Item) -> Result<()> {
        self.may_send(session)?;
        let Work::Message(work) = item.work()? else { return Err(corrupt("not a message")) };
        let nonce = work.nonce.as_slice().try_into().map_err(|_| corrupt("nonce"))?;
        let content = Bytes::copy_from_slice(&work.content);
        let lifetime = Some(Duration::from_millis(work.lifetime)).filter(|lifetime| !lifetime.is_zero());
        let terms = Terms { lifetime, label: work.label.clone() };
        let plaintext = Frame::of_encoded(work.kind, content, nonce, seen(session)?).under(terms).seal()?;
        let account = self.account.clone();
        let backend = &session.backend;
        let mls = session.member.encrypt(&backend.provider(), &MlsSigner(&account.key), &plaintext);
        let parts = Parts { mls: backend.check(mls)?, ..Default::default() };
        let (id, bytes) = self.submit(session, SubmissionKind::Message, parts)?;
        item.row.order = session.row.encrypted;
        session.row.encrypted = session.row.encrypted.saturating_add(1);
        self.dispatch(&session.id, item, id.as_bytes(), bytes);
        Ok(())
    }

    /// Whether one more message may be under way. On its way to the hub it may overtake
    /// others, and receivers keep the keys of few that were overtaken.
    fn in_window(&self, session: &mut Session<'_>) -> Result<bool> {
        let window = u64::from(limits::OUT_OF_ORDER);
        if session.row.encrypted.saturating_sub(session.row.settled) >= window {
            let under_way = |item: &Item| match item.work() {
                Ok(Work::Message(_)) if !item.row.submission.is_empty() => Some(item.row.order),
                _ => None,
            };
            let oldest = self.items(&session.id)?.iter().filter_map(under_way).min();
            session.row.settled = oldest.unwrap_or(session.row.encrypted);
        }
        Ok(session.row.encrypted.saturating_sub(session.row.settled) < window)
    }

    /// Sends what waits, oldest first, as far as it may be sent.
    pub(super) fn flush(&mut self, session: &mut Session<'_>) -> Result<()> {
        if session.row.waiting == 0 || !session.up_to_date(self.now()) || session.member.has_proposals() {
            return Ok(());
        }
        // Nobody sends to those who count no more, nor under a trust list that does not.
        if !self.due_leaves(session)?.is_empty() || !holds(self.check_self(session))? {
            return Ok(());
        }
        for mut item in self.items(&session.id)? {
            let Some(Work::Message(work)) = &mut item.row.work else { continue };
            if !item.row.submission.is_empty() || work.held {
                continue;
            }
            let (added, rules) = self.readers_since(&session.id, work.epoch)?;
            if work.quiet || added.is_empty() && !rules {
                if !self.in_window(session)? {
                    break;
                }
                session.row.waiting = session.row.waiting.saturating_sub(1);
                if let Err(error) = self.transmit(session, &mut item) {
                    self.not_sent(session, &item, &error)?;
                }
                continue;
            }
            session.row.waiting = session.row.waiting.saturating_sub(1);
            // Somebody would read it who was not there when it was written: the app decides.
            work.held = true;
            self.keep(&session.id, &item);
            self.event(&Event::SendNeedsConsent { request: item.request()?, room: session.id, added })?;
        }
        Ok(())
    }

    /// A message that cannot be sent: the app is told, and no other waits for it. A failure of
    /// the store is no reason.
    pub(super) fn not_sent(&mut self, session: &mut Session<'_>, item: &Item, error: &Error) -> Result<()> {
        if error.fails_the_call() {
            return Err(error.clone());
        }
        session.row.messages = session.row.messages.saturating_sub(1);
        self.drop_item(&session.id, item)?;
        match item.work()? {
            Work::Message(work) if work.quiet => Ok(()),
            _ => self.event(&Event::failed(item.request()?, error)),
        }
    }

    /// The app agrees to a held message's readers.
    pub(super) fn consent(&mut self, request: &RequestId) -> Result<Receipt> {
        let (room, mut item) = self.item_of(request)?;
        let mut session = self.open(&room)?;
        let epoch = session.member.epoch();
        let Some(Work::Message(work)) = &mut item.row.work else {
            return Err(Error::new(Code::BadArgument, "not a message"));
        };
        ensure(work.held, Code::BadArgument, "the message is not held")?;
        (work.held, work.epoch) = (false, epoch);
        work.label = session.label().unwrap_or_default();
        self.keep(&room, &item);
        session.row.waiting = session.row.waiting.saturating_add(1);
        self.drive(&mut session)?;
        self.close(session)?;
        Ok(self.receipt(request)?.unwrap_or_default())
    }

    /// The app takes a held message back.
    pub(super) fn withdraw(&mut self, request: &RequestId) -> Result<Receipt> {
        let (room, item) = self.item_of(request)?;
        let held = matches!(item.work()?, Work::Message(work) if work.held);
        ensure(held, Code::BadArgument, "the message is not held")?;
        let mut session = self.open(&room)?;
        session.row.messages = session.row.messages.saturating_sub(1);
        self.drop_item(&room, &item)?;
        self.close(session)?;
        Ok(self.receipt(request)?.unwrap_or_default())
    }

    /// Who joined after an epoch, and whether label or policy changed since.
    fn readers_since(&self, room: &RoomId, epoch: u64) -> Result<(Vec<UserId>, bool)> {
        let after = keys::joined(room, epoch);
        let mut users = std::collections::BTreeSet::new();
        let mut rules = false;
        let rows = self.draft.scan(&keys::joined_in(room), Some(&after), limits::OUTBOX)?;
        // More than can be looked through counts as a change.
        rules |= rows.len() == limits::OUTBOX;
        for (_, row) in rows {
            let row: JoinedRow = rows::parse(&row, "joined")?;
            rules |= row.rules;
            for user in &row.users {
                users.insert(UserId::parse(user)?);
            }
        }
        Ok((users.into_iter().collect(), rules))
    }
}

/// The last entry that this device has processed.
fn seen(session: &Session<'_>) -> Result<Seen> {
    Ok(Seen { seq: session.row.seq, hash: Hash::from_slice(&session.row.hash)? })
}

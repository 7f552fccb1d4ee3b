//! Following a room's log: entry after entry, each checked against the chain, the hub's
//! signed head and the room's rules before it changes anything.

use core::time::Duration;
use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::{
    Event, Marking,
    call::Call,
    index::{Noted, Placed},
    keys,
    rows::{self, JoinedRow, PendingRow, Work},
    session::Session,
};
use crate::{
    code::Code,
    content::{Content, Frame, Seen, Terms, kind},
    crypto,
    error::{Error, Result, ensure},
    identity::{DeviceCertificate, UserChain, VerifiedDevice, View},
    ids::{AgencyId, Device, Hash, MessageId, UserId},
    limits,
    room::{
        self, Authority, Changed, PrivateState, RoomChange, RoomState, Witness,
        log::{Chained, Tail},
        member::{Incoming, ReceivedCommit},
    },
    wire::{
        Signed,
        device::RoomDelivery,
        log::{Head, LogEntry, SubmissionKind},
    },
};

/// How the device stands after an entry.
enum After {
    Here,
    /// The entry removed it; whether it may come in again by itself.
    Gone(Device, bool),
}

/// A message that could be read.
struct Read {
    sender: Device,
    id: MessageId,
    content: Content,
    terms: Terms,
}

/// The directory at a stamp, looked at when it is asked for.
struct Lazy<'v, 'a, F: Fn() -> Result<View<'v, 'a>>> {
    view: F,
    seen: Option<View<'v, 'a>>,
}

impl<'v, 'a, F: Fn() -> Result<View<'v, 'a>>> Lazy<'v, 'a, F> {
    fn view(&mut self) -> Result<&mut View<'v, 'a>> {
        match &mut self.seen {
            Some(view) => Ok(view),
            none => Ok(none.insert((self.view)()?)),
        }
    }
}

impl<'v, 'a, F: Fn() -> Result<View<'v, 'a>>> Witness for Lazy<'v, 'a, F> {
    fn verify(&mut self, certificate: &Bytes, shown: u32) -> Result<VerifiedDevice> {
        self.view()?.device_from(certificate, shown)
    }

    fn bound(&mut self, certificate: &Bytes) -> Result<VerifiedDevice> {
        self.view()?.bound(certificate)
    }

    fn stands(&mut self, claims: &DeviceCertificate) -> Result<()> {
        self.view()?.stands(claims)
    }

    fn chain(&mut self, user: &UserId, identity: &Hash) -> Result<Arc<UserChain>> {
        self.view()?.chain(user, identity)
    }
}

impl<'a> Call<'a, '_> {
    /// Processes new entries of a room. Says whether the device has come further. With
    /// `whole` the server has given everything that it has.
    pub(super) fn follow(&mut self, delivery: RoomDelivery, whole: bool) -> Result<bool> {
        let mut session = match self.open(&delivery.room) {
            Ok(session) => session,
            Err(error) if error.code() == Code::UnknownRoom => return Ok(false),
            Err(error) => return Err(error),
        };
        let before = session.row.seq;
        (session.row.stalled, session.row.astray) = (0, false);
        let chain = match self.connect(&session, &delivery) {
            Ok(chain) => chain,
            Err(error) => {
                let next = session.row.seq.saturating_add(1);
                self.stall(&mut session, next, error)?;
                return self.close(session).map(|()| false);
            }
        };
        for (tail, chained) in chain {
            if self.comes_in_by(&session.id, &chained.entry)? {
                break; // and ends its former part there, when it is told of its place
            }
            for item in delivery.items.iter().filter(|item| item.entry == chained.bytes) {
                self.accept_evidence(&item.evidence)?;
            }
            if !self.directory.has_lists(&self.draft, &chained.stamp)? {
                // They come with the next delivery; the entry waits for them. If the own
                // server does not have them either, that may take long.
                if whole {
                    let missing = Error::new(Code::MissingEvidence, "lists that the stamp names");
                    self.stall(&mut session, chained.entry.seq, missing)?;
                }
                break;
            }
            let mut applied = self.apply(&mut session, &chained);
            if applied.as_ref().is_err_and(|error| error.code() == Code::MissingEvidence) {
                // What bears it out may lie beside an entry that comes after it.
                for item in &delivery.items {
                    self.accept_evidence(&item.evidence)?;
                }
                applied = self.apply(&mut session, &chained);
            }
            match applied {
                Ok(After::Here) => {
                    session.set_tail(&tail);
                    self.tell_stale(&mut session, &chained)?;
                }
                Ok(After::Gone(by, returns)) => {
                    let (room, hub) = (session.id, session.hub()?);
                    self.stay(&room)?;
                    self.leave_behind(session, &tail, by)?;
                    if returns {
                        self.return_later(&room, &hub)?;
                    }
                    return Ok(true);
                }
                Err(error) => {
                    self.stall(&mut session, chained.entry.seq, error)?;
                    break;
                }
            }
        }
        if session.was_stalled > 0 && session.row.stalled == 0 {
            (session.row.asked, session.row.ask_due) = (0, 0);
            self.stay(&session.id)?;
        }
        self.reschedule(&mut session)?;
        self.tell_end(&mut session)?;
        self.drive(&mut session)?;
        let after = session.row.seq;
        self.forget_messages(&session.id, before, after)?;
        self.close(session)?;
        Ok(after > before)
    }

    /// Chains the entries that are new, and demands that the hub has signed the last.
    fn connect(&mut self, session: &Session<'_>, delivery: &RoomDelivery) -> Result<Vec<(Tail, Chained)>> {
        let mut tail = session.tail()?;
        let mut chain = Vec::new();
        for item in &delivery.items {
            let entry: LogEntry = crate::wire::decode(&item.entry)?;
            if entry.seq <= session.row.seq {
                continue;
            }
            let (next, chained) = tail.chain(entry, &item.entry)?;
            tail = next.clone();
            chain.push((next, chained));
        }
        if !chain.is_empty() {
            self.confirm(&session.hub()?, &tail, delivery.head.clone())?;
        }
        Ok(chain)
    }

    /// Checks a hub's signed head against a tail. One from far ahead waits until its time comes: what
    /// stands under it would end before it should (SPEC V-499).
    pub(super) fn confirm(&mut self, hub: &AgencyId, tail: &Tail, head: Signed<Head>) -> Result<()> {
        let (signer, at) = (crypto::signer(&head)?, head.claimed().at);
        let earliest = at.minus(limits::LOG_AHEAD);
        let come = earliest <= self.now() || earliest <= self.told_time(hub)?;
        ensure(come, Code::BadStamp, "head from ahead")?;
        let key = self.directory.server_key(&self.draft, hub, &signer, at)?;
        tail.confirm(head, &key).map(|_| ())
    }

    /// Processes one entry.
    fn apply(&mut self, session: &mut Session<'a>, chained: &Chained) -> Result<After> {
        let header = chained.entry.header.claimed();
        let own = header.sender == self.account.device;
        match header.kind {
            SubmissionKind::Create => self.founded(session, chained, own).map(|()| After::Here),
            SubmissionKind::Message if own => self.sent(session, chained).map(|()| After::Here),
            SubmissionKind::Message => self.message(session, chained).map(|()| After::Here),
            SubmissionKind::Proposal => self.leaving(session, chained, own),
            SubmissionKind::Commit => self.commit_entry(session, chained),
        }
    }

    fn founded(&mut self, session: &mut Session<'_>, chained: &Chained, own: bool) -> Result<()> {
        ensure(own && chained.entry.seq == 1, Code::BrokenLog, "a room is founded once")?;
        session.row.active = true;
        let name = session.private().map(|p| p.name).unwrap_or_default();
        self.event(&Event::RoomCreated { room: session.id, name })?;
        let id = *chained.entry.header.claimed().submission_id.as_bytes();
        if let Some(awaited) = self.awaited(&id)?
            && let Some(item) = self.item(&session.id, awaited.item)?
        {
            self.drop_item(&session.id, &item)?;
        }
        Ok(())
    }

    /// The device's own message has its place.
    fn sent(&mut self, session: &mut Session<'_>, chained: &Chained) -> Result<()> {
        let header = chained.entry.header.claimed();
        let Some(awaited) = self.awaited(header.submission_id.as_bytes())? else { return Ok(()) };
        let Some(item) = self.item(&session.id, awaited.item)? else { return Ok(()) };
        let Work::Message(work) = item.work()? else { return Ok(()) };
        if work.quiet {
            session.row.messages = session.row.messages.saturating_sub(1);
            return self.drop_item(&session.id, &item);
        }
        // That it was sent is believed only of what this device has signed.
        crypto::verify(chained.entry.header.clone(), &self.account.key.verify_key())?;
        let id = MessageId::from_slice(&work.id)?;
        let (seq, at) = (chained.entry.seq, chained.entry.stamp.at);
        let content = Content::decode(work.kind, Bytes::copy_from_slice(&work.content))?;
        let author = &self.account.device.user.clone();
        let lifetime = Some(Duration::from_millis(work.lifetime)).filter(|lifetime| !lifetime.is_zero());
        let said = Placed { room: session.id, seq, at, id, author, content: &content, lifetime };
        let noted = self.note(session.member.state(), &said)?;
        let (applies, expires_at) =
            noted.map_or((Vec::new(), None), |noted| (noted.applies, noted.expires_at));
        session.row.messages = session.row.messages.saturating_sub(1);
        self.drop_item(&session.id, &item)?;
        let request = item.request()?;
        self.event(&Event::Sent { request, room: session.id, seq, at, id, applies, expires_at })
    }

    /// Somebody's message. One that cannot be read is told and passed over.
    fn message(&mut self, session: &mut Session<'_>, chained: &Chained) -> Result<()> {
        let (seq, at) = (chained.entry.seq, chained.entry.stamp.at);
        let read = self.read(session, chained);
        match read {
            Ok(Read {
                sender,
                content: Content::Unsupported { kind: kind::ROOM_DESCRIPTION, bytes },
                ..
            }) => self.told(session, seq, sender, &bytes),
            Ok(Read { sender, id, content, terms }) => {
                let room = session.id;
                let (author, lifetime) = (&sender.user, terms.lifetime);
                let said = Placed { room, seq, at, id, author, content: &content, lifetime };
                let Some(Noted { applies, expires_at }) = self.note(session.member.state(), &said)? else {
                    return Ok(());
                };
                let marking = Marking::beside(terms.label, session.label().as_deref());
                self.event(&Event::Message {
                    room,
                    seq,
                    at,
                    id,
                    sender,
                    content,
                    applies,
                    marking,
                    expires_at,
                })
            }
            Err(error) if error.fails_the_call() => Err(error),
            Err(error) => {
                let sender = chained.entry.header.claimed().sender.clone();
                self.event(&Event::Unreadable { room: session.id, seq, sender, code: error.code() })
            }
        }
    }

    fn read(&mut self, session: &mut Session<'_>, chained: &Chained) -> Result<Read> {
        match self.process(session, chained)? {
            Incoming::Message { sender, plaintext } => {
                self.check_sender(session, chained, &sender)?;
                let frame = Frame::open(&Bytes::copy_from_slice(&plaintext))?;
                self.compare(session, &sender, frame.seen())?;
                let (id, content) = (frame.id(&session.id, &sender), frame.content()?);
                Ok(Read { sender, id, content, terms: frame.terms().clone() })
            }
            _ => Err(Error::new(Code::BadSubmission, "not a message")),
        }
    }

    /// The sender says inside the ciphertext which log it has seen. Where that was the entry
    /// before this one and it was another, the hub has shown two logs, or the sender lies (SPEC V-470).
    fn compare(&mut self, session: &Session<'_>, sender: &Device, seen: &Seen) -> Result<()> {
        let same = seen.seq != session.row.seq || session.row.hash == seen.hash.as_bytes();
        if same || !self.daily(b"l", &session.id.to_string())? {
            return Ok(());
        }
        let (room, hub, sender) = (session.id, session.hub()?, sender.clone());
        self.event(&Event::LogsDiffer { room, seq: seen.seq, hub, sender })
    }

    fn process(&mut self, session: &mut Session<'_>, chained: &Chained) -> Result<Incoming> {
        let provider = session.backend.provider();
        // Few entries are about certificates.
        let held = &self.cache.held;
        let view = || Ok(self.directory.view(&self.draft, &chained.stamp)?.with_held(held));
        let mut witness = Lazy { view, seen: None };
        let processed = session.member.process(&provider, &chained.entry, &mut witness);
        session.backend.check(processed)
    }

    /// A device wants to leave. If nobody stays, all are out (SPEC V-599).
    fn leaving(&mut self, session: &mut Session<'_>, chained: &Chained, own: bool) -> Result<After> {
        let device = match self.process(session, chained)? {
            Incoming::Leaving(device) => device,
            Incoming::Over(change) => {
                let (before, known) = (session.member.state().clone(), session.private());
                self.tell(session, chained.entry.seq, (&before, known), &change)?;
                return Ok(After::Gone(change.committer, false));
            }
            _ => return Err(Error::new(Code::BadProposal, "not a leaving")),
        };
        if own {
            // On to the next device, and again should a commit go without it.
            let id = *chained.entry.header.claimed().submission_id.as_bytes();
            if let Some(awaited) = self.awaited(&id)?
                && let Some(mut item) = self.item(&session.id, awaited.item)?
            {
                self.recall(&session.id, &mut item)?;
            }
        }
        self.commit_later(session, &device)?;
        Ok(After::Here)
    }

    fn commit_entry(&mut self, session: &mut Session<'a>, chained: &Chained) -> Result<After> {
        let received = match self.process(session, chained)? {
            Incoming::Commit(received) => received,
            _ => return Err(Error::new(Code::BadSubmission, "not a commit")),
        };
        let mine = session.row.pending.take();
        if let Some(pending) = &mine {
            self.no_longer_awaited(&super::outbox::id16(&pending.submission_id)?);
        }
        let won = mine.filter(|_| received.is_pending());
        self.enter_epoch(session, chained, *received, won)
    }

    /// Applies a commit and tells what it changed.
    fn enter_epoch(
        &mut self,
        session: &mut Session<'a>,
        chained: &Chained,
        received: ReceivedCommit,
        won: Option<PendingRow>,
    ) -> Result<After> {
        let before = session.member.state().clone();
        let known = session.private();
        let label = known.as_ref().map(|p| p.label.clone());
        let private = match &won {
            Some(pending) if !pending.private.is_empty() => Some(pending.private.clone()),
            Some(_) => None,
            None => received.private.as_ref().map(|p| p.encode().to_vec()),
        };
        let uninformed = received.uninformed;
        let applied = session.member.apply(&session.backend.provider(), received);
        let change = session.backend.check(applied)?;
        session.row.commit_due = 0;
        if change.removes(&self.account.device) {
            self.tell(session, chained.entry.seq, (&before, known), &change)?;
            let returns = self.may_return(session, &change)?;
            return Ok(After::Gone(change.committer, returns));
        }
        if change.state.private_hash != before.private_hash {
            session.row.private = private.unwrap_or_default();
        }
        if uninformed {
            self.tell_later(session)?;
        }
        if change.state.retention != before.retention {
            session.row.reschedule = Some(Vec::new());
        }
        let rules = change.state.policy != before.policy || session.private().map(|p| p.label) != label;
        self.note_readers(session, rules, &change)?;
        self.tell(session, chained.entry.seq, (&before, known), &change)?;
        if let Some(item) = won.filter(|won| won.item > 0)
            && let Some(item) = self.item(&session.id, item.item)?
        {
            self.finish_item(session, &item, true)?;
        }
        Ok(After::Here)
    }

    /// Remembers who joined, as long as messages are under way that were written before. Of a
    /// message that is held the app has been told, and who agrees to it agrees to all who are
    /// there then.
    fn note_readers(&mut self, session: &Session<'_>, rules: bool, change: &room::Change) -> Result<()> {
        if session.row.messages == 0 {
            self.draft.delete_prefix(keys::joined_in(&session.id));
            return Ok(());
        }
        if change.joined.is_empty() && !rules {
            return Ok(());
        }
        let users = change.joined.iter().map(ToString::to_string).collect();
        let key = keys::joined(&session.id, session.member.epoch());
        rows::write(&mut self.draft, key, &JoinedRow { users, rules });
        let mut oldest = session.member.epoch();
        for item in self.items(&session.id)? {
            if let Some(message) = item.work()?.message().filter(|message| !message.held) {
                oldest = oldest.min(message.epoch);
            }
        }
        let noted = self.draft.scan(&keys::joined_in(&session.id), None, limits::OUTBOX.saturating_add(1))?;
        // More than are looked through need not be there (`readers_since`).
        let too_many = noted.len().saturating_sub(limits::OUTBOX);
        for (place, (key, _)) in noted.into_iter().enumerate() {
            if place < too_many || key <= keys::joined(&session.id, oldest) {
                self.draft.delete(key);
            }
        }
        Ok(())
    }

    fn tell(
        &mut self,
        session: &Session<'_>,
        seq: u64,
        (before, known): (&RoomState, Option<PrivateState>),
        change: &room::Change,
    ) -> Result<()> {
        let (room, by) = (session.id, change.committer.clone());
        if !change.added.is_empty() || !change.removed.is_empty() {
            let gone = |own: bool| -> Vec<UserId> {
                let users = change.departed.iter().filter(|(_, by)| (*by == Authority::Own) == own);
                users.map(|(user, _)| user.clone()).collect::<BTreeSet<_>>().into_iter().collect()
            };
            self.event(&Event::MembersChanged {
                room,
                seq,
                by: by.clone(),
                joined: change.joined.clone(),
                left: gone(true),
                removed: gone(false),
                devices_added: change.added.iter().map(|came| came.device.clone()).collect(),
                devices_removed: change.removed.iter().map(|gone| gone.device.clone()).collect(),
                reasons: change.added.iter().chain(&change.removed).cloned().collect(),
            })?;
            self.tell_endorsed(room, seq, change.added.iter().map(|came| &came.device))?;
        }
        if change.governed {
            let private = session.private();
            let gone = change.departed.iter().map(|(user, _)| user.clone()).collect();
            let mut changes = room::between(before, &change.state, &by.user, &gone);
            if before.private_hash != change.state.private_hash {
                changes.extend(described(before, &by.user, known.as_ref(), private.as_ref()));
            }
            let name = private.map(|p| p.name);
            if !changes.is_empty() {
                self.event(&Event::RoomChanged { room, seq, by, name, changes })?;
            }
        }
        Ok(())
    }
}

/// What a room is about from now on, where the device was told.
fn described(
    state: &RoomState,
    by: &UserId,
    before: Option<&PrivateState>,
    after: Option<&PrivateState>,
) -> Vec<Changed> {
    let authority = room::describing(state, by);
    let of = |what: fn(&PrivateState) -> &String| (before.map(what).cloned(), after.map(what).cloned());
    if after.is_none() {
        return vec![Changed { what: RoomChange::Hidden, authority }];
    }
    let (name, topic, label) = (of(|p| &p.name), of(|p| &p.topic), of(|p| &p.label));
    let mut changes = Vec::new();
    let mut say = |(was, is): (Option<String>, Option<String>), what: fn(_, _) -> RoomChange| {
        if was != is {
            changes.push(Changed { what: what(was, is), authority });
        }
    };
    say(name, RoomChange::Name);
    say(topic, RoomChange::Topic);
    say(label, RoomChange::Label);
    changes
}

//! What later messages can speak of: one small row for each message, and the rules by which an
//! edit, a deletion, a reaction or a receipt applies to one (SPEC "What applies to what").
//!
//! A result is a function of the log alone, so that all who have read the same entries come to
//! the same. Text and history are the app's; the engine knows of a message who said it, when,
//! of what kind it is, and whether it is deleted.

use core::time::Duration;

use super::{
    call::Call,
    keys,
    rows::{self, MessageRow},
    session::Session,
};
use crate::{
    code::Code,
    content::{Change, Content, kind},
    error::{Error, Result},
    ids::{MessageId, RoomId, UserId},
    limits,
    room::{RoomState, may_moderate},
    store::Key,
    time::Timestamp,
};

/// Into so many parts of equal size a room's rows are divided: ids are hashes.
const PARTS: u64 = 16;
/// After so many entries of a room the next part is looked through for what is past.
const FORGOTTEN_AT_ONCE: u64 = 1_024;
/// Rows looked at in one go.
const PAGE: usize = 512;

/// What a message does to one of those that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The message that it names.
    pub target: MessageId,
    /// By what right it applies; or why it does not, as one of
    ///
    /// - [`Code::UnknownTarget`]: no such message was read here, or it has expired, or it is
    ///   farther back than [`limits::MESSAGES_INDEXED`] entries, or it is itself such a one;
    /// - [`Code::WrongTarget`]: an edit of something that has no text or caption;
    /// - [`Code::TargetDeleted`];
    /// - [`Code::NotPermitted`]: it is another user's.
    pub outcome: Result<By, Code>,
}

/// By what right a message applies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// Its sender is the other's author.
    Author,
    /// Its sender may moderate the room, and the author's role is not above theirs.
    Moderator,
    /// Whoever may send may do this.
    Anybody,
}

/// A message at its place in the log.
pub(super) struct Placed<'m> {
    pub(super) room: RoomId,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) id: MessageId,
    pub(super) author: &'m UserId,
    pub(super) content: &'m Content,
    pub(super) lifetime: Option<Duration>,
}

/// What the index says of a message that is new.
pub(super) struct Noted {
    pub(super) applies: Vec<Applied>,
    /// When it is to be deleted.
    pub(super) expires_at: Option<Timestamp>,
}

impl Call<'_, '_> {
    /// Takes a message into the index, with what it does there. `None`: it is there already.
    pub(super) fn note(&mut self, state: &RoomState, said: &Placed<'_>) -> Result<Option<Noted>> {
        let key = keys::message(&said.room, &said.id);
        if self.draft.get(&key)?.is_some() {
            return Ok(None);
        }
        let mut applies = Vec::with_capacity(said.content.targets().len());
        for target in said.content.targets() {
            applies.push(Applied { target: *target, outcome: self.apply_to(state, said, target)? });
        }
        let mut row = MessageRow { seq: said.seq, ..MessageRow::default() };
        let (kind, about_others) = (said.content.kind(), kind::is_about_others(said.content.kind()));
        if !about_others {
            (row.kind, row.author) = (kind, said.author.to_string());
        }
        // What applies to others goes with them, unless it says itself that it goes sooner.
        let alone = applies.iter().all(|applied| applied.outcome.is_err());
        if alone || said.lifetime.is_some() {
            row.at = said.at.as_millis();
            row.lifetime =
                said.lifetime.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
        self.note_files((&said.room, &said.id), said.author, said.content, &mut row);
        self.schedule(&said.room, &said.id, &mut row, state.retention);
        let expires_at = (row.due > 0).then_some(Timestamp::from_millis(row.due));
        rows::write(&mut self.draft, key, &row);
        Ok(Some(Noted { applies, expires_at }))
    }

    /// Says what a message does to one that it names, and does it.
    fn apply_to(
        &mut self,
        state: &RoomState,
        said: &Placed<'_>,
        target: &MessageId,
    ) -> Result<Result<By, Code>> {
        let key = keys::message(&said.room, target);
        let Some(mut row) = rows::read::<MessageRow>(&self.draft, &key, "message")? else {
            return Ok(Err(Code::UnknownTarget));
        };
        let outcome = judge(state, said, &row);
        if outcome.is_ok() && matches!(said.content, Content::Delete(_)) {
            // Or it would come back where another engine has found it to be past.
            self.draft.expect_unchanged(key.clone())?;
            row.deleted = true;
            self.let_files_go(&said.room, target, &mut row)?;
            rows::write(&mut self.draft, key, &row);
        }
        Ok(outcome)
    }

    /// Refuses to send what everybody would find not to apply. What is said of a message that
    /// is not known here may be about one that is still on its way.
    pub(super) fn check_targets(&self, session: &Session<'_>, content: &Content) -> Result<()> {
        let [target] = content.targets() else { return Ok(()) };
        let key = keys::message(&session.id, target);
        let Some(row) = rows::read::<MessageRow>(&self.draft, &key, "message")? else { return Ok(()) };
        let said = Placed {
            room: session.id,
            seq: session.row.seq.saturating_add(1),
            at: self.now(),
            id: *target,
            author: &self.account.device.user,
            content,
            lifetime: None,
        };
        judge(session.member.state(), &said, &row).map(|_| ()).map_err(|code| Error::new(code, "target"))
    }

    /// Forgets rows that nothing needs any more: every so often a part, so that each delivery
    /// looks at few. The last delivery has brought the room from one place to another.
    pub(super) fn forget_messages(&mut self, room: &RoomId, before: u64, after: u64) -> Result<()> {
        let (first, last) = (before / FORGOTTEN_AT_ONCE, after / FORGOTTEN_AT_ONCE);
        for turn in first.saturating_add(1)..=last.min(first.saturating_add(PARTS)) {
            self.forget_part(room, turn % PARTS, after)?;
        }
        Ok(())
    }

    fn forget_part(&mut self, room: &RoomId, part: u64, seq: u64) -> Result<()> {
        let prefix = keys::messages(room);
        let number = |key: &Key| key.get(prefix.len()).map(|byte| u64::from(byte >> 4));
        let mut from = prefix.clone();
        from.push(u8::try_from(part << 4).unwrap_or(u8::MAX));
        loop {
            let page = self.draft.scan(&prefix, Some(&from), PAGE)?;
            for (key, row) in page.iter().take_while(|(key, _)| number(key) == Some(part)) {
                let row: MessageRow = rows::parse(row, "message")?;
                if row.is_past(seq) {
                    let id = MessageId::from_slice(key.get(prefix.len()..).unwrap_or_default())?;
                    self.unname_files(room, &id, &row)?;
                    self.draft.delete(key.clone());
                }
            }
            match page.last() {
                Some((last, _)) if number(last) == Some(part) && page.len() == PAGE => {
                    from.clone_from(last);
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Whether a message applies to another (V-720 to V-723, in order).
fn judge(state: &RoomState, said: &Placed<'_>, target: &MessageRow) -> Result<By, Code> {
    let near = target.seq.saturating_add(limits::MESSAGES_INDEXED) >= said.seq;
    let expired = target.expires_at(state.retention).is_some_and(|due| due <= said.at.as_millis());
    let own = target.author == said.author.as_str();
    let known = |holds: bool, code: Code| if holds { Ok(()) } else { Err(code) };
    known(target.kind > 0 && near && !expired, Code::UnknownTarget)?;
    if let Content::Edit(edit) = said.content {
        let wanted = match edit.change() {
            Change::Text(_) => kind::TEXT,
            Change::Caption(_) => kind::ATTACHMENT,
        };
        known(target.kind == wanted, Code::WrongTarget)?;
    }
    known(!target.deleted, Code::TargetDeleted)?;
    match said.content {
        Content::Edit(_) | Content::Delete(_) if own => Ok(By::Author),
        Content::Edit(_) => Err(Code::NotPermitted),
        Content::Delete(_) => {
            let author = UserId::parse(&target.author).map_err(|_| Code::NotPermitted)?;
            known(may_moderate(state, said.author, &author), Code::NotPermitted)?;
            Ok(By::Moderator)
        }
        _ => Ok(By::Anybody),
    }
}

impl MessageRow {
    /// When the message is to be deleted, in milliseconds (V-726).
    pub(super) fn expires_at(&self, retention: u64) -> Option<u64> {
        if self.at == 0 {
            return None;
        }
        let kept = [self.lifetime, retention].into_iter().filter(|kept| *kept > 0).min();
        kept.map(|kept| self.at.saturating_add(kept))
    }

    /// Whether nothing needs the row where a room's log has come to `seq`. What expires is kept
    /// until then, however far the log goes.
    fn is_past(&self, seq: u64) -> bool {
        let kept = if self.kind > 0 { limits::MESSAGES_INDEXED } else { limits::MESSAGES_KNOWN };
        self.due == 0 && self.seq.saturating_add(kept) < seq
    }
}

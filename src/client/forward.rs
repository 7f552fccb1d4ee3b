//! Forwarding a file that servers have already: within the agency the message alone travels, to
//! people of other agencies or under another label the file is sealed anew (SPEC "Forwarding"). The own
//! server is asked first whether it can give the file, so that nobody is sent what nobody can fetch.

use core::time::Duration;

use super::{
    Output, Receipt,
    call::Call,
    fetch::chunk_wanted,
    keys,
    outbox::{Item, id16},
    rows::{self, AwaitedRow, ForwardWork, RoomRow, Work},
    session::Session,
};
use crate::{
    code::Code,
    content::{Attachment, Content},
    error::{Error, Result, ensure},
    ids::{RequestId, RoomId},
    room::PrivateState,
    store::corrupt,
    wire::{
        self,
        device::{BlobGet, BlobState, BlobsWanted, RequestBody},
    },
};

/// How long to wait before the server is asked again: at first, doubling while there is nothing new.
const WAIT: Duration = Duration::from_secs(1);
/// How often that doubles: to a minute.
const DOUBLED: u32 = 6;

impl Call<'_, '_> {
    /// Takes over from the app that it forwards a file out of another room, or the same.
    pub(super) fn forward(
        &mut self,
        request: RequestId,
        (from, room): (RoomId, RoomId),
        attachment: Attachment,
        lifetime: Option<Duration>,
    ) -> Result<Receipt> {
        let label = self.label_of(&from)?;
        let mut session = self.open(&room)?;
        session.has_room()?;
        ensure(session.row.active, Code::UnknownRoom, "the room is not founded yet")?;
        self.may_send(&session)?;
        let same = label.is_some() && label == session.label();
        ensure(same, Code::SealAnew, "the room has another label")?;
        self.stays_within(&session)?;
        let content = Content::from(attachment);
        let until = content.files().map(|file| file.expires_at.as_millis()).min().unwrap_or_default();
        ensure(!self.passed(until), Code::Expired, "the file")?;
        let work = ForwardWork {
            message: Some(self.message_work(&session, &content, lifetime)?),
            wanted: wire::encode_body(&wanted(&content)).to_vec(),
            until,
        };
        let mut item = self.enqueue(request, &room, Work::Forward(work))?;
        session.row.messages = session.row.messages.saturating_add(1);
        self.close(session)?;
        self.ask_forward(&room, &mut item)?;
        self.receipt(&request)?.ok_or(Error::new(Code::Bug, "receipt"))
    }

    /// A room's label; `None` if the device was not told.
    fn label_of(&self, room: &RoomId) -> Result<Option<String>> {
        let row: Option<RoomRow> = rows::read(&self.draft, &keys::room(room), "room")?;
        let row = row.filter(|row| !row.declined).ok_or(Error::new(Code::UnknownRoom, "room"))?;
        let private = (!row.private.is_empty()).then(|| PrivateState::stored(&row.private)).transpose()?;
        Ok(private.map(|private| private.label))
    }

    /// That everybody in the room is served by the own agency (SPEC V-693).
    fn stays_within(&self, session: &Session<'_>) -> Result<()> {
        let home = self.account.device.user.agency();
        let roster = session.member.roster()?;
        let within = roster.users().iter().all(|user| user.agency() == home);
        ensure(within, Code::SealAnew, "people of other agencies are in the room")
    }

    /// Asks the own server whether it has all of the files, or asks again.
    pub(super) fn ask_forward(&mut self, room: &RoomId, item: &mut Item) -> Result<()> {
        if !item.row.awaited.is_empty() {
            self.no_longer_awaited(&id16(&item.row.awaited)?);
        }
        let Some(Work::Forward(forward)) = &item.row.work else { return Err(corrupt("not forwarded")) };
        if self.passed(forward.until) {
            return self.forward_failed(room, item, &Error::new(Code::Expired, "the file"));
        }
        let wanted: BlobsWanted = wire::decode_body(&forward.wanted.clone().into())?;
        let id = self.random_id();
        let bytes = self.request(id, RequestBody::BlobsWanted(wanted));
        item.row.submission = bytes.to_vec();
        item.row.awaited = id.as_bytes().to_vec();
        item.row.due = self.retry_at(item.row.attempts).as_millis();
        self.keep(room, item);
        let row = AwaitedRow { room: room.as_bytes().to_vec(), item: item.number, ..AwaitedRow::default() };
        self.await_answer(id.as_bytes(), &row);
        self.output(Output::send(bytes));
        Ok(())
    }

    /// The server says how far it is with the files: the message goes once it has all of each.
    pub(super) fn forward_answered(
        &mut self,
        room: &RoomId,
        mut item: Item,
        states: Vec<BlobState>,
    ) -> Result<()> {
        // Another engine may have been answered the same: its next question would stay for ever.
        self.draft.expect_unchanged(keys::outbox_item(room, item.number))?;
        self.no_longer_awaited(&id16(&item.row.awaited)?);
        item.row.awaited.clear();
        let Some(Work::Forward(forward)) = &item.row.work else { return Ok(()) };
        let asked: BlobsWanted = wire::decode_body(&forward.wanted.clone().into())?;
        let whole = all_here(&asked, &states);
        for failure in states.into_iter().filter_map(|state| state.failure) {
            let error = failure.error(Code::Malformed, "refused by the own server");
            let comes = match error.code() {
                Code::BlobIncomplete => true,
                Code::Quota => error.retry_at().is_some(),
                _ => false,
            };
            if !comes {
                return self.forward_failed(room, &item, &error);
            }
        }
        if !whole {
            let at = self.now().plus(WAIT.saturating_mul(1 << item.row.attempts.min(DOUBLED)));
            item.row.due = at.as_millis();
            self.wake(at);
            self.keep(room, &item);
            return Ok(());
        }
        let Some(Work::Forward(forward)) = &mut item.row.work else { return Ok(()) };
        let message = forward.message.take().ok_or(corrupt("forwarded without message"))?;
        item.row.work = Some(Work::Message(message));
        item.row.submission.clear();
        self.keep(room, &item);
        let mut session = self.open(room)?;
        match self.stays_within(&session) {
            Ok(()) => self.queue_message(&mut session, item)?,
            Err(error) => self.not_sent(&mut session, &item, &error)?,
        }
        self.close(session)
    }

    fn forward_failed(&mut self, room: &RoomId, item: &Item, error: &Error) -> Result<()> {
        let mut session = self.open(room)?;
        self.not_sent(&mut session, item, error)?;
        self.close(session)
    }
}

/// Whether an answer says of each file that was asked about that all of it is here.
fn all_here(asked: &BlobsWanted, states: &[BlobState]) -> bool {
    let whole = |state: &BlobState| state.chunks > 0 && state.present == state.chunks;
    states.len() == asked.blobs.len() && states.iter().all(whole)
}

/// The question whether all of some files is here, ordered as it has to be.
fn wanted(content: &Content) -> BlobsWanted {
    let mut blobs: Vec<BlobGet> = content.files().map(|file| chunk_wanted(file, 0)).collect();
    blobs.sort_by(|a, b| (&a.origin, a.blob).cmp(&(&b.origin, b.blob)));
    BlobsWanted { blobs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::tests::fetching::file, ids::BlobId};

    /// SPEC V-694: of all files that the message names.
    #[test]
    fn an_answer_about_fewer_files_is_none() {
        let [(one, ..), (mut other, ..)] = [file(2), file(1)];
        other.blob = BlobId::from_bytes([9; 16]);
        let attachment = Attachment::new(one, "video/mp4").unwrap();
        let asked = wanted(&attachment.into());
        let here = BlobState { here: true, present: 2, chunks: 2, ..BlobState::default() };
        assert!(all_here(&asked, core::slice::from_ref(&here)));
        assert!(!all_here(&asked, &[]));
        assert!(!all_here(&asked, &[here.clone(), here.clone()]));
        assert!(!all_here(&asked, &[BlobState { present: 1, ..here.clone() }]));
        assert!(!all_here(&asked, &[BlobState { present: 0, chunks: 0, ..here.clone() }]));
        let both = BlobsWanted { blobs: [asked.blobs.clone(), vec![chunk_wanted(&other, 0)]].concat() };
        assert!(!all_here(&both, core::slice::from_ref(&here)));
        assert!(all_here(&both, &[here.clone(), here]));
    }
}

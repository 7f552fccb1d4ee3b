//! What was said before a device was there, as another device of the user hands it over (SPEC
//! "History"). The engine keeps no history: an app seals its own into a file, and another
//! one imports it. Here it is brought across, and the engine learns what messages there are, so
//! that what is said about them later applies, and they expire.

use bytes::Bytes;

use super::{
    Client, Event,
    call::Call,
    keys, rooms,
    rows::{self, FetchRow, HistoryRow, MessageRow, RoomRow},
};
use crate::{
    attachment::{ChunkList, FileRef, Header},
    code::Code,
    content::{Content, kind},
    error::{Error, Result, ensure},
    identity::HandedHistory,
    ids::{MessageId, RequestId, RoomId, UserId},
    limits,
    store::{Store, corrupt},
    time::Timestamp,
    wire,
};

/// What a device hands to the user's next one: a file in the app's own form, sealed as an
/// attachment is ([`Sealer`](crate::attachment::Sealer)). It is uploaded after the yes, however
/// long that takes; the new device fetches it once it is enrolled.
///
/// Deleted and expired messages are left out, and rooms that are not among
/// [`Client::history_rooms`]: only the app can see to that.
#[derive(Clone, Debug)]
pub struct History {
    /// For the upload: [`Output::Progress`](super::Output::Progress), [`Event::Done`] and
    /// [`Event::Failed`] name it.
    pub request: RequestId,
    /// The file. It names this device's agency as origin, and expires within
    /// [`limits::HISTORY_KEPT`].
    pub file: FileRef,
    /// The sealed file's header.
    pub header: Header,
    /// The hashes of its chunks, which lie in the host's chunk store.
    pub list: ChunkList,
    /// The rooms whose history is in it.
    pub rooms: Vec<RoomId>,
}

/// A message out of a history that was handed over, for
/// [`Command::Import`](super::Command::Import).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its place in the room's log.
    pub seq: u64,
    /// When the hub took it.
    pub at: Timestamp,
    /// Its id.
    pub id: MessageId,
    /// Who wrote it.
    pub author: UserId,
    /// What it said at first.
    pub content: Content,
    /// When it has to be deleted, as it was last known.
    pub expires_at: Option<Timestamp>,
}

impl Client {
    /// The rooms whose history may be handed to the user's next device: those that the device
    /// takes part in, and whose policy lets the user ([`Policy::hand_over`](crate::Policy::hand_over)).
    ///
    /// # Errors
    /// Failures of the store.
    pub fn history_rooms(&self, store: &dyn Store) -> Result<Vec<RoomId>> {
        rooms::taken_part_in(store, |row| row.hands_over)
    }
}

impl Call<'_, '_> {
    /// Begins to bring a history to the server. Gives what the new device is told of it.
    pub(super) fn hand_over(&mut self, history: History) -> Result<HandedHistory> {
        let History { request, file, header, list, rooms: mut of } = history;
        let latest = self.now().plus(limits::HISTORY_KEPT);
        let in_time = self.now() < file.expires_at && file.expires_at <= latest;
        ensure(in_time, Code::BadArgument, "expiry of the history")?;
        of.sort();
        of.dedup();
        ensure(!of.is_empty(), Code::BadArgument, "history of no room")?;
        let may = rooms::taken_part_in(&self.draft, |row| row.hands_over)?;
        let all = of.iter().all(|room| may.binary_search(room).is_ok());
        ensure(all, Code::HistoryStays, "history of a room")?;
        self.upload(request, &file, (&header, &list))?;
        Ok(HandedHistory { file: wire::encode_body(&file), rooms: of })
    }

    /// Fetches the history that the device was told of, now that its server knows it.
    pub(super) fn begin_history(&mut self) -> Result<()> {
        let row: Option<HistoryRow> = rows::read(&self.draft, &keys::history(), "history")?;
        let Some(row) = row else { return Ok(()) };
        let request = RequestId::from_slice(&row.request)?;
        let fetch = FetchRow { file: row.file, history: true, ..FetchRow::default() };
        self.begin_fetch(&request, fetch)
    }

    /// All of it is here.
    pub(super) fn history_fetched(&mut self, request: RequestId) -> Result<()> {
        let row: Option<HistoryRow> = rows::read(&self.draft, &keys::history(), "history")?;
        let row = row.ok_or(corrupt("no history"))?;
        self.draft.delete(keys::history());
        let rooms = row.rooms.iter().map(|room| RoomId::from_slice(room)).collect::<Result<_>>()?;
        self.event(&Event::History { request, file: file(&row.file)?, rooms })
    }

    /// Takes messages into a room's index as if they had been read here. What is there already
    /// stays as it is.
    pub(super) fn import(&mut self, room: &RoomId, messages: Vec<Imported>) -> Result<()> {
        ensure(messages.len() <= limits::IMPORTED, Code::BadArgument, "messages to import")?;
        let row: Option<RoomRow> = rows::read(&self.draft, &keys::room(room), "room")?;
        let here = row.filter(|row| row.active && !row.declined);
        let here = here.ok_or(Error::new(Code::UnknownRoom, "room"))?;
        for message in messages {
            let kept = message.expires_at.map_or(Some(0), |until| {
                let kept = until.as_millis().checked_sub(message.at.as_millis());
                kept.filter(|kept| *kept > 0)
            });
            let lifetime = kept.ok_or(Error::new(Code::BadArgument, "expiry of a message"))?;
            let kind = message.content.kind();
            let key = keys::message(room, &message.id);
            // What the device has read itself stays as it is; what nothing could apply to is left out.
            let far = message.seq.saturating_add(limits::MESSAGES_INDEXED) < here.seq;
            let no_use = kind::is_about_others(kind) || far && lifetime == 0;
            if no_use || message.seq >= here.begins || self.draft.get(&key)?.is_some() {
                continue;
            }
            let mut row = MessageRow {
                seq: message.seq,
                kind,
                author: message.author.to_string(),
                at: message.at.as_millis(),
                lifetime,
                ..MessageRow::default()
            };
            self.note_files((room, &message.id), &message.author, &message.content, &mut row);
            self.schedule(room, &message.id, &mut row, here.retention);
            self.draft.expect_unchanged(key.clone())?;
            rows::write(&mut self.draft, key, &row);
        }
        Ok(())
    }
}

/// What a history's row says of the file.
fn file(bytes: &[u8]) -> Result<FileRef> {
    wire::decode_body(&Bytes::copy_from_slice(bytes))
}

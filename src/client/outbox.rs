//! What is on its way: kept until its fate is known, sent again as it is until then.

use bytes::Bytes;

use super::{
    Output,
    call::Call,
    keys,
    rows::{self, AwaitedRow, OutboxRow, ReceiptRow, Work},
    session::Session,
};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::{MessageId, RequestId, RoomId, SubmissionId},
    limits,
    room::submission::{self, Parts, Place},
    store::corrupt,
    wire::log::SubmissionKind,
};

use super::Receipt;

/// An outbox item with its number.
pub(super) struct Item {
    pub(super) number: u64,
    pub(super) row: OutboxRow,
}

impl Item {
    pub(super) fn request(&self) -> Result<RequestId> {
        RequestId::from_slice(&self.row.request)
    }

    pub(super) fn work(&self) -> Result<&Work> {
        self.row.work.as_ref().ok_or(corrupt("outbox item without work"))
    }
}

impl Call<'_, '_> {
    /// What a request became, if it was given before.
    pub(super) fn receipt(&self, request: &RequestId) -> Result<Option<Receipt>> {
        let Some(row) = rows::read::<ReceiptRow>(&self.draft, &keys::receipt(request), "receipt")? else {
            return Ok(None);
        };
        let room = (!row.room.is_empty()).then(|| RoomId::from_slice(&row.room)).transpose()?;
        let message = (!row.message.is_empty()).then(|| MessageId::from_slice(&row.message)).transpose()?;
        Ok(Some(Receipt { room, message }))
    }

    /// Puts work into a room's outbox, under the app's request; what the engine does by itself, nobody
    /// asks for again.
    pub(super) fn enqueue(&mut self, request: RequestId, room: &RoomId, work: Work) -> Result<Item> {
        let number = self.draft.next_number(&keys::outbox_counter())?;
        let message = work.message().map(|message| message.id.clone()).unwrap_or_default();
        if !work.is_quiet() {
            let at = self.now().as_millis();
            let receipt = ReceiptRow { room: room.as_bytes().to_vec(), message, item: number, at };
            rows::write(&mut self.draft, keys::receipt(&request), &receipt);
        }
        let row = OutboxRow { request: request.as_bytes().to_vec(), work: Some(work), ..Default::default() };
        let item = Item { number, row };
        self.keep(room, &item);
        Ok(item)
    }

    pub(super) fn keep(&mut self, room: &RoomId, item: &Item) {
        rows::write(&mut self.draft, keys::outbox_item(room, item.number), &item.row);
    }

    pub(super) fn drop_item(&mut self, room: &RoomId, item: &Item) -> Result<()> {
        self.draft.delete(keys::outbox_item(room, item.number));
        if !item.row.awaited.is_empty() {
            self.no_longer_awaited(&id16(&item.row.awaited)?);
        }
        if let Some(Work::Invite(invite)) = &item.row.work {
            for claim in &invite.awaiting {
                self.no_longer_awaited(&id16(&claim.id)?);
            }
        }
        if let Some(Work::Share(share)) = &item.row.work {
            self.end_share(share)?;
        }
        Ok(())
    }

    pub(super) fn item(&self, room: &RoomId, number: u64) -> Result<Option<Item>> {
        let row = rows::read(&self.draft, &keys::outbox_item(room, number), "outbox item")?;
        Ok(row.map(|row| Item { number, row }))
    }

    /// The item of a request of the app, with its room.
    pub(super) fn item_of(&self, request: &RequestId) -> Result<(RoomId, Item)> {
        let unknown = Error::new(Code::BadArgument, "no such request under way");
        let receipt: Option<ReceiptRow> = rows::read(&self.draft, &keys::receipt(request), "receipt")?;
        let receipt = receipt.ok_or(unknown.clone())?;
        let room = RoomId::from_slice(&receipt.room)?;
        Ok((room, self.item(&room, receipt.item)?.ok_or(unknown)?))
    }

    /// A room's outbox, oldest first.
    pub(super) fn items(&self, room: &RoomId) -> Result<Vec<Item>> {
        let prefix = keys::outbox_of(room);
        let stored = self.draft.scan(&prefix, None, limits::OUTBOX)?;
        stored.iter().map(|(key, row)| parse(&prefix, key, row)).collect()
    }

    /// Signs a submission for a room's hub. Gives its id and the message that carries it.
    pub(super) fn submit(
        &mut self,
        session: &Session<'_>,
        kind: SubmissionKind,
        parts: Parts,
    ) -> Result<(SubmissionId, Bytes)> {
        let id = SubmissionId::random(self.draft.rng());
        let place = Place {
            room: session.id,
            term: session.row.term,
            epoch: session.member.epoch(),
            sender: self.account.device.clone(),
            counter: self.count_submission(id)?,
            id,
        };
        let submission = submission::sign(place, kind, parts, &self.account.key);
        Ok((id, Self::submission(submission)))
    }

    /// Gives out what an item has submitted, and keeps it until it is answered.
    pub(super) fn dispatch(&mut self, room: &RoomId, item: &mut Item, id: &[u8; 16], bytes: Bytes) {
        item.row.submission = bytes.to_vec();
        item.row.awaited = id.to_vec();
        item.row.attempts = 0;
        item.row.doubt = None;
        item.row.due = self.retry_at(0).as_millis();
        self.keep(room, item);
        let row = AwaitedRow { room: room.as_bytes().to_vec(), item: item.number, ..Default::default() };
        self.await_answer(id, &row);
        self.output(Output::send(bytes));
    }

    /// Takes back what an item has submitted: it was not taken, and waits again.
    pub(super) fn recall(&mut self, room: &RoomId, item: &mut Item) -> Result<()> {
        if !item.row.awaited.is_empty() {
            self.no_longer_awaited(&id16(&item.row.awaited)?);
        }
        item.row.submission.clear();
        item.row.awaited.clear();
        self.keep(room, item);
        Ok(())
    }
}

/// An item as scanned.
pub(super) fn parse(prefix: &[u8], key: &[u8], row: &[u8]) -> Result<Item> {
    let number = key.get(prefix.len()..).and_then(|n| <[u8; 8]>::try_from(n).ok());
    let number = u64::from_be_bytes(number.ok_or(corrupt("outbox key"))?);
    Ok(Item { number, row: rows::parse(row, "outbox item")? })
}

pub(super) fn id16(bytes: &[u8]) -> Result<[u8; 16]> {
    bytes.try_into().map_err(|_| corrupt("id"))
}

//! What the own server answers. Nothing in it is believed for the server's sake: whatever
//! matters is signed by those whom it concerns.

use bytes::Bytes;

use super::{
    Event,
    call::Call,
    documents::passed_over,
    keys,
    outbox::id16,
    rows::{self, AwaitedRow, RoomRow, Work},
    session::Session,
};
use crate::{
    code::Code,
    crypto::{self, Verified},
    error::{Error, Result},
    ids::{AgencyId, RequestId, RoomId},
    limits,
    store::corrupt,
    time::Timestamp,
    wire::{
        self, Signed,
        device::{Delivery, DeviceMessage, Failure, InboxBody, ReplyBody, ServerReply},
        log::{Evidence, Refusal, Stamp},
    },
};

impl Call<'_, '_> {
    pub(super) fn reply(&mut self, reply: ServerReply, chunk: Option<&[u8]>) -> Result<()> {
        let id = *reply.request_id.as_bytes();
        if self.cache.mailbox == Some(reply.request_id) {
            return self.letter(reply);
        }
        let awaited = self.awaited(&id)?;
        match (reply.body, awaited) {
            (ReplyBody::Delivery(delivery), _) => {
                let last = self.sync_answered(&reply.request_id)?;
                if self.account.row.not_served > 0 {
                    self.change_account(|row| row.not_served = 0)?;
                }
                let (astray, more) = (delivery.astray.iter().copied().collect(), delivery.more);
                self.delivery(delivery)?;
                if last {
                    self.go_astray(&astray)?;
                }
                if last && !more { self.listen() } else { Ok(()) }
            }
            (ReplyBody::Refusal(refusal), _) => self.refused(*refusal),
            (ReplyBody::Material(material), Some(awaited)) if awaited.invitation > 0 => {
                self.material(awaited.invitation, &material)
            }
            (ReplyBody::Stock(left), _) => {
                self.published(&reply.request_id, true)?;
                self.restock(left)
            }
            (ReplyBody::Failure(failure), awaited) => {
                let error = failure.error(Code::Malformed, "refused by the own server");
                self.failed(&reply.request_id, awaited, error)
            }
            (ReplyBody::Done, _) if self.account.row.enrol == reply.request_id.as_bytes() => self.enrolled(),
            (ReplyBody::Done, Some(awaited)) if !awaited.upload.is_empty() => {
                self.upload_answered(&awaited, &id)
            }
            (ReplyBody::Done, Some(awaited)) if !awaited.forget.is_empty() => {
                self.forget_answered(&awaited, None)
            }
            (ReplyBody::BlobInfo(info), Some(awaited)) if !awaited.fetch.is_empty() => {
                self.blob_info(&awaited, info)
            }
            (ReplyBody::BlobChunk(index), Some(awaited)) if !awaited.fetch.is_empty() => {
                self.blob_chunk(&awaited, index, chunk)
            }
            (ReplyBody::BlobStates(states), Some(awaited)) if awaited.waiting => {
                self.blob_states(states.states)
            }
            (ReplyBody::BlobStates(states), Some(awaited)) if awaited.item > 0 => {
                let room = RoomId::from_slice(&awaited.room)?;
                match self.item(&room, awaited.item)? {
                    Some(item) if matches!(item.work()?, Work::Forward(_)) => {
                        self.forward_answered(&room, item, states.states)
                    }
                    _ => Ok(()),
                }
            }
            (ReplyBody::Directory(directory), _) => self.looked_up(directory),
            (ReplyBody::Done, None) if self.looking_up(&reply.request_id)?.is_some() => self.sync(),
            (ReplyBody::Pending, Some(awaited)) if !awaited.fetch.is_empty() => self.blob_pending(&awaited),
            // A submission has been taken or is on its way: the log will show its place.
            (ReplyBody::Done | ReplyBody::Queued, Some(_)) => self.sync(),
            _ => Ok(()),
        }
    }

    /// Everything new, in the order in which later parts rest on earlier ones.
    pub(super) fn delivery(&mut self, mut delivery: Delivery) -> Result<()> {
        if let Some(list) = &delivery.trust_list {
            self.take_trust_list(list)?;
        }
        for descriptor in &delivery.descriptors {
            self.take_descriptor(descriptor)?;
        }
        for list in &delivery.revocations {
            self.take_revocations(list)?;
        }
        self.take_own_chain(&delivery.chain)?;
        let recorded = self.take_records(core::mem::take(&mut delivery.records))?;
        let (done, _) = self.inbox_done()?;
        // One further ahead than an inbox holds would have the next ones passed over.
        let ahead = |number: u64| number.checked_sub(done).and_then(|ahead| usize::try_from(ahead).ok());
        let expected = |number| ahead(number).is_some_and(|n| (1..=limits::DEVICE_INBOX).contains(&n));
        delivery.inbox.retain(|item| expected(item.number));
        let mut news = delivery.trust_list.is_some() || !delivery.descriptors.is_empty();
        news |= !delivery.inbox.is_empty() || recorded;
        let whole = delivery.trust_list.is_none() && !delivery.more;
        if !delivery.inbox.is_empty() {
            self.draft.expect_unchanged(keys::inbox())?;
        }
        let mut places = match delivery.inbox.iter().any(|i| matches!(i.body, InboxBody::Invitation(_))) {
            true => self.places_for_invitations()?,
            false => 0,
        };
        for item in delivery.inbox {
            match item.body {
                InboxBody::Invitation(invitation) => {
                    self.invited(item.number, &invitation, places > 0)?;
                    places = places.saturating_sub(1);
                }
                InboxBody::Claimed(answer) => self.claimed(answer)?,
                InboxBody::Refusal(refusal) => self.refused(*refusal)?,
                InboxBody::StockLow(left) => self.restock(left)?,
                InboxBody::Entrance(entrance) => self.entrance(*entrance)?,
                InboxBody::Directory(directory) => self.looked_up(directory)?,
            }
            let done = [item.number.to_be_bytes(), item.mark.to_be_bytes()].concat();
            self.draft.put(keys::inbox(), done);
        }
        for room in delivery.rooms {
            match room.items.is_empty() {
                true => self.heartbeat(room)?,
                false => news |= self.follow(room, whole)?,
            }
        }
        match delivery.more {
            true if news => self.sync(),
            // Asking at once would bring the same again.
            true => {
                self.retry_at(0);
                Ok(())
            }
            false => Ok(()),
        }
    }

    /// The last inbox item taken over: its number and its mark.
    pub(super) fn inbox_done(&self) -> Result<(u64, u64)> {
        let Some(row) = self.draft.get(&keys::inbox())? else { return Ok((0, 0)) };
        let (number, mark) = row.split_first_chunk::<8>().ok_or(corrupt("inbox"))?;
        let mark = mark.try_into().map_err(|_| corrupt("inbox"))?;
        Ok((u64::from_be_bytes(*number), u64::from_be_bytes(mark)))
    }

    /// Takes documents over, each if it is good: what needs a bad one fails for the lack of it.
    pub(super) fn accept_evidence(&mut self, evidence: &[Evidence]) -> Result<()> {
        for document in evidence {
            if let Evidence::Descriptor(bytes) = document {
                self.take_descriptor(bytes)?;
            }
        }
        let links = evidence.iter().filter_map(|document| match document {
            Evidence::ChainLink(bytes) => Some(bytes),
            Evidence::Descriptor(_) => None,
        });
        let links: Vec<_> = links.cloned().collect();
        let before = self.directory.removals(&self.draft)?;
        match self.directory.accept_chain(&mut self.draft, &links) {
            Ok(taken) => self.took_links(taken)?,
            Err(error) => passed_over(Err(error))?,
        }
        // A device that is gone may be in other rooms.
        if self.directory.removals(&self.draft)? != before { self.look_at_rooms() } else { Ok(()) }
    }

    /// A hub's word that it did not take a submission; without its signature it is nothing.
    fn refused(&mut self, refusal: Signed<Refusal>) -> Result<()> {
        let id = *refusal.claimed().submission_id.as_bytes();
        let Some(awaited) = self.awaited(&id)? else { return Ok(()) };
        let room = RoomId::from_slice(&awaited.room)?;
        if awaited.joins {
            return self.entering_refused(&room, refusal);
        }
        if room != refusal.claimed().room || refusal.claimed().sender != self.account.device {
            return Ok(());
        }
        let Some(row) = rows::read::<RoomRow>(&self.draft, &keys::room(&room), "room")? else {
            return Ok(());
        };
        let refusal = match self.signed_by_hub(&row, refusal) {
            Err(error) if error.fails_the_call() => return Err(error),
            Err(_) => return Ok(()),
            Ok(refusal) => refusal,
        };
        let mut session = self.open(&room)?;
        let failure = Failure { reason: refusal.reason, retry_at: refusal.retry_at };
        let error = failure.error(Code::Malformed, "refused by the hub");
        let code = error.code();
        if !session.row.active
            && let Some(item) = self.item(&room, awaited.item)?
        {
            return self.not_founded(session, &item, error);
        }
        self.wait_for_log(&mut session, &refusal, awaited.item, code)?;
        self.no_longer_awaited(&id);
        if awaited.item == 0 {
            self.commit_refused(&mut session, &id, error)?;
        } else if let Some(item) = self.item(&room, awaited.item)? {
            self.item_refused(&mut session, item, error)?;
        }
        self.drive(&mut session)?;
        self.close(session)?;
        self.sync()
    }

    /// Something was refused because of entries that the device has not processed: it waits
    /// for them. So it does where the hub takes the present epoch for a passed one, which only
    /// a new entry can make true. In case the hub is wrong, it does not wait for ever, but
    /// ever longer.
    fn wait_for_log(
        &mut self,
        session: &mut Session<'_>,
        refusal: &Refusal,
        item: u64,
        code: Code,
    ) -> Result<()> {
        let next = session.row.seq.saturating_add(1);
        let present = match (item, &session.row.pending) {
            // Any commit in the log would have ended it; one for somebody's leaving is made anew.
            (0, Some(pending)) => code == Code::WrongEpoch || pending.item == 0,
            (0, None) => false,
            _ => code == Code::WrongEpoch && self.epoch_of(session, item)? == Some(session.member.epoch()),
        };
        if refusal.seq < next && !present {
            return Ok(());
        }
        session.row.wait_for = refusal.seq.max(next);
        if Timestamp::from_millis(session.row.wait_until) <= self.now() {
            session.row.wait_until = self.retry_at(session.row.waited).as_millis();
            session.row.waited = session.row.waited.saturating_add(1);
        }
        Ok(())
    }

    /// The epoch for which an item's submission was made.
    fn epoch_of(&self, session: &Session<'_>, item: u64) -> Result<Option<u64>> {
        let Some(item) = self.item(&session.id, item)?.filter(|item| !item.row.submission.is_empty()) else {
            return Ok(None);
        };
        Ok(match wire::decode(&Bytes::from(item.row.submission))? {
            DeviceMessage::Submission(submission) => Some(submission.header.claimed().epoch),
            DeviceMessage::Request(_) | DeviceMessage::Guest(_) => None,
        })
    }

    /// By a key that was the hub's at the room's last entry. The own clock has no say, unless
    /// the hub has a new key since.
    fn signed_by_hub(&self, row: &RoomRow, refusal: Signed<Refusal>) -> Result<Verified<Refusal>> {
        let (hub, signer) = (AgencyId::parse(&row.hub)?, crypto::signer(&refusal)?);
        let key = |at| self.directory.server_key(&self.draft, &hub, &signer, at);
        let key = match row.stamp.is_empty() {
            true => key(self.now()),
            false => {
                let stamp: Stamp = wire::decode_body(&Bytes::copy_from_slice(&row.stamp))?;
                match key(stamp.at) {
                    Err(error) if !error.fails_the_call() => key(self.now()),
                    key => key,
                }
            }
        };
        crypto::verify(refusal, &key?)
    }

    /// The server's word that it does not serve this device any more, told once. It is not
    /// signed, and changes nothing here. One that does not know the device, for its store was put back, is
    /// told of it again.
    fn not_served(&mut self, code: Code) -> Result<()> {
        let number = u32::from(code.number());
        let about_the_device = matches!(code, Code::Revoked | Code::Expired | Code::UnknownDevice);
        if !about_the_device || !self.account.row.enrolled || self.account.row.not_served == number {
            return Ok(());
        }
        self.change_account(|row| row.not_served = number)?;
        self.event(&Event::NotServed { code })?;
        if code == Code::UnknownDevice { self.begin_enrolment() } else { Ok(()) }
    }

    fn commit_refused(&mut self, session: &mut Session<'_>, id: &[u8; 16], refused: Error) -> Result<()> {
        let Some(pending) = session.row.pending.take_if(|pending| pending.submission_id == id) else {
            return Ok(());
        };
        let discarded = session.member.discard_commit(&session.backend.provider());
        session.backend.check(discarded)?;
        if refused.code() == Code::WrongEpoch || pending.item == 0 {
            return Ok(()); // made anew when the log has been read
        }
        match self.item(&session.id, pending.item)? {
            Some(item) if self.invites_anew(&session.id, &item, refused.code())? => Ok(()),
            Some(item) => self.fail_item(session, &item, refused),
            None => Ok(()),
        }
    }

    fn item_refused(
        &mut self,
        session: &mut Session<'_>,
        mut item: super::outbox::Item,
        refused: Error,
    ) -> Result<()> {
        let message = item.work()?.message().is_some();
        if refused.code() == Code::WrongEpoch {
            self.recall(&session.id, &mut item)?;
            if message {
                session.row.waiting = session.row.waiting.saturating_add(1);
            }
            return Ok(());
        }
        if message {
            return self.not_sent(session, &item, &refused);
        }
        self.fail_item(session, &item, refused)
    }

    /// The own server did not do something. What may succeed later is tried again then.
    fn failed(&mut self, request: &RequestId, awaited: Option<AwaitedRow>, refused: Error) -> Result<()> {
        let code = refused.code();
        if code == Code::StoreRolledBack {
            if !self.rolled_back(request, awaited.is_some())? {
                return Ok(());
            }
            self.change_account(|row| row.halted = true)?;
            return self.event(&Event::StoreRolledBack);
        }
        if self.looking_up(request)?.is_some() {
            return self.look_up_failed(request, &refused);
        }
        if self.account.row.enrol == request.as_bytes() {
            return self.enrolment_refused(*request, &refused);
        }
        let Some(awaited) = awaited else {
            self.not_served(code)?;
            return self.published(request, false);
        };
        if code == Code::WrongEpoch {
            return Ok(()); // only the hub's signature says that
        }
        if awaited.joins {
            return self.entering_failed(&RoomId::from_slice(&awaited.room)?, &refused);
        }
        if awaited.invitation > 0 {
            return self.no_material(awaited.invitation, code);
        }
        if !awaited.fetch.is_empty() {
            return self.fetch_refused(&awaited, &refused);
        }
        if !awaited.upload.is_empty() {
            return self.upload_refused(&awaited, request.as_bytes(), &refused);
        }
        if !awaited.forget.is_empty() {
            return self.forget_answered(&awaited, Some(&refused));
        }
        if awaited.waiting {
            return Ok(()); // asked again when it is due
        }
        let room = RoomId::from_slice(&awaited.room)?;
        // Another engine may have settled it: it would come back.
        self.draft.expect_unchanged(keys::outbox_item(&room, awaited.item))?;
        let Some(mut item) = self.item(&room, awaited.item)? else { return Ok(()) };
        if let Some(retry_at) = refused.retry_at() {
            item.row.due = self.advised(retry_at).as_millis();
            self.keep(&room, &item);
            return Ok(());
        }
        if matches!(item.work()?, Work::Invite(_)) && item.row.awaited != request.as_bytes() {
            return self.claim_failed(&room, item, request, &refused);
        }
        let mut session = self.open(&room)?;
        if matches!(item.work()?, Work::Create(_)) {
            return self.not_founded(session, &item, refused);
        }
        if matches!(code, Code::UnknownRoom | Code::NotMember) && !self.knows_rooms(&session, &mut item)? {
            return self.close(session);
        }
        if item.row.awaited == request.as_bytes() {
            self.no_longer_awaited(&id16(&item.row.awaited)?);
        }
        self.item_refused(&mut session, item, refused)?;
        self.close(session)
    }
}

/// A reply as bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<ServerReply> {
    wire::decode(&Bytes::copy_from_slice(bytes))
}

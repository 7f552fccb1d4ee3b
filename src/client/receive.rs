//! What the own server answers. Nothing in it is believed for the server's sake: whatever
//! matters is signed by those whom it concerns.

use bytes::Bytes;

use super::{
    Event,
    call::Call,
    keys,
    outbox::id16,
    rows::{self, AwaitedRow, ProblemRow, RoomRow, Work},
    session::Session,
};
use crate::{
    code::{Code, Kind},
    crypto::{self, Verified},
    error::{Error, Result},
    ids::{AgencyId, RequestId, RoomId},
    limits, room,
    store::corrupt,
    time::Timestamp,
    wire::{
        self, Signed,
        device::{ClaimAnswer, Delivery, DeviceMessage, InboxBody, Keys, ReplyBody, ServerReply},
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
                self.sync_answered(&reply.request_id)?;
                if self.account.row.not_served > 0 {
                    self.change_account(|row| row.not_served = 0)?;
                }
                self.delivery(delivery)
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
                let code = failure.reason.code().unwrap_or(Code::Malformed);
                self.failed(&reply.request_id, awaited, code, failure.retry_at.as_millis())
            }
            (ReplyBody::Done, _) if self.account.row.enrol == reply.request_id.as_bytes() => self.enrolled(),
            (ReplyBody::Done, Some(awaited)) if !awaited.upload.is_empty() => self.upload_answered(&awaited),
            (ReplyBody::Done, Some(awaited)) if awaited.item > 0 => {
                let room = RoomId::from_slice(&awaited.room)?;
                match self.item(&room, awaited.item)? {
                    Some(item) if matches!(item.work()?, Work::Share(_)) => self.share_answered(&room, item),
                    _ => self.sync(),
                }
            }
            (ReplyBody::BlobInfo(info), Some(awaited)) if !awaited.fetch.is_empty() => {
                self.blob_info(&awaited, info)
            }
            (ReplyBody::BlobChunk(index), Some(awaited)) if !awaited.fetch.is_empty() => {
                self.blob_chunk(&awaited, index, chunk)
            }
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
        let done = self.inbox_done()?;
        // One further ahead than an inbox holds would have the next ones passed over.
        let ahead = |number: u64| number.checked_sub(done).and_then(|ahead| usize::try_from(ahead).ok());
        let expected = |number| ahead(number).is_some_and(|n| (1..=limits::DEVICE_INBOX).contains(&n));
        delivery.inbox.retain(|item| expected(item.number));
        let mut news = delivery.trust_list.is_some() || !delivery.descriptors.is_empty();
        news |= !delivery.inbox.is_empty();
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
            }
            self.draft.put(keys::inbox(), item.number.to_be_bytes().to_vec());
        }
        for room in delivery.rooms {
            news |= self.follow(room, whole)?;
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

    pub(super) fn inbox_done(&self) -> Result<u64> {
        let row = self.draft.get(&keys::inbox())?;
        row.map_or(Ok(0), |row| row.try_into().map(u64::from_be_bytes).map_err(|_| corrupt("inbox")))
    }

    /// Takes documents over, each if it is good: what needs a bad one fails for the lack of it.
    pub(super) fn accept_evidence(&mut self, evidence: &[Evidence]) -> Result<()> {
        let own = self.account.device.user.agency().clone();
        for document in evidence {
            if let Evidence::Descriptor(bytes) = document {
                self.take_descriptor(bytes)?;
            }
        }
        let links = evidence.iter().filter_map(|document| match document {
            Evidence::ChainLink(bytes) => Some(bytes),
            Evidence::Descriptor(_) => None,
        });
        let before = self.may_change(links)?;
        let accepted = self.directory.accept_evidence(&mut self.draft, evidence);
        self.believed(&own, accepted.map(|_| ()))?;
        self.tell_changed(before)
    }

    /// Key packages that an invitation waits for.
    fn claimed(&mut self, answer: ClaimAnswer) -> Result<()> {
        let Some(awaited) = self.awaited(answer.claim_id.as_bytes())? else { return Ok(()) };
        let room = RoomId::from_slice(&awaited.room)?;
        let Some(mut item) = self.item(&room, awaited.item)? else { return Ok(()) };
        if let Some(descriptor) = &answer.descriptor {
            let accepted = self.directory.accept_descriptor(&mut self.draft, descriptor);
            self.believed(&answer.agency, accepted.map(|_| ()))?;
        }
        let Some(Work::Invite(mut invite)) = item.row.work.take() else { return Ok(()) };
        let agency = answer.agency.to_string();
        if !invite.awaiting.contains(&agency) {
            return Ok(());
        }
        invite.awaiting.retain(|waiting| *waiting != agency);
        for asked in answer.users {
            if *asked.user.agency() != answer.agency || !invite.users.contains(&asked.user.to_string()) {
                continue;
            }
            let found = match asked.keys {
                Ok(keys) => self.usable(&asked.user, keys)?,
                Err(reason) => Err(reason.code().unwrap_or(Code::NoKeyPackage)),
            };
            match found {
                Ok(packages) => invite.packages.extend(packages),
                Err(_) if asked.user == self.account.device.user => {}
                Err(code) => invite
                    .problems
                    .push(ProblemRow { user: asked.user.to_string(), code: code.number().into() }),
            }
        }
        item.row.work = Some(Work::Invite(invite));
        self.keep(&room, &item);
        let mut session = self.open(&room)?;
        self.drive(&mut session)?;
        self.close(session)
    }

    /// The key packages that are good and belong to the user; the code of the first that is
    /// not if none is.
    fn usable(&mut self, user: &crate::ids::UserId, keys: Keys) -> Result<Result<Vec<Vec<u8>>, Code>> {
        let before = self.may_change(&keys.chain)?;
        let accepted = self.directory.accept_chain(&mut self.draft, &keys.chain);
        self.tell_changed(before)?;
        if let Err(error) = accepted {
            return if matches!(error.kind(), Kind::Store | Kind::Bug) {
                Err(error)
            } else {
                Ok(Err(error.code()))
            };
        }
        match self.directory.check_suite(&self.draft, user.agency(), room::SUITE_NUMBER, self.now()) {
            Err(error) if error.code() == Code::UnknownSuite => return Ok(Err(error.code())),
            Err(error) if matches!(error.kind(), Kind::Store | Kind::Bug) => return Err(error),
            // What is missing here, the key packages lack as well.
            _ => {}
        }
        let mut good = Vec::new();
        let mut code = Code::NoKeyPackage;
        for package in keys.packages {
            match self.check_package(&package) {
                Ok(checked) if checked.device.device().user == *user => {
                    let device = checked.device.device();
                    if *device != self.account.device {
                        good.push(package.to_vec());
                    }
                    if device.user == self.account.device.user {
                        self.companion_is_there(device)?;
                    }
                }
                Ok(_) => code = Code::CertificateMismatch,
                Err(error) if matches!(error.kind(), Kind::Store | Kind::Bug) => return Err(error),
                Err(error) => code = error.code(),
            }
        }
        Ok(if good.is_empty() { Err(code) } else { Ok(good) })
    }

    /// A hub's word that it did not take a submission; without its signature it is nothing.
    fn refused(&mut self, refusal: Signed<Refusal>) -> Result<()> {
        let id = *refusal.claimed().submission_id.as_bytes();
        let Some(awaited) = self.awaited(&id)? else { return Ok(()) };
        let room = RoomId::from_slice(&awaited.room)?;
        if room != refusal.claimed().room || refusal.claimed().sender != self.account.device {
            return Ok(());
        }
        let Some(row) = rows::read::<RoomRow>(&self.draft, &keys::room(&room), "room")? else {
            return Ok(());
        };
        let refusal = match self.signed_by_hub(&row, refusal) {
            Err(error) if matches!(error.kind(), Kind::Store | Kind::Bug) => return Err(error),
            Err(_) => return Ok(()),
            Ok(refusal) => refusal,
        };
        let mut session = self.open(&room)?;
        let code = refusal.reason.code().unwrap_or(Code::Malformed);
        if !session.row.active
            && let Some(item) = self.item(&room, awaited.item)?
        {
            return self.not_founded(session, &item, code);
        }
        self.wait_for_log(&mut session, &refusal, awaited.item, code)?;
        self.no_longer_awaited(&id);
        if awaited.item == 0 {
            self.commit_refused(&mut session, &id, code)?;
        } else if let Some(item) = self.item(&room, awaited.item)? {
            self.item_refused(&mut session, item, code)?;
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
                key(stamp.at).or_else(|_| key(self.now()))
            }
        };
        crypto::verify(refusal, &key?)
    }

    /// The server's word that it does not serve this device any more, told once. It is not
    /// signed, and changes nothing here.
    fn not_served(&mut self, code: Code) -> Result<()> {
        let number = u32::from(code.number());
        let about_the_device = matches!(code, Code::Revoked | Code::Expired | Code::UnknownDevice);
        if !about_the_device || !self.account.row.enrolled || self.account.row.not_served == number {
            return Ok(());
        }
        self.change_account(|row| row.not_served = number)?;
        self.event(&Event::NotServed { code })
    }

    fn commit_refused(&mut self, session: &mut Session<'_>, id: &[u8; 16], code: Code) -> Result<()> {
        let Some(pending) = session.row.pending.take_if(|pending| pending.submission_id == id) else {
            return Ok(());
        };
        let discarded = session.member.discard_commit(&session.backend.provider());
        session.backend.check(discarded)?;
        if code == Code::WrongEpoch || pending.item == 0 {
            return Ok(()); // made anew when the log has been read
        }
        match self.item(&session.id, pending.item)? {
            Some(item) => self.fail_item(session, &item, Error::new(code, "refused by the hub")),
            None => Ok(()),
        }
    }

    fn item_refused(
        &mut self,
        session: &mut Session<'_>,
        mut item: super::outbox::Item,
        code: Code,
    ) -> Result<()> {
        let refused = Error::new(code, "refused by the hub");
        let message = matches!(item.work()?, Work::Message(_) | Work::Share(_));
        if code == Code::WrongEpoch {
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
    fn failed(
        &mut self,
        request: &RequestId,
        awaited: Option<AwaitedRow>,
        code: Code,
        retry_at: u64,
    ) -> Result<()> {
        if code == Code::StoreRolledBack {
            if !self.rolled_back(request, awaited.is_some())? {
                return Ok(());
            }
            self.change_account(|row| row.halted = true)?;
            return self.event(&Event::StoreRolledBack);
        }
        if self.account.row.enrol == request.as_bytes() {
            return self.enrolment_refused(*request, code);
        }
        let Some(awaited) = awaited else {
            self.not_served(code)?;
            return self.published(request, false);
        };
        if code == Code::WrongEpoch {
            return Ok(()); // only the hub's signature says that
        }
        if awaited.invitation > 0 {
            return self.no_material(awaited.invitation, code);
        }
        if !awaited.fetch.is_empty() {
            return self.fetch_refused(&awaited, code);
        }
        if !awaited.upload.is_empty() {
            return self.upload_refused(&awaited, code, retry_at);
        }
        let room = RoomId::from_slice(&awaited.room)?;
        let Some(mut item) = self.item(&room, awaited.item)? else { return Ok(()) };
        if retry_at > 0 {
            let furthest = self.now().as_millis().saturating_add(limits::RETRY_MAX_MILLIS);
            item.row.due = retry_at.min(furthest);
            self.keep(&room, &item);
            return Ok(());
        }
        let mut session = self.open(&room)?;
        if matches!(item.work()?, Work::Create(_)) {
            return self.not_founded(session, &item, code);
        }
        if item.row.awaited == request.as_bytes() {
            self.no_longer_awaited(&id16(&item.row.awaited)?);
        }
        self.item_refused(&mut session, item, code)?;
        self.close(session)
    }
}

/// A reply as bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<ServerReply> {
    wire::decode(&Bytes::copy_from_slice(bytes))
}

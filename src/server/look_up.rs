//! Directories asked: ours, by our devices and by other agencies; theirs, for our devices. An
//! agency that is asked learns which agency asks, and not which of its users.

use super::{
    call::Call,
    keys,
    packages::NO_ROOM,
    quota::Quota,
    rows::{AskedRow, DeviceName, Pending},
};
use crate::{
    code::Code,
    crypto::sign,
    error::{Error, Result, ensure},
    ids::{AgencyId, Device, RequestId},
    limits,
    time::Timestamp,
    wire::{
        Signed,
        device::{Directory, DirectoryAnswer, Failure, InboxBody, LookUp, Page, Query, ReplyBody},
        encode_body,
        link::{LinkItem, LinkLookUp},
    },
};

const OF_DEVICE: Quota = Quota { at_once: limits::LOOK_UPS, every: limits::LOOK_UPS_EVERY };
const OF_AGENCY: Quota =
    Quota { at_once: limits::LOOK_UPS_OF_AGENCY, every: limits::LOOK_UPS_OF_AGENCY_EVERY };

impl Call<'_, '_> {
    /// Looks up for one of our devices: here at once, elsewhere by a question whose answer comes
    /// into its inbox (SPEC V-594).
    pub(super) fn look_up(&mut self, device: &Device, id: RequestId, look_up: LookUp) -> Result<ReplyBody> {
        let agency = look_up.agency.clone();
        if agency == self.own.agency {
            self.take(keys::look_ups_of_device(device), OF_DEVICE, 1)?;
            let page = self.found(&agency, &look_up)?;
            let answer = self.signed_answer(id, look_up, Ok(page));
            let descriptor = self.directory.descriptor_at(&self.draft, &agency, self.now())?.bytes().clone();
            return Ok(ReplyBody::Directory(Directory { answer: answer.into(), descriptor }));
        }
        let key = keys::asked(&id);
        if let Some(row) = self.read::<AskedRow>(&key)? {
            ensure(row.device()? == *device, Code::BadField, "look-up of another device")?;
            return Ok(ReplyBody::Done);
        }
        self.active(&agency)?;
        self.take(keys::look_ups_of_device(device), OF_DEVICE, 1)?;
        self.draft.expect_unchanged(key.clone())?;
        self.write(key.clone(), &AskedRow::new(device, &agency));
        self.drop_later(self.now().plus(limits::LOOK_UP_KEPT), &key);
        let item = LinkItem::LookUp(LinkLookUp { look_up_id: id, look_up });
        self.queue_for_a_while(&agency, *id.as_bytes(), &item);
        Ok(ReplyBody::Done)
    }

    /// Another agency asks. It is counted and answered as a whole.
    pub(super) fn peer_look_up(&mut self, from: &AgencyId, asked: LinkLookUp) -> Result<()> {
        ensure(asked.look_up.agency == self.own.agency, Code::NotForUs, "look-up")?;
        let page = self.attempt(|call| {
            call.take(keys::look_ups_of_agency(from), OF_AGENCY, 1)?;
            call.found(from, &asked.look_up)
        })?;
        if page.is_err() {
            self.take(keys::refusals_of_agency(from), OF_AGENCY, 1)?;
        }
        let outcome = page.map_err(|error| Failure::of(&error));
        let answer = self.signed_answer(asked.look_up_id, asked.look_up, outcome);
        let unique = self.random();
        self.queue_for_a_while(from, unique, &LinkItem::DirectoryAnswer(Box::new(answer)));
        Ok(())
    }

    /// Queues what is of no use to anybody after a time: for an agency that cannot be reached, no more of
    /// it waits than is asked in that time.
    pub(super) fn queue_until(&mut self, to: &AgencyId, unique: [u8; 16], item: &LinkItem, until: Timestamp) {
        let now = self.now();
        self.queue(to, (now, &NO_ROOM, 0), unique, Pending::Item(encode_body(item)));
        let row = keys::LinkKeys::with(to).pending_at(now, &NO_ROOM, 0, &unique);
        self.drop_later(until, &row);
    }

    fn queue_for_a_while(&mut self, to: &AgencyId, unique: [u8; 16], item: &LinkItem) {
        self.queue_until(to, unique, item, self.now().plus(limits::LOOK_UP_KEPT));
    }

    /// The answer for one of our devices: once, from whom was asked (SPEC V-595).
    pub(super) fn peer_answer(&mut self, from: &AgencyId, answer: Signed<DirectoryAnswer>) -> Result<()> {
        let key = keys::asked(&answer.claimed().look_up_id);
        let unasked = Error::new(Code::NotForUs, "directory answer");
        let row: AskedRow = self.read(&key)?.ok_or(unasked.clone())?;
        let asked = row.agency == from.as_str() && answer.claimed().look_up.agency == *from;
        ensure(asked, Code::NotForUs, "directory answer")?;
        let descriptor = self.directory.descriptor(&self.draft, from)?.ok_or(unasked)?.bytes().clone();
        self.draft.expect_unchanged(key.clone())?;
        self.draft.delete(key);
        let body = InboxBody::Directory(Directory { answer: answer.into(), descriptor });
        self.put_inbox(&row.device()?, body)
    }

    fn found(&self, asking: &AgencyId, look_up: &LookUp) -> Result<Page> {
        match &look_up.query {
            Query::User(user) => self.look_up_user(asking, user),
            Query::Users(search) => self.search_users(asking, search),
            Query::Rooms(search) => self.search_rooms(asking, search),
        }
    }

    fn signed_answer(
        &self,
        look_up_id: RequestId,
        look_up: LookUp,
        outcome: Result<Page, Failure>,
    ) -> Signed<DirectoryAnswer> {
        let answer = DirectoryAnswer { look_up_id, look_up, at: self.now(), outcome };
        sign(answer, &[&self.own.key]).into_signed()
    }
}

impl AskedRow {
    fn new(device: &Device, agency: &AgencyId) -> Self {
        AskedRow { device: Some(DeviceName::of(device)), agency: agency.to_string() }
    }

    fn device(&self) -> Result<Device> {
        self.device.as_ref().ok_or(crate::store::corrupt("look-up"))?.device()
    }
}

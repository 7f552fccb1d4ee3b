//! Bringing in the user's next device (SPEC "Linking a device"). The stages are values that the
//! app holds ([`Sponsor`], [`Candidate`]; [`Newcomer`], [`Asking`]); here they meet the store.

use bytes::Bytes;

use super::{
    Client, Output,
    call::Call,
    enrol, keys, reach,
    rows::{self, LinkedRow, RoomRow},
    safety,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::{Asking, Candidate, Handover, Newcomer, Sponsor, VerifiedDevice},
    ids::{Hash, RequestId, RoomId},
    limits,
    store::{Ctx, Draft, Store, Transition, corrupt},
    wire::{
        self,
        device::{DeviceMessage, LinkGuest, LinkHost, LinkLetter, ReplyBody, RequestBody, ServerReply},
    },
};

/// What a new device was told by the one that endorsed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linked {
    /// For the agency's registrar, whose answer [`Client::enrol`] takes. Also
    /// [`Client::enrolment_request`], until then.
    pub request: Vec<u8>,
    /// The app's word to itself.
    pub settings: Vec<u8>,
    /// The user's rooms, which the user's other devices bring this one into.
    pub rooms: Vec<RoomId>,
}

impl Client {
    /// Makes a link code for the user's next device; [`LinkCode::text`](crate::identity::LinkCode::text) is shown as a QR code. The
    /// request of whoever has scanned it goes to [`Sponsor::receive`].
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::StoreRolledBack`] after a rollback.
    pub fn show_link_code(&mut self, ctx: Ctx<'_>) -> Result<Sponsor> {
        let mut call = Call::ready(ctx, &mut self.cache)?;
        let (user, now) = (call.account.device.user.clone(), call.now());
        Ok(Sponsor::open(user, now, call.draft.rng()))
    }

    /// The user has been shown who asks, and says yes: endorses the device and tells it what it
    /// needs, with at most [`limits::LINK_SETTINGS`] bytes of the app's own. Gives the reply. A no
    /// is [`Candidate::refuse`].
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::TooLong`]; [`Code::Expired`] if the user took too
    /// long; [`Code::CertificateMismatch`] for a request to another user's device; what the rules
    /// of the user's chain demand.
    pub fn confirm_link(&mut self, ctx: Ctx<'_>, candidate: Candidate, settings: Vec<u8>) -> Result<Vec<u8>> {
        let call = Call::ready(ctx, &mut self.cache)?;
        ensure(settings.len() <= limits::LINK_SETTINGS, Code::TooLong, "settings")?;
        let chain = call.directory.chain(&call.draft, &call.account.device.user)?;
        let chain = chain.ok_or(Error::new(Code::NotReady, "device is not enrolled"))?;
        let handover = call.handover(settings, chain.identity())?;
        candidate.confirm(&chain, &call.account.key, handover, call.now())
    }

    /// The user has been shown whose device this is to be ([`Newcomer::user`]), and says yes: makes
    /// the device, unless the store holds it since an earlier try, and asks. Gives the request, for
    /// the device that shows the code.
    ///
    /// # Errors
    /// [`Code::CertificateMismatch`] if the store holds another user's device; [`Code::BadArgument`]
    /// if it is enrolled already; as [`Newcomer::ask`].
    pub fn ask_to_link(
        &mut self,
        ctx: Ctx<'_>,
        newcomer: Newcomer,
        name: &str,
    ) -> Result<Transition<(Vec<u8>, Asking), Output>> {
        let mut draft = Draft::new(ctx);
        let device = match enrol::unenrolled(&draft)? {
            Some(device) => device,
            None => enrol::make(&mut draft, newcomer.user().clone())?,
        };
        let now = draft.now();
        let asked = newcomer.ask(&device, name, now, draft.rng())?;
        draft.finish(asked)
    }

    /// Takes the reply: what the user has set elsewhere holds here too, and the device is to be
    /// enrolled under the identity that it was told, and no other.
    ///
    /// # Errors
    /// [`Code::LinkRefused`]; [`Code::Expired`]; [`Code::BadCiphertext`] if it is not the reply to
    /// this request; [`Code::CertificateMismatch`] if it is not for this device.
    pub fn linked(
        &mut self,
        ctx: Ctx<'_>,
        asking: Asking,
        reply: &[u8],
    ) -> Result<Transition<Linked, Output>> {
        let mut draft = Draft::new(ctx);
        let device = enrol::unenrolled(&draft)?.ok_or(Error::new(Code::NotReady, "no device"))?;
        let now = draft.now();
        let said = asking.receive(&device, reply, now)?;
        draft.expect_unchanged(keys::linked())?;
        let row = LinkedRow { identity: said.identity.as_bytes().to_vec(), request: said.request.to_vec() };
        rows::write(&mut draft, keys::linked(), &row);
        draft.put(keys::admission(), reach::admission_row(said.admission));
        for name in &said.blocked {
            draft.put(keys::blocked(name), Vec::new());
        }
        for (user, number) in &said.verified {
            draft.put(keys::verified(user), number.to_vec());
        }
        draft.finish(Linked { request: said.request.to_vec(), settings: said.settings, rooms: said.rooms })
    }

    /// What [`Client::linked`] gave for the registrar, until the device is enrolled.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn enrolment_request(&self, store: &dyn Store) -> Result<Option<Vec<u8>>> {
        Ok(linked(store)?.map(|row| row.request))
    }
}

/// Over the own server, where the two have no better way. It sees when, and how long.
impl Client {
    /// The device that shows the code: opens the mailbox [`LinkCode::mailbox`] and asks for the
    /// request in it, until [`Output::Letter`] brings one; or leaves the reply. One mailbox at a
    /// time is open for a device, for [`limits::MAILBOX_KEPT`].
    ///
    /// [`LinkCode::mailbox`]: crate::identity::LinkCode::mailbox
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::TooLong`].
    pub fn host_mailbox(
        &mut self,
        ctx: Ctx<'_>,
        mailbox: [u8; 16],
        reply: Option<&[u8]>,
    ) -> Result<Transition<RequestId, Output>> {
        ensure(reply.is_none_or(|r| r.len() <= limits::LINK_REPLY), Code::TooLong, "link reply")?;
        let mut call = Call::ready(ctx, &mut self.cache)?;
        let id = call.random_id();
        call.cache.mailbox = Some(id);
        let reply = reply.map(Bytes::copy_from_slice);
        call.ask(id, RequestBody::LinkHost(LinkHost { mailbox, reply }));
        call.finish(id)
    }

    /// The device that is to be linked: leaves the request in the mailbox [`Asking::mailbox`], or
    /// asks for the reply, until [`Output::Letter`] brings one.
    /// [`Code::LinkOver`]: somebody else was here first, with the code; have another one shown.
    ///
    /// # Errors
    /// [`Code::NotReady`] before [`Client::ask_to_link`]; [`Code::TooLong`].
    pub fn guest_mailbox(
        &mut self,
        ctx: Ctx<'_>,
        mailbox: [u8; 16],
        request: Option<&[u8]>,
    ) -> Result<Transition<RequestId, Output>> {
        ensure(request.is_none_or(|r| r.len() <= limits::LINK_REQUEST), Code::TooLong, "link request")?;
        let mut call = Call::begin(ctx, &mut self.cache)?;
        let request_id = call.random_id();
        call.cache.mailbox = Some(request_id);
        let request = request.map(Bytes::copy_from_slice);
        let guest = DeviceMessage::Guest(LinkGuest { request_id, mailbox, request });
        call.output(Output::send(wire::encode(&guest)));
        call.finish(request_id)
    }
}

fn linked(store: &dyn Store) -> Result<Option<LinkedRow>> {
    store.get(&keys::linked())?.map(|row| rows::parse(&row, "link")).transpose()
}

impl Call<'_, '_> {
    /// What the next device is told.
    fn handover(&self, settings: Vec<u8>, identity: &Hash) -> Result<Handover> {
        let mut rooms = Vec::new();
        let prefix = keys::rooms();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            if row.active && !row.declined {
                rooms.push(RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?);
            }
        }
        let mut blocked: Vec<String> =
            reach::blocked(&self.draft)?.iter().map(|party| party.name().to_owned()).collect();
        blocked.sort();
        let mut verified = safety::all_verified(&self.draft)?;
        verified.sort();
        verified.truncate(limits::LINK_VERIFIED);
        Ok(Handover {
            request: Bytes::new(),
            identity: *identity,
            settings,
            rooms,
            admission: reach::admission_number(reach::admission(&self.draft)?),
            blocked,
            verified,
        })
    }

    /// What the server says of a mailbox.
    pub(super) fn letter(&mut self, reply: ServerReply) -> Result<()> {
        let letter = match reply.body {
            ReplyBody::Letter(LinkLetter(letter)) => Ok(Some(letter)),
            ReplyBody::Failure(failure) => Err(failure.reason.code().unwrap_or(Code::Malformed)),
            _ => Ok(None),
        };
        self.cache.mailbox = None;
        self.output(Output::Letter { request: reply.request_id, letter });
        Ok(())
    }

    /// That a device which was linked is enrolled as the one who linked it (SPEC V-288).
    pub(super) fn check_linked(&mut self, enrolled: &VerifiedDevice) -> Result<()> {
        if let Some(row) = linked(&self.draft)? {
            let same = row.identity == enrolled.identity().as_bytes();
            ensure(same, Code::CertificateMismatch, "enrolment under another identity")?;
            self.draft.delete(keys::linked());
        }
        Ok(())
    }
}

//! Bringing in the user's next device (SPEC "Linking a device"). The stages are values that the
//! app holds ([`Sponsor`], [`Candidate`]; [`Newcomer`], [`Asking`]); here they meet the store.

use bytes::Bytes;

use super::{
    Client, Output,
    call::Call,
    enrol,
    history::History,
    keys, reach, rooms,
    rows::{self, HistoryRow, LinkedRow},
    safety,
};
use crate::{
    attachment::FileRef,
    code::Code,
    error::{Error, Result, ensure},
    identity::{Asking, Candidate, HandedHistory, Handover, Newcomer, Sponsor, VerifiedDevice},
    ids::{Hash, RequestId, RoomId},
    limits,
    store::{Ctx, Draft, Store, Transition},
    time::Timestamp,
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
    /// The user's rooms. The device that has answered brings this one into them by itself; into those
    /// into which it does not, this one comes by itself, soon after it is enrolled.
    pub rooms: Vec<RoomId>,
    /// What was said before, if this device has asked for it and is handed anything. It is
    /// fetched by itself once the device is enrolled: [`Event::History`](super::Event::History), or
    /// [`Event::Failed`](super::Event::Failed).
    pub history: Option<LinkedHistory>,
}

/// A history that is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkedHistory {
    /// Under which it is fetched.
    pub request: RequestId,
    /// The rooms whose history is in it.
    pub rooms: Vec<RoomId>,
    /// Its length in bytes.
    pub size: u64,
}

/// What goes with a yes.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    /// The app's word to itself, at most [`limits::LINK_SETTINGS`] bytes.
    pub settings: Vec<u8>,
    /// What was said before: only to a device that asks for it
    /// ([`Candidate::asks_history`]), and if the user agrees.
    pub history: Option<History>,
    /// Of a role: the device is one for a shift, until then (exclusive), as by [`Client::delegate`].
    /// `None`: for good.
    pub until: Option<Timestamp>,
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

    /// The user has been shown who asks, and says yes: endorses the device, tells it what it
    /// needs, and from now on brings it into every room as soon as it is enrolled. Gives the
    /// reply. A no is [`Candidate::refuse`].
    ///
    /// # Errors
    /// [`Code::NotReady`] before enrolment; [`Code::TooLong`]; [`Code::Expired`] if the user took too
    /// long; [`Code::CertificateMismatch`] for a request to another user's device; what the rules
    /// of the user's chain demand. For a history: [`Code::BadArgument`] if the device has not
    /// asked, for no rooms or for an expiry that is not within [`limits::HISTORY_KEPT`];
    /// [`Code::HistoryStays`] for a room that is not among [`Client::history_rooms`]; as for
    /// [`Command::Share`](super::Command::Share) if the file does not fit together.
    pub fn confirm_link(
        &mut self,
        ctx: Ctx<'_>,
        candidate: Candidate,
        with: Confirmation,
    ) -> Result<Transition<Vec<u8>, Output>> {
        let mut call = Call::ready(ctx, &mut self.cache)?;
        let Confirmation { settings, history, until } = with;
        ensure(settings.len() <= limits::LINK_SETTINGS, Code::TooLong, "settings")?;
        ensure(candidate.asks_history() || history.is_none(), Code::BadArgument, "nobody asked for history")?;
        let chain = call.directory.chain(&call.draft, &call.account.device.user)?;
        let chain = chain.ok_or(Error::new(Code::NotReady, "device is not enrolled"))?;
        let mut handover = call.handover(settings, chain.identity())?;
        handover.history = history.map(|history| call.hand_over(history)).transpose()?;
        call.expect_companion(candidate.device(), until)?;
        let now = call.now();
        let reply = candidate.confirm(&chain, &call.account.key, (until, handover), now)?;
        call.finish(reply)
    }

    /// The user has been shown whose device this is to be ([`Newcomer::user`]), and says yes: makes
    /// the device, unless the store holds it since an earlier try, and asks; `history`, whether
    /// the user wants to have here what was said before. Gives the request, for the device that
    /// shows the code.
    ///
    /// # Errors
    /// [`Code::CertificateMismatch`] if the store holds another user's device; [`Code::BadArgument`]
    /// if it is enrolled already; as [`Newcomer::ask`].
    pub fn ask_to_link(
        &mut self,
        ctx: Ctx<'_>,
        newcomer: Newcomer,
        name: &str,
        history: bool,
    ) -> Result<Transition<(Vec<u8>, Asking), Output>> {
        let mut draft = Draft::new(ctx);
        let device = match enrol::unenrolled(&draft)? {
            Some(device) => device,
            None => enrol::make(&mut draft, newcomer.user().clone())?,
        };
        let now = draft.now();
        let asked = newcomer.ask(&device, (name, history), now, draft.rng())?;
        draft.finish(asked)
    }

    /// Takes the reply: what the user has set elsewhere holds here too, and the device is to be
    /// enrolled under the identity that it was told, and no other.
    ///
    /// # Errors
    /// [`Code::LinkRefused`]; [`Code::Expired`]; [`Code::BadCiphertext`] if it is not the reply to
    /// this request; [`Code::CertificateMismatch`] if it is not for this device; [`Code::BadField`] or
    /// [`Code::BadGeometry`] for a history that nobody asked for or that is none.
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
        let history = said.history.map(|history| told_history(&mut draft, history)).transpose()?;
        if history.is_none() {
            draft.delete(keys::history());
        }
        draft.expect_unchanged(keys::linked())?;
        let row = LinkedRow {
            identity: said.identity.as_bytes().to_vec(),
            request: said.request.to_vec(),
            rooms: said.rooms.iter().map(|room| room.as_bytes().to_vec()).collect(),
            enrolled: false,
        };
        rows::write(&mut draft, keys::linked(), &row);
        draft.put(keys::admission(), reach::admission_row(said.admission));
        for name in &said.blocked {
            draft.put(keys::blocked(name), Vec::new());
        }
        for (user, number) in &said.verified {
            draft.put(keys::verified(user), number.to_vec());
        }
        let (request, settings, rooms) = (said.request.to_vec(), said.settings, said.rooms);
        draft.finish(Linked { request, settings, rooms, history })
    }

    /// What [`Client::linked`] gave for the registrar, until the device is enrolled.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn enrolment_request(&self, store: &dyn Store) -> Result<Option<Vec<u8>>> {
        Ok(linked(store)?.filter(|row| !row.enrolled).map(|row| row.request))
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

/// Keeps what the device is told of a history, until it is enrolled and can fetch it (SPEC V-383).
pub(super) fn told_history(draft: &mut Draft<'_>, history: HandedHistory) -> Result<LinkedHistory> {
    let device = enrol::device(draft.snapshot())?;
    let file: FileRef = wire::decode_body(&history.file)?;
    file.geometry()?;
    ensure(file.origin == *device.user.agency(), Code::BadField, "history at another agency")?;
    let request = RequestId::random(draft.rng());
    let row = HistoryRow {
        request: request.as_bytes().to_vec(),
        file: history.file.to_vec(),
        rooms: history.rooms.iter().map(|room| room.as_bytes().to_vec()).collect(),
    };
    rows::write(draft, keys::history(), &row);
    Ok(LinkedHistory { request, rooms: history.rooms, size: file.size })
}

fn linked(store: &dyn Store) -> Result<Option<LinkedRow>> {
    store.get(&keys::linked())?.map(|row| rows::parse(&row, "link")).transpose()
}

impl Call<'_, '_> {
    /// What the next device is told.
    fn handover(&self, settings: Vec<u8>, identity: &Hash) -> Result<Handover> {
        let rooms = rooms::taken_part_in(&self.draft, |_| true)?;
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
            history: None,
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
            rows::write(&mut self.draft, keys::linked(), &LinkedRow { enrolled: true, ..row });
        }
        Ok(())
    }

    /// A device that was linked is known to its server now: it comes into its user's rooms.
    pub(super) fn linked_rooms(&mut self) -> Result<()> {
        if let Some(row) = linked(&self.draft)? {
            self.draft.delete(keys::linked());
            self.come_into_linked(&row.rooms)?;
        }
        Ok(())
    }
}

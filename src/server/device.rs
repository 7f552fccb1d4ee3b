//! Messages of our devices: who asks, what for, and the answer.

use bytes::Bytes;

use super::{
    Reply,
    call::Call,
    hub::{Fate, Submitted},
    keys::{self, DeviceKeys, RoomKeys},
    rows::{DeviceRow, DeviceState, Pending, read_wire},
};
use crate::{
    code::Code,
    crypto::{VerifyKey, verify},
    error::{Error, Result, ensure, fault},
    ids::{AgencyId, Device, RequestId},
    limits,
    room::submission,
    store::{Key, corrupt},
    time::Timestamp,
    wire::{
        Signed, decode,
        device::{
            DeviceMessage, DeviceRequest, Failure, GetMaterial, Invitation, LastSubmission, ReplyBody,
            RequestBody, ServerReply,
        },
        encode, encode_body,
        link::LinkItem,
        log::{Evidence, RoomMaterial, Submission, SubmissionHeader, SubmissionKind},
    },
};

impl Call<'_, '_> {
    pub(super) fn device(&mut self, message: &[u8]) -> Result<Reply> {
        let message: DeviceMessage = decode(&Bytes::copy_from_slice(message))?;
        let (request_id, answer) = match message {
            DeviceMessage::Request(request) => {
                (request.claimed().request_id, self.attempt(|call| call.request(*request))?)
            }
            DeviceMessage::Submission(submission) => {
                let id = RequestId::from_bytes(*submission.header.claimed().submission_id.as_bytes());
                (id, self.attempt(|call| call.submission(*submission))?)
            }
            DeviceMessage::Guest(guest) => (guest.request_id, self.attempt(|call| call.link_guest(guest))?),
        };
        let body = answer.unwrap_or_else(|error| ReplyBody::Failure(Failure::of(&error)));
        let bytes = encode(&ServerReply { request_id, body }).to_vec();
        Ok(Reply { bytes, chunk: self.beside.take() })
    }

    fn request(&mut self, request: Signed<DeviceRequest>) -> Result<ReplyBody> {
        // V-541
        ensure(request.claimed().agency == self.own.agency, Code::NotForUs, "request")?;
        if matches!(request.claimed().body, RequestBody::Enrol(_)) {
            return self.enrol(request);
        }
        let (row, key) = self.known_device(&request.claimed().device)?;
        // V-543
        let request = verify(request, &key)?;
        if matches!(request.body, RequestBody::Claim(_)) {
            return self.claim(request, row.certificate);
        }
        let DeviceRequest { device, body, request_id, .. } = request.into_inner();
        match body {
            RequestBody::Publish(publish) => self.publish(&device, &publish),
            RequestBody::Sync(sync) => self.sync(&device, &sync),
            RequestBody::GetMaterial(wanted) => self.get_material(&device, &wanted),
            RequestBody::BlobBegin(begin) => self.blob_begin(&device, &begin),
            RequestBody::BlobPut(put) => self.blob_put(&device, &put),
            RequestBody::BlobOpen(open) => self.blob_open(&device, &open),
            RequestBody::BlobGet(get) => self.blob_get(&device, &get),
            RequestBody::BlobForget(forget) => self.blob_forget(&device, forget),
            RequestBody::BlobsWanted(wanted) => self.blobs_wanted(&device, &wanted),
            RequestBody::LinkHost(host) => self.link_host(&device, host),
            RequestBody::GetEntrance(wanted) => self.get_entrance(&device, wanted),
            RequestBody::LookUp(look_up) => self.look_up(&device, request_id, look_up),
            RequestBody::Enrol(_) | RequestBody::Claim(_) => Err(Error::new(Code::Bug, "request")),
        }
    }

    /// A device that is enrolled here.
    pub(super) fn enrolled(&self, device: &Device) -> Result<Option<DeviceRow>> {
        self.read(&keys::enrolled(device))
    }

    /// A device that is enrolled here and whose certificate is valid, with its key (SPEC V-542).
    fn known_device(&mut self, device: &Device) -> Result<(DeviceRow, VerifyKey)> {
        let Some(row) = self.enrolled(device)? else {
            self.directory.check_not_removed(&self.draft, device)?;
            return fault(Code::UnknownDevice, "request");
        };
        self.check_current(device, &row)?;
        let key = self.stored_key(&row.key)?;
        Ok((row, key))
    }

    /// That a device's certificate is valid, not revoked by the newest list, and the device not
    /// removed from its user's chain (SPEC V-542, V-566, V-307).
    pub(super) fn check_current(&self, device: &Device, row: &DeviceRow) -> Result<()> {
        ensure(self.now() < Timestamp::from_millis(row.not_after), Code::Expired, "device certificate")?;
        self.directory.check_not_removed(&self.draft, device)?;
        self.directory.check_not_revoked(&self.draft, device, row.serial)
    }

    /// Takes a submission into the log of a room that is ordered here, or passes it on to
    /// the hub.
    fn submission(&mut self, submission: Submission) -> Result<ReplyBody> {
        let header = submission.header.claimed();
        // V-508
        ensure(*header.sender.user.agency() == self.own.agency, Code::NotForUs, "submission")?;
        if let Some(fate) = self.fate(header)? {
            return answer(&fate);
        }
        // Before anything is noted about the device: it is its own word.
        let (_, key) = self.known_device(&header.sender)?;
        submission::verify(&submission, &key)?;
        let header = header.clone();
        if let Some(code) = self.refused_before(&header)? {
            return Ok(ReplyBody::Failure(Failure::of(&Error::new(code, "submission"))));
        }
        match self.attempt(|call| call.take_or_pass_on(submission, key))? {
            Ok(reply) => Ok(reply),
            Err(error) => self.not_passed_on(&header, &error),
        }
    }

    /// What is refused here stays refused: a copy of it that comes late must not be passed on after
    /// its author was told that it was not. With a commit its author goes on asking (SPEC V-598).
    fn not_passed_on(&mut self, header: &SubmissionHeader, refused: &Error) -> Result<ReplyBody> {
        if refused.code() == Code::StoreRolledBack {
            self.note_used_twice(header)?;
        }
        let again = header.kind == SubmissionKind::Commit || refused.retry_at().is_some();
        if !again && refused.code() != Code::StoreRolledBack {
            // It uses up its counter, so that there are no more of these than of counters.
            if let Err(error) = self.count(header) {
                return match error.code() {
                    Code::StoreRolledBack => self.not_passed_on(header, &error),
                    _ => Err(error),
                };
            }
            let counter = DeviceKeys::of(&header.sender).counter(header.counter);
            let id = header.submission_id.as_bytes().as_slice();
            self.draft.put(counter, [id, &refused.code().number().to_be_bytes()].concat());
        }
        Ok(ReplyBody::Failure(Failure::of(refused)))
    }

    /// Why a submission was not passed on before.
    fn refused_before(&self, header: &SubmissionHeader) -> Result<Option<Code>> {
        let row = self.draft.get(&DeviceKeys::of(&header.sender).counter(header.counter))?;
        let code =
            row.as_deref().and_then(|row| of_submission(row, header)).and_then(|code| code.try_into().ok());
        let code = code.map(|code| Code::from_number(u16::from_be_bytes(code)));
        code.map(|code| code.ok_or(corrupt("refused submission"))).transpose()
    }

    fn take_or_pass_on(&mut self, submission: Submission, key: VerifyKey) -> Result<ReplyBody> {
        let header = submission.header.claimed();
        let hub = match self.room(&header.room)? {
            Some(room) => Some(room.hub()?),
            None => self.entrance_hub(&header.sender, &header.room)?,
        };
        match hub {
            Some(hub) if hub != self.own.agency => self.pass_to_hub(&hub, submission),
            None if header.kind != SubmissionKind::Create => fault(Code::UnknownRoom, "submission"),
            _ => {
                self.count(header)?;
                answer(&self.decide(&Submitted { submission: &submission, verified: Some(key) })?)
            }
        }
    }

    /// Passes a submission on: its fate comes with the log or into the inbox. What has been
    /// passed on may have been taken, whatever has become of its sender or of the hub since: only the
    /// hub's word or the log says what its fate is. Where that does not come, it goes once more (SPEC V-567).
    fn pass_to_hub(&mut self, hub: &AgencyId, submission: Submission) -> Result<ReplyBody> {
        let header = submission.header.claimed().clone();
        let counter = DeviceKeys::of(&header.sender).counter(header.counter);
        let row = self.draft.get(&counter)?;
        if let Some(passed_on) = row.as_deref().and_then(|row| of_submission(row, &header)) {
            // Another one of its name and counter was not passed on, but taken here.
            let again = Error::new(Code::StoreRolledBack, "counter");
            let (first, last) = read_times(passed_on).ok_or(again)?;
            let is_due = last > self.now() || last.plus(limits::LOST_AGAIN) <= self.now();
            // A hub that has refused it knows so for twice as long at least.
            if is_due && self.now() < first.plus(limits::REFUSAL_KEPT / 2) {
                self.draft.guard(DeviceKeys::of(&header.sender).guard())?;
                let place = (Timestamp::ZERO, first.min(self.now()));
                self.queue_submission(hub, place, counter, submission);
            }
            return Ok(ReplyBody::Queued);
        }
        self.active(hub)?;
        let spans = self.spans(&header.room, &header.sender)?;
        // Or it comes in by this very submission, as it has told.
        let enters = header.kind == SubmissionKind::Commit
            && self.entrance_hub(&header.sender, &header.room)?.as_ref() == Some(hub);
        ensure(spans.is_open() || enters, Code::NotMember, "submission")?;
        if self.count(&header)? {
            self.queue_submission(hub, (self.now(), self.now()), counter, submission);
        }
        Ok(ReplyBody::Queued)
    }

    /// Queues a submission for its hub, at a place of its own, and notes when, and when it was the first time.
    fn queue_submission(
        &mut self,
        hub: &AgencyId,
        (at, first): (Timestamp, Timestamp),
        counter: Key,
        submission: Submission,
    ) {
        let header = submission.header.claimed();
        let (room, place, id) = (header.room, header.counter, *header.submission_id.as_bytes());
        let times = [first, self.now()].map(|time| time.as_millis().to_be_bytes()).concat();
        self.draft.put(counter, [id.as_slice(), &times].concat());
        let item = encode_body(&LinkItem::Submission(Box::new(submission)));
        self.queue(hub, (at, &room, place), id, Pending::Item(item));
    }

    /// Notes the counter of a submission (SPEC V-516); says whether it is new. A counter that was used
    /// for another submission, or one long past, shows that the device's store has been put
    /// back to an earlier state.
    fn count(&mut self, header: &SubmissionHeader) -> Result<bool> {
        let keys = DeviceKeys::of(&header.sender);
        let id = header.submission_id.as_bytes().as_slice();
        if let Some(used) = self.draft.get(&keys.counter(header.counter))? {
            ensure(used.starts_with(id), Code::StoreRolledBack, "counter")?;
            return Ok(false);
        }
        let mut state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
        let earliest = state.counter.saturating_sub(limits::COUNTERS);
        ensure(header.counter >= earliest, Code::StoreRolledBack, "counter")?;
        self.draft.guard(keys.guard())?;
        self.draft.put(keys.counter(header.counter), id.to_vec());
        if header.counter > state.counter {
            state.counter = header.counter;
            self.forget_counters(&keys, &mut state)?;
            self.write(keys.state(), &state);
        }
        Ok(true)
    }

    /// The device may never hear that a submission was refused for its counter, so it is told whenever it synchronises.
    fn note_used_twice(&mut self, header: &SubmissionHeader) -> Result<()> {
        let keys = DeviceKeys::of(&header.sender);
        let used = self.draft.get(&keys.counter(header.counter))?;
        if used.is_some_and(|used| of_submission(&used, header).is_none()) {
            self.draft.guard(keys.guard())?;
            let state: DeviceState = self.read(&keys.state())?.unwrap_or_default();
            self.write(keys.state(), &DeviceState { used_twice: true, ..state });
        }
        Ok(())
    }

    /// A device that has forgotten what it submitted, or has used a counter twice, has an old store (SPEC V-546).
    pub(super) fn check_submitted(
        &self,
        device: &Device,
        state: &DeviceState,
        last: Option<&LastSubmission>,
    ) -> Result<()> {
        let known = match last {
            Some(last) if last.counter == state.counter => {
                self.draft.get(&DeviceKeys::of(device).counter(last.counter))?
            }
            _ => None,
        };
        let same = known.zip(last).is_none_or(|(known, last)| known.starts_with(last.id.as_bytes()));
        let counter = last.map_or(0, |last| last.counter);
        ensure(!state.used_twice && counter >= state.counter && same, Code::StoreRolledBack, "sync")
    }

    /// Forgets counters long past, many at once so that most submissions do not.
    fn forget_counters(&mut self, keys: &DeviceKeys, state: &mut DeviceState) -> Result<()> {
        let done = state.counter.saturating_sub(limits::COUNTERS.saturating_add(1));
        if done < state.counter_done.saturating_add(limits::COUNTERS / 8) {
            return Ok(());
        }
        let most = usize::try_from(limits::COUNTERS).unwrap_or(usize::MAX).saturating_mul(2);
        for (key, _) in self.draft.scan(&keys.counters(), None, most)? {
            if key >= keys.counter(done.saturating_add(1)) {
                break;
            }
            self.draft.delete(key);
        }
        state.counter_done = done;
        Ok(())
    }

    /// What goes with an invitation: for a device that has it and has not joined yet.
    /// Beside what the hub has sent it is given the hub's descriptors, the newest and the one
    /// under which the invitation's head was signed, for nobody of that agency need be in the room.
    fn get_material(&self, device: &Device, wanted: &GetMaterial) -> Result<ReplyBody> {
        let spans = self.spans(&wanted.room, device)?;
        let invited = spans.spans.iter().any(|span| span.from == wanted.seq);
        ensure(invited, Code::UnknownRoom, "material")?;
        let row = self.draft.get(&RoomKeys::of(&wanted.room).material(wanted.seq))?;
        let mut material: RoomMaterial = read_wire(row.ok_or(Error::new(Code::Expired, "material"))?)?;
        let hub = self.room(&wanted.room)?.ok_or(corrupt("room"))?.hub()?;
        let newest = self.directory.descriptor(&self.draft, &hub)?;
        let invitation = self.draft.get(&RoomKeys::of(&wanted.room).invitation(wanted.seq))?;
        let invited_at = match invitation {
            Some(row) => read_wire::<Invitation>(row)?.head.claimed().at,
            None => self.now(),
        };
        let former = self.former_descriptor(&hub, invited_at)?;
        for descriptor in newest.into_iter().chain(former) {
            let descriptor = Evidence::Descriptor(descriptor.bytes().clone());
            if !material.evidence.contains(&descriptor) && material.evidence.len() < limits::EVIDENCE {
                material.evidence.push(descriptor);
            }
        }
        Ok(ReplyBody::Material(material))
    }
}

/// What stands in a counter's row after the submission that used it, if it is this one: nothing; why it was
/// refused here; when it was passed on first, and last.
fn of_submission<'r>(row: &'r [u8], header: &SubmissionHeader) -> Option<&'r [u8]> {
    row.strip_prefix(header.submission_id.as_bytes())
}

fn read_times(row: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (first, last) = row.split_first_chunk()?;
    let time = |bytes| Timestamp::from_millis(u64::from_be_bytes(bytes));
    Some((time(*first), time(last.try_into().ok()?)))
}

/// What the device is told of a submission's fate.
fn answer(fate: &Fate) -> Result<ReplyBody> {
    Ok(match fate {
        Fate::Accepted => ReplyBody::Done,
        Fate::Refused(refusal) => ReplyBody::Refusal(Box::new(Signed::decode(refusal)?)),
    })
}

//! Rooms that the device takes part in no more: what was on its way has failed, the keys go,
//! and the place stays known, so that no invitation from before leads back.

use super::{
    Event,
    call::Call,
    keys,
    outbox::{Item, id16},
    rows::{self, DepartedRow, RoomRow, Work},
    session::Session,
    stalled::is_lost,
};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::{Device, RoomId},
};

impl<'a> Call<'a, '_> {
    /// The log, or its user's own will, ends the device's part in a room at place `seq`.
    pub(super) fn leave_behind(&mut self, session: Session<'a>, seq: u64, by: Device) -> Result<()> {
        self.event(&Event::Left { room: session.id, seq, by })?;
        self.fail_outbox(&session)?;
        let row = DepartedRow { seq, at: self.now().as_millis() };
        rows::write(&mut self.draft, keys::departed(&session.id), &row);
        self.forget_room(session)
    }

    /// The hub does not take a room that this device wanted to found: it never was, and nothing that was
    /// to be done in it comes about.
    pub(super) fn not_founded(&mut self, session: Session<'a>, item: &Item, why: Error) -> Result<()> {
        let request = item.request()?;
        for other in self.items(&session.id)? {
            // Those who were to be invited with it are of the same request.
            if other.request()? == request {
                self.drop_item(&session.id, &other)?;
            }
        }
        self.event(&Event::failed(request, &why))?;
        self.fail_outbox(&session)?;
        self.forget_room(session)
    }

    /// Whatever a room's outbox holds comes to nothing; but leaving has come about.
    pub(super) fn fail_outbox(&mut self, session: &Session<'_>) -> Result<()> {
        let room = &session.id;
        if let Some(pending) = &session.row.pending {
            self.no_longer_awaited(&id16(&pending.submission_id)?);
        }
        for item in self.items(room)? {
            self.drop_item(room, &item)?;
            let request = item.request()?;
            match item.work()? {
                Work::Leave(leave) if leave.quiet => {}
                Work::Leave(_) => self.event(&Event::Done { request })?,
                work if work.is_quiet() => {}
                Work::Invite(invite) => {
                    self.tell_broken_off(session, request, invite, &Error::new(Code::NotMember, "left"))?;
                }
                _ => self.event(&Event::failed(request, &Error::new(Code::NotMember, "left")))?,
            }
        }
        Ok(())
    }

    /// Whether an invitation at place `seq` is from before the device was removed.
    pub(super) fn is_past(&self, room: &RoomId, seq: u64) -> Result<bool> {
        let row: Option<DepartedRow> = rows::read(&self.draft, &keys::departed(room), "departure")?;
        Ok(row.is_some_and(|departed| seq <= departed.seq))
    }

    /// Whether the device was to leave a room and cannot ask for it, since its log cannot be followed.
    pub(super) fn leaves_in_vain(&self, room: &RoomId, row: &RoomRow) -> Result<bool> {
        if !is_lost(row) {
            return Ok(false);
        }
        let mut items = self.items(room)?.into_iter();
        items.try_fold(false, |leaves, item| Ok(leaves || matches!(item.work()?, Work::Leave(_))))
    }

    /// Leaves a room whose log cannot be followed. Nothing can be proposed there, so it is
    /// forgotten here, and the others remove the device when they see fit.
    pub(super) fn leave_stalled(&mut self, session: Session<'a>) -> Result<()> {
        let (seq, by) = (session.row.seq, self.account.device.clone());
        self.leave_behind(session, seq, by)
    }
}

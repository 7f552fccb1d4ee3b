//! Rooms that the device takes part in no more: what was on its way has failed, the keys go,
//! and the place stays known, so that no invitation from before leads back, nor a hub that has lost what came
//! before it (SPEC V-458).

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
    error::{Error, Result, ensure, holds},
    ids::{Device, RoomId},
    room::log::Tail,
    wire::device::Invitation,
};

/// What an entry that would bring the device into a room is, beside where its last stay there has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    After,
    /// It was ordered before.
    Before,
    /// It was ordered later, at a place that was taken then: the hub's store was put back, or it shows two logs.
    Instead,
}

impl<'a> Call<'a, '_> {
    /// The log, or its user's own will, ends the device's part in a room behind an entry.
    pub(super) fn leave_behind(&mut self, session: Session<'a>, last: &Tail, by: Device) -> Result<()> {
        self.event(&Event::Left { room: session.id, seq: last.seq, by })?;
        self.fail_outbox(&session)?;
        let row = DepartedRow {
            seq: last.seq,
            at: self.now().as_millis(),
            epoch: session.member.epoch(),
            stamped: last.stamp.at.as_millis(),
            told: false,
            hub: session.row.hub.clone(),
        };
        rows::write(&mut self.draft, keys::departed(&session.id), &row);
        self.asks_anew(&session.id)?;
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

    fn departed(&self, room: &RoomId) -> Result<Option<DepartedRow>> {
        rows::read(&self.draft, &keys::departed(room), "departure")
    }

    /// When an entry that would bring the device in was ordered. Stamps of a log do not run backwards (V-503).
    pub(super) fn arrival(&self, entry: &Tail) -> Result<Arrival> {
        Ok(match self.departed(&entry.room)? {
            Some(departed) if entry.seq <= departed.seq => {
                let later = departed.stamped < entry.stamp.at.as_millis();
                if later { Arrival::Instead } else { Arrival::Before }
            }
            _ => Arrival::After,
        })
    }

    /// Whether an invitation to a place that was another is by the hub's own word.
    pub(super) fn shows_another_log(&mut self, invitation: &Invitation, entry: &Tail) -> Result<bool> {
        let hub = self.departed(&entry.room)?.map(|departed| departed.hub);
        Ok(hub.as_deref() == Some(invitation.hub.as_str())
            && self.arrival(entry)? == Arrival::Instead
            && holds(self.confirm(&invitation.hub, entry, invitation.head.clone()))?)
    }

    /// Demands that a room has not gone back since the device left it; unless its app knows that, and has `asked`
    /// again to come in (SPEC V-458).
    ///
    /// # Errors
    /// [`Code::RolledBack`].
    pub(super) fn check_epoch(&self, room: &RoomId, epoch: u64, asked: bool) -> Result<()> {
        let back = self.departed(room)?.is_some_and(|left| !(left.told && asked) && epoch < left.epoch);
        ensure(!back, Code::RolledBack, "the hub's room is older than when the device left it")
    }

    /// As [`Call::check_epoch`], of the place that the device has taken.
    ///
    /// # Errors
    /// As there.
    pub(super) fn check_place(&self, entry: &Tail, asked: bool) -> Result<()> {
        let told = asked && self.departed(&entry.room)?.is_some_and(|departed| departed.told);
        let back = !told && self.arrival(entry)? == Arrival::Instead;
        ensure(!back, Code::RolledBack, "the hub's log is another than when the device left it")
    }

    /// What the device has found itself is told, and the app may ask again; what a server says is no more than that.
    pub(super) fn has_gone_back(&mut self, room: &RoomId, found: &Error) -> Result<()> {
        if found.code() == Code::RolledBack { self.told_of_going_back(room) } else { Ok(()) }
    }

    /// The app is told that a room has gone back: if it asks for it again, it may come in.
    pub(super) fn told_of_going_back(&mut self, room: &RoomId) -> Result<()> {
        if let Some(row) = self.departed(room)? {
            self.draft.expect_unchanged(keys::departed(room))?;
            rows::write(&mut self.draft, keys::departed(room), &DepartedRow { told: true, ..row });
        }
        Ok(())
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
        let (last, by) = (session.tail()?, self.account.device.clone());
        self.leave_behind(session, &last, by)
    }
}

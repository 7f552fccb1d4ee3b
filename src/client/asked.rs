//! Invitations that wait for the user's word, and what the word brings about. They are opened
//! to see what they are, and then closed again: the device has no part in the room meanwhile.

use super::{
    Event, Receipt,
    call::Call,
    keys,
    reach::Party,
    rows::{self, AskedRow, InvitationRow, LeaveWork, ReceiptRow, Work},
    session::Session,
};
use crate::{
    code::Code,
    error::{Error, Result},
    ids::{AgencyId, Device, RequestId, RoomId, UserId},
    limits,
    room::{RoomKind, log::Tail},
    store::corrupt,
    time::Timestamp,
    wire::{self, device::Invitation},
};

/// What the user is asked about.
pub(super) struct Asking {
    pub(super) room: RoomId,
    pub(super) kind: RoomKind,
    pub(super) name: Option<String>,
    pub(super) by: Device,
    pub(super) hub: AgencyId,
    pub(super) users: u64,
}

/// What the user said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Declined,
}

impl Answer {
    /// As [`InvitationRow::answer`] holds it.
    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Answer::Accepted),
            2 => Some(Answer::Declined),
            _ => None,
        }
    }

    fn number(self) -> u32 {
        match self {
            Answer::Accepted => 1,
            Answer::Declined => 2,
        }
    }
}

impl Call<'_, '_> {
    /// Whether another invitation of this user may wait: nobody fills the store, or keeps
    /// others from asking.
    pub(super) fn may_ask(&self, by: &UserId) -> Result<bool> {
        let mut of_them: usize = 0;
        let asked = self.all_asked()?;
        for (_, row) in &asked {
            of_them = of_them.saturating_add(usize::from(row.by == by.as_str()));
        }
        Ok(asked.len() < limits::ASKED && of_them < limits::ASKED_BY_ONE)
    }

    /// Asks the user about an invitation, and keeps it.
    pub(super) fn ask_user(&mut self, number: u64, row: InvitationRow, asking: &Asking) -> Result<()> {
        let until = self.now().plus(limits::INVITATION_KEPT);
        self.wake(until);
        let asked = AskedRow { by: asking.by.user.to_string(), until: until.as_millis() };
        rows::write(&mut self.draft, keys::asked(number), &asked);
        self.draft.put(keys::asked_invitation(number), row.invitation);
        self.event(&Event::Invited {
            invitation: number,
            room: asking.room,
            kind: asking.kind,
            name: asking.name.clone(),
            by: asking.by.clone(),
            hub: asking.hub.clone(),
            users: asking.users,
        })
    }

    /// Does what the user says to an invitation.
    pub(super) fn answer(&mut self, request: RequestId, number: u64, answer: Answer) -> Result<Receipt> {
        let unknown = Error::new(Code::BadArgument, "no such invitation");
        self.draft.get(&keys::asked(number))?.ok_or(unknown)?;
        let declined_by = if answer == Answer::Declined { request.as_bytes().to_vec() } else { Vec::new() };
        let room = self.act_on(number, answer, declined_by)?;
        let at = self.now().as_millis();
        let receipt = ReceiptRow { room: room.as_bytes().to_vec(), at, ..ReceiptRow::default() };
        rows::write(&mut self.draft, keys::receipt(&request), &receipt);
        Ok(Receipt { room: Some(room), message: None })
    }

    /// Declines, without a word, whatever waits of somebody who is now blocked.
    pub(super) fn decline_all_of(&mut self, party: &Party) -> Result<()> {
        for (number, row) in self.all_asked()? {
            if party.covers(&UserId::parse(&row.by)?) {
                self.act_on(number, Answer::Declined, Vec::new())?;
            }
        }
        Ok(())
    }

    /// Takes an invitation up once more, this time with the user's word. Gives its room.
    fn act_on(&mut self, number: u64, answer: Answer, declined_by: Vec<u8>) -> Result<RoomId> {
        self.draft.expect_unchanged(keys::asked(number))?;
        let (room, invitation) = self.asked_invitation(number)?;
        self.forget_asked(number);
        let answer = answer.number();
        self.take_up(number, InvitationRow { invitation, answer, declined_by, ..Default::default() })?;
        Ok(room)
    }

    /// Tells of invitations to which the user has said nothing for so long that they are gone.
    pub(super) fn remind_asked(&mut self) -> Result<()> {
        for (number, row) in self.all_asked()? {
            let until = Timestamp::from_millis(row.until);
            // Further ahead only by a clock that was put back since.
            if self.now() < until && until <= self.now().plus(limits::INVITATION_KEPT) {
                self.wake(until);
                continue;
            }
            self.draft.expect_unchanged(keys::asked(number))?;
            let (room, _) = self.asked_invitation(number)?;
            self.forget_asked(number);
            self.event(&Event::InvitationFailed { room, code: Code::Expired })?;
        }
        Ok(())
    }

    /// Leaves a room that was entered for nothing else.
    pub(super) fn leave_at_once(&mut self, session: &mut Session<'_>, declined_by: &[u8]) -> Result<()> {
        let quiet = declined_by.is_empty();
        let request = if quiet { self.random_id() } else { RequestId::from_slice(declined_by)? };
        self.enqueue(request, &session.id, Work::Leave(LeaveWork { quiet }))?;
        session.row.changes = 1;
        self.drive(session)
    }

    /// An invitation leads nowhere: whoever waits for it is told.
    pub(super) fn invitation_failed(&mut self, row: &InvitationRow, room: RoomId, code: Code) -> Result<()> {
        match Answer::of(row.answer) {
            Some(Answer::Declined) if row.declined_by.is_empty() => Ok(()),
            Some(Answer::Declined) => {
                let request = RequestId::from_slice(&row.declined_by)?;
                self.event(&Event::Failed { request, code, retry_at: None })
            }
            _ => self.event(&Event::InvitationFailed { room, code }),
        }
    }

    /// An invitation is over, by the log: who declined it has what they wanted.
    pub(super) fn came_to_nothing(&mut self, row: &InvitationRow) -> Result<()> {
        if row.declined_by.is_empty() {
            return Ok(());
        }
        self.event(&Event::Done { request: RequestId::from_slice(&row.declined_by)? })
    }

    fn all_asked(&self) -> Result<Vec<(u64, AskedRow)>> {
        let prefix = keys::all_asked();
        let stored = self.draft.scan(&prefix, None, limits::ASKED)?;
        let one = |(key, row): &crate::store::Row| {
            let number = key.get(prefix.len()..).and_then(|number| number.try_into().ok());
            Ok((u64::from_be_bytes(number.ok_or(corrupt("asked key"))?), rows::parse(row, "asked")?))
        };
        stored.iter().map(one).collect()
    }

    /// An invitation that waits, encoded, and its room.
    fn asked_invitation(&self, number: u64) -> Result<(RoomId, Vec<u8>)> {
        let row = self.draft.get(&keys::asked_invitation(number))?.ok_or(corrupt("asked invitation"))?;
        let invitation: Invitation = wire::decode_body(&row.clone().into())?;
        Ok((Tail::at(&invitation.entry)?.0.room, row))
    }

    fn forget_asked(&mut self, number: u64) {
        self.draft.delete(keys::asked(number));
        self.draft.delete(keys::asked_invitation(number));
    }
}

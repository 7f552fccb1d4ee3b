//! Who may bring this device into rooms (SPEC "Consent").

use super::{
    Receipt,
    asked::Answer,
    call::Call,
    keys,
    rows::{self, InvitationRow, RoomRow},
};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{AgencyId, RoomId, UserId},
    limits,
    room::{member::MemberRoom, mls_store::Known},
    store::{Row, Store, corrupt},
};

/// Who may bring a device into a room without its user being asked. The user's own devices
/// always may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// Every user of the federation.
    #[default]
    Everybody,
    /// Users of the own agency.
    OwnAgency,
    /// Users with whom the device shares a room already. To find out, it looks through its rooms.
    Acquainted,
    /// Nobody: the user is always asked.
    Nobody,
}

/// Somebody who can be blocked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Party {
    /// A user.
    User(UserId),
    /// All users of an agency.
    Agency(AgencyId),
}

/// What an invitation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admit {
    Enter,
    /// The user is to say.
    Ask,
    /// The device enters only to leave.
    Decline,
}

impl Party {
    pub(super) fn name(&self) -> &str {
        match self {
            Party::User(user) => user.as_str(),
            Party::Agency(agency) => agency.as_str(),
        }
    }

    /// Whether a user is of this party.
    pub(super) fn covers(&self, user: &UserId) -> bool {
        match self {
            Party::User(blocked) => blocked == user,
            Party::Agency(agency) => user.agency() == agency,
        }
    }
}

pub(super) fn admission(store: &dyn Store) -> Result<Admission> {
    Ok(match store.get(&keys::admission())?.as_deref() {
        None | Some([0]) => Admission::Everybody,
        Some([1]) => Admission::OwnAgency,
        Some([2]) => Admission::Acquainted,
        Some([3]) => Admission::Nobody,
        Some(_) => return Err(corrupt("admission")),
    })
}

/// As it is stored, and told to the user's next device.
pub(super) fn admission_number(who: Admission) -> u32 {
    match who {
        Admission::Everybody => 0,
        Admission::OwnAgency => 1,
        Admission::Acquainted => 2,
        Admission::Nobody => 3,
    }
}

pub(super) fn admission_row(number: u32) -> Vec<u8> {
    vec![u8::try_from(number).unwrap_or(u8::MAX)]
}

pub(super) fn blocked(store: &dyn Store) -> Result<Vec<Party>> {
    let prefix = keys::all_blocked();
    let party = |(key, _): &Row| {
        let name = key.get(prefix.len()..).and_then(|name| core::str::from_utf8(name).ok());
        let name = name.ok_or(corrupt("blocked"))?;
        if name.contains('@') {
            UserId::parse(name).map(Party::User)
        } else {
            AgencyId::parse(name).map(Party::Agency)
        }
    };
    store.scan(&prefix, None, limits::BLOCKED)?.iter().map(party).collect()
}

impl Call<'_, '_> {
    pub(super) fn set_admission(&mut self, who: Admission) -> Result<Receipt> {
        self.draft.put(keys::admission(), admission_row(admission_number(who)));
        Ok(Receipt::default())
    }

    pub(super) fn block(&mut self, party: &Party) -> Result<Receipt> {
        let key = keys::blocked(party.name());
        if self.draft.get(&key)?.is_none() {
            let others = self.draft.scan(&keys::all_blocked(), None, limits::BLOCKED)?;
            ensure(others.len() < limits::BLOCKED, Code::Quota, "blocked")?;
        }
        self.draft.put(key, Vec::new());
        self.decline_all_of(party)?;
        Ok(Receipt::default())
    }

    pub(super) fn unblock(&mut self, party: &Party) -> Result<Receipt> {
        self.draft.delete(keys::blocked(party.name()));
        Ok(Receipt::default())
    }

    /// What comes of an invitation by a user who was verified as its inviter.
    pub(super) fn admit(&mut self, invitation: &InvitationRow, by: &UserId) -> Result<Admit> {
        let own = self.account.device.user.clone();
        match Answer::of(invitation.answer) {
            Some(Answer::Accepted) => return Ok(Admit::Enter),
            Some(Answer::Declined) => return Ok(Admit::Decline),
            None if *by == own => return Ok(Admit::Enter),
            None => {}
        }
        let blocked = |name| Ok(self.draft.get(&keys::blocked(name))?.is_some());
        if blocked(by.as_str())? || blocked(by.agency().as_str())? {
            return Ok(Admit::Decline);
        }
        let free = match admission(&self.draft)? {
            Admission::Everybody => true,
            Admission::OwnAgency => by.agency() == own.agency(),
            Admission::Acquainted => self.is_acquainted(by)?,
            Admission::Nobody => false,
        };
        Ok(match free {
            true => Admit::Enter,
            false if self.may_ask(by)? => Admit::Ask,
            false => Admit::Decline,
        })
    }

    /// Whether the device is in a room with a user.
    fn is_acquainted(&mut self, user: &UserId) -> Result<bool> {
        let prefix = keys::rooms();
        for (key, row) in self.draft.scan(&prefix, None, limits::SYNC_ROOMS)? {
            let row: RoomRow = rows::parse(&row, "room")?;
            if row.declined || !row.active {
                continue;
            }
            let room = RoomId::from_slice(key.get(prefix.len()..).ok_or(corrupt("room key"))?)?;
            let backend = self.backend(&room, Known::default())?;
            let member = backend.check(MemberRoom::load(&backend.provider(), &room))?;
            if member.map(|member| member.roster()).transpose()?.is_some_and(|roster| roster.has_user(user)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

//! Changing what a room's servers and members enforce, and showing it.

use std::collections::BTreeSet;

use super::{
    Event, Receipt,
    call::Call,
    keys,
    rows::{self, GovernWork, PublicRow, RoleWork, UsersWork, Work},
    session::Session,
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{RequestId, RoomId, UserId},
    limits,
    room::{
        self, Role, RoomState, Roster,
        member::{MemberRoom, Plan},
    },
    store::corrupt,
};

/// A part of the state that is changed by itself.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Policy,
    Join,
    Listing,
    Retention,
    End,
}

impl Part {
    const ALL: [(Part, u32); 5] =
        [(Part::Policy, 1), (Part::Join, 2), (Part::Listing, 3), (Part::Retention, 4), (Part::End, 5)];

    fn number(self) -> u32 {
        Self::ALL.iter().find(|(part, _)| *part == self).map_or(0, |(_, number)| *number)
    }

    /// Takes this part over from another state.
    fn take(self, state: &mut RoomState, from: RoomState) {
        match self {
            Part::Policy => state.policy = from.policy,
            Part::Join => state.join = from.join,
            Part::Listing => state.listing = from.listing,
            Part::Retention => state.retention = from.retention,
            Part::End => state.ends_at = from.ends_at,
        }
    }
}

impl Call<'_, '_> {
    /// Takes a change of one part of a room's state over from the app.
    pub(super) fn govern(
        &mut self,
        request: RequestId,
        room: RoomId,
        part: Part,
        change: impl FnOnce(&mut RoomState),
    ) -> Result<Receipt> {
        let session = self.open(&room)?;
        let mut state = session.member.state().clone();
        self.close(session)?;
        change(&mut state);
        ensure(state.check().is_ok(), Code::BadArgument, "no room can be like this")?;
        let encoded = state.encode();
        // What has a bound of its own has it there.
        ensure(RoomState::decode(&encoded).is_ok(), Code::BadArgument, "room state")?;
        let work = GovernWork { part: part.number(), state: encoded.to_vec() };
        self.change(request, room, Work::Govern(work))
    }

    /// That the own user may invite others, as far as is known now.
    pub(super) fn may_invite(&mut self, room: &RoomId, users: &[UserId]) -> Result<()> {
        let session = self.open(room)?;
        let (state, roster) = (session.member.state(), session.member.roster()?);
        ensure(!state.has_ended(session.latest(self.now())?), Code::RoomEnded, "invite")?;
        let by = &self.account.device.user;
        let may = users.iter().try_for_each(|user| room::may_invite(state, &roster, by, user));
        self.close(session)?;
        may
    }

    /// Tells the app once that a room's end has come, and sees to it that it can be told.
    pub(super) fn tell_end(&mut self, session: &mut Session<'_>) -> Result<()> {
        let Some(end) = session.member.state().end() else { return Ok(()) };
        if session.row.end_told == end.as_millis() {
            return Ok(());
        }
        if end > session.latest(self.now())? {
            self.wake(end);
            return Ok(());
        }
        session.row.end_told = end.as_millis();
        self.event(&Event::RoomEnded { room: session.id, at: end })
    }

    /// Keeps what is public of a room where apps find it.
    pub(super) fn show(&mut self, id: &RoomId, member: &MemberRoom) -> Result<()> {
        let (state, roster) = (member.state(), member.roster()?);
        let archives: BTreeSet<&UserId> = roster
            .leaves()
            .iter()
            .filter(|leaf| leaf.is_archive())
            .map(|leaf| &leaf.claims.device.user)
            .collect();
        let mut people = roster.users().into_iter().filter(|user| !archives.contains(user));
        let row = PublicRow {
            state: state.encode().to_vec(),
            archives: archives.iter().map(ToString::to_string).collect(),
            ungoverned: !people.any(|user| state.role(user) >= state.policy.govern),
        };
        let known: Option<PublicRow> = rows::read(&self.draft, &keys::public(id), "public room")?;
        if known.as_ref() != Some(&row) {
            rows::write(&mut self.draft, keys::public(id), &row);
        }
        Ok(())
    }
}

/// Another part of the state. Gives `false` if it is so already.
pub(super) fn plan_part(state: &RoomState, work: &GovernWork, plan: &mut Plan) -> Result<bool> {
    let part = Part::ALL.iter().find(|(_, number)| *number == work.part);
    let (part, _) = part.ok_or(corrupt("part of a room state"))?;
    let mut changed = state.clone();
    part.take(&mut changed, RoomState::decode(&work.state).map_err(|_| corrupt("room state"))?);
    changed.check()?;
    let news = changed != *state;
    plan.state = Some(changed).filter(|_| news);
    Ok(news)
}

/// Another role. Gives `false` if the user has it already.
pub(super) fn plan_role(
    state: &RoomState,
    roster: &Roster,
    work: &RoleWork,
    plan: &mut Plan,
) -> Result<bool> {
    let user = UserId::parse(&work.user)?;
    ensure(roster.has_user(&user), Code::NotMember, "role")?;
    let mut changed = state.clone();
    match Role::from_number(work.role)? {
        Role::Member => drop(changed.roles.remove(&user)),
        role => drop(changed.roles.insert(user, role)),
    }
    ensure(changed.roles.len() <= limits::ROLE_GRANTS, Code::Quota, "roles")?;
    changed.check().map_err(|_| Error::new(Code::NotPermitted, "role"))?;
    let news = changed != *state;
    plan.state = Some(changed).filter(|_| news);
    Ok(news)
}

/// Bans, with the removal of those who are there. Gives `false` if there is nothing to do.
pub(super) fn plan_bans(
    state: &RoomState,
    roster: &Roster,
    work: &UsersWork,
    plan: &mut Plan,
) -> Result<bool> {
    let mut changed = state.clone();
    for user in &work.users {
        let user = UserId::parse(user)?;
        plan.remove.extend(roster.leaves_of(&user).map(|leaf| leaf.index));
        changed.roles.remove(&user);
        changed.bans.insert(user);
    }
    ensure(changed.bans.len() <= limits::BANS, Code::Quota, "bans")?;
    let news = changed != *state || !plan.remove.is_empty();
    plan.state = Some(changed).filter(|changed| changed != state);
    Ok(news)
}

/// Takes bans back. Gives `false` if there are none.
pub(super) fn plan_unbans(state: &RoomState, work: &UsersWork, plan: &mut Plan) -> Result<bool> {
    let mut changed = state.clone();
    for user in &work.users {
        changed.bans.remove(&UserId::parse(user)?);
    }
    let news = changed != *state;
    plan.state = Some(changed).filter(|_| news);
    Ok(news)
}

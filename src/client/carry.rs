//! Commands, each turned into what it takes.

use super::{
    Command, Receipt,
    asked::Answer,
    call::Call,
    govern::Part,
    keys,
    rows::{DescribeWork, LeaveWork, RoleWork, UsersWork, Work},
};
use crate::{
    code::Code,
    error::{Result, ensure},
    limits,
    room::RoomKind,
    time::Timestamp,
};

impl Call<'_, '_> {
    /// Carries out a command, or gives the receipt of the time when it was.
    pub(super) fn carry_out(&mut self, command: Command) -> Result<Receipt> {
        if let Some(receipt) = command.request().map(|r| self.receipt(r)).transpose()?.flatten()
            && !matches!(
                command,
                Command::Consent { .. } | Command::Withdraw { .. } | Command::Discard { .. }
            )
        {
            return Ok(receipt);
        }
        match command {
            Command::CreateRoom { request, kind, name, policy, invite } => {
                self.create_room(request, (kind, policy, None), name, invite)
            }
            Command::CreateOperation { request, name, policy, ends_at, invite } => {
                self.create_room(request, (RoomKind::Operation, policy, Some(ends_at)), name, invite)
            }
            Command::Invite { request, room, users } => {
                self.may_invite(&room, &users)?;
                let work = Work::Invite(self.invite_work(users, false)?);
                self.change(request, room, work)
            }
            Command::Remove { request, room, users } => {
                let users = users.iter().map(ToString::to_string).collect();
                self.change(request, room, Work::Remove(UsersWork { users }))
            }
            Command::Leave { request, room } => self.change(request, room, Work::Leave(LeaveWork::default())),
            Command::Join { request, room, hub } => self.join_room(request, room, &hub),
            Command::Rejoin { request, room } => self.rejoin_room(request, room),
            Command::Describe { request, room, name, topic, label } => {
                let fits = name.as_ref().is_none_or(|n| n.len() <= limits::ROOM_NAME)
                    && topic.as_ref().is_none_or(|t| t.len() <= limits::ROOM_TOPIC)
                    && label.as_ref().is_none_or(|l| l.len() <= limits::ROOM_LABEL);
                ensure(fits, Code::BadArgument, "name, topic or label")?;
                self.change(request, room, Work::Describe(DescribeWork { name, topic, label }))
            }
            Command::SetRole { request, room, user, role } => {
                let work = RoleWork { user: user.to_string(), role: role.number() };
                self.change(request, room, Work::SetRole(work))
            }
            Command::Ban { request, room, users } => {
                let users = users.iter().map(ToString::to_string).collect();
                self.change(request, room, Work::Ban(UsersWork { users }))
            }
            Command::Unban { request, room, users } => {
                let users = users.iter().map(ToString::to_string).collect();
                self.change(request, room, Work::Unban(UsersWork { users }))
            }
            Command::SetPolicy { request, room, policy } => {
                self.govern(request, room, Part::Policy, |state| state.policy = policy)
            }
            Command::SetJoinRule { request, room, join } => {
                self.govern(request, room, Part::Join, |state| state.join = join)
            }
            Command::SetListing { request, room, listing } => {
                self.govern(request, room, Part::Listing, |state| state.listing = listing)
            }
            Command::SetRetention { request, room, retention } => {
                let millis = retention.map_or(0, |kept| u64::try_from(kept.as_millis()).unwrap_or(u64::MAX));
                ensure(retention.is_none() || millis > 0, Code::BadArgument, "retention")?;
                self.govern(request, room, Part::Retention, |state| state.retention = millis)
            }
            Command::SetEnd { request, room, ends_at } => {
                let end = ends_at.unwrap_or(Timestamp::ZERO);
                self.govern(request, room, Part::End, |state| state.ends_at = end)
            }
            Command::Send { request, room, content, lifetime } => {
                self.send(request, room, &content, lifetime)
            }
            Command::Share { request, room, attachment, lifetime, header, list, preview } => {
                let preview = preview.as_ref().map(|(header, list)| (header, list));
                self.share(request, room, (attachment, lifetime), (&header, &list), preview)
            }
            Command::Forward { request, from, room, attachment, lifetime } => {
                self.forward(request, (from, room), attachment, lifetime)
            }
            Command::Fetch { request, file } => self.fetch(request, &file),
            Command::Forget { request, file } => self.take_back(&request, &file),
            Command::LookUp { request, query } => self.look_up(request, query),
            Command::Import { room, messages } => self.import(&room, messages).map(|()| Receipt::default()),
            Command::Discard { request } => self.forget_fetch(&request).map(|()| Receipt::default()),
            Command::Consent { request } => self.consent(&request),
            Command::Withdraw { request } => self.withdraw(&request),
            Command::Accept { request, invitation } => self.answer(request, invitation, Answer::Accepted),
            Command::Decline { request, invitation } => self.answer(request, invitation, Answer::Declined),
            Command::SetAdmission { who } => self.set_admission(who),
            Command::Block { party } => self.block(&party),
            Command::Unblock { party } => self.unblock(&party),
            Command::MarkVerified { user, number } => self.mark_verified(&user, &number),
            Command::UnmarkVerified { user } => self.unmark_verified(&user),
            Command::AckEvents { up_to } => self.ack_events(up_to),
        }
    }

    fn ack_events(&mut self, up_to: u64) -> Result<Receipt> {
        let prefix = keys::events();
        for (key, _) in self.draft.scan(&prefix, None, limits::EVENTS)? {
            if key <= keys::event(up_to) {
                self.draft.delete(key);
            }
        }
        Ok(Receipt::default())
    }
}

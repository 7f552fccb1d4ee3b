//! Coming into rooms from outside: what a device needs for it goes from the room's hub to the
//! device's server and on to the device; with the commit it comes back (SPEC "Coming in from
//! outside").

use super::{
    answers::Question,
    call::Call,
    keys::{self, DeviceKeys, RoomKeys},
    packages::NO_ROOM,
    quota::Quota,
    rows::{EntranceRow, Pending, unreadable},
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    identity::UserKind,
    ids::{AgencyId, Device, RoomId},
    limits,
    room::{RoomState, may_join},
    store::corrupt,
    wire::{
        device::{Entrance, Failure, GetEntrance, InboxBody, ReplyBody, WayIn},
        encode_body,
        link::{LinkEntrance, LinkGetEntrance, LinkItem},
    },
};

/// An answer is as large as the room: who may ask is counted (SPEC V-498).
const OF_DEVICE: Quota = Quota { at_once: limits::ENTRANCES, every: limits::ENTRANCES_EVERY };
const OF_AGENCY: Quota =
    Quota { at_once: limits::ENTRANCES_OF_AGENCY, every: limits::ENTRANCES_OF_AGENCY_EVERY };

impl Call<'_, '_> {
    /// An own device wants to come into a room. The answer goes into its inbox, once.
    pub(super) fn get_entrance(&mut self, device: &Device, wanted: GetEntrance) -> Result<ReplyBody> {
        let key = DeviceKeys::of(device).entrance(&wanted.room);
        let id = wanted.entrance_id.as_bytes().as_slice();
        if self.read::<EntranceRow>(&key)?.is_some_and(|row| row.entrance_id == id) {
            return Ok(ReplyBody::Done);
        }
        let hub = match &wanted.hub {
            Some(hub) => hub.clone(),
            None => self.room(&wanted.room)?.ok_or(Error::new(Code::UnknownRoom, "entrance"))?.hub()?,
        };
        self.draft.guard(DeviceKeys::of(device).guard())?;
        let away = hub != self.own.agency;
        let admitted = self.attempt(|call| {
            call.take(keys::entrances_of_device(device), OF_DEVICE, 1)?;
            if away { call.active(&hub) } else { Ok(()) }
        })?;
        let awaited = away && admitted.is_ok();
        let entrance_id = wanted.entrance_id.as_bytes().to_vec().into();
        self.write(key.clone(), &EntranceRow { entrance_id, hub: hub.to_string(), awaited });
        self.drop_later(self.now().plus(limits::ENTRANCE_KEPT), &key);
        if let Err(error) = admitted {
            self.put_inbox(device, InboxBody::Entrance(Box::new(refused(&wanted, &error))))?;
        } else if away {
            let get = GetEntrance { hub: Some(hub.clone()), ..wanted };
            let item = LinkItem::GetEntrance(LinkGetEntrance { device: device.clone(), get });
            let (unique, order) = (self.random(), (self.now(), &NO_ROOM, 0));
            self.queue(&hub, order, unique, Pending::Item(encode_body(&item)));
        } else {
            let entrance = self.entrance(device, &wanted)?;
            self.put_inbox(device, InboxBody::Entrance(Box::new(entrance)))?;
        }
        Ok(ReplyBody::Done)
    }

    /// Another agency's device wants to come into a room that is ordered here.
    pub(super) fn peer_get_entrance(&mut self, from: &AgencyId, asked: LinkGetEntrance) -> Result<()> {
        let LinkGetEntrance { device, get } = asked;
        ensure(device.user.agency() == from, Code::ForeignAgencyUser, "entrance")?;
        ensure(get.hub.as_ref() == Some(&self.own.agency), Code::NotForUs, "entrance")?;
        let id = [get.entrance_id.as_bytes().as_slice(), device.id.as_bytes()].concat();
        let asked = Question::Entrance(&id);
        let item = |entrance| LinkItem::Entrance(Box::new(LinkEntrance { device: device.clone(), entrance }));
        let answered = self.attempt(|call| {
            call.take(keys::entrances_of_agency(from), OF_AGENCY, 1)?;
            let entrance = call.entrance(&device, &get)?;
            call.answer(from, asked, &item(entrance))
        })?;
        match answered {
            Ok(()) => Ok(()),
            Err(error) => self.refuse(from, asked, &item(refused(&get, &error))),
        }
    }

    /// A hub's answer to one of our devices, who has asked it and has not been answered (SPEC V-492).
    pub(super) fn peer_entrance(&mut self, from: &AgencyId, answered: LinkEntrance) -> Result<()> {
        let LinkEntrance { device, entrance } = answered;
        let key = DeviceKeys::of(&device).entrance(&entrance.room);
        let row = self.read::<EntranceRow>(&key)?.filter(|row| {
            row.awaited
                && row.hub == from.as_str()
                && row.entrance_id == entrance.entrance_id.as_bytes().as_slice()
        });
        let row = row.ok_or(Error::new(Code::NotForUs, "entrance"))?;
        self.put_inbox(&device, InboxBody::Entrance(Box::new(entrance)))?;
        self.write(key, &EntranceRow { awaited: false, ..row });
        Ok(())
    }

    /// The hub to which an own device may send a commit from outside, as it has asked that one
    /// for the way.
    pub(super) fn entrance_hub(&self, device: &Device, room: &RoomId) -> Result<Option<AgencyId>> {
        let row = self.read::<EntranceRow>(&DeviceKeys::of(device).entrance(room))?;
        row.map(|row| AgencyId::parse(&row.hub).map_err(unreadable)).transpose()
    }

    fn entrance(&mut self, device: &Device, wanted: &GetEntrance) -> Result<Entrance> {
        let outcome = self.attempt(|call| call.way_in(device, &wanted.room))?;
        Ok(match outcome {
            Ok(way) => Entrance { entrance_id: wanted.entrance_id, room: wanted.room, outcome: Ok(way) },
            Err(error) => refused(wanted, &error),
        })
    }

    /// What lets a device in, for those alone whom the room admits: to others there is no such
    /// room (SPEC V-490).
    fn way_in(&mut self, device: &Device, room: &RoomId) -> Result<WayIn> {
        let unknown = || Error::new(Code::UnknownRoom, "entrance");
        let row = self.room(room)?.filter(|row| row.hub == self.own.agency.as_str() && !row.is_over());
        let row = row.ok_or_else(unknown)?;
        let keys = RoomKeys::of(room);
        let state = RoomState::decode(&row.state).map_err(unreadable)?;
        let there = !self.draft.scan(&keys.members_of(&device.user), None, 1)?.is_empty();
        let at = self.now().max(self.place(room)?.ok_or(corrupt("tail"))?.tail.stamp.at);
        // Of what kind the user is, the certificate shows that comes with the commit.
        let open = may_join(&state, &device.user, UserKind::Person, at).is_ok();
        let banned = state.bans.contains(&device.user);
        ensure(!banned && (there || open), Code::UnknownRoom, "entrance")?;
        let group_info = self.draft.get(&keys.group_info())?.ok_or(corrupt("room without group info"))?;
        let directory = self.directory;
        let material = self.with_group(room, |tools, group| {
            let group = group.ok_or(corrupt("room without group"))?;
            Ok((super::hub::material(tools, directory, &group, at)?, group))
        })?;
        Ok(WayIn { group_info: group_info.into(), material })
    }
}

fn refused(wanted: &GetEntrance, error: &Error) -> Entrance {
    Entrance { entrance_id: wanted.entrance_id, room: wanted.room, outcome: Err(Failure::of(error)) }
}

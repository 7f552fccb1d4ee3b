//! Who is in which room, for devices and for servers, and what the room is.

use std::collections::{BTreeMap, BTreeSet};

use verbund::{
    client::{Event, Room},
    ids::{Device, RoomId},
    server::Server,
};

use super::Finding;
use crate::world::World;

impl World {
    /// Whoever has a room has it at the same place, with the same hash and state.
    pub(super) fn check_agreement(&self) -> Vec<Finding> {
        let mut views: BTreeMap<RoomId, Vec<(usize, Room)>> = BTreeMap::new();
        for phone in self.sound() {
            for mut room in self.rooms_of(phone) {
                room.begins = 0;
                views.entry(room.id).or_default().push((phone, room));
            }
        }
        let mut findings = Vec::new();
        for (id, views) in views {
            // What most have, or what is furthest.
            let of = |view: &Room| views.iter().filter(|(_, other)| other == view).count();
            let (first, most) =
                views.iter().max_by_key(|(_, view)| (of(view), view.seq)).expect("somebody has it");
            let with_most = views.iter().filter(|(_, view)| view == most);
            let with_most: Vec<usize> = with_most.map(|(phone, _)| *phone).collect();
            for (phone, view) in views.iter().filter(|(_, view)| view != most) {
                let name = &self.phones[*first].machine.name;
                let text = format!("its room is not that of {name}: {}", difference(view, most));
                let finding = self.finding("agreement", (*phone, Some(id)), text);
                findings.push(Finding { others: with_most.clone(), ..finding });
            }
        }
        findings
    }

    /// Who takes part for its server has the room, unless its user is still asked or has said no.
    pub(super) fn check_members(&self) -> Vec<Finding> {
        let there = self.readers();
        let mut findings = Vec::new();
        for phone in self.sound() {
            let here = &self.phones[phone];
            let has: BTreeSet<RoomId> = self.rooms_of(phone).into_iter().map(|room| room.id).collect();
            for (room, hub) in &self.ledger.rooms {
                // The last that it was told of an invitation into the room: it has not answered, has said no, or
                // nothing came of it.
                let asked = here.events().filter_map(|event| match event {
                    Event::Invited { room: other, invitation, .. } if other == room => {
                        Some(Some(*invitation))
                    }
                    Event::InvitationFailed { room: other, .. } if other == room => Some(None),
                    _ => None,
                });
                let accepted = |last: u64| self.ledger.has_accepted(phone, last);
                let asked = asked.last().is_some_and(|last| !last.is_some_and(accepted));
                let counted = there.contains(&(*room, here.device.clone()));
                if counted != has.contains(room) && !(counted && asked) {
                    let text = format!(
                        "room of {}: a member for its server: {counted}; has it: {}",
                        self.sites[*hub].machine.name,
                        has.contains(room)
                    );
                    let others = self.others_in(*room, phone);
                    findings.push(Finding { others, ..self.finding("members", (phone, Some(*room)), text) });
                }
            }
        }
        findings
    }

    /// A device that is revoked or whose time is over is in no room any more in which somebody is who
    /// could have seen to it.
    pub(super) fn check_ghosts(&self) -> Vec<Finding> {
        let there = self.readers();
        let mut seen: BTreeMap<RoomId, Vec<usize>> = BTreeMap::new();
        for phone in self.sound() {
            let rooms = self.rooms_of(phone).into_iter().map(|room| room.id);
            for room in rooms {
                seen.entry(room).or_default().push(phone);
            }
        }
        let mut findings = Vec::new();
        for (index, phone) in self.phones.iter().enumerate() {
            let ghost =
                |room: &&RoomId| seen.contains_key(*room) && there.contains(&(**room, phone.device.clone()));
            if let Some(room) = self.ledger.rooms.keys().filter(|_| phone.out).find(ghost) {
                let finding = self.finding("ghost", (index, Some(*room)), "it is still in a room");
                findings.push(Finding { others: seen[room].clone(), ..finding });
            }
        }
        findings
    }

    /// A device that was linked by a code has come into every room in which the one was, and stayed, that
    /// has linked it (SPEC V-381).
    pub(super) fn check_brought(&self) -> Vec<Finding> {
        let sound = self.sound();
        let mut findings = Vec::new();
        for phone in &sound {
            let Some((by, rooms)) = &self.phones[*phone].brought else { continue };
            for room in rooms.iter().filter(|_| sound.contains(by)) {
                let about = |event: &Event, left| match event {
                    Event::Left { room: other, .. } => left && other == room,
                    Event::Joined { room: other, .. } => !left && other == room,
                    _ => false,
                };
                let stayed = !self.phones[*by].events().any(|event| about(event, true));
                let came = self.phones[*phone].events().any(|event| about(event, false));
                if stayed && !came {
                    findings.push(self.finding("brought", (*phone, Some(*room)), "it was not brought along"));
                }
            }
        }
        findings
    }

    /// Who is in which room, by the word of their own servers.
    fn readers(&self) -> BTreeSet<(RoomId, Device)> {
        let mut there = BTreeSet::new();
        for site in &self.sites {
            for room in self.ledger.rooms.keys() {
                let readers =
                    Server::readers(&site.machine.store, room, None, 1_000).expect("a store in memory");
                there.extend(readers.into_iter().map(|device| (*room, device)));
            }
        }
        there
    }
}

/// In what two views of a room differ, in words that are the same in each run.
fn difference(one: &Room, other: &Room) -> String {
    let mut said = Vec::new();
    if one.seq != other.seq {
        said.push(format!("#{} and #{}", one.seq, other.seq));
    } else if one.hash != other.hash {
        said.push("hash".into());
    }
    if (&one.name, &one.topic, &one.label) != (&other.name, &other.topic, &other.label) {
        said.push(format!(
            "{:?} and {:?}",
            (&one.name, &one.topic, &one.label),
            (&other.name, &other.topic, &other.label)
        ));
    }
    if said.is_empty() {
        said.push("state".into());
    }
    said.join("; ")
}

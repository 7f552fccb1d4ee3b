//! Rooms: who begins one, who is in it, what holds there.

use std::time::Duration;

use verbund::{JoinRule, Least, Policy, Role, RoomKind, client::Command, ids::UserId};

use crate::{
    plan::{Act, Step},
    world::World,
};

impl World {
    pub fn create(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let number = self.ledger.next_text();
        let own = self.phones[phone].person;
        let invited = |(person, _): &(usize, &UserId)| *person != own && step.what >> person & 1 == 1;
        let invite = self.people.iter().enumerate().filter(invited).map(|(_, user)| user.clone()).collect();
        let request = self.request();
        let (kind, policy) = (RoomKind::Group, Policy::default());
        self.command(
            phone,
            Command::CreateRoom { request, kind, name: format!("room {number}"), policy, invite },
        );
        true
    }

    /// The first room, with everybody in it but perhaps one.
    pub fn begin(&mut self) {
        let left_out = if self.people.len() > 3 { self.people.len() - 1 } else { self.people.len() };
        let invite = self.people[1..left_out].to_vec();
        let request = self.request();
        let (kind, policy) = (RoomKind::Group, Policy::default());
        self.command(0, Command::CreateRoom { request, kind, name: "room 0".into(), policy, invite });
        self.run(Duration::from_secs(60));
        let room = self.rooms_of(0).first().map(|room| room.id);
        if let Some(room) = room {
            let (request, user) = (self.request(), self.people[1].clone());
            self.command(0, Command::SetRole { request, room, user, role: Role::Admin });
        }
        self.run(Duration::from_secs(60));
    }

    /// Changes of who is in a room and of what holds there.
    pub fn govern(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let Some(room) = self.somewhere(phone, step) else { return false };
        let own = self.phones[phone].person;
        let others: Vec<&UserId> = self.people.iter().filter(|user| **user != self.people[own]).collect();
        let user = others[step.what as usize % others.len()].clone();
        // Two who never leave and are not thrown out keep the room together.
        let keeps = own < 2 || step.what & 0x100 == 0;
        let (users, request) = (vec![user.clone()], self.request());
        let first = self.people[..2].contains(&user);
        let choice = step.what / 11;
        let room = room.id;
        let number = self.ledger.next_text();
        let command = match step.act {
            Act::Invite => Command::Invite { request, room, users },
            Act::Remove if !first => Command::Remove { request, room, users },
            Act::Ban if !first => Command::Ban { request, room, users },
            Act::Unban => Command::Unban { request, room, users },
            Act::Leave if !keeps || own >= 2 => Command::Leave { request, room },
            Act::Promote => {
                let role = [Role::Admin, Role::Member, Role::Moderator][choice as usize % 3];
                let role = if first { Role::Admin } else { role };
                Command::SetRole { request, room, user, role }
            }
            Act::Describe => {
                let topic = Some(format!("topic {number}"));
                let label = choice.is_multiple_of(8).then(|| format!("label {}", choice / 8 % 2));
                let name = choice.is_multiple_of(5).then(|| format!("name {number}"));
                Command::Describe { request, room, name, topic, label }
            }
            Act::Open => {
                let join = if choice.is_multiple_of(3) { JoinRule::Invitation } else { JoinRule::Anybody };
                Command::SetJoinRule { request, room, join }
            }
            Act::Restrict => {
                let mut policy = Policy::default();
                if choice.is_multiple_of(2) {
                    policy.describe = Role::Moderator;
                    policy.invite = Least::new(Role::Moderator, Role::Moderator);
                }
                Command::SetPolicy { request, room, policy }
            }
            _ => return false,
        };
        self.command(phone, command);
        true
    }

    pub fn come_in(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let request = self.request();
        if step.act == Act::Rejoin {
            let Some(room) = self.somewhere(phone, step) else { return false };
            self.command(phone, Command::Rejoin { request, room: room.id });
            return true;
        }
        let known: Vec<_> = self.ledger.rooms.iter().map(|(room, hub)| (*room, *hub)).collect();
        let Some((room, hub)) = known.get(step.room as usize % known.len().max(1)).copied() else {
            return false;
        };
        let hub = self.sites[hub].agency.clone();
        self.command(phone, Command::Join { request, room, hub });
        true
    }

    /// The same room is changed by two who may, at one moment.
    pub fn race(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let Some(room) = self.somewhere(phone, step) else { return false };
        let here: Vec<usize> = (0..self.phones.len())
            .filter(|p| !self.phones[*p].gone && self.rooms_of(*p).iter().any(|other| other.id == room.id))
            .take(3)
            .collect();
        for (turn, phone) in here.into_iter().enumerate() {
            let (request, number) = (self.request(), self.ledger.next_text());
            let user = self.people[(step.what as usize + turn) % self.people.len()].clone();
            let command = match (step.what >> (4 * turn)) % 4 {
                0 => Command::Invite { request, room: room.id, users: vec![user] },
                1 if !self.people[..2].contains(&user) => {
                    Command::Remove { request, room: room.id, users: vec![user] }
                }
                _ => {
                    let topic = Some(format!("topic {number}"));
                    Command::Describe { request, room: room.id, name: None, topic, label: None }
                }
            };
            self.command(phone, command);
            if step.what >> 12 & 1 == 1 {
                self.say_in(phone, room.id);
            }
        }
        true
    }

    /// Rare things at one time.
    pub fn combine(&mut self, step: &Step) -> bool {
        let with = |act| Step { act, pause: 0, ..step.clone() };
        let pairs = [
            [Act::Part, Act::Revoke, Act::Say],
            [Act::CrashServer, Act::Race, Act::Crash],
            [Act::Storm, Act::Link, Act::Revoke],
            [Act::CutOff, Act::Remove, Act::Invite],
            [Act::Overlap, Act::Race, Act::CrashServer],
            [Act::Part, Act::Race, Act::Leave],
        ];
        let mut done = false;
        for act in pairs[step.what as usize % pairs.len()] {
            done |= self.act(&with(act));
        }
        done
    }
}

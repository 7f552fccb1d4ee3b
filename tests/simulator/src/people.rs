//! What people say, and each step of a plan in the situation that it meets.

use std::time::Duration;

use verbund::{
    client::{Admission, Command, Event, Room},
    content::{Content, Delete, Edit, Reaction, Text},
    ids::{RequestId, RoomId},
};

use crate::{
    plan::{Act, Step},
    world::World,
};

impl World {
    /// Carries a step out, after its pause.
    pub fn step(&mut self, step: &Step) {
        self.run(Duration::from_millis(step.pause));
        if self.failure.is_some() {
            return;
        }
        self.counts.steps += 1;
        self.end_shifts();
        let done = self.act(step);
        self.trace
            .note(self.now, || format!("* {}{}", step, if done { "" } else { ": there is nothing to do" }));
        if done {
            *self.counts.acts.entry(format!("{:?}", step.act)).or_default() += 1;
        }
    }

    pub fn act(&mut self, step: &Step) -> bool {
        match step.act {
            Act::Say => self.say(step),
            Act::Speak => self.speak(step),
            Act::Create => self.create(step),
            Act::Join | Act::Rejoin => self.come_in(step),
            Act::Share => self.share(step),
            Act::Fetch => self.fetch(step),
            Act::Answer => self.answer(step),
            Act::Reserve => self.reserve(step),
            Act::Link => self.link(step),
            Act::Scan => self.scan(step),
            Act::HandOver => self.hand_over(step),
            Act::Suspend => self.suspend(step),
            Act::Revoke => self.revoke(step),
            Act::Renew => self.renew(step),
            Act::Race => self.race(step),
            Act::Combine => self.combine(step),
            act if act.is_fault() => self.trouble(step),
            Act::Backup | Act::RestorePhone | Act::RestoreServer => self.restore(step),
            _ => self.govern(step),
        }
    }

    /// A phone whose person can do something.
    pub fn someone(&self, step: &Step) -> Option<usize> {
        let able = |phone: &usize| !self.phones[*phone].gone && self.phones[*phone].machine.down.is_none();
        let able: Vec<usize> = (0..self.phones.len()).filter(able).collect();
        able.get(step.who as usize % able.len().max(1)).copied()
    }

    /// One of the rooms of a phone.
    pub fn somewhere(&self, phone: usize, step: &Step) -> Option<Room> {
        let rooms = self.rooms_of(phone);
        let count = rooms.len().max(1);
        rooms.into_iter().nth(step.room as usize % count)
    }

    pub fn rooms_of(&self, phone: usize) -> Vec<Room> {
        let machine = &self.phones[phone].machine;
        machine.processes[0].rooms(&machine.store).expect("rooms can be read")
    }

    pub fn request(&mut self) -> RequestId {
        RequestId::random(&mut self.rng.generator())
    }

    pub fn say_in(&mut self, phone: usize, room: RoomId) {
        let number = self.ledger.next_text();
        let body = format!("{} says {number}", self.phones[phone].machine.name);
        let content = Text::plain(body).expect("a short text").into();
        let request = self.request();
        self.command(phone, Command::Send { request, room, content, lifetime: None });
    }

    fn say(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let Some(room) = self.somewhere(phone, step) else { return false };
        for _ in 0..=(step.what % 4) / 2 {
            self.say_in(phone, room.id);
        }
        true
    }

    /// Something about a message that was shown.
    fn speak(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let Some(room) = self.somewhere(phone, step) else { return false };
        let here = room.id;
        let known: Vec<_> = self.phones[phone]
            .events()
            .filter_map(|event| match event {
                Event::Message { room, id, .. } | Event::Sent { room, id, .. } if *room == here => Some(*id),
                _ => None,
            })
            .collect();
        let Some(id) = known.get(step.what as usize % known.len().max(1)).copied() else { return false };
        let content: Content = match step.what / 7 % 4 {
            0 => Delete::of(id).into(),
            1 => Edit::text(id, Text::plain("other words").expect("a text")).expect("an edit").into(),
            _ => Reaction::to(id, "👍").expect("a reaction").into(),
        };
        let request = self.request();
        self.command(phone, Command::Send { request, room: here, content, lifetime: None });
        true
    }

    /// Answers what an app asks its user.
    fn answer(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let open = self.ledger.questions(phone, &self.phones[phone]);
        let Some(question) = open.get(step.room as usize % open.len().max(1)).cloned() else { return false };
        let request = self.request();
        self.command(phone, question.answer(request, !step.what.is_multiple_of(3)));
        true
    }

    fn reserve(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let who = [Admission::Everybody, Admission::Nobody, Admission::Acquainted, Admission::OwnAgency];
        self.command(phone, Command::SetAdmission { who: who[step.what as usize % 4] });
        true
    }
}

/// A command in one line.
pub fn asked(command: &Command) -> String {
    match command {
        Command::Send { request, content, .. } => format!("content {}, {request:?}", content.kind()),
        Command::Share { request, .. } => format!("a file to be shared, {request:?}"),
        Command::Fetch { request, .. } => format!("a file, {request:?}"),
        other => format!("{other:?}").chars().take(160).collect(),
    }
}

/// An event in one line, without ids that are chance.
pub fn short(event: &Event) -> String {
    match event {
        Event::Message { seq, sender, content, .. } => {
            let said = match content {
                Content::Text(text) => text.body().to_owned(),
                other => format!("content {}", other.kind()),
            };
            format!("#{seq} {}: {said}", sender.user)
        }
        Event::Sent { seq, .. } => format!("#{seq} sent"),
        Event::MembersChanged { seq, joined, left, removed, devices_added, devices_removed, .. } => format!(
            "#{seq} joined {joined:?}, left {left:?}, removed {removed:?}; devices +{} -{}",
            devices_added.len(),
            devices_removed.len()
        ),
        Event::RoomChanged { seq, .. } => format!("#{seq} room changed"),
        Event::Joined { seq, by, .. } => format!("#{seq} joined, by {}", by.user),
        Event::Rejoined { from_seq, to_seq, .. } => {
            format!("#{to_seq} rejoined, without #{from_seq} to #{to_seq}")
        }
        Event::Left { seq, .. } => format!("#{seq} left"),
        other => {
            let text = format!("{other:?}");
            text.chars().take(160).collect()
        }
    }
}

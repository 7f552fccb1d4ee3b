//! Messages: encrypted in the epoch to which the log is processed, and again only on the hub's
//! signed word and to people who were there when they were written (SPEC "Sending").

use crate::{
    bounds::{Bounds, Work},
    device::Device,
    mutation::Mutation,
    names::{Device as Name, Id, MessageId, Seq},
    outbox::State,
    submission::{Code, What},
};

impl Device {
    /// Encrypts what waits, oldest first; what somebody new would read is held (V-466, V-468).
    pub fn flush(&mut self, name: Name, bounds: &Bounds) {
        for number in 0..self.outbox.len() {
            let task = &mut self.outbox[number];
            if task.work != Work::Send || task.state != State::Waiting {
                continue;
            }
            if (task.joined || task.rules) && !bounds.breaks(Mutation::AsksNobody) {
                task.state = State::Held;
                continue;
            }
            self.encrypt(name, number);
        }
    }

    fn encrypt(&mut self, name: Name, task: usize) {
        let number = u8::try_from(task).expect("few tasks");
        self.submit(name, task, What::Message(MessageId { author: name, number }));
    }

    /// The log shows the own message.
    pub fn sent(&mut self, id: Id, seq: Seq) {
        self.settle(id);
        if let Some(task) = self.task_of(id) {
            task.state = State::Sent(seq);
        }
    }

    /// A commit has brought somebody, or other rules: noted with whatever is not sent yet. Who
    /// agrees to a message that is held agrees to all who are there then.
    pub fn note_readers(&mut self, came: bool, rules: bool) {
        for task in &mut self.outbox {
            if task.work == Work::Send && !task.state.is_final() && task.state != State::Held {
                task.joined |= came;
                task.rules |= rules;
            }
        }
    }

    /// The app agrees to a held message's readers.
    pub fn consent(&mut self, name: Name, number: usize, bounds: &Bounds) {
        let (Some(stay), Some(task)) = (self.stay, self.outbox.get_mut(number)) else { return };
        if task.state == State::Held {
            (task.state, task.joined, task.rules) = (State::Waiting, false, false);
            task.agreed += 1;
            (task.readers, task.under) = (bounds.users(stay.group.members), stay.group.rules);
            self.drive(name, bounds);
        }
    }

    /// The app takes a held message back.
    pub fn withdraw(&mut self, number: usize) {
        if let Some(task) = self.outbox.get_mut(number)
            && task.state == State::Held
        {
            task.state = State::Withdrawn;
        }
    }

    /// The own server does not pass a message on, and says why. Of a passed epoch its word is
    /// nothing (V-464).
    pub fn denied(&mut self, name: Name, id: Id, code: Code, bounds: &Bounds) {
        let message = self.made(id).is_some_and(|made| made.submission.message().is_some());
        let believes = code != Code::WrongEpoch || bounds.breaks(Mutation::BelievesUnsigned);
        if !message || !believes {
            return;
        }
        let again = code == Code::WrongEpoch;
        if let Some(task) = self.task_of(id) {
            task.state = if again { State::Waiting } else { State::Failed(code) };
            self.settle(id);
            self.drive(name, bounds);
        }
    }

    /// Nothing has come for long. A device repeats what it has submitted, and changes nothing.
    pub fn tired(&mut self, name: Name, id: Id, bounds: &Bounds) {
        if bounds.breaks(Mutation::AnewOnSilence)
            && let Some(task) = self.task_of(id)
            && task.work == Work::Send
        {
            task.state = State::Waiting;
            self.settle(id);
            self.drive(name, bounds);
        }
    }
}

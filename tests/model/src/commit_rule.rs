//! Commits: one at a time, pending until the log shows it (SPEC "Commit rule").

use crate::{
    bounds::{Bounds, Work},
    device::Device,
    group::Change,
    mutation::Mutation,
    names::{Device as Name, Id},
    outbox::State,
    submission::{Code, Refusal, What},
};

impl Device {
    /// Plans what is wanted against the room as it is, and submits the first that is to be done (V-461,
    /// V-462).
    pub fn commit(&mut self, name: Name) {
        let Some(stay) = self.stay.filter(|stay| stay.pending.is_none()) else { return };
        for number in 0..self.outbox.len() {
            let task = &mut self.outbox[number];
            let (Work::Commit(change), State::Waiting) = (task.work, task.state) else { continue };
            if stay.group.has(change) {
                task.state = State::Done;
                continue;
            }
            let id = self.submit(name, number, What::Commit(change));
            self.stay.as_mut().expect("in the room").pending = Some(id);
            return;
        }
    }

    /// The log shows a commit: the own one is merged, for it the pending one is dropped (V-461, V-462).
    pub fn enter_epoch(&mut self, name: Name, id: Id, change: Change, bounds: &Bounds) {
        let Some(stay) = &mut self.stay else { return };
        let before = stay.group;
        stay.group = before.after(id, change);
        let pending = stay.pending.take();
        if let Some(pending) = pending {
            self.settle(pending);
            let won = pending == id;
            let forgets = bounds.breaks(Mutation::LosesIntent);
            if let Some(task) = self.task_of(pending)
                && (won || !forgets)
            {
                task.state = if won { State::Done } else { State::Waiting };
            }
        }
        let came = match change {
            Change::Add(device) => !bounds.users(before.members).contains(bounds.user(device)),
            _ => false,
        };
        self.note_readers(came, change == Change::Rules);
        debug_assert!(id.device != name || pending == Some(id));
    }

    /// The hub has refused what was submitted (V-464, V-465).
    pub fn refused(&mut self, name: Name, refusal: Refusal, bounds: &Bounds) {
        let Some(made) = self.made(refusal.id).filter(|made| !made.settled) else { return };
        let (submission, task) = (made.submission, usize::from(made.task));
        let end = self.log.end();
        let Some(stay) = &mut self.stay else { return };
        let passed = refusal.code == Code::WrongEpoch;
        // That the present epoch has passed only a new entry can make true.
        let present = passed && submission.group.epoch == stay.group.epoch;
        if refusal.seq > end || present {
            stay.wait_for = refusal.seq.max(end + 1);
        }
        if stay.pending == Some(refusal.id) {
            stay.pending = None;
        }
        self.settle(refusal.id);
        self.outbox[task].state = match passed {
            true if bounds.breaks(Mutation::ForgetsToGoOn) => return,
            true => State::Waiting,
            false => State::Failed(refusal.code),
        };
        self.drive(name, bounds);
    }

    /// A mutation's: the own server's answer is taken for the log.
    pub fn answered(&mut self, name: Name, id: Id, bounds: &Bounds) {
        let pending = self.stay.is_some_and(|stay| stay.pending == Some(id));
        let change = self.made(id).and_then(|made| made.submission.commit());
        if let (true, Some(change)) = (pending, change) {
            self.enter_epoch(name, id, change, bounds);
            self.drive(name, bounds);
        }
    }
}

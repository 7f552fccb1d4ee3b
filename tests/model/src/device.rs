//! A device: what is in its store. It has nothing outside of it, so a crash loses only what was
//! about to leave, and that the network may lose as well.

use std::sync::Arc;

use crate::{
    bounds::Bounds,
    group::Group,
    log::{Entry, Log},
    mutation::Mutation,
    names::{Device as Name, Id, MessageId, Seq},
    outbox::{Made, State, Task},
    submission::{Code, What},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// Its part in the room, if it has one.
    pub stay: Option<Stay>,
    /// All that it has processed. A device keeps no more than the last hash; the rest is here for
    /// the properties.
    pub log: Log,
    /// Where it was removed last.
    pub departed: Seq,
    /// The entry of an invitation that it has taken out of its inbox.
    pub invited: Option<Arc<Entry>>,
    pub inbox_done: u8,
    pub outbox: Vec<Task>,
    pub made: Vec<Made>,
    /// Whose messages the app was given, in the order of the log.
    pub read: Vec<MessageId>,
    /// The log cannot be followed: the app was told.
    pub stalled: bool,
    /// The store as it was before the call whose output has left already: a mutation's.
    pub unstored: Option<Arc<Device>>,
}

/// A device's part in the room, as far as it has followed the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stay {
    pub group: Group,
    /// The commit that was submitted (V-461).
    pub pending: Option<Id>,
    /// Up to where the log is to be read before anything is made (V-465).
    pub wait_for: Seq,
}

impl Device {
    pub fn begin(name: Name, bounds: &Bounds) -> Self {
        let founders = bounds.founders();
        let stay = Stay { group: Group::begin(founders), pending: None, wait_for: 0 };
        Device {
            stay: founders.contains(name).then_some(stay),
            log: Log::default(),
            departed: 0,
            invited: None,
            inbox_done: 0,
            outbox: Vec::new(),
            made: Vec::new(),
            read: Vec::new(),
            stalled: false,
            unstored: None,
        }
    }

    /// The app asks for the next thing, if it has one and the device is in the room.
    pub fn give(&mut self, name: Name, bounds: &Bounds) {
        let next = bounds.work[usize::from(name)].get(self.outbox.len());
        let (Some(work), Some(stay)) = (next, self.stay) else { return };
        if bounds.breaks(Mutation::SendsBeforeStored) && self.unstored.is_none() {
            self.unstored = Some(Arc::new(self.clone()));
        }
        self.outbox.push(Task {
            work: *work,
            state: State::Waiting,
            joined: false,
            rules: false,
            agreed: 0,
            readers: bounds.users(stay.group.members),
            under: stay.group.rules,
        });
        self.drive(name, bounds);
    }

    /// Makes whatever can be made now: one commit, then messages.
    pub fn drive(&mut self, name: Name, bounds: &Bounds) {
        let Some(stay) = &mut self.stay else { return };
        if self.stalled || self.log.end() < stay.wait_for {
            return;
        }
        stay.wait_for = 0;
        self.commit(name);
        self.flush(name, bounds);
    }

    /// Processes the next entry of the log (SPEC "Commit rule", "Sending").
    pub fn follow(&mut self, name: Name, entry: &Arc<Entry>, bounds: &Bounds) {
        let Some(stay) = self.stay else { return };
        // V-501 to V-503. The first entry after a Welcome connects to that of the Welcome.
        let connects = entry.previous == self.log.tail() || bounds.breaks(Mutation::SkipsChain);
        let submission = &entry.submission;
        let own = submission.id.device == name;
        // MLS: who has other secrets can neither read nor process it.
        let same = submission.group.secrets == stay.group.secrets;
        match submission.what {
            _ if !connects => return self.stalled = true,
            What::Message(_) if own => self.sent(submission.id, entry.seq),
            What::Message(id) if same => {
                // V-467: once.
                if !self.read.contains(&id) {
                    self.read.push(id);
                }
            }
            // V-471: passed over.
            What::Message(_) => {}
            // V-472. An own commit can be processed only while it is pending.
            What::Commit(_) if !same || own && stay.pending != Some(submission.id) => {
                return self.stalled = true;
            }
            What::Commit(change) => self.enter_epoch(name, submission.id, change, bounds),
        }
        self.log.begin_at(entry.clone());
        if self.stay.is_some_and(|stay| !stay.group.members.contains(name)) {
            self.leave(entry.seq);
        }
        self.drive(name, bounds);
    }

    /// The log ends its part in the room: whatever was to be sent has failed.
    fn leave(&mut self, seq: Seq) {
        self.stay = None;
        self.departed = seq;
        self.made.iter_mut().for_each(|made| made.settled = true);
        for task in self.outbox.iter_mut().filter(|task| !task.state.is_final()) {
            task.state = State::Failed(Code::NotMember);
        }
    }

    /// Takes up an invitation, unless it leads nowhere any more. While it is in the room by its own
    /// log, it reads on first (SPEC "Joining").
    pub fn join(&mut self) {
        if self.stay.is_some_and(|_| self.log.end() < self.invited.as_ref().map_or(0, |entry| entry.seq)) {
            return;
        }
        let Some(entry) = self.invited.take() else { return };
        if self.stay.is_some() || entry.seq <= self.departed {
            return;
        }
        let submission = &entry.submission;
        if let What::Commit(change) = submission.what {
            let group = submission.group.after(submission.id, change);
            self.stay = Some(Stay { group, pending: None, wait_for: 0 });
            self.log.begin_at(entry);
        }
    }

    /// Its store falls back to what it was before the call whose output has left.
    pub fn crash(&mut self) {
        if let Some(before) = self.unstored.take() {
            let made = std::mem::take(&mut self.made);
            *self = Device { made, ..before.as_ref().clone() };
        }
    }

    /// It waits no longer for the place that a refusal names.
    pub fn give_up(&mut self, name: Name, bounds: &Bounds) {
        if let Some(stay) = &mut self.stay {
            stay.wait_for = 0;
        }
        self.drive(name, bounds);
    }

    pub fn made(&self, id: Id) -> Option<&Made> {
        self.made.iter().find(|made| made.submission.id == id)
    }

    pub fn settle(&mut self, id: Id) {
        if let Some(made) = self.made.iter_mut().find(|made| made.submission.id == id) {
            made.settled = true;
        }
    }

    /// The task that waits for a submission's fate.
    pub fn task_of(&mut self, id: Id) -> Option<&mut Task> {
        self.outbox.iter_mut().find(|task| task.state == State::UnderWay(id))
    }

    /// Makes a submission for a task. It leaves the device some time after it is stored.
    pub fn submit(&mut self, name: Name, task: usize, what: What) -> Id {
        let stay = self.stay.expect("in the room");
        let id = Id { device: name, counter: u8::try_from(self.made.len() + 1).expect("few submissions") };
        let submission = crate::submission::Submission { id, group: stay.group, what };
        let number = u8::try_from(task).expect("few tasks");
        self.made.push(Made { submission, task: number, settled: false });
        self.outbox[task].state = State::UnderWay(id);
        id
    }

    pub fn is_idle(&self) -> bool {
        self.outbox.iter().all(|task| task.state.is_final()) && self.made.iter().all(|made| made.settled)
    }
}

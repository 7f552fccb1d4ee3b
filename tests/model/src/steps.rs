//! Which actions there are in a state.

use crate::{
    action::Action,
    bounds::{Bounds, Work},
    follower::Word,
    mutation::Mutation,
    names::HUB,
    outbox::State,
    world::World,
};

impl World {
    /// All that can happen. What changes nothing may be among it.
    pub fn actions(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        self.device_actions(bounds, actions);
        self.server_actions(actions);
        self.fault_actions(bounds, actions);
    }

    fn device_actions(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        for name in bounds.devices() {
            let device = self.device(name);
            let more = device.outbox.len() < bounds.work[usize::from(name)].len();
            if more && device.stay.is_some() && !device.stalled {
                actions.push(Action::Give(name));
            }
            for (number, task) in device.outbox.iter().enumerate() {
                if task.state == State::Held && task.work == Work::Send {
                    actions.extend([Action::Consent(name, number), Action::Withdraw(name, number)]);
                }
            }
            let agency = bounds.agency(name);
            for made in &device.made {
                let id = made.submission.id;
                let answered = match agency {
                    HUB => {
                        let fate = self.hub().hub.as_ref().and_then(|hub| hub.fate(id));
                        fate.is_some() && !bounds.breaks(Mutation::MergesOnAnswer)
                    }
                    _ => self.server(agency).passed.contains(&id),
                };
                if !answered {
                    actions.push(Action::Submit(id));
                }
                let denied = agency != HUB && !made.settled && made.submission.message().is_some();
                if denied && self.server(agency).word_on(&made.submission, bounds) == Word::NotMember {
                    actions.push(Action::Deny(id));
                }
            }
            if usize::from(device.inbox_done) < self.server(agency).reader(name).inbox.len()
                && device.invited.is_none()
            {
                actions.push(Action::Inbox(name));
            }
            if device.invited.is_some() {
                actions.push(Action::Join(name));
            }
            if !device.stalled && self.next_for(name, bounds).is_some() {
                actions.push(Action::Follow(name));
            }
        }
        for (place, refusal) in self.network.refusals.iter().enumerate() {
            if self.made(refusal.id).is_some_and(|made| !made.settled) {
                actions.push(Action::Answer(place));
            }
        }
    }

    fn server_actions(&self, actions: &mut Vec<Action>) {
        for (agency, server) in (0..).zip(&self.servers) {
            for link in &server.links {
                if !link.outgoing.pending.is_empty() {
                    actions.push(Action::Pump(agency, link.peer));
                }
            }
            if !server.memory.is_empty() {
                actions.push(Action::Remember(agency));
            }
        }
        for (number, lane) in self.network.lanes.iter().enumerate() {
            let (from, to) = (self.server(lane.from).link(lane.to), self.server(lane.to).link(lane.from));
            for (place, frame) in lane.frames.iter().enumerate() {
                // Else the same again, for which the same acknowledgement is on its way already; but where
                // a store was put back, who knows.
                if frame.number > to.incoming.number || self.now > 0 {
                    actions.push(Action::Carry(number, place));
                }
            }
            for (place, ack) in lane.acks.iter().enumerate() {
                if ack.number > from.outgoing.acked || self.now > 0 {
                    actions.push(Action::Acknowledge(number, place));
                }
            }
        }
    }

    fn fault_actions(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        let (allowed, had) = (bounds.faults, self.faults);
        if had.restarts < allowed.restarts {
            actions.extend((0..bounds.agencies).map(Action::Restart));
        }
        for name in bounds.devices() {
            let device = self.device(name);
            if had.crashes < allowed.crashes && device.unstored.is_some() {
                actions.push(Action::Crash(name));
            }
            if had.impatience < allowed.impatience && device.stay.is_some_and(|stay| stay.wait_for > 0) {
                actions.push(Action::GiveUp(name));
            }
            let under_way = device.made.iter().filter(|made| !made.settled);
            for made in under_way.filter(|made| made.submission.message().is_some()) {
                if had.lies < allowed.lies {
                    actions.push(Action::Lie(made.submission.id));
                }
                if had.silences < allowed.silences {
                    actions.push(Action::Silence(made.submission.id));
                }
            }
        }
        if let Some(agency) = allowed.restores {
            match self.backup {
                Some(_) => actions.push(Action::Restore(agency)),
                None if self.now == 0 => actions.push(Action::Backup(agency)),
                None => {}
            }
        }
    }
}

//! Rest: a state in which nothing is left to do, as long as no further fault happens.
//!
//! Of what the network holds only that counts which somebody would send again: frames that are kept,
//! submissions that wait for their fate, refusals that the hub repeats. Everything else may be lost.
//! No run goes round in circles ([`World::measure`]), so every run without further faults ends in a
//! state of rest. If each of those that can be reached has converged, everything converges from
//! every state.

use crate::{action::Action, bounds::Bounds, world::World};

impl World {
    /// Whether nothing that would still happen by itself changes anything.
    pub fn is_at_rest(&self, bounds: &Bounds) -> bool {
        let mut actions = Vec::new();
        self.actions(bounds, &mut actions);
        !actions.into_iter().any(|action| self.is_due(action) && self.after(action, bounds).is_some())
    }

    /// The state after an action, if it changes something beside the count of faults.
    pub fn after(&self, action: Action, bounds: &Bounds) -> Option<World> {
        let mut next = self.clone();
        next.step(action, bounds);
        let faults = std::mem::replace(&mut next.faults, self.faults);
        if next == *self {
            return None;
        }
        next.faults = faults;
        // A mistake may lead back.
        debug_assert!(bounds.mutation.is_some() || next.measure() > self.measure(), "{action:?}");
        Some(next)
    }

    /// Whether an action comes about without a fault, and without anybody's wish.
    fn is_due(&self, action: Action) -> bool {
        match action {
            Action::Consent(..) | Action::Withdraw(..) => true,
            Action::Inbox(_) | Action::Join(_) | Action::Follow(_) => true,
            Action::Pump(..) | Action::Remember(_) => true,
            Action::Submit(id) | Action::Deny(id) => self.made(id).is_some_and(|made| !made.settled),
            Action::Answer(place) => {
                let id = self.network.refusals[place].id;
                self.made(id).is_some_and(|made| !made.settled)
            }
            Action::Carry(lane, place) => {
                let lane = &self.network.lanes[lane];
                let kept = &self.server(lane.from).link(lane.to).outgoing.kept;
                kept.contains(&lane.frames[place])
            }
            Action::Acknowledge(lane, place) => {
                let lane = &self.network.lanes[lane];
                let (ack, incoming) = (lane.acks[place], &self.server(lane.to).link(lane.from).incoming);
                let taken = if ack.life == incoming.life { incoming.number } else { 0 };
                ack.number == taken
            }
            Action::Give(_) => false,
            Action::Restart(_) | Action::Crash(_) | Action::Backup(_) | Action::Restore(_) => false,
            Action::Lie(_) | Action::Silence(_) | Action::GiveUp(_) => false,
        }
    }
}

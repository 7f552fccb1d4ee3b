//! A model of one link by itself, for more frames, lives and restored stores than the room's model
//! can have. It uses the same [`Outgoing`] and [`Incoming`].

use std::sync::Arc;

use stateright::{Model, Property};

use crate::{
    link::{Ack, Frame, Incoming, Item, Outgoing},
    mutation::Mutation,
    names::Digest,
};

pub const IN_ORDER: &str =
    "everything is taken once and in order, nothing of an earlier life after a later one";
pub const KEPT: &str = "what is kept no longer was taken";
pub const ARRIVES: &str = "at rest everything has arrived, or a store that was put back is noticed";

/// Bounds of the model.
#[derive(Clone, Debug)]
pub struct SingleLink {
    pub name: &'static str,
    pub items: u8,
    /// How often a store may be put back to a copy of any time before, or be set up anew.
    pub restores: u8,
    pub mutation: Option<Mutation>,
    /// The property that is looked at; if none is named, all.
    pub only: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub sender: Outgoing<u8>,
    pub receiver: Receiver,
    /// Items that were given to the sender so far.
    pub given: u8,
    pub frames: Vec<Arc<Frame<u8>>>,
    pub acks: Vec<Ack>,
    pub now: u8,
    pub lives: u8,
    pub sender_copy: Option<Outgoing<u8>>,
    pub receiver_copy: Option<Receiver>,
    pub reported: bool,
    /// For the properties: what the sender, as it is now, has put into frames.
    pub framed: Vec<u8>,
    pub framed_copy: Vec<u8>,
    /// Whether the receiver has forgotten something.
    pub forgot: bool,
}

/// The receiver's store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Receiver {
    pub incoming: Incoming,
    /// What it has taken, with the life in which it came.
    pub taken: Vec<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Give,
    Pump,
    Carry(usize),
    Acknowledge(usize),
    CopySender,
    CopyReceiver,
    RestoreSender,
    RestoreReceiver,
    /// The sender's store is set up anew, with nothing in it and an incarnation of its own. No copy
    /// from before is put back after that: its frames would pass for those of a third life.
    BeginAnew,
}

impl Item for u8 {
    fn digest(&self) -> Digest {
        Digest::of([u64::from(*self)])
    }
}

impl State {
    fn step(&mut self, step: Step, broken: Option<Mutation>) {
        match step {
            Step::Give => {
                self.given += 1;
                self.sender.pending.push(self.given);
            }
            Step::Pump => {
                if let Some(frame) = self.sender.pump(self.now) {
                    self.framed.extend(&frame.items);
                    self.frames.push(frame);
                }
            }
            Step::Carry(place) => {
                let frame = self.frames[place].clone();
                match self.receiver.incoming.take(&frame, self.now, broken) {
                    Ok((items, ack)) => {
                        self.receiver.taken.extend(items.iter().map(|item| (frame.life, *item)));
                        if !self.acks.contains(&ack) {
                            self.acks.push(ack);
                        }
                    }
                    Err(_) => self.reported = true,
                }
            }
            Step::Acknowledge(place) => {
                let ack = self.acks[place];
                // Of another life than the sender's it tells nothing.
                let ours = ack.life == self.sender.life;
                self.reported |= self.sender.acknowledged(ack, broken).is_err() && ours;
            }
            Step::CopySender => {
                self.sender_copy = Some(self.sender.clone());
                self.framed_copy = self.framed.clone();
            }
            Step::CopyReceiver => self.receiver_copy = Some(self.receiver.clone()),
            Step::RestoreSender => {
                if let Some(copy) = self.sender_copy.take() {
                    self.sender = copy;
                    self.framed = std::mem::take(&mut self.framed_copy);
                    self.now += 1;
                }
            }
            Step::RestoreReceiver => {
                if let Some(copy) = self.receiver_copy.take() {
                    self.forgot |= copy != self.receiver;
                    self.receiver = copy;
                    self.now += 1;
                }
            }
            Step::BeginAnew => {
                self.now += 1;
                self.lives += 1;
                self.sender = Outgoing::begin(self.lives);
                (self.framed, self.framed_copy, self.sender_copy) = (Vec::new(), Vec::new(), None);
            }
        }
    }

    /// What would still happen by itself: the sender gives again what it keeps, the receiver answers
    /// with what it has taken so far.
    fn is_due(&self, step: Step) -> bool {
        match step {
            Step::Pump => true,
            Step::Carry(place) => self.sender.kept.contains(&self.frames[place]),
            Step::Acknowledge(place) => {
                let (ack, incoming) = (self.acks[place], &self.receiver.incoming);
                let taken = if ack.life == incoming.life { incoming.number } else { 0 };
                ack.number == taken && ack.life == self.sender.life
            }
            _ => false,
        }
    }

    fn has_taken(&self, item: u8) -> bool {
        self.receiver.taken.iter().any(|(_, taken)| *taken == item)
    }
}

impl Model for SingleLink {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            sender: Outgoing::begin(1),
            receiver: Receiver::default(),
            given: 0,
            frames: Vec::new(),
            acks: Vec::new(),
            now: 0,
            lives: 1,
            sender_copy: None,
            receiver_copy: None,
            reported: false,
            framed: Vec::new(),
            framed_copy: Vec::new(),
            forgot: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.given < self.items {
            steps.push(Step::Give);
        }
        if !state.sender.pending.is_empty() {
            steps.push(Step::Pump);
        }
        steps.extend((0..state.frames.len()).map(Step::Carry));
        steps.extend((0..state.acks.len()).map(Step::Acknowledge));
        if state.now < self.restores {
            steps.extend([Step::CopySender, Step::CopyReceiver, Step::BeginAnew]);
            steps.extend(state.sender_copy.is_some().then_some(Step::RestoreSender));
            steps.extend(state.receiver_copy.is_some().then_some(Step::RestoreReceiver));
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut next = last.clone();
        next.step(step, self.mutation);
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let all = vec![
            Property::always(IN_ORDER, |_, state: &State| state.receiver.taken.is_sorted_by(|a, b| a < b)),
            Property::always(KEPT, |_, state: &State| {
                let kept: Vec<u8> =
                    state.sender.kept.iter().flat_map(|frame| frame.items.iter().copied()).collect();
                let mut done = state.framed.iter().filter(|item| !kept.contains(item));
                state.reported || state.forgot || done.all(|item| state.has_taken(*item))
            }),
            Property::always(ARRIVES, |model: &SingleLink, state: &State| {
                let mut steps = Vec::new();
                model.actions(state, &mut steps);
                let due = |step: Step| state.is_due(step) && model.next_state(state, step).is_some();
                let done = state.sender.pending.is_empty() && state.sender.kept.is_empty();
                done || state.reported || steps.into_iter().any(due)
            }),
            Property::sometimes(
                "everything is given and has arrived",
                |model: &SingleLink, state: &State| (1..=model.items).all(|item| state.has_taken(item)),
            ),
        ];
        all.into_iter().filter(|property| self.only.is_none_or(|only| property.name == only)).collect()
    }
}

//! What an app has asked of its device, and what became of it: kept until its fate is known.

use crate::{
    bounds::Work,
    names::{Id, Seq, Set},
    submission::{Code, Submission},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    pub work: Work,
    pub state: State,
    /// Whether a user came into the room since it was asked for, or agreed to.
    pub joined: bool,
    /// Whether policy or label were changed since.
    pub rules: bool,
    /// How often the app agreed to new readers.
    pub agreed: u8,
    /// For the properties: to whom the app has given it, and under which policy and label.
    pub readers: Set,
    pub under: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Waiting,
    /// The app is asked whether whoever came since may read it.
    Held,
    /// Submitted, and repeated until the fate is known.
    UnderWay(Id),
    /// The log shows the message.
    Sent(Seq),
    /// The change is made.
    Done,
    Failed(Code),
    Withdrawn,
}

/// A submission that was made. Its bytes are on their way from then on, once or more often, soon,
/// late or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Made {
    pub submission: Submission,
    /// By which task.
    pub task: u8,
    /// Whether the device waits for its fate no more.
    pub settled: bool,
}

impl State {
    pub fn is_final(self) -> bool {
        matches!(self, State::Sent(_) | State::Done | State::Failed(_) | State::Withdrawn)
    }
}

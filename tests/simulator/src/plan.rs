//! What shall happen in a run, as its seed decides: who there is, and a list of steps, each a pause
//! and then something that somebody does, or a fault. A step names people and rooms by numbers that
//! mean something in whatever situation they meet, so that every part of a list is a plan again:
//! that is how a failing one shrinks.

use core::fmt;

use crate::dice::Dice;

/// A whole run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub shape: Shape,
    pub steps: Vec<Step>,
}

/// The world in which it happens.
#[derive(Clone, Debug)]
pub struct Shape {
    pub agencies: usize,
    /// The agency of each person.
    pub people: Vec<usize>,
    /// Which of them is a role, that is handed from shift to shift.
    pub role: Option<usize>,
    /// People who have a second device from the beginning.
    pub second: Vec<usize>,
    /// Server processes on one store.
    pub processes: usize,
    /// Whether apps have a notification extension beside them.
    pub extensions: bool,
    pub weather: Weather,
    /// Whether stores are restored from backups: then less is promised.
    pub disasters: bool,
    /// Whether agencies are suspended, for a while.
    pub suspensions: bool,
}

/// How often something goes wrong by itself: in a thousand times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lost: u32,
    pub twice: u32,
    pub late: u32,
    /// A process dies, or its disk fails, during a call.
    pub crash: u32,
    /// Another process on the same store is quicker.
    pub overlap: u32,
}

#[derive(Clone, Debug)]
pub struct Step {
    /// Milliseconds since the step before.
    pub pause: u64,
    pub act: Act,
    /// Whom, where and what: each act takes from them what it needs.
    pub who: u32,
    pub room: u32,
    pub what: u32,
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident $weight:literal $kind:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Act { $($(#[$doc])* $name,)* }

        impl Act {
            pub const ALL: &'static [Act] = &[$(Act::$name,)*];

            /// How often it comes, beside the others.
            fn weight(self) -> usize {
                match self { $(Act::$name => $weight,)* }
            }

            pub fn is_fault(self) -> bool {
                match self { $(Act::$name => stringify!($kind) == "fault",)* }
            }

            fn is_disaster(self) -> bool {
                match self { $(Act::$name => stringify!($kind) == "disaster",)* }
            }
        }
    };
}

acts! {
    Say 60 people;
    /// An edit, a deletion or a reaction.
    Speak 12 people;
    Create 2 people;
    Invite 14 people;
    Remove 9 people;
    Leave 5 people;
    Ban 3 people;
    Unban 3 people;
    Promote 7 people;
    Describe 14 people;
    /// Opens or closes a room for those who come by themselves.
    Open 4 people;
    Restrict 3 people;
    Join 6 people;
    Rejoin 2 people;
    Share 4 people;
    Fetch 8 people;
    /// Accepts or declines invitations, consents or withdraws.
    Answer 8 people;
    /// Changes who may invite without asking.
    Reserve 3 people;
    Link 2 people;
    /// The same by a code that one device shows and the other scans.
    Scan 2 people;
    /// A role is handed over for a shift.
    HandOver 4 people;
    Revoke 2 people;
    /// A device gets another certificate.
    Renew 2 people;
    /// Two who may do so change the same room at the same moment.
    Race 8 people;
    /// For a while everything on the way is lost, doubled and late more often.
    Storm 8 fault;
    /// Two agencies' servers do not reach each other for a while.
    Part 5 fault;
    /// A device has no network for a while.
    CutOff 8 fault;
    /// A device's next call, or one of the calls after it, is interrupted.
    Crash 8 fault;
    /// The same for a server.
    CrashServer 8 fault;
    /// Several processes of one host are at work at the same time.
    Overlap 8 fault;
    /// An app does not look at its events for a while.
    Hang 4 fault;
    /// A clock jumps.
    Jump 4 fault;
    JumpServer 2 fault;
    /// Chunks beside messages are lost for a while.
    LoseChunks 3 fault;
    /// The federation's office suspends an agency, or takes that back.
    Suspend 12 office;
    /// A revocation meets a partition, a crash meets a race.
    Combine 6 fault;
    /// A copy of a store is made.
    Backup 10 disaster;
    /// A device's store is restored from a copy.
    RestorePhone 6 disaster;
    /// A server's.
    RestoreServer 8 disaster;
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "plan");
        let shape = Shape::of(&mut dice);
        let count = match dice.below(20) {
            0 => 120,
            1..6 => 50,
            _ => 24 + dice.below(20),
        };
        let steps = (0..count).map(|_| Step::of(&mut dice, &shape)).collect();
        Plan { seed, shape, steps }
    }
}

impl Shape {
    fn of(dice: &mut Dice) -> Self {
        let agencies = 2 + dice.below(2);
        let people = match dice.below(12) {
            0 => 7,
            1..5 => 4,
            _ => 3,
        };
        let people: Vec<usize> =
            (0..people).map(|n| if n < agencies { n } else { dice.below(agencies) }).collect();
        let role = Some(people.len() - 1).filter(|role| *role > 1 && dice.often(350));
        let second = (0..people.len()).filter(|_| dice.often(250)).collect();
        let weather = match dice.below(4) {
            0 => Weather::default(),
            1 => Weather { lost: 30, twice: 20, late: 30, crash: 2, overlap: 20 },
            2 => Weather { lost: 100, twice: 60, late: 100, crash: 6, overlap: 60 },
            _ => Weather { lost: 200, twice: 100, late: 200, crash: 12, overlap: 150 },
        };
        Shape {
            agencies,
            people,
            role,
            second,
            processes: 1 + dice.below(3),
            extensions: dice.often(500),
            weather,
            disasters: dice.often(150),
            suspensions: dice.often(150),
        }
    }
}

impl Step {
    fn of(dice: &mut Dice, shape: &Shape) -> Self {
        let possible = |act: &&Act| match act {
            Act::HandOver => shape.role.is_some(),
            Act::Suspend => shape.suspensions,
            act => shape.disasters || !act.is_disaster(),
        };
        let acts: Vec<Act> = Act::ALL.iter().filter(possible).copied().collect();
        let mut point = dice.below(acts.iter().map(|act| act.weight()).sum());
        let mut act = Act::Say;
        for next in acts {
            if point < next.weight() {
                act = next;
                break;
            }
            point -= next.weight();
        }
        // Mostly close together, so that rare things meet.
        let pause = match dice.below(10) {
            0..4 => dice.between(0, 40),
            4..7 => dice.between(40, 1_500),
            7..9 => dice.between(1_500, 20_000),
            _ => dice.between(20_000, 300_000),
        };
        Step { pause, act, who: dice.number(), room: dice.number(), what: dice.number() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (after {} ms)", self.act, self.pause)
    }
}

//! What goes wrong on the way and at hosts, if it shall: bytes that are lost, doubled, late and out of
//! order, and engines that end in the midst of what they do.

use std::{collections::BTreeMap, time::Duration};

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, Rng as _, SeedableRng as _};
use verbund::ids::AgencyId;

use super::{Error, World};

/// Of a thousand pieces on the way so many are lost, arrive twice, and arrive after others.
const LOST: u32 = 100;
const TWICE: u32 = 80;
const LATE: u32 = 100;
/// In which of its calls an engine ends, at the latest.
const CRASHES_WITHIN: u32 = 5;
/// So long whatever was lost is asked for again when nothing is lost any more.
const HEALING: [Duration; 3] = [Duration::from_secs(6); 3];

/// All that goes wrong, from one seed.
pub struct Faults {
    dice: ChaCha20Rng,
    /// Between two scenes nothing goes wrong.
    on: bool,
    /// Whether something went wrong since all was well.
    owed: bool,
    /// After how many calls each engine ends; none is left of those that have.
    crashes: BTreeMap<Who, Option<u32>>,
    pub(super) late: Vec<Flight>,
    pub counts: FaultCounts,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    pub lost: usize,
    pub twice: usize,
    pub late: usize,
    /// Engines that ended before what they had made was stored, and after it.
    pub before: usize,
    pub after: usize,
}

/// An engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Phone(usize),
    Server(AgencyId),
}

/// When an engine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Before the batch is applied.
    Before,
    /// After it, and before any output is carried out.
    After,
}

/// What becomes of something on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// So often it arrives.
    Arrives(usize),
    Late,
}

/// Something that arrives after what was sent later, with the chunk beside it.
#[derive(Clone)]
pub(super) struct Flight {
    pub(super) leg: Leg,
    pub(super) bytes: Vec<u8>,
    pub(super) chunk: Option<Vec<u8>>,
}

/// A way on which bytes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// From a phone to its server.
    Up(usize),
    /// The reply.
    Down(usize),
    /// From one server to another.
    Peer(AgencyId, AgencyId),
    /// The answer, to whom it goes.
    Answer(AgencyId),
}

impl Faults {
    pub fn of(seed: u64) -> Self {
        let mut wide = [0; 32];
        wide[..8].copy_from_slice(&seed.to_be_bytes());
        Faults {
            dice: ChaCha20Rng::from_seed(wide),
            on: true,
            owed: false,
            crashes: BTreeMap::new(),
            late: Vec::new(),
            counts: FaultCounts::default(),
        }
    }

    /// How many engines have ended in the midst of something.
    pub fn crashed(&self) -> usize {
        self.crashes.values().filter(|left| left.is_none()).count()
    }

    fn fate(&mut self) -> Fate {
        let point = self.dice.next_u32() % 1_000;
        let fate = match point {
            _ if !self.on => return Fate::Arrives(1),
            _ if point < LOST => Fate::Arrives(0),
            _ if point < LOST + TWICE => Fate::Arrives(2),
            _ if point < LOST + TWICE + LATE => Fate::Late,
            _ => return Fate::Arrives(1),
        };
        match fate {
            Fate::Arrives(0) => self.counts.lost += 1,
            Fate::Arrives(_) => self.counts.twice += 1,
            Fate::Late => self.counts.late += 1,
        }
        self.owed = true;
        fate
    }

    fn ends(&mut self, who: Who) -> Option<Ends> {
        if !self.on {
            return None;
        }
        let first = 1 + self.dice.next_u32() % CRASHES_WITHIN;
        let left = self.crashes.entry(who).or_insert(Some(first));
        *left = Some(left.as_ref()?.checked_sub(1)?);
        if *left != Some(0) {
            return None;
        }
        *left = None;
        self.owed = true;
        let ends = [Ends::Before, Ends::After][self.dice.next_u32() as usize % 2];
        match ends {
            Ends::Before => self.counts.before += 1,
            Ends::After => self.counts.after += 1,
        }
        Some(ends)
    }
}

impl<R: CryptoRng> World<R> {
    /// What becomes of something on its way.
    pub(super) fn fate(&mut self) -> Fate {
        self.faults.as_mut().map_or(Fate::Arrives(1), Faults::fate)
    }

    /// Whether an engine ends in this call.
    pub(super) fn ends(&mut self, who: Who) -> Option<Ends> {
        self.faults.as_mut().and_then(|faults| faults.ends(who))
    }

    /// How often something arrives now; what is late is put aside.
    pub(super) fn send_off(&mut self, leg: Leg, bytes: &[u8], chunk: Option<&Vec<u8>>) -> usize {
        match self.fate() {
            Fate::Arrives(times) => times,
            Fate::Late => {
                let flight = Flight { leg, bytes: bytes.to_vec(), chunk: chunk.cloned() };
                self.faults.iter_mut().for_each(|faults| faults.late.push(flight.clone()));
                0
            }
        }
    }

    /// Lets one thing arrive that is late, any of them. Says whether there was one.
    pub(super) fn arrive_late(&mut self) -> Result<bool, Error> {
        let Some(faults) = self.faults.as_mut().filter(|faults| !faults.late.is_empty()) else {
            return Ok(false);
        };
        let any = faults.dice.next_u32() as usize % faults.late.len();
        let Flight { leg, bytes, chunk } = faults.late.swap_remove(any);
        match leg {
            Leg::Up(phone) => self.arrive_up(phone, &bytes, chunk.as_ref())?,
            Leg::Down(phone) => self.take_in(phone, &bytes, chunk)?,
            Leg::Peer(from, to) => self.arrive_at_peer(&from, &to, &bytes)?,
            Leg::Answer(at) => drop(self.peer(&at, &bytes, chunk)?),
        }
        Ok(true)
    }

    /// When nothing moves any more: nothing is lost for a while, and whatever was is asked for again.
    pub(super) fn heal(&mut self) -> Result<(), Error> {
        let Some(faults) = self.faults.as_mut().filter(|faults| faults.owed) else { return Ok(()) };
        (faults.on, faults.owed) = (false, false);
        for step in HEALING {
            self.now = self.now.plus(step);
            for phone in 0..self.phones.len() {
                if self.phones[phone].online {
                    self.resume(phone)?;
                }
            }
            let up = self.hosts.values().filter(|host| !host.down).map(|host| host.agency.clone());
            for agency in up.collect::<Vec<_>>() {
                self.tick_server(&agency)?;
            }
            self.carry_all()?;
        }
        self.faults.iter_mut().for_each(|faults| faults.on = true);
        Ok(())
    }
}

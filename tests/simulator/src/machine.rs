//! What a phone and a server have in common: processes with an engine each, one store, a clock, and
//! the moments at which all of it can break.

use std::collections::BTreeMap;

use chacha20::ChaCha20Rng;
use verbund::{
    Error,
    attachment::ChunkRef,
    store::{Apply, ApplyError, Batch, Ctx, MemoryStore, Transition},
    time::Timestamp,
};

use crate::world::World;

/// A host.
pub struct Machine<E> {
    pub name: String,
    pub processes: Vec<E>,
    pub store: MemoryStore,
    /// Sealed chunks.
    pub chunks: BTreeMap<ChunkRef, Vec<u8>>,
    /// How far the clock is ahead, in milliseconds.
    pub skew: i64,
    /// When the engine wants to be called, by the host's own clock.
    pub wake: Option<u64>,
    /// Until when the host is down, in the world's time.
    pub down: Option<u64>,
    /// What goes wrong in one of the next calls: after how many.
    pub armed: Option<(u32, Break)>,
    /// So many of the next calls meet with a quicker process.
    pub overlaps: u32,
    /// The process that makes all calls, if it must be the same one.
    pub pinned: Option<usize>,
    /// The process that is in the midst of a call.
    pub busy: Option<usize>,
    pub backup: Option<Backup>,
    /// Calls since a moment: an engine that wants to be called without end is found out.
    pub spinning: (u64, u32),
}

/// A copy of a store.
#[derive(Clone)]
pub struct Backup {
    pub store: MemoryStore,
    pub at: u64,
}

/// Where a call breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The process dies before the batch is applied.
    Before,
    /// After it, before anything that it says is done.
    After,
    /// Between the outputs.
    Between,
    /// The store says that it failed, and has written.
    Written,
    /// The store fails.
    Unwritten,
}

impl Break {
    pub const ALL: [Break; 5] =
        [Break::Before, Break::After, Break::Between, Break::Written, Break::Unwritten];

    pub fn name(self) -> &'static str {
        match self {
            Break::Before => "crash before the batch is applied",
            Break::After => "crash before the outputs",
            Break::Between => "crash between the outputs",
            Break::Written => "apply fails though it has written",
            Break::Unwritten => "apply fails",
        }
    }
}

/// What an engine gives back, with a chunk to store first.
pub struct Made<T, O> {
    pub keep: Option<ChunkRef>,
    pub transition: Transition<T, O>,
}

impl<T, O> From<Transition<T, O>> for Made<T, O> {
    fn from(transition: Transition<T, O>) -> Self {
        Made { keep: None, transition }
    }
}

/// What became of a call.
pub enum Called<T> {
    Done(T),
    /// The engine refused; nothing has changed.
    Refused(Error),
    /// The process died. Whether it was done, only the store says.
    Died,
}

impl<T> Called<T> {
    pub fn done(self) -> Option<T> {
        match self {
            Called::Done(value) => Some(value),
            Called::Refused(_) | Called::Died => None,
        }
    }
}

/// An engine of one of both kinds, and where its hosts are.
pub trait Engine: Default {
    type Output;

    fn machine(world: &mut World, host: usize) -> &mut Machine<Self>;

    /// Does what an engine says.
    fn obey(world: &mut World, host: usize, output: Self::Output);

    /// Something else that this host does at the same time, with another process.
    fn rival(world: &mut World, host: usize);

    /// What was in memory is gone.
    fn forget(world: &mut World, host: usize);
}

/// A store that may break.
struct Disk<'a> {
    store: &'a mut MemoryStore,
    breaks: Option<Break>,
}

struct Broken;

impl Apply for Disk<'_> {
    type Error = Broken;

    fn apply(&mut self, batch: &Batch) -> Result<(), ApplyError<Broken>> {
        let apply = |store: &mut MemoryStore| match store.apply(batch) {
            Ok(()) => Ok(()),
            Err(ApplyError::Conflict) => Err(ApplyError::Conflict),
            Err(ApplyError::Store(never)) => match never {},
        };
        match self.breaks {
            Some(Break::Unwritten) => Err(ApplyError::Store(Broken)),
            Some(Break::Written) => apply(self.store).and(Err(ApplyError::Store(Broken))),
            _ => apply(self.store),
        }
    }
}

impl<E> Machine<E> {
    pub fn new(name: String, store: MemoryStore, processes: Vec<E>) -> Self {
        Machine {
            name,
            processes,
            store,
            chunks: BTreeMap::new(),
            skew: 0,
            wake: None,
            down: None,
            armed: None,
            overlaps: 0,
            pinned: None,
            busy: None,
            backup: None,
            spinning: (0, 0),
        }
    }

    /// The time on its clock.
    pub fn clock(&self, now: u64) -> Timestamp {
        Timestamp::from_millis(now.saturating_add_signed(self.skew))
    }

    /// When it has to be looked at, in the world's time.
    pub fn next(&self) -> Option<u64> {
        match self.down {
            Some(until) => Some(until),
            None => self.wake.map(|wake| wake.saturating_add_signed(-self.skew)),
        }
    }

    pub fn sooner(&mut self, wake: Option<Timestamp>) {
        self.wake = self.wake.into_iter().chain(wake.map(Timestamp::as_millis)).min();
    }
}

/// So many calls within a minute are an engine that never rests.
const RESTLESS: u32 = 20_000;

impl World {
    /// Makes a call, applies what comes of it, does what it says: unless something breaks.
    pub fn call<E: Engine, T>(
        &mut self,
        host: usize,
        what: &str,
        beside: Option<&[u8]>,
        mut call: impl FnMut(&mut E, Ctx<'_>) -> verbund::error::Result<Made<T, E::Output>>,
    ) -> Called<T> {
        let process = self.process::<E>(host);
        self.restless::<E>(host);
        loop {
            let mut rng: ChaCha20Rng = self.rng.generator();
            let breaks = self.breaks::<E>(host);
            let now = self.now;
            let machine = E::machine(self, host);
            let ctx = Ctx { now: machine.clock(now), store: &machine.store, rng: &mut rng };
            let made = match call(&mut machine.processes[process], ctx) {
                Ok(made) => made,
                Err(error) => {
                    self.refused::<E>(host, what, &error);
                    return Called::Refused(error);
                }
            };
            self.counts.calls += 1;
            self.overlap::<E>(host, process);
            if breaks == Some(Break::Before) {
                self.dies::<E>(host, process, what, Break::Before);
                return Called::Died;
            }
            let machine = E::machine(self, host);
            // The host stores a chunk before it says that it is there.
            machine.chunks.extend(made.keep.zip(beside.map(<[u8]>::to_vec)));
            let done = match made.transition.commit(&mut Disk { store: &mut machine.store, breaks }) {
                Ok(done) => done,
                Err(ApplyError::Conflict) => {
                    self.broken::<E>(host, what, "conflict: another process was quicker");
                    continue;
                }
                Err(ApplyError::Store(Broken)) => {
                    self.broken::<E>(host, what, breaks.map_or("", Break::name));
                    continue;
                }
            };
            if breaks == Some(Break::After) {
                self.dies::<E>(host, process, what, Break::After);
                return Called::Died;
            }
            E::machine(self, host).sooner(done.wake);
            let all = done.outputs.len();
            let some = match breaks {
                Some(Break::Between) => self.dice.below(all + 1),
                _ => all,
            };
            if !self.planted.drops_outputs {
                for output in done.outputs.into_iter().take(some) {
                    E::obey(self, host, output);
                }
            }
            if breaks == Some(Break::Between) {
                self.dies::<E>(host, process, what, Break::Between);
                return Called::Died;
            }
            return Called::Done(done.value);
        }
    }

    /// Which process makes a call: any that is not in the midst of one.
    fn process<E: Engine>(&mut self, host: usize) -> usize {
        let machine = E::machine(self, host);
        let (count, busy) = (machine.processes.len(), machine.busy);
        let picked = match E::machine(self, host).pinned {
            Some(pinned) => pinned,
            None if count > 1 => self.dice.below(count),
            None => 0,
        };
        if busy == Some(picked) { (picked + 1) % count } else { picked }
    }

    /// What goes wrong in this call.
    fn breaks<E: Engine>(&mut self, host: usize) -> Option<Break> {
        if let Some((left, breaks)) = E::machine(self, host).armed {
            E::machine(self, host).armed = left.checked_sub(1).map(|left| (left, breaks));
            return (left == 0).then_some(breaks);
        }
        let often = self.weather.crash;
        (often > 0 && self.dice.often(often)).then(|| Break::ALL[self.dice.below(5)])
    }

    /// Another process is at work on the same store.
    fn overlap<E: Engine>(&mut self, host: usize, process: usize) {
        let machine = E::machine(self, host);
        if machine.processes.len() < 2 || machine.busy.is_some() {
            return;
        }
        let armed = machine.overlaps > 0;
        machine.overlaps = machine.overlaps.saturating_sub(1);
        let often = self.weather.overlap;
        if armed || (often > 0 && self.dice.often(often)) {
            E::machine(self, host).busy = Some(process);
            E::rival(self, host);
            E::machine(self, host).busy = None;
        }
    }

    fn dies<E: Engine>(&mut self, host: usize, process: usize, what: &str, at: Break) {
        self.broken::<E>(host, what, at.name());
        let (soon, until) = (self.now + 1, self.now + self.dice.between(1, 15_000));
        let machine = E::machine(self, host);
        machine.processes[process] = E::default();
        // Of several processes the others go on; what the dead one had in memory is gone.
        machine.down = Some(if machine.processes.len() > 1 { soon } else { until });
        E::forget(self, host);
    }

    fn broken<E: Engine>(&mut self, host: usize, what: &str, fault: &'static str) {
        let name = E::machine(self, host).name.clone();
        self.fault(fault, || format!("{name}: {what}: {fault}"));
    }

    fn restless<E: Engine>(&mut self, host: usize) {
        let minute = self.now / 60_000;
        let machine = E::machine(self, host);
        if machine.spinning.0 != minute {
            machine.spinning = (minute, 0);
        }
        machine.spinning.1 += 1;
        if machine.spinning.1 == RESTLESS {
            let name = machine.name.clone();
            self.fail("spin", format!("{name} is called without end"));
        }
    }

    fn refused<E: Engine>(&mut self, host: usize, what: &str, error: &Error) {
        use verbund::code::Kind;
        let name = E::machine(self, host).name.clone();
        self.trace.note(self.now, || format!("{name}: {what}: {error}"));
        *self.counts.refusals.entry(error.code().number()).or_default() += 1;
        if matches!(error.kind(), Kind::Bug | Kind::Store) {
            self.fail("defect", format!("{name}: {what}: {error}"));
        }
    }
}

/// Both engines are made anew after a crash.
pub fn fresh<E: Default>(count: usize) -> Vec<E> {
    (0..count).map(|_| E::default()).collect()
}

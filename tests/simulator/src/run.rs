//! A whole run: the storm, the calm after it, a day on which nobody does anything, and the checks.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use verbund::client::Event;

use crate::{
    checks::grown,
    counts::Counts,
    plan::{Plan, Weather},
    trace::Trace,
    world::{Failure, Planted, World},
};

/// What came of a run.
pub struct Outcome {
    pub counts: Counts,
    pub failure: Option<Failure>,
    pub trace: Vec<String>,
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Carries a plan out. Whatever panics is a failure like any other.
pub fn run(plan: &Plan, planted: Planted, traced: bool) -> Outcome {
    let mut world = World::new(plan, traced);
    let lived = catch_unwind(AssertUnwindSafe(|| live(&mut world, plan, planted)));
    if let Err(panic) = lived {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.fail("panic", text.unwrap_or_default());
    }
    let trace = core::mem::replace(&mut world.trace, Trace::new(0, false));
    Outcome { counts: world.counts, failure: world.failure, trace: trace.into_lines() }
}

fn live(world: &mut World, plan: &Plan, planted: Planted) {
    world.run(Duration::from_secs(60));
    world.begin();
    world.weather = plan.shape.weather;
    world.planted.keeps_silent = planted.keeps_silent;
    for step in &plan.steps {
        world.step(step);
        world.replace_rolled_back();
        if world.failure.is_some() {
            return;
        }
    }
    world.run(Duration::from_secs(30));
    world.trace.note(world.now, || "the storm is over".into());
    world.planted = planted;
    world.plant_truncation();
    world.calm();
    for _ in 0..2 {
        world.settle();
        world.answer_all();
    }
    world.settle();
    world.come_in_anew();
    // Everybody says something everywhere: whoever is in another epoch is heard by nobody.
    for phone in 0..world.phones.len() {
        if !world.phones[phone].gone {
            for room in world.rooms_of(phone) {
                world.say_in(phone, room.id);
            }
        }
    }
    world.settle();
    world.replace_rolled_back();
    world.settle();
    world.come_to_rest();
    world.plant_history();
    world.check();
    world.quiet_day();
}

impl World {
    /// From now on nothing breaks, and what was broken is mended.
    fn calm(&mut self) {
        self.weather = Weather::default();
        self.network.parted.clear();
        self.reinstate();
        (self.network.storm, self.network.chunkless) = (0, 0);
        for phone in &mut self.phones {
            phone.machine.armed = None;
            (phone.machine.skew, phone.machine.overlaps) = (0, 0);
            (phone.cut, phone.hangs) = (None, 0);
        }
        for site in &mut self.sites {
            site.machine.armed = None;
            (site.machine.skew, site.machine.overlaps) = (0, 0);
        }
        self.run(Duration::from_secs(60));
        for site in 0..self.sites.len() {
            self.tick_server(site);
        }
        for phone in 0..self.phones.len() {
            if !self.phones[phone].gone {
                self.start(phone);
            }
        }
    }

    /// An hour, with what operators do now and then, and apps that are started once.
    pub fn settle(&mut self) {
        self.end_shifts();
        for site in 0..self.sites.len() {
            self.publish(site, &[]);
        }
        self.run(HOUR / 2);
        for phone in 0..self.phones.len() {
            if !self.phones[phone].gone {
                self.start(phone);
            }
        }
        self.run(HOUR / 2);
    }

    /// Where the store of a hub was put back, devices that are further ask for what becomes of what they say as
    /// long as they live: between two questions nothing is on its way.
    fn come_to_rest(&mut self) {
        if self.sites.iter().all(|site| site.restored.is_none()) {
            return;
        }
        for _ in 0..40 {
            if self.links_rest() {
                return;
            }
            self.run(Duration::from_secs(17));
        }
    }

    /// Users answer whatever they are asked.
    pub fn answer_all(&mut self) {
        for phone in 0..self.phones.len() {
            if self.phones[phone].gone {
                continue;
            }
            for question in self.ledger.questions(phone, &self.phones[phone]) {
                let (request, yes) = (self.request(), self.dice.often(700));
                self.command(phone, question.answer(request, yes));
            }
        }
    }

    /// A day on which nobody does anything: nothing grows.
    fn quiet_day(&mut self) {
        // With a peer that cannot be spoken with any more queues grow, as in any outage.
        if self.failure.is_some() || self.sites.iter().any(|site| site.restored.is_some()) {
            return self.tell();
        }
        // Newer certificates are brought into rooms within a week (SPEC V-356), devices are waited for as long (V-381).
        for _ in 0..8 {
            if self.renewed || self.is_somebody_awaited() {
                self.quiet_half_day();
                self.quiet_half_day();
            }
        }
        // Key packages that a server did not take, since its agency was suspended, are offered again after a day.
        if self.office.lists.len() > 1 {
            self.quiet_half_day();
            self.quiet_half_day();
        }
        // What came of the last of it is told with the next synchronisation.
        self.settle();
        let before = self.tables();
        self.quiet_half_day();
        self.quiet_half_day();
        self.settle();
        self.plant_row();
        if let Some(grown) = grown(&before, &self.tables()) {
            self.fail("growth", format!("{grown} in a day"));
        }
        self.tell();
    }

    /// Whether a device still waits for one that it has endorsed.
    fn is_somebody_awaited(&self) -> bool {
        let phones = self.phones.iter().filter(|phone| !phone.gone);
        phones.flat_map(|phone| phone.machine.store.rows()).any(|(key, _)| key.starts_with(b"t/"))
    }

    fn quiet_half_day(&mut self) {
        self.settle();
        self.run(HOUR * 11);
    }

    /// Counts what apps were told that had gone wrong.
    fn tell(&mut self) {
        let mut told: BTreeMap<String, u64> = BTreeMap::new();
        for event in self.phones.iter().flat_map(|phone| phone.events()) {
            let name = match event {
                Event::Failed { code, .. } => format!("failed with {}", code.number()),
                Event::Unreadable { code, .. } => format!("unreadable with {}", code.number()),
                Event::RoomStalled { code, .. } => format!("stalled with {}", code.number()),
                Event::NotJoined { code, .. } => format!("not joined with {}", code.number()),
                Event::InvitationFailed { code, .. } => format!("invitation failed with {}", code.number()),
                Event::Rejoined { .. } => "rejoined".into(),
                Event::RoomSilent { .. } => "room silent".into(),
                Event::SendNeedsConsent { .. } => "consent needed".into(),
                Event::StoreRolledBack => "store rolled back".into(),
                Event::AgencyMisbehaved { .. } => "misbehaved".into(),
                _ => continue,
            };
            *told.entry(name).or_default() += 1;
        }
        self.counts.told = told;
    }
}

//! What breaks because a step says so.

use verbund::identity::AgencyStatus;

use crate::{
    machine::Break,
    plan::{Act, Step},
    site::Order,
    world::World,
};

impl World {
    /// The federation's office suspends an agency and tells one server of it; or it takes that back.
    pub fn suspend(&mut self, step: &Step) -> bool {
        let (site, told) = (step.who as usize % self.sites.len(), step.room as usize % self.sites.len());
        match self.suspended {
            Some(site) => {
                self.amend(site, AgencyStatus::Active, told);
                self.suspended = None;
            }
            None => {
                self.amend(site, AgencyStatus::Suspended, told);
                self.suspended = Some(site);
            }
        }
        true
    }

    /// Takes back what the office has said of an agency, and has all operators hear of it.
    pub fn reinstate(&mut self) {
        if let Some(site) = self.suspended.take() {
            self.amend(site, AgencyStatus::Active, site);
        }
        for site in 0..self.sites.len() {
            let lists = self.office.lists[1..].iter().cloned().map(Order::TrustList);
            self.sites[site].orders.extend(lists);
        }
    }

    fn amend(&mut self, site: usize, status: AgencyStatus, told: usize) {
        let (agency, now) = (self.sites[site].agency.clone(), self.time());
        let amended = self.office.amend(now, |roster| {
            for listed in roster.agencies.iter_mut().filter(|listed| *listed.id() == agency) {
                *listed = listed.clone().with_status(status);
            }
        });
        amended.expect("a list that can be signed");
        let lists = self.office.lists[1..].iter().cloned().map(Order::TrustList);
        self.sites[told].orders.extend(lists);
        if self.sites[told].machine.down.is_none() {
            self.carry_out(told);
        }
        self.trace.note(self.now, || format!("{agency}: {status:?}"));
    }

    /// What breaks.
    pub fn trouble(&mut self, step: &Step) -> bool {
        let now = self.now;
        let until = now + 1_000 + u64::from(step.what % 90_000);
        let (phone, site) = (step.who as usize % self.phones.len(), step.who as usize % self.sites.len());
        let breaks = (step.room % 8, Break::ALL[step.what as usize % 5]);
        match step.act {
            Act::Storm => self.network.storm = until,
            Act::Part => {
                let other = (site + 1) % self.sites.len();
                self.network.parted.insert((site.min(other), site.max(other)), until);
            }
            Act::CutOff => self.phones[phone].cut = Some(until),
            Act::Crash => self.phones[phone].machine.armed = Some(breaks),
            Act::CrashServer => self.sites[site].machine.armed = Some(breaks),
            Act::Overlap => {
                self.phones[phone].machine.overlaps = 1 + step.room % 6;
                self.sites[site].machine.overlaps = 1 + step.room % 10;
            }
            Act::Hang => self.phones[phone].hangs = until * 2 - now,
            Act::Jump | Act::JumpServer => {
                let by = i64::from(step.what % 3_600_000) - 1_800_000;
                // Mostly small, for large differences stop everything; now and then by days.
                let by = match step.room % 12 {
                    0 if step.act == Act::Jump => by * 100,
                    0..3 => by,
                    _ => by / 20,
                };
                match step.act {
                    Act::Jump => self.phones[phone].machine.skew = by,
                    _ => self.sites[site].machine.skew = by / 3,
                }
            }
            Act::LoseChunks => self.network.chunkless = until,
            _ => return false,
        }
        self.fault(name_of(step.act), || format!("{:?}", step.act));
        true
    }
}

fn name_of(act: Act) -> &'static str {
    match act {
        Act::Storm => "storm",
        Act::Part => "partition",
        Act::CutOff => "device cut off",
        Act::Hang => "app that does not look",
        Act::Jump => "clock of a device jumps",
        Act::JumpServer => "clock of a server jumps",
        Act::LoseChunks => "chunks are lost",
        _ => "armed",
    }
}

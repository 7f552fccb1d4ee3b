//! Time passes, and things move.

use std::time::Duration;

use verbund::{code::Code, ids::AgencyId, store::Ctx, time::Timestamp};

use super::*;

impl Net {
    /// Lets bytes travel until nothing moves any more.
    pub fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 20_000, "the network never comes to rest");
            let mut moved = false;
            for phone in 0..self.phones.len() {
                moved |= self.carry(phone);
            }
            for (from, to) in self.ready_links() {
                moved |= self.carry_frame(&from, &to);
            }
            for phone in 0..self.phones.len() {
                self.show(phone);
            }
            if !moved {
                return;
            }
        }
    }

    /// Moves one thing somewhere, as `pick` says; whether there was something there.
    pub fn nudge(&mut self, pick: usize) -> bool {
        let links = self.ready_links();
        match pick % (self.phones.len() + links.len()) {
            phone if phone < self.phones.len() => {
                let moved = self.carry(phone);
                self.show(phone);
                moved
            }
            link => {
                let (from, to) = &links[link - self.phones.len()];
                self.carry_frame(from, to)
            }
        }
    }

    /// Lets time pass, with what it brings.
    pub fn pass(&mut self, by: Duration) {
        self.now = self.now.plus(by);
        for phone in 0..self.phones.len() {
            self.tick(phone);
        }
        for agency in self.hosts.keys().cloned().collect::<Vec<_>>() {
            self.tick_server(&agency);
        }
        self.settle();
    }

    /// Some minutes, in which everything that was lost is sent again.
    pub fn wait(&mut self) {
        for _ in 0..20 {
            self.pass(Duration::from_secs(20));
        }
    }

    /// Lets time pass as for hosts that call their engines when these asked for it, and else
    /// only when there is something to carry.
    pub fn idle(&mut self, by: Duration) {
        let end = self.now.plus(by);
        for round in 0.. {
            assert!(round < 20_000, "engines want to be called without end");
            self.settle();
            let phones = self.phones.iter().filter(|phone| phone.online).filter_map(|phone| {
                let millis = phone.wake?.as_millis().saturating_add_signed(-phone.skew);
                Some(Timestamp::from_millis(millis))
            });
            let next =
                phones.chain(self.hosts.values().filter_map(|host| Some(host.wake?.minus(host.ahead)))).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for phone in 0..self.phones.len() {
                if self.phones[phone].wake.is_some_and(|wake| wake <= self.clock(phone)) {
                    self.tick(phone);
                }
            }
            for agency in self.hosts.keys().cloned().collect::<Vec<_>>() {
                let host = &self.hosts[&agency];
                if host.wake.is_some_and(|wake| wake <= self.now.plus(host.ahead)) {
                    self.tick_server(&agency);
                }
            }
        }
        self.now = self.now.max(end);
    }

    pub(super) fn tick(&mut self, phone: usize) {
        if self.phones[phone].online {
            // What is still to wait for, this call says anew.
            self.phones[phone].wake = None;
            match self.call(phone, |engine, ctx| engine.tick(ctx)) {
                Err(error) if error.code() == Code::StoreRolledBack => {}
                result => result.unwrap(),
            }
        }
    }

    pub fn tick_server(&mut self, agency: &AgencyId) {
        let host = self.hosts.get_mut(agency).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = host.engine.tick(ctx, 256).unwrap().commit(&mut host.store).unwrap();
        host.wake = done.wake;
        self.notify(agency, done.outputs);
    }
}

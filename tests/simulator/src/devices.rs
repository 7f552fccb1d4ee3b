//! Devices that come and go: linked, certified anew, lost.

use std::time::Duration;

use verbund::{
    client::{Client, Command},
    store::{Ctx, MemoryStore},
    time::Timestamp,
};

use crate::{machine::Called, plan::Step, world::World};

impl World {
    /// A further device, and an invitation into each of the user's rooms.
    pub fn link(&mut self, step: &Step) -> bool {
        let Some(sponsor) = self.someone(step) else { return false };
        let person = self.phones[sponsor].person;
        let live = self.phones.iter().filter(|phone| phone.person == person && !phone.gone).count();
        if live > 2 || self.enrol_further(person).is_none() {
            return false;
        }
        self.run(Duration::from_secs(2));
        for room in self.rooms_of(sponsor) {
            let (request, users) = (self.request(), vec![self.people[person].clone()]);
            self.command(sponsor, Command::Invite { request, room: room.id, users });
        }
        true
    }

    /// A device is lost: its agency revokes it. Everybody keeps one.
    pub fn revoke(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        let person = self.phones[phone].person;
        let live = self.phones.iter().filter(|phone| phone.person == person && !phone.gone).count();
        if live < 2 || self.phones[phone].restored {
            return false;
        }
        self.revoke_phone(phone);
        true
    }

    pub fn renew(&mut self, step: &Step) -> bool {
        let Some(phone) = self.someone(step) else { return false };
        if self.phones[phone].until.is_some() {
            return false;
        }
        let (request, site, now) =
            (self.phones[phone].enrolment.clone(), self.phones[phone].site, self.time());
        let mut rng = self.rng.generator();
        let Ok(enrolment) = self.sites[site].desk.countersign(&request, now, &mut rng) else { return false };
        self.take_enrolment(phone, &enrolment);
        self.renewed = true;
        true
    }

    /// A role's device hands the role over to another one, for a while.
    pub fn hand_over(&mut self, step: &Step) -> bool {
        let role = self.shape.role;
        let able = |phone: &usize| {
            let phone = &self.phones[*phone];
            Some(phone.person) == role && !phone.gone && phone.machine.down.is_none()
        };
        let able: Vec<usize> = (0..self.phones.len()).filter(able).collect();
        let live = self.phones.iter().filter(|phone| Some(phone.person) == role && !phone.gone).count();
        let Some(from) = able.get(step.who as usize % able.len().max(1)).copied() else { return false };
        if live > 2 {
            return false;
        }
        let person = self.phones[from].person;
        let mut until = self.now + 600_000 + u64::from(step.what % 3_000_000);
        // Nobody hands over what is not theirs any more.
        until = until.min(self.phones[from].until.unwrap_or(u64::MAX));
        let (mut engine, mut store, now) = (Client::new(), MemoryStore::default(), self.time());
        let mut rng = self.rng.generator();
        let ctx = Ctx { now, store: &store, rng: &mut rng };
        let begun = engine.begin(ctx, self.people[person].clone()).expect("an empty store");
        begun.commit(&mut store).expect("a store in memory");
        let offer = engine.offer(&store, now).expect("an offer");
        let called = self.call::<Client, _>(from, "a shift", None, |client, ctx| {
            Ok(client.delegate(ctx, &offer, Timestamp::from_millis(until))?.into())
        });
        let Called::Done(request) = called else { return false };
        let Some(phone) = self.register(person, store, &request) else { return false };
        self.phones[phone].until = Some(until);
        true
    }

    /// Shifts end by themselves.
    pub fn end_shifts(&mut self) {
        let now = self.now;
        for phone in &mut self.phones {
            if phone.until.is_some_and(|until| until <= now) && !phone.gone {
                (phone.gone, phone.out) = (true, true);
            }
        }
    }

    /// Gives a device that has asked for it what its registrar countersigns: from then on it is there.
    pub fn countersigned(&mut self, phone: usize, request: &[u8]) -> bool {
        let (site, now) = (self.phones[phone].site, self.time());
        let mut rng = self.rng.generator();
        let Ok(enrolment) = self.sites[site].desk.countersign(request, now, &mut rng) else { return false };
        self.phones[phone].gone = false;
        self.phones[phone].enrolment = request.to_vec();
        self.take_enrolment(phone, &enrolment);
        true
    }

    pub fn revoke_phone(&mut self, phone: usize) {
        let (device, site) = (self.phones[phone].device.clone(), self.phones[phone].site);
        (self.phones[phone].gone, self.phones[phone].out) = (true, true);
        self.publish(site, &[&device]);
    }
}

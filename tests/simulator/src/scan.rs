//! A device is linked by a code: one shows it, the next one scans it, and two letters pass through a
//! mailbox at their server. What lies in between is in the memory of both apps: if one of them ends
//! meanwhile, or the network keeps the letters too long, nothing comes of it.

use std::time::Duration;

use verbund::{
    client::{Client, Confirmation},
    identity::Newcomer,
    store::{Ctx, MemoryStore},
};

use crate::{
    machine::{Called, Engine as _, Machine},
    phone::Phone,
    plan::Step,
    world::World,
};

/// How often an app asks until it is answered, and how long it waits each time.
const ASKED: usize = 12;
const WAITS: Duration = Duration::from_secs(4);

/// Whose side of a mailbox.
#[derive(Clone, Copy)]
enum Side {
    Sponsor,
    Newcomer,
}

impl World {
    pub fn scan(&mut self, step: &Step) -> bool {
        let Some(sponsor) = self.someone(step) else { return false };
        let person = self.phones[sponsor].person;
        let live = self.phones.iter().filter(|phone| phone.person == person && !phone.gone).count();
        if live > 2 || self.phones[sponsor].until.is_some() {
            return false;
        }
        let newcomer = self.blank(person);
        // What is asked in one process of an app is answered there.
        self.phones[sponsor].machine.pinned = Some(0);
        self.phones[newcomer].machine.pinned = Some(0);
        let request = self.exchange(sponsor, newcomer);
        self.phones[sponsor].machine.pinned = None;
        self.phones[newcomer].machine.pinned = None;
        let Some(request) = request else {
            self.fault("link by a code that came to nothing", || "no link".into());
            return false;
        };
        if self.phones[sponsor].gone || !self.countersigned(newcomer, &request) {
            return false;
        }
        let rooms = self.rooms_of(sponsor).into_iter().map(|room| room.id).collect();
        self.phones[newcomer].brought = Some((sponsor, rooms));
        true
    }

    /// A device that is nobody's yet.
    fn blank(&mut self, person: usize) -> usize {
        let site = self.shape.people[person];
        let count = self.phones.iter().filter(|phone| phone.person == person).count();
        let name = format!("{}{}", self.people[person].as_str().split('@').next().unwrap_or(""), count + 1);
        let (engine, store) = (Client::new(), MemoryStore::default());
        let machine = Machine::new(name, store, vec![engine]);
        let device = self.phones[0].device.clone();
        let mut phone = Phone::new(machine, device, (site, person), Vec::new());
        phone.gone = true;
        self.phones.push(phone);
        self.phones.len() - 1
    }

    /// The whole exchange. Gives what the registrar is to countersign.
    fn exchange(&mut self, sponsor: usize, newcomer: usize) -> Option<Vec<u8>> {
        let mut rng = self.rng.generator();
        let here = &mut self.phones[sponsor].machine;
        let now = here.clock(self.now);
        let ctx = Ctx { now, store: &here.store, rng: &mut rng };
        let shown = here.processes[0].show_link_code(ctx).ok()?;
        let (code, mailbox) = (shown.code().text(), shown.code().mailbox());
        self.letter((sponsor, Side::Sponsor), mailbox, None)?;

        let now = self.time();
        let scanned = Newcomer::read(&code, now).expect("a code as it was shown");
        let there = &mut self.phones[newcomer].machine;
        let ctx = Ctx { now, store: &there.store, rng: &mut rng };
        let made = there.processes[0].ask_to_link(ctx, scanned, "another phone", false).ok()?;
        let (request, asking) = made.commit(&mut there.store).ok()?.value;
        self.phones[newcomer].device = there_device(&self.phones[newcomer]);
        self.letter((newcomer, Side::Newcomer), mailbox, Some(&request))?;

        let request = self.letter((sponsor, Side::Sponsor), mailbox, None)??;
        let here = &mut self.phones[sponsor].machine;
        let now = here.clock(self.now);
        let candidate = shown.receive(&request, now).ok()?;
        let same = candidate.digits().to_string() == asking.digits().to_string();
        let ctx = Ctx { now, store: &here.store, rng: &mut rng };
        let made = here.processes[0].confirm_link(ctx, candidate, Confirmation::default()).ok()?;
        let done = made.commit(&mut here.store).ok()?;
        here.sooner(done.wake);
        for output in done.outputs {
            Client::obey(self, sponsor, output);
        }
        let reply = done.value;
        self.letter((sponsor, Side::Sponsor), mailbox, Some(&reply))?;

        let reply = self.letter((newcomer, Side::Newcomer), mailbox, None)??;
        let now = self.time();
        let there = &mut self.phones[newcomer].machine;
        let ctx = Ctx { now, store: &there.store, rng: &mut rng };
        let made = there.processes[0].linked(ctx, asking, &reply).ok()?;
        let linked = made.commit(&mut there.store).ok()?.value;
        if !same {
            self.fail("digits", "two ends of a link show other digits".into());
        }
        Some(linked.request)
    }

    /// Leaves a letter in a mailbox, or asks for one: what lay in it, if there is an answer.
    fn letter(
        &mut self,
        (phone, side): (usize, Side),
        mailbox: [u8; 16],
        leave: Option<&[u8]>,
    ) -> Option<Option<Vec<u8>>> {
        for _ in 0..ASKED {
            self.phones[phone].letter = None;
            let called = self.call::<Client, _>(phone, "a mailbox", None, |client, ctx| {
                let made = match side {
                    Side::Sponsor => client.host_mailbox(ctx, mailbox, leave)?,
                    Side::Newcomer => client.guest_mailbox(ctx, mailbox, leave)?,
                };
                Ok(made.into())
            });
            if let Called::Died = called {
                return None;
            }
            self.run(WAITS);
            if let Some(letter) = self.phones[phone].letter.take() {
                return letter.ok();
            }
        }
        None
    }
}

fn there_device(phone: &Phone) -> verbund::ids::Device {
    phone.machine.processes[0].device(&phone.machine.store).expect("it has just begun")
}

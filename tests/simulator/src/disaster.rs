//! Stores that are restored from older copies of themselves.
//!
//! What is promised then is less. A *device* that has done something since the copy was made of which
//! its server knows is found out as soon as it speaks with it: it is told so, says nothing any more,
//! and its person gets another. One that has done nothing since goes on as if it were slow; its app may be
//! shown again what it was shown before. Of a *server* it is promised that nobody takes a history in the place
//! of another unseen: all is as if nothing had happened, or whoever has another view than the others was told,
//! or the servers between which it stands were. Where its operators say that it was put back, links have to go on,
//! and rooms whose hub was not have to be whole.

use verbund::{
    client::{Command, Event},
    code::Code,
    ids::RoomId,
    server::Server,
    store::{MemoryStore, Store as _},
};

use crate::{
    checks::Finding,
    machine::{Backup, fresh},
    plan::{Act, Step},
    site::Order,
    world::World,
};

/// Where a device counts what it has submitted, and the number of the inbox item that it has taken over last.
const SUBMITTED: &[u8] = b"c/submissions";
const TAKEN: &[u8] = b"c/inbox";
/// With what a server is told that another one's store is not what it was.
const REPORTED: [Code; 2] = [Code::LinkFork, Code::RolledBack];
/// What no restored server excuses.
const NEVER: [&str; 2] = ["twice", "words"];

impl World {
    pub fn restore(&mut self, step: &Step) -> bool {
        let (phone, site) = (step.who as usize % self.phones.len(), step.who as usize % self.sites.len());
        let at = self.now;
        match step.act {
            Act::Backup => {
                let machine = &mut self.phones[phone].machine;
                machine.backup = Some(Backup { store: machine.store.clone(), at });
                self.phones[phone].kept = (self.phones[phone].shown.len(), self.phones[phone].acked);
                let machine = &mut self.sites[site].machine;
                machine.backup = Some(Backup { store: machine.store.clone(), at });
            }
            Act::RestorePhone => {
                let known = self.known_of(phone);
                let here = &mut self.phones[phone];
                if here.gone || here.restored {
                    return false;
                }
                let Some(backup) = here.machine.backup.take() else { return false };
                here.restored = true;
                here.must_be_told = known.is_some_and(|(done, counter)| {
                    number(&backup.store, TAKEN) < done || number(&backup.store, SUBMITTED) < counter
                });
                here.machine.store = backup.store;
                here.machine.processes = fresh(here.machine.processes.len());
                let (shown, acked) = here.kept;
                here.shown.truncate(shown);
                here.acked = acked;
                // Wishes were rows of the app's, and files lay beside its store.
                here.wishes.clear();
                let (name, age) = (here.machine.name.clone(), at - backup.at);
                self.fault("device restored", || format!("{name} is restored to {age} ms ago"));
                self.start(phone);
            }
            _ => {
                let here = &mut self.sites[site];
                let Some(backup) = here.machine.backup.take() else { return false };
                here.machine.store = backup.store;
                here.machine.processes = fresh(here.machine.processes.len());
                here.ready.clear();
                // From the first time on: what is told once is not told again.
                here.restored.get_or_insert(at);
                let says_so = !step.what.is_multiple_of(4);
                here.said_so &= says_so;
                if says_so && !self.planted.keeps_silent {
                    here.orders.push(Order::PutBack);
                }
                let (name, age) = (here.machine.name.clone(), at - backup.at);
                self.fault("server restored", || format!("{name} is restored to {age} ms ago"));
                if says_so {
                    self.fault("server restored, and its operators say so", || name);
                }
                self.tick_server(site);
            }
        }
        true
    }

    /// What a phone's server knows of it: with which inbox item it is done, and how many submissions
    /// it has made.
    fn known_of(&self, phone: usize) -> Option<(u64, u64)> {
        let here = &self.phones[phone];
        let user = here.device.user.as_str().as_bytes();
        let length = u16::try_from(user.len()).ok()?.to_be_bytes();
        let key = [b"device/", &length[..], user, here.device.id.as_bytes(), b"s"].concat();
        let row = self.sites[here.site].machine.store.get(&key).ok()??;
        let (done, shift, counter) = (field(&row, 2), field(&row, 10), field(&row, 3));
        Some((done + shift, counter))
    }

    /// Whether all holds; or, after a server's store was put back, somebody was told of each thing
    /// that does not.
    pub fn judge(&mut self, findings: Vec<Finding>) {
        let restored = self.sites.iter().any(|site| site.restored.is_some());
        if restored && findings.is_empty() && self.failure.is_none() {
            self.fault("restored server, healed", || "all checks hold".into());
        }
        for finding in findings {
            if restored && self.is_told(&finding) {
                self.fault("restored server, reported", || format!("{}: {}", finding.check, finding.text));
            } else {
                let silent = if restored { "nobody was told: " } else { "" };
                self.fail(finding.check, format!("{silent}{}", finding.text));
            }
        }
    }

    /// Whether somebody was told of something that is wrong because a server was restored: the
    /// device itself, or, if it stands between two servers, one of them.
    fn is_told(&self, finding: &Finding) -> bool {
        if NEVER.contains(&finding.check) {
            return false;
        }
        if self.is_healed(finding) {
            return false;
        }
        let hub = finding.room.and_then(|room| self.ledger.rooms.get(&room)).copied();
        let home = finding.phone.map(|phone| self.phones[phone].site);
        let links: Vec<(usize, usize)> = match (finding.link, home, hub) {
            (Some(link), ..) => vec![link],
            (None, Some(home), Some(hub)) => vec![(home, hub)],
            // Of no room: any that it may hang on.
            (None, Some(home), None) => (0..self.sites.len()).map(|hub| (home, hub)).collect(),
            (None, None, _) => Vec::new(),
        };
        let told = links.iter().any(|(one, other)| self.is_link_told(*one, *other));
        let theirs = finding.others.iter().map(|phone| self.phones[*phone].site);
        let involved = links.iter().flat_map(|(one, other)| [*one, *other]).chain(theirs);
        let Some(since) = involved.filter_map(|site| self.sites[site].restored).min() else {
            return false; // no restored server has to do with it
        };
        let is_told = |phone: usize| self.is_phone_told(phone, finding, since);
        let aside = |phone: &usize| {
            is_told(*phone) || hub.is_some_and(|hub| self.is_link_told(self.phones[*phone].site, hub))
        };
        let others = !finding.others.is_empty() && finding.others.iter().all(aside);
        told || others || finding.phone.is_some_and(is_told)
    }

    /// Whether it has to be as if nothing had happened: of links, and of rooms whose hub was not restored, where
    /// operators have said what they did.
    fn is_healed(&self, finding: &Finding) -> bool {
        if self.sites.iter().any(|site| site.restored.is_some() && !site.said_so) {
            return false;
        }
        let hub = finding.room.and_then(|room| Some((room, *self.ledger.rooms.get(&room)?)));
        match (finding.link, hub, finding.phone) {
            (Some(_), ..) => true,
            (None, Some((room, hub)), Some(phone)) => {
                self.sites[hub].restored.is_none() && !self.is_astray(phone, room)
            }
            _ => false,
        }
    }

    /// Whether a phone has a room in which it is not for its server: that has forgotten that it came, and who is
    /// not let in anew is told so.
    fn is_astray(&self, phone: usize, room: RoomId) -> bool {
        let store = &self.sites[self.phones[phone].site].machine.store;
        let readers = Server::readers(store, &room, None, 1_000).expect("a store in memory");
        let has = self.rooms_of(phone).into_iter().any(|here| here.id == room);
        has && !readers.contains(&self.phones[phone].device)
    }

    /// Whoever has a room that the own server has forgotten comes into it anew: people are told, and ask for it.
    pub fn come_in_anew(&mut self) {
        let mut astray = Vec::new();
        for (index, phone) in self.phones.iter().enumerate() {
            let home = &self.sites[phone.site];
            if phone.gone || home.restored.is_none() || !home.said_so {
                continue;
            }
            for room in self.rooms_of(index).into_iter().map(|room| room.id) {
                let hub = self.ledger.rooms.get(&room).map(|hub| &self.sites[*hub]);
                if hub.is_some_and(|hub| hub.restored.is_none()) && self.is_astray(index, room) {
                    astray.push((index, room));
                }
            }
        }
        let somebody = !astray.is_empty();
        for (phone, room) in astray {
            let request = self.request();
            self.fault("comes in anew past its restored server", || format!("{room}"));
            self.command(phone, Command::Rejoin { request, room });
        }
        if somebody {
            self.settle();
            self.answer_all();
            self.settle();
        }
    }

    /// Whether one of two servers knows that the other's store is not what it was.
    fn is_link_told(&self, one: usize, other: usize) -> bool {
        let knows = |here: usize, there: usize| {
            let since = self.sites[here].restored.into_iter().chain(self.sites[there].restored).min();
            self.sites[here].refused.iter().any(|(at, whose, code)| {
                since.is_some_and(|since| since <= *at) && *whose == there && REPORTED.contains(code)
            })
        };
        one != other && (knows(one, other) || knows(other, one))
    }

    fn is_phone_told(&self, phone: usize, finding: &Finding, since: u64) -> bool {
        let about = |room| finding.room.is_none_or(|wanted| wanted == room);
        self.phones[phone].shown.iter().filter(|shown| since <= shown.at).any(|shown| match &shown.event {
            Event::RoomStalled { room, .. }
            | Event::NotJoined { room, .. }
            | Event::InvitationFailed { room, .. }
            | Event::Rejoined { room, .. }
            | Event::RoomSilent { room, .. }
            | Event::Unreadable { room, .. } => about(*room),
            Event::AgencyMisbehaved { evidence, .. } => {
                self.sites[self.site_of(evidence.agency())].restored.is_some()
            }
            Event::StoreRolledBack | Event::NotServed { .. } => true,
            // It wanted to come into a room that it had left later than the hub knows.
            Event::Failed { request, code, .. } if *code == Code::RolledBack => {
                let asked = self.ledger.asked.get(&(phone, *request));
                asked.and_then(|asked| asked.room).is_some_and(about)
            }
            _ => false,
        })
    }

    /// A device that was told that its store is old is replaced by another one of its user, if one
    /// is left that can endorse it.
    pub fn replace_rolled_back(&mut self) {
        for phone in 0..self.phones.len() {
            if self.phones[phone].gone && self.phones[phone].restored && !self.phones[phone].replaced {
                self.phones[phone].replaced = true;
                let person = self.phones[phone].person;
                self.revoke_phone(phone);
                self.enrol_further(person);
            }
        }
    }
}

/// A number that begins a row, or 0.
fn number(store: &MemoryStore, key: &[u8]) -> u64 {
    let row = store.get(key).expect("a store in memory");
    row.and_then(|row| row.first_chunk().copied()).map_or(0, u64::from_be_bytes)
}

/// A number in a row of protobuf, all of whose fields are numbers; 0 if it is not there.
fn field(mut row: &[u8], wanted: u64) -> u64 {
    let mut varint = || {
        let length = row.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let (number, rest) = row.split_at(length);
        row = rest;
        Some(number.iter().rev().fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f)))
    };
    while let (Some(tag), Some(number)) = (varint(), varint()) {
        if tag >> 3 == wanted {
            return number;
        }
    }
    0
}

//! The whole state: servers, devices, network, and what was ever taken.

use std::sync::Arc;

use crate::{
    action::Action,
    bounds::Bounds,
    device::Device,
    follower::Word,
    hub::{Fate, Hub},
    log::Entry,
    mutation::Mutation,
    names::{Agency, Device as Name, HUB, Id, Seq},
    network::{Network, remember},
    outbox::{Made, State},
    server::{Letter, Server},
    shared::Shared,
    submission::{Code, Refusal, Submission},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub servers: Vec<Shared<Server>>,
    pub devices: Vec<Shared<Device>>,
    pub network: Shared<Network>,
    /// A copy of the store of the server that may be put back.
    pub backup: Option<Shared<Server>>,
    /// How often each kind of fault has happened.
    pub faults: Counts,
    /// The time, as far as it matters: how often a store was put back.
    pub now: u8,
    pub history: Shared<History>,
}

/// For the properties: what the hub has ever made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    pub taken: Vec<Arc<Entry>>,
    pub refused: Vec<Refusal>,
    /// How many submissions had been made when a store was put back.
    pub made: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    pub restarts: u8,
    pub crashes: u8,
    pub lies: u8,
    pub silences: u8,
    pub impatience: u8,
}

impl World {
    pub fn begin(bounds: &Bounds) -> Self {
        let server = |agency| Shared::new(Server::begin(agency, bounds));
        let device = |name| Shared::new(Device::begin(name, bounds));
        World {
            servers: (0..bounds.agencies).map(server).collect(),
            devices: bounds.devices().map(device).collect(),
            network: Shared::new(Network::between(bounds.agencies)),
            backup: None,
            faults: Counts::default(),
            now: 0,
            history: Shared::default(),
        }
    }

    pub fn server(&self, agency: Agency) -> &Server {
        &self.servers[usize::from(agency)]
    }

    pub fn hub(&self) -> &Server {
        self.server(HUB)
    }

    pub fn device(&self, name: Name) -> &Device {
        &self.devices[usize::from(name)]
    }

    pub fn made(&self, id: Id) -> Option<&Made> {
        self.device(id.device).made(id)
    }

    /// How many submissions have been made.
    pub fn made_so_far(&self) -> usize {
        self.devices.iter().map(|device| device.made.len()).sum()
    }

    /// The entry that a device's server has for it next.
    pub fn next_for(&self, name: Name, bounds: &Bounds) -> Option<&Arc<Entry>> {
        let device = self.device(name);
        device.stay?;
        self.server(bounds.agency(name)).next_for(name, device.log.end())
    }

    fn change_server<R>(&mut self, agency: Agency, change: impl FnOnce(&mut Server) -> R) -> R {
        self.servers[usize::from(agency)].change(change)
    }

    fn change_device<R>(&mut self, name: Name, change: impl FnOnce(&mut Device) -> R) -> R {
        self.devices[usize::from(name)].change(change)
    }

    /// Does one thing.
    pub fn step(&mut self, action: Action, bounds: &Bounds) {
        match action {
            Action::Give(name) => self.change_device(name, |device| device.give(name, bounds)),
            Action::Consent(name, task) => {
                self.change_device(name, |device| device.consent(name, task, bounds));
            }
            Action::Withdraw(name, task) => self.change_device(name, |device| device.withdraw(task)),
            Action::Submit(id) => self.submit(id, bounds),
            Action::Answer(place) => {
                let refusal = self.network.refusals[place];
                let name = refusal.id.device;
                self.change_device(name, |device| device.refused(name, refusal, bounds));
            }
            Action::Deny(id) => self.deny(id, Code::NotMember, bounds),
            Action::Inbox(name) => self.inbox(name, bounds),
            Action::Join(name) => self.change_device(name, Device::join),
            Action::Follow(name) => {
                if let Some(entry) = self.next_for(name, bounds).cloned() {
                    self.change_device(name, |device| device.follow(name, &entry, bounds));
                }
            }
            Action::Pump(from, to) => self.pump(from, to),
            Action::Carry(lane, place) => self.carry(lane, place, bounds),
            Action::Acknowledge(lane, place) => self.acknowledge(lane, place, bounds),
            Action::Remember(agency) => self.change_server(agency, Server::remember),
            Action::Restart(agency) => {
                self.faults.restarts += 1;
                self.change_server(agency, |server| server.restart(bounds));
            }
            Action::Crash(name) => {
                self.faults.crashes += 1;
                self.change_device(name, Device::crash);
            }
            Action::Lie(id) => {
                self.faults.lies += 1;
                self.deny(id, Code::WrongEpoch, bounds);
            }
            Action::Silence(id) => {
                self.faults.silences += 1;
                self.change_device(id.device, |device| device.tired(id.device, id, bounds));
            }
            Action::GiveUp(name) => {
                self.faults.impatience += 1;
                self.change_device(name, |device| device.give_up(name, bounds));
            }
            Action::Backup(agency) => self.backup = Some(self.servers[usize::from(agency)].clone()),
            Action::Restore(agency) => {
                if let Some(backup) = self.backup.take() {
                    let made = self.made_so_far();
                    self.history.change(|history| history.made = made);
                    self.now += 1;
                    self.servers[usize::from(agency)] = backup;
                }
            }
        }
    }

    fn submit(&mut self, id: Id, bounds: &Bounds) {
        let Some(made) = self.made(id).copied() else { return };
        let agency = bounds.agency(id.device);
        let taken = match agency {
            HUB => self.decide(&made.submission, bounds),
            _ => {
                let pass = |server: &mut Server| server.pass_to_hub(&made.submission, bounds);
                self.change_server(agency, pass) == Word::Queued
            }
        };
        if taken && bounds.breaks(Mutation::MergesOnAnswer) {
            self.change_device(id.device, |device| device.answered(id.device, id, bounds));
        }
    }

    /// The hub decides about what a device of its own agency submits, and answers.
    fn decide(&mut self, submission: &Submission, bounds: &Bounds) -> bool {
        let (now, before) = (self.now, self.hub().log.end());
        let fate = self.change_server(HUB, |hub| hub.decide(submission, now, bounds));
        if let Fate::Refused(refusal) = fate
            && !self.network.refusals.contains(&refusal)
        {
            self.network.change(|network| network.refusals.push(refusal));
        }
        self.note(before);
        matches!(fate, Fate::Taken(_))
    }

    /// Keeps for the properties what the hub has made since its log ended at `before`.
    fn note(&mut self, before: Seq) {
        let hub = self.hub();
        let taken = hub.log.entries().iter().filter(|entry| entry.seq > before);
        let taken: Vec<_> = taken.cloned().collect();
        let kept = hub.hub.iter().flat_map(Hub::refusals).chain(self.network.refusals.iter().copied());
        let refused: Vec<_> = kept.filter(|refusal| !self.history.refused.contains(refusal)).collect();
        if !taken.is_empty() || !refused.is_empty() {
            self.history.change(|history| {
                history.taken.extend(taken);
                history.refused.extend(refused);
            });
        }
    }

    fn deny(&mut self, id: Id, code: Code, bounds: &Bounds) {
        self.change_device(id.device, |device| device.denied(id.device, id, code, bounds));
    }

    fn inbox(&mut self, name: Name, bounds: &Bounds) {
        let done = usize::from(self.device(name).inbox_done);
        let letter = self.server(bounds.agency(name)).reader(name).inbox.get(done).cloned();
        let Some(letter) = letter else { return };
        self.change_device(name, |device| {
            device.inbox_done += 1;
            match letter {
                Letter::Refusal(refusal) => device.refused(name, refusal, bounds),
                Letter::Invitation(entry) => device.invited = Some(entry),
            }
        });
    }

    fn pump(&mut self, from: Agency, to: Agency) {
        let now = self.now;
        let frame = self.change_server(from, |server| server.link_mut(to).outgoing.pump(now));
        if let Some(frame) = frame {
            self.network.change(|network| remember(&mut network.lane_mut(from, to).frames, frame));
        }
    }

    fn carry(&mut self, lane: usize, place: usize, bounds: &Bounds) {
        let lane = &self.network.lanes[lane];
        let (from, to, frame) = (lane.from, lane.to, lane.frames[place].clone());
        let (now, before) = (self.now, self.hub().log.end());
        let ack = self.change_server(to, |server| server.carried(from, &frame, now, bounds));
        if let Some(ack) = ack
            && !self.network.lane(from, to).acks.contains(&ack)
        {
            self.network.change(|network| network.lane_mut(from, to).acks.push(ack));
        }
        if to == HUB {
            self.note(before);
        }
    }

    fn acknowledge(&mut self, lane: usize, place: usize, bounds: &Bounds) {
        let lane = &self.network.lanes[lane];
        let (from, to, ack) = (lane.from, lane.to, lane.acks[place]);
        self.change_server(from, |server| server.acknowledged(to, ack, bounds));
    }

    /// Grows with every action, so that no run goes round in circles.
    pub fn measure(&self) -> u64 {
        let servers = self.servers.iter().map(|server| {
            let links = server.links.iter().map(|link| {
                let outgoing = &link.outgoing;
                usize::from(outgoing.acked) + usize::from(outgoing.made) + usize::from(link.incoming.number)
            });
            let inboxes = server.readers.iter().map(|reader| reader.inbox.len());
            let fates = server.hub.as_ref().map_or(0, |hub| hub.fates.len());
            let open = server.readers.iter().flat_map(|reader| &reader.spans);
            let spans: usize = open.map(|span| 1 + usize::from(span.to.is_some())).sum();
            let counted = links.sum::<usize>() + inboxes.sum::<usize>() + fates + spans;
            counted + server.log.entries().len() + server.passed.len() + usize::from(server.reported)
        });
        let devices = self.devices.iter().map(|device| {
            let tasks = device.outbox.iter().map(|task| {
                let held = usize::from(task.state == State::Held);
                1 + 2 * usize::from(task.agreed) + 4 * usize::from(task.state.is_final()) + held
            });
            let made = device.made.iter().map(|made| 4 + 4 * usize::from(made.settled));
            let invited = device.invited.is_none() && device.inbox_done > 0;
            let rest =
                usize::from(device.inbox_done) * 2 + usize::from(device.stalled) + usize::from(invited);
            tasks.sum::<usize>() + made.sum::<usize>() + rest + device.log.entries().len() * 4
        });
        let lanes = self.network.lanes.iter().map(|lane| lane.frames.len() + lane.acks.len());
        let Counts { restarts, crashes, lies, silences, impatience } = self.faults;
        let faults = [restarts, crashes, lies, silences, impatience].into_iter().map(u64::from).sum::<u64>();
        let small = servers.sum::<usize>() + devices.sum::<usize>() + lanes.sum::<usize>();
        let small =
            small + self.network.refusals.len() + self.history.taken.len() + self.history.refused.len();
        let small = u64::try_from(small).expect("small") + faults + u64::from(self.backup.is_some());
        u64::from(self.now) << 32 | small
    }
}

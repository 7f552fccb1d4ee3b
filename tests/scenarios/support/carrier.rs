//! What carries bytes, loses them and doubles them.

use verbund::{
    client::Command,
    code::Code,
    ids::AgencyId,
    server::{self, Server},
    store::Ctx,
};

use super::*;

impl Net {
    pub(super) fn ready_links(&self) -> Vec<(AgencyId, AgencyId)> {
        let of = |(from, host): (&AgencyId, &Host)| {
            host.ready.iter().map(|to| (from.clone(), to.clone())).collect::<Vec<_>>()
        };
        self.hosts.iter().flat_map(of).collect()
    }

    pub(super) fn judge(&mut self, leg: Leg, bytes: &[u8]) -> usize {
        let fault = (self.rule)(&leg, bytes);
        self.sent(leg, bytes, fault)
    }

    /// How often bytes arrive.
    pub(super) fn sent(&mut self, leg: Leg, bytes: &[u8], fault: Fault) -> usize {
        self.wire.push((leg, bytes.to_vec()));
        match fault {
            Fault::Lost => 0,
            Fault::Twice => 2,
            Fault::None | Fault::Late => 1,
        }
    }

    /// Sends one message of a phone and gives it the reply.
    pub fn carry(&mut self, phone: usize) -> bool {
        if !self.phones[phone].online {
            return false;
        }
        let Some(bytes) = self.phones[phone].outgoing.pop_front() else { return false };
        self.advance();
        let leg = Leg::Up(phone);
        let fault = (self.rule)(&leg, &bytes);
        if fault == Fault::Late && !self.phones[phone].outgoing.is_empty() {
            self.phones[phone].outgoing.push_back(bytes);
            return true;
        }
        for _ in 0..self.sent(leg, &bytes, fault) {
            let mut reply = self.deliver(phone, &bytes);
            (self.tamper)(&Leg::Down(phone), &mut reply);
            for _ in 0..self.judge(Leg::Down(phone), &reply) {
                self.receive(phone, &reply);
            }
        }
        true
    }

    /// Gives a phone's message to its server; the reply.
    pub fn deliver(&mut self, phone: usize, bytes: &[u8]) -> Vec<u8> {
        let agency = self.phones[phone].device.user.agency().clone();
        let forgetful = self.forgetful;
        let host = self.hosts.get_mut(&agency).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = host.engine.device(ctx, bytes).unwrap().commit(&mut host.store).unwrap();
        host.wake = sooner(host.wake, done.wake);
        if forgetful {
            host.engine = Server::new();
        }
        self.notify(&agency, done.outputs);
        done.value.bytes
    }

    pub fn receive(&mut self, phone: usize, reply: &[u8]) {
        self.call(phone, |engine, ctx| engine.receive(ctx, reply)).unwrap();
    }

    pub(super) fn carry_frame(&mut self, from: &AgencyId, to: &AgencyId) -> bool {
        self.advance();
        let host = self.hosts.get_mut(from).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = host.engine.pump(ctx, to).unwrap().commit(&mut host.store).unwrap();
        host.wake = sooner(host.wake, done.wake);
        let Some(mut frame) = done.value else {
            host.ready.remove(to);
            return false;
        };
        (self.tamper)(&Leg::Frame(from.clone(), to.clone()), &mut frame);
        self.notify(from, done.outputs);
        for _ in 0..self.judge(Leg::Frame(from.clone(), to.clone()), &frame) {
            let Some(ack) = self.peer(to, &frame) else { continue };
            for _ in 0..self.judge(Leg::Ack(to.clone(), from.clone()), &ack) {
                self.peer(from, &ack);
            }
        }
        true
    }

    /// Gives a peer's message to a server.
    pub fn peer(&mut self, at: &AgencyId, bytes: &[u8]) -> Option<Vec<u8>> {
        let forgetful = self.forgetful;
        let host = self.hosts.get_mut(at).unwrap();
        let ctx = Ctx { now: self.now.plus(host.ahead), store: &host.store, rng: &mut self.rng };
        let done = match host.engine.peer(ctx, bytes) {
            Ok(transition) => transition.commit(&mut host.store).unwrap(),
            // The frame with the descriptor was lost; both come again.
            Err(error) if error.code() == Code::MissingEvidence => return None,
            // It comes again until the agency takes part again.
            Err(error) if error.code() == Code::SuspendedAgency => return None,
            // It comes again until its time has come.
            Err(error) if error.code() == Code::BadStamp => return None,
            Err(error) => {
                let fault = (at.clone(), error.code());
                let told = self
                    .put_back
                    .as_mut()
                    .filter(|_| matches!(error.code(), Code::LinkFork | Code::RolledBack | Code::NotForUs));
                told.unwrap_or_else(|| panic!("{error}")).push(fault);
                return None;
            }
        };
        if forgetful {
            host.engine = Server::new();
        }
        host.wake = sooner(host.wake, done.wake);
        self.notify(at, done.outputs);
        done.value.map(|reply| reply.bytes)
    }

    pub(super) fn notify(&mut self, agency: &AgencyId, outputs: Vec<server::Output>) {
        let mut wake = Vec::new();
        for output in outputs {
            let host = self.hosts.get_mut(agency).unwrap();
            match output {
                server::Output::LinkReady(peer) => {
                    host.ready.insert(peer);
                }
                server::Output::DeviceReady(device) => wake.push(device),
                server::Output::RoomReady(room) => {
                    wake.extend(Server::readers(&host.store, &room, None, 1_000).unwrap());
                }
                server::Output::Documents => {
                    let here = self.phones.iter().map(|phone| &phone.device);
                    wake.extend(here.filter(|device| device.user.agency() == agency).cloned());
                }
                server::Output::HubSilent { .. }
                | server::Output::LogDiffers { .. }
                | server::Output::PeerPutBack(_) => self.told.push((agency.clone(), output)),
                _ => {}
            }
        }
        for device in wake {
            if let Some(phone) = self.phones.iter().position(|p| p.device == device) {
                self.tick(phone);
            }
        }
    }

    /// The app reads its events and acknowledges them.
    pub fn show(&mut self, phone: usize) {
        let p = &mut self.phones[phone];
        if !p.reads {
            return;
        }
        let events = p.engine.events(&p.store, 0, 1_024).unwrap();
        let Some(up_to) = events.last().map(|(number, _)| *number) else { return };
        p.events.extend(events.into_iter().map(|(_, event)| event));
        self.call(phone, |engine, ctx| engine.command(ctx, Command::AckEvents { up_to })).unwrap();
    }
}

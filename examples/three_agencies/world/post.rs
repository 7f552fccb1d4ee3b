//! The post: bytes on their way between phones and servers, and between servers.

use std::time::Duration;

use rand_core::CryptoRng;
use verbund::{
    client,
    code::Code,
    ids::AgencyId,
    server::{self, Server},
    store::Ctx,
};

use super::{
    Error, World,
    faults::{Ends, Leg, Who},
};

/// A server's answer, and the chunk beside it.
type Answer = (Vec<u8>, Option<Vec<u8>>);

impl<R: CryptoRng> World<R> {
    /// Lets bytes travel until nothing moves any more, and whatever was lost is made up for.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.carry_all()?;
        self.heal()
    }

    /// Lets bytes travel until nothing moves any more.
    pub(super) fn carry_all(&mut self) -> Result<(), Error> {
        loop {
            let mut moved = false;
            for phone in 0..self.phones.len() {
                moved |= self.phones[phone].online && self.carry(phone)?;
            }
            let links: Vec<_> = self
                .hosts
                .values()
                .flat_map(|h| h.ready.iter().map(|to| (h.agency.clone(), to.clone())))
                .collect();
            for (from, to) in links {
                moved |= self.carry_frame(&from, &to)?;
            }
            for agency in self.hosts.keys().cloned().collect::<Vec<_>>() {
                moved |= self.carry_fetch(&agency)?;
            }
            self.show()?;
            moved = moved || self.arrive_late()?;
            if !moved {
                return Ok(());
            }
        }
    }

    /// Sends one message of a phone, with the chunk that goes beside it, and gives it the reply.
    fn carry(&mut self, phone: usize) -> Result<bool, Error> {
        if self.budget == 0 {
            return Ok(false);
        }
        let sender = &mut self.phones[phone];
        let Some(output) = sender.outgoing.pop_front() else { return Ok(false) };
        self.budget -= 1;
        let (bytes, chunk) = match output {
            client::Output::Send { bytes, chunk, .. } => (bytes, chunk),
            client::Output::Progress { done, total, .. } => {
                (self.on_progress)(&sender.name, done, total);
                return Ok(true);
            }
            client::Output::Letter { letter, .. } => {
                sender.letter = Some(letter.map(|letter| letter.map(|bytes| bytes.to_vec())));
                return Ok(true);
            }
            _ => return Ok(true),
        };
        let chunk = chunk.map(|chunk| sender.chunks.read(&chunk)).transpose()?.flatten();
        for _ in 0..self.send_off(Leg::Up(phone), &bytes, chunk.as_ref()) {
            self.arrive_up(phone, &bytes, chunk.as_ref())?;
        }
        Ok(true)
    }

    /// Gives a phone's message to its server, and the phone the reply.
    pub(super) fn arrive_up(
        &mut self,
        phone: usize,
        bytes: &[u8],
        chunk: Option<&Vec<u8>>,
    ) -> Result<(), Error> {
        self.tick_clock();
        let agency = self.phones[phone].device.user.agency().clone();
        let ends = self.ends(Who::Server(agency.clone()));
        let host = self.hosts.get_mut(&agency).ok_or("no such agency")?;
        if host.down {
            return Ok(());
        }
        host.carried.from_devices += 1;
        host.count(bytes, chunk);
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let transition = match chunk {
            None => host.engine.device(ctx, bytes)?,
            Some(chunk) => {
                let with = host.engine.device_with_chunk(ctx, bytes, chunk)?;
                host.chunks.keep(with.keep, chunk)?;
                with.transition
            }
        };
        if ends == Some(Ends::Before) {
            return self.restart_server(&agency);
        }
        let done = transition.commit(&mut host.store)?;
        if ends == Some(Ends::After) {
            return self.restart_server(&agency);
        }
        let reply = done.value;
        let beside = reply.chunk.as_ref().map(|chunk| host.read(chunk)).transpose()?.flatten();
        self.notify(&agency, done.outputs)?;
        for _ in 0..self.send_off(Leg::Down(phone), &reply.bytes, beside.as_ref()) {
            self.take_in(phone, &reply.bytes, beside.clone())?;
        }
        Ok(())
    }

    /// Gives a phone a reply, and keeps the chunk beside it if it is the right one.
    pub(super) fn take_in(
        &mut self,
        index: usize,
        reply: &[u8],
        beside: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let ends = self.ends(Who::Phone(index));
        let phone = &mut self.phones[index];
        let ctx = Ctx { now: self.now, store: &phone.store, rng: &mut self.rng };
        let transition = match &beside {
            None => phone.engine.receive(ctx, reply)?,
            Some(chunk) => {
                let with = phone.engine.receive_with_chunk(ctx, reply, chunk)?;
                phone.chunks.keep(with.keep, chunk)?;
                with.transition
            }
        };
        if ends == Some(Ends::Before) {
            return self.restart(index);
        }
        phone.written += transition.batch().bytes();
        let done = transition.commit(&mut phone.store)?;
        if ends == Some(Ends::After) {
            return self.restart(index);
        }
        phone.outgoing.extend(done.outputs);
        Ok(())
    }

    /// Sends one frame over a link and gives back the acknowledgement.
    fn carry_frame(&mut self, from: &AgencyId, to: &AgencyId) -> Result<bool, Error> {
        if self.budget == 0 {
            return Ok(false);
        }
        self.budget -= 1;
        self.tick_clock();
        let host = self.hosts.get_mut(from).ok_or("no such agency")?;
        if host.down {
            return Ok(false);
        }
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let done = host.engine.pump(ctx, to).map_err(|e| format!("pump: {e}"))?.commit(&mut host.store)?;
        let Some(frame) = done.value else {
            host.ready.remove(to);
            return Ok(false);
        };
        self.notify(from, done.outputs)?;
        self.send_to_peer(from, to, &frame)?;
        Ok(true)
    }

    /// Sends something to another server, and its answer back.
    fn send_to_peer(&mut self, from: &AgencyId, to: &AgencyId, bytes: &[u8]) -> Result<(), Error> {
        for _ in 0..self.send_off(Leg::Peer(from.clone(), to.clone()), bytes, None) {
            self.arrive_at_peer(from, to, bytes)?;
        }
        Ok(())
    }

    pub(super) fn arrive_at_peer(
        &mut self,
        from: &AgencyId,
        to: &AgencyId,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let Some((answer, beside)) = self.peer(to, bytes, None)? else { return Ok(()) };
        for _ in 0..self.send_off(Leg::Answer(from.clone()), &answer, beside.as_ref()) {
            self.peer(from, &answer, beside.clone())?;
        }
        Ok(())
    }

    /// Asks another agency for a chunk, and takes in what it answers.
    fn carry_fetch(&mut self, agency: &AgencyId) -> Result<bool, Error> {
        let host = self.hosts.get_mut(agency).ok_or("no such agency")?;
        if self.budget == 0 {
            return Ok(false);
        }
        let Some((peer, message)) = host.fetches.pop_front() else { return Ok(false) };
        self.budget -= 1;
        self.tick_clock();
        self.send_to_peer(agency, &peer, &message)?;
        Ok(true)
    }

    /// Gives a server what another one sent; its answer may have a chunk beside it.
    pub(super) fn peer(
        &mut self,
        at: &AgencyId,
        bytes: &[u8],
        chunk: Option<Vec<u8>>,
    ) -> Result<Option<Answer>, Error> {
        let ends = self.ends(Who::Server(at.clone()));
        let host = self.hosts.get_mut(at).ok_or("no such agency")?;
        if host.down {
            return Ok(None);
        }
        host.carried.from_peers += 1;
        host.count(bytes, chunk.as_ref());
        let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
        let taken = match &chunk {
            None => host.engine.peer(ctx, bytes),
            Some(chunk) => match host.engine.peer_with_chunk(ctx, bytes, chunk) {
                Ok(with) => {
                    host.chunks.keep(with.keep, chunk)?;
                    Ok(with.transition)
                }
                Err(error) => Err(error),
            },
        };
        let transition = match taken {
            // A suspended agency gets no answer, and goes on trying.
            Err(error) if error.code() == Code::SuspendedAgency => return Ok(None),
            // What came before it was lost, and comes again.
            Err(error) if error.code() == Code::MissingEvidence => return Ok(None),
            taken => taken?,
        };
        if ends == Some(Ends::Before) {
            self.restart_server(at)?;
            return Ok(None);
        }
        let done = transition.commit(&mut host.store)?;
        if ends == Some(Ends::After) {
            self.restart_server(at)?;
            return Ok(None);
        }
        let answer = match done.value {
            None => None,
            Some(reply) => {
                let beside = reply.chunk.as_ref().map(|chunk| host.read(chunk)).transpose()?.flatten();
                Some((reply.bytes, beside))
            }
        };
        self.notify(at, done.outputs)?;
        Ok(answer)
    }

    /// A server's hints: links to pump, devices to wake.
    pub(super) fn notify(&mut self, agency: &AgencyId, outputs: Vec<server::Output>) -> Result<(), Error> {
        let mut wake = Vec::new();
        for output in outputs {
            let host = self.hosts.get_mut(agency).ok_or("no such agency")?;
            match output {
                server::Output::LinkReady(peer) => {
                    host.ready.insert(peer);
                }
                server::Output::DeviceReady(device) => wake.push(device),
                server::Output::Fetch { peer, message } => {
                    host.fetches.push_back((peer, message));
                }
                server::Output::ForgetBlob { origin, blob } => {
                    host.chunks.forget(&origin, &blob)?;
                }
                server::Output::CheckChunk(name) => {
                    let chunk = host.chunks.read(&name)?;
                    let ctx = Ctx { now: self.now, store: &host.store, rng: &mut self.rng };
                    host.engine.check_chunk(ctx, &name, chunk.as_deref())?.commit(&mut host.store)?;
                }
                server::Output::RoomReady(room) => {
                    wake.extend(Server::readers(&host.store, &room, None, 1_000)?);
                }
                server::Output::Documents => {
                    let here = self.phones.iter().map(|phone| &phone.device);
                    wake.extend(here.filter(|device| device.user.agency() == agency).cloned());
                }
                _ => {}
            }
        }
        for device in wake {
            let phone = self.phones.iter().position(|p| p.device == device && p.online);
            if let Some(phone) = phone {
                self.call(phone, |engine, ctx| engine.tick(ctx))?;
            }
        }
        Ok(())
    }

    /// Clocks go on by a millisecond whenever something moves.
    fn tick_clock(&mut self) {
        self.now = self.now.plus(Duration::from_millis(1));
    }
}

//! Bytes on their way between hosts, and what becomes of them there.

use std::collections::{BTreeMap, BTreeSet};

use verbund::{client::Client, ids::AgencyId, server::Server};

use crate::{
    machine::{Called, Made},
    world::World,
};

/// A way on which bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// From a phone to its server.
    Up(usize),
    /// The reply.
    Down(usize),
    /// A hint that there is something new.
    Push(usize),
    /// From server to server.
    Frame(usize, usize),
    /// The answer, which goes the same connection back.
    Answer(usize, usize),
}

pub struct Flight {
    pub leg: Leg,
    bytes: Vec<u8>,
    chunk: Option<Vec<u8>>,
}

#[derive(Default)]
pub struct Network {
    /// By the time of arrival, and in the order of sending.
    flights: BTreeMap<(u64, u64), Flight>,
    sent: u64,
    /// Agencies that do not reach each other, and until when.
    pub parted: BTreeMap<(usize, usize), u64>,
    /// Until when chunks are lost.
    pub chunkless: u64,
    /// Until when more is lost, doubled and late.
    pub storm: u64,
}

impl Network {
    pub fn next(&self) -> Option<u64> {
        self.flights.keys().next().map(|(at, _)| *at)
    }

    fn parts(&self, one: usize, other: usize, now: u64) -> bool {
        self.parted.get(&(one.min(other), one.max(other))).is_some_and(|until| now < *until)
    }

    /// The next flight to one server, out of its turn.
    fn take_to_server(&mut self, server: usize, site_of: &[usize]) -> Option<Flight> {
        let to = |flight: &Flight| match flight.leg {
            Leg::Up(phone) => site_of[phone] == server,
            Leg::Frame(_, to) | Leg::Answer(_, to) => to == server,
            Leg::Down(_) | Leg::Push(_) => false,
        };
        let key = *self.flights.iter().find(|(_, flight)| to(flight))?.0;
        self.flights.remove(&key)
    }
}

impl World {
    /// Sends something off, as the network's luck has it.
    pub fn send(&mut self, leg: Leg, bytes: Vec<u8>, chunk: Option<Vec<u8>>) {
        self.counts.bytes += (bytes.len() + chunk.as_ref().map_or(0, Vec::len)) as u64;
        let mut weather = self.weather;
        if self.now < self.network.storm {
            (weather.lost, weather.twice, weather.late) = (350, 200, 300);
        }
        if weather.lost > 0 && self.luck.often(weather.lost) {
            self.fault("lost", || format!("lost on the way: {leg:?}"));
            return;
        }
        let twice = weather.twice > 0 && self.luck.often(weather.twice);
        if twice {
            self.fault("twice", || format!("twice on the way: {leg:?}"));
        }
        for _ in 0..=usize::from(twice) {
            let late = weather.late > 0 && self.luck.often(weather.late);
            let chunk = chunk.clone().filter(|_| self.now >= self.network.chunkless || self.lose_chunk());
            let delay = match late {
                true => {
                    let delay = self.luck.between(100, 40_000);
                    self.fault("late", || format!("{delay} ms late: {leg:?}"));
                    delay
                }
                false => self.luck.between(1, 20),
            };
            let key = (self.now + delay, self.network.sent);
            self.network.sent += 1;
            self.network.flights.insert(key, Flight { leg, bytes: bytes.clone(), chunk });
        }
    }

    /// Whether a chunk stays although chunks are lost at present.
    fn lose_chunk(&mut self) -> bool {
        let stays = self.luck.often(400);
        if !stays {
            self.fault("chunk lost", || "a chunk is lost".into());
        }
        stays
    }

    pub fn arrive(&mut self) {
        if let Some((_, flight)) = self.network.flights.pop_first() {
            self.deliver(flight);
        }
    }

    /// Something that comes to a server while it does something else.
    pub fn arrive_early(&mut self, server: usize) -> bool {
        let sites: Vec<usize> = self.phones.iter().map(|phone| phone.site).collect();
        let flight = self.network.take_to_server(server, &sites);
        flight.map(|flight| self.deliver(flight)).is_some()
    }

    /// Whether a flight gets through at this moment.
    fn passes(&mut self, leg: Leg) -> bool {
        let now = self.now;
        let (through, why) = match leg {
            Leg::Up(phone) => {
                let site = self.phones[phone].site;
                (!self.phones[phone].is_cut(now) && self.sites[site].machine.down.is_none(), "unreachable")
            }
            Leg::Down(phone) | Leg::Push(phone) => {
                let phone = &self.phones[phone];
                (!phone.is_cut(now) && phone.machine.down.is_none(), "unreachable")
            }
            Leg::Frame(from, to) | Leg::Answer(from, to) => {
                (!self.network.parts(from, to, now) && self.sites[to].machine.down.is_none(), "parted")
            }
        };
        if !through {
            self.fault(why, || format!("{why}: {leg:?}"));
        }
        through
    }

    fn deliver(&mut self, flight: Flight) {
        let Flight { leg, bytes, chunk } = flight;
        if !self.passes(leg) {
            return;
        }
        let beside = chunk.as_deref();
        match leg {
            Leg::Up(phone) => {
                let site = self.phones[phone].site;
                let called = self.call::<Server, _>(site, "a device's message", beside, |server, ctx| {
                    Ok(match beside {
                        None => server.device(ctx, &bytes)?.into(),
                        Some(chunk) => {
                            let made = server.device_with_chunk(ctx, &bytes, chunk)?;
                            Made { keep: made.keep, transition: made.transition }
                        }
                    })
                });
                if let Called::Done(reply) = called {
                    let chunk =
                        reply.chunk.and_then(|name| self.sites[site].machine.chunks.get(&name).cloned());
                    self.send(Leg::Down(phone), reply.bytes, chunk);
                }
            }
            Leg::Down(phone) => {
                let _ = self.call::<Client, _>(phone, "a reply", beside, |client, ctx| {
                    Ok(match beside {
                        None => client.receive(ctx, &bytes)?.into(),
                        Some(chunk) => {
                            let made = client.receive_with_chunk(ctx, &bytes, chunk)?;
                            Made { keep: made.keep, transition: made.transition }
                        }
                    })
                });
            }
            Leg::Push(phone) => self.wake_phone(phone),
            Leg::Frame(from, to) | Leg::Answer(from, to) => {
                let called = self.call::<Server, _>(to, "a peer's message", beside, |server, ctx| {
                    Ok(match beside {
                        None => server.peer(ctx, &bytes)?.into(),
                        Some(chunk) => {
                            let made = server.peer_with_chunk(ctx, &bytes, chunk)?;
                            Made { keep: made.keep, transition: made.transition }
                        }
                    })
                });
                match called {
                    Called::Done(Some(reply)) => {
                        let chunk =
                            reply.chunk.and_then(|name| self.sites[to].machine.chunks.get(&name).cloned());
                        self.send(Leg::Answer(to, from), reply.bytes, chunk);
                    }
                    Called::Refused(error) => self.sites[to].refused.push((self.now, from, error.code())),
                    Called::Done(None) | Called::Died => {}
                }
            }
        }
    }

    /// Sends what waits for other agencies, frame by frame.
    pub fn pump(&mut self) {
        for site in 0..self.sites.len() {
            if self.sites[site].machine.down.is_some() {
                continue;
            }
            let ready: BTreeSet<AgencyId> = core::mem::take(&mut self.sites[site].ready);
            for peer in ready {
                let to = self.site_of(&peer);
                // Each frame is a call; a crash leaves the rest for later.
                for _ in 0..200 {
                    let called = self.call::<Server, _>(site, "a frame", None, |server, ctx| {
                        Ok(server.pump(ctx, &peer)?.into())
                    });
                    let Called::Done(Some(frame)) = called else { break };
                    self.send(Leg::Frame(site, to), frame, None);
                }
            }
        }
    }
}

//! A device of somebody's: the engine, perhaps with a notification extension beside the app, and
//! an app that keeps what it was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use verbund::{
    attachment::FileRef,
    client::{Client, Command, Event, Output},
    code::Code,
    ids::{Device, RequestId, RoomId},
};

use crate::{
    machine::{Called, Engine, Machine},
    network::Leg,
    people::{asked, short},
    world::World,
};

/// An event as an app has kept it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub number: u64,
    pub at: u64,
    pub event: Event,
}

pub struct Phone {
    pub machine: Machine<Client>,
    pub device: Device,
    /// Its agency's server.
    pub site: usize,
    /// The person.
    pub person: usize,
    /// What the app has been told: its own rows.
    pub shown: Vec<Shown>,
    /// How much it had been told, and had acknowledged, when a copy of its store was made.
    pub kept: (usize, u64),
    /// Up to which event it has acknowledged.
    pub acked: u64,
    /// When the app looks at its events next.
    pub reads_at: Option<u64>,
    /// Until when the app does not look.
    pub hangs: u64,
    /// Until when it has no network.
    pub cut: Option<u64>,
    /// What the person wants and the engine may not have taken yet.
    pub wishes: VecDeque<Command>,
    /// Files that are being fetched.
    pub fetches: BTreeMap<RequestId, FileRef>,
    /// It is not to be trusted any more, or its store is: the end.
    pub gone: bool,
    /// Its agency has revoked it, or its time is over: it has to go from every room.
    pub out: bool,
    /// Its store was restored from a copy.
    pub restored: bool,
    /// It has submitted something since that copy was made.
    pub must_be_told: bool,
    /// Its user has another device in its place.
    pub replaced: bool,
    /// What its registrar has countersigned.
    pub enrolment: Vec<u8>,
    /// Until when its user's role is handed over to it.
    pub until: Option<u64>,
    /// Who has linked it by a code, and the rooms in which that one was.
    pub brought: Option<(usize, BTreeSet<RoomId>)>,
    /// The last answer about a mailbox.
    pub letter: Option<Result<Option<Vec<u8>>, Code>>,
}

impl Phone {
    pub fn new(
        machine: Machine<Client>,
        device: Device,
        (site, person): (usize, usize),
        enrolment: Vec<u8>,
    ) -> Self {
        Phone {
            machine,
            device,
            site,
            person,
            shown: Vec::new(),
            kept: (0, 0),
            acked: 0,
            reads_at: None,
            hangs: 0,
            cut: None,
            wishes: VecDeque::new(),
            fetches: BTreeMap::new(),
            gone: false,
            out: false,
            restored: false,
            must_be_told: false,
            replaced: false,
            enrolment,
            until: None,
            brought: None,
            letter: None,
        }
    }

    /// When something is to be done here.
    pub fn next(&self) -> Option<u64> {
        if self.machine.down.is_some() {
            return self.machine.down;
        }
        let reads = self.reads_at.map(|at| at.max(self.hangs));
        self.machine.next().into_iter().chain(reads).chain(self.cut).min()
    }

    pub fn is_cut(&self, now: u64) -> bool {
        self.cut.is_some_and(|until| now < until)
    }

    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.shown.iter().map(|shown| &shown.event)
    }
}

impl Engine for Client {
    type Output = Output;

    fn machine(world: &mut World, host: usize) -> &mut Machine<Self> {
        &mut world.phones[host].machine
    }

    fn obey(world: &mut World, host: usize, output: Output) {
        match output {
            Output::Send { bytes, chunk, .. } => {
                let chunk = chunk.and_then(|name| world.phones[host].machine.chunks.get(&name).cloned());
                world.send(Leg::Up(host), bytes.to_vec(), chunk);
            }
            Output::Events => world.look_soon(host),
            Output::Letter { letter, .. } => {
                let letter = letter.map(|letter| letter.map(|bytes| bytes.to_vec()));
                world.phones[host].letter = Some(letter);
            }
            _ => {}
        }
    }

    fn rival(world: &mut World, host: usize) {
        // The other process is woken, or asks for news.
        // Seldom all at once, or what one says again would have the other say it again.
        match world.dice.below(8) {
            0 => world.resume(host),
            _ => world.tick_phone(host),
        }
    }

    fn forget(_: &mut World, _: usize) {}
}

/// Events that an app reads at once.
const PAGE: usize = 50;

impl World {
    pub fn look_soon(&mut self, phone: usize) {
        let at = self.now + self.dice.between(0, 50);
        let phone = &mut self.phones[phone];
        phone.reads_at = Some(phone.reads_at.unwrap_or(at).min(at).max(phone.hangs));
    }

    pub fn tick_phone(&mut self, phone: usize) {
        self.phones[phone].machine.wake = None;
        let _ = self.call::<Client, _>(phone, "tick", None, |client, ctx| Ok(client.tick(ctx)?.into()));
    }

    pub fn resume(&mut self, phone: usize) {
        self.phones[phone].machine.wake = None;
        let _ = self.call::<Client, _>(phone, "resume", None, |client, ctx| Ok(client.resume(ctx)?.into()));
    }

    /// A push notification has come.
    pub fn wake_phone(&mut self, phone: usize) {
        match self.dice.often(250) {
            true => self.resume(phone),
            false => self.tick_phone(phone),
        }
    }

    /// The app is started, or the network is back.
    pub fn start(&mut self, phone: usize) {
        self.resume(phone);
        self.look_soon(phone);
        self.wish(phone);
    }

    /// Gives the engine what the person wants, again after a crash: under the same request ids.
    pub fn wish(&mut self, phone: usize) {
        while self.phones[phone].machine.down.is_none() {
            let Some(command) = self.phones[phone].wishes.front().cloned() else { return };
            let called = self.call::<Client, _>(phone, "command", None, |client, ctx| {
                Ok(client.command(ctx, command.clone())?.into())
            });
            if !matches!(called, Called::Died) {
                let name = self.phones[phone].machine.name.clone();
                self.trace.note(self.now, || format!("{name} asks for {}", asked(&command)));
            }
            match called {
                Called::Died => return,
                Called::Refused(error) => self.ledger.refused(phone, &command, error.code()),
                Called::Done(receipt) => self.ledger.asked(phone, &command, receipt),
            }
            self.phones[phone].wishes.pop_front();
        }
    }

    pub fn command(&mut self, phone: usize, command: Command) {
        self.phones[phone].wishes.push_back(command);
        self.wish(phone);
    }

    /// The app takes its events over, and acknowledges them sooner or later.
    pub fn look(&mut self, phone: usize) {
        let here = &mut self.phones[phone];
        here.reads_at = None;
        let events = match here.machine.processes[0].events(&here.machine.store, here.acked, PAGE) {
            Ok(events) => events,
            Err(error) => return self.fail("defect", format!("events: {error}")),
        };
        let Some(up_to) = events.last().map(|(number, _)| *number) else { return };
        for (number, event) in events {
            self.show(phone, number, event);
        }
        // Now and then the app ends before it has said so, and is shown the same again.
        if self.dice.often(100) {
            return self.look_soon(phone);
        }
        let called = self.call::<Client, _>(phone, "acknowledgement", None, |client, ctx| {
            Ok(client.command(ctx, Command::AckEvents { up_to })?.into())
        });
        if let Called::Done(_) = called {
            self.phones[phone].acked = up_to;
        }
        self.look_soon(phone);
    }

    fn show(&mut self, phone: usize, number: u64, event: Event) {
        let here = &self.phones[phone];
        let name = here.machine.name.clone();
        if let Some(before) = here.shown.iter().rev().find(|shown| shown.number == number) {
            let changed = before.event != event;
            self.counts.seen_again += 1;
            if changed {
                self.fail("event changed", format!("{name}: event {number} is not what it was"));
            }
            return;
        }
        let next = here.shown.last().map_or(1, |last| last.number + 1);
        if number != next {
            return self.fail("event lost", format!("{name}: event {number} where {next} was to come"));
        }
        self.trace.note(self.now, || format!("{name} is told {number}: {}", short(&event)));
        self.react(phone, &event);
        if self.planted.skips_events && matches!(event, Event::Message { .. }) {
            return;
        }
        for _ in 0..=usize::from(self.planted.shows_twice && matches!(event, Event::Message { .. })) {
            self.phones[phone].shown.push(Shown { number, at: self.now, event: event.clone() });
        }
    }

    /// What the app does by itself.
    fn react(&mut self, phone: usize, event: &Event) {
        match event {
            Event::Fetched { request } => self.compare(phone, request),
            Event::SendNeedsConsent { request, .. } => self.ledger.asks_again(phone, *request),
            Event::RoomCreated { room, .. } => self.ledger.founded(*room, self.phones[phone].site),
            Event::StoreRolledBack => self.phones[phone].gone = true,
            Event::Failed { code: Code::Bug, .. } => self.fail("defect", format!("{event:?}")),
            _ => {}
        }
    }
}

//! People talk, come and go while messages are lost, doubled and late, phones sleep, and
//! engines die. When the storm is over, everybody has the same history, whatever was asked
//! for has one outcome, and nothing is stuck.

use std::{collections::BTreeMap, time::Duration};

use crate::support::*;
use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng};
use verbund::{
    Role,
    client::{Command, Event},
    ids::{RequestId, RoomId},
    store::Store,
};

const NAMES: [&str; 5] = [
    "anna@police.nord.example",
    "ben@police.sued.example",
    "clara@police.west.example",
    "dora@police.sued.example",
    "emil@police.nord.example",
];

/// A seed as what generators take.
fn wide(seed: u16) -> [u8; 32] {
    let mut wide = [seed as u8; 32];
    wide[31] = (seed >> 8) as u8 ^ seed as u8;
    wide
}

struct Storm {
    net: Net,
    room: RoomId,
    dice: ChaCha20Rng,
    said: Vec<(usize, RequestId)>,
    asked: Vec<(usize, RequestId)>,
    /// Of how many things that may happen one is chosen: in a rough storm clocks are wrong
    /// and apps hang besides.
    things: usize,
}

const THINGS: usize = 12;
const ROUGH: usize = 14;

impl Storm {
    fn new(seed: u16, things: usize) -> Self {
        let mut net = Net::with_seed(wide(seed));
        for name in NAMES {
            net.enrol(name);
        }
        net.enrol_further(0);
        let room = net.room(0, &NAMES[1..4]);
        let ben = user(NAMES[1]);
        net.command(0, |request| Command::SetRole { request, room, user: ben, role: Role::Admin }).unwrap();
        net.settle();
        let dice = ChaCha20Rng::from_seed(wide(seed));
        Storm { net, room, dice, said: Vec::new(), asked: Vec::new(), things }
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.dice.next_u32() as usize % sides
    }

    fn change(&mut self, phone: usize, make: impl FnOnce(RequestId, RoomId) -> Command) {
        let room = self.room;
        // Whoever is not in the room is told at once.
        if let Ok((request, _)) = self.net.command(phone, |request| make(request, room)) {
            self.asked.push((phone, request));
        }
    }

    fn act(&mut self) {
        let (phone, admin) = (self.roll(self.net.phones.len()), self.roll(2));
        let other = user(NAMES[2 + self.roll(3)]);
        let number = self.roll(1_000);
        let room = self.room;
        match self.roll(self.things) {
            0..4 => {
                let content = text(&format!("{phone} says {number}"));
                if let Ok((request, _)) = self.net.command(phone, |request| Command::Send {
                    request,
                    room,
                    content,
                    lifetime: None,
                }) {
                    self.said.push((phone, request));
                }
            }
            4 => {
                let topic = Some(format!("topic {number}"));
                self.change(admin, |request, room| Command::Describe {
                    request,
                    room,
                    name: None,
                    topic,
                    label: None,
                });
            }
            5 => self.change(admin, |request, room| Command::Remove { request, room, users: vec![other] }),
            6 | 7 => {
                self.change(admin, |request, room| Command::Invite { request, room, users: vec![other] })
            }
            8 if phone > 1 && phone < 5 => {
                self.change(phone, |request, room| Command::Leave { request, room });
            }
            9 => self.net.restart(phone),
            10 => {
                let name = [NORD, SUED, WEST][number % 3];
                self.net.crash_server(name);
            }
            11 => self.net.phones[phone].online = !self.net.phones[phone].online,
            12 => self.net.phones[phone].skew = (number as i64 - 500) * 1_000,
            13 => self.net.phones[phone].reads = !self.net.phones[phone].reads,
            _ => {}
        }
    }

    fn blow(&mut self, steps: usize, seed: u16) {
        let mut dice = ChaCha20Rng::from_seed(wide(seed ^ 0xff));
        self.net.rule = Box::new(move |_, _| match dice.next_u32() % 10 {
            0 | 1 => Fault::Lost,
            2 => Fault::Twice,
            3 | 4 => Fault::Late,
            _ => Fault::None,
        });
        for _ in 0..steps {
            self.act();
            for _ in 0..self.roll(30) {
                let pick = self.roll(1_000);
                self.net.nudge(pick);
            }
            if self.roll(4) == 0 {
                let seconds = 1 + self.roll(10) as u64;
                self.net.pass(Duration::from_secs(seconds));
            }
        }
    }

    fn calm(&mut self) {
        self.net.rule = no_faults();
        for phone in 0..self.net.phones.len() {
            self.net.phones[phone].online = true;
            self.net.phones[phone].reads = true;
            self.net.resume(phone);
        }
        for _ in 0..4 {
            self.net.wait();
        }
    }

    fn check(&self, seed: u16) {
        let net = &self.net;
        let there: Vec<_> =
            (0..net.phones.len()).filter(|phone| net.view(*phone, self.room).is_some()).collect();
        assert!(there.contains(&0) && there.contains(&1), "seed {seed}");
        net.agree(self.room, &there);
        let mut log = BTreeMap::new();
        for phone in 0..net.phones.len() {
            let history = net.history(phone);
            assert!(history.windows(2).all(|pair| pair[0].0 < pair[1].0), "seed {seed}: order");
            for (seq, id) in history {
                assert_eq!(*log.entry(seq).or_insert(id), id, "seed {seed}: {seq}");
            }
            for event in &net.phones[phone].events {
                let bad = matches!(
                    event,
                    Event::RoomStalled { .. }
                        | Event::Unreadable { .. }
                        | Event::StoreRolledBack
                        | Event::InvitationFailed { .. }
                        | Event::AgencyMisbehaved { .. }
                        | Event::LogsDiffer { .. }
                        | Event::BadRecord { .. }
                );
                assert!(!bad, "seed {seed}: {phone}: {event:?}");
            }
            assert!(net.phones[phone].outgoing.is_empty());
            for table in ["j/", "u/", "w/"] {
                let left = net.phones[phone].store.scan(table.as_bytes(), None, 1).unwrap();
                assert!(left.is_empty(), "seed {seed}: {phone}: {table} is left");
            }
        }
        // Those who never left have every message.
        assert_eq!(net.history(0).len(), log.len(), "seed {seed}");
        assert_eq!(net.history(1).len(), log.len(), "seed {seed}");
        for (phone, wanted) in &self.said {
            let outcomes = net.count(*phone, |event| match event {
                Event::Sent { request, .. } | Event::Failed { request, .. } => request == wanted,
                _ => false,
            });
            let held = net.count(
                *phone,
                |event| matches!(event, Event::SendNeedsConsent { request, .. } if request == wanted),
            );
            assert!(outcomes == 1 || (outcomes == 0 && held >= 1), "seed {seed}: {phone}: {outcomes} {held}");
        }
        for (phone, wanted) in &self.asked {
            let outcomes = net.count(*phone, |event| match event {
                Event::Done { request } | Event::Failed { request, .. } => request == wanted,
                _ => false,
            });
            assert_eq!(outcomes, 1, "seed {seed}: {phone}: request {wanted:?}");
        }
    }
}

fn storm(seeds: core::ops::Range<u16>, steps: usize, things: usize) {
    for seed in seeds {
        let mut storm = Storm::new(seed, things);
        storm.blow(steps, seed);
        storm.calm();
        storm.check(seed);
    }
}

#[test]
fn after_a_storm_everybody_has_the_same_history() {
    storm(100..103, 60, THINGS);
}

#[test]
fn after_another_storm_nothing_is_stuck() {
    storm(110..113, 60, THINGS);
}

#[test]
fn after_a_rough_storm_everybody_has_the_same_history() {
    storm(120..122, 60, ROUGH);
}

#[test]
fn storms_that_something_did_not_survive_once() {
    storm(19..20, 150, THINGS); // an invitation from before a removal
    storm(48..49, 150, THINGS); // a commit under way while another refusal was waited out
}

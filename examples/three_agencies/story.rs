//! Who plays, where, and what has been shown so far.

use std::time::{SystemTime, UNIX_EPOCH};

use rand_core::SeedableRng;
use verbund::{
    client::{Command, Event, Room},
    content::{Content, Text},
    ids::{AgencyId, Device, MessageId, RoomId},
    time::Timestamp,
};

use crate::{
    show::{self, chapter, line},
    world::{self, Error, Faults},
};

pub type World = world::World<chacha20::ChaCha20Rng>;

pub const NORTH: &str = "police.north.example";
pub const SOUTH: &str = "police.south.example";
pub const WEST: &str = "police.west.example";

/// The phones of the story, by their place in the world.
pub struct Cast {
    pub anna: usize,
    pub arne: usize,
    pub ben: usize,
    pub laptop: usize,
    pub clara: usize,
    pub dora: usize,
}

/// A world, the people in it, and what has been shown of it.
pub struct Story {
    pub world: World,
    pub cast: Cast,
    /// Anna's tablet, once it is linked.
    pub tablet: usize,
    /// The messages that it was handed: their places and ids.
    pub caught_up: Vec<(u64, MessageId)>,
    /// The devices of the desk that take part, once it is there.
    pub desk: Vec<usize>,
    /// The room, once it is there.
    pub room: RoomId,
    shown: Vec<(bool, &'static str)>,
}

impl Story {
    /// Three agencies, five officers, one of them with two devices.
    pub fn begin(faults: Option<u64>) -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let now = Timestamp::from_millis(u64::try_from(now)?);

        chapter("One federation, three agencies, each with its own server and registrar");
        let mut world = World::new(&[NORTH, SOUTH, WEST], now, chacha20::ChaCha20Rng::from_seed(seed))?;
        world.on_progress = show::bar;
        world.faults = faults.map(Faults::of);
        world.make_revocable()?;
        for agency in world.hosts.keys() {
            line(agency.as_str());
        }

        chapter("Six devices are enrolled; Ben has two, and his first endorses his second");
        let anna = world.enrol(&format!("anna@{NORTH}"))?;
        let arne = world.enrol(&format!("arne@{NORTH}"))?;
        let ben = world.enrol(&format!("ben@{SOUTH}"))?;
        let laptop = world.enrol_further(ben, "ben's laptop")?;
        let clara = world.enrol(&format!("clara@{WEST}"))?;
        let dora = world.enrol(&format!("dora@{WEST}"))?;
        world.phones.iter().for_each(show::phone);
        let cast = Cast { anna, arne, ben, laptop, clara, dora };
        let room = RoomId::from_bytes([0; 16]);
        Ok(Story {
            world,
            cast,
            tablet: anna,
            desk: Vec::new(),
            caught_up: Vec::new(),
            room,
            shown: Vec::new(),
        })
    }

    /// Begins a new part.
    pub fn chapter(&self, title: &str) {
        chapter(title);
    }

    /// Says something in the room.
    pub fn say(&mut self, phone: usize, content: Content) -> Result<MessageId, Error> {
        let room = self.room;
        let receipt =
            self.world.command(phone, |request| Command::Send { request, room, content, lifetime: None })?;
        receipt.message.ok_or_else(|| "no message id".into())
    }

    /// Says a plain text.
    pub fn say_text(&mut self, phone: usize, words: &str) -> Result<MessageId, Error> {
        self.say(phone, Text::plain(words)?.into())
    }

    /// Lets something happen, then shows what the phones tell of it.
    pub fn tell(&mut self, happen: impl FnOnce(&mut World) -> Result<(), Error>) -> Result<(), Error> {
        let before: Vec<_> = self.world.phones.iter().map(|phone| phone.events.len()).collect();
        happen(&mut self.world)?;
        show::events(&self.world.phones, &before);
        Ok(())
    }

    /// Keeps a claim for the list at the end. A false one ends the play at once.
    pub fn claim(&mut self, holds: bool, what: &'static str) -> Result<(), Error> {
        self.shown.push((holds, what));
        if holds { Ok(()) } else { Err(format!("not so: {what}").into()) }
    }

    /// What was claimed.
    pub fn shown(&self) -> &[(bool, &'static str)] {
        &self.shown
    }

    /// A phone's view of the room, if it takes part.
    pub fn view(&self, phone: usize) -> Result<Option<Room>, Error> {
        let phone = &self.world.phones[phone];
        Ok(phone.engine.rooms(&phone.store)?.into_iter().find(|room| room.id == self.room))
    }

    /// Whether a phone has read these words.
    pub fn has_read(&self, phone: usize, words: &str) -> bool {
        self.place_of(phone, words).is_some()
    }

    /// The place in the log at which a phone has read these words.
    pub fn place_of(&self, phone: usize, words: &str) -> Option<u64> {
        self.world.phones[phone].events.iter().find_map(|event| match event {
            Event::Message { seq, content: Content::Text(text), .. } if text.body() == words => Some(*seq),
            _ => None,
        })
    }

    /// The places at which a phone has read that a device was taken out.
    pub fn removals(&self, phone: usize, of: &Device) -> Vec<u64> {
        let removal = |event: &Event| match event {
            Event::MembersChanged { seq, devices_removed, .. } if devices_removed.contains(of) => Some(*seq),
            _ => None,
        };
        self.world.phones[phone].events.iter().filter_map(removal).collect()
    }

    /// Whether no server's rows or chunks hold any of these bytes.
    pub fn servers_hold_none_of(&self, secrets: &[&[u8]]) -> bool {
        let blind = |bytes: &[u8]| {
            secrets.iter().all(|secret| !bytes.windows(secret.len()).any(|window| window == *secret))
        };
        self.world.hosts.values().all(|host| {
            host.store.rows().all(|(_, row)| blind(row)) && host.chunks.values().all(|chunk| blind(chunk))
        })
    }
}

/// An agency's name.
pub fn agency(name: &str) -> Result<AgencyId, Error> {
    Ok(AgencyId::parse(name)?)
}

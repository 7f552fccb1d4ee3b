//! What a test looks at.

use std::time::Duration;

use verbund::{
    client::{self, Event},
    code::Code,
    content::Content,
    ids::{RequestId, RoomId},
};

use super::*;

impl Net {
    /// Clocks go on by a millisecond whenever something moves.
    pub(super) fn advance(&mut self) {
        self.now = self.now.plus(Duration::from_millis(1));
    }

    /// What a phone has read in a room, with what it said itself left out.
    pub fn texts(&self, phone: usize) -> Vec<String> {
        let body = |event: &Event| match event {
            Event::Message { content: Content::Text(text), .. } => Some(text.body().to_owned()),
            _ => None,
        };
        self.phones[phone].events.iter().filter_map(body).collect()
    }

    /// The places and ids of the messages that a phone has read or sent, in its order.
    pub fn history(&self, phone: usize) -> Vec<(u64, [u8; 32])> {
        let place = |event: &Event| match event {
            Event::Message { seq, id, .. } | Event::Sent { seq, id, .. } => Some((*seq, *id.as_bytes())),
            _ => None,
        };
        self.phones[phone].events.iter().filter_map(place).collect()
    }

    pub fn view(&self, phone: usize, room: RoomId) -> Option<client::Room> {
        let phone = &self.phones[phone];
        phone.engine.rooms(&phone.store).unwrap().into_iter().find(|r| r.id == room)
    }

    /// That these phones are at the same place of a room with the same hash.
    pub fn agree(&self, room: RoomId, phones: &[usize]) {
        let views: Vec<_> = phones.iter().map(|p| self.view(*p, room).expect("in the room")).collect();
        for view in &views {
            assert!(view.hash.is_some());
            assert_eq!((view.seq, view.hash, &view.name), (views[0].seq, views[0].hash, &views[0].name));
        }
    }

    pub fn count(&self, phone: usize, which: impl Fn(&Event) -> bool) -> usize {
        self.phones[phone].events.iter().filter(|event| which(event)).count()
    }

    pub fn has(&self, phone: usize, event: &Event) -> bool {
        self.phones[phone].events.contains(event)
    }

    pub fn is_done(&self, phone: usize, request: RequestId) -> bool {
        self.has(phone, &Event::Done { request })
    }

    /// The code with which a request failed.
    pub fn failure(&self, phone: usize, wanted: RequestId) -> Option<Code> {
        self.phones[phone].events.iter().find_map(|event| match event {
            Event::Failed { request, code, .. } if *request == wanted => Some(*code),
            _ => None,
        })
    }
}

//! Every message is at everybody who was there, and at nobody else.

use std::collections::{BTreeMap, BTreeSet};

use verbund::{
    client::Event,
    ids::{Device, MessageId, RoomId},
};

use super::Finding;
use crate::world::World;

/// From where to where somebody is in a room, both ends not included.
type Stays = Vec<(u64, u64)>;

impl World {
    pub(super) fn check_delivery(&self) -> Vec<Finding> {
        let presence = self.presence();
        let said: BTreeSet<(RoomId, u64, MessageId)> =
            self.phones.iter().flat_map(|phone| phone.events().filter_map(place_of)).collect();
        let mut findings = Vec::new();
        for (index, phone) in self.phones.iter().enumerate() {
            let mut has = BTreeSet::new();
            for (room, seq, id) in phone.events().filter_map(place_of) {
                has.insert(id);
                let stays = presence.get(&(room, phone.device.clone()));
                if !stays.is_some_and(|stays| covers(stays, seq)) {
                    let finding = self.finding("stranger", (index, Some(room)), format!("it has #{seq}"));
                    findings.push(Finding { others: self.who_saw_go(room, &phone.device), ..finding });
                }
            }
            if phone.gone || phone.restored {
                continue;
            }
            let reads = reads(phone.events());
            for (room, seq, id) in &said {
                let wanted = reads.get(room).is_some_and(|stays| covers(stays, *seq));
                if wanted && !has.contains(id) {
                    let finding = self.finding("delivery", (index, Some(*room)), format!("it lacks #{seq}"));
                    findings.push(Finding { others: self.holders(id), ..finding });
                }
            }
        }
        findings
    }

    /// Who has read that a device is out of a room.
    fn who_saw_go(&self, room: RoomId, gone: &Device) -> Vec<usize> {
        let goes = |event: &Event| matches!(event, Event::MembersChanged { room: here, devices_removed, .. } if *here == room && devices_removed.contains(gone));
        self.sound().into_iter().filter(|phone| self.phones[*phone].events().any(goes)).collect()
    }

    /// Of whom everything is promised and who have a message.
    pub(super) fn holders(&self, wanted: &MessageId) -> Vec<usize> {
        let has =
            |phone: &usize| self.phones[*phone].events().filter_map(place_of).any(|(_, _, id)| id == *wanted);
        self.sound().into_iter().filter(has).collect()
    }

    pub(super) fn count_history(&mut self) {
        let events = || self.phones.iter().flat_map(|phone| phone.events());
        let sent = events().filter(|event| matches!(event, Event::Sent { .. })).count();
        let read = events().filter(|event| matches!(event, Event::Message { .. })).count();
        let commits = events().filter_map(|event| match event {
            Event::MembersChanged { room, seq, .. } | Event::RoomChanged { room, seq, .. } => {
                Some((*room, *seq))
            }
            _ => None,
        });
        let commits = commits.collect::<BTreeSet<_>>().len();
        self.counts.messages += sent as u64;
        self.counts.read += read as u64;
        self.counts.commits += commits as u64;
    }

    /// Who was in which room from where to where, by the commits that anybody has read.
    fn presence(&self) -> BTreeMap<(RoomId, Device), Stays> {
        let mut changes: BTreeMap<(RoomId, u64), (BTreeSet<Device>, BTreeSet<Device>)> = BTreeMap::new();
        for phone in &self.phones {
            for event in phone.events() {
                match event {
                    Event::MembersChanged { room, seq, devices_added, devices_removed, .. } => {
                        let here = changes.entry((*room, *seq)).or_default();
                        here.0.extend(devices_added.iter().cloned());
                        here.1.extend(devices_removed.iter().cloned());
                    }
                    Event::RoomCreated { room, .. } => {
                        changes.entry((*room, 0)).or_default().0.insert(phone.device.clone());
                    }
                    Event::Joined { room, seq, .. } => {
                        changes.entry((*room, *seq)).or_default().0.insert(phone.device.clone());
                    }
                    Event::Left { room, seq, .. } => {
                        changes.entry((*room, *seq)).or_default().1.insert(phone.device.clone());
                    }
                    _ => {}
                }
            }
        }
        let mut presence: BTreeMap<(RoomId, Device), Stays> = BTreeMap::new();
        for ((room, seq), (added, removed)) in changes {
            for device in removed {
                if let Some((_, to)) = presence.get_mut(&(room, device)).and_then(|stays| stays.last_mut()) {
                    *to = (*to).min(seq);
                }
            }
            for device in added {
                presence.entry((room, device)).or_default().push((seq, u64::MAX));
            }
        }
        presence
    }
}

/// A message's place, as a device has it.
fn place_of(event: &Event) -> Option<(RoomId, u64, MessageId)> {
    match event {
        Event::Message { room, seq, id, .. } | Event::Sent { room, seq, id, .. } => Some((*room, *seq, *id)),
        _ => None,
    }
}

fn covers(stays: &[(u64, u64)], seq: u64) -> bool {
    stays.iter().any(|(from, to)| *from < seq && seq < *to)
}

/// From where to where a device reads a room, as it was told itself; what it was told that it does
/// not have is left out.
fn reads<'a>(events: impl Iterator<Item = &'a Event>) -> BTreeMap<RoomId, Stays> {
    let mut reads: BTreeMap<RoomId, Stays> = BTreeMap::new();
    for event in events {
        match event {
            Event::RoomCreated { room, .. } => reads.entry(*room).or_default().push((0, u64::MAX)),
            Event::Joined { room, seq, .. } => reads.entry(*room).or_default().push((*seq, u64::MAX)),
            Event::Left { room, seq, .. } => {
                if let Some((_, to)) = reads.entry(*room).or_default().last_mut() {
                    *to = (*to).min(*seq);
                }
            }
            Event::Rejoined { room, from_seq, to_seq } => {
                let stays = reads.entry(*room).or_default();
                if let Some((_, to)) = stays.last_mut() {
                    *to = (*to).min(*from_seq);
                }
                stays.push((*to_seq, u64::MAX));
            }
            _ => {}
        }
    }
    reads
}

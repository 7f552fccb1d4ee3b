//! What apps were told, by itself and beside what others were told.

use std::collections::{BTreeMap, BTreeSet};

use verbund::{
    client::Event,
    ids::{MessageId, RoomId},
};

use super::Finding;
use crate::world::World;

impl World {
    /// Messages come once, and in the order of the log.
    pub(super) fn check_order(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for phone in self.sound() {
            let mut last: BTreeMap<RoomId, u64> = BTreeMap::new();
            let mut seen = BTreeSet::new();
            for event in self.phones[phone].events() {
                let (Event::Message { room, seq, id, .. } | Event::Sent { room, seq, id, .. }) = event else {
                    continue;
                };
                if !seen.insert(*id) {
                    findings.push(self.finding("twice", (phone, Some(*room)), format!("#{seq}")));
                }
                if last.insert(*room, *seq).is_some_and(|last| last >= *seq) {
                    findings.push(self.finding("order", (phone, Some(*room)), format!("#{seq}")));
                }
            }
        }
        findings
    }

    /// Everybody has the same message at one place, and one message has one place: but for that of a
    /// device that has come in anew, and makes again what it had submitted and knows nothing of (SPEC
    /// V-497). The others have it where it came first.
    pub(super) fn check_places(&self) -> Vec<Finding> {
        let mut places: BTreeMap<(RoomId, u64), (MessageId, BTreeSet<usize>)> = BTreeMap::new();
        let mut where_is: BTreeMap<MessageId, (u64, BTreeSet<usize>)> = BTreeMap::new();
        let again = self.made_again();
        let mut findings = Vec::new();
        for (index, phone) in self.phones.iter().enumerate() {
            for event in phone.events() {
                let (Event::Message { room, seq, id, .. } | Event::Sent { room, seq, id, .. }) = event else {
                    continue;
                };
                let (here, by) = places.entry((*room, *seq)).or_insert((*id, BTreeSet::new()));
                let (place, there) = where_is.entry(*id).or_insert((*seq, BTreeSet::new()));
                let moved = *place != *seq && !again.contains(id);
                if *here == *id && !moved {
                    by.insert(index);
                    there.insert(index);
                    continue;
                }
                let others = if moved { there } else { by };
                let others = others.iter().copied().collect();
                let text = format!("another message at #{seq}");
                findings.push(Finding { others, ..self.finding("places", (index, Some(*room)), text) });
            }
        }
        findings
    }

    /// Messages of devices that have come into the room anew.
    fn made_again(&self) -> BTreeSet<MessageId> {
        let mut again = BTreeSet::new();
        for phone in &self.phones {
            let anew = phone.events().filter_map(|event| match event {
                Event::Rejoined { room, .. } => Some(*room),
                _ => None,
            });
            let anew: BTreeSet<RoomId> = anew.collect();
            again.extend(phone.events().filter_map(|event| match event {
                Event::Sent { room, id, .. } if anew.contains(room) => Some(*id),
                _ => None,
            }));
        }
        again
    }

    /// What arrives is what was said, by whom it was said.
    pub(super) fn check_words(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, phone) in self.phones.iter().enumerate() {
            for event in phone.events() {
                let Event::Message { room, seq, id, sender, content, .. } = event else { continue };
                let by = self.phones.iter().find(|phone| phone.device == *sender);
                let said = match self.ledger.said.get(id) {
                    Some(said) => said.content == *content && self.phones[said.by].device == *sender,
                    // Its app may have ended before the engine had told it the id.
                    None => by.is_some_and(|by| by.gone || by.restored),
                };
                if !said {
                    let text = format!("#{seq} is what nobody said");
                    findings.push(self.finding("words", (index, Some(*room)), text));
                }
            }
        }
        findings
    }
}

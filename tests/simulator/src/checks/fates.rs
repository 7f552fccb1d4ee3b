//! Everybody knows what became of what they asked for.

use std::collections::BTreeSet;

use verbund::{client::Event, ids::RequestId};

use super::Finding;
use crate::{ledger::Asked, world::World};

impl World {
    /// Whoever asked for something knows what became of it, and was told so once.
    pub(super) fn check_fates(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for ((phone, request), asked) in &self.ledger.asked {
            let here = &self.phones[*phone];
            if here.gone || here.restored || asked.what == Asked::Nothing {
                // Nothing is promised, or it is told in other words.
                continue;
            }
            let told = here.events().filter(|event| match event {
                Event::Sent { request: one, .. } => asked.what == Asked::Message && one == request,
                Event::Fetched { request: one } | Event::NotFetched { request: one, .. } => {
                    asked.what == Asked::File && one == request
                }
                Event::Done { request: one } => {
                    matches!(asked.what, Asked::Change | Asked::Leave | Asked::Room(..)) && one == request
                }
                Event::Failed { request: one, .. } => one == request,
                _ => false,
            });
            let told = told.count() + usize::from(self.ledger.withdrawn.contains(request));
            let told = told.max(usize::from(self.ledger.perhaps_withdrawn.contains(request)));
            let founded = |event: &&Event| matches!((event, asked.what), (Event::RoomCreated { room, .. }, Asked::Room(asked, _)) if *room == asked);
            let known = match here.events().filter(founded).count() {
                0 => told == 1,
                // Beside that, what became of those who were to be invited.
                1 => told == usize::from(matches!(asked.what, Asked::Room(_, true))),
                _ => false,
            };
            if !known {
                let text = format!("{:?} {request} was told {told} times", asked.what);
                // Who wants to leave needs somebody who is at the same place.
                let others = asked.room.map_or_else(Vec::new, |room| self.others_in(room, *phone));
                findings.push(Finding { others, ..self.finding("fate", (*phone, asked.room), text) });
            }
        }
        findings
    }

    /// What is told to have failed nobody has.
    pub(super) fn check_failed(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for phone in self.sound() {
            let failed: BTreeSet<&RequestId> = self.phones[phone].events().filter_map(failed).collect();
            let said = self.ledger.said.iter().filter(|(_, said)| said.by == phone);
            for (id, said) in said.filter(|(_, said)| failed.contains(&said.request)) {
                let others = self.holders(id);
                if !others.is_empty() {
                    let room = self.ledger.asked.get(&(phone, said.request)).and_then(|asked| asked.room);
                    let text = format!("{} was told to have failed, and was heard", said.request);
                    findings.push(Finding { others, ..self.finding("failed", (phone, room), text) });
                }
            }
        }
        findings
    }

    /// A device whose store was put back behind what it had done knows it.
    pub(super) fn check_restored(&self) -> Vec<Finding> {
        let silent = |phone: &usize| self.phones[*phone].must_be_told && !self.phones[*phone].gone;
        let silent = (0..self.phones.len()).filter(silent);
        silent
            .map(|phone| self.finding("restored", (phone, None), "it does not know that its store is old"))
            .collect()
    }
}

fn failed(event: &Event) -> Option<&RequestId> {
    match event {
        Event::Failed { request, .. } => Some(request),
        _ => None,
    }
}

//! The hub: gives each submission one fate, and everything that it takes one place (SPEC
//! "Submissions at the hub").

use std::sync::Arc;

use crate::{
    bounds::Bounds,
    group::{Change, Group},
    log::Entry,
    mutation::Mutation,
    names::{HUB, Id, Seq},
    server::{Letter, Parcel, Server},
    submission::{Code, Refusal, Submission},
};

/// What the hub knows beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hub {
    /// The public half of the MLS group.
    pub group: Group,
    /// In the order of their ids.
    pub fates: Vec<(Id, Fate)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    Taken(Seq),
    Refused(Refusal),
}

impl Hub {
    pub fn begin(group: Group) -> Self {
        Hub { group, fates: Vec::new() }
    }

    pub fn fate(&self, id: Id) -> Option<Fate> {
        self.fates.iter().find(|(known, _)| *known == id).map(|(_, fate)| *fate)
    }

    /// The refusals that it keeps.
    pub fn refusals(&self) -> impl Iterator<Item = Refusal> {
        self.fates.iter().filter_map(|(_, fate)| match fate {
            Fate::Refused(refusal) => Some(*refusal),
            Fate::Taken(_) => None,
        })
    }

    fn keep(&mut self, id: Id, fate: Fate) {
        let place = self.fates.partition_point(|(known, _)| *known < id);
        self.fates.insert(place, (id, fate));
    }
}

impl Server {
    fn hub_mut(&mut self) -> &mut Hub {
        self.hub.as_mut().expect("the room's hub")
    }

    /// Decides about a submission, once and for all (V-507, V-511 to V-514).
    pub fn decide(&mut self, submission: &Submission, now: u8, bounds: &Bounds) -> Fate {
        let Submission { id, group: made_in, .. } = *submission;
        let hub = self.hub.as_ref().expect("the room's hub");
        if let Some(fate) = hub.fate(id) {
            return fate;
        }
        let seq = self.log.end();
        let refused = |code| Fate::Refused(Refusal { id, code, seq });
        // V-511: of whom the hub does not know, it keeps nothing.
        if !hub.group.members.contains(id.device) {
            return refused(Code::NotMember);
        }
        // V-512: of two commits in one epoch the first is taken.
        let passed = made_in.epoch != hub.group.epoch && !bounds.breaks(Mutation::TakesPassedEpochs);
        // V-514: a commit of another group of the same number has no signature that holds here.
        let foreign = submission.commit().is_some()
            && made_in.secrets != hub.group.secrets
            && !bounds.breaks(Mutation::TakesPassedEpochs);
        let fate = if passed {
            refused(Code::WrongEpoch)
        } else if foreign {
            refused(Code::Mls)
        } else {
            Fate::Taken(self.take(submission, now, bounds))
        };
        if let (Fate::Refused(_), Some(Change::Add(device)), true) =
            (fate, submission.commit(), bounds.breaks(Mutation::WelcomesLosers))
        {
            let made_up = self.log.next(*submission, now);
            self.welcome(device, &made_up, bounds);
        }
        self.hub_mut().keep(id, fate);
        fate
    }

    /// Gives a submission its place, and queues it for whoever is to be told: one durable step (SPEC
    /// "Who is told").
    fn take(&mut self, submission: &Submission, now: u8, bounds: &Bounds) -> Seq {
        let entry = self.log.next(*submission, now);
        self.log.extend(entry.clone()).expect("the next entry");
        let before = self.hub_mut().group;
        let change = submission.commit();
        if let Some(change) = change {
            self.hub_mut().group = before.after(submission.id, change);
        }
        let removed = match change {
            Some(Change::Remove(device)) => Some(device),
            _ => None,
        };
        for agency in bounds.agencies_of(before.members).iter().filter(|agency| *agency != HUB) {
            let gone = removed.into_iter().filter(|device| bounds.agency(*device) == agency).collect();
            self.pass_on(agency, Parcel::Entry(entry.clone(), gone), bounds);
        }
        if let Some(device) = removed.filter(|device| bounds.agency(*device) == HUB) {
            self.depart(device, entry.seq);
        }
        if let Some(Change::Add(device)) = change {
            self.welcome(device, &entry, bounds);
        }
        entry.seq
    }

    /// Releases a Welcome, with the entry of its commit (V-463).
    fn welcome(&mut self, device: u8, entry: &Arc<Entry>, bounds: &Bounds) {
        match bounds.agency(device) {
            HUB if self.log.at(entry.seq).is_some() => self.enter(device, entry),
            // Not a place in the log: only a mutation comes here.
            HUB => self.reader_mut(device).inbox.push(Letter::Invitation(entry.clone())),
            agency => {
                let welcome = Parcel::Welcome(entry.clone(), [device].into_iter().collect());
                self.pass_on(agency, welcome, bounds);
            }
        }
    }

    fn pass_on(&mut self, agency: u8, parcel: Parcel, bounds: &Bounds) {
        if bounds.breaks(Mutation::QueuesAfterwards) {
            self.memory.push((agency, parcel));
        } else {
            self.queue(agency, parcel);
        }
    }
}

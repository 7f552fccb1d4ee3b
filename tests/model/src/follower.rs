//! A server that follows the log of a room that another one orders (SPEC "Following a log"), and
//! what both do with what comes by link.

use std::sync::Arc;

use crate::{
    bounds::Bounds,
    hub::Fate,
    log::Entry,
    mutation::Mutation,
    names::{Agency, HUB, Set},
    server::{Letter, Parcel, Server},
    submission::{Refusal, Submission},
};

/// What a device's own server says to a submission that it does not decide about. Not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Queued,
    /// 402: the device may not read the room any more.
    NotMember,
}

impl Server {
    /// Passes a submission of an own device on to the hub, once; its fate comes with the log or into
    /// the inbox (V-516).
    pub fn pass_to_hub(&mut self, submission: &Submission, bounds: &Bounds) -> Word {
        let word = self.word_on(submission, bounds);
        let id = submission.id;
        if word == Word::Queued && !self.passed.contains(&id) {
            let place = self.passed.partition_point(|known| *known < id);
            self.passed.insert(place, id);
            self.queue(HUB, Parcel::Submission(*submission));
        }
        word
    }

    /// What was passed on already may have been taken: that the device has no business here any
    /// more is no answer to it.
    pub fn word_on(&self, submission: &Submission, bounds: &Bounds) -> Word {
        let known = self.passed.contains(&submission.id) && !bounds.breaks(Mutation::DeniesFirst);
        match known || self.reader(submission.id.device).is_present() {
            true => Word::Queued,
            false => Word::NotMember,
        }
    }

    /// Takes an item. One that cannot be taken is passed over, and does not stop the link (V-536).
    pub fn item(&mut self, from: Agency, parcel: &Parcel, now: u8, bounds: &Bounds) {
        match parcel {
            Parcel::Submission(submission) => {
                // What is taken comes back as an entry of the log.
                if let Fate::Refused(refusal) = self.decide(submission, now, bounds) {
                    self.queue(from, Parcel::Refusal(refusal));
                }
            }
            Parcel::Refusal(refusal) => self.refused(*refusal),
            Parcel::Entry(entry, gone) => self.entry(entry, *gone, bounds),
            Parcel::Welcome(entry, come) => self.welcome_from(entry, *come),
        }
    }

    fn refused(&mut self, refusal: Refusal) {
        self.reader_mut(refusal.id.device).inbox.push(Letter::Refusal(refusal));
    }

    /// V-522 to V-524.
    fn entry(&mut self, entry: &Arc<Entry>, gone: Set, bounds: &Bounds) {
        if !self.is_present() {
            return;
        }
        if bounds.breaks(Mutation::SkipsChain) && entry.seq == self.log.end() + 1 {
            self.log.begin_at(entry.clone());
        } else if self.log.extend(entry.clone()).is_err() {
            return;
        }
        for device in gone.iter() {
            self.depart(device, entry.seq);
        }
    }

    /// V-525, V-526.
    fn welcome_from(&mut self, entry: &Arc<Entry>, come: Set) {
        let here = self.log.at(entry.seq);
        let fits = match here {
            Some(here) => here == entry,
            // Nobody of ours has a gap in what they read.
            None => entry.seq > self.log.end() && !self.is_present(),
        };
        if !fits {
            return;
        }
        if here.is_none() {
            self.log.begin_at(entry.clone());
        }
        for device in come.iter() {
            self.enter(device, entry);
        }
    }
}

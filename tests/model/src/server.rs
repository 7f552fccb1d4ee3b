//! A server: what it holds of the room's log, what its devices may read, and its links. Everything
//! here is in its store, but for `memory`.

use std::sync::Arc;

use crate::{
    bounds::Bounds,
    group::Group,
    hub::Hub,
    link::{Ack, Frame, Incoming, Item, Outgoing},
    log::{Entry, Log},
    mutation::Mutation,
    names::{Agency, Device, Digest, HUB, Id, Seq, Set},
    submission::{Refusal, Submission},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    pub log: Log,
    /// At the hub alone.
    pub hub: Option<Hub>,
    /// Submissions of own devices that were passed on, by their counters (V-516).
    pub passed: Vec<Id>,
    /// What each own device may read, by device; the others' stay empty.
    pub readers: Vec<Reader>,
    /// One for each agency but the own: at the hub to all others, elsewhere to the hub.
    pub links: Vec<Link>,
    /// What a restart loses. Empty, unless a mutation puts something here.
    pub memory: Vec<(Agency, Parcel)>,
    /// Whether something came to light that its people have to be told.
    pub reported: bool,
}

/// A device as its own server sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reader {
    /// The device may read what comes after `from`, up to `to`.
    pub spans: Vec<Span>,
    pub inbox: Vec<Letter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub from: Seq,
    pub to: Option<Seq>,
}

/// What lies in a device's inbox, numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Letter {
    Invitation(Arc<Entry>),
    Refusal(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    pub peer: Agency,
    pub outgoing: Outgoing<Parcel>,
    pub incoming: Incoming,
}

/// An item of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Parcel {
    Submission(Submission),
    Refusal(Refusal),
    /// With the receiver's devices that it removes.
    Entry(Arc<Entry>, Set),
    /// The invitation of the receiver's devices that an entry adds.
    Welcome(Arc<Entry>, Set),
}

impl Server {
    pub fn begin(agency: Agency, bounds: &Bounds) -> Self {
        let founders = bounds.founders();
        let reader = |device| {
            let reads = founders.contains(device) && bounds.agency(device) == agency;
            let spans = if reads { vec![Span { from: 0, to: None }] } else { Vec::new() };
            Reader { spans, inbox: Vec::new() }
        };
        let link = |peer| Link { peer, outgoing: Outgoing::begin(1), incoming: Incoming::default() };
        Server {
            log: Log::default(),
            hub: (agency == HUB).then(|| Hub::begin(Group::begin(founders))),
            passed: Vec::new(),
            readers: bounds.devices().map(reader).collect(),
            links: (0..bounds.agencies)
                .filter(|peer| *peer != agency && (agency == HUB || *peer == HUB))
                .map(link)
                .collect(),
            memory: Vec::new(),
            reported: false,
        }
    }

    pub fn reader(&self, device: Device) -> &Reader {
        &self.readers[usize::from(device)]
    }

    pub fn reader_mut(&mut self, device: Device) -> &mut Reader {
        &mut self.readers[usize::from(device)]
    }

    pub fn link(&self, peer: Agency) -> &Link {
        self.links.iter().find(|link| link.peer == peer).expect("a link to everybody concerned")
    }

    pub fn link_mut(&mut self, peer: Agency) -> &mut Link {
        self.links.iter_mut().find(|link| link.peer == peer).expect("a link to everybody concerned")
    }

    pub fn queue(&mut self, to: Agency, parcel: Parcel) {
        self.link_mut(to).outgoing.pending.push(parcel);
    }

    /// Takes a frame. What is wrong with it is reported; else it is acknowledged.
    pub fn carried(&mut self, from: Agency, frame: &Frame<Parcel>, now: u8, bounds: &Bounds) -> Option<Ack> {
        match self.link_mut(from).incoming.take(frame, now, bounds.mutation) {
            Ok((items, ack)) => {
                items.iter().for_each(|item| self.item(from, item, now, bounds));
                Some(ack)
            }
            Err(_) => {
                self.reported = true;
                None
            }
        }
    }

    pub fn acknowledged(&mut self, by: Agency, ack: Ack, bounds: &Bounds) {
        if self.link_mut(by).outgoing.acknowledged(ack, bounds.mutation).is_err() {
            self.reported = true;
        }
    }

    /// What is in memory alone is lost. The library holds nothing there that counts.
    pub fn restart(&mut self, bounds: &Bounds) {
        self.memory.clear();
        if let Some(hub) = &mut self.hub
            && bounds.breaks(Mutation::ForgetsFates)
        {
            hub.fates.clear();
        }
    }

    /// Queues what is in memory alone: a mutation's.
    pub fn remember(&mut self) {
        for (to, parcel) in std::mem::take(&mut self.memory) {
            self.queue(to, parcel);
        }
    }

    /// The entry after `seq`, if it is here and the device may read it (V-547).
    pub fn next_for(&self, device: Device, seq: Seq) -> Option<&Arc<Entry>> {
        let readable = |span: &Span| span.from <= seq && span.to.is_none_or(|to| seq < to);
        self.reader(device).spans.iter().any(readable).then(|| self.log.at(seq + 1)).flatten()
    }

    /// Whether any own device is in the room.
    pub fn is_present(&self) -> bool {
        self.readers.iter().any(Reader::is_present)
    }

    /// An own device begins to read after `entry`, and is invited.
    pub fn enter(&mut self, device: Device, entry: &Arc<Entry>) {
        let reader = self.reader_mut(device);
        if !reader.is_present() {
            reader.spans.push(Span { from: entry.seq, to: None });
            reader.inbox.push(Letter::Invitation(entry.clone()));
        }
    }

    /// An own device reads nothing after `seq`.
    pub fn depart(&mut self, device: Device, seq: Seq) {
        if let Some(span) = self.reader_mut(device).spans.last_mut()
            && span.to.is_none()
        {
            span.to = Some(seq);
        }
    }
}

impl Reader {
    pub fn is_present(&self) -> bool {
        self.spans.last().is_some_and(|span| span.to.is_none())
    }
}

impl Item for Parcel {
    fn digest(&self) -> Digest {
        match self {
            Parcel::Submission(submission) => Digest::of([1, submission.digest().word()]),
            Parcel::Refusal(refusal) => {
                Digest::of([2, refusal.id.word(), refusal.code as u64, refusal.seq.into()])
            }
            Parcel::Entry(entry, gone) => Digest::of([3, entry.hash.word(), gone.bits()]),
            Parcel::Welcome(entry, come) => Digest::of([4, entry.hash.word(), come.bits()]),
        }
    }
}

//! Filling a frame with what waits.

use std::collections::{BTreeMap, VecDeque};

use super::super::{
    call::Call,
    keys::{LinkKeys, RoomKeys},
    rows::{
        self, AgencyCount, DeviceName, OutRow, Pending, PendingEntry, PendingRow, PendingWelcome, unreadable,
    },
};
use crate::{
    error::{Error, Result, Retry},
    ids::{AgencyId, Device, RoomId},
    limits,
    room::log::{Tail, entry_hash},
    store::corrupt,
    wire::{
        Signed, Wire, decode_body,
        device::Invitation,
        fields_of,
        link::{Departure, Documents, LinkItem, RoomEntries, RoomWelcome},
        log::{Head, LogItem, RoomMaterial},
    },
};

/// For how many fields a device or a head counts that an item names.
const NAMED_FIELDS: usize = 8;
/// Rows read at one time: few, for a row may be large.
const PAGE: usize = 16;

/// A frame that is being filled. Entries of one room that follow each other go together,
/// under one head.
#[derive(Default)]
pub(super) struct Filling {
    items: Vec<Item>,
    /// Where in `items` a room's entries are still being added to.
    open: BTreeMap<RoomId, usize>,
    rows: usize,
    bytes: usize,
    /// Fields, as whoever receives the frame counts them (SPEC V-111).
    fields: usize,
    /// Whatever documents the peer was not told are to go along.
    documents: bool,
}

enum Item {
    Entries(Group),
    /// Where a log stands.
    Place(Box<Tail>),
    Other(Box<LinkItem>),
}

/// Consecutive entries of one room.
struct Group {
    room: RoomId,
    last: u64,
    items: Vec<LogItem>,
    departures: Vec<Departure>,
}

impl Filling {
    /// Takes what waits for an agency, as far as it fits, and deletes its rows.
    pub(super) fn fill(
        call: &mut Call<'_, '_>,
        peer: &AgencyId,
        out: &mut OutRow,
    ) -> Result<Option<Vec<LinkItem>>> {
        let mut filling = Filling::default();
        let prefix = LinkKeys::with(peer).pending();
        'full: loop {
            let page = call.draft.scan(&prefix, None, PAGE)?;
            let last_page = page.len() < PAGE;
            for (key, row) in page {
                let what = rows::read::<PendingRow>(row)?.what.ok_or(corrupt("pending row"))?;
                let fits = filling.take(call, peer, what);
                if !fits.map_err(|error| all_of(call, &prefix, error))? {
                    break 'full;
                }
                call.draft.delete(key);
            }
            if last_page {
                break;
            }
        }
        let items = filling.items.into_iter().map(|item| item.close(call)).collect::<Result<Vec<_>>>()?;
        let mut items = VecDeque::from(items);
        if filling.documents || !items.is_empty() {
            let untold = call.untold(peer, out, items.make_contiguous(), filling.documents)?;
            if untold != Documents::default() {
                items.push_front(LinkItem::Documents(untold));
            }
        }
        let items = Vec::from(items);
        Ok((!items.is_empty()).then_some(items))
    }

    /// Adds one thing; says whether it fits.
    fn take(&mut self, call: &mut Call<'_, '_>, peer: &AgencyId, what: Pending) -> Result<bool> {
        match what {
            Pending::Entry(entry) => self.entry(call, &entry),
            Pending::Welcome(welcome) => self.welcome(call, peer, &welcome),
            Pending::Documents(_) => {
                self.documents = true;
                Ok(true)
            }
            Pending::Heartbeat(room) => {
                let room = RoomId::from_slice(&room).map_err(unreadable)?;
                if self.open.contains_key(&room) {
                    return Ok(true); // a head goes with the entries
                }
                self.place(call, peer, &room)
            }
            Pending::Place(room) => self.place(call, peer, &RoomId::from_slice(&room).map_err(unreadable)?),
            Pending::Item(bytes) => {
                let fits = self.fits(bytes.len(), fields::<LinkItem>(&bytes)?);
                if fits {
                    self.items.push(Item::Other(Box::new(decode_body(&bytes).map_err(unreadable)?)));
                }
                Ok(fits)
            }
        }
    }

    /// Whether there is room for another row; the first always fits.
    fn fits(&mut self, bytes: usize, fields: usize) -> bool {
        let sum = self.bytes.saturating_add(bytes);
        let all = self.fields.saturating_add(fields);
        let fits = self.rows == 0
            || (self.rows.saturating_add(1) < limits::FRAME_ITEMS
                && sum <= limits::FRAME_BYTES
                && all <= limits::FRAME_FIELDS);
        if fits {
            self.rows = self.rows.saturating_add(1);
            (self.bytes, self.fields) = (sum, all);
        }
        fits
    }

    fn entry(&mut self, call: &Call<'_, '_>, entry: &PendingEntry) -> Result<bool> {
        let room = RoomId::from_slice(&entry.room).map_err(unreadable)?;
        let row = call.entry_row(&room, entry.seq)?;
        let departing = entry.departing.len().saturating_mul(NAMED_FIELDS);
        if !self.fits(row.len(), fields::<LogItem>(&row)?.saturating_add(departing)) {
            return Ok(false);
        }
        let item: LogItem = decode_body(&row).map_err(unreadable)?;
        let place = match self.open.get(&room) {
            Some(place) => *place,
            None => {
                self.items.push(Item::Entries(Group {
                    room,
                    last: 0,
                    items: Vec::new(),
                    departures: Vec::new(),
                }));
                self.items.len().saturating_sub(1)
            }
        };
        self.open.insert(room, place);
        if let Some(Item::Entries(group)) = self.items.get_mut(place) {
            group.last = entry.seq;
            group.items.push(item);
            for device in &entry.departing {
                group.departures.push(Departure { device: device.device()?, seq: entry.seq });
            }
        }
        if !entry.departing.is_empty() {
            // Whoever leaves needs a head at the last entry that they see.
            self.open.remove(&room);
        }
        Ok(true)
    }

    /// Where a room's log stands. All that was to be said of the room has gone before it, in this frame or
    /// an earlier one.
    fn place(&mut self, call: &Call<'_, '_>, peer: &AgencyId, room: &RoomId) -> Result<bool> {
        let is_there = |others: &[AgencyCount]| others.iter().any(|other| other.agency == peer.as_str());
        if !call.room(room)?.is_some_and(|row| is_there(&row.others)) {
            return Ok(true); // too late
        }
        let fits = self.fits(limits::HEAD, NAMED_FIELDS);
        if fits {
            let log = call.place(room)?.ok_or(corrupt("tail"))?.tail;
            self.items.push(Item::Place(Box::new(log)));
        }
        Ok(fits)
    }

    fn welcome(
        &mut self,
        call: &mut Call<'_, '_>,
        peer: &AgencyId,
        welcome: &PendingWelcome,
    ) -> Result<bool> {
        let room = RoomId::from_slice(&welcome.room).map_err(unreadable)?;
        let keys = RoomKeys::of(&room);
        let invitation = call.draft.get(&keys.invitation(welcome.seq))?;
        let material = call.draft.get(&keys.material(welcome.seq))?;
        let Some(invitation) = invitation else {
            return Ok(true); // too late
        };
        let bytes = invitation.len().saturating_add(material.as_ref().map_or(0, Vec::len));
        let beside = material.as_ref().map_or(Ok(0), |material| fields::<RoomMaterial>(material))?;
        let recipients = welcome.recipients.len().saturating_mul(NAMED_FIELDS);
        let all = fields::<Invitation>(&invitation)?.saturating_add(beside).saturating_add(recipients);
        if !self.fits(bytes, all) {
            return Ok(false);
        }
        let recipients =
            welcome.recipients.iter().map(DeviceName::device).collect::<Result<Vec<Device>>>()?;
        let invitation: Invitation = rows::read_wire(invitation)?;
        let material = material.map(rows::read_wire::<RoomMaterial>).transpose()?;
        call.no_longer_waiting(&room, welcome.seq, keys.waiting_agency(welcome.seq, peer))?;
        // Entries after it have to come after it.
        self.open.remove(&room);
        let item = LinkItem::Welcome(Box::new(RoomWelcome { invitation, recipients, material }));
        self.items.push(Item::Other(Box::new(item)));
        Ok(true)
    }
}

/// How many fields a row of ours has, and one for what it goes into.
fn fields<T: Wire>(row: &[u8]) -> Result<usize> {
    Ok(fields_of::<T>(row, limits::FIELDS).map_err(unreadable)?.saturating_add(1))
}

/// Where a store says that an entry or a log's place is not loaded: all that come next are wanted.
fn all_of(call: &Call<'_, '_>, prefix: &[u8], error: Error) -> Error {
    let (Retry::Load(missing), Ok(page)) =
        (error.retry(), call.draft.scan(prefix, None, limits::FRAME_ITEMS))
    else {
        return error;
    };
    let mut wanted = missing.clone();
    for (_, row) in page {
        match rows::read::<PendingRow>(row).map(|row| row.what) {
            Ok(Some(Pending::Entry(entry))) => {
                let room = RoomId::from_slice(&entry.room).map_err(unreadable);
                wanted.extend(room.map(|room| RoomKeys::of(&room).entry(entry.seq)));
            }
            Ok(Some(Pending::Heartbeat(room) | Pending::Place(room))) => {
                let keys = RoomId::from_slice(&room).map(|room| RoomKeys::of(&room));
                wanted.extend(keys.into_iter().flat_map(|keys| [keys.state(), keys.tail()]));
            }
            _ => {}
        }
    }
    Error::load(wanted)
}

impl Item {
    fn close(self, call: &Call<'_, '_>) -> Result<LinkItem> {
        let Group { room, last, items, departures } = match self {
            Item::Other(item) => return Ok(*item),
            Item::Place(log) => {
                let hash = log.hash.ok_or(corrupt("empty log"))?;
                let head = call.head(&log, log.seq, hash).into_signed();
                let (room, items, departures) = (log.room, Vec::new(), Vec::new());
                return Ok(LinkItem::Entries(Box::new(RoomEntries { room, items, head, departures })));
            }
            Item::Entries(group) => group,
        };
        let hash = items.last().map(|item| entry_hash(&item.entry)).ok_or(corrupt("no entries"))?;
        let log = call.place(&room)?.ok_or(corrupt("tail"))?.tail;
        let head: Signed<Head> = call.head(&log, last, hash).into_signed();
        Ok(LinkItem::Entries(Box::new(RoomEntries { room, items, head, departures })))
    }
}

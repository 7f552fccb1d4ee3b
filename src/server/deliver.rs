//! What is new for a device: log entries past its cursors, its inbox, documents.

use core::ops::RangeInclusive;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand_core::Rng as _;

use super::{
    call::Call,
    keys::{DeviceKeys, RoomKeys},
    records,
    rows::{DeviceState, InboxRow, unreadable},
};
use crate::{
    code::Code,
    error::{Error, Result, Retry},
    identity::Descriptor,
    ids::{AgencyId, Device, RoomId},
    limits,
    room::log::entry_hash,
    store::corrupt,
    time::Timestamp,
    wire::{
        Signed, decode, decode_body,
        device::{Cursor, Delivery, InboxBody, InboxItem, KnownDescriptor, ReplyBody, RoomDelivery, Sync},
        log::{Head, LogEntry, LogItem},
    },
};

/// How much more fits. Whatever comes first always fits, or it would never come.
pub(super) struct Budget {
    entries: usize,
    bytes: usize,
    empty: bool,
    /// Whether something had to stay.
    pub(super) more: bool,
}

impl Budget {
    fn new() -> Self {
        Budget { entries: limits::DELIVERY_ENTRIES, bytes: limits::DELIVERY_BYTES, empty: true, more: false }
    }

    /// Takes room for something; says whether there is room.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let fits = self.empty || bytes <= self.bytes;
        if fits {
            self.bytes = self.bytes.saturating_sub(bytes);
            self.empty = false;
        } else {
            self.more = true;
        }
        fits
    }

    fn take_entry(&mut self, bytes: usize) -> bool {
        if self.entries == 0 {
            self.more = true;
            return false;
        }
        let fits = self.take(bytes);
        self.entries = self.entries.saturating_sub(usize::from(fits));
        fits
    }
}

impl Call<'_, '_> {
    pub(super) fn sync(&mut self, device: &Device, sync: &Sync) -> Result<ReplyBody> {
        self.records_done(device, sync.records_done)?;
        let state = self.inbox_done(device, sync.inbox_done, sync.inbox_mark)?;
        self.check_submitted(device, &state, sync.submitted.as_ref())?;

        let mut budget = Budget::new();
        let trust_list = self.newer_trust_list(sync.trust_version, &mut budget)?;
        // V-580: what was done under later lists is not judged by one of before.
        let in_time = !budget.more;
        // V-588: an invitation comes after the record of the claim that it rests on.
        let (records, all) = match in_time {
            true => self.records(device, &state, &mut budget)?,
            false => Default::default(),
        };
        let inbox = if all { self.inbox(device, &state, &mut budget)? } else { Vec::new() };
        let mut rooms = Vec::new();
        // Rooms take turns in being first, so that a busy one keeps no other waiting.
        let mut astray = BTreeSet::new();
        for cursor in in_turn(&sync.cursors, self.draft.rng().next_u64()) {
            match self.is_astray(device, cursor)? {
                true => {
                    self.may_lack_entries(device, cursor)?;
                    astray.insert(cursor.room);
                }
                false if in_time => rooms.extend(self.room_delivery(device, cursor, &mut budget)?),
                false => {}
            }
        }
        rooms.sort_by_key(|delivery: &RoomDelivery| delivery.room);
        let (mut listed, revocations) = self.newer_revocations(sync, &inbox, &mut budget)?;
        listed.extend(records::agencies(&records));
        let mut descriptors = self.newer_descriptors(&sync.descriptors, listed, &rooms, &mut budget)?;
        descriptors.extend(self.former_descriptors(&sync.descriptors, &rooms)?);
        let chain = self.newer_links(&device.user, sync)?;
        let more = budget.more;
        Ok(ReplyBody::Delivery(Delivery {
            rooms,
            inbox,
            trust_list,
            descriptors,
            revocations,
            chain,
            records,
            more,
            astray: astray.into_iter().collect(),
        }))
    }

    /// Whether a device has processed what is not in the log that is here: this server's store was put
    /// back to an earlier state, or its hub's (SPEC V-576).
    fn is_astray(&self, device: &Device, cursor: &Cursor) -> Result<bool> {
        if cursor.seq == 0 {
            return Ok(false);
        }
        let Some(place) = self.place(&cursor.room)? else { return Ok(true) };
        if !self.spans(&cursor.room, device)?.may_have_read(cursor.seq) || place.tail.seq < cursor.seq {
            return Ok(true);
        }
        // Where more has been said since, the entries themselves tell (V-503).
        let last = place.tail.seq == cursor.seq && cursor.hash.is_some();
        Ok(last && place.tail.hash != cursor.hash)
    }

    /// Where one of our devices is past the end of a log that is followed, its hub has more of it (SPEC V-559).
    fn may_lack_entries(&mut self, device: &Device, cursor: &Cursor) -> Result<()> {
        let followed = self.followed_tail(&cursor.room)?.filter(|(_, tail)| tail.seq < cursor.seq);
        match followed {
            Some((hub, tail)) if self.spans(&cursor.room, device)?.may_have_read(cursor.seq) => {
                self.want_entries(&hub, &tail)
            }
            _ => Ok(()),
        }
    }

    /// Entries that a device may read after its cursor, up to one for which there is a head
    /// (SPEC V-547, V-548).
    fn room_delivery(
        &mut self,
        device: &Device,
        cursor: &Cursor,
        budget: &mut Budget,
    ) -> Result<Option<RoomDelivery>> {
        let spans = self.spans(&cursor.room, device)?;
        if spans.joining > 0 && cursor.seq >= spans.joining {
            self.joined(&cursor.room, device)?;
        }
        let Some(last) = spans.readable_after(cursor.seq) else { return Ok(None) };
        let Some(place) = self.place(&cursor.room)? else { return Ok(None) };
        let last = last.min(place.tail.seq);
        let row = self.room(&cursor.room)?.ok_or(corrupt("room"))?;
        let own = row.hub == self.own.agency.as_str();
        if cursor.seq >= last {
            let stays = spans.readable_after(cursor.seq) == Some(u64::MAX);
            // Each may be a signature: no more of them than of entries.
            let fits = stays && self.is_active(&place.tail) && budget.take_entry(limits::HEAD);
            let head = if fits { self.newer_head(cursor, &place.tail, own)? } else { None };
            return Ok(head.map(|head| RoomDelivery { room: cursor.room, items: Vec::new(), head }));
        }

        let mut items: Vec<LogItem> = Vec::new();
        for seq in cursor.seq.saturating_add(1)..=last {
            let entry =
                self.entry_row(&cursor.room, seq).map_err(|error| all_of(error, &cursor.room, seq..=last))?;
            if !budget.take_entry(entry.len()) {
                break;
            }
            items.push(decode_body(&entry).map_err(unreadable)?);
        }
        let head = if own {
            let Some(item) = items.last() else { return Ok(None) };
            let seq = cursor.seq.saturating_add(items.len() as u64);
            self.head(&place.tail, seq, entry_hash(&item.entry)).into_signed()
        } else {
            match self.last_head(&cursor.room, cursor.seq, &mut items)? {
                Some(head) => head,
                None => {
                    budget.more = true;
                    return Ok(None);
                }
            }
        };
        Ok(Some(RoomDelivery { room: cursor.room, items, head }))
    }

    /// Where the log is followed: the hub's last head within these entries; those after it stay.
    fn last_head(
        &self,
        room: &RoomId,
        cursor: u64,
        items: &mut Vec<LogItem>,
    ) -> Result<Option<Signed<Head>>> {
        let keys = RoomKeys::of(room);
        while !items.is_empty() {
            let seq = cursor.saturating_add(items.len() as u64);
            if let Some(head) = self.draft.get(&keys.head(seq))? {
                return Signed::decode(&Bytes::from(head)).map(Some).map_err(unreadable);
            }
            items.pop();
        }
        Ok(None)
    }

    /// What lies in a device's inbox, oldest first.
    fn inbox(&mut self, device: &Device, state: &DeviceState, budget: &mut Budget) -> Result<Vec<InboxItem>> {
        let keys = DeviceKeys::of(device);
        let mut items = Vec::new();
        for number in state.inbox_done.saturating_add(1)..=state.inbox_last {
            let row: InboxRow = self.read(&keys.inbox(number))?.ok_or(corrupt("inbox item is missing"))?;
            let (mark, number) = (row.mark, number.saturating_add(state.inbox_shift));
            let bytes = if row.seq == 0 {
                row.item
            } else {
                let room = RoomId::from_slice(&row.room).map_err(unreadable)?;
                // Made use of, or too old.
                let Some(row) = self.draft.get(&RoomKeys::of(&room).invitation(row.seq))? else { continue };
                row.into()
            };
            if items.len() >= limits::DELIVERY_ITEMS {
                budget.more = true;
                break;
            }
            if !budget.take(bytes.len()) {
                break;
            }
            items.push(match row.seq {
                0 => InboxItem { number, ..decode_body(&bytes).map_err(unreadable)? },
                _ => InboxItem {
                    number,
                    mark,
                    body: InboxBody::Invitation(Box::new(decode_body(&bytes).map_err(unreadable)?)),
                },
            });
        }
        Ok(items)
    }

    fn newer_trust_list(&self, known: u64, budget: &mut Budget) -> Result<Option<Bytes>> {
        let list = self.directory.trust_list_after(&self.draft, known)?;
        let Some(list) = list.filter(|_| known < u64::MAX) else { return Ok(None) };
        if known > 0 && self.directory.trust_version(&self.draft)? > known.saturating_add(1) {
            budget.more = true;
        }
        Ok(budget.take(list.len()).then_some(list))
    }

    /// Descriptors that are newer than those that the device has, and those that it lacks of
    /// the agencies whose revocation lists it is given and of those in the rooms that it is
    /// given something of.
    fn newer_descriptors(
        &self,
        known: &[KnownDescriptor],
        listed: BTreeSet<AgencyId>,
        rooms: &[RoomDelivery],
        budget: &mut Budget,
    ) -> Result<Vec<Bytes>> {
        let mut wanted = listed;
        wanted.extend(known.iter().map(|known| known.agency.clone()));
        wanted.insert(self.own.agency.clone());
        for room in rooms {
            let Some(row) = self.room(&room.room)? else { continue };
            wanted.insert(row.hub()?);
            wanted.extend(row.other_agencies()?);
        }
        let mut newer = Vec::new();
        for (agency, version) in self.directory.descriptor_versions(&self.draft)? {
            let place = known.binary_search_by(|known| known.agency.cmp(&agency));
            let has = place.ok().and_then(|place| known.get(place)).map_or(0, |known| known.version);
            if !wanted.contains(&agency) || version <= has {
                continue;
            }
            let Some(descriptor) = self.directory.descriptor(&self.draft, &agency)? else { continue };
            if budget.take(descriptor.bytes().len()) {
                newer.push(descriptor.bytes().clone());
            }
        }
        Ok(newer)
    }
}

impl Call<'_, '_> {
    /// The descriptors under which other hubs' heads were signed that are as old as they: the
    /// newest says nothing of that time (SPEC V-324). Each once, and at most one for each room.
    fn former_descriptors(&self, known: &[KnownDescriptor], rooms: &[RoomDelivery]) -> Result<Vec<Bytes>> {
        let mut former = BTreeMap::new();
        for delivery in rooms {
            let hub = self.room(&delivery.room)?.ok_or(corrupt("room"))?.hub()?;
            if hub == self.own.agency {
                continue; // signed now
            }
            let at = delivery.head.claimed().at;
            let Some(descriptor) = self.former_descriptor(&hub, at)? else { continue };
            let has = known.iter().any(|known| known.agency == hub && known.version == descriptor.version);
            if !has {
                former.insert((hub, descriptor.version), descriptor.bytes().clone());
            }
        }
        Ok(former.into_values().collect())
    }

    /// An agency's descriptor of a time, if it is not the newest.
    pub(super) fn former_descriptor(&self, agency: &AgencyId, at: Timestamp) -> Result<Option<Descriptor>> {
        let newest = self.directory.descriptor(&self.draft, agency)?.map(|newest| newest.version);
        match self.directory.descriptor_at(&self.draft, agency, at) {
            Ok(then) => Ok(Some(then).filter(|then| newest > Some(then.version))),
            Err(error) if error.code() == Code::MissingEvidence => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Revocation lists that are newer than those that the device has: the own agency's, those
    /// that it names, and those that the stamps of its rooms and invitations name. Whose they
    /// are, and they.
    fn newer_revocations(
        &self,
        sync: &Sync,
        inbox: &[InboxItem],
        budget: &mut Budget,
    ) -> Result<(BTreeSet<AgencyId>, Vec<Bytes>)> {
        let mut known = BTreeMap::from([(self.own.agency.clone(), 0)]);
        for cursor in &sync.cursors {
            let Some(place) = self.place(&cursor.room)? else { continue };
            known.extend(place.tail.stamp.revocations.into_iter().map(|named| (named.agency, 0)));
        }
        for item in inbox {
            let InboxBody::Invitation(invitation) = &item.body else { continue };
            let entry: LogEntry = decode(&invitation.entry).map_err(unreadable)?;
            known.extend(entry.stamp.revocations.into_iter().map(|named| (named.agency, 0)));
        }
        known.extend(sync.revocations.iter().map(|known| (known.agency.clone(), known.version)));
        let (mut listed, mut newer) = (BTreeSet::new(), Vec::new());
        for (agency, version) in known {
            if let Some(list) = self.directory.revocations_after(&self.draft, &agency, version)?
                && budget.take(list.len())
            {
                newer.push(list);
                listed.insert(agency);
            }
        }
        Ok((listed, newer))
    }
}

/// Where a store says that an entry is not loaded: all that may be delivered are wanted.
fn all_of(error: Error, room: &RoomId, seqs: RangeInclusive<u64>) -> Error {
    let keys = RoomKeys::of(room);
    match error.retry() {
        Retry::Load(_) => {
            let wanted = seqs.take(limits::DELIVERY_ENTRIES);
            Error::load(wanted.flat_map(|seq| [keys.entry(seq), keys.head(seq)]).collect())
        }
        _ => error,
    }
}

/// All of them, beginning somewhere.
fn in_turn(cursors: &[Cursor], start: u64) -> impl Iterator<Item = &Cursor> {
    let start = start.checked_rem(cursors.len() as u64).and_then(|start| usize::try_from(start).ok());
    let (before, after) = cursors.split_at_checked(start.unwrap_or(0)).unwrap_or((cursors, &[]));
    after.iter().chain(before)
}

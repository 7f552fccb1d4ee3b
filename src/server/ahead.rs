//! Entries past the end of a followed log to which own devices were invited while others of ours were still in the
//! room, as far as is known here. Mostly what is between comes; where it is for nobody, the log begins anew at
//! one of them (SPEC V-526).

use super::{
    Output,
    call::Call,
    keys::RoomKeys,
    rows::{RoomRow, SpanRow, read, read_wire, unreadable},
};
use crate::{
    error::Result,
    ids::RoomId,
    room::log::Tail,
    store::corrupt,
    wire::{device::Invitation, encode_body},
};

/// How many are kept of a room. Each after the first is of another stay, or came before the answer to what was asked for.
const KEPT: usize = 8;
/// Devices that are looked at together.
const PAGE: usize = 256;

impl Call<'_, '_> {
    /// Keeps the place of an invitation past the end of the log.
    pub(super) fn keep_ahead(&mut self, row: &mut RoomRow, place: &Tail, invitation: &Invitation) {
        if row.ahead.len() < KEPT && !row.ahead.contains(&place.seq) {
            row.ahead.push(place.seq);
            let place_alone = Invitation { welcome: None, ..invitation.clone() };
            let key = RoomKeys::of(&place.room).ahead(place.seq);
            self.draft.put(key, encode_body(&place_alone).to_vec());
        }
    }

    /// Begins the log anew where nobody of ours may read what comes next: whoever was there has gone, and others came
    /// only later. Forgets what the log has come to by itself.
    pub(super) fn pass_over(&mut self, row: &mut RoomRow, end: &Tail) -> Result<()> {
        if row.ahead.is_empty() {
            return Ok(());
        }
        let mut reached = end.seq;
        if let Some(first) = self.first_reader(&end.room)?
            && row.ahead.contains(&first)
            && first > end.seq
        {
            let place =
                self.draft.get(&RoomKeys::of(&end.room).ahead(first))?.ok_or(corrupt("place ahead"))?;
            let place: Invitation = read_wire(place)?;
            let (tail, _) = Tail::at(&place.entry).map_err(unreadable)?;
            self.begin_log(tail.clone(), &place.head)?;
            self.ask_for_entries(&row.hub()?, &tail, None)?;
            self.output(Output::RoomReady(end.room));
            reached = first;
        }
        if row.present == 0 {
            reached = u64::MAX;
        }
        let keys = RoomKeys::of(&end.room);
        for seq in row.ahead.extract_if(.., |seq| *seq <= reached) {
            self.draft.delete(keys.ahead(seq));
        }
        Ok(())
    }

    /// The first entry after which an own device reads that is in the room.
    fn first_reader(&self, room: &RoomId) -> Result<Option<u64>> {
        let prefix = RoomKeys::of(room).readers();
        let (mut after, mut first) = (None, None::<u64>);
        loop {
            let page = self.draft.scan(&prefix, after.as_deref(), PAGE)?;
            let last_page = page.len() < PAGE;
            for (key, spans) in page {
                let from = read::<SpanRow>(spans)?.open_from();
                first = [first, from].into_iter().flatten().min();
                after = Some(key);
            }
            if last_page {
                return Ok(first);
            }
        }
    }
}

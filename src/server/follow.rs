//! Following the log of a room that another agency's server orders.

use super::{Output, call::Call, keys::RoomKeys, log::Place, rows::RoomRow};
use crate::{
    code::Code,
    crypto::{VerifyKey, signer},
    error::{Error, Result, ensure},
    ids::{AgencyId, Device, RoomId},
    room::{log::Tail, submission},
    store::corrupt,
    time::Timestamp,
    wire::{
        Signed, decode,
        device::{InboxBody, Invitation},
        link::{RoomEntries, RoomWelcome},
        log::{Evidence, Head, LogEntry, LogItem, Refusal, SubmissionKind},
    },
};

impl Call<'_, '_> {
    /// Takes new entries from a room's hub: each has to continue what is here, and the hub's
    /// signed head has to be at the last (SPEC V-522 to V-524).
    pub(super) fn entries(&mut self, from: &AgencyId, entries: RoomEntries) -> Result<()> {
        let RoomEntries { room, items, head, departures } = entries;
        let mut row = self.followed(&room, from)?;
        ensure(row.present > 0, Code::NotMember, "entries for nobody")?;
        let mut place = self.place(&room)?.ok_or(corrupt("tail"))?;
        if items.is_empty() && departures.is_empty() {
            return self.heard(from, &place.tail, head);
        }
        let next = place.tail.seq.saturating_add(1);
        let first = items.first().map(|item| decode::<LogEntry>(&item.entry)).transpose()?;
        let first = first.map_or(next, |entry| entry.seq);
        if first > next {
            // V-559: all of it comes again, with what comes before it.
            return self.want_entries(from, &place.tail);
        }
        // One that is here already was asked for twice, or goes again because the hub's store was put back.
        let known = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX);
        let again = !items.is_empty() && known >= items.len();
        if again && self.hash_at(&place.tail, head.claimed().seq)? != Some(head.claimed().hash) {
            return self.heard(from, &place.tail, head);
        }
        let (keys, before) = (RoomKeys::of(&room), place.tail.seq);
        self.draft.guard(keys.guard())?;
        for LogItem { entry, evidence } in items.into_iter().skip(known) {
            let (tail, chained) = place.tail.extend(&entry)?;
            place.tail = tail;
            // Devices check the rest; descriptors are of use here too.
            for document in &evidence {
                if let Evidence::Descriptor(bytes) = document {
                    let _ = self.attempt(|call| call.directory.accept_descriptor(&mut call.draft, bytes))?;
                }
            }
            self.put_entry(&chained, evidence);
        }
        if !again {
            self.confirm(from, &place.tail, head.clone())?;
        }
        for departure in departures {
            let ours = *departure.device.user.agency() == self.own.agency;
            ensure(ours && departure.seq <= place.tail.seq, Code::BadField, "departure")?;
            self.depart(&mut row, &room, &departure.device, departure.seq)?;
        }
        if row.present == 0 {
            self.wants_nothing(&room)?; // nobody may read on
        }
        if place.tail.seq > before {
            self.draft.put(keys.head(place.tail.seq), head.bytes().to_vec());
            self.put_place(&place)?;
        }
        self.pass_over(&mut row, &place.tail)?;
        self.put_room(&room, &row);
        self.want_named(from, &room, &place.tail.stamp)?;
        self.output(Output::RoomReady(room));
        Ok(())
    }

    /// Takes an invitation of our devices into a room. With it the log begins here, or begins
    /// anew if nobody of ours was in the room meanwhile (SPEC V-525, V-526).
    pub(super) fn welcome_from(&mut self, from: &AgencyId, welcome: RoomWelcome) -> Result<()> {
        let RoomWelcome { invitation, recipients, material } = welcome;
        ensure(invitation.hub == *from, Code::NotHub, "invitation")?;
        let (tail, chained) = Tail::at(&invitation.entry)?;
        self.confirm(from, &tail, invitation.head.clone())?;
        let header = chained.entry.header.claimed();
        let welcome_hash = invitation.welcome.as_ref().map(|welcome| submission::welcome_hash(welcome));
        let named = header.kind == SubmissionKind::Commit && header.welcome_hash == welcome_hash;
        ensure(named, Code::BadWelcome, "not the welcome of this entry")?;
        let ours = recipients.iter().all(|device| *device.user.agency() == self.own.agency);
        ensure(ours, Code::NotForUs, "recipients")?;

        let room = tail.room;
        if invitation.welcome.is_none() {
            // V-493: nobody is in a room by themselves who did not ask to be.
            let asked = self.entrance_hub(&header.sender, &room)?.as_ref() == Some(from);
            ensure(asked && recipients == [header.sender.clone()], Code::NotForUs, "came in")?;
        }
        self.somebody_comes(&room, &recipients)?;
        self.draft.guard(RoomKeys::of(&room).guard())?;
        let mut row = match self.room(&room)? {
            Some(_) => self.followed(&room, from)?,
            None => RoomRow { hub: from.to_string(), ..Default::default() },
        };
        self.want_named(from, &room, &tail.stamp)?;
        self.begin_at(&mut row, &invitation, tail)?;
        let seq = chained.entry.seq;
        self.keep_joining(&room, seq, &invitation, material.as_ref());
        for device in &recipients {
            if self.enrolled(device)?.is_some() {
                self.enter(&mut row, &room, device, seq, true)?;
            }
        }
        if let Some(place) = self.place(&room)? {
            self.pass_over(&mut row, &place.tail)?;
        }
        self.put_room(&room, &row);
        Ok(())
    }

    /// That an invitation is for somebody: or any agency could have rooms and material kept here for
    /// nobody (SPEC V-525).
    fn somebody_comes(&self, room: &RoomId, recipients: &[Device]) -> Result<()> {
        let known = self.room(room)?.is_some();
        for device in recipients {
            if self.enrolled(device)?.is_some() && (known || self.has_room_in_inbox(device)?) {
                return Ok(());
            }
        }
        Err(Error::new(Code::NotForUs, "invitation of nobody"))
    }

    /// Puts the log at the entry of an invitation, unless it is past that already, or has to come there by
    /// what is between.
    fn begin_at(&mut self, row: &mut RoomRow, invitation: &Invitation, tail: Tail) -> Result<()> {
        match self.place(&tail.room)? {
            Some(place) if tail.seq <= place.tail.seq => {
                // What is here has to be the same history.
                let here = self.hash_at(&place.tail, tail.seq)?;
                ensure(here == tail.hash, Code::BrokenLog, "invitation")
            }
            // V-526: nobody of ours has a gap in what they read.
            Some(place) if row.present > 0 => {
                self.keep_ahead(row, &tail, invitation);
                let hub = row.hub()?;
                self.want_entries(&hub, &place.tail)
            }
            _ => self.begin_log(tail, &invitation.head),
        }
    }

    pub(super) fn begin_log(&mut self, tail: Tail, head: &Signed<Head>) -> Result<()> {
        self.draft.put(RoomKeys::of(&tail.room).head(tail.seq), head.bytes().to_vec());
        self.put_place(&Place { tail, epoch: 0, beat: Timestamp::ZERO })
    }

    /// Takes a hub's refusal of what one of our devices submitted (SPEC V-527).
    pub(super) fn refused_by(&mut self, from: &AgencyId, refusal: Signed<Refusal>) -> Result<()> {
        let (room, device) = (refusal.claimed().room, refusal.claimed().sender.clone());
        if self.entrance_hub(&device, &room)?.as_ref() != Some(from) {
            self.followed(&room, from)?;
        }
        let key = self.server_key(from, &refusal, self.now())?;
        crate::crypto::verify(refusal.clone(), &key)?;
        ensure(*device.user.agency() == self.own.agency, Code::NotForUs, "refusal")?;
        self.put_inbox(&device, InboxBody::Refusal(Box::new(refusal)))
    }

    /// A room whose hub is this agency (SPEC V-521).
    fn followed(&self, room: &RoomId, hub: &AgencyId) -> Result<RoomRow> {
        let row = self.room(room)?.ok_or(Error::new(Code::UnknownRoom, "link item"))?;
        ensure(row.hub == hub.as_str() && *hub != self.own.agency, Code::NotHub, "link item")?;
        Ok(row)
    }

    /// That the hub's signed head is this tail.
    pub(super) fn confirm(&self, hub: &AgencyId, tail: &Tail, head: Signed<Head>) -> Result<()> {
        let key = self.server_key(hub, &head, head.claimed().at)?;
        tail.confirm(head, &key).map(|_| ())
    }

    /// The key of an agency's server that has signed, valid at a time.
    pub(super) fn server_key<T: crate::crypto::SignedAs>(
        &self,
        agency: &AgencyId,
        signed: &Signed<T>,
        at: Timestamp,
    ) -> Result<VerifyKey> {
        self.directory.server_key(&self.draft, agency, &signer(signed)?, at)
    }
}

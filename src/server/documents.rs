//! Documents about who is who, from server to server: taken, passed on, told beside the
//! entries whose stamps name them, asked for where they are missing (SPEC "Documents on links").

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Output,
    answers::Question,
    call::Call,
    keys::{self, LinkKeys},
    packages::NO_ROOM,
    rows::{Nothing, OutRow, Pending, PendingRow, ToldRow, unreadable},
};
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, RoomId},
    limits,
    store::Key,
    time::Timestamp,
    wire::{
        decode,
        device::KnownList,
        encode_body,
        link::{Documents, LinkItem, Wanted},
        log::{LogEntry, Stamp},
    },
};

impl Call<'_, '_> {
    /// Takes a newer trust list, from the operators or a peer, and passes it on.
    pub(super) fn take_trust_list(&mut self, list: &Bytes, from: Option<&AgencyId>) -> Result<()> {
        if self.directory.accept_trust_list(&mut self.draft, list)? {
            self.output(Output::Documents);
            self.tell_everybody(from)?;
        }
        Ok(())
    }

    /// Takes a newer revocation list. The own one goes to every agency that is spoken with;
    /// another agency's is passed on at once if it revokes something, else as it is needed.
    pub(super) fn take_revocations(&mut self, list: &Bytes, from: Option<&AgencyId>) -> Result<()> {
        let taken = self.directory.accept_revocations(&mut self.draft, list)?;
        let Some(new) = taken else { return Ok(()) };
        if !new.revoked.is_empty() {
            self.output(Output::Documents);
        }
        if new.agency == self.own.agency || !new.revoked.is_empty() {
            self.tell_everybody(from)?;
        }
        Ok(())
    }

    /// The operators' new list of the own agency.
    pub(super) fn own_revocations(&mut self, list: &Bytes) -> Result<()> {
        let agency = crate::identity::RevocationList::read(list)?.agency().clone();
        ensure(agency == self.own.agency, Code::NotForUs, "another agency's revocation list")?;
        self.take_revocations(list, None)
    }

    /// Lets the next frame to every agency have what it was not told.
    fn tell_everybody(&mut self, but: Option<&AgencyId>) -> Result<()> {
        let mut after: Option<Key> = None;
        for _ in 0..limits::AGENCIES {
            let next = self.draft.scan(&keys::links(), after.as_deref(), 1)?;
            let Some((key, _)) = next.into_iter().next() else { break };
            let peer = keys::peer_of(&key)?;
            let link = LinkKeys::with(&peer);
            after = Some(link.end());
            if Some(&peer) != but {
                // Before all else, once.
                let key = link.pending_at(Timestamp::ZERO, &NO_ROOM, 0, &[0; 16]);
                self.write(key, &PendingRow { what: Some(Pending::Documents(Nothing {})) });
                self.output(Output::LinkReady(peer));
            }
        }
        Ok(())
    }

    /// What goes with a frame of these items: the lists that their stamps name, and the own
    /// one, as far as the peer was not told; with `all`, whatever it was not told.
    pub(super) fn untold(
        &mut self,
        peer: &AgencyId,
        out: &mut OutRow,
        items: &[LinkItem],
        all: bool,
    ) -> Result<Documents> {
        let mut agencies = named(items)?;
        agencies.insert(self.own.agency.clone());
        if all {
            agencies.extend(self.directory.revocation_versions(&self.draft)?.into_iter().map(|(a, _)| a));
        }
        agencies.remove(peer);
        let mut untold = Documents::default();
        let mut bytes = 0_usize;
        let newest = self.directory.trust_version(&self.draft)?;
        if out.made == 0 && out.peer.is_empty() {
            // Whoever is behind asks as soon as a stamp says so.
            out.trust = newest;
        }
        let latest = newest.saturating_sub(limits::ENROLMENT_TRUST_LISTS as u64);
        while out.trust < newest && bytes < limits::FRAME_BYTES {
            let next = out.trust.max(latest).saturating_add(1);
            let list = self.directory.trust_list(&self.draft, next)?;
            bytes = bytes.saturating_add(list.bytes().len());
            untold.trust_lists.push(list.bytes().clone());
            out.trust = next;
        }
        for agency in agencies {
            if bytes >= limits::FRAME_BYTES {
                break;
            }
            bytes = bytes.saturating_add(self.untold_of(peer, &agency, &mut untold)?);
        }
        Ok(untold)
    }

    /// One agency's list and descriptor, if the peer was told older ones. Gives their size.
    fn untold_of(&mut self, peer: &AgencyId, agency: &AgencyId, untold: &mut Documents) -> Result<usize> {
        let key = LinkKeys::with(peer).told(agency);
        let before: ToldRow = self.read(&key)?.unwrap_or_default();
        let Some(list) = self.directory.revocations_after(&self.draft, agency, before.revocations)? else {
            return Ok(0);
        };
        let mut told = before.clone();
        told.revocations = self.directory.revocation_version(&self.draft, agency)?;
        let mut bytes = list.len();
        untold.revocations.push(list);
        if let Some(descriptor) = self.directory.descriptor(&self.draft, agency)?
            && descriptor.version > before.descriptor
        {
            told.descriptor = descriptor.version;
            bytes = bytes.saturating_add(descriptor.bytes().len());
            untold.descriptors.push(descriptor.bytes().clone());
        }
        self.write(key, &told);
        Ok(bytes)
    }

    /// Takes what a peer has told. Each document is taken or refused by itself; a trust list
    /// beyond the next one shows that some are missing (SPEC V-519).
    pub(super) fn peer_documents(&mut self, from: &AgencyId, documents: &Documents) -> Result<()> {
        let mut gap = false;
        for list in &documents.trust_lists {
            let taken = self.attempt(|call| call.take_trust_list(list, Some(from)))?;
            gap |= taken.is_err_and(|error| error.code() == Code::MissingEvidence);
        }
        for descriptor in &documents.descriptors {
            let _ =
                self.attempt(|call| call.directory.accept_descriptor(&mut call.draft, descriptor).map(drop))?;
        }
        for list in &documents.revocations {
            let _ = self.attempt(|call| call.take_revocations(list, Some(from)))?;
        }
        if gap {
            self.want(from, &NO_ROOM, Vec::new())?;
        }
        Ok(())
    }

    /// Asks a hub for lists that its stamp names and that are not here (SPEC V-519).
    pub(super) fn want_named(&mut self, hub: &AgencyId, room: &RoomId, stamp: &Stamp) -> Result<()> {
        if self.directory.has_lists(&self.draft, stamp)? {
            return Ok(());
        }
        let mut missing = Vec::new();
        for named in &stamp.revocations {
            let version = self.directory.revocation_version(&self.draft, &named.agency)?;
            if version < named.version {
                missing.push(KnownList { agency: named.agency.clone(), version });
            }
        }
        self.want(hub, room, missing)
    }

    fn want(&mut self, from: &AgencyId, room: &RoomId, revocations: Vec<KnownList>) -> Result<()> {
        let trust_version = self.directory.trust_version(&self.draft)?;
        let item = LinkItem::Wanted(Wanted { trust_version, revocations });
        // One at a time for a room: a later one wants what an earlier one did.
        let mut wanted = [0; 16];
        wanted[0] = 1;
        let key = LinkKeys::with(from).pending_at(Timestamp::ZERO, room, 0, &wanted);
        self.write(key, &PendingRow { what: Some(Pending::Item(encode_body(&item))) });
        self.output(Output::LinkReady(from.clone()));
        Ok(())
    }

    /// Gives a peer what it wants, as far as it is here (SPEC V-520).
    pub(super) fn peer_wanted(&mut self, from: &AgencyId, wanted: &Wanted) -> Result<()> {
        let mut found = Documents::default();
        let mut bytes = 0_usize;
        let mut version = wanted.trust_version;
        while found.trust_lists.len() < limits::ENROLMENT_TRUST_LISTS && bytes < limits::FRAME_BYTES {
            version = version.saturating_add(1);
            match self.directory.trust_list(&self.draft, version) {
                Ok(list) => {
                    bytes = bytes.saturating_add(list.bytes().len());
                    found.trust_lists.push(list.bytes().clone());
                }
                Err(error) if error.fails_the_call() => return Err(error),
                Err(_) => break,
            }
        }
        for KnownList { agency, version } in &wanted.revocations {
            let Some(list) = self.directory.revocations_after(&self.draft, agency, *version)? else {
                continue;
            };
            bytes = bytes.saturating_add(list.len());
            if bytes >= limits::FRAME_BYTES.saturating_mul(2) {
                break;
            }
            found.revocations.push(list);
            if let Some(descriptor) = self.directory.descriptor(&self.draft, agency)? {
                found.descriptors.push(descriptor.bytes().clone());
            }
        }
        if found == Documents::default() {
            return Ok(());
        }
        let asked = encode_body(&LinkItem::Wanted(wanted.clone()));
        self.answer(from, Question::Documents(&asked), &LinkItem::Documents(found))
    }
}

/// The agencies whose lists the stamps in a frame name.
fn named(items: &[LinkItem]) -> Result<BTreeSet<AgencyId>> {
    let mut agencies = BTreeSet::new();
    let mut add = |entry: &Bytes| {
        let entry: LogEntry = decode(entry).map_err(unreadable)?;
        agencies.extend(entry.stamp.revocations.into_iter().map(|named| named.agency));
        Ok::<_, Error>(())
    };
    for item in items {
        match item {
            LinkItem::Entries(entries) => entries.items.iter().try_for_each(|item| add(&item.entry))?,
            LinkItem::Welcome(welcome) => add(&welcome.invitation.entry)?,
            _ => {}
        }
    }
    Ok(agencies)
}

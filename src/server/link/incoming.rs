//! What comes from another agency: each frame once and in order, each item by itself.

use bytes::Bytes;

use super::{
    super::{
        Output,
        call::Call,
        hub::{Fate, Submitted},
        keys::LinkKeys,
        rows::{InRow, Pending, unreadable},
    },
    frame_hash,
};
use crate::{
    code::Code,
    crypto::{sign, verify},
    error::{Error, Result, ensure},
    ids::{AgencyId, Hash, IncarnationId},
    limits,
    time::Timestamp,
    wire::{
        Signed, encode, encode_body,
        fields::raw,
        link::{LinkAck, LinkFrame, LinkItem, PeerMessage},
        log::Submission,
    },
};

impl Call<'_, '_> {
    /// Takes a frame, if it is the next one; acknowledges what was taken so far (SPEC V-537).
    /// What an agency says that speaks no version of ours is not answered, but its descriptor
    /// is kept (SPEC V-325).
    pub(super) fn frame(&mut self, frame: Signed<LinkFrame>) -> Result<Option<Vec<u8>>> {
        let claimed = frame.claimed();
        // V-531: no open relay.
        ensure(claimed.to == self.own.agency, Code::NotForUs, "frame")?;
        let from = claimed.from.clone();
        let mut later = match &claimed.descriptor {
            Some(descriptor) => self.frame_descriptor(descriptor)?,
            None => None,
        };
        // V-532: by a key for servers, now, of an agency that takes part.
        let key = self.server_key(&from, &frame, self.now())?;
        let hash = frame_hash(&frame);
        let frame = verify(frame, &key)?.into_inner();
        // Also by a list that is ahead of the own clock: items would be refused for it, and would not come
        // again as the frame does.
        match self.active(&from) {
            Err(error) if error.code() == Code::TrustExpired => {}
            active => active?,
        }
        match self.directory.check_version(&self.draft, &from, self.now()) {
            Err(error) if error.code() == Code::UnknownVersion => return Ok(None),
            spoken => spoken?,
        }
        // V-533: it comes again until it is time. An item that is refused would not.
        let latest = frame.items.iter().filter_map(LinkItem::head_at).fold(frame.at, Timestamp::max);
        ensure(latest <= self.now().plus(limits::CLOCK_SKEW), Code::BadStamp, "frame")?;

        let link = LinkKeys::with(&from);
        let mut row: InRow = self.read(&link.incoming())?.unwrap_or_default();
        let incarnation = frame.incarnation;
        if row.incarnation != incarnation.as_bytes().as_slice() && frame.number == 1 {
            // V-534: a new life of the link begins at 1, later than the one before.
            ensure(row.number == 0 || frame.at.as_millis() > row.at, Code::RolledBack, "an earlier life")?;
            row = InRow {
                incarnation: raw(incarnation.as_bytes()),
                refused: row.refused,
                ..Default::default()
            };
        }
        if row.incarnation != incarnation.as_bytes().as_slice() {
            return self.acknowledge(&from, incarnation, 0, None).map(Some);
        }
        let last = (row.number > 0).then(|| Hash::from_slice(&row.hash).map_err(unreadable)).transpose()?;
        if frame.number <= row.number {
            // V-535: again, and the same; only the last one's hash is known.
            ensure(frame.number < row.number || Some(hash) == last, Code::LinkFork, "frame")?;
            // V-539: one that was sent before the last is not from after it. It is acknowledged all the same, so
            // that the sender sees it as well (V-538).
            if frame.at > Timestamp::from_millis(row.at).plus(limits::CLOCK_SKEW) {
                self.output(Output::PeerPutBack(from.clone()));
            }
        } else if frame.number == row.number.saturating_add(1) {
            ensure(frame.previous == last, Code::LinkFork, "frame before")?;
            self.draft.guard(link.guard_in())?;
            for item in frame.items {
                // V-536: an item that cannot be taken is counted, and does not stop the link.
                if self.attempt(|call| call.item(&from, item))?.is_err() {
                    row.refused = row.refused.saturating_add(1);
                }
                if let Some(descriptor) = later.take() {
                    later = self.frame_descriptor(&descriptor)?;
                }
            }
            row.number = frame.number;
            row.hash = raw(hash.as_bytes());
            row.at = frame.at.as_millis();
            self.write(link.incoming(), &row);
            return self.acknowledge(&from, incarnation, row.number, Some(hash)).map(Some);
        }
        self.acknowledge(&from, incarnation, row.number, last).map(Some)
    }

    /// Takes the descriptor that goes with a frame. Gives it back if its root key is on no list
    /// that is here: that list may come with the same frame (SPEC V-570).
    pub(super) fn frame_descriptor(&mut self, descriptor: &Bytes) -> Result<Option<Bytes>> {
        match self.attempt(|call| call.directory.accept_descriptor(&mut call.draft, descriptor))? {
            Err(error) if error.code() == Code::UnknownKey => Ok(Some(descriptor.clone())),
            taken => taken.map(|_| None),
        }
    }

    fn acknowledge(
        &self,
        to: &AgencyId,
        incarnation: IncarnationId,
        number: u64,
        hash: Option<Hash>,
    ) -> Result<Vec<u8>> {
        let (from, at) = (self.own.agency.clone(), self.now());
        let descriptor = self.directory.descriptor_at(&self.draft, &from, at)?.bytes().clone();
        let store = self.own.incarnation;
        let ack = LinkAck { from, to: to.clone(), incarnation, number, hash, at, descriptor, store };
        let ack = sign(ack, &[&self.own.key]).into_signed();
        Ok(encode(&PeerMessage::Ack(Box::new(ack))).to_vec())
    }

    fn item(&mut self, from: &AgencyId, item: LinkItem) -> Result<()> {
        match item {
            LinkItem::Submission(submission) => self.peer_submission(from, &submission),
            LinkItem::Entries(entries) => self.entries(from, *entries),
            LinkItem::Refusal(refusal) => self.refused_by(from, *refusal),
            LinkItem::Welcome(welcome) => self.welcome_from(from, *welcome),
            LinkItem::Claim(claim) => self.peer_claim(from, claim),
            LinkItem::ClaimAnswer(answer) => self.peer_claim_answer(from, answer),
            LinkItem::BlobOpen(open) => self.peer_blob_open(from, &open),
            LinkItem::BlobInfo(info) => self.peer_blob_info(from, info),
            LinkItem::BlobForgotten(forgotten) => self.peer_blob_forgotten(from, &forgotten.blob),
            LinkItem::Documents(documents) => self.peer_documents(from, &documents),
            LinkItem::Wanted(wanted) => self.peer_wanted(from, &wanted),
            LinkItem::EntriesWanted(wanted) => self.peer_entries_wanted(from, &wanted),
            LinkItem::GetEntrance(asked) => self.peer_get_entrance(from, asked),
            LinkItem::Entrance(answered) => self.peer_entrance(from, *answered),
            LinkItem::LookUp(asked) => self.peer_look_up(from, asked),
            LinkItem::DirectoryAnswer(answer) => self.peer_answer(from, *answer),
            LinkItem::Unreadable(_, code) => Err(Error::new(code, "item of a frame")),
        }
    }

    /// What a device of another agency submits to a room that is ordered here (SPEC V-508). A refusal goes
    /// back; what is taken comes back as an entry of the log.
    fn peer_submission(&mut self, from: &AgencyId, submission: &Submission) -> Result<()> {
        let header = submission.header.claimed();
        ensure(header.sender.user.agency() == from, Code::ForeignAgencyUser, "submission")?;
        let fate = match self.fate(header)? {
            Some(fate) => fate,
            None => self.decide(&Submitted { submission, verified: None })?,
        };
        if let Fate::Refused(refusal) = fate {
            let item = LinkItem::Refusal(Box::new(Signed::decode(&refusal)?));
            let order = (self.now(), &header.room, header.counter);
            self.queue(from, order, *header.submission_id.as_bytes(), Pending::Item(encode_body(&item)));
        }
        Ok(())
    }
}

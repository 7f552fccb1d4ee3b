//! Giving attachments to our devices: our own, and those of other agencies, which are
//! fetched once for all of our devices.

use super::{
    super::{
        Output,
        call::Call,
        keys::{BlobKeys, blobs_elsewhere},
        quota::Quota,
        rows::{BlobAskedRow, BlobRefusedRow, BlobRow, FetchingRow},
    },
    Blob, capability, code, made, shown,
};
use crate::{
    attachment::CapabilityHash,
    code::Code,
    error::{Error, Result, ensure},
    ids::{AgencyId, BlobId, Device},
    limits,
    time::Timestamp,
    wire::{
        device::{
            BlobGet, BlobOpen, BlobState, BlobStates, BlobsWanted, Failure, ReplyBody, ShownCapability,
        },
        fields::raw,
        link::{LinkBlobInfo, LinkItem, SharedBlob},
    },
};

/// For attachments of other agencies that are not here, by one of our devices.
const ELSEWHERE: Quota = Quota { at_once: limits::BLOBS_ELSEWHERE, every: limits::BLOBS_ELSEWHERE_EVERY };

impl Call<'_, '_> {
    /// How an attachment is made.
    pub(in crate::server) fn blob_open(&mut self, device: &Device, open: &BlobOpen) -> Result<ReplyBody> {
        match self.wanted_blob(device, (&open.origin, &open.blob), &open.capability)? {
            None => Ok(ReplyBody::Pending),
            Some(blob) if blob.origin == self.own.agency && !blob.is_whole() => Err(blob.lacks()),
            Some(blob) => Ok(ReplyBody::BlobInfo(self.blob_info(&blob)?)),
        }
    }

    /// A chunk of an attachment.
    pub(in crate::server) fn blob_get(&mut self, device: &Device, get: &BlobGet) -> Result<ReplyBody> {
        let Some(mut blob) = self.wanted_blob(device, (&get.origin, &get.blob), &get.capability)? else {
            return Ok(ReplyBody::Pending);
        };
        ensure(get.index < blob.row.chunks, Code::BadField, "chunk index")?;
        if get.wrong {
            self.doubt(&blob, get.index)?;
        }
        if self.is_doubted(&blob, get.index)? {
            return Ok(ReplyBody::Pending);
        }
        if self.has_chunk(&blob, get.index)? {
            self.beside = Some(blob.chunk(get.index));
            return Ok(ReplyBody::BlobChunk(get.index));
        }
        self.want_chunk(&mut blob, get.index, &get.capability)?;
        Ok(ReplyBody::Pending)
    }

    /// How far it is with several.
    pub(in crate::server) fn blobs_wanted(
        &mut self,
        device: &Device,
        wanted: &BlobsWanted,
    ) -> Result<ReplyBody> {
        let mut states = Vec::with_capacity(wanted.blobs.len());
        for get in &wanted.blobs {
            let state = self.attempt(|call| call.blob_state(device, get))?;
            states.push(state.unwrap_or_else(|error| BlobState {
                failure: Some(Failure::of(&error)),
                ..BlobState::default()
            }));
        }
        Ok(ReplyBody::BlobStates(BlobStates { states }))
    }

    fn blob_state(&mut self, device: &Device, get: &BlobGet) -> Result<BlobState> {
        let Some(mut blob) = self.wanted_blob(device, (&get.origin, &get.blob), &get.capability)? else {
            return Ok(BlobState::default());
        };
        ensure(get.index < blob.row.chunks, Code::BadField, "chunk index")?;
        let present = self.has_chunk(&blob, get.index)?;
        let here = present && !self.is_doubted(&blob, get.index)?;
        if !present {
            self.want_chunk(&mut blob, get.index, &get.capability)?;
        }
        let silent_since = blob.row.fetching.as_ref().map_or(0, |fetching| fetching.silent_since);
        Ok(BlobState {
            here,
            present: blob.row.present,
            chunks: blob.row.chunks,
            silent_since: Timestamp::from_millis(silent_since),
            failure: None,
        })
    }

    /// An attachment for who shows its capability. `None`: its origin is being asked.
    fn wanted_blob(
        &mut self,
        device: &Device,
        (origin, id): (&AgencyId, &BlobId),
        shown: &ShownCapability,
    ) -> Result<Option<Blob>> {
        if let Some(blob) = self.blob(origin, id)? {
            blob.admit(shown)?;
            return Ok(Some(blob));
        }
        let keys = BlobKeys::of(origin, id);
        ensure(self.draft.get(&keys.record())?.is_none(), Code::Expired, "attachment")?;
        ensure(*origin != self.own.agency, Code::UnknownBlob, "attachment")?;
        if let Some(refused) = self.read::<BlobRefusedRow>(&keys.refused(&capability(shown).hash()))? {
            let error = Error::new(code(refused.code, Code::UnknownBlob), "the origin refuses");
            return Err(error.after(Timestamp::from_millis(refused.retry_at)));
        }
        if self.draft.get(&keys.wanted())?.is_none() {
            self.active(origin)?;
            // V-695
            self.take(blobs_elsewhere(device), ELSEWHERE, 1)?;
            self.draft.guard(keys.guard())?;
            let row = BlobAskedRow {
                capability: raw(shown.expose()),
                user: device.user.to_string(),
                at: self.now().as_millis(),
            };
            self.write(keys.wanted(), &row);
            let until = self.now().plus(limits::BLOB_ASKED_AGAIN);
            self.drop_later(until, &keys.wanted());
            let capability = ShownCapability::from_bytes(zeroize::Zeroizing::new(*shown.expose()));
            let open = BlobOpen { blob: *id, origin: origin.clone(), capability };
            let unique = self.random();
            self.queue_until(origin, unique, &LinkItem::BlobOpen(open), until);
        }
        Ok(None)
    }

    /// The origin's word on an attachment that was asked for (SPEC V-565). From now on all of it
    /// is fetched, whoever asks for which part (SPEC V-682).
    pub(in crate::server) fn peer_blob_info(&mut self, from: &AgencyId, answer: LinkBlobInfo) -> Result<()> {
        let keys = BlobKeys::of(from, &answer.blob);
        let asked: Option<BlobAskedRow> = self.read(&keys.wanted())?;
        let asked = asked.ok_or(Error::new(Code::NotForUs, "attachment"))?;
        let hash = capability(&shown(&asked.capability)?).hash();
        let taken = match answer.outcome {
            Ok(shared) => self.attempt(|call| call.begin_to_fetch(from, answer.blob, &asked, shared))?,
            Err(reason) => Err(Error::new(reason.code().unwrap_or(Code::UnknownBlob), "attachment")),
        };
        self.draft.guard(keys.guard())?;
        self.draft.delete(keys.wanted());
        let Err(error) = taken else { return Ok(()) };
        let again = self.now().plus(limits::BLOB_ASKED_AGAIN);
        let row = BlobRefusedRow { code: error.code().number().into(), retry_at: again.as_millis() };
        self.write(keys.refused(&hash), &row);
        self.drop_later(again, &keys.refused(&hash));
        Ok(())
    }

    fn begin_to_fetch(
        &mut self,
        origin: &AgencyId,
        id: BlobId,
        asked: &BlobAskedRow,
        SharedBlob { info, expires_at }: SharedBlob,
    ) -> Result<()> {
        ensure(self.now() < expires_at, Code::Expired, "attachment")?;
        let latest = self.now().plus(limits::BLOB_LIFETIME);
        let hash: CapabilityHash = capability(&shown(&asked.capability)?).hash();
        let row = BlobRow {
            capability_hash: raw(hash.as_bytes()),
            expires_at: expires_at.min(latest).as_millis(),
            user: asked.user.clone(),
            at: self.now().as_millis(),
            fetching: Some(FetchingRow { capability: asked.capability.clone(), ..FetchingRow::default() }),
            ..made(&info)?
        };
        let keys = BlobKeys::of(origin, &id);
        let mut blob = Blob { origin: origin.clone(), id, keys, row };
        self.draft.guard(blob.keys.guard())?;
        self.put_blob(&mut blob, &info)?;
        self.fetch_on(&mut blob, false)?;
        self.output(Output::Fetching);
        Ok(())
    }
}

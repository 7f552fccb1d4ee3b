//! Taking attachments back. Whoever has announced one takes it back; every agency that has
//! fetched it is told, and nobody is given it any more (SPEC V-686 to V-689).

use super::{
    super::{
        Output,
        call::Call,
        keys::{self, BlobKeys},
        packages::NO_ROOM,
        rows::{BlobRow, Pending, unreadable},
    },
    Blob,
};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{AgencyId, BlobId, Device, UserId},
    limits,
    wire::{
        device::{BlobForget, ReplyBody},
        encode_body,
        link::{BlobForgotten, LinkItem},
    },
};

impl Call<'_, '_> {
    /// A device takes an attachment back that its user has announced. One that is not here needs
    /// no taking back.
    pub(in crate::server) fn blob_forget(
        &mut self,
        device: &Device,
        forget: BlobForget,
    ) -> Result<ReplyBody> {
        let origin = self.own.agency.clone();
        if let Some(blob) = self.blob(&origin, &forget.blob)? {
            let theirs = blob.row.user == device.user.as_str();
            ensure(theirs, Code::NotPermitted, "another user's attachment")?;
            self.take_back(blob)?;
        }
        Ok(ReplyBody::Done)
    }

    /// The operators do; says whether it was here.
    pub(in crate::server) fn operators_forget(&mut self, blob: &BlobId) -> Result<bool> {
        let origin = self.own.agency.clone();
        let Some(blob) = self.blob(&origin, blob)?.filter(|blob| blob.stands().is_ok()) else {
            return Ok(false);
        };
        self.take_back(blob).map(|()| true)
    }

    fn take_back(&mut self, blob: Blob) -> Result<()> {
        if blob.row.gone == u32::from(Code::BlobGone.number()) {
            return Ok(());
        }
        for (key, _) in self.draft.scan(&blob.keys.all_given(), None, limits::AGENCIES)? {
            let agency = blob.keys.given_to(&key)?;
            let item = encode_body(&LinkItem::BlobForgotten(BlobForgotten { blob: blob.id }));
            let (unique, order) = (self.random(), (self.now(), &NO_ROOM, 0));
            self.queue(&agency, order, unique, Pending::Item(item));
        }
        self.lay_down(blob, Code::BlobGone)
    }

    /// An attachment's origin has taken it back. Its frame says so, and so nobody else can.
    pub(in crate::server) fn peer_blob_forgotten(&mut self, from: &AgencyId, blob: &BlobId) -> Result<()> {
        match self.blob(from, blob)? {
            Some(blob) if blob.row.gone == 0 => self.lay_down(blob, Code::BlobGone),
            _ => Ok(()),
        }
    }

    /// Nothing of an attachment is given any more. What stays until it would have expired is
    /// that it was there, and why it is not: so that it is neither fetched nor announced anew.
    pub(super) fn lay_down(&mut self, blob: Blob, code: Code) -> Result<()> {
        self.draft.guard(blob.keys.guard())?;
        self.uncharge_bytes(&blob)?;
        self.draft.delete(keys::under_way(&blob.origin, &blob.id));
        self.draft.delete_prefix(blob.keys.all());
        let row = BlobRow {
            capability_hash: blob.row.capability_hash,
            expires_at: blob.row.expires_at,
            uploader: blob.row.uploader,
            user: blob.row.user,
            gone: code.number().into(),
            ..BlobRow::default()
        };
        self.write(blob.keys.record(), &row);
        self.output(Output::ForgetBlob { origin: blob.origin, blob: blob.id });
        Ok(())
    }

    /// An attachment's time is over: its rows go, and the host may drop its chunks.
    pub(in crate::server) fn forget_blob(&mut self, origin: AgencyId, id: BlobId) -> Result<()> {
        let of = BlobKeys::of(&origin, &id);
        self.draft.guard(of.guard())?;
        let row: Option<BlobRow> = self.read(&of.record())?;
        self.draft.delete_prefix(of.all());
        if let Some(row) = row {
            self.uncharge(&Blob { origin: origin.clone(), id, keys: of, row })?;
        }
        self.draft.delete(keys::under_way(&origin, &id));
        self.output(Output::ForgetBlob { origin, blob: id });
        Ok(())
    }
}

impl Blob {
    /// Whose storage it takes up.
    pub(super) fn user(&self) -> Result<UserId> {
        UserId::parse(&self.row.user).map_err(unreadable)
    }
}

//! How much may be kept of attachments, and of whom (SPEC V-690 to V-692). What is kept is counted
//! in rows, one for each who is charged; an index by expiry says when there will be room again.

use super::{
    super::{
        call::Call,
        keys::{self, Holder},
        rows::{StorageRow, UsageRow},
    },
    Blob,
};
use crate::{
    code::Code,
    error::{Error, Result},
    limits,
};

/// How much may be kept of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Attachments.
    pub blobs: u64,
    /// Bytes of their sealed chunks, also of those that are still to come.
    pub bytes: u64,
}

/// How much a server keeps of attachments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Of what one of the agency's users uploads, with all of their devices, incomplete uploads
    /// included.
    pub uploads: Allowance,
    /// Of other agencies' attachments for which one user was the first to ask.
    pub fetched: Allowance,
    /// Of the attachments of one other agency.
    pub of_agency: Allowance,
}

impl Default for Storage {
    /// [`limits::UPLOADS`] and those after it.
    fn default() -> Self {
        Storage {
            uploads: Allowance { blobs: limits::UPLOADS, bytes: limits::UPLOAD_BYTES },
            fetched: Allowance { blobs: limits::FETCHED, bytes: limits::FETCHED_BYTES },
            of_agency: Allowance { blobs: limits::FETCHED_OF_AGENCY, bytes: limits::FETCHED_OF_AGENCY_BYTES },
        }
    }
}

impl Allowance {
    fn row(self) -> Option<UsageRow> {
        Some(UsageRow { blobs: self.blobs, bytes: self.bytes })
    }

    fn read(row: Option<UsageRow>, default: Self) -> Self {
        row.map_or(default, |row| Allowance { blobs: row.blobs, bytes: row.bytes })
    }
}

impl Call<'_, '_> {
    /// How much may be kept.
    pub(in crate::server) fn storage(&self) -> Result<Storage> {
        let default = Storage::default();
        let Some(row) = self.read::<StorageRow>(&keys::storage())? else { return Ok(default) };
        Ok(Storage {
            uploads: Allowance::read(row.uploads, default.uploads),
            fetched: Allowance::read(row.fetched, default.fetched),
            of_agency: Allowance::read(row.of_agency, default.of_agency),
        })
    }

    /// The operators say how much. What is kept already stays.
    pub(in crate::server) fn set_storage(&mut self, storage: &Storage) {
        let row = StorageRow {
            uploads: storage.uploads.row(),
            fetched: storage.fetched.row(),
            of_agency: storage.of_agency.row(),
        };
        self.write(keys::storage(), &row);
    }

    /// What is kept of somebody.
    pub(in crate::server) fn usage(&self, holder: Holder<'_>) -> Result<Allowance> {
        let row: UsageRow = self.read(&holder.usage())?.unwrap_or_default();
        Ok(Allowance { blobs: row.blobs, bytes: row.bytes })
    }

    /// Charges all of an attachment to whom it is kept for.
    ///
    /// # Errors
    /// [`Code::Quota`] with the time when something else goes, unless it is too much by itself.
    pub(super) fn charge(&mut self, blob: &Blob) -> Result<()> {
        let (storage, user) = (self.storage()?, blob.user()?);
        for (holder, allowance) in charged(blob, &user, &storage) {
            let row: UsageRow = self.read(&holder.usage())?.unwrap_or_default();
            let then = UsageRow {
                blobs: row.blobs.saturating_add(1),
                bytes: row.bytes.saturating_add(blob.row.sealed),
            };
            if then.blobs > allowance.blobs || then.bytes > allowance.bytes {
                let full = Error::new(Code::Quota, "storage");
                if allowance.blobs == 0 || blob.row.sealed > allowance.bytes {
                    return Err(full);
                }
                let next = self.draft.scan(&holder.all(), None, 1)?;
                return match next.first() {
                    Some((key, _)) => Err(full.after(holder.expiry(key)?)),
                    None => Err(full),
                };
            }
            self.draft.expect_unchanged(holder.usage())?;
            self.write(holder.usage(), &then);
            self.draft.put(holder.kept(blob.row.expires_at, &blob.origin, &blob.id), Vec::new());
        }
        Ok(())
    }

    /// Its bytes are not kept any more; that it was there is, and counts until it would have expired.
    pub(super) fn uncharge_bytes(&mut self, blob: &Blob) -> Result<()> {
        let (storage, user) = (self.storage()?, blob.user()?);
        for (holder, _) in charged(blob, &user, &storage) {
            let row: UsageRow = self.read(&holder.usage())?.unwrap_or_default();
            let then = UsageRow { bytes: row.bytes.saturating_sub(blob.row.sealed), ..row };
            self.draft.expect_unchanged(holder.usage())?;
            self.write(holder.usage(), &then);
        }
        Ok(())
    }

    /// Nothing is kept of it any more. What is gone has no bytes.
    pub(super) fn uncharge(&mut self, blob: &Blob) -> Result<()> {
        let (storage, user) = (self.storage()?, blob.user()?);
        for (holder, _) in charged(blob, &user, &storage) {
            let row: UsageRow = self.read(&holder.usage())?.unwrap_or_default();
            let then = UsageRow {
                blobs: row.blobs.saturating_sub(1),
                bytes: row.bytes.saturating_sub(blob.row.sealed),
            };
            self.draft.expect_unchanged(holder.usage())?;
            match then.blobs {
                0 => self.draft.delete(holder.usage()),
                _ => self.write(holder.usage(), &then),
            }
            self.draft.delete(holder.kept(blob.row.expires_at, &blob.origin, &blob.id));
        }
        Ok(())
    }
}

/// Who is charged for an attachment, and how much they may have.
fn charged<'a>(
    blob: &'a Blob,
    user: &'a crate::ids::UserId,
    storage: &Storage,
) -> Vec<(Holder<'a>, Allowance)> {
    match blob.row.uploader {
        Some(_) => vec![(Holder::Uploader(user), storage.uploads)],
        None => {
            vec![(Holder::Reader(user), storage.fetched), (Holder::Origin(&blob.origin), storage.of_agency)]
        }
    }
}

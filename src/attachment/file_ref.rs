//! What a message says about a file.

use super::{Capability, FileKey, Geometry, Root, Suite};
use crate::{
    code::Code,
    error::{Result, ensure},
    ids::{AgencyId, BlobId},
    time::Timestamp,
};

/// Where a sealed file is, what opens it, and which file the sender meant.
///
/// These are the sender's claims; [`Opener::new`](super::Opener::new) checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileRef {
    /// Its name at servers.
    pub blob: BlobId,
    /// The agency to whose server it was uploaded.
    pub origin: AgencyId,
    /// Until when the origin keeps it.
    pub expires_at: Timestamp,
    /// The algorithms.
    pub suite: Suite,
    /// The file key.
    pub key: FileKey,
    /// The root.
    pub root: Root,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes after padding.
    pub padded_size: u64,
}

impl FileRef {
    /// The sizes that it implies.
    ///
    /// # Errors
    /// [`Code::BadGeometry`] if the file is larger than [`limits::ATTACHMENT`] (SPEC V-610)
    /// or is padded to another size (V-611).
    ///
    /// [`limits::ATTACHMENT`]: crate::limits::ATTACHMENT
    pub fn geometry(&self) -> Result<Geometry> {
        let geometry = Geometry::of_padded(self.padded_size)?;
        ensure(Geometry::of_file(self.size) == Ok(geometry), Code::BadGeometry, "file size")?;
        Ok(geometry)
    }

    /// What fetches it from a server.
    #[must_use]
    pub fn capability(&self) -> Capability {
        Capability::derive(&self.key, &self.blob)
    }
}

//! Sealing a file anew that was sealed for others.

use zeroize::Zeroize;

use super::{Opener, Sealed, Sealer};
use crate::{
    code::Code,
    error::{Result, ensure},
};

/// Opens the chunks of one file and seals them again under another key, one after the other: the file
/// in the clear is never more than a chunk in memory. What comes of it shares nothing with the old one
/// but the size: neither key, nor name, nor a byte that a server could compare.
///
/// ```
/// use verbund::attachment::{Opener, Resealer, Sealer, seal_all};
/// # let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
/// # use rand_core::SeedableRng;
/// # use verbund::{ids::{AgencyId, BlobId}, time::Timestamp};
/// # let (old, bytes) = seal_all(&[7; 100_000], &mut rng)?;
/// # let file = old.file_ref(BlobId::random(&mut rng), AgencyId::parse("nord.example")?, Timestamp::from_millis(0));
///
/// let opener = Opener::new(&file, old.header(), old.list().clone())?;
/// let mut anew = Resealer::new(opener, Sealer::new(file.size, &mut rng)?)?;
/// let mut chunks = bytes.chunks(anew.sealer().geometry().sealed_chunk_size(0));
/// while anew.next_index().is_some() {
///     let mut chunk = chunks.next().expect("all are here").to_vec();
///     anew.reseal_next(&mut chunk)?;
///     // store the hash, then send or store `chunk`
/// }
/// assert_ne!(anew.finish()?.root(), &file.root);
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Debug)]
pub struct Resealer {
    opener: Opener,
    sealer: Sealer,
}

impl Resealer {
    /// From one that opens the file to one that seals it, new or resumed.
    ///
    /// # Errors
    /// [`Code::BadGeometry`] if they are of files of different sizes.
    pub fn new(opener: Opener, sealer: Sealer) -> Result<Self> {
        ensure(opener.size() == sealer.size(), Code::BadGeometry, "size")?;
        Ok(Resealer { opener, sealer })
    }

    /// What seals: for its key and header, which the record of an unfinished upload needs.
    #[must_use]
    pub const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Which chunk is next; none once all are sealed.
    #[must_use]
    pub fn next_index(&self) -> Option<u64> {
        self.sealer.next_index()
    }

    /// Takes the next chunk as it was sealed before; in its place comes the chunk as it is sealed now. Its
    /// hash is returned.
    ///
    /// # Errors
    /// - as [`Opener::open_chunk`]: the call may be made again with the right chunk
    /// - as [`Sealer::seal_next`]: seal the file anew
    ///
    /// The buffer is then empty.
    pub fn reseal_next(&mut self, chunk: &mut Vec<u8>) -> Result<[u8; 32]> {
        self.opener.open_chunk(self.next_index().unwrap_or(u64::MAX), chunk)?;
        let sealed = self.sealer.seal_next(chunk);
        if sealed.is_err() {
            chunk.zeroize();
        }
        sealed
    }

    /// Ends when every chunk is sealed.
    ///
    /// # Errors
    /// As [`Sealer::finish`].
    pub fn finish(self) -> Result<Sealed> {
        self.sealer.finish()
    }
}

//! Sizes: how long a file becomes when it is padded and cut into chunks.

use crate::{
    code::Code,
    crypto::TAG,
    error::{Error, Result, ensure},
    limits,
};

/// The shape of a sealed file, which is all that a server learns of its size.
///
/// It follows from the file's size alone:
///
/// - `padded` is the size after Padmé padding ([`Geometry::padded_size`]);
/// - a chunk has `2^16` bytes, doubled until at most 65,536 chunks hold `padded` bytes;
/// - `n = max(1, ⌈padded / chunk⌉)`; every chunk is full but perhaps the last, and an empty
///   file has one empty chunk;
/// - each chunk grows by a 16-byte tag, so that the sealed file has `padded + 16 n` bytes.
///
/// From 2 MiB up `padded` is a multiple of the chunk size, so that every chunk is full; then
/// the padding is up to 1/32 of the file and can fill many whole chunks.
///
/// ```
/// use verbund::attachment::Geometry;
///
/// let photo = Geometry::of_file(3_000_000)?;
/// assert_eq!(photo.padded_size(), 3_014_656);
/// assert_eq!((photo.chunk_size(), photo.chunks()), (65_536, 46));
/// assert_eq!(photo.sealed_size(), 3_014_656 + 46 * 16);
/// assert_eq!(Geometry::of_sealed(photo.sealed_size())?, photo);
/// # Ok::<(), verbund::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    padded: u64,
    chunk_log2: u8,
}

impl Geometry {
    /// Of a file of `size` bytes.
    ///
    /// # Errors
    /// [`Code::TooLong`] past [`limits::ATTACHMENT`] (SPEC V-610).
    pub fn of_file(size: u64) -> Result<Self> {
        ensure(size <= limits::ATTACHMENT, Code::TooLong, "file")?;
        let padded = padme(size);
        let fits = |log2: &u8| padded.div_ceil(1 << log2) <= limits::CHUNKS;
        let chunk_log2 = (limits::CHUNK_LOG2_MIN..=limits::CHUNK_LOG2_MAX).find(fits);
        let chunk_log2 = chunk_log2.ok_or(Error::new(Code::Bug, "largest chunks hold the largest file"))?;
        Ok(Geometry { padded, chunk_log2 })
    }

    /// Of the only files that have `padded` bytes after padding.
    ///
    /// # Errors
    /// [`Code::BadGeometry`] if there are none (SPEC V-611).
    pub(super) fn of_padded(padded: u64) -> Result<Self> {
        // A padded size pads to itself.
        let geometry = Self::of_file(padded).ok().filter(|geometry| geometry.padded == padded);
        geometry.ok_or(Error::new(Code::BadGeometry, "padded size"))
    }

    /// Of the only files that have `sealed` bytes after sealing.
    ///
    /// # Errors
    /// [`Code::BadGeometry`] if there are none (SPEC V-612).
    pub fn of_sealed(sealed: u64) -> Result<Self> {
        let tag = TAG as u64;
        let guess = |log2: u8| {
            let chunks = sealed.div_ceil((1 << log2) + tag).max(1);
            let geometry = Self::of_padded(sealed.checked_sub(chunks * tag)?).ok()?;
            (geometry.sealed_size() == sealed).then_some(geometry)
        };
        let geometry = (limits::CHUNK_LOG2_MIN..=limits::CHUNK_LOG2_MAX).find_map(guess);
        geometry.ok_or(Error::new(Code::BadGeometry, "sealed size"))
    }

    /// Bytes after padding: [Padmé] of the file's size.
    ///
    /// [Padmé]: https://doi.org/10.2478/popets-2019-0056
    #[must_use]
    pub const fn padded_size(self) -> u64 {
        self.padded
    }

    /// The binary logarithm of the chunk size: 16 up to 4 GiB of padded file, at most 24.
    #[must_use]
    pub const fn chunk_log2(self) -> u8 {
        self.chunk_log2
    }

    /// Plaintext bytes in a full chunk.
    #[must_use]
    pub const fn chunk_size(self) -> u64 {
        1 << self.chunk_log2
    }

    /// Chunks: 1 to 65,536.
    #[must_use]
    pub fn chunks(self) -> u64 {
        self.padded.div_ceil(self.chunk_size()).max(1)
    }

    /// Bytes of all sealed chunks together.
    #[must_use]
    pub fn sealed_size(self) -> u64 {
        self.padded + self.chunks() * TAG as u64
    }

    /// Bytes of sealed chunk `index`; 0 if there is none.
    #[must_use]
    pub fn sealed_chunk_size(self, index: u64) -> usize {
        if index < self.chunks() { self.share(self.padded, index) + TAG } else { 0 }
    }

    /// Whether `index` is the last chunk.
    pub(super) fn is_last(self, index: u64) -> bool {
        index == self.chunks() - 1
    }

    /// Padded plaintext bytes in chunk `index`.
    pub(super) fn padded_share(self, index: u64) -> usize {
        self.share(self.padded, index)
    }

    /// How many of a file's `size` bytes lie in chunk `index`.
    pub(super) fn share(self, size: u64, index: u64) -> usize {
        let before = index << self.chunk_log2;
        // A chunk has at most 2^24 bytes, which every usize that we build for holds.
        usize::try_from(size.saturating_sub(before).min(self.chunk_size())).unwrap_or(usize::MAX)
    }
}

/// Padmé padding (Nikitin, Barman, Lueks, Underwood, Hubaux, Ford: Reducing Metadata Leakage
/// from Encrypted Files and Communication with PURBs, PoPETs 2019(4), section 4): the size is
/// rounded up so that its significand, as of a floating-point number, is no longer than its
/// exponent. It leaks O(log log) bits of the size and costs at most 12 %, 3.2 % from 64 KiB.
///
/// The paper begins at 2 bytes; 0 and 1 stay as they are. `size` is at most 2^62.
pub(super) fn padme(size: u64) -> u64 {
    let Some(exponent) = size.checked_ilog2().filter(|e| *e > 0) else { return size };
    let significand_bits = exponent.ilog2() + 1;
    size.next_multiple_of(1 << (exponent - significand_bits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    const TIB: u64 = 1 << 40;

    #[test]
    fn padme_by_the_paper() {
        // Worked by hand from the paper's definition: E = ⌊log2 L⌋, S = ⌊log2 E⌋ + 1, and the
        // last E − S bits become zero, rounding up.
        let table = [
            (0, 0),
            (1, 1),
            (2, 2),
            (7, 7),
            (8, 8),
            (9, 10),
            (15, 16),
            (17, 18),
            (100, 104),
            (1000, 1024),
            (1025, 1088),
            (65_536, 65_536),
            (65_537, 65_536 + 2048),
            (MIB + 1, MIB + 32 * KIB),
            (4 * GIB, 4 * GIB),
            (4 * GIB + 1, 4 * GIB + 64 * MIB),
            (TIB - 1, TIB),
            (TIB, TIB),
        ];
        for (size, padded) in table {
            assert_eq!(padme(size), padded, "{size}");
        }
    }

    #[test]
    fn chunks_double_past_four_gib() {
        let table = [
            (0, 0, 16, 1),
            (1, 1, 16, 1),
            (64 * KIB, 64 * KIB, 16, 1),
            (64 * KIB + 1, 66 * KIB, 16, 2),
            (2 * MIB + 1, 2 * MIB + 64 * KIB, 16, 33),
            (4 * GIB, 4 * GIB, 16, 65_536),
            (4 * GIB + 1, 4 * GIB + 64 * MIB, 17, 33_280),
            (8 * GIB, 8 * GIB, 17, 65_536),
            (8 * GIB + 1, 8 * GIB + 128 * MIB, 18, 33_280),
            (TIB / 2, TIB / 2, 23, 65_536),
            (TIB / 2 + 1, TIB / 2 + 8 * GIB, 24, 33_280),
            (TIB, TIB, 24, 65_536),
        ];
        for (size, padded, log2, chunks) in table {
            let g = Geometry::of_file(size).unwrap();
            assert_eq!((g.padded_size(), g.chunk_log2(), g.chunks()), (padded, log2, chunks), "{size}");
            assert_eq!(g.sealed_size(), padded + 16 * chunks);
        }
        assert_eq!(Geometry::of_file(TIB + 1).unwrap_err().code(), Code::TooLong);
        assert_eq!(Geometry::of_file(u64::MAX).unwrap_err().code(), Code::TooLong);
    }

    #[test]
    fn sizes_that_no_file_has_are_refused() {
        for padded in [9, 65_537, 4 * GIB + 1, TIB + 1, u64::MAX] {
            assert_eq!(Geometry::of_padded(padded).unwrap_err().code(), Code::BadGeometry, "{padded}");
        }
        let last = Geometry::of_file(TIB).unwrap().sealed_size();
        // One chunk and the first byte of a second without its tag; a byte too many or too few.
        for sealed in [0, 15, 65_553, 65_568, 65_569, last - 1, last + 1, u64::MAX] {
            assert_eq!(Geometry::of_sealed(sealed).unwrap_err().code(), Code::BadGeometry, "{sealed}");
        }
    }

    /// Every padded size there is, smallest first: about 1,200.
    fn padded_sizes() -> impl Iterator<Item = u64> {
        core::iter::successors(Some(0), |size| (*size < TIB).then(|| padme(size + 1)))
    }

    #[test]
    fn sealed_size_tells_the_geometry() {
        let mut last = None;
        for padded in padded_sizes() {
            let geometry = Geometry::of_file(padded).unwrap();
            assert_eq!(geometry.padded_size(), padded);
            assert!(Some(geometry.sealed_size()) > last);
            assert_eq!(Geometry::of_sealed(geometry.sealed_size()).unwrap(), geometry);
            last = Some(geometry.sealed_size());
        }
    }

    #[test]
    fn from_two_mib_every_chunk_is_full() {
        for padded in padded_sizes().filter(|padded| *padded >= 2 * MIB) {
            assert_eq!(padded % Geometry::of_file(padded).unwrap().chunk_size(), 0, "{padded}");
        }
    }

    proptest! {
        #[test]
        fn padding_is_monotone_idempotent_and_small(size in 0..=TIB, shift in 0..40) {
            let size = size >> shift;
            let padded = padme(size);
            prop_assert!(padded >= size && padded <= TIB);
            prop_assert_eq!(padme(padded), padded);
            prop_assert!(padme(size.saturating_sub(1)) <= padded);
            prop_assert!((padded - size) * 100 <= size * 12);
            prop_assert!(size < 64 * KIB || (padded - size) * 32 <= size);
        }

        #[test]
        fn shares_add_up(size in 0..=TIB, shift in 0..40) {
            let size = size >> shift;
            let g = Geometry::of_file(size).unwrap();
            prop_assert!((1..=65_536).contains(&g.chunks()));
            let sum = |share: &dyn Fn(u64) -> usize| (0..g.chunks()).map(|i| share(i) as u64).sum::<u64>();
            prop_assert_eq!(sum(&|i| g.share(size, i)), size);
            prop_assert_eq!(sum(&|i| g.padded_share(i)), g.padded_size());
            prop_assert_eq!(sum(&|i| g.sealed_chunk_size(i)), g.sealed_size());
            prop_assert!(g.is_last(g.chunks() - 1) && g.sealed_chunk_size(g.chunks()) == 0);
            prop_assert!((0..g.chunks() - 1).all(|i| g.padded_share(i) as u64 == g.chunk_size()));
        }

        #[test]
        fn any_sealed_size_is_known_or_refused(sealed: u64, shift in 0..64) {
            let sealed = sealed >> shift;
            if let Ok(geometry) = Geometry::of_sealed(sealed) {
                prop_assert_eq!(geometry.sealed_size(), sealed);
            }
        }
    }
}

//! Several chunks at once: on all cores with feature `parallel`, one after the other without.
//! What comes out is the same.

#[cfg(feature = "parallel")]
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::Geometry;
use crate::{crypto::wipe, error::Result};

/// How many chunks are worth taking at once: one without feature `parallel`; with it so many that
/// every core has about 256 KiB of work: more would not stay in its cache, within [`limits::CHUNK_WINDOW`](crate::limits::CHUNK_WINDOW).
pub(super) fn window(geometry: Geometry) -> usize {
    #[cfg(feature = "parallel")]
    {
        let chunk = 1_usize << geometry.chunk_log2();
        let worth = rayon::current_num_threads().saturating_mul((1_usize << 18).div_ceil(chunk));
        worth.min(crate::limits::CHUNK_WINDOW / chunk).max(1)
    }
    #[cfg(not(feature = "parallel"))]
    {
        let _ = geometry;
        1
    }
}

/// Seals or opens every chunk in its own buffer. At the first chunk, by place, that is refused, it
/// ends: that one and all behind it are wiped, as if they had never been looked at.
///
/// Gives what came of the chunks before it, and why it was refused.
pub(super) fn each<T: Send>(
    chunks: &mut [Vec<u8>],
    work: impl Fn(usize, &mut Vec<u8>) -> Result<T> + Sync,
) -> (Vec<T>, Result<()>) {
    #[cfg(feature = "parallel")]
    let results: Vec<Result<T>> =
        chunks.par_iter_mut().enumerate().map(|(place, chunk)| work(place, chunk)).collect();
    #[cfg(not(feature = "parallel"))]
    let results = chunks.iter_mut().enumerate().map(|(place, chunk)| work(place, chunk));

    let (mut done, mut refused) = (Vec::new(), Ok(()));
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(error) => {
                refused = Err(error);
                break;
            }
        }
    }
    chunks.iter_mut().skip(done.len()).for_each(wipe);
    (done, refused)
}

//! How much memory is in use.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The system's allocator, which counts.
pub struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// Bytes that some work had in use beside what was in use before.
pub struct Used {
    /// At most.
    pub peak: usize,
    /// And still has.
    pub held: usize,
}

/// What comes of `work`, and what it used.
pub fn used<T>(work: impl FnOnce() -> T) -> (T, Used) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let value = work();
    let [peak, held] = [&PEAK, &NOW].map(|bytes| bytes.load(Relaxed).saturating_sub(before));
    (value, Used { peak, held })
}

/// Bytes that are in use no more after `work`.
pub fn freed(work: impl FnOnce()) -> usize {
    let before = NOW.load(Relaxed);
    work();
    before.saturating_sub(NOW.load(Relaxed))
}

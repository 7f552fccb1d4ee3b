//! Sealing, opening and seeking in files, beside what the format is made of and beside other
//! formats, in one run, as ratios.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml` prints the first table of the README;
//! with `--no-default-features --features asm`, and `asm,parallel`, the others. `-- --test` is a quick pass.

mod age_peer;
#[path = "../../heap.rs"]
#[expect(dead_code, reason = "the benchmark of rooms uses the rest")]
mod heap;
mod ours;
mod raw;
mod seek;
mod source;

use std::time::{Duration, Instant};

use verbund::attachment::Suite;

use crate::source::Pattern;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let sizes: &[u64] = match test {
        true => &[64 * KIB, MIB],
        false => &[64 * KIB, MIB, 16 * MIB, 256 * MIB, GIB],
    };
    println!("features: {}", features());
    println!(
        "| | size | verbund | AEAD + hash | share | age | × age | suite 2 | AES-GCM with assembly | peak memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for &size in sizes {
        measure(size, if test { MIB } else { GIB });
    }
    let [copy, aead, hash] = raw::Raw::new().steps().map(|time| time.as_secs_f64() * 1e6);
    println!(
        "\none chunk of 64 KiB by itself: copied in {copy:.1} µs, AEAD {aead:.1} µs, hash {hash:.1} µs; with \
         nothing else {:.0} MB/s",
        65_536.0 / (copy + aead + hash)
    );
    seek::measure(if test { 4 * MIB } else { 4 * GIB });
}

fn features() -> String {
    let all = [("pure", cfg!(feature = "pure")), ("asm", cfg!(feature = "asm"))];
    let all = all.into_iter().chain([("parallel", cfg!(feature = "parallel"))]);
    all.filter(|(_, on)| *on).map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

/// What is measured of one size: seconds, the best of the rounds.
#[derive(Clone, Copy)]
struct Best([f64; 5]);

impl Best {
    fn new() -> Self {
        Best([f64::INFINITY; 5])
    }

    fn note(&mut self, times: [Duration; 5]) {
        self.0.iter_mut().zip(times).for_each(|(best, time)| *best = best.min(time.as_secs_f64()));
    }
}

fn measure(size: u64, worth: u64) {
    let rounds = (worth / size).clamp(3, 200);
    let (mut sealing, mut opening) = (Best::new(), Best::new());
    let (ours, suite_2) =
        (ours::Sealed::of(Suite::ChaCha20Poly1305, size), ours::Sealed::of(Suite::Aes256Gcm, size));
    let theirs = age_peer::Sealed::of(size);
    let raw = raw::Raw::new();
    // Rounds alternate, so that whatever else the machine does meets all; the best counts.
    for _ in 0..rounds {
        sealing.note([
            timed(|| ours::seal(Suite::ChaCha20Poly1305, size)),
            raw.chacha_and_hash(size),
            timed(|| age_peer::seal(Pattern::of(size))),
            timed(|| ours::seal(Suite::Aes256Gcm, size)),
            raw.aes(size),
        ]);
        opening.note([
            timed(|| ours.open()),
            raw.hash_and_chacha(size),
            timed(|| theirs.open()),
            timed(|| suite_2.open()),
            raw.aes_open(size),
        ]);
    }
    let (_, sealed) = heap::used(|| ours::seal(Suite::ChaCha20Poly1305, size));
    let (_, opened) = heap::used(|| ours.open());
    let peaks = [sealed.peak, opened.peak];
    // One chunk, or a window of them on all cores, and 32 bytes in the list for each chunk of the file.
    let flat = if cfg!(feature = "parallel") { 1_usize << 20 } else { 80 << 10 };
    let list = 32 * usize::try_from(size >> 16).expect("fits") + (4 << 10);
    assert!(peaks.iter().all(|peak| *peak <= flat + list), "{peaks:?} bytes at {size}");
    for ((what, best), peak) in [("seal", sealing), ("open", opening)].into_iter().zip(peaks) {
        let [ours, bound, age, suite_2, aes] = best.0;
        let rate = |seconds: f64| format!("{:.0} MB/s", size as f64 / seconds / 1e6);
        println!(
            "| {what} | {} | {} | {} | {:.2} | {} | {:.2} | {} | {} | {} KiB |",
            show(size),
            rate(ours),
            rate(bound),
            bound / ours,
            rate(age),
            age / ours,
            rate(suite_2),
            rate(aes),
            peak / 1024,
        );
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn show(size: u64) -> String {
    match size {
        GIB.. => format!("{} GiB", size / GIB),
        MIB.. => format!("{} MiB", size / MIB),
        _ => format!("{} KiB", size / KIB),
    }
}

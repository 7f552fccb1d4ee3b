//! Many runs, side by side.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{Counts, Failure, Plan, Planted, run};

/// Runs all of these seeds in so many threads, and tells of each that fails as soon as it has: what was
/// done in all of them together, and the seeds that failed.
pub fn run_all(
    seeds: Range<u64>,
    threads: usize,
    failed: impl Fn(u64, &Failure) + Sync,
) -> (Counts, Vec<u64>) {
    let next = AtomicU64::new(seeds.start);
    let all = Mutex::new((Counts::default(), Vec::new()));
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end {
            return;
        }
        let outcome = run(&Plan::of(seed), Planted::default(), false);
        let mut all = all.lock().expect("nobody panics with it");
        all.0.add(&outcome.counts);
        if let Some(failure) = outcome.failure {
            failed(seed, &failure);
            all.1.push(seed);
        }
    };
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    all.into_inner().expect("nobody panics with it")
}

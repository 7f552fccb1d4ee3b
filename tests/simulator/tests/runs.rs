//! The runs that every change has to pass. `VERBUND_SEEDS=0..100` chooses others.

use std::{ops::Range, thread};

use simulator::{Plan, Planted, run, run_all};

fn seeds() -> Range<u64> {
    let chosen = std::env::var("VERBUND_SEEDS").unwrap_or_else(|_| "0..2000".into());
    let (first, end) = chosen.split_once("..").expect("VERBUND_SEEDS=first..end");
    first.parse().expect("a number")..end.parse().expect("a number")
}

#[test]
fn whatever_breaks_everything_converges() {
    let seeds = seeds();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (counts, failed) = run_all(seeds.clone(), threads, |seed, failure| {
        println!("seed {seed} FAILED: {}: {}", failure.check, failure.text);
    });
    println!("{counts}");
    assert_eq!(counts.runs, seeds.end - seeds.start);
    assert!(failed.is_empty(), "seeds {failed:?}");
}

/// A seed and its plan say everything that a trace shows.
#[test]
fn a_run_is_repeated_line_by_line() {
    for seed in 0..6 {
        let runs = [(); 2].map(|()| run(&Plan::of(seed), Planted::default(), true));
        let [one, other] = runs.map(|outcome| (outcome.trace, outcome.counts));
        assert!(one.0.len() > 50);
        assert_eq!(one.0, other.0, "seed {seed}");
        assert_eq!(one.1, other.1, "seed {seed}");
    }
}

//! Runs seeds, shows one, or shrinks one.

use std::{env, ops::Range, process::ExitCode, time::Instant};

use simulator::{Plan, Planted, run, run_all, shrink};

const USAGE: &str = "\
simulator --seeds 0..1000 [--threads 2]   runs these seeds, and prints what was done and what failed
simulator --seed 17                       runs one
simulator --seed 17 --trace               and prints what happened
simulator --seed 17 --shrink              looks for the smallest part of it that fails, and prints that";

struct Options {
    seeds: Range<u64>,
    threads: usize,
    trace: bool,
    shrink: bool,
}

fn main() -> ExitCode {
    let Some(options) = parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // A panic is a failure that is told like any other.
    std::panic::set_hook(Box::new(|_| {}));
    let single = options.seeds.end - options.seeds.start == 1;
    match single {
        true => one(&options),
        false => many(&options),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options { seeds: 0..0, threads: 1, trace: false, shrink: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seed" => {
                let seed = arguments.next()?.parse().ok()?;
                options.seeds = seed..seed + 1;
            }
            "--seeds" => {
                let range = arguments.next()?;
                let (first, end) = range.split_once("..")?;
                options.seeds = first.parse().ok()?..end.parse().ok()?;
            }
            "--threads" => options.threads = arguments.next()?.parse().ok()?,
            "--trace" => options.trace = true,
            "--shrink" => options.shrink = true,
            _ => return None,
        }
    }
    (!options.seeds.is_empty()).then_some(options)
}

fn one(options: &Options) -> ExitCode {
    let mut plan = Plan::of(options.seeds.start);
    let mut outcome = run(&plan, Planted::default(), options.trace);
    if let (true, Some(failure)) = (options.shrink, &outcome.failure) {
        plan = shrink(&plan, failure, Planted::default(), |plan| {
            eprintln!("{} steps", plan.steps.len());
        });
        outcome = run(&plan, Planted::default(), true);
    }
    outcome.trace.iter().for_each(|line| println!("{line}"));
    if options.shrink {
        println!("{:?}", plan.shape);
        plan.steps.iter().for_each(|step| println!("{step:?}"));
    }
    println!("{}", outcome.counts);
    match outcome.failure {
        None => {
            println!("seed {}: all checks hold", plan.seed);
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("seed {} FAILED: {}: {}", plan.seed, failure.check, failure.text);
            ExitCode::FAILURE
        }
    }
}

fn many(options: &Options) -> ExitCode {
    let begin = Instant::now();
    let (counts, failed) = run_all(options.seeds.clone(), options.threads, |seed, failure| {
        println!("seed {seed} FAILED: {}: {}", failure.check, failure.text);
    });
    println!("{counts}");
    println!("{} of {} runs failed, in {:.1?}", failed.len(), counts.runs, begin.elapsed());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

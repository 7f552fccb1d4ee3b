//! Mutation tests with one build: the mutants of cargo-mutants are woven into a copy of the
//! library, each behind a switch, and every one is run against the tests that come past it.
//!
//! ```sh
//! cargo run --manifest-path .ci/mutants/Cargo.toml -- -f 'src/identity/**'
//! ```
//!
//! Arguments go to `cargo mutants --list`: `-f` and `-e` choose files, `-F` names of mutants. `MUTANT_WORKERS` says how
//! many run at a time (2). What comes of each is written to `target/mutants/fates` as it comes.

mod list;
mod tree;
mod trial;
mod weave;

use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use list::Mutant;
use tree::Tree;
use trial::{Fate, Reach};

/// How many mutants run at a time, if nothing is said.
const WORKERS: usize = 2;

/// Why nothing can be said.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

pub(crate) type Outcome<T> = Result<T, Failure>;

/// What an error was about.
pub(crate) fn say<E: fmt::Display>(what: &str) -> impl FnOnce(E) -> Failure {
    move |error| Failure(format!("{what}: {error}"))
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match test(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), &arguments) {
        Ok(fates) if fates.iter().all(|fate| *fate != Fate::Survived) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(Failure(why)) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn test(root: &Path, arguments: &[String]) -> Outcome<Vec<Fate>> {
    let root = root.canonicalize().map_err(say("root"))?;
    let mutants = list::of(&root, arguments)?;
    eprintln!("{} mutants", mutants.len());
    let tree = Tree::copy(&root, &mutants)?;
    let (binaries, never, alone) = tree.build_all(&mutants)?;
    let reach = Reach::trace(&tree.path, &binaries)?;

    let next = AtomicUsize::new(0);
    let path = root.join("target/mutants/fates");
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(say("fates"))?;
    let fates = Fates { file, of: vec![Fate::NotCompiled; mutants.len()] };
    let fates = Mutex::new(fates);
    let workers =
        std::env::var("MUTANT_WORKERS").ok().and_then(|count| count.parse().ok()).unwrap_or(WORKERS);
    let work = || -> Outcome<()> {
        while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
            if alone.contains(&mutant.id) {
                continue;
            }
            if never.contains(&mutant.id) {
                set(&fates, mutant, Fate::NotCompiled)?;
                continue;
            }
            let fate = reach.fate(&tree.path, &binaries, mutant.id)?;
            set(&fates, mutant, fate)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;

    eprintln!("{} that have to be built by themselves", alone.len());
    for mutant in mutants.iter().filter(|mutant| alone.contains(&mutant.id)) {
        eprintln!("{}", mutant.name);
        let fate = match tree.build_one(mutant)? {
            Some(binaries) => trial::alone(&tree.path, &binaries)?,
            None => Fate::NotCompiled,
        };
        set(&fates, mutant, fate)?;
    }
    let fates = fates.into_inner().expect("a worker does not panic").of;
    print(&mutants, &fates);
    Ok(fates)
}

/// What came of each mutant, also in a file, so that an interruption loses nothing.
struct Fates {
    file: File,
    of: Vec<Fate>,
}

/// Keeps what came of a mutant, and says it at once where it is not what it should be.
fn set(fates: &Mutex<Fates>, mutant: &Mutant, fate: Fate) -> Outcome<()> {
    let word = match fate {
        Fate::Survived => "survived",
        Fate::TimedOut => "timed out",
        Fate::Caught => "caught",
        Fate::NotCompiled => "not compiled",
    };
    if matches!(fate, Fate::Survived | Fate::TimedOut) {
        println!("{word}: {}", mutant.name);
    }
    let mut fates = fates.lock().expect("a worker does not panic");
    fates.of[mutant.id as usize] = fate;
    writeln!(fates.file, "{word}: {}", mutant.name).map_err(say("fates"))
}

/// A row for each file.
fn print(mutants: &[Mutant], fates: &[Fate]) {
    let mut rows = BTreeMap::<_, BTreeMap<Fate, u32>>::new();
    for (mutant, fate) in mutants.iter().zip(fates) {
        let name = mutant.file.trim_start_matches("src/").trim_end_matches(".rs");
        for row in [name, "all"] {
            *rows.entry((row == "all", row)).or_default().entry(*fate).or_default() += 1;
        }
    }
    println!(
        "| module | mutants | caught | timed out | survived | not compiled |\n|---|---|---|---|---|---|"
    );
    for ((_, name), row) in &rows {
        let count = |fate| row.get(&fate).copied().unwrap_or_default();
        let [caught, late, survived, never] =
            [Fate::Caught, Fate::TimedOut, Fate::Survived, Fate::NotCompiled].map(count);
        println!("| `{name}` | {} | {caught} | {late} | {survived} | {never} |", caught + late + survived);
    }
}

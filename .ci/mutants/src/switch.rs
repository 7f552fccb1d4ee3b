//! Which mutant the program behaves like: the one whose number stands in the environment.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Instant,
};

enum Mode {
    Plain,
    One(u32),
    /// Write down which test asks for which mutant.
    Trace(PathBuf),
}

static MODE: OnceLock<Mode> = OnceLock::new();

thread_local! {
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

/// What a test, which runs in a thread of its name, has come past.
struct Seen {
    test: String,
    began: Instant,
    ids: BTreeSet<u32>,
    path: &'static Path,
}

impl Drop for Seen {
    /// Writes: milliseconds, test, mutants.
    fn drop(&mut self) {
        let ids: String = self.ids.iter().map(|id| format!(" {id}")).collect();
        let line = format!("{} {}{ids}\n", self.began.elapsed().as_millis(), self.test);
        let file = OpenOptions::new().append(true).open(self.path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("trace");
    }
}

/// Whether this place is to behave like its mutant.
pub(crate) fn on(id: u32) -> bool {
    match MODE.get_or_init(mode) {
        Mode::Plain => false,
        Mode::One(one) => *one == id,
        Mode::Trace(path) => {
            SEEN.with_borrow_mut(|seen| {
                let seen = seen.get_or_insert_with(|| {
                    let test = std::thread::current().name().unwrap_or("-").to_owned();
                    Seen { test, began: Instant::now(), ids: BTreeSet::new(), path }
                });
                seen.ids.insert(id)
            });
            false
        }
    }
}

fn mode() -> Mode {
    if let Some(path) = std::env::var_os("MUTANT_TRACE") {
        return Mode::Trace(path.into());
    }
    match std::env::var("MUTANT").ok().and_then(|id| id.parse().ok()) {
        Some(id) => {
            // The first failure says enough.
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                report(info);
                std::process::exit(101)
            }));
            Mode::One(id)
        }
        None => Mode::Plain,
    }
}

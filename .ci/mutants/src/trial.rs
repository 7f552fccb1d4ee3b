//! Whether the tests notice a mutant.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Failure, Outcome, say, tree::Binaries};

/// What came of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// A test fails.
    Caught,
    /// A test does not end.
    TimedOut,
    /// Every test passes.
    Survived,
    /// Nobody can build it.
    NotCompiled,
}

/// Which tests of either binary come past which mutant.
pub(crate) struct Reach {
    unit: Passing,
    scenarios: Passing,
}

/// For each mutant the tests, with the milliseconds that they take.
type Passing = BTreeMap<u32, Vec<(u64, String)>>;

impl Reach {
    /// Runs everything once, as it is: all of it has to pass.
    pub(crate) fn trace(tree: &Path, binaries: &Binaries) -> Outcome<Self> {
        let trace = |binary: &Path| {
            let path = tree.join("reach");
            fs::write(&path, "").map_err(say("reach"))?;
            // With one thread the test's thread would not have its name.
            let mut command = command(tree, binary);
            command.env("MUTANT_TRACE", &path).arg("--test-threads=2").stdout(Stdio::null());
            if !command.status().map_err(say("tests"))?.success() {
                return Err(Failure("the tests fail without any mutant".into()));
            }
            let mut passing = Passing::new();
            for line in fs::read_to_string(&path).map_err(say("reach"))?.lines() {
                let mut words = line.split(' ');
                let (Some(millis), Some(test)) = (words.next(), words.next()) else { continue };
                let millis = millis.parse().map_err(say("reach"))?;
                for id in words {
                    let id = id.parse().map_err(say("reach"))?;
                    passing.entry(id).or_default().push((millis, test.to_owned()));
                }
            }
            passing.values_mut().for_each(|tests| tests.sort());
            Ok(passing)
        };
        Ok(Reach { unit: trace(&binaries.unit)?, scenarios: trace(&binaries.scenarios)? })
    }

    /// Runs the tests that come past a mutant, those beside the code first, the quickest first.
    pub(crate) fn fate(&self, tree: &Path, binaries: &Binaries, id: u32) -> Outcome<Fate> {
        let tests = |passing: &Passing| passing.get(&id).cloned().unwrap_or_default();
        let beside = |test: &str| test.starts_with("identity::") || test.starts_with("room::");
        let (beside, others) = tests(&self.unit).into_iter().partition(|(_, test)| beside(test));
        for (binary, tests) in [
            (&binaries.unit, beside),
            (&binaries.unit, others),
            (&binaries.scenarios, tests(&self.scenarios)),
        ] {
            for part in parts(tests) {
                let mut command = command(tree, binary);
                command.env("MUTANT", id.to_string()).args(["--test-threads=1", "--exact"]);
                command.args(part.iter().map(|(_, test)| test));
                let usual = part.iter().map(|(millis, _)| millis).sum();
                match run(command, Duration::from_secs(30) + 5 * Duration::from_millis(usual))? {
                    Fate::Survived => {}
                    fate => return Ok(fate),
                }
            }
        }
        Ok(Fate::Survived)
    }
}

/// Tests to be run together: few at first, since most mutants are caught soon.
fn parts(mut tests: Vec<(u64, String)>) -> Vec<Vec<(u64, String)>> {
    let (mut parts, mut most) = (Vec::new(), 500);
    while !tests.is_empty() {
        let mut taken = 0;
        let fit = |(millis, _): &&(u64, String)| {
            taken += millis;
            taken <= most
        };
        let count = tests.iter().take_while(fit).count().max(1);
        parts.push(tests.drain(..count).collect());
        most *= 4;
    }
    parts
}

/// Runs all tests against a mutant that was built by itself.
pub(crate) fn alone(tree: &Path, binaries: &Binaries) -> Outcome<Fate> {
    let beside: &[&str] = &["identity::", "room::"];
    for (binary, tests) in [(&binaries.unit, beside), (&binaries.unit, &[]), (&binaries.scenarios, &[])] {
        let mut command = command(tree, binary);
        command.arg("--test-threads=2").args(tests);
        match run(command, Duration::from_secs(600))? {
            Fate::Survived => {}
            fate => return Ok(fate),
        }
    }
    Ok(Fate::Survived)
}

/// A test binary, where cargo would start it; a mutant that collects things for ever ends early.
fn command(tree: &Path, binary: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 4194304 && exec \"$0\" \"$@\""]).arg(binary);
    command.current_dir(tree).env("PROPTEST_RNG_SEED", "1").stdin(Stdio::null());
    command
}

fn run(mut command: Command, limit: Duration) -> Outcome<Fate> {
    let mut child: Child =
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(say("tests"))?;
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(say("tests"))? {
            return Ok(if status.success() { Fate::Survived } else { Fate::Caught });
        }
        if began.elapsed() > limit {
            child.kill().and_then(|()| child.wait()).map_err(say("tests"))?;
            return Ok(Fate::TimedOut);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

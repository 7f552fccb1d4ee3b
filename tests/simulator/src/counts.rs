//! What was done in a run, or in many.

use core::fmt;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub runs: u64,
    pub steps: u64,
    pub calls: u64,
    pub messages: u64,
    /// How often one was read by another device.
    pub read: u64,
    pub commits: u64,
    pub files: u64,
    /// Bytes on the way between hosts.
    pub bytes: u64,
    /// Events that an app saw more than once, since it had not acknowledged them.
    pub seen_again: u64,
    pub faults: BTreeMap<&'static str, u64>,
    pub acts: BTreeMap<String, u64>,
    /// How often engines and servers refused something, by code.
    pub refusals: BTreeMap<u16, u64>,
    /// What was told to apps that something had gone wrong, by its kind.
    pub told: BTreeMap<String, u64>,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.calls += other.calls;
        self.messages += other.messages;
        self.read += other.read;
        self.commits += other.commits;
        self.files += other.files;
        self.bytes += other.bytes;
        self.seen_again += other.seen_again;
        sum(&mut self.faults, &other.faults);
        sum(&mut self.acts, &other.acts);
        sum(&mut self.refusals, &other.refusals);
        sum(&mut self.told, &other.told);
    }
}

fn sum<K: Ord + Clone>(all: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *all.entry(key.clone()).or_default() += count;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} runs, {} steps, {} calls of engines", self.runs, self.steps, self.calls)?;
        writeln!(
            f,
            "{} messages in logs, read {} times; {} commits, {} files fetched, {} bytes on the way; {} events seen again",
            self.messages, self.read, self.commits, self.files, self.bytes, self.seen_again
        )?;
        writeln!(f, "faults: {}", list(&self.faults))?;
        writeln!(f, "acts: {}", list(&self.acts))?;
        writeln!(f, "refused, by code: {}", list(&self.refusals))?;
        write!(f, "told to apps: {}", list(&self.told))
    }
}

fn list<K: fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let one = |(key, count): (&K, &u64)| format!("{key} {count}");
    counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

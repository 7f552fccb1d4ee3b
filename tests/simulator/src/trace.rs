//! What happened, in lines for people to read: times from the beginning of the run, no hashes.

/// Lines, if somebody wants them.
#[derive(Default)]
pub struct Trace {
    begin: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub fn new(begin: u64, wanted: bool) -> Self {
        Trace { begin, lines: wanted.then(Vec::new) }
    }

    pub fn note(&mut self, now: u64, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let since = now.saturating_sub(self.begin);
            lines.push(format!("{:>7}.{:03}  {}", since / 1_000, since % 1_000, line()));
        }
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

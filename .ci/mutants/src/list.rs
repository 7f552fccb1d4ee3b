//! The mutants: what cargo-mutants would change, one at a time.

use std::{collections::BTreeMap, fs, ops::Range, path::Path, process::Command};

use serde_json::Value;

use crate::{Failure, Outcome, say};

/// One change that the tests should notice.
pub(crate) struct Mutant {
    /// The number by which the woven program is told to behave like it.
    pub(crate) id: u32,
    /// As cargo-mutants says it, with file, line and column.
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) genre: Genre,
    /// What is replaced, in bytes of the file.
    pub(crate) span: Range<usize>,
    pub(crate) replacement: String,
}

/// What kind of thing is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Genre {
    Body,
    Binary,
    Unary,
    Arm,
    Guard,
    Field,
}

impl Mutant {
    /// The file with this change and no other, as cargo-mutants makes it.
    pub(crate) fn apply(&self, source: &str) -> String {
        let Range { start, end } = self.span.clone();
        format!("{}{}{}", &source[..start], self.replacement, &source[end..])
    }
}

/// Asks cargo-mutants for its list; `arguments` choose files and functions.
pub(crate) fn of(root: &Path, arguments: &[String]) -> Outcome<Vec<Mutant>> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["mutants", "--list", "--json"]).args(arguments);
    let output = command.output().map_err(say("cargo mutants"))?;
    if !output.status.success() {
        return Err(Failure(format!("cargo mutants: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let list: Vec<Value> = serde_json::from_slice(&output.stdout).map_err(say("list of mutants"))?;
    let mut sources = BTreeMap::new();
    let mut mutants = Vec::with_capacity(list.len());
    for (id, raw) in (0..).zip(&list) {
        let text =
            |key: &str| raw[key].as_str().map(str::to_owned).ok_or(Failure(format!("no {key}: {raw}")));
        let file = text("file")?;
        if !sources.contains_key(&file) {
            let source = fs::read_to_string(root.join(&file)).map_err(say(&file))?;
            sources.insert(file.clone(), source);
        }
        let place = |end: &str| offset(&sources[&file], &raw["span"][end]);
        let span = place("start")?..place("end")?;
        let genre = match raw["genre"].as_str() {
            Some("FnValue") => Genre::Body,
            Some("BinaryOperator") => Genre::Binary,
            Some("UnaryOperator") => Genre::Unary,
            Some("MatchArm") => Genre::Arm,
            Some("MatchArmGuard") => Genre::Guard,
            Some("StructField") => Genre::Field,
            _ => return Err(Failure(format!("unknown genre: {raw}"))),
        };
        let (name, replacement) = (text("name")?, text("replacement")?);
        mutants.push(Mutant { id, name, file, genre, span, replacement });
    }
    Ok(mutants)
}

/// Lines and columns count from 1, columns in characters.
fn offset(source: &str, place: &Value) -> Outcome<usize> {
    let number = |key: &str| place[key].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
    let (line, column) = (number("line"), number("column"));
    let find = || {
        let before: usize = source.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
        let own = source[before..].char_indices().nth(column.checked_sub(1)?)?.0;
        Some(before + own)
    };
    find().ok_or(Failure(format!("no such place: {place}")))
}

//! A copy of the library into which the mutants are woven, and its test binaries.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{Failure, Outcome, list::Mutant, say, weave};

/// The copy.
pub(crate) struct Tree {
    pub(crate) path: PathBuf,
    target: PathBuf,
    /// The files that have mutants, as they are.
    sources: BTreeMap<String, String>,
}

/// What is run.
pub(crate) struct Binaries {
    pub(crate) unit: PathBuf,
    pub(crate) scenarios: PathBuf,
}

/// What came of a build.
enum Built {
    Binaries(Binaries),
    Refused(Vec<Complaint>),
}

/// An error of the compiler.
struct Complaint {
    /// Where: file and byte, the main places first.
    places: Vec<(String, usize)>,
    text: String,
}

impl Complaint {
    /// Whether it says that a type has no default value: then the mutant is none by itself, too.
    fn wants_default(&self) -> bool {
        self.text.contains("E0277") && self.text.contains("Default` is not")
    }
}

impl Tree {
    pub(crate) fn copy(root: &Path, mutants: &[Mutant]) -> Outcome<Self> {
        let target = root.join("target/mutants/target");
        let path = root.join("target/mutants/tree");
        if path.exists() {
            fs::remove_dir_all(&path).map_err(say("former copy"))?;
        }
        copy(root, &path)?;
        let mut sources = BTreeMap::new();
        for file in mutants.iter().map(|mutant| &mutant.file).collect::<BTreeSet<_>>() {
            sources.insert(file.clone(), fs::read_to_string(root.join(file)).map_err(say(file))?);
        }
        let lib = path.join("src/lib.rs");
        let text = fs::read_to_string(&lib).map_err(say("lib.rs"))?;
        fs::write(&lib, text + "\nmod mutant;\n").map_err(say("lib.rs"))?;
        fs::write(path.join("src/mutant.rs"), include_str!("switch.rs")).map_err(say("switch"))?;
        Ok(Tree { path, target, sources })
    }

    /// Builds all mutants at once. What cannot be built is left out, in rounds, since the compiler
    /// does not say everything at once. Gives those that no build can have, and those that may
    /// have one of their own.
    pub(crate) fn build_all(&self, mutants: &[Mutant]) -> Outcome<(Binaries, BTreeSet<u32>, BTreeSet<u32>)> {
        let (mut never, mut alone) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let mut woven = BTreeMap::new();
            for (file, source) in &self.sources {
                let left = |id| !never.contains(&id) && !alone.contains(&id);
                let own: Vec<_> = mutants.iter().filter(|m| m.file == *file && left(m.id)).collect();
                let text = weave::weave(source, &own)?;
                fs::write(self.path.join(file), &text.text).map_err(say(file))?;
                woven.insert(file, text);
            }
            let left_over = woven.values().flat_map(|woven| woven.left_over.iter().copied());
            alone.extend(left_over);
            let complaints = match self.build()? {
                Built::Binaries(binaries) => return Ok((binaries, never, alone)),
                Built::Refused(complaints) => complaints,
            };
            let before = never.len() + alone.len();
            for complaint in &complaints {
                let guilty = complaint.places.iter().find_map(|(file, at)| woven.get(file)?.guilty(*at));
                let kind = if complaint.wants_default() { &mut never } else { &mut alone };
                kind.extend(guilty.unwrap_or_default());
            }
            alone.retain(|id| !never.contains(id));
            eprintln!("{} errors; {} left out", complaints.len(), never.len() + alone.len());
            if never.len() + alone.len() == before {
                let texts: Vec<_> = complaints.into_iter().map(|complaint| complaint.text).collect();
                return Err(Failure(texts.join("\n")));
            }
        }
    }

    /// Builds one mutant by itself.
    pub(crate) fn build_one(&self, mutant: &Mutant) -> Outcome<Option<Binaries>> {
        for (file, source) in &self.sources {
            let text = if *file == mutant.file { mutant.apply(source) } else { source.clone() };
            let path = self.path.join(file);
            if fs::read_to_string(&path).map_err(say(file))? != text {
                fs::write(path, text).map_err(say(file))?;
            }
        }
        match self.build()? {
            Built::Binaries(binaries) => Ok(Some(binaries)),
            Built::Refused(_) => Ok(None),
        }
    }

    fn build(&self) -> Outcome<Built> {
        let mut command = Command::new("cargo");
        command.current_dir(&self.path).env("CARGO_TARGET_DIR", &self.target).stderr(Stdio::inherit());
        command.args(["test", "--locked", "--quiet", "--no-run", "--lib", "--test", "scenarios"]);
        // What is built once is run often.
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        let output = command.arg("--message-format=json").output().map_err(say("cargo test"))?;
        let (mut unit, mut scenarios, mut complaints) = (None, None, Vec::new());
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(said) = serde_json::from_str::<Value>(line) else { continue };
            let executable = said["executable"].as_str().map(PathBuf::from);
            match said["target"]["kind"][0].as_str() {
                Some("test") => scenarios = executable.or(scenarios),
                _ => unit = executable.or(unit),
            }
            if said["message"]["level"] == "error" {
                complaints.extend(complaint(&said["message"]));
            }
        }
        match (output.status.success(), unit, scenarios) {
            (true, Some(unit), Some(scenarios)) => Ok(Built::Binaries(Binaries { unit, scenarios })),
            (false, ..) if !complaints.is_empty() => Ok(Built::Refused(complaints)),
            _ => Err(Failure("cargo test --no-run".into())),
        }
    }
}

/// One that is about a place; the last ones only count the others.
fn complaint(message: &Value) -> Option<Complaint> {
    let mut spans: Vec<_> = message["spans"].as_array()?.iter().collect();
    spans.sort_by_key(|span| span["is_primary"] != true);
    let place = |span: &&Value| {
        let at = usize::try_from(span["byte_start"].as_u64()?).ok()?;
        Some((span["file_name"].as_str()?.to_owned(), at))
    };
    let places: Vec<_> = spans.iter().filter_map(place).collect();
    let text = message["rendered"].as_str().unwrap_or_default().to_owned();
    (!places.is_empty()).then_some(Complaint { places, text })
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to).map_err(say("copy"))?;
    for entry in fs::read_dir(from).map_err(say("tree"))? {
        let entry = entry.map_err(say("tree"))?;
        let (name, path) = (entry.file_name(), entry.path());
        if ["target", ".git", ".ci"].iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).map_err(say("copy"))?;
        }
    }
    Ok(())
}

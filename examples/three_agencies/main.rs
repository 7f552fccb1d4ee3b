//! Three agencies, three servers, one conversation, one photo; and devices and people who come
//! and go.
//!
//! `cargo run --release --example three_agencies -- [--faults SEED] [FILE]` lets officers of three
//! state agencies hold an encrypted conversation and share FILE (a picture that comes with it, if
//! none is named) across the borders. A new device is linked, a desk goes from shift to shift, a
//! lost device is cut off, and an agency is suspended. Every engine has a store of its own, and
//! between them go nothing but bytes. With `--faults`, what is on its way is lost, doubled, late and
//! out of order, as the number SEED has it, and each engine ends once in the midst of what it does:
//! nothing comes of it but time. In the end it lists what it has checked; if anything differs, it
//! says so and its exit code is 1.
//!
//! `-- --size BYTES` shares a file of so many bytes instead, which is made as it is read and kept on disk by whoever has it
//! (in the system's temporary directory, at most four times its size), and says how much memory all of it took.

#[expect(dead_code, reason = "the tests use the rest")]
mod federation;
mod scenes;
mod show;
mod story;
mod world;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use scenes::{conversation, departures, finish, handover, large, linking, loss, photo, suspension};
use story::Story;
use world::Error;

fn main() -> ExitCode {
    let mut given = std::env::args_os().skip(1).peekable();
    if given.next_if(|argument| argument == "--size").is_some() {
        let size = given.next().and_then(|size| size.to_str()?.parse().ok());
        return match size.ok_or("--size wants a number of bytes".into()).and_then(play_large) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("three_agencies: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let Some((faults, path)) = arguments() else {
        eprintln!("three_agencies: [--faults SEED] [FILE], where SEED is a number, or --size BYTES");
        return ExitCode::FAILURE;
    };
    let photo = match Photo::open(&path) {
        Ok(photo) => photo,
        Err(error) => {
            eprintln!("three_agencies: cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    match play(photo, faults) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("three_agencies: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line says: of which seed faults are wanted, and the file to share.
fn arguments() -> Option<(Option<u64>, PathBuf)> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let faults = match arguments.next_if(|argument| argument == "--faults") {
        Some(_) => Some(arguments.next()?.to_str()?.parse().ok()?),
        None => None,
    };
    let picture = || Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/missing_bicycle.png");
    let path = arguments.next().map_or_else(picture, PathBuf::from);
    arguments.next().is_none().then_some((faults, path))
}

/// The play, scene by scene. Each adds what it has shown to the list of the last one.
fn play(photo: Photo, faults: Option<u64>) -> Result<(), Error> {
    let mut story = Story::begin(faults)?;
    conversation::begin(&mut story)?;
    let first = conversation::talk(&mut story)?;
    linking::play(&mut story, first)?;
    conversation::restart(&mut story)?;
    photo::share(&mut story, &photo)?;
    departures::remove(&mut story)?;
    departures::leave(&mut story)?;
    handover::play(&mut story)?;
    loss::play(&mut story)?;
    suspension::play(&mut story)?;
    finish::what_servers_saw(&story);
    finish::check(&mut story, &photo)
}

/// Another play: a file of so many bytes, made as it is read, goes all the way.
fn play_large(size: u64) -> Result<(), Error> {
    let mut story = Story::begin(None)?;
    conversation::begin(&mut story)?;
    large::share(&mut story, size)
}

/// The file to share.
pub struct Photo {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is called.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Some bytes out of its beginning, to look for where they must not be.
    pub sample: Vec<u8>,
}

impl Photo {
    /// A file that can be read.
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(std::io::Error::other("it is a directory"));
        }
        let mut sample = Vec::new();
        file.take(64).read_to_end(&mut sample)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Photo { path: path.to_owned(), name, size: about.len(), sample })
    }
}

//! Seals files, opens them whole or in part, and checks them without a key.
//!
//! ```text
//! cargo run --release --example attachment -- seal photo.png photo.sealed photo.key
//! ```
//!
//! A sealed file may go to anybody. The key file is what an app would send inside an encrypted
//! message: whoever has it can open the sealed file, and nobody can show them another one.

mod ask;
mod check;
mod open;
mod place;
mod seal;
mod trouble;

use std::process::ExitCode;

use ask::Ask;
use trouble::Trouble;

fn main() -> ExitCode {
    match Ask::parse(std::env::args_os().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.tell(),
    }
}

fn run(ask: Ask) -> Result<(), Trouble> {
    match ask {
        Ask::Help => place::say(ask::USAGE),
        Ask::Seal { suite, size, source, sealed, key } => seal::seal(suite, size, &source, &sealed, &key),
        Ask::Open { sealed, key, target } => open::open(&sealed, &key, &target),
        Ask::Cat { sealed, key, first, count } => open::cat(&sealed, &key, first, count),
        Ask::Inspect { sealed } => check::inspect(&sealed),
        Ask::Verify { sealed, root } => check::verify(&sealed, root),
    }
}

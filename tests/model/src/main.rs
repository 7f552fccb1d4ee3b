//! Prints the tables of README.md anew: `small` and `large` bounds, `links`, and what `broken` ones
//! lead to.

use std::{env, process::ExitCode};

use model::{
    cases,
    report::{find, visit_all},
};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let wanted = |name: &str| words.get(1).is_none_or(|only| only == name);
    let rooms = |all: Vec<model::bounds::Bounds>| {
        all.into_iter().filter(|bounds| wanted(bounds.name)).for_each(|bounds| drop(visit_all(bounds, 1)));
    };
    match words.first().map(String::as_str) {
        Some("small") => rooms(cases::small()),
        Some("large") => rooms(cases::large()),
        Some("links") => cases::links().into_iter().for_each(|link| drop(visit_all(link, 1))),
        Some("broken") => {
            cases::broken()
                .into_iter()
                .for_each(|(mutation, property, room)| drop(find(mutation, property, room)));
            let links = cases::broken_links().into_iter();
            links.for_each(|(mutation, property, link)| drop(find(mutation, property, link)));
        }
        _ => {
            eprintln!("small, large, links or broken?");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

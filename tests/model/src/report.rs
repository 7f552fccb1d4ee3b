//! A run of the checker, and what is said of it.

use std::{fmt::Debug, hash::Hash, io::Write as _};

use stateright::{Checker as _, HasDiscoveries, Model, Path};

use crate::{
    bounds::{Bounds, Work},
    mutation::Mutation,
    single_link::SingleLink,
};

/// What is said of bounds, in a row of a table.
pub trait Stated {
    fn name(&self) -> &'static str;

    fn row(&self) -> String;
}

impl Stated for Bounds {
    fn name(&self) -> &'static str {
        self.name
    }

    fn row(&self) -> String {
        let commits = self.work.iter().flatten().filter(|work| **work != Work::Send).count();
        format!(
            "{} | {} | {} | {} | {} | {}",
            self.name,
            self.agencies,
            self.seats.len(),
            self.entries() - commits,
            commits,
            self.faults
        )
    }
}

impl Stated for SingleLink {
    fn name(&self) -> &'static str {
        self.name
    }

    fn row(&self) -> String {
        format!("{} | {} | {}", self.name, self.items, self.restores)
    }
}

/// Visits all states, and demands that every property holds in every one of them. Gives the row of
/// the table: bounds, transitions, states, depth.
pub fn visit_all<M>(bounds: M, threads: usize) -> String
where
    M: Model + Stated + Send + Sync + 'static,
    M::State: Debug + Hash + Send + Sync + Clone + PartialEq,
    M::Action: Debug + Clone + PartialEq,
{
    let row = bounds.row();
    let checker =
        bounds.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, unique) = (checker.state_count(), checker.unique_state_count());
    let row = format!("| {row} | {states} | {unique} | {} |", checker.max_depth());
    say(&row);
    for property in checker.model().properties() {
        let found = checker.discovery(property.name);
        match (property.expectation.discovery_is_failure(), found) {
            (true, Some(path)) => panic!("{}:\n{:#?}", property.name, path.into_actions()),
            (false, None) => panic!("never: {}", property.name),
            _ => {}
        }
    }
    row
}

/// Looks for the shortest way in which a property fails that a mistake has broken. Gives the row of
/// the table.
pub fn find<M>(mutation: Mutation, property: &'static str, broken: M) -> String
where
    M: Model + Stated + Send + Sync + 'static,
    M::State: Hash + Send + Sync + Clone + PartialEq,
    M::Action: Clone + PartialEq,
{
    let name = broken.name();
    let checker = broken.checker().spawn_bfs().join();
    let path = checker.discovery(property).map(Path::into_actions);
    let path = path.unwrap_or_else(|| panic!("{mutation:?} is not found within '{name}'"));
    let row = format!("| `{mutation:?}` | {property} | {name} | {} |", path.len());
    say(&row);
    row
}

/// Says something also where a test's output is kept back.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

//! Every property holds in every state; and each is able to fail.

use stateright::{Model, Property};

use crate::{
    cases,
    report::{find, visit_all},
};

const README: &str = include_str!("../README.md");

/// The tables of the README are what was found.
fn stands_in_the_readme(row: &str) {
    assert!(README.contains(row), "README.md has another row than\n{row}");
}

fn holds(name: &str) {
    stands_in_the_readme(&visit_all(cases::small_named(name), 1));
}

#[test]
fn messages() {
    holds("messages");
}

#[test]
fn a_race() {
    holds("a race");
}

#[test]
fn two_invite_one() {
    holds("two invite one");
}

#[test]
fn two_invite_two() {
    holds("two invite two");
}

#[test]
fn a_new_agency() {
    holds("a new agency");
}

#[test]
fn an_own_device() {
    holds("an own device");
}

#[test]
fn removed_and_back() {
    holds("removed and back");
}

#[test]
fn impatience() {
    holds("impatience");
}

#[test]
fn a_hub_restored() {
    holds("a hub restored");
}

#[test]
fn a_follower_restored() {
    holds("a follower restored");
}

#[test]
fn single_links() {
    for link in cases::links() {
        stands_in_the_readme(&visit_all(link, 1));
    }
}

#[test]
fn every_mistake_is_found() {
    for (mutation, property, bounds) in cases::broken() {
        stands_in_the_readme(&find(mutation, property, bounds));
    }
}

#[test]
fn every_mistake_on_a_link_is_found() {
    for (mutation, property, link) in cases::broken_links() {
        stands_in_the_readme(&find(mutation, property, link));
    }
}

#[test]
fn every_property_can_fail() {
    let rooms = cases::small().into_iter().flat_map(|bounds| names(&bounds.properties()));
    let links = cases::links().into_iter().flat_map(|link| names(&link.properties()));
    let broken: Vec<&str> = cases::broken().iter().map(|(_, property, _)| *property).collect();
    let broken_links: Vec<&str> = cases::broken_links().iter().map(|(_, property, _)| *property).collect();
    for property in rooms.chain(links) {
        assert!(broken.contains(&property) || broken_links.contains(&property), "{property}");
    }
}

fn names<M: Model>(properties: &[Property<M>]) -> Vec<&'static str> {
    let failing = properties.iter().filter(|property| property.expectation.discovery_is_failure());
    failing.map(|property| property.name).collect()
}

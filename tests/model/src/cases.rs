//! The bounds that are checked.

use crate::{
    bounds::{
        Bounds, Faults, Seat,
        Work::{self, Commit, Send},
    },
    group::Change::{Add, Remove, Rules},
    mutation::Mutation::{self, *},
    names::{Agency, HUB, User},
    property::{CONSENT, CONVERGES, FATE, NOT_LOST, NOTICED, ONCE, ONE_COMMIT, ONE_ENTRY},
    single_link::{self, SingleLink},
};

/// Faults that make no difference, to any of the properties or to the number of states.
const HARMLESS: Faults =
    Faults { restarts: 1, crashes: 1, lies: 1, silences: 1, impatience: 0, restores: None };

/// Somebody of an agency who is in the room from the beginning, and what their app asks for.
fn member(agency: Agency, user: User, work: &[Work]) -> (Seat, Vec<Work>) {
    (Seat { agency, user, present: true }, work.to_vec())
}

/// Somebody who may be invited.
fn guest(agency: Agency, user: User, work: &[Work]) -> (Seat, Vec<Work>) {
    (Seat { agency, user, present: false }, work.to_vec())
}

fn bounds(name: &'static str, agencies: u8, room: &[(Seat, Vec<Work>)], faults: Faults) -> Bounds {
    let (seats, work) = room.iter().cloned().unzip();
    Bounds { name, agencies, seats, work, faults, mutation: None, only: None }
}

fn restored(agency: Agency) -> Faults {
    Faults { restores: Some(agency), ..Faults::default() }
}

/// What the tests go through.
pub fn small() -> Vec<Bounds> {
    let impatient = Faults { impatience: 1, ..HARMLESS };
    vec![
        bounds("messages", 3, &[member(0, 0, &[Send]), member(1, 1, &[Send]), member(2, 2, &[])], HARMLESS),
        bounds(
            "a race",
            2,
            &[member(0, 0, &[Commit(Rules)]), member(1, 1, &[Commit(Rules), Send])],
            HARMLESS,
        ),
        bounds(
            "two invite one",
            2,
            &[member(0, 0, &[Commit(Add(2))]), member(1, 1, &[Commit(Add(2))]), guest(1, 2, &[Send])],
            HARMLESS,
        ),
        bounds(
            "two invite two",
            2,
            &[
                member(0, 0, &[Commit(Add(2))]),
                member(1, 1, &[Commit(Add(3))]),
                guest(0, 2, &[]),
                guest(1, 3, &[]),
            ],
            HARMLESS,
        ),
        bounds(
            "a new agency",
            3,
            &[member(0, 0, &[Commit(Add(2))]), member(1, 1, &[Send]), guest(2, 2, &[Send])],
            HARMLESS,
        ),
        bounds(
            "an own device",
            2,
            &[member(0, 0, &[]), member(1, 1, &[Send, Commit(Add(2))]), guest(1, 1, &[Send])],
            HARMLESS,
        ),
        bounds(
            "removed and back",
            2,
            &[member(0, 0, &[Commit(Remove(1)), Commit(Add(1))]), member(1, 1, &[Send, Send])],
            HARMLESS,
        ),
        bounds("impatience", 2, &[member(0, 0, &[Send, Commit(Rules)]), member(1, 1, &[Send])], impatient),
        bounds("a hub restored", 2, &[member(0, 0, &[Send]), member(1, 1, &[Send])], restored(HUB)),
        bounds("a follower restored", 2, &[member(0, 0, &[]), member(1, 1, &[Send, Send])], restored(1)),
    ]
}

/// What takes minutes.
pub fn large() -> Vec<Bounds> {
    vec![
        bounds(
            "three agencies speak",
            3,
            &[member(0, 0, &[Send]), member(1, 1, &[Send]), member(2, 2, &[Send])],
            HARMLESS,
        ),
        bounds(
            "a race of three",
            2,
            &[member(0, 0, &[Commit(Rules)]), member(1, 1, &[Commit(Rules)]), member(1, 2, &[Send])],
            HARMLESS,
        ),
        bounds(
            "invited and answered",
            2,
            &[member(0, 0, &[Commit(Add(2)), Send]), member(1, 1, &[Send]), guest(1, 2, &[Send])],
            HARMLESS,
        ),
    ]
}

/// By its name.
pub fn small_named(name: &str) -> Bounds {
    small().into_iter().find(|bounds| bounds.name == name).expect("one of the small ones")
}

pub fn links() -> Vec<SingleLink> {
    let link = |name, items, restores| SingleLink { name, items, restores, mutation: None, only: None };
    vec![link("no store restored", 4, 0), link("stores restored", 3, 2)]
}

/// Which mistake breaks which property, and within which bounds that shows.
pub fn broken() -> Vec<(Mutation, &'static str, Bounds)> {
    let all = [
        (SkipsChain, ONE_ENTRY, "a hub restored"),
        (WelcomesLosers, ONE_ENTRY, "two invite two"),
        (QueuesAfterwards, NOT_LOST, "messages"),
        (SkipsNumbers, NOT_LOST, "a race"),
        (TakesPassedEpochs, ONE_COMMIT, "a race"),
        (ForgetsFates, FATE, "messages"),
        (AnewOnSilence, FATE, "messages"),
        (BelievesUnsigned, FATE, "messages"),
        (SendsBeforeStored, FATE, "messages"),
        (DeniesFirst, FATE, "removed and back"),
        (AsksNobody, CONSENT, "a new agency"),
        (MergesOnAnswer, ONCE, "a race"),
        (MergesOnAnswer, CONVERGES, "two invite two"),
        (LosesIntent, CONVERGES, "two invite two"),
        (ForgetsToGoOn, CONVERGES, "a new agency"),
        (SkipsHashes, NOTICED, "a follower restored"),
        (IgnoresLowAcks, NOTICED, "a follower restored"),
    ];
    let of = |(mutation, property, name)| (mutation, property, small_named(name).broken(mutation, property));
    all.into_iter().map(of).collect()
}

/// The same for a link by itself.
pub fn broken_links() -> Vec<(Mutation, &'static str, SingleLink)> {
    let all = [
        (TakesEarlierLives, single_link::IN_ORDER),
        (SkipsNumbers, single_link::KEPT),
        (SkipsHashes, single_link::KEPT),
        (IgnoresLowAcks, single_link::ARRIVES),
    ];
    let link = |(mutation, property)| {
        let link = links().pop().expect("with stores restored");
        (mutation, property, SingleLink { mutation: Some(mutation), only: Some(property), ..link })
    };
    all.into_iter().map(link).collect()
}

//! Smaller plans that fail in the same way.

use crate::{
    plan::{Plan, Weather},
    run::run,
    world::{Failure, Planted},
};

/// Takes steps away, and faults, as long as the same check fails. Tells how far it is.
pub fn shrink(plan: &Plan, failure: &Failure, planted: Planted, mut tell: impl FnMut(&Plan)) -> Plan {
    let mut best = plan.clone();
    let fails = |plan: &Plan| run(plan, planted, false).failure.is_some_and(|new| new.check == failure.check);
    // Without anything that goes wrong by itself, if that is possible.
    for weather in milder(best.shape.weather) {
        let mut next = best.clone();
        next.shape.weather = weather;
        if fails(&next) {
            best = next;
        }
    }
    let mut size = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut removed = false;
        while at < best.steps.len() {
            let mut next = best.clone();
            let end = (at + size).min(next.steps.len());
            next.steps.drain(at..end);
            if fails(&next) {
                (best, removed) = (next, true);
                tell(&best);
            } else {
                at = end;
            }
        }
        if size == 1 && !removed {
            return best;
        }
        size = (size / 2).max(1);
    }
}

fn milder(weather: Weather) -> [Weather; 6] {
    [
        Weather::default(),
        Weather { lost: 0, ..weather },
        Weather { twice: 0, ..weather },
        Weather { late: 0, ..weather },
        Weather { crash: 0, ..weather },
        Weather { overlap: 0, ..weather },
    ]
}

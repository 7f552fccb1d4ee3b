//! What has to hold in every state.

use std::sync::Arc;

use stateright::Property;

use crate::{
    bounds::{Bounds, Work},
    device::Device,
    log::Entry,
    names::{Device as Name, HUB, MessageId},
    outbox::{State, Task},
    server::Parcel,
    submission::What,
    world::World,
};

pub const ONE_ENTRY: &str = "no two entries at one place of a log";
pub const NOT_LOST: &str = "no accepted entry is lost";
pub const ONE_COMMIT: &str = "at most one commit per epoch";
pub const FATE: &str = "every author learns the fate of what was submitted, and no other";
pub const CONSENT: &str = "no message is encrypted without consent to somebody who came after it was written";
pub const ONCE: &str = "a message is read once by everybody entitled who is past it, and by nobody else";
pub const CONVERGES: &str = "when faults stop, everything converges";
pub const NOTICED: &str = "a store that was put back is noticed, or makes no difference";

/// That the model goes all the way.
pub const ALL_SAID: &str = "everything that was asked for is done, and all is at rest";
pub const TOLD: &str = "somebody notices that a store was put back";

/// Where no store is put back.
pub fn all() -> Vec<Property<Bounds>> {
    vec![
        Property::always(ONE_ENTRY, one_entry),
        Property::always(NOT_LOST, not_lost),
        Property::always(ONE_COMMIT, one_commit),
        Property::always(FATE, fate),
        Property::always(CONSENT, consent),
        Property::always(ONCE, once),
        Property::always(CONVERGES, converges),
        Property::sometimes(ALL_SAID, all_said),
    ]
}

/// Where one is: what it has forgotten is lost, and must not pass for what it was.
pub fn restored() -> Vec<Property<Bounds>> {
    vec![
        Property::always(ONE_ENTRY, one_entry),
        Property::always(ONE_COMMIT, one_commit),
        Property::always(CONSENT, consent),
        Property::always(ONCE, once),
        Property::always(NOTICED, noticed),
        Property::sometimes(TOLD, |_, world| is_told(world)),
        Property::sometimes(ALL_SAID, all_said),
    ]
}

/// Every log that somebody holds is a chain, and they are all parts of one; but a hub whose store was
/// put back has made two.
fn one_entry(bounds: &Bounds, world: &World) -> bool {
    let servers = world.servers.iter().map(|server| &server.log);
    let devices = world.devices.iter().map(|device| &device.log);
    let forked = bounds.faults.restores == Some(HUB) && world.now > 0;
    servers.chain(devices).all(|log| {
        let same = |entry: &Arc<Entry>| world.hub().log.at(entry.seq) == Some(entry);
        log.is_chain() && (forked || log.entries().iter().all(same))
    })
}

/// What was taken is in the hub's log, and at every other agency concerned, or kept for it.
fn not_lost(bounds: &Bounds, world: &World) -> bool {
    let log = &world.hub().log;
    world.history.taken.iter().all(|entry| {
        let concerned = bounds.agencies_of(entry.submission.group.members).without(HUB);
        log.at(entry.seq) == Some(entry)
            && concerned.iter().all(|agency| {
                let outgoing = &world.hub().link(agency).outgoing;
                let kept = outgoing.kept.iter().flat_map(|frame| &frame.items);
                let carries =
                    |parcel: &Parcel| matches!(parcel, Parcel::Entry(waiting, _) if waiting == entry);
                world.server(agency).log.at(entry.seq) == Some(entry)
                    || kept.chain(&outgoing.pending).any(carries)
            })
    })
}

fn one_commit(_: &Bounds, world: &World) -> bool {
    let logs = world.servers.iter().map(|server| &server.log);
    logs.chain(world.devices.iter().map(|device| &device.log)).all(|log| {
        let commits = log.entries().iter().filter(|entry| entry.submission.commit().is_some());
        let epochs: Vec<u8> = commits.map(|entry| entry.submission.group.epoch).collect();
        epochs.iter().enumerate().all(|(place, epoch)| !epochs[..place].contains(epoch))
    })
}

/// A submission meets one fate, a message is taken once; what an author was told is so, and whoever
/// is past the own entry was told. (That everybody is told in the end, [`converges`] says.)
fn fate(bounds: &Bounds, world: &World) -> bool {
    let both =
        |entry: &Arc<Entry>| world.history.refused.iter().any(|refusal| refusal.id == entry.submission.id);
    let known = |name: Name| {
        let device = world.device(name);
        device.outbox.iter().enumerate().all(|(number, task)| told(world, device, name, number, task))
    };
    !world.history.taken.iter().any(both) && bounds.devices().all(known)
}

fn told(world: &World, device: &Device, name: Name, number: usize, task: &Task) -> bool {
    let entries: Vec<&Arc<Entry>> = match task.work {
        Work::Send => {
            let id = MessageId { author: name, number: u8::try_from(number).expect("few tasks") };
            world.history.taken.iter().filter(|entry| entry.submission.what == What::Message(id)).collect()
        }
        Work::Commit(_) => {
            let made = device.made.iter().filter(|made| usize::from(made.task) == number);
            let ids: Vec<_> = made.map(|made| made.submission.id).collect();
            world.history.taken.iter().filter(|entry| ids.contains(&entry.submission.id)).collect()
        }
    };
    let past = |entry: &&Arc<Entry>| device.log.entries().contains(entry);
    let one = match (task.work, task.state) {
        (Work::Send, State::Sent(seq)) => entries.first().is_some_and(|entry| entry.seq == seq),
        (Work::Commit(change), State::Done) => {
            world.history.taken.iter().any(|entry| entry.submission.commit() == Some(change))
        }
        (_, State::Failed(_) | State::Withdrawn) => entries.is_empty(),
        _ => !entries.iter().any(past),
    };
    one && entries.len() <= 1
}

/// Whoever could read what was submitted took part when the app gave the message, or was agreed to;
/// and policy and label are those of that time.
fn consent(bounds: &Bounds, world: &World) -> bool {
    world.devices.iter().all(|device| {
        device.made.iter().filter(|made| made.submission.message().is_some()).all(|made| {
            let (group, task) = (made.submission.group, device.outbox.get(usize::from(made.task)));
            task.is_none_or(|task| {
                bounds.users(group.members).is_within(task.readers) && group.rules <= task.under
            })
        })
    })
}

fn once(bounds: &Bounds, world: &World) -> bool {
    bounds.devices().all(|name| {
        let device = world.device(name);
        let mut read: Vec<MessageId> = Vec::new();
        for entry in device.log.entries() {
            let Some(id) = entry.submission.message() else { continue };
            let entitled = entry.submission.group.members.contains(name);
            if entitled && entry.submission.id.device != name && !read.contains(&id) {
                read.push(id);
            }
        }
        device.read == read
    })
}

/// At rest everybody in the room has the same log and epoch, no queue is left, and every fate is
/// known.
fn converges(bounds: &Bounds, world: &World) -> bool {
    !world.is_at_rest(bounds) || has_converged(bounds, world)
}

fn has_converged(bounds: &Bounds, world: &World) -> bool {
    let hub = world.hub();
    let group = hub.hub.as_ref().expect("the room's hub").group;
    let servers = world.servers.iter().all(|server| {
        let idle =
            |link: &crate::server::Link| link.outgoing.pending.is_empty() && link.outgoing.kept.is_empty();
        let same = !server.is_present() || server.log.tail() == hub.log.tail();
        server.links.iter().all(idle) && same
    });
    servers
        && bounds.devices().all(|name| {
            let device = world.device(name);
            let same = match device.stay {
                Some(stay) => stay.group == group && device.log.tail() == hub.log.tail(),
                None => !group.members.contains(name),
            };
            same && !device.stalled && device.is_idle()
        })
}

/// At rest everything has converged, or somebody was told. Only where something was said since: until
/// then nobody can tell the store from what it was. And a hub's people see a new entry at an old place
/// when the next one comes.
fn noticed(bounds: &Bounds, world: &World) -> bool {
    if world.now == 0 || !world.is_at_rest(bounds) || has_converged(bounds, world) {
        return true;
    }
    let before = world.history.taken.iter().filter(|entry| entry.stamp < world.now);
    let longest = before.map(|entry| entry.seq).max().unwrap_or(0);
    let grown = world.hub().log.end() > longest;
    let waits = world.made_so_far() > world.history.made && !world.devices.iter().all(|d| d.is_idle());
    is_told(world) || !(grown || waits && bounds.faults.restores != Some(HUB))
}

fn is_told(world: &World) -> bool {
    world.servers.iter().any(|server| server.reported) || world.devices.iter().any(|device| device.stalled)
}

fn all_said(bounds: &Bounds, world: &World) -> bool {
    let said = |name: Name| {
        let given = &world.device(name).outbox;
        given.len() == bounds.work[usize::from(name)].len() && given.iter().all(|task| task.state.is_final())
    };
    bounds.devices().all(said) && has_converged(bounds, world) && world.is_at_rest(bounds)
}

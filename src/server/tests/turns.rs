//! Whoever comes too late again and again is waited for, and for a moment only.

use core::time::Duration;

use super::{
    device::Dev,
    hub::{Four, four, refusal},
    world::World,
};
use crate::{
    code::Code,
    ids::{Device, RoomId},
    limits,
    time::Timestamp,
    wire::{device::ReplyBody, log::Submission},
};

const HUB: &str = "a.example";

fn commit(world: &mut World, dev: &mut Dev, room: &RoomId, remove: &[Device]) -> Submission {
    world.settle();
    world.sync(dev);
    dev.commit(room, &[], remove)
}

/// Somebody is quicker than this device.
fn comes_too_late(world: &mut World, (slow, quick): (&mut Dev, &mut Dev), room: &RoomId) {
    let late = commit(world, slow, room, &[]);
    let first = commit(world, quick, room, &[]);
    assert_eq!(quick.submit(world.site(HUB), &first), ReplyBody::Done);
    let refused = slow.submit(world.site(HUB), &late);
    assert_eq!(refusal(refused).0, Code::WrongEpoch);
}

/// The code with which a commit is refused now, and the time from which on it would not be.
fn refused(world: &mut World, dev: &mut Dev, room: &RoomId) -> (Code, Timestamp) {
    let commit = commit(world, dev, room, &[]);
    let ReplyBody::Refusal(refusal) = dev.submit(world.site(HUB), &commit) else { panic!("taken") };
    dev.discard(room);
    (refusal.claimed().reason.code().unwrap(), refusal.claimed().retry_at)
}

fn pass(world: &mut World, by: Duration) {
    for name in [HUB, "b.example", "c.example"] {
        world.site(name).now = world.site(name).now.plus(by);
    }
}

/// SPEC V-582
#[test]
fn a_device_that_came_too_late_three_times_has_the_turn() {
    let Four { mut world, mut anna, mut tablet, mut bert, mut cleo, room } = four();
    for _ in 0..limits::LATE_IN_A_ROW {
        comes_too_late(&mut world, (&mut tablet, &mut anna), &room);
    }
    let until = world.site(HUB).now.plus(limits::TURN);
    assert_eq!(refused(&mut world, &mut anna, &room), (Code::WrongEpoch, until));
    // Those of other agencies wait as well, and that does not count.
    for _ in 0..limits::LATE_IN_A_ROW {
        let waits = commit(&mut world, &mut bert, &room, &[]);
        world.submit(&mut bert, &waits);
        bert.discard(&room);
    }
    // Messages do not wait, nor does what takes somebody out.
    let said = anna.say(&room, "meanwhile");
    assert_eq!(anna.submit(world.site(HUB), &said), ReplyBody::Done);
    let removal = commit(&mut world, &mut anna, &room, std::slice::from_ref(&cleo.id));
    assert_eq!(anna.submit(world.site(HUB), &removal), ReplyBody::Done);
    world.sync(&mut cleo);
    // It is taken, and then it is everybody's turn.
    let own = commit(&mut world, &mut tablet, &room, &[]);
    assert_eq!(tablet.submit(world.site(HUB), &own), ReplyBody::Done);
    let next = commit(&mut world, &mut anna, &room, &[]);
    assert_eq!(anna.submit(world.site(HUB), &next), ReplyBody::Done);
    // And no further one soon for who had it, though it was used.
    for _ in 0..=limits::LATE_IN_A_ROW {
        comes_too_late(&mut world, (&mut tablet, &mut anna), &room);
    }
    let next = commit(&mut world, &mut anna, &room, &[]);
    assert_eq!(anna.submit(world.site(HUB), &next), ReplyBody::Done);
}

/// SPEC V-582: nobody holds a room by coming too late.
#[test]
fn a_turn_ends_and_does_not_come_again_soon() {
    let Four { mut world, mut anna, mut tablet, room, .. } = four();
    for _ in 0..limits::LATE_IN_A_ROW {
        comes_too_late(&mut world, (&mut tablet, &mut anna), &room);
    }
    assert_eq!(refused(&mut world, &mut anna, &room).0, Code::WrongEpoch);
    pass(&mut world, limits::TURN);
    for _ in 0..=limits::LATE_IN_A_ROW {
        comes_too_late(&mut world, (&mut tablet, &mut anna), &room);
    }
    let own = commit(&mut world, &mut anna, &room, &[]);
    assert_eq!(anna.submit(world.site(HUB), &own), ReplyBody::Done);
    pass(&mut world, limits::TURN_EVERY);
    comes_too_late(&mut world, (&mut tablet, &mut anna), &room);
    let until = world.site(HUB).now.plus(limits::TURN);
    assert_eq!(refused(&mut world, &mut anna, &room), (Code::WrongEpoch, until));
}

/// SPEC V-582: one that was taken in between begins the count anew.
#[test]
fn who_is_in_time_now_and_then_has_no_turn() {
    let Four { mut world, mut anna, mut tablet, room, .. } = four();
    for _ in 0..3 {
        for _ in 1..limits::LATE_IN_A_ROW {
            comes_too_late(&mut world, (&mut tablet, &mut anna), &room);
        }
        let own = commit(&mut world, &mut tablet, &room, &[]);
        assert_eq!(tablet.submit(world.site(HUB), &own), ReplyBody::Done);
    }
    let own = commit(&mut world, &mut anna, &room, &[]);
    assert_eq!(anna.submit(world.site(HUB), &own), ReplyBody::Done);
}

/// SPEC V-582: a turn that was given by a clock which has been put back holds nobody up.
#[test]
fn a_turn_of_a_clock_that_was_ahead_is_over() {
    let Four { mut world, mut anna, mut tablet, room, .. } = four();
    let before = world.site(HUB).now;
    world.site(HUB).now = before.plus(Duration::from_secs(480));
    for _ in 0..limits::LATE_IN_A_ROW {
        comes_too_late(&mut world, (&mut tablet, &mut anna), &room);
    }
    world.site(HUB).now = before;
    let own = commit(&mut world, &mut anna, &room, &[]);
    assert_eq!(anna.submit(world.site(HUB), &own), ReplyBody::Done);
}

/// SPEC V-582: the hub counts for some devices alone, and forgets those that it has counted longest.
#[test]
fn of_many_who_come_too_late_the_first_is_forgotten() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut others: Vec<Dev> = (0..=limits::LATE_DEVICES).map(|_| world.further(&anna)).collect();
    let mut all: Vec<&mut Dev> = [&mut anna].into_iter().chain(&mut others).collect();
    let room = world.room(&mut all);
    for slow in &mut others {
        for _ in 1..limits::LATE_IN_A_ROW {
            comes_too_late(&mut world, (slow, &mut anna), &room);
        }
    }
    // The first begins anew, whoever came before it; all others are counted on.
    let (first, second) = others.split_at_mut(1);
    comes_too_late(&mut world, (&mut second[limits::LATE_DEVICES - 1], &mut anna), &room);
    let until = world.site(HUB).now.plus(limits::TURN);
    assert_eq!(refused(&mut world, &mut anna, &room), (Code::WrongEpoch, until));
    pass(&mut world, limits::TURN);
    // Counted on, it would have the turn with the first of these, and hold up the second.
    for _ in 0..limits::LATE_IN_A_ROW {
        comes_too_late(&mut world, (&mut first[0], &mut anna), &room);
    }
    let until = world.site(HUB).now.plus(limits::TURN);
    assert_eq!(refused(&mut world, &mut anna, &room), (Code::WrongEpoch, until));
}

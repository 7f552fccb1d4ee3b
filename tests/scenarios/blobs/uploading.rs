//! Several chunks on the way at one time.

use super::*;

/// 40 chunks.
const LONG: usize = 40 << 16;

/// Everything that waits goes to the server, and everything that it answers comes back: one round trip.
fn round_trip(world: &mut World, phone: usize) {
    world.budget = world.phones[phone].outgoing.len();
    world.settle().unwrap();
    world.budget = usize::MAX;
}

/// SPEC V-680
#[test]
fn a_window_of_chunks_takes_few_round_trips() {
    let mut world = officers(240);
    let room = room(&mut world);
    let file = sealed(&mut world, ANNA, &plain(LONG), DAY * 30);
    share(&mut world, ANNA, room, &file);
    let before = world.hosts[&agency(NORD)].carried.chunks;
    let up = |world: &World| world.hosts[&agency(NORD)].carried.chunks - before;
    let (mut trips, mut most) = (0, 0);
    while up(&world) < 40 {
        let already = up(&world);
        round_trip(&mut world, ANNA);
        most = most.max(up(&world) - already);
        trips += 1;
    }
    // The announcement, and then as many as the window holds.
    assert_eq!((trips, most), (1 + 40 / limits::UPLOAD_WINDOW, limits::UPLOAD_WINDOW));
    world.settle().unwrap();
    let told = fetch(&mut world, BEN, &file.1);
    assert_eq!(opened(&world, BEN, &told, &file.1), plain(LONG));
}

/// SPEC V-683: what was under way when the network went is asked about, and goes again only where it
/// did not arrive.
#[test]
fn a_window_that_was_lost_is_asked_about() {
    let mut world = officers(241);
    let room = room(&mut world);
    let file = sealed(&mut world, ANNA, &plain(LONG), DAY * 30);
    share(&mut world, ANNA, room, &file);
    let before = world.hosts[&agency(NORD)].carried.chunks;
    for _ in 0..3 {
        round_trip(&mut world, ANNA);
    }
    // Half of the next window does not get through.
    at(&mut world, NORD).down = true;
    for _ in 0..limits::UPLOAD_WINDOW {
        world.phones[ANNA].outgoing.pop_back();
    }
    world.settle().unwrap();
    at(&mut world, NORD).down = false;
    world.restart(ANNA).unwrap();
    world.settle().unwrap();
    assert_eq!(world.hosts[&agency(NORD)].carried.chunks - before, 40, "each chunk went up once");
    let told = fetch(&mut world, BEN, &file.1);
    assert_eq!(opened(&world, BEN, &told, &file.1), plain(LONG));
}

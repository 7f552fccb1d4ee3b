//! Text between three servers.

use super::world::World;

#[test]
fn three_agencies_talk() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let mut tablet = world.further(&bert);
    let mut cleo = world.person("cleo@c.example");
    let room = world.room(&mut [&mut anna, &mut bert, &mut tablet, &mut cleo]);

    let hello = anna.say(&room, "hello");
    world.submit(&mut anna, &hello);
    let here = cleo.say(&room, "here");
    world.submit(&mut cleo, &here);
    for dev in [&mut anna, &mut bert, &mut tablet, &mut cleo] {
        world.sync(dev);
    }
    assert_eq!(anna.texts(), ["here"]);
    assert_eq!(bert.texts(), ["hello", "here"]);
    assert_eq!(tablet.texts(), ["hello", "here"]);
    assert_eq!(cleo.texts(), ["hello"]);
    for dev in [&bert, &tablet, &cleo] {
        assert_eq!(dev.tail_hash(&room), anna.tail_hash(&room));
    }
}

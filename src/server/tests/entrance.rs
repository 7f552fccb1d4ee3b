//! The way into a room from outside: to whom it is given, and from whom it is taken (SPEC V-490 to V-493).

use super::{device::Dev, links::push, world::World};
use crate::{
    code::Code,
    identity::fixture::agency,
    ids::{RequestId, RoomId},
    server::{keys::LinkKeys, rows},
    store::Store,
    wire::{
        device::{Entrance, GetEntrance, InboxBody, ReplyBody, RequestBody},
        link::{LinkEntrance, LinkGetEntrance, LinkItem},
    },
};

fn get(room: &RoomId, id: u8, hub: &str) -> GetEntrance {
    GetEntrance { entrance_id: RequestId::from_bytes([id; 16]), room: *room, hub: Some(agency(hub)) }
}

/// What a device is answered.
fn asks(world: &mut World, dev: &mut Dev, get: GetEntrance) -> Entrance {
    let request = dev.request(RequestBody::GetEntrance(get));
    assert_eq!(world.home(&dev.id.user).device(&request).body, ReplyBody::Done);
    // V-544: asked twice, it is answered once.
    assert_eq!(world.home(&dev.id.user).device(&request).body, ReplyBody::Done);
    world.settle();
    world.sync(dev);
    let answers = core::mem::take(&mut dev.inbox);
    let [InboxBody::Entrance(entrance)] = answers.as_slice() else { panic!("one answer") };
    entrance.as_ref().clone()
}

fn code(entrance: &Entrance) -> Option<Code> {
    entrance.outcome.as_ref().err().map(|reason| reason.code().unwrap())
}

/// How many items of an agency a server has refused.
fn refused(world: &mut World, at: &str, from: &str) -> u64 {
    let row = world.site(at).store.get(&LinkKeys::with(&agency(from)).incoming()).unwrap();
    row.map_or(0, |row| rows::read::<rows::InRow>(row).unwrap().refused)
}

/// SPEC V-490
#[test]
fn the_way_in_is_given_to_those_whose_user_is_there() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let mut cleo = world.person("cleo@c.example");
    let mut carl = world.person("carl@a.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    let mut tablet = world.further(&anna);
    let mut phone = world.further(&bert);
    for dev in [&mut tablet, &mut phone] {
        dev.inbox.clear();
        let entrance = asks(&mut world, dev, get(&room, 1, "a.example"));
        let way = entrance.outcome.unwrap();
        let kept = world.site("a.example").store.get(&crate::server::keys::RoomKeys::of(&room).group_info());
        assert_eq!(Some(way.group_info.to_vec()), kept.unwrap());
        assert!(!way.material.evidence.is_empty());
    }
    for dev in [&mut cleo, &mut carl] {
        dev.inbox.clear();
        let of_this = asks(&mut world, dev, get(&room, 2, "a.example"));
        let of_none = asks(&mut world, dev, get(&RoomId::from_bytes([9; 16]), 3, "a.example"));
        assert_eq!((code(&of_this), code(&of_none)), (Some(Code::UnknownRoom), Some(Code::UnknownRoom)));
    }
    // Who is not its hub has none to give; who is no agency cannot be asked.
    for (id, (hub, expected)) in
        (10..).zip([("b.example", Code::UnknownRoom), ("x.example", Code::UnknownAgency)])
    {
        let entrance = asks(&mut world, &mut tablet, get(&room, id, hub));
        assert_eq!(code(&entrance), Some(expected), "{hub}");
    }
}

/// SPEC V-491, V-492
#[test]
fn who_asks_and_who_answers() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    let phone = world.further(&bert);
    let asked = |get| vec![LinkItem::GetEntrance(LinkGetEntrance { device: phone.id.clone(), get })];
    // Not in the name of another agency's device, nor of another hub's rooms.
    push(&mut world, "c.example", "a.example", asked(get(&room, 1, "a.example")));
    assert_eq!(refused(&mut world, "a.example", "c.example"), 1);
    let before = refused(&mut world, "a.example", "b.example");
    push(&mut world, "b.example", "a.example", asked(get(&room, 1, "c.example")));
    assert_eq!(refused(&mut world, "a.example", "b.example"), before + 1);

    let answer = |phone: &Dev, id: u8| {
        let entrance_id = RequestId::from_bytes([id; 16]);
        let entrance = Entrance { entrance_id, room, outcome: Err(Code::UnknownRoom.into()) };
        vec![LinkItem::Entrance(LinkEntrance { device: phone.id.clone(), entrance }.into())]
    };
    // Nobody has asked.
    let before = refused(&mut world, "b.example", "a.example");
    push(&mut world, "a.example", "b.example", answer(&phone, 4));
    assert_eq!(refused(&mut world, "b.example", "a.example"), before + 1);
    // Somebody has; another one than the hub answers, or something else, or twice.
    let mut phone = phone;
    let request = phone.request(RequestBody::GetEntrance(get(&room, 5, "a.example")));
    assert_eq!(world.site("b.example").device(&request).body, ReplyBody::Done);
    push(&mut world, "c.example", "b.example", answer(&phone, 5));
    assert_eq!(refused(&mut world, "b.example", "c.example"), 1);
    push(&mut world, "a.example", "b.example", answer(&phone, 6));
    assert_eq!(refused(&mut world, "b.example", "a.example"), before + 2);
    push(&mut world, "a.example", "b.example", answer(&phone, 5));
    assert_eq!(refused(&mut world, "b.example", "a.example"), before + 2);
    push(&mut world, "a.example", "b.example", answer(&phone, 5));
    assert_eq!(refused(&mut world, "b.example", "a.example"), before + 3);
}

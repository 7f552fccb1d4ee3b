//! The way into a room from outside: to whom it is given, and from whom it is taken (SPEC V-490 to V-493,
//! V-498).

use super::{device::Dev, links::push, world::World};
use crate::{
    code::Code,
    error::Error,
    identity::fixture::agency,
    ids::{RequestId, RoomId},
    limits,
    server::{
        Cache,
        call::Call,
        keys::{self, LinkKeys},
        quota::Quota,
        rows,
    },
    store::{Key, Store},
    wire::{
        device::{Entrance, Failure, GetEntrance, InboxBody, ReplyBody, RequestBody},
        link::{LinkEntrance, LinkGetEntrance, LinkItem},
    },
};

pub(super) fn get(room: &RoomId, id: u8, hub: &str) -> GetEntrance {
    GetEntrance { entrance_id: RequestId::from_bytes([id; 16]), room: *room, hub: Some(agency(hub)) }
}

/// What a device is answered.
pub(super) fn asks(world: &mut World, dev: &mut Dev, get: GetEntrance) -> Entrance {
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
    entrance.outcome.as_ref().err().map(|failure| failure.reason.code().unwrap())
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
        let entrance = Entrance {
            entrance_id,
            room,
            outcome: Err(Failure::of(&Error::new(Code::UnknownRoom, "entrance"))),
        };
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

/// Takes so much of what somebody may ask of a server.
fn take(world: &mut World, at: &str, bucket: Key, quota: Quota, tokens: u64) {
    let site = world.site(at);
    site.call(|_, ctx| {
        let mut cache = Cache::default();
        let mut call = Call::begin(ctx, &mut cache)?;
        call.take(bucket, quota, tokens)?;
        call.finish(())
    })
    .unwrap();
}

/// SPEC V-498
#[test]
fn who_asks_too_often_is_given_nothing_large() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut bert = world.person("bert@b.example");
    let room = world.room(&mut [&mut anna, &mut bert]);
    let mut phone = world.further(&bert);
    let mut tablet = world.further(&anna);
    let asked = |world: &mut World, dev: &mut Dev, id: u8| {
        dev.inbox.clear();
        let entrance = asks(world, dev, get(&room, id, "a.example"));
        if code(&entrance) == Some(Code::Quota) {
            // It says when to come again.
            let now = world.home(&dev.id.user).now;
            let retry_at = entrance.outcome.as_ref().unwrap_err().retry_at;
            assert!(now < retry_at && retry_at <= now.plus(limits::ENTRANCES_EVERY));
        }
        code(&entrance)
    };
    let of_device = Quota { at_once: limits::ENTRANCES, every: limits::ENTRANCES_EVERY };
    let of_agency = Quota { at_once: limits::ENTRANCES_OF_AGENCY, every: limits::ENTRANCES_OF_AGENCY_EVERY };
    // All of an agency, at the hub; it is not counted against the hub's own people.
    let of_b = keys::entrances_of_agency(&agency("b.example"));
    take(&mut world, "a.example", of_b, of_agency, of_agency.at_once);
    assert_eq!(asked(&mut world, &mut phone, 1), Some(Code::Quota));
    assert_eq!(asked(&mut world, &mut tablet, 2), None);
    let later = |world: &mut World| {
        world.sites.iter_mut().for_each(|site| site.now = site.now.plus(limits::ENTRANCES_EVERY));
    };
    later(&mut world);
    assert_eq!(asked(&mut world, &mut phone, 3), None);
    // One device, at its own server: no other.
    take(&mut world, "b.example", keys::entrances_of_device(&phone.id), of_device, limits::ENTRANCES - 2);
    assert_eq!(asked(&mut world, &mut phone, 4), None);
    assert_eq!(asked(&mut world, &mut phone, 5), Some(Code::Quota));
    later(&mut world);
    assert_eq!(asked(&mut world, &mut phone, 6), None);
}

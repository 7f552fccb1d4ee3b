//! Mailboxes in which a user's device meets the next one.

use core::time::Duration;

use bytes::Bytes;

use super::{device::Dev, world::World};
use crate::{
    code::Code,
    ids::RequestId,
    limits,
    server::Output,
    wire::{
        self,
        device::{DeviceMessage, LinkGuest, LinkHost, LinkLetter, Mailbox, ReplyBody, RequestBody},
    },
};

const HOME: &str = "a.example";
const BOX: Mailbox = [7; 16];

fn guest(mailbox: Mailbox, request: Option<&'static [u8]>) -> Vec<u8> {
    let request = request.map(Bytes::from_static);
    let request_id = RequestId::from_bytes([1; 16]);
    wire::encode(&DeviceMessage::Guest(LinkGuest { request_id, mailbox, request })).to_vec()
}

fn host(dev: &mut Dev, mailbox: Mailbox, reply: Option<&'static [u8]>) -> Vec<u8> {
    dev.request(RequestBody::LinkHost(LinkHost { mailbox, reply: reply.map(Bytes::from_static) }))
}

fn letter(bytes: &'static [u8]) -> ReplyBody {
    ReplyBody::Letter(LinkLetter(Bytes::from_static(bytes)))
}

#[test]
fn a_request_goes_in_and_a_reply_comes_out_as_often_as_it_is_asked_for() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let ask = |world: &mut World, message: &[u8]| world.site(HOME).device(message).body;
    for _ in 0..2 {
        assert_eq!(ask(&mut world, &host(&mut anna, BOX, None)), ReplyBody::Pending);
        assert_eq!(ask(&mut world, &guest(BOX, None)), ReplyBody::Pending);
    }
    for _ in 0..2 {
        assert_eq!(ask(&mut world, &guest(BOX, Some(b"request"))), ReplyBody::Done);
        assert_eq!(world.site(HOME).outputs, [Output::DeviceReady(anna.id.clone())]);
        assert_eq!(ask(&mut world, &host(&mut anna, BOX, None)), letter(b"request"));
    }
    for _ in 0..2 {
        assert_eq!(ask(&mut world, &host(&mut anna, BOX, Some(b"reply"))), ReplyBody::Done);
        assert_eq!(ask(&mut world, &guest(BOX, None)), letter(b"reply"));
    }
}

#[test]
fn each_letter_is_left_once() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    world.site(HOME).device(&host(&mut anna, BOX, None));
    assert_eq!(world.site(HOME).refused(&host(&mut anna, BOX, Some(b"early"))), Code::UnknownMailbox);
    world.site(HOME).device(&guest(BOX, Some(b"request")));
    assert_eq!(world.site(HOME).refused(&guest(BOX, Some(b"another"))), Code::LinkOver);
    world.site(HOME).device(&host(&mut anna, BOX, Some(b"reply")));
    assert_eq!(world.site(HOME).refused(&host(&mut anna, BOX, Some(b"another"))), Code::LinkOver);
    assert_eq!(world.site(HOME).device(&guest(BOX, None)).body, letter(b"reply"));
}

#[test]
fn a_stranger_opens_nothing_and_leaves_nothing() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let mut ben = world.person("ben@a.example");
    let before = world.site(HOME).store.clone();
    for message in [guest(BOX, None), guest(BOX, Some(b"request"))] {
        assert_eq!(world.site(HOME).refused(&message), Code::UnknownMailbox);
        assert!(world.site(HOME).store.rows().eq(before.rows()), "a stranger has left something");
    }
    world.site(HOME).device(&host(&mut anna, BOX, None));
    world.site(HOME).device(&guest(BOX, Some(b"request")));
    for reply in [None, Some(b"reply".as_slice())] {
        assert_eq!(world.site(HOME).refused(&host(&mut ben, BOX, reply)), Code::UnknownMailbox);
    }
    // Nor does another agency's server know it.
    assert_eq!(world.site("b.example").refused(&guest(BOX, None)), Code::UnknownMailbox);
}

#[test]
fn a_device_has_one_and_not_for_long() {
    let mut world = World::new();
    let mut anna = world.person("anna@a.example");
    let rows = |world: &mut World| {
        let rows = world.site(HOME).store.rows().filter(|(key, _)| key.starts_with(b"mail/"));
        rows.count()
    };
    for n in 1..=5 {
        world.site(HOME).device(&host(&mut anna, [n; 16], None));
        assert_eq!(rows(&mut world), 1);
    }
    assert_eq!(world.site(HOME).refused(&guest([4; 16], None)), Code::UnknownMailbox);
    world.site(HOME).device(&guest([5; 16], Some(b"request")));

    let site = world.site(HOME);
    site.now = site.now.plus(limits::MAILBOX_KEPT).minus(Duration::from_millis(1));
    assert_eq!(site.device(&host(&mut anna, [5; 16], None)).body, letter(b"request"));
    site.now = site.now.plus(Duration::from_millis(1));
    assert_eq!(site.refused(&guest([5; 16], None)), Code::UnknownMailbox);
    site.call(|server, ctx| server.tick(ctx, 1_000)).unwrap();
    assert_eq!(rows(&mut world), 0);
}

//! What a revocation brings about, step by step (SPEC "Revocation"), measured in exchanges:
//! a message and its answer between two parties.

use crate::support::*;
use verbund::{
    client::{Command, Event},
    code::Code,
    content::Content,
    ids::{Device, RoomId},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLEO: usize = 2;
const LOST: usize = 3;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLEO_ID: &str = "cleo@police.west.example";

/// A room at Nord with Ben of Sued, who has a second device, and Cleo of West; all can revoke.
fn officers(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLEO_ID] {
        net.enrol(name);
    }
    net.enrol_further(BEN);
    [NORD, SUED, WEST].iter().for_each(|name| net.revocable(name));
    let room = net.room(ANNA, &[BEN_ID, CLEO_ID]);
    assert!(net.view(LOST, room).is_some());
    net.wire.clear();
    (net, room)
}

fn lose(net: &mut Net) {
    let device = net.phones[LOST].device.clone();
    net.revoke(SUED, Some((device.user, Some(device.id))));
}

fn frames(net: &Net, from: &str, to: &str) -> usize {
    let wanted = Leg::Frame(agency(from), agency(to));
    net.wire.iter().filter(|(leg, _)| *leg == wanted).count()
}

/// The place at which a device was removed, as a phone read it.
fn removed_at(net: &Net, phone: usize, device: &Device) -> Option<u64> {
    net.phones[phone].events.iter().find_map(|event| match event {
        Event::MembersChanged { seq, devices_removed, .. } if devices_removed.contains(device) => Some(*seq),
        _ => None,
    })
}

fn place_of(net: &Net, phone: usize, body: &str) -> Option<u64> {
    net.phones[phone].events.iter().find_map(|event| match event {
        Event::Message { seq, content: Content::Text(text), .. } if text.body() == body => Some(*seq),
        _ => None,
    })
}

/// SPEC V-299, V-517, V-518, V-566
#[test]
fn a_lost_device_is_cut_off_within_one_exchange_and_out_with_one_commit() {
    let (mut net, room) = officers(180);
    let lost = net.phones[LOST].device.clone();
    net.say(ANNA, room, "before");
    net.settle();
    assert_eq!(net.texts(LOST), ["before"]);
    net.wire.clear();
    lose(&mut net);
    net.settle();
    // One frame from the home server to the hub, and one from there to the third agency.
    assert_eq!((frames(&net, SUED, NORD), frames(&net, NORD, WEST), frames(&net, SUED, WEST)), (1, 1, 0));
    // Somebody speaks: the device is out first, though nobody of its agency did anything.
    net.phones[BEN].online = false;
    net.say(ANNA, room, "after");
    net.settle();
    assert_eq!(removed_at(&net, CLEO, &lost), Some(4));
    assert_eq!(place_of(&net, CLEO, "after"), Some(5));
    let due =
        Event::DeviceDue { room, device: lost.clone(), agency: agency(SUED), list: 2, code: Code::Revoked };
    assert!(net.has(ANNA, &due));
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.settle();
    assert_eq!(net.texts(BEN), ["before", "after"]);
    // It asks in vain, now and later.
    net.resume(LOST);
    net.wait();
    assert_eq!(net.texts(LOST), ["before"]);
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// SPEC V-297, V-299, V-438: one entry for the user, and it is as with a lost device, for all of the
/// user's devices, in all rooms, whichever agency orders them.
#[test]
fn a_user_who_leaves_the_agency_is_out_of_every_room() {
    let (mut net, room) = officers(181);
    let elsewhere = net.room(CLEO, &[ANNA_ID, BEN_ID]);
    // Nobody else has any right in his own one: whoever is due can be removed by anybody.
    let own = net.room(BEN, &[ANNA_ID, CLEO_ID]);
    let devices = [BEN, LOST].map(|phone| net.phones[phone].device.clone());
    for room in [room, elsewhere, own] {
        net.say(ANNA, room, "before");
        net.settle();
    }
    net.wire.clear();
    net.revoke(SUED, Some((user(BEN_ID), None)));
    net.settle();
    // The two hubs elsewhere hear of it with one frame each: Sued speaks with both.
    assert_eq!((frames(&net, SUED, NORD), frames(&net, SUED, WEST)), (1, 1));
    for room in [room, elsewhere, own] {
        net.say(ANNA, room, "after");
        net.settle();
    }
    net.wait();
    for phone in [ANNA, CLEO] {
        let gone = |event: &Event| {
            matches!(event, Event::MembersChanged { removed, devices_removed, .. }
                if *removed == [user(BEN_ID)] && devices.iter().all(|device| devices_removed.contains(device)))
        };
        // Together, by one commit in each room.
        assert_eq!(net.count(phone, gone), 3, "{phone}");
        let after = net.texts(phone).iter().filter(|body| *body == "after").count();
        assert_eq!(after, if phone == CLEO { 3 } else { 0 });
    }
    // His devices are told that they are not served any more, once, and heard nothing since.
    for phone in [BEN, LOST] {
        net.resume(phone);
        net.wait();
        net.resume(phone);
        net.wait();
        assert_eq!(net.count(phone, |event| *event == Event::NotServed { code: Code::Revoked }), 1);
        assert!(net.texts(phone).iter().all(|body| body == "before"));
    }
    for room in [room, elsewhere, own] {
        net.agree(room, &[ANNA, CLEO]);
    }
}

/// SPEC V-453, V-489: nobody was there to remove the lost device. Whoever comes in finds it there, is not kept
/// out for it, and removes it before saying anything.
#[test]
fn a_lost_device_keeps_nobody_from_coming_in() {
    let (mut net, room) = officers(184);
    let tablet = net.enrol_further(ANNA);
    let emil = net.enrol("emil@police.nord.example");
    for phone in [ANNA, BEN, CLEO, LOST] {
        net.phones[phone].online = false;
    }
    lose(&mut net);
    net.settle();
    let lost = net.phones[LOST].device.clone();
    net.command(tablet, |request| Command::Join { request, room, hub: agency(NORD) }).unwrap();
    net.settle();
    net.say(tablet, room, "first the lost one has to go");
    net.wait();
    let removed = removed_at(&net, tablet, &lost).expect("removed");
    // So is who is invited by somebody who has not heard of it: the list comes with the invitation.
    net.phones[ANNA].online = true;
    net.resume(ANNA);
    net.wait();
    assert_eq!(net.texts(ANNA), ["first the lost one has to go"]);
    assert!(place_of(&net, ANNA, "first the lost one has to go").unwrap() > removed);
    let users = vec![user("emil@police.nord.example")];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    for phone in [BEN, CLEO] {
        net.phones[phone].online = true;
        net.resume(phone);
    }
    net.wait();
    net.agree(room, &[ANNA, BEN, CLEO, tablet, emil]);
}

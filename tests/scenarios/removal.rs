//! A device that its user has removed, and servers who would not have it so (SPEC V-268, V-299, V-350
//! to V-354). No revocation list names it: the user's chain alone has to do.

use std::time::Duration;

use crate::support::{forge::dig, *};
use bytes::Bytes;
use verbund::{
    Authority, Due,
    client::{Command, Event},
    code::Code,
    ids::{Device, RequestId, RoomId},
    store::{Ctx, MemoryStore},
};

const BEN: usize = 0;
const CLEO: usize = 1;
const PHONE: usize = 2;
const TABLET: usize = 3;

const BEN_ID: &str = "ben@police.sued.example";
const CLEO_ID: &str = "cleo@police.west.example";
const ANNA_ID: &str = "anna@police.nord.example";

/// Ben of Sued, Cleo of West, Anna of Nord with a phone.
fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    for name in [BEN_ID, CLEO_ID, ANNA_ID] {
        net.enrol(name);
    }
    net
}

/// Anna's tablet; nobody brings it into rooms that are there.
fn add_tablet(net: &mut Net) {
    assert_eq!(net.enrol_further(PHONE), TABLET);
    net.resume(PHONE); // it hears of the tablet
    net.settle();
}

fn tablet(net: &Net) -> Device {
    net.phones[TABLET].device.clone()
}

/// Anna removes her tablet and brings the request to the registrar, who countersigns it. What it gives
/// her she has in her hands; Nord's server gets nothing.
fn removed(net: &mut Net) -> Vec<Bytes> {
    let gone = tablet(net);
    removed_by(net, PHONE, &gone)
}

fn removed_by(net: &mut Net, by: usize, gone: &Device) -> Vec<Bytes> {
    let ctx = Ctx { now: net.now, store: &net.phones[by].store, rng: &mut net.rng };
    let request = net.phones[by].engine.remove_device(ctx, &gone.id).unwrap();
    let desk = &mut net.hosts.get_mut(&agency(NORD)).unwrap().desk;
    let ctx = Ctx { now: net.now, store: &desk.store, rng: &mut net.rng };
    desk.registrar.change(ctx, &request).unwrap().commit(&mut desk.store).unwrap().value.chain
}

/// A device is told by hand.
fn tell(net: &mut Net, phone: usize, links: &[Bytes]) {
    net.call(phone, |engine, ctx| engine.user_chain(ctx, links)).unwrap();
    net.idle(Duration::from_secs(60));
}

/// A server that knows nothing of devices that are gone: it serves the tablet as ever.
fn forget_gone(net: &mut Net, name: &str) {
    let host = net.hosts.get_mut(&agency(name)).unwrap();
    let kept = host.store.rows().filter(|(key, _)| !key.starts_with(b"id/gone/"));
    host.store = kept.map(|(key, row)| (key.to_vec(), row.to_vec())).collect::<MemoryStore>();
    host.engine = verbund::server::Server::new();
}

/// Who has a device out of a room, and by what authority, as somebody there was told.
fn removal(net: &Net, told: usize, room: RoomId, gone: &Device) -> Option<(Device, Authority)> {
    net.phones[told].events.iter().find_map(|event| match event {
        Event::MembersChanged { room: of, by, reasons, devices_removed, .. }
            if *of == room && devices_removed.contains(gone) =>
        {
            reasons.iter().find(|why| why.device == *gone).map(|why| (by.clone(), why.authority))
        }
        _ => None,
    })
}

fn join(net: &mut Net, room: RoomId, hub: &str) -> RequestId {
    net.command(TABLET, |request| Command::Join { request, room, hub: agency(hub) }).unwrap().0
}

fn due(net: &Net, told: usize) -> usize {
    let device = tablet(net);
    net.count(told, |event| matches!(event, Event::DeviceDue { device: due, code: Code::RemovedDevice, .. } if *due == device))
}

/// The home server keeps the removal to itself and serves the tablet. The phone shows it in the room, and
/// then nobody lets the tablet in, by whatever way.
#[test]
fn a_home_server_withholds_a_removal() {
    let mut net = officers(231);
    add_tablet(&mut net);
    let room = net.room(BEN, &[CLEO_ID, ANNA_ID]);
    assert!(net.view(TABLET, room).is_some());
    let links = removed(&mut net);
    tell(&mut net, PHONE, &links);
    let phone = net.phones[PHONE].device.clone();
    for told in [BEN, CLEO, PHONE] {
        assert_eq!(
            removal(&net, told, room, &tablet(&net)),
            Some((phone.clone(), Authority::Due(Due::Removed)))
        );
    }
    // Nord's server has seen the entry with all that goes with it, and takes no notice.
    forget_gone(&mut net, NORD);
    net.resume(TABLET);
    net.wait();
    assert!(net.view(TABLET, room).is_none());
    let request = join(&mut net, room, SUED);
    net.wait();
    assert_eq!(net.failure(TABLET, request), Some(Code::RemovedDevice));
    // Nor does somebody bring it in who invites Anna.
    let users = vec![user(ANNA_ID)];
    net.command(BEN, |request| Command::Invite { request, room, users }).unwrap();
    net.wait();
    net.say(BEN, room, "without the tablet");
    net.settle();
    assert!(net.texts(TABLET).is_empty());
    assert_eq!(net.texts(PHONE), ["without the tablet"]);
    net.agree(room, &[BEN, CLEO, PHONE]);
}

/// SPEC V-352: the tablet was never in the room. The phone shows there that it is gone all the same, once.
#[test]
fn a_device_that_was_never_there_is_kept_out() {
    let mut net = officers(232);
    let room = net.room(BEN, &[CLEO_ID, ANNA_ID]);
    add_tablet(&mut net);
    let links = removed(&mut net);
    let before = net.view(BEN, room).unwrap().seq;
    tell(&mut net, PHONE, &links);
    assert_eq!(net.view(BEN, room).unwrap().seq, before + 1);
    tell(&mut net, PHONE, &links);
    net.wait();
    assert_eq!(net.view(BEN, room).unwrap().seq, before + 1, "it is shown once");
    forget_gone(&mut net, NORD);
    let request = join(&mut net, room, SUED);
    net.wait();
    assert_eq!(net.failure(TABLET, request), Some(Code::RemovedDevice));
    net.say(CLEO, room, "just us");
    net.settle();
    assert!(net.texts(TABLET).is_empty());
    assert_eq!(net.texts(PHONE), ["just us"]);
}

/// SPEC V-299, V-353: none of Anna's other devices is in the room. Cleo, who has learnt of the removal
/// elsewhere, has the lost one out, without any right.
#[test]
fn whoever_knows_has_it_out() {
    let mut net = officers(233);
    let lost = net.phones[PHONE].device.clone();
    let alone = net.room(BEN, &[CLEO_ID, ANNA_ID]);
    add_tablet(&mut net);
    net.room(TABLET, &[CLEO_ID]);
    net.phones[PHONE].online = false;
    let links = removed_by(&mut net, TABLET, &lost);
    tell(&mut net, TABLET, &links);
    net.wait();
    // Shown it is to those of her own room.
    let cleo = net.phones[CLEO].device.clone();
    assert!(net.view(TABLET, alone).is_none());
    assert_eq!(removal(&net, BEN, alone, &lost), Some((cleo, Authority::Due(Due::Removed))));
    net.say(BEN, alone, "afterwards");
    net.settle();
    net.phones[PHONE].online = true;
    forget_gone(&mut net, NORD);
    net.resume(PHONE);
    net.wait();
    assert!(net.texts(PHONE).is_empty());
    assert_eq!(net.texts(CLEO), ["afterwards"]);
}

/// Hub and home server together: the hub takes no removal from anybody. Those who know say nothing more
/// there, until it gives in.
#[test]
fn hub_and_home_server_keep_a_removed_device() {
    let mut net = officers(234);
    add_tablet(&mut net);
    let room = net.room(BEN, &[CLEO_ID, ANNA_ID]);
    let elsewhere = net.room(PHONE, &[CLEO_ID]);
    let before = net.view(CLEO, elsewhere).unwrap().seq;
    net.say(CLEO, room, "before");
    net.settle();
    let links = removed(&mut net);
    // Sued takes nothing for this room, whoever submits it.
    net.rule = Box::new(|leg, bytes| {
        let frame = matches!(leg, Leg::Frame(_, to) if to.as_str() == SUED);
        let lost = frame && !dig(bytes, &[2, 1, 2, 8, 1]).is_empty();
        if lost { Fault::Lost } else { Fault::None }
    });
    tell(&mut net, PHONE, &links);
    forget_gone(&mut net, NORD);
    net.wait();
    assert_eq!(net.view(CLEO, elsewhere).unwrap().seq, before + 1, "shown there");
    net.say(CLEO, room, "after");
    net.wait();
    assert!(due(&net, CLEO) >= 1);
    assert_eq!(net.texts(TABLET), ["before"]);
    net.rule = no_faults();
    net.wait();
    assert!(removal(&net, BEN, room, &tablet(&net)).is_some());
    net.resume(TABLET);
    net.wait();
    assert_eq!(net.texts(TABLET), ["before"]);
    assert_eq!(net.texts(BEN), ["before", "after"]);
    net.agree(room, &[BEN, CLEO, PHONE]);
}

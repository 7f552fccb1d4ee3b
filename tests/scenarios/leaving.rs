//! Leaving a room in which nobody stays: no one is there to carry it out, and all are out all the same.

use crate::{
    support::{officers::*, *},
    trust_list::set_status,
};
use verbund::{
    client::{Command, Event},
    code::Code,
    identity::AgencyStatus,
    ids::{RequestId, RoomId},
    server::Server,
};

fn leave(net: &mut Net, phone: usize, room: RoomId) -> RequestId {
    net.command(phone, |request| Command::Leave { request, room }).unwrap().0
}

/// These phones are out, each was told so once, and no server counts anybody any more.
fn nobody_is_left(net: &Net, room: RoomId, phones: &[usize]) {
    for phone in phones {
        assert!(net.view(*phone, room).is_none(), "{phone}");
        let left = |event: &Event| matches!(event, Event::Left { room: r, .. } if *r == room);
        assert_eq!(net.count(*phone, left), 1, "{phone}");
        let kept = net.phones[*phone].store.rows().filter(|(key, _)| contains(key, room.as_bytes())).count();
        assert!(kept <= 2, "{kept} rows of {phone}: that it was there, and the guard");
    }
    for host in net.hosts.values() {
        assert!(Server::readers(&host.store, &room, None, 10).unwrap().is_empty());
    }
}

fn contains(key: &[u8], part: &[u8]) -> bool {
    key.windows(part.len()).any(|window| window == part)
}

/// SPEC V-599
#[test]
fn the_last_one_leaves() {
    for crash in [false, true] {
        let mut net = officers(31);
        let room = net.room(CLARA, &[]);
        let request = leave(&mut net, CLARA, room);
        if crash {
            net.restart(CLARA);
            net.crash_server(WEST);
        }
        net.settle();
        assert!(net.is_done(CLARA, request));
        nobody_is_left(&net, room, &[CLARA]);
        // A room that is over is none any more.
        let users = vec![user(BEN_ID)];
        let refused = net.command(CLARA, |request| Command::Invite { request, room, users });
        assert_eq!(refused.unwrap_err().code(), Code::UnknownRoom);
    }
}

/// SPEC V-599: with all devices, whichever asks; one that was away reads it when it is back.
#[test]
fn the_last_one_leaves_with_all_devices() {
    for (asks, away) in [(ANNA, TABLET), (TABLET, ANNA)] {
        let mut net = officers(32);
        let room = net.room(ANNA, &[]);
        assert!(net.view(TABLET, room).is_some());
        net.phones[away].online = false;
        let request = leave(&mut net, asks, room);
        net.wait();
        assert!(net.is_done(asks, request));
        assert!(net.view(away, room).is_some());
        net.phones[away].online = true;
        net.resume(away);
        net.wait();
        nobody_is_left(&net, room, &[ANNA, TABLET]);
        let all = |event: &Event| {
            matches!(event, Event::MembersChanged { left, devices_removed, .. }
            if *left == [user(ANNA_ID)] && !devices_removed.is_empty())
        };
        assert_eq!(net.count(away, all), 1);
    }
}

/// SPEC V-599: whoever is last, on three servers, and what is lost on the way comes again.
#[test]
fn all_leave_at_one_moment() {
    for lossy in [false, true] {
        let mut net = officers(33);
        let room = net.room(BEN, &[ANNA_ID, CLARA_ID]);
        if lossy {
            let mut number = 0;
            net.rule = Box::new(move |_, _| {
                number += 1;
                if number % 3 == 0 { Fault::Lost } else { Fault::None }
            });
        }
        let asked: Vec<_> = [ANNA, BEN, CLARA].map(|phone| (phone, leave(&mut net, phone, room))).into();
        net.wait();
        net.rule = no_faults();
        net.wait();
        for (phone, request) in asked {
            assert!(net.is_done(phone, request), "{phone}, lossy: {lossy}");
        }
        nobody_is_left(&net, room, &[ANNA, TABLET, BEN, CLARA]);
        // The hub keeps the log for who has not read it, and nothing that only members need.
        let rows = net.hosts[&agency(SUED)].store.rows().filter(|(key, _)| contains(key, room.as_bytes()));
        let bytes: usize = rows.map(|(_, value)| value.len()).sum();
        assert!(bytes < 40_000, "{bytes}");
    }
}

/// SPEC V-599: whoever waits to be taken out takes out those who count no more, and is the last then.
#[test]
fn whoever_waits_for_somebody_who_is_gone_goes_alone() {
    let mut net = officers(34);
    net.revocable(SUED);
    let room = net.room(ANNA, &[BEN_ID]);
    net.phones[BEN].online = false;
    let request = leave(&mut net, ANNA, room);
    net.wait();
    // Ben could still see to it.
    assert!(!net.is_done(ANNA, request) && net.view(ANNA, room).is_some());
    net.revoke(SUED, Some((user(BEN_ID), None)));
    net.wait();
    assert!(net.is_done(ANNA, request));
    nobody_is_left(&net, room, &[ANNA, TABLET]);
}

/// SPEC V-599, V-299: an agency that is suspended is out, as from any room. The device asks by itself
/// when it hears of it.
#[test]
fn whoever_waits_for_a_suspended_agency_goes_alone() {
    let mut net = officers(35);
    let room = net.room(CLARA, &[BEN_ID]);
    net.phones[BEN].online = false;
    let request = leave(&mut net, CLARA, room);
    net.wait();
    assert!(!net.is_done(CLARA, request));
    let list = set_status(&mut net, SUED, AgencyStatus::Suspended);
    net.trust_list(WEST, &list);
    net.idle(std::time::Duration::from_secs(3_600));
    assert!(net.is_done(CLARA, request));
    assert!(net.view(CLARA, room).is_none());
    // When it is back, its people read that they were taken out.
    let list = set_status(&mut net, SUED, AgencyStatus::Active);
    [NORD, SUED, WEST].iter().for_each(|at| net.bring_trust_lists(at, &list));
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.wait();
    nobody_is_left(&net, room, &[BEN, CLARA]);
}

/// SPEC V-599: of a leaving and an invitation that meet, what the log has first counts.
#[test]
fn somebody_is_invited_meanwhile() {
    for invited_first in [true, false] {
        let mut net = officers(36);
        let room = net.room(ANNA, &[]);
        // The tablet invites, the phone leaves; one of them is on the way until the other has come.
        let users = vec![user(CLARA_ID)];
        let (invite, _) = net.command(TABLET, |request| Command::Invite { request, room, users }).unwrap();
        let (late, early) = if invited_first { (ANNA, TABLET) } else { (TABLET, ANNA) };
        let request = leave(&mut net, ANNA, room);
        net.phones[late].online = false;
        net.settle();
        net.phones[late].online = true;
        net.resume(late);
        net.wait();
        assert!(net.is_done(ANNA, request), "{invited_first}, {early}");
        for phone in [ANNA, TABLET] {
            assert!(net.view(phone, room).is_none());
        }
        assert_eq!(net.is_done(TABLET, invite), invited_first);
        assert_eq!(net.view(CLARA, room).is_some(), invited_first);
    }
}

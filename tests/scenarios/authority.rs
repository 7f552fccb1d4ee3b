//! Who may change what, as apps ask for it and are told of it.

use core::time::Duration;

use crate::support::*;
use verbund::{
    Authority, Due, JoinRule, Least, Listing, Policy, Right, Role, RoomChange, RoomKind,
    client::{Command, Event},
    code::Code,
    ids::{RequestId, RoomId},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLARA: usize = 2;
const DIRK: usize = 3;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLARA_ID: &str = "clara@police.west.example";
const DIRK_ID: &str = "dirk@police.sued.example";

fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLARA_ID, DIRK_ID] {
        net.enrol(name);
    }
    net
}

/// Carries a command out to its end.
fn done(net: &mut Net, phone: usize, command: impl FnOnce(RequestId) -> Command) -> Result<(), Code> {
    let (request, _) = net.command(phone, command).map_err(|error| error.code())?;
    net.settle();
    match net.failure(phone, request) {
        Some(code) => Err(code),
        None => {
            assert!(net.is_done(phone, request));
            Ok(())
        }
    }
}

fn give(net: &mut Net, phone: usize, room: RoomId, whom: &str, role: Role) -> Result<(), Code> {
    done(net, phone, |request| Command::SetRole { request, room, user: user(whom), role })
}

/// What a phone's app could show of a room's changes, in order.
fn told(net: &Net, phone: usize) -> Vec<String> {
    net.phones[phone].events.iter().flat_map(Event::describe).collect()
}

#[test]
fn each_change_is_made_shown_and_told() {
    let mut net = officers(190);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID, DIRK_ID]);
    let before = told(&net, BEN).len();
    let mut policy = Policy::of(RoomKind::Topic);
    policy.describe = Role::Moderator;
    let join = JoinRule::Agencies([agency(WEST)].into());
    let listing = Listing::new("Marathon", "Who stands where.").unwrap();
    let end = BEGIN.plus(Duration::from_secs(86_400));
    let kept = Duration::from_secs(3_600);
    assert_eq!(give(&mut net, ANNA, room, BEN_ID, Role::AgencyAdmin), Ok(()));
    assert_eq!(done(&mut net, ANNA, |request| Command::SetPolicy { request, room, policy }), Ok(()));
    let (rule, shown) = (join.clone(), Some(listing.clone()));
    assert_eq!(done(&mut net, ANNA, |request| Command::SetJoinRule { request, room, join: rule }), Ok(()));
    assert_eq!(done(&mut net, ANNA, |request| Command::SetListing { request, room, listing: shown }), Ok(()));
    let retention = Some(kept);
    assert_eq!(done(&mut net, ANNA, |request| Command::SetRetention { request, room, retention }), Ok(()));
    let ends_at = Some(end);
    assert_eq!(done(&mut net, ANNA, |request| Command::SetEnd { request, room, ends_at }), Ok(()));
    let users = vec![user(CLARA_ID)];
    assert_eq!(done(&mut net, ANNA, |request| Command::Ban { request, room, users }), Ok(()));

    let view = net.view(BEN, room).unwrap();
    assert_eq!((view.kind, view.policy, view.join), (RoomKind::Group, policy, join));
    assert_eq!((view.listing, view.retention, view.ends_at), (Some(listing), Some(kept), Some(end)));
    assert_eq!(view.roles, [(user(ANNA_ID), Role::Admin), (user(BEN_ID), Role::AgencyAdmin)].into());
    assert_eq!(view.bans, [user(CLARA_ID)].into());
    assert!(view.governed && view.archives.is_empty());
    assert!(net.view(CLARA, room).is_none());
    let users = vec![user(CLARA_ID)];
    assert_eq!(
        net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap_err().code(),
        Code::Banned
    );
    let users = vec![user(CLARA_ID)];
    assert_eq!(done(&mut net, ANNA, |request| Command::Unban { request, room, users }), Ok(()));
    let users = vec![user(CLARA_ID)];
    assert_eq!(done(&mut net, ANNA, |request| Command::Invite { request, room, users }), Ok(()));
    assert!(net.view(CLARA, room).unwrap().bans.is_empty());

    let govern = "as admin, with the right to govern the room";
    let ends = end.to_string();
    let expected = [
        format!(
            "{ANNA_ID} made {BEN_ID} agency admin (before: member), as admin, with the right to give roles"
        ),
        format!("{ANNA_ID} changed who may send, describe the room, {govern}"),
        format!("{ANNA_ID} opened the room to users of {WEST}, {govern}"),
        format!("{ANNA_ID} listed the room publicly as \u{201c}Marathon\u{201d}, {govern}"),
        format!("{ANNA_ID} changed how long messages are kept to 3600 seconds, {govern}"),
        format!(
            "{ANNA_ID} changed the room's end to {ends} seconds after the beginning of 1970 (UTC), {govern}"
        ),
        format!("{ANNA_ID} removed {CLARA_ID}, as admin, with the right to remove"),
        format!("{ANNA_ID} banned {CLARA_ID}, as admin, with the right to ban"),
        format!("{ANNA_ID} took back the ban of {CLARA_ID}, as admin, with the right to ban"),
        format!("{ANNA_ID} added {CLARA_ID}, as admin, with the right to invite"),
    ];
    assert_eq!(told(&net, BEN)[before..], expected);
    assert_eq!(told(&net, DIRK)[before..], expected);
    // The fields say the same: from what to what.
    let changes = net.phones[BEN].events.iter().filter_map(|event| match event {
        Event::RoomChanged { changes, .. } => Some(changes.clone()),
        _ => None,
    });
    let whats: Vec<_> = changes.flatten().map(|changed| changed.what).collect();
    assert!(whats.contains(&RoomChange::Policy(Policy::default(), policy)));
    assert!(whats.contains(&RoomChange::Retention(None, Some(kept))));
    net.agree(room, &[ANNA, BEN, CLARA, DIRK]);
}

#[test]
fn what_is_so_already_is_done_and_nothing_is_told() {
    let mut net = officers(191);
    let room = net.room(ANNA, &[BEN_ID]);
    let seen = net.phones[BEN].events.len();
    let at = net.view(BEN, room).unwrap().seq;
    assert_eq!(give(&mut net, ANNA, room, BEN_ID, Role::Member), Ok(()));
    let join = JoinRule::Invitation;
    assert_eq!(done(&mut net, ANNA, |request| Command::SetJoinRule { request, room, join }), Ok(()));
    let users = vec![user(CLARA_ID)];
    assert_eq!(done(&mut net, ANNA, |request| Command::Unban { request, room, users }), Ok(()));
    assert_eq!((net.phones[BEN].events.len(), net.view(BEN, room).unwrap().seq), (seen, at));
}

#[test]
fn an_agencys_admin_looks_after_the_own_people_alone() {
    let mut net = officers(192);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    let invite = |net: &mut Net, phone: usize, whom: &str| {
        let users = vec![user(whom)];
        done(net, phone, |request| Command::Invite { request, room, users })
    };
    // Who may not invite learns it at once.
    let users = vec![user(DIRK_ID)];
    let refused = net.command(BEN, |request| Command::Invite { request, room, users }).unwrap_err();
    assert_eq!(refused.code(), Code::NotPermitted);
    assert_eq!(give(&mut net, ANNA, room, BEN_ID, Role::AgencyAdmin), Ok(()));
    assert_eq!(invite(&mut net, BEN, "eva@police.west.example"), Err(Code::NotPermitted));
    assert_eq!(invite(&mut net, BEN, DIRK_ID), Ok(()));
    assert_eq!(give(&mut net, BEN, room, DIRK_ID, Role::AgencyAdmin), Ok(()));
    assert_eq!(give(&mut net, BEN, room, DIRK_ID, Role::Moderator), Err(Code::NotPermitted));
    assert_eq!(give(&mut net, BEN, room, CLARA_ID, Role::AgencyAdmin), Err(Code::NotPermitted));
    let remove = |net: &mut Net, whom: &str| {
        let users = vec![user(whom)];
        done(net, BEN, |request| Command::Remove { request, room, users })
    };
    assert_eq!(remove(&mut net, CLARA_ID), Err(Code::NotPermitted));
    assert_eq!(remove(&mut net, DIRK_ID), Ok(()));
    let words =
        format!("{BEN_ID} removed {DIRK_ID}, as agency admin, with the right to remove for the own agency");
    assert_eq!(told(&net, CLARA).last(), Some(&words));
    net.agree(room, &[ANNA, BEN, CLARA]);
}

#[test]
fn rules_that_no_room_can_have_are_refused_at_once() {
    let mut net = officers(193);
    let room = net.room(ANNA, &[BEN_ID]);
    let mut policy = Policy::default();
    policy.invite = Least::new(Role::Member, Role::Admin);
    let code = |error: verbund::Error| error.code();
    let set = net.command(ANNA, |request| Command::SetPolicy { request, room, policy });
    assert_eq!(set.map_err(code).err(), Some(Code::BadArgument));
    let agencies = JoinRule::Agencies([].into());
    let set = net.command(ANNA, |request| Command::SetJoinRule { request, room, join: agencies });
    assert_eq!(set.map_err(code).err(), Some(Code::BadArgument));
    let retention = Some(Duration::ZERO);
    let set = net.command(ANNA, |request| Command::SetRetention { request, room, retention });
    assert_eq!(set.map_err(code).err(), Some(Code::BadArgument));
    let (kind, invite) = (RoomKind::Group, Vec::new());
    let made = net.command(ANNA, |request| {
        let name = "Streife".into();
        Command::CreateRoom { request, kind, name, policy, invite }
    });
    assert_eq!(made.map_err(code).err(), Some(Code::BadArgument));
    for (kind, ends_at) in [(RoomKind::Operation, None), (RoomKind::Operation, Some(BEGIN))] {
        let made = net.command(ANNA, |request| {
            let (name, policy, invite) = ("Streife".into(), Policy::default(), Vec::new());
            match ends_at {
                None => Command::CreateRoom { request, kind, name, policy, invite },
                Some(ends_at) => Command::CreateOperation { request, name, policy, ends_at, invite },
            }
        });
        assert_eq!(made.map_err(code).err(), Some(Code::BadArgument));
    }
}

/// SPEC V-449, V-473
#[test]
fn an_operation_ends() {
    let mut net = officers(194);
    let ends_at = BEGIN.plus(Duration::from_secs(7_200));
    let (room, _) = net
        .command(ANNA, |request| {
            let (name, policy) = ("Marathon".into(), Policy::of(RoomKind::Operation));
            let invite = vec![user(BEN_ID), user(CLARA_ID)];
            Command::CreateOperation { request, name, policy, ends_at, invite }
        })
        .map(|(_, receipt)| (receipt.room.unwrap(), ()))
        .unwrap();
    net.settle();
    let view = net.view(BEN, room).unwrap();
    assert_eq!((view.kind, view.ends_at), (RoomKind::Operation, Some(ends_at)));
    // Its admins are of the lead agency, and it has an end.
    assert_eq!(give(&mut net, ANNA, room, BEN_ID, Role::Admin), Err(Code::NotPermitted));
    assert_eq!(give(&mut net, ANNA, room, BEN_ID, Role::Moderator), Ok(()));
    let none = net.command(ANNA, |request| Command::SetEnd { request, room, ends_at: None });
    assert_eq!(none.map(drop).unwrap_err().code(), Code::BadArgument);
    // It is put off, in time.
    let ends_at = BEGIN.plus(Duration::from_secs(10_800));
    let later = Some(ends_at);
    assert_eq!(done(&mut net, ANNA, |request| Command::SetEnd { request, room, ends_at: later }), Ok(()));
    net.pass(Duration::from_secs(7_200));
    net.wait();
    net.say(BEN, room, "still here");
    net.settle();
    assert_eq!(net.texts(ANNA), ["still here"]);
    let ended = Event::RoomEnded { room, at: ends_at };
    assert!(!net.has(ANNA, &ended));
    // The end: everybody is told, once.
    net.pass(Duration::from_secs(3_600));
    net.wait();
    for phone in [ANNA, BEN, CLARA] {
        net.resume(phone);
        net.settle();
        assert_eq!(net.count(phone, |event| *event == ended), 1, "{phone}");
    }
    let said =
        net.command(BEN, |request| Command::Send { request, room, content: text("x"), lifetime: None });
    assert_eq!(said.map(drop).unwrap_err().code(), Code::RoomEnded);
    let users = vec![user(DIRK_ID)];
    let invited = net.command(ANNA, |request| Command::Invite { request, room, users });
    assert_eq!(invited.map(drop).unwrap_err().code(), Code::RoomEnded);
    let later = Some(ends_at.plus(Duration::from_secs(60)));
    let put_off = done(&mut net, ANNA, |request| Command::SetEnd { request, room, ends_at: later });
    assert_eq!(put_off, Err(Code::RoomEnded));
    // People go.
    let (request, _) = net.command(CLARA, |request| Command::Leave { request, room }).unwrap();
    net.settle();
    net.wait();
    assert!(net.is_done(CLARA, request) && net.view(CLARA, room).is_none());
    let users = vec![user(BEN_ID)];
    assert_eq!(done(&mut net, ANNA, |request| Command::Remove { request, room, users }), Ok(()));
    assert!(net.view(BEN, room).is_none());
}

/// SPEC V-448
#[test]
fn a_member_without_any_right_removes_a_revoked_device() {
    let mut net = officers(195);
    let lost = net.enrol_further(BEN);
    [NORD, SUED, WEST].iter().for_each(|name| net.revocable(name));
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    assert!(net.view(lost, room).is_some());
    let device = net.phones[lost].device.clone();
    net.revoke(SUED, Some((device.user.clone(), Some(device.id))));
    net.phones[ANNA].online = false;
    net.phones[BEN].online = false;
    net.settle();
    // Clara has no right to remove anybody, and is the only one who is there.
    net.say(CLARA, room, "after");
    net.settle();
    let reason = net.phones[CLARA].events.iter().find_map(|event| match event {
        Event::MembersChanged { by, reasons, devices_removed, .. }
            if *devices_removed == [device.clone()] =>
        {
            Some((by.user.clone(), reasons[0].authority))
        }
        _ => None,
    });
    assert_eq!(reason, Some((user(CLARA_ID), Authority::Due(Due::Revoked))));
    let words =
        format!("{CLARA_ID} removed a device of {BEN_ID}, because the device was revoked by its agency");
    assert_eq!(told(&net, CLARA).last(), Some(&words));
    net.phones[ANNA].online = true;
    net.phones[BEN].online = true;
    net.resume(ANNA);
    net.resume(BEN);
    net.settle();
    assert_eq!((net.texts(ANNA), net.texts(BEN)), (vec!["after".to_owned()], vec!["after".to_owned()]));
    net.agree(room, &[ANNA, BEN, CLARA]);
}

/// SPEC V-445
#[test]
fn the_last_admin_leaves_and_nobody_governs() {
    let mut net = officers(196);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    assert_eq!(give(&mut net, ANNA, room, ANNA_ID, Role::Member), Err(Code::LastGovernor));
    net.command(ANNA, |request| Command::Leave { request, room }).unwrap();
    net.settle();
    net.wait();
    assert!(net.view(ANNA, room).is_none());
    assert!(!net.view(BEN, room).unwrap().governed);
    assert_eq!(told(&net, BEN).last(), Some(&format!("{ANNA_ID} left by their own will")));
    net.say(BEN, room, "we go on");
    net.settle();
    assert_eq!(net.texts(CLARA), ["we go on"]);
    assert_eq!(give(&mut net, BEN, room, BEN_ID, Role::Admin), Err(Code::NotPermitted));
}

#[test]
fn another_name_is_told_with_the_former_one() {
    let mut net = officers(197);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    let name = Some("Nacht".to_owned());
    let describe = |request| Command::Describe { request, room, name, topic: None, label: None };
    assert_eq!(done(&mut net, ANNA, describe), Ok(()));
    let words = format!(
        "{ANNA_ID} changed the name from \u{201c}Red bicycle\u{201d} to \u{201c}Nacht\u{201d}, as admin, with the right to describe the room"
    );
    assert_eq!(told(&net, CLARA).last(), Some(&words));
    let describe = Authority::Right { right: Right::Describe, role: Role::Admin, own_agency: false };
    assert!(
        net.count(CLARA, |event| {
            matches!(event, Event::RoomChanged { changes, .. } if changes[0].authority == describe)
        }) == 1
    );
}

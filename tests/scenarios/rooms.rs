//! Rooms of three agencies through both engines: who comes, who goes, who may what, and that
//! everybody ends with the same history.

use crate::support::{officers::*, *};
use verbund::{
    Policy, Role,
    client::{Command, Event},
    code::Code,
    ids::RoomId,
};

const ALL: [usize; 4] = [ANNA, TABLET, BEN, CLARA];

fn together(seed: u8) -> (Net, RoomId) {
    let mut net = officers(seed);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    net.agree(room, &ALL);
    (net, room)
}

fn promote(net: &mut Net, room: RoomId, name: &str) {
    let user = user(name);
    let (request, _) =
        net.command(ANNA, |request| Command::SetRole { request, room, user, role: Role::Admin }).unwrap();
    net.settle();
    assert!(net.is_done(ANNA, request));
}

#[test]
fn a_room_over_three_agencies_brings_everybody_with_all_their_devices() {
    let (mut net, room) = together(21);
    let name = || "Red bicycle".to_owned();
    assert!(net.has(ANNA, &Event::RoomCreated { room, name: name() }));
    for phone in [TABLET, BEN, CLARA] {
        let joined = |e: &Event| {
            matches!(e, Event::Joined { room: r, name: Some(n), by, .. }
                if *r == room && *n == name() && by.user.as_str() == ANNA_ID)
        };
        assert_eq!(net.count(phone, joined), 1);
    }
    for (phone, body) in [(ANNA, "a"), (TABLET, "t"), (BEN, "b"), (CLARA, "c")] {
        net.say(phone, room, body);
        net.settle();
    }
    assert_eq!(net.texts(ANNA), ["t", "b", "c"]);
    assert_eq!(net.texts(TABLET), ["a", "b", "c"]);
    assert_eq!(net.texts(BEN), ["a", "t", "c"]);
    assert_eq!(net.texts(CLARA), ["a", "t", "b"]);
    net.agree(room, &ALL);
}

#[test]
fn what_all_say_at_once_has_one_order_and_one_hash_everywhere() {
    let (mut net, room) = together(22);
    for round in 0..3 {
        for phone in ALL {
            net.say(phone, room, &format!("{phone} says {round}"));
        }
    }
    net.settle();
    let history = net.history(ANNA);
    assert_eq!(history.len(), 12);
    assert!(history.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for phone in ALL {
        assert_eq!(net.history(phone), history);
    }
    net.agree(room, &ALL);
    // What one device says stays in its order.
    let of_ben: Vec<_> = net.texts(CLARA).into_iter().filter(|t| t.starts_with("2 ")).collect();
    assert_eq!(of_ben, ["2 says 0", "2 says 1", "2 says 2"]);
}

#[test]
fn whoever_is_removed_gets_nothing_more_and_can_send_nothing() {
    let (mut net, room) = together(23);
    let users = vec![user(BEN_ID)];
    let (request, _) = net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
    net.settle();
    assert!(net.is_done(ANNA, request));
    assert_eq!(net.count(BEN, |e| matches!(e, Event::Left { room: r, .. } if *r == room)), 1);
    assert!(net.view(BEN, room).is_none());
    let removed = |e: &Event| {
        matches!(e, Event::MembersChanged { removed, left, .. }
        if *removed == [user(BEN_ID)] && left.is_empty())
    };
    assert_eq!(net.count(CLARA, removed), 1);

    let from = net.wire.len();
    net.say(ANNA, room, "secret");
    net.wait();
    assert_eq!(net.texts(CLARA), ["secret"]);
    assert!(net.texts(BEN).is_empty());
    // Not even sealed: nothing of the room goes to Ben's agency.
    let frames =
        net.wire[from..].iter().filter(|(leg, _)| matches!(leg, Leg::Frame(_, to) if to.as_str() == SUED));
    assert_eq!(frames.count(), 0);
    let error =
        net.command(BEN, |request| Command::Send { request, room, content: text("me?"), lifetime: None });
    assert_eq!(error.unwrap_err().code(), Code::UnknownRoom);
    net.agree(room, &[ANNA, TABLET, CLARA]);
}

#[test]
fn a_message_of_somebody_who_was_removed_meanwhile_fails() {
    let (mut net, room) = together(24);
    net.phones[BEN].online = false;
    let users = vec![user(BEN_ID)];
    net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
    net.settle();
    let request = net.say(BEN, room, "too late");
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.wait();
    assert_eq!(net.failure(BEN, request), Some(Code::NotMember));
    assert!(net.texts(ANNA).is_empty());
    assert!(net.phones[BEN].outgoing.is_empty());
}

#[test]
fn whoever_is_invited_again_reads_on_from_there() {
    let (mut net, room) = together(25);
    let users = || vec![user(BEN_ID)];
    net.command(ANNA, |request| Command::Remove { request, room, users: users() }).unwrap();
    net.settle();
    net.say(ANNA, room, "without ben");
    net.settle();
    let (request, _) =
        net.command(ANNA, |request| Command::Invite { request, room, users: users() }).unwrap();
    net.settle();
    assert!(net.is_done(ANNA, request));
    net.say(CLARA, room, "welcome back");
    net.settle();
    net.say(BEN, room, "thanks");
    net.settle();
    assert_eq!(net.texts(BEN), ["welcome back"]);
    assert_eq!(net.texts(ANNA), ["welcome back", "thanks"]);
    net.agree(room, &ALL);
}

#[test]
fn a_phone_that_slept_through_its_removal_and_its_return_is_there_again() {
    let (mut net, room) = together(26);
    net.phones[BEN].online = false;
    let users = || vec![user(BEN_ID)];
    for body in ["one", "two"] {
        net.say(CLARA, room, body);
    }
    net.settle();
    net.command(ANNA, |request| Command::Remove { request, room, users: users() }).unwrap();
    net.settle();
    net.say(ANNA, room, "without ben");
    net.settle();
    net.command(ANNA, |request| Command::Invite { request, room, users: users() }).unwrap();
    net.settle();
    net.say(ANNA, room, "with ben");
    net.settle();
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.wait();
    assert_eq!(net.texts(BEN), ["one", "two", "with ben"]);
    assert_eq!(net.count(BEN, |e| matches!(e, Event::InvitationFailed { .. })), 0);
    net.agree(room, &ALL);
}

#[test]
fn an_invitation_that_comes_before_the_removal_has_been_read_waits_for_it() {
    let (mut net, room) = together(39);
    net.phones[BEN].online = false;
    // More than one delivery holds, so that the removal comes only with the next.
    for _ in 0..verbund::limits::DELIVERY_ENTRIES {
        net.say(CLARA, room, "again");
    }
    net.settle();
    let users = || vec![user(BEN_ID)];
    net.command(ANNA, |request| Command::Remove { request, room, users: users() }).unwrap();
    net.settle();
    net.command(ANNA, |request| Command::Invite { request, room, users: users() }).unwrap();
    net.settle();
    net.say(ANNA, room, "with ben");
    net.settle();
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.wait();
    assert_eq!(net.texts(BEN).len(), verbund::limits::DELIVERY_ENTRIES + 1);
    assert_eq!(net.count(BEN, |e| matches!(e, Event::InvitationFailed { .. })), 0);
    net.agree(room, &ALL);
}

#[test]
fn an_older_invitation_that_comes_after_a_newer_one_is_passed_over() {
    let mut net = officers(40);
    let room = net.room(ANNA, &[BEN_ID]);
    let users = || vec![user(CLARA_ID)];
    net.phones[CLARA].online = false;
    for _ in 0..2 {
        net.command(ANNA, |request| Command::Invite { request, room, users: users() }).unwrap();
        net.settle();
        net.command(ANNA, |request| Command::Remove { request, room, users: users() }).unwrap();
        net.settle();
    }
    net.command(ANNA, |request| Command::Invite { request, room, users: users() }).unwrap();
    net.settle();
    // Clara asks for what goes with all three; the last answer comes first.
    net.resume(CLARA);
    net.phones[CLARA].online = true;
    net.carry(CLARA);
    net.phones[CLARA].outgoing.make_contiguous().reverse();
    net.wait();
    assert_eq!(net.count(CLARA, |e| matches!(e, Event::InvitationFailed { .. })), 0);
    net.say(CLARA, room, "here");
    net.settle();
    assert_eq!(net.texts(ANNA), ["here"]);
    net.agree(room, &[ANNA, TABLET, BEN, CLARA]);
}

#[test]
fn whoever_joins_hears_what_was_said_before_they_had_taken_up_the_invitation() {
    let mut net = officers(27);
    let room = net.room(ANNA, &[BEN_ID]);
    net.say(ANNA, room, "before");
    net.settle();
    net.phones[CLARA].online = false;
    let users = vec![user(CLARA_ID)];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
    net.say(BEN, room, "after");
    net.settle();
    net.phones[CLARA].online = true;
    net.resume(CLARA);
    net.settle();
    // Without anything new, and without waiting.
    assert_eq!(net.texts(CLARA), ["after"]);
    net.agree(room, &ALL);
}

#[test]
fn leaving_takes_all_devices_of_the_user_and_somebody_else_commits_it() {
    let (mut net, room) = together(28);
    let (request, _) = net.command(ANNA, |request| Command::Leave { request, room }).unwrap();
    net.wait();
    assert!(net.is_done(ANNA, request));
    for phone in [ANNA, TABLET] {
        assert!(net.view(phone, room).is_none());
        assert_eq!(net.count(phone, |e| matches!(e, Event::Left { .. })), 1);
    }
    let left = |e: &Event| {
        matches!(e, Event::MembersChanged { left, removed, .. }
        if *left == [user(ANNA_ID)] && removed.is_empty())
    };
    assert_eq!(net.count(BEN, left), 1);
    assert_eq!(net.count(CLARA, left), 1);
    net.say(BEN, room, "she is gone");
    net.settle();
    assert_eq!(net.texts(CLARA), ["she is gone"]);
    assert!(net.texts(TABLET).is_empty());
    net.agree(room, &[BEN, CLARA]);
}

#[test]
fn a_leaving_of_which_any_message_is_lost_still_takes_all_devices() {
    for lost in 0..4 {
        let (mut net, room) = together(29);
        let mut number = 0;
        net.rule = Box::new(move |leg, _| {
            if *leg != Leg::Up(ANNA) {
                return Fault::None;
            }
            number += 1;
            if number == lost + 1 { Fault::Lost } else { Fault::None }
        });
        let (request, _) = net.command(ANNA, |request| Command::Leave { request, room }).unwrap();
        net.wait();
        assert!(net.is_done(ANNA, request), "lost {lost}");
        assert!(net.view(ANNA, room).is_none() && net.view(TABLET, room).is_none(), "lost {lost}");
        net.agree(room, &[BEN, CLARA]);
    }
}

#[test]
fn a_leaving_that_a_commit_went_past_is_proposed_again() {
    let (mut net, room) = together(30);
    // Anna commits while Ben's leaving is on its way; hers is made first, his is taken first.
    let name = Some("Renamed".to_owned());
    net.command(ANNA, |request| Command::Describe { request, room, name, topic: None, label: None }).unwrap();
    let held: Vec<_> = net.phones[ANNA].outgoing.drain(..).collect();
    let (request, _) = net.command(BEN, |request| Command::Leave { request, room }).unwrap();
    net.phones[ANNA].online = false;
    net.settle();
    net.phones[ANNA].online = true;
    net.phones[ANNA].outgoing.extend(held);
    net.wait();
    assert!(net.is_done(BEN, request));
    assert!(net.view(BEN, room).is_none());
    assert_eq!(net.view(CLARA, room).unwrap().name.as_deref(), Some("Renamed"));
    net.agree(room, &[ANNA, TABLET, CLARA]);
}

#[test]
fn a_new_name_and_topic_reach_everybody() {
    let (mut net, room) = together(32);
    let (name, topic) = (Some("Blue bicycle".to_owned()), Some("Found".to_owned()));
    let (request, _) =
        net.command(ANNA, |request| Command::Describe { request, room, name, topic, label: None }).unwrap();
    net.settle();
    assert!(net.is_done(ANNA, request));
    for phone in ALL {
        let view = net.view(phone, room).unwrap();
        assert_eq!(view.name.as_deref(), Some("Blue bicycle"));
        assert_eq!(view.topic.as_deref(), Some("Found"));
        let changed =
            |e: &Event| matches!(e, Event::RoomChanged { name: Some(n), .. } if n == "Blue bicycle");
        assert_eq!(net.count(phone, changed), 1);
    }
    // Somebody who comes later is told.
    let dora = net.enrol("dora@police.sued.example");
    let users = vec![user("dora@police.sued.example")];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
    assert_eq!(net.view(dora, room).unwrap().topic.as_deref(), Some("Found"));
}

/// SPEC V-415
#[test]
fn a_new_name_is_not_for_whoever_is_leaving() {
    let (mut net, room) = together(39);
    net.command(BEN, |request| Command::Leave { request, room }).unwrap();
    net.settle();
    let name = Some("After Ben".to_owned());
    let (request, _) = net
        .command(ANNA, |request| Command::Describe { request, room, name, topic: None, label: None })
        .unwrap();
    assert!(net.view(BEN, room).is_some());
    net.wait();
    assert!(net.is_done(ANNA, request) && net.view(BEN, room).is_none());
    // Two commits: one without Ben, then the name.
    let place = |event: &Event| match event {
        Event::MembersChanged { seq, left, .. } if *left == [user(BEN_ID)] => Some(*seq),
        Event::RoomChanged { seq, name: Some(name), .. } if name == "After Ben" => Some(*seq),
        _ => None,
    };
    let places: Vec<u64> = net.phones[CLARA].events.iter().filter_map(place).collect();
    assert_eq!(places.len(), 2);
    assert!(places[0] < places[1]);
    net.agree(room, &[ANNA, TABLET, CLARA]);
}

#[test]
fn a_role_gives_rights_and_its_loss_takes_them() {
    let (mut net, room) = together(33);
    let rename = |net: &mut Net, to: &str| {
        let name = Some(to.to_owned());
        let (request, _) = net
            .command(BEN, |request| Command::Describe { request, room, name, topic: None, label: None })
            .unwrap();
        net.settle();
        request
    };
    let request = rename(&mut net, "no");
    assert_eq!(net.failure(BEN, request), Some(Code::NotPermitted));
    promote(&mut net, room, BEN_ID);
    let request = rename(&mut net, "yes");
    assert!(net.is_done(BEN, request));
    let (ben, role) = (user(BEN_ID), Role::Member);
    net.command(ANNA, |request| Command::SetRole { request, room, user: ben, role }).unwrap();
    net.settle();
    let request = rename(&mut net, "no more");
    assert_eq!(net.failure(BEN, request), Some(Code::NotPermitted));
    assert_eq!(net.view(CLARA, room).unwrap().name.as_deref(), Some("yes"));
    net.agree(room, &ALL);
}

#[test]
fn a_role_for_somebody_who_is_not_there_fails() {
    let mut net = officers(34);
    let room = net.room(ANNA, &[BEN_ID]);
    let (user, role) = (user(CLARA_ID), Role::Admin);
    let (request, _) = net.command(ANNA, |request| Command::SetRole { request, room, user, role }).unwrap();
    net.settle();
    assert_eq!(net.failure(ANNA, request), Some(Code::NotMember));
}

#[test]
fn only_those_whom_the_policy_lets_may_talk() {
    let mut net = officers(35);
    let mut policy = Policy::default();
    policy.send = Role::Admin;
    let room = net.room_with(ANNA, &[BEN_ID], policy);
    let error =
        net.command(BEN, |request| Command::Send { request, room, content: text("no"), lifetime: None });
    assert_eq!(error.unwrap_err().code(), Code::NotPermitted);
    net.say(ANNA, room, "announcement");
    net.settle();
    assert_eq!(net.texts(BEN), ["announcement"]);
}

#[test]
fn two_admins_change_the_room_at_one_time_and_both_changes_are_made() {
    let (mut net, room) = together(36);
    promote(&mut net, room, BEN_ID);
    let topic = Some("Topic".to_owned());
    let (first, _) = net
        .command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None })
        .unwrap();
    let (clara, role) = (user(CLARA_ID), Role::Admin);
    let (second, _) =
        net.command(BEN, |request| Command::SetRole { request, room, user: clara, role }).unwrap();
    net.settle();
    net.wait();
    assert!(net.is_done(ANNA, first) && net.is_done(BEN, second));
    assert_eq!(net.view(CLARA, room).unwrap().topic.as_deref(), Some("Topic"));
    let name = Some("By Clara".to_owned());
    let (third, _) = net
        .command(CLARA, |request| Command::Describe { request, room, name, topic: None, label: None })
        .unwrap();
    net.settle();
    assert!(net.is_done(CLARA, third));
    net.agree(room, &ALL);
}

#[test]
fn users_who_cannot_be_invited_are_named_and_the_others_come() {
    let mut net = officers(37);
    let room = net.room(ANNA, &[]);
    let nobody = user("nobody@police.sued.example");
    let stranger = user("eve@police.far.example");
    let users = vec![nobody.clone(), stranger.clone(), user(BEN_ID)];
    let (request, _) = net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.wait();
    assert!(net.is_done(ANNA, request));
    let named = net.phones[ANNA].events.iter().find_map(|e| match e {
        Event::NotInvited { request: r, users, .. } if *r == request => Some(users.clone()),
        _ => None,
    });
    let mut named = named.unwrap();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(named, [(stranger, Code::UnknownAgency), (nobody, Code::NoKeyPackage)]);
    assert!(net.view(BEN, room).is_some());
    net.agree(room, &[ANNA, TABLET, BEN]);
}

#[test]
fn a_new_device_of_a_member_is_brought_in_by_their_own_invitation() {
    let mut net = Net::new(38);
    let anna = net.enrol(ANNA_ID);
    let ben = net.enrol(BEN_ID);
    let room = net.room(anna, &[BEN_ID]);
    let laptop = net.enrol_further(ben);
    let users = vec![user(BEN_ID)];
    let (request, _) = net.command(ben, |request| Command::Invite { request, room, users }).unwrap();
    net.settle();
    assert!(net.is_done(ben, request));
    net.say(laptop, room, "from the laptop");
    net.settle();
    assert_eq!(net.texts(anna), ["from the laptop"]);
    // Nobody new takes part: a device, not a user.
    let new = |e: &Event| {
        matches!(e, Event::MembersChanged { joined, devices_added, .. }
        if joined.is_empty() && devices_added.len() == 1)
    };
    assert_eq!(net.count(anna, new), 1);
    net.agree(room, &[anna, ben, laptop]);
}

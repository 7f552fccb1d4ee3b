//! Commits, Welcomes and messages that are lost, doubled, late, or meet.

use verbund::{
    client::{Command, Event},
    store::Ctx,
};

use super::*;

/// SPEC V-461
#[test]
fn own_commit_accepted_but_the_answer_lost_then_a_restart() {
    for phone in [ANNA, BEN] {
        let (mut net, room) = together(41);
        promote(&mut net, room, BEN_ID);
        let name = Some("Renamed".to_owned());
        let (request, _) = net
            .command(phone, |request| Command::Describe { request, room, name, topic: None, label: None })
            .unwrap();
        net.rule = lose_first(move |leg| *leg == Leg::Down(phone));
        assert!(net.carry(phone));
        net.crash(phone);
        net.resume(phone);
        net.wait();
        assert!(net.is_done(phone, request));
        for other in ALL {
            assert_eq!(
                net.count(other, |e| matches!(e, Event::RoomChanged { name: Some(n), .. } if n == "Renamed")),
                1
            );
        }
        net.agree(room, &ALL);
    }
}

/// SPEC V-516
#[test]
fn own_message_accepted_but_the_answer_lost_then_removed_from_the_room() {
    let (mut net, room) = together(64);
    let request = net.say(BEN, room, "my last word");
    let submission = net.phones[BEN].outgoing.front().unwrap().clone();
    net.deliver(BEN, &submission);
    // The hub takes it, and Anna removes him, before his phone hears of either.
    net.phones[BEN].online = false;
    net.settle();
    assert_eq!(net.texts(ANNA), ["my last word"]);
    let users = vec![user(BEN_ID)];
    net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
    net.settle();
    // It repeats what it has submitted, and is not told that nothing came of it.
    let reply = net.deliver(BEN, &submission);
    net.receive(BEN, &reply);
    net.phones[BEN].online = true;
    net.wait();
    assert_eq!(net.failure(BEN, request), None);
    assert_eq!(net.count(BEN, |e| matches!(e, Event::Sent { request: r, .. } if *r == request)), 1);
    assert_eq!(net.count(BEN, |e| matches!(e, Event::Left { .. })), 1);
    assert_eq!(net.texts(CLARA), ["my last word"]);
}

/// SPEC V-462
#[test]
fn two_commits_in_one_epoch() {
    let (mut net, room) = together(42);
    promote(&mut net, room, BEN_ID);
    let topic = Some("Topic".to_owned());
    let (first, _) = net
        .command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None })
        .unwrap();
    let name = Some("Name".to_owned());
    let (second, _) = net
        .command(BEN, |request| Command::Describe { request, room, name, topic: None, label: None })
        .unwrap();
    // Both have made theirs for the same epoch.
    assert_eq!((net.phones[ANNA].outgoing.len(), net.phones[BEN].outgoing.len()), (1, 1));
    net.wait();
    assert!(net.is_done(ANNA, first) && net.is_done(BEN, second));
    let view = net.view(CLARA, room).unwrap();
    assert_eq!((view.name.as_deref(), view.topic.as_deref()), (Some("Name"), Some("Topic")));
    net.agree(room, &ALL);
}

#[test]
fn welcome_lost() {
    // Any message to the invited phone may be lost, with a restart after it or without.
    for (lost, restart) in (0..4).flat_map(|lost| [(lost, false), (lost, true)]) {
        let mut net = officers(43);
        let room = net.room(ANNA, &[BEN_ID]);
        let mut number = 0;
        net.rule = Box::new(move |leg, _| {
            number += usize::from(*leg == Leg::Down(CLARA));
            if *leg == Leg::Down(CLARA) && number == lost + 1 { Fault::Lost } else { Fault::None }
        });
        invite(&mut net, ANNA, room, CLARA_ID);
        net.settle();
        net.say(ANNA, room, "hello");
        if restart {
            net.restart(CLARA);
        }
        net.wait();
        assert_eq!(net.count(CLARA, |e| matches!(e, Event::Joined { .. })), 1, "{lost} {restart}");
        assert_eq!(net.count(CLARA, |e| matches!(e, Event::InvitationFailed { .. })), 0);
        assert_eq!(net.texts(CLARA), ["hello"], "{lost} {restart}");
        net.agree(room, &ALL);
    }
}

/// SPEC V-463
#[test]
fn welcome_for_the_loser() {
    let mut net = officers(44);
    let dora = net.enrol(DORA_ID);
    let room = net.room(ANNA, &[BEN_ID]);
    promote(&mut net, room, BEN_ID);
    // Both have their key packages; then both commit in the same epoch.
    let first = invite(&mut net, ANNA, room, CLARA_ID);
    let second = invite(&mut net, BEN, room, DORA_ID);
    net.wait();
    assert!(net.is_done(ANNA, first) && net.is_done(BEN, second));
    for joiner in [CLARA, dora] {
        assert_eq!(net.count(joiner, |e| matches!(e, Event::Joined { .. })), 1);
        assert_eq!(net.count(joiner, |e| matches!(e, Event::InvitationFailed { .. })), 0);
    }
    net.agree(room, &[ANNA, BEN, CLARA, dora]);
}

#[test]
fn fan_out_after_the_transaction() {
    let (mut net, room) = together(45);
    net.say(ANNA, room, "accepted");
    let bytes = net.phones[ANNA].outgoing.pop_front().unwrap();
    // The hub dies between storing the entry and telling anybody.
    let host = net.hosts.get_mut(&agency(NORD)).unwrap();
    let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
    host.engine.device(ctx, &bytes).unwrap().commit(&mut host.store).unwrap();
    net.crash_server(NORD);
    net.settle();
    assert!(net.texts(BEN).is_empty());
    net.tick_server(&agency(NORD));
    net.settle();
    assert_eq!(net.texts(BEN), ["accepted"]);
    assert_eq!(net.texts(CLARA), ["accepted"]);
    net.wait();
    net.agree(room, &ALL);
}

#[test]
fn insider_replay_within_an_epoch() {
    let (mut net, room) = together(46);
    net.say(BEN, room, "once");
    let bytes = net.phones[BEN].outgoing.front().unwrap().clone();
    net.settle();
    let seq = net.view(ANNA, room).unwrap().seq;
    // Again at Ben's own server, again by link, and as if another agency's officer had sent it.
    net.deliver(BEN, &bytes);
    net.deliver(ANNA, &bytes);
    net.deliver(CLARA, &bytes);
    let frames: Vec<_> = net.wire.iter().filter(|(leg, _)| matches!(leg, Leg::Frame(..))).cloned().collect();
    for (leg, frame) in frames {
        let Leg::Frame(_, to) = leg else { unreachable!() };
        net.peer(&to, &frame);
    }
    net.wait();
    assert_eq!(net.view(ANNA, room).unwrap().seq, seq);
    assert_eq!(net.texts(ANNA), ["once"]);
    assert_eq!(net.texts(CLARA), ["once"]);
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::Unreadable { .. })), 0);
    net.agree(room, &ALL);
}

#[test]
fn everything_doubled_or_late() {
    for fault in [Fault::Twice, Fault::Late] {
        let mut net = officers(47);
        net.rule = Box::new(move |leg, _| match (fault, leg) {
            (Fault::Twice, _) | (Fault::Late, Leg::Up(_)) => fault,
            _ => Fault::None,
        });
        // Late means behind what waits; one at a time would only turn the order round.
        let mut turn = 0;
        if fault == Fault::Late {
            net.rule = Box::new(move |leg, _| {
                turn += 1;
                if matches!(leg, Leg::Up(_)) && turn % 3 != 0 { Fault::Late } else { Fault::None }
            });
        }
        let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
        net.wait();
        for phone in ALL {
            for body in ["one", "two"] {
                net.say(phone, room, &format!("{phone} {body}"));
            }
        }
        net.wait();
        for phone in ALL {
            let mut texts = net.texts(phone);
            texts.sort();
            let of = |p: usize| ["one", "two"].map(|body| format!("{p} {body}"));
            let expected: Vec<_> = ALL.into_iter().filter(|p| *p != phone).flat_map(of).collect();
            assert_eq!(texts, expected, "{fault:?}");
            assert_eq!(
                net.count(phone, |e| matches!(e, Event::StoreRolledBack | Event::Unreadable { .. })),
                0
            );
        }
        net.agree(room, &ALL);
    }
}

/// SPEC V-469
#[test]
fn ratchet_keys_forgotten_for_a_message_that_many_others_overtake() {
    let (mut net, room) = together(63);
    let many = 3 * verbund::limits::OUT_OF_ORDER as usize;
    for number in 0..many {
        net.say(BEN, room, &format!("{number}"));
    }
    // The first is lost, and comes again only when the rest has gone ahead as far as it may.
    net.rule = lose_first(|leg| *leg == Leg::Up(BEN));
    net.wait();
    assert_eq!(net.texts(ANNA).len(), many);
    assert_eq!(net.texts(CLARA), net.texts(ANNA));
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::Unreadable { .. })), 0);
    net.agree(room, &ALL);
}

#[test]
fn half_of_everything_lost() {
    let mut net = officers(48);
    let mut turn = 0_u32;
    net.rule = Box::new(move |_, _| {
        turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if turn >> 31 == 0 { Fault::Lost } else { Fault::None }
    });
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    for _ in 0..10 {
        net.wait();
    }
    net.agree(room, &ALL);
    for phone in ALL {
        net.say(phone, room, &format!("{phone}"));
    }
    for _ in 0..10 {
        net.wait();
    }
    assert_eq!(net.history(ANNA).len(), 3);
    for phone in ALL {
        assert_eq!(net.history(phone), net.history(ANNA));
    }
    net.agree(room, &ALL);
}

#[test]
fn a_first_offer_of_key_packages_that_is_lost() {
    let mut net = Net::new(49);
    net.enrol(ANNA_ID);
    // Ben's phone dies before the offer has left it.
    let name = user(BEN_ID);
    let mut number = 0;
    net.rule = Box::new(move |leg, _| {
        number += usize::from(*leg == Leg::Up(BEN));
        if *leg == Leg::Up(BEN) && number == 2 { Fault::Lost } else { Fault::None }
    });
    assert_eq!(net.enrol(BEN_ID), BEN);
    assert_eq!(net.phones[BEN].device.user, name);
    net.restart(BEN);
    net.settle();
    let room = net.room(ANNA, &[BEN_ID]);
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::NotInvited { .. })), 0);
    net.agree(room, &[ANNA, BEN]);
}

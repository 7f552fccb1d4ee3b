//! Messages that somebody could read who came after they were written.

use verbund::{
    client::{Command, Event},
    code::Code,
    ids::{RequestId, RoomId},
    store::Store,
};

use super::*;

/// Ben writes while he is cut off; Clara joins meanwhile. Gives Ben's request.
fn written_before_clara_came(seed: u8) -> (Net, RoomId, RequestId) {
    let mut net = officers(seed);
    let room = net.room(ANNA, &[BEN_ID]);
    net.phones[BEN].online = false;
    let request = net.say(BEN, room, "not for clara");
    invite(&mut net, ANNA, room, CLARA_ID);
    net.settle();
    net.agree(room, &[ANNA, CLARA]);
    net.phones[BEN].online = true;
    net.wait();
    let asked = Event::SendNeedsConsent { request, room, added: vec![user(CLARA_ID)] };
    assert_eq!(net.count(BEN, |e| *e == asked), 1);
    assert!(net.texts(ANNA).is_empty() && net.texts(CLARA).is_empty());
    (net, room, request)
}

/// SPEC V-468
#[test]
fn a_message_reencrypted_to_somebody_who_was_not_there_is_sent_with_consent() {
    let (mut net, room, request) = written_before_clara_came(57);
    // It waits as long as it takes, and through a restart; what is new goes past it.
    net.restart(BEN);
    net.say(BEN, room, "for all");
    net.wait();
    assert_eq!(net.texts(CLARA), ["for all"]);
    net.call(BEN, |engine, ctx| engine.command(ctx, Command::Consent { request })).unwrap();
    net.settle();
    assert_eq!(net.texts(CLARA), ["for all", "not for clara"]);
    assert_eq!(net.texts(ANNA), net.texts(CLARA));
    // Once.
    let again = net.call(BEN, |engine, ctx| engine.command(ctx, Command::Consent { request }));
    assert_eq!(again.unwrap_err().code(), Code::BadArgument);
    net.agree(room, &ALL);
}

/// SPEC V-468
#[test]
fn a_message_reencrypted_to_somebody_who_was_not_there_can_be_withdrawn() {
    let (mut net, room, request) = written_before_clara_came(58);
    net.call(BEN, |engine, ctx| engine.command(ctx, Command::Withdraw { request })).unwrap();
    net.say(BEN, room, "for all");
    net.wait();
    assert_eq!(net.texts(CLARA), ["for all"]);
    assert_eq!(net.texts(ANNA), ["for all"]);
    let consent = net.call(BEN, |engine, ctx| engine.command(ctx, Command::Consent { request }));
    assert_eq!(consent.unwrap_err().code(), Code::BadArgument);
    net.agree(room, &ALL);
}

/// SPEC V-467, V-468
#[test]
fn a_message_is_encrypted_again_by_itself_if_nobody_new_would_read_it() {
    let (mut net, room) = together(59);
    net.phones[BEN].online = false;
    let content = text("for those who were there");
    let (request, receipt) =
        net.command(BEN, |request| Command::Send { request, room, content, lifetime: None }).unwrap();
    let users = vec![user(CLARA_ID)];
    net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
    net.settle();
    net.phones[BEN].online = true;
    net.wait();
    assert_eq!(net.texts(ANNA), ["for those who were there"]);
    assert!(net.texts(CLARA).is_empty());
    // Under the id that it had before.
    let id = receipt.message.unwrap();
    assert_eq!(
        net.count(BEN, |e| matches!(e, Event::Sent { request: r, id: i, .. } if (*r, *i) == (request, id))),
        1
    );
    assert_eq!(net.history(ANNA).last().unwrap().1, *id.as_bytes());
    assert_eq!(net.count(BEN, |e| matches!(e, Event::SendNeedsConsent { .. })), 0);
}

#[test]
fn a_held_message_makes_nothing_grow() {
    let (mut net, room) = together(63);
    net.phones[BEN].online = false;
    let held = net.say(BEN, room, "before Dora came");
    net.enrol(DORA_ID);
    invite(&mut net, ANNA, room, DORA_ID);
    net.settle();
    net.phones[BEN].online = true;
    net.resume(BEN);
    net.settle();
    let asked = |event: &Event| matches!(event, Event::SendNeedsConsent { request, .. } if *request == held);
    assert_eq!(net.count(BEN, asked), 1);
    for _ in 0..3 {
        let users = vec![user(DORA_ID)];
        net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
        net.settle();
        invite(&mut net, ANNA, room, DORA_ID);
        net.settle();
        let noted = net.phones[BEN].store.scan(b"a/", None, 100).unwrap();
        assert!(noted.is_empty(), "{}", noted.len());
    }
    // What is written meanwhile goes to those who are there, and what was held as soon as it may.
    net.say(BEN, room, "after");
    net.settle();
    net.command(BEN, |_| Command::Consent { request: held }).unwrap();
    net.settle();
    assert_eq!(net.texts(ANNA), ["after", "before Dora came"]);
    net.agree(room, &ALL);
}

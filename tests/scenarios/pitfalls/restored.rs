//! Stores restored from an older copy.

use verbund::{
    client::{Command, Event},
    code::Code,
};

use super::*;

#[test]
fn a_restored_store_that_would_encrypt_twice_under_one_generation() {
    let (mut net, room) = together(60);
    let backup = net.phones[BEN].store.clone();
    net.say(BEN, room, "one");
    net.settle();
    net.phones[BEN].store = backup;
    net.phones[BEN].events.clear();
    let from = net.wire.len();
    net.restart(BEN);
    net.settle();
    assert_eq!(net.count(BEN, |e| *e == Event::StoreRolledBack), 1);
    assert!(net.phones[BEN].engine.events(&net.phones[BEN].store, 0, 1).unwrap().is_empty());
    let error =
        net.command(BEN, |request| Command::Send { request, room, content: text("two"), lifetime: None });
    assert_eq!(error.unwrap_err().code(), Code::StoreRolledBack);
    net.crash(BEN);
    let error = net.call(BEN, |engine, ctx| engine.resume(ctx)).unwrap_err();
    assert_eq!(error.code(), Code::StoreRolledBack);
    net.wait();
    // It has asked for news, and sent nothing but that.
    let sent = net.wire[from..].iter().filter(|(leg, _)| *leg == Leg::Up(BEN)).count();
    assert_eq!(sent, 1);
    assert_eq!(net.texts(ANNA), ["one"]);
}

#[test]
fn a_restored_store_that_sends_before_it_asks_is_found_out_as_well() {
    let (mut net, room) = together(61);
    let backup = net.phones[BEN].store.clone();
    net.say(BEN, room, "one");
    net.settle();
    net.phones[BEN].store = backup;
    net.crash(BEN);
    net.say(BEN, room, "two");
    net.settle();
    assert!(net.has(BEN, &Event::StoreRolledBack));
    assert_eq!(net.texts(ANNA), ["one"]);
    assert_eq!(net.texts(CLARA), ["one"]);
}

/// SPEC V-546: it has submitted nothing since, but what its server has let go does not come again.
#[test]
fn a_restored_store_that_lacks_an_invitation_is_found_out_as_well() {
    let mut net = officers(63);
    let backup = net.phones[CLARA].store.clone();
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    net.agree(room, &ALL);
    net.wait();
    net.phones[CLARA].store = backup;
    net.phones[CLARA].events.clear();
    net.restart(CLARA);
    net.settle();
    assert_eq!(net.count(CLARA, |e| *e == Event::StoreRolledBack), 1);
}

#[test]
fn a_submission_that_overtakes_a_synchronisation_is_no_rollback() {
    let (mut net, room) = together(62);
    net.resume(BEN);
    net.say(BEN, room, "faster");
    let (slow, fast) = {
        let outgoing = &mut net.phones[BEN].outgoing;
        assert_eq!(outgoing.len(), 2);
        (outgoing.pop_front().unwrap(), outgoing.pop_front().unwrap())
    };
    for bytes in [fast, slow.clone(), slow] {
        let reply = net.deliver(BEN, &bytes);
        net.receive(BEN, &reply);
    }
    net.settle();
    assert_eq!(net.count(BEN, |e| *e == Event::StoreRolledBack), 0);
    net.say(BEN, room, "and on");
    net.settle();
    assert_eq!(net.texts(ANNA), ["faster", "and on"]);
}

//! A phone on a slow line, among others that change the room all the time.

use crate::support::*;
use verbund::{
    client::Command,
    ids::{RequestId, RoomId},
};

const ANNA: usize = 0;
const BEN: usize = 1;

fn describe(net: &mut Net, phone: usize, room: RoomId, topic: &str) -> RequestId {
    let topic = Some(topic.to_owned());
    net.command(phone, |request| Command::Describe { request, room, name: None, topic, label: None })
        .unwrap()
        .0
}

/// Whether a phone's next message is a commit: nothing else is as large here.
fn commits(net: &Net, phone: usize) -> bool {
    net.phones[phone].outgoing.front().is_some_and(|bytes| bytes.len() > 1_000)
}

/// SPEC V-582: each time when what Ben has made arrives, Anna has been quicker.
#[test]
fn a_slow_phone_changes_a_room_in_which_others_are_always_quicker() {
    let mut net = Net::new(236);
    net.enrol("anna@police.nord.example");
    net.enrol("ben@police.nord.example");
    let room = net.room(ANNA, &["ben@police.nord.example"]);
    let (policy, user) = (verbund::Policy::default(), user("ben@police.nord.example"));
    let role = verbund::Role::Admin;
    net.command(ANNA, |request| Command::SetRole { request, room, user, role }).unwrap();
    net.command(ANNA, |request| Command::SetPolicy { request, room, policy }).unwrap();
    net.wait();

    let slow = describe(&mut net, BEN, room, "Ben's");
    let mut quick = Vec::new();
    let mut rounds = 0;
    while net.view(BEN, room).unwrap().topic.as_deref() != Some("Ben's") {
        rounds += 1;
        assert!(rounds < 10, "Ben is too late for ever");
        // Ben's commit is on its way. Anna makes hers meanwhile, and the hub has it first.
        quick.push(describe(&mut net, ANNA, room, &format!("Anna's {rounds}")));
        while net.carry(ANNA) {}
        // What he made before is refused; he reads what is new, and has made another.
        let mut refused = false;
        while !(refused && commits(&net, BEN)) {
            refused |= commits(&net, BEN);
            if !net.carry(BEN) {
                break;
            }
        }
    }
    assert!(rounds > 3, "too late only {rounds} times");
    net.wait();
    assert!(net.is_done(BEN, slow));
    for request in quick {
        assert!(net.is_done(ANNA, request));
    }
    net.agree(room, &[ANNA, BEN]);
}

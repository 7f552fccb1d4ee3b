//! A room that was just filled has no keys between its leaves and its root, so that each commit is encrypted to
//! every member by itself. A few members put keys there (SPEC V-478).

use std::time::Duration;

use crate::support::*;
use verbund::{
    client::{Command, Event},
    ids::RoomId,
};

const BEN: usize = 0;

const BEN_ID: &str = "ben@police.sued.example";

const MINUTE: Duration = Duration::from_secs(60);

/// A room of Ben's with 63 others.
fn filled(net: &mut Net, people: &[String]) -> RoomId {
    let names: Vec<&str> = people.iter().map(String::as_str).collect();
    net.room(BEN, &names)
}

fn crowd(net: &mut Net) -> Vec<String> {
    net.enrol(BEN_ID);
    let people: Vec<String> = (0..63).map(|n| format!("p{n}@police.west.example")).collect();
    for name in &people {
        net.enrol(name);
    }
    people
}

fn seq(net: &Net, room: RoomId) -> u64 {
    net.view(BEN, room).unwrap().seq
}

/// Bytes of a submission in which Ben gives the room another name.
fn commit_size(net: &mut Net, room: RoomId) -> usize {
    let name = Some("Blue bicycle".to_owned());
    net.command(BEN, |request| Command::Describe { request, room, name, topic: None, label: None }).unwrap();
    let size = net.phones[BEN].outgoing.back().unwrap().len();
    net.settle();
    size
}

/// How often Ben was told that somebody came, went or changed.
fn changes(net: &Net, room: RoomId) -> usize {
    net.count(BEN, |event| matches!(event, Event::MembersChanged { room: of, .. } if *of == room))
}

/// SPEC V-478
#[test]
fn a_filled_room_comes_down_to_short_commits() {
    let mut net = Net::new(250);
    let people = crowd(&mut net);
    let (now, later) = (filled(&mut net, &people), filled(&mut net, &people));
    let wide = commit_size(&mut net, now);

    let before = seq(&net, later);
    let told = changes(&net, later);
    net.idle(Duration::from_secs(5));
    assert!(seq(&net, later) - before <= 1, "spread over five minutes");
    // Whoever hears of the room late draws late.
    net.idle(12 * MINUTE);
    let filled = seq(&net, later);
    assert!((1..=4).contains(&(filled - before)), "a few do it, not everybody: {}", filled - before);
    net.idle(60 * MINUTE);
    assert_eq!(seq(&net, later), filled, "and then nobody any more");

    let narrow = commit_size(&mut net, later);
    // 63 ciphertexts of 80 bytes against 32.
    assert!(narrow + (63 - 32) * 80 <= wide, "{narrow} and {wide} bytes");
    assert_eq!(changes(&net, later), told, "nobody came, went, or changed");
    net.say(BEN, later, "still there?");
    net.settle();
    for phone in 1..net.phones.len() {
        assert_eq!(net.texts(phone), ["still there?"]);
    }
}

/// SPEC V-478: rooms of ordinary size have nothing to fill.
#[test]
fn a_small_room_makes_no_commits_by_itself() {
    let mut net = Net::new(251);
    let mut people = crowd(&mut net);
    people.truncate(15);
    let room = filled(&mut net, &people);
    let before = seq(&net, room);
    net.idle(60 * MINUTE);
    assert_eq!(seq(&net, room), before);
}

/// SPEC V-478: whoever has been banned, or has been away until others did it, makes no commit.
#[test]
fn who_comes_late_finds_it_done() {
    let mut net = Net::new(252);
    let people = crowd(&mut net);
    let room = filled(&mut net, &people);
    let away = 40;
    net.phones[away].online = false;
    net.idle(15 * MINUTE);
    let done = seq(&net, room);
    net.phones[away].online = true;
    net.resume(away);
    net.idle(6 * MINUTE);
    assert_eq!(seq(&net, room), done);
    assert_eq!(net.view(away, room).unwrap().seq, done);
}

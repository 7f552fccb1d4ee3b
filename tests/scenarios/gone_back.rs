//! Rooms that somebody has left, and whose hub has lost since what was ordered before they left (SPEC V-458).

use std::time::Duration;

use crate::support::{forge::edit, *};
use verbund::{
    JoinRule,
    client::{Command, Event},
    code::Code,
    ids::{RequestId, RoomId},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLARA: usize = 2;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.nord.example";
const CLARA_ID: &str = "clara@police.nord.example";

const MINUTE: Duration = Duration::from_secs(60);

/// Does something and lets it become what it becomes.
fn act(net: &mut Net, phone: usize, command: impl FnOnce(RequestId) -> Command) -> Result<(), Code> {
    let (request, _) = net.command(phone, command).unwrap();
    net.idle(MINUTE);
    match net.failure(phone, request) {
        Some(code) => Err(code),
        None => {
            assert!(net.is_done(phone, request), "{phone}");
            Ok(())
        }
    }
}

fn comes(net: &mut Net, phone: usize, room: RoomId) -> Result<(), Code> {
    act(net, phone, |request| Command::Join { request, room, hub: agency(NORD) })
}

fn removes(net: &mut Net, phone: usize, room: RoomId, whom: &str) {
    act(net, phone, |request| Command::Remove { request, room, users: vec![user(whom)] }).unwrap();
}

/// A room at Nord's server that is open to its people.
fn open_room(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLARA_ID] {
        net.enrol(name);
    }
    let room = net.room(ANNA, &[BEN_ID]);
    let join = JoinRule::Agencies([agency(NORD)].into());
    act(&mut net, ANNA, |request| Command::SetJoinRule { request, room, join }).unwrap();
    (net, room)
}

fn joined(net: &Net, phone: usize, room: RoomId) -> usize {
    net.count(phone, |event| matches!(event, Event::Joined { room: of, .. } if *of == room))
}

#[test]
fn who_was_removed_from_what_its_hub_has_lost_is_told_before_it_comes_in_again() {
    let (mut net, room) = open_room(240);
    let old = net.hosts[&agency(NORD)].store.clone();
    for said in ["one", "two"] {
        net.say(ANNA, room, said);
        net.idle(MINUTE);
    }
    removes(&mut net, ANNA, room, BEN_ID);
    assert!(net.view(BEN, room).is_none());
    // Nobody says what has happened to the store.
    net.restore(NORD, old);
    net.idle(MINUTE);
    assert_eq!(comes(&mut net, BEN, room), Err(Code::RolledBack));
    assert!(net.view(BEN, room).is_none());
    // Its person knows, and wants it all the same.
    assert_eq!(comes(&mut net, BEN, room), Ok(()));
    assert_eq!((joined(&net, BEN, room), net.view(BEN, room).map(|view| view.seq)), (2, Some(4)));
}

#[test]
fn a_room_that_has_gone_on_takes_in_whoever_left_it() {
    let (mut net, room) = open_room(241);
    removes(&mut net, ANNA, room, BEN_ID);
    assert_eq!(comes(&mut net, BEN, room), Ok(()));
    let leave = |request| Command::Leave { request, room };
    assert_eq!(act(&mut net, BEN, leave), Ok(()));
    assert_eq!(comes(&mut net, BEN, room), Ok(()));
    net.agree(room, &[ANNA, BEN]);
}

/// A room that Clara was in and was removed from, put back to before she came, so grown since; Anna, whose
/// phone was put back as well, invites her.
fn invited_again(seed: u8, grown: usize, on_the_way: impl FnOnce(&mut Net)) -> (Net, RoomId) {
    let (mut net, room) = open_room(seed);
    let invite = |request| Command::Invite { request, room, users: vec![user(CLARA_ID)] };
    let old = (net.hosts[&agency(NORD)].store.clone(), net.phones[ANNA].store.clone());
    assert_eq!(act(&mut net, ANNA, invite), Ok(()));
    net.say(ANNA, room, "one");
    net.idle(MINUTE);
    removes(&mut net, ANNA, room, CLARA_ID);
    assert!(net.view(CLARA, room).is_none() && joined(&net, CLARA, room) == 1);
    net.restore(NORD, old.0);
    net.phones[ANNA].store = old.1;
    net.crash(ANNA);
    net.restart(ANNA);
    net.idle(MINUTE);
    for _ in 0..grown {
        net.say(ANNA, room, "and more");
        net.idle(MINUTE);
    }
    on_the_way(&mut net);
    assert_eq!(act(&mut net, ANNA, invite), Ok(()));
    (net, room)
}

/// Also where the log has grown past the place at which they left: its epochs tell.
#[test]
fn who_is_invited_by_a_log_that_has_gone_back_is_told() {
    for (grown, seed) in [(0, 242), (6, 243)] {
        let (mut net, room) = invited_again(seed, grown, |_| {});
        let failed = Event::InvitationFailed { room, code: Code::RolledBack };
        assert!(net.view(CLARA, room).is_none() && net.has(CLARA, &failed), "{:?}", net.phones[CLARA].events);
        // Its leaf is there; it takes that place when its person says so.
        assert_eq!(comes(&mut net, CLARA, room), Ok(()));
        net.agree(room, &[ANNA, CLARA]);
    }
}

/// The own server cannot say so in the hub's name: or it would be told, and the hub's own would not any more.
#[test]
fn what_the_hub_has_not_signed_shows_nothing_of_its_log() {
    let (mut net, room) = invited_again(244, 0, |net| {
        net.tamper = Box::new(|leg, bytes| {
            if *leg == Leg::Down(CLARA) {
                // The signature of the head in an invitation in the inbox of what is new.
                *bytes = edit(bytes, &[2, 5, 2, 2, 3, 3], &mut |signature| {
                    let mut forged = signature.all(2).remove(0);
                    forged[0] ^= 1;
                    signature.put(2, &forged);
                });
            }
        });
    });
    net.tamper = no_tampering();
    let failed = |event: &Event| matches!(event, Event::InvitationFailed { .. });
    assert_eq!(net.count(CLARA, failed), 0);
    assert_eq!(comes(&mut net, CLARA, room), Err(Code::RolledBack));
    assert_eq!(comes(&mut net, CLARA, room), Ok(()));
}

//! What other protocols fell into, one test each, named after the pitfall. Those that one
//! part decides by itself have their tests beside that part: commits that hub and members
//! judge differently, numbers that make ratchets run, policies that cannot be read, external
//! commits (`src/room`), roots and rosters (`src/identity`).

mod consent;
mod delivery;
mod restored;
mod store;
mod trust;

use crate::support::*;
use verbund::{
    Role,
    client::Command,
    ids::{RequestId, RoomId},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLARA: usize = 2;
const ALL: [usize; 3] = [ANNA, BEN, CLARA];

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLARA_ID: &str = "clara@police.west.example";
const DORA_ID: &str = "dora@police.west.example";

fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLARA_ID] {
        net.enrol(name);
    }
    net
}

fn together(seed: u8) -> (Net, RoomId) {
    let mut net = officers(seed);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    net.agree(room, &ALL);
    (net, room)
}

fn invite(net: &mut Net, by: usize, room: RoomId, name: &str) -> RequestId {
    let users = vec![user(name)];
    net.command(by, |request| Command::Invite { request, room, users }).unwrap().0
}

fn promote(net: &mut Net, room: RoomId, name: &str) {
    let user = user(name);
    net.command(ANNA, |request| Command::SetRole { request, room, user, role: Role::Admin }).unwrap();
    net.settle();
}

//! Rooms of many.

use verbund::{
    Policy, RoomKind,
    client::Command,
    ids::{RoomId, UserId},
};

use crate::{World, world::Error};

/// Devices of one user.
const DEVICES: usize = 32;

/// Enrols so many devices, spread over agencies, of users with up to 32 each. None of them is online.
pub fn enrol(world: &mut World, agencies: &[&str], devices: usize) -> Result<Vec<UserId>, Error> {
    let each = (devices / agencies.len()).clamp(1, DEVICES);
    let (mut users, mut left) = (Vec::new(), devices);
    for agency in agencies.iter().cycle() {
        if left == 0 {
            break;
        }
        let some = left.min(each);
        let name = format!("crowd{}@{agency}", users.len());
        let mut last = world.enrol(&name)?;
        world.phones[last].online = false;
        for _ in 1..some {
            // Each endorses the next: it has the newest chain.
            last = world.enrol_further(last, "further")?;
            world.phones[last].online = false;
        }
        users.push(UserId::parse(&name)?);
        left -= some;
    }
    Ok(users)
}

/// A room of one who founds it, and these users.
pub fn room(world: &mut World, founder: usize, users: &[UserId]) -> Result<RoomId, Error> {
    let receipt = world.command(founder, |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: "Bench".into(),
        policy: Policy::default(),
        invite: vec![],
    })?;
    world.settle()?;
    let room = receipt.room.ok_or("no room")?;
    let users = users.to_vec();
    world.command(founder, |request| Command::Invite { request, room, users })?;
    world.settle()?;
    Ok(room)
}

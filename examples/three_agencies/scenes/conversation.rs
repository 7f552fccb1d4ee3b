//! A room across three agencies, and what is said in it.

use verbund::{
    Policy, RoomKind,
    client::Command,
    content::Text,
    ids::{MessageId, UserId},
};

use crate::{
    story::{NORTH, SOUTH, Story, WEST, World, agency},
    world::Error,
};

pub const ROOM: &str = "Missing: red bicycle";
pub const SECRET: &str = "Last seen at the lighthouse at 16:40";

pub fn begin(story: &mut Story) -> Result<(), Error> {
    story.chapter("Anna begins a room and invites people of all three agencies");
    let invite =
        [format!("arne@{NORTH}"), format!("ben@{SOUTH}"), format!("clara@{WEST}"), format!("dora@{WEST}")];
    let invite = invite.iter().map(|user| UserId::parse(user)).collect::<Result<Vec<_>, _>>()?;
    let receipt = story.world.command(story.cast.anna, |request| Command::CreateRoom {
        request,
        kind: RoomKind::Group,
        name: ROOM.into(),
        policy: Policy::default(),
        invite,
    })?;
    story.room = receipt.room.ok_or("no room")?;
    story.tell(World::settle)
}

/// Gives the first message.
pub fn talk(story: &mut Story) -> Result<MessageId, Error> {
    story.chapter("They talk; the north's server orders what all of them say");
    let first = story.say_text(story.cast.ben, SECRET)?;
    story.tell(World::settle)?;
    let answer = Text::markdown("On our side of the border **nobody** has seen it")?.reply_to(first);
    story.say(story.cast.clara, answer.into())?;
    story.tell(World::settle)?;
    Ok(first)
}

pub fn restart(story: &mut Story) -> Result<(), Error> {
    story.chapter("Ben's app ends before its message has left; the west's server restarts; both go on");
    story.say_text(story.cast.ben, "Divers are on their way")?;
    story.world.restart(story.cast.ben)?;
    story.world.restart_server(&agency(WEST)?)?;
    story.tell(World::settle)
}

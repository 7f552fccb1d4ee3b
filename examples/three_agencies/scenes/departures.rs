//! Who is removed, and who leaves.

use std::time::Duration;

use verbund::{
    client::{Command, Event},
    ids::UserId,
};

use crate::{
    story::{NORTH, Story, World},
    world::Error,
};

pub const AFTER: &str = "Arne is off the case; the new meeting point is the old mill";

pub fn remove(story: &mut Story) -> Result<(), Error> {
    story.chapter("Anna removes Arne; what is said next he cannot read");
    let (room, users) = (story.room, vec![UserId::parse(&format!("arne@{NORTH}"))?]);
    story.world.command(story.cast.anna, |request| Command::Remove { request, room, users })?;
    story.tell(World::settle)?;
    story.say_text(story.cast.anna, AFTER)?;
    story.tell(World::settle)?;

    let (ben, arne) = (story.cast.ben, story.cast.arne);
    let unread = story.has_read(ben, AFTER) && !story.has_read(arne, AFTER);
    story.claim(unread, "Arne has not got the message after his removal")?;
    let out = story.world.phones[arne].events.iter().any(|event| matches!(event, Event::Left { .. }));
    let gone = story.view(arne)?.is_none();
    story.claim(out && gone, "Arne's device knows that it is out, and its keys are gone")
}

pub fn leave(story: &mut Story) -> Result<(), Error> {
    story.chapter("Clara leaves; somebody who is there commits it");
    let (room, clara) = (story.room, story.cast.clara);
    story.world.command(clara, |request| Command::Leave { request, room })?;
    story.tell(|world| {
        world.settle()?;
        world.pass(Duration::from_secs(11))
    })?;
    let gone = story.view(clara)?.is_none();
    story.claim(gone, "Clara has left")
}

//! The federation's office suspends an agency: its people are taken out of the room, and
//! nobody talks to its server any more.

use std::time::Duration;

use verbund::client::Event;

use crate::{
    story::{NORTH, Story, WEST, agency},
    world::Error,
};

const AFTER: &str = "The west's keys were copied; we go on without them";

pub fn play(story: &mut Story) -> Result<(), Error> {
    story.chapter("The west's keys were copied: the federation suspends it; its people are taken out");
    let (anna, dora) = (story.cast.anna, story.cast.dora);
    let (north, west) = (agency(NORTH)?, agency(WEST)?);
    story.world.suspend(&west, &north)?;
    let given = story.world.hosts[&west].carried.from_peers;
    story.tell(|world| {
        world.settle()?;
        world.pass(Duration::from_secs(6))
    })?;

    story.chapter("The others talk on; Dora can say what she likes");
    story.say_text(anna, AFTER)?;
    story.say_text(dora, "Can anybody hear me?")?;
    story.tell(|world| {
        world.settle()?;
        world.pass(Duration::from_secs(60))
    })?;

    let device = story.world.phones[dora].device.clone();
    let out = [anna, story.tablet, story.cast.ben].into_iter().all(|p| story.removals(p, &device).len() == 1);
    story.claim(out, "everybody has seen Dora, of the suspended agency, taken out")?;
    let apart = !story.has_read(dora, AFTER) && !story.has_read(anna, "Can anybody hear me?");
    story.claim(apart, "nothing is said to her or heard from her any more")?;
    let silent = story.world.hosts[&west].carried.from_peers == given;
    story.claim(silent, "no server has sent a byte to the suspended agency's")?;
    let told = |phone: usize| {
        let listed = |event: &Event| matches!(event, Event::TrustListChanged { version: 2, .. });
        story.world.phones[phone].events.iter().any(listed)
    };
    let all_told = [anna, story.tablet, story.cast.ben].into_iter().all(told);
    story.claim(all_told, "everybody else was told of the new trust list, and who has signed it")
}

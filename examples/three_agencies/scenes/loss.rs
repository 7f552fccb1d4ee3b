//! Ben's laptop is stolen. His agency publishes a revocation list, and that is all that anybody
//! has to do.

use std::time::Duration;

use verbund::{Authority, DeviceChange, Due, client::Event, code::Code};

use crate::{story::Story, world::Error};

const AFTER: &str = "The laptop was stolen from the car; nothing changes for us";

pub fn play(story: &mut Story) -> Result<(), Error> {
    story.chapter("Ben's laptop is stolen; the south revokes it");
    let (ben, laptop, dora) = (story.cast.ben, story.cast.laptop, story.cast.dora);
    let lost = story.world.phones[laptop].device.clone();
    let heard = story.world.phones[laptop].events.len();
    story.world.revoke(&lost)?;
    story.tell(|world| {
        world.settle()?;
        world.pass(Duration::from_secs(6))
    })?;

    story.chapter("They talk on; whoever has the laptop asks in vain");
    story.say_text(ben, AFTER)?;
    story.world.call(laptop, |engine, ctx| engine.resume(ctx))?;
    story.tell(|world| {
        world.settle()?;
        world.pass(Duration::from_secs(60))
    })?;

    let refused = |event: &Event| matches!(event, Event::NotServed { code: Code::Revoked });
    let heard_nothing = story.world.phones[laptop].events[heard..].iter().all(refused);
    story.claim(heard_nothing, "the stolen laptop was given nothing but the word that it is revoked")?;
    let removals = story.removals(dora, &lost);
    story.claim(removals.len() == 1, "one commit of somebody who was online took it out")?;
    let (said, out) = (story.place_of(dora, AFTER), removals.first().copied());
    story.claim(said > out, "what was said next was encrypted after it was out")?;
    // By the list itself, or, where that came with the commit, by what the commit rests on.
    let revoked = |change: &DeviceChange| {
        change.device == lost && matches!(change.authority, Authority::Due(Due::Revoked))
    };
    let told = |phone: usize| {
        let due = |event: &Event| match event {
            Event::DeviceDue { device, code: Code::Revoked, .. } => *device == lost,
            Event::MembersChanged { reasons, .. } => reasons.iter().any(revoked),
            _ => false,
        };
        story.world.phones[phone].events.iter().any(due)
    };
    let all_told = [story.cast.anna, story.tablet, ben, dora].into_iter().all(told);
    story.claim(all_told, "all who are there were told that the laptop is revoked")
}

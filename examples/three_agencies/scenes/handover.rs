//! A desk is a role: whoever is on duty speaks for it. It goes from shift to shift, device by
//! device, and everybody sees by whose word each of them speaks, and until when.

use std::time::Duration;

use verbund::{
    client::{Client, Command, Event},
    code::Code,
    identity::{Endorser, RecoveryKey, SigningKey, UserKind},
    ids::UserId,
    store::{Ctx, MemoryStore},
};

use crate::{
    show,
    story::{SOUTH, Story, World},
    world::{Error, Phone},
};

const SHIFT: Duration = Duration::from_secs(8 * 3_600);
/// Before the end of a shift the next one is there.
const EARLY: Duration = Duration::from_secs(1_800);

const MORNING: &str = "The desk collects what witnesses say";
pub const EVENING: &str = "Evening shift here: a ferryman has seen it";
const AFTER: &str = "Thank you; he should keep his ticket stubs";

pub fn play(story: &mut Story) -> Result<(), Error> {
    story.chapter("The south's desk is a role: its workstation lends it to the morning shift for 8 hours");
    let desk = UserId::parse(&format!("desk@{SOUTH}"))?;
    let (room, anna) = (story.room, story.cast.anna);
    let station = found(&mut story.world, &desk)?;
    let morning = hand_over(&mut story.world, station, "morning shift")?;
    let users = vec![desk];
    story.world.command(anna, |request| Command::Invite { request, room, users })?;
    story.tell(World::settle)?;
    story.say_text(morning, MORNING)?;
    story.tell(World::settle)?;

    story.chapter("Half an hour before it ends the morning shift hands over to the evening shift");
    story.tell(|world| world.pass(SHIFT - EARLY))?;
    let evening = hand_over(&mut story.world, morning, "evening shift")?;
    story.tell(|world| world.pass(Duration::from_secs(10)))?;
    story.say_text(evening, EVENING)?;
    story.tell(World::settle)?;
    let others = [anna, story.tablet, story.cast.ben, story.cast.laptop, story.cast.dora];
    let came = story.view(evening)?.is_some() && others.iter().all(|phone| story.has_read(*phone, EVENING));
    story.claim(came, "the morning shift brought the evening shift into the room, and all heard it")?;
    let known = others.iter().all(|told| {
        is_handed_over(story, *told, (station, morning)) && is_handed_over(story, *told, (morning, evening))
    });
    story.claim(known, "all were told who handed the desk over to whom, and until when")?;

    story.chapter("The morning shift is over; before anybody says anything more, its device is out");
    story.tell(|world| {
        world.pass(EARLY)?;
        world.pass(Duration::from_secs(6))
    })?;
    story.say_text(story.cast.ben, AFTER)?;
    story.tell(World::settle)?;
    let over = story.world.phones[morning].device.clone();
    let expired =
        |e: &Event| matches!(e, Event::DeviceDue { device, code: Code::Expired, .. } if *device == over);
    // Whoever commits it tells why; nobody else has to look at a clock.
    let due = others.iter().any(|phone| story.world.phones[*phone].events.iter().any(expired));
    let out = others.iter().all(|phone| story.removals(*phone, &over).len() == 1);
    story.claim(
        due && out,
        "when its time was over, one commit of somebody who was online took the morning shift out",
    )?;
    let read = [station, evening, morning].map(|phone| story.has_read(phone, AFTER));
    story
        .claim(read == [true, true, false], "what was said next the desk read, but not the morning shift")?;
    story.desk = vec![station, evening];
    Ok(())
}

/// Whether a phone was told that one device of the desk has handed it over to another for a shift.
fn is_handed_over(story: &Story, told: usize, (from, to): (usize, usize)) -> bool {
    let [from, to] = [from, to].map(|phone| &story.world.phones[phone].device);
    story.world.phones[told].events.iter().any(|event| {
        let Event::DevicesEndorsed { devices, .. } = event else { return false };
        devices.iter().any(|(user, endorsed)| {
            *user == to.user
                && endorsed.device == to.id
                && endorsed.by == Endorser::Device(from.id)
                && endorsed.until == Some(endorsed.at.plus(SHIFT))
        })
    })
}

/// The role's first device. Two people keep a recovery key for it, so that neither is the desk alone.
fn found(world: &mut World, desk: &UserId) -> Result<usize, Error> {
    let (engine, store) = new_device(world, desk)?;
    let owners = ["head of the station", "deputy"]
        .map(|owner| RecoveryKey::kept_by(owner, &SigningKey::generate(&mut world.rng).verify_key()));
    let request = engine.found(&store, UserKind::Role, owners.into(), world.now)?;
    let station = world.add(Phone::new("desk", engine, store)?);
    world.register(station, &request)?;
    show::phone(&world.phones[station]);
    Ok(station)
}

/// Another device of the role, for a shift: it shows an offer, the one on duty hands over to it.
fn hand_over(world: &mut World, from: usize, name: &str) -> Result<usize, Error> {
    let desk = world.phones[from].device.user.clone();
    let (engine, store) = new_device(world, &desk)?;
    let offer = engine.offer(&store, world.now)?;
    let until = world.now.plus(SHIFT);
    let (request, _) = world.call(from, |engine, ctx| engine.delegate(ctx, &offer, until))?;
    let next = world.add(Phone::new(name, engine, store)?);
    world.register(next, &request)?;
    show::phone(&world.phones[next]);
    Ok(next)
}

fn new_device(world: &mut World, desk: &UserId) -> Result<(Client, MemoryStore), Error> {
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: world.now, store: &store, rng: &mut world.rng };
    engine.begin(ctx, desk.clone())?.commit(&mut store)?;
    Ok((engine, store))
}

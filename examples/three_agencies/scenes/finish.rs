//! What the servers have seen, and whether everything was as it was told.

use verbund::{
    client::Event,
    ids::{Hash, MessageId},
};

use super::{
    conversation::{ROOM, SECRET},
    departures::AFTER,
    handover::EVENING,
};
use crate::{Photo, show::line, story::Story, world::Error};

pub fn what_servers_saw(story: &Story) {
    story.chapter("What each server has seen: ids, devices, times and sizes");
    for (agency, host) in &story.world.hosts {
        let carried = host.carried;
        line(format!(
            "{agency}: {} requests of devices, {} messages of other servers, {} bytes in all; {} rows, {} sealed chunks",
            carried.from_devices,
            carried.from_peers,
            carried.bytes,
            host.store.len(),
            host.chunks.len(),
        ));
    }
}

/// The last claims, and the whole list.
pub fn check(story: &mut Story, photo: &Photo) -> Result<(), Error> {
    let all_same = same_everywhere(story)?;
    story.claim(all_same, "all who are there stand at the same entry with the same hash")?;
    let there = [story.cast.anna, story.tablet, story.cast.ben];
    let histories = there.map(|phone| history(story, phone));
    let same = histories.windows(2).all(|two| two[0] == two[1]) && histories[0].len() == 11;
    story.claim(same, "Anna's devices and Ben's have the same eleven messages in the same order")?;
    let words = [SECRET, AFTER, EVENING, ROOM, "red bicycle", "lighthouse", "Divers", "ferryman", "stolen"];
    let mut secrets: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    secrets.extend((photo.sample.len() >= 16).then_some(photo.sample.as_slice()));
    let blind = story.servers_hold_none_of(&secrets);
    story
        .claim(blind, "no server's store holds a word of what was said, of the room's name or of the file")?;

    story.chapter("Checked");
    for (holds, what) in story.shown() {
        line(format!("{} {what}", if *holds { "yes" } else { "NO " }));
    }
    Ok(())
}

fn same_everywhere(story: &Story) -> Result<bool, Error> {
    let place = |phone| -> Result<Option<(u64, Hash)>, Error> {
        Ok(story.view(phone)?.and_then(|room| Some((room.seq, room.hash?))))
    };
    let first = place(story.cast.anna)?;
    for phone in [story.tablet, story.cast.ben].iter().chain(&story.desk) {
        if place(*phone)? != first {
            return Ok(false);
        }
    }
    Ok(first.is_some())
}

/// The places and ids of all messages that a phone knows, its own and what it was handed included.
fn history(story: &Story, phone: usize) -> Vec<(u64, MessageId)> {
    let before = if phone == story.tablet { story.caught_up.as_slice() } else { &[] };
    let known = story.world.phones[phone].events.iter().filter_map(|event| match event {
        Event::Message { seq, id, .. } | Event::Sent { seq, id, .. } => Some((*seq, *id)),
        _ => None,
    });
    before.iter().copied().chain(known).collect()
}

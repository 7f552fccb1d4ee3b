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
use crate::{
    Photo,
    show::{self, line},
    story::Story,
    world::Error,
};

/// The history, whatever goes wrong on the way.
const WRITTEN: [&str; 11] = [
    "ben: \"Last seen at the lighthouse at 16:40\"",
    "clara: \"On our side of the border **nobody** has seen it\" (a reply)",
    "anna: reacts with 👍",
    "ben: \"Divers are on their way\"",
    "anna: shares a file",
    "anna: \"Arne is off the case; the new meeting point is the old mill\"",
    "desk: \"The desk collects what witnesses say\"",
    "desk: \"Evening shift here: a ferryman has seen it\"",
    "ben: \"Thank you; he should keep his ticket stubs\"",
    "ben: \"The laptop was stolen from the car; nothing changes for us\"",
    "anna: \"The west's keys were copied; we go on without them\"",
];

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
    let as_written = in_words(story, story.cast.ben) == WRITTEN;
    story.claim(as_written, "they are what was to be said, in that order, word for word")?;
    what_went_wrong(story)?;
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

/// If anything was to go wrong: how much has, and that all engines ended once.
fn what_went_wrong(story: &mut Story) -> Result<(), Error> {
    let Some(faults) = &story.world.faults else { return Ok(()) };
    let (counts, crashed) = (faults.counts, faults.crashed());
    story.chapter("What went wrong on the way and at hosts");
    line(format!(
        "{} pieces lost, {} twice, {} late and out of order",
        counts.lost, counts.twice, counts.late
    ));
    line(format!(
        "{} engines ended before what they had made was stored, {} after it and before it was sent",
        counts.before, counts.after
    ));
    let all = story.world.phones.len() + story.world.hosts.len();
    story.claim(crashed == all, "every engine has ended once in the midst of what it did")
}

/// What was said, as a phone has it: its own words by what others have read.
fn in_words(story: &Story, phone: usize) -> Vec<String> {
    let words = |id: MessageId| {
        let mut events = story.world.phones.iter().flat_map(|phone| &phone.events);
        events.find_map(|event| match event {
            Event::Message { id: other, sender, content, .. } if *other == id => {
                Some(format!("{}: {}", show::first(&sender.user), show::in_words(content)))
            }
            _ => None,
        })
    };
    history(story, phone).into_iter().map(|(_, id)| words(id).unwrap_or_default()).collect()
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

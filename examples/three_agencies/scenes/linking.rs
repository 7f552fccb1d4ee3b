//! Anna links a tablet: the phone shows a code, the tablet scans it, and two letters pass
//! through a mailbox at the server, which can read neither. The tablet comes into the room by
//! itself, and with what was said there before, for it has asked and Anna has agreed.

use std::time::Duration;

use verbund::{
    attachment::ChunkRef,
    client::{Client, Command, Confirmation, Event, History},
    content::Reaction,
    identity::{Newcomer, Sponsor},
    ids::{MessageId, RequestId},
    store::{Ctx, MemoryStore},
};

use super::{history, photo};
use crate::{
    show::line,
    story::{Story, World},
    world::{Error, Phone},
};

const NAME: &str = "Anna's tablet";

pub fn play(story: &mut Story, first: MessageId) -> Result<(), Error> {
    story.chapter("Anna links her tablet: a code from screen to camera, and a yes on both");
    let (world, phone) = (&mut story.world, story.cast.anna);

    let sponsor = show_code(world, phone)?;
    let (code, mailbox) = (sponsor.code().text(), sponsor.code().mailbox());
    line(format!("the phone shows a code of {} letters: {}…", code.len(), &code[..24]));
    letter(world, (phone, By::Sponsor), mailbox, None)?;

    // The tablet has no account yet. What it scanned says whose device it would be.
    let newcomer = Newcomer::read(&code, world.now)?;
    line(format!("the tablet asks: link this device to {}? Yes, with the history", newcomer.user()));
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: world.now, store: &store, rng: &mut world.rng };
    let (request, asking) = engine.ask_to_link(ctx, newcomer, NAME, true)?.commit(&mut store)?.value;
    let tablet = world.add(Phone::new("anna's tablet", engine, store)?);
    letter(world, (tablet, By::Newcomer), mailbox, Some(&request))?;

    let request = letter(world, (phone, By::Sponsor), mailbox, None)?.ok_or("the mailbox is empty")?;
    let candidate = sponsor.receive(&request, world.now)?;
    let asks = if candidate.asks_history() { " It asks for the history." } else { "" };
    line(format!("the phone asks: link \"{}\"?{asks} Yes", candidate.name()));
    let digits = [candidate.digits().to_string(), asking.digits().to_string()];
    line(format!("phone: {}   tablet: {}", digits[0], digits[1]));
    let history = Some(pack(world, phone)?);
    let with = Confirmation { settings: b"language=de".to_vec(), history, until: None };
    let (reply, _) = world.call(phone, |engine, ctx| engine.confirm_link(ctx, candidate, with))?;
    letter(world, (phone, By::Sponsor), mailbox, Some(&reply))?;

    let reply = letter(world, (tablet, By::Newcomer), mailbox, None)?.ok_or("the mailbox is empty")?;
    let (linked, _) = world.call(tablet, |engine, ctx| engine.linked(ctx, asking, &reply))?;
    let sizes = (request.len(), reply.len());
    line(format!(
        "the server has carried two letters, of {} and {} bytes, and can read neither",
        sizes.0, sizes.1
    ));
    story.tablet = tablet;
    story.claim(digits[0] == digits[1], "phone and tablet show the same digits")?;
    let blind = story.servers_hold_none_of(&[NAME.as_bytes(), code.as_bytes(), b"language=de"]);
    story.claim(blind, "the server that carried the letters does not hold the code or what they say")?;

    story.chapter("The registrar countersigns; the tablet comes into the room, and catches up");
    story.world.register(tablet, &linked.request)?;
    story.tell(|world| world.pass(Duration::from_secs(6)))?;
    let there = story.view(tablet)?.is_some();
    story.claim(there, "the tablet came into the room by itself")?;
    let lines = unpack(&story.world, tablet)?;
    line(format!("the tablet shows what was said before, {} texts", lines.lines().count()));
    let same = lines == history::export(&story.world.phones[phone]);
    story.claim(same && !lines.is_empty(), "the tablet has the phone's history, word for word")?;
    let (room, messages) = (story.room, history::import(&lines)?);
    story.caught_up = messages.iter().map(|message| (message.seq, message.id)).collect();
    story.world.command(tablet, |_| Command::Import { room, messages })?;
    story.say(tablet, Reaction::to(first, "👍")?.into())?;
    story.tell(World::settle)
}

fn show_code(world: &mut World, phone: usize) -> Result<Sponsor, Error> {
    let phone = &mut world.phones[phone];
    let ctx = Ctx { now: world.now, store: &phone.store, rng: &mut world.rng };
    Ok(phone.engine.show_link_code(ctx)?)
}

/// Whose side of the mailbox.
#[derive(Clone, Copy)]
enum By {
    Sponsor,
    Newcomer,
}

/// How often an app asks until it is answered.
const ASKED: usize = 10;

/// Leaves a letter in the mailbox, or asks for one: what lay in it. Nobody but the app asks again where
/// question or answer is lost.
fn letter(
    world: &mut World,
    (phone, by): (usize, By),
    mailbox: [u8; 16],
    leave: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, Error> {
    for _ in 0..ASKED {
        world.call(phone, |engine, ctx| match by {
            By::Sponsor => engine.host_mailbox(ctx, mailbox, leave),
            By::Newcomer => engine.guest_mailbox(ctx, mailbox, leave),
        })?;
        world.settle()?;
        if let Some(letter) = world.phones[phone].letter.take() {
            return Ok(letter.map_err(|code| code.text())?);
        }
    }
    Err("no answer about the mailbox".into())
}

/// The phone's history, sealed, of all rooms that allow it.
fn pack(world: &mut World, phone: usize) -> Result<History, Error> {
    let lines = history::export(&world.phones[phone]);
    let size = u64::try_from(lines.len())?;
    let (sealed, file) =
        photo::seal(world, phone, (&mut lines.as_bytes(), size), Duration::from_secs(86_400))?;
    let rooms = world.phones[phone].engine.history_rooms(&world.phones[phone].store)?;
    let request = RequestId::random(&mut world.rng);
    Ok(History { request, file, header: *sealed.header(), list: sealed.list().clone(), rooms })
}

/// What the tablet was handed, opened.
fn unpack(world: &World, tablet: usize) -> Result<String, Error> {
    let phone = &world.phones[tablet];
    let handed = phone.events.iter().find_map(|event| match event {
        Event::History { request, file, .. } => Some((request, file)),
        _ => None,
    });
    let (request, file) = handed.ok_or("no history has come")?;
    let opener = phone.engine.opener(&phone.store, request)?;
    let mut lines = Vec::new();
    for index in 0..file.geometry()?.chunks() {
        let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index };
        let mut chunk = phone.chunks.get(&name).ok_or("a chunk is missing")?.clone();
        opener.open_chunk(index, &mut chunk)?;
        lines.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(lines)?)
}

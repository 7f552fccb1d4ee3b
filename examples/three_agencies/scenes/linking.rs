//! Anna links a tablet: the phone shows a code, the tablet scans it, and two letters pass
//! through a mailbox at the server, which can read neither.

use verbund::{
    client::Client,
    identity::{Newcomer, Sponsor},
    store::{Ctx, MemoryStore},
};

use crate::{
    show::line,
    story::{Story, World},
    world::{Error, Phone},
};

const NAME: &str = "Anna's tablet";

pub fn play(story: &mut Story) -> Result<(), Error> {
    story.chapter("Anna links her tablet: a code from screen to camera, and a yes on both");
    let (world, phone) = (&mut story.world, story.cast.anna);

    let sponsor = show_code(world, phone)?;
    let (code, mailbox) = (sponsor.code().text(), sponsor.code().mailbox());
    line(format!("the phone shows a code: {}…, {} letters", &code[..24], code.len()));
    world.call(phone, |engine, ctx| engine.host_mailbox(ctx, mailbox, None))?;
    world.settle()?;

    // The tablet has no account yet. What it scanned says whose device it would be.
    let newcomer = Newcomer::read(&code, world.now)?;
    line(format!("the tablet asks: link this device to {}? Yes", newcomer.user()));
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: world.now, store: &store, rng: &mut world.rng };
    let (request, asking) = engine.ask_to_link(ctx, newcomer, NAME)?.commit(&mut store)?.value;
    let tablet = world.add(Phone::new("anna's tablet", engine, store)?);
    world.call(tablet, |engine, ctx| engine.guest_mailbox(ctx, mailbox, Some(&request)))?;
    world.settle()?;

    world.call(phone, |engine, ctx| engine.host_mailbox(ctx, mailbox, None))?;
    let request = letter(world, phone)?;
    let candidate = sponsor.receive(&request, world.now)?;
    line(format!("the phone asks: link \"{}\"? Yes", candidate.name()));
    let digits = [candidate.digits().to_string(), asking.digits().to_string()];
    line(format!("phone: {}   tablet: {}", digits[0], digits[1]));
    let caller = &mut world.phones[phone];
    let ctx = Ctx { now: world.now, store: &caller.store, rng: &mut world.rng };
    let reply = caller.engine.confirm_link(ctx, candidate, b"language=de".to_vec())?;
    world.call(phone, |engine, ctx| engine.host_mailbox(ctx, mailbox, Some(&reply)))?;
    world.settle()?;

    world.call(tablet, |engine, ctx| engine.guest_mailbox(ctx, mailbox, None))?;
    let reply = letter(world, tablet)?;
    let (linked, _) = world.call(tablet, |engine, ctx| engine.linked(ctx, asking, &reply))?;
    world.register(tablet, &linked.request)?;
    line("the registrar countersigns; the tablet is one of Anna's devices");
    line(format!(
        "the server has carried two letters, of {} and {} bytes, and can read neither",
        request.len(),
        reply.len()
    ));

    story.tablet = tablet;
    story.claim(digits[0] == digits[1], "phone and tablet show the same digits")?;
    let blind = story.servers_hold_none_of(&[NAME.as_bytes(), code.as_bytes(), b"language=de"]);
    story.claim(blind, "the server that carried the letters does not hold the code or what they say")
}

fn show_code(world: &mut World, phone: usize) -> Result<Sponsor, Error> {
    let phone = &mut world.phones[phone];
    let ctx = Ctx { now: world.now, store: &phone.store, rng: &mut world.rng };
    Ok(phone.engine.show_link_code(ctx)?)
}

/// What lay in the mailbox.
fn letter(world: &mut World, phone: usize) -> Result<Vec<u8>, Error> {
    world.settle()?;
    let letter = world.phones[phone].letter.take().ok_or("no answer about the mailbox")?;
    letter.map_err(|code| code.text())?.ok_or_else(|| "the mailbox is empty".into())
}

//! A file, sealed chunk by chunk, shared, and fetched by everybody from their own server.

use std::{fs::File, io::Read, time::Duration};

use verbund::{
    attachment::{ChunkRef, FileRef, Sealed, Sealer},
    client::{Command, Event},
    content::{Attachment, Content},
    ids::{BlobId, RequestId},
};

use crate::{
    Photo,
    story::{Story, World},
    world::Error,
};

const DAY: Duration = Duration::from_secs(86_400);

pub fn share(story: &mut Story, photo: &Photo) -> Result<(), Error> {
    let Photo { path, name, size, .. } = photo;
    story.chapter(&format!("Anna shares {name}, {size} bytes, sealed under a key of its own"));
    let (room, anna) = (story.room, story.cast.anna);
    let (sealed, file_ref) = seal(&mut story.world, anna, (&mut File::open(path)?, *size), 30 * DAY)?;
    let media_type = if name.ends_with(".png") { "image/png" } else { "application/octet-stream" };
    let mut attachment =
        Attachment::new(file_ref, media_type)?.captioned("Whoever sees it, call the lighthouse")?;
    if let Ok(named) = attachment.clone().named(name.clone()) {
        attachment = named;
    }
    story.world.command(anna, |request| Command::Share {
        request,
        room,
        attachment,
        header: *sealed.header(),
        list: sealed.list().clone(),
        preview: None,
        lifetime: None,
    })?;
    story.tell(World::settle)?;

    story.chapter("Everybody fetches it, each from their own agency's server, which fetches it once");
    let cast = &story.cast;
    let readers = [story.tablet, cast.arne, cast.ben, cast.laptop, cast.clara, cast.dora];
    let mut equal = 0;
    for reader in readers {
        let shared = shared(story, reader).ok_or("nobody shared a file")?;
        let request = fetch(&mut story.world, reader, &shared)?;
        compare(&story.world, reader, (&request, &shared), &mut File::open(path)?)?;
        equal += 1;
    }
    story.claim(equal == 6, "six devices received the file, each equal to the one sent, byte for byte")
}

/// The file that a phone was told of last.
fn shared(story: &Story, phone: usize) -> Option<FileRef> {
    story.world.phones[phone].events.iter().rev().find_map(|event| match event {
        Event::Message { content: Content::Attachment(attachment), .. } => Some(attachment.file().clone()),
        _ => None,
    })
}

/// Seals what `source` gives, `size` bytes, into the phone's chunk store; servers keep it so long.
pub fn seal(
    world: &mut World,
    phone: usize,
    (source, size): (&mut impl Read, u64),
    kept: Duration,
) -> Result<(Sealed, FileRef), Error> {
    let origin = world.phones[phone].device.user.agency().clone();
    let blob = BlobId::random(&mut world.rng);
    let mut sealer = Sealer::new(size, &mut world.rng)?;
    let mut index = 0;
    while let Some(length) = sealer.next_len() {
        let mut chunk = vec![0; length];
        source.read_exact(&mut chunk)?;
        sealer.seal_next(&mut chunk)?;
        world.phones[phone].chunks.insert(ChunkRef { origin: origin.clone(), blob, index }, chunk);
        index += 1;
    }
    if source.read(&mut [0])? > 0 {
        return Err("the file has grown while it was read".into());
    }
    let sealed = sealer.finish()?;
    let file_ref = sealed.file_ref(blob, origin, world.now.plus(kept));
    Ok((sealed, file_ref))
}

/// Fetches all chunks of a file.
pub fn fetch(world: &mut World, phone: usize, file: &FileRef) -> Result<RequestId, Error> {
    let request = RequestId::random(&mut world.rng);
    world.call(phone, |engine, ctx| engine.command(ctx, Command::Fetch { request, file: file.clone() }))?;
    world.settle()?;
    // Where its server has to fetch first, the phone asks again when its time comes.
    for _ in 0..file.geometry()?.chunks().saturating_mul(2).saturating_add(10) {
        if world.phones[phone].events.contains(&Event::Fetched { request }) {
            break;
        }
        world.pass(Duration::from_secs(1))?;
    }
    Ok(request)
}

/// Opens a fetched file chunk by chunk, and compares it with the one that was sent.
fn compare(
    world: &World,
    phone: usize,
    (request, file): (&RequestId, &FileRef),
    original: &mut impl Read,
) -> Result<(), Error> {
    let phone = &world.phones[phone];
    let opener = phone.engine.opener(&phone.store, request)?;
    for index in 0..file.geometry()?.chunks() {
        let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index };
        let mut chunk = phone.chunks.get(&name).ok_or("a chunk is missing")?.clone();
        opener.open_chunk(index, &mut chunk)?;
        let mut expected = vec![0; chunk.len()];
        original.read_exact(&mut expected)?;
        if chunk != expected {
            return Err(format!("chunk {index} differs at {}", phone.name).into());
        }
    }
    if original.read(&mut [0])? > 0 {
        return Err("the received file is shorter than the one sent".into());
    }
    Ok(())
}

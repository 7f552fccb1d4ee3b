//! A file that is larger than everybody's memory together: it goes the whole way, chunk by chunk.

use std::{path::PathBuf, time::Duration};

use verbund::{
    attachment::{ChunkRef, FileRef, Sealer},
    client::Command,
    content::Attachment,
    ids::{BlobId, RequestId},
};

use super::photo;
use crate::{
    story::{Story, World},
    world::{
        Error,
        shelf::{Disk, Shelf, Source, fill},
    },
};

/// So much memory everybody together may take, of a file of any size.
const BOUND: u64 = 64 << 20;

/// Anna shares a file of `size` bytes; one device of each agency fetches it.
pub fn share(story: &mut Story, size: u64) -> Result<(), Error> {
    story.chapter(&format!("Anna shares a file of {size} bytes, which nobody has in memory"));
    let directory = std::env::temp_dir();
    let shelf = |name: &str| {
        let path = directory.join(format!("three-agencies-{}-{name}", std::process::id()));
        Disk::in_directory(path).map(Shelf::Disk)
    };
    for host in story.world.hosts.values_mut() {
        host.chunks.shelf = Some(shelf(host.agency.as_str())?);
    }
    let (room, anna) = (story.room, story.cast.anna);
    let (source, sealed) = Source::seal(Sealer::new(size, &mut story.world.rng)?)?;
    story.world.phones[anna].chunks.shelf = Some(Shelf::Source(source.into()));
    let blob = BlobId::random(&mut story.world.rng);
    let origin = story.world.phones[anna].device.user.agency().clone();
    let file = sealed.file_ref(blob, origin, story.world.now.plus(Duration::from_secs(30 * 86_400)));
    let attachment = Attachment::new(file.clone(), "application/octet-stream")?;
    let (header, list) = (*sealed.header(), sealed.list().clone());
    drop(sealed);
    let make =
        |request| Command::Share { request, room, attachment, lifetime: None, header, list, preview: None };
    story.world.command(anna, make)?;
    story.tell(World::settle)?;

    story.chapter("A device of each agency fetches it, to its own disk");
    for reader in [story.cast.arne, story.cast.ben, story.cast.clara] {
        story.world.phones[reader].chunks.shelf = Some(shelf(&story.world.phones[reader].name)?);
        let request = photo::fetch(&mut story.world, reader, &file)?;
        compare(&mut story.world, reader, (&request, &file))?;
        // The app has shown it, and does not need it any more.
        story.world.phones[reader].chunks.shelf = None;
        story.world.command(reader, |_| Command::Discard { request })?;
    }
    story.claim(true, "three devices of three agencies opened all of it, each equal to what was sealed")?;
    memory(story)
}

/// Opens every chunk, and compares it with what was sealed.
fn compare(world: &mut World, phone: usize, (request, file): (&RequestId, &FileRef)) -> Result<(), Error> {
    let phone = &mut world.phones[phone];
    let opener = phone.engine.opener(&phone.store, request)?;
    let (mut expected, mut counted) = (Vec::new(), 0);
    for index in 0..file.geometry()?.chunks() {
        let name = ChunkRef { origin: file.origin.clone(), blob: file.blob, index };
        let mut chunk = phone.chunks.read(&name)?.ok_or("a chunk is missing")?;
        opener.open_chunk(index, &mut chunk)?;
        expected.resize(chunk.len(), 0);
        fill(index * opener.geometry().chunk_size(), &mut expected);
        if chunk != expected {
            return Err(format!("chunk {index} differs at {}", phone.name).into());
        }
        counted += chunk.len() as u64;
    }
    if counted != file.size {
        return Err(format!("{counted} bytes instead of {}", file.size).into());
    }
    Ok(())
}

/// What the whole process has had at most, where the system tells.
fn memory(story: &mut Story) -> Result<(), Error> {
    story.chapter("How much memory it took");
    let status = std::fs::read_to_string(PathBuf::from("/proc/self/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let Some(peak) = peak else {
        println!("  this system does not tell");
        return Ok(());
    };
    let peak = peak.trim().parse::<u64>()? << 10;
    println!("  at most {:.1} MiB, with all engines and their stores", peak as f64 / f64::from(1 << 20));
    story.claim(peak <= BOUND, "nobody had the file in memory: all together took less than 64 MiB")
}

//! Sealing a file or a pipe.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    attachment::{
        FileRef, Sealed, Sealer, Suite,
        io::{Preface, SealWriter},
    },
    ids::{AgencyId, BlobId},
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    ask::hex,
    place::{Bar, NewFile, Place},
    trouble::Trouble,
};

pub fn seal(
    suite: Suite,
    size: Option<u64>,
    source: &Place,
    sealed: &Place,
    key: &Place,
) -> Result<(), Trouble> {
    let Some(mut key_file) = key.create(true)? else {
        return Err(Trouble::usage("KEY is a file, not a pipe".into()));
    };
    let mut rng = generator()?;
    let file = source.file()?;
    let found = file.as_ref().and_then(|file| file.metadata().ok()).filter(|about| about.is_file());
    let size = size.or(found.map(|about| about.len()));
    let size = size.ok_or(Trouble::usage("--size is needed: the length of a pipe is not known".into()))?;
    let sealer = Sealer::with_suite(suite, size, &mut rng)?;

    let (made, target) = match (sealed.create(false)?, file) {
        (Some(mut target), file) => {
            let mut bytes = file.map_or_else(|| source.read(), |file| Ok(Box::new(file) as Box<dyn Read>))?;
            let made =
                into_file(sealer, &mut bytes, &mut target.file).map_err(|trouble| trouble.at(source))?;
            (made, Some(target))
        }
        (None, Some(mut file)) => {
            let made = into_pipe(sealer, &mut file, &mut io::stdout().lock());
            (made.map_err(|trouble| trouble.at(source))?, None)
        }
        (None, None) => {
            return Err(Trouble::usage("from a pipe into a pipe it would have to be kept in between".into()));
        }
    };

    let file = described(&made, &mut rng)?;
    let line = Zeroizing::new(hex(&file.to_bytes()) + "\n");
    let written = key_file.file.write_all(line.as_bytes()).and_then(|()| key_file.file.sync_all());
    written.map_err(|error| Trouble::from(error).at(key))?;
    // A sealed file without its key is worth nothing.
    key_file.keep();
    target.into_iter().for_each(NewFile::keep);
    eprintln!(
        "sealed {} bytes in {} chunks, root {}",
        file.size,
        made.geometry().chunks(),
        hex(file.root.as_bytes())
    );
    Ok(())
}

/// Chunks first, then what goes before them.
fn into_file(sealer: Sealer, source: &mut dyn Read, target: &mut File) -> Result<Sealed, Trouble> {
    let mut source = source;
    target.seek(SeekFrom::Start(Preface::len_of(sealer.geometry())))?;
    let mut writer = SealWriter::with_progress(sealer, target, Bar::new("sealing"));
    writer.fill_from(&mut source)?;
    let (sealed, target) = writer.finish()?;
    target.rewind()?;
    Preface::of(&sealed).write_to(target)?;
    target.sync_all()?;
    Ok(sealed)
}

/// Once for the chunk list, and once more for the chunks, which have to come out the same.
fn into_pipe(sealer: Sealer, source: &mut File, target: &mut dyn Write) -> Result<Sealed, Trouble> {
    let mut target = target;
    let (key, header, size) = (sealer.key().clone(), *sealer.header(), sealer.size());
    let mut first = SealWriter::with_progress(sealer, io::sink(), Bar::new("reading"));
    first.fill_from(source)?;
    let (sealed, _) = first.finish()?;

    Preface::of(&sealed).write_to(&mut target)?;
    source.rewind()?;
    let (hashes, _) = sealed.list().as_bytes().as_chunks();
    let again = Sealer::resume(key, header, size, hashes.to_vec())?;
    let mut second = SealWriter::with_progress(again, target, Bar::new("sealing"));
    second.fill_from(source)?;
    Ok(second.finish()?.0)
}

/// As a message would say it. The file is at no server yet.
fn described(sealed: &Sealed, rng: &mut ChaCha20Rng) -> Result<FileRef, Trouble> {
    let nowhere = AgencyId::parse("nowhere.example")?;
    Ok(sealed.file_ref(BlobId::random(rng), nowhere, Timestamp::ZERO))
}

fn generator() -> Result<ChaCha20Rng, Trouble> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|_| io::Error::other("no random source"))?;
    Ok(ChaCha20Rng::from_seed(*seed))
}

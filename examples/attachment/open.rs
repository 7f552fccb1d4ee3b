//! Opening a sealed file, whole or in part.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
};

use verbund::attachment::{
    FileRef,
    io::{FileChunks, OpenReader, Preface, SeekReader},
};
use zeroize::Zeroizing;

use crate::{
    ask::unhex,
    place::{Bar, Place},
    trouble::Trouble,
};

pub fn open(sealed: &Place, key: &Place, target: &Place) -> Result<(), Trouble> {
    let file = message(key)?;
    let mut source = sealed.read()?;
    let preface = Preface::read_from(&mut source).map_err(|error| Trouble::from(error).at(sealed))?;
    let opener = preface.into_opener(&file).map_err(|error| Trouble::from(error).at(sealed))?;
    let mut reader = OpenReader::with_progress(opener, source, Bar::new("opening"));
    match target.create(false)? {
        Some(mut target) => {
            io::copy(&mut reader, &mut target.file).map_err(|error| Trouble::from(error).at(sealed))?;
            target.keep();
        }
        None => {
            let mut out = io::stdout().lock();
            io::copy(&mut reader, &mut out).map_err(|error| Trouble::from(error).at(sealed))?;
            out.flush()?;
        }
    }
    Ok(())
}

pub fn cat(sealed: &Place, key: &Place, first: u64, count: u64) -> Result<(), Trouble> {
    let file = message(key)?;
    let Some(mut source) = sealed.file()? else {
        return Err(Trouble::usage("cat needs a file: a pipe cannot be sought in".into()));
    };
    let refused = |trouble: Trouble| trouble.at(sealed);
    let preface = Preface::read_from(&mut source).map_err(|error| refused(error.into()))?;
    let chunks = FileChunks::new(source, preface.len(), preface.geometry());
    let opener = preface.into_opener(&file).map_err(|error| refused(error.into()))?;
    let mut reader = SeekReader::new(opener, chunks);
    reader.seek(SeekFrom::Start(first))?;
    let mut out = io::stdout().lock();
    io::copy(&mut reader.take(count), &mut out).map_err(|error| refused(error.into()))?;
    Ok(out.flush()?)
}

/// The key file: what a message says of the sealed file.
fn message(key: &Place) -> Result<FileRef, Trouble> {
    let Place::Path(path) = key else {
        return Err(Trouble::usage("KEY is a file, not a pipe".into()));
    };
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| Trouble::from(error).at(key))?;
    let bytes = unhex(text.trim_end()).map(Zeroizing::new).unwrap_or_default();
    FileRef::from_bytes(&bytes).map_err(|error| Trouble::from(error).at(key))
}

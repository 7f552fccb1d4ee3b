//! Opening a sealed file, whole or in part.

use std::{
    fs,
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
};

use verbund::{
    Error,
    attachment::{
        FileRef,
        io::{FileChunks, OpenReader, Preface, SeekReader},
    },
    code::Code,
};
use zeroize::Zeroizing;

use crate::{
    ask::unhex,
    place::{Bar, Place},
    trouble::Trouble,
};

pub fn open(sealed: &Place, key: &Place, place: &Place) -> Result<(), Trouble> {
    let file = message(key)?;
    let mut source = sealed.read()?;
    let preface = Preface::read_from(&mut source).map_err(|error| Trouble::from(error).at(sealed))?;
    let opener = preface.into_opener(&file).map_err(|error| Trouble::from(error).at(sealed))?;
    let mut reader = OpenReader::with_progress(opener, source, Bar::new("opening"));
    match place.create(false)? {
        Some(mut target) => {
            copy(&mut reader, (sealed, place), &mut target.file)?;
            target.keep();
        }
        None => {
            let mut out = io::stdout().lock();
            copy(&mut reader, (sealed, place), &mut out)?;
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
    copy(&mut reader.take(count), (sealed, &Place::Pipe), &mut out)?;
    Ok(out.flush()?)
}

/// Without a buffer in between that would have to be wiped; what fails is named.
fn copy(
    source: &mut impl BufRead,
    (from, to): (&Place, &Place),
    out: &mut impl Write,
) -> Result<(), Trouble> {
    loop {
        let part = source.fill_buf().map_err(|error| Trouble::from(error).at(from))?;
        if part.is_empty() {
            return Ok(());
        }
        out.write_all(part).map_err(|error| Trouble::from(error).at(to))?;
        let read = part.len();
        source.consume(read);
    }
}

/// The key file: what a message says of the sealed file.
fn message(key: &Place) -> Result<FileRef, Trouble> {
    let Place::Path(path) = key else {
        return Err(Trouble::usage("KEY is a file, not a pipe".into()));
    };
    let text = fs::read(path).map(Zeroizing::new).map_err(|error| Trouble::from(error).at(key))?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let no_line = || Trouble::from(Error::new(Code::Malformed, "key file")).at(key);
    let bytes = unhex(line).ok_or_else(no_line)?;
    FileRef::from_bytes(&bytes).map_err(|error| Trouble::from(error).at(key))
}

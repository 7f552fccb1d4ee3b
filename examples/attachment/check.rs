//! What anybody can see of a sealed file, and check without a key.

use std::io::{self, Read};

use verbund::{
    Error,
    attachment::{
        Root,
        io::{Preface, Progress},
    },
    code::Code,
};

use crate::{
    ask::hex,
    place::{Bar, Place, say},
    trouble::Trouble,
};

pub fn inspect(sealed: &Place) -> Result<(), Trouble> {
    let preface = preface(sealed, &mut sealed.read()?)?;
    let geometry = preface.geometry();
    say(&format!(
        "suite        {} ({:?})\nfile         at most {} bytes\nchunks       {} of {} bytes\nsealed file  {} bytes\nroot         {}\n",
        preface.header().suite().number(),
        preface.header().suite(),
        geometry.padded_size(),
        geometry.chunks(),
        geometry.chunk_size(),
        preface.len() + geometry.sealed_size(),
        hex(preface.root().as_bytes()),
    ))
}

pub fn verify(sealed: &Place, root: Option<Root>) -> Result<(), Trouble> {
    let mut source = sealed.read()?;
    let preface = preface(sealed, &mut source)?;
    let (found, geometry) = (preface.root(), preface.geometry());
    let refused = |code, context| Err(Trouble::from(Error::new(code, context)).at(sealed));
    if root.is_some_and(|root| root != found) {
        return refused(Code::BadRoot, "root");
    }
    let verifier = preface.into_verifier()?;
    let (mut bar, mut chunk) = (Bar::new("checking"), Vec::new());
    for index in 0..geometry.chunks() {
        chunk.resize(geometry.sealed_chunk_size(index), 0);
        match source.read_exact(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return refused(Code::BadGeometry, "sealed file ends too early");
            }
            other => other.map_err(|error| Trouble::from(error).at(sealed))?,
        }
        verifier.verify_chunk(index, &chunk).map_err(|error| Trouble::from(error).at(sealed))?;
        bar.chunks(index + 1, geometry.chunks());
    }
    match source.read_exact(&mut [0]) {
        Ok(()) => return refused(Code::BadGeometry, "sealed file ends too late"),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(Trouble::from(error).at(sealed)),
    }
    let meant =
        if root.is_some() { "as meant" } else { "whose word it is, only the root in a message tells" };
    say(&format!("whole: {} chunks under root {}, {meant}\n", geometry.chunks(), hex(found.as_bytes())))
}

fn preface(sealed: &Place, source: &mut dyn Read) -> Result<Preface, Trouble> {
    let mut source = source;
    Preface::read_from(&mut source).map_err(|error| Trouble::from(error).at(sealed))
}

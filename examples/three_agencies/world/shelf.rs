//! Where sealed chunks are kept: in memory, or where files are too large for it, on a shelf.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    ops::{Deref, DerefMut},
    path::PathBuf,
};

use verbund::{
    attachment::{ChunkRef, FileKey, Header, Sealed, Sealer},
    ids::{AgencyId, BlobId},
};

use super::Error;

/// The sealed chunks of a server or of an app, as a database or a folder would hold them. It is the map of those in
/// memory.
#[derive(Default)]
pub struct Chunks {
    memory: BTreeMap<ChunkRef, Vec<u8>>,
    /// Where they are instead, if they are too many.
    pub shelf: Option<Shelf>,
}

impl Chunks {
    /// Keeps a chunk, if there is one to be kept.
    pub fn keep(&mut self, name: Option<ChunkRef>, chunk: &[u8]) -> Result<(), Error> {
        let Some(name) = name else { return Ok(()) };
        match &mut self.shelf {
            Some(shelf) => shelf.keep(&name, chunk)?,
            None => drop(self.memory.insert(name, chunk.to_vec())),
        }
        Ok(())
    }

    /// Gives a chunk, if it is here.
    pub fn read(&mut self, name: &ChunkRef) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.shelf {
            Some(shelf) => shelf.read(name),
            None => Ok(self.memory.get(name).cloned()),
        }
    }

    /// Nobody needs an attachment's chunks any more.
    pub fn forget(&mut self, origin: &AgencyId, blob: &BlobId) -> Result<(), Error> {
        self.memory.retain(|chunk, _| chunk.origin != *origin || chunk.blob != *blob);
        self.shelf.as_mut().map_or(Ok(()), |shelf| shelf.forget(blob))
    }
}

impl Deref for Chunks {
    type Target = BTreeMap<ChunkRef, Vec<u8>>;

    fn deref(&self) -> &Self::Target {
        &self.memory
    }
}

impl DerefMut for Chunks {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.memory
    }
}

/// Instead of a map in memory.
pub enum Shelf {
    /// A file for each attachment.
    Disk(Disk),
    /// Nothing is kept: a chunk is sealed again when it is asked for, and comes out the same.
    Source(Box<Source>),
}

impl Shelf {
    /// Keeps a chunk that comes in.
    fn keep(&mut self, name: &ChunkRef, chunk: &[u8]) -> Result<(), Error> {
        match self {
            Shelf::Disk(disk) => disk.keep(name, chunk),
            Shelf::Source(_) => Err("a source takes nothing in".into()),
        }
    }

    fn forget(&mut self, blob: &BlobId) -> Result<(), Error> {
        if let Shelf::Disk(disk) = self
            && disk.blobs.remove(blob).is_some()
        {
            fs::remove_file(disk.directory.join(blob.to_string()))?;
        }
        Ok(())
    }

    fn read(&mut self, name: &ChunkRef) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Shelf::Disk(disk) => disk.read(name),
            Shelf::Source(source) => source.read(name.index).map(Some),
        }
    }
}

/// Chunks in files of a directory, which goes with them.
pub struct Disk {
    directory: PathBuf,
    blobs: BTreeMap<BlobId, Blob>,
}

/// An attachment's file, and where in it each chunk is: its place and length.
struct Blob {
    file: File,
    end: u64,
    places: Vec<Option<(u64, u32)>>,
}

impl Disk {
    /// In a new directory.
    pub fn in_directory(directory: PathBuf) -> Result<Self, Error> {
        fs::create_dir(&directory)?;
        Ok(Disk { directory, blobs: BTreeMap::new() })
    }

    fn keep(&mut self, name: &ChunkRef, chunk: &[u8]) -> Result<(), Error> {
        if !self.blobs.contains_key(&name.blob) {
            let path = self.directory.join(name.blob.to_string());
            let file = File::options().read(true).write(true).create_new(true).open(path)?;
            self.blobs.insert(name.blob, Blob { file, end: 0, places: Vec::new() });
        }
        let blob = self.blobs.get_mut(&name.blob).ok_or("no such file")?;
        let index = usize::try_from(name.index)?;
        if blob.places.len() <= index {
            blob.places.resize(index + 1, None);
        }
        blob.file.seek(SeekFrom::Start(blob.end))?;
        blob.file.write_all(chunk)?;
        blob.places[index] = Some((blob.end, u32::try_from(chunk.len())?));
        blob.end += chunk.len() as u64;
        Ok(())
    }

    fn read(&mut self, name: &ChunkRef) -> Result<Option<Vec<u8>>, Error> {
        let Some(blob) = self.blobs.get_mut(&name.blob) else { return Ok(None) };
        let place = blob.places.get(usize::try_from(name.index)?).copied().flatten();
        let Some((start, length)) = place else { return Ok(None) };
        let mut chunk = vec![0; usize::try_from(length)?];
        blob.file.seek(SeekFrom::Start(start))?;
        blob.file.read_exact(&mut chunk)?;
        Ok(Some(chunk))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.blobs.clear();
        // Whoever looks into the temporary directory finds what is left.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A file that is made as it is read, and sealed as it leaves: first for its hashes, then for its chunks, which
/// come out the same or not at all (SPEC V-641).
pub struct Source {
    key: FileKey,
    header: Header,
    size: u64,
    hashes: Vec<[u8; 32]>,
    sealer: Sealer,
}

impl Source {
    /// Seals the file once, and forgets its chunks.
    pub fn seal(mut sealer: Sealer) -> Result<(Self, Sealed), Error> {
        let (key, header, size) = (sealer.key().clone(), *sealer.header(), sealer.size());
        let (mut chunk, mut hashes) = (Vec::new(), Vec::new());
        while let Some(index) = sealer.next_index() {
            plain(&sealer, index, &mut chunk);
            hashes.push(sealer.seal_next(&mut chunk)?);
        }
        let again = Sealer::resume(key.clone(), header, size, hashes.clone())?;
        Ok((Source { key, header, size, hashes, sealer: again }, sealer.finish()?))
    }

    /// Chunks are asked for in their order; for an earlier one it begins again.
    fn read(&mut self, wanted: u64) -> Result<Vec<u8>, Error> {
        if self.sealer.next_index().is_none_or(|next| next > wanted) {
            self.sealer = Sealer::resume(self.key.clone(), self.header, self.size, self.hashes.clone())?;
        }
        let mut chunk = Vec::new();
        while let Some(index) = self.sealer.next_index() {
            plain(&self.sealer, index, &mut chunk);
            self.sealer.seal_next(&mut chunk)?;
            if index == wanted {
                return Ok(chunk);
            }
        }
        Err("no such chunk".into())
    }
}

/// The next chunk of the file.
fn plain(sealer: &Sealer, index: u64, chunk: &mut Vec<u8>) {
    chunk.resize(sealer.next_len().unwrap_or(0), 0);
    fill(index * sealer.geometry().chunk_size(), chunk);
}

/// What stands from a place on: as in a sparse file, zeros almost everywhere; and every 4,096 bytes the place itself, so
/// that no two parts are alike.
pub fn fill(start: u64, bytes: &mut [u8]) {
    bytes.fill(0);
    for (place, block) in (start..).step_by(4_096).zip(bytes.chunks_mut(4_096)) {
        let mark = place.to_be_bytes();
        let length = mark.len().min(block.len());
        block[..length].copy_from_slice(&mark[..length]);
    }
}

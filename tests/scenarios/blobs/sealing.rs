//! Apps that are cut off while they seal: they keep key, header and the hash of each chunk before it
//! leaves, and go on with them (SPEC V-641).

use verbund::{
    attachment::{FileKey, Header, Sealer},
    ids::BlobId,
};

use super::*;

/// What an app keeps of an unfinished sealing, in its own database.
struct Record {
    key: FileKey,
    header: Header,
    size: u64,
    blob: BlobId,
    hashes: Vec<[u8; 32]>,
}

impl Record {
    fn begin(world: &mut World, size: usize) -> Self {
        let sealer = Sealer::new(size as u64, &mut world.rng).unwrap();
        Record {
            key: sealer.key().clone(),
            header: *sealer.header(),
            size: sealer.size(),
            blob: BlobId::random(&mut world.rng),
            hashes: Vec::new(),
        }
    }

    /// Seals from the source's beginning until `left` more chunks have been stored; the app is cut off after
    /// a chunk's hash was stored and before the chunk was, if `between`.
    fn go_on(
        &mut self,
        world: &mut World,
        source: &[u8],
        left: usize,
        between: bool,
    ) -> Result<Option<Sealed>, Code> {
        let sealer = Sealer::resume(self.key.clone(), self.header, self.size, self.hashes.clone());
        let mut sealer = sealer.unwrap();
        let (mut rest, mut stored) = (source, 0);
        let origin = agency(NORD);
        while let Some(index) = sealer.next_index() {
            if stored == left {
                return Ok(None);
            }
            let (now, later) = rest.split_at(sealer.next_len().unwrap().min(rest.len()));
            rest = later;
            let mut chunk = now.to_vec();
            let hash = sealer.seal_next(&mut chunk).map_err(|error| error.code())?;
            let name = ChunkRef { origin: origin.clone(), blob: self.blob, index };
            let new = self.hashes.len() as u64 == index;
            if new {
                self.hashes.push(hash);
                stored += 1;
            }
            if new && stored == left && between {
                return Ok(None);
            }
            let chunks = &mut world.phones[ANNA].chunks;
            // What may have left comes out the same.
            assert_eq!(chunks.get(&name).unwrap_or(&chunk), &chunk);
            chunks.insert(name, chunk);
        }
        Ok(Some(sealer.finish().unwrap()))
    }
}

/// SPEC V-641: cut off at any chunk, before or after the chunk itself was stored; and then the upload is cut
/// off as well.
#[test]
fn a_sealing_that_is_cut_off_goes_on() {
    let chunks = 5;
    for (cut, between) in (0..=chunks).flat_map(|cut| [(cut, false), (cut, true)]) {
        let mut world = officers(250);
        let room = room(&mut world);
        let source = plain(SIZE);
        let mut record = Record::begin(&mut world, SIZE);
        let cut_off = record.go_on(&mut world, &source, cut, between).unwrap();
        assert_eq!((record.hashes.len(), cut_off.is_some()), (cut, cut == chunks && !between));
        let sealed = record.go_on(&mut world, &source, usize::MAX, false).unwrap().unwrap();
        let file = sealed.file_ref(record.blob, agency(NORD), world.now.plus(DAY * 30));
        let before = world.hosts[&agency(NORD)].carried.chunks;
        share(&mut world, ANNA, room, &(sealed, file.clone()));
        world.budget = 2 + cut;
        world.settle().unwrap();
        world.budget = usize::MAX;
        world.restart(ANNA).unwrap();
        world.settle().unwrap();
        assert_eq!(world.hosts[&agency(NORD)].carried.chunks - before, chunks);
        let told = fetch(&mut world, BEN, &file);
        assert_eq!(opened(&world, BEN, &told, &file), source, "cut off at {cut}");
    }
}

/// SPEC V-640, V-641: the file has changed meanwhile. What was sealed before is not sealed anew under its nonce,
/// and the app begins again with another key.
#[test]
fn a_source_that_changed_meanwhile_is_noticed() {
    for (cut, change) in [(1, 0), (3, 65_536 * 2), (5, SIZE - 1)] {
        let mut world = officers(251);
        let room = room(&mut world);
        let mut record = Record::begin(&mut world, SIZE);
        record.go_on(&mut world, &plain(SIZE), cut, false).unwrap();
        let kept = world.phones[ANNA].chunks.clone();
        let mut other = plain(SIZE);
        other[change] ^= 1;
        let refused = record.go_on(&mut world, &other, usize::MAX, false);
        assert_eq!(refused.unwrap_err(), Code::SourceChanged);
        assert_eq!(*world.phones[ANNA].chunks, kept, "nothing of it was let out");
        // As long as before, or it is no file of this sealing.
        let shorter = record.go_on(&mut world, &plain(SIZE - 1), usize::MAX, false);
        assert_eq!(shorter.unwrap_err(), Code::SourceChanged);

        let mut anew = Record::begin(&mut world, SIZE);
        let sealed = anew.go_on(&mut world, &other, usize::MAX, false).unwrap().unwrap();
        let file = sealed.file_ref(anew.blob, agency(NORD), world.now.plus(DAY * 30));
        assert_ne!(file.key, record.key);
        share(&mut world, ANNA, room, &(sealed, file.clone()));
        world.settle().unwrap();
        let told = fetch(&mut world, BEN, &file);
        assert_eq!(opened(&world, BEN, &told, &file), other);
    }
}

//! Files that are on a phone, sealed.

use std::time::Duration;

use chacha20::ChaCha20Rng;
use verbund::{
    attachment::{ChunkRef, FileRef, Sealed, Sealer},
    ids::BlobId,
};

use crate::world::World;

/// A file of a phone's, sealed into its chunk store, and wanted for so long.
pub fn sealed(
    world: &mut World<ChaCha20Rng>,
    phone: usize,
    bytes: &[u8],
    lifetime: Duration,
) -> (Sealed, FileRef) {
    let origin = world.phones[phone].device.user.agency().clone();
    let blob = BlobId::random(&mut world.rng);
    let mut sealer = Sealer::new(bytes.len() as u64, &mut world.rng).unwrap();
    let (mut rest, mut index) = (bytes, 0);
    while let Some(len) = sealer.next_len() {
        let (chunk, after) = rest.split_at(len);
        let mut chunk = chunk.to_vec();
        sealer.seal_next(&mut chunk).unwrap();
        world.phones[phone].chunks.insert(ChunkRef { origin: origin.clone(), blob, index }, chunk);
        (rest, index) = (after, index + 1);
    }
    let sealed = sealer.finish().unwrap();
    let file = sealed.file_ref(blob, origin, world.now.plus(lifetime));
    (sealed, file)
}

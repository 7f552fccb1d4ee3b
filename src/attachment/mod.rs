//! Attachments: files sealed so that they pass through any number of servers (SPEC chapter
//! "Attachments").
//!
//! A file is padded, cut into chunks, and sealed under a key of its own. Three things come of
//! it: a [`Header`] and a [`ChunkList`] that every server may read, the sealed chunks, and a
//! [`FileRef`] that travels inside an encrypted message and nowhere else. Whoever has the
//! message can fetch the file ([`Capability`]), tell whether servers gave the right one
//! ([`Root`]), and open any chunk of it by itself.
//!
//! ```text
//! header     = u8 suite ‖ u8 log2(chunk) ‖ salt (16) ‖ commitment (32)
//! prk        = HKDF-Extract(salt, file key)
//! payload    = HKDF-Expand(prk, "blob payload key"; suite, log2(chunk))
//! commitment = HKDF-Expand(prk, "blob commitment";  suite, log2(chunk))
//! sealed_i   = AEAD(payload, STREAM nonce(i, last), no aad, chunk_i)
//! h_i        = H("blob chunk"; u64 i, u8 last, sealed_i)
//! root       = H("blob root";  header, u64 padded size, h_0 ‖ … ‖ h_(n−1))
//! capability = HKDF(no salt, file key, "blob fetch"; blob id)
//! ```
//!
//! Labels are framed as everywhere (each part with its length in front, so that the root
//! also says how many chunks there are). AEAD and H are the [`Suite`]'s: ChaCha20-Poly1305 and
//! BLAKE3 in suite 1, which is several times as fast as SHA-256 on phones without SHA
//! instructions, and a hash of every chunk is what sealing costs beyond encryption; AES-256-GCM
//! and SHA-256 in suite 2. BLAKE3 takes the same framing as SHA-256 and not its own `derive_key`
//! mode, so that a suite differs in nothing but the functions.
//!
//! Memory is one chunk, whatever the file's size: chunks are sealed and opened in the
//! caller's own buffer ([`Sealer`], [`Opener`]). Servers check them without a key
//! ([`Verifier`]). Hosts that block read and write sealed files as streams ([`io`]).
//!
//! ```
//! use verbund::{attachment::{open_all, seal_all}, ids::{AgencyId, BlobId}, time::Timestamp};
//! # let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
//! # use rand_core::SeedableRng;
//!
//! let (sealed, bytes) = seal_all(b"a photo", &mut rng)?;
//! let origin = AgencyId::parse("police.hessen.example")?;
//! let file = sealed.file_ref(BlobId::random(&mut rng), origin, Timestamp::from_millis(0));
//!
//! let opened = open_all(&file, sealed.header(), sealed.list().clone(), &bytes)?;
//! assert_eq!(opened, b"a photo");
//! # Ok::<(), verbund::Error>(())
//! ```

mod batch;
mod capability;
mod chunk_list;
mod chunk_ref;
mod file_ref;
mod geometry;
mod header;
pub mod io;
mod key;
mod opener;
mod resealer;
mod sealer;
mod verifier;

#[cfg(test)]
mod tests;

pub use capability::{Capability, CapabilityHash};
pub use chunk_list::{ChunkList, Root};
pub use chunk_ref::ChunkRef;
pub use file_ref::FileRef;
pub use geometry::Geometry;
pub use header::{Header, Suite};
pub use key::FileKey;
pub use opener::{Opener, open_all};
pub use resealer::Resealer;
pub use sealer::{Sealed, Sealer, seal_all};
pub use verifier::Verifier;
pub(crate) use verifier::verify_chunk;

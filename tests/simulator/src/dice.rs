//! Chance, from a seed.

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// What one seed decides for one purpose. Purposes do not disturb each other: whoever changes what
/// people do leaves the network's luck as it was.
pub struct Dice(ChaCha20Rng);

impl Dice {
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut wide = [0; 32];
        wide[..8].copy_from_slice(&seed.to_be_bytes());
        for (place, byte) in wide[8..].iter_mut().zip(purpose.bytes()) {
            *place = byte;
        }
        Dice(ChaCha20Rng::from_seed(wide))
    }

    pub fn number(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number below `sides`; 0 if there is none.
    pub fn below(&mut self, sides: usize) -> usize {
        self.number() as usize % sides.max(1)
    }

    /// A time in milliseconds, from `from` on and before `end`.
    pub fn between(&mut self, from: u64, end: u64) -> u64 {
        from + self.below((end - from) as usize) as u64
    }

    /// Whether something happens that happens so often in a thousand times.
    pub fn often(&mut self, per_mille: u32) -> bool {
        self.number() % 1_000 < per_mille
    }

    /// A generator for one call of an engine.
    pub fn generator(&mut self) -> ChaCha20Rng {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        ChaCha20Rng::from_seed(seed)
    }
}

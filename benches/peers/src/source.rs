//! A file of any size that takes no memory.

use std::io::Read;

/// 1 MiB that does not repeat within, again and again.
pub struct Pattern {
    block: &'static [u8],
    left: u64,
    place: usize,
}

static BLOCK: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let numbers = (0..1_u32 << 18).map(|n| n.wrapping_mul(0x9e37_79b1));
    numbers.flat_map(u32::to_be_bytes).collect()
});

impl Pattern {
    pub fn of(size: u64) -> Self {
        Pattern { block: &BLOCK, left: size, place: 0 }
    }
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = &self.block[self.place..];
        let fits = rest.len().min(buffer.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..fits].copy_from_slice(&rest[..fits]);
        self.place = (self.place + fits) % self.block.len();
        self.left -= fits as u64;
        Ok(fits)
    }
}

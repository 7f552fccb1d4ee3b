//! A device says that a chunk which it was given is not the one: the server looks at what its host
//! keeps, and has it fetched anew if that is so (SPEC V-684). Nothing is dropped on a device's word.

use super::{
    super::{Output, call::Call},
    Blob,
};
use crate::{attachment::ChunkRef, error::Result};

impl Call<'_, '_> {
    /// Has the host look at a chunk.
    pub(super) fn doubt(&mut self, blob: &Blob, index: u64) -> Result<()> {
        if self.has_chunk(blob, index)? {
            self.draft.put(blob.keys.doubted(index), Vec::new());
        }
        Ok(())
    }

    /// Whether the host is still to look at it; if so, it is told again.
    pub(super) fn is_doubted(&mut self, blob: &Blob, index: u64) -> Result<bool> {
        let doubted = self.draft.get(&blob.keys.doubted(index))?.is_some();
        if doubted {
            self.output(Output::CheckChunk(blob.chunk(index)));
        }
        Ok(doubted)
    }

    /// What the host has found. A chunk that is not the one is as if it had never come; one that was lost
    /// may have been found again.
    pub(in crate::server) fn checked(&mut self, chunk: &ChunkRef, bytes: Option<&[u8]>) -> Result<()> {
        let Some(mut blob) = self.blob(&chunk.origin, &chunk.blob)? else { return Ok(()) };
        if blob.stands().is_err() {
            return Ok(());
        }
        let here = self.has_chunk(&blob, chunk.index)?;
        let good = match self.check_chunk(&blob, chunk.index, bytes.unwrap_or_default()) {
            Err(error) if error.fails_the_call() => return Err(error),
            checked => checked.is_ok(),
        };
        self.draft.guard(blob.keys.guard())?;
        self.draft.delete(blob.keys.doubted(chunk.index));
        if here && !good {
            self.draft.delete(blob.keys.chunk(chunk.index));
            blob.row.present = blob.row.present.saturating_sub(1);
            blob.row.lost = true;
        } else if !here && good {
            self.take_chunk(&mut blob, chunk.index)?;
        }
        self.write(blob.keys.record(), &blob.row);
        Ok(())
    }
}

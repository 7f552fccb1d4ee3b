//! Links: to and from every other agency one ordered, numbered, hash-chained stream of
//! signed frames (SPEC "Links"). What goes waits in rows until it is acknowledged; what
//! comes is taken exactly once.

mod incoming;
mod items;
mod life;
mod outgoing;

use bytes::Bytes;

use super::{Reply, call::Call};
use crate::{
    crypto::{Label, hash},
    error::Result,
    ids::Hash,
    wire::{
        Signed, decode,
        link::{LinkFrame, PeerMessage},
    },
};

/// The hash that chains a frame: of the bytes that its signature covers.
fn frame_hash(frame: &Signed<LinkFrame>) -> Hash {
    hash(Label::FRAME_HASH, &[frame.body()])
}

impl Call<'_, '_> {
    pub(super) fn peer(&mut self, message: &[u8]) -> Result<Option<Reply>> {
        match decode(&Bytes::copy_from_slice(message))? {
            PeerMessage::Frame(frame) => Ok(self.frame(*frame)?.map(|bytes| Reply { bytes, chunk: None })),
            PeerMessage::Ack(ack) => self.acknowledged(*ack).map(|()| None),
            PeerMessage::ChunkRequest(request) => self.chunk_request(*request).map(Some),
            PeerMessage::ChunkReply(reply) => self.chunk_reply(*reply).map(|()| None),
            PeerMessage::Descriptor(descriptor) => {
                self.directory.accept_descriptor(&mut self.draft, &descriptor).map(|_| None)
            }
        }
    }
}

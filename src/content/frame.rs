//! What is encrypted: content, and what binds it to its place.

use core::{fmt, time::Duration};

use bytes::Bytes;

use super::{Content, padding};
use crate::{
    code::Code,
    crypto::{Label, hash},
    error::{Error, Result, ensure},
    ids::{Device, Hash, MessageId, RoomId},
    limits,
    wire::{Wire, decode, encode, proto},
};

/// The largest content with the frame and envelope around it: each field's tag, length and value.
const LARGEST: usize = limits::CONTENT + limits::ROOM_LABEL + 92;
const _: () = assert!(LARGEST < limits::SIZE_CLASS_MAX, "there is room for the mark");

/// The last log entry that a sender had processed. It stands inside the ciphertext, so that
/// receivers find out when a hub shows them another log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its place, from 1: nobody sends who has not seen the entry that let them in.
    pub(crate) seq: u64,
    /// Its hash.
    pub(crate) hash: Hash,
}

/// Under what terms a message was sent. They are no part of its id: who agrees to a held message
/// under another label sends the same message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long it is kept after its stamp, if it says so itself.
    pub(crate) lifetime: Option<Duration>,
    /// The room's label as the sender knew it; empty if it had none.
    pub(crate) label: String,
}

impl Terms {
    /// The lifetime in milliseconds, 0 for none.
    pub(crate) fn millis(&self) -> u64 {
        self.lifetime.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The plaintext of a message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(super) nonce: [u8; 16],
    pub(super) seen: Seen,
    pub(super) kind: u32,
    pub(super) content: Bytes,
    pub(super) terms: Terms,
}

impl Frame {
    /// `nonce` is random, drawn once for a message and kept when it is encrypted again.
    pub(crate) fn new(content: &Content, nonce: [u8; 16], seen: Seen) -> Self {
        let (kind, content) = content.encode();
        Frame::of_encoded(kind, content, nonce, seen)
    }

    /// The same, for content that was encoded before.
    pub(crate) fn of_encoded(kind: u32, content: Bytes, nonce: [u8; 16], seen: Seen) -> Self {
        Frame { nonce, seen, kind, content, terms: Terms::default() }
    }

    /// The same message under these terms.
    pub(crate) fn under(self, terms: Terms) -> Self {
        Frame { terms, ..self }
    }

    /// The same message as of another place of the log. It keeps its id.
    #[cfg(test)]
    pub(crate) fn at(self, seen: Seen) -> Self {
        Frame { seen, ..self }
    }

    /// The plaintext: the encoded frame, padded to its size class.
    ///
    /// # Errors
    /// [`Code::Bug`] if [`Frame::open`] would refuse it.
    pub(crate) fn seal(&self) -> Result<Bytes> {
        ensure(self.seen.seq > 0, Code::Bug, "a message before the first log entry")?;
        padding::pad(&encode(self)).map_err(|_| Error::new(Code::Bug, "content is held to a class"))
    }

    /// Reads a decrypted plaintext. Its content is not yet read: a message whose content is
    /// bad has an id all the same.
    ///
    /// # Errors
    /// [`Code::NotCanonical`] for padding and length (SPEC V-701, V-702); as
    /// [`decode`] for the encoding; [`Code::BadField`] for nonce, seen and terms
    /// (V-703, V-704, V-714).
    pub(crate) fn open(plaintext: &Bytes) -> Result<Self> {
        decode(&padding::unpad(plaintext)?)
    }

    /// The message's name: a hash that sender and receivers compute, and nobody reads.
    /// `sender` is the device that MLS has authenticated (SPEC V-707).
    pub(crate) fn id(&self, room: &RoomId, sender: &Device) -> MessageId {
        let content = hash(Label::CONTENT, &[&self.kind.to_be_bytes(), &self.content]);
        let (user, device) = (sender.user.as_str().as_bytes(), sender.id.as_bytes());
        let parts: [&[u8]; 5] = [room.as_bytes(), user, device, &self.nonce, content.as_bytes()];
        MessageId::from_bytes(*hash(Label::MESSAGE_ID, &parts).as_bytes())
    }

    /// What the message says.
    ///
    /// # Errors
    /// [`Code::BadContent`] as [`Content::decode`].
    pub(crate) fn content(&self) -> Result<Content> {
        Content::decode(self.kind, self.content.clone())
    }

    /// Under what terms it was sent.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What the sender had processed.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame(kind {}, {} bytes, seen {:?})", self.kind, self.content.len(), self.seen)
    }
}

impl Wire for Frame {
    type Proto = proto::Frame;
    const MAX: usize = limits::SIZE_CLASS_MAX;
    const NAME: &'static str = "message frame";

    fn parse(proto: proto::Frame) -> Result<Self> {
        let field = |name| Error::new(Code::BadField, name);
        let nonce = proto.nonce.as_ref().try_into().map_err(|_| field("message nonce"))?;
        let hash = Hash::from_slice(&proto.seen_hash).map_err(|_| field("seen hash"))?;
        ensure(proto.seen_seq > 0, Code::BadField, "seen place")?;
        let seen = Seen { seq: proto.seen_seq, hash };
        let lifetime = Some(Duration::from_millis(proto.lifetime)).filter(|lifetime| !lifetime.is_zero());
        // V-714
        ensure(lifetime.is_none_or(|time| time <= limits::MESSAGE_LIFETIME), Code::BadField, "lifetime")?;
        ensure(proto.label.len() <= limits::ROOM_LABEL, Code::BadField, "label")?;
        let terms = Terms { lifetime, label: proto.label };
        Ok(Frame { nonce, seen, kind: proto.kind, content: proto.content, terms })
    }

    fn to_proto(&self) -> proto::Frame {
        proto::Frame {
            nonce: Bytes::copy_from_slice(&self.nonce),
            seen_seq: self.seen.seq,
            seen_hash: Bytes::copy_from_slice(self.seen.hash.as_bytes()),
            kind: self.kind,
            content: self.content.clone(),
            lifetime: self.terms.millis(),
            label: self.terms.label.clone(),
        }
    }
}

//! The registry of labels: one per purpose (SPEC chapter "Label registry").

use zeroize::Zeroizing;

/// What a hash, signature or key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(&'static str);

impl Label {
    /// The text as it enters hashes; also the label of an MLS exporter (RFC 9420 §8.5).
    pub(crate) const fn as_str(self) -> &'static str {
        self.0
    }

    /// Feeds `u8 len ‖ label ‖ (u64 len ‖ part)*` to `sink`, numbers big-endian. The lengths
    /// make it injective: no two (label, parts) give the same bytes.
    pub(super) fn frame(self, parts: &[&[u8]], mut sink: impl FnMut(&[u8])) {
        // The tests below hold every label to at most 64 bytes.
        sink(&[u8::try_from(self.0.len()).unwrap_or(u8::MAX)]);
        sink(self.0.as_bytes());
        for part in parts {
            sink(&(part.len() as u64).to_be_bytes());
            sink(part);
        }
    }

    /// [`Label::frame`] in a buffer: wiped when dropped, never moved while it is filled.
    pub(super) fn framed(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let len = parts.iter().fold(1 + self.0.len(), |sum, part| sum.saturating_add(8 + part.len()));
        let mut framed = Zeroizing::new(Vec::with_capacity(len));
        self.frame(parts, |bytes| framed.extend_from_slice(bytes));
        framed
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Label {
            $($(#[$doc])* pub(crate) const $name: Label = Label($text);)*

            /// The whole registry.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Label] = &[$(Label::$name,)*];
        }
    };
}

labels! {
    // Identity
    /// Hash that names a public key: algorithm, key bytes.
    KEY_ID = "verbund 1 key id";
    /// Signature of a federation root key on a trust list.
    TRUST_LIST = "verbund 1 trust list";
    /// Signature of an agency's root key on the one that replaces it.
    ROOT_HANDOVER = "verbund 1 root handover";
    /// Signature of an agency's root key on its descriptor.
    DESCRIPTOR = "verbund 1 agency descriptor";
    /// Signature of a device or recovery key on an entry of its user's chain.
    CHAIN_ENTRY = "verbund 1 chain entry";
    /// Signature of the agency on an entry of its user's chain.
    CHAIN_COUNTERSIGN = "verbund 1 chain countersignature";
    /// Hash of an entry of a user chain, held by the next one.
    CHAIN_HASH = "verbund 1 hash of chain entry";
    /// Signature of a new device on the offer of its own key.
    DEVICE_OFFER = "verbund 1 device offer";
    /// Signature of an agency's certificate key on a device certificate.
    CERTIFICATE = "verbund 1 device certificate";
    /// What HPKE is told of a link code: its version, key and user.
    LINK_CODE = "verbund 1 link code";
    /// Key that two devices of a user share by a link code; HPKE's psk_id.
    LINK_PSK = "verbund 1 link psk";
    /// Name of the mailbox over which they may meet.
    LINK_MAILBOX = "verbund 1 link mailbox";
    /// Hash of the new device's message, which everything after it is bound to.
    LINK_REQUEST = "verbund 1 link request";
    /// Key that encrypts the answer.
    LINK_REPLY_KEY = "verbund 1 link reply key";
    /// Digits that both devices show.
    LINK_DIGITS = "verbund 1 link digits";
    /// Fingerprint of a user's identity, for people to compare.
    SAFETY_NUMBER = "verbund 1 safety number";
    /// Signature of an agency's revocation key on its revocation list.
    REVOCATION_LIST = "verbund 1 revocation list";
    /// Hash of entry 0 of a user chain, which is the user's identity.
    IDENTITY = "verbund 1 identity";

    // Rooms
    /// Hash of a message's content: kind, encoded content.
    CONTENT = "verbund 1 content";
    /// Hash that names a message.
    MESSAGE_ID = "verbund 1 message id";
    /// Hash of salt and private room state, held in the GroupContext.
    PRIVATE_STATE_HASH = "verbund 1 private state hash";
    /// Key that encrypts the private room state.
    ROOM_PRIVATE_KEY = "verbund 1 private state key";
    /// MLS exporter: the secret from which private room state is encrypted.
    EXPORT_PRIVATE_STATE = "verbund 1 export private state";
    /// Signature of a device on what it submits to a hub.
    SUBMISSION = "verbund 1 submission";
    /// Generator of what openmls draws.
    MLS_RANDOM = "verbund 1 mls random";
    /// Generator of an HPKE ephemeral key inside openmls.
    MLS_EPHEMERAL = "verbund 1 mls ephemeral";

    // Log and links
    /// Hash of a log entry, chained to the one before.
    LOG_ENTRY = "verbund 1 log entry";
    /// Hash of a submission's MLS message.
    LOG_ITEM_MLS = "verbund 1 submitted mls message";
    /// Hash of a submission's GroupInfo.
    LOG_ITEM_GROUP_INFO = "verbund 1 submitted group info";
    /// Hash of a submission's Welcome.
    LOG_ITEM_WELCOME = "verbund 1 submitted welcome";
    /// Signature of a hub on the head of a room's log.
    HEAD = "verbund 1 log head";
    /// Signature of a hub on the refusal of a submission.
    REFUSAL = "verbund 1 refusal";
    /// Signature of a server on a link frame.
    FRAME = "verbund 1 frame";
    /// Hash of a link frame, chained to the one before.
    FRAME_HASH = "verbund 1 hash of frame";
    /// Signature of a server on an acknowledgement of frames.
    ACK = "verbund 1 acknowledgement";
    /// Signature of a server that asks another for a chunk.
    CHUNK_REQUEST = "verbund 1 chunk request";
    /// Signature of a server on what it answers to that.
    CHUNK_REPLY = "verbund 1 chunk reply";
    /// Hash by which a server remembers a key package.
    KEY_PACKAGE = "verbund 1 key package";
    /// Hash by which a server knows a question of another one again: kind, question.
    QUESTION = "verbund 1 question";
    /// Signature of a server on what its agency's directory says.
    DIRECTORY_ANSWER = "verbund 1 directory answer";
    /// Signature of a device on a request to its own server.
    DEVICE_REQUEST = "verbund 1 device request";

    // Attachments
    /// Key that encrypts an attachment's chunks.
    BLOB_PAYLOAD_KEY = "verbund 1 blob payload key";
    /// Value that commits an attachment's header to its file key.
    BLOB_COMMITMENT = "verbund 1 blob commitment";
    /// Hash of a sealed chunk.
    BLOB_CHUNK = "verbund 1 blob chunk";
    /// Hash of header, sizes and chunk hashes.
    BLOB_ROOT = "verbund 1 blob root";
    /// Capability that fetches a blob.
    BLOB_FETCH = "verbund 1 blob fetch";
    /// Hash of that capability, under which a server keeps it.
    BLOB_CAPABILITY = "verbund 1 blob capability";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_plain_and_none_begins_another() {
        for (i, label) in Label::ALL.iter().enumerate() {
            let text = label.as_str();
            let plain = text.bytes().all(|b| b == b' ' || b.is_ascii_lowercase() || b.is_ascii_digit());
            assert!(text.starts_with("verbund 1 ") && text.len() <= 64 && plain, "{text}");
            for (j, other) in Label::ALL.iter().enumerate() {
                assert!(i == j || !other.as_str().starts_with(text), "{text} begins {}", other.as_str());
            }
        }
    }

    #[test]
    fn framing_is_laid_out_as_documented() {
        let expected = [&b"\x10verbund 1 key id"[..], &[0, 0, 0, 0, 0, 0, 0, 2], b"ab", &[0; 8]].concat();
        let framed = Label::KEY_ID.framed(&[b"ab", b""]);
        assert_eq!(*framed, expected);
        assert_eq!(framed.capacity(), expected.len());
    }

    #[test]
    fn moving_bytes_between_parts_changes_the_framing() {
        let splits: [&[&[u8]]; 5] =
            [&[b"abc"], &[b"ab", b"c"], &[b"a", b"bc"], &[b"abc", b""], &[b"", b"abc"]];
        let framed: std::collections::BTreeSet<_> =
            splits.iter().map(|p| Label::ACK.framed(p).to_vec()).collect();
        assert_eq!(framed.len(), splits.len());
    }
}

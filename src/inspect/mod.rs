//! Reading documents without acting on them: for auditors, for support, for fuzzers.
//!
//! Every kind of document that verbund sends or stores as such can be held against the rules
//! of its encoding, and laid out: field names, lengths, numbers. No signature is checked, so
//! that what comes out says only that something is well-formed, never that it is true.
//!
//! ```
//! use verbund::{
//!     identity::{Federation, RootKey, SigningKey},
//!     inspect::{Document, inspect},
//! };
//!
//! let key = SigningKey::from_seed(&[1; 32]);
//! let federation = Federation::new("police.example", vec![RootKey::new("Bund", &key.verify_key())], 1)?;
//! let layout = inspect(Document::Federation, &federation.to_bytes())?;
//! assert_eq!(layout, "\
//! Federation: 60 bytes
//!   name: 14 bytes
//!   roots: 40 bytes
//!     holder: 4 bytes
//!     public_key: 32 bytes
//!   threshold: 1
//! ");
//! # Ok::<(), verbund::Error>(())
//! ```

use bytes::Bytes;

use crate::{
    code::Code,
    content::{self, Frame},
    error::{Result, ensure},
    identity,
    room::{PrivateState, RoomState},
    wire::{Signed, Wire, decode, decode_body, device, encode, encode_body, link, log, outline},
};

macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident: $read:expr;)*) => {
        /// A kind of document. Each is a message of the .proto files.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Document { $($(#[$doc])* $name,)* }

        impl Document {
            /// Every kind.
            pub const ALL: &'static [Document] = &[$(Document::$name,)*];
        }

        /// Decodes `bytes` as strictly as an engine does, and lays them out: one line for each
        /// field, indented by its depth, with its number or its length in bytes. Neither names
        /// nor content appear, and nothing that was not in the .proto files.
        ///
        /// # Errors
        /// Whatever makes the document malformed; [`Code::Bug`] never: an accepted document is
        /// encoded again and compared, and the library is wrong if it differs.
        pub fn inspect(document: Document, bytes: &[u8]) -> Result<String> {
            let bytes = Bytes::copy_from_slice(bytes);
            match document { $(Document::$name => $read(&bytes),)* }
        }
    };
}

documents! {
    /// What one server sends another.
    PeerMessage: enclosed::<link::PeerMessage>;
    /// One numbered frame of a link, signed.
    LinkFrame: signed::<link::LinkFrame>;
    /// An acknowledgement, signed.
    LinkAck: signed::<link::LinkAck>;
    /// A request for a chunk, signed.
    ChunkRequest: signed::<link::ChunkRequest>;
    /// What is answered to that, signed.
    ChunkReply: signed::<link::ChunkReply>;
    /// What a device sends its server.
    DeviceMessage: enclosed::<device::DeviceMessage>;
    /// A device's request, signed.
    DeviceRequest: signed::<device::DeviceRequest>;
    /// What a server answers a device.
    ServerReply: enclosed::<device::ServerReply>;
    /// What a device signs when it submits something.
    SubmissionHeader: signed::<log::SubmissionHeader>;
    /// One entry of a room's log.
    LogEntry: enclosed::<log::LogEntry>;
    /// A hub's word for the state of a log, signed.
    Head: signed::<log::Head>;
    /// A hub's word that a submission was not taken, signed.
    Refusal: signed::<log::Refusal>;
    /// What a room's servers enforce.
    RoomState: enclosed::<RoomState>;
    /// What a room is about, decrypted.
    PrivateState: enclosed::<PrivateState>;
    /// A federation's name and root keys.
    Federation: enclosed::<identity::Federation>;
    /// A trust list, signed.
    TrustList: signed::<identity::Roster>;
    /// An agency's keys and abilities, signed.
    AgencyDescriptor: signed::<identity::AgencyDescriptor>;
    /// A device certificate, signed.
    DeviceCertificate: signed::<identity::DeviceCertificate>;
    /// One link of a user chain.
    ChainLink: bare::<identity::ChainLink>;
    /// What a device that wants to be added shows, signed.
    DeviceOffer: signed::<identity::DeviceOffer>;
    /// What a device asks of its registrar.
    EnrolmentRequest: enclosed::<identity::EnrolmentRequest>;
    /// What a registrar answers.
    Enrolment: enclosed::<identity::Enrolment>;
    /// A decrypted message in its padding.
    MessageFrame: message_frame;
    /// Content of kind 1.
    Text: bare::<content::Text>;
    /// Content of kind 2.
    Reaction: bare::<content::Reaction>;
    /// Content of kind 3.
    Attachment: bare::<content::Attachment>;
    /// Content of kind 4.
    Edit: bare::<content::Edit>;
    /// Content of kind 5.
    Delete: bare::<content::Delete>;
    /// Content of kind 6.
    Receipts: bare::<content::Receipts>;
    /// Content of kind 7.
    Location: bare::<content::Location>;
    /// What a new device sends to the one that shows the code.
    LinkRequest: enclosed::<identity::LinkRequest>;
    /// What it is answered.
    LinkReply: enclosed::<identity::LinkReply>;
    /// What is in the answer, decrypted.
    LinkWelcome: bare::<identity::Handover>;
    /// What is asked of a registrar that makes no device.
    ChainChange: enclosed::<identity::ChainChange>;
    /// What an agency knows of one of its users.
    UserRecord: enclosed::<identity::UserRecord>;
    /// Two links for one place.
    ChainFork: enclosed::<identity::ChainFork>;
    /// One item of a frame.
    LinkItem: bare::<link::LinkItem>;
}

/// A document in an `Envelope`.
fn enclosed<T: Wire>(bytes: &Bytes) -> Result<String> {
    let value: T = decode(bytes)?;
    ensure(encode(&value) == *bytes, Code::Bug, T::NAME)?;
    outline::<T::Proto>(&encode_body(&value))
}

/// A document in a `SignedEnvelope`.
fn signed<T: Wire>(bytes: &Bytes) -> Result<String> {
    let signed = Signed::<T>::decode(bytes)?;
    let (body, signatures) = (signed.body().clone(), signed.signatures().to_vec());
    let count = signatures.len();
    let value = signed.into_claimed();
    ensure(encode_body(&value) == body, Code::Bug, T::NAME)?;
    ensure(Signed::assemble(value, body.clone(), signatures).bytes() == bytes, Code::Bug, T::NAME)?;
    Ok(outline::<T::Proto>(&body)? + &format!("signatures: {count}\n"))
}

/// A document by itself.
fn bare<T: Wire>(bytes: &Bytes) -> Result<String> {
    let value: T = decode_body(bytes)?;
    ensure(encode_body(&value) == *bytes, Code::Bug, T::NAME)?;
    outline::<T::Proto>(bytes)
}

fn message_frame(bytes: &Bytes) -> Result<String> {
    let frame = Frame::open(bytes)?;
    ensure(frame.seal()? == *bytes, Code::Bug, Frame::NAME)?;
    outline::<<Frame as Wire>::Proto>(&encode_body(&frame))
}

#[cfg(test)]
mod tests;

//! MLS messages as bytes: exact decoding, and what their headers show without a key.
//!
//! Decoded through a reader: tls_codec's other way panics on bytes that are cut off, in builds
//! with debug assertions.

use bytes::Bytes;
use openmls::prelude::{
    ContentType, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, ProtocolMessage, RatchetTreeIn, Sender,
    Welcome,
    group_info::VerifiableGroupInfo,
    tls_codec::{Deserialize as _, Serialize as _},
};
use openmls::treesync::RatchetTree;

use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
    ids::RoomId,
    limits,
    wire::log::SubmissionKind,
};

/// Decodes a message for a room, of the kind that a submission says it is (V-403 to V-405).
pub(super) fn protocol_message(
    bytes: &Bytes,
    room: &RoomId,
    kind: SubmissionKind,
) -> Result<ProtocolMessage> {
    ensure(bytes.len() <= limits::MLS_MESSAGE, Code::TooLong, "mls message")?;
    let malformed = |_| Error::new(Code::Malformed, "mls message");
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(malformed)?;
    let message =
        message.try_into_protocol_message().map_err(|_| Error::new(Code::Malformed, "mls message kind"))?;
    ensure(message.group_id().as_slice() == room.as_bytes(), Code::BadSubmission, "another group")?;
    let public = matches!(message, ProtocolMessage::PublicMessage(_));
    let fits = match kind {
        SubmissionKind::Create => false,
        SubmissionKind::Commit => public && message.content_type() == ContentType::Commit,
        SubmissionKind::Proposal => public && message.content_type() == ContentType::Proposal,
        SubmissionKind::Message => !public && message.content_type() == ContentType::Application,
    };
    ensure(fits, Code::BadSubmission, "mls message of another kind")?;
    Ok(message)
}

/// What a server can read of a message: that it is for this room and of this kind. Gives the epoch.
pub(crate) fn epoch_of(bytes: &Bytes, room: &RoomId, kind: SubmissionKind) -> Result<u64> {
    protocol_message(bytes, room, kind).map(|message| message.epoch().as_u64())
}

/// Whether a commit is somebody's who comes in from outside, as it says itself.
pub(crate) fn comes_from_outside(bytes: &Bytes, room: &RoomId) -> Result<bool> {
    let message = protocol_message(bytes, room, SubmissionKind::Commit)?;
    Ok(matches!(message, ProtocolMessage::PublicMessage(m) if *m.sender() == Sender::NewMemberCommit))
}

pub(super) fn group_info(bytes: &Bytes) -> Result<VerifiableGroupInfo> {
    match body(bytes, "group info")? {
        MlsMessageBodyIn::GroupInfo(info) => Ok(info),
        _ => fault(Code::Malformed, "not a group info"),
    }
}

pub(super) fn welcome(bytes: &Bytes) -> Result<Welcome> {
    match body(bytes, "welcome")? {
        MlsMessageBodyIn::Welcome(welcome) => Ok(welcome),
        _ => fault(Code::Malformed, "not a welcome"),
    }
}

fn body(bytes: &Bytes, name: &'static str) -> Result<MlsMessageBodyIn> {
    ensure(bytes.len() <= limits::SUBMISSION, Code::TooLong, name)?;
    let message = MlsMessageIn::tls_deserialize_exact(bytes);
    message.map(MlsMessageIn::extract).map_err(|_| Error::new(Code::Malformed, name))
}

pub(super) fn ratchet_tree(bytes: &Bytes) -> Result<RatchetTreeIn> {
    ensure(bytes.len() <= limits::RATCHET_TREE, Code::TooLong, "ratchet tree")?;
    RatchetTreeIn::tls_deserialize_exact(bytes).map_err(|_| Error::new(Code::Malformed, "ratchet tree"))
}

pub(super) fn tree_bytes(tree: &RatchetTree) -> Result<Bytes> {
    tree.tls_serialize_detached().map(Bytes::from).map_err(|_| Error::new(Code::Bug, "ratchet tree"))
}

pub(super) fn message_bytes(message: &MlsMessageOut) -> Result<Bytes> {
    message.tls_serialize_detached().map(Bytes::from).map_err(|_| Error::new(Code::Bug, "mls message"))
}

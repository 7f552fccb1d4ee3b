//! The MLS choices of a verbund room: suite, private-use numbers, capabilities (SPEC "MLS profile").

use bytes::Bytes;
use openmls::prelude::{
    Capabilities, Ciphersuite, CredentialType, Extension, ExtensionType, Extensions, GroupContext, Lifetime,
    MlsGroupJoinConfig, PURE_PLAINTEXT_WIRE_FORMAT_POLICY, ProtocolVersion, RequiredCapabilitiesExtension,
    SenderRatchetConfiguration, UnknownExtension,
};

use super::state::RoomState;
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    limits,
};

/// X25519, ChaCha20-Poly1305, SHA-256, Ed25519 (RFC 9420 §17.1, 0x0003).
pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

/// Its number, as descriptors name it.
pub(crate) const SUITE_NUMBER: u16 = 3;

/// Private-use credential type: a device certificate (a SignedEnvelope of DeviceCertificate).
pub(crate) const CREDENTIAL: u16 = 0xF0B0;
/// Private-use GroupContext extension: an Envelope of RoomState.
pub(crate) const ROOM_STATE: u16 = 0xF0B1;
/// Private-use KeyPackage extension: until when it may be claimed, 8 bytes, milliseconds, big-endian.
pub(crate) const FRESH_UNTIL: u16 = 0xF0B2;
/// Private-use GroupInfo extension: an Envelope of PrivateState.
pub(crate) const PRIVATE_STATE: u16 = 0xF0B3;

/// What a leaf of ours can do. A foreign leaf may do more.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities::builder()
        .versions(vec![ProtocolVersion::Mls10])
        .ciphersuites(vec![SUITE])
        .extensions([ROOM_STATE, FRESH_UNTIL, PRIVATE_STATE].map(ExtensionType::Unknown).to_vec())
        .proposals(vec![])
        .credentials(vec![CredentialType::Other(CREDENTIAL)])
        .build()
}

/// Those of the key package that may be used more than once.
pub(crate) fn last_resort_capabilities() -> Capabilities {
    let plain = capabilities();
    let mut extensions = plain.extensions().to_vec();
    extensions.push(ExtensionType::LastResort);
    Capabilities::builder()
        .versions(plain.versions().to_vec())
        .ciphersuites(vec![SUITE])
        .extensions(extensions)
        .proposals(vec![])
        .credentials(plain.credentials().to_vec())
        .build()
}

/// The lifetime that every leaf has: none. MLS lifetimes are checked against a clock, and
/// clocks fork groups; certificates and stamps decide instead (SPEC V-421).
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// The GroupContext extensions of a room: these two and no others (V-414).
pub(crate) fn group_context(state: &RoomState) -> Result<Extensions<GroupContext>> {
    let room = Extension::Unknown(ROOM_STATE, UnknownExtension(state.encode().to_vec()));
    let required = Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(
        &[ExtensionType::Unknown(ROOM_STATE)],
        &[],
        &[CredentialType::Other(CREDENTIAL)],
    ));
    Extensions::from_vec(vec![required, room]).map_err(|_| Error::new(Code::Bug, "group context extensions"))
}

/// Reads the room state out of GroupContext extensions, and demands that there is nothing
/// else in them than the state implies.
pub(crate) fn room_state(extensions: &Extensions<GroupContext>) -> Result<RoomState> {
    let missing = Error::new(Code::BadRoomState, "no room state");
    let state = RoomState::decode(&extensions.unknown(ROOM_STATE).ok_or(missing)?.0)?;
    let expected = group_context(&state)?;
    let same = extensions.iter().count() == 2 && expected.iter().all(|e| extensions.iter().any(|f| e == f));
    ensure(same, Code::BadRoomState, "group context extensions")?;
    Ok(state)
}

/// How members of a room run MLS: handshakes in the clear for the hub, few old secrets,
/// since the log is ordered.
pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .max_past_epochs(0)
        .sender_ratchet_configuration(ratchets())
        .use_ratchet_tree_extension(false)
        .build()
}

/// Bounds on ratchet work that a peer's generation number can cause.
pub(crate) fn ratchets() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(limits::OUT_OF_ORDER, limits::FORWARD_DISTANCE)
}

/// The certificate in an MLS credential (V-422).
pub(crate) fn certificate(credential: &openmls::prelude::Credential) -> Result<Bytes> {
    let ours = credential.credential_type() == CredentialType::Other(CREDENTIAL);
    ensure(ours, Code::BadCommit, "credential type")?;
    Ok(Bytes::copy_from_slice(credential.serialized_content()))
}

//! What a room is about: known to its members, hidden from servers (SPEC "Private state").
//!
//! The GroupContext holds only a salted hash. The state itself travels encrypted: to
//! joiners in the Welcome's GroupInfo, to members in the authenticated data of the commit
//! that changes it, under a key of the epoch that the commit ends.

use bytes::Bytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    code::Code,
    crypto::{AeadKey, Label, Nonce, Prk, hash},
    error::{Error, Result, ensure},
    ids::Hash,
    limits,
    wire::{self, Wire, proto},
};

use super::key_schedule::PrivateStateSecret;

const SALT: usize = 16;

/// A room's private state.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PrivateState {
    salt: [u8; SALT],
    pub(crate) name: String,
    pub(crate) topic: String,
    pub(crate) purpose: String,
    pub(crate) label: String,
}

impl PrivateState {
    /// A state with a fresh salt; every change takes a new one.
    pub(crate) fn new(rng: &mut (impl CryptoRng + ?Sized), name: String) -> Self {
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        PrivateState { salt, name, topic: String::new(), purpose: String::new(), label: String::new() }
    }

    /// The same state under a fresh salt.
    pub(crate) fn resalted(mut self, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        rng.fill_bytes(&mut self.salt);
        self
    }

    /// What the room state commits to.
    pub(crate) fn hash(&self) -> Hash {
        hash(Label::PRIVATE_STATE_HASH, &[&wire::encode_body(self)])
    }

    pub(crate) fn encode(&self) -> Bytes {
        wire::encode(self)
    }

    /// Reads a state that was stored after it had been checked.
    pub(crate) fn stored(bytes: &[u8]) -> Result<Self> {
        wire::decode(&Bytes::copy_from_slice(bytes))
    }

    /// Reads a state that came decrypted, and demands that it is the one committed to (V-412).
    pub(crate) fn decode(bytes: &[u8], committed: &Hash) -> Result<Self> {
        let state: PrivateState = wire::decode(&Bytes::copy_from_slice(bytes))?;
        ensure(state.hash() == *committed, Code::BadRoomState, "private state is not the one committed to")?;
        Ok(state)
    }

    /// Encrypts for the members of the epoch that `secret` belongs to. Each call takes a
    /// fresh 32-byte salt from which a key for this one use is derived.
    pub(crate) fn seal(
        &self,
        secret: &PrivateStateSecret,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>> {
        let mut sealed = vec![0; 32];
        rng.fill_bytes(&mut sealed);
        let key = one_time_key(secret, &sealed);
        let ciphertext = key.seal(&Nonce::SINGLE_USE, &[], &self.encode())?;
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens what [`PrivateState::seal`] made.
    pub(crate) fn open(secret: &PrivateStateSecret, sealed: &[u8], committed: &Hash) -> Result<Self> {
        let bad = Error::new(Code::BadRoomState, "sealed private state");
        let (salt, ciphertext) = sealed.split_at_checked(32).ok_or(bad)?;
        let plain = one_time_key(secret, salt).open(&Nonce::SINGLE_USE, &[], ciphertext)?;
        Self::decode(&Zeroizing::new(plain), committed)
    }
}

fn one_time_key(secret: &PrivateStateSecret, salt: &[u8]) -> AeadKey {
    AeadKey::from(Prk::extract(salt, secret.as_bytes()).expand(Label::ROOM_PRIVATE_KEY, &[]))
}

impl Wire for PrivateState {
    type Proto = proto::PrivateState;
    const MAX: usize = limits::PRIVATE_STATE;
    const NAME: &'static str = "private state";

    fn parse(p: proto::PrivateState) -> Result<Self> {
        let fits = p.name.len() <= limits::ROOM_NAME
            && p.topic.len() <= limits::ROOM_TOPIC
            && p.purpose.len() <= limits::ROOM_TOPIC
            && p.label.len() <= limits::ROOM_LABEL;
        ensure(fits, Code::TooLong, "private state")?;
        let salt = p.salt.as_ref().try_into().map_err(|_| Error::new(Code::BadField, "salt"))?;
        Ok(PrivateState { salt, name: p.name, topic: p.topic, purpose: p.purpose, label: p.label })
    }

    fn to_proto(&self) -> proto::PrivateState {
        proto::PrivateState {
            salt: Bytes::copy_from_slice(&self.salt),
            name: self.name.clone(),
            topic: self.topic.clone(),
            purpose: self.purpose.clone(),
            label: self.label.clone(),
        }
    }
}

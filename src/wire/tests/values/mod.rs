//! Arbitrary values of every message.

mod blob;
mod device;
mod link;
mod log;

use core::fmt::Debug;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

pub(crate) use self::{blob::*, device::*, link::*, log::*};

use crate::{
    code::Code,
    ids::{AgencyId, Device, DeviceId, Hash, KeyId, RoomId, UserId},
    time::Timestamp,
    wire::{RawSignature, Reason, Signed, Wire, encode_body},
};

pub(crate) fn agency() -> BoxedStrategy<AgencyId> {
    "[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?\\.(de|example)".prop_map(|s| AgencyId::parse(&s).unwrap()).boxed()
}

pub(crate) fn user() -> BoxedStrategy<UserId> {
    ("[a-z0-9._-]{1,8}", agency()).prop_map(|(local, agency)| user_of(&local, &agency)).boxed()
}

fn user_of(local: &str, agency: &AgencyId) -> UserId {
    UserId::parse(&format!("{local}@{agency}")).unwrap()
}

pub(crate) fn device() -> BoxedStrategy<Device> {
    (user(), any::<[u8; 16]>()).prop_map(|(user, id)| Device { user, id: DeviceId::from_bytes(id) }).boxed()
}

fn ends() -> BoxedStrategy<(AgencyId, AgencyId)> {
    (agency(), agency()).prop_filter("different ends", |(from, to)| from != to).boxed()
}

fn bytes() -> BoxedStrategy<Bytes> {
    vec(any::<u8>(), 1..40).prop_map(Bytes::from).boxed()
}

fn room() -> BoxedStrategy<RoomId> {
    any::<[u8; 16]>().prop_map(RoomId::from_bytes).boxed()
}

fn hash() -> BoxedStrategy<Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes).boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    prop_oneof![Just(0), any::<u64>()].prop_map(Timestamp::from_millis).boxed()
}

/// A number that counts from 1; small ones are as likely as large ones.
fn count() -> BoxedStrategy<u64> {
    prop_oneof![1..4_u64, 1..=u64::MAX].boxed()
}

fn number() -> BoxedStrategy<u64> {
    prop_oneof![Just(0), count()].boxed()
}

/// A code that is known here, or one that is not.
fn reason() -> BoxedStrategy<Reason> {
    let known = proptest::sample::select(Code::ALL).prop_map(Reason::from);
    prop_oneof![known, (1..=u32::from(u16::MAX)).prop_map(|n| Reason::parse(n).unwrap())].boxed()
}

/// Signed by keys and signatures that nobody checks here.
pub(crate) fn signed<T: Wire + Debug + 'static>(value: BoxedStrategy<T>) -> BoxedStrategy<Signed<T>> {
    let signature = any::<(u8, u8)>().prop_map(|(key, signature)| RawSignature {
        key: KeyId::from_bytes([key; 32]),
        signature: [signature; 64],
    });
    (value, vec(signature, 1..3))
        .prop_map(|(value, signatures)| {
            let body = encode_body(&value);
            Signed::assemble(value, body, signatures)
        })
        .boxed()
}

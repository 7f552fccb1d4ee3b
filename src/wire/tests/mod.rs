//! Every message: there and back, byte by byte, and nothing else.

mod negative;
mod rules;
pub(crate) mod values;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

use super::{Wire, decode, decode_body, encode, encode_body};

/// What an attacker or a bad line does to bytes.
#[derive(Clone, Debug)]
enum Damage {
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Repeat(usize, usize),
    Cut(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<usize>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        at().prop_map(Damage::Remove),
        (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        at().prop_map(Damage::Cut),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len().max(1);
        match *self {
            _ if bytes.is_empty() => {}
            Damage::Set(at, byte) => bytes[at % length] = byte,
            Damage::Insert(at, byte) => bytes.insert(at % length, byte),
            Damage::Remove(at) => drop(bytes.remove(at % length)),
            Damage::Repeat(from, to) => {
                let (from, to) = (from % length, to % length);
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(from..from, part);
            }
            Damage::Cut(at) => bytes.truncate(at % length),
        }
    }
}

/// A value is equal to what comes out of its encoding, and whatever is accepted is the one
/// encoding of what it says.
fn check<T: Wire + PartialEq + std::fmt::Debug>(
    value: &T,
    damage: &[Damage],
    noise: Vec<u8>,
) -> Result<(), TestCaseError> {
    let bytes = encode(value);
    prop_assert!(bytes.len() <= T::MAX);
    prop_assert_eq!(&decode::<T>(&bytes).unwrap(), value);
    let mut damaged = bytes.to_vec();
    damage.iter().for_each(|d| d.apply(&mut damaged));
    let body = encode_body(value);
    let mut damaged_body = body.to_vec();
    damage.iter().for_each(|d| d.apply(&mut damaged_body));
    for bytes in [damaged, noise.clone()].map(Bytes::from) {
        if let Ok(value) = decode::<T>(&bytes) {
            prop_assert_eq!(encode(&value), bytes);
        }
    }
    for bytes in [damaged_body, noise].map(Bytes::from) {
        if let Ok(value) = decode_body::<T>(&bytes) {
            prop_assert_eq!(encode_body(&value), bytes);
        }
    }
    Ok(())
}

macro_rules! every_message {
    ($($name:ident),* $(,)?) => {
        proptest! {
            #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]
            $(#[test]
            fn $name(value in values::$name(), damage in vec(damage(), 1..4), noise in vec(any::<u8>(), 0..80)) {
                check(&value, &damage, noise)?;
            })*
        }
    };
}

every_message! {
    evidence, submission_header, submission, stamp, log_entry, log_item, room_material, head, refusal,
    blob_info, blob_open, claim, claim_answer, device_request, device_message, room_delivery, invitation,
    delivery, server_reply, room_entries, room_welcome, link_item, link_frame, link_ack, chunk_request,
    peer_message,
}

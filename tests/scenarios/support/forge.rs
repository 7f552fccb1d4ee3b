//! What somebody can do to bytes through whose hands they go: take messages apart, put
//! something else in, and sign anew with the keys that they have.

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};
use verbund::identity::SigningKey;

/// A message's fields in their order: number, and what is in it.
#[derive(Clone)]
pub struct Fields(Vec<(u64, Value)>);

#[derive(Clone)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Fields {
    pub fn parse(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let number = varint(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Number(number),
                2 => {
                    let (value, rest) = bytes.split_at(usize::try_from(number).unwrap());
                    bytes = rest;
                    Value::Bytes(value.to_vec())
                }
                other => panic!("wire type {other}"),
            };
            fields.push((tag >> 3, value));
        }
        Fields(fields)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (field, value) in &self.0 {
            match value {
                Value::Number(number) => {
                    put_varint(&mut bytes, field << 3);
                    put_varint(&mut bytes, *number);
                }
                Value::Bytes(value) => {
                    put_varint(&mut bytes, field << 3 | 2);
                    put_varint(&mut bytes, value.len() as u64);
                    bytes.extend_from_slice(value);
                }
            }
        }
        bytes
    }

    /// The values of a field, as often as it stands there.
    pub fn all(&self, field: u64) -> Vec<Vec<u8>> {
        let value = |(number, value): &(u64, Value)| match value {
            Value::Bytes(bytes) if *number == field => Some(bytes.clone()),
            _ => None,
        };
        self.0.iter().filter_map(value).collect()
    }

    /// Puts these values in the place of whatever a field holds.
    pub fn set(&mut self, field: u64, values: &[Vec<u8>]) {
        self.0.retain(|(number, _)| *number != field);
        self.0.extend(values.iter().map(|value| (field, Value::Bytes(value.clone()))));
        self.0.sort_by_key(|(number, _)| *number);
    }

    /// The same for one value.
    pub fn put(&mut self, field: u64, value: &[u8]) {
        self.set(field, &[value.to_vec()]);
    }

    /// The same for a number.
    pub fn put_number(&mut self, field: u64, value: u64) {
        self.set(field, &[]);
        self.0.push((field, Value::Number(value)));
        self.0.sort_by_key(|(number, _)| *number);
    }
}

/// Every value that lies at a path of fields.
pub fn dig(bytes: &[u8], path: &[u64]) -> Vec<Vec<u8>> {
    match path {
        [] => vec![bytes.to_vec()],
        [field, rest @ ..] => {
            Fields::parse(bytes).all(*field).iter().flat_map(|inner| dig(inner, rest)).collect()
        }
    }
}

/// The bytes after a change to every message that lies at a path.
pub fn edit(bytes: &[u8], path: &[u64], change: &mut dyn FnMut(&mut Fields)) -> Vec<u8> {
    let mut fields = Fields::parse(bytes);
    match path {
        [] => change(&mut fields),
        [field, rest @ ..] => {
            for (number, value) in &mut fields.0 {
                if let Value::Bytes(inner) = value
                    && number == field
                {
                    *inner = edit(inner, rest, change);
                }
            }
        }
    }
    fields.encode()
}

/// A SignedEnvelope with another body, signed with a key that somebody has.
pub fn signed(
    envelope: &[u8],
    label: &str,
    key: &SigningKey,
    change: &mut dyn FnMut(&mut Fields),
) -> Vec<u8> {
    let envelope = edit(envelope, &[2], change);
    let body = dig(&envelope, &[2]).remove(0);
    let hash = framed(label, &[&1_u32.to_be_bytes(), &body]);
    let message = [b"verbund 1 signature".as_slice(), &hash].concat();
    let signature = ed25519_dalek::SigningKey::from_bytes(&key.seed()).sign(&message).to_vec();
    let id = framed("key id", &[b"ed25519", key.verify_key().as_bytes()]);
    edit(&envelope, &[3], &mut |fields| {
        fields.put(1, &id);
        fields.put(2, &signature);
    })
}

/// The labelled form of the hash (SPEC chapter "Conventions").
fn framed(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let label = format!("verbund 1 {label}");
    let mut bytes = vec![u8::try_from(label.len()).unwrap()];
    bytes.extend_from_slice(label.as_bytes());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Sha256::digest(bytes).to_vec()
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

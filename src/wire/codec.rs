//! Canonical decoding and encoding.

use bytes::Bytes;
use prost::Message;
use zeroize::Zeroizing;

use super::{
    VERSION,
    proto::Envelope,
    shape::{Shape, Shaped},
};
use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
    limits,
};

/// A type with a wire form: parsed out of its generated message, so that a value that
/// exists is a value that is valid.
pub(crate) trait Wire: Sized {
    /// The generated message.
    type Proto: Message + Default + Shaped;
    /// The longest encoding, in bytes, envelope included.
    const MAX: usize;
    /// Its name in errors.
    const NAME: &'static str;

    /// Checks every field.
    fn parse(proto: Self::Proto) -> Result<Self>;

    /// The message whose encoding is canonical for this value.
    fn to_proto(&self) -> Self::Proto;
}

/// Decodes an `Envelope` of `T`.
///
/// # Errors
/// [`Code::TooLong`], [`Code::Malformed`], [`Code::NotCanonical`], [`Code::UnknownVersion`]
/// (SPEC V-111 to V-114), and what `T` demands of its fields.
pub(crate) fn decode<T: Wire>(bytes: &Bytes) -> Result<T> {
    let envelope: Envelope = canonical(bytes, T::MAX, T::NAME)?;
    ensure(envelope.version == VERSION, Code::UnknownVersion, T::NAME)?;
    decode_body(&envelope.body)
}

/// Encodes `value` in an `Envelope`.
pub(crate) fn encode<T: Wire>(value: &T) -> Bytes {
    let envelope = Envelope { version: VERSION, body: encode_body(value) };
    envelope.encode_to_vec().into()
}

/// Decodes a bare message: one that stands inside a signed or enclosing one.
///
/// # Errors
/// As [`decode`], without the version.
pub(crate) fn decode_body<T: Wire>(bytes: &Bytes) -> Result<T> {
    T::parse(canonical(bytes, T::MAX, T::NAME)?)
}

/// Encodes a bare message.
pub(crate) fn encode_body<T: Wire>(value: &T) -> Bytes {
    value.to_proto().encode_to_vec().into()
}

/// Decodes a generated message and demands that its encoding is the received bytes. That
/// refuses unknown and duplicate fields, explicit defaults, other orders, long varints and
/// trailing bytes in one comparison.
pub(super) fn canonical<M: Message + Default + Shaped>(
    bytes: &Bytes,
    max: usize,
    name: &'static str,
) -> Result<M> {
    ensure(bytes.len() <= max, Code::TooLong, name)?;
    count(&M::SHAPE, bytes, limits::FIELDS)?;
    let message = M::decode(bytes.clone()).map_err(|_| Error::new(Code::Malformed, name))?;
    let same_length = message.encoded_len() == bytes.len();
    // It may hold a key.
    let again = Zeroizing::new(message.encode_to_vec());
    ensure(same_length && *again == *bytes, Code::NotCanonical, name)?;
    Ok(message)
}

/// Bounds what a message can take in memory before any of it is taken: an item of a list costs
/// its sender two bytes and its receiver hundreds. Gives how many fields there are.
fn count(shape: &Shape, bytes: &[u8], most: usize) -> Result<usize> {
    let mut fields = 0;
    shape.walk(bytes, 0, &mut |_, _, _| {
        fields += 1;
        ensure(fields <= most, Code::TooLong, "fields of a message")
    })?;
    Ok(fields)
}

/// How many fields an encoded message has, at most so many.
///
/// # Errors
/// [`Code::TooLong`] for more; [`Code::Malformed`] and [`Code::NotCanonical`] for what is no such message.
pub(crate) fn fields_of<T: Wire>(bytes: &[u8], most: usize) -> Result<usize> {
    count(&T::Proto::SHAPE, bytes, most)
}

/// A sub-message that has to be there.
pub(crate) fn field<M>(message: Option<M>, name: &'static str) -> Result<M> {
    message.ok_or(Error::new(Code::BadField, name))
}

/// A list of at least `min` and at most `max` items, each parsed.
pub(crate) fn repeated<M, T>(
    items: Vec<M>,
    (min, max): (usize, usize),
    name: &'static str,
    parse: impl FnMut(M) -> Result<T>,
) -> Result<Vec<T>> {
    if items.len() > max {
        return fault(Code::TooLong, name);
    }
    ensure(items.len() >= min, Code::BadField, name)?;
    items.into_iter().map(parse).collect()
}

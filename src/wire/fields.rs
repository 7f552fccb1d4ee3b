//! What fields of many messages have in common.

use bytes::Bytes;

use super::Wire;
use crate::{
    code::Code,
    error::{Error, Result, ensure},
    ids::{Device, DeviceId, UserId},
};

/// A field's bytes, from those of an id.
pub(crate) fn raw(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// Bytes that have to be there, and are at most `max`.
pub(crate) fn filled(bytes: Bytes, max: usize, name: &'static str) -> Result<Bytes> {
    ensure(!bytes.is_empty(), Code::BadField, name)?;
    ensure(bytes.len() <= max, Code::TooLong, name)?;
    Ok(bytes)
}

/// Bytes that may be absent, which is how proto3 writes empty ones.
pub(crate) fn optional(bytes: Bytes, max: usize, name: &'static str) -> Result<Option<Bytes>> {
    if bytes.is_empty() { Ok(None) } else { filled(bytes, max, name).map(Some) }
}

/// An id that may be absent.
pub(crate) fn optional_id<T>(bytes: &[u8], parse: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
    if bytes.is_empty() { Ok(None) } else { parse(bytes).map(Some) }
}

/// A number that counts from 1.
pub(crate) fn positive(number: u64, name: &'static str) -> Result<u64> {
    ensure(number > 0, Code::BadField, name)?;
    Ok(number)
}

/// A number that has to be below `bound`.
pub(crate) fn below(number: u64, bound: u64, name: &'static str) -> Result<u64> {
    ensure(number < bound, Code::BadField, name)?;
    Ok(number)
}

/// A device, which is always addressed together with its user.
pub(crate) fn device(user: &str, id: &[u8]) -> Result<Device> {
    Ok(Device { user: UserId::parse(user)?, id: DeviceId::from_slice(id)? })
}

/// Demands a list in strictly ascending order, so that nothing is in it twice.
pub(crate) fn ascending<'a, T, K: Ord>(
    items: &'a [T],
    key: impl Fn(&'a T) -> K,
    name: &'static str,
) -> Result<()> {
    ensure(items.is_sorted_by(|a, b| key(a) < key(b)), Code::BadField, name)
}

/// The generated messages of a list.
pub(crate) fn protos<T: Wire>(items: &[T]) -> Vec<T::Proto> {
    items.iter().map(Wire::to_proto).collect()
}

/// Why a peer says no: a number of the registry of error codes, which a newer peer may know better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason(u16);

impl Reason {
    /// # Errors
    /// [`Code::BadField`] for 0, which says that there is none, and beyond the registry's range.
    pub(crate) fn parse(number: u32) -> Result<Self> {
        match u16::try_from(number) {
            Ok(number @ 1..) => Ok(Reason(number)),
            _ => Err(Error::new(Code::BadField, "error code")),
        }
    }

    /// As [`Reason::parse`], where 0 says that all is well.
    pub(crate) fn parse_optional(number: u32) -> Result<Option<Self>> {
        if number == 0 { Ok(None) } else { Reason::parse(number).map(Some) }
    }

    pub(crate) fn number(self) -> u16 {
        self.0
    }

    /// The code, if it is one that is known here.
    pub(crate) fn code(self) -> Option<Code> {
        Code::from_number(self.0)
    }
}

impl From<Code> for Reason {
    fn from(code: Code) -> Self {
        Reason(code.number())
    }
}

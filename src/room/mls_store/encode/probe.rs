//! A look at a value before it is written.

use serde::ser::{Impossible, Serialize, Serializer};

use super::{Result, Unencodable};

/// What the elements of a sequence most often are.
#[derive(Clone, Copy)]
pub(super) enum Small {
    /// Nothing, which most elements of a list are.
    Nil,
    /// A byte, of which many are better written together.
    Byte(u8),
}

/// A serializer that writes nothing: it tells small values, and fails at all others.
pub(super) struct Probe;

macro_rules! not_small {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {$(
        #[inline]
        fn $name(self, $(_: $argument),*) -> Result<$result> {
            Err(Unencodable)
        }
    )*};
}

impl Serializer for Probe {
    type Ok = Small;
    type Error = Unencodable;
    type SerializeSeq = Impossible<Small, Unencodable>;
    type SerializeTuple = Impossible<Small, Unencodable>;
    type SerializeTupleStruct = Impossible<Small, Unencodable>;
    type SerializeTupleVariant = Impossible<Small, Unencodable>;
    type SerializeMap = Impossible<Small, Unencodable>;
    type SerializeStruct = Impossible<Small, Unencodable>;
    type SerializeStructVariant = Impossible<Small, Unencodable>;

    #[inline]
    fn serialize_u8(self, byte: u8) -> Result<Small> {
        Ok(Small::Byte(byte))
    }
    #[inline]
    fn serialize_none(self) -> Result<Small> {
        Ok(Small::Nil)
    }
    #[inline]
    fn serialize_unit(self) -> Result<Small> {
        Ok(Small::Nil)
    }

    not_small! {
        serialize_bool(bool) -> Small;
        serialize_i8(i8) -> Small;
        serialize_i16(i16) -> Small;
        serialize_i32(i32) -> Small;
        serialize_i64(i64) -> Small;
        serialize_u16(u16) -> Small;
        serialize_u32(u32) -> Small;
        serialize_u64(u64) -> Small;
        serialize_f32(f32) -> Small;
        serialize_f64(f64) -> Small;
        serialize_char(char) -> Small;
        serialize_str(&str) -> Small;
        serialize_bytes(&[u8]) -> Small;
        serialize_unit_struct(&'static str) -> Small;
        serialize_unit_variant(&'static str, u32, &'static str) -> Small;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Small> {
        Err(Unencodable)
    }
    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<Small> {
        Err(Unencodable)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Small> {
        Err(Unencodable)
    }
}

//! MessagePack from serde, split as it is written.
//!
//! The encoding is that of `rmp_serde` with bytes wherever there can be bytes
//! (`BytesMode::ForceAll`), which is also what reads it; a test compares the two. It is
//! written here so that the blanks of a list never are: the secret tree of a thousand
//! members, encoded with every message, is four thousand blanks and a handful of secrets.

mod compound;
mod probe;

use core::{fmt, mem};

use serde::ser::{self, Serialize};

use self::compound::{Fields, Sequence};
use super::value::{FORMAT, LISTS, Value};
use crate::crypto::SecretBytes;

/// A value that has no encoding; nothing that openmls has is one.
#[derive(Debug)]
pub(super) struct Unencodable;

impl ser::Error for Unencodable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Unencodable
    }
}

impl core::error::Error for Unencodable {}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("value has no encoding")
    }
}

type Result<T = (), E = Unencodable> = core::result::Result<T, E>;

/// The value's rows. Buffers are made a little larger than those of `like`: one that grows
/// leaves a copy behind, unwiped.
pub(super) fn rows<T: Serialize + ?Sized>(value: &T, like: Option<&Value>) -> Result<Value> {
    let buffer = |size| SecretBytes::with_capacity(size + 256);
    let mut encoder = Encoder {
        out: buffer(like.map_or(0, |like| like.spine.len())),
        rows: Value {
            spine: SecretBytes::default(),
            content: buffer(like.map_or(0, |like| like.content.len())),
            elements: Vec::with_capacity(like.map_or(0, |like| like.elements.len() + 8)),
        },
        lists: 0,
        in_list: false,
    };
    encoder.out.push(FORMAT);
    value.serialize(&mut encoder)?;
    Ok(Value { spine: encoder.out, ..encoder.rows })
}

/// The encoding as a whole.
pub(super) fn whole<T: Serialize + ?Sized>(value: &T) -> Result<SecretBytes> {
    let out = SecretBytes::with_capacity(256);
    let mut encoder = Encoder { out, rows: Value::new(Vec::new()), lists: LISTS, in_list: false };
    value.serialize(&mut encoder)?;
    Ok(encoder.out)
}

/// What is written, and where: into `out`, which is the spine or, inside of a list, what
/// its elements contain. The other of the two waits in `rows`.
struct Encoder {
    out: SecretBytes,
    rows: Value,
    /// Lists begun so far. None begins inside of another.
    lists: usize,
    in_list: bool,
}

/// The markers of a kind of item that has a size: one that holds small sizes itself, and
/// those which one, two or four bytes of size follow.
struct Markers {
    small: u8,
    below: u32,
    one: Option<u8>,
    two: u8,
    four: u8,
}

const NIL: u8 = 0xc0;
const MAP: Markers = Markers { small: 0x80, below: 16, one: None, two: 0xde, four: 0xdf };
const ARRAY: Markers = Markers { small: 0x90, below: 16, one: None, two: 0xdc, four: 0xdd };
const STRING: Markers = Markers { small: 0xa0, below: 32, one: Some(0xd9), two: 0xda, four: 0xdb };
const BYTES: Markers = Markers { small: 0, below: 0, one: Some(0xc4), two: 0xc5, four: 0xc6 };

impl Encoder {
    fn put(&mut self, bytes: &[u8]) -> Result {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn head(&mut self, markers: &Markers, size: usize) -> Result {
        let size = u32::try_from(size).map_err(|_| Unencodable)?;
        let [a, b, c, d] = size.to_be_bytes();
        match (size, markers.one) {
            (size, _) if size < markers.below => self.put(&[markers.small | d]),
            (..=0xff, Some(one)) => self.put(&[one, d]),
            (..=0xffff, _) => self.put(&[markers.two, c, d]),
            _ => self.put(&[markers.four, a, b, c, d]),
        }
    }

    fn string(&mut self, string: &str) -> Result {
        self.head(&STRING, string.len())?;
        self.put(string.as_bytes())
    }

    /// Every number under the shortest marker that holds it.
    fn natural(&mut self, n: u64) -> Result {
        let [a, b, c, d, e, f, g, h] = n.to_be_bytes();
        match n {
            0..0x80 => self.put(&[h]),
            0x80..0x100 => self.put(&[0xcc, h]),
            0x100..0x1_0000 => self.put(&[0xcd, g, h]),
            0x1_0000..0x1_0000_0000 => self.put(&[0xce, e, f, g, h]),
            _ => self.put(&[0xcf, a, b, c, d, e, f, g, h]),
        }
    }

    fn integer(&mut self, n: i64) -> Result {
        let [a, b, c, d, e, f, g, h] = n.to_be_bytes();
        match n {
            0.. => self.natural(n.unsigned_abs()),
            -0x20..0 => self.put(&[h]),
            -0x80..-0x20 => self.put(&[0xd0, h]),
            -0x8000..-0x80 => self.put(&[0xd1, g, h]),
            -0x8000_0000..-0x8000 => self.put(&[0xd2, e, f, g, h]),
            _ => self.put(&[0xd3, a, b, c, d, e, f, g, h]),
        }
    }

    fn begin_list(&mut self) {
        self.lists += 1;
        self.in_list = true;
        mem::swap(&mut self.out, &mut self.rows.content);
    }

    fn end_list(&mut self, blank: &[u8]) -> Result {
        mem::swap(&mut self.out, &mut self.rows.content);
        self.in_list = false;
        self.put(&[u8::try_from(blank.len()).map_err(|_| Unencodable)?])?;
        self.put(blank)
    }

    fn fields(&mut self, markers: &Markers, size: usize, items: usize) -> Result<Fields<'_>> {
        self.head(markers, size)?;
        Ok(Fields::new(self, items))
    }

    /// The map of one entry that names the variant of an enum.
    fn variant(&mut self, name: &str) -> Result {
        self.head(&MAP, 1)?;
        self.string(name)
    }
}

impl<'e> ser::Serializer for &'e mut Encoder {
    type Ok = ();
    type Error = Unencodable;
    type SerializeSeq = Sequence<'e>;
    type SerializeTuple = Sequence<'e>;
    type SerializeTupleStruct = Fields<'e>;
    type SerializeTupleVariant = Fields<'e>;
    type SerializeMap = Fields<'e>;
    type SerializeStruct = Fields<'e>;
    type SerializeStructVariant = Fields<'e>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, b: bool) -> Result {
        self.put(&[0xc2 | u8::from(b)])
    }
    fn serialize_i8(self, n: i8) -> Result {
        self.integer(n.into())
    }
    fn serialize_i16(self, n: i16) -> Result {
        self.integer(n.into())
    }
    fn serialize_i32(self, n: i32) -> Result {
        self.integer(n.into())
    }
    fn serialize_i64(self, n: i64) -> Result {
        self.integer(n)
    }
    fn serialize_u8(self, n: u8) -> Result {
        self.natural(n.into())
    }
    fn serialize_u16(self, n: u16) -> Result {
        self.natural(n.into())
    }
    fn serialize_u32(self, n: u32) -> Result {
        self.natural(n.into())
    }
    fn serialize_u64(self, n: u64) -> Result {
        self.natural(n)
    }
    fn serialize_f32(self, n: f32) -> Result {
        self.put(&[0xca])?;
        self.put(&n.to_be_bytes())
    }
    fn serialize_f64(self, n: f64) -> Result {
        self.put(&[0xcb])?;
        self.put(&n.to_be_bytes())
    }
    fn serialize_char(self, c: char) -> Result {
        self.string(c.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, string: &str) -> Result {
        self.string(string)
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result {
        self.head(&BYTES, bytes.len())?;
        self.put(bytes)
    }

    fn serialize_none(self) -> Result {
        self.put(&[NIL])
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result {
        self.put(&[NIL])
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result {
        self.head(&ARRAY, 0)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result {
        self.string(name)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result {
        self.variant(name)?;
        value.serialize(self)
    }

    fn serialize_seq(self, size: Option<usize>) -> Result<Sequence<'e>> {
        Ok(Sequence::new(self, size.ok_or(Unencodable)?))
    }
    fn serialize_tuple(self, size: usize) -> Result<Sequence<'e>> {
        Ok(Sequence::new(self, size))
    }
    fn serialize_tuple_struct(self, _: &'static str, size: usize) -> Result<Fields<'e>> {
        self.fields(&ARRAY, size, size)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        size: usize,
    ) -> Result<Fields<'e>> {
        self.variant(name)?;
        self.fields(&ARRAY, size, size)
    }
    fn serialize_map(self, size: Option<usize>) -> Result<Fields<'e>> {
        let size = size.ok_or(Unencodable)?;
        self.fields(&MAP, size, size.saturating_mul(2))
    }
    fn serialize_struct(self, _: &'static str, size: usize) -> Result<Fields<'e>> {
        self.fields(&ARRAY, size, size)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        size: usize,
    ) -> Result<Fields<'e>> {
        self.variant(name)?;
        self.fields(&ARRAY, size, size)
    }
}

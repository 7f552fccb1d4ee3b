//! What the .proto files say of a message's fields, for readers that do not build the message.

use crate::{
    code::Code,
    error::{Error, Result, ensure, fault},
};

/// A message and its fields.
pub(crate) struct Shape(&'static str, &'static [Field]);

/// A field: its number, its name, and what is in it.
pub(crate) struct Field(u32, &'static str, Kind);

/// What is in a field.
pub(crate) enum Kind {
    Number,
    /// Opaque bytes, a text, or packed numbers.
    Bytes,
    Message(&'static Shape),
}

/// A generated message.
pub(crate) trait Shaped {
    const SHAPE: Shape;
}

/// What a reader meets.
pub(crate) enum Part {
    Number(u64),
    /// So many bytes of no message.
    Bytes(usize),
    /// A message of so many bytes; its fields come next, one level deeper.
    Message(usize),
}

impl Shape {
    pub(super) const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Shape(name, fields)
    }

    /// Shows every field of an encoded message to `visit`, with its depth, which is 0 for the
    /// message's own fields and bounded by the schema.
    ///
    /// # Errors
    /// [`Code::NotCanonical`] for an unknown field, [`Code::Malformed`] for what is no message,
    /// and what `visit` says.
    pub(crate) fn walk(
        &self,
        mut bytes: &[u8],
        depth: usize,
        visit: &mut impl FnMut(usize, &'static str, Part) -> Result<()>,
    ) -> Result<()> {
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let value = varint(&mut bytes)?;
            let inside = match key & 7 {
                0 => None,
                2 => Some(take(&mut bytes, value)?),
                _ => return fault(Code::Malformed, "wire type"),
            };
            ensure(key >> 3 != 0, Code::Malformed, "field number")?;
            let known = self.1.iter().find(|field| u64::from(field.0) == key >> 3);
            let Field(_, name, kind) = known.ok_or(Error::new(Code::NotCanonical, "unknown field"))?;
            match (kind, inside) {
                (Kind::Number, None) => visit(depth, name, Part::Number(value))?,
                (Kind::Bytes, Some(inside)) => visit(depth, name, Part::Bytes(inside.len()))?,
                (Kind::Message(shape), Some(inside)) => {
                    visit(depth, name, Part::Message(inside.len()))?;
                    shape.walk(inside, depth.saturating_add(1), visit)?;
                }
                _ => return fault(Code::Malformed, "wire type"),
            }
        }
        Ok(())
    }
}

impl Field {
    pub(super) const fn new(number: u32, name: &'static str, kind: Kind) -> Self {
        Field(number, name, kind)
    }
}

/// Lays a message out: one line for each field, with its number or its length in bytes.
pub(crate) fn outline<M: Shaped>(bytes: &[u8]) -> Result<String> {
    let mut text = format!("{}: {} bytes\n", M::SHAPE.0, bytes.len());
    M::SHAPE.walk(bytes, 1, &mut |depth, name, part| {
        text.push_str(&"  ".repeat(depth));
        text.push_str(&match part {
            Part::Number(number) => format!("{name}: {number}\n"),
            Part::Bytes(length) | Part::Message(length) => format!("{name}: {length} bytes\n"),
        });
        Ok(())
    })?;
    Ok(text)
}

const TRUNCATED: Error = Error::new(Code::Malformed, "truncated field");

/// Takes so many bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8]> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (inside, rest) = bytes.split_at_checked(length).ok_or(TRUNCATED)?;
    *bytes = rest;
    Ok(inside)
}

/// Takes a base 128 varint of at most ten bytes off the front.
fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(TRUNCATED)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    fault(Code::Malformed, "varint")
}

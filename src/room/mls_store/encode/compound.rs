//! What has other items inside: structs and maps, whose size is known to be right; and
//! sequences, which become bytes, an array or a list.

use serde::ser::{self, Serialize};

use super::{
    ARRAY, BYTES, Encoder, NIL, Result, Unencodable,
    probe::{Probe, Small},
};
use crate::{
    crypto::SecretBytes,
    room::mls_store::value::{BLANK, Place, list_number},
};

/// The inside of a struct or a map.
pub(super) struct Fields<'e> {
    encoder: &'e mut Encoder,
    /// Items that are still to come.
    missing: usize,
}

impl<'e> Fields<'e> {
    pub(super) fn new(encoder: &'e mut Encoder, items: usize) -> Self {
        Fields { encoder, missing: items }
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result {
        self.missing = self.missing.checked_sub(1).ok_or(Unencodable)?;
        item.serialize(&mut *self.encoder)
    }

    fn finish(self) -> Result {
        if self.missing == 0 { Ok(()) } else { Err(Unencodable) }
    }
}

impl ser::SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Unencodable;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, field: &T) -> Result {
        self.item(field)
    }
    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Fields<'_> {
    type Ok = ();
    type Error = Unencodable;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, field: &T) -> Result {
        self.item(field)
    }
    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Fields<'_> {
    type Ok = ();
    type Error = Unencodable;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &T) -> Result {
        self.item(field)
    }
    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Fields<'_> {
    type Ok = ();
    type Error = Unencodable;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &T) -> Result {
        self.item(field)
    }
    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Unencodable;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.item(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.item(value)
    }
    fn end(self) -> Result {
        self.finish()
    }
}

/// The inside of a sequence.
pub(super) struct Sequence<'e> {
    encoder: &'e mut Encoder,
    size: usize,
    done: usize,
    kind: Kind,
}

/// What a sequence has turned out to be.
enum Kind {
    /// Nothing yet: its first element decides.
    Open,
    /// Bytes, which begin here: with their head, and without it.
    Bytes(usize, usize),
    Array,
    List(List),
}

struct List {
    number: u8,
    /// The blank, as soon as there is one.
    blank: Vec<u8>,
    /// Whether that is nil.
    blank_is_nil: bool,
}

impl<'e> Sequence<'e> {
    pub(super) fn new(encoder: &'e mut Encoder, size: usize) -> Self {
        Sequence { encoder, size, done: 0, kind: Kind::Open }
    }

    /// Bytes and blanks come by the thousand, so this is all that is done for one.
    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result {
        match (&self.kind, element.serialize(Probe).ok()) {
            (Kind::List(list), Some(Small::Nil)) if list.blank_is_nil => {}
            (Kind::Bytes(..), Some(Small::Byte(byte))) => self.encoder.out.push(byte),
            (Kind::Open, Some(Small::Byte(byte))) => self.begin_bytes(byte)?,
            _ => self.item(element)?,
        }
        self.done += 1;
        Ok(())
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result {
        match self.kind {
            Kind::Open => self.begin_array()?,
            Kind::Bytes(head, content) => self.turn_to_array(head, content)?,
            _ => {}
        }
        let from = self.encoder.out.len();
        item.serialize(&mut *self.encoder)?;
        let Kind::List(list) = &mut self.kind else { return Ok(()) };
        let out = &mut self.encoder.out;
        let written = out.get(from..).unwrap_or_default();
        if list.blank.is_empty() && written.len() <= BLANK {
            list.blank.extend_from_slice(written);
            list.blank_is_nil = written == [NIL];
        }
        if written == list.blank {
            out.truncate(from);
        } else {
            let index = u32::try_from(self.done).map_err(|_| Unencodable)?;
            let place = Place { list: list.number, index };
            self.encoder.rows.elements.push((place, from..out.len()));
        }
        Ok(())
    }

    fn begin_bytes(&mut self, first: u8) -> Result {
        let head = self.encoder.out.len();
        self.encoder.head(&BYTES, self.size)?;
        self.kind = Kind::Bytes(head, self.encoder.out.len());
        self.encoder.put(&[first])
    }

    /// For a tuple that only begins with bytes.
    fn turn_to_array(&mut self, head: usize, content: usize) -> Result {
        let bytes = SecretBytes::from(self.encoder.out.split_off(content));
        self.encoder.out.truncate(head);
        self.encoder.head(&ARRAY, self.size)?;
        self.kind = Kind::Array;
        bytes.iter().try_for_each(|byte| self.encoder.natural(u64::from(*byte)))
    }

    fn begin_array(&mut self) -> Result {
        self.encoder.head(&ARRAY, self.size)?;
        let number = list_number(true, self.size, self.encoder.lists).filter(|_| !self.encoder.in_list);
        self.kind = Kind::Array;
        if let Some(number) = number {
            self.encoder.begin_list();
            self.kind = Kind::List(List { number, blank: Vec::new(), blank_is_nil: false });
        }
        Ok(())
    }

    fn finish(self) -> Result {
        if self.done != self.size {
            return Err(Unencodable);
        }
        match self.kind {
            Kind::Open => self.encoder.head(&ARRAY, 0),
            Kind::List(list) => self.encoder.end_list(&list.blank),
            Kind::Bytes(..) | Kind::Array => Ok(()),
        }
    }
}

impl ser::SerializeSeq for Sequence<'_> {
    type Ok = ();
    type Error = Unencodable;
    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result {
        self.element(element)
    }
    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeTuple for Sequence<'_> {
    type Ok = ();
    type Error = Unencodable;
    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result {
        self.element(element)
    }
    fn end(self) -> Result {
        self.finish()
    }
}

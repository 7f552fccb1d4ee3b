//! An encoded value, split so that a small change is a small write.
//!
//! MLS writes whole values: a ratchet tree of a thousand leaves, or a secret tree of
//! which one leaf has moved. Stored, every array of [`LONG`] elements or more that lies
//! in no other such array is a *list* (the first [`LISTS`] of them); each of its elements
//! is a row of its own, and what remains is one more, the *spine*.
//!
//! ```text
//! spine row   = u8 format ‖ the value, where each list is only its head ‖ u8 size ‖ blank
//! element row = one MessagePack item
//! ```
//!
//! A list's blank is its first element of at most [`BLANK`] bytes, or nothing if it has
//! none. Elements equal to it have no row.

use core::ops::Range;

use super::msgpack::{self, Head};
use crate::{
    crypto::SecretBytes,
    limits,
    store::{Batch, Key},
};

/// Arrays of at least this many elements are split.
pub(super) const LONG: usize = 32;
/// Lists of one value: as many as a byte numbers. Arrays past that stay whole.
pub(super) const LISTS: usize = 256;
/// The longest blank: `nil`, or a struct of one `nil`.
pub(super) const BLANK: usize = 2;
/// The number of this layout.
pub(super) const FORMAT: u8 = 1;

/// Where an element belongs: the number of its list in the value, and its index there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) list: u8,
    pub(super) index: u32,
}

impl Place {
    /// Bytes that a place adds to the key of its spine.
    const SIZE: usize = 5;

    /// Reads what the key of an element row says after that of its spine.
    pub(super) fn read(rest: &[u8]) -> Option<Place> {
        let (&list, index) = rest.split_first()?;
        Some(Place { list, index: u32::from_be_bytes(index.try_into().ok()?) })
    }

    fn key(self, spine: &[u8]) -> Key {
        [spine, &[self.list], &self.index.to_be_bytes()].concat()
    }
}

/// The rows of a value: its spine, and its elements in the order of their places.
#[derive(PartialEq, Eq)]
pub(super) struct Value {
    pub(super) spine: SecretBytes,
    /// The elements, one behind the other.
    pub(super) content: SecretBytes,
    pub(super) elements: Vec<(Place, Range<usize>)>,
}

impl Value {
    /// A value whose elements are still to be added.
    pub(super) fn new(spine: Vec<u8>) -> Value {
        Value { spine: spine.into(), content: Vec::new().into(), elements: Vec::new() }
    }

    /// Adds an element, after all before it.
    pub(super) fn push(&mut self, place: Place, element: &[u8]) {
        let from = self.content.len();
        self.content.extend_from_slice(element);
        self.elements.push((place, from..self.content.len()));
    }

    /// The encoding as a whole; `None` if these are not rows of any value.
    pub(super) fn join(&self) -> Option<SecretBytes> {
        let mut rest = self.spine.strip_prefix(&[FORMAT])?;
        let size = self.spine.len() + self.content.len();
        let mut whole = SecretBytes::with_capacity(size);
        let (mut elements, mut lists) = (self.elements().peekable(), 0);
        while let Some(head) = Head::read(rest) {
            whole.extend_from_slice(rest.split_off(..head.size)?);
            let Some(list) = list_number(head.array, head.inside, lists) else { continue };
            lists += 1;
            let size = *rest.split_off_first()?;
            let blank = rest.split_off(..usize::from(size))?;
            let blanks = head.inside.saturating_mul(blank.len());
            if whole.len().saturating_add(blanks) > limits::BATCH_BYTES {
                return None;
            }
            for index in 0..u32::try_from(head.inside).ok()? {
                match elements.next_if(|(place, _)| *place == Place { list, index }) {
                    Some((_, element)) if element == blank => return None,
                    Some((_, element)) => whole.extend_from_slice(msgpack::only_item(element)?),
                    None => whole.extend_from_slice(msgpack::only_item(blank)?),
                }
            }
        }
        (rest.is_empty() && elements.next().is_none()).then_some(whole)
    }

    /// Writes this value under `key` where `old` is stored: the rows that differ or, if that
    /// is less, all rows after one deletion of what is there. The latter is what happens to
    /// the secrets of an epoch when the next one begins.
    pub(super) fn write(&self, key: &[u8], old: Option<&Value>, batch: &mut Batch) {
        let changes = self.changes(key, old);
        if old.is_some() && changes.bytes() > self.bytes(key) {
            batch.delete_prefix(key.to_vec());
            batch.append(self.changes(key, None));
        } else {
            batch.append(changes);
        }
    }

    /// Deletes the value's rows.
    pub(super) fn delete(&self, key: &[u8], batch: &mut Batch) {
        match self.elements.is_empty() {
            true => batch.delete(key.to_vec()),
            false => batch.delete_prefix(key.to_vec()),
        }
    }

    fn changes(&self, key: &[u8], old: Option<&Value>) -> Batch {
        let mut batch = Batch::default();
        if old.is_none_or(|old| old.spine != self.spine) {
            batch.put(key.to_vec(), self.spine.to_vec());
        }
        let mut before = old.into_iter().flat_map(Value::elements).peekable();
        for (place, element) in self.elements() {
            while let Some((gone, _)) = before.next_if(|(at, _)| *at < place) {
                batch.delete(gone.key(key));
            }
            let same = before.next_if(|(at, _)| *at == place).is_some_and(|(_, old)| old == element);
            if !same {
                batch.put(place.key(key), element.to_vec());
            }
        }
        before.for_each(|(gone, _)| batch.delete(gone.key(key)));
        batch
    }

    /// Bytes written if the value is written anew.
    fn bytes(&self, key: &[u8]) -> usize {
        let keys = 2 * key.len() + self.elements.len() * (key.len() + Place::SIZE);
        keys + self.spine.len() + self.content.len()
    }

    fn elements(&self) -> impl Iterator<Item = (Place, &[u8])> {
        self.elements.iter().map(|(place, at)| (*place, self.content.get(at.clone()).unwrap_or_default()))
    }
}

/// The number of the list that an array of this size begins, after `lists` others; `None` if
/// it begins none.
pub(super) fn list_number(array: bool, size: usize, lists: usize) -> Option<u8> {
    if array && size >= LONG { u8::try_from(lists).ok() } else { None }
}

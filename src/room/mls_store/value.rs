//! An encoded value, split so that a small change is a small write.
//!
//! MLS writes whole values: a ratchet tree of a thousand leaves, or a secret tree of
//! which one leaf has moved. Stored, every array of [`LONG`] elements or more that lies
//! in no other such array is a *list* (the first 256 of them, as a byte numbers them);
//! each of its elements is a row of its own, and what remains is one more, the *spine*.
//!
//! ```text
//! spine row   = u8 format ‖ the value, where each list is only its head ‖ u8 size ‖ blank
//! element row = one MessagePack item
//! ```
//!
//! A list's blank is its first element of at most [`BLANK`] bytes, or nothing if it has
//! none. Elements equal to it have no row.

use core::ops::Range;

use zeroize::Zeroizing;

use super::msgpack::{self, Head};
use crate::{
    limits,
    store::{Batch, Key},
};

/// Arrays of at least this many elements are split.
const LONG: usize = 32;
/// The longest blank: `nil`, or a struct of one `nil`.
const BLANK: usize = 2;
/// The number of this layout.
pub(super) const FORMAT: u8 = 1;

/// Where an element belongs: the number of its list in the value, and its index there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    list: u8,
    index: u32,
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

/// A value as MLS gave it, and the rows that it has in the store.
pub(super) struct Value {
    whole: Zeroizing<Vec<u8>>,
    spine: Zeroizing<Vec<u8>>,
    elements: Vec<(Place, Range<usize>)>,
}

impl Value {
    /// Splits an encoding; `None` if it is not exactly one MessagePack item.
    pub(super) fn split(whole: Zeroizing<Vec<u8>>) -> Option<Value> {
        let (mut lists, mut elements) = (Vec::new(), Vec::new());
        let (mut at, mut missing) = (0, 1_usize);
        while missing > 0 {
            let head = Head::read(whole.get(at..)?)?;
            at += head.size;
            missing -= 1;
            if let Some(list) = list_number(&head, lists.len()) {
                let list = List::walk(&whole, at, list, head.inside, &mut elements)?;
                at = list.elements.end;
                lists.push(list);
            } else {
                missing = missing.checked_add(head.inside)?;
            }
        }
        let spine = spine(&whole, &lists)?;
        (at == whole.len()).then_some(Value { whole, spine, elements })
    }

    /// Joins the rows of a value, its elements in the order of their places; `None` if
    /// these are not exactly the rows that a value has.
    pub(super) fn join(spine: &[u8], elements: &[(Place, Vec<u8>)]) -> Option<Value> {
        let mut rest = spine.strip_prefix(&[FORMAT])?;
        let (mut whole, mut rows, mut lists) = (Zeroizing::new(vec![]), elements.iter().peekable(), 0);
        while let Some(head) = Head::read(rest) {
            whole.extend_from_slice(rest.split_off(..head.size)?);
            let Some(list) = list_number(&head, lists) else { continue };
            lists += 1;
            let size = *rest.split_off_first()?;
            let blank = rest.split_off(..usize::from(size))?;
            if whole.len().saturating_add(head.inside.saturating_mul(blank.len())) > limits::BATCH_BYTES {
                return None;
            }
            for index in 0..u32::try_from(head.inside).ok()? {
                match rows.next_if(|(place, _)| *place == Place { list, index }) {
                    Some((_, element)) => whole.extend_from_slice(element),
                    None if blank.is_empty() => return None,
                    None => whole.extend_from_slice(blank),
                }
            }
        }
        let value = Value::split(whole)?;
        // A row too many, one that is not an item, or a blank that has a row: all show here.
        let rows = elements.iter().map(|(place, element)| (*place, element.as_slice()));
        (*value.spine == spine && value.elements().eq(rows)).then_some(value)
    }

    /// The encoding.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.whole
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
        let element = |at: &Range<usize>| key.len() + Place::SIZE + at.len();
        2 * key.len() + self.spine.len() + self.elements.iter().map(|(_, at)| element(at)).sum::<usize>()
    }

    fn elements(&self) -> impl Iterator<Item = (Place, &[u8])> {
        self.elements.iter().map(|(place, at)| (*place, self.whole.get(at.clone()).unwrap_or_default()))
    }
}

/// A list of a value: where its elements lie, and one that is blank.
struct List {
    elements: Range<usize>,
    blank: Range<usize>,
}

impl List {
    /// Walks over the `count` elements that begin at `from` and notes those that get a row.
    fn walk(
        whole: &[u8],
        from: usize,
        list: u8,
        count: usize,
        elements: &mut Vec<(Place, Range<usize>)>,
    ) -> Option<List> {
        let (mut at, mut index, mut blank) = (from, 0, 0..0);
        while index < count {
            let rest = whole.get(at..)?;
            let blanks = run(rest, whole.get(blank.clone())?, count - index);
            if blanks > 0 {
                at += blanks * blank.len();
                index += blanks;
                continue;
            }
            let end = at + msgpack::item(rest)?.len();
            if blank.is_empty() && end - at <= BLANK {
                blank = at..end;
                continue;
            }
            elements.push((Place { list, index: u32::try_from(index).ok()? }, at..end));
            at = end;
            index += 1;
        }
        Some(List { elements: from..at, blank })
    }
}

/// The number of the list that begins with `head`, after `lists` others; `None` if it is none.
fn list_number(head: &Head, lists: usize) -> Option<u8> {
    if head.array && head.inside >= LONG { u8::try_from(lists).ok() } else { None }
}

/// How often `blank` is repeated at the beginning of `bytes`, up to `most` times.
fn run(bytes: &[u8], blank: &[u8], most: usize) -> usize {
    match blank {
        [] => 0,
        [byte] => {
            // The four lists of a secret tree are mostly this, so whole blocks first.
            let (blocks, _) = bytes.get(..most).unwrap_or(bytes).as_chunks::<64>();
            let blocks = 64 * blocks.iter().take_while(|block| **block == [*byte; 64]).count();
            let rest = bytes.get(blocks..most).or(bytes.get(blocks..)).unwrap_or_default();
            blocks + rest.iter().take_while(|b| *b == byte).count()
        }
        _ => bytes.chunks_exact(blank.len()).take(most).take_while(|chunk| *chunk == blank).count(),
    }
}

/// The spine row of a value with these lists.
fn spine(whole: &[u8], lists: &[List]) -> Option<Zeroizing<Vec<u8>>> {
    let less = |list: &List| list.elements.len() - list.blank.len();
    let size = 1 + whole.len() + lists.len() - lists.iter().map(less).sum::<usize>();
    let mut spine = Zeroizing::new(Vec::with_capacity(size));
    spine.push(FORMAT);
    let mut from = 0;
    for list in lists {
        spine.extend_from_slice(whole.get(from..list.elements.start)?);
        spine.push(u8::try_from(list.blank.len()).ok()?);
        spine.extend_from_slice(whole.get(list.blank.clone())?);
        from = list.elements.end;
    }
    spine.extend_from_slice(whole.get(from..)?);
    Some(spine)
}

//! Values and their rows: nothing is lost, little is written, nothing corrupt is taken.

use std::collections::BTreeMap;

use proptest::{collection, prelude::*, sample::Index, test_runner::RngSeed};
use rmp_serde::config::BytesMode;
use serde::{Deserialize, Serializer};

use super::*;
use crate::room::mls_store::{
    encode,
    msgpack::{Head, only_item},
    value::{BLANK, LISTS, LONG, Place, Value},
};

const KEY: &[u8] = b"key";

/// Anything that serde knows, as far as MessagePack has it.
#[derive(Clone, Debug)]
enum Any {
    Nil,
    Flag(bool),
    Natural(u64),
    Integer(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Any>),
    Map(Vec<(Any, Any)>),
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Any::Nil => serializer.serialize_none(),
            Any::Flag(b) => b.serialize(serializer),
            Any::Natural(n) => n.serialize(serializer),
            Any::Integer(n) => n.serialize(serializer),
            Any::Float(n) => n.serialize(serializer),
            Any::Text(s) => s.serialize(serializer),
            Any::Bytes(b) => b.serialize(serializer),
            Any::Array(items) => items.serialize(serializer),
            Any::Map(entries) => serializer.collect_map(entries.iter().map(|(k, v)| (k, v))),
        }
    }
}

/// What `rmp_serde` makes of it, as a whole.
fn oracle<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_bytes(BytesMode::ForceAll);
    value.serialize(&mut serializer).unwrap();
    bytes
}

/// The rows that a whole encoding has: spine, and elements with their places. It says what
/// the layout is, in another way than the encoder.
fn rows_of(whole: &[u8]) -> (Vec<u8>, Vec<(Place, Vec<u8>)>) {
    fn first(bytes: &[u8]) -> &[u8] {
        let (mut size, mut missing) = (0, 1);
        while missing > 0 {
            let head = Head::read(&bytes[size..]).unwrap();
            size += head.size;
            missing = missing - 1 + head.inside;
        }
        &bytes[..size]
    }
    let (mut spine, mut elements, mut lists, mut rest) = (vec![FORMAT], Vec::new(), 0, whole);
    while let Some(head) = Head::read(rest) {
        spine.extend_from_slice(&rest[..head.size]);
        rest = &rest[head.size..];
        if !head.array || head.inside < LONG || lists == LISTS {
            continue;
        }
        let items: Vec<&[u8]> =
            (0..head.inside).map(|_| rest.split_off(..first(rest).len()).unwrap()).collect();
        let blank = items.iter().copied().find(|item| item.len() <= BLANK).unwrap_or_default();
        spine.extend([&[u8::try_from(blank.len()).unwrap()], blank].concat());
        for (index, item) in (0..).zip(items).filter(|(_, item)| *item != blank) {
            elements.push((Place { list: u8::try_from(lists).unwrap(), index }, item.to_vec()));
        }
        lists += 1;
    }
    (spine, elements)
}

fn rows(value: &Value) -> (Vec<u8>, Vec<(Place, Vec<u8>)>) {
    let elements = value.elements.iter().map(|(place, at)| (*place, value.content[at.clone()].to_vec()));
    (value.spine.to_vec(), elements.collect())
}

fn value<T: Serialize>(value: &T) -> Value {
    encode::rows(value, None).unwrap()
}

fn put(value: &Value, old: Option<&Value>) -> Batch {
    let mut batch = Batch::default();
    value.write(KEY, old, &mut batch);
    batch
}

fn stored(value: &Value) -> MemoryStore {
    let mut store = MemoryStore::default();
    store.apply(&put(value, None)).unwrap();
    store
}

/// The encoding that the rows join to.
fn join(store: &MemoryStore) -> Option<Vec<u8>> {
    let mut rows = store.scan(KEY, None, usize::MAX).unwrap().into_iter();
    let (_, spine) = rows.next().filter(|(key, _)| key == KEY)?;
    let mut value = Value::new(spine);
    for (key, row) in rows {
        value.push(Place::read(&key[KEY.len()..])?, &row);
    }
    value.join().and_then(|whole| only_item(&whole).map(<[u8]>::to_vec))
}

fn nils(count: usize) -> Vec<Option<&'static str>> {
    vec![None; count]
}

// -- MessagePack

#[test]
fn every_marker_is_measured() {
    let cases: &[&[u8]] = &[
        &[0x00],
        &[0x7f],
        &[0xff],
        &[0xc0],
        &[0xc2],
        &[0xc3],
        &[0xcc, 0],
        &[0xd1, 0, 0],
        &[0xce, 0, 0, 0, 0],
        &[0xca, 0, 0, 0, 0],
        &[0xd3, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xa2, b'a', b'b'],
        &[0xd9, 1, b'a'],
        &[0xc4, 1, 9],
        &[0xc5, 0, 1, 9],
        &[0xdb, 0, 0, 0, 1, 9],
        &[0xd4, 7, 9],
        &[0xd6, 7, 9, 9, 9, 9],
        &[0xc7, 1, 7, 9],
        &[0xc8, 0, 1, 7, 9],
        &[0xc9, 0, 0, 0, 1, 7, 9],
        &[0x92, 0xc0, 0x91, 0xc0],
        &[0x81, 0xa1, b'k', 0x90],
        &[0xdc, 0, 1, 0xc0],
        &[0xdd, 0, 0, 0, 1, 0xc0],
        &[0xde, 0, 1, 0xc0, 0xc0],
        &[0xdf, 0, 0, 0, 1, 0xc0, 0xc0],
    ];
    for bytes in cases {
        assert!(only_item(bytes).is_some(), "{bytes:02x?}");
        assert!(only_item(&[bytes, &[0xc0][..]].concat()).is_none(), "{bytes:02x?} and more");
        (0..bytes.len())
            .for_each(|cut| assert!(only_item(&bytes[..cut]).is_none(), "{bytes:02x?} cut at {cut}"));
    }
    assert!(Head::read(&[0xc1]).is_none());
    // What claims to be larger than memory is only as large as it is.
    for huge in [&[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0][..], &[0xdf, 0xff, 0xff, 0xff, 0xff], &[0xc6, 0xff]] {
        assert!(only_item(huge).is_none());
    }
}

// -- encoding

/// One of every shape that serde derives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shapes {
    unit: (),
    nothing: Nothing,
    newtype: Newtype,
    pair: Pair,
    variants: Vec<Variant>,
    options: (Option<u8>, Option<Vec<u8>>, Option<Box<Newtype>>),
    nonce: [u8; 12],
    mixed: (u8, u8, String),
    word: [u16; 3],
    map: BTreeMap<u64, Vec<Vec<u8>>>,
    letter: char,
    numbers: (i8, i16, i32, i64, u16, u32, u64, f32, f64, bool),
    long: Vec<Option<Newtype>>,
    empty: (Vec<u8>, Vec<Newtype>, [u8; 0], String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Vec<u8>);
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, u8);
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Variant {
    Unit,
    Newtype(u32),
    Tuple(u8, u8),
    Struct { a: Vec<u8>, b: Option<u8> },
}

#[test]
fn every_shape_is_encoded_as_its_reader_wants_it() {
    let newtype = Newtype(vec![1, 200]);
    let mut shapes = Shapes {
        unit: (),
        nothing: Nothing,
        newtype: newtype.clone(),
        pair: Pair(1, 255),
        variants: vec![
            Variant::Unit,
            Variant::Newtype(70_000),
            Variant::Tuple(3, 4),
            Variant::Struct { a: vec![7; 300], b: None },
        ],
        options: (Some(9), Some(vec![]), Some(Box::new(newtype.clone()))),
        nonce: [0xee; 12],
        mixed: (1, 200, "text".into()),
        word: [1, 2, 300],
        map: [(1, vec![vec![1], vec![]]), (1 << 40, vec![])].into(),
        letter: 'ß',
        numbers: (-1, -200, -40_000, i64::MIN, 65_535, u32::MAX, u64::MAX, 1.5, -2.5, true),
        long: vec![None; 70],
        empty: (vec![], vec![], [], String::new()),
    };
    shapes.long[3] = Some(newtype);
    let value = value(&shapes);
    assert_eq!(*value.join().unwrap(), oracle(&shapes));
    assert_eq!(stored(&value).len(), 2);
    assert_eq!(*encode::whole(&shapes).unwrap(), oracle(&shapes));
    assert_eq!(decode::<Shapes>(&value.join().unwrap()).unwrap(), shapes);
}

#[test]
fn what_lies_about_its_size_is_not_encoded() {
    struct Liar(usize);
    impl Serialize for Liar {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(Some(2))?;
            (0..self.0).try_for_each(|_| seq.serialize_element("x"))?;
            seq.end()
        }
    }
    assert!(encode::whole(&Liar(2)).is_ok());
    assert!(encode::whole(&Liar(1)).is_err());
    assert!(encode::whole(&Liar(3)).is_err());
}

// -- splitting

#[test]
fn long_arrays_become_rows_and_short_ones_stay() {
    fn rows(v: &impl Serialize) -> usize {
        stored(&value(v)).len()
    }
    assert_eq!(rows(&vec!["abc"; 31]), 1);
    assert_eq!(rows(&vec!["abc"; 32]), 33);
    // Bytes are no array, however many.
    assert_eq!(rows(&vec![1_u8; 1000]), 1);
    // Blanks have no row, whatever they look like; other small elements do.
    assert_eq!(rows(&nils(1000)), 1);
    assert_eq!(rows(&vec![[None::<u8>]; 1000]), 1);
    assert_eq!(rows(&[vec![None; 40], vec![Some(7_u16)]].concat()), 2);
    // A list in an element of a list goes with the element.
    assert_eq!(rows(&[vec![None; 40], vec![Some(nils(50)); 2]].concat()), 3);
    // Lists side by side are lists each; past 256 they stay in the spine.
    let list = [nils(40), vec![Some("x")]].concat();
    assert_eq!(rows(&[list.clone(), list.clone()]), 3);
    let many = vec![vec![list; 25]; 12];
    assert_eq!(rows(&many), 1 + 256);
    assert_eq!(join(&stored(&value(&many))), Some(oracle(&many)));
    assert!(self::rows(&value(&many)) == rows_of(&oracle(&many)));
}

#[test]
fn one_changed_element_is_one_written_row() {
    let mut elements = vec!["aaaaaaaaaa"; 500];
    let old = value(&elements);
    elements[77] = "bbbbbbbbbb";
    let new = value(&elements);
    let batch = put(&new, Some(&old));
    assert_eq!((batch.writes().len(), batch.bytes()), (1, KEY.len() + 5 + 11));
    assert!(put(&new, Some(&new)).is_empty());
}

#[test]
fn what_changes_everywhere_is_written_anew_after_one_deletion() {
    let epoch = |filled| [nils(500 - filled), vec![Some("aaaaaaaaaa"); filled]].concat();
    let (old, new) = (value(&epoch(400)), value(&epoch(1)));
    let batch = put(&new, Some(&old));
    assert_eq!(batch.writes().len(), 3);
    let mut store = stored(&old);
    store.apply(&batch).unwrap();
    assert!(store == stored(&new));

    let mut gone = Batch::default();
    new.delete(KEY, &mut gone);
    store.apply(&gone).unwrap();
    assert!(store.is_empty());
}

#[test]
fn rows_that_are_not_of_one_value_are_refused() {
    let good = stored(&value(&[nils(40), vec![Some("x"), Some("y")]].concat()));
    assert!(join(&good).is_some());
    let with = |key: &[u8], bytes: &[u8]| {
        let mut store = good.clone();
        let mut batch = Batch::default();
        batch.put(key.to_vec(), bytes.to_vec());
        store.apply(&batch).unwrap();
        join(&store).is_some()
    };
    let row = |place: &[u8], bytes: &[u8]| with(&[KEY, place].concat(), bytes);
    assert!(row(&[0, 0, 0, 0, 3], &[0xa1, b'z'])); // an element more: fine
    assert!(!row(&[0, 0, 0, 0, 3], &[0xc0])); // one that is the blank
    assert!(!row(&[0, 0, 0, 0, 3], &[0xa1])); // cut short
    assert!(!row(&[0, 0, 0, 0, 3], &[0xa1, b'z', 0xc0])); // two items
    assert!(!row(&[0, 0, 0, 0, 3], &[])); // none
    assert!(!row(&[0, 0, 0, 0, 42], &[0xa1, b'z'])); // past the end
    assert!(!row(&[1, 0, 0, 0, 0], &[0xa1, b'z'])); // of a list that is not there
    assert!(!row(&[0, 0, 0, 0], &[0xa1, b'z'])); // a place cut short
    let spine = |bytes: &[u8]| with(KEY, bytes);
    assert!(spine(&[FORMAT, 0xdc, 0, 42, 1, 0xc0]));
    assert!(!spine(&[FORMAT + 1, 0xdc, 0, 42, 1, 0xc0]));
    assert!(!spine(&[FORMAT, 0xdc, 0, 42, 1, 0xc0, 0xc0])); // something after the value
    assert!(!spine(&[FORMAT, 0xdc, 0, 42, 0])); // no blank
    assert!(!spine(&[FORMAT, 0xdc, 0, 42, 2, 0xc0, 0xc0])); // two blanks
    assert!(!spine(&[FORMAT, 0xdc, 0, 42, 9, 0xc0]));
    assert!(!spine(&[FORMAT]));
    assert!(!spine(&[]));
    assert!(!spine(&[FORMAT, 0xdd, 0xff, 0xff, 0xff, 0xff, 1, 0xc0])); // four billion blanks
}

// -- all values

fn scalar() -> impl Strategy<Value = Any> {
    prop_oneof![
        6 => Just(Any::Nil),
        2 => Just(Any::Array(vec![Any::Nil])),
        1 => any::<bool>().prop_map(Any::Flag),
        1 => (any::<u64>(), 0..64_u32).prop_map(|(n, by)| Any::Natural(n >> by)),
        1 => (any::<i64>(), 0..64_u32).prop_map(|(n, by)| Any::Integer(n >> by)),
        1 => any::<f64>().prop_map(Any::Float),
        1 => "[a-zß]{0,40}".prop_map(Any::Text),
        3 => collection::vec(any::<u8>(), 0..20).prop_map(Any::Bytes),
        1 => collection::vec(any::<u8>(), 250..300).prop_map(Any::Bytes),
    ]
}

fn any_value() -> impl Strategy<Value = Any> {
    scalar().prop_recursive(4, 400, 80, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..8).prop_map(Any::Array),
            collection::vec(inner.clone(), 30..80).prop_map(Any::Array),
            collection::vec((inner.clone(), inner), 0..20).prop_map(Any::Map),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    #[test]
    fn rows_join_to_the_whole_encoding(any in any_value()) {
        prop_assert_eq!(join(&stored(&value(&any))), Some(oracle(&any)));
        prop_assert_eq!(&*encode::whole(&any).unwrap(), &oracle(&any));
    }

    #[test]
    fn rows_are_those_of_the_whole_encoding_split(any in any_value()) {
        prop_assert!(rows(&value(&any)) == rows_of(&oracle(&any)));
    }

    #[test]
    fn a_change_leads_to_the_rows_of_the_new_value(old in any_value(), new in any_value()) {
        let (old, new) = (value(&old), encode::rows(&new, Some(&value(&old))).unwrap());
        let mut store = stored(&old);
        store.apply(&put(&new, Some(&old))).unwrap();
        prop_assert!(store == stored(&new));
    }

    #[test]
    fn small_changes_lead_there_too(
        mut items in collection::vec(scalar(), 32..100),
        changes in collection::vec((any::<Index>(), scalar()), 0..5),
    ) {
        let old = value(&items);
        changes.into_iter().for_each(|(at, item)| *at.get_mut(&mut items) = item);
        let new = value(&items);
        let mut store = stored(&old);
        store.apply(&put(&new, Some(&old))).unwrap();
        prop_assert!(store == stored(&new));
    }

    #[test]
    fn arbitrary_rows_are_joined_or_refused(
        spine in collection::vec(any::<u8>(), 0..60),
        rows in collection::vec((0..3_u8, 0..40_u32, collection::vec(any::<u8>(), 0..9)), 0..9),
    ) {
        let mut rows: Vec<_> = rows.into_iter().map(|(list, index, row)| (Place { list, index }, row)).collect();
        rows.sort();
        let mut value = Value::new([&[FORMAT], &spine[..]].concat());
        rows.iter().for_each(|(place, row)| value.push(*place, row));
        let _ = value.join().map(|whole| decode::<serde::de::IgnoredAny>(&whole));
    }

    #[test]
    fn damaged_rows_are_joined_or_refused(
        any in any_value(),
        row in any::<Index>(),
        damage in collection::vec((any::<Index>(), any::<u8>()), 1..3),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let mut store = stored(&value(&any));
        let rows: Vec<_> = store.rows().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
        let (key, mut bytes) = row.get(&rows).clone();
        damage.into_iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = byte);
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut batch = Batch::default();
        batch.put(key, bytes);
        store.apply(&batch).unwrap();
        if let Some(whole) = join(&store) {
            prop_assert!(only_item(&whole).is_some());
        }
    }
}

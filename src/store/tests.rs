//! The contract between an engine's call and the store: what it reads, what it writes, what it expects.

use core::cell::Cell;

use chacha20::ChaCha20Rng;
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::{
    code::Code,
    error::{Error, Retry},
    limits,
};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([7; 32])
}

fn draft<'a>(store: &'a dyn Store, rng: &'a mut ChaCha20Rng) -> Draft<'a> {
    Draft::new(Ctx { now: Timestamp::ZERO, store, rng })
}

fn batch(draft: Draft<'_>) -> Batch {
    draft.finish::<_, ()>(()).unwrap().batch().clone()
}

fn rows(rows: &[(&str, &str)]) -> MemoryStore {
    rows.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect()
}

fn keys(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|(k, _)| core::str::from_utf8(k).unwrap()).collect()
}

/// A store that counts the scans made of it.
struct Counting<'a>(&'a MemoryStore, Cell<usize>);

impl Store for Counting<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        self.0.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        self.1.set(self.1.get() + 1);
        self.0.scan(prefix, after, limit)
    }
}

// -- the store in memory

#[test]
fn scan_begins_after_the_given_key_and_stays_under_the_prefix() {
    let store = rows(&[("a", ""), ("b", ""), ("b1", ""), ("b2", ""), ("c", "")]);
    let scan = |prefix: &str, after: Option<&str>, limit| {
        let rows = store.scan(prefix.as_bytes(), after.map(str::as_bytes), limit).unwrap();
        keys(&rows).join(" ")
    };
    assert_eq!(scan("b", None, 9), "b b1 b2");
    assert_eq!(scan("b", Some("b"), 9), "b1 b2");
    assert_eq!(scan("b", Some("b15"), 9), "b2"); // a key that is not there
    assert_eq!(scan("b", Some("a"), 9), "b b1 b2"); // before the prefix
    assert_eq!(scan("b", Some("c"), 9), ""); // past it
    assert_eq!(scan("b", None, 2), "b b1");
    assert_eq!(scan("b", None, 0), "");
    assert_eq!(scan("", None, usize::MAX), "a b b1 b2 c");
}

#[test]
fn a_batch_is_applied_in_order_or_not_at_all() {
    let mut store = rows(&[("guard", "1"), ("x1", "old"), ("x2", "old")]);
    let before = store.clone();

    let mut stale = Batch::default();
    stale.put(b"x1".to_vec(), b"new".to_vec());
    stale.expect(b"guard".to_vec(), Some(b"1".to_vec()));
    stale.expect(b"x1".to_vec(), None); // it is there
    assert!(matches!(store.apply(&stale), Err(ApplyError::Conflict)));
    assert!(store == before);

    let mut good = Batch::default();
    good.expect(b"guard".to_vec(), Some(b"1".to_vec()));
    good.expect(b"y".to_vec(), None);
    good.put(b"x3".to_vec(), b"gone again".to_vec());
    good.delete_prefix(b"x".to_vec());
    good.put(b"x2".to_vec(), b"new".to_vec());
    good.delete(b"no such row".to_vec());
    store.apply(&good).unwrap();
    assert!(store == rows(&[("guard", "1"), ("x2", "new")]));
}

// -- the preloaded snapshot

#[test]
fn what_is_not_loaded_is_an_error_and_never_an_absence() {
    let mut store = Preloaded::default();
    assert_eq!(store.get(b"a1"), Err(Error::load(vec![b"a1".to_vec()])));
    assert_eq!(store.scan(b"a", None, 1), Err(Error::load(vec![b"a".to_vec()])));

    store.load(b"a1".to_vec(), [(b"a1x".to_vec(), b"1".to_vec())]);
    assert_eq!(store.get(b"a1x").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(store.get(b"a1y"), Ok(None)); // loaded and absent
    assert_eq!(store.scan(b"a1x", None, 9).unwrap().len(), 1);
    assert_eq!(store.scan(b"a", None, 9).unwrap_err().retry(), &Retry::Load(vec![b"a".to_vec()]));
    assert_eq!(store.get(b"a").unwrap_err().code(), Code::NotLoaded);
}

#[test]
fn a_prefix_loaded_again_replaces_its_rows() {
    let mut store = Preloaded::default();
    store.load(b"a".to_vec(), [(b"a1".to_vec(), b"old".to_vec()), (b"a2".to_vec(), b"old".to_vec())]);
    store.load(b"b".to_vec(), [(b"a3".to_vec(), b"stray".to_vec()), (b"b1".to_vec(), b"b".to_vec())]);
    store.load(b"a".to_vec(), [(b"a2".to_vec(), b"new".to_vec())]);
    assert_eq!(store.scan(b"a", None, 9).unwrap(), [(b"a2".to_vec(), b"new".to_vec())]);
    assert_eq!(store.get(b"b1").unwrap().as_deref(), Some(&b"b"[..]));
}

// -- the draft

#[test]
fn a_limited_scan_sees_past_what_the_call_has_deleted() {
    let stored: MemoryStore = (0..1000u32).map(|i| (format!("a{i:04}").into_bytes(), vec![])).collect();
    let counting = Counting(&stored, Cell::new(0));
    let mut rng = rng();
    let mut draft = draft(&counting, &mut rng);
    draft.delete_prefix(b"a00".to_vec());
    draft.delete_prefix(b"a01".to_vec());
    draft.delete(b"a0200".to_vec());
    draft.put(b"a0150".to_vec(), vec![]);
    draft.put(b"a0202x".to_vec(), vec![]);
    let found = draft.scan(b"a", None, 4).unwrap();
    assert_eq!(keys(&found), ["a0150", "a0201", "a0202", "a0202x"]);
    assert!(counting.1.get() <= 8, "{} scans", counting.1.get());

    let found = draft.scan(b"a", Some(b"a0201"), 2).unwrap();
    assert_eq!(keys(&found), ["a0202", "a0202x"]);
    let scans = counting.1.get();
    assert_eq!(keys(&draft.scan(b"a01", None, 9).unwrap()), ["a0150"]);
    assert_eq!(counting.1.get(), scans, "an erased prefix is not read");
}

#[test]
fn a_draft_passes_on_that_rows_are_not_loaded() {
    let store = Preloaded::default();
    let mut rng = rng();
    let mut draft = draft(&store, &mut rng);
    assert_eq!(draft.get(b"a").unwrap_err().code(), Code::NotLoaded);
    draft.put(b"a".to_vec(), vec![1]);
    assert_eq!(draft.get(b"a"), Ok(Some(vec![1]))); // its own write needs no loading
    assert_eq!(draft.scan(b"a", None, 1).unwrap_err().code(), Code::NotLoaded);
    assert_eq!(draft.guard(b"g".to_vec()).err().unwrap().code(), Code::NotLoaded);
    assert_eq!(draft.expect_unchanged(b"g".to_vec()).unwrap_err().code(), Code::NotLoaded);
    draft.delete_prefix(b"a".to_vec());
    assert_eq!(draft.scan(b"a", None, 1), Ok(vec![]));
}

#[test]
fn a_guard_is_taken_once_and_stops_whoever_read_before() {
    let mut store = MemoryStore::default();
    let mut rng = rng();
    let guard = || b"g".to_vec();

    let mut first = draft(&store, &mut rng);
    let stamps = first.guard(guard()).unwrap();
    let again = first.guard(guard()).unwrap();
    assert_eq!((&stamps.old, &stamps.new), (&again.old, &again.new));
    assert_eq!((stamps.old, stamps.new.len()), (None, 16));
    let first = batch(first);
    assert_eq!(first.expectations(), [(guard(), None)]);

    let mut second = draft(&store, &mut rng);
    second.guard(guard()).unwrap();
    let second = batch(second);

    store.apply(&first).unwrap();
    assert_eq!(store.get(b"g").unwrap(), Some(stamps.new.clone()));
    assert_eq!(store.apply(&second), Err(ApplyError::Conflict));

    let mut third = draft(&store, &mut rng);
    let rerun = third.guard(guard()).unwrap();
    assert_eq!(rerun.old, Some(stamps.new));
    store.apply(&batch(third)).unwrap();
}

#[test]
fn a_guard_may_be_deleted_with_its_aggregate_and_still_stops_others() {
    let mut store = rows(&[("room/guard", "stamp"), ("room/state", "s")]);
    let mut rng = rng();
    let mut late = draft(&store, &mut rng);
    late.guard(b"room/guard".to_vec()).unwrap();
    late.put(b"room/state".to_vec(), b"t".to_vec());
    let late = batch(late);

    let mut deletion = draft(&store, &mut rng);
    deletion.guard(b"room/guard".to_vec()).unwrap();
    deletion.delete_prefix(b"room/".to_vec());
    store.apply(&batch(deletion)).unwrap();
    assert!(store.is_empty());
    assert_eq!(store.apply(&late), Err(ApplyError::Conflict));
}

#[test]
fn an_unchanged_row_is_expected_as_stored_and_not_as_written() {
    let mut store = rows(&[("a", "1")]);
    let mut rng = rng();
    let mut call = draft(&store, &mut rng);
    call.put(b"a".to_vec(), b"2".to_vec());
    call.expect_unchanged(b"a".to_vec()).unwrap();
    let batch = batch(call);
    assert_eq!(batch.expectations(), [(b"a".to_vec(), Some(b"1".to_vec()))]);
    store.apply(&batch).unwrap();
    assert_eq!(store.apply(&batch), Err(ApplyError::Conflict));
}

#[test]
fn a_call_draws_32_bytes_and_no_more() {
    let store = MemoryStore::default();
    let mut used = rng();
    let mut call = draft(&store, &mut used);
    call.rng().next_u64();
    call.guard(b"g".to_vec()).unwrap();
    assert_ne!(*call.seed(), *call.seed());
    drop(call);
    let mut other = rng();
    other.fill_bytes(&mut [0; 32]);
    assert_eq!(used.next_u64(), other.next_u64());
}

#[test]
fn a_draft_takes_over_another_batch() {
    let mut store = rows(&[("a1", ""), ("b", "")]);
    let mut other = Batch::default();
    other.expect(b"b".to_vec(), Some(vec![]));
    other.delete_prefix(b"a".to_vec());
    other.put(b"a2".to_vec(), b"new".to_vec());
    other.delete(b"b".to_vec());
    let mut rng = rng();
    let mut call = draft(&store, &mut rng);
    call.put(b"a3".to_vec(), vec![]); // deleted by the batch that comes after
    call.absorb(other);
    assert_eq!(keys(&call.scan(b"", None, 9).unwrap()), ["a2"]);
    let batch = batch(call);
    assert_eq!(batch.expectations().len(), 1);
    store.apply(&batch).unwrap();
    assert!(store == rows(&[("a2", "new")]));
}

#[test]
fn a_batch_past_its_bounds_is_refused() {
    let store = MemoryStore::default();
    let mut rng = rng();
    let mut rows = draft(&store, &mut rng);
    (0..=limits::BATCH_ROWS).for_each(|i| rows.put(i.to_be_bytes().to_vec(), vec![]));
    assert_eq!(rows.finish::<_, ()>(()).unwrap_err().code(), Code::BatchTooLarge);
    let mut bytes = draft(&store, &mut rng);
    bytes.put(vec![1], vec![0; limits::BATCH_BYTES]);
    assert_eq!(bytes.finish::<_, ()>(()).unwrap_err().code(), Code::BatchTooLarge);
}

#[test]
fn a_transition_says_nothing_of_what_it_writes() {
    let mut batch = Batch::default();
    batch.put(b"key".to_vec(), b"secret".to_vec());
    let transition: Transition<_, ()> = Transition::new(batch, "secret");
    assert_eq!(format!("{transition:?}"), "Transition(1 rows, 9 bytes)");
}

// -- keys

#[test]
fn keys_of_different_parts_differ_and_numbers_sort() {
    let name = |a: &[u8], b: &[u8]| KeyBuilder::table("t/").name(a).name(b).build();
    assert_ne!(name(b"ab", b"c"), name(b"a", b"bc"));
    let number = |n| KeyBuilder::table("t/").fixed(b"x").number(n).build();
    assert!(number(2) < number(10) && number(255) < number(256) && number(1 << 40) < number(u64::MAX));
}

// -- every read of a draft is what a read after its batch would be

fn key() -> impl Strategy<Value = Key> {
    vec(0u8..3, 0..4)
}

#[derive(Clone, Debug)]
enum Op {
    Put(Key, Value),
    Delete(Key),
    DeletePrefix(Key),
}

impl Op {
    fn run(self, call: &mut Draft<'_>) {
        match self {
            Op::Put(k, v) => call.put(k, v),
            Op::Delete(k) => call.delete(k),
            Op::DeletePrefix(k) => call.delete_prefix(k),
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (key(), vec(any::<u8>(), 0..2)).prop_map(|(k, v)| Op::Put(k, v)),
        2 => key().prop_map(Op::Delete),
        1 => key().prop_map(Op::DeletePrefix),
    ]
}

fn scan() -> impl Strategy<Value = (Key, Option<Key>, usize)> {
    (key(), proptest::option::of(key()), prop_oneof![0usize..6, Just(usize::MAX)])
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn a_draft_reads_as_the_store_after_its_batch(
        stored in vec((key(), vec(any::<u8>(), 0..2)), 0..30),
        ops in vec(op(), 0..30),
        gets in vec(key(), 8),
        scans in vec(scan(), 8),
    ) {
        let store: MemoryStore = stored.into_iter().collect();
        let mut one_by_one = store.clone();
        let mut rng = rng();
        let mut call = draft(&store, &mut rng);
        for op in ops {
            let mut step = Batch::default();
            match op {
                Op::Put(k, v) => { step.put(k.clone(), v.clone()); call.put(k, v) }
                Op::Delete(k) => { step.delete(k.clone()); call.delete(k) }
                Op::DeletePrefix(k) => { step.delete_prefix(k.clone()); call.delete_prefix(k) }
            }
            one_by_one.apply(&step).unwrap();
        }
        for key in &gets {
            prop_assert_eq!(call.get(key).unwrap(), one_by_one.get(key).unwrap());
        }
        for (prefix, after, limit) in &scans {
            let expected = one_by_one.scan(prefix, after.as_deref(), *limit).unwrap();
            prop_assert_eq!(call.scan(prefix, after.as_deref(), *limit).unwrap(), expected);
        }
        let mut applied = store.clone();
        applied.apply(&batch(call)).unwrap();
        prop_assert!(applied == one_by_one);
    }

    #[test]
    fn going_back_undoes_everything_since_a_savepoint(
        stored in vec((key(), vec(any::<u8>(), 0..2)), 0..30),
        kept in vec(op(), 0..15),
        undone in vec(op(), 0..15),
        kept_too in vec(op(), 0..15),
    ) {
        let store: MemoryStore = stored.into_iter().collect();
        let (mut rng, mut other_rng) = (rng(), rng());
        let (mut straight, mut detour) = (draft(&store, &mut rng), draft(&store, &mut other_rng));
        for op in &kept {
            op.clone().run(&mut straight);
            op.clone().run(&mut detour);
        }
        let savepoint = detour.savepoint();
        detour.guard(vec![9]).unwrap();
        detour.expect_unchanged(vec![8]).unwrap();
        undone.into_iter().for_each(|op| op.run(&mut detour));
        detour.go_back(savepoint);
        for op in kept_too {
            op.clone().run(&mut straight);
            op.run(&mut detour);
        }
        let (straight, detour) = (batch(straight), batch(detour));
        prop_assert!(straight.writes() == detour.writes());
        prop_assert_eq!(straight.expectations(), detour.expectations());
    }

    #[test]
    fn a_scan_is_a_sorted_filter(
        stored in vec((key(), vec(any::<u8>(), 0..2)), 0..30),
        (prefix, after, limit) in scan(),
    ) {
        let store: MemoryStore = stored.into_iter().collect();
        let all = store.rows().map(|(k, v)| (k.to_vec(), v.to_vec()));
        let expected: Vec<Row> = all
            .filter(|(k, _)| k.starts_with(&prefix) && after.as_ref().is_none_or(|a| k > a))
            .take(limit)
            .collect();
        prop_assert_eq!(store.scan(&prefix, after.as_deref(), limit).unwrap(), expected);
    }
}

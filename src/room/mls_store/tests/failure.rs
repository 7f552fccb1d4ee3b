//! A store that fails, or has lost something, is never one that has nothing.

use core::cell::Cell;

use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};
use openmls_traits::storage::StorageProvider as _;

use super::*;
use crate::{
    error::{Error, Retry},
    store::{Preloaded, Value as Bytes},
};

/// A store that answers one read with a failure.
struct Failing<'a> {
    store: &'a MemoryStore,
    reads: Cell<usize>,
    fails: usize,
}

impl Failing<'_> {
    fn read(&self, key: &[u8]) -> Result<()> {
        let number = self.reads.replace(self.reads.get() + 1);
        if number == self.fails { Err(Error::load(vec![key.to_vec()])) } else { Ok(()) }
    }
}

impl Store for Failing<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.read(key)?;
        self.store.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>> {
        self.read(prefix)?;
        self.store.scan(prefix, after, limit)
    }
}

/// What a member does in one call, with a group of which nothing is in memory. `None` is an
/// error of openmls.
type Work<'w> = &'w dyn Fn(&Provider<'_>) -> Option<()>;

fn open<'a>(store: &'a dyn Store) -> MlsStore<'a> {
    MlsStore::room(store, &ROOM, GROUP.to_vec(), Known::default()).unwrap().with_device(DEVICE.to_vec())
}

/// Does the work once for every read that it makes, which then fails.
fn fail_every_read(name: &str, store: &MemoryStore, work: Work<'_>) {
    for fails in 0.. {
        let failing = Failing { store, reads: Cell::new(0), fails };
        let storage = open(&failing);
        let crypto = MlsCrypto::new(seed(name, 0));
        let outcome = work(&MlsProvider { crypto: &crypto, storage: &storage });
        let failure = storage.failure();
        let reads = failing.reads.get();
        if reads <= fails {
            assert!(fails > 0, "{name} reads nothing");
            assert_eq!((outcome, failure), (Some(()), None), "{name}");
            assert!(storage.finish().is_ok());
            return;
        }
        assert_eq!(reads, fails + 1, "{name} reads on after a failure");
        let Some(Retry::Load(prefixes)) = failure.as_ref().map(Error::retry) else {
            panic!("{name}: failed read {fails} is forgotten")
        };
        let tables = [GROUP.to_vec(), [DEVICE, b"p"].concat(), [DEVICE, b"x"].concat()];
        assert!(prefixes.len() == 1 && tables.contains(&prefixes[0]), "{name}");
        assert_eq!(storage.finish().err(), failure, "{name}");
    }
}

fn load(provider: &Provider<'_>) -> Option<MlsGroup> {
    // The error, or the group; a failed read must not look like no group.
    let group = MlsGroup::load(provider.storage, &group_id()).ok()?;
    Some(group.expect("absent"))
}

/// Anna and Bert in a room; Clara has a Welcome.
fn room() -> (Member, Member, Member, Vec<u8>) {
    let [mut anna, mut bert, mut clara] = ["anna", "bert", "clara"].map(|name| Member::new(name, false));
    anna.create();
    let packages = vec![bert.key_package(), clara.key_package()];
    let (_, welcome) = anna.commit(packages, vec![]);
    anna.merge();
    let welcome = welcome.unwrap();
    bert.join(&welcome);
    (anna, bert, clara, welcome)
}

#[test]
fn a_failed_read_fails_the_call_wherever_it_happens() {
    let (mut anna, mut bert, clara, welcome) = room();

    fail_every_read("join", &clara.store, &|provider| {
        let MlsMessageBodyIn::Welcome(welcome) = read(&welcome) else { panic!("no welcome") };
        let staged = StagedWelcome::new_from_welcome(provider, &join_config(), welcome, None).ok()?;
        staged.into_group(provider).ok().map(drop)
    });
    fail_every_read("send", &bert.store, &|provider| {
        load(provider)?.create_message(provider, &MlsSigner(&bert.key), b"text").ok().map(drop)
    });
    let text = anna.send(b"text");
    fail_every_read("receive", &bert.store, &|provider| {
        load(provider)?.process_message(provider, protocol_message(&text)).ok().map(drop)
    });

    // Bert's own update, committed by Anna together with a key from elsewhere.
    let psk = |provider: &Provider<'_>| {
        let psk = Psk::External(ExternalPsk::new(b"psk".to_vec()));
        PreSharedKeyId::new(SUITE, provider.crypto, psk).unwrap()
    };
    for member in [&mut anna, &mut bert] {
        member.call(|provider, _, _| psk(provider).store(provider, &[7; 32]).unwrap());
    }
    let update = bert.with(|provider, group, signer| {
        wire(group.propose_self_update(provider, signer, LeafNodeParameters::default()).unwrap().0)
    });
    anna.receive(&update);
    anna.with(|provider, group, signer| {
        group.propose_pre_shared_key_by_value(provider, signer, psk(provider)).map(drop).unwrap();
    });
    let (commit, _) = anna.commit(vec![], vec![]);
    fail_every_read("merge", &anna.store, &|provider| load(provider)?.merge_pending_commit(provider).ok());
    fail_every_read("follow", &bert.store, &|provider| {
        let mut group = load(provider)?;
        let message = group.process_message(provider, protocol_message(&commit)).ok()?;
        let ProcessedMessageContent::StagedCommitMessage(commit) = message.into_content() else {
            panic!("no commit")
        };
        group.merge_staged_commit(provider, *commit).ok()
    });
    fail_every_read("delete", &bert.store, &|provider| load(provider)?.delete(provider.storage).ok());
    fail_every_read("clear", &bert.store, &|provider| provider.storage.clear().ok());
}

#[test]
fn after_a_failure_nothing_works_and_nothing_is_written() {
    let store = Preloaded::default();
    let storage = open(&store);
    let failure = Error::load(vec![GROUP.to_vec()]);
    assert_eq!(MlsGroup::load(&storage, &group_id()).err(), Some(failure.clone()));
    let device = storage.delete_psk(&Psk::External(ExternalPsk::new(b"psk".to_vec())));
    assert_eq!(device, Err(failure.clone()));
    assert_eq!(storage.clear(), Err(failure.clone()));
    assert_eq!(storage.failure(), Some(failure.clone()));
    assert_eq!(storage.finish().err(), Some(failure));
}

/// Calls again with what was asked for, until the work is done; gives the number of rounds.
fn preload(all: &MemoryStore, work: Work<'_>) -> usize {
    let mut store = Preloaded::default();
    let mut rounds = 1;
    loop {
        let storage = open(&store);
        let crypto = MlsCrypto::new(seed("preload", 0));
        let done = work(&MlsProvider { crypto: &crypto, storage: &storage });
        let Err(error) = storage.finish() else {
            assert_eq!(done, Some(()));
            return rounds;
        };
        let Retry::Load(prefixes) = error.retry() else { panic!("{error}") };
        for prefix in prefixes.clone() {
            let rows = all.scan(&prefix, None, usize::MAX).unwrap();
            store.load(prefix, rows);
        }
        rounds += 1;
    }
}

#[test]
fn a_snapshot_that_starts_empty_is_filled_in_a_round_per_table() {
    let (mut anna, bert, clara, welcome) = room();
    let text = anna.send(b"text");
    let receive = |provider: &Provider<'_>| {
        load(provider)?.process_message(provider, protocol_message(&text)).ok().map(drop)
    };
    assert_eq!(preload(&bert.store, &receive), 1 + 1);
    let join = |provider: &Provider<'_>| {
        let MlsMessageBodyIn::Welcome(welcome) = read(&welcome) else { panic!("no welcome") };
        let staged = StagedWelcome::new_from_welcome(provider, &join_config(), welcome, None).ok()?;
        staged.into_group(provider).ok().map(drop)
    };
    assert_eq!(preload(&clara.store, &join), 1 + 2);
}

#[test]
fn a_group_that_lacks_a_value_is_corrupt_and_not_absent() {
    let (_, bert, _, _) = room();
    let rows: Vec<Row> = bert.store.rows().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    let group_rows = rows.iter().filter(|(key, _)| key.starts_with(GROUP) && key[GROUP.len()] != b'k');
    let mut lost = 0;
    for row in group_rows {
        let store: MemoryStore = rows.iter().filter(|other| *other != row).cloned().collect();
        let error = MlsGroup::load(&open(&store), &group_id()).expect_err("absent");
        assert_eq!(error.code(), Code::StoreCorrupt);
        lost += 1;
    }
    assert_eq!(lost, 10);
    // None of them at all is no group.
    let device: MemoryStore = rows.iter().filter(|(key, _)| key.starts_with(DEVICE)).cloned().collect();
    assert!(MlsGroup::load(&open(&device), &group_id()).unwrap().is_none());
}

#[test]
fn corrupt_rows_are_an_error_of_the_store() {
    let (_, mut bert, _, _) = room();
    bert.key_package();
    let rows: Vec<Row> = bert.store.rows().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    let with = |key: &[u8], value: &[u8]| {
        let mut store = bert.store.clone();
        let mut batch = Batch::default();
        batch.put(key.to_vec(), value.to_vec());
        store.apply(&batch).unwrap();
        let storage = open(&store);
        let provider = MlsProvider { crypto: &MlsCrypto::new(seed("bert", 99)), storage: &storage };
        // A commit of his own needs everything that is stored.
        let done = load(&provider).and_then(|mut group| {
            group.self_update(&provider, &MlsSigner(&bert.key), LeafNodeParameters::default()).ok()?;
            group.merge_pending_commit(&provider).ok()
        });
        assert!(done.is_none(), "went on");
        storage.finish().err().unwrap().code()
    };
    for (key, value) in rows.iter().filter(|(key, _)| key.starts_with(GROUP)) {
        assert_eq!(with(key, &[]), Code::StoreCorrupt);
        assert_eq!(with(key, &value[..value.len() - 1]), Code::StoreCorrupt);
        assert_eq!(with(key, &[value, &[0xc0][..]].concat()), Code::StoreCorrupt);
        // Of another table, but well-formed.
        assert_eq!(with(key, &[FORMAT, 0xa1, b'x']), Code::StoreCorrupt);
    }
    // Rows that belong to nothing.
    for stray in [&b""[..], b"?", b"t\0", b"t\0\0\0\0\0", b"k", b"k\0\x09x", b"q\0\x04\0\0\0"] {
        let key = [GROUP, stray].concat();
        assert_eq!(with(&key, &[FORMAT, 0xc0]), Code::StoreCorrupt, "{stray:?}");
    }
    // A damaged key package is not one that somebody else has.
    let (key, value) = rows.iter().find(|(key, _)| key.starts_with(DEVICE)).unwrap();
    let mut store = bert.store.clone();
    let mut batch = Batch::default();
    batch.put(key.clone(), value[..9].to_vec());
    store.apply(&batch).unwrap();
    let reference = |provider: &Provider<'_>, _: &mut Option<MlsGroup>, me: &Member| {
        let builder = KeyPackage::builder().key_package_lifetime(forever());
        let bundle = builder.build(SUITE, provider, &MlsSigner(&me.key), me.credential()).unwrap();
        bundle.key_package().hash_ref(provider.crypto).unwrap()
    };
    bert.calls -= 1; // makes the same key package again
    let reference = bert.call(reference);
    let storage = open(&store);
    let found: Result<Option<KeyPackageBundle>> = storage.key_package(&reference);
    assert_eq!(found.err().map(|error| error.code()), Some(Code::StoreCorrupt));
}

#[test]
fn a_storage_serves_one_room_and_what_it_was_opened_for() {
    let (_, bert, clara, welcome) = room();
    // A Welcome that leads elsewhere than its sender said.
    let other = RoomId::from_bytes([0xee; 16]);
    let storage = MlsStore::room(&clara.store, &other, GROUP.to_vec(), Known::default()).unwrap();
    let storage = storage.with_device(DEVICE.to_vec());
    let crypto = MlsCrypto::new(seed("clara", 99));
    let provider = MlsProvider { crypto: &crypto, storage: &storage };
    let MlsMessageBodyIn::Welcome(welcome) = read(&welcome) else { panic!("no welcome") };
    assert!(StagedWelcome::new_from_welcome(&provider, &join_config(), welcome, None).is_err());
    assert_eq!(storage.finish().err().map(|error| error.code()), Some(Code::Mls));

    // A hub names no key, and a device without a room no group.
    let hub = MlsStore::room(&bert.store, &ROOM, GROUP.to_vec(), Known::default()).unwrap();
    let psk = Psk::External(ExternalPsk::new(b"psk".to_vec()));
    assert_eq!(hub.delete_psk(&psk).err().map(|error| error.code()), Some(Code::Bug));
    let device = MlsStore::device(&bert.store, DEVICE.to_vec());
    let group = MlsGroup::load(&device, &group_id());
    assert_eq!(group.err().map(|error| error.code()), Some(Code::Bug));
}

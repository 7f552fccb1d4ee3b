//! Rows that an earlier version has written. They have to be readable, or whoever updates
//! loses all rooms: if one of these tests fails after an update of openmls, the update needs
//! a migration, not a new fixture.
//!
//! `VERBUND_WRITE_FIXTURES=1 cargo test fixture` writes the file anew.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use super::*;

const ABOUT: &str = "\
# The store of one member of an MLS group, as MlsStore writes it in format 1 with openmls 0.9.2.
# Lines are `row <key> <value>`, or `text` and `commit`: the next two messages to that member,
# who has a proposal waiting and an unused key package. All in hexadecimal.
";

struct Fixture {
    store: MemoryStore,
    text: Vec<u8>,
    commit: Vec<u8>,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mls_store_1.txt")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

impl Fixture {
    /// A room of 40, so that there are lists; everybody's name is short, so that the file is.
    fn generate() -> Fixture {
        let member = |name: &str| Member { credential: 12, ..Member::new(name, true) };
        let mut anna = member("anna");
        anna.create();
        let mut others: Vec<_> = (1..40).map(|i| member(&format!("member {i}"))).collect();
        let packages = others.iter_mut().map(Member::key_package).collect();
        let (_, welcome) = anna.commit(packages, vec![]);
        anna.merge();
        let [bert, clara, ..] = &mut others[..] else { panic!("two members") };
        for member in [&mut *bert, clara] {
            member.join(welcome.as_ref().unwrap());
        }
        let text = clara.send(b"one");
        bert.receive(&text).unwrap();
        let (commit, _) = anna.commit(vec![], vec![]);
        anna.merge();
        bert.receive(&commit);
        clara.receive(&commit);
        bert.key_package();
        let [first, text] = [b"first".as_slice(), b"still readable"].map(|text| anna.send(text));
        bert.receive(&first).unwrap();
        let update = clara.with(|provider, group, signer| {
            wire(group.propose_self_update(provider, signer, LeafNodeParameters::default()).unwrap().0)
        });
        anna.receive(&update);
        bert.receive(&update);
        let store = bert.store.clone();
        let (commit, _) = anna.commit(vec![], vec![]);
        Fixture { store, text, commit }
    }

    fn write(&self) {
        let rows = self.store.rows().map(|(key, value)| format!("row {} {}\n", hex(key), hex(value)));
        let messages = format!("text {}\ncommit {}\n", hex(&self.text), hex(&self.commit));
        fs::write(path(), format!("{ABOUT}{}{messages}", rows.collect::<String>())).unwrap();
    }

    fn read() -> Fixture {
        let file = fs::read_to_string(path()).unwrap();
        let (mut rows, mut text, mut commit) = (Vec::new(), Vec::new(), Vec::new());
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["row", key, value] => rows.push((unhex(key), unhex(value))),
                ["text", message] => text = unhex(message),
                ["commit", message] => commit = unhex(message),
                _ => panic!("{line}"),
            }
        }
        Fixture { store: rows.into_iter().collect(), text, commit }
    }
}

#[test]
fn rows_of_an_earlier_version_are_read_and_lead_on() {
    if env::var_os("VERBUND_WRITE_FIXTURES").is_some() {
        Fixture::generate().write();
    }
    let fixture = Fixture::read();
    let mut bert = Member { store: fixture.store, ..Member::new("member 1", false) };
    assert_eq!(bert.with(|_, group, _| group.members().count()), 40);
    assert_eq!(bert.with(|_, group, _| group.pending_proposals().count()), 1);
    assert_eq!(bert.receive(&fixture.text).unwrap(), b"still readable");
    let before = bert.with(|_, group, _| group.epoch().as_u64());
    assert!(bert.receive(&fixture.commit).is_none());
    assert_eq!(bert.with(|_, group, _| group.epoch().as_u64()), before + 1);
    bert.send(b"on we go");
    bert.commit(vec![], vec![]);
    bert.merge();
    assert_eq!(bert.with(|_, group, _| group.epoch().as_u64()), before + 2);
}

#[test]
fn this_version_writes_rows_at_the_same_keys() {
    // Names of key packages are random; those of a group's rows are not.
    let keys = |fixture: &Fixture| -> BTreeSet<String> {
        let keys = fixture.store.rows().filter_map(|(key, _)| key.strip_prefix(GROUP));
        keys.map(|key| key.escape_ascii().to_string()).collect()
    };
    assert_eq!(keys(&Fixture::generate()), keys(&Fixture::read()));
}

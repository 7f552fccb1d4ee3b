//! Stores that fail.

use std::cell::Cell;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    client::{Client, Command},
    code::Code,
    ids::RequestId,
    server::Server,
    store::{Ctx, MemoryStore, Row, Store, Value},
};

use super::*;

/// A store of which one read fails, the one with this number.
struct Flaky<'a> {
    store: &'a MemoryStore,
    left: Cell<usize>,
}

impl Flaky<'_> {
    fn read<T>(&self, read: impl FnOnce() -> T) -> verbund::error::Result<T> {
        match self.left.get() {
            0 => Err(verbund::Error::new(Code::StoreFailed, "the disk")),
            left => {
                self.left.set(left - 1);
                Ok(read())
            }
        }
    }
}

impl Store for Flaky<'_> {
    fn get(&self, key: &[u8]) -> verbund::error::Result<Option<Value>> {
        self.read(|| self.store.get(key))?
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> verbund::error::Result<Vec<Row>> {
        self.read(|| self.store.scan(prefix, after, limit))?
    }
}

/// Makes a call with each of its reads failing in turn: each time it has to fail as the store did.
fn each_read_fails(
    store: &MemoryStore,
    mut call: impl FnMut(&dyn Store) -> verbund::error::Result<()>,
) -> usize {
    for reads in 0..1_000 {
        match call(&Flaky { store, left: Cell::new(reads) }) {
            Ok(()) => return reads,
            Err(error) => assert_eq!(error.code(), Code::StoreFailed, "read {reads}: {error}"),
        }
    }
    panic!("never succeeds");
}

#[test]
fn load_failure_taken_for_absence() {
    let (mut net, room) = together(52);
    promote(&mut net, room, BEN_ID);
    let now = net.now;
    let mut rng = ChaCha20Rng::from_seed([52; 32]);
    let request = RequestId::random(&mut rng);
    let users = || vec![user(CLARA_ID)];
    let name = Some("Name".to_owned());
    let commands = [
        Command::Send { request, room, content: text("hello"), lifetime: None },
        Command::Describe { request, room, name, topic: None, label: None },
        Command::Remove { request, room, users: users() },
        Command::Leave { request, room },
        Command::Invite { request, room, users: users() },
    ];
    for command in commands {
        let reads = each_read_fails(&net.phones[BEN].store, |store| {
            Client::new().command(Ctx { now, store, rng: &mut rng }, command.clone()).map(drop)
        });
        assert!(reads > 3, "{command:?}");
    }

    // Taking in a delivery with a message, a commit and an invitation.
    net.phones[BEN].online = false;
    net.say(CLARA, room, "hello");
    let topic = Some("Topic".to_owned());
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None }).unwrap();
    net.settle();
    net.room(CLARA, &[BEN_ID]);
    net.resume(BEN);
    let mut replies = 0;
    while let Some(bytes) = net.phones[BEN].outgoing.pop_front() {
        let host = net.hosts.get_mut(&agency(SUED)).unwrap();
        each_read_fails(&host.store, |store| {
            Server::new().device(Ctx { now: net.now, store, rng: &mut rng }, &bytes).map(drop)
        });
        let reply = net.deliver(BEN, &bytes);
        each_read_fails(&net.phones[BEN].store, |store| {
            Client::new().receive(Ctx { now, store, rng: &mut rng }, &reply).map(drop)
        });
        net.receive(BEN, &reply);
        replies += 1;
        assert!(replies < 50);
    }
    net.show(BEN);
    assert_eq!(net.texts(BEN), ["hello"]);
    assert_eq!(net.phones[BEN].engine.rooms(&net.phones[BEN].store).unwrap().len(), 2);
}

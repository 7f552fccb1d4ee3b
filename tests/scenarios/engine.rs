//! What an app developer and an operator may rely on, whatever their store, their network
//! and their processes do to the engines.

use std::{cell::Cell, time::Duration};

use crate::support::*;
use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    client::{Client, Command, Event},
    code::{Code, Kind},
    error::Retry,
    ids::{RequestId, RoomId},
    server::Server,
    store::{Apply, ApplyError, Batch, Ctx, MemoryStore, Preloaded, Row, Store, Value},
};

/// Anna with phone and tablet, Ben, Clara, of three agencies, in one room.
fn conversation(seed: u8) -> (Net, RoomId) {
    begin(Net::new(seed))
}

const ANNA: usize = 0;
const TABLET: usize = 1;
const BEN: usize = 2;
const CLARA: usize = 3;

fn begin(mut net: Net) -> (Net, RoomId) {
    assert_eq!(net.enrol("anna@police.nord.example"), ANNA);
    assert_eq!(net.enrol_further(ANNA), TABLET);
    assert_eq!(net.enrol("ben@police.sued.example"), BEN);
    assert_eq!(net.enrol("clara@police.west.example"), CLARA);
    let room = net.room(ANNA, &["ben@police.sued.example", "clara@police.west.example"]);
    net.agree(room, &[ANNA, TABLET, BEN, CLARA]);
    (net, room)
}

/// A conversation with talk in all directions, a description and a leaving.
fn talk(net: Net) -> (Net, RoomId) {
    let (mut net, room) = begin(net);
    for (phone, body) in [(BEN, "one"), (ANNA, "two"), (CLARA, "three"), (TABLET, "four")] {
        net.say(phone, room, body);
        net.settle();
    }
    let topic = Some("By the station".into());
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None }).unwrap();
    net.settle();
    net.command(CLARA, |request| Command::Leave { request, room }).unwrap();
    net.wait();
    net.say(BEN, room, "five");
    net.settle();
    (net, room)
}

#[test]
fn a_dropped_transition_changes_nothing_and_the_next_call_works() {
    let (mut net, room) = conversation(1);
    let command = |request| Command::Send { request, room, content: text("dropped"), lifetime: None };
    let request = RequestId::random(&mut net.rng);
    let before = net.phones[ANNA].store.clone();
    let phone = &mut net.phones[ANNA];
    let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
    drop(phone.engine.command(ctx, command(request)).unwrap());
    assert!(net.phones[ANNA].store == before);

    // A server's, too: the submission is taken as if it came for the first time.
    let request = net.say(ANNA, room, "kept");
    let bytes = net.phones[ANNA].outgoing.front().unwrap().clone();
    let host = net.hosts.get_mut(&agency(NORD)).unwrap();
    let before = host.store.clone();
    drop(host.engine.device(Ctx { now: net.now, store: &host.store, rng: &mut net.rng }, &bytes).unwrap());
    assert!(host.store == before);

    net.settle();
    assert_eq!(net.texts(BEN), ["kept"]);
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::Sent { request: r, .. } if *r == request)), 1);
    net.agree(room, &[ANNA, TABLET, BEN, CLARA]);
}

#[test]
fn two_engines_on_one_store_the_stale_batch_is_refused_and_its_second_run_is_right() {
    let (mut net, room) = conversation(2);
    // The app and its notification extension both read the same snapshot.
    let mut extension = Client::new();
    let stale = net.phones[BEN].store.clone();
    let command = |net: &mut Net, body| Command::Send {
        request: RequestId::random(&mut net.rng),
        room,
        content: text(body),
        lifetime: None,
    };
    let (first, second) = (command(&mut net, "app"), command(&mut net, "extension"));
    let now = net.now;
    let late = extension.command(Ctx { now, store: &stale, rng: &mut net.rng }, second.clone()).unwrap();
    net.call(BEN, |engine, ctx| engine.command(ctx, first)).unwrap();
    let before = net.phones[BEN].store.clone();
    assert_eq!(late.commit(&mut net.phones[BEN].store).unwrap_err(), ApplyError::Conflict);
    assert!(net.phones[BEN].store == before);

    let phone = &mut net.phones[BEN];
    let ctx = Ctx { now, store: &phone.store, rng: &mut net.rng };
    let done = extension.command(ctx, second).unwrap().commit(&mut phone.store).unwrap();
    phone.take(done.outputs);
    net.settle();
    assert_eq!(net.texts(ANNA), ["app", "extension"]);
    // The app's engine finds that its group in memory is old.
    net.say(BEN, room, "app again");
    net.settle();
    assert_eq!(net.texts(ANNA), ["app", "extension", "app again"]);
    assert_eq!(net.texts(CLARA), net.texts(ANNA));
}

#[test]
fn a_late_reminder_does_not_bring_back_what_another_engine_has_settled() {
    let (mut net, room) = conversation(3);
    net.say(BEN, room, "once");
    let stale = net.phones[BEN].store.clone();
    let now = net.now.plus(Duration::from_secs(60));
    let late = Client::new().tick(Ctx { now, store: &stale, rng: &mut net.rng }).unwrap();
    net.settle();
    assert_eq!(late.commit(&mut net.phones[BEN].store).unwrap_err(), ApplyError::Conflict);
}

#[test]
fn a_preloaded_store_that_starts_empty_is_filled_as_the_engine_asks() {
    let (mut net, room) = conversation(4);
    let full = net.phones[BEN].store.clone();
    let mut preloaded = Preloaded::default();
    let request = RequestId::random(&mut net.rng);
    let mut rounds = 0;
    let transition = loop {
        let command = Command::Send { request, room, content: text("hello"), lifetime: None };
        let ctx = Ctx { now: net.now, store: &preloaded, rng: &mut net.rng };
        match Client::new().command(ctx, command) {
            Ok(transition) => break transition,
            Err(error) => {
                assert_eq!((error.code(), error.kind()), (Code::NotLoaded, Kind::Store));
                load(&mut preloaded, &full, &error);
            }
        }
        rounds += 1;
        assert!(rounds < 200);
    };
    assert!(rounds > 1);
    let done = transition.commit(&mut net.phones[BEN].store).unwrap();
    net.phones[BEN].take(done.outputs);
    net.settle();
    assert_eq!(net.texts(ANNA), ["hello"]);
}

/// A store of which one read fails, the `left`th from here.
struct Failing<'a> {
    store: &'a MemoryStore,
    left: Cell<usize>,
}

impl Failing<'_> {
    fn read<T>(
        &self,
        read: impl FnOnce(&MemoryStore) -> verbund::error::Result<T>,
    ) -> verbund::error::Result<T> {
        let left = self.left.get();
        self.left.set(left.wrapping_sub(1));
        if left == 0 { Err(verbund::Error::new(Code::StoreFailed, "the test's")) } else { read(self.store) }
    }
}

impl Store for Failing<'_> {
    fn get(&self, key: &[u8]) -> verbund::error::Result<Option<Value>> {
        self.read(|store| store.get(key))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> verbund::error::Result<Vec<Row>> {
        self.read(|store| store.scan(prefix, after, limit))
    }
}

/// Makes a call with every one of its reads failing in turn: each time the call has to fail. Gives their number.
fn fail_each_read<T>(
    store: &MemoryStore,
    mut call: impl FnMut(&dyn Store) -> verbund::error::Result<T>,
) -> usize {
    for left in 0.. {
        let failing = Failing { store, left: Cell::new(left) };
        match call(&failing) {
            Err(error) => assert_eq!(error.code(), Code::StoreFailed, "read {left}"),
            Ok(_) => {
                // Past zero: it has been taken for an answer.
                assert!(failing.left.get() < usize::MAX / 2, "read {left} was passed over");
                return left;
            }
        }
    }
    unreachable!("calls end")
}

/// Whatever read fails, the call does: an engine that cannot read takes nothing for an answer. Ben's device is the only one of
/// its agency, so that what says whether it stands is read for nobody else.
#[test]
fn a_failed_read_fails_the_call_wherever_it_happens() {
    let (mut net, room) = conversation(7);
    // A message of Ben's that is to be made again: a commit was before it.
    net.phones[BEN].online = false;
    net.say(BEN, room, "late");
    let topic = Some("By the station".into());
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None }).unwrap();
    net.settle();
    let (mut calls, mut reads) = (0, 0);
    while let Some(bytes) = net.phones[BEN].outgoing.pop_front() {
        let (now, rng, phone) = (net.now, &mut net.rng, &net.phones[BEN]);
        let host = &net.hosts[phone.device.user.agency()];
        reads += fail_each_read(&host.store, |store| Server::new().device(Ctx { now, store, rng }, &bytes));
        let reply = net.deliver(BEN, &bytes);
        let (rng, phone) = (&mut net.rng, &net.phones[BEN]);
        reads += fail_each_read(&phone.store, |store| Client::new().receive(Ctx { now, store, rng }, &reply));
        net.receive(BEN, &reply);
        reads += fail_each_read(&net.phones[BEN].store, |store| {
            Client::new().tick(Ctx { now: now.plus(Duration::from_secs(600)), store, rng: &mut net.rng })
        });
        calls += 1;
        net.settle();
    }
    for host in net.hosts.values() {
        let (now, rng) = (net.now, &mut net.rng);
        reads += fail_each_read(&host.store, |store| Server::new().tick(Ctx { now, store, rng }, 256));
    }
    assert!(calls > 3 && reads > 300, "{calls} calls, {reads} reads");
    net.phones[BEN].online = true;
    net.settle();
    assert_eq!(net.texts(ANNA), ["late"]);
}

#[test]
fn touches_names_what_a_call_reads_so_that_one_round_is_enough() {
    let (mut net, room) = conversation(5);
    let with = |store: &MemoryStore, engine: &Client, room: Option<&RoomId>| {
        let mut preloaded = Preloaded::default();
        for prefix in engine.touches(room) {
            let rows = store.scan(&prefix, None, usize::MAX).unwrap();
            preloaded.load(prefix, rows);
        }
        preloaded
    };
    let engine = Client::new();
    let loaded = with(&net.phones[BEN].store, &engine, Some(&room));
    let now = net.now;
    let request = RequestId::random(&mut net.rng);
    let send = Command::Send { request, room, content: text("hello"), lifetime: None };
    let ctx = Ctx { now, store: &loaded, rng: &mut net.rng };
    let done = Client::new().command(ctx, send).unwrap().commit(&mut net.phones[BEN].store).unwrap();
    net.phones[BEN].take(done.outputs);

    net.say(ANNA, room, "from anna");
    net.phones[BEN].reads = false;
    while net.phones[BEN].outgoing.len() > 1 {
        net.carry(BEN);
    }
    net.settle();
    let loaded = with(&net.phones[BEN].store, &engine, Some(&room));
    let ctx = Ctx { now, store: &loaded, rng: &mut net.rng };
    let _ = Client::new().resume(ctx).unwrap();
    assert!(!engine.events(&loaded, 0, 10).unwrap().is_empty());
    assert_eq!(engine.rooms(&loaded).unwrap().len(), 1);
    let request = RequestId::random(&mut net.rng);
    let topic = Some("Topic".to_owned());
    for command in [
        Command::Leave { request, room },
        Command::Describe { request, room, name: None, topic, label: None },
        Command::Remove { request, room, users: vec![user("anna@police.nord.example")] },
        Command::Ban { request, room, users: vec![user("anna@police.nord.example")] },
        Command::SetRetention { request, room, retention: None },
        Command::Invite { request, room, users: vec![net.phones[BEN].device.user.clone()] },
    ] {
        let ctx = Ctx { now, store: &loaded, rng: &mut net.rng };
        let _ = Client::new().command(ctx, command).unwrap();
    }
}

/// Fetches what an error names.
fn load(preloaded: &mut Preloaded, from: &MemoryStore, error: &verbund::Error) {
    let Retry::Load(prefixes) = error.retry() else { panic!("{error}") };
    assert!(!prefixes.is_empty());
    for prefix in prefixes {
        preloaded.load(prefix.clone(), from.scan(prefix, None, usize::MAX).unwrap());
    }
}

/// A store whose answer is lost, after the batch was applied or before.
struct Unsure<'a> {
    store: &'a mut MemoryStore,
    applies: bool,
}

impl Apply for Unsure<'_> {
    type Error = &'static str;

    fn apply(&mut self, batch: &Batch) -> Result<(), ApplyError<&'static str>> {
        if self.applies {
            self.store.apply(batch).map_err(|_| ApplyError::Conflict)?;
        }
        Err(ApplyError::Store("timed out"))
    }
}

#[test]
fn an_apply_whose_outcome_is_unknown_is_made_good_either_way() {
    for applies in [true, false] {
        let (mut net, room) = conversation(6);
        let request = RequestId::random(&mut net.rng);
        let command = Command::Send { request, room, content: text("once"), lifetime: None };
        let phone = &mut net.phones[BEN];
        let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
        let transition = phone.engine.command(ctx, command.clone()).unwrap();
        // The guard is among the rows by which the host can tell.
        let expected = transition.batch().expectations().to_vec();
        let outcome = transition.commit(&mut Unsure { store: &mut phone.store, applies });
        assert!(matches!(outcome, Err(ApplyError::Store("timed out"))));
        let unchanged = expected.iter().all(|(key, old)| phone.store.get(key).unwrap() == *old);
        assert_eq!(unchanged, !applies);
        // Asking again is right without looking, too.
        net.call(BEN, |engine, ctx| engine.command(ctx, command)).unwrap();
        net.resume(BEN);
        net.settle();
        assert_eq!(net.texts(ANNA), ["once"], "applied: {applies}");
        assert_eq!(net.count(BEN, |e| matches!(e, Event::Sent { .. })), 1);
        // And nothing that was prepared for the lost call is left in the cache.
        net.say(BEN, room, "next");
        net.settle();
        assert_eq!(net.texts(CLARA), ["once", "next"]);
    }
}

#[test]
fn engines_dropped_after_every_call_say_the_same_bytes() {
    let (steady, room) = talk(Net::new(7));
    let mut forgetful = Net::new(7);
    forgetful.forgetful = true;
    let (forgetful, same_room) = talk(forgetful);
    assert_eq!(room, same_room);
    assert_eq!(forgetful.texts(ANNA), ["one", "three", "four", "five"]);
    assert_eq!(steady.wire.len(), forgetful.wire.len());
    for (index, (a, b)) in steady.wire.iter().zip(&forgetful.wire).enumerate() {
        assert_eq!(a, b, "message {index}");
    }
}

#[test]
fn one_seed_gives_the_same_bytes_for_a_whole_conversation() {
    let (first, _) = talk(Net::new(8));
    let (second, _) = talk(Net::new(8));
    assert_eq!(first.wire.len(), second.wire.len());
    for (index, (a, b)) in first.wire.iter().zip(&second.wire).enumerate() {
        assert_eq!(a, b, "message {index}");
    }
    let (other, _) = talk(Net::new(9));
    assert_ne!(first.wire, other.wire);
}

/// What one seed does not decide: in which order a commit names two removals or more. openmls
/// takes them out of a hash map.
#[test]
fn the_residue_is_the_order_of_two_removals_in_one_commit() {
    let commit = || {
        let (mut net, room) = conversation(18);
        let users = vec![user("ben@police.sued.example"), user("clara@police.west.example")];
        net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
        let (before, commit) = (net.wire.clone(), net.phones[ANNA].outgoing.back().unwrap().clone());
        net.settle();
        (before, commit.len(), net.wire.len(), net.view(TABLET, room).unwrap().seq)
    };
    // All before it is the same; it has the same size, and leads to the same place.
    let runs = [(); 3].map(|()| commit());
    assert!(runs.iter().all(|run| *run == runs[0]));
}

/// In whatever order the commit names them, the other agency is told in the one that it accepts.
#[test]
fn all_the_devices_of_a_user_leave_in_one_commit() {
    let (mut net, _) = conversation(20);
    // Each is endorsed by the one before it, which knows the chain.
    let mut newest = BEN;
    let further = [(); 4].map(|()| {
        newest = net.enrol_further(newest);
        newest
    });
    let room = net.room(ANNA, &["ben@police.sued.example", "clara@police.west.example"]);
    net.settle();
    let here = |net: &Net, of: usize| net.view(of, room).is_some();
    assert!(further.iter().chain([&BEN]).all(|phone| here(&net, *phone)));
    let users = vec![user("ben@police.sued.example")];
    net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
    net.wait();
    assert!(further.iter().chain([&BEN]).all(|phone| !here(&net, *phone)));
    net.agree(room, &[ANNA, TABLET, CLARA]);
}

#[test]
fn everybody_crashes_in_the_middle_of_everything() {
    let (mut net, room) = conversation(10);
    net.say(BEN, room, "before");
    for name in [NORD, SUED, WEST] {
        net.crash_server(name);
    }
    for phone in [ANNA, TABLET, BEN, CLARA] {
        net.crash(phone);
    }
    net.settle();
    assert!(net.texts(ANNA).is_empty());
    for phone in [ANNA, TABLET, BEN, CLARA] {
        net.resume(phone);
    }
    net.wait();
    assert_eq!(net.texts(ANNA), ["before"]);
    net.agree(room, &[ANNA, TABLET, BEN, CLARA]);
}

#[test]
fn one_request_given_twice_gives_one_receipt_and_one_message() {
    let (mut net, room) = conversation(11);
    let request = RequestId::random(&mut net.rng);
    let command = Command::Send { request, room, content: text("once"), lifetime: None };
    let first = net.call(BEN, |engine, ctx| engine.command(ctx, command.clone())).unwrap();
    let second = net.call(BEN, |engine, ctx| engine.command(ctx, command.clone())).unwrap();
    assert!(first == second && first.message.is_some() && first.room == Some(room));
    net.settle();
    // Also when it is long done, and after a restart.
    net.restart(BEN);
    assert_eq!(net.call(BEN, |engine, ctx| engine.command(ctx, command)).unwrap(), first);
    net.settle();
    assert_eq!(net.texts(ANNA), ["once"]);
    let sent = |e: &Event| matches!(e, Event::Sent { id, .. } if Some(*id) == first.message);
    assert_eq!(net.count(BEN, sent), 1);
}

#[test]
fn more_rooms_than_fit_in_memory_are_changed_in_one_call() {
    let mut net = Net::new(17);
    let anna = net.enrol("anna@police.nord.example");
    net.enrol("emil@police.nord.example");
    let mut rooms = Vec::new();
    for _ in 0..67 {
        let make = |request| Command::CreateRoom {
            request,
            kind: verbund::RoomKind::Group,
            name: String::new(),
            policy: verbund::Policy::default(),
            invite: Vec::new(),
        };
        rooms.extend(net.command(anna, make).unwrap().1.room);
    }
    net.settle();
    rooms.sort();
    let invite = |net: &mut Net, room| {
        let users = vec![user("emil@police.nord.example")];
        net.command(anna, |request| Command::Invite { request, room, users }).unwrap().0
    };
    // The first two rooms: one is in memory, the other was put out by all the rest.
    let second = invite(&mut net, rooms[1]);
    for room in &rooms[2..] {
        net.say(anna, *room, "touched");
    }
    let first = invite(&mut net, rooms[0]);
    net.say(anna, rooms[0], "and said");
    let submitted: Vec<_> = net.phones[anna].outgoing.drain(..).collect();
    submitted.iter().for_each(|bytes| drop(net.deliver(anna, bytes)));
    // All answers come in one delivery.
    net.phones[anna].outgoing.clear();
    net.resume(anna);
    net.settle();
    net.wait();
    assert!(net.is_done(anna, first) && net.is_done(anna, second));
    assert_eq!(net.count(anna, |e| matches!(e, Event::RoomStalled { .. })), 0);
    net.agree(rooms[0], &[anna, 1]);
    net.agree(rooms[1], &[anna, 1]);
}

#[test]
fn events_stay_until_they_are_acknowledged_whatever_restarts() {
    let (mut net, room) = conversation(12);
    net.phones[ANNA].reads = false;
    for body in ["one", "two", "three"] {
        net.say(BEN, room, body);
    }
    net.settle();
    let events = |net: &Net, after| {
        let phone = &net.phones[ANNA];
        phone.engine.events(&phone.store, after, 100).unwrap()
    };
    let all = events(&net, 0);
    assert_eq!(all.len(), 3);
    net.restart(ANNA);
    assert_eq!(events(&net, 0), all);
    assert_eq!(events(&net, all[0].0), all[1..]);
    let up_to = all[1].0;
    net.call(ANNA, |engine, ctx| engine.command(ctx, Command::AckEvents { up_to })).unwrap();
    net.restart(ANNA);
    assert_eq!(events(&net, 0), all[2..]);
    // Numbers are never used again.
    let up_to = all[2].0;
    net.call(ANNA, |engine, ctx| engine.command(ctx, Command::AckEvents { up_to })).unwrap();
    net.say(BEN, room, "four");
    net.settle();
    assert_eq!(events(&net, 0).len(), 1);
    assert!(events(&net, 0)[0].0 > up_to);
}

#[test]
fn an_engine_that_is_not_set_up_says_so() {
    let store = MemoryStore::default();
    let mut rng = ChaCha20Rng::from_seed([13; 32]);
    let mut engine = Client::new();
    let code = |result: Result<_, verbund::Error>| result.map(drop).unwrap_err().code();
    let now = BEGIN;
    assert_eq!(code(engine.tick(Ctx { now, store: &store, rng: &mut rng })), Code::NotReady);
    assert_eq!(engine.device(&store).unwrap_err().code(), Code::NotReady);
    assert!(engine.events(&store, 0, 1).unwrap().is_empty());
    // Begun, but not enrolled.
    let mut store = store;
    let ctx = Ctx { now, store: &store, rng: &mut rng };
    let begun = engine.begin(ctx, user("anna@police.nord.example")).unwrap();
    begun.commit(&mut store).unwrap();
    let error = engine.resume(Ctx { now, store: &store, rng: &mut rng }).unwrap_err();
    assert_eq!((error.code(), error.kind()), (Code::NotReady, Kind::Misuse));
    let ctx = Ctx { now, store: &store, rng: &mut rng };
    let again = engine.begin(ctx, user("ben@police.sued.example")).unwrap_err();
    assert_eq!((again.code(), again.kind()), (Code::BadArgument, Kind::Misuse));

    let mut server = verbund::server::Server::new();
    let empty = MemoryStore::default();
    assert_eq!(server.tick(Ctx { now, store: &empty, rng: &mut rng }, 1).unwrap_err().code(), Code::NotReady);
}

#[test]
fn a_room_that_is_unknown_is_refused_at_once() {
    let (mut net, _) = conversation(14);
    let room = RoomId::random(&mut net.rng);
    let before = net.phones[ANNA].store.clone();
    let error = net
        .command(ANNA, |request| Command::Send { request, room, content: text("where"), lifetime: None })
        .unwrap_err();
    assert_eq!(
        (error.code(), error.kind(), error.retry()),
        (Code::UnknownRoom, Kind::Refused, &Retry::Never)
    );
    let error = net.command(ANNA, |request| Command::Leave { request, room }).unwrap_err();
    assert_eq!(error.code(), Code::UnknownRoom);
    assert!(net.phones[ANNA].store == before);
}

#[test]
fn what_is_not_permitted_fails_with_its_code_and_disturbs_nothing() {
    let (mut net, room) = conversation(15);
    let name = Some("Mine".to_owned());
    let (request, _) = net
        .command(BEN, |request| Command::Describe { request, room, name, topic: None, label: None })
        .unwrap();
    net.settle();
    assert_eq!(net.failure(BEN, request), Some(Code::NotPermitted));
    let users = vec![user("clara@police.west.example")];
    let (request, _) = net.command(BEN, |request| Command::Remove { request, room, users }).unwrap();
    net.settle();
    assert_eq!(net.failure(BEN, request), Some(Code::NotPermitted));
    net.say(BEN, room, "still here");
    net.settle();
    assert_eq!(net.texts(CLARA), ["still here"]);
}

#[test]
fn a_reply_that_is_no_message_is_an_error_and_changes_nothing() {
    let (mut net, _) = conversation(16);
    let before = net.phones[ANNA].store.clone();
    for bytes in [&b""[..], b"\xff\xff\xff", &[0; 100]] {
        let error = net.call(ANNA, |engine, ctx| engine.receive(ctx, bytes)).unwrap_err();
        assert_eq!(error.kind(), Kind::Peer);
    }
    assert!(net.phones[ANNA].store == before);
}

//! What other protocols fell into, one test each, named after the pitfall. Those that one
//! part decides by itself have their tests beside that part: commits that hub and members
//! judge differently, numbers that make ratchets run, policies that cannot be read, external
//! commits (`src/room`), roots and rosters (`src/identity`).

#[path = "../examples/three_agencies/federation.rs"]
#[allow(dead_code)]
mod federation;
mod support;
mod world {
    //! What the federation's desk needs of its host.
    pub type Error = Box<dyn std::error::Error>;
}

use std::{cell::Cell, time::Duration};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use support::*;
use verbund::{
    Role,
    client::{Client, Command, Event},
    code::{Code, Kind},
    error::Retry,
    identity::{
        Agency, AgencyDescriptor, AgencyStatus, Federation, KeyPurpose, OperationalKey, RecoveryKey, RootKey,
        Roster, SigningKey, UserKind,
    },
    ids::{RequestId, RoomId},
    server::{Server, Setup},
    store::{Ctx, MemoryStore, Row, Store, Value},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLARA: usize = 2;
const ALL: [usize; 3] = [ANNA, BEN, CLARA];

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLARA_ID: &str = "clara@police.west.example";
const DORA_ID: &str = "dora@police.west.example";

fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLARA_ID] {
        net.enrol(name);
    }
    net
}

fn together(seed: u8) -> (Net, RoomId) {
    let mut net = officers(seed);
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    net.agree(room, &ALL);
    (net, room)
}

fn invite(net: &mut Net, by: usize, room: RoomId, name: &str) -> RequestId {
    let users = vec![user(name)];
    net.command(by, |request| Command::Invite { request, room, users }).unwrap().0
}

fn promote(net: &mut Net, room: RoomId, name: &str) {
    let user = user(name);
    net.command(ANNA, |request| Command::SetRole { request, room, user, role: Role::Admin }).unwrap();
    net.settle();
}

/// SPEC V-461
#[test]
fn own_commit_accepted_but_the_answer_lost_then_a_restart() {
    for phone in [ANNA, BEN] {
        let (mut net, room) = together(41);
        promote(&mut net, room, BEN_ID);
        let name = Some("Renamed".to_owned());
        let (request, _) =
            net.command(phone, |request| Command::Describe { request, room, name, topic: None }).unwrap();
        net.rule = lose_first(move |leg| *leg == Leg::Down(phone));
        assert!(net.carry(phone));
        net.crash(phone);
        net.resume(phone);
        net.wait();
        assert!(net.is_done(phone, request));
        for other in ALL {
            assert_eq!(
                net.count(other, |e| matches!(e, Event::RoomChanged { name: Some(n), .. } if n == "Renamed")),
                1
            );
        }
        net.agree(room, &ALL);
    }
}

/// SPEC V-462
#[test]
fn two_commits_in_one_epoch() {
    let (mut net, room) = together(42);
    promote(&mut net, room, BEN_ID);
    let topic = Some("Topic".to_owned());
    let (first, _) =
        net.command(ANNA, |request| Command::Describe { request, room, name: None, topic }).unwrap();
    let name = Some("Name".to_owned());
    let (second, _) =
        net.command(BEN, |request| Command::Describe { request, room, name, topic: None }).unwrap();
    // Both have made theirs for the same epoch.
    assert_eq!((net.phones[ANNA].outgoing.len(), net.phones[BEN].outgoing.len()), (1, 1));
    net.wait();
    assert!(net.is_done(ANNA, first) && net.is_done(BEN, second));
    let view = net.view(CLARA, room).unwrap();
    assert_eq!((view.name.as_deref(), view.topic.as_deref()), (Some("Name"), Some("Topic")));
    net.agree(room, &ALL);
}

#[test]
fn welcome_lost() {
    // Any message to the invited phone may be lost, with a restart after it or without.
    for (lost, restart) in (0..4).flat_map(|lost| [(lost, false), (lost, true)]) {
        let mut net = officers(43);
        let room = net.room(ANNA, &[BEN_ID]);
        let mut number = 0;
        net.rule = Box::new(move |leg, _| {
            number += usize::from(*leg == Leg::Down(CLARA));
            if *leg == Leg::Down(CLARA) && number == lost + 1 { Fault::Lost } else { Fault::None }
        });
        invite(&mut net, ANNA, room, CLARA_ID);
        net.settle();
        net.say(ANNA, room, "hello");
        if restart {
            net.restart(CLARA);
        }
        net.wait();
        assert_eq!(net.count(CLARA, |e| matches!(e, Event::Joined { .. })), 1, "{lost} {restart}");
        assert_eq!(net.count(CLARA, |e| matches!(e, Event::InvitationFailed { .. })), 0);
        assert_eq!(net.texts(CLARA), ["hello"], "{lost} {restart}");
        net.agree(room, &ALL);
    }
}

/// SPEC V-463
#[test]
fn welcome_for_the_loser() {
    let mut net = officers(44);
    let dora = net.enrol(DORA_ID);
    let room = net.room(ANNA, &[BEN_ID]);
    promote(&mut net, room, BEN_ID);
    // Both have their key packages; then both commit in the same epoch.
    let first = invite(&mut net, ANNA, room, CLARA_ID);
    let second = invite(&mut net, BEN, room, DORA_ID);
    net.wait();
    assert!(net.is_done(ANNA, first) && net.is_done(BEN, second));
    for joiner in [CLARA, dora] {
        assert_eq!(net.count(joiner, |e| matches!(e, Event::Joined { .. })), 1);
        assert_eq!(net.count(joiner, |e| matches!(e, Event::InvitationFailed { .. })), 0);
    }
    net.agree(room, &[ANNA, BEN, CLARA, dora]);
}

#[test]
fn fan_out_after_the_transaction() {
    let (mut net, room) = together(45);
    net.say(ANNA, room, "accepted");
    let bytes = net.phones[ANNA].outgoing.pop_front().unwrap();
    // The hub dies between storing the entry and telling anybody.
    let host = net.hosts.get_mut(&agency(NORD)).unwrap();
    let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
    host.engine.device(ctx, &bytes).unwrap().commit(&mut host.store).unwrap();
    net.crash_server(NORD);
    net.settle();
    assert!(net.texts(BEN).is_empty());
    net.tick_server(&agency(NORD));
    net.settle();
    assert_eq!(net.texts(BEN), ["accepted"]);
    assert_eq!(net.texts(CLARA), ["accepted"]);
    net.wait();
    net.agree(room, &ALL);
}

#[test]
fn insider_replay_within_an_epoch() {
    let (mut net, room) = together(46);
    net.say(BEN, room, "once");
    let bytes = net.phones[BEN].outgoing.front().unwrap().clone();
    net.settle();
    let seq = net.view(ANNA, room).unwrap().seq;
    // Again at Ben's own server, again by link, and as if another agency's officer had sent it.
    net.deliver(BEN, &bytes);
    net.deliver(ANNA, &bytes);
    net.deliver(CLARA, &bytes);
    let frames: Vec<_> = net.wire.iter().filter(|(leg, _)| matches!(leg, Leg::Frame(..))).cloned().collect();
    for (leg, frame) in frames {
        let Leg::Frame(_, to) = leg else { unreachable!() };
        net.peer(&to, &frame);
    }
    net.wait();
    assert_eq!(net.view(ANNA, room).unwrap().seq, seq);
    assert_eq!(net.texts(ANNA), ["once"]);
    assert_eq!(net.texts(CLARA), ["once"]);
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::Unreadable { .. })), 0);
    net.agree(room, &ALL);
}

#[test]
fn everything_doubled_or_late() {
    for fault in [Fault::Twice, Fault::Late] {
        let mut net = officers(47);
        net.rule = Box::new(move |leg, _| match (fault, leg) {
            (Fault::Twice, _) | (Fault::Late, Leg::Up(_)) => fault,
            _ => Fault::None,
        });
        // Late means behind what waits; one at a time would only turn the order round.
        let mut turn = 0;
        if fault == Fault::Late {
            net.rule = Box::new(move |leg, _| {
                turn += 1;
                if matches!(leg, Leg::Up(_)) && turn % 3 != 0 { Fault::Late } else { Fault::None }
            });
        }
        let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
        net.wait();
        for phone in ALL {
            for body in ["one", "two"] {
                net.say(phone, room, &format!("{phone} {body}"));
            }
        }
        net.wait();
        for phone in ALL {
            let mut texts = net.texts(phone);
            texts.sort();
            let of = |p: usize| ["one", "two"].map(|body| format!("{p} {body}"));
            let expected: Vec<_> = ALL.into_iter().filter(|p| *p != phone).flat_map(of).collect();
            assert_eq!(texts, expected, "{fault:?}");
            assert_eq!(
                net.count(phone, |e| matches!(e, Event::StoreRolledBack | Event::Unreadable { .. })),
                0
            );
        }
        net.agree(room, &ALL);
    }
}

/// SPEC V-469
#[test]
fn ratchet_keys_forgotten_for_a_message_that_many_others_overtake() {
    let (mut net, room) = together(63);
    let many = 3 * verbund::limits::OUT_OF_ORDER as usize;
    for number in 0..many {
        net.say(BEN, room, &format!("{number}"));
    }
    // The first is lost, and comes again only when the rest has gone ahead as far as it may.
    net.rule = lose_first(|leg| *leg == Leg::Up(BEN));
    net.wait();
    assert_eq!(net.texts(ANNA).len(), many);
    assert_eq!(net.texts(CLARA), net.texts(ANNA));
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::Unreadable { .. })), 0);
    net.agree(room, &ALL);
}

#[test]
fn half_of_everything_lost() {
    let mut net = officers(48);
    let mut turn = 0_u32;
    net.rule = Box::new(move |_, _| {
        turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if turn >> 31 == 0 { Fault::Lost } else { Fault::None }
    });
    let room = net.room(ANNA, &[BEN_ID, CLARA_ID]);
    for _ in 0..10 {
        net.wait();
    }
    net.agree(room, &ALL);
    for phone in ALL {
        net.say(phone, room, &format!("{phone}"));
    }
    for _ in 0..10 {
        net.wait();
    }
    assert_eq!(net.history(ANNA).len(), 3);
    for phone in ALL {
        assert_eq!(net.history(phone), net.history(ANNA));
    }
    net.agree(room, &ALL);
}

#[test]
fn a_first_offer_of_key_packages_that_is_lost() {
    let mut net = Net::new(49);
    net.enrol(ANNA_ID);
    // Ben's phone dies before the offer has left it.
    let name = user(BEN_ID);
    let mut number = 0;
    net.rule = Box::new(move |leg, _| {
        number += usize::from(*leg == Leg::Up(BEN));
        if *leg == Leg::Up(BEN) && number == 2 { Fault::Lost } else { Fault::None }
    });
    assert_eq!(net.enrol(BEN_ID), BEN);
    assert_eq!(net.phones[BEN].device.user, name);
    net.restart(BEN);
    net.settle();
    let room = net.room(ANNA, &[BEN_ID]);
    assert_eq!(net.count(ANNA, |e| matches!(e, Event::NotInvited { .. })), 0);
    net.agree(room, &[ANNA, BEN]);
}

#[test]
fn server_added_devices() {
    let mut net = officers(50);
    // A device that nobody of Anna's has endorsed: the desk does not countersign it.
    let (mut ghost, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    ghost.begin(ctx, user(ANNA_ID)).unwrap().commit(&mut store).unwrap();
    let offer = ghost.offer(&store, net.now).unwrap();
    let paper = SigningKey::generate(&mut net.rng);
    let recovery = vec![RecoveryKey::own(&paper.verify_key())];
    let founding = ghost.found(&store, UserKind::Person, recovery, net.now).unwrap();
    let (now, desk) = (net.now, &mut net.hosts.get_mut(&agency(NORD)).unwrap().desk);
    assert!(desk.countersign(&offer, now, &mut net.rng).is_err());
    assert!(desk.countersign(&founding, now, &mut net.rng).is_err());
    // And another officer cannot endorse it.
    let ctx = Ctx { now, store: &net.phones[BEN].store, rng: &mut net.rng };
    let error = net.phones[BEN].engine.endorse(ctx, &offer).unwrap_err();
    assert_eq!(error.kind(), Kind::Peer);
    // Without an enrolment the engine does nothing at all.
    let ctx = Ctx { now, store: &store, rng: &mut net.rng };
    assert_eq!(ghost.resume(ctx).unwrap_err().code(), Code::NotReady);
}

#[test]
fn a_credential_of_one_agency_vouching_for_anothers_user() {
    let mut net = officers(51);
    let (mut client, mut store) = (Client::new(), MemoryStore::default());
    let host = net.hosts.get_mut(&agency(SUED)).unwrap();
    let error = host
        .desk
        .enrol_first(&mut client, &mut store, &user("eve@police.nord.example"), (net.now, &mut net.rng))
        .unwrap_err();
    let error = error.downcast::<verbund::Error>().unwrap();
    assert_eq!(error.code(), Code::ForeignAgencyUser);
}

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
        Command::Send { request, room, content: text("hello") },
        Command::Describe { request, room, name, topic: None },
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
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic }).unwrap();
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

#[test]
fn clock_skew_that_decides_validity() {
    const DAYS: i64 = 86_400_000;
    let (mut net, room) = together(53);
    promote(&mut net, room, BEN_ID);
    net.phones[BEN].skew = 45 * DAYS;
    net.phones[CLARA].skew = -45 * DAYS;
    net.say(ANNA, room, "one");
    net.settle();
    let dora = net.enrol(DORA_ID);
    invite(&mut net, ANNA, room, DORA_ID);
    net.settle();
    net.say(BEN, room, "two");
    net.say(CLARA, room, "three");
    net.settle();
    // A race that both lose: they believe the hub's refusal, whatever their clocks say of its key.
    let topic = Some("Topic".to_owned());
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic }).unwrap();
    net.say(BEN, room, "four");
    net.say(CLARA, room, "five");
    net.wait();
    // What a clock does decide is what its device sends: Ben's would vouch for nobody.
    let name = Some("Name".to_owned());
    let (request, _) =
        net.command(BEN, |request| Command::Describe { request, room, name, topic: None }).unwrap();
    net.wait();
    assert!(net.failure(BEN, request).is_some());
    assert_eq!(net.texts(ANNA), ["two", "three", "four", "five"]);
    assert_eq!(net.texts(dora), ["two", "three", "four", "five"]);
    assert_eq!(net.history(CLARA), net.history(BEN));
    assert_eq!(net.history(ANNA), net.history(BEN));
    for phone in [ANNA, BEN, CLARA, dora] {
        assert_eq!(
            net.count(phone, |e| matches!(e, Event::RoomStalled { .. } | Event::Unreadable { .. })),
            0
        );
    }
    net.agree(room, &[ANNA, BEN, CLARA, dora]);
}

#[test]
fn trust_list_rollback() {
    let mut rng = ChaCha20Rng::from_seed([54; 32]);
    let [holder, root, key] = [(); 3].map(|()| SigningKey::generate(&mut rng));
    let (now, day) = (BEGIN, Duration::from_secs(86_400));
    let roots = vec![RootKey::new("Bund", &holder.verify_key())];
    let federation = Federation::new("verbund.example", roots, 1).unwrap();
    let list = |version, active| {
        let status = if active { AgencyStatus::Active } else { AgencyStatus::Suspended };
        let nord = Agency::new(agency(NORD), AgencyStatus::Active, &root.verify_key());
        let sued = Agency::new(agency(SUED), status, &root.verify_key());
        let roster = Roster {
            federation: federation.name().into(),
            version,
            issued_at: now.minus(day),
            expires_at: now.plus(30 * day),
            roots: federation.roots().to_vec(),
            threshold: 1,
            agencies: vec![nord, sued],
        };
        Roster::join(&[roster.sign(&holder).unwrap()]).unwrap()
    };
    let server_key =
        OperationalKey::new(KeyPurpose::Server, key.verify_key().as_bytes(), now.minus(day), now.plus(day));
    let descriptor = AgencyDescriptor {
        agency: agency(NORD),
        version: 1,
        issued_at: now.minus(day),
        expires_at: now.plus(20 * day),
        keys: vec![server_key],
        endpoints: Vec::new(),
        versions: vec![1],
        suites: vec![3],
    };
    let setup = Setup {
        agency: agency(NORD),
        server_key: key,
        federation: federation.clone(),
        trust_list: list(1, true),
        descriptor: descriptor.sign(&root).unwrap(),
    };
    let (mut server, mut store) = (Server::new(), MemoryStore::default());
    server.setup(Ctx { now, store: &store, rng: &mut rng }, &setup).unwrap().commit(&mut store).unwrap();
    let ctx = Ctx { now, store: &store, rng: &mut rng };
    server.trust_list(ctx, &list(2, false)).unwrap().commit(&mut store).unwrap();
    let before = store.clone();
    // The list on which the suspended agency was still active; also for a fresh engine.
    for mut server in [server, Server::new()] {
        let ctx = Ctx { now, store: &store, rng: &mut rng };
        assert_eq!(server.trust_list(ctx, &list(1, true)).unwrap_err().code(), Code::RolledBack);
        let ctx = Ctx { now, store: &store, rng: &mut rng };
        assert_eq!(server.trust_list(ctx, &list(2, true)).unwrap_err().code(), Code::Equivocation);
    }
    assert!(store == before);
}

#[test]
fn downgrade_of_version() {
    let (mut net, room) = together(55);
    net.say(BEN, room, "hello");
    // The version is the first field of everything: one byte tag, one byte number.
    let spoken = |bytes: &[u8], version| {
        assert_eq!(bytes[..2], [0x08, 1]);
        [&[0x08, version], &bytes[2..]].concat()
    };
    let bytes = net.phones[BEN].outgoing.front().unwrap().clone();
    for version in [2, 127] {
        let host = net.hosts.get_mut(&agency(SUED)).unwrap();
        let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
        let error = host.engine.device(ctx, &spoken(&bytes, version)).unwrap_err();
        assert_eq!(error.code(), Code::UnknownVersion);
        let reply = net.wire.iter().rfind(|(leg, _)| *leg == Leg::Down(BEN)).unwrap().1.clone();
        let error = net.call(BEN, |engine, ctx| engine.receive(ctx, &spoken(&reply, version)));
        assert_eq!(error.unwrap_err().code(), Code::UnknownVersion);
        let frame = net.wire.iter().find(|(leg, _)| matches!(leg, Leg::Frame(_, to) if to.as_str() == SUED));
        let frame = spoken(&frame.unwrap().1, version);
        let host = net.hosts.get_mut(&agency(SUED)).unwrap();
        let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
        assert_eq!(host.engine.peer(ctx, &frame).unwrap_err().code(), Code::UnknownVersion);
    }
}

/// Codes are numbers, and advice is data. Text is for people: the engines' sources never look at it.
#[test]
fn retry_decisions_made_from_strings() {
    let (mut net, _) = together(56);
    let room = RoomId::random(&mut net.rng);
    let error = net.command(ANNA, |request| Command::Leave { request, room }).unwrap_err();
    assert_eq!((error.code().number(), error.retry()), (401, &Retry::Never));
    let folders = ["src/client", "src/server", "src/server/hub", "src/server/link"];
    let mut files = 0;
    for folder in folders {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                assert!(!source.contains(".context()"), "{}", path.display());
                assert!(!source.contains("code().text()"), "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 20);
}

/// Ben writes while he is cut off; Clara joins meanwhile. Gives Ben's request.
fn written_before_clara_came(seed: u8) -> (Net, RoomId, RequestId) {
    let mut net = officers(seed);
    let room = net.room(ANNA, &[BEN_ID]);
    net.phones[BEN].online = false;
    let request = net.say(BEN, room, "not for clara");
    invite(&mut net, ANNA, room, CLARA_ID);
    net.settle();
    net.agree(room, &[ANNA, CLARA]);
    net.phones[BEN].online = true;
    net.wait();
    let asked = Event::SendNeedsConsent { request, room, added: vec![user(CLARA_ID)] };
    assert_eq!(net.count(BEN, |e| *e == asked), 1);
    assert!(net.texts(ANNA).is_empty() && net.texts(CLARA).is_empty());
    (net, room, request)
}

/// SPEC V-468
#[test]
fn a_message_reencrypted_to_somebody_who_was_not_there_is_sent_with_consent() {
    let (mut net, room, request) = written_before_clara_came(57);
    // It waits as long as it takes, and through a restart; what is new goes past it.
    net.restart(BEN);
    net.say(BEN, room, "for all");
    net.wait();
    assert_eq!(net.texts(CLARA), ["for all"]);
    net.call(BEN, |engine, ctx| engine.command(ctx, Command::Consent { request })).unwrap();
    net.settle();
    assert_eq!(net.texts(CLARA), ["for all", "not for clara"]);
    assert_eq!(net.texts(ANNA), net.texts(CLARA));
    // Once.
    let again = net.call(BEN, |engine, ctx| engine.command(ctx, Command::Consent { request }));
    assert_eq!(again.unwrap_err().code(), Code::BadArgument);
    net.agree(room, &ALL);
}

/// SPEC V-468
#[test]
fn a_message_reencrypted_to_somebody_who_was_not_there_can_be_withdrawn() {
    let (mut net, room, request) = written_before_clara_came(58);
    net.call(BEN, |engine, ctx| engine.command(ctx, Command::Withdraw { request })).unwrap();
    net.say(BEN, room, "for all");
    net.wait();
    assert_eq!(net.texts(CLARA), ["for all"]);
    assert_eq!(net.texts(ANNA), ["for all"]);
    let consent = net.call(BEN, |engine, ctx| engine.command(ctx, Command::Consent { request }));
    assert_eq!(consent.unwrap_err().code(), Code::BadArgument);
    net.agree(room, &ALL);
}

/// SPEC V-467, V-468
#[test]
fn a_message_is_encrypted_again_by_itself_if_nobody_new_would_read_it() {
    let (mut net, room) = together(59);
    net.phones[BEN].online = false;
    let content = text("for those who were there");
    let (request, receipt) = net.command(BEN, |request| Command::Send { request, room, content }).unwrap();
    let users = vec![user(CLARA_ID)];
    net.command(ANNA, |request| Command::Remove { request, room, users }).unwrap();
    net.settle();
    net.phones[BEN].online = true;
    net.wait();
    assert_eq!(net.texts(ANNA), ["for those who were there"]);
    assert!(net.texts(CLARA).is_empty());
    // Under the id that it had before.
    let id = receipt.message.unwrap();
    assert_eq!(
        net.count(BEN, |e| matches!(e, Event::Sent { request: r, id: i, .. } if (*r, *i) == (request, id))),
        1
    );
    assert_eq!(net.history(ANNA).last().unwrap().1, *id.as_bytes());
    assert_eq!(net.count(BEN, |e| matches!(e, Event::SendNeedsConsent { .. })), 0);
}

#[test]
fn a_restored_store_that_would_encrypt_twice_under_one_generation() {
    let (mut net, room) = together(60);
    let backup = net.phones[BEN].store.clone();
    net.say(BEN, room, "one");
    net.settle();
    net.phones[BEN].store = backup;
    net.phones[BEN].events.clear();
    let from = net.wire.len();
    net.restart(BEN);
    net.settle();
    assert_eq!(net.count(BEN, |e| *e == Event::StoreRolledBack), 1);
    assert!(net.phones[BEN].engine.events(&net.phones[BEN].store, 0, 1).unwrap().is_empty());
    let error = net.command(BEN, |request| Command::Send { request, room, content: text("two") });
    assert_eq!(error.unwrap_err().code(), Code::StoreRolledBack);
    net.crash(BEN);
    let error = net.call(BEN, |engine, ctx| engine.resume(ctx)).unwrap_err();
    assert_eq!(error.code(), Code::StoreRolledBack);
    net.wait();
    // It has asked for news, and sent nothing but that.
    let sent = net.wire[from..].iter().filter(|(leg, _)| *leg == Leg::Up(BEN)).count();
    assert_eq!(sent, 1);
    assert_eq!(net.texts(ANNA), ["one"]);
}

#[test]
fn a_restored_store_that_sends_before_it_asks_is_found_out_as_well() {
    let (mut net, room) = together(61);
    let backup = net.phones[BEN].store.clone();
    net.say(BEN, room, "one");
    net.settle();
    net.phones[BEN].store = backup;
    net.crash(BEN);
    net.say(BEN, room, "two");
    net.settle();
    assert!(net.has(BEN, &Event::StoreRolledBack));
    assert_eq!(net.texts(ANNA), ["one"]);
    assert_eq!(net.texts(CLARA), ["one"]);
}

#[test]
fn a_submission_that_overtakes_a_synchronisation_is_no_rollback() {
    let (mut net, room) = together(62);
    net.resume(BEN);
    net.say(BEN, room, "faster");
    let (slow, fast) = {
        let outgoing = &mut net.phones[BEN].outgoing;
        assert_eq!(outgoing.len(), 2);
        (outgoing.pop_front().unwrap(), outgoing.pop_front().unwrap())
    };
    for bytes in [fast, slow.clone(), slow] {
        let reply = net.deliver(BEN, &bytes);
        net.receive(BEN, &reply);
    }
    net.settle();
    assert_eq!(net.count(BEN, |e| *e == Event::StoreRolledBack), 0);
    net.say(BEN, room, "and on");
    net.settle();
    assert_eq!(net.texts(ANNA), ["faster", "and on"]);
}

//! Whose word counts, and until when.

use std::time::Duration;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use verbund::{
    client::{Client, Command, Event},
    code::{Code, Kind},
    error::Retry,
    identity::{
        Agency, AgencyDescriptor, AgencyStatus, Federation, KeyPurpose, OperationalKey, RecoveryKey, RootKey,
        Roster, SigningKey, UserKind,
    },
    ids::RoomId,
    server::{Server, Setup},
    store::{Ctx, MemoryStore},
};

use super::*;

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
    net.command(ANNA, |request| Command::Describe { request, room, name: None, topic, label: None }).unwrap();
    net.say(BEN, room, "four");
    net.say(CLARA, room, "five");
    net.wait();
    // What a clock does decide is what its device sends: Ben's would vouch for nobody.
    let name = Some("Name".to_owned());
    let (request, _) = net
        .command(BEN, |request| Command::Describe { request, room, name, topic: None, label: None })
        .unwrap();
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

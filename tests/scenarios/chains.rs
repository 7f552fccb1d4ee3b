//! Who speaks for a user, as it changes: shifts, removals, recovery, a new beginning, two histories
//! (SPEC "User chain").

use std::time::Duration;

use crate::support::*;
use verbund::{
    client::{Client, Command, Confirmation, Event},
    code::Code,
    identity::{
        ChainFork, Changed, Endorsement, Endorser, Newcomer, RecoveryKey, Registrar, RevocationList,
        SigningKey, TrustList, UserKind, UserRecord,
    },
    ids::{Device, DeviceId, RoomId, UserId},
    server::Server,
    store::{Ctx, MemoryStore},
};

const BEN: usize = 0;
const BEN_ID: &str = "ben@police.sued.example";
const ANNA_ID: &str = "anna@police.nord.example";
pub const DESK_ID: &str = "desk@police.nord.example";

const HOUR: Duration = Duration::from_secs(3_600);

pub fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

/// Anna's recovery key, on paper.
fn paper() -> Vec<RecoveryKey> {
    vec![RecoveryKey::own(&key(90).verify_key())]
}

/// A device that is nobody's yet.
fn new_device(net: &mut Net, name: &str) -> (Client, MemoryStore) {
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    engine.begin(ctx, user(name)).unwrap().commit(&mut store).unwrap();
    (engine, store)
}

/// What the registrar of a name's agency does.
fn at_the_desk<T>(
    net: &mut Net,
    name: &str,
    call: impl FnOnce(&Registrar, Ctx<'_>) -> verbund::error::Result<verbund::store::Transition<T, ()>>,
) -> verbund::error::Result<T> {
    let host = net.hosts.get_mut(user(name).agency()).unwrap();
    let ctx = Ctx { now: net.now, store: &host.desk.store, rng: &mut net.rng };
    Ok(call(&host.desk.registrar, ctx)?.commit(&mut host.desk.store).unwrap().value)
}

fn enrolled(net: &mut Net, (engine, store): (Client, MemoryStore), name: &str, request: &[u8]) -> usize {
    let enrolment =
        at_the_desk(net, name, |desk, ctx| desk.enrol(ctx, request, 300 * 24 * HOUR)).unwrap().enrolment;
    net.take_over(engine, store, &enrolment.to_bytes())
}

/// The first device of a user.
pub fn found(net: &mut Net, name: &str, kind: UserKind, recovery: Vec<RecoveryKey>) -> usize {
    let (engine, store) = new_device(net, name);
    let request = engine.found(&store, kind, recovery, net.now).unwrap();
    enrolled(net, (engine, store), name, &request)
}

/// A device for the time of a shift, handed over by another one.
pub fn hand_over(net: &mut Net, from: usize, hours: u32) -> usize {
    let (engine, store) = new_device(net, DESK_ID);
    let offer = engine.offer(&store, net.now).unwrap();
    let until = net.now.plus(hours * HOUR);
    let request = net.call(from, |engine, ctx| engine.delegate(ctx, &offer, until)).unwrap();
    enrolled(net, (engine, store), DESK_ID, &request)
}

fn record(net: &mut Net, name: &str) -> UserRecord {
    let host = &net.hosts[user(name).agency()];
    let ctx = Ctx { now: net.now, store: &host.desk.store, rng: &mut net.rng };
    let record = host.desk.registrar.record(ctx, &user(name)).unwrap();
    UserRecord::from_bytes(&record.to_bytes()).unwrap()
}

/// The operators bring the server what the registrar gave them; with a revocation, if it has one.
fn publish(net: &mut Net, changed: &Changed) {
    net.operate(NORD, |server, ctx| server.user_chain(ctx, &changed.chain)).unwrap();
    if let Some((user, device, serial)) = &changed.revoked {
        revoke_up_to(net, &(user.clone(), *device, *serial));
    }
    net.settle();
}

fn revoke_up_to(net: &mut Net, revoked: &(UserId, Option<DeviceId>, u64)) {
    let list: RevocationList = net.hosts[&agency(NORD)].revocations.clone().unwrap();
    let next = list.next(net.now, std::slice::from_ref(revoked));
    let signed = next.sign(&revocation_key()).unwrap();
    net.operate(NORD, |server, ctx| server.revocations(ctx, &signed)).unwrap();
    net.hosts.get_mut(&agency(NORD)).unwrap().revocations = Some(next);
}

pub fn invite(net: &mut Net, by: usize, room: RoomId, name: &str) -> verbund::ids::RequestId {
    let (request, _) =
        net.command(by, |request| Command::Invite { request, room, users: vec![user(name)] }).unwrap();
    net.settle();
    request
}

/// By what authority a device came into a room, as somebody there was told.
fn endorsed(net: &Net, told: usize, device: &Device) -> Option<Endorsement> {
    net.phones[told].events.iter().find_map(|event| match event {
        Event::DevicesEndorsed { devices, .. } => devices
            .iter()
            .find(|(user, e)| *user == device.user && e.device == device.id)
            .map(|(_, e)| e.clone()),
        _ => None,
    })
}

fn removed_by(net: &Net, told: usize, device: &Device) -> Option<Device> {
    net.phones[told].events.iter().find_map(|event| match event {
        Event::MembersChanged { by, devices_removed, .. } if devices_removed.contains(device) => {
            Some(by.clone())
        }
        _ => None,
    })
}

fn device(net: &Net, phone: usize) -> Device {
    net.phones[phone].device.clone()
}

/// SPEC V-255, V-256, V-269, V-308: the morning shift hands over to the evening shift; when the
/// morning's certificate ends, its device is out, and everybody sees by whose word who speaks.
#[test]
fn a_role_is_handed_from_shift_to_shift() {
    let mut net = Net::new(210);
    net.enrol(BEN_ID);
    let owners = ["leader", "deputy"].iter().zip([91, 92]);
    let owners = owners.map(|(name, n)| RecoveryKey::kept_by(*name, &key(n).verify_key())).collect();
    let station = found(&mut net, DESK_ID, UserKind::Role, owners);
    let room = net.room(BEN, &[DESK_ID]);
    // Nobody invites anybody: whoever hands over brings the next one in.
    let morning = hand_over(&mut net, station, 8);
    net.idle(Duration::from_secs(60));
    let evening = hand_over(&mut net, morning, 16);
    net.idle(Duration::from_secs(60));
    net.agree(room, &[BEN, station, morning, evening]);
    net.say(morning, room, "the search begins at noon");
    net.settle();

    // What Ben sees: first the station's own device, then the shifts, each by the one before.
    let by = |net: &Net, phone| endorsed(net, BEN, &device(net, phone)).unwrap();
    assert_eq!((by(&net, station).by, by(&net, station).until), (Endorser::Founder, None));
    assert_eq!(by(&net, morning).by, Endorser::Device(device(&net, station).id));
    assert_eq!(by(&net, evening).by, Endorser::Device(device(&net, morning).id));
    let end_of_the_morning = by(&net, morning).until.unwrap();
    assert!(end_of_the_morning < by(&net, evening).until.unwrap());

    // The station sleeps. The morning ends; whoever speaks first has it out of the room.
    net.phones[station].online = false;
    net.now = end_of_the_morning;
    net.pass(Duration::from_secs(1));
    net.say(BEN, room, "after the handover");
    net.settle();
    assert!(removed_by(&net, BEN, &device(&net, morning)).is_some());
    let due = |event: &Event| matches!(event, Event::DeviceDue { code: Code::Expired, .. });
    assert!(net.count(BEN, due) + net.count(evening, due) > 0);
    assert_eq!(net.texts(evening).last().map(String::as_str), Some("after the handover"));
    assert!(!net.texts(morning).contains(&"after the handover".to_owned()));
    // It can hand nothing over any more, whatever it says of the time.
    let (engine, store) = new_device(&mut net, DESK_ID);
    let offer = engine.offer(&store, net.now).unwrap();
    let phone = &mut net.phones[morning];
    let early = end_of_the_morning.minus(HOUR);
    let ctx = Ctx { now: early, store: &phone.store, rng: &mut net.rng };
    let late = phone.engine.delegate(ctx, &offer, early.plus(20 * HOUR));
    let late = late.map(|made| made.commit(&mut phone.store).unwrap().value);
    match late {
        Err(error) => assert_eq!(error.code(), Code::Expired, "the offer is from the future"),
        Ok(request) => {
            let refused = at_the_desk(&mut net, DESK_ID, |desk, ctx| desk.enrol(ctx, &request, HOUR));
            assert!(matches!(refused.unwrap_err().code(), Code::Expired | Code::RolledBack));
        }
    }
}

/// SPEC V-381: the station shows a code, and goes to sleep. The shift's device comes into the role's rooms by
/// itself, and is out when its time is over.
#[test]
fn a_shift_is_linked_by_a_code() {
    let mut net = Net::new(216);
    net.enrol(BEN_ID);
    let owners = ["leader", "deputy"].iter().zip([91, 92]);
    let owners = owners.map(|(name, n)| RecoveryKey::kept_by(*name, &key(n).verify_key())).collect();
    let station = found(&mut net, DESK_ID, UserKind::Role, owners);
    let room = net.room(BEN, &[DESK_ID]);

    let phone = &mut net.phones[station];
    let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
    let sponsor = phone.engine.show_link_code(ctx).unwrap();
    let newcomer = Newcomer::read(&sponsor.code().text(), net.now).unwrap();
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    let asked = engine.ask_to_link(ctx, newcomer, "Morning shift", false).unwrap();
    let (request, asking) = asked.commit(&mut store).unwrap().value;
    let candidate = sponsor.receive(&request, net.now).unwrap();
    let until = net.now.plus(8 * HOUR);
    let with = Confirmation { until: Some(until), ..Confirmation::default() };
    let reply = net.call(station, |engine, ctx| engine.confirm_link(ctx, candidate, with)).unwrap();
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    let said = engine.linked(ctx, asking, &reply).unwrap().commit(&mut store).unwrap().value;
    assert_eq!(said.rooms, [room]);
    net.phones[station].online = false;
    let morning = enrolled(&mut net, (engine, store), DESK_ID, &said.request);
    net.idle(Duration::from_secs(120));
    let came = endorsed(&net, BEN, &device(&net, morning)).expect("it came in");
    assert_eq!((came.by, came.until), (Endorser::Device(device(&net, station).id), Some(until)));
    net.say(morning, room, "the desk is taken");
    net.settle();
    net.say(BEN, room, "good morning");
    net.settle();
    assert_eq!(
        (net.texts(BEN), net.texts(morning)),
        (vec!["the desk is taken".into()], vec!["good morning".into()])
    );

    net.idle(8 * HOUR);
    net.say(BEN, room, "good night");
    net.settle();
    assert_eq!(removed_by(&net, BEN, &device(&net, morning)), Some(device(&net, BEN)));
    assert_eq!(net.texts(morning), ["good morning"]);
    // It waits for no device for longer than its shift.
    net.phones[station].online = true;
    net.resume(station);
    net.idle(HOUR);
    assert_eq!(net.texts(station), ["the desk is taken", "good morning", "good night"]);
    assert!(net.phones[station].store.rows().all(|(key, _)| !key.starts_with(b"t/")));
}

/// SPEC V-255, V-268, V-307, V-309, V-313: a phone removes the tablet that was stolen; the user's own
/// devices have it out of the rooms, and no certificate brings it back.
#[test]
fn a_user_removes_a_device() {
    let mut net = Net::new(211);
    net.enrol(BEN_ID);
    let anna = found(&mut net, ANNA_ID, UserKind::Person, paper());
    let tablet = net.enrol_further(anna);
    let room = net.room(BEN, &[ANNA_ID]);
    assert!(net.view(tablet, room).is_some());
    let stolen = device(&net, tablet);

    let ctx = Ctx { now: net.now, store: &net.phones[anna].store, rng: &mut net.rng };
    let unknown = net.phones[anna].engine.remove_device(ctx, &DeviceId::from_bytes([1; 16]));
    assert_eq!(unknown.unwrap_err().code(), Code::BrokenChain);
    net.resume(anna); // it has heard of the tablet
    net.settle();
    let ctx = Ctx { now: net.now, store: &net.phones[anna].store, rng: &mut net.rng };
    let request = net.phones[anna].engine.remove_device(ctx, &stolen.id).unwrap();
    let changed = at_the_desk(&mut net, ANNA_ID, |desk, ctx| desk.change(ctx, &request)).unwrap();
    let (_, revoked, _) = changed.revoked.clone().unwrap();
    assert_eq!(revoked, Some(stolen.id));
    // Nord has no revocation key here: the chain alone has to do.
    publish(&mut net, &Changed { revoked: None, ..changed });
    net.resume(tablet);
    net.wait();
    assert_eq!(removed_by(&net, BEN, &stolen), Some(device(&net, anna)));
    net.say(BEN, room, "just us");
    net.settle();
    assert_eq!((net.texts(anna), net.texts(tablet)), (vec!["just us".to_owned()], Vec::new()));
    let ctx = Ctx { now: net.now, store: &net.phones[anna].store, rng: &mut net.rng };
    let devices = net.phones[anna].engine.devices(ctx, &user(ANNA_ID)).unwrap();
    assert_eq!(devices.iter().map(|d| d.removed_at.is_some()).collect::<Vec<_>>(), [false, true]);
    // Nor does anybody who invites Anna invite it.
    invite(&mut net, BEN, room, ANNA_ID);
    assert!(net.view(anna, room).is_some());
    assert_eq!(net.texts(tablet).len(), 0);
}

/// SPEC V-255, V-297: the agency alone puts a device out, with its revocation list.
#[test]
fn an_agency_removes_a_device() {
    let mut net = Net::new(212);
    net.enrol(BEN_ID);
    let anna = found(&mut net, ANNA_ID, UserKind::Person, paper());
    net.revocable(NORD);
    let room = net.room(BEN, &[ANNA_ID]);
    let gone = device(&net, anna);
    let changed = at_the_desk(&mut net, ANNA_ID, |desk, ctx| desk.remove(ctx, &gone)).unwrap();
    publish(&mut net, &changed);
    net.say(BEN, room, "after");
    net.settle();
    assert_eq!(removed_by(&net, BEN, &gone), Some(device(&net, BEN)));
    net.resume(anna);
    net.wait();
    assert!(net.texts(anna).is_empty());
    let again = at_the_desk(&mut net, ANNA_ID, |desk, ctx| desk.remove(ctx, &gone));
    assert_eq!(again.unwrap_err().code(), Code::BrokenChain);
}

/// Anna, whom Ben has made sure of, and a room of the two.
fn acquainted(seed: u8) -> (Net, usize, RoomId) {
    let mut net = Net::new(seed);
    net.enrol(BEN_ID);
    let anna = found(&mut net, ANNA_ID, UserKind::Person, paper());
    net.revocable(NORD);
    let room = net.room(BEN, &[ANNA_ID]);
    let number = net.phones[BEN].engine.safety_number(&net.phones[BEN].store, &user(ANNA_ID)).unwrap();
    net.call(BEN, |engine, ctx| engine.command(ctx, Command::MarkVerified { user: user(ANNA_ID), number }))
        .unwrap();
    assert!(is_verified(&net));
    (net, anna, room)
}

fn is_verified(net: &Net) -> bool {
    net.phones[BEN].engine.is_verified(&net.phones[BEN].store, &user(ANNA_ID)).unwrap()
}

/// SPEC V-255, V-276: all devices are lost, the paper is not. Anna is the same to everybody.
#[test]
fn a_user_is_recovered_with_the_paper() {
    let (mut net, anna, room) = acquainted(213);
    let lost = device(&net, anna);
    net.phones[anna].online = false;
    let (engine, store) = new_device(&mut net, ANNA_ID);
    let record = record(&mut net, ANNA_ID);
    let federation = net.office.federation.clone();
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    let forged = engine.recover(ctx, &federation, &record, &key(1));
    assert_eq!(forged.unwrap_err().code(), Code::BrokenChain);
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    let request = engine.recover(ctx, &federation, &record, &key(90)).unwrap();
    let phone = enrolled(&mut net, (engine, store), ANNA_ID, &request);
    let changed = {
        let ctx = Ctx { now: net.now, store: &net.phones[phone].store, rng: &mut net.rng };
        let request = net.phones[phone].engine.remove_device(ctx, &lost.id).unwrap();
        at_the_desk(&mut net, ANNA_ID, |desk, ctx| desk.change(ctx, &request)).unwrap()
    };
    publish(&mut net, &changed);
    net.wait();
    invite(&mut net, BEN, room, ANNA_ID);
    net.say(BEN, room, "welcome back");
    net.settle();
    assert_eq!(net.texts(phone), ["welcome back"]);
    let by = endorsed(&net, BEN, &device(&net, phone)).unwrap().by;
    assert_eq!(by, Endorser::Recovery { owner: String::new() });
    assert!(is_verified(&net), "the identity is the same");
    assert_eq!(net.count(BEN, |event| matches!(event, Event::IdentityChanged { .. })), 0);
}

/// SPEC V-301, V-303, V-305: everything is lost. The agency lets Anna begin anew, and everybody who
/// knew her is told.
#[test]
fn a_user_begins_anew_and_peers_are_told() {
    let (mut net, anna, room) = acquainted(214);
    let lost = device(&net, anna);
    net.phones[anna].online = false;
    let (engine, store) = new_device(&mut net, ANNA_ID);
    let record = record(&mut net, ANNA_ID);
    let federation = net.office.federation.clone();
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    let recovery = vec![RecoveryKey::own(&key(93).verify_key())];
    let request = engine.begin_anew(ctx, &federation, &record, recovery).unwrap();
    let enrolled = at_the_desk(&mut net, ANNA_ID, |desk, ctx| desk.enrol(ctx, &request, HOUR));
    assert_eq!(enrolled.unwrap_err().code(), Code::BadArgument, "not by the way");
    let reset =
        at_the_desk(&mut net, ANNA_ID, |desk, ctx| desk.reset(ctx, &request, 300 * 24 * HOUR)).unwrap();
    let (before, now) = (
        *record.verify(&federation, &user(ANNA_ID), net.now).unwrap().identity(),
        reset.enrolled.device.identity(),
    );
    let now = *now;
    let phone = net.take_over(engine, store, &reset.enrolled.enrolment.to_bytes());
    revoke_up_to(&mut net, &reset.revoked);
    net.settle();
    net.wait();
    assert_eq!(removed_by(&net, BEN, &lost), Some(device(&net, BEN)), "the old device is out");
    invite(&mut net, BEN, room, ANNA_ID);
    let told = Event::IdentityChanged { user: user(ANNA_ID), before, now, verified: true };
    assert!(net.has(BEN, &told), "{:?}", net.phones[BEN].events);
    assert!(!is_verified(&net));
    let by = endorsed(&net, BEN, &device(&net, phone)).unwrap().by;
    assert_eq!(by, Endorser::Reset { replaced: before });
    net.say(BEN, room, "who are you?");
    net.settle();
    assert_eq!(net.texts(phone), ["who are you?"]);
    // The device of before comes to nothing, at its server and in rooms.
    net.phones[anna].online = true;
    net.resume(anna);
    net.wait();
    assert!(net.texts(anna).is_empty());
}

/// SPEC V-310 to V-312: an agency countersigns two entries with one number. Whoever is shown both has
/// evidence that others can verify.
#[test]
fn two_entries_with_one_number() {
    let mut net = Net::new(215);
    net.enrol(BEN_ID);
    let anna = found(&mut net, ANNA_ID, UserKind::Person, paper());
    // The registrar's store is put back between two requests.
    let before = net.hosts[&agency(NORD)].desk.store.clone();
    let tablet = net.enrol_further(anna);
    let known = net.phones[anna].store.clone();
    net.hosts.get_mut(&agency(NORD)).unwrap().desk.store = before;
    let (engine, store) = new_device(&mut net, ANNA_ID);
    let offer = engine.offer(&store, net.now).unwrap();
    let ctx = Ctx { now: net.now, store: &known, rng: &mut net.rng };
    let request = net.phones[anna].engine.endorse(ctx, &offer);
    // Anna's phone knows of the tablet by now or not: without that it endorses for the same place.
    let request = match request {
        Ok(request) => request,
        Err(error) => panic!("{error}"),
    };
    let rival = enrolled(&mut net, (engine, store), ANNA_ID, &request);
    net.wait();
    let refused = |event: &Event| matches!(event, Event::Failed { code: Code::Equivocation, .. });
    assert_eq!(net.count(rival, refused), 1, "{:?}", net.phones[rival].events);
    assert_eq!(net.count(tablet, refused), 0);
    let host = &net.hosts[&agency(NORD)];
    let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
    let fork = Server::chain_fork(ctx, &user(ANNA_ID)).unwrap().expect("evidence");
    let fork = ChainFork::from_bytes(&fork.to_bytes()).unwrap();
    assert_eq!((fork.user(), fork.agency(), fork.n()), (&user(ANNA_ID), &agency(NORD), 1));
    let list = TrustList::first(&net.office.trust_list, &net.office.federation).unwrap();
    let nord = list.agency(&agency(NORD)).unwrap();
    let descriptor = verbund::identity::Descriptor::verify(&host.authority.descriptor, nord).unwrap();
    fork.verify(&[descriptor]).unwrap();
    assert_eq!(fork.verify(&[]).unwrap_err().code(), Code::MissingEvidence);
}

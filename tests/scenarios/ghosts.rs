//! A device that a user does not know of: what a home server, a hub and an agency can do to
//! get one into a room, alone and together, and what they cannot (SPEC "Threat model").
//!
//! The home server has its own key and whatever goes through its hands. The agency has the key
//! that certifies as well, and its registrar. Whom they want to listen in as is Ben.

use std::{cell::RefCell, rc::Rc};

use crate::support::{
    forge::{dig, edit, signed},
    *,
};
use verbund::{
    client::{Client, Command, Confirmation, Event, Output},
    code::Code,
    identity::{Newcomer, SigningKey},
    ids::{Device, RoomId},
    store::{Ctx, MemoryStore},
};

const ANNA: usize = 0;
const BEN: usize = 1;
const CLEO: usize = 2;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";
const CLEO_ID: &str = "cleo@police.west.example";
const DORA_ID: &str = "dora@police.sued.example";

/// Anna's room at Nord with Ben of Sued and Cleo of West; Ben's is the only device of his.
fn officers(seed: u8) -> (Net, RoomId) {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID, CLEO_ID] {
        net.enrol(name);
    }
    let room = net.room(ANNA, &[BEN_ID, CLEO_ID]);
    (net, room)
}

/// In a delivery: the users of a claim's answer.
const CLAIMED: [u64; 5] = [2, 5, 2, 3, 4];

/// What a server has seen of an enrolment.
struct Seen {
    certificate: Vec<u8>,
    chain: Vec<Vec<u8>>,
}

fn seen(net: &Net, phone: usize) -> Seen {
    let up = net.wire.iter().filter(|(leg, _)| *leg == Leg::Up(phone)).map(|(_, bytes)| bytes);
    let enrol = up.flat_map(|bytes| dig(bytes, &[2, 1, 2, 5])).next().unwrap();
    Seen { certificate: dig(&enrol, &[1]).remove(0), chain: dig(&enrol, &[2]) }
}

/// A device that nobody knows: an engine that takes itself for enrolled, under whatever
/// certificate somebody wrote for it. Gives it and a key package of it.
struct Ghost {
    device: Device,
    package: Vec<u8>,
}

impl Ghost {
    /// With a certificate made out of a real one, signed with a key that the attacker has.
    fn certified(net: &mut Net, like: &Seen, by: &SigningKey) -> Self {
        Self::make(net, |id, key| {
            signed(&like.certificate, "device certificate", by, &mut |body| {
                let device = edit(&body.all(5)[0], &[], &mut |device| {
                    device.put(1, id);
                    device.put(2, key);
                });
                body.put(5, &device);
            })
        })
    }

    fn make(net: &mut Net, certify: impl FnOnce(&[u8], &[u8]) -> Vec<u8>) -> Self {
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
        engine.begin(ctx, user(BEN_ID)).unwrap().commit(&mut store).unwrap();
        let device = engine.device(&store).unwrap();
        let offer = engine.offer(&store, net.now).unwrap();
        let key = dig(&offer, &[2, 2, 2]).remove(0);
        let certificate = certify(device.id.as_bytes(), &key);
        let request = [7; 16].to_vec();
        store = store
            .rows()
            .map(|(name, row)| match name.starts_with(b"c/account") {
                true => (
                    name.to_vec(),
                    edit(row, &[], &mut |account| {
                        account.put(4, &certificate);
                        account.put(7, &request);
                    }),
                ),
                false => (name.to_vec(), row.to_vec()),
            })
            .collect();
        // Its server says that it is known.
        let done = [&[0x0a, 16], request.as_slice(), &[0x1a, 0]].concat();
        let reply = [&[8, 1, 0x12, u8::try_from(done.len()).unwrap()], done.as_slice()].concat();
        let mut engine = Client::new();
        let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
        let outputs = engine.receive(ctx, &reply).unwrap().commit(&mut store).unwrap().outputs;
        let package = outputs.into_iter().find_map(|output| match output {
            Output::Send { bytes, .. } => dig(&bytes, &[2, 1, 2, 6, 1]).pop(),
            _ => None,
        });
        Ghost { device, package: package.expect("key packages") }
    }
}

/// Whoever answers a claim for Ben, on the way to Anna: these packages, beside this chain.
fn answering(net: &mut Net, packages: Vec<Vec<u8>>, chain: Option<Vec<Vec<u8>>>) {
    net.tamper = Box::new(move |leg, bytes| {
        if *leg == Leg::Down(ANNA) && !dig(bytes, &CLAIMED).is_empty() {
            *bytes = edit(bytes, &CLAIMED, &mut |user| {
                if user.all(1) != [BEN_ID.as_bytes().to_vec()] {
                    return;
                }
                user.set(2, &[]);
                user.set(4, &packages);
                if let Some(chain) = &chain {
                    user.set(3, chain);
                }
            });
        }
    });
}

/// Anna invites Ben into a new room. With what code that fails, if it does.
fn invited(net: &mut Net) -> (RoomId, Option<Code>) {
    let before = net.phones[ANNA].events.len();
    let room = net.room(ANNA, &[BEN_ID]);
    let refused = net.phones[ANNA].events[before..].iter().find_map(|event| match event {
        Event::NotInvited { users, .. } => Some(users[0].1),
        Event::Failed { code, .. } => Some(*code),
        _ => None,
    });
    (room, refused)
}

/// That no device has come into any room, or been told of, but those that are enrolled.
fn no_ghosts(net: &Net) {
    let real: Vec<_> = net.phones.iter().map(|phone| phone.device.clone()).collect();
    for phone in &net.phones {
        for event in &phone.events {
            if let Event::MembersChanged { devices_added, .. } = event {
                assert!(devices_added.iter().all(|device| real.contains(device)), "{event:?}");
            }
        }
    }
}

/// The home server alone, or a hub, or both: a certificate by any key that they have.
#[test]
fn servers_invent_a_device() {
    let (mut net, _) = officers(210);
    let like = seen(&net, BEN);
    let keys = net.hosts[&agency(SUED)].authority.keys();
    let hub = net.hosts[&agency(NORD)].authority.keys();
    for (key, code) in [(&keys.server, Code::UnknownKey), (&hub.server, Code::MissingEvidence)] {
        let ghost = Ghost::certified(&mut net, &like, key);
        answering(&mut net, vec![ghost.package], Some(like.chain.clone()));
        assert_eq!(invited(&mut net).1, Some(code));
    }
    no_ghosts(&net);
}

/// The home server gives out key packages of somebody whom it does have in its hands.
#[test]
fn servers_give_out_somebody_elses_key_packages() {
    let (mut net, _) = officers(211);
    let dora = net.enrol(DORA_ID);
    let published = net.wire.iter().filter(|(leg, _)| *leg == Leg::Up(dora));
    let hers = published.flat_map(|(_, bytes)| dig(bytes, &[2, 1, 2, 6, 1])).next().unwrap();
    answering(&mut net, vec![hers.clone()], None);
    assert_eq!(invited(&mut net).1, Some(Code::MissingEvidence), "Anna does not know Dora");
    // Nor beside her chain, in his place.
    let chain = seen(&net, dora).chain;
    answering(&mut net, vec![hers], Some(chain));
    assert_eq!(invited(&mut net).1, Some(Code::CertificateMismatch));
    // Nothing, or what is no key package, keeps him out: that a server can.
    answering(&mut net, vec![vec![1, 2, 3]], None);
    let refused = invited(&mut net).1;
    assert!(refused.is_some());
    no_ghosts(&net);
    net.tamper = no_tampering();
    assert_eq!(invited(&mut net).1, None);
}

/// SPEC V-435: the home server gives out two key packages of one device. It keeps nobody else out with that.
#[test]
fn a_server_gives_out_a_device_twice() {
    let (mut net, _) = officers(216);
    let carl = net.enrol("carl@police.nord.example");
    let published = net.wire.iter().filter(|(leg, _)| *leg == Leg::Up(BEN));
    let his: Vec<_> = published.flat_map(|(_, bytes)| dig(bytes, &[2, 1, 2, 6, 1])).take(2).collect();
    assert_ne!(his[0], his[1]);
    answering(&mut net, his, None);
    let room = net.room(ANNA, &[BEN_ID, "carl@police.nord.example"]);
    net.agree(room, &[ANNA, BEN, carl]);
}

/// The home server puts it into the frame to the hub, over its own signature. The hub takes it
/// for what it is, an answer; Anna does not.
#[test]
fn a_home_server_answers_a_claim_with_a_ghost() {
    let (mut net, _) = officers(212);
    let like = seen(&net, BEN);
    let keys = net.hosts[&agency(SUED)].authority.keys();
    let ghost = Ghost::certified(&mut net, &like, &keys.server);
    let told = Rc::new(RefCell::new(0));
    let counted = told.clone();
    net.tamper = Box::new(move |leg, bytes| {
        let answers = [2, 1, 2, 8, 6, 3, 4];
        if *leg != Leg::Frame(agency(SUED), agency(NORD)) || dig(bytes, &answers).is_empty() {
            return;
        }
        *counted.borrow_mut() += 1;
        *bytes = edit(bytes, &[2], &mut |message| {
            let frame = signed(&message.all(1)[0], "frame", &keys.server, &mut |frame| {
                let ghost = |item: &Vec<u8>| edit(item, &[6, 3, 4], &mut |user| user.put(4, &ghost.package));
                let items: Vec<_> = frame.all(8).iter().map(ghost).collect();
                frame.set(8, &items);
            });
            message.put(1, &frame);
        });
    });
    // Its own engine would find out that it was another frame.
    net.rule = Box::new(|leg, _| match *leg == Leg::Ack(agency(NORD), agency(SUED)) {
        true => Fault::Lost,
        false => Fault::None,
    });
    assert_eq!(invited(&mut net).1, Some(Code::UnknownKey));
    assert_eq!(*told.borrow(), 1);
    no_ghosts(&net);
}

/// The agency, with its certificate key: a certificate for a device of which Ben's chain knows
/// nothing. Whoever has his chain, or is shown it, refuses.
#[test]
fn an_agency_certifies_a_device_that_the_user_did_not_endorse() {
    let (mut net, _) = officers(213);
    let like = seen(&net, BEN);
    let keys = net.hosts[&agency(SUED)].authority.keys();
    let ghost = Ghost::certified(&mut net, &like, &keys.certificate);
    answering(&mut net, vec![ghost.package.clone()], Some(like.chain.clone()));
    assert_eq!(invited(&mut net).1, Some(Code::UnendorsedDevice));
    assert!(net.phones.iter().all(|phone| phone.device != ghost.device));
    no_ghosts(&net);
}

/// A registrar that forgets: another Ben, with another beginning, countersigned by the same agency.
/// Gives his device's phone.
fn another_ben(net: &mut Net) -> usize {
    let now = net.now;
    let host = &net.hosts[&agency(SUED)];
    let mut desk = host.authority.desk(&net.office, now, &mut net.rng).unwrap();
    let (mut engine, mut store) = (Client::new(), MemoryStore::default());
    let enrolment = desk.enrol_first(&mut engine, &mut store, &user(BEN_ID), (now, &mut net.rng)).unwrap();
    // Its own server, which it tells of the ghost and nobody else.
    let evil = net.twin(SUED);
    let phone = net.take_over(engine, store, &enrolment);
    net.untwin(SUED, evil);
    phone
}

/// To somebody who knows Ben, the agency convicts itself by that. Hub and home server together
/// cannot keep it quiet: it is in Anna's hands.
#[test]
fn an_agency_shows_another_chain_of_a_user_who_is_known() {
    let (mut net, room) = officers(214);
    let ghost = another_ben(&mut net);
    let chain = seen(&net, ghost).chain;
    let published = net.wire.iter().filter(|(leg, _)| *leg == Leg::Up(ghost));
    let package = published.flat_map(|(_, bytes)| dig(bytes, &[2, 1, 2, 6, 1])).next().unwrap();
    answering(&mut net, vec![package], Some(chain));
    assert_eq!(invited(&mut net).1, Some(Code::Equivocation));
    net.say(BEN, room, "it is still me");
    net.settle();
    assert_eq!(net.texts(ANNA), ["it is still me"]);
    assert_eq!(net.texts(ghost), [""; 0]);
}

/// To somebody who never met Ben, it can pass another one off as him. What shows it is the safety
/// number, and whoever has met the real one.
#[test]
fn an_agency_is_believed_at_first_contact_and_no_longer() {
    let mut net = Net::new(215);
    for name in [ANNA_ID, BEN_ID, CLEO_ID] {
        net.enrol(name);
    }
    let ghost = another_ben(&mut net);
    let chain = seen(&net, ghost).chain;
    let published = net.wire.iter().filter(|(leg, _)| *leg == Leg::Up(ghost));
    let package = published.flat_map(|(_, bytes)| dig(bytes, &[2, 1, 2, 6, 1])).next().unwrap();
    answering(&mut net, vec![package], Some(chain));
    let (room, refused) = invited(&mut net);
    net.tamper = no_tampering();
    assert_eq!(refused, None);
    let ghosts = net.phones[ghost].device.clone();
    let added = |event: &Event| matches!(event, Event::MembersChanged { devices_added, .. } if devices_added.contains(&ghosts));
    assert_eq!(net.count(ANNA, added), 1);
    // Ben shows another number than Anna's device does.
    let number = |net: &Net, phone: usize, of: &str| {
        let phone = &net.phones[phone];
        phone.engine.safety_number(&phone.store, &user(of)).map(|number| number.to_string())
    };
    let real = net.room(CLEO, &[BEN_ID]);
    assert!(net.view(BEN, real).is_some());
    assert_eq!(number(&net, CLEO, BEN_ID), number(&net, BEN, CLEO_ID));
    // Cleo knows the real one. Where she meets the other, the agency is found out.
    let users = vec![user(CLEO_ID)];
    net.command(ANNA, |request| Command::Invite { request, room, users }).unwrap();
    net.wait();
    let found_out = |event: &Event| matches!(event, Event::ChainForked { .. });
    assert_eq!(net.count(CLEO, found_out), 1);
    assert!(net.view(CLEO, room).is_none(), "she does not speak with a ghost");
}

/// The hub gives a Welcome to somebody whom it was not made for.
#[test]
fn a_hub_injects_a_welcome() {
    let (mut net, room) = officers(216);
    let dora = net.enrol(DORA_ID);
    let invitation = net.wire.iter().filter(|(leg, _)| *leg == Leg::Down(BEN));
    let invitation = invitation.flat_map(|(_, bytes)| dig(bytes, &[2, 5, 2, 2])).next().unwrap();
    net.room(ANNA, &[DORA_ID]);
    net.tamper = Box::new(move |leg, bytes| {
        if *leg == Leg::Down(dora) {
            *bytes = edit(bytes, &[2, 5, 2], &mut |item| {
                if !item.all(2).is_empty() {
                    item.put(2, &invitation);
                }
            });
        }
    });
    net.room(ANNA, &[DORA_ID]);
    net.wait();
    assert!(net.view(dora, room).is_none());
    net.say(ANNA, room, "not for Dora");
    net.settle();
    assert_eq!(net.texts(dora), [""; 0]);
    assert_eq!(net.texts(BEN), ["not for Dora"]);
}

/// Hub and home server together keep a lost device in the room: the hub takes no removal, the home
/// server serves it as ever. Nobody who knows of the revocation says anything to it.
#[test]
fn hub_and_home_server_withhold_a_removal() {
    let mut net = Net::new(217);
    for name in [ANNA_ID, BEN_ID, CLEO_ID] {
        net.enrol(name);
    }
    let lost = net.enrol_further(BEN);
    [NORD, SUED, WEST].iter().for_each(|name| net.revocable(name));
    let room = net.room(ANNA, &[BEN_ID, CLEO_ID]);
    net.say(ANNA, room, "before");
    net.settle();
    // The home server as it was before the list, for later.
    let device = net.phones[lost].device.clone();
    net.revoke(SUED, Some((device.user.clone(), Some(device.id))));
    net.settle();
    for phone in [ANNA, CLEO] {
        net.resume(phone);
    }
    net.settle();
    let due = |event: &Event| matches!(event, Event::DeviceDue { device: due, .. } if *due == device);
    // From now on the hub takes nothing that anybody submits.
    net.rule = Box::new(|leg, bytes| {
        let submits = matches!(leg, Leg::Up(_)) && !dig(bytes, &[2, 2]).is_empty();
        let passed_on = matches!(leg, Leg::Frame(_, to) if to.as_str() == NORD)
            && !dig(bytes, &[2, 1, 2, 8, 1]).is_empty();
        if submits || passed_on { Fault::Lost } else { Fault::None }
    });
    let leaves = net.view(CLEO, room).unwrap().seq;
    net.say(CLEO, room, "after");
    net.say(ANNA, room, "afterwards");
    net.wait();
    assert_eq!(net.count(CLEO, due), 1);
    // What is under way is nothing but removals: neither has made a message of it.
    let said = net.wire.iter().filter(|(leg, _)| matches!(leg, Leg::Up(ANNA | CLEO)));
    let kinds: Vec<_> = said.flat_map(|(_, bytes)| dig(bytes, &[2, 2, 1, 2])).collect();
    assert!(!kinds.is_empty());
    assert_eq!((net.texts(lost), net.view(CLEO, room).unwrap().seq), (vec!["before".to_owned()], leaves));
    // When the hub gives in, the device is out before anything is said.
    net.rule = no_faults();
    net.wait();
    net.resume(lost);
    net.wait();
    assert_eq!(net.texts(lost), ["before"]);
    let mut heard = net.texts(BEN);
    heard.sort();
    assert_eq!(heard, ["after", "afterwards", "before"]);
    net.agree(room, &[ANNA, BEN, CLEO]);
}

/// An old certificate of a device, shown again after the device was given another.
#[test]
fn an_old_certificate_is_shown_again() {
    let (mut net, room) = officers(218);
    net.revocable(SUED);
    let old = seen(&net, BEN);
    let device = net.phones[BEN].device.clone();
    net.revoke(SUED, Some((device.user.clone(), Some(device.id))));
    net.settle();
    // A thief has the phone, and a server that lets it enrol under what it was once given.
    let published = net.wire.iter().filter(|(leg, _)| *leg == Leg::Up(BEN));
    let package = published.flat_map(|(_, bytes)| dig(bytes, &[2, 1, 2, 6, 1])).next().unwrap();
    net.resume(ANNA);
    net.wait();
    answering(&mut net, vec![package], Some(old.chain));
    // Anna has no need of Sued's list so far; the hub has it.
    assert_eq!(invited(&mut net).1, Some(Code::Revoked));
    net.say(ANNA, room, "without the thief");
    net.wait();
    assert_eq!(net.texts(BEN), [""; 0]);
    assert_eq!(net.texts(CLEO), ["without the thief"]);
}

/// The server in whose mailbox two devices of a user meet answers in the place of either.
#[test]
fn a_server_answers_a_link_code() {
    let (mut net, _) = officers(219);
    let show = |net: &mut Net, phone: usize| {
        let phone = &mut net.phones[phone];
        let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
        phone.engine.show_link_code(ctx).unwrap()
    };
    // It has a code of its own: that of a user whose device it has in its hands.
    let (sponsor, other) = (show(&mut net, ANNA), show(&mut net, BEN));
    let ask = |net: &mut Net, text: &str| {
        let newcomer = Newcomer::read(text, net.now).unwrap();
        let (mut engine, mut store) = (Client::new(), MemoryStore::default());
        let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
        let asked = engine.ask_to_link(ctx, newcomer, "Anna's tablet", false).unwrap();
        let (request, asking) = asked.commit(&mut store).unwrap().value;
        (engine, store, request, asking)
    };
    let (.., own, _) = ask(&mut net, &other.code().text());
    assert_eq!(sponsor.receive(&own, net.now).err().map(|e| e.code()), Some(Code::BadCiphertext));
    // And its answer to the tablet, which asked by Anna's code, is none.
    let sponsor = show(&mut net, ANNA);
    let (mut tablet, store, _, asking) = ask(&mut net, &sponsor.code().text());
    let candidate = other.receive(&own, net.now).unwrap();
    let phone = &mut net.phones[BEN];
    let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
    let answer = phone.engine.confirm_link(ctx, candidate, Confirmation::default()).unwrap();
    let answer = answer.commit(&mut phone.store).unwrap().value;
    let ctx = Ctx { now: net.now, store: &store, rng: &mut net.rng };
    let refused = tablet.linked(ctx, asking, &answer).err().map(|error| error.code());
    assert_eq!(refused, Some(Code::BadCiphertext));
}

/// What an agency can do, in the open: invent a user of its own. Whoever invites that user sees it.
#[test]
fn an_agency_invents_a_user() {
    let (mut net, _) = officers(220);
    let eve = net.enrol("eve@police.sued.example");
    let room = net.room(ANNA, &["eve@police.sued.example"]);
    assert!(net.view(eve, room).is_some());
    let joined = |event: &Event| matches!(event, Event::MembersChanged { joined, .. } if *joined == [user("eve@police.sued.example")]);
    assert_eq!(net.count(ANNA, joined), 1);
}

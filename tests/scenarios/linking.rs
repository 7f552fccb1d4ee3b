//! A user's device brings in the next one, past whoever carries the messages.

use std::time::Duration;

use crate::support::*;
use verbund::{
    client::{Admission, Client, Command, Confirmation, Event, Linked, Output, Party},
    code::Code,
    error::Result,
    identity::{Asking, Candidate, Newcomer, Sponsor},
    limits,
    store::{Ctx, MemoryStore},
};

const ANNA: usize = 0;
const BEN: usize = 1;

const ANNA_ID: &str = "anna@police.nord.example";
const BEN_ID: &str = "ben@police.sued.example";

/// A device with an engine and a store, known to nobody.
#[derive(Default)]
struct Tablet {
    engine: Client,
    store: MemoryStore,
}

fn officers(seed: u8) -> Net {
    let mut net = Net::new(seed);
    for name in [ANNA_ID, BEN_ID] {
        net.enrol(name);
    }
    net
}

impl Tablet {
    fn ask(&mut self, net: &mut Net, text: &str) -> Result<(Vec<u8>, Asking)> {
        let newcomer = Newcomer::read(text, net.now)?;
        let ctx = Ctx { now: net.now, store: &self.store, rng: &mut net.rng };
        let asked = self.engine.ask_to_link(ctx, newcomer, "Anna's tablet", false)?;
        Ok(asked.commit(&mut self.store).unwrap().value)
    }

    fn take(&mut self, net: &mut Net, asking: Asking, reply: &[u8]) -> Result<Linked> {
        let ctx = Ctx { now: net.now, store: &self.store, rng: &mut net.rng };
        Ok(self.engine.linked(ctx, asking, reply)?.commit(&mut self.store).unwrap().value)
    }

    fn enrol(&mut self, net: &mut Net, enrolment: &[u8]) -> Result<()> {
        let ctx = Ctx { now: net.now, store: &self.store, rng: &mut net.rng };
        self.engine.enrol(ctx, &net.office.federation, enrolment)?.commit(&mut self.store).unwrap();
        Ok(())
    }
}

fn show(net: &mut Net, phone: usize) -> Sponsor {
    let phone = &mut net.phones[phone];
    let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
    phone.engine.show_link_code(ctx).unwrap()
}

fn confirm(net: &mut Net, phone: usize, candidate: Candidate) -> Result<Vec<u8>> {
    let phone = &mut net.phones[phone];
    let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
    let with = Confirmation { settings: b"dark".to_vec(), ..Confirmation::default() };
    Ok(phone.engine.confirm_link(ctx, candidate, with)?.commit(&mut phone.store).unwrap().value)
}

/// A tablet that Anna's phone has endorsed, and what it was told.
fn linked(net: &mut Net) -> (Tablet, Linked) {
    let mut tablet = Tablet::default();
    let sponsor = show(net, ANNA);
    let (request, asking) = tablet.ask(net, &sponsor.code().text()).unwrap();
    let candidate = sponsor.receive(&request, net.now).unwrap();
    let reply = confirm(net, ANNA, candidate).unwrap();
    let said = tablet.take(net, asking, &reply).unwrap();
    (tablet, said)
}

fn countersign(net: &mut Net, request: &[u8]) -> Vec<u8> {
    let host = net.hosts.get_mut(&agency(NORD)).unwrap();
    host.desk.countersign(request, net.now, &mut net.rng).unwrap()
}

fn code<T>(result: Result<T>) -> Code {
    result.err().expect("a refusal").code()
}

/// SPEC V-288, V-289
#[test]
fn a_tablet_is_linked_and_knows_what_the_phone_knows() {
    let mut net = officers(90);
    let room = net.room(ANNA, &[BEN_ID]);
    net.command(ANNA, |_| Command::SetAdmission { who: Admission::Nobody }).unwrap();
    net.command(ANNA, |_| Command::Block { party: Party::Agency(agency(WEST)) }).unwrap();
    let phone = &net.phones[ANNA];
    let number = phone.engine.safety_number(&phone.store, &user(BEN_ID)).unwrap();
    net.command(ANNA, |_| Command::MarkVerified { user: user(BEN_ID), number }).unwrap();

    let mut tablet = Tablet::default();
    let sponsor = show(&mut net, ANNA);
    let text = sponsor.code().text();
    assert_eq!(Newcomer::read(&text, net.now).unwrap().user(), &user(ANNA_ID));
    let (request, asking) = tablet.ask(&mut net, &text).unwrap();
    let candidate = sponsor.receive(&request, net.now).unwrap();
    assert_eq!(candidate.name(), "Anna's tablet");
    assert_eq!(candidate.digits().to_string(), asking.digits().to_string());
    let reply = confirm(&mut net, ANNA, candidate).unwrap();
    let said = tablet.take(&mut net, asking, &reply).unwrap();
    assert_eq!((said.settings.as_slice(), said.rooms.as_slice()), (b"dark".as_slice(), [room].as_slice()));

    // The app is closed before the registrar has answered.
    tablet.engine = Client::new();
    assert_eq!(tablet.engine.enrolment_request(&tablet.store).unwrap(), Some(said.request.clone()));
    let enrolment = countersign(&mut net, &said.request);
    let Tablet { engine, store } = tablet;
    let tablet = net.take_over(engine, store, &enrolment);
    assert!(net.has(tablet, &Event::Enrolled));
    let phone = &net.phones[tablet];
    assert_eq!(phone.engine.enrolment_request(&phone.store).unwrap(), None);
    assert_eq!(phone.engine.admission(&phone.store).unwrap(), Admission::Nobody);
    assert_eq!(phone.engine.blocked(&phone.store).unwrap(), [Party::Agency(agency(WEST))]);

    // What Anna has compared holds here too, once this device has met Ben.
    assert_eq!(phone.engine.is_verified(&phone.store, &user(BEN_ID)), Ok(false));
    let later = net.room(tablet, &[BEN_ID]);
    assert!(net.view(BEN, later).is_some());
    let phone = &net.phones[tablet];
    assert_eq!(phone.engine.is_verified(&phone.store, &user(BEN_ID)), Ok(true));
    net.say(BEN, later, "hello");
    net.settle();
    assert_eq!(net.texts(tablet), ["hello"]);
}

/// SPEC V-288: a registrar that would rather enrol the tablet as somebody else of that name.
#[test]
fn enrolled_under_another_identity() {
    let mut net = officers(91);
    let (mut tablet, _) = linked(&mut net);
    // The same name in a federation that knows another Anna.
    let mut elsewhere = officers(92);
    let mut other = Tablet::default();
    let sponsor = show(&mut elsewhere, ANNA);
    let text = sponsor.code().text();
    let (request, asking) = other.ask(&mut elsewhere, &text).unwrap();
    let candidate = sponsor.receive(&request, elsewhere.now).unwrap();
    let reply = confirm(&mut elsewhere, ANNA, candidate).unwrap();
    assert_eq!(code(tablet.take(&mut net, asking, &reply)), Code::CertificateMismatch);

    // Her own desk begins a chain for the very key of the tablet.
    let device = tablet.engine.device(&tablet.store).unwrap();
    let paper = verbund::identity::SigningKey::generate(&mut net.rng);
    let recovery = vec![verbund::identity::RecoveryKey::own(&paper.verify_key())];
    let kind = verbund::identity::UserKind::Person;
    let founding = tablet.engine.found(&tablet.store, kind, recovery, net.now).unwrap();
    let host = elsewhere.hosts.get_mut(&agency(NORD)).unwrap();
    assert!(host.desk.countersign(&founding, net.now, &mut net.rng).is_err(), "she is there already");
    let mut empty = Net::new(91);
    let host = empty.hosts.get_mut(&agency(NORD)).unwrap();
    let enrolment = host.desk.countersign(&founding, net.now, &mut net.rng).unwrap();
    assert_eq!(code(tablet.enrol(&mut net, &enrolment)), Code::CertificateMismatch);
    assert!(tablet.engine.enrolment_request(&tablet.store).unwrap().is_some());
    assert_eq!(tablet.engine.device(&tablet.store).unwrap(), device);
}

/// SPEC V-286, V-288: whoever carries the messages, the own server above all.
#[test]
fn what_a_malicious_carrier_can_do() {
    let mut net = officers(93);
    // It asks itself, with all that it has: what it carries, but not the code.
    let mut server = Tablet::default();
    let sponsor = show(&mut net, ANNA);
    let own = Sponsor::open(user(ANNA_ID), net.now, &mut net.rng);
    let (request, _) = server.ask(&mut net, &own.code().text()).unwrap();
    assert_eq!(code(sponsor.receive(&request, net.now)), Code::BadCiphertext);

    // It answers itself.
    let mut tablet = Tablet::default();
    let sponsor = show(&mut net, ANNA);
    let (_, asking) = tablet.ask(&mut net, &sponsor.code().text()).unwrap();
    let (false_request, _) = server.ask(&mut net, &own.code().text()).unwrap();
    let candidate = own.receive(&false_request, net.now).unwrap();
    let false_reply = candidate.refuse().unwrap();
    assert_eq!(code(tablet.take(&mut net, asking, &false_reply)), Code::BadCiphertext);

    // It keeps what passed and brings it again.
    let sponsor = show(&mut net, ANNA);
    let (request, asking) = tablet.ask(&mut net, &sponsor.code().text()).unwrap();
    let candidate = sponsor.receive(&request, net.now).unwrap();
    let reply = confirm(&mut net, ANNA, candidate).unwrap();
    let said = tablet.take(&mut net, asking, &reply).unwrap();
    let (again, asking) = {
        let sponsor = show(&mut net, ANNA);
        let (_, asking) = tablet.ask(&mut net, &sponsor.code().text()).unwrap();
        (sponsor.receive(&request, net.now), asking)
    };
    assert_eq!(code(again), Code::BadCiphertext);
    assert_eq!(code(tablet.take(&mut net, asking, &reply)), Code::BadCiphertext);

    // It brings it too late.
    let sponsor = show(&mut net, ANNA);
    let (request, asking) = tablet.ask(&mut net, &sponsor.code().text()).unwrap();
    let late = net.now.plus(limits::LINK_STEP).plus(Duration::from_millis(1));
    assert_eq!(code(sponsor.receive(&request, late)), Code::Expired);
    net.now = net.now.plus(3 * limits::LINK_STEP);
    assert_eq!(code(tablet.take(&mut net, asking, &reply)), Code::Expired);

    // None of this has cost the tablet what it was told.
    let enrolment = countersign(&mut net, &said.request);
    tablet.enrol(&mut net, &enrolment).unwrap();
}

/// SPEC V-288
#[test]
fn the_user_says_no() {
    let mut net = officers(94);
    let mut tablet = Tablet::default();
    let sponsor = show(&mut net, ANNA);
    let (request, asking) = tablet.ask(&mut net, &sponsor.code().text()).unwrap();
    let no = sponsor.receive(&request, net.now).unwrap().refuse().unwrap();
    assert_eq!(code(tablet.take(&mut net, asking, &no)), Code::LinkRefused);
    assert_eq!(tablet.engine.enrolment_request(&tablet.store).unwrap(), None);
}

/// SPEC V-287
#[test]
fn devices_that_cannot_take_part() {
    let mut net = officers(95);
    // A device is one user's, and is linked before it is enrolled.
    let mut tablet = Tablet::default();
    let anna = show(&mut net, ANNA).code().text();
    tablet.ask(&mut net, &anna).unwrap();
    let bens = show(&mut net, BEN).code().text();
    assert_eq!(code(tablet.ask(&mut net, &bens)), Code::CertificateMismatch);
    let (mut tablet, said) = linked(&mut net);
    let enrolment = countersign(&mut net, &said.request);
    tablet.enrol(&mut net, &enrolment).unwrap();
    let text = show(&mut net, ANNA).code().text();
    assert_eq!(code(tablet.ask(&mut net, &text)), Code::BadArgument);

    // Nobody confirms for another user, or before they are enrolled themselves.
    let sponsor = show(&mut net, ANNA);
    let (request, _) = Tablet::default().ask(&mut net, &sponsor.code().text()).unwrap();
    let candidate = sponsor.receive(&request, net.now).unwrap();
    assert_eq!(code(confirm(&mut net, BEN, candidate)), Code::CertificateMismatch);
    let mut nobody = Tablet::default();
    let ctx = Ctx { now: net.now, store: &nobody.store, rng: &mut net.rng };
    assert_eq!(code(nobody.engine.show_link_code(ctx)), Code::NotReady);
}

#[test]
fn settings_have_a_bound() {
    let mut net = officers(96);
    let sponsor = show(&mut net, ANNA);
    let (request, _) = Tablet::default().ask(&mut net, &sponsor.code().text()).unwrap();
    let candidate = sponsor.receive(&request, net.now).unwrap();
    let phone = &mut net.phones[ANNA];
    let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
    let with = Confirmation { settings: vec![0; limits::LINK_SETTINGS + 1], ..Confirmation::default() };
    assert_eq!(code(phone.engine.confirm_link(ctx, candidate, with)), Code::TooLong);
}

/// A letter out of a mailbox.
type Letter = std::result::Result<Option<Vec<u8>>, Code>;

/// Brings what an engine sends to the server, and the answer back.
fn exchange(net: &mut Net, engine: &mut Client, store: &mut MemoryStore, outputs: Vec<Output>) -> Letter {
    let [Output::Send { bytes, .. }] = outputs.as_slice() else { panic!("{outputs:?}") };
    let host = net.hosts.get_mut(&agency(NORD)).unwrap();
    let ctx = Ctx { now: net.now, store: &host.store, rng: &mut net.rng };
    let reply = host.engine.device(ctx, bytes).unwrap().commit(&mut host.store).unwrap().value.bytes;
    let ctx = Ctx { now: net.now, store, rng: &mut net.rng };
    let outputs = engine.receive(ctx, &reply).unwrap().commit(store).unwrap().outputs;
    let [Output::Letter { letter, .. }] = outputs.as_slice() else { panic!("{outputs:?}") };
    letter.as_ref().map(|letter| letter.as_ref().map(|bytes| bytes.to_vec())).map_err(|code| *code)
}

impl Tablet {
    fn guest(&mut self, net: &mut Net, mailbox: [u8; 16], request: Option<&[u8]>) -> Letter {
        let ctx = Ctx { now: net.now, store: &self.store, rng: &mut net.rng };
        let sent = self.engine.guest_mailbox(ctx, mailbox, request).unwrap();
        let outputs = sent.commit(&mut self.store).unwrap().outputs;
        exchange(net, &mut self.engine, &mut self.store, outputs)
    }
}

fn host(net: &mut Net, mailbox: [u8; 16], reply: Option<&[u8]>) -> Letter {
    let mut phone = net.phones.remove(ANNA);
    let ctx = Ctx { now: net.now, store: &phone.store, rng: &mut net.rng };
    let sent = phone.engine.host_mailbox(ctx, mailbox, reply).unwrap();
    let outputs = sent.commit(&mut phone.store).unwrap().outputs;
    let letter = exchange(net, &mut phone.engine, &mut phone.store, outputs);
    net.phones.insert(ANNA, phone);
    letter
}

/// SPEC V-286
#[test]
fn over_the_own_server() {
    let mut net = officers(97);
    let mut tablet = Tablet::default();
    let sponsor = show(&mut net, ANNA);
    let mailbox = sponsor.code().mailbox();
    assert_eq!(host(&mut net, mailbox, None), Ok(None));
    let (request, asking) = tablet.ask(&mut net, &sponsor.code().text()).unwrap();
    assert_eq!(asking.mailbox(), mailbox);
    assert_eq!(tablet.guest(&mut net, mailbox, Some(&request)), Ok(None));
    // Somebody who photographed the code comes too late, and the other way round is told.
    let mut thief = Tablet::default();
    let (other, _) = thief.ask(&mut net, &sponsor.code().text()).unwrap();
    assert_eq!(thief.guest(&mut net, mailbox, Some(&other)), Err(Code::LinkOver));

    let got = host(&mut net, mailbox, None).unwrap().unwrap();
    assert_eq!(got, request);
    let candidate = sponsor.receive(&got, net.now).unwrap();
    assert_eq!(tablet.guest(&mut net, mailbox, None), Ok(None), "not yet");
    let reply = confirm(&mut net, ANNA, candidate).unwrap();
    assert_eq!(host(&mut net, mailbox, Some(&reply)), Ok(None));
    let got = tablet.guest(&mut net, mailbox, None).unwrap().unwrap();
    let said = tablet.take(&mut net, asking, &got).unwrap();
    let enrolment = countersign(&mut net, &said.request);
    tablet.enrol(&mut net, &enrolment).unwrap();

    // The mailbox goes by itself.
    net.pass(limits::MAILBOX_KEPT);
    assert_eq!(tablet.guest(&mut net, mailbox, None), Err(Code::UnknownMailbox));
}

/// SPEC V-381: what the phone told it of, the tablet comes into by itself where the phone does not
/// bring it: that one is off.
#[test]
fn a_linked_tablet_comes_into_its_users_rooms() {
    let mut net = officers(98);
    let own = net.room(ANNA, &[BEN_ID]);
    let others = net.room(BEN, &[ANNA_ID]);
    let (tablet, said) = linked(&mut net);
    assert_eq!(said.rooms.len(), 2);
    net.phones[ANNA].online = false;
    let enrolment = countersign(&mut net, &said.request);
    let Tablet { engine, store } = tablet;
    let tablet = net.take_over(engine, store, &enrolment);
    assert!(net.view(tablet, own).is_none());
    net.idle(Duration::from_secs(180));
    for room in [own, others] {
        let view = net.view(tablet, room).expect("in the room");
        assert_eq!(view.name.as_deref(), Some("Red bicycle"));
        net.say(BEN, room, "welcome");
        net.say(tablet, room, "thanks");
        net.settle();
    }
    assert_eq!(net.texts(tablet), ["welcome", "welcome"]);
    assert_eq!(net.count(tablet, |e| matches!(e, Event::NotJoined { .. })), 0);
    net.phones[ANNA].online = true;
    net.restart(ANNA);
    net.wait();
    for room in [own, others] {
        net.agree(room, &[ANNA, BEN, tablet]);
    }
    assert_eq!(
        net.count(tablet, |e| matches!(e, Event::Rejoined { .. } | Event::InvitationFailed { .. })),
        0
    );
}

/// A device that is linked and then never enrolled is waited for, and nothing is kept of that.
#[test]
fn a_device_that_never_comes_leaves_nothing_behind() {
    let mut net = officers(98);
    net.room(ANNA, &[BEN_ID]);
    linked(&mut net);
    let rows = |net: &Net| net.phones[ANNA].store.rows().filter(|(key, _)| key.starts_with(b"q/")).count();
    let (before, from) = (rows(&net), net.wire.len());
    for _ in 0..12 {
        net.pass(Duration::from_secs(3_600));
    }
    // It has asked for news, and again and again for the other device's keys.
    let asked = net.wire[from..].iter().filter(|(leg, _)| *leg == Leg::Up(ANNA)).count();
    assert!(asked > 20, "{asked}");
    assert_eq!(rows(&net), before);
}

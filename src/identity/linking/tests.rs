use core::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    Asking, Candidate, HandedHistory, Handover, LinkCode, LinkDigits, LinkReply, LinkRequest, Newcomer,
    Sponsor,
    code::{base32, from_base32},
};
use crate::{
    code::Code,
    error::Result,
    identity::{
        NewDevice, SigningKey, UserChain, UserKind,
        fixture::{TestDevice, TestFederation, now, rng, user},
    },
    ids::{Hash, RoomId},
    limits,
    time::Timestamp,
    wire,
};

const STEP: Duration = limits::LINK_STEP;
const SOON: Duration = Duration::from_secs(20);

/// Anna's phone and chain, and a tablet that is to be hers.
struct Desk {
    federation: TestFederation,
    phone: TestDevice,
    chain: UserChain,
    tablet: NewDevice,
}

fn desk() -> Desk {
    let mut federation = TestFederation::new();
    let phone = federation.person("anna@a.example", 1);
    let chain = federation.chain(&phone);
    let tablet = NewDevice::generate(user("anna@a.example"), &mut rng(2));
    Desk { federation, phone, chain, tablet }
}

fn later(by: Duration) -> Timestamp {
    now().plus(by)
}

fn handover() -> Handover {
    Handover {
        request: Bytes::new(),
        identity: Hash::from_bytes([0; 32]),
        settings: b"dark".to_vec(),
        rooms: vec![RoomId::from_bytes([1; 16]), RoomId::from_bytes([2; 16])],
        admission: 3,
        blocked: vec!["b.example".into(), "ben@b.example".into()],
        verified: vec![(user("carl@c.example"), vec![7; 65].into())],
        history: None,
    }
}

/// What was said in some rooms.
fn history(rooms: &[u8]) -> Option<HandedHistory> {
    let rooms = rooms.iter().map(|room| RoomId::from_bytes([*room; 16])).collect();
    Some(HandedHistory { file: Bytes::from_static(b"file"), rooms })
}

fn code<T>(result: Result<T>) -> Code {
    result.err().expect("a refusal").code()
}

impl Desk {
    fn sponsor(&self, seed: u8) -> Sponsor {
        Sponsor::open(self.phone.verified.user().clone(), now(), &mut rng(seed))
    }

    fn ask(&self, sponsor: &Sponsor) -> (Vec<u8>, Asking) {
        self.ask_with(&sponsor.code().text())
    }

    fn ask_with(&self, text: &str) -> (Vec<u8>, Asking) {
        Newcomer::read(text, now())
            .unwrap()
            .ask(&self.tablet, ("Anna's tablet", false), later(SOON), &mut rng(9))
            .unwrap()
    }

    fn confirm(&self, candidate: Candidate) -> Vec<u8> {
        candidate.confirm(&self.chain, self.phone.new.key(), (None, handover()), later(2 * SOON)).unwrap()
    }

    /// Both ends, as far as the reply.
    fn answered(&self) -> (Asking, Vec<u8>) {
        let sponsor = self.sponsor(3);
        let (request, asking) = self.ask(&sponsor);
        let candidate = sponsor.receive(&request, later(SOON)).unwrap();
        assert_eq!(candidate.digits(), asking.digits());
        (asking, self.confirm(candidate))
    }
}

#[test]
fn a_new_device_is_linked_and_enrolled() {
    let mut desk = desk();
    let sponsor = desk.sponsor(3);
    let text = sponsor.code().text();
    let newcomer = Newcomer::read(&text.to_lowercase(), now()).unwrap();
    assert_eq!(newcomer.user(), desk.chain.user());
    let (request, asking) =
        newcomer.ask(&desk.tablet, ("Anna's tablet", false), later(SOON), &mut rng(9)).unwrap();
    assert_eq!(asking.mailbox(), sponsor.code().mailbox());

    let candidate = sponsor.receive(&request, later(SOON)).unwrap();
    assert_eq!((candidate.device(), candidate.name()), (desk.tablet.device(), "Anna's tablet"));
    let digits = candidate.digits().to_string();
    assert_eq!(digits, asking.digits().to_string());
    assert_eq!(digits.split(' ').map(str::len).collect::<Vec<_>>(), [5; 4]);

    let reply = desk.confirm(candidate);
    let said = asking.receive(&desk.tablet, &reply, later(3 * SOON)).unwrap();
    let expected = Handover { request: said.request.clone(), identity: *desk.chain.identity(), ..handover() };
    assert_eq!(said, expected);
    let (enrolment, verified) = desk.federation.agencies[0].enrol(&said.request).unwrap();
    assert_eq!(verified.device(), desk.tablet.device());
    assert_eq!(verified.identity(), &said.identity);
    enrolment.verify(&desk.federation.anchor, now()).unwrap();
}

/// SPEC V-284
#[test]
fn codes_that_are_none() {
    let desk = desk();
    let text = desk.sponsor(3).code().text();
    let read = LinkCode::parse(&text).unwrap();
    assert_eq!((read.user(), &*read.text()), (desk.chain.user(), &*text));
    // Each has a mailbox of its own.
    let mailbox = |seed| desk.sponsor(seed).code().mailbox();
    assert_eq!((mailbox(3), read.mailbox() == mailbox(4)), (read.mailbox(), false));
    assert_eq!(code(LinkCode::parse("")), Code::Malformed);
    let bytes = from_base32(&text).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.to_vec();
        change(&mut bytes);
        code(LinkCode::parse(&base32(&bytes)))
    };
    assert_eq!(changed(&|bytes| bytes[0] = 2), Code::UnknownVersion);
    for cut in [1, 32, 33, 64] {
        assert_eq!(changed(&|bytes| bytes.truncate(cut)), Code::Malformed, "{cut}");
    }
    assert_eq!(changed(&|bytes| bytes.truncate(65)), Code::BadName, "no user");
    assert_eq!(changed(&|bytes| bytes.push(b'!')), Code::BadName);
    assert_eq!(changed(&|bytes| bytes.push(0xff)), Code::Malformed);
    assert_eq!(changed(&|bytes| bytes[1..33].fill(0)), Code::BadKey);
    assert_eq!(code(LinkCode::parse(&text.replace(|_| true, "8"))), Code::Malformed);
}

/// SPEC V-285
#[test]
fn expired_at_every_step() {
    let desk = desk();
    let late = STEP + Duration::from_millis(1);
    let before = now().minus(Duration::from_millis(1));
    let tablet = &desk.tablet;

    let read = |at| {
        Newcomer::read(&desk.sponsor(3).code().text(), now()).unwrap().ask(
            tablet,
            ("t", false),
            at,
            &mut rng(9),
        )
    };
    assert!(read(later(STEP)).is_ok());
    assert_eq!(code(read(later(late))), Code::Expired);
    assert_eq!(code(read(before)), Code::Expired);

    let (request, _) = desk.ask(&desk.sponsor(3));
    assert!(desk.sponsor(3).receive(&request, later(STEP)).is_ok());
    assert_eq!(code(desk.sponsor(3).receive(&request, later(late))), Code::Expired);
    assert_eq!(code(desk.sponsor(3).receive(&request, before)), Code::Expired);

    let confirm = |at| {
        let candidate = desk.sponsor(3).receive(&request, now()).unwrap();
        candidate.confirm(&desk.chain, desk.phone.new.key(), (None, handover()), at)
    };
    assert!(confirm(later(STEP)).is_ok());
    assert_eq!(code(confirm(later(late))), Code::Expired);
    assert_eq!(code(confirm(before)), Code::Expired);

    // The new device waits for both steps of the other one.
    let receive = |wait| {
        let (asking, reply) = desk.answered();
        asking.receive(&desk.tablet, &reply, later(SOON).plus(wait))
    };
    assert!(receive(2 * STEP).is_ok());
    assert_eq!(code(receive(STEP + late)), Code::Expired);
}

/// SPEC V-286: whoever does not know the whole code.
#[test]
fn wrong_key_secret_or_user() {
    let desk = desk();
    let refused = |text: &str| {
        let (request, asking) = desk.ask_with(text);
        assert_eq!(code(desk.sponsor(3).receive(&request, later(SOON))), Code::BadCiphertext);
        // Nor does such a device take the answer to another one.
        let (_, reply) = desk.answered();
        assert_eq!(code(asking.receive(&desk.tablet, &reply, later(3 * SOON))), Code::BadCiphertext);
    };
    let bytes = |seed| from_base32(&desk.sponsor(seed).code().text()).unwrap().to_vec();
    let (right, other) = (bytes(3), bytes(4));
    let (user_and_secret, key) = (33..right.len(), 1..33);
    assert!(right[33..65] != other[33..65]);
    refused(&base32(&other));
    refused(&base32(&[&right[..33], &other[33..65], &right[65..]].concat()));
    refused(&base32(&[&right[..1], &other[key], &right[user_and_secret]].concat()));
    // The user is part of it, though the key and the secret are right.
    let ben = NewDevice::generate(user("ben@a.example"), &mut rng(7));
    let renamed = base32(&[&right[..65], b"ben@a.example"].concat());
    let newcomer = Newcomer::read(&renamed, now()).unwrap();
    let (request, _) = newcomer.ask(&ben, ("t", false), now(), &mut rng(9)).unwrap();
    assert_eq!(code(desk.sponsor(3).receive(&request, later(SOON))), Code::BadCiphertext);
}

/// SPEC V-286: nothing but the request, and nothing twice.
#[test]
fn reflected_replayed_and_other_messages() {
    let desk = desk();
    let (asking, reply) = desk.answered();
    let sponsor = desk.sponsor(3);
    let (request, other) = desk.ask(&sponsor);
    // To whom it came from.
    assert_eq!(code(asking.receive(&desk.tablet, &request, later(SOON))), Code::NotCanonical);
    assert_eq!(code(sponsor.receive(&reply, later(SOON))), Code::NotCanonical);
    // From another session to this one: a code of its own each time.
    assert_eq!(code(desk.sponsor(4).receive(&request, later(SOON))), Code::BadCiphertext);
    let fresh = desk.sponsor(5);
    let (_, waiting) = desk.ask(&fresh);
    assert_eq!(code(waiting.receive(&desk.tablet, &reply, later(SOON))), Code::BadCiphertext);
    drop(other);
    // Nothing at all.
    assert_eq!(code(desk.sponsor(3).receive(&[], later(SOON))), Code::UnknownVersion);
}

/// SPEC V-287
#[test]
fn offers_that_are_not_this_users() {
    let desk = desk();
    let sponsor = desk.sponsor(3);
    let ben = NewDevice::generate(user("ben@a.example"), &mut rng(7));
    let read = || Newcomer::read(&sponsor.code().text(), now()).unwrap();
    assert_eq!(code(read().ask(&ben, ("t", false), now(), &mut rng(9))), Code::CertificateMismatch);
    // By a device that does not check, over the same code.
    let forged = |offer: Vec<u8>, name: &str| {
        let introduction =
            super::message::Introduction { offer: offer.into(), name: name.into(), history: false };
        let code = sponsor.code();
        let plain = wire::encode_body(&introduction);
        let sealed = code.key().seal_psk(&code.psk(), code.info().as_bytes(), &plain, &mut rng(8)).unwrap();
        let enc = Bytes::copy_from_slice(&sealed.enc);
        let request = wire::encode(&LinkRequest { enc, sealed: sealed.ciphertext.into() });
        desk.sponsor(3).receive(&request, later(SOON)).map(drop)
    };
    assert_eq!(forged(desk.tablet.offer(now()), "t"), Ok(()));
    assert_eq!(code(forged(ben.offer(now()), "t")), Code::CertificateMismatch);
    let mut unsigned = desk.tablet.offer(now());
    *unsigned.last_mut().unwrap() ^= 1;
    assert_eq!(code(forged(unsigned, "t")), Code::BadSignature);
    assert_eq!(code(forged(vec![1], "t")), Code::Malformed);
    for bad in ["", " ", "a\nb", "a\u{1b}[2J"] {
        assert_eq!(code(forged(desk.tablet.offer(now()), bad)), Code::BadField, "{bad:?}");
        assert_eq!(code(read().ask(&desk.tablet, (bad, false), now(), &mut rng(9))), Code::BadField);
    }
    assert_eq!(code(forged(desk.tablet.offer(now()), &"a".repeat(254))), Code::TooLong);
    assert_eq!(code(read().ask(&desk.tablet, (&"a".repeat(254), false), now(), &mut rng(9))), Code::TooLong);
}

/// SPEC V-288
#[test]
fn refused_or_for_another_device() {
    let desk = desk();
    let sponsor = desk.sponsor(3);
    let (request, asking) = desk.ask(&sponsor);
    let no = sponsor.receive(&request, later(SOON)).unwrap().refuse().unwrap();
    assert_eq!(code(asking.receive(&desk.tablet, &no, later(SOON))), Code::LinkRefused);

    // The other device endorses something else than it was asked to.
    let answer = |of: &dyn Fn(&Candidate) -> Bytes| {
        let sponsor = desk.sponsor(3);
        let (request, asking) = desk.ask(&sponsor);
        let candidate = sponsor.receive(&request, later(SOON)).unwrap();
        let request = of(&candidate);
        let answer = super::message::Answer::Welcome(Box::new(Handover { request, ..handover() }));
        asking.receive(&desk.tablet, &candidate.answer(&answer).unwrap(), later(SOON)).map(drop)
    };
    let key = desk.phone.new.key();
    let good = |offer: &[u8], key: &SigningKey| Bytes::from(desk.chain.endorse(offer, key, now()).unwrap());
    assert_eq!(answer(&|candidate| good(&candidate.offer, key)), Ok(()));
    let stranger = NewDevice::generate(user("anna@a.example"), &mut rng(6));
    assert_eq!(code(answer(&|_| good(&stranger.offer(now()), key))), Code::CertificateMismatch);
    let founds = || {
        let paper = crate::identity::RecoveryKey::own(&crate::identity::fixture::key(99).verify_key());
        Bytes::from(desk.tablet.found(UserKind::Person, vec![paper], now()).unwrap())
    };
    assert_eq!(code(answer(&|_| founds())), Code::CertificateMismatch, "a chain of its own");
    assert_eq!(code(answer(&|_| Bytes::from_static(b"x"))), Code::Malformed);
    // What is neither yes nor no cannot be said, and a device without the chain cannot say yes.
    let candidate = |seed| {
        let sponsor = desk.sponsor(seed);
        let (request, _) = desk.ask(&sponsor);
        sponsor.receive(&request, later(SOON)).unwrap()
    };
    let by = |key: &SigningKey| code(candidate(3).confirm(&desk.chain, key, (None, handover()), later(SOON)));
    assert_eq!(by(stranger.key()), Code::BrokenChain);
}

/// What is told to the new device keeps its bounds and orders.
#[test]
fn handovers_that_are_none() {
    let good = Handover { request: Bytes::from_static(b"r"), ..handover() };
    let read = |handover: &Handover| wire::decode_body::<Handover>(&wire::encode_body(handover)).map(drop);
    assert_eq!(read(&good), Ok(()));
    let turned = |mut rooms: Vec<RoomId>| {
        rooms.reverse();
        rooms
    };
    let bad = [
        (Handover { request: Bytes::new(), ..good.clone() }, Code::BadField),
        (Handover { settings: vec![0; limits::LINK_SETTINGS + 1], ..good.clone() }, Code::TooLong),
        (Handover { rooms: turned(good.rooms.clone()), ..good.clone() }, Code::BadField),
        (Handover { rooms: vec![good.rooms[0]; 2], ..good.clone() }, Code::BadField),
        (Handover { admission: 4, ..good.clone() }, Code::BadField),
        (Handover { blocked: vec!["nobody".into()], ..good.clone() }, Code::BadName),
        (Handover { blocked: vec!["b.example".into(); 2], ..good.clone() }, Code::BadField),
        (
            Handover { verified: vec![(user("carl@c.example"), vec![7; 64].into())], ..good.clone() },
            Code::BadField,
        ),
        (
            Handover { verified: [good.verified.clone(), good.verified.clone()].concat(), ..good.clone() },
            Code::BadField,
        ),
        // V-383: of no room, of one twice, in another order, of one that it is not told of; no file.
        (Handover { history: history(&[]), ..good.clone() }, Code::BadField),
        (Handover { history: history(&[1, 1]), ..good.clone() }, Code::BadField),
        (Handover { history: history(&[2, 1]), ..good.clone() }, Code::BadField),
        (Handover { history: history(&[1, 3]), ..good.clone() }, Code::BadField),
    ];
    for (handover, expected) in bad {
        assert_eq!(code(read(&handover)), expected);
    }
    let with_file = |file: Bytes| {
        let history = history(&[1, 2]).map(|history| HandedHistory { file, ..history });
        read(&Handover { history, ..good.clone() })
    };
    assert_eq!(with_file(Bytes::from(vec![1; limits::LINK_FILE])), Ok(()));
    assert_eq!(code(with_file(Bytes::from(vec![1; limits::LINK_FILE + 1]))), Code::TooLong);
    assert_eq!(code(with_file(Bytes::new())), Code::BadField);
}

/// SPEC V-382
#[test]
fn history_comes_to_whoever_asked() {
    let desk = desk();
    for asks in [true, false] {
        let sponsor = desk.sponsor(3);
        let newcomer = Newcomer::read(&sponsor.code().text(), now()).unwrap();
        let (request, asking) = newcomer.ask(&desk.tablet, ("t", asks), now(), &mut rng(9)).unwrap();
        let candidate = sponsor.receive(&request, now()).unwrap();
        assert_eq!(candidate.asks_history(), asks);
        let said = Handover { history: history(&[1]), ..handover() };
        let reply = candidate.confirm(&desk.chain, desk.phone.new.key(), (None, said), now()).unwrap();
        let taken = asking.receive(&desk.tablet, &reply, now());
        match asks {
            true => assert_eq!(taken.unwrap().history, history(&[1])),
            false => assert_eq!(code(taken), Code::BadField),
        }
    }
}

/// SPEC V-286, V-288: one changed bit anywhere.
#[test]
fn no_byte_of_either_message_can_be_changed() {
    let desk = desk();
    let (request, _) = desk.ask(&desk.sponsor(3));
    let (_, reply) = desk.answered();
    proptest!(ProptestConfig::with_cases(128), |(place in any::<prop::sample::Index>(), bit in 0_u8..8)| {
        let mut bytes = request.clone();
        bytes[place.index(request.len())] ^= 1 << bit;
        prop_assert!(desk.sponsor(3).receive(&bytes, later(SOON)).is_err());
        let (asking, mut bytes) = desk.answered();
        prop_assert_eq!(&bytes, &reply);
        bytes[place.index(reply.len())] ^= 1 << bit;
        prop_assert!(asking.receive(&desk.tablet, &bytes, later(3 * SOON)).is_err());
    });
}

/// SPEC V-286: the answer is bound to the request as it went, not only to its keys.
#[test]
fn the_answer_to_a_request_that_was_changed_on_its_way() {
    let desk = desk();
    let sponsor = desk.sponsor(3);
    let (request, asking) = desk.ask(&sponsor);
    let mut candidate = sponsor.receive(&request, later(SOON)).unwrap();
    candidate.channel.request = Hash::from_bytes([0; 32]);
    assert_ne!(candidate.digits(), asking.digits());
    let reply = desk.confirm(candidate);
    assert_eq!(code(asking.receive(&desk.tablet, &reply, later(SOON))), Code::BadCiphertext);
    assert!(wire::decode::<LinkReply>(&reply.into()).is_ok());
}

/// V-289: somebody between the two, who has made a code of their own out of the one that was
/// typed, cannot make both show the same digits.
#[test]
fn digits_tell_two_sessions_apart() {
    let desk = desk();
    let (anna, mallory) = (desk.sponsor(3), desk.sponsor(4));
    let (_, tablet) = desk.ask(&mallory);
    let (request, _) = desk.ask(&anna);
    let candidate = anna.receive(&request, later(SOON)).unwrap();
    assert_ne!(candidate.digits(), tablet.digits());
}

/// Each group is five bytes, big-endian, modulo 100,000.
#[test]
fn digits_are_those_of_their_bytes() {
    let digits = LinkDigits([0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 1, 0x86, 0xa1, 7, 255, 255, 255, 255, 255]);
    assert_eq!(digits.to_string(), "00258 67296 00263 27775");
}
